//! `lakefront user`: who may log in, and with which password. The file holds verifiers, never passwords.

use std::io::{self, BufRead, IsTerminal};
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context, Result, ensure};
use clap::{Args, Subcommand};

use crate::auth::Users;

/// What to do with a user.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Add a user. The password is asked for, or read from standard input when that is not a terminal.
    Add(Target),
    /// Give a user another password.
    Passwd(Target),
}

/// Which user, in which file.
#[derive(Debug, Args)]
pub struct Target {
    /// The user's name.
    name: String,
    /// The users file; `add` makes it when it is not there.
    #[arg(long, value_name = "FILE", default_value = "users.yaml")]
    users: PathBuf,
}

/// Adds or changes the user. A running server sees it when it is started again.
pub fn run(command: &Command) -> Result<ExitCode> {
    match command {
        Command::Add(Target { name, users: path }) => {
            let mut users = if path.exists() { Users::read(path)? } else { Users::none() };
            users.add(name, &password(name)?)?;
            users.write(path)?;
        }
        Command::Passwd(Target { name, users: path }) => {
            let mut users = Users::read(path)?;
            users.set_password(name, &password(name)?)?;
            users.write(path)?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// Asks twice at a terminal; otherwise the first line of standard input is the password.
fn password(name: &str) -> Result<String> {
    if !io::stdin().is_terminal() {
        let mut line = String::new();
        io::stdin().lock().read_line(&mut line).context("cannot read the password from standard input")?;
        return Ok(line.trim_end_matches(['\r', '\n']).to_owned());
    }
    let password =
        rpassword::prompt_password(format!("password of {name}: ")).context("cannot ask for the password")?;
    let again = rpassword::prompt_password("the same again: ").context("cannot ask for the password")?;
    ensure!(password == again, "the two passwords differ");
    Ok(password)
}
