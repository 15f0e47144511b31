//! The life of a statement: received, planned, admitted, finished; and the line in the log and the
//! metrics that it leaves, once, however it ends.
//!
//! It must not know how a statement is planned or run. Who holds the token of a stage is in that stage;
//! the record is written when the last holder lets go of it. When nobody said how it ended, it was cancelled.

use std::marker::PhantomData;
use std::sync::Arc;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::error::Error;
use super::processes::{Interrupt, Registration, Running};

/// Bytes of a statement that the log keeps.
const STATEMENT_BYTES_MAX: usize = 2048;

/// A statement that arrived.
#[derive(Debug)]
pub struct Received;
/// A statement with a plan.
#[derive(Debug)]
pub struct Planned;
/// A statement that may run.
#[derive(Debug)]
pub struct Admitted;

/// A statement in one stage of its life.
#[derive(Debug)]
pub struct Token<Stage> {
    life: Arc<Life>,
    stage: PhantomData<Stage>,
}

/// What all stages of a statement share: its place in the process list and its record.
#[derive(Debug)]
pub struct Life {
    running: Running,
    connection: u32,
    user: String,
    program: String,
    database: Option<String>,
    statement: String,
    received: Instant,
    record: Mutex<Record>,
}

#[derive(Debug, Default)]
struct Record {
    /// Time at the end of each stage.
    planned: Option<Duration>,
    admitted: Option<Duration>,
    first_row: Option<Duration>,
    rows: u64,
    bytes: u64,
    memory_peak: usize,
    outcome: Outcome,
}

#[derive(Debug, Default)]
enum Outcome {
    #[default]
    Cancelled,
    Finished,
    Failed(u16),
}

impl Token<Received> {
    /// A statement begins. It is in the process list until its last token is gone.
    pub fn received(
        connection: &Registration,
        running: Running,
        database: Option<&str>,
        statement: &str,
    ) -> Self {
        let login = connection.login();
        let life = Life {
            running,
            connection: connection.id(),
            user: login.user.clone(),
            program: login.attributes.get("program_name").cloned().unwrap_or_default(),
            database: database.map(str::to_owned),
            statement: for_the_log(statement),
            received: Instant::now(),
            record: Mutex::default(),
        };
        Self { life: Arc::new(life), stage: PhantomData }
    }

    /// The plan is made.
    pub fn planned(self) -> Token<Planned> {
        self.life.running.enter("waiting for its turn");
        self.next(|record, elapsed| record.planned = Some(elapsed))
    }
}

impl Token<Planned> {
    /// Its turn came.
    pub fn admitted(self) -> Token<Admitted> {
        self.life.running.enter("executing");
        self.next(|record, elapsed| record.admitted = Some(elapsed))
    }
}

impl Token<Admitted> {
    /// A batch of so many rows and bytes is on its way to the client.
    pub fn sent(&self, rows: usize, bytes: usize) {
        let elapsed = self.life.received.elapsed();
        let mut record = self.life.record();
        record.first_row.get_or_insert(elapsed);
        record.rows += rows as u64;
        record.bytes += bytes as u64;
    }

    /// Most memory that it had reserved at once.
    pub fn used_memory(&self, bytes: usize) {
        let mut record = self.life.record();
        record.memory_peak = record.memory_peak.max(bytes);
    }
}

impl<Stage> Token<Stage> {
    /// What all stages share.
    pub fn life(&self) -> &Arc<Life> {
        &self.life
    }

    fn next<Next>(self, note: impl FnOnce(&mut Record, Duration)) -> Token<Next> {
        let elapsed = self.life.received.elapsed();
        note(&mut self.life.record(), elapsed);
        Token { life: self.life, stage: PhantomData }
    }
}

impl Life {
    /// It must be planned again: files changed under it, or an algorithm needs more memory than there is.
    pub fn again(self: &Arc<Self>) -> Token<Received> {
        self.enter("planning again");
        Token { life: Arc::clone(self), stage: PhantomData }
    }

    /// It ended well.
    pub fn finish(&self) {
        self.record().outcome = Outcome::Finished;
    }

    /// It failed.
    pub fn fail(&self, error: &Error) {
        self.record().outcome = Outcome::Failed(error.code().0);
    }

    /// Shows in the process list what it does.
    pub fn enter(&self, state: &'static str) {
        self.running.enter(state);
    }

    /// What stops it from outside.
    pub fn interrupt(&self) -> &Interrupt {
        self.running.interrupt()
    }

    fn record(&self) -> MutexGuard<'_, Record> {
        self.record.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Life {
    fn drop(&mut self) {
        let total = self.received.elapsed();
        let record = std::mem::take(&mut *self.record());
        let (outcome, code) = match record.outcome {
            Outcome::Cancelled => ("cancelled", 0),
            Outcome::Finished => ("finished", 0),
            Outcome::Failed(code) => ("failed", code),
        };
        metrics::counter!("lakefront_statements_total", "outcome" => outcome).increment(1);
        metrics::counter!("lakefront_rows_total").increment(record.rows);
        metrics::counter!("lakefront_result_bytes_total").increment(record.bytes);
        metrics::histogram!("lakefront_statement_seconds").record(total.as_secs_f64());

        let milliseconds = |time: Option<Duration>| time.map(|time| time.as_secs_f64() * 1e3);
        let since = |from: Option<Duration>, to: Option<Duration>| {
            milliseconds(to.map(|to| to.saturating_sub(from.unwrap_or_default())))
        };
        tracing::info!(
            target: "query",
            connection = self.connection,
            user = self.user,
            program = self.program,
            database = self.database.as_deref().unwrap_or_default(),
            statement = self.statement,
            rows = record.rows,
            bytes = record.bytes,
            memory_bytes_peak = record.memory_peak,
            plan_ms = milliseconds(record.planned),
            queue_ms = since(record.planned, record.admitted),
            first_row_ms = since(record.admitted, record.first_row),
            total_ms = total.as_secs_f64() * 1e3,
            outcome,
            code,
            "statement"
        );
    }
}

/// The beginning of a statement; of one that may hold a password only its first word.
fn for_the_log(statement: &str) -> String {
    let mut end = statement.len().min(STATEMENT_BYTES_MAX);
    while !statement.is_char_boundary(end) {
        end -= 1;
    }
    let lower = statement.to_ascii_lowercase();
    if lower.contains("identified") || lower.contains("password") {
        return format!("{} …", statement.split_whitespace().next().unwrap_or_default());
    }
    if end < statement.len() { format!("{}…", &statement[..end]) } else { statement.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::for_the_log;

    #[test]
    fn the_log_is_short_and_tells_no_secret() {
        let check = |statement: &str, expected: &str| assert_eq!(for_the_log(statement), expected);
        check("SELECT 1", "SELECT 1");
        check("CREATE USER a IDENTIFIED BY 'x'", "CREATE …");
        check("SET PASSWORD = 'x'", "SET …");
        check(&"가".repeat(1_000), &format!("{}…", "가".repeat(682)));
    }
}
