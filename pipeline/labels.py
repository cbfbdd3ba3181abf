"""What happened next: the only step that may look past as_of.

Exits compete; only gsm is the target. A label is censored until it has matured: horizon plus the reporting lag lies
within the extract, and the family was followed to the end of the horizon. It is read from what was recorded by the day
it matured, and the lag of an as-of date is measured only from exits known by the end of its horizon; so neither the
label nor its maturity can change when the extract is taken later.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta

import ibis
import ibis.expr.types as ir

from pipeline import components, study, treated
from pipeline.asof import days_between
from pipeline.columns import AS_OF, CENSORED, FAMILY, KEY, NONE, RECORDED_ON

END_OF_RECORDS = date(2199, 12, 31)  # later than any believable day: see ingest.latest_day
OUTCOME_OF_REASON = {
    "gsm": "gsm",
    "ppse": "gsm",
    "natural": "natural",
    "ineligible": "ineligible",
    "identity": "administrative",
    "duplicate": "administrative",
    "moved": "administrative",
    "died": "died",
    "refused": "refused",
}


@dataclass(frozen=True)
class Moment:
    """One as-of date: where its horizon ends and when its labels have matured."""

    as_of: date
    horizon_end: date
    matured_on: date


def exits_of(membership: ir.Table) -> ir.Table:
    return membership.filter(membership.event == "exited")


def reporting_lag(membership: ir.Table, as_of: date, config: study.Config) -> int:
    """Days from an exit to its record, the configured quantile, as known at the end of the horizon of `as_of`.

    Only exits that took effect by as_of count: they had the whole horizon to be recorded, so slow records are not
    missing from the sample, as they would be among recent exits (right truncation).
    """
    known_by = study.months_after(as_of, config.horizon_months)
    exits = exits_of(membership)
    old = exits.filter(exits.effective_on <= as_of, exits[RECORDED_ON] <= known_by)
    lag = days_between(old.effective_on, old[RECORDED_ON])
    measured = old.aggregate(lag=lag.quantile(config.lag_quantile), n=old.count()).to_pyarrow().to_pylist()[0]
    return max(0, math.ceil(measured["lag"])) if measured["n"] else config.lag_days_without_evidence


def moments(membership: ir.Table, as_ofs: Sequence[date], config: study.Config) -> tuple[Moment, ...]:
    ends = {a: study.months_after(a, config.horizon_months) for a in as_ofs}
    lags = {a: timedelta(days=reporting_lag(membership, a, config)) for a in as_ofs}
    return tuple(Moment(a, ends[a], ends[a] + lags[a]) for a in as_ofs)


def observe(tables: dict[str, ir.Table], moments: Sequence[Moment], extracted_on: date) -> ir.Table:
    """The outcome of every cohort row; grain and key kpm_id, as_of.

    Columns: outcome (columns.OUTCOMES), outcome_on (day the exit took effect), known_on (day it was recorded), matured.
    `tables` holds `cohort`, `membership`, `members`; where families are not all followed, `follow_up`; and where a list
    led somebody to some of them, `visits` (treated.visits): such a row is censored, and outcome_on and known_on are
    the visit's.
    """
    rows = dated(tables["cohort"], moments)
    exit_rows = first_exits(rows, tables)
    labelled = rows.left_join(exit_rows, KEY).select(
        *[rows[c] for c in (*KEY, "horizon_end", "matured_on")],
        *[exit_rows[c] for c in ("exit_outcome", "effective_on", RECORDED_ON)],
        matured=rows.matured_on <= extracted_on,
    )
    seen = worded(labelled, followed(rows, tables))
    if "visits" in tables:
        seen = untouched(seen, treated.touched(labelled, tables["visits"]))
    return seen.order_by([AS_OF, FAMILY])


def lengthened(moments: Sequence[Moment], months: int) -> list[Moment]:
    """The moments with a horizon of `months` and nothing still to come: `observe` then tells all that is recorded.

    Whoever reads that must cut it to what was known on a day, by `known_on`.
    """
    return [replace(m, horizon_end=study.months_after(m.as_of, months), matured_on=END_OF_RECORDS) for m in moments]


def dated(cohort: ir.Table, moments: Sequence[Moment]) -> ir.Table:
    """The cohort with the end of each row's horizon and the day its label matures."""
    return cohort.mutate(
        horizon_end=cohort.as_of.cases(*[(m.as_of, m.horizon_end) for m in moments]),
        matured_on=cohort.as_of.cases(*[(m.as_of, m.matured_on) for m in moments]),
    )


def first_exits(rows: ir.Table, tables: dict[str, ir.Table]) -> ir.Table:
    """The first exit of each cohort row that ends its membership within the horizon; key kpm_id, as_of.

    Candidates are exits that were not known on as_of and were recorded by maturity. One that took effect by as_of
    tells that the family had already left, so it is no graduation within the horizon: it becomes `other`, undated.
    """
    exits = outcomes(exits_of(tables["membership"]), tables["members"])
    unknown_then = (exits.effective_on > rows.as_of) | (exits[RECORDED_ON] > rows.as_of)
    candidates = rows.join(
        exits,
        [
            rows[FAMILY] == exits[FAMILY],
            exits.effective_on <= rows.horizon_end,
            exits[RECORDED_ON] <= rows.matured_on,
            unknown_then,
        ],
    ).select(*[rows[c] for c in (*KEY, "horizon_end", "matured_on")], *[exits[c] for c in EXIT_COLUMNS])
    standing = candidates.anti_join(reversals(candidates, tables), [*KEY, "effective_on"])
    order = ibis.row_number().over(group_by=KEY, order_by=[standing.effective_on, standing[RECORDED_ON]])
    first = standing.mutate(nth=order).filter(lambda t: t.nth == 0)
    gone = first.effective_on <= first.as_of
    return first.select(
        *KEY,
        exit_outcome=ibis.ifelse(gone, "other", first.exit_outcome),
        effective_on=ibis.ifelse(gone, ibis.null("date"), first.effective_on),
        recorded_on=first[RECORDED_ON],
    )


