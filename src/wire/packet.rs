//! Packets: how payloads travel over a byte stream. A packet has a header of four bytes, the length and a
//! sequence number; a payload of 16 MiB or more travels as several. After [`PacketReader::compress`] and
//! [`PacketWriter::compress`] the stream consists of compressed frames, and packets lie in those.
//!
//! It must not know what a payload means.

use std::io;
use std::time::Duration;

use bytes::{Buf, Bytes, BytesMut};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

use super::compression::{Algorithm, Packer, Unpacker};
use super::error::{Error, Result};

/// Length of a packet that is followed by another one of the same payload. Fuzzers have no room for so long ones.
const LENGTH_MAX: usize = if cfg!(fuzzing) { 0xFF } else { 0xFF_FFFF };

const HEADER: usize = 4;

/// Bytes that are read at once, and kept for the next packet while nothing comes.
const READ_BYTES: usize = 8 << 10;

/// A client may send commands without waiting for answers; so much is read ahead of them.
const READ_AHEAD_BYTES: usize = 256 << 10;

/// The writer sends when it holds this much. One system call carries thousands of small rows.
pub const FLUSH_BYTES: usize = 256 << 10;

/// Room that an idle connection's writer keeps.
const IDLE_BYTES: usize = 4 << 10;

/// The number of a packet, and of the frame that it lies in when they are compressed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sequence {
    packet: u8,
    frame: u8,
}

impl From<u8> for Sequence {
    fn from(number: u8) -> Self {
        Self { packet: number, frame: number }
    }
}

/// Reads payloads. All its futures are cancel-safe: what has arrived stays in the buffer.
#[derive(Debug)]
pub struct PacketReader<R> {
    stream: R,
    buffer: BytesMut,
    /// The packets so far of a payload that is not complete yet.
    joined: BytesMut,
    sequence: u8,
    payload_bytes_max: usize,
    /// Where bytes go before they are packets, once the client compresses.
    unpacker: Option<Unpacker>,
}

impl<R: AsyncRead + Unpin> PacketReader<R> {
    /// A reader that refuses payloads of more than `payload_bytes_max` as soon as their header tells it.
    pub fn new(stream: R, payload_bytes_max: usize) -> Self {
        let (buffer, joined) = (BytesMut::new(), BytesMut::new());
        Self { stream, buffer, joined, sequence: 0, payload_bytes_max, unpacker: None }
    }

    /// From here on the client compresses.
    pub fn compress(&mut self, algorithm: Algorithm) {
        self.unpacker = Some(Unpacker::new(algorithm, std::mem::take(&mut self.buffer)));
    }

    /// Changes the limit, for after the login.
    pub fn set_payload_bytes_max(&mut self, payload_bytes_max: usize) {
        self.payload_bytes_max = payload_bytes_max;
    }

    /// Sets the sequence number that the next packet must have; a command begins with 0.
    pub fn expect(&mut self, sequence: impl Into<Sequence>) {
        let Sequence { packet, frame } = sequence.into();
        self.sequence = packet;
        if let Some(unpacker) = &mut self.unpacker {
            // The packet may lie in the frame that was taken apart for the last one.
            unpacker.sequence = if self.buffer.is_empty() { frame } else { frame.wrapping_add(1) };
        }
    }

    /// The sequence number after the last packet, which the answer begins with.
    pub fn sequence(&self) -> Sequence {
        Sequence {
            packet: self.sequence,
            frame: self.unpacker.as_ref().map_or(0, |unpacker| unpacker.sequence),
        }
    }

    /// The next payload, or nothing when the client closed the connection between two payloads.
    pub async fn next(&mut self) -> Result<Option<Bytes>> {
        loop {
            let mut missing = match self.take()? {
                Taken::Payload(payload) => return Ok(Some(payload)),
                Taken::Missing(bytes) => bytes,
            };
            if let Some(unpacker) = &mut self.unpacker {
                // A frame may hold the end of one payload, and whatever else was sent with it.
                let bytes_max = self.payload_bytes_max.saturating_add(READ_AHEAD_BYTES);
                match unpacker.unpack(&mut self.buffer, bytes_max)? {
                    Some(bytes) => missing = bytes,
                    None => continue,
                }
            }
            // A header can promise much: room is made for what has come, twice over, not for the promise.
            let raw = self.raw();
            raw.reserve(missing.min(raw.len().max(READ_BYTES)));
            if self.read().await? == 0 {
                let clean = self.raw().is_empty() && self.buffer.is_empty() && self.joined.is_empty();
                return if clean { Ok(None) } else { Err(Error::Io(io::ErrorKind::UnexpectedEof.into())) };
            }
        }
    }

