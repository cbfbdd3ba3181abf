"""The whole pipeline on one page: what each stage reads, does and writes.

A stage imports what it needs when it runs, so that one starts in a second; tests/test_house.py proves that these
imports are the stage's deps in dvc.yaml.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import date
from functools import cache, partial
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, TypeVar

from pipeline import artifacts, progress
from pipeline.artifacts import Home
from pipeline.columns import AS_OF, CENSORED, FAMILY, TARGET
from pipeline.errors import BadInput

if TYPE_CHECKING:
    from pathlib import Path

    import ibis.expr.types as ir
    import pandas as pd
    import pyarrow as pa

    from pipeline import simulate
    from pipeline.folds import Fold
    from pipeline.parts import Part

SIMULATED, TRUTH, SOURCE = "data/simulated", "data/truth", "data/source.json"
DECISIONS = "data/decisions.json"
CANONICAL, QUARANTINE, IDENTITY = "data/canonical", "data/quarantine", "data/identity/identity.parquet"
EXTRACT, FINDINGS = "data/canonical/extract.json", "data/quarantine/counts.csv"
DOUBTS = "data/quarantine/plausibility.csv"
COHORT, LABELS = "data/snapshots/cohort.parquet", "data/snapshots/labels.parquet"
MOMENTS, RECORDED = "data/snapshots/moments.json", "data/snapshots/recorded.parquet"
FEATURES, DICTIONARY = "data/features", "data/features/dictionary.csv"
WORDING, KNOWN_ON, PARTITIONS = "data/wording.csv", "data/known_on.parquet", "data/partitions.json"
PREDICTIONS, FOLDS = "data/evaluation/predictions.parquet", "data/evaluation/folds.csv"
INCIDENCE = "data/evaluation/incidence.parquet"
METRICS, TABLES = "data/evaluation/metrics.json", "data/evaluation/tables"
MODEL, CALIBRATION, CARD = "models/graduation.txt", "models/calibration.json", "models/card.md"
MODEL_SHA256 = "models/graduation.sha256"
LINEAGE, EXPLANATIONS, SHAP = "data/lineage.json", "data/explanations", "data/explanations/shap.parquet"
METHOD = "data/explanations/method.json"
SCORES, PATHWAYS = "data/scores/scores.parquet", "data/scores/pathways.parquet"
LIFECYCLE, LIVES, VISITS = "data/lifecycle", "data/lifecycle/families.parquet", "data/visits"
LISTS, REPORT, TRACKED = "data/lists", "data/report", "data/tracked.json"
WORLD = "data/world"
TUNING = "data/tuning"
EFFECT, OPINIONS = "data/effect", "data/opinions"
FAIRNESS, DRIFT = "data/fairness", "data/drift"
PUBLISHED = "data/published"
T = TypeVar("T")
LEDGER, RUN_BEFORE, RUN_NEXT = "data/desk/bundle.json", "data/desk/before", "data/desk/next"
RUN_LISTED, RUN_TOLD, RUN_ITS_BEFORE = "listed.parquet", "run.json", "before"  # within those two folders
STORE, SCRATCH, PICTURES = "mlflow.db", artifacts.SCRATCH, "data/pictures"


def run_simulate(home: Home) -> None:
    """Write the simulated world as an extract, and its truth beside it."""
    from pipeline import crowd, simulate

    config, limits = home.load(simulate.Config, "simulate"), home.load(artifacts.Config, "engine")
    chunks = simulate.chunks(config, limits.chunk_families)
    with (
        artifacts.replacing_folder(home.path(TRUTH)) as truth,
        artifacts.replacing_folder(home.path(SIMULATED)) as folder,
    ):
        work = partial(write_chunk, config, (folder, truth))
        for _ in crowd.each(work, chunks, limits.workers, "Simulating families"):
            pass
        if config.written_as == "csv":
            artifacts.spell_out(folder)
        artifacts.write_text(f'name: {config.name}\nextracted_on: "{config.extracted_on}"\n', folder / "extract.yaml")


def write_chunk(config: "simulate.Config", folders: "tuple[Path, Path]", chunk: "tuple[simulate.Block, ...]") -> None:
    """Simulate some blocks and write each one's tables and truth."""
    from pipeline import simulate

    for part in simulate.live(config, chunk):
        for folder, pieces in zip(folders, (part.tables, part.truth), strict=True):
            for name, piece in pieces.items():
                artifacts.write_runs(piece.table, piece.runs, folder / f"{name}.parquet" / f"{part.block.name}.parquet")


def run_world(home: Home) -> None:
    """Hold the simulated world against what is stated of PKH, published and assumed apart."""
    from pipeline import figures, simulate, world
    from pipeline.sources import landing

    connection, config = engine(home), home.load(world.Config, "world")
    named = artifacts.read_yaml(home.path(f"{SIMULATED}/extract.yaml"))
    left = artifacts.read(home.path(TRUTH) / "exits.parquet")
    tables = artifacts.read_folder(home.path(SIMULATED)) | {"truth_exits": left}
    settings, keep = home.load(simulate.Config, "simulate").model_dump(), landing.keeper(connection)
    seen = world.open_world(tables, date.fromisoformat(str(named["extracted_on"])), settings, config, keep)
    found, drawn = world.measure(seen, config), figures.draw_world(world.pictures(seen, config))
    with artifacts.replacing_folder(home.path(WORLD)) as folder:
        artifacts.write_csv(found, folder / "figures.csv")
        artifacts.write_text(world.render(found, drawn, world.facts(seen, named["name"])), folder / "page.html")
        for name, png in drawn.items():
            artifacts.write_bytes(png, folder / f"{name}.png")


def run_source(home: Home) -> None:
    """Tell what the source holds: the sha256 of everything that would be read."""
    from pipeline import sources

    with artifacts.scratch_folder(home.path(SCRATCH)) as landing:
        extract = sources.open_extract(home.load, home.root, landing)
        artifacts.write_json(sources.describe(extract), home.path(SOURCE))
    decisions = decided(home)
    artifacts.write_json({} if decisions is None else {"sha256": artifacts.sha256(decisions)}, home.path(DECISIONS))


def decided(home: Home) -> "Path | None":
    """The decisions that came back from the desk; BadInput where the file named is not there."""
    from pipeline import treated

    named = home.load(treated.Config, "treated").path
    if named is None:
        return None
    path = home.root / named
    if not path.is_file():
        raise BadInput(f"{path}: no such file", treated.WAY_OUT)
    return path


def run_ingest(home: Home) -> None:
    """Check every row against the contract: accepted, quarantined, identity set apart."""
    from pipeline import crowd, ingest, parts, sources
    from pipeline.sources import landing
    from pipeline.tables import of_one_family

    config = home.load(ingest.Config, "ingest")
    with (
        artifacts.scratch_folder(home.path(SCRATCH)) as scratch,
        artifacts.replacing_folder(home.path(QUARANTINE)) as quarantine,
    ):
        extract = sources.open_extract(home.load, home.root, scratch)
        several = extract_parts(home, extract)
        with ingested(home, quarantine) as folders:
            work, spans = partial(ingest_part, home, folders), landing.spans(extract) if several[1:] else {}
            alone = [n for n in extract.files if several[1:] and not of_one_family(n)]
            mine = extract.without(alone)
            tasks = [(landing.of_part(mine, spans, p) if several[1:] else mine, p) for p in several]
            found = list(crowd.each(work, tasks, workers(home), "ingest"))
            if alone:
                found.append(ingest_part(home, folders, (extract.only(alone), parts.WHOLE)))
            tallies = ingest.together([f.tallies for f in found])
            progress.tell(dict.fromkeys(line for f in found for line in f.notices))
            ingest.verdict(tallies, config)
            progress.tell(ingest.clocked(ingest.same_clocks([f.clocks for f in found]), config))
            publish_ingested(folders, tallies, sources.card(extract), several)
        engine(home)
        progress.tell(doubts(home, quarantine, extract.extracted_on))
        progress.tell(ingest.silence(canonical(home), extract.extracted_on))


def extract_parts(home: Home, extract: Any) -> "tuple[Part, ...]":
    """The parts of a large extract; only Parquet files tell which families they hold without being read."""
    from duckdb import Error

    from pipeline import parts
    from pipeline.sources import landing

    config = home.load(artifacts.Config, "engine")
    if config.engine != "duckdb" or not landing.clustered(extract):
        return (parts.WHOLE,)
    raw = landing.families(engine(home), extract)
    try:
        return parts.split(raw, config.part_families) if raw is not None else (parts.WHOLE,)
    except Error:
        return (parts.WHOLE,)  # a damaged file: whoever reads all of it tells which


@contextmanager
def ingested(home: Home, quarantine: "Path") -> "Iterator[Ingested]":
    """All of it or nothing: what ingestion left before stands until every new file is whole. The quarantine takes its
    place last, with what is hard to believe of the accepted tables."""
    with (
        artifacts.scratch_folder(home.path(SCRATCH)) as scratch,
        artifacts.replacing_folder(home.path(CANONICAL)) as canonical_folder,
        artifacts.replacing(home.path(IDENTITY), artifacts.PRIVATE) as identity,
    ):
        yield Ingested(canonical_folder, quarantine, identity, scratch)


class Ingested(NamedTuple):
    """Where ingestion writes: two folders, the identity store, and a private folder for what lies in between."""

    canonical: "Path"
    quarantine: "Path"
    identity: "Path"
    scratch: "Path"


class PartFound(NamedTuple):
    """What one part of an extract tells of itself."""

    tallies: Any
    clocks: Any
    notices: tuple[str, ...]


def ingest_part(home: Home, folders: Ingested, task: "tuple[Any, Part]") -> PartFound:
    """Judge one part and write it as parts of the outputs; what a worker process does."""
    from pipeline import engines, ingest, parts
    from pipeline.sources import landing

    extract, part = task
    config, frame = home.load(ingest.Config, "ingest"), ingest.Frame(extract.extracted_on, extract.welfare)
    connection = engine(home) if part == parts.WHOLE else engine_of_worker(home)
    landed = landing.read(engines.lander(connection, folders.scratch), extract)
    tables = engines.taken_over(connection, landed.tables, folders.scratch)
    mine = {name: parts.within(table, part) for name, table in tables.items()}
    given = (frame, config, landing.keeper(connection))
    checked = (
        ingest.check(mine, *given)
        if "kpm" in mine
        else ingest.check_beside(mine, artifacts.read(folders.scratch / "known"), *given)
    )
    found = PartFound(ingest.tally(checked), ingest.read_clocks(checked), landed.notices)
    for folder, written in ((folders.canonical, checked.accepted), (folders.quarantine, checked.rejected)):
        for name, table in written.items():
            artifacts.write_part(table, folder / f"{name}.parquet", part.name)
    if checked.identity is not None:
        artifacts.write_part(checked.identity, folders.scratch / "identity", part.name)
        if part != parts.WHOLE:  # what is judged after all parts asks who is known
            artifacts.write_part(checked.known, folders.scratch / "known", part.name)
    return found


def publish_ingested(folders: Ingested, tallies: Any, card: Mapping[str, object], several: "Sequence[Part]") -> None:
    from pipeline import ingest

    artifacts.write_csv(ingest.counts(tallies), folders.quarantine / "counts.csv")
    artifacts.write_json(card, folders.canonical / "extract.json")
    artifacts.join(folders.scratch / "identity", folders.identity)
    if len(several) == 1:
        for folder in (folders.canonical, folders.quarantine):
            artifacts.unfold(folder)


