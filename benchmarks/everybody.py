"""Scoring and explaining every family of a national run, told apart from reading and writing.

`python -m benchmarks.everybody --home DIR`, DIR holding the features of a national run (`benchmarks.national --keep`).
The same batches, functions and threads as the stages `score` and `explain` use, in one process: features are read and
made the rows that LightGBM asks for; raw scores, scores of each seed, contributions with their check row by row; the
contributions are written as Parquet. Ranks, holds and pathways are no part of it. Prints seconds of each and of a
population of `--families` members, as every part looks at each row alone.
"""

import tempfile
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import duckdb
import lightgbm as lgb
import pyarrow as pa
import pyarrow.parquet as pq
import typer

from pipeline import batches, ensemble, explain, train
from pipeline.artifacts import Home
from pipeline.engines import duck

MEMBERS = 4_876_035  # of ten million ever enrolled, on the day of the extract (docs/national.md)
SCORING = ("raw scores", "scores of each seed")
EXPLAINING = ("tables", "rows by feature", "contributions", "raw scores again, and the check")


class Clock:
    """Seconds by what was done."""

    def __init__(self) -> None:
        self.took: Counter[str] = Counter()

    def timed(self, name: str, work: Callable[..., Any], *given: Any) -> Any:
        start = time.perf_counter()
        made = work(*given)
        self.took[name] += time.perf_counter() - start
        return made


def measured(booster: lgb.Booster, features: Path, seeds: int, scratch: Path) -> tuple[Counter[str], int]:
    """Seconds of each part over all rows of the file, and how many rows those were."""
    clock, rows, names = Clock(), 0, booster.feature_name()
    schema = batches.contributions_schema(names)
    tables = clock.timed("tables", explain.tables, booster)
    columns = ", ".join(f'"{n}"' for n in ("kpm_id", "as_of", *names))
    reader = duckdb.sql(f"SELECT {columns} FROM read_parquet('{features}')").to_arrow_reader(duck.ROWS)
    with pq.ParquetWriter(scratch / "shap.parquet", schema) as file:
        while (batch := clock.timed("reading", next, reader, None)) is not None:
            frame = clock.timed("reading", batches.frame, batch)
            raw = clock.timed("raw scores", train.raw_scores, booster, frame)
            clock.timed("scores of each seed", ensemble.parts, booster, frame[names], seeds)
            x = clock.timed("rows by feature", explain.matrix, booster, frame)
            values = clock.timed("contributions", explain.contributed, booster, x, tables, 2)
            clock.timed("raw scores again, and the check", checked, booster, frame, values)
            made = clock.timed("writing", batches.beside, batch, [values[:, -1], *values[:, :-1].T], schema)
            clock.timed("writing", file.write_batch, made)
            rows += len(raw)
    return clock.took, rows


def checked(booster: lgb.Booster, frame: Any, values: Any) -> None:
    explain.refuse_misses(values, train.raw_scores(booster, frame))


def warmed(booster: lgb.Booster, features: Path) -> None:
    """What is compiled once a machine is compiled before anything is timed."""
    few = next(duckdb.sql(f"SELECT * FROM read_parquet('{features}') LIMIT 1000").to_arrow_reader(1000))
    x = explain.matrix(booster, pa.Table.from_batches([few]).to_pandas())
    explain.contributed(booster, x, explain.tables(booster), 2)


def main(
    home: Annotated[Path, typer.Option(help="Folder of a national run, or of its first stages up to `features`.")],
    models: Annotated[Path, typer.Option(help="Folder of the trained model.")] = Path("models"),
    families: Annotated[int, typer.Option(help="Members for whom the seconds are told, too.")] = MEMBERS,
) -> None:
    features = max((home / "data" / "features").glob("*.parquet"))
    source = features / "*.parquet" if features.is_dir() else features
    booster = lgb.Booster(model_str=(models / "graduation.txt").read_text(encoding="utf-8"))
    seeds = Home(Path(), (Path("configs"),)).load(train.Config, "train").seeds
    warmed(booster, source)
    with tempfile.TemporaryDirectory() as scratch:
        took, rows = measured(booster, source, seeds, Path(scratch))
    typer.echo(f"{'':<34}{'seconds':>9}{f'for {families:,}':>16}   ({rows:,} families read)")
    for name in ("reading", *SCORING, *EXPLAINING, "writing"):
        told(name, took[name], rows, families)
    told("scoring and explaining", sum(took[n] for n in (*SCORING, *EXPLAINING)), rows, families)
    told("reading and writing", took["reading"] + took["writing"], rows, families)


def told(name: str, seconds: float, rows: int, families: int) -> None:
    typer.echo(f"{name:<34}{seconds:>9.1f}{seconds / rows * families:>16.1f}")


if __name__ == "__main__":
    typer.run(main)
