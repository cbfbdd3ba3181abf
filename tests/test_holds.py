"""Who must not be proposed now: every rule of the configuration fires where it should and not beside it."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml
from pydantic import ValidationError

from pipeline import holds

CONFIG = holds.Config.model_validate(yaml.safe_load(Path("configs/holds.yaml").read_text(encoding="utf-8")))
NOBODY = {
    "pregnant": 0.0, "severely_disabled": 0.0, "elderly": 0.0, "members": 3.0, "national_decile_last": 4.0,
    "shocks_6m": 0.0, "objections_open": 0.0, "welfare_age_days": 100.0, "months_until_last_schooling_ends": 60.0,
    "lasting_components": 2.0,
}  # fmt: skip
FIRES = {
    "pregnancy": {"pregnant": 1.0},
    "severe_disability": {"severely_disabled": 2.0},
    "elderly_alone": {"elderly": 1.0, "members": 1.0},
    "poorest_decile": {"national_decile_last": 1.0},
    "recent_shock": {"shocks_6m": 1.0},
    "open_objection": {"objections_open": 1.0},
    "stale_data": {"welfare_age_days": 1462.0},
}
BESIDE = [
    {"elderly": 1.0, "members": 2.0}, {"elderly": 0.0, "members": 1.0}, {"national_decile_last": 2.0},
    {"national_decile_last": 0.0}, {"welfare_age_days": 1461.0},
]  # fmt: skip


def decided(*families, config=CONFIG):
    frame = pd.DataFrame([NOBODY | f for f in families]).assign(kpm_id=[f"K{i}" for i in range(len(families))])
    return holds.decide(frame, config)


def test_the_cases_below_name_every_rule():
    assert list(FIRES) == list(CONFIG.holds)


@pytest.mark.parametrize("name", FIRES)
def test_a_rule_holds_its_family_alone(name):
    found = decided({}, FIRES[name])
    assert found["holds"].tolist() == [[], [name]]
    assert found["eligible"].tolist() == [True, False]
    assert found["pathway"].tolist() == ["home_visit", "hold"]


@pytest.mark.parametrize("family", BESIDE)
def test_the_neighbour_of_a_rule_is_not_held(family):
    assert decided(family)["holds"].tolist() == [[]]


@pytest.mark.parametrize("name", FIRES)
def test_what_is_unknown_holds_nobody(name):
    assert decided(dict.fromkeys(FIRES[name], np.nan))["holds"].tolist() == [[]]


@pytest.mark.parametrize("name", FIRES)
def test_a_rule_without_its_feature_holds_nobody(name):
    frame = pd.DataFrame([NOBODY | FIRES[name]]).assign(kpm_id="K0").drop(columns=next(iter(FIRES[name])))
    assert holds.decide(frame, CONFIG)["holds"].tolist() == [[]]


def test_several_holds_stand_in_the_order_declared():
    everything = {k: v for case in FIRES.values() for k, v in case.items()}
    assert decided(everything)["holds"].tolist() == [list(FIRES)]


@pytest.mark.parametrize(
    ("family", "pathway"),
    [
        ({"months_until_last_schooling_ends": 12.0, "lasting_components": 0.0}, "natural_exit_ahead"),
        ({"months_until_last_schooling_ends": 13.0, "lasting_components": 0.0}, "home_visit"),
        ({"months_until_last_schooling_ends": 12.0, "lasting_components": 1.0}, "home_visit"),
        ({"months_until_last_schooling_ends": np.nan, "lasting_components": 0.0}, "home_visit"),
        ({"months_until_last_schooling_ends": 2.0, "lasting_components": 0.0, "pregnant": 1.0}, "hold"),
        ({"months_until_last_schooling_ends": 2.0, "lasting_components": 0.0, "shocks_6m": 1.0}, "hold"),
    ],
)
def test_a_natural_exit_ahead_is_told_and_a_hold_outranks_it(family, pathway):
    assert decided(family)["pathway"].tolist() == [pathway]


def test_one_row_a_family_in_its_order():
    found = decided({}, {"pregnant": 1.0}, {})
    assert list(found.columns) == ["kpm_id", "holds", "eligible", "pathway"]
    assert found["kpm_id"].tolist() == ["K0", "K1", "K2"]
    empty = holds.decide(pd.DataFrame(columns=["kpm_id", *NOBODY], dtype=float), CONFIG)
    assert len(empty) == 0
    assert list(empty.columns) == list(found.columns)


@pytest.mark.parametrize(
    ("sign", "fires"), [("==", [2.0]), (">=", [2.0, 3.0]), ("<=", [1.0, 2.0]), (">", [3.0]), ("<", [1.0])]
)
def test_every_operator(sign, fires):
    frame = pd.DataFrame({"a": [1.0, 2.0, 3.0, np.nan]})
    met = holds.met(frame, (holds.Condition(feature="a", operator=sign, value=2.0),))
    assert frame["a"][met].tolist() == fires


@pytest.mark.parametrize(
    "conditions", [[{"feature": "a", "operator": "!=", "value": 1}], [{"feature": "a", "operator": "=="}], []]
)
def test_a_rule_that_means_nothing_is_refused_when_it_is_read(conditions):
    good = [{"feature": "a", "operator": "==", "value": 1}]
    holds.Config.model_validate({"holds": {"mine": good}, "natural_exit_ahead": good})
    with pytest.raises(ValidationError):
        holds.Config.model_validate({"holds": {"mine": conditions}, "natural_exit_ahead": good})
    with pytest.raises(ValidationError):
        holds.Config.model_validate({"holds": {"mine": good}, "natural_exit_ahead": conditions})
