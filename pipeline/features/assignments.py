"""The facilitator as context: people read it, the score does not, as the facilitator also makes the label."""

from datetime import date

import ibis
import ibis.expr.types as ir

from pipeline.asof import known, months_between, serving
from pipeline.columns import FAMILY
from pipeline.features.residence import graduations
from pipeline.features.spec import Block, Feature, added, share

TABLE = "assignments"
LOADS = "facilitator_loads"  # told beside the tables where these hold a part of the families


def build(tables: dict[str, ir.Table], as_of: date) -> Block:
    loads = tables[LOADS] if LOADS in tables else caseloads(tables, as_of)
    t = serving(tables[TABLE], as_of).left_join(loads, "facilitator_id", rname="{name}_served")
    gone = t.graduates
    features = (
        context(
            "facilitator_caseload",
            t.caseload,
            "families served by the facilitator",
            "families",
            "jumlah keluarga dampingan pendamping",
        ),
        context(
            "facilitator_months",
            months_between(t.valid_from, ibis.literal(as_of)),
            "months with this facilitator",
            "months",
            "lama didampingi pendamping ini",
        ),
        context(
            "facilitator_gsm_rate_24m",
            share(gone, gone + t.caseload),
            "graduations per family of the facilitator, last 24 months",
            "share",
            "bagian keluarga dampingan yang graduasi, 24 bulan terakhir",
        ),
    )
    return Block(TABLE, t, features)


def context(name: str, value: ir.Value, definition: str, unit: str, label_id: str) -> Feature:
    return Feature(name, value, definition, unit, label_id, "place_season", used_in_score=False)


def caseloads(tables: dict[str, ir.Table], as_of: date) -> ir.Table:
    """Columns facilitator_id, caseload, graduates; key facilitator_id. Of parts, they add up."""
    none, one = (ibis.literal(n, "int64") for n in (0, 1))
    now = serving(tables[TABLE], as_of).select("facilitator_id", caseload=one, graduates=none)
    gone = graduates(tables, as_of).select("facilitator_id", caseload=none, graduates="graduates")
    return added(now.union(gone), ("facilitator_id",))


def graduates(tables: dict[str, ir.Table], as_of: date) -> ir.Table:
    """Graduations of the last 24 months by who served the family on the day of the exit; key facilitator_id."""
    left, t = graduations(tables["membership"], as_of), known(tables[TABLE], "valid_from", as_of)
    pairs = left.join(t, [left[FAMILY] == t[FAMILY], t.valid_from <= left.effective_on], rname="{name}_then")
    served = pairs.group_by(FAMILY, "effective_on").aggregate(
        facilitator_id=pairs.facilitator_id.argmax(pairs.valid_from)
    )
    return served.group_by("facilitator_id").aggregate(graduates=served.count())
