"""Whom the list treats worse, in one picture: each group beside everybody else, from published numbers alone.

Readable in black and white: findings are filled marks, no difference an open one, what cannot be told a small cross.
"""

from collections.abc import Mapping
from textwrap import wrap

import pandas as pd
from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter

from pipeline import fairness_wording as words
from pipeline import wording
from pipeline.figures import RC, png

PANELS = ("selection", "false_proposal", "missed", "observed_over_expected")
MARKS = {
    "worse treated": ("o", "#A61C3C", "#A61C3C"), "better treated": ("D", "#0B3C5D", "#0B3C5D"),
    "higher": (">", "#444444", "#444444"), "lower": ("<", "#444444", "#444444"),
    "no difference found": ("o", "white", "#444444"), "cannot tell": ("x", "#8A8A8A", "#8A8A8A"),
}  # fmt: skip
ROW = 0.2


def draw(rates: pd.DataFrame, simulated: bool) -> bytes:
    """The picture as PNG, from the published rates of the past."""
    return png(panels(rates, simulated))


def panels(rates: pd.DataFrame, simulated: bool) -> Figure:
    """One panel a measure, one line a group; a group whose numbers are not shown has a dot at the edge."""
    mine = rates[(rates["kind"] == "single") & (rates["group"] != "")]
    places = mine[["attribute", "group"]].drop_duplicates().reset_index(drop=True)
    with rc_context(RC):
        figure = Figure(figsize=(11.5, 2.2 + ROW * len(places)), layout="constrained")
        axes = figure.subplots(1, len(PANELS), sharey=True, squeeze=False)[0]
        if simulated:
            figure.text(0.01, 0.998, wording.SIMULATED_MARK, ha="left", va="top", fontsize=9, weight="bold",
                        color="#7F1D1D")  # fmt: skip
        for axis, name in zip(axes, PANELS, strict=True):
            _panel(axis, places, mine[mine["measure"] == name], name)
        named = places[["attribute", "group"]].to_numpy()
        labels = [f"{_word(a, words.ATTRIBUTES)}: {_word(g, words.GROUPS)}" for a, g in named]
        axes[0].set_yticks(range(len(places)), labels, fontsize=8)
        axes[0].set_ylim(len(places) - 0.4, -0.6)
        figure.legend(*axes[0].get_legend_handles_labels(), loc="outside lower center", ncols=4)
    return figure


def _word(name: object, of: Mapping[str, wording.Text]) -> str:
    return wording.label(str(name), of).en


def _panel(axes: Axes, places: pd.DataFrame, rows: pd.DataFrame, name: str) -> None:
    table = places.merge(rows, on=["attribute", "group"], how="left")
    shown = table[table["estimate"].notna()]
    axes.hlines(shown.index, shown["lower"], shown["upper"], color="#555555", linewidth=1.2)
    for verdict, (marker, face, edge) in MARKS.items():
        of = shown[shown["verdict"] == verdict]
        axes.plot(of["estimate"], of.index, marker, linestyle="none", markersize=5, label=verdict,
                  markerfacecolor=face, markeredgecolor=edge)  # fmt: skip
    if len(shown):
        axes.plot(shown["rest"], shown.index, "|", color="black", markersize=9, label="everybody else")
    if name not in words.RATIOS:
        axes.xaxis.set_major_formatter(PercentFormatter(1.0, decimals=1))
    for line in table.index[table["estimate"].isna()]:
        axes.text(0.02, line, "·", transform=axes.get_yaxis_transform(), va="center", color="#8A8A8A")
    axes.plot([], [], ".", color="#8A8A8A", markersize=3, label="not shown: counts too small")
    axes.set_title("\n".join(wrap(words.MEASURES[name].en, 26)), fontsize=9)
    axes.tick_params(axis="x", labelsize=8)
