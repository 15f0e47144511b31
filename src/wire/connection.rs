//! One connection, from greeting to farewell.
//!
//! ```text
//! login ─→ session: command → answer → command → … ─→ farewell
//!   ↑                  │
//!   └── change user ───┘
//! ```
//!
//! It must not know what commands do; that is `client`.

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use mysql_common::constants::{CapabilityFlags, StatusFlags};
use tokio::time::timeout;
use tracing::{debug, info};

use super::client::Client;
use super::command::Command;
use super::error::{Error, Result};
use super::handshake::{self, Request};
use super::limits::Place;
use super::listener::{Shared, Stop};
use super::packet::{PacketReader, PacketWriter};
use super::peer::Peer;
use super::proxy;
use super::reply::Replies;
use super::transport::{SystemStream, Transport};
use crate::auth::Nonce;
use crate::engine::answer::Done;
use crate::engine::session::{Encryption, Login, Session};

/// A login is short. Before it nobody may make the server keep more than this.
const LOGIN_BYTES_MAX: usize = 64 << 10;

/// How long a client may take to read why the connection ends.
const FAREWELL_TIMEOUT: Duration = Duration::from_secs(2);

/// Longest time that a client may take nothing during its login. Later `net_write_timeout` counts.
const LOGIN_WRITE_TIMEOUT: Duration = Duration::from_secs(10);

/// A connection with a client.
pub struct Connection {
    shared: Arc<Shared>,
    stop: Stop,
    id: u32,
    place: Place,
    peer: Peer,
    transport: Transport,
    encryption: Option<Encryption>,
    /// What the client's answers must fit, at each login on this connection.
    nonce: Nonce,
    reader: PacketReader<Transport>,
    replies: Replies<Transport>,
}

impl Connection {
    /// A connection that nothing was said on.
    pub fn new(
        shared: Arc<Shared>,
        stop: Stop,
        place: Place,
        peer: Peer,
        stream: impl Into<SystemStream>,
    ) -> Self {
        let id = shared.engine.next_connection_id();
        let transport = Transport::new(stream);
        let reader = PacketReader::new(transport.clone(), LOGIN_BYTES_MAX);
        let packets = PacketWriter::new(transport.clone(), LOGIN_WRITE_TIMEOUT);
        let replies = Replies { packets, capabilities: CapabilityFlags::empty(), results_set: None };
        let nonce = Nonce::random();
        Self { shared, stop, id, place, peer, transport, encryption: None, nonce, reader, replies }
    }

    /// Serves the client until it leaves or must leave.
    pub async fn serve(mut self) {
        match self.sessions().await {
            Ok(()) => debug!(connection = self.id, "connection closed"),
            Err(error) => {
                debug!(connection = self.id, %error, "connection closed");
                if matches!(error, Error::Denied { .. }) {
                    self.hold_back().await;
                }
                let _ = timeout(FAREWELL_TIMEOUT, self.farewell(&error)).await;
            }
        }
    }

    /// Who tries passwords waits for the answer, and keeps its place among the strangers while it waits, also when
    /// it has hung up.
    async fn hold_back(&self) {
        let delay = self.shared.limits.failed_login(self.peer.ip());
        tokio::select! {
            () = tokio::time::sleep(delay) => {}
            () = self.stop.draining.cancelled() => {}
        }
    }

    async fn sessions(&mut self) -> Result<()> {
        let login = timeout(self.shared.connect_timeout, self.log_in());
        let mut request = login.await.unwrap_or(Err(Error::BadHandshake))?;
        self.reader.set_payload_bytes_max(self.shared.payload_bytes_max);
        let mut compression = request.compression;
        loop {
            let _counted = self.shared.limits.user(&request.user)?;
            self.place.leave_strangers();
            let mut session = self.shared.engine.session(self.id, self.login(&request));
            if !request.database.is_empty() {
                session.use_database(&request.database)?;
            }
            let changes = session.tell_changes();
            self.replies.ok(&Done::default(), &changes, session.status(), StatusFlags::empty());
            self.replies.flush().await?;
            // The answer to the login is the last one that is not compressed.
            if let Some(algorithm) = compression.take() {
                self.reader.compress(algorithm);
                self.replies.packets.compress(algorithm);
            }
            request = match self.commands(session, request.user).await? {
                Some(request) => request,
                None => return Ok(()),
            };
        }
    }

    /// Greets the client and lets it prove who it is.
    async fn log_in(&mut self) -> Result<Request> {
        self.meet().await?;
        let mut offered = handshake::CAPABILITIES;
        offered.set(CapabilityFlags::CLIENT_SSL, self.shared.tls.is_some());
        self.replies.packets.packet(|out| handshake::put_greeting(out, self.id, &self.nonce, offered));
        self.replies.flush().await?;
        self.reader.expect(self.replies.packets.sequence());
        let asked = self.request(offered).await;
        self.replies.packets.start(self.reader.sequence());
        let (capabilities, request) = asked.map_err(|error| match error {
            Error::OutOfOrder | Error::TooLarge | Error::Malformed => Error::BadHandshake,
            error => error,
        })?;
        self.replies.capabilities = capabilities;
        // What counts is how the client talks, not what it says about it.
        if !self.is_secret() && self.shared.tls.as_ref().is_some_and(|tls| tls.required) {
            return Err(Error::InsecureTransport);
        }
        self.prove(&request).await?;
        Ok(request)
    }

