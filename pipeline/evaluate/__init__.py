"""How good every model was on quarters it had not seen, what that is worth to those who visit, and what follows.

All models are measured on the same resamples of families and of facilitators, so that a difference between two models
is as sure as the data allow. Lists are made per as-of date for everybody, as they would be made; a segment is then
measured within those lists.
"""

import operator
from dataclasses import dataclass
from functools import partial
from typing import Any

import pandas as pd

from pipeline import selection
from pipeline.columns import AS_OF, FAMILY
from pipeline.evaluate import cases as laid_out
from pipeline.evaluate import curves, decision, measures
from pipeline.evaluate.conclusions import (
    DEPLOY,
    DO_NOT_DEPLOY,
    OF_ORACLE,
    ORACLE,
    against_truth,
    best_rule,
    overall,
    period_table,
    verdict,
)
from pipeline.evaluate.incidence import incidence_table, long
from pipeline.evaluate.settings import BOUNDS, HEADLINE, LEVEL, RATIO, Config, Segment

__all__ = [
    "BOUNDS",
    "DEPLOY",
    "DO_NOT_DEPLOY",
    "HEADLINE",
    "LEVEL",
    "OF_ORACLE",
    "ORACLE",
    "RATIO",
    "Config",
    "Evaluation",
    "Segment",
    "against_truth",
    "incidence_table",
    "long",
    "measure",
    "segments",
    "summary",
    "tables",
    "verdict",
]
COMPARE = {"<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge, "==": operator.eq}


@dataclass(frozen=True)
class Evaluation:
    """Tidy tables; every number is out of time, and null where it is undefined.

    measures: one row per scope, group, model and metric: estimate, lower, upper, cluster (whose resampling gave the
    interval, the wider of family and facilitator), families, facilitators, rows, positives (rows and positives with
    known label; facilitators 0: too few to resample). scope all, fold, period (as_of), regency, segment (name=value).
    differences: scope, group, model, against, metric, estimate, lower, upper, cluster: champion minus peer, paired;
    average_precision_ratio is champion over peer.
    calibration: model, bin, mean_probability, observed_rate, lower, upper, rows; ten quantile bins, Wilson intervals.
    precision_recall: model, threshold, recall, precision, at most 200 thresholds of those with that chance or more.
    gains: model, share_visited, share_found; all as-of dates in one order.
    capacity: model, per_facilitator, precision, recall, for 1 to 30 visits a facilitator and as-of date.
    decision: model (also nobody, everybody), threshold, net_benefit a family, lower, upper, visited (share); of the
    champion also against (the best of nobody, everybody and the best rule there), gain, gain_lower, gain_upper.
    value: way, model, amount, average_precision, found (graduates a facilitator and as-of date), lower, upper,
    equal_visits. way visits: amount visits by the champion; score: the champion's log-odds of graduates raised by
    amount, model: another model, both at the usual number of visits; equal_visits by the champion would find as many.
    regret: rule, period, chosen, next_period, raw_value, best, best_value, regret; see selection.regret.
    verdict: whether to deploy the champion, the comparison that decides it, and the reasons.
    """

    measures: pd.DataFrame
    differences: pd.DataFrame
    calibration: pd.DataFrame
    precision_recall: pd.DataFrame
    gains: pd.DataFrame
    capacity: pd.DataFrame
    decision: pd.DataFrame
    value: pd.DataFrame
    regret: pd.DataFrame
    verdict: dict[str, Any]


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
    cases = laid_out.build(predictions, config)
    weights = measures.draws(cases, config)
    scopes = [measures.scope(part, cases, weights, config) for part in measures.parts(cases, config)]
    measured = pd.DataFrame([row for s in scopes for row in measures.rows(s, config)])
    compared = [row for s in scopes for row in measures.differences(s, config)]
    differences = pd.DataFrame(compared, columns=measures.DIFFERENCES)
    return Evaluation(
        measures=measured,
        differences=differences,
        calibration=curves.per_model(cases, partial(curves.calibration_table, level=config.level)),
        precision_recall=curves.per_model(cases, curves.precision_recall_table),
        gains=curves.per_model(cases, curves.gains_table),
        capacity=pd.concat([curves.capacity_table(cases, model) for model in cases.probability], ignore_index=True),
        decision=decision.decision_table(cases, weights, best_rule(measured, config), config),
        value=decision.value_table(cases, weights, dict(overall(measured).astype(object)), config),
        regret=selection.regrets(period_table(measured), HEADLINE, "", config.selection),
        verdict=verdict(measured, differences, config),
    )


def tables(evaluation: Evaluation) -> dict[str, pd.DataFrame]:
    """The tables by name, to be written as files."""
    return {name: value for name, value in vars(evaluation).items() if isinstance(value, pd.DataFrame)}


def summary(evaluation: Evaluation) -> dict[str, Any]:
    """What metrics.json holds: plain numbers, null where undefined.

    models: {model: {metric: {estimate, lower, upper}}} on all rows; periods and segments: {group: {model: {metric:
    estimate}}}; regret: {rule: mean regret}; verdict; rows, families, positives.
    """
    measured = evaluation.measures
    everybody = measured[measured["scope"] == "all"]
    models: dict[str, dict[str, dict[str, float | None]]] = {}
    for row in everybody.itertuples():
        bounds = {name: measures.number(getattr(row, name)) for name in BOUNDS}
        models.setdefault(str(row.model), {})[str(row.metric)] = bounds
    size = {name: int(everybody[name].iloc[0]) for name in ("rows", "families", "positives")}
    regret = evaluation.regret.astype({"regret": "float64"}).groupby("rule", sort=False)["regret"].mean()
    return {
        "verdict": evaluation.verdict,
        "models": models,
        "periods": _estimates(measured[measured["scope"] == "period"]),
        "segments": _estimates(measured[measured["scope"] == "segment"]),
        "regret": {str(rule): measures.number(value) for rule, value in regret.items()},
        **size,
    }


def _estimates(measured: pd.DataFrame) -> dict[str, dict[str, dict[str, float | None]]]:
    nested: dict[str, dict[str, dict[str, float | None]]] = {}
    for row in measured.itertuples():
        of_model = nested.setdefault(str(row.group), {}).setdefault(str(row.model), {})
        of_model[str(row.metric)] = measures.number(row.estimate)
    return nested
