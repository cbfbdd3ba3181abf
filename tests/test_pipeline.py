"""The whole pipeline on a small simulated world: the contract of what comes out, and the proofs over all of it."""

import gzip
import json
import re
import shutil
import sqlite3
import stat
import zipfile
from collections import defaultdict
from datetime import date, timedelta

import duckdb
import lightgbm as lgb
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest
import yaml
from sklearn.metrics import roc_auc_score
from studies import PEERS, QUICK, SHARED, borrow, command, hashes, run, study, table, upto, values

from pipeline import artifacts, boosters, calibrate, ensemble, features, inquiries, opinions, pathways, stages
from pipeline.columns import OUTCOMES
from pipeline.desk import bundle as desk_bundle
from pipeline.errors import BadInput
from pipeline.study import months_after

CONTRACT = yaml.safe_load((SHARED / "contract" / "tables.yaml").read_text(encoding="utf-8"))
EXTRACTED_ON = date(2025, 6, 30)
EARLIER = date(2024, 6, 30)
HORIZON = 12
DAY = pa.date32()
SAID_OF_A_SCORE = [
    "kpm_id", "as_of", "probability", "lower", "upper", "rank", "regency_code", "rank_in_regency", "facilitator_id",
    "rank_in_facilitator", "eligible", "holds", "phase", "pathway", "borderline",
]  # fmt: skip
RULES = values("evaluate")["rules"]

COMPARED = re.compile(r"_rank_(regency|village)|_times_median|_beside_village_|_shock_share_")


@pytest.fixture(scope="module")
def world(small_run):
    return small_run


@pytest.fixture(scope="module")
def grown(tmp_path_factory):
    """A run of three months ago taken on with the records of now, and the files of features that it had."""
    names = ("simulate", "source", "ingest", "cohort", "features")
    earlier = {"simulate": QUICK["simulate"] | {"extracted_on": "2025-03-31"}}
    folder = tmp_path_factory.mktemp("grown")
    home = run(study(folder, QUICK | earlier), *names)
    before = {f.name: f.stat().st_ino for f in home.path(stages.FEATURES).glob("20*")}
    run(study(folder, QUICK), *names)
    return home, before


@pytest.fixture(scope="module")
def several(world, tmp_path_factory):
    """The same extract in three parts and in groups of regencies, on the way of `make national`."""
    small = {"engine": {"part_families": 500, "frame_families": 300}, "cohort": {"history_share": 0.0}}
    home = study(tmp_path_factory.mktemp("several"), QUICK | small)
    borrow(home, world, stages.SIMULATED, stages.TRUTH, stages.LINEAGE, stages.SOURCE, stages.EFFECT, "models")
    return run(home, "ingest", "cohort", "features", "lifecycle", "score", "explain", "lists")


@pytest.fixture(scope="module")
def scores(world):
    return table(world, stages.SCORES).to_pandas()


@pytest.fixture(scope="module")
def bundle(world):
    return desk_bundle.opened(world.path(stages.PUBLISHED), None)


@pytest.fixture(scope="module")
def bundles(world, tmp_path_factory):
    """One run published twice, and one of another lineage that follows it, twice."""
    home = study(tmp_path_factory.mktemp("bundles"), QUICK)
    borrow(home, world, "data", "models")
    lineage, found = artifacts.read_json(home.path(stages.LINEAGE)), []
    for n, name in enumerate([lineage["id"], lineage["id"], "another", "another"]):
        if n == 2:  # as if the run before had not listed a family that is listed now
            listed = home.path(f"{stages.RUN_BEFORE}/{stages.RUN_LISTED}")
            before = pd.read_parquet(listed).sort_values("kpm_id", ignore_index=True)
            before.loc[(before["status"] == "listed").idxmax(), "status"] = "below"
            artifacts.write(before, listed)
        artifacts.write_json(lineage | {"id": name}, home.path(stages.LINEAGE))
        run(home, "publish")
        shutil.copytree(home.path(stages.PUBLISHED), home.root / f"{n}")
        found.append(desk_bundle.opened(home.root / f"{n}", None))
    return found


@pytest.fixture(scope="module")
def predictions(world):
    return table(world, stages.PREDICTIONS).to_pandas()


@pytest.fixture(scope="module")
def labels(world):
    return table(world, stages.LABELS).to_pandas()


@pytest.fixture(scope="module")
def earlier(tmp_path_factory):
    """The same world, extracted a year before."""
    cut = QUICK | {"simulate": QUICK["simulate"] | {"extracted_on": str(EARLIER)}, "engine": {"threads": 1}}
    return run(study(tmp_path_factory.mktemp("earlier"), cut), "simulate", *upto("features"))


def members_on(home, day):
    """Who was a member, read plainly: the last accepted event that had happened and was recorded."""
    known = [
        e for e in table(home, f"{stages.CANONICAL}/membership.parquet").to_pylist()
        if e["effective_on"] <= day and e["recorded_on"] <= day
    ]  # fmt: skip
    last = {e["kpm_id"]: e for e in sorted(known, key=lambda e: (e["effective_on"], e["recorded_on"], e["event"]))}
    return {kpm for kpm, e in last.items() if e["event"] != "exited"}


def as_ofs(home):
    return sorted(date.fromisoformat(p.stem) for p in home.path(stages.FEATURES).glob("*.parquet"))


def file_of(rejected):
    """The file that a row of the quarantine counts in: its message names it, a part by folder and name."""
    return rejected["message"].split(": ")[0]


