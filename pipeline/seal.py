"""The manifest of a bundle and its Ed25519 signature; the key is made on first use and read by its owner alone."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
)

from pipeline import artifacts
from pipeline.errors import BadInput
from pipeline.sealed import FORMAT, MANIFEST, PUBLIC, SIGNATURE

NOT_HASHED = {MANIFEST, SIGNATURE, PUBLIC}


def key(path: Path) -> Ed25519PrivateKey:
    """The private key at `path`, made there if there is none; BadInput where others can read it, or for no such key."""
    if not path.exists():
        made = Ed25519PrivateKey.generate()
        with artifacts.replacing(path, artifacts.PRIVATE) as temporary:
            temporary.write_bytes(made.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
        return made
    if path.stat().st_mode & 0o077:
        raise BadInput(f"{path}: the signing key can be read by others", f"chmod 600 {path}")
    try:
        found = load_pem_private_key(path.read_bytes(), None)
    except (ValueError, TypeError):
        found = None
    if not isinstance(found, Ed25519PrivateKey):
        raise BadInput(f"{path}: no Ed25519 private key in PEM", "put the old key back, or remove it to make a new one")
    return found


def close(folder: Path, facts: Mapping[str, Any], signer: Ed25519PrivateKey) -> str:
    """Write manifest, signature and public key into the folder; returns the manifest's sha256.

    `facts`: number, previous (sha256 of the manifest before), as_of, lineage and what else names the bundle.
    """
    files = sorted(p for p in folder.rglob("*") if p.is_file() and p.name not in NOT_HASHED)
    listed = {
        str(p.relative_to(folder)): {
            "sha256": artifacts.sha256(p),
            "bytes": p.stat().st_size,
            "mode": p.stat().st_mode & 0o777,
        }
        for p in files
    }
    value = {"format": FORMAT, **facts, "files": listed}
    text = json.dumps(value, sort_keys=True, indent=1, default=artifacts.plain, allow_nan=False) + "\n"
    (folder / MANIFEST).write_text(text, encoding="utf-8")
    (folder / SIGNATURE).write_text(signer.sign(text.encode()).hex() + "\n", encoding="utf-8")
    public = signer.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    (folder / PUBLIC).write_bytes(public)
    return artifacts.sha256(folder / MANIFEST)
