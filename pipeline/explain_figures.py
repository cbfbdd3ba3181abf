"""Pictures of the model for auditors: dependence, pairs and what they give together. No computing here."""

import textwrap
from collections.abc import Mapping

import numpy as np
import pandas as pd
from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from pipeline import figures
from pipeline.dependence import HIGH, LOW, UNKNOWN

BLUE, GREY = "#0B3C5D", "#555555"
COLUMNS = 2
SIDES = {LOW: (":", "v", GREY), HIGH: ("-", "^", BLUE), UNKNOWN: ("--", "x", "#8C6D1F")}


def draw(tables: Mapping[str, pd.DataFrame], labels: Mapping[str, str], simulated: bool) -> dict[str, bytes]:
    """PNG by name of the tables `dependence`, `pairs` and `together` (dependence.py); labels: feature -> words."""
    made = {
        "dependence": dependence(tables["dependence"], labels, simulated),
        "pairs": pairs(tables["pairs"], labels, simulated),
        "together": together(tables["together"], labels, simulated),
    }
    return {name: figures.png(figure) for name, figure in made.items()}


def lines(label: str) -> str:
    """The whole of a label: what tells two features apart often stands at its end."""
    return textwrap.fill(label, 52)


def panels(title: str, count: int, simulated: bool) -> tuple[Figure, list[Axes]]:
    rows = max(1, -(-count // COLUMNS))
    figure = Figure(figsize=(10.0, 0.8 + 2.9 * rows), layout="constrained")
    figure.get_layout_engine().set(w_pad=0.1, h_pad=0.1)  # type: ignore[union-attr,call-arg]
    figure.suptitle(title, x=0.01, ha="left", weight="bold", fontsize=12)
    axes = list(figure.subplots(rows, COLUMNS, squeeze=False).ravel())
    for spare in axes[count:]:
        spare.set_axis_off()
    figures.mark(figure, simulated)
    return figure, axes


def dependence(table: pd.DataFrame, labels: Mapping[str, str], simulated: bool) -> Figure:
    names = list(dict.fromkeys(table["feature"]))
    with rc_context(figures.RC):
        figure, axes = panels("What a feature gives as its value grows", len(names), simulated)
        for panel, name in zip(axes, names, strict=False):
            one_feature(panel, table[table["feature"] == name])
            panel.set_xlabel(lines(labels[name]), fontsize=9)
            panel.set_ylabel("log-odds", fontsize=9)
        axes[0].legend(loc="best")
    return figure


def one_feature(panel: Axes, rows: pd.DataFrame) -> None:
    known, unknown = rows[rows["least"].notna()], rows[rows["least"].isna()]
    middle = (known["least"] + known["most"]) / 2
    panel.plot(middle, known["median"], color=BLUE, marker="o", markersize=4, label="half of the families above")
    for side in ("lower", "upper"):
        label = "four of five between" if side == "lower" else None
        panel.plot(middle, known[side], color=GREY, linestyle=":", linewidth=1, label=label)
    for level in unknown["median"]:
        panel.axhline(level, color="#8C6D1F", linestyle="--", linewidth=1.2, label="value unknown")
    panel.axhline(0, color="black", linewidth=0.8)


def pairs(table: pd.DataFrame, labels: Mapping[str, str], simulated: bool) -> Figure:
    at = np.arange(len(table))[::-1]
    with rc_context(figures.RC):
        figure = Figure(figsize=(10.0, 1.6 + 0.5 * max(4, len(table))), layout="constrained")
        figure.suptitle("Pairs of features that give most together", x=0.01, ha="left", weight="bold", fontsize=12)
        figures.mark(figure, simulated)
        panel, same = figure.subplots(), (table["concept"] == table["other_concept"]).to_numpy()
        for mine, hatch, colour, label in (
            (same, "", BLUE, "of one concept"),
            (~same, "//", "#8FB8DE", "of two concepts"),
        ):
            panel.barh(at[mine], table["mean_abs"][mine], color=colour, hatch=hatch, edgecolor="#333333", label=label)
        both = zip(table["feature"], table["other"], strict=True)
        panel.set_yticks(at, [lines(f"{labels[a]}, with {labels[b]}") for a, b in both], fontsize=7)
        panel.set_xlabel("mean size of what the pair gives beyond both (log-odds)")
        panel.grid(visible=False, axis="y")
        panel.legend(loc="lower right")
    return figure


def together(table: pd.DataFrame, labels: Mapping[str, str], simulated: bool) -> Figure:
    drawn = list(dict.fromkeys(zip(table["feature"], table["other"], strict=True)))
    with rc_context(figures.RC):
        figure, axes = panels("What two features give together", len(drawn), simulated)
        for panel, (name, other) in zip(axes, drawn, strict=False):
            one_pair(panel, table[(table["feature"] == name) & (table["other"] == other)])
            panel.set_title(f"lines: {lines(labels[other])}", fontsize=8, weight="normal")
            panel.set_xlabel(lines(labels[name]), fontsize=9)
            panel.set_ylabel("log-odds", fontsize=9)
            panel.legend(loc="best", fontsize=7)
    return figure


def one_pair(panel: Axes, rows: pd.DataFrame) -> None:
    for side, (line, marker, colour) in SIDES.items():
        mine = rows[(rows["of_other"] == side) & rows["least"].notna()]
        if len(mine):
            middle = (mine["least"] + mine["most"]) / 2
            panel.plot(middle, mine["median"], linestyle=line, marker=marker, color=colour, markersize=4, label=side)
    panel.axhline(0, color="black", linewidth=0.8)
