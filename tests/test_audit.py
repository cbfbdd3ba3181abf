"""A bundle of evidence of a small run: made, verified, tampered with from outside and from within, replayed, told."""

import html
import json
import re
import shutil
import stat
from datetime import timedelta
from pathlib import Path
from urllib.parse import unquote, urlsplit

import ibis
import lightgbm as lgb
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from axe_playwright_python.sync_playwright import Axe
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from playwright.sync_api import sync_playwright
from studies import QUICK, command, run, study, values
from typer.testing import CliRunner

from benchmarks import tampering
from pipeline import __main__ as shell
from pipeline import publish, seal, stages
from pipeline.audit import checks, contents, folder, names, papers, replay, room, story
from pipeline.audit.settings import Config
from pipeline.errors import BadInput

SMALL = QUICK | {
    "simulate": {"families": 700},
    "study": {"first_as_of": "2020-06-30", "step_months": 6},
    "peers": {"peers": ["base_rate"], "survival_peers": []},
    "survival": {"enabled": False},
}
STAGES = (
    "simulate", "source", "ingest", "cohort", "labels", "features", "train", "calibrate", "backtest", "evaluate",
    "lineage", "lifecycle", "score", "explain", "lists",
)  # fmt: skip
EVERY = Config(
    **values("audit") | {"shapley_rows": 10_000, "replayed_families": 10_000}
)  # so that no insider's change is missed by the draw
KEYS = {"format", "files"}


@pytest.fixture(scope="module")
def home(tmp_path_factory, engine):
    """A small run; its model card stands for the report's."""
    made = run(study(tmp_path_factory.mktemp("audited"), SMALL), *STAGES)
    made.path(stages.CARD).write_text("# Model card\n", encoding="utf-8")
    yield made
    ibis.set_backend(engine)


@pytest.fixture(scope="module")
def made(home):
    return contents.bundle(home, home.path("data/evidence"))


@pytest.fixture(scope="module")
def bundle(home, made):
    return home.path("data/evidence")


@pytest.fixture
def copy(bundle, tmp_path):
    shutil.copytree(bundle, tmp_path / "copy")
    return tmp_path / "copy"


@pytest.fixture(scope="module")
def signer(home, made):
    return seal.key(home.path(home.load(publish.Config, "publish").private_key))


def resealed(place, signer):
    """The manifest made and signed again, as whoever holds the key could."""
    told = json.loads((place / seal.MANIFEST).read_text())
    seal.close(place, {k: v for k, v in told.items() if k not in KEYS}, signer)


def refusal(place, *given):
    with pytest.raises(BadInput) as refused:
        checks.verified(place, *(given or (None, None)), EVERY)
    return str(refused.value).splitlines()[0]


def rewritten(place, name, change):
    frame = pq.read_table(place / name)
    pq.write_table(change(frame), place / name)


def with_cell(name, row, value):
    """A change of one cell of a table."""

    def change(table):
        column = table[name].to_pylist()
        column[row] = value(column[row])
        return table.set_column(table.column_names.index(name), name, pa.array(column, table[name].type))

    return change


# ------------------------------------------------------------------ the bundle


def test_a_bundle_is_whole_and_says_what_it_checked(bundle, made):
    told = checks.verified(bundle, made.key_sha256, made.head, EVERY)
    assert [line.split(":")[0] for line in told] == [
        "signature, chain", "hashes", "families", "sums", "trees", "reasons", "chances", "ranks", "holds", "lists",
        "measures", "replays",
    ]  # fmt: skip
    families = pq.read_metadata(bundle / names.SCORES).num_rows
    assert f"statements: every feature of {families:,} families" in made.lines[-1]
    assert f"trees: {families:,} rows" in told[4]


