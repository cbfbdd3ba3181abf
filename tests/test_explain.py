"""Contributions: they add up, and they are the Shapley values of the path-dependent tree game, computed three ways."""

import lightgbm as lgb
import numpy as np
import pandas as pd
import pytest
import shap

from pipeline import explain, treeshap
from tests import shapley

NAMES = ["a", "b", "c", "d"]
CONFIG = explain.Config(threads=1, checked_rows=200, seed=3, background="none")


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


@pytest.mark.parametrize("seed", range(3))
def test_equal_to_shapley_values_over_all_subsets(seed):
    frame, label = made(seed)
    booster = booster_of(frame, label)
    some = frame.iloc[:25]
    assert some[NAMES].isna().any().any()
    found, _ = explain.attribute(booster, some, raw_of(booster, some), CONFIG)
    for i, row in enumerate(some[NAMES].to_numpy()):
        values = shapley.path_dependent_game(booster, row)
        assert found[NAMES].iloc[i].tolist() == pytest.approx(shapley.shapley(values), abs=1e-9)
        assert found["base_value"][i] == pytest.approx(values[frozenset()], abs=1e-9)


def test_equal_to_shap():
    frame, label = made(7)
    booster = booster_of(frame, label, trees=20)
    found, _ = explain.attribute(booster, frame, raw_of(booster, frame), CONFIG)
    explainer = shap.TreeExplainer(booster, feature_perturbation="tree_path_dependent")
    values = explainer(frame[NAMES]).values
    assert np.allclose(found[NAMES], values if values.ndim == 2 else values[..., -1], atol=1e-9)


@pytest.mark.parametrize("seed", range(3))
def test_contributions_add_up_and_keep_their_rows(seed):
    frame, label = made(seed)
    booster = booster_of(frame, label, trees=30)
    turned = frame.iloc[::-1][["d", "kpm_id", "a", "as_of", "c", "b"]]  # other order, an index that is not 0..n
    raw = raw_of(booster, turned)
    found, _ = explain.attribute(booster, turned, raw, CONFIG)
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
        explain.attribute(booster, frame, raw, CONFIG)


def test_the_method_tells_how_many_rows_were_compared():
    frame, label = made(2)
    booster = booster_of(frame, label)
    _, method = explain.attribute(booster, frame, raw_of(booster, frame), CONFIG)
    assert (method.method, method.reason, method.rows, method.rows_checked) == ("tables", None, 300, 200)
    assert method.largest_difference < 1e-12
    assert method.notices() == []
    _, few = explain.attribute(booster, frame[:7], raw_of(booster, frame[:7]), CONFIG)
    assert (few.rows, few.rows_checked) == (7, 7)


def test_a_model_without_tables_is_explained_by_lightgbm_and_that_is_told():
    frame, label = made(2)
    frame["d"] = np.arange(300) % 7
    told = {"objective": "binary", "min_data_per_group": 1, "cat_smooth": 0.0, "verbose": -1, "num_threads": 1}
    data = lgb.Dataset(frame[NAMES], label, categorical_feature=["d"])
    booster = lgb.train(told, data, 20)
    whole = booster.predict(frame[NAMES], pred_contrib=True)
    found, method = explain.attribute(booster, frame, raw_of(booster, frame), CONFIG)
    assert np.array_equal(found[[*NAMES, "base_value"]].to_numpy(), whole)
    assert method == ("lightgbm", "the model has no tables: it splits by categories", 300, 0, None)
    assert method.notices() == [
        "explain: contributions are LightGBM's own: the model has no tables: it splits by categories"
    ]


@pytest.mark.parametrize("off", [2e-9, np.nan])
def test_tables_that_differ_in_one_compared_row_are_not_used(off, monkeypatch):
    frame, label = made(3)
    booster = booster_of(frame, label)
    computed = treeshap.contributions

    def spoiled(tables, x, threads):
        found = computed(tables, x, threads)
        found[explain.chosen(len(x), CONFIG)[5], 1] += off
        return found

    monkeypatch.setattr(treeshap, "contributions", spoiled)
    found, method = explain.attribute(booster, frame, raw_of(booster, frame), CONFIG)
    assert np.array_equal(found[NAMES].to_numpy(), booster.predict(frame[NAMES], pred_contrib=True)[:, :-1])
    assert method.method == "lightgbm"
    assert method.largest_difference == (pytest.approx(2e-9, rel=1e-3) if off == off else np.inf)
    assert method.notices()[0].startswith("explain: contributions are LightGBM's own: tables differ from them by ")


def test_a_difference_in_a_row_that_is_not_compared_still_must_add_up(monkeypatch):
    frame, label = made(4)
    booster = booster_of(frame, label)
    computed = treeshap.contributions
    unseen = int(np.setdiff1d(np.arange(300), explain.chosen(300, CONFIG))[0])

    def spoiled(tables, x, threads):
        found = computed(tables, x, threads)
        found[unseen, 2] += 1e-3
        return found

    monkeypatch.setattr(treeshap, "contributions", spoiled)
    with pytest.raises(ArithmeticError, match=f"row {unseen} miss"):
        explain.attribute(booster, frame, raw_of(booster, frame), CONFIG)


class TestAgainstOwnRegency:
    def found(self, seed=5):
        frame, label = made(seed)
        booster = booster_of(frame, label, trees=12)
        regency = pd.Series(["3301", "3302", None])[np.random.default_rng(seed).integers(0, 3, 300)]
        raw = raw_of(booster, frame)
        return frame, booster, regency, raw, explain.against_own_regency(booster, frame, regency, raw, CONFIG)

    def test_the_base_is_the_mean_of_the_regency(self):
        _, _, regency, raw, found = self.found()
        assert list(found.columns) == ["kpm_id", "as_of", "regency_code", "base_value", *NAMES]
        assert found["regency_code"].isna().sum() > 50
        means = pd.Series(raw).groupby(regency.to_numpy(), dropna=False).transform("mean")
        assert np.allclose(found["base_value"], means, atol=1e-12)

    def test_each_family_against_the_families_of_its_regency(self):
        frame, booster, regency, raw, found = self.found(6)
        for code in ("3301", "3302"):
            own = (regency == code).to_numpy()
            explainer = shap.TreeExplainer(
                booster, frame.loc[own, NAMES].to_numpy()[:100], feature_perturbation="interventional"
            )
            one = frame[own][:100]
            alone = explain.against_own_regency(booster, one, regency[own][:100], raw[own][:100], CONFIG)
            assert np.allclose(alone[NAMES], explainer.shap_values(one[NAMES].to_numpy()), rtol=0, atol=1e-6)
            assert found.loc[own, "base_value"].nunique() == 1

    def test_contributions_that_miss_the_score_are_refused(self):
        frame, booster, regency, raw, _ = self.found()
        with pytest.raises(ArithmeticError, match="row 3 miss"):
            explain.against_own_regency(booster, frame, regency, raw + (np.arange(300) == 3), CONFIG)
