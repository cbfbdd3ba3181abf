"""Tables of tree contributions: equal to LightGBM's, to shap's, and to Shapley's formula over plain walks."""

import lightgbm as lgb
import numpy as np
import pytest
import shap

from pipeline import ensemble, treeshap
from pipeline.treeshap import weights
from tests import shapley

QUIET = {"verbose": -1, "num_threads": 1, "deterministic": True}


def made(seed, n=600, features=6, unknown=0.15):
    """Normal features, the last two rounded; unknown values, and a label that depends on pairs."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(n, features))
    x[:, -2:] = np.round(x[:, -2:] * 2)
    gain = x[:, 0] + x[:, 1] * x[:, 2] + np.abs(x[:, 3])
    x[rng.random(x.shape) < unknown] = np.nan
    return x, (rng.random(n) < 1 / (1 + np.exp(-gain))).astype(float)


def booster_of(x, label, trees=10, categories="auto", **told):
    kept = {"objective": "binary", "min_data_in_leaf": 5, "learning_rate": 0.3, "num_leaves": 31} | told | QUIET
    return lgb.train(kept, lgb.Dataset(x, label, params=kept, categorical_feature=categories), trees)


def ours(booster, x, threads=1):
    return treeshap.contributions(treeshap.path_dependent(treeshap.layout(booster)), x, threads)


def own(booster, x):
    return booster.predict(x, pred_contrib=True)


def strange(x, seed=0):
    """The rows with unknown, infinite, zero and next to zero values strewn over them."""
    rng, found = np.random.default_rng(seed), x.copy()
    for value in (np.nan, np.inf, -np.inf, 0.0, -0.0, 1e-36, -1e-36, 1e-35, 1.1e-35, -1.1e-35):
        found[rng.random(x.shape) < 0.03] = value
    return found


def no_unknown(x):
    return np.nan_to_num(x, nan=0.3)


def many_zeros(x):
    return np.where(np.random.default_rng(9).random(x.shape) < 0.4, 0.0, x)


KINDS = {
    **{f"depth {d}": (made(d), {"max_depth": d, "num_leaves": 2**d}) for d in range(1, 7)},
    "depth 8": (made(8, n=3000), {"max_depth": 8, "num_leaves": 200, "min_data_in_leaf": 2}),
    "nothing unknown in training": ((no_unknown(made(1)[0]), made(1)[1]), {"max_depth": 4}),
    "unknown values not used": (made(2), {"max_depth": 4, "use_missing": False}),
    "zero as missing": ((many_zeros(made(3)[0]), made(3)[1]), {"max_depth": 5, "zero_as_missing": True}),
    "constant features": ((made(4)[0] * [1, 1, 1, 0, 0, 1], made(4)[1]), {"max_depth": 4}),
    "one leaf": (made(5), {"min_gain_to_split": 1e9}),
    "regression": (made(6), {"max_depth": 4, "objective": "regression"}),
    "monotone": (made(7), {"max_depth": 4, "monotone_constraints": [1, 0, 0, -1, 0, 0]}),
    "drawn rows and features": (made(8), {"max_depth": 4, "bagging_fraction": 0.5, "bagging_freq": 1,
                                          "feature_fraction": 0.4}),
    "more cuts than a byte counts": (made(9, n=4000, features=4), {"max_depth": 6, "max_bin": 3000, "trees": 60,
                                                                  "min_data_in_bin": 1, "min_data_in_leaf": 2}),
}  # fmt: skip


@pytest.mark.parametrize("kind", KINDS)
def test_equal_to_lightgbm_on_every_kind_of_model(kind):
    (x, label), told = KINDS[kind]
    booster = booster_of(x, label, **told)
    rows = np.concatenate([x, strange(x)])
    assert np.abs(ours(booster, rows) - own(booster, rows)).max() < 1e-10


def test_more_than_255_cuts_of_a_feature_are_more_than_one_scale():
    (x, label), told = KINDS["more cuts than a byte counts"]
    plan = treeshap.layout(booster_of(x, label, **told)).plan
    assert np.diff(plan.scale_from).max() > 1


@pytest.mark.parametrize("kind", ["depth 3", "zero as missing", "one leaf", "nothing unknown in training"])
def test_equal_to_shapleys_formula_over_plain_walks(kind):
    (x, label), told = KINDS[kind]
    booster = booster_of(x, label, trees=3, **told)
    rows = strange(x)[:8]
    for row, found in zip(rows, ours(booster, rows), strict=True):
        values = shapley.path_dependent_game(booster, row)
        assert found[:-1] == pytest.approx(shapley.shapley(values), abs=1e-10)
        assert found[-1] == pytest.approx(values[frozenset()], abs=1e-10)


def test_thresholds_hit_exactly():
    x, label = made(10)
    booster = booster_of(x, label, max_depth=5)
    cuts = booster.trees_to_dataframe().dropna(subset=["threshold"]).query("split_feature == 'Column_0'")["threshold"]
    rows = np.repeat(x[:1], len(cuts), axis=0)
    rows[:, 0] = cuts
    assert len(cuts) > 10
    assert np.abs(ours(booster, rows) - own(booster, rows)).max() < 1e-10


def test_a_cut_next_to_zero_reads_tiny_values_as_zero():
    """LightGBM's predictor reads |x| <= 1e-35 as zero, also where a cut lies within these bounds."""
    x, label = made(11, features=4, unknown=0.0)
    text = booster_of(np.sign(x), label, trees=1, max_depth=1).model_to_string()
    cut = next(line for line in text.split("\n") if line.startswith("threshold="))
    rows = np.zeros((8, 4)) + np.array([[-1.0, -2e-35, -1e-36, -1e-300, 0.0, 1e-300, 1e-36, 2e-35]]).T
    for value in ("-1e-35", "-5e-36", "0", "5e-36", "1e-35"):
        booster = lgb.Booster(model_str=text.replace(cut, "threshold=" + value.ljust(len(cut) - len("threshold="))))
        assert np.array_equal(ours(booster, rows).round(12), own(booster, rows).round(12))


