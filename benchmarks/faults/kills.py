"""Does a run that is killed leave anything half-written or mixed, and does the next one put everything right by itself?

`python -m benchmarks.faults.kills --times 9` makes a checkout with a small world in a temporary folder and runs
`dvc repro` three times uninterrupted: one world, another, the first again. That is the reference. Then passes, the
worlds in turn, beside the outputs of the other: in each pass one kill in every stage, `kill -9` of the whole process
group at a random moment of the stage, and at once the next `dvc repro`, which is killed in the stage after. After each
kill every output must be absent, as DVC leaves it before a stage runs, or whole as one of the references; what the desk
reads (data/published) must be the old bundle or the new one, never absent. At the end of a pass the run completes by
itself, and its outputs must be the reference's; nothing half-written is left.

`--parent` kills the process of DVC alone. Its stage must not outlive it: whoever is still there when the next run
starts a stage is an orphan. `--only publish` kills that stage again and again, each time anew.

A kill counts where the stage's process was alive at that moment (hit). The seed of a kill is its number: the pass
times the number of stages, plus that of the stage. `--first` goes on with a later pass in the folder that `--home`
kept.
"""

import contextlib
import json
import os
import random
import signal
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated

import typer
import yaml

from benchmarks.faults import checkout as checkouts
from benchmarks.faults.checkout import PROJECT, PUBLISHED, Checkout

RUNNING = "Running stage '"


@dataclass
class Reference:
    """What uninterrupted runs left: digests by output, of each run; how long each stage took, at the least."""

    outputs: list[dict[str, str]] = field(default_factory=list)
    seconds: dict[str, float] = field(default_factory=dict)

    def whole(self, out: str) -> set[str]:
        return {made[out] for made in self.outputs}


@dataclass(frozen=True)
class Kill:
    """One kill: the stage it was meant for, whether that was running, and what was wrong: with outputs after it, with
    the run before it (`refused`), with the stage of the kill before (`orphan`)."""

    number: int
    stage: str
    hit: bool
    wrong: tuple[str, ...]
    refused: bool
    orphan: bool


@dataclass(frozen=True)
class Pass:
    """A kill in every stage, and what differs from the reference once the run has completed by itself."""

    kills: tuple[Kill, ...]
    completed: bool
    differing: tuple[str, ...]


def stage_of(line: str) -> str | None:
    return line.split("'")[1] if line.startswith(RUNNING) else None


def uninterrupted(checkout: Checkout) -> tuple[bool, dict[str, float]]:
    """A run to its end; whether it ended well, and the seconds of each stage that ran."""
    seconds: dict[str, float] = {}
    at, start = "", time.perf_counter()
    with checkout.repro() as run:
        assert run.stdout is not None
        for found in filter(None, map(stage_of, run.stdout)):
            seconds |= {at: time.perf_counter() - start} if at else {}
            at, start = found, time.perf_counter()
    return run.returncode == 0, seconds | ({at: time.perf_counter() - start} if at else {})


def refer(checkout: Checkout) -> Reference:
    """Three uninterrupted runs, the worlds in turn; of the third, each world has come after the other."""
    reference = Reference()
    for world in (0, 1, 0):
        checkouts.turn(checkout, world)
        well, seconds = uninterrupted(checkout)
        if not well:
            raise typer.BadParameter(f"{checkout.root}: an uninterrupted run fails")
        reference.outputs.append(checkout.digests())
        for stage, took in seconds.items():
            reference.seconds[stage] = min(took, reference.seconds.get(stage, took))
    return reference


def process_of(stage: str, group: int) -> int | None:
    """The process that runs the stage in a process group."""
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and doing(int(entry.name)) == stage and group_of(int(entry.name)) == group:
            return int(entry.name)
    return None


def doing(process: int) -> str | None:
    """The stage that a process runs; none for any other process, or one that is gone or only waits to be buried."""
    try:
        words = Path(f"/proc/{process}/cmdline").read_bytes().decode(errors="replace").split("\0")
    except (FileNotFoundError, ProcessLookupError):
        return None
    return words[3] if words[1:3] == ["-m", "pipeline"] and len(words) > 3 else None


def group_of(process: int) -> int:
    try:
        return os.getpgid(process)
    except ProcessLookupError:
        return 0


def judged(checkout: Checkout, reference: Reference) -> tuple[str, ...]:
    """Outputs that are neither absent nor whole; the bundle that the desk reads may not be absent either."""
    found = checkout.digests()
    partial = {o for o, digest in found.items() if digest != "absent" and digest not in reference.whole(o)}
    return tuple(sorted(partial | {o for o in found if o == PUBLISHED and found[o] == "absent"}))


@dataclass(frozen=True)
class Aim:
    """A kill by its number, which is its seed: the stage, and whether DVC alone is killed."""

    number: int
    stage: str
    parent: bool


