"""What the benchmarks share: plain measures of two models on the same rows, and paired intervals of their difference.

Written apart from `pipeline/metrics.py`, so that one checks the other.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

Floats = NDArray[np.float64]
REPLICATES = 200
SEED = 20250630
PER_FACILITATOR = 10
REGENCY_SHARE = 0.03


@dataclass(frozen=True)
class Case:
    """One model's scores on rows, sorted once: what a replicate needs."""

    score: Floats
    label: Floats
    family: NDArray[np.intp]
    lists: Mapping[str, Floats]

    def measure(self, weight: Floats) -> dict[str, float]:
        w = weight[self.family]
        found = ranking(self.score, self.label, w) | {
            "brier": float(np.average((self.score - self.label) ** 2, weights=w))
        }
        return found | {
            name: float(np.average(self.label, weights=w * on)) if (w * on).sum() else np.nan
            for name, on in self.lists.items()
        }


def ranking(score: Floats, label: Floats, weight: Floats) -> dict[str, float]:
    """AUC (ties count half) and average precision (ties enter together), weighted."""
    order = np.argsort(-score, kind="stable")
    s, w, hit = score[order], weight[order], (weight * label)[order]
    last = np.flatnonzero(np.r_[s[1:] != s[:-1], True])
    seen, found = np.cumsum(w)[last], np.cumsum(hit)[last]
    positives, negatives = found[-1], seen[-1] - found[-1]
    here, wrong = np.diff(np.r_[0.0, found]), np.diff(np.r_[0.0, seen - found])
    beaten = negatives - np.cumsum(wrong) + wrong / 2
    precision = np.divide(found, seen, out=np.zeros_like(found), where=seen > 0)
    return {
        "AUC": float((here * beaten).sum() / (positives * negatives)),
        "AP": float((here * precision).sum() / positives),
    }


def listed(rows: pd.DataFrame, score: Floats) -> dict[str, Floats]:
    """1 where a row is on a list: the best ten of each facilitator, the best 3 % of each regency, on each date."""
    found = {}
    for name, column in (("P@10 a facilitator", "facilitator_id"), ("P@3 % a regency", "regency_code")):
        if column not in rows:
            continue
        group = rows.groupby(["as_of", column], dropna=False).ngroup().to_numpy()
        frame = pd.DataFrame({"group": group, "score": score})
        place = frame.groupby("group")["score"].rank(ascending=False, method="first").to_numpy()
        size = frame.groupby("group")["score"].transform("size").to_numpy()
        most = np.full(len(rows), PER_FACILITATOR) if column == "facilitator_id" else np.ceil(REGENCY_SHARE * size)
        found[name] = ((place <= most) & rows[column].notna().to_numpy()).astype(np.float64)
    return found


def compare(rows: pd.DataFrame, scores: Mapping[str, Floats], ours: str) -> Iterator[tuple[str, ...]]:
    """Lines of a table: measure, each model with its interval, and ours minus each other, paired by family."""
    return told(measured(rows, scores), ours)


def measured(rows: pd.DataFrame, scores: Mapping[str, Floats]) -> dict[str, pd.DataFrame]:
    """A row of measures for the rows as they are, then one for each resample of families, by model."""
    family = pd.factorize(rows["kpm_id"])[0]
    label = rows["label"].to_numpy(dtype=np.float64)
    cases = {name: Case(np.asarray(s), label, family, listed(rows, np.asarray(s))) for name, s in scores.items()}
    rng = np.random.default_rng(SEED)
    n = int(family.max()) + 1
    weights = [np.ones(n), *(np.bincount(rng.integers(0, n, n), minlength=n).astype(float) for _ in range(REPLICATES))]
    return {name: pd.DataFrame([case.measure(w) for w in weights]) for name, case in cases.items()}


def told(found: Mapping[str, pd.DataFrame], ours: str) -> Iterator[tuple[str, ...]]:
    """Lines of a table from `measured`."""
    others = [name for name in found if name != ours]
    yield ("", *found, *(f"{ours} - {other}" for other in others))
    for metric in found[ours]:
        each = [interval(m[metric]) for m in found.values()]
        apart = [interval(found[ours][metric] - found[o][metric], signed=True) for o in others]
        yield (metric, *each, *apart)


def interval(values: "pd.Series[float]", signed: bool = False) -> str:
    low, high = values.iloc[1:].quantile([0.025, 0.975])
    form = "+.4f" if signed else ".4f"
    return f"{values.iloc[0]:{form}} [{low:{form}}, {high:{form}}]"


def table(lines: Iterator[tuple[str, ...]]) -> str:
    """Markdown."""
    rows = list(lines)
    marked = [rows[0], tuple("---" for _ in rows[0]), *rows[1:]]
    return "\n".join("| " + " | ".join(row) + " |" for row in marked)
