//! Who a user is: password verifiers, and whether a login's answer proves the password.
//!
//! It knows nothing of packets, sessions or tables.

use std::path::Path;

/// Everybody who may log in.
#[derive(Debug)]
pub struct Users {}

/// Why there are no users.
#[derive(Debug, thiserror::Error)]
pub enum Error {}

impl Users {
    /// The users of a server without a users file: `root` without a password. Serve them on loopback only.
    pub fn loopback() -> Self {
        todo!()
    }

    /// No user at all: what a new users file begins with.
    pub fn none() -> Self {
        todo!()
    }

    /// Reads a users file.
    pub fn read(_path: &Path) -> Result<Self, Error> {
        todo!()
    }

    /// Adds a user.
    pub fn add(&mut self, _name: &str, _password: &str) -> Result<(), Error> {
        todo!()
    }

    /// Gives a user a new password.
    pub fn set_password(&mut self, _name: &str, _password: &str) -> Result<(), Error> {
        todo!()
    }

    /// Writes the users file whole.
    pub fn write(&self, _path: &Path) -> Result<(), Error> {
        todo!()
    }
}
