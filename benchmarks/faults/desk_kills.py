"""Does a kill at the desk leave half a bundle on show, lose a decision that was confirmed, or break the log?

`python -m benchmarks.faults.desk_kills --times 50` makes a desk in a temporary folder (SQLite) with a made-up bundle.
Then `kill -9`, so many times each: of a load of the next bundle at a random moment after its first rows are there,
where the bundle on show must be the old one or the new one with all its rows, and the next load must end by itself;
and of a process that records decisions, where every decision that it confirmed must be there, each with its line in the
log, and the log must be whole by `python -m pipeline.desk verify`.

A kill of a load counts where the process was alive and rows of the new bundle were there that were not shown yet; a
kill of decisions, where the process was alive and had confirmed one. The seed of a kill is its number.
"""

import random
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import time
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import typer

from benchmarks.faults.checkout import PROJECT

# The tests' own writer of bundles and accounts: a second one would be the same again.
sys.path.insert(0, str(PROJECT / "tests" / "desk"))
import bundles
import homes

DATABASE = "data/desk/desk.sqlite3"
TABLES = ("desk_family", "desk_detail", "desk_identity")


@dataclass(frozen=True)
class Killed:
    """One kill: whether it hit, and what was wrong after it."""

    hit: bool
    wrong: tuple[str, ...]


