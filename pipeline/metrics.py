"""Arrays in, numbers out: how good a ranking, a probability or a list is, and how sure we are of it.

A label is 1, 0 or NaN (unknown). Unknown labels take part in a ranking and fill places of a list, because the list is
made before anybody knows; they are left out wherever outcomes are counted. An undefined number (one class only, an
empty list) is NaN, never an exception.

Every definition is written once, for weighted rows. A plain number is the case of weight one; a bootstrap replicate
weights each row by how often its family was drawn.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from statistics import NormalDist
from typing import Any, Literal

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from scipy.sparse import csr_array

Numbers = NDArray[np.float64]
Indices = NDArray[np.intp]
Flags = NDArray[np.bool_]

SMALLEST = 1e-15  # probabilities are kept this far from 0 and 1 before a logarithm
LOGIT_SMALLEST = 1e-6  # the same before logit(p), where a single extreme would decide the slope
DEFINED = 0.9  # an interval needs this share of the replicates to be defined
BINS = 10
BLOCK = 40  # replicates ranked at once: bounds the memory to positives x 40


def numbers(values: ArrayLike) -> Numbers:
    return np.asarray(values, dtype=np.float64)


def ratio(top: Numbers, bottom: Numbers) -> Numbers:
    """top / bottom, NaN where bottom is not positive."""
    out = np.full(np.broadcast_shapes(np.shape(top), np.shape(bottom)), np.nan)
    np.divide(top, bottom, out=out, where=np.asarray(bottom) > 0)
    return out


# --- rows and weights ---------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Rows:
    """Rows with known labels of one model; `family` is each row's column in the weights.

    `lists` maps a list's name to each row's chance of being on it (see `listed`).
    """

    probability: Numbers
    label: Numbers
    family: Indices
    lists: Mapping[str, Numbers]

    @classmethod
    def of(cls, score: ArrayLike, label: ArrayLike) -> "Rows":
        """Plain arrays, every row its own family; rows with unknown labels are left out."""
        s, y = numbers(score), numbers(label)
        known = ~np.isnan(y)
        return cls(s[known], y[known], np.arange(int(known.sum()), dtype=np.intp), {})

    def once(self) -> Numbers:
        """Weights (1 x families) that count every row once."""
        return np.ones((1, int(self.family.max()) + 1 if self.family.size else 0))


def resample(families: int, replicates: int, seed: int) -> Numbers:
    """Weights (1 + replicates) x families: row 0 counts everybody once, the others are bootstrap replicates.

    Each replicate draws `families` families with replacement (multinomial counts). Families, not rows, are drawn:
    a family recurs every quarter, and its rows tell little new, so that intervals over rows would be too narrow.
    """
    rng = np.random.default_rng(seed)
    weights = np.ones((1 + replicates, families))
    for r in range(1, 1 + replicates):
        weights[r] = np.bincount(rng.integers(0, families, families), minlength=families)
    return weights


def totals(columns: Mapping[str, Numbers], family: Indices, weights: Numbers) -> dict[str, Numbers]:
    """Weighted sum of each column in each replicate; summed by family first, so that one product does them all."""
    count = weights.shape[1]
    by_family = np.column_stack([np.bincount(family, weights=c, minlength=count) for c in columns.values()])
    return dict(zip(columns, (weights @ by_family).T, strict=True))


# --- ranking ------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Ranking:
    """Rows sorted once by falling score, reduced to the groups of tied scores that hold a positive.

    `family` of each sorted row; `positive`: families of the sorted positives; per group the range [start, stop) of its
    rows; `last`: how many positives there are to the end of each group.
    """

    family: Indices
    positive: Indices
    start: Indices
    stop: Indices
    last: Indices

    @classmethod
    def of(cls, rows: Rows) -> "Ranking":
        order = np.argsort(-rows.probability, kind="stable")
        score, hit = rows.probability[order], rows.label[order] > 0
        edges = np.flatnonzero(np.r_[True, score[1:] != score[:-1], True]) if score.size else np.zeros(1, np.intp)
        hits = np.r_[0, np.cumsum(hit)]
        some = hits[edges[1:]] > hits[edges[:-1]]
        start, stop = edges[:-1][some], edges[1:][some]
        return cls(rows.family[order], rows.family[order][hit], start, stop, hits[stop])

    def measure(self, weights: Numbers) -> tuple[Numbers, Numbers]:
        """(AUC, average precision) in each replicate."""
        blocks = [weights[i : i + BLOCK] for i in range(0, len(weights), BLOCK)]
        found = [self._block(np.ascontiguousarray(b.T)) for b in blocks]
        return np.concatenate([f[0] for f in found]), np.concatenate([f[1] for f in found])

    def _block(self, weight: Numbers) -> tuple[Numbers, Numbers]:
        """`weight` is families x replicates; running sums are needed only at the ends of the groups."""
        ends = np.unique(np.r_[self.start, self.stop, self.family.size])
        everyone = np.cumsum(_segments(self.family, ends, weight), axis=0)
        here = _segments(self.positive, self.last, weight)
        found, visited = np.cumsum(here, axis=0), everyone[np.searchsorted(ends, self.stop)]
        misses_here = visited - everyone[np.searchsorted(ends, self.start)] - here
        all_rows, all_hits = everyone[-1], here.sum(axis=0)
        misses_below = (all_rows - all_hits) - (visited - found)
        auc = ratio((here * (misses_below + misses_here / 2)).sum(axis=0), all_hits * (all_rows - all_hits))
        return auc, ratio((here * np.nan_to_num(ratio(found, visited))).sum(axis=0), all_hits)


def _segments(family: Indices, ends: Indices, weight: Numbers) -> Numbers:
    """Weights summed over the rows [0, ends[0]), [ends[0], ends[1]), ..., per replicate."""
    shape = (ends.size, weight.shape[0])
    sums: Numbers = csr_array((np.ones(family.size), family, np.r_[0, ends]), shape=shape) @ weight
    return sums


def auc(score: ArrayLike, label: ArrayLike) -> float:
    """Chance that a positive has a higher score than a negative, ties counting half; NaN with one class only."""
    rows = Rows.of(score, label)
    return float(Ranking.of(rows).measure(rows.once())[0][0])


def average_precision(score: ArrayLike, label: ArrayLike) -> float:
    """Sum over distinct scores of (rise in recall) x (precision down to that score); no interpolation.

    Tied rows are one step, so the order of ties does not matter. NaN without a positive.
    """
    rows = Rows.of(score, label)
    return float(Ranking.of(rows).measure(rows.once())[1][0])


# --- probabilities ------------------------------------------------------------------------------------------------


def quantile_bins(probability: Numbers, bins: int = BINS) -> Indices:
    """Bin of each row, 0, 1, ... by rising probability: about equal counts, equal values never parted.

    The edges are quantiles that occur in the data, so fewer bins may be left where many rows share a value.
    """
    inner = np.quantile(probability, np.arange(1, bins) / bins, method="inverted_cdf")
    return np.unique(np.searchsorted(inner, probability), return_inverse=True)[1].astype(np.intp)


def brier(probability: ArrayLike, label: ArrayLike) -> float:
    """Mean of (probability - label)^2."""
    rows = Rows.of(probability, label)
    return float(probability_measures(rows, rows.once())["brier"][0])


def log_loss(probability: ArrayLike, label: ArrayLike) -> float:
    """Mean of -log(probability given to what happened), in nats; probabilities kept 1e-15 from 0 and 1."""
    rows = Rows.of(probability, label)
    return float(probability_measures(rows, rows.once())["log_loss"][0])


def calibration_in_the_large(probability: ArrayLike, label: ArrayLike) -> float:
    """Observed positives over expected ones (sum of labels / sum of probabilities); 1 is right on the whole."""
    rows = Rows.of(probability, label)
    return float(probability_measures(rows, rows.once())["calibration_in_the_large"][0])


def probability_measures(rows: Rows, weights: Numbers) -> dict[str, Numbers]:
    """brier, log_loss, calibration_in_the_large, and the two rates that the last compares, in each replicate."""
    p, y = rows.probability, rows.label
    sure = np.clip(p, SMALLEST, 1 - SMALLEST)
    loss = -np.where(y > 0, np.log(sure), np.log1p(-sure))
    columns = {"rows": np.ones_like(p), "hits": y, "expected": p, "square": (p - y) ** 2, "loss": loss}
    t = totals(columns, rows.family, weights)
    return {
        "brier": ratio(t["square"], t["rows"]),
        "log_loss": ratio(t["loss"], t["rows"]),
        "calibration_in_the_large": ratio(t["hits"], t["expected"]),
        "observed_rate": ratio(t["hits"], t["rows"]),
        "mean_probability": ratio(t["expected"], t["rows"]),
    }


def brier_measures(rows: Rows, weights: Numbers, bins: int = BINS) -> dict[str, Numbers]:
    """The parts of the Brier score in each replicate, over the bins of all rows.

    Reliability and resolution of few rows a bin are biased upwards by about the variance of the bin rates, and a
    replicate carries that bias twice: read their intervals as spread, not as a test against zero.
    """
    p, y = rows.probability, rows.label
    if not p.size:
        return {f"brier_{part}": np.full(len(weights), np.nan) for part in BRIER_PARTS}
    bin_of = quantile_bins(p, bins)
    n, expected, hits = (_by_bin(c, bin_of, rows.family, weights) for c in (np.ones_like(p), p, y))
    total = n.sum(axis=1)
    rate, forecast = ratio(hits, n), ratio(expected, n)
    overall = ratio(hits.sum(axis=1), total)
    reliability = ratio(np.nansum(n * (forecast - rate) ** 2, axis=1), total)
    resolution = ratio(np.nansum(n * (rate - overall[:, None]) ** 2, axis=1), total)
    uncertainty = overall * (1 - overall)
    square = totals({"square": (p - y) ** 2}, rows.family, weights)["square"]
    within = ratio(square, total) - (reliability - resolution + uncertainty)
    return {f"brier_{k}": v for k, v in zip(BRIER_PARTS, (reliability, resolution, uncertainty, within), strict=True)}


BRIER_PARTS = ("reliability", "resolution", "uncertainty", "within_bin")


def _by_bin(column: Numbers, bin_of: Indices, family: Indices, weights: Numbers) -> Numbers:
    """Weighted sum per replicate and bin."""
    shape = weights.shape[1], int(bin_of.max()) + 1
    cells = np.bincount(family * shape[1] + bin_of, weights=column, minlength=shape[0] * shape[1])
    summed: Numbers = weights @ cells.reshape(shape)
    return summed


def recalibration_measures(rows: Rows, weights: Numbers) -> dict[str, Numbers]:
    """(intercept, slope) of the logistic regression of the label on logit(probability), in each replicate.

    (0, 1) is calibrated; a slope below 1: probabilities too extreme. NaN with one class, one probability, or perfect
    separation. Cox (1958); probabilities are kept 1e-6 from 0 and 1.
    A replicate is one Newton step from the fit to all rows: its score and its information are sums over families, and
    one step is accurate to second order, as good as the bootstrap itself (Davison and Hinkley 1997, 2.7).
    """
    x = _logit(rows.probability)
    intercept, slope = _fit(x, rows.label)
    a, b = np.full((2, len(weights)), np.nan)
    if not np.isnan(slope):
        a, b = _newton(totals(_moments(x, rows.label, intercept, slope), rows.family, weights))
    return {"calibration_intercept": intercept + a, "calibration_slope": slope + b}


def _logit(probability: Numbers) -> Numbers:
    p = np.clip(probability, LOGIT_SMALLEST, 1 - LOGIT_SMALLEST)
    odds: Numbers = np.log(p) - np.log1p(-p)
    return odds


def _moments(x: Numbers, y: Numbers, intercept: float, slope: float) -> dict[str, Numbers]:
    """Per row, the gradient (g) and the information (h) of the logistic log likelihood."""
    p = np.exp(-np.logaddexp(0, -(intercept + slope * x)))
    h = p * (1 - p)
    return {"g0": y - p, "g1": (y - p) * x, "h00": h, "h01": h * x, "h11": h * x * x}


def _newton(t: Mapping[str, Numbers]) -> tuple[Numbers, Numbers]:
    """The step (information)^-1 (gradient), NaN where the information is singular."""
    determinant = t["h00"] * t["h11"] - t["h01"] ** 2
    usable = np.where(determinant > 1e-9 * np.maximum(t["h00"] * t["h11"], 1e-9), determinant, 0.0)
    first = ratio(t["h11"] * t["g0"] - t["h01"] * t["g1"], usable)
    return first, ratio(t["h00"] * t["g1"] - t["h01"] * t["g0"], usable)


def _fit(x: Numbers, y: Numbers) -> tuple[float, float]:
    """Newton's method from (0, 1), halved where a full step would lose likelihood; NaN where it does not settle."""
    at = np.array([0.0, 1.0])
    for _ in range(50):
        step = np.array(_newton({k: numbers(v.sum()) for k, v in _moments(x, y, at[0], at[1]).items()}))
        if np.isnan(step).any():
            break
        while _likelihood(x, y, at + step) < _likelihood(x, y, at) and np.abs(step).max() > 1e-12:
            step = step / 2
        at = at + step
        if np.abs(step).max() < 1e-9 * max(1.0, np.abs(at).max()):
            return float(at[0]), float(at[1])
    return np.nan, np.nan


