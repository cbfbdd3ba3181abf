"""A finished run, opened to be read: where every notebook begins. Nothing else reads GRADUASI_HOME."""

import os
from pathlib import Path

from pipeline import artifacts, stages, wording
from pipeline.artifacts import PROJECT, Home
from pipeline.errors import BadInput

VARIABLE = "GRADUASI_HOME"


def opened(study: str | None = None) -> Home:
    """The run of the checkout, or of the folder that GRADUASI_HOME names; its engine becomes Ibis's default.

    `study`: the run beside it in build/<study>, made with configs/<study> (`make eph`: "eph"). Configuration that lies
    in the run's own folder goes first. BadInput where no run has ended there.
    """
    root = Path(os.environ.get(VARIABLE) or PROJECT).resolve()
    folder = root / "build" / study if study else root
    possible = [folder / "configs", *([PROJECT / "configs" / study] if study else []), PROJECT / "configs"]
    home = Home(folder, tuple(dict.fromkeys(p for p in possible if p.is_dir())))
    if not home.path(f"{stages.LISTS}/index.csv").is_file():
        raise BadInput(f"{folder}: no finished run lies here", f"run `make {study or 'run'}` first, or set {VARIABLE}")
    stages.engine(home)
    return home


def about(home: Home) -> str:
    """One line in Markdown: whether the data are simulated, whose extract, of which day, which run."""
    lineage = artifacts.read_json(home.path(stages.LINEAGE))
    mark = wording.SIMULATED.en if lineage["simulated"] else f"Real data ({lineage['source']})"
    day = stages.extracted_on(home)
    return f"**{mark}.** Extract `{lineage['source']}` of {day}, run `{lineage['id']}`."
