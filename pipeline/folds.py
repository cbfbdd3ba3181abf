"""Rolling origin with embargo: which as-of dates a model may learn from, is calibrated on and is tested on.

A fold pretends to stand on its origin. It learns only from labels that had matured by then: horizon plus reporting lag
lie between the last label learnt from and the first date tested. Without that embargo the model would learn from
outcomes which nobody knew on the day it is said to have been made.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Self

import pandas as pd
from pydantic import Field, PositiveInt, model_validator

from pipeline.config import BaseConfig
from pipeline.errors import BadInput
from pipeline.study import months_after

Divided = tuple[tuple[date, ...], tuple[date, ...]]  # train, calibrate
INTERVAL = re.compile(r"(\d+) (day|month|year)s?")


SHORTER_TESTS = (6, 3)  # months of as-of dates to test on, where the history is too short for more


class Config(BaseConfig):
    """Section `folds`."""

    origins: tuple[date, ...] | None = Field(min_length=1)
    folds: PositiveInt
    test_months: PositiveInt | None
    training_months: PositiveInt
    calibration_months: PositiveInt

    @model_validator(mode="after")
    def consistent(self) -> Self:
        if self.origins is None and self.test_months is None:
            raise ValueError("test_months may be null only where origins are given")
        if self.origins is not None and list(self.origins) != sorted(set(self.origins)):
            raise ValueError("origins must be in order, each once")
        return self


@dataclass(frozen=True)
class Interval:
    """A distance in time, in whole months or in days."""

    months: int = 0
    days: int = 0

    @classmethod
    def parse(cls, text: str) -> "Interval":
        """'5 days', '1 month', '2 years'; ValueError for anything else."""
        found = INTERVAL.fullmatch(text)
        if found is None:
            raise ValueError(f"not an interval: {text!r}")
        count = int(found[1])
        return {"day": cls(days=count), "month": cls(months=count), "year": cls(months=12 * count)}[found[2]]

    def after(self, anchor: date, times: int = 1) -> date:
        """`anchor` plus `times` intervals, counted from the anchor: no drift away from month ends."""
        return months_after(anchor, times * self.months) + timedelta(days=times * self.days)

    def before(self, anchor: date, times: int = 1) -> date:
        return self.after(anchor, -times)


@dataclass(frozen=True)
class Split:
    """A day to stand on: the as-of dates whose labels were known on it, and those tested from it on."""

    origin: date
    known: tuple[date, ...]
    test: tuple[date, ...]


@dataclass(frozen=True)
class Fold:
    """One origin. Every date of train and calibrate has matured by `origin`; train < calibrate < test."""

    number: int
    origin: date
    train_as_ofs: tuple[date, ...]
    calibrate_as_ofs: tuple[date, ...]
    test_as_ofs: tuple[date, ...]


def as_of_times(start: date, until: date, every: Interval) -> tuple[date, ...]:
    """Ascending dates `start`, one interval on, two on, ..., towards `until` (inclusive, earlier or later)."""
    sign = 1 if until >= start else -1
    if every.after(start, sign) == start:
        raise ValueError("an interval must be longer than nothing")
    times: list[date] = []
    while (until - (day := every.after(start, sign * len(times)))).days * sign >= 0:
        times.append(day)
    return tuple(sorted(times))


def latest(days: Sequence[date], span: Interval) -> tuple[date, ...]:
    """The days of the last `span`: later than (last day - span), so that 12 months of quarters are four."""
    return tuple(d for d in days if d > span.before(days[-1]))


def known_on(origin: date, as_ofs: Sequence[date], matured_on: Mapping[date, date]) -> tuple[date, ...]:
    """The as-of dates whose labels could no longer change on `origin`."""
    return tuple(a for a in as_ofs if matured_on[a] <= origin)


def splits(
    as_ofs: Sequence[date], matured_on: Mapping[date, date], test: Interval, every: Interval
) -> tuple[Split, ...]:
    """Ascending splits derived backwards from the last as-of date.

    The last test window is the last `test` of as_ofs, the one before it ends `every` earlier, and so on. The origin of
    a split is the first as-of date that it tests; a split before whose origin no label was known is left out.
    """
    ends = as_of_times(as_ofs[-1], as_ofs[0], every)
    windows = [tuple(a for a in as_ofs if test.before(end) < a <= end) for end in ends]
    found = (Split(w[0], known_on(w[0], as_ofs, matured_on), w) for w in windows if w)
    return tuple(s for s in found if s.known)


def splits_at(
    origins: Sequence[date], as_ofs: Sequence[date], matured_on: Mapping[date, date], test: Interval | None
) -> tuple[Split, ...]:
    """One split per given origin; a test runs for `test`, but never into the next origin: nothing is tested twice."""
    ends = [*origins[1:], None]
    return tuple(
        Split(origin, known_on(origin, as_ofs, matured_on), _between(as_ofs, origin, end, test))
        for origin, end in zip(origins, ends, strict=True)
    )


def _between(as_ofs: Sequence[date], start: date, end: date | None, span: Interval | None) -> tuple[date, ...]:
    ends = [e for e in (end, span.after(start) if span else None) if e is not None]
    return tuple(a for a in as_ofs if a >= start and all(a < e for e in ends))


def _months(months: int) -> Interval:
    return Interval(months=months)


def divide(known: Sequence[date], config: Config) -> Divided | None:
    """Known dates -> (train, calibrate): the latest are for calibration, those before for training.

    Calibration is fitted on later data than the model, because what it corrects is how the model fails later on.
    Where too few dates would be left to train on, calibration takes the latest third, at least one. None if that
    leaves nothing to train on.
    """
    if len(known) < 2:
        return None
    wanted = len(latest(known, _months(config.calibration_months)))
    count = wanted if wanted < len(known) else max(1, len(known) // 3)
    return latest(known[:-count], _months(config.training_months)), tuple(known[-count:])


def chop(as_of_dates: Sequence[date], matured_on: Mapping[date, date], config: Config) -> tuple[Fold, ...]:
    """Folds in order of time, numbered from 1.

    as_of_dates: anchored as-of dates whose labels have matured in the extract. matured_on[a]: the day from which
    labels of a cannot change (a + horizon + reporting lag). Derived folds without a date to train or to calibrate on
    are dropped; given origins are all kept or refused. Raises BadInput where no fold is possible.
    """
    as_ofs = _checked(as_of_dates, matured_on)
    found = _derived(as_ofs, matured_on, config) if config.origins is None else _given(as_ofs, matured_on, config)
    folds = tuple(Fold(i, s.origin, *d, s.test) for i, (s, d) in enumerate(found, 1) if d is not None)
    if not folds:
        raise BadInput(*_no_fold(as_ofs, matured_on))
    return folds


def _derived(
    as_ofs: Sequence[date], matured_on: Mapping[date, date], config: Config
) -> Sequence[tuple[Split, Divided | None]]:
    """Folds of `test_months`; where the history is too short for one, of 6 months, then of 3."""
    for months in dict.fromkeys((config.test_months or 0, *SHORTER_TESTS)):
        test = _months(months)
        divided = [(s, divide(s.known, config)) for s in splits(as_ofs, matured_on, test, test)]
        possible = [(s, d) for s, d in divided if d is not None]
        if possible:
            return possible[-config.folds :]
    return []


def _given(
    as_ofs: Sequence[date], matured_on: Mapping[date, date], config: Config
) -> Sequence[tuple[Split, Divided | None]]:
    test = None if config.test_months is None else _months(config.test_months)
    found = [(s, divide(s.known, config)) for s in splits_at(config.origins or (), as_ofs, matured_on, test)]
    _refuse_impossible(found, as_ofs)
    return found


def final(as_of_dates: Sequence[date], matured_on: Mapping[date, date], scored_on: date, config: Config) -> Fold:
    """The fold of the deployed model, number 0: it learns from all that has matured by `scored_on`.

    Raises BadInput where fewer than two as-of dates have matured (one to train on, one to calibrate on).
    """
    known = known_on(scored_on, _checked(as_of_dates, matured_on), matured_on)
    divided = divide(known, config)
    if divided is None:
        raise BadInput(
            f"folds: a model to score {scored_on} needs two as-of dates with matured labels, there are {len(known)}",
            "way out: take a longer extract, or a shorter study.horizon_months",
        )
    return Fold(0, scored_on, *divided, (scored_on,))


def table(folds: Sequence[Fold]) -> pd.DataFrame:
    """One row per fold, kind (train, calibrate, test) and as-of date: fold, origin, kind, as_of."""
    rows = [
        (f.number, f.origin, kind, as_of)
        for f in folds
        for kind, as_ofs in (("train", f.train_as_ofs), ("calibrate", f.calibrate_as_ofs), ("test", f.test_as_ofs))
        for as_of in as_ofs
    ]
    return pd.DataFrame(rows, columns=["fold", "origin", "kind", "as_of"])


def _checked(as_of_dates: Sequence[date], matured_on: Mapping[date, date]) -> tuple[date, ...]:
    as_ofs = tuple(sorted(set(as_of_dates)))
    unknown = [a for a in as_ofs if a not in matured_on]
    if not as_ofs:
        raise BadInput(
            "folds: no as-of date has matured labels",
            "way out: take an extract that reaches beyond horizon and reporting lag, or a shorter study.horizon_months",
        )
    if unknown:
        raise BadInput(
            f"folds: as-of date {unknown[0]} (and {len(unknown) - 1} more) has no day on which its labels mature",
            "way out: run the labels stage again for all as-of dates",
        )
    return as_ofs


def _refuse_impossible(found: Sequence[tuple[Split, Divided | None]], as_ofs: Sequence[date]) -> None:
    for split, divided in found:
        if divided is None or not split.test:
            lacking = "to test" if divided is not None else "to train and calibrate on (two with matured labels needed)"
            raise BadInput(
                f"configs/folds.yaml: origins: {split.origin} has no as-of dates {lacking}",
                f"as-of dates with matured labels: {len(as_ofs)}, from {as_ofs[0]} to {as_ofs[-1]}",
                "way out: move that origin, or set origins: null to derive them",
            )


def _no_fold(as_ofs: Sequence[date], matured_on: Mapping[date, date]) -> tuple[str, ...]:
    known = len(known_on(as_ofs[-1], as_ofs, matured_on))
    return (
        f"folds: no fold is possible with {len(as_ofs)} as-of dates, from {as_ofs[0]} to {as_ofs[-1]}",
        f"labels of {as_ofs[0]} mature on {matured_on[as_ofs[0]]}; by {as_ofs[-1]} those of {known} dates are known,"
        " and before the first tested date at least two must be (one to train on, one to calibrate on)",
        "way out: take a longer extract, a shorter study.horizon_months, or smaller folds.test_months",
    )
