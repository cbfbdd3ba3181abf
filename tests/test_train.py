"""The booster: refused where it could not learn, the same bytes twice, columns by name."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml

from pipeline import train
from pipeline.errors import BadInput
from pipeline.sample import Rows, used


def settings(**changes):
    values = yaml.safe_load(Path("configs/train.yaml").read_text(encoding="utf-8"))
    return train.Config.model_validate(values | {"trees": 20, "threads": 1} | changes)


def made(n=400, seed=0):
    """`a` and `b` carry the signal, `c` is noise with unknowns, `flat` and `empty` never vary."""
    rng = np.random.default_rng(seed)
    x = pd.DataFrame(rng.normal(size=(n, 3)), columns=["a", "b", "c"]).assign(flat=1.0, empty=np.nan)
    x.loc[rng.random(n) < 0.3, "c"] = np.nan
    label = (rng.random(n) < 1 / (1 + np.exp(1 - 1.5 * x.a + x.b))).to_numpy().astype(float)
    family = pd.Series([f"K{i}" for i in range(n)])
    return Rows(x, label, family, pd.Series(["2020-03-31"] * n), "made up")


def with_label(rows, label):
    return Rows(rows.x.iloc[: len(label)], label, rows.family, rows.as_of, rows.name)


@pytest.mark.parametrize("seed", range(3))
def test_the_same_rows_give_the_same_bytes(seed):
    first, second = (train.fit(made(seed=seed), settings()).model_to_string() for _ in range(2))
    assert first == second


def test_another_seed_gives_another_model():
    first, second = (train.fit(made(), settings(seed=s)).model_to_string() for s in (1, 2))
    assert first != second


@pytest.mark.parametrize(
    ("label", "counts"),
    [
        (np.zeros(30), "30 rows, 0 gsm"),
        (np.ones(30), "30 rows, 30 gsm"),
        (np.r_[np.ones(19), np.zeros(11)], "30 rows, 19 gsm"),  # one fewer than 20
        (np.zeros(0), "0 rows, 0 gsm"),
    ],
)
def test_too_little_evidence_is_refused(label, counts):
    with pytest.raises(BadInput) as refused:
        train.fit(with_label(made(), label), settings(min_positives=20))
    assert str(refused.value).splitlines() == [
        f"train: made up: {counts}; at least 20 gsm and one other outcome are needed",
        "widen folds.training_months, extract a longer history, or lower train.min_positives in configs/",
    ]


def test_just_enough_evidence_is_accepted():
    train.gate(with_label(made(), np.r_[np.ones(20), np.zeros(1)]), settings(min_positives=20))


@pytest.mark.parametrize("value", [np.inf, -np.inf])
def test_an_infinite_feature_is_refused_by_name(value):
    rows = made()
    rows.x.loc[7, "b"] = value
    with pytest.raises(BadInput, match="train: made up: feature b is infinite\nmend the table it is computed from"):
        train.fit(rows, settings())


def test_rows_without_a_feature_that_varies_are_refused():
    rows = made()
    flat = Rows(rows.x[["flat", "empty"]], rows.label, rows.family, rows.as_of, rows.name)
    told = f"train: made up: 400 rows, {int(rows.label.sum())} gsm; none of 2 features varies"
    with pytest.raises(BadInput, match=told):
        train.fit(flat, settings())


def test_constant_and_empty_features_are_left_out():
    rows = made()
    assert used(rows.x) == ["a", "b", "c"]
    assert train.fit(rows, settings()).feature_name() == ["a", "b", "c"]
    half_known = pd.DataFrame({"x": [1.0, np.nan]})  # known or not is itself told
    assert used(half_known) == ["x"]


def test_columns_are_taken_by_name():
    rows = made()
    booster = train.fit(rows, settings())
    raw = train.raw_scores(booster, rows.x)
    shuffled = rows.x[["empty", "c", "flat", "b", "a"]].assign(further=0.0)
    assert np.array_equal(train.raw_scores(booster, shuffled), raw)
    renamed = rows.x.rename(columns={"a": "b", "b": "a"})
    assert not np.array_equal(train.raw_scores(booster, renamed), raw)
    with pytest.raises(KeyError, match="'b'"):
        train.raw_scores(booster, rows.x.drop(columns="b"))


def test_raw_scores_are_the_log_odds_of_the_chance():
    rows = made()
    booster = train.fit(rows, settings())
    chance = booster.predict(rows.x[["a", "b", "c"]])
    assert np.allclose(1 / (1 + np.exp(-train.raw_scores(booster, rows.x))), chance, atol=1e-12)


@pytest.mark.parametrize("seed", range(3))
def test_it_learns(seed):
    """On unseen rows those that graduate score higher than those that do not, by more than chance."""
    booster, unseen = train.fit(made(seed=seed), settings()), made(n=2000, seed=seed + 100)
    raw = train.raw_scores(booster, unseen.x)
    ranks = pd.Series(raw).rank().to_numpy()
    ones, zeros = unseen.label.sum(), len(raw) - unseen.label.sum()
    auc = (ranks[unseen.label == 1].sum() - ones * (ones + 1) / 2) / (ones * zeros)
    assert auc > 0.7


def test_a_leaf_holds_the_larger_of_rows_and_share():
    config = settings(min_leaf_rows=40, min_leaf_share=0.003)
    assert train.parameters(1000, config)["min_data_in_leaf"] == 40  # 0.003 * 1,000 = 3
    assert train.parameters(20_000, config)["min_data_in_leaf"] == 60  # 0.003 * 20,000
