"""The effect on those enrolled, by double machine learning with cross-fitting by family.

DoubleML's interactive regression model with the score of the average treatment effect on the treated: Chernozhukov et
al. (2018), Econometrics Journal 21, C1-C68. Folds keep families whole and errors sum influence functions by family:
Chiang et al. (2022), JBES 40, 1046-1056. Intervals of several effects at once: the maximum of the normal vector with
the correlation of their influence functions.
"""

import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from doubleml import DoubleMLData, DoubleMLIRM
from doubleml.utils.propensity_score_processing import PSProcessorConfig
from lightgbm import LGBMClassifier, LGBMRegressor
from numpy.typing import NDArray
from scipy.stats import norm
from sklearn.linear_model import LogisticRegression, Ridge
from threadpoolctl import threadpool_limits

from pipeline.columns import AS_OF, FAMILY
from pipeline.effect.settings import Config, Learner

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
FEW_VALUES = 10  # a feature with more is turned into ranks, so that a tail of rupiah moves nobody
RARELY = 0.01


@dataclass(frozen=True)
class Design:
    """Numbers for the learners: one column a feature, a flag where values are missing, dates and places."""

    x: pd.DataFrame
    parts: Mapping[str, tuple[str, ...]]


@dataclass(frozen=True)
class Fitted:
    """One estimate. `influence` of each row, shape (n,), sums to about 0; `family` numbers the clusters from 0."""

    estimate: float
    influence: Floats
    signal: Floats
    weight: Floats
    propensity: Floats
    chance: Floats
    treated: NDArray[np.bool_]
    outcome: Floats
    family: Ints
    kept: NDArray[np.bool_]
    model: Any

    @property
    def error(self) -> float:
        """Standard error, families as clusters, not below what so few graduations of the treated can tell."""
        own = float(errors(self.influence[:, None], self.family)[0])
        return max(own, float(self.least_errors(np.ones((len(self.outcome), 1), dtype=bool))[0]))

    def least_errors(self, members: NDArray[np.bool_]) -> Floats:
        """The error of the share of the treated that graduated, two of each added; members (n, k) -> (k,).

        Without it a group of which nobody graduated would have hardly any error: Agresti and Coull (1998), The American
        Statistician 52, 119-126. Nothing for an outcome that is a share.
        """
        if len(np.unique(self.outcome)) > 2:
            return np.zeros(members.shape[1])
        n = members[self.treated].sum(axis=0) + 4
        share = (self.outcome[self.treated] @ members[self.treated] + 2) / n
        return np.asarray(np.sqrt(share * (1 - share) / n))

    @property
    def ess(self) -> float:
        """Kish's effective number of controls under the weights that make them like the treated."""
        odds = (self.propensity / (1 - self.propensity))[~self.treated]
        return float(odds.sum() ** 2 / np.square(odds).sum())

    @property
    def share_trimmed(self) -> float:
        return float(1 - self.kept.mean())


def design(rows: pd.DataFrame, config: Config) -> Design:
    """Standardised confounders by group, and the as-of date and the place as `when` and `where`.

    Imputation and ranks look at no outcome and at no enrolment.
    """
    parts = {name: _block(rows, names) for name, names in config.confounders.items()}
    parts["when"] = _dummies(rows[AS_OF].astype("str"), "as_of")
    parts["where"] = _dummies(rows["place"], "place")
    filled = {name: block for name, block in parts.items() if block.shape[1]}
    return Design(pd.concat(list(filled.values()), axis=1), {n: tuple(b.columns) for n, b in filled.items()})


def _block(rows: pd.DataFrame, names: Sequence[str]) -> pd.DataFrame:
    columns = {}
    for name in names:
        if name not in rows:
            continue
        values = rows[name].astype("float64")
        missing = values.isna()
        if values.nunique() > FEW_VALUES:
            values = values.rank(pct=True)
        columns[name] = _scaled(values.fillna(values.median() if not missing.all() else 0.0))
        if RARELY < missing.mean() < 1:
            columns[f"{name}_missing"] = _scaled(missing.astype("float64"))
    return pd.DataFrame({n: v for n, v in columns.items() if v.any()}, index=rows.index)


