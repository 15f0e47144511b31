#!/usr/bin/env bash
# Runs a client program while tshark listens on the loopback interface, and prints what its MySQL dissector finds
# wrong with the server's packets; the exit code is 1 if it finds anything. Not a part of `make test`: it needs the
# right to capture, and a server that runs. Conversations in TLS it cannot read, and of compressed ones it takes a
# frame for a packet.
#
#   tests/tshark.sh PORT COMMAND…        for example: tests/tshark.sh 3306 mariadb -h 127.0.0.1 -u root -e 'SHOW TABLES FROM log'
set -euo pipefail
port=$1
shift
capture=$(mktemp --suffix=.pcap)
trap 'rm -f "$capture" "$capture.log"' EXIT
tshark -q -i lo -f "tcp port $port" -w "$capture" 2>"$capture.log" &
listener=$!
until grep -q 'Capturing on' "$capture.log"; do sleep 0.1; done
sleep 1
"$@" >/dev/null
sleep 1
kill -INT "$listener"
wait "$listener" || true
read_capture() { tshark -r "$capture" -d "tcp.port==$port,mysql" "$@" 2>/dev/null; }
echo "$(read_capture -Y "mysql && tcp.srcport==$port" | wc -l) packets of the server"
wrong=$(read_capture -Y "tcp.srcport==$port && (_ws.malformed || mysql.invalid_length || mysql.dissector_incomplete)")
[ -z "$wrong" ] || { echo "$wrong"; exit 1; }