def _likelihood(x: Numbers, y: Numbers, at: Numbers) -> float:
    z = at[0] + at[1] * x
    return float(y @ z - np.logaddexp(0, z).sum())


# --- lists --------------------------------------------------------------------------------------------------------

Ties = Literal["best", "worst"]


def order(score: ArrayLike, label: ArrayLike, ties: Ties) -> Indices:
    """Rows by falling score; within a tie the luckiest (1, unknown, 0) or the unluckiest (0, unknown, 1) order.

    Equal rows keep their places. Between the two lies every list that ties allow.
    """
    y = np.nan_to_num(numbers(label), nan=0.5)
    return np.lexsort((-y if ties == "best" else y, -numbers(score)))


def places(score: Numbers, group: Indices) -> tuple[Numbers, Numbers]:
    """For each row, how many of its group have a higher score, and how many (itself too) the same."""
    by = np.lexsort((-score, group))
    s, g = score[by], group[by]
    new_group = np.r_[True, g[1:] != g[:-1]][: g.size]
    new_tie = new_group | np.r_[True, s[1:] != s[:-1]][: g.size]
    group_start = np.flatnonzero(new_group)[np.cumsum(new_group) - 1]
    tie = np.cumsum(new_tie) - 1
    better, tied = np.empty(s.size), np.empty(s.size)
    better[by] = np.flatnonzero(new_tie)[tie] - group_start
    tied[by] = np.bincount(tie)[tie]
    return better, tied


