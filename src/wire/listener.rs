//! The listener: lets connections in while there is room, and ends them all when the server stops.
//!
//! It must not know what is said on a connection.

use std::io::{ErrorKind, Write};
use std::sync::Arc;
use std::time::Duration;

use mysql_common::constants::CapabilityFlags;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::{info, warn};

use super::connection::Connection;
use super::error::Error;
use super::packet::PacketWriter;
use super::reply::Replies;
use super::tls::Tls;
use crate::auth::Users;
use crate::config::Config;
use crate::engine::session::Engine;

/// Pause after the system had no room for a connection, so that waiting for room is not a busy loop.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// What all connections share.
#[derive(Debug)]
pub struct Shared {
    /// Runs the statements.
    pub(super) engine: Arc<Engine>,
    /// Who may log in.
    pub(super) users: Arc<Users>,
    /// The certificate, where there is one.
    pub(super) tls: Option<Tls>,
    /// Longest time from connecting to being logged in.
    pub(super) connect_timeout: Duration,
    /// Largest payload of a client that is logged in.
    pub(super) payload_bytes_max: usize,
    shutdown_timeout: Duration,
    permits: Arc<Semaphore>,
    connections: TaskTracker,
}

/// How a connection hears that the server stops.
#[derive(Clone, Debug)]
pub struct Stop {
    /// No further command is begun.
    pub draining: CancellationToken,
    /// Running statements end now.
    pub cancelled: CancellationToken,
}

impl Shared {
    /// The limits come from the config.
    pub fn new(config: &Config, engine: Arc<Engine>, users: Arc<Users>, tls: Option<Tls>) -> Arc<Self> {
        Arc::new(Self {
            engine,
            users,
            tls,
            connect_timeout: config.connect_timeout.0,
            payload_bytes_max: config.max_allowed_packet.bytes(),
            shutdown_timeout: config.shutdown_timeout.0,
            permits: Arc::new(Semaphore::new(config.max_connections.min(Semaphore::MAX_PERMITS))),
            connections: TaskTracker::new(),
        })
    }

    /// How many connections are open, for a shutdown that waits for them.
    pub fn open_connections(&self) -> usize {
        self.connections.len()
    }
}

/// Serves MySQL clients until `shutdown`; then closes idle connections, lets running statements end within
/// `config.shutdown_timeout`, cancels the rest, and returns when every connection is closed.
pub async fn serve(listener: TcpListener, shared: Arc<Shared>, shutdown: CancellationToken) {
    let stop = Stop { draining: shutdown.clone(), cancelled: CancellationToken::new() };
    let watch = async {
        match &shared.tls {
            Some(tls) => tls.watch().await,
            None => std::future::pending().await,
        }
    };
    tokio::select! {
        biased;
        () = shutdown.cancelled() => {}
        () = accept(&listener, &shared, &stop) => {}
        () = watch => {}
    }
    drop(listener);

    shared.connections.close();
    if timeout(shared.shutdown_timeout, shared.connections.wait()).await.is_err() {
        info!(connections = shared.open_connections(), "cancelling what still runs");
        stop.cancelled.cancel();
        shared.connections.wait().await;
    }
}

/// Lets connections in. Never ends.
async fn accept(listener: &TcpListener, shared: &Arc<Shared>, stop: &Stop) {
    loop {
        match listener.accept().await {
            Ok((stream, peer)) => admit(shared, stop, stream, peer),
            // The client went before it was let in.
            Err(error)
                if matches!(error.kind(), ErrorKind::ConnectionAborted | ErrorKind::ConnectionReset) => {}
            Err(error) => {
                warn!(%error, "cannot accept a connection");
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}

/// Begins a connection if there is room for one.
fn admit(shared: &Arc<Shared>, stop: &Stop, stream: TcpStream, peer: std::net::SocketAddr) {
    let Ok(permit) = Arc::clone(&shared.permits).try_acquire_owned() else {
        metrics::counter!("lakefront_connections_refused_total").increment(1);
        refuse(stream);
        return;
    };
    // Answers are sent whole; waiting for more of them only makes them late.
    if let Err(error) = stream.set_nodelay(true) {
        warn!(%error, "cannot send small packets at once");
    }
    let connection = Connection::new(Arc::clone(shared), stop.clone(), peer, stream);
    let counted = Counted::new();
    shared.connections.spawn(async move {
        connection.serve().await;
        drop((counted, permit));
    });
}

/// Counts a connection while it is open, however it ends.
struct Counted;

impl Counted {
    fn new() -> Self {
        metrics::gauge!("lakefront_connections").increment(1);
        Self
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        metrics::gauge!("lakefront_connections").decrement(1);
    }
}

/// Tells a client that there is no room. It costs no task and no wait: a new socket's buffer takes so little at once.
fn refuse(stream: TcpStream) {
    let packets = PacketWriter::new(tokio::io::sink(), Duration::ZERO);
    let mut replies = Replies { packets, capabilities: CapabilityFlags::empty() };
    replies.error(&Error::TooManyConnections);
    if let Ok(mut stream) = stream.into_std() {
        let _ = stream.write(replies.packets.pending());
    }
}
