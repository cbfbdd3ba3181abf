"""The rows that models learn from: matured and the same for every model, or followed as far as is recorded."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Rows:
    """Matured cohort rows, one a family and as-of date.

    `x` holds the features used in the score, `label` is 1 where the outcome is gsm, `name` says which rows they are.
    """

    x: pd.DataFrame
    label: Floats
    family: pd.Series
    as_of: pd.Series
    name: str


@dataclass(frozen=True)
class Followed:
    """Cohort rows followed until an exit or the end of what is recorded, matured or not; one a family and as-of date.

    `months` from the as-of date to the exit or to the end of the follow-up; `cause` is 0 where that just ended, 1 for
    gsm, 2 for every other exit.
    """

    x: pd.DataFrame
    months: Floats
    cause: NDArray[np.int64]


def used(x: pd.DataFrame) -> list[str]:
    """Features that vary: a constant or empty one can split nothing and only lengthens every explanation."""
    return [c for c in x.columns if x[c].nunique(dropna=False) > 1]
