"""Worlds: small named changes, merged over the settings of the simulator key by key."""

from collections.abc import Iterator, Mapping
from difflib import get_close_matches
from typing import Annotated, Any

from pydantic import Field, field_validator

from pipeline.config import BaseConfig

Keys = tuple[str, ...]  # where a value stands: the keys that lead to it, from the outermost on


class Config(BaseConfig):
    """A file configs/worlds/<name>.yaml: what the world is for, and what it changes in configs/simulate.yaml."""

    about: Annotated[str, Field(min_length=1, max_length=200, pattern=r"^[^\n]+$")]
    changes: dict[str, Any]

    @field_validator("changes")
    @classmethod
    def names_no_world(cls, changes: dict[str, Any]) -> dict[str, Any]:
        if "world" in changes:
            raise ValueError("world: no world names another")
        return changes


def merge(base: Mapping[Any, Any], changes: Mapping[Any, Any]) -> dict[Any, Any]:
    """`base` with the values of `changes`: settings into settings, anything else takes the place of what was there.

    A mapping by year, month or code is one value, so it is replaced whole: its keys are data, and those of the base
    (other years, other regencies) are no part of a world that names its own.
    """
    new = {k: merge(base[k], v) if _deeper(base, k, v) else v for k, v in changes.items()}
    return {**base, **new}


def changed(base: Mapping[Any, Any], changes: Mapping[Any, Any], at: Keys = ()) -> Iterator[Keys]:
    """Where `merge` puts a value of `changes`."""
    for key, value in changes.items():
        here = (*at, str(key))
        if _deeper(base, key, value):
            yield from changed(base[key], value, here)
        else:
            yield here


def strangers(base: Mapping[Any, Any], changes: Mapping[Any, Any]) -> dict[str, str | None]:
    """Dotted keys of `changes` that `base` does not have, and the nearest that it has."""
    known = [".".join(keys) for keys in _settings(base)]
    asked = [".".join(keys) for keys in changed(base, changes)]
    return {key: _nearest(key, known) for key in asked if key not in known}


def _settings(values: Mapping[Any, Any], at: Keys = ()) -> Iterator[Keys]:
    for key, value in values.items():
        here = (*at, str(key))
        yield here
        if isinstance(value, Mapping) and not _by_code(value):
            yield from _settings(value, here)


def _nearest(key: str, known: list[str]) -> str | None:
    """The same last word elsewhere, or else the most similar dotted key."""
    elsewhere = [k for k in known if k.rpartition(".")[2] == key.rpartition(".")[2]]
    return next(iter([*elsewhere, *get_close_matches(key, known, 1, 0.0)]), None)


def _deeper(base: Mapping[Any, Any], key: object, value: object) -> bool:
    below = base.get(key)
    return isinstance(below, Mapping) and isinstance(value, Mapping) and not _by_code(below)


def _by_code(values: Mapping[Any, Any]) -> bool:
    """Whether every key is a year, a month such as 2025-06, or a code."""
    return all(str(key).replace("-", "").isdigit() for key in values)
