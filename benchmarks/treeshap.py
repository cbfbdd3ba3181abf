"""Contributions of the shipped model: our tables beside LightGBM, shap, woodelf-explainer and fasttreeshap.

`python -m benchmarks.treeshap --home DIR` reads DIR's model and the features of its last date, repeats the families to
`--rows`, and measures everything in one run, in turns, so that all meet the same machine; it prints seconds a million
families, and how many times longer than our tables. Each is given its rows as it reads them fastest: LightGBM row by
row, our tables column by column. What is slow is measured on fewer families.

woodelf-explainer and fasttreeshap are no part of the pipeline: install them into an environment of their own and name
its Python with `--beside` (as often as there are environments). They are measured after the others: on a busy machine
read their ratios with care. What is not there, or fails, is told.
"""

import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import lightgbm as lgb
import numpy as np
import pandas as pd
import typer

BATCH = 100_000  # families that are explained into the same memory, as a national run does
FEW = {"LightGBM pred_contrib": 20_000, "shap": 2_000, "fasttreeshap v1": 2_000, "fasttreeshap v2": 2_000}
PEERS = ("woodelf", "fasttreeshap v1", "fasttreeshap v2")
OURS = "tables, in batches"


def of_shap(booster: lgb.Booster, x: np.ndarray) -> Callable[[], object]:
    import shap

    explainer = shap.TreeExplainer(booster, feature_perturbation="tree_path_dependent")
    explainer.model.model_type = "internal"  # else it asks LightGBM
    return lambda: explainer.shap_values(x, check_additivity=False)


def of_woodelf(booster: lgb.Booster, x: np.ndarray) -> Callable[[], object]:
    from woodelf import WoodelfExplainer

    rows = pd.DataFrame(x, columns=booster.feature_name())
    explainer = WoodelfExplainer(booster)
    return lambda: explainer.shap_values(rows)


def of_fasttreeshap(booster: lgb.Booster, x: np.ndarray, algorithm: str) -> Callable[[], object]:
    import fasttreeshap

    explainer = fasttreeshap.TreeExplainer(booster, algorithm=algorithm, n_jobs=2, shortcut=False)
    return lambda: explainer(x, check_additivity=False)


def peer(name: str, booster: lgb.Booster, x: np.ndarray) -> Callable[[], object]:
    if name == "woodelf":
        return of_woodelf(booster, x)
    if name.startswith("fasttreeshap"):
        return of_fasttreeshap(booster, x, name.split(" ")[1])
    return of_shap(booster, x)


def of_tables(booster: lgb.Booster, x: np.ndarray, threads: int) -> dict[str, Callable[[], object]]:
    from pipeline import treeshap

    lay = treeshap.layout(booster)
    told, own = treeshap.path_dependent(lay), treeshap.interventional(lay, x[:20_000])
    parts = [np.asfortranarray(x[first : first + BATCH]) for first in range(0, len(x), BATCH)]
    memory = treeshap.contributions(told, parts[0], threads)

    def batches(tables: treeshap.Tables) -> None:
        for part in parts:
            treeshap.contributions(tables, part, threads, out=memory[: len(part)] if len(part) < BATCH else memory)

    def regencies() -> None:
        """514 populations, each explained against itself."""
        for start in np.linspace(0, len(x), 515).astype(int)[:-1]:
            rows = np.asfortranarray(x[start : start + len(x) // 514])
            treeshap.contributions(treeshap.interventional(lay, rows), rows, threads)

    return {
        OURS: lambda: batches(told),
        "tables, all at once": lambda: treeshap.contributions(told, x, threads),
        "tables, background of 20,000": lambda: batches(own),
        "tables, 514 own backgrounds": regencies,
    }


def seconds(work: Callable[[], object]) -> float:
    time.sleep(0.3)  # the workers of the one before wait busily for a moment
    begin = time.perf_counter()
    work()
    return time.perf_counter() - begin


def measured_here(booster: lgb.Booster, x: np.ndarray, turns: int, threads: int) -> dict[str, float]:
    """Seconds a million families: the median of turns."""
    few = {name: np.ascontiguousarray(x[:count]) for name, count in FEW.items()}
    contributed = few["LightGBM pred_contrib"]
    works = of_tables(booster, x, threads) | {
        "LightGBM predict": lambda: booster.predict(x, raw_score=True, num_threads=threads),
        "LightGBM pred_contrib": lambda: booster.predict(contributed, pred_contrib=True, num_threads=threads),
        "shap": of_shap(booster, few["shap"]),
    }
    rows = {name: len(few[name]) if name in few else len(x) for name in works}
    works[OURS]()  # compiles, where nothing was compiled before
    took = {name: [] for name in works}
    for _ in range(turns):
        for name, work in works.items():
            took[name].append(seconds(work) / rows[name] * 1e6)
    return {name: float(np.median(each)) for name, each in took.items()}


def measured_beside(python: Path, name: str, model: Path, rows: Path) -> float | str:
    """Seconds a million families of a library in another environment, or what it said."""
    ask = [str(python), str(Path(__file__).resolve()), "--peer", name, "--model", str(model), "--table", str(rows)]
    found = subprocess.run(ask, capture_output=True, text=True, check=False)
    if found.returncode:
        return (found.stderr.strip().split("\n") or ["failed"])[-1][:150]
    return float(json.loads(found.stdout.strip().split("\n")[-1]))


def as_peer(name: str, model: Path, rows: Path) -> None:
    x = np.load(rows)
    x = x[: FEW.get(name, len(x))]
    work = peer(name, lgb.Booster(model_str=model.read_text()), x)
    work()
    typer.echo(json.dumps(float(np.median([seconds(work) for _ in range(3)])) / len(x) * 1e6))


def line(name: str, took: float, ours: float) -> str:
    return f"{name:32s} {took:12.2f} s a million {took / ours:10.1f} x"


def main(
    home: Annotated[Path, typer.Option(help="Folder of a finished run.")] = Path(),
    rows: int = 1_000_000,
    turns: int = 5,
    threads: int = 2,
    beside: Annotated[list[Path] | None, typer.Option(help="Python of an environment with other libraries.")] = None,
    peer: str = "",
    model: Path = Path(),
    table: Path = Path(),
) -> None:
    if peer:
        return as_peer(peer, model, table)
    sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
    booster = lgb.Booster(model_str=(home / "models/graduation.txt").read_text())
    last = max((home / "data/features").glob("*.parquet"))
    x = pd.read_parquet(last)[booster.feature_name()].to_numpy(dtype=np.float64)
    many = np.resize(x, (rows, x.shape[1]))
    took = measured_here(booster, many, turns, threads)
    for name, each in took.items():
        typer.echo(line(name, each, took[OURS]))
    with tempfile.TemporaryDirectory() as scratch:
        np.save(f"{scratch}/x.npy", many[:BATCH])
        text = Path(scratch, "model.txt")
        text.write_text(booster.model_to_string())
        for python in beside or []:
            for name in PEERS:
                found = measured_beside(python, name, text, Path(scratch, "x.npy"))
                told = f"{name:32s} {found}" if isinstance(found, str) else line(name, found, took[OURS])
                typer.echo(f"{told}  ({python.parent.parent.name})")


if __name__ == "__main__":
    typer.run(main)
