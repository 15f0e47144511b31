#!/usr/bin/env python3
"""Materialized views: how fast days are made, how little it costs that nothing changed, and what they give.

    pip install duckdb pymysql
    cargo build --release && python3 benches/views/run.py [backfill] [unchanged] [dashboards]

backfill    The views of the sample lake, all of its days, by `lakefront refresh`, beside DuckDB, which runs the same
            SELECTs day by day and writes Parquet. Both sides have the same threads.
unchanged   20 views over 1,000 days: a refresh of all of them in which nothing changed, and what planning a query of
            one day costs.
dashboards  Queries on the published days beside the same on the raw files, and beside a MariaDB server (MyISAM, a key
            on the day) that holds the same rows, where `mariadbd` is installed.

Prints times, and ratios of times that were measured in turn. It starts its servers itself and stops them at the end.
"""

import argparse
import contextlib
import datetime
import pathlib
import shutil
import socket
import statistics
import subprocess
import sys
import time

import duckdb
import pymysql

LAST_DAY = datetime.date(2026, 10, 31)
# Views that others read come first.
VIEWS = ["user_days", "daily_active_users", "daily_revenue", "achievements", "weekly_active_users", "retention"]
# The same for one day, in DuckDB's words; {0} stands for the day, functions for the files of some days.
IN_DUCKDB = {
    "user_days": "SELECT day, region, user_id, COUNT(*) AS logins, SUM(session_seconds) AS seconds "
                 "FROM {login} GROUP BY ALL",
    "daily_active_users": "SELECT day, region, COUNT(DISTINCT user_id) AS players, COUNT(*) AS logins, "
                          "SUM(session_seconds) AS seconds FROM {login} GROUP BY ALL",
    "daily_revenue": "SELECT day, region, currency, COUNT(*) AS orders, COUNT(DISTINCT user_id) AS paying_users, "
                     "SUM(amount) AS amount FROM {purchase} GROUP BY ALL",
    "achievements": "SELECT day, region, achievement, COUNT(DISTINCT user_id) AS players, SUM(points) AS points "
                    "FROM {achievement} GROUP BY ALL",
    "weekly_active_users": "SELECT DATE '{day}' AS day, region, COUNT(DISTINCT user_id) AS players "
                           "FROM {week} GROUP BY ALL",
    "retention": "SELECT d.day, d.region, COUNT(*) AS players, COUNT(d1.user_id) AS day_1, COUNT(d7.user_id) AS day_7 "
                 "FROM {today} d LEFT JOIN {in_1} d1 ON d1.user_id = d.user_id "
                 "LEFT JOIN {in_7} d7 ON d7.user_id = d.user_id GROUP BY ALL",
}
# Name, the view's columns and condition, and the same on raw files.
DASHBOARDS = [
    ("players of a week",
     "SELECT day, SUM(players) FROM mart.daily_active_users WHERE day >= '2026-10-25' GROUP BY day ORDER BY day",
     "SELECT day, SUM(players) FROM (SELECT day, region, COUNT(DISTINCT user_id) AS players FROM log.login "
     "WHERE day >= '2026-10-25' GROUP BY day, region) q GROUP BY day ORDER BY day"),
    ("players of all days",
     "SELECT day, region, players FROM mart.daily_active_users ORDER BY day, region",
     "SELECT day, region, COUNT(DISTINCT user_id) AS players FROM log.login GROUP BY day, region ORDER BY day, region"),
    ("revenue by region",
     "SELECT region, currency, SUM(amount), SUM(orders) FROM mart.daily_revenue GROUP BY region, currency ORDER BY 1, 2",
     "SELECT region, currency, SUM(amount), COUNT(*) FROM log.purchase GROUP BY region, currency ORDER BY 1, 2"),
    ("achievements, the ten most common",
     "SELECT achievement, SUM(players) AS n FROM mart.achievements GROUP BY achievement ORDER BY n DESC, 1 LIMIT 10",
     "SELECT achievement, SUM(players) AS n FROM (SELECT day, region, achievement, COUNT(DISTINCT user_id) AS players "
     "FROM log.achievement GROUP BY day, region, achievement) q GROUP BY achievement ORDER BY n DESC, 1 LIMIT 10"),
    ("weekly players of a month",
     "SELECT day, SUM(players) FROM mart.weekly_active_users WHERE day >= '2026-10-01' GROUP BY day ORDER BY day",
     "SELECT d.day, SUM(d.players) FROM (SELECT c.day, l.region, COUNT(DISTINCT l.user_id) AS players "
     "FROM calendar('2026-10-01', '2026-10-31') c JOIN log.login l "
     "ON l.day BETWEEN c.day - INTERVAL 6 DAY AND c.day GROUP BY c.day, l.region) d GROUP BY d.day ORDER BY d.day"),
]


