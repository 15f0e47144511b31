//! Points where tests let a write fail or the process die. A release build has none.

use std::io;

/// Where something could go wrong with the disk.
#[cfg(not(debug_assertions))]
pub fn point() -> io::Result<()> {
    Ok(())
}

/// Where something could go wrong with the disk; it does at the point that [`crate::config::fault`] counts.
#[cfg(debug_assertions)]
pub fn point() -> io::Result<()> {
    use std::sync::OnceLock;
    use std::sync::atomic::{AtomicU64, Ordering};

    use crate::config::{self, Fault};

    static FAULT: OnceLock<Option<Fault>> = OnceLock::new();
    static PASSED: AtomicU64 = AtomicU64::new(0);
    let Some(fault) = FAULT.get_or_init(config::fault) else { return Ok(()) };
    let point = PASSED.fetch_add(1, Ordering::SeqCst) + 1;
    match *fault {
        Fault::Die(at) if point == at => std::process::abort(),
        Fault::Fail(at) if point == at => Err(io::Error::other("a test lets this write fail")),
        Fault::Hang(at) if point == at => loop {
            std::thread::park();
        },
        Fault::Die(_) | Fault::Fail(_) | Fault::Hang(_) => Ok(()),
    }
}