    /// Reads what stands before the first packet. `parse` gets what has come and returns how much of it that is,
    /// or nothing when it needs more.
    pub async fn preamble<T>(&mut self, parse: impl Fn(&[u8]) -> Result<Option<(usize, T)>>) -> Result<T> {
        loop {
            if let Some((length, told)) = parse(&self.buffer)? {
                self.buffer.advance(length);
                return Ok(told);
            }
            self.buffer.reserve(READ_BYTES);
            if self.read().await? == 0 {
                return Err(Error::Gone);
            }
        }
    }

    /// Takes what was read behind the last payload. The bytes are no packets: the stream changes here.
    pub fn take_ahead(&mut self) -> Bytes {
        std::mem::take(&mut self.buffer).freeze()
    }

    /// Is done when the client is gone. Until then it reads ahead, a little.
    pub async fn gone(&mut self) -> Error {
        while self.raw().len() < READ_AHEAD_BYTES {
            self.raw().reserve(READ_BYTES);
            match self.read().await {
                Ok(0) => return Error::Gone,
                Ok(_) => {}
                Err(error) => return error.into(),
            }
        }
        // The client has sent far more than it waits for. Only writing can tell now whether it is there.
        std::future::pending().await
    }

    /// Reads and forgets what the client still sends, so that closing does not reset the connection before
    /// it has read why.
    pub async fn discard(&mut self) {
        self.joined = BytesMut::new();
        loop {
            self.raw().clear();
            self.raw().reserve(READ_BYTES);
            if !matches!(self.read().await, Ok(1..)) {
                return;
            }
        }
    }

    /// Gives back memory that a large payload took.
    pub fn rest(&mut self) {
        for buffer in [Some(&mut self.buffer), self.unpacker.as_mut().map(|unpacker| &mut unpacker.raw)] {
            if let Some(buffer) = buffer.filter(|buffer| buffer.is_empty()) {
                *buffer = BytesMut::new();
            }
        }
    }

    /// Where bytes go as they come.
    fn raw(&mut self) -> &mut BytesMut {
        self.unpacker.as_mut().map_or(&mut self.buffer, |unpacker| &mut unpacker.raw)
    }

    async fn read(&mut self) -> io::Result<usize> {
        let raw = self.unpacker.as_mut().map_or(&mut self.buffer, |unpacker| &mut unpacker.raw);
        self.stream.read_buf(raw).await
    }

    /// Takes the next payload out of the buffer, or tells how many bytes are missing at least.
    fn take(&mut self) -> Result<Taken> {
        loop {
            let Some(&[low, middle, high, sequence]) = self.buffer.first_chunk() else {
                return Ok(Taken::Missing(HEADER - self.buffer.len()));
            };
            let length = u32::from_le_bytes([low, middle, high, 0]) as usize;
            // In frames the frames are numbered, and many clients number the packets in them as they like.
            if sequence != self.sequence && self.unpacker.is_none() {
                return Err(Error::OutOfOrder);
            }
            if self.joined.len() + length > self.payload_bytes_max {
                return Err(Error::TooLarge);
            }
            if self.buffer.len() < HEADER + length {
                return Ok(Taken::Missing(HEADER + length - self.buffer.len()));
            }
            self.sequence = sequence.wrapping_add(1);
            let mut packet = self.buffer.split_to(HEADER + length);
            if length == LENGTH_MAX {
                self.joined.extend_from_slice(&packet[HEADER..]);
                continue;
            }
            if self.joined.is_empty() {
                return Ok(Taken::Payload(packet.split_off(HEADER).freeze()));
            }
            self.joined.extend_from_slice(&packet[HEADER..]);
            return Ok(Taken::Payload(std::mem::take(&mut self.joined).freeze()));
        }
    }
}

enum Taken {
    Payload(Bytes),
    Missing(usize),
}

/// Collects packets in one buffer and sends them in large writes. The buffer holds whole packets at every
/// `.await`, so an error packet can follow whatever was cancelled.
#[derive(Debug)]
pub struct PacketWriter<W> {
    stream: W,
    buffer: Vec<u8>,
    /// Bytes at the front of the buffer that are sent already.
    sent: usize,
    sequence: u8,
    write_timeout: Duration,
    /// What makes frames of packets, once the client wants them compressed.
    packer: Option<Packer>,
}

