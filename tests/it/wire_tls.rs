//! TLS: who gets in by it, what is refused, and how a certificate is exchanged for a new one.

use std::io;
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use lakefront::auth::Users;
use lakefront::clock::Clock;
use lakefront::config::{Config, Tls};
use lakefront::server;
use mysql_common::constants::CapabilityFlags;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, ReadBuf};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName};
use tokio_rustls::rustls::{ClientConfig, RootCertStore, version};

use crate::fixture;
use crate::server::{Lake, TestServer};
use crate::wire_client::{CAPABILITIES, Packet, Plugin, RawClient, answer, framed, response};

const SECURE: CapabilityFlags = CAPABILITIES.union(CapabilityFlags::CLIENT_SSL);

/// Nothing here takes long; a test that waits for ever says so.
async fn soon<T>(future: impl Future<Output = T>) -> T {
    tokio::time::timeout(Duration::from_secs(60), future).await.expect("it takes too long")
}

/// A certificate that nobody else has, in two files.
fn certificate(directory: &Path) -> (PathBuf, PathBuf, CertificateDer<'static>) {
    let pair = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let (certificate, key) = (directory.join("server.crt"), directory.join("server.key"));
    std::fs::write(&certificate, pair.cert.pem()).unwrap();
    std::fs::write(&key, pair.signing_key.serialize_pem()).unwrap();
    (certificate, key, pair.cert.der().clone())
}

/// A config with TLS, and the user `ann` beside nobody else.
fn config(lake: &Lake, required: bool) -> (Config, CertificateDer<'static>) {
    let (certificate, key, der) = certificate(lake.home());
    let users = lake.home().join("users.yaml");
    let mut all = Users::none();
    all.add("ann", "secret").unwrap();
    all.write(&users).unwrap();
    let config = Config {
        users: Some(users),
        tls: Some(Tls { certificate, key, required, check_interval: "20ms".parse().unwrap() }),
        failed_login_delay: "0s".parse().unwrap(),
        ..lake.config()
    };
    (config, der)
}

/// A client's side of TLS that trusts this certificate only.
fn connector(trusted: &CertificateDer<'static>) -> TlsConnector {
    let mut roots = RootCertStore::empty();
    roots.add(trusted.clone()).unwrap();
    let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_protocol_versions(&[&version::TLS12, &version::TLS13])
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    TlsConnector::from(Arc::new(config))
}

/// The first 32 bytes of a login, which ask for TLS.
fn request(capabilities: CapabilityFlags) -> Vec<u8> {
    response(capabilities, "", b"", "", Plugin::CachingSha2)[..32].to_vec()
}

/// A client that was greeted and has begun TLS.
async fn encrypted(
    server: &TestServer,
    trusted: &CertificateDer<'static>,
) -> io::Result<(RawClient<TlsStream<TcpStream>>, [u8; 20])> {
    let (mut client, nonce) = RawClient::greeted(server.address).await;
    client.send(&request(SECURE)).await;
    let name = ServerName::try_from("localhost").unwrap();
    let mut outcome = Ok(());
    let connector = connector(trusted);
    let client = client
        .over(async |stream| connector.connect(name, stream).await.map_err(|error| outcome = Err(error)).ok())
        .await;
    outcome?;
    Ok((client.over(async |stream| stream.unwrap()).await, nonce))
}

#[tokio::test(flavor = "multi_thread")]
async fn passwords_are_judged_alike_with_and_without_tls() {
    for (offered, required) in [(false, false), (true, false), (true, true)] {
        let lake = fixture::lake();
        let (mut config, trusted) = config(&lake, required);
        if !offered {
            config.tls = None;
        }
        let server = TestServer::start_with(config, Clock::system()).await;
        for plugin in [Plugin::CachingSha2, Plugin::Native] {
            for (user, password, database, expected) in [
                ("ann", "secret", "", 0),
                ("ann", "secret", "lake", 0),
                ("ann", "secret", "nowhere", 1049),
                ("ann", "wrong", "", 1045),
                ("ann", "", "", 1045),
                ("mallory", "secret", "nowhere", 1045),
                ("", "", "", 1045),
            ] {
                let login = |nonce: &[u8; 20], capabilities| {
                    response(capabilities, user, &answer(plugin, password, nonce), database, plugin)
                };
                if offered {
                    let (mut client, nonce) = soon(encrypted(&server, &trusted)).await.unwrap();
                    client.send(&login(&nonce, SECURE)).await;
                    let told = soon(client.finish_login(password)).await;
                    assert_eq!(code(&told), expected, "TLS: {user} {password} {database} {plugin:?}");
                } else {
                    let (mut client, _) = RawClient::greeted(server.address).await;
                    client.send(&request(SECURE)).await;
                    assert_eq!(code(&soon(client.packet()).await), 1043);
                }

                let (mut client, nonce) = RawClient::greeted(server.address).await;
                client.send(&login(&nonce, CAPABILITIES)).await;
                let told = soon(client.finish_login(password)).await;
                let expected = if required { 3159 } else { expected };
                assert_eq!(code(&told), expected, "plain: {user} {password} {database} {plugin:?}");
            }
        }
    }
}

