"""The simulated value of every declared figure, and whether it agrees with what is stated: one row per figure.

Every figure is a ratio of two sums over families, `top` over `bottom`: exits over members, persons over families,
rupiah over payments. Its standard error takes villages as clusters (the linearised variance of a ratio), because the
families of a village share its shocks and its facilitator, and the rows of one family go together. The engine adds
up; only one row per figure leaves it.
"""

from dataclasses import dataclass
from math import exp, fsum, isfinite, nan, sqrt

import ibis.expr.types as ir
import pandas as pd

from pipeline.columns import FAMILY
from pipeline.world.arguments import Places
from pipeline.world.measures import MEASURES, Setting
from pipeline.world.seen import World, lives_in, total
from pipeline.world.settings import Config, Figure

PUBLISHED = ("pub", "min", "app", "D")
WITHIN, OUTSIDE, UNTOLD = "within", "outside", "cannot tell"
COLUMNS = (
    "table", "group", "figure", "scope", "unit", "mark", "source", "low", "high", "tolerance", "simulated",
    "standard_error", "rows", "base", "verdict", "measure", "note",
)  # fmt: skip


@dataclass(frozen=True)
class Found:
    """A simulated value, its standard error, and how much stands behind it; NaN where there is none."""

    value: float = nan
    error: float = nan
    rows: float = 0.0


def find(world: World, figure: Figure) -> Found:
    """The simulated value of a figure."""
    measure = MEASURES[figure.measure]
    if measure.table is None:
        return _setting(world, figure.parsed())
    needs = {*measure.needs, *(("programmes",) if figure.arguments.get("via") else ())}
    needs |= {figure.arguments["table"]} if "table" in figure.arguments else set()
    if not needs <= set(world.tables):
        return Found()
    return finished(ratio(world, measure.table(world, figure.parsed()), figure.places), measure.finish)


def _setting(world: World, a: Setting) -> Found:
    value = world.settings.get(a.name)
    known = isinstance(value, int | float) and not isinstance(value, bool)
    return Found(float(value), 0.0, 1.0) if known else Found()  # type: ignore[arg-type]


def ratio(world: World, table: ir.Table, places: Places) -> Found:
    """Sum of top over sum of bottom, with the linearised standard error over villages.

    Var(R) = n/(n-1) * sum((t_v - R b_v)^2) / (sum b)^2 over the n villages v (Cochran, Sampling Techniques, 6.19).
    It is never less than one event: none in a thousand is not the same as never.
    """
    f = world.families.filter(lives_in(world.families.village_code, places)) if places else world.families
    placed = table.inner_join(f.select(FAMILY, "village_code"), FAMILY)
    v = placed.group_by("village_code").agg(t=total(placed.top), b=total(placed.bottom)).to_pandas()
    n, top, bottom = len(v), fsum(v["t"]), fsum(v["b"])
    if not bottom > 0:
        return Found()
    value = top / bottom
    square = fsum((v["t"] - value * v["b"]) ** 2)
    error = sqrt(n / (n - 1) * square) / bottom if n > 1 else nan
    return Found(value, max(error, 1 / bottom), bottom)


def finished(found: Found, finish: str) -> Found:
    """The exponential or the root of a ratio, its error carried through by the derivative."""
    if finish == "exp":
        return Found(exp(found.value), exp(found.value) * found.error, found.rows)
    if finish == "root":
        root = sqrt(found.value)
        return Found(root, found.error / (2 * root) if root else nan, found.rows)
    return found


def verdict(found: Found, figure: Figure, config: Config) -> str:
    """`within` or `outside` the band, and `cannot tell` where too little stands behind the value to say which.

    `outside` by more than `standard_errors` standard errors is told whatever the band's width. Nearer than that, half
    the width of the band must hold so many of them: then a world that is right at the band's middle is called
    `outside` in about one of twenty cases with two of them, and one that is wrong is not called `within` by chance.
    """
    low, high = figure.band()
    if not all(map(isfinite, (low, high, found.value, found.error))):
        return UNTOLD
    slack = config.standard_errors * found.error
    away = max(low - found.value, found.value - high)
    if MEASURES[figure.measure].table is not None and found.rows < config.fewest_rows:
        return UNTOLD
    if slack > (high - low) / 2 and away <= slack:
        return UNTOLD
    return OUTSIDE if away > 0 else WITHIN


def holds(world: World, figure: Figure, config: Config) -> bool:
    """Whether the world has the regencies that the figure speaks of; stray codes make no regency."""
    there = [
        code
        for code, families in world.regencies.items()
        if families >= config.fewest_rows and (not figure.places or code.startswith(figure.places))
    ]
    return len(there) >= figure.fewest_regencies


def measure(world: World, config: Config) -> pd.DataFrame:
    """One row per declared figure, in the order of the configuration; columns `COLUMNS`, shares as parts of one."""
    return pd.DataFrame([_row(world, f, config) for f in config.figures], columns=list(COLUMNS))


def _row(world: World, figure: Figure, config: Config) -> dict[str, object]:
    found = find(world, figure) if holds(world, figure, config) else Found()
    ((kind, size),) = figure.tolerance.items()
    low, high = (figure.stated[0], figure.stated[-1]) if figure.stated else (nan, nan)
    return {
        "table": "published" if figure.mark in PUBLISHED else "assumed",
        "group": figure.group,
        "figure": figure.figure,
        "scope": figure.scope,
        "unit": figure.unit,
        "mark": figure.mark,
        "source": figure.source,
        "low": low,
        "high": high,
        "tolerance": f"{kind} {size:g}",
        "simulated": found.value,
        "standard_error": found.error,
        "rows": found.rows,
        "base": MEASURES[figure.measure].base,
        "verdict": verdict(found, figure, config),
        "measure": figure.measure,
        "note": figure.note,
    }
