"""The plan of visits as people read it: one list per facilitator, one file per regency, and the Command Center's table.

Tables in, tables out. A file holds the sheets of all facilitators at home in one regency: at 300 families each,
ten million have some 33,000 facilitators, too many files to hand out; a regency's coordinator opens one.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

import numpy as np
import pandas as pd

from pipeline import lifecycle_wording as life_words
from pipeline import visit_wording as words
from pipeline import wording
from pipeline.columns import FAMILY
from pipeline.wording import FILL_IN, Text

HAND_OVER, WAIT = "hand_over", "wait"


@dataclass(frozen=True)
class Told:
    """What a visit's line tells beside its reason; each table has the key kpm_id unless told otherwise.

    `places`: village_code, village_name. `facts`: pathway, pathway_reasons (text), holds (list), chance (text),
    programmes (text). `endings`: kind, ends_on, becomes, last. `cases`: key kpm_id, nth; kind, reporter, reported_on.
    `partners`: partner.
    """

    places: pd.DataFrame
    facts: pd.DataFrame
    endings: pd.DataFrame
    cases: pd.DataFrame
    partners: pd.DataFrame


@dataclass(frozen=True)
class VisitFile:
    """All that one regency's file shows. `lists`: facilitator -> visits; one row per family in `rest`, too."""

    regency_code: str
    regency_name: str
    as_of: date
    lists: Mapping[str, pd.DataFrame]
    rest: pd.DataFrame
    summary: pd.DataFrame
    center: pd.DataFrame


def described(planned: pd.DataFrame, told: Told, order: tuple[str, ...]) -> pd.DataFrame:
    """The plan with every text of its lines in Indonesian, in the same order; `order`: the kinds of visit."""
    rows = planned
    for table in (told.places, told.facts, told.partners):
        rows = rows.merge(table, on=FAMILY, how="left", validate="one_to_one")
    texts = {
        "why": whys(rows, order),
        "pathway": _spoken(rows["pathway"], words.PATHWAYS),
        "pathway_reasons": _said(rows["pathway_reasons"]),
        "holds": _holds(rows["holds"]),
        "life": _said(rows[FAMILY].map(lives(told.endings))),
        "programmes": _said(rows["programmes"]),
        "cases": _said(rows[FAMILY].map(cases(told.cases))),
        "partner": _spoken(rows["partner"], words.PARTNERS),
        "handed": _handed(rows),
        "waits_for": _spoken(rows["waits_for"], words.WAITS),
        "village_name": rows["village_name"].astype("object").fillna(rows["village_code"]),
    }
    return rows.assign(**texts, **dict.fromkeys(FILL_IN, ""))


def _spoken(values: pd.Series, named: Mapping[str, Text]) -> pd.Series:
    """Texts of names; one that has none is shown as it is, an unknown one is empty."""
    texts = values.map({k: t.id for k, t in named.items()}).astype("object")
    return _said(texts.fillna(values))


def _said(texts: pd.Series) -> pd.Series:
    """Texts with the unknown ones empty; a column of which nothing is known has no type of its own."""
    return texts.astype("object").fillna("")


def whys(rows: pd.DataFrame, order: tuple[str, ...]) -> pd.Series:
    """The first reason, then the others in the declared order; columns why and a flag for each kind."""
    found = rows["why"].map({k: t.id for k, t in words.WHYS.items()}).astype("object")
    more = pd.Series("", index=rows.index, dtype="object")
    for kind in order:
        also = rows[kind].astype(bool) & (rows["why"] != kind)
        short = words.WHYS[kind].id.partition(":")[0]
        more = more.mask(also, more + np.where(more == "", "", ", ") + short)
    return found + np.where(more == "", "", words.ALSO.id + more)


def _holds(holds: pd.Series) -> pd.Series:
    """Holds in words; the lists repeat, so each different one is worded once."""
    keys = holds.map(lambda h: tuple(h) if isinstance(h, (list, tuple, np.ndarray)) else ())
    said = {k: "; ".join(wording.spoken(str(h), wording.HOLDS) for h in k) for k in set(keys)}
    return keys.map(said)


def lives(endings: pd.DataFrame) -> pd.Series:
    """The line on the next component that ends, by kpm_id."""
    named = {k: t.id for k, t in life_words.KINDS.items()}
    kinds, then = endings["kind"].map(named), endings["becomes"].map(named)
    ends = kinds + " berakhir " + pd.to_datetime(endings["ends_on"]).dt.strftime("%d/%m/%Y")
    after = np.where(then.notna(), words.NEXT_BECOMES.id.format(kind="") + _said(then), "")
    last = np.where(endings["last"].astype(bool), words.NEXT_LAST.id, "")
    return pd.Series(np.asarray(ends + after + last, dtype="object"), index=pd.Index(endings[FAMILY]), dtype="object")


