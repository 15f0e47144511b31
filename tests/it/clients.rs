//! Real client programs against the program itself, each with the same conversation, by the scripts in
//! `tests/clients/`. `make test` installs all of them and insists on each; plain `cargo test` uses what is there, and
//! says what it leaves out.
//!
//! A script tells each part of the conversation that went well in a line, and goes on when the line is answered:
//!
//! | part | what is due |
//! |---|---|
//! | password, tls | the right password opens a connection, a wrong one is error 1045; in plain text and inside TLS |
//! | text, prepared | `tests/clients/expected.tsv` is read from `lake.types` by this protocol, with the driver's own types |
//! | … parameters | the server takes what was read, sent back, for the values that it sent |
//! | error | 1146 with 42S02, 1064 with 42000 |
//! | cancelled | KILL QUERY ends a statement with 1317 and 70100, and the connection goes on |
//! | streamed | 100 MB are read row by row; neither the client nor the server grows by half as much |
//!
//! With `LAKEFRONT_PLAIN` the server has no certificate, and nothing is compressed: `tests/tshark.sh` looks into all of it.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use lakefront::auth::Users;
use mysql_async::Conn;
use mysql_async::prelude::Queryable;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::process::Command;

use crate::fixture;
use crate::server::{Lake, Program, TestServer, options};

const USER: &str = "ann";
const PASSWORD: &str = "correct horse";

/// What client and server may grow by while 100 MB go from one to the other, in KiB.
const GROWTH_MAX: u64 = 50 << 10;

/// The clients, and the parts of the conversation that each of them knows.
macro_rules! clients {
    ($($name:ident: $command:expr => $parts:literal;)+) => {
        $(
            #[tokio::test(flavor = "multi_thread")]
            async fn $name() {
                converse(&$command, $parts).await;
            }
        )+
    };
}

clients! {
    pymysql: ["python", "pymysql_client.py"] => "password tls text text+ error cancelled streamed";
    aiomysql: ["python", "aiomysql_client.py"] => "password tls text text+ error cancelled streamed";
    mysqlclient: ["python", "mysqlclient_client.py"] => "password tls text text+ error cancelled streamed";
    mysql_connector_python_pure: ["python", "connector_client.py", "pure"]
        => "password tls text text+ prepared prepared+ error cancelled streamed";
    mysql_connector_python_c: ["python", "connector_client.py", "c"]
        => "password tls text text+ prepared prepared+ error cancelled streamed";
    mariadb_python: ["python", "mariadb_client.py"]
        => "password tls text text+ prepared prepared+ error cancelled streamed";
    mariadb_odbc: ["python", "odbc_client.py"] => "password tls text text+ prepared prepared+ error cancelled";
    polars: ["python", "polars_client.py"] => "password tls text prepared error cancelled streamed";
    mysql2: ["node", "mysql2_client.js"]
        => "password tls text text+ prepared prepared+ error cancelled streamed";
    mysql_javascript: ["node", "mysql_client.js"] => "password tls text text+ error cancelled streamed";
    mariadb_javascript: ["node", "mariadb_client.js"]
        => "password tls text text+ prepared prepared+ error cancelled streamed";
    mariadb_java: ["java", "JavaClient.java"]
        => "password tls text text+ prepared prepared+ error cancelled streamed";
    php_mysqlnd: ["php", "php_client.php"]
        => "password tls text text+ prepared prepared+ error cancelled streamed";
    perl_dbd_mysql: ["perl", "perl_client.pl", "mysql"]
        => "password tls text text+ prepared prepared+ error cancelled streamed";
    perl_dbd_mariadb: ["perl", "perl_client.pl", "MariaDB"]
        => "password tls text text+ prepared prepared+ error cancelled";
    mysql_async: ["rust", "mysql_async"] => "password tls text prepared prepared+ error cancelled streamed";
    sqlx: ["rust", "sqlx"] => "password tls text prepared prepared+ error cancelled streamed";
}