def _scaled(values: pd.Series) -> pd.Series:
    spread = float(values.std())
    return (values - values.mean()) / (spread if spread > 0 else 1.0)


def _dummies(codes: pd.Series, prefix: str) -> pd.DataFrame:
    """A flag a value but the first; none where there is one value only."""
    return pd.get_dummies(codes.fillna("none"), prefix=prefix, drop_first=True, dtype="float64")


def folds(family: Ints, treated: NDArray[np.bool_], config: Config) -> Ints:
    """The fold of each row: families whole, those ever treated spread evenly; shape (n,)."""
    ever = np.bincount(family, treated) > 0
    order = np.random.default_rng(config.seed).permutation(len(ever))
    order = order[np.argsort(ever[order], kind="stable")]
    of_family = np.empty(len(ever), dtype="int64")
    of_family[order] = np.arange(len(ever)) % config.folds
    return np.asarray(of_family[family], dtype="int64")


def fit(design: Design, rows: pd.DataFrame, treated: NDArray[np.bool_], outcome: Floats, config: Config) -> Fitted:
    """The effect on the treated; families without a comparable control are left out and the rest fitted again."""
    everybody = np.ones(len(rows), dtype=bool)
    first = _fit(design, rows, (treated, outcome, everybody), config)
    kept = first.propensity <= config.highest_propensity
    return first if kept.all() else _fit(design, rows, (treated, outcome, kept), config)


def _fit(
    design: Design, rows: pd.DataFrame, asked: tuple[NDArray[np.bool_], Floats, NDArray[np.bool_]], config: Config
) -> Fitted:
    treated, outcome, kept = asked[0][asked[2]], asked[1][asked[2]], asked[2]
    family = np.asarray(pd.factorize(rows.loc[kept, FAMILY])[0], dtype="int64")
    x = design.x.loc[kept].reset_index(drop=True)
    data = DoubleMLData(x.assign(_y=outcome, _d=treated.astype("float64")), "_y", "_d", list(x.columns))
    model = DoubleMLIRM(
        data, *learners(outcome, config), n_folds=config.folds, score="ATTE", draw_sample_splitting=False,
        ps_processor_config=PSProcessorConfig(clipping_threshold=config.lowest_propensity),
    )  # fmt: skip
    fold = folds(family, treated, config)
    model.set_sample_splitting([[(np.nonzero(fold != k)[0], np.nonzero(fold == k)[0]) for k in range(config.folds)]])
    with quiet():
        model.fit(external_predictions=of_treated(outcome, treated))
    return _fitted(model, (treated, outcome, kept), family)


@contextmanager
def quiet() -> Iterator[None]:
    """In small samples the library falls back on its plain formula for the strength of weights, and warns of it.

    One thread: sums then do not depend on how many there are, and matrices as small as these gain nothing by more.
    """
    with threadpool_limits(1), warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="The estimated nu2")
        yield


def of_treated(outcome: Floats, treated: NDArray[np.bool_]) -> dict[str, dict[str, Floats]]:
    """The outcome of the treated as their mean: it cancels from this score, so nothing is learnt from few families."""
    return {"_d": {"ml_g1": np.full((len(outcome), 1), outcome[treated].mean())}}


def _fitted(model: Any, asked: tuple[NDArray[np.bool_], Floats, NDArray[np.bool_]], family: Ints) -> Fitted:
    treated, outcome, kept = asked
    signal, weight = (np.asarray(model.psi_elements[n])[:, 0, 0] for n in ("psi_b", "psi_a"))
    theta = float(model.coef[0])
    predicted = {n: np.asarray(model.predictions[n])[:, 0, 0] for n in ("ml_m", "ml_g0")}
    return Fitted(
        estimate=theta, influence=signal + weight * theta, signal=signal, weight=-weight,
        propensity=predicted["ml_m"], chance=predicted["ml_g0"], treated=treated, outcome=outcome, family=family,
        kept=kept, model=model,
    )  # fmt: skip


