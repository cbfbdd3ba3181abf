"""How long the recommendation of pathways takes: made-up families, the project's own rules, places that bind.

`python -m benchmarks.pathways --families 1000000` draws that many families over 514 regencies of unequal size, with the
features that configs/pathways.yaml and configs/holds.yaml look at, and tells the seconds of holds, of the assignment
alone and of the whole recommendation with its texts. Seconds depend on the machine and on who shares it.
"""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import pandas as pd
import typer
import yaml

from pipeline import holds, pathways

PROJECT = Path(__file__).resolve().parents[1]
SEED = 20250630
REGENCIES = 514


def drawn(families: int) -> pd.DataFrame:
    """Features with shares of the kind that the simulated default world has."""
    rng = np.random.default_rng(SEED)
    n = families

    def share(p: float) -> Any:
        return (rng.random(n) < p).astype(float)

    business = share(0.22)
    return pd.DataFrame(
        {
            "kpm_id": [f"K{i:09d}" for i in range(n)],
            "pregnant": share(0.02), "youngest_age": rng.integers(0, 30, n).astype(float),
            "severely_disabled": share(0.02), "elderly": share(0.2), "members": rng.integers(1, 8, n).astype(float),
            "national_decile_last": rng.integers(1, 6, n).astype(float),
            "income_times_poverty_line": rng.lognormal(0.1, 0.4, n).round(2), "shocks_6m": share(0.04),
            "welfare_age_days": rng.integers(0, 1600, n).astype(float), "objections_open": share(0.005),
            "workers": rng.integers(0, 4, n).astype(float), "ska_running": share(0.005), "phase_last": share(0.02) * 3,
            "owns_business_last": business, "caretaker_age": rng.integers(20, 70, n).astype(float),
            "economy_sessions_24m": rng.integers(0, 5, n).astype(float),
            "business_age_days": np.where(business == 1, rng.integers(0, 3000, n), np.nan),
            "business_turnover_last": np.where(business == 1, rng.integers(5, 40, n) * 1e5, np.nan),
            "sessions_present_share_12m": rng.random(n).round(2), "floor_per_person": rng.lognormal(2, 0.5, n).round(1),
            "house_tenure_last": rng.integers(1, 4, n).astype(float), "dwelling_index": rng.random(n).round(2),
            "floor_type_last": rng.integers(1, 9, n).astype(float), "cases_illness_12m": share(0.03),
            "months_until_components_end": rng.integers(1, 200, n).astype(float), "lasting_components": share(0.25),
            "pena_running": share(0.005), "prokus_running": share(0.01), "kube_running": share(0.008),
            "rst_running": share(0.002),
        }
    )  # fmt: skip


def timed(what: Callable[[], Any]) -> tuple[Any, float]:
    start = time.perf_counter()
    found = what()
    return found, time.perf_counter() - start


def settings(name: str) -> Any:
    return yaml.safe_load((PROJECT / "configs" / f"{name}.yaml").read_text(encoding="utf-8"))


def main(families: Annotated[int, typer.Option(help="How many to draw.")] = 1_000_000) -> None:
    rules = holds.Config.model_validate(settings("holds"))
    config = pathways.Config.model_validate(settings("pathways"))
    features = drawn(families)
    rng = np.random.default_rng(SEED)
    sizes = rng.lognormal(0, 0.8, REGENCIES)
    codes = np.array([f"{1100 + i}" for i in range(REGENCIES)])
    decided, holding = timed(lambda: holds.decide(features, rules))
    people = decided.assign(
        as_of=pd.Timestamp("2025-06-30"),
        probability=rng.beta(1, 40, families),
        regency_code=rng.choice(codes, families, p=sizes / sizes.sum()),
    )
    held, nothing = holds.rules_fired(features, rules), pd.Series(dtype="str")
    known = pathways.Known(people, features, held, {}, nothing, pd.Series(dtype="float64"))
    seconds = []
    plain = pathways.choose

    def watched(*arguments: Any) -> Any:
        found, took = timed(lambda: plain(*arguments))
        seconds.append(took)
        return found

    pathways.choose = watched
    found, whole = timed(lambda: pathways.recommend(known, config))
    typer.echo(f"families {families:,}, regencies {REGENCIES}, held {(~decided['eligible']).mean():.1%}")
    typer.echo(f"holds {holding:.1f} s, assignment {seconds[0]:.1f} s, whole recommendation {whole:.1f} s")
    typer.echo(found["pathway"].value_counts().to_string())


if __name__ == "__main__":
    typer.run(main)
