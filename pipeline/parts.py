"""A large extract in parts: ranges of kpm_id, each with all that is known of its families.

Memory then hangs on the size of a part, not of the country, and parts are worked on beside each other. What comes out
is the same however many parts there are: nothing that stays within a part looks at two families at once.
"""

from itertools import pairwise
from typing import NamedTuple

import ibis
import ibis.expr.types as ir

from pipeline.columns import FAMILY

FIRST_VISIBLE = "!"  # every text that begins with a blank sorts before it


class Part(NamedTuple):
    """Families from `lowest` on (null: from the first) and below `below` (null: to the last)."""

    number: int
    lowest: str | None
    below: str | None

    @property
    def name(self) -> str:
        return f"{self.number:04d}"


WHOLE = Part(0, None, None)


def split(families: ir.Table, most: int) -> tuple[Part, ...]:
    """Parts of at most `most` families each, in order; `families` has kpm_id, perhaps blank or with blanks around."""
    if int(families.count().to_pyarrow().as_py()) <= most:
        return (WHOLE,)
    known = families.select(kpm_id=families[FAMILY].strip()).filter(lambda t: t.kpm_id.notnull())
    placed = known.mutate(at=ibis.row_number().over(order_by=FAMILY))
    cuts = placed.filter((placed["at"] > 0) & (placed["at"] % most == 0)).select(FAMILY).distinct().order_by(FAMILY)
    bounds = [None, *cuts.to_pyarrow()[FAMILY].to_pylist(), None]
    return tuple(Part(n, low, high) for n, (low, high) in enumerate(pairwise(bounds)))


def within(table: ir.Table, part: Part) -> ir.Table:
    """The rows of the part's families; rows without a family, whom nobody claims, are of the first part.

    A kpm_id with a blank before it sorts elsewhere as it came, and belongs where it is without the blank.
    """
    if part == WHOLE:
        return table
    came = table[FAMILY]
    inside = (came >= FIRST_VISIBLE) & holds(came, part)
    strays = (came < FIRST_VISIBLE) & holds(came.strip(), part)
    found = inside | strays
    return table.filter(found | came.isnull() if part.lowest is None else found)


def holds(family: ir.StringValue, part: Part) -> ir.BooleanValue:
    bounds = [family >= part.lowest] if part.lowest is not None else []
    return ibis.and_(*bounds, *([family < part.below] if part.below is not None else []), ibis.literal(True))


def overlaps(part: Part, least: str | None, most: str | None) -> bool:
    """Whether a file whose kpm_id lie between `least` and `most` may hold rows of the part; null: nobody knows."""
    if least is None or most is None or least < FIRST_VISIBLE:
        return True
    return (part.below is None or least < part.below) and (part.lowest is None or most >= part.lowest)
