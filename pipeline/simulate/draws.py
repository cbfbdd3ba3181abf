"""Random streams, calendar months and values that change by year.

Every draw belongs to a purpose and a month, so that neither a later `extracted_on` nor a later `simulated_until`
changes anything drawn for an earlier month.
"""

import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Annotated, Any, TypeVar

import numpy as np
import numpy.typing as npt
from pydantic import Field

Array = npt.NDArray[Any]
Share = Annotated[float, Field(ge=0, le=1)]
Yearly = Annotated[float, Field(ge=0, le=12)]  # events per family-year
Weight = Annotated[float, Field(ge=-10, le=10)]  # on the log scale
Positive = Annotated[float, Field(gt=0, le=1e9)]
Rupiah = Annotated[int, Field(ge=0, le=1_000_000_000)]
Year = Annotated[int, Field(ge=1990, le=2100)]
ByYear = Annotated[dict[Year, Yearly], Field(min_length=1)]

NEVER = np.datetime64("2999-12-31", "D")
NOT_A_DAY = np.datetime64("NaT", "D")
Value = TypeVar("Value")


@dataclass(frozen=True)
class Month:
    """A calendar month, counted from the first month of the world."""

    index: int
    year: int
    number: int
    ordinal: int  # months since January 1970
    start: np.datetime64
    end: np.datetime64  # first day of the next month

    @property
    def closes_quarter(self) -> bool:
        return self.number % 3 == 0


@dataclass(frozen=True)
class Streams:
    """Independent generators from one seed, one for each purpose and month."""

    seed: int

    def at(self, purpose: str, month: int = 0) -> np.random.Generator:
        return np.random.default_rng([self.seed, zlib.crc32(purpose.encode()), month])


def months(first: date, last: date) -> tuple[Month, ...]:
    """The calendar months from the one of `first` to the one of `last`."""
    starts = np.arange(np.datetime64(first, "M"), np.datetime64(last, "M") + 1)
    return tuple(_month(i, m) for i, m in enumerate(starts))


def _month(index: int, m: np.datetime64) -> Month:
    day: date = m.astype("M8[D]").item()
    ordinal = 12 * (day.year - 1970) + day.month - 1
    return Month(index, day.year, day.month, ordinal, m.astype("M8[D]"), (m + 1).astype("M8[D]"))


def by_year(values: Mapping[int, Value], year: int) -> Value:
    """The value of the latest listed year that is not after `year`; the first one also holds before it."""
    return values[max((y for y in values if y <= year), default=min(values))]


def monthly(yearly: Any) -> Any:
    """The chance within a month that belongs to a yearly hazard."""
    return 1 - np.exp(-np.asarray(yearly) / 12)


def pick(rng: np.random.Generator, shares: Mapping[Any, float], size: int) -> Array:
    """Positions in `shares`, drawn in proportion to its values."""
    p = np.array(list(shares.values()), float)
    return rng.choice(len(p), size=size, p=p / p.sum())


def days(rng: np.random.Generator, month: Month, size: int) -> Array:
    """Days 2 to 28 of a month: the first belongs to what changes with the month itself."""
    return month.start + rng.integers(1, 28, size).astype("m8[D]")


def ordinal(day: Any) -> Array:
    """Months since January 1970; NaT becomes a month before all others."""
    return np.asarray(np.asarray(day).astype("M8[M]").astype(int))


def years_between(earlier: Any, later: Any) -> Array:
    """Completed years, by month."""
    return np.asarray((ordinal(later) - ordinal(earlier)) // 12)
