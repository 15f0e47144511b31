//! The command line. It knows the commands and their flags, not how the parts work.

use std::process::ExitCode;

/// Runs the command line of this process.
pub fn run() -> ExitCode {
    todo!()
}
