"""The house: arrows, the picture of the pipeline, configuration, words, size of functions, locks."""

import ast
import importlib
import json
import re
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
import wiring
import yaml
from importlinter import cli
from studies import CONFIGS, PROJECT

from pipeline import __main__ as shell
from pipeline import provenance, stages
from pipeline.artifacts import Home

PICTURE = yaml.safe_load((PROJECT / "dvc.yaml").read_text(encoding="utf-8"))["stages"]
MODULES = sorted((PROJECT / "pipeline").rglob("*.py"))
TREES = {str(f.relative_to(PROJECT)): ast.parse(f.read_text(encoding="utf-8")) for f in MODULES}
PATHS = {k: v for k, v in vars(stages).items() if k.isupper() and isinstance(v, str) and ("/" in v or "." in v)}
# No stage's output: room to spill, the record of all runs, and the numbers of the bundles, which never come back.
NOT_TRACKED = {stages.SCRATCH, stages.STORE, stages.LEDGER, stages.RUN_BEFORE, stages.RUN_NEXT,
               stages.RUN_LISTED, stages.RUN_TOLD}  # fmt: skip
SEAL = "models/graduation.sha256"  # boosters reads and writes it beside the model
HOME_OF = {"engine": "artifacts", "audit": "audit.settings", "source": "sources.extract",
           "database": "sources.database", "eph": "sources.eph", "track": "tracking"}  # fmt: skip
LONGEST = 60
SEEDED = (
    "pipeline/effect/",
    "pipeline/evaluate",
    "pipeline/explain",
    "pipeline/metrics",
    "pipeline/train",
)  # by configuration


def deps(stage: str, code: bool) -> set[str]:
    return {d for d in PICTURE[stage]["deps"] if d.startswith("pipeline/") == code} if stage in PICTURE else set()


def outs(stage: str) -> set[str]:
    listed = [*PICTURE[stage].get("outs", []), *PICTURE[stage].get("metrics", [])]
    return {o if isinstance(o, str) else next(iter(o)) for o in listed}


def inside(path: str, folders: set[str]) -> bool:
    return any(path == f or path.startswith(f"{f}/") for f in folders)


def used_paths(stage: str) -> set[str]:
    """Values of the path constants that the stage's functions name, with the literal rest of an f-string."""
    nodes = [wiring.FUNCTIONS[f] for f in wiring.reached(f"run_{stage}")]
    return {PATHS[n.id] for node in nodes for n in ast.walk(node) if isinstance(n, ast.Name) and n.id in PATHS}


def test_arrows_point_one_way(capsys, monkeypatch):
    monkeypatch.chdir(PROJECT)
    status = cli.lint_imports(config_filename="pyproject.toml", no_cache=True, no_logo=True)
    assert status == 0, capsys.readouterr().out


@pytest.mark.parametrize("stage", stages.STAGES)
def test_code_deps_are_what_the_stage_imports(stage):
    named = deps(stage, code=True)
    folders = {d for d in named if (PROJECT / d).is_dir()}
    drawn = stage in ("report", "visits", "world")
    wanted = wiring.files(stage) | {d for d in folders if d == "pipeline/templates" and drawn}
    assert {f for f in wanted if not inside(f, named)} == set(), "imported, but no dep"
    assert {d for d in named if not any(inside(f, {d}) for f in wanted)} == set(), "a dep, but not imported"


@pytest.mark.parametrize("stage", stages.STAGES)
def test_a_folder_among_the_code_deps_holds_only_what_is_imported(stage):
    folders = [PROJECT / d for d in deps(stage, code=True) if (PROJECT / d).is_dir()]
    held = {str(f.relative_to(PROJECT)) for folder in folders for f in folder.rglob("*.py")}
    assert held <= wiring.files(stage)


@pytest.mark.parametrize("stage", stages.STAGES)
def test_params_are_the_sections_that_the_stage_loads(stage):
    named = [next(iter(p.items())) for p in PICTURE[stage].get("params", [])]
    assert all(keys is None for _, keys in named), "whole files, so that no key is forgotten"
    tables = {f"configs/{s}.yaml" for s in wiring.TABLES}
    assert sorted(file for file, _ in named) == sorted(settings(stage) - tables)
    assert deps(stage, code=False) & tables == settings(stage) & tables


