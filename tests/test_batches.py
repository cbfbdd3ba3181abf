"""Scoring and explaining by batches: each row for itself, whoever holds it and however many lie beside it."""

import ibis
import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from test_explain import NAMES, booster_of, made

from pipeline import batches, engines, train

ROWS = 300
SIZES = [1, 7, 299, ROWS]


def settings(seeds):
    return train.Config.model_construct(seeds=seeds)


def model(seed, trees=4):
    frame, label = made(seed, ROWS)
    return frame, booster_of(frame, label, trees)


def cut(frame, size):
    """The frame as batches of some size, after an empty one."""
    whole = pa.Table.from_pandas(frame, preserve_index=False)
    empty = pa.RecordBatch.from_pylist([], schema=whole.schema)
    return iter([empty, *whole.to_batches(max_chunksize=size)])


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("seed", range(2))
def test_scores_of_a_batch_do_not_hang_on_its_size(seed, size):
    frame, booster = model(seed)
    found = batches.told(batches.scores(booster.model_to_string(), settings(2), cut(frame, size)), settings(2), frame)
    assert np.array_equal(found[0], booster.predict(frame[NAMES], raw_score=True))
    assert np.array_equal(found[1], train.seeds(booster, frame, settings(2)))
    assert found[1].mean(axis=1) == pytest.approx(found[0], abs=1e-12)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("by", ["tables", "lightgbm"])
def test_contributions_of_a_batch_do_not_hang_on_its_size(by, size):
    frame, booster = model(5)
    names, text = booster.feature_name(), booster.model_to_string()
    made = pa.Table.from_batches(batches.contributions(text, by, 1, cut(frame, size)))
    assert made.schema.equals(batches.contributions_schema(names))
    assert made["kpm_id"].to_pylist() == frame["kpm_id"].tolist()
    values = made.select([*names, batches.BASE]).to_pandas().to_numpy()
    assert np.allclose(values, booster.predict(frame[NAMES], pred_contrib=True), rtol=0, atol=1e-12)


def test_no_rows_make_no_batches():
    frame, booster = model(1)
    assert list(batches.scores(booster.model_to_string(), settings(2), cut(frame[:0], 5))) == []


def test_each_model_is_read_for_itself():
    """What a process keeps of the model it worked with before is not taken for the next one."""
    (frame, one), (_, other) = model(1), model(2)
    for booster in (one, other, one):
        for by in ("tables", "lightgbm"):
            (made,) = batches.contributions(booster.model_to_string(), by, 1, cut(frame, ROWS))
            raw = booster.predict(frame[NAMES], raw_score=True)
            assert sum(c.to_numpy() for c in made.columns[2:]) == pytest.approx(raw, abs=1e-9)


def test_scores_of_other_rows_or_of_another_order_are_refused():
    frame, booster = model(3)
    text = booster.model_to_string()
    for other in (frame[::-1], frame[:-1], frame.assign(kpm_id=frame["kpm_id"] + "x")):
        with pytest.raises(ValueError, match="not of the families"):
            batches.told(batches.scores(text, settings(2), cut(frame, 50)), settings(2), other)


def test_contributions_that_miss_the_raw_score_are_refused(monkeypatch):
    frame, booster = model(4)
    monkeypatch.setattr(train, "raw_scores", lambda b, x: booster.predict(x[NAMES], raw_score=True) + 1e-6)
    with pytest.raises(ArithmeticError, match="miss its raw score by 1e-06"):
        list(batches.contributions(booster.model_to_string(), "tables", 1, cut(frame, 50)))


def test_columns_are_found_by_name():
    frame, booster = model(6)
    turned = frame[["c", "kpm_id", "a", "as_of", "d", "b"]]
    (straight,) = batches.contributions(booster.model_to_string(), "tables", 1, cut(frame, ROWS))
    (found,) = batches.contributions(booster.model_to_string(), "tables", 1, cut(turned, ROWS))
    assert found.equals(straight)


def test_duckdb_works_through_batches_in_this_process_in_the_files_order(engine, tmp_path):
    ordered = [9, 1, 5, 7]
    pd.DataFrame({"n": ordered}).to_parquet(tmp_path / "n.parquet")
    table = engines.in_order(engine, engines.read(tmp_path / "n.parquet"), "n")
    made = list(engines.worked(engine, table, lambda given: given, pa.schema([("n", pa.int64())])))
    assert [v for b in made for v in b.column("n").to_pylist()] == ordered
    assert ibis.get_backend() is engine
