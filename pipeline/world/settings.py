"""Section `world`: the declared figures, and when one can be told."""

from math import nan
from typing import Annotated, Any, Literal

from pydantic import (
    Field,
    NonNegativeFloat,
    PositiveFloat,
    PositiveInt,
    ValidationError,
    field_validator,
    model_validator,
)

from pipeline.config import BaseConfig
from pipeline.world.arguments import Places
from pipeline.world.measures import MEASURES


class Figure(BaseConfig):
    """One declared figure.

    `stated` holds one value, a lowest and a highest, or nothing where only the subject is known. `tolerance` is
    {absolute: x} in the figure's own unit or {relative: x} of the stated bound. `places` keeps the families whose
    village code starts so; with fewer than `fewest_regencies` regencies among them the world cannot tell.
    """

    group: str
    figure: str
    scope: str
    unit: str
    measure: str
    arguments: dict[str, Any]
    places: Places
    fewest_regencies: PositiveInt
    stated: Annotated[tuple[float, ...], Field(max_length=2)]
    mark: Literal["pub", "min", "app", "D", "J", "M", "M/J"]
    source: str
    tolerance: Annotated[dict[Literal["absolute", "relative"], NonNegativeFloat], Field(min_length=1, max_length=1)]
    note: str

    @field_validator("stated")
    @classmethod
    def _bounds_in_order(cls, stated: tuple[float, ...]) -> tuple[float, ...]:
        if list(stated) != sorted(stated):
            raise ValueError("the lowest value comes first")
        return stated

    @model_validator(mode="after")
    def _measure_is_known(self) -> "Figure":
        if self.measure not in MEASURES:
            raise ValueError(f"{self.measure} is no measure; allowed are {', '.join(sorted(MEASURES))}")
        try:
            self.parsed()
        except ValidationError as error:
            told = "; ".join(f"{'.'.join(map(str, e['loc'])) or 'all'}: {e['msg']}" for e in error.errors())
            raise ValueError(f"arguments of {self.measure}: {told}") from None
        return self

    def parsed(self) -> Any:
        """The arguments as the measure's own settings."""
        return MEASURES[self.measure].arguments.model_validate(self.arguments)

    def band(self) -> tuple[float, float]:
        """Lowest and highest simulated value that still agrees; NaN where nothing is stated."""
        if not self.stated:
            return nan, nan
        low, high = self.stated[0], self.stated[-1]
        ((kind, size),) = self.tolerance.items()
        return (low - size, high + size) if kind == "absolute" else (low - size * abs(low), high + size * abs(high))


class Config(BaseConfig):
    """Section `world`: when a figure can be told, the poverty lines [pub], and the declared figures."""

    fewest_rows: PositiveInt
    standard_errors: PositiveFloat
    poverty_line: dict[int, PositiveInt]
    figures: Annotated[tuple[Figure, ...], Field(min_length=1)]

    @field_validator("figures")
    @classmethod
    def _once_each(cls, figures: tuple[Figure, ...]) -> tuple[Figure, ...]:
        names = [(f.group, f.figure, f.scope, f.mark) for f in figures]
        twice = sorted({" / ".join(n) for n in names if names.count(n) > 1})
        if twice:
            raise ValueError(f"declared twice: {'; '.join(twice)}")
        return figures
