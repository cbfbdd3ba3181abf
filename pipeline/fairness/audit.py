"""Every group of every attribute, and of every two, against everybody else: counts, rates, tests."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import combinations
from typing import Any

import numpy as np
import pandas as pd

from pipeline.fairness import intervals, moments, significance
from pipeline.fairness.groups import Codes, Groups
from pipeline.fairness.moments import Atoms, Division, Folded, Measure
from pipeline.fairness.settings import (
    BETTER,
    CANNOT_TELL,
    GROUP,
    HIGHER,
    LOWER,
    NO_DIFFERENCE,
    PAIR,
    SINGLE,
    WORSE,
    Cells,
    Config,
    names_of,
)
from pipeline.metrics import Indices, Numbers

NUMBERS = [
    "families", "top", "bottom", "estimate", "lower", "upper", "rest", "difference", "difference_lower",
    "difference_upper", "design_effect", "p", "p_adjusted", "detectable",
]  # fmt: skip
COLUMNS = [*GROUP, "measure", *NUMBERS, "verdict", "why"]


@dataclass(frozen=True)
class Asked:
    """What is counted of whom: a family number per row, its groups, atoms (0 or 1, or a chance), the measures.

    `cells`: the atoms that are told as counts, and how they sum up. Of two attributes together only the measures
    `of_pairs` and the cells `cells_of_pairs`, the first of them, are told.
    """

    family: Indices
    groups: Groups
    atoms: Atoms
    measures: tuple[Measure, ...]
    cells: Cells
    cells_of_pairs: Cells
    of_pairs: tuple[str, ...]


@dataclass(frozen=True)
class Found:
    """`rates`: one row per group and measure (COLUMNS). `counts`: one row per group: GROUP, rows, every cell, and for
    each of them `families_<name>`, the distinct families in it."""

    rates: pd.DataFrame
    counts: pd.DataFrame


def measure(asked: Asked, config: Config) -> Found:
    """All rows are used; every group is shown, `unknown` too, also where it is empty (of two attributes: if not)."""
    folded = moments.fold(asked.family, asked.groups, asked.atoms, asked.measures)
    parts = [_part(asked, folded, names, config) for names in _divisions(asked.groups)]
    rates = pd.concat([p[0] for p in parts], ignore_index=True)
    counts = pd.concat([p[1] for p in parts], ignore_index=True)
    return Found(_judged(rates, asked.measures, config), counts)


def _divisions(groups: Groups) -> Iterator[tuple[str, ...]]:
    yield ()
    yield from ((name,) for name in groups.names)
    yield from combinations(groups.names, 2)


def _part(asked: Asked, folded: Folded, names: tuple[str, ...], config: Config) -> tuple[pd.DataFrame, pd.DataFrame]:
    code, labels = _named(asked.groups, folded.profiles, names)
    division = moments.divide(folded, code, len(labels))
    shown = division.families[:, -1] > 0 if len(names) == 2 else np.ones(len(labels), dtype=bool)
    cells = asked.cells_of_pairs if len(names) == 2 else asked.cells
    wanted = [m for m in asked.measures if len(names) < 2 or m.name in asked.of_pairs]
    rates = [_rates(asked, folded, division, m, config).assign(**labels) for m in wanted]
    told = pd.concat(rates, ignore_index=True)
    return told[np.tile(shown, len(wanted))], _counts(folded, division, labels, cells)[shown]


def _named(groups: Groups, profiles: Codes, names: tuple[str, ...]) -> tuple[Codes, pd.DataFrame]:
    """The group of each profile, and the names of the groups in order: the columns GROUP."""
    order = list(groups.names)
    columns = [profiles[:, order.index(n)] for n in names]
    lists = [groups.names[n] for n in names]
    code = np.zeros(len(profiles), dtype=np.int64)
    for column, of in zip(columns, lists, strict=True):
        code = code * len(of) + column
    product: Any = pd.MultiIndex.from_product(lists) if lists else [()]
    rows = [tuple(p) if isinstance(p, tuple) else (p,) for p in product]
    padded = [(*names, "", "")[:2] for _ in rows]
    told = [(*r, "", "")[:2] for r in rows]
    kind = PAIR if len(names) == 2 else SINGLE
    frame = [(kind, a, g, b, h) for (a, b), (g, h) in zip(padded, told, strict=True)]
    return code, pd.DataFrame(frame, columns=GROUP, dtype="object")


def _counts(folded: Folded, division: Division, labels: pd.DataFrame, cells: Cells) -> pd.DataFrame:
    at = {name: i for i, name in enumerate(folded.atoms)}
    table = labels.copy()
    for name in names_of(cells):
        table[name] = np.rint(division.sums[:, at[name]]).astype(np.int64)
        table[f"families_{name}"] = division.families[:, at[name]].astype(np.int64)
    return table


def _rates(asked: Asked, folded: Folded, division: Division, of: Measure, config: Config) -> pd.DataFrame:
    number = asked.measures.index(of)
    mine = intervals.sums_of(division, of, number, folded.atoms)
    everybody, cross = intervals.everybody(folded.totals, mine, number), division.cross[:, number]
    rest = intervals.others(mine, everybody, cross)
    rate, other = intervals.rate(mine, of, config.level), intervals.rate(rest, of, config.level)
    tested = significance.test(mine, everybody, cross, of)
    d, lower, upper = intervals.difference(rate, other)
    return pd.DataFrame(
        {
            "measure": of.name, "families": division.families[:, -1], "top": mine.top, "bottom": mine.bottom,
            "estimate": rate.estimate, "lower": rate.lower, "upper": rate.upper, "rest": other.estimate,
            "difference": d, "difference_lower": lower, "difference_upper": upper, "design_effect": rate.effect,
            "p": tested.p, "detectable": significance.detectable(tested.error, config.level, config.power),
            "expected": tested.expected, "alone": ~(rest.bottom > 0),
        }
    )  # fmt: skip


def _judged(rates: pd.DataFrame, measures: tuple[Measure, ...], config: Config) -> pd.DataFrame:
    """Adds p_adjusted over every test of single attributes, and over every test of two; verdict and why; COLUMNS."""
    of = {m.name: m for m in measures}
    why = _untested(rates, config)
    mirrored = rates["measure"].map(lambda name: of[name].mirror is not None).to_numpy(dtype=bool)
    everybody = (rates["attribute"] == "").to_numpy()
    tested = (why == "") & ~everybody
    p = np.where(tested & ~mirrored, rates["p"].to_numpy(dtype="float64"), np.nan)
    corrected = np.full(p.shape, np.nan)
    for kind in (SINGLE, PAIR):
        mine = (rates["kind"] == kind).to_numpy()
        corrected[mine] = significance.adjusted(p[mine], config.multiplicity)
    twin = {m.name: m.mirror for m in measures if m.mirror is not None}
    corrected = _mirrored(rates, corrected, twin)
    worse = rates["measure"].map(lambda name: of[name].worse or "").to_numpy(dtype=object)
    verdict = _verdicts(rates, corrected, worse, config)
    blind = tested & (verdict == CANNOT_TELL)
    why = np.where(blind, "too few to find a difference that matters", why)
    verdict = np.where(why != "", CANNOT_TELL, verdict)
    verdict, why = (np.where(everybody, "", words) for words in (verdict, why))
    told = rates.assign(p_adjusted=corrected, verdict=verdict, why=why)
    told.loc[~tested, ["p", "p_adjusted", "detectable"]] = np.nan
    return told[COLUMNS]


def _untested(rates: pd.DataFrame, config: Config) -> np.ndarray[Any, np.dtype[np.object_]]:
    """Why nothing can be told of a group; '' where a test was made."""
    families, expected = rates["families"].to_numpy(), rates["expected"].to_numpy()
    reasons = [
        (families == 0, "nobody"),
        (families < config.group_minimum, f"fewer than {config.group_minimum} families"),
        (rates["bottom"].to_numpy() <= 0, "no rows that the rate is about"),
        (rates["alone"].to_numpy(), "nobody else to compare with"),
        (~(expected >= config.expected_minimum), f"fewer than {config.expected_minimum:g} expected"),
        (rates["p"].isna().to_numpy(), "nothing varies"),
    ]
    found = np.select([r for r, _ in reasons], [w for _, w in reasons], default="")
    return found.astype(object)


def _mirrored(rates: pd.DataFrame, corrected: Numbers, twin: dict[str, str]) -> Numbers:
    """A measure that is another's complement takes its adjusted p value."""
    key = [*GROUP, "measure"]
    known = pd.Series(corrected, index=pd.MultiIndex.from_frame(rates[key]))
    asked = rates[key].assign(measure=rates["measure"].replace(twin))
    return np.asarray(known.reindex(pd.MultiIndex.from_frame(asked)), dtype=np.float64)


def _verdicts(
    rates: pd.DataFrame, corrected: Numbers, worse: np.ndarray[Any, Any], config: Config
) -> np.ndarray[Any, np.dtype[np.object_]]:
    """`no difference found` only where one of `matters` x everybody else's rate would have been found."""
    higher = rates["difference"].to_numpy() > 0
    side = np.where(higher, HIGHER, LOWER)
    directed = np.where(worse == "", side, np.where(side == worse, WORSE, BETTER))
    seeing = rates["detectable"].to_numpy() <= config.matters * rates["rest"].to_numpy()
    calm = np.where(seeing, NO_DIFFERENCE, CANNOT_TELL)
    return np.where(corrected <= config.error_rate, directed, calm)
