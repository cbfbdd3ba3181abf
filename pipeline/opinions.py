"""Second opinions on every explanation: against the family's own regency, and by each seed's own trees.

An explanation answers "compared with whom", and rests on one draw of the training rows. Where the families of the own
regency as population, or another seed, tell another strongest concept, the reasons are a matter of view or of luck, and
whoever reads them must know. Agreement is told by concept: single correlated features change places without meaning.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import lightgbm as lgb
import numpy as np
import pandas as pd
from numpy.typing import NDArray
from pydantic import Field, PositiveInt
from scipy.stats import rankdata

from pipeline import concepts, ensemble, treeshap
from pipeline.columns import KEY
from pipeline.config import BaseConfig
from pipeline.sample import Floats

MEASURES: Mapping[str, Sequence[str]] = {
    "second_opinion": ("same_strongest", "same_sign", "rank_correlation"),
    "stability": ("kept", "same_strongest", "same_sign"),
}
"""The tables, and what of them is summed up."""
BASE = "base_value"
LEVELS = {"lowest_tenth": 0.1, "median": 0.5}


class Config(BaseConfig):
    """Section `opinions`."""

    strongest: PositiveInt
    sampled: PositiveInt
    pairs: PositiveInt
    pictured: PositiveInt
    bins: int = Field(ge=2)
    minimum_families: PositiveInt


@dataclass(frozen=True)
class Asked:
    """Explanations of the same families, row by row.

    `shown`: kpm_id, as_of, base_value, a log-odds column a feature, as lists and reports read it; `own` the same
    against the own regency, None where the model has no tables for it; `by_seed` [row, feature] of each seed's own
    model; concept by feature.
    """

    shown: pd.DataFrame
    own: pd.DataFrame | None
    by_seed: Iterable[Floats]
    concept: Mapping[str, str]


def opinions(asked: Asked, config: Config, minimum: float) -> dict[str, pd.DataFrame]:
    """Tables `second_opinion` and `stability`; key kpm_id, as_of, in the order of `shown`.

    second_opinion holds, beside the columns of `second_opinion`, base_value (the mean raw score of the regency) and the
    net contribution of each concept against it, log-odds: unknown where the model has no tables.
    """
    names = [str(c) for c in asked.shown if c not in (*KEY, BASE)]
    told = [asked.concept[n] for n in names]
    each, key = list(concepts.members(told)), asked.shown[KEY].reset_index(drop=True)
    shown = concepts.summed(asked.shown[names].to_numpy(), told)
    seeds = np.stack([concepts.summed(values, told) for values in asked.by_seed])
    other, base = np.full_like(shown, np.nan), np.full(len(shown), np.nan)
    if asked.own is not None:
        other, base = concepts.summed(asked.own[names].to_numpy(), told), asked.own[BASE].to_numpy()
    second = second_opinion(shown, other, each, minimum)
    beside = pd.DataFrame(other, columns=each).assign(**{BASE: base})
    return {
        "second_opinion": pd.concat([key, second, beside], axis=1),
        "stability": pd.concat([key, stability(shown, seeds, config.strongest, minimum)], axis=1),
    }


def by_seed(booster: lgb.Booster, x: Floats, seeds: int, threads: int) -> Iterator[Floats]:
    """[row, feature] contributions of each seed's own model, one seed after the other; their mean is the booster's.

    By tables, or by LightGBM where there are none.
    """
    for member in ensemble.members(booster, seeds):
        try:
            tables = treeshap.path_dependent(treeshap.layout(member))
            values = treeshap.contributions(tables, x, threads)
        except treeshap.Refused:
            values = np.asarray(member.predict(x, pred_contrib=True), dtype=np.float64)
        yield values[:, :-1] * seeds


def steps(rows: int, config: Config) -> NDArray[np.int64]:
    """Positions at equal steps of the rows: a sample that no random state can change."""
    return np.unique(np.linspace(0, rows - 1, min(rows, config.sampled)).astype(np.int64))


def second_opinion(shown: Floats, other: Floats, names: Sequence[str], minimum: float) -> pd.DataFrame:
    """How two explanations of the same families agree; [row, concept] net contributions each, in log-odds.

    strongest, strongest_second: the concept of the largest size in each; same_strongest; same_sign: the share of the
    concepts of at least `minimum` that have the same sign in both (NaN where there is none); rank_correlation:
    Spearman's, over the concepts (NaN where all are alike).
    """
    each = np.asarray(names, dtype=object)
    first, second = (each[concepts.strongest(net, 1)[:, 0]] for net in (shown, other))
    known = ~np.asarray(np.isnan(other).any(axis=1), dtype=bool)
    return pd.DataFrame(
        {
            "strongest": first,
            "strongest_second": pd.Series(second, dtype="object").where(known, None),
            "same_strongest": np.where(known, (first == second).astype("float64"), np.nan),
            "same_sign": same_sign(shown, other[None], minimum),
            "rank_correlation": rank_correlation(shown, other),
        }
    )


def stability(shown: Floats, seeds: Floats, count: int, minimum: float) -> pd.DataFrame:
    """How steady the concepts of [row, concept] are over `seeds` [seed, row, concept], each seed's own model.

    kept: of the `count` strongest concepts and all seeds, the share in which the concept is among that seed's `count`
    strongest with the same sign. same_strongest: the share of the seeds that agree on the strongest. same_sign as in
    `second_opinion`, over all seeds.
    """
    top = concepts.strongest(shown, count)
    kept = np.zeros(len(shown))
    for own in seeds:
        theirs = concepts.strongest(own, count)
        among = (top[:, :, None] == theirs[:, None, :]).any(axis=2)
        agree = np.take_along_axis(own, top, axis=1) * np.take_along_axis(shown, top, axis=1) > 0
        kept += (among & agree).mean(axis=1)
    agreed = [concepts.strongest(own, 1)[:, 0] == top[:, 0] for own in seeds]
    return pd.DataFrame(
        {
            "kept": kept / len(seeds),
            "same_strongest": np.mean(agreed, axis=0),
            "same_sign": same_sign(shown, seeds, minimum),
        }
    )


def same_sign(shown: Floats, others: Floats, minimum: float) -> Floats:
    """Of the concepts of at least `minimum`, the share that has the same sign in `others` [other, row, concept]."""
    told = (np.abs(shown) >= minimum) & ~np.isnan(others).any(axis=0)
    agree = (others * shown > 0).mean(axis=0)
    return np.asarray(np.where(told, agree, 0.0).sum(axis=1) / np.where(told.any(axis=1), told.sum(axis=1), np.nan))


def rank_correlation(shown: Floats, other: Floats) -> Floats:
    """Spearman's of each row: Pearson's of the mid-ranks."""
    a, b = (rankdata(net, axis=1) - (net.shape[1] + 1) / 2 for net in (shown, other))
    spread = np.sqrt((a * a).sum(axis=1) * (b * b).sum(axis=1))
    return np.asarray((a * b).sum(axis=1) / np.where(spread > 0, spread, np.nan))


def summary(table: pd.DataFrame, listed: "pd.Series[bool]", measures: Sequence[str]) -> dict[str, dict[str, Any]]:
    """Mean, median and lowest tenth of each measure, over all families and over the listed ones."""
    groups = {"all": table, "listed": table[listed]}
    return {name: {"families": len(rows), **{m: spread(rows[m]) for m in measures}} for name, rows in groups.items()}


def spread(values: pd.Series) -> dict[str, float] | None:
    """Of the known values; none where there is none."""
    known = values.dropna()
    if known.empty:
        return None
    return {"mean": float(known.mean()), **{name: float(known.quantile(q)) for name, q in LEVELS.items()}}
