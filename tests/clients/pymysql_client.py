"""PyMySQL: text protocol, escaping by the client, buffered and unbuffered cursors."""

import sys

import pymysql
from pymysql.cursors import DictCursor, SSCursor

from expected import check_types


def connect(**more):
    return pymysql.connect(host="127.0.0.1", port=int(sys.argv[1]), user="root", **more)


with connect(database="lake", cursorclass=DictCursor) as connection, connection.cursor() as cursor:
    cursor.execute("SELECT * FROM types ORDER BY id")
    check_types(cursor.fetchall(), "text")

    cursor.execute("SELECT name FROM employees WHERE department_id = %s AND hired < %s ORDER BY id", (1, "2019-01-01"))
    assert [row["name"] for row in cursor.fetchall()] == ["Ada", "Bela", "Hana"]
    cursor.execute("SELECT id FROM words WHERE word = %s", ("it's",))
    assert cursor.fetchall() == [{"id": 8}]
    cursor.execute("SELECT id FROM words WHERE word = %s", ("back\\slash",))
    assert cursor.fetchall() == [{"id": 7}]

    cursor.execute("SHOW TABLES LIKE 'dep%'")
    assert [list(row.values()) for row in cursor.fetchall()] == [["departments"]]
    try:
        cursor.execute("SELECT * FROM missing")
        raise AssertionError("a missing table must be an error")
    except pymysql.err.ProgrammingError as error:
        assert error.args == (1146, "Table 'lake.missing' doesn't exist"), error.args

    connection.select_db("other")
    cursor.execute("SELECT COUNT(*) AS count FROM numbers")
    assert cursor.fetchall() == [{"count": 3}]
    connection.ping(reconnect=False)
    connection.commit()

with connect(database="lake", cursorclass=SSCursor) as connection, connection.cursor() as cursor:
    cursor.execute("SELECT a.n FROM numbers a, numbers b WHERE b.n < 20 ORDER BY a.n")
    assert sum(1 for _ in cursor) == 20_000

try:
    connect(database="nothing")
    raise AssertionError("a missing database must be an error")
except pymysql.err.OperationalError as error:
    assert error.args == (1049, "Unknown database 'nothing'"), error.args

print("ok")
