//! A MySQL client that shows every byte: for tests of what no driver would send, and of what drivers hide.

use std::net::SocketAddr;

use mysql_common::auth::plugins::caching_sha2_password::scramble_sha256;
use mysql_common::auth::plugins::mysql_native_password::scramble_native;
use mysql_common::constants::CapabilityFlags;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;

/// What most clients can.
pub const CAPABILITIES: CapabilityFlags = CapabilityFlags::CLIENT_PROTOCOL_41
    .union(CapabilityFlags::CLIENT_SECURE_CONNECTION)
    .union(CapabilityFlags::CLIENT_PLUGIN_AUTH)
    .union(CapabilityFlags::CLIENT_CONNECT_WITH_DB)
    .union(CapabilityFlags::CLIENT_DEPRECATE_EOF);

impl Packet {
    /// What the first byte says after a command.
    fn of(payload: Vec<u8>) -> Self {
        match payload[0] {
            // A row of the binary protocol begins with a zero as well.
            0 if payload.len() == 7 => Self::Ok,
            0xFE if payload.len() == 5 => Self::End(u16::from_le_bytes([payload[3], payload[4]])),
            0xFE if payload.len() == 7 => Self::End(u16::from_le_bytes([payload[3], payload[4]])),
            0xFF => {
                let text = String::from_utf8(payload[3..].to_vec()).unwrap();
                Self::Error(u16::from_le_bytes([payload[1], payload[2]]), text)
            }
            _ => Self::Other(payload),
        }
    }
}

/// A connection on which packets are written and read by hand.
pub struct RawClient<S = TcpStream> {
    pub stream: S,
    /// The sequence number of the next packet.
    pub sequence: u8,
    /// How many ends a result has: of the columns and of the rows, or only the latter.
    ends: usize,
}

/// A packet of the server, by its first byte.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Packet {
    Ok,
    /// The end of columns or rows, with the status flags.
    End(u16),
    Error(u16, String),
    Other(Vec<u8>),
    /// The server closed the connection.
    Closed,
}

impl RawClient {
    /// Connects and reads the greeting; returns its nonce as well.
    pub async fn greeted(address: SocketAddr) -> (Self, [u8; 20]) {
        let stream = TcpStream::connect(address).await.unwrap();
        stream.set_nodelay(true).unwrap();
        Self::greeted_on(stream).await
    }

    /// Logs in as `root` without a password.
    pub async fn connect(address: SocketAddr, capabilities: CapabilityFlags) -> Self {
        let (client, nonce) = Self::greeted(address).await;
        client.enter(capabilities, &nonce).await
    }

    /// Logs in with a plugin and a password, following the server's switches; returns the last packet.
    pub async fn log_in(address: SocketAddr, user: &str, password: &str, plugin: Plugin) -> Packet {
        let (mut client, nonce) = Self::greeted(address).await;
        client.send(&response(CAPABILITIES, user, &answer(plugin, password, &nonce), "", plugin)).await;
        client.finish_login(password).await
    }
}

impl<S> RawClient<S> {
    /// A conversation that was begun by other means; the next packet has this number.
    pub fn resumed(stream: S, sequence: u8) -> Self {
        Self { stream, sequence, ends: 1 }
    }