/// An error's number, or 0 for a welcome.
fn code(packet: &Packet) -> u16 {
    match packet {
        Packet::Ok => 0,
        Packet::Error(code, _) => *code,
        other => panic!("{other:?}"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_counts_is_the_connection_and_not_the_flag() {
    let lake = fixture::lake();
    let (config, _) = config(&lake, true);
    let server = TestServer::start_with(config, Clock::system()).await;
    let plugin = Plugin::CachingSha2;
    let login = |nonce: &[u8; 20]| response(SECURE, "ann", &answer(plugin, "secret", nonce), "", plugin);

    // The flag in a plain login.
    let (mut client, nonce) = RawClient::greeted(server.address).await;
    client.send(&login(&nonce)).await;
    assert_eq!(code(&soon(client.packet()).await), 1043);
    assert_eq!(soon(client.packet()).await, Packet::Closed);

    // A request for TLS, and then a plain login; also when it stands right behind the request.
    for glued in [false, true] {
        let (mut client, nonce) = RawClient::greeted(server.address).await;
        let packets = [framed(1, &request(SECURE)), framed(2, &login(&nonce))];
        if glued {
            client.stream.write_all(&packets.concat()).await.unwrap();
        } else {
            client.stream.write_all(&packets[0]).await.unwrap();
            client.stream.write_all(&packets[1]).await.unwrap();
        }
        let mut told = Vec::new();
        // It may be closed with a reset, as not all was read.
        let _ = soon(client.stream.read_to_end(&mut told)).await;
        assert!(told.is_empty() || told[0] == ALERT, "not an alert of TLS: {told:?}");
    }
}

/// The type of TLS records that say why a connection ends.
const ALERT: u8 = 21;

#[tokio::test(flavor = "multi_thread")]
async fn tls_may_begin_in_the_same_segment_as_the_request_for_it() {
    let lake = fixture::lake();
    let (config, trusted) = config(&lake, true);
    let server = TestServer::start_with(config, Clock::system()).await;
    let (client, nonce) = RawClient::greeted(server.address).await;
    let glue = Glued { first: framed(1, &request(SECURE)), stream: client.stream };
    let name = ServerName::try_from("localhost").unwrap();
    let stream = soon(connector(&trusted).connect(name, glue)).await.unwrap();
    let mut client = RawClient::resumed(stream, 2);
    let plugin = Plugin::CachingSha2;
    client.send(&response(SECURE, "ann", &answer(plugin, "secret", &nonce), "", plugin)).await;
    assert_eq!(soon(client.finish_login("secret")).await, Packet::Ok);
}

/// A stream whose first write has more in front.
struct Glued {
    first: Vec<u8>,
    stream: TcpStream,
}

impl AsyncRead for Glued {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        out: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(context, out)
    }
}

impl AsyncWrite for Glued {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let glued = [&self.first, bytes].concat();
        let written = ready!(Pin::new(&mut self.stream).poll_write(context, &glued))?;
        let first = self.first.len();
        assert!(written >= first, "the socket took a part of the first write only");
        self.first.clear();
        Poll::Ready(Ok(written - first))
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn tls_before_1_2_is_refused() {
    let lake = fixture::lake();
    let (config, _) = config(&lake, false);
    let server = TestServer::start_with(config, Clock::system()).await;
    for version in [[3, 0], [3, 1], [3, 2]] {
        let (mut client, _) = RawClient::greeted(server.address).await;
        client.send(&request(SECURE)).await;
        // A hello with a random, no session, one cipher suite, no compression and no extensions.
        let body = [&version[..], &[7; 32], &[0], &[0, 2, 0xC0, 0x2F], &[1, 0]].concat();
        let hello = [&[1, 0, 0, body.len() as u8][..], &body].concat();
        let record = [&[22, 3, 1, 0, hello.len() as u8][..], &hello].concat();
        client.stream.write_all(&record).await.unwrap();
        let mut told = Vec::new();
        let _ = soon(client.stream.read_to_end(&mut told)).await;
        assert_eq!(told.first(), Some(&ALERT), "{version:?}: {told:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_password_itself_is_taken_where_nobody_else_can_read_it() {
    let lake = fixture::lake();
    let (config, trusted) = config(&lake, false);
    let server = TestServer::start_with(config, Clock::system()).await;
    for (password, expected) in [(&b"secret\0"[..], 0), (b"secret", 0), (b"wrong\0", 1045), (b"\0", 1045)] {
        let (mut client, _) = soon(encrypted(&server, &trusted)).await.unwrap();
        client.send(&response(SECURE, "ann", b"no scramble", "", Plugin::CachingSha2)).await;
        assert_eq!(soon(client.packet()).await, Packet::Other(vec![1, 4]));
        client.send(password).await;
        assert_eq!(code(&soon(client.packet()).await), expected, "{password:?}");
    }
    let (mut client, _) = RawClient::greeted(server.address).await;
    client.send(&response(CAPABILITIES, "ann", b"no scramble", "", Plugin::CachingSha2)).await;
    assert_eq!(code(&soon(client.packet()).await), 1045);
}

#[tokio::test(flavor = "multi_thread")]
async fn statements_and_their_status_over_tls() {
    let lake = fixture::lake();
    let (mut config, trusted) = config(&lake, true);
    config.users = None;
    let server = TestServer::start_with(config, Clock::system()).await;
    let (client, nonce) = soon(encrypted(&server, &trusted)).await.unwrap();
    let mut client = client.enter(SECURE, &nonce).await;
    let status = soon(client.query("SHOW STATUS LIKE 'Ssl_version'")).await;
    assert!(status.contains(&Packet::Other(b"\x0BSsl_version\x07TLSv1.3".to_vec())), "{status:?}");
    let cipher = soon(client.query("SHOW STATUS LIKE 'Ssl_cipher'")).await;
    let begins = |row: &[u8]| row.starts_with(b"\x0ASsl_cipher\x16TLS_AES_256_GCM_SHA384");
    assert!(cipher.iter().any(|packet| matches!(packet, Packet::Other(row) if begins(row))), "{cipher:?}");
    let result = soon(client.query("SELECT @@have_ssl, @@require_secure_transport")).await;
    assert!(result.contains(&Packet::Other(b"\x03YES\x011".to_vec())), "{result:?}");
    // More than a record of TLS, and more than a packet.
    let result = soon(client.query("SELECT REPEAT('x', 17000000)")).await;
    let Packet::Other(row) = &result[2] else { panic!("no row") };
    assert_eq!(row.len(), 17_000_000 + 9);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_certificate_is_taken_over() {
    let lake = fixture::lake();
    let (config, old) = config(&lake, false);
    let server = TestServer::start_with(config, Clock::system()).await;
    let (mut before, nonce) = soon(encrypted(&server, &old)).await.unwrap();
    before
        .send(&response(SECURE, "ann", &answer(Plugin::Native, "secret", &nonce), "", Plugin::Native))
        .await;
    assert_eq!(soon(before.finish_login("secret")).await, Packet::Ok);

    let (_, _, new) = certificate(lake.home());
    soon(async { while encrypted(&server, &new).await.is_err() {} }).await;
    assert!(encrypted(&server, &old).await.is_err());
    // The old connection goes on.
    before.command(0x0E, b"").await;
    assert_eq!(soon(before.packet()).await, Packet::Ok);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_certificate_that_cannot_be_used_stops_the_start() {
    let check = async |damage: &dyn Fn(&Path), expected: &str| {
        let lake = Lake::new();
        let (config, _) = config(&lake, false);
        damage(lake.home());
        let error = server::start(config, Clock::system()).await.unwrap_err().to_string();
        assert_eq!(error.replace(&lake.home().display().to_string(), "HOME"), expected);
    };
    check(
        &|home| std::fs::remove_file(home.join("server.key")).unwrap(),
        "cannot read HOME/server.key of the setting `tls`",
    )
    .await;
    check(
        &|home| std::fs::write(home.join("server.crt"), "text").unwrap(),
        "HOME/server.crt of the setting `tls` is not what is needed: it has no PEM section of that kind",
    )
    .await;
    check(
        &|home| {
            let other = rcgen::KeyPair::generate().unwrap().serialize_pem();
            std::fs::write(home.join("server.key"), other).unwrap();
        },
        "cannot use the certificate HOME/server.crt with the key HOME/server.key",
    )
    .await;
}
