"""Random expressions, asked of this server and of a MariaDB server that serves as the oracle.

    python tests/differential/differential.py --binary target/debug/lakefront --oracle root@127.0.0.1:3306 \
        [--seed 7] [--count 2000] [--all]

The oracle needs the collation utf8mb4_bin; the database `differential` is made there. Each expression is computed
over the columns of one small table that both servers have, and the values and the kind of type are compared. What
differs is printed with the seed that makes it again; `known.txt` lists causes of differences that stay, and why.
"""

import argparse
import os
import random
import re
import socket
import subprocess
import sys
import tempfile
import time

import pymysql
from pymysql.constants import FIELD_TYPE

HERE = os.path.dirname(os.path.abspath(__file__))

COLUMNS = [
    ("id", "int", "int"),
    ("i", "int", "int"),
    ("b", "bigint", "int"),
    ("u", "bigint unsigned", "int"),
    ("d", "decimal(12,2)", "dec"),
    ("e", "decimal(20,6)", "dec"),
    ("f", "double", "double"),
    ("s", "varchar(40)", "str"),
    ("n", "varchar(40)", "str"),
    ("day", "date", "date"),
    ("at", "datetime(6)", "datetime"),
]

ROWS = [
    (1, 0, 0, 0, "0.00", "0.000000", 0.0, "", "0", "2026-11-22", "2026-11-22 10:11:12.345678"),
    (2, 1, 1, 1, "1.50", "1.000001", 1.5, "abc", "12", "2000-02-29", "2000-02-29 23:59:59.000000"),
    (3, -7, -9223372036854775807, 18446744073709551615, "-999.99", "-0.500000", -2.25, "Abc ", "-3.5", "1999-12-31", "1999-12-31 00:00:00.000000"),
    (4, 2147483647, 9223372036854775807, 9223372036854775808, "1234567.89", "99999999999999.999999", 1e10, "déjà vu", "1e3", "2026-01-01", "1970-01-01 00:00:01.500000"),
    (5, 42, 1000000007, 97, "12.34", "3.141593", 0.1, "%a_b\\", "12abc", "2024-12-30", "2024-12-30 12:30:45.000001"),
    (6, None, None, None, None, None, None, None, None, None, None),
    (7, -1, -1, 2, "-0.01", "0.000001", -1e-5, "2026-11-22", "20261122", "1970-01-01", "2038-01-19 03:14:07.000000"),
    (8, 100, 86400, 3600, "100.00", "-7.000000", 123456.789, "{\"a\": [1, 2]}", " 7 ", "2026-09-30", "2026-09-30 08:00:00.000000"),
]


# Choices of the expressions below.
GLUES = ["'-'", "','", 's']
PADS = ["'x'", "'ab'", "''"]
DELIMITERS = ["','", "'a'", "'-'", "' '"]
TRIMMED = ["'a'", "' '", "'x'"]
NUMBERS_IN_BASE = ['id', "'ff'", "'12'"]
DATES = ["'2026-11-22'", 'at', 'day', "'20260131'", '20260131', 's']
READ_DATES = ["'22,11,2026'", "'1,2,2003'", 's']
MOMENTS = ['day', 'at', "'2026-11-22 10:11:12'", '20261122101112']
PATTERNS = ["'a%'", "'%b%'", "'_bc'", "'%'", "''"]


