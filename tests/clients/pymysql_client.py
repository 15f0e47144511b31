"""PyMySQL: text protocol, escaping by the client, buffered and unbuffered cursors."""

import pymysql
from pymysql.cursors import SSCursor

from conversation import CERTIFICATE, PASSWORD, PORT, USER, Driver, hold


class PyMySQL(Driver):
    def connect(self, encrypted, password=PASSWORD, **more):
        tls = {"ssl_ca": CERTIFICATE, "ssl_verify_identity": True} if encrypted else {"ssl_disabled": True}
        return pymysql.connect(host="127.0.0.1", port=PORT, user=USER, password=password, **tls, **more)

    def problem(self, error):
        # It does not tell the state, only its kind of exception.
        states = {1045: "28000", 1146: "42S02", 1064: "42000", 1317: "70100"}
        return error.args[0], states[error.args[0]]

    def text(self, connection, statement, values=()):
        with connection.cursor() as cursor:
            cursor.execute(statement, values)
            return cursor.fetchall()

    def stream(self, connection, statement):
        with connection.cursor(SSCursor) as cursor:
            cursor.execute(statement)
            yield from cursor.fetchall_unbuffered()


driver = PyMySQL()
hold(driver)

with driver.connect(False, database="lake") as connection, connection.cursor() as cursor:
    cursor.execute("SELECT name FROM employees WHERE department_id = %s AND hired < %s ORDER BY id", (1, "2019-01-01"))
    assert cursor.fetchall() == (("Ada",), ("Bela",), ("Hana",))
    for word, number in (("it's", 8), ("back\\slash", 7)):
        cursor.execute("SELECT id FROM words WHERE word = %s", (word,))
        assert cursor.fetchall() == ((number,),)
    cursor.execute("SHOW TABLES LIKE 'dep%'")
    assert cursor.fetchall() == (("departments",),)
    try:
        cursor.execute("SELECT * FROM missing")
        raise AssertionError("a missing table must be an error")
    except pymysql.err.ProgrammingError as error:
        assert error.args == (1146, "Table 'lake.missing' doesn't exist"), error.args
    connection.select_db("other")
    cursor.execute("SELECT COUNT(*) AS count FROM numbers")
    assert cursor.fetchall() == ((3,),)
    connection.ping(reconnect=False)
    connection.commit()

try:
    driver.connect(False, database="nothing")
    raise AssertionError("a missing database must be an error")
except pymysql.err.OperationalError as error:
    assert error.args == (1049, "Unknown database 'nothing'"), error.args
