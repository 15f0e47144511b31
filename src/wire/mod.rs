//! The MySQL protocol: connection phase, commands, results.
//!
//! Only this module knows packets and capability flags; it sees the engine's answers, never a plan.

use std::sync::Arc;

use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use crate::auth::Users;
use crate::config::Config;
use crate::engine::session::Engine;

/// What all connections share.
#[derive(Debug)]
pub struct Shared {}

impl Shared {
    /// The limits come from the config.
    pub fn new(_config: &Config, _engine: Arc<Engine>, _users: Arc<Users>) -> Arc<Self> {
        todo!()
    }

    /// How many connections are open, for a shutdown that waits for them.
    pub fn open_connections(&self) -> usize {
        todo!()
    }
}

/// Serves MySQL clients until `shutdown`; then closes idle connections, lets running statements end within
/// `config.shutdown_timeout`, cancels the rest, and returns when every connection is closed.
pub async fn serve(_listener: TcpListener, _shared: Arc<Shared>, _shutdown: CancellationToken) {
    todo!()
}
