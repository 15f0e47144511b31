"""What every driver must read of the shared lake (tests/it/fixture.rs), as Python values."""

from datetime import date, datetime, timedelta
from decimal import Decimal

TYPES = {
    "id": 1,
    "i8": -8,
    "i16": -16,
    "i32": -32,
    "i64": -64,
    "u8": 8,
    "u16": 16,
    "u32": 32,
    "u64": 64,
    "flag": 1,
    "f32": 1.5,
    "f64": 0.1,
    "dec9": Decimal("1.23"),
    "dec38": Decimal("0.0000000001"),
    "day": date(2026, 9, 1),
    "at_ms": datetime(2026, 9, 1, 12, 34, 56, 789000),
    "at_us": datetime(2026, 9, 1, 12, 34, 56, 789012),
    "at_ns": datetime(2026, 9, 1, 12, 34, 56, 789012),
    "clock": timedelta(hours=12, minutes=34, seconds=56, microseconds=789012),
    "text": "déjà vu",
    "code": "red",
    "bytes": b"abc",
    "fixed": b"\x01\x02\x03\x04",
}

EXTREMES = {
    "i64": 2**63 - 1,
    "u64": 2**64 - 1,
    "f64": 1.7976931348623157e308,
    "dec38": Decimal("9999999999999999999999999999.9999999999"),
    "day": date(9999, 12, 31),
    "text": "日本語 🎮",
    "bytes": b"\xff\x00",
}


def check_types(rows, kind):
    """Rows of lake.types by id, as dictionaries: ordinary values, extremes, NULLs."""
    assert len(rows) == 4, rows
    check(rows[0], TYPES, kind)
    check(rows[1], EXTREMES, kind)
    nulls = {name: value for name, value in rows[3].items() if name != "id"}
    assert all(value is None for value in nulls.values()), nulls


def check(row, expected, kind):
    for name, value in expected.items():
        found = row[name]
        if isinstance(found, bytearray):
            found = bytes(found)
        assert found == value and type(found) is type(value), f"{kind}: {name} is {found!r}, not {value!r}"
