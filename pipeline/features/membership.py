"""Spells of membership: how long this one lasts, whether there was one before."""

from datetime import date

import ibis
import ibis.expr.types as ir

from pipeline.asof import ACTIVE_EVENTS, known, months_between
from pipeline.features.residence import GRADUATED
from pipeline.features.spec import Block, Feature, aggregated, count, since

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
        Feature(
            "exits_ever",
            count(t.event == "exited"),
            "earlier exits, ever",
            "count",
            "berapa kali pernah keluar dari PKH",
            "membership",
            "ever",
        ),
        Feature(
            "graduations_ever",
            count((t.event == "exited") & t.reason.isin(GRADUATED)),
            "earlier graduations after which the family came back, ever",
            "count",
            "berapa kali pernah graduasi lalu kembali",
            "membership",
            "ever",
        ),
        since(
            t.effective_on.max(where=t.event == "reactivated"),
            as_of,
            ("return", "kembali menjadi peserta"),
            "membership",
        ),
        Feature(
            "first_spell_months",
            months_between(
                t.effective_on.min(where=t.event.isin(ACTIVE_EVENTS)), t.effective_on.min(where=t.event == "exited")
            ),
            "months on PKH before the first exit",
            "months",
            "lama menjadi peserta sebelum pertama kali keluar",
            "membership",
            "ever",
        ),
    )
    return aggregated(TABLE, t, features)
