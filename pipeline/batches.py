"""Scoring and explaining by batches of rows, in whatever process holds the rows.

Both look at each row alone, so neither the size of the batches nor who works on them changes a bit of what comes out.
The model travels as its text; each process reads it, and builds the tables of its contributions, once.
"""

from collections.abc import Iterator, Sequence
from functools import lru_cache

import lightgbm as lgb
import pandas as pd
import pyarrow as pa

from pipeline import explain, train, treeshap
from pipeline.columns import AS_OF, FAMILY
from pipeline.sample import Floats

KEY = [(FAMILY, pa.large_string()), (AS_OF, pa.date32())]
RAW, BASE = "raw", "base_value"


@lru_cache(maxsize=1)
def booster_of(model: str) -> lgb.Booster:
    return lgb.Booster(model_str=model)


@lru_cache(maxsize=1)
def tables_of(model: str) -> treeshap.Tables:
    return explain.tables(booster_of(model))


def scores_schema(config: train.Config) -> pa.Schema:
    """kpm_id, as_of, raw: the raw score in log-odds; seed_0 ...: that of each seed's own trees."""
    return pa.schema([*KEY, (RAW, pa.float64()), *((f"seed_{k}", pa.float64()) for k in range(config.seeds))])


def scores(model: str, config: train.Config, batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    """Raw scores of features; grain and key as they come."""
    booster, schema = booster_of(model), scores_schema(config)
    for batch in batches:
        if batch.num_rows:
            rows = frame(batch)
            yield beside(batch, [train.raw_scores(booster, rows), *train.seeds(booster, rows, config).T], schema)


def told(scored: Iterator[pa.RecordBatch], config: train.Config, features: pd.DataFrame) -> tuple[Floats, Floats]:
    """Raw scores, and [row, seed] those of the seeds, of the rows of `features`; ValueError where they are others'."""
    found = pa.Table.from_batches(scored, scores_schema(config)).combine_chunks()
    if not pa.array(features[FAMILY], pa.large_string()).equals(found[FAMILY].chunk(0)):
        raise ValueError("scores are not of the families of the features, in their order")
    values = found.drop_columns([name for name, _ in KEY]).to_pandas().to_numpy()
    return values[:, 0], values[:, 1:]


def contributions_schema(names: Sequence[str]) -> pa.Schema:
    """kpm_id, as_of, base_value and one column a feature of the model, in log-odds."""
    return pa.schema([*KEY, (BASE, pa.float64()), *((name, pa.float64()) for name in names)])


def contributions(
    model: str, by: explain.By, threads: int, batches: Iterator[pa.RecordBatch]
) -> Iterator[pa.RecordBatch]:
    """SHAP contributions of features; raises ArithmeticError where a row of a batch misses its raw score."""
    booster, known = booster_of(model), None if by == "lightgbm" else tables_of(model)
    schema = contributions_schema(booster.feature_name())
    for batch in batches:
        if batch.num_rows:
            rows = frame(batch)
            values = explain.contributed(booster, explain.matrix(booster, rows), known, threads)
            explain.refuse_misses(values, train.raw_scores(booster, rows))
            yield beside(batch, [values[:, -1], *values[:, :-1].T], schema)


def frame(batch: pa.RecordBatch) -> pd.DataFrame:
    found: pd.DataFrame = pa.Table.from_batches([batch]).to_pandas(date_as_object=False)
    return found


def beside(batch: pa.RecordBatch, columns: Sequence[Floats], schema: pa.Schema) -> pa.RecordBatch:
    """The batch's keys with the columns."""
    keys = [batch.column(name).cast(kind) for name, kind in KEY]
    return pa.RecordBatch.from_arrays([*keys, *(pa.array(c, pa.float64()) for c in columns)], schema=schema)
