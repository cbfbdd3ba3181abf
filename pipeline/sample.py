"""The rows that models learn from: matured, known, and the same for every model."""

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


def used(x: pd.DataFrame) -> list[str]:
    """Features that vary: a constant or empty one can split nothing and only lengthens every explanation."""
    return [c for c in x.columns if x[c].nunique(dropna=False) > 1]
