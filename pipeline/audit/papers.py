"""Papers of a bundle, generated from the run: the rules of the labels, and the datasheet of the data."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow.compute as pc
import pyarrow.parquet as pq

from pipeline.audit import names
from pipeline.labels import OUTCOME_OF_REASON
from pipeline.tables import TABLES


@dataclass(frozen=True)
class Run:
    """What the papers read of a bundle under way."""

    folder: Path

    def json(self, name: str) -> Any:
        return json.loads((self.folder / name).read_text(encoding="utf-8"))

    @cached_property
    def study(self) -> dict[str, Any]:
        return dict(self.json(names.PARAMETERS)["study"])

    @cached_property
    def lineage(self) -> dict[str, Any]:
        return dict(self.json(names.LINEAGE))


def label_rules(run: Run) -> str:
    """What counts as success, when a label can be told, and how many there are; Markdown."""
    months, study = run.study["horizon_months"], run.study
    reasons = "\n".join(f"| `{reason}` | {outcome} |" for reason, outcome in OUTCOME_OF_REASON.items())
    moments = run.json(f"{names.LABELS}/moments.json")
    known = "\n".join(f"| {as_of} | {matured} |" for as_of, matured in moments.items())
    return f"""# What the labels mean
The label of a family on an as-of date is the first recorded exit in the {months} months after it. Exits compete: only
`gsm` (graduasi sejahtera mandiri) is success; every other exit, and none, is not.

| recorded reason of the exit | outcome |
|---|---|
{reasons}
| any other | other |

- An exit recorded as `gsm` or `ppse` where no member made the family eligible on that day, by the roster as known when
  it was recorded, is `natural`.
- An exit that took effect by the as-of date but was recorded later is `other`.
- A label is censored until horizon and measured lag lie within the extract. The lag is the quantile
  {study["lag_quantile"]} of the days from exit to record, as known at the end of the horizon;
  {study["lag_days_without_evidence"]} days where no exit is old enough to measure it.
- It is read from what had been recorded on the day it matured, so a later extract cannot change it.

| as of | matured on |
|---|---|
{known}

## Rows by outcome
{counted(run)}
"""


def counted(run: Run) -> str:
    outcomes = pq.read_table(run.folder / names.LABELS / "labels.parquet", columns=["outcome"])["outcome"]
    rows = sorted((str(r["values"]), int(r["counts"])) for r in pc.value_counts(outcomes).to_pylist())
    return table(("outcome", "rows"), [(name, f"{n:,}") for name, n in rows])


def datasheet(run: Run) -> str:
    """Where the data come from, what each table holds, what was turned away; Markdown, every number from the run."""
    lineage = run.lineage
    warning = "**A simulated world: no real families.**\n\n" if lineage["simulated"] else ""
    quarantine = pd.read_csv(run.folder / names.QUARANTINE).drop_duplicates("table")
    turned = [(r["table"], f"{r['rows']:,}", f"{r['accepted']:,}", f"{r['rejected']:,}") for r in dicts(quarantine)]
    return f"""# Datasheet
{warning}Source `{lineage["source"]}`, extracted on {lineage["extracted_on"]}; {len(lineage["data"])} files, each with
its sha256 in `{names.SOURCE}`. Lineage `{lineage["id"]}`.

## Tables kept for replay
Names, NIK and family card numbers are set apart at ingestion and are not in this bundle. `kpm_id` is the register's own
number: whoever holds the register can tell who it is, so the bundle is confidential where the data are real.

{table(("table", "rows", "what a row is identified by"), stored(run))}

## Accepted and turned away at ingestion
{table(("table", "rows", "accepted", "rejected"), turned)}

## What the data cannot tell
- What was recorded, when it was recorded. Silence is not absence: a family without a survey is not poor or rich.
- A recorded graduation is an act of people under the policy of its year, and no measure of well-being.
- The facilitator who writes records also proposes graduations; the facilitator is no input of the score.
"""


def risks(run: Run) -> str:
    """The risk sheet, a skeleton of an assessment by UU PDP 27/2022 Art. 34; Markdown, every number from the run.

    What only the controller can say is left open, and says so.
    """
    warning = "**A simulated world: no real families.**\n\n" if run.lineage["simulated"] else ""
    study, columns = run.study, [c.name for t in TABLES.values() for c in t.columns() if c.pii]
    personal = ", ".join(sorted(set(columns)))
    return f"""# Risk sheet
{warning}A skeleton for the controller's assessment (UU PDP 27/2022, Art. 34). What stands here was read from the run;
what only the controller can say is marked `to be filled in`.

