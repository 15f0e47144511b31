//! The users file: names and password verifiers, as YAML that people can read and `lakefront user` writes.
//! It must not know how an answer is proved; that is `password`.
//!
//! ```yaml
//! users:
//!   - name: alice
//!     sha256: 8b31…     # 64 hexadecimal digits of SHA256(SHA256(password))
//!     sha1: 2470…       # 40 hexadecimal digits of SHA1(SHA1(password)); leave it out to refuse mysql_native_password
//!     admin: true       # may make, change and refresh views; leave it out for users who only read
//! ```

use std::collections::{BTreeMap, BTreeSet};
use std::fs::OpenOptions;
use std::io::{self, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use super::password::{Method, Nonce, Verifier};

/// Longest user name, in characters, as in MySQL.
const NAME_CHARACTERS_MAX: usize = 32;

/// Everybody who may log in.
#[derive(Debug)]
pub struct Users {
    verifiers: BTreeMap<String, Verifier>,
    /// Who may make, change and refresh views.
    admins: BTreeSet<String>,
    /// The built-in `root` without a password, for a server that only its own machine can reach.
    passwordless_root: bool,
    /// Judges the answers of users that do not exist, so that they fail like wrong passwords.
    decoy: Verifier,
}

/// The users of now: while a server runs, who may log in may change.
#[derive(Debug)]
pub struct Current(RwLock<Arc<Users>>);

impl Current {
    /// These, until they change.
    pub fn new(users: Users) -> Arc<Self> {
        Arc::new(Self(RwLock::new(Arc::new(users))))
    }

    /// Who may log in now.
    pub fn users(&self) -> Arc<Users> {
        Arc::clone(&self.0.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Lets these users log in from now on, and no others. Who is logged in stays.
    pub fn set(&self, users: Users) {
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(users);
    }
}

impl Users {
    /// The users of a server without a users file: `root` without a password. Serve them on loopback only.
    pub fn loopback() -> Self {
        Self { passwordless_root: true, ..Self::none() }
    }

    /// No user at all: what a new users file begins with.
    pub fn none() -> Self {
        Self {
            verifiers: BTreeMap::new(),
            admins: BTreeSet::new(),
            passwordless_root: false,
            decoy: Verifier::decoy(),
        }
    }

    /// Reads a users file.
    pub fn read(path: &Path) -> Result<Self, Error> {
        let text =
            std::fs::read_to_string(path).map_err(|source| Error::Read { path: path.to_owned(), source })?;
        if let Ok(metadata) = std::fs::metadata(path)
            && metadata.permissions().mode() & 0o077 != 0
        {
            tracing::warn!(path = %path.display(), "the users file can be read by others: make its mode 0600");
        }
        Self::parse(&text).map_err(|message| Error::Invalid { path: path.to_owned(), message })
    }

    /// Writes the users file whole: a reader sees the old file or the new one, and only the owner can read it.
    pub fn write(&self, path: &Path) -> Result<(), Error> {
        let entries = self.verifiers.iter().map(|(name, verifier)| Entry {
            name: name.clone(),
            sha256: Hexadecimal(verifier.sha256),
            sha1: verifier.sha1.map(Hexadecimal),
            admin: self.is_admin(name),
        });
        let text = serde_yaml::to_string(&File { users: entries.collect() })
            .expect("a list of names and digits is always YAML");
        replace_file(path, text.as_bytes()).map_err(|source| Error::Write { path: path.to_owned(), source })
    }

    /// Adds a user.
    pub fn add(&mut self, name: &str, password: &str) -> Result<(), Error> {
        check_name(name).map_err(Error::Name)?;
        if self.verifiers.contains_key(name) {
            return Err(Error::Exists(name.to_owned()));
        }
        self.put(name, password)
    }

    /// Gives a user a new password.
    pub fn set_password(&mut self, name: &str, password: &str) -> Result<(), Error> {
        if !self.verifiers.contains_key(name) {
            return Err(Error::Unknown(name.to_owned()));
        }
        self.put(name, password)
    }

    /// The users' names, in order.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.verifiers.keys().map(String::as_str)
    }

    /// Whether a user may make, change and refresh views.
    pub fn is_admin(&self, name: &str) -> bool {
        self.admins.contains(name)
    }

    /// Whether these are the users of a server without a users file, who may come from this machine only.
    pub fn is_loopback_only(&self) -> bool {
        self.passwordless_root
    }

    /// Whether the answer to the challenge proves that a user is who it says. An unknown user is answered
    /// like a wrong password and in the same time.
    pub fn accept(&self, name: &str, method: Method, answer: &[u8], nonce: &Nonce) -> bool {
        if self.passwordless_root && name == "root" {
            return answer.is_empty();
        }
        let verifier = self.verifiers.get(name);
        let proved = verifier.unwrap_or(&self.decoy).accepts(method, answer, nonce);
        proved && verifier.is_some()
    }

    /// Whether this is the user's password itself. An unknown user is answered like a wrong password and in the
    /// same time.
    pub fn accept_password(&self, name: &str, password: &[u8]) -> bool {
        if self.passwordless_root && name == "root" {
            return password.is_empty();
        }
        let verifier = self.verifiers.get(name);
        let proved = verifier.unwrap_or(&self.decoy).is_of(password);
        proved && verifier.is_some()
    }

    /// Whether a user can log in by a method at all. Unknown users can, so that this does not tell them apart.
    pub fn knows(&self, name: &str, method: Method) -> bool {
        self.verifiers.get(name).unwrap_or(&self.decoy).knows(method)
    }

    fn put(&mut self, name: &str, password: &str) -> Result<(), Error> {
        if password.is_empty() {
            return Err(Error::EmptyPassword);
        }
        self.verifiers.insert(name.to_owned(), Verifier::new(password));
        Ok(())
    }

    fn parse(text: &str) -> Result<Self, String> {
        let file: File = match serde_yaml::from_str::<Option<File>>(text) {
            Ok(file) => file.unwrap_or_default(),
            Err(error) => return Err(error.to_string()),
        };
        let mut users = Self::none();
        for entry in file.users {
            check_name(&entry.name)?;
            if entry.admin {
                users.admins.insert(entry.name.clone());
            }
            let verifier = Verifier { sha256: entry.sha256.0, sha1: entry.sha1.map(|digits| digits.0) };
            if users.verifiers.insert(entry.name.clone(), verifier).is_some() {
                return Err(format!("users: the user {:?} is there twice", entry.name));
            }
        }
        Ok(users)
    }
}

/// Why users cannot be read, changed or written.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The users file cannot be read.
    #[error("cannot read the users file {path}: {source}")]
    Read {
        /// The users file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The users file cannot be written.
    #[error("cannot write the users file {path}: {source}")]
    Write {
        /// The users file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The file is not what a users file looks like; the message names line and field.
    #[error("{path}: {message}")]
    Invalid {
        /// The users file.
        path: PathBuf,
        /// What is wrong and where.
        message: String,
    },
    /// There is such a user already.
    #[error("the user {0:?} exists already")]
    Exists(String),
    /// There is no such user.
    #[error("there is no user {0:?}")]
    Unknown(String),
    /// Nobody may have this name; the message says why.
    #[error("{0}")]
    Name(String),
    /// A user in a file must have a password.
    #[error("the password is empty")]
    EmptyPassword,
}

#[derive(Default, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct File {
    users: Vec<Entry>,
}

#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    name: String,
    sha256: Hexadecimal<32>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    sha1: Option<Hexadecimal<20>>,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    admin: bool,
}

/// Bytes that are written as hexadecimal digits.
struct Hexadecimal<const N: usize>([u8; N]);

impl<const N: usize> Serialize for Hexadecimal<N> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let digits: String = self.0.iter().map(|byte| format!("{byte:02x}")).collect();
        serializer.serialize_str(&digits)
    }
}

