//! The byte stream under the packets: plain at first, inside TLS from the moment that the client asks for it.
//!
//! Reader and writer of a connection hold clones, so the stream can change below them. It must not know packets.

use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpStream, UnixStream};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::{ProtocolVersion, ServerConfig, ServerConnection, SupportedCipherSuite};
use tokio_rustls::server::TlsStream;

use crate::engine::session::Encryption;

/// One connection's stream. All clones are the same stream, and belong to one task.
#[derive(Clone, Debug)]
pub struct Transport(Arc<Mutex<Stream>>);

#[derive(Debug)]
enum Stream {
    Plain(Socket),
    Tls(Box<TlsStream<Socket>>),
    /// TLS was begun and not finished: nothing can be said any more, least of all in plain text.
    Closed,
}

impl Transport {
    /// A plain stream.
    pub fn new(stream: impl Into<SystemStream>) -> Self {
        Self(Arc::new(Mutex::new(Stream::Plain(Socket { ahead: Bytes::new(), stream: stream.into() }))))
    }

    /// Continues inside TLS. `ahead` are the bytes that came behind the request for it: they belong to TLS, and
    /// nothing of them is ever taken for a packet.
    pub async fn encrypt(&self, ahead: Bytes, config: Arc<ServerConfig>) -> io::Result<Encryption> {
        let Stream::Plain(mut socket) = std::mem::replace(&mut *self.lock(), Stream::Closed) else {
            return Err(io::ErrorKind::NotConnected.into());
        };
        socket.ahead = ahead;
        let stream = TlsAcceptor::from(config).accept(socket).await?;
        let encryption = encryption(stream.get_ref().1);
        *self.lock() = Stream::Tls(Box::new(stream));
        Ok(encryption)
    }

    fn lock(&self) -> MutexGuard<'_, Stream> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What was agreed on, by OpenSSL's names, as MySQL tells it.
fn encryption(connection: &ServerConnection) -> Encryption {
    let version = match connection.protocol_version() {
        Some(ProtocolVersion::TLSv1_2) => "TLSv1.2",
        Some(ProtocolVersion::TLSv1_3) => "TLSv1.3",
        _ => "",
    };
    let cipher = connection.negotiated_cipher_suite().map(openssl_name).unwrap_or_default();
    Encryption { version, cipher }
}

/// `TLS13_AES_128_GCM_SHA256` is `TLS_AES_128_GCM_SHA256`, `TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256` is
/// `ECDHE-RSA-AES128-GCM-SHA256`.
fn openssl_name(suite: SupportedCipherSuite) -> String {
    let name = format!("{:?}", suite.suite());
    if let Some(rest) = name.strip_prefix("TLS13_") {
        return format!("TLS_{rest}");
    }
    let name =
        name.trim_start_matches("TLS_").replace("_WITH_", "-").replace("AES_", "AES").replace('_', "-");
    // OpenSSL leaves out the hash that goes without saying.
    name.trim_end_matches("POLY1305-SHA256").to_owned()
        + if name.ends_with("POLY1305-SHA256") { "POLY1305" } else { "" }
}

/// The system's stream, with bytes in front that were read from it already.
#[derive(Debug)]
struct Socket {
    ahead: Bytes,
    stream: SystemStream,
}

/// What the system gives.
#[derive(Debug)]
pub enum SystemStream {
    /// From the network.
    Tcp(TcpStream),
    /// From this machine.
    Unix(UnixStream),
}

impl From<TcpStream> for SystemStream {
    fn from(stream: TcpStream) -> Self {
        Self::Tcp(stream)
    }
}

impl From<UnixStream> for SystemStream {
    fn from(stream: UnixStream) -> Self {
        Self::Unix(stream)
    }
}

impl AsyncRead for Transport {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        out: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        match &mut *self.lock() {
            Stream::Plain(socket) => Pin::new(socket).poll_read(context, out),
            Stream::Tls(stream) => match ready!(Pin::new(stream).poll_read(context, out)) {
                // Many clients close without TLS's own farewell; their packets say whether something is missing.
                Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Poll::Ready(Ok(())),
                read => Poll::Ready(read),
            },
            Stream::Closed => Poll::Ready(Err(io::ErrorKind::NotConnected.into())),
        }
    }
}

impl AsyncWrite for Transport {
    fn poll_write(self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        match &mut *self.lock() {
            Stream::Plain(socket) => Pin::new(socket).poll_write(context, bytes),
            Stream::Tls(stream) => Pin::new(stream).poll_write(context, bytes),
            Stream::Closed => Poll::Ready(Err(io::ErrorKind::NotConnected.into())),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut *self.lock() {
            Stream::Plain(socket) => Pin::new(socket).poll_flush(context),
            Stream::Tls(stream) => Pin::new(stream).poll_flush(context),
            Stream::Closed => Poll::Ready(Ok(())),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut *self.lock() {
            Stream::Plain(socket) => Pin::new(socket).poll_shutdown(context),
            Stream::Tls(stream) => Pin::new(stream).poll_shutdown(context),
            Stream::Closed => Poll::Ready(Ok(())),
        }
    }
}

impl AsyncRead for Socket {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        out: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if !self.ahead.is_empty() {
            let length = self.ahead.len().min(out.remaining());
            out.put_slice(&self.ahead.split_to(length));
            return Poll::Ready(Ok(()));
        }
        match &mut self.stream {
            SystemStream::Tcp(stream) => Pin::new(stream).poll_read(context, out),
            SystemStream::Unix(stream) => Pin::new(stream).poll_read(context, out),
        }
    }
}

impl AsyncWrite for Socket {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        match &mut self.stream {
            SystemStream::Tcp(stream) => Pin::new(stream).poll_write(context, bytes),
            SystemStream::Unix(stream) => Pin::new(stream).poll_write(context, bytes),
        }
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        parts: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        match &mut self.stream {
            SystemStream::Tcp(stream) => Pin::new(stream).poll_write_vectored(context, parts),
            SystemStream::Unix(stream) => Pin::new(stream).poll_write_vectored(context, parts),
        }
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    /// The system keeps nothing back.
    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.stream {
            SystemStream::Tcp(stream) => Pin::new(stream).poll_shutdown(context),
            SystemStream::Unix(stream) => Pin::new(stream).poll_shutdown(context),
        }
    }
}
