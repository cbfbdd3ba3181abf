"""Is what the product is made of known and locked, and are its private files private?

`python -m benchmarks.faults.supply` reads every `requirements*.lock`: each package must have one version and its sha256
hashes, and no address. It writes a bill of materials (CycloneDX, by cyclonedx-py) of each lock into `build/sbom`, asks
pip-audit for known vulnerabilities (a package that it could not look up is told as not looked up, never as sound), and
looks at the modes of the private files of the run and the desk under `--home`. It ends with 1 where something is wrong.
Its programs are those of `requirements-supply.lock`.
"""

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import typer

PROJECT = Path(__file__).resolve().parents[2]
BIN = Path(sys.executable).parent
SHAPE = re.compile(r"^(?P<name>[a-z0-9._-]+)(\[[a-z0-9,-]+\])?==(?P<version>\S+)( ;.*)?( \\)?$")
HASH = re.compile(r"^    --hash=sha256:[0-9a-f]{64}( \\)?$")
ADDRESS = re.compile(r"https?:|file:|--index-url|--find-links")
PRIVATE = (
    *("data/identity/*", "data/published/identity", "data/published/identity/*"),
    *("data/desk/*.pem", "data/desk/secret_key", "data/desk/desk.sqlite3*", "data/desk/uploads"),
)


@dataclass(frozen=True)
class Audit:
    """What pip-audit found: packages looked up, packages it could not look up, and package with advisory."""

    known: int
    unknown: int
    found: tuple[str, ...]

    def line(self) -> str:
        told = ", ".join(self.found) or "none"
        return f"{self.known} looked up, {self.unknown} could not be looked up; known vulnerabilities: {told}"


def locks() -> list[Path]:
    return sorted(PROJECT.glob("requirements*.lock"))


def packages(text: str) -> dict[str, str]:
    """Version by name of a lock's packages."""
    found = (SHAPE.match(line) for line in text.splitlines())
    return {m["name"]: m["version"] for m in found if m}


def wrong(text: str) -> Iterator[str]:
    """Lines of a lock that are neither a comment nor a package of one version with hashes, and what is wrong."""
    lines = text.splitlines()
    for number, line in enumerate(lines, 1):
        following = lines[number] if number < len(lines) else ""
        if ADDRESS.search(line):
            yield f"line {number}: an address"
        if line.lstrip().startswith("#") or HASH.match(line):
            continue
        if not SHAPE.match(line):
            yield f"line {number}: not a package of one version"
        elif not HASH.match(following):
            yield f"line {number}: no hash"


def bill(lock: Path, out: Path) -> dict[str, str]:
    """The bill of materials of a lock, written to `out`; version by name of its components."""
    line = [str(BIN / "cyclonedx-py"), "requirements", str(lock), "--output-reproducible", "-o", str(out)]
    subprocess.run(line, check=True, capture_output=True)
    written = json.loads(out.read_text(encoding="utf-8"))
    return {c["name"]: c["version"] for c in written["components"]}


def audited(report: dict[str, Any]) -> Audit:
    """pip-audit's own JSON, counted."""
    rows = report["dependencies"]
    found = tuple(f"{r['name']} {r['version']} {v['id']}" for r in rows for v in r.get("vulns", ()))
    unknown = sum("skip_reason" in r for r in rows)
    return Audit(len(rows) - unknown, unknown, found)


def vulnerabilities(lock: Path) -> Audit:
    line = [str(BIN / "pip-audit"), "--disable-pip", "--require-hashes", "--progress-spinner=off", "-f", "json"]
    done = subprocess.run([*line, "-r", str(lock)], capture_output=True, text=True)
    if not done.stdout.strip():
        return Audit(0, len(packages(lock.read_text(encoding="utf-8"))), ())
    return audited(json.loads(done.stdout))


def readable(home: Path) -> list[str]:
    """Private files and folders under `home` that others than their owner may read."""
    every = (p for pattern in PRIVATE for p in sorted(home.glob(pattern)))
    return [str(p.relative_to(home)) for p in every if p.stat().st_mode & 0o077]


def main(
    home: Annotated[Path, typer.Option(help="Folder whose data/ is looked at.")] = PROJECT,
    out: Annotated[Path, typer.Option(help="Folder of the bills of materials.")] = PROJECT / "build" / "sbom",
) -> None:
    out.mkdir(parents=True, exist_ok=True)
    problems = [f"{home}: others may read {p}" for p in readable(home)]
    for lock in locks():
        text = lock.read_text(encoding="utf-8")
        problems += [f"{lock.name}: {w}" for w in wrong(text)]
        locked = packages(text)
        listed = bill(lock, out / f"{lock.stem}.cdx.json")
        if listed != locked:
            problems.append(f"{lock.name}: its bill of materials differs in {sorted(set(listed) ^ set(locked))}")
        found = vulnerabilities(lock)
        problems += [f"{lock.name}: {v}" for v in found.found]
        typer.echo(f"{lock.name}: {len(locked)} packages, each of one version with hashes; {found.line()}")
    for problem in problems:
        typer.echo(problem, err=True)
    raise typer.Exit(1 if problems else 0)


if __name__ == "__main__":
    typer.run(main)
