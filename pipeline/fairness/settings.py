"""What the audit of fairness rests on, from configs/fairness.yaml, and the words that its modules share."""

from typing import Annotated, Literal

from pydantic import Field, PositiveInt, model_validator

from pipeline.conditions import Conditions
from pipeline.config import BaseConfig

Share = Annotated[float, Field(gt=0, lt=1)]
Names = Annotated[tuple[str, ...], Field(min_length=2)]
UNKNOWN, ALL, ROWS = "unknown", "all", "rows"
WORSE, BETTER, HIGHER, LOWER = "worse treated", "better treated", "higher", "lower"
NO_DIFFERENCE, CANNOT_TELL = "no difference found", "cannot tell"
VERDICTS = (WORSE, BETTER, HIGHER, LOWER, NO_DIFFERENCE, CANNOT_TELL)
SINGLE, PAIR = "single", "pair"
Cells = tuple[tuple[str, tuple[str, ...]], ...]
"""Counts that sum to others: (total, parts), from `rows` down; every total but rows is a part of an earlier one."""
GROUP = ["kind", "attribute", "group", "attribute2", "group2"]
"""What names a group: of a single attribute the last two are empty."""


def names_of(cells: Cells) -> list[str]:
    """Every cell's name, rows first."""
    return [ROWS, *(name for _, parts in cells for name in parts)]


class Bands(BaseConfig):
    """Bands of a feature: below the first edge, between the edges, from the last one on."""

    by: Literal["bands"]
    feature: str
    edges: Annotated[tuple[float, ...], Field(min_length=1)]
    names: Names

    @model_validator(mode="after")
    def one_name_a_band(self) -> "Bands":
        if len(self.names) != len(self.edges) + 1 or list(self.edges) != sorted(set(self.edges)):
            raise ValueError("edges must rise, and one name more than edges is needed")
        return self


class Met(BaseConfig):
    """Two groups, not met and met: `all` of the conditions, or `any` of them."""

    by: Literal["all", "any"]
    conditions: Conditions
    names: Annotated[tuple[str, str], Field()]


class Provinces(BaseConfig):
    """Two groups by the first two digits of the regency: outside and within `codes`."""

    by: Literal["provinces"]
    codes: Annotated[tuple[str, ...], Field(min_length=1)]
    names: Annotated[tuple[str, str], Field()]


Attribute = Annotated[Bands | Met | Provinces, Field(discriminator="by")]


class Config(BaseConfig):
    """Section `fairness`; comments on every value stand in configs/fairness.yaml."""

    model: str
    cell_minimum: Annotated[int, Field(ge=2)]
    group_minimum: PositiveInt
    expected_minimum: Annotated[float, Field(gt=0)]
    level: Share
    multiplicity: Literal["benjamini_hochberg", "holm"]
    error_rate: Share
    power: Share
    matters: Share
    shown: PositiveInt
    attributes: Annotated[dict[str, Attribute], Field(min_length=1)]

    @property
    def features(self) -> tuple[str, ...]:
        """Every feature that tells who is in which group, each once."""
        named = [a.feature for a in self.attributes.values() if isinstance(a, Bands)]
        named += [c.feature for a in self.attributes.values() if isinstance(a, Met) for c in a.conditions]
        return tuple(dict.fromkeys(named))
