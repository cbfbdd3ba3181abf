"""Why families moved on the list since last time: what data, model and the other families did to chance and rank.

Two runs in, one row a family out. Whatever is moved first meets the others as they were, so the mean over all orders
is told: the only split that adds up, treats all alike and gives nothing to what changes nothing (Shapley 1953).
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from itertools import combinations
from math import factorial
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from pipeline.capacity import tie_order
from pipeline.columns import FAMILY
from pipeline.sample import Floats

DATA, MODEL, COHORT = "data", "model", "cohort"
CAUSES = (DATA, MODEL, COHORT)
TOLERANCE = 1e-9
COLUMNS = (
    "chance_before", "chance_now", "chance_data", "chance_model",
    "rank_before", "rank_now", "rank_data", "rank_model", "rank_cohort",
)  # fmt: skip


def shares(worth: Callable[[frozenset[str]], Any]) -> dict[str, Any]:
    """What data, model and cohort each did to a number that all three moved together: Shapley values.

    worth(causes): the number, or an array of them, where these causes are as they are now and the others as before.
    """
    found = {}
    for cause in CAUSES:
        others = [c for c in CAUSES if c != cause]
        found[cause] = sum(
            factorial(size) * factorial(len(others) - size) / factorial(len(CAUSES))
            * (worth(frozenset(before) | {cause}) - worth(frozenset(before)))
            for size in range(len(others) + 1)
            for before in combinations(others, size)
        )  # fmt: skip
    return found


@dataclass(frozen=True)
class Run:
    """What one run knew: `features` of the families asked for, how it turns them into raw scores and chances.

    `scores`: kpm_id, probability, regency_code of every family of their regencies.
    """

    features: pd.DataFrame
    raw: Callable[[pd.DataFrame], Floats]
    chance: Callable[[Floats], Floats]
    scores: pd.DataFrame


def nothing() -> pd.DataFrame:
    """The table without a row."""
    empty = pd.DataFrame({FAMILY: pd.Series(dtype="object")})
    return empty.assign(**{c: pd.Series(dtype="float64") for c in COLUMNS})


def moved(before: Run, now: Run) -> pd.DataFrame:
    """Chance and rank in the regency before and now, and what each cause did to them; key kpm_id.

    Both runs hold features of the same families in the same order, each scored by both. What the causes did adds up to
    the change; others move the rank alone. A family whose recorded chance its run's model does not give is left out:
    its features of that day are no longer those that were scored.
    """
    families = now.features[FAMILY]

    def of(causes: frozenset[str], cause: str) -> Run:
        return now if cause in causes else before

    @cache
    def chance(causes: frozenset[str]) -> Floats:
        model = of(causes, MODEL)
        return model.chance(model.raw(of(causes, DATA).features))

    def worth(causes: frozenset[str]) -> Floats:
        return chance(causes & {DATA, MODEL})

    def rank(causes: frozenset[str]) -> Floats:
        return placed(of(causes, COHORT).scores, families, worth(causes))

    every = frozenset(CAUSES)
    told: Mapping[str, Floats] = {
        "chance_before": worth(frozenset()), "chance_now": worth(every),
        **{f"chance_{c}": v for c, v in shares(worth).items() if c != COHORT},
        "rank_before": rank(frozenset()), "rank_now": rank(every),
        **{f"rank_{c}": v for c, v in shares(rank).items()},
    }  # fmt: skip
    found = pd.DataFrame({FAMILY: families.to_numpy(), **told})[[FAMILY, *COLUMNS]]
    same = agrees(before, found, "chance_before") & agrees(now, found, "chance_now")
    return found[same].sort_values(FAMILY, ignore_index=True)


def agrees(run: Run, found: pd.DataFrame, column: str) -> NDArray[np.bool_]:
    recorded = found[FAMILY].map(run.scores.set_index(FAMILY)["probability"])
    return np.asarray((recorded - found[column]).abs() <= TOLERANCE)


def placed(scores: pd.DataFrame, families: pd.Series, chances: Floats) -> Floats:
    """The place of each family in its regency, had it this chance and all others their own; ties by md5 of kpm_id."""
    own = scores.set_index(FAMILY)["regency_code"].fillna("")
    at = families.map(own).to_numpy()
    found = np.empty(len(families))
    for regency, rows in scores.groupby(scores["regency_code"].fillna("")):
        mine = np.flatnonzero(at == regency)
        if len(mine):
            found[mine] = places(rows, families.iloc[mine], chances[mine])
    return found


def places(rows: pd.DataFrame, families: pd.Series, chances: Floats) -> Floats:
    """Of one regency. The family's own row is taken out of those that stand before it."""
    tie = pd.Series(np.argsort(tie_order(rows[FAMILY]), kind="stable"), index=pd.Index(rows[FAMILY]))
    held = rows["probability"].to_numpy(dtype=np.float64)
    asked = np.concatenate([np.zeros(len(rows)), np.ones(len(families))])
    ties = np.concatenate([tie.to_numpy(), tie[families.to_numpy()].to_numpy()])
    order = np.lexsort((asked, ties, -np.concatenate([held, chances])))
    before = np.empty(len(order))
    before[order] = np.cumsum(asked[order] == 0)
    itself = families.map(rows.set_index(FAMILY)["probability"]).to_numpy(dtype=np.float64) >= chances
    return np.asarray(1 + before[len(rows) :] - itself)