def main():
    arguments = parse_arguments()
    arguments.data.mkdir(parents=True, exist_ok=True)
    parts = {"backfill": backfill, "unchanged": unchanged, "dashboards": dashboards}
    for part in arguments.parts or parts:
        parts[part](arguments)


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("parts", nargs="*", choices=["backfill", "unchanged", "dashboards", []])
    parser.add_argument("--days", type=int, default=60, help="of the sample lake")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--data", type=pathlib.Path, default=pathlib.Path("target/views"))
    parser.add_argument("--server", default="target/release/lakefront")
    return parser.parse_args()


def backfill(arguments):
    """All days of all views, made from nothing."""
    demo = make_demo(arguments)
    ours, theirs = {}, {}
    for _ in range(arguments.rounds):
        shutil.rmtree(demo / "warehouse", ignore_errors=True)
        for view in VIEWS:
            ours.setdefault(view, []).append(timed(lambda: refresh(arguments, demo, view)))
        out = arguments.data / "duckdb"
        shutil.rmtree(out, ignore_errors=True)
        duck = duckdb.connect(config={"threads": arguments.threads})
        for view in VIEWS:
            theirs.setdefault(view, []).append(timed(lambda: by_day(duck, arguments, demo, out, view)))
    print(f"{arguments.days} days from nothing, best of {arguments.rounds}, in seconds")
    print(f"{'view':24}{'lakefront':>12}{'duckdb':>12}{'ratio':>8}")
    best = [(view, min(ours[view]), min(theirs[view])) for view in VIEWS]
    best.append(("all", sum(line[1] for line in best), sum(line[2] for line in best)))
    for view, one, other in best:
        print(f"{view:24}{one:12.2f}{other:12.2f}{one / other:8.2f}")


def refresh(arguments, demo, view):
    done = subprocess.run([arguments.server, "refresh", f"mart.{view}", "--config", str(demo / "lakefront.yaml")],
                          capture_output=True, text=True)
    if done.returncode != 0:
        sys.exit(done.stdout + done.stderr)


def by_day(duck, arguments, demo, out, view):
    def raw(table, day):
        return f"read_parquet('{demo}/lake/log/{table}/day={day}/**/*.parquet', hive_partitioning = true)"

    def made(days):
        files = [out / "user_days" / f"{day}.parquet" for day in days]
        return f"read_parquet({[str(file) for file in files if file.exists()]})"

    (out / view).mkdir(parents=True)
    for back in range(arguments.days):
        day = LAST_DAY - datetime.timedelta(days=back)
        after = [day + datetime.timedelta(days=days) for days in (0, 1, 7)]
        week = [day - datetime.timedelta(days=days) for days in range(7)]
        # A day without files is a day without rows.
        later = [made([other]) if other <= LAST_DAY else "(SELECT NULL::BIGINT AS user_id LIMIT 0)" for other in after]
        tables = {table: raw(table, day) for table in ("login", "purchase", "achievement")}
        query = IN_DUCKDB[view].format(day=day, week=made(week), today=later[0], in_1=later[1], in_7=later[2], **tables)
        duck.execute(f"COPY ({query}) TO '{out / view / f'{day}.parquet'}' (FORMAT parquet)")