## What is done
Every family that was a member on {run.lineage["extracted_on"]} is scored for the chance of graduating within
{study["horizon_months"]} months, and some are proposed for a home visit. The score orders visits. It decides nothing:
no state of the desk ends a family's assistance, and a person confirms every proposal (UU PDP Art. 10).

- Controller, legal basis, retention, contact for objections: to be filled in.
- Identity apart: {len(columns)} columns of the contract are personal ({personal});
  none is in this bundle, in features, in the model or in its records.
- Data that the law calls specific and that are used: children, pregnancy and disability (`members`), clinics and
  schools (`commitments`), money (`welfare`, `payments`).

## Risks, what stands against them, and what this run shows
{table(("risk", "what stands against it", "in this run"), faced(run))}

## What is left
A low chance is no judgement of a family, and a high one no proof that it stands on its own. Whoever is proposed may
object at any step; objections are kept in the desk's record. Risks that remain after these measures, and who accepts
them: to be filled in.
"""


def faced(run: Run) -> list[tuple[str, str, str]]:
    """Each risk, the measure, and what the run shows of it."""
    scores = pq.read_table(run.folder / names.SCORES, columns=["eligible"])["eligible"]
    index = pd.read_csv(run.folder / names.INDEX)
    level = run.json(names.METRICS)["models"]["lightgbm"]["calibration_in_the_large"]
    held = len(scores) - int(pc.sum(scores).as_py() or 0)
    return [
        (
            "a poor family pushed out by an error",
            "holds keep a family off every list; a list is bounded by what facilitators and a regency can visit",
            f"{held:,} of {len(scores):,} families held; {int(index['candidates'].sum()):,} listed",
        ),
        (
            "a promise that does not come true",
            "chances are calibrated out of time, and told with intervals",
            f"graduations for each one promised, out of time: {level['estimate']:.2f} "
            f"({level['lower']:.2f} to {level['upper']:.2f})",
        ),
        ("some groups are treated worse", "every group against everybody else, at the size of the list", treated(run)),
        ("families change and the model does not", "a watch over features, scores and expected finds", drifted(run)),
        (
            "a reason that is not the reason",
            "contributions add up to the score on every row, and are worked out a second time",
            f"`verify` of this bundle: rows of {len(scores):,} families",
        ),
        (
            "somebody finds out who a family is",
            "names and numbers of identity apart; small counts hidden in what is published",
            "a column that the contract marks as personal is refused in a bundle",
        ),
    ]


def treated(run: Run) -> str:
    if not (run.folder / names.FAIRNESS).is_file():
        return "not judged in this bundle"
    told = run.json(names.FAIRNESS)["history"]
    counts = told["verdicts"].get("single", {})
    return f"{told['tests']:,} tests; single attributes: " + ", ".join(
        f"{n} {verdict}" for verdict, n in counts.items()
    )


def drifted(run: Run) -> str:
    if not (run.folder / names.DRIFT).is_file():
        return "not watched in this bundle"
    told = run.json(names.DRIFT)["changes"]
    if told["alarms"] is None:
        return str(told["why"])
    return (
        f"{len(told['alarms'])} of {told['series']} series out of the ordinary; "
        f"{told['false_alarms_a_year']:g} false alarms a year asked for"
    )


def dicts(frame: pd.DataFrame) -> list[dict[Any, Any]]:
    return list(frame.to_dict("records"))


def stored(run: Run) -> list[tuple[str, str, str]]:
    found = []
    for path in sorted((run.folder / names.CANONICAL).glob("*.parquet")):
        files = sorted(path.glob("*.parquet")) if path.is_dir() else [path]
        rows = sum(int(pq.read_metadata(f).num_rows) for f in files)
        name = path.name.removesuffix(".parquet")
        found.append((name, f"{rows:,}", ", ".join(TABLES[name].key)))
    return found


def table(head: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> str:
    lines = [head, tuple("---" for _ in head), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def bundled(made: Any) -> str:
    """What a person is shown of a bundle that was written (contents.Bundled)."""
    return "\n".join(
        (
            *made.lines,
            f"bundle {made.number}: {made.files} files, {made.size:,} bytes, copied, not linked",
            f"manifest sha256 {made.manifest_sha256}",
            f"key fingerprint {made.key_sha256}",
            made.public_key.strip(),
            "Keep number, manifest sha256 and fingerprint apart from the bundle: <folder>.head.json holds them.",
        )
    )
