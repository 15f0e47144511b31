"""mysql-connector-python, pure or with Oracle's client library in C: text and binary protocol, cursors."""

import sys
from decimal import Decimal

import mysql.connector

from expected import check_types


def connect(**more):
    pure = sys.argv[2] == "pure"
    return mysql.connector.connect(host="127.0.0.1", port=int(sys.argv[1]), user="root", use_pure=pure, **more)


def error_of(action):
    try:
        action()
    except mysql.connector.Error as error:
        return error.errno, error.sqlstate
    raise AssertionError("this must be an error")


with connect(database="lake") as connection:
    with connection.cursor(dictionary=True) as cursor:
        cursor.execute("SELECT * FROM types ORDER BY id")
        check_types(cursor.fetchall(), "text")

    with connection.cursor(prepared=True, dictionary=True) as cursor:
        cursor.execute("SELECT * FROM types WHERE id > %s ORDER BY id", (0,))
        rows = cursor.fetchall()
        if sys.argv[2] == "c":
            # The C extension reads BIGINT UNSIGNED of prepared statements as signed, from every server.
            assert rows[1]["u64"] in (-1, 2**64 - 1)
            rows[1]["u64"] = 2**64 - 1
        check_types(rows, "binary")

    with connection.cursor(prepared=True) as cursor:
        statement = "SELECT name, salary FROM employees WHERE salary >= %s AND name <> %s ORDER BY salary DESC LIMIT 2"
        for _ in range(3):
            cursor.execute(statement, (Decimal("5500.00"), "Emil"))
            assert cursor.fetchall() == [("Hana", Decimal("7000.00")), ("Ada", Decimal("5500.00"))]
        cursor.execute(statement, (Decimal("6500"), "Hana"))
        assert cursor.fetchall() == []

    with connection.cursor() as cursor:
        cursor.execute("SELECT COUNT(*), MIN(n), MAX(n) FROM numbers")
        assert cursor.fetchall() == [(1000, 0, 999)]
        assert cursor.column_names == ("COUNT(*)", "MIN(n)", "MAX(n)")

    with connection.cursor() as cursor:
        assert error_of(lambda: cursor.execute("SELECT * FROM missing")) == (1146, "42S02")
    with connection.cursor() as cursor:
        assert error_of(lambda: cursor.execute("SELEC 1")) == (1064, "42000")

    with connection.cursor() as cursor:
        cursor.execute("SELECT a.n FROM numbers a, numbers b WHERE b.n < 20")
        assert len(cursor.fetchmany(10)) == 10
        assert len(cursor.fetchall()) == 19_990

    connection.database = "other"
    connection.ping()
    connection.cmd_reset_connection()
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")
        assert cursor.fetchall() == [(1,)]

assert error_of(lambda: connect(database="nothing")) == (1049, "42000")

print("ok")