def test_the_picture_is_as_its_writer_writes_it():
    text = (PROJECT / "dvc.yaml").read_text(encoding="utf-8")
    assert wiring.rewired(text) == text


def settings(stage: str) -> set[str]:
    return {f"configs/{s}.yaml" for s in wiring.sections(stage)}


@pytest.mark.parametrize("stage", stages.STAGES)
def test_data_that_a_stage_names_is_a_dep_or_an_out(stage):
    read_or_written = deps(stage, code=False) | outs(stage)
    assert {p for p in used_paths(stage) - NOT_TRACKED if not inside(p, read_or_written)} == set()


@pytest.mark.parametrize("stage", stages.STAGES)
def test_no_data_dep_or_out_is_superfluous(stage):
    named = used_paths(stage)
    listed = {p for p in deps(stage, code=False) | outs(stage) if p.startswith(("data/", "models/"))} - {SEAL}
    # What the source is comes from its configuration; its fingerprint is what starts ingestion again.
    expected = {"source": {yaml.safe_load((CONFIGS / "source.yaml").read_text())["path"]}, "ingest": {stages.SOURCE}}
    unexplained = listed - expected.get(stage, set())
    assert {p for p in unexplained if not any(inside(p, {n}) or inside(n, {p}) for n in named)} == set()


@pytest.mark.parametrize("stage", stages.STAGES)
def test_the_models_seal_goes_with_the_model(stage):
    """No stage reads or writes the one without the other, but lineage, which only takes the model's hash."""
    held = deps(stage, code=False) | outs(stage)
    assert (stages.MODEL in held) == (SEAL in held) or stage == "lineage"


def test_lineage_sees_all_that_it_tells_of():
    """Its id covers commit and every section, which no list of deps of its own could name without falling behind."""
    assert PICTURE["lineage"].get("always_changed") or all(inside(c, deps("lineage", False)) for c in provenance.CODE)


def test_stages_commands_and_functions_have_one_word_each():
    runners = [name.removeprefix("run_") for name in wiring.FUNCTIONS if name.startswith("run_")]
    assert list(PICTURE) == list(stages.STAGES) == runners
    commands = [c.name or c.callback.__name__ for c in shell.app.registered_commands]
    assert list(shell.staged().commands) == runners
    assert commands == [
        "all",
        "national",
        "recover",
        "sql",
        "worlds",
        "where",
        "whatif",
        "differ",
        "moved",
        "tune",
        "promote",
    ]
    assert [g.name for g in shell.app.registered_groups] == ["audit"]
    room = shell.app.registered_groups[0].typer_instance
    assert [c.name for c in room.registered_commands] == ["bundle", "verify", "replay", "explain", "questions", "room"]
    for stage, entry in PICTURE.items():
        # `exec`, so that DVC itself is the parent: machine.end_with_parent.
        assert entry["cmd"] == f"exec python -m pipeline {stage}"
        assert len(entry["desc"]) > 20
        assert ast.get_docstring(wiring.FUNCTIONS[f"run_{stage}"])


def test_stages_stand_in_an_order_in_which_they_can_run():
    made: set[str] = set()
    for stage in PICTURE:
        needed = {d for d in deps(stage, code=False) if d.startswith(("data/", "models/"))}
        assert {d for d in needed if not any(inside(d, {m}) or inside(m, {d}) for m in made)} == set(), stage
        made |= outs(stage)


def test_every_out_is_written_by_one_stage():
    pairs = [(stage, out) for stage in PICTURE for out in outs(stage)]
    clashes = [(a, b) for a in pairs for b in pairs if a != b and (inside(a[1], {b[1]}))]
    assert clashes == []


def test_identity_is_never_cached():
    listed = [o for o in PICTURE["ingest"]["outs"] if not isinstance(o, str)]
    assert listed == [{stages.IDENTITY: {"cache": False}}]
    assert PICTURE["publish"]["outs"] == [{stages.PUBLISHED: {"cache": False, "persist": True}}]


WORLDS = sorted((CONFIGS / "worlds").glob("*.yaml"))  # changes to a section; tests/test_worlds_config.py loads them
SECTIONS = sorted({*CONFIGS.rglob("*.yaml")} - {*WORLDS})