class Generator:
    """Typed expressions: what is generated for a kind has it, or is converted to it by MySQL's rules."""

    def __init__(self, seed):
        self.random = random.Random(seed)

    def pick(self, *choices):
        return self.random.choice(choices)

    def any(self, depth):
        return self.of(self.pick("int", "dec", "double", "str", "date", "datetime", "time", "bool"), depth)

    def number(self, depth):
        return self.of(self.pick("int", "int", "dec", "dec", "double"), depth)

    def moment(self, depth):
        return self.of(self.pick("date", "datetime"), depth)

    def of(self, kind, depth):
        if depth <= 0 or self.random.random() < 0.15:
            return self.leaf(kind)
        return getattr(self, kind)(depth - 1)

    def leaf(self, kind):
        columns = [name for name, _, column_kind in COLUMNS if column_kind == kind]
        if columns and self.random.random() < 0.7:
            return self.pick(*columns)
        return {
            "int": lambda: self.pick("0", "1", "2", "3", "7", "10", "100", "-1", "NULL", "12345", "-45"),
            "dec": lambda: self.pick("0.5", "1.25", "-3.14", "100.001", "0.0", "2.5"),
            "double": lambda: self.pick("1e0", "2.5e0", "-1.5e-3", "1e10"),
            "str": lambda: self.pick("'a'", "'abc'", "''", "'12'", "'-3.5x'", "'2026-11-22'", "'é'", "NULL", "' x '", "'a,b,c'"),
            "date": lambda: self.pick("DATE'2026-11-22'", "DATE'2000-02-29'", "DATE'1999-12-31'"),
            "datetime": lambda: self.pick("TIMESTAMP'2026-11-22 10:11:12'", "TIMESTAMP'2000-02-29 23:59:59.999999'"),
            "time": lambda: self.pick("TIME'10:11:12'", "TIME'-01:00:00.5'", "TIME(at)", "TIME'838:59:59'"),
            "bool": lambda: self.pick("TRUE", "FALSE", "NULL", "i > 0", "s = 'abc'"),
        }[kind]()

    def int(self, depth):
        number, text, moment = self.number, lambda d: self.of("str", d), self.moment
        return self.pick(
            lambda: f"({self.of('int', depth)} {self.pick('+', '-', '*')} {self.pick('1', '2', '7', 'i')})",
            lambda: f"({self.of('int', depth)} % {self.of('int', depth)})",
            lambda: f"({number(depth)} DIV {number(depth)})",
            lambda: f"ABS({self.pick('i', 'id', '-5', 'u')})",
            lambda: f"SIGN({number(depth)})",
            lambda: f"LENGTH({text(depth)})",
            lambda: f"CHAR_LENGTH({text(depth)})",
            lambda: f"LOCATE({text(depth)}, {text(depth)})",
            lambda: f"INSTR({text(depth)}, {text(0)})",
            lambda: f"ASCII({text(depth)})",
            lambda: f"{self.pick('YEAR', 'MONTH', 'DAY', 'QUARTER', 'DAYOFWEEK', 'DAYOFYEAR', 'WEEKDAY', 'WEEK', 'WEEKOFYEAR', 'YEARWEEK', 'TO_DAYS', 'LAST_DAY')}({moment(depth)}) + 0",
            lambda: f"{self.pick('HOUR', 'MINUTE', 'SECOND', 'MICROSECOND')}({self.of('datetime', depth)})",
            lambda: f"DATEDIFF({moment(depth)}, {moment(depth)})",
            lambda: f"TIMESTAMPDIFF({self.unit()}, {moment(depth)}, {moment(depth)})",
            lambda: f"EXTRACT({self.pick('YEAR', 'MONTH', 'DAY', 'YEAR_MONTH', 'QUARTER', 'WEEK')} FROM {moment(depth)})",
            lambda: f"CAST({self.any(depth)} AS {self.pick('SIGNED', 'UNSIGNED')})",
            lambda: f"FLOOR({number(depth)})",
            lambda: f"CEILING({number(depth)})",
            lambda: f"ROUND({self.of('int', depth)}, {self.pick('0', '-1', '1')})",
            lambda: f"FIELD({text(depth)}, {text(0)}, {text(0)})",
            lambda: f"FIND_IN_SET({text(0)}, 'a,b,abc')",
            lambda: f"INTERVAL({self.of('int', depth)}, 1, 10, 100)",
            lambda: f"STRCMP({text(depth)}, {text(depth)})",
            lambda: f"CRC32({text(depth)})",
            lambda: f"BIT_COUNT({self.of('int', depth)})",
            lambda: f"({self.of('int', depth)} {self.pick('&', '|', '^', '<<', '>>')} {self.pick('1', '2', '5', 'id')})",
            lambda: self.choice("int", depth),
        )()

    def dec(self, depth):
        return self.pick(
            lambda: f"({self.of('dec', depth)} {self.pick('+', '-')} {self.number(0)})",
            lambda: f"({self.of('dec', depth)} * {self.pick('2', '0.5', 'i', '1.25')})",
            lambda: f"({self.pick(self.of('dec', depth), self.of('int', depth))} / {self.pick('3', '7', 'd', 'i', '0.3')})",
            lambda: f"({self.of('dec', depth)} % {self.pick('3', '0.7', 'd')})",
            lambda: f"ROUND({self.of('dec', depth)}, {self.pick('0', '1', '2', '-1', '4')})",
            lambda: f"TRUNCATE({self.of('dec', depth)}, {self.pick('0', '1', '2', '-1')})",
            lambda: f"ABS({self.of('dec', depth)})",
            lambda: f"-({self.of('dec', depth)})",
            lambda: f"CAST({self.any(depth)} AS DECIMAL({self.pick('10,2', '20,5', '5,0', '30,10')}))",
            lambda: self.choice("dec", depth),
        )()

    def double(self, depth):
        return self.pick(
            lambda: f"({self.of('double', depth)} {self.pick('+', '-', '*', '/')} {self.number(depth)})",
            lambda: f"SQRT(ABS({self.number(depth)}))",
            lambda: f"ROUND({self.of('double', depth)}, {self.pick('0', '2', '4')})",
            lambda: f"FLOOR({self.of('double', depth)})",
            lambda: f"POWER({self.pick('i', 'f', '2', '1.5')}, {self.pick('2', '0.5', '-1')})",
            lambda: f"LN(ABS({self.number(depth)}))",
            lambda: f"ABS({self.of('double', depth)})",
            lambda: f"CAST({self.any(depth)} AS DOUBLE)",
            lambda: f"({self.of('str', depth)} + {self.number(0)})",
            lambda: self.choice("double", depth),
        )()

    def str(self, depth):
        text = lambda: self.of("str", depth)
        small = lambda: self.pick("0", "1", "2", "3", "-1", "-2", "5", "i", "NULL")
        return self.pick(
            lambda: f"CONCAT({text()}, {self.any(depth)})",
            lambda: f"CONCAT_WS({self.pick(*GLUES)}, {self.any(depth)}, {self.any(depth)})",
            lambda: f"{self.pick('UPPER', 'LOWER', 'REVERSE', 'TRIM', 'LTRIM', 'RTRIM', 'HEX', 'QUOTE', 'SOUNDEX', 'MD5')}({text()})",
            lambda: f"SUBSTRING({text()}, {small()})",
            lambda: f"SUBSTRING({text()}, {small()}, {small()})",
            lambda: f"{self.pick('LEFT', 'RIGHT')}({text()}, {small()})",
            lambda: f"{self.pick('LPAD', 'RPAD')}({text()}, {self.pick('0', '3', '7', '12')}, {self.pick(*PADS)})",
            lambda: f"REPLACE({text()}, {self.of('str', 0)}, {self.of('str', 0)})",
            lambda: f"REPEAT({text()}, {self.pick('0', '1', '2', '3')})",
            lambda: f"INSERT({text()}, {small()}, {small()}, {self.of('str', 0)})",
            lambda: f"SUBSTRING_INDEX({text()}, {self.pick(*DELIMITERS)}, {self.pick('1', '2', '-1', '0')})",
            lambda: f"TRIM({self.pick('LEADING', 'TRAILING', 'BOTH')} {self.pick(*TRIMMED)} FROM {text()})",
            lambda: f"CAST({self.any(depth)} AS CHAR)",
            lambda: f"FORMAT({self.number(depth)}, {self.pick('0', '2', '4')})",
            lambda: f"DATE_FORMAT({self.moment(depth)}, '{self.pick('%Y-%m-%d', '%d.%m.%y', '%H:%i:%s.%f', '%W %M %e', '%j %U %u', '%Y%m%d', '%x-%v', '%D %b', '%h %p', '%T')}')",
            lambda: f"{self.pick('DAYNAME', 'MONTHNAME')}({self.moment(depth)})",
            lambda: f"ELT({self.pick('1', '2', '3', 'i')}, {text()}, {text()})",
            lambda: f"CONV({self.pick(*NUMBERS_IN_BASE)}, {self.pick('10', '16')}, {self.pick('2', '8', '16', '36')})",
            lambda: f"HEX({self.of('int', 0)})",
            lambda: f"BIN({self.of('int', 0)})",
            lambda: self.choice("str", depth),
        )()

    def date(self, depth):
        return self.pick(
            lambda: f"DATE({self.moment(depth)})",
            lambda: f"({self.of('date', depth)} {self.pick('+', '-')} INTERVAL {self.pick('1', '7', '31', 'i')} {self.pick('DAY', 'WEEK', 'MONTH', 'YEAR', 'QUARTER')})",
            lambda: f"LAST_DAY({self.moment(depth)})",
            lambda: f"CAST({self.pick(*DATES)} AS DATE)",
            lambda: f"MAKEDATE({self.pick('2026', '2000', '1999')}, {self.pick('1', '60', '366', 'i')})",
            lambda: f"FROM_DAYS(TO_DAYS({self.moment(depth)}) + {self.pick('0', '1', '-30')})",
            lambda: f"STR_TO_DATE({self.pick(*READ_DATES)}, '%d,%m,%Y')",
            lambda: self.choice("date", depth),
        )()

    def datetime(self, depth):
        return self.pick(
            lambda: f"({self.of('datetime', depth)} {self.pick('+', '-')} INTERVAL {self.pick('1', '90', 'i')} {self.pick('SECOND', 'MINUTE', 'HOUR', 'DAY', 'MONTH')})",
            lambda: f"TIMESTAMP({self.moment(depth)})",
            lambda: f"CAST({self.pick(*MOMENTS)} AS DATETIME{self.pick('', '(3)', '(6)')})",
            lambda: f"TIMESTAMPADD({self.unit()}, {self.pick('1', '-2', '100')}, {self.of('datetime', depth)})",
            lambda: f"ADDTIME({self.of('datetime', depth)}, '{self.pick('01:00:00', '00:00:00.5', '-10:11:12')}')",
            lambda: f"CONVERT_TZ({self.of('datetime', depth)}, '+00:00', '{self.pick('+09:00', '-03:30')}')",
            lambda: self.choice("datetime", depth),
        )()

    def time(self, depth):
        return self.pick(
            lambda: f"TIMEDIFF({self.of('datetime', depth)}, {self.of('datetime', depth)})",
            lambda: f"TIMEDIFF({self.of('time', depth)}, {self.of('time', depth)})",
            lambda: f"SEC_TO_TIME({self.pick('i', 'd', '3661', '-5.25')})",
            lambda: f"MAKETIME({self.pick('1', '-10', '800', 'i')}, {self.pick('0', '59', '60')}, {self.pick('0', '1.5', '59')})",
            lambda: f"TIME({self.of('datetime', depth)})",
            lambda: f"CAST({self.pick('at', '101112.5', '101112', 's')} AS TIME)",
            lambda: f"({self.of('time', depth)} + INTERVAL {self.pick('1', '90', '-5')} {self.pick('SECOND', 'MINUTE', 'HOUR')})",
            lambda: f"ADDTIME({self.of('time', depth)}, '{self.pick('01:00:00', '-00:00:00.25')}')",
            lambda: self.choice("time", depth),
        )()

    def bool(self, depth):
        kind = self.pick("int", "dec", "double", "str", "date", "datetime")
        left, right = self.of(kind, depth), self.of(kind, depth)
        return self.pick(
            lambda: f"({left} {self.pick('=', '<>', '<', '<=', '>', '>=', '<=>')} {right})",
            lambda: f"({self.number(depth)} {self.pick('=', '<', '>')} {self.of('str', 0)})",
            lambda: f"({self.moment(depth)} {self.pick('=', '<', '>')} {self.moment(depth)})",
            lambda: f"({left} {self.pick('IS NULL', 'IS NOT NULL')})",
            lambda: f"({self.of('bool', depth)} {self.pick('AND', 'OR', 'XOR')} {self.of('bool', depth)})",
            lambda: f"(NOT {self.of('bool', depth)})",
            lambda: f"({left} BETWEEN {right} AND {self.leaf(kind)})",
            lambda: f"({left} {self.pick('IN', 'NOT IN')} ({right}, {self.leaf(kind)}, {self.leaf(kind)}))",
            lambda: f"({self.of('str', depth)} {self.pick('LIKE', 'NOT LIKE')} {self.pick(*PATTERNS)})",
            lambda: f"({self.any(depth)} {self.pick('IS TRUE', 'IS FALSE', 'IS NOT TRUE')})",
        )()

    def choice(self, kind, depth):
        one, other = self.of(kind, depth), self.of(kind, depth)
        return self.pick(
            lambda: f"IF({self.of('bool', depth)}, {one}, {other})",
            lambda: f"IFNULL({one}, {other})",
            lambda: f"COALESCE({one}, {other}, {self.leaf(kind)})",
            lambda: f"NULLIF({one}, {other})",
            lambda: f"CASE WHEN {self.of('bool', depth)} THEN {one} ELSE {other} END",
            lambda: f"CASE {self.of('int', 0)} WHEN 1 THEN {one} WHEN 7 THEN {other} END",
            lambda: f"{self.pick('GREATEST', 'LEAST')}({one}, {other})",
        )()

    def aggregate(self, depth):
        return self.pick(
            lambda: f"{self.pick('SUM', 'AVG')}({self.number(depth)})",
            lambda: f"{self.pick('MIN', 'MAX')}({self.any(depth)})",
            lambda: f"COUNT({self.any(depth)})",
            lambda: f"COUNT(DISTINCT {self.any(depth)})",
            lambda: f"SUM(DISTINCT {self.of('int', depth)})",
            lambda: f"GROUP_CONCAT({self.any(depth)} ORDER BY id SEPARATOR '|')",
            lambda: f"{self.pick('BIT_AND', 'BIT_OR', 'BIT_XOR')}({self.of('int', depth)})",
            lambda: f"ROUND({self.pick('STDDEV_POP', 'STDDEV_SAMP', 'VAR_POP', 'VAR_SAMP')}({self.pick('i', 'd', 'id')}), 4)",
            lambda: f"ROUND(SUM({self.number(depth)}) / COUNT(*), 2)",
        )()

    def statement(self, depth):
        if self.random.random() < 0.2:
            return f"SELECT id % 3 AS g, {self.aggregate(depth)} AS x FROM t GROUP BY id % 3 ORDER BY g"
        return f"SELECT id, {self.any(depth)} AS x FROM t ORDER BY id"

    def unit(self):
        return self.pick("SECOND", "MINUTE", "HOUR", "DAY", "WEEK", "MONTH", "QUARTER", "YEAR")


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