def listed(score: ArrayLike, group: ArrayLike, capacity: ArrayLike) -> Numbers:
    """Chance of each row to be among the `capacity` highest scores of its group, ties in random order.

    The chance of a tied row at the edge is places left / rows tied: sums over it are exact expectations, no draw is
    made. Group -1 is no group and never listed: a family without a facilitator is on no facilitator's list (it still
    counts among those to be found). `capacity` is one number or one per row.
    """
    g = np.asarray(group, dtype=np.intp)
    better, tied = places(numbers(score), g)
    chance = np.clip((numbers(capacity) - better) / np.maximum(tied, 1), 0, 1)
    return np.where(g < 0, 0.0, chance)


def share_capacity(group: ArrayLike, share: float) -> Numbers:
    """Capacity, per row, of lists of a share of each group: share x size rounded half up, at least 1.

    Size counts all rows of the group, whether or not their label is known. 1e-9 undoes that 0.03 x 50 may be 1.4999.
    """
    g = np.asarray(group, dtype=np.intp) + 1
    size = np.bincount(g)[g] if g.size else np.zeros(0)
    return np.maximum(1.0, np.floor(share * size + 0.5 + 1e-9))


def list_measures(rows: Rows, weights: Numbers) -> dict[str, Numbers]:
    """precision_at_, recall_at_ and lift_at_ each list, in each replicate; NaN for a list with nobody on it.

    precision: positives among the listed with known labels; recall: listed positives among all positives; lift:
    precision over the rate of all rows. A list stays as it was made: families are redrawn, lists are not.
    """
    columns = {"rows": np.ones_like(rows.label), "hits": rows.label}
    for name, chance in rows.lists.items():
        columns |= {f"listed {name}": chance, f"found {name}": chance * rows.label}
    t = totals(columns, rows.family, weights)
    measures: dict[str, Numbers] = {}
    for name in rows.lists:
        precision = ratio(t[f"found {name}"], t[f"listed {name}"])
        recall = np.where(t[f"listed {name}"] > 0, ratio(t[f"found {name}"], t["hits"]), np.nan)
        lift = ratio(precision, ratio(t["hits"], t["rows"]))
        measures |= {f"precision_at_{name}": precision, f"recall_at_{name}": recall, f"lift_at_{name}": lift}
    return measures