impl<W: AsyncWrite + Unpin> PacketWriter<W> {
    /// A writer that gives up when a client takes nothing for `write_timeout`.
    pub fn new(stream: W, write_timeout: Duration) -> Self {
        Self { stream, buffer: Vec::new(), sent: 0, sequence: 0, write_timeout, packer: None }
    }

    /// From here on everything is compressed. What came before must be sent.
    pub fn compress(&mut self, algorithm: Algorithm) {
        self.packer = Some(Packer::new(algorithm));
    }

    /// Changes how long a client may take nothing.
    pub fn set_write_timeout(&mut self, write_timeout: Duration) {
        self.write_timeout = write_timeout;
    }

    /// Sets the sequence number of the next packet.
    pub fn start(&mut self, sequence: impl Into<Sequence>) {
        let Sequence { packet, frame } = sequence.into();
        self.sequence = packet;
        if let Some(packer) = &mut self.packer {
            packer.sequence = frame;
        }
    }

    /// The sequence number of the next packet.
    pub fn sequence(&self) -> Sequence {
        Sequence { packet: self.sequence, frame: self.packer.as_ref().map_or(0, |packer| packer.sequence) }
    }

    /// Adds a packet whose payload `write` appends.
    #[inline]
    pub fn packet(&mut self, write: impl FnOnce(&mut Vec<u8>)) {
        let start = self.buffer.len();
        self.buffer.extend_from_slice(&[0; HEADER]);
        write(&mut self.buffer);
        let length = self.buffer.len() - start - HEADER;
        if length < LENGTH_MAX {
            self.put_header(start, length);
        } else {
            self.split(start, length);
        }
    }

    /// What is not sent yet.
    pub fn pending(&self) -> &[u8] {
        &self.buffer[self.sent..]
    }

    /// Whether there is enough to be worth sending.
    #[inline]
    pub fn is_full(&self) -> bool {
        self.buffer.len() >= FLUSH_BYTES
    }

    /// Sends everything, waiting for a client that reads slowly. Cancel-safe: a later flush goes on.
    pub async fn flush(&mut self) -> Result<()> {
        loop {
            let pending = match &mut self.packer {
                None => &self.buffer[self.sent..],
                Some(packer) => {
                    while packer.pending().is_empty() && self.sent < self.buffer.len() {
                        match packer.pack(&self.buffer[self.sent..])? {
                            Some(bytes) => self.sent += bytes,
                            None => tokio::task::yield_now().await,
                        }
                    }
                    packer.pending()
                }
            };
            if pending.is_empty() {
                break;
            }
            let bytes = patiently(self.write_timeout, self.stream.write(pending)).await?;
            match &mut self.packer {
                _ if bytes == 0 => return Err(Error::Io(io::ErrorKind::WriteZero.into())),
                None => self.sent += bytes,
                Some(packer) => packer.advance(bytes),
            }
        }
        self.sent = 0;
        self.buffer.clear();
        // Over TLS the bytes may still be in the layer below, which a client that does not read fills as well.
        patiently(self.write_timeout, self.stream.flush()).await
    }

    /// Tells the client that nothing follows.
    pub async fn shutdown(&mut self) -> Result<()> {
        Ok(self.stream.shutdown().await?)
    }

    /// Gives back memory that a result took. Everything must be sent.
    pub fn rest(&mut self) {
        if self.buffer.capacity() > IDLE_BYTES {
            self.buffer = Vec::new();
        }
        if let Some(packer) = &mut self.packer {
            packer.rest();
        }
    }

    #[inline]
    fn put_header(&mut self, at: usize, length: usize) {
        let [low, middle, high, _] = (length as u32).to_le_bytes();
        self.buffer[at..at + HEADER].copy_from_slice(&[low, middle, high, self.sequence]);
        self.sequence = self.sequence.wrapping_add(1);
    }

    /// Makes several packets of a long payload that stands behind one header. A payload whose length is a
    /// multiple of the longest packet is followed by an empty one.
    #[cold]
    fn split(&mut self, start: usize, length: usize) {
        let packets = length / LENGTH_MAX + 1;
        self.buffer.resize(self.buffer.len() + (packets - 1) * HEADER, 0);
        // From the last one on, so that no part is overwritten before it has moved.
        for packet in (1..packets).rev() {
            let part = (length - packet * LENGTH_MAX).min(LENGTH_MAX);
            let from = start + HEADER + packet * LENGTH_MAX;
            self.buffer.copy_within(from..from + part, from + packet * HEADER);
        }
        for packet in 0..packets {
            let part = (length - packet * LENGTH_MAX).min(LENGTH_MAX);
            self.put_header(start + packet * (LENGTH_MAX + HEADER), part);
        }
    }
}

