"""What an interview told about a household: the declared columns of `welfare`, made by rules from the configuration.

No column is mapped onto the contract's own: floors, roofs and fuels have Argentine codes, and pesos are not rupiah.
"""

from collections.abc import Iterator

import numpy as np
import pandas as pd

from pipeline.columns import FAMILY
from pipeline.config import BaseConfig
from pipeline.sources.eph.panel import SO_FAR
from pipeline.tables import Column


class Count(BaseConfig):
    """A number of people, rooms or years, as told, or of interviews so far (panel.SO_FAR)."""

    panel: str
    unit: str
    minimum: int
    maximum: int
    meaning: str


class Flag(BaseConfig):
    """True for some codes, false for others, null for the rest."""

    panel: str
    true_for: tuple[int, ...]
    false_for: tuple[int, ...]
    meaning: str


class Order(BaseConfig):
    """Codes in order: each code and its place, the better the higher; codes not listed are null."""

    panel: str
    places: dict[int, int]
    meaning: str


class Rank(BaseConfig):
    """Pesos as rank within the quarter, per unit of the panel column `per` where that is set; null where it is 0."""

    panel: str
    per: str | None
    meaning: str


class Ratio(BaseConfig):
    """The sum of some panel columns over the sum of others; null where the latter is 0."""

    over: tuple[str, ...]
    under: tuple[str, ...]
    unit: str
    maximum: int
    meaning: str


class Unanswered(BaseConfig):
    """`columns` count as not answered where the panel column `where` has one of `codes`."""

    columns: tuple[str, ...]
    where: str
    codes: tuple[int, ...]


class Config(BaseConfig):
    """Section `eph`: the columns that the survey adds to `welfare`, by the rule that makes them."""

    unanswered: tuple[Unanswered, ...]
    transfer_rank: str
    counts: dict[str, Count]
    flags: dict[str, Flag]
    orders: dict[str, Order]
    ranks: dict[str, Rank]
    ratios: dict[str, Ratio]


def declared(config: Config) -> tuple[Column, ...]:
    """The declared columns with kind, bounds, unit and meaning, in the order of the configuration."""
    return (
        *(Column("whole", c.meaning, True, c.unit, c.minimum, c.maximum, name=n) for n, c in config.counts.items()),
        *(Column("flag", f.meaning, name=n) for n, f in config.flags.items()),
        *(
            Column("whole", o.meaning, True, "place in order", min(o.places.values()), max(o.places.values()), name=n)
            for n, o in config.orders.items()
        ),
        *(Column("number", r.meaning, True, "rank within the quarter", 0, 1, name=n) for n, r in config.ranks.items()),
        *(Column("number", r.meaning, True, r.unit, 0, r.maximum, name=n) for n, r in config.ratios.items()),
    )


def panel_columns(config: Config) -> tuple[str, ...]:
    """The panel columns that the rules read, without those that `prepare` adds."""
    single = (r.panel for rules in (config.counts, config.flags, config.orders, config.ranks) for r in rules.values())
    divisors = (r.per for r in config.ranks.values() if r.per)
    ratios = (c for r in config.ratios.values() for c in (*r.over, *r.under))
    used = dict.fromkeys((*single, *divisors, *ratios, *(u.where for u in config.unanswered)))
    return tuple(name for name in used if name not in SO_FAR)


def welfare(rows: pd.DataFrame, config: Config) -> pd.DataFrame:
    """One row per interview, in the order and with the index of `rows`; key kpm_id, observed_on."""
    told = answered(rows, config)
    keys = {FAMILY: rows[FAMILY], "observed_on": rows["day"], "recorded_on": rows["day"]}
    return pd.DataFrame(keys | dict(values_of(told, config)))


def answered(rows: pd.DataFrame, config: Config) -> pd.DataFrame:
    told = rows.copy()
    for rule in config.unanswered:
        silent = rows[rule.where].isin(rule.codes)
        for name in rule.columns:
            told[name] = told[name].mask(silent)
    return told


def values_of(told: pd.DataFrame, config: Config) -> Iterator[tuple[str, pd.Series]]:
    for name, count in config.counts.items():
        yield name, told[count.panel].astype("Int64")
    for name, flag in config.flags.items():
        places = dict.fromkeys(flag.true_for, 1) | dict.fromkeys(flag.false_for, 0)
        yield name, by_code(told[flag.panel], places).astype("boolean")
    for name, order in config.orders.items():
        yield name, by_code(told[order.panel], order.places)
    for name, rank in config.ranks.items():
        pesos = told[rank.panel].astype("Float64")
        yield name, rank_within_quarter(shared(pesos, told[rank.per]) if rank.per else pesos, told)
    for name, ratio in config.ratios.items():
        yield name, ratio_of(told, ratio)


def by_code(codes: pd.Series, places: dict[int, int]) -> pd.Series:
    return codes.astype("Int64").map(places).astype("Int64")


def ratio_of(told: pd.DataFrame, ratio: Ratio) -> pd.Series:
    return shared(sum_of(told, ratio.over), sum_of(told, ratio.under))


def shared(over: pd.Series, under: pd.Series) -> pd.Series:
    return over / under.mask((under == 0).fillna(False))


def sum_of(told: pd.DataFrame, names: tuple[str, ...]) -> pd.Series:
    return told[list(names)].astype("Float64").sum(axis=1, skipna=False)


def rank_within_quarter(pesos: pd.Series, rows: pd.DataFrame) -> pd.Series:
    """Share of the families enrolled by the quarter and interviewed in it that had less, ties counted half.

    Ranks do not change when all pesos of a quarter are multiplied: they need no price index. Families that enrol
    later are ranked but not counted, so the rank of a quarter is final when the quarter is.
    """
    values, quarters = pesos.to_numpy("float64", na_value=np.nan), rows["quarter"].to_numpy()
    counted = (rows["enrolled_on"] <= rows["day"]).to_numpy() & ~np.isnan(values)
    rank = np.full(len(values), np.nan)
    for quarter in np.unique(quarters[counted]):
        here = quarters == quarter
        rank[here] = mid_rank(values[here], np.sort(values[here & counted]))
    return pd.Series(rank, index=pesos.index).astype("Float64")


def mid_rank(values: np.ndarray, ordered: np.ndarray) -> np.ndarray:
    less, not_more = np.searchsorted(ordered, values, "left"), np.searchsorted(ordered, values, "right")
    return np.where(np.isnan(values), np.nan, (less + not_more) / (2 * len(ordered)))
