"""Why two explanations differ: by hand, as laws over seeds, and against the mean over all orders of the causes."""

from itertools import permutations

import numpy as np
import pandas as pd
import pytest

from pipeline import contrasts
from pipeline.contrasts import COHORT, DATA, MODEL, Run, Side
from pipeline.errors import BadInput

NAMES = ["a", "b", "c"]
CONCEPT = {"a": "livelihood", "b": "family", "c": "livelihood"}
RANGES = {"a": (0.0, 10.0), "b": (-1.0, 1.0), "c": None}


def side(values, contributions, base=-2.0):
    return Side(np.array(values), np.array(contributions), base)


def test_two_families_by_hand():
    first, second = side([1.0, 2.0, np.nan], [0.5, -0.25, 0.0]), side([1.0, 3.0, 4.0], [0.25, 0.5, 0.125])
    found = contrasts.by_feature(first, second, NAMES, CONCEPT)
    # raw -1.75 and -1.125: the differences -0.25, 0.75 and 0.125 add up to 0.625
    assert found["feature"].tolist() == ["b", "a", "c"]
    assert found["difference"].tolist() == [0.75, -0.25, 0.125]
    assert found["difference"].sum() == second.raw - first.raw == 0.625
    told = contrasts.by_concept(found)
    assert told[["concept", "difference"]].to_numpy().tolist() == [["family", 0.75], ["livelihood", -0.125]]


@pytest.mark.parametrize("seed", range(5))
def test_differences_add_up_by_feature_and_by_concept(seed):
    rng = np.random.default_rng(seed)
    first, second = (side(rng.normal(size=3), rng.normal(size=3)) for _ in range(2))
    found = contrasts.by_feature(first, second, NAMES, CONCEPT)
    for table in (found, contrasts.by_concept(found)):
        assert table["difference"].sum() == pytest.approx(second.raw - first.raw, abs=1e-12)
    back = contrasts.by_feature(second, first, NAMES, CONCEPT).set_index("feature")["difference"]
    assert (back == -found.set_index("feature")["difference"]).all()


def test_explanations_of_two_models_are_not_compared():
    with pytest.raises(ArithmeticError, match="differences miss that of the raw scores by 1 "):
        contrasts.by_feature(side([1.0] * 3, [0.0] * 3), side([1.0] * 3, [0.0] * 3, base=-1.0), NAMES, CONCEPT)


def test_the_mean_of_two_models_by_hand():
    one = contrasts.by_feature(side([1.0] * 3, [0.0] * 3), side([2.0] * 3, [1.0, 0.0, 0.5]), NAMES, CONCEPT)
    other = contrasts.by_feature(side([1.0], [0.0]), side([2.0], [3.0]), ["a"], CONCEPT)
    found = contrasts.averaged([one, other]).set_index("feature")["difference"]
    assert found.to_dict() == {"a": 2.0, "c": 0.25, "b": 0.0}  # (1 + 3) / 2; the second model has no c


class TestChanges:
    def test_numbers_and_unknown(self):
        found = contrasts.changes(["a=3.5", "b=unknown", " c = 1 "], RANGES)
        assert [(c.feature, c.outside) for c in found] == [("a", False), ("b", False), ("c", True)]
        assert found[0].value == 3.5
        assert np.isnan(found[1].value)

    @pytest.mark.parametrize(("text", "outside"), [("a=0", False), ("a=10", False), ("a=10.01", True), ("a=-1", True)])
    def test_what_training_never_saw_is_flagged(self, text, outside):
        assert contrasts.changes([text], RANGES)[0].outside == outside

    @pytest.mark.parametrize(
        ("texts", "message"),
        [
            (["nose=1"], "whatif: nose: no feature of the model\nsee data/features/dictionary.csv"),
            (["a"], "whatif: a change is not of the form feature=value"),
            (["a="], "whatif: a change is not of the form"),
            (["a=many"], "whatif: a: not a finite number"),
            (["a=nan"], "whatif: a: not a finite number"),
            (["a=-inf"], "whatif: a: not a finite number"),
            (["a=1", "a=2"], "whatif: a: asked for twice"),
            ([], "whatif: nothing to change"),
        ],
    )
    def test_what_cannot_be_asked_is_refused(self, texts, message):
        with pytest.raises(BadInput) as told:
            contrasts.changes(texts, RANGES)
        assert message in str(told.value)

    def test_only_what_is_named_changes_and_the_row_stays(self):
        row = np.array([1.0, 2.0, 3.0])
        found = contrasts.changed(row, NAMES, contrasts.changes(["c=9", "a=unknown"], RANGES))
        assert np.array_equal(found, [np.nan, 2.0, 9.0], equal_nan=True)
        assert row.tolist() == [1.0, 2.0, 3.0]


