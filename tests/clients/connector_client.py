"""mysql-connector-python, pure or with Oracle's client library in C: text and binary protocol, cursors."""

import sys
from decimal import Decimal

import mysql.connector

from conversation import CERTIFICATE, PASSWORD, PORT, USER, Driver, encrypts, hold, sendable

PURE = sys.argv[3] == "pure"


class Connector(Driver):
    # The C extension sends a DOUBLE as a FLOAT, and a TIME from where it has not written one.
    cannot_send = {} if PURE else {"prepared": ("double", "time")}

    def connect(self, encrypted, password=PASSWORD, **more):
        tls = {"ssl_ca": CERTIFICATE, "ssl_verify_cert": True} if encrypted else {"ssl_disabled": True}
        return mysql.connector.connect(
            host="127.0.0.1", port=PORT, user=USER, password=password, use_pure=PURE, **tls, **more
        )

    def problem(self, error):
        return error.errno, error.sqlstate

    def text(self, connection, statement, values=()):
        with connection.cursor() as cursor:
            cursor.execute(statement, values)
            return cursor.fetchall()

    def prepared(self, connection, statement, values=()):
        with connection.cursor(prepared=True) as cursor:
            cursor.execute(statement, values if PURE else sendable(values))
            rows = cursor.fetchall()
        if not PURE:
            # The C extension reads BIGINT UNSIGNED of prepared statements as signed, from every server.
            rows = [tuple(2**64 - 1 if value == -1 else value for value in row) for row in rows]
        return rows

    def stream(self, connection, statement):
        with connection.cursor() as cursor:
            cursor.execute(statement)
            yield from cursor


driver = Connector()
hold(driver)

with driver.connect(encrypts(), database="lake") as connection:
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

    connection.database = "other"
    connection.ping()
    connection.cmd_reset_connection()
    assert driver.text(connection, "SELECT 1") == [(1,)]
    connection.cmd_change_user(USER, PASSWORD, "other")
    assert driver.text(connection, "SELECT COUNT(*) FROM numbers") == [(3,)]

try:
    driver.connect(encrypts(), database="nothing")
    raise AssertionError("a missing database must be an error")
except mysql.connector.Error as error:
    assert driver.problem(error) == (1049, "42000"), error
