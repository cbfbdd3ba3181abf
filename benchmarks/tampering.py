"""Is any tampering with a bundle of evidence overlooked, and is an untouched one ever called tampered with?

`python -m benchmarks.tampering BUNDLE --times 5000` copies a bundle to a temporary folder and tampers with it so many
times, each time with one file, a random one, or with the whole: bytes flipped, an edit of the same size with the time
of the file put back, the file cut, deleted or swapped with another, a strange file, rows of a table deleted, swapped or
inserted (written as Parquet again), signed again by another key, an older bundle put in its place (rollback). Only
tamperings that changed bytes count. Each must be refused by what `audit verify --key --head` asks first: signature,
chain, hashes; and the refusal must name a file that was touched. Then so many checks of the untouched bundle as
`--untouched` says must not refuse. The seed of a tampering is its number.
"""

import os
import shutil
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import typer
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from pipeline import artifacts, seal
from pipeline.audit import folder
from pipeline.errors import BadInput

MOST_FLIPS = 8
LARGEST_REWRITTEN = 4 * 1024 * 1024  # bytes; a larger table takes seconds to write again


@dataclass(frozen=True)
class Stage:
    """A copy of a bundle to tamper with, the untouched one, and an older one that was shown before."""

    copy: Path
    untouched: Path
    older: Path

    def files(self) -> list[Path]:
        return sorted(p for p in self.copy.rglob("*") if p.is_file())

    def restore(self, path: Path) -> None:
        source = self.untouched / path.relative_to(self.copy)
        if source.is_file():
            path.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(source, path)
        else:
            path.unlink(missing_ok=True)


Tamper = Callable[[Stage, Path, np.random.Generator], list[Path]]
"""Changes a file, or more; gives those that it touched."""


def flip(stage: Stage, path: Path, rng: np.random.Generator) -> list[Path]:
    content = bytearray(path.read_bytes())
    for at in rng.integers(0, len(content), int(rng.integers(1, MOST_FLIPS + 1))):
        content[at] ^= 1 << int(rng.integers(8))
    path.write_bytes(bytes(content))
    return [path]


def edit(stage: Stage, path: Path, rng: np.random.Generator) -> list[Path]:
    """Bytes of the file itself over others of it: the same size, and the times put back."""
    before, content = path.stat(), bytearray(path.read_bytes())
    length = min(int(rng.integers(1, 9)), len(content))
    source, target = (int(rng.integers(0, len(content) - length + 1)) for _ in range(2))
    content[target : target + length] = content[source : source + length]
    path.write_bytes(bytes(content))
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    return [path]


def cut(stage: Stage, path: Path, rng: np.random.Generator) -> list[Path]:
    path.write_bytes(path.read_bytes()[: int(rng.integers(0, path.stat().st_size))])
    return [path]


def delete(stage: Stage, path: Path, rng: np.random.Generator) -> list[Path]:
    path.unlink()
    return [path]


def swap(stage: Stage, path: Path, rng: np.random.Generator) -> list[Path]:
    files = stage.files()
    other = files[int(rng.integers(len(files)))]
    mine, theirs = path.read_bytes(), other.read_bytes()
    path.write_bytes(theirs)
    other.write_bytes(mine)
    return [path, other]


def strange(stage: Stage, path: Path, rng: np.random.Generator) -> list[Path]:
    found = path.with_name(f"{path.stem}_{int(rng.integers(1000))}{path.suffix}")
    shutil.copy2(path, found)
    return [found]


def rows_changed(change: Callable[[pa.Table, np.random.Generator], pa.Table]) -> Tamper:
    def rewritten(stage: Stage, path: Path, rng: np.random.Generator) -> list[Path]:
        tables = [p for p in stage.files() if p.suffix == ".parquet" and p.stat().st_size < LARGEST_REWRITTEN]
        chosen = tables[int(rng.integers(len(tables)))]
        made = change(pq.read_table(chosen), rng)
        pq.write_table(made.replace_schema_metadata(None), chosen, compression="zstd", row_group_size=200_000)
        return [chosen]

    return rewritten


def without_a_row(table: pa.Table, rng: np.random.Generator) -> pa.Table:
    at = int(rng.integers(max(len(table), 1)))
    return pa.concat_tables([table.slice(0, at), table.slice(at + 1)])


def with_rows_swapped(table: pa.Table, rng: np.random.Generator) -> pa.Table:
    order = np.arange(len(table))
    if len(table):
        a, b = rng.integers(0, len(table), 2)
        order[[a, b]] = order[[b, a]]
    return table.take(pa.array(order))


def with_a_row_more(table: pa.Table, rng: np.random.Generator) -> pa.Table:
    at, source = (int(rng.integers(max(len(table), 1))) for _ in range(2))
    return pa.concat_tables([table.slice(0, at), table.slice(source, 1), table.slice(at)])


def foreign(stage: Stage, path: Path, rng: np.random.Generator) -> list[Path]:
    """A flip, and the manifest made and signed again by somebody else's key: whole in itself."""
    manifest = artifacts.read_json(stage.copy / seal.MANIFEST)
    named = [p for p in stage.files() if p.name not in seal.NOT_HASHED]
    touched = flip(stage, named[int(rng.integers(len(named)))], rng)
    facts = {k: v for k, v in manifest.items() if k not in ("files", "format")}
    seal.close(stage.copy, facts, Ed25519PrivateKey.from_private_bytes(rng.bytes(32)))
    return [*touched, *(stage.copy / n for n in sorted(seal.NOT_HASHED))]


