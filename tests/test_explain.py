"""Contributions: they add up, and they are the Shapley values of the path-dependent tree game, computed three ways."""

from itertools import combinations
from math import factorial

import lightgbm as lgb
import numpy as np
import pandas as pd
import pytest
import shap

from pipeline import explain

NAMES = ["a", "b", "c", "d"]


def made(seed, n=300):
    """Four features, three of them with unknown values that tell something; keys beside them."""
    rng = np.random.default_rng(seed)
    x = pd.DataFrame(rng.normal(size=(n, 4)), columns=NAMES)
    for name in "abc":
        x.loc[rng.random(n) < 0.25, name] = np.nan
    label = (rng.random(n) < 1 / (1 + np.exp(x.a.fillna(-2) - x.b.fillna(1) * x.d))).astype(float)
    keys = pd.DataFrame({"kpm_id": [f"K{i}" for i in range(n)], "as_of": pd.Timestamp("2025-06-30")})
    return pd.concat([keys, x], axis=1), label


def booster_of(frame, label, trees=4):
    told = {"objective": "binary", "num_leaves": 7, "min_data_in_leaf": 10, "learning_rate": 0.3, "verbose": -1}
    return lgb.train(told | {"num_threads": 1, "deterministic": True}, lgb.Dataset(frame[NAMES], label), trees)


def raw_of(booster, frame):
    return booster.predict(frame[NAMES], raw_score=True)


def leaf_or_node_count(node):
    return node["leaf_count"] if "leaf_value" in node else node["internal_count"]


def goes_left(node, value):
    """LightGBM's rule of a numerical split; an unknown value follows the default only where unknowns were seen."""
    if np.isnan(value):
        if node["missing_type"] == "NaN":
            return node["default_left"]
        value = 0.0
    return value <= node["threshold"]


def expectation(node, row, known):
    """What the tree gives where only the `known` features are told: an unasked split weighs both sides by its rows."""
    if "leaf_value" in node:
        return node["leaf_value"]
    left, right = node["left_child"], node["right_child"]
    if node["split_feature"] in known:
        return expectation(left if goes_left(node, row[node["split_feature"]]) else right, row, known)
    weights = leaf_or_node_count(left), leaf_or_node_count(right)
    return (weights[0] * expectation(left, row, known) + weights[1] * expectation(right, row, known)) / sum(weights)


def shapley(trees, row):
    """Shapley's formula over all subsets: contributions of the features, and the value of knowing nothing."""
    n = len(row)
    value = {
        s: sum(expectation(t, row, s) for t in trees)
        for s in (frozenset(c) for k in range(n + 1) for c in combinations(range(n), k))
    }
    weight = [factorial(k) * factorial(n - k - 1) / factorial(n) for k in range(n)]
    contributions = [sum(weight[len(s)] * (value[s | {i}] - value[s]) for s in value if i not in s) for i in range(n)]
    return contributions, value[frozenset()]


@pytest.mark.parametrize("seed", range(3))
def test_equal_to_shapley_values_over_all_subsets(seed):
    frame, label = made(seed)
    booster = booster_of(frame, label)
    some = frame.iloc[:25]
    assert some[NAMES].isna().any().any()
    trees = [t["tree_structure"] for t in booster.dump_model()["tree_info"]]
    found = explain.attribute(booster, some, raw_of(booster, some))
    for i, row in enumerate(some[NAMES].to_numpy()):
        contributions, base = shapley(trees, row)
        assert found[NAMES].iloc[i].tolist() == pytest.approx(contributions, abs=1e-9)
        assert found["base_value"][i] == pytest.approx(base, abs=1e-9)


def test_equal_to_shap():
    frame, label = made(7)
    booster = booster_of(frame, label, trees=20)
    found = explain.attribute(booster, frame, raw_of(booster, frame))
    explainer = shap.TreeExplainer(booster, feature_perturbation="tree_path_dependent")
    values = explainer(frame[NAMES]).values
    assert np.allclose(found[NAMES], values if values.ndim == 2 else values[..., -1], atol=1e-9)


@pytest.mark.parametrize("seed", range(3))
def test_contributions_add_up_and_keep_their_rows(seed):
    frame, label = made(seed)
    booster = booster_of(frame, label, trees=30)
    turned = frame.iloc[::-1][["d", "kpm_id", "a", "as_of", "c", "b"]]  # other order, an index that is not 0..n
    raw = raw_of(booster, turned)
    found = explain.attribute(booster, turned, raw)
    assert list(found.columns) == ["kpm_id", "as_of", "base_value", *NAMES]
    assert found["kpm_id"].tolist() == frame["kpm_id"].tolist()[::-1]
    assert np.abs(found[["base_value", *NAMES]].sum(axis=1).to_numpy() - raw).max() < 1e-9
    assert found["base_value"].nunique() == 1


def test_a_raw_score_of_another_model_is_refused():
    frame, label = made(1)
    booster = booster_of(frame, label)
    raw = raw_of(booster, frame)
    raw[17] += 1e-6
    with pytest.raises(ArithmeticError, match=r"contributions of row 17 miss its raw score by 1e-06 \(> 1e-09\)"):
        explain.attribute(booster, frame, raw)
