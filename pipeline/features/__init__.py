"""What was known on as_of: one module per input table, `build` joins them.

`build(tables, as_of)` is one function for training and for scoring: it is called once per as-of date. Every module
reads its table through the two clocks (asof.known) first, so nothing later can reach a feature.
"""

from dataclasses import replace
from datetime import date
from functools import reduce

import ibis
import ibis.expr.types as ir
import pandas as pd

from pipeline.asof import active
from pipeline.columns import FAMILY, KEY
from pipeline.features import (
    around,
    assignments,
    cases,
    commitments,
    days,
    family,
    identity_checks,
    members,
    membership,
    payments,
    places,
    programmes,
    sessions,
    welfare,
)
from pipeline.features.redate import redate
from pipeline.features.residence import REGENCY, VILLAGE, residence
from pipeline.features.spec import Block, Feature, numeric
from pipeline.tables import TABLES, Column, Welfare

MODULES = (
    family, members, payments, commitments, sessions, programmes, cases, membership, identity_checks, assignments,
)  # fmt: skip
KINDS_OF_TYPE = {"boolean": "flag", "int64": "whole", "float64": "number"}
TYPES = {"text": "string", "choice": "string", "day": "date", "flag": "boolean", "whole": "int64", "number": "float64"}
ANY_DAY = date(2025, 1, 1)  # names of features hang on no day


def build(
    tables: dict[str, ir.Table],
    as_of: date,
    further: tuple[Column, ...] | None = None,
    compared: ir.Table | None = None,
) -> ir.Table:
    """Features of every family that was a member on `as_of`; grain and key kpm_id, as_of.

    `tables` are contract tables by name; optional ones may be absent, their features are then absent too. All features
    are float64, null where unknown; counts of a table in which the family has no row are null as well. `further` are
    columns of welfare beyond the contract with their meaning; without it they are taken from the table itself.
    `compared` is what `compare` gives of all families, where `tables` hold a part of them only.
    """
    own = apart(tables, as_of, further)
    joined = reduce(_add, enumerate(own), everybody(tables, as_of))
    ranked = compare(beside(tables, as_of, own)) if compared is None else compared
    names = [f.name for b in own for f in b.features]
    both = joined.left_join(ranked, FAMILY, rname="{name}_beside")
    return both.select(*KEY, *names, *(c for c in ranked.columns if c != FAMILY)).order_by(FAMILY)


def neighbours(tables: dict[str, ir.Table], as_of: date, further: tuple[Column, ...] | None = None) -> ir.Table:
    """Members on the day with their place and what they are compared by; key kpm_id. Of parts, rows just add up."""
    return beside(tables, as_of, apart(tables, as_of, further))


def compare(neighbours: ir.Table) -> ir.Table:
    """Each family beside its neighbours, all of whom must be among the rows; key kpm_id."""
    found = [f for b in places.build(neighbours) for f in b.features]
    return neighbours.select(FAMILY, **{f.name: numeric(f.value) for f in found})


def blocks(tables: dict[str, ir.Table], as_of: date, further: tuple[Column, ...] | None = None) -> tuple[Block, ...]:
    """The features of each table that is present, and those of the family beside its neighbours."""
    own = apart(tables, as_of, further)
    return (*own, *places.build(beside(tables, as_of, own)))


def apart(tables: dict[str, ir.Table], as_of: date, further: tuple[Column, ...] | None) -> tuple[Block, ...]:
    """The features that look at one family only, before they are joined."""
    present = tuple(module.build(tables, as_of) for module in MODULES if module.TABLE in tables)
    return (*present, welfare.build(tables, as_of, further or declared(tables["welfare"])))


def everybody(tables: dict[str, ir.Table], as_of: date) -> ir.Table:
    """Members on the day; key kpm_id, as_of."""
    return active(tables["membership"], as_of).mutate(as_of=ibis.literal(as_of))


def beside(tables: dict[str, ir.Table], as_of: date, own: tuple[Block, ...]) -> ir.Table:
    """Members on the day with their place and what neighbours are compared by; key kpm_id.

    Few columns: a window function carries every column of its table through its sorts.
    """
    here = residence(tables["kpm"], as_of)
    base = everybody(tables, as_of).left_join(here, FAMILY, rname="{name}_here")
    few = [replace(b, features=tuple(f for f in b.features if f.name in places.READ)) for b in own]
    needed = tuple(b for b in few if b.features)
    names = [f.name for b in needed for f in b.features]
    return reduce(_add, enumerate(needed), base).select(FAMILY, REGENCY, VILLAGE, *names)


def declared(table: ir.Table) -> tuple[Column, ...]:
    """Columns of welfare beyond the contract, which the source declared and ingestion let through."""
    own = {c.name for c in Welfare.columns()}
    return tuple(
        Column(KINDS_OF_TYPE[str(table[name].type())], name.replace("_", " "), unit="as declared", name=name)  # type: ignore[arg-type]
        for name in table.columns
        if name not in own
    )


def names() -> set[str]:
    """Every feature that the contract's tables can give, whatever one extract has: what a rule may look at."""
    schemas = {name: {c.name: TYPES[c.kind] for c in table.columns()} for name, table in TABLES.items()}
    unbound = {name: ibis.table(schema, name=name) for name, schema in schemas.items()}
    return {f.name for b in blocks(unbound, ANY_DAY, ()) for f in b.features}


def dictionary(blocks: tuple[Block, ...]) -> pd.DataFrame:
    """Columns feature, definition, table, unit, window, used_in_score, sign; one row a feature."""
    rows = [
        (f.name, f.definition, b.table, f.unit, f.window, f.used_in_score, f.sign) for b in blocks for f in b.features
    ]
    return pd.DataFrame(rows, columns=["feature", "definition", "table", "unit", "window", "used_in_score", "sign"])


def wording(blocks: tuple[Block, ...]) -> pd.DataFrame:
    """Columns feature, concept, label_id, label_en, dated_by; how people read a feature, one row each."""
    rows = [
        (f.name, f.concept, f.label_id, f.label_en, days.ROSTER if b.table == "members" else f.dated_by)
        for b in blocks
        for f in b.features
    ]
    return pd.DataFrame(rows, columns=["feature", "concept", "label_id", "label_en", "dated_by"])


def days_of(tables: dict[str, ir.Table], families: ir.Table, as_of: date, blocks: tuple[Block, ...]) -> ir.Table:
    """The day on which each `dated_by` of welfare was last told, null where never; key kpm_id, a date column each."""
    told = {f.dated_by for b in blocks for f in b.features} - {""}
    return days.build(tables["welfare"], families, as_of, sorted(told))


def _add(left: ir.Table, numbered: tuple[int, Block]) -> ir.Table:
    number, block = numbered
    return left.left_join(block.expression(), FAMILY, rname=f"block_{number}_{{name}}")


__all__ = [
    "Block", "Feature", "around", "blocks", "build", "compare", "days_of", "declared", "dictionary", "names",
    "neighbours", "redate", "wording",
]  # fmt: skip
