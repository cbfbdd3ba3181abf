"""The search: only on evidence of before, never on two questions at once, the same end after an interruption."""

from datetime import date
from pathlib import Path

import numpy as np
import optuna
import pandas as pd
import pytest
import yaml
from pydantic import ValidationError
from threadpoolctl import threadpool_limits

from pipeline import train, tune
from pipeline.errors import BadInput
from pipeline.sample import Rows
from pipeline.study import months_before


@pytest.fixture(autouse=True)
def one_thread():
    """Small fits wait longer for a second thread than they compute."""
    with threadpool_limits(1):
        yield


def values(name):
    return yaml.safe_load(Path(f"configs/{name}.yaml").read_text(encoding="utf-8"))


def settings(**changes):
    space = {
        "num_leaves": {"low": 2, "high": 8, "log": False},
        "learning_rate": {"low": 0.01, "high": 0.3, "log": True},
        "half_life_months": {"among": [12, None]},
    }
    small = {"trials": 6, "startup_trials": 2, "seeds": 1, "least_gain": 0.0, "space": space}
    return tune.Config.model_validate(values("tune") | small | changes)


def present(**changes):
    return train.Config.model_validate(values("train") | {"trees": 8, "min_leaf_rows": 10, "seeds": 2} | changes)


def made(seed, name="made up"):
    rng = np.random.default_rng(seed)
    x = pd.DataFrame(rng.normal(size=(400, 3)), columns=["a", "b", "c"])
    label = (rng.random(400) < 1 / (1 + np.exp(2 - 1.5 * x.a + x.b))).to_numpy().astype(float)
    as_of = pd.Series(np.resize(np.array(["2019-12-31", "2020-03-31"]), 400))
    return Rows(x, label, pd.Series([f"K{i}" for i in range(400)]), as_of, name)


def parts(seed=0):
    return [tune.Part(made(seed), made(seed + 10)), tune.Part(made(seed + 1), made(seed + 11))]


def url(folder):
    return f"sqlite:///{folder}/trials.db"


QUARTERS = sorted(months_before(date(2024, 3, 31), 3 * k) for k in range(29))
MATURED = {a: months_before(a, -15) for a in QUARTERS}


@pytest.mark.parametrize("before", [date(2020, 6, 30), date(2021, 6, 30), date(2023, 6, 30)])
def test_nothing_that_was_unknown_before_the_backtest_takes_part(before):
    found = tune.plan(QUARTERS, MATURED, before, settings())
    for fold in found:
        assert all(MATURED[a] <= before for a in fold.test_as_ofs)
        assert all(
            MATURED[a] <= fold.origin <= min(fold.test_as_ofs) for a in fold.train_as_ofs + fold.calibrate_as_ofs
        )
    assert 1 <= len(found) <= 3


def test_too_short_a_history_is_refused():
    with pytest.raises(BadInput, match="folds: no fold is possible"):
        tune.plan(QUARTERS, MATURED, date(2018, 12, 31), settings())


def test_worth_by_hand():
    """Day one, best first: 1 0 0 1. AP = (1/1 + 2/4) / 2 = 0.75; of the first half 1 of 2. Day two has no gsm.

    Day three, best first: 0 1: AP = 1/2; of the first half (one) 0. Means 0.625 and 0.25.
    """
    label = np.array([1.0, 0, 0, 1, 0, 0, 0, 1])
    raw = np.array([9.0, 8, 7, 6, 1, 2, 5, 4])
    as_of = pd.Series(["2019-03-31"] * 4 + ["2019-06-30"] * 2 + ["2019-09-30"] * 2)
    rows = Rows(pd.DataFrame({"a": raw}), label, pd.Series(list("ABCDEFGH")), as_of, "by hand")
    assert tune.worth(rows, raw, 0.5) == pytest.approx((0.625, 0.25))


def test_no_gsm_at_all_is_worth_nothing():
    rows = made(0)
    none = Rows(rows.x, np.zeros(400), rows.family, rows.as_of, rows.name)
    assert tune.worth(none, rows.x.a.to_numpy(), 0.03) == (0.0, 0.0)


