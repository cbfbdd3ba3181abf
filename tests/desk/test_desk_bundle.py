"""Loading: what is refused and why, that nothing of a refused bundle is shown, and that decisions stay."""

import json
import shutil

import bundles
import pyarrow.parquet as pq
import pytest
import walks
from bundles import KEY, OTHER_KEY, kpm

from pipeline.desk import loading, scope
from pipeline.desk.bundle import Refused
from pipeline.desk.decisions import Against
from pipeline.desk.models import Account, Bundle, Case, Detail, Entry, Family, Identity, LoadAttempt
from pipeline.desk.published import detail


def flip(path):
    """One byte in the middle becomes another; the length stays."""
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(bytes(content))


def remove(path):
    path.unlink()


def link(path):
    target = path.with_suffix(".there")
    path.rename(target)
    path.symlink_to(target)


def what_is_shown():
    account = Account(role="officer", area="")
    return {f.kpm_id: f.probability for f in scope.families(account)}


def refused(folder):
    shown = what_is_shown()
    with pytest.raises(Refused) as error:
        loading.load(folder)
    assert what_is_shown() == shown
    last = LoadAttempt.objects.order_by("-id").first()
    assert (last.problem, last.detail) == (error.value.problem, error.value.detail)
    assert Entry.objects.order_by("-seq").first().kind == "load_refused"
    return error.value


@pytest.fixture
def newer(tmp_path):
    return bundles.write(tmp_path / "bundle", number=2)


def test_all_rows_are_shown_with_their_details(desk):
    assert Family.objects.count() == Detail.objects.count() == Identity.objects.count() == 60  # 2 regencies of 30
    assert Family.objects.filter(status="listed").count() == 24
    found = detail(kpm("3315", 0))
    assert found["base_value"] == -4.75
    assert found["contributions"] == [
        {"concept": "family", "log_odds": -0.5},
        {"concept": "livelihood", "log_odds": 1.25},
    ]
    assert found["last_component_ends_on"] == "2029-07-01"


def test_a_newer_bundle_replaces_all_rows_and_touches_no_decision(desk, newer):
    Case.objects.create(
        kpm_id=kpm("3315", 0), regency_code="3315", district_code="331501", facilitator_id="F33150", state="visited",
        changed_at="2025-07-01T00:00Z", opened_at="2025-07-01T00:00Z", band="tinggi", pathway="kube", segment="",
    )  # fmt: skip
    loading.load(newer)
    assert list(Bundle.objects.order_by("number").values_list("number", flat=True)) == [1, 2]
    assert len(what_is_shown()) == 60
    assert Case.objects.get().state == "visited"


@pytest.mark.parametrize(
    ("spoil", "file", "problem"),
    [
        (flip, "candidates/3315.parquet", "altered_file"),
        (flip, "identity/3509.parquet", "altered_file"),
        (flip, "words.json", "altered_file"),
        (flip, "manifest.json", "bad_signature"),
        (remove, "history/3315.parquet", "missing_file"),
        (remove, "manifest.sig", "missing_file"),
        (remove, "public_key.pem", "missing_file"),
        (link, "reasons/3315.parquet", "foreign_file"),
    ],
)
def test_a_spoilt_bundle_is_refused_by_name(desk, newer, spoil, file, problem):
    spoil(newer / file)
    assert refused(newer).problem == problem


def test_a_file_that_nobody_signed_is_refused(desk, newer):
    (newer / "extra.parquet").write_bytes(b"x")
    assert refused(newer).problem == "foreign_file"


def test_another_key_is_refused_even_with_a_good_signature(desk, tmp_path):
    assert refused(bundles.write(tmp_path / "bundle", 2, OTHER_KEY)).problem == "foreign_key"


def test_the_signature_of_another_manifest_is_refused(desk, newer, tmp_path):
    other = bundles.write(tmp_path / "other", number=3)
    shutil.copy(other / "manifest.sig", newer / "manifest.sig")
    assert refused(newer).problem == "bad_signature"


@pytest.mark.parametrize("swept", [False, True], ids=["replaced", "and a file is gone"])
def test_a_bundle_that_is_replaced_while_it_is_read_is_refused_whole(desk, newer, tmp_path, monkeypatch, swept):
    """A publish ends in the middle of a load: its manifest lies there, and maybe not every file of the one before."""
    carry = loading._carry

    def replaced(number):
        bundles.sign(newer, number=3)
        if swept:
            pq.read_table(newer / "none.parquet")
        carry(number)

    monkeypatch.setattr(loading, "_carry", replaced)
    error = refused(newer)
    assert error.problem == "replaced"
    monkeypatch.undo()
    assert loading.load(newer).number == 3


