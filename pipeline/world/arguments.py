"""What a measure may be asked: days, reasons, places, and the refusal of a word that no table knows."""

from datetime import date
from typing import Annotated, Literal

from pydantic import Field, model_validator

from pipeline.config import BaseConfig

Reason = Literal["gsm", "ppse", "natural", "ineligible", "identity", "duplicate", "died", "moved", "refused", "other"]
Places = tuple[Annotated[str, Field(pattern=r"^\d{2,6}$")], ...]
Ages = tuple[Annotated[int, Field(ge=0, le=120)], Annotated[int, Field(ge=0, le=120)]]


class Nothing(BaseConfig):
    """No argument."""


class Between(BaseConfig):
    """Two days, both included."""

    since: date
    until: date

    @model_validator(mode="after")
    def _in_order(self) -> "Between":
        if self.since > self.until:
            raise ValueError("since lies after until")
        return self


class On(BaseConfig):
    """One day."""

    day: date


def known_words(values: tuple[str, ...], allowed: tuple[str, ...], what: str) -> tuple[str, ...]:
    """The words as they are; ValueError where one of them is not allowed."""
    unknown = sorted(set(values) - set(allowed))
    if unknown:
        raise ValueError(f"{', '.join(unknown)}: no {what}; allowed are {', '.join(allowed)}")
    return values
