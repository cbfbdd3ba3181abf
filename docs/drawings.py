"""One small table in, one Figure out, for the pages of the documentation; readable in black and white.

Colours and marks of the pipeline's own figures. Everything here says on the picture whether its data are simulated.
"""

import textwrap
from collections.abc import Mapping
from datetime import date

import numpy as np
import pandas as pd
from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.dates import date2num
from matplotlib.figure import Figure
from matplotlib.patches import FancyBboxPatch, Rectangle
from matplotlib.ticker import PercentFormatter

from docs import shown
from pipeline import figures, wording
from pipeline.columns import TARGET

BLUE, GREY = "#0B3C5D", "#555555"
SEEN = {
    shown.KNOWN: ("#0B3C5D", "o", "happened, and on record: used"),
    shown.UNKNOWN: ("#A61C3C", "x", "happened, recorded later: not used"),
    shown.AHEAD: ("#9A9A9A", ".", "not happened yet"),
}
LINES = {
    TARGET: "-", "natural": "--", "ineligible": "-.", "administrative": ":", "died": (0, (1, 3)),
    "refused": (0, (5, 1, 1, 1)), "other": (0, (8, 3)),
}  # fmt: skip
# Column and row of each province: roughly west to east and north to south, one place each. A layout, not a map.
PROVINCES = {
    "11": (0, 0), "12": (1, 0), "21": (3, 0), "65": (6, 0), "75": (7, 0), "71": (8, 0), "82": (9, 0),
    "13": (1, 1), "14": (2, 1), "61": (4, 1), "62": (5, 1), "64": (6, 1), "72": (7, 1), "96": (10, 1), "92": (11, 1),
    "91": (12, 1), "17": (1, 2), "15": (2, 2), "19": (3, 2), "63": (5, 2), "76": (7, 2), "74": (8, 2), "81": (9, 2),
    "94": (11, 2), "95": (12, 2), "16": (2, 3), "18": (3, 3), "31": (4, 3), "73": (7, 3), "93": (12, 3),
    "36": (3, 4), "32": (4, 4), "33": (5, 4), "35": (6, 4), "51": (7, 4), "52": (8, 4), "53": (9, 4), "34": (5, 5),
}  # fmt: skip
ELSEWHERE = 7  # the row of codes that are no province of Indonesia
NAMED = 40  # up to so many regencies their names and values are written out


# ------------------------------------------------------------------ the flow


def flow(table: shown.Flow, about: Mapping[str, str]) -> Figure:
    """The stages as boxes, arrows downwards; `about`: stage -> a few words. Nothing in it comes from data."""
    width = 1 + max(sum(not _bend(n) for n in row) for row in table.rows)
    at = {n: p for y, row in enumerate(table.rows) for n, p in zip(row, _places(row, y, 2.1 * width), strict=True)}
    with rc_context(figures.RC):
        figure = Figure(figsize=(8.6, 0.86 * len(table.rows) + 0.4), layout="constrained")
        axes = figure.subplots()
        axes.set_axis_off()
        for arrow in table.arrows:
            _arrow(axes, [at[n] for n in arrow])
        for name, (x, y) in at.items():
            if not _bend(name):
                _box(axes, x, y, name, about.get(name, ""))
        axes.set(xlim=(-0.2, 2.1 * width + 0.2), ylim=(len(table.rows) - 0.5, -0.5))
    return figure


def _bend(name: str) -> bool:
    return "@" in name


def _places(row: tuple[str, ...], y: int, width: float) -> list[tuple[float, float]]:
    """Boxes take two units, bends half a one; the row is centred."""
    sizes = np.array([0.35 if _bend(n) else 2.1 for n in row])
    left = (width - sizes.sum()) / 2
    return [(float(left + e - s / 2), float(y)) for e, s in zip(sizes.cumsum(), sizes, strict=True)]


def _arrow(axes: Axes, points: list[tuple[float, float]]) -> None:
    """Upright beside the boxes of the rows it passes, slanted between two rows."""
    edges = [(px, py + side * 0.31) for px, py in points for side in (-1, 1)][1:-1]
    x, y = np.array(edges).T
    axes.plot(x, y, color=GREY, linewidth=0.9, zorder=1)
    head = {"arrowstyle": "-|>", "color": GREY, "linewidth": 0.9, "shrinkA": 0}
    axes.annotate("", (x[-1], y[-1]), (x[-2], y[-2]), arrowprops=head, zorder=2)


