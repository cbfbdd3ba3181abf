"""What the pictures show, as small tables; nothing here reads a file or draws."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from itertools import pairwise
from typing import Any

import numpy as np
import pandas as pd

from pipeline import concepts
from pipeline.columns import AS_OF, CENSORED, FAMILY, NONE, OUTCOME, TARGET

DAYS_IN_A_MONTH = 365.25 / 12
MONTHS = 24  # as far as data/snapshots/recorded.parquet follows a family
NAIVE = "naive"
KNOWN, UNKNOWN, AHEAD = "known", "not known yet", "ahead"
MOST_POINTS = 1500


# ------------------------------------------------------------------ the flow


@dataclass(frozen=True)
class Flow:
    """Stages by row, top to bottom, and the arrows that no longer way already tells.

    `bends` are the places, by row, through which an arrow passes that is longer than one row.
    """

    rows: tuple[tuple[str, ...], ...]
    arrows: tuple[tuple[str, ...], ...]


def needs(stages: Mapping[str, Any]) -> dict[str, set[str]]:
    """Of each stage of dvc.yaml, those whose outputs it reads."""
    made = {
        name: {_path(o) for kind in ("outs", "metrics") for o in stage.get(kind, [])} for name, stage in stages.items()
    }
    return {
        name: {other for other, outs in made.items() if other != name and _meets(stage.get("deps", []), outs)}
        for name, stage in stages.items()
    }


def _path(out: Any) -> str:
    return out if isinstance(out, str) else str(next(iter(out)))


def _meets(deps: Sequence[str], outs: set[str]) -> bool:
    return any(d == o or d.startswith(f"{o}/") or o.startswith(f"{d}/") for d in deps for o in outs)


def flow(stages: Mapping[str, Any]) -> Flow:
    """A row is how many stages must have ended before; rows are ordered so that arrows cross little."""
    before = needs(stages)
    above = _reached(before)
    direct = {n: {b for b in bs if not any(b in above[o] for o in bs)} for n, bs in before.items()}
    depth = {n: _depth(n, direct) for n in stages}
    arrows = [_bent(b, n, depth) for n, bs in direct.items() for b in sorted(bs)]
    rows = _ordered(list(stages), arrows, depth)
    return Flow(tuple(tuple(r) for r in rows), tuple(arrows))


def _reached(before: Mapping[str, set[str]]) -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    for name in before:
        seen: set[str] = set()
        waiting = list(before[name])
        while waiting:
            one = waiting.pop()
            waiting += before[one] - seen
            seen.add(one)
        found[name] = seen
    return found


def _depth(name: str, direct: Mapping[str, set[str]]) -> int:
    return 1 + max((_depth(b, direct) for b in direct[name]), default=-1)


def _bent(start: str, end: str, depth: Mapping[str, int]) -> tuple[str, ...]:
    """The arrow with a place of its own in every row it passes."""
    return (start, *(f"{start}>{end}@{row}" for row in range(depth[start] + 1, depth[end])), end)


def _ordered(names: Sequence[str], arrows: Sequence[tuple[str, ...]], depth: Mapping[str, int]) -> list[list[str]]:
    """Each row in the order of the mean place of what it hangs on, swept down and up a few times (Sugiyama 1981)."""
    rows: list[list[str]] = [[n for n in names if depth[n] == d] for d in range(1 + max(depth.values()))]
    for arrow in arrows:
        for step, place in enumerate(arrow[1:-1], start=1):
            rows[depth[arrow[0]] + step].append(place)
    links = [pair for a in arrows for pair in pairwise(a)]
    for sweep in range(12):
        down = sweep % 2 == 0
        for row in rows[1:] if down else rows[-2::-1]:
            at = {n: (i + 0.5) / len(r) for r in rows for i, n in enumerate(r)}
            hung = {n: [at[a if down else b] for a, b in links if (b if down else a) == n] for n in row}
            row.sort(key=lambda n: (float(np.mean(hung[n])) if hung[n] else at[n], n))
    return rows


# ------------------------------------------------------------------ time


def two_clocks(membership: pd.DataFrame, as_of: date) -> pd.DataFrame:
    """Exits of the year around `as_of`, at most MOST_POINTS: effective_on, recorded_on, seen."""
    day = pd.Timestamp(as_of)
    rows = membership[membership["event"] == "exited"][["effective_on", "recorded_on"]].apply(pd.to_datetime)
    near = rows[(rows["effective_on"] - day).abs() <= pd.Timedelta(days=183)].sort_values(
        ["effective_on", "recorded_on"]
    )
    thin: pd.DataFrame = near.iloc[:: max(1, -(-len(near) // MOST_POINTS))]
    seen = np.where(thin["effective_on"] > day, AHEAD, np.where(thin["recorded_on"] > day, UNKNOWN, KNOWN))
    return thin.assign(seen=seen)


def followed(moments: Mapping[str, str], extracted_on: date) -> date | None:
    """The latest as-of date whose families are known for MONTHS months: matured a year before the extract.

    `moments`: as-of date -> the day its labels, of twelve months, matured. None where the history is too short.
    """
    year_before = extracted_on.replace(year=extracted_on.year - 1, day=min(extracted_on.day, 28))
    known = [a for a, matured in moments.items() if date.fromisoformat(matured) <= year_before]
    return date.fromisoformat(max(known)) if known else None


def incidence(recorded: pd.DataFrame, as_of: date) -> pd.DataFrame:
    """Columns outcome, month, share: the Aalen-Johansen estimate of having left in that way by then; NAIVE beside them.

    In a month d_k of the n still at risk leave in way k: the share grows by S d_k / n, S being who was left before it.
    Where nobody is censored that is the plain share of the families. NAIVE is one minus Kaplan-Meier for gsm with every
    other exit taken for censored: a world where nobody leaves otherwise. Rows censored on no day are left out.
    """
    rows = recorded[pd.to_datetime(recorded[AS_OF]) == pd.Timestamp(as_of)]
    rows = rows[(rows[OUTCOME] != CENSORED) | rows["outcome_on"].notna()]
    days = (pd.to_datetime(rows["outcome_on"]) - pd.Timestamp(as_of)).dt.days
    month = np.ceil(days / DAYS_IN_A_MONTH).clip(1, MONTHS)
    counts = pd.crosstab(month, rows[OUTCOME]).reindex(range(1, MONTHS + 1), fill_value=0)
    at_risk = len(rows) - counts.sum(axis=1).cumsum().shift(fill_value=0)
    hazards = counts.drop(columns=[NONE, CENSORED], errors="ignore").div(at_risk, axis=0)
    left = (1 - hazards.sum(axis=1)).cumprod().shift(fill_value=1.0)
    shares = hazards.mul(left, axis=0).cumsum()
    shares[NAIVE] = 1 - (1 - hazards.get(TARGET, 0 * at_risk)).cumprod()
    return shares.rename_axis("month").reset_index().melt("month", var_name=OUTCOME, value_name="share")


# ------------------------------------------------------------------ the model and places


def by_concept(contributions: pd.DataFrame, concept_of: Mapping[str, str]) -> pd.DataFrame:
    """Columns concept, raises, lowers: means over families of the positive and negative sums; largest first."""
    names = [str(c) for c in contributions if c in concept_of]
    of = [concept_of[n] for n in names]
    net = concepts.summed(contributions[names].to_numpy(dtype="float64"), of)
    table = pd.DataFrame(
        {
            "concept": list(concepts.members(of)),
            "raises": net.clip(min=0).mean(axis=0),
            "lowers": net.clip(max=0).mean(axis=0),
        }
    )
    size = table["raises"] - table["lowers"]
    return table.iloc[np.argsort(-size.to_numpy(), kind="stable")].reset_index(drop=True)


def regencies(scores: pd.DataFrame, names: Mapping[str, str]) -> pd.DataFrame:
    """Columns regency_code, name (else the code), families, chance: the mean chance of a regency's families."""
    found = scores.groupby("regency_code", as_index=False).agg(
        families=(FAMILY, "size"), chance=("probability", "mean")
    )
    return found.assign(name=[names.get(code) or code for code in found["regency_code"]])
