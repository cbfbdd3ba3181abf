"""Why each score is what it is: exact TreeSHAP contributions in log-odds.

sum of contributions + base_value = raw score, checked on every row: an explanation that does not add up explains
another model. Contributions come from tables (pipeline/treeshap); random rows of every run are compared with LightGBM's
own, and where a model has no tables or one row differs, LightGBM's own are given, and that is told. Rows are explained
by whoever holds them (pipeline/batches); what was done to all of them is settled here.
"""

from collections.abc import Callable, Iterator
from typing import Literal, NamedTuple

import lightgbm as lgb
import numpy as np
import pandas as pd
from pydantic import Field, PositiveInt

from pipeline import treeshap
from pipeline.columns import KEY
from pipeline.config import BaseConfig
from pipeline.sample import Floats

By = Literal["tables", "lightgbm"]
TOLERANCE = 1e-9
REGENCY = "regency_code"


class Config(BaseConfig):
    """Section `explain`."""

    threads: PositiveInt
    checked_rows: PositiveInt
    seed: int = Field(ge=0)
    background: Literal["none", "own_regency"]


class Method(NamedTuple):
    """How contributions were computed; `reason` says why LightGBM's own stand in for tables."""

    method: By
    reason: str | None
    rows: int
    rows_checked: int
    largest_difference: float | None
    """From LightGBM's own, over the rows checked; none where there were no tables to check."""

    def notices(self) -> list[str]:
        return [] if self.reason is None else [f"explain: contributions are LightGBM's own: {self.reason}"]


class Background(NamedTuple):
    """The families of one regency: positions of their rows, and contributions against their own population."""

    regency: object
    rows: np.ndarray
    values: Floats


def attribute(booster: lgb.Booster, features: pd.DataFrame, raw: Floats, config: Config) -> tuple[pd.DataFrame, Method]:
    """Columns kpm_id, as_of, base_value and one a model feature, in log-odds; one row a family. And how it was done.

    Raises ArithmeticError naming the first row whose contributions do not add up to its raw score.
    """
    x = matrix(booster, features)
    values, method = contributions(booster, x, config)
    refuse_misses(values, raw)
    return labelled(booster, features, values), method


def matrix(booster: lgb.Booster, features: pd.DataFrame) -> Floats:
    """The model's features in its order, by name: LightGBM itself would explain a reordered frame silently."""
    return np.asarray(features[booster.feature_name()].to_numpy(dtype=np.float64, na_value=np.nan))


def contributions(booster: lgb.Booster, x: Floats, config: Config) -> tuple[Floats, Method]:
    """[row, feature and base] of rows in hand, by the method that `settled` finds."""
    held: dict[str, Floats] = {}

    def write(by: By) -> None:
        held["values"] = contributed(booster, x, None if by == "lightgbm" else tables(booster), config.threads)

    def some(rows: np.ndarray) -> tuple[Floats, Floats]:
        return x[rows], held["values"][rows]

    method = settled(booster, len(x), config, (write, some))
    return held["values"], method


def tables(booster: lgb.Booster) -> treeshap.Tables:
    """Raises treeshap.Refused where the model has none."""
    return treeshap.path_dependent(treeshap.layout(booster))


def contributed(booster: lgb.Booster, x: Floats, known: treeshap.Tables | None, threads: int) -> Floats:
    """[row, feature and base], each row for itself; LightGBM's own where there are no tables."""
    return by_lightgbm(booster, x) if known is None else treeshap.contributions(known, x, threads)


def settled(
    booster: lgb.Booster,
    rows: int,
    config: Config,
    run: tuple[Callable[[By], None], Callable[[np.ndarray], tuple[Floats, Floats]]],
) -> Method:
    """How the contributions of a run were computed: by tables where they exist and agree, else by LightGBM.

    `run`: what writes the contributions of all rows by one method, a second time over the first, and what gives, at
    positions of the run, features and the contributions written [row, feature and base].
    """
    write, some = run
    try:
        treeshap.layout(booster)
    except treeshap.Refused as why:
        write("lightgbm")
        return Method("lightgbm", f"the model has no tables: {why}", rows, 0, None)
    write("tables")
    positions = chosen(rows, config)
    x, values = some(positions)
    off = largest_difference(values, by_lightgbm(booster, x))
    if off <= TOLERANCE:
        return Method("tables", None, rows, len(positions), off)
    write("lightgbm")
    reason = f"tables differ from them by {off:.3g} (> {TOLERANCE:g}) in {len(positions)} random rows"
    return Method("lightgbm", reason, rows, len(positions), off)


def chosen(rows: int, config: Config) -> np.ndarray:
    """Positions of the random rows that are compared, ascending."""
    drawn = np.random.default_rng(config.seed).choice(rows, min(rows, config.checked_rows), replace=False)
    return np.sort(drawn)


def largest_difference(ours: Floats, theirs: Floats) -> float:
    """Infinite where a difference is no number, so that it is never taken for small."""
    off = np.abs(ours - theirs)
    return float(np.nan_to_num(off, nan=np.inf).max(initial=0.0))


def by_lightgbm(booster: lgb.Booster, x: Floats) -> Floats:
    if not len(x):
        return np.zeros((0, x.shape[1] + 1))
    return np.asarray(booster.predict(x, pred_contrib=True), dtype=np.float64)


def refuse_misses(values: Floats, raw: Floats) -> None:
    off = np.nan_to_num(np.abs(values.sum(axis=1) - raw), nan=np.inf)
    if len(off) and off.max() > TOLERANCE:
        worst = int(off.argmax())
        raise ArithmeticError(f"contributions of row {worst} miss its raw score by {off[worst]:.3g} (> {TOLERANCE:g})")


def labelled(booster: lgb.Booster, features: pd.DataFrame, values: Floats) -> pd.DataFrame:
    frame = pd.DataFrame(values[:, :-1], columns=booster.feature_name())
    return pd.concat([features[KEY].reset_index(drop=True), pd.Series(values[:, -1], name="base_value"), frame], axis=1)


def against_own_regency(
    booster: lgb.Booster, features: pd.DataFrame, regency: pd.Series, raw: Floats, config: Config
) -> pd.DataFrame:
    """As `attribute`, and regency_code: each family against all families of its regency, exact, interventional.

    base_value is the mean raw score of the regency, so contributions tell what sets a family apart from its neighbours;
    families without a regency are one population. Raises treeshap.Refused where the model has no tables.
    """
    x = matrix(booster, features)
    values = np.zeros((len(x), x.shape[1] + 1), order="F")
    for own in backgrounds(treeshap.layout(booster), x, regency, config.threads):
        values[own.rows] = own.values
    refuse_misses(values, raw)
    found = labelled(booster, features, values)
    found.insert(len(KEY), REGENCY, regency.to_numpy())
    return found


def backgrounds(lay: treeshap.Layout, x: Floats, regency: pd.Series, threads: int) -> Iterator[Background]:
    """One table build a regency; each row belongs to one."""
    codes, names = pd.factorize(regency, use_na_sentinel=False)
    order = np.argsort(codes, kind="stable")
    for name, rows in zip(names, np.split(order, np.cumsum(np.bincount(codes))[:-1]), strict=True):
        own = np.asfortranarray(x[rows])
        yield Background(name, rows, treeshap.contributions(treeshap.interventional(lay, own), own, threads))