def unchanged(arguments, days=1000, views=20):
    """Many days of many views, all of them up to date."""
    data = arguments.data / "unchanged"
    if not (data / "lake").exists():
        (data / "lake").mkdir(parents=True)
        duckdb.execute(f"""COPY (SELECT DATE '2024-01-01' + day::INT AS day, user_id, user_id % 7 AS n
            FROM range({days}) d(day), range(100) u(user_id))
            TO '{data}/lake/login' (FORMAT parquet, PARTITION_BY (day))""")
        catalog = data / "catalog" / "log"
        catalog.mkdir(parents=True)
        (catalog / "login.yaml").write_text(
            "location: login\nformat: parquet\npartition_by: { day: date }\nready: { quiet: 0s }\n")
        (data / "sql" / "mart").mkdir(parents=True)
        for view in range(views):
            (data / "sql" / "mart" / f"v{view}.sql").write_text(
                f"CREATE MATERIALIZED VIEW mart.v{view} PARTITION BY day REFRESH MANUAL AS "
                f"SELECT day, n, COUNT(*) + {view} AS players FROM log.login GROUP BY day, n\n")
    for view in range(views):
        refresh_in(arguments, data, f"mart.v{view}")
    with serving(arguments, data) as (client, server):
        def all_views():
            for view in range(views):
                rows = query(client, f"REFRESH MATERIALIZED VIEW mart.v{view} WITH SYNC MODE")
                if rows:
                    sys.exit(f"mart.v{view} was not up to date: {rows[:3]}")
        first = timed(all_views)
        before = bytes_read(server)
        again = min(timed(all_views) for _ in range(arguments.rounds))
        read = (bytes_read(server) - before) // arguments.rounds
        print(f"{views} views of {days} days, nothing changed: {first:.2f} s when the server has just started, "
              f"{again:.2f} s afterwards, in which it reads {read} bytes of files and sockets")
        for name, sql in [
            ("one day", "SELECT n, players FROM mart.v0 WHERE day = '2025-05-05'"),
            ("all days", "SELECT SUM(players) FROM mart.v0"),
        ]:
            plan = best_of(arguments, lambda: query(client, "EXPLAIN " + sql))
            whole = best_of(arguments, lambda: query(client, sql))
            print(f"a query of {name}: planned in {plan * 1e3:.1f} ms, answered in {whole * 1e3:.1f} ms")


def refresh_in(arguments, data, view):
    (data / "lakefront.yaml").write_text(f"lake: lake\nthreads: {arguments.threads}\n")
    done = subprocess.run([arguments.server, "refresh", view, "--config", str(data / "lakefront.yaml")],
                          capture_output=True, text=True)
    if done.returncode != 0:
        sys.exit(done.stdout + done.stderr)


def dashboards(arguments):
    """What is published, beside the raw files, beside MariaDB."""
    demo = make_demo(arguments)
    for view in VIEWS:
        refresh(arguments, demo, view)
    with serving(arguments, demo) as (client, _), mariadb(arguments) as oracle:
        if oracle:
            load(client, oracle)
        print(f"{'dashboard':36}{'published':>11}{'raw':>10}{'ratio':>8}{'MariaDB':>10}{'ratio':>8}   (ms)")
        ratios = []
        for name, published, raw in DASHBOARDS:
            same = query(client, published) == query(client, raw)
            if not same:
                sys.exit(f"{name}: the answers differ")
            times = [(timed(lambda: query(client, published)), timed(lambda: query(client, raw)),
                      timed(lambda: query(oracle, published)) if oracle else float("nan"))
                     for _ in range(10 * arguments.rounds)]
            one, other, third = (statistics.median(column) * 1e3 for column in zip(*times))
            ratios.append(other / one)
            print(f"{name:36}{one:11.2f}{other:10.2f}{other / one:8.1f}{third:10.2f}{third / one:8.2f}")
        print(f"published days answer {statistics.geometric_mean(ratios):.1f} times as fast (geometric mean)")


