"""How much of a bundle is checked again row by row."""

from pydantic import Field, PositiveInt

from pipeline.config import BaseConfig


class Config(BaseConfig):
    """Section `audit`: rows walked tree by tree, rows whose contributions are worked out plainly, families replayed."""

    walked_rows: PositiveInt
    shapley_rows: PositiveInt
    replayed_families: PositiveInt
    proven_families: int = Field(ge=0)
