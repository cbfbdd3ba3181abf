"""Are cumulative incidences right: what a model of the time to each exit promised, against what was seen.

Families are followed for different times, and other exits end the wait for graduation. So the observed share is
Aalen-Johansen's estimate: families whose months are not yet over count as long as they were followed, and another exit
is an end, not a gap in the record.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from scipy.sparse import csr_array

from pipeline import metrics
from pipeline.columns import AS_OF, FAMILY
from pipeline.errors import BadInput
from pipeline.evaluate.measures import widest
from pipeline.evaluate.settings import Config
from pipeline.metrics import Flags, Indices, Numbers

STAYED, GRADUATED = 0, 1  # of the causes that survival.spells tells; any other is another way out
EXACT = 1e-9
COLUMNS = ["horizon_months", "bin", "mean_incidence", "observed", "lower", "upper", "rows", "followed"]


def incidence_table(incidence: pd.DataFrame, spells: pd.DataFrame, config: Config) -> pd.DataFrame:
    """horizon_months, bin, mean_incidence, observed, lower, upper, rows, followed; bin 0 is everybody.

    `incidence`: kpm_id, as_of, horizon_months, incidence (0 to 1): the chance of gsm within so many months.
    `spells`: kpm_id, as_of, months (from as_of to the exit or to the end of what is known), cause (0 none seen, 1 gsm,
    2 another exit), as survival.spells makes them. Bins are of about equal counts, by incidence, per horizon. observed
    is Aalen-Johansen's estimate, null where nobody was followed so far; its interval resamples families. followed: rows
    followed to the horizon or to an exit before. Raises BadInput where an incidence is no chance, is told twice, or has
    no spell.
    """
    rows = _joined(incidence, spells)
    family, names = pd.factorize(rows[FAMILY], sort=True)
    weights = metrics.resample(len(names), config.replicates, config.seed)
    made = []
    for horizon, part in rows.assign(_family=family).groupby("horizon_months", sort=True):
        chance = part["incidence"].to_numpy(dtype="float64")
        bin_of = metrics.quantile_bins(chance) + 1
        for number in [0, *range(1, int(bin_of.max()) + 1)]:
            chosen = part[(bin_of == number) | (number == 0)]
            key = {"horizon_months": int(str(horizon)), "bin": number}
            made.append(key | _bin(chosen, float(str(horizon)), weights, config))
    return pd.DataFrame(made, columns=COLUMNS)


def long(wide: pd.DataFrame) -> pd.DataFrame:
    """kpm_id, as_of and columns gsm_<months> -> kpm_id, as_of, horizon_months, incidence."""
    names = [c for c in wide.columns if str(c).startswith("gsm_")]
    tall = wide.melt([FAMILY, AS_OF], names, var_name="horizon_months", value_name="incidence")
    return tall.assign(horizon_months=tall["horizon_months"].str.removeprefix("gsm_").astype("int64"))


def _joined(incidence: pd.DataFrame, spells: pd.DataFrame) -> pd.DataFrame:
    twice = int(incidence.duplicated([FAMILY, AS_OF, "horizon_months"]).sum())
    if twice:
        raise BadInput(f"incidence: {twice} rows repeat {FAMILY}, {AS_OF} and horizon_months", WAY_OUT)
    wrong = int((~incidence["incidence"].between(0, 1)).sum())
    if wrong:
        raise BadInput(f"incidence: incidence must be from 0 to 1; {wrong} rows are not", WAY_OUT)
    joined = incidence.merge(spells, on=[FAMILY, AS_OF], how="left", validate="many_to_one")
    lost = int(joined["months"].isna().sum())
    if lost:
        raise BadInput(f"incidence: {lost} rows have no spell of the same {FAMILY} and {AS_OF}", WAY_OUT)
    return joined


WAY_OUT = "way out: run the backtest again, which writes both"


def _bin(rows: pd.DataFrame, horizon: float, weights: Numbers, config: Config) -> dict[str, Any]:
    months, cause = rows["months"].to_numpy(dtype="float64"), rows["cause"].to_numpy(dtype=np.intp)
    present, family = np.unique(rows["_family"].to_numpy(), return_inverse=True)
    seen = aalen_johansen(months, cause, Drawn(family.astype(np.intp), weights[:, present]), horizon)
    bounds = widest({"family": seen}, config.level)
    followed = int(((months >= horizon - EXACT) | (cause != STAYED)).sum())
    told = {"observed": bounds["estimate"], "lower": bounds["lower"], "upper": bounds["upper"]}
    return {"mean_incidence": float(rows["incidence"].mean()), **told, "rows": len(rows), "followed": followed}


@dataclass(frozen=True)
class Drawn:
    """Each row's family, and how often the families were drawn, replicates x families."""

    family: Indices
    weights: Numbers


def aalen_johansen(time: Numbers, cause: Indices, drawn: Drawn, horizon: float) -> Numbers:
    """Cumulative incidence of gsm by `horizon`, in each replicate.

    Sum over times t <= horizon of S(t-) x gsm(t) / at risk(t), S the product of 1 - all exits(t) / at risk(t)
    (Aalen and Johansen 1978). At one time exits come before censoring. NaN where the last row at risk was censored
    before the horizon: nobody knows what came after.
    """
    within = (cause > STAYED) & (time <= horizon + EXACT)
    ends = np.where(within, time, np.minimum(time, horizon + 1))  # who stays longer is at risk at all times that count
    at, place = np.unique(ends, return_inverse=True)
    chosen = (np.ones(time.size, dtype=bool), within, within & (cause == GRADUATED))
    leaving, exits, hits = (_by_time(c, place, drawn) for c in chosen)
    at_risk = np.cumsum(leaving[::-1], axis=0)[::-1]
    free = np.cumprod(1 - np.nan_to_num(metrics.ratio(exits, at_risk)), axis=0)
    before = np.vstack([np.ones(free.shape[1]), free[:-1]])
    found: Numbers = (before * np.nan_to_num(metrics.ratio(hits, at_risk))).sum(axis=0)
    followed = leaving[at >= horizon - EXACT].sum(axis=0) > 0
    return np.where(followed | (free[-1] <= EXACT), found, np.nan)


def _by_time(chosen: Flags, place: Indices, drawn: Drawn) -> Numbers:
    """Weighted counts of the chosen rows by time, (times, replicates)."""
    shape = int(place.max(initial=-1)) + 1, drawn.weights.shape[1]
    counts = csr_array((chosen.astype(np.float64), (place, drawn.family)), shape=shape)
    summed: Numbers = counts @ np.ascontiguousarray(drawn.weights.T)
    return summed
