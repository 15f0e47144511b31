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
    /// Reads a file of users; a file that is not there is an error.
    pub fn read(_path: &Path) -> Result<Self, Error> {
        todo!()
    }

    /// `root` without a password and nobody else: for a server that only this machine can reach.
    pub fn root_without_password() -> Self {
        todo!()
    }

    /// Adds a user, or gives an existing one a new password. Returns whether the user is new.
    pub fn add(&mut self, _name: &str, _password: &str) -> Result<bool, Error> {
        todo!()
    }

    /// Writes the file whole or not at all, readable by its owner only.
    pub fn write(&self, _path: &Path) -> Result<(), Error> {
        todo!()
    }
}
