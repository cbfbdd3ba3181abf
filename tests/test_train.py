"""The booster: refused where it could not learn, the same bytes twice, columns by name."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml
from threadpoolctl import threadpool_limits

from pipeline import train
from pipeline.errors import BadInput
from pipeline.sample import Rows, used


@pytest.fixture(autouse=True)
def one_thread():
    """Small fits wait longer for a second thread than they compute."""
    with threadpool_limits(1):
        yield


def settings(**changes):
    values = yaml.safe_load(Path("configs/train.yaml").read_text(encoding="utf-8"))
    return train.Config.model_validate(values | {"trees": 20, "threads": 1, "seeds": 2} | changes)


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


def test_the_score_is_the_mean_of_the_seeds():
    rows, config = made(), settings(seeds=4)
    booster = train.fit(rows, config)
    each = train.seeds(booster, rows.x, config)
    assert each.shape == (400, 4)
    assert np.abs(each.mean(axis=1) - train.raw_scores(booster, rows.x)).max() < 1e-12
    assert (each.std(axis=1) > 0).any()
    alone = train.fit(rows, settings(seeds=1, seed=config.seed + 2))
    assert np.abs(train.raw_scores(alone, rows.x) - each[:, 2]).max() < 1e-12  # seeds count on from the first


def test_weights_by_age_by_hand():
    """731 days are 24.016 months of 30.4375 days: with a half-life of 24 months 0.5 ^ 1.000684 = 0.499763."""
    as_of = pd.Series(["2020-03-31", "2018-03-31", "2020-03-31"])
    assert train.weights(as_of, 24.0) == pytest.approx([1.0, 0.499763, 1.0], abs=1e-6)
    assert train.weights(as_of, None).tolist() == [1.0, 1.0, 1.0]


def test_old_evidence_counts_less():
    """What `a` meant has turned round since: the shorter the half-life, the more the newer meaning steers."""
    old, new = made(seed=1), made(seed=2)
    x = pd.concat([old.x.assign(a=-old.x.a), new.x], ignore_index=True)
    as_of = pd.Series(["2016-03-31"] * 400 + ["2020-03-31"] * 400)
    both = Rows(x, np.r_[old.label, new.label], pd.concat([old.family, new.family], ignore_index=True), as_of, "turned")
    unseen, found = made(n=2000, seed=9), []
    for half_life in (None, 12.0):
        raw = train.raw_scores(train.fit(both, settings(half_life_months=half_life)), unseen.x)
        found.append(np.corrcoef(raw, unseen.x.a)[0, 1])
    assert found[1] > found[0] + 0.2


def test_levels_by_hand():
    """Two dates, 4 of 8 and 0 of 8 graduate: share of all 1/4. (4 + 1) / (8 + 4) = 5/12, (0 + 1) / (8 + 4) = 1/12."""
    label = np.r_[np.ones(4), np.zeros(12)]
    as_of = pd.Series(["2019-03-31"] * 8 + ["2020-03-31"] * 8)
    rows = Rows(made(16).x, label, made(16).family, as_of, "by hand")
    expected = np.repeat([np.log(5 / 7), np.log(1 / 11)], 8)
    assert train.levels(rows, settings(level="by_date")) == pytest.approx(expected)
    assert train.levels(rows, settings(level="overall")) == pytest.approx(np.full(16, np.log(1 / 3)))


@pytest.mark.parametrize("seed", range(3))
def test_a_clock_is_not_learnt(seed):
    """The rate falls from date to date and `clock` tells the date: given the levels, it tells nothing more."""
    rng = np.random.default_rng(seed)
    days = [f"{year}-03-31" for year in range(2012, 2020)]
    place = np.resize(np.arange(8), 4000)
    x = pd.DataFrame({"clock": place + 0.01 * rng.normal(size=4000), "a": rng.normal(size=4000)})
    label = (rng.random(4000) < 1 / (1 + np.exp(0.5 * place - x.a))).to_numpy().astype(float)
    rows = Rows(x, label, pd.Series(np.arange(4000).astype(str)), pd.Series(np.array(days)[place]), "falling")
    share = {}
    for level in ("by_date", "overall"):
        booster = train.fit(rows, settings(level=level, feature_fraction=1.0))
        gains = booster.feature_importance("gain")
        share[level] = gains[0] / gains.sum()
    assert share["by_date"] < 0.2 < 0.5 < share["overall"]


def test_scores_stand_at_the_level_of_the_latest_date():
    """Nothing to learn from `a` within a date: the raw score is about the log-odds of the latest date's share."""
    rng = np.random.default_rng(0)
    old = np.resize([1.0, 0.0], 1000)  # one in two
    new = np.resize([1.0, 0, 0, 0, 0, 0, 0, 0, 0, 0], 1000)  # one in ten
    x = pd.DataFrame({"a": rng.normal(size=2000)})
    as_of = pd.Series(["2016-03-31"] * 1000 + ["2020-03-31"] * 1000)
    rows = Rows(x, np.r_[old, new], pd.Series(np.arange(2000).astype(str)), as_of, "two levels")
    raw = train.raw_scores(train.fit(rows, settings(level="by_date", trees=5)), x)
    assert abs(raw.mean() - np.log(0.1 / 0.9)) < 0.15


