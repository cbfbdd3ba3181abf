"""The bundle's tables by hand, what changed between two of them, and the seal."""

import json
import stat
from datetime import date

import ibis
import numpy as np
import pandas as pd
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_public_key
from studies import values

from pipeline import artifacts, lists, publish, seal, stages
from pipeline.artifacts import Home
from pipeline.errors import BadInput

CONFIG = publish.Config(**values("publish"))
LIMITS = lists.Config(**values("lists"))
AS_OF = date(2025, 6, 30)


def statuses(**told):
    rows = [(k, s, "3315", "F1") for k, s in told.items()]
    return pd.DataFrame(rows, columns=["kpm_id", "status", "regency_code", "facilitator_id"])


def test_an_older_extract_than_the_published_one_is_refused():
    publish.refuse_older(AS_OF, None)
    publish.refuse_older(AS_OF, AS_OF)
    with pytest.raises(BadInput, match=r"extract\.yaml: extracted_on is 2025-06-30, older than 2025-07-01"):
        publish.refuse_older(AS_OF, date(2025, 7, 1))


# ------------------------------------------------------------------ what changed


def test_who_entered_and_left_and_why_by_hand():
    before = statuses(a="listed", b="listed", c="listed", d="held", e="below", f="listed", g="below", h="held")
    now = statuses(a="listed", b="held", c="below", d="listed", e="listed", n="listed", g="held", h="below")
    found = publish.changes(now, before)
    assert dict(zip(found["kpm_id"], zip(found["change"], found["why"], strict=True), strict=True)) == {
        "b": ("left", "left_held"),
        "c": ("left", "left_rank"),
        "d": ("entered", "entered_free"),
        "e": ("entered", "entered_rank"),
        "f": ("left", "left_inactive"),
        "n": ("entered", "entered_new"),
    }
    assert found.set_index("kpm_id").loc["f", "regency_code"] == "3315"  # where it was


@pytest.mark.parametrize("seed", range(5))
def test_what_changed_turns_the_one_list_into_the_other(seed):
    rng = np.random.default_rng(seed)

    def draw():
        chosen = [f"K{i}" for i in range(200) if rng.random() < 0.9]
        return statuses(**{k: str(rng.choice(["listed", "held", "below"])) for k in chosen})

    before, now = draw(), draw()
    found = publish.changes(now, before)
    listed = {n: set(t.loc[t["status"] == "listed", "kpm_id"]) for n, t in (("before", before), ("now", now))}
    by = {c: set(found.loc[found["change"] == c, "kpm_id"]) for c in ("entered", "left")}
    assert listed["before"] - by["left"] | by["entered"] == listed["now"]
    assert not by["left"] - listed["before"]
    assert not by["entered"] & listed["before"]
    assert set(found["why"]) <= set(publish.words.CHANGES)


def test_before_the_first_bundle_every_listed_family_is_new():
    empty = pd.DataFrame(columns=["kpm_id", "status", "regency_code", "facilitator_id"], dtype="str")
    assert list(publish.changes(statuses(a="listed", b="held"), empty)["why"]) == ["entered_new"]


# ------------------------------------------------------------------ one regency


def evidence():
    words = pd.DataFrame(
        {
            "feature": ["income", "members", "business"],
            "concept": ["livelihood", "family", "livelihood"],
            "unit": ["rupiah", "persons", "flag"],
            "label_id": ["pendapatan", "anggota", "usaha"],
            "label_en": ["income", "members", "business"],
            "dated_by": ["monthly_income", "roster", np.nan],
        }
    )
    contributions = pd.DataFrame(
        {
            "kpm_id": ["a", "b"],
            "as_of": AS_OF,
            "base_value": -4.0,
            "income": [0.5, -0.25],
            "members": [0.125, 0.0],
            "business": [1.0, 0.5],
        }
    )
    features = pd.DataFrame(
        {
            "kpm_id": ["a", "b"],
            "as_of": AS_OF,
            "welfare_age_days": [10.0, np.nan],
            "roster_age_days": [30.0, 40.0],
            "caretaker_age": [39.0, 40.0],
        }
    )
    days = pd.DataFrame({"kpm_id": ["a", "b"], "monthly_income": pd.to_datetime(["2025-06-20", None])})
    return lists.Evidence(contributions, features, words, pd.DataFrame(), days)


