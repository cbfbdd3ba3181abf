"""The book of the simulated world: its clock, its keys, the cut and the tables that come out. All of it simulated."""

from types import SimpleNamespace

import numpy as np
import pyarrow as pa
import pytest

from pipeline.simulate import records
from pipeline.simulate.book import Book, cut, schema, to_arrow
from pipeline.simulate.draws import Streams
from pipeline.tables import TABLES

DAY = np.datetime64("2020-01-01", "D")


def days(*texts):
    return np.array(texts, "M8[D]")


class Families(SimpleNamespace):
    def __len__(self):
        return len(self.ids)


def book(n=4, first=0, lag=10.0):
    ids = np.arange(first, first + n, dtype=np.uint64)
    fam = Families(ids=ids, known_on=np.full(n, DAY))
    posts = SimpleNamespace(lag_days=np.array([lag]))
    return Book.empty(fam, posts, SimpleNamespace(post=np.zeros(n, int)))


@pytest.mark.parametrize("seed", range(3))
def test_rows_become_known_one_to_ninety_days_later_and_not_before_the_membership(seed):
    ours, rows = book(2000, lag=60.0), np.arange(2000)
    ours.known_on[:1000] = DAY + 50
    lag = (ours.recorded(rows, DAY, Streams(seed).at("x")) - DAY).astype(int)
    assert lag[:1000].min() == 50
    assert lag[1000:].min() >= 1
    assert lag.max() == 90  # a fifth of the lags (exp(-89 / 60) = 0.23) is cut to 1 + 89
    assert 0.18 < np.mean(lag == 90) < 0.28


def test_a_family_is_recorded_the_same_in_any_company():
    stream = Streams(5).at("x")
    together = book(100).recorded(np.arange(100), DAY, stream)
    apart = book(10, first=40).recorded(np.arange(10), DAY, stream)
    assert (together[40:50] == apart).all()


def exits(ours, rows, on, recorded, reason):
    ours.write("membership", kpm_id=np.array(rows), effective_on=on, event=1, reason=np.array(reason),
               recorded_on=recorded)  # fmt: skip


def test_the_first_written_of_a_key_stands_even_where_it_is_known_later():
    ours = book()
    exits(ours, [2, 0], DAY, days("2020-03-01", "2020-03-01"), [0, 0])
    exits(ours, [2, 1], DAY, days("2020-02-01", "2020-02-01"), [5, 5])
    whole = ours.whole("membership")
    assert whole["kpm_id"].tolist() == [0, 1, 2]
    assert whole["reason"].tolist() == [0, 5, 0]
    assert cut("membership", whole, np.datetime64("2020-02-15"))["kpm_id"].tolist() == [1]


def test_rows_are_sorted_as_their_words_are():
    """PKH stands before BPNT in the list of programmes, and after it in the alphabet."""
    ours = book()
    ours.write("payments", kpm_id=np.zeros(4, int), programme=np.array([0, 1, 0, 1]), period=np.array([1, 1, 0, 0]),
               paid_on=DAY, amount=1, status=0, channel=0, recorded_on=DAY)  # fmt: skip
    whole = ours.whole("payments")
    assert whole["programme"].tolist() == [1, 1, 0, 0]
    assert whole["period"].tolist() == [0, 1, 0, 1]


def report(ours, rows, closed):
    ours.write("cases", kpm_id=np.array(rows), reported_on=DAY, kind=0, status=0, reporter=0, referred_to=-1,
               closed_on=closed, recorded_on=DAY + 5, closed_known=closed, case_id=0)  # fmt: skip


def test_cases_are_numbered_within_the_family_in_the_order_of_writing():
    ours = book()
    report(ours, [3, 1], DAY + 9)
    report(ours, [1, 3, 0], DAY + 9)
    whole = ours.whole("cases")
    assert list(zip(whole["kpm_id"].tolist(), whole["case_id"].tolist(), strict=True)) == [
        (0, 1), (1, 1), (1, 2), (3, 1), (3, 2),
    ]  # fmt: skip


def test_what_is_closed_after_the_extract_is_open_in_it():
    ours = book()
    report(ours, [0, 1], days("2020-01-20", "2020-02-20"))
    seen = cut("cases", ours.whole("cases"), np.datetime64("2020-01-31"))
    assert np.isnat(seen["closed_on"]).tolist() == [False, True]
    status = TABLES["cases"].column("status").values
    assert [status[i] for i in seen["status"]] == ["closed", "open"]


def test_an_assignment_ends_where_the_next_one_starts_once_that_is_known():
    ours = book()
    ours.write("assignments", kpm_id=np.array([0, 1]), facilitator_id=np.array([7, 7]), valid_from=DAY, known=DAY)
    ours.write("assignments", kpm_id=np.array([0]), facilitator_id=np.array([9]), valid_from=DAY + 31, known=DAY + 40)
    for on, ends in ((DAY + 35, [None, None]), (DAY + 45, [DAY + 31, None, None])):
        seen = cut("assignments", ours.whole("assignments"), on)
        assert [None if np.isnat(d) else d for d in seen["valid_to"]] == ends


def test_tables_have_the_contracts_types_and_nulls():
    ours = book()
    exits(ours, [0, 1], DAY, DAY + 5, [0, -1])
    words = {"kpm_id": pa.array(["K0", "K1", "K2", "K3"])}
    table = to_arrow("membership", ours.whole("membership"), words).cast(schema("membership"))
    assert table["kpm_id"].to_pylist() == ["K0", "K1"]
    assert table["event"].to_pylist() == ["exited", "exited"]
    assert table["reason"].to_pylist() == ["gsm", None]
    known = to_arrow("membership", ours.whole("membership"), words | {"membership.reason": pa.array(["other word"])})
    assert known["reason"].to_pylist() == ["other word", None]


def test_a_table_without_rows_is_still_a_table():
    ours = book()
    exits(ours, [], DAY, days(), [])
    assert to_arrow("membership", ours.whole("membership"), {"kpm_id": pa.array(["K0"])}).num_rows == 0


@pytest.mark.parametrize(
    ("day", "u", "stays", "expected"),
    [
        ("2021-02-10", 0.1, True, "2021-02-25"),  # up to 0.2: the day of finalisation
        ("2021-02-26", 0.1, True, "2021-02-28"),  # that day is past: the end of its own month
        ("2021-02-26", 0.1, False, "2021-03-25"),  # or the next finalisation
        ("2021-02-10", 0.3, True, "2021-02-28"),  # from 0.2 to 0.5: the end of the month
        ("2021-02-10", 0.9, False, "2021-02-10"),
    ],
)
def test_days_are_heaped_by_hand(day, u, stays, expected):
    assert records.heaped(days(day), np.array([u]), (0.2, 0.3), stays).tolist() == days(expected).tolist()