def test_an_older_bundle_is_refused_though_it_was_good_once(desk, newer, tmp_path):
    loading.load(newer)
    assert refused(bundles.write(tmp_path / "old", number=1)).problem == "older"


def test_a_number_is_not_used_twice(desk, tmp_path):
    assert refused(bundles.write(tmp_path / "twin", number=1, lineage="other")).problem == "number_reused"


def test_the_same_bundle_again_is_told_apart_from_a_forged_one(desk):
    assert refused(desk / "data" / "published").problem == "same_number"


def test_a_manifest_of_another_format_is_refused(desk, newer):
    bundles.sign(newer, KEY, number=2, format=9)
    assert refused(newer).problem == "unknown_format"


def test_every_page_says_that_a_bundle_was_refused_and_which_one_is_shown(desk, newer, client_of):
    flip(newer / "words.json")
    refused(newer)
    for path in ("/", "/list/", f"/family/{kpm('3315', 0)}/", "/about/"):
        page = client_of("planner").get(path).content.decode()
        assert "A file was altered after it was signed" in page
        assert "still bundle 1" in page


def test_a_load_that_stops_half_way_leaves_everything_as_it_was(desk, newer, monkeypatch):
    def stop(*_):
        raise RuntimeError("power cut")

    monkeypatch.setattr(loading, "_identities", stop)
    with pytest.raises(RuntimeError):
        loading.load(newer)
    assert len(what_is_shown()) == 60
    monkeypatch.undo()
    loading.load(newer)  # what was left half written is in nobody's way
    assert len(what_is_shown()) == 60
    assert Identity.objects.filter(number=2).count() == 60


def test_rows_of_the_bundle_before_stay_for_readers_under_way_and_older_ones_go(desk, newer, tmp_path):
    loading.load(newer)
    loading.load(bundles.write(tmp_path / "third", number=3))
    for model in loading.PUBLISHED:
        assert set(model.objects.values_list("number", flat=True)) == {2, 3}


def test_a_load_that_stops_half_way_leaves_the_bundle_shown(desk, newer, monkeypatch):
    def stop(*_):
        raise RuntimeError("power cut")

    monkeypatch.setattr(loading, "_show", stop)
    with pytest.raises(RuntimeError):
        loading.load(newer)
    assert list(Bundle.objects.values_list("number", flat=True)) == [1]


def test_the_helper_signs_what_it_says(tmp_path):
    folder = bundles.write(tmp_path / "bundle")
    files = json.loads((folder / "manifest.json").read_text())["files"]
    assert set(files) == {str(p.relative_to(folder)) for p in folder.rglob("*") if p.is_file()} - {
        "manifest.json", "manifest.sig", "public_key.pem",
    }  # fmt: skip


def test_a_family_that_is_gone_stays_in_sight_while_it_has_a_case(desk, newer, client_of):
    """Its objection can be answered, it can refuse, and no step leads it towards an exit; without a case it is not there."""
    family, other = kpm("3315", 0), kpm("3315", 3)
    walks.walk(family, 2)
    for gone in (family, other):
        bundles.drop(newer, gone, number=2)
    loading.load(newer)
    page = client_of("planner").get(f"/family/{family}/")
    assert page.status_code == 200
    assert b"no longer published" in page.content
    assert client_of("planner").get(f"/family/{other}/").status_code == 404
    assert family not in client_of("planner").get("/list/").content.decode()
    with pytest.raises(Against, match="gone"):
        walks.record("planner", family, "assessment", "meets")
    assert walks.record("facilitator", family, "objection", "objects").state_to == "objected"
    assert walks.record("officer", family, "answer", "upheld").state_to == "withdrawn"


def test_a_case_under_way_goes_on_before_the_new_list_is_released(desk, newer, client_of):
    walks.walk(kpm("3315", 0), 3)
    loading.load(newer)
    facilitator = client_of("facilitator")
    assert facilitator.get(f"/family/{kpm('3315', 0)}/").status_code == 200
    assert facilitator.get(f"/family/{kpm('3315', 3)}/").status_code == 404
    assert walks.record("facilitator", kpm("3315", 0), "village_meeting", "recommends").state_to == "met"
    with pytest.raises(Against, match="not_released"):
        walks.record("planner", kpm("3315", 3), "visit", "fit")
