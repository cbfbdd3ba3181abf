"""Does a kill at the desk leave half a bundle on show, lose a decision that was confirmed, or break the log?

`python -m benchmarks.faults.desk_kills --times 50` makes a desk in a temporary folder on SQLite, and one on a
PostgreSQL server of its own, each with a made-up bundle. Then `kill -9`, so many times each: of a process that records
decisions; of all processes of the PostgreSQL server while decisions are recorded, after which it is started again as an
operator would; and of a load of the next bundle at a random moment between its first rows and its being shown. Every
decision that was confirmed must be there, each with its line in the log, and the log must be whole by
`python -m pipeline.desk verify`; the bundle on show must be the old one or the new one with all its rows, and the next
load must end by itself.

A kill of a load counts where the process was alive and rows of the new bundle were there that were not shown yet; a
kill of decisions or of the server, where the process that records was alive and had confirmed one. The seed of a kill
is its number. A killed server keeps what the operating system has taken from it: this is no power cut of the machine.
"""

import random
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any

import psycopg
import typer

from benchmarks.faults.desks import DATABASES, PROJECT, bundles, homes, postgres, postgresql

SQLITE = "data/desk/desk.sqlite3"
TABLES = ("desk_family", "desk_detail", "desk_identity")
STEPS = "SELECT count(*) FROM desk_step"
LINES = "SELECT count(*) FROM desk_entry WHERE kind = 'step'"
HALF = "SELECT count(*) FROM desk_case c WHERE version <> (SELECT count(*) FROM desk_step s WHERE s.case_id = c.id)"


@dataclass(frozen=True)
class Killed:
    """One kill: whether it hit, and what was wrong after it."""

    hit: bool
    wrong: tuple[str, ...]


@dataclass
class Desk:
    """A desk in a folder, the environment that names its database, the server of it where it is PostgreSQL, the
    families of its smaller bundles, and what was confirmed to those who record decisions.
    """

    root: Path
    families: int
    environment: dict[str, str] = field(default_factory=dict)
    server: postgres.Server | None = None
    confirmed: set[str] = field(default_factory=set)

    def rows(self, sql: str) -> list[tuple[Any, ...]]:
        """Read apart from the desk."""
        if self.server is None:
            with closing(sqlite3.connect(f"file:{self.root / SQLITE}?mode=ro", uri=True, timeout=30)) as found:
                return found.execute(sql).fetchall()
        address, password = (self.environment[k] for k in ("DESK_DATABASE", "PGPASSWORD"))
        with closing(psycopg.connect(address, password=password)) as found:
            return found.execute(sql.encode()).fetchall()

    def asked(self, sql: str) -> int:
        """A number; 0 for none."""
        return int(self.rows(sql)[0][0] or 0)

    def shown(self) -> int:
        return self.asked("SELECT max(number) FROM desk_bundle")

    def held(self, number: int) -> tuple[int, ...]:
        """Rows of a bundle in each table."""
        return tuple(self.asked(f"SELECT count(*) FROM {table} WHERE number = {number}") for table in TABLES)

    def whole(self, number: int) -> tuple[int, ...]:
        """Rows of a bundle that is all there: two regencies, every other bundle a tenth larger."""
        return (2 * size(self.families, number),) * len(TABLES)

    def run(self, *words: str) -> "subprocess.CompletedProcess[str]":
        return homes.run(self.root, *words, **self.environment)

    def started(self, *words: str) -> "subprocess.Popen[str]":
        command, environment = [sys.executable, "-m", *words], homes.environment(self.root, **self.environment)
        pipe, away = subprocess.PIPE, subprocess.DEVNULL
        return subprocess.Popen(
            command, cwd=PROJECT, env=environment, stdout=pipe, stderr=away, text=True, start_new_session=True
        )


