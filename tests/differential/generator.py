"""The table of the differential test, and random statements over it.

A seed makes one statement. Expressions are typed: what is generated for a kind has it, or is converted to it by MySQL's
rules; where kinds are mixed that is the point. It knows nothing of servers and answers.
"""

import random

COLUMNS = [
    ("id", "int", "int"),
    ("i", "int", "int"),
    ("b", "bigint", "int"),
    ("u", "bigint unsigned", "int"),
    ("k", "int unsigned", "int"),
    ("m", "smallint", "int"),
    ("d", "decimal(12,2)", "dec"),
    ("e", "decimal(20,6)", "dec"),
    ("f", "double", "double"),
    ("s", "varchar(40)", "str"),
    ("n", "varchar(40)", "str"),
    ("w", "varchar(40)", "str"),
    ("day", "date", "date"),
    ("at", "datetime(6)", "datetime"),
    ("sec", "datetime(3)", "datetime"),
    ("clock", "time(6)", "time"),
    ("j", "varchar(200)", "json"),
]

_ROWS = [
    (1, 0, 0, 0, 0, 0, "0.00", "0.000000", 0.0, "", "0", "日本語", "2026-11-22", "2026-11-22 10:11:12.345678"),
    (2, 1, 1, 1, 1, -1, "1.50", "1.000001", 1.5, "abc", "12", "ÀÉî", "2000-02-29", "2000-02-29 23:59:59.000000"),
    (3, -7, -9223372036854775807, 18446744073709551615, 4294967295, 32767, "-999.99", "-0.500000", -2.25, "Abc ", "-3.5", "😀x😀", "1999-12-31", "1999-12-31 00:00:00.000000"),
    (4, 2147483647, 9223372036854775807, 9223372036854775808, 7, -32768, "1234567.89", "99999999999999.999999", 1e10, "déjà vu", "1e3", "ab,日本,c", "2026-01-01", "1970-01-01 00:00:01.500000"),
    (5, 42, 1000000007, 97, 42, 5, "12.34", "3.141593", 0.1, "%a_b\\", "12abc", "Ωmega", "2024-12-30", "2024-12-30 12:30:45.000001"),
    (6,) + (None,) * 13,
    (7, -1, -1, 2, 2, 12, "-0.01", "0.000001", -1e-5, "2026-11-22", "20261122", "ñandú ñ", "1970-01-01", "2038-01-19 03:14:07.000000"),
    (8, 100, 86400, 3600, 1000000, 100, "100.00", "-7.000000", 123456.789, "{\"a\": [1, 2]}", " 7 ", "x", "2026-09-30", "2026-09-30 08:00:00.000000"),
]

# The seconds of `at`, a time of day, and a document.
_REST = [
    ("2026-11-22 10:11:12", "10:11:12", '{"a": 1, "b": [1, 2, 3], "c": "x"}'),
    ("2000-02-29 23:59:59", "01:30:00", '[1, "two", null, true, {"k": 2.5}]'),
    ("1999-12-31 00:00:00", "12:00:00", '"text"'),
    ("1970-01-01 00:00:01", "00:00:01", '{"a": {"b": {"c": [10, 20]}}, "d": -1.5}'),
    ("2024-12-30 12:30:45", "23:59:59", '17'),
    (None, None, None),
    ("2038-01-19 03:14:07.250", "23:00:01", '{"e": [], "日本": "é"}'),
    ("2026-09-30 08:00:00", "08:00:00", '[[1, 2], [3, 4], {}]'),
]

ROWS = [row + rest for row, rest in zip(_ROWS, _REST)]

# Kinds of values that a client can be shown, and that may meet in one expression.
KINDS = ["int", "dec", "double", "str", "date", "datetime", "time", "bool"]

