"""The bundle that is shown, its words in the reader's language, and a family's details."""

import json
import zlib
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from pipeline.desk.models import Bundle, Detail, LoadAttempt


@dataclass(frozen=True)
class Shown:
    """The bundle of the highest number; number 0 where none was loaded yet."""

    number: int
    as_of: date
    lineage: str
    simulated: bool
    facts: dict[str, Any]
    words: dict[str, Any] = field(repr=False)

    def word(self, group: str, code: str, language: str) -> str:
        """The pipeline's own word; a code without one is shown as it is, so that nothing is hidden."""
        texts = self.words.get(group, {}).get(code)
        return str(texts[language]) if isinstance(texts, dict) and language in texts else code.replace("_", " ")


EMPTY: dict[str, Any] = {
    "regencies": {},
    "bands": [],
    "capacity": {"per_facilitator": 0, "regency_share": 0},
    "segments": {},
}
NOTHING = Shown(0, date(1970, 1, 1), "", False, {}, EMPTY)
_kept: dict[int, Shown] = {}


def current() -> Shown:
    """The shown bundle; its words are kept in memory, for they never change under one number."""
    number = Bundle.objects.order_by("-number").values_list("number", "manifest_sha256").first()
    if number is None:
        return NOTHING
    if number[0] not in _kept or _kept[number[0]].facts["manifest_sha256"] != number[1]:
        row = Bundle.objects.get(number=number[0])
        _kept.clear()
        facts = {**row.facts, "manifest_sha256": row.manifest_sha256}
        _kept[row.number] = Shown(row.number, row.as_of, row.lineage, row.simulated, facts, row.words)
    return _kept[number[0]]


def refused() -> LoadAttempt | None:
    """The last attempt to load, where it was refused: every page says so until a good bundle comes."""
    last = LoadAttempt.objects.order_by("-id").first()
    return last if last is not None and last.problem else None


def packed(detail: dict[str, Any]) -> bytes:
    return zlib.compress(json.dumps(detail, separators=(",", ":"), ensure_ascii=False).encode(), 6)


def detail(kpm_id: str) -> dict[str, Any]:
    """What the family's page shows beside its row; empty where there is none."""
    row = Detail.objects.filter(number=current().number, kpm_id=kpm_id).first()
    found: dict[str, Any] = json.loads(zlib.decompress(bytes(row.body))) if row else {}
    return found
