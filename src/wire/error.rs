//! Why a command or a whole connection fails on the wire, and the MySQL code that tells it.
//!
//! It must not know why statements fail; that is `engine::error`.

use std::io;

use arrow::error::ArrowError;

use crate::engine;

/// A result whose error is the wire's.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Why a command or a connection fails.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The client closed the connection while it had something to wait for.
    #[error("the client is gone")]
    Gone,
    /// The connection broke.
    #[error("connection: {0}")]
    Io(#[from] io::Error),
    /// The client takes nothing for too long.
    #[error("the client does not read")]
    WriteTimeout,
    /// The server stops.
    #[error("Server shutdown in progress")]
    Shutdown,
    /// Nothing came for too long.
    #[error(
        "The client was disconnected by the server because of inactivity. See wait_timeout and interactive_timeout for configuring this behavior."
    )]
    Idle,
    /// There are as many connections as may be.
    #[error("Too many connections")]
    TooManyConnections,
    /// A user has as many connections as one user may have.
    #[error("User {0} already has more than 'max_user_connections' active connections")]
    TooManyOfUser(String),
    /// What came is no login.
    #[error("Bad handshake")]
    BadHandshake,
    /// The setting `tls.required` is on and the client does not use TLS.
    #[error("Connections using insecure transport are prohibited while --require_secure_transport=ON.")]
    InsecureTransport,
    /// User and password do not fit, or there is no such user: nobody must be able to tell which.
    #[error("Access denied for user '{user}'@'{host}' (using password: {})", if *.password { "YES" } else { "NO" })]
    Denied {
        /// The name that was given.
        user: String,
        /// Where the client is.
        host: String,
        /// Whether a password was given.
        password: bool,
    },
    /// A packet's number is not the one that follows.
    #[error("Got packets out of order")]
    OutOfOrder,
    /// A payload is longer than `max_allowed_packet`.
    #[error("Got a packet bigger than 'max_allowed_packet' bytes")]
    TooLarge,
    /// A compressed packet is not what its header says.
    #[error("Couldn't uncompress communication packet")]
    Uncompress,
    /// A parameter's value was sent in pieces of more than `max_allowed_packet` together.
    #[error(
        "Parameter of prepared statement which is set through mysql_send_long_data() is longer than 'max_allowed_packet' bytes"
    )]
    ParameterTooLarge,
    /// A payload ends too early, or says what it cannot say.
    #[error("Malformed communication packet.")]
    Malformed,
    /// No such command.
    #[error("Unknown command")]
    UnknownCommand,
    /// No such prepared statement.
    #[error("Unknown prepared statement handler ({id}) given to {command}")]
    UnknownStatement {
        /// The number that was given.
        id: u32,
        /// What to do with it.
        command: &'static str,
    },
    /// The connection has as many prepared statements as it may.
    #[error("Can't create more than max_prepared_stmt_count statements (current value: {0})")]
    TooManyStatements(usize),
    /// More parameters than the protocol can count.
    #[error("Prepared statement contains too many placeholders")]
    TooManyParameters,
    /// A parameter's value cannot be what it says it is.
    #[error("Incorrect arguments to {0}")]
    WrongArguments(&'static str),
    /// Rows are fetched of a statement that was not executed with a cursor.
    #[error("The statement ({0}) has no open cursor.")]
    NoCursor(u32),
    /// A batch is not what its columns promised.
    #[error("Internal error: a result has another type than was told: {0}")]
    Conversion(#[from] ArrowError),
    /// A statement fails.
    #[error(transparent)]
    Engine(#[from] engine::error::Error),
}

impl Error {
    /// The MySQL error number and its SQLSTATE, or nothing when nobody is there to be told.
    pub fn code(&self) -> Option<(u16, &'static str)> {
        Some(match self {
            Self::Gone | Self::Io(_) | Self::WriteTimeout => return None,
            Self::Shutdown => (1053, "08S01"),
            Self::Idle => (4031, "HY000"),
            Self::TooManyConnections => (1040, "08004"),
            Self::TooManyOfUser(_) => (1203, "42000"),
            Self::BadHandshake => (1043, "08S01"),
            Self::InsecureTransport => (3159, "HY000"),
            Self::Denied { .. } => (1045, "28000"),
            Self::OutOfOrder => (1156, "08S01"),
            Self::TooLarge => (1153, "08S01"),
            Self::Uncompress => (1157, "08S01"),
            Self::ParameterTooLarge => (1105, "HY000"),
            Self::Malformed => (1835, "HY000"),
            Self::UnknownCommand => (1047, "08S01"),
            Self::UnknownStatement { .. } => (1243, "HY000"),
            Self::TooManyStatements(_) => (1461, "42000"),
            Self::TooManyParameters => (1390, "HY000"),
            Self::WrongArguments(_) => (1210, "HY000"),
            Self::NoCursor(_) => (1421, "HY000"),
            Self::Conversion(_) => (1815, "HY000"),
            Self::Engine(error) => error.code(),
        })
    }

    /// Whether the connection ends with it: after the others the next command can follow.
    pub fn is_fatal(&self) -> bool {
        match self {
            Self::Gone
            | Self::Io(_)
            | Self::WriteTimeout
            | Self::Shutdown
            | Self::Idle
            | Self::TooManyConnections
            | Self::TooManyOfUser(_)
            | Self::BadHandshake
            | Self::InsecureTransport
            | Self::Denied { .. }
            | Self::OutOfOrder
            | Self::TooLarge
            | Self::Uncompress => true,
            Self::Malformed
            | Self::ParameterTooLarge
            | Self::UnknownCommand
            | Self::UnknownStatement { .. }
            | Self::TooManyStatements(_)
            | Self::TooManyParameters
            | Self::WrongArguments(_)
            | Self::NoCursor(_)
            | Self::Conversion(_)
            | Self::Engine(_) => false,
        }
    }
}
