"""Geometry of the pictures: a waterfall, two timelines, a tile map. Templates draw them as SVG, and a table beside.

Everything is numbers and codes; words come in the template, through its escaping.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from math import ceil
from typing import Any

WIDTH, ROW, LABEL = 640, 26, 210
TILE, GAP = 96, 8


@dataclass(frozen=True)
class Bar:
    """A bar of the waterfall: from where to where, with its sign; `y` is the top of its row."""

    code: str
    value: float
    x: float
    width: float
    y: float
    sign: str
    end: float


def waterfall(base: float, parts: Mapping[str, float]) -> dict[str, Any]:
    """Contributions by concept, the largest first, from the base to the raw score; log-odds."""
    ordered = sorted(parts.items(), key=lambda p: (-abs(p[1]), p[0]))
    points = [base]
    for _, value in ordered:
        points.append(points[-1] + value)
    low, high = min(points), max(points)
    scale = (WIDTH - LABEL - 90) / ((high - low) or 1)
    bars = [
        Bar(code, value, round(LABEL + (min(a, b) - low) * scale, 1), round(max(abs(value) * scale, 1), 1),
            ROW * (n + 1), "for" if value > 0 else "against", round(LABEL + (b - low) * scale, 1))
        for n, ((code, value), a, b) in enumerate(zip(ordered, points[:-1], points[1:], strict=True))
    ]  # fmt: skip
    at = {"base": round(LABEL + (base - low) * scale, 1), "end": round(LABEL + (points[-1] - low) * scale, 1)}
    return {"bars": bars, "base": base, "raw": points[-1], "at": at, "width": WIDTH, "height": ROW * (len(bars) + 2)}


def interval(lower: float, upper: float, point: float) -> dict[str, int]:
    """The interval on a track from 0 to 1, 400 wide."""
    x, end = round(400 * lower), round(400 * upper)
    return {"x": x, "width": max(2, end - x), "point": round(400 * point)}


KINDS = ("pregnancy", "early_childhood", "sd", "smp", "sma", "elderly", "disability")


def lifecycle(years: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Rows of components over the coming years; a cell holds how many persons."""
    present = [k for k in KINDS if any(y.get(k) for y in years)]
    step = (WIDTH - LABEL) / max(1, len(years))
    cells = [
        {"kind": kind, "x": round(LABEL + step * i, 1), "y": 24 + ROW * n, "width": round(step - 2, 1), "n": y[kind]}
        for n, kind in enumerate(present)
        for i, y in enumerate(years)
        if y.get(kind)
    ]
    heads = [{"x": round(LABEL + step * i + 2, 1), "on": y["on"]} for i, y in enumerate(years)]
    rows = [{"kind": kind, "y": 24 + ROW * n + 17} for n, kind in enumerate(present)]
    return {"cells": cells, "heads": heads, "rows": rows, "width": WIDTH, "height": 30 + ROW * max(1, len(present))}


def history(events: Sequence[Mapping[str, Any]], until: date) -> dict[str, Any]:
    """Two lanes: when it happened above, when it was recorded below; a line ties the two."""
    if not events:
        return {"marks": [], "years": [], "width": WIDTH, "height": 90}
    first = min(date.fromisoformat(e["happened_on"]) for e in events)
    span = max((until - first).days, 1)

    def at(day: str) -> float:
        return round(20 + (WIDTH - 40) * (date.fromisoformat(day) - first).days / span, 1)

    marks = [
        {"kind": e["kind"], "x1": at(e["happened_on"]), "x2": at(e["recorded_on"] or e["happened_on"])} for e in events
    ]
    years = [{"year": y, "x": at(f"{y}-01-01")} for y in range(first.year + 1, until.year + 1)]
    step = ceil(len(years) / 10) or 1
    return {"marks": marks, "years": years[::step], "width": WIDTH, "height": 90}


def tiles(rows: Sequence[Mapping[str, Any]], value: str, of: str) -> dict[str, Any]:
    """A tile for each place in order of its code, in a near square; `level` 0 to 4 by the share value / of."""
    across = max(1, min(6, ceil(len(rows) ** 0.5)))
    found = []
    for n, row in enumerate(rows):
        share = row[value] / row[of] if row[of] else 0
        x, y = (n % across) * (TILE + GAP), (n // across) * (TILE + GAP)
        found.append({**row, "x": x, "y": y, "level": min(4, int(share * 5)), "share": share})
    down = ceil(len(rows) / across) if rows else 1
    return {"tiles": found, "size": TILE, "width": across * (TILE + GAP), "height": down * (TILE + GAP)}