def doubts(home: Home, quarantine: "Path", today: date) -> list[str]:
    """Look at the accepted tables as a whole, write what is hard to believe into the quarantine, and say it."""
    from pipeline import plausibility

    seen = plausibility.Extract(canonical(home), artifacts.read(home.path(IDENTITY)), today)
    found = plausibility.find(seen, home.load(plausibility.Config, "plausibility"))
    artifacts.write_csv(found.assign(sentence=plausibility.told(found)), quarantine / home.path(DOUBTS).name)
    return plausibility.told(found)


def run_cohort(home: Home) -> None:
    """Say who is scored, and when."""
    from pipeline import cohort, study

    engine(home)
    membership = artifacts.read(home.path(f"{CANONICAL}/membership.parquet"))
    today = extracted_on(home)
    config = home.load(cohort.Config, "cohort")
    history = study.as_of_dates(cohort.begins(membership), today, home.load(study.Config, "study"))
    members = cohort.select(membership, sorted({*(history if config.history_share else ()), today}))
    chosen = cohort.limit(cohort.sample(members, today, config), canonical(home)["kpm"], config)
    cohort.gate(chosen, today)
    artifacts.write(chosen, home.path(COHORT))


def run_labels(home: Home) -> None:
    """Tell what happened next, where it can be told for good."""
    from pipeline import labels, study, survival, treated

    engine(home)
    visits = visits_of(home)
    tables = canonical(home) | {"cohort": artifacts.read(home.path(COHORT))} | visits
    config = home.load(study.Config, "study")
    moments = labels.moments(tables["membership"], as_ofs_of(tables["cohort"]), config)
    artifacts.write(labels.observe(tables, moments, extracted_on(home)), home.path(LABELS))
    artifacts.write_json({m.as_of.isoformat(): m.matured_on for m in moments}, home.path(MOMENTS))
    longest = max(config.horizon_months, *home.load(survival.Config, "survival").months)
    told = labels.observe(tables, labels.lengthened(moments, longest), labels.END_OF_RECORDS)
    artifacts.write(told, home.path(RECORDED))
    progress.tell(treated.told(artifacts.read(home.path(LABELS)), visits["visits"]) if visits else [])


def visits_of(home: Home) -> "dict[str, ir.Table]":
    """`visits`: whom a list led somebody to, and when; nothing where no decisions came back."""
    from pipeline import treated

    decisions, config = decided(home), home.load(treated.Config, "treated")
    if decisions is None:
        return {}
    if artifacts.read_json(home.path(DECISIONS)).get("sha256") != artifacts.sha256(decisions):
        raise BadInput(f"{decisions}: not the file that the stage source saw", "run `dvc repro`, or source first")
    treated.refuse(artifacts.schema_of(decisions), artifacts.rows(decisions), decisions)
    known = artifacts.read(decisions).filter(lambda t: t.happened_on <= extracted_on(home))
    return {"visits": treated.visits(known.filter(lambda t: t.recorded_on <= extracted_on(home)), config)}


def run_features(home: Home) -> None:
    """Tell what was known of every member on every as-of date; dates made of the same records as before stay."""
    from pipeline import features

    engine(home)
    as_ofs, several = as_ofs_of(artifacts.read(home.path(COHORT))), part_names(home)
    marked = as_ofs[1:] and home.load(artifacts.Config, "engine").engine == "duckdb"  # Ibis has no such mark for Spark
    made_from = features_made_from(home, as_ofs) if marked else {}
    with artifacts.replacing_folder(home.path(FEATURES)) as folder:
        anew = [a for a in as_ofs if not taken_over(home, folder, a, made_from)]
        if anew:
            (features_in_parts if several else features_at_once)(home, folder, anew)
        blocks = features.blocks(canonical(home), as_ofs[-1], declared(home))
        artifacts.write_csv(features.dictionary(blocks), folder / "dictionary.csv")
    made = {a: [of, artifacts.sha256(home.path(f"{FEATURES}/{a}.parquet"))] for a, of in made_from.items()}
    artifacts.write_json(made, home.path(PARTITIONS))
    artifacts.write_csv(features.wording(blocks), home.path(WORDING))
    families = artifacts.read(home.path(f"{FEATURES}/{as_ofs[-1]}.parquet"))
    told = features.days_of(canonical(home), families, as_ofs[-1], blocks)
    artifacts.write(told, home.path(KNOWN_ON))


def features_made_from(home: Home, as_ofs: "Sequence[date]") -> dict[str, str]:
    """For each as-of date, the digest of the records, families, code and engine its features are made of."""
    from pipeline import partitions

    told = {name: partitions.marks(table, name).to_pandas() for name, table in canonical(home).items()}
    chosen = partitions.members(artifacts.read(home.path(COHORT))).to_pandas()
    records = partitions.made_from(told, chosen, as_ofs)
    runs_on = artifacts.versions("duckdb", "ibis-framework")
    rest = {"code": artifacts.code_of("features"), "engine": runs_on, "declared": str(declared(home))}
    return {a.isoformat(): artifacts.digest({"records": records[a], "rest": rest}) for a in as_ofs}


def taken_over(home: Home, folder: "Path", as_of: date, made_from: Mapping[str, str]) -> bool:
    """Whether the features of a date that lie there are whole and made of the same; they then go into `folder`."""
    before, file = home.path(PARTITIONS), home.path(f"{FEATURES}/{as_of}.parquet")
    made = made_from.get(as_of.isoformat())
    if made is None or not before.is_file() or not file.exists():
        return False
    if artifacts.read_json(before).get(as_of.isoformat()) != [made, artifacts.sha256(file)]:
        return False
    artifacts.link(file, folder / f"{as_of}.parquet")
    return True


def features_at_once(home: Home, folder: "Path", as_ofs: "Sequence[date]") -> None:
    """One file a date, by one statement that is compiled once."""
    from pipeline import features

    chosen = artifacts.read(home.path(COHORT))
    built = features.build(canonical(home), as_ofs[-1], declared(home))
    latest = built.semi_join(chosen, [FAMILY, AS_OF]).order_by(FAMILY)
    sql, schema = artifacts.compiled(latest), latest.schema().to_pyarrow()
    for as_of in progress.track(as_ofs, len(as_ofs), "features"):
        artifacts.write_sql(features.redate(sql, as_ofs[-1], as_of), schema, folder / f"{as_of}.parquet")


def features_in_parts(home: Home, folder: "Path", as_ofs: "Sequence[date]") -> None:
    """One folder of parts a date; what a family is compared with is told of all parts first."""
    from pipeline import crowd, features

    def every(work: Callable[..., None], target: "Path", what: str) -> None:
        done = partial(work, home, (target, scratch), as_of)
        list(crowd.each(done, part_names(home), workers(home), f"features {as_of}: {what}"))
        engine(home)

    for as_of in as_ofs:
        with artifacts.scratch_folder(home.path(SCRATCH)) as scratch:
            every(around_part, scratch, "places and facilitators")
            for name, table in features.around.together(artifacts.read_folder(scratch)).items():
                artifacts.write(table, scratch / AROUND / f"{name}.parquet")
            every(neighbours_of_part, scratch / "neighbours", "neighbours")
            compared = features.compare(artifacts.read(scratch / "neighbours"))
            artifacts.write(compared.order_by(FAMILY), scratch / f"{COMPARED}.parquet")
            every(features_of_part, folder / f"{as_of}.parquet", "families")


AROUND, COMPARED = "around", "compared"


def around_part(home: Home, places: "tuple[Path, Path]", as_of: date, name: str) -> None:
    from pipeline import features

    engine_of_worker(home)
    for table, rows in features.around.of_part(canonical_part(home, name), as_of).items():
        artifacts.write_part(rows, places[0] / f"{table}.parquet", name)


def neighbours_of_part(home: Home, places: "tuple[Path, Path]", as_of: date, name: str) -> None:
    from pipeline import features

    engine_of_worker(home)
    folder, scratch = places
    tables = canonical_part(home, name) | artifacts.read_folder(scratch / AROUND)
    artifacts.write_part(features.neighbours(tables, as_of, declared(home)), folder, name)


def features_of_part(home: Home, places: "tuple[Path, Path]", as_of: date, name: str) -> None:
    from pipeline import features

    engine_of_worker(home)
    folder, scratch = places
    tables, chosen = canonical_part(home, name), artifacts.read(home.path(COHORT))
    compared = among(artifacts.read(scratch / f"{COMPARED}.parquet"), tables["kpm"])
    built = features.build(tables | artifacts.read_folder(scratch / AROUND), as_of, declared(home), compared)
    told = built.semi_join(among(chosen.filter(chosen.as_of == as_of), tables["kpm"]), FAMILY)
    artifacts.write_part(told.order_by(FAMILY), folder, name)


def among(table: "ir.Table", kpm: "ir.Table") -> "ir.Table":
    """The rows between the first and the last family of a part: what is sorted is found without being read."""
    ends = kpm.aggregate(least=kpm[FAMILY].min(), most=kpm[FAMILY].max()).to_pyarrow().to_pylist()[0]
    return table.filter(table[FAMILY].between(ends["least"], ends["most"]))


def run_backtest(home: Home) -> None:
    """Fit, calibrate and judge every model on every fold of history."""
    from pipeline import backtest, crowd, folds

    possible = folds.chop(*matured_dates(home), home.load(folds.Config, "folds"))
    labels = artifacts.read_frame(home.path(LABELS))
    plan = backtest.trainable(possible, labels, backtest_settings(home).train)
    progress.tell(
        f"backtest: fold from {f.origin} is left out: too few gsm to learn from" for f in possible if f not in plan
    )
    # The longest fold first, so that no worker waits long for it; the results stand in the plan's order.
    made = backtest.joined([*crowd.each(partial(one_fold, home), plan[::-1], workers(home), "backtest")][::-1])
    artifacts.write(made.predictions, home.path(PREDICTIONS))
    artifacts.write(made.incidence, home.path(INCIDENCE))
    artifacts.write_csv(folds.table(plan), home.path(FOLDS))


def one_fold(home: Home, fold: "Fold") -> Any:
    """What a worker process makes of one fold."""
    from pipeline import backtest

    return backtest.one(fold, past(home), backtest_settings(home))


def workers(home: Home) -> int:
    return home.load(artifacts.Config, "engine").workers


def run_train(home: Home) -> None:
    """Fit the model that scores, on all evidence older than the calibration's."""
    from pipeline import backtest, boosters, train

    fold = final_fold(home)
    learn = backtest.rows(loader(home)(fold.train_as_ofs), scored(home), "final model, training")
    booster = train.fit(learn, home.load(train.Config, "train"), signs(home))
    boosters.write(booster, home.path(MODEL))


def run_calibrate(home: Home) -> None:
    """Fit the map from raw scores to chances on the latest matured evidence, at the level of the latest months."""
    from pipeline import backtest, boosters, calibrate, train

    booster, model_hash = boosters.read(home.path(MODEL))
    config, known, fold = home.load(calibrate.Config, "calibrate"), past(home), final_fold(home)
    later = backtest.rows(known.matured(fold.calibrate_as_ofs), known.scored, "final model, calibration")
    latest = known.features(backtest.recent_dates(fold, known, config))
    raw = train.raw_scores(booster, later.x)
    fitted = backtest.fitted((raw, train.raw_scores(booster, latest)), later, latest, (fold.origin, known, config))
    bounded = calibrate.bounded(raw, later.label, fitted, config)
    artifacts.write_json({"model_sha256": model_hash, **calibrate.record(bounded)}, home.path(CALIBRATION))


