//! MySQL's functions and conversions as DataFusion functions.
//!
//! They know values; of the session only what [`Context`] tells; no table.

pub mod fold;
pub mod shown;
pub mod signature;

pub mod aes;
pub mod bit;
pub mod cast;
pub mod charset;
pub mod control;
pub mod crypt;
pub mod date;
pub mod encode;
pub mod json;
pub mod locks;
pub mod miscellany;
pub mod network;
pub mod nullable;
pub mod number;
pub mod operator;
pub mod regexp;
pub mod session;
pub mod stored;
pub mod string;

pub mod aggregate;
pub mod collect;
pub mod extreme;
pub mod shift;
pub mod sliding;
pub mod telling;

pub mod calendar;
pub mod convert;
pub mod locale;
pub mod preimage;
pub mod unify;
pub mod zone;

pub mod error;

use std::collections::{BTreeMap, HashMap};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, LazyLock, Mutex};

use datafusion::common::config::{ConfigEntry, ConfigExtension, ExtensionOptions};
use datafusion::common::{Result, ScalarValue, internal_err};
use datafusion::logical_expr::{AggregateUDF, ScalarUDF, WindowUDF};
use locale::Locale;

/// All functions that do not depend on the session, by MySQL's names and ours (`mysql_…`) for operators and casts.
#[derive(Debug, Default)]
pub struct Functions {
    /// One row in, one value out.
    pub scalar: Vec<Arc<ScalarUDF>>,
    /// Many rows in, one value out.
    pub aggregate: Vec<Arc<AggregateUDF>>,
    /// One value for each row, from the rows around it.
    pub window: Vec<Arc<WindowUDF>>,
}

/// The functions; made once, shared by all sessions.
pub fn all() -> Functions {
    Functions { scalar: SCALAR.clone(), aggregate: aggregate::functions(), window: window_functions() }
}

/// DataFusion's window functions have MySQL's names and meaning, but for the defaults of LAG and LEAD.
fn window_functions() -> Vec<Arc<WindowUDF>> {
    let ours = shift::functions();
    let theirs = datafusion::functions_window::all_default_window_functions().into_iter();
    let theirs = theirs.filter(|function| ours.iter().all(|known| known.name() != function.name()));
    theirs.chain(ours.iter().cloned()).collect()
}

/// A scalar function by its name, for rules that put one into a plan.
pub fn udf(name: &str) -> Result<Arc<ScalarUDF>> {
    match BY_NAME.get(name) {
        Some(function) => Ok(Arc::clone(function)),
        None => internal_err!("there is no function {name}"),
    }
}

static SCALAR: LazyLock<Vec<Arc<ScalarUDF>>> = LazyLock::new(|| {
    let functions = [
        aes::functions(),
        bit::functions(),
        cast::functions(),
        charset::functions(),
        control::functions(),
        crypt::functions(),
        date::functions(),
        encode::functions(),
        json::functions(),
        locks::functions(),
        miscellany::functions(),
        network::functions(),
        number::functions(),
        operator::functions(),
        regexp::functions(),
        stored::functions(),
        string::functions(),
    ];
    let functions = functions.into_iter().flatten().map(signature::Function::into_udf);
    functions.chain([miscellany::sleep(), locks::get_lock(), nullable::function()]).collect()
});

static BY_NAME: LazyLock<HashMap<String, Arc<ScalarUDF>>> = LazyLock::new(|| {
    SCALAR.iter().map(|function| (function.name().to_owned(), Arc::clone(function))).collect()
});

/// What functions see of the statement that they run in: an extension of its `ConfigOptions`
/// (`args.config_options.extensions.get::<Context>()`). The time zone is `execution.time_zone`.
#[derive(Clone, Debug)]
pub struct Context {
    /// Warnings of the statement, in order.
    pub warnings: Arc<Warnings>,
    /// The statement's time.
    pub now: Moment,
    /// The variable `group_concat_max_len`, in bytes.
    pub group_concat_max_len: u64,
    /// The variable `lc_time_names`.
    pub locale: &'static Locale,
    /// The variable `default_week_format`.
    pub default_week_format: i64,
    /// The variable `cte_max_recursion_depth`.
    pub cte_max_recursion_depth: u64,
    /// Whether `sql_mode` has ERROR_FOR_DIVISION_BY_ZERO.
    pub division_by_zero_warns: bool,
    /// The variable `block_encryption_mode`.
    pub block_encryption: aes::BlockEncryption,
    /// The session's locks by name; none for a statement that no session sends.
    pub locks: Option<Arc<locks::SessionLocks>>,
    /// What the statement assigns to user variables while it runs.
    pub assigned: Arc<Assigned>,
    /// Bytes that a function may make for one batch of rows: `REPEAT('x', 1e7)` for thousands of rows is an error.
    pub bytes_per_column_max: usize,
}

/// A time that remembers whether somebody asked for it.
#[derive(Clone, Debug)]
pub struct Moment {
    micros: i64,
    asked: Arc<AtomicBool>,
}

