"""Kills, calls that fail, a full disk and two runs at once: small versions of what `benchmarks/faults` does."""

import pytest

from benchmarks.faults import calls, checkout, desk_kills, disk, kills, starved, two_runs

STAGES = ("simulate", "source")
TINY = {"simulate": {"families": 100, "truth_draws": 2}, "engine": checkout.SMALL["engine"]}


@pytest.fixture(scope="module")
def killed(tmp_path_factory):
    """A checkout of two stages, and what uninterrupted runs of two worlds leave."""
    made = checkout.make(tmp_path_factory.mktemp("killed") / "checkout", STAGES, TINY)
    return made, kills.refer(made)


def test_the_reference_is_of_two_worlds_and_repeats_itself(killed):
    _, reference = killed
    first, other, again = reference.outputs
    assert first == again
    assert {o for o in first if first[o] != other[o]} >= {"data/simulated", "data/source.json"}
    assert set(reference.seconds) == set(STAGES)


def test_a_kill_in_every_stage_leaves_outputs_whole_and_the_next_run_completes(killed):
    made, reference = killed
    found = kills.one_pass(made, reference, 0, kills.aimed(STAGES, 0, parent=False))
    assert [k.stage for k in found.kills] == list(STAGES)
    assert kills.told([found], STAGES)[-1] == "1 of 1 passes ended by themselves with the reference's outputs"
    again = kills.one_pass(made, reference, 0, kills.aimed(STAGES, 0, parent=False))
    assert any(k.hit for k in again.kills)  # though the world of this pass lay there
    assert not kills.wrongs([found])


def test_no_stage_outlives_a_dvc_that_was_killed(killed):
    made, reference = killed
    found = kills.one_pass(made, reference, 1, [kills.Aim(7, "simulate", parent=True)] * 2)
    assert not kills.wrongs([found])


def test_what_is_half_written_or_mixed_is_seen(killed):
    """The judge itself: an output of neither run, and one that is half-written."""
    made, reference = killed
    file = made.root / "data" / "source.json"
    whole = file.read_bytes()
    file.write_bytes(whole[:-1])
    half = made.root / "data" / ".truth.1.part"
    half.mkdir()
    assert kills.judged(made, reference) == ("data/source.json",)
    assert made.left_over() == ["data/.truth.1.part"]
    file.write_bytes(whole)
    half.rmdir()
    assert kills.judged(made, reference) == ()


def test_of_two_runs_at_once_the_outputs_are_those_of_one(killed):
    made, reference = killed
    checkout.turn(made, 0)
    assert two_runs.repros(made, reference.outputs[0], 0).wrong == ()
    one = checkout.Checkout(made.root, STAGES[:1])
    assert two_runs.stages(one, reference.outputs[0]).wrong == ()


def test_a_reader_finds_one_bundle_whole_while_it_is_replaced(tmp_path):
    found = two_runs.readings(tmp_path, 30)
    assert sum(found.values()) == 30
    assert set(found) <= set(two_runs.WHOLE)


@pytest.fixture(scope="module")
def starving(tmp_path_factory):
    """A checkout whose stage `simulate` fails on demand, beside the outputs of another world."""
    folder = tmp_path_factory.mktemp("starving")
    return starved.place(folder, folder / "checkout", ("simulate",), TINY)


def test_a_full_disk_is_told_and_damages_nothing(starving):
    """Writes of Arrow, after so many bytes; where the machine mounts no file system."""
    (found,) = disk.trials(starving, (1,), mounted=False)
    assert (found.hit, found.told, found.wrong) == (True, True, ())


def test_a_call_that_fails_is_told_and_damages_nothing(starving):
    """The first write and a later call of a stage that makes few."""
    assert starved.run(starving, "simulate").status == 0
    one = starved.Place(checkout.Checkout(starving.checkout.root, ("source",)), starving.folder)
    found = list(calls.trials(one, (0, 3)))
    assert [t.wrong for t in found] == [(), ()]
    assert starved.lines(found)[3].startswith("all         2 of 2 hit")


@pytest.mark.parametrize("kind", desk_kills.DATABASES)
def test_a_kill_at_the_desk_leaves_one_bundle_on_show_and_every_confirmed_decision(tmp_path, kind):
    """One kill of each kind; on PostgreSQL, of its server too."""
    with desk_kills.made(tmp_path / "desk", 40, kind) as desk:
        found = desk_kills.measured(desk, range(1))
    kinds = ["who records decisions", "a load", *["the database's server"] * (kind == "postgresql")]
    assert {what: [k.wrong for k in killed] for what, killed in found.items()} == {what: [()] for what in kinds}
    assert all(killed[0].hit for what, killed in found.items() if what != "a load")
    assert len(desk.confirmed) >= len(kinds) - 1