@pytest.mark.parametrize("file", SECTIONS, ids=lambda f: str(f.relative_to(CONFIGS)))
def test_every_configuration_loads_and_code_holds_no_value(file):
    module = importlib.import_module(f"pipeline.{HOME_OF.get(file.stem, file.stem)}")
    loaded = Home(PROJECT, (file.parent,)).load(module.Config, file.stem)
    defaults = {k for k, f in type(loaded).model_fields.items() if not f.is_required()}
    assert defaults == ({"welfare"} if file.stem == "source" else set())


def test_every_section_is_loaded_by_a_stage():
    asked_for = {"tune", "audit"}  # commands, no stages
    assert {f.stem for f in SECTIONS} == asked_for.union(*(wiring.sections(s) for s in stages.STAGES))


def test_a_study_of_its_own_changes_only_sections_that_exist():
    base = {f.name for f in CONFIGS.glob("*.yaml")}
    assert {f.name for f in {*CONFIGS.glob("*/*.yaml")} - {*WORLDS}} <= base


@pytest.mark.parametrize("file", [*SECTIONS, *WORLDS], ids=lambda f: str(f.relative_to(CONFIGS)))
def test_dates_are_quoted(file):
    """DVC keeps parameters as JSON, which has no dates."""
    json.dumps(yaml.safe_load(file.read_text(encoding="utf-8")))


def test_a_list_holds_as_many_as_are_measured():
    lists, evaluate = (yaml.safe_load((CONFIGS / f"{s}.yaml").read_text()) for s in ("lists", "evaluate"))
    for key in ("per_facilitator", "regency_share"):
        assert lists[key] == evaluate[key]


def test_the_folder_of_eph_differs_from_the_default_lists_only_in_region_names():
    plain, eph = (yaml.safe_load((CONFIGS / f).read_text()) for f in ("lists.yaml", "eph/lists.yaml"))
    assert {k for k in plain if plain[k] != eph[k]} == {"region_names"}


def imported(tree: ast.AST) -> set[str]:
    found: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found |= {a.name.split(".")[0] for a in node.names}
        if isinstance(node, ast.ImportFrom):
            found.add((node.module or "").split(".")[0])
    return found


def called(tree: ast.AST) -> set[str]:
    """Names and dotted names that the module calls."""
    return {ast.unparse(node.func) for node in ast.walk(tree) if isinstance(node, ast.Call)}


@pytest.mark.parametrize("name", TREES)
def test_no_pickle_no_clock_no_unseeded_draws(name):
    assert imported(TREES[name]) & {"pickle", "joblib", "dill", "cloudpickle", "shelve", "time", "random"} == set()
    clocks = {
        c
        for c in called(TREES[name])
        if re.search(r"\b(datetime\.(now|today|utcnow)|date\.today|default_rng$)", c) and not name.startswith(SEEDED)
    }
    assert clocks == set()


@pytest.mark.parametrize("name", [n for n in TREES if n not in ("pipeline/__main__.py", "pipeline/desk/commands.py")])
def test_only_the_command_line_prints(name):
    assert called(TREES[name]) & {"print", "typer.echo", "sys.stdout.write"} == set()


@pytest.mark.parametrize("name", TREES)
def test_modules_and_classes_say_what_they_are(name):
    assert ast.get_docstring(TREES[name])
    # A Config of the simulator is explained line by line in configs/simulate.yaml.
    classes = [n for n in ast.walk(TREES[name]) if isinstance(n, ast.ClassDef) and not n.name.startswith("_")]
    bare = {c.name for c in classes if not ast.get_docstring(c)}
    settings = {c.name for c in classes if any(ast.unparse(b) == "BaseConfig" for b in c.bases)}
    assert bare <= (settings if name.startswith("pipeline/simulate/") else set())


