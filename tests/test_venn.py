"""Venn-Abers bounds: by hand, exact against refitting for every score, and valid over seeds."""

import numpy as np
import pytest
from sklearn.isotonic import IsotonicRegression

from pipeline import venn


def refitted(raw, label, score, added):
    """The isotonic fit at `score` once a row of `added` stands there."""
    model = IsotonicRegression().fit(np.r_[raw, score], np.r_[label, added])
    return float(model.predict([score])[0])


def test_by_hand():
    """Scores 1, 2, 3 with labels 0, 1, 0.

    At 2: labelled 0, the labels 0, (1, 0), 0 fall from 1/2 to 0 and pool to 1/3; labelled 1, (1, 1), 0 pool to 2/3.
    Above 3: labelled 0, 1, 0, 0 pool to 1/3; labelled 1, nothing follows and it stays 1.
    Below 1: labelled 0, 0; labelled 1, 1, 0 pool to 1/2, as do the 1, 0 after them: 1/2.
    """
    steps = venn.fit(np.array([1.0, 2.0, 3.0]), np.array([0.0, 1.0, 0.0]), 1.0)
    lower, upper = venn.bounds(np.array([2.0, 9.0, -9.0]), steps, 1.0)
    assert lower == pytest.approx([1 / 3, 1 / 3, 0.0])
    assert upper == pytest.approx([2 / 3, 1.0, 1 / 2])


@pytest.mark.parametrize("seed", range(8))
def test_exact_against_refitting(seed):
    rng = np.random.default_rng(seed)
    n = int(rng.integers(1, 120))
    raw = np.round(rng.normal(size=n), 1)
    label = (rng.random(n) < 1 / (1 + np.exp(1 - 2 * raw))).astype(float)
    wanted = np.round(np.r_[raw[:40], rng.uniform(-4, 4, 40)], 1)
    lower, upper = venn.bounds(wanted, venn.fit(raw, label, 0.1), 0.1)
    assert lower == pytest.approx([refitted(raw, label, s, 0.0) for s in wanted], abs=1e-9)
    assert upper == pytest.approx([refitted(raw, label, s, 1.0) for s in wanted], abs=1e-9)


@pytest.mark.parametrize("seed", range(3))
def test_monotone_and_ordered(seed):
    rng = np.random.default_rng(seed)
    raw = rng.normal(-4, 1, 2000)
    steps = venn.fit(raw, (rng.random(2000) < 1 / (1 + np.exp(-raw))).astype(float), 0.01)
    assert (np.diff(steps.lower) >= -1e-12).all()
    assert (np.diff(steps.upper) >= -1e-12).all()
    assert (np.array(steps.lower) < np.array(steps.upper)).all()
    assert min(steps.lower) >= 0
    assert max(steps.upper) <= 1


def test_valid_whatever_the_shape():
    """Vovk and Petej 2014, theorem 1: the mean label lies between the means of the bounds."""
    labels, lowers, uppers = [], [], []
    for seed in range(40):
        rng = np.random.default_rng(seed)
        raw = rng.uniform(-3, 3, 400)
        label = (rng.random(400) < np.where(raw > 1, 0.5, 0.05)).astype(float)
        lower, upper = venn.bounds(raw[200:], venn.fit(raw[:200], label[:200], 0.01), 0.01)
        labels, lowers, uppers = [*labels, label[200:].mean()], [*lowers, lower.mean()], [*uppers, upper.mean()]
    noise = 3 * np.std(labels) / np.sqrt(40)
    assert np.mean(lowers) - noise <= np.mean(labels) <= np.mean(uppers) + noise
    assert np.mean(uppers) - np.mean(lowers) < 0.05