def test_a_bundle_holds_what_the_issue_names(bundle):
    there = {str(p.relative_to(bundle)) for p in bundle.rglob("*") if p.is_file()}
    for name in (
        names.PARAMETERS, names.CODE, names.ENVIRONMENT, names.LOCK, names.SOURCE, names.LINEAGE, names.MODEL,
        names.CALIBRATION, names.CARD, names.DICTIONARY, names.RULES, names.FOLDS, names.METRICS, names.SHAP,
        names.METHOD, names.SCORES, names.INDEX, names.DATASHEET, names.QUARANTINE, names.LEARNT,
    ):  # fmt: skip
        assert name in there
    manifest = json.loads((bundle / seal.MANIFEST).read_text())
    assert set(manifest["files"]) == there - seal.NOT_HASHED
    assert {"commit", "dirty", "lineage", "number", "previous", "chain"} <= set(manifest)
    tables = {b["table"] for b in pd.read_csv(bundle / names.DICTIONARY).to_dict("records")}
    statements = {p.stem.split("_", 2)[2] for p in (bundle / names.SQL).glob("block_*.sql")}
    assert tables == statements


def test_the_key_is_private_and_made_once(home, made, signer):
    path = home.path(home.load(publish.Config, "publish").private_key)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert folder.public_key(made.public_key.encode(), "key")[1] == made.key_sha256


def test_nothing_personal_is_in_a_bundle(home, bundle):
    """Every name and number of the identity store against every byte that is text, and every value of a table."""
    known = pq.read_table(home.path(stages.IDENTITY)).to_pandas()
    personal = {str(v) for c in ("nik", "family_card_no", "name") for v in known[c].dropna() if len(str(v)) > 5}
    assert len(personal) > 1000
    found = set()
    for file in sorted(p for p in bundle.rglob("*") if p.is_file() and p.suffix != ".xlsx"):
        if file.suffix == ".parquet":
            table = pq.read_table(file)
            found |= {v for c in table.columns if pa.types.is_string(c.type) for v in c.unique().to_pylist()} & personal
        else:
            found |= set(re.findall(r"\d{16}", file.read_text(encoding="utf-8-sig"))) & personal
    assert found == set()


def test_a_table_with_a_column_of_identity_is_refused(tmp_path):
    pq.write_table(pa.table({"kpm_id": ["K1"], "caretaker_nik": ["1"]}), tmp_path / "x.parquet")
    with pytest.raises(BadInput, match=r"x\.parquet: caretaker_nik"):
        contents.nothing_personal(tmp_path)


def test_a_run_that_is_not_whole_makes_no_bundle(home, made, tmp_path):
    hidden = home.path(stages.METRICS)
    moved = hidden.rename(tmp_path / "metrics.json")
    try:
        with pytest.raises(BadInput, match=r"metrics\.json"):
            contents.bundle(home, tmp_path / "out")
    finally:
        moved.rename(hidden)
    assert not (tmp_path / "out").exists()


def test_a_model_that_is_not_the_lineages_makes_no_bundle(home, made, tmp_path):
    model = home.path(stages.MODEL)
    before = model.read_bytes()
    model.write_bytes(before + b"\n")
    try:
        with pytest.raises(BadInput, match="is not the model that"):
            contents.bundle(home, tmp_path / "out")
    finally:
        model.write_bytes(before)


def test_what_does_not_verify_is_never_written(home, made, tmp_path):
    scores = home.path(stages.SCORES)
    before = scores.read_bytes()
    pq.write_table(with_cell("rank", 5, lambda r: r + 1)(pq.read_table(scores)), scores)
    try:
        with pytest.raises(BadInput, match="rank: is another rank"):
            contents.bundle(home, tmp_path / "out")
    finally:
        scores.write_bytes(before)
    assert list(tmp_path.iterdir()) == []


# ------------------------------------------------------------------ from outside


def test_no_tampering_is_overlooked_and_no_untouched_bundle_refused(bundle):
    """66 of the benchmark's tamperings, six of each kind."""
    found, alarms = tampering.tampered(bundle, 66, 5)
    assert alarms == 0
    for kind, tally in found.items():
        assert (tally.refused, tally.named) == (tally.changed, tally.changed), kind
    assert sum(t.changed for t in found.values()) >= 60


