//! Why a statement fails, and the MySQL code and SQLSTATE that tell it: one exhaustive match.
//!
//! The text of every error reaches clients: it says what went wrong, holds no secret and no internals.

/// A result whose error is the engine's.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Why a statement fails.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// 1300: a text is not valid in its character set.
    #[error("Invalid utf8mb4 character string")]
    InvalidCharacters,
}

impl Error {
    /// The MySQL error number and its SQLSTATE.
    pub fn code(&self) -> (u16, &'static str) {
        match self {
            Self::InvalidCharacters => (1300, "HY000"),
        }
    }
}
