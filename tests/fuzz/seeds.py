#!/usr/bin/env python3
"""Makes seeds of recorded conversations: `tests/fuzz/seeds.py PORT CAPTURE…`, of clients that a server without a
certificate listened to (`LAKEFRONT_PLAIN`, tests/tshark.sh). Prints how many it has added for each target. It needs
tshark, and pyarrow for frames by zstd, which clients that the tests run do not send."""

import collections
import hashlib
import pathlib
import subprocess
import sys
import zlib

SEEDS = pathlib.Path(__file__).with_name("seeds")
BYTES_MAX = 900
"""Longer payloads are left out: a fuzzer is slow with them, and the parsers take no more than 1,000."""
CLIENT_SSL, CLIENT_COMPRESS = 0x800, 0x20


def streams(port, capture):
    """What each client of a capture sent."""
    fields = ["-T", "fields", "-e", "tcp.stream", "-e", "tcp.payload"]
    sent = f"tcp.dstport == {port} && tcp.len > 0 && !tcp.analysis.retransmission"
    lines = subprocess.run(["tshark", "-r", capture, "-Y", sent, *fields], check=True, capture_output=True, text=True)
    found = collections.defaultdict(bytearray)
    for line in lines.stdout.splitlines():
        stream, payload = line.split("\t")
        found[stream] += bytes.fromhex(payload.replace(":", ""))
    return found.values()


def packets(stream):
    """The sequence number and the payload of each packet."""
    while len(stream) >= 4:
        length = int.from_bytes(stream[:3], "little")
        yield stream[3], bytes(stream[4 : 4 + length])
        stream = stream[4 + length :]


def framed(number, payload):
    return len(payload).to_bytes(3, "little") + bytes([number]) + payload


def zlib_frame(plain):
    return frame(zlib.compress(plain), plain)


def zstd_frame(plain):
    import pyarrow

    return frame(pyarrow.compress(plain, codec="zstd", asbytes=True), plain)


def frame(content, plain):
    return len(content).to_bytes(3, "little") + b"\0" + len(plain).to_bytes(3, "little") + content


def keep(target, seed):
    if len(seed) > BYTES_MAX:
        return
    path = SEEDS / target / hashlib.sha1(seed).hexdigest()[:12]
    path.parent.mkdir(parents=True, exist_ok=True)
    if not path.exists():
        path.write_bytes(seed)
        added[target] += 1


def keep_conversation(stream):
    told = list(packets(stream))
    login = told[0][1]
    capabilities = int.from_bytes(login[:4], "little")
    rounds = 1
    while rounds < len(told) and told[rounds][0] > told[rounds - 1][0]:
        rounds += 1
    if is_new("login", capabilities, rounds):
        keep("logins", login)
        request = (capabilities | CLIENT_SSL).to_bytes(4, "little") + login[4:32]
        keep("tls_requests", framed(1, request) + b"\x16\x03\x01\x02\0\x01\0\x01\xfc\x03\x03")
        keep("proofs", b"\0" + b"".join(framed(*packet) for packet in told[:rounds]))
    if capabilities & CLIENT_COMPRESS:
        return  # What follows is frames, and the same as of other clients.

    commands = [payload for number, payload in told[rounds:] if number == 0 and 0 < len(payload) <= BYTES_MAX]
    for payload in commands:
        code, text = payload[0], payload[1:]
        if code in (0x03, 0x16) and is_new("text", *text.split()[:3]):
            keep("texts", b"\0" + text)
        if is_new("command", code, len(payload)) and code not in (0x03, 0x16):
            keep("commands", payload)
    prepared = [payload for payload in commands if payload[0] in range(0x16, 0x1D)]
    if is_new("prepared", *(payload[0] for payload in prepared), prepared[:1]):
        # Numbers of statements begin anew in each conversation.
        keep("prepared", b"".join(framed(0, payload) for payload in prepared[:2]))
    if commands and is_new("commands", *(payload[0] for payload in commands[:4])):
        plain = b"".join(framed(0, payload) for payload in commands[:4])
        keep("packets", b"\x07" + plain)
        keep("frames", b"\0\x07" + zlib_frame(plain))
        keep("frames", b"\x01\x07" + zstd_frame(plain))


def is_new(*kind):
    kind = repr(kind)
    return not (kind in kinds or kinds.add(kind))


added = collections.Counter()
kinds = set()
for capture in sys.argv[2:]:
    for stream in streams(sys.argv[1], capture):
        keep_conversation(bytes(stream))

# What no client of the tests sends.
V2 = b"\r\n\r\n\0\r\nQUIT\n"
keep("proxies", b"PROXY TCP4 192.0.2.1 198.51.100.1 56324 3306\r\n")
keep("proxies", b"PROXY TCP6 2001:db8::1 ::1 56324 3306\r\n")
keep("proxies", b"PROXY UNKNOWN\r\n")
keep("proxies", V2 + b"\x21\x11\0\x0c\xc0\0\x02\x01\xc6\x33\x64\x01\xdc\x04\x0c\xea")
keep("proxies", V2 + b"\x21\x21\0\x27" + bytes(32) + b"\0\x50\0\x01\x04\0\0")
keep("proxies", V2 + b"\x20\0\0\0")
prepare, long_data = b"\x16SELECT ?, ?", b"\x18\x01\0\0\0\0\0some long data"
execute = b"\x17\x01\0\0\0\0\x01\0\0\0\0\x01\xfd\0\x08\0\x07\0\0\0\0\0\0\0"
again = b"\x17\x01\0\0\0\x01\x01\0\0\0\x01\0\x07\0\0\0\0\0\0\0"
rest = [b"\x1a\x01\0\0\0", b"\x19\x01\0\0\0"]
keep("prepared", b"".join(framed(0, payload) for payload in [prepare, long_data, long_data, execute, again, *rest]))
# Packets that continue others, as long as they are for fuzzers.
keep("packets", b"\xff" + framed(0, b"x" * 255) + framed(1, b"y" * 255) + framed(2, b"") + framed(0, b"\x0e"))
print(dict(added))
