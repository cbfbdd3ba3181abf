"""What visits are worth: the decision curve, and more visits against a better score."""

from typing import Any

import numpy as np
import pandas as pd
import pytest
from test_evaluate import PERIODS, config, predictions

from pipeline import evaluate, metrics
from pipeline.evaluate import cases, decision, measures
from pipeline.metrics import Rows

ONE = np.ones((1, 4))


@pytest.fixture(scope="module")
def rows() -> pd.DataFrame:
    return predictions()


@pytest.fixture(scope="module")
def found(rows: pd.DataFrame) -> evaluate.Evaluation:
    return evaluate.measure(rows, config())


def test_net_benefit_by_hand() -> None:
    # of four families .1 0, .2 1, .5 0, .8 1; from .2 on: 2 found, 1 in vain x .2/.8 = .25: (2 - .25) / 4 = .4375
    # from .5 on: 1 found, 1 in vain x 1: 0; from .05 on: 2 found, 2 in vain x .05/.95 = 2/19: (2 - 2/19) / 4
    of = Rows(np.array([0.1, 0.2, 0.5, 0.8]), np.array([0.0, 1, 0, 1]), np.arange(4), {})
    benefit, visited = decision.net_benefit(of, np.array([0.05, 0.2, 0.5]), ONE)
    np.testing.assert_allclose(benefit, [[(2 - 2 / 19) / 4, 0.4375, 0.0]])
    np.testing.assert_allclose(visited, [[1.0, 0.75, 0.5]])


def slowly(p: Any, y: Any, t: float) -> float:
    hits = sum(1 for a, b in zip(p, y, strict=True) if a >= t and b == 1)
    vain = sum(1 for a, b in zip(p, y, strict=True) if a >= t and b == 0)
    return (hits - vain * t / (1 - t)) / len(p)


@pytest.mark.parametrize("seed", range(10))
def test_net_benefit_of_repeated_families(seed: int) -> None:
    """A replicate is the net benefit of the rows repeated as often as their family was drawn."""
    rng = np.random.default_rng(seed)
    p, y, family = rng.integers(0, 10, 60) / 10, (rng.random(60) < 0.3).astype(float), rng.integers(0, 12, 60)
    weights = metrics.resample(12, 3, seed)
    thresholds = np.array([0.1, 0.25, 0.5, 0.7])
    benefit, visited = decision.net_benefit(Rows(p, y, family, {}), thresholds, weights)
    for r, w in enumerate(weights):
        again = np.repeat(np.arange(60), w[family].astype(int))
        for i, t in enumerate(thresholds):
            assert benefit[r, i] == pytest.approx(slowly(p[again], y[again], t))
            assert visited[r, i] == pytest.approx((p[again] >= t).mean())


def test_nothing_known_is_worth_nothing_known() -> None:
    nothing = Rows(np.zeros(0), np.zeros(0), np.zeros(0, np.intp), {})
    benefit, visited = decision.net_benefit(nothing, np.array([0.1, 0.2]), ONE)
    assert np.isnan(benefit).all()
    assert np.isnan(visited).all()


def test_decision_table(rows: pd.DataFrame, found: evaluate.Evaluation) -> None:
    table = found.decision.set_index(["model", "threshold"])
    part = rows[rows["model"] == "lightgbm"]
    thresholds = sorted(found.decision["threshold"].unique())
    assert (thresholds[0], thresholds[-1]) == (pytest.approx(0.003), pytest.approx(0.25))
    for t in thresholds[::9]:
        mine = table.loc[("lightgbm", t)]
        assert mine["net_benefit"] == pytest.approx(slowly(part["probability"], part["label"], t))
        assert table.loc[("nobody", t), "net_benefit"] == 0
        everybody = table.loc[("everybody", t), "net_benefit"]
        assert everybody == pytest.approx(slowly(np.ones(len(part)), part["label"], t))
        others = {m: table.loc[(m, t), "net_benefit"] for m in ("nobody", "everybody", "rule_income")}
        assert mine["against"] == max(others, key=lambda m: others[m])
        assert mine["gain"] == pytest.approx(mine["net_benefit"] - max(others.values()))
        assert mine["gain_lower"] <= mine["gain"] <= mine["gain_upper"]
    assert found.decision.loc[found.decision["model"] != "lightgbm", "gain"].isna().all()


