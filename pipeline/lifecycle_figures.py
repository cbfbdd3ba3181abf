"""A family's coming years, and those of all families, as pictures and as a table in words.

Readable in black and white: kinds of component have rows and hatching of their own, an end is a mark with its month.
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from itertools import accumulate, pairwise
from typing import Any

import pandas as pd
from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.dates import date2num
from matplotlib.figure import Figure

from pipeline import figures, wording
from pipeline import lifecycle_wording as words
from pipeline.wording import Language, Text

HATCHES = {
    "pregnancy": "oo", "early_childhood": "..", "sd": "//", "smp": "\\\\", "sma": "xx", "elderly": "--",
    "disability": "++",
}  # fmt: skip
GREYS = {
    "pregnancy": "#F2F2F2", "early_childhood": "#DCE8F2", "sd": "#B9D3E6", "smp": "#8FB8DE", "sma": "#5B8DB8",
    "elderly": "#E3D9B5", "disability": "#D5C3C0",
}  # fmt: skip
KINDS = tuple(HATCHES)
MILLION = 1_000_000
NARROW_DAYS = 45  # a band too narrow for its number


@dataclass(frozen=True)
class Life:
    """One family's rows: `years` in order of year, `endings` in order of day, `facts` its row of families."""

    family: str
    years: pd.DataFrame
    endings: pd.DataFrame
    facts: Mapping[str, Any]


@rc_context(figures.RC)
def draw_family(life: Life, language: Language, simulated: bool) -> Figure:
    """Bands of components by age group, with their ends; the benefit of each year below."""
    present = [k for k in KINDS if life.years[k].sum() or (life.endings["becomes"] == k).any()]
    title = _title(life, language)
    figure, axes = figures.drawing(title, simulated, rows=2, height=2.9 + 0.42 * max(1, len(present)))
    on = _days(life)
    edges = [_at(d) for d in [*on, _end(on)]]
    for row, kind in enumerate(present):
        for start, end, persons in bands(life, kind):
            style: Any = {"facecolor": GREYS[kind], "hatch": HATCHES[kind], "edgecolor": "#333333", "linewidth": 0.8}
            axes[0].broken_barh([(_at(start), _at(end) - _at(start))], (row - 0.36, 0.72), **style)
            box: Any = {"facecolor": "white", "edgecolor": "none", "pad": 1.2}
            if (end - start).days < NARROW_DAYS:
                continue
            axes[0].text((_at(start) + _at(end)) / 2, row, str(persons), ha="center", va="center", bbox=box)
    _marks(axes[0], life, present, language)
    _rows(axes[0], present, language)
    _money(axes[1], life, edges, language)
    for a in axes:
        a.set_xlim(edges[0], edges[-1])
        a.set_xticks(edges[:-1], [wording.day(d)[3:] for d in on])
    return figure


def _at(day: date) -> float:
    """A day's place on an axis of time."""
    return float(date2num(day))  # type: ignore[no-untyped-call]


def _title(life: Life, language: Language) -> str:
    return getattr(words.TITLE.fill(family=life.family, years=str(len(life.years) - 1)), language)  # type: ignore[no-any-return]


def bands(life: Life, kind: str) -> list[tuple[date, date, int]]:
    """Spans of days with the same number of persons of a kind, read off the years and the endings between them."""
    on, counts = _days(life), life.years[kind].astype("int64").tolist()
    steps: Counter[date] = Counter()
    for row in life.endings.to_dict("records"):
        change = int(row["persons"]) * ((row["becomes"] == kind) - (row["kind"] == kind))
        steps[pd.Timestamp(row["ends_on"]).date()] += change
    # What begins without anything ending, such as old age, is seen in the next year's count.
    for day, found in zip(on[1:], counts[1:], strict=True):
        steps[day] += found - counts[0] - sum(change for at, change in steps.items() if at <= day)
    days = [on[0], *sorted(d for d, change in steps.items() if change)]
    levels = accumulate((steps[d] for d in days[1:]), initial=counts[0])
    spans = zip(days, [*days[1:], _end(on)], levels, strict=True)
    return [(start, end, level) for start, end, level in spans if level > 0 and end > start]


def _days(life: Life) -> list[date]:
    return [pd.Timestamp(d).date() for d in life.years["on"]]


def _end(on: list[date]) -> date:
    """A year after the last day: the last band's right end."""
    return date(on[-1].year + 1, on[-1].month, min(on[-1].day, 28))


def _marks(axes: Axes, life: Life, present: list[str], language: Language) -> None:
    """A triangle where a benefit ends, a filled one where it is the family's last."""
    for row in life.endings.to_dict("records"):
        at, y = _at(pd.Timestamp(row["ends_on"]).date()), present.index(str(row["kind"]))
        fill = "black" if row["last"] else "white"
        axes.plot([at], [y - 0.36], marker="v", markersize=8, color="black", markerfacecolor=fill, clip_on=False)
        if row["last"]:
            label = getattr(words.LAST.fill(day=wording.day(row["ends_on"])), language)
            axes.axvline(at, color="black", linestyle="--", linewidth=1)
            axes.annotate(label, (at, -0.62), xytext=(4, 0), textcoords="offset points", fontsize=9, va="center")


def _rows(axes: Axes, present: list[str], language: Language) -> None:
    axes.set_yticks(range(len(present)), [getattr(words.KINDS[k], language) for k in present])
    axes.set_ylim(max(len(present), 1) - 0.4, -0.85)
    axes.grid(visible=False, axis="y")


