"""The map from raw scores to chances: recovered, equal to a second version, and honest about its uncertainty."""

import json
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from scipy.optimize import minimize

from pipeline import calibrate, early, venn

EARLY = {"change": 0.15, "jump": 1.0, "step_sd": 0.1, "shift_sd": 0.4, "shift_years": 2.0}


def settings(**changes):
    plain = {"prior_sd": 2.0, "interval_z": 1.645, "resolution": 0.01, "early": EARLY}
    return calibrate.Config(**(plain | changes))


CONFIG = settings()
LOOSE = settings(prior_sd=1e4)


def sigmoid(eta):
    return 1 / (1 + np.exp(-eta))


def made(seed, intercept=-0.7, slope=0.6, families=300, dates=2):
    """chance = sigmoid(intercept + slope * raw); a family's raw scores are alike on its dates."""
    rng = np.random.default_rng(seed)
    raw = np.repeat(rng.normal(-2, 1.5, families), dates) + rng.normal(0, 0.3, families * dates)
    label = (rng.random(len(raw)) < sigmoid(intercept + slope * raw)).astype(float)
    return raw, label, pd.Series(np.repeat([f"K{i}" for i in range(families)], dates))


def on_raw(fitted):
    """(intercept, slope) on the raw log-odds."""
    slope = fitted.slope / fitted.scale
    return fitted.intercept - slope * fitted.center, slope


def penalised(raw, label, config):
    """The negative log of likelihood times prior, written out; minimised by SciPy."""
    center, scale = raw.mean(), raw.std()

    def loss(beta):
        eta = beta[0] + beta[1] * (raw - center) / scale
        prior = 1e-4 * (beta[0] - center) ** 2 + (beta[1] - scale) ** 2
        return np.sum(np.logaddexp(0, eta) - label * eta) + prior / config.prior_sd**2 / 2

    return minimize(loss, [0.0, 1.0], method="Nelder-Mead", options={"xatol": 1e-9, "fatol": 1e-12, "maxiter": 5000}).x


@pytest.mark.parametrize("seed", range(3))
def test_a_known_map_is_recovered(seed):
    fitted = calibrate.fit(*made(seed, families=20_000), CONFIG)
    assert on_raw(fitted) == pytest.approx((-0.7, 0.6), abs=0.08)


@pytest.mark.parametrize("config", [CONFIG, settings(prior_sd=0.05, interval_z=2.0)])
@pytest.mark.parametrize("seed", range(3))
def test_equal_to_a_second_version(seed, config):
    raw, label, family = made(seed)
    fitted = calibrate.fit(raw, label, family, config)
    assert (fitted.intercept, fitted.slope) == pytest.approx(tuple(penalised(raw, label, config)), abs=1e-5)


@pytest.mark.parametrize("seed", range(3))
def test_the_sandwich_equals_a_plain_loop_over_families(seed):
    raw, label, family = made(seed, families=60, dates=3)
    fitted = calibrate.fit(raw, label, family, CONFIG)
    z = (raw - raw.mean()) / raw.std()
    p = sigmoid(fitted.intercept + fitted.slope * z)
    bread, meat = np.diag([1e-4, 1.0]) / CONFIG.prior_sd**2, np.zeros((2, 2))
    for i in range(len(raw)):
        bread = bread + p[i] * (1 - p[i]) * np.outer([1, z[i]], [1, z[i]])
    for name in set(family):
        score = sum((label[i] - p[i]) * np.array([1, z[i]]) for i in range(len(raw)) if family[i] == name)
        meat = meat + np.outer(score, score)
    expected = np.linalg.inv(bread) @ meat @ np.linalg.inv(bread)
    assert np.allclose(fitted.covariance, expected, rtol=1e-8)


@pytest.mark.parametrize("seed", range(3))
def test_a_family_told_five_times_is_no_more_evidence(seed):
    """Bread shrinks by 5 on both sides, the meat grows by 25: the same covariance, where the prior is negligible."""
    raw, label, family = made(seed, dates=1)
    once = calibrate.fit(raw, label, family, LOOSE)
    five = calibrate.fit(np.tile(raw, 5), np.tile(label, 5), pd.concat([family] * 5, ignore_index=True), LOOSE)
    assert np.allclose(five.covariance, once.covariance, rtol=1e-4)
    strangers = pd.Series(np.arange(5 * len(raw)))  # as five families, it would be
    apart = calibrate.fit(np.tile(raw, 5), np.tile(label, 5), strangers, LOOSE)
    assert np.allclose(np.array(apart.covariance) * 5, once.covariance, rtol=1e-4)


