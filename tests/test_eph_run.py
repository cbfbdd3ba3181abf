"""The pipeline on real recipients of a real transfer, the EPH panel, from the source to the comparison of models."""

import json
from datetime import date

import pandas as pd
import pytest
from sklearn.metrics import average_precision_score, brier_score_loss, roc_auc_score
from studies import CONFIGS, EPH_PANEL, run, study, table

from pipeline import stages

ORIGIN = date(2014, 1, 1)
EPH = CONFIGS / "eph"
PEERS = ["logistic_regression", "sklearn_boosting"]


def needed(home):
    """As-of dates with outcomes that the fold learns from, or tests."""
    seen = table(home, stages.LABELS).to_pandas()
    observed = set(seen.loc[seen["outcome"] != "censored", "as_of"])
    moments = json.loads(home.path(stages.MOMENTS).read_text())
    matured_on = {date.fromisoformat(k): date.fromisoformat(v) for k, v in moments.items()}
    return {a for a in observed if matured_on[a] <= ORIGIN or a >= ORIGIN}


@pytest.fixture(scope="module")
def panel(eph_run):
    return eph_run


@pytest.fixture(scope="module")
def measured(panel):
    predictions = table(panel, stages.PREDICTIONS).to_pandas()
    return {
        model: {
            "auc": roc_auc_score(rows["label"], rows["probability"]),
            "average_precision": average_precision_score(rows["label"], rows["probability"]),
            "brier": brier_score_loss(rows["label"], rows["probability"]),
        }
        for model, rows in predictions.groupby("model")
    }


def test_models_learn_before_2014_and_are_tested_on_all_later_dates(panel):
    folds = pd.read_csv(panel.path(stages.FOLDS), parse_dates=["as_of"])
    by_kind = {kind: set(part["as_of"].dt.date) for kind, part in folds.groupby("kind")}
    learnt = by_kind["train"] | by_kind["calibrate"]
    assert set(folds["origin"]) == {str(ORIGIN)}
    assert max(learnt) <= date(2013, 1, 1), "a year before the origin: the horizon"
    assert by_kind["test"] == {a for a in needed(panel) if a >= ORIGIN}
    assert learnt == {a for a in needed(panel) if a < ORIGIN}


def test_only_followed_households_are_judged(panel):
    predictions = table(panel, stages.PREDICTIONS).to_pandas()
    mine = predictions[predictions["model"] == "lightgbm"]
    assert len(mine) > 1500
    assert mine["label"].sum() > 300
    assert not mine["outcome"].eq("censored").any()


@pytest.mark.parametrize("peer", PEERS)
@pytest.mark.parametrize(("metric", "sign"), [("auc", 1), ("average_precision", 1), ("brier", -1)])
def test_lightgbm_is_not_behind_its_peers(measured, peer, metric, sign):
    assert sign * (measured["lightgbm"][metric] - measured[peer][metric]) >= 0


def test_lightgbm_ranks_clearly_above_chance(measured):
    assert measured["lightgbm"]["auc"] > 0.68


def test_the_evaluation_tells_the_same(panel, measured):
    told = json.loads(panel.path(stages.METRICS).read_text())["models"]
    for model, values in measured.items():
        for metric, value in values.items():
            assert told[model][metric]["estimate"] == pytest.approx(value, abs=1e-9)


def continued(panel):
    """The panel with one more year: whoever was interviewed in 2016 gives the same answers a year later."""
    last = panel[panel["file_q"].str.startswith("2016")]
    again = last.assign(file_q=last["file_q"].str.replace("2016", "2017"), ANO4=last["ANO4"] + 1, t=last["t"] + 4)
    return pd.concat([panel, again], ignore_index=True)


def test_a_panel_that_goes_on_runs_the_same_way_and_changes_no_known_label(panel, tmp_path):
    extended = tmp_path / "panel.parquet"
    continued(pd.read_parquet(EPH_PANEL)).to_parquet(extended)
    home = study(tmp_path, {"source": {"path": str(extended)}}, EPH)
    run(home, "source", "ingest", "cohort", "labels")
    then, now = (table(h, stages.LABELS).to_pandas() for h in (panel, home))
    known = then[then["outcome"] != "censored"]
    again = known[["kpm_id", "as_of"]].merge(now, on=["kpm_id", "as_of"], how="left")
    pd.testing.assert_frame_equal(known.reset_index(drop=True), again)
    newly = now[(now["as_of"] >= date(2016, 6, 30)) & (now["outcome"] != "censored")]
    assert len(newly) > 1000
    assert set(newly["as_of"]) == {date(2016, 6, 30), date(2016, 9, 30), date(2016, 12, 31)}
    assert "gsm" not in set(newly.loc[newly["outcome_on"].isna(), "outcome"])
