//! Clients whose character set is not UTF-8: what they send is read, and what they get is written in it.

use crate::fixture;
use crate::server::TestServer;
use crate::wire_client::{CAPABILITIES, Packet, Plugin, RawClient, answer, response};

/// The first packet of a row after the definition of one column, whose number of a collation is given back, too.
async fn ask(client: &mut RawClient, statement: &[u8]) -> (u16, Vec<u8>) {
    client.command(3, statement).await;
    let packets = client.result().await;
    let (Packet::Other(definition), Packet::Other(row)) = (&packets[1], &packets[2]) else {
        panic!("{packets:?}")
    };
    // Behind the names: the length of what is fixed, then the collation.
    let fixed = definition.len() - 12;
    (u16::from_le_bytes([definition[fixed], definition[fixed + 1]]), row[1..].to_vec())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_reads_and_writes_in_its_set() {
    let lake = fixture::lake();
    let server = TestServer::start(&lake).await;
    let mut client = RawClient::connect(server.address, CAPABILITIES).await;
    for (names, sent, expected, collation) in [
        ("latin1", &b"\xE9"[..], &b"\xE9"[..], 8),
        ("cp1251", b"\xFF", b"\xFF", 51),
        ("gbk", b"\xC4\xE3", b"\xC4\xE3", 28),
        ("sjis", b"\x95\x5C", b"\x95\x5C", 13),
        ("euckr", b"\xB0\xA1", b"\xB0\xA1", 19),
        ("utf8mb4", "é".as_bytes(), "é".as_bytes(), 45),
    ] {
        client.query(&format!("SET NAMES {names}")).await;
        let statement = [&b"SELECT CONCAT('"[..], sent, b"', '')"].concat();
        assert_eq!(ask(&mut client, &statement).await, (collation, expected.to_vec()), "{names}");
    }
    // What its set has no character for.
    client.query("SET NAMES utf8mb4").await;
    client.query("SET character_set_results = latin1").await;
    assert_eq!(ask(&mut client, "SELECT 'é日'".as_bytes()).await, (8, b"\xE9?".to_vec()));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_login_tells_the_set() {
    let lake = fixture::lake();
    let server = TestServer::start(&lake).await;
    let (mut client, nonce) = RawClient::greeted(server.address).await;
    let plugin = Plugin::CachingSha2;
    let mut login = response(CAPABILITIES, "root", &answer(plugin, "", &nonce), "", plugin);
    // Behind the capabilities and the size of packets.
    login[8] = 8;
    client.send(&login).await;
    assert_eq!(client.finish_login("").await, Packet::Ok);
    assert_eq!(
        ask(&mut client, b"SELECT CONCAT('\xE9', @@character_set_client)").await,
        (8, b"\xE9latin1".to_vec())
    );
}
