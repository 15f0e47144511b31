//! `lakefront notify --test`: sends a message to everybody whom the config names, and prints what came of it.

use std::process::ExitCode;

use anyhow::{Context, Result};

use crate::clock::Clock;
use crate::config::Config;
use crate::notify::Notifier;

/// Prints a line for each target; the exit code is 1 when a message did not arrive.
pub fn run(config: &Config) -> Result<ExitCode> {
    let notifier = Notifier::new(&config.notify, Clock::system())?;
    let runtime = tokio::runtime::Runtime::new().context("cannot start threads")?;
    let outcomes = runtime.block_on(notifier.test());
    let mut failures = 0;
    for (target, outcome) in &outcomes {
        match outcome {
            Ok(()) => super::say(&format!("{target}: sent")),
            Err(error) => {
                failures += 1;
                super::say(&format!("{target}: {error}"));
            }
        }
    }
    if outcomes.is_empty() {
        super::say("the config has nobody to tell: add an entry to `notify`");
    }
    Ok(if failures == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
