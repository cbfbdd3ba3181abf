"""Who is in which group: one number per row and attribute, the last number being `unknown`, which is never left out."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from pipeline.conditions import COMPARE
from pipeline.fairness.settings import UNKNOWN, Attribute, Bands, Config, Met, Provinces

Codes = NDArray[np.int64]


@dataclass(frozen=True)
class Groups:
    """`names`: the groups of each attribute, the last one unknown. `codes`: rows x attributes, places in `names`.

    `absent`: attributes that cannot be told at all, with the reason; they have no column in `codes`.
    """

    names: Mapping[str, tuple[str, ...]]
    codes: Codes
    absent: Mapping[str, str]

    @property
    def sizes(self) -> tuple[int, ...]:
        return tuple(len(n) for n in self.names.values())


def of(rows: pd.DataFrame, config: Config) -> Groups:
    """The groups of every row; `rows` has regency_code and the features of the attributes that the extract has."""
    absent = {name: why for name, a in config.attributes.items() if (why := _lacking(rows, a))}
    kept = {name: a for name, a in config.attributes.items() if name not in absent}
    columns = [_codes(rows, a) for a in kept.values()]
    codes = np.column_stack(columns) if columns else np.zeros((len(rows), 0), dtype=np.int64)
    return Groups({name: (*a.names, UNKNOWN) for name, a in kept.items()}, codes, absent)


def _lacking(rows: pd.DataFrame, attribute: Attribute) -> str:
    """Why nobody can be told apart by the attribute; '' where somebody can."""
    if isinstance(attribute, Provinces):
        needed = ["regency_code"]
    else:
        needed = [attribute.feature] if isinstance(attribute, Bands) else [c.feature for c in attribute.conditions]
    missing = [n for n in dict.fromkeys(needed) if n not in rows]
    return f"not in this extract: {', '.join(missing)}" if missing else ""


def _codes(rows: pd.DataFrame, attribute: Attribute) -> Codes:
    if isinstance(attribute, Bands):
        return _banded(rows[attribute.feature], attribute)
    if isinstance(attribute, Provinces):
        return _placed(rows["regency_code"], attribute)
    return _met(rows, attribute)


def _banded(values: "pd.Series[float]", attribute: Bands) -> Codes:
    number = values.to_numpy(dtype="float64", na_value=np.nan)
    band = np.searchsorted(np.asarray(attribute.edges), number, side="right")
    return np.where(np.isnan(number), len(attribute.names), band).astype(np.int64)


def _placed(regency: "pd.Series[str]", attribute: Provinces) -> Codes:
    codes, names = pd.factorize(regency)
    within = np.array([str(n)[:2] in attribute.codes for n in names] + [False])
    return np.where(codes < 0, 2, within[codes]).astype(np.int64)


def _met(rows: pd.DataFrame, attribute: Met) -> Codes:
    """Unknown only where what is known does not decide: one condition met decides `any`, one not met decides `all`."""
    values = [rows[c.feature].to_numpy(dtype="float64", na_value=np.nan) for c in attribute.conditions]
    unknown = np.column_stack([np.isnan(v) for v in values])
    met = np.column_stack([COMPARE[c.operator](v, c.value) for c, v in zip(attribute.conditions, values, strict=True)])
    some, missed = met.any(axis=1), (~met & ~unknown).any(axis=1)
    decided, answer = (some, some) if attribute.by == "any" else (missed, ~missed)
    return np.where(unknown.any(axis=1) & ~decided, 2, answer).astype(np.int64)
