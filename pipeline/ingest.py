"""Raw tables -> accepted rows, rejected rows with the rule they broke, and the identity store split off.

Every row is accepted, or rejected with position, column, rule and a masked value. Three effects are told apart:
`rejected` counts against its table; `cascaded` is a sound row whose family's own row in `kpm` was rejected, and does
not count; `set_aside` is a malformed value in a nullable pii column: the value goes, the row stays, because about one
identity number in ten is invalid and that is no reason to drop a family.

Of rows with the same key the one recorded first stands, ties in file order. Keeping the last would take away what
was known on earlier as-of dates, and a late record must change later ones only.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any

import ibis
import ibis.expr.types as ir
import pandas as pd
from pydantic import Field, NonNegativeInt

from pipeline.columns import FAMILY
from pipeline.config import BaseConfig
from pipeline.errors import BadInput
from pipeline.rules import GENTLE, Days, Reading, Rule, as_it_stands, as_text, first_broken, read_column, shown
from pipeline.tables import SPANS, TABLES, Column, Table

Keep = Callable[[str, ir.Table], ir.Table]
Places = Mapping[tuple[str, str], tuple[int, str, int]]
ACCEPTED, REJECTED, CASCADED, SET_ASIDE = "accepted", "rejected", "cascaded", "set_aside"
RAGGED = "ragged_row"
_TEXTS = "array<string>"


class Config(BaseConfig):
    """When a table as a whole is refused, and which days are believable."""

    max_rejected_share: float = Field(ge=0, le=1)
    max_early_share: float = Field(ge=0, le=1)
    same_clock_share: float = Field(gt=0, le=1)
    min_rows: NonNegativeInt
    earliest_day: date
    latest_day: date


@dataclass(frozen=True)
class Frame:
    """What an extract says of itself: the last day anything was known, and further columns of `welfare`."""

    extracted_on: date
    welfare: tuple[Column, ...] = ()

    def columns(self, table: type[Table]) -> tuple[Column, ...]:
        return table.columns() + (self.welfare if table.name == "welfare" else ())


@dataclass(frozen=True)
class Tally:
    """How a table fared, in rows; `rule`, `column`, `example` (file and row) are of its most frequent rejection.

    `places`: of each rule and column, rejections and the file and row of the first.
    """

    table: str
    rows: int
    rejected: int
    cascaded: int
    set_aside: int
    rule: str | None
    column: str | None
    example: str | None
    places: "Places" = field(default_factory=dict)

    @property
    def accepted(self) -> int:
        return self.rows - self.rejected - self.cascaded

    @property
    def share(self) -> float:
        return self.rejected / self.rows if self.rows else 0.0


@dataclass(frozen=True)
class Checked:
    """Expressions, nothing computed yet.

    `accepted`: typed, without pii columns, sorted by key. `rejected`: `row, rule, column, value, message`, one row per
    broken rule, sorted by row. `identity`: one row per family and per member, the only place of pii. `known`: the fate
    of every kpm_id that kpm names.
    `findings` and `rows` are what `tally` counts. `clocks`: one row a table with two clocks, what `clocks` judges.
    """

    accepted: Mapping[str, ir.Table]
    rejected: Mapping[str, ir.Table]
    identity: ir.Table | None
    known: ir.Table
    findings: Mapping[str, ir.Table]
    rows: Mapping[str, ir.Table]
    clocks: Mapping[str, ir.Table]


QUIET_DAYS = 184  # half a year; payments alone are recorded every quarter
BIRTHS = {"kpm": "caretaker_birth_date", "members": "birth_date"}
QUARANTINE = ("row", "rule", "column", "value", "message")
IDENTITY = ("kpm_id", "member_id", "nik", "family_card_no", "name")


def check(raw: Mapping[str, ir.Table], frame: Frame, config: Config, keep: Keep) -> Checked:
    """Judge every row of raw tables (the contract's columns and `file`, `row`, `cells`; grain: one row of a file).

    `keep(name, table)` computes an intermediate table once and hands it back (`landing.keeper`); the identity
    function will do, and is slow.
    """
    families = _judge(raw["kpm"], _Task(TABLES["kpm"], frame, config, keep), None)
    known = keep("known_families", _known_families(families))
    judged = {"kpm": families} | _others(raw, known, (frame, config, keep))
    return _checked(judged, frame, known, _identity(families.accepted, judged["members"].accepted))


def check_beside(raw: Mapping[str, ir.Table], known: ir.Table, frame: Frame, config: Config, keep: Keep) -> Checked:
    """The same for tables whose key goes across families, all of their rows at once; `known`: of all parts."""
    return _checked(_others(raw, known, (frame, config, keep)), frame, known, None)


def _others(raw: Mapping[str, ir.Table], known: ir.Table, given: tuple[Frame, Config, Keep]) -> dict[str, "_Judged"]:
    return {n: _judge(raw[n], _Task(t, *given), known) for n, t in TABLES.items() if n in raw and n != "kpm"}


def _checked(judged: Mapping[str, "_Judged"], frame: Frame, known: ir.Table, identity: ir.Table | None) -> Checked:
    findings = {name: part.findings for name, part in judged.items()}
    return Checked(
        accepted={name: _canonical(part.accepted, frame, name) for name, part in judged.items()},
        rejected={
            name: told.order_by(["file", "row", "column", "rule"]).select(*QUARANTINE)
            for name, told in findings.items()
        },
        identity=identity,
        known=known,
        findings=findings,
        rows={name: part.raw.aggregate(rows=part.raw.count()) for name, part in judged.items()},
        clocks={n: _compared(p.typed, TABLES[n].happened_on) for n, p in judged.items() if _has_two_clocks(TABLES[n])},
    )


def tally(checked: Checked) -> tuple[Tally, ...]:
    """Count every table; runs two small queries a table."""
    return tuple(_tally(name, checked) for name in checked.accepted)


def counts(tallies: Sequence[Tally]) -> pd.DataFrame:
    """Columns table, rows, accepted, rejected, cascaded, set_aside, rule, column, example; one row a table."""
    columns = ["table", "rows", "accepted", "rejected", "cascaded", "set_aside", "rule", "column", "example"]
    return pd.DataFrame([{c: getattr(t, c) for c in columns} for t in tallies], columns=columns)


def verdict(tallies: Sequence[Tally], config: Config) -> None:
    """Raise BadInput where a table lost more than its share of rows, or all of them, naming the most frequent rule."""
    refused = [t for t in tallies if _lost_too_much(t, config)]
    empty = [f"{t.table}: no rows; an extract needs at least one" for t in tallies if _is_void(t)]
    if refused or empty:
        raise BadInput(*empty, *(_told(t, config) for t in refused), *_way_out(refused))


def _lost_too_much(t: Tally, config: Config) -> bool:
    return t.rows > 0 and ((t.rows >= config.min_rows and t.share > config.max_rejected_share) or t.rejected == t.rows)


def _is_void(t: Tally) -> bool:
    return t.table in ("kpm", "membership") and t.rows == 0


def _told(t: Tally, config: Config) -> str:
    return (
        f"{t.table}: {t.rejected} of {t.rows} rows rejected ({t.share:.1%}, allowed {config.max_rejected_share:.1%}); "
        f"most often {t.rule}{f' in {t.column}' if t.column else ''}, for example {t.example}"
    )


def _way_out(refused: Sequence[Tally]) -> list[str]:
    return ["mend the export, or raise max_rejected_share in configs/ingest.yaml"] if refused else []


def read_clocks(checked: Checked) -> dict[str, dict[str, Any]]:
    """What the clocks of each table say: n, early, same, and the first and last day of record."""
    return {name: told.to_pyarrow().to_pylist()[0] for name, told in checked.clocks.items()}


def one_clock(parts: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """What the clocks of a table say in all parts together."""
    days = [p[day] for p in parts for day in ("first", "last") if p[day] is not None]
    sums = {key: sum(p[key] for p in parts) for key in ("n", "early", "same")}
    return sums | {"first": min(days, default=None), "last": max(days, default=None)}


def same_clocks(parts: Sequence[Mapping[str, Mapping[str, Any]]]) -> dict[str, dict[str, Any]]:
    """What the clocks say of each table in all parts together."""
    names = [n for n in TABLES if any(n in part for part in parts)]
    return {name: one_clock([part[name] for part in parts if name in part]) for name in names}


def clocked(found: Mapping[str, Mapping[str, Any]], config: Config) -> list[str]:
    """Hold the two clocks of each table against each other, as `read_clocks` tells of them; lines for the user.

    Nothing can be recorded before it happened. In a single row that is a slip and harmless, as a row counts only when
    both days have come; in many rows the columns are swapped, and then what was entered after an exit reads as known
    before it: BadInput. A second clock that only repeats the first, or stands on one day, protects nothing: told.
    """
    judged = {name: c for name, c in found.items() if c["n"] >= max(1, config.min_rows)}
    early = [_early(name, c, config) for name, c in judged.items() if c["early"] > config.max_early_share * c["n"]]
    if early:
        raise BadInput(*early, "mend the export, or raise max_early_share in configs/ingest.yaml")
    return [line for name, c in judged.items() for line in _untold(name, c, config)]


def _early(name: str, clock: Mapping[str, Any], config: Config) -> str:
    event = TABLES[name].happened_on
    return (
        f"{name}: {clock['early']} of {clock['n']} rows have a recorded_on before their {event} "
        f"({clock['early'] / clock['n']:.1%}, allowed {config.max_early_share:.1%}); are the two columns swapped?"
    )


def _untold(name: str, clock: Mapping[str, Any], config: Config) -> list[str]:
    event, enough = TABLES[name].happened_on, config.same_clock_share * clock["n"]
    lines = (
        (clock["same"] >= enough, f"recorded_on is {event} itself in {clock['same']} of {clock['n']} rows"),
        (clock["n"] > 0 and clock["first"] == clock["last"], "recorded_on is one and the same day in all rows"),
    )
    warned = "; when they were entered is not known, so traces of an exit could pass as known before it"
    return [f"{name}: {line}{warned}" for wrong, line in lines if wrong]


def _has_two_clocks(table: type[Table]) -> bool:
    return table.happened_on is not None and any(c.name == "recorded_on" for c in table.columns())


def _compared(typed: ir.Table, event: str | None) -> ir.Table:
    """n, early, same: rows with both days, of those recorded before the event, on its day; first, last: of record."""
    both = typed[event].notnull() & typed.recorded_on.notnull()
    return typed.aggregate(
        n=both.sum().fill_null(0),
        early=(both & (typed.recorded_on < typed[event])).sum().fill_null(0),
        same=(both & (typed.recorded_on == typed[event])).sum().fill_null(0),
        first=typed.recorded_on.min(where=both),
        last=typed.recorded_on.max(where=both),
    )


def silence(accepted: Mapping[str, ir.Table], extracted_on: date) -> list[str]:
    """A line for the user where nothing was recorded for long before extracted_on, which may then be mistyped.

    Nobody leaves a system that records nothing: every family would read as still a member to the end.
    """
    clocked = [t for t in accepted.values() if "recorded_on" in t.columns]
    days = [day for t in clocked if (day := t.recorded_on.max().to_pyarrow().as_py()) is not None]
    if (extracted_on - max(days)).days <= QUIET_DAYS:
        return []
    return [
        f"extract.yaml: extracted_on is {extracted_on}, but nothing was recorded after {max(days)}; is it mistyped?"
    ]


# --- one table -------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Task:
    table: type[Table]
    frame: Frame
    config: Config
    keep: Keep

    @property
    def days(self) -> Days:
        return Days(self.config.earliest_day, self.config.latest_day)

    @property
    def columns(self) -> tuple[Column, ...]:
        return self.frame.columns(self.table)


@dataclass(frozen=True)
class _Finding:
    """One thing that may be wrong with a row: `rule` is the name of the rule where it is broken, else null."""

    column: str | None
    rule: ir.StringValue
    kept: tuple[str, ...] = ()

    def takes_the_row(self) -> ir.BooleanValue:
        return self.rule.notnull() & self.rule.notin(self.kept) if self.kept else self.rule.notnull()


@dataclass(frozen=True)
class _Judged:
    """`raw`: rows as they came. `typed`: the same, typed. `accepted`: the sound ones. `findings`: what was found."""

    raw: ir.Table
    typed: ir.Table
    accepted: ir.Table
    findings: ir.Table


def _judge(raw: ir.Table, task: _Task, known: ir.Table | None) -> _Judged:
    name, columns = task.table.name, [c.name for c in task.columns]
    usual, rest = _sifted(raw, task, known)
    readings = {c.name: read_column(rest[c.name], c, task.days) for c in task.columns}
    typed = _typed(rest, readings)
    placed = _with_family(typed, known)
    found = _found(placed, task)
    unbroken = placed.filter(~ibis.or_(*(f.takes_the_row() for f in found)))
    broken = task.keep(f"broken_{name}", placed.filter(ibis.or_(*(f.rule.notnull() for f in found))))
    every = _beside(usual, typed, ["file", "row", *columns])
    sound = _beside(usual, unbroken, ["file", "row", "family", *columns])
    keys = task.keep(f"keys_{name}", _keys_seen_twice(every, task.table))
    repeated = task.keep(f"repeated_{name}", _repeated(sound, keys, task))
    told = ibis.union(_tell(broken, task), _tell_repeated(repeated, task.table))
    findings = _explain(told, _messages(readings, _row_rules(placed, task), task.table), task)
    return _Judged(raw, every, sound.anti_join(repeated, ["file", "row"]), task.keep(f"findings_{name}", findings))


def _sifted(raw: ir.Table, task: _Task, known: ir.Table | None) -> tuple[ir.Table | None, ir.Table]:
    """Rows with nothing wrong whose cells are typed values as they stand, and the raw rows to be read cell by cell.

    Of an extract in the contract's own types the second are few, and what costs most is asked of them alone. All rows
    are of the second kind, and there is no first, where a column is stored in another type.
    """
    placed = _with_family(raw, known)
    fit = [as_it_stands(placed[c.name], c, task.days) for c in task.columns]
    stands = [f for f in fit if f is not None]
    if len(stands) < len(fit):
        return None, raw
    wrong = [rule.broken.fill_null(False) for _, rule in _row_rules(placed, task)]
    unusual = ~ibis.and_(*stands) | ibis.or_(placed.cells.notnull(), *wrong)
    rest = task.keep(f"rest_{task.table.name}", placed.filter(unusual).select(*raw.columns))
    family = ibis.null("string") if known is None else ibis.literal(ACCEPTED)  # of any other a rule is broken
    return raw.anti_join(rest, ["file", "row"]).mutate(family=family), rest


def _beside(usual: ir.Table | None, read: ir.Table, columns: Sequence[str]) -> ir.Table:
    """Both kinds of rows together, with these columns."""
    told = read.select(*columns)
    return told if usual is None else usual.select(*columns).union(told)


def _typed(raw: ir.Table, readings: Mapping[str, Reading]) -> ir.Table:
    """file, row, cells; every column typed; beside each, `<column> rule`: the first rule that its value breaks.

    And `<column> came`: the value as it came. Never computed for all rows: the engine takes what is asked for.
    """
    values = {name: reading.value for name, reading in readings.items()}
    rules = {f"{name} rule": reading.first_broken() for name, reading in readings.items()}
    return raw.select("file", "row", "cells", **values, **rules, **{f"{name} came": raw[name] for name in readings})


def _with_family(typed: ir.Table, known: ir.Table | None) -> ir.Table:
    """Beside each row `family`, the fate of its family's row in kpm (null: it has none), and `family_enrolled_on`."""
    if known is None:
        return typed.mutate(family=ibis.null("string"), family_enrolled_on=ibis.null("date"))
    return typed.left_join(known, "kpm_id").drop("kpm_id_right")


def _found(typed: ir.Table, task: _Task) -> list[_Finding]:
    ragged = _Finding(None, first_broken([Rule(RAGGED, typed.cells.notnull(), "")]))
    of_values = [_Finding(c.name, typed[f"{c.name} rule"], _kept(c)) for c in task.columns]
    of_rows = [_Finding(column, first_broken([rule])) for column, rule in _row_rules(typed, task)]
    return [ragged, *of_values, *of_rows]


def _kept(column: Column) -> tuple[str, ...]:
    return GENTLE if column.pii and column.null else ()


def _row_rules(typed: ir.Table, task: _Task) -> list[tuple[str, Rule]]:
    """Rules between columns, against the extract and against the family's own row; with the column to blame."""
    table, frame = task.table, task.frame
    own = [*_spans(typed, table), *_clocks(typed, frame), *_births(typed, table, frame)]
    return own if table.name == "kpm" else [*own, *_family(typed), *_exits(typed, table)]


def _spans(typed: ir.Table, table: type[Table]) -> list[tuple[str, Rule]]:
    if table.name not in SPANS:
        return []
    start, end = SPANS[table.name]
    return [(end, Rule("ends_before_it_starts", typed[end] < typed[start], f"{end} must not lie before {start}"))]


def _clocks(typed: ir.Table, frame: Frame) -> list[tuple[str, Rule]]:
    if "recorded_on" not in typed.columns:
        return []
    late = typed.recorded_on > frame.extracted_on
    wanted = f"recorded_on must not lie after extracted_on, {frame.extracted_on}"
    return [("recorded_on", Rule("recorded_after_extraction", late, wanted))]


def _births(typed: ir.Table, table: type[Table], frame: Frame) -> list[tuple[str, Rule]]:
    if table.name not in BIRTHS:
        return []
    born = BIRTHS[table.name]
    unborn = typed[born] > ibis.least(typed.recorded_on.fill_null(frame.extracted_on), ibis.literal(frame.extracted_on))
    return [(born, Rule("born_in_the_future", unborn, f"{born} must not lie after recorded_on"))]


def _family(typed: ir.Table) -> list[tuple[str, Rule]]:
    orphan = typed.kpm_id.notnull() & (typed.family.isnull() | (typed.family == REJECTED))
    return [("kpm_id", Rule("unknown_family", orphan, "no row of kpm with this kpm_id was accepted"))]


def _exits(typed: ir.Table, table: type[Table]) -> list[tuple[str, Rule]]:
    if table.name != "membership":
        return []
    early = (typed.event == "exited") & (typed.effective_on < typed.family_enrolled_on)
    return [
        ("effective_on", Rule("exit_before_enrolment", early, "an exit must not lie before the family's enrolled_on"))
    ]


# --- what is told ----------------------------------------------------------------------------------------------------


def _tell(broken: ir.Table, task: _Task) -> ir.Table:
    """file, row, family, rule, column, text: one row per broken rule, of a ragged row only that it is ragged."""
    texts = {c.name: as_text(broken[f"{c.name} came"]) for c in task.columns}
    found = _found(broken, task)
    lines = [
        ibis.struct({
            "rule": f.rule,
            "column": ibis.literal(f.column, "string"),
            "text": texts[f.column] if f.column else broken.cells.cast("string"),
        })
        for f in found
    ]  # fmt: skip
    # One list of records, not three lists: where Spark unnests several lists it gives every combination.
    told = broken.select("file", "row", "family", "cells", line=ibis.array(lines).unnest()).unpack("line")
    listed = told.filter(told.rule.notnull() & (told.cells.isnull() | (told.rule == RAGGED)))
    return listed.drop("cells")


def _tell_repeated(repeated: ir.Table, table: type[Table]) -> ir.Table:
    return repeated.select(
        "file",
        "row",
        "family",
        rule=repeated.copy.ifelse("duplicate_row", "duplicate_key"),
        column=ibis.literal(", ".join(table.key)),
        text=ibis.literal(", ").join([repeated[k].cast("string") for k in table.key]),
    )


def _explain(told: ir.Table, messages: Mapping[str, str], task: _Task) -> ir.Table:
    """file, row, rule, column, value (masked), message, effect."""
    pii = [c.name for c in task.columns if c.pii]
    personal = told.column.isin(pii) if pii else ibis.literal(False)
    effect = ibis.cases(
        ((told.rule == "unknown_family") & (told.family == REJECTED), CASCADED),
        (told.rule.isin(GENTLE) & personal, SET_ASIDE),
        else_=REJECTED,
    )
    value = (told.rule == RAGGED).ifelse(told.text + " cells", shown(told.text, personal))
    explained = told.select("file", "row", "rule", "column", value=value, effect=effect)
    said = ibis.map(ibis.literal(list(messages), _TEXTS), ibis.literal(list(messages.values()), _TEXTS))
    wanted = said.get(explained.rule + " " + explained.column.fill_null(""), "")
    return explained.mutate(message=explained.file + ": " + wanted + _aftermath(explained.effect))


def _aftermath(effect: ir.StringValue) -> ir.StringValue:
    kept = (SET_ASIDE, "; the value is set aside, the row kept")
    gone = (CASCADED, "; the family's own row was rejected")
    return ibis.cases(*((effect == name, text) for name, text in (kept, gone)), else_="")


def _messages(
    readings: Mapping[str, Reading], row_rules: Sequence[tuple[str, Rule]], table: type[Table]
) -> dict[str, str]:
    """What each rule expects, by `<rule> <column>`."""
    key = ", ".join(table.key)
    rules = [(name, rule) for name, reading in readings.items() for rule in reading.rules] + list(row_rules)
    return {f"{rule.name} {column}": rule.message for column, rule in rules} | {
        f"{RAGGED} ": "more or fewer cells than the header",
        f"duplicate_row {key}": "the same row stands in the table already",
        f"duplicate_key {key}": f"another row has the same {key}; the one recorded first stands",
    }


# --- duplicates ------------------------------------------------------------------------------------------------------


def _keys_seen_twice(typed: ir.Table, table: type[Table]) -> ir.Table:
    """Keys of more than one row, sound or not: few, and rules need not be asked to find them."""
    keys = typed.group_by(list(table.key)).aggregate(n=typed.count())
    return keys.filter(keys.n > 1).drop("n")


def _repeated(sound: ir.Table, keys: ir.Table, task: _Task) -> ir.Table:
    """Rows behind the first of their key, `copy` where they say the same as it. Windows see only keys that repeat."""
    key = list(task.table.key)
    suspects = sound.semi_join(keys, key)
    order = [*([suspects.recorded_on] if "recorded_on" in suspects.columns else []), suspects.file, suspects.row]
    window = ibis.window(group_by=key, order_by=order)
    content = [c.name for c in task.columns if c.name not in key]
    same = ibis.and_(*(suspects[c].identical_to(suspects[c].first().over(window)) for c in content), ibis.literal(True))
    placed = suspects.mutate(place=ibis.row_number().over(window), copy=same)
    return placed.filter(placed.place > 0)


# --- what comes out --------------------------------------------------------------------------------------------------


def _known_families(families: _Judged) -> ir.Table:
    """kpm_id (key), family (accepted or rejected), family_enrolled_on; every kpm_id that kpm names."""
    accepted = families.accepted.select("kpm_id", family=ibis.literal(ACCEPTED), family_enrolled_on="enrolled_on")
    named = families.typed.filter(families.typed.kpm_id.notnull()).select("kpm_id").distinct()
    rejected = named.anti_join(accepted, "kpm_id")
    return accepted.union(
        rejected.mutate(family=ibis.literal(REJECTED), family_enrolled_on=ibis.null("date")).select(*accepted.columns)
    )


def _canonical(accepted: ir.Table, frame: Frame, name: str) -> ir.Table:
    table = TABLES[name]
    return accepted.select(*(c.name for c in frame.columns(table) if not c.pii)).order_by(
        [FAMILY, *(k for k in table.key if k != FAMILY)]  # what is asked is always all of some families
    )


def _identity(families: ir.Table, members: ir.Table) -> ir.Table:
    """kpm_id, member_id (null for the family itself), nik, family_card_no, name; of a member the last known nik."""
    nothing = ibis.null("string")
    own = families.select(
        "kpm_id", member_id=nothing, nik="caretaker_nik", family_card_no="family_card_no", name="caretaker_name"
    )
    order = [members.nik.isnull(), members.recorded_on.desc(), members.valid_from.desc()]
    window = ibis.window(group_by=["kpm_id", "member_id"], order_by=order)
    placed = members.mutate(place=ibis.row_number().over(window))
    last = placed.filter(placed.place == 0).select("kpm_id", "member_id", "nik", family_card_no=nothing, name=nothing)
    return own.union(last).select(*IDENTITY).order_by([ibis.asc("kpm_id"), ibis.asc("member_id", nulls_first=True)])


def _tally(name: str, checked: Checked) -> Tally:
    found = checked.findings[name]
    ranked = found.group_by(["file", "row"]).aggregate(
        worst=ibis.cases(
            ((found.effect == REJECTED).any(), REJECTED), ((found.effect == CASCADED).any(), CASCADED), else_=SET_ASIDE
        ),
        aside=(found.effect == SET_ASIDE).any(),
    )
    counts = ranked.aggregate(
        rejected=(ranked.worst == REJECTED).sum().fill_null(0),
        cascaded=(ranked.worst == CASCADED).sum().fill_null(0),
        set_aside=(ranked.aside & (ranked.worst == SET_ASIDE)).sum().fill_null(0),
    )
    (number,) = counts.to_pyarrow().to_pylist()
    rows = int(checked.rows[name].to_pyarrow()["rows"][0].as_py())
    places = _places(found)
    return Tally(
        name, rows, number["rejected"], number["cascaded"], number["set_aside"], *_most_frequent(places), places
    )


def _places(found: ir.Table) -> Places:
    """Rejections by rule and column, with the file and row of the first: rows are counted within their file."""
    own = found.filter(found.effect == REJECTED)
    alike = ["rule", "column"]
    place = ibis.row_number().over(group_by=alike, order_by=["file", "row"])
    placed = own.mutate(place=place, n=own.count().over(group_by=alike))
    rows = placed.filter(placed.place == 0).select(*alike, "n", "file", "row").to_pyarrow().to_pylist()
    return {(r["rule"], r["column"] or ""): (r["n"], r["file"], r["row"]) for r in rows}


def _most_frequent(places: Places) -> tuple[str | None, str | None, str | None]:
    """Rule, column and example of most rejections."""
    if not places:
        return None, None, None
    (rule, column), (_, file, row) = min(places.items(), key=lambda item: (-item[1][0], item[0]))
    return rule, column or None, f"{file} row {row}"


# --- parts -----------------------------------------------------------------------------------------------------------


def together(parts: Sequence[tuple[Tally, ...]]) -> tuple[Tally, ...]:
    """The tallies of all parts of an extract as those of the whole, tables in the order of the contract."""
    names = [n for n in TABLES if any(t.table == n for part in parts for t in part)]
    return tuple(_summed([t for part in parts for t in part if t.table == n]) for n in names)


def _summed(tallies: Sequence[Tally]) -> Tally:
    every = [(key, told) for t in tallies for key, told in t.places.items()]
    places = {key: _first([told for k, told in every if k == key]) for key, _ in every}
    rows, rejected, cascaded, set_aside = (
        sum(getattr(t, c) for t in tallies) for c in ("rows", "rejected", "cascaded", "set_aside")
    )
    return Tally(tallies[0].table, rows, rejected, cascaded, set_aside, *_most_frequent(places), places)


def _first(told: Sequence[tuple[int, str, int]]) -> tuple[int, str, int]:
    """The sum of rejections, and the first of their places."""
    _, file, row = min(told, key=lambda t: (t[1], t[2]))
    return sum(n for n, _, _ in told), file, row
