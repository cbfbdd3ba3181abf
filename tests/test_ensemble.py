"""Several boosters as one: the same predictions as the mean, explained exactly, the same bytes."""

import lightgbm as lgb
import numpy as np
import pandas as pd
import pytest
from threadpoolctl import threadpool_limits

from pipeline import ensemble


@pytest.fixture(autouse=True)
def one_thread():
    """Small predictions wait longer for a second thread than they compute."""
    with threadpool_limits(1):
        yield


def rows(n=300, seed=0):
    rng = np.random.default_rng(seed)
    x = pd.DataFrame(rng.normal(size=(n, 4)), columns=["a", "b", "c", "d"])
    x.loc[rng.random(n) < 0.3, "c"] = np.nan
    x["d"] = (x.d * 1e9).round()
    return x, (rng.random(n) < 1 / (1 + np.exp(1 - x.a + x.b))).astype(float)


def member(seed, trees=12, n=300, **changes):
    x, y = rows(n, seed)
    chosen = {"objective": "binary", "num_leaves": 5, "min_data_in_leaf": 10, "seed": seed, "num_threads": 1}
    return lgb.train(chosen | {"verbose": -1, "boost_from_average": False} | changes, lgb.Dataset(x, y), trees)


def raw(booster, x):
    return booster.predict(x, raw_score=True)


def odd_rows():
    """Unknowns, zeros, infinities and values outside of what training saw."""
    x = rows(50, 99)[0]
    return pd.concat([x, pd.DataFrame([[np.nan] * 4, [0.0] * 4, [np.inf] * 4, [-1e300] * 4], columns=x.columns)])


@pytest.mark.parametrize("count", [1, 2, 3, 7])
@pytest.mark.parametrize("level", [0.0, -4.25])
def test_the_merged_booster_is_the_mean(count, level):
    members, x = [member(s) for s in range(count)], odd_rows()
    one = ensemble.merge(members, level)
    expected = np.mean([raw(m, x) for m in members], axis=0) + level
    assert np.abs(raw(one, x) - expected).max() < 1e-12
    assert one.num_trees() == 12 * count
    assert np.allclose(one.predict(x), 1 / (1 + np.exp(-expected)), atol=1e-12)


def test_contributions_add_up_and_are_the_mean_of_the_members():
    members, x = [member(s) for s in range(3)], odd_rows()
    found = ensemble.merge(members, -3.0).predict(x, pred_contrib=True)
    expected = np.mean([m.predict(x, pred_contrib=True) for m in members], axis=0)
    expected[:, -1] -= 3.0  # the level belongs to no feature
    assert np.abs(found - expected).max() < 1e-12
    assert np.abs(found.sum(axis=1) - raw(ensemble.merge(members, -3.0), x)).max() < 1e-12


def test_a_member_is_a_range_of_trees():
    members, x = [member(s) for s in range(4)], odd_rows()
    found = ensemble.parts(ensemble.merge(members, 0.5), x, 4)
    assert found.shape == (54, 4)
    for k, m in enumerate(members):
        assert np.abs(found[:, k] - raw(m, x) - 0.5).max() < 1e-12


def test_a_member_that_stopped_early_is_filled_up():
    """Two rows a class cannot be split with 10 rows a leaf: one constant tree, beside twelve of the other."""
    short, full, x = member(1, n=15), member(2), odd_rows()
    assert (short.num_trees(), full.num_trees()) == (1, 12)
    for pair in ([short, full], [full, short]):
        one = ensemble.merge(pair, 0.0)
        assert one.num_trees() == 24
        found = ensemble.parts(one, x, 2)
        assert np.abs(found - np.column_stack([raw(m, x) for m in pair])).max() < 1e-12
        assert np.abs(one.predict(x, pred_contrib=True).sum(axis=1) - raw(one, x)).max() < 1e-12


def test_the_text_is_the_same_after_a_round_trip():
    one = ensemble.merge([member(s) for s in range(3)], -2.0)
    text = one.model_to_string()
    again = lgb.Booster(model_str=text)
    assert again.model_to_string() == text
    assert np.array_equal(raw(again, odd_rows()), raw(one, odd_rows()))
    assert ensemble.merge([member(s) for s in range(3)], -2.0).model_to_string() == text


def test_the_text_tells_the_truth_about_itself():
    members = [member(s) for s in range(3)]
    one = ensemble.merge(members, -2.0)
    text = one.model_to_string()
    sizes = [int(v) for v in ensemble.value(text, "tree_sizes").split(" ")]
    blocks = text[text.index("Tree=0\n") : text.index(ensemble.END)].encode()
    assert sum(sizes) == len(blocks)
    starts = np.cumsum([0, *sizes[:-1]])
    assert all(blocks[s:].startswith(f"Tree={i}\n".encode()) for i, s in enumerate(starts))
    assert one.feature_importance().tolist() == np.sum([m.feature_importance() for m in members], axis=0).tolist()
    dumped = one.dump_model()["tree_info"]
    assert {t["shrinkage"] for t in dumped} == {0.1 / 3}  # the learning rate over three members


def test_ranges_span_all_members_by_hand():
    infos = [["[-1.5:2]", "none", "[0:1]"], ["[-3:1]", "none", "none"], ["[-2:10]", "none", "[0.5:3]"]]
    assert ensemble.widest(infos) == ["[-3:10]", "none", "[0:3]"]


def test_values_are_scaled_by_hand():
    """(1, -2) / 4 + 0.5 = 0.75, 0; counts and thresholds stay; a leaf's weight is no value."""
    tree = "threshold=8\nleaf_value=1 -2\nleaf_weight=4 8\ninternal_value=4\nshrinkage=0.1\n\n"
    expected = "threshold=8\nleaf_value=0.75 0.0\nleaf_weight=4 8\ninternal_value=1.5\nshrinkage=0.025\n\n"
    assert ensemble.scaled(tree, 0.25, 0.5) == expected


def test_boosters_of_other_features_are_refused():
    x, y = rows()
    other = lgb.train({"verbose": -1, "num_threads": 1}, lgb.Dataset(x[["b", "a"]], y), 2)
    with pytest.raises(ValueError, match="boosters of different features cannot be one"):
        ensemble.merge([member(1), other], 0.0)


def test_a_number_of_members_that_cannot_be_is_refused():
    one = ensemble.merge([member(s) for s in range(3)], 0.0)
    with pytest.raises(ValueError, match="36 trees are not 5 members of equally many"):
        ensemble.parts(one, odd_rows(), 5)


def test_members_come_apart_again():
    """Each with its own trees: times the number of members, its raw score is the member's, with the level."""
    merged = ensemble.merge([member(1), member(2, trees=4), member(3)], -2.0)
    x = odd_rows()
    for own, seed, trees in zip(ensemble.members(merged, 3), (1, 2, 3), (12, 4, 12), strict=True):
        assert np.abs(3 * raw(own, x) - (raw(member(seed, trees=trees), x) - 2.0)).max() < 1e-10
    with pytest.raises(ValueError, match="36 trees are not 5 members"):
        ensemble.members(merged, 5)


def test_ranges_are_those_of_training():
    x, y = rows()
    x["b"] = 1.0
    told = {"objective": "binary", "num_threads": 1, "verbose": -1}
    found = ensemble.ranges(lgb.train(told, lgb.Dataset(x, y), 3))
    assert list(found) == ["a", "b", "c", "d"]
    assert found["b"] is None
    for name in ("a", "c", "d"):
        assert found[name] == pytest.approx((x[name].min(), x[name].max()))