def precision_at(score: ArrayLike, label: ArrayLike, k: float, ties: Ties | None = None) -> float:
    """Positives among the known labels of the top k; `ties` None gives the expectation over random order of ties.

    With unknown labels inside the tie at the edge that expectation is a ratio of expectations.
    """
    s, y = numbers(score), numbers(label)
    if ties is not None:
        by = order(s, y, ties)
        s, y = -np.arange(s.size, dtype=float), y[by]
    chance = listed(s, np.zeros(s.size, np.intp), k)
    known = ~np.isnan(y)
    rows = Rows(s[known], y[known], np.arange(int(known.sum()), dtype=np.intp), {"k": chance[known]})
    return float(list_measures(rows, rows.once())["precision_at_k"][0])


# --- all of them, with intervals ----------------------------------------------------------------------------------


def measure(rows: Rows, weights: Numbers, bins: int = BINS) -> dict[str, Numbers]:
    """Every metric by name: element 0 the estimate, the others its bootstrap replicates (see `resample`)."""
    area, precision = Ranking.of(rows).measure(weights)
    return {
        "auc": area,
        "average_precision": precision,
        **probability_measures(rows, weights),
        **brier_measures(rows, weights, bins),
        **recalibration_measures(rows, weights),
        **list_measures(rows, weights),
    }


