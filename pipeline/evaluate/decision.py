"""What a score is worth to those who visit: the decision curve, and more visits against a better score."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from pipeline import metrics
from pipeline.evaluate import curves
from pipeline.evaluate.cases import Cases
from pipeline.evaluate.measures import Draws, widest
from pipeline.evaluate.settings import BOUNDS, HEADLINE, Config
from pipeline.metrics import Indices, Numbers, Rows

NOBODY, EVERYBODY = "nobody", "everybody"
VISITS, SCORE, MODEL = "visits", "score", "model"
SURE = 1e-6  # probabilities are kept this far from 0 and 1 before log-odds
By = Mapping[str, Numbers]


def clusters(cases: Cases, weights: Draws) -> dict[str, tuple[Indices, Numbers]]:
    """Each known row's cluster and the clusters' weights, by kind of cluster."""
    found = {"family": (cases.family[cases.known], weights.family)}
    if weights.facilitator is not None:
        found["facilitator"] = (cases.cluster[cases.known], weights.facilitator)
    return found


# --- decision curve -----------------------------------------------------------------------------------------------


def decision_table(cases: Cases, weights: Draws, rule: str, config: Config) -> pd.DataFrame:
    """The decision curve: Evaluation.decision; `rule` is the best rule of thumb.

    gain is the champion's net benefit less that of the best of nobody, everybody and the rule at that threshold, found
    on the same data, which favours the alternative.
    """
    at = config.thresholds
    thresholds = np.geomspace(at.lowest, at.highest, at.points)
    curve = {m: _benefits(cases, weights, p, thresholds) for m, p in cases.probability.items()}
    sure = np.ones_like(cases.label)
    curve |= {EVERYBODY: _benefits(cases, weights, sure, thresholds)}
    curve |= {NOBODY: _benefits(cases, weights, 0 * sure, thresholds)}
    rows = [
        {"model": model, "threshold": float(t), **_worth(found, i, config.level)}
        | _gain(curve, model, (i, rule), config)
        for model, found in curve.items()
        for i, t in enumerate(thresholds)
    ]
    return pd.DataFrame(rows)


def _benefits(cases: Cases, weights: Draws, probability: Numbers, thresholds: Numbers) -> dict[str, tuple[Any, Any]]:
    p, label = probability[cases.known], cases.label[cases.known]
    return {
        name: net_benefit(Rows(p, label, cluster, {}), thresholds, drawn)
        for name, (cluster, drawn) in clusters(cases, weights).items()
    }


def net_benefit(rows: Rows, thresholds: Numbers, weights: Numbers) -> tuple[Numbers, Numbers]:
    """(net benefit, share visited) a family, each (replicates, thresholds), of visits from each threshold t on.

    Net benefit = (true positives - false positives x t / (1 - t)) / families (Vickers and Elkin 2006): whoever visits
    from a chance of t on says that a visit in vain costs t / (1 - t) of what finding a graduate is worth.
    """
    count, width = weights.shape[1], thresholds.size + 1
    cell = rows.family * width + np.searchsorted(thresholds, rows.probability, side="right")

    def from_above(column: Numbers) -> Numbers:
        cells = np.bincount(cell, weights=column, minlength=count * width).reshape(count, width)
        summed: Numbers = np.cumsum((weights @ cells)[:, ::-1], axis=1)[:, ::-1]
        return summed

    visited, hits = from_above(np.ones_like(rows.label)), from_above(rows.label)
    everybody = visited[:, :1]
    worth = hits[:, 1:] - (visited - hits)[:, 1:] * thresholds / (1 - thresholds)
    return metrics.ratio(worth, everybody), metrics.ratio(visited[:, 1:], everybody)


def _worth(found: Mapping[str, tuple[Numbers, Numbers]], i: int, level: float) -> dict[str, Any]:
    bounds = widest({c: benefit[:, i] for c, (benefit, _) in found.items()}, level)
    share = found["family"][1][0, i]
    return {"net_benefit": bounds["estimate"], "lower": bounds["lower"], "upper": bounds["upper"], "visited": share}


def _gain(curve: Mapping[str, Any], model: str, at: tuple[int, str], config: Config) -> dict[str, Any]:
    if model != config.champion:
        return {"against": None, "gain": None, "gain_lower": None, "gain_upper": None}
    i, rule = at
    known = {m: curve[m]["family"][0][0, i] for m in (NOBODY, EVERYBODY, rule)}
    other = max(known, key=lambda m: known[m])
    gain = {c: found[0][:, i] - curve[other][c][0][:, i] for c, found in curve[model].items()}
    bounds = widest(gain, config.level)
    return {"against": other, **dict(zip(("gain", "gain_lower", "gain_upper"), map(bounds.get, BOUNDS), strict=True))}


# --- more visits, or a better score? ------------------------------------------------------------------------------


def value_table(cases: Cases, weights: Draws, precision: Mapping[str, Any], config: Config) -> pd.DataFrame:
    """What more visits find, and what a better score would: Evaluation.value.

    A better score is made from the champion's: the log-odds of every family that did graduate are raised by the same
    amount. It is what the visits would find if the evidence told the two kinds of families further apart; how to come
    by such evidence it does not tell.
    """
    mine = cases.probability[config.champion]
    now, k = precision[config.champion], config.per_facilitator
    ways: list[tuple[str, str, float, float | None, Numbers]]
    ways = [(VISITS, config.champion, n, now, c) for n, c in enumerate(curves.visited(cases, mine), start=1)]
    for amount in config.better_by:
        p = better(mine, cases.label, amount)
        ways.append((SCORE, config.champion, amount, _precision(cases, p), _listed(cases, p, k)))
    others = [m for m in cases.probability if m != config.champion]
    ways += [(MODEL, m, k, precision[m], _listed(cases, cases.probability[m], k)) for m in others]
    found = _found(cases, weights, [w[-1] for w in ways])
    rows = [
        {"way": way, "model": model, "amount": float(amount), HEADLINE: average}
        | _told({c: f[:, i] for c, f in found.items()}, config.level)
        for i, (way, model, amount, average, _) in enumerate(ways)
    ]
    table = pd.DataFrame(rows)
    return table.assign(equal_visits=_equal_visits(table))


def better(probability: Numbers, label: Numbers, amount: float) -> Numbers:
    """Probabilities with the log-odds of those that graduate raised by `amount`; unknown labels stay as they are."""
    p = np.clip(probability, SURE, 1 - SURE)
    odds = np.log(p) - np.log1p(-p) + amount * (label == 1)
    raised: Numbers = 1 / (1 + np.exp(-odds))
    return raised


def _precision(cases: Cases, probability: Numbers) -> float | None:
    value = metrics.average_precision(probability[cases.known], cases.label[cases.known])
    return None if np.isnan(value) else value


def _listed(cases: Cases, probability: Numbers, capacity: int) -> Numbers:
    return metrics.listed(probability, cases.facilitators, capacity)


def _found(cases: Cases, weights: Draws, chances: list[Numbers]) -> dict[str, Numbers]:
    """Graduates found per facilitator and as-of date, (replicates, lists), by kind of cluster.

    The number of lists stays as it was: families or facilitators are redrawn, lists are not made again.
    """
    known, lists = cases.known, int(cases.facilitators.max(initial=-1)) + 1
    found = {}
    for name, (cluster, drawn) in clusters(cases, weights).items():
        hits = {str(i): chance[known] * cases.label[known] for i, chance in enumerate(chances)}
        summed = np.column_stack(list(metrics.totals(hits, cluster, drawn).values()))
        found[name] = summed / lists if lists else np.full_like(summed, np.nan)
    return found


def _told(values: By, level: float) -> dict[str, Any]:
    bounds = widest(values, level)
    return {"found": bounds["estimate"], "lower": bounds["lower"], "upper": bounds["upper"]}


def _equal_visits(table: pd.DataFrame) -> "pd.Series[float]":
    """Visits a facilitator that would find as many with the champion as it is; null beyond those that were counted."""
    visits = table[table["way"] == VISITS]
    counts, found = np.r_[0.0, visits["amount"]], np.r_[0.0, visits["found"].astype("float64")]
    wanted = table["found"].astype("float64")
    equal = np.interp(wanted, found, counts) if visits["found"].notna().all() else np.full(len(table), np.nan)
    return pd.Series(np.where(wanted <= found[-1], equal, np.nan), index=table.index)
