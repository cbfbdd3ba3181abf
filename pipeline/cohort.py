"""Who is scored, and when: every family that was a member on an as-of date, as known on that date."""

from collections.abc import Sequence
from datetime import date
from functools import reduce

import ibis
import ibis.expr.types as ir

from pipeline.asof import active
from pipeline.columns import AS_OF, KEY
from pipeline.errors import BadInput


def select(membership: ir.Table, as_ofs: Sequence[date]) -> ir.Table:
    """Members at each as-of date; grain and key kpm_id, as_of.

    Membership is read by both clocks, so a family whose exit was recorded only later is still in the cohort:
    on that day nobody knew, and a cohort must not be chosen by the future.
    """
    cohorts = [active(membership, a).mutate(as_of=ibis.literal(a)) for a in as_ofs]
    return reduce(ir.Table.union, cohorts).select(KEY).order_by([AS_OF, KEY[0]])


def gate(cohort: ir.Table, extracted_on: date) -> None:
    """BadInput where nobody is left to be scored on the extract's own date."""
    if not cohort.filter(cohort.as_of == extracted_on).count().to_pyarrow().as_py():
        raise BadInput(
            f"membership: no family is a member on {extracted_on}, extracted_on: there is nobody to score",
            "mend extracted_on in extract.yaml, or the events enrolled and reactivated",
        )
