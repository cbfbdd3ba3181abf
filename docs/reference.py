"""What the pages do not say by hand, from the code: the contract, the features' dictionary, words in two languages."""

from collections.abc import Hashable, Iterable, Mapping, Sequence
from datetime import date
from typing import Any

import ibis

from pipeline import features, lifecycle_wording, publish_wording, wording
from pipeline.features import TYPES
from pipeline.tables import TABLES, Column, Table
from pipeline.wording import Text

ANY_DAY = date(2025, 6, 30)  # the dictionary is the same for every day
WORDS: Mapping[str, Mapping[str, Text]] = {
    "Concepts of a reason": wording.CONCEPTS,
    "Holds": wording.HOLDS,
    "Phases": wording.PHASES,
    "Programmes a family may be led to": wording.PATHWAYS,
    "Exits": publish_wording.EXITS,
    "Events of membership": publish_wording.EVENTS,
    "Components": lifecycle_wording.KINDS,
    "Models": wording.MODELS,
    "Segments": wording.SEGMENTS,
}


def tables(heads: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """A Markdown table; a bar inside a cell is escaped."""
    lines = [heads, ["---"] * len(heads), *rows]
    return "\n".join("| " + " | ".join(str(c).replace("|", "\\|") for c in line) + " |" for line in lines)


def contract() -> str:
    """Every table that the pipeline reads, its grain, key, clocks and columns."""
    return "\n\n".join(_table(t) for t in TABLES.values())


def _table(table: type[Table]) -> str:
    named = {c.name for c in table.columns()}
    clocks = [c for c in (table.happened_on, "recorded_on") if c in named]
    facts = (
        f"{'Required' if table.required else 'Optional'}; key {', '.join(f'`{k}`' for k in table.key)}; "
        f"clocks {', '.join(f'`{c}`' for c in clocks)}."
    )
    rows = [(f"`{c.name}`", c.kind, _limits(c), c.unit or "", c.meaning) for c in table.columns()]
    told = " ".join((table.__doc__ or "").split())
    return f"## {table.name}\n\n{told}\n\n{facts}\n\n{tables(('column', 'kind', 'accepted', 'unit', 'meaning'), rows)}"


def _limits(column: Column) -> str:
    told = [
        "" if column.null else "never empty",
        "" if column.minimum is None else f"at least {column.minimum:g}",
        "" if column.maximum is None else f"at most {column.maximum:g}",
        ", ".join(f"`{v}`" for v in column.values),
        "" if column.pattern is None else f"`{column.pattern}`",
        "personal: set apart at ingestion" if column.pii else "",
    ]
    return "; ".join(t for t in told if t)


def blocks() -> tuple[features.Block, ...]:
    """The features of the contract's own tables, before there is any data."""
    schemas = {name: {c.name: TYPES[c.kind] for c in table.columns()} for name, table in TABLES.items()}
    return features.blocks({name: ibis.table(schema, name=name) for name, schema in schemas.items()}, ANY_DAY, ())


def dictionary() -> str:
    """Every feature by concept: what it means in both languages, unit, window, table, sign."""
    made = blocks()
    told = features.dictionary(made).merge(features.wording(made), on="feature")
    counts = len(told), int(told["used_in_score"].sum()), int((told["sign"] != 0).sum())
    parts = [
        "{} features, {} of them in the score, {} with a sign (+ may only raise it, - only lower it).".format(*counts)
    ]
    for concept, words in wording.CONCEPTS.items():
        rows = [
            (f"`{r['feature']}`", *(r[c] for c in ("definition", "label_id", "unit", "window", "table")), _sign(r))
            for r in told[told["concept"] == concept].to_dict("records")
        ]
        heads = ("feature", "definition", "Indonesian", "unit", "window", "table", "in the score")
        parts.append(f"## {words.en[0].upper()}{words.en[1:]} ({words.id})\n\n{tables(heads, rows)}")
    return "\n\n".join(parts)


def _sign(row: Mapping[Hashable, Any]) -> str:
    return {1: "yes, +", -1: "yes, -", 0: "yes"}[int(row["sign"])] if row["used_in_score"] else "no"


def words() -> str:
    """The texts that both languages share, as the pipeline writes them."""
    parts = []
    for title, texts in WORDS.items():
        rows = [(f"`{name}`", text.id, text.en) for name, text in texts.items()]
        parts.append(f"### {title}\n\n{tables(('name', 'Indonesian', 'English'), rows)}")
    return "\n\n".join(parts)


MADE = {"contract": contract, "features": dictionary, "words": words}