def size(families: int, number: int) -> int:
    return families + number % 2 * (families // 10)


def written(desk: Desk, number: int) -> Path:
    """The bundle of this number, in a folder of its own."""
    folder = desk.root / "data" / "next"
    shutil.rmtree(folder, ignore_errors=True)
    bundles.PER_REGENCY = size(desk.families, number)
    return bundles.write(folder, number=number)


@contextmanager
def made(root: Path, families: int, kind: str) -> Iterator[Desk]:
    """A desk on a database of a kind that shows bundle 1, with accounts and a released list."""
    with nullcontext((None, {})) if kind == "sqlite" else postgresql() as (server, environment):
        desk = Desk(homes.make(root), families, environment, server)
        done = desk.run("load", str(written(desk, 1)))
        assert done.returncode == 0, done.stderr
        subprocess.run(
            [sys.executable, str(PROJECT / "tests" / "desk" / "homes.py")],
            cwd=PROJECT,
            env=homes.environment(root, **environment),
            check=True,
        )
        yield desk


def loading(desk: Desk, number: int) -> "subprocess.Popen[str]":
    """A load of the bundle of this number whose first rows are there."""
    run = desk.started("pipeline.desk", "load", str(written(desk, number)))
    while run.poll() is None and not desk.asked(f"SELECT count(*) FROM desk_family WHERE number = {number}"):
        time.sleep(0.001)
    return run


def seconds_of_load(desk: Desk) -> float:
    """How long a load takes from its first rows until it is shown."""
    number = desk.shown() + 1
    run = loading(desk, number)
    start = time.perf_counter()
    while run.poll() is None and desk.shown() != number:
        time.sleep(0.02)  # a load that is watched without rest takes longer
    took = time.perf_counter() - start
    run.communicate()
    assert (run.returncode, desk.held(number)) == (0, desk.whole(number))
    return took


def kill_load(desk: Desk, seconds: float, seed: int) -> Killed:
    """One kill of a load, and the load that follows it."""
    old = desk.shown()
    run = loading(desk, old + 1)
    time.sleep(random.Random(seed).random() * seconds)
    alive = run.poll() is None
    run.kill()
    run.communicate()
    inside = desk.shown() == old and any(desk.held(old + 1))
    return Killed(alive and inside, tuple(mixed(desk, old)))


def mixed(desk: Desk, old: int) -> Iterator[str]:
    """What is wrong with the bundle on show where the load of the one after `old` was cut short, and with the next."""
    new, there = old + 1, desk.shown()
    if there not in (old, new):
        yield f"bundle {there} is shown"
    if desk.held(there) != desk.whole(there):
        yield f"bundle {there} is shown with {desk.held(there)} rows"
    again = desk.run("load", str(desk.root / "data" / "next"), "--again-is-fine")
    if again.returncode:
        yield f"the next load: {again.stderr.strip()}"
    if (desk.shown(), desk.held(new)) != (new, desk.whole(new)):
        yield f"bundle {desk.shown()}: {desk.held(new)} rows"


def recording(desk: Desk) -> "subprocess.Popen[str]":
    """A process that records decisions and has confirmed its first."""
    run = desk.started("benchmarks.faults.decider")
    assert run.stdout is not None
    line = run.stdout.readline().strip()
    assert line, "no decision was recorded"
    desk.confirmed.add(line)
    return run


def ended(desk: Desk, run: "subprocess.Popen[str]") -> None:
    """What it confirmed before its end; a line that was cut off confirms nothing."""
    desk.confirmed |= {line for line in run.communicate()[0].split("\n")[:-1] if line}


def lost(desk: Desk) -> Iterator[str]:
    """What is wrong with the record of decisions."""
    verdict = desk.run("verify")
    if verdict.returncode:
        yield verdict.stderr.strip()
    if (steps := desk.asked(STEPS)) != (lines := desk.asked(LINES)):
        yield f"{steps} decisions, {lines} lines of the log"
    if missing := desk.confirmed - {key for (key,) in desk.rows("SELECT key FROM desk_step")}:
        yield f"{len(missing)} confirmed decisions are lost"
    if half := desk.asked(HALF):
        yield f"{half} cases without their decision"


def kill_decisions(desk: Desk, seed: int) -> Killed:
    """One kill of a process that records decisions."""
    run = recording(desk)
    time.sleep(random.Random(seed).random() / 2)
    alive = run.poll() is None
    run.kill()
    ended(desk, run)
    return Killed(alive, tuple(lost(desk)))


def kill_server(desk: Desk, seed: int) -> Killed:
    """One kill of the database's server while decisions are recorded, and its start."""
    assert desk.server is not None
    run = recording(desk)
    time.sleep(random.Random(seed).random() / 2)
    alive = run.poll() is None
    desk.server.kill()
    ended(desk, run)
    desk.server.start()
    wrong = ["the process went on without its database"] if run.returncode == 0 else []
    return Killed(alive, (*wrong, *lost(desk)))


def measured(desk: Desk, numbers: range) -> dict[str, list[Killed]]:
    """The kills of every kind that this desk's database knows; loads last, for a new bundle's list is not released."""
    kinds: dict[str, Callable[[int], Killed]] = {"who records decisions": lambda n: kill_decisions(desk, n)}
    if desk.server is not None:
        kinds["the database's server"] = lambda n: kill_server(desk, n)
    found = {what: [kill(n) for n in numbers] for what, kill in kinds.items()}
    seconds = seconds_of_load(desk)
    return found | {"a load": [kill_load(desk, seconds, n) for n in numbers]}


def main(
    times: Annotated[int, typer.Option(help="Kills of each kind on each database.")] = 50,
    first: Annotated[int, typer.Option(help="The number of the first kill.")] = 0,
    families: Annotated[int, typer.Option(help="Families of each of the bundle's two regencies.")] = 2000,
) -> None:
    numbers, broken = range(first, first + times), False
    for kind in DATABASES:
        start = time.perf_counter()
        with tempfile.TemporaryDirectory() as folder, made(Path(folder) / "desk", families, kind) as desk:
            for what, killed in measured(desk, numbers).items():
                wrong = [f"  {n}: {'; '.join(k.wrong)}" for n, k in zip(numbers, killed, strict=True) if k.wrong]
                hits = sum(k.hit for k in killed)
                typer.echo(f"{kind:<12}{what:<24}{hits:>4} of {times} hit, {len(wrong)} left something wrong")
                for line in wrong:
                    typer.echo(line)
                broken |= bool(wrong)
        typer.echo(f"{kind:<12}{len(desk.confirmed)} decisions were confirmed; {time.perf_counter() - start:.0f} s")
    if broken:
        raise typer.Exit(1)


if __name__ == "__main__":
    typer.run(main)
