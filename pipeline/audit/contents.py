"""A finished run as one signed folder of evidence; all of it or nothing.

Files are copied, never linked: what an auditor holds must not change when a table of the run is written anew. Before
the folder takes its place everything that `verify` would ask is asked, and of up to `proven_families` families every
feature is rebuilt by the stored statements.
"""

import json
import platform
import shutil
from collections.abc import Iterator, Mapping, Sequence
from importlib.metadata import distributions
from pathlib import Path
from typing import Any, NamedTuple

import ibis
import pyarrow.parquet as pq

from pipeline import artifacts, features, folds, lifecycle, provenance, publish, seal, stages
from pipeline.artifacts import Home
from pipeline.audit import checks, folder, names, papers, questions, replay, room, statements
from pipeline.audit.settings import Config
from pipeline.columns import FAMILY
from pipeline.errors import BadInput
from pipeline.sealed import PUBLIC
from pipeline.tables import TABLES

LEDGER = "evidence.json"  # beside the signing key: numbers and hashes of all bundles, which never come back
PERSONAL = {c.name for t in TABLES.values() for c in t.columns() if c.pii}
LOCK = artifacts.PROJECT / names.LOCK
WHOLE_RUN = "run `dvc repro`, or `python -m pipeline all`, first"
COPIED: Mapping[str, str] = {
    names.LINEAGE: stages.LINEAGE,
    names.SOURCE: stages.SOURCE,
    names.EXTRACT: stages.EXTRACT,
    names.MODEL: stages.MODEL,
    names.CALIBRATION: stages.CALIBRATION,
    names.CARD: stages.CARD,
    names.DICTIONARY: stages.DICTIONARY,
    names.WORDING: stages.WORDING,
    names.KNOWN_ON: stages.KNOWN_ON,
    names.EVALUATION: "data/evaluation",
    names.EXPLANATIONS: stages.EXPLANATIONS,
    names.LABELS: "data/snapshots",
    names.SCORES: stages.SCORES,
    names.PATHWAYS: stages.PATHWAYS,
    names.LIVES: stages.LIVES,
    names.LISTS: stages.LISTS,
    names.QUARANTINE: stages.FINDINGS,
}
OPTIONAL: Mapping[str, str] = {
    "effect": stages.EFFECT, "opinions": stages.OPINIONS, "fairness": "data/fairness", "drift": "data/drift",
}  # fmt: skip


class Bundled(NamedTuple):
    """What was written: its number, the manifest's hash, the key's fingerprint and text, files and bytes."""

    number: int
    manifest_sha256: str
    key_sha256: str
    public_key: str
    files: int
    size: int
    lines: tuple[str, ...]

    @property
    def head(self) -> dict[str, Any]:
        """What an auditor keeps of it, so that an older bundle in its place is seen."""
        return {"number": self.number, "manifest_sha256": self.manifest_sha256, "key_sha256": self.key_sha256}


def bundle(home: Home, out: Path) -> Bundled:
    """Write the folder, and `<out>.head.json` beside it; BadInput where the run is not whole or does not verify."""
    config = home.load(Config, "audit")
    one_run(home)
    stages.engine(home)
    key = home.path(home.load(publish.Config, "publish").private_key)
    signer, ledger = seal.key(key), key.with_name(LEDGER)
    chain = artifacts.read_json(ledger)["chain"] if ledger.exists() else []
    with artifacts.replacing_folder(out) as target:
        filled(home, target)
        nothing_personal(target)
        manifest = seal.close(target, facts(home, chain), signer)
        lines = checks.verified(target, None, None, config)
        proof = checks.proven(folder.opened(target), config)
        artifacts.write_json({"chain": [*chain, manifest]}, ledger)
    opened = folder.opened(out)
    size = sum(f["bytes"] for f in opened.manifest["files"].values())
    public = (out / PUBLIC).read_text(encoding="utf-8")
    number, files = len(chain) + 1, len(opened.manifest["files"])
    made = Bundled(number, manifest, opened.key_sha256, public, files, size, (*lines, proof))
    artifacts.write_json(made.head, out.with_name(f"{out.name}.head.json"))
    return made


def one_run(home: Home) -> None:
    """BadInput where an output is missing, or where model and calibration are not those of the lineage."""
    needed = [*(home.path(p) for p in (*COPIED.values(), stages.METRICS)), LOCK]
    absent = [path for path in needed if not path.exists()]
    if absent:
        raise BadInput(f"{absent[0]}: not there yet", WHOLE_RUN)
    told = artifacts.read_json(home.path(stages.LINEAGE), "model")["model"]
    for name, path in (("model", stages.MODEL), ("calibration", stages.CALIBRATION)):
        if artifacts.sha256(home.path(path)) != told[name]:
            raise BadInput(f"{home.path(path)}: is not the {name} that {stages.LINEAGE} names", WHOLE_RUN)


def facts(home: Home, chain: list[str]) -> dict[str, Any]:
    lineage = artifacts.read_json(home.path(stages.LINEAGE))
    return {
        "kind": folder.KIND, "number": len(chain) + 1, "previous": chain[-1] if chain else "", "chain": chain,
        "as_of": stages.extracted_on(home), "lineage": lineage["id"], "simulated": bool(lineage["simulated"]),
        "commit": lineage["commit"], "dirty": lineage["dirty"], "families": artifacts.rows(home.path(stages.SCORES)),
    }  # fmt: skip


