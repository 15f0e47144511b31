#!/usr/bin/env bash
# Looks with tshark's MySQL dissector at what the server sends, and prints what is wrong with it; the exit code is 1 if
# anything is. Not a part of `make test`: it needs the right to capture.
#
#   tests/tshark.sh                   every client's conversation of tests/it/clients.rs, on a network of its own
#   tests/tshark.sh PORT COMMAND…     a program's conversation with a server that runs, for example:
#                                     tests/tshark.sh 3306 mariadb -h 127.0.0.1 -u root -e 'SHOW TABLES FROM log'
#
# Conversations in TLS it cannot read, and of compressed ones it takes a frame for a packet, so the clients' are held
# without. With CAPTURES=DIRECTORY the captures are kept there, for tests/fuzz/seeds.py.
set -euo pipefail

capture=$(mktemp --suffix=.pcap)
trap 'kill $(jobs -p) 2>/dev/null || true; rm -f "$capture" "$capture.log"' EXIT

# Listens while a command runs.
record() { # FILTER COMMAND…
    local filter="$1" listener
    shift
    : >"$capture.log"
    tshark -q -i lo -B 512 -f "$filter" -w "$capture" 2>"$capture.log" &
    listener=$!
    until grep -q 'Capturing on' "$capture.log"; do sleep 0.1; done
    sleep 1
    "$@" >/dev/null
    sleep 1
    kill -INT "$listener"
    wait "$listener" || true
}

# Prints what is wrong with what the servers at these ports sent, and fails if anything is.
judge() { # PORT…
    local port ports=() packets wrong
    for port in "$@"; do ports+=(-d "tcp.port==$port,mysql"); done
    local from="tcp.srcport in {$(IFS=,; echo "$*")}"
    # Of what was not captured whole, as fast streams, the dissector reads packets where there are none.
    local lost
    lost=$(tshark -r "$capture" -Y 'tcp.analysis.lost_segment || tcp.analysis.ack_lost_segment' -T fields -e tcp.stream \
        2>/dev/null | sort -un | paste -sd,)
    [ -z "$lost" ] || from+=" && !(tcp.stream in {$lost})"
    # A row of one empty text is, for the dissector, an OK packet that is too short.
    local misread='tcp.payload matches "\\x01\\x00\\x00[\\x03\\x04]\\x00"'
    packets=$(tshark -r "$capture" "${ports[@]}" -Y "mysql && $from" -T fields -e frame.number 2>/dev/null | wc -l)
    wrong=$(tshark -r "$capture" "${ports[@]}" 2>/dev/null \
        -Y "$from && (_ws.malformed || mysql.invalid_length || mysql.dissector_incomplete) && !($misread)")
    echo "$packets segments of the server"
    [ "$packets" -gt 0 ] || { echo "nothing was captured"; return 1; }
    [ -z "$wrong" ] || { echo "$wrong"; return 1; }
}

if [ $# -gt 0 ]; then
    port=$1
    shift
    record "tcp port $port" "$@"
    judge "$port"
    exit
fi

# Other programs of this machine are not heard in here.
if [ -z "${LAKEFRONT_PLAIN:-}" ]; then
    LAKEFRONT_PLAIN=1 exec unshare --net "$0"
fi
ip link set lo up
wrong=0
for client in $(cargo test --quiet --test it -- --list clients:: 2>/dev/null | sed -n 's/: test$//p'); do
    echo "$client:"
    record tcp cargo test --quiet --test it -- --exact "$client"
    # A server is who accepts. Its console is not asked by any client.
    greeted=$(tshark -r "$capture" -Y 'tcp.flags.syn == 1 && tcp.flags.ack == 1' -T fields -e tcp.srcport 2>/dev/null | sort -u)
    judge $greeted || wrong=1
    [ -z "${CAPTURES:-}" ] || cp "$capture" "$CAPTURES/${client#clients::}.pcap"
done
exit $wrong
