"""What must come out, written a second time and as plainly as can be: chances, ranks, capacity, measures.

Nothing of what made the run is imported: one checks the other.
"""

import hashlib
import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


class Scored(NamedTuple):
    """What ranks and capacity look at of one family."""

    family: str
    probability: float
    regency: str | None
    facilitator: str | None
    eligible: bool


def chance(raw: float, told: Mapping[str, Any]) -> float:
    """The calibrated chance of a raw score: 1 / (1 + exp(-(intercept + slope z))), z the standardised score."""
    z = (raw - told["center"]) / told["scale"]
    return 1.0 / (1.0 + math.exp(-(told["intercept"] + told["slope"] * z)))


def in_order(families: Iterable[Scored]) -> list[Scored]:
    """The highest chance first; of equal ones the lower md5 of kpm_id."""
    return sorted(families, key=lambda f: (-f.probability, hashlib.md5(f.family.encode()).hexdigest()))


def ranks(ordered: Sequence[Scored]) -> list[tuple[int, int, int | None]]:
    """Rank over all, in the regency and, where there is one, for the facilitator."""
    regencies: Counter[str | None] = Counter()
    facilitators: Counter[str] = Counter()
    found: list[tuple[int, int, int | None]] = []
    for place, family in enumerate(ordered, start=1):
        regencies[family.regency] += 1
        mine = None
        if family.facilitator is not None:
            facilitators[family.facilitator] += 1
            mine = facilitators[family.facilitator]
        found.append((place, regencies[family.regency], mine))
    return found


def listed(ordered: Sequence[Scored], per_facilitator: int, share: float) -> dict[str, list[str]]:
    """The list of each regency: eligible families in order, within both capacities."""
    active = Counter(f.regency for f in ordered if f.regency is not None)
    places = {code: max(1, math.floor(n * share + 0.5)) for code, n in active.items()}
    visits: Counter[str] = Counter()
    chosen: dict[str, list[str]] = {code: [] for code in active}
    for family in ordered:
        if not family.eligible or family.regency is None:
            continue
        if family.facilitator is not None:
            visits[family.facilitator] += 1
            if visits[family.facilitator] > per_facilitator:
                continue
        if len(chosen[family.regency]) < places[family.regency]:
            chosen[family.regency].append(family.family)
    return chosen


# ------------------------------------------------------------------ measures


def measures(probability: Floats, label: Floats) -> dict[str, float]:
    """AUC, average precision, Brier score, log loss, observed rate and mean chance of rows with known labels."""
    kept = np.clip(probability, 1e-15, 1 - 1e-15)
    return {
        "auc": auc(probability, label),
        "average_precision": average_precision(probability, label),
        "brier": float(np.mean((probability - label) ** 2)),
        "log_loss": float(-np.mean(np.where(label > 0, np.log(kept), np.log1p(-kept)))),
        "observed_rate": float(label.mean()),
        "mean_probability": float(probability.mean()),
    }


def auc(score: Floats, label: Floats) -> float:
    """The share of pairs of a positive and a negative that stand in the right order; a tie is half a pair."""
    value, group = np.unique(score, return_inverse=True)
    positive = np.bincount(group, label, minlength=len(value))
    negative = np.bincount(group, 1 - label, minlength=len(value))
    below = np.cumsum(negative) - negative
    pairs = positive.sum() * negative.sum()
    return float((positive * (below + negative / 2)).sum() / pairs) if pairs else float("nan")


def average_precision(score: Floats, label: Floats) -> float:
    """The mean over positives of the share of positives among the rows with that score or more; ties come together."""
    value, group = np.unique(-score, return_inverse=True)
    positive, rows = np.bincount(group, label, minlength=len(value)), np.bincount(group, minlength=len(value))
    precision = np.cumsum(positive) / np.cumsum(rows)
    return float((positive * precision).sum() / positive.sum()) if positive.sum() else float("nan")
