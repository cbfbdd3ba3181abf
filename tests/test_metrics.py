"""Metrics against scikit-learn, brute force, arithmetic by hand and other projects' cases."""

import itertools
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from confusion import Confusion, compare, two_proportions
from numpy.typing import ArrayLike
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import average_precision_score, brier_score_loss, roc_auc_score
from sklearn.metrics import log_loss as sklearn_log_loss

from pipeline import metrics
from pipeline.metrics import Rows

VECTORS = Path(__file__).resolve().parents[2] / "shared" / "vectors"
TIES = json.loads((VECTORS / "ranking_ties.json").read_text())
COMPAS = json.loads((VECTORS / "compas_expected.json").read_text())
AEQUITAS = json.loads((VECTORS / "aequitas_bias_report_cases.json").read_text())["cases"]
NAN = float("nan")


def sample(seed: int, rows: int = 300, grid: int = 12) -> tuple[metrics.Numbers, metrics.Numbers]:
    """Probabilities with many ties, and labels that follow them loosely."""
    rng = np.random.default_rng(seed)
    p = rng.integers(1, grid, rows) / grid
    return p, (rng.random(rows) < 0.2 + 0.5 * p).astype(float)


def recalibration(p: ArrayLike, label: ArrayLike) -> tuple[float, float]:
    rows = Rows.of(p, label)
    intercept, slope = metrics.recalibration_measures(rows, rows.once()).values()
    return float(intercept[0]), float(slope[0])


def unknown(labels: list[Any]) -> list[float]:
    return [NAN if y is None else float(y) for y in labels]


# --- ranking ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(20))
def test_auc_and_average_precision_are_those_of_scikit_learn(seed: int) -> None:
    p, y = sample(seed, grid=3 + 40 * (seed % 2))
    assert metrics.auc(p, y) == pytest.approx(roc_auc_score(y, p), abs=1e-12)
    assert metrics.average_precision(p, y) == pytest.approx(average_precision_score(y, p), abs=1e-12)


@pytest.mark.parametrize("seed", range(5))
def test_auc_is_the_share_of_pairs(seed: int) -> None:
    p, y = sample(seed, 40, 5)
    pairs = [(a > b) + (a == b) / 2 for a in p[y == 1] for b in p[y == 0]]
    assert metrics.auc(p, y) == pytest.approx(np.mean(pairs), abs=1e-12)


def test_average_precision_by_hand() -> None:
    # .9 hit: 1/1; .8 tie of hit and miss: recall rises by 1/3 at precision 2/3; .5 miss; .1 hit: 3/5
    found = metrics.average_precision([0.9, 0.8, 0.8, 0.5, 0.1], [1, 1, 0, 0, 1])
    assert found == pytest.approx((1 + 2 / 3 + 3 / 5) / 3)


def test_unknown_labels_are_left_out_of_auc() -> None:
    case = TIES["null_labels"]
    y = unknown(case["labels"])
    known = [0, 1, 3, 4]
    assert np.isfinite(y).sum() == case["num_labeled"]
    assert np.nansum(y) == case["num_pos"]
    expected = roc_auc_score(np.take(y, known), np.take(case["pred"], known))
    assert metrics.auc(case["pred"], y) == pytest.approx(expected)
    assert metrics.average_precision(case["pred"], y) == pytest.approx((1 + 2 / 2) / 2)  # .56 hit, .5 hit


ONE_CLASS = [([0, 0, 0], NAN), ([1, 1, 1], 1.0), ([NAN, NAN, NAN], NAN), ([], NAN)]


@pytest.mark.parametrize(("label", "precision"), ONE_CLASS)
def test_one_class_is_undefined_not_an_error(label: list[float], precision: float) -> None:
    score = [0.1, 0.5, 0.5][: len(label)]
    assert np.isnan(metrics.auc(score, label))
    assert metrics.average_precision(score, label) == pytest.approx(precision, nan_ok=True)


# --- probabilities ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(10))
def test_brier_and_log_loss_are_those_of_scikit_learn(seed: int) -> None:
    p, y = sample(seed)
    assert metrics.brier(p, y) == pytest.approx(brier_score_loss(y, p), abs=1e-12)
    assert metrics.log_loss(p, y) == pytest.approx(sklearn_log_loss(y, p), abs=1e-12)


def test_certain_and_wrong_is_finite() -> None:
    found = metrics.log_loss([0.0, 1.0], [1, 0])
    assert found == pytest.approx(-np.log(1e-15), rel=1e-4)  # 1 - 1e-15 is not exact in floating point


