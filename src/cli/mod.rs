//! The command line. It knows the commands and their flags, not how the parts work.

mod check;
pub mod demo;
mod notify;
mod refresh;
mod user;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context, Result};
use chrono::NaiveDate;
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
    /// Make a game company's sample lake if it is not there, and serve it.
    Demo {
        /// Where the sample lake is, or is made.
        #[arg(long, value_name = "DIR", default_value = "lakefront-demo")]
        dir: PathBuf,
        /// How many days it has; the last one is 2026-10-31. [default: 60]
        #[arg(long, value_name = "N")]
        days: Option<u32>,
        /// Address of the MySQL protocol. [default: 127.0.0.1:3306]
        #[arg(long, value_name = "ADDRESS")]
        listen: Option<SocketAddr>,
        /// Address of health and metrics. [default: 127.0.0.1:8080]
        #[arg(long, value_name = "ADDRESS")]
        console: Option<SocketAddr>,
    },
    /// Read the catalog and the schema of every table, and print what is wrong.
    Check {
        /// The config file.
        #[arg(long, value_name = "FILE", default_value = "lakefront.yaml")]
        config: PathBuf,
    },
    /// Bring days of a materialized view up to date.
    Refresh {
        /// The view, as `mart.daily_revenue`.
        view: String,
        /// The first day.
        #[arg(long, value_name = "DAY")]
        from: Option<NaiveDate>,
        /// The day after the last.
        #[arg(long, value_name = "DAY")]
        to: Option<NaiveDate>,
        /// Days that are up to date, too.
        #[arg(long)]
        force: bool,
        /// The config file.
        #[arg(long, value_name = "FILE", default_value = "lakefront.yaml")]
        config: PathBuf,
    },
    /// Send a message to everybody whom the config names under `notify`.
    Notify {
        /// Send a test message; nothing else can be sent by hand.
        #[arg(long, required = true)]
        test: bool,
        /// The config file.
        #[arg(long, value_name = "FILE", default_value = "lakefront.yaml")]
        config: PathBuf,
    },
    /// Add users, or change their passwords.
    #[command(subcommand)]
    User(user::Command),
}

impl Command {
    fn run(self) -> Result<ExitCode> {
        match self {
            Self::Serve { config } => serve(Config::read(&config)?, |_| ()),
            Self::Demo { dir, days, listen, console } => demo::run(&dir, days, listen, console),
            Self::Check { config } => check::run(&Config::read(&config)?),
            Self::Refresh { view, from, to, force, config } => {
                refresh::run(&Config::read(&config)?, &view, refresh::Days { from, to, force })
            }
            Self::Notify { config, .. } => notify::run(&Config::read(&config)?),
            Self::User(command) => user::run(&command),
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
        let mut hangup = signal(SignalKind::hangup()).context("cannot listen for SIGHUP")?;
        let running = server::start(config, Clock::system()).await?;
        ready(&running);
        let signal = loop {
            tokio::select! {
                _ = terminate.recv() => break "SIGTERM",
                _ = interrupt.recv() => break "SIGINT",
                _ = hangup.recv() => running.reload().await,
            }
        };
        info!(signal, "told to stop");
        running.shutdown().await;
        Ok(ExitCode::SUCCESS)
    })
}

/// Prints something for people.
#[expect(clippy::print_stdout, reason = "the command line speaks to people")]
fn say(text: &str) {
    println!("{text}");
}

/// Prints why the command failed.
#[expect(clippy::print_stderr, reason = "the command line speaks to people")]
fn print_error(error: &anyhow::Error) {
    eprintln!("{}", line("lakefront", error));
}

/// One line: of what, what went wrong, then why, then why that. A cause that stands there already is left out.
fn line(of: &str, error: &anyhow::Error) -> String {
    error.chain().fold(of.to_owned(), |line, cause| {
        let cause = cause.to_string().trim_end().replace('\n', " ");
        if line.ends_with(&cause) { line } else { format!("{line}: {cause}") }
    })
}
