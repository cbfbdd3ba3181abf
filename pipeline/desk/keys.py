"""Secrets of the desk: made on first use, read by their owner alone."""

import os
import secrets
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
)

from pipeline import durable
from pipeline.errors import BadInput


def private_folder(path: Path) -> Path:
    """The folder, mode 0700 where it is made."""
    return durable.made(path, 0o700)


def _keep(path: Path, content: bytes) -> bytes:
    """Write a new private file; where another process was faster, its content counts."""
    private_folder(path.parent)
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        with os.fdopen(os.open(part, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600), "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.link(part, path)
    except FileExistsError:
        content = path.read_bytes()
    finally:
        part.unlink(missing_ok=True)
    durable.flush(path.parent)  # what is signed must not outlive its key
    return content


def _guarded(path: Path) -> bytes:
    if path.stat().st_mode & 0o077:
        raise BadInput(f"{path}: can be read by others", f"chmod 600 {path}")
    return path.read_bytes()


def secret(path: Path) -> str:
    """Django's secret key."""
    content = _guarded(path) if path.exists() else _keep(path, secrets.token_urlsafe(64).encode())
    return content.decode()


def signer(path: Path) -> Ed25519PrivateKey:
    """The key that signs the head of the decision log."""
    made = Ed25519PrivateKey.generate().private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    found = load_pem_private_key(_guarded(path) if path.exists() else _keep(path, made), None)
    if not isinstance(found, Ed25519PrivateKey):
        raise BadInput(f"{path}: no Ed25519 private key in PEM")
    return found


def public_text(signer: Ed25519PrivateKey) -> str:
    return signer.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()