class TestContract:
    def test_canonical_tables_have_the_contracts_columns_but_the_personal_ones(self, world):
        for name, described in CONTRACT.items():
            if name != "follow_up":
                wanted = [c for c, rule in described["columns"].items() if not rule.get("pii")]
                assert table(world, f"{stages.CANONICAL}/{name}.parquet").column_names == wanted, name

    def test_accepted_and_rejected_rows_are_all_rows(self, world):
        for name in set(CONTRACT) - {"follow_up"}:
            read = table(world, f"data/simulated/{name}.parquet").num_rows
            accepted = table(world, f"{stages.CANONICAL}/{name}.parquet").num_rows
            rejected = table(world, f"{stages.QUARANTINE}/{name}.parquet")
            assert rejected.column_names == ["row", "rule", "column", "value", "message"]
            lost = {(file_of(r), r["row"]) for r in rejected.to_pylist()
                    if not CONTRACT[name]["columns"].get(r["column"], {}).get("pii")}  # fmt: skip
            assert accepted + len(lost) == read, name

    def test_labels(self, world, labels):
        assert list(labels) == ["kpm_id", "as_of", "outcome", "outcome_on", "known_on", "matured"]
        assert set(labels["outcome"]) <= set(OUTCOMES)
        assert {"gsm", "natural", "none", "censored"} <= set(labels["outcome"])
        cohort = table(world, stages.COHORT).to_pandas()
        assert labels[["kpm_id", "as_of"]].equals(cohort[["kpm_id", "as_of"]])
        open_rows = labels[~labels["matured"]]
        assert (open_rows["outcome"] == "censored").all()
        assert open_rows[["outcome_on", "known_on"]].isna().all(axis=None)
        assert not (labels.loc[labels["matured"], "outcome"] == "censored").any()

    def test_features_have_one_row_a_member_and_every_column_is_documented(self, world):
        dictionary = pd.read_csv(world.path(stages.DICTIONARY))
        assert list(dictionary) == ["feature", "definition", "table", "unit", "window", "used_in_score", "sign"]
        assert dictionary.drop(columns="unit").notna().all(axis=None)
        assert dictionary["feature"].is_unique
        for as_of in as_ofs(world)[::8]:
            made = table(world, f"{stages.FEATURES}/{as_of}.parquet")
            assert made.column_names == ["kpm_id", "as_of", *dictionary["feature"]]
            assert sorted(made["kpm_id"].to_pylist()) == sorted(members_on(world, as_of))
            assert set(made["as_of"].to_pylist()) == {as_of}

    def test_predictions(self, predictions):
        assert list(predictions) == ["kpm_id", "as_of", "fold", "model", "probability", "label", "outcome"]
        assert set(predictions["model"]) == {"lightgbm", "hazards", *(set(PEERS) - {"rules"}), *RULES}
        assert predictions["probability"].between(0, 1, inclusive="neither").all()
        assert (predictions["label"] == (predictions["outcome"] == "gsm")).all()
        assert not predictions.duplicated(["kpm_id", "as_of", "fold", "model"]).any()
        sizes = predictions.groupby(["fold", "model"]).size().unstack()
        assert sizes.nunique(axis=1).eq(1).all(), "every model is judged on the same rows"

    def test_metrics_are_of_these_predictions(self, world, predictions):
        metrics = json.loads(world.path(stages.METRICS).read_text())
        mine = predictions[predictions["model"] == "lightgbm"]
        told = metrics["models"]["lightgbm"]
        assert told["auc"]["estimate"] == pytest.approx(roc_auc_score(mine["label"], mine["probability"]))
        brier = ((mine["probability"] - mine["label"]) ** 2).mean()
        assert told["brier"]["estimate"] == pytest.approx(brier)

    def test_fairness_counts_every_prediction_and_every_family_of_today(self, world, predictions, scores):
        mine = predictions[predictions["model"] == "lightgbm"]
        room, attributes = world.path(f"{stages.FAIRNESS}/room"), set(values("fairness")["attributes"])
        for name, rows in (("history", len(mine)), ("today", len(scores))):
            counts = pd.read_csv(room / f"{name}_counts.csv", keep_default_na=False)
            single = counts[(counts["kind"] == "single") & (counts["attribute"] != "")]
            assert set(single["attribute"]) == attributes
            assert (single.groupby("attribute")["rows"].sum() == rows).all()
            assert (single[single["group"] == "unknown"].groupby("attribute").size() == 1).all()
        told = pd.read_csv(room / "history_counts.csv", keep_default_na=False).iloc[0]
        assert told["listed_graduated"] + told["not_listed_graduated"] == mine["label"].sum()
        today = pd.read_csv(room / "today_counts.csv", keep_default_na=False).iloc[0]
        assert today["held"] == (~scores["eligible"]).sum()
        index = pd.read_csv(world.path(stages.LISTS) / "index.csv")
        assert today["listed"] == index["candidates"].sum()

    def test_no_small_count_is_published(self, world):
        minimum, room = values("fairness")["cell_minimum"], world.path(f"{stages.FAIRNESS}/room")
        for name in ("history", "today"):
            inside = pd.read_csv(room / f"{name}_counts.csv", keep_default_na=False, na_values=[""])
            outside = pd.read_csv(
                room.parent / "published" / f"{name}_counts.csv", keep_default_na=False, na_values=[""]
            )
            cells = [c for c in outside if f"families_{c}" in inside]
            small = inside[[f"families_{c}" for c in cells]].to_numpy() < minimum
            some = inside[cells].to_numpy() > 0
            assert (small & some).any()
            assert outside[cells].isna().to_numpy()[small & some].all()

    def test_drift_tells_every_date_and_what_may_be_expected_of_today(self, world):
        told = json.loads(world.path(f"{stages.DRIFT}/drift.json").read_text())
        changes = pd.read_csv(world.path(f"{stages.DRIFT}/changes.csv"))
        assert changes["as_of"].max() == told["changes"]["as_of"] == EXTRACTED_ON.isoformat()
        assert set(changes["series"]) >= {"score", "caretaker_age"}
        listed = pd.read_csv(world.path(stages.LISTS) / "index.csv")["candidates"].sum()
        assert told["expected"]["found"]["listed"] == listed

    def test_every_active_family_is_scored_and_explained_once(self, world, scores):
        active = sorted(members_on(world, EXTRACTED_ON))
        assert list(scores) == SAID_OF_A_SCORE
        assert sorted(scores["kpm_id"]) == active
        shap = table(world, stages.SHAP)
        assert shap.column_names[:3] == ["kpm_id", "as_of", "base_value"]
        assert sorted(shap["kpm_id"].to_pylist()) == active
        for made in (shap, table(world, stages.SCORES)):
            assert set(made["as_of"].to_pylist()) == {EXTRACTED_ON}

    @pytest.mark.parametrize("name", [stages.COHORT, stages.LABELS, stages.PREDICTIONS, stages.SCORES, stages.SHAP])
    def test_days_are_days(self, world, name):
        assert pq.read_schema(world.path(name)).field("as_of").type == DAY

    def test_contributions_and_base_add_up_to_the_raw_score(self, world):
        booster = lgb.Booster(model_str=world.path(stages.MODEL).read_text())
        names = booster.feature_name()
        shap = table(world, stages.SHAP).to_pandas().set_index("kpm_id")
        assert list(shap)[2:] == names
        features = table(world, f"{stages.FEATURES}/{EXTRACTED_ON}.parquet").to_pandas().set_index("kpm_id")
        raw = pd.Series(booster.predict(features[names], raw_score=True), features.index)
        told = shap["base_value"] + shap[names].sum(axis=1)
        assert np.abs(told - raw.reindex(told.index)).max() < 1e-9
        assert raw.std() > 0.1

    def test_scores_follow_the_raw_score_through_the_calibration(self, world, scores):
        shap = table(world, stages.SHAP).to_pandas().set_index("kpm_id")
        raw = shap.drop(columns="as_of").sum(axis=1).reindex(scores["kpm_id"]).to_numpy()
        by_raw, by_chance = np.argsort(-raw, kind="stable"), np.argsort(-scores["probability"], kind="stable")
        assert np.allclose(scores["probability"].to_numpy()[by_raw], scores["probability"].to_numpy()[by_chance])
        calibration = json.loads(world.path(stages.CALIBRATION).read_text())
        sealed = world.path("models/graduation.sha256").read_text().strip()
        assert calibration["model_sha256"] == sealed == hashes(world, stages.MODEL)[stages.MODEL]

    def test_chances_lie_in_their_intervals(self, scores):
        assert scores["probability"].between(0, 1, inclusive="neither").all()
        assert scores["probability"].between(scores["lower"], scores["upper"]).all()
        assert (scores["upper"] > scores["lower"]).all()

    @pytest.mark.parametrize(
        ("rank", "group"), [("rank", "as_of"), ("rank_in_regency", "regency_code"),
                            ("rank_in_facilitator", "facilitator_id")]
    )  # fmt: skip
    def test_ranks_count_from_one_by_falling_chance(self, scores, rank, group):
        for _, part in scores.dropna(subset=[group]).groupby(group):
            ordered = part.sort_values(rank)
            assert ordered[rank].tolist() == list(range(1, len(part) + 1))
            assert ordered["probability"].is_monotonic_decreasing
        assert scores.loc[scores[group].isna(), rank].isna().all()

    def test_a_family_is_eligible_exactly_where_nothing_holds_it(self, scores):
        held = scores["holds"].map(len) > 0
        assert (scores["eligible"] == ~held).all()
        assert held.any()
        assert scores["eligible"].any()
        assert set(scores.loc[held, "pathway"]) <= {"stay_p2k2", "rst", "ska_atensi", "natural_exit_ahead"}

    def test_every_scored_family_has_a_phase_and_a_pathway_with_its_reasons(self, world, scores):
        ways = table(world, stages.PATHWAYS)
        assert ways.column_names == list(pathways.COLUMNS)
        assert ways.schema.field("as_of").type == DAY
        assert ways.schema.field("waiting_for").type == pa.string()
        assert ways.schema.field("reasons").type.value_type == pa.string()
        told = ways.to_pandas().set_index("kpm_id")
        assert told.index.is_monotonic_increasing
        assert sorted(told.index) == sorted(scores["kpm_id"])
        beside = told.loc[scores["kpm_id"]]
        assert (beside["pathway"].to_numpy() == scores["pathway"].to_numpy()).all()
        assert (beside["phase"].to_numpy() == scores["phase"].to_numpy()).all()
        assert told["pathway"].nunique() > 3
        assert (told[["text_id", "text_en"]].map(len) > 10).all(axis=None)

    def test_rules_may_look_at_every_feature_of_a_whole_extract(self, world):
        declared = pd.read_csv(world.path(stages.DICTIONARY))["feature"]
        assert features.names() == set(declared)

    def test_the_lists_say_why_a_pathway_is_recommended(self, world, scores):
        told = table(world, stages.PATHWAYS).to_pandas().set_index("kpm_id")["text_id"]
        for file in world.path(stages.LISTS).glob("calon*.csv"):
            rows = read_text(file)
            assert (rows["pathway_reasons"] == rows["kpm_id"].map(told)).all()

    def test_one_list_per_regency_in_both_formats(self, world, scores):
        names = sorted(p.name for p in world.path(stages.LISTS).iterdir())
        made = [f"calon_graduasi_{r}_{EXTRACTED_ON}.{e}" for r in set(scores["regency_code"]) for e in ("csv", "xlsx")]
        assert names == sorted([*made, "index.csv"])

    def test_lists_propose_only_eligible_families_of_the_regency(self, world, scores):
        """As many as there are places, or as facilitators can visit.

        A family whose village code is wrong may be alone in a regency: that one's list may be empty.
        """
        known, visited = scores.set_index("kpm_id"), within_reach(scores)
        found = {f.name.split("_")[2]: read_text(f) for f in world.path(stages.LISTS).glob("calon*.csv")}
        assert set(found) == set(scores["regency_code"])
        for regency, listed in found.items():
            rows = known.loc[listed["kpm_id"]]
            assert rows["eligible"].all()
            assert set(rows["regency_code"]) <= {regency}
            assert rows["rank_in_regency"].is_monotonic_increasing
            active = int((scores["regency_code"] == regency).sum())
            places = max(1, int(active * values("lists")["regency_share"] + 0.5))
            assert len(listed) == min(places, sum(known.loc[k, "regency_code"] == regency for k in visited))
        assert {r for r, listed in found.items() if len(listed)} >= set(values("simulate")["places"]["regencies"])

    def test_the_identity_file_is_for_its_owner_alone(self, world):
        assert stat.S_IMODE(world.path(stages.IDENTITY).stat().st_mode) == 0o600

    def test_every_out_is_there_and_nothing_is_left_over(self, world):
        parts = [p for p in world.root.rglob("*") if p.name.startswith(".") and p.name not in (".scratch", ".lock")]
        assert parts == []
        assert list(world.path(stages.SCRATCH).iterdir()) == []


