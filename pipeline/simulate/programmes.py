"""Empowerment and complementary programmes: whom they seek out, and what they do for a family."""

from dataclasses import dataclass
from typing import Annotated, Literal

import numpy as np
from pydantic import Field

from pipeline.config import BaseConfig
from pipeline.simulate.draws import Array, Month, Rupiah, Weight, Year, Yearly, monthly
from pipeline.simulate.economy import State
from pipeline.simulate.households import Families
from pipeline.tables import Programmes

NAMES = Programmes.column("programme").values
PHASES = Programmes.column("phase").values
Name = Literal["PENA", "PPSE", "PROKUS", "KUBE", "RST", "SKA", "ATENSI", "PBI", "PIP", "KAT"]


class Programme(BaseConfig):
    since: Year
    yearly_rate: Yearly
    seeks: Literal["anyone", "business", "pupils", "fragile", "poor_house", "customary"]
    readiness: Weight
    young: Weight
    phase: Literal["recovery", "transition", "development"] | None
    amount: Rupiah | None
    months: Annotated[int, Field(ge=1, le=240)] | None
    income_gain: Weight
    opens_business: Annotated[float, Field(ge=0, le=1)]


class Config(BaseConfig):
    programmes: dict[Name, Programme]
    remembered_months: Annotated[int, Field(ge=1, le=120)]


@dataclass(frozen=True)
class Needs:
    """What the rosters say of each family in a month."""

    components: Array  # how many members give one
    pupils: Array
    fragile: Array  # members with a disability or in old age


def enrol(state: State, fam: Families, needs: Needs, now: tuple[Config, Month], rng: np.random.Generator) -> Array:
    """Members who enter a programme this month, in place; returns families x NAMES, true where one starts."""
    config, month = now
    starts = np.zeros(state.started.shape, bool)
    young = fam.age(month) < 40
    for name, programme in config.programmes.items():
        column = NAMES.index(name)
        u = rng.random(len(fam))
        if month.year >= programme.since:
            sought = _sought(programme.seeks, state, fam, needs)
            pull = programme.readiness * state.readiness + programme.young * young
            free = state.active & sought & (state.started[:, column] < 0)
            starts[:, column] = free & (u < monthly(programme.yearly_rate * np.exp(pull)))
            _take_effect(state, programme, starts[:, column])
    state.started = np.where(starts, month.index, state.started)
    return starts


def _sought(seeks: str, state: State, fam: Families, needs: Needs) -> Array:
    return {
        "anyone": np.ones(len(fam), bool),
        "business": state.business,
        "pupils": needs.pupils > 0,
        "fragile": needs.fragile > 0,
        "poor_house": (state.wealth + 0.3 * fam.inclination[:, 0] < -0.1) & ~state.repaired,
        "customary": fam.customary,
    }[seeks]


def _take_effect(state: State, programme: Programme, starts: Array) -> None:
    state.usual = state.usual + programme.income_gain * starts
    state.repaired = state.repaired | (starts & (programme.seeks == "poor_house"))
    if programme.opens_business:
        state.business = state.business | starts


def empowered(state: State, config: Config, month: Month) -> Array:
    """Families in a programme that raises income, for as long as it is remembered."""
    columns = [NAMES.index(n) for n, p in config.programmes.items() if p.income_gain > 0]
    started = state.started[:, columns].max(axis=1, initial=-1)
    return np.asarray((started >= 0) & (month.index - started <= config.remembered_months))
