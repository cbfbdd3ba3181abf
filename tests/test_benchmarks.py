"""The rivals of `benchmarks/compare.py` make the values that the pipeline makes; what compares them finds what differs.

polars and featuretools are in no lock: what they make is compared in each run of the benchmark itself.
"""

from datetime import date
from pathlib import Path

import lightgbm as lgb
import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
from studies import run, study, upto

from benchmarks import compare, curve, everybody, statements
from benchmarks.rivals import by_pandas, by_sql, ours, task
from pipeline.study import months_before

SMALL = {"families": 1500, "truth_draws": 2}


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small simulated world up to its cohort."""
    return run(study(tmp_path_factory.mktemp("rivals"), {"simulate": SMALL}), "simulate", *upto("cohort")).root


def made(home: Path, folder: Path, names: tuple[str, ...] = ()) -> task.Task:
    return task.Task(home, folder / "made.parquet", names, 1)


@pytest.fixture(scope="module")
def pipeline(home: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    asked = made(home, tmp_path_factory.mktemp("ours"))
    ours.work(asked)
    return asked.out


def test_hand_written_sql_makes_every_feature_of_the_pipeline(home: Path, pipeline: Path, tmp_path: Path) -> None:
    asked = made(home, tmp_path)
    by_sql.work(asked)
    mine, theirs = pd.read_parquet(pipeline), pd.read_parquet(asked.out)
    assert set(mine) == set(theirs)
    assert len(mine) > 300
    assert {n: c for n, c in compare.differing(mine, theirs).items() if c} == {}


def test_both_statements_are_timed_in_one_engine_each(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    statements.main(home, threads=1, turns=1)
    *took, ratio = capsys.readouterr().out.splitlines()
    assert [line.split("  ")[0].strip() for line in took[1:]] == ["pipeline", "hand-written SQL"]
    assert "in core-seconds" in ratio


def test_the_middle_turn_is_that_of_seconds_and_of_core_seconds_each() -> None:
    assert statements.middle([(1.0, 9.0), (5.0, 2.0), (3.0, 4.0)]) == (3.0, 4.0)


def test_pandas_makes_the_declared_subset(home: Path, pipeline: Path, tmp_path: Path) -> None:
    asked = made(home, tmp_path, task.SUBSET)
    by_pandas.work(asked)
    theirs = pd.read_parquet(asked.out)
    assert list(theirs) == ["kpm_id", *task.SUBSET]
    assert {n: c for n, c in compare.differing(pd.read_parquet(pipeline), theirs).items() if c} == {}


def test_the_pipeline_restricted_to_some_features_makes_the_same_ones(
    home: Path, pipeline: Path, tmp_path: Path
) -> None:
    asked = made(home, tmp_path, task.PRIMITIVES)
    ours.work(asked)
    some = pd.read_parquet(asked.out)
    assert list(some) == ["kpm_id", "as_of", *task.PRIMITIVES]
    pd.testing.assert_frame_equal(some, pd.read_parquet(pipeline)[list(some)])


@pytest.mark.parametrize("as_of", [date(2025, 6, 30), date(2024, 2, 29), date(2024, 5, 15), date(2023, 12, 31)])
@pytest.mark.parametrize("months", [3, 6, 12, 24])
def test_windows_begin_where_the_pipeline_begins_them(tmp_path: Path, as_of: date, months: int) -> None:
    (tmp_path / "data" / "canonical").mkdir(parents=True)
    (tmp_path / "data" / "canonical" / "extract.json").write_text(f'{{"extracted_on": "{as_of}"}}')
    assert made(tmp_path, tmp_path).before(months) == months_before(as_of, months)


def test_a_difference_is_counted_by_feature_and_null_is_none_of_zero() -> None:
    ours_ = pd.DataFrame({"kpm_id": ["a", "b", "c"], "x": [1.0, np.nan, 3.0], "y": [0.0, np.nan, 2e9]})
    theirs = pd.DataFrame({"kpm_id": ["a", "b", "c"], "x": [1.0, 0.0, 3.1], "y": [0.0, np.nan, 2e9 + 1]})
    assert compare.differing(ours_, theirs) == {"x": 2, "y": 0}  # 1 beside 2e9 is 5e-10 of it
    assert compare.differing(ours_, theirs, zero=True) == {"x": 1, "y": 0}


def test_other_families_are_refused() -> None:
    one, other = (pd.DataFrame({"kpm_id": [k], "x": [1.0]}) for k in "ab")
    with pytest.raises(SystemExit, match="not the same ones"):
        compare.differing(one, other)


def test_ratios_are_to_our_own_run_of_the_same_features() -> None:
    ours_, theirs = (
        compare.Candidate(name, "m", Path("python"), ("f", "g"), "pipeline, 2") for name in ("pipeline, 2", "pandas")
    )
    took = {"pipeline, 2": compare.Turn(2.0, 3.0, 0.5, 1.0), "pandas": compare.Turn(10.0, 12.0, 1.25, 9.0)}
    told = compare.line(theirs, took, "all equal")
    assert told == ("2", "pandas", "10.0", "12.0", "1.25", "5.00", "4.00", "all equal")
    assert compare.line(ours_, took, "")[1] == "pipeline"


def test_the_middle_of_turns_is_taken_measure_by_measure() -> None:
    turns = [compare.Turn(1.0, 9.0, 3.0, 2.0), compare.Turn(2.0, 7.0, 1.0, 4.0), compare.Turn(9.0, 8.0, 2.0, 6.0)]
    assert compare.middle(turns) == compare.Turn(2.0, 8.0, 2.0, 4.0)


def measured() -> pd.DataFrame:
    """`ingest` grows with the power 1, `score` with 0.5: 10 times the families, 10 and sqrt(10) times the seconds."""
    sizes = [1e4, 1e5, 1e6]
    rows = [("ingest", s, s / 1e3, 1.0) for s in sizes] + [("score", s, (s / 1e4) ** 0.5, 2.0) for s in sizes]
    return pd.DataFrame(rows, columns=list(curve.COLUMNS))


def test_the_slope_is_the_power_of_growth() -> None:
    found = curve.slopes(measured())
    assert found["ingest"] == pytest.approx(1.0)
    assert found["score"] == pytest.approx(0.5)


def test_all_stages_together_are_their_seconds_added_and_the_most_memory() -> None:
    rows = curve.with_whole(measured())
    whole = rows[rows["stage"] == curve.WHOLE].set_index("families")
    assert whole.loc[1e4, "seconds"] == pytest.approx(11)  # 10 + 1
    assert set(whole["peak_gib"]) == {2.0}


def test_a_size_that_lacks_a_stage_has_no_sum() -> None:
    rows = measured()
    lacking = rows[~((rows["stage"] == "score") & (rows["families"] == 1e6))]
    whole = curve.with_whole(lacking).query("stage == @curve.WHOLE")
    assert list(whole["families"]) == [1e4, 1e5]


def test_the_curve_is_logarithmic_and_told_apart_without_colour() -> None:
    axes = curve.draw(curve.with_whole(measured())).axes[0]
    assert (axes.get_xscale(), axes.get_yscale()) == ("log", "log")
    lines = axes.get_lines()
    assert {line.get_color() for line in lines} == {"black"}
    assert len({(line.get_linestyle(), line.get_marker()) for line in lines}) == 3
    assert [t.get_text() for t in axes.get_legend().get_texts()][:2] == ["ingest, slope 1.00", "score, slope 0.50"]


def test_the_picture_and_the_table_are_written(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "curve.csv"
    measured().to_csv(file, index=False)
    curve.main(file, tmp_path / "curve.png")
    assert (tmp_path / "curve.png").read_bytes().startswith(b"\x89PNG")
    assert "| ingest | 10.0 s, 1.0 GiB | 100.0 s, 1.0 GiB | 1,000.0 s, 1.0 GiB | 1.00 |" in capsys.readouterr().out


@pytest.mark.parametrize("text", ["stage,families\na,1\n", "stage,families,seconds,peak_gib\n",
                                  "stage,families,seconds,peak_gib\na,10,0,1\n"])  # fmt: skip
def test_a_table_that_cannot_be_drawn_is_refused(tmp_path: Path, text: str) -> None:
    file = tmp_path / "curve.csv"
    file.write_text(text)
    with pytest.raises(SystemExit, match="needs rows of stage, families, seconds, peak_gib"):
        curve.read(file)


def test_everybody_is_scored_and_explained_by_what_the_stages_use(tmp_path: Path) -> None:
    """Two seeds of three trees each; of 50 families each part is timed, and what was explained adds up to the score."""
    drawn = np.random.default_rng(7)
    x = pd.DataFrame(drawn.normal(size=(50, 3)), columns=["a", "b", "c"])
    told = {"objective": "binary", "num_leaves": 4, "min_data_in_leaf": 3, "verbose": -1, "num_threads": 1}
    booster = lgb.train(told, lgb.Dataset(x, (x["a"] + x["b"] > 0).astype(int)), 6)
    keys = pd.DataFrame({"kpm_id": [f"K{i:02d}" for i in range(50)], "as_of": date(2025, 6, 30)})
    pd.concat([keys, x], axis=1).to_parquet(tmp_path / "features.parquet")
    took, rows = everybody.measured(booster, tmp_path / "features.parquet", 2, tmp_path)
    written = pq.read_table(tmp_path / "shap.parquet").drop_columns(["kpm_id", "as_of"]).to_pandas()
    assert rows == 50
    assert set(took) == {"reading", *everybody.SCORING, *everybody.EXPLAINING, "writing"}
    assert np.allclose(written.sum(axis=1), booster.predict(x, raw_score=True), atol=1e-9)
