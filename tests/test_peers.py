"""The peers: rules by hand, and each learner better than chance where there is something to learn."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml
from threadpoolctl import threadpool_limits

from pipeline import peers
from pipeline.sample import Followed, Rows

LARGEST, SMALLEST = (peers.Rule(feature="a", largest_first=first) for first in (True, False))


@pytest.fixture(autouse=True)
def one_thread():
    """Small fits wait longer for a second thread than they compute."""
    with threadpool_limits(1):
        yield


def settings(**changes):
    values = yaml.safe_load(Path("configs/peers.yaml").read_text(encoding="utf-8"))
    mine = {"forest_trees": 40, "survival_trees": 15, "threads": 1}
    mine |= {"rules": {"rule_a": [{"feature": "a", "largest_first": True}]}}
    return peers.Config.model_validate(values | mine | changes)


def made(n=800, seed=0):
    """`a` raises the chance, `b` lowers it; `c` is nearly always unknown, `empty` always."""
    rng = np.random.default_rng(seed)
    x = pd.DataFrame(rng.normal(size=(n, 3)), columns=["a", "b", "c"]).assign(empty=np.nan)
    x.loc[rng.random(n) < 0.97, "c"] = np.nan
    x.loc[rng.random(n) < 0.1, "a"] = np.nan
    chance = 1 / (1 + np.exp(2 - 1.5 * x.a.fillna(0) + x.b))
    label = (rng.random(n) < chance).to_numpy().astype(float)
    return Rows(x, label, pd.Series([f"K{i}" for i in range(n)]), pd.Series(["2020-03-31"] * n), "made up")


def auc(score, label):
    ranks, ones = pd.Series(score).rank().to_numpy(), label.sum()
    return (ranks[label == 1].sum() - ones * (ones + 1) / 2) / (ones * (len(label) - ones))


def test_rank_score_by_hand():
    """Seen 10, 20, 20, 40. Largest first: 5 reaches none, 10 one, 20 three, 30 three, 40 four; (reached + 1) / 5."""
    seen = pd.Series([20.0, np.nan, 10.0, 40.0, 20.0])
    values = pd.Series([5.0, 10.0, 20.0, 30.0, 40.0, 99.0, np.nan])
    assert peers.rank_score(seen, values, LARGEST).tolist() == [0.2, 0.4, 0.8, 0.8, 1.0, 1.0, 0.0]
    # smallest first: 5 reaches all four, 10 four, 20 three, 30 one, 40 one, 99 none
    assert peers.rank_score(seen, values, SMALLEST).tolist() == [1.0, 1.0, 0.8, 0.4, 0.4, 0.2, 0.0]


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("rule", [LARGEST, SMALLEST])
def test_a_rule_keeps_the_order_and_puts_the_unknown_last(seed, rule):
    rng = np.random.default_rng(seed)
    values = pd.Series(rng.integers(0, 9, 60).astype(float)).where(rng.random(60) < 0.8)
    score = peers.rank_score(values, values, rule)
    known = values.notna().to_numpy()
    assert score[known].min() > score[~known].max()
    sign = 1 if rule.largest_first else -1
    expected = (sign * values[known]).rank(method="dense").to_numpy()
    assert np.array_equal(pd.Series(score[known]).rank(method="dense").to_numpy(), expected)


@pytest.mark.parametrize(
    ("features", "expected"),
    [(["absent", "b"], "b"), (["empty", "b"], "b"), (["a", "b"], "a"), (["absent", "empty"], None)],
)
def test_a_rule_takes_the_first_feature_that_the_extract_has(features, expected):
    rows = made(50)
    choices = [{"feature": f, "largest_first": True} for f in features]
    found = peers.rules(rows, [rows.x], settings(rules={"mine": choices}))
    if expected is None:
        assert found == {}
    else:
        rule = peers.Rule(feature=expected, largest_first=True)
        assert np.array_equal(found["mine"][0], peers.rank_score(rows.x[expected], rows.x[expected], rule))


def test_the_base_rate_ties_everybody():
    rows = made(40)
    frames = [rows.x, rows.x.iloc[:7]]
    assert [s.tolist() for s in peers.base_rate(rows, frames, settings())["base_rate"]] == [[0.0] * 40, [0.0] * 7]


@pytest.mark.parametrize("seed", range(2))
def test_every_peer_beats_chance_on_a_signal(seed):
    rows, unseen = made(seed=seed), made(seed=seed + 100)
    found = peers.scores(rows, [unseen.x, unseen.x.iloc[::-1]], settings())
    assert set(found) == {"base_rate", "rule_a", "logistic_regression", "sklearn_boosting", "random_forest"}
    for model, (straight, backwards) in found.items():
        assert np.isfinite(straight).all()
        assert np.allclose(straight[::-1], backwards)  # a row's score does not hang on the rows beside it
        assert auc(straight, unseen.label) == 0.5 if model == "base_rate" else auc(straight, unseen.label) > 0.65


def test_only_configured_peers_run():
    rows = made(60)
    assert set(peers.scores(rows, [rows.x], settings(peers=["base_rate"]))) == {"base_rate"}


def test_the_same_rows_give_the_same_scores():
    rows = made(200)
    first, second = (peers.scores(rows, [rows.x], settings()) for _ in range(2))
    for model, (scores,) in first.items():
        assert np.array_equal(scores, second[model][0])


def test_a_far_outlier_does_not_steer_a_linear_score():
    """Standardised values are cut at 8 sd: a billion scores as much as a million."""
    rows = made()
    far = pd.DataFrame({"a": [1e6, 1e9], "b": 0.0, "c": np.nan, "empty": np.nan})
    one, other = peers.logistic_regression(rows, [far], settings())["logistic_regression"][0]
    assert one == other
    assert np.isfinite(one)


def test_unknown_only_where_it_is_scored():
    """A feature that was always known in training may be unknown later."""
    rows = made()
    later = rows.x.iloc[:5].assign(b=np.nan)
    for scores in peers.scores(rows, [later], settings()).values():
        assert np.isfinite(scores[0]).all()


def followed(n=600, seed=0):
    """Months to a graduation, likelier soon where `a` is high, or to another exit; cut off at 24 months."""
    rows, rng = made(n, seed), np.random.default_rng(seed + 50)
    graduates = rng.exponential(30 * np.exp(-1.5 * rows.x.a.fillna(0) + rows.x.b))
    leaves = rng.exponential(60, n)
    months = np.minimum(np.minimum(graduates, leaves), 24.0)
    cause = np.where(months == 24.0, 0, np.where(graduates < leaves, 1, 2))
    return Followed(rows.x, months, cause.astype(np.int64))


def test_every_survival_peer_beats_chance_on_a_signal():
    rows, unseen = made(200), made(seed=100)
    found = peers.scores(rows, [unseen.x, unseen.x.iloc[::-1]], settings(peers=[]), followed())
    assert set(found) == {"hazardous_boosting", "sksurv_boosting", "sksurv_cox"}
    for straight, backwards in found.values():
        assert np.isfinite(straight).all()
        assert np.allclose(straight[::-1], backwards)
        assert auc(straight, unseen.label) > 0.7


def test_survival_peers_are_reproducible():
    rows, spells = made(60), followed(200)
    first, second = (peers.scores(rows, [rows.x], settings(peers=[], survival_trees=3), spells) for _ in range(2))
    for model, (scores,) in first.items():
        assert np.array_equal(scores, second[model][0])


def test_without_spells_there_are_no_survival_peers():
    rows = made(60)
    assert peers.scores(rows, [rows.x], settings(peers=[])) == {}


def test_bounded_keeps_as_many_of_each_by_key():
    """100 spells, 30 graduate: of 40 asked for each all 30 and 40 others are kept, the same in any order."""
    families, causes = [f"K{i:03d}" for i in range(100)], 30 * [1] + 35 * [0, 2]
    spells = pd.DataFrame({"kpm_id": families, "as_of": pd.Timestamp("2020-03-31"), "cause": causes})
    kept = peers.bounded(spells, settings(survival_rows=40))
    assert kept["cause"].value_counts().to_dict().get(1) == 30
    assert len(kept) == 70
    mixed = peers.bounded(spells.sample(frac=1, random_state=1), settings(survival_rows=40))
    assert set(mixed["kpm_id"]) == set(kept["kpm_id"])
    few = peers.bounded(spells, settings(survival_rows=5))
    assert (few["cause"] == 1).sum() == 5
    assert len(few) == 10
