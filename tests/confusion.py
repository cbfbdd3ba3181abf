"""A plain second version of what the fairness audit counts and tests, for rows that are independent of each other."""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from pipeline.metrics import numbers


@dataclass(frozen=True)
class Confusion:
    """Counts of rows: selected or not against positive or not, and those whose label is unknown."""

    tp: int
    fp: int
    tn: int
    fn: int
    unlabelled: int

    @classmethod
    def of(cls, selected: ArrayLike, label: ArrayLike) -> "Confusion":
        chosen, y = np.asarray(selected, dtype=bool), numbers(label)
        cells = (chosen & (y == 1), chosen & (y == 0), ~chosen & (y == 0), ~chosen & (y == 1), np.isnan(y))
        return cls(*(int(c.sum()) for c in cells))

    def parts(self, rate: str) -> tuple[int, int]:
        """(numerator, denominator) of a rate, the denominator being the rows that the rate is about."""
        negatives, positives = self.fp + self.tn, self.tp + self.fn
        chosen, passed = self.tp + self.fp, self.tn + self.fn
        return {
            "fpr": (self.fp, negatives),
            "fnr": (self.fn, positives),
            "tpr": (self.tp, positives),
            "tnr": (self.tn, negatives),
            "precision": (self.tp, chosen),
            "fdr": (self.fp, chosen),
            "for": (self.fn, passed),
            "pprev": (chosen, chosen + passed),
            "prev": (positives, positives + negatives),
        }[rate]

    def rate(self, rate: str) -> float:
        """The rate, NaN without rows that it is about."""
        top, bottom = self.parts(rate)
        return top / bottom if bottom else np.nan


def two_proportions(hits: int, rows: int, other_hits: int, other_rows: int) -> float:
    """p value of equal proportions, two sided: the score test, which is chi-square without continuity correction.

    For rows that are independent: one as-of date at a time, for a family's quarters are not. NaN where either has no
    rows, or where all or none of both are hits and there is nothing to test.
    """
    if not rows or not other_rows:
        return np.nan
    pooled = (hits + other_hits) / (rows + other_rows)
    variance = pooled * (1 - pooled) * (1 / rows + 1 / other_rows)
    if variance <= 0:
        return np.nan
    return math.erfc(abs(hits / rows - other_hits / other_rows) / math.sqrt(2 * variance))


def compare(group: Confusion, reference: Confusion, rate: str) -> float:
    """p value that a rate differs between two groups, over the rows that the rate is about.

    The false positive rate is tested among negatives, not among the selected: the latter would be a test of the
    false discovery rate under another name.
    """
    return two_proportions(*group.parts(rate), *reference.parts(rate))
