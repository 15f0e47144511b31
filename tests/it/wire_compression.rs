//! Compressed connections: what drivers see, the frames byte by byte, and frames that mean harm.

use std::time::Duration;

use lakefront::clock::Clock;
use mysql_async::prelude::Queryable;
use mysql_async::{Compression, Conn};
use mysql_common::constants::CapabilityFlags;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::fixture;
use crate::server::TestServer;
use crate::wire_client::{CAPABILITIES, Packet, Plugin, RawClient, answer, framed, response};

async fn soon<T>(future: impl Future<Output = T>) -> T {
    tokio::time::timeout(Duration::from_secs(60), future).await.expect("it takes too long")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_driver_compresses_both_ways() {
    let lake = fixture::lake();
    let server = TestServer::start(&lake).await;
    let options = server.options().compression(Compression::fast());
    let mut client = soon(Conn::new(options)).await.unwrap();
    assert_eq!(client.query_first("SELECT 1").await.unwrap(), Some(1));
    let numbers: Vec<i64> = soon(client.query("SELECT n FROM lake.numbers ORDER BY n")).await.unwrap();
    assert!(numbers.into_iter().eq(0..1000));
    // A long statement, a row of more than one packet, and another command after both.
    let text = "long statement ".repeat(100_000);
    let length: usize = soon(client.query_first(format!("SELECT LENGTH('{text}')"))).await.unwrap().unwrap();
    assert_eq!(length, text.len());
    let row: String = soon(client.query_first("SELECT REPEAT('xyz', 6000000)")).await.unwrap().unwrap();
    assert!(row == "xyz".repeat(6_000_000));
    let sum: i64 =
        soon(client.exec_first("SELECT SUM(n) FROM lake.numbers WHERE n < ?", (10,))).await.unwrap().unwrap();
    assert_eq!(sum, 45);
    let error = client.query_drop("SELECT nothing").await.unwrap_err();
    assert!(error.to_string().contains("1054"), "{error}");
    client.reset().await.unwrap();
    client.change_user(mysql_async::ChangeUserOpts::new()).await.unwrap();
    assert_eq!(client.query_first("SELECT 2").await.unwrap(), Some(2));
}

/// A client that is logged in and compresses from here on.
async fn compressing(server: &TestServer, algorithm: CapabilityFlags, level: &[u8]) -> TcpStream {
    let (mut client, nonce) = RawClient::greeted(server.address).await;
    let plugin = Plugin::CachingSha2;
    let mut login = response(CAPABILITIES | algorithm, "root", &answer(plugin, "", &nonce), "", plugin);
    login.extend(level);
    client.send(&login).await;
    assert_eq!(client.packet().await, Packet::Ok);
    client.stream
}

fn frame(sequence: u8, content: &[u8], plain_length: usize) -> Vec<u8> {
    let [l0, l1, l2, _] = (content.len() as u32).to_le_bytes();
    let [p0, p1, p2, _] = (plain_length as u32).to_le_bytes();
    [&[l0, l1, l2, sequence, p0, p1, p2], content].concat()
}

fn zlib(plain: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::best());
    std::io::Write::write_all(&mut encoder, plain).unwrap();
    encoder.finish().unwrap()
}

/// Reads one frame; returns its number and what is in it.
async fn read_frame(stream: &mut TcpStream, zstd: bool) -> (u8, Vec<u8>) {
    let mut header = [0; 7];
    soon(stream.read_exact(&mut header)).await.unwrap();
    let [l0, l1, l2, sequence, p0, p1, p2] = header;
    let mut content = vec![0; u32::from_le_bytes([l0, l1, l2, 0]) as usize];
    soon(stream.read_exact(&mut content)).await.unwrap();
    let plain_length = u32::from_le_bytes([p0, p1, p2, 0]) as usize;
    let plain = match plain_length {
        0 => {
            assert!(content.len() < 200, "not compressed although it is long");
            content
        }
        _ if zstd => zstd::bulk::decompress(&content, plain_length).unwrap(),
        _ => {
            let mut plain = Vec::new();
            std::io::Read::read_to_end(&mut flate2::read::ZlibDecoder::new(&content[..]), &mut plain)
                .unwrap();
            plain
        }
    };
    if plain_length > 0 {
        assert_eq!(plain.len(), plain_length);
    }
    (sequence, plain)
}

