"""History replayed: only what had matured is learnt from, and every model is judged on the same rows."""

from datetime import date
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml

from pipeline import backtest, calibrate, peers, train
from pipeline.errors import BadInput
from pipeline.folds import Fold
from pipeline.study import months_after

AS_OFS = tuple(date(year, month, day) for year in (2020, 2021) for month, day in ((3, 31), (6, 30), (9, 30), (12, 31)))
FOLDS = (
    Fold(1, AS_OFS[5], AS_OFS[:3], AS_OFS[3:4], AS_OFS[5:6]),
    Fold(2, AS_OFS[6], AS_OFS[:4], AS_OFS[4:5], AS_OFS[6:8]),
)
MODELS = {"lightgbm", "base_rate", "rule_a", "logistic_regression"}
RULES = {"rule_a": [{"feature": "a", "largest_first": True}]}


def section(config, name, **changes):
    values = yaml.safe_load(Path(f"configs/{name}.yaml").read_text(encoding="utf-8"))
    return config.model_validate(values | changes)


def settings(**training):
    return backtest.Settings(
        section(train.Config, "train", **({"trees": 10, "threads": 1} | training)),
        section(peers.Config, "peers", peers=["base_rate", "rules", "logistic_regression"], rules=RULES),
        section(calibrate.Config, "calibrate"),
        survival=None,
    )


def world(seed=0, families=120):
    """Features and labels of every family on every as-of date; `leak` is the outcome itself and never scored."""
    rng = np.random.default_rng(seed)
    n = families * len(AS_OFS)
    keys = pd.DataFrame(
        {
            "kpm_id": np.tile([f"K{i:03d}" for i in range(families)], len(AS_OFS)),
            "as_of": pd.to_datetime(np.repeat(AS_OFS, families)),
        }
    )
    a = rng.normal(size=n)
    chance = 1 / (1 + np.exp(1 - 1.5 * a))
    outcome = np.where(rng.random(n) < chance, "gsm", rng.choice(["none", "natural", "censored"], n))
    labels = keys.assign(outcome=outcome, matured=rng.random(n) < 0.9)
    features = keys.assign(a=a, b=rng.normal(size=n), leak=(outcome == "gsm").astype(float))
    return features, labels


def loader(features, labels, asked=None):
    def load(as_ofs):
        wanted = list(as_ofs)
        if asked is not None:
            asked.append(tuple(wanted))
        return backtest.matured(features[features["as_of"].dt.date.isin(wanted)], labels)

    return load


def past(features, labels, asked=None):
    """What is on record: exits a month after the as-of date, known two weeks later; labels mature in half a year."""
    gone = ~labels["outcome"].isin(["none", "censored"])
    on = (labels["as_of"] + pd.Timedelta(days=30)).where(gone)
    recorded = labels.drop(columns="matured").assign(outcome_on=on, known_on=on + pd.Timedelta(days=14))
    return backtest.Past(
        matured=loader(features, labels, asked),
        features=lambda as_ofs: features[features["as_of"].dt.date.isin(list(as_ofs))],
        recorded=recorded,
        within_horizon=backtest.within(recorded, 3),
        matured_on={a: months_after(a, 6) for a in AS_OFS},
        scored=["a", "b"],
        signs={},
        horizon_months=3,
    )


def run(folds, past, settings):
    """As the stage does in worker processes."""
    return backtest.joined([backtest.one(fold, past, settings) for fold in folds])


def test_a_shorter_horizon_by_hand():
    """Within 3 months of 2020-03-31 is up to 2020-06-30: that day's exit counts, the next day's has not happened."""
    recorded = pd.DataFrame({
        "kpm_id": ["A", "B"], "as_of": pd.Timestamp("2020-03-31"), "outcome": ["gsm", "natural"],
        "outcome_on": pd.to_datetime(["2020-06-30", "2020-07-01"]),
        "known_on": pd.to_datetime(["2020-07-05", "2020-07-06"]),
    })  # fmt: skip
    cut = backtest.within(recorded, 3)
    assert cut["outcome"].tolist() == ["gsm", "none"]
    assert cut["outcome_on"].isna().tolist() == cut["known_on"].isna().tolist() == [False, True]


def test_matured_by_hand():
    """B is censored, C has not matured, D has no features and E no label: A is left, on the date that is known."""
    first, second = pd.to_datetime(["2020-03-31", "2020-06-30"])
    features = pd.DataFrame(
        [("A", first, 1.0), ("A", second, 2.0), ("B", first, 3.0), ("C", first, 4.0), ("E", first, 5.0)],
        columns=["kpm_id", "as_of", "a"],
    )
    labels = pd.DataFrame(
        [
            ("A", first, "gsm", True), ("B", first, "censored", True), ("C", first, "gsm", False),
            ("D", first, "none", True),
        ],
        columns=["kpm_id", "as_of", "outcome", "matured"],
    )  # fmt: skip
    expected = pd.DataFrame([("A", first, 1.0, "gsm")], columns=["kpm_id", "as_of", "a", "outcome"])
    pd.testing.assert_frame_equal(backtest.matured(features, labels), expected)


