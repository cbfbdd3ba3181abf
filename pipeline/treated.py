"""Families whom a published list led somebody to, as the desk's extract of decisions tells.

What became of such a family afterwards is the outcome of a visit as well as of the family. A model that learnt from it
would be taught by its own lists: whom it ranked high was visited, and who was visited was more often proposed. So the
label of such a family ends at the visit, censored (labels.observe), and for as long as the visit may be felt.

Censoring is not blind to rank. Where nearly everybody near the top is visited, few rows of such families are left to
learn from, and the share that was lost is told; nothing here makes up for them.
"""

from typing import TYPE_CHECKING

from pydantic import PositiveInt

from pipeline.columns import CENSORED, FAMILY, KEY, OUTCOME, RECORDED_ON
from pipeline.config import BaseConfig
from pipeline.errors import BadInput

if TYPE_CHECKING:
    import ibis.expr.types as ir
    import pyarrow as pa

TREATED_ON = "treated_on"
COLUMNS = {FAMILY: "string", "happened_on": "date32[day]", "recorded_on": "date32[day]", "treated": "bool"}  # Arrow's
WAY_OUT = "write it with `python -m pipeline.desk extract FOLDER`, or set path in configs/treated.yaml to null"


class Config(BaseConfig):
    """Section `treated`. path: decisions.parquet of the desk's extract, or null. felt_days: how long it is felt."""

    path: str | None
    felt_days: PositiveInt


def refuse(schema: "pa.Schema", rows: int, path: object) -> None:
    """BadInput where a file is not the desk's extract of decisions: a column missing or of another type, or no row."""
    wrong = [
        f"{path}: column {name}: {found(schema, name)}, expected {kind}"
        for name, kind in COLUMNS.items()
        if name not in schema.names or found(schema, name) != kind
    ]
    if wrong:
        raise BadInput(*wrong, WAY_OUT)
    if not rows:
        raise BadInput(f"{path}: no rows", WAY_OUT)


def found(schema: "pa.Schema", name: str) -> str:
    return str(schema.field(name).type) if name in schema.names else "missing"


def visits(decisions: "ir.Table", config: Config) -> "ir.Table":
    """When somebody came, when that was first recorded, until when it is felt; grain and key kpm_id, treated_on."""
    import ibis

    met = decisions.filter(decisions.treated)
    came = met.group_by(FAMILY, treated_on=met.happened_on).aggregate(recorded_on=met[RECORDED_ON].min())
    return came.mutate(felt_until=(came.treated_on + ibis.interval(days=config.felt_days)).cast("date"))


def touched(labelled: "ir.Table", visits: "ir.Table") -> "ir.Table":
    """Labels that a visit may have touched, with the first such visit; key kpm_id, as_of; treated_on, recorded_on.

    `labelled` has kpm_id, as_of, horizon_end, matured_on, exit_outcome, effective_on. A visit counts that is felt after
    as_of and came by the end of the horizon, unless the family had left before it. Like an exit it must be on record
    when the label matures: one entered later would change a label that a model of that day had already learnt from.
    """
    from pipeline.asof import days_between

    before = labelled.exit_outcome.isnull() | (labelled.effective_on >= visits.treated_on)
    felt = days_between(labelled.as_of, visits.felt_until) > 0
    known = visits[RECORDED_ON] <= labelled.matured_on
    near = labelled.join(
        visits, [labelled[FAMILY] == visits[FAMILY], visits.treated_on <= labelled.horizon_end, known, felt, before]
    ).select(*[labelled[c] for c in KEY], TREATED_ON, recorded_on=visits[RECORDED_ON])
    return near.group_by(KEY).aggregate(
        treated_on=near.treated_on.min(), recorded_on=near[RECORDED_ON].argmin(near.treated_on)
    )


def told(labels: "ir.Table", visits: "ir.Table") -> list[str]:
    """How many labels end at a visit, and how many families nobody knows were decided on; lines for the user."""
    ended = labels.filter((labels[OUTCOME] == CENSORED) & labels.outcome_on.notnull())
    n, rows = (t.count().to_pyarrow().as_py() for t in (ended, labels))
    strangers = visits.anti_join(labels, FAMILY)[FAMILY].nunique().to_pyarrow().as_py()
    lines = [f"labels: {n:,} of {rows:,} end at a visit that a list led to, and are censored"]
    return lines + ([f"labels: {strangers:,} families of the decisions are in no cohort"] if strangers else [])
