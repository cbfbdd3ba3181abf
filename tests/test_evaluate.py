"""The tables of an evaluation, from simulated predictions of a few hundred families."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import yaml
from pydantic import ValidationError
from sklearn.metrics import average_precision_score, brier_score_loss, roc_auc_score

from pipeline import evaluate, metrics
from pipeline.errors import BadInput
from pipeline.evaluate import curves

SETTINGS: dict[str, Any] = yaml.safe_load(
    (Path(__file__).resolve().parents[1] / "configs" / "evaluate.yaml").read_text(encoding="utf-8")
)
PERIODS = ["2022-03-31", "2022-06-30", "2023-03-31", "2023-06-30"]


def config(**changes: Any) -> evaluate.Config:
    return evaluate.Config(**(SETTINGS | {"replicates": 60, "rules": ["rule_income"], "per_facilitator": 3} | changes))


def predictions(seed: int = 0, families: int = 150, noise: tuple[float, ...] = (0.3, 2.0, 0.6)) -> pd.DataFrame:
    """Four quarters in two folds; lightgbm sees most of what drives the outcome, rule_income little."""
    rng = np.random.default_rng(seed)
    rows = families * len(PERIODS)
    family = np.repeat(np.arange(families), len(PERIODS))
    drive = 1.5 * rng.normal(size=families)[family]
    hit = rng.random(rows) < 1 / (1 + np.exp(1.5 - drive))
    facilitator = [None if f % 10 == 9 else f"F{f % 10}" for f in family]
    cases = pd.DataFrame(
        {
            "kpm_id": [f"K{f:04d}" for f in family],
            "as_of": pd.to_datetime(np.tile(PERIODS, families)),
            "fold": np.tile([1, 1, 2, 2], families),
            "label": hit.astype(int),
            "outcome": np.where(hit, "gsm", "none"),
            "facilitator_id": facilitator,
            "regency_code": [f"32{f % 3:02d}" for f in family],
            "under_40": pd.Series([None if f % 7 == 0 else f % 2 == 0 for f in family], dtype=object),
        }
    )
    parts = []
    for model, spread in zip(("lightgbm", "rule_income", "logistic_regression"), noise, strict=True):
        p = 1 / (1 + np.exp(1.5 - drive - spread * rng.normal(size=rows)))
        parts.append(cases.assign(model=model, probability=p.round(2)))
    return pd.concat(parts, ignore_index=True)


@pytest.fixture(scope="module")
def rows() -> pd.DataFrame:
    return predictions()


@pytest.fixture(scope="module")
def found(rows: pd.DataFrame) -> evaluate.Evaluation:
    return evaluate.measure(rows, config())


def estimate(table: pd.DataFrame, **key: str) -> Any:
    wanted = np.logical_and.reduce([table[k] == v for k, v in key.items()])
    [value] = table.loc[wanted, "estimate"]
    return value


def of(rows: pd.DataFrame, model: str, mask: Any = True) -> pd.DataFrame:
    part: pd.DataFrame = rows.loc[(rows["model"] == model) & mask]
    return part


# --- measures -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("model", ["lightgbm", "rule_income", "logistic_regression"])
def test_scopes_are_measured_on_their_own_rows(rows: pd.DataFrame, found: evaluate.Evaluation, model: str) -> None:
    young = rows["under_40"].map(lambda v: "unknown" if v is None else str(v).lower())
    parts = {("all", "all"): rows["fold"] > 0, ("fold", "2"): rows["fold"] == 2}
    parts |= {("period", p): rows["as_of"] == p for p in PERIODS}
    parts |= {("segment", f"under_40={v}"): young == v for v in ("true", "false", "unknown")}
    for (scope, group), mask in parts.items():
        part = of(rows, model, mask)
        key = {"scope": scope, "group": group, "model": model}
        auc = roc_auc_score(part["label"], part["probability"])
        assert estimate(found.measures, **key, metric="auc") == pytest.approx(auc)
        average = average_precision_score(part["label"], part["probability"])
        assert estimate(found.measures, **key, metric="average_precision") == pytest.approx(average)
        brier = brier_score_loss(part["label"], part["probability"])
        assert estimate(found.measures, **key, metric="brier") == pytest.approx(brier)
        measured = found.measures[(found.measures["scope"] == scope) & (found.measures["group"] == group)]
        assert set(measured["rows"]) == {len(part)}
        assert set(measured["families"]) == {part["kpm_id"].nunique()}
        assert set(measured["positives"]) == {part["label"].sum()}


def test_groups_are_texts_in_order(found: evaluate.Evaluation) -> None:
    groups = found.measures.drop_duplicates(["scope", "group"])
    assert groups[["scope", "group"]].to_numpy().tolist() == [
        ["all", "all"], ["fold", "1"], ["fold", "2"], *[["period", p] for p in PERIODS],
        ["regency", "3200"], ["regency", "3201"], ["regency", "3202"],
        ["segment", "under_40=false"], ["segment", "under_40=true"], ["segment", "under_40=unknown"],
    ]  # fmt: skip


def lists_slowly(part: pd.DataFrame, group: str, capacity: Any) -> float:
    """Precision of lists made one by one, tied rows at the edge sharing what is left."""
    listed = hits = 0.0
    for _, rows in part.dropna(subset=[group]).groupby(["as_of", group]):
        left = float(capacity(len(rows)))
        for _, tied in sorted(rows.groupby("probability"), key=lambda pair: -float(str(pair[0]))):
            taken = min(left, len(tied))
            listed, hits, left = listed + taken, hits + taken * tied["label"].mean(), left - taken
    return hits / listed


def test_lists_are_made_per_quarter(rows: pd.DataFrame, found: evaluate.Evaluation) -> None:
    part = of(rows, "lightgbm")
    key = {"scope": "all", "group": "all", "model": "lightgbm"}
    by_facilitator = estimate(found.measures, **key, metric="precision_at_3_per_facilitator")
    assert by_facilitator == pytest.approx(lists_slowly(part, "facilitator_id", lambda n: 3))
    by_regency = estimate(found.measures, **key, metric="precision_at_3pct_per_regency")
    assert by_regency == pytest.approx(lists_slowly(part, "regency_code", lambda n: 2))  # 3 % of 50 is 1.5, half up
    recall = estimate(found.measures, **key, metric="recall_at_3_per_facilitator")
    lift = estimate(found.measures, **key, metric="lift_at_3_per_facilitator")
    assert lift == pytest.approx(by_facilitator / part["label"].mean())
    assert recall == pytest.approx(by_facilitator * 3 * 9 * len(PERIODS) / part["label"].sum())  # nine serve families


def test_a_segment_is_measured_within_the_lists_of_all(rows: pd.DataFrame, found: evaluate.Evaluation) -> None:
    part = of(rows, "lightgbm").reset_index(drop=True)
    group = part.groupby(["as_of", "facilitator_id"]).ngroup().fillna(-1)
    chance = metrics.listed(part["probability"], group, 3)
    young = (part["under_40"] == True).to_numpy()  # noqa: E712
    expected = (chance * part["label"])[young].sum() / chance[young].sum()
    key = {"scope": "segment", "group": "under_40=true", "model": "lightgbm"}
    assert estimate(found.measures, **key, metric="precision_at_3_per_facilitator") == pytest.approx(expected)


def test_intervals_hold_their_estimates(found: evaluate.Evaluation) -> None:
    plain = found.measures[found.measures["metric"].isin(["auc", "average_precision", "brier", "log_loss"])]
    assert len(plain) == 4 * (3 * 10 + 3)  # of the three regencies only the champion
    assert (plain["lower"] < plain["estimate"]).all()
    assert (plain["estimate"] < plain["upper"]).all()


def test_differences_are_paired(found: evaluate.Evaluation) -> None:
    key = {"scope": "all", "group": "all", "metric": "auc"}
    mine = estimate(found.measures, **key, model="lightgbm")
    for peer in ("rule_income", "logistic_regression"):
        gain = estimate(found.differences, **key, model="lightgbm", against=peer)
        assert gain == pytest.approx(mine - estimate(found.measures, **key, model=peer))
    assert set(found.differences["against"]) == {"rule_income", "logistic_regression"}


def test_a_model_against_its_copy_differs_by_exactly_nothing(rows: pd.DataFrame) -> None:
    copy = of(rows, "lightgbm").assign(model="rule_income")
    twin = evaluate.measure(pd.concat([of(rows, "lightgbm"), copy]), config())
    ratio = twin.differences["metric"] == "average_precision_ratio"
    assert (twin.differences.loc[~ratio, ["estimate", "lower", "upper"]].dropna() == 0).all(axis=None)
    assert (twin.differences.loc[ratio, ["estimate", "lower", "upper"]] == 1).all(axis=None)
    assert twin.verdict["verdict"] == "do not deploy"


def test_pairing_makes_differences_surer(found: evaluate.Evaluation) -> None:
    paired = found.differences[found.differences["against"] == "logistic_regression"]
    first = [t[(t["metric"] == "auc") & (t["model"] == "lightgbm")].iloc[0] for t in (found.measures, paired)]
    assert [row["scope"] for row in first] == ["all", "all"]
    alone, together = (row["upper"] - row["lower"] for row in first)
    assert together < alone


# --- the same input, however it comes -----------------------------------------------------------------------------


def same(one: evaluate.Evaluation, other: evaluate.Evaluation) -> None:
    for name, table in evaluate.tables(one).items():
        pd.testing.assert_frame_equal(table, evaluate.tables(other)[name], check_exact=True)
    assert one.verdict == other.verdict


def test_row_order_and_kind_of_dates_change_nothing(rows: pd.DataFrame, found: evaluate.Evaluation) -> None:
    shuffled = rows.sample(frac=1, random_state=3)
    same(found, evaluate.measure(shuffled.assign(as_of=shuffled["as_of"].dt.date), config()))
    same(found, evaluate.measure(rows.assign(as_of=rows["as_of"].dt.strftime("%Y-%m-%d")), config()))
    same(found, evaluate.measure(rows.assign(under_40=rows["under_40"].astype("boolean")), config()))
    same(found, evaluate.measure(rows.assign(under_40=rows["under_40"].astype("float64")), config()))


def test_another_seed_changes_intervals_only(rows: pd.DataFrame, found: evaluate.Evaluation) -> None:
    other = evaluate.measure(rows, config(seed=1))
    assert other.measures["estimate"].equals(found.measures["estimate"])
    assert not other.measures["lower"].equals(found.measures["lower"])


# --- curves -------------------------------------------------------------------------------------------------------


def test_curves(rows: pd.DataFrame, found: evaluate.Evaluation) -> None:
    part = of(rows, "lightgbm")
    bins = of(found.calibration, "lightgbm")
    assert bins["rows"].sum() == len(part)
    assert len(bins) == 10
    assert (bins["observed_rate"] * bins["rows"]).sum() == pytest.approx(part["label"].sum())
    assert (bins["mean_probability"] * bins["rows"]).sum() == pytest.approx(part["probability"].sum())
    assert bins["mean_probability"].is_monotonic_increasing
    assert bins["lower"].between(0, bins["observed_rate"]).all()
    curve = of(found.precision_recall, "lightgbm")
    for row in curve.iloc[::7].itertuples():
        above = part[part["probability"] >= row.threshold]
        assert row.precision == pytest.approx(above["label"].mean())
        assert row.recall == pytest.approx(above["label"].sum() / part["label"].sum())
    assert curve["recall"].iloc[-1] == 1


def test_gains(rows: pd.DataFrame, found: evaluate.Evaluation) -> None:
    gains = of(found.gains, "lightgbm").set_index("share_visited")["share_found"]
    assert len(gains) == 101
    assert (gains.iloc[0], gains.iloc[-1]) == (0, 1)
    assert gains.is_monotonic_increasing
    part = of(rows, "lightgbm")
    chance = metrics.listed(part["probability"], np.zeros(len(part)), 0.2 * len(part))
    expected = (chance * part["label"]).sum() / part["label"].sum()
    assert gains.iloc[20] == pytest.approx(expected)


def test_long_curves_are_thinned() -> None:
    rng = np.random.default_rng(0)
    curve = curves.precision_recall_table(rng.random(5000), rng.integers(0, 2, 5000).astype(float))
    assert 100 <= len(curve) <= 200  # equal ratios of rows: the first ranks one by one, so fewer than 200
    assert curve["recall"].iloc[-1] == 1
    assert curve["threshold"].is_monotonic_decreasing


def test_capacity(found: evaluate.Evaluation) -> None:
    table = of(found.capacity, "lightgbm").set_index("per_facilitator")
    assert table.index.tolist() == list(range(1, 31))
    key = {"scope": "all", "group": "all", "model": "lightgbm"}
    at_three = estimate(found.measures, **key, metric="precision_at_3_per_facilitator")
    assert table["precision"].loc[3] == pytest.approx(at_three)
    assert table["recall"].is_monotonic_increasing
    assert table["recall"].loc[30] < 1  # a tenth of the families has no facilitator


# --- conclusions --------------------------------------------------------------------------------------------------


def test_a_clear_gain_is_deployed(found: evaluate.Evaluation) -> None:
    assert found.verdict["verdict"] == "deploy"
    assert found.verdict["against"] == "rule_income"
    assert found.verdict["lower"] > 0


def test_models_that_are_equally_good_are_rarely_told_apart() -> None:
    """With nothing to gain, a 95 % interval lies above zero in 2.5 % of worlds; of twelve, three would be 0.3 %."""
    settings = config(segments={}, replicates=100)
    worlds = [predictions(seed, noise=(0.6, 0.6, 0.6)) for seed in range(12)]
    verdicts = [evaluate.measure(w[w["model"] != "logistic_regression"], settings).verdict for w in worlds]
    assert sum(v["verdict"] == "deploy" for v in verdicts) <= 2
    assert all((v["lower"] > 0) == (v["verdict"] == "deploy") for v in verdicts)


def test_the_best_rule_counts(rows: pd.DataFrame) -> None:
    settings = config(rules=["rule_income", "logistic_regression", "absent"])
    assert evaluate.measure(rows, settings).verdict["against"] == "logistic_regression"


def test_regret_follows_the_periods(found: evaluate.Evaluation) -> None:
    assert len(found.regret) == 7 * (len(PERIODS) - 1)
    row = found.regret[found.regret["rule"] == "best_current_value"].iloc[0]
    key = {"scope": "period", "metric": "average_precision"}
    now = {m: estimate(found.measures, **key, group=PERIODS[0], model=m) for m in set(found.measures["model"])}
    after = {m: estimate(found.measures, **key, group=PERIODS[1], model=m) for m in now}
    assert row["chosen"] == max(now, key=lambda m: now[m])
    assert row["regret"] == pytest.approx(max(after.values()) - after[row["chosen"]])


def test_summary_is_plain_json(found: evaluate.Evaluation) -> None:
    summary = evaluate.summary(found)
    again = json.loads(json.dumps(summary, allow_nan=False))
    assert again == summary
    assert (summary["rows"], summary["families"]) == (600, 150)
    auc = summary["models"]["lightgbm"]["auc"]
    assert auc["lower"] < auc["estimate"] < auc["upper"]
    assert set(summary["periods"]) == set(PERIODS)
    assert summary["segments"]["under_40=true"]["lightgbm"]["auc"] > 0.5
    assert set(summary["regret"]) == set(found.regret["rule"])


# --- edges --------------------------------------------------------------------------------------------------------


def test_a_period_without_positives_gives_null(rows: pd.DataFrame) -> None:
    empty = rows["as_of"] == PERIODS[1]
    found = evaluate.measure(rows.assign(label=rows["label"].where(~empty, 0)), config())
    key = {"scope": "period", "group": PERIODS[1], "model": "lightgbm"}
    assert pd.isna(estimate(found.measures, **key, metric="auc"))
    assert pd.isna(estimate(found.measures, **key, metric="average_precision"))
    assert estimate(found.measures, **key, metric="precision_at_3_per_facilitator") == 0
    assert evaluate.summary(found)["periods"][PERIODS[1]]["lightgbm"]["auc"] is None


def test_unknown_labels_fill_lists_and_count_nowhere_else(rows: pd.DataFrame) -> None:
    drop = rows["kpm_id"] <= "K0014"
    found = evaluate.measure(rows.assign(label=rows["label"].where(~drop)), config())
    known = of(rows, "lightgbm", ~drop)
    key = {"scope": "all", "group": "all", "model": "lightgbm"}
    auc = roc_auc_score(known["label"], known["probability"])
    assert estimate(found.measures, **key, metric="auc") == pytest.approx(auc)
    assert found.measures["families"].iloc[0] == 135
    everyone = of(rows, "lightgbm").reset_index(drop=True)
    group = everyone.groupby(["as_of", "facilitator_id"]).ngroup().fillna(-1)
    chance = metrics.listed(everyone["probability"], group, 3)
    labelled = (everyone["kpm_id"] > "K0014").to_numpy()
    expected = (chance * everyone["label"])[labelled].sum() / chance[labelled].sum()
    assert estimate(found.measures, **key, metric="precision_at_3_per_facilitator") == pytest.approx(expected)


def test_nothing_known_and_nobody_served(rows: pd.DataFrame) -> None:
    unserved = evaluate.measure(rows.assign(facilitator_id=None), config())
    metric = unserved.measures["metric"].str.endswith("per_facilitator")
    assert unserved.measures.loc[metric, "estimate"].isna().all()
    assert unserved.verdict["verdict"] == "deploy"
    unlabelled = evaluate.measure(rows.assign(label=np.nan), config())
    assert unlabelled.measures["estimate"].isna().all()
    assert unlabelled.verdict["verdict"] == "do not deploy"
    assert evaluate.summary(unlabelled)["positives"] == 0


# --- bad input ----------------------------------------------------------------------------------------------------


def spoil(rows: pd.DataFrame, column: str, value: Any) -> pd.DataFrame:
    spoilt = rows.copy()
    spoilt.loc[5, column] = value
    return spoilt


def relabel(rows: pd.DataFrame, label: Any) -> pd.DataFrame:
    """Other labels for one model only."""
    return rows.assign(label=rows["label"].where(rows["model"] != "lightgbm", label))


BAD = [
    (lambda r: r.drop(columns="facilitator_id"), "columns are missing: facilitator_id"),
    (lambda r: r.drop(columns="under_40"), "columns are missing: under_40"),
    (lambda r: r[r["model"] != "lightgbm"], "no rows of model lightgbm"),
    (lambda r: r[r["model"] != "rule_income"], "no rows of model rule_income"),
    (lambda r: spoil(r, "probability", 1.2), "must be from 0 to 1; 1 rows are not, the first of model lightgbm"),
    (lambda r: spoil(r, "probability", np.nan), "probability must be from 0 to 1"),
    (lambda r: spoil(r, "label", 2), "label must be 0, 1 or null"),
    (lambda r: pd.concat([r, r.iloc[:2]]), "2 rows repeat fold, kpm_id, as_of and model"),
    (lambda r: r.drop(index=5), "model lightgbm has 599 rows, all models together 600"),
    (lambda r: relabel(r, 1 - r["label"]), "label differs between models"),
    (lambda r: relabel(r, np.nan), "label differs between models"),
]


@pytest.mark.parametrize(("spoilt", "message"), BAD)
def test_bad_input_is_told(rows: pd.DataFrame, spoilt: Any, message: str) -> None:
    with pytest.raises(BadInput, match=message) as told:
        evaluate.measure(spoilt(rows), config())
    assert "way out" in str(told.value)
    assert "K00" not in str(told.value)  # never a family


@pytest.mark.parametrize("changes", [{"level": 1.0}, {"rules": []}, {"regency_share": 0}, {"unknown": 1}])
def test_a_wrong_configuration_is_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        config(**changes)


def test_a_segment_is_a_condition_and_the_unknown_stay_apart() -> None:
    features = pd.DataFrame({"kpm_id": ["A", "B", "C"], "as_of": PERIODS[0], "caretaker_age": [39.0, 40.0, np.nan]})
    young = {"under_40": {"feature": "caretaker_age", "operator": "<", "value": 40}}
    found = evaluate.segments(features, config(segments=young))
    np.testing.assert_array_equal(found["under_40"], [1.0, 0.0, np.nan])
