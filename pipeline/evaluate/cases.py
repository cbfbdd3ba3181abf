"""Predictions checked and laid side by side: one row per fold, family and date, every model's probability beside it."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from pipeline import metrics
from pipeline.columns import AS_OF, FAMILY
from pipeline.errors import BadInput
from pipeline.evaluate.settings import Config
from pipeline.metrics import Flags, Indices, Numbers

KEY = ["fold", FAMILY, AS_OF]
NEEDED = [*KEY, "model", "probability", "label", "facilitator_id", "regency_code"]
WAY_OUT = "way out: run the train stage again, for all models at once"


@dataclass(frozen=True)
class Cases:
    """`lists`: per model and list, each row's chance of being on it. `facilitators`: the list that a row could be on.

    `family` and `cluster` number the two kinds of clusters of the bootstrap. A row's cluster is the facilitator who
    serves the family on the date, whose conduct its families share; a family that nobody serves is its own.
    """

    rows: pd.DataFrame
    label: Numbers
    family: Indices
    cluster: Indices
    served: bool
    probability: Mapping[str, Numbers]
    lists: Mapping[str, Mapping[str, Numbers]]
    facilitators: Indices

    @property
    def known(self) -> Flags:
        return ~np.isnan(self.label)


def build(predictions: pd.DataFrame, config: Config) -> Cases:
    """The checked cases; BadInput where columns, models, values or rows are not as they must be."""
    return _cases(_checked(predictions, config), config)


def _checked(predictions: pd.DataFrame, config: Config) -> pd.DataFrame:
    missing = [c for c in [*NEEDED, *config.segments] if c not in predictions]
    if missing:
        raise BadInput(
            f"predictions: columns are missing: {', '.join(missing)}",
            "way out: run the train stage again; segments are named in configs/evaluate.yaml",
        )
    table = predictions.assign(
        as_of=_days(predictions[AS_OF]),
        probability=pd.to_numeric(predictions["probability"]).astype("float64"),
        label=pd.to_numeric(predictions["label"]).astype("float64"),
    )
    _check_models(table, config)
    _check_values(table)
    _check_rows(table)
    return table


def _days(values: pd.Series) -> pd.Series:
    """Dates as ISO texts, each distinct one written once."""
    codes, days = pd.factorize(values)
    return pd.Series(pd.to_datetime(pd.Series(days)).dt.strftime("%Y-%m-%d").to_numpy()[codes], index=values.index)


def _check_models(table: pd.DataFrame, config: Config) -> None:
    """The champion and one rule of thumb must be there; a rule whose feature the extract lacks may be absent."""
    models = set(table["model"].unique())
    absent = config.champion if config.champion not in models else ", ".join(config.rules)
    if config.champion not in models or not models & set(config.rules):
        raise BadInput(
            f"predictions: no rows of model {absent}",
            "way out: name champion and rules in configs/evaluate.yaml as configs/peers.yaml names the models",
        )


def _check_values(table: pd.DataFrame) -> None:
    for column, good, rule in (
        ("probability", table["probability"].between(0, 1), "must be from 0 to 1"),
        ("label", table["label"].isna() | table["label"].isin([0, 1]), "must be 0, 1 or null"),
    ):
        if not good.all():
            model = table.loc[~good, "model"].iloc[0]
            raise BadInput(
                f"predictions: {column} {rule}; {int((~good).sum())} rows are not, the first of model {model}",
                "way out: run the train stage again",
            )


def _check_rows(table: pd.DataFrame) -> None:
    number = table.groupby(KEY, sort=False).ngroup().to_numpy()
    model, names = pd.factorize(table["model"], sort=True)
    distinct = int(number.max()) + 1
    twice = len(table) - np.unique(number * len(names) + model).size
    if twice:
        raise BadInput(f"predictions: {twice} rows repeat fold, {FAMILY}, {AS_OF} and model", WAY_OUT)
    uneven = np.flatnonzero(np.bincount(model) != distinct)
    if uneven.size:
        raise BadInput(
            f"predictions: model {names[uneven[0]]} has {np.bincount(model)[uneven[0]]} rows, all models together"
            f" {distinct} (fold, {FAMILY}, {AS_OF}): models are compared on the same rows only",
            WAY_OUT,
        )
    label = np.nan_to_num(table["label"].to_numpy(), nan=-1.0)
    lowest, highest = np.full(distinct, np.inf), np.full(distinct, -np.inf)
    np.minimum.at(lowest, number, label)
    np.maximum.at(highest, number, label)
    if (lowest != highest).any():
        raise BadInput(f"predictions: label differs between models for the same fold, {FAMILY} and {AS_OF}", WAY_OUT)


def _cases(table: pd.DataFrame, config: Config) -> Cases:
    ordered = table.sort_values([*KEY, "model"], kind="stable")
    by_model = {str(name): part for name, part in ordered.groupby("model", sort=True)}
    rows = by_model[config.champion].reset_index(drop=True)
    probability = {name: part["probability"].to_numpy(copy=True) for name, part in by_model.items()}
    facilitators, regencies = _groups(rows, "facilitator_id"), _groups(rows, "regency_code")
    share = metrics.share_capacity(regencies, config.regency_share)
    lists = {
        name: dict(
            zip(
                config.lists,
                (metrics.listed(p, facilitators, config.per_facilitator), metrics.listed(p, regencies, share)),
                strict=True,
            )
        )
        for name, p in probability.items()
    }
    family = pd.factorize(rows[FAMILY], sort=True)[0].astype(np.intp)
    return Cases(
        rows=rows,
        label=rows["label"].to_numpy(copy=True),
        family=family,
        cluster=_clusters(rows["facilitator_id"], family),
        served=bool(rows["facilitator_id"].notna().any()),
        probability=probability,
        lists=lists,
        facilitators=facilitators,
    )


def _clusters(facilitator: pd.Series, family: Indices) -> Indices:
    codes = pd.factorize(facilitator, sort=True)[0].astype(np.intp)
    alone = np.where(codes < 0, codes.max(initial=-1) + 1 + family, codes)
    return np.unique(alone, return_inverse=True)[1].astype(np.intp)


def _groups(rows: pd.DataFrame, column: str) -> Indices:
    """A number per fold, as-of date and value of the column: one list each; -1 where the value is missing."""
    number = rows.groupby(["fold", AS_OF, column], dropna=True, sort=True).ngroup()
    return np.asarray(number.fillna(-1), dtype=np.intp)
