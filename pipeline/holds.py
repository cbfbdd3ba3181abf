"""Who must not be proposed now, and why: declared rules over what was known on the day. A person may lift none of them.

A rule whose feature the extract does not have cannot fire; that is told, not hidden, by the dictionary of features.
"""

from typing import Annotated

import numpy as np
import pandas as pd
from pydantic import Field

from pipeline.columns import FAMILY
from pipeline.conditions import Fired, Rule, fire, listed
from pipeline.config import BaseConfig


class Config(BaseConfig):
    """Section `holds`: name of a hold -> rules of which any one is enough."""

    holds: dict[str, Annotated[dict[str, Rule], Field(min_length=1)]]


def decide(features: pd.DataFrame, config: Config) -> pd.DataFrame:
    """Columns kpm_id, holds (list of names, in the order declared), eligible; one row a family."""
    fired = rules_fired(features, config)
    groups = list(config.holds)
    by_hold = [fired.any_of(group) for group in groups]
    held = np.column_stack(by_hold) if by_hold else np.zeros((len(features), 0), dtype=bool)
    return pd.DataFrame(
        {FAMILY: features[FAMILY].to_numpy(), "holds": listed(groups, held), "eligible": ~held.any(axis=1)}
    )


def rules_fired(features: pd.DataFrame, config: Config) -> Fired:
    """Every rule of every hold, for the words that say why a family is held."""
    return fire(features, config.holds)


def looked_at(config: Config) -> set[str]:
    """Features that any condition of a hold reads."""
    return {c.feature for rules in config.holds.values() for rule in rules.values() for c in rule.all}
