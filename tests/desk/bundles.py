"""A small signed bundle as the stage `publish` writes it, made without the pipeline: two regencies, every status."""

import hashlib
import json
from datetime import date
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

AS_OF = date(2025, 6, 30)
KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
OTHER_KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(1, 33)))
REGENCIES = {"3315": "Kabupaten Satu", "3509": "Kabupaten Dua"}
PER_REGENCY = 30
PLAIN = pa.schema([("kpm_id", pa.string())])
SCRIPT = "<script>document.title='ran'</script>"


def kpm(regency: str, n: int) -> str:
    return f"K{regency}{n:03d}"


def status(n: int) -> str:
    """Of thirty families the first twelve are listed, the next six held, the others below."""
    return "listed" if n < 12 else "held" if n < 18 else "below"


def candidate(regency: str, n: int) -> dict[str, Any]:
    order = list(REGENCIES).index(regency)
    return {
        "kpm_id": kpm(regency, n), "regency_code": regency, "facilitator_id": f"F{regency}{n % 3}",
        "rank": 2 * n + order + 1, "rank_in_regency": n + 1, "rank_in_facilitator": n // 3 + 1, "status": status(n),
        "eligible": status(n) != "held", "probability": 0.5 - n / 100, "lower": 0.4 - n / 100, "upper": 0.6 - n / 100,
        "borderline": n == 11, "phase": "development", "pathway": "pena" if n % 2 else "kube", "waiting_for": None,
        "holds": "pregnancy;stale_data" if status(n) == "held" else "", "pathway_id": "Karena usaha.",
        "pathway_en": "Because of a business.", "district_code": f"{regency}0{n % 2 + 1}",
        "district_name": f"Kecamatan {n % 2 + 1}", "village_code": f"{regency}0{n % 2 + 1}2001",
        "village_name": f"Desa {n % 2 + 1}", "last_component_ends_on": date(2029, 7, 1), "loses_a_year": 3_300_000,
        "loses_in_years": 18_900_000, "keeps_pbi_a_year": 2_520_000, "sembako_a_year": 0, "components": 1,
        "caretaker_age": 35.0 + n, "members": 4.0, "enrolled_months": 60.0, "base_value": -4.75, "band": "tinggi",
        "flags": "data pendapatan belum ada" if n == 3 else "", "segment": "under_40" if n < 5 else "others",
    }  # fmt: skip


def tables(regency: str) -> dict[str, list[dict[str, Any]]]:
    ids = [kpm(regency, n) for n in range(PER_REGENCY)]
    reason = {
        "concept": "livelihood",
        "feature": "business_turnover_last",
        "kind": "value",
        "known_on": date(2025, 3, 1),
    }
    life = {"members": 4, "adults": 2, "pregnancy": 0, "early_childhood": 0, "sd": 1, "smp": 0, "sma": 0, "elderly": 0,
            "disability": 0, "components": 1, "benefit": 900_000}  # fmt: skip
    return {
        "candidates": [candidate(regency, n) for n in range(PER_REGENCY)],
        "reasons": [
            {"kpm_id": k, "direction": d, "place": 1, "log_odds": s * 0.3, "text_id": f"omzet usaha: Rp{p}",
             "text_en": f"turnover: Rp{p}", **reason}
            for k in ids for d, s, p in (("for", 1, "5.000.000"), ("against", -1, "0"))
        ],
        "contributions": [{"kpm_id": k, "concept": c, "log_odds": v} for k in ids for c, v in (("family", -0.5), ("livelihood", 1.25))],
        "history": [
            {"kpm_id": k, "kind": "membership", "code": "enrolled", "happened_on": date(2018, 2, 14),
             "recorded_on": date(2018, 3, 24), "amount": None}
            for k in ids
        ],
        "lifecycle": [{"kpm_id": k, "year": y, "on": date(2025 + y, 6, 30), **life} for k in ids for y in range(3)],
        "endings": [
            {"kpm_id": k, "kind": "sd", "ends_on": date(2029, 7, 1), "becomes": "smp", "persons": 1,
             "rupiah_a_year": 900_000, "next_rupiah_a_year": 1_500_000, "last": True}
            for k in ids
        ],
        "identity": [
            {"kpm_id": k, "nik": f"{regency}01450982{n:04d}", "family_card_no": f"{regency}011402180{n:03d}",
             "name": f"Ibu Contoh {n:03d}{SCRIPT if n == 2 else ''}"}
            for n, k in enumerate(ids)
        ],
    }  # fmt: skip


