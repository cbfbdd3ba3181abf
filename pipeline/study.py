"""What the question is: the dates and distances that several steps share. Month ends stay month ends."""

import calendar
from datetime import date, timedelta

from pydantic import Field, PositiveInt

from pipeline.config import BaseConfig


class Config(BaseConfig):
    """Section `study`."""

    horizon_months: PositiveInt
    step_months: PositiveInt
    first_as_of: date | None
    lag_quantile: float = Field(gt=0, le=1)
    lag_days_without_evidence: int = Field(ge=0)


def months_after(anchor: date, months: int) -> date:
    """`anchor` plus whole months; a month end stays a month end (2023-12-31 - 1 month = 2023-11-30).

    Counted from the anchor each time, never step by step: stepping would drift to the 28th after a February.
    """
    index = anchor.year * 12 + anchor.month - 1 + months
    year, month = divmod(index, 12)
    last = calendar.monthrange(year, month + 1)[1]
    return date(year, month + 1, last if is_month_end(anchor) else min(anchor.day, last))


def months_before(anchor: date, months: int) -> date:
    return months_after(anchor, -months)


def is_month_end(day: date) -> bool:
    return (day + timedelta(days=1)).day == 1


def last_quarter_end(day: date) -> date:
    """The latest quarter end on or before `day`."""
    ends = [date(day.year - 1, 12, 31), *(date(day.year, m, d) for m, d in ((3, 31), (6, 30), (9, 30), (12, 31)))]
    return max(e for e in ends if e <= day)


def as_of_dates(first_known: date, extracted_on: date, config: Config) -> tuple[date, ...]:
    """Anchored quarter ends from the first on which anything was known to the extract's own last one."""
    anchor = last_quarter_end(extracted_on)
    first = max(first_known, config.first_as_of or first_known)
    steps = range(0, 12 * (anchor.year - first.year + 1) + 12, config.step_months)
    return tuple(sorted(d for d in (months_before(anchor, k) for k in steps) if d >= first))