def make(root: Path, families: int) -> Path:
    """A desk that shows bundle 1, with accounts and a released list; bundle 2 lies beside it, a tenth larger."""
    homes.make(root)
    for number, size, folder in ((1, families, "published"), (2, families + families // 10, "next")):
        bundles.PER_REGENCY = size
        shutil.rmtree(root / "data" / folder, ignore_errors=True)
        bundles.write(root / "data" / folder, number=number)
    done = homes.run(root, "load")
    assert done.returncode == 0, done.stderr
    subprocess.run(
        [sys.executable, str(PROJECT / "tests" / "desk" / "homes.py")],
        cwd=PROJECT,
        env=homes.environment(root),
        check=True,
    )
    return root


def asked(root: Path, sql: str) -> int:
    """A number that the desk's database tells; 0 for none."""
    return int(rows_of(root, sql)[0][0] or 0)


def rows_of(root: Path, sql: str) -> list[tuple[Any, ...]]:
    with closing(sqlite3.connect(f"file:{root / DATABASE}?mode=ro", uri=True, timeout=30)) as found:
        return found.execute(sql).fetchall()


def rows(root: Path, number: int) -> tuple[int, ...]:
    return tuple(asked(root, f"SELECT count(*) FROM {table} WHERE number = {number}") for table in TABLES)


def shown(root: Path) -> int:
    return asked(root, "SELECT max(number) FROM desk_bundle")


def started(root: Path, *words: str) -> "subprocess.Popen[str]":
    command = [sys.executable, "-m", *words]
    return subprocess.Popen(command, cwd=PROJECT, env=homes.environment(root), stdout=subprocess.PIPE, text=True)


def seconds_of_load(root: Path) -> float:
    """How long a load takes from its first rows on; the desk is as it was before."""
    kept = (root / DATABASE).read_bytes()
    run = started(root, "pipeline.desk", "load", str(root / "data" / "next"))
    begins(root, run)
    start = time.perf_counter()
    run.communicate()
    took = time.perf_counter() - start
    (root / DATABASE).write_bytes(kept)
    return took


def begins(root: Path, run: "subprocess.Popen[str]") -> None:
    """Wait until the first rows of bundle 2 are there."""
    while run.poll() is None and not asked(root, "SELECT count(*) FROM desk_family WHERE number = 2"):
        time.sleep(0.001)


def kill_load(root: Path, seconds: float, number: int) -> Killed:
    """One kill of a load; afterwards the desk is as it was before."""
    kept, old = (root / DATABASE).read_bytes(), rows(root, 1)
    run = started(root, "pipeline.desk", "load", str(root / "data" / "next"))
    begins(root, run)
    time.sleep(random.Random(number).random() * seconds)
    alive = run.poll() is None
    run.kill()
    run.communicate()
    there = shown(root)
    inside = there == 1 and rows(root, 2) != (0, 0, 0)
    wrong = [f"bundle {there} is shown"] if there not in (1, 2) else []
    wrong += [f"bundle 1 is shown with {rows(root, 1)} rows"] if there == 1 and rows(root, 1) != old else []
    again = homes.run(root, "load", str(root / "data" / "next"), "--again-is-fine")
    wrong += [f"the next load: {again.stderr.strip()}"] if again.returncode else []
    whole = (2 * (old[0] // 2 + old[0] // 20),) * len(TABLES)
    wrong += [f"bundle {shown(root)}: {rows(root, 2)} rows"] if shown(root) != 2 or rows(root, 2) != whole else []
    for more in ("", "-wal", "-shm"):
        (root / f"{DATABASE}{more}").unlink(missing_ok=True)
    (root / DATABASE).write_bytes(kept)
    return Killed(alive and inside, tuple(wrong))


def kill_decisions(root: Path, number: int, confirmed: set[str]) -> Killed:
    """One kill of a process that records decisions; `confirmed` grows by what it had confirmed."""
    run = started(root, "benchmarks.faults.decider")
    assert run.stdout is not None
    confirmed.add(run.stdout.readline().strip())
    time.sleep(random.Random(number).random() / 2)
    alive = run.poll() is None
    run.kill()
    rest = run.stdout.read().split("\n")
    run.stdout.close()
    run.wait()
    confirmed |= {line for line in rest[:-1] if line}
    verdict = homes.run(root, "verify")
    wrong = [verdict.stderr.strip()] if verdict.returncode else []
    steps, lines = (asked(root, f"SELECT count(*) FROM {t}") for t in ("desk_step", "desk_entry WHERE kind = 'step'"))
    wrong += [f"{steps} decisions, {lines} lines of the log"] if steps != lines else []
    kept = {key for (key,) in rows_of(root, "SELECT key FROM desk_step")}
    half = asked(
        root,
        "SELECT count(*) FROM desk_case c WHERE version <> (SELECT count(*) FROM desk_step s WHERE s.case_id = c.id)",
    )
    wrong += [f"{len(confirmed - kept)} confirmed decisions are lost"] if confirmed - kept else []
    wrong += [f"{half} cases without their decision"] if half else []
    return Killed(alive, tuple(wrong))


def main(
    times: Annotated[int, typer.Option(help="Kills of each kind.")] = 50,
    first: Annotated[int, typer.Option(help="The number of the first kill.")] = 0,
    families: Annotated[int, typer.Option(help="Families of each of the bundle's two regencies.")] = 2000,
) -> None:
    start = time.perf_counter()
    with tempfile.TemporaryDirectory() as folder:
        root = make(Path(folder) / "desk", families)
        numbers, confirmed = range(first, first + times), set[str]()
        seconds = seconds_of_load(root)
        found = {
            "kills of a load": [kill_load(root, seconds, n) for n in numbers],
            "kills of decisions": [kill_decisions(root, n, confirmed) for n in numbers],
        }
    for what, killed in found.items():
        wrong = [f"  {n}: {'; '.join(k.wrong)}" for n, k in zip(numbers, killed, strict=True) if k.wrong]
        typer.echo(f"{what:<20}{sum(k.hit for k in killed):>4} of {len(killed)} hit, {len(wrong)} left something wrong")
        for line in wrong:
            typer.echo(line)
    typer.echo(f"{len(confirmed)} decisions were confirmed; {time.perf_counter() - start:.0f} s")
    if any(k.wrong for killed in found.values() for k in killed):
        raise typer.Exit(1)


if __name__ == "__main__":
    typer.run(main)
