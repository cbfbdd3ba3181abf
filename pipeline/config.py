"""Settings of one stage: frozen, complete, and named after the file under configs/ that holds them."""

from pydantic import BaseModel, ConfigDict


class BaseConfig(BaseModel):
    """A module's `Config`; it has no defaults: configs/<section>.yaml has the values, unknown keys are errors."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=False)
