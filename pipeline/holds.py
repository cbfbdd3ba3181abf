"""Who must not be proposed now, and why: declared rules over what was known on the day. A person may lift none of them.

A rule whose feature the extract does not have cannot fire; that is told, not hidden, by the dictionary of features.
"""

import operator
from typing import Annotated, Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from pydantic import Field

from pipeline.columns import FAMILY
from pipeline.config import BaseConfig

COMPARE = {"==": operator.eq, ">=": operator.ge, "<=": operator.le, ">": operator.gt, "<": operator.lt}
NATURAL_AHEAD, HELD, HOME_VISIT = "natural_exit_ahead", "hold", "home_visit"


class Condition(BaseConfig):
    """A feature compared with a number; an unknown value meets no condition."""

    feature: str
    operator: Literal["==", ">=", "<=", ">", "<"]
    value: float


Conditions = Annotated[tuple[Condition, ...], Field(min_length=1)]  # none at all would be met by everybody


class Config(BaseConfig):
    """Section `holds`: name of a hold -> conditions that must all be met."""

    holds: dict[str, Conditions]
    natural_exit_ahead: Conditions


def met(features: pd.DataFrame, conditions: tuple[Condition, ...]) -> NDArray[np.bool_]:
    """Rows that meet every condition, shape (n,) of bool."""
    if any(c.feature not in features for c in conditions):
        return np.zeros(len(features), dtype=bool)
    each = [COMPARE[c.operator](features[c.feature], c.value).to_numpy(dtype=bool) for c in conditions]
    return np.asarray(np.all(each, axis=0), dtype=bool)


def decide(features: pd.DataFrame, config: Config) -> pd.DataFrame:
    """Columns kpm_id, holds (list of names, in the order declared), eligible, pathway; one row a family."""
    fired = {name: met(features, conditions) for name, conditions in config.holds.items()}
    holds = [[name for name in fired if fired[name][i]] for i in range(len(features))]
    held = np.array([bool(h) for h in holds], dtype=bool)
    ahead = met(features, config.natural_exit_ahead)
    pathway = np.select([held, ahead], [HELD, NATURAL_AHEAD], HOME_VISIT)
    return pd.DataFrame({FAMILY: features[FAMILY].to_numpy(), "holds": holds, "eligible": ~held, "pathway": pathway})
