//! The drivers for Rust, each of which holds the conversation of `tests/it/clients.rs` with the server: a program of its
//! own, as the other clients are, so that its memory is nobody else's. A driver's module says how the driver does things,
//! and nothing about what must come of them.

#![expect(clippy::unwrap_used, reason = "a conversation that cannot go on fails where it is")]
#![expect(clippy::print_stdout, reason = "its lines are what the test hears of it")]

mod mysql_async_client;
mod sqlx_client;
mod value;

use std::io::BufRead;

use value::{Value, expected_types};

const PASSWORD: &str = "correct horse";
const ENDLESS: &str = "SELECT COUNT(*) FROM lake.numbers a, lake.numbers b, lake.numbers c, lake.numbers d \
     WHERE a.n + b.n + c.n + d.n < 0";
const LARGE: &str = "SELECT REPEAT('x', 1000) FROM lake.numbers a, lake.numbers b WHERE b.n < 100";
const LARGE_ROWS: usize = 100_000;

/// Where the server is.
struct Place {
    port: u16,
    /// The file of its certificate.
    certificate: String,
}

/// The number and the SQLSTATE of a server's error, and what the driver makes of it.
struct Problem {
    number: u16,
    state: String,
    text: String,
}

/// What each driver can.
trait Driver: Sized {
    /// A connection as `ann`, with the certificate verified if it is to be encrypted.
    async fn connect(place: &Place, encrypted: bool, password: &str) -> Result<Self, Problem>;

    /// All rows of a statement, by the text protocol.
    async fn text(&mut self, statement: &str) -> Result<Vec<Vec<Value>>, Problem>;

    /// All rows of a statement that is prepared and gets its values when it is executed.
    async fn prepared(&mut self, statement: &str, values: &[Value]) -> Result<Vec<Vec<Value>>, Problem>;

    /// How many rows of one text a statement has, and the bytes of all of them; none is kept.
    async fn streamed(&mut self, statement: &str) -> Result<(usize, usize), Problem>;
}

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    let [_, driver, port, certificate] = &arguments[..] else { panic!("a driver, a port and a certificate") };
    let place = Place { port: port.parse().unwrap(), certificate: certificate.clone() };
    match &**driver {
        "mysql_async" => hold::<mysql_async_client::Client>(&place).await,
        "sqlx" => hold::<sqlx_client::Client>(&place).await,
        other => panic!("no driver is called {other}"),
    }
}

/// The whole conversation. Tells each part that went well.
async fn hold<D: Driver>(place: &Place) {
    fails(D::connect(place, false, "wrong").await, 1045, "28000");
    let mut client = must(D::connect(place, false, PASSWORD).await);
    assert_eq!(cipher(&mut client).await, "");
    tell("password");
    if place.certificate != "-" {
        fails(D::connect(place, true, "wrong").await, 1045, "28000");
        client = must(D::connect(place, true, PASSWORD).await);
        let cipher = cipher(&mut client).await;
        assert!(cipher.starts_with("TLS_") || cipher.starts_with("ECDHE-"), "{cipher}");
        tell("tls");
    }

    const ALL: &str = "SELECT * FROM lake.types ORDER BY id";
    check_types(&must(client.text(ALL).await), "text");
    tell("text");
    let rows = must(client.prepared(ALL, &[]).await);
    check_types(&rows, "prepared");
    tell("prepared");
    check_parameters(&mut client, rows).await;
    tell("prepared parameters");

    fails(client.text("SELECT * FROM lake.missing").await, 1146, "42S02");
    fails(client.text("SELEC 1").await, 1064, "42000");
    tell("error");

    let rows = must(client.text("SELECT CONNECTION_ID()").await);
    let Value::Integer(connection) = rows[0][0] else { panic!("{rows:?}") };
    tell(&format!("kill {connection}"));
    fails(client.text(ENDLESS).await, 1317, "70100");
    assert_eq!(must(client.text("SELECT 1").await), [[Value::Integer(1)]]);
    tell("cancelled");

    tell("streams");
    assert_eq!(must(client.streamed(LARGE).await), (LARGE_ROWS, 1000 * LARGE_ROWS));
    tell("streamed");
}

/// The test answers every line, so that it can look at the process at that moment.
fn tell(event: &str) {
    println!("{event}");
    std::io::stdin().lock().read_line(&mut String::new()).unwrap();
}

fn must<T>(result: Result<T, Problem>) -> T {
    result.unwrap_or_else(|problem| panic!("{} {}: {}", problem.number, problem.state, problem.text))
}

fn fails<T>(result: Result<T, Problem>, number: u16, state: &str) {
    let Err(problem) = result else { panic!("{number} must be the end of it") };
    assert_eq!((problem.number, &*problem.state), (number, state), "{}", problem.text);
}

async fn cipher(client: &mut impl Driver) -> String {
    let rows = must(client.text("SHOW STATUS LIKE 'Ssl_cipher'").await);
    let Value::Text(cipher) = &rows[0][1] else { panic!("{rows:?}") };
    cipher.clone()
}

fn check_types(rows: &[Vec<Value>], way: &str) {
    assert_eq!(rows.len(), 4);
    let columns: Vec<&str> = columns();
    for (row, column, kind, text) in expected_types() {
        let at = columns.iter().position(|name| *name == column).unwrap();
        let value = &rows[row - 1][at];
        assert!(value.is(kind, text), "{way}: {column} of row {row} is {value:?} and not {kind} {text}");
    }
}

/// Sends back what was read; the server must take each value for the one that it sent.
async fn check_parameters(client: &mut impl Driver, rows: Vec<Vec<Value>>) {
    let columns = columns();
    let tests: Vec<String> = columns.iter().map(|column| format!("{column} <=> ?")).collect();
    let statement = format!("SELECT {} FROM lake.types WHERE id = ?", tests.join(", "));
    for mut row in rows {
        row.push(row[0].clone());
        let answers = must(client.prepared(&statement, &row).await);
        for (column, taken) in columns.iter().zip(&answers[0]) {
            assert_eq!(*taken, Value::Integer(1), "{column} of {row:?} is taken for something else");
        }
    }
}

/// The columns of `lake.types`.
fn columns() -> Vec<&'static str> {
    expected_types().filter(|(row, ..)| *row == 1).map(|(_, column, ..)| column).collect()
}