def test_by_hand():
    """Three rows of value 1 at 0 and one of 5 at 1: the mean is 2, so 0 contributes -1 and 1 contributes 3."""
    told = {"objective": "regression", "learning_rate": 1.0, "boost_from_average": False, "min_data_in_leaf": 1}
    booster = booster_of(np.array([[0.0], [0], [0], [1]]), np.array([1.0, 1, 1, 5]), trees=1, min_data_in_bin=1, **told)
    assert ours(booster, np.array([[0.0], [1]])).round(12).tolist() == [[-1, 2], [3, 2]]


@pytest.mark.parametrize("seed", range(3))
def test_laws(seed):
    """Contributions add up to the raw score; a feature that no tree asks contributes nothing."""
    x, label = made(seed)
    x = np.column_stack([x, np.full(len(x), 7.0)])
    booster = booster_of(x, label, max_depth=4)
    lay = treeshap.layout(booster)
    for tables in (treeshap.path_dependent(lay), treeshap.interventional(lay, x[:50])):
        found = treeshap.contributions(tables, x, 1)
        assert np.abs(found.sum(axis=1) - booster.predict(x, raw_score=True)).max() < 1e-12
        assert not found[:, 6].any()


def swapped(booster):
    """The same booster with features 0 and 1 in each other's place."""
    turn = {"0": "1", "1": "0"}
    lines = []
    for line in booster.model_to_string().split("\n"):
        name, _, values = line.partition("=")
        told = " ".join(turn.get(v, v) for v in values.split(" "))
        lines.append(f"{name}={told}" if name == "split_feature" else line)
    return lgb.Booster(model_str="\n".join(lines))


@pytest.mark.parametrize("seed", range(3))
def test_features_that_a_model_treats_alike_contribute_alike(seed):
    x, label = made(seed, unknown=0.0)
    one = booster_of(x, label, max_depth=4)
    both = ensemble.merge([one, swapped(one)], 0.0)
    x[:, 1] = x[:, 0]
    lay = treeshap.layout(both)
    for tables in (treeshap.path_dependent(lay), treeshap.interventional(lay, x[:40])):
        found = treeshap.contributions(tables, x, 1)
        assert np.abs(found[:, 0] - found[:, 1]).max() < 1e-12
        assert np.abs(found[:, 0]).max() > 0.1


def test_a_merged_ensemble_with_a_member_that_stopped_early():
    x, label = made(12)
    members = [booster_of(x, label, trees=t, seed=t, max_depth=d) for t, d in ((12, 2), (5, 4), (9, 3))]
    merged = ensemble.merge(members, -1.5)
    found = ours(merged, x)
    assert np.abs(found - own(merged, x)).max() < 1e-10
    apart = np.mean([ours(m, x) for m in members], axis=0)
    apart[:, -1] -= 1.5
    assert np.abs(found - apart).max() < 1e-12