def test_contributions_are_summed_by_concept():
    found = publish.by_concept(evidence())
    assert found.to_dict("records") == [
        {"kpm_id": "a", "concept": "family", "log_odds": 0.125},
        {"kpm_id": "a", "concept": "livelihood", "log_odds": 1.5},
        {"kpm_id": "b", "concept": "family", "log_odds": 0.0},
        {"kpm_id": "b", "concept": "livelihood", "log_odds": 0.25},
    ]


def test_a_published_reason_carries_the_day_of_its_value():
    """The roster of family a is 30 days old: 31 May; whether there is a business sums up all that is known."""
    found = lists.reasons(evidence(), LIMITS)[list(publish.REASONS)]
    day = dict(zip(zip(found["kpm_id"], found["feature"], strict=True), found["known_on"].dt.date, strict=True))
    assert day == {("a", "business"): AS_OF, ("a", "members"): date(2025, 5, 31), ("b", "business"): AS_OF}


def test_the_first_segment_that_fits_counts():
    found = publish.segments(
        pd.DataFrame({"kpm_id": list("abcd"), "caretaker_age": [39.0, 40.0, 60.0, np.nan]}), CONFIG
    )
    assert found.to_dict() == {"a": "under_40", "b": "others", "c": "from_60", "d": ""}


def test_the_history_shows_both_clocks_and_nothing_that_was_not_known():
    day = date.fromisoformat
    tables = {
        "membership": ibis.memtable(
            pd.DataFrame(
                {
                    "kpm_id": ["a", "a", "a"],
                    "effective_on": [day("2018-02-14"), day("2025-06-01"), day("2025-07-05")],
                    "event": ["enrolled", "exited", "reactivated"],
                    "reason": [None, "moved", None],
                    "recorded_on": [day("2018-03-24"), day("2025-07-01"), day("2025-07-06")],
                }
            )
        ),
        "payments": ibis.memtable(
            pd.DataFrame(
                {
                    "kpm_id": ["a", "a"],
                    "programme": ["PKH", "PKH"],
                    "period": ["2023Q2", "2023Q3"],
                    "paid_on": [None, day("2023-09-01")],
                    "status": ["unclaimed", "disbursed"],
                    "amount": [0, 750_000],
                    "recorded_on": [day("2023-07-06"), day("2023-09-02")],
                }
            ).astype({"paid_on": "datetime64[s]"})
        ),
    }
    rows = publish.history(tables, AS_OF).to_pandas().sort_values("happened_on").to_dict("records")
    assert [(r["kind"], r["code"], str(r["happened_on"])[:10], str(r["recorded_on"])[:10]) for r in rows] == [
        ("membership", "enrolled", "2018-02-14", "2018-03-24"),  # the exit was recorded a day after the extract
        ("payment", "PKH:unclaimed", "2023-06-30", "2023-07-06"),  # not paid: the end of its quarter
    ]


def test_identity_is_the_caretakers_row():
    rows = ibis.memtable(
        pd.DataFrame(
            {
                "kpm_id": ["a", "a"],
                "member_id": [None, "a-00"],
                "nik": ["1", "2"],
                "family_card_no": ["3", None],
                "name": ["N", None],
            }
        )
    )
    assert publish.identity(rows).to_pandas().to_dict("records") == [
        {"kpm_id": "a", "nik": "1", "family_card_no": "3", "name": "N"}
    ]


def test_every_text_of_the_lists_has_its_english_or_is_refused():
    told = publish.spoken(CONFIG, LIMITS, {"3315": 7})
    assert told["texts"]["sangat tinggi"] == {"id": "sangat tinggi", "en": "very high"}
    assert told["regencies"]["3315"]["active"] == 7
    short = CONFIG.model_copy(update={"english": {}})
    with pytest.raises(BadInput, match=r"english: no English for .*sangat tinggi"):
        publish.spoken(short, LIMITS, {})


# ------------------------------------------------------------------ the seal


