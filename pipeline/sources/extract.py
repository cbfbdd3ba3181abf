"""What every source hands to ingestion: where the files of each contract table lie, and until when they speak."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path
from typing import Literal

from pydantic import field_validator, model_validator

from pipeline.config import BaseConfig
from pipeline.tables import TABLES, Column, Welfare


class Declared(BaseConfig):
    """A further column of `welfare` that the source declares; an unbounded side is written as null."""

    name: str
    kind: Literal["whole", "number", "flag"]
    minimum: float | None
    maximum: float | None
    meaning: str
    unit: str | None

    @field_validator("name")
    @classmethod
    def _name_is_free(cls, name: str) -> str:
        if not re.fullmatch(r"[a-z][a-z0-9_]{0,62}", name):
            raise ValueError("a column name is small letters, digits and _, and starts with a letter")
        if name in {*(c.name for c in Welfare.columns()), "row", "file", "cells"}:
            raise ValueError(f"{name} is a column already")
        return name

    @model_validator(mode="after")
    def _bounds_leave_room(self) -> "Declared":
        if self.minimum is not None and self.maximum is not None and self.minimum > self.maximum:
            raise ValueError(f"{self.name}: minimum lies above maximum")
        return self

    def column(self) -> Column:
        return Column(
            self.kind, self.meaning, unit=self.unit, minimum=self.minimum, maximum=self.maximum, name=self.name
        )


class Config(BaseConfig):
    """Which extract a run reads (configs/source.yaml)."""

    kind: Literal["files", "database", "eph"]
    path: str
    welfare: tuple[Declared, ...] = ()  # the contract names kind and path only; most sources declare nothing more

    @field_validator("welfare")
    @classmethod
    def _names_differ(cls, welfare: tuple[Declared, ...]) -> tuple[Declared, ...]:
        if len({w.name for w in welfare}) < len(welfare):
            raise ValueError("two welfare columns have the same name")
        return welfare

    def columns(self) -> tuple[Column, ...]:
        """The declared columns of `welfare`, in the order of the configuration."""
        return tuple(w.column() for w in self.welfare)


@dataclass(frozen=True)
class Extract:
    """Contract tables as files, nothing checked yet.

    `files` maps a contract table's name to its Parquet files, or to its CSV files (gzip allowed), never both.
    `welfare` are columns of `welfare` that the source declares beyond the contract.
    `notices` are lines for the user about what was seen and left aside.
    """

    name: str
    extracted_on: date
    files: Mapping[str, tuple[Path, ...]]
    welfare: tuple[Column, ...] = ()
    notices: tuple[str, ...] = ()

    def columns(self, table: str) -> tuple[Column, ...]:
        """The contract's columns of a table and, for `welfare`, the declared ones."""
        return TABLES[table].columns() + (self.welfare if table == Welfare.name else ())

    def only(self, tables: Sequence[str]) -> "Extract":
        """The extract with some of its tables."""
        return replace(self, files={name: files for name, files in self.files.items() if name in tables})

    def without(self, tables: Sequence[str]) -> "Extract":
        return self.only([name for name in self.files if name not in tables])
