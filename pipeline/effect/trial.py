"""The trial that is emulated: who could be enrolled, who was, and what happened after the enrolment window.

Everything is asked at a landmark, the end of the window: whoever left before it is in neither arm, so nobody is
counted as treated for having stayed long enough to be enrolled (immortal time). An enrolment counts only if it was
recorded by the landmark: a grant that was entered because a family left would otherwise look like its cause.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date

import ibis
import ibis.expr.types as ir
import numpy as np
import pandas as pd

from pipeline import study
from pipeline.asof import known
from pipeline.columns import AS_OF, CENSORED, FAMILY, TARGET
from pipeline.effect.settings import GRADUATED, SAMPLED, TREATED, Config

PRODUCTIVE_NOW, AGE = "productive_running", "caretaker_age"
TWINNED = "PENA"


@dataclass(frozen=True)
class Window:
    """One as-of date, the landmark that ends its enrolment window, and the end of the horizon."""

    as_of: date
    landmark: date
    horizon_end: date


def windows(as_ofs: Iterable[date], months: int, config: Config) -> tuple[Window, ...]:
    """`months` is the horizon; the landmark must lie within it."""
    return tuple(
        Window(a, study.months_after(a, config.window_months), study.months_after(a, months)) for a in sorted(as_ofs)
    )


def offered(programmes: ir.Table, found: Sequence[Window], config: Config) -> tuple[Window, ...]:
    """Windows in which somebody is known to have been enrolled: elsewhere the programme was not on offer."""
    return tuple(w for w in found if enrolled(programmes, config.programmes, w).count().to_pyarrow().as_py())


def enrolled(programmes: ir.Table, names: Sequence[str], window: Window) -> ir.Table:
    """Families that entered one of the programmes within the window, as known at the landmark; key kpm_id."""
    seen = known(programmes, "started_on", window.landmark)
    return seen.filter(seen.programme.isin(names), seen.started_on > window.as_of).select(FAMILY).distinct()


def earlier(programmes: ir.Table, names: Sequence[str], window: Window) -> ir.Table:
    """Families that had entered one of them by as_of, as known at the landmark; key kpm_id.

    A start before as_of that was recorded within the window makes a family neither treated nor a control.
    """
    seen = known(programmes, "started_on", window.landmark)
    return seen.filter(seen.programme.isin(names), seen.started_on <= window.as_of).select(FAMILY).distinct()


def marks(programmes: ir.Table, window: Window, config: Config) -> dict[str, ir.Table]:
    """Families by mark: treated, by_twin (treated by the programme whose twin a simulated world knows), and of each
    placebo programme who entered it and who had before.
    """
    found = {TREATED: enrolled(programmes, config.programmes, window)}
    found["by_twin"] = enrolled(programmes, [TWINNED], window)
    for name in config.placebo_programmes:
        found[started(name)] = enrolled(programmes, [name], window)
        found[had(name)] = earlier(programmes, [name], window)
    return found


def started(programme: str) -> str:
    return f"started_{programme}"


def had(programme: str) -> str:
    return f"had_{programme}"


@dataclass(frozen=True)
class Asked:
    """The settings, and the share of the untreated to keep."""

    config: Config
    share: float


def rows(features: ir.Table, outcomes: ir.Table, programmes: ir.Table, window: Window, asked: Asked) -> ir.Table:
    """Members of one as-of date who could be enrolled and had not left by the landmark; key kpm_id.

    Kept are the treated (of a placebo too) and a hash sample of the rest, `sampled`; never chosen by outcome.
    Columns: kpm_id, as_of, place, outcome, outcome_on, the marks, sampled, the features.
    """
    config = asked.config
    could = eligible(features, programmes, window.landmark, config, window.as_of)
    one = outcomes.filter(outcomes[AS_OF] == ibis.literal(window.as_of)).drop(AS_OF)
    found = could.inner_join(staying(one, window), FAMILY)
    for name, families in marks(programmes, window, config).items():
        found = marked(found, families, name)
    found = found.mutate(**{SAMPLED: drawn(found[FAMILY], window, asked.share)})
    any_start = [found[TREATED], *(found[started(n)] for n in config.placebo_programmes)]
    return found.filter(ibis.or_(found[SAMPLED], *any_start)).order_by(FAMILY)


def eligible(
    features: ir.Table, programmes: ir.Table, known_by: date, config: Config, as_of: date | None = None
) -> ir.Table:
    """Families that could be enrolled after `as_of` (`known_by` where none is named): caretaker of the age, in no
    productive programme, never in one of `config.programmes` before, as known on `known_by`; key kpm_id.
    """
    on = as_of or known_by
    free = features[PRODUCTIVE_NOW].fill_null(0) == 0
    could = features.filter(features[AGE].between(*config.ages), free)
    could = could.anti_join(earlier(programmes, config.programmes, Window(on, known_by, known_by)), FAMILY)
    kept = dict.fromkeys([FAMILY, "place", *(c for c in config.features if c in features.columns)])
    return could.select(*kept).mutate(**{AS_OF: ibis.literal(on)})


def marked(rows: ir.Table, families: ir.Table, name: str) -> ir.Table:
    """The rows with a flag `name`: the family is one of `families`."""
    flagged = families.mutate(**{name: ibis.literal(True)})
    joined = rows.left_join(flagged, FAMILY)
    return joined.select(*[rows[c] for c in rows.columns], **{name: flagged[name].fill_null(False)})


def staying(outcomes: ir.Table, window: Window) -> ir.Table:
    """Families whose label has matured and who had not left by the landmark, whenever that was recorded.

    An outcome without a day had taken effect by as_of.
    """
    left = outcomes.outcome_on <= window.landmark
    gone = outcomes.outcome_on.isnull() & outcomes.known_on.notnull()
    seen = outcomes.filter(outcomes.outcome != CENSORED, ~left.fill_null(False), ~gone)
    return seen.select(FAMILY, "outcome", "outcome_on")


def drawn(family: ir.StringValue, window: Window, share: float) -> ir.BooleanValue:
    """A sample by a hash of family and date that is the same on every engine."""
    if share >= 1:
        return ibis.literal(True)
    digits = (family + ibis.literal(f"|{window.as_of}")).hexdigest("md5").left(8)
    return digits < ibis.literal(f"{int(share * 2**32):08x}")


def share_of_controls(programmes: ir.Table, outcomes: ir.Table, found: Sequence[Window], config: Config) -> float:
    """The share of the untreated that gives about the configured number of controls for each treated family."""
    treated: int = sum(enrolled(programmes, config.programmes, w).count().to_pyarrow().as_py() for w in found)
    members: int = outcomes.filter(outcomes[AS_OF].isin([w.as_of for w in found])).count().to_pyarrow().as_py()
    return min(1.0, config.controls_per_treated * treated / max(members, 1))


def told(found: pd.DataFrame, config: Config) -> pd.DataFrame:
    """The rows with outcomes as 0 and 1: `graduated`, and one column a placebo outcome."""
    happened = {GRADUATED: TARGET} | {f"outcome_{o}": o for o in config.placebo_outcomes}
    return found.assign(**{c: (found["outcome"] == o).astype("float64") for c, o in happened.items()})


def bands(values: pd.Series, edges: Sequence[float]) -> pd.Series:
    """The position of each value's band, -1 where it is unknown."""
    at = np.searchsorted(np.asarray(edges), values.to_numpy(dtype="float64"), side="right")
    return pd.Series(np.where(values.isna(), -1, at), index=values.index)
