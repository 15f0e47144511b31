"""Random statements, asked of this server and of a MariaDB server that serves as the oracle.

    python tests/differential/differential.py --binary target/debug/lakefront --oracle root@127.0.0.1:3306 \
        [--seed 7] [--count 2000] [--all]

A database is made there and dropped again. Each statement reads one small
table that both servers have (`generator.py`); names, values and kinds of types are compared. What differs is printed with
the seed that makes it again; `known.txt` lists causes of differences that stay, and why.
"""

import argparse
import datetime
import decimal
import json
import math
import os
import random
import re
import socket
import subprocess
import sys
import tempfile
import time

import pyarrow
import pyarrow.parquet
import pymysql
from generator import COLUMNS, ROWS, Generator
from pymysql.constants import FIELD_TYPE

# The types of the table in a file, and how their values are read.
STORED = {
    "int": (pyarrow.int32(), int),
    "bigint": (pyarrow.int64(), int),
    "bigint unsigned": (pyarrow.uint64(), int),
    "int unsigned": (pyarrow.uint32(), int),
    "smallint": (pyarrow.int16(), int),
    "decimal(12,2)": (pyarrow.decimal128(12, 2), decimal.Decimal),
    "decimal(20,6)": (pyarrow.decimal128(20, 6), decimal.Decimal),
    "double": (pyarrow.float64(), float),
    "varchar(40)": (pyarrow.string(), str),
    "varchar(200)": (pyarrow.string(), str),
    "date": (pyarrow.date32(), datetime.date.fromisoformat),
    "datetime(3)": (pyarrow.timestamp("ms"), datetime.datetime.fromisoformat),
    "datetime(6)": (pyarrow.timestamp("us"), datetime.datetime.fromisoformat),
    "time(6)": (pyarrow.time64("us"), datetime.time.fromisoformat),
}

HERE = os.path.dirname(os.path.abspath(__file__))
LONGEST_TIME = re.compile(r"-?838:59:59(\.\d+)?")
DOUBLE = re.compile(r"-?\d\.\d{12}e[+-]\d+")

def kind_of(code):
    """What a type is to a client; widths are a server's choice."""
    if code in (FIELD_TYPE.TINY, FIELD_TYPE.SHORT, FIELD_TYPE.INT24, FIELD_TYPE.LONG, FIELD_TYPE.LONGLONG, FIELD_TYPE.YEAR):
        return "integer"
    if code in (FIELD_TYPE.FLOAT, FIELD_TYPE.DOUBLE):
        return "double"
    if code in (FIELD_TYPE.DECIMAL, FIELD_TYPE.NEWDECIMAL):
        return "decimal"
    if code in (FIELD_TYPE.DATETIME, FIELD_TYPE.TIMESTAMP):
        return "datetime"
    if code in (FIELD_TYPE.DATE, FIELD_TYPE.NEWDATE):
        return "date"
    return {FIELD_TYPE.TIME: "time", FIELD_TYPE.NULL: "null"}.get(code, "string")


def shown(kind, value):
    if value is None:
        return None
    if isinstance(value, bytes):
        value = value.decode("utf-8", "backslashreplace")
    if kind == "double":
        return f"{float(value):.12e}"
    return value


def ask(connection, sql, in_order):
    """The kinds of the columns and the rows, or an error."""
    try:
        with connection.cursor() as cursor:
            cursor.execute(sql)
            names = [column[0] for column in cursor.description]
            kinds = [kind_of(column[1]) for column in cursor.description]
            rows = [tuple(shown(kind, value) for kind, value in zip(kinds, row)) for row in cursor.fetchall()]
            return kinds, names, rows if in_order else sorted(rows, key=repr)
    except pymysql.MySQLError as error:
        return None, [], error.args


def connect(host, port, user, **options):
    # Values as the text that was sent: nothing is converted.
    return pymysql.connect(host=host, port=port, user=user, charset="utf8mb4", conv=pymysql.converters.encoders, read_timeout=60, **options)