/// Waits for a client that takes bytes, but not for ever.
async fn patiently<T>(limit: Duration, write: impl Future<Output = io::Result<T>>) -> Result<T> {
    match tokio::time::timeout(limit, write).await {
        Ok(written) => Ok(written?),
        Err(_) => Err(Error::WriteTimeout),
    }
}

#[cfg(test)]
mod tests {
    use std::pin::Pin;
    use std::task::{Context, Poll};

    use tokio::io::ReadBuf;

    use super::*;

    fn framed(sequence: u8, payload: &[u8]) -> Vec<u8> {
        let [low, middle, high, _] = (payload.len() as u32).to_le_bytes();
        [&[low, middle, high, sequence], payload].concat()
    }

    fn writer() -> PacketWriter<Vec<u8>> {
        PacketWriter::new(Vec::new(), Duration::from_secs(1))
    }

    #[tokio::test]
    async fn reads_joined_and_split_packets() {
        let bytes = [framed(0, b"first"), framed(0, b""), framed(0, b"third")].concat();
        for segment in [1, 2, 3, 5, bytes.len()] {
            let mut reader = PacketReader::new(segments(&bytes, segment), 100);
            for expected in [&b"first"[..], b"", b"third"] {
                reader.expect(0);
                assert_eq!(reader.next().await.unwrap().unwrap(), expected);
                assert_eq!(reader.sequence().packet, 1);
            }
            assert!(reader.next().await.unwrap().is_none());
        }
    }

    #[tokio::test]
    async fn long_payloads_survive_the_way() {
        for length in [0, 1, LENGTH_MAX - 1, LENGTH_MAX, LENGTH_MAX + 1, 2 * LENGTH_MAX, 2 * LENGTH_MAX + 5] {
            let payload: Vec<u8> = (0..length).map(|at| (at % 251) as u8).collect();
            let mut writer = writer();
            writer.start(254);
            writer.packet(|out| out.extend_from_slice(b"before"));
            writer.packet(|out| out.extend_from_slice(&payload));
            writer.packet(|out| out.extend_from_slice(b"after"));
            writer.flush().await.unwrap();
            let bytes = std::mem::take(&mut writer.stream);

            let mut reader = PacketReader::new(&bytes[..], usize::MAX);
            reader.expect(254);
            assert_eq!(reader.next().await.unwrap().unwrap(), &b"before"[..]);
            assert!(reader.next().await.unwrap().unwrap() == payload, "a payload of {length} bytes changed");
            assert_eq!(reader.next().await.unwrap().unwrap(), &b"after"[..]);
            assert_eq!(bytes.len(), 11 + length + 3 * HEADER + length / LENGTH_MAX * HEADER);
        }
    }

    #[tokio::test]
    async fn refuses_wrong_sequences_and_large_payloads() {
        let check = async |bytes: &[u8], expected: &str| {
            let mut reader = PacketReader::new(bytes, 10);
            let error = reader.next().await.unwrap_err();
            assert!(format!("{error:?}").contains(expected), "{error:?}");
        };
        check(&framed(1, b"x"), "OutOfOrder").await;
        check(&framed(0, b"12345678901"), "TooLarge").await;
        // The header alone is enough: nothing is read for a promise that will not be kept.
        check(&[0xFF, 0xFF, 0xFF, 0], "TooLarge").await;
        check(b"GET / HTTP/1.1\r\n\r\n", "OutOfOrder").await;
        check(&[5, 0, 0, 0, b'x'], "UnexpectedEof").await;
        check(&[5, 0], "UnexpectedEof").await;
    }

    /// A stream that gives at most `segment` bytes a read.
    fn segments(bytes: &[u8], segment: usize) -> impl AsyncRead + Unpin {
        struct Segments<'a>(&'a [u8], usize);

        impl AsyncRead for Segments<'_> {
            fn poll_read(
                mut self: Pin<&mut Self>,
                _: &mut Context<'_>,
                out: &mut ReadBuf<'_>,
            ) -> Poll<io::Result<()>> {
                let length = self.1.min(self.0.len()).min(out.remaining());
                let (segment, rest) = self.0.split_at(length);
                out.put_slice(segment);
                self.0 = rest;
                Poll::Ready(Ok(()))
            }
        }

        Segments(bytes, segment)
    }
}
