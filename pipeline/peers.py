"""What LightGBM must beat on the same rows and features: a base rate, rules of thumb, and other people's models.

Every peer gives a raw score per row, larger for the likelier graduate; the same calibration turns it into a chance.
Survival peers learn from spells (sample.Followed), the last year's too; without any they are left out. They, and the
forest, see a bounded sample, drawn by hash or seed, because they would otherwise take longer than all the rest.
"""

from collections.abc import Callable
from typing import Any, Literal

import numpy as np
import pandas as pd
from hazardous import SurvivalBoost
from numpy.typing import NDArray
from pydantic import Field, PositiveInt
from scipy.special import logit
from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler
from sksurv.ensemble import GradientBoostingSurvivalAnalysis
from sksurv.linear_model import CoxPHSurvivalAnalysis
from threadpoolctl import threadpool_limits

from pipeline.columns import AS_OF, FAMILY
from pipeline.config import BaseConfig
from pipeline.sample import Floats, Followed, Rows, used

Peer = Literal["base_rate", "rules", "logistic_regression", "sklearn_boosting", "random_forest"]
SurvivalPeer = Literal["hazardous_boosting", "sksurv_boosting", "sksurv_cox"]
Scores = dict[str, list[Floats]]

FEWEST = 50  # known values of a feature, for a peer that learns from few rows
CLIP = 8.0  # standard deviations; a far outlier must not steer a linear score


class Rule(BaseConfig):
    """Rank families by one feature, largest first or smallest first."""

    feature: str
    largest_first: bool


class Config(BaseConfig):
    """Section `peers`: which of them run, and the rules of thumb."""

    peers: tuple[Peer, ...]
    survival_peers: tuple[SurvivalPeer, ...]
    rules: dict[str, tuple[Rule, ...]]
    forest_trees: PositiveInt
    forest_rows: PositiveInt
    survival_rows: PositiveInt
    survival_trees: PositiveInt
    survival_rounds: PositiveInt
    survival_features: PositiveInt
    horizon_months: PositiveInt
    seed: int = Field(ge=0)
    threads: PositiveInt


def scores(rows: Rows, frames: list[pd.DataFrame], config: Config, followed: Followed | None = None) -> Scores:
    """Raw scores of every configured peer on each frame, by model name; survival peers need `followed`."""
    made: Scores = {}
    with threadpool_limits(config.threads):
        for peer in config.peers:
            made |= PEERS[peer](rows, frames, config)
        if followed is not None:
            made |= {s: SURVIVAL_PEERS[s](followed, frames, config) for s in config.survival_peers}
    return made


def base_rate(rows: Rows, frames: list[pd.DataFrame], config: Config) -> Scores:
    """Nobody is likelier than another: the chance is the share seen, and all ranks are ties."""
    return {"base_rate": [np.zeros(len(frame)) for frame in frames]}


def rules(rows: Rows, frames: list[pd.DataFrame], config: Config) -> Scores:
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


def logistic_regression(rows: Rows, frames: list[pd.DataFrame], config: Config) -> Scores:
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
    return np.asarray(model[-1].decision_function(standardised(model[:-1], frame)), dtype=np.float64)


def varied(x: pd.DataFrame, fewest: int = 1) -> list[str]:
    """Features of which at least `fewest` known values differ from the commonest one.

    scikit-learn cannot bin a feature that is only known or unknown, in the part of the rows that it happens to draw.
    """
    known = {c: x[c].value_counts() for c in x.columns}
    return [c for c, n in known.items() if len(n) > 1 and n.sum() - n.iloc[0] >= fewest]


def sklearn_boosting(rows: Rows, frames: list[pd.DataFrame], config: Config) -> Scores:
    """scikit-learn's gradient boosting as it comes, seeded."""
    columns = varied(rows.x)
    model = HistGradientBoostingClassifier(random_state=config.seed).fit(rows.x[columns].to_numpy(), rows.label)
    return {"sklearn_boosting": [np.asarray(model.decision_function(f[columns].to_numpy())) for f in frames]}


def random_forest(rows: Rows, frames: list[pd.DataFrame], config: Config) -> Scores:
    """scikit-learn's random forest, each tree on `forest_rows` rows drawn at random."""
    columns = used(rows.x)
    drawn = min(config.forest_rows, len(rows.x))
    model = RandomForestClassifier(
        config.forest_trees, min_samples_leaf=10, max_samples=drawn, n_jobs=config.threads, random_state=config.seed
    )
    model.fit(rows.x[columns].to_numpy(), rows.label)
    return {"random_forest": [log_odds(model.predict_proba(f[columns].to_numpy())[:, 1]) for f in frames]}


def log_odds(chance: Floats) -> Floats:
    return np.asarray(logit(np.clip(chance, 1e-6, 1 - 1e-6)), dtype=np.float64)


# --- survival peers -----------------------------------------------------------------------------------------------


