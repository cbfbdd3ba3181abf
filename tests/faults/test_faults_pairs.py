"""A few simultaneous decisions over HTTP on both databases, and that what counts them would see a loss."""

import copy
import hashlib

import pytest

from benchmarks.faults import gate, pairs


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_of_hands_at_once_one_wins_and_nothing_is_lost(kind):
    found = pairs.measured(kind, 0, len(pairs.KINDS), 4, 4)
    assert found.faults == []
    assert found.tried.total() == len(pairs.KINDS) + 1  # the release beside the pairs
    assert found.acknowledged == 7 + 1 + 1 + 1 + 16  # one of each pair that decides, and the writers'
    assert found.lines > found.acknowledged


def test_together_is_inside_at_one_moment():
    assert gate.together([(0, 10), (5, 12)])
    assert not gate.together([(0, 10), (10, 12)])
    assert not gate.together([(0, 10)])
    writers = {"writer 0 1": [(0, 4)], "writer 1 1": [(3, 6)], "writer 2 1": [(6, 9)], "pair 1": [(0, 9)]}
    assert pairs.crowded(writers) == (2, 3)


NOTES = ("a", "b", "c")


def sound():
    """Three acknowledged decisions about one family, as the record holds them."""
    bodies = [{"note_sha256": hashlib.sha256(n.encode()).hexdigest()} for n in NOTES]
    return {
        "steps": [{"note": n, "family": "K3315000", "version": v} for v, n in enumerate(NOTES, 1)],
        "lines": [{"seq": s, "kind": "step", "body": b} for s, b in enumerate(bodies, 1)],
        "releases": [], "accounts": [["ani", "officer", "", ""]], "whole": True,
    }  # fmt: skip


def lost(held):
    held["steps"].pop()


def refused(held):
    held["steps"][2]["note"] = "refused"


def gap(held):
    held["lines"][2]["seq"] = 4


def unlogged(held):
    held["lines"][2]["body"] = held["lines"][1]["body"]


def again(held):
    held["lines"] += [{"seq": s, "kind": "return", "body": {"mark": "m"}} for s in (4, 5)]


def twins(held):
    held["accounts"].append(["Ani", "officer", "", ""])


def alone(held):
    held["releases"].append(["3509", 1, 1])


@pytest.mark.parametrize("spoil", [None, lost, refused, gap, unlogged, again, twins, alone])
def test_the_count_sees_every_loss(spoil):
    desk, held = object.__new__(pairs.Desk), copy.deepcopy(sound())
    desk.acknowledged, desk.refused, desk.faults = list(NOTES), ["refused"], []
    if spoil:
        spoil(held)
    pairs.check(desk, held)
    assert bool(desk.faults) == (spoil is not None)
