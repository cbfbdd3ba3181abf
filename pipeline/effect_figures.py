"""The estimate of PENA's effect in one picture: whether the groups can be compared, and the effects beside the truth.

Readable in black and white: groups differ by line style, numbers by marker.
"""

from collections.abc import Mapping

import numpy as np
import pandas as pd
from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from pipeline import wording
from pipeline.figures import RC, png

SIZE = (8.6, 8.4)
LINES = {
    "treated": ("enrolled", "-", "#0B3C5D", 2.0),
    "controls": ("not enrolled", ":", "#6B6B6B", 1.6),
    "controls_weighted": ("not enrolled, weighted to be like them", "--", "#A61C3C", 1.6),
}
HEADS = {"effect": "all enrolled", "replication": "as-of dates", "group": "", "placebo": "placebo"}


def draw(tables: Mapping[str, pd.DataFrame], simulated: bool) -> bytes:
    """The picture as PNG, from the tables `overlap`, `effect` and `placebos` of a study."""
    return png(effect(tables["overlap"], forest_rows(tables["effect"], tables["placebos"]), simulated))


def forest_rows(effects: pd.DataFrame, placebos: pd.DataFrame) -> pd.DataFrame:
    """One row a line of the picture from above: label, estimate, lower, upper, naive, truth, treated."""
    shown = placebos.dropna(subset=["estimate"]).assign(kind="placebo", band="", naive=np.nan, truth=np.nan)
    rows = pd.concat([p for p in (effects, shown) if len(p)], ignore_index=True)
    rows["label"] = [_label(*map(str, parts)) for parts in zip(rows["kind"], rows["name"], rows["band"], strict=True)]
    return rows.dropna(subset=["estimate"])[
        ["kind", "label", "estimate", "lower", "upper", "naive", "truth", "treated"]
    ]


def _label(kind: str, name: str, band: str) -> str:
    if kind == "effect":
        return HEADS[kind]
    return f"{name}: {band}" if kind == "group" else f"{HEADS[kind]}: {name}"


def effect(overlap: pd.DataFrame, rows: pd.DataFrame, simulated: bool) -> Figure:
    """`overlap`: low, treated, controls, controls_weighted; `rows` as forest_rows gives them."""
    with rc_context(RC):
        figure = Figure(figsize=SIZE, layout="constrained")
        upper, lower = figure.subplots(2, 1, height_ratios=[1.0, 0.35 + 0.16 * len(rows)])
        if simulated:
            figure.text(0.995, 0.995, wording.SIMULATED_MARK, ha="right", va="top", fontsize=9, weight="bold",
                        color="#7F1D1D")  # fmt: skip
        _overlap(upper, overlap)
        _forest(lower, rows)
    return figure


def _overlap(axes: Axes, table: pd.DataFrame) -> None:
    low = table["low"].to_numpy(dtype="float64")
    edges = np.append(low, low[-1] + (low[1] - low[0]))
    for column, (words, line, colour, width) in LINES.items():
        axes.stairs(table[column], edges, label=words, linestyle=line, color=colour, linewidth=width)
    odds = (0.0001, 0.001, 0.01, 0.1, 0.5)
    axes.set_xticks([float(np.log(p / (1 - p))) for p in odds], [f"{100 * p:g}%" for p in odds])
    axes.set(xlabel="estimated chance to be enrolled in the quarter", ylabel="share of families")
    axes.set_title("Can the families be compared?", pad=10)
    axes.set_ylim(0, 1.7 * float(table[list(LINES)].to_numpy().max()))
    axes.legend(loc="upper left")


def _forest(axes: Axes, rows: pd.DataFrame) -> None:
    y = -np.arange(len(rows), dtype="float64")
    axes.axvline(0, color="black", linewidth=1)
    percent = 100 * rows[["estimate", "lower", "upper", "naive", "truth"]].astype("float64")
    axes.hlines(y, percent["lower"], percent["upper"], color="#0B3C5D", linewidth=1.6)
    axes.plot(percent["estimate"], y, "o", color="#0B3C5D", markersize=5, linestyle="none", label="estimate, interval")
    axes.plot(percent["naive"], y, "x", color="#6B6B6B", markersize=6, linestyle="none", label="plain difference")
    if percent["truth"].notna().any():
        axes.plot(percent["truth"], y, "D", markerfacecolor="white", markeredgecolor="black", markersize=7,
                  linestyle="none", label="known effect (simulated)", zorder=5)  # fmt: skip
    axes.set_yticks(y, [f"{r.label} ({r.treated:,.0f})" for r in rows.itertuples()], fontsize=8.5)
    axes.set_xlabel("graduated: percentage points more\n(families enrolled in brackets)")
    axes.set_title("What enrolment changes; placebos must not", pad=10)
    axes.xaxis.set_major_locator(MaxNLocator(nbins=9))
    axes.figure.legend(*axes.get_legend_handles_labels(), loc="outside lower center", ncols=3)
