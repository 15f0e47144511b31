"""MariaDB's ODBC driver through unixODBC, with pyodbc: statements are prepared by the server,
and this version of the driver stores all rows."""

import re

import pyodbc

from conversation import CERTIFICATE, PASSWORD, PORT, USER, Driver, hold, sendable

pyodbc.pooling = False


class Odbc(Driver):
    mark = "?"
    loses = {"time": lambda text: text[:8]}  # ODBC has no fractions of a TIME.
    cannot_send = {"text": ("datetime",), "prepared": ("datetime",)}  # The driver leaves the fraction out.

    def connect(self, encrypted, password=PASSWORD):
        tls = f"SSLCA={CERTIFICATE};SSLVERIFY=1;" if encrypted else ""
        return pyodbc.connect(
            f"DRIVER={{MariaDB Unicode}};SERVER=127.0.0.1;PORT={PORT};UID={USER};PWD={password};{tls}", autocommit=True
        )

    def problem(self, error):
        state, text = error.args
        number = int(re.search(r"\((\d+)\)", text)[1])
        # ODBC's states come in the place of the server's.
        states = {1045: "28000", 1146: "42S02", 1064: "42000", 1317: "70100"}
        return number, states[number]

    def text(self, connection, statement, values=()):
        with connection.cursor() as cursor:
            rows = cursor.execute(statement, *sendable(values)).fetchall()
            # pyodbc reads INT UNSIGNED as signed, from every server.
            return [tuple(2**32 - 1 if value == -1 else value for value in row) for row in rows]

    def prepared(self, connection, statement, values=()):
        return self.text(connection, statement, values)


driver = Odbc()
hold(driver)

with driver.connect(False).cursor() as cursor:
    assert [row.table_name for row in cursor.tables(catalog="lake", table="dep%")] == ["departments"]
    columns = {row.column_name: row for row in cursor.columns(catalog="lake", table="types")}
    assert columns["dec9"].column_size == 9 and columns["dec9"].decimal_digits == 2
    assert columns["day"].type_name.lower() == "date"
    assert cursor.primaryKeys(catalog="lake", table="types").fetchall() == []
