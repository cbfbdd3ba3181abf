"""What each stage of stages.py imports, at any remove, read from the code itself.

`python -m tests.wiring`, in the checkout, writes it into dvc.yaml as the stages' deps and params.
"""

import ast
import re
from pathlib import Path
from typing import Any

import grimp
import yaml

PICTURE = Path("dvc.yaml")
# Long tables of rules and shares, not settings to tune: DVC hashes them as files. As parameters their every value would
# stand in dvc.lock, which DVC reads before anything else, and in the columns of `dvc exp show`.
TABLES = {"eph", "holds", "pathways", "simulate", "world"}

STAGES = Path("pipeline/stages.py")
GRAPH = grimp.build_graph("pipeline", cache_dir=None)
TREE = ast.parse(STAGES.read_text())
FUNCTIONS = {node.name: node for node in TREE.body if isinstance(node, ast.FunctionDef)}


def imports(node: ast.AST) -> set[str]:
    """Modules of the pipeline that an import statement below `node` names."""
    found: set[str] = set()
    for part in ast.walk(node):
        if isinstance(part, ast.ImportFrom) and (part.module or "").split(".")[0] == "pipeline":
            below = {f"{part.module}.{alias.name}" for alias in part.names}
            found |= {name if name in GRAPH.modules else str(part.module) for name in below}
    return found


def calls(node: ast.AST) -> set[str]:
    """Functions of stages.py that are named below `node`."""
    return {part.id for part in ast.walk(node) if isinstance(part, ast.Name) and part.id in FUNCTIONS}


def reached(name: str) -> set[str]:
    """The function and every other one of stages.py that it may call."""
    seen, waiting = set(), {name}
    while waiting:
        one = waiting.pop()
        seen.add(one)
        waiting |= calls(FUNCTIONS[one]) - seen
    return seen


def at_the_top() -> set[str]:
    plain = ast.Module([n for n in TREE.body if isinstance(n, ast.ImportFrom)], [])
    return imports(plain)


def modules(stage: str) -> set[str]:
    """Every module that running the stage imports, at any remove; stages.py itself is wiring and left out."""
    direct = at_the_top().union(*(imports(FUNCTIONS[f]) for f in reached(f"run_{stage}")))
    return direct.union(*(GRAPH.find_upstream_modules(m) for m in direct)) - {"pipeline"}


def files(stage: str) -> set[str]:
    """The same as files."""
    paths = {m.replace(".", "/") for m in modules(stage)}
    return {f"{p}/__init__.py" if Path(p).is_dir() else f"{p}.py" for p in paths}


def sections(stage: str) -> set[str]:
    """Configuration sections that the stage loads, by the second argument of `load(Config, "section")`."""
    nodes = [FUNCTIONS[f] for f in reached(f"run_{stage}")]
    trees = [*nodes, *(ast.parse(Path(f).read_text()) for f in files(stage) if f.startswith("pipeline/sources/"))]
    return {
        part.args[1].value
        for tree in trees
        for part in ast.walk(tree)
        if isinstance(part, ast.Call)
        and getattr(part.func, "attr", getattr(part.func, "id", "")) == "load"
        and len(part.args) == 2
        and isinstance(part.args[1], ast.Constant)
    }


def deps(stage: str, told: dict[str, Any]) -> list[str]:
    """Data and folders as they are told, code and tables of rules as they are read; in order."""
    kept = {d for d in told["deps"] if not d.startswith(("pipeline/", "configs/")) or Path(d).is_dir()}
    folders = {d for d in kept if d.startswith("pipeline/")}
    code = {f for f in files(stage) if not any(f.startswith(f"{d}/") for d in folders)}
    return sorted(kept | code | {f"configs/{s}.yaml" for s in sections(stage) & TABLES})


def rewired(text: str) -> str:
    """The text of dvc.yaml with the lists of deps and params of every stage written anew."""
    told = yaml.safe_load(text)["stages"]
    head, *parts = re.split(r"(?m)^(?=  \w+:$)", text)
    return head + "".join(_rewired(part, told) for part in parts)


def _rewired(part: str, told: dict[str, Any]) -> str:
    stage = part.split(":", 1)[0].strip()
    lists = {
        "deps": [f"      - {d}\n" for d in deps(stage, told[stage])],
        "params": [f"      - configs/{s}.yaml:\n" for s in sorted(sections(stage) - TABLES)],
    }
    for key, lines in lists.items():
        part = re.sub(rf"(?m)^    {key}:\n(      - .*\n)+", f"    {key}:\n" + "".join(lines), part)
    return part


if __name__ == "__main__":
    PICTURE.write_text(rewired(PICTURE.read_text(encoding="utf-8")), encoding="utf-8")
