"""Spark beside DuckDB, in a real local session: the same rows in the same order, from ingestion to the lists."""

import os
import sys
from datetime import date
from pathlib import Path

import ibis
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest
import spoiling
from studies import QUICK, borrow, hashes, run, study, table
from test_ingest import CASES, spoil, with_cases

from pipeline import artifacts, context, engines, explain, labels, stages
from pipeline import study as settings
from pipeline.engines import spark
from pipeline.errors import BadInput

TODAY, BEFORE = date(2025, 6, 30), date(2023, 6, 30)
SMALL = QUICK | {
    "simulate": {"families": 700},
    "study": {"first_as_of": "2021-09-30", "step_months": 6},
    "train": QUICK["train"] | {"min_positives": 5},
    "explain": {"background": "own_regency"},
    "lifecycle": {"years": 2, "checked_years": 1},
}
ON_SPARK = {"engine": {"engine": "spark", "threads": 2, "memory_limit": "1GB", "workers": 1, "chunk_families": 1000}}
MODEL = ["models/graduation.txt", "models/graduation.sha256", "models/calibration.json"]
# Nor is any worth the generation of code: a statement of 255 features of some hundred families took half as long again.
INTERPRETED = {"spark.sql.codegen.wholeStage": "false", "spark.sql.codegen.factoryMode": "NO_CODEGEN"}
METHOD, INTERVENTIONAL = f"{stages.EXPLANATIONS}/method.json", f"{stages.EXPLANATIONS}/interventional.parquet"
TOLERANCE = 1e-9


@pytest.fixture(scope="module")
def duckdb_home(tmp_path_factory, engine):
    """A small world on DuckDB, from ingestion to the lists."""
    home = study(tmp_path_factory.mktemp("duckdb"), SMALL)
    run(home, "simulate", "source", "ingest", "cohort", "labels", "features", "train", "calibrate", "lineage")
    run(home, "lifecycle", "score", "explain", "lists")
    ibis.set_backend(engine)
    return home


@pytest.fixture(scope="module")
def spark_home(tmp_path_factory, duckdb_home):
    """A study on Spark of the same families, with the same model."""
    home = study(tmp_path_factory.mktemp("spark"), SMALL | ON_SPARK)
    borrow(home, duckdb_home, stages.CANONICAL, stages.TRUTH, stages.LINEAGE, *MODEL)
    return home


@pytest.fixture(scope="module")
def session(spark_home, engine):
    """The one session of the module; the modules that follow get their engine back."""
    with pytest.MonkeyPatch.context() as patch:
        # Thousands of short plans, none of which runs long enough to be worth Java's second compiler.
        patch.setenv("JDK_JAVA_OPTIONS", "-XX:TieredStopAtLevel=1")
        connection = stages.engine(spark_home)
    for name, value in INTERPRETED.items():
        connection._session.conf.set(name, value)
    yield connection
    connection._session.stop()
    ibis.set_backend(engine)


@pytest.fixture
def in_use(session):
    ibis.set_backend(session)
    return session


def assert_same(found: pa.Table, expected: pa.Table) -> None:
    """Row by row: the same keys, texts, days, whole numbers and unknowns; floats to 1e-9."""
    assert found.schema.equals(expected.schema)
    assert found.num_rows == expected.num_rows
    for name, kind in zip(expected.column_names, expected.schema.types, strict=True):
        ours, theirs = found[name].combine_chunks(), expected[name].combine_chunks()
        if pa.types.is_floating(kind):
            assert ours.is_null(nan_is_null=True).equals(theirs.is_null(nan_is_null=True)), name
            apart = pc.max(pc.abs(pc.subtract(ours, theirs))).as_py()
            assert apart is None or apart <= TOLERANCE, name
        else:
            assert ours.equals(theirs), name


def assert_same_files(one, other, *names: str) -> None:
    assert hashes(one, *names) == hashes(other, *names)


# --- the engine itself -----------------------------------------------------------------------------------------------


def test_the_session_is_local_bounded_and_silent(in_use, spark_home):
    settings = in_use._session.sparkContext.getConf()
    assert settings.get("spark.master") == "local[2]"
    assert settings.get("spark.driver.memory") == "1g"
    assert settings.get("spark.ui.enabled") == "false"
    assert in_use._session.conf.get("spark.sql.session.timeZone") == "UTC"
    assert Path(settings.get("spark.local.dir")).is_relative_to(spark_home.path(stages.SCRATCH).resolve())


def test_what_is_kept_lies_where_nobody_else_looks(in_use):
    folder = spark.home(in_use)
    assert folder.stat().st_mode & 0o777 == 0o700


