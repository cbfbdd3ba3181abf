"""All features by hand-written DuckDB SQL: `features.sql` beside this file."""

import re
from pathlib import Path

import duckdb

from benchmarks.rivals.task import Task, run

SQL = Path(__file__).with_name("features.sql")
MEMORY = "8GB"
LITERAL = re.compile(r"\$(t|m\d+)\b")


def statement(task: Task) -> str:
    def day(found: re.Match[str]) -> str:
        name = found[1]
        return f"DATE '{task.as_of if name == 't' else task.before(int(name[1:]))}'"

    return LITERAL.sub(day, SQL.read_text(encoding="utf-8"))


def views(task: Task) -> duckdb.DuckDBPyConnection:
    engine = duckdb.connect(config={"threads": task.threads, "memory_limit": MEMORY})
    for file in sorted(task.table("kpm").parent.glob("*.parquet")):
        engine.execute(f"CREATE VIEW {file.stem} AS FROM read_parquet('{file}')")
    engine.execute(f"CREATE VIEW cohort AS FROM read_parquet('{task.cohort}')")
    return engine


def work(task: Task) -> None:
    settings = "FORMAT parquet, COMPRESSION zstd, ROW_GROUP_SIZE 200000"
    views(task).execute(f"COPY ({statement(task)}) TO '{task.out}' ({settings})")


if __name__ == "__main__":
    run(work)
