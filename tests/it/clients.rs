//! Real client programs against a server in this process: the mariadb command line, and Python drivers by
//! the scripts in `tests/clients/`. `make test` installs them; plain `cargo test` uses what is there, and
//! says what it leaves out.

use std::path::{Path, PathBuf};
use std::process::Stdio;

use tokio::process::Command;

use crate::fixture;
use crate::server::TestServer;

#[tokio::test(flavor = "multi_thread")]
async fn mariadb_command_line() {
    let Some(mariadb) = program("mariadb", &[]) else { return };
    let lake = fixture::lake();
    let server = TestServer::start(&lake).await;
    let check = async |arguments: &[&str], input: &str, expected: &str| {
        let mut command = Command::new(&mariadb);
        command.args(["--no-defaults", "--host", "127.0.0.1", "--user", "root"]);
        command.args(["--port", &server.address.port().to_string()]).args(arguments);
        assert_eq!(run(command, input).await, expected, "{arguments:?} {input}");
    };
    check(
        &["--execute", "SELECT id, name FROM lake.departments ORDER BY id LIMIT 2"],
        "",
        "id\tname\n1\tEngine\n2\tArt\n",
    )
    .await;
    check(
        &["--table", "other"],
        "SELECT n FROM numbers ORDER BY n;\n",
        "+------+\n| n    |\n+------+\n|    0 |\n|    1 |\n|    2 |\n+------+\n",
    )
    .await;
    check(
        &["--skip-column-names"],
        "USE lake; SELECT DATABASE(); SELECT 1; SELECT NULL;\n",
        "lake\n1\nNULL\n",
    )
    .await;
    check(&["--force"], "SELECT * FROM lake.nothing;\nSELECT 1 AS one;\n", "one\n1\n").await;
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn pymysql() {
    python("pymysql_client.py", &[]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn sqlalchemy() {
    python("sqlalchemy_client.py", &[]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn mysql_connector_python_c() {
    python("connector_client.py", &["c"]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn mysql_connector_python_pure() {
    python("connector_client.py", &["pure"]).await;
}

/// Runs a script of `tests/clients/` against the shared lake. The script asserts what it sees.
async fn python(script: &str, arguments: &[&str]) {
    let Some(python) = program("python", &environment()) else { return };
    let lake = fixture::lake();
    let server = TestServer::start(&lake).await;
    let mut command = Command::new(python);
    command.arg(Path::new("tests/clients").join(script));
    command.arg(server.address.port().to_string()).args(arguments);
    assert_eq!(run(command, "").await, "ok\n", "{script}");
    server.stop().await;
}

/// The virtual environment that `make test` made.
#[expect(clippy::disallowed_methods, reason = "this variable steers the tests, not the server")]
pub fn environment() -> Vec<PathBuf> {
    let made = std::env::var_os("LAKEFRONT_CLIENTS").map(PathBuf::from);
    let beside_the_tests =
        Path::new(env!("CARGO_BIN_EXE_lakefront")).ancestors().nth(2).map(|target| target.join("venv"));
    made.into_iter().chain(beside_the_tests).map(|venv| venv.join("bin")).collect()
}

/// A program in these directories, or else, without any, on the path. Under `make test` it must be there.
#[expect(clippy::disallowed_methods, reason = "these variables steer the tests, not the server")]
fn program(name: &str, directories: &[PathBuf]) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let on_path: Vec<PathBuf> =
        if directories.is_empty() { std::env::split_paths(&path).collect() } else { Vec::new() };
    let found =
        directories.iter().chain(&on_path).map(|directory| directory.join(name)).find(|path| path.is_file());
    if found.is_none() {
        assert!(std::env::var_os("LAKEFRONT_CLIENTS").is_none(), "`make test` has not installed {name}");
        println!("{name} is not here: run `make test` to test with it");
    }
    found
}

/// Standard output of a program that ends well. Its errors are the client's to show.
async fn run(mut command: Command, input: &str) -> String {
    let mut process = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    let mut stdin = process.stdin.take().unwrap();
    tokio::io::AsyncWriteExt::write_all(&mut stdin, input.as_bytes()).await.unwrap();
    drop(stdin);
    let output = process.wait_with_output().await.unwrap();
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() || input.contains("nothing"), "{error}");
    String::from_utf8(output.stdout).unwrap()
}