@pytest.mark.parametrize("event", [0.0, 1.0])
def test_no_evidence_of_one_kind_stays_finite(event):
    raw, label, family = made(0)
    fitted = calibrate.fit(raw, np.full_like(label, event), family, CONFIG)
    chance = calibrate.probability(raw, fitted)
    bounds = calibrate.interval(raw, fitted, CONFIG)
    assert all(np.isfinite(v).all() for v in (chance, *bounds))
    assert np.abs(chance - event).max() < 0.05


def test_equal_raw_scores_give_the_share_seen():
    """The base rate's case: 3 of 12, 25 %."""
    label = np.r_[np.ones(3), np.zeros(9)]
    fitted = calibrate.fit(np.zeros(12), label, pd.Series(range(12)), CONFIG)
    assert calibrate.probability(np.zeros(2), fitted) == pytest.approx([0.25, 0.25], abs=1e-4)


@pytest.mark.parametrize("seed", range(3))
def test_monotone_and_the_interval_holds_the_point(seed):
    raw, label, family = made(seed)
    fitted = calibrate.fit(raw, label, family, CONFIG)
    grid = np.linspace(-12, 8, 400)
    chance = calibrate.probability(grid, fitted)
    lower, upper = calibrate.interval(grid, fitted, CONFIG)
    assert (np.diff(chance) > 0).all()
    assert (lower < chance).all()
    assert (chance < upper).all()
    assert lower.min() >= 0
    assert upper.max() <= 1


def test_the_interval_by_hand():
    """At z = 2: variance 0.04 + 2 * 0.01 * 2 + 0.02 * 4 = 0.16, error 0.4; log-odds -1 + 0.5 * 2 = 0, +- 1.5 * 0.4."""
    fitted = calibrate.Calibration(1.0, 3.0, -1.0, 0.5, ((0.04, 0.01), (0.01, 0.02)))
    config = settings(interval_z=1.5)
    raw = np.array([7.0])  # (7 - 1) / 3 = 2
    assert calibrate.probability(raw, fitted) == pytest.approx([0.5])
    lower, upper = calibrate.interval(raw, fitted, config)
    assert (lower[0], upper[0]) == pytest.approx((sigmoid(-0.6), sigmoid(0.6)))


def test_the_interval_covers():
    """Over 60 made-up samples the 90 % interval at one score holds the true chance about nine times in ten."""
    at, held = np.array([-1.5]), 0
    for seed in range(60):
        fitted = calibrate.fit(*made(seed), CONFIG)
        lower, upper = calibrate.interval(at, fitted, CONFIG)
        held += bool(lower[0] <= sigmoid(-0.7 + 0.6 * at[0]) <= upper[0])
    assert 48 <= held <= 60  # binomial(60, 0.9): below 48 less than once in 200


def test_the_covariance_is_symmetric_and_a_shift_of_raw_scores_changes_no_chance():
    raw, label, family = made(4)
    fitted = calibrate.fit(raw, label, family, LOOSE)
    shifted = calibrate.fit(raw + 5, label, family, LOOSE)
    assert fitted.covariance[0][1] == pytest.approx(fitted.covariance[1][0])
    assert np.allclose(calibrate.probability(raw, fitted), calibrate.probability(raw + 5, shifted), atol=1e-6)


def recent(found, expected):
    """One calibrating date and three later ones, a label in a single step; evenly scored families of chance 0.1."""
    counts = np.diag(np.array(found, dtype=float), k=1)
    families = np.array([*expected, 10.0]) * 10
    cohort = np.repeat(np.arange(len(families)), families.astype(int))
    return early.Recent(counts, families, np.full(len(families), len(families)), np.zeros(len(cohort)), cohort)


FLAT = calibrate.Calibration(0.0, 1.0, float(np.log(0.1 / 0.9)), 1.0, ((0.01, 0.0), (0.0, 0.02)))


