"""What the estimate of PENA's effect rests on, from configs/effect.yaml, and the words that its modules share."""

from typing import Annotated, Literal

from pydantic import Field, PositiveFloat, PositiveInt, model_validator

from pipeline.config import BaseConfig

Share = Annotated[float, Field(ge=0, le=1)]
Names = Annotated[tuple[str, ...], Field(min_length=1)]
NOT_ESTIMATED, NOT_VALIDATED, VALIDATED = "not estimated", "not validated", "validated"
GRADUATED, TREATED, SAMPLED, CHANCE = "graduated", "treated", "sampled", "chance_without"
ALL = "all"


class Learner(BaseConfig):
    """The learners of the chance to be enrolled and of the chance to graduate without it.

    `penalty` is scikit-learn's C of the logistic regression, the other settings are LightGBM's.
    """

    kind: Literal["logistic", "lightgbm"]
    penalty: PositiveFloat
    trees: PositiveInt
    leaves: Annotated[int, Field(ge=2)]
    rows_per_leaf: PositiveInt
    learning_rate: PositiveFloat


class Group(BaseConfig):
    """Bands of a feature: below the first edge, between the edges, from the last one on; null edges cut in thirds."""

    feature: str
    edges: Annotated[tuple[float, ...], Field(min_length=1)] | None
    names: Names

    @model_validator(mode="after")
    def one_name_a_band(self) -> "Group":
        bands = 3 if self.edges is None else len(self.edges) + 1
        if len(self.names) != bands:
            raise ValueError(f"names: {bands} bands need {bands} names, not {len(self.names)}")
        if self.edges is not None and list(self.edges) != sorted(set(self.edges)):
            raise ValueError("edges: must rise")
        return self


class Bars(BaseConfig):
    """What must hold before an estimate is more than shown."""

    treated_to_estimate: PositiveInt
    graduated_to_estimate: PositiveInt
    treated: PositiveInt
    graduated_of_treated: PositiveInt
    ess_per_treated: PositiveFloat
    share_trimmed: Share
    imbalance: PositiveFloat
    robustness: Share


class Config(BaseConfig):
    """Section `effect`; comments on every value stand in configs/effect.yaml."""

    programmes: Names
    placebo_programmes: tuple[str, ...]
    placebo_outcomes: tuple[str, ...]
    placebo_features: dict[str, tuple[str, ...]]
    ages: tuple[PositiveInt, PositiveInt]
    window_months: Annotated[int, Field(multiple_of=3, ge=3, le=9)]
    controls_per_treated: PositiveInt
    place_digits: Literal[2, 4]
    confounders: Annotated[dict[str, Names], Field(min_length=1)]
    groups: dict[str, Group]
    uplift_by: str
    learner: Learner
    folds: Annotated[int, Field(ge=2)]
    shuffles: PositiveInt
    lowest_propensity: Annotated[float, Field(gt=0, lt=0.1)]
    highest_propensity: Annotated[float, Field(gt=0.1, lt=1)]
    level: Annotated[float, Field(gt=0.5, lt=1)]
    draws: PositiveInt
    seed: int
    bars: Bars

    @model_validator(mode="after")
    def uplift_by_a_group(self) -> "Config":
        if self.uplift_by not in self.groups:
            raise ValueError(f"uplift_by: {self.uplift_by} is none of the groups {', '.join(self.groups)}")
        if self.groups[self.uplift_by].edges is None or self.groups[self.uplift_by].feature == CHANCE:
            raise ValueError(f"uplift_by: {self.uplift_by} needs a feature and fixed edges, to hold for other families")
        if self.ages[0] > self.ages[1]:
            raise ValueError("ages: the youngest comes first")
        return self

    @property
    def features(self) -> tuple[str, ...]:
        """Every feature that is read, each once; `chance_without` is estimated and no feature."""
        named = [f for names in self.confounders.values() for f in names]
        named += [g.feature for g in self.groups.values() if g.feature != CHANCE]
        named += [f for outcome, without in self.placebo_features.items() for f in (outcome, *without)]
        return tuple(dict.fromkeys(named))