#[tokio::test(flavor = "multi_thread")]
async fn frames_byte_by_byte() {
    let lake = fixture::lake();
    let server = TestServer::start(&lake).await;
    let ping = framed(0, b"\x0E");
    let zeros = framed(0, b"\x03SELECT REPEAT('0', 200000)");
    for zstd in [false, true] {
        let (algorithm, level): (_, &[u8]) = if zstd {
            (CapabilityFlags::CLIENT_ZSTD_COMPRESSION_ALGORITHM, &[7])
        } else {
            (CapabilityFlags::CLIENT_COMPRESS, &[])
        };
        let pack = |plain: &[u8]| if zstd { zstd::bulk::compress(plain, 3).unwrap() } else { zlib(plain) };
        let mut client = compressing(&server, algorithm, level).await;
        // A short command is not compressed, and neither is its answer.
        client.write_all(&frame(0, &ping, 0)).await.unwrap();
        let (sequence, answer) = read_frame(&mut client, zstd).await;
        assert_eq!((sequence, &answer[..]), (1, &b"\x07\0\0\x01\0\0\0\x02\0\0\0"[..]));
        // A long answer comes in frames that count on, and they are small.
        client.write_all(&frame(0, &pack(&zeros), zeros.len())).await.unwrap();
        let (mut expected, mut plain) = (1, Vec::new());
        while plain.len() < 200_000 || !plain.ends_with(b"\xFE\0\0\x02\0\0\0") {
            let (sequence, part) = read_frame(&mut client, zstd).await;
            assert_eq!(sequence, expected);
            expected += 1;
            plain.extend(part);
        }
        // A command in two frames, cut in its header, and two commands in one frame.
        let (first, second) = zeros.split_at(2);
        client.write_all(&frame(0, first, 0)).await.unwrap();
        client.write_all(&frame(1, &pack(second), second.len())).await.unwrap();
        let mut length = 0;
        while length < plain.len() {
            let (sequence, part) = read_frame(&mut client, zstd).await;
            assert!(sequence >= 2);
            length += part.len();
        }
        let two = [&ping[..], &ping].concat();
        client.write_all(&frame(0, &two, 0)).await.unwrap();
        for _ in 0..2 {
            let (sequence, answer) = read_frame(&mut client, zstd).await;
            assert_eq!((sequence, answer.len()), (1, 11));
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn frames_that_mean_harm_end_their_connection_only() {
    let lake = fixture::lake();
    let mut config = lake.config();
    config.max_allowed_packet = "1MiB".parse().unwrap();
    let server = TestServer::start_with(config, Clock::system()).await;
    // A bomb: 14 kB that become 14 MB, which the header tells, or hides.
    let bomb = zlib(&vec![0; 14 << 20]);
    let zstd_bomb = zstd::bulk::compress(&vec![0; 14 << 20], 19).unwrap();
    let ping = framed(0, b"\x0E");
    let zlib_flag = CapabilityFlags::CLIENT_COMPRESS;
    let zstd_flag = CapabilityFlags::CLIENT_ZSTD_COMPRESSION_ALGORITHM;
    for (algorithm, sent, expected) in [
        (zlib_flag, frame(0, &bomb, 14 << 20), 1153),
        (zlib_flag, frame(0, &bomb, 1000), 1157),
        (zstd_flag, frame(0, &zstd_bomb, 14 << 20), 1153),
        (zstd_flag, frame(0, &zstd_bomb, 1000), 1157),
        (zlib_flag, frame(0, &ping, 5000), 1157),
        (zlib_flag, frame(7, &ping, 0), 1156),
        (zlib_flag, frame(0, &[0xFF; 100], 0), 1153),
    ] {
        let level: &[u8] = if algorithm == zstd_flag { &[3] } else { &[] };
        let mut client = compressing(&server, algorithm, level).await;
        client.write_all(&sent).await.unwrap();
        let (_, told) = read_frame(&mut client, algorithm == zstd_flag).await;
        assert_eq!(told[4], 0xFF, "{told:?}");
        assert_eq!(u16::from_le_bytes([told[5], told[6]]), expected);
        assert_eq!(soon(client.read(&mut [0; 1])).await.unwrap_or(0), 0, "the connection ends");
    }
    let mut client = server.connect().await;
    assert_eq!(client.query_first("SELECT 1").await.unwrap(), Some(1));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_level_that_zstd_has_not_is_a_bad_handshake() {
    let lake = fixture::lake();
    let server = TestServer::start(&lake).await;
    for level in [0, 23, 255] {
        let (mut client, nonce) = RawClient::greeted(server.address).await;
        let plugin = Plugin::CachingSha2;
        let flags = CAPABILITIES | CapabilityFlags::CLIENT_ZSTD_COMPRESSION_ALGORITHM;
        let mut login = response(flags, "root", &answer(plugin, "", &nonce), "", plugin);
        login.push(level);
        client.send(&login).await;
        assert!(matches!(soon(client.packet()).await, Packet::Error(1043, _)), "{level}");
    }
}