impl<'de, const N: usize> Deserialize<'de> for Hexadecimal<N> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let digits = String::deserialize(deserializer)?;
        if digits.len() != 2 * N || !digits.bytes().all(|digit| digit.is_ascii_hexdigit()) {
            return Err(de::Error::custom(format_args!("expected {} hexadecimal digits", 2 * N)));
        }
        let mut bytes = [0; N];
        for (byte, pair) in bytes.iter_mut().zip(0..) {
            *byte = u8::from_str_radix(&digits[2 * pair..2 * pair + 2], 16).map_err(de::Error::custom)?;
        }
        Ok(Self(bytes))
    }
}

fn check_name(name: &str) -> Result<(), String> {
    match name.chars().count() {
        0 => Err("a user's name is empty".into()),
        length if length > NAME_CHARACTERS_MAX => {
            Err(format!("the user's name {name:?} has more than {NAME_CHARACTERS_MAX} characters"))
        }
        _ if name.chars().any(char::is_control) => {
            Err(format!("the user's name {name:?} has control characters"))
        }
        _ => Ok(()),
    }
}

/// Writes a file beside the old one, makes it durable, and puts it in its place.
fn replace_file(path: &Path, content: &[u8]) -> io::Result<()> {
    let mut beside = path.as_os_str().to_owned();
    beside.push(format!(".{}", std::process::id()));
    let beside = PathBuf::from(beside);
    // What another process of the same id left behind would keep its mode: it goes first.
    match std::fs::remove_file(&beside) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let written =
        OpenOptions::new().write(true).create_new(true).mode(0o600).open(&beside).and_then(|mut file| {
            file.write_all(content)?;
            file.sync_all()?;
            std::fs::rename(&beside, path)
        });
    if written.is_err() {
        let _ = std::fs::remove_file(&beside);
        return written;
    }
    let directory = match path.parent() {
        Some(directory) if directory != Path::new("") => directory,
        _ => Path::new("."),
    };
    std::fs::File::open(directory)?.sync_all()
}