def run_evaluate(home: Home) -> None:
    """Measure the predictions: over all, by period, by segment, at capacity, with intervals."""
    from pipeline import context, evaluate, leaks

    engine(home)
    config = home.load(evaluate.Config, "evaluate")
    predictions = artifacts.read(home.path(PREDICTIONS)).to_pandas()
    places = context.build(canonical(home), sorted(set(predictions[AS_OF].dt.date))).to_pandas()
    needed = sorted({s.feature for s in config.segments.values()})
    known = feature_columns(home, sorted(set(predictions[AS_OF].dt.date)), needed)
    segments = evaluate.segments(known, config)
    rows = predictions.merge(places, on=[FAMILY, AS_OF], how="left").merge(segments, on=[FAMILY, AS_OF], how="left")
    found = evaluate.measure(rows, config)
    suspected = suspicions(home)
    tables = evaluate.tables(found) | incidence_tables(home, config) | {"leaks": suspected}
    with artifacts.replacing_folder(home.path(TABLES)) as folder:
        for name, table in tables.items():
            artifacts.write_csv(table, folder / f"{name}.csv")
    told = evaluate.summary(found)
    told["verdict"] = leaks.judge(told["verdict"], suspected, evaluate.DO_NOT_DEPLOY)
    artifacts.write_json(told, home.path(METRICS))


def suspicions(home: Home) -> "pd.DataFrame":
    """Signs that a table or a feature knows what it could not, on the dates that were tested."""
    from pipeline import leaks

    tested = artifacts.read_csv(home.path(FOLDS)).query("kind == 'test'")["as_of"]
    rows = loader(home)(sorted({date.fromisoformat(str(a)[:10]) for a in tested}))
    ends = artifacts.read_frame(home.path(LABELS), [FAMILY, AS_OF, "outcome_on"])
    known = rows.merge(ends, on=[FAMILY, AS_OF], validate="one_to_one")
    known["label"] = (known["outcome"] == TARGET).astype("float64")
    dictionary = artifacts.read_csv(home.path(DICTIONARY)).query("used_in_score")
    of_table = dict(zip(dictionary["feature"], dictionary["table"], strict=True))
    return leaks.find(canonical(home), known, of_table, home.load(leaks.Config, "leaks"))


def incidence_tables(home: Home, config: Any) -> "dict[str, pd.DataFrame]":
    """The hazard model's cumulative incidence beside what is recorded by now; nothing where there was no such model."""
    from pipeline import evaluate, study, survival

    foretold = artifacts.read_frame(home.path(INCIDENCE))
    if foretold.empty:
        return {}
    _, matured_on = matured_dates(home)
    settings = home.load(survival.Config, "survival")
    at = survival.clock(extracted_on(home), matured_on, home.load(study.Config, "study").horizon_months)
    as_ofs = sorted(set(foretold[AS_OF].dt.date))
    known = survival.spells(artifacts.read_frame(home.path(RECORDED)), as_ofs, at, settings)
    rows = evaluate.long(foretold.merge(known[[FAMILY, AS_OF]], on=[FAMILY, AS_OF]))
    return {"incidence": evaluate.incidence_table(rows, known, config)}


def run_effect(home: Home) -> None:
    """Estimate what enrolment in PENA changes, and say whether that may order candidates."""
    from pipeline import effect, effect_figures

    config, connection = home.load(effect.Config, "effect"), engine(home)
    found = effect_study(home, connection, config)
    progress.tell(f"effect: {found.verdict}: {reason}" for reason in found.summary["reasons"])
    with artifacts.replacing_folder(home.path(EFFECT)) as folder:
        artifacts.write_json(found.summary, folder / "effect.json")
        for name, table in found.tables.items():
            artifacts.write_csv(table, folder / f"{name}.csv")
        if found.verdict != effect.NOT_ESTIMATED:
            drawn = effect_figures.draw(found.tables, found.summary["simulated"])
            artifacts.write_bytes(drawn, folder / "effect.png")
        if found.verdict == effect.VALIDATED:
            now = effect_candidates(home, connection, config)
            artifacts.write(effect.uplift(now, found, config), folder / "uplift.parquet")


def effect_study(home: Home, connection: Any, config: Any) -> Any:
    """The study of the families that could be enrolled; says why where there is none to make."""
    from pipeline import effect, study

    tables, outcomes = canonical(home), artifacts.read(home.path(LABELS))
    if "programmes" not in tables:
        return effect.not_estimated("the extract has no table programmes")
    months, programmes = home.load(study.Config, "study").horizon_months, tables["programmes"]
    found = effect.offered(programmes, effect.windows(matured_dates(home)[0], months, config), config)
    if not found:
        return effect.not_estimated(f"nobody entered {' or '.join(config.programmes)} in a matured window")
    asked = effect.Asked(config, effect.share_of_controls(programmes, outcomes, found, config))
    parts = [
        effect.rows(effect_known(home, connection, w.as_of, config), outcomes, programmes, w, asked).to_pandas()
        for w in progress.track(found, len(found), "effect")
    ]
    rows = effect.told(artifacts.stack(parts), config)
    return effect.study(rows, twins(home, connection, rows, found), config)


def effect_known(home: Home, connection: Any, as_of: date, config: Any) -> "ir.Table":
    """What was known on the date of families that were not held: the features of the study, `place`."""
    from pipeline import context, holds, poverty

    table, rules = artifacts.read(home.path(f"{FEATURES}/{as_of}.parquet")), home.load(holds.Config, "holds")
    villages = context.on(canonical(home), as_of).select(FAMILY, "village_code")
    frame = table.select(FAMILY, *sorted((holds.looked_at(rules) | set(poverty.READ)) & set(table.columns))).to_pandas()
    regency = frame[FAMILY].map(villages.to_pandas().set_index(FAMILY)["village_code"].str[:4])
    decided = holds.decide(poverty.beside(frame, regency, as_of, home.load(poverty.Config, "poverty")), rules)
    named = artifacts.as_table(connection, f"held_{as_of:%Y%m%d}", decided.loc[~decided["eligible"], [FAMILY]])
    places = villages.select(FAMILY, place=villages.village_code.left(config.place_digits))
    return table.anti_join(named, FAMILY).left_join(places, FAMILY).drop(f"{FAMILY}_right")


def effect_candidates(home: Home, connection: Any, config: Any) -> "pd.DataFrame":
    """The families that could be enrolled as of the extract."""
    from pipeline import effect

    today, programmes = extracted_on(home), canonical(home)["programmes"]
    found: pd.DataFrame = effect.eligible(
        effect_known(home, connection, today, config), programmes, today, config
    ).to_pandas()
    return found


def twins(home: Home, connection: Any, rows: "pd.DataFrame", windows: "Sequence[Any]") -> "pd.Series | None":
    """The known effect on each enrolled row, where a simulated world's truth lies beside its extract."""
    from pipeline import effect

    known = home.path(f"{TRUTH}/hazards.parquet")
    if "simulated" not in artifacts.read_json(home.path(EXTRACT), "name")["name"].lower() or not known.exists():
        return None
    treated = rows[rows["by_twin"]]
    families = artifacts.as_table(connection, "treated", treated[[FAMILY]].drop_duplicates())
    hazards = effect.at_risk(artifacts.read(known), families, windows)
    return effect.effects(treated, hazards, windows).reindex(rows.index)


def run_lineage(home: Home) -> None:
    """Tie code, configuration, data and model together under one id."""
    from pipeline import lineage, provenance

    inputs = {"source": home.path(SOURCE), "model": home.path(MODEL), "calibration": home.path(CALIBRATION)}
    facts = provenance.facts(inputs, home, home.path("dvc.lock"))
    artifacts.write_json(lineage.Lineage(**facts).record(), home.path(LINEAGE))


def run_lifecycle(home: Home) -> None:
    """Project every active family's components and benefits over the coming years."""
    from pipeline import crowd, figures, lifecycle, lifecycle_figures

    config, simulated = (
        home.load(lifecycle.Config, "lifecycle"),
        artifacts.read_json(home.path(LINEAGE), "simulated")["simulated"],
    )
    with (
        artifacts.scratch_folder(home.path(SCRATCH)) as scratch,
        artifacts.replacing_folder(home.path(LIFECYCLE)) as folder,
    ):
        work = partial(lifecycle_of_part, home, (folder, scratch))
        list(crowd.each(work, part_names(home) or [ALONE], workers(home), "lifecycle"))
        engine(home)
        population = lifecycle.population(artifacts.read(folder / "lifecycle.parquet")).to_pandas()
        families = artifacts.read(scratch / "families")
        leaving = lifecycle.leaving(families, extracted_on(home), config).to_pandas()
        artifacts.write_csv(population, folder / "population.csv")
        artifacts.write_csv(leaving, folder / "leaving.csv")
        drawn = figures.png(lifecycle_figures.draw_all(population, leaving, bool(simulated)))
        artifacts.write_bytes(drawn, folder / "components.png")
        artifacts.write_csv(projection_checked(home, canonical(home), config), folder / "checked.csv")


def lifecycle_of_part(home: Home, places: "tuple[Path, Path]", name: str) -> None:
    """Years, endings and losses of the families of one part, or of all; what a worker process does."""
    from pipeline import lifecycle
    from pipeline.sources import landing

    (folder, scratch), config, as_of = places, home.load(lifecycle.Config, "lifecycle"), extracted_on(home)
    alone = name == ALONE
    keep = landing.keeper(engine(home) if alone else engine_of_worker(home))
    tables = canonical(home) if alone else canonical_part(home, name)
    course = keep("courses", lifecycle.courses(tables, as_of, config))
    families = keep("families", lifecycle.families(tables, course, as_of))
    years = [lifecycle.year(course, families.select(FAMILY), n, as_of, config) for n in range(config.years + 1)]
    for n, one in enumerate(progress.track(years, len(years), "lifecycle") if alone else years):
        # Whole or not there: another worker reads this folder while this one writes.
        artifacts.write(one, folder / "lifecycle.parquet" / f"{n:02d}{'' if alone else '-' + name}.parquet")
    artifacts.write_part(families, scratch / "families", name)
    written = artifacts.read(folder / "lifecycle.parquet")
    mine = written if alone else among(written, families)
    made = {
        "endings": lifecycle.endings(course, families, as_of, config),
        "families": lifecycle.losses(mine, families, config),
    }
    for table, rows in made.items():
        if alone:
            artifacts.write(rows, folder / f"{table}.parquet")
        else:
            artifacts.write_part(rows, folder / f"{table}.parquet", name)


def projection_checked(home: Home, tables: "dict[str, ir.Table]", config: Any) -> "pd.DataFrame":
    """Past projections beside the natural exits of a simulated world's truth; no rows where there is no truth."""
    from pipeline import lifecycle

    until, truth = extracted_on(home), home.path(TRUTH) / "exits.parquet"
    if not artifacts.read_json(home.path(LINEAGE), "simulated")["simulated"] or not truth.exists():
        return lifecycle.unchecked()
    exits = artifacts.read(truth)
    days = [lifecycle.shifted(until, -12 * n) for n in range(1, config.checked_years + 1)]
    ends = {d: lifecycle.last_ends(lifecycle.courses(tables, d, config), d) for d in days}
    return artifacts.stack([lifecycle.checked(ends[d], exits, d, until).to_pandas() for d in days])


def run_score(home: Home) -> None:
    """Score and rank every active family as of the extract's date, with its phase and the pathway recommended."""
    from pipeline import capacity, context, crowd, lists, score

    engine(home)
    holding_rules(home)
    with artifacts.scratch_folder(home.path(SCRATCH)) as scratch:
        groups = regency_groups(home, scratch)
        list(crowd.each(partial(score_group, home, scratch), groups, workers(home), "score"))
        connection = engine(home)
        limits, thin = home.load(lists.Config, "lists"), artifacts.read_frame(scratch / "seeds")
        most = capacity.Capacity(limits.per_facilitator, limits.regency_share)
        near = capacity.borderline(coded(thin), seeds_of(thin), most, limits.agreement)
        marked = artifacts.as_table(connection, "near", thin[[FAMILY]].assign(borderline=near))
        found = artifacts.read(scratch / "chances").join(marked, FAMILY)
        ranked = score.rank(found, context.build(canonical(home), [extracted_on(home)]))
        with artifacts.replacing(home.path(SCORES)) as scores, artifacts.replacing(home.path(PATHWAYS)) as pathways:
            artifacts.write_parquet(ranked, scores)
            artifacts.write_parquet(artifacts.read(scratch / "pathways").order_by(FAMILY), pathways)


