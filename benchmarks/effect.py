"""The estimate of PENA's effect beside the known effect, in simulated worlds of several seeds.

`python -m benchmarks.effect --families 8000 --seeds 8 --stronger` simulates as many worlds in which many more enrol and
PENA changes more (so that small worlds have power), runs the stages up to `effect` on few as-of dates, and prints
estimate, interval and known effect of each, then bias and coverage. Without `--stronger` PENA does what
configs/simulate.yaml says. Every world is made in a folder that is removed afterwards.
"""

import json
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Annotated, Any

import typer
import yaml

PROJECT = Path(__file__).resolve().parents[1]
STAGES = ("simulate", "source", "ingest", "cohort", "labels", "features", "effect")
STRONGER = {"yearly_rate": 0.12, "income_gain": 0.35}


def settings(folder: Path, families: int, seed: int, stronger: bool) -> None:
    """A folder of settings: the world, and as-of dates from the end of 2022 on."""
    study = yaml.safe_load((PROJECT / "configs/study.yaml").read_text()) | {"first_as_of": "2022-12-31"}
    changes: dict[str, Any] = {"name": "simulated-effect", "families": families, "seed": seed, "truth_draws": 2}
    if stronger:
        changes["programmes"] = {"programmes": {"PENA": STRONGER}}
    (folder / "worlds").mkdir(parents=True)
    (folder / "study.yaml").write_text(yaml.safe_dump(study))
    (folder / "worlds" / "effect.yaml").write_text(yaml.safe_dump({"about": "for the effect", "changes": changes}))


def made(families: int, seed: int, stronger: bool) -> dict[str, Any]:
    """effect.json of one world."""
    with tempfile.TemporaryDirectory() as scratch:
        home = Path(scratch)
        settings(home / "configs", families, seed, stronger)
        ask = [
            sys.executable,
            "-m",
            "pipeline",
            "--configs",
            str(home / "configs"),
            "--world",
            "effect",
            "--home",
            scratch,
        ]
        for stage in STAGES:
            subprocess.run([*ask, stage], cwd=PROJECT, check=True, capture_output=True)
        found: dict[str, Any] = json.loads((home / "data/effect/effect.json").read_text())
        shutil.rmtree(home / "data")
    return found


def line(seed: int, found: dict[str, Any]) -> str:
    if found["verdict"] == "not estimated":
        return f"{seed:>6}  not estimated: {'; '.join(found['reasons'])}"
    told = "  ".join(f"{100 * found[k]:+7.2f}" for k in ("naive", "estimate", "lower", "upper", "truth"))
    why = "; ".join([found["verdict"], *found["reasons"]])
    return f"{seed:>6}  {told}  {found['treated']:>8,}  {found['ess']:>8,.0f}  {why}"


def main(
    families: Annotated[int, typer.Option()] = 8000,
    seeds: Annotated[int, typer.Option()] = 8,
    stronger: Annotated[bool, typer.Option(help="Many more enrol, and it changes more.")] = False,
    first_seed: Annotated[int, typer.Option()] = 1,
) -> None:
    """Percentage points; the truth is that of the twins without PENA."""
    typer.echo("  seed    naive  estimate   lower    upper    truth   treated       ESS  verdict")
    known = []
    for seed in range(first_seed, first_seed + seeds):
        found = made(families, seed, stronger)
        typer.echo(line(seed, found))
        known += [found] if found["verdict"] != "not estimated" else []
    if known:
        bias = sum(f["estimate"] - f["truth"] for f in known) / len(known)
        held = sum(f["lower"] <= f["truth"] <= f["upper"] for f in known)
        plain = sum(f["naive"] - f["truth"] for f in known) / len(known)
        typer.echo(
            f"bias {100 * bias:+.2f} points (plain difference {100 * plain:+.2f}); truth inside {held} of {len(known)}"
        )


if __name__ == "__main__":
    typer.run(main)
