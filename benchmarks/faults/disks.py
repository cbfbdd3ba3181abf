"""What a disk may hold after a power cut, made of what was flushed and what was there when it came.

`failing.c`, preloaded, keeps the content of each file and the names of each folder when they are flushed. After the cut
the same is taken of everything that the system still knows. A disk may then hold, of each:

    flushed   only what was flushed: no name and no byte that was not
    names     every name, but of files only the bytes that were flushed: a rename that reached the disk before its file
    some      by lot, of each folder either names, of each block of a file either bytes, and either length

A file system promises less than the first and the second together, and rarely does what the third does.
"""

import random
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

BLOCK = 4096
KINDS = ("flushed", "names", "some")
WALK = """
import os, sys
for folder, _, files in os.walk(sys.argv[1]):
    for path in (folder, *(os.path.join(folder, f) for f in files)):
        if not os.path.islink(path):
            one = os.open(path, os.O_RDONLY)
            os.fsync(one)
            os.close(one)
"""

Names = dict[str, tuple[str, int]]
"""Of each name in a folder its key in the store, and its mode."""


@dataclass(frozen=True)
class Store:
    """What `failing.c` kept, by key."""

    folder: Path

    def names(self, key: str) -> Names | None:
        """None for a folder that is not in the store."""
        if not (self.folder / key).exists():
            return None
        lines = (self.folder / key).read_text(encoding="utf-8").splitlines()
        parts = (line.split(" ", 2) for line in lines)
        return {name: (of, int(mode, 8)) for of, mode, name in parts}

    def content(self, key: str) -> bytes | None:
        return (self.folder / key).read_bytes() if (self.folder / key).exists() else None

    def of(self, folder: Path) -> str:
        """The key of a folder that is in the store and lies where it lay."""
        (found,) = self.folder.glob(f"d{folder.stat().st_ino}-*")
        return found.name


def flushed(root: Path, environment: Mapping[str, str]) -> None:
    """Everything below a folder is flushed, and so kept in the store that the environment names."""
    Path(environment["FAULT_STORE"]).mkdir()
    subprocess.run([sys.executable, "-c", WALK, str(root)], env=dict(environment), check=True)


@dataclass(frozen=True)
class Cut:
    """A power cut: what had been flushed, what was there, and the lots that are drawn."""

    before: Store
    there: Store
    draw: random.Random

    def choices(self, kind: str) -> tuple[Callable[[str], Names], Callable[[str], bytes]]:
        """What a disk of this kind holds of the folder, and of the file, behind a key."""
        names: dict[str, Callable[[str], Names]] = {
            "flushed": lambda key: self.before.names(key) or {},
            "names": self._there_or_before,
            "some": lambda key: self.draw.choice([self._there_or_before(key), self.before.names(key) or {}]),
        }
        return names[kind], self._some_content if kind == "some" else lambda key: self.before.content(key) or b""

    def _there_or_before(self, key: str) -> Names:
        """A folder that is gone keeps the names that it had."""
        found = self.there.names(key)
        return (self.before.names(key) or {}) if found is None else found

    def _some_content(self, key: str) -> bytes:
        """Blocks that were not written are holes: zeros."""
        old, new = self.before.content(key) or b"", self.there.content(key)
        if new is None or new == old:
            return old
        length = self.draw.choice([len(old), len(new)])
        blocks = (self.draw.choice([old, new])[at : at + BLOCK] for at in range(0, length, BLOCK))
        return b"".join(block.ljust(BLOCK, b"\0") for block in blocks)[:length]


def restored(root: Path, cut: Cut, kind: str, wanted: Callable[[str], bool]) -> None:
    """The folder as a disk of this kind holds it, in its names that are wanted; the others stay."""
    names, content = cut.choices(kind)

    def fill(folder: Path, found: Names) -> None:
        for name, (key, mode) in sorted(found.items()):  # lots are drawn in this order, whatever the system's is
            path = folder / name
            if key.startswith("d"):
                path.mkdir()
                fill(path, names(key))
            else:
                path.write_bytes(content(key))
            path.chmod(mode)

    top = names(cut.before.of(root))
    for path in [p for p in root.iterdir() if wanted(p.name)]:
        shutil.rmtree(path) if path.is_dir() else path.unlink()
    fill(root, {name: of for name, of in top.items() if wanted(name)})