#[cfg(test)]
mod tests {
    use mysql_common::auth::plugins::caching_sha2_password::scramble_sha256;

    use super::*;

    fn log_in(users: &Users, name: &str, password: &str) -> bool {
        let nonce = Nonce::random();
        let answer = scramble_sha256(nonce.bytes(), password.as_bytes());
        users.accept(name, Method::CachingSha2, answer.as_ref().map_or(&[], |answer| &answer[..]), &nonce)
    }

    #[test]
    fn a_written_file_is_read_again() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("users.yaml");
        let mut users = Users::none();
        users.add("alice", "secret").unwrap();
        users.add("bób", "geheim").unwrap();
        assert!(matches!(users.add("alice", "other"), Err(Error::Exists(_))));
        assert!(matches!(users.add("carol", ""), Err(Error::EmptyPassword)));
        users.write(&path).unwrap();
        users.set_password("alice", "new secret").unwrap();
        users.write(&path).unwrap();

        let users = Users::read(&path).unwrap();
        assert_eq!(users.names().collect::<Vec<_>>(), ["alice", "bób"]);
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(std::fs::read_dir(directory.path()).unwrap().count(), 1);
        assert!(log_in(&users, "alice", "new secret"));
        assert!(log_in(&users, "bób", "geheim"));
        for (name, password) in
            [("alice", "secret"), ("alice", ""), ("mallory", "secret"), ("root", ""), ("", "")]
        {
            assert!(!log_in(&users, name, password), "{name} {password}");
        }
    }

    #[test]
    fn without_a_file_only_root_without_password() {
        let users = Users::loopback();
        assert!(log_in(&users, "root", ""));
        assert!(!log_in(&users, "root", "x"));
        assert!(!log_in(&users, "Root", ""));
        assert!(!log_in(&users, "alice", ""));
    }

    #[test]
    fn a_bad_file_says_what_and_where() {
        let digits = "ab".repeat(32);
        let check = |text: &str, expected: &str| {
            let message = Users::parse(text).unwrap_err();
            assert!(message.contains(expected), "{message:?} should tell {expected:?}");
        };
        check("users:\n- name: a\n  sha25: x\n", "line 3");
        check("users:\n- name: a\n  sha25: x\n", "sha25");
        check("user: []\n", "unknown field `user`");
        check("users:\n- name: a\n  sha256: abc\n", "expected 64 hexadecimal digits");
        check(&format!("users:\n- {{name: '', sha256: {digits}}}\n"), "empty");
        check(
            &format!("users:\n- {{name: a, sha256: {digits}}}\n- {{name: a, sha256: {digits}}}\n"),
            "twice",
        );
        assert_eq!(Users::parse("").unwrap().names().count(), 0);
        let text = format!(
            "users:\n- {{name: a, sha256: {digits}, admin: true}}\n- {{name: b, sha256: {digits}}}\n"
        );
        let users = Users::parse(&text).unwrap();
        assert!(users.is_admin("a") && !users.is_admin("b") && !users.is_admin("c"));
    }
}
