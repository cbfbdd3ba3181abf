"""Why two explanations differ: of two families, of one family before and after, of one family in two runs.

All differences are in log-odds and add up exactly to the difference of the raw scores, because contributions do. What
is told is what the model does with two sets of values; no value was changed in the world, so nothing here says what
would happen if it were.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from math import isnan
from typing import NamedTuple

import numpy as np
import pandas as pd

from pipeline.errors import BadInput
from pipeline.movements import CAUSES, COHORT, DATA, MODEL, shares
from pipeline.sample import Floats

TOLERANCE = 1e-9
CHANGE = re.compile(r"([^=]+)=(.+)")
NOT_KNOWN = "unknown"


@dataclass(frozen=True)
class Side:
    """One explained row: values and contributions, one a feature, and the base; their sum is the raw score."""

    values: Floats
    contributions: Floats
    base: float

    @property
    def raw(self) -> float:
        return float(self.contributions.sum() + self.base)


def by_feature(first: Side, second: Side, names: Sequence[str], concept: Mapping[str, str]) -> pd.DataFrame:
    """Columns feature, concept, first, second (values), log_odds_first, log_odds_second, difference; largest first.

    difference is second less first, and sums to the difference of the raw scores. ArithmeticError where it does not:
    the two were explained by different models.
    """
    difference = second.contributions - first.contributions
    off = abs(float(difference.sum()) - (second.raw - first.raw))
    if not off <= TOLERANCE:
        raise ArithmeticError(f"differences miss that of the raw scores by {off:.3g} (> {TOLERANCE:g})")
    found = pd.DataFrame(
        {
            "feature": list(names), "concept": [concept[n] for n in names], "first": first.values,
            "second": second.values, "log_odds_first": first.contributions, "log_odds_second": second.contributions,
            "difference": difference,
        }
    )  # fmt: skip
    return found.iloc[np.argsort(-np.abs(difference), kind="stable")].reset_index(drop=True)


def by_concept(table: pd.DataFrame) -> pd.DataFrame:
    """The table of `by_feature` summed by concept, in order of its name."""
    parts = ["log_odds_first", "log_odds_second", "difference"]
    return table.groupby("concept", sort=True)[parts].sum().reset_index()


def averaged(tables: Sequence[pd.DataFrame]) -> pd.DataFrame:
    """The mean of tables of `by_feature` made by different models of the same two rows; what one lacks is 0 there.

    Its differences sum to the mean of the differences of the raw scores.
    """
    parts = dict.fromkeys(("log_odds_first", "log_odds_second", "difference"), "sum")
    kept = dict.fromkeys(("concept", "first", "second"), "first")
    found = pd.concat(tables).groupby("feature", sort=True).agg(kept | parts).reset_index()
    found[list(parts)] /= len(tables)
    return found.iloc[np.argsort(-np.abs(found["difference"]), kind="stable")].reset_index(drop=True)


# ------------------------------------------------------------------ what if


class Change(NamedTuple):
    """A value that is put in place of a feature's own; `outside` where training saw none such."""

    feature: str
    value: float
    outside: bool


def changes(texts: Sequence[str], ranges: Mapping[str, tuple[float, float] | None]) -> list[Change]:
    """What `feature=value` asks for; a value is a number or `unknown`. ranges: of the model's features in training.

    BadInput for what is no such text, no feature of the model, no number, or asked twice.
    """
    found = [change(text, ranges) for text in texts]
    names = [c.feature for c in found]
    if twice := sorted({n for n in names if names.count(n) > 1}):
        raise BadInput(f"whatif: {twice[0]}: asked for twice", "give each feature one value")
    if not found:
        raise BadInput("whatif: nothing to change", "name at least one feature=value")
    return found


def change(text: str, ranges: Mapping[str, tuple[float, float] | None]) -> Change:
    parts = CHANGE.fullmatch(text)
    if parts is None:
        raise BadInput("whatif: a change is not of the form feature=value", "such as members=4, or members=unknown")
    name, written = parts[1].strip(), parts[2].strip()
    if name not in ranges:
        raise BadInput(f"whatif: {name}: no feature of the model", "see data/features/dictionary.csv, used_in_score")
    value = number(name, written)
    seen = ranges[name]
    return Change(name, value, not isnan(value) and (seen is None or not seen[0] <= value <= seen[1]))


def number(name: str, written: str) -> float:
    try:
        found = float("nan") if written == NOT_KNOWN else float(written)
    except ValueError:
        found = float("inf")
    if found in (float("inf"), float("-inf")) or (isnan(found) and written != NOT_KNOWN):
        raise BadInput(f"whatif: {name}: not a finite number", f"write it as 1250000 or 0.85, or as `{NOT_KNOWN}`")
    return found


def changed(values: Floats, names: Sequence[str], asked: Sequence[Change]) -> Floats:
    """A copy of a row [feature] with what is asked for in place."""
    found, at = values.copy(), {n: i for i, n in enumerate(names)}
    for one in asked:
        found[at[one.feature]] = one.value
    return found


# ------------------------------------------------------------------ since last time


@dataclass(frozen=True)
class Run:
    """What one run knew and said of a family: its features, and how it turns features into raw score and chance.

    `others`: the chances of all other families of its regency in that run. `before_in_ties`: of those with the very
    chance c, how many stand before the family.
    """

    features: pd.DataFrame
    raw: Callable[[pd.DataFrame], float]
    chance: Callable[[float], float]
    others: Floats
    before_in_ties: Callable[[float], int]

    def rank(self, chance: float) -> int:
        """The family's place in the regency, had it this chance."""
        return 1 + int((self.others > chance).sum()) + self.before_in_ties(chance)


@dataclass(frozen=True)
class Moved:
    """A number before and now, and what each cause did to it; the causes add up to the difference."""

    before: float
    now: float
    causes: Mapping[str, float]


def moved(before: Run, now: Run) -> dict[str, Moved]:
    """The raw score, the chance and the rank in the regency: before, now, and the shares of data, model and cohort.

    data: the family's features; model: the booster with its calibration; cohort: the other families' chances, whatever
    moved them. A score does not look at others, so the cohort moves the rank alone.
    """

    def of(causes: frozenset[str], cause: str) -> Run:
        return now if cause in causes else before

    def raw(causes: frozenset[str]) -> float:
        return of(causes, MODEL).raw(of(causes, DATA).features)

    def chance(causes: frozenset[str]) -> float:
        return of(causes, MODEL).chance(raw(causes))

    def rank(causes: frozenset[str]) -> float:
        return of(causes, COHORT).rank(chance(causes))

    every = frozenset(CAUSES)
    return {
        name: Moved(worth(frozenset()), worth(every), shares(worth))
        for name, worth in {"raw": raw, "chance": chance, "rank": rank}.items()
    }