def cases(found: pd.DataFrame) -> pd.Series:
    """Open cases in one cell per family, `kind (reporter, day)`, in the order of `nth`."""
    rows = found.sort_values([FAMILY, "nth"], kind="stable")
    days = pd.to_datetime(rows["reported_on"]).dt.strftime("%d/%m/%Y")
    text = _spoken(rows["kind"], words.CASES) + " (" + _spoken(rows["reporter"], words.REPORTERS) + ", " + days + ")"
    return text.groupby(rows[FAMILY]).agg("; ".join)


def _handed(rows: pd.DataFrame) -> pd.Series:
    own = rows["facilitator_id"].astype("object")
    given = words.HANDED_FROM.id.split("{facilitator}")
    text = (given[0] + own.fillna("") + given[1]).mask(own.isna(), words.HANDED_NOBODY.id)
    return text.where(rows["status"] == HAND_OVER, "")


# ------------------------------------------------------------------ files


def files(rows: pd.DataFrame, center: pd.DataFrame, names: Mapping[str, str], as_of: date) -> list[VisitFile]:
    """One file per regency in order of its code; rows: `described`; center: `referrals`; names of regencies by code."""
    homes = rows["home"].str[:4]
    at = center["regency_code"]
    return [_file(code, names[code], (rows[homes == code], center[at == code]), as_of) for code in sorted(names)]


def _file(code: str, name: str, parts: tuple[pd.DataFrame, pd.DataFrame], as_of: date) -> VisitFile:
    rows, center = parts
    going = rows[rows["visitor_id"].notna()]
    columns = list(words.COLUMNS)
    lists = {str(f): one[columns].reset_index(drop=True) for f, one in going.groupby("visitor_id", sort=True)}
    rest = rows[rows["status"].isin([HAND_OVER, WAIT])]
    rest = rest.assign(
        status=_spoken(rest["status"], words.STATUSES),
        facilitator_id=rest["facilitator_id"].astype("object").fillna(wording.NO_FACILITATOR),
        visitor_id=rest["visitor_id"].astype("object").fillna(""),
    ).sort_values(["status", "facilitator_id", "order", "rank"], kind="stable")
    shown = rest[list(words.REST_COLUMNS)].reset_index(drop=True)
    return VisitFile(code, name, as_of, lists, shown, summary(rows), center.reset_index(drop=True))


def summary(rows: pd.DataFrame) -> pd.DataFrame:
    """Counts by facilitator: own families visited, handed over, waiting; others' taken over; a row for nobody's."""
    own = rows.assign(f=rows["facilitator_id"].astype("object").fillna(wording.NO_FACILITATOR))
    counted = own.groupby(["f", "status"]).size().unstack(fill_value=0)
    taken = rows[rows["status"] == HAND_OVER].groupby("visitor_id").size()
    whole = counted.reindex(columns=["visit", HAND_OVER, WAIT], fill_value=0)
    whole = whole.reindex(whole.index.union(taken.index).rename("facilitator_id"), fill_value=0)
    whole["taken_over"] = taken.reindex(whole.index).fillna(0).astype("int64")
    first, *counts = words.SUMMARY_COLUMNS
    return whole.reset_index()[[first, *counts]].astype(dict.fromkeys(counts, "int64"))


def referrals(found: pd.DataFrame, villages: Mapping[str, str | None]) -> pd.DataFrame:
    """The Command Center's rows as people read them, regency_code beside; `villages`: names by code."""
    named = found["village_code"].map(villages).astype("object")
    upper = {"ska_atensi": words.PATHWAYS["ska_atensi"].id, **{k: t.id for k, t in words.PATHWAYS.items()}}
    return pd.DataFrame(
        {
            "regency_code": found["regency_code"],
            "village_name": named.fillna(found["village_code"]),
            FAMILY: found[FAMILY],
            "case_id": _said(found["case_id"]),
            "kind": _spoken(found["kind"], words.CASES),
            "reporter": _spoken(found["reporter"], words.REPORTERS),
            "reported_on": found["reported_on"],
            "status": _spoken(found["status"], words.CASE_STATUSES),
            "referral": _said(found["referral"].map(upper).astype("object").fillna(found["referral"])),
            "asked_by": _spoken(found["asked_by"], words.ASKED_BY),
            "partner": _spoken(found["partner"], words.PARTNERS),
            "kat": np.where(found["customary_community"].eq(True).fillna(False), "ya", ""),
            "facilitator_id": found["facilitator_id"].astype("object").fillna(wording.NO_FACILITATOR),
        }
    )


def file_name(regency: VisitFile, kind: str) -> str:
    """`kunjungan_<regency>_<as_of>.<kind>`."""
    return f"kunjungan_{regency.regency_code}_{regency.as_of.isoformat()}.{kind}"