@pytest.mark.parametrize("method", ["basic", "intermediate", "advanced"])
@pytest.mark.parametrize("sign", [1, -1])
def test_a_sign_binds(method, sign):
    """Whatever the other features are, the score never falls (rises) with `a`; unbound, it does somewhere."""
    rows = made()
    grid = np.linspace(-3, 3, 61)

    def steps(config, signs):
        booster = train.fit(rows, config, signs)
        lines = [train.raw_scores(booster, rows.x.iloc[[i] * 61].assign(a=grid)) for i in range(30)]
        return np.diff(np.array(lines), axis=1) * sign

    assert steps(settings(monotone=method), {"a": sign, "absent": 1}).min() >= -1e-12
    free = settings(monotone="none", trees=200, min_leaf_rows=5)
    assert steps(free, {"a": sign}).min() < 0


def test_only_known_signs_are_constraints():
    config = settings(monotone="basic", monotone_penalty=0.5)
    found = train.constraints(["a", "b", "c"], {"c": -1, "a": 1, "z": 1}, config)
    assert found["monotone_constraints"] == [1, 0, -1]
    assert (found["monotone_constraints_method"], found["monotone_penalty"]) == ("basic", 0.5)
    assert train.constraints(["b"], {"a": 1}, config) == {}
    assert train.constraints(["a"], {"a": 1}, settings(monotone="none")) == {}


@pytest.mark.parametrize("seed", range(5))
def test_a_draw_keeps_every_graduation_and_the_sums(seed):
    """20,000 others at a share of 0.15: 3,000 drawn with sd sqrt(20,000 * 0.15 * 0.85) = 50; each counts 1 / 0.15."""
    label = np.resize(np.r_[1.0, np.zeros(20)], 21_000)
    kept, factor = train.drawn(label, seed, 0.15)
    assert label[kept].sum() == 1000
    assert abs((label[kept] == 0).sum() - 3000) < 250
    assert set(factor[label[kept] == 1]) == {1.0}
    assert set(factor[label[kept] == 0]) == {1 / 0.15}
    assert np.array_equal(train.drawn(label, seed, 0.15)[0], kept)
    assert not np.array_equal(train.drawn(label, seed + 1, 0.15)[0], kept)
    assert len(train.drawn(label, seed, 1.0)[0]) == 21_000


def test_a_draw_of_others_keeps_the_level():
    """Drawn or not, the mean chance is the share seen, within what a draw may be off."""
    rows = made(n=6000)
    for others in (100.0, 0.3):
        raw = train.raw_scores(train.fit(rows, settings(others_per_gsm=others, trees=60)), rows.x)
        assert (1 / (1 + np.exp(-raw))).mean() == pytest.approx(rows.label.mean(), rel=0.1)


def test_the_share_drawn_by_hand():
    """10 gsm among 510 rows, 10 others for each: 100 of 500. 60 others for each would be 600: all of them."""
    label = np.r_[np.ones(10), np.zeros(500)]
    assert train.drawn_share(label, settings(others_per_gsm=10.0)) == 0.2
    assert train.drawn_share(label, settings(others_per_gsm=60.0)) == 1.0