@pytest.mark.parametrize("seed", range(5))
def test_a_calibrated_score_never_loses_to_nobody_or_everybody(seed: int) -> None:
    """With p the true chance, every family that is visited from t on pays; 20,000 rows leave little to luck."""
    rng = np.random.default_rng(seed)
    p = rng.beta(1, 9, 20_000)
    y = (rng.random(20_000) < p).astype(float)
    thresholds = np.array([0.02, 0.05, 0.1, 0.2])
    alone = np.zeros(20_000, np.intp)
    mine, everybody = (
        decision.net_benefit(Rows(s, y, alone, {}), thresholds, np.ones((1, 1)))[0][0] for s in (p, np.ones_like(p))
    )
    assert (mine > everybody - 0.002).all()
    assert (mine > -0.002).all()


@pytest.mark.parametrize("seed", range(10))
def test_a_better_score_ranks_better(seed: int) -> None:
    rng = np.random.default_rng(seed)
    p, y = rng.random(200), (rng.random(200) < 0.2).astype(float)
    raised = [decision.better(p, y, amount) for amount in (0.0, 0.2, 0.5, 2.0)]
    np.testing.assert_allclose(raised[0], p, atol=1e-6)
    for measure in (metrics.auc, metrics.average_precision):
        values = [measure(s, y) for s in raised]
        assert values == sorted(values)
        assert values[0] < values[-1]
    np.testing.assert_array_equal(raised[3][y == 0], raised[0][y == 0])


def test_unknown_labels_are_not_raised() -> None:
    np.testing.assert_allclose(decision.better(np.array([0.5, 0.5]), np.array([np.nan, 1.0]), np.log(3)), [0.5, 0.75])


def test_value_of_visits_and_of_a_better_score(rows: pd.DataFrame, found: evaluate.Evaluation) -> None:
    table = found.value
    visits = table[table["way"] == "visits"]
    assert visits["amount"].tolist() == list(range(1, 31))
    assert visits["found"].is_monotonic_increasing
    part = rows[(rows["model"] == "lightgbm")].reset_index(drop=True)
    group = part.groupby(["as_of", "facilitator_id"]).ngroup().fillna(-1)
    at_three = (metrics.listed(part["probability"], group, 3) * part["label"]).sum()
    lists = 9 * len(PERIODS)  # nine facilitators serve, on each date
    assert visits["found"].iloc[2] == pytest.approx(at_three / lists)
    score = table[table["way"] == "score"]
    assert score["found"].iloc[0] == pytest.approx(visits["found"].iloc[2])
    assert score["equal_visits"].iloc[0] == pytest.approx(3)
    assert score["average_precision"].iloc[0] == pytest.approx(visits["average_precision"].iloc[0])
    assert score["average_precision"].is_monotonic_increasing
    assert score["found"].is_monotonic_increasing
    matched = score.dropna(subset=["equal_visits"])
    again = np.interp(matched["equal_visits"], visits["amount"], visits["found"])
    np.testing.assert_allclose(again, matched["found"])
    others = table[table["way"] == "model"]
    assert set(others["model"]) == {"rule_income", "logistic_regression"}
    assert (table["lower"] <= table["found"]).all()
    assert (table["found"] <= table["upper"]).all()


def test_nobody_served_finds_nothing_known(rows: pd.DataFrame) -> None:
    settings = config()
    built = cases.build(rows.assign(facilitator_id=None), settings)
    weights = measures.draws(built, settings)
    precision = dict.fromkeys(built.probability, 0.5)
    table = decision.value_table(built, weights, precision, settings)
    assert table[["found", "equal_visits"]].isna().all(axis=None)


# --- clusters -----------------------------------------------------------------------------------------------------


def conduct(seed: int, facilitators: int = 12) -> pd.DataFrame:
    """Graduates appear by whole facilitators: some propose almost everybody, some nobody."""
    made = predictions(seed, families=240)
    rng = np.random.default_rng(100 + seed)
    family = made["kpm_id"].str[1:].astype(int)
    diligent = rng.random(facilitators) < 0.4
    serving = family % facilitators
    label = np.where(rng.random(240)[family] < 0.9, diligent[serving], ~diligent[serving]).astype(int)
    return made.assign(facilitator_id=[f"F{s:02d}" for s in serving], label=label)


