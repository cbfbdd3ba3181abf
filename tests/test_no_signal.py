"""Where nothing can be known, nothing is claimed: a world without any signal, and labels dealt anew among families.

Small worlds; `benchmarks/nothing.py` does the same at full size. Intervals are of 99 %, so that an honest pipeline
fails here once in a hundred changes of its numbers and not once in twenty.
"""

import json

import pytest
import yaml
from studies import CONFIGS, QUICK, run, study, table, upto, values

from benchmarks.nothing import shuffle
from pipeline import stages
from pipeline.artifacts import read_yaml

FAMILIES = 800
SMALL = QUICK | {"study": {"first_as_of": "2021-12-31"}, "evaluate": {"replicates": 60, "level": 0.99},
                 "peers": {"peers": ["base_rate", "rules"]}, "engine": {"threads": 2},
                 "train": QUICK["train"] | {"min_positives": 5}}  # fmt: skip
OFTEN = values("simulate")["exits"] | {"gsm": {2017: 0.06}, "quotas": {2017: None}}
BEFORE = upto("labels")
AFTER = [n for n in upto("evaluate") if n not in BEFORE]


def judged(home):
    told = json.loads(home.path(stages.METRICS).read_text(encoding="utf-8"))
    return told["models"]["lightgbm"]["auc"], told["verdict"]


@pytest.fixture(scope="module")
def no_signal(tmp_path_factory):
    home = study(tmp_path_factory.mktemp("no_signal"), SMALL | {"simulate": {"world": "no_signal"}})
    smaller = read_yaml(CONFIGS / "worlds" / "no_signal.yaml")
    smaller["changes"]["families"] = FAMILIES
    (home.root / "configs" / "worlds").mkdir()
    (home.root / "configs" / "worlds" / "no_signal.yaml").write_text(yaml.safe_dump(smaller), encoding="utf-8")
    made = run(home, "simulate")
    assert table(made, "data/simulated/kpm.parquet").num_rows == FAMILIES
    return judged(run(made, *BEFORE, *AFTER))


@pytest.fixture(scope="module")
def shuffled(tmp_path_factory):
    home = study(tmp_path_factory.mktemp("shuffled"), SMALL | {"simulate": {"families": FAMILIES, "exits": OFTEN}})
    run(home, "simulate", *BEFORE)
    before = stages.artifacts.read_frame(home.path(stages.LABELS))
    shuffle(home.path(stages.LABELS))
    after = stages.artifacts.read_frame(home.path(stages.LABELS))
    assert after[["kpm_id", "as_of", "matured"]].equals(before[["kpm_id", "as_of", "matured"]])
    assert (after["outcome"] != before["outcome"]).any()
    return judged(run(home, *AFTER))


@pytest.mark.parametrize("world", ["no_signal", "shuffled"])
def test_the_ranking_is_no_better_than_chance(world, request):
    auc, _ = request.getfixturevalue(world)
    assert auc["lower"] < 0.5 < auc["upper"]
    assert auc["upper"] - auc["lower"] < 0.4, "an interval that holds everything proves nothing"


@pytest.mark.parametrize("world", ["no_signal", "shuffled"])
def test_the_verdict_is_not_to_deploy(world, request):
    assert request.getfixturevalue(world)[1]["verdict"] == "do not deploy"
