"""Random numbers that belong to somebody, calendar months and values that change by year.

A number is a function of the seed, a purpose, a month and the one it is drawn for (a family, a member, a village).
So nothing depends on who is simulated beside whom, on how many, or on how long the world runs: the same family lives
the same life in a chunk of a hundred and in one of a hundred thousand, on one worker or on eight.
"""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from typing import Annotated, Any, TypeVar

import numpy as np
import numpy.typing as npt
from pydantic import AfterValidator, Field, StringConstraints
from scipy.special import ndtri

Array = npt.NDArray[Any]
Share = Annotated[float, Field(ge=0, le=1)]
Yearly = Annotated[float, Field(ge=0, le=12)]  # events per family-year
Weight = Annotated[float, Field(ge=-10, le=10)]  # on the log scale
Spread = Annotated[float, Field(ge=0, le=5)]
Positive = Annotated[float, Field(gt=0, le=1e9)]
Rupiah = Annotated[int, Field(ge=0, le=1_000_000_000)]
Year = Annotated[int, Field(ge=1990, le=2100)]
ByYear = Annotated[dict[Year, Yearly], Field(min_length=1)]
MonthWord = Annotated[str, StringConstraints(pattern=r"^\d{4}-(0[1-9]|1[0-2])$")]

NEVER = np.datetime64("2999-12-31", "D")
NOT_A_DAY = np.datetime64("NaT", "D")
Value = TypeVar("Value")

# Steele, Lea, Flood: Fast splittable pseudorandom number generators (2014), the constants of SplitMix64.
_GOLDEN = np.uint64(0x9E3779B97F4A7C15)
_FIRST, _SECOND = np.uint64(0xBF58476D1CE4E5B9), np.uint64(0x94D049BB133111EB)
_HALF_STEP = 2.0**-53


def each(words: Sequence[str]) -> AfterValidator:
    """A mapping that has every one of these words and no other; it is read in their order."""

    def checked(values: dict[str, Any]) -> dict[str, Any]:
        wrong = [f"{w} is missing" for w in words if w not in values]
        wrong += [f"{v} is none of {', '.join(words)}" for v in values if v not in words]
        if wrong:
            raise ValueError("; ".join(wrong))
        return {w: values[w] for w in words}

    return AfterValidator(checked)


def among(words: Sequence[str]) -> AfterValidator:
    """A mapping that has no other words than these."""

    def checked(values: dict[str, Any]) -> dict[str, Any]:
        strange = [v for v in values if v not in words]
        if strange:
            raise ValueError(f"{strange[0]} is none of {', '.join(words)}")
        return values

    return AfterValidator(checked)


def _checked_order(values: tuple[int, int]) -> tuple[int, int]:
    if values[0] > values[1]:
        raise ValueError(f"{values[0]} lies above {values[1]}; the lower one comes first")
    return values


IN_ORDER = AfterValidator(_checked_order)


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
    def word(self) -> str:
        """Such as 2025-06."""
        return f"{self.year}-{self.number:02d}"

    @property
    def closes_quarter(self) -> bool:
        return self.number % 3 == 0

    @property
    def quarter(self) -> int:
        """Quarters since the first quarter of 1970."""
        return self.ordinal // 3


@dataclass(frozen=True)
class Stream:
    """Numbers of one purpose and month; `nth` tells apart several that one of `ids` needs."""

    name: str

    def uniform(self, ids: Array, nth: int = 0) -> Array:
        """Between 0 and 1, both excluded."""
        z = np.asarray(ids).astype(np.uint64)
        z *= _GOLDEN
        z += _key(self.name, nth)
        z ^= z >> np.uint64(30)
        z *= _FIRST
        z ^= z >> np.uint64(27)
        z *= _SECOND
        z ^= z >> np.uint64(31)
        # 52 bits and half a step: with 53 the highest would be rounded to 1.
        z >>= np.uint64(12)
        u = z.astype(float)
        u *= 2.0**-52
        u += _HALF_STEP
        return u

    def chance(self, ids: Array, probability: Any, nth: int = 0) -> Array:
        return np.asarray(self.uniform(ids, nth) < probability)

    def normal(self, ids: Array, nth: int = 0) -> Array:
        return np.asarray(ndtri(self.uniform(ids, nth)))

    def exponential(self, ids: Array, nth: int = 0) -> Array:
        """With mean 1."""
        return np.asarray(-np.log(self.uniform(ids, nth)))

    def whole(self, ids: Array, low: Any, high: Any, nth: int = 0) -> Array:
        """Whole numbers from `low` to below `high`."""
        low = np.asarray(low)
        return np.asarray(low + np.floor(self.uniform(ids, nth) * (np.asarray(high) - low)).astype(np.int64))

    def pick(self, ids: Array, shares: Mapping[Any, float], nth: int = 0) -> Array:
        """Positions in `shares`, in proportion to its values."""
        edges = np.cumsum(list(shares.values()))
        return np.searchsorted(edges[:-1] / edges[-1], self.uniform(ids, nth), side="right")


@lru_cache(maxsize=65536)
def _key(name: str, nth: int) -> np.uint64:
    digest = hashlib.blake2b(f"{name} {nth}".encode(), digest_size=8).digest()
    return np.uint64(int.from_bytes(digest, "little"))


@dataclass(frozen=True)
class Streams:
    """One stream for each purpose and month, all from one seed; a branch is another possible course of the world."""

    seed: int
    branch: str = ""

    def at(self, purpose: str, month: int = 0) -> Stream:
        return Stream(f"{self.seed}{self.branch} {purpose} {month}")


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


def days(stream: Stream, month: Month, ids: Array, nth: int = 0) -> Array:
    """Days 2 to 28 of a month: the first belongs to what changes with the month itself."""
    return np.asarray(month.start + stream.whole(ids, 1, 28, nth).astype("m8[D]"))


def ordinal(day: Any) -> Array:
    """Months since January 1970; NaT becomes a month before all others."""
    return np.asarray(np.asarray(day).astype("M8[M]").astype(int))


def years_between(earlier: Any, later: Any) -> Array:
    """Completed years, by month."""
    return np.asarray((ordinal(later) - ordinal(earlier)) // 12)
