"""What the contract asks of one value, compiled to Ibis: raw cell -> typed value, and the first rule it breaks.

Reading is strict where a lax reading could be wrong in silence: `1.500.000`, `2,5`, `1e6`, `31/12/2024` are refused.
It is lax where only one meaning is left: blanks around a value, `3.0` for 3, midnight after a day, 1 and t for true.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

import ibis
import ibis.expr.types as ir

from pipeline.tables import Column

# Broken by a nullable pii column these cost the value, never the row.
GENTLE = ("pattern", "spoilt_identifier")

_EXACT_IN_A_DOUBLE = 2**53 - 1  # above it a float64 no longer tells neighbouring whole numbers apart
_WHOLE = r"^-?\d{1,18}(\.0)?$"
_NUMBER = r"^-?\d{1,18}(\.\d+)?([eE][+-]?\d{1,2})?$"
_DAY = r"^\d{4}-\d{2}-\d{2}([ T]00:00:00(\.0+)?(\+00(:00)?)?)?$"
_TRUE, _FALSE = ("true", "t", "1", "1.0"), ("false", "f", "0", "0.0")
# What spreadsheets and dataframe libraries leave of an identifier: 3.2E+15, 3203015409820000.0, ####, #N/A, NaN.
_SPOILT = r"^-?\d+([.,]\d+)?[eE]\+\d+$|^-?\d+[.,]0*$|^#+$|^#(N/A|REF!|VALUE!|NAME\?|DIV/0!|NUM!|NULL!)$"
_NO_VALUE = r"(?i)^(nan|none|null|na|n/a|<na>|nat)$"
_CONTROL = r"[\x00-\x1f\x7f]"
_ORDINARY = r"^[0-9A-Za-z_-]*[0-9][0-9A-Za-z_-]*$"  # an identifier that is neither spoilt nor no value, without blanks
# The same, and no sixteen digits: a letter or a dash beside the digit, or another length.
_OWN = r"^(\d{1,15}|\d{17,}|[\w-]*(\d[\w-]*[A-Za-z_-]|[A-Za-z_-][\w-]*\d)[\w-]*)$"
_TIDY = r"^[^\x00-\x20\x7f]+( +[^\x00-\x20\x7f]+)*$"  # words with nothing but blanks between them
_POSSIBLE = r"^(19|20|21)\d\d(Q[1-4]|-(0[1-9]|1[0-2]))$"
# A national identity number holds a place, a day of birth (of women plus 40), a month, a year and a serial number.
BIRTH_IN_NUMBER = r"^\d{6}([04][1-9]|[1256]\d|[37][01])(0[1-9]|1[0-2])\d{2}\d{4}$"
_PERSONAL = r"\d{16}|[A-Za-z]['.]? +[A-Za-z]"  # the look of a NIK or of a full name, in whatever column it ended up
_SHOWN = 40
_LARGEST = {"whole": 2**63 - 1, "number": 1.7e308}
TYPES = {"text": "string", "choice": "string", "whole": "int64", "number": "float64", "flag": "boolean", "day": "date"}


@dataclass(frozen=True)
class Days:
    """The days that a date may name, both ends included."""

    earliest: date
    latest: date


@dataclass(frozen=True)
class Rule:
    """`broken` rows break it; `message` says what was expected."""

    name: str
    broken: ir.BooleanValue
    message: str


@dataclass(frozen=True)
class Reading:
    """One column read: the typed value, null where unreadable or set aside, and the rules in order.

    `sound` holds only where none of the rules is broken, and costs less than they do: it is asked first.
    """

    value: ir.Value
    rules: tuple[Rule, ...]
    sound: ir.BooleanValue | None = None

    def first_broken(self) -> ir.StringValue:
        found = first_broken(self.rules)
        return found if self.sound is None else self.sound.ifelse(ibis.null("string"), found)


def first_broken(rules: Sequence[Rule]) -> ir.StringValue:
    """The name of the first rule that a row breaks, else null; a rule that cannot be told is not broken."""
    if not rules:
        return ibis.null("string")
    return ibis.cases(*((rule.broken, rule.name) for rule in rules), else_=ibis.null("string"))


def read_column(raw: ir.Column, column: Column, days: Days) -> Reading:
    """A raw column as the contract's type, with every rule the contract has for it."""
    text, stored = as_text(raw), is_stored(raw, column)
    value = _READERS[column.kind](raw, text)
    rules = (
        *_presence(column, raw if stored else text),
        *_text_rules(column, text),
        *(() if stored else _type_rule(column, text, value)),
        *_limits(column, value),
        *(_day_rules(column, value, days) if column.kind == "day" else ()),
    )
    if column.pii and column.null:
        value = first_broken(rules).isnull().ifelse(value, ibis.null("string"))
    sound = _sound(raw, column)
    return Reading(value if sound is None else sound.ifelse(raw, value), rules, sound)


