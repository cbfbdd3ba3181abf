"""Stages that run where a write fails, what they say, and what they leave: shared by `calls`, `disk` and `power`."""

import shutil
import subprocess
import sys
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import typer

from benchmarks.faults import checkout as checkouts
from benchmarks.faults.checkout import Checkout

SOURCE = Path(__file__).with_name("failing.c")
STATE = ("data", "models", "mlflow.db", "mlartifacts")
NAMES = ("data/", "models/", "mlflow.db", "mlartifacts")
TOLD = 4  # the exit status of what the machine refused
LEDGER_BYTES = 16
LIBRARY, COUNTED, LOG = "failing.so", "counted", "failed.log"


@dataclass(frozen=True)
class Place:
    """A checkout whose stages fail on demand, and a folder for the library, its count and log, and the former state."""

    checkout: Checkout
    folder: Path

    def save(self) -> None:
        copied(self.checkout.root, self.folder / "before")

    def restore(self) -> None:
        copied(self.folder / "before", self.checkout.root)


@dataclass(frozen=True)
class Ended:
    """How a stage ended: status, what it said, and which calls failed."""

    status: int
    said: str
    failed: tuple[str, ...]


@dataclass(frozen=True)
class Turn:
    """A stage's turn: what its outputs hold before and after it, how many calls it makes and bytes it writes."""

    stage: str
    before: Mapping[str, str]
    after: Mapping[str, str]
    calls: int
    bytes: int


@dataclass(frozen=True)
class Trial:
    """One fault: whether it hit, what failed, whether it was told, and what was wrong then or after the next run."""

    number: int
    stage: str
    hit: bool
    failed: str
    told: bool
    tolerated: bool
    wrong: tuple[str, ...]


def copied(source: Path, target: Path) -> None:
    """The state of a home, and nothing else, from one folder to another."""
    for name in STATE:
        there = target / name
        shutil.rmtree(there) if there.is_dir() else there.unlink(missing_ok=True)
        if (source / name).is_dir():
            shutil.copytree(source / name, there)
        elif (source / name).is_file():
            shutil.copy2(source / name, there)


def place(
    folder: Path, root: Path, stages: Sequence[str], sections: Mapping[str, dict[str, Any]] = checkouts.SMALL
) -> Place:
    """A checkout under `root` in which the stages ran on the other world: what a fault must not damage."""
    made = Place(checkouts.make(root, stages, sections), folder)
    build(folder / LIBRARY)
    checkouts.turn(made.checkout, 1)
    for stage in stages:
        run(made, stage)
    checkouts.turn(made.checkout, 0)
    return made


def build(library: Path) -> None:
    """The library that is preloaded (`failing.c`)."""
    compiler = shutil.which("cc") or shutil.which("gcc")
    if compiler is None:
        raise typer.BadParameter("no C compiler: apt-get install gcc libc6-dev")
    built = [compiler, "-O2", "-shared", "-fPIC", "-o", str(library), str(SOURCE), "-ldl"]
    subprocess.run(built, check=True, capture_output=True)


def preloaded(folder: Path, home: Path) -> dict[str, str]:
    """The environment that preloads it for a home; its count and its log, in a folder, begin anew."""
    (folder / COUNTED).write_bytes(bytes(LEDGER_BYTES))
    (folder / LOG).unlink(missing_ok=True)
    return {
        "LD_PRELOAD": str(folder / LIBRARY), "FAULT_HOME": str(home.resolve()), "FAULT_STATE": str(folder / COUNTED),
        "FAULT_LOG": str(folder / LOG), "PYTHONDONTWRITEBYTECODE": "1",
    }  # fmt: skip


def counted(folder: Path) -> tuple[int, int]:
    """Calls, and bytes written."""
    found = (folder / COUNTED).read_bytes()
    return int.from_bytes(found[:8], sys.byteorder), int.from_bytes(found[8:], sys.byteorder)


def failed(folder: Path) -> tuple[str, ...]:
    """The calls that failed: kind and path."""
    log = folder / LOG
    return tuple(log.read_text(encoding="utf-8").splitlines()) if log.exists() else ()


def run(where: Place, stage: str, **fault: str) -> Ended:
    """One stage, with a fault or without, in a session of its own."""
    command = [sys.executable, "-m", "pipeline", stage]
    environment = checkouts.environment(**preloaded(where.folder, where.checkout.root), **fault)
    done = subprocess.run(
        command, cwd=where.checkout.root, env=environment, capture_output=True, text=True, start_new_session=True
    )
    return Ended(done.returncode, done.stdout + done.stderr, failed(where.folder))


def turn(where: Place, stage: str) -> Turn:
    """The stage once without a fault, from the state that is kept from now on; that state again at the end."""
    one = Checkout(where.checkout.root, (stage,))
    where.save()
    before = one.digests()
    ended = run(where, stage)
    if ended.status:
        raise typer.BadParameter(f"{stage} fails without a fault: {ended.said}")
    calls, written = counted(where.folder)
    after = one.digests()
    where.restore()
    return Turn(stage, before, after, calls, written)


def judged(where: Place, mine: Turn, number: int, ended: Ended) -> Trial:
    """What a fault did: to what was said, to the outputs, and to the next run, which must be as if there was none."""
    one = Checkout(where.checkout.root, (mine.stage,))
    there = one.digests()
    wrong = [f"{o}: damaged" for o in there if there[o] not in (mine.before[o], mine.after[o])]
    tolerated = ended.status == 0 and there == mine.after
    told = ended.status == TOLD and "Traceback" not in ended.said and any(n in ended.said for n in NAMES)
    if not (told or tolerated):
        wrong.append(f"status {ended.status}: {' '.join(ended.said.split())[-300:]}")
    if not tolerated:
        again = run(where, mine.stage)
        wrong += [f"the next run ends with {again.status}"] if again.status else []
        wrong += [f"{o}: differs after the next run" for o, d in one.digests().items() if d != mine.after[o]]
    wrong += [f"{p}: left over" for p in one.left_over()]
    hit = bool(ended.failed) or ended.status != 0
    return Trial(number, mine.stage, hit, (ended.failed or ("",))[0], told, tolerated, tuple(wrong))


def done(trials: Iterable[Trial]) -> None:
    """Do them all, tell what went wrong as it does, then the counts; ends with 1 where anything did."""
    start, made = time.perf_counter(), []
    for trial in trials:
        made.append(trial)
        if trial.wrong:
            typer.echo(f"{trial.number} ({trial.stage}, {trial.failed}): {'; '.join(trial.wrong)}")
    for line in lines(made):
        typer.echo(line)
    typer.echo(f"{time.perf_counter() - start:.0f} s")
    if any(t.wrong for t in made):
        raise typer.Exit(1)


def lines(trials: Sequence[Trial]) -> list[str]:
    """By kind of call, and all: what hit, what was told, what did no harm, what went wrong."""
    found = []
    for kind in ("write", "fsync", "rename", ""):
        some = [t for t in trials if t.failed.startswith(kind)]
        counts = {name: sum(getattr(t, name) for t in some) for name in ("hit", "told", "tolerated")}
        wrong = sum(bool(t.wrong) for t in some if t.hit)
        found.append(
            f"{kind or 'all':<8}{counts['hit']:>5} of {len(some)} hit, {counts['told']} told, "
            f"{counts['tolerated']} did no harm, {wrong} wrong"
        )
    stages = dict.fromkeys(t.stage for t in trials)
    found.append("hits by stage: " + ", ".join(f"{s} {sum(t.hit for t in trials if t.stage == s)}" for s in stages))
    return found
