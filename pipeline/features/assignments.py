"""The facilitator as context: people read it, the score does not, as the facilitator also makes the label."""

from datetime import date

import ibis
import ibis.expr.types as ir

from pipeline.asof import months_between, serving
from pipeline.features.spec import Block, Feature

TABLE = "assignments"


def build(tables: dict[str, ir.Table], as_of: date) -> Block:
    current = serving(tables[TABLE], as_of)
    t = current.mutate(caseload=ibis._.count().over(group_by="facilitator_id"))
    on = ibis.literal(as_of)
    features = (
        Feature(
            "facilitator_caseload",
            t.caseload,
            "families served by the facilitator",
            "families",
            "jumlah keluarga dampingan pendamping",
            "place_season",
            used_in_score=False,
        ),
        Feature(
            "facilitator_months",
            months_between(t.valid_from, on),
            "months with this facilitator",
            "months",
            "lama didampingi pendamping ini",
            "place_season",
            used_in_score=False,
        ),
    )
    return Block(TABLE, t, features)
