//! Limits and interruptions as clients see them: KILL, time, memory, the queue, what changes under a query.

use lakefront::clock::Clock;
use lakefront::config::Config;
use mysql_async::prelude::Queryable;
use mysql_async::{Conn, Error, Row};

use crate::fixture;
use crate::server::TestServer;

/// A query over 10¹² rows, which ends only by being stopped.
const ENDLESS: &str =
    "SELECT MAX(a.n + d.n) FROM lake.numbers a, lake.numbers b, lake.numbers c, lake.numbers d";

async fn server(change: impl FnOnce(&mut Config)) -> (crate::server::Lake, TestServer) {
    let lake = fixture::lake();
    let mut config = lake.config();
    change(&mut config);
    let server = TestServer::start_with(config, Clock::system()).await;
    (lake, server)
}

/// The MySQL number of a failure.
fn code<T: std::fmt::Debug>(outcome: Result<T, Error>) -> u16 {
    match outcome {
        Err(Error::Server(error)) => error.code,
        other => panic!("an error of the server was due, not {other:?}"),
    }
}

/// Waits until another connection's statement is in a state, and answers with its id.
async fn wait_for(observer: &mut Conn, statement: &str, state: &str) -> u64 {
    loop {
        let rows: Vec<Row> = observer.query("SHOW FULL PROCESSLIST").await.unwrap();
        for row in rows {
            let info: Option<String> = row.get("Info").unwrap();
            let at: Option<String> = row.get("State").unwrap();
            if info.as_deref() == Some(statement) && at.as_deref() == Some(state) {
                return row.get("Id").unwrap();
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn kill_query_ends_the_statement_and_kill_connection_the_connection() {
    let (_lake, server) = server(|_| {}).await;
    let mut observer = server.connect().await;

    let mut victim = server.connect().await;
    let running = tokio::spawn(async move {
        let outcome = victim.query_drop(ENDLESS).await;
        (code(outcome), victim)
    });
    let id = wait_for(&mut observer, ENDLESS, "executing").await;
    observer.query_drop(format!("KILL /*!50000 QUERY */ {id}")).await.unwrap();
    let (code_of_victim, mut victim) = running.await.unwrap();
    assert_eq!(code_of_victim, 1317);
    let alive: Option<u64> = victim.query_first("SELECT CONNECTION_ID()").await.unwrap();
    assert_eq!(alive, Some(id));

    let running = tokio::spawn(async move { victim.query_drop(ENDLESS).await });
    wait_for(&mut observer, ENDLESS, "executing").await;
    observer.query_drop(format!("KILL {id}")).await.unwrap();
    assert!(running.await.unwrap().is_err());
    assert_eq!(code(observer.query_drop(format!("KILL {id}")).await), 1094);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_leaves_takes_its_query_with_it() {
    let (_lake, server) = server(|config| config.max_running_queries = Some(1)).await;
    let mut observer = server.connect().await;
    // With its runtime the driver's sockets are closed, without a word to the server.
    let leaving = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    let options = server.options();
    leaving.spawn(async move { Conn::new(options).await.unwrap().query_drop(ENDLESS).await });
    wait_for(&mut observer, ENDLESS, "executing").await;
    leaving.shutdown_background();
    // There is one turn only: this waits until the other query's is free.
    let count: Option<u64> = observer.query_first("SELECT COUNT(*) FROM lake.numbers").await.unwrap();
    assert_eq!(count, Some(1_000));
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn max_execution_time_ends_a_query() {
    let (_lake, server) = server(|_| {}).await;
    let mut client = server.connect().await;
    client.query_drop("SET max_execution_time = 50").await.unwrap();
    assert_eq!(code(client.query_drop(ENDLESS).await), 3024);
    client.query_drop("SET max_execution_time = DEFAULT").await.unwrap();
    let one: Option<u8> = client.query_first("SELECT 1").await.unwrap();
    assert_eq!(one, Some(1));
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_queue_refuses_what_reads_tables_and_nothing_else() {
    let (_lake, server) = server(|config| {
        config.max_running_queries = Some(1);
        config.max_queued_queries = 0;
    })
    .await;
    let mut observer = server.connect().await;
    let mut busy = server.connect().await;
    let running = tokio::spawn(async move { busy.query_drop(ENDLESS).await });
    let id = wait_for(&mut observer, ENDLESS, "executing").await;

    assert_eq!(code(observer.query_drop("SELECT COUNT(*) FROM lake.numbers").await), 1203);
    let one: Option<u8> = observer.query_first("SELECT 1").await.unwrap();
    assert_eq!(one, Some(1));

    observer.query_drop(format!("KILL QUERY {id}")).await.unwrap();
    assert_eq!(code(running.await.unwrap()), 1317);
    let count: Option<u64> = observer.query_first("SELECT COUNT(*) FROM lake.numbers").await.unwrap();
    assert_eq!(count, Some(1_000));
    server.stop().await;
}

/// Two run, four wait, and who comes then is told so at once; what needs no turn is answered meanwhile.
#[tokio::test(flavor = "multi_thread")]
async fn a_flood_of_queries_is_a_bounded_queue() {
    const CLIENTS: usize = 40;
    let (_lake, server) = server(|config| {
        config.max_running_queries = Some(2);
        config.max_queued_queries = 4;
    })
    .await;
    let mut observer = server.connect().await;
    let mut flood = tokio::task::JoinSet::new();
    for _ in 0..CLIENTS {
        let mut client = server.connect().await;
        flood.spawn(async move { code(client.query_drop(ENDLESS).await) });
    }
    for _ in 6..CLIENTS {
        assert_eq!(flood.join_next().await.unwrap().unwrap(), 1203);
    }
    let one: Option<u8> = observer.query_first("SELECT 1").await.unwrap();
    assert_eq!(one, Some(1));

    let processes: Vec<Row> = observer.query("SHOW FULL PROCESSLIST").await.unwrap();
    for process in processes {
        let (id, info): (u64, Option<String>) = (process.get("Id").unwrap(), process.get("Info").unwrap());
        if info.as_deref() == Some(ENDLESS) {
            observer.query_drop(format!("KILL QUERY {id}")).await.unwrap();
        }
    }
    while let Some(outcome) = flood.join_next().await {
        assert_eq!(outcome.unwrap(), 1317);
    }
    let count: Option<u64> = observer.query_first("SELECT COUNT(*) FROM lake.numbers").await.unwrap();
    assert_eq!(count, Some(1_000));
    server.stop().await;
}

/// Small statements that would need all memory or all time are bounded by limits of their own.
#[tokio::test(flavor = "multi_thread")]
async fn small_statements_with_huge_answers_end_soon() {
    let (_lake, server) = server(|config| config.memory = "256MiB".parse().unwrap()).await;
    let mut client = server.connect().await;
    client.query_drop("SET max_execution_time = 60000").await.unwrap();
    let repeated = |part: &str, times: usize| part.repeat(times);
    // Each with the numbers of the errors that it may end with.
    let statements: [(String, &[u16]); 10] = [
        ("SELECT LENGTH(REPEAT('x', 1000000000))".into(), &[]),
        ("SELECT LENGTH(SPACE(1000000000)), LENGTH(LPAD('', 1000000000, 'x'))".into(), &[]),
        ("SELECT LENGTH(REPLACE(REPEAT('x', 60000000), 'x', REPEAT('y', 1000)))".into(), &[1038, 1301]),
        ("SELECT LENGTH(GROUP_CONCAT(REPEAT('x', 100000))) FROM lake.numbers".into(), &[]),
        ("SELECT REPEAT('a', 100000) REGEXP '(a+)+$', REPEAT('a', 100000) REGEXP '(a|a)*b'".into(), &[]),
        ("SELECT 'a' REGEXP '((a{1000}){1000}){1000}'".into(), &[1139, 3699, 3700]),
        (format!("SELECT 'a' REGEXP '{}'", repeated("(", 10_000)), &[1139, 3691, 3700]),
        (format!("SELECT REPEAT('a', 10000) LIKE '{}b'", repeated("%a", 2_000)), &[]),
        (format!("SELECT COUNT(*) FROM lake.words WHERE word LIKE '{}'", repeated("%", 100_000)), &[]),
        (
            format!(
                "SELECT LENGTH(FORMAT(1, 30)), LENGTH(DATE_FORMAT(NOW(), '{}'))",
                repeated("%W", 100_000)
            ),
            &[],
        ),
    ];
    for (statement, errors) in statements {
        let outcome: Result<Vec<Row>, Error> = client.query(&statement).await;
        if outcome.is_err() {
            let code = code(outcome);
            assert!(errors.contains(&code), "{code} for {}", &statement[..70.min(statement.len())]);
        }
    }
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_does_not_fit_into_memory_spills_or_fails_cleanly() {
    let (_lake, server) = server(|config| config.memory = "256MiB".parse().unwrap()).await;
    let mut client = server.connect().await;
    let million = "(SELECT a.n * 1000 + b.n AS k FROM lake.numbers a, lake.numbers b)";

    // A sort of a million rows.
    let sorted = format!("SELECT k FROM {million} x ORDER BY k % 7, k DESC LIMIT 1 OFFSET 999999");
    let last: Option<u64> = client.query_first(sorted).await.unwrap();
    assert_eq!(last, Some(6));

    // A hash table of a million rows does not fit; joining by sorting does.
    let joined = format!("SELECT COUNT(*) FROM {million} x JOIN {million} y ON x.k = y.k");
    let rows: Option<u64> = client.query_first(joined).await.unwrap();
    assert_eq!(rows, Some(1_000_000));

    // A window over everything cannot spill.
    let hoarded = format!("SELECT GROUP_CONCAT(k) FROM {million} x");
    client.query_drop("SET group_concat_max_len = 1000000000").await.unwrap();
    let outcome: Result<Vec<Row>, Error> = client.query(hoarded).await;
    if outcome.is_err() {
        assert_eq!(code(outcome), 1038);
    }
    let one: Option<u8> = client.query_first("SELECT 1").await.unwrap();
    assert_eq!(one, Some(1));
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn statements_that_nest_or_repeat_without_end_are_answered_or_refused() {
    let (_lake, server) = server(|_| {}).await;
    let mut client = server.connect().await;
    let repeated = |part: &str, between: &str, times: usize| vec![part; times].join(between);
    let numbered = |times: usize, between: &str, part: fn(usize) -> String| {
        (0..times).map(part).collect::<Vec<_>>().join(between)
    };
    let statements = [
        format!("SELECT {}1{}", "(".repeat(10_000), ")".repeat(10_000)),
        format!("SELECT {}", repeated("1", "+", 50_000)),
        format!("SELECT COUNT(*) FROM lake.numbers WHERE {}", repeated("n = 1", " OR ", 20_000)),
        format!("SELECT COUNT(*) FROM lake.numbers WHERE {}", repeated("n >= 0", " AND ", 20_000)),
        format!("SELECT COUNT(*) FROM lake.numbers WHERE n IN ({})", repeated("1", ",", 100_000)),
        format!("SELECT {}1{}", "CASE WHEN 1 THEN ".repeat(2_000), " END".repeat(2_000)),
        format!("SELECT * FROM {}SELECT 1{}", "(".repeat(1_000), ") x".repeat(1_000)),
        repeated("SELECT 1", " UNION ALL ", 5_000),
        format!("WITH {} SELECT * FROM c999", numbered(1_000, ", ", |n| format!("c{n} AS (SELECT {n})"))),
        format!(
            "SELECT COUNT(*) FROM lake.departments d {}",
            numbered(63, " ", |n| format!("JOIN lake.departments d{n} ON d{n}.id = d.id"))
        ),
        format!("SELECT {}", "NOT ".repeat(20_000) + "1"),
        format!("SELECT {}", "-".repeat(20_000) + "1"),
    ];
    for statement in statements {
        let outcome: Result<Vec<Row>, Error> = client.query(&statement).await;
        if outcome.is_err() {
            let code = code(outcome);
            assert!([1064, 1436, 1235].contains(&code), "{code} for {}", &statement[..40]);
        }
    }
    let one: Option<u8> = client.query_first("SELECT 1").await.unwrap();
    assert_eq!(one, Some(1));
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_depends_on_the_time_is_computed_each_time() {
    let lake = fixture::lake();
    let clock = Clock::fixed("2026-09-01T10:00:00Z".parse().unwrap());
    let server = TestServer::start_with(lake.config(), clock.clone()).await;
    let mut client = server.connect().await;
    let statements = [
        "SELECT CURDATE()",
        "SELECT DATE(NOW())",
        "SELECT FROM_UNIXTIME(UNIX_TIMESTAMP(), '%Y-%m-%d')",
        "SELECT DATE(CAST(TIME '01:00:00' AS DATETIME))",
        "SELECT MAX(CURDATE()) FROM lake.numbers",
    ];
    for day in ["2026-09-01", "2026-09-02"] {
        clock.set(format!("{day}T10:00:00Z").parse().unwrap());
        for statement in statements {
            for _ in 0..2 {
                let found: Option<String> = client.query_first(statement).await.unwrap();
                assert_eq!(found.as_deref(), Some(day), "{statement}");
            }
        }
    }
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_prepared_statement_is_answered_for_its_values_and_as_it_was_understood() {
    let (_lake, server) = server(|_| {}).await;
    let mut client = server.connect().await;

    let row =
        client.prep("SELECT n, ? FROM lake.numbers WHERE n <= ? ORDER BY n DESC LIMIT 1").await.unwrap();
    for _ in 0..3 {
        for (text, most) in [("a", 3), ("b", 3), ("a", 5)] {
            let found: Option<(u32, String)> = client.exec_first(&row, (text, most)).await.unwrap();
            assert_eq!(found, Some((most, text.to_owned())));
        }
    }
    // A number and a text are other values, also where they look alike.
    let kind = client
        .prep("SELECT CONCAT(n, JSON_TYPE(JSON_ARRAY(?)->'$[0]')) FROM lake.numbers WHERE n = 7")
        .await
        .unwrap();
    for _ in 0..3 {
        let number: Option<String> = client.exec_first(&kind, (1,)).await.unwrap();
        let text: Option<String> = client.exec_first(&kind, ("1",)).await.unwrap();
        assert_eq!([number.as_deref(), text.as_deref()], [Some("7INTEGER"), Some("7STRING")]);
    }

    let written = "SELECT CONCAT('1' || n) FROM lake.numbers WHERE n = 7";
    let either = client.prep(written).await.unwrap();
    for mode in ["", "PIPES_AS_CONCAT", ""] {
        client.query_drop(format!("SET sql_mode = '{mode}'")).await.unwrap();
        for _ in 0..3 {
            let prepared: Option<String> = client.exec_first(&either, ()).await.unwrap();
            assert_eq!(prepared.as_deref(), Some("1"), "{mode}");
            let now: Option<String> = client.query_first(written).await.unwrap();
            assert_eq!(now.as_deref(), Some(if mode.is_empty() { "1" } else { "17" }));
        }
    }
    server.stop().await;
}