/// Holds the conversation with a client: `[program, script, argument …]`, or `["rust", driver]`.
async fn converse(command: &[&str], parts: &str) {
    let [name, script, arguments @ ..] = command else { panic!("a program and its script") };
    let Some(mut client) = interpreter(name) else { return };
    let lake = fixture::lake();
    let server = serve(&lake);
    client.arg(if *name == "rust" { script.into() } else { Path::new("tests/clients").join(script) });
    let certificate = if encrypts() { lake.home().join("server.crt") } else { "-".into() };
    client.arg(server.address.port().to_string()).arg(certificate).args(arguments);
    client.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
    let mut client = client.spawn().unwrap();
    let processes = [client.id().unwrap(), server.id()];

    let (mut stdin, mut stderr) = (client.stdin.take().unwrap(), client.stderr.take().unwrap());
    let errors = tokio::spawn(async move {
        let mut errors = String::new();
        stderr.read_to_string(&mut errors).await.map(|_| errors)
    });
    let mut told = Vec::new();
    let mut before = [0; 2];
    let mut lines = BufReader::new(client.stdout.take().unwrap()).lines();
    let talk = async {
        while let Some(line) = lines.next_line().await.unwrap() {
            match line.split_once(' ') {
                Some(("kill", connection)) => drop(tokio::spawn(kill(server.address, connection.to_owned()))),
                _ if line == "streams" => before = processes.map(memory_peak),
                _ => told.push(line.replace(" parameters", "+")),
            }
            if told.last().is_some_and(|part| part == "streamed") {
                check_growth(processes, before, &command.join(" "));
            }
            // A client that has ended hears nothing.
            let _ = stdin.write_all(b"\n").await;
        }
        client.wait().await.unwrap()
    };
    let status = tokio::time::timeout(Duration::from_secs(600), talk).await.expect("it hangs");
    let errors = errors.await.unwrap().unwrap();
    assert!(status.success(), "{command:?} after {told:?}: {errors}");
    let parts = if encrypts() { parts.to_owned() } else { parts.replace(" tls", "") };
    assert_eq!(told.join(" "), parts, "{command:?}");
}

/// Whether the server has a certificate.
#[expect(clippy::disallowed_methods, reason = "this variable steers the tests, not the server")]
fn encrypts() -> bool {
    std::env::var_os("LAKEFRONT_PLAIN").is_none()
}

/// What runs a script, or nothing when it is not here.
fn interpreter(name: &str) -> Option<Command> {
    let environment = environment();
    let built: Vec<PathBuf> =
        environment.iter().map(|bin| bin.with_file_name("rust").join("debug")).collect();
    let (file, directories) = match name {
        "python" => (name, &environment[..]),
        "rust" => ("rust_client", &built[..]),
        _ => (name, &[][..]),
    };
    let mut command = Command::new(program(file, directories)?);
    match name {
        "java" => {
            const DRIVER: &str = "/usr/share/java/mariadb-java-client.jar";
            program("mariadb-java-client.jar", &["/usr/share/java".into()])?;
            command.args(["-Xmx64m", "-Duser.timezone=UTC", "-cp", DRIVER]);
        }
        "node" => {
            let modules: Vec<PathBuf> =
                environment.iter().map(|bin| bin.with_file_name("npm").join("node_modules")).collect();
            program("mysql2/package.json", &modules)?;
            command.env("NODE_PATH", std::env::join_paths(modules).unwrap());
        }
        _ => {}
    }
    Some(command)
}

/// The program with a user, a password and a certificate.
fn serve(lake: &Lake) -> Program {
    let names = ["localhost".to_owned(), "127.0.0.1".to_owned()];
    let pair = rcgen::generate_simple_self_signed(names).unwrap();
    std::fs::write(lake.home().join("server.crt"), pair.cert.pem()).unwrap();
    std::fs::write(lake.home().join("server.key"), pair.signing_key.serialize_pem()).unwrap();
    let mut users = Users::none();
    users.add(USER, PASSWORD).unwrap();
    users.write(&lake.home().join("users.yaml")).unwrap();
    let tls = if encrypts() { "tls: { certificate: server.crt, key: server.key }\n" } else { "" };
    Program::serve(lake, &format!("users: users.yaml\nfailed_login_delay: 0s\n{tls}"))
}

/// Kills the endless statement of a connection as soon as it runs.
async fn kill(server: std::net::SocketAddr, connection: String) {
    let mut killer = Conn::new(options(server).user(Some(USER)).pass(Some(PASSWORD))).await.unwrap();
    let runs = format!(
        "SELECT COUNT(*) FROM information_schema.processlist WHERE id = {connection} AND info LIKE '%lake.numbers d%'"
    );
    while killer.query_first(&runs).await.unwrap() != Some(1) {}
    killer.query_drop(format!("KILL QUERY {connection}")).await.unwrap();
}