def ask(connection, sql):
    try:
        with connection.cursor() as cursor:
            cursor.execute(sql)
            kind = kind_of(cursor.description[1][1])
            return kind, [shown(kind, row[1]) for row in cursor.fetchall()]
    except pymysql.MySQLError as error:
        return "error", error.args


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
    with open(f"{home}/lake/t/rows.csv", "w", encoding="utf-8") as file:
        for row in ROWS:
            fields = ("\\N" if value is None else '"' + str(value).replace('"', '""') + '"' for value in row)
            file.write(",".join(fields) + "\n")
    with open(f"{home}/catalog/differential/t.yaml", "w", encoding="utf-8") as file:
        columns = "".join(f"  {name}: {data_type}\n" for name, data_type, _ in COLUMNS)
        file.write(f"location: t\nformat: csv\ncolumns:\n{columns}")
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
    with oracle.cursor() as cursor:
        cursor.execute("SET NAMES utf8mb4 COLLATE utf8mb4_bin")
        cursor.execute("SET time_zone = '+00:00', sql_mode = 'ONLY_FULL_GROUP_BY,STRICT_TRANS_TABLES,NO_ZERO_IN_DATE,NO_ZERO_DATE,ERROR_FOR_DIVISION_BY_ZERO,NO_ENGINE_SUBSTITUTION'")
        cursor.execute("CREATE DATABASE IF NOT EXISTS differential COLLATE utf8mb4_bin")
        cursor.execute("USE differential")
        cursor.execute("DROP TABLE IF EXISTS t")
        columns = ", ".join(f"{name} {data_type}" for name, data_type, _ in COLUMNS)
        cursor.execute(f"CREATE TABLE t ({columns}) COLLATE utf8mb4_bin")
        for row in ROWS:
            cursor.execute(f"INSERT INTO t VALUES ({', '.join(['%s'] * len(row))})", row)
    oracle.commit()