    /// The same conversation over another stream, such as TLS around the old one.
    pub async fn over<T>(self, change: impl AsyncFnOnce(S) -> T) -> RawClient<T> {
        RawClient { stream: change(self.stream).await, sequence: self.sequence, ends: self.ends }
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> RawClient<S> {
    /// Reads the greeting; returns its nonce as well.
    pub async fn greeted_on(stream: S) -> (Self, [u8; 20]) {
        let mut client = Self { stream, sequence: 0, ends: 1 };
        let greeting = client.payload().await.unwrap();
        assert_eq!(greeting[0], 10, "{greeting:?}");
        let version = 1 + greeting[1..].iter().position(|byte| *byte == 0).unwrap();
        // Connection id, eight bytes of the nonce, then 19 bytes up to its rest.
        let first = version + 1 + 4;
        let second = first + 8 + 1 + 2 + 1 + 2 + 2 + 1 + 10;
        let mut nonce = [0; 20];
        nonce[..8].copy_from_slice(&greeting[first..first + 8]);
        nonce[8..].copy_from_slice(&greeting[second..second + 12]);
        assert!(greeting.ends_with(b"\0caching_sha2_password\0"));
        (client, nonce)
    }

    /// Logs in as `root` without a password, after the greeting.
    pub async fn enter(mut self, capabilities: CapabilityFlags, nonce: &[u8; 20]) -> Self {
        let plugin = Plugin::CachingSha2;
        self.send(&response(capabilities, "root", &answer(plugin, "", nonce), "", plugin)).await;
        assert_eq!(self.packet().await, Packet::Ok);
        self.ends = if capabilities.contains(CapabilityFlags::CLIENT_DEPRECATE_EOF) { 1 } else { 2 };
        self
    }

    /// Answers the server's packets until it says yes or no.
    pub async fn finish_login(&mut self, password: &str) -> Packet {
        loop {
            match self.packet().await {
                Packet::Other(more) if more == [1, 3] => {}
                Packet::Other(switch) if switch[0] == 0xFE => {
                    let name = switch[1..].split(|byte| *byte == 0).next().unwrap();
                    let plugin =
                        if name == b"mysql_native_password" { Plugin::Native } else { Plugin::CachingSha2 };
                    let nonce = switch[name.len() + 2..][..20].try_into().unwrap();
                    self.send(&answer(plugin, password, &nonce)).await;
                }
                last => return last,
            }
        }
    }

    /// Sends a payload as the next packet.
    pub async fn send(&mut self, payload: &[u8]) {
        let packet = framed(self.sequence, payload);
        self.stream.write_all(&packet).await.unwrap();
        self.sequence = self.sequence.wrapping_add(1);
    }

    /// Sends a command.
    pub async fn command(&mut self, code: u8, body: &[u8]) {
        self.sequence = 0;
        self.send(&[&[code], body].concat()).await;
    }

    /// Sends a query and returns all packets of its result.
    pub async fn query(&mut self, sql: &str) -> Vec<Packet> {
        self.command(3, sql.as_bytes()).await;
        self.result().await
    }

    /// Reads up to the last packet of a result: the last end, an OK, or an error.
    pub async fn result(&mut self) -> Vec<Packet> {
        let mut packets = Vec::new();
        let mut ends = 0;
        loop {
            let packet = self.packet().await;
            let first = packets.is_empty();
            packets.push(packet.clone());
            match packet {
                Packet::Ok if first => return packets,
                Packet::Error(..) | Packet::Closed => return packets,
                Packet::End(_) => {
                    ends += 1;
                    if ends == self.ends {
                        return packets;
                    }
                }
                _ => {}
            }
        }
    }

    /// The next payload, or nothing when the server has closed the connection. Checks the sequence numbers.
    pub async fn payload(&mut self) -> Option<Vec<u8>> {
        let mut payload = Vec::new();
        loop {
            let mut header = [0; 4];
            if self.stream.read_exact(&mut header).await.is_err() {
                return None;
            }
            let length = u32::from_le_bytes([header[0], header[1], header[2], 0]) as usize;
            assert_eq!(header[3], self.sequence, "sequence");
            self.sequence = self.sequence.wrapping_add(1);
            let start = payload.len();
            payload.resize(start + length, 0);
            self.stream.read_exact(&mut payload[start..]).await.unwrap();
            if length < 0xFF_FFFF {
                return Some(payload);
            }
        }
    }

    /// What the server says without being asked: the first packet after a command that never comes.
    pub async fn packet_of_silence(&mut self) -> Packet {
        self.sequence = 1;
        self.packet().await
    }

    /// The answer to bytes that were no packet: its number follows whatever the server took for one.
    pub async fn packet_after_garbage(&mut self) -> Packet {
        let mut header = [0; 4];
        self.stream.read_exact(&mut header).await.unwrap();
        let mut payload = vec![0; u32::from_le_bytes([header[0], header[1], header[2], 0]) as usize];
        self.stream.read_exact(&mut payload).await.unwrap();
        Packet::of(payload)
    }

    /// The next packet, taken for what its first byte says after a command.
    pub async fn packet(&mut self) -> Packet {
        self.payload().await.map_or(Packet::Closed, Packet::of)
    }
}

/// A method of proving the password.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Plugin {
    CachingSha2,
    Native,
}

/// A packet around a short payload.
pub fn framed(sequence: u8, payload: &[u8]) -> Vec<u8> {
    let [low, middle, high, 0] = (payload.len() as u32).to_le_bytes() else { panic!("a long payload") };
    [&[low, middle, high, sequence], payload].concat()
}

/// The answer to a challenge.
pub fn answer(plugin: Plugin, password: &str, nonce: &[u8; 20]) -> Vec<u8> {
    match plugin {
        Plugin::CachingSha2 => {
            scramble_sha256(nonce, password.as_bytes()).map_or(Vec::new(), |bytes| bytes.to_vec())
        }
        Plugin::Native => {
            scramble_native(nonce, password.as_bytes()).map_or(Vec::new(), |bytes| bytes.to_vec())
        }
    }
}

/// A handshake response.
pub fn response(
    capabilities: CapabilityFlags,
    user: &str,
    answer: &[u8],
    database: &str,
    plugin: Plugin,
) -> Vec<u8> {
    let plugin = match plugin {
        Plugin::CachingSha2 => "caching_sha2_password",
        Plugin::Native => "mysql_native_password",
    };
    let mut payload = Vec::new();
    payload.extend(capabilities.bits().to_le_bytes());
    payload.extend((16_u32 << 20).to_le_bytes());
    payload.push(45);
    payload.extend([0; 23]);
    payload.extend(user.as_bytes());
    payload.push(0);
    payload.push(answer.len() as u8);
    payload.extend(answer);
    payload.extend(database.as_bytes());
    payload.push(0);
    payload.extend(plugin.as_bytes());
    payload.push(0);
    payload
}
