"""Superset as it is used: adds the server as a database, lists its tables, reads columns, runs a chart by its API.

    python tests/apps/superset_app.py mysql+pymysql://root@127.0.0.1:3306

Superset keeps its own state in a SQLite file of a directory that is gone afterwards. Its API is called in the
process, without a web server.
"""

import json
import logging
import os
import subprocess
import sys
import tempfile


def main(uri):
    with tempfile.TemporaryDirectory() as home:
        prepare(home)
        from superset.app import create_app

        logging.disable(logging.WARNING)
        client = create_app().test_client()
        Superset(client).check(uri)
    print("superset: adds the database, lists tables, reads columns, draws a chart, runs SQL")


def prepare(home):
    """An empty Superset with one user."""
    config = os.path.join(home, "superset_config.py")
    with open(config, "w") as file:
        file.write(
            'SECRET_KEY = "only for this test, and long enough to be accepted"\n'
            f'SQLALCHEMY_DATABASE_URI = "sqlite:///{home}/superset.db"\n'
            # It asks for the constants of a driver in C, which PyMySQL stands in for.
            "import pymysql\npymysql.install_as_MySQLdb()\n"
            "WTF_CSRF_ENABLED = TALISMAN_ENABLED = RATELIMIT_ENABLED = AUTH_RATE_LIMITED = False\n"
        )
    os.environ.update(SUPERSET_CONFIG_PATH=config, SUPERSET_HOME=home, FLASK_APP="superset.app:create_app()")
    superset = os.path.join(os.path.dirname(sys.executable), "superset")
    user = "fab create-admin --username admin --firstname A --lastname B --email a@example.org --password admin"
    for command in ("db upgrade", user, "init"):
        done = subprocess.run([superset, *command.split()], capture_output=True, text=True)
        if done.returncode != 0:
            sys.exit(f"superset {command} failed:\n{done.stderr[-4000:]}")


class Superset:
    def __init__(self, client):
        self.client = client
        login = {"username": "admin", "password": "admin", "provider": "db", "refresh": True}
        token = self.call("post", "/api/v1/security/login", login)["access_token"]
        self.headers = {"Authorization": f"Bearer {token}"}

    def call(self, method, path, body=None):
        headers = getattr(self, "headers", {})
        answer = getattr(self.client, method)(path, json=body, headers=headers)
        if answer.status_code >= 300:
            sys.exit(f"{method} {path} answers {answer.status_code}: {answer.get_data(as_text=True)[:4000]}")
        return answer.get_json()

    def check(self, uri):
        added = {"database_name": "lakefront", "sqlalchemy_uri": uri}
        self.call("post", "/api/v1/database/test_connection/", added)
        database = self.call("post", "/api/v1/database/", {**added, "expose_in_sqllab": True})["id"]

        schemas = self.call("get", f"/api/v1/database/{database}/schemas/")["result"]
        assert {"game", "log", "mart"} <= set(schemas), schemas
        for schema in ("game", "log", "mart"):
            found = self.call("get", f"/api/v1/database/{database}/tables/?q=(force:!t,schema_name:{schema})")
            assert found["count"] > 0, found
            for table in found["result"]:
                name = table["value"]
                columns = self.call("get", f"/api/v1/database/{database}/table_metadata/?name={name}&schema={schema}")
                assert columns["columns"], columns

        new = {"database": database, "schema": "log", "table_name": "purchase"}
        dataset = self.call("post", "/api/v1/dataset/", new)["id"]
        columns = self.call("get", f"/api/v1/dataset/{dataset}")["result"]["columns"]
        names = {column["column_name"]: column for column in columns}
        assert names["day"]["is_dttm"], names

        for chart in self.charts(dataset):
            result = self.call("post", "/api/v1/chart/data", chart)["result"][0]
            assert result["status"] == "success" and result["rowcount"] > 0, result
        self.select_values(dataset)
        sql = {"database_id": database, "schema": "log", "sql": "SELECT day, COUNT(*) AS n FROM purchase GROUP BY day"}
        rows = self.call("post", "/api/v1/sqllab/execute/", sql)["data"]
        assert rows and rows[0]["n"] > 0, rows

    def charts(self, dataset):
        """A total, and each grain of a line over time by region."""
        count = {"expressionType": "SQL", "sqlExpression": "COUNT(*)", "label": "n"}
        users = {"expressionType": "SIMPLE", "column": {"column_name": "user_id"}, "aggregate": "COUNT_DISTINCT"}
        base = {"datasource": {"id": dataset, "type": "table"}, "force": True, "result_format": "json", "result_type": "full"}
        total = {"metrics": [count, {**users, "label": "users"}], "columns": [], "row_limit": 10}
        yield {**base, "queries": [total]}
        for grain in ("PT1H", "P1D", "P1W", "P1M", "P3M", "P1Y", "1969-12-29T00:00:00Z/P1W"):
            time = {
                "columnType": "BASE_AXIS",
                "expressionType": "SQL",
                "label": "day",
                "sqlExpression": "day",
                "timeGrain": grain,
            }
            series = {
                "metrics": [count],
                "columns": [time, "region"],
                "filters": [{"col": "day", "op": "TEMPORAL_RANGE", "val": "2026-09-01 : 2026-12-01"}],
                "extras": {"time_grain_sqla": grain},
                "orderby": [[count, False]],
                "row_limit": 1000,
                "series_limit": 3,
                "series_columns": ["region"],
                "series_limit_metric": count,
            }
            yield {**base, "queries": [series]}

    def select_values(self, dataset):
        """What a filter's list of choices asks."""
        values = self.call("get", f"/api/v1/datasource/table/{dataset}/column/region/values/")["result"]
        assert values, values


if __name__ == "__main__":
    main(sys.argv[1])