def as_it_stands(raw: ir.Column, column: Column, days: Days) -> ir.BooleanValue | None:
    """Holds only where the cell is already the typed value and breaks no rule; null where its type rules that out.

    For nearly every cell that is all there is to ask; where it does not hold, `read_column` tells.
    """
    if str(raw.type()) != TYPES[column.kind]:
        return None
    fit = _fit(raw, column, days)
    return (fit & raw.notnull()).fill_null(False) | (raw.isnull() if column.null else ibis.literal(False))


def _fit(raw: ir.Column, column: Column, days: Days) -> ir.BooleanValue:
    if column.kind == "day":
        return raw.between(days.earliest, days.latest)
    if column.kind == "flag":
        return ibis.literal(True)
    if column.kind == "choice":
        return ibis.or_(*(raw == value for value in column.values))
    if column.kind in ("whole", "number"):
        # Infinity and not-a-number lie outside of every pair of numbers.
        largest = _LARGEST[column.kind]
        return raw.between(_bound(column.minimum, -largest), _bound(column.maximum, largest))
    if column.pii and column.pattern is None:
        return raw.re_search(_TIDY)
    return ibis.and_(*(raw.re_search(look) for look in _looks(column)))


def _bound(limit: float | None, otherwise: float) -> float:
    return otherwise if limit is None else limit


def _looks(column: Column) -> list[str]:
    if column.pattern is None:
        return [_OWN]
    return [_ORDINARY, column.pattern, *([_POSSIBLE] if _is_period(column) else [])]


def is_stored(raw: ir.Column, column: Column) -> bool:
    """Whether the column is stored in the contract's own type, so that every value that is there can be read."""
    kind = raw.type()
    if column.kind == "whole":
        return bool(kind.is_integer()) and str(kind) != "uint64"
    return bool(kind.is_date() if column.kind == "day" else column.kind == "flag" and kind.is_boolean())


def _sound(raw: ir.Column, column: Column) -> ir.BooleanValue | None:
    """The look of nearly every cell of a column of words; null for an unknown, which is then told by the rules."""
    if not raw.type().is_string():
        return None
    if column.kind == "choice":
        return raw.re_search(_one_of(column.values))
    if column.kind != "text" or (column.pii and column.pattern is None):
        return None
    return ibis.and_(*(raw.re_search(look) for look in _looks(column)))


def as_text(raw: ir.Column) -> ir.StringValue:
    """A cell as text without blanks around it; a blank, and a dataframe library's not-a-number, is null."""
    kind = raw.type()
    text = (raw if kind.is_string() else raw.cast("string")).strip().nullif("")
    # By its text: the engine folds isnan() over a Parquet column to false, from minima and maxima that leave NaN out.
    return text.nullif("nan") if kind.is_floating() else text


def shown(text: ir.StringValue, personal: ir.BooleanValue) -> ir.StringValue:
    """What may be written about a value: itself, or only its shape where it is or looks personal."""
    unit = text.re_search(r"^\d+$").ifelse(" digits", " characters")
    hidden = personal | text.re_search(_PERSONAL) | (text.length() > _SHOWN)
    return hidden.ifelse(text.length().cast("string") + unit, text)


def _presence(column: Column, text: ir.Value) -> list[Rule]:
    return [] if column.null else [Rule("not_null", text.isnull(), f"{column.name} must not be blank")]


def _text_rules(column: Column, text: ir.StringValue) -> list[Rule]:
    if column.kind != "text":
        return []
    control = Rule(
        "control_character",
        text.re_search(_CONTROL),
        f"{column.name} holds a line break or another control character; a stray quote may have swallowed rows",
    )
    free_text = column.pii and column.pattern is None
    return [control] if free_text else [control, _spoilt(column, text), *_number(column, text), *_pattern(column, text)]


def _number(column: Column, text: ir.StringValue) -> list[Rule]:
    """A national identity number where an identifier of the system belongs would go on into every table and list."""
    if column.pii or column.pattern:
        return []
    wanted = f"{column.name} looks like a national identity number; export the system's own identifier"
    return [Rule("personal_number", text.re_search(BIRTH_IN_NUMBER), wanted)]