def within_reach(scores):
    """Eligible families among the first ones by rank that their facilitator can visit, read plainly."""
    count, found = defaultdict(int), []
    for s in scores[scores["eligible"]].sort_values("rank").itertuples():
        if pd.isna(s.facilitator_id) or count[s.facilitator_id] < values("lists")["per_facilitator"]:
            found.append(s.kpm_id)
        count[s.facilitator_id] += 1
    return found


def read_text(file):
    return pd.read_csv(file, dtype=str, keep_default_na=False, sep=None, engine="python", encoding="utf-8-sig")


class TestTime:
    def test_no_prediction_for_a_row_that_could_still_change(self, predictions, labels):
        joined = predictions.merge(labels, on=["kpm_id", "as_of"], how="left", suffixes=("", "_told"))
        assert joined["matured"].eq(True).all()
        assert (joined["outcome"] == joined["outcome_told"]).all()

    def test_between_what_is_learnt_and_what_is_tested_lie_horizon_and_lag(self, world):
        folds = pd.read_csv(world.path(stages.FOLDS), parse_dates=["origin", "as_of"])
        moments = json.loads(world.path(stages.MOMENTS).read_text())
        matured_on = {date.fromisoformat(k): date.fromisoformat(v) for k, v in moments.items()}
        assert len(folds) > 0
        assert all(m > months_after(a, HORIZON) for a, m in matured_on.items()), "the lag of this world is not 0"
        for _, fold in folds.groupby("fold"):
            by_kind = {kind: [d.date() for d in part["as_of"]] for kind, part in fold.groupby("kind")}
            learnt, tested = by_kind["train"] + by_kind["calibrate"], by_kind["test"]
            assert max(matured_on[a] for a in learnt) <= min(tested)
            assert max(by_kind["train"]) < min(by_kind["calibrate"])
            assert max(matured_on[a] for a in tested) <= EXTRACTED_ON

    def test_predictions_are_of_the_tested_dates(self, world, predictions):
        folds = pd.read_csv(world.path(stages.FOLDS))
        tested = folds[folds["kind"] == "test"]
        pairs = {(f, str(a)) for f, a in zip(predictions["fold"], predictions["as_of"], strict=True)}
        assert pairs == set(zip(tested["fold"], tested["as_of"], strict=True))

    def test_an_earlier_extract_gives_the_same_features(self, world, earlier):
        """Byte by byte, but for families with a row that was closed later, such as that of a death noticed late.

        The contract gives the end of a row no day of record; such families are few and all accounted for. One thread
        instead of two as well: no sum depends on who adds first.
        """
        common = as_ofs(earlier)
        assert common == [a for a in as_ofs(world) if a <= EARLIER]
        files = [f"{stages.FEATURES}/{a}.parquet" for a in common]
        late, told = closed_later(earlier, world), (hashes(earlier, *files), hashes(world, *files))
        other = [f for f in files if told[0][f] != told[1][f]]
        assert len(files) - len(other) > 20
        for name in other:
            then, now = (table(h, name).to_pandas().set_index("kpm_id") for h in (earlier, world))
            assert then.index.equals(now.index)
            same = then.eq(now) | (then.isna() & now.isna())
            # What is compared with other families of the place moves with them.
            own = [c for c in same if not COMPARED.search(c)]
            assert set(then.index[~same[own].all(axis=1)]) <= late, name
            assert len(late & set(then.index)) < 0.02 * len(then)

    def test_an_earlier_extract_gives_the_same_matured_labels(self, earlier, labels):
        then = table(earlier, stages.LABELS).to_pandas()
        settled = then[then["matured"]]
        now = settled[["kpm_id", "as_of"]].merge(labels, on=["kpm_id", "as_of"], how="left")
        assert len(settled) > 1000
        pd.testing.assert_frame_equal(settled.reset_index(drop=True), now)


