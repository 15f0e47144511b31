//! What an operator does and sees: starting, stopping, health, metrics, mistakes in the config.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::{Command, Output, Stdio};
use std::time::Duration;

use lakefront::clock::Clock;
use lakefront::config::Config;
use lakefront::server;
use mysql_async::Conn;
use mysql_async::prelude::Queryable;

use crate::fixture;
use crate::server::{Lake, Program, TestServer, options, write_config};

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_cannot_start_says_why_and_what_to_do() {
    async fn check(change: impl FnOnce(&mut Config), expected: &str) {
        let lake = Lake::new();
        let mut config = lake.config();
        change(&mut config);
        let error = server::start(config, Clock::system()).await.unwrap_err().to_string();
        let home = lake.home().display().to_string();
        assert_eq!(error.replace(&home, "HOME"), expected);
    }
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap();
    check(
        |config| config.listen = address,
        &format!(
            "cannot listen on {address}: choose another address for `listen`, or stop the program that uses it"
        ),
    )
    .await;
    check(
        |config| config.console = address,
        &format!(
            "cannot listen on {address}: choose another address for `console`, or stop the program that uses it"
        ),
    )
    .await;
    check(
        |config| config.lake = "/nowhere".into(),
        "there is no directory /nowhere: create it, or correct `lake` in the config",
    )
    .await;
    check(
        |config| config.catalog = "file:///nowhere".into(),
        "there is no directory /nowhere: create it, or correct `catalog` in the config",
    )
    .await;
    check(
        |config| config.listen = "0.0.0.0:0".parse().unwrap(),
        "cannot listen on 0.0.0.0:0 without users: make a file with `lakefront user add NAME --users FILE` and \
         set `users`, or listen on a loopback address",
    )
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_console_tells_health_and_metrics() {
    let lake = fixture::lake();
    let server = TestServer::start(&lake).await;
    let mut connection = server.connect().await;
    connection.query_drop("SELECT COUNT(*) FROM lake.numbers").await.unwrap();

    assert!(http(server.console, "/healthz").ends_with("\r\n\r\nok\n"));
    assert!(http(server.console, "/readyz").ends_with("\r\n\r\nready\n"));
    assert!(http(server.console, "/").contains("<title>Lakefront</title>"));
    assert!(http(server.console, "/nothing").starts_with("HTTP/1.1 404"));
    let metrics = http(server.console, "/metrics");
    assert!(metrics.contains("# TYPE lakefront_"), "{metrics}");
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_shutdown_closes_idle_connections() {
    let lake = fixture::lake();
    let server = TestServer::start(&lake).await;
    let (address, console) = (server.address, server.console);
    let mut idle = server.connect().await;
    server.stop().await;
    assert!(idle.ping().await.is_err());
    assert!(TcpStream::connect(address).is_err());
    assert!(TcpStream::connect(console).is_err());
}

/// Forty megabytes: more than the sockets between server and client hold.
const LARGE_RESULT: &str = "SELECT a.n, REPEAT('x', 100) FROM lake.numbers a, lake.numbers b WHERE b.n < 400";

#[tokio::test(flavor = "multi_thread")]
async fn a_shutdown_lets_running_statements_end() {
    let lake = fixture::lake();
    let mut config = lake.config();
    config.shutdown_timeout = "10m".parse().unwrap();
    let server = TestServer::start_with(config, Clock::system()).await;
    let (address, console) = (server.address, server.console);
    let mut connection = server.connect().await;
    let mut result = connection.query_iter(LARGE_RESULT).await.unwrap();
    result.next().await.unwrap().unwrap();

    let stopped = tokio::spawn(server.stop());
    while TcpStream::connect(address).is_ok() {
        tokio::task::yield_now().await;
    }
    assert!(http(console, "/readyz").starts_with("HTTP/1.1 503"));
    assert!(http(console, "/healthz").starts_with("HTTP/1.1 200"));
    let rest: Vec<mysql_async::Row> = result.collect().await.unwrap();
    assert_eq!(rest.len(), 399_999);
    stopped.await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_shutdown_cancels_what_does_not_end() {
    let lake = fixture::lake();
    let mut config = lake.config();
    config.shutdown_timeout = "0s".parse().unwrap();
    let server = TestServer::start_with(config, Clock::system()).await;
    let mut connection = server.connect().await;
    let mut result = connection.query_iter(LARGE_RESULT).await.unwrap();
    result.next().await.unwrap().unwrap();

    tokio::time::timeout(Duration::from_secs(60), server.stop()).await.expect("nothing keeps the server");
    assert!(result.collect::<mysql_async::Row>().await.is_err(), "a cut result must not look whole");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_program_serves_until_it_is_told_to_stop() {
    let lake = fixture::lake();
    let config = write_config(&lake, "");
    let mut program = Program::start(&config);
    let address = program.address;
    let mut connection = Conn::new(options(address)).await.unwrap();
    let rows: Vec<String> = connection.query("SELECT name FROM lake.departments ORDER BY id").await.unwrap();
    assert_eq!(rows, ["Engine", "Art", "Support", "Legal"]);
    let status = program.stop();
    assert_eq!(status, Some(0));
}

#[tokio::test(flavor = "multi_thread")]
async fn users_are_added_by_the_command_line_and_log_in() {
    let lake = fixture::lake();
    let config = write_config(&lake, "users: users.yaml\n");
    let users = config.with_file_name("users.yaml");
    let user = |command: &str, name: &str, password: &str| {
        lakefront_with_input(&["user", command, name, "--users", &users.to_string_lossy()], password)
    };
    assert_fails(&user("passwd", "ann", "secret\n"), "users.yaml");
    assert!(user("add", "ann", "secret\n").status.success());
    assert_fails(&user("add", "ann", "other\n"), "ann");
    assert!(user("passwd", "ann", "better\n").status.success());
    assert!(!std::fs::read_to_string(&users).unwrap().contains("better"));

    let mut program = Program::start(&config);
    let login = |user: &str, password: &str| {
        Conn::new(options(program.address).user(Some(user)).pass(Some(password)))
    };
    assert!(login("ann", "better").await.is_ok());
    for (user, password) in [("ann", "secret"), ("ann", ""), ("bob", "better"), ("root", "")] {
        let error = login(user, password).await.unwrap_err().to_string();
        assert!(error.contains("1045"), "{user}: {error}");
    }
    assert_eq!(program.stop(), Some(0));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hangup_reads_users_and_certificate_again() {
    let lake = fixture::lake();
    let config = write_config(&lake, "users: users.yaml\nfailed_login_delay: 0s\n");
    let users = config.with_file_name("users.yaml");
    let add = |name: &str| {
        let added =
            lakefront_with_input(&["user", "add", name, "--users", &users.to_string_lossy()], "secret\n");
        assert!(added.status.success());
    };
    add("ann");
    let mut program = Program::start(&config);
    let login = |user: &str| Conn::new(options(program.address).user(Some(user)).pass(Some("secret")));
    let mut ann = login("ann").await.unwrap();
    assert!(login("bob").await.is_err());

    add("bob");
    program.signal("HUP");
    while login("bob").await.is_err() {}
    let both = std::fs::read_to_string(&users).unwrap();
    // What cannot be read changes nothing: what comes after it shows that it was looked at.
    std::fs::write(&users, "users: [").unwrap();
    program.signal("HUP");
    assert!(login("bob").await.is_ok());
    let only_bob = format!("users:\n{}", &both[both.find("- name: bob").unwrap()..]);
    std::fs::write(&users, only_bob).unwrap();
    program.signal("HUP");
    while login("ann").await.is_ok() {}
    assert!(login("bob").await.is_ok());
    // Who is in stays.
    ann.ping().await.unwrap();
    assert_eq!(program.stop(), Some(0));
}

#[test]
fn check_prints_what_is_wrong_with_tables_and_views() {
    let lake = Lake::new();
    lake.table("shop", "empty", "location: nothing\nformat: parquet\ncolumns: { id: bigint }\n");
    let config = write_config(&lake, "");
    std::fs::create_dir(lake.path("nothing")).unwrap();
    let check = || lakefront(&["check", "--config", &config.to_string_lossy()]);

    let fine = check();
    assert_eq!(text(&fine.stdout), "shop.empty: 1 columns, no files\n1 tables, 0 views, 0 problems\n");
    assert!(fine.status.success());

    lake.table("shop", "typo", "location: nothing\nformat: parkett\n");
    lake.table("shop", "moved", "location: elsewhere\nformat: parquet\ncolumns: { id: bigint }\n");
    lake.table("shop", "unknown", "location: nothing\nformat: parquet\n");
    lake.table("shop", "broken", "location: broken\nformat: parquet\n");
    lake.file("broken/part-0.parquet", "not Parquet at all");
    lake.view("mart", "good", "CREATE VIEW good AS SELECT id FROM shop.empty");
    lake.view("mart", "bad", "-- No table has it.\nCREATE VIEW bad AS SELECT nothing FROM shop.empty");
    lake.view("mart", "worse", "CREATE VIEW worse\nAS SELEC 1");
    lake.view("mart", "round", "CREATE VIEW round AS SELECT * FROM mart.round");
    let wrong = check();
    let lines = text(&wrong.stdout);
    assert_eq!(wrong.status.code(), Some(1), "{lines}");
    assert!(lines.contains("typo.yaml: format: ") && lines.contains("at line 2"), "{lines}");
    assert!(lines.contains("broken/part-0.parquet"), "{lines}");
    assert!(lines.contains("shop.moved: ") && lines.contains("/elsewhere` does not exist"), "{lines}");
    assert!(lines.contains("shop.unknown: ") && lines.contains("declare them under `columns`"), "{lines}");
    assert!(lines.contains("mart.good: a view of 1 columns"), "{lines}");
    assert!(lines.contains("sql/mart/bad.sql:2: mart.bad: Unknown column 'nothing'"), "{lines}");
    assert!(lines.contains("sql/mart/worse.sql:2: "), "{lines}");
    assert!(lines.contains("`mart`.`round` contains view recursion"), "{lines}");
    assert!(lines.ends_with("5 tables, 4 views, 7 problems\n"), "{lines}");
    assert_eq!(lines.lines().count(), 10, "{lines}");
}

#[test]
fn mistakes_on_the_command_line_are_one_line() {
    let lake = Lake::new();
    assert_fails(
        &lakefront(&["serve", "--config", "/nowhere.yaml"]),
        "cannot read the config /nowhere.yaml: No such file",
    );
    let config = write_config(&lake, "memroy: 1GiB\n");
    assert_fails(
        &lakefront(&["serve", "--config", &config.to_string_lossy()]),
        "lakefront.yaml:3: unknown field `memroy`",
    );
    let directory = lake.home().join("demo").to_string_lossy().into_owned();
    assert_fails(&lakefront(&["demo", "--dir", &directory, "--days", "0"]), "1 to 365 days, not 0");
}

fn lakefront(arguments: &[&str]) -> Output {
    lakefront_with_input(arguments, "")
}

fn lakefront_with_input(arguments: &[&str], input: &str) -> Output {
    let mut process = Command::new(env!("CARGO_BIN_EXE_lakefront"))
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // A command that fails early does not read its input.
    let _ = process.stdin.take().unwrap().write_all(input.as_bytes());
    process.wait_with_output().unwrap()
}

/// The command failed, and its last line says this.
fn assert_fails(output: &Output, expected: &str) {
    let error = text(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{error}");
    let last = error.lines().last().unwrap_or_default();
    assert!(last.starts_with("lakefront: ") && last.contains(expected), "{error}");
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// The whole answer to a GET.
fn http(address: SocketAddr, path: &str) -> String {
    let mut stream = TcpStream::connect(address).unwrap();
    write!(stream, "GET {path} HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\r\n").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}
