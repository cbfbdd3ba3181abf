"""What exists only because a family left, dated before the exit and entered after it: only recorded_on tells."""

from dataclasses import dataclass
from typing import Annotated

import numpy as np
from pydantic import Field

from pipeline.config import BaseConfig
from pipeline.simulate import exits, programmes, records, surveys
from pipeline.simulate.draws import Array, Share, Year, by_year
from pipeline.simulate.now import Now


class Config(BaseConfig):
    letters: Share
    surveys: Share
    grants: Annotated[dict[Year, programmes.Name], Field(min_length=1)]
    grants_share: Share
    recorded_early: Share


@dataclass(frozen=True)
class Rules:
    """The settings that traces need: their own, and those of what they imitate."""

    traces: Config
    surveys: surveys.Config
    programmes: programmes.Config
    records: records.Config


def write(now: Now, leaving: records.Leaving, recorded: Array, rules: Rules) -> None:
    """Letters, surveys and grants of those who leave, written after the exit was recorded (`recorded`, of each)."""
    own, gsm, early = rules.traces, leaving.cause == exits.GSM, rules.traces.recorded_early
    signs = gsm | (leaving.cause == exits.REFUSED)
    rows, when = _some(now, leaving.rows, recorded, ("letter", np.where(signs, own.letters, 0.0)), early)
    records.cases(now, (rows, records.RESIGNATION, -1), when, rules.records)
    rows, when = _some(now, leaving.rows, recorded, ("last survey", np.where(gsm, own.surveys, 0.0)), early)
    surveys.survey(now, rows, when, rules.surveys, "last survey")
    rows, when = _some(now, leaving.rows, recorded, ("last grant", np.where(gsm, own.grants_share, 0.0)), early)
    _grants(now, rows, when, rules)


def _some(
    now: Now, rows: Array, recorded: Array, trace: tuple[str, Array], early: float
) -> tuple[Array, tuple[Array, Array]]:
    """Of the families that leave those with this trace, the day that it bears and the day on which it was entered."""
    (name, chance), ids = trace, now.fam.ids[rows]
    draw = now.draw(f"trace {name}")
    some = draw.chance(ids, chance)
    rows, ids = rows[some], ids[some]
    back = draw.whole(ids, 3, 31, 1).astype("m8[D]")
    on = np.maximum(now.state.exit_on[rows] - back, now.state.since[rows])
    entered = recorded[some] + draw.whole(ids, 1, 21, 2).astype("m8[D]")
    # A system that overwrites its second clock: then nothing but its own good score betrays a trace.
    return rows, (on, np.where(draw.chance(ids, early, 3), on + np.timedelta64(1, "D"), entered))


def _grants(now: Now, rows: Array, when: tuple[Array, Array], rules: Rules) -> None:
    grants, started = rules.traces.grants, now.state.started
    if now.month.year < min(grants):
        return
    which = by_year(grants, now.month.year)
    name, ages = programmes.NAMES.index(which), rules.programmes.programmes[which].ages
    age = (now.month.ordinal - now.roll.caretaker_birth_month[rows]) // 12
    new = (started[rows, name] < 0) & ((age >= ages[0]) & (age <= ages[1]) if ages else True)
    started[rows[new], name] = now.month.index
    who = (rows[new], np.full(int(new.sum()), name))
    records.programme_rows(now, rules.programmes, who, (when[0][new], when[1][new]))