def test_every_byte_of_signature_and_key_counts(copy):
    """A letter of another case, a line end more: they change nothing of what is signed, and are told all the same."""
    for name in (seal.SIGNATURE, seal.PUBLIC):
        before = (copy / name).read_bytes()
        for after in (before + b"\n", before.upper(), b" " + before, before[:-1]):
            (copy / name).write_bytes(after)
            assert refusal(copy).startswith(name)
        (copy / name).write_bytes(before)


def test_a_link_a_strange_folder_and_a_lone_file_gone_are_refused(copy, bundle):
    (copy / "more").mkdir()
    assert refusal(copy).startswith("more: is not in the manifest")
    (copy / "more").rmdir()
    (copy / names.QUARANTINE).unlink()
    assert refusal(copy) == f"{names.QUARANTINE}: is missing"
    shutil.copy2(bundle / names.QUARANTINE, copy / names.QUARANTINE)
    (copy / names.CARD).unlink()
    (copy / names.CARD).symlink_to(bundle / names.CARD)
    assert refusal(copy) == f"{names.CARD}: is missing"


def test_a_name_that_leads_out_of_the_folder_is_refused(copy, signer):
    told = json.loads((copy / seal.MANIFEST).read_text())
    told["files"]["../outside"] = {"sha256": "0" * 64, "bytes": 1}
    text = json.dumps(told).encode()
    (copy / seal.MANIFEST).write_bytes(text)
    (copy / seal.SIGNATURE).write_text(signer.sign(text).hex() + "\n")
    assert "a name leads out of the folder" in refusal(copy)


def test_a_model_reaches_lightgbm_only_when_its_hash_was_checked(copy, monkeypatch):
    def never(*_, **__):
        raise AssertionError("parsed before it was hashed")

    monkeypatch.setattr(lgb, "Booster", never)
    text = (copy / names.MODEL).read_bytes()
    (copy / names.MODEL).write_bytes(text.replace(b"leaf_value=", b"leaf_value=9", 1)[: len(text)])
    assert refusal(copy).startswith(f"{names.MODEL}: was altered")


def test_another_key_is_seen_where_the_right_one_is_named(copy, made):
    resealed(copy, Ed25519PrivateKey.generate())
    assert checks.verified(copy, None, None, EVERY)[0].startswith("signature")
    assert refusal(copy, made.key_sha256, None).startswith(f"{seal.PUBLIC}: another key signed")


def test_a_chain_holds_every_bundle_before_and_a_rollback_is_seen(home, made, bundle, copy, tmp_path, signer):
    ledger = home.path("data/desk/evidence.json")
    before = ledger.read_bytes()
    later = contents.bundle(home, tmp_path / "later")
    ledger.write_bytes(before)
    assert (later.number, made.number) == (2, 1)
    told = json.loads((tmp_path / "later" / seal.MANIFEST).read_text())
    assert told["chain"] == [made.manifest_sha256] == [told["previous"]]
    for head in (made.head, later.head):
        folder.opened(tmp_path / "later", later.key_sha256, head)
    with pytest.raises(BadInput, match="number: 1 is older than 2"):
        folder.opened(copy, None, later.head)
    kept = folder.read_head(tmp_path / "later.head.json")
    with pytest.raises(BadInput, match="history was rewritten"):
        folder.opened(tmp_path / "later", None, kept | {"number": 1})


def test_a_signed_manifest_of_another_kind_is_refused(copy, signer):
    for text in (b"no json", b"[]", b'{"format": 1}', b'{"format": 1, "kind": "evidence", "files": {}, "number": 1}'):
        (copy / seal.MANIFEST).write_bytes(text)
        (copy / seal.SIGNATURE).write_text(signer.sign(text).hex() + "\n")
        assert refusal(copy).startswith(seal.MANIFEST)


@pytest.mark.parametrize("content", [b"", b"{}", b"[1]", b'{"number": "x", "manifest_sha256": ""}'])
def test_a_head_that_is_none_is_refused_by_name(tmp_path, content):
    (tmp_path / "head.json").write_bytes(content)
    with pytest.raises(BadInput, match=r"head\.json: not the head of a bundle"):
        folder.read_head(tmp_path / "head.json")