def test_no_function_is_longer_than_a_page():
    lengths = {
        f"{name}:{node.name}": (node.end_lineno or 0) - node.lineno + 1
        for name, tree in TREES.items()
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef)
    }
    # One line a feature: a declaration that happens to stand in a function.
    told = {"pipeline/features/membership.py:build"}
    assert {k: n for k, n in lengths.items() if n > LONGEST and k not in told} == {}
    assert sorted(lengths.values())[len(lengths) // 2] <= 10
    assert sum(n > 40 for n in lengths.values()) <= len(lengths) // 50


def test_every_template_is_there_and_used():
    asked = {
        node.args[0].value
        for tree in TREES.values()
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and ast.unparse(node.func).endswith("get_template")
    }
    held = {f.name: f.read_text(encoding="utf-8") for f in (PROJECT / "pipeline" / "templates").iterdir()}
    asked |= {part for text in held.values() for part in re.findall(r'{% include "([^"]+)"', text)}
    assert asked == set(held)


@pytest.mark.parametrize(
    "name",
    [
        "requirements.lock",
        "requirements-dev.lock",
        "requirements-desk.lock",
        "requirements-docs.lock",
        "requirements-spark.lock",
    ],
)
def test_locks_hold_versions_and_hashes_and_no_address(name):
    text = (PROJECT / name).read_text(encoding="utf-8")
    assert re.findall(r"https?:|file:|/opt|--find-links|--(?:extra-)?index-url| @ ", text) == []
    pinned = pins(name)
    hashed = re.findall(r"^([\w.-]+)(?:\[[^\]]*\])?==\S+ \\\n    --hash=sha256:[0-9a-f]{64}", text, re.MULTILINE)
    assert {h.lower() for h in hashed} == set(pinned)


@pytest.mark.parametrize("kind", ["requirements", "requirements-dev", "requirements-desk"])
def test_locks_pin_what_is_asked_for(kind):
    asked, locked = pins(f"{kind}.in"), pins(f"{kind}.lock")
    assert len(asked) > 5
    assert {k: locked.get(k) for k in asked} == asked


def test_the_locks_agree():
    plain, dev, desk = (pins(f"requirements{k}.lock") for k in ("", "-dev", "-desk"))
    assert {k: dev.get(k) for k in plain} == plain
    assert {k: dev.get(k) for k in desk} == desk
    assert {k: v for k, v in desk.items() if k in plain} == {k: plain[k] for k in desk if k in plain}


def pins(name: str) -> dict[str, Any]:
    text = (PROJECT / name).read_text(encoding="utf-8")
    found = re.findall(r"^([\w.-]+)(?:\[[^\]]*\])?==(\S+)", text, re.MULTILINE)
    return {package.lower(): version for package, version in found}


def test_no_file_names_a_place_of_one_machine():
    places = [p for p in (PROJECT / "pipeline", CONFIGS, PROJECT / "tests", PROJECT / ".ci") for p in p.rglob("*")]
    files = [p for p in places if p.is_file() and p.suffix in {".py", ".yaml", ".html", ".md", ""}]
    homes = re.compile(rf"/(?:home|root|{PROJECT.parts[1]})/\w")
    found = [str(Path(f).relative_to(PROJECT)) for f in files if homes.search(f.read_text(encoding="utf-8"))]
    assert found == []


CALLED_BY_DJANGO = {"Meta", "process_view", "get_session_auth_fallback_hash", "formatException"}
IN_USE = ("pipeline", "benchmarks")


def without_docstrings(code: str) -> str:
    """The code as ast writes it, so without comments, and without docstrings."""
    tree = ast.parse(code)
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef) and ast.get_docstring(node, clean=False):
            node.body[0] = ast.Pass()
    return ast.unparse(tree)


def test_nothing_is_there_for_its_tests_alone():
    """Functions, methods and classes without a decorator whose name no other line of the code or a template says."""
    files = [f for d in IN_USE for f in (PROJECT / d).rglob("*") if f.suffix in (".py", ".html")]
    texts = {f: f.read_text(encoding="utf-8") for f in files if "migrations" not in f.parts}
    texts = {f: without_docstrings(text) if f.suffix == ".py" else text for f, text in texts.items()}
    said = Counter(word for text in texts.values() for word in re.findall(r"\w+", text))
    code = (text for f, text in texts.items() if f.suffix == ".py" and f.is_relative_to(PROJECT / "pipeline"))
    nodes = [n for t in code for n in ast.walk(ast.parse(t)) if isinstance(n, ast.FunctionDef | ast.ClassDef)]
    defined = Counter(n.name for n in nodes)
    called = CALLED_BY_DJANGO | {f"run_{stage}" for stage in stages.STAGES}
    plain = {n.name for n in nodes if not n.decorator_list and not n.name.startswith("__")} - called
    assert {name for name in plain if said[name] <= defined[name]} == set()
