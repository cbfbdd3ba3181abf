"""Power cuts: what a disk may hold by hand, and small versions of what `benchmarks/faults/power.py` does."""

import random
import subprocess
import sys

import pytest

from benchmarks.faults import checkout, desk_kills, disks, power, starved

OLD, NEW = b"o" * disks.BLOCK * 2, b"n" * disks.BLOCK * 3
PROGRAM = f"""
import os, sys
from pathlib import Path

home = Path(sys.argv[1])

def write(name, flushed):
    with (home / name).open("wb") as file:
        file.write(b"n" * {len(NEW)})
        file.flush()
        if flushed:
            os.fsync(file.fileno())

write("in place", flushed=False)
write("careful.part", flushed=True)
(home / "careful.part").rename(home / "careful")
write("hasty.part", flushed=False)
(home / "hasty.part").rename(home / "hasty")
write("new", flushed=True)
one = os.open(home, os.O_RDONLY)
if sys.argv[2] == "names":
    os.fsync(one)
write("never", flushed=True)
"""


@pytest.fixture(scope="module")
def library(tmp_path_factory):
    folder = tmp_path_factory.mktemp("library")
    starved.build(folder / starved.LIBRARY)
    return folder


def held(library, tmp_path, kind, flushes, seed=0, **fault):
    """What a disk holds of three files of old content, in which the program wrote."""
    home = tmp_path / "home" / "data"
    home.mkdir(parents=True)
    for name in ("in place", "careful", "hasty"):
        (home / name).write_bytes(OLD)

    def cut(store):
        environment = checkout.environment(**starved.preloaded(library, home.parent), **store, **fault)
        command = [sys.executable, "-c", PROGRAM, str(home), flushes]
        subprocess.run(command, env=environment, check=not fault, start_new_session=True)
        return starved.failed(library)

    failed = power.on_disk(library, home.parent, cut, kind, random.Random(seed))
    assert [f.removesuffix(f" {home}/careful.part") for f in failed] == ["fsync"] * bool(fault)
    return {p.name: p.read_bytes() for p in home.iterdir()}


@pytest.mark.parametrize(
    ("kind", "flushes", "expected"),
    [
        # Names that were not flushed are not there: the old files under them are, with what was flushed of them.
        ("flushed", "nothing", {"in place": OLD, "careful": OLD, "hasty": OLD}),
        # The folder was flushed after the renames: the file behind `hasty` was not, and is empty.
        ("flushed", "names", {"in place": OLD, "careful": NEW, "hasty": b"", "new": NEW}),
        # Names that nobody flushed reached the disk all the same, contents did not.
        ("names", "nothing", {"in place": OLD, "careful": NEW, "hasty": b"", "new": NEW, "never": NEW}),
        ("names", "names", {"in place": OLD, "careful": NEW, "hasty": b"", "new": NEW, "never": NEW}),
    ],
)
def test_a_disk_holds_what_was_flushed(library, tmp_path, kind, flushes, expected):
    assert held(library, tmp_path, kind, flushes) == expected


def test_a_lot_is_drawn_for_each_block_and_folder(library, tmp_path):
    """Over seeds every block of a file written in place is old, new or a hole, each of them somewhere."""
    found, names = set(), set()
    for seed in range(12):
        (tmp_path / str(seed)).mkdir()
        files = held(library, tmp_path / str(seed), "some", "nothing", seed)
        content = files["in place"]
        assert len(content) in (len(OLD), len(NEW))
        found |= {content[at : at + disks.BLOCK][:1] for at in range(0, len(content), disks.BLOCK)}
        names.add(frozenset(files))
    assert found == {b"o", b"n", b"\0"}
    assert names == {
        frozenset({"in place", "careful", "hasty"}), frozenset({"in place", "careful", "hasty", "new", "never"})
    }  # fmt: skip


def test_the_power_goes_before_a_call(library, tmp_path):
    """The third call would have flushed `careful.part`: of it there is the name alone."""
    files = held(library, tmp_path, "names", "names", FAULT_CUT="3")
    assert files == {"in place": OLD, "careful": OLD, "hasty": OLD, "careful.part": b""}


def test_a_stage_without_power_leaves_outputs_whole(tmp_path):
    """Cuts 0, 3, 5 and 6: the first of `simulate`, two of `source`, and one after the end of `simulate`."""
    place = starved.place(
        tmp_path,
        tmp_path / "checkout",
        ("simulate", "source"),
        {"simulate": {"families": 100, "truth_draws": 2}, "engine": checkout.SMALL["engine"]},
    )
    found = sorted(power.outages(place, (0, 3, 5, 6)), key=lambda o: o.number)
    assert [(o.what, o.kind) for o in found] == [
        ("simulate", "flushed"), ("source", "names"), ("source", "some"), ("simulate", "flushed")
    ]  # fmt: skip
    assert [o.call == "after the end" for o in found] == [False, False, False, True]
    assert [(o.number, o.wrong) for o in found if o.wrong or not o.hit] == []


WRITERS = {
    "pipeline.desk.keys.signer(home / 'data' / 'desk' / 'log.pem')": {"data/desk/log.pem"},
    "pipeline.seal.key(home / 'data' / 'publish' / 'key.pem')": {"data/publish/key.pem"},
    "with pipeline.artifacts.replacing_folder(home / 'data' / 'found') as folder:\n"
    "    (folder / 'one').mkdir()\n"
    "    (folder / 'one' / 'a').write_text('a')\n"
    "    (folder / 'b').write_text('b')": {"data/found/one/a", "data/found/b"},
    "with pipeline.artifacts.replacing(home / 'data' / 'more' / 'c') as file:\n    file.write_text('c')": {
        "data/more/c"
    },
    "with pipeline.durable.in_place_when_whole(home / 'models') as file:\n    file.write_text('d')": {"models"},
}
"""What writes, and the files that must be there when it has ended, none of them empty; their folders are new."""


@pytest.mark.parametrize("kind", ["flushed", "names"])
@pytest.mark.parametrize("writes", WRITERS)
def test_what_was_written_stays(library, tmp_path, kind, writes):
    home = tmp_path / "home"
    home.mkdir()
    modules = "import pipeline.artifacts, pipeline.desk.keys, pipeline.durable, pipeline.seal"
    program = f"import pathlib, sys\n{modules}\nhome = pathlib.Path(sys.argv[1])\n{writes}"

    def cut(store):
        environment = checkout.environment(**starved.preloaded(library, home), **store)
        subprocess.run([sys.executable, "-c", program, str(home)], cwd=checkout.PROJECT, env=environment, check=True)

    power.on_disk(library, home, cut, kind, random.Random(0))
    there = {str(p.relative_to(home)): p.stat().st_size for p in home.rglob("*") if p.is_file()}
    assert set(there) == WRITERS[writes]
    assert 0 not in there.values()


def test_a_desk_without_power_keeps_every_confirmed_decision_and_shows_one_bundle(library, tmp_path):
    with desk_kills.made(tmp_path / "desk", 40, "sqlite") as desk:
        found = list(power.desk_outages(desk, library, range(3)))
    assert [(o.what, o.wrong) for o in found] == [(h.what, ()) for h in power.HANDS for _ in range(3)]
    assert all(o.hit for o in found)
    assert len(desk.confirmed) > power.RECORDED