# ------------------------------------------------------------------ from within: signed again with the right key


def moved(by):
    return lambda value: value + by


INSIDE = {
    "a contribution": (names.SHAP, with_cell("base_value", 3, moved(1e-6)), "contributions and base value: off by"),
    "a chance": (names.SCORES, with_cell("probability", 3, moved(1e-7)), "probability: off by"),
    "a bound": (names.SCORES, with_cell("upper", 3, moved(1e-7)), "upper: off by"),
    "a rank": (names.SCORES, with_cell("rank_in_regency", 0, moved(1)), "rank_in_regency: is another rank"),
    "a rank for a facilitator": (
        names.SCORES,
        with_cell("rank_in_facilitator", 0, moved(1)),
        "rank_in_facilitator: is",
    ),
    "a hold taken away": (names.SCORES, lambda t: without_a_hold(t), "holds: 0 holds"),
    "a family made eligible": (names.SCORES, lambda t: made_eligible(t), "eligible: goes against its holds"),
    "a feature": (names.FEATURES, with_cell("enrolled_months", 3, moved(0.5)), "enrolled_months: differs by 0.5"),
    "a family twice": (names.SCORES, lambda t: pa.concat_tables([t, t.slice(4, 1)]), "stands there twice"),
    "a family gone": (names.SHAP, lambda t: t.slice(1), f"not in both this file and {names.SCORES}"),
    "another day": (names.FEATURES, with_cell("as_of", 3, lambda d: d.replace(day=1)), "as_of: is another day"),
    "a column gone": (names.SCORES, lambda t: t.drop_columns(["upper"]), "chances: cannot be worked out"),
    "a table emptied": (names.SHAP, lambda t: t.slice(0, 0), "not in both this file"),
    "a prediction": (names.PREDICTIONS, with_cell("label", 3, lambda v: 1 - v), ": tells"),
}


def without_a_hold(table):
    row = next(i for i, h in enumerate(table["holds"].to_pylist()) if len(h) == 1)
    return with_cell("eligible", row, lambda _: True)(with_cell("holds", row, lambda _: [])(table))


def made_eligible(table):
    row = next(i for i, h in enumerate(table["holds"].to_pylist()) if h)
    return with_cell("eligible", row, lambda _: True)(table)


@pytest.mark.parametrize("what", INSIDE)
def test_a_change_from_within_is_named(copy, signer, what):
    name, change, told = INSIDE[what]
    rewritten(copy, name, change)
    resealed(copy, signer)
    assert told in refusal(copy)


def test_two_contributions_that_change_places_add_up_and_are_named(copy, signer):
    """No sum sees it: what speaks for the family would be told of another thing."""

    def change(table):
        row = table.slice(0, 1).to_pylist()[0]
        used = [c for c in table.column_names[3:] if row[c] != 0.0][:2]
        first, second = (row[c] for c in used)
        moved_first = with_cell(used[0], 0, lambda _: second)(table)
        return with_cell(used[1], 0, lambda _: first)(moved_first)

    rewritten(copy, names.SHAP, change)
    resealed(copy, signer)
    assert re.search(rf"^{names.SHAP}: kpm_id K\d+: \w+: off by", refusal(copy))


def test_canonical_rows_that_changed_are_found_by_replaying(copy, signer):
    """Every caretaker three years older."""

    def change(table):
        born = [d and d - timedelta(days=3 * 366) for d in table["caretaker_birth_date"].to_pylist()]
        at = table.column_names.index("caretaker_birth_date")
        return table.set_column(at, "caretaker_birth_date", pa.array(born, pa.date32()))

    rewritten(copy, f"{names.CANONICAL}/kpm.parquet", change)
    resealed(copy, signer)
    assert re.search(rf"^{names.FEATURES}: kpm_id K\d+: caretaker_age: differs by 3", refusal(copy))


