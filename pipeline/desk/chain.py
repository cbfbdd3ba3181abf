"""The decision log: h_i = SHA256(0x00 || h_(i-1) || canonical JSON), and its signed head.

A chain alone does not stop whoever owns the machine from writing all of it anew: the signed head must leave it.
Times in a line are data; the sequence number is the order.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import load_pem_public_key
from django.db import transaction
from django.utils import timezone

from pipeline.desk import keys
from pipeline.desk.models import Account, Entry, Head

START = "0" * 64
LOG = "log"


def canonical(body: Mapping[str, Any]) -> str:
    """JSON with sorted keys, no spaces and no floating numbers, so that one content has one form (RFC 8785)."""
    return json.dumps(_plain(body), sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(k): _plain(v) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(v) for v in value]
    if isinstance(value, float):
        return repr(value)
    if isinstance(value, datetime | date):
        return value.isoformat()
    return value


def link(previous: str, body: str) -> str:
    """The hash of a line."""
    return hashlib.sha256(b"\x00" + bytes.fromhex(previous) + body.encode()).hexdigest()


@transaction.atomic
def append(kind: str, body: Mapping[str, Any], account: Account | None = None) -> Entry:
    """Add a line; in the transaction of what it tells, so that both stand or neither."""
    Head.objects.get_or_create(name=LOG, defaults={"seq": 0, "hash": START})
    head = Head.objects.select_for_update().get(name=LOG)
    who = {"account": account.username, "role": account.role} if account else {"account": "", "role": "machine"}
    text = canonical({"seq": head.seq + 1, "kind": kind, "at": timezone.now(), **who, "body": body})
    entry = Entry(seq=head.seq + 1, kind=kind, body=text, previous=head.hash, hash=link(head.hash, text))
    entry.save(force_insert=True)
    Head.objects.filter(name=LOG).update(seq=entry.seq, hash=entry.hash)
    return entry


@dataclass(frozen=True)
class Verdict:
    """What checking the log found: lines that hold, and the first that does not, with the reason."""

    lines: int
    broken_at: int | None
    problem: str

    @property
    def whole(self) -> bool:
        return self.broken_at is None


def verify(head: Mapping[str, Any] | None = None) -> Verdict:
    """Recompute every hash; with an exported head, also that the log still holds that line and has not been cut."""
    previous, seq = START, 0
    wanted = None if head is None else (int(head["seq"]), str(head["hash"]))
    for entry in Entry.objects.order_by("seq").iterator(chunk_size=2000):
        problem = _wrong(entry, previous, seq + 1)
        if problem:
            return Verdict(seq, seq + 1, problem)
        previous, seq = entry.hash, entry.seq
        if wanted and wanted[0] == seq and wanted[1] != previous:
            return Verdict(seq - 1, seq, "the exported head has another hash here: the log was written anew")
    if wanted and wanted[0] > seq:
        return Verdict(seq, seq + 1, f"the exported head is line {wanted[0]}: the log was cut")
    end = Head.objects.filter(name=LOG).first()
    if end and (end.seq, end.hash) != (seq, previous):
        return Verdict(seq, seq + 1, f"the log's own head is line {end.seq}: lines are missing")
    return Verdict(seq, None, "")


def _wrong(entry: Entry, previous: str, seq: int) -> str:
    if entry.seq != seq:
        return f"line {seq} is missing, line {entry.seq} stands in its place"
    if entry.previous != previous:
        return "does not follow from the line before"
    if link(previous, entry.body) != entry.hash:
        return "its content was changed"
    told = json.loads(entry.body)
    return "" if (told.get("seq"), told.get("kind")) == (seq, entry.kind) else "its number or kind was changed"


def signed_head(signer: Ed25519PrivateKey) -> dict[str, Any]:
    """The head of the log with signature and public key, to leave the machine."""
    end = Head.objects.filter(name=LOG).first()
    body = {"seq": end.seq if end else 0, "hash": end.hash if end else START, "at": timezone.now().isoformat()}
    signature = signer.sign(canonical(body).encode()).hex()
    return {**body, "signature": signature, "public_key": keys.public_text(signer)}


def head_is_ours(head: Mapping[str, Any], public: str) -> bool:
    """Whether an exported head carries a good signature of the key."""
    key = load_pem_public_key(public.encode())
    body = {k: head[k] for k in ("seq", "hash", "at") if k in head}
    try:
        assert isinstance(key, Ed25519PublicKey)
        key.verify(bytes.fromhex(str(head.get("signature", ""))), canonical(body).encode())
    except (InvalidSignature, ValueError, AssertionError):
        return False
    return True
