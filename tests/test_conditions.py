"""Declared rules: what fires, how it is named and told, and what is wrong with a rule."""

import numpy as np
import pandas as pd
import pytest
from pydantic import ValidationError

from pipeline import conditions
from pipeline.conditions import Condition, Rule
from pipeline.holds import Config

GOOD = {
    "source": "assumption",
    "all": [{"feature": "a", "operator": ">", "value": 1}, {"feature": "b", "operator": "==", "value": 0}],
    "id": "a {a}",
    "en": "a is {a}",
}


def rule(id="a {a}", en="a is {a}", **changes):
    return Rule.model_validate(GOOD | {"id": id, "en": en} | changes)


def looks_at(feature, value=1.0):
    return rule("x", "x", all=[{"feature": feature, "operator": ">=", "value": value}])


@pytest.mark.parametrize(
    ("sign", "fires"), [("==", [2.0]), (">=", [2.0, 3.0]), ("<=", [1.0, 2.0]), (">", [3.0]), ("<", [1.0])]
)
def test_every_operator(sign, fires):
    frame = pd.DataFrame({"a": [1.0, 2.0, 3.0, np.nan]})
    met = conditions.met(frame, (Condition(feature="a", operator=sign, value=2.0),))
    assert frame["a"][met].tolist() == fires


def test_all_conditions_must_be_met_and_a_feature_that_is_not_there_meets_none():
    frame = pd.DataFrame({"a": [2.0, 2.0, 1.0, np.nan], "b": [0.0, 1.0, 0.0, 0.0]})
    assert conditions.met(frame, rule().all).tolist() == [True, False, False, False]
    assert conditions.met(frame[["a"]], rule().all).tolist() == [False] * 4


def test_groups_are_met_where_any_of_their_rules_is():
    frame = pd.DataFrame({"a": [1.0, 0.0, 0.0], "b": [0.0, 1.0, 0.0]})
    fired = conditions.fire(
        frame, {"one": {"x": looks_at("a"), "y": looks_at("b")}, "two": {"x": looks_at("b")}, "no": {}}
    )
    assert fired.names == ("one.x", "one.y", "two.x")
    assert fired.any_of("one").tolist() == [True, True, False]
    assert fired.any_of("two").tolist() == [False, True, False]
    assert fired.any_of("no").tolist() == [False] * 3
    assert conditions.fire(frame, {}).met.shape == (3, 0)


@pytest.mark.parametrize("seed", range(5))
def test_names_are_those_of_the_true_columns(seed):
    """Against a plain loop; more than eight columns, so that a pattern takes more than a byte."""
    rng = np.random.default_rng(seed)
    names = [f"n{i}" for i in range(int(rng.integers(1, 20)))]
    met = rng.random((60, len(names))) < 0.3
    found = conditions.listed(names, met)
    assert list(found) == [[n for n, hit in zip(names, row, strict=True) if hit] for row in met]


def test_no_names_and_no_rows():
    assert list(conditions.listed([], np.zeros((2, 0), dtype=bool))) == [[], []]
    assert len(conditions.listed(["a"], np.zeros((0, 1), dtype=bool))) == 0


def test_a_rule_speaks_with_the_familys_own_value_in_both_languages():
    frame = pd.DataFrame({"a": [1_500_000.0, 3.0, 1_500_000.0], "b": [0.0, 1.0, 0.0]})
    fired = conditions.fire(frame, {"g": {"x": rule(), "y": looks_at("b")}})
    units = {"a": "rupiah a month"}
    assert conditions.told(fired, frame, units, "id").tolist() == [
        "a Rp1.500.000 per bulan",
        "x",
        "a Rp1.500.000 per bulan",
    ]
    assert conditions.told(fired, frame, units, "en").tolist()[0] == "a is Rp1,500,000 a month"


def test_several_rules_are_told_in_the_order_declared():
    frame = pd.DataFrame({"a": [5.0], "b": [0.0]})
    fired = conditions.fire(frame, {"g": {"x": rule("a {a}, {b}", "x"), "y": looks_at("a")}})
    assert conditions.told(fired, frame, {}, "id").tolist() == ["a 5, 0; x"]
    nobody = fired.only(np.zeros((1, 2), dtype=bool))
    assert conditions.told(nobody, frame, {}, "id").tolist() == [""]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"all": []}, "all"),
        ({"all": [{"feature": "a", "operator": "!=", "value": 1}]}, "operator"),
        ({"all": [{"feature": "a", "operator": "=="}]}, "value"),
        ({"source": ""}, "source"),
        ({"source": "   "}, "source"),
        ({"id": ""}, "id"),
        ({"en": " "}, "en"),
        ({"id": "a is {a"}, "expected '}' before end of string"),
        ({"id": "a is {}"}, "braces hold the plain name of a feature"),
        ({"id": "a is {a.b}"}, "braces hold the plain name of a feature"),
        ({"more": 1}, "more"),
    ],
)
def test_a_rule_that_means_nothing_is_refused(change, said):
    rule()
    with pytest.raises(ValidationError, match=said):
        Rule.model_validate(GOOD | change)


@pytest.mark.parametrize("key", list(GOOD))
def test_a_rule_lacks_nothing(key):
    with pytest.raises(ValidationError, match="Field required"):
        Rule.model_validate({k: v for k, v in GOOD.items() if k != key})


def test_features_that_nobody_declares_are_named_with_their_key_and_the_nearest():
    config = Config(holds={"first": {"x": rule(), "y": looks_at("pregnent")}})
    found = conditions.strangers(config, {"a", "b", "pregnant", "members"}, {})
    assert found == [
        (("holds", "first", "y", "all", "0", "feature"), "pregnent: no such feature; the nearest is pregnant")
    ]
    assert conditions.strangers(config, {"a", "b", "pregnent"}, {}) == []


def test_a_text_tells_only_what_a_condition_looks_at():
    config = Config(holds={"first": {"x": rule("a {a}, {c}", "a")}})
    found = conditions.strangers(config, {"a", "b", "c"}, {})
    assert found == [(("holds", "first", "x", "id"), "c: the text names it, but no condition of the rule looks at it")]


def test_a_text_may_tell_what_is_known_wherever_the_condition_is():
    """`c` stands with `a`, whose condition is looked at; of a rule about `b` it would say nothing known."""
    other = looks_at("b").model_copy(update={"id": "until {c}"})
    config = Config(holds={"first": {"x": rule("a {a}, until {c}"), "y": other}})
    found = conditions.strangers(config, {"a", "b"}, {"c": "a"})
    assert found == [(("holds", "first", "y", "id"), "c: the text names it, but no condition of the rule looks at it")]