def test_a_statement_that_changed_is_found_by_replaying(copy, signer):
    path = copy / names.SQL / "block_00_kpm.sql"
    text = path.read_text()
    assert text.count("< 40") == 1
    path.write_text(text.replace("< 40", "< 41"))
    resealed(copy, signer)
    with pytest.raises(BadInput, match="under_40: differs by 1"):
        checks.proven(folder.opened(copy), EVERY)


@pytest.mark.parametrize("change", ["shorter", "other", "lineage"])
def test_a_list_that_is_not_the_capacitys_is_named(copy, signer, change):
    path = max((copy / names.LISTS).glob("calon*.csv"), key=lambda p: p.stat().st_size)
    lines = path.read_bytes().decode("utf-8-sig").splitlines(keepends=True)
    family = lines[1].split(",")[1]
    if change == "shorter":
        lines = lines[:-1]
    elif change == "other":
        lines[1] = lines[1].replace(family, "K999999999")
    else:
        lines[1] = lines[1][:-4] + "00" + lines[1][-2:]
    path.write_bytes("".join(lines).encode("utf-8-sig"))
    resealed(copy, signer)
    told = {"shorter": "the list is shorter", "other": "row 1: kpm_id", "lineage": "row 1: lineage"}[change]
    assert told in refusal(copy)


# ------------------------------------------------------------------ one family


def test_every_family_is_replayed_bit_for_bit(bundle):
    families = pq.read_table(bundle / names.SCORES)["kpm_id"].to_pylist()
    replayed = replay.replay(replay.Snapshot(folder.opened(bundle)), families)
    assert [r.family for r in replayed] == sorted(families)
    stored = pq.read_table(bundle / names.SHAP).to_pylist()
    assert {r.family: dict(r.contributions) for r in replayed} == {row["kpm_id"]: row for row in stored}


def test_replayed_one_by_one_is_replayed_together(bundle):
    snapshot = replay.Snapshot(folder.opened(bundle))
    families = pq.read_table(bundle / names.SCORES)["kpm_id"].to_pylist()[::60]
    assert [replay.replay(snapshot, [f])[0] for f in sorted(families)] == replay.replay(snapshot, families)


def test_an_altered_file_is_refused_before_it_is_replayed(copy):
    with (copy / names.CANONICAL / "welfare.parquet").open("r+b") as file:
        file.seek(1000)
        file.write(b"\x00\x01")
    with pytest.raises(BadInput, match=r"canonical/welfare\.parquet: was altered"):
        replay.replay(replay.Snapshot(folder.opened(copy)), ["K000000001"])


def test_an_unknown_family_is_refused_without_its_number(bundle):
    with pytest.raises(BadInput) as refused:
        replay.replay(replay.Snapshot(folder.opened(bundle)), ["1234567890123456"])
    assert "1234567890123456" not in str(refused.value)
    assert "(16 characters)" in str(refused.value)


def test_bits_tell_apart_what_equality_does_not():
    replay.same("x", {"a": float("nan"), "b": None}, {"a": float("nan"), "b": None})
    for stored, made in ((0.0, -0.0), (None, float("nan")), (1.0, 1.0 + 2**-52)):
        with pytest.raises(BadInput, match="x: a:"):
            replay.same("x", {"a": stored}, {"a": made})


@pytest.mark.parametrize("language", ["id", "en"])
def test_a_story_tells_everything_and_adds_up(bundle, language):
    snapshot = replay.Snapshot(folder.opened(bundle))
    best = pq.read_table(bundle / names.SCORES).to_pandas()
    row = best[best["rank"] == 1].iloc[0]
    told = story.told(snapshot, row["kpm_id"], language)
    for heading in story.HEADINGS.values():
        assert getattr(heading, language).upper() in told
    assert ("SIMULATED DATA" if language == "en" else "DATA SIMULASI") in told
    assert row["kpm_id"] in told
    assert "None" not in told
    assert "{" not in told
    numbers = re.search(r"\(log-odds\) = .*", told)[0]
    found = [float(n) for n in re.findall(r"-?\d+\.\d+|-?\d+\b", numbers.replace(",", "."))]
    raw = float(re.search(r"(-?\d+[.,]?\d*) \(log-odds\)", told)[1].replace(",", "."))
    assert sum(found) == pytest.approx(raw, abs=0.002)


