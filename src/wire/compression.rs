//! Compressed connections: after the login, packets travel in frames. A frame has a header of seven bytes, its
//! length, its own sequence number, and the length of what is in it, which is 0 when it is not compressed.
//!
//! Of packets it knows where they end: what clients send may be cut anywhere, but some clients understand only
//! frames that begin and end with packets.

use std::io;

use bytes::{Buf, BufMut, BytesMut};
use flate2::{Compress, FlushCompress, Status};
use zstd::stream::raw::{Encoder, InBuffer, Operation, OutBuffer};

use super::error::{Error, Result};

const HEADER: usize = 7;

/// Fewer bytes are sent as they are: compressed they would be more.
const COMPRESSED_BYTES_MIN: usize = 50;

/// A frame with so many bytes of packets is not made longer.
const FRAME_BYTES: usize = 64 << 10;

/// The network's threads compress, so it must not take long: of a long packet, so much at once.
const STEP_BYTES: usize = 64 << 10;

/// Most bytes of packets in one frame. Only a packet that is longer is cut.
const FRAME_BYTES_MAX: usize = 0xFF_FFFF;

const PACKET_HEADER: usize = 4;

/// How frames are compressed, as the client chose.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Algorithm {
    /// Deflate in zlib's format.
    Zlib,
    /// Zstandard, at a level from 1 to 22.
    Zstd(i32),
}

/// Takes a client's frames apart.
#[derive(Debug)]
pub struct Unpacker {
    algorithm: Algorithm,
    /// What came from the client and is not taken apart yet.
    pub raw: BytesMut,
    /// Of the frame that follows.
    pub sequence: u8,
}

impl Unpacker {
    /// For a client whose first frames may be in `raw` already.
    pub fn new(algorithm: Algorithm, raw: BytesMut) -> Self {
        Self { algorithm, raw, sequence: 0 }
    }

    /// Appends what the next frame holds to `out`, or tells how many bytes are missing at least. A frame that says
    /// that it holds more than `bytes_max` is refused before anything is made of it, and so is one that lies.
    pub fn unpack(&mut self, out: &mut BytesMut, bytes_max: usize) -> Result<Option<usize>> {
        let Some(&[l0, l1, l2, sequence, p0, p1, p2]) = self.raw.first_chunk() else {
            return Ok(Some(HEADER - self.raw.len()));
        };
        let length = u32::from_le_bytes([l0, l1, l2, 0]) as usize;
        let plain_length = u32::from_le_bytes([p0, p1, p2, 0]) as usize;
        // A command begins with 0, also in the middle of what was read.
        if sequence != self.sequence && sequence != 0 {
            return Err(Error::OutOfOrder);
        }
        if length.max(plain_length) > bytes_max {
            return Err(Error::TooLarge);
        }
        if self.raw.len() < HEADER + length {
            return Ok(Some(HEADER + length - self.raw.len()));
        }
        self.sequence = sequence.wrapping_add(1);
        self.raw.advance(HEADER);
        let frame = self.raw.split_to(length);
        if plain_length == 0 {
            out.extend_from_slice(&frame);
            return Ok(None);
        }
        let start = out.len();
        let unpacked = match self.algorithm {
            Algorithm::Zlib => unpack_zlib(&frame, plain_length, out),
            Algorithm::Zstd(_) => {
                zstd::bulk::decompress(&frame, plain_length).map(|plain| out.extend_from_slice(&plain))
            }
        };
        match unpacked {
            Ok(()) if out.len() - start == plain_length => Ok(None),
            Ok(()) | Err(_) => Err(Error::Uncompress),
        }
    }
}

/// Room is made for what comes out, not for what the header says; one byte more than that is enough to know.
fn unpack_zlib(frame: &[u8], plain_length: usize, out: &mut BytesMut) -> io::Result<()> {
    let reader = flate2::bufread::ZlibDecoder::new(frame);
    let mut reader = io::Read::take(reader, plain_length as u64 + 1);
    io::copy(&mut reader, &mut out.writer()).map(drop)
}

/// Makes frames for a client.
#[derive(Debug)]
pub struct Packer {
    algorithm: Algorithm,
    /// Frames that are not sent yet, from `sent` on.
    frames: Vec<u8>,
    sent: usize,
    /// The frame that is being made.
    work: Option<Work>,
    /// Bytes of a packet that was cut, which the next frame begins with.
    torn: usize,
    /// Of the frame that follows.
    pub sequence: u8,
    compressor: Option<Compressor>,
}

/// How far a frame is.
#[derive(Clone, Copy, Debug)]
struct Work {
    /// Bytes of packets that it shall hold.
    length: usize,
    /// How many of them are compressed.
    taken: usize,
    /// How many bytes they gave.
    given: usize,
}

enum Compressor {
    Zlib(Compress),
    Zstd(Encoder<'static>),
}

impl Packer {
    /// For a client that understands the algorithm.
    pub fn new(algorithm: Algorithm) -> Self {
        Self { algorithm, frames: Vec::new(), sent: 0, work: None, torn: 0, sequence: 0, compressor: None }
    }

