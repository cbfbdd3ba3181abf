"""The run without DVC: stages in order, what is done is not done again, what is out of date is."""

import json

import pytest
import yaml
from studies import study

from pipeline import route, stages
from pipeline.errors import BadInput

FIRST = ("simulate", "source", "ingest", "cohort")
TINY = {"simulate": {"families": 300}, "ingest": {"max_rejected_share": 1.0}, "cohort": {"history_share": 0.0}}


def written(home):
    """When each output was last written."""
    outs = {"simulate": "data/simulated", "source": "data/source.json", "ingest": "data/canonical",
            "cohort": "data/snapshots/cohort.parquet"}  # fmt: skip
    return {name: home.path(out).stat().st_mtime_ns for name, out in outs.items()}


def changed(before, after):
    return {name for name in before if before[name] != after[name]}


def test_only_what_is_out_of_date_is_done_again(tmp_path, capsys):
    home = study(tmp_path, TINY)
    home.path("models").mkdir()
    home.path(stages.MODEL).write_text("these four stages do not read it")
    route.run(home, FIRST)
    first = written(home)
    route.run(home, FIRST)
    assert changed(first, written(home)) == set()
    assert capsys.readouterr().err.count("done already") == 4

    cohort = tmp_path / "configs" / "cohort.yaml"
    settings = yaml.safe_load(cohort.read_text())
    cohort.write_text(yaml.safe_dump(settings | {"regencies": ["3203", "3315"]}))
    route.run(home, FIRST)
    assert changed(first, written(home)) == {"cohort"}

    # A stage that did not end has no mark: it and what comes after it are done again.
    marks = route.marks(home)
    second = written(home)
    home.path(route.MARKS).write_text(json.dumps({n: marks[n] for n in ("simulate", "source")}), encoding="utf-8")
    route.run(home, FIRST)
    assert changed(second, written(home)) == {"ingest", "cohort"}


def test_without_a_trained_model_nothing_is_begun(tmp_path):
    home = study(tmp_path, TINY)
    with pytest.raises(BadInput, match="train a model first"):
        route.run(home)
    assert not home.path("data").exists()


def test_the_national_run_is_the_whole_way_to_the_lists():
    order = [n for n in stages.STAGES if n in route.NATIONAL]
    assert list(route.NATIONAL) == order  # in the order of the pipeline
    assert route.NATIONAL[-1] == "lists"
