"""The calibration page: published and assumed figures apart, each beside the simulated one."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

import pandas as pd

from pipeline import page, wording
from pipeline.world.seen import World
from pipeline.world.verdicts import OUTSIDE, UNTOLD, WITHIN


@dataclass(frozen=True)
class Facts:
    """What the page tells of the world itself."""

    name: str
    extracted_on: date
    families: int


def facts(world: World, name: str) -> Facts:
    """Facts of a world of that name."""
    return Facts(name, world.extracted_on, int(world.families.count().to_pyarrow().as_py()))


CAPTIONS = {
    "exits": "Simulated exits over years of membership, by year and recorded reason; the hollow marks are published "
    "figures, of the part of the year that was published.",
    "months": "Simulated natural exits by calendar month.",
    "income": "Simulated income per head, as reported, over the poverty line.",
}


TITLES = {
    "published": ("Published", "Figures that are published, said by the ministry, seen in a public application, or "
                  "derived from such by arithmetic."),
    "assumed": ("Assumed", "Judgements and figures from memory: assumptions of the simulated world, never facts."),
}  # fmt: skip


def render(found: pd.DataFrame, drawn: Mapping[str, bytes], told: Facts) -> str:
    """The page as HTML; it refers to nothing outside itself and runs no script."""
    template = page.environment().get_template("world.html")
    return template.render(
        facts=told,
        families=spaced(told.families),
        mark=wording.SIMULATED.en,
        tables=[_table(found, name) for name in TITLES],
        pictures=[(CAPTIONS[n], page.inline(drawn[n])) for n in CAPTIONS if n in drawn],
    )


def _table(found: pd.DataFrame, name: str) -> dict[str, object]:
    rows = found[found["table"] == name].to_dict("records")
    title, meaning = TITLES[name]
    return {
        "name": name,
        "title": title,
        "meaning": meaning,
        "counts": [(v, sum(r["verdict"] == v for r in rows)) for v in (WITHIN, OUTSIDE, UNTOLD)],
        "groups": [(g, [_cells(r) for r in rows if r["group"] == g]) for g in dict.fromkeys(r["group"] for r in rows)],
    }


def _cells(row: Mapping[Any, Any]) -> dict[str, str]:
    """A row as it is read: shares in percent, rupiah with spaces between thousands."""
    unit = str(row["unit"])
    kind, size = str(row["tolerance"]).split()
    low, high = shown(row["low"], unit), shown(row["high"], unit)
    return {
        **{k: str(row[k]) for k in ("figure", "scope", "mark", "source", "verdict", "note", "base")},
        "unit": "%" if unit == "share" else unit,
        "stated": low if low == high else f"{low} to {high}",
        "tolerance": f"{100 * float(size):g} % of it" if kind == "relative" else f"± {shown(float(size), unit)}",
        "simulated": shown(row["simulated"], unit),
        "error": shown(row["standard_error"], unit),
        "rows": spaced(row["rows"]),
    }


def shown(value: Any, unit: str) -> str:
    """A value of a unit, or a dash where there is none."""
    if pd.isna(value):
        return "-"
    if unit == "share":
        return f"{100 * float(value):.2f}"
    return spaced(value) if abs(float(value)) >= 1000 else f"{float(value):.2f}"


def spaced(value: Any) -> str:
    """A whole number with a space between thousands that no line breaks at."""
    return f"{float(value):,.0f}".replace(",", "\N{NO-BREAK SPACE}")
