"""Declared rules over what was known of a family on the day: which fired, and the words that say why.

A rule whose feature the extract does not have cannot fire; that is told, not hidden, by the dictionary of features.
"""

import operator
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from string import Formatter
from typing import Annotated, Any, Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from pydantic import Field, field_validator

from pipeline.config import BaseConfig
from pipeline.wording import Language, value_text

Bools = NDArray[np.bool_]
Texts = NDArray[np.object_]
Complaint = tuple[tuple[str, ...], str]
"""The keys of a setting, and what is wrong with it."""

COMPARE = {"==": operator.eq, ">=": operator.ge, "<=": operator.le, ">": operator.gt, "<": operator.lt}
Words = Annotated[str, Field(min_length=1, pattern=r"\S")]
Source = Annotated[str, Field(min_length=3, pattern=r"\S")]
"""Where a rule comes from: a host or a document as domain.md cites it, or the word `assumption`."""


class Condition(BaseConfig):
    """A feature compared with a number; an unknown value meets no condition."""

    feature: str
    operator: Literal["==", ">=", "<=", ">", "<"]
    value: float


Conditions = Annotated[tuple[Condition, ...], Field(min_length=1)]  # none at all would be met by everybody


class Rule(BaseConfig):
    """Fires where all its conditions are met; `id` and `en` say so, a feature in braces is the family's own value."""

    source: Source
    all: Conditions
    id: Words
    en: Words

    @field_validator("id", "en")
    @classmethod
    def can_be_filled(cls, text: str) -> str:
        """Raises ValueError for braces that do not close, or that hold no plain name."""
        if any(not name.isidentifier() for name in fields(text)):
            raise ValueError("braces hold the plain name of a feature")
        return text


Rules = Mapping[str, Rule]


@dataclass(frozen=True)
class Fired:
    """Which rules fired for which family: `met` has a row a family and a column a rule.

    `names` are `<group>.<rule>`, in the order declared; a group is met where any of its rules fired.
    """

    names: tuple[str, ...]
    rules: tuple[Rule, ...]
    met: Bools

    def columns(self, group: str) -> list[int]:
        return [i for i, name in enumerate(self.names) if name.partition(".")[0] == group]

    def any_of(self, group: str) -> Bools:
        """Families for which a rule of the group fired, shape (n,)."""
        return np.asarray(self.met[:, self.columns(group)].any(axis=1))

    def only(self, kept: Bools) -> "Fired":
        """The same rules, fired only where `kept` (n, rules) has it."""
        return Fired(self.names, self.rules, self.met & kept)


def fire(features: pd.DataFrame, groups: Mapping[str, Rules]) -> Fired:
    """Every rule of every group over every family; one row a family in the order of `features`."""
    named = [(f"{group}.{name}", rule) for group, rules in groups.items() for name, rule in rules.items()]
    each = [met(features, rule.all) for _, rule in named]
    stacked = np.column_stack(each) if each else np.zeros((len(features), 0), dtype=bool)
    return Fired(tuple(n for n, _ in named), tuple(r for _, r in named), stacked)


def met(features: pd.DataFrame, conditions: tuple[Condition, ...]) -> Bools:
    """Rows that meet every condition, shape (n,) of bool."""
    if any(c.feature not in features for c in conditions):
        return np.zeros(len(features), dtype=bool)
    each = [COMPARE[c.operator](features[c.feature], c.value).to_numpy(dtype=bool) for c in conditions]
    return np.asarray(np.all(each, axis=0), dtype=bool)


def listed(names: Iterable[str], met: Bools) -> Texts:
    """The names of each row's true columns, in order, as lists, shape (n,).

    Families share few patterns of rules: the lists are made once a pattern. A column takes one bit of a byte.
    """
    words = list(names)
    packed = np.packbits(met, axis=1) if words else np.zeros((len(met), 1), dtype=np.uint8)
    keys = np.ascontiguousarray(packed).view(f"V{packed.shape[1]}").ravel()
    _, first, pattern = np.unique(keys, return_index=True, return_inverse=True)
    made = np.empty(len(first), dtype=object)
    for place, i in enumerate(first):
        made[place] = [w for w, hit in zip(words, met[i], strict=True) if hit]
    return np.asarray(made[pattern.ravel()], dtype=object)


def told(fired: Fired, features: pd.DataFrame, units: Mapping[str, str], language: Language) -> Texts:
    """The texts of each family's fired rules joined by `; `, with its own values; '' where none, shape (n,)."""
    texts = np.full(len(features), "", dtype=object)
    for column, rule in enumerate(fired.rules):
        rows = np.flatnonzero(fired.met[:, column])
        if len(rows):
            said = spell(getattr(rule, language), features.iloc[rows], units, language)
            texts[rows] = chain(texts[rows], said)
    return texts


def chain(before: Texts, after: Texts) -> Texts:
    """Two texts of each row with `; ` between them where neither is empty."""
    between = np.where((before != "") & (after != ""), "; ", "")
    return np.asarray(before + between.astype(object) + after, dtype=object)


def spell(template: str, rows: pd.DataFrame, units: Mapping[str, str], language: Language) -> Texts:
    """The template with each row's own values in its fields; each value is put into words once."""
    said = np.full(len(rows), "", dtype=object)
    for literal, name, _, _ in Formatter().parse(template):
        said = said + literal
        if name is not None:
            code, values = pd.factorize(rows[name])
            words = [value_text(v, units.get(name), language) for v in values]
            said = said + np.array(words, dtype=object)[code]
    return np.asarray(said, dtype=object)


def fields(text: str) -> list[str]:
    """Names in braces."""
    return [name for _, name, _, _ in Formatter().parse(text) if name is not None]


def strangers(config: BaseConfig, known: Iterable[str], told_with: Mapping[str, str]) -> list[Complaint]:
    """What is wrong with the rules of a configuration, at any depth, beside their form.

    `told_with`: values that a text may name beside the features of its conditions, each with the feature that is known
    where it is.

    Conditions on features that nobody declares, with the nearest that is; else texts about a value that no condition
    looks at: it may be unknown where the rule fires, and is no reason of it.
    """
    names = sorted(known)
    return [complaint for keys, rule in _rules(config, ()) for complaint in _complaints(keys, rule, names, told_with)]


def _complaints(keys: tuple[str, ...], rule: Rule, names: list[str], told_with: Mapping[str, str]) -> list[Complaint]:
    unknown = [
        ((*keys, "all", str(i), "feature"), f"{c.feature}: no such feature; the nearest is {nearest(c.feature, names)}")
        for i, c in enumerate(rule.all)
        if c.feature not in names
    ]
    looked_at = {c.feature for c in rule.all}
    strange = [
        ((*keys, language), f"{name}: the text names it, but no condition of the rule looks at it")
        for language in ("id", "en")
        for name in fields(getattr(rule, language))
        if told_with.get(name, name) not in looked_at
    ]
    return unknown or strange


def nearest(name: str, names: list[str]) -> str | None:
    return next(iter(get_close_matches(name, names, 1, 0.0)), None)


def _rules(part: Any, at: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], Rule]]:
    """Keys and rule of every rule below."""
    if isinstance(part, Rule):
        yield at, part
    elif isinstance(part, BaseConfig):
        for key in type(part).model_fields:
            yield from _rules(getattr(part, key), (*at, key))
    elif isinstance(part, Mapping):
        for key, below in part.items():
            yield from _rules(below, (*at, str(key)))
