"""Second opinions: agreement and steadiness by hand, against a slow second version, and what each seed's trees say."""

from datetime import date

import lightgbm as lgb
import numpy as np
import pandas as pd
import pytest
from scipy.stats import spearmanr
from studies import values
from test_ensemble import member, odd_rows, raw, rows

from pipeline import ensemble, opinions, treeshap

CONFIG = opinions.Config(**values("opinions"))
NAMES = ["family", "livelihood", "payments"]


class TestSecondOpinion:
    def test_by_hand(self):
        shown = np.array([[0.1, 0.5, -0.3], [0.2, 0.01, 0.02]])
        # The first family: family turns its sign, of three told concepts two agree; the strongest stays.
        # The second: only family is told (0.2 >= 0.05) and it turns; payments becomes the strongest.
        other = np.array([[-0.1, 0.4, -0.2], [-0.1, 0.01, 0.3]])
        found = opinions.second_opinion(shown, other, NAMES, 0.05)
        assert found["strongest"].tolist() == ["livelihood", "family"]
        assert found["strongest_second"].tolist() == ["livelihood", "payments"]
        assert found["same_strongest"].tolist() == [1.0, 0.0]
        assert found["same_sign"].tolist() == [pytest.approx(2 / 3), 0.0]
        # ranks 2 3 1 and 2 3 1: 1; ranks 3 1 2 and 1 2 3: 1 - 6 * (4 + 1 + 1) / (3 * 8) = -0.5
        assert found["rank_correlation"].tolist() == [pytest.approx(1.0), pytest.approx(-0.5)]

    @pytest.mark.parametrize("seed", range(4))
    def test_against_scipy_and_a_plain_count(self, seed):
        rng = np.random.default_rng(seed)
        shown, other = rng.normal(size=(2, 40, 7)).round(1)  # with ties
        found = opinions.second_opinion(shown, other, list("abcdefg"), 0.3)
        for i in range(40):
            told = [k for k in range(7) if abs(shown[i, k]) >= 0.3]
            agree = [k for k in told if shown[i, k] * other[i, k] > 0]
            assert found["same_sign"][i] == pytest.approx(len(agree) / len(told))
            assert found["rank_correlation"][i] == pytest.approx(spearmanr(shown[i], other[i]).statistic)

    def test_an_opinion_agrees_with_itself(self):
        shown = np.random.default_rng(3).normal(size=(30, 5))
        found = opinions.second_opinion(shown, shown, list("abcde"), 0.05)
        assert found[list(opinions.MEASURES["second_opinion"])].to_numpy() == pytest.approx(1.0)

    def test_nothing_told_is_no_agreement_and_no_disagreement(self):
        found = opinions.second_opinion(np.zeros((1, 3)), np.zeros((1, 3)), NAMES, 0.05)
        assert found[["same_sign", "rank_correlation"]].isna().all(axis=None)

    def test_where_there_is_none_that_is_unknown(self):
        found = opinions.second_opinion(np.ones((2, 3)), np.full((2, 3), np.nan), NAMES, 0.05)
        assert found["strongest_second"].isna().all()
        assert found[list(opinions.MEASURES["second_opinion"])].isna().all(axis=None)


class TestStability:
    def test_by_hand(self):
        shown = np.array([[0.5, -0.4, 0.1, 0.02]])
        seeds = np.array(
            [
                [[0.6, -0.3, 0.2, 0.0]],  # the same three, the same signs: 3 of 3
                [[0.3, 0.4, 0.2, 0.0]],  # the second turns its sign and becomes strongest: 2 of 3
                [[0.5, -0.4, 0.0, 0.1]],  # the third falls out: 2 of 3
            ]
        )
        found = opinions.stability(shown, seeds, 3, 0.05).iloc[0]
        assert found["kept"] == pytest.approx((1 + 2 / 3 + 2 / 3) / 3)
        assert found["same_strongest"] == pytest.approx(2 / 3)
        # told are the first three concepts: all seeds agree on the first, two on the second, two on the third
        assert found["same_sign"] == pytest.approx((1 + 2 / 3 + 2 / 3) / 3)

    @pytest.mark.parametrize("seed", range(4))
    def test_between_none_and_all_and_all_where_every_seed_is_alike(self, seed):
        rng = np.random.default_rng(seed)
        shown = rng.normal(size=(60, 6))
        found = opinions.stability(shown, shown + rng.normal(size=(5, 60, 6)), 3, 0.05)
        assert ((found >= 0) & (found <= 1)).all(axis=None)
        assert (found["kept"] < 1).any()
        same = opinions.stability(shown, np.stack([shown] * 5), 3, 0.05)
        assert (same == 1).all(axis=None)


