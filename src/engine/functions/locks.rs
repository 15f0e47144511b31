//! Locks by name: GET_LOCK and its like. They are the server's, and a session's own until it gives them up or ends.
//!
//! The functions find their session's locks in the statement's [`Context`]; they know no session.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use arrow::array::{Array, AsArray, Int64Array};
use arrow::datatypes::{DataType, Float64Type, Int64Type, UInt64Type};
use async_trait::async_trait;
use datafusion::common::{Result, internal_err};
use datafusion::logical_expr::async_udf::{AsyncScalarUDF, AsyncScalarUDFImpl};
use datafusion::logical_expr::{
    ColumnarValue, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility,
};
use tokio::sync::Notify;

use super::Context;
use super::error::Error;
use super::signature::{Call, Function, returns};

/// Most locks of one session.
const LOCKS_MAX: usize = 1_000;
/// Most characters of a lock's name.
const NAME_MAX: usize = 64;
/// The longest wait of one call; a negative time waits as long.
const LONGEST_WAIT: Duration = Duration::from_secs(24 * 3600);

/// The functions that answer at once.
pub fn functions() -> Vec<Function> {
    vec![
        Function::new("release_lock", 1..=1, returns::int, |call| {
            let (locks, names) = (locks(call)?, call.text(0)?);
            call.try_primitives::<Int64Type>(|row| Ok(locks.release(&name(names.at(row))?)))
        })
        .volatile(),
        Function::new("release_all_locks", 0..=0, returns::int, |call| {
            let locks = locks(call)?;
            call.ints(|_| Some(locks.release_all()))
        })
        .volatile(),
        Function::new("is_free_lock", 1..=1, returns::int, |call| {
            let (locks, names) = (locks(call)?, call.text(0)?);
            call.try_primitives::<Int64Type>(|row| {
                Ok(Some(i64::from(locks.holder(&name(names.at(row))?).is_none())))
            })
        })
        .volatile(),
        Function::new("is_used_lock", 1..=1, returns::uint, |call| {
            let (locks, names) = (locks(call)?, call.text(0)?);
            call.try_primitives::<UInt64Type>(|row| Ok(locks.holder(&name(names.at(row))?)))
        })
        .volatile(),
    ]
}

/// `GET_LOCK(name, seconds)`: waits without holding a thread, and ends with the statement.
pub fn get_lock() -> Arc<ScalarUDF> {
    let signature = Signature::any(2, Volatility::Volatile);
    Arc::new(AsyncScalarUDF::new(Arc::new(GetLock { signature })).into_scalar_udf())
}

/// Who holds which lock of a server.
#[derive(Debug, Default)]
pub struct Locks {
    held: Mutex<HashMap<String, Held>>,
    freed: Notify,
}

#[derive(Debug)]
struct Held {
    connection: u64,
    /// A session may take a lock again, and must give it up as often.
    times: u64,
}

/// One session's part of the locks. Dropping it gives up all that it holds.
#[derive(Debug)]
pub struct SessionLocks {
    locks: Arc<Locks>,
    connection: u64,
}

impl SessionLocks {
    /// The locks as the session with this connection sees them; it holds none.
    pub fn new(locks: Arc<Locks>, connection: u64) -> Self {
        Self { locks, connection }
    }

    fn held(&self) -> MutexGuard<'_, HashMap<String, Held>> {
        self.locks.held.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes a lock if it is free or the session's own.
    fn take(&self, name: &str) -> Result<bool> {
        let mut held = self.held();
        if let Some(lock) = held.get_mut(name) {
            let own = lock.connection == self.connection;
            lock.times += u64::from(own);
            return Ok(own);
        }
        if held.values().filter(|lock| lock.connection == self.connection).count() >= LOCKS_MAX {
            return Err(Error::TooManyLocks { most: LOCKS_MAX }.into());
        }
        held.insert(name.to_owned(), Held { connection: self.connection, times: 1 });
        Ok(true)
    }