# Choices of the expressions below.
GLUES = ["'-'", "','", "s", "''", "'日'"]
PADS = ["'x'", "'ab'", "''", "'é'", "'日本'"]
DELIMITERS = ["','", "'a'", "'-'", "' '", "'日'", "''"]
TRIMMED = ["'a'", "' '", "'x'", "'😀'", "'ab'"]
NUMBERS_IN_BASE = ["id", "'ff'", "'12'", "'-12'", "k"]
DATES = ["'2026-11-22'", "at", "day", "'20260131'", "20260131", "s", "sec"]
MOMENTS = ["day", "at", "sec", "'2026-11-22 10:11:12'", "20261122101112", "'2026-11-22 10:11:12.75'"]
PATTERNS = ["'a%'", "'%b%'", "'_bc'", "'%'", "''", "'%日%'", "'___'", "'%\\\\%%'", "n"]
UNITS = ["MICROSECOND", "SECOND", "MINUTE", "HOUR", "DAY", "WEEK", "MONTH", "QUARTER", "YEAR"]
COMPOSITE = [
    ("'1:30'", "MINUTE_SECOND"),
    ("'1:2:3'", "HOUR_SECOND"),
    ("'1 2'", "DAY_HOUR"),
    ("'-1 2:3:4'", "DAY_SECOND"),
    ("'1-2'", "YEAR_MONTH"),
    ("'10:20'", "HOUR_MINUTE"),
    ("'1.5'", "SECOND_MICROSECOND"),
    ("'1 1:1'", "DAY_MINUTE"),
    ("-2", "DAY_HOUR"),
    ("1.5", "SECOND"),
    ("'2.9'", "DAY"),
    ("1.5", "HOUR"),
]
FIELDS = [
    "YEAR", "MONTH", "DAY", "QUARTER", "WEEK", "HOUR", "MINUTE", "SECOND", "MICROSECOND", "YEAR_MONTH", "DAY_HOUR",
    "DAY_SECOND", "HOUR_MINUTE", "HOUR_SECOND", "MINUTE_SECOND", "DAY_MICROSECOND", "SECOND_MICROSECOND",
]  # fmt: skip
DATE_FORMATS = [
    "%Y-%m-%d", "%d.%m.%y", "%H:%i:%s.%f", "%W %M %e", "%j %U %u", "%Y%m%d", "%x-%v", "%D %b", "%h %p", "%T", "%X %V",
    "%a %c %k %l", "%r", "%w %%", "%I:%S",
]  # fmt: skip
READ_DATES = [("'22,11,2026'", "%d,%m,%Y"), ("s", "%Y-%m-%d"), ("'1,2,2003'", "%d,%m,%Y"), ("n", "%Y%m%d"), ("'Mar 3 24'", "%b %e %y")]
PATHS = ["'$'", "'$.a'", "'$.b[1]'", "'$[0]'", "'$.a.b'", "'$[1][0]'", "'$.*'", "'$[*]'", "'$.\"日本\"'", "'$**.b'", "'$.x'"]
ONE_PATHS = ["'$.a'", "'$.b[1]'", "'$[0]'", "'$.a.b'", "'$.x'", "'$.d'", "'$.c'", "'$[4].k'"]
CANDIDATES = ["'1'", "'[1]'", "'{\"a\": 1}'"]
ONE_OR_ALL = ["'one'", "'all'"]
SEARCHED = ["'x'", "'%t%'"]
LISTS = ["'a,b,abc'", "w", "s"]
# What is no date or time compares otherwise in MySQL 8 than in MariaDB.
COMPARED_DATES = [date for date in DATES if date != "s"]
EPOCHS = ["sec", "day", "'2026-11-22 10:11:12'"]
TIMES = ["clock", "'10:11:12'", "101112"]
REGEXPS = ["'^a'", "'[0-9]+'", "'b.'", "'(a|b)c?'", "'日'", "'x$'", "'.'"]
FRAMES = [
    "",
    "ROWS UNBOUNDED PRECEDING",
    "ROWS BETWEEN 1 PRECEDING AND 1 FOLLOWING",
    "ROWS BETWEEN 2 PRECEDING AND 1 PRECEDING",
    "ROWS BETWEEN CURRENT ROW AND UNBOUNDED FOLLOWING",
    "ROWS BETWEEN 1 FOLLOWING AND 3 FOLLOWING",
    "RANGE BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW",
    "RANGE BETWEEN CURRENT ROW AND UNBOUNDED FOLLOWING",
    "ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING",
]
KEYS = ["id % 3", "i > 0", "s", "YEAR(day)", "m", "d", "QUARTER(at)", "LEFT(w, 1)", "id DIV 3", "day", "SIGN(f)", "IF(id % 2, 1, NULL)"]


