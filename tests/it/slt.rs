//! Every `tests/slt/*.slt` over the wire, each file in sessions of its own on the shared lake of `fixture.rs`.
//!
//! Values are MySQL's text; NULL is `NULL`, an empty string `(empty)`, bytes that are no readable text `0x…`, a line
//! break `\n`. Values of a row stand one blank apart. Two comments before a statement ask for more:
//! `/* headings */` puts the headings before the rows; `/* columns */` answers the column definitions in
//! place of the rows, one line each: name, type, length, decimals, character set, flags.
//!
//! `connection NAME` opens another session. For work on the tests, environment variables choose the files
//! whose names contain `SLT`, write what was answered into them (`SLT_UPDATE`), and take the answers from
//! another server (`SLT_URL`).

use std::fmt;
use std::path::PathBuf;

use mysql_async::consts::ColumnFlags;
use mysql_async::prelude::Queryable;
use mysql_async::{Column, Conn, Opts, OptsBuilder, Row, Value};
use sqllogictest::{AsyncDB, DBOutput, DefaultColumnType, Runner};

use crate::fixture;
use crate::server::TestServer;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn files() {
    let lake = fixture::lake();
    let server = TestServer::start(&lake).await;
    let options: Opts = match variable("SLT_URL") {
        Some(url) => OptsBuilder::from_opts(Opts::from_url(&url).unwrap()).prefer_socket(false).into(),
        None => server.options().into(),
    };
    let update = variable("SLT_UPDATE").is_some();

    let mut failures = Vec::new();
    for path in files_of(&variable("SLT").unwrap_or_default()) {
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        let mut runner = Runner::new(|| Client::connect(options.clone()));
        runner.with_validator(same_rows);
        runner.with_normalizer(without_trailing_blanks);
        let outcome = if update {
            let updated = runner.update_test_file(
                &path,
                " ",
                same_rows,
                without_trailing_blanks,
                sqllogictest::default_column_validator,
            );
            updated.await.map_err(|error| error.to_string())
        } else {
            runner.run_file_async(&path).await.map_err(|error| error.display(false).to_string())
        };
        runner.shutdown_async().await;
        match outcome {
            Ok(()) => println!("{name}: ok"),
            Err(error) => failures.push(format!("{name}: {error}")),
        }
    }
    server.stop().await;
    assert!(failures.is_empty(), "{}", failures.join("\n\n"));
}

#[expect(clippy::disallowed_methods, reason = "these variables steer the tests, not the server")]
fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

fn files_of(part: &str) -> Vec<PathBuf> {
    let mut files: Vec<PathBuf> = std::fs::read_dir("tests/slt")
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "slt"))
        .filter(|path| path.file_name().unwrap().to_string_lossy().contains(part))
        .collect();
    files.sort();
    assert!(!files.is_empty(), "no file of tests/slt has `{part}` in its name");
    files
}

/// Rows are compared as they are; only what an editor strips at the end of a line does not count.
fn same_rows(normalize: sqllogictest::Normalizer, actual: &[Vec<String>], expected: &[String]) -> bool {
    let actual = actual.iter().map(|values| normalize(&values.join(" ")));
    actual.eq(expected.iter().map(normalize))
}

#[expect(clippy::ptr_arg, reason = "the runner's signature")]
fn without_trailing_blanks(line: &String) -> String {
    line.trim_end().to_owned()
}

/// One session.
struct Client {
    connection: Option<Conn>,
}

impl Client {
    async fn connect(options: Opts) -> Result<Self, Failure> {
        Ok(Self { connection: Some(Conn::new(options).await?) })
    }
}

#[async_trait::async_trait]
impl AsyncDB for Client {
    type Error = Failure;
    type ColumnType = DefaultColumnType;

    async fn run(&mut self, sql: &str) -> Result<DBOutput<DefaultColumnType>, Failure> {
        let connection = self.connection.as_mut().expect("a runner does not use a session that it shut down");
        let mut result = connection.query_iter(sql).await?;
        let columns = result.columns();
        let Some(columns) = columns.filter(|columns| !columns.is_empty()) else {
            return Ok(DBOutput::StatementComplete(result.affected_rows()));
        };
        let mut rows: Vec<Vec<String>> = result.collect::<Row>().await?.iter().map(texts).collect();
        result.drop_result().await?;
        if sql.starts_with("/* headings */") {
            rows.insert(0, columns.iter().map(|column| column.name_str().into_owned()).collect());
        }
        if sql.starts_with("/* columns */") {
            rows = columns.iter().map(|column| vec![definition(column)]).collect();
        }
        let width = rows.first().map_or(columns.len(), Vec::len);
        Ok(DBOutput::Rows { types: vec![DefaultColumnType::Any; width], rows })
    }

    async fn shutdown(&mut self) {
        if let Some(connection) = self.connection.take() {
            // The session ends either way.
            let _ = connection.disconnect().await;
        }
    }

    fn engine_name(&self) -> &str {
        "lakefront"
    }

    fn error_sql_state(error: &Failure) -> Option<String> {
        match &error.0 {
            mysql_async::Error::Server(error) => Some(error.state.clone()),
            _ => None,
        }
    }
}

fn texts(row: &Row) -> Vec<String> {
    (0..row.len()).map(|index| text(row.as_ref(index).unwrap_or(&Value::NULL))).collect()
}

fn text(value: &Value) -> String {
    match value {
        Value::NULL => "NULL".into(),
        Value::Bytes(bytes) if bytes.is_empty() => "(empty)".into(),
        Value::Bytes(bytes) => match std::str::from_utf8(bytes) {
            Ok(text) if !text.contains(is_unreadable) => text.replace('\n', "\\n"),
            _ => bytes.iter().fold("0x".into(), |hex, byte| format!("{hex}{byte:02X}")),
        },
        other => panic!("the text protocol sends texts, not {other:?}"),
    }
}

/// Control characters hide in a file; tabs and line breaks are read.
fn is_unreadable(character: char) -> bool {
    character.is_control() && !matches!(character, '\t' | '\n')
}

fn definition(column: &Column) -> String {
    let kind = format!("{:?}", column.column_type());
    // Flags that tell a client what the values are; the others depend on keys, which a lake has not.
    let told = ColumnFlags::NOT_NULL_FLAG | ColumnFlags::UNSIGNED_FLAG | ColumnFlags::BINARY_FLAG;
    let flags: Vec<&str> = (column.flags() & told).iter_names().map(|(name, _)| name).collect();
    format!(
        "{} {} {} {} {} {}",
        column.name_str(),
        kind.strip_prefix("MYSQL_TYPE_").unwrap_or(&kind),
        column.column_length(),
        column.decimals(),
        column.character_set(),
        if flags.is_empty() { "-".into() } else { flags.join("|") },
    )
}

/// An error as the `mysql` command line shows it: `ERROR 1146 (42S02): Table 'a.b' doesn't exist`.
#[derive(Debug)]
struct Failure(mysql_async::Error);

impl From<mysql_async::Error> for Failure {
    fn from(error: mysql_async::Error) -> Self {
        Self(error)
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            mysql_async::Error::Server(error) => {
                write!(formatter, "ERROR {} ({}): {}", error.code, error.state, error.message)
            }
            other => write!(formatter, "{other}"),
        }
    }
}

impl std::error::Error for Failure {}
