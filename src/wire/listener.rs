//! The listener: lets connections in while there is room, and ends them all when the server stops.
//!
//! It must not know what is said on a connection.

use std::io::{self, ErrorKind, Write};
use std::sync::Arc;
use std::time::Duration;

use mysql_common::constants::CapabilityFlags;
use socket2::{SockRef, TcpKeepalive};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::{debug, info, warn};

use super::connection::Connection;
use super::error::Error;
use super::limits::Limits;
use super::local::LocalListener;
use super::packet::PacketWriter;
use super::peer::Peer;
use super::reply::Replies;
use super::tls::Tls;
use super::transport::SystemStream;
use crate::auth;
use crate::config::{Config, Network};
use crate::engine::session::Engine;

/// Pause after the system had no room for a connection, so that waiting for room is not a busy loop.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// What all connections share.
#[derive(Debug)]
pub struct Shared {
    /// Runs the statements.
    pub(super) engine: Arc<Engine>,
    /// Who may log in.
    pub(super) users: Arc<auth::Current>,
    /// The certificate, where there is one.
    pub(super) tls: Option<Tls>,
    /// Longest time from connecting to being logged in.
    pub(super) connect_timeout: Duration,
    /// Largest payload of a client that is logged in.
    pub(super) payload_bytes_max: usize,
    /// From where the PROXY protocol is spoken.
    pub(super) proxies: Vec<Network>,
    /// How many clients there may be.
    pub(super) limits: Arc<Limits>,
    keepalive: Duration,
    shutdown_timeout: Duration,
    connections: TaskTracker,
}

/// The ways in.
#[derive(Debug)]
pub struct Listeners {
    /// From the network.
    pub tcp: TcpListener,
    /// From this machine.
    pub local: Option<LocalListener>,
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
    pub fn new(
        config: &Config,
        engine: Arc<Engine>,
        users: Arc<auth::Current>,
        tls: Option<Tls>,
    ) -> Arc<Self> {
        Arc::new(Self {
            engine,
            users,
            tls,
            connect_timeout: config.connect_timeout.0,
            payload_bytes_max: config.max_allowed_packet.bytes(),
            proxies: config.proxy_protocol_from.clone(),
            limits: Limits::new(config),
            keepalive: config.tcp_keepalive.0,
            shutdown_timeout: config.shutdown_timeout.0,
            connections: TaskTracker::new(),
        })
    }

    /// Looks at the certificate's files now instead of at the next time.
    pub async fn reload_certificate(&self) {
        if let Some(tls) = &self.tls {
            tls.look().await;
        }
    }

    /// How many connections are open, for a shutdown that waits for them.
    pub fn open_connections(&self) -> usize {
        self.connections.len()
    }
}

/// Serves MySQL clients until `shutdown`; then closes idle connections, lets running statements end within
/// `config.shutdown_timeout`, cancels the rest, and returns when every connection is closed.
pub async fn serve(listeners: Listeners, shared: Arc<Shared>, shutdown: CancellationToken) {
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
        () = accept(&listeners, &shared, &stop) => {}
        () = watch => {}
    }
    drop(listeners);

    shared.connections.close();
    if timeout(shared.shutdown_timeout, shared.connections.wait()).await.is_err() {
        info!(connections = shared.open_connections(), "cancelling what still runs");
        stop.cancelled.cancel();
        shared.connections.wait().await;
    }
}

/// Lets connections in. Never ends.
async fn accept(listeners: &Listeners, shared: &Arc<Shared>, stop: &Stop) {
    let local = async || match &listeners.local {
        Some(listener) => listener.accept().await,
        None => std::future::pending().await,
    };
    let mut exhausted = false;
    loop {
        let accepted = tokio::select! {
            accepted = listeners.tcp.accept() => {
                accepted.map(|(stream, address)| (SystemStream::Tcp(stream), Peer::Network(address)))
            }
            accepted = local() => accepted.map(|stream| (SystemStream::Unix(stream), Peer::Local)),
        };
        match accepted {
            Ok((stream, peer)) => {
                exhausted = false;
                admit(shared, stop, stream, peer);
            }
            // The client went before it was let in.
            Err(error)
                if matches!(error.kind(), ErrorKind::ConnectionAborted | ErrorKind::ConnectionReset) => {}
            // Most often there are no file descriptors left. The clients wait until there are.
            Err(error) => {
                if !std::mem::replace(&mut exhausted, true) {
                    warn!(%error, "cannot accept connections; trying again and again");
                }
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}

/// Begins a connection if there is room for one.
fn admit(shared: &Arc<Shared>, stop: &Stop, stream: SystemStream, peer: Peer) {
    let Some(place) = shared.limits.place() else {
        metrics::counter!("lakefront_connections_refused_total").increment(1);
        refuse(stream);
        return;
    };
    if let SystemStream::Tcp(stream) = &stream
        && let Err(error) = tune(stream, shared.keepalive)
    {
        debug!(%error, "cannot set the options of a socket");
    }
    let connection = Connection::new(Arc::clone(shared), stop.clone(), place, peer, stream);
    shared.connections.spawn(connection.serve());
}

/// Answers are sent whole, and waiting for more of them only makes them late. A client whose machine is gone is
/// noticed although it sent no goodbye.
fn tune(stream: &TcpStream, keepalive: Duration) -> io::Result<()> {
    const PROBES_APART: Duration = Duration::from_secs(10);
    stream.set_nodelay(true)?;
    if !keepalive.is_zero() {
        let keepalive = TcpKeepalive::new().with_time(keepalive).with_interval(PROBES_APART);
        SockRef::from(stream).set_tcp_keepalive(&keepalive)?;
    }
    Ok(())
}

/// Tells a client that there is no room. It costs no task and no wait: a new socket's buffer takes so little at once.
fn refuse(stream: SystemStream) {
    let packets = PacketWriter::new(tokio::io::sink(), Duration::ZERO);
    let mut replies = Replies { packets, capabilities: CapabilityFlags::empty(), results_set: None };
    replies.error(&Error::TooManyConnections);
    // A client that cannot be told sees that the connection is closed.
    let _ = match stream {
        SystemStream::Tcp(stream) => {
            stream.into_std().and_then(|mut stream| stream.write(replies.packets.pending()))
        }
        SystemStream::Unix(stream) => {
            stream.into_std().and_then(|mut stream| stream.write(replies.packets.pending()))
        }
    };
}
