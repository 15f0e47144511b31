"""MariaDB's connector for Python, over MariaDB's client library in C."""

import mariadb
from mariadb.constants import FIELD_FLAG, FIELD_TYPE

from conversation import CERTIFICATE, PASSWORD, PORT, USER, Driver, hold


class MariaDB(Driver):
    mark = "?"

    def connect(self, encrypted, password=PASSWORD):
        tls = {"ssl_ca": CERTIFICATE, "ssl_verify_cert": True} if encrypted else {"ssl": False}
        return mariadb.connect(host="127.0.0.1", port=PORT, user=USER, password=password, **tls)

    def problem(self, error):
        return error.errno, error.sqlstate

    def text(self, connection, statement, values=()):
        with connection.cursor() as cursor:
            cursor.execute(statement, values or None)
            return cursor.fetchall()

    def prepared(self, connection, statement, values=()):
        with connection.cursor(binary=True) as cursor:
            cursor.execute(statement, values or None)
            types = list(zip(cursor.metadata["type"], cursor.metadata["flags"], strict=True))
            return [tuple(map(signed, row, types)) for row in cursor.fetchall()]

    def stream(self, connection, statement):
        with connection.cursor(buffered=False) as cursor:
            cursor.execute(statement)
            yield from cursor


def signed(value, told):
    """The connector reads TINYINT of prepared statements as unsigned, from every server."""
    tiny = told[0] == FIELD_TYPE.TINY and not told[1] & FIELD_FLAG.UNSIGNED
    return value - 256 if tiny and value is not None and value > 127 else value


driver = MariaDB()
hold(driver)

connection = driver.connect(False)
connection.database = "other"
assert driver.text(connection, "SELECT COUNT(*) FROM numbers") == [(3,)]
connection.change_user(USER, PASSWORD, "lake")
assert driver.text(connection, "SELECT COUNT(*) FROM numbers") == [(1000,)]
connection.reset()
connection.ping()