def test_a_held_familys_story_says_why(bundle):
    scores = pq.read_table(bundle / names.SCORES).to_pandas()
    held = scores[~scores["eligible"]].iloc[0]["kpm_id"]
    told = story.told(replay.Snapshot(folder.opened(bundle)), held, "en")
    assert "Held, not to be proposed now: " in told
    assert "not proposed whatever its chance" in told


# ------------------------------------------------------------------ the command line


def test_commands_tell_and_end_as_promised(home, bundle, made, copy):
    runner = CliRunner()
    options = ["--home", str(home.root), "--configs", str(home.root / "configs"), "audit"]
    done = runner.invoke(shell.app, [*options, "verify", str(bundle), "--key", made.key_sha256])
    assert done.exit_code == 0
    assert done.output.splitlines()[-1] == "whole"
    family = pq.read_table(bundle / names.SCORES)["kpm_id"][0].as_py()
    assert f"{family} as of 2025-06-30: bit for bit" in runner.invoke(shell.app, [*options, "replay", family]).output
    assert "Names and NIK are not" in runner.invoke(shell.app, [*options, "explain", family, "--language", "en"]).output
    (copy / names.CARD).write_text("another")
    refused = command("audit", "verify", str(copy), home=home.root)
    assert refused.returncode == 2
    assert refused.stdout == ""
    assert refused.stderr.startswith(f"{names.CARD}: has 7 bytes\nexpected: ")


# ------------------------------------------------------------------ what auditors of the state ask


def test_questions_are_answered_from_the_bundle_as_files(home, bundle, tmp_path):
    line = ["--home", str(home.root), "audit", "questions", str(tmp_path / "out"), "--bundle", str(bundle)]
    told = CliRunner().invoke(shell.app, line)
    assert told.exit_code == 0, told.output
    out = tmp_path / "out"
    assert {f.suffix for f in out.iterdir()} == {".sql", ".csv"}
    assert len(list(out.glob("*.sql"))) == len(list(out.glob("*.csv"))) == 7
    assert pd.read_csv(out / "proposed_while_held.csv").empty
    coverage = pd.read_csv(out / "coverage.csv")
    assert coverage["families"].sum() == pq.read_metadata(bundle / names.SCORES).num_rows
    assert (coverage["unexplained"] == 0).all()


def test_questions_read_nothing_that_was_tampered_with(copy, tmp_path):
    victim = copy / names.SCORES
    victim.write_bytes(victim.read_bytes()[:-1] + b"?")
    line = ["audit", "questions", str(tmp_path / "out"), "--bundle", str(copy)]
    refused = CliRunner().invoke(shell.app, line)
    assert isinstance(refused.exception, BadInput)
    assert not (tmp_path / "out").exists()


def test_the_risk_sheet_tells_this_run(home, bundle):
    told = (bundle / names.RISKS).read_text(encoding="utf-8")
    scores = pq.read_table(home.path(stages.SCORES)).to_pandas()
    index = pd.read_csv(bundle / names.INDEX)
    assert (
        f"{(~scores['eligible']).sum():,} of {len(scores):,} families held; {index['candidates'].sum():,} listed"
        in told
    )
    level = json.loads((bundle / names.METRICS).read_text())["models"]["lightgbm"]["calibration_in_the_large"]
    assert f"promised, out of time: {level['estimate']:.2f} ({level['lower']:.2f} to {level['upper']:.2f})" in told
    assert "not judged in this bundle" in told
    assert "A simulated world" in told
    assert told.count("to be filled in") == 3


