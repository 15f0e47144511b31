//! The pages of the console, as a browser gets them: what they show, and to whom.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};

use lakefront::auth::Users;
use lakefront::clock::Clock;
use mysql_async::prelude::Queryable;

use crate::fixture;
use crate::server::TestServer;

/// The whole answer to a GET, with more headers.
fn get(address: SocketAddr, path: &str, headers: &str) -> String {
    let mut stream = TcpStream::connect(address).unwrap();
    write!(stream, "GET {path} HTTP/1.1\r\nHost: test\r\nConnection: close\r\n{headers}\r\n").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn pages_show_views_days_runs_and_statements() {
    let lake = fixture::lake();
    let server = TestServer::start(&lake).await;
    let mut client = server.connect().await;
    client
        .query_drop(
            "CREATE MATERIALIZED VIEW mart.daily COMMENT 'A <b>day</b> & its \"events\"' PARTITION BY day \
             REFRESH MANUAL AS SELECT day, COUNT(*) AS events FROM lake.events GROUP BY day",
        )
        .await
        .unwrap();
    client
        .query_drop(
            "REFRESH MATERIALIZED VIEW mart.daily PARTITION START ('2026-09-02') END ('2026-09-05') WITH SYNC MODE",
        )
        .await
        .unwrap();
    lake.view("mart", "broken", "CREATE MATERIALIZED VIEW broken AS SELEC '<i>'");
    client.query_drop("CREATE VIEW mart.plain AS SELECT 1").await.unwrap();

    let page = get(server.console, "/", "");
    let (head, page) = page.split_once("\r\n\r\n").unwrap();
    assert!(head.starts_with("HTTP/1.1 200") && head.contains("text/html; charset=utf-8"), "{head}");
    assert!(head.contains("default-src 'none'"), "{head}");
    assert!(page.contains(">mart.daily</a>") && !page.contains("mart.plain"), "{page}");
    assert_eq!(page.matches("class=\"day fresh\"").count(), 3, "{page}");
    let told =
        "class=\"day fresh\" href=\"/views/mart/daily#2026-09-02\" title=\"2026-09-02: fresh, 1 rows\"";
    assert!(page.contains(told), "{page}");
    // The files have just been written.
    assert_eq!(page.matches("class=\"day waiting\"").count(), 7, "{page}");
    assert!(
        page.contains("title=\"2026-09-05: waiting, `lake.events` of 2026-09-05 is not complete: "),
        "{page}"
    );
    assert!(page.contains("lake.events") && page.contains("class=\"day arriving\""), "{page}");
    assert!(page.contains("broken.sql:1: You have an error in your SQL syntax"), "{page}");
    assert!(page.contains("&lt;i&gt;") && !page.contains("<i>"), "{page}");
    assert!(!page.contains("<script") && !page.contains("http://") && !page.contains("https://"), "{page}");

    let page = get(server.console, "/views/Mart/DAILY", "");
    assert!(page.contains("A &lt;b&gt;day&lt;/b&gt; &amp; its &quot;events&quot;"), "{page}");
    assert!(page.contains("<tr id=\"2026-09-02\">") && page.contains("3 of 10 up to date"), "{page}");
    assert!(page.contains("2 days, 2026-09-02 to 2026-09-03") && page.contains("manual"), "{page}");
    assert!(page.contains("SELECT day, COUNT(*) AS events FROM lake.events GROUP BY day"), "{page}");
    for path in ["/views/mart/plain", "/views/mart/nothing", "/views/lake/events"] {
        assert!(get(server.console, path, "").starts_with("HTTP/1.1 404"), "{path}");
    }

    // A statement that waits for its reader is among those that run.
    let mut reader = server.connect().await;
    let long = "SELECT a.n, REPEAT('<x>', 100) FROM lake.numbers a, lake.numbers b WHERE b.n < 400";
    let mut rows = reader.query_iter(long).await.unwrap();
    rows.next().await.unwrap().unwrap();
    let page = get(server.console, "/", "");
    assert!(page.contains("SELECT a.n, REPEAT(&#39;&lt;x&gt;&#39;, 100) FROM lake.numbers"), "{page}");
    drop(rows);

    // A table that cannot be listed hides no other, and its view says why it has no days.
    let numbers =
        "CREATE MATERIALIZED VIEW mart.numbers REFRESH MANUAL AS SELECT COUNT(*) AS n FROM lake.numbers";
    client.query_drop(numbers).await.unwrap();
    lake.file("events/zz.parquet", "in no day");
    let page = get(server.console, "/views/mart/daily", "");
    assert!(page.contains("It cannot be used</h2>") && page.contains("zz.parquet"), "{page}");
    assert!(!page.contains("External error"), "{page}");
    let states = "SELECT table_name, state, partition_name IS NULL FROM information_schema.source_partitions";
    let mut states: Vec<(String, String, bool)> = client.query(states).await.unwrap();
    states.sort();
    let expected = [("events", "failed"), ("numbers", "arriving")];
    assert_eq!(states, expected.map(|(table, state)| (table.to_owned(), state.to_owned(), true)));
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn pages_ask_who_comes_and_health_does_not() {
    let lake = fixture::lake();
    let path = lake.path("users.yaml");
    let mut users = Users::none();
    users.add("ann", "secret").unwrap();
    users.write(&path).unwrap();
    let mut config = lake.config();
    config.users = Some(path);
    config.failed_login_delay = "0s".parse().unwrap();
    let server = TestServer::start_with(config, Clock::system()).await;
    let answer = |path: &str, credentials: Option<&str>| {
        let header = credentials.map(|encoded| format!("Authorization: Basic {encoded}\r\n"));
        get(server.console, path, &header.unwrap_or_default())
    };
    for path in ["/", "/views/mart/daily"] {
        // Nobody; `ann:wrong`; `eve:secret`; what is no base 64, and what has no colon.
        for credentials in [None, Some("YW5uOndyb25n"), Some("ZXZlOnNlY3JldA=="), Some("!"), Some("YW5u")] {
            let refused = answer(path, credentials);
            assert!(refused.starts_with("HTTP/1.1 401"), "{credentials:?}: {refused}");
            assert!(
                refused.to_lowercase().contains("www-authenticate: basic realm=\"lakefront\""),
                "{refused}"
            );
            assert!(!refused.contains("<html"), "{refused}");
        }
    }
    assert!(answer("/", Some("YW5uOnNlY3JldA==")).starts_with("HTTP/1.1 200"));
    for path in ["/healthz", "/readyz", "/metrics"] {
        assert!(answer(path, None).starts_with("HTTP/1.1 200"), "{path}");
    }

    // Ann sees her own statements, as in the process list; not those of others.
    let long = "SELECT a.n, REPEAT('x', 100) FROM lake.numbers a, lake.numbers b WHERE b.n < 400";
    let options = server.options().user(Some("ann")).pass(Some("secret"));
    let mut of_ann = mysql_async::Conn::new(options).await.unwrap();
    let mut rows = of_ann.query_iter(long).await.unwrap();
    rows.next().await.unwrap().unwrap();
    assert!(answer("/", Some("YW5uOnNlY3JldA==")).contains("FROM lake.numbers"));
    drop(rows);
    server.stop().await;
}