def _box(axes: Axes, x: float, y: float, name: str, about: str) -> None:
    box = FancyBboxPatch(
        (x - 0.97, y - 0.29), 1.94, 0.58, boxstyle="round,pad=0,rounding_size=0.08", facecolor="white", edgecolor=BLUE,
        linewidth=1.2, zorder=3,
    )  # fmt: skip
    axes.add_patch(box)
    axes.text(x, y - 0.1, name, ha="center", va="center", weight="bold", fontsize=9, zorder=4)
    axes.text(x, y + 0.13, about, ha="center", va="center", fontsize=6.5, color="#333333", zorder=4)


# ------------------------------------------------------------------ time


def clocks(table: pd.DataFrame, as_of: date, simulated: bool) -> Figure:
    """`table`: effective_on, recorded_on, seen; one point an exit."""
    day = float(date2num(pd.Timestamp(as_of).to_pydatetime()))  # type: ignore[no-untyped-call]
    with rc_context(figures.RC):
        figure, (axes,) = figures.drawing("Two clocks: when it happened, when it was known", simulated, height=5.6)
        for seen, (colour, marker, words) in SEEN.items():
            rows = table[table["seen"] == seen]
            axes.plot(
                rows["effective_on"], rows["recorded_on"], linestyle="none", marker=marker, color=colour, markersize=4,
                label=f"{words} ({len(rows):,})", alpha=0.75,
            )  # fmt: skip
        ends = [day - 190, day + 190]
        axes.plot(ends, ends, color="black", linewidth=0.9, linestyle=":", label="recorded on the day itself")
        axes.axvline(day, color="black", linewidth=1.3)
        axes.axhline(day, color="black", linewidth=1.3)
        axes.annotate(
            f"as of {as_of}", (ends[0] + 6, day), (0, 5), textcoords="offset points", fontsize=9, weight="bold"
        )
        axes.set_xlim(*ends)
        axes.set_ylim(bottom=ends[0])
        axes.set(xlabel="day on which the exit took effect", ylabel="day on which it was recorded")
        axes.tick_params(axis="x", rotation=30)
        figure.legend(*axes.get_legend_handles_labels(), loc="outside lower center", ncols=2)
    return figure


def incidence(table: pd.DataFrame, as_of: date, simulated: bool) -> Figure:
    """`table`: outcome, month, share; NAIVE is drawn thin beside the target."""
    with rc_context(figures.RC):
        figure, (axes,) = figures.drawing(f"How families of {as_of} left: exits compete", simulated)
        for outcome, line in LINES.items():
            rows = table[table["outcome"] == outcome]
            if len(rows):
                colour, width = (BLUE, 2.6) if outcome == TARGET else (GREY, 1.4)
                axes.step(
                    [0, *rows["month"]], [0, *rows["share"]], where="post", linestyle=line, color=colour,
                    linewidth=width, label=figures.EXIT_NAMES[outcome],
                )  # fmt: skip
        naive = table[table["outcome"] == shown.NAIVE]
        axes.plot(
            [0, *naive["month"]], [0, *naive["share"]], color=BLUE, linewidth=1, marker="x", markersize=4,
            label="graduated, if nobody left otherwise (1 - Kaplan-Meier)",
        )  # fmt: skip
        axes.axvline(12, color="black", linewidth=1, linestyle=(0, (2, 2)))
        axes.annotate("horizon: 12 months", (12, axes.get_ylim()[1]), (4, -10), textcoords="offset points", fontsize=9)
        axes.set(xlim=(0, shown.MONTHS), xlabel="months after the as-of date", ylabel="share of the families")
        axes.set_xticks(range(0, shown.MONTHS + 1, 3))
        axes.set_ylim(bottom=0)
        axes.yaxis.set_major_formatter(PercentFormatter(1.0))
        figure.legend(*axes.get_legend_handles_labels(), loc="outside lower center", ncols=2)
    return figure


# ------------------------------------------------------------------ the model and places


