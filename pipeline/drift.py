"""Whether what comes in, what goes out, and what may be expected of it still is what it was.

Features and scores: the population stability index between each as-of date and the one before, over bins that never
move. How large it must be to be told is not a rule of thumb (0.1, 0.25) but taken from the series' own history, so
that the number of false alarms a year is the one that the configuration asks for. A season is no alarm: the history
has it too.

Expected performance, where outcomes are not known yet: what calibrated chances promise of their own list (confidence
based estimation). It sees a change of the families, and none of what a chance means; how far it was off on dates whose
outcome is known by now stands beside it and bounds it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Annotated, Any

import numpy as np
import pandas as pd
from pydantic import Field, PositiveFloat

from pipeline.columns import AS_OF
from pipeline.config import BaseConfig
from pipeline.metrics import Numbers, auc, ratio

SCORE = "score"
QUARTERS = 4
SMOOTH = 0.5  # added to every bin: an empty one says that few were seen, not that there can be none
ROBUST = 1.4826  # median absolute deviation -> standard deviation of a normal
FEWEST = 6  # changes that a series' own history must have before anything is told
MEASURES = ("found", "precision", "recall", "auc")


class Config(BaseConfig):
    """Section `drift`: as-of dates looked at, bins of a series, false alarms a year over all series together."""

    dates: Annotated[int, Field(ge=FEWEST + 2)]
    bins: Annotated[int, Field(ge=2)]
    false_alarms_a_year: PositiveFloat


@dataclass(frozen=True)
class Watch:
    """`changes`: series, as_of, psi, distance, alarm; `summary`: what drift.json holds of it."""

    changes: pd.DataFrame
    summary: dict[str, Any]


# --- changes ------------------------------------------------------------------------------------------------------


def edges(frame: pd.DataFrame, names: Sequence[str], bins: int) -> dict[str, Numbers]:
    """Inner edges of each series: quantiles that occur on the first date, so equal values are never parted."""
    inner = np.arange(1, bins) / bins
    known = {n: frame[n].to_numpy(dtype="float64", na_value=np.nan) for n in names}
    seen = {n: v[~np.isnan(v)] for n, v in known.items()}
    return {n: np.unique(np.quantile(v, inner, method="inverted_cdf")) if v.size else v for n, v in seen.items()}


def binned(frame: pd.DataFrame, at: Mapping[str, Numbers], bins: int) -> Numbers:
    """Series x (bins + 1): rows in each bin, the last one being those of which nothing is known."""
    out = np.zeros((len(at), bins + 1))
    for row, (name, inner) in enumerate(at.items()):
        value = frame[name].to_numpy(dtype="float64", na_value=np.nan)
        place = np.where(np.isnan(value), bins, np.searchsorted(inner, value, side="left"))
        out[row] = np.bincount(place, minlength=bins + 1)
    return out


def psi(before: Numbers, after: Numbers) -> Numbers:
    """Population stability index over the last axis: sum of (share after - share before) x log of their ratio."""
    p, q = ((n + SMOOTH) / (n + SMOOTH).sum(axis=-1, keepdims=True) for n in (before, after))
    found: Numbers = ((q - p) * np.log(q / p)).sum(axis=-1)
    return found


def watch(counted: Sequence[Numbers], names: Sequence[str], as_ofs: Sequence[date], config: Config) -> Watch:
    """Changes from each date to the next, and whether the last one is out of the ordinary.

    `counted`: series x bins, one per date. `distance`: how many robust standard deviations the logarithm of the index
    lies above the median of the series' other changes before. The bar is the quantile of all past distances that lets
    false_alarms_a_year through.
    """
    counts = np.stack(counted)
    index = psi(counts[:-1], counts[1:])
    size = np.log(index + 1.0 / counts.sum(axis=2)[1:])  # below one in the number of rows nothing can be seen
    past = len(size) - 1
    if past < FEWEST:
        return _untold(index, names, as_ofs, f"{past} changes before the last one; {FEWEST} are needed")
    distance = np.vstack([_others(size[:-1]), _against(size[-1], size[:-1])])
    bar, most = threshold(distance[:-1], config.false_alarms_a_year)
    table = _table(index, names, as_ofs).assign(distance=distance.ravel(), alarm=(distance > bar).ravel())
    mine = table[table[AS_OF] == as_ofs[-1]]
    return Watch(
        table,
        {
            "as_of": as_ofs[-1], "series": len(names), "changes_before": past, "bar": bar,
            "false_alarms_a_year": max(config.false_alarms_a_year, most),
            "past_alarms_a_year": QUARTERS * float((distance[:-1] > bar).sum()) / past,
            "forward_alarms_a_year": forward(size, config.false_alarms_a_year),
            "alarms": [str(n) for n in mine.sort_values("distance", ascending=False).query("alarm")["series"]],
        },
    )  # fmt: skip


def threshold(distances: Numbers, a_year: float) -> tuple[float, float]:
    """(bar, alarms a year that this many past changes can tell at least): dates x series of past distances.

    One more than what was seen could be larger, so `a_year` is reached by (n + 1) x the share as a rank from above.
    """
    seen = np.sort(distances.ravel())[::-1]
    share = a_year / (QUARTERS * distances.shape[1])
    rank = int(np.floor(share * (seen.size + 1)))
    return float(seen[max(rank, 1) - 1]), QUARTERS * distances.shape[1] / (seen.size + 1)


def forward(size: Numbers, a_year: float) -> float | None:
    """Alarms a year that the rule would have told, each date judged by those before it; None where none could be."""
    told = []
    for at in range(FEWEST + 1, len(size)):
        before = size[:at]
        bar, _ = threshold(_others(before), a_year)
        told.append(int((_against(size[at], before) > bar).sum()))
    return QUARTERS * float(np.mean(told)) if told else None


def _against(size: Numbers, others: Numbers) -> Numbers:
    """Distance of one change of every series from the others: dates x series."""
    middle = np.median(others, axis=0)
    spread = ROBUST * np.median(np.abs(others - middle), axis=0)
    # A series that hardly moved has no spread of its own: it takes that of the calmest quarter of all series.
    least = float(np.quantile(spread[spread > 0], 0.25)) if (spread > 0).any() else 1.0
    found: Numbers = (size - middle) / np.maximum(spread, least)
    return found


def _others(size: Numbers) -> Numbers:
    """Each change against all the others of its series: what a new change would be judged by."""
    return np.vstack([_against(size[k], np.delete(size, k, axis=0)) for k in range(len(size))])


def _table(index: Numbers, names: Sequence[str], as_ofs: Sequence[date]) -> pd.DataFrame:
    made = {AS_OF: np.repeat(np.asarray(as_ofs[1:], dtype=object), len(names)), "series": list(names) * len(index)}
    return pd.DataFrame(made | {"psi": index.ravel()})


def _untold(index: Numbers, names: Sequence[str], as_ofs: Sequence[date], why: str) -> Watch:
    table = _table(index, names, as_ofs).assign(distance=np.nan, alarm=False)
    return Watch(table, {"as_of": as_ofs[-1], "series": len(names), "alarms": None, "why": why})


# --- expected performance -----------------------------------------------------------------------------------------


def expected(chance: Numbers, listed: Numbers) -> dict[str, float]:
    """What the chances promise of the list: found, precision, recall, and the AUC over all rows."""
    found, total = float(chance[listed > 0].sum()), float(chance.sum())
    return _measures(found, float((listed > 0).sum()), total) | {"auc": expected_auc(chance)}


def expected_auc(chance: Numbers) -> float:
    """The AUC of the chances if every one of them is right: over pairs of different rows, ties counting half.

    Sum over i, j of p_i (1 - p_j) [p_i > p_j], halved where equal, over the sum of p_i (1 - p_j), i unlike j.
    """
    value, code = np.unique(chance, return_inverse=True)
    hits, misses = np.bincount(code, chance), np.bincount(code, 1 - chance)
    own = np.bincount(code, chance * (1 - chance))
    below = np.cumsum(misses) - misses
    top = hits @ below + (hits * misses - own).sum() / 2
    bottom = chance.sum() * (1 - chance).sum() - own.sum()
    return float(top / bottom) if value.size > 1 and bottom > 0 else np.nan


def observed(chance: Numbers, listed: Numbers, label: Numbers) -> dict[str, float]:
    """The same as it came."""
    found = float(label[listed > 0].sum())
    return _measures(found, float((listed > 0).sum()), float(label.sum())) | {"auc": auc(chance, label)}


def _measures(found: float, listed: float, total: float) -> dict[str, float]:
    return {
        "found": found,
        "precision": found / listed if listed else np.nan,
        "recall": found / total if total else np.nan,
    }


def performance(rows: pd.DataFrame) -> pd.DataFrame:
    """One row per as-of date and measure: expected; observed where every outcome is known; families, listed.

    `rows`: as_of, probability, listed, label (null: not known yet). For the dates to come, `lower` and `upper` are the
    expectation times the smallest and the largest observed over expected of the dates known, and one. If such ratios
    were exchangeable, they would hold the next one with chance (n - 1) / (n + 1), column `holds`.
    """
    parts = [row for as_of, part in rows.groupby(AS_OF, sort=True) for row in _date_rows(as_of, part)]
    table = pd.DataFrame(parts)
    table["ratio"] = ratio(table["observed"].to_numpy(dtype="float64"), table["expected"].to_numpy(dtype="float64"))
    known = table[table["ratio"].notna()].groupby("measure")["ratio"]
    least, most, count = (table["measure"].map(f) for f in (known.min(), known.max(), known.count()))
    open_ = table["observed"].isna()
    holds = (count - 1) / (count + 1)
    return table.assign(
        lower=(table["expected"] * least.clip(upper=1)).where(open_),
        upper=(table["expected"] * most.clip(lower=1)).where(open_),
        holds=holds.where(open_ & (count > 1)),
    )  # fmt: skip


def _date_rows(as_of: Any, part: pd.DataFrame) -> list[dict[str, Any]]:
    chance, listed, label = (part[c].to_numpy(dtype="float64") for c in ("probability", "listed", "label"))
    promised = expected(chance, listed)
    came = observed(chance, listed, label) if not np.isnan(label).any() else dict.fromkeys(MEASURES, np.nan)
    size = {"families": len(part), "listed": int((listed > 0).sum())}
    return [{AS_OF: as_of, "measure": m, **size, "expected": promised[m], "observed": came[m]} for m in MEASURES]


def told(watched: Watch, table: pd.DataFrame) -> dict[str, Any]:
    """What drift.json holds."""
    latest = table[table[AS_OF] == table[AS_OF].max()].drop(columns=[AS_OF, "observed", "ratio"])
    known = table[table["ratio"].notna()]
    off = known.groupby("measure", sort=False)["ratio"].agg(["min", "median", "max", "count"])
    return {
        "changes": watched.summary,
        "expected": _known(latest.set_index("measure")).to_dict("index"),
        "observed_over_expected": _known(off).to_dict("index"),
    }


def _known(table: pd.DataFrame) -> pd.DataFrame:
    """What cannot be told, as where nobody is listed or no date's outcomes are known, is null and not a number."""
    return table.astype(object).where(table.notna(), None)