def test_a_label_told_twice_is_an_error():
    features, labels = world()
    with pytest.raises(pd.errors.MergeError):
        backtest.matured(features, pd.concat([labels, labels.iloc[:1].assign(matured=True, outcome="none")] * 2))


@pytest.mark.parametrize("outcome", ["natural", "ineligible", "administrative", "died", "refused", "other", "none"])
def test_only_gsm_is_a_success(outcome):
    frame = pd.DataFrame({"kpm_id": ["A", "B"], "as_of": pd.Timestamp("2020-03-31"), "a": 1.0, "leak": 0.0})
    made = backtest.rows(frame.assign(outcome=["gsm", outcome]), ["a"], "made up")
    assert made.label.tolist() == [1.0, 0.0]
    assert list(made.x.columns) == ["a"]


@pytest.mark.parametrize("seed", range(2))
def test_every_model_on_the_same_rows(seed):
    features, labels = world(seed)
    made = run(FOLDS, past(features, labels), settings())
    found = made.predictions
    assert made.incidence.empty  # without hazards
    assert list(found.columns) == ["kpm_id", "as_of", "fold", "model", "probability", "label", "outcome"]
    assert not found.duplicated(["kpm_id", "as_of", "fold", "model"]).any()
    assert found["probability"].between(0, 1, inclusive="neither").all()
    assert found["label"].tolist() == (found["outcome"] == "gsm").astype(int).tolist()
    for fold in FOLDS:
        mine = found[found["fold"] == fold.number]
        expected = loader(features, labels)(fold.test_as_ofs)
        assert set(mine["model"]) == MODELS
        for _, one in mine.groupby("model"):
            keys = ["kpm_id", "as_of", "outcome"]
            pd.testing.assert_frame_equal(one[keys].reset_index(drop=True), expected[keys])


def test_each_fold_loads_its_own_dates_and_learns_from_none_that_it_tests(monkeypatch):
    features, labels = world()
    asked, learnt, fit = [], [], train.fit

    def watched(rows, config, signs):
        learnt.append(set(rows.as_of.dt.date))
        return fit(rows, config, signs)

    monkeypatch.setattr(train, "fit", watched)
    run(FOLDS, past(features, labels, asked), settings())
    assert asked == [d for f in FOLDS for d in (f.train_as_ofs, f.calibrate_as_ofs, f.test_as_ofs)]
    assert learnt == [set(f.train_as_ofs) for f in FOLDS]
    assert all(max(seen) < min(f.calibrate_as_ofs) < min(f.test_as_ofs) for seen, f in zip(learnt, FOLDS, strict=True))


def test_what_is_tested_changes_no_prediction():
    """Other outcomes on the tested dates: the same chances, only the labels beside them differ."""
    features, labels = world()
    tested = labels["as_of"].dt.date.isin(FOLDS[1].test_as_ofs) & labels["outcome"].isin(["gsm", "none"])
    turned = labels.assign(outcome=labels["outcome"].mask(tested, "natural"))
    first, second = (run(FOLDS[1:], past(features, t), settings()).predictions for t in (labels, turned))
    assert np.array_equal(first["probability"], second["probability"])
    assert not np.array_equal(first["label"], second["label"])


def test_chances_are_calibrated_and_ranked_by_the_signal():
    features, labels = world(families=600)
    found = run(FOLDS[1:], past(features, labels), settings(trees=60)).predictions
    for model, mine in found.groupby("model"):
        assert mine["probability"].mean() == pytest.approx(mine["label"].mean(), abs=0.07)
        gap = mine.loc[mine["label"] == 1, "probability"].mean() - mine.loc[mine["label"] == 0, "probability"].mean()
        assert gap == pytest.approx(0, abs=1e-9) if model == "base_rate" else gap > 0.1


def test_a_refusal_names_the_fold():
    features, labels = world()
    with pytest.raises(BadInput, match=r"train: fold 1 from 2021-06-30, training: \d+ rows, 0 gsm"):
        run(FOLDS, past(features, labels.assign(outcome="none")), settings())


def test_a_fold_with_too_few_graduations_is_left_out():
    """Training dates of the first fold hold 1 gsm, of the second 1 + 3; with at least 4 only the second remains."""
    early, late = date(2020, 3, 31), date(2020, 6, 30)
    labels = pd.DataFrame(
        {
            "as_of": pd.to_datetime([early, early, late, late, late, late]),
            "outcome": ["gsm", "none", "gsm", "gsm", "gsm", "gsm"],
            "matured": [True, True, True, True, True, False],
        }
    )
    plan = [Fold(1, date(2021, 9, 30), (early,), (late,), ()), Fold(2, date(2021, 12, 31), (early, late), (), ())]
    config = train_config()
    assert backtest.trainable(plan, labels, config.model_copy(update={"min_positives": 4})) == [plan[1]]
    assert backtest.trainable(plan, labels, config.model_copy(update={"min_positives": 1})) == plan
    assert backtest.trainable(plan, labels, config.model_copy(update={"min_positives": 9})) == plan  # training tells


def train_config():
    return train.Config(**yaml.safe_load(Path("configs/train.yaml").read_text()))