def coded(families: "pd.DataFrame") -> "pd.DataFrame":
    """Facilitators and regencies as numbers, unknown where they are: comparing words of millions is slow."""
    import pandas as pd

    numbers = {name: pd.factorize(families[name])[0] for name in ("facilitator_id", "regency_code")}
    named = {name: pd.Series(n, index=families.index).where(n >= 0) for name, n in numbers.items()}
    return families[[FAMILY, "eligible"]].assign(**named)


def seeds_of(families: "pd.DataFrame") -> Any:
    return families[[c for c in families if str(c).startswith("seed_")]].to_numpy()


class Group(NamedTuple):
    """Regencies that are held in memory together: codes from `least` to `most`; `lost`: with families of none."""

    number: int
    least: str
    most: str
    lost: bool

    @property
    def name(self) -> str:
        return f"{self.number:04d}"


PLACES = "places"
ALONE = "alone"  # the name of the part where there are none


def regency_groups(home: Home, scratch: "Path") -> list[Group]:
    """Whole regencies, in order, of about `frame_families` together; leaves their families under `scratch`.

    Everything but ranks and capacity looks at no family outside its regency, so a group can be worked on alone.
    """
    from pipeline import context

    places = context.build(canonical(home), [extracted_on(home)])
    artifacts.write(places.order_by(["regency_code", FAMILY]), scratch / f"{PLACES}.parquet")
    written = artifacts.read(scratch / f"{PLACES}.parquet").group_by("regency_code").aggregate(n=lambda t: t.count())
    sizes = {r["regency_code"] or "": r["n"] for r in written.to_pyarrow().to_pylist()}
    most = home.load(artifacts.Config, "engine").frame_families
    numbers: dict[str, int] = {}
    number = held = 0
    for code, n in sorted(sizes.items()):
        if held and held + n > most:
            number, held = number + 1, 0
        numbers[code], held = number, held + n
    codes = {k: [c for c, n in numbers.items() if n == k] for k in range(number + 1)}
    return [Group(k, min(c), max(c), "" in c) for k, c in codes.items()]


def of_group(scratch: "Path", group: Group) -> "ir.Table":
    """Place and facilitator of the group's families; key kpm_id."""
    places = artifacts.read(scratch / f"{PLACES}.parquet")
    inside = places.regency_code.between(group.least, group.most)
    return places.filter(inside | places.regency_code.isnull() if group.lost else inside)


def theirs(table: "ir.Table", families: "ir.Table") -> "ir.Table":
    """The rows of a table that are of these families."""
    return among(table, families).semi_join(families, FAMILY)


def score_group(home: Home, scratch: "Path", group: Group) -> None:
    """Chances, seeds and pathways of the families of some regencies; what a worker process does."""
    from pipeline import batches, boosters, calibrate, holds, last_component, poverty, train

    connection, as_of = engine_of_worker(home), extracted_on(home)
    settings, (text, model_hash) = home.load(train.Config, "train"), boosters.text(home.path(MODEL))
    fitted = boosters.read_calibration(home.path(CALIBRATION), model_hash)
    families = of_group(scratch, group)
    features = theirs(artifacts.read(features_today(home)), families).order_by(FAMILY)
    frame, places = artifacts.pandas(features), artifacts.pandas(families.drop(AS_OF))
    work, schema = partial(batches.scores, text, settings), batches.scores_schema(settings)
    raw, seeds = batches.told(worked(home, connection, features, (work, schema)), settings, frame)
    lower, upper = calibrate.interval(raw, fitted, home.load(calibrate.Config, "calibrate"))
    placed = frame[[FAMILY]].merge(places, on=FAMILY, how="left", validate="one_to_one")
    known = poverty.beside(frame, placed["regency_code"], as_of, home.load(poverty.Config, "poverty"))
    known = last_component.beside(known, artifacts.pandas(theirs(artifacts.read(home.path(LIVES)), families)), as_of)
    decided = holds.decide(known, holding_rules(home))
    chances = decided.assign(
        as_of=as_of, probability=calibrate.probability(raw, fitted), lower=lower, upper=upper,
    )  # fmt: skip
    ways = recommended(home, chances.assign(regency_code=placed["regency_code"]), known)
    thin = placed.drop(columns="village_code").assign(
        eligible=decided["eligible"], **{f"seed_{k}": s for k, s in enumerate(seeds.T)}
    )
    made = {"chances": chances.assign(phase=ways["phase"], pathway=ways["pathway"]), "pathways": ways, "seeds": thin}
    for name, rows in made.items():
        artifacts.write_part(artifacts.as_table(connection, name, rows).order_by(FAMILY), scratch / name, group.name)


def recommended(home: Home, chances: "pd.DataFrame", features: "pd.DataFrame") -> "pd.DataFrame":
    """Phase and pathway of every family, with the reasons."""
    from pipeline import holds, last_component, pathways, poverty

    config = home.load(pathways.Config, "pathways")
    dictionary = artifacts.read_csv(home.path(DICTIONARY)).dropna(subset=["unit"])
    derived = {poverty.FEATURE: poverty.UNIT, last_component.FEATURE: last_component.UNIT}
    units = dict(zip(dictionary["feature"], dictionary["unit"], strict=True)) | derived
    held = holds.rules_fired(features, home.load(holds.Config, "holds"))
    known = pathways.Known(chances, features, held, units, earlier(home, config), change(home))
    return pathways.recommend(known, config)


def change(home: Home) -> "pd.Series[float]":
    """What PENA is estimated to change for each family; empty where the estimate was not found good enough to use."""
    import pandas as pd

    file = home.path(EFFECT) / "uplift.parquet"
    if not file.exists():
        return pd.Series(dtype="float64")
    found = artifacts.read_frame(file, [FAMILY, "uplift", "used"])
    return found[found["used"]].set_index(FAMILY)["uplift"]


def earlier(home: Home, config: Any) -> "pd.Series[str]":
    """The pathway of each family in the run that the configuration names; empty where it names none."""
    import pandas as pd

    if config.previous is None:
        return pd.Series(dtype="str")
    named = home.path(config.previous.file)
    found = artifacts.read_pinned(named, config.previous.sha256, [FAMILY, "pathway"])
    if found[FAMILY].duplicated().any():
        raise BadInput(f"{named}: kpm_id: a family has more than one row", "name the pathways of one run")
    return found.set_index(FAMILY)["pathway"]


def holding_rules(home: Home) -> Any:
    """The rules of the holds; BadInput where they, or those of the pathways, look at what no extract can have."""
    from pipeline import conditions, features, holds, last_component, pathways, poverty

    declared = features.names() | set(artifacts.read_csv(home.path(DICTIONARY))["feature"])
    known = declared | {poverty.FEATURE, last_component.FEATURE}
    told_with = {last_component.ENDS_ON: last_component.FEATURE}
    rules, ways = home.load(holds.Config, "holds"), home.load(pathways.Config, "pathways")
    home.refuse("holds", conditions.strangers(rules, known, told_with))
    home.refuse("pathways", conditions.strangers(ways, known, told_with) + pathways.unknown_enrolments(ways, known))
    return rules


def run_explain(home: Home) -> None:
    """Explain every scored family; contributions must add up to the raw score, and how they were computed is told."""
    from pipeline import boosters, explain, train

    config, connection = home.load(explain.Config, "explain"), engine(home)
    booster, _ = boosters.read(home.path(MODEL))
    with artifacts.replacing_folder(home.path(EXPLANATIONS)) as folder:
        run = contributing(home, connection, config, folder / "shap.parquet")
        method = explain.settled(booster, artifacts.rows(features_today(home)), config, run)
        progress.tell(method.notices())
        artifacts.write_json(method._asdict(), folder / "method.json")
        if config.background == "own_regency" and method.method == "tables":
            frame = artifacts.read_frame(features_today(home))
            raw, regency = train.raw_scores(booster, frame), regencies(home, frame)
            own = explain.against_own_regency(booster, frame, regency, raw, config)
            artifacts.write_parquet(own, folder / "interventional.parquet")


def contributing(home: Home, connection: Any, config: Any, file: "Path") -> Any:
    """What `explain.settled` asks for: a writer of every family's contributions, and a reader of some."""
    from pipeline import batches, boosters, explain

    (text, _), (booster, _) = boosters.text(home.path(MODEL)), boosters.read(home.path(MODEL))
    names, schema = booster.feature_name(), batches.contributions_schema(booster.feature_name())

    def write(by: explain.By) -> None:
        work = partial(batches.contributions, text, by, config.threads)
        known = artifacts.read(features_today(home))
        artifacts.write_batches(worked(home, connection, known, (work, schema)), schema, file)

    def some(rows: Any) -> Any:
        known = artifacts.read_rows(features_today(home), rows, names)
        return explain.matrix(booster, known), artifacts.read_rows(file, rows, [*names, batches.BASE]).to_numpy()

    return write, some


def worked(home: Home, connection: Any, features: "ir.Table", task: tuple[Any, Any]) -> "Iterator[pa.RecordBatch]":
    """What `task` (work and the schema of what it yields) makes of the model's features, family by family."""
    from pipeline import boosters, engines

    booster, _ = boosters.read(home.path(MODEL))
    known = features.select(FAMILY, AS_OF, *booster.feature_name())
    return engines.worked(connection, engines.in_order(connection, known, FAMILY), *task)


def run_opinions(home: Home) -> None:
    """Explain every family anew, against its own regency and by each seed alone; draw the model for auditors."""
    from pipeline import crowd, opinions

    engine(home)
    told: dict[str, Any] = {"simulated": bool(artifacts.read_json(home.path(LINEAGE), "simulated")["simulated"])}
    with (
        artifacts.scratch_folder(home.path(SCRATCH)) as scratch,
        artifacts.replacing_folder(home.path(OPINIONS)) as folder,
    ):
        groups = regency_groups(home, scratch)
        list(crowd.each(partial(opinions_of_group, home, scratch), groups, workers(home), "opinions"))
        engine(home)
        for name, measures in opinions.MEASURES.items():
            artifacts.write(artifacts.read(scratch / name).order_by(FAMILY), folder / f"{name}.parquet")
            rows = artifacts.read_frame(folder / f"{name}.parquet", [FAMILY, *measures])
            told[name] = opinions.summary(rows, rows[FAMILY].isin(listed_families(home)), measures)
        artifacts.write_json(told, folder / "opinions.json")
        draw_model(home, folder, told["simulated"])