impl Moment {
    /// So many microseconds since the Unix epoch; `asked` becomes true when somebody asks.
    pub fn new(micros: i64, asked: Arc<AtomicBool>) -> Self {
        Self { micros, asked }
    }

    /// Microseconds since the Unix epoch.
    pub fn micros(&self) -> i64 {
        self.asked.store(true, Ordering::Relaxed);
        self.micros
    }
}

/// Values for user variables, by their names in lower case.
#[derive(Debug, Default)]
pub struct Assigned(Mutex<BTreeMap<String, ScalarValue>>);

impl Assigned {
    /// Takes the place of what was assigned before.
    pub fn put(&self, name: &str, value: ScalarValue) {
        let mut values = self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        values.insert(name.to_owned(), value);
    }

    /// All there are; none is left.
    pub fn take(&self) -> BTreeMap<String, ScalarValue> {
        std::mem::take(&mut *self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner))
    }
}

impl Context {
    /// The same apart from its session: warnings and what it assigns are its own, and it has no locks.
    pub fn apart(self) -> Self {
        let warnings = Arc::new(Warnings::keeping(self.warnings.limit));
        Self { warnings, locks: None, assigned: Arc::default(), ..self }
    }
}

impl Default for Context {
    fn default() -> Self {
        Self {
            warnings: Arc::default(),
            now: Moment::new(0, Arc::default()),
            group_concat_max_len: 1024,
            locale: Locale::american(),
            default_week_format: 0,
            cte_max_recursion_depth: 1000,
            division_by_zero_warns: true,
            block_encryption: aes::BlockEncryption::default(),
            locks: None,
            assigned: Arc::default(),
            bytes_per_column_max: 16 * convert::LONGEST,
        }
    }
}

/// The warnings of one statement; only the first are kept, all are counted.
#[derive(Debug)]
pub struct Warnings {
    kept: Mutex<(u64, Vec<Warning>)>,
    /// The variable `max_error_count`.
    limit: usize,
}

impl Default for Warnings {
    fn default() -> Self {
        Self::keeping(1024)
    }
}

/// One warning, as SHOW WARNINGS lists it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Warning {
    /// `Note`, `Warning` or `Error`.
    pub level: &'static str,
    /// MySQL's number.
    pub code: u16,
    /// The text.
    pub message: String,
}

impl Warnings {
    /// None yet; so many will be kept.
    pub fn keeping(limit: usize) -> Self {
        Self { kept: Mutex::default(), limit }
    }

    /// Adds a warning.
    pub fn push(&self, code: u16, message: impl Into<String>) {
        self.add("Warning", code, message.into());
    }

    /// Adds a warning unless there is one of its number.
    pub fn push_once(&self, code: u16, message: &str) {
        let kept = self.kept.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let known = kept.1.iter().any(|warning| warning.code == code);
        drop(kept);
        if !known {
            self.push(code, message);
        }
    }

    /// Adds a note: something to know that is no mistake.
    pub fn note(&self, code: u16, message: impl Into<String>) {
        self.add("Note", code, message.into());
    }

    /// Adds the error that ended the statement; SHOW WARNINGS and SHOW ERRORS list it.
    pub fn error(&self, code: u16, message: impl Into<String>) {
        self.add("Error", code, message.into());
    }

    fn add(&self, level: &'static str, code: u16, message: String) {
        let mut kept = self.kept.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        kept.0 += 1;
        if kept.1.len() < self.limit {
            kept.1.push(Warning { level, code, message });
        }
    }

    /// Moves them behind those of `other`.
    pub fn move_to(&self, other: &Self) {
        let mut kept = self.kept.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let (count, warnings) = std::mem::take(&mut *kept);
        let mut others = other.kept.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let room = other.limit.saturating_sub(others.1.len());
        others.0 += count;
        others.1.extend(warnings.into_iter().take(room));
    }

    /// How many of those that are kept are errors.
    pub fn errors(&self) -> u64 {
        let kept = self.kept.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        kept.1.iter().filter(|warning| warning.level == "Error").count() as u64
    }

    /// The warnings that are kept, in order.
    pub fn list(&self) -> Vec<Warning> {
        self.kept.lock().unwrap_or_else(std::sync::PoisonError::into_inner).1.clone()
    }

    /// How many there were.
    pub fn count(&self) -> u64 {
        self.kept.lock().unwrap_or_else(std::sync::PoisonError::into_inner).0
    }
}

impl ConfigExtension for Context {
    const PREFIX: &'static str = "lakefront";
}

impl ExtensionOptions for Context {
    fn as_any(&self) -> &dyn std::any::Any {
        self
    }

    fn as_any_mut(&mut self) -> &mut dyn std::any::Any {
        self
    }

    fn cloned(&self) -> Box<dyn ExtensionOptions> {
        Box::new(self.clone())
    }

    fn set(&mut self, key: &str, _value: &str) -> datafusion::common::Result<()> {
        datafusion::common::config_err!("there is no option lakefront.{key}")
    }

    fn entries(&self) -> Vec<ConfigEntry> {
        Vec::new()
    }
}