def told(made: pd.DataFrame, settings: evaluate.Config) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Measures and differences over all rows."""
    built = cases.build(made, settings)
    everybody = next(iter(measures.parts(built, settings)))
    part = measures.scope(everybody, built, measures.draws(built, settings), settings)
    return pd.DataFrame(measures.rows(part, settings)), pd.DataFrame(measures.differences(part, settings))


@pytest.mark.parametrize("seed", range(3))
def test_facilitators_who_differ_make_intervals_wider_and_none_is_narrower(seed: int) -> None:
    both, alone = (told(conduct(seed), config(fewest_facilitators=n)) for n in (12, 13))
    wide, narrow = (m[m["metric"] == "observed_rate"].iloc[0] for m, _ in (both, alone))
    assert (wide["cluster"], narrow["cluster"]) == ("facilitator", "family")
    assert (wide["facilitators"], narrow["facilitators"]) == (12, 0)
    assert wide["upper"] - wide["lower"] > 1.5 * (narrow["upper"] - narrow["lower"])
    assert wide["estimate"] == narrow["estimate"]
    for one, other in zip(both, alone, strict=True):
        width = [(t["upper"] - t["lower"]).astype(float).fillna(0) for t in (one, other)]
        assert (width[0] >= width[1]).all()


def test_widest_by_hand() -> None:
    values = {"family": np.r_[1.0, np.linspace(0, 2, 101)], "facilitator": np.r_[1.0, np.linspace(-1, 2, 101)]}
    found = measures.widest(values, 0.9)  # 5 % and 95 % of -1 to 2: -.85 and 1.85
    bounds = {"lower": pytest.approx(-0.85), "upper": pytest.approx(1.85)}
    assert found == {"estimate": 1.0, **bounds, "cluster": "facilitator"}
    undefined = measures.widest({"family": np.full(5, np.nan)}, 0.9)
    assert undefined == {"estimate": None, "lower": None, "upper": None, "cluster": None}


def test_a_family_that_nobody_serves_is_its_own_cluster(rows: pd.DataFrame) -> None:
    built = cases.build(rows, config())
    unserved = built.rows["facilitator_id"].isna().to_numpy()
    assert np.unique(built.cluster[~unserved]).size == 9
    pairs = pd.DataFrame({"cluster": built.cluster[unserved], "family": built.family[unserved]}).drop_duplicates()
    assert pairs["cluster"].is_unique
    assert pairs["family"].is_unique
    assert np.unique(built.cluster).tolist() == list(range(9 + len(pairs)))


# --- verdict ------------------------------------------------------------------------------------------------------


def measured(values: dict[str, float], level: float) -> pd.DataFrame:
    made = [("all", "all", m, "average_precision", v) for m, v in values.items()]
    made += [("fold", f, "lightgbm", "calibration_in_the_large", level) for f in ("2", "10")]
    return pd.DataFrame(made, columns=["scope", "group", "model", "metric", "estimate"])


def differed(lower: float | None, late: float | None, ratio: float) -> pd.DataFrame:
    made = [
        ("all", "all", "rule_income", "average_precision", 0.1, lower, 0.2),
        ("fold", "10", "rule_income", "average_precision", 0.1, late, 0.2),
        ("all", "all", "logistic_regression", "average_precision_ratio", ratio, ratio - 0.1, ratio + 0.1),
        ("all", "all", "other", "average_precision_ratio", 0.1, 0.1, 0.1),
    ]
    return pd.DataFrame(made, columns=["scope", "group", "against", "metric", "estimate", "lower", "upper"])


VALUES = {"lightgbm": 0.3, "rule_income": 0.2, "base_rate": 0.1, "logistic_regression": 0.31, "other": 0.25}


@pytest.mark.parametrize(
    ("lower", "late", "ratio", "level", "reasons"),
    [
        (0.01, 0.01, 0.98, 1.0, ["gain_sure"]),
        (0.0, 0.01, 0.98, 1.0, ["gain_unsure"]),
        (None, 0.01, 0.98, 1.0, ["gain_unknown"]),
        (0.01, 0.01, 0.96, 1.0, ["gain_sure", "worse_than_peer"]),
        (0.01, 0.0, 0.97, 1.0, ["gain_sure", "unsure_of_late"]),
        (0.01, None, 1.2, 0.8, ["gain_sure", "unsure_of_late"]),
        (0.01, 0.01, 1.2, 0.79, ["gain_sure", "level_off"]),
        (-0.1, -0.1, 0.5, 1.3, ["gain_unsure", "worse_than_peer", "level_off"]),
    ],
)
def test_every_reason_is_told(
    lower: float | None, late: float | None, ratio: float, level: float, reasons: list[str]
) -> None:
    found = evaluate.verdict(
        measured(VALUES, level), differed(lower, late, ratio), config(rules=["rule_income", "base_rate"])
    )
    assert found["reasons"] == reasons
    assert found["verdict"] == ("deploy" if reasons[0] == "gain_sure" else "do not deploy")
    assert (found["against"], found["best_peer"]) == ("rule_income", "logistic_regression")
    assert (found["peer_ratio"], found["last_fold"], found["last_level"]) == (ratio, "10", level)


def test_without_peers_but_rules_nothing_is_compared_with_them() -> None:
    found = evaluate.verdict(
        measured({"lightgbm": 0.3, "rule_income": 0.2}, 1.0), differed(0.1, 0.1, 0.5), config(rules=["rule_income"])
    )
    assert (found["best_peer"], found["peer_ratio"], found["reasons"]) == (None, None, ["gain_sure"])


@pytest.mark.parametrize(
    "changes",
    [
        {"thresholds": {"lowest": 0.2, "highest": 0.1, "points": 5}}, {"better_by": [0.1, 0.2]},
        {"better_by": [0, 0.2, 0.1]}, {"fewest_facilitators": 1},
    ],
)  # fmt: skip
def test_a_wrong_configuration_is_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"lowest must be below|must start with 0|greater than or equal to 2"):
        config(**changes)


# --- the truth ----------------------------------------------------------------------------------------------------


def world(seed: int, families: int = 1500) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Scores that know half of what drives the chance, and the truth that knows it all."""
    rng = np.random.default_rng(seed)
    seen, unseen = rng.normal(size=(2, families))
    chance = 1 / (1 + np.exp(2.5 - seen - unseen))
    ids = [f"K{i:05d}" for i in range(families)]
    scores = pd.DataFrame(
        {"kpm_id": ids, "as_of": "2025-06-30", "probability": 1 / (1 + np.exp(2.5 - seen)),
         "facilitator_id": [f"F{i % 20}" for i in range(families)], "regency_code": "3201"}
    )  # fmt: skip
    outcome = np.where(rng.random(families) < chance, "gsm", "none")
    truth = pd.DataFrame({"kpm_id": ids, "probability_gsm": chance, "outcome": outcome})
    return scores, pd.concat([truth, truth.iloc[:3].assign(kpm_id=["X1", "X2", "X3"])])