def closed_later(earlier, later):
    """Families with a row that ended by EARLIER, which only the later extract knows."""
    found = set()
    for name, closes in (("members", "valid_to"), ("assignments", "valid_to"), ("programmes", "ended_on"),
                         ("cases", "closed_on")):  # fmt: skip
        key = CONTRACT[name]["key"]
        columns = [*dict.fromkeys([*key, "kpm_id"]), closes]
        then, now = (
            table(h, f"{stages.CANONICAL}/{name}.parquet").select(columns).to_pandas() for h in (earlier, later)
        )
        both = then.merge(now[[*key, closes]], on=key, suffixes=("", "_now"))
        closed = both[f"{closes}_now"].notna() & (pd.to_datetime(both[f"{closes}_now"]) <= pd.Timestamp(EARLIER))
        found |= set(both.loc[closed & both[closes].isna(), "kpm_id"])
    return found


@pytest.fixture(scope="module")
def judged(world, scores):
    truth = table(world, f"{stages.TRUTH}/truth.parquet").to_pandas()
    return scores.merge(truth, on="kpm_id", how="inner", validate="one_to_one")


class TestTruth:
    """The simulator's own truth of the coming year: simulated, like all the world."""

    def test_chances_rank_what_will_happen(self, judged):
        assert (judged["outcome"] == "gsm").sum() >= 20
        assert roc_auc_score(judged["outcome"] == "gsm", judged["probability"]) > 0.6

    def test_chances_go_with_the_true_chances(self, judged):
        assert judged["probability"].corr(judged["probability_gsm"], method="pearson") > 0.3
        ranks = judged[["probability", "probability_gsm"]].rank()
        assert ranks["probability"].corr(ranks["probability_gsm"]) > 0.3

    def test_chances_are_of_the_right_size_out_of_time(self, predictions):
        """Against history: the coming year of this world has another policy, which no history can tell."""
        mine = predictions[predictions["model"] == "lightgbm"]
        assert 0.5 < mine["probability"].mean() / mine["label"].mean() < 2


@pytest.fixture(scope="module")
def personal(world):
    kpm, members = (table(world, f"data/simulated/{t}.parquet").to_pandas() for t in ("kpm", "members"))
    numbers = pd.concat([kpm["caretaker_nik"], kpm["family_card_no"], members["nik"]]).dropna()
    names = kpm["caretaker_name"].dropna().unique()
    assert len(numbers) > 5 * 200
    return set(numbers), {n for n in names[:200] if " " in n}


class TestIdentity:
    def test_no_personal_value_leaves_the_identity_file(self, world, personal):
        numbers, names = personal
        assert len(names) > 100
        seen = {f: text_of(f) for f in world.root.rglob("*") if f.is_file()}
        holding = {
            str(f.relative_to(world.root))
            for f, text in seen.items()
            if set(re.findall(r"(?<!\d)\d{15,16}(?!\d)", text)) & numbers or any(n in text for n in names)
        }
        extract = {f for t in ("kpm", "members") for f in hashes(world, f"data/simulated/{t}.parquet")}
        assert holding == {stages.IDENTITY, *extract}

    def test_identity_holds_who_is_who(self, world):
        identity = table(world, stages.IDENTITY).to_pandas()
        assert set(identity["kpm_id"]) == set(table(world, f"{stages.CANONICAL}/kpm.parquet")["kpm_id"].to_pylist())


def text_of(file):
    """All text in a file, whatever it is packed in."""
    if file.suffix == ".parquet":
        columns = pq.read_table(file)
        texts = [columns[n].unique().to_pylist() for n in columns.column_names if columns[n].type == pa.string()]
        return "\n".join(str(v) for values in texts for v in values)
    if file.suffix == ".xlsx":
        with zipfile.ZipFile(file) as packed:
            return "\n".join(packed.read(n).decode("utf-8", "replace") for n in packed.namelist())
    return file.read_bytes().decode("utf-8", "replace")


class TestDecisionsComeBack:
    """What the desk gives back: labels of families whom a list led somebody to end at the visit."""

    @pytest.fixture
    def home(self, world, tmp_path):
        home = study(tmp_path, QUICK | {"treated": {"path": "back/decisions.parquet"}})
        borrow(home, world, stages.SIMULATED, stages.CANONICAL, stages.COHORT)
        return home

    @staticmethod
    def came_back(home, families, day):
        days = pa.array([day] * len(families), DAY)
        steps = {"kpm_id": families, "happened_on": days, "recorded_on": days, "treated": [True] * len(families)}
        home.path("back").mkdir()
        pq.write_table(pa.table(steps), home.path("back/decisions.parquet"))

    def test_the_labels_of_treated_families_are_censored_and_no_others_change(self, world, home, labels, capsys):
        stayed = labels[labels["outcome"] == "none"]
        last = stayed["as_of"].max()
        chosen = stayed[stayed["as_of"] == last]["kpm_id"].head(5).tolist()
        self.came_back(home, chosen, last + timedelta(days=30))
        run(home, "source", "labels")
        found = table(home, stages.LABELS).to_pandas()
        mine = found["kpm_id"].isin(chosen)
        pd.testing.assert_frame_equal(found[~mine], labels[~labels["kpm_id"].isin(chosen)])
        assert len(chosen) == 5
        assert set(found[mine & (found["as_of"] == last)]["outcome"]) == {"censored"}
        ended = int((found["outcome_on"].notna() & (found["outcome"] == "censored")).sum())
        assert f"labels: {ended} of {len(found):,} end at a visit" in capsys.readouterr().err
        assert json.loads(home.path(stages.DECISIONS).read_text())["sha256"]

    def test_a_file_that_is_not_there_is_told(self, home):
        with pytest.raises(BadInput, match=r"decisions\.parquet: no such file"):
            stages.run("source", home)


