"""One tidy table in, one matplotlib Figure out; no state of pyplot, no clock, the same table gives the same bytes.

Readable in black and white: models differ by line style and marker, groups by position, outcomes by hatching.
"""

import io
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.dates import date2num
from matplotlib.figure import Figure
from matplotlib.patches import Patch
from matplotlib.ticker import MaxNLocator, PercentFormatter

from pipeline import wording
from pipeline.columns import AS_OF, CENSORED, FAMILY, OUTCOME

DPI = 110
SIZE = (8.0, 4.8)
MAIN = "lightgbm"


@dataclass(frozen=True)
class Style:
    """How one model is drawn everywhere."""

    colour: str
    line: Any
    marker: str
    width: float = 1.4


STYLES: Mapping[str, Style] = {
    "lightgbm": Style("#0B3C5D", "-", "o", 2.4),
    "sklearn_boosting": Style("#3A7D44", "--", "s"),
    "logistic_regression": Style("#B4540A", "-.", "^"),
    "base_rate": Style("#6B6B6B", ":", "x"),
    "rule_income": Style("#7A3E9D", (0, (6, 1, 1, 1, 1, 1)), "D"),
    "rule_business": Style("#A61C3C", (0, (1, 1)), "v"),
}
SPARE = (
    Style("#444444", (0, (5, 2)), "*"),
    Style("#1F6F78", (0, (3, 1, 1, 1)), "P"),
    Style("#8C6D1F", (0, (8, 2, 2, 2)), "<"),
    Style("#5B2A86", (0, (2, 2)), ">"),
    Style("#2B2B2B", (0, (10, 3)), "h"),
    Style("#9A3B26", (0, (1, 2)), "p"),
)
"""For models without a style of their own, in order of their names."""
EXITS = {
    "gsm": ("#0B3C5D", ""),
    "natural": ("#8FB8DE", "//"),
    "ineligible": ("#C9A227", "\\\\"),
    "administrative": ("#BBBBBB", "xx"),
    "died": ("#555555", ".."),
    "refused": ("#D98880", "++"),
    "other": ("#E8E8E8", "--"),
}
EXIT_NAMES = {
    "gsm": "graduated (gsm)",
    "natural": "natural: no component left",
    "ineligible": "no longer eligible",
    "administrative": "administrative",
    "died": "died",
    "refused": "refused",
    "other": "other",
}
FOLD_PARTS = {"train": ("#0B3C5D", "s"), "calibrate": ("#C9A227", "D"), "test": ("#A61C3C", "o")}
RC: Any = {
    "font.family": "DejaVu Sans",
    "font.size": 10,
    "axes.titlesize": 12,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": "#DDDDDD",
    "grid.linewidth": 0.7,
    "legend.frameon": False,
    "legend.fontsize": 9,
    "hatch.linewidth": 0.6,
}


def png(figure: Figure) -> bytes:
    """The figure's PNG without software or date in it: equal figures, equal bytes."""
    stream = io.BytesIO()
    FigureCanvasAgg(figure)
    with rc_context(RC):
        figure.savefig(stream, format="png", dpi=DPI, metadata={"Software": None})
    return stream.getvalue()


def drawing(
    title: str, simulated: bool, rows: int = 1, columns: int = 1, height: float = SIZE[1]
) -> tuple[Figure, Any]:
    figure = Figure(figsize=(SIZE[0], height), layout="constrained")
    axes = figure.subplots(rows, columns, squeeze=False)
    figure.get_layout_engine().set(w_pad=0.1, h_pad=0.1)  # type: ignore[union-attr,call-arg]
    axes[0, 0].set_title(title, pad=10)
    mark(figure, simulated)
    return figure, axes[0] if rows == 1 else axes[:, 0]


def mark(figure: Figure, simulated: bool) -> None:
    if simulated:
        words = {"ha": "right", "va": "top", "fontsize": 9, "weight": "bold", "color": "#7F1D1D"}
        figure.text(0.995, 0.992, wording.SIMULATED_MARK, **words)  # type: ignore[arg-type]


def _name(model: str) -> str:
    return wording.label(model, wording.MODELS).en


def _models(table: pd.DataFrame) -> list[str]:
    """The model in use first and the rest in the order of STYLES, so that legends agree between figures."""
    found = set(table["model"])
    known = [m for m in STYLES if m in found]
    return [*known, *sorted(found - set(known))]


def _empty(axes: Axes, words: str = "no data") -> None:
    axes.text(0.5, 0.5, words, ha="center", va="center", transform=axes.transAxes, color="#555555")


