"""The list's table: ranks by hand, and as laws over random chances."""

import hashlib

import ibis
import numpy as np
import pandas as pd
import pytest

from pipeline import score

AS_OF = pd.Timestamp("2025-06-30")
CHANCES = ["kpm_id", "as_of", "probability", "lower", "upper", "holds", "eligible", "phase", "pathway", "borderline"]


def chances(*rows):
    made = [
        (k, AS_OF, p, p / 2, (1 + p) / 2, held, not held, "transition", "stay_p2k2" if held else "pena", p > 0.3)
        for k, p, held in rows
    ]
    schema = dict.fromkeys(CHANCES[2:5], "float64") | {"holds": "array<string>", "eligible": "boolean"}
    typed = (
        {"kpm_id": "string", "as_of": "date"}
        | schema
        | {"phase": "string", "pathway": "string", "borderline": "boolean"}
    )
    return ibis.memtable(pd.DataFrame(made, columns=CHANCES), schema=ibis.schema(typed))


def context(*rows):
    """kpm_id, regency_code, facilitator_id; ibis needs the types of columns that may be null throughout."""
    frame = pd.DataFrame(
        [(r[0], AS_OF, *r[1:]) for r in rows], columns=["kpm_id", "as_of", "regency_code", "facilitator_id"]
    )
    types = {"kpm_id": "string", "as_of": "date", "regency_code": "string", "facilitator_id": "string"}
    return ibis.memtable(frame.assign(village_code="x"), schema=ibis.schema(types | {"village_code": "string"}))


def ranked(rows, places):
    return score.rank(chances(*rows), context(*places)).to_pandas()


def md5(family):
    return hashlib.md5(family.encode(), usedforsecurity=False).hexdigest()


def test_ranks_by_hand():
    """md5 of A 7fc5..., B 9d5e..., C 0d61..., D f623...: of the equal B, C and D, C comes first, then B, then D."""
    assert sorted("BCD", key=md5) == ["C", "B", "D"]
    rows = [("A", 0.1, []), ("B", 0.4, ["pregnancy"]), ("C", 0.4, []), ("D", 0.4, ["stale_data", "pregnancy"])]
    places = [("A", "3276", "F1"), ("B", "3276", "F1"), ("C", "9471", None), ("D", "3276", None)]
    found = ranked(rows, places)
    assert list(found.columns) == list(score.COLUMNS)
    expected = pd.DataFrame(
        [("C", 1, "9471", 1, None), ("B", 2, "3276", 1, 1), ("D", 3, "3276", 2, None), ("A", 4, "3276", 3, 2)],
        columns=["kpm_id", "rank", "regency_code", "rank_in_regency", "rank_in_facilitator"],
    )
    assert (
        found[["kpm_id", "rank", "regency_code", "rank_in_regency"]].values.tolist()
        == expected.iloc[:, :4].values.tolist()
    )
    assert [None if pd.isna(r) else int(r) for r in found["rank_in_facilitator"]] == [None, 1, None, 2]
    assert [list(h) for h in found["holds"]] == [[], ["pregnancy"], ["stale_data", "pregnancy"], []]
    assert found["eligible"].tolist() == [True, False, False, True]
    assert found["lower"].tolist() == [0.2, 0.2, 0.2, 0.05]
    assert found["borderline"].tolist() == [True, True, True, False]
    assert (found["as_of"] == AS_OF).all()
    assert found["pathway"].tolist() == ["pena", "stay_p2k2", "stay_p2k2", "pena"]
    assert (found["phase"] == "transition").all()


def test_a_family_without_a_place_is_still_ranked():
    found = ranked([("A", 0.1, []), ("B", 0.2, [])], [("A", "3276", "F1")])
    assert found["kpm_id"].tolist() == ["B", "A"]
    assert pd.isna(found["regency_code"][0])
    assert pd.isna(found["rank_in_facilitator"][0])


@pytest.mark.parametrize("seed", range(3))
def test_equal_to_a_plain_second_version(seed):
    rng = np.random.default_rng(seed)
    n = 200
    rows = [(f"K{i}", float(rng.integers(0, 12)) / 20, []) for i in range(n)]  # many ties
    posts = [None if rng.random() < 0.1 else f"F{rng.integers(0, 9)}" for _ in range(n)]
    places = [(f"K{i}", f"{rng.integers(11, 15)}01", posts[i]) for i in range(n)]
    found = ranked([rows[i] for i in rng.permutation(n)], places)
    order = [k for k, _, _ in sorted(rows, key=lambda r: (-r[1], md5(r[0])))]
    assert found["kpm_id"].tolist() == order
    assert found["rank"].tolist() == list(range(1, n + 1))
    place = {k: (regency, post) for k, regency, post in places}
    seen: dict[str, int] = {}
    for row in found.itertuples():
        regency, post = place[row.kpm_id]
        seen[regency] = seen.get(regency, 0) + 1
        assert (row.regency_code, row.rank_in_regency) == (regency, seen[regency])
        if post is None:
            assert pd.isna(row.rank_in_facilitator)
        else:
            seen[post] = seen.get(post, 0) + 1
            assert (row.facilitator_id, row.rank_in_facilitator) == (post, seen[post])


def test_another_order_of_rows_gives_the_same_table():
    rows = [(f"K{i}", 0.1 * (i % 3), []) for i in range(30)]
    places = [(f"K{i}", "3276", None) for i in range(30)]
    pd.testing.assert_frame_equal(ranked(rows, places), ranked(rows[::-1], places[::-1]))