def opinions_of_group(home: Home, scratch: "Path", group: Group) -> None:
    """Second opinions on the families of some regencies; what a worker process does."""
    from pipeline import boosters, explain, lists, opinions, train

    engine_of_worker(home)
    config, settings = home.load(opinions.Config, "opinions"), home.load(explain.Config, "explain")
    (booster, _), families = boosters.read(home.path(MODEL)), of_group(scratch, group)
    seeds = home.load(train.Config, "train").seeds
    features, shown = (
        artifacts.pandas(theirs(artifacts.read(file), families).order_by(FAMILY))
        for file in (features_today(home), home.path(SHAP))
    )
    regency = features[FAMILY].map(artifacts.pandas(families).set_index(FAMILY)["regency_code"])
    raw = train.raw_scores(booster, features)
    tables = artifacts.read_json(home.path(METHOD), "method")["method"] == "tables"
    own = explain.against_own_regency(booster, features, regency, raw, settings) if tables else None
    by_seed = opinions.by_seed(booster, explain.matrix(booster, features), seeds, settings.threads)
    least = home.load(lists.Config, "lists").minimum_log_odds
    asked = opinions.Asked(shown, own, by_seed, concept_of_features(home))
    for name, rows in opinions.opinions(asked, config, least).items():
        artifacts.write_part(rows.assign(regency_code=regency), scratch / name, group.name)


def concept_of_features(home: Home) -> dict[str, str]:
    words = artifacts.read_csv(home.path(WORDING))
    return dict(zip(words["feature"], words["concept"], strict=True))


def listed_families(home: Home) -> "pd.Series[str]":
    """Those that are proposed for a visit."""
    from pipeline import lists

    narrow = [FAMILY, "rank", "eligible", "facilitator_id", "regency_code"]
    chosen = lists.select(artifacts.read_frame(home.path(SCORES), narrow), home.load(lists.Config, "lists"))
    return chosen.loc[chosen["status"] == lists.LISTED, FAMILY]


def draw_model(home: Home, folder: "Path", simulated: bool) -> None:
    """Tables and pictures of what features give, alone and in pairs, over families at equal steps of kpm_id."""
    from pipeline import boosters, dependence, explain, explain_figures, opinions

    config, (booster, _) = home.load(opinions.Config, "opinions"), boosters.read(home.path(MODEL))
    names, known = booster.feature_name(), features_today(home)
    x = explain.matrix(booster, artifacts.read_rows(known, opinions.steps(artifacts.rows(known), config), names))
    settings = home.load(explain.Config, "explain")
    values, _ = explain.contributions(booster, x, settings)
    words = artifacts.read_csv(home.path(WORDING))
    sample = dependence.Sample(x, values[:, :-1], names, concept_of_features(home))
    bins = dependence.Bins(config.bins, config.minimum_families)
    tables = dependence.tables(booster, sample, dependence.Sizes(config.pairs, config.pictured, bins))
    for name, table in tables.items():
        artifacts.write_csv(table, folder / f"{name}.csv")
    labels = dict(zip(words["feature"], words["label_en"], strict=True))
    for name, png in explain_figures.draw(tables, labels, simulated).items():
        artifacts.write_bytes(png, folder / f"{name}.png")


def features_today(home: Home) -> "Path":
    return home.path(f"{FEATURES}/{extracted_on(home)}.parquet")


def regencies(home: Home, features: "pd.DataFrame") -> "pd.Series":
    """The regency of every family of the extract's date, in the order of `features`."""
    from pipeline import context

    places = context.build(canonical(home), [extracted_on(home)]).to_pandas()
    return features[FAMILY].map(places.set_index(FAMILY)["regency_code"])


def run_lists(home: Home) -> None:
    """Write one ranked list per regency, for people: XLSX and CSV."""
    from pipeline import crowd, lists, workbook

    engine(home)
    config = home.load(lists.Config, "lists")
    with (
        artifacts.scratch_folder(home.path(SCRATCH)) as scratch,
        artifacts.replacing_folder(home.path(LISTS)) as folder,
    ):
        groups = regency_groups(home, scratch)
        wanted = [FAMILY, "rank", "eligible", "facilitator_id", "regency_code"]
        chosen = lists.select(artifacts.read_frame(home.path(SCORES), wanted), config)
        artifacts.write(chosen[[FAMILY, "status"]].sort_values(FAMILY), scratch / "status.parquet")
        work = partial(lists_of_group, home, (folder, scratch))
        found = [row for rows in crowd.each(work, groups, workers(home), "lists") for row in rows]
        artifacts.write_bytes(workbook.csv_bytes(lists.indexed(found)), folder / "index.csv")


def lists_of_group(home: Home, places: "tuple[Path, Path]", group: Group) -> list[Any]:
    """The lists of some regencies, and their lines of the index; what a worker process does."""
    from pipeline import lists, workbook

    engine_of_worker(home)
    (folder, scratch), config = places, home.load(lists.Config, "lists")
    families, lineage = of_group(scratch, group), artifacts.read_json(home.path(LINEAGE), "id", "simulated")
    scores = artifacts.read(home.path(SCORES)).semi_join(families, FAMILY)
    beside = [artifacts.read(home.path(PATHWAYS)).select(FAMILY, "text_id"), artifacts.read(scratch / "status.parquet")]
    selection = artifacts.pandas(scores)
    for table in beside:
        selection = selection.merge(artifacts.pandas(theirs(table, families)), on=FAMILY, validate="one_to_one")
    selection = selection.sort_values(["regency_code", "rank"], kind="stable").reset_index(drop=True)
    listed = families.semi_join(
        artifacts.read(scratch / "status.parquet").filter(lambda t: t.status == lists.LISTED), FAMILY
    )
    found = lists.regency_lists(selection, evidence_of(home, families, listed), lineage, config)
    for regency in found:
        artifacts.write_bytes(workbook.xlsx(regency, lineage), folder / lists.file_name(regency, "xlsx"))
        artifacts.write_bytes(workbook.csv_bytes(regency.candidates), folder / lists.file_name(regency, "csv"))
    return lists.index_rows(found)


def run_visits(home: Home) -> None:
    """Write each facilitator's visits over all programmes, XLSX and PDF, and the Command Center's referrals."""
    from pipeline import lists, visit_files, visit_lists, visits, workbook

    connection, as_of = engine(home), extracted_on(home)
    config, lineage = home.load(visits.Config, "visits"), artifacts.read_json(home.path(LINEAGE), "id", "simulated")
    seen = visits_seen(home, connection)
    asked, serving = visits.due(seen, as_of, config).to_pandas(), visits.serving(seen.scores, seen.villages).to_pandas()
    planned = visits.plan(asked, serving, config)
    due = artifacts.as_table(connection, "due", planned[[FAMILY]])
    rows = visit_lists.described(planned, visits_told(home, planned, due), config.order)
    center, counts = command_center(home, seen), visits.counts(planned, seen.scores)
    limits = home.load(lists.Config, "lists")
    codes = sorted({*counts["regency_code"], *rows["home"].str[:4]})
    names = {code: lists.regency_name(code, limits) for code in codes}
    found = visit_lists.files(rows, center, names, as_of)
    with artifacts.replacing_folder(home.path(VISITS)) as folder:
        for regency in progress.track(found, len(found), "visits"):
            artifacts.write_bytes(visit_files.xlsx(regency, lineage), folder / visit_lists.file_name(regency, "xlsx"))
            if regency.lists:
                artifacts.write_bytes(visit_files.pdf(regency, lineage), folder / visit_lists.file_name(regency, "pdf"))
        artifacts.write_bytes(workbook.csv_bytes(center), folder / "command_center.csv")
        artifacts.write_bytes(workbook.csv_bytes(counts), folder / "counts.csv")
        artifacts.write(planned, folder / "visits.parquet")


def visits_seen(home: Home, connection: Any) -> Any:
    """What the plan of visits looks at, as tables of the engine."""
    from pipeline import lists, visits

    tables, scores = canonical(home), artifacts.read(home.path(SCORES))
    chosen = lists.select(artifacts.read_frame(home.path(SCORES)), home.load(lists.Config, "lists"))
    listed = chosen.loc[chosen["status"] == lists.LISTED, [FAMILY]]
    return visits.Seen(
        scores=scores,
        listed=artifacts.as_table(connection, "listed", listed),
        pathways=artifacts.read(home.path(PATHWAYS)),
        lives=artifacts.read(home.path(LIVES)),
        villages=tables["kpm"].select(FAMILY, "village_code"),
        cases=visits.case_days(tables, extracted_on(home)),
    )


def visits_told(home: Home, planned: "pd.DataFrame", due: "ir.Table") -> Any:
    """What the lines of the planned families tell; `due`: their numbers."""
    from pipeline import lists, visit_lists, visits

    config, limits = home.load(visits.Config, "visits"), home.load(lists.Config, "lists")
    as_of, tables = extracted_on(home), canonical(home)
    scores, pathways = artifacts.read(home.path(SCORES)), artifacts.read(home.path(PATHWAYS))
    facts = visits.facts(due, (scores, pathways), tables, as_of).to_pandas()
    facts["chance"] = [lists.chance(p, limits) for p in facts["probability"]]
    return visit_lists.Told(
        places=lists.regions(planned[[FAMILY, "village_code"]], limits)[[FAMILY, "village_name"]],
        facts=facts.drop(columns=["probability", "customary_community"]),
        endings=visits.next_endings(
            artifacts.read(home.path(f"{LIFECYCLE}/endings.parquet")).semi_join(due, FAMILY)
        ).to_pandas(),
        cases=visits.open_cases(tables, as_of, config).semi_join(due, FAMILY).to_pandas(),
        partners=visits.partners(planned[[FAMILY, "why"]].merge(facts, on=FAMILY), config),
    )


def command_center(home: Home, seen: Any) -> "pd.DataFrame":
    """Referrals for the Command Center as people read them."""
    from pipeline import lists, visit_lists, visits

    config, limits = home.load(visits.Config, "visits"), home.load(lists.Config, "lists")
    found = visits.command_center(canonical(home), seen, extracted_on(home), config).to_pandas()
    found["partner"] = visits.partners(visits.as_visits(found), config)["partner"].to_numpy()
    places = lists.regions(found[[FAMILY, "village_code"]], limits)
    return visit_lists.referrals(found, dict(zip(places["village_code"], places["village_name"], strict=True)))


def run_fairness(home: Home) -> None:
    """Say whom the score and its list treat worse: every group against everybody else, inside and for outside."""
    from pipeline import fairness, fairness_figures

    engine(home)
    config = home.load(fairness.Config, "fairness")
    before, unknown = fairness_history(home, config)
    found = fairness.study(before, fairness_today(home, config), config)
    outside = fairness.published(found)
    simulated = "simulated" in str(artifacts.read_json(home.path(EXTRACT), "name")["name"]).lower()
    told = {"simulated": simulated, "without_outcome": unknown, "rules_of_today_alone": unjudged(home), **found.summary}
    with artifacts.replacing_folder(home.path(FAIRNESS)) as folder:
        for name, table in fairness.room(found).items():
            artifacts.write_csv(table, folder / "room" / f"{name}.csv")
        for name, table in outside.items():
            artifacts.write_csv(table, folder / "published" / f"{name}.csv")
        artifacts.write_json(told, folder / "published" / "fairness.json")
        drawn = fairness_figures.draw(outside["history_rates"], simulated)
        artifacts.write_bytes(drawn, folder / "published" / "fairness.png")


def fairness_history(home: Home, config: Any) -> "tuple[pd.DataFrame, int]":
    """Out-of-time rows with known outcome, with the list that would have been made on each date from everybody who has
    a chance; and how many members of those dates have no outcome (censored), who are in no chance and on no list."""
    from pipeline import capacity, fairness, lists

    made = artifacts.read(home.path(PREDICTIONS))
    rows = artifacts.pandas(made.filter(made.model == config.model).drop("model", "fold", "outcome"))
    if rows.empty:
        raise BadInput(
            f"{home.path(PREDICTIONS)}: no rows of model {config.model}",
            "name the model in configs/fairness.yaml as configs/evaluate.yaml names the champion",
        )
    as_ofs = sorted(set(rows[AS_OF].dt.date))
    known = artifacts.stack([fairness_known(home, a, config) for a in as_ofs])
    rows = rows.merge(known, on=[FAMILY, AS_OF], how="left", validate="one_to_one")
    limits = home.load(lists.Config, "lists")
    most = capacity.Capacity(limits.per_facilitator, limits.regency_share)
    listed = rows.assign(listed=fairness.listed(rows, most))
    members = artifacts.read(home.path(COHORT))
    everybody = int(members.filter(members.as_of.isin(as_ofs)).count().to_pyarrow().as_py())
    return listed[listed["label"].notna()], everybody - int(listed["label"].notna().sum())