def test_a_kept_table_is_computed_once(in_use):
    drawn = ibis.range(5).unnest().name("n").as_table().mutate(x=ibis.random())
    kept = engines.keep(in_use, "drawn", drawn)
    assert kept.order_by("n").to_pyarrow().equals(kept.order_by("n").to_pyarrow())


def test_rows_of_this_process_become_a_table(in_use):
    days = pa.array([date(1899, 12, 31), None], pa.date32())
    held = pa.array([["a", "b"], []], pa.list_(pa.string()))
    rows = pa.table({"k": ["x", "y"], "day": days, "held": held, "flag": [True, None]})
    assert engines.register(in_use, "mine", rows).order_by("k").to_pyarrow().to_pylist() == rows.to_pylist()


@pytest.mark.parametrize("statement", ["SELECT 9223372036854775807 + 1 AS n", "SELECT CAST('1e' AS INT) AS n"])
def test_an_overflow_or_a_failed_cast_is_an_error_and_no_number(in_use, statement):
    with pytest.raises(Exception, match=r"ARITHMETIC_OVERFLOW|CAST_INVALID_INPUT"):
        in_use._session.sql(statement).collect()


def test_batches_are_worked_on_outside_this_process_in_order(in_use):
    def process(batches):  # a nested function travels whole: this file is not on an executor
        for batch in batches:
            yield pa.RecordBatch.from_pydict({"n": batch.column("n"), "by": [os.getpid()] * batch.num_rows})

    n = ibis.range(1000).unnest().name("n").as_table().order_by("n")
    schema = pa.schema([("n", pa.int64()), ("by", pa.int64())])
    made = pa.Table.from_batches(engines.worked(in_use, n.cast({"n": "int64"}), process, schema), schema)
    assert made["n"].to_pylist() == list(range(1000))
    assert os.getpid() not in made["by"].to_pylist()


