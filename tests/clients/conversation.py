"""The conversation that each Python driver holds with the server; tests/it/clients.rs tells its parts. A driver's
script says how the driver does things, and nothing about what must come of them."""

import datetime
import decimal
import pathlib
import sys

PORT = int(sys.argv[1])
CERTIFICATE = sys.argv[2]
USER, PASSWORD = "ann", "correct horse"

ENDLESS = "SELECT COUNT(*) FROM lake.numbers a, lake.numbers b, lake.numbers c, lake.numbers d WHERE a.n + b.n + c.n + d.n < 0"
LARGE = "SELECT REPEAT('x', 1000) FROM lake.numbers a, lake.numbers b WHERE b.n < 100"
LARGE_ROWS = 100_000


class Driver:
    """What a script overrides."""

    mark = "%s"
    """What stands for a parameter in a text statement, and in a prepared one."""
    loses = {}
    """Kinds of values of which the driver loses something, and what it makes of their text."""
    cannot_send = {}
    """Kinds of values that the driver reads and cannot send, by the way of sending them."""

    def connect(self, encrypted, password=PASSWORD):
        """A connection, with a certificate that was verified if it is to be encrypted."""

    def problem(self, error):
        """The number and the SQLSTATE of an error."""

    def text(self, connection, statement, values=()):
        """All rows of a statement that is sent with its values in it."""

    prepared = None
    """All rows of a statement that is prepared and gets its values when it is executed."""

    stream = None
    """The rows one by one, as they come."""

    def close(self, connection):
        connection.close()


def hold(driver):
    """The whole conversation. Tells each part that went well."""
    fails(driver, lambda: driver.connect(False, "wrong"), (1045, "28000"))
    connection = driver.connect(False)
    assert cipher(driver, connection) == ""
    tell("password")
    if encrypts():
        driver.close(connection)
        fails(driver, lambda: driver.connect(True, "wrong"), (1045, "28000"))
        connection = driver.connect(True)
        assert cipher(driver, connection).startswith(("TLS_", "ECDHE-"))
        tell("tls")

    for way in ("text", "prepared"):
        run = getattr(driver, way)
        if run is None:
            continue
        rows = check_types(driver, run(connection, "SELECT * FROM lake.types ORDER BY id"), way)
        tell(way)
        check_parameters(driver, connection, run, rows)
        tell(f"{way} parameters")

    fails(driver, lambda: driver.text(connection, "SELECT * FROM lake.missing"), (1146, "42S02"))
    fails(driver, lambda: driver.text(connection, "SELEC 1"), (1064, "42000"))
    tell("error")

    [[number]] = driver.text(connection, "SELECT CONNECTION_ID()")
    tell(f"kill {number}")
    fails(driver, lambda: driver.text(connection, ENDLESS), (1317, "70100"))
    assert int(driver.text(connection, "SELECT 1")[0][0]) == 1
    tell("cancelled")

    if driver.stream:
        tell("streams")
        count = 0
        for [text] in driver.stream(connection, LARGE):
            assert len(text) == 1000
            count += 1
        assert count == LARGE_ROWS, count
        tell("streamed")
    driver.close(connection)


def encrypts():
    """Whether the server has a certificate. Without one, others can look into the whole conversation."""
    return CERTIFICATE != "-"


def tell(event):
    """The test answers every line, so that it can look at the process at that moment."""
    print(event, flush=True)
    sys.stdin.readline()


def cipher(driver, connection):
    [[_, cipher]] = driver.text(connection, "SHOW STATUS LIKE 'Ssl_cipher'")
    return cipher


def fails(driver, action, expected):
    try:
        action()
    except Exception as error:
        assert driver.problem(error) == expected, repr(error)
    else:
        raise AssertionError(f"{expected} must be the end of it")


def expected_types():
    lines = pathlib.Path(__file__).with_name("expected.tsv").read_text(encoding="utf-8").splitlines()
    return [line.split("\t") for line in lines if not line.startswith("#")]


def check_types(driver, rows, way):
    """Compares rows of all types with what they must be, and returns them by column."""
    columns = [column for row, column, _, _ in expected_types() if row == "1"]
    rows = [dict(zip(columns, row, strict=True)) for row in rows]
    assert len(rows) == 4, rows
    for row, column, kind, text in expected_types():
        value = rows[int(row) - 1][column]
        expected = (kind, driver.loses[kind](text) if kind in driver.loses else text)
        assert same(expected, shown(value)), f"{way}: {column} is {value!r} and not {expected}"
    return rows


def check_parameters(driver, connection, run, rows):
    """Sends back what was read; the server must take each value for the one that it sent. A FLOAT is never
    what its text says."""
    lost = ("float", *driver.loses, *driver.cannot_send.get(run.__name__, ()))
    columns = [column for row, column, kind, _ in expected_types() if row == "1" and kind not in lost]
    tests = ", ".join(f"{column} <=> {driver.mark}" for column in columns)
    statement = f"SELECT {tests} FROM lake.types WHERE id = {driver.mark}"
    for row in rows:
        values = [row[column] for column in columns]
        [answers] = run(connection, statement, (*values, row["id"]))
        wrong = {column: row[column] for column, taken in zip(columns, answers, strict=True) if int(taken) != 1}
        assert not wrong, f"{run.__name__}: taken for something else: {wrong}"


def sendable(values):
    """The values for drivers that send no integers of more than 63 bits."""
    return [decimal.Decimal(value) if isinstance(value, int) and value >= 2**63 else value for value in values]


def same(expected, found):
    kind, text = expected
    if kind in ("float", "double"):
        near = 1e-5 if kind == "float" else 0
        return found[0] == "double" and abs(float(text) - found[1]) <= near * abs(found[1])
    return expected == found


def shown(value):
    """The kind of a value, and its text as in expected.tsv."""
    match value:
        case None:
            return "null", ""
        case int():
            return "integer", str(int(value))
        case float():
            return "double", value
        case decimal.Decimal():
            return "decimal", format(value, "f")
        case datetime.datetime():
            return "datetime", without_zeros(value.isoformat(" "))
        case datetime.date():
            return "date", value.isoformat()
        case datetime.time():
            return "time", without_zeros(value.isoformat())
        case datetime.timedelta():
            return "time", without_zeros((datetime.datetime.min + value).time().isoformat())
        case bytes() | bytearray():
            return "bytes", value.hex()
        case str():
            return "text", value
    raise AssertionError(f"no kind for {value!r}")


def without_zeros(text):
    return text.rstrip("0").rstrip(".") if "." in text else text