/// Client and server, after 100 MB went from one to the other.
fn check_growth(processes: [u32; 2], before: [u64; 2], client: &str) {
    let growth: [u64; 2] = std::array::from_fn(|at| memory_peak(processes[at]).saturating_sub(before[at]));
    assert!(growth.iter().all(|growth| *growth < GROWTH_MAX), "{client} and server: {growth:?} KiB");
}

/// The most memory that a process has used so far, in KiB.
fn memory_peak(process: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).expect("the process lives");
    line.trim().trim_end_matches(" kB").parse().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn sqlalchemy() {
    let Some(mut client) = interpreter("python") else { return };
    let lake = fixture::lake();
    let server = TestServer::start(&lake).await;
    client.args(["tests/clients/sqlalchemy_client.py", &server.address.port().to_string()]);
    let (output, error) = run(client, "").await;
    assert_eq!(output, "ok\n", "{error}");
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn mariadb_command_line() {
    let lake = fixture::lake();
    let server = serve(&lake);
    let Some(command) = mariadb(&server) else { return };
    let check = async |arguments: &[&str], input: &str, expected: &str| {
        let (output, error) = run(command(arguments), input).await;
        assert_eq!(output, expected, "{arguments:?} {input} {error}");
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
    check(&["--force"], "SELECT * FROM lake.missing;\nSELECT 1 AS one;\n", "one\n1\n").await;
    let (_, error) = run(command(&[]), "SELECT * FROM lake.missing;\n").await;
    assert!(error.ends_with("ERROR 1146 (42S02) at line 1: Table 'lake.missing' doesn't exist\n"), "{error}");

    let trusted = format!("--ssl-ca={}", lake.home().join("server.crt").display());
    for compress in [&[][..], &["--compress"]].into_iter().filter(|_| encrypts()) {
        let (output, error) =
            run(command(&[compress, &[&*trusted, "--ssl-verify-server-cert"]].concat()), "status\n").await;
        assert!(output.contains("Cipher in use is TLS_"), "{output} {error}");
    }
    let (_, error) = run(command(&["--password=wrong"]), "SELECT 1;\n").await;
    assert!(error.starts_with("ERROR 1045 (28000): Access denied for user 'ann'@'localhost'"), "{error}");

    let mut endless = command(&["--quick", "--skip-column-names"]);
    endless.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
    let mut endless = endless.spawn().unwrap();
    let statement = "SELECT CONNECTION_ID();\nSELECT COUNT(*) FROM lake.numbers a, lake.numbers b, lake.numbers c, \
         lake.numbers d WHERE a.n + b.n + c.n + d.n < 0;\n";
    endless.stdin.take().unwrap().write_all(statement.as_bytes()).await.unwrap();
    let mut watcher = Conn::new(options(server.address).user(Some(USER)).pass(Some(PASSWORD))).await.unwrap();
    let runs = "SELECT COUNT(*) FROM information_schema.processlist WHERE info LIKE 'SELECT%lake.numbers d%' \
         AND id <> CONNECTION_ID()";
    while watcher.query_first(runs).await.unwrap() != Some(1) {}
    // Ctrl-C: the program kills its statement over a second connection.
    let interrupt = Command::new("kill").args(["-INT", &endless.id().unwrap().to_string()]).status().await;
    assert!(interrupt.unwrap().success());
    let output = endless.wait_with_output().await.unwrap();
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(error.contains("ERROR 1317 (70100) at line 2: Query execution was interrupted"), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn mariadb_command_line_reads_every_type() {
    let lake = fixture::lake();
    let server = serve(&lake);
    let Some(command) = mariadb(&server) else { return };
    let arguments = ["--xml", "--binary-as-hex"];
    let (answer, error) = run(command(&arguments), "SELECT * FROM lake.types ORDER BY id;\n").await;
    let rows: Vec<&str> = answer.split("<row>").skip(1).collect();
    assert_eq!(rows.len(), 4, "{answer} {error}");
    for line in include_str!("../clients/expected.tsv").lines().filter(|line| !line.starts_with('#')) {
        let [row, column, kind, expected] = line.split('\t').collect::<Vec<_>>()[..] else {
            panic!("{line}")
        };
        let row = rows[row.parse::<usize>().unwrap() - 1];
        let (_, field) = row.split_once(&format!("<field name=\"{column}\"")).expect(line);
        let (found, _) = field.split_once('\n').expect(line);
        let found = found.trim_end_matches("</field>").trim_start_matches('>');
        let number = || found.parse::<f64>().unwrap();
        let same = match kind {
            "null" => found == " xsi:nil=\"true\" />",
            // Six digits of a FLOAT are told.
            "float" => expected.parse().is_ok_and(|told: f64| (told - number()).abs() <= told.abs() * 1e-5),
            "double" => expected.parse() == Ok(number()),
            "bytes" => found.to_lowercase() == format!("0x{expected}"),
            "datetime" | "time" if found.contains('.') => {
                found.trim_end_matches('0').trim_end_matches('.') == expected
            }
            _ => found == expected,
        };
        assert!(same, "{line} is {found}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn mariadb_command_line_streams() {
    let lake = fixture::lake();
    let server = serve(&lake);
    let Some(command) = mariadb(&server) else { return };
    let mut client = command(&["--quick", "--unbuffered", "--skip-column-names"]);
    client.stdin(Stdio::piped()).stdout(Stdio::piped()).kill_on_drop(true);
    let mut client = client.spawn().unwrap();
    let processes = [client.id().unwrap(), server.id()];
    let mut stdin = client.stdin.take().unwrap();
    let mut lines = BufReader::new(client.stdout.take().unwrap()).lines();
    stdin.write_all(b"SELECT 'begin';\n").await.unwrap();
    assert_eq!(lines.next_line().await.unwrap().as_deref(), Some("begin"));
    let before = processes.map(memory_peak);
    let large = "SELECT REPEAT('x', 1000) FROM lake.numbers a, lake.numbers b WHERE b.n < 100;\n";
    stdin.write_all(large.as_bytes()).await.unwrap();
    for _ in 0..100_000 {
        assert_eq!(lines.next_line().await.unwrap().map(|line| line.len()), Some(1000));
    }
    check_growth(processes, before, "mariadb");
}

/// The command line as `ann` at a server, to which arguments are given.
fn mariadb(server: &Program) -> Option<impl Fn(&[&str]) -> Command> {
    let mariadb = program("mariadb", &[])?;
    let port = format!("--port={}", server.address.port());
    Some(move |arguments: &[&str]| {
        let mut command = Command::new(&mariadb);
        command.args(["--no-defaults", "--host=127.0.0.1", "--user=ann", "--password=correct horse"]);
        command.arg(&port).args(arguments);
        command
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn mysqladmin() {
    let Some(mysqladmin) = program("mysqladmin", &[]) else { return };
    let lake = fixture::lake();
    let server = serve(&lake);
    for (arguments, expected) in [
        (&["ping"][..], "mysqld is alive"),
        (&["status"], "Uptime: "),
        (&["version"], "Server version"),
        (&["processlist"], "| show processlist"),
        (&["variables"], "| max_allowed_packet "),
        (&["extended-status"], "| Threads_connected "),
        (&["--count=2", "--sleep=0", "status", "--compress"][..if encrypts() { 4 } else { 3 }], "Threads: "),
    ] {
        let mut command = Command::new(&mysqladmin);
        command.args(["--no-defaults", "--host=127.0.0.1", "--user=ann", "--password=correct horse"]);
        command.arg(format!("--port={}", server.address.port())).args(arguments);
        let (output, error) = run(command, "").await;
        assert!(output.to_lowercase().contains(&expected.to_lowercase()), "{arguments:?}: {output} {error}");
    }
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

/// What a program prints, and what it complains about.
async fn run(mut command: Command, input: &str) -> (String, String) {
    let mut process = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    // A program that fails at once does not read it.
    let _ = process.stdin.take().unwrap().write_all(input.as_bytes()).await;
    let output = process.wait_with_output().await.unwrap();
    (String::from_utf8(output.stdout).unwrap(), String::from_utf8_lossy(&output.stderr).into_owned())
}

/// The Python of the client tests, if it has some packages.
pub fn python_with(packages: &str) -> Option<PathBuf> {
    let pythons = environment().into_iter().map(|directory| directory.join("python"));
    let has_packages = |python: &PathBuf| {
        let import = std::process::Command::new(python).args(["-c", &format!("import {packages}")]).output();
        import.is_ok_and(|import| import.status.success())
    };
    pythons.filter(|python| python.is_file()).find(has_packages)
}