class TestNewQuarter:
    """Three months more of records: features of dates that they do not reach stay, and are what they would be."""

    def test_what_the_records_do_not_reach_stays_and_all_is_right(self, world, grown):
        home, before = grown
        after = {f.name: f.stat().st_ino for f in home.path(stages.FEATURES).glob("20*")}
        assert set(after) - set(before) == {f"{EXTRACTED_ON}.parquet"}
        # Ends have no day of record: one of January 2024 that was entered late came with the new quarter.
        kept = {n for n in before if after[n] == before[n]}
        assert kept == {n for n in before if n < "2024"}
        assert len(kept) > 20
        assert hashes(home, stages.FEATURES) == hashes(world, stages.FEATURES)

    def test_what_is_not_as_it_was_is_computed_again(self, world, grown, tmp_path):
        shutil.copytree(grown[0].root, tmp_path, dirs_exist_ok=True)
        home = study(tmp_path, QUICK)
        damaged = home.path(f"{stages.FEATURES}/{EARLIER}.parquet")
        damaged.write_bytes(damaged.read_bytes()[:-1] + b"?")
        membership = home.path(f"{stages.CANONICAL}/membership.parquet")
        rows = pq.read_table(membership)
        late = pc.max(rows["recorded_on"])
        pq.write_table(rows.filter(pc.less(rows["recorded_on"], late)), membership)
        others = {f.name: f.stat().st_ino for f in home.path(stages.FEATURES).glob("20*")}
        run(home, "features")
        again = {f.name: f.stat().st_ino for f in home.path(stages.FEATURES).glob("20*")}
        assert {n for n in others if again[n] != others[n]} == {
            n for n in others if n == damaged.name or date.fromisoformat(n[:10]) >= late.as_py()
        }
        assert hashes(home, f"{stages.FEATURES}/{EARLIER}.parquet") == hashes(
            world, f"{stages.FEATURES}/{EARLIER}.parquet"
        )


class TestParts:
    """An extract in parts, and regencies in groups, on the way to the lists: nothing tells how many there were."""

    SAME = ("data/scores", "data/lists", "data/lifecycle/population.csv", "data/lifecycle/leaving.csv")

    def test_there_are_several_parts(self, several):
        assert len(list(several.path(f"{stages.CANONICAL}/payments.parquet").iterdir())) == 3  # 1500 families, 500 each
        assert len(list(several.path(f"{stages.FEATURES}/{EXTRACTED_ON}.parquet").iterdir())) == 3

    @pytest.mark.parametrize(
        "name",
        [f"{stages.FEATURES}/{EXTRACTED_ON}.parquet", stages.LIVES, stages.SHAP, f"{stages.LIFECYCLE}/endings.parquet",
         f"{stages.LIFECYCLE}/lifecycle.parquet"],
    )  # fmt: skip
    def test_tables_hold_the_same_rows(self, world, several, name):
        one, many = (pq.read_table(home.path(name)) for home in (world, several))
        key = [(c, "ascending") for c in one.column_names[:4]]
        assert one.sort_by(key).equals(many.sort_by(key))

    def test_scores_pathways_and_lists_are_the_same_bytes(self, world, several):
        once, twice = hashes(world, *self.SAME), hashes(several, *self.SAME)
        assert len(once) > 5
        assert once == twice


class TestAgain:
    def test_a_second_run_elsewhere_gives_the_same_bytes(self, world, tmp_path):
        again = run(study(tmp_path, QUICK), *list(stages.STAGES)[:-1])
        outputs = [
            str(p.relative_to(again.root)) for p in again.path("data").iterdir() if p.name not in (".scratch", ".lock")
        ]
        once, twice = hashes(world, *outputs, "models"), hashes(again, *outputs, "models")
        # Each place signs with a key of its own, made at first use; what it signs is the same.
        signed = {"data/desk/signing_key.pem", "data/published/public_key.pem", "data/published/manifest.sig"}
        assert {f for f in once if once[f] != twice.get(f)} == signed
        assert set(once) == set(twice)

    def test_one_lineage_id_is_on_all_that_people_see(self, world):
        """On all that tells of families: data/world tells of the simulated world alone, before anything is learnt."""
        lineage = json.loads(world.path(stages.LINEAGE).read_text())
        made = lineage["id"]
        assert re.fullmatch("[0-9a-f]{16}", made)
        for file in world.path(stages.LISTS).glob("calon*.csv"):
            listed = read_text(file)
            assert set(listed["lineage"]) == ({made} if len(listed) else set()), "its workbook has it in any case"
        for file in world.path(stages.LISTS).glob("*.xlsx"):
            assert made in text_of(file)
        assert made in world.path(stages.CARD).read_text()
        assert made in (world.path(stages.REPORT) / "report.html").read_text()
        assert json.loads(world.path(stages.TRACKED).read_text())["lineage"] == made
        with sqlite3.connect(world.path(stages.STORE)) as store:
            assert store.execute("select value from tags where key = 'lineage_id'").fetchall() == [(made,)]
        store.close()
        assert lineage["simulated"] is True
        assert lineage["extracted_on"] == str(EXTRACTED_ON)

    def test_tracking_the_same_run_again_adds_nothing(self, world):
        before = world.path(stages.TRACKED).read_bytes()
        assert command("track", home=world.root).returncode == 0
        assert world.path(stages.TRACKED).read_bytes() == before
        with sqlite3.connect(world.path(stages.STORE)) as store:
            assert store.execute("select count(*) from runs").fetchall() == [(1,)]
        store.close()


class TestSources:
    def test_the_same_extract_as_csv_gives_the_same_bytes(self, world, tmp_path):
        """Semicolons with a byte order mark, commas, gzip: the clothes change from table to table."""
        other = study(tmp_path, {})
        folder = other.path("data/simulated")
        folder.mkdir(parents=True)
        (folder / "extract.yaml").write_bytes(world.path("data/simulated/extract.yaml").read_bytes())
        for i, file in enumerate(sorted(world.path("data/simulated").glob("*.parquet"))):
            rows, to = table(world, f"data/simulated/{file.name}"), folder / f"{file.stem}.csv"
            write_csv(rows, to, semicolons=i % 2 == 0, bom=i % 3 != 1, packed=i % 4 == 2)
        run(other, "source", "ingest")
        for output in (stages.CANONICAL, stages.IDENTITY):
            assert hashes(other, output) == hashes(world, output)
        for name in set(CONTRACT) - {"follow_up"}:
            before = rows_before(world, name)
            mine, theirs = (table(h, f"{stages.QUARANTINE}/{name}.parquet").to_pylist() for h in (other, world))
            for r in mine:
                assert file_of(r).startswith(f"{name}.csv")
            moved = [r | {"row": before[file_of(r)] + r["row"]} for r in theirs]
            assert [without_file(r) for r in mine] == [without_file(r) for r in moved], name

    def test_optional_tables_may_be_absent(self, world, tmp_path):
        lighter = QUICK | {"train": {"trees": 20}, "study": {"first_as_of": "2020-01-01"}}
        bare = study(tmp_path, lighter | {"peers": {"peers": ["base_rate", "rules"]}})
        required = [name for name, described in CONTRACT.items() if described["required"]]
        borrow(bare, world, *(f"data/simulated/{n}" for n in ("extract.yaml", *(f"{t}.parquet" for t in required))))
        run(bare, *upto("report"))
        made = table(bare, stages.SCORES).to_pandas()
        assert set(made["kpm_id"]) == members_on(world, EXTRACTED_ON)
        assert made["facilitator_id"].isna().all()
        assert made["rank_in_facilitator"].isna().all()
        assert set(pd.read_csv(bare.path(stages.DICTIONARY))["table"]) <= set(required)
        assert len(list(bare.path(stages.LISTS).glob("*.xlsx"))) == made["regency_code"].nunique()


