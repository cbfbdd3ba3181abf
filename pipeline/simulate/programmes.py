"""Empowerment and complementary programmes: whom they seek out, and what they do for a family."""

from dataclasses import dataclass
from typing import Annotated, Literal

import numpy as np
from pydantic import Field

from pipeline.config import BaseConfig
from pipeline.simulate.draws import (
    IN_ORDER,
    Array,
    Month,
    Rupiah,
    Share,
    Spread,
    Streams,
    Weight,
    Year,
    Yearly,
    monthly,
)
from pipeline.simulate.economy import State
from pipeline.simulate.households import COMPONENTS, DISABILITY, ELDERLY, PUPIL, Families, People, Roll
from pipeline.tables import Programmes

NAMES = Programmes.column("programme").values
PHASES = Programmes.column("phase").values
PENA = NAMES.index("PENA")
# By position in COMPONENTS; the last one is of -1, no component.
_CODES = np.append(np.arange(len(COMPONENTS)), -1)
ANY, PUPILS, FRAGILE = _CODES >= 0, np.isin(_CODES, PUPIL), np.isin(_CODES, (ELDERLY, DISABILITY))
Name = Literal["PENA", "PPSE", "PROKUS", "KUBE", "RST", "SKA", "ATENSI", "PBI", "PIP", "KAT"]
Age = Annotated[int, Field(ge=15, le=99)]


class Programme(BaseConfig):
    since: Year
    until: Year
    yearly_rate: Yearly
    seeks: Literal["anyone", "business", "pupils", "fragile", "poor_house", "customary"]
    ages: Annotated[tuple[Age, Age], IN_ORDER] | None
    readiness: Weight
    young: Weight
    after: dict[Name, Weight]
    phase: Literal["recovery", "transition", "development"] | None
    amount: Rupiah | None
    months: Annotated[int, Field(ge=1, le=240)] | None
    income_gain: Weight
    opens_business: Share


class Config(BaseConfig):
    programmes: dict[Name, Programme]
    remembered_months: Annotated[int, Field(ge=1, le=120)]
    unevenness: Spread


@dataclass(frozen=True)
class Needs:
    """What the rosters say of each family in a month."""

    components: Array  # how many members give one
    pupils: Array
    fragile: Array  # members with a disability or in old age
    adults: Array
    caretaker_birth_month: Array

    def take(self, rows: Array) -> "Needs":
        return Needs(self.components[rows], self.pupils[rows], self.fragile[rows], self.adults[rows],
                     self.caretaker_birth_month[rows])  # fmt: skip


def needs(roll: Roll, people: People, n: int) -> Needs:
    """The needs of `n` families."""

    def count(components: Array) -> Array:
        return np.bincount(people.family[components[roll.component]], minlength=n)

    return Needs(count(ANY), count(PUPILS), count(FRAGILE), roll.adults, roll.caretaker_birth_month)


def enrol(state: State, fam: Families, need: Needs, now: tuple[Config, Streams, Month], barred: str = "") -> Array:
    """Members who enter a programme this month; returns families x NAMES, true where one starts. Sets `started`."""
    config, streams, month = now
    draw = streams.at("enrol", month.index)
    starts = np.zeros(state.started.shape, bool)
    age = (month.ordinal - need.caretaker_birth_month) // 12
    for name, programme in config.programmes.items():
        if name == barred or not programme.since <= month.year <= programme.until:
            continue
        column = NAMES.index(name)
        rows = np.nonzero(_eligible(programme, column, state, fam, (need, age)))[0]
        pull = programme.readiness * state.readiness[rows] + programme.young * (age[rows] < 40)
        for earlier, weight in programme.after.items():
            pull = pull + weight * (state.started[rows, NAMES.index(earlier)] >= 0)
        spread = config.unevenness * streams.at(f"offer {name}").normal(state.village[rows] // 1_000_000)
        chance = monthly(programme.yearly_rate * np.exp(pull + spread - config.unevenness**2 / 2))
        starts[rows, column] = draw.chance(fam.ids[rows], chance, column)
    state.started[starts] = month.index
    return starts


def _eligible(programme: Programme, column: int, state: State, fam: Families, who: tuple[Needs, Array]) -> Array:
    need, age = who
    free = state.active & (state.started[:, column] < 0) & _sought(programme.seeks, state, fam, need)
    if programme.ages is None:
        return np.asarray(free)
    return np.asarray(free & (age >= programme.ages[0]) & (age <= programme.ages[1]))


def _sought(seeks: str, state: State, fam: Families, need: Needs) -> Array:
    if seeks == "anyone":
        return np.ones(len(fam), bool)
    if seeks == "poor_house":
        return np.asarray((state.wealth + 0.3 * fam.inclination[:, 0] < -0.1) & ~state.repaired)
    return np.asarray({"business": state.business, "pupils": need.pupils > 0, "fragile": need.fragile > 0,
                       "customary": fam.customary}[seeks])  # fmt: skip


def take_effect(state: State, config: Config, starts: Array, month: Month) -> None:
    """What the programmes that start this month do for their families, in place."""
    for name, programme in config.programmes.items():
        column = NAMES.index(name)
        rows = np.nonzero(starts[:, column])[0]
        if programme.income_gain:
            # Who is ready makes more of a programme.
            state.usual[rows] += programme.income_gain * np.exp(0.3 * state.readiness[rows])
            state.helped[rows, column] = month.index
        state.repaired[rows] |= programme.seeks == "poor_house"
        state.business[rows] |= programme.opens_business > 0


def empowered(state: State, config: Config, month: Month) -> Array:
    """Families in a programme that raises income, for as long as it is remembered."""
    last = state.helped.max(axis=1, initial=-1)
    return np.asarray((last >= 0) & (month.index - last <= config.remembered_months))