def filled(home: Home, target: Path) -> None:
    """Everything but manifest and signature."""
    for name, path in COPIED.items():
        copied(home.path(path), target / name)
    for name, path in OPTIONAL.items():
        if home.path(path).exists():
            copied(home.path(path), target / name)
    for file in sorted(home.path(stages.CANONICAL).glob("*.parquet")):
        copied(file, target / names.CANONICAL / file.name)
    copied(stages.features_today(home), target / names.FEATURES)
    # As declared, not sorted: holds are told, and phases asked, in the order in which they stand.
    settings = json.dumps(provenance.parameters(home), indent=1, default=artifacts.plain, allow_nan=False)
    artifacts.write_text(settings + "\n", target / names.PARAMETERS)
    copied(LOCK, target / names.LOCK)
    artifacts.write_json(code(), target / names.CODE)
    artifacts.write_json(environment(), target / names.ENVIRONMENT)
    artifacts.write_csv(folds.table([stages.final_fold(home)]), target / names.LEARNT)
    snapshot(home, target)
    told = papers.Run(target)
    artifacts.write_text(papers.label_rules(told), target / names.RULES)
    artifacts.write_text(papers.datasheet(told), target / names.DATASHEET)
    artifacts.write_text(papers.risks(told), target / names.RISKS)


def copied(path: Path, to: Path) -> None:
    to.parent.mkdir(parents=True, exist_ok=True)
    if path.is_dir():
        shutil.copytree(path, to)
    else:
        shutil.copyfile(path, to)


def snapshot(home: Home, target: Path) -> None:
    """Statements, the small tables that features take from others, and every family's row among its neighbours."""
    tables, as_of, further = stages.canonical(home), stages.extracted_on(home), stages.declared(home)
    schemas = {name: ibis.schema(table.schema()) for name, table in tables.items()}
    compiled = statements.compiled(schemas, as_of, further, home.load(lifecycle.Config, "lifecycle"))
    for name, sql in compiled.items():
        artifacts.write_text(sql, target / names.SQL / f"{name}.sql")
    for name, table in features.around.together(features.around.of_part(tables, as_of)).items():
        artifacts.write(table.order_by(table.columns[:2]), target / names.AROUND / f"{name}.parquet")
    near = features.neighbours(tables, as_of, further)
    artifacts.write(near.order_by(["regency", FAMILY]), target / names.NEIGHBOURS)


def code() -> dict[str, str]:
    """The sha256 of every file of the code by path: what a commit alone does not tell where it was dirty."""
    files = sorted(p for p in Path(__file__).parents[1].rglob("*") if p.is_file() and p.suffix != ".pyc")
    here = Path(__file__).parents[2]
    return {str(p.relative_to(here)): artifacts.sha256(p) for p in files if "__pycache__" not in p.parts}


def environment() -> dict[str, Any]:
    """Interpreter, platform and installed versions; the locked ones are in requirements.lock beside."""
    installed = {d.name.lower(): d.version for d in distributions() if d.name}
    return {
        "python": platform.python_version(), "implementation": platform.python_implementation(),
        "machine": platform.machine(), "system": platform.system(), "installed": dict(sorted(installed.items())),
    }  # fmt: skip


def nothing_personal(target: Path) -> None:
    for file, columns in tables(target):
        if found := sorted(PERSONAL & set(columns)):
            told = file.relative_to(target)
            raise BadInput(f"audit: {told}: {found[0]}: a column of identity", "identity never enters a bundle")


def tables(target: Path) -> Iterator[tuple[Path, list[str]]]:
    for file in sorted(target.rglob("*.parquet")):
        yield file, list(pq.read_schema(file).names)
    for file in sorted(target.rglob("*.csv")):
        if file.parent.name != names.LISTS and file.name != "dictionary.csv":
            with file.open(encoding="utf-8-sig") as lines:
                yield file, lines.readline().strip().split(",")


def answered(out: Path, answers: Sequence[questions.Answer]) -> None:
    """A query and a CSV each; the folder takes its place whole."""
    with artifacts.replacing_folder(out) as folder:
        write_answers(folder, answers)


def write_answers(folder: Path, answers: Sequence[questions.Answer]) -> None:
    for answer in answers:
        artifacts.write_text(answer.question.sql + "\n", folder / f"{answer.question.name}.sql")
        artifacts.write_csv(answer.rows, folder / f"{answer.question.name}.csv")


def furnished(home: Home, place: Path, key: str | None, out: Path) -> tuple[str, ...]:
    """The auditor's room as pages, of a bundle that was verified first; the folder takes its place whole."""
    lines = checks.verified(place, key, None, home.load(Config, "audit"))
    snapshot = replay.Snapshot(folder.opened(place, key))
    answers = questions.asked(snapshot)
    pages = room.site(room.Room(snapshot, lines, answers, key is not None))
    with artifacts.replacing_folder(out) as target:
        for name, text in pages.items():
            artifacts.write_text(text, target / name)
        write_answers(target / "questions", answers)
    return (*lines, f"{len(pages)} pages, {len(answers)} answers")
