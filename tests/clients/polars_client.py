"""Polars through connectorx, over the Rust driver `mysql`: columns by the binary and by the text protocol. It has no
parameters, tells errors as text only, and holds a whole result."""

import decimal
import urllib.parse

import connectorx

from conversation import PASSWORD, PORT, USER, expected_types, same, shown, tell

PLACE = f"mysql://{USER}:{urllib.parse.quote(PASSWORD)}@127.0.0.1:{PORT}/lake"
TOO_LONG = "dec38"  # Its decimals have 28 digits.


def read(statement, protocol="binary", **more):
    return connectorx.read_sql(PLACE, statement, return_type="polars", protocol=protocol, **more)


assert read("SELECT 1 AS one").rows() == [(1,)]
tell("password")

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

try:
    read("SELECT * FROM missing")
    raise AssertionError("a missing table must be an error")
except RuntimeError as error:
    assert "1146" in str(error) and "42S02" in str(error), error
tell("error")
