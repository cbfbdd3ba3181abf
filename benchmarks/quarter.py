"""What a new quarter costs beside the whole run: three months of records more, and the same stages once more.

`python -m benchmarks.quarter --families 200000`: the world `million` with that many families, as extracted three
months before its end, is taken through the stages from the extract to the lists with every as-of date of its history;
then the same world with its last quarter. Stages run one by one, as `dvc repro` would run them, with a model that is
trained already; a stage whose inputs changed runs again, and what it finds unchanged inside it leaves as it lies.
"""

import shutil
import tempfile
from pathlib import Path
from typing import Annotated

import typer
import yaml

from benchmarks import national

STAGES = ("source", "ingest", "cohort", "labels", "features", "lineage", "lifecycle", "score", "explain", "lists")
ENDS = ("2025-03-31", "2025-06-30")


def until(root: Path, day: str, share: float) -> None:
    """The world ends on `day`; `share` of the families has a history."""
    world = root / "configs" / "worlds" / "million.yaml"
    values = yaml.safe_load(world.read_text(encoding="utf-8"))
    values["changes"]["extracted_on"] = day
    world.write_text(yaml.safe_dump(values), encoding="utf-8")
    cohort = root / "configs" / "cohort.yaml"
    chosen = yaml.safe_load(cohort.read_text(encoding="utf-8")) | {"history_share": share}
    cohort.write_text(yaml.safe_dump(chosen), encoding="utf-8")


def main(
    families: Annotated[int, typer.Option(help="Families ever enrolled.")] = 200_000,
    models: Annotated[Path, typer.Option(help="Folder of the trained model.")] = Path("models"),
    history_share: Annotated[float, typer.Option(help="Share of the families with a history.")] = 1.0,
) -> None:
    took: dict[str, list[national.Taken]] = {}
    with tempfile.TemporaryDirectory() as temporary:
        root = Path(temporary)
        national.configured(root, families)
        shutil.copytree(models, root / "models")
        for day in ENDS:
            until(root, day, history_share)
            national.measured("simulate", families, root)
            took[day] = [national.measured(stage, families, root) for stage in STAGES]
    typer.echo(f"{'stage':<10} {'whole, s':>9} {'new quarter, s':>15} {'share':>7}   of seconds; then of core-seconds")
    for whole, more in zip(*took.values(), strict=True):
        typer.echo(line(whole.stage, [whole], [more]))
    typer.echo(line("all", *took.values()))


def line(name: str, whole: list[national.Taken], more: list[national.Taken]) -> str:
    seconds = [sum(t.seconds for t in each) for each in (whole, more)]
    cores = [sum(t.core_seconds for t in each) for each in (whole, more)]
    share = f"{seconds[1] / seconds[0]:>7.1%} {cores[1] / cores[0]:>7.1%}"
    return f"{name:<10} {seconds[0]:>9.1f} {seconds[1]:>15.1f} {share}"


if __name__ == "__main__":
    typer.run(main)
