"""Polars through connectorx, over the Rust driver `mysql`: columns by the binary and by the text protocol, one connection
for each statement. It has no parameters, and tells errors as text only; a wrong password it tries for half a minute."""

import decimal
import threading
import urllib.parse

import connectorx

from conversation import (
    CERTIFICATE, ENDLESS, LARGE, LARGE_ROWS, PASSWORD, PORT, USER, encrypts, expected_types, same, shown, tell
)

PLACE = f"mysql://{USER}:{urllib.parse.quote(PASSWORD)}@127.0.0.1:{PORT}/lake?ssl-mode="
PLAIN, ENCRYPTED = f"{PLACE}disabled", f"{PLACE}verify_identity&ssl-ca={CERTIFICATE}"
TOO_LONG = "dec38"  # Its decimals have 28 digits.


def read(statement, protocol="binary", place=ENCRYPTED if encrypts() else PLAIN, **more):
    return connectorx.read_sql(place, statement, return_type="polars", protocol=protocol, **more)


def fails(statement, *parts):
    try:
        read(statement)
    except RuntimeError as error:
        assert all(part in str(error) for part in parts), error
    else:
        raise AssertionError(f"{parts} must be the end of it")


def cipher(place):
    [(_, cipher)] = read("SHOW STATUS LIKE 'Ssl_cipher'", "text", place).rows()
    return cipher


assert cipher(PLAIN) == ""
tell("password")
if encrypts():
    assert cipher(ENCRYPTED).startswith(("TLS_", "ECDHE-"))
    tell("tls")

for protocol, way in (("text", "text"), ("binary", "prepared")):
    expected = [line for line in expected_types() if line[1] != TOO_LONG]
    columns = [column for row, column, _, _ in expected if row == "1"]
    rows = read(f"SELECT {', '.join(columns)} FROM types ORDER BY id", protocol).rows(named=True)
    for row, column, kind, text in expected:
        value = rows[int(row) - 1][column]
        # All decimals have the same digits after the point.
        value = value.normalize() if isinstance(value, decimal.Decimal) else value
        assert same((kind, text), shown(value)), f"{protocol}: {column} is {value!r} and not {text}"
    tell(way)

parts = read("SELECT n FROM numbers", partition_on="n", partition_num=4)
assert sorted(parts["n"]) == list(range(1000))

fails("SELECT * FROM missing", "1146", "42S02")
fails("SELEC 1", "1064", "42000")
tell("error")

cancelled = []
endless = threading.Thread(target=lambda: cancelled.append(fails(ENDLESS, "1317", "70100")))
endless.start()
runs = "SELECT id FROM information_schema.processlist WHERE info LIKE 'SELECT COUNT%numbers d%' AND id <> CONNECTION_ID()"
while not (found := read(runs).rows()):
    pass
tell(f"kill {found[0][0]}")
endless.join()
assert cancelled == [None]
tell("cancelled")

tell("streams")
count = 0
for batch in connectorx.read_sql(PLAIN, LARGE, return_type="arrow_stream", batch_size=1000):
    assert all(len(text.as_py()) == 1000 for text in batch.column(0))
    count += batch.num_rows
assert count == LARGE_ROWS, count
tell("streamed")
