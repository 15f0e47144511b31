#!/usr/bin/env python3
"""Sorts, groups and joins of TPC-H lineitem with little memory: each finishes by spilling or fails cleanly.

    cargo build --release && python3 benches/tpch/memory.py [--memory 256MiB] [--limit-mib 1024]

Prints, a statement: its time, whether it finished or with which error, the server's peak resident memory
while it ran, and the resident memory afterwards. Exit code 1 when a statement ends in anything else than an answer or an error of memory or
disk, when the server died, or when its memory went over --limit-mib.
"""

import argparse
import pathlib
import sys
import time

import pymysql
import pymysql.cursors

import run

STATEMENTS = {
    "sort": "SELECT l_orderkey, l_comment FROM lineitem ORDER BY l_comment, l_orderkey",
    "sort wide": "SELECT * FROM lineitem ORDER BY l_extendedprice DESC, l_orderkey, l_linenumber",
    "group by": "SELECT l_orderkey, l_partkey, COUNT(*), SUM(l_quantity) FROM lineitem GROUP BY l_orderkey, l_partkey",
    "distinct": "SELECT COUNT(DISTINCT l_comment) FROM lineitem",
    "join": "SELECT COUNT(*), SUM(a.l_quantity) FROM lineitem a JOIN lineitem b"
            " ON a.l_orderkey = b.l_orderkey AND a.l_partkey = b.l_suppkey",
    "join of strings": "SELECT COUNT(*) FROM lineitem a JOIN lineitem b ON a.l_comment = b.l_comment",
}
OUT_OF = {1021, 1037, 1038, 1041, 1114}


def main():
    arguments = parse_arguments()
    run.make_lake(arguments.data, arguments.scale)
    server, port = run.start_server(arguments)
    good = True
    try:
        for name, statement in STATEMENTS.items():
            forget_peak(server.pid)
            started = time.perf_counter()
            outcome, clean = attempt(port, statement)
            seconds = time.perf_counter() - started
            peak_mib, now_mib = memory_mib(server.pid, "VmHWM"), memory_mib(server.pid, "VmRSS")
            good &= clean and server.poll() is None and peak_mib <= arguments.limit_mib
            print(f"{name:>16} {seconds:>8.1f} s  peak {peak_mib:>6.0f} MiB, then {now_mib:>4.0f}  {outcome}", flush=True)
    finally:
        server.terminate()
        server.wait(timeout=30)
    sys.exit(0 if good else 1)


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--scale", type=float, default=1)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--memory", default="256MiB")
    parser.add_argument("--limit-mib", type=int, default=1024)
    parser.add_argument("--data", type=pathlib.Path, default=pathlib.Path("target/tpch"))
    parser.add_argument("--server", default="target/release/lakefront")
    return parser.parse_args()


def attempt(port, statement):
    """Runs a statement, reading its rows one by one; tells how it ended and whether that is clean."""
    connection = pymysql.connect(host="127.0.0.1", port=port, user="root", database="tpch",
                                 cursorclass=pymysql.cursors.SSCursor)
    try:
        with connection.cursor() as cursor:
            cursor.execute(statement)
            rows = sum(1 for _ in cursor)
        return f"{rows} rows", True
    except pymysql.MySQLError as error:
        return f"error {error.args[0]}: {error.args[1]}", error.args[0] in OUT_OF
    finally:
        connection.close()


def forget_peak(pid):
    """Lets the peak begin anew; the kernel calls this 5."""
    pathlib.Path(f"/proc/{pid}/clear_refs").write_text("5")


def memory_mib(pid, what):
    status = pathlib.Path(f"/proc/{pid}/status").read_text()
    kilobytes = next(line.split()[1] for line in status.splitlines() if line.startswith(what))
    return int(kilobytes) / 1024


if __name__ == "__main__":
    main()