def by_orders(worth):
    """The mean, over all orders in which the causes move, of what each adds."""
    told = dict.fromkeys(contrasts.CAUSES, 0.0)
    for order in permutations(contrasts.CAUSES):
        before = frozenset()
        for cause in order:
            told[cause] += (worth(before | {cause}) - worth(before)) / 6
            before |= {cause}
    return told


@pytest.mark.parametrize("seed", range(6))
def test_shares_are_the_mean_over_all_orders_and_add_up(seed):
    rng = np.random.default_rng(seed)
    drawn = {}

    def worth(causes):
        return drawn.setdefault(causes, float(rng.normal()))

    found = contrasts.shares(worth)
    assert found == pytest.approx(by_orders(worth))
    assert sum(found.values()) == pytest.approx(worth(frozenset(contrasts.CAUSES)) - worth(frozenset()), abs=1e-12)


def run(value, slope, others, ties=0):
    """A run whose raw score is slope times the one feature, and whose chance is the raw score over ten."""
    return Run(
        pd.DataFrame({"a": [value]}), lambda f: slope * float(f["a"].iloc[0]), lambda r: r / 10,
        np.array(others), lambda _: ties,
    )  # fmt: skip


class TestMoved:
    def test_by_hand(self):
        # Before 1 * 2 = 2, now 3 * 4 = 12. Data first: 2 * (3 - 1) = 4, last: 4 * (3 - 1) = 8: mean 6. Model: 10 - 6.
        found = contrasts.moved(run(1.0, 2.0, [0.3, 0.1]), run(3.0, 4.0, [1.5, 1.3, 0.1]))
        assert (found["raw"].before, found["raw"].now) == (2.0, 12.0)
        assert found["raw"].causes == {DATA: pytest.approx(6.0), MODEL: pytest.approx(4.0), COHORT: 0.0}
        assert found["chance"].causes == {DATA: pytest.approx(0.6), MODEL: pytest.approx(0.4), COHORT: 0.0}
        # Chances by data, model: 0.2, 0.6, 0.4, 1.2. Ranks among 0.3, 0.1: 2, 1, 1, 1; among 1.5, 1.3, 0.1: all 3.
        assert (found["rank"].before, found["rank"].now) == (2, 3)
        assert sum(found["rank"].causes.values()) == pytest.approx(1)
        # data: -1 where it moves first (2 of 6 orders), else 0; the same for model; the cohort has the rest
        assert found["rank"].causes[DATA] == pytest.approx(-1 / 3)
        assert found["rank"].causes[MODEL] == pytest.approx(-1 / 3)
        assert found["rank"].causes[COHORT] == pytest.approx(5 / 3)

    def test_a_family_whose_own_score_stays_moves_by_its_neighbours_alone(self):
        found = contrasts.moved(run(1.0, 2.0, [0.1, 0.1]), run(1.0, 2.0, [0.5, 0.5]))
        assert found["raw"].causes == dict.fromkeys(contrasts.CAUSES, 0.0)
        assert found["rank"].causes == {DATA: 0.0, MODEL: 0.0, COHORT: pytest.approx(2.0)}

    def test_only_new_data_or_only_a_new_model(self):
        assert contrasts.moved(run(1.0, 2.0, []), run(2.0, 2.0, []))["raw"].causes == {
            DATA: 2.0,
            MODEL: 0.0,
            COHORT: 0.0,
        }
        assert contrasts.moved(run(1.0, 2.0, []), run(1.0, 3.0, []))["raw"].causes == {
            DATA: 0.0,
            MODEL: 1.0,
            COHORT: 0.0,
        }

    def test_equal_chances_are_told_apart_as_the_list_does(self):
        assert run(1.0, 2.0, [0.2, 0.2, 0.1], ties=1).rank(0.2) == 2

    @pytest.mark.parametrize("seed", range(6))
    def test_causes_add_up(self, seed):
        rng = np.random.default_rng(seed)
        before, now = (run(rng.normal(), rng.normal(), rng.normal(size=20) / 10) for _ in range(2))
        for number in contrasts.moved(before, now).values():
            assert sum(number.causes.values()) == pytest.approx(number.now - number.before, abs=1e-12)