def learners(outcome: Floats, config: Config) -> tuple[Any, Any]:
    """Learners of the outcome without enrolment and of enrolment."""
    is_share = len(np.unique(outcome)) > 2
    own = config.learner
    if own.kind == "logistic":
        chance = LogisticRegression(C=own.penalty, solver="newton-cholesky")
        return (Ridge(alpha=1 / own.penalty) if is_share else chance), chance
    return (LGBMRegressor if is_share else LGBMClassifier)(**_trees(own, config)), LGBMClassifier(**_trees(own, config))


def _trees(own: Learner, config: Config) -> dict[str, Any]:
    return {
        "n_estimators": own.trees, "num_leaves": own.leaves, "min_child_samples": own.rows_per_leaf,
        "learning_rate": own.learning_rate, "random_state": config.seed, "deterministic": True, "force_row_wise": True,
        "n_jobs": 1, "verbosity": -1,
    }  # fmt: skip


def errors(influence: Floats, family: Ints) -> Floats:
    """Standard errors of means of influence functions, shape (n, k) -> (k,); rows of a family may hang together."""
    return np.asarray(np.sqrt(np.square(_summed(influence, family)).sum(axis=0)) / len(influence))


def _summed(influence: Floats, family: Ints) -> Floats:
    return np.stack([np.bincount(family, column) for column in influence.T], axis=1)


def of_groups(fitted: Fitted, members: NDArray[np.bool_]) -> tuple[Floats, Floats]:
    """The effect on the treated of each group, and its influence function; `members` of shape (n, k).

    A group without treated families has no effect to tell: nan.
    """
    size = (members * fitted.weight[:, None]).mean(axis=0)
    size = np.where(size > 0, size, np.nan)
    effects = (members * fitted.signal[:, None]).mean(axis=0) / size
    influence = members * (fitted.signal[:, None] - fitted.weight[:, None] * effects) / size
    return effects, np.asarray(influence)


def critical(influence: Floats, family: Ints, config: Config) -> float:
    """How many standard errors make intervals of all columns hold at once; shape (n, k)."""
    known = influence[:, ~np.isnan(influence).any(axis=0)]
    if known.shape[1] < 2:
        return plain(config)
    sums = _summed(known, family)
    scale = np.sqrt(np.square(sums).sum(axis=0))
    correlation = (sums / scale).T @ (sums / scale)
    values, vectors = np.linalg.eigh(correlation)
    drawn = np.random.default_rng(config.seed).standard_normal((config.draws, len(values)))
    vector = drawn @ (vectors * np.sqrt(np.clip(values, 0, None))).T
    return float(np.quantile(np.abs(vector).max(axis=1), config.level))


def plain(config: Config, intervals: int = 1) -> float:
    """Standard errors of one interval, or of each of several that hold together (Bonferroni)."""
    return float(norm.ppf(1 - (1 - config.level) / 2 / intervals))


def imbalance(design: Design, fitted: Fitted) -> pd.DataFrame:
    """Differences in means, treated less controls, in standard deviations of the treated and the controls.

    Columns: column, before, after (controls weighted to be like the treated).
    """
    x = design.x.loc[fitted.kept].to_numpy()
    t, odds = fitted.treated, (fitted.propensity / (1 - fitted.propensity))[~fitted.treated]
    spread = np.sqrt((x[t].var(axis=0) + x[~t].var(axis=0)) / 2)
    spread = np.where(spread > 0, spread, np.inf)
    mean = x[t].mean(axis=0)
    before, after = x[~t].mean(axis=0), (odds @ x[~t]) / odds.sum()
    return pd.DataFrame(
        {"column": design.x.columns, "before": (mean - before) / spread, "after": (mean - after) / spread}
    )