def kill(checkout: Checkout, reference: Reference, aim: Aim, before: int | None) -> tuple[Kill, int]:
    """One kill; `before` is the process that the kill before was meant for."""
    began, orphan, victim = False, None, None
    with checkout.repro() as run:
        assert run.stdout is not None
        for found in filter(None, map(stage_of, run.stdout)):
            if orphan is None:
                orphan = before is not None and doing(before) is not None
            if found == aim.stage:
                began = True
                time.sleep(random.Random(aim.number).random() * reference.seconds[aim.stage])
                victim = process_of(aim.stage, run.pid)
                break
        with contextlib.suppress(ProcessLookupError):
            (os.kill if aim.parent else os.killpg)(run.pid, signal.SIGKILL)
    wrong = () if aim.parent else judged(checkout, reference)
    hit, refused = victim is not None, not began and run.returncode > 0
    return Kill(aim.number, aim.stage, hit, wrong, refused, bool(orphan)), victim or 0


def one_pass(checkout: Checkout, reference: Reference, number: int, aims: Sequence[Aim]) -> Pass:
    """The kills in turn, then the rest of the run, and what it left."""
    wanted = reference.outputs[1 + number % 2]
    if checkout.digests() == wanted:  # nothing would run, and no kill would hit
        checkouts.turn(checkout, number)
        uninterrupted(checkout)
    checkouts.turn(checkout, number + 1)
    kills: list[Kill] = []
    before = None
    for aim in aims:
        made, before = kill(checkout, reference, aim, before)
        kills.append(made)
    completed, _ = uninterrupted(checkout)
    found = checkout.digests()
    differing = [o for o in wanted if found[o] != wanted[o]]
    return Pass(tuple(kills), completed, (*differing, *checkout.left_over()))


def aimed(stages: Sequence[str], number: int, parent: bool) -> list[Aim]:
    """One kill in each of the stages, in the pass of this number."""
    return [Aim(number * len(stages) + n, stage, parent) for n, stage in enumerate(stages)]


def wrongs(passes: Sequence[Pass]) -> list[str]:
    """A line for whatever should not have been."""
    kills = [k for p in passes for k in p.kills]
    found = [f"kill {k.number} ({k.stage}): {', '.join(k.wrong)}" for k in kills if k.wrong]
    found += [f"kill {k.number} ({k.stage}): the run before it was refused" for k in kills if k.refused]
    found += [f"kill {k.number} ({k.stage}): the stage of the kill before still ran" for k in kills if k.orphan]
    found += [
        f"pass {n}: differs or is left over: {', '.join(p.differing)}" for n, p in enumerate(passes) if p.differing
    ]
    return found + [f"pass {n}: the run did not complete" for n, p in enumerate(passes) if not p.completed]


def told(passes: Sequence[Pass], stages: Sequence[str]) -> list[str]:
    """Hits by stage, and what they left."""
    kills = [k for p in passes for k in p.kills]
    hits = Counter(k.stage for k in kills if k.hit)
    lines = [f"{stage:<12}{hits[stage]:>4} of {sum(k.stage == stage for k in kills)} hit" for stage in stages]
    whole, ended = sum(not k.wrong for k in kills), sum(p.completed and not p.differing for p in passes)
    return [
        *lines,
        f"{hits.total()} of {len(kills)} kills hit; after {whole} every output was absent or whole",
        f"{sum(k.refused for k in kills)} runs refused, {sum(k.orphan for k in kills)} orphans",
        f"{ended} of {len(passes)} passes ended by themselves with the reference's outputs",
    ]


def referred(folder: Path, stages: Sequence[str]) -> tuple[Checkout, Reference]:
    """The checkout in a folder with its reference; made there the first time."""
    kept = folder / "reference.json"
    if kept.is_file():
        return Checkout(folder / "checkout", tuple(stages)), Reference(**json.loads(kept.read_text(encoding="utf-8")))
    made = checkouts.make(folder / "checkout", stages)
    reference = refer(made)
    kept.write_text(json.dumps(vars(reference)), encoding="utf-8")
    return made, reference


def main(
    times: Annotated[int, typer.Option(help="Passes: so many kills of each stage.")] = 9,
    first: Annotated[int, typer.Option(help="The number of the first pass; the others count on.")] = 0,
    parent: Annotated[bool, typer.Option(help="Kill DVC alone, not the stage that it runs.")] = False,
    only: Annotated[str, typer.Option(help="Kill in this stage alone.")] = "",
    each: Annotated[int, typer.Option(help="With --only: kills in a pass.")] = 50,
    home: Annotated[
        Path | None, typer.Option(help="Folder that keeps checkout and reference for later passes.")
    ] = None,
) -> None:
    start = time.perf_counter()
    stages = tuple(yaml.safe_load((PROJECT / "dvc.yaml").read_text(encoding="utf-8"))["stages"])
    with tempfile.TemporaryDirectory() as folder:
        checkout, reference = referred(home or Path(folder), stages)
        typer.echo(f"three uninterrupted runs: {time.perf_counter() - start:.0f} s")
        passes = []
        for number in range(first, first + times):
            aims = aimed([only] * each if only else stages, number, parent)
            passes.append(one_pass(checkout, reference, number, aims))
            typer.echo(f"pass {number}, after {time.perf_counter() - start:.0f} s: {'; '.join(told(passes[-1:], ()))}")
    for line in (*told(passes, [only] if only else stages), *wrongs(passes)):
        typer.echo(line)
    if wrongs(passes):
        raise typer.Exit(1)


if __name__ == "__main__":
    typer.run(main)
