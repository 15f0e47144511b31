//! The program: run the command line, print the error, set the exit code. It knows nothing else.

use std::process::ExitCode;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    lakefront::cli::run()
}