class Expressions:
    """Random expressions of a kind, so many calls deep."""

    def __init__(self, seed):
        self.random = random.Random(seed)
        self.prefix = ""

    def pick(self, *choices):
        return self.random.choice(choices)

    def any(self, depth):
        return self.of(self.pick(*KINDS), depth)

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
            return self.prefix + self.pick(*columns)
        return {
            "int": lambda: self.pick("0", "1", "2", "3", "7", "10", "100", "-1", "NULL", "12345", "-45"),
            "dec": lambda: self.pick("0.5", "1.25", "-3.14", "100.001", "0.0", "2.5", "0.005", "999999999.995"),
            "double": lambda: self.pick("1e0", "2.5e0", "-1.5e-3", "1e10", "1e20"),
            "str": lambda: self.pick(
                "'a'", "'abc'", "''", "'12'", "'-3.5x'", "'2026-11-22'", "'é'", "NULL", "' x '", "'a,b,c'", "'日本'", "'😀'",
                "'1e2'", "'10:11:12'",
            ),
            "date": lambda: self.pick("DATE'2026-11-22'", "DATE'2000-02-29'", "DATE'1999-12-31'", "DATE'2024-01-31'"),
            "datetime": lambda: self.pick("TIMESTAMP'2026-11-22 10:11:12'", "TIMESTAMP'2000-02-29 23:59:59.999999'"),
            "time": lambda: self.pick("TIME'10:11:12'", "TIME'-01:00:00.5'", "TIME(at)", "TIME'100:00:00'"),
            "bool": lambda: self.pick("TRUE", "FALSE", "NULL", f"{self.prefix}i > 0", f"{self.prefix}s = 'abc'"),
            "json": lambda: self.pick("'[1, 2, 3]'", "'{\"a\": 1}'", "'null'", "'\"é\"'"),
        }[kind]()

    def int(self, depth):
        number, text, moment = self.number, lambda d: self.of("str", d), self.moment
        whole = lambda: self.of("int", depth)
        return self.pick(
            lambda: f"({whole()} {self.pick('+', '-', '*')} {self.pick('1', '2', '7', 'i', 'k', 'm')})",
            lambda: f"({whole()} % {whole()})",
            lambda: f"({number(depth)} DIV {number(depth)})",
            lambda: f"ABS({self.pick('i', 'id', '-5', 'u', 'm')})",
            lambda: f"SIGN({number(depth)})",
            lambda: f"{self.pick('LENGTH', 'CHAR_LENGTH', 'BIT_LENGTH', 'ASCII', 'ORD', 'CRC32')}({text(depth)})",
            lambda: f"LOCATE({text(depth)}, {text(depth)})",
            lambda: f"LOCATE({text(0)}, {text(depth)}, {self.pick('1', '2', '3', '0', '-1')})",
            lambda: f"INSTR({text(depth)}, {text(0)})",
            lambda: f"{self.pick('YEAR', 'MONTH', 'DAY', 'QUARTER', 'DAYOFWEEK', 'DAYOFYEAR', 'WEEKDAY', 'WEEK', 'WEEKOFYEAR', 'YEARWEEK', 'TO_DAYS', 'LAST_DAY', 'TO_SECONDS')}({moment(depth)}) + 0",
            lambda: f"{self.pick('WEEK', 'YEARWEEK')}({moment(depth)}, {self.pick('0', '1', '2', '3', '4', '5', '6', '7')})",
            lambda: f"{self.pick('HOUR', 'MINUTE', 'SECOND', 'MICROSECOND')}({self.of(self.pick('datetime', 'time'), depth)})",
            lambda: f"DATEDIFF({moment(depth)}, {moment(depth)})",
            lambda: f"TIMESTAMPDIFF({self.pick(*UNITS)}, {moment(depth)}, {moment(depth)})",
            lambda: f"EXTRACT({self.pick(*FIELDS)} FROM {self.of('datetime', depth)})",
            lambda: f"CAST({self.any(depth)} AS {self.pick('SIGNED', 'UNSIGNED')})",
            lambda: f"{self.pick('FLOOR', 'CEILING', 'ROUND')}({number(depth)})",
            lambda: f"{self.pick('ROUND', 'TRUNCATE')}({whole()}, {self.pick('0', '-1', '1', '-3')})",
            lambda: f"FIELD({text(depth)}, {text(0)}, {text(0)})",
            lambda: f"FIELD({number(0)}, {number(0)}, {number(0)})",
            lambda: f"FIND_IN_SET({text(0)}, {self.pick(*LISTS)})",
            lambda: f"INTERVAL({number(depth)}, 1, 10, 100)",
            lambda: f"STRCMP({text(depth)}, {text(depth)})",
            lambda: f"BIT_COUNT({whole()})",
            lambda: f"({whole()} {self.pick('&', '|', '^', '<<', '>>')} {self.pick('1', '2', '5', 'id')})",
            lambda: f"(~{whole()})",
            lambda: f"TIME_TO_SEC({self.of(self.pick('time', 'datetime'), depth)})",
            lambda: f"PERIOD_{self.pick('ADD', 'DIFF')}({self.pick('202611', '200001', '9912')}, {self.pick('1', '12', '202405')})",
            lambda: f"UNIX_TIMESTAMP({self.pick(*EPOCHS)})",
            lambda: f"({self.of('datetime', 0)} + 0)",
            lambda: f"REGEXP_INSTR({text(0)}, {self.pick(*REGEXPS)})",
            lambda: self.choice("int", depth),
        )()

    def dec(self, depth):
        exact = lambda: self.of("dec", depth)
        return self.pick(
            lambda: f"({exact()} {self.pick('+', '-')} {self.number(0)})",
            lambda: f"({exact()} * {self.pick('2', '0.5', 'i', '1.25', 'k')})",
            lambda: f"({self.pick(exact(), self.of('int', depth))} / {self.pick('3', '7', 'd', 'i', '0.3', 'u')})",
            lambda: f"({exact()} % {self.pick('3', '0.7', 'd')})",
            lambda: f"ROUND({exact()}, {self.pick('0', '1', '2', '-1', '4')})",
            lambda: f"TRUNCATE({exact()}, {self.pick('0', '1', '2', '-1')})",
            lambda: f"ABS({exact()})",
            lambda: f"-({exact()})",
            lambda: f"CAST({self.any(depth)} AS DECIMAL({self.pick('10,2', '20,5', '5,0', '30,10', '65,30')}))",
            lambda: f"({exact()} + {self.of('date', 0)})",
            lambda: f"UNIX_TIMESTAMP({self.pick('at', 'TIMESTAMP(at)')})",
            lambda: self.choice("dec", depth),
        )()

    def double(self, depth):
        return self.pick(
            lambda: f"({self.of('double', depth)} {self.pick('+', '-', '*', '/', '%')} {self.number(depth)})",
            lambda: f"SQRT(ABS({self.number(depth)}))",
            lambda: f"ROUND({self.of('double', depth)}, {self.pick('0', '2', '4')})",
            lambda: f"TRUNCATE({self.of('double', depth)}, {self.pick('0', '1', '3')})",
            lambda: f"{self.pick('FLOOR', 'CEILING')}({self.of('double', depth)})",
            lambda: f"POWER({self.pick('i', 'f', '2', '1.5')}, {self.pick('2', '0.5', '-1')})",
            lambda: f"{self.pick('LN', 'LOG2', 'LOG10')}(ABS({self.number(depth)}))",
            lambda: f"ROUND({self.pick('SIN', 'COS', 'ATAN', 'DEGREES', 'RADIANS', 'EXP')}({self.pick('id', 'm', 'd', '0.5')}), 6)",
            lambda: f"ABS({self.of('double', depth)})",
            lambda: f"-({self.of('double', depth)})",
            lambda: f"CAST({self.any(depth)} AS DOUBLE)",
            lambda: f"({self.of('str', depth)} {self.pick('+', '-', '*')} {self.number(0)})",
            lambda: self.choice("double", depth),
        )()

    def str(self, depth):
        text = lambda: self.of("str", depth)
        small = lambda: self.pick("0", "1", "2", "3", "-1", "-2", "5", "i", "NULL", "2.5")
        return self.pick(
            lambda: f"CONCAT({text()}, {self.any(depth)})",
            lambda: f"CONCAT_WS({self.pick(*GLUES)}, {self.any(depth)}, {self.any(depth)})",
            lambda: f"{self.pick('UPPER', 'LOWER', 'REVERSE', 'TRIM', 'LTRIM', 'RTRIM', 'HEX', 'QUOTE', 'SOUNDEX', 'MD5', 'TO_BASE64', 'SHA1')}({text()})",
            lambda: f"SUBSTRING({text()}, {small()})",
            lambda: f"SUBSTRING({text()}, {small()}, {small()})",
            lambda: f"{self.pick('LEFT', 'RIGHT')}({text()}, {small()})",
            lambda: f"{self.pick('LPAD', 'RPAD')}({text()}, {self.pick('0', '3', '7', '12')}, {self.pick(*PADS)})",
            lambda: f"REPLACE({text()}, {self.of('str', 0)}, {self.of('str', 0)})",
            lambda: f"REPEAT({text()}, {self.pick('0', '1', '2', '3')})",
            lambda: f"INSERT({text()}, {small()}, {small()}, {self.of('str', 0)})",
            lambda: f"SUBSTRING_INDEX({text()}, {self.pick(*DELIMITERS)}, {self.pick('1', '2', '-1', '0', '-2')})",
            lambda: f"TRIM({self.pick('LEADING', 'TRAILING', 'BOTH')} {self.pick(*TRIMMED)} FROM {text()})",
            lambda: f"CAST({self.any(depth)} AS CHAR)",
            lambda: f"CAST({self.any(depth)} AS CHAR({self.pick('1', '3', '10')}))",
            lambda: f"FORMAT({self.number(depth)}, {self.pick('0', '2', '4')})",
            lambda: f"DATE_FORMAT({self.moment(depth)}, '{self.pick(*DATE_FORMATS)}')",
            lambda: f"TIME_FORMAT({self.of('time', depth)}, '{self.pick('%H:%i', '%k %l', '%T', '%r', '%s.%f')}')",
            lambda: f"{self.pick('DAYNAME', 'MONTHNAME')}({self.moment(depth)})",
            lambda: f"ELT({self.pick('1', '2', '3', 'i')}, {text()}, {text()})",
            lambda: f"MAKE_SET({self.pick('1', '5', 'i', 'm')}, {text()}, {self.of('str', 0)}, 'c')",
            lambda: f"EXPORT_SET({self.pick('5', 'm')}, 'Y', 'n', ',', {self.pick('4', '8')})",
            lambda: f"CONV({self.pick(*NUMBERS_IN_BASE)}, {self.pick('10', '16', '-10')}, {self.pick('2', '8', '16', '36', '-10')})",
            lambda: f"{self.pick('HEX', 'BIN', 'OCT')}({self.of('int', 0)})",
            lambda: f"HEX({self.number(depth)})",
            lambda: f"CHAR({self.pick('65', '97, 98', 'id + 64')} USING utf8mb4)",
            lambda: f"REGEXP_REPLACE({text()}, {self.pick(*REGEXPS)}, {self.pick(*PADS)})",
            lambda: f"REGEXP_SUBSTR({text()}, {self.pick(*REGEXPS)})",
            lambda: f"({self.of('str', 0)} + INTERVAL 1 DAY)",
            lambda: f"SPACE({self.pick('0', '3', 'id')})",
            lambda: self.choice("str", depth),
        )()

    def date(self, depth):
        return self.pick(
            lambda: f"DATE({self.moment(depth)})",
            lambda: f"({self.of('date', depth)} {self.pick('+', '-')} INTERVAL {self.pick('1', '7', '31', 'i', '-1', 'm')} {self.pick('DAY', 'WEEK', 'MONTH', 'YEAR', 'QUARTER')})",
            lambda: f"{self.pick('ADDDATE', 'SUBDATE')}({self.of('date', depth)}, {self.pick('1', '31', 'm', '-400')})",
            lambda: f"LAST_DAY({self.moment(depth)})",
            lambda: f"CAST({self.pick(*DATES)} AS DATE)",
            lambda: f"MAKEDATE({self.pick('2026', '2000', '1999')}, {self.pick('1', '60', '366', 'i')})",
            lambda: f"FROM_DAYS(TO_DAYS({self.moment(depth)}) + {self.pick('0', '1', '-30')})",
            lambda: "STR_TO_DATE({}, '{}')".format(*self.pick(*READ_DATES)),
            lambda: self.choice("date", depth),
        )()

    def datetime(self, depth):
        return self.pick(
            lambda: f"({self.of('datetime', depth)} {self.pick('+', '-')} INTERVAL {self.pick('1', '90', 'i', '-7')} {self.pick('SECOND', 'MINUTE', 'HOUR', 'DAY', 'MONTH')})",
            lambda: "({} {} INTERVAL {} {})".format(self.moment(depth), self.pick("+", "-"), *self.pick(*COMPOSITE)),
            lambda: f"TIMESTAMP({self.moment(depth)})",
            lambda: f"TIMESTAMP({self.moment(depth)}, '{self.pick('01:00:00', '12:34:56.5')}')",
            lambda: f"CAST({self.pick(*MOMENTS)} AS DATETIME{self.pick('', '(3)', '(6)')})",
            lambda: f"TIMESTAMPADD({self.pick(*UNITS)}, {self.pick('1', '-2', '100')}, {self.of('datetime', depth)})",
            lambda: f"{self.pick('ADDTIME', 'SUBTIME')}({self.of('datetime', depth)}, '{self.pick('01:00:00', '00:00:00.5', '-10:11:12')}')",
            lambda: f"CONVERT_TZ({self.of('datetime', depth)}, '+00:00', '{self.pick('+09:00', '-03:30')}')",
            lambda: f"FROM_UNIXTIME({self.pick('1234567890', '1234567890.5', 'k', 'id * 1000')})",
            lambda: self.choice("datetime", depth),
        )()

    def time(self, depth):
        return self.pick(
            lambda: f"TIMEDIFF({self.pick('at, sec', 'sec, at', 'at, day', 'day, day')})",
            lambda: "TIMEDIFF({0}, {0} {1} INTERVAL {2} {3})".format(self.leaf("datetime"), self.pick("+", "-"), self.pick("1", "90", "700", "m % 700"), self.pick("HOUR", "MINUTE", "SECOND")),
            lambda: f"TIMEDIFF({self.of('time', depth)}, {self.of('time', depth)})",
            lambda: f"SEC_TO_TIME({self.pick('i', 'd', '3661', '-5.25', 'm')})",
            lambda: f"MAKETIME({self.pick('1', '-10', '80', 'i')}, {self.pick('0', '59', '60')}, {self.pick('0', '1.5', '59')})",
            lambda: f"TIME({self.of('datetime', depth)})",
            lambda: f"CAST({self.pick('at', '101112.5', '101112', 's', 'clock')} AS TIME{self.pick('', '(2)', '(6)')})",
            lambda: f"({self.of('time', depth)} {self.pick('+', '-')} INTERVAL {self.pick('1', '90', '-5')} {self.pick('SECOND', 'MINUTE', 'HOUR')})",
            lambda: f"{self.pick('ADDTIME', 'SUBTIME')}({self.of('time', depth)}, '{self.pick('01:00:00', '-00:00:00.25')}')",
            lambda: self.choice("time", depth),
        )()

    def bool(self, depth):
        kind = self.pick("int", "dec", "double", "str", "date", "datetime", "time")
        left, right = self.of(kind, depth), self.of(kind, depth)
        compared = lambda: self.pick("=", "<>", "<", "<=", ">", ">=", "<=>")
        return self.pick(
            lambda: f"({left} {compared()} {right})",
            lambda: f"({self.number(depth)} {compared()} {self.of('str', 0)})",
            lambda: f"({self.moment(depth)} {compared()} {self.moment(depth)})",
            lambda: f"({self.moment(depth)} {compared()} {self.pick(*COMPARED_DATES)})",
            lambda: f"({self.number(depth)} {compared()} {self.number(depth)})",
            lambda: f"({self.of('time', depth)} {compared()} {self.pick(*TIMES)})",
            lambda: f"({left} {self.pick('IS NULL', 'IS NOT NULL')})",
            lambda: f"({self.of('bool', depth)} {self.pick('AND', 'OR', 'XOR')} {self.of('bool', depth)})",
            lambda: f"(NOT {self.of('bool', depth)})",
            lambda: f"({left} {self.pick('BETWEEN', 'NOT BETWEEN')} {right} AND {self.leaf(kind)})",
            lambda: f"({self.number(depth)} BETWEEN {self.number(0)} AND {self.number(0)})",
            lambda: f"({left} {self.pick('IN', 'NOT IN')} ({right}, {self.leaf(kind)}, {self.leaf(kind)}))",
            lambda: f"({self.number(depth)} {self.pick('IN', 'NOT IN')} ({self.number(0)}, {self.number(0)}, {self.pick('NULL', '1')}))",
            lambda: f"(({left}, {self.leaf('int')}) {self.pick('=', '<>', '<', '>=')} ({right}, {self.leaf('int')}))",
            lambda: f"({self.of('str', depth)} {self.pick('LIKE', 'NOT LIKE')} {self.pick(*PATTERNS)})",
            lambda: f"({self.of('str', depth)} {self.pick('REGEXP', 'NOT REGEXP')} {self.pick(*REGEXPS)})",
            lambda: f"({self.any(depth)} {self.pick('IS TRUE', 'IS FALSE', 'IS NOT TRUE', 'IS UNKNOWN')})",
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

    def mixed(self, depth):
        """A choice between values of different kinds: its type is the point."""
        one, other = self.any(depth), self.any(depth)
        return self.pick(
            lambda: f"IF({self.of('bool', 0)}, {one}, {other})",
            lambda: f"IFNULL({one}, {other})",
            lambda: f"COALESCE({self.leaf(self.pick(*KINDS))}, {one}, {other})",
            lambda: f"NULLIF({one}, {self.leaf(self.pick(*KINDS))})",
            lambda: f"CASE WHEN {self.of('bool', 0)} THEN {one} WHEN {self.of('bool', 0)} THEN {other} END",
            lambda: f"CASE {self.leaf(self.pick(*KINDS))} WHEN {self.leaf(self.pick(*KINDS))} THEN {one} ELSE {other} END",
        )()

    def json(self, depth):
        """A document."""
        document = lambda: self.of("json", depth)
        scalar = lambda: self.pick("id", "n", "w", "d", "f", "NULL", "1.50", "2e0", "TRUE", "u")
        return self.pick(
            lambda: f"JSON_EXTRACT({document()}, {self.pick(*PATHS)})",
            lambda: f"JSON_EXTRACT({document()}, {self.pick(*ONE_PATHS)}, {self.pick(*ONE_PATHS)})",
            lambda: f"JSON_{self.pick('SET', 'INSERT', 'REPLACE')}({document()}, {self.pick(*ONE_PATHS)}, {scalar()})",
            lambda: f"JSON_REMOVE({document()}, {self.pick(*ONE_PATHS)})",
            lambda: f"JSON_ARRAY({scalar()}, {scalar()}, NULL)",
            lambda: f"JSON_OBJECT('k', {scalar()}, 'l', {scalar()})",
            lambda: f"JSON_MERGE_PATCH({document()}, {document()})",
            lambda: f"JSON_MERGE_PRESERVE({document()}, {document()})",
            lambda: f"JSON_QUOTE({self.of('str', depth)})",
        )()

    def fact(self, depth):
        """Something about a document."""
        document = lambda: self.of("json", depth)
        return self.pick(
            document,
            lambda: f"JSON_{self.pick('LENGTH', 'TYPE', 'KEYS', 'DEPTH', 'VALID')}({document()})",
            lambda: f"JSON_LENGTH({document()}, {self.pick(*ONE_PATHS)})",
            lambda: f"JSON_CONTAINS({document()}, {self.pick(*CANDIDATES)})",
            lambda: f"JSON_CONTAINS_PATH({document()}, {self.pick(*ONE_OR_ALL)}, {self.pick(*PATHS)}, {self.pick(*PATHS)})",
            lambda: f"JSON_SEARCH({document()}, 'all', {self.pick(*SEARCHED)})",
            lambda: f"JSON_VALUE({document()}, {self.pick(*ONE_PATHS)})",
            lambda: f"JSON_UNQUOTE(JSON_EXTRACT({document()}, {self.pick(*ONE_PATHS)}))",
        )()

    def aggregate(self, depth):
        return self.pick(
            lambda: f"{self.pick('SUM', 'AVG')}({self.number(depth)})",
            lambda: f"{self.pick('SUM', 'AVG')}({self.any(depth)})",
            lambda: f"{self.pick('MIN', 'MAX')}({self.any(depth)})",
            lambda: f"COUNT({self.any(depth)})",
            lambda: "COUNT(*)",
            lambda: f"COUNT(DISTINCT {self.any(depth)})",
            lambda: f"COUNT(DISTINCT {self.leaf('int')}, {self.leaf('str')})",
            lambda: f"{self.pick('SUM', 'AVG')}(DISTINCT {self.number(depth)})",
            lambda: f"GROUP_CONCAT({self.any(depth)} ORDER BY id SEPARATOR '|')",
            lambda: f"GROUP_CONCAT(DISTINCT {self.leaf(self.pick('int', 'str', 'date', 'dec'))} ORDER BY 1 {self.pick('', 'DESC')})",
            lambda: f"{self.pick('BIT_AND', 'BIT_OR', 'BIT_XOR')}({self.of('int', depth)})",
            lambda: f"ROUND({self.pick('STDDEV_POP', 'STDDEV_SAMP', 'VAR_POP', 'VAR_SAMP')}({self.pick('i', 'd', 'id')}), 4)",
            lambda: f"ROUND(SUM({self.number(depth)}) / COUNT(*), 2)",
            lambda: f"IFNULL({self.pick('MIN', 'MAX')}({self.any(0)}), {self.leaf(self.pick(*KINDS))})",
            lambda: f"SUM(IF({self.of('bool', depth)}, {self.leaf('int')}, {self.pick('0', 'NULL')}))",
            lambda: f"SUM({self.of('bool', depth)})",
            lambda: f"MAX({self.number(0)}) {self.pick('+', '-', '*', '/')} MIN({self.number(0)})",
        )()

    def window(self, depth):
        partition = self.pick("", f"PARTITION BY {self.pick(*KEYS)} ")
        over = f"({partition}ORDER BY id {self.pick('', 'DESC')} {self.pick(*FRAMES)})"
        whole = f"({partition}ORDER BY {self.pick('id', 'm, id', 's, id', 'f DESC, id', 'day, id')})"
        tied = f"({partition}ORDER BY {self.pick(*KEYS)})"
        value = self.any(depth)
        return self.pick(
            lambda: f"{self.pick('SUM', 'AVG')}({self.number(depth)}) OVER {over}",
            lambda: f"{self.pick('MIN', 'MAX')}({self.any(0)}) OVER {over}",
            lambda: f"COUNT({value}) OVER {over}",
            lambda: f"COUNT(*) OVER {tied}",
            lambda: f"SUM({self.leaf('int')}) OVER {tied}",
            lambda: f"{self.pick('FIRST_VALUE', 'LAST_VALUE')}({value}) OVER {over}",
            lambda: f"NTH_VALUE({value}, 2) OVER {over}",
            lambda: f"{self.pick('LAG', 'LEAD')}({value}{self.pick('', ', 1', ', 2')}) OVER {whole}",
            lambda: f"{self.pick('ROW_NUMBER()', 'NTILE(3)')} OVER {whole}",
            lambda: f"{self.pick('RANK()', 'DENSE_RANK()')} OVER {tied}",
            lambda: f"ROUND({self.pick('PERCENT_RANK()', 'CUME_DIST()')} OVER {tied}, 6)",
            lambda: f"BIT_OR({self.leaf('int')}) OVER {over}",
        )()


class Generator(Expressions):
    """Random statements: the text, and whether its rows have an order."""

    def statement(self, depth):
        share = self.random.random()
        for limit, make in (
            (0.45, self.values),
            (0.55, self.mixtures),
            (0.62, self.documents),
            (0.70, self.filtered),
            (0.80, self.grouped),
            (0.84, self.rolled_up),
            (0.90, self.windows),
            (0.93, self.joined),
            (0.96, self.united),
            (0.98, self.correlated),
            (1.00, self.ordered),
        ):
            if share < limit:
                return make(depth)

    def values(self, depth):
        return f"SELECT id, {self.any(depth)} AS x FROM t ORDER BY id", True

    def mixtures(self, depth):
        return f"SELECT id, {self.mixed(depth - 1)} AS x FROM t ORDER BY id", True

    def documents(self, depth):
        return f"SELECT id, {self.fact(depth)} AS x FROM t ORDER BY id", True

    def filtered(self, depth):
        return f"SELECT id, {self.leaf(self.pick(*KINDS))} AS x FROM t WHERE {self.of('bool', depth + 1)} ORDER BY id", True

    def grouped(self, depth):
        key = self.pick(*KEYS)
        having = self.pick("", "", f" HAVING {self.pick('COUNT(*) > 1', 'MAX(id) > 4', 'x IS NOT NULL', 'MIN(m) < 5', 'SUM(i) > 0')}")
        if self.random.random() < 0.2:
            return f"SELECT COUNT(*) AS g, {self.aggregate(depth)} AS x FROM t{self.pick('', ' WHERE ' + self.of('bool', depth))}{having}", True
        return f"SELECT {key} AS g, {self.aggregate(depth)} AS x, {self.aggregate(0)} AS y FROM t GROUP BY {key}{having}", False

    def rolled_up(self, depth):
        one, other = self.random.sample(KEYS, 2)
        if self.random.random() < 0.5:
            return f"SELECT {one} AS g, {self.aggregate(depth)} AS x FROM t GROUP BY {one} WITH ROLLUP", False
        return f"SELECT {one} AS g, {other} AS h, {self.aggregate(0)} AS x FROM t GROUP BY {one}, {other} WITH ROLLUP", False

    def windows(self, depth):
        return f"SELECT id, {self.window(depth - 1)} AS x FROM t ORDER BY id", True

    def joined(self, depth):
        pairs = [("a.id", "b.i"), ("a.s", "b.n"), ("a.m", "b.d"), ("a.i", "b.n"), ("a.day", "b.s"), ("a.day", "b.at"), ("a.u", "b.k"), ("a.f", "b.d"), ("a.d", "b.n"), ("a.at", "b.sec")]
        left, right = self.pick(*pairs)
        equal = "<=>" if right != "b.s" else "="
        condition = f"{left} {self.pick('=', '=', '<', equal)} {right}{self.pick('', ' AND a.id <> b.id', ' AND a.m > b.m', ' OR a.id = b.id')}"
        return f"SELECT a.id, b.id AS x FROM t a {self.pick('JOIN', 'LEFT JOIN', 'RIGHT JOIN')} t b ON {condition}", False

    def united(self, depth):
        # MariaDB writes a decimal next to a text with the digits that each value has.
        kinds = self.pick(["int", "dec", "double", "bool"], ["str", "date", "datetime", "time"], ["int", "str"])
        one, other = (self.of(self.pick(*kinds), depth - 1) for _ in range(2))
        return f"SELECT {one} AS x, id % 2 AS y FROM t UNION {self.pick('', 'ALL')} SELECT {other}, 1 FROM t", False

    def correlated(self, depth):
        column = self.pick("id", "m", "d", "day", "k", "f")
        inner = self.pick(
            f"(SELECT {self.pick('COUNT(*)', 'MAX(b.' + column + ')', 'SUM(b.m)', 'MIN(b.s)')} FROM t b WHERE b.{column} {self.pick('=', '<', '>')} t.{column})",
            f"EXISTS (SELECT 1 FROM t b WHERE b.{column} {self.pick('=', '<')} t.{self.pick('id', 'i', 'm')})",
            f"t.{column} {self.pick('IN', 'NOT IN')} (SELECT b.{self.pick('id', 'i', 'm', 'n')} FROM t b{self.pick('', ' WHERE b.i > 0')})",
            f"t.{column} {self.pick('>', '<=', '=', '<>')} {self.pick('ALL', 'ANY')} (SELECT b.{self.pick('i', 'm', 'd')} FROM t b WHERE b.id < 6)",
        )
        if self.random.random() < 0.3 and not inner.startswith("(SELECT"):
            return f"SELECT id, m AS x FROM t WHERE {inner} ORDER BY id", True
        return f"SELECT id, {inner} AS x FROM t ORDER BY id", True

    def ordered(self, depth):
        return f"SELECT id, {self.any(0)} AS x FROM t ORDER BY {self.any(depth)} {self.pick('', 'DESC')}, id {self.pick('', 'LIMIT 3', 'LIMIT 2, 4')}", True