def rows_before(home, name):
    """How many rows of a table stand in the parts before each part: a row of a part is that much further down a CSV."""
    before, start = {}, 0
    for part in sorted(home.path(f"data/simulated/{name}.parquet").iterdir()):
        before[f"{name}.parquet/{part.name}"] = start
        start += pq.read_metadata(part).num_rows
    return before


def without_file(rejected):
    return rejected | {"message": rejected["message"].removeprefix(file_of(rejected))}


def write_csv(rows, file, semicolons, bom, packed):
    duckdb.sql(f"copy (from rows) to '{file}' (format csv, header, delimiter '{';' if semicolons else ','}')")
    content = (b"\xef\xbb\xbf" if bom else b"") + file.read_bytes()
    file.unlink()
    if packed:
        file.with_name(f"{file.name}.gz").write_bytes(gzip.compress(content, mtime=0))
    else:
        file.write_bytes(content)


@pytest.fixture(scope="module")
def planted(world):
    membership = table(world, f"{stages.CANONICAL}/membership.parquet").to_pandas()
    since = pd.Timestamp("2022-01-01").date()
    gone = membership[membership["reason"].isin(["gsm", "ppse"]) & (membership["effective_on"] > since)]
    first = gone.sort_values("effective_on").drop_duplicates("kpm_id")
    surveys = set(table(world, f"{stages.CANONICAL}/welfare.parquet").select(["kpm_id", "observed_on"]).to_pandas()
                  .itertuples(index=False, name=None))  # fmt: skip
    made = [
        {"kpm_id": r.kpm_id, "reported_on": r.effective_on - timedelta(days=60),
         "observed_on": r.effective_on - timedelta(days=45), "honest": i % 2 == 0,
         "late": min(r.recorded_on + timedelta(days=3), EXTRACTED_ON), "known_gone": r.recorded_on}
        for i, r in enumerate(first.itertuples())
    ]  # fmt: skip
    return pd.DataFrame([p for p in made if (p["kpm_id"], p["observed_on"]) not in surveys])


@pytest.fixture(scope="module")
def leaky(world, planted, tmp_path_factory):
    declared = {"name": "label", "kind": "flag", "minimum": None, "maximum": None, "meaning": "it", "unit": None}
    sections = {"source": {"welfare": [declared]}, "study": {"first_as_of": "2022-01-01"}}
    home = study(tmp_path_factory.mktemp("leaky"), sections)
    borrow(home, world, "data/simulated")
    for name, made in (("cases", cases(planted)), ("welfare", surveys(planted))):
        sound = table(world, f"data/simulated/{name}.parquet")
        if name == "welfare":
            visited = pc.is_valid(sound["floor_type"])  # a rank without a visit says nothing of the declared column
            sound = sound.append_column("label", pc.if_else(visited, False, pa.scalar(None, pa.bool_())))
        rows = pa.Table.from_pylist(made, sound.schema)
        shutil.rmtree(home.path(f"data/simulated/{name}.parquet"))
        pq.write_table(pa.concat_tables([sound, rows]), home.path(f"data/simulated/{name}.parquet"))
    return run(home, *upto("features"))


@pytest.fixture(scope="module")
def both(world, leaky, planted):
    """Features of the two studies side by side, with the plant of each family that has one."""
    names = [f"{stages.FEATURES}/{a}.parquet" for a in as_ofs(leaky)]
    mine, other = (pd.concat([table(h, n).to_pandas() for n in names], ignore_index=True) for h in (leaky, world))
    assert mine[["kpm_id", "as_of"]].equals(other[["kpm_id", "as_of"]])
    return mine, other, mine[["kpm_id", "as_of"]].merge(planted, on="kpm_id", how="left")


class TestLeak:
    """Traces of a graduation that are dated before it: entered after it they change nothing, entered in time they do.

    Every graduate since 2022 gets a report of interest, 60 days before the exit, and a survey, 45 days before it, with
    a declared column that holds the label. For every other graduate both were entered on their own day.
    """

    def test_traces_entered_after_the_exit_change_no_feature_before_it(self, both):
        mine, other, plant = both
        honest = plant["honest"].eq(True)
        unseen = ~honest & ~(plant["late"] <= plant["as_of"])
        tempted = unseen & (plant["reported_on"] <= plant["as_of"])
        assert tempted.sum() >= 10
        # The share of known columns has one column more to count there: the declared one.
        alike = [c for c in other if c != "welfare_known_share" and not COMPARED.search(c)]
        pd.testing.assert_frame_equal(mine.loc[unseen, alike], other.loc[unseen, alike])
        told = [c for c in mine if c.startswith("label")]
        assert told
        assert (mine.loc[tempted, [c for c in told if c.endswith("last")]].fillna(0) == 0).all(axis=None)

    def test_the_same_traces_entered_in_time_are_seen(self, both):
        mine, other, plant = both
        entered = plant["honest"].eq(True) & (plant["observed_on"] <= plant["as_of"])
        seen = entered & (plant["known_gone"] > plant["as_of"])
        assert seen.sum() >= 10
        interest = "cases_graduation_interest_12m"
        assert (mine.loc[seen, interest] > other.loc[seen, interest].fillna(0)).all()


def cases(planted):
    return [
        {"case_id": f"P{i:05d}", "kpm_id": p.kpm_id, "reported_on": p.reported_on, "reporter": "citizen",
         "kind": "graduation_interest", "status": "open", "recorded_on": p.reported_on if p.honest else p.late}
        for i, p in enumerate(planted.itertuples())
    ]  # fmt: skip


def surveys(planted):
    return [
        {"kpm_id": p.kpm_id, "observed_on": p.observed_on, "recorded_on": p.observed_on if p.honest else p.late,
         "monthly_income": 9_000_000, "national_decile": 10, "label": True}
        for p in planted.itertuples()
    ]  # fmt: skip