@pytest.mark.parametrize("rows", [0, 1, 7, 8, 9, 4095, 4097, 40_000])
def test_any_number_of_rows_threads_and_memory_order(rows):
    x, label = made(13)
    tables = treeshap.path_dependent(treeshap.layout(booster_of(x, label, max_depth=3)))
    many = np.resize(strange(x), (rows, 6))
    found = treeshap.contributions(tables, many, 1)
    assert found.shape == (rows, 7)
    assert np.array_equal(found, treeshap.contributions(tables, np.asfortranarray(many), 2))
    assert np.array_equal(found[:600], treeshap.contributions(tables, many[:600], 1))
    assert np.array_equal(found[::2], treeshap.contributions(tables, many[::2], 1))


def test_memory_given_is_filled_anew():
    x, label = made(14)
    tables = treeshap.path_dependent(treeshap.layout(booster_of(x, label, max_depth=3)))
    first = treeshap.contributions(tables, x[:300], 1)
    kept = first.copy()
    again = treeshap.contributions(tables, x[300:], 1, out=first)
    assert np.shares_memory(again, first)
    assert np.array_equal(again, treeshap.contributions(tables, x[300:], 1))
    assert not np.array_equal(again, kept)


REFUSED = {
    "several outputs": {"objective": "multiclass", "num_class": 3},
    "categories": {"categories": [4], "min_data_per_group": 1, "cat_smooth": 0.0},
    "linear models": {"linear_tree": True},
    "random forest": {"boosting": "rf", "bagging_fraction": 0.5, "bagging_freq": 1},
    "too deep": {"max_depth": 12, "num_leaves": 400, "min_data_in_leaf": 1, "learning_rate": 0.01},
}


@pytest.mark.parametrize("reason", REFUSED)
def test_a_model_without_tables_is_refused_with_its_reason(reason):
    x, label = made(15, n=3000, features=14, unknown=0.0)
    x[:, 4] = np.arange(len(x)) % 9
    label = (label + (x[:, 4] % 2)).astype(int) if reason != "several outputs" else np.arange(len(x)) % 3
    told = {"objective": "regression"} | REFUSED[reason]
    with pytest.raises(treeshap.Refused, match=reason):
        treeshap.layout(booster_of(x, label, trees=4, **told))


def test_a_share_of_no_rows_is_refused():
    x, label = made(16)
    text = booster_of(x, label, trees=1, max_depth=1).model_to_string()
    line = next(part for part in text.split("\n") if part.startswith("leaf_count="))
    empty = text.replace(line, "leaf_count=0 " + line.split(" ")[1].ljust(len(line) - 13))
    with pytest.raises(treeshap.Refused, match="no training rows"):
        treeshap.layout(lgb.Booster(model_str=empty))


def test_other_columns_are_refused():
    x, label = made(17)
    tables = treeshap.path_dependent(treeshap.layout(booster_of(x, label, max_depth=4)))
    with pytest.raises(ValueError, match="not float64 of 6 columns"):
        treeshap.contributions(tables, x[:, :5], 1)
    with pytest.raises(ValueError, match="a background without rows"):
        treeshap.interventional(tables.layout, x[:0])


class TestInterventional:
    @pytest.mark.parametrize(
        "kind", ["depth 3", "depth 6", "zero as missing", "nothing unknown in training", "one leaf"]
    )
    def test_equal_to_shapleys_formula_over_mixed_rows(self, kind):
        (x, label), told = KINDS[kind]
        booster = booster_of(x, label, trees=4, **told)
        rows, background = strange(x)[:5], strange(x, seed=1)[100:130]
        found = treeshap.contributions(treeshap.interventional(treeshap.layout(booster), background), rows, 1)
        for row, values in zip(rows, found, strict=True):
            mixed = shapley.interventional_game(booster, row, background)
            assert values[:-1] == pytest.approx(shapley.shapley(mixed), abs=1e-10)
            assert values[-1] == pytest.approx(mixed[frozenset()], abs=1e-10)

    @pytest.mark.parametrize("depth", [2, 6, 8])
    def test_equal_to_shap(self, depth):
        """To 1e-6: shap weighs in single precision; Shapley's formula, above, holds to 1e-10 at the same depth."""
        x, label = made(depth, unknown=0.0)
        booster = booster_of(x, label, max_depth=depth, num_leaves=60)
        explainer = shap.TreeExplainer(booster, x[:80], feature_perturbation="interventional")
        found = treeshap.contributions(treeshap.interventional(treeshap.layout(booster), x[:80]), x, 1)
        assert np.allclose(found[:, :-1], explainer.shap_values(x), rtol=0, atol=1e-6)

    def test_the_mean_over_the_background_itself_is_nothing(self):
        """Efficiency over the population: the mean raw score is the base, and contributions cancel."""
        x, label = made(18)
        booster = booster_of(x, label, max_depth=4)
        found = treeshap.contributions(treeshap.interventional(treeshap.layout(booster), x), x, 1)
        assert found[0, -1] == pytest.approx(booster.predict(x, raw_score=True).mean(), abs=1e-12)
        assert found[:, :-1].sum(axis=1).mean() == pytest.approx(0, abs=1e-12)

    def test_a_background_twice_is_the_same_background(self):
        x, label = made(19)
        lay = treeshap.layout(booster_of(x, label, max_depth=4))
        once = treeshap.interventional(lay, x[:5000])
        assert np.allclose(once.cells, treeshap.interventional(lay, np.tile(x, (20, 1))).cells, atol=1e-13)