def _money(axes: Axes, life: Life, edges: list[float], language: Language) -> None:
    widths = [0.94 * (b - a) for a, b in pairwise(edges)]
    heights = (life.years["benefit"] / MILLION).tolist()
    axes.bar(edges[:-1], heights, width=widths, align="edge", color="#DDDDDD", edgecolor="#333333")
    for left, width, height in zip(edges, widths, heights, strict=False):
        axes.text(left + width / 2, height, wording.decimal(height, 2, language), ha="center", va="bottom", fontsize=9)
    axes.set_ylabel(getattr(words.FIGURE_MONEY, language))
    axes.set_ylim(0, max([*heights, 1]) * 1.2)


@rc_context(figures.RC)
def draw_all(population: pd.DataFrame, leaving: pd.DataFrame, simulated: bool) -> Figure:
    """Persons by component in each year, and the families whose last component ends in each quarter."""
    figure, axes = figures.drawing(words.FIGURE_ALL.en, simulated, rows=2, height=7.2)
    bottom = pd.Series(0.0, index=population.index)
    labels = [wording.day(d)[3:] for d in population["on"]]
    for kind in KINDS:
        style: Any = {"color": GREYS[kind], "hatch": HATCHES[kind], "edgecolor": "#333333", "linewidth": 0.6}
        axes[0].bar(labels, population[kind], bottom=bottom, label=words.KINDS[kind].en, width=0.72, **style)
        bottom = bottom + population[kind]
    axes[0].set_ylabel(words.FIGURE_PERSONS.en)
    axes[0].legend(loc="upper left", bbox_to_anchor=(1.0, 1.0), reverse=True)
    axes[1].set_title(words.FIGURE_LEAVING.en)
    axes[1].bar(leaving["quarter"], leaving["families"], width=0.72, color="#8FB8DE", edgecolor="#333333", hatch="//")
    for at, value in enumerate(leaving["families"]):
        axes[1].text(at, value, wording.decimal(value, 0, "en"), ha="center", va="bottom", fontsize=9)
    axes[1].set_ylabel(words.FIGURE_FAMILIES.en)
    axes[1].tick_params(axis="x", labelrotation=60 if len(leaving) > 8 else 0)
    return figure


# ------------------------------------------------------------------ the same in words


def told(life: Life, language: Language) -> str:
    """The family's years as a table, what ends when, and what it would lose and keep."""

    def say(text: Text, **values: Text | str | int) -> str:
        return str(getattr(text.fill(**values), language))

    def money(value: Any) -> str:
        return wording.value_text(value, "rupiah", language)

    shown = [k for k in KINDS if life.years[k].sum()] + ["adults"]
    heads = [say(words.ON), *(say(words.KINDS[k]) for k in shown), say(words.BENEFIT)]
    rows = [
        [wording.day(r["on"]), *(str(r[k]) for k in shown), money(r["benefit"])] for r in life.years.to_dict("records")
    ]
    lines = [_title(life, language), "", *_columns([heads, *rows]), "", f"{say(words.ENDS)}:"]
    lines += [f"  {_ending(r, language)}" for r in life.endings.to_dict("records")] or [f"  {say(words.NOTHING_ENDS)}"]
    return "\n".join([*lines, f"  {_last(life, language)}", "", *_balance(life, say, money)])


def _columns(table: list[list[str]]) -> list[str]:
    widths = [max(map(len, column)) for column in zip(*table, strict=True)]
    return ["  ".join(cell.rjust(w) for cell, w in zip(row, widths, strict=True)) for row in table]


def _ending(row: Mapping[Any, Any], language: Language) -> str:
    becomes = str(row["becomes"])
    after = words.NO_MORE if becomes == "none" else words.BECOMES.fill(kind=words.KINDS[becomes])
    money = wording.value_text(row["rupiah_a_year"], "rupiah", language)
    fields = {"day": wording.day(row["ends_on"]), "persons": str(row["persons"]), "money": money}
    return str(getattr(words.ENDING.fill(kind=words.KINDS[str(row["kind"])], next=after, **fields), language))


def _last(life: Life, language: Language) -> str:
    ends = life.facts["last_component_ends_on"]
    if not wording.unknown(ends):
        return str(getattr(words.LAST.fill(day=wording.day(ends)), language))
    return str(getattr(words.LASTING if life.facts["components"] else words.NO_COMPONENT, language))


def _balance(life: Life, say: Any, money: Any) -> list[str]:
    facts, years = life.facts, str(len(life.years) - 1)
    losses = say(words.LOSES, a_year=money(facts["loses_a_year"]), in_years=money(facts["loses_in_years"]), years=years)
    parts = [
        f"  {say(words.KINDS[k])}: {money(facts[f'loses_in_years_{k}'])}" for k in KINDS if facts[f"loses_in_years_{k}"]
    ]
    pbi, food = facts["keeps_pbi_a_year"], facts["sembako_a_year"]
    kept = words.KEEPS_PBI.fill(money=money(pbi)) if not wording.unknown(pbi) and pbi else words.NO_PBI
    own = words.SEMBAKO.fill(money=money(food)) if not wording.unknown(food) and food else words.NO_SEMBAKO
    year = str(pd.Timestamp(facts["as_of"]).year)
    return [f"{losses}:", *parts, say(kept), say(own), say(words.ASSUMED, year=year)]
