"""Raw scores -> chances: a logistic map fitted on later as-of dates than the model, with its own uncertainty.

p = 1 / (1 + exp(-(intercept + slope * z))), z the raw score standardised by the calibration rows. Two parameters,
because recent matured evidence is scarce and its level moves with policy; a weak normal prior (slope 1 on the scale
of log-odds, sd `prior_sd`) keeps the map defined where there are next to no events. The covariance is the sandwich
clustered by family: a family's rows on several dates are not independent evidence.

`shift` then moves the intercept by what the months since the last matured label show (early.py). It tells the level of
the latest quarters and takes it for next year's; a policy that begins after the origin is in no record of the origin,
so the variance added with it is learnt from how far earlier years left what their first months had promised.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from pydantic import Field, PositiveFloat
from scipy.special import expit, logit

from pipeline import early, venn
from pipeline.config import BaseConfig
from pipeline.early import Recent

Floats = NDArray[np.float64]
NEWTON_STEPS = 50


class Config(BaseConfig):
    """Section `calibrate`."""

    prior_sd: PositiveFloat
    interval_z: PositiveFloat = Field(le=5)
    resolution: PositiveFloat
    early: early.Config | None


@dataclass(frozen=True)
class Calibration:
    """The map; `covariance` is (2, 2), of (intercept, slope).

    `shift` and `shift_variance` are already within intercept and covariance: 0 before the correction. `steps`, where
    fitted, are the Venn-Abers bounds before the shift.
    """

    center: float
    scale: float
    intercept: float
    slope: float
    covariance: tuple[tuple[float, float], tuple[float, float]]
    shift: float = 0.0
    shift_variance: float = 0.0
    steps: venn.Steps | None = None


def record(calibration: Calibration) -> dict[str, Any]:
    """The map as plain values, for a JSON file; `recorded` reads them back."""
    return asdict(calibration)


def recorded(values: Mapping[str, Any]) -> Calibration:
    """The map that `record` wrote."""
    (a, b), (c, d) = values["covariance"]
    found = values.get("steps")
    steps = None if found is None else venn.Steps(**{name: tuple(column) for name, column in found.items()})
    return Calibration(**{**values, "covariance": ((a, b), (c, d)), "steps": steps})


def fit(raw: Floats, label: Floats, family: pd.Series, config: Config) -> Calibration:
    """The map by penalised maximum likelihood (Newton); raw and label of shape (n,)."""
    center, scale = float(raw.mean()), float(raw.std()) or 1.0
    design = np.column_stack([np.ones_like(raw), (raw - center) / scale])
    prior = np.array([center, scale])  # the identity on raw log-odds: intercept + slope * z = raw
    precision = np.diag([1e-4, 1.0]) / config.prior_sd**2
    beta = prior.copy()
    for _ in range(NEWTON_STEPS):
        p = expit(design @ beta)
        gradient = design.T @ (label - p) - precision @ (beta - prior)
        information = design.T @ (design * (p * (1 - p))[:, None]) + precision
        step = np.linalg.solve(information, gradient)
        beta = beta + step / max(1.0, float(np.abs(step).max()))
        if np.abs(step).max() < 1e-10:
            break
    covariance = clustered(design, label - expit(design @ beta), family, np.linalg.inv(information))
    return Calibration(center, scale, float(beta[0]), float(beta[1]), covariance)


def clustered(
    design: Floats, residual: Floats, family: pd.Series, bread: Floats
) -> tuple[tuple[float, float], tuple[float, float]]:
    """Sandwich covariance: bread (X'WX + prior)^-1, meat the outer products of each family's summed scores."""
    codes = pd.factorize(family)[0]
    summed = np.column_stack([np.bincount(codes, design[:, j] * residual) for j in range(design.shape[1])])
    v = bread @ (summed.T @ summed) @ bread
    return ((float(v[0, 0]), float(v[0, 1])), (float(v[1, 0]), float(v[1, 1])))


def probability(raw: Floats, calibration: Calibration) -> Floats:
    return np.asarray(expit(linear(raw, calibration)), dtype=np.float64)


def linear(raw: Floats, calibration: Calibration) -> Floats:
    return calibration.intercept + calibration.slope * (raw - calibration.center) / calibration.scale


def shift(recent: Recent, calibration: Calibration, config: Config) -> Calibration:
    """The map with the level that the latest months show, and with the uncertainty of taking it for next year's.

    The log ratio of recorded to expected graduations, shrunk as in early.level, is added to the intercept; for chances
    as low as these, log-odds and logs of chances move alike. Give it a map without a shift. Where `early` is null it
    stays as it is: a panel that is asked in waves shows the early exits of a part of each cohort only.
    """
    if config.early is None:
        return calibration
    steps = len(recent.families)
    share = early.timing(recent)
    expected = early.summed(recent.cohort, probability(recent.raw, calibration), steps)
    moved = early.level(*early.steps_seen(recent.counts, expected, share), config.early, early.within(share))
    dates = len(np.unique(recent.cohort[recent.known_at[recent.cohort] < steps]))
    held = list(early.errors(recent, share, max(dates, 1), config.early))
    variance = early.variance(held, max(len(share) - 2, 1), config.early)
    (a, b), (c, d) = calibration.covariance
    return replace(
        calibration,
        intercept=calibration.intercept + moved,
        covariance=((a + variance, b), (c, d)),
        shift=moved,
        shift_variance=variance,
    )


def bounded(raw: Floats, label: Floats, calibration: Calibration, config: Config) -> Calibration:
    """The map with Venn-Abers bounds fitted on its calibration rows; before or after the shift alike."""
    return replace(calibration, steps=venn.fit(raw, label, config.resolution))


def interval(raw: Floats, calibration: Calibration, config: Config) -> tuple[Floats, Floats]:
    """Bounds on the chance, shape (n,) each; they hold the chance itself.

    On the log-odds, interval_z standard errors of the map (level, spread and shift; delta method) are laid below the
    lower and above the upper of three: the map and both Venn-Abers bounds, moved by the shift, which are true to the
    labels whatever their shape. They tell how well the chance of families with such a score is known, not how one life
    may turn.
    """
    z = (raw - calibration.center) / calibration.scale
    (a, b), (_, d) = calibration.covariance
    error = config.interval_z * np.sqrt(np.maximum(0.0, a + 2 * b * z + d * z * z))
    lower, upper = hull(raw, calibration, config)
    return expit(lower - error), expit(upper + error)


def hull(raw: Floats, calibration: Calibration, config: Config) -> tuple[Floats, Floats]:
    """(lowest, highest) log-odds of the map and, where fitted, the Venn-Abers bounds moved by the shift."""
    eta = linear(raw, calibration)
    if calibration.steps is None:
        return eta, eta
    lower, upper = (logit(p) + calibration.shift for p in venn.bounds(raw, calibration.steps, config.resolution))
    return np.minimum(eta, lower), np.maximum(eta, upper)