def rollback(stage: Stage, path: Path, rng: np.random.Generator) -> list[Path]:
    """The older bundle, whole and rightly signed, where the newer one lay."""
    touched = []
    for file in sorted(p for p in stage.older.rglob("*") if p.is_file()):
        target = stage.copy / file.relative_to(stage.older)
        if target.read_bytes() != file.read_bytes():
            shutil.copy2(file, target)
            touched.append(target)
    return touched


KINDS: Mapping[str, Tamper] = {
    "bytes flipped": flip,
    "same size, time put back": edit,
    "cut": cut,
    "deleted": delete,
    "files swapped": swap,
    "strange file": strange,
    "row deleted": rows_changed(without_a_row),
    "rows swapped": rows_changed(with_rows_swapped),
    "row inserted": rows_changed(with_a_row_more),
    "signed by another": foreign,
    "rollback": rollback,
}


def staged(bundle: Path, scratch: Path, signer: Ed25519PrivateKey) -> tuple[Stage, dict[str, Any], str]:
    """Two bundles of one chain, whole and signed by one key, made of the given one; head and key of the later."""
    older, untouched, copy = (scratch / n for n in ("older", "untouched", "copy"))
    facts = {k: v for k, v in artifacts.read_json(bundle / seal.MANIFEST).items() if k not in ("files", "format")}
    shutil.copytree(bundle, older)
    first = seal.close(older, facts | {"number": 1, "previous": "", "chain": []}, signer)
    shutil.copytree(bundle, untouched)
    (untouched / "requirements.lock").write_bytes((bundle / "requirements.lock").read_bytes() + b"# a later lock\n")
    second = seal.close(untouched, facts | {"number": 2, "previous": first, "chain": [first]}, signer)
    shutil.copytree(untouched, copy)
    head = {"number": 2, "manifest_sha256": second}
    return Stage(copy, untouched, older), head, folder.opened(untouched).key_sha256


def refused(place: Path, key: str, head: Mapping[str, Any]) -> str | None:
    """What `verify` names first; none where it finds nothing."""
    try:
        folder.check_all(folder.opened(place, key, head))
    except BadInput as error:
        return str(error)
    return None


def changed(stage: Stage, touched: list[Path]) -> bool:
    """Whether any byte is another than before."""
    pairs = [(p, stage.untouched / p.relative_to(stage.copy)) for p in touched]
    return any(a.is_file() != b.is_file() or (a.is_file() and a.read_bytes() != b.read_bytes()) for a, b in pairs)


@dataclass
class Tally:
    """How often a kind changed bytes, was refused, and was refused by the name of a file that was touched."""

    tried: int = 0
    changed: int = 0
    refused: int = 0
    named: int = 0


def tamper(stage: Stage, head: Mapping[str, Any], key: str, number: int) -> tuple[str, Tally]:
    """One tampering by its number, which is its seed; everything is put back."""
    rng = np.random.default_rng(number)
    kind = list(KINDS)[number % len(KINDS)]
    files = stage.files()
    touched = KINDS[kind](stage, files[int(rng.integers(len(files)))], rng)
    tally = Tally(tried=1)
    if changed(stage, touched):
        told = refused(stage.copy, key, head)
        names = {str(p.relative_to(stage.copy)) for p in touched}
        # What is signed is one thing: where the manifest or the key changed, the signature may be named.
        names |= seal.NOT_HASHED if names & seal.NOT_HASHED else set()
        named = told is not None and any(told.startswith(f"{n}:") for n in names)
        tally = Tally(1, 1, int(told is not None), int(named))
    for path in touched:
        stage.restore(path)
    return kind, tally


def tampered(bundle: Path, times: int, untouched: int) -> tuple[dict[str, Tally], int]:
    """Tallies by kind, and how often an untouched bundle was refused."""
    found: dict[str, Tally] = {kind: Tally() for kind in KINDS}
    with tempfile.TemporaryDirectory() as scratch:
        stage, head, key = staged(bundle, Path(scratch), Ed25519PrivateKey.generate())
        for number in range(times):
            kind, one = tamper(stage, head, key, number)
            for name, value in vars(one).items():
                setattr(found[kind], name, getattr(found[kind], name) + value)
        alarms = sum(refused(stage.copy, key, head) is not None for _ in range(untouched))
    return found, alarms


def main(
    bundle: Annotated[Path, typer.Argument(help="A bundle that `python -m pipeline audit bundle` wrote.")],
    times: Annotated[int, typer.Option(help="Tamperings.")] = 5000,
    untouched: Annotated[int, typer.Option(help="Checks of the untouched bundle.")] = 1000,
) -> None:
    start = time.perf_counter()
    found, alarms = tampered(bundle, times, untouched)
    total = Counter[str]()
    for kind, tally in found.items():
        total.update(vars(tally))
        typer.echo(
            f"{kind:<26}{tally.changed:>6} of {tally.tried} changed bytes, {tally.refused} refused, {tally.named} named"
        )
    typer.echo(
        f"{'all':<26}{total['changed']:>6} of {total['tried']} changed bytes,"
        f" {total['refused']} refused, {total['named']} named"
    )
    typer.echo(
        f"untouched                 {untouched:>6} checks, {alarms} refused; {time.perf_counter() - start:.0f} s"
    )
    if total["refused"] < total["changed"] or alarms:
        raise typer.Exit(1)


if __name__ == "__main__":
    typer.run(main)
