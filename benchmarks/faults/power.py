"""A power cut, on a disk that keeps what was flushed and no more than it must: is every output whole, is nothing that
was confirmed lost, and does the next run end by itself?

`python -m benchmarks.faults.power --times 240` cuts the power of every stage in turn before a random one of its calls
(write, fsync, rename), or after its end: a preloaded library keeps what is flushed and ends all processes there
(`failing.c`). The home is then made anew as a disk may hold it (three kinds, `disks.py`), with the outputs of another
world as what lay there. Every output must be the old or the new one, the new one where the stage had ended, and the
next run must make what an undisturbed one makes. `--desk 60` does the same to a desk on SQLite: to a process that
records decisions, where every confirmed one must be there and the log whole; and to a load of the next bundle.

A cut counts where the call was reached, or where the stage had ended as planned. The seed of a cut is its number. What
DVC itself writes (`dvc.lock`, its cache) is not flushed by it and not looked at.
"""

import itertools
import random
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, TypeVar

import typer

from benchmarks.faults import checkout as checkouts
from benchmarks.faults import desk_kills, disks, starved
from benchmarks.faults.checkout import Checkout
from benchmarks.faults.desk_kills import Desk
from benchmarks.faults.disk import STAGES
from benchmarks.faults.starved import Place, Turn

T = TypeVar("T")

CUT = "FAULT_CUT"

ENDED = 4
"""Of so many cuts of a stage the last one comes after its end: what it has made must be there."""
RECORDED, FAMILIES = 20, 300
"""Decisions of an undisturbed process; families of each regency at the desk."""


@dataclass(frozen=True)
class Outage:
    """One cut: of what, on which kind of disk, before which call, whether it hit, and what was wrong after it."""

    number: int
    what: str
    kind: str
    call: str
    hit: bool
    wrong: tuple[str, ...]


def mine(name: str) -> bool:
    """Whether a name in a home is the state of the product."""
    return name.startswith(starved.STATE)


def stored(folder: Path, name: str) -> Path:
    shutil.rmtree(folder / name, ignore_errors=True)
    return folder / name


def on_disk(folder: Path, root: Path, cut: Callable[[dict[str, str]], T], kind: str, draw: random.Random) -> T:
    """All is flushed, then `cut` runs with what it is given as environment, then the home is as the disk holds it."""
    before, there = stored(folder, "flushed"), stored(folder, "there")
    disks.flushed(root, checkouts.environment(**starved.preloaded(folder, root), FAULT_STORE=str(before)))
    found = cut({"FAULT_STORE": str(before)})
    disks.flushed(root, checkouts.environment(**starved.preloaded(folder, root), FAULT_STORE=str(there)))
    disks.restored(root, disks.Cut(disks.Store(before), disks.Store(there), draw), kind, mine)
    return found


def outage(where: Place, turn: Turn, number: int) -> Outage:
    """One cut of a stage, and the next run; each stage meets the kinds of disks in turn."""
    nth = number // len(where.checkout.stages)
    kind, after_the_end = disks.KINDS[nth % len(disks.KINDS)], nth % ENDED == ENDED - 1
    draw, root = random.Random(number), where.checkout.root
    planned = draw.randint(1, turn.calls) + turn.calls * after_the_end
    ended = on_disk(
        where.folder, root, lambda store: starved.run(where, turn.stage, **{CUT: str(planned)}, **store), kind, draw
    )
    hit = bool(ended.failed) or ended.status == 0
    return Outage(number, turn.stage, kind, called(ended.failed, root), hit, tuple(damage(where, turn, ended)))


def called(failed: Sequence[str], root: Path) -> str:
    """The call before which the power went."""
    return (*failed, "after the end")[0].replace(f"{root.resolve()}/", "")


def damage(where: Place, turn: Turn, ended: starved.Ended) -> Iterator[str]:
    """What is wrong with the outputs as the disk holds them, and after the next run."""
    one = Checkout(where.checkout.root, (turn.stage,))
    if ended.status and not ended.failed:
        yield f"status {ended.status}: {' '.join(ended.said.split())[-300:]}"
    for out, digest in one.digests().items():
        if digest != turn.after[out] and (ended.status == 0 or digest != turn.before[out]):
            yield f"{out}: {'lost' if digest == turn.before[out] else 'damaged'}"
    again = starved.run(where, turn.stage)
    if again.status:
        yield f"the next run ends with {again.status}: {' '.join(again.said.split())[-300:]}"
    yield from (f"{o}: differs after the next run" for o, d in one.digests().items() if d != turn.after[o])
    yield from (f"{p}: left over" for p in one.left_over())


