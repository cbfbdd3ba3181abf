"""What strikes places: disasters, districts where families are labelled, villages where graduation spreads.

Each is a function of the place and the month, so that every block of families finds the same ones.
"""

from typing import Annotated, Self

import numpy as np
from pydantic import Field, model_validator

from pipeline.config import BaseConfig
from pipeline.simulate.draws import Array, Month, MonthWord, Share, Streams, Weight, Year, Yearly, monthly

DISASTER_VILLAGES, DISASTER_FAMILIES = 0.3, 0.5  # shares struck within a regency and within a village
LABELLING_DAYS = 9  # Pamotan, 18 to 26 May 2019


class Labelling(BaseConfig):
    yearly_rate: Yearly
    least: Share
    most: Share
    in_months: dict[MonthWord, Share]  # the chance of a month in place of the yearly rate

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.least > self.most:
            raise ValueError(f"least {self.least} lies above most {self.most}")
        return self


class Config(BaseConfig):
    disaster: Yearly
    disaster_years: dict[Year, Annotated[float, Field(ge=0, le=20)]]
    labelling: Labelling
    contagion: Yearly
    contagion_strength: Weight


def disaster(village: Array, ids: Array, config: Config, when: tuple[Streams, Month]) -> Array:
    """Families struck this month: a regency's disaster reaches some villages, and some families there.

    The rate is a family's: a regency's is as much higher as few of its families are struck.
    """
    streams, month = when
    draw = streams.at("disaster", month.index)
    yearly = config.disaster * config.disaster_years.get(month.year, 1.0) / (DISASTER_VILLAGES * DISASTER_FAMILIES)
    struck = draw.chance(village // 1_000_000, monthly(yearly)) & draw.chance(village, DISASTER_VILLAGES, 1)
    rows = np.nonzero(struck)[0]
    struck[rows] = draw.chance(ids[rows], DISASTER_FAMILIES, 2)
    return struck


def labelling(village: Array, config: Config, when: tuple[Streams, Month]) -> Array:
    """Share of a family's district that resigns this month because houses are to be marked; 0 nearly everywhere."""
    streams, month = when
    draw, district = streams.at("labelling", month.index), village // 10_000
    own = config.labelling.in_months.get(month.word)
    chance = monthly(config.labelling.yearly_rate) if own is None else own
    size = config.labelling.least + (config.labelling.most - config.labelling.least) * draw.uniform(district, 1)
    return np.where(draw.chance(district, chance), size, 0.0)


def contagion(village: Array, config: Config, when: tuple[Streams, Month]) -> Array:
    """Villages in which families graduate together this month, as when a local leader gives them capital."""
    streams, month = when
    return streams.at("contagion", month.index).chance(village, monthly(config.contagion))