def _spoilt(column: Column, text: ir.StringValue) -> Rule:
    return Rule(
        "spoilt_identifier",
        text.re_search(_SPOILT) | text.re_search(_NO_VALUE),
        f"{column.name} was turned into a number by a spreadsheet; export it as text",
    )


def _pattern(column: Column, text: ir.StringValue) -> list[Rule]:
    if column.pattern is None:
        return []
    wanted = Rule("pattern", ~text.re_search(column.pattern), f"{column.name} must match {column.pattern}")
    return [wanted, *_period(column, text)]


def _period(column: Column, text: ir.StringValue) -> list[Rule]:
    """A year or a month that no calendar has, where the pattern is one of periods."""
    if not _is_period(column):
        return []
    wanted = f"{column.name} must be a quarter or month that exists"
    return [Rule("impossible_period", ~text.re_search(_POSSIBLE), wanted)]


def _is_period(column: Column) -> bool:
    return column.name in ("period", "quarter")


def _type_rule(column: Column, text: ir.StringValue, value: ir.Value) -> list[Rule]:
    named = {
        "whole": ("not_a_whole_number", "a whole number in digits only, such as 1500000"),
        "number": ("not_a_number", "a number with a decimal point, such as 36.5"),
        "flag": ("not_true_or_false", "true or false"),
        "day": ("not_a_date", "a day written 2024-12-31"),
        "choice": ("not_in_list", f"one of {', '.join(column.values)}"),
    }
    if column.kind not in named:
        return []
    rule, wanted = named[column.kind]
    unreadable = ~text.re_search(_one_of(column.values)) if column.kind == "choice" else value.isnull()
    return [Rule(rule, text.notnull() & unreadable, f"{column.name} must be {wanted}")]


def _one_of(values: Sequence[str]) -> str:
    """A pattern, since DuckDB turns a longer list of words into a join that costs more than all other rules."""
    return f"^({'|'.join(map(re.escape, values))})$"


def _limits(column: Column, value: ir.Value) -> list[Rule]:
    rules = []
    if column.minimum is not None:
        rules.append(Rule("minimum", value < column.minimum, f"{column.name} must be at least {column.minimum:g}"))
    if column.maximum is not None:
        rules.append(Rule("maximum", value > column.maximum, f"{column.name} must be at most {column.maximum:g}"))
    return rules


def _day_rules(column: Column, value: ir.DateValue, days: Days) -> list[Rule]:
    outside = (value < days.earliest) | (value > days.latest)
    wanted = f"{column.name} must lie in {days.earliest}..{days.latest}; an open end is blank"
    return [Rule("implausible_date", outside, wanted)]


def _read_text(raw: ir.Column, text: ir.StringValue) -> ir.StringValue:
    return text


def _read_whole(raw: ir.Column, text: ir.StringValue) -> ir.IntegerValue:
    kind = raw.type()
    if kind.is_integer():
        return raw.try_cast("int64")
    if kind.is_floating() or kind.is_decimal():
        whole = raw.try_cast("int64")
        exact = (whole.cast("float64") == raw.cast("float64")) & whole.between(-_EXACT_IN_A_DOUBLE, _EXACT_IN_A_DOUBLE)
        return exact.ifelse(whole, ibis.null("int64"))
    return text.re_search(_WHOLE).ifelse(text.re_replace(r"\.0$", "").try_cast("int64"), ibis.null("int64"))


def _read_number(raw: ir.Column, text: ir.StringValue) -> ir.FloatingValue:
    kind = raw.type()
    if kind.is_integer() or kind.is_floating() or kind.is_decimal():
        return text.notin(["inf", "-inf"]).ifelse(raw.try_cast("float64"), ibis.null("float64"))
    return text.re_search(_NUMBER).ifelse(text.try_cast("float64"), ibis.null("float64"))


def _read_flag(raw: ir.Column, text: ir.StringValue) -> ir.BooleanValue:
    if raw.type().is_boolean():
        return raw
    word = text.lower()
    return ibis.cases((word.isin(_TRUE), True), (word.isin(_FALSE), False), else_=ibis.null("boolean"))


def _read_day(raw: ir.Column, text: ir.StringValue) -> ir.DateValue:
    if raw.type().is_date():
        return raw
    return text.re_search(_DAY).ifelse(text.left(10).try_cast("date"), ibis.null("date"))


_READERS = {
    "text": _read_text,
    "whole": _read_whole,
    "number": _read_number,
    "flag": _read_flag,
    "day": _read_day,
    "choice": _read_text,
}
