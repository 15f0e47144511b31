#!/usr/bin/env python3
"""The 22 TPC-H queries over the wire beside DuckDB: the same Parquet files, threads and answers, in one run.

    pip install duckdb tpchgen-cli pymysql
    cargo build --release && python3 benches/tpch/run.py [--scale 1] [--rounds 3] [--memory 4GiB]

Prints, a query: the best time of each side over the rounds (taken in turn), their ratio, and whether the
answers agree; at the end the ratio of the sums and the geometric mean of the ratios. It makes the files once,
below --data, starts the server itself and stops it at the end. Exit code 1 when an answer differs.
"""

import argparse
import decimal
import math
import pathlib
import re
import socket
import subprocess
import sys
import time

import duckdb
import pymysql

HERE = pathlib.Path(__file__).resolve().parent
TABLES = ["lineitem", "orders", "customer", "part", "partsupp", "supplier", "nation", "region"]


def main():
    arguments = parse_arguments()
    make_lake(arguments.data, arguments.scale)
    server, port = start_server(arguments)
    try:
        lakefront = pymysql.connect(host="127.0.0.1", port=port, user="root", database="tpch")
        duck = connect_duckdb(arguments)
        agreed = compare(lakefront, duck, arguments)
    finally:
        server.terminate()
        server.wait(timeout=30)
    sys.exit(0 if agreed else 1)


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--scale", type=float, default=1)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--memory", default="4GiB")
    parser.add_argument("--only", help="numbers of queries, separated by commas")
    parser.add_argument("--data", type=pathlib.Path, default=pathlib.Path("target/tpch"))
    parser.add_argument("--server", default="target/release/lakefront")
    return parser.parse_args()


def make_lake(data, scale):
    """One folder a table, one file in it, and the table files beside."""
    lake = data / f"sf{scale:g}"
    for table in TABLES:
        folder = lake / table
        if not folder.exists():
            subprocess.run(
                ["tpchgen-cli", "parquet", "--scale-factor", f"{scale:g}",
                 "--output-dir", str(lake / "making"), "--tables", table], check=True)
            (lake / "making").rename(folder)
    catalog = data / "catalog" / "tpch"
    catalog.mkdir(parents=True, exist_ok=True)
    for table in TABLES:
        (catalog / f"{table}.yaml").write_text(f"location: sf{scale:g}/{table}/\nformat: parquet\n")


def start_server(arguments):
    port, console = free_port(), free_port()
    config = arguments.data / "lakefront.yaml"
    config.write_text(
        f"listen: 127.0.0.1:{port}\nconsole: 127.0.0.1:{console}\nlake: .\ncatalog: ./catalog\n"
        f"views: ./catalog\nthreads: {arguments.threads}\nmemory: {arguments.memory}\n"
        f"memory_per_query: {arguments.memory}\n")
    log = open(arguments.data / "lakefront.log", "w")
    server = subprocess.Popen([arguments.server, "serve", "--config", str(config)], stdout=log, stderr=log)
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
            return server, port
        except OSError:
            time.sleep(0.05)
    raise SystemExit("the server did not start")


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def connect_duckdb(arguments):
    duck = duckdb.connect(config={"threads": arguments.threads})
    for table in TABLES:
        files = arguments.data / f"sf{arguments.scale:g}" / table / "*.parquet"
        duck.execute(f"CREATE VIEW {table} AS SELECT * FROM read_parquet('{files}')")
    return duck


def compare(lakefront, duck, arguments):
    wanted = {int(number) for number in arguments.only.split(",")} if arguments.only else None
    agreed, sums, logarithms = True, [0.0, 0.0], []
    print(f"{'query':>5} {'lakefront s':>12} {'duckdb s':>10} {'ratio':>7}  answers")
    for number, query in queries():
        if wanted and number not in wanted:
            continue
        best = [math.inf, math.inf]
        answers = [None, None]
        for _ in range(arguments.rounds):
            for side, run in enumerate((lambda: over_the_wire(lakefront, query), lambda: duck.execute(query).fetchall())):
                started = time.perf_counter()
                try:
                    answers[side] = run()
                except (pymysql.MySQLError, duckdb.Error) as error:
                    answers[side] = [(str(error),)]
                best[side] = min(best[side], time.perf_counter() - started)
        same = [list(map(canonical, row)) for row in answers[0]] == [list(map(canonical, row)) for row in answers[1]]
        agreed &= same
        ratio = best[0] / best[1]
        sums = [total + seconds for total, seconds in zip(sums, best)]
        logarithms.append(math.log(ratio))
        print(f"{number:>5} {best[0]:>12.3f} {best[1]:>10.3f} {ratio:>7.2f}  {'same' if same else 'DIFFERENT'}", flush=True)
        if not same:
            print(f"      lakefront {str(answers[0][:2])[:300]}\n      duckdb    {str(answers[1][:2])[:300]}")
    print(f"  sum {sums[0]:>12.3f} {sums[1]:>10.3f} {sums[0] / sums[1]:>7.2f}")
    print(f"geometric mean of the ratios {math.exp(sum(logarithms) / len(logarithms)):.2f}")
    return agreed


def queries():
    text = (HERE / "queries.sql").read_text()
    for number, query in re.findall(r"-- Q(\d+)\n(.*?);", text, re.DOTALL):
        yield int(number), query


def over_the_wire(connection, query):
    with connection.cursor() as cursor:
        cursor.execute(query)
        return cursor.fetchall()


def canonical(value):
    """Numbers to four digits, because MySQL's averages have four decimals more than their column, and DuckDB's are DOUBLE."""
    if isinstance(value, (int, float, decimal.Decimal)):
        return f"{float(value):.4g}"
    return value


if __name__ == "__main__":
    main()