def fairness_known(home: Home, as_of: date, config: Any) -> "pd.DataFrame":
    """Of every member on the date: what tells the groups, place, facilitator, and whether it could be proposed."""
    from pipeline import context, holds, poverty

    table, rules = artifacts.read(home.path(f"{FEATURES}/{as_of}.parquet")), home.load(holds.Config, "holds")
    wanted = (holds.looked_at(rules) | set(poverty.READ) | set(config.features)) & set(table.columns)
    places = artifacts.pandas(context.on(canonical(home), as_of).drop("village_code", AS_OF))
    frame = artifacts.pandas(table.select(FAMILY, AS_OF, *sorted(wanted)))
    frame = frame.merge(places, on=FAMILY, how="left", validate="one_to_one")
    judged = poverty.beside(frame, frame["regency_code"], as_of, home.load(poverty.Config, "poverty"))
    kept = [FAMILY, AS_OF, "regency_code", "facilitator_id", *(f for f in config.features if f in frame)]
    return frame[kept].assign(eligible=holds.decide(judged, rules)["eligible"].to_numpy())


def unjudged(home: Home) -> list[str]:
    """What a hold looks at that no past date can tell: the lists of the past are made without it."""
    from pipeline import holds, poverty

    known = set(artifacts.read_csv(home.path(DICTIONARY))["feature"]) | {poverty.FEATURE}
    return sorted(holds.looked_at(home.load(holds.Config, "holds")) - known)


def fairness_today(home: Home, config: Any) -> "pd.DataFrame":
    """Everybody scored as of the extract: listed, below or held, the holds, and what tells the groups."""
    from pipeline import lists

    wanted = [FAMILY, AS_OF, "rank", "eligible", "facilitator_id", "regency_code", "holds"]
    chosen = lists.select(artifacts.read_frame(home.path(SCORES), wanted), home.load(lists.Config, "lists"))
    table = artifacts.read(features_today(home))
    known = artifacts.pandas(table.select(FAMILY, *(f for f in config.features if f in table.columns)))
    return chosen.merge(known, on=FAMILY, how="left", validate="one_to_one")


def run_drift(home: Home) -> None:
    """Watch features, scores and, where outcomes are not known yet, what may be expected of a list."""
    from pipeline import boosters, drift, train

    engine(home)
    config, (booster, _) = home.load(drift.Config, "drift"), boosters.read(home.path(MODEL))
    as_ofs = as_ofs_of(artifacts.read(home.path(COHORT)))[-config.dates :]
    names, at = [*booster.feature_name(), drift.SCORE], dict[str, Any]()
    counts, raw = list[Any](), dict[date, Any]()
    for as_of in progress.track(as_ofs, len(as_ofs), "drift"):
        frame = artifacts.read_frame(home.path(f"{FEATURES}/{as_of}.parquet"))
        raw[as_of] = frame[[FAMILY, AS_OF]].assign(score=train.raw_scores(booster, frame))
        series = frame.assign(score=raw[as_of]["score"])
        at = at or drift.edges(series, names, config.bins)
        counts.append(drift.binned(series, at, config.bins))
    watched = drift.watch(counts, names, as_ofs, config)
    table = drift.performance(drift_lists(home, raw))
    with artifacts.replacing_folder(home.path(DRIFT)) as folder:
        artifacts.write_csv(watched.changes, folder / "changes.csv")
        artifacts.write_csv(table, folder / "performance.csv")
        artifacts.write_json(drift.told(watched, table), folder / "drift.json")


def drift_lists(home: Home, raw: "dict[date, pd.DataFrame]") -> "pd.DataFrame":
    """Chances and lists of the dates with known outcomes, out of time, and of the later ones by the model in use."""
    from pipeline import boosters, calibrate, capacity, fairness, lists

    config, limits = home.load(fairness.Config, "fairness"), home.load(lists.Config, "lists")
    _, model_hash = boosters.read(home.path(MODEL))
    fitted = boosters.read_calibration(home.path(CALIBRATION), model_hash)
    before, _ = fairness_history(home, config)
    most = capacity.Capacity(limits.per_facilitator, limits.regency_share)
    later = [a for a in raw if a > before[AS_OF].dt.date.max()]
    parts = [before]
    for as_of in later:
        chance = raw[as_of].assign(probability=calibrate.probability(raw[as_of]["score"].to_numpy(), fitted))
        known = chance.merge(fairness_known(home, as_of, config).drop(columns=AS_OF), on=FAMILY, validate="one_to_one")
        parts.append(known.assign(listed=fairness.listed(known, most), label=float("nan")))
    return artifacts.stack([p[[FAMILY, AS_OF, "probability", "listed", "label"]] for p in parts])


def run_report(home: Home) -> None:
    """Draw the figures, write the report for people and the model's card."""
    from pipeline import card, evaluate, figures, folds, report, study

    config = home.load(report.Config, "report")
    tables, lineage = evaluation_tables(home), artifacts.read_json(home.path(LINEAGE), "id", "simulated")
    seen = evidence(home)
    means, sample = figures.shap_tables(seen.contributions, seen.features, seen.words, config.shap_points)
    drawn = figures.draw(tables | {"shap_means": means, "shap_sample": sample}, config.model, lineage["simulated"])
    drawn |= drawn_before(home)
    data = report.ReportData(
        lineage=lineage,
        as_of=extracted_on(home),
        horizon_months=home.load(study.Config, "study").horizon_months,
        level=home.load(evaluate.Config, "evaluate").level,
        measures=tables["measures"],
        differences=tables["differences"],
        verdict=artifacts.read_json(home.path(METRICS), "verdict")["verdict"],
        figures=drawn,
        lists=artifacts.read_codes(home.path(f"{LISTS}/index.csv")),
        reasons=means,
        quality=artifacts.read_csv(home.path(FINDINGS)).rename(columns={"rejected": "quarantined"}),
        doubts=artifacts.read_csv(home.path(DOUBTS), "sentence"),
        folds=tables["folds"],
        evaluation=tables,
        oracle=oracle(home),
        borderline=borderline(home),
        data_age_days=seen.features["welfare_age_days"],
        ways=counted_ways(home),
        effect=artifacts.read_json(home.path(f"{EFFECT}/effect.json")) | {"used": not change(home).empty},
        stories=told_stories(home, seen),
        fairness=artifacts.read_json(home.path(f"{FAIRNESS}/published/fairness.json")),
        drift=artifacts.read_json(home.path(f"{DRIFT}/drift.json")),
    )
    fold = folds.table([final_fold(home)])
    with artifacts.replacing_folder(home.path(REPORT)) as folder:
        artifacts.write_text(report.render(data, config), folder / "report.html")
        for name, png in drawn.items():
            artifacts.write_bytes(png, folder / f"{name}.png")
        artifacts.write_csv(means, folder / "shap_summary.csv")
    artifacts.write_text(card.render(data, fold, config.model), home.path(CARD))


def drawn_before(home: Home) -> dict[str, bytes]:
    """Pictures of the report that earlier stages drew; the effect has none where it could not be estimated."""
    files = {
        "components": f"{LIFECYCLE}/components.png", "effect": f"{EFFECT}/effect.png",
        "fairness": f"{FAIRNESS}/published/fairness.png",
    }  # fmt: skip
    return {name: home.path(file).read_bytes() for name, file in files.items() if home.path(file).exists()}


def counted_ways(home: Home) -> "pd.DataFrame":
    """Families by phase, pathway and hold."""
    from pipeline import pathways

    scores = artifacts.read_frame(home.path(SCORES), [FAMILY, "eligible", "holds", "phase", "pathway"])
    waiting = artifacts.read_frame(home.path(PATHWAYS), [FAMILY, "waiting_for"])
    return pathways.counts(scores.merge(waiting, on=FAMILY, validate="one_to_one"))


def told_stories(home: Home, seen: Any) -> "list[Any]":
    """The whole stories of the families that configs/stories.yaml chooses."""
    from pipeline import last_component, lists, stories

    config, limits = home.load(stories.Config, "stories"), home.load(lists.Config, "lists")
    people = lists.select(artifacts.read_frame(home.path(SCORES)), limits)
    active = people.groupby("regency_code")[FAMILY].size()
    names = {code: lists.regency_name(str(code), limits) for code in active.index}
    people = people.assign(regency=people["regency_code"].map(names), active=people["regency_code"].map(active))
    lives = artifacts.read_frame(home.path(LIVES), [FAMILY, "last_component_ends_on", "loses_a_year"])
    words = artifacts.read_frame(home.path(PATHWAYS), [FAMILY, "text_id", "text_en"])
    people = last_component.beside(people, lives, extracted_on(home))
    for table in (words, lives[[FAMILY, "loses_a_year"]], seen.features.drop(columns=[AS_OF])):
        people = people.merge(table, on=FAMILY, how="left", validate="one_to_one")
    mine = set(stories.chosen(people, config).values())
    reasons = lists.reasons(lists.only(seen, mine), limits)
    return stories.tell(people, reasons.assign(**lists.with_days(reasons)), config)


def oracle(home: Home) -> "pd.DataFrame | None":
    """How far the scores are from what no model can beat, where a simulated world's truth lies beside its extract."""
    from pipeline import evaluate

    known = home.path(TRUTH) / "truth.parquet"
    if not artifacts.read_json(home.path(LINEAGE), "simulated")["simulated"] or not known.exists():
        return None
    scores, truth = artifacts.read_frame(home.path(SCORES)), artifacts.read(known).to_pandas()
    return evaluate.against_truth(scores, truth, home.load(evaluate.Config, "evaluate"))


def borderline(home: Home) -> float | None:
    """The share of the listed families whose place hangs on the draw of a seed."""
    from pipeline import lists

    selection = lists.select(artifacts.read_frame(home.path(SCORES)), home.load(lists.Config, "lists"))
    listed = selection[selection["status"] == lists.LISTED]
    return float(listed["borderline"].mean()) if len(listed) else None


def run_publish(home: Home) -> None:
    """Write the signed, numbered bundle that the desk reads; names and numbers of people are joined only here."""
    from pipeline import lists, publish, seal

    engine(home)
    settle(home)
    config, limits = home.load(publish.Config, "publish"), home.load(lists.Config, "lists")
    publish.refuse_older(extracted_on(home), published_before(home))
    signer = seal.key(home.path(config.private_key))
    narrow = [FAMILY, "rank", "eligible", "facilitator_id", "regency_code", "probability"]  # of the whole nation
    chosen = lists.select(artifacts.read_frame(home.path(SCORES), narrow), limits)
    counts = {str(c): int(n) for c, n in chosen.groupby("regency_code")[FAMILY].size().items()}
    facts, before = bundle_facts(home, chosen), earlier_run(home, chosen)
    with (
        artifacts.scratch_folder(home.path(SCRATCH)) as parts,
        artifacts.replacing_folder(home.path(PUBLISHED)) as folder,
    ):
        by_regency(home, parts, before)
        (folder / "identity").mkdir(mode=artifacts.PRIVATE_FOLDER)
        for regency in progress.track(sorted(counts), len(counts), "publish"):
            status = chosen.loc[chosen["regency_code"] == regency, [FAMILY, "status"]]
            for name, table in publish.tables(published_of(home, parts, regency, status), config, limits).items():
                artifacts.write(table, folder / name / f"{regency}.parquet")
            moves = moves_of(home, parts, before, chosen[chosen["regency_code"] == regency])
            artifacts.write(moves, folder / "moves" / f"{regency}.parquet")
            named = artifacts.read_part(parts / "identity", "regency_code", regency).sort_values(FAMILY)
            artifacts.write(named, folder / "identity" / f"{regency}.parquet", artifacts.PRIVATE)
        artifacts.write(
            publish.changes(chosen[LISTED_COLUMNS], listed_before(home)[LISTED_COLUMNS]), folder / "changes.parquet"
        )
        artifacts.write_json(artifacts.read_json(home.path(LINEAGE)), folder / "lineage.json")
        artifacts.write_json(publish.spoken(config, limits, counts), folder / "words.json")
        manifest = seal.close(folder, facts, signer)
        remember(home, chosen, {**facts, "manifest_sha256": manifest})
    settle(home)


