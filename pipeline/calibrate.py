"""Raw scores -> chances: a logistic map fitted on later as-of dates than the model, with its own uncertainty.

p = 1 / (1 + exp(-(intercept + slope * z))), z the raw score standardised by the calibration rows. Two parameters,
because recent matured evidence is scarce and its level moves with policy; a weak normal prior (slope 1 on the scale
of log-odds, sd `prior_sd`) keeps the map defined where there are next to no events. The covariance is the sandwich
clustered by family: a family's rows on several dates are not independent evidence.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from pydantic import Field, PositiveFloat
from scipy.special import expit

from pipeline.config import BaseConfig

Floats = NDArray[np.float64]
NEWTON_STEPS = 50


class Config(BaseConfig):
    """Section `calibrate`."""

    prior_sd: PositiveFloat
    interval_z: PositiveFloat = Field(le=5)


@dataclass(frozen=True)
class Calibration:
    """The map; `covariance` is (2, 2), of (intercept, slope)."""

    center: float
    scale: float
    intercept: float
    slope: float
    covariance: tuple[tuple[float, float], tuple[float, float]]


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


def interval(raw: Floats, calibration: Calibration, config: Config) -> tuple[Floats, Floats]:
    """Bounds on the chance from the map's own uncertainty (delta method on the log-odds), shape (n,) each.

    They tell how well the level and spread of chances are known, not how one family's life may turn.
    """
    z = (raw - calibration.center) / calibration.scale
    (a, b), (_, d) = calibration.covariance
    error = config.interval_z * np.sqrt(np.maximum(0.0, a + 2 * b * z + d * z * z))
    eta = linear(raw, calibration)
    return expit(eta - error), expit(eta + error)