def test_calibration_in_the_large_by_hand() -> None:
    assert metrics.calibration_in_the_large([0.1, 0.3, 0.4, 0.9], [0, 0, 1, NAN]) == pytest.approx(1 / 0.8)


def brier_parts(probability, label):
    rows = Rows.of(probability, label)
    return {name: float(v[0]) for name, v in metrics.brier_measures(rows, rows.once(), metrics.BINS).items()}


@pytest.mark.parametrize("seed", range(10))
def test_brier_parts_sum_exactly_and_match_their_definitions(seed: int) -> None:
    rng = np.random.default_rng(seed)
    p = rng.beta(1, 6, 400) if seed % 2 else rng.integers(0, 15, 400) / 15
    y = (rng.random(400) < p).astype(float)
    parts = brier_parts(p, y)
    whole = parts["brier_reliability"] - parts["brier_resolution"] + parts["brier_uncertainty"]
    assert whole + parts["brier_within_bin"] == pytest.approx(metrics.brier(p, y), abs=1e-14)
    bins, n = metrics.quantile_bins(p), len(p)
    reliability = resolution = within = 0.0
    for b in set(bins):
        forecast, rate = p[bins == b].mean(), y[bins == b].mean()
        reliability += (bins == b).sum() * (forecast - rate) ** 2 / n
        resolution += (bins == b).sum() * (rate - y.mean()) ** 2 / n
        deviation = p[bins == b] - forecast
        within += (deviation**2 - 2 * deviation * (y[bins == b] - rate)).sum() / n
    assert [parts[f"brier_{k}"] for k in metrics.BRIER_PARTS] == pytest.approx(
        [reliability, resolution, y.mean() * (1 - y.mean()), within], abs=1e-14
    )


def test_without_variation_in_the_bins_nothing_lies_within() -> None:
    # two values, two bins: .2 with 1 of 4, .6 with 1 of 2. rate 2/6
    parts = brier_parts([0.2] * 4 + [0.6] * 2, [1, 0, 0, 0, 1, 0])
    assert parts["brier_within_bin"] == pytest.approx(0, abs=1e-15)
    assert parts["brier_reliability"] == pytest.approx((4 * 0.05**2 + 2 * 0.1**2) / 6)
    assert parts["brier_resolution"] == pytest.approx((4 * (1 / 4 - 1 / 3) ** 2 + 2 * (1 / 2 - 1 / 3) ** 2) / 6)
    assert parts["brier_uncertainty"] == pytest.approx(1 / 3 * 2 / 3)


@pytest.mark.parametrize("seed", range(10))
def test_quantile_bins_keep_ties_together_and_order(seed: int) -> None:
    p = np.random.default_rng(seed).integers(0, 30, 500) / 30
    bins = metrics.quantile_bins(p)
    assert sorted(set(bins)) == list(range(bins.max() + 1))
    assert bins.max() < 10
    for lower, upper in itertools.pairwise(range(bins.max() + 1)):
        assert p[bins == lower].max() < p[bins == upper].min()
    spread = np.bincount(metrics.quantile_bins(np.random.default_rng(seed).random(500)))
    assert spread.tolist() == [50] * 10


@pytest.mark.parametrize("seed", range(5))
def test_recalibration_is_logistic_regression(seed: int) -> None:
    p, y = sample(seed, 800, 20)
    model = LogisticRegression(C=np.inf, tol=1e-10).fit(np.log(p / (1 - p))[:, None], y)
    expected = model.intercept_[0], model.coef_[0, 0]
    assert recalibration(p, y) == pytest.approx(expected, abs=1e-5)


def test_recalibration_by_hand() -> None:
    # two groups fit exactly: .5 has rate 1/4, so intercept = logit(1/4) = -ln 3
    # .75 (logit ln 3) has rate 3/4: -ln 3 + slope x ln 3 = ln 3, slope = 2
    p, y = [0.5] * 4 + [0.75] * 4, [1, 0, 0, 0, 1, 1, 1, 0]
    assert recalibration(p, y) == pytest.approx((-np.log(3), 2.0))


@pytest.mark.parametrize("label", [[0, 0, 1, 1], [0, 0, 0, 0], [1, 1, 1, 1]])
def test_recalibration_without_a_finite_fit_is_undefined(label: list[int]) -> None:
    assert np.isnan(recalibration([0.1, 0.2, 0.3, 0.4], label)).all()
    assert np.isnan(recalibration([0.3] * 4, [0, 1, 0, 1])).all()


