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


@dataclass(frozen=True)
class Rules:
    """The settings that traces need: their own, and those of what they imitate."""

    traces: Config
    surveys: surveys.Config
    programmes: programmes.Config


def write(now: Now, cause: Array, recorded: Array, rules: Rules) -> None:
    """Letters, surveys and grants of those who leave, written after the exit was recorded."""
    own = rules.traces
    rng, n = now.rng("traces"), len(now.fam)
    u, back = rng.random((3, n)), rng.integers(3, 31, (3, n)).astype("m8[D]")
    entered = recorded + rng.integers(1, 21, (3, n)).astype("m8[D]")
    left = (cause == 0) | (cause == exits.CAUSES.index("refused"))
    on = np.maximum(now.state.exit_on - back, now.state.since)
    letter = np.nonzero(left & (u[0] < own.letters))[0]
    records.cases(now, letter, records.RESIGNATION, (on[0][letter], entered[0][letter]))
    visit = np.nonzero((cause == 0) & (u[1] < own.surveys))[0]
    surveys.survey(now, visit, (on[1][visit], entered[1][visit]), rules.surveys)
    _grants(now, (cause == 0) & (u[2] < own.grants_share), (on[2], entered[2]), rules)


def _grants(now: Now, who: Array, when: tuple[Array, Array], rules: Rules) -> None:
    grants = rules.traces.grants
    if now.month.year < min(grants):
        return
    name = by_year(grants, now.month.year)
    rows = np.nonzero(who & (now.state.started[:, programmes.NAMES.index(name)] < 0))[0]
    now.state.started[rows, programmes.NAMES.index(name)] = now.month.index
    records.programme_rows(now, (name, rules.programmes.programmes[name]), rows, (when[0][rows], when[1][rows]))
