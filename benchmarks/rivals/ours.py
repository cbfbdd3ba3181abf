"""Our feature stage for one date, as pipeline/stages.py writes it; of all features or of some."""

from pathlib import Path

import ibis
import ibis.expr.types as ir

from benchmarks.rivals.task import Task, run
from pipeline import artifacts, features, stages
from pipeline.artifacts import Home

CONFIGS = Path(__file__).resolve().parents[2] / "configs"


def asked(task: Task) -> ir.Table:
    """The expression, in an engine made for it."""
    home = Home(task.home, (CONFIGS,))
    limits = home.load(artifacts.Config, "engine").model_copy(update={"threads": task.threads})
    artifacts.engine(limits, home.path(stages.SCRATCH))
    tables = stages.canonical(home)
    made = features.build(tables, task.as_of, stages.declared(home))
    chosen = ibis.read_parquet(str(task.cohort)).select("kpm_id", "as_of")
    named = made.select("kpm_id", "as_of", *task.names) if task.names else made
    return named.semi_join(chosen, ["kpm_id", "as_of"]).order_by("kpm_id")


def work(task: Task) -> None:
    rows = asked(task)
    artifacts.write_sql(artifacts.compiled(rows), rows.schema().to_pyarrow(), task.out)


if __name__ == "__main__":
    run(work)
