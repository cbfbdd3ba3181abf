"""The map from raw scores to chances: recovered, equal to a second version, and honest about its uncertainty."""

import numpy as np
import pandas as pd
import pytest
from scipy.optimize import minimize

from pipeline import calibrate

CONFIG = calibrate.Config(prior_sd=2.0, interval_z=1.645)
LOOSE = calibrate.Config(prior_sd=1e4, interval_z=1.645)


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


@pytest.mark.parametrize("config", [CONFIG, calibrate.Config(prior_sd=0.05, interval_z=2.0)])
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
    config = calibrate.Config(prior_sd=2.0, interval_z=1.5)
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
