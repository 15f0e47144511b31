//! Who a user is: password verifiers, and whether a login's answer proves the password.
//!
//! It knows nothing of packets, sessions or tables.
