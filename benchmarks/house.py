"""How long our functions are and how many arguments they take: `python -m benchmarks.house [FOLDER]`.

Counted as the anchors were: lines of a function without its docstring, arguments without self; migrations are Django's.
"""

import ast
import statistics
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

LONG, VERY_LONG = 40, 80


@dataclass(frozen=True)
class Function:
    where: str
    lines: int
    arguments: int
    told: bool
    public: bool


def functions(file: Path) -> Iterator[Function]:
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            docstring = ast.get_docstring(node, clean=False) or ""
            given = (*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs)
            yield Function(
                f"{file}:{node.name}",
                (node.end_lineno or node.lineno) - node.lineno + 1 - len(docstring.splitlines()),
                len([a for a in given if a.arg not in ("self", "cls")]),
                bool(docstring),
                not node.name.startswith("_"),
            )


def ninth_decile(values: list[int]) -> int:
    return sorted(values)[int(0.9 * len(values))]


def main(folder: Annotated[Path, typer.Argument()] = Path("pipeline")) -> None:
    files = [f for f in sorted(folder.rglob("*.py")) if "migrations" not in f.parts]
    found = [f for file in files for f in functions(file)]
    lines, arguments = [f.lines for f in found], [f.arguments for f in found]
    public = [f for f in found if f.public]
    rows = {
        "modules": len(files),
        "median module": round(statistics.median(len(f.read_text(encoding="utf-8").splitlines()) for f in files)),
        "functions": len(found),
        "median function": round(statistics.median(lines)),
        "p90 function": ninth_decile(lines),
        f"at most {LONG} lines": f"{sum(n <= LONG for n in lines) / len(lines):.1%}",
        f"over {VERY_LONG} lines": sum(n > VERY_LONG for n in lines),
        "p90 arguments": ninth_decile(arguments),
        "most arguments": max(arguments),
        "public ones with a docstring": f"{sum(f.told for f in public) / len(public):.0%}",
    }
    for name, value in rows.items():
        typer.echo(f"{name:<30} {value}")
    for f in sorted(found, key=lambda f: -f.lines)[:5]:
        typer.echo(f"{f.lines:>4} lines, {f.arguments} arguments: {f.where}")


if __name__ == "__main__":
    typer.run(main)