class TestInteractions:
    @pytest.mark.parametrize("depth", [1, 2, 4, 6])
    def test_equal_to_shap(self, depth):
        x, label = made(depth, unknown=0.0)
        booster = booster_of(x, label, max_depth=depth, num_leaves=2**depth)
        explainer = shap.TreeExplainer(booster, feature_perturbation="tree_path_dependent")
        found = treeshap.interactions(treeshap.layout(booster), x[:60])
        assert np.allclose(found, explainer.shap_interaction_values(x[:60]), atol=1e-9)

    def test_equal_to_the_formula_over_subsets(self):
        x, label = made(20)
        booster, rows, background = booster_of(x, label, trees=3, max_depth=4), strange(x)[:3], x[50:70]
        lay = treeshap.layout(booster)
        told, against = treeshap.interactions(lay, rows), treeshap.interactions(lay, rows, background)
        for n, row in enumerate(rows):
            expected = shapley.interaction(shapley.path_dependent_game(booster, row))
            assert np.allclose(told[n], expected, atol=1e-10)
            expected = shapley.interaction(shapley.interventional_game(booster, row, background))
            assert np.allclose(against[n], expected, atol=1e-10)

    @pytest.mark.parametrize("seed", range(3))
    def test_they_sum_to_contributions_and_are_symmetric(self, seed):
        x, label = made(seed)
        booster = booster_of(x, label, max_depth=5)
        found = treeshap.interactions(treeshap.layout(booster), x)
        assert np.abs(found.sum(axis=2) - ours(booster, x)[:, :-1]).max() < 1e-12
        assert np.abs(found - found.transpose(0, 2, 1)).max() < 1e-15

    def test_trees_of_one_split_have_none(self):
        x, label = made(21)
        mean = treeshap.mean_interactions(treeshap.layout(booster_of(x, label, max_depth=1)), x)
        assert np.array_equal(mean, np.diag(np.diag(mean)))
        assert mean.any()

    def test_the_mean_is_of_absolute_values_over_all_rows(self):
        x, label = made(22)
        lay = treeshap.layout(booster_of(x, label, max_depth=3))
        expected = np.abs(treeshap.interactions(lay, x)).mean(axis=0)
        assert np.allclose(treeshap.mean_interactions(lay, x), expected, atol=1e-14)


@pytest.mark.parametrize("players", range(1, 9))
def test_weights_are_efficient(players):
    """A pair's contributions sum to what the explained row is paid more than the background row: 1, -1 or 0."""
    full = (1 << players) - 1
    paid = (np.arange(full + 1) == full).astype(float)
    expected = paid[None, :] - paid[:, None]
    assert np.allclose(weights.contributions(players).sum(axis=2), expected, atol=1e-14)


def test_weights_by_hand():
    """Two players, both satisfied by the explained row only: each gets half; with one in each, +1/2 and -1/2."""
    told = weights.contributions(2)
    assert told[0b00, 0b11].tolist() == [0.5, 0.5]
    assert told[0b10, 0b01].tolist() == [0.5, -0.5]
    assert told[0b10, 0b11].tolist() == [1.0, 0.0]
    assert told[0b00, 0b01].tolist() == [0.0, 0.0]
    assert weights.independent(np.array([[0.25, 0.5]])).tolist() == [[0.375, 0.125, 0.375, 0.125]]


@pytest.mark.parametrize("kind", KINDS)
def test_a_row_alone_has_the_very_bits_of_the_tables(kind):
    (x, label), told = KINDS[kind]
    lay = treeshap.layout(booster_of(x, label, **told))
    rows = strange(x)[:40]
    table = treeshap.contributions(treeshap.path_dependent(lay), rows, 1)
    assert np.array_equal(np.stack([treeshap.alone(lay, row) for row in rows]), table)