def test_the_shift_by_hand():
    """No new level ever (change 0), no noise of steps: (1 + 30 + 40) / (1 + 10 + 20) = 71 / 31 of what was expected.

    Nothing has matured, so nothing tells how early shifts held up: the variance is the prior's 0.4^2.
    """
    config = settings(early=EARLY | {"change": 0.0, "step_sd": 0.0})
    moved = calibrate.shift(recent([30, 40], [10, 20]), FLAT, config)
    assert moved.shift == pytest.approx(np.log(71 / 31))
    assert moved.intercept == pytest.approx(FLAT.intercept + np.log(71 / 31))
    assert moved.shift_variance == pytest.approx(0.16)
    assert moved.covariance == pytest.approx(np.array([[0.17, 0.0], [0.0, 0.02]]))


def test_early_null_leaves_the_map_as_it_is():
    assert calibrate.shift(recent([30, 40], [10, 20]), FLAT, settings(early=None)) == FLAT


def test_no_evidence_moves_nothing_but_widens():
    moved = calibrate.shift(recent([0, 0], [0, 0]), FLAT, CONFIG)
    assert moved.shift == pytest.approx(0.0, abs=1e-12)
    assert moved.covariance[0][0] > FLAT.covariance[0][0]


def test_the_interval_takes_in_the_venn_abers_bounds():
    """Bounds 0.02 and 0.3 about a chance of 0.1: in log-odds 1.6946 below and 1.3499 above; 3 errors of 0.1 more."""
    steps = venn.Steps((0.0,), (0.02, 0.02, 0.02), (0.3, 0.3, 0.3))
    config = settings(interval_z=3.0)
    lower, upper = calibrate.interval(np.zeros(1), replace(FLAT, steps=steps), config)
    eta = np.log(0.1 / 0.9)
    assert lower[0] == pytest.approx(sigmoid(eta - 0.3 - 1.6946), rel=1e-3)
    assert upper[0] == pytest.approx(sigmoid(eta + 0.3 + 1.3499), rel=1e-3)


@pytest.mark.parametrize("seed", range(3))
def test_with_bounds_the_interval_is_wider_and_holds_the_point(seed):
    raw, label, family = made(seed)
    plain = calibrate.fit(raw, label, family, CONFIG)
    grid = np.linspace(-12, 8, 200)
    lower, upper = calibrate.interval(grid, calibrate.bounded(raw, label, plain, CONFIG), CONFIG)
    narrow = calibrate.interval(grid, plain, CONFIG)
    chance = calibrate.probability(grid, plain)
    assert (lower <= narrow[0]).all()
    assert (upper >= narrow[1]).all()
    assert ((lower <= chance) & (chance <= upper)).all()


def test_the_record_is_read_back_the_same():
    raw, label, family = made(0)
    fitted = calibrate.bounded(raw, label, calibrate.fit(raw, label, family, CONFIG), CONFIG)
    assert calibrate.recorded(json.loads(json.dumps(calibrate.record(fitted)))) == fitted
    assert calibrate.recorded(json.loads(json.dumps(calibrate.record(FLAT)))) == FLAT


@pytest.mark.parametrize(("bent", "least"), [(False, 0.9), (True, 0.75)])
def test_the_interval_covers_also_where_the_shape_is_wrong(bent, least):
    """Of 40 samples at five scores; bent: no logistic map can follow the chances, and the map alone fails."""
    grid, held, alone = np.array([-2.0, -1.0, 0.5, 1.5, 2.5]), 0, 0

    def truth(score):
        return np.where(score > 1, 0.5, 0.08) if bent else sigmoid(score - 2)

    def inside(fitted):
        lower, upper = calibrate.interval(grid, fitted, CONFIG)
        return int(((lower <= truth(grid)) & (truth(grid) <= upper)).sum())

    for seed in range(40):
        rng = np.random.default_rng(seed)
        raw = rng.uniform(-3, 3, 1500)
        label = (rng.random(1500) < truth(raw)).astype(float)
        fitted = calibrate.fit(raw, label, pd.Series(range(1500)), CONFIG)
        held, alone = held + inside(calibrate.bounded(raw, label, fitted, CONFIG)), alone + inside(fitted)
    assert held >= least * 200
    assert held > alone
    assert alone < 100 or not bent
