"""mysqlclient: MySQLdb over MariaDB's client library in C."""

import MySQLdb
from MySQLdb.cursors import SSCursor

from conversation import CERTIFICATE, PASSWORD, PORT, USER, Driver, hold


class MySQLClient(Driver):
    def connect(self, encrypted, password=PASSWORD):
        tls = {"ssl": {"ca": CERTIFICATE}} if encrypted else {}
        return MySQLdb.connect(host="127.0.0.1", port=PORT, user=USER, password=password, charset="utf8mb4", **tls)

    def problem(self, error):
        # It does not tell the state.
        states = {1045: "28000", 1146: "42S02", 1064: "42000", 1317: "70100"}
        return error.args[0], states[error.args[0]]

    def text(self, connection, statement, values=()):
        with connection.cursor() as cursor:
            cursor.execute(statement, values or None)
            return cursor.fetchall()

    def stream(self, connection, statement):
        with connection.cursor(SSCursor) as cursor:
            cursor.execute(statement)
            yield from cursor


driver = MySQLClient()
hold(driver)

connection = driver.connect(False)
connection.select_db("lake")
connection.change_user(USER, PASSWORD, "other")
assert driver.text(connection, "SELECT COUNT(*) FROM numbers") == ((3,),)
connection.ping()
assert connection.stat().startswith("Uptime: ")