class TestWhy:
    """Second opinions, pictures, and the questions of auditors, asked of the finished run."""

    def test_every_explained_family_has_second_opinions(self, world, scores):
        second, steady = (table(world, f"{stages.OPINIONS}/{n}.parquet").to_pandas() for n in opinions.MEASURES)
        assert list(second["kpm_id"]) == list(steady["kpm_id"]) == sorted(scores["kpm_id"])
        where = scores.set_index("kpm_id")["regency_code"]
        assert (second["regency_code"] == where.reindex(second["kpm_id"]).to_numpy()).all()
        shap = table(world, stages.SHAP).to_pandas().set_index("kpm_id").drop(columns="as_of").sum(axis=1)
        names = sorted({*pd.read_csv(world.path(stages.WORDING))["concept"]} & {*second.columns})
        told = second[["base_value", *names]].sum(axis=1).to_numpy()
        assert np.abs(told - shap.reindex(second["kpm_id"]).to_numpy()).max() < 1e-9
        means = pd.Series(told).groupby(second["regency_code"]).transform("mean")
        assert np.abs(means - second["base_value"]).max() < 1e-9

    def test_the_summary_is_of_the_tables(self, world):
        told = json.loads(world.path(f"{stages.OPINIONS}/opinions.json").read_text())
        for name, measures in opinions.MEASURES.items():
            rows = table(world, f"{stages.OPINIONS}/{name}.parquet").to_pandas()
            assert told[name]["all"]["families"] == len(rows)
            for measure in measures:
                assert told[name]["all"][measure]["mean"] == pytest.approx(rows[measure].mean())
        listed = [k for f in world.path(stages.LISTS).glob("calon_*.csv") for k in pd.read_csv(f, dtype=str)["kpm_id"]]
        assert told["stability"]["listed"]["families"] == len(listed) > 0
        assert told["simulated"] is True

    def test_second_opinions_are_the_same_bytes_in_groups_of_regencies(self, world, several):
        run(several, "opinions")
        for name, measures in opinions.MEASURES.items():
            ours, theirs = (table(h, f"{stages.OPINIONS}/{name}.parquet").to_pandas() for h in (world, several))
            assert list(ours["kpm_id"]) == list(theirs["kpm_id"])
            assert np.allclose(ours[list(measures)], theirs[list(measures)], atol=1e-9, equal_nan=True)

    def test_pictures_and_tables_of_the_model(self, world):
        folder = world.path(stages.OPINIONS)
        assert {f.name for f in folder.iterdir()} == {
            "second_opinion.parquet", "stability.parquet", "opinions.json", "dependence.csv", "dependence.png",
            "pairs.csv", "pairs.png", "together.csv", "together.png",
        }  # fmt: skip
        assert pd.read_csv(folder / "dependence.csv")["families"].min() >= values("opinions")["minimum_families"]

    def test_the_day_of_a_value_is_that_of_its_last_survey(self, world):
        days = table(world, stages.KNOWN_ON).to_pandas().set_index("kpm_id")
        surveys = table(world, f"{stages.CANONICAL}/welfare.parquet").to_pandas()
        known = surveys[(surveys["observed_on"] <= EXTRACTED_ON) & (surveys["recorded_on"] <= EXTRACTED_ON)]
        for column in ("monthly_income", "floor_area_m2", "business_turnover", "national_decile"):
            last = known[known[column].notna()].groupby("kpm_id")["observed_on"].max()
            assert days[column].dropna().to_dict() == last.reindex(days.index).dropna().to_dict()
        older = days["monthly_income"].dropna() < days["floor_area_m2"].reindex(days["monthly_income"].dropna().index)
        assert older.any(), "an income that is older than the last survey of the house"

    def test_what_if_is_the_models_own_answer(self, world, scores):
        family = scores["kpm_id"].iloc[0]
        told = inquiries.whatif(world, family, ["members=3", "caretaker_age=200"], "en")
        assert told.splitlines()[0] == "SIMULATED DATA: no real families"
        assert "no advice and no effect" in told
        assert told.count("(outside of what the model has seen)") == 1
        booster = lgb.Booster(model_str=world.path(stages.MODEL).read_text())
        row = table(world, f"{stages.FEATURES}/{EXTRACTED_ON}.parquet").to_pandas().set_index("kpm_id").loc[[family]]
        other = row.assign(members=3.0, caretaker_age=200.0)[booster.feature_name()]
        raw = [float(booster.predict(r[booster.feature_name()], raw_score=True)[0]) for r in (row, other)]
        said = re.search(r"raw score \(log-odds\): (\S+) -> (\S+)", told)
        assert [float(v) for v in said.groups()] == [pytest.approx(r, abs=6e-5) for r in raw]

    def test_why_two_families_differ(self, world, scores):
        first, second = scores["kpm_id"].iloc[[0, -1]]
        told = inquiries.differ(world, first, second, "en")
        raw = table(world, stages.SHAP).to_pandas().set_index("kpm_id").drop(columns="as_of").sum(axis=1)
        concepts, by_feature = told.split("By concept\n")[1].split("By feature, the largest\n")
        for part in (concepts, by_feature):
            total = sum(float(line.split()[0]) for line in part.splitlines())
            assert total == pytest.approx(raw[second] - raw[first], abs=20 * 5e-5)

    def test_a_family_that_did_not_move_moved_by_nothing(self, world, scores):
        told = inquiries.moved(world, scores["kpm_id"].iloc[3], world.root, "en")
        assert told.count("  +0  ") >= 9
        assert re.search(r"rank in the regency: (\d+) -> (\d+)", told)[1] == str(scores["rank_in_regency"].iloc[3])

    def test_why_a_family_moved_since_an_earlier_run(self, world, tmp_path):
        """Two quarters before, with the trees of the first seed alone."""
        before = earlier_run(world, tmp_path, date(2024, 12, 31))
        known = set(table(before, stages.SCORES).to_pandas()["kpm_id"])
        ranks = table(world, stages.SCORES).to_pandas().set_index("kpm_id")["rank_in_regency"]
        was = table(before, stages.SCORES).to_pandas().set_index("kpm_id")["rank_in_regency"]
        for family in [k for k in ranks.index if k in known][:3]:
            told = inquiries.moved(world, family, before.root, "en")
            for name, places in (("raw score (log-odds)", 4), ("chance", 6), ("rank in the regency", 2)):
                block = told.split(f"{name}: ")[1].splitlines()[:4]
                first, second = (float(v.replace(",", "")) for v in block[0].split(" -> "))
                parts = [float(line.split()[0]) for line in block[1:]]
                assert sum(parts) == pytest.approx(second - first, abs=5 * 10.0**-places)
                if name.startswith("rank"):
                    assert (first, second) == (was[family], ranks[family])

    @pytest.mark.parametrize("name", ["models/calibration.json", "data/scores/scores.parquet", "models/graduation.txt"])
    def test_an_earlier_run_that_lacks_something_is_refused(self, world, tmp_path, scores, name):
        before = earlier_run(world, tmp_path, date(2024, 12, 31))
        before.path(name).unlink()
        with pytest.raises(BadInput, match=name.rpartition("/")[2]):
            inquiries.moved(world, scores["kpm_id"].iloc[0], before.root, "en")

    def test_runs_that_do_not_belong_together_are_refused(self, world, tmp_path):
        before = earlier_run(world, tmp_path, date(2024, 12, 31))
        told = table(before, stages.SCORES).to_pandas()
        told.assign(probability=told["probability"] * 0.9).to_parquet(before.path(stages.SCORES))
        both = set(told["kpm_id"]) & set(table(world, stages.SCORES).to_pandas()["kpm_id"])
        with pytest.raises(BadInput, match="features, model, calibration and scores must be of one run"):
            inquiries.moved(world, min(both), before.root, "en")

    def test_what_a_user_can_mend_is_told_in_lines(self, world):
        asked = {
            "no scored family has this number (2 characters)": lambda: inquiries.whatif(
                world, "K0", ["members=3"], "id"
            ),
            "whatif: nose: no feature of the model": lambda: inquiries.whatif(world, "K0", ["nose=3"], "id"),
            "no scored family has": lambda: inquiries.differ(world, "K0", "K1", "id"),
        }
        for message, ask in asked.items():
            with pytest.raises(BadInput) as told:
                ask()
            assert message in str(told.value)
        done = command("moved", "K0", "--before", "nowhere", home=world.root)
        assert done.returncode == 2
        assert "nowhere/models/graduation.txt: not there yet" in done.stderr
        assert "Traceback" not in done.stderr


