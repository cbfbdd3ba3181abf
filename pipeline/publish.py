"""What the desk is shown of every active family: tables of one regency at a time, and what changed since last time.

Tables in, tables out. One regency is small; the nation never stands in memory. Texts are those that lists, stories and
life-cycle already speak, shipped once as `words`; rows hold codes and numbers, and the desk puts them together.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import date
from typing import Any, Literal

import ibis
import ibis.expr.types as ir
import numpy as np
import pandas as pd

from pipeline import concepts, lifecycle_wording, lists, visit_wording, wording
from pipeline import publish_wording as words
from pipeline.asof import known, period_end
from pipeline.columns import FAMILY, RECORDED_ON
from pipeline.config import BaseConfig
from pipeline.errors import BadInput

ENTERED, LEFT = "entered", "left"
SHOWN = (
    FAMILY, "regency_code", "facilitator_id", "rank", "rank_in_regency", "rank_in_facilitator", "status", "eligible",
    "probability", "lower", "upper", "borderline", "phase", "pathway", "waiting_for",
)  # fmt: skip
LIFE = (
    "last_component_ends_on", "loses_a_year", "loses_in_years", "keeps_pbi_a_year", "sembako_a_year", "components",
)  # fmt: skip
KNOWN = ("caretaker_age", "members", "enrolled_months")
IDENTITY = (FAMILY, "nik", "family_card_no", "name")
REASONS = (
    FAMILY, "direction", "place", "concept", "feature", "log_odds", "kind", "text_id", "text_en", "known_on",
)  # fmt: skip


class Segment(BaseConfig):
    """A group of families by one feature, with its name in both languages."""

    feature: str
    operator: Literal["==", ">", ">=", "<", "<="]
    value: float
    id: str
    en: str


class Config(BaseConfig):
    """Where the signing key lies, the segments in order, and the English of what configs/lists.yaml says."""

    private_key: str
    segments: dict[str, Segment]
    english: dict[str, str]


@dataclass(frozen=True)
class Seen:
    """What is known of one regency's active families; key kpm_id in each table but `history`, `years`, `endings`.

    `scores` has `status` (lists.select); `ways` the pathways; `evidence` what lists.reasons reads.
    """

    scores: pd.DataFrame
    ways: pd.DataFrame
    evidence: lists.Evidence
    lives: pd.DataFrame
    years: pd.DataFrame
    endings: pd.DataFrame
    history: pd.DataFrame


def refuse_older(today: date, before: date | None) -> None:
    """BadInput where the extract is older than the one whose list was published last: its list would be stale news."""
    if before is not None and today < before:
        raise BadInput(
            f"extract.yaml: extracted_on is {today}, older than {before}, the extract whose list was published last",
            "publish the newer one; if that was wrong and this one is right, move data/desk/before away first",
        )


# ------------------------------------------------------------------ one regency


def tables(seen: Seen, config: Config, limits: lists.Config) -> dict[str, pd.DataFrame]:
    """Tables by name, each in order of its key: candidates, reasons, contributions, history, lifecycle, endings."""
    found = lists.reasons(seen.evidence, limits)
    return {
        "candidates": candidates(seen, config, limits),
        "reasons": found[list(REASONS)],
        "contributions": by_concept(seen.evidence),
        "history": seen.history.sort_values([FAMILY, "happened_on", "kind", "code"], ignore_index=True),
        "lifecycle": seen.years.sort_values([FAMILY, "year"], ignore_index=True),
        "endings": seen.endings.sort_values([FAMILY, "ends_on", "kind"], ignore_index=True),
    }


def candidates(seen: Seen, config: Config, limits: lists.Config) -> pd.DataFrame:
    """One row per active family, whatever its status; key kpm_id.

    `band` is the word of the chance, `holds`, `flags` are codes or texts joined by `;`, `segment` a code.
    """
    rows = seen.scores.merge(seen.ways[[FAMILY, "waiting_for", "text_id", "text_en"]], on=FAMILY, validate="one_to_one")
    places = lists.regions(seen.evidence.villages, limits)
    kept = rows[[*SHOWN, "holds", "text_id", "text_en"]]
    merged = kept.merge(places, on=FAMILY, how="left", validate="one_to_one")
    merged = merged.merge(seen.lives[[FAMILY, *LIFE]], on=FAMILY, how="left", validate="one_to_one")
    features = seen.evidence.features
    merged = merged.merge(features[[FAMILY, *KNOWN]], on=FAMILY, how="left", validate="one_to_one")
    base = seen.evidence.contributions[[FAMILY, lists.BASE]]
    merged = merged.merge(base, on=FAMILY, how="left", validate="one_to_one")
    raised = lists.flags(features, limits)
    merged["band"] = [lists.band(p, limits) for p in merged["probability"]]
    merged["holds"] = [";".join(map(str, h)) for h in merged["holds"]]
    merged["flags"] = merged[FAMILY].map(raised).astype("object").fillna("")
    merged["segment"] = merged[FAMILY].map(segments(features, config)).astype("object").fillna("")
    told = {"text_id": "pathway_id", "text_en": "pathway_en"}
    return merged.rename(columns=told).sort_values(FAMILY, ignore_index=True)


def segments(features: pd.DataFrame, config: Config) -> pd.Series:
    """The first segment that fits, indexed by kpm_id; '' where none does."""
    found = np.full(len(features), "", dtype="object")
    for name, segment in reversed(config.segments.items()):
        fits = lists.COMPARE[segment.operator](features[segment.feature], segment.value).fillna(False).astype(bool)
        found = np.where(fits, name, found)
    return pd.Series(found, index=pd.Index(features[FAMILY]), dtype="object")


def by_concept(evidence: lists.Evidence) -> pd.DataFrame:
    """Contributions summed by concept, log-odds; key kpm_id, concept. With base_value they add up to the raw score."""
    concept = evidence.words.set_index("feature")["concept"]
    names = [c for c in evidence.contributions.columns if c in concept.index]
    of_features = concept.loc[names].tolist()
    net = concepts.summed(evidence.contributions[names].to_numpy(), of_features)
    long = (
        pd.DataFrame(net, columns=list(concepts.members(of_features)))
        .assign(**{FAMILY: evidence.contributions[FAMILY]})
        .melt(FAMILY, var_name="concept", value_name="log_odds")
    )
    return long.sort_values([FAMILY, "concept"], ignore_index=True)


# ------------------------------------------------------------------ history on both clocks


def history(canonical: Mapping[str, ir.Table], as_of: date) -> ir.Table:
    """What happened to each family and when it was recorded, as known on the date; no names, no free text.

    Columns kpm_id, kind, code, happened_on, recorded_on, amount (rupiah: a grant, a monthly income; else null).
    """
    parts = [make(canonical, as_of) for make in (_membership, _cases, _programmes, _surveys, _identity, _payments)]
    rows = [p for part in parts for p in part]
    whole = rows[0]
    for more in rows[1:]:
        whole = whole.union(more)
    return whole


def _event(rows: ir.Table, kind: str, code: ir.Value, on: str, amount: ir.Value | None = None) -> ir.Table:
    return rows.select(
        FAMILY,
        kind=ibis.literal(kind),
        code=code.cast("string").fill_null(""),
        happened_on=rows[on].cast("date"),
        recorded_on=rows[RECORDED_ON].cast("date"),
        amount=(ibis.null("int64") if amount is None else amount.cast("int64")),
    )


def _membership(canonical: Mapping[str, ir.Table], as_of: date) -> list[ir.Table]:
    rows = known(canonical["membership"], "effective_on", as_of)
    told = rows.event + ibis.ifelse(rows.reason.isnull(), "", ":" + rows.reason.cast("string"))
    return [_event(rows, "membership", told, "effective_on")]


def _cases(canonical: Mapping[str, ir.Table], as_of: date) -> list[ir.Table]:
    if "cases" not in canonical:
        return []
    rows = known(canonical["cases"], "reported_on", as_of)
    return [_event(rows, "case", rows.kind + ":" + rows.reporter.fill_null(""), "reported_on")]


def _programmes(canonical: Mapping[str, ir.Table], as_of: date) -> list[ir.Table]:
    if "programmes" not in canonical:
        return []
    rows = known(canonical["programmes"], "started_on", as_of)
    ended = rows.filter(rows.ended_on.notnull() & (rows.ended_on <= as_of))
    return [
        _event(rows, "programme", rows.programme, "started_on", rows.amount),
        _event(ended, "programme_end", ended.programme, "ended_on"),
    ]


def _surveys(canonical: Mapping[str, ir.Table], as_of: date) -> list[ir.Table]:
    if "welfare" not in canonical:
        return []
    rows = known(canonical["welfare"], "observed_on", as_of)
    return [_event(rows, "survey", rows.national_decile, "observed_on", rows.monthly_income)]


def _identity(canonical: Mapping[str, ir.Table], as_of: date) -> list[ir.Table]:
    if "identity_checks" not in canonical:
        return []
    rows = known(canonical["identity_checks"], "checked_on", as_of)
    bad = rows.filter(~rows.matched | rows.duplicate | ~rows.alive)
    found = ibis.cases((~bad.alive, "not_alive"), (bad.duplicate, "duplicate"), else_="mismatch")
    return [_event(bad, "identity", found, "checked_on")]


def _payments(canonical: Mapping[str, ir.Table], as_of: date) -> list[ir.Table]:
    if "payments" not in canonical:
        return []
    paid = canonical["payments"]
    lost = paid.filter(paid.status != "disbursed")
    due = lost.mutate(due_on=ibis.coalesce(lost.paid_on, period_end(lost.period)))
    # A payment that failed is recorded before its period ends: what is known counts, its day is the period's.
    seen = due.filter(due[RECORDED_ON] <= as_of)
    return [_event(seen, "payment", seen.programme + ":" + seen.status, "due_on")]


# ------------------------------------------------------------------ identity, and what changed


def identity(rows: ir.Table) -> ir.Table:
    """The caretaker's name and numbers: the row of the family itself; key kpm_id. The only table with personal data."""
    return rows.filter(rows.member_id.isnull()).select(*IDENTITY)