def _percent(axis: Any, decimals: int | None = None) -> None:
    axis.set_major_formatter(PercentFormatter(1.0, decimals=decimals))


def _style(model: str, among: Iterable[str]) -> Style:
    """The model's own style, or a spare one by its place among the models that have none."""
    strangers = sorted({model, *among} - set(STYLES))
    return STYLES[model] if model in STYLES else SPARE[strangers.index(model) % len(SPARE)]


def _line(axes: Axes, x: Any, y: Any, model: str, markers: bool = False, among: Iterable[str] = ()) -> None:
    style = _style(model, among)
    axes.plot(
        x, y, color=style.colour, linestyle=style.line, linewidth=style.width, label=_name(model),
        marker=style.marker if markers else None, markersize=5,
    )  # fmt: skip


def calibration(table: pd.DataFrame, simulated: bool) -> Figure:
    """`table`: model, bin, mean_probability, observed_rate, lower, upper, rows."""
    with rc_context(RC):
        figure, (axes,) = drawing("Do families graduate as often as the model says?", simulated, height=5.4)
        shown = table.dropna(subset=["mean_probability", "observed_rate"])
        drawn = [m for m in _models(shown) if m != "base_rate" and not m.startswith("rule_")]
        for model in drawn:
            rows = shown[shown["model"] == model].sort_values("mean_probability")
            if model == drawn[0]:
                _intervals(axes, rows)
            _line(axes, rows["mean_probability"], rows["observed_rate"], model, markers=True, among=drawn)
        top = _ceiling(shown[shown["model"].isin(drawn)])
        axes.plot([0, top], [0, top], color="black", linewidth=1, linestyle=(0, (2, 2)), label="exact")
        axes.set(xlim=(0, top), ylim=(0, top), xlabel="chance given by the model (mean of the group)")
        axes.set_ylabel("families that graduated within 12 months")
        _percent(axes.xaxis, 0 if top >= 0.1 else 1)
        _percent(axes.yaxis, 0 if top >= 0.1 else 1)
        _legend(axes, "upper left")
    return figure


def _legend(axes: Axes, place: Any) -> None:
    if axes.get_legend_handles_labels()[0]:
        axes.legend(loc=place)


def _intervals(axes: Axes, rows: pd.DataFrame) -> None:
    known = rows.dropna(subset=["lower", "upper"])
    axes.vlines(known["mean_probability"], known["lower"], known["upper"], color="#0B3C5D", linewidth=1.2, alpha=0.7)


def _ceiling(table: pd.DataFrame) -> float:
    """The largest value drawn with some air, so that rare outcomes fill the picture."""
    values = table[["mean_probability", "observed_rate", "upper"]].to_numpy(dtype="float64")
    finite = values[np.isfinite(values)]
    return float(min(1.0, 1.08 * finite.max())) if finite.size and finite.max() > 0 else 1.0


def precision_recall(table: pd.DataFrame, simulated: bool) -> Figure:
    """`table`: model, threshold, recall, precision."""
    with rc_context(RC):
        figure, (axes,) = drawing("The longer the list, the fewer of it graduate", simulated)
        models = _models(table)
        for model in models:
            rows = table[table["model"] == model].dropna(subset=["recall", "precision"])
            rows = rows.sort_values(["recall", "precision"], ascending=[True, False])
            _line(axes, rows["recall"], rows["precision"], model, markers=len(rows) < 3, among=models)
        axes.set(xlim=(0, 1), xlabel="share of all graduating families that the list contains (recall)")
        axes.set_ylim(bottom=0)
        axes.set_ylabel("share of the list that graduates (precision)")
        _percent(axes.xaxis, 0)
        _percent(axes.yaxis, 0)
        _legend(axes, "upper right")
    return figure


def gains(table: pd.DataFrame, simulated: bool) -> Figure:
    """`table`: model, share_visited, share_found."""
    with rc_context(RC):
        figure, (axes,) = drawing("Visiting the highest ranks first finds graduates sooner", simulated)
        models = _models(table[table["model"] != "base_rate"])
        for model in models:
            rows = table[table["model"] == model].sort_values("share_visited")
            _line(axes, rows["share_visited"], rows["share_found"], model, among=models)
        axes.plot([0, 1], [0, 1], color="black", linewidth=1, linestyle=(0, (2, 2)), label="visits at random")
        axes.set(xlim=(0, 1), ylim=(0, 1.02), xlabel="share of families visited, highest rank first")
        axes.set_ylabel("share of graduating families found")
        _percent(axes.xaxis, 0)
        _percent(axes.yaxis, 0)
        _legend(axes, "lower right")
    return figure


