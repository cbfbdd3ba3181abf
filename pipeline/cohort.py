"""Who is scored, and when: every family that was a member on an as-of date, as known on that date."""

from collections.abc import Sequence
from datetime import date

import ibis
import ibis.expr.types as ir
from pydantic import Field, PositiveInt

from pipeline.asof import active, age_years, stacked
from pipeline.columns import AS_OF, FAMILY, KEY, RECORDED_ON
from pipeline.config import BaseConfig
from pipeline.errors import BadInput


class Config(BaseConfig):
    """Section `cohort`: null is everybody; `history_share`: the part of the families that models learn from."""

    caretaker_younger_than: PositiveInt | None
    regencies: tuple[str, ...] | None
    history_share: float = Field(ge=0, le=1)


def begins(membership: ir.Table) -> date:
    """The day from which an exit could be known; without any exit, the day of the first record.

    A register that was filled with earlier enrolments knows nothing of those who left before it was kept: on such
    dates everybody would seem to stay, and a model would learn that nobody graduates.
    """
    first = membership.aggregate(
        exit=membership.recorded_on.min(where=membership.event == "exited"), record=membership.recorded_on.min()
    ).to_pyarrow()
    day: date = first["exit"][0].as_py() or first["record"][0].as_py()
    return day


def select(membership: ir.Table, as_ofs: Sequence[date]) -> ir.Table:
    """Members at each as-of date; grain and key kpm_id, as_of.

    Membership is read by both clocks, so a family whose exit was recorded only later is still in the cohort:
    on that day nobody knew, and a cohort must not be chosen by the future.
    """
    cohorts = [active(membership, a).mutate(as_of=ibis.literal(a)) for a in as_ofs]
    return stacked(cohorts).select(KEY).order_by([AS_OF, FAMILY])


def limit(cohort: ir.Table, kpm: ir.Table, config: Config) -> ir.Table:
    """The configured part of a cohort, by what the registry of families knew on each date; the same grain and order.

    Where a limit is set, a family without the known value it asks for is left out.
    """
    if config.caretaker_younger_than is None and config.regencies is None:
        return cohort
    rows = cohort.join(kpm, [cohort[FAMILY] == kpm[FAMILY], kpm[RECORDED_ON] <= cohort.as_of])
    kept = rows.filter(*conditions(rows, config)).select(FAMILY, AS_OF)
    return cohort.semi_join(kept, KEY).order_by([AS_OF, FAMILY])


def sample(cohort: ir.Table, today: date, config: Config) -> ir.Table:
    """Everybody today and, on earlier dates, the configured share of the families; the same grain and order.

    By the md5 of kpm_id, so that a family is in on every date or on none, and its outcome has no say in it.
    """
    if config.history_share == 1:
        return cohort
    limit = f"{round(config.history_share * 16**8):08x}" if config.history_share > 0 else "0"
    chosen = cohort[FAMILY].hexdigest("md5").left(8) < limit
    return cohort.filter((cohort.as_of == today) | chosen)


def conditions(rows: ir.Table, config: Config) -> list[ir.BooleanValue]:
    made = []
    if config.caretaker_younger_than is not None:
        made.append(age_years(rows.caretaker_birth_date, rows.as_of) < config.caretaker_younger_than)
    if config.regencies is not None:
        made.append(rows.village_code.left(4).isin(config.regencies))
    return made


def gate(cohort: ir.Table, extracted_on: date) -> None:
    """BadInput where nobody is left to be scored on the extract's own date."""
    if not cohort.filter(cohort.as_of == extracted_on).count().to_pyarrow().as_py():
        raise BadInput(
            f"membership: no family is a member on {extracted_on}, extracted_on: there is nobody to score",
            "mend extracted_on in extract.yaml, the membership events, or the limits in configs/cohort.yaml",
        )