def test_the_risk_sheet_tells_fairness_and_drift_where_the_run_has_them(bundle, tmp_path):
    place = tmp_path / "with"
    shutil.copytree(bundle, place)
    run = papers.Run(place)
    for name, told in (
        (names.FAIRNESS, {"history": {"tests": 12, "verdicts": {"single": {"worse treated": 2, "cannot tell": 5}}}}),
        (names.DRIFT, {"changes": {"alarms": ["rooms"], "series": 240, "false_alarms_a_year": 1.0}}),
    ):
        (place / name).parent.mkdir(parents=True)
        (place / name).write_text(json.dumps(told), encoding="utf-8")
    assert papers.treated(run) == "12 tests; single attributes: 2 worse treated, 5 cannot tell"
    assert papers.drifted(run) == "1 of 240 series out of the ordinary; 1 false alarms a year asked for"


# ------------------------------------------------------------------ the room as pages

PAGES = ["card", "datasheet", "drift", "evidence", "explanations", "fairness", "index", "questions", "risks"]
RATES = pd.DataFrame(
    [
        {"kind": "single", "attribute": "urban", "group": "rural", "measure": "selection", "estimate": 0.025,
         "rest": 0.031, "difference": -0.006, "verdict": "no difference found"},
        {"kind": "single", "attribute": "disability", "group": "yes", "measure": "missed", "verdict": "cannot tell"},
    ]
)  # fmt: skip


@pytest.fixture(scope="module")
def judged(home, bundle, signer, tmp_path_factory):
    """The bundle with fairness, drift and second opinions written by hand, signed anew."""
    place = tmp_path_factory.mktemp("judged") / "evidence"
    shutil.copytree(bundle, place)
    for folder_name in ("fairness/published", "drift", "opinions"):
        (place / folder_name).mkdir(parents=True)
    side = {"tests": 12, "families": 700, "verdicts": {"single": {"worse treated": 2, "cannot tell": 5}},
            "lines": [{"id": "satu temuan", "en": "one finding <b>"}]}  # fmt: skip
    (place / names.FAIRNESS).write_text(json.dumps({"history": side, "today": side}), encoding="utf-8")
    for name in ("history", "today"):
        RATES.to_csv(place / f"fairness/published/{name}_rates.csv", index=False)
    watch = {"alarms": ["rooms"], "series": 240, "bar": 4.5, "false_alarms_a_year": 1.0, "past_alarms_a_year": 0.7,
             "forward_alarms_a_year": None}  # fmt: skip
    (place / names.DRIFT).write_text(json.dumps({"changes": watch}), encoding="utf-8")
    (place / "drift/changes.csv").write_text(
        "as_of,series,psi,distance,alarm\n2025-03-31,members,0.5,9,True\n2025-06-30,members,0.0125,2.5,False\n"
        "2025-06-30,score,0.001,0.5,False\n"
    )
    (place / "drift/performance.csv").write_text(
        "as_of,measure,families,listed,expected,observed,ratio,lower,upper,holds\n"
        "2024-06-30,found,700,20,4.5,3,0.67,,,\n2025-06-30,found,700,20,4.25,,,1.5,6.75,0.85\n"
    )
    spread = {"mean": 0.8125, "median": 1.0, "lowest_tenth": 0.5}
    told = {"second_opinion": {"all": {"families": 700, "same_sign": spread, "rank_correlation": None}}}
    (place / "opinions/opinions.json").write_text(json.dumps(told), encoding="utf-8")
    resealed(place, signer)
    return place


@pytest.fixture(scope="module")
def furnished(home, judged, made, tmp_path_factory):
    """The room of that bundle, and what was printed."""
    out = tmp_path_factory.mktemp("room") / "out"
    line = ["--home", str(home.root), "--configs", str(home.root / "configs"), "audit", "room", str(out)]
    done = CliRunner().invoke(shell.app, [*line, "--bundle", str(judged), "--key", made.key_sha256])
    assert done.exit_code == 0, done.output
    assert done.output.splitlines()[-1] == "19 pages, 7 answers"
    return out


