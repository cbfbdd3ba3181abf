"""The members of each family on a day, as known then, with the components of PKH they are."""

from datetime import date

import ibis
import ibis.expr.types as ir

from pipeline import components
from pipeline.asof import age_years


def household(members: ir.Table, as_of: date) -> ir.Table:
    """Members valid on the day in their latest known version, with their components; key kpm_id, member_id."""
    on = ibis.literal(as_of)
    m = components.present(members, as_of)
    return m.mutate(
        age=age_years(m.birth_date, on),
        early_childhood=components.early_childhood(m, on),
        pupil=components.pupil(m, on),
        elderly=components.elderly(m, on),
        disabled=components.disabled(m),
        expecting=components.pregnant(m),
        component=components.is_component(m, on),
        schooling_ends=components.schooling_ends(m),
    )