def words() -> dict[str, Any]:
    def both(**texts: str) -> dict[str, Any]:
        return {k: {"id": f"{v} (id)", "en": v} for k, v in texts.items()}

    story = both(
        who="Family {family}, {age} years, {members} members, {months} months.",
        chance="The chance is {probability} ({lower} to {upper}); number {rank_in_regency} of {active} in {regency}.",
        status_listed="Listed.", status_held="Held.", status_below="Below.", ends="The last ends on {on}.",
        lasting="No end.", loses="It would lose {money}.",
    )  # fmt: skip
    return {
        "concepts": both(livelihood="livelihood", family="family"),
        "holds": both(pregnancy="pregnant", stale_data="old data"),
        "phases": both(development="development"),
        "pathways": both(pena="PENA", kube="KUBE"),
        "story": story,
        "components": both(sd="SD", smp="SMP"),
        "events": both(membership="membership"),
        "membership": both(enrolled="enrolled"),
        "changes": both(entered_new="new", left_held="held now"),
        "segments": both(under_40="under 40", others="others"),
        "reasons": {},
        "cases": {},
        "reporters": {},
        "payments": {},
        "identity": {},
        "sentences": {},
        "texts": both(**{"tinggi": "high", "data pendapatan belum ada": "no income"}),
        "bands": ["tinggi"],
        "simulated": {"id": "DATA SIMULASI", "en": "SIMULATED DATA"},
        "regencies": {c: {"name": n, "active": PER_REGENCY} for c, n in REGENCIES.items()},
        "capacity": {"per_facilitator": 10, "regency_share": 0.4},
    }


def write(folder: Path, number: int = 1, key: Ed25519PrivateKey = KEY, **changes: Any) -> Path:
    """The bundle under `folder`, signed; `changes` replace facts of the manifest."""
    for regency in REGENCIES:
        for name, rows in tables(regency).items():
            path = folder / name / f"{regency}.parquet"
            path.parent.mkdir(parents=True, exist_ok=True)
            pq.write_table(pa.Table.from_pylist(rows), path)
    change = {
        "kpm_id": kpm("3315", 0),
        "change": "entered",
        "why": "entered_new",
        "regency_code": "3315",
        "facilitator_id": "F33150",
    }
    gone = {
        "kpm_id": "K3315999",
        "change": "left",
        "why": "left_held",
        "regency_code": "3315",
        "facilitator_id": "F33150",
    }
    pq.write_table(pa.Table.from_pylist([change, gone]), folder / "changes.parquet")
    (folder / "words.json").write_text(json.dumps(words()))
    (folder / "lineage.json").write_text(json.dumps({"id": "abc123"}))
    sign(folder, key, number=number, **changes)
    return folder


def moves(folder: Path, regency: str, rows: list[dict[str, Any]]) -> None:
    """Why families of a regency moved; the bundle is to be signed again."""
    (folder / "moves").mkdir(exist_ok=True)
    pq.write_table(pa.Table.from_pylist(rows), folder / "moves" / f"{regency}.parquet")


def drop(folder: Path, family: str, **facts: Any) -> None:
    """The bundle anew without a family."""
    for path in folder.rglob("*.parquet"):
        rows = [r for r in pq.read_table(path).to_pylist() if r["kpm_id"] != family]
        if rows:
            pq.write_table(pa.Table.from_pylist(rows), path)
    sign(folder, **facts)


def sign(folder: Path, key: Ed25519PrivateKey = KEY, **changes: Any) -> None:
    """A manifest of what lies there now, with its signature."""
    names = {"manifest.json", "manifest.sig", "public_key.pem"}
    files = {
        str(p.relative_to(folder)): {"sha256": hashlib.sha256(p.read_bytes()).hexdigest(), "bytes": p.stat().st_size}
        for p in sorted(folder.rglob("*")) if p.is_file() and p.name not in names
    }  # fmt: skip
    counts = {s: len(REGENCIES) * sum(status(n) == s for n in range(PER_REGENCY)) for s in ("listed", "held", "below")}
    facts = {
        "format": 1,
        "number": 1,
        "previous": "",
        "as_of": AS_OF.isoformat(),
        "lineage": "abc123",
        "simulated": True,
        "families": len(REGENCIES) * PER_REGENCY,
        "counts": counts,
        **changes,
    }
    text = json.dumps({**facts, "files": files}, sort_keys=True).encode()
    (folder / "manifest.json").write_bytes(text)
    (folder / "manifest.sig").write_text(key.sign(text).hex() + "\n")
    (folder / "public_key.pem").write_bytes(
        key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    )
