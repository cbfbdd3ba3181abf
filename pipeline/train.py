"""Features and labels in, a booster out: LightGBM on matured rows, gated before it sees them.

LightGBM trains on one-class labels, infinities and empty columns without a word; so what must not happen is refused
here. With a seed, `deterministic` and `force_row_wise` its text is the same bytes on every run.
"""

import lightgbm as lgb
import numpy as np
import pandas as pd
from pydantic import Field, NonNegativeFloat, PositiveFloat, PositiveInt

from pipeline.config import BaseConfig
from pipeline.errors import BadInput
from pipeline.sample import Floats, Rows, used


class Config(BaseConfig):
    """Section `train`."""

    learning_rate: PositiveFloat
    num_leaves: int = Field(ge=2)
    max_depth: PositiveInt
    min_leaf_rows: PositiveInt
    min_leaf_share: float = Field(ge=0, le=0.5)
    feature_fraction: float = Field(gt=0, le=1)
    bagging_fraction: float = Field(gt=0, le=1)
    lambda_l2: NonNegativeFloat
    trees: PositiveInt
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
        "feature_fraction": config.feature_fraction,
        "bagging_fraction": config.bagging_fraction,
        "bagging_freq": 1 if config.bagging_fraction < 1 else 0,
        "lambda_l2": config.lambda_l2,
        "seed": config.seed,
        "deterministic": True,
        "force_row_wise": True,
        "num_threads": config.threads,
        "verbose": -1,
    }


def fit(rows: Rows, config: Config) -> lgb.Booster:
    """The booster of "gsm within the horizon"; raw scores are log-odds. Raises BadInput as `gate` does."""
    gate(rows, config)
    x = rows.x[used(rows.x)]
    data = lgb.Dataset(x, rows.label, feature_name=list(x.columns), free_raw_data=True)
    return lgb.train(parameters(len(x), config), data, config.trees)


def raw_scores(booster: lgb.Booster, x: pd.DataFrame) -> Floats:
    """Log-odds of each row. Columns are taken by name: LightGBM itself would score a reordered frame silently."""
    named = x[booster.feature_name()]
    scores = booster.predict(named, raw_score=True, validate_features=True)
    return np.asarray(scores, dtype=np.float64)
