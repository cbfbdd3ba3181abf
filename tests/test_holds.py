"""Who must not be proposed now: every rule of the configuration fires where it should and not beside it."""

import numpy as np
import pandas as pd
import pytest
from pydantic import ValidationError
from studies import values

from pipeline import holds, wording

CONFIG = holds.Config.model_validate(values("holds"))
NOBODY = {
    "pregnant": 0.0, "severely_disabled": 0.0, "elderly": 0.0, "members": 3.0, "national_decile_last": 4.0,
    "objections_open": 0.0, "welfare_age_days": 100.0, "youngest_age": 8.0, "income_times_poverty_line": 1.0,
    "cases_disaster_12m": 0.0, "cases_illness_12m": 0.0, "cases_job_loss_12m": 0.0, "months_since_shock": 5.0,
    "business_turnover_last": 900_000.0, "business_ever": 1.0, "components": 2.0, "pkh_paid_3m": 500_000.0,
    "identity_not_alive": 0.0, "caretaker_age": 40.0, "months_until_last_component_ends": 40.0,
}  # fmt: skip
FIRES = {
    "pregnancy.member_pregnant": {"pregnant": 1.0},
    "young_child.under_two": {"youngest_age": 1.0},
    "severe_disability.member_disabled": {"severely_disabled": 2.0},
    "elderly_alone.one_elderly_member": {"elderly": 1.0, "members": 1.0},
    "extreme_poverty.decile_one": {"national_decile_last": 1.0},
    "extreme_poverty.income_far_under_line": {"income_times_poverty_line": 0.49},
    "disaster.last_six_months": {"cases_disaster_12m": 1.0},
    "illness.last_six_months": {"cases_illness_12m": 2.0},
    "job_loss.last_six_months": {"cases_job_loss_12m": 1.0},
    "contradictory_data.turnover_without_business": {"business_ever": 0.0},
    "contradictory_data.payments_without_component": {"components": 0.0},
    "contradictory_data.caretaker_not_alive": {"identity_not_alive": 1.0},
    "contradictory_data.age_impossible": {"caretaker_age": 125.0},
    "contradictory_data.child_as_caretaker": {"caretaker_age": 9.0},
    "stale_data.older_than_four_years": {"welfare_age_days": 1462.0},
    "open_objection.not_closed": {"objections_open": 1.0},
    "last_component_ends.within_three_months": {"months_until_last_component_ends": 3.0},
}
BESIDE = [
    {"elderly": 1.0, "members": 2.0}, {"elderly": 0.0, "members": 1.0}, {"national_decile_last": 2.0},
    {"national_decile_last": 0.0}, {"welfare_age_days": 1461.0}, {"youngest_age": 2.0},
    {"income_times_poverty_line": 0.5}, {"cases_illness_12m": 1.0, "months_since_shock": 6.0},
    {"components": 0.0, "pkh_paid_3m": 0.0}, {"business_ever": 0.0, "business_turnover_last": 0.0},
    {"caretaker_age": 105.0}, {"caretaker_age": 12.0},
    {"months_until_last_component_ends": 4.0},
]  # fmt: skip


def hold_of(name):
    return name.partition(".")[0]


def people(*families):
    return pd.DataFrame([NOBODY | f for f in families]).assign(kpm_id=[f"K{i}" for i in range(len(families))])


def decided(*families, config=CONFIG):
    return holds.decide(people(*families), config)


def test_the_cases_below_name_every_rule():
    assert list(FIRES) == [f"{hold}.{rule}" for hold, rules in CONFIG.holds.items() for rule in rules]


def test_every_hold_has_words_for_planners():
    assert set(CONFIG.holds) <= set(wording.HOLDS)


@pytest.mark.parametrize("name", FIRES)
def test_a_rule_holds_its_family_alone(name):
    found = decided({}, FIRES[name])
    assert found["holds"].tolist() == [[], [hold_of(name)]]
    assert found["eligible"].tolist() == [True, False]
    fired = holds.rules_fired(people({}, FIRES[name]), CONFIG)
    assert [n for n, hit in zip(fired.names, fired.met[1], strict=True) if hit] == [name]


@pytest.mark.parametrize("family", BESIDE)
def test_the_neighbour_of_a_rule_is_not_held(family):
    assert decided(family)["holds"].tolist() == [[]]


@pytest.mark.parametrize("name", FIRES)
def test_what_is_unknown_holds_nobody(name):
    assert decided(dict.fromkeys(FIRES[name], np.nan))["holds"].tolist() == [[]]


@pytest.mark.parametrize("name", FIRES)
def test_a_rule_without_its_feature_holds_nobody(name):
    frame = people(FIRES[name]).drop(columns=next(iter(FIRES[name])))
    assert holds.decide(frame, CONFIG)["holds"].tolist() == [[]]


def test_one_alternative_is_enough_and_two_name_the_hold_once():
    both = FIRES["extreme_poverty.decile_one"] | FIRES["extreme_poverty.income_far_under_line"]
    assert decided(both)["holds"].tolist() == [["extreme_poverty"]]


def test_several_holds_stand_in_the_order_declared():
    everything = {k: v for case in FIRES.values() for k, v in case.items()}
    assert decided(everything)["holds"].tolist() == [list(CONFIG.holds)]


def test_one_row_a_family_in_its_order():
    found = decided({}, {"pregnant": 1.0}, {})
    assert list(found.columns) == ["kpm_id", "holds", "eligible"]
    assert found["kpm_id"].tolist() == ["K0", "K1", "K2"]
    empty = holds.decide(pd.DataFrame(columns=["kpm_id", *NOBODY], dtype=float), CONFIG)
    assert len(empty) == 0
    assert list(empty.columns) == list(found.columns)
    nothing = decided({"pregnant": 1.0}, config=holds.Config(holds={}))
    assert nothing["eligible"].tolist() == [True]


def test_a_hold_without_a_rule_is_refused():
    with pytest.raises(ValidationError, match="at least 1"):
        holds.Config.model_validate({"holds": {"mine": {}}})
