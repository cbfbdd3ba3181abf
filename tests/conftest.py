"""One embedded engine for all tests; nothing here reaches a network or an unseeded generator."""

import ibis
import pytest
from studies import CONFIGS, EPH_PANEL, QUICK, command, run, study, table

from pipeline import artifacts, stages
from pipeline.columns import CENSORED


@pytest.fixture(scope="session", autouse=True)
def shared_engine():
    """DuckDB in memory, the default backend of every expression."""
    connection = ibis.duckdb.connect(threads=2)
    ibis.set_backend(connection)
    return connection


@pytest.fixture(scope="session")
def engine(shared_engine):
    """The default backend; a module may have another one under this name."""
    return shared_engine


@pytest.fixture(scope="module", autouse=True)
def own_engine(shared_engine):
    """Stages make an engine of their own the default; whichever module comes next gets this one back."""
    ibis.set_backend(shared_engine)
    yield
    ibis.set_backend(shared_engine)


@pytest.fixture(scope="session")
def small_run(engine, tmp_path_factory):
    """Every stage once on a small world; the last one in a process of its own: MLflow keeps state, and its store warns.

    It is shared: a test that writes into it works on a copy.
    """
    home = run(study(tmp_path_factory.mktemp("world"), QUICK), *list(stages.STAGES)[:-1])
    ibis.set_backend(engine)
    assert command("track", home=home.root).returncode == 0
    return home


@pytest.fixture(scope="session")
def eph_run(engine, tmp_path_factory):
    """The EPH panel from its source to its lists; shared as `small_run` is.

    Features only of dates with a known outcome and of today: nothing asks for the others, and it saves half the time.
    """
    sections = {
        "evaluate": {"replicates": 50}, "source": {"path": str(EPH_PANEL)},
        "peers": {"peers": ["rules", "logistic_regression", "sklearn_boosting"]},
    }  # fmt: skip
    home = run(study(tmp_path_factory.mktemp("eph"), sections, CONFIGS / "eph"), "source", "ingest", "cohort", "labels")
    labels, cohort = (table(home, name).to_pandas() for name in (stages.LABELS, stages.COHORT))
    wanted = {*labels.loc[labels["outcome"] != CENSORED, "as_of"], stages.extracted_on(home)}
    artifacts.write(cohort[cohort["as_of"].isin(wanted)], home.path(stages.COHORT))
    run(home, "features", "backtest", "train", "calibrate", "evaluate")
    run(home, "lineage", "lifecycle", "score", "explain", "lists")
    ibis.set_backend(engine)
    return home
