//! Who a user is: password verifiers, whether a login's answer proves the password, and who failed to.
//!
//! It knows nothing of packets, sessions or tables. A password is never kept: only hashes of it,
//! which prove an answer but cannot make one.

pub mod failures;
pub mod password;
pub mod users;

pub use failures::Failures;
pub use password::{Method, Nonce, Verifier};
pub use users::{Current, Error, Users};
