//! A client that reads bytes and looks at nothing but the packets' headers, so that it is the server that is measured.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::Arc;
use std::time::Instant;

use mysql_common::constants::CapabilityFlags;
use tokio_rustls::rustls::pki_types::ServerName;
use tokio_rustls::rustls::{ClientConnection, StreamOwned};

use super::servers::Server;

const CAPABILITIES: CapabilityFlags = CapabilityFlags::CLIENT_PROTOCOL_41
    .union(CapabilityFlags::CLIENT_SECURE_CONNECTION)
    .union(CapabilityFlags::CLIENT_PLUGIN_AUTH);

const BUFFER_BYTES: usize = 256 << 10;
const HEADER: usize = 4;

trait Stream: Read + Write + Send {}
impl<T: Read + Write + Send> Stream for T {}

/// A connection that is logged in as `root` without a password.
pub struct Client {
    stream: Box<dyn Stream>,
    /// What was read; the packets from `at` to `end` were not looked at.
    buffer: Vec<u8>,
    at: usize,
    end: usize,
}

impl Client {
    pub fn connect(server: &Server, encrypted: bool) -> Self {
        let mut stream = TcpStream::connect(server.address).unwrap();
        stream.set_nodelay(true).unwrap();
        // The greeting.
        let mut header = [0; HEADER];
        stream.read_exact(&mut header).unwrap();
        stream.read_exact(&mut vec![0; length(&header)]).unwrap();

        let mut flags = CAPABILITIES;
        flags.set(CapabilityFlags::CLIENT_SSL, encrypted);
        let mut login =
            [&flags.bits().to_le_bytes()[..], &(16_u32 << 20).to_le_bytes(), &[45], &[0; 23]].concat();
        let mut sequence = 1;
        let mut stream: Box<dyn Stream> = if encrypted {
            stream.write_all(&framed(sequence, &login)).unwrap();
            sequence += 1;
            let name = ServerName::try_from("localhost").unwrap();
            let connection = ClientConnection::new(Arc::clone(&server.tls), name).unwrap();
            Box::new(StreamOwned::new(connection, stream))
        } else {
            Box::new(stream)
        };
        login.extend(b"root\0\0mysql_native_password\0");
        stream.write_all(&framed(sequence, &login)).unwrap();
        let mut client = Self { stream, buffer: vec![0; BUFFER_BYTES], at: 0, end: 0 };
        assert_eq!(client.packet()[0], 0, "{} refuses the login", server.name);
        client
    }

    /// Reads all rows of a statement. Returns how many there are, and when the first one came.
    pub fn query(&mut self, sql: &str) -> (u64, Instant) {
        self.rows(sql, |_| {})
    }

    /// Reads all rows of a statement, and has a look at each.
    pub fn rows(&mut self, sql: &str, look: impl FnMut(&[u8])) -> (u64, Instant) {
        self.command(&[&[3], sql.as_bytes()].concat());
        self.drain(look)
    }

    /// The same by the binary protocol, prepared first.
    pub fn execute(&mut self, sql: &str) -> (u64, Instant) {
        self.command(&[&[0x16], sql.as_bytes()].concat());
        let told = self.packet().to_vec();
        assert_eq!(told[0], 0, "{}", String::from_utf8_lossy(&told));
        while self.packet()[0] != 0xFE {}
        self.command(&[&[0x17], &told[1..5], &[0, 1, 0, 0, 0]].concat());
        self.drain(|_| {})
    }

    pub fn leave(&mut self) {
        self.command(&[1]);
        let _ = self.stream.read(&mut self.buffer);
    }

    fn command(&mut self, payload: &[u8]) {
        self.stream.write_all(&framed(0, payload)).unwrap();
    }

    fn drain(&mut self, mut look: impl FnMut(&[u8])) -> (u64, Instant) {
        let columns = self.packet();
        if columns[0] == 0 {
            return (0, Instant::now());
        }
        assert_ne!(columns[0], 0xFF, "{}", String::from_utf8_lossy(columns));
        while !is_end(self.packet()) {}
        let mut rows = 0;
        let mut first = None;
        loop {
            let row = self.packet();
            if is_end(row) {
                return (rows, first.unwrap_or_else(Instant::now));
            }
            assert_ne!(row[0], 0xFF, "{}", String::from_utf8_lossy(row));
            first.get_or_insert_with(Instant::now);
            look(row);
            rows += 1;
        }
    }

    /// The next packet's payload. None here is longer than the buffer.
    #[inline]
    fn packet(&mut self) -> &[u8] {
        loop {
            let there = &self.buffer[self.at..self.end];
            if there.len() >= HEADER && there.len() >= HEADER + length(there) {
                let start = self.at + HEADER;
                self.at = start + length(there);
                return &self.buffer[start..self.at];
            }
            self.buffer.copy_within(self.at..self.end, 0);
            (self.end, self.at) = (self.end - self.at, 0);
            let read = self.stream.read(&mut self.buffer[self.end..]).unwrap();
            assert!(read > 0, "the server closed the connection");
            self.end += read;
        }
    }
}

#[inline]
fn is_end(payload: &[u8]) -> bool {
    payload[0] == 0xFE && payload.len() == 5
}

#[inline]
fn length(header: &[u8]) -> usize {
    u32::from_le_bytes([header[0], header[1], header[2], 0]) as usize
}

fn framed(sequence: u8, payload: &[u8]) -> Vec<u8> {
    let [low, middle, high, _] = (payload.len() as u32).to_le_bytes();
    [&[low, middle, high, sequence], payload].concat()
}
