"""Programs that analysts use, on the sample lake: SQLAlchemy, pandas, Polars with connector-x, mycli.

    python tests/apps/tools.py 127.0.0.1 3306
"""

import sys

import pandas
import polars
from sqlalchemy import MetaData, create_engine, inspect, select

DATABASES = ("game", "log", "mart")


def main(host, port):
    engine = create_engine(f"mysql+pymysql://root@{host}:{port}/")
    tables = reflected(engine)
    print(f"sqlalchemy: reflects and reads {len(tables)} tables")
    with_pandas(engine)
    print("pandas: reads frames, in pieces too")
    with_polars(f"mysql://root@{host}:{port}/log")
    print("polars: reads frames by connector-x")
    with_mycli(host, port)
    print("mycli: completes names of databases, tables and columns")


def reflected(engine):
    """Every table of the lake, as SQLAlchemy finds it, and a row of each."""
    tables = []
    inspector = inspect(engine)
    for database in DATABASES:
        metadata = MetaData()
        metadata.reflect(bind=engine, schema=database, views=True)
        names = set(inspector.get_table_names(database)) | set(inspector.get_view_names(database))
        assert names == {table.name for table in metadata.sorted_tables}, names
        tables += metadata.sorted_tables
    with engine.connect() as connection:
        for table in tables:
            assert len(table.columns) > 0, table
            connection.execute(select(table).limit(1)).all()
    return tables


def with_pandas(engine):
    query = "SELECT day, region, COUNT(*) AS n, AVG(session_seconds) AS mean FROM log.login GROUP BY day, region"
    frame = pandas.read_sql(query, engine, parse_dates=["day"])
    assert len(frame) > 0 and frame["n"].sum() > 0, frame
    total = sum(len(piece) for piece in pandas.read_sql("SELECT * FROM game.items", engine, chunksize=10))
    assert total == pandas.read_sql("SELECT COUNT(*) AS n FROM game.items", engine)["n"][0]
    assert list(pandas.read_sql_table("items", engine, schema="game").columns)


def with_polars(uri):
    query = "SELECT * FROM purchase WHERE day >= '2026-10-30'"
    frame = polars.read_database_uri(query, uri, engine="connectorx")
    assert frame.height > 0 and frame.schema["day"] == polars.Date, frame.schema
    # In partitions it asks for the least and the greatest value first.
    query = "SELECT user_id, amount FROM purchase"
    parts = polars.read_database_uri(query, uri, partition_on="user_id", partition_num=3, engine="connectorx")
    whole = polars.read_database_uri("SELECT COUNT(*) AS n FROM purchase", uri, engine="connectorx")
    assert parts.height == whole["n"][0], (parts.height, whole)


def with_mycli(host, port):
    """What mycli collects for its completion, and what it offers then."""
    from mycli.packages.completion.completion_refresher import CompletionRefresher
    from mycli.packages.completion.sql_completer import SQLCompleter
    from mycli.packages.execution.sql_execute import SQLExecute
    from prompt_toolkit.completion import CompleteEvent
    from prompt_toolkit.document import Document

    executor = SQLExecute("log", "root", "", host, int(port), None, None, None, None)
    completer = SQLCompleter(smart_completion=True)
    refresher = CompletionRefresher()
    for refresh in refresher.refreshers.values():
        refresh(completer, executor)

    def offered(text, cursor=None):
        document = Document(text, len(text) if cursor is None else cursor)
        return {completion.text for completion in completer.get_completions(document, CompleteEvent())}

    assert {"login", "purchase"} <= offered("SELECT * FROM "), offered("SELECT * FROM ")
    assert "session_seconds" in offered("SELECT  FROM login", 7), offered("SELECT  FROM login", 7)
    assert {"game", "mart"} <= offered("SELECT * FROM "), "databases"


if __name__ == "__main__":
    main(*sys.argv[1:])