    /// Lets a proxy say whom it speaks for. Who is no proxy cannot say so, and a proxy cannot leave it out.
    async fn meet(&mut self) -> Result<()> {
        let proxies = &self.shared.proxies;
        if self.peer.ip().is_some_and(|ip| proxies.iter().any(|network| network.contains(ip))) {
            let parse = |bytes: &[u8]| Ok(proxy::parse(bytes)?.map(|header| (header.length, header.client)));
            if let Some(client) = self.reader.preamble(parse).await? {
                self.peer = Peer::Network(client);
            }
        }
        Ok(())
    }

    /// Reads who the client wants to be; before it, TLS begins if the client asks for it.
    async fn request(&mut self, offered: CapabilityFlags) -> Result<(CapabilityFlags, Request)> {
        let mut payload = self.reader.next().await?.ok_or(Error::Gone)?;
        if handshake::asks_for_tls(&payload) {
            let tls = self.shared.tls.as_ref().ok_or(Error::BadHandshake)?;
            let ahead = self.reader.take_ahead();
            self.encryption = Some(self.transport.encrypt(ahead, tls.config()).await?);
            payload = self.reader.next().await?.ok_or(Error::Gone)?;
        }
        let (capabilities, request) = Request::parse_response(&payload, offered)?;
        // A client that wants TLS and sends its name without it talks to somebody in between.
        if capabilities.contains(CapabilityFlags::CLIENT_SSL) && self.encryption.is_none() {
            return Err(Error::BadHandshake);
        }
        Ok((capabilities, request))
    }

    /// Whether nobody else can read what is said.
    fn is_secret(&self) -> bool {
        self.encryption.is_some() || self.peer == Peer::Local
    }

    async fn prove(&mut self, request: &Request) -> Result<()> {
        let users = &self.shared.users.users();
        let host = self.peer.host();
        let proved = if users.is_loopback_only() && !self.peer.is_local() {
            Err(Error::Denied { user: request.user.clone(), host, password: false })
        } else {
            let (nonce, secret) = (&self.nonce, self.is_secret());
            handshake::prove(&mut self.reader, &mut self.replies, users, request, nonce, &host, secret).await
        };
        if let Err(Error::Denied { .. }) = proved {
            info!(connection = self.id, user = request.user, client = %self.peer, "login denied");
            metrics::counter!("lakefront_logins_denied_total").increment(1);
        }
        proved
    }

    /// Answers commands until the client leaves, or wants to be somebody else.
    async fn commands(&mut self, session: Session, user: String) -> Result<Option<Request>> {
        let bytes_max = self.shared.payload_bytes_max;
        let engine = Arc::clone(&self.shared.engine);
        let mut client = Client::new(&mut self.replies, session, engine, user, bytes_max);
        loop {
            self.reader.rest();
            self.reader.expect(0);
            // Whatever is told from here on answers the next command, also when it does not come.
            client.replies.packets.start(1);
            let wait_timeout = client.session.variables().acting().wait_timeout;
            let payload = tokio::select! {
                biased;
                () = self.stop.draining.cancelled() => return Ok(None),
                () = client.session.killed() => return Ok(None),
                payload = self.reader.next() => match payload? {
                    Some(payload) => payload,
                    None => return Ok(None),
                },
                () = tokio::time::sleep(wait_timeout) => return Err(Error::Idle),
            };
            client.replies.packets.start(self.reader.sequence());
            let command = match Command::parse(&payload) {
                Ok(Command::Quit) => return Ok(None),
                Ok(Command::ChangeUser(body)) => {
                    drop(client);
                    return self.change_user(&body).await.map(Some);
                }
                command => command,
            };
            drop(payload);

            let mut answer = pin!(Box::pin(client.answer(command)));
            let mut told = false;
            loop {
                tokio::select! {
                    biased;
                    answered = &mut answer => break answered?,
                    error = self.reader.gone() => return Err(error),
                    () = self.stop.cancelled.cancelled() => return Err(Error::Shutdown),
                    () = self.stop.draining.cancelled(), if !told => {
                        told = true;
                        info!(connection = self.id, client = %self.peer, "shutdown waits for a running statement");
                    }
                }
            }
        }
    }

    async fn change_user(&mut self, body: &bytes::Bytes) -> Result<Request> {
        let request = Request::parse_change_user(body, self.replies.capabilities)?;
        let proof = timeout(self.shared.connect_timeout, self.prove(&request));
        proof.await.unwrap_or(Err(Error::BadHandshake))?;
        Ok(request)
    }

    /// Says why the connection ends, and waits until the client has heard it.
    async fn farewell(&mut self, error: &Error) -> Result<()> {
        if error.code().is_none() {
            return Ok(());
        }
        self.replies.error(error);
        self.replies.flush().await?;
        self.replies.packets.shutdown().await?;
        self.reader.discard().await;
        Ok(())
    }

    fn login(&self, request: &Request) -> Login {
        Login {
            user: request.user.clone(),
            admin: self.shared.users.users().is_admin(&request.user),
            host: self.peer.host(),
            address: self.peer.to_string(),
            attributes: Arc::clone(&request.attributes),
            encryption: self.encryption.clone(),
            collation: request.collation,
            interactive: self.replies.capabilities.contains(CapabilityFlags::CLIENT_INTERACTIVE),
        }
    }
}
