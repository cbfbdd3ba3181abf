"""What follows: the verdicts counted, the findings in order, one line each in Indonesian and English."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from pipeline import fairness_wording as words
from pipeline.fairness.audit import Asked, Found
from pipeline.fairness.settings import (
    BETTER,
    CANNOT_TELL,
    GROUP,
    HIGHER,
    LOWER,
    NO_DIFFERENCE,
    SINGLE,
    VERDICTS,
    WORSE,
    Config,
)


@dataclass(frozen=True)
class Judged:
    """What was asked; the tables of the room, and those that may leave it."""

    asked: Asked
    inside: Found
    outside: Found


def _hidden(inside: Found, outside: Found) -> int:
    """Counts that are not told outside."""
    names = [c for c in outside.counts if c in inside.counts]
    return int((outside.counts[names].isna() & inside.counts[names].notna()).to_numpy().sum())


def with_absent(rates: pd.DataFrame, asked: Asked) -> pd.DataFrame:
    """The rates with one row more per attribute that cannot be told in this extract: `cannot tell`, and why."""
    told = asked.groups.absent
    named = {c: [""] * len(told) for c in (*GROUP, "measure")} | {"kind": [SINGLE] * len(told), "attribute": list(told)}
    blank = {c: np.full(len(told), np.nan) for c in rates if rates[c].dtype.kind == "f"}
    rows = pd.DataFrame(blank | named | {"verdict": [CANNOT_TELL] * len(told), "why": list(told.values())})
    if "shown" in rates:
        rows["shown"] = False
    return pd.concat([rates, rows[list(rates.columns)]], ignore_index=True) if told else rates


def counted(rates: pd.DataFrame) -> dict[str, dict[str, int]]:
    """Verdicts by kind of group."""
    judged = rates[rates["verdict"] != ""]
    return {
        str(kind): {v: int((part["verdict"] == v).sum()) for v in VERDICTS}
        for kind, part in judged.groupby("kind", sort=True)
    }


def lines(published: Found, asked: Asked, config: Config) -> list[dict[str, str]]:
    """Sentences from published numbers alone: what was found, for single attributes, the largest differences first;
    then what was looked for and not found, and of whom nothing can be told."""
    rates = published.rates[(published.rates["kind"] == SINGLE) & (published.rates["attribute"] != "")]
    tested = [m.name for m in asked.measures if m.mirror is None and m.name in words.MEASURES]
    rates = rates[rates["measure"].isin(tested)]  # a kind of hold follows from what it is: no finding
    rates = rates[rates["group"] != "no"]  # the other side of `yes`
    told = [words.finding(row) for row in found(rates).head(config.shown).to_dict("records")]
    calm = rates[rates["verdict"] == NO_DIFFERENCE]
    blind = rates[(rates["verdict"] == CANNOT_TELL)]
    told.append(words.counted("calm", len(calm)))
    told.append(words.counted("blind", len(blind)))
    return [{"id": t.id, "en": t.en} for t in told]


def found(rates: pd.DataFrame) -> pd.DataFrame:
    """Rows with a finding: worse before better before the rest, by relative difference, those without numbers last."""
    some = rates[rates["verdict"].isin([WORSE, BETTER, HIGHER, LOWER])]
    size = (some["difference"] / some["rest"]).abs()
    place = some["verdict"].map({WORSE: 0, BETTER: 1, HIGHER: 2, LOWER: 2})
    return some.assign(size=size, place=place).sort_values(["place", "size"], ascending=[True, False], kind="stable")


def summary(past: Judged, today: Judged, config: Config) -> dict[str, Any]:
    """What fairness.json holds; every number in it may leave the room."""
    told: dict[str, Any] = {
        "level": config.level, "multiplicity": config.multiplicity, "error_rate": config.error_rate,
        "cell_minimum": config.cell_minimum, "group_minimum": config.group_minimum, "matters": config.matters,
        "power": config.power,
    }  # fmt: skip
    for name, judged in (("history", past), ("today", today)):
        asked, inside, outside = judged.asked, judged.inside, judged.outside
        told[name] = {
            "rows": int(asked.family.size),
            "families": int(np.unique(asked.family).size),
            "tests": int((inside.rates["p"].notna() & inside.rates["p_adjusted"].notna()).sum()),
            "verdicts": counted(inside.rates),
            "absent": dict(asked.groups.absent),
            "counts_hidden": _hidden(inside, outside),
            "lines": lines(outside, asked, config),
        }
    return told
