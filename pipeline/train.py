"""Features and labels in, a booster out: LightGBM on matured rows, gated before it sees them.

LightGBM trains on one-class labels, infinities and empty columns without a word; so what must not happen is refused
here. With a seed, `deterministic` and `force_row_wise` its text is the same bytes on every run. The booster is the mean
of several, each with a seed of its own and its own draw of the families that did not graduate.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Literal

import lightgbm as lgb
import numpy as np
import pandas as pd
from pydantic import Field, NonNegativeFloat, PositiveFloat, PositiveInt
from scipy.special import logit

from pipeline import ensemble
from pipeline.config import BaseConfig
from pipeline.errors import BadInput
from pipeline.sample import Floats, Rows, used

DAYS_A_MONTH = 365.25 / 12
NO_SIGNS: Mapping[str, int] = MappingProxyType({})


class Config(BaseConfig):
    """Section `train`."""

    learning_rate: PositiveFloat
    num_leaves: int = Field(ge=2)
    max_depth: PositiveInt
    min_leaf_rows: PositiveInt
    min_leaf_share: float = Field(ge=0, le=0.5)
    max_bin: int = Field(ge=15, le=255)
    feature_fraction: float = Field(gt=0, le=1)
    bagging_fraction: float = Field(gt=0, le=1)
    lambda_l2: NonNegativeFloat
    trees: PositiveInt
    seeds: PositiveInt = Field(le=50)
    others_per_gsm: PositiveFloat
    half_life_months: PositiveFloat | None
    level: Literal["by_date", "overall"]
    monotone: Literal["none", "basic", "intermediate", "advanced"]
    monotone_penalty: NonNegativeFloat
    min_positives: PositiveInt
    seed: int = Field(ge=0)
    threads: PositiveInt


def gate(rows: Rows, config: Config) -> None:
    """BadInput where a model would be trained on nothing, on one class, on infinities, or without a feature."""
    positives = int(rows.label.sum())
    counts = f"{len(rows.label)} rows, {positives} gsm"
    if positives < config.min_positives or positives == len(rows.label):
        raise BadInput(
            f"train: {rows.name}: {counts}; at least {config.min_positives} gsm and one other outcome are needed",
            "widen folds.training_months, extract a longer history, or lower train.min_positives in configs/",
        )
    infinite = rows.x.columns[np.isinf(rows.x.to_numpy()).any(axis=0)]
    if len(infinite):
        raise BadInput(f"train: {rows.name}: feature {infinite[0]} is infinite", "mend the table it is computed from")
    if not used(rows.x):
        raise BadInput(
            f"train: {rows.name}: {counts}; none of {len(rows.x.columns)} features varies",
            "see data/features/dictionary.csv; the extract's tables may be empty",
        )


def parameters(rows: int, config: Config) -> dict[str, object]:
    leaf = max(config.min_leaf_rows, int(config.min_leaf_share * rows))
    return {
        "objective": "binary",
        "learning_rate": config.learning_rate,
        "num_leaves": config.num_leaves,
        "max_depth": config.max_depth,
        "min_data_in_leaf": leaf,
        "max_bin": config.max_bin,
        "feature_fraction": config.feature_fraction,
        "bagging_fraction": config.bagging_fraction,
        "bagging_freq": 1 if config.bagging_fraction < 1 else 0,
        "lambda_l2": config.lambda_l2,
        "boost_from_average": False,
        "deterministic": True,
        "force_row_wise": True,
        "num_threads": config.threads,
        "verbose": -1,
    }


def constraints(columns: list[str], signs: Mapping[str, int], config: Config) -> dict[str, object]:
    """Monotone constraints where the domain is sure of a direction; signs of absent features change nothing."""
    directions = [signs.get(c, 0) for c in columns]
    if config.monotone == "none" or not any(directions):
        return {}
    method = {"monotone_constraints_method": config.monotone, "monotone_penalty": config.monotone_penalty}
    return {"monotone_constraints": directions, **method}


def weights(as_of: pd.Series, half_life_months: float | None) -> Floats:
    """0.5 ^ (months before the latest as-of date / half-life), 1 for the latest; all 1 where there is no half-life.

    What graduation means moves with policy, so old evidence tells less of the coming year.
    """
    if half_life_months is None:
        return np.ones(len(as_of))
    days = pd.to_datetime(as_of)
    months = (days.max() - days).dt.days.to_numpy() / DAYS_A_MONTH
    return np.asarray(0.5 ** (months / half_life_months), dtype=np.float64)


def levels(rows: Rows, config: Config) -> Floats:
    """Log-odds of gsm that boosting starts from: those of all rows, or those of each row's as-of date.

    With the level of its date given, no tree has to learn from age, tenure or the age of data how strict the year was:
    what is learnt is who is likelier among families on the same day, which is the order of a list. A date's share is
    drawn towards that of all by the weight of one graduation, so that a date without any has finite log-odds.
    """
    overall = float(rows.label.mean())
    if config.level == "overall":
        return np.full(len(rows.label), float(logit(overall)))
    by_date = pd.Series(rows.label).groupby(pd.to_datetime(rows.as_of).to_numpy())
    found, size = by_date.transform("sum").to_numpy(), by_date.transform("size").to_numpy()
    return np.asarray(logit((found + 1) / (size + 1 / overall)), dtype=np.float64)


def fit(rows: Rows, config: Config, signs: Mapping[str, int] = NO_SIGNS) -> lgb.Booster:
    """The booster of "gsm within the horizon": the mean over seeds, so that no family is listed by luck of the draw.

    Raw scores are log-odds at the level of the latest as-of date. `signs`: +1 where a larger value of a feature may
    only raise the score, -1 only lower it. Raises BadInput as `gate` does.
    """
    gate(rows, config)
    columns = used(rows.x)
    level, weight = levels(rows, config), weights(rows.as_of, config.half_life_months)
    given, share = constraints(columns, signs, config), drawn_share(rows.label, config)
    members = []
    for k in range(config.seeds):
        kept, factor = drawn(rows.label, config.seed + k, share)
        data = lgb.Dataset(
            rows.x[columns].iloc[kept],
            rows.label[kept],
            weight=weight[kept] * factor,
            init_score=level[kept],
            feature_name=columns,
        )
        chosen = parameters(len(kept), config) | given | {"seed": config.seed + k}
        members.append(lgb.train(chosen, data, config.trees))
    return ensemble.merge(members, float(level[latest(rows.as_of)]))


def latest(as_of: pd.Series) -> int:
    """Position of a row of the latest as-of date."""
    return int(pd.to_datetime(as_of).to_numpy().argmax())


def drawn_share(label: Floats, config: Config) -> float:
    """The share of the rows without gsm that makes `others_per_gsm` of them for each one with it; at most all."""
    positives = float(label.sum())
    return min(1.0, config.others_per_gsm * positives / (len(label) - positives))


def drawn(label: Floats, seed: int, share: float) -> tuple[np.ndarray, Floats]:
    """Positions of all graduations and of a random `share` of the other rows, and the weight that makes up for it.

    Where the other rows outnumber graduations fifty to one, a sixth of them loses next to nothing, and every seed draws
    its own.
    """
    chosen = (label == 1) | (np.random.default_rng(seed).random(len(label)) < share)
    kept = np.flatnonzero(chosen)
    return kept, np.where(label[kept] == 1, 1.0, 1 / share)


def raw_scores(booster: lgb.Booster, x: pd.DataFrame) -> Floats:
    """Log-odds of each row. Columns are taken by name: LightGBM itself would score a reordered frame silently."""
    named = x[booster.feature_name()]
    scores = booster.predict(named, raw_score=True, validate_features=True)
    return np.asarray(scores, dtype=np.float64)


def seeds(booster: lgb.Booster, x: pd.DataFrame, config: Config) -> Floats:
    """Raw scores of each seed's own trees, shape (rows, seeds); their mean is `raw_scores`."""
    return ensemble.parts(booster, x[booster.feature_name()], config.seeds)
