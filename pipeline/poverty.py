"""How far a family's income is from the poverty line of where it lives, by the lines that were published by the day."""

from collections.abc import Sequence
from datetime import date
from typing import Annotated

import numpy as np
import pandas as pd
from pydantic import Field, PositiveInt

from pipeline.conditions import Source
from pipeline.config import BaseConfig

INCOME, URBAN = "income_per_person", "urban"
FEATURE = "income_times_poverty_line"
UNIT = "times"
READ = (INCOME, URBAN)


class Line(BaseConfig):
    """A poverty line in rupiah a person and month: of a regency, of a province, or (``""``) of the whole country."""

    region: Annotated[str, Field(pattern=r"^(\d{2}|\d{4})?$")]
    known_from: date
    urban: PositiveInt
    rural: PositiveInt
    source: Source


class Config(BaseConfig):
    """Section `poverty`: the lines, in any order."""

    lines: Annotated[tuple[Line, ...], Field(min_length=1)]


def beside(features: pd.DataFrame, regency: "pd.Series[str]", as_of: date, config: Config) -> pd.DataFrame:
    """`features` with `income_times_poverty_line`: income a person over the line, unknown where either is.

    `regency` holds the regency code of each row, null where unknown: such a family is held against the country's line.
    Features without an income a person or without urban and rural are given back as they are.
    """
    if not set(READ) <= set(features):
        return features
    urban = features[URBAN].to_numpy(dtype="float64") >= 1
    line = np.where(urban, *(of_regencies(regency, as_of, config.lines, kind) for kind in ("urban", "rural")))
    return features.assign(**{FEATURE: features[INCOME].to_numpy(dtype="float64") / line})


def of_regencies(regency: "pd.Series[str]", as_of: date, lines: Sequence[Line], kind: str) -> np.ndarray:
    """The line of each row's regency, else of its province, else of the country; the latest known by the day.

    NaN where none was known: a line published later must not judge an earlier day.
    """
    latest = {line.region: getattr(line, kind) for line in sorted(lines, key=_known) if line.known_from <= as_of}
    codes, names = pd.factorize(regency.astype("object").where(regency.notna(), ""))
    found = [next((latest[c] for c in (n, n[:2], "") if c in latest), np.nan) for n in names]
    return np.array(found, dtype="float64")[codes] if len(found) else np.zeros(0)


def _known(line: Line) -> date:
    return line.known_from
