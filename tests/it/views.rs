//! The files of views: written by statements, read when others change them, and what a bad one does.

use std::time::Duration;

use lakefront::auth::Users;
use lakefront::clock::Clock;
use mysql_async::Conn;
use mysql_async::prelude::Queryable;

use crate::fixture;
use crate::server::{Lake, TestServer};

/// How long a file may take to be read again.
const SOON: Duration = Duration::from_secs(60);

async fn answer(client: &mut Conn, sql: &str) -> Result<Vec<String>, String> {
    client.query::<String, _>(sql).await.map_err(|error| error.to_string())
}

/// Asks again until the answer is as expected.
async fn becomes(client: &mut Conn, sql: &str, expected: &str) {
    let mut last = String::new();
    let asked = tokio::time::timeout(SOON, async {
        while !last.contains(expected) {
            last = format!("{:?}", answer(client, sql).await);
        }
    });
    assert!(asked.await.is_ok(), "{sql}: {last} has no {expected}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn statements_write_files_that_outlive_the_server() {
    let lake = fixture::lake();
    let file = lake.home().join("sql/mart/few.sql");
    let server = TestServer::start(&lake).await;
    let mut client = server.connect().await;
    client.query_drop("CREATE VIEW mart.few AS SELECT n FROM lake.numbers WHERE n < 3 -- few").await.unwrap();
    let written = std::fs::read_to_string(&file).unwrap();
    assert_eq!(written, "CREATE VIEW `mart`.`few`\nAS SELECT n FROM lake.numbers WHERE n < 3;\n");
    client.disconnect().await.unwrap();
    server.stop().await;

    let server = TestServer::start(&lake).await;
    let mut client = server.connect().await;
    assert_eq!(answer(&mut client, "SELECT COUNT(*) FROM mart.few").await.unwrap(), ["3"]);
    // Any case of the name is the same view, and the same file.
    client.query_drop("CREATE OR REPLACE VIEW Mart.FEW AS SELECT 1").await.unwrap();
    assert!(std::fs::read_to_string(&file).unwrap().contains("SELECT 1"));
    client.query_drop("DROP VIEW MART.few").await.unwrap();
    assert!(!file.exists());
    assert_eq!(std::fs::read_dir(file.parent().unwrap()).unwrap().count(), 0);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn files_of_others_are_read_without_a_restart() {
    let lake = fixture::lake();
    lake.view("mart", "a", "-- A comment stays where it is.\nCREATE VIEW a AS SELECT 1 AS x\n");
    let server = TestServer::start(&lake).await;
    let mut client = server.connect().await;
    assert_eq!(answer(&mut client, "SELECT x FROM mart.a").await.unwrap(), ["1"]);

    lake.view("mart", "a", "CREATE VIEW mart.a AS SELECT 2 AS x;");
    lake.view("mart", "b", "CREATE VIEW b AS SELECT x + 1 AS y FROM a");
    becomes(&mut client, "SELECT y FROM mart.b", "[\"3\"]").await;
    assert_eq!(answer(&mut client, "SELECT x FROM mart.a").await.unwrap(), ["2"]);

    // A bad file answers with its error, and is still told of; its neighbours go on.
    lake.view("mart", "a", "CREATE VIEW a\nAS SELEC 2");
    becomes(&mut client, "SELECT x FROM mart.a", "a.sql:2: You have an error in your SQL syntax").await;
    becomes(&mut client, "SELECT y FROM mart.b", "a.sql:2: ").await;
    let told = "SELECT table_comment FROM information_schema.tables WHERE table_schema = 'mart' AND table_name = 'a'";
    assert!(answer(&mut client, told).await.unwrap()[0].contains("a.sql:2: "));
    let names = "SELECT table_name FROM information_schema.tables WHERE table_schema = 'mart' ORDER BY 1";
    assert_eq!(answer(&mut client, names).await.unwrap(), ["a", "b"]);
    // A statement makes it good.
    client.query_drop("CREATE OR REPLACE VIEW mart.a AS SELECT 5 AS x").await.unwrap();
    assert_eq!(answer(&mut client, "SELECT y FROM mart.b").await.unwrap(), ["6"]);

    lake.view("mart", "c", "CREATE VIEW other AS SELECT 1");
    becomes(&mut client, "SELECT * FROM mart.c", "the view is mart.c, its statement other").await;
    lake.view("lake", "numbers", "CREATE VIEW numbers AS SELECT 1");
    lake.view("mart", "d", "CREATE VIEW d AS SELECT 1");
    becomes(&mut client, "SELECT * FROM mart.d", "[\"1\"]").await;
    // The table is what the name means.
    assert_eq!(answer(&mut client, "SELECT COUNT(*) FROM lake.numbers").await.unwrap(), ["1000"]);

    std::fs::remove_file(lake.home().join("sql/mart/b.sql")).unwrap();
    becomes(&mut client, "SELECT * FROM mart.b", "Table 'mart.b' doesn't exist").await;
    // Tables of others, too.
    lake.table("more", "numbers", "location: numbers\nformat: parquet\n");
    becomes(&mut client, "SELECT COUNT(*) FROM more.numbers", "1000").await;
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn only_some_users_change_views() {
    let lake = fixture::lake();
    let path = lake.path("users.yaml");
    let mut users = Users::none();
    users.add("ann", "secret").unwrap();
    users.add("eve", "secret").unwrap();
    users.write(&path).unwrap();
    let text = std::fs::read_to_string(&path).unwrap();
    std::fs::write(&path, text.replacen("name: ann", "name: ann\n  admin: true", 1)).unwrap();
    let mut config = lake.config();
    config.users = Some(path);
    let server = TestServer::start_with(config, Clock::system()).await;
    let client = |user: &str| Conn::new(server.options().user(Some(user)).pass(Some("secret")));

    let mut eve = client("eve").await.unwrap();
    let mut ann = client("ann").await.unwrap();
    ann.query_drop("CREATE VIEW mart.v AS SELECT 1 AS x").await.unwrap();
    assert_eq!(answer(&mut eve, "SELECT x FROM mart.v").await.unwrap(), ["1"]);
    for (sql, command) in [
        ("CREATE VIEW mart.w AS SELECT 1", "CREATE VIEW"),
        ("CREATE OR REPLACE VIEW mart.v AS SELECT 2", "CREATE VIEW"),
        ("ALTER VIEW mart.v AS SELECT 2", "ALTER VIEW"),
        ("DROP VIEW mart.v", "DROP VIEW"),
        ("REFRESH MATERIALIZED VIEW mart.v", "REFRESH"),
    ] {
        let error = answer(&mut eve, sql).await.unwrap_err();
        let expected = format!("{command} command denied to user 'eve'@'localhost'");
        assert!(error.contains("1142") && error.contains(&expected), "{sql}: {error}");
    }
    assert_eq!(answer(&mut eve, "SELECT x FROM mart.v").await.unwrap(), ["1"]);
    ann.query_drop("DROP VIEW mart.v").await.unwrap();
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_asked_again_of_published_days_is_answered_anew() {
    let lake = Lake::new();
    lake.table(
        "log",
        "login",
        "location: login\nformat: csv\npartition_by: { day: date }\ncolumns: { players: int, name: varchar(20) }\n",
    );
    lake.file("login/day=2026-09-01/a.csv", "1,2x\n").file("login/day=2026-09-02/a.csv", "2,3y\n");
    let clock = Clock::fixed("2026-09-10T10:00:00Z".parse().unwrap());
    let server = TestServer::start_with(lake.config(), clock.clone()).await;
    let (mut client, mut another) = (server.connect().await, server.connect().await);
    let view = "CREATE MATERIALIZED VIEW mart.logins PARTITION BY day REFRESH MANUAL \
                AS SELECT day, players, name FROM log.login";
    let refresh = "REFRESH MATERIALIZED VIEW mart.logins WITH SYNC MODE";
    for statement in [view, refresh] {
        client.query_drop(statement).await.unwrap();
    }

    let all = "SELECT GROUP_CONCAT(players ORDER BY players) FROM mart.logins";
    let newest = "SELECT players FROM mart.logins ORDER BY day DESC, players DESC LIMIT 1";
    let told = "SELECT SUM(name + players) FROM mart.logins";
    let timed = "SELECT MAX(DATE(CAST(SEC_TO_TIME(players) AS DATETIME))) FROM mart.logins";
    for (day, expected) in [("2026-09-10", ["1,2", "2", "8"]), ("2026-09-11", ["1,2,7", "7", "24"])] {
        clock.set(format!("{day}T10:00:00Z").parse().unwrap());
        for _ in 0..4 {
            for client in [&mut client, &mut another] {
                assert_eq!(answer(client, all).await.unwrap(), [expected[0]]);
                assert_eq!(answer(client, newest).await.unwrap(), [expected[1]]);
                assert_eq!(answer(client, timed).await.unwrap(), [day]);
                assert_eq!(answer(client, told).await.unwrap(), [expected[2]]);
                // Each row's text is told to whoever asked, each time, and only once.
                let warnings = client.query::<(String, u16, String), _>("SHOW WARNINGS").await.unwrap();
                assert_eq!(warnings.len(), expected[0].split(',').count(), "{warnings:?}");
            }
        }
        lake.file("login/day=2026-09-02/b.csv", "7,9z\n");
        client.query_drop("REFRESH TABLE log.login").await.unwrap();
        client.query_drop(refresh).await.unwrap();
    }
    server.stop().await;
}