def capacity(table: pd.DataFrame, simulated: bool) -> Figure:
    """`table`: model, per_facilitator, precision, recall."""
    with rc_context(RC):
        figure, axes = drawing("What each facilitator's visits find", simulated, columns=2)
        for panel, measure, words in (
            (axes[0], "precision", "visited families that graduate"),
            (axes[1], "recall", "graduating families that are visited"),
        ):
            for model in _models(table):
                rows = table[table["model"] == model].sort_values("per_facilitator")
                _line(panel, rows["per_facilitator"], rows[measure], model, markers=True, among=_models(table))
            panel.set(xlabel="families visited per facilitator", ylabel=words)
            panel.set_ylim(bottom=0)
            panel.xaxis.set_major_locator(MaxNLocator(integer=True, nbins=6))
            _percent(panel.yaxis, 0)
        handles, labels = axes[0].get_legend_handles_labels()
        figure.legend(handles, labels, loc="outside lower center", ncols=2)
    return figure


def periods(measures: pd.DataFrame, simulated: bool) -> Figure:
    """`measures` of one scope by date: group (as_of), model, metric, estimate, lower, upper; one panel per metric."""
    metrics = list(dict.fromkeys(measures["metric"]))[:2] or ["average_precision"]
    with rc_context(RC):
        figure, axes = drawing("How good in each period", simulated, rows=len(metrics), height=2.6 * len(metrics) + 0.9)
        dates = sorted({str(g)[:10] for g in measures["group"]})
        for panel, metric in zip(axes, metrics, strict=True):
            rows = measures[measures["metric"] == metric]
            _by_period(panel, rows, dates)
            panel.set_ylabel(_short(metric))
            panel.set_ylim(bottom=0)
            _thinned(panel, dates if panel is axes[-1] else [""] * len(dates))
        handles, labels = axes[0].get_legend_handles_labels()
        figure.legend(handles, labels, loc="outside lower center", ncols=3)
    return figure


def _short(metric: str) -> str:
    """The metric's name broken over lines, for a narrow axis."""
    return wording.metric(metric).en.replace(", ", ",\n").replace(": ", ":\n")


def _by_period(panel: Axes, rows: pd.DataFrame, dates: list[str]) -> None:
    models = _models(rows)
    for offset, model in zip(np.linspace(-0.18, 0.18, max(1, len(models))), models, strict=False):
        one = rows[rows["model"] == model]
        style = _style(model, models)
        at = np.array([dates.index(str(g)[:10]) for g in one["group"]], dtype="float64") + offset
        _whiskers(panel, at, one, style, _name(model))


def _whiskers(panel: Axes, at: Any, rows: pd.DataFrame, style: Style, name: str) -> None:
    estimate = rows["estimate"].to_numpy(dtype="float64")
    lower, upper = rows["lower"].to_numpy(dtype="float64"), rows["upper"].to_numpy(dtype="float64")
    panel.vlines(at, lower, upper, color=style.colour, linewidth=1.2)
    panel.plot(at, estimate, linestyle="none", marker=style.marker, color=style.colour, markersize=6, label=name)


def segments(measures: pd.DataFrame, simulated: bool) -> Figure:
    """`measures` of one model and metric: group, estimate, lower, upper; the first group is the reference."""
    with rc_context(RC):
        height = 1.6 + 0.34 * max(3, len(measures))
        figure, (axes,) = drawing("How good for whom", simulated, height=height)
        if measures.empty:
            _empty(axes)
            return figure
        at = np.arange(len(measures))[::-1]
        estimate = measures["estimate"].to_numpy(dtype="float64")
        axes.hlines(at, measures["lower"], measures["upper"], color="#0B3C5D", linewidth=1.6)
        axes.plot(estimate, at, linestyle="none", marker="o", color="#0B3C5D", markersize=7)
        axes.axvline(estimate[0], color="black", linewidth=1, linestyle=(0, (2, 2)))
        axes.set_yticks(at, [wording.segment(str(g)).en for g in measures["group"]])
        axes.set_ylim(-0.7, len(measures) - 0.3)
        axes.set_xlabel(wording.metric(str(measures["metric"].iloc[0])).en)
        axes.grid(visible=False, axis="y")
    return figure