# --- lists --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("ties", ["best", "worst"])
def test_order_of_ties(ties: metrics.Ties) -> None:
    case = TIES["sort"]
    found = metrics.order(case["pred"], unknown(case["labels"]), ties)
    assert found.tolist() == case[ties]["index"]
    assert [case["labels"][i] for i in found] == case[ties]["labels"]


def test_unknown_labels_lie_between_in_ties() -> None:
    labels = [NAN, 0, 1]
    assert metrics.order([0.5] * 3, labels, "best").tolist() == [2, 0, 1]
    assert metrics.order([0.5] * 3, labels, "worst").tolist() == [1, 0, 2]


def test_precision_at_three_with_ties() -> None:
    case = TIES["ties_precision_at_3"]
    args = case["pred"], case["labels"], 3
    assert metrics.precision_at(*args, "worst") == pytest.approx(case["worst"])
    assert metrics.precision_at(*args, "best") == pytest.approx(case["best"])
    assert metrics.precision_at(*args) == pytest.approx(0.5)  # the tie gives 1 hit or none, each half of the time


def test_unknown_labels_fill_places_of_a_list() -> None:
    case = TIES["null_labels"]
    y = np.array(unknown(case["labels"]))
    for k, expected in ((3, case["labeled_above_top3"]), (2, case["labeled_above_50pct"])):
        assert metrics.listed(case["pred"], np.zeros(5), k)[~np.isnan(y)].sum() == expected
    assert metrics.precision_at(case["pred"], y, 3) == pytest.approx(1.0)  # two known, both hits


@pytest.mark.parametrize("seed", range(10))
def test_expected_precision_is_the_mean_over_all_orders_of_ties(seed: int) -> None:
    rng = np.random.default_rng(seed)
    score, y = rng.integers(0, 3, 7) / 4, rng.integers(0, 2, 7).astype(float)
    k = int(rng.integers(1, 7))
    falling = itertools.permutations(range(7))
    orders = [o for o in falling if all(score[a] >= score[b] for a, b in itertools.pairwise(o))]
    tops = [y[list(o[:k])].mean() for o in orders]
    assert metrics.precision_at(score, y, k) == pytest.approx(np.mean(tops))
    assert metrics.precision_at(score, y, k, "best") == pytest.approx(max(tops))
    assert metrics.precision_at(score, y, k, "worst") == pytest.approx(min(tops))


def test_measures_of_a_list_by_hand() -> None:
    # top two of five hold one of two hits: precision 1/2, recall 1/2, rate 2/5, lift 1.25
    score, y = [5, 4, 3, 2, 1], [1.0, 0, 0, 1, 0]
    chance = metrics.listed(score, [0] * 5, 2)
    rows = Rows(np.array(score, dtype=float), np.array(y), np.arange(5), {"k": chance})
    found = {name: values[0] for name, values in metrics.list_measures(rows, rows.once()).items()}
    assert found == {"precision_at_k": 0.5, "recall_at_k": 0.5, "lift_at_k": 1.25}
    nobody = Rows(rows.probability, np.zeros(5), rows.family, {"k": chance})
    assert np.isnan(metrics.list_measures(nobody, rows.once())["recall_at_k"][0])
    assert metrics.precision_at(score, y, 2) == 0.5
    assert metrics.precision_at(score, [0] * 5, 2) == 0.0


def listed_slowly(score: metrics.Numbers, group: metrics.Indices, k: int, draws: int, seed: int) -> metrics.Numbers:
    """Draw random orders of ties, list the first k of each group, count."""
    rng, counts = np.random.default_rng(seed), np.zeros(len(score))
    for _ in range(draws):
        order = np.lexsort((rng.random(len(score)), -score))
        for g in set(group) - {-1}:
            counts[[i for i in order if group[i] == g][:k]] += 1
    return counts / draws


@pytest.mark.parametrize("seed", range(3))
def test_listed_is_the_frequency_over_random_ties(seed: int) -> None:
    rng = np.random.default_rng(seed)
    score, group = rng.integers(0, 4, 30) / 4, rng.integers(-1, 3, 30)
    found = metrics.listed(score, group, 4)
    assert found == pytest.approx(listed_slowly(score, group, 4, 4000, seed), abs=0.05)
    sizes = np.bincount(group + 1, minlength=4)[1:]
    assert [found[group == g].sum() for g in range(3)] == pytest.approx([min(4, s) for s in sizes])
    assert not found[group == -1].any()