    /// Makes a frame of the first packets, when the one before is sent; tells how many bytes they are. Nothing means
    /// that it has done enough at once: call it again with the same packets, when others had their turn.
    pub fn pack(&mut self, packets: &[u8]) -> io::Result<Option<usize>> {
        let mut work = match self.work.take() {
            Some(work) => work,
            None => self.begin(packets)?,
        };
        let piece = &packets[..work.length];
        let (length, plain_length) = match self.compress(piece, &mut work)? {
            Step::More => {
                self.work = Some(work);
                return Ok(None);
            }
            Step::Done => (work.given, piece.len()),
            Step::InVain => {
                self.frames[HEADER..].copy_from_slice(piece);
                (piece.len(), 0)
            }
        };
        self.frames.truncate(HEADER + length);
        let [l0, l1, l2, _] = (length as u32).to_le_bytes();
        let [p0, p1, p2, _] = (plain_length as u32).to_le_bytes();
        self.frames[..HEADER].copy_from_slice(&[l0, l1, l2, self.sequence, p0, p1, p2]);
        self.sequence = self.sequence.wrapping_add(1);
        Ok(Some(piece.len()))
    }

    /// What is not sent yet.
    pub fn pending(&self) -> &[u8] {
        if self.work.is_some() { &[] } else { &self.frames[self.sent..] }
    }

    /// So many bytes more are sent.
    pub fn advance(&mut self, bytes: usize) {
        self.sent += bytes;
    }

    /// Gives back memory. Everything must be sent.
    pub fn rest(&mut self) {
        self.frames = Vec::new();
        self.sent = 0;
        self.work = None;
        self.compressor = None;
    }

    /// How many bytes the next frame holds.
    fn cut(&mut self, packets: &[u8]) -> usize {
        let mut length = std::mem::take(&mut self.torn);
        while length < FRAME_BYTES
            && let Some(&[low, middle, high]) = packets[length..].first_chunk()
        {
            let next = length + PACKET_HEADER + u32::from_le_bytes([low, middle, high, 0]) as usize;
            if next <= FRAME_BYTES_MAX {
                length = next;
            } else if length == 0 {
                self.torn = next - FRAME_BYTES_MAX;
                return FRAME_BYTES_MAX;
            } else {
                break;
            }
        }
        length
    }

    fn begin(&mut self, packets: &[u8]) -> io::Result<Work> {
        let length = self.cut(packets);
        self.frames.clear();
        self.sent = 0;
        self.frames.resize(HEADER + length, 0);
        match &mut self.compressor {
            Some(Compressor::Zlib(compress)) => compress.reset(),
            Some(Compressor::Zstd(encoder)) => encoder.reinit()?,
            none => *none = Some(Compressor::new(self.algorithm)?),
        }
        if let Some(Compressor::Zstd(encoder)) = &mut self.compressor {
            encoder.set_pledged_src_size(Some(length as u64))?;
        }
        Ok(Work { length, taken: 0, given: 0 })
    }

