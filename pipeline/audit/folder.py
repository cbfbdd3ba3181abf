"""A bundle of evidence as files: signature, chain and hashes come first, and nothing is read before its hash.

The first thing that is off is named: file, row or key, column, and the shape that was expected.
"""

import hashlib
import io
import json
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_public_key

from pipeline.errors import BadInput
from pipeline.sealed import FORMAT, MANIFEST, PUBLIC, SIGNATURE

KIND = "evidence"
LARGEST_MANIFEST = 64 * 1024 * 1024
THREADS = 4
FINGERPRINT = 64
UNTOUCHED = "get the bundle again from whoever made it; nothing of this one can be relied upon"


def off(where: str, what: str, expected: str) -> NoReturn:
    """BadInput that names the first thing that is off. `where`: file, and row or key and column where there is one."""
    raise BadInput(f"{where}: {what}", f"expected: {expected}", UNTOUCHED)


@dataclass(frozen=True)
class Evidence:
    """A bundle whose signature held. Its files are still to be believed one by one: `content` and `file` check each."""

    folder: Path
    manifest: Mapping[str, Any]
    manifest_sha256: str
    key_sha256: str

    def names(self, below: str = "") -> list[str]:
        return sorted(n for n in self.manifest["files"] if n.startswith(below))

    def content(self, name: str) -> bytes:
        """The bytes of a file, checked as they are in memory: what is parsed is what was hashed."""
        self.listed(name)
        found = opened_file(self.folder, name).read_bytes()
        if len(found) != self.manifest["files"][name]["bytes"]:
            wrong_size(name, len(found), self.manifest["files"][name]["bytes"])
        if hashlib.sha256(found).hexdigest() != self.manifest["files"][name]["sha256"]:
            wrong_hash(name, self.manifest["files"][name]["sha256"])
        return found

    def file(self, name: str) -> Path:
        """The path of a file that was hashed as it lies there: for tables that are read in parts."""
        self.listed(name)
        check(self, name)
        return self.folder / name

    def listed(self, name: str) -> None:
        if name not in self.manifest["files"]:
            off(f"{MANIFEST}: {name}", "not in the manifest", "a bundle of a whole run")

    def json(self, name: str) -> Any:
        return json.loads(self.content(name))

    def text(self, name: str) -> str:
        return self.content(name).decode("utf-8")

    def stream(self, name: str) -> io.BytesIO:
        return io.BytesIO(self.content(name))

    def table_files(self, table: str) -> list[str]:
        """A table's files: itself, or its parts in order."""
        return [n for n in self.names(table) if n == table or n.startswith(f"{table}/")]


def opened(folder: Path, key: str | None = None, head: Mapping[str, Any] | None = None) -> Evidence:
    """The bundle after signature and chain were checked; BadInput names the first that fails.

    key: fingerprint (sha256) of the public key that must have signed; without it the bundle vouches for itself only.
    head: number and manifest_sha256 of a bundle seen before: an older one in its place is a rollback.
    """
    text = small(folder, MANIFEST)
    public, fingerprint = public_key(small(folder, PUBLIC), PUBLIC)
    if key is not None and fingerprint != key:
        off(PUBLIC, f"another key signed, of fingerprint {fingerprint}", f"the key of fingerprint {key}")
    written = small(folder, SIGNATURE)
    try:
        signature = bytes.fromhex(written.decode("ascii").strip())
        public.verify(signature, text)
    except (InvalidSignature, ValueError):
        off(SIGNATURE, f"is no signature of {MANIFEST} by the key in {PUBLIC}", "128 hex digits by Ed25519")
    if written != f"{signature.hex()}\n".encode():
        off(SIGNATURE, "is written otherwise than it was signed", "128 hex digits in small letters, and a line end")
    evidence = Evidence(folder, parsed(text), hashlib.sha256(text).hexdigest(), fingerprint)
    if head is not None:
        follows(evidence, head)
    return evidence


def parsed(text: bytes) -> Mapping[str, Any]:
    try:
        value = json.loads(text)
    except ValueError:
        value = None
    if not isinstance(value, dict) or value.get("format") != FORMAT or value.get("kind") != KIND:
        off(MANIFEST, "is of another kind or format", f"kind {KIND}, format {FORMAT}")
    if absent := sorted({"chain", "files", "number"} - set(value)):
        off(f"{MANIFEST}: {absent[0]}", "is missing", "number, chain and files")
    for name in value["files"]:
        if Path(name).is_absolute() or ".." in Path(name).parts:
            off(f"{MANIFEST}: files", "a name leads out of the folder", "relative names below the folder")
    return value


