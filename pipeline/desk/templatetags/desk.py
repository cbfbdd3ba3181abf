"""Words, numbers and days in the reader's language; what they return is escaped by Django like any other value."""

from datetime import date
from typing import Any

from django import template

from pipeline.desk import numerals
from pipeline.desk.texts import text

register = template.Library()


@register.simple_tag(takes_context=True)
def t(context: Any, key: str, **values: object) -> str:
    """A text of the desk."""
    return text(key, context["language"], **values)


@register.simple_tag(takes_context=True)
def tt(context: Any, group: str, code: str) -> str:
    """A text of the desk under group_code."""
    return text(f"{group}_{code}", context["language"])


@register.simple_tag(takes_context=True)
def w(context: Any, group: str, code: str) -> str:
    """A word of the bundle."""
    return str(context["bundle"].word(group, code, context["language"]))


@register.simple_tag(takes_context=True)
def pct(context: Any, share: float, places: int = 0) -> str:
    return numerals.percent(share, context["language"], places)


@register.simple_tag(takes_context=True)
def num(context: Any, value: float, places: int = 0) -> str:
    return numerals.decimal(value, places, context["language"])


@register.simple_tag(takes_context=True)
def signed(context: Any, value: float, places: int = 0) -> str:
    """With a plus before what is above nothing once it is rounded."""
    written = numerals.decimal(value, places, context["language"])
    return f"+{written}" if value > 0 and written != "0" else written


@register.simple_tag(takes_context=True)
def points(context: Any, share: float, places: int = 0) -> str:
    """A difference of shares in percentage points, signed."""
    return f"{signed(context, 100 * share, places)} pp"


@register.simple_tag(takes_context=True)
def money(context: Any, value: float) -> str:
    return numerals.money(value, context["language"])


@register.filter
def day(value: date | str | None) -> str:
    return numerals.day(value)


@register.filter
def item(values: dict[str, Any], key: str) -> Any:
    """values[key], or nothing."""
    return values.get(key, "")
