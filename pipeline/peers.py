"""What LightGBM must beat on the same rows and features: a base rate, rules of thumb, and other people's models.

Every peer gives a raw score per row, larger for the likelier graduate; the same calibration turns it into a chance.
"""

from typing import Literal

import numpy as np
import pandas as pd
from pydantic import Field
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler

from pipeline.config import BaseConfig
from pipeline.sample import Floats, Rows, used

CLIP = 8.0  # standard deviations; a far outlier must not steer a linear score


class Rule(BaseConfig):
    """Rank families by one feature, largest first or smallest first."""

    feature: str
    largest_first: bool


class Config(BaseConfig):
    """Section `peers`: which of them run, and the rules of thumb."""

    peers: tuple[Literal["base_rate", "rules", "logistic_regression", "sklearn_boosting"], ...]
    rules: dict[str, tuple[Rule, ...]]
    seed: int = Field(ge=0)


def scores(rows: Rows, frames: list[pd.DataFrame], config: Config) -> dict[str, list[Floats]]:
    """Raw scores of every configured peer on each frame, by model name."""
    made: dict[str, list[Floats]] = {}
    for peer in config.peers:
        made |= PEERS[peer](rows, frames, config)
    return made


def base_rate(rows: Rows, frames: list[pd.DataFrame], config: Config) -> dict[str, list[Floats]]:
    """Nobody is likelier than another: the chance is the share seen, and all ranks are ties."""
    return {"base_rate": [np.zeros(len(frame)) for frame in frames]}


def rules(rows: Rows, frames: list[pd.DataFrame], config: Config) -> dict[str, list[Floats]]:
    """Rules of thumb a planner would use, each a ranking by the first of its features that the extract has."""
    made = {}
    for name, choices in config.rules.items():
        rule = next((r for r in choices if r.feature in rows.x and rows.x[r.feature].notna().any()), None)
        if rule is not None:
            made[name] = [rank_score(rows.x[rule.feature], frame[rule.feature], rule) for frame in frames]
    return made


def rank_score(seen: pd.Series, values: pd.Series, rule: Rule) -> Floats:
    """(training rows that a value reaches + 1) / (training rows + 1), in (0, 1]; an unknown value has 0, the last."""
    sign = 1.0 if rule.largest_first else -1.0
    ordered = np.sort(sign * seen.dropna().to_numpy())
    reached = np.searchsorted(ordered, sign * values.to_numpy(), side="right")
    return np.where(values.isna(), 0.0, (reached + 1) / (len(ordered) + 1))


def logistic_regression(rows: Rows, frames: list[pd.DataFrame], config: Config) -> dict[str, list[Floats]]:
    """Regularised logistic regression on standardised features, medians for unknowns and a flag that they were."""
    columns = used(rows.x)
    model = make_pipeline(
        SimpleImputer(strategy="median", add_indicator=True, keep_empty_features=True),
        StandardScaler(),
        LogisticRegression(C=0.01, max_iter=300, tol=1e-3),
    )
    model.fit(rows.x[columns].to_numpy(), rows.label)
    return {"logistic_regression": [linear_score(model, frame[columns]) for frame in frames]}


def linear_score(model: Pipeline, frame: pd.DataFrame) -> Floats:
    standardised = np.clip(model[:-1].transform(frame.to_numpy()), -CLIP, CLIP)
    return np.asarray(model[-1].decision_function(standardised), dtype=np.float64)


def sklearn_boosting(rows: Rows, frames: list[pd.DataFrame], config: Config) -> dict[str, list[Floats]]:
    """scikit-learn's gradient boosting as it comes, seeded."""
    columns = used(rows.x)
    model = HistGradientBoostingClassifier(random_state=config.seed).fit(rows.x[columns].to_numpy(), rows.label)
    return {"sklearn_boosting": [np.asarray(model.decision_function(f[columns].to_numpy())) for f in frames]}


PEERS = {
    "base_rate": base_rate,
    "rules": rules,
    "logistic_regression": logistic_regression,
    "sklearn_boosting": sklearn_boosting,
}