def known_causes():
    with open(os.path.join(HERE, "known.txt"), encoding="utf-8") as file:
        lines = [line.rstrip("\n") for line in file]
    causes = [line.split(": ", 1) for line in lines if line and not line.startswith("#")]
    return [(re.compile(pattern), reason) for pattern, reason in causes]


def differs(found, expected):
    """Whether two answers differ in more than a server may choose."""
    if found == expected:
        return False
    if found[0] == "error" and expected[0] == "error":
        return False
    kinds = {found[0], expected[0]}
    if "error" in kinds:
        return True
    if found[1] != expected[1]:
        return True
    # All NULL: the type tells nobody anything.
    return kinds != {found[0]} and any(value is not None for value in expected[1])


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--binary", default="target/debug/lakefront")
    parser.add_argument("--oracle", default="root@127.0.0.1:3306")
    parser.add_argument("--seed", type=int, default=None)
    parser.add_argument("--count", type=int, default=1000)
    parser.add_argument("--depth", type=int, default=2)
    parser.add_argument("--all", action="store_true", help="print known differences too")
    arguments = parser.parse_args()
    user, address = arguments.oracle.split("@")
    host, port = address.split(":")
    first = arguments.seed if arguments.seed is not None else random.SystemRandom().randrange(10**9)
    print(f"seeds {first} to {first + arguments.count - 1}")
    oracle = connect(host, int(port), user)
    prepare(oracle)
    causes = known_causes()
    new = old = 0
    with tempfile.TemporaryDirectory() as home:
        process, server = serve(arguments.binary, home)
        try:
            for seed in range(first, first + arguments.count):
                generator = Generator(seed)
                sql = generator.statement(arguments.depth)
                found, expected = ask(server, sql), ask(oracle, sql)
                if not differs(found, expected):
                    continue
                known = [reason for pattern, reason in causes if pattern.search(sql)]
                old += bool(known)
                new += not known
                if not known or arguments.all:
                    print(f"\nseed {seed}: {sql}{''.join(f'  ({reason})' for reason in known)}")
                    print(f"  here   {found[0]} {found[1]}\n  oracle {expected[0]} {expected[1]}")
        finally:
            process.terminate()
            process.wait()
    print(f"\n{arguments.count} expressions: {new} differ, {old} more for known causes")
    sys.exit(1 if new else 0)


if __name__ == "__main__":
    main()
