"""What each stage of stages.py imports, at any remove, read from the code itself."""

import ast
from pathlib import Path

import grimp

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
