"""What flows back: decisions in a fixed layout without names, treated families marked, and the yield of visits."""

import csv
import io
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from django.db.models import QuerySet

from pipeline import durable
from pipeline.desk import workflow
from pipeline.desk.models import Step

LAYOUT = pa.schema([
    ("kpm_id", pa.string()), ("round", pa.int64()), ("version", pa.int64()), ("action", pa.string()),
    ("outcome", pa.string()), ("reason", pa.string()), ("happened_on", pa.date32()), ("recorded_on", pa.date32()),
    ("state_from", pa.string()), ("state_to", pa.string()), ("role", pa.string()), ("regency_code", pa.string()),
    ("facilitator_id", pa.string()), ("bundle", pa.int64()), ("status", pa.string()),
    ("rank_in_regency", pa.int64()), ("probability", pa.float64()), ("override", pa.bool_()),
    ("score_seen", pa.bool_()), ("treated", pa.bool_()),
])  # fmt: skip
"""Key kpm_id, version. `treated`: the list led somebody to the family, so what followed is no untouched outcome."""

PLAIN = (
    "round", "version", "action", "outcome", "reason", "happened_on", "state_from", "state_to", "role", "status",
    "rank_in_regency", "probability", "override", "score_seen",
)  # fmt: skip
BANDS = (10, 30, 100, 300)
STARTS = ("=", "+", "-", "@", "\t", "\r")


def rows(steps: "QuerySet[Step]") -> Iterator[dict[str, Any]]:
    """Steps in the layout, in order of family and version."""
    for step in steps.select_related("case").order_by("case__kpm_id", "version").iterator(chunk_size=2000):
        plain = {n: getattr(step, n) for n in PLAIN}
        yield {
            **plain, "kpm_id": step.case.kpm_id, "recorded_on": step.at.date(), "bundle": step.number,
            "regency_code": step.case.regency_code, "facilitator_id": step.case.facilitator_id,
            "treated": step.action in ("visit", "assessment", "village_meeting", "statement"),
        }  # fmt: skip


def yields(steps: "QuerySet[Step]") -> list[dict[str, Any]]:
    """Visits and what came of them by rank band in the regency, and by facilitator; only first visits of a round."""
    found: dict[tuple[str, str], dict[str, int]] = defaultdict(
        lambda: {"visits": 0, "fit": 0, "not_yet": 0, "proposed": 0}
    )
    ended = {(s.case_id, s.round) for s in steps.filter(state_to=workflow.PROPOSED)}
    for step in steps.filter(action="visit").select_related("case").iterator(chunk_size=2000):
        for key in (("rank", rank_band(step.rank_in_regency)), ("facilitator", step.case.facilitator_id)):
            one = found[key]
            one["visits"] += 1
            one["fit"] += step.outcome == "fit"
            one["not_yet"] += step.outcome == "not_yet"
            one["proposed"] += step.outcome == "fit" and (step.case_id, step.round) in ended
    return [{"by": by, "group": group, **n} for (by, group), n in sorted(found.items())]


def rank_band(rank: int | None) -> str:
    """`001-010`, `011-030` and so on; text that sorts in order."""
    if rank is None:
        return "none"
    lower = [1, *(b + 1 for b in BANDS)]
    for low, high in zip(lower, BANDS, strict=False):
        if rank <= high:
            return f"{low:03d}-{high:03d}"
    return f"{BANDS[-1] + 1:03d}-"


def csv_text(table: Sequence[Mapping[str, Any]], names: Sequence[str]) -> str:
    """RFC 4180; a text that begins like a formula gets an apostrophe."""
    stream = io.StringIO(newline="")
    writer = csv.writer(stream, lineterminator="\r\n")
    writer.writerow(names)
    for row in table:
        writer.writerow([guarded(row.get(n)) for n in names])
    return stream.getvalue()


def guarded(value: Any) -> Any:
    if value is None:
        return ""
    return f"'{value}" if isinstance(value, str) and value.startswith(STARTS) else value


def write(folder: Path) -> Iterator[tuple[Path, int]]:
    """decisions.parquet, decisions.csv and yield.csv, each whole or not at all."""
    durable.made(folder)
    steps = Step.objects.all()
    found, counted = list(rows(steps)), yields(steps)
    with durable.in_place_when_whole(folder / "decisions.parquet") as part:
        pq.write_table(pa.Table.from_pylist(found, LAYOUT), part)
    yield folder / "decisions.parquet", len(found)
    texts = {
        "decisions.csv": (found, LAYOUT.names),
        "yield.csv": (counted, ["by", "group", "visits", "fit", "not_yet", "proposed"]),
    }
    for name, (table, names) in texts.items():
        with durable.in_place_when_whole(folder / name) as part:
            part.write_text(csv_text(table, names), encoding="utf-8", newline="")
        yield folder / name, len(table)
