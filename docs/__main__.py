"""`python -m docs` builds the site into build/docs; `python -m docs pictures` draws the pictures of a run alone."""

import subprocess
import sys
from pathlib import Path
from typing import Annotated

import typer

from docs import pages, pictures
from pipeline.artifacts import Home
from pipeline.errors import BadInput

PROJECT = Path(__file__).resolve().parents[1]
BAD_INPUT = 2
app = typer.Typer(add_completion=False, pretty_exceptions_enable=False, help=__doc__)
Run = Annotated[Path, typer.Option(help="Folder of a finished run: its data/ and models/.")]
Build = Annotated[Path, typer.Option(help="Folder with pictures/ and screenshots/, and of the site, docs/.")]


@app.callback(invoke_without_command=True)
def site(context: typer.Context, home: Run = PROJECT, build: Build = PROJECT / "build") -> None:
    """Draw what the run allows, put the pages together, and let Sphinx build them; any warning ends it."""
    context.obj = (Home(home, (PROJECT / "configs",)), build)
    if context.invoked_subcommand is None:
        run = context.obj[0]
        if pictures.finished(run):
            pictures.save(run, build / "pictures")
        made = pages.Site(PROJECT, build, build / "docs-source")
        for lacking in pages.prepare(made):
            typer.echo(f"not made yet: {lacking}")
        built(made.source, build / "docs")
        typer.echo(f"{build / 'docs' / 'index.html'}: open it in any browser; it needs no network")


@app.command("pictures")
def draw(context: typer.Context) -> None:
    """Draw the pictures of a finished run into build/pictures."""
    home, build = context.obj
    for name in pictures.save(home, build / "pictures"):
        typer.echo(build / "pictures" / f"{name}.png")


def built(source: Path, out: Path) -> None:
    """BadInput with Sphinx's own lines where a link, an anchor or an image leads nowhere."""
    words = ["-W", "--keep-going", "-n", "-q", "-E", "-b", "html", "-d", str(out.parent / "docs-tree")]
    line = [sys.executable, "-m", "sphinx", *words, "-c", str(PROJECT / "docs"), str(source), str(out)]
    done = subprocess.run(line, capture_output=True, text=True, check=False)
    if done.returncode:
        raise BadInput("docs: Sphinx found faults", *done.stderr.strip().splitlines())


def main() -> None:
    try:
        app()
    except BadInput as error:
        typer.echo(str(error), err=True)
        raise SystemExit(BAD_INPUT) from None


if __name__ == "__main__":
    main()