def remember(home: Home, chosen: "pd.DataFrame", facts: Mapping[str, Any]) -> None:
    """Lay aside what the next bundle is compared with; it counts from when this bundle lies there, see `settle`.

    What this bundle was compared with goes with it, for where the same run is published again, see `compared_with`.
    """
    base = compared_with(home)
    with artifacts.replacing_folder(home.path(RUN_NEXT)) as folder:
        artifacts.write(chosen[[*LISTED_COLUMNS, "probability"]], folder / RUN_LISTED)
        for name in (MODEL, MODEL_SHA256, CALIBRATION):
            artifacts.write_text(home.path(name).read_text(encoding="utf-8"), folder / home.path(name).name)
        told = {k: facts[k] for k in ("as_of", "number", "lineage", "manifest_sha256")}
        artifacts.write_json(told, folder / RUN_TOLD)
        for file in sorted(base.iterdir()) if base.is_dir() else ():
            if file.is_file():
                artifacts.write_bytes(file.read_bytes(), folder / RUN_ITS_BEFORE / file.name)


def settle(home: Home) -> None:
    """The run laid aside becomes the one before if its bundle is the one that lies there: a publish that was killed
    has happened, with all that goes with it, or has not."""
    following, bundle = home.path(RUN_NEXT), home.path(f"{PUBLISHED}/manifest.json")
    if not following.is_dir():
        return
    told = artifacts.read_json(following / RUN_TOLD)
    if bundle.is_file() and artifacts.sha256(bundle) == told["manifest_sha256"]:
        artifacts.write_json({k: told[k] for k in ("number", "manifest_sha256")}, home.path(LEDGER))
        artifacts.take_place(following, home.path(RUN_BEFORE))
    artifacts.discard(following)


LISTED_COLUMNS = [FAMILY, "status", "regency_code", "facilitator_id"]


class Before(NamedTuple):
    """The run that was published last: its day, what it said of each family, its model and map, whom to compare."""

    as_of: date
    scores: "pd.DataFrame"
    booster: Any
    calibration: Any
    asked: "pd.DataFrame"


def compared_with(home: Home) -> "Path":
    """The folder of the run that this one is compared with, which need not be there: the run published last; or, where
    that is this very run (a publish that was killed late is done again), the one that it was compared with."""
    before = home.path(RUN_BEFORE)
    this = artifacts.read_json(home.path(LINEAGE), "id")["id"]
    return before / RUN_ITS_BEFORE if told_of(before, lambda run: run.get("lineage")) == this else before


def told_of(folder: "Path", make: Callable[[Any], T]) -> T | None:
    """What `make` reads of a run that was laid aside; None where none was."""
    told = folder / RUN_TOLD
    return artifacts.recorded(told, make) if told.is_file() else None


def published_before(home: Home) -> date | None:
    """The day of the extract that was published last."""
    return told_of(home.path(RUN_BEFORE), day_of)


def day_of(run: Any) -> date:
    return date.fromisoformat(run["as_of"])


def earlier_run(home: Home, chosen: "pd.DataFrame") -> "Before | None":
    """The run that this one is compared with; None without one, or where its day's features are not both models'."""
    from pipeline import boosters

    folder, scores = compared_with(home), listed_before(home)
    as_of = told_of(folder, day_of)
    if as_of is None or "probability" not in scores:
        return None
    file = home.path(f"{FEATURES}/{as_of}.parquet")
    booster, sha256 = boosters.read(folder / home.path(MODEL).name)
    both = {*booster.feature_name(), *boosters.read(home.path(MODEL))[0].feature_name()}
    today = artifacts.read(home.path(f"{FEATURES}/{extracted_on(home)}.parquet"))
    if not file.exists() or both - set(artifacts.read(file).columns) & set(today.columns):
        return None
    calibration = boosters.read_calibration(folder / home.path(CALIBRATION).name, sha256)
    listed = [t.loc[t["status"] == "listed", FAMILY] for t in (chosen, scores)]
    asked = chosen.loc[chosen[FAMILY].isin({*listed[0], *listed[1]}) & chosen[FAMILY].isin(scores[FAMILY]), [FAMILY]]
    return Before(as_of, scores, booster, calibration, asked) if len(asked) else None


def moves_of(home: Home, parts: "Path", before: "Before | None", chosen: "pd.DataFrame") -> "pd.DataFrame":
    """Why the families of a regency moved that were listed before or are now; no row before the second bundle."""
    from pipeline import boosters, calibrate, movements, train

    regency = str(chosen["regency_code"].iloc[0])
    old = None if before is None else artifacts.read_part(parts / "before", "regency_code", regency)
    if before is None or old is None or old.empty:
        return movements.nothing()

    def run(features: "pd.DataFrame", told: tuple[Any, Any], scores: "pd.DataFrame") -> Any:
        booster, fitted = told
        return movements.Run(
            features, partial(train.raw_scores, booster), partial(calibrate.probability, calibration=fitted), scores
        )

    old = old.sort_values(FAMILY, ignore_index=True)
    new = old[[FAMILY]].merge(artifacts.read_part(parts / "features", "regency_code", regency), on=FAMILY)
    booster, sha256 = boosters.read(home.path(MODEL))
    model = booster, boosters.read_calibration(home.path(CALIBRATION), sha256)
    was = before.scores["regency_code"]
    there = was.isin(was[before.scores[FAMILY].isin(old[FAMILY])])
    earlier = run(old, (before.booster, before.calibration), before.scores[there])
    return movements.moved(earlier, run(new, model, chosen))


def bundle_facts(home: Home, chosen: "pd.DataFrame") -> dict[str, Any]:
    """What names the bundle. Its number is taken before anything is written: one that was shown never comes back."""
    ledger = home.path(LEDGER)
    before = (
        artifacts.read_json(ledger, "number", "manifest_sha256")
        if ledger.exists()
        else {"number": 0, "manifest_sha256": ""}
    )
    number, lineage = int(str(before["number"])) + 1, artifacts.read_json(home.path(LINEAGE), "id", "simulated")
    artifacts.write_json({**before, "number": number}, ledger)
    counted = {str(k): int(n) for k, n in chosen["status"].value_counts().items()}
    return {
        "number": number, "previous": before["manifest_sha256"], "as_of": extracted_on(home), "lineage": lineage["id"],
        "simulated": bool(lineage["simulated"]), "families": len(chosen), "counts": counted,
    }  # fmt: skip


def listed_before(home: Home) -> "pd.DataFrame":
    """What the run that this one is compared with said of each family; no rows before the first."""
    import pandas as pd

    file = compared_with(home) / RUN_LISTED
    return artifacts.read_frame(file) if file.exists() else pd.DataFrame(columns=LISTED_COLUMNS, dtype="str")


def by_regency(home: Home, folder: "Path", before: "Before | None") -> None:
    """What is published, split by regency in one pass of the engine each."""
    from pipeline import publish

    tables, today = canonical(home), extracted_on(home)
    place = artifacts.read(home.path(SCORES)).select(FAMILY, "regency_code")
    wide = {
        "scores": artifacts.read(home.path(SCORES)).drop("regency_code"),
        "shap": artifacts.read(home.path(SHAP)),
        "features": artifacts.read(home.path(f"{FEATURES}/{today}.parquet")),
        "ways": artifacts.read(home.path(PATHWAYS)),
        "villages": tables["kpm"].select(FAMILY, "village_code"),
        "known_on": artifacts.read(home.path(KNOWN_ON)),
        "lives": artifacts.read(home.path(LIVES)),
        "years": artifacts.read(home.path(f"{LIFECYCLE}/lifecycle.parquet")).drop(AS_OF),
        "endings": artifacts.read(home.path(f"{LIFECYCLE}/endings.parquet")).drop(AS_OF),
        "history": publish.history(tables, today),
        "identity": publish.identity(artifacts.read(home.path(IDENTITY))),
    }
    if before is not None:
        artifacts.write(before.asked, folder / "asked.parquet")
        file = home.path(f"{FEATURES}/{before.as_of}.parquet")
        wide["before"] = artifacts.read(file).semi_join(artifacts.read(folder / "asked.parquet"), FAMILY)
    for name, table in wide.items():
        artifacts.partition(table.inner_join(place, FAMILY), "regency_code", folder / name)


def published_of(home: Home, parts: "Path", regency: str, status: "pd.DataFrame") -> Any:
    """What is known of one regency's families."""
    from pipeline import lists, publish

    part = {
        n: artifacts.read_part(parts / n, "regency_code", regency)
        for n in ("shap", "features", "ways", "villages", "known_on", "lives", "years", "endings", "history", "scores")
    }
    scores = part["scores"].assign(regency_code=regency).merge(status, on=FAMILY, validate="one_to_one")
    words = artifacts.read_csv(home.path(WORDING)).merge(artifacts.read_csv(home.path(DICTIONARY)), on="feature")
    mine = scores[[FAMILY]].sort_values(FAMILY, ignore_index=True)
    shap, known, villages, days = (
        mine.merge(part[n], on=FAMILY, validate="one_to_one") for n in ("shap", "features", "villages", "known_on")
    )
    evidence = lists.Evidence(shap, known, words, villages, days)
    return publish.Seen(scores, part["ways"], evidence, part["lives"], part["years"], part["endings"], part["history"])


def run_track(home: Home) -> None:
    """Log the finished run to MLflow and register its model."""
    from pipeline import boosters, provenance, tracking

    lineage = artifacts.read_json(home.path(LINEAGE), "id", "simulated", "parameters")
    finished = tracking.Finished(
        lineage=lineage,
        parameters=provenance.flat(lineage["parameters"]),
        metrics=provenance.numbers(artifacts.read_json(home.path(METRICS))),
        files=[home.path(n) for n in (CARD, CALIBRATION, METRICS, DICTIONARY)] + sorted(home.path(REPORT).iterdir()),
        booster=boosters.read(home.path(MODEL))[0],
    )
    version = tracking.log(finished, home.path(STORE), home.load(tracking.Config, "track"))
    artifacts.write_json({"lineage": lineage["id"], "version": version}, home.path(TRACKED))


def evidence(home: Home) -> Any:
    """What people read about the scored families beside their scores."""
    from pipeline import lists

    words = artifacts.read_csv(home.path(WORDING)).merge(artifacts.read_csv(home.path(DICTIONARY)), on="feature")
    features = artifacts.read_frame(home.path(f"{FEATURES}/{extracted_on(home)}.parquet"))
    villages = artifacts.read_frame(home.path(f"{CANONICAL}/kpm.parquet"), [FAMILY, "village_code"])
    days = artifacts.read_frame(home.path(KNOWN_ON))
    return lists.Evidence(artifacts.read_frame(home.path(SHAP)), features, words, villages, days)


