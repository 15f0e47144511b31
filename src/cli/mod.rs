//! The command line. It knows the commands and their flags, not how the parts work.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context, Result};
use clap::{Parser, Subcommand};
use tokio::signal::unix::{SignalKind, signal};
use tracing::info;

use crate::clock::Clock;
use crate::config::Config;
use crate::server;
use crate::telemetry;

/// Runs the command line of this process.
pub fn run() -> ExitCode {
    let Arguments { command } = Arguments::parse();
    match command.run() {
        Ok(code) => code,
        Err(error) => {
            print_error(&error);
            ExitCode::FAILURE
        }
    }
}

/// A MySQL front for a Parquet data lake.
#[derive(Debug, Parser)]
#[command(version, about)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Serve a lake to MySQL clients until SIGTERM or Ctrl-C.
    Serve {
        /// The config file.
        #[arg(long, value_name = "FILE", default_value = "lakefront.yaml")]
        config: PathBuf,
    },
}

impl Command {
    fn run(self) -> Result<ExitCode> {
        match self {
            Self::Serve { config } => serve(Config::read(&config)?, |_| ()),
        }
    }
}

/// Serves until the process is told to stop. `ready` runs once clients can connect.
fn serve(config: Config, ready: impl FnOnce(&server::Running)) -> Result<ExitCode> {
    telemetry::start_log(config.log_format, &config.log)?;
    let network = tokio::runtime::Runtime::new().context("cannot start the network threads")?;
    network.block_on(async {
        let mut terminate = signal(SignalKind::terminate()).context("cannot listen for SIGTERM")?;
        let mut interrupt = signal(SignalKind::interrupt()).context("cannot listen for SIGINT")?;
        let running = server::start(config, Clock::system()).await?;
        ready(&running);
        let signal = tokio::select! {
            _ = terminate.recv() => "SIGTERM",
            _ = interrupt.recv() => "SIGINT",
        };
        info!(signal, "told to stop");
        running.shutdown().await;
        Ok(ExitCode::SUCCESS)
    })
}

/// One line: what went wrong, then why, then why that.
#[expect(clippy::print_stderr, reason = "the command line speaks to people")]
fn print_error(error: &anyhow::Error) {
    eprintln!("lakefront: {error:#}");
}