def load(client, oracle):
    """The rows of the views, as a nightly load would have them."""
    query(oracle, "CREATE DATABASE mart")
    for view in VIEWS:
        columns = query(client, "SELECT column_name, column_type FROM information_schema.columns "
                                f"WHERE table_schema = 'mart' AND table_name = '{view}' ORDER BY ordinal_position")
        declared = ", ".join(f"{name} {'varchar(100)' if 'char' in kind or 'text' in kind else kind}" for name, kind in columns)
        query(oracle, f"CREATE TABLE mart.{view} ({declared}, KEY (day)) ENGINE = MyISAM")
        rows = query(client, f"SELECT * FROM mart.{view}")
        with oracle.cursor() as cursor:
            places = ", ".join(["%s"] * len(columns))
            cursor.executemany(f"INSERT INTO mart.{view} VALUES ({places})", rows)


@contextlib.contextmanager
def mariadb(arguments):
    """A MariaDB server of its own; None where there is none."""
    if not shutil.which("mariadbd"):
        yield None
        return
    data, port = (arguments.data / "mariadb").resolve(), free_port()
    shutil.rmtree(data, ignore_errors=True)
    subprocess.run(["mariadb-install-db", f"--datadir={data}", "--auth-root-authentication-method=normal",
                    "--user=root"], check=True, capture_output=True)
    server = subprocess.Popen(["mariadbd", "--no-defaults", f"--datadir={data}", f"--port={port}", "--user=root",
                               "--bind-address=127.0.0.1", f"--socket={data}/socket",
                               "--collation-server=utf8mb4_bin", "--character-set-server=utf8mb4"],
                              stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        yield connect(port)
    finally:
        server.terminate()
        server.wait(timeout=60)


@contextlib.contextmanager
def serving(arguments, data):
    """A server of a lake, and a client of it."""
    port, console = free_port(), free_port()
    config = data / "serve.yaml"
    config.write_text(f"listen: 127.0.0.1:{port}\nconsole: 127.0.0.1:{console}\nlake: lake\n"
                      f"threads: {arguments.threads}\n")
    with open(data / "lakefront.log", "w") as log:
        server = subprocess.Popen([arguments.server, "serve", "--config", str(config)], stdout=log, stderr=log)
        try:
            yield connect(port), server
        finally:
            server.terminate()
            server.wait(timeout=60)


def make_demo(arguments):
    """The sample lake, made once."""
    demo = (arguments.data / f"demo{arguments.days}").resolve()
    if not (demo / "made").exists():
        port = free_port()
        server = subprocess.Popen(
            [arguments.server, "demo", "--dir", str(demo), "--days", str(arguments.days),
             "--listen", f"127.0.0.1:{port}", "--console", f"127.0.0.1:{free_port()}"],
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        connect(port, patience=300).close()
        server.kill()
        server.wait()
        shutil.rmtree(demo / "warehouse", ignore_errors=True)
        (demo / "made").touch()
    (demo / "lakefront.yaml").write_text(f"lake: lake\nthreads: {arguments.threads}\n")
    return demo


def connect(port, patience=60):
    deadline = time.monotonic() + patience
    while True:
        try:
            return pymysql.connect(host="127.0.0.1", port=port, user="root", autocommit=True)
        except pymysql.err.OperationalError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.05)


def query(client, sql):
    with client.cursor() as cursor:
        cursor.execute(sql)
        return cursor.fetchall()


def bytes_read(server):
    """By any system call."""
    fields = dict(line.split(": ") for line in pathlib.Path(f"/proc/{server.pid}/io").read_text().splitlines())
    return int(fields["rchar"])


def best_of(arguments, work):
    return min(timed(work) for _ in range(10 * arguments.rounds))


def timed(work):
    began = time.monotonic()
    work()
    return time.monotonic() - began


def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


if __name__ == "__main__":
    main()