def changes(now: pd.DataFrame, before: pd.DataFrame) -> pd.DataFrame:
    """Families that entered or left a list since the bundle before; key kpm_id.

    now, before: kpm_id, status, regency_code, facilitator_id. Columns kpm_id, change, why (a code of
    publish_wording.CHANGES), regency_code, facilitator_id: the family's own now, or before where it is gone.
    """
    both = now.merge(before, on=FAMILY, how="outer", suffixes=("", "_before"))
    was, is_ = both["status_before"].astype("object"), both["status"].astype("object")
    entered, left = (is_ == lists.LISTED) & (was != lists.LISTED), (was == lists.LISTED) & (is_ != lists.LISTED)
    why = np.select(
        [
            entered & was.isna(), entered & (was == lists.HELD), entered,
            left & is_.isna(), left & (is_ == lists.HELD), left,
        ],
        ["entered_new", "entered_free", "entered_rank", "left_inactive", "left_held", "left_rank"],
        default="",
    )  # fmt: skip
    both = both.assign(change=np.where(entered, ENTERED, LEFT), why=why)
    for column in ("regency_code", "facilitator_id"):
        own = both[column].astype("object")
        both[column] = own.where(is_.notna(), both[f"{column}_before"].astype("object"))
    kept = both.loc[entered | left, [FAMILY, "change", "why", "regency_code", "facilitator_id"]]
    return kept.sort_values(FAMILY, ignore_index=True)


