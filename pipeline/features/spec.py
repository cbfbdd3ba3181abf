"""How a feature is declared: a generated name, what it means, and the Ibis value that computes it."""

from dataclasses import dataclass, replace
from datetime import date
from typing import Literal

import ibis
import ibis.expr.types as ir

from pipeline.asof import months_between
from pipeline.study import months_before

MOST_RUPIAH = 10**12
Concept = Literal[
    "livelihood",
    "house_assets",
    "learning_sessions",
    "school_health",
    "family",
    "programme",
    "payments",
    "membership",
    "place_season",
    "data_quality",
]
Sign = Literal[-1, 0, 1]


@dataclass(frozen=True)
class Feature:
    """One column of data/features/: its name, definition and Ibis value.

    `label_id` and `label_en` are noun phrases for people; `window` tells the time it looks at; a feature with
    `used_in_score` False informs people and audits, the model never sees it. `sign` is +1 where the domain is certain
    that a larger value makes graduation likelier, -1 less likely, 0 where it makes no claim: a wrong claim bends the
    score, a missing one only leaves it to the data. `dated_by` is what of the input table was last told on the day of
    the value: a column or index of welfare, or the roster; empty where the value sums up all that is known as of the
    date.
    """

    name: str
    value: ir.Value
    definition: str
    unit: str
    label_id: str
    concept: Concept
    window: str = "as of the date"
    used_in_score: bool = True
    sign: Sign = 0
    dated_by: str = ""

    @property
    def label_en(self) -> str:
        return self.definition.split(";")[0]


@dataclass(frozen=True)
class Block:
    """Features of one input table, one row per family; key kpm_id."""

    table: str
    rows: ir.Table
    features: tuple[Feature, ...]

    def expression(self) -> ir.Table:
        return self.rows.select("kpm_id", **{f.name: numeric(f.value) for f in self.features})


@dataclass(frozen=True)
class Window:
    """The months up to an as-of date, that day included; `months` None is ever."""

    months: int | None
    as_of: date

    @property
    def suffix(self) -> str:
        return "ever" if self.months is None else f"{self.months}m"

    @property
    def words(self) -> str:
        return "ever" if self.months is None else f"last {self.months} months"

    @property
    def words_id(self) -> str:
        return "sejak awal" if self.months is None else f"{self.months} bulan terakhir"

    def holds(self, day: ir.DateValue) -> ir.BooleanValue:
        """Start excluded, end included: (as_of - months, as_of]; anchored month ends."""
        return day.notnull() if self.months is None else day > months_before(self.as_of, self.months)


def earlier(longer: Window, shorter: Window, day: ir.DateValue) -> ir.BooleanValue:
    """The part of the longer window before the shorter one: what recent months are compared with."""
    return longer.holds(day) & ~shorter.holds(day)


def windows(as_of: date, *months: int | None) -> tuple[Window, ...]:
    return tuple(Window(m, as_of) for m in months)


def over(window: Window, feature: Feature) -> Feature:
    """The feature named and worded for its window."""
    return replace(
        feature,
        name=f"{feature.name}_{window.suffix}",
        definition=f"{feature.definition}, {window.words}",
        label_id=f"{feature.label_id}, {window.words_id}",
        window=window.words,
    )


def numeric(value: ir.Value) -> ir.Value:
    """Features are numbers: a flag is 0 or 1, an unknown stays null."""
    return value.cast("float64")


def share(part: ir.IntegerValue, whole: ir.IntegerValue) -> ir.FloatingValue:
    """A quotient of exact counts or sums, null where the denominator is 0: the same whatever the thread count."""
    return part.cast("float64") / whole.nullif(0).cast("float64")


def deviation(n: ir.IntegerValue, total: ir.IntegerValue, squares: ir.IntegerValue) -> ir.FloatingValue:
    """Sample standard deviation from exact integer sums, sqrt((n * sum x^2 - (sum x)^2) / (n (n - 1))).

    Integer sums do not depend on the order in which threads add; floating sums do.
    """
    exact = total.cast("decimal(38, 0)")
    spread = (n.cast("decimal(38, 0)") * squares - exact * exact).cast("float64")
    return (spread / (n * (n - 1)).nullif(0).cast("float64")).sqrt()


def money(rupiah: ir.IntegerValue) -> ir.IntegerValue:
    """Rupiah as int64, at most a million million: above that it is a typing error, and sums must stay within int64."""
    return rupiah.cast("int64").clip(upper=MOST_RUPIAH)


def count(condition: ir.BooleanValue) -> ir.IntegerValue:
    """Rows for which it holds; an unknown is none of them."""
    return condition.nullif(False).count()


def since(last: ir.DateValue, as_of: date, words: tuple[str, str], told: Concept, sign: Sign = 0) -> Feature:
    """Months since a day, null where there was none; `words` are the event in snake case and in Indonesian."""
    event, label_id = words
    return Feature(
        f"months_since_{event}",
        months_between(last, ibis.literal(as_of)),
        f"months since the last {event.replace('_', ' ')}",
        "months",
        f"lama sejak {label_id} terakhir",
        told,
        "ever",
        sign=sign,
    )


def added(rows: ir.Table, key: tuple[str, ...]) -> ir.Table:
    """The sum of every other column, whole numbers all, by key."""
    sums = {c: rows[c].sum().cast("int64") for c in rows.columns if c not in key}
    return rows.group_by(list(key)).aggregate(**sums)


def aggregated(table: str, rows: ir.Table, features: tuple[Feature, ...]) -> Block:
    """A block whose feature values are aggregates over each family's rows."""
    made = rows.group_by("kpm_id").aggregate(**{f.name: f.value for f in features})
    return Block(table, made, tuple(replace(f, value=made[f.name]) for f in features))
