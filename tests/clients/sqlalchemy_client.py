"""SQLAlchemy: reflection of the shared lake (tests/it/fixture.rs), and statements built over what was reflected."""

import sys

from sqlalchemy import MetaData, Table, create_engine, func, inspect, select, types
from sqlalchemy.dialects import mysql

engine = create_engine(f"mysql+pymysql://root@127.0.0.1:{sys.argv[1]}/lake?charset=utf8mb4")

inspector = inspect(engine)
assert inspector.default_schema_name == "lake"
assert {"lake", "other", "information_schema"} <= set(inspector.get_schema_names()), inspector.get_schema_names()
tables = inspector.get_table_names()
assert {"types", "numbers", "employees", "events", "MixedCase"} <= set(tables), tables
assert inspector.get_table_names(schema="other") == ["numbers"]
assert inspector.get_view_names() == []
assert inspector.has_table("employees") and not inspector.has_table("nothing")
assert inspector.get_table_comment("numbers") == {"text": "Zero to 999."}

columns = {column["name"]: column for column in inspector.get_columns("types")}
for name, kind in {
    "id": mysql.BIGINT,
    "i8": mysql.TINYINT,
    "u64": mysql.BIGINT,
    "f64": mysql.DOUBLE,
    "dec38": mysql.DECIMAL,
    "day": types.DATE,
    "at_us": mysql.DATETIME,
    "clock": mysql.TIME,
    "text": mysql.VARCHAR,
    "bytes": mysql.LONGBLOB,
}.items():
    assert isinstance(columns[name]["type"], kind), (name, columns[name])
assert columns["u64"]["type"].unsigned and not columns["id"]["type"].unsigned
assert (columns["dec38"]["type"].precision, columns["dec38"]["type"].scale) == (38, 10)
assert columns["at_us"]["type"].fsp == 6
assert all(column["nullable"] for name, column in columns.items() if name != "id")

assert inspector.get_pk_constraint("employees")["constrained_columns"] == []
assert inspector.get_indexes("employees") == []
assert inspector.get_foreign_keys("employees") == []
assert inspector.get_unique_constraints("employees") == []

employees = Table("employees", MetaData(), autoload_with=engine)
departments = Table("departments", MetaData(), autoload_with=engine)
with engine.connect() as connection:
    joined = (
        select(departments.c.name, func.count().label("people"))
        .join(employees, employees.c.department_id == departments.c.id)
        .group_by(departments.c.name)
        .order_by(func.count().desc(), departments.c.name)
        .limit(1)
    )
    assert connection.execute(joined).one() == ("Engine", 4), connection.execute(joined).all()
    mixed = Table("MixedCase", MetaData(), autoload_with=engine)
    assert [column.name for column in mixed.columns] == ["UserId", "userName"]
    assert connection.execute(select(func.count()).select_from(mixed)).scalar_one() == 2

print("ok")