def by_concept(table: pd.DataFrame, simulated: bool) -> Figure:
    """`table`: concept, raises, lowers; bars to the right raise, hatched bars to the left lower."""
    with rc_context(figures.RC):
        figure, (axes,) = figures.drawing("What moves the scores, by concept (SHAP)", simulated, height=4.4)
        at = np.arange(len(table))[::-1]
        axes.barh(
            at, table["raises"], color=BLUE, edgecolor="#222222", linewidth=0.5, label="raises, mean over families"
        )
        axes.barh(
            at, table["lowers"], color="#C9D6E2", hatch="//", edgecolor="#222222", linewidth=0.5,
            label="lowers, mean over families",
        )  # fmt: skip
        axes.axvline(0, color="black", linewidth=1)
        axes.set_yticks(at, [wording.label(c, wording.CONCEPTS).en for c in table["concept"]])
        axes.set_xlabel("contribution to the raw score (log-odds)")
        axes.grid(visible=False, axis="y")
        figure.legend(*axes.get_legend_handles_labels(), loc="outside lower center", ncols=2)
    return figure


def tiles(table: pd.DataFrame, simulated: bool) -> Figure:
    """`table`: regency_code, name, families, chance. One square a regency, in the block of its province."""
    places = squares(list(table["regency_code"]))
    chance, name = (dict(zip(table["regency_code"], table[c], strict=True)) for c in ("chance", "name"))
    low, high = float(table["chance"].min()), float(table["chance"].max())
    across, down = (1 + max(p[i] for p in places.values()) for i in (0, 1))
    side = 72 * 7.6 / across  # of a square, in points
    with rc_context(figures.RC):
        title = "Mean chance of graduating within 12 months, by regency"
        figure, (axes,) = figures.drawing(title, simulated, height=min(9.0, 1.0 + 7.6 * down / across))
        for code, (x, y) in places.items():
            grey = 0.97 - 0.72 * (chance[code] - low) / max(high - low, 1e-12)
            axes.add_patch(Rectangle((x, y), 0.94, 0.94, facecolor=str(grey), edgecolor="#222222", linewidth=0.5))
            if len(table) <= NAMED:
                _written(axes, (x, y, side), (name[code], chance[code]), grey)
        axes.set(xlim=(-0.1, across + 0.1), ylim=(down + 0.1, -0.1), aspect="equal")
        axes.set_axis_off()
        note = f"grey from {100 * low:.1f} % (light) to {100 * high:.1f} % (dark); a layout by province, not a map"
        figure.text(0.01, 0.03, note, fontsize=8.5, color="#333333")
    return figure


def _written(axes: Axes, place: tuple[float, float, float], told: tuple[str, float], grey: float) -> None:
    colour, (x, y, side) = "white" if grey < 0.55 else "black", place
    name = textwrap.fill(told[0].replace("Kabupaten ", ""), 10)
    axes.text(x + 0.47, y + 0.37, name, ha="center", va="center", fontsize=min(6.5, 0.17 * side), color=colour)
    chance = f"{100 * told[1]:.1f} %"
    axes.text(
        x + 0.47, y + 0.8, chance, ha="center", va="center", fontsize=min(9, 0.2 * side), weight="bold", color=colour
    )


def squares(codes: list[str]) -> dict[str, tuple[float, float]]:
    """Left and upper edge of each regency's square: blocks of provinces as PROVINCES has them, without empty rows.

    Inside a block the regencies follow in the order of their codes, as nearly square as can be.
    """
    blocks: dict[str, list[str]] = {}
    for code in sorted(codes):
        blocks.setdefault(code[:2], []).append(code)
    spot = {p: PROVINCES.get(p, (i, ELSEWHERE)) for i, p in enumerate(blocks)}
    sides = {p: int(np.ceil(np.sqrt(len(members)))) for p, members in blocks.items()}
    high = {p: -(-len(blocks[p]) // sides[p]) for p in blocks}
    left = _edges({p: (spot[p][0], sides[p]) for p in blocks})
    top = _edges({p: (spot[p][1], high[p]) for p in blocks})
    return {
        code: (left[spot[p][0]] + i % sides[p], top[spot[p][1]] + i // sides[p])
        for p, members in blocks.items()
        for i, code in enumerate(members)
    }


def _edges(sizes: Mapping[str, tuple[int, int]]) -> dict[int, float]:
    """Where each used column (or row) of blocks begins, with half a square between two."""
    widest: dict[int, int] = {}
    for place, size in sizes.values():
        widest[place] = max(size, widest.get(place, 0))
    found, edge = {}, 0.0
    for place in sorted(widest):
        found[place] = edge
        edge += widest[place] + 0.3
    return found
