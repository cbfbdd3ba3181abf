"""Some cells of the URL table and some random requests on both databases, and that a leak would be seen."""

import html

import pytest

from benchmarks.faults import rights
from benchmarks.faults.desks import Answer


@pytest.mark.parametrize(("kind", "times"), [("sqlite", 60), ("postgresql", 30)])
def test_nobody_reads_or_writes_what_is_not_theirs(kind, times):
    found = rights.measured(kind, 0, times, every=31)
    assert found.faults == []
    assert found.cells.total() > 60
    assert 0 < found.reached <= found.asked == times


def test_every_cell_of_the_table_and_no_route_without_rights():
    assert len(list(rights.cells(rights.MAY))) >= 500
    with pytest.raises(LookupError, match="new_route"):
        list(rights.cells([*rights.MAY, "new_route"]))
    with pytest.raises(LookupError, match="head"):
        list(rights.cells([r for r in rights.MAY if r != "head"]))


def told(text, status=200):
    return Answer(status, {}, html.escape(text).encode())


def test_a_leak_and_a_stumble_are_seen():
    assert rights.wrongs("/list/", told("Ibu Contoh 001 K3315000")) == ""
    assert "3509" in rights.wrongs("/list/", told(f"{rights.MARK} name 3"))
    assert "K3509001" in rights.wrongs("/family/K3509000/", told("K3509000 K3509001"))
    assert rights.wrongs("/family/K3509000/", told("next=/family/K3509000/")) == ""
    assert rights.wrongs("/", told("", 500)) == "status 500"


def test_a_number_draws_one_request():
    routes = dict.fromkeys(rights.MAY, "/family/<str:kpm_id>/<slug:action>/")
    assert rights.drawn(7, routes) == rights.drawn(7, routes)
    assert len({rights.drawn(n, routes).path for n in range(50)}) > 20
    assert rights.reaches("/family/K3509000/visit/?q=1", routes)
    assert not rights.reaches("/family/a/b/c/", routes)