def shap_tables(contributions: pd.DataFrame, features: pd.DataFrame, words: pd.DataFrame, points: int) -> tuple[
    pd.DataFrame, pd.DataFrame
]:  # fmt: skip
    """What `shap_summary` draws: (feature, label, concept, mean_abs) and (feature, log_odds, level).

    `level` is the rank of the feature's value among the drawn families, 0 to 1, NaN where it is unknown. The points
    are families at equal steps in order of kpm_id: a sample that no random state can change.
    """
    named = words.set_index("feature")
    names = [c for c in contributions.columns if c in named.index]
    strength = contributions[names].abs().mean().sort_values(ascending=False, kind="stable")
    means = pd.DataFrame({"feature": strength.index, "mean_abs": strength.to_numpy()})
    means.insert(1, "label", [str(named.at[f, "label_en"]) for f in means["feature"]])
    means.insert(2, "concept", [str(named.at[f, "concept"]) for f in means["feature"]])
    ordered = contributions.sort_values(FAMILY, kind="stable")
    taken = ordered.iloc[np.unique(np.linspace(0, len(ordered) - 1, min(points, len(ordered))).astype("int64"))]
    values = taken[[FAMILY, AS_OF]].merge(features, on=[FAMILY, AS_OF], how="left", validate="one_to_one")
    levels = values.reindex(columns=names).astype("float64").rank(pct=True)
    sample = [
        pd.DataFrame({"feature": n, "log_odds": taken[n].to_numpy(), "level": levels[n].to_numpy()}) for n in names
    ]
    return means, pd.concat(sample, ignore_index=True)


def shap_summary(means: pd.DataFrame, sample: pd.DataFrame, simulated: bool, count: int = 15) -> Figure:
    """Left the mean size of each feature's contribution, right single families; `shap_tables` makes both tables."""
    top = means.sort_values("mean_abs", ascending=False, kind="stable").head(count)
    at = np.arange(len(top))[::-1]
    with rc_context(RC):
        figure = Figure(figsize=(10.0, 1.5 + 0.34 * max(4, len(top))), layout="constrained")
        figure.get_layout_engine().set(w_pad=0.1, h_pad=0.1)  # type: ignore[union-attr,call-arg]
        left, right = figure.subplots(1, 2, sharey=True, width_ratios=(1, 1.5))
        figure.suptitle("What moves the chance", x=0.01, ha="left", weight="bold", fontsize=12)
        mark(figure, simulated)
        left.barh(at, top["mean_abs"], color="#0B3C5D", height=0.62)
        left.set_yticks(at, [wrapped(str(t)) for t in top["label"]])
        left.set_xlabel("mean size of the contribution\n(log-odds)")
        left.grid(visible=False, axis="y")
        for y, feature in zip(at, top["feature"], strict=True):
            _swarm(right, float(y), sample[sample["feature"] == feature])
        right.axvline(0, color="black", linewidth=0.8)
        right.set_xlabel("single families (log-odds)\nlight = low value, dark = high value, cross = unknown")
        right.grid(visible=False, axis="y")
    return figure


def wrapped(text: str, width: int = 46) -> str:
    return text if len(text) <= width else text[: width - 1].rstrip() + "…"


def _swarm(axes: Axes, y: float, points: pd.DataFrame) -> None:
    """Points spread vertically where they are dense, in a fixed order instead of a random jitter."""
    x = points["log_odds"].to_numpy(dtype="float64")
    level = points["level"].to_numpy(dtype="float64")
    if not x.size:
        return
    spread = y + 0.36 * _offsets(x)
    known = np.isfinite(level)
    axes.scatter(
        x[known],
        spread[known],
        c=level[known],
        cmap="viridis_r",
        vmin=0,
        vmax=1,
        s=9,
        linewidths=0.2,
        edgecolors="#333333",
    )
    axes.scatter(x[~known], spread[~known], c="#888888", s=12, marker="x", linewidths=0.8)


def _offsets(x: np.ndarray) -> np.ndarray:
    """In [-1, 1]: within each of 80 bins of x the points stand above and below the line in turn."""
    width = float(np.ptp(x)) or 1.0
    bins = np.floor((x - x.min()) / width * 79).astype("int64")
    place = pd.Series(bins).groupby(bins).cumcount().to_numpy()
    fullest = max(1, int(place.max()))
    return (place + 1) // 2 * np.where(place % 2, 1.0, -1.0) / ((fullest + 1) // 2)


