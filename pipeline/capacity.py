"""Who would be visited within the capacity: the one rule by which families come onto a list."""

import hashlib
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from pipeline.columns import FAMILY

Bools = NDArray[np.bool_]


@dataclass(frozen=True)
class Capacity:
    """Families one facilitator can visit, and the share of a regency's active families that its list may hold."""

    per_facilitator: int
    regency_share: float


def places(active: int, share: float) -> int:
    """Families a regency's list may hold: `share` of the active ones, rounded half up, at least 1."""
    exact = Decimal(active) * Decimal(str(share))
    return max(1, int(exact.quantize(Decimal(1), ROUND_HALF_UP)))


def listed(ordered: pd.DataFrame, capacity: Capacity) -> Bools:
    """Whether each family comes onto its regency's list; rows in order of rank, all families of the regencies.

    Eligible families are taken in that order, at most `per_facilitator` each (a family without a facilitator is not
    counted against any), then at most the regency's share; so a place that a full facilitator cannot use goes to the
    next family of the regency. Held families use no place. Columns: eligible, facilitator_id, regency_code.
    """
    at = pd.RangeIndex(len(ordered))
    rows = ordered[["eligible", "facilitator_id", "regency_code"]].set_axis(at, axis=0)
    limit = rows.groupby("regency_code").size().map(lambda n: places(int(n), capacity.regency_share))
    eligible = rows[rows["eligible"].astype(bool)]
    before = eligible.groupby("facilitator_id", dropna=False).cumcount()
    visited = eligible[before.where(eligible["facilitator_id"].notna(), 0) < capacity.per_facilitator]
    taken = visited.groupby("regency_code").cumcount() < visited["regency_code"].map(limit)
    return np.asarray(at.isin(visited.index[taken]))


def tie_order(families: "pd.Series[str]") -> NDArray[np.intp]:
    """Positions of the families in the order of the md5 of their kpm_id: nobody gains by a place in a file."""
    tie = np.array([hashlib.md5(k.encode(), usedforsecurity=False).digest() for k in families], dtype="S16")
    # Trailing zero bytes compare as absent in NumPy's byte strings; the order stays that of the digests.
    return np.argsort(tie, kind="stable")


def agreement(families: pd.DataFrame, scores: NDArray[np.float64], capacity: Capacity) -> NDArray[np.float64]:
    """The share of score columns under which each family comes onto its list, shape (n,).

    families: kpm_id, eligible, facilitator_id, regency_code, n rows. scores: (n, seeds), one column for each seed that
    the model was trained with. Equal scores are ordered by the md5 of kpm_id, as the list's ranks are.
    """
    place = np.argsort(tie_order(families[FAMILY]), kind="stable")
    votes = np.zeros(len(families))
    for score in scores.T:
        at = np.lexsort((place, -score))
        votes[at] += listed(families.iloc[at], capacity)
    return np.asarray(votes / scores.shape[1])


def borderline(families: pd.DataFrame, scores: NDArray[np.float64], capacity: Capacity, least: float) -> Bools:
    """Families that owe their place, or its lack, to the draw of a seed, shape (n,).

    Those that the mean over the seeds, or any one seed, puts on the list, but fewer than the share `least` of the
    seeds. A family that no seed would list is not near any border.
    """
    share = agreement(families, scores, capacity)
    wanted = agreement(families, scores.mean(axis=1, keepdims=True), capacity) > 0
    return np.asarray((wanted | (share > 0)) & (share < least))