def outages(where: Place, wanted: Sequence[int]) -> Iterator[Outage]:
    """Every cut in the order of the stages; a cut's stage is its number modulo the stages."""
    stages = where.checkout.stages
    for position, stage in enumerate(stages):
        turn = starved.turn(where, stage)
        for number in (n for n in wanted if n % len(stages) == position):
            where.restore()
            yield outage(where, turn, number)
        where.restore()
        starved.run(where, stage)


@dataclass(frozen=True)
class Hand:
    """What is done at a desk: before it, so that it lies there; what the power cuts; and what is wrong afterwards, by
    the number of the bundle that was shown before.
    """

    what: str
    before: Callable[[Desk], object]
    act: Callable[[Desk], None]
    wrong: Callable[[Desk, int], Iterator[str]]


def recorded(desk: Desk) -> None:
    """So many decisions, or as many as there are until the power goes; what was confirmed is kept."""
    run = desk.started("benchmarks.faults.decider")
    assert run.stdout is not None
    for line in itertools.islice(run.stdout, None if CUT in desk.environment else RECORDED):
        desk.confirmed.add(line.strip())
    run.kill()
    desk_kills.ended(desk, run)


def loaded(desk: Desk) -> None:
    desk.started("pipeline.desk", "load", str(desk.root / "data" / "next")).communicate()


HANDS = (
    Hand("who records decisions", lambda _: None, recorded, lambda desk, _: desk_kills.lost(desk)),
    Hand("a load", lambda desk: desk_kills.written(desk, desk.shown() + 1), loaded, desk_kills.mixed),
)
"""Loads last: a new bundle's list is not released."""


def desk_outages(desk: Desk, folder: Path, numbers: Sequence[int]) -> Iterator[Outage]:
    """Cuts at a desk on SQLite; what the library needs lies in a folder."""
    for hand in HANDS:
        hand.before(desk)
        hand.act(replace(desk, environment=starved.preloaded(folder, desk.root)))
        calls = starved.counted(folder)[0]
        yield from (desk_outage(desk, folder, hand, number, calls) for number in numbers)


def desk_outage(desk: Desk, folder: Path, hand: Hand, number: int, calls: int) -> Outage:
    draw, kind = random.Random(number), disks.KINDS[number % len(disks.KINDS)]
    hand.before(desk)
    old = desk.shown()
    fault = {CUT: str(draw.randint(1, calls))}

    def cut(store: dict[str, str]) -> tuple[str, ...]:
        hand.act(replace(desk, environment=starved.preloaded(folder, desk.root) | fault | store))
        return starved.failed(folder)

    failed = on_disk(folder, desk.root, cut, kind, draw)
    return Outage(number, hand.what, kind, called(failed, desk.root), bool(failed), tuple(hand.wrong(desk, old)))


def main(
    times: Annotated[int, typer.Option(help="Cuts of stages.")] = 240,
    desk: Annotated[int, typer.Option(help="Cuts of who records decisions, and as many of loads.")] = 60,
    first: Annotated[int, typer.Option(help="The number of the first cut.")] = 0,
    only: Annotated[str, typer.Option(help="The stages, in order.")] = ",".join(STAGES),
) -> None:
    start, made = time.perf_counter(), list[Outage]()
    with tempfile.TemporaryDirectory() as name:
        for one in everything(Path(name), range(first, first + times), range(first, first + desk), only.split(",")):
            made.append(one)
            if one.wrong:
                typer.echo(f"{one.number} ({one.what}, {one.kind}, {one.call}): {'; '.join(one.wrong)}")
    for line in lines(made):
        typer.echo(line)
    typer.echo(f"{time.perf_counter() - start:.0f} s")
    if any(o.wrong for o in made):
        raise typer.Exit(1)


def everything(folder: Path, stages: range, desk: range, only: Sequence[str]) -> Iterator[Outage]:
    """The cuts of stages, then those at the desk."""
    if stages:
        (folder / "stages").mkdir()
        yield from outages(starved.place(folder / "stages", folder / "stages" / "checkout", only), stages)
    if desk:
        (folder / "hands").mkdir()
        starved.build(folder / "hands" / starved.LIBRARY)
        with desk_kills.made(folder / "desk", FAMILIES, "sqlite") as made:
            yield from desk_outages(made, folder / "hands", desk)


def lines(made: Sequence[Outage]) -> list[str]:
    """By what was cut, by kind of disk, and all: hits, and what went wrong."""
    groups = [("what", w) for w in dict.fromkeys(o.what for o in made)] + [("kind", k) for k in disks.KINDS]
    some = [(value, [o for o in made if getattr(o, of) == value]) for of, value in groups] + [("all", list(made))]
    return [
        f"{name:<24}{sum(o.hit for o in found):>4} of {len(found)} hit, {sum(bool(o.wrong) for o in found)} wrong"
        for name, found in some
    ]


if __name__ == "__main__":
    typer.run(main)