def interval(replicates: Numbers, level: float) -> tuple[float, float]:
    """Percentile interval of the bootstrap; NaN where fewer than 90 % of the replicates are defined."""
    defined = replicates[~np.isnan(replicates)]
    if not defined.size or defined.size < DEFINED * replicates.size:
        return np.nan, np.nan
    lower, upper = np.quantile(defined, [(1 - level) / 2, (1 + level) / 2])
    return float(lower), float(upper)


def wilson(hits: ArrayLike, rows: ArrayLike, level: float) -> tuple[Numbers, Numbers]:
    """Wilson's score interval of a proportion (1927), for rows that are independent; NaN for no rows."""
    n, z = numbers(rows), NormalDist().inv_cdf((1 + level) / 2)
    rate = ratio(numbers(hits), n)
    centre = ratio(rate * n + z * z / 2, n + z * z)
    half = z * np.sqrt(ratio(rate * (1 - rate) * n + z * z / 4, (n + z * z) ** 2))
    return np.maximum(centre - half, 0), np.minimum(centre + half, 1)


# --- groups -------------------------------------------------------------------------------------------------------


UNKNOWN = "unknown"


def groups(attribute: "pd.Series[Any]") -> Iterator[tuple[str, Flags]]:
    """(value, rows with it) in order of value, missing ones last as 'unknown', always, also where there are none."""
    value = attribute.astype("object").where(attribute.notna(), None)
    names = value.map(lambda v: UNKNOWN if v is None else str(v))
    for name in [*sorted(set(names) - {UNKNOWN}), UNKNOWN]:
        yield name, np.asarray(names == name, dtype=bool)