def bounded(spells: pd.DataFrame, config: Config) -> pd.DataFrame:
    """The spells that survival peers learn from: at most `survival_rows` that graduate and as many that do not.

    `spells` has kpm_id, as_of and cause (1 for gsm); which rows are kept hangs on the hash of the family and date.
    Graduations are drawn more densely than they are: that moves the level, which the calibration sets right for every
    peer, and hardly the order. A plain sample of this size would hold too few of them for a fair comparison.
    """
    key = spells[FAMILY] + "|" + spells[AS_OF].dt.strftime("%Y%m%d")
    order = np.argsort(pd.util.hash_array(key.to_numpy(dtype=object), categorize=False), kind="stable")
    graduated = spells["cause"].to_numpy()[order] == 1
    chosen = np.r_[order[graduated][: config.survival_rows], order[~graduated][: config.survival_rows]]
    return spells.iloc[np.sort(chosen)].reset_index(drop=True)


class SeededBoost(SurvivalBoost):  # type: ignore[misc]
    """SurvivalBoost whose trees take its seed too, and never hold rows back at random to stop early on."""

    def _build_base_estimator(self) -> Any:
        return super()._build_base_estimator().set_params(random_state=self.random_state, early_stopping=False)


def telling(followed: Followed, config: Config) -> list[str]:
    """The `survival_features` features whose means differ most, in standard deviations, where gsm ended the follow-up.

    These libraries were made for tables of tens of features: with hundreds one fit takes minutes.
    """
    x = followed.x[varied(followed.x, FEWEST)]
    gsm = followed.cause == 1
    apart = ((x[gsm].mean() - x[~gsm].mean()) / x.std()).abs().fillna(0.0)
    chosen = set(apart.sort_values(ascending=False, kind="stable").index[: config.survival_features])
    return [c for c in x.columns if c in chosen]


def hazardous_boosting(followed: Followed, frames: list[pd.DataFrame], config: Config) -> list[Floats]:
    """hazardous' SurvivalBoost: cumulative incidence of gsm within the horizon, competing with all other exits."""
    columns = telling(followed, config)
    model = SeededBoost(
        n_iter=config.survival_rounds, learning_rate=0.15, max_leaf_nodes=8, n_horizons_per_observation=2,
        show_progressbar=False, ipcw_strategy="kaplan-meier", random_state=config.seed,
    )  # fmt: skip
    model.fit(followed.x[columns].to_numpy(), {"event": followed.cause, "duration": followed.months})
    at = np.array([float(config.horizon_months)])
    found = (model.predict_cumulative_incidence(f[columns].to_numpy(), times=at)[:, 1, 0] for f in frames)
    return [log_odds(chance) for chance in found]


def sksurv_boosting(followed: Followed, frames: list[pd.DataFrame], config: Config) -> list[Floats]:
    """scikit-survival's gradient boosting of Cox's partial likelihood for gsm; other exits end the follow-up."""
    model = GradientBoostingSurvivalAnalysis(
        learning_rate=0.1, n_estimators=config.survival_trees, subsample=0.5, max_features="sqrt", min_samples_leaf=20,
        random_state=config.seed,
    )  # fmt: skip
    return cause_specific(model, followed, frames, config)


def sksurv_cox(followed: Followed, frames: list[pd.DataFrame], config: Config) -> list[Floats]:
    """scikit-survival's Cox regression for gsm with a ridge penalty; other exits end the follow-up."""
    return cause_specific(CoxPHSurvivalAnalysis(alpha=100.0, ties="breslow"), followed, frames, config)


def cause_specific(model: Any, followed: Followed, frames: list[pd.DataFrame], config: Config) -> list[Floats]:
    """Log relative hazards of gsm on standardised features, medians for unknowns."""
    columns = telling(followed, config)
    prepared = make_pipeline(
        SimpleImputer(strategy="median", add_indicator=True, keep_empty_features=True), StandardScaler()
    )
    model.fit(standardised(prepared.fit(followed.x[columns].to_numpy()), followed.x[columns]), ended(followed))
    return [np.asarray(model.predict(standardised(prepared, f[columns])), dtype=np.float64) for f in frames]


def standardised(prepared: Pipeline, frame: pd.DataFrame) -> Floats:
    return np.clip(np.asarray(prepared.transform(frame.to_numpy()), dtype=np.float64), -CLIP, CLIP)


def ended(followed: Followed) -> NDArray[np.void]:
    """(graduated, months), as scikit-survival reads it."""
    made = np.empty(len(followed.months), dtype=[("event", bool), ("months", float)])
    made["event"], made["months"] = followed.cause == 1, followed.months
    return made


PEERS: dict[Peer, Callable[[Rows, list[pd.DataFrame], Config], Scores]] = {
    "base_rate": base_rate,
    "rules": rules,
    "logistic_regression": logistic_regression,
    "sklearn_boosting": sklearn_boosting,
    "random_forest": random_forest,
}
SURVIVAL_PEERS: dict[SurvivalPeer, Callable[[Followed, list[pd.DataFrame], Config], list[Floats]]] = {
    "hazardous_boosting": hazardous_boosting,
    "sksurv_boosting": sksurv_boosting,
    "sksurv_cox": sksurv_cox,
}