class TestBySeed:
    def test_their_mean_is_the_whole_model_and_each_is_its_own(self):
        members = [member(k, trees=8) for k in range(3)]
        merged = ensemble.merge(members, -2.5)
        x = odd_rows()
        found = np.stack([*opinions.by_seed(merged, x.to_numpy(), 3, 1)])
        whole = treeshap.contributions(treeshap.path_dependent(treeshap.layout(merged)), x.to_numpy(), 1)
        assert np.abs(found.mean(axis=0) - whole[:, :-1]).max() < 1e-12
        for values_of_seed, own in zip(found, members, strict=True):
            assert np.abs(values_of_seed - own.predict(x, pred_contrib=True)[:, :-1]).max() < 1e-10

    def test_without_tables_by_lightgbm(self):
        x, _ = rows()
        x["d"] = np.arange(len(x)) % 5
        y = x["d"].isin([1, 3]).astype(float)
        told = {"objective": "binary", "verbose": -1, "num_threads": 1, "min_data_per_group": 1, "cat_smooth": 0.0}
        booster = lgb.train(told, lgb.Dataset(x, y, categorical_feature=["d"]), 6)
        with pytest.raises(treeshap.Refused):
            treeshap.layout(booster)
        (found,) = opinions.by_seed(booster, x.to_numpy(), 1, 1)
        assert np.abs(found - booster.predict(x, pred_contrib=True)[:, :-1]).max() < 1e-12


def asked(own=True):
    members = [member(k, trees=6) for k in range(2)]
    merged = ensemble.merge(members, 0.0)
    x, _ = rows(n=80, seed=4)
    key = pd.DataFrame({"kpm_id": [f"K{i}" for i in range(80)], "as_of": date(2025, 6, 30)})
    lay = treeshap.layout(merged)

    def frame(tables):
        found = treeshap.contributions(tables, x.to_numpy(), 1)
        return pd.concat([key.assign(base_value=found[:, -1]), pd.DataFrame(found[:, :-1], columns=x.columns)], axis=1)

    concept = dict(zip("abcd", ("family", "livelihood", "family", "payments"), strict=True))
    second = frame(treeshap.interventional(lay, x.to_numpy())) if own else None
    by_seed = opinions.by_seed(merged, x.to_numpy(), 2, 1)
    return opinions.Asked(frame(treeshap.path_dependent(lay)), second, by_seed, concept), raw(merged, x)


def test_the_second_opinion_adds_up_to_the_raw_score_too():
    one, score = asked()
    found = opinions.opinions(one, CONFIG, 0.01)
    second, steady = found["second_opinion"], found["stability"]
    assert np.abs(second[["base_value", *NAMES]].sum(axis=1) - score).max() < 1e-9
    assert second["base_value"].tolist() == [pytest.approx(score.mean())] * 80
    assert list(second["kpm_id"]) == list(steady["kpm_id"]) == list(one.shown["kpm_id"])
    assert list(steady) == ["kpm_id", "as_of", *opinions.MEASURES["stability"]]


def test_without_tables_there_is_no_second_opinion_but_steadiness():
    found = opinions.opinions(asked(own=False)[0], CONFIG, 0.01)
    assert found["second_opinion"][["base_value", "strongest_second", *NAMES]].isna().all(axis=None)
    assert found["stability"].notna().all(axis=None)


def test_the_summary_tells_the_listed_apart():
    table = pd.DataFrame({"kept": [1.0, 0.5, 0.0, np.nan]})
    found = opinions.summary(table, pd.Series([True, False, False, True]), ["kept"])
    assert found["all"] == {
        "families": 4, "kept": {"mean": 0.5, "median": 0.5, "lowest_tenth": pytest.approx(0.1)},
    }  # fmt: skip
    assert found["listed"] == {"families": 2, "kept": {"mean": 1.0, "median": 1.0, "lowest_tenth": 1.0}}
    assert opinions.summary(table, pd.Series([False] * 4), ["kept"])["listed"] == {"families": 0, "kept": None}


def test_the_sample_is_at_equal_steps():
    config = CONFIG.model_copy(update={"sampled": 5})
    assert opinions.steps(9, config).tolist() == [0, 2, 4, 6, 8]
    assert opinions.steps(3, config).tolist() == [0, 1, 2]
