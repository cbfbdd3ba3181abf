"""A finished run opened to be read: where it lies, whose configuration counts, what is said of it."""

import json
from datetime import date

import ibis
import pytest
from studies import CONFIGS, PROJECT, SMALL_ENGINE

from pipeline import artifacts, runs, stages
from pipeline.errors import BadInput


@pytest.fixture(autouse=True)
def engine_back(engine):
    yield
    ibis.set_backend(engine)


def finished(root, simulated=True):
    """What a run leaves that is read when it is opened."""
    facts = {
        stages.LINEAGE: {"id": "abc", "simulated": simulated, "source": "a-register"},
        stages.EXTRACT: {"extracted_on": "2025-06-30"},
    }
    for name, value in facts.items():
        artifacts.write_json(value, root / name)
    artifacts.write_text("regency_code\n", root / stages.LISTS / "index.csv")
    return root


def test_the_variable_names_the_run(tmp_path, monkeypatch):
    monkeypatch.setenv(runs.VARIABLE, str(finished(tmp_path)))
    assert runs.opened() == artifacts.Home(tmp_path.resolve(), (CONFIGS,))


def test_without_it_the_run_is_the_checkouts(monkeypatch):
    monkeypatch.delenv(runs.VARIABLE, raising=False)
    monkeypatch.setattr(stages, "LISTS", "no/such/folder")
    with pytest.raises(BadInput) as told:
        runs.opened()
    assert str(told.value).startswith(f"{PROJECT}: no finished run")
    assert "make run" in str(told.value)


def test_a_study_lies_beside_it_with_its_own_configuration_first(tmp_path, monkeypatch):
    monkeypatch.setenv(runs.VARIABLE, str(tmp_path))
    folder = finished(tmp_path / "build" / "eph")
    (folder / "configs").mkdir()
    home = runs.opened("eph")
    assert home == artifacts.Home(folder.resolve(), (folder.resolve() / "configs", CONFIGS / "eph", CONFIGS))


def test_its_settings_make_the_engine(tmp_path, monkeypatch):
    monkeypatch.setenv(runs.VARIABLE, str(finished(tmp_path)))
    artifacts.write_text(json.dumps(SMALL_ENGINE), tmp_path / "configs" / "engine.yaml")
    before = ibis.get_backend()
    runs.opened()
    assert ibis.get_backend() is not before
    assert ibis.get_backend().raw_sql("SELECT current_setting('threads')").fetchone() == (SMALL_ENGINE["threads"],)


def test_a_study_that_was_not_run_says_how_it_is(tmp_path, monkeypatch):
    monkeypatch.setenv(runs.VARIABLE, str(finished(tmp_path)))
    with pytest.raises(BadInput, match="make eph"):
        runs.opened("eph")


@pytest.mark.parametrize(("simulated", "mark"), [(True, "SIMULATED DATA"), (False, "Real data")])
def test_what_is_said_first_is_whether_families_are_real(tmp_path, monkeypatch, simulated, mark):
    monkeypatch.setenv(runs.VARIABLE, str(finished(tmp_path, simulated)))
    told = runs.about(runs.opened())
    assert told.startswith(f"**{mark}")
    assert all(word in told for word in ("a-register", str(date(2025, 6, 30)), "abc"))