@pytest.mark.parametrize(
    ("size", "share", "expected"),
    [(10, 0.03, 1), (49, 0.03, 1), (50, 0.03, 2), (83, 0.03, 2), (84, 0.03, 3), (150, 0.03, 5), (7, 0.5, 4)],
)
def test_share_capacity_rounds_half_up(size: int, share: float, expected: int) -> None:
    # 49: 1.47 -> 1; 50: 1.5 -> 2; 83: 2.49 -> 2; 84: 2.52 -> 3; 150: 4.5 -> 5; 7 x .5 = 3.5 -> 4; at least 1
    group = np.r_[np.zeros(size, int), 1, 1]
    assert set(metrics.share_capacity(group, share)[:size]) == {expected}


# --- bootstrap ----------------------------------------------------------------------------------------------------


def clustered(seed: int) -> Rows:
    rng = np.random.default_rng(seed)
    p, y = sample(seed, 120, 9)
    return Rows(p, y, rng.integers(0, 25, 120), {"list": metrics.listed(p, rng.integers(-1, 4, 120), 5)})


@pytest.mark.parametrize("seed", range(8))
def test_a_replicate_is_the_metric_of_the_rows_repeated(seed: int) -> None:
    """The slow way: write each row as often as its family was drawn, and measure with the plain definitions."""
    rows = clustered(seed)
    weights = metrics.resample(25, 6, seed)
    found = metrics.measure(rows, weights)
    for r, weight in enumerate(weights):
        again = np.repeat(np.arange(120), weight[rows.family].astype(int))
        p, y, chance = rows.probability[again], rows.label[again], rows.lists["list"][again]
        assert found["auc"][r] == pytest.approx(roc_auc_score(y, p))
        assert found["average_precision"][r] == pytest.approx(average_precision_score(y, p))
        assert found["brier"][r] == pytest.approx(brier_score_loss(y, p))
        assert found["log_loss"][r] == pytest.approx(sklearn_log_loss(y, p))
        assert found["calibration_in_the_large"][r] == pytest.approx(y.sum() / p.sum())
        precision = (chance * y).sum() / chance.sum()
        assert found["precision_at_list"][r] == pytest.approx(precision)
        assert found["recall_at_list"][r] == pytest.approx((chance * y).sum() / y.sum())
        assert found["lift_at_list"][r] == pytest.approx(precision / y.mean())
        parts = [found[f"brier_{k}"][r] for k in metrics.BRIER_PARTS]
        assert parts[0] - parts[1] + parts[2] + parts[3] == pytest.approx(found["brier"][r])


@pytest.mark.parametrize("seed", range(4))
def test_one_newton_step_is_close_to_the_whole_fit(seed: int) -> None:
    p, y = sample(seed, 2000, 40)
    family = np.arange(2000) // 2
    weights = metrics.resample(1000, 5, seed)
    found = metrics.recalibration_measures(Rows(p, y, family, {}), weights)["calibration_slope"]
    exact = []
    for weight in weights:
        again = np.repeat(np.arange(2000), weight[family].astype(int))
        exact.append(recalibration(p[again], y[again])[1])
    assert found == pytest.approx(exact, abs=0.01)
    assert np.std(exact[1:]) > 0.02  # so that closeness means something


def test_resample_draws_families_with_replacement_and_repeats_itself() -> None:
    weights = metrics.resample(50, 400, 7)
    assert weights.shape == (401, 50)
    assert (weights[0] == 1).all()
    assert (weights.sum(axis=1) == 50).all()
    assert weights[1:].var() == pytest.approx(1 - 1 / 50, rel=0.05)  # multinomial: 1 - 1/n
    assert (metrics.resample(50, 400, 7) == weights).all()
    assert (metrics.resample(50, 400, 8) != weights).any()


def test_families_make_intervals_wider_than_rows() -> None:
    rng = np.random.default_rng(0)
    p, y = np.repeat(rng.random(200), 8), np.repeat(rng.integers(0, 2, 200), 8).astype(float)
    families, rows = np.arange(1600) // 8, np.arange(1600)
    wide = metrics.measure(Rows(p, y, families, {}), metrics.resample(200, 300, 1))["auc"][1:]
    narrow = metrics.measure(Rows(p, y, rows, {}), metrics.resample(1600, 300, 1))["auc"][1:]
    assert wide.std() / narrow.std() == pytest.approx(np.sqrt(8), rel=0.25)  # eight copies tell nothing new


