"""Whom the score and its list treat worse: every group against everybody else, with verdicts, for inside and outside.

Two tables in the room hold every number; what leaves it has small counts hidden so that no subtraction finds them.
"""

from dataclasses import dataclass
from typing import Any

import pandas as pd

from pipeline.fairness import audit, conclusions, publication
from pipeline.fairness.audit import Asked, Found
from pipeline.fairness.conclusions import Judged
from pipeline.fairness.history import CELLS, HISTORY, listed, past, present
from pipeline.fairness.settings import CANNOT_TELL, Config

__all__ = [
    "CANNOT_TELL", "CELLS", "HISTORY", "Asked", "Config", "Fairness", "Found", "Judged", "judge", "listed", "past",
    "present", "published", "room", "study",
]  # fmt: skip


@dataclass(frozen=True)
class Fairness:
    """Of the past and of today: what was asked and found, inside and outside; the summary."""

    past: Judged
    today: Judged
    summary: dict[str, Any]


def judge(asked: Asked, config: Config) -> Judged:
    """The tables of the room and those that may leave it."""
    found = audit.measure(asked, config)
    return Judged(asked, found, publication.publish(found, asked, config))


def study(before: pd.DataFrame, now: pd.DataFrame, config: Config) -> Fairness:
    """Both audits; `before` and `now` as `past` and `present` read them."""
    judged_past, judged_today = judge(past(before, config), config), judge(present(now, config), config)
    return Fairness(judged_past, judged_today, conclusions.summary(judged_past, judged_today, config))


def room(found: Fairness) -> dict[str, pd.DataFrame]:
    """Tables with every number, for the auditor alone: rates and counts of the past and of today."""
    return _tables(found, False)


def published(found: Fairness) -> dict[str, pd.DataFrame]:
    """The same tables as they may leave the room."""
    return _tables(found, True)


def _tables(found: Fairness, outside: bool) -> dict[str, pd.DataFrame]:
    tables: dict[str, pd.DataFrame] = {}
    for name, judged in (("history", found.past), ("today", found.today)):
        asked, of = judged.asked, judged.outside if outside else judged.inside
        tables |= {f"{name}_rates": conclusions.with_absent(of.rates, asked), f"{name}_counts": of.counts}
    return tables
