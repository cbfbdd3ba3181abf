"""What the pictures of the calibration page show."""

from datetime import date

import ibis
import pandas as pd

from pipeline.world.arguments import On
from pipeline.world.seen import DAYS_A_YEAR, World, member_days
from pipeline.world.settings import Config
from pipeline.world.surveys import income_log
from pipeline.world.verdicts import PUBLISHED


def pictures(world: World, config: Config) -> dict[str, pd.DataFrame]:
    """Frames by name: exits and stated (year, reason, share), months (month, share), income (year, low, share)."""
    return {
        "exits": exits_by_year(world),
        "stated": stated_exits(config),
        "months": natural_by_month(world),
        "income": income_bins(world),
    }


def exits_by_year(world: World) -> pd.DataFrame:
    """Recorded exits over years of membership by calendar year and reason; columns year, reason, share."""
    e = world.events.filter(lambda t: t.event == "exited")
    counts = e.group_by(e.effective_on.year().name("year"), "reason").agg(n=e.count()).order_by("year", "reason")
    found = counts.to_pandas()
    years = {int(y): _years(world, int(y)) for y in sorted(found["year"].unique())}
    exposure = found["year"].map(years)
    return pd.DataFrame({"year": found["year"], "reason": found["reason"], "share": found["n"] / exposure})


def _years(world: World, year: int) -> float:
    days = member_days(world, date(year, 1, 1), min(date(year, 12, 31), world.extracted_on))
    return float(days.days.sum().to_pyarrow().as_py() or 0) / DAYS_A_YEAR


def stated_exits(config: Config) -> pd.DataFrame:
    """Published shares of all members that left in a year, by what they left for; columns year, reason, share."""
    rows = [
        (f.parsed().since.year, "+".join(f.parsed().reasons), f.stated[0])
        for f in config.figures
        if f.measure == "exits_in_period" and f.mark in PUBLISHED and f.stated and not (f.places or f.parsed().via)
    ]
    return pd.DataFrame(rows, columns=["year", "reason", "share"])


def natural_by_month(world: World) -> pd.DataFrame:
    """Natural exits by calendar month over all years; columns month, share."""
    e = world.events.filter(lambda t: (t.event == "exited") & (t.reason == "natural"))
    found = e.group_by(e.effective_on.month().name("month")).agg(n=e.count()).to_pandas().set_index("month")["n"]
    whole = found.reindex(range(1, 13), fill_value=0)
    return pd.DataFrame({"month": whole.index, "share": whole.to_numpy() / max(1, int(whole.sum()))})


def income_bins(world: World, width: float = 0.1, most: float = 3.0) -> pd.DataFrame:
    """Reported income per head over the poverty line in the last year with a line; columns year, low, share."""
    years = [y for y in world.poverty_line if date(y, 3, 31) <= world.extracted_on]
    if not years:
        return pd.DataFrame({"year": [], "low": [], "share": []})
    logs = income_log(world, On(day=date(max(years), 3, 31)))
    bins = ibis.least((logs.x.exp() / width).floor() * width, most)
    found = logs.group_by(bins.name("low")).agg(n=logs.count()).order_by("low").to_pandas()
    total = max(1, int(found["n"].sum()))
    return pd.DataFrame({"year": max(years), "low": found["low"].astype("float64"), "share": found["n"] / total})