def test_intervals_cover_the_truth() -> None:
    """Brier score of known chances: 95 % intervals over families of four rows must hold it about that often."""
    hits = 0
    for seed in range(100):
        rng = np.random.default_rng(seed)
        chance = rng.choice([0.2, 0.6], 300)
        p, y = np.repeat(chance, 4), np.repeat((rng.random(300) < chance), 4).astype(float)
        family = np.arange(1200) // 4
        brier = metrics.probability_measures(Rows(p, y, family, {}), metrics.resample(300, 200, seed))["brier"]
        lower, upper = metrics.interval(brier[1:], 0.95)
        hits += lower <= (0.2 * 0.8 + 0.6 * 0.4) / 2 <= upper
    assert 88 <= hits <= 100


def test_interval_needs_nine_of_ten_replicates() -> None:
    values = np.arange(100.0)
    assert metrics.interval(values, 0.9) == pytest.approx((4.95, 94.05))
    values[:10] = NAN
    assert np.isfinite(metrics.interval(values, 0.9)).all()
    values[10] = NAN
    assert np.isnan(metrics.interval(values, 0.9)).all()


def test_nothing_to_measure_is_all_undefined() -> None:
    rows = Rows(np.zeros(0), np.zeros(0), np.zeros(0, np.intp), {"list": np.zeros(0)})
    found = metrics.measure(rows, np.ones((3, 0)))
    assert set(found) >= {"auc", "brier", "calibration_slope", "precision_at_list"}
    assert all(np.isnan(v).all() and v.shape == (3,) for v in found.values())


def test_wilson_by_hand() -> None:
    # 1 of 10, z = 1.96: centre (1 + 1.9207) / 13.8415 = .2110; half 1.96 x sqrt(.9 + .9604) / 13.8415 = .1931
    lower, upper = metrics.wilson([1, 0, 0], [10, 10, 0], 0.95)
    assert lower[:2] == pytest.approx([0.0179, 0.0], abs=2e-4)
    assert upper[:2] == pytest.approx([0.4042, 0.2775], abs=2e-4)
    assert np.isnan([lower[2], upper[2]]).all()


# --- groups -------------------------------------------------------------------------------------------------------


def test_counts_of_a_fold_without_positives() -> None:
    found = Confusion.of([True, True, True, False, False], [0] * 5)
    assert (found.tp, found.fp, found.tn, found.fn) == (0, 3, 2, 0)
    assert found.rate("fpr") == 0.6
    assert np.isnan(found.rate("fnr"))


def test_counts_of_a_fold_of_positives_only() -> None:
    found = Confusion.of([True] * 5, [1] * 5)
    assert (found.tp, found.fp, found.tn, found.fn) == (5, 0, 0, 0)
    assert Confusion.of([False] * 3, [1] * 3).fn == 3


def test_other_peoples_rates() -> None:
    assert Confusion.of(TIES["fpr"]["pred"], TIES["fpr"]["labels"]).rate("fpr") == TIES["fpr"]["fpr"]
    case = TIES["train_accuracy_50pct"]
    top = metrics.listed(case["pred"], np.zeros(8), 4) > 0
    found = Confusion.of(top, case["labels"])
    assert (found.tp + found.tn) / 8 == case["accuracy"]


@pytest.mark.parametrize("row", COMPAS["groups"], ids=lambda r: f"{r['attribute']}-{r['value']}")
def test_compas_rates(row: dict[str, Any]) -> None:
    found = Confusion(row["tp"], row["fp"], row["tn"], row["fn"], 0)
    for rate in ("fpr", "fnr", "fdr", "tpr", "precision", "pprev", "prev"):
        assert found.rate(rate) == pytest.approx(row[rate], abs=1e-12)
    assert found.rate("for") == pytest.approx(row["for_"], abs=1e-12)


@pytest.mark.parametrize("test", COMPAS["significance_true"], ids=lambda t: f"{t['value']}-{t['metric']}")
def test_compas_significance(test: dict[str, Any]) -> None:
    by_value = {g["value"]: Confusion(g["tp"], g["fp"], g["tn"], g["fn"], 0) for g in COMPAS["groups"]}
    group, reference = by_value[test["value"]], by_value[test["ref"]]
    assert compare(group, reference, test["metric"]) == pytest.approx(test["chi2_p"], rel=1e-6)
    (hits, others), (reference_hits, reference_others) = test["table"]
    tested = group.parts(test["metric"]), reference.parts(test["metric"])
    assert tested == ((hits, hits + others), (reference_hits, reference_hits + reference_others))


@pytest.mark.parametrize("tested", [(0, 0, 3, 5), (0, 4, 0, 9), (4, 4, 9, 9)])
def test_nothing_to_test_has_no_p_value(tested: tuple[int, int, int, int]) -> None:
    assert np.isnan(two_proportions(*tested))
