"""What a picture shows of each model: calibration, precision and recall, gains, and what visits find."""

from collections.abc import Callable

import numpy as np
import pandas as pd

from pipeline import metrics
from pipeline.evaluate.cases import Cases
from pipeline.metrics import Numbers, Rows

MOST_POINTS = 200
MOST_VISITED = 30


def per_model(cases: Cases, table: Callable[[Numbers, Numbers], pd.DataFrame]) -> pd.DataFrame:
    """The table of every model's rows with known label, one below the other."""
    known = cases.known
    tables = {m: table(p[known], cases.label[known]) for m, p in cases.probability.items()}
    return pd.concat([t.assign(model=m)[["model", *t.columns]] for m, t in tables.items()], ignore_index=True)


def calibration_table(probability: Numbers, label: Numbers, level: float) -> pd.DataFrame:
    """bin, mean_probability, observed_rate, lower, upper, rows: at most ten bins of about equal counts."""
    if not label.size:
        return pd.DataFrame(columns=["bin", "mean_probability", "observed_rate", "lower", "upper", "rows"])
    bin_of = metrics.quantile_bins(probability)
    rows, hits = np.bincount(bin_of), np.bincount(bin_of, weights=label)
    lower, upper = metrics.wilson(hits, rows, level)
    mean = np.bincount(bin_of, weights=probability) / rows
    bounds = {"observed_rate": hits / rows, "lower": lower, "upper": upper}
    return pd.DataFrame({"bin": np.arange(1, rows.size + 1), "mean_probability": mean, **bounds, "rows": rows})


def precision_recall_table(probability: Numbers, label: Numbers) -> pd.DataFrame:
    """threshold, recall, precision of those with at least that probability.

    Spaced by equal ratios of rows, so dense where lists end.
    """
    order = np.argsort(-probability, kind="stable")
    score, found = probability[order], np.cumsum(label[order])
    last = np.flatnonzero(np.r_[score[1:] != score[:-1], True][: score.size])
    if last.size > MOST_POINTS:
        wanted = np.geomspace(last[0] + 1, last[-1] + 1, MOST_POINTS) - 1
        last = last[np.unique(np.searchsorted(last, wanted))]
    recall = metrics.ratio(found[last], metrics.numbers(label.sum()))
    return pd.DataFrame({"threshold": score[last], "recall": recall, "precision": found[last] / (last + 1)})


def gains_table(probability: Numbers, label: Numbers) -> pd.DataFrame:
    """share_visited, share_found: of all positives, in the share with the highest probabilities.

    Within a tie the line is straight, which is the expectation over random order.
    """
    order = np.argsort(-probability, kind="stable")
    score, found = probability[order], np.cumsum(label[order])
    last = np.flatnonzero(np.r_[score[1:] != score[:-1], True][: score.size])
    visited = np.linspace(0, 1, 101)
    curve = np.interp(visited * score.size, np.r_[0, last + 1], np.r_[0.0, found[last]])
    return pd.DataFrame({"share_visited": visited, "share_found": metrics.ratio(curve, metrics.numbers(label.sum()))})


def capacity_table(cases: Cases, model: str) -> pd.DataFrame:
    """model, per_facilitator, precision, recall for 1 to 30 visits a facilitator and as-of date."""
    known = cases.known
    label = cases.label[known]
    rows = []
    for k, chance in enumerate(visited(cases, cases.probability[model]), start=1):
        part = Rows(label, label, np.zeros(label.size, np.intp), {"k": chance[known]})
        measured = metrics.list_measures(part, np.ones((1, 1)))
        rows.append((model, k, measured["precision_at_k"][0], measured["recall_at_k"][0]))
    return pd.DataFrame(rows, columns=["model", "per_facilitator", "precision", "recall"])


def visited(cases: Cases, score: Numbers) -> list[Numbers]:
    """Each row's chance of being among the first 1, 2, ... 30 of its facilitator's list."""
    better, tied = metrics.places(score, cases.facilitators)
    served = cases.facilitators >= 0
    return [np.where(served, np.clip((k - better) / tied, 0, 1), 0.0) for k in range(1, MOST_VISITED + 1)]
