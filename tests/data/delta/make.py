"""Makes the Delta tables beside this file, and what the package that wrote them says of each version.

    python3 -m venv /tmp/delta && /tmp/delta/bin/pip install deltalake==1.6.6 pyarrow
    /tmp/delta/bin/python tests/data/delta/make.py

Names of data files are random, so that a second run changes all of them.
"""

import datetime
import json
import pathlib
import shutil

import pyarrow as pa
from deltalake import DeltaTable, write_deltalake

HERE = pathlib.Path(__file__).parent


def main():
    plain = fresh("plain")
    write_deltalake(plain, rows(0, 10))
    write_deltalake(plain, rows(10, 15), mode="append")
    DeltaTable(plain).delete("id < 3")
    tell("plain")

    partitioned = fresh("partitioned")
    for day in ("2026-09-01", "2026-09-02"):
        table = pa.table(
            {
                "Id": pa.array([1, 2, 3], pa.int64()),
                "day": pa.array([datetime.date.fromisoformat(day)] * 3, pa.date32()),
                "region": pa.array(["eu west/1", "ü=%", None], pa.string()),
            }
        )
        write_deltalake(partitioned, table, mode="append", partition_by=["day", "region"])
    tell("partitioned")

    checkpointed = fresh("checkpointed")
    for version in range(4):
        write_deltalake(checkpointed, rows(version * 5, version * 5 + 5), mode="append")
    DeltaTable(checkpointed).delete("id >= 15")
    DeltaTable(checkpointed).create_checkpoint()
    write_deltalake(checkpointed, rows(100, 103), mode="append")
    tell("checkpointed")


def rows(first, last):
    numbers = range(first, last)
    moment = datetime.datetime(2026, 9, 1, 12)
    return pa.table(
        {
            "id": pa.array(numbers, pa.int64()),
            "name": pa.array([f"name {n}" for n in numbers], pa.string()),
            "price": pa.array([None] * len(numbers), pa.decimal128(12, 2)),
            "at": pa.array([moment] * len(numbers), pa.timestamp("us", "UTC")),
            "local": pa.array([moment] * len(numbers), pa.timestamp("us")),
            "tags": pa.array([["a", "b"]] * len(numbers), pa.list_(pa.string())),
        }
    )


def fresh(name):
    shutil.rmtree(HERE / name, ignore_errors=True)
    return str(HERE / name)


def tell(name):
    newest = DeltaTable(HERE / name).version()
    versions = []
    for version in range(newest + 1):
        table = DeltaTable(HERE / name, version=version)
        actions = pa.table(table.get_add_actions(flatten=True)).to_pylist()
        partitions = table.metadata().partition_columns
        files = []
        for action in actions:
            values = [action[f"partition.{column}"] for column in partitions]
            values = [None if value is None else str(value) for value in values]
            files.append([action["path"], action["size_bytes"], action["num_records"], values])
        columns = [field.name for field in table.schema().fields]
        versions.append({"columns": columns, "partitions": partitions, "files": sorted(files)})
    for crc in (HERE / name).rglob("*.crc"):
        crc.unlink()
    text = json.dumps(versions, indent=1, ensure_ascii=False)
    (HERE / name / "_expected.json").write_text(text + "\n")


main()
