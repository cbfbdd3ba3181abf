"""How long the audit of fairness takes: `python -m benchmarks.fairness --families 1000000 --dates 4`.

Rows are drawn, not simulated by the world: as many families as asked, on each as-of date, with the attributes of
configs/fairness.yaml, some of which change from date to date, chances, outcomes, holds, facilitators and regencies. It
prints the seconds of making the lists, of the groups, of the tables of the room, and of those that may leave it.
"""

import platform
import resource
from pathlib import Path
from time import perf_counter
from typing import Annotated

import numpy as np
import pandas as pd
import typer

from pipeline import artifacts, capacity, fairness
from pipeline.fairness import audit, publication

PROJECT = Path(__file__).resolve().parents[1]
SEED = 20250630


def drawn(families: int, dates: int) -> pd.DataFrame:
    """One row per family and date; what changes between dates changes as in life: ages and tenure grow, data come."""
    rng = np.random.default_rng(SEED)
    quarter = np.repeat(np.arange(dates), families)

    def fixed(values: np.ndarray) -> np.ndarray:
        return np.tile(values, dates)

    known = rng.random(families) < 0.97
    age, members = rng.normal(45, 12, families), rng.integers(1, 9, families)
    chance = rng.beta(0.6, 30, families)
    drift = np.clip(fixed(chance) * np.exp(0.3 * rng.standard_normal(quarter.size)), 0, 1)
    facilitator = rng.integers(0, max(1, families // 300), families)
    return pd.DataFrame(
        {
            "kpm_id": fixed(np.char.add("K", np.arange(families).astype(str))).astype(object),
            "as_of": quarter, "probability": drift, "label": (rng.random(quarter.size) < drift).astype(float),
            "eligible": fixed(rng.random(families) < 0.75), "facilitator_id": fixed(facilitator),
            "regency_code": fixed(3101 + facilitator % 514).astype(str).astype(object),
            "caretaker_female": fixed(np.where(known, rng.random(families) < 0.95, np.nan)),
            "caretaker_age": fixed(age) + quarter / 4, "severely_disabled": fixed(rng.random(families) < 0.02),
            "elderly": fixed(rng.integers(0, 2, families)),
            "members": fixed(members) + (rng.random(quarter.size) < 0.05), "urban": fixed(rng.random(families) < 0.3),
            "customary_community": fixed(rng.random(families) < 0.005),
            "identity_mismatch": rng.random(quarter.size) < 0.03,
            "identity_duplicate": fixed(rng.random(families) < 0.01),
            "identity_not_alive": fixed(rng.random(families) < 0.001),
            "enrolled_months": fixed(rng.integers(0, 120, families)) + 3 * quarter,
            "welfare_updates_24m": rng.poisson(1.5, quarter.size), "welfare_known_share": fixed(rng.random(families)),
        }
    ).astype({"severely_disabled": float, "urban": float, "customary_community": float})  # fmt: skip


def main(
    families: Annotated[int, typer.Option(help="Families on each date.")] = 1_000_000,
    dates: Annotated[int, typer.Option(help="As-of dates.")] = 4,
) -> None:
    config = artifacts.Home(PROJECT, (PROJECT / "configs",)).load(fairness.Config, "fairness")
    rows, clock = drawn(families, dates), [perf_counter()]
    rows["listed"] = fairness.listed(rows, capacity.Capacity(10, 0.03))
    clock.append(perf_counter())
    asked = fairness.past(rows, config)
    clock.append(perf_counter())
    found = audit.measure(asked, config)
    clock.append(perf_counter())
    outside = publication.publish(found, asked, config)
    clock.append(perf_counter())
    lists, groups, tables, published = np.diff(clock)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    typer.echo(f"{families} families on {dates} dates, {len(found.rates)} rates, {platform.machine()}")
    typer.echo(f"lists {lists:.1f} s, groups {groups:.1f} s, tables {tables:.1f} s, published {published:.1f} s")
    typer.echo(f"table without lists {groups + tables + published:.1f} s; peak {peak:.1f} GiB")
    typer.echo(f"counts hidden: {int(outside.counts.isna().to_numpy().sum())}")


if __name__ == "__main__":
    typer.run(main)