    /// Waits for a lock; false when the time is over.
    async fn wait(&self, name: &str, limit: Duration) -> Result<bool> {
        let end = tokio::time::Instant::now() + limit;
        loop {
            // To be told of a lock that is freed between the look and the wait.
            let freed = self.locks.freed.notified();
            if self.take(name)? {
                return Ok(true);
            }
            if tokio::time::timeout_at(end, freed).await.is_err() {
                return self.take(name);
            }
        }
    }

    /// 1 when the lock was given up, 0 when it is another session's, NULL when nobody holds it.
    fn release(&self, name: &str) -> Option<i64> {
        let mut held = self.held();
        let lock = held.get_mut(name)?;
        if lock.connection != self.connection {
            return Some(0);
        }
        lock.times -= 1;
        if lock.times == 0 {
            held.remove(name);
            self.locks.freed.notify_waiters();
        }
        Some(1)
    }

    /// Gives up all locks; answers how many times they were taken.
    pub fn release_all(&self) -> i64 {
        let mut held = self.held();
        let own = held.extract_if(|_, lock| lock.connection == self.connection);
        let times: u64 = own.map(|(_, lock)| lock.times).sum();
        self.locks.freed.notify_waiters();
        times as i64
    }

    fn holder(&self, name: &str) -> Option<u64> {
        self.held().get(name).map(|lock| lock.connection)
    }
}

impl Drop for SessionLocks {
    fn drop(&mut self) {
        self.release_all();
    }
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct GetLock {
    signature: Signature,
}

impl ScalarUDFImpl for GetLock {
    fn name(&self) -> &str {
        "get_lock"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _: &[DataType]) -> Result<DataType> {
        Ok(DataType::Int64)
    }

    fn invoke_with_args(&self, _: ScalarFunctionArgs) -> Result<ColumnarValue> {
        internal_err!("GET_LOCK is asynchronous")
    }
}

#[async_trait]
impl AsyncScalarUDFImpl for GetLock {
    async fn invoke_async_with_args(&self, arguments: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let rows = arguments.number_rows;
        let Some(context) = arguments.config_options.extensions.get::<Context>() else {
            return internal_err!("GET_LOCK is called outside of a session");
        };
        let Some(locks) = context.locks.clone() else {
            return internal_err!("GET_LOCK is called outside of a session");
        };
        let names = arrow::compute::cast(&arguments.args[0].to_array(rows)?, &DataType::Utf8View)?;
        let seconds = arrow::compute::cast(&arguments.args[1].to_array(rows)?, &DataType::Float64)?;
        let (names, seconds) = (names.as_string_view(), seconds.as_primitive::<Float64Type>());
        let mut answers = Vec::with_capacity(rows);
        for row in 0..rows {
            let name = name(names.is_valid(row).then(|| names.value(row)))?;
            // What is negative or no time at all waits without end, as in MySQL.
            let limit = match seconds.is_valid(row) {
                true => Duration::try_from_secs_f64(seconds.value(row)).unwrap_or(LONGEST_WAIT),
                false => LONGEST_WAIT,
            };
            answers.push(i64::from(locks.wait(&name, limit.min(LONGEST_WAIT)).await?));
        }
        Ok(ColumnarValue::Array(Arc::new(Int64Array::from(answers))))
    }
}

/// A lock's name, which has no case.
fn name(name: Option<&str>) -> Result<String> {
    match name {
        Some(name) if !name.is_empty() && name.chars().count() <= NAME_MAX => Ok(name.to_lowercase()),
        _ => Err(Error::LockName { name: name.unwrap_or("NULL").to_owned() }.into()),
    }
}

fn locks(call: &Call<'_>) -> Result<Arc<SessionLocks>> {
    match call.context().and_then(|context| context.locks.clone()) {
        Some(locks) => Ok(locks),
        None => internal_err!("{} is called outside of a session", call.function),
    }
}
