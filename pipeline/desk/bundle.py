"""A published bundle as files: its signature, numbers and hashes, checked before a row is read."""

import hashlib
import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import load_pem_public_key

MANIFEST, SIGNATURE, PUBLIC = "manifest.json", "manifest.sig", "public_key.pem"
FORMAT = 1
LARGEST_MANIFEST = 64 * 1024 * 1024


class Refused(Exception):
    """A bundle that must not be loaded; `problem` is a code of texts, `detail` names the first thing that is off."""

    def __init__(self, problem: str, detail: str = "", number: int | None = None) -> None:
        super().__init__(f"{problem}: {detail}")
        self.problem, self.detail, self.number = problem, detail, number


@dataclass(frozen=True)
class Bundle:
    """A bundle whose every byte was checked. `key_sha256`: the fingerprint of the key that signed it."""

    folder: Path
    manifest: dict[str, Any]
    manifest_sha256: str
    key_sha256: str

    @property
    def number(self) -> int:
        return int(self.manifest["number"])

    def json(self, name: str) -> Any:
        return json.loads((self.folder / name).read_text(encoding="utf-8"))

    def regencies(self) -> list[str]:
        return sorted(Path(f).stem for f in self.manifest["files"] if f.startswith("candidates/"))

    def rows(self, name: str, size: int = 20_000) -> Iterator[list[dict[str, Any]]]:
        """A table's rows in batches; none where the bundle has no such file."""
        if name in self.manifest["files"]:
            with pq.ParquetFile(self.folder / name) as file:
                for batch in file.iter_batches(size):
                    yield batch.to_pylist()


@contextmanager
def unmoved(folder: Path, manifest_sha256: str) -> Iterator[None]:
    """Refused as such where another bundle took this one's place meanwhile: rows of two must never mix, and what the
    newer one swept away was not altered by anybody."""
    try:
        yield
    except (Refused, FileNotFoundError):
        _still(folder, manifest_sha256)
        raise
    _still(folder, manifest_sha256)


def _still(folder: Path, manifest_sha256: str) -> None:
    if hashlib.sha256(_read(folder / MANIFEST)).hexdigest() != manifest_sha256:
        raise Refused("replaced", MANIFEST) from None


def opened(folder: Path, trusted: str | None) -> Bundle:
    """The bundle after every check; Refused names the first that fails. `trusted`: the key's fingerprint, if pinned."""
    text = _read(folder / MANIFEST)
    with unmoved(folder, hashlib.sha256(text).hexdigest()):
        return _checked(folder, text, trusted)


def _checked(folder: Path, text: bytes, trusted: str | None) -> Bundle:
    key, fingerprint = _key(folder)
    if trusted is not None and fingerprint != trusted:
        raise Refused("foreign_key", f"{PUBLIC} {fingerprint[:16]}")
    try:
        key.verify(bytes.fromhex(_read(folder / SIGNATURE).decode("ascii").strip()), text)
    except (InvalidSignature, ValueError):
        raise Refused("bad_signature", SIGNATURE) from None
    manifest = json.loads(text)
    if manifest.get("format") != FORMAT:
        raise Refused("unknown_format", str(manifest.get("format"))[:20])
    _check_files(folder, manifest)
    return Bundle(folder, manifest, hashlib.sha256(text).hexdigest(), fingerprint)


def _read(path: Path) -> bytes:
    if path.is_symlink() or not path.is_file() or path.stat().st_size > LARGEST_MANIFEST:
        raise Refused("missing_file", path.name)
    return path.read_bytes()


def _key(folder: Path) -> tuple[Ed25519PublicKey, str]:
    content = _read(folder / PUBLIC)
    try:
        key = load_pem_public_key(content)
    except ValueError:
        key = None
    if not isinstance(key, Ed25519PublicKey):
        raise Refused("bad_signature", PUBLIC)
    return key, hashlib.sha256(key.public_bytes_raw()).hexdigest()


def _check_files(folder: Path, manifest: dict[str, Any]) -> None:
    number, files = int(manifest["number"]), manifest["files"]
    there = {str(p.relative_to(folder)) for p in folder.rglob("*") if not p.is_dir() or p.is_symlink()}
    if strange := sorted(there - set(files) - {MANIFEST, SIGNATURE, PUBLIC}):
        raise Refused("foreign_file", strange[0][:200], number)
    for name in sorted(files):
        path = folder / name
        if path.is_symlink() or not path.is_file():
            raise Refused("missing_file", name[:200], number)
        with path.open("rb") as handle:
            if hashlib.file_digest(handle, "sha256").hexdigest() != files[name]["sha256"]:
                raise Refused("altered_file", name[:200], number)
