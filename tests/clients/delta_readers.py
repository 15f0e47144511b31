"""Reads a published view as other programs do, and compares the rows with those that a MySQL client got.

    delta_readers.py TABLE ROWS

TABLE is the view's Delta table. ROWS is a JSON file: the names of the columns, and the rows in order of `day` and `id`, each
cell the hexadecimal bytes of its text, or null. Prints a line for each program: its name, and `ok` or what differs.
"""

import datetime
import decimal
import json
import math
import sys

import deltalake
import polars
import pyarrow

KEYS = ["day", "id"]


def main(path, rows_file):
    with open(rows_file) as file:
        expected = json.load(file)
    table = deltalake.DeltaTable(path)
    times = {field.name for field in table.schema().fields if "lakefront.type" in (field.metadata or {})}
    readers = {
        "deltalake": lambda: table.to_pyarrow_table(),
        "polars": lambda: polars.read_delta(path).to_arrow(),
        "duckdb": lambda: of_duckdb(table.file_uris()),
    }
    for name, read in readers.items():
        try:
            found = read()
        except ModuleNotFoundError:
            print(name, "is not here")
            continue
        differences = compare(found, expected, times)
        print(name, "ok" if not differences else "; ".join(differences[:10]))


def of_duckdb(files):
    import duckdb

    paths = [file.removeprefix("file://") for file in files]
    duckdb.sql("SET TimeZone = 'UTC'")
    return duckdb.read_parquet(paths, hive_partitioning=True, union_by_name=True).to_arrow_table()


def compare(found, expected, times):
    names = expected["columns"]
    if sorted(found.column_names) != sorted(names):
        return [f"columns {sorted(found.column_names)}"]
    found = found.sort_by([(key, "ascending") for key in KEYS]).to_pylist()
    if len(found) != len(expected["rows"]):
        return [f"{len(found)} rows, not {len(expected['rows'])}"]
    differences = []
    for row, cells in zip(found, expected["rows"]):
        for name, cell in zip(names, cells):
            text = None if cell is None else bytes.fromhex(cell)
            if not same(row[name], text, name in times):
                differences.append(f"{row['day']} {row['id']} {name} is {row[name]!r}, not {text!r}")
    return differences


def same(value, text, is_time):
    """Whether a value is what the text of a MySQL client says."""
    if value is None or text is None:
        return value is None and text is None
    if isinstance(value, bytes):
        return value == text
    text = text.decode()
    if is_time:
        return value == microseconds(text)
    match value:
        case bool():
            return text == str(int(value))
        case int():
            return text == str(value)
        case float():
            # A FLOAT is shown with fewer digits than it has.
            return value == float(text) or math.isclose(value, float(text), rel_tol=1e-5) and "." in text
        case decimal.Decimal():
            return value == decimal.Decimal(text)
        case datetime.datetime():
            return value.replace(tzinfo=None) == datetime.datetime.fromisoformat(text)
        case datetime.date():
            return str(value) == text
        case str():
            return value == text
        case list() | dict():
            return plain(value) == plain(json.loads(text))
    return False


def plain(value):
    """Lists and objects; the entries of a map, in whichever way they come, are an object."""
    match value:
        case [(_, _), *_] if all(isinstance(entry, tuple) for entry in value):
            return {key: plain(of_key) for key, of_key in value}
        case [{"key": _, "value": _}, *_]:
            return {entry["key"]: plain(entry["value"]) for entry in value}
        case [] | {}:
            # An empty map comes as an empty list.
            return None if len(value) == 0 else {key: plain(of_key) for key, of_key in value.items()}
        case list():
            return [plain(element) for element in value]
    return value


def microseconds(text):
    sign, text = (-1, text[1:]) if text.startswith("-") else (1, text)
    hours, minutes, seconds = text.split(":")
    seconds = decimal.Decimal(seconds) + 60 * int(minutes) + 3600 * int(hours)
    return sign * int(seconds * 1_000_000)


if __name__ == "__main__":
    main(*sys.argv[1:])