@pytest.mark.parametrize("seed", range(3))
def test_the_distance_to_the_truth(seed: int) -> None:
    scores, truth = world(seed)
    found = evaluate.against_truth(scores, truth, config()).set_index(["model", "metric"])
    label = (truth["outcome"].iloc[:1500] == "gsm").astype(float)
    mine = metrics.average_precision(scores["probability"], label)
    best = metrics.average_precision(truth["probability_gsm"].iloc[:1500], label)
    assert found.loc[("lightgbm", "average_precision"), "estimate"] == pytest.approx(mine)
    assert found.loc[("oracle", "average_precision"), "estimate"] == pytest.approx(best)
    share = found.loc[("share_of_oracle", "average_precision")]
    assert share["estimate"] == pytest.approx(mine / best)
    assert share["lower"] < share["estimate"] < share["upper"] < 1
    pairs = found.loc[("share_of_oracle", "auc"), "estimate"]
    over = [metrics.auc(p, label) - 0.5 for p in (scores["probability"], truth["probability_gsm"].iloc[:1500])]
    assert pairs == pytest.approx(over[0] / over[1])
    assert set(found["rows"]) == {1500}
    assert set(found["positives"]) == {int(label.sum())}


def test_the_truth_itself_is_at_no_distance() -> None:
    scores, truth = world(0)
    perfect = scores.assign(probability=truth["probability_gsm"].iloc[:1500].to_numpy())
    found = evaluate.against_truth(perfect, truth, config()).set_index(["model", "metric"])
    share = found.loc[("share_of_oracle", "average_precision"), ["estimate", "lower", "upper"]]
    assert share.tolist() == [1, 1, 1]
