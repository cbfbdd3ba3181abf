"""The desk's figures on one million candidates, SQLite: pages, a workbook of 10,000 rows, memory of the server.

    python -m benchmarks.desk                          build the desk under build/desk, serve it, measure
    python -m benchmarks.desk --families 20000         a small version of the same

The families are made up on the spot; what is timed is the served desk over HTTP on this machine, as a planner meets it.
"""

import argparse
import http.cookiejar
import json
import os
import random
import re
import shutil
import socket
import statistics
import subprocess
import sys
import time
import urllib.parse
import urllib.request
from collections.abc import Callable
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

PROJECT = Path(__file__).resolve().parents[1]
REGENCIES, LISTED_IN_FIRST = 100, 10_000
SEED, BATCH = 20260101, 5000
GOALS = {"list": 100.0, "family": 150.0, "workbook": 10_000.0, "memory": 300.0}


def main() -> None:
    """Build, serve, measure; one JSON object on standard output."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--families", type=int, default=1_000_000)
    parser.add_argument("--requests", type=int, default=400, help="of each kind of page")
    parser.add_argument("--home", type=Path, default=PROJECT / "build" / "desk")
    asked = parser.parse_args()
    root = asked.home.resolve()
    prepare(root)
    began = time.perf_counter()
    fill(asked.families)
    built = time.perf_counter() - began
    found = measured(root, asked.requests, asked.families)
    found |= {"families": asked.families, "built_s": round(built), "database_mb": size(root), "goals": GOALS}
    sys.stdout.write(json.dumps(found, indent=1) + "\n")


def prepare(root: Path) -> None:
    """An empty desk at home in `root`."""
    shutil.rmtree(root, ignore_errors=True)
    (root / "configs").mkdir(parents=True)
    text = (
        (PROJECT / "configs" / "desk.toml")
        .read_text(encoding="utf-8")
        .replace("exports_a_day = 20 ", "exports_a_day = 1000 ")
    )
    (root / "configs" / "desk.toml").write_text(text, encoding="utf-8")
    os.environ |= {"DESK_HOME": str(root), "DJANGO_SETTINGS_MODULE": "pipeline.desk.settings"}
    os.environ.pop("DESK_DATABASE", None)
    import django
    from django.core.management import call_command

    django.setup()
    call_command("migrate", interactive=False, verbosity=0)


def size(root: Path) -> int:
    return round((root / "data" / "desk" / "desk.sqlite3").stat().st_size / 1e6)


# ------------------------------------------------------------------ a desk of made-up families


def regency_of(n: int, families: int) -> int:
    """The first regency holds a tenth of all, so that one list has the ten thousand rows of the workbook."""
    first = families // 10
    return 0 if n < first else 1 + (n - first) % (REGENCIES - 1)


def row(n: int, families: int, draw: random.Random) -> dict[str, Any]:
    regency = regency_of(n, families)
    code = f"{11 + regency // 10:02d}{1 + regency % 10:02d}"
    district = f"{code}{1 + n // 7 % 20:02d}"
    listed = n < LISTED_IN_FIRST if regency == 0 else n % 33 == 0
    probability = draw.random() ** 3
    return {
        "number": 1,
        "kpm_id": f"K{n:09d}",
        "place": n + 1,
        "regency_code": code,
        "district_code": district,
        "district_name": f"Kecamatan {district}",
        "village_code": f"{district}{2001 + n // 140 % 15}",
        "village_name": f"Desa {n // 140 % 15}",
        "facilitator_id": f"F{code}{n % 300:03d}",
        "rank_in_regency": n + 1,
        "rank_in_facilitator": 1,
        "status": "listed" if listed else "held" if n % 5 == 0 else "below",
        "probability": probability,
        "lower": probability / 2,
        "upper": min(1.0, probability * 1.5),
        "band": "tinggi",
        "borderline": n % 50 == 0,
        "segment": "others",
        "phase": "development",
        "pathway": "kube",
        "holds": "",
        "change": "",
    }


def details(draw: random.Random) -> dict[str, Any]:
    """As many reasons, contributions, events and years as a published family has."""
    day = lambda: f"20{draw.randrange(16, 25)}-{draw.randrange(1, 13):02d}-{draw.randrange(1, 28):02d}"  # noqa: E731
    concepts = (
        "livelihood",
        "house_assets",
        "learning_sessions",
        "school_health",
        "family",
        "programme",
        "payments",
        "membership",
        "place_season",
        "data_quality",
    )
    reason = {"kind": "value", "known_on": "2025-03-01", "feature": "monthly_income_last", "place": 1, "log_odds": 0.2}
    texts = {
        "text_id": "pendapatan keluarga: Rp3.500.000 per bulan",
        "text_en": "income of the family: Rp3,500,000 a month",
    }
    return {
        "base_value": -4.75,
        "loses_a_year": draw.randrange(10**6, 10**7),
        "loses_in_years": 10**7,
        "keeps_pbi_a_year": 0,
        "sembako_a_year": 2_400_000,
        "caretaker_age": 41,
        "members": 4,
        "enrolled_months": 60,
        "flags": "",
        "pathway_id": "Fase pengembangan. KUBE.",
        "pathway_en": "Phase: development. KUBE.",
        "last_component_ends_on": day(),
        "reasons": [
            {**reason, **texts, "direction": d, "concept": c}
            for d, c in zip(["for"] * 3 + ["against"] * 2, concepts, strict=False)
        ],
        "contributions": [{"concept": c, "log_odds": draw.uniform(-0.5, 0.5)} for c in concepts],
        "history": [
            {"kind": "survey", "code": "4", "happened_on": day(), "recorded_on": "2025-06-01", "amount": 3_500_000}
            for _ in range(14)
        ],
        "lifecycle": [
            {"year": y, "on": f"{2025 + y}-06-30", "sd": 1, "smp": 1, "elderly": 1, "benefit": 3_300_000}
            for y in range(6)
        ],
        "endings": [{"kind": "sd", "ends_on": day(), "persons": 1, "last": False, "becomes": "smp"}] * 2,
    }


def fill(families: int) -> None:
    """Rows straight into the tables, in one transaction; a bundle's own loading is measured by its users."""
    from django.db import transaction

    from pipeline.desk.models import Bundle, Detail, Family, Identity
    from pipeline.desk.published import packed

    draw = random.Random(SEED)
    bodies = [packed(details(draw)) for _ in range(2000)]
    with transaction.atomic():
        for start in range(0, families, BATCH):
            rows = [row(n, families, draw) for n in range(start, min(start + BATCH, families))]
            Family.objects.bulk_create([Family(**r) for r in rows])
            Detail.objects.bulk_create(
                [Detail(number=1, kpm_id=r["kpm_id"], body=bodies[r["place"] % 2000]) for r in rows]
            )
            Identity.objects.bulk_create([identity(r) for r in rows])
        codes = count_places(families)
        active = {c: {"name": f"Kabupaten {c}", "active": families // REGENCIES} for c in codes}
        both = {k: {"id": k, "en": k} for k in ("tinggi", "kube", "others", "development")}
        words = {
            "regencies": active,
            "bands": ["tinggi"],
            "segments": both,
            "pathways": both,
            "texts": both,
            "capacity": {"per_facilitator": 10, "regency_share": 0.03},
        }
        Bundle.objects.create(
            number=1,
            manifest_sha256="0" * 64,
            key_sha256="0" * 64,
            as_of=date(2025, 6, 30),
            lineage="made-up",
            simulated=False,
            facts={"families": families, "counts": {}},
            words=words,
            loaded_at=datetime.now(UTC),
        )
    people()


def count_places(families: int) -> list[str]:
    """Districts of each regency counted as a load counts them; the codes of the regencies."""
    from pipeline.desk import loading, places
    from pipeline.desk.models import Regency

    draw, found = random.Random(SEED), {}
    for n in range(families):
        one = row(n, families, draw)
        found.setdefault(one["regency_code"], []).append({k: one[k] for k in places.READ})
    Regency.objects.bulk_create([Regency(number=1, code=c, districts=places.counted(r)) for c, r in found.items()])
    loading.know_the_tables()
    return sorted(found)


def identity(row: dict[str, Any]) -> Any:
    from pipeline.desk.models import Identity

    name = f"Ibu {row['place'] * 7919 % 999_983:06d}"
    return Identity(
        number=1,
        kpm_id=row["kpm_id"],
        regency_code=row["regency_code"],
        name=name,
        name_key=name.casefold(),
        nik=f"{row['place']:016d}",
        family_card_no="",
    )


def people() -> None:
    """Accounts, and the first list released."""
    from pipeline.desk import decisions
    from pipeline.desk.models import Account

    for name, role, area in (
        ("planner", "planner", "1101"),
        ("second", "planner", "1101"),
        ("other", "planner", "1505"),
        ("officer", "officer", ""),
    ):
        account = Account(username=name, role=role, area=area, language="en")
        account.set_password("Only-for-this-benchmark-1")
        account.save()
    for name in ("planner", "second"):
        decisions.release(Account.objects.get(username=name), "1101")


# ------------------------------------------------------------------ the served desk


class Browser:
    """A signed-in person without JavaScript."""

    def __init__(self, address: str, name: str) -> None:
        self.address = address
        self.opener = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(http.cookiejar.CookieJar()))
        self.post("/login/", username=name, password="Only-for-this-benchmark-1")

    def get(self, path: str) -> bytes:
        with self.opener.open(self.address + path, timeout=120) as answer:
            return bytes(answer.read())

    def post(self, path: str, **values: str) -> bytes:
        page = self.get("/login/" if path == "/login/" else "/about/").decode()
        token = re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', page)
        assert token is not None
        data = urllib.parse.urlencode({**values, "csrfmiddlewaretoken": token[1]}).encode()
        with self.opener.open(self.address + path, data, timeout=300) as answer:
            return bytes(answer.read())


def measured(root: Path, requests: int, families: int) -> dict[str, Any]:
    """Percentiles in ms by kind of page, seconds of the workbook, MB of the server's memory."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, "-m", "pipeline.desk", "serve", "--port", str(port)]
    server = subprocess.Popen(
        command, cwd=PROJECT, env={**os.environ, "PYTHONPATH": str(PROJECT)}, stdout=subprocess.DEVNULL
    )
    address = f"http://127.0.0.1:{port}"
    try:
        wait_for(address)
        found = {kind: timed(requests, one) for kind, one in kinds(address, families).items()}
        workbook = workbook_seconds(address, min(LISTED_IN_FIRST, families // 10))
        return {"ms": found, "workbook_s": workbook, "memory_mb": memory(server.pid)}
    finally:
        server.terminate()
        server.wait(30)


def wait_for(address: str) -> None:
    for _ in range(300):
        try:
            urllib.request.urlopen(f"{address}/login/", timeout=2).read()
            return
        except OSError:
            time.sleep(0.1)
    raise RuntimeError("the server does not answer")


def kinds(address: str, families: int) -> dict[str, Callable[[random.Random], Any]]:
    """One request of each kind; places, filters and families drawn anew each time."""
    planner, other, officer = (Browser(address, n) for n in ("planner", "other", "officer"))
    filters = (
        "",
        "&borderline=1",
        "&pathway=kube",
        "&status=held",
        "&status=all",
        "&status=below&segment=others",
        "&state=waiting",
    )

    def after(draw: random.Random) -> str:
        return f"after={draw.randrange(families)}" if draw.random() < 0.7 else "status=listed"

    return {
        "list_largest_regency": lambda d: planner.get(f"/list/?{after(d)}{d.choice(filters)}"),
        "list_regency": lambda d: other.get(f"/list/?{after(d)}{d.choice(filters)}"),
        "list_national": lambda d: officer.get(f"/list/?{after(d)}{d.choice(filters[:5])}"),
        "search_name": lambda d: planner.post("/list/", q=f"ibu {d.randrange(100, 1000)}"),
        "family": lambda d: officer.get(f"/family/K{d.randrange(families):09d}/"),
        "work": lambda d: planner.get("/"),
        "regency": lambda d: planner.get("/regencies/1101/"),
    }


def timed(requests: int, one: Callable[[random.Random], Any]) -> dict[str, float]:
    draw = random.Random(SEED)
    for _ in range(5):
        one(draw)
    spent = sorted(seconds(one, draw) * 1000 for _ in range(requests))
    return {
        "median": round(statistics.median(spent), 1),
        "p95": round(spent[int(0.95 * len(spent))], 1),
        "max": round(spent[-1], 1),
    }


def seconds(one: Callable[[random.Random], Any], draw: random.Random) -> float:
    began = time.perf_counter()
    one(draw)
    return time.perf_counter() - began


def workbook_seconds(address: str, rows: int) -> dict[str, float]:
    planner = Browser(address, "planner")
    began = time.perf_counter()
    content = planner.post("/export/")
    spent = time.perf_counter() - began
    assert content[:2] == b"PK"
    return {"seconds": round(spent, 1), "rows": rows, "mb": round(len(content) / 1e6, 1)}


def memory(pid: int) -> dict[str, int]:
    """The server's resident memory, now and at its highest, MB."""
    text = Path(f"/proc/{pid}/status").read_text(encoding="utf-8")
    return {k: round(int(re.search(rf"{k}:\s+(\d+)", text)[1]) / 1024) for k in ("VmRSS", "VmHWM")}  # type: ignore[index]


if __name__ == "__main__":
    main()