def follows(evidence: Evidence, head: Mapping[str, Any]) -> None:
    """That this bundle is the one seen before, or came after it: its chain holds the hash of every one before."""
    number, chain = int(evidence.manifest["number"]), list(evidence.manifest["chain"])
    seen, known = int(head["number"]), str(head["manifest_sha256"])
    if number < seen:
        off(
            f"{MANIFEST}: number",
            f"{number} is older than {seen}, which was seen before",
            f"{seen} or later: a rollback",
        )
    found = evidence.manifest_sha256 if number == seen else chain[seen - 1]
    if found != known:
        off(
            f"{MANIFEST}: chain",
            f"bundle {seen} has another hash than the head says",
            f"{known}: history was rewritten",
        )


def small(folder: Path, name: str) -> bytes:
    path = opened_file(folder, name)
    if path.stat().st_size > LARGEST_MANIFEST:
        off(name, "is larger than any manifest", f"at most {LARGEST_MANIFEST:,} bytes")
    return path.read_bytes()


def opened_file(folder: Path, name: str) -> Path:
    path = folder / name
    if path.is_symlink() or not path.is_file():
        off(name, "is missing", "a plain file")
    return path


def public_key(content: bytes, name: str) -> tuple[Ed25519PublicKey, str]:
    """A public key in PEM, and its fingerprint."""
    try:
        key = load_pem_public_key(content)
    except ValueError:
        key = None
    if not isinstance(key, Ed25519PublicKey):
        off(name, "holds no key", "an Ed25519 public key in PEM")
    # One form only: a changed byte is told even where it changes nothing of the key.
    if content != key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo):
        off(name, "is written otherwise than keys are", "an Ed25519 public key in PEM")
    return key, hashlib.sha256(key.public_bytes_raw()).hexdigest()


def fingerprint(key: str | None) -> str | None:
    """What `--key` names: the fingerprint itself, or that of a PEM file."""
    if key is None or (len(key) == FINGERPRINT and set(key) <= set("0123456789abcdef")):
        return key
    path = Path(key)
    if not path.is_file():
        raise BadInput(f"--key: no such file, and no fingerprint of {FINGERPRINT} hex digits", "give one of the two")
    return public_key(path.read_bytes(), str(path))[1]


def read_head(path: Path | None) -> Mapping[str, Any] | None:
    """A head that was kept: number and manifest_sha256."""
    if path is None:
        return None
    try:
        found = json.loads(path.read_bytes())
        return {"number": int(found["number"]), "manifest_sha256": str(found["manifest_sha256"])}
    except (OSError, ValueError, KeyError, TypeError):
        raise BadInput(
            f"--head {path}: not the head of a bundle", "give the .head.json that `audit bundle` wrote"
        ) from None


def check_all(evidence: Evidence) -> int:
    """Every file: none missing, none strange, sizes and hashes; in the order of their names. How many there were."""
    files = evidence.manifest["files"]
    there = {str(p.relative_to(evidence.folder)) for p in found(evidence.folder)}
    # A folder whose only file is gone is told by that file.
    expected = {str(folder) for name in files for folder in Path(name).parents} | {MANIFEST, SIGNATURE, PUBLIC}
    for name in sorted({*files} | there - expected):
        if name not in files:
            off(name, "is not in the manifest", "the files of the manifest and no other")
        opened_file(evidence.folder, name)
    with ThreadPoolExecutor(THREADS) as pool:
        for _ in pool.map(lambda name: check(evidence, name), sorted(files)):
            pass
    return len(files)


def found(folder: Path) -> Iterable[Path]:
    """Everything below a folder but folders that hold something: an empty one is nobody's."""
    for path in folder.rglob("*"):
        if path.is_symlink() or not path.is_dir() or not any(path.iterdir()):
            yield path


def check(evidence: Evidence, name: str) -> None:
    path, told = opened_file(evidence.folder, name), evidence.manifest["files"][name]
    if path.stat().st_size != told["bytes"]:
        wrong_size(name, path.stat().st_size, told["bytes"])
    with path.open("rb") as handle:
        if hashlib.file_digest(handle, "sha256").hexdigest() != told["sha256"]:
            wrong_hash(name, told["sha256"])


def wrong_size(name: str, is_bytes: int, told: int) -> NoReturn:
    off(name, f"has {is_bytes:,} bytes", f"{told:,} bytes")


def wrong_hash(name: str, told: str) -> NoReturn:
    off(name, "was altered: its sha256 is another", f"sha256 {told}")