def evidence_of(home: Home, families: "ir.Table", listed: "ir.Table") -> Any:
    """The same for some families; contributions of those only whose reasons are told."""
    from pipeline import lists

    words = artifacts.read_csv(home.path(WORDING)).merge(artifacts.read_csv(home.path(DICTIONARY)), on="feature")
    features = artifacts.pandas(theirs(artifacts.read(features_today(home)), families).order_by(FAMILY))
    contributions = artifacts.pandas(theirs(artifacts.read(home.path(SHAP)), listed).order_by(FAMILY))
    days = artifacts.pandas(theirs(artifacts.read(home.path(KNOWN_ON)), listed).order_by(FAMILY))
    villages = artifacts.pandas(families.select(FAMILY, "village_code"))
    return lists.Evidence(contributions, features, words, villages, days)


def evaluation_tables(home: Home) -> "dict[str, pd.DataFrame]":
    """The evaluation's tables by name, the folds, and the outcomes of each as-of date."""
    from pipeline import figures

    tables = {file.stem: artifacts.read_csv(file) for file in sorted(home.path(TABLES).glob("*.csv"))}
    labels = artifacts.read_frame(home.path(LABELS), [AS_OF, "outcome"])
    return tables | {"folds": artifacts.read_csv(home.path(FOLDS)), "outcomes": figures.outcome_counts(labels)}


def engine_of_worker(home: Home) -> Any:
    """The engine of one of several worker processes, with its share of the machine."""
    config = home.load(artifacts.Config, "engine")
    return artifacts.engine(config.one_of(config.workers), home.path(SCRATCH))


def engine(home: Home) -> Any:
    return artifacts.engine(home.load(artifacts.Config, "engine"), home.path(SCRATCH))


def canonical(home: Home) -> "dict[str, ir.Table]":
    """Contract tables by name, those the extract has."""
    return artifacts.read_folder(home.path(CANONICAL))


def part_names(home: Home) -> list[str]:
    """The parts in which ingestion left its tables; none where each is one file."""
    folder = home.path(f"{CANONICAL}/kpm.parquet")
    return sorted(f.stem for f in folder.iterdir()) if folder.is_dir() else []


def canonical_part(home: Home, name: str) -> "dict[str, ir.Table]":
    """Contract tables by name, what they say of the families of one part."""
    from pipeline.tables import of_one_family

    folders = {f.name.removesuffix(".parquet"): f for f in sorted(home.path(CANONICAL).glob("*.parquet"))}
    alone = {t for t in folders if not of_one_family(t)}
    tables = {t: artifacts.read(f if t in alone else f / f"{name}.parquet") for t, f in folders.items()}
    return tables | {t: among(tables[t], tables["kpm"]).semi_join(tables["kpm"], FAMILY) for t in alone}


def extracted_on(home: Home) -> date:
    return artifacts.recorded(home.path(EXTRACT), lambda card: date.fromisoformat(card["extracted_on"]))


def declared(home: Home) -> Any:
    """Columns of welfare beyond the contract, as the source declared them."""
    from pipeline.tables import Column

    return artifacts.recorded(home.path(EXTRACT), lambda card: tuple(Column(**c) for c in card["welfare"]))


def as_ofs_of(cohort: "ir.Table") -> list[date]:
    return sorted(cohort.as_of.name("as_of").as_table().distinct().to_pandas()["as_of"].dt.date)


def scored(home: Home) -> list[str]:
    """Names of the features that the model may see."""
    dictionary = artifacts.read_csv(home.path(DICTIONARY))
    return list(dictionary.loc[dictionary["used_in_score"], "feature"])


def signs(home: Home) -> dict[str, int]:
    """+1 where the domain says that a larger value makes graduation likelier, -1 less likely; others are not named."""
    dictionary = artifacts.read_csv(home.path(DICTIONARY))
    claimed = dictionary[dictionary["sign"] != 0] if "sign" in dictionary else dictionary.iloc[:0].assign(sign=0)
    return dict(zip(claimed["feature"], claimed["sign"].astype(int), strict=True))


def matured_dates(home: Home) -> tuple[list[date], dict[date, date]]:
    """As-of dates with matured, observed labels, and the day each of them matured."""
    seen = artifacts.read_frame(home.path(LABELS), [AS_OF, "outcome"])
    observed = set(seen.loc[seen["outcome"] != CENSORED, AS_OF].dt.date)
    matured = {a: m for a, m in moments(home).items() if a in observed}
    return sorted(matured), matured


def moments(home: Home) -> dict[date, date]:
    """The day on which the labels of each as-of date mature."""
    as_days = date.fromisoformat
    return artifacts.recorded(home.path(MOMENTS), lambda told: {as_days(k): as_days(v) for k, v in told.items()})


def final_fold(home: Home) -> "Fold":
    from pipeline import folds

    return folds.final(*matured_dates(home), extracted_on(home), home.load(folds.Config, "folds"))


def backtest_settings(home: Home) -> Any:
    from pipeline import backtest, calibrate, peers, survival, train

    quarters = home.load(survival.Config, "survival")
    return backtest.Settings(
        home.load(train.Config, "train"),
        home.load(peers.Config, "peers"),
        home.load(calibrate.Config, "calibrate"),
        quarters if quarters.enabled else None,
    )


def loader(home: Home) -> "Callable[[Iterable[date]], pd.DataFrame]":
    """A function that reads the matured rows of as-of dates: features and outcome."""
    from pipeline import backtest

    labels, read = artifacts.read_frame(home.path(LABELS)), features_of(home)
    return lambda as_ofs: backtest.matured(read(as_ofs), labels)


def features_of(home: Home) -> "Callable[[Iterable[date]], pd.DataFrame]":
    """A function that reads the features of as-of dates; the same dates are asked for several times over."""
    read = cache(lambda as_of: artifacts.read_frame(home.path(f"{FEATURES}/{as_of}.parquet")))
    return lambda as_ofs: artifacts.stack([read(a) for a in as_ofs])


def past(home: Home) -> Any:
    """What is on record, as the backtest reads it."""
    from pipeline import backtest, study

    recorded = artifacts.read_frame(home.path(RECORDED))
    months = home.load(study.Config, "study").horizon_months
    read, labels = features_of(home), artifacts.read_frame(home.path(LABELS))
    return backtest.Past(
        lambda as_ofs: backtest.matured(read(as_ofs), labels), read, recorded, backtest.within(recorded, months),
        moments(home), scored(home), signs(home), months,
    )  # fmt: skip


def feature_columns(home: Home, as_ofs: list[date], names: list[str]) -> "pd.DataFrame":
    parts = [artifacts.read_frame(home.path(f"{FEATURES}/{a}.parquet"), [FAMILY, AS_OF, *names]) for a in as_ofs]
    return artifacts.stack(parts)


STAGES: Mapping[str, Callable[[Home], None]] = {
    name.removeprefix("run_"): function for name, function in list(globals().items()) if name.startswith("run_")
}


def order(home: Home) -> tuple[str, ...]:
    """Every stage in order; without `simulate` and `world` where the source is not the simulated extract."""
    from pipeline.sources import extract

    source = home.load(extract.Config, "source")
    simulated = (source.kind, source.path) == ("files", SIMULATED)
    return tuple(name for name in STAGES if simulated or name not in ("simulate", "world"))


def run(name: str, home: Home) -> None:
    """Runs one stage; BadInput where a user can mend what stopped it."""
    STAGES[name](home)


def sql(home: Home, feature: str | None) -> str:
    """The SQL of a feature, or of all; BadInput for a name that is none."""
    import ibis

    from pipeline import features

    engine(home)
    blocks = features.blocks(canonical(home), extracted_on(home), declared(home))
    names = {f.name for b in blocks for f in b.features}
    if feature is not None and feature not in names:
        raise BadInput(f"sql: {feature}: no such feature", f"see {home.path(DICTIONARY)} for all {len(names)}")
    chosen = [(b, f.name) for b in blocks for f in b.features if feature in (None, f.name)]
    return "\n\n".join(f"-- {name}\n{ibis.to_sql(b.expression().select(FAMILY, name))}" for b, name in chosen)


def where(home: Home) -> str:
    """Where people find what a run made, and how to open it."""
    store, tracked = home.path(STORE), artifacts.read_json(home.path(TRACKED), "version", "lineage")
    return "\n".join(
        (
            f"lists    {home.path(LISTS)}/        one XLSX and CSV per regency; index.csv names them",
            f"report   {home.path(REPORT)}/report.html   open it in any browser",
            f"card     {home.path(CARD)}",
            f"MLflow   make mlflow, then open http://127.0.0.1:5000 ({store}, model version {tracked['version']})",
            f"lineage  {tracked['lineage']}",
        )
    )


def tune(home: Home) -> str:
    """Search the settings of train on folds before the backtest's; no stage of `dvc repro`, a person starts it."""
    from pipeline import backtest, folds, train
    from pipeline import tune as tuning

    config, load = home.load(tuning.Config, "tune"), loader(home)
    as_ofs, matured = matured_dates(home)
    before = folds.chop(as_ofs, matured, home.load(folds.Config, "folds"))[0].origin
    parts = [
        tuning.Part(
            backtest.rows(load(f.train_as_ofs + f.calibrate_as_ofs), scored(home), f"inner fold {f.number}, training"),
            backtest.rows(load(f.test_as_ofs), scored(home), f"inner fold {f.number}, test"),
        )
        for f in tuning.plan(as_ofs, matured, before, config)
    ]
    folder = home.path(TUNING)
    folder.mkdir(parents=True, exist_ok=True)
    present = home.load(train.Config, "train")
    found = tuning.search(parts, present, signs(home), config, f"sqlite:///{folder / 'trials.db'}")
    artifacts.write_csv(found.trials, folder / "trials.csv")
    artifacts.write_text(tuning.section(found), folder / "best.yaml")
    return f"{folder / 'best.yaml'}: {found.gain:+.1%} over the settings in use, of {len(found.trials)} trials"


def life(home: Home, family: str, language: Literal["id", "en"]) -> str:
    """One family's coming years in words, with a picture beside; BadInput for a family that is not active."""
    from pipeline import figures, lifecycle_figures, wording

    engine(home)
    parts = {
        name: artifacts.read(home.path(f"{LIFECYCLE}/{name}.parquet")).filter(lambda t: t[FAMILY] == family)
        for name in ("lifecycle", "endings", "families")
    }
    facts = parts["families"].to_pandas().to_dict("records")
    if not facts:
        raise BadInput(
            f"lifecycle: kpm_id: no active family has this number ({len(family)} characters)",
            f"see {home.path(LIFECYCLE)}/families.parquet, or run `python -m pipeline lifecycle` first",
        )
    years, ends = parts["lifecycle"].order_by("year").to_pandas(), parts["endings"].order_by("ends_on").to_pandas()
    one = lifecycle_figures.Life(family, years, ends, facts[0])
    simulated = bool(artifacts.read_json(home.path(LINEAGE), "simulated")["simulated"])
    file = home.path(PICTURES) / f"lifecycle_{''.join(c if c.isalnum() else '_' for c in family)}.png"
    artifacts.write_bytes(figures.png(lifecycle_figures.draw_family(one, language, simulated)), file)
    mark = [getattr(wording.SIMULATED, language)] if simulated else []
    return "\n".join([*mark, lifecycle_figures.told(one, language), str(file)])


def promote(home: Home) -> str:
    from pipeline import tracking

    try:
        version = tracking.promote(home.path(STORE), home.load(tracking.Config, "track"))
    except LookupError as error:
        raise BadInput(str(error), "run `dvc repro` with another configuration first") from None
    return f"version {version} is the champion"
