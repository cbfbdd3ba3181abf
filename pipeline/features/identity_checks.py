"""Matches against the civil registry: flags for people, never inputs of a score."""

from datetime import date

import ibis
import ibis.expr.types as ir

from pipeline.asof import days_between, known
from pipeline.features.spec import Block, Feature, aggregated

TABLE = "identity_checks"


def build(tables: dict[str, ir.Table], as_of: date) -> Block:
    t = known(tables[TABLE], "checked_on", as_of)
    on = ibis.literal(as_of)

    def for_people(name: str, value: ir.Value, definition: str, unit: str, label_id: str) -> Feature:
        return Feature(name, value, definition, unit, label_id, "data_quality", used_in_score=False)

    features = (
        for_people(
            "identity_mismatch",
            ~t.matched.argmax(t.checked_on),
            "identity did not match at the last check",
            "flag",
            "identitas tidak padan",
        ),
        for_people(
            "identity_duplicate",
            t.duplicate.argmax(t.checked_on),
            "identity used by another family at the last check",
            "flag",
            "identitas ganda",
        ),
        for_people(
            "identity_not_alive",
            ~t.alive.argmax(t.checked_on),
            "not alive in the civil registry at the last check",
            "flag",
            "tercatat meninggal",
        ),
        for_people(
            "identity_check_age_days",
            days_between(t.checked_on.max(), on),
            "days since the last identity check",
            "days",
            "umur pemeriksaan identitas",
        ),
    )
    return aggregated(TABLE, t, features)