@pytest.mark.parametrize("sizes", [[], [0], [3], [2, 2, 2], [7, 0, 1], [5, 5]])
def test_batches_are_evened_out_and_keep_their_rows(sizes):
    starts = np.cumsum([0, *sizes])
    given = [pa.record_batch({"n": np.arange(a, a + s)}) for a, s in zip(starts, sizes, strict=False)]
    made = [b.column("n").to_pylist() for b in spark.even(iter(given), 3)]
    total = sum(sizes)
    assert [n for b in made for n in b] == list(range(total))
    assert [len(b) for b in made] == [3] * (total // 3) + [total % 3] * (total % 3 > 0)


@pytest.mark.parametrize(("ours", "javas"), [("8GB", "8g"), ("512 MiB", "512m"), ("3 GB", "3g"), ("900MB", "900m")])
def test_memory_as_java_writes_it(ours, javas):
    assert spark.heap(ours) == javas


def test_without_pyspark_the_way_out_is_told(monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "pyspark.sql", None)
    with pytest.raises(BadInput, match=r"PySpark is not installed[\s\S]*requirements-spark.lock"):
        spark.connect(1, "1GB", tmp_path)


@pytest.mark.parametrize("name", spark.TOLD_ELSEWHERE)
def test_what_spark_was_told_itself_holds(monkeypatch, name):
    monkeypatch.delenv("PYSPARK_GATEWAY_PORT", raising=False)
    monkeypatch.delenv("PYSPARK_SUBMIT_ARGS", raising=False)
    assert spark.is_local()
    monkeypatch.setenv(name, "--master spark://somewhere:7077 pyspark-shell")
    assert not spark.is_local()


# --- ingestion -------------------------------------------------------------------------------------------------------


def test_spoilt_rows_are_judged_alike_to_the_byte(in_use, tmp_path, capsys):
    """Every kind of spoilt cell that tests/test_ingest.py knows, and repeated, orphaned and ragged rows beside them."""
    folder = spoiling.write_csv(tmp_path / "x", spoil(with_cases(CASES)[0], np.random.default_rng(1)))
    sections = {
        "source": {"kind": "files", "path": str(folder)},
        "ingest": {"max_rejected_share": 1.0, "min_rows": 1_000_000},
    }
    on_duckdb, told = run(study(tmp_path / "duckdb", sections), "ingest"), capsys.readouterr()
    on_spark = run(study(tmp_path / "spark", sections | ON_SPARK), "ingest")
    assert capsys.readouterr() == told
    assert sum(t.num_rows for t in map(pq.read_table, on_duckdb.path(stages.QUARANTINE).glob("*.parquet"))) > len(CASES)
    assert_same_files(on_spark, on_duckdb, stages.CANONICAL, stages.QUARANTINE, stages.IDENTITY)


# --- stage by stage: each test runs alone, too, on what DuckDB left --------------------------------------------------


@pytest.fixture
def needs(spark_home, duckdb_home):
    """Borrows from DuckDB's study what no earlier test has made on Spark."""

    def borrowed(*names: str) -> None:
        borrow(spark_home, duckdb_home, *(n for n in names if not spark_home.path(n).exists()))

    return borrowed


def test_the_cohort_and_its_labels_agree_to_the_byte(in_use, duckdb_home, spark_home):
    run(spark_home, "cohort", "labels")
    assert_same_files(spark_home, duckdb_home, stages.COHORT, stages.LABELS, stages.RECORDED, stages.MOMENTS)


def test_places_and_facilitators_agree(in_use, engine, duckdb_home, spark_home):
    def placed(home, connection) -> pa.Table:
        ibis.set_backend(connection)
        tables = context.build(stages.canonical(home), [BEFORE, TODAY])
        return tables.order_by(["as_of", "kpm_id"]).to_pyarrow()

    assert_same(placed(spark_home, in_use), placed(duckdb_home, engine))


def test_maturity_is_measured_alike(in_use, engine, duckdb_home, spark_home):
    """The quantile of the reporting lag, interpolated between whole days, is the same number on both."""
    config = duckdb_home.load(settings.Config, "study")

    def lags(home, connection) -> list[labels.Moment]:
        ibis.set_backend(connection)
        return [*labels.moments(stages.canonical(home)["membership"], [BEFORE, TODAY], config)]

    assert lags(spark_home, in_use) == lags(duckdb_home, engine)


def test_features_agree_on_two_dates_of_one_statement(in_use, duckdb_home, spark_home):
    """The second date is the first one's SQL with its days moved."""
    chosen = table(duckdb_home, stages.COHORT)
    two = chosen.filter(pc.is_in(chosen["as_of"], pa.array([BEFORE, TODAY], pa.date32())))
    artifacts.write(two, spark_home.path(stages.COHORT))
    run(spark_home, "features")
    assert_same_files(spark_home, duckdb_home, stages.DICTIONARY, stages.WORDING)
    for day in (BEFORE, TODAY):
        name = f"{stages.FEATURES}/{day}.parquet"
        assert_same(table(spark_home, name), table(duckdb_home, name))


def test_the_coming_years_agree(in_use, duckdb_home, spark_home):
    run(spark_home, "lifecycle")
    written = [n for n in hashes(duckdb_home, stages.LIFECYCLE) if not n.endswith(".png")]
    parts = [n for n in written if n.endswith(".parquet")]
    assert len(parts) > 3
    for name in parts:
        assert_same(table(spark_home, name), table(duckdb_home, name))
    assert_same_files(spark_home, duckdb_home, *(n for n in written if n.endswith(".csv")))


def test_scores_explanations_and_lists_agree(in_use, duckdb_home, spark_home, needs):
    needs(f"{stages.FEATURES}/{TODAY}.parquet", stages.DICTIONARY, stages.WORDING, stages.LIVES)
    run(spark_home, "score", "explain", "lists")
    for name in (stages.SCORES, stages.PATHWAYS, stages.SHAP, INTERVENTIONAL):
        assert_same(table(spark_home, name), table(duckdb_home, name))
    method = artifacts.read_json(spark_home.path(METHOD))
    assert method == artifacts.read_json(duckdb_home.path(METHOD))
    assert (method["method"], method["rows_checked"]) == ("tables", table(duckdb_home, stages.SCORES).num_rows)
    written = [p.name for p in duckdb_home.path(stages.LISTS).glob("*.csv")]
    assert len(written) > 1
    assert_same_files(spark_home, duckdb_home, *(f"{stages.LISTS}/{name}" for name in written))


def test_where_tables_differ_executors_give_lightgbms_own(in_use, duckdb_home, spark_home, needs, monkeypatch):
    needs(f"{stages.FEATURES}/{TODAY}.parquet")
    monkeypatch.setattr(explain, "largest_difference", lambda ours, theirs: 0.5)
    run(spark_home, "explain")
    method = artifacts.read_json(spark_home.path(METHOD))
    assert method["method"] == "lightgbm"
    assert "differ from them by 0.5" in method["reason"]
    assert not spark_home.path(INTERVENTIONAL).exists()
    assert not table(spark_home, stages.SHAP).equals(table(duckdb_home, stages.SHAP))
    assert_same(table(spark_home, stages.SHAP), table(duckdb_home, stages.SHAP))
