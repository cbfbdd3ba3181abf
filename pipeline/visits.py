"""Whom each facilitator visits in a quarter, over all programmes, and why; what is too much is handed over or waits.

One facilitator per family stays the registry's: a hand-over is a suggestion for one visit. Nothing here decides about a
family, and a held family is visited for its hold, never as a candidate. Every active family is planned in one of four
ways: visit, hand_over, wait, not_due.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Annotated, Literal, get_args

import ibis
import ibis.expr.types as ir
import numpy as np
import pandas as pd
from pydantic import Field, PositiveInt, model_validator

from pipeline.asof import active, known, latest, open_on
from pipeline.columns import AS_OF, FAMILY
from pipeline.config import BaseConfig

Why = Literal["objection", "recovery", "candidate", "natural_exit", "referral", "update"]
Pathway = Literal["pena", "prokus", "kube", "rst", "ska_atensi", "stay_p2k2", "natural_exit_ahead"]
Partner = Literal["none", "dit_pkat", "karang_taruna", "lks", "tksk", "puskesos"]
Share = Annotated[float, Field(ge=0, le=1)]
WHYS: tuple[Why, ...] = get_args(Why)
VISIT, HAND_OVER, WAIT, NOT_DUE = "visit", "hand_over", "wait", "not_due"
FULL, NOBODY = "capacity", "no_facilitator"
DISTRICT_DIGITS, REGENCY_DIGITS = 6, 4
SHOCKS = ("disaster", "illness", "job_loss")
LATEST = date(9999, 12, 31)


class Partners(BaseConfig):
    """Who goes along: to a customary community, on a pathway, on a visit of a kind; the first that is named."""

    customary_community: Partner
    pathway: dict[Pathway, Partner]
    why: dict[Why, Partner]


class Config(BaseConfig):
    """Section `visits`: capacity, the order of kinds of visit, shares kept for kinds, and which holds ask for which."""

    visits_per_quarter: PositiveInt
    prepare_months: PositiveInt
    case_months: PositiveInt
    cases_shown: PositiveInt
    order: tuple[Why, ...]
    reserved: dict[Why, Share]
    holds: dict[Literal["objection", "recovery", "update"], tuple[str, ...]]
    referrals: tuple[Pathway, ...]
    despite_hold: tuple[Pathway, ...]
    command_center: tuple[Pathway, ...]
    partners: Partners

    @model_validator(mode="after")
    def _whole(self) -> "Config":
        if sorted(self.order) != sorted(WHYS):
            raise ValueError(f"order must name each of {', '.join(WHYS)} once")
        if sum(self.reserved.values()) > 1 + 1e-9:
            raise ValueError("reserved: the shares add up to more than all visits")
        if missing := [k for k in ("objection", "recovery", "update") if k not in self.holds]:
            raise ValueError(f"holds lacks {missing[0]}; write [] where no hold asks for that visit")
        return self


@dataclass(frozen=True)
class Seen:
    """What is known of the active families on the as-of date; each table has the key kpm_id.

    `scores`: rank, holds, eligible, facilitator_id, regency_code. `listed`: the families on a list. `pathways`:
    pathway, waiting_for. `lives`: last_component_ends_on. `villages`: village_code. `cases`: objection_on, shock_on.
    """

    scores: ir.Table
    listed: ir.Table
    pathways: ir.Table
    lives: ir.Table
    villages: ir.Table
    cases: ir.Table


# ------------------------------------------------------------------ who is due, and why


def case_days(tables: Mapping[str, ir.Table], as_of: date) -> ir.Table:
    """Since when the oldest open objection waits, and the latest shock; columns kpm_id, objection_on, shock_on."""
    families = active(tables["membership"], as_of)
    if "cases" not in tables:
        return families.mutate(objection_on=ibis.null("date"), shock_on=ibis.null("date"))
    seen = known(tables["cases"], "reported_on", as_of)
    objects = (seen.kind == "objection") & open_on(seen, "closed_on", as_of)
    found = seen.group_by(FAMILY).aggregate(
        objection_on=seen.reported_on.min(where=objects), shock_on=seen.reported_on.max(where=seen.kind.isin(SHOCKS))
    )
    return found.semi_join(families, FAMILY)


def due(seen: Seen, as_of: date, config: Config) -> ir.Table:
    """Families that somebody should visit this quarter; key kpm_id, in order of it.

    Columns: kpm_id, facilitator_id, regency_code, village_code, rank, why (the first kind of `order` that holds), a
    flag for each kind, urgency: within a kind, a lower number is visited first.
    """
    rows = _joined(seen)
    flags = _reasons(rows, as_of, config)
    first = ibis.cases(*((flags[w], w) for w in config.order), else_=ibis.null("string"))
    asked = rows.mutate(**flags, why=first)
    urgency = _urgency(asked, as_of)
    return (
        asked.filter(asked.why.notnull())
        .mutate(urgency=ibis.cases(*((asked.why == w, urgency[w]) for w in WHYS)).fill_null(asked["rank"]))
        .select(FAMILY, "facilitator_id", "regency_code", "village_code", "rank", "why", *WHYS, "urgency")
        .order_by(FAMILY)
    )


def _joined(seen: Seen) -> ir.Table:
    s = seen.scores.select(FAMILY, "rank", "holds", "eligible", "facilitator_id", "regency_code")
    marked = seen.listed.select(FAMILY).mutate(listed=True)
    others = (
        marked,
        seen.pathways.select(FAMILY, "pathway", "waiting_for"),
        seen.lives.select(FAMILY, "last_component_ends_on"),
        seen.villages.select(FAMILY, "village_code"),
        seen.cases.select(FAMILY, "objection_on", "shock_on"),
    )
    for other in others:
        s = s.left_join(other, FAMILY).drop(f"{FAMILY}_right")
    return s


def _reasons(rows: ir.Table, as_of: date, config: Config) -> dict[Why, ir.BooleanValue]:
    """Whether each kind of visit is due; what is unknown asks for none."""

    def held(names: tuple[str, ...]) -> ir.BooleanValue:
        hit = ibis.literal(False)
        for name in names:
            hit = hit | rows.holds.contains(name)
        return hit

    soon = rows.last_component_ends_on <= _later(as_of, config.prepare_months)
    free = rows.eligible | rows.pathway.isin(config.despite_hold)
    found: dict[Why, ir.BooleanValue] = {
        "objection": held(config.holds["objection"]),
        "recovery": held(config.holds["recovery"]),
        "candidate": rows.listed & rows.eligible,
        "natural_exit": soon.fill_null(False) | (rows.pathway == "natural_exit_ahead").fill_null(False),
        "referral": rows.pathway.isin(config.referrals) & free & rows.waiting_for.isnull(),
        "update": held(config.holds["update"]),
    }
    return {k: v.fill_null(False) for k, v in found.items()}


def _later(as_of: date, months: int) -> ir.DateValue:
    return ibis.literal(as_of) + ibis.interval(months=months)


def _urgency(rows: ir.Table, as_of: date) -> dict[Why, ir.IntegerValue]:
    """The longest open objection, the latest shock, the nearest end and otherwise the best rank come first."""

    def days(later: ir.DateValue) -> ir.IntegerValue:
        return later.delta(ibis.literal(as_of), unit="day").cast("int64")

    return {
        "objection": days(rows.objection_on),
        "recovery": -days(rows.shock_on),
        "candidate": rows["rank"],
        "natural_exit": days(rows.last_component_ends_on),
        "referral": rows["rank"],
        "update": rows["rank"],
    }


# ------------------------------------------------------------------ the plan


def plan(asked: pd.DataFrame, serving: pd.DataFrame, config: Config) -> pd.DataFrame:
    """Who visits whom; key kpm_id, in the visitor's order.

    asked: the rows of `due`. serving: facilitator_id, home (district code), one row per facilitator. Columns beside
    those of `asked`: status (visit, hand_over, wait), waits_for (capacity, no_facilitator; empty), visitor_id, home
    (the visitor's; of a waiting family its facilitator's or its own district), order (1 is the visitor's first).
    """
    rows = _placed(asked, config)
    rows["status"] = np.where(rows["position"] < config.visits_per_quarter, VISIT, WAIT)
    rows["visitor_id"] = rows["facilitator_id"].astype("object").where(rows["status"] == VISIT)
    offered = _offers(rows, serving, config)
    given = rows[FAMILY].map(offered).astype("object")
    rows["status"] = rows["status"].mask(given.notna(), HAND_OVER)
    rows["visitor_id"] = rows["visitor_id"].where(given.isna(), given)
    lacking = np.where(rows["facilitator_id"].isna(), NOBODY, FULL)
    rows["waits_for"] = np.where(rows["status"] == WAIT, lacking, "")
    homes = dict(zip(serving["facilitator_id"], serving["home"], strict=True))
    whose = rows["visitor_id"].where(rows["visitor_id"].notna(), rows["facilitator_id"])
    home = whose.map(homes).astype("object")
    rows["home"] = home.where(home.notna(), rows["district_code"])
    return _ordered(rows.drop(columns=["position", "kept"]))


def _placed(asked: pd.DataFrame, config: Config) -> pd.DataFrame:
    """Rows in order of urgency with `position` among their facilitator's; a family that nobody serves has no place."""
    rows = asked.assign(
        district_code=asked["village_code"].str[:DISTRICT_DIGITS],
        turn=asked["why"].map({w: n for n, w in enumerate(config.order)}).astype("int64"),
    ).sort_values(["turn", "urgency", "rank", FAMILY], kind="stable", ignore_index=True)
    kept = rows["why"].map({w: int(config.reserved.get(w, 0) * config.visits_per_quarter) for w in WHYS})
    nth = rows.groupby(["facilitator_id", "why"], dropna=False).cumcount()
    rows = rows.assign(kept=nth < kept)
    first = rows.sort_values(["kept"], ascending=False, kind="stable")
    position = first.groupby("facilitator_id", dropna=False).cumcount().reindex(rows.index)
    return rows.assign(position=position.where(rows["facilitator_id"].notna(), config.visits_per_quarter))


def _offers(rows: pd.DataFrame, serving: pd.DataFrame, config: Config) -> "pd.Series[str]":
    """Suggested visitors of families beyond their own facilitator's capacity, by kpm_id.

    Within a district the most urgent family goes to the facilitator of that district with most room left, and so on:
    nobody gets a second family more than another while one has more room than the other.
    """
    used = rows[rows["status"] == VISIT].groupby("visitor_id").size()
    busy = serving["facilitator_id"].map(used).fillna(0).astype("int64")
    room = (config.visits_per_quarter - busy).clip(lower=0)
    seats = serving.loc[serving.index.repeat(room), ["facilitator_id", "home"]]
    left = room.loc[seats.index] - seats.groupby("facilitator_id").cumcount()
    seats = seats.assign(left=left.to_numpy()).sort_values(
        ["home", "left", "facilitator_id"], ascending=[True, False, True]
    )
    seats["seat"] = seats.groupby("home").cumcount()
    over = rows.loc[rows["status"] == WAIT, [FAMILY, "district_code"]].rename(columns={"district_code": "home"})
    over["seat"] = over.groupby("home").cumcount()
    found = over.merge(seats, on=["home", "seat"], validate="one_to_one")
    return found.set_index(FAMILY)["facilitator_id"]


def _ordered(rows: pd.DataFrame) -> pd.DataFrame:
    """Numbers each visitor's visits: villages by their most urgent family, families of a village by urgency."""
    going = rows[rows["status"] != WAIT]
    rows = rows.assign(place=rows.index)
    village = (
        going.assign(place=going.index).groupby(["visitor_id", "village_code"])["place"].min().rename("village_place")
    )
    rows = rows.merge(village, on=["visitor_id", "village_code"], how="left")
    rows = rows.sort_values(["home", "visitor_id", "village_place", "place"], kind="stable", ignore_index=True)
    order = rows.groupby("visitor_id").cumcount() + 1
    return rows.assign(order=order.astype("Int64").where(rows["visitor_id"].notna())).drop(
        columns=["place", "village_place", "turn"]
    )


def serving(scores: ir.Table, villages: ir.Table) -> ir.Table:
    """The district in which a facilitator serves most families; columns facilitator_id, home; key facilitator_id."""
    known_of = scores.filter(scores.facilitator_id.notnull()).join(villages.select(FAMILY, "village_code"), FAMILY)
    where = known_of.mutate(home=known_of.village_code.left(DISTRICT_DIGITS))
    counted = where.group_by(["facilitator_id", "home"]).aggregate(families=where.count())
    most = latest(counted, ["facilitator_id"], ["families", "home"])
    return most.select("facilitator_id", "home").order_by("facilitator_id")


def counts(planned: pd.DataFrame, scores: ir.Table) -> pd.DataFrame:
    """Active families by regency and how they are planned: visit + hand_over + wait + not_due = active."""
    active_in = scores.group_by("regency_code").aggregate(active=scores.count()).order_by("regency_code").to_pandas()
    ways = planned.groupby(["regency_code", "status"]).size().unstack(fill_value=0)
    ways = ways.reindex(columns=[VISIT, HAND_OVER, WAIT], fill_value=0).reset_index()
    found = active_in.merge(ways, on="regency_code", how="left").fillna({VISIT: 0, HAND_OVER: 0, WAIT: 0})
    whole = found.astype(dict.fromkeys((VISIT, HAND_OVER, WAIT), "int64"))
    planned_in = whole[[VISIT, HAND_OVER, WAIT]].sum(axis=1)
    return pd.DataFrame(whole.assign(not_due=whole["active"] - planned_in))


# ------------------------------------------------------------------ what a line tells beside the reason


def programmes_running(tables: Mapping[str, ir.Table], as_of: date) -> ir.Table:
    """Names of the programmes that run, in order of the alphabet; columns kpm_id, programmes; key kpm_id."""
    empty = active(tables["membership"], as_of)
    if "programmes" not in tables:
        return empty.mutate(programmes=ibis.null("string"))
    run = known(tables["programmes"], "started_on", as_of)
    each = run.filter(open_on(run, "ended_on", as_of)).select(FAMILY, "programme").distinct()
    return each.group_by(FAMILY).aggregate(programmes=each.programme.group_concat(", ", order_by=each.programme))


def open_cases(tables: Mapping[str, ir.Table], as_of: date, config: Config) -> ir.Table:
    """The latest open cases of each family but home visits, newest first; key kpm_id, case_id."""
    if "cases" not in tables:
        return _no_cases()
    seen = known(tables["cases"], "reported_on", as_of)
    since = _later(as_of, -config.case_months)
    told = seen.filter(open_on(seen, "closed_on", as_of) & (seen.kind != "home_visit") & (seen.reported_on > since))
    nth = ibis.row_number().over(group_by=FAMILY, order_by=[told.reported_on.desc(), told.case_id.desc()])
    few = told.mutate(nth=nth).filter(lambda t: t.nth < config.cases_shown)
    return few.select(FAMILY, "case_id", "kind", "reporter", "reported_on", "nth").order_by([FAMILY, "nth"])


def _no_cases() -> ir.Table:
    names = {
        FAMILY: "string",
        "case_id": "string",
        "kind": "string",
        "reporter": "string",
        "reported_on": "date",
        "nth": "int64",
    }
    return ibis.memtable([], schema=names)


def next_endings(endings: ir.Table) -> ir.Table:
    """The first component-group that ends; columns kpm_id, kind, ends_on, becomes, last; key kpm_id."""
    nth = ibis.row_number().over(group_by=FAMILY, order_by=[endings.ends_on, endings["last"].desc(), endings.kind])
    return endings.mutate(nth=nth).filter(lambda t: t.nth == 0).select(FAMILY, "kind", "ends_on", "becomes", "last")


def facts(due: ir.Table, said: tuple[ir.Table, ir.Table], tables: Mapping[str, ir.Table], as_of: date) -> ir.Table:
    """What is told of each due family; `said`: scores and pathways; key kpm_id.

    Columns kpm_id, probability, holds, pathway, pathway_reasons (Indonesian), programmes, customary_community.
    """
    rows, (scores, pathways) = due.select(FAMILY), said
    others = (
        scores.select(FAMILY, "probability", "holds"),
        pathways.select(FAMILY, "pathway", pathway_reasons=pathways.text_id),
        programmes_running(tables, as_of),
        known(tables["kpm"], "enrolled_on", as_of).select(FAMILY, "customary_community"),
    )
    for other in others:
        rows = rows.left_join(other, FAMILY).drop(f"{FAMILY}_right")
    return rows.order_by(FAMILY)


def partners(rows: pd.DataFrame, config: Config) -> pd.DataFrame:
    """Who might go along on each visit; rows: kpm_id, why, pathway, customary_community. Columns kpm_id, partner."""
    by_path = rows["pathway"].map(config.partners.pathway).where(rows["why"].isin(["referral", "candidate"]))
    by_why = rows["why"].map(config.partners.why)
    found = by_path.fillna(by_why).fillna("none").astype("object")
    remote = rows["customary_community"].eq(True).fillna(False).astype(bool)
    return pd.DataFrame({FAMILY: rows[FAMILY], "partner": found.mask(remote, config.partners.customary_community)})


# ------------------------------------------------------------------ the Command Center

ROUTES = {"PENA": "pena", "PPSE": "pena", "PROKUS": "prokus", "KUBE": "kube", "RST": "rst", "SKA": "ska_atensi",
          "ATENSI": "ska_atensi"}  # fmt: skip
"""Pathways by the programme that a case asks for."""


def as_visits(referrals: pd.DataFrame) -> pd.DataFrame:
    """Rows of `command_center` as `partners` reads them: what is asked for decides who goes along."""
    asked = referrals["referral"].map(ROUTES).fillna(referrals["referral"])
    return referrals.assign(why="referral", pathway=asked)


def command_center(tables: Mapping[str, ir.Table], seen: Seen, as_of: date, config: Config) -> ir.Table:
    """Referrals that wait for the Command Center; key kpm_id, case_id (null: asked for by a pathway, without a case).

    Columns: as_of, kpm_id, case_id, regency_code, village_code, facilitator_id, kind, reporter, reported_on, status,
    referral (a programme or a pathway), asked_by (case, pathway), pathway, customary_community. Cases that are referred
    and not closed, of active families; and families whose pathway goes through the Command Center without such a case.
    """
    told = ("case_id", "kind", "reporter", "reported_on", "status", "referral")
    kpm = known(tables["kpm"], "enrolled_on", as_of).select(FAMILY, "customary_community")
    named = seen.scores.select(FAMILY, "regency_code", "facilitator_id", "eligible")
    paths = seen.pathways.select(FAMILY, "pathway", "waiting_for")
    for other in (seen.villages.select(FAMILY, "village_code"), kpm, paths):
        named = named.left_join(other, FAMILY).drop(f"{FAMILY}_right")
    cases = _referred(tables, as_of)
    by_case = named.join(cases, FAMILY).mutate(asked_by=ibis.literal("case"))
    asks = named.pathway.isin(config.command_center) & named.waiting_for.isnull()
    alone = named.filter(asks.fill_null(False)).anti_join(cases, FAMILY)
    by_path = alone.mutate(
        **{c: ibis.null("date" if c == "reported_on" else "string") for c in told if c != "referral"},
        referral=alone.pathway, asked_by=ibis.literal("pathway"),
    )  # fmt: skip
    columns = (FAMILY, "case_id", "regency_code", "village_code", "facilitator_id", *told[1:], "asked_by", "pathway",
               "customary_community")  # fmt: skip
    both = by_case.select(columns).union(by_path.select(columns))
    stamped = both.mutate(as_of=ibis.literal(as_of)).select(AS_OF, *columns)
    return stamped.order_by(["regency_code", ibis.desc("reported_on"), FAMILY, "case_id"])


def _referred(tables: Mapping[str, ir.Table], as_of: date) -> ir.Table:
    if "cases" not in tables:
        return _no_cases().drop("nth").mutate(status=ibis.null("string"), referral=ibis.null("string"))
    seen = known(tables["cases"], "reported_on", as_of)
    waiting = seen.filter((seen.status == "referred") & open_on(seen, "closed_on", as_of))
    return waiting.select(FAMILY, "case_id", "kind", "reporter", "reported_on", "status", referral=waiting.referred_to)