def test_the_key_is_made_once_and_for_its_owner_alone(tmp_path):
    path = tmp_path / "desk" / "key.pem"
    made = seal.key(path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert seal.key(path).private_bytes_raw() == made.private_bytes_raw()
    path.chmod(0o640)
    with pytest.raises(BadInput, match="chmod 600"):
        seal.key(path)


def test_what_is_no_key_is_refused(tmp_path):
    path = tmp_path / "key.pem"
    artifacts.write_text("no key", path)
    path.chmod(0o600)
    with pytest.raises(BadInput, match="no Ed25519 private key"):
        seal.key(path)


def test_the_manifest_names_every_file_and_its_signature_is_good(tmp_path):
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "x.txt").write_text("x")
    digest = seal.close(tmp_path, {"number": 4, "as_of": AS_OF}, Ed25519PrivateKey.generate())
    text = (tmp_path / seal.MANIFEST).read_bytes()
    manifest = json.loads(text)
    assert digest == artifacts.sha256(tmp_path / seal.MANIFEST)
    assert (manifest["number"], manifest["as_of"], list(manifest["files"])) == (4, "2025-06-30", ["a/x.txt"])
    # sha256 of the letter x
    assert manifest["files"]["a/x.txt"]["sha256"] == "2d711642b726b04401627ca9fbac32f5c8530fb1903cc4db02258717921a4881"
    public = load_pem_public_key((tmp_path / seal.PUBLIC).read_bytes())
    public.verify(bytes.fromhex((tmp_path / seal.SIGNATURE).read_text().strip()), text)


@pytest.mark.parametrize("value", ["3315", "a b/c", "%41", "../x"])
def test_a_partition_is_read_by_its_value_and_the_others_are_not(tmp_path, monkeypatch, value):
    connection = ibis.duckdb.connect()
    rows = artifacts.as_table(connection, "rows", pd.DataFrame({"place": [value, "other", value], "n": [1, 2, 3]}))
    monkeypatch.setattr(ibis, "get_backend", lambda: connection)
    artifacts.partition(rows, "place", tmp_path / "parts")
    assert sorted(artifacts.read_part(tmp_path / "parts", "place", value)["n"]) == [1, 3]
    assert artifacts.read_part(tmp_path / "parts", "place", "nobody").empty


def published(home, content):
    """A bundle that lies there; returns its manifest's sha256."""
    artifacts.write_text(content, home.path(f"{stages.PUBLISHED}/manifest.json"))
    return artifacts.sha256(home.path(f"{stages.PUBLISHED}/manifest.json"))


def laid_aside(home, number, manifest):
    told = {"as_of": "2025-06-30", "number": number, "manifest_sha256": manifest}
    artifacts.write_json(told, home.path(f"{stages.RUN_NEXT}/run.json"))


@pytest.mark.parametrize("times", [1, 2])
def test_a_publish_killed_after_its_bundle_lay_there_has_happened(tmp_path, times):
    """The bundle took its place, and then the power went: the next bundle follows it, whenever that is settled."""
    home = Home(tmp_path, ())
    artifacts.write_json({"as_of": "2025-03-31"}, home.path(f"{stages.RUN_BEFORE}/run.json"))
    manifest = published(home, "2")
    laid_aside(home, 2, manifest)
    for _ in range(times):
        stages.settle(home)
    assert artifacts.read_json(home.path(f"{stages.RUN_BEFORE}/run.json"))["as_of"] == "2025-06-30"
    assert artifacts.read_json(home.path(stages.LEDGER)) == {"number": 2, "manifest_sha256": manifest}
    assert not home.path(stages.RUN_NEXT).exists()


def test_a_publish_killed_before_its_bundle_lay_there_has_not_happened(tmp_path):
    home = Home(tmp_path, ())
    artifacts.write_json({"as_of": "2025-03-31"}, home.path(f"{stages.RUN_BEFORE}/run.json"))
    published(home, "1")
    laid_aside(home, 2, "of a bundle that never took its place")
    stages.settle(home)
    assert artifacts.read_json(home.path(f"{stages.RUN_BEFORE}/run.json"))["as_of"] == "2025-03-31"
    assert not home.path(stages.LEDGER).exists()
    assert not home.path(stages.RUN_NEXT).exists()