def outcomes(table: pd.DataFrame, simulated: bool) -> Figure:
    """`table`: as_of, outcome, rows. Exits within the horizon as a share of the families, by as-of date."""
    with rc_context(RC):
        figure, (axes,) = drawing("How families left within 12 months, by as-of date", simulated)
        wide = _shares(table)
        dates = [str(d)[:10] for d in wide.index]
        floor = np.zeros(len(wide))
        for outcome, (colour, hatch) in EXITS.items():
            part = wide[outcome].to_numpy() if outcome in wide else floor * 0
            if part.any():
                axes.bar(
                    range(len(wide)), part, bottom=floor, color=colour, hatch=hatch, edgecolor="#222222", linewidth=0.5,
                    label=EXIT_NAMES[outcome], width=0.75,
                )  # fmt: skip
                floor = floor + part
        _thinned(axes, dates)
        _percent(axes.yaxis)
        axes.set_ylabel("share of families whose 12 months\nwere fully observed")
        axes.grid(visible=False, axis="x")
        figure.legend(*axes.get_legend_handles_labels(), loc="outside lower center", ncols=3)
    return figure


def _shares(table: pd.DataFrame) -> pd.DataFrame:
    """Censored rows are left out: what is not known yet is neither an exit nor a stay."""
    seen = table[table[OUTCOME] != CENSORED]
    wide = seen.pivot_table(index=AS_OF, columns=OUTCOME, values="rows", aggfunc="sum", fill_value=0).sort_index()
    return wide.div(wide.sum(axis=1), axis=0)