EXIT_COLUMNS = ("exit_outcome", "effective_on", RECORDED_ON)


def reversals(candidates: ir.Table, tables: dict[str, ir.Table]) -> ir.Table:
    """Exits that did not last; key kpm_id, as_of, effective_on.

    In a panel (there is `follow_up`) membership is seen at interviews and the question is asked at the one that ends
    the horizon: whoever receives again by then never left. In a register the act of exit itself is the outcome, and
    only one withdrawn before as_of, though recorded later, is none.
    """
    membership = tables["membership"]
    back = membership.filter(membership.event == "reactivated")
    until = candidates.horizon_end if "follow_up" in tables else candidates.as_of
    return candidates.semi_join(
        back,
        [
            candidates[FAMILY] == back[FAMILY],
            back.effective_on >= candidates.effective_on,
            back.effective_on <= until,
            back[RECORDED_ON] <= candidates.matured_on,
        ],
    ).select(*KEY, "effective_on")


def outcomes(exits: ir.Table, members: ir.Table) -> ir.Table:
    """Exits with their outcome: a graduation recorded where no eligible component was left becomes `natural`.

    The roster is read as known when the exit was recorded. A family without any roster row keeps the recorded reason:
    nothing is known against it.
    """
    coded = exits.mutate(coded=exits.reason.cases(*OUTCOME_OF_REASON.items(), else_="other"))
    left = components_left(coded, members)
    joined = coded.left_join(left, [FAMILY, "effective_on"])
    is_natural = (coded.coded == "gsm") & (left.components_left == 0).fill_null(False)
    return joined.select(
        coded[FAMILY],
        coded.effective_on,
        coded[RECORDED_ON],
        exit_outcome=ibis.ifelse(is_natural, "natural", coded.coded),
    )


def components_left(exits: ir.Table, members: ir.Table) -> ir.Table:
    """Members that still made the family eligible on the day of the exit; key kpm_id, effective_on."""
    roster = exits.join(
        members,
        [
            exits[FAMILY] == members[FAMILY],
            members.valid_from <= exits.effective_on,
            members[RECORDED_ON] <= exits[RECORDED_ON],
        ],
    ).select(
        exits[FAMILY], exits.effective_on, *[members[c] for c in members.columns if c not in (FAMILY, RECORDED_ON)]
    )
    newest = ibis.row_number().over(group_by=[FAMILY, "effective_on", "member_id"], order_by=roster.valid_from.desc())
    versions = roster.mutate(nth=newest).filter(lambda t: t.nth == 0)
    present = versions.valid_to.isnull() | (versions.valid_to > versions.effective_on)
    eligible = present & components.is_component(versions, versions.effective_on)
    return versions.group_by(FAMILY, "effective_on").aggregate(components_left=eligible.cast("int64").sum())


def followed(rows: ir.Table, tables: dict[str, ir.Table]) -> ir.Table | None:
    """Cohort rows whose whole horizon lies in a window of follow-up; None where everybody is followed."""
    if "follow_up" not in tables:
        return None
    windows = tables["follow_up"]
    return rows.semi_join(
        windows,
        [
            rows[FAMILY] == windows[FAMILY],
            windows.observed_from <= rows.as_of,
            windows.observed_to >= rows.horizon_end,
        ],
    ).select(KEY)


def worded(labelled: ir.Table, followed: ir.Table | None) -> ir.Table:
    seen = labelled.matured
    if followed is not None:
        marked = followed.mutate(in_window=True)
        joined = labelled.left_join(marked, KEY)
        labelled = joined.select(*[labelled[c] for c in labelled.columns], in_window=marked.in_window.fill_null(False))
        seen = labelled.matured & labelled.in_window
    return labelled.select(
        *KEY,
        outcome=ibis.ifelse(seen, labelled.exit_outcome.fill_null(NONE), CENSORED),
        outcome_on=ibis.ifelse(seen, labelled.effective_on, ibis.null("date")),
        known_on=ibis.ifelse(seen, labelled[RECORDED_ON], ibis.null("date")),
        matured=labelled.matured,
    )


def untouched(labels: ir.Table, touched: ir.Table) -> ir.Table:
    """The labels, those that a visit may have touched censored on its day."""
    joined = labels.left_join(touched, KEY)
    met = touched[treated.TREATED_ON].notnull()
    return joined.select(
        *[labels[c] for c in KEY],
        outcome=ibis.ifelse(met, CENSORED, labels.outcome),
        outcome_on=ibis.ifelse(met, touched[treated.TREATED_ON], labels.outcome_on),
        known_on=ibis.ifelse(met, touched[RECORDED_ON], labels.known_on),
        matured=labels.matured,
    )
