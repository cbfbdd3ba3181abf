"""Opening a simulated extract to be measured."""

from collections.abc import Mapping
from datetime import date
from typing import Any

import ibis
import ibis.expr.types as ir

from pipeline.columns import FAMILY
from pipeline.errors import BadInput
from pipeline.world.seen import REGENCY_DIGITS, Keeper, World
from pipeline.world.settings import Config

NEEDED = ("kpm", "members", "membership", "payments", "welfare", "truth_exits")


def open_world(
    tables: Mapping[str, ir.Table], extracted_on: date, settings: Mapping[str, object], config: Config, keep: Keeper
) -> World:
    """The world ready to be measured.

    `tables`: the extract's, and `truth_exits` (kpm_id, exit_on, cause, shock: what really happened). `keep` computes a
    table that many figures read once, under a name. BadInput where a table that every world has is missing.
    """
    missing = [t for t in NEEDED if t not in tables]
    if missing:
        raise BadInput(
            f"world: {', '.join(missing)}: no such table as Parquet in the simulated extract",
            "run `python -m pipeline simulate` with a world whose settings do not ask for CSV",
        )
    kpm = tables["kpm"]
    families = keep("families", kpm.select(FAMILY, "village_code", "caretaker_birth_date", "caretaker_sex"))
    counted = families.group_by(families.village_code.left(REGENCY_DIGITS).name("regency")).agg(n=families.count())
    held = counted.to_pandas()
    return World(
        tables=tables,
        extracted_on=extracted_on,
        settings=flat(settings),
        poverty_line=config.poverty_line,
        families=families,
        events=keep("events", _events(tables["membership"], extracted_on)),
        regencies=dict(zip(held["regency"].astype(str), held["n"].astype(int), strict=True)),
        keep=keep,
    )


def flat(settings: Mapping[Any, object], above: str = "") -> dict[str, object]:
    """Nested settings by dotted name, such as surveys.poverty_line.2018."""
    found: dict[str, object] = {}
    for key, value in settings.items():
        name = f"{above}{key}"
        found |= flat(value, f"{name}.") if isinstance(value, Mapping) else {name: value}
    return found


def _events(membership: ir.Table, extracted_on: date) -> ir.Table:
    """kpm_id, effective_on, event, reason, next_on, next_event, nth (position among the family's events of its kind).

    On one day a reactivation follows an exit and an exit follows an enrolment: the order of the letters.
    """
    happened = membership.filter(membership.effective_on <= extracted_on)
    by = ibis.window(group_by=FAMILY, order_by=["effective_on", "event"])
    kind = ibis.window(group_by=[FAMILY, "event"], order_by="effective_on")
    return happened.select(
        FAMILY, "effective_on", "event", "reason",
        next_on=happened.effective_on.lead().over(by),
        next_event=happened.event.lead().over(by),
        nth=ibis.row_number().over(kind),
    )  # fmt: skip