def text_of(path):
    return html.unescape(re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", path.read_text(encoding="utf-8"))))


def test_the_room_has_every_page_in_both_languages(furnished, judged):
    for language in ("id", "en"):
        assert sorted(p.stem for p in (furnished / language).iterdir()) == PAGES
    assert len(list((furnished / "questions").glob("*.csv"))) == len(list((furnished / "questions").glob("*.sql"))) == 7
    index = text_of(furnished / "en/index.html")
    told = json.loads((judged / seal.MANIFEST).read_text())
    assert f"bundle of evidence {told['number']}, data as of 30/06/2025, {told['families']:,} families" in index
    assert "replays: " in index
    assert "The key comes from the bundle itself" not in index
    assert all(f["sha256"] in text_of(furnished / "id/evidence.html") for f in told["files"].values())


def test_the_room_tells_fairness_drift_and_agreement(furnished):
    fairness = text_of(furnished / "en/fairness.html")
    assert "one finding <b>" in fairness
    assert "urban or rural rural listed 2.5% 3.1% -0.6% no difference found" in fairness
    assert "severe disability in the family yes missed, of those who graduated - - - cannot tell" in fairness
    assert "satu temuan" in text_of(furnished / "id/fairness.html")
    drift = text_of(furnished / "id/drift.html")
    assert "alarm palsu setahun yang diminta 1 " in drift
    assert " 0,0125 2,5 " in drift
    assert "0,5 9" not in drift  # an earlier date
    assert "30/06/2025" in drift
    assert "2025-06-30 4,25 - 1,5 - 6,75" in drift
    assert "all same sign 81.3% 100% 50% " in text_of(furnished / "en/explanations.html")


def test_the_rooms_papers_are_the_bundles_own(furnished, judged):
    risks = text_of(furnished / "en/risks.html")
    assert "a poor family pushed out by an error" in risks
    assert "| --- |" not in risks
    assert "<table>" in (furnished / "en/datasheet.html").read_text(encoding="utf-8")


def test_markdown_of_a_bundle_cannot_bring_html_into_a_page():
    assert "<script" not in room.written("# A\n<script>alert(1)</script> [x](javascript:alert(1))")


def test_a_bundle_without_them_says_so_and_an_unknown_key_is_told(home, bundle, tmp_path):
    lines = contents.furnished(home, bundle, None, tmp_path / "out")
    assert lines[-1] == "19 pages, 7 answers"
    assert "Not in this bundle." in text_of(tmp_path / "out/en/fairness.html")
    assert "Tidak ada dalam berkas bukti ini." in text_of(tmp_path / "out/id/drift.html")
    assert "The key comes from the bundle itself" in text_of(tmp_path / "out/en/index.html")


def test_no_page_is_made_of_what_was_tampered_with(home, copy, tmp_path):
    (copy / names.CARD).write_text("# Another card\n", encoding="utf-8")
    with pytest.raises(BadInput, match=re.escape(names.CARD)):
        contents.furnished(home, copy, None, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_pages_open_in_a_browser_and_ask_for_nothing_elsewhere(furnished):
    """Real Chromium, from the files: every link leads to a file, nothing is fetched, no script complains."""
    with sync_playwright() as play:
        browser = play.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        page, asked, complaints = browser.new_page(), [], []
        page.on("request", lambda request: asked.append(request.url))
        page.on("console", lambda message: complaints.append(message.text))
        waiting, seen = [(furnished / "index.html").as_uri()], set()
        while waiting:
            address = waiting.pop()
            seen.add(address)
            page.goto(address)
            links = page.eval_on_selector_all("a[href]", "all => all.map(a => a.href)")
            assert all(Path(unquote(urlsplit(link).path)).is_file() for link in links)
            waiting += [k for k in set(links) if k.endswith(".html") and k not in seen and k not in waiting]
            assert page.title()
            assert page.locator("h1").count() == 1
            found = Axe().run(page).response["violations"]
            assert [v["id"] for v in found if v["impact"] in ("serious", "critical")] == [], address
        browser.close()
    assert len(seen) == 19
    assert {urlsplit(a).scheme for a in asked} <= {"file", "data"}
    assert complaints == []
