"""Would the tests notice? Operators, constants and arguments are changed one at a time, and the tests are run.

`python -m benchmarks.faults.mutants` does it, by mutmut, to the code that a wrong list would slip through: the as-of
joins, the validators, the rights and the decision log, each with the tests named in GROUPS alone. The checkout's files
are copied to a temporary folder; nothing is changed here. A mutant that no test reached counts as one that survived.
Every survivor is printed as the line that was and the line that it became; `survivors.yaml` holds the reason of those
that are left alone, by function and line. It ends with 1 where less than `SHARE` of a group was noticed and a survivor
has no reason. Needs `make .venv/installed-supply`; minutes to an hour a group.
"""

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer
import yaml

PROJECT = Path(__file__).resolve().parents[2]
REASONS = Path(__file__).with_name("survivors.yaml")
SHARE = 0.85
# Nothing of ours is shared: a folder that one mutant's tests took away at their end would fail the next ones, as if
# noticed. Libraries are, which open nothing when they are imported.
ISOLATED = (
    'process_isolation = "forkserver"',
    'forkserver_warmup = "import"',
    'preload_modules_file = "libraries.txt"',
)
LIBRARIES = ("pytest", "yaml", "pydantic", "numpy", "pandas", "pyarrow.parquet", "duckdb", "sqlglot", "ibis",
             "ibis.backends.duckdb", "django", "django.db.models", "openpyxl", "cryptography")  # fmt: skip
NOTICED = ("killed", "timeout", "suspicious")
GROUPS = {
    "as-of joins": (["pipeline/asof.py"], ["tests/test_asof.py"]),
    "decision log": (["pipeline/desk/chain.py"], ["tests/desk/test_desk_log.py"]),
    "rights": (["pipeline/desk/scope.py"], ["tests/desk/test_desk_scope.py"]),
    "validators": (["pipeline/rules.py"], ["tests/test_rules_by_hand.py"]),
    "ingestion": (["pipeline/ingest.py"], ["tests/test_ingest.py"]),
}


@dataclass(frozen=True)
class Mutant:
    """A change of one line of a function, and what became of it: killed, survived, no tests, timeout."""

    name: str
    status: str
    was: str = ""
    becomes: str = ""

    def function(self) -> str:
        """Its dotted name; mutmut writes pipeline.rules.x_read, and pipeline.rules.xǁReadingǁfirst of a class."""
        return self.name.partition("__mutmut_")[0].replace(".x_", ".").replace(".xǁ", ".").replace("ǁ", ".")

    def noticed(self) -> bool:
        return self.status in NOTICED

    def line(self) -> str:
        return f"{self.status}: {self.function()}: `{self.was}` became `{self.becomes}`"


@dataclass(frozen=True)
class Found:
    """The mutants of one group, and those survivors for which no reason is told."""

    group: str
    mutants: list[Mutant]
    unexplained: list[Mutant]

    def share(self) -> float:
        return sum(m.noticed() for m in self.mutants) / max(1, len(self.mutants))

    def row(self) -> str:
        noticed, survived = sum(m.noticed() for m in self.mutants), sum(not m.noticed() for m in self.mutants)
        return (
            f"| {self.group} | {len(self.mutants)} | {noticed} | {self.share():.1%} | {survived} | "
            f"{survived - len(self.unexplained)} |"
        )

    def enough(self) -> bool:
        return self.share() >= SHARE or not self.unexplained


def copied(folder: Path) -> Path:
    """The files that Git knows, as they stand here."""
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=PROJECT, capture_output=True, text=True, check=True)
    for name in listed.stdout.split("\0"):
        if name and (PROJECT / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(PROJECT / name, folder / name)
    return folder


def configured(folder: Path, group: str) -> None:
    """mutmut's own settings of one group; each mutant is tested in a process that imported nothing of ours before."""
    sources, tests = GROUPS[group]
    more = ["benchmarks", "configs", "docs", "notebooks", "dvc.yaml", "README.md", "Makefile"]
    settings = {
        "source_paths": ["pipeline"], "only_mutate": sources, "also_copy": more,
        "pytest_add_cli_args_test_selection": tests, "pytest_add_cli_args": ["-p", "no:cacheprovider"],
    }  # fmt: skip
    lines = [f"{name} = {value!r}" for name, value in settings.items()]
    with (folder / "pyproject.toml").open("a", encoding="utf-8") as file:
        file.write("\n".join(["", "[tool.mutmut]", *lines, *ISOLATED, ""]))
    (folder / "libraries.txt").write_text("\n".join(LIBRARIES), encoding="utf-8")


def mutmut(folder: Path, *words: str) -> str:
    """What mutmut prints; told with its last words where it fails."""
    environment = os.environ | {"PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"}
    line = [str(Path(sys.executable).parent / "mutmut"), *words]
    done = subprocess.run(line, cwd=folder, env=environment, capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(f"mutants: mutmut {words[0]} ended with {done.returncode}: {done.stdout[-600:]}{done.stderr}")
    return done.stdout


def read(results: str) -> Iterator[Mutant]:
    """`mutmut results --all true`, a line a mutant; those that were not asked for are left out."""
    for line in results.splitlines():
        name, _, status = line.strip().rpartition(": ")
        if "__mutmut_" in name and status != "not checked":
            yield Mutant(name, status)


def changed(diff: str) -> tuple[str, str]:
    """The lines that a mutant took away and put in."""
    body = [line for line in diff.splitlines() if not line.startswith(("---", "+++"))]
    was, becomes = (" ".join(x[1:].strip() for x in body if x.startswith(sign)) for sign in "-+")
    return was, becomes


def seen(folder: Path, group: str, only: list[str]) -> list[Mutant]:
    """Every mutant of a group (or of the named functions), survivors with their lines."""
    configured(folder, group)
    mutmut(folder, "run", "--max-children", "1", *only)
    found = list(read(mutmut(folder, "results", "--all", "true")))
    return [m if m.noticed() else Mutant(m.name, m.status, *changed(mutmut(folder, "show", m.name))) for m in found]


def unexplained(mutants: list[Mutant], reasons: Path) -> list[Mutant]:
    """Survivors of which the file holds no reason, by function and new line; a line `*` stands for a whole function."""
    told = yaml.safe_load(reasons.read_text(encoding="utf-8")) or {}
    known = {(function, line) for function, lines in told.items() for line in lines}
    left = (m for m in mutants if not m.noticed())
    return [m for m in left if not {(m.function(), m.becomes), (m.function(), "*")} & known]


def main(
    group: Annotated[
        list[str] | None, typer.Option(help=f"One of {', '.join(GROUPS)}; all where none is named.")
    ] = None,
    only: Annotated[list[str] | None, typer.Option(help="Names of mutants, with *; all of the group's else.")] = None,
) -> None:
    typer.echo("| code | mutants | noticed | share | survived | of them with a reason |\n|---|---|---|---|---|---|")
    ended = []
    for name in group or GROUPS:
        with tempfile.TemporaryDirectory() as temporary:
            mutants = seen(copied(Path(temporary)), name, only or [])
        ended.append(Found(name, mutants, unexplained(mutants, REASONS)))
        typer.echo(ended[-1].row())
    for mutant in (m for found in ended for m in found.unexplained):
        typer.echo(mutant.line())
    raise typer.Exit(0 if all(f.enough() for f in ended) else 1)


if __name__ == "__main__":
    typer.run(main)