def test_the_first_trial_is_what_is_in_use_and_the_value_is_the_mean():
    found = tune.search(parts(), present(learning_rate=0.05, num_leaves=6, half_life_months=None), {}, settings(), None)
    first = found.trials.iloc[0]
    assert (first["num_leaves"], first["learning_rate"]) == (6, 0.05)
    assert pd.isna(first["half_life_months"])
    columns = [f"{m}_{k}" for k in (1, 2) for m in ("average_precision", "precision_at_capacity")]
    assert first["value"] == pytest.approx(first[columns].astype(float).mean())
    by_hand = train.fit(parts()[0].learn, present(learning_rate=0.05, num_leaves=6, half_life_months=None, seeds=1))
    raw = train.raw_scores(by_hand, parts()[0].test.x)
    assert first["average_precision_1"] == pytest.approx(tune.worth(parts()[0].test, raw, 0.03)[0])


def test_the_best_complete_trial_is_taken():
    found = tune.search(parts(), present(), {}, settings(trials=8), None)
    complete = found.trials[found.trials["state"] == "complete"]
    best = complete.loc[complete["value"].idxmax()]
    assert found.best.num_leaves == best["num_leaves"]
    assert found.best.learning_rate == best["learning_rate"]
    assert found.gain == pytest.approx(best["value"] / found.trials["value"].iloc[0] - 1)
    assert found.best.seeds == 2  # of the settings in use, not of a trial


def test_a_gain_that_is_noise_changes_nothing():
    found = tune.search(parts(), present(), {}, settings(least_gain=10.0), None)
    assert found.best == present()


def test_an_interrupted_search_ends_like_one_that_was_not(tmp_path):
    straight = tune.search(parts(), present(), {}, settings(), None).trials
    again = [tune.search(parts(), present(), {}, settings(trials=n), url(tmp_path)).trials for n in (2, 6)]
    assert len(again[0]) == 2
    pd.testing.assert_frame_equal(again[1], straight, check_dtype=False)


def test_a_trial_that_was_running_when_the_search_was_killed_is_given_up(tmp_path):
    name = tune.question(parts(), present(), {}, settings())
    optuna.create_study(storage=url(tmp_path), study_name=name, direction="maximize").ask()
    found = tune.search(parts(), present(), {}, settings(), url(tmp_path))
    assert len(found.trials) == 6
    study = optuna.load_study(storage=url(tmp_path), study_name=name)
    assert [t.state.name for t in study.get_trials()].count("FAIL") == 1


def test_trials_of_other_questions_do_not_mix():
    asked = tune.question(parts(), present(), {}, settings())
    assert tune.question(parts(), present(), {}, settings(trials=99)) == asked  # a larger budget goes on
    others = {
        tune.question(parts(1), present(), {}, settings()),
        tune.question(parts(), present(max_bin=31), {}, settings()),
        tune.question(parts(), present(), {"a": 1}, settings()),
        tune.question(parts(), present(), {}, settings(seed=1)),
    }
    assert len(others | {asked}) == 5


def test_the_section_is_read_back_as_settings():
    found = tune.Tuned(pd.DataFrame({"trial": [0, 1]}), present(half_life_months=None, monotone="basic"), 0.034)
    text = tune.section(found)
    assert text.startswith("# Chosen among 2 trials; the best gained +3.4% over the settings in use.\n")
    assert train.Config.model_validate(yaml.safe_load(text)) == found.best


@pytest.mark.parametrize(
    ("space", "told"),
    [
        ({"leaves": {"low": 2, "high": 3, "log": False}}, "no such setting of train: leaves"),
        ({"num_leaves": {"low": 3, "high": 3, "log": False}}, "low must be below high"),
        ({"learning_rate": {"low": 0.0, "high": 1.0, "log": True}}, "low must be above 0 where log is true"),
        ({"level": {"among": ["by_date"]}}, "at least 2 items"),
    ],
)
def test_a_space_that_cannot_be_is_refused(space, told):
    with pytest.raises(ValidationError, match=told):
        settings(space=space)