    /// Compresses some more of a piece behind the header.
    fn compress(&mut self, piece: &[u8], work: &mut Work) -> io::Result<Step> {
        if piece.len() < COMPRESSED_BYTES_MIN {
            return Ok(Step::InVain);
        }
        let end = piece.len().min(work.taken + STEP_BYTES);
        let (part, last) = (&piece[work.taken..end], end == piece.len());
        // What does not fit in here is no shorter than the piece.
        let out = &mut self.frames[HEADER..];
        let ended = match &mut self.compressor {
            Some(Compressor::Zlib(compress)) => {
                let flush = if last { FlushCompress::Finish } else { FlushCompress::None };
                let status = compress.compress(part, &mut out[work.given..], flush)?;
                (work.taken, work.given) = (compress.total_in() as usize, compress.total_out() as usize);
                status == Status::StreamEnd
            }
            Some(Compressor::Zstd(encoder)) => {
                let (mut from, mut to) = (InBuffer::around(part), OutBuffer::around_pos(out, work.given));
                encoder.run(&mut from, &mut to)?;
                work.taken += from.pos();
                let ended = last && work.taken == end && encoder.finish(&mut to, true)? == 0;
                work.given = to.pos();
                ended
            }
            None => false,
        };
        Ok(match (ended, last) {
            (true, _) if work.given < piece.len() => Step::Done,
            (false, false) if work.taken == end => Step::More,
            _ => Step::InVain,
        })
    }
}

enum Step {
    /// There is more to do.
    More,
    /// It is shorter than it was.
    Done,
    /// It would not be shorter.
    InVain,
}

impl Compressor {
    fn new(algorithm: Algorithm) -> io::Result<Self> {
        Ok(match algorithm {
            Algorithm::Zlib => Self::Zlib(Compress::new(flate2::Compression::default(), true)),
            Algorithm::Zstd(level) => Self::Zstd(Encoder::new(level)?),
        })
    }
}

impl std::fmt::Debug for Compressor {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(match self {
            Self::Zlib(_) => "Zlib",
            Self::Zstd(_) => "Zstd",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALGORITHMS: [Algorithm; 3] = [Algorithm::Zlib, Algorithm::Zstd(1), Algorithm::Zstd(9)];

    fn packed(algorithm: Algorithm, packets: &[u8]) -> Vec<u8> {
        frames(algorithm, packets).concat()
    }

    fn frames(algorithm: Algorithm, packets: &[u8]) -> Vec<Vec<u8>> {
        let mut packer = Packer::new(algorithm);
        let (mut at, mut frames) = (0, Vec::new());
        while at < packets.len() {
            let Some(packed) = packer.pack(&packets[at..]).unwrap() else { continue };
            at += packed;
            frames.push(packer.pending().to_vec());
        }
        assert_eq!(at, packets.len());
        frames
    }

    fn packet(content: &[u8]) -> Vec<u8> {
        let [low, middle, high, _] = (content.len() as u32).to_le_bytes();
        [&[low, middle, high, 0], content].concat()
    }

    fn noise(length: usize) -> Vec<u8> {
        use rand::{RngCore, SeedableRng};
        let mut bytes = vec![0; length];
        rand::rngs::StdRng::seed_from_u64(1).fill_bytes(&mut bytes);
        bytes
    }

    #[test]
    fn what_is_packed_is_unpacked() {
        for algorithm in ALGORITHMS {
            for content in [b"x".to_vec(), vec![b'x'; 45], vec![b'x'; 46], vec![7; 300_000], noise(200_000)] {
                let plain = [packet(&content), packet(b""), packet(&content)].concat();
                let frames = packed(algorithm, &plain);
                assert!(frames.len() <= plain.len() + 3 * HEADER);
                // However the bytes come, a frame is whole or is not there.
                let mut unpacker = Unpacker::new(algorithm, BytesMut::new());
                let mut out = BytesMut::new();
                for segment in frames.chunks(1000) {
                    unpacker.raw.extend_from_slice(segment);
                    while unpacker.unpack(&mut out, 1 << 20).unwrap().is_none() {}
                }
                assert!(out == plain, "{algorithm:?}: {} bytes changed", plain.len());
                assert!(unpacker.raw.is_empty());
            }
        }
    }

    #[test]
    fn frames_end_with_packets() {
        let check = |contents: &[usize], expected: &[usize]| {
            let packets: Vec<u8> = contents.iter().flat_map(|length| packet(&vec![0; *length])).collect();
            let frames = frames(Algorithm::Zstd(1), &packets);
            let plain_length = |frame: &Vec<u8>| match u32::from_le_bytes([frame[4], frame[5], frame[6], 0]) {
                0 => frame.len() - HEADER,
                length => length as usize,
            };
            assert_eq!(frames.iter().map(plain_length).collect::<Vec<_>>(), expected, "{contents:?}");
        };
        check(&[10], &[14]);
        check(&[0, 0, 0], &[12]);
        check(&[60_000, 60_000, 60_000, 60_000], &[120_008, 120_008]);
        check(&[10, 1_000_000, 10], &[1_000_018, 14]);
        check(&[FRAME_BYTES_MAX - 4, 10], &[FRAME_BYTES_MAX, 14]);
        check(&[FRAME_BYTES_MAX, 0, 10], &[FRAME_BYTES_MAX, 4 + 4 + 14]);
        check(
            &[10, FRAME_BYTES_MAX, FRAME_BYTES_MAX, 10],
            &[14, FRAME_BYTES_MAX, 4, FRAME_BYTES_MAX, 4 + 14],
        );
    }

    #[test]
    fn frames_that_lie_are_refused() {
        let check = |algorithm, frame: &[u8], expected: &str| {
            let mut unpacker = Unpacker::new(algorithm, BytesMut::from(frame));
            let mut out = BytesMut::new();
            let error = unpacker.unpack(&mut out, 100_000).unwrap_err();
            assert!(format!("{error:?}").starts_with(expected), "{error:?}");
            assert!(out.capacity() < 1 << 20, "{} bytes were kept", out.capacity());
        };
        for algorithm in ALGORITHMS {
            let honest = packed(algorithm, &packet(&[b'x'; 60_000]));
            let mut short = honest.clone();
            short[4] -= 1;
            check(algorithm, &short, "Uncompress");
            let mut long = honest.clone();
            long[4] += 1;
            check(algorithm, &long, "Uncompress");
            let mut huge = honest.clone();
            huge[6] = 0xFF;
            check(algorithm, &huge, "TooLarge");
            let mut broken = honest.clone();
            broken[9] ^= 0xFF;
            broken[10] ^= 0xFF;
            check(algorithm, &broken, "Uncompress");
            let mut late = honest.clone();
            late[3] = 3;
            check(algorithm, &late, "OutOfOrder");
            check(algorithm, b"\xFF\xFF\xFF\0\0\0\0", "TooLarge");
        }
    }
}