def earlier_run(world, folder, as_of):
    """A run's folder as it was kept: the first seed's trees, an earlier day's features, and the scores they give."""
    home = study(folder, {})
    whole = lgb.Booster(model_str=world.path(stages.MODEL).read_text())
    boosters.write(ensemble.members(whole, QUICK["train"]["seeds"])[0], home.path(stages.MODEL))
    booster, sha256 = boosters.read(home.path(stages.MODEL))
    known = json.loads(world.path(stages.CALIBRATION).read_text()) | {"model_sha256": sha256}
    home.path(stages.CALIBRATION).write_text(json.dumps(known))
    borrow(home, world, f"{stages.FEATURES}/{as_of}.parquet")
    features_then = table(home, f"{stages.FEATURES}/{as_of}.parquet").to_pandas()
    raw = booster.predict(features_then[booster.feature_name()], raw_score=True)
    told = features_then[["kpm_id", "as_of"]].assign(
        probability=calibrate.probability(
            raw, calibrate.recorded({k: v for k, v in known.items() if k != "model_sha256"})
        ),
        eligible=True,
    )
    where = table(world, f"{stages.CANONICAL}/kpm.parquet").to_pandas().set_index("kpm_id")["village_code"].str[:4]
    told["regency_code"] = told["kpm_id"].map(where)
    told["tie"] = [inquiries.tie(k) for k in told["kpm_id"]]
    told = told.sort_values(["probability", "tie"], ascending=[False, True])
    told["rank_in_regency"] = told.groupby("regency_code").cumcount() + 1
    home.path(stages.SCORES).parent.mkdir(parents=True)
    told.drop(columns="tie").to_parquet(home.path(stages.SCORES))
    return home


class TestPublished:
    """The signed bundle, read by the desk's own checker, which knows nothing of the pipeline."""

    def rows(self, bundle, name):
        return [
            r for f in sorted(bundle.manifest["files"]) if f.startswith(f"{name}/") for b in bundle.rows(f) for r in b
        ]

    def test_every_scored_family_is_there_once_with_what_the_scores_say(self, bundle, scores):
        found = pd.DataFrame(self.rows(bundle, "candidates")).set_index("kpm_id")
        wanted = scores.set_index("kpm_id").loc[found.index]
        assert len(found) == len(scores) == bundle.manifest["families"]
        for column in ("probability", "lower", "upper", "rank", "regency_code", "pathway", "borderline"):
            assert (found[column] == wanted[column]).all(), column
        assert sum(bundle.manifest["counts"].values()) == len(scores)

    def test_contributions_by_concept_add_up_to_the_raw_score(self, bundle, world):
        base = {r["kpm_id"]: r["base_value"] for r in self.rows(bundle, "candidates")}
        told = defaultdict(float, base)
        for row in self.rows(bundle, "contributions"):
            told[row["kpm_id"]] += row["log_odds"]
        shap = table(world, stages.SHAP).to_pandas().drop(columns="as_of").set_index("kpm_id").sum(axis=1)
        assert max(abs(shap[k] - v) for k, v in told.items()) < 1e-9

    def test_listed_are_the_families_of_the_lists(self, bundle, world):
        listed = {r["kpm_id"] for r in self.rows(bundle, "candidates") if r["status"] == "listed"}
        files = list(world.path(stages.LISTS).glob("calon_*.csv"))
        assert listed == {k for f in files for k in pd.read_csv(f, dtype=str)["kpm_id"]}

    def test_nothing_of_the_history_was_recorded_after_the_extract(self, bundle):
        events = self.rows(bundle, "history")
        assert {e["kind"] for e in events} == {
            "membership", "case", "programme", "programme_end", "survey", "identity", "payment",
        }  # fmt: skip
        assert max(e["recorded_on"] for e in events) <= EXTRACTED_ON
        assert max(e["happened_on"] for e in events if e["kind"] != "payment") <= EXTRACTED_ON

    def test_names_stand_in_identity_alone_and_only_its_owner_reads_it(self, bundle, world):
        names = {r["name"] for r in self.rows(bundle, "identity") if r["name"]}
        niks = {r["nik"] for r in self.rows(bundle, "identity") if r["nik"]}
        assert len(names) > 100
        for file in bundle.manifest["files"]:
            path = world.path(stages.PUBLISHED) / file
            if file.startswith("identity/"):
                assert stat.S_IMODE(path.stat().st_mode) == 0o600
            elif file.endswith(".parquet"):
                texts = {v for column in pq.read_table(path).columns for v in column.to_pylist() if isinstance(v, str)}
                assert not texts & (names | niks), file

    def test_every_code_has_a_word_in_both_languages(self, bundle):
        words = bundle.json("words.json")
        rows = self.rows(bundle, "candidates")
        assert {h for r in rows for h in r["holds"].split(";") if h} <= set(words["holds"])
        assert {r["pathway"] for r in rows} <= set(words["pathways"])
        assert {r["band"] for r in rows} <= set(words["texts"])
        assert {f for r in rows for f in r["flags"].split("; ") if f} <= set(words["texts"])
        assert {r["segment"] for r in rows} <= {*words["segments"], ""}
        assert {e["kind"] for e in self.rows(bundle, "history")} <= set(words["events"])
        exits = {e["code"].partition(":")[2] for e in self.rows(bundle, "history") if e["kind"] == "membership"}
        assert exits - {""} <= set(words["reasons"])

    @pytest.mark.parametrize("first", [0, 2], ids=["the first run", "one that follows"])
    def test_a_run_published_again_takes_the_next_number_and_says_the_same(self, bundles, first):
        """A publish killed late is done again: it is compared with the run before it, and not with itself."""
        one, two = bundles[first : first + 2]
        assert two.number == one.number + 1
        assert two.manifest["previous"] == one.manifest_sha256
        assert two.manifest["files"] == one.manifest["files"]
        assert (self.rows(two, "moves") == []) == (first == 0)

    def test_a_run_that_follows_says_what_changed_since_the_one_before(self, bundles):
        _, first, second, _ = bundles
        assert second.manifest["previous"] == first.manifest_sha256
        changes = [r for rows in second.rows("changes.parquet") for r in rows]
        assert [(c["change"], c["why"]) for c in changes] == [("entered", "entered_rank")]
        new = ("changes.parquet", "lineage.json", "moves/")
        kept = [f for f in first.manifest["files"] if not f.startswith(new)]
        assert {f: second.manifest["files"][f] for f in kept} == {f: first.manifest["files"][f] for f in kept}
        assert set(second.manifest["files"]) == set(first.manifest["files"])
        listed = {r["kpm_id"]: r for r in self.rows(second, "candidates") if r["status"] == "listed"}
        moves = self.rows(second, "moves")
        assert {m["kpm_id"] for m in moves} == set(listed)
        for m in moves:
            assert m["rank_before"] == m["rank_now"] == listed[m["kpm_id"]]["rank_in_regency"]
            assert {m[f"rank_{c}"] for c in ("data", "model", "cohort")} == {0}
