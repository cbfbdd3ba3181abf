"""Dwelling and belongings as indices: each item tells a little, together they tell how a family lives.

Grades put the DTSEN codes (../shared/domain.md 3.3) in order, 0 the poorest; a code for "other" is no grade. An index
is the mean of what is known, every item scaled to 0 to 1: floats are added within a row only, in one order.
"""

import operator
from functools import reduce

import ibis
import ibis.expr.types as ir

from pipeline.features.spec import Feature

GRADES: dict[str, dict[int, int]] = {
    "floor_type": {8: 0, 7: 1, 5: 2, 6: 2, 4: 3, 2: 4, 3: 4, 1: 5},
    "wall_type": {6: 0, 4: 0, 5: 1, 3: 1, 2: 2, 1: 3},
    "roof_type": {7: 0, 5: 0, 6: 1, 4: 1, 3: 1, 2: 2, 1: 3},
    "drinking_water": {6: 0, 8: 0, 9: 0, 10: 0, 5: 1, 7: 1, 4: 2, 3: 3, 2: 4, 1: 4},
    "lighting": {4: 0, 3: 1, 2: 2, 1: 3},
    "electricity_power": {1: 0, 2: 1, 3: 2, 4: 3, 5: 4},
    "cooking_fuel": {10: 0, 8: 0, 9: 0, 7: 1, 4: 2, 6: 2, 5: 3, 3: 3, 2: 3, 1: 3},
    "toilet_facility": {6: 0, 5: 0, 4: 1, 3: 1, 2: 2, 1: 3},
}
BELONGINGS = {
    "motorcycles": 2,
    "cars": 1,
    "refrigerator": 1,
    "smartphone": 1,
    "computer": 1,
    "gold": 1,
    "other_land": 1,
    "cattle": 2,
}
"""Items and the number from which more of them tells nothing more."""
WORDS = {
    "dwelling_index": ("quality of the dwelling", "mutu rumah"),
    "belongings_index": ("belongings", "kepemilikan aset"),
    "wealth_index": ("dwelling and belongings", "mutu rumah dan aset"),
}
LEAST_KNOWN = 4  # items of eight, or there is no index


def grade(rows: ir.Table, item: str) -> ir.FloatingValue:
    """0 the poorest to 1 the best; null where it is not known or the code is no grade."""
    places = GRADES[item]
    best = max(places.values())
    return rows[item].cases(*((code, place / best) for code, place in places.items()))


def owned(rows: ir.Table, item: str) -> ir.FloatingValue:
    most = BELONGINGS[item]
    return rows[item].cast("float64").fill_null(0.0).clip(lower=0.0, upper=float(most)) / most


def index(values: list[ir.FloatingValue], known: list[ir.BooleanValue]) -> ir.FloatingValue:
    """The mean of the known items; null where too few are."""
    n = reduce(operator.add, (k.cast("int64") for k in known))
    return ibis.ifelse(n >= LEAST_KNOWN, reduce(operator.add, values) / n.cast("float64"), ibis.null("float64"))


def indices(rows: ir.Table) -> dict[str, ir.FloatingValue]:
    """Of each visit the indices `dwelling_index` and `belongings_index`."""
    grades = [grade(rows, i) for i in GRADES]
    return {
        "dwelling_index": index([g.fill_null(0.0) for g in grades], [g.notnull() for g in grades]),
        "belongings_index": index([owned(rows, i) for i in BELONGINGS], [rows[i].notnull() for i in BELONGINGS]),
    }


def features(rows: ir.Table) -> tuple[Feature, ...]:
    """`rows` hold each index's last value and the one of twelve months before."""
    last = {name: rows[f"{name}_last"] for name in WORDS}
    return (
        *(level(name, value) for name, value in last.items()),
        *(change(name, value, rows[f"{name}_before"]) for name, value in last.items()),
    )


def level(name: str, value: ir.Value) -> Feature:
    words, label_id = WORDS[name]
    definition, label = f"{words}, mean of the items known, 0 the poorest to 1", f"{label_id} (0 terendah, 1 tertinggi)"
    return Feature(name, value, definition, "index", label, "house_assets", sign=1, dated_by=name)


def change(name: str, last: ir.Value, before: ir.Value) -> Feature:
    words, label_id = WORDS[name]
    return Feature(
        f"{name}_change_12m",
        last - before,
        f"{words}, last known less what was known 12 months before",
        "difference",
        f"perubahan {label_id} dalam 12 bulan",
        "house_assets",
        "last 12 months",
        dated_by=name,
    )
