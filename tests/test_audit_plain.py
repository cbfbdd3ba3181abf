"""The plain second versions: trees walked node by node, Shapley's formula, ranks, capacity, measures.

By hand, and beside LightGBM, scikit-learn and the pipeline.
"""

from hashlib import md5

import lightgbm as lgb
import numpy as np
import pandas as pd
import pytest
import shapley
from scipy.special import expit
from sklearn.metrics import average_precision_score, brier_score_loss, log_loss, roc_auc_score

from pipeline import capacity, treeshap
from pipeline.audit import plain, walker
from pipeline.audit.plain import Scored

ROWS, COLUMNS = 400, 5


def fitted(seed, **more):
    """A small booster on numbers, zeros and unknowns; the rows it learnt from."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(ROWS, COLUMNS))
    x[rng.random(x.shape) < 0.15] = np.nan
    x[rng.random(x.shape) < 0.15] = 0.0
    known = np.nan_to_num(x)
    label = (known[:, 0] + known[:, 1] * known[:, 2] + rng.normal(size=ROWS) > 0).astype(float)
    settings = {"objective": "binary", "num_leaves": 6, "min_data_in_leaf": 5, "verbose": -1, "num_threads": 1}
    data = lgb.Dataset(x, label, params={"zero_as_missing": more.get("zero_as_missing", False)})
    return lgb.train(settings | more | {"seed": seed}, data, 12), x


# ------------------------------------------------------------------ trees


HEAD = "tree\nnum_class=1\nfeature_names=income age\n\nTree=0\n"
ONE_TREE = HEAD + "\n".join(
    (
        "num_leaves=3", "split_feature=0 1", "threshold=10 30", "decision_type=8 10", "left_child=-1 -2",
        "right_child=1 -3", "leaf_value=1 2 4", "leaf_count=50 30 20", "internal_count=100 50", "\nend of trees\n",
    )
)  # fmt: skip


@pytest.mark.parametrize(
    ("row", "leaf"),
    [
        ((10.0, 99.0), 1.0),  # 10 <= 10
        ((10.1, 30.0), 2.0),
        ((10.1, 30.1), 4.0),
        ((float("nan"), 31.0), 4.0),  # decision 8: unknown is NaN, and goes right
        ((11.0, float("nan")), 2.0),  # decision 10: unknown is NaN, and goes left
    ],
)
def test_a_tree_walked_by_hand(row, leaf):
    model = walker.read(ONE_TREE)
    assert model.features == ("income", "age")
    assert walker.raw_score(model, row) == leaf


def test_shapley_values_by_hand():
    """Nothing known 0.5*1 + 0.3*2 + 0.2*4 = 1.9; income 0.6*2 + 0.4*4 = 2.8; age 0.5*1 + 0.5*4 = 2.5; both 4.

    income: ((2.8 - 1.9) + (4 - 2.5)) / 2 = 1.2; age: ((2.5 - 1.9) + (4 - 2.8)) / 2 = 0.9.
    """
    contributions, base = walker.shapley(walker.read(ONE_TREE), (11.0, 40.0))
    assert base == pytest.approx(1.9)
    assert contributions == pytest.approx({0: 1.2, 1: 0.9})


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("more", [{}, {"zero_as_missing": True}, {"use_missing": False}])
def test_the_walk_is_lightgbms_bit_for_bit(seed, more):
    booster, x = fitted(seed, **more)
    model = walker.read(booster.model_to_string())
    walked = [walker.raw_score(model, row) for row in x.tolist()]
    assert walked == booster.predict(x, raw_score=True).tolist()


@pytest.mark.parametrize("seed", range(3))
def test_shapleys_formula_agrees_with_lightgbm_and_with_all_subsets(seed):
    booster, x = fitted(seed, zero_as_missing=bool(seed % 2))
    model = walker.read(booster.model_to_string())
    told = booster.predict(x[:20], pred_contrib=True)
    for row, theirs in zip(x[:20], told, strict=True):
        found, base = walker.shapley(model, row.tolist())
        assert [found.get(k, 0.0) for k in range(COLUMNS)] + [base] == pytest.approx(theirs.tolist(), abs=1e-9)
    game = shapley.path_dependent_game(booster, x[0])
    found, _ = walker.shapley(model, x[0].tolist())
    assert [found.get(k, 0.0) for k in range(COLUMNS)] == pytest.approx(list(shapley.shapley(game)), abs=1e-9)


def test_a_tree_of_too_many_features_is_told_not_guessed():
    tree = walker.Leaf(0.0, 1.0)
    for feature in range(walker.MOST_PLAYERS + 1):
        tree = walker.Node(feature, 0.0, 2, True, walker.Leaf(1.0, 1.0), tree, 2.0)
    assert walker.shapley(walker.Model(("a",), (tree,)), [0.0] * 20) is None


def test_a_written_model_is_explained_as_its_booster():
    booster, x = fitted(0)
    written = treeshap.layout(treeshap.Written(booster.model_to_string()))
    tables = (treeshap.path_dependent(lay) for lay in (treeshap.layout(booster), written))
    mine, theirs = (treeshap.contributions(t, x, 1) for t in tables)
    assert mine.tolist() == theirs.tolist()


# ------------------------------------------------------------------ chances, ranks, lists


def test_a_chance_by_hand():
    """z = (1 - 2) / 4 = -0.25; -3 + 2 * -0.25 = -3.5; 1 / (1 + e^3.5)."""
    told = {"center": 2.0, "scale": 4.0, "intercept": -3.0, "slope": 2.0}
    assert plain.chance(1.0, told) == pytest.approx(expit(-3.5), abs=1e-15)


def test_ranks_and_ties_by_hand():
    """Of equal chances the lowest md5 of kpm_id stands first; who has no facilitator has no rank for one."""
    rows = [
        Scored("K1", 0.5, "A", "F", True), Scored("K2", 0.5, "A", None, True), Scored("K3", 0.5, "B", "F", True),
        Scored("K4", 0.9, "B", "G", True),
    ]  # fmt: skip
    ordered = plain.in_order(rows)
    digests = {k: md5(k.encode()).hexdigest() for k in ("K1", "K2", "K3")}
    assert [f.family for f in ordered] == ["K4", *sorted(digests, key=digests.get)]
    at = dict(zip((f.family for f in ordered), plain.ranks(ordered), strict=True))
    assert at["K4"] == (1, 1, 1)
    assert at["K2"][2] is None
    assert sorted(at[k][0] for k in digests) == [2, 3, 4]
    assert sorted(at[k][2] for k in ("K1", "K3")) == [1, 2]
    assert at["K3"][1] == 2


def test_a_list_by_hand():
    """100 families, 3 %: three places. F takes one each; the held one and the second of F are passed over."""
    told = [
        ("a", "F", True),
        ("b", "F", True),
        ("c", "G", False),
        ("d", None, True),
        ("e", None, True),
        ("f", "H", True),
    ]
    rest = [(f"z{n}", "H", True) for n in range(94)]
    ordered = [Scored(k, 1 - n / 200, "A", f, e) for n, (k, f, e) in enumerate([*told, *rest])]
    assert plain.listed(ordered, 1, 0.03) == {"A": ["a", "d", "e"]}


@pytest.mark.parametrize("seed", range(6))
def test_lists_are_those_of_the_pipelines_rule(seed):
    rng = np.random.default_rng(seed)
    n = 300
    frame = pd.DataFrame(
        {
            "kpm_id": [f"K{i}" for i in range(n)],
            "eligible": rng.random(n) < 0.8,
            "facilitator_id": rng.choice(["F1", "F2", "F3", None], n),
            "regency_code": rng.choice(["1101", "1102"], n, p=[0.8, 0.2]),
        }
    )
    ordered = [
        Scored(r.kpm_id, 1 - i / n, r.regency_code, None if pd.isna(r.facilitator_id) else r.facilitator_id, r.eligible)
        for i, r in enumerate(frame.itertuples())
    ]
    theirs = frame[capacity.listed(frame, capacity.Capacity(4, 0.05))]
    mine = plain.listed(ordered, 4, 0.05)
    assert mine == {code: part["kpm_id"].tolist() for code, part in theirs.groupby("regency_code")}


# ------------------------------------------------------------------ measures


def test_measures_by_hand():
    """Scores .9 .5 .5 .1 of labels 1 1 0 0: pairs 4, right 3 and a tie: AUC 3.5 / 4. AP (1 + 2/3) / 2."""
    score, label = np.array([0.9, 0.5, 0.5, 0.1]), np.array([1.0, 1.0, 0.0, 0.0])
    found = plain.measures(score, label)
    assert found["auc"] == 0.875
    assert found["average_precision"] == pytest.approx((1 + 2 / 3) / 2)
    assert found["brier"] == pytest.approx((0.01 + 0.25 + 0.25 + 0.01) / 4)
    assert (found["observed_rate"], found["mean_probability"]) == (0.5, 0.5)


@pytest.mark.parametrize("seed", range(5))
def test_measures_are_scikit_learns(seed):
    rng = np.random.default_rng(seed)
    score, label = np.round(rng.beta(1, 8, 500), 2) + 0.001, (rng.random(500) < 0.1).astype(float)
    found = plain.measures(score, label)
    assert found["auc"] == pytest.approx(roc_auc_score(label, score), abs=1e-12)
    assert found["average_precision"] == pytest.approx(average_precision_score(label, score), abs=1e-12)
    assert found["brier"] == pytest.approx(brier_score_loss(label, score), abs=1e-12)
    assert found["log_loss"] == pytest.approx(log_loss(label, score), abs=1e-12)


def test_what_one_class_leaves_undefined_is_nan():
    assert np.isnan(plain.auc(np.array([0.1, 0.2]), np.zeros(2)))
    assert np.isnan(plain.average_precision(np.array([0.1, 0.2]), np.zeros(2)))
