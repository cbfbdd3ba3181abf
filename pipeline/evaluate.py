"""How good every model was on quarters it had not seen: for all, per fold, period and segment, with intervals.

All intervals resample families, and all models are measured on the same resamples, so that a difference between two
models is as sure as the data allow. Lists are made per as-of date for everybody, as they would be made; a segment is
then measured within those lists.
"""

import operator
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, Literal

import numpy as np
import pandas as pd
from pydantic import Field, PositiveInt

from pipeline import metrics, selection
from pipeline.columns import AS_OF, FAMILY
from pipeline.config import BaseConfig
from pipeline.errors import BadInput
from pipeline.metrics import Flags, Indices, Numbers, Rows

HEADLINE = "average_precision"
KEY = ["fold", FAMILY, AS_OF]
NEEDED = [*KEY, "model", "probability", "label", "facilitator_id", "regency_code"]
COMPARE = {"<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge, "==": operator.eq}
MOST_POINTS = 200
MOST_VISITED = 30


class Segment(BaseConfig):
    """Families whose feature compares so with a number on the as-of date; an unknown value is a segment of its own."""

    feature: str
    operator: Literal["<", "<=", ">", ">=", "=="]
    value: float


class Config(BaseConfig):
    """Section `evaluate`."""

    seed: int = Field(ge=0)
    replicates: PositiveInt
    level: float = Field(gt=0, lt=1)
    per_facilitator: PositiveInt
    regency_share: float = Field(gt=0, lt=1)
    champion: str
    rules: tuple[str, ...] = Field(min_length=1)
    segments: dict[str, Segment]
    selection: selection.Config

    @property
    def lists(self) -> tuple[str, str]:
        """Names of the two lists, as in precision_at_<name>."""
        return f"{self.per_facilitator}_per_facilitator", f"{100 * self.regency_share:g}pct_per_regency"


@dataclass(frozen=True)
class Evaluation:
    """Tidy tables; every number is out of time, and null where it is undefined.

    measures: one row per scope, group, model and metric: estimate, lower, upper, families, rows, positives (rows and
    positives with known label). scope all, fold, period (as_of), segment (name=value).
    differences: scope, group, model, against, metric, estimate, lower, upper: champion minus peer, paired.
    calibration: model, bin, mean_probability, observed_rate, lower, upper, rows; ten quantile bins, Wilson intervals.
    precision_recall: model, threshold, recall, precision, at most 200 thresholds of those with that chance or more.
    gains: model, share_visited, share_found; all as-of dates in one order.
    capacity: model, per_facilitator, precision, recall, for 1 to 30 visits a facilitator and as-of date.
    regret: rule, period, chosen, next_period, raw_value, best, best_value, regret; see selection.regret.
    verdict: whether to deploy the champion, and the comparison that decides it.
    """

    measures: pd.DataFrame
    differences: pd.DataFrame
    calibration: pd.DataFrame
    precision_recall: pd.DataFrame
    gains: pd.DataFrame
    capacity: pd.DataFrame
    regret: pd.DataFrame
    verdict: dict[str, Any]


@dataclass(frozen=True)
class Cases:
    """One row per fold, family and as-of date, and beside it every model's probability."""

    rows: pd.DataFrame
    label: Numbers
    family: Indices
    probability: Mapping[str, Numbers]
    lists: Mapping[str, Mapping[str, Numbers]]
    facilitators: Indices

    @property
    def known(self) -> Flags:
        return ~np.isnan(self.label)


@dataclass(frozen=True)
class Scope:
    """A part of the cases, and every model's metrics there: element 0 the estimate, then the replicates."""

    scope: str
    group: str
    families: int
    rows: int
    positives: int
    measured: Mapping[str, Mapping[str, Numbers]]


def segments(features: pd.DataFrame, config: Config) -> pd.DataFrame:
    """Columns kpm_id, as_of and one per segment: 1, 0, or null where the feature is unknown; grain of `features`."""
    made = features[[FAMILY, AS_OF]].copy()
    for name, s in config.segments.items():
        belongs = COMPARE[s.operator](features[s.feature], s.value).astype("float64")
        made[name] = belongs.where(features[s.feature].notna())
    return made


def measure(predictions: pd.DataFrame, config: Config) -> Evaluation:
    """All tables from out-of-time predictions.

    predictions: one row per kpm_id, as_of, fold and model: probability (0 to 1), label (1 gsm, 0 another outcome, null
    not known), facilitator_id and regency_code (null: on no list), and the boolean columns config.segments (null:
    unknown). Every model must have predicted the same rows. Raises BadInput, naming model, column and count.
    """
    cases = _cases(_checked(predictions, config), config)
    weights = metrics.resample(int(cases.family.max()) + 1, config.replicates, config.seed)
    scopes = [_scope(*part, cases, weights) for part in _parts(cases, config)]
    measures = pd.DataFrame([row for s in scopes for row in _measures(s, config)])
    differences = pd.DataFrame([row for s in scopes for row in _differences(s, config)], columns=DIFFERENCES)
    return Evaluation(
        measures=measures,
        differences=differences,
        calibration=_per_model(cases, partial(calibration_table, level=config.level)),
        precision_recall=_per_model(cases, precision_recall_table),
        gains=_per_model(cases, gains_table),
        capacity=pd.concat([_capacity(cases, model) for model in cases.probability], ignore_index=True),
        regret=selection.regrets(period_table(measures), HEADLINE, "", config.selection),
        verdict=verdict(measures, differences, config),
    )


def tables(evaluation: Evaluation) -> dict[str, pd.DataFrame]:
    """The tables by name, to be written as files."""
    return {name: value for name, value in vars(evaluation).items() if isinstance(value, pd.DataFrame)}


# --- input --------------------------------------------------------------------------------------------------------


def _checked(predictions: pd.DataFrame, config: Config) -> pd.DataFrame:
    missing = [c for c in [*NEEDED, *config.segments] if c not in predictions]
    if missing:
        raise BadInput(
            f"predictions: columns are missing: {', '.join(missing)}",
            "way out: run the train stage again; segments are named in configs/evaluate.yaml",
        )
    table = predictions.assign(
        as_of=pd.to_datetime(predictions[AS_OF]).dt.strftime("%Y-%m-%d"),
        probability=pd.to_numeric(predictions["probability"]).astype("float64"),
        label=pd.to_numeric(predictions["label"]).astype("float64"),
    )
    _check_models(table, config)
    _check_values(table)
    _check_rows(table, config)
    return table


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


def _check_rows(table: pd.DataFrame, config: Config) -> None:
    twice = int(table.duplicated([*KEY, "model"]).sum())
    if twice:
        raise BadInput(f"predictions: {twice} rows repeat fold, {FAMILY}, {AS_OF} and model", WAY_OUT)
    count = table.groupby("model").size()
    distinct = len(table.drop_duplicates(KEY))
    uneven = count[count != distinct]
    if len(uneven):
        raise BadInput(
            f"predictions: model {uneven.index[0]} has {uneven.iloc[0]} rows, all models together {distinct}"
            f" (fold, {FAMILY}, {AS_OF}): models are compared on the same rows only",
            WAY_OUT,
        )
    labels = table.groupby(KEY)["label"]
    if not (labels.nunique() <= 1).all() or not labels.count().isin([0, table["model"].nunique()]).all():
        raise BadInput(f"predictions: label differs between models for the same fold, {FAMILY} and {AS_OF}", WAY_OUT)


WAY_OUT = "way out: run the train stage again, for all models at once"


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
    return Cases(rows, rows["label"].to_numpy(copy=True), family, probability, lists, facilitators)


def _groups(rows: pd.DataFrame, column: str) -> Indices:
    """A number per fold, as-of date and value of the column: one list each; -1 where the value is missing."""
    number = rows.groupby(["fold", AS_OF, column], dropna=True, sort=True).ngroup()
    return np.asarray(number.fillna(-1), dtype=np.intp)


# --- measures -----------------------------------------------------------------------------------------------------


def _parts(cases: Cases, config: Config) -> Iterator[tuple[str, str, Flags]]:
    yield "all", "all", np.ones(len(cases.rows), dtype=bool)
    for scope, column in (("fold", "fold"), ("period", AS_OF)):
        for value in sorted(cases.rows[column].unique()):
            yield scope, str(value), np.asarray(cases.rows[column] == value, dtype=bool)
    for name in config.segments:
        for value, mask in metrics.groups(cases.rows[name].map(_truth, na_action="ignore")):
            if mask.any():
                yield "segment", f"{name}={value}", mask


def _truth(value: Any) -> str:
    return "true" if value else "false"


def _scope(scope: str, group: str, mask: Flags, cases: Cases, weights: Numbers) -> Scope:
    known = mask & cases.known
    present, family = np.unique(cases.family[known], return_inverse=True)
    here = weights[:, present]
    label = cases.label[known]
    measured = {
        model: metrics.measure(
            Rows(p[known], label, family.astype(np.intp), {k: v[known] for k, v in cases.lists[model].items()}), here
        )
        for model, p in cases.probability.items()
    }
    return Scope(scope, group, present.size, label.size, int(label.sum()), measured)


def _number(value: float) -> float | None:
    return None if np.isnan(value) else float(value)


def _estimate(values: Numbers, level: float) -> dict[str, float | None]:
    estimate = _number(values[0])
    lower, upper = metrics.interval(values[1:], level) if estimate is not None else (np.nan, np.nan)
    return {"estimate": estimate, "lower": _number(lower), "upper": _number(upper)}


def _measures(scope: Scope, config: Config) -> Iterator[dict[str, Any]]:
    size = {"families": scope.families, "rows": scope.rows, "positives": scope.positives}
    for model, measured in scope.measured.items():
        for metric, values in measured.items():
            key = {"scope": scope.scope, "group": scope.group, "model": model, "metric": metric}
            yield key | _estimate(values, config.level) | size


DIFFERENCES = ["scope", "group", "model", "against", "metric", "estimate", "lower", "upper"]


def _differences(scope: Scope, config: Config) -> Iterator[dict[str, Any]]:
    champion = scope.measured[config.champion]
    for peer in sorted(scope.measured.keys() - {config.champion}):
        for metric, values in champion.items():
            key = {"scope": scope.scope, "group": scope.group, "model": config.champion, "against": peer}
            yield key | {"metric": metric} | _estimate(values - scope.measured[peer][metric], config.level)


# --- curves -------------------------------------------------------------------------------------------------------


def _per_model(cases: Cases, table: Callable[[Numbers, Numbers], pd.DataFrame]) -> pd.DataFrame:
    known = cases.known
    tables = {m: table(p[known], cases.label[known]) for m, p in cases.probability.items()}
    return pd.concat([t.assign(model=m)[["model", *t.columns]] for m, t in tables.items()], ignore_index=True)


def calibration_table(probability: Numbers, label: Numbers, level: float) -> pd.DataFrame:
    """bin, mean_probability, observed_rate, lower, upper, rows: at most ten bins of about equal counts."""
    if not label.size:
        return pd.DataFrame(columns=["bin", "mean_probability", "observed_rate", "lower", "upper", "rows"])
    bin_of = metrics.quantile_bins(probability)
    rows, hits = np.bincount(bin_of), np.bincount(bin_of, weights=label)
    lower, upper = metrics.wilson(hits, rows, level)
    mean = np.bincount(bin_of, weights=probability) / rows
    bounds = {"observed_rate": hits / rows, "lower": lower, "upper": upper}
    return pd.DataFrame({"bin": np.arange(1, rows.size + 1), "mean_probability": mean, **bounds, "rows": rows})


def precision_recall_table(probability: Numbers, label: Numbers) -> pd.DataFrame:
    """threshold, recall, precision of those with at least that probability.

    Spaced by equal ratios of rows, so dense where lists end.
    """
    order = np.argsort(-probability, kind="stable")
    score, found = probability[order], np.cumsum(label[order])
    last = np.flatnonzero(np.r_[score[1:] != score[:-1], True][: score.size])
    if last.size > MOST_POINTS:
        wanted = np.geomspace(last[0] + 1, last[-1] + 1, MOST_POINTS) - 1
        last = last[np.unique(np.searchsorted(last, wanted))]
    recall = metrics.ratio(found[last], metrics.numbers(label.sum()))
    return pd.DataFrame({"threshold": score[last], "recall": recall, "precision": found[last] / (last + 1)})


def gains_table(probability: Numbers, label: Numbers) -> pd.DataFrame:
    """share_visited, share_found: of all positives, in the share with the highest probabilities.

    Within a tie the line is straight, which is the expectation over random order.
    """
    order = np.argsort(-probability, kind="stable")
    score, found = probability[order], np.cumsum(label[order])
    last = np.flatnonzero(np.r_[score[1:] != score[:-1], True][: score.size])
    visited = np.linspace(0, 1, 101)
    curve = np.interp(visited * score.size, np.r_[0, last + 1], np.r_[0.0, found[last]])
    return pd.DataFrame({"share_visited": visited, "share_found": metrics.ratio(curve, metrics.numbers(label.sum()))})


def _capacity(cases: Cases, model: str) -> pd.DataFrame:
    known = cases.known
    better, tied = metrics.places(cases.probability[model], cases.facilitators)
    served, label = cases.facilitators >= 0, cases.label[known]
    rows = []
    for k in range(1, MOST_VISITED + 1):
        chance = np.where(served, np.clip((k - better) / tied, 0, 1), 0.0)[known]
        part = Rows(label, label, np.zeros(label.size, np.intp), {"k": chance})
        measured = metrics.list_measures(part, np.ones((1, 1)))
        rows.append((model, k, measured["precision_at_k"][0], measured["recall_at_k"][0]))
    return pd.DataFrame(rows, columns=["model", "per_facilitator", "precision", "recall"])


# --- conclusions --------------------------------------------------------------------------------------------------


def period_table(measures: pd.DataFrame) -> pd.DataFrame:
    """The per-period estimates as the tidy table that selection reads; a period is an as-of date."""
    table = measures[measures["scope"] == "period"].rename(
        columns={"model": "model_group_id", "group": "train_end_time", "estimate": "raw_value"}
    )
    columns = ["model_group_id", "train_end_time", "metric", "raw_value"]
    return selection.distances(table[columns].astype({"raw_value": "float64"}).assign(parameter=""))


DEPLOY, DO_NOT_DEPLOY = "deploy", "do not deploy"


def verdict(measures: pd.DataFrame, differences: pd.DataFrame, config: Config) -> dict[str, Any]:
    """verdict, champion, against, metric, estimate, lower, upper: the gain over the best rule of thumb.

    The best rule is the one with the highest average precision on all rows, found on the same data, which favours the
    rule. `do not deploy` where the interval of the gain reaches zero or does not exist: then planners lose nothing by
    using the rule that they understand.
    """
    overall = measures[(measures["scope"] == "all") & (measures["metric"] == HEADLINE)].set_index("model")["estimate"]
    rules = overall[[r for r in config.rules if r in overall.index]].astype("float64")
    against = str(rules.idxmax() if rules.notna().any() else rules.index[0])
    gain = differences[
        (differences["scope"] == "all") & (differences["against"] == against) & (differences["metric"] == HEADLINE)
    ].iloc[0]
    numbers = {name: _number(float(gain[name])) if gain[name] is not None else None for name in BOUNDS}
    better = numbers["lower"] is not None and numbers["lower"] > 0
    sides = {"champion": config.champion, "against": against, "metric": HEADLINE}
    return {"verdict": DEPLOY if better else DO_NOT_DEPLOY, **sides, **numbers}


BOUNDS = ["estimate", "lower", "upper"]


def summary(evaluation: Evaluation) -> dict[str, Any]:
    """What metrics.json holds: plain numbers, null where undefined.

    models: {model: {metric: {estimate, lower, upper}}} on all rows; periods and segments: {group: {model: {metric:
    estimate}}}; regret: {rule: mean regret}; verdict; rows, families, positives.
    """
    measures = evaluation.measures
    overall = measures[measures["scope"] == "all"]
    models: dict[str, dict[str, dict[str, float | None]]] = {}
    for row in overall.itertuples():
        bounds = {name: _plain(getattr(row, name)) for name in BOUNDS}
        models.setdefault(str(row.model), {})[str(row.metric)] = bounds
    size = {name: int(overall[name].iloc[0]) for name in ("rows", "families", "positives")}
    regret = evaluation.regret.astype({"regret": "float64"}).groupby("rule", sort=False)["regret"].mean()
    return {
        "verdict": evaluation.verdict,
        "models": models,
        "periods": _estimates(measures[measures["scope"] == "period"]),
        "segments": _estimates(measures[measures["scope"] == "segment"]),
        "regret": {str(rule): _plain(value) for rule, value in regret.items()},
        **size,
    }


def _plain(value: Any) -> float | None:
    return None if pd.isna(value) else float(value)


def _estimates(measures: pd.DataFrame) -> dict[str, dict[str, dict[str, float | None]]]:
    nested: dict[str, dict[str, dict[str, float | None]]] = {}
    for row in measures.itertuples():
        of_model = nested.setdefault(str(row.group), {}).setdefault(str(row.model), {})
        of_model[str(row.metric)] = _plain(row.estimate)
    return nested