def _thinned(axes: Axes, labels: list[str], most: int = 16) -> None:
    step = max(1, -(-len(labels) // most))
    axes.set_xticks(range(0, len(labels), step), labels[::step], rotation=45, ha="right")


def folds(table: pd.DataFrame, simulated: bool) -> Figure:
    """`table`: fold, kind (train, calibrate, test), as_of. The gap before the first test date is the embargo."""
    names = sorted(table["fold"].unique())
    with rc_context(RC):
        figure, (axes,) = drawing(
            "Trained on the past, tested on the future", simulated, height=1.9 + 0.42 * max(2, len(names))
        )
        for y, fold in enumerate(reversed(names)):
            _fold(axes, y, table[table["fold"] == fold])
        axes.set_yticks(range(len(names)), [f"fold {n}" for n in reversed(names)])
        axes.set_ylim(-0.6, len(names) - 0.4)
        axes.xaxis_date()
        axes.set_xlabel("as-of date")
        axes.grid(visible=False, axis="y")
        handles, labels = axes.get_legend_handles_labels()
        kept = dict(zip(labels, handles, strict=True))
        kept["embargo: outcomes not known yet"] = Patch(facecolor="#E3E3E3", edgecolor="#777777", hatch="//")
        figure.legend(list(kept.values()), list(kept), loc="outside lower center", ncols=4)
    return figure


def _fold(axes: Axes, y: int, rows: pd.DataFrame) -> None:
    for kind, (colour, marker) in FOLD_PARTS.items():
        days = _days(rows.loc[rows["kind"] == kind, AS_OF])
        if days:
            axes.plot(days, [y] * len(days), linestyle="none", marker=marker, color=colour, markersize=6, label=kind)
    tests = _days(rows.loc[rows["kind"] == "test", AS_OF])
    before = [d for d in _days(rows.loc[rows["kind"] != "test", AS_OF]) if tests and d < min(tests)]
    if before:
        axes.fill_betweenx(
            [y - 0.28, y + 0.28],
            max(before),
            min(tests),
            color="#E3E3E3",
            hatch="//",
            edgecolor="#777777",
            linewidth=0.4,
        )


def _days(values: Iterable[Any]) -> list[float]:
    return sorted({float(date2num(pd.Timestamp(v).to_pydatetime())) for v in values})  # type: ignore[no-untyped-call]


def decision(table: pd.DataFrame, simulated: bool) -> Figure:
    """`table`: model, threshold, net_benefit, lower, upper; drawn for the model in use and what it must beat."""
    with rc_context(RC):
        figure, (axes,) = drawing("What visits by the score are worth", simulated)
        shown = table[table["model"].isin([MAIN, *REFERENCES]) | table["model"].str.startswith("rule_")]
        if shown.empty:
            _empty(axes)
            return figure
        for model in [*_models(shown[~shown["model"].isin(REFERENCES)]), *REFERENCES]:
            rows = shown[shown["model"] == model].sort_values("threshold")
            worth = 1000 * rows["net_benefit"].astype("float64")
            if model in REFERENCES:
                line, words = REFERENCES[model]
                axes.plot(rows["threshold"], worth, color="black", linestyle=line, linewidth=1.2, label=words)
            else:
                _line(axes, rows["threshold"], worth, model)
            if model == MAIN:
                bounds = [1000 * rows[b].astype("float64") for b in ("lower", "upper")]
                axes.fill_between(rows["threshold"], *bounds, color="#0B3C5D", alpha=0.15, linewidth=0)
        _worth_axes(axes, shown)
    return figure


REFERENCES: Mapping[str, Any] = {
    "everybody": ((0, (2, 2)), "visit everybody"),
    "nobody": ((0, (1, 3)), "visit nobody"),
}


def _worth_axes(axes: Axes, table: pd.DataFrame) -> None:
    """Losses far below what can be gained are cut off: visiting everybody loses without bound."""
    worth = 1000 * table.loc[table["model"] == MAIN, ["net_benefit", "lower", "upper"]].to_numpy(dtype="float64")
    known = worth[np.isfinite(worth)]
    top, bottom = (float(known.max()), float(known.min())) if known.size else (1.0, 0.0)
    room = 0.08 * max(top - bottom, 1e-6)
    axes.set_ylim(min(bottom, 0.0) - room, max(top, 0.0) + room)
    axes.set_xscale("log")
    low, high = float(table["threshold"].min()), float(table["threshold"].max())
    ticks = [t for t in ODDS if low <= t <= high]
    axes.set_xlim(low, high)
    axes.set_xticks(ticks, [f"{100 * t:g}%" for t in ticks])
    axes.set_xticks([], minor=True)
    axes.set_xlabel("chance from which a visit is worth while")
    axes.set_ylabel("net benefit: graduates found\nper 1,000 families, less visits in vain")
    _legend(axes, "upper right")


ODDS = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.3, 0.5, 0.8)


def value(table: pd.DataFrame, simulated: bool) -> Figure:
    """`table`: way (visits, score, model), model, amount, average_precision, found, lower, upper."""
    with rc_context(RC):
        figure, axes = drawing("More visits, or a better score?", simulated, columns=2)
        known = table.dropna(subset=["found", "average_precision"])
        if known.empty:
            for panel in axes:
                _empty(panel)
            return figure
        visits, score = (known[known["way"] == way] for way in ("visits", "score"))
        _banded(axes[0], visits["amount"], visits)
        _banded(axes[1], score["average_precision"], score)
        _here(axes, score)
        others = known[known["way"] == "model"]
        for model in _models(others):
            one, style = others[others["model"] == model], _style(model, set(others["model"]))
            axes[1].plot(
                one["average_precision"], one["found"], linestyle="none", marker=style.marker, markersize=7,
                color=style.colour, label=_name(model),
            )  # fmt: skip
        axes[0].set(xlabel="families visited per facilitator", ylabel="graduates found\nper facilitator and date")
        axes[1].set(xlabel="average precision of the score")
        top = 1.05 * float(known[["found", "upper"]].max().max())
        for panel in axes:
            panel.set_ylim(0, top)
        handles, labels = axes[1].get_legend_handles_labels()
        figure.legend(handles, labels, loc="outside lower center", ncols=2)
    return figure


def _banded(panel: Axes, x: Any, rows: pd.DataFrame) -> None:
    words = "the model in use; on the right, told further and further apart"
    panel.plot(x, rows["found"], color="#0B3C5D", linewidth=2.2, marker="o", markersize=3.5, label=words)
    lower, upper = (rows[b].astype("float64") for b in ("lower", "upper"))
    panel.fill_between(x, lower, upper, color="#0B3C5D", alpha=0.15, linewidth=0)


def _here(axes: Any, score: pd.DataFrame) -> None:
    """A line over both panels at what is found now."""
    now = score[score["amount"] == 0]
    for panel in axes:
        if len(now):
            panel.axhline(float(now["found"].iloc[0]), color="black", linewidth=1, linestyle=(0, (2, 2)))


def calibration_periods(measures: pd.DataFrame, simulated: bool) -> Figure:
    """`measures` of the model in use by period: group, metric (observed_rate, mean_probability), estimate, bounds."""
    with rc_context(RC):
        figure, (axes,) = drawing("Were the chances right in each period?", simulated)
        dates = sorted({str(g)[:10] for g in measures["group"]})
        for metric, style, words in (
            ("observed_rate", Style("#0B3C5D", "-", "o"), "families that graduated, with its interval"),
            ("mean_probability", Style("#A61C3C", "--", "D"), "mean chance that the model gave"),
        ):
            rows = measures[measures["metric"] == metric].sort_values("group")
            at = np.array([dates.index(str(g)[:10]) for g in rows["group"]], dtype="float64")
            if metric == "observed_rate":
                _whiskers(axes, at, rows, style, words)
            else:
                axes.plot(
                    at, rows["estimate"].astype("float64"), linestyle=style.line, marker=style.marker, markersize=6,
                    markerfacecolor="white", color=style.colour, label=words,
                )  # fmt: skip
        axes.set_ylim(bottom=0)
        axes.set_ylabel("share of families, within 12 months")
        _percent(axes.yaxis)
        _thinned(axes, dates)
        figure.legend(*axes.get_legend_handles_labels(), loc="outside lower center", ncols=2)
    return figure


def incidence(table: pd.DataFrame, simulated: bool) -> Figure:
    """`table`: horizon_months, bin (0: all), mean_incidence, observed, lower, upper; a panel a horizon, at most 4."""
    horizons = sorted(int(h) for h in table["horizon_months"].unique())[:4] or [12]
    with rc_context(RC):
        figure = Figure(figsize=(SIZE[0], 3.1 * -(-len(horizons) // 2) + 0.7), layout="constrained")
        figure.get_layout_engine().set(w_pad=0.1, h_pad=0.1)  # type: ignore[union-attr,call-arg]
        panels = figure.subplots(-(-len(horizons) // 2), 2, squeeze=False).ravel()
        figure.suptitle("Graduated by then, promised and seen", x=0.01, ha="left", weight="bold", fontsize=12)
        mark(figure, simulated)
        for panel, months in zip(panels, horizons, strict=False):
            _promised(panel, table[(table["horizon_months"] == months) & (table["bin"] > 0)], months)
        for panel in panels[len(horizons) :]:
            panel.set_visible(False)
        figure.legend(*panels[0].get_legend_handles_labels(), loc="outside lower center", ncols=2)
    return figure


def _promised(panel: Axes, rows: pd.DataFrame, months: int) -> None:
    known = rows.dropna(subset=["observed"])
    panel.vlines(known["mean_incidence"], known["lower"], known["upper"], color="#0B3C5D", linewidth=1.2)
    words = "a tenth of the families, with its interval"
    panel.plot(known["mean_incidence"], known["observed"], "o", color="#0B3C5D", markersize=5, label=words)
    values = known[["mean_incidence", "observed", "upper"]].to_numpy(dtype="float64")
    top = 1.08 * float(np.nanmax(values)) if values.size else 1.0
    panel.plot([0, top], [0, top], color="black", linewidth=1, linestyle=(0, (2, 2)), label="exact")
    panel.set(xlim=(0, top), ylim=(0, top), xlabel=f"promised within {months} months", ylabel="seen")
    for axis in (panel.xaxis, panel.yaxis):
        axis.set_major_locator(MaxNLocator(nbins=5))
        _percent(axis, 1 if top < 0.1 else 0)


# ------------------------------------------------------------------ all of them

TABLE_OF = {
    "calibration": calibration,
    "precision_recall": precision_recall,
    "gains": gains,
    "capacity": capacity,
    "decision": decision,
    "value": value,
    "outcomes": outcomes,
    "folds": folds,
}
OPTIONAL = {"incidence": incidence}
LEVELS = ("observed_rate", "mean_probability")
PERIOD_METRICS = ("average_precision", "precision_at_3pct_per_regency")


def draw(tables: Mapping[str, pd.DataFrame], model: str, simulated: bool) -> dict[str, bytes]:
    """Every figure of a run as PNG by name, from the evaluation's tables and `shap_means`, `shap_sample`.

    `incidence` is drawn where there is such a table.
    """
    measures = tables["measures"]
    mine = measures[(measures["model"] == model) & (measures["metric"] == PERIOD_METRICS[0])]
    by_period = measures[(measures["scope"] == "period") & measures["metric"].isin(PERIOD_METRICS)]
    drawn = {name: figure(tables[name], simulated) for name, figure in TABLE_OF.items()}
    drawn |= {name: figure(tables[name], simulated) for name, figure in OPTIONAL.items() if name in tables}
    own = measures[(measures["scope"] == "period") & (measures["model"] == model) & measures["metric"].isin(LEVELS)]
    drawn["calibration_periods"] = calibration_periods(own, simulated)
    drawn["periods"] = periods(by_period, simulated)
    drawn["segments"] = segments(mine[mine["scope"].isin(["all", "segment"])], simulated)
    drawn["shap_summary"] = shap_summary(tables["shap_means"], tables["shap_sample"], simulated)
    return {name: png(figure) for name, figure in drawn.items()}


def outcome_counts(labels: pd.DataFrame) -> pd.DataFrame:
    """What `outcomes` draws: as_of, outcome, rows; censored rows are left out."""
    known = labels[labels["outcome"] != CENSORED]
    return known.groupby([AS_OF, "outcome"], as_index=False).size().rename(columns={"size": "rows"})


# ------------------------------------------------------------------ the simulated world

WORLD_EXITS = {
    "gsm": ("gsm", "ppse"),
    "natural": ("natural",),
    "ineligible": ("ineligible",),
    "administrative": ("identity", "duplicate", "moved"),
    "died": ("died",),
    "refused": ("refused",),
    "other": ("other",),
}
MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


def draw_world(tables: Mapping[str, pd.DataFrame]) -> dict[str, bytes]:
    """The calibration page's pictures as PNG by name, from `exits`, `stated`, `months` and `income`."""
    drawn = {
        "exits": world_exits(tables["exits"], tables["stated"]),
        "months": world_months(tables["months"]),
        "income": world_income(tables["income"]),
    }
    return {name: png(figure) for name, figure in drawn.items()}


def world_exits(table: pd.DataFrame, stated: pd.DataFrame) -> Figure:
    """Both: year, reason, share of the members of the year; a published natural exit stands on the published gsm."""
    years = sorted(int(y) for y in table["year"].unique())
    with rc_context(RC):
        figure, (axes,) = drawing("Simulated exits by year, and what is published", True)
        floor = np.zeros(len(years))
        for outcome, reasons in WORLD_EXITS.items():
            rows = table[table["reason"].isin(reasons)]
            part = rows.groupby("year")["share"].sum().reindex(years, fill_value=0.0).to_numpy(dtype="float64")
            colour, hatch = EXITS[outcome]
            axes.bar(
                years, part, bottom=floor, color=colour, hatch=hatch, edgecolor="#222222", linewidth=0.5,
                label=EXIT_NAMES[outcome], width=0.7,
            )  # fmt: skip
            floor = floor + part
        _published(axes, stated[stated["year"].isin(years)])
        axes.set_xticks(years, [str(y) for y in years], rotation=45, ha="right")
        _percent(axes.yaxis)
        axes.set_ylabel("simulated exits a member-year")
        axes.grid(visible=False, axis="x")
        figure.legend(*axes.get_legend_handles_labels(), loc="outside lower center", ncols=3)
    return figure


def _published(axes: Axes, stated: pd.DataFrame) -> None:
    """Hollow marks: gsm, and all graduates; where they are published apart, natural is put on top of gsm."""
    gsm = stated[stated["reason"] == "gsm+ppse"].set_index("year")["share"]
    natural = stated[stated["reason"] == "natural"].set_index("year")["share"]
    every = pd.concat(
        [stated[stated["reason"] == "gsm+ppse+natural"].set_index("year")["share"], (natural + gsm).dropna()]
    )
    for points, marker, words in ((gsm, "o", "published: gsm"), (every, "D", "published: gsm and natural")):
        if len(points):
            axes.plot(
                points.index, points.to_numpy(), linestyle="none", marker=marker, markersize=9, markerfacecolor="white",
                markeredgecolor="black", markeredgewidth=1.8, label=words, zorder=5,
            )  # fmt: skip


def world_months(table: pd.DataFrame) -> Figure:
    """`table`: month, share of the natural exits of all years."""
    with rc_context(RC):
        figure, (axes,) = drawing("Simulated natural exits follow the school year", True)
        colour, hatch = EXITS["natural"]
        axes.bar(table["month"], table["share"], color=colour, hatch=hatch, edgecolor="#222222", linewidth=0.5)
        axes.axhline(1 / 12, color="black", linewidth=1, linestyle=(0, (2, 2)), label="evenly over the year")
        axes.set_xticks(range(1, 13), list(MONTHS))
        _percent(axes.yaxis, 0)
        axes.set_ylabel("share of the simulated natural exits")
        axes.grid(visible=False, axis="x")
        _legend(axes, "upper right")
    return figure


def world_income(table: pd.DataFrame) -> Figure:
    """`table`: year, low (lower edge of the bin in poverty lines), share of the surveys of the year."""
    with rc_context(RC):
        year = "" if table.empty else f", {int(table['year'].iloc[0])}"
        figure, (axes,) = drawing(f"Simulated income per head over the poverty line{year}", True)
        if table.empty:
            _empty(axes)
            return figure
        width = 0.1
        axes.bar(
            table["low"], table["share"], width=width, align="edge", color="#8FB8DE", edgecolor="#222222", linewidth=0.5
        )
        axes.axvline(1.0, color="black", linewidth=1.4, linestyle=(0, (4, 2)), label="poverty line")
        axes.set_xlim(left=0)
        axes.set_xlabel("income per head, as reported, in poverty lines (the last bar: that and more)")
        axes.set_ylabel("share of the simulated surveys")
        _percent(axes.yaxis, 0)
        _legend(axes, "upper right")
    return figure
