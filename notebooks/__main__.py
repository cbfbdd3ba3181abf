"""Run the stories of this folder on a finished run: `python -m notebooks`, or `make notebooks`; opens nothing.

A story is a text file of cells (jupytext, `py:percent`) without outputs. It runs in a kernel of its own from the first
cell to the last, and written with its outputs to build/notebooks/. The run read is the checkout's, or the one in the
folder that the environment variable GRADUASI_HOME names (pipeline/runs.py). Exit status 0 where every story ended, 2
where one wants what is not there, 1 for anything else; the others are run all the same.
"""

import os
import tempfile
import time
from pathlib import Path
from typing import Annotated

import jupytext
import nbformat
import typer
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError, CellTimeoutError, DeadKernelError
from nbformat import NotebookNode
from rich.console import Console
from traitlets.config import Config

from pipeline import artifacts
from pipeline.errors import BadInput

FOLDER = Path(__file__).resolve().parent
OUT = artifacts.PROJECT / "build" / "notebooks"
SECONDS_A_CELL = 600
IN_THE_CHECKOUT = {"metadata": {"path": str(artifacts.PROJECT)}}
NO_PORTS = Config(KernelManager={"transport": "ipc"})  # another user of the machine could reach a port
FAILED, WANTING = 1, 2
console = Console(stderr=True, soft_wrap=True)


def stories() -> dict[str, Path]:
    """The stories by name, in order of their numbers."""
    return {file.stem: file for file in sorted(FOLDER.glob("[0-9]*-*.py"))}


def chosen(names: list[str]) -> list[Path]:
    """The stories named, by name or by number alone; all of them where none is. BadInput for one that is none."""
    known = stories()
    found = {n: [s for s in known if n in (s, s.partition("-")[0])] for n in names}
    if strangers := [n for n, s in found.items() if not s]:
        raise BadInput(f"notebooks: {strangers[0]}: no such story", f"the stories are {', '.join(known)}")
    return [known[s] for s in dict.fromkeys(s for mine in found.values() for s in mine)] or list(known.values())


class Stopped(Exception):
    """A story that did not end: what to tell of it in one line, and the exit status."""

    def __init__(self, line: str, status: int) -> None:
        super().__init__(line)
        self.status = status


def executed(story: Path) -> NotebookNode:
    """The story with its outputs, from a kernel that starts in the checkout and leaves nothing behind.

    Raises Stopped where a cell fails or the kernel does not answer.
    """
    notebook = jupytext.read(story)
    client = NotebookClient(notebook, timeout=SECONDS_A_CELL, resources=IN_THE_CHECKOUT, config=NO_PORTS)
    with tempfile.TemporaryDirectory() as scratch:
        try:
            return client.execute(env={**os.environ, "IPYTHONDIR": scratch})
        except CellExecutionError as error:
            status = WANTING if error.ename == BadInput.__name__ else FAILED
            raise Stopped(complaint(story, notebook, f"{error.ename}: {error.evalue}"), status) from None
        except (CellTimeoutError, DeadKernelError) as error:
            raise Stopped(complaint(story, notebook, str(error)), FAILED) from None


def complaint(story: Path, notebook: NotebookNode, said: str) -> str:
    """One line: the story, the cell it stopped at (counted with its texts, from 1), what was said there."""
    reached = [n for n, cell in enumerate(notebook.cells, start=1) if cell.get("execution_count")]
    return f"{story.stem}: cell {max(reached, default=1)}: {' '.join(said.split())[:400]}"


def run(story: Path, out: Path) -> int:
    """Run one story, write it with its outputs and say how long it took; the exit status."""
    start = time.perf_counter()
    try:
        notebook = executed(story)
    except Stopped as stopped:
        console.print(str(stopped), markup=False, highlight=False)
        return stopped.status
    file = out / f"{story.stem}.ipynb"
    artifacts.write_text(str(nbformat.writes(notebook)) + "\n", file)  # type: ignore[no-untyped-call]
    console.print(f"{story.stem}: {time.perf_counter() - start:.0f} s, {file}", markup=False, highlight=False)
    return 0


def main(
    names: Annotated[list[str] | None, typer.Argument(help="Names or numbers of stories; without one, all.")] = None,
    out: Annotated[Path, typer.Option(help="Folder of the stories with their outputs.")] = OUT,
) -> None:
    """Run stories and write them with their outputs."""
    try:
        statuses = {run(story, out) for story in chosen(names or [])}
    except BadInput as error:
        console.print(str(error), markup=False, highlight=False)
        raise SystemExit(WANTING) from None
    raise SystemExit(FAILED if FAILED in statuses else max(statuses))


if __name__ == "__main__":
    typer.run(main)
