"""Raw scores -> the list's table: calibrated chance, interval, ranks over all, in the regency, for the facilitator."""

import ibis
import ibis.expr.types as ir

from pipeline.columns import AS_OF, FAMILY

COLUMNS = (
    FAMILY, AS_OF, "probability", "lower", "upper", "rank", "regency_code", "rank_in_regency", "facilitator_id",
    "rank_in_facilitator", "eligible", "holds", "phase", "pathway", "borderline",
)  # fmt: skip


def rank(chances: ir.Table, context: ir.Table) -> ir.Table:
    """Every scored family with its ranks; grain and key kpm_id, ordered by rank.

    `chances` has kpm_id, as_of, probability, lower, upper, holds, eligible, phase, pathway, borderline; `context`
    regency_code and facilitator_id by kpm_id and as_of. Equal chances are ordered by the md5 of kpm_id: no family gains
    by its place in a file.
    """
    placed = chances.left_join(context, [FAMILY, AS_OF])
    t = placed.mutate(tie=placed[FAMILY].hexdigest("md5"))
    order = [t.probability.desc(), t.tie]
    nth = ibis.row_number() + 1
    ranked = t.mutate(
        rank=nth.over(order_by=order),
        rank_in_regency=nth.over(group_by="regency_code", order_by=order),
        rank_in_facilitator=ibis.ifelse(
            t.facilitator_id.notnull(), nth.over(group_by="facilitator_id", order_by=order), ibis.null("int64")
        ),
    )
    return ranked.select(*COLUMNS).order_by("rank")
