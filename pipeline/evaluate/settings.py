"""What the evaluation reads from configs/evaluate.yaml, and the names that its parts share."""

from typing import Literal

from pydantic import Field, PositiveInt, model_validator

from pipeline import selection
from pipeline.config import BaseConfig

HEADLINE = "average_precision"
RATIO = "average_precision_ratio"
LEVEL = "calibration_in_the_large"
BOUNDS = ["estimate", "lower", "upper"]


class Segment(BaseConfig):
    """Families whose feature compares so with a number on the as-of date; an unknown value is a segment of its own."""

    feature: str
    operator: Literal["<", "<=", ">", ">=", "=="]
    value: float


class Thresholds(BaseConfig):
    """Chances from which a visit is worth while, at equal ratios: the horizontal axis of the decision curve."""

    lowest: float = Field(gt=0, lt=1)
    highest: float = Field(gt=0, lt=1)
    points: int = Field(ge=2, le=200)

    @model_validator(mode="after")
    def _in_order(self) -> "Thresholds":
        if self.lowest >= self.highest:
            raise ValueError("lowest must be below highest")
        return self


class Warn(BaseConfig):
    """When the verdict is said with a warning."""

    peer_ratio: float = Field(gt=0, le=1)
    lowest_level: float = Field(gt=0)
    highest_level: float = Field(gt=0)


class Config(BaseConfig):
    """Section `evaluate`."""

    seed: int = Field(ge=0)
    replicates: PositiveInt
    level: float = Field(gt=0, lt=1)
    fewest_facilitators: int = Field(ge=2)
    per_facilitator: PositiveInt
    regency_share: float = Field(gt=0, lt=1)
    champion: str
    rules: tuple[str, ...] = Field(min_length=1)
    segments: dict[str, Segment]
    thresholds: Thresholds
    better_by: tuple[float, ...] = Field(min_length=2)
    warn: Warn
    selection: selection.Config

    @property
    def lists(self) -> tuple[str, str]:
        """Names of the two lists, as in precision_at_<name>."""
        return f"{self.per_facilitator}_per_facilitator", f"{100 * self.regency_share:g}pct_per_regency"

    @model_validator(mode="after")
    def _rising(self) -> "Config":
        if self.better_by[0] != 0 or sorted(set(self.better_by)) != list(self.better_by):
            raise ValueError("better_by must start with 0 and rise")
        return self
