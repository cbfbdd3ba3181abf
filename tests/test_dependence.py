"""What features give, alone and in pairs: groups by hand, pairs against interactions, pictures that differ in grey."""

import io
from itertools import pairwise

import lightgbm as lgb
import numpy as np
import pytest
from PIL import Image
from test_ensemble import member, rows

from pipeline import dependence, explain_figures, treeshap

BINS = dependence.Bins(3, 2)
LABELS = {n: f"feature {n}" for n in "abcd"}
CONCEPT = dict(zip("abcd", ("family", "livelihood", "family", "payments"), strict=True))


class TestGroups:
    def test_by_hand(self):
        values = np.array([1.0, 2.0, 3.0, 4.0, 5.0, 6.0, np.nan, np.nan])
        found = [(least, most, at.tolist()) for least, most, at in dependence.groups(values, BINS)[:-1]]
        # thirds of 1 to 6 are cut at 2.67 and 4.33
        assert found == [(1.0, 2.0, [0, 1]), (3.0, 4.0, [2, 3]), (5.0, 6.0, [4, 5])]
        assert dependence.groups(values, BINS)[-1][2].tolist() == [6, 7]

    def test_equal_values_are_never_parted_and_small_groups_are_left_out(self):
        values = np.array([0.0] * 9 + [1.0, np.nan])
        (only,) = dependence.groups(values, BINS)
        assert (only[0], only[1], len(only[2])) == (0.0, 0.0, 9)  # one family with 1, one unknown: both too few

    def test_few_known_values_make_fewer_groups(self):
        assert [len(g[2]) for g in dependence.groups(np.arange(5.0), dependence.Bins(12, 2))] == [3, 2]

    @pytest.mark.parametrize("seed", range(5))
    def test_no_group_is_too_small_and_none_overlap(self, seed):
        rng = np.random.default_rng(seed)
        values = np.where(rng.random(200) < 0.1, np.nan, rng.integers(0, 30, 200))
        found = dependence.groups(values, dependence.Bins(8, 15))
        assert all(len(at) >= 15 for _, _, at in found)
        assert len(np.unique(np.concatenate([at for _, _, at in found]))) == sum(len(at) for _, _, at in found)
        known = [g for g in found if not np.isnan(g[0])]
        assert all(a[1] < b[0] for a, b in pairwise(known))

    def test_nothing_is_no_group(self):
        assert dependence.groups(np.zeros(0), BINS) == []


def test_dependence_by_hand():
    x = np.array([[1.0], [1.0], [2.0], [2.0], [np.nan], [np.nan]])
    phi = np.array([[0.0], [1.0], [2.0], [4.0], [-1.0], [-1.0]])
    found = dependence.dependence(x, phi, ["a"], dependence.Bins(2, 2))
    # medians 0.5, 3, -1; a tenth from 0 to 1 is 0.1, from 2 to 4 is 2.2
    assert found["median"].tolist() == [0.5, 3.0, -1.0]
    assert found["lower"].tolist() == [pytest.approx(0.1), pytest.approx(2.2), -1.0]
    assert found["families"].tolist() == [2, 2, 2]
    assert found["least"].isna().tolist() == [False, False, True]


def test_pairs_by_hand():
    square = np.array([[9.0, 0.1, 0.0], [0.1, 9.0, 0.3], [0.0, 0.3, 9.0]])
    found = dependence.pairs(square, ["a", "b", "c"], ["family", "livelihood", "family"], 5)
    # each pair stands twice with half: 0.6 for b with c, 0.2 for a with b, nothing for a with c
    assert found[["feature", "other"]].to_numpy().tolist() == [["b", "c"], ["a", "b"]]
    assert found["mean_abs"].tolist() == [pytest.approx(0.6), pytest.approx(0.2)]
    assert found["share"].tolist() == [pytest.approx(0.75), pytest.approx(0.25)]
    assert found["other_concept"].tolist() == ["family", "livelihood"]


def sample(n=400):
    booster = member(1, trees=20, n=600)
    x = rows(n, 5)[0]
    values = booster.predict(x, pred_contrib=True)[:, :-1]
    return booster, dependence.Sample(x.to_numpy(), values, list("abcd"), CONCEPT)


SIZES = dependence.Sizes(4, 2, dependence.Bins(5, 10))


def test_what_a_pair_gives_is_what_interactions_say():
    booster, some = sample(200)
    tables = dependence.tables(booster, some, SIZES)
    whole = treeshap.interactions(treeshap.layout(booster), some.x)
    first = tables["pairs"].iloc[0]
    a, b = (some.names.index(first[c]) for c in ("feature", "other"))
    assert first["mean_abs"] == pytest.approx(2 * np.abs(whole[:, a, b]).mean())
    every = [2 * np.abs(whole[:, i, j]).mean() for i in range(4) for j in range(i)]
    assert first["mean_abs"] == pytest.approx(max(every))
    assert tables["pairs"]["share"].sum() <= 1 + 1e-12
    low = (some.x[:, b] < np.nanmedian(some.x[:, b])) & ~np.isnan(some.x[:, a])
    mine = tables["together"].query("feature == @first.feature and other == @first.other and of_other == 'low'")
    lowest = mine.sort_values("least").iloc[0]
    inside = low & (some.x[:, a] <= lowest["most"])
    assert lowest["families"] == inside.sum()
    assert lowest["median"] == pytest.approx(np.median(2 * whole[inside, a, b]))


def test_the_features_drawn_are_those_that_give_most():
    booster, some = sample()
    tables = dependence.tables(booster, some, SIZES)
    size = np.abs(some.contributions).mean(axis=0)
    assert list(dict.fromkeys(tables["dependence"]["feature"])) == [some.names[k] for k in np.argsort(-size)[:2]]
    assert (tables["dependence"]["families"] >= 10).all()
    assert (tables["together"]["families"] >= 10).all()


def test_pictures_are_the_same_bytes_and_say_that_they_are_simulated():
    booster, some = sample()
    tables = dependence.tables(booster, some, SIZES)
    drawn = explain_figures.draw(tables, LABELS, True)
    assert set(drawn) == {"dependence", "pairs", "together"}
    assert drawn == explain_figures.draw(tables, LABELS, True)
    real = explain_figures.draw(tables, LABELS, False)
    assert all(drawn[n] != real[n] and drawn[n].startswith(b"\x89PNG") for n in drawn)
    assert all(min(Image.open(io.BytesIO(png)).size) > 300 for png in drawn.values())


def test_lines_differ_without_colour():
    """By line and by marker, so that a copy in black and white can be read."""
    styles = list(explain_figures.SIDES.values())
    assert len({line for line, _, _ in styles}) == len({marker for _, marker, _ in styles}) == len(styles)


def test_a_model_without_tables_has_no_pairs_and_is_drawn_all_the_same():
    x, _ = rows()
    x["d"] = np.arange(len(x)) % 5
    y = x["d"].isin([1, 3]).astype(float)
    told = {"objective": "binary", "verbose": -1, "num_threads": 1, "min_data_per_group": 1, "cat_smooth": 0.0}
    booster = lgb.train(told, lgb.Dataset(x, y, categorical_feature=["d"]), 6)
    some = dependence.Sample(x.to_numpy(), booster.predict(x, pred_contrib=True)[:, :-1], list("abcd"), CONCEPT)
    tables = dependence.tables(booster, some, SIZES)
    assert tables["pairs"].empty
    assert tables["together"].empty
    assert len(explain_figures.draw(tables, LABELS, True)) == 3