# ------------------------------------------------------------------ words


def spoken(config: Config, limits: lists.Config, regencies: Mapping[str, int]) -> dict[str, Any]:
    """Every text that the desk shows of the pipeline, by group, code and language; the regencies' names and sizes."""
    texts = [b.text for b in limits.bands] + [f.text for f in limits.flags.values()]
    if missing := sorted(set(texts) - set(config.english)):
        raise BadInput(
            f"configs/publish.yaml: english: no English for {', '.join(missing)}", "add each text of configs/lists.yaml"
        )
    groups = {
        "concepts": wording.CONCEPTS,
        "holds": wording.HOLDS,
        "phases": wording.PHASES,
        "pathways": wording.PATHWAYS,
        "story": wording.STORY,
        "components": lifecycle_wording.KINDS,
        "events": words.EVENTS,
        "membership": words.MEMBERSHIP,
        "identity": words.IDENTITY,
        "changes": words.CHANGES,
        "sentences": words.SENTENCES,
        "reasons": words.EXITS,
        "payments": words.PAYMENTS,
        "cases": visit_wording.CASES,
        "reporters": visit_wording.REPORTERS,
    }
    told: dict[str, Any] = {g: {k: asdict(t) for k, t in named.items()} for g, named in groups.items()}
    told["segments"] = {k: {"id": s.id, "en": s.en} for k, s in config.segments.items()}
    told["texts"] = {t: {"id": t, "en": config.english[t]} for t in texts}
    told["bands"] = [b.text for b in sorted(limits.bands, key=lambda b: -b.minimum)]
    told["simulated"] = asdict(wording.SIMULATED)
    told["regencies"] = {c: {"name": lists.regency_name(c, limits), "active": n} for c, n in regencies.items()}
    told["capacity"] = {"per_facilitator": limits.per_facilitator, "regency_share": limits.regency_share}
    return told
