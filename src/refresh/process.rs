//! Whether a process of this machine lives. It must not know why somebody wants to know.
//!
//! A process is known by its number, when it began, and the machine since it was started: numbers are given
//! anew. Where the system does not tell these, nobody is said to be dead.

use std::fmt;
use std::fs;
use std::io;

use serde::{Deserialize, Serialize};

/// A process, as others on its machine can find it.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
pub struct Process {
    /// The machine since it was started, and the space of process numbers on it.
    machine: String,
    number: u32,
    /// In the machine's own clock.
    began: u64,
    /// The machine's name, for people.
    #[serde(default)]
    host: String,
}

impl Process {
    /// This process.
    pub fn own() -> Option<Self> {
        let number = std::process::id();
        let host = fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default().trim().to_owned();
        Some(Self { machine: machine()?, number, began: began(number).ok()??, host })
    }

    /// Whether it is of this machine, and has ended.
    pub fn is_dead(&self) -> bool {
        let is_here = machine().is_some_and(|machine| machine == self.machine);
        // What cannot be read may live.
        is_here && began(self.number).is_ok_and(|began| began != Some(self.began))
    }
}

impl fmt::Display for Process {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "process {}", self.number)?;
        if self.host.is_empty() { Ok(()) } else { write!(formatter, " on {}", self.host) }
    }
}

fn machine() -> Option<String> {
    let started = fs::read_to_string("/proc/sys/kernel/random/boot_id").ok()?;
    let numbers = fs::read_link("/proc/self/ns/pid").ok()?;
    Some(format!("{} {}", started.trim(), numbers.display()))
}

/// When a process began; None when there is none of that number.
fn began(number: u32) -> io::Result<Option<u64>> {
    let line = match fs::read_to_string(format!("/proc/{number}/stat")) {
        Ok(line) => line,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    };
    // The name of the program stands in parentheses, and may hold anything; the time is the 22nd field.
    let began = line.rsplit_once(')').and_then(|(_, rest)| rest.split_whitespace().nth(19)?.parse().ok());
    began.map(Some).ok_or_else(|| io::Error::other("the line of a process has another form"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_dead_are_told_from_the_living() {
        // Only Linux tells.
        let Some(own) = Process::own() else { return };
        assert!(!own.is_dead());
        assert!(Process { began: own.began + 1, ..own.clone() }.is_dead());
        assert!(!Process { machine: "elsewhere".into(), began: 0, ..own.clone() }.is_dead());
        let mut child = std::process::Command::new("true").spawn().unwrap();
        let number = child.id();
        child.wait().unwrap();
        assert!(Process { number, ..own }.is_dead());
    }
}
