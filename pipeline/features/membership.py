"""Spells of membership: how long this one lasts, whether there was one before."""

from datetime import date

import ibis
import ibis.expr.types as ir

from pipeline.asof import ACTIVE_EVENTS, known, months_between
from pipeline.features.spec import Block, Feature, aggregated, count

TABLE = "membership"


def build(tables: dict[str, ir.Table], as_of: date) -> Block:
    t = known(tables[TABLE], "effective_on", as_of)
    on = ibis.literal(as_of)
    features = (
        Feature(
            "spell_months",
            months_between(t.effective_on.max(where=t.event.isin(ACTIVE_EVENTS)), on),
            "months since the present membership began",
            "months",
            "lama menjadi peserta PKH",
            "membership",
        ),
        Feature(
            "reactivations_ever",
            count(t.event == "reactivated"),
            "times the family came back, ever",
            "count",
            "berapa kali kembali menjadi peserta",
            "membership",
            "ever",
        ),
        Feature(
            "months_since_exit",
            months_between(t.effective_on.max(where=t.event == "exited"), on),
            "months since an earlier exit",
            "months",
            "lama sejak pernah keluar",
            "membership",
            "ever",
        ),
    )
    return aggregated(TABLE, t, features)
