"""The family beside its neighbours on the day: where the money of two places or years cannot be compared, ranks can.

Neighbours are the families of the same regency (or village) that were members on the day, each by what was known of it
then: so these features are made of the other features, after those are joined. Ranks and medians are exact, sums are of
whole counts: the same on any engine and thread count.
"""

import ibis
import ibis.expr.types as ir

from pipeline.features.residence import REGENCY, VILLAGE
from pipeline.features.spec import Block, Feature, Sign

MOST_TIMES = 50.0  # a typing error is not fifty times the median
AROUND = {REGENCY: ("regency", "kabupaten"), VILLAGE: ("village", "desa")}
RANKED: dict[tuple[str, str], tuple[str, str, Sign]] = {
    ("income_per_person", REGENCY): ("last known income per member", "pendapatan per anggota", 1),
    ("income_times_median_ever", REGENCY): ("mean income per member of all years", "rata-rata pendapatan", 1),
    ("income_times_median_ever", VILLAGE): ("mean income per member of all years", "rata-rata pendapatan", 1),
    ("floor_per_person", REGENCY): ("floor area per member", "luas lantai per anggota", 1),
    ("business_turnover_last", REGENCY): ("last known turnover", "omzet usaha", 1),
    ("wealth_index", REGENCY): ("index of dwelling and belongings", "mutu rumah dan aset", 1),
    ("wealth_index", VILLAGE): ("index of dwelling and belongings", "mutu rumah dan aset", 1),
}
DATED_BY = {
    "income_per_person": "monthly_income",
    "floor_per_person": "floor_area_m2",
    "business_turnover_last": "business_turnover",
    "wealth_index": "wealth_index",
}
"""What a value that is compared was last told of; those not named sum up years."""
STRUCK = ((REGENCY, 3), (REGENCY, 12), (VILLAGE, 12))
MULTIPLES = {
    "income_per_person": ("last known income per member", "pendapatan per anggota"),
    "business_turnover_last": ("last known turnover", "omzet usaha"),
}
READ = {
    *(name for name, _ in RANKED),
    *MULTIPLES,
    *(f"sessions_{what}_{m}m" for what in ("present", "held") for m in (12, 24)),
    *(f"shocks_{m}m" for m in (3, 12)),
}


def build(joined: ir.Table) -> tuple[Block, ...]:
    """Blocks by input table; `joined` has a row a member on the day with regency, village and the features in READ."""
    made = [
        Block("welfare", joined, (*(rank(joined, *k) for k in RANKED), *(multiple(joined, name) for name in MULTIPLES)))
    ]
    if "sessions_held_12m" in joined.columns:
        made.append(Block("sessions", joined, tuple(beside_village(joined, m) for m in (12, 24))))
    if "shocks_12m" in joined.columns:
        made.append(Block("cases", joined, tuple(struck(joined, *k) for k in STRUCK)))
    return tuple(made)


def rank(rows: ir.Table, name: str, place: str) -> Feature:
    """Mid-rank from 0 to 1 among the neighbours of whom the value is known: ties share the middle of their places."""
    value, (words, label_id, sign), (around, around_id) = rows[name], RANKED[name, place], AROUND[place]
    among = ibis.window(group_by=[rows[place], value.isnull()], order_by=value)
    middle = (value.percent_rank().over(among) + value.cume_dist().over(among)) / 2
    return Feature(
        f"{name}_rank_{place}",
        ibis.ifelse(value.isnull(), ibis.null("float64"), middle),
        f"rank of the {words} among the members of the {around}, 0 lowest to 1",
        "rank share",
        f"peringkat {label_id} di {around_id} (0 terendah, 1 tertinggi)",
        "house_assets" if name == "wealth_index" else "livelihood",
        sign=sign,
        dated_by=DATED_BY.get(name, ""),
    )


def multiple(rows: ir.Table, name: str) -> Feature:
    words, label_id = MULTIPLES[name]
    usual = rows[name].median().over(group_by=rows[REGENCY])
    times = rows[name] / usual.nullif(0.0)
    return Feature(
        f"{name}_times_median",
        # The least of an unknown and 50 would be 50: an unknown income is not a high one.
        (times > MOST_TIMES).ifelse(MOST_TIMES, times),
        f"{words} as a multiple of the median of the regency's members",
        "ratio",
        f"{label_id} dibanding median kabupaten",
        "livelihood",
        sign=1,
        dated_by=DATED_BY.get(name, ""),
    )


def beside_village(rows: ir.Table, months: int) -> Feature:
    """Families of a village meet together: a village's sessions are as often held, and as well kept, for all."""
    came, held = rows[f"sessions_present_{months}m"], rows[f"sessions_held_{months}m"]
    usual = came.sum().over(group_by=rows[VILLAGE]) / held.sum().over(group_by=rows[VILLAGE]).nullif(0.0)
    return Feature(
        f"sessions_present_beside_village_{months}m",
        came / held.nullif(0.0) - usual,
        f"share of P2K2 sessions attended less the village's, last {months} months",
        "difference",
        f"kehadiran P2K2 dibanding desa, {months} bulan terakhir",
        "learning_sessions",
        f"last {months} months",
        sign=1,
    )


def struck(rows: ir.Table, place: str, months: int) -> Feature:
    """A family is one of its own neighbours; it tells of the place and its season, and in history of the year."""
    around, around_id = AROUND[place]
    hit = (rows[f"shocks_{months}m"].fill_null(0.0) > 0).cast("int64")
    total, n = (v.over(group_by=rows[place]) for v in (hit.sum(), rows.count()))
    return Feature(
        f"{place}_shock_share_{months}m",
        total.cast("float64") / n.cast("float64"),
        f"share of the {around}'s members struck by a disaster, illness or job loss, last {months} months",
        "share",
        f"bagian keluarga di {around_id} yang terkena guncangan, {months} bulan terakhir",
        "place_season",
        f"last {months} months",
    )
