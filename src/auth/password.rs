//! MySQL's two challenge-response methods, seen from the server: what it keeps of a password and how
//! that proves a client's answer. It knows no names and no files.
//!
//! Both methods work the same way. The server keeps `H(H(password))`. The client answers
//! `H(password) XOR H(nonce and H(H(password)))`, so the server can take the mask away and hash once
//! more. With the double SHA-256 hash every `caching_sha2_password` login takes the fast path: no
//! password in clear text, no RSA, no TLS needed.

use rand::Rng;
use sha1::Sha1;
use sha2::{Digest, Sha256};

/// How a client proves that it knows the password.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Method {
    /// `caching_sha2_password`, with SHA-256.
    CachingSha2,
    /// `mysql_native_password`, with SHA-1, for clients that know no other.
    Native,
}

/// The random challenge of one login.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Nonce([u8; 20]);

impl Nonce {
    /// A challenge that was never used before.
    ///
    /// Clients read it as a C string, and `$` is a delimiter in MySQL's own hashes: neither NUL nor `$` occurs.
    pub fn random() -> Self {
        let mut random = rand::rng();
        Self(std::array::from_fn(|_| match random.random_range(1..=126) {
            b'$' => 127,
            byte => byte,
        }))
    }

    /// The bytes as they are sent.
    pub fn bytes(&self) -> &[u8; 20] {
        &self.0
    }
}

/// What is kept of a password: enough to prove an answer, not enough to give one.
#[derive(Clone, PartialEq, Eq)]
pub struct Verifier {
    /// `SHA256(SHA256(password))`.
    pub(super) sha256: [u8; 32],
    /// `SHA1(SHA1(password))`; without it the user cannot log in by `mysql_native_password`.
    pub(super) sha1: Option<[u8; 20]>,
}

impl Verifier {
    /// The verifier of a password.
    pub fn new(password: &str) -> Self {
        Self {
            sha256: Sha256::digest(Sha256::digest(password)).into(),
            sha1: Some(Sha1::digest(Sha1::digest(password)).into()),
        }
    }

    /// A verifier that no password has.
    pub(super) fn decoy() -> Self {
        let mut random = rand::rng();
        Self { sha256: random.random(), sha1: Some(random.random()) }
    }

    /// Whether this password can be proved by the method.
    pub fn knows(&self, method: Method) -> bool {
        method == Method::CachingSha2 || self.sha1.is_some()
    }

    /// Whether the answer to the challenge proves the password. Takes the same time for every answer of one length.
    pub fn accepts(&self, method: Method, answer: &[u8], nonce: &Nonce) -> bool {
        match (method, self.sha1) {
            (Method::CachingSha2, _) => {
                let mask: [u8; 32] =
                    Sha256::new().chain_update(self.sha256).chain_update(nonce.0).finalize().into();
                unmask(answer, mask).is_some_and(|once| same(&Sha256::digest(once), &self.sha256))
            }
            (Method::Native, Some(sha1)) => {
                let mask: [u8; 20] = Sha1::new().chain_update(nonce.0).chain_update(sha1).finalize().into();
                unmask(answer, mask).is_some_and(|once| same(&Sha1::digest(once), &sha1))
            }
            (Method::Native, None) => false,
        }
    }

    /// Whether this is the password. Takes the same time for every password of one length.
    pub fn is_of(&self, password: &[u8]) -> bool {
        same(&Sha256::digest(Sha256::digest(password)), &self.sha256)
    }
}

/// Hashes stay out of logs.
impl std::fmt::Debug for Verifier {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Verifier").finish_non_exhaustive()
    }
}

fn unmask<const N: usize>(answer: &[u8], mask: [u8; N]) -> Option<[u8; N]> {
    let answer: [u8; N] = answer.try_into().ok()?;
    Some(std::array::from_fn(|at| answer[at] ^ mask[at]))
}

/// Compares without telling by its time where the first difference is.
fn same(left: &[u8], right: &[u8]) -> bool {
    let differences = left.iter().zip(right).fold(0, |found, (left, right)| found | (left ^ right));
    left.len() == right.len() && std::hint::black_box(differences) == 0
}

#[cfg(test)]
mod tests {
    use mysql_common::auth::plugins::caching_sha2_password::scramble_sha256;
    use mysql_common::auth::plugins::mysql_native_password::scramble_native;

    use super::*;

    #[test]
    fn proves_what_clients_answer() {
        let verifier = Verifier::new("correct horse");
        for _ in 0..100 {
            let nonce = Nonce::random();
            for (password, right) in [("correct horse", true), ("correct hors", false), ("x", false)] {
                let sha2 = scramble_sha256(nonce.bytes(), password.as_bytes()).unwrap();
                assert_eq!(verifier.accepts(Method::CachingSha2, &sha2, &nonce), right);
                assert!(!verifier.accepts(Method::CachingSha2, &sha2, &Nonce::random()));
                assert!(!verifier.accepts(Method::CachingSha2, &sha2[..31], &nonce));
                let native = scramble_native(nonce.bytes(), password.as_bytes()).unwrap();
                assert_eq!(verifier.accepts(Method::Native, &native, &nonce), right);
                assert!(!verifier.accepts(Method::Native, &native, &Nonce::random()));
                assert!(!verifier.accepts(Method::Native, b"", &nonce));
            }
        }
    }

    #[test]
    fn nonces_are_text_without_delimiters() {
        for _ in 0..1_000 {
            let nonce = Nonce::random();
            assert!(nonce.bytes().iter().all(|byte| *byte != 0 && *byte != b'$' && byte.is_ascii()));
        }
    }
}