def serve(binary, home):
    """Starts the server on a lake with the table, and waits until it answers."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    os.makedirs(f"{home}/lake/t")
    os.makedirs(f"{home}/catalog/differential")
    columns = zip(*ROWS)
    table = pyarrow.table({
        name: pyarrow.array([None if value is None else read(str(value)) for value in values], stored)
        for (name, data_type, _), values in zip(COLUMNS, columns)
        for stored, read in [STORED[data_type]]
    })  # fmt: skip
    # Several row groups, so that statistics decide about some of them.
    pyarrow.parquet.write_table(table, f"{home}/lake/t/rows.parquet", row_group_size=3)
    with open(f"{home}/catalog/differential/t.yaml", "w", encoding="utf-8") as file:
        columns = "".join(f"  {name}: {data_type}\n" for name, data_type, _ in COLUMNS)
        file.write(f"location: t\nformat: parquet\ncolumns:\n{columns}")
    with open(f"{home}/lakefront.yaml", "w", encoding="utf-8") as file:
        file.write(f"listen: 127.0.0.1:{port}\nconsole: 127.0.0.1:0\nlake: ./lake\ncatalog: ./catalog\n")
    log = open(f"{home}/log", "w", encoding="utf-8")
    process = subprocess.Popen([binary, "serve", "--config", f"{home}/lakefront.yaml"], stdout=log, stderr=log)
    for _ in range(300):
        try:
            return process, connect("127.0.0.1", port, "root", database="differential")
        except pymysql.MySQLError:
            if process.poll() is not None:
                sys.exit(open(f"{home}/log", encoding="utf-8").read())
            time.sleep(0.1)
    sys.exit("the server does not answer")


def prepare(oracle):
    """Makes the table in a database of this run."""
    database = f"differential_{os.getpid()}"
    with oracle.cursor() as cursor:
        cursor.execute("SET NAMES utf8mb4 COLLATE utf8mb4_nopad_bin")
        cursor.execute("SET time_zone = '+00:00', sql_mode = 'TIME_ROUND_FRACTIONAL,ONLY_FULL_GROUP_BY,STRICT_TRANS_TABLES,NO_ZERO_IN_DATE,NO_ZERO_DATE,ERROR_FOR_DIVISION_BY_ZERO,NO_ENGINE_SUBSTITUTION'")
        cursor.execute(f"CREATE OR REPLACE DATABASE {database} COLLATE utf8mb4_nopad_bin")
        cursor.execute(f"USE {database}")
        columns = ", ".join(f"{name} {data_type}" for name, data_type, _ in COLUMNS)
        cursor.execute(f"CREATE TABLE t ({columns}) COLLATE utf8mb4_nopad_bin")
        for row in ROWS:
            cursor.execute(f"INSERT INTO t VALUES ({', '.join(['%s'] * len(row))})", row)
    oracle.commit()
    return database


def known_causes():
    with open(os.path.join(HERE, "known.txt"), encoding="utf-8") as file:
        lines = [line.rstrip("\n") for line in file]
    causes = [line.split(": ", 1) for line in lines if line and not line.startswith("#")]
    return [(re.compile(pattern), reason) for pattern, reason in causes]


def differs(found, expected):
    """Whether two answers differ in more than a server may choose."""
    kinds, names, rows = found
    expected_kinds, expected_names, expected_rows = expected
    if kinds is None or expected_kinds is None:
        return kinds is not expected_kinds
    if names != expected_names or len(rows) != len(expected_rows):
        return True
    for column, pair in enumerate(zip(kinds, expected_kinds)):
        values = [row[column] for row in expected_rows if row[column] is not None]
        # All NULL: the type tells nobody anything. MariaDB makes a DECIMAL of an INT UNSIGNED next to a signed integer.
        whole = set(pair) == {"integer", "decimal"} and not any("." in value for value in values)
        if values and pair[0] != pair[1] and not whole:
            return True
    return not all(same(*pair) for row in zip(rows, expected_rows) for pair in zip(*row))


def described(answer):
    kinds, names, rows = answer
    if kinds is None:
        return f"error {rows}"
    # The second column is the point of most statements, the first one counts its rows.
    if names[1:] == ["x"]:
        return f"{kinds[1]} {[row[1] for row in rows]}"
    return f"{kinds} {rows}"


def same(value, other):
    """Whether two values are the same, but for what is a server's choice."""
    if value == other:
        return True
    if not (isinstance(value, str) and isinstance(other, str)):
        return False
    # Documents are the same when they say the same.
    if value[:1] in ("[", "{"):
        try:
            return json.loads(value) == json.loads(other)
        except ValueError:
            return False
    # A DECIMAL has no negative zero in MySQL 8, and the longest TIME is 838:59:59 there.
    if re.fullmatch(r"-0(\.0*)?", other):
        return value == other[1:]
    if LONGEST_TIME.fullmatch(other):
        return bool(LONGEST_TIME.fullmatch(value))
    # The last digits of a DOUBLE are chance.
    return bool(DOUBLE.fullmatch(other) and DOUBLE.fullmatch(value)) and math.isclose(float(value), float(other), rel_tol=1e-11)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--binary", default="target/debug/lakefront")
    parser.add_argument("--oracle", default="root@127.0.0.1:3306")
    parser.add_argument("--seed", type=int, default=None)
    parser.add_argument("--count", type=int, default=1000)
    parser.add_argument("--depth", type=int, default=2)
    parser.add_argument("--all", action="store_true", help="print known differences too")
    parser.add_argument("--sql", action="append", help="ask this statement instead of random ones, and print both answers")
    arguments = parser.parse_args()
    user, address = arguments.oracle.split("@")
    host, port = address.split(":")
    first = arguments.seed if arguments.seed is not None else random.SystemRandom().randrange(10**9)
    print(f"seeds {first} to {first + arguments.count - 1}")
    oracle = connect(host, int(port), user)
    database = prepare(oracle)
    causes = known_causes()
    new = old = 0
    with tempfile.TemporaryDirectory() as home:
        process, server = serve(arguments.binary, home)
        try:
            for sql in arguments.sql or []:
                found, expected = (ask(connection, sql, "ORDER BY" in sql) for connection in (server, oracle))
                print(f"\n{sql}\n  here   {described(found)}\n  oracle {described(expected)}")
            for seed in range(first, first + (0 if arguments.sql else arguments.count)):
                generator = Generator(seed)
                sql, in_order = generator.statement(arguments.depth)
                found, expected = ask(server, sql, in_order), ask(oracle, sql, in_order)
                if not differs(found, expected):
                    continue
                known = [reason for pattern, reason in causes if pattern.search(sql)]
                old += bool(known)
                new += not known
                if not known or arguments.all:
                    print(f"\nseed {seed}: {sql}{''.join(f'  ({reason})' for reason in known)}")
                    print(f"  here   {described(found)}\n  oracle {described(expected)}")
        finally:
            process.terminate()
            process.wait()
            oracle.rollback()
            oracle.cursor().execute(f"DROP DATABASE {database}")
    print(f"\n{arguments.count} statements: {new} differ, {old} more for known causes")
    sys.exit(1 if new else 0)


if __name__ == "__main__":
    main()
