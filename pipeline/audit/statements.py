"""What the features are, as SQL that is stored beside them: run on the rows of one family, it gives that family's row.

Schemas in, SQL out. The statements name the tables of the contract; whoever runs them gives these names to the rows
they are to see. What a family takes from others comes by two doors: the small tables of `features.around`, and the rows
of its neighbours, of which `compare` reads those of its own regency.
"""

from collections.abc import Mapping
from datetime import date

import ibis

from pipeline import context, features, lifecycle
from pipeline.tables import Column

NEIGHBOURS, COMPARE, CONTEXT, ENDS = "neighbours", "compare", "context", "last_component"
BLOCK = "block_"


def compiled(
    schemas: Mapping[str, ibis.Schema], as_of: date, further: tuple[Column, ...] | None, life: lifecycle.Config
) -> dict[str, str]:
    """Statements by name: a block an input table, `compare`, `context` (place, facilitator), `last_component`."""
    tables = {name: ibis.table(schema, name=name) for name, schema in schemas.items()}
    few = features.around.together(
        {n: ibis.table(e.schema(), name=n) for n, e in features.around.of_part(tables, as_of).items()}
    )
    given = tables | {n: ibis.table(e.schema(), name=n) for n, e in few.items()}
    blocks = features.apart(given, as_of, further)
    near = ibis.table(features.neighbours(tables, as_of, further).schema(), name=NEIGHBOURS)
    made = {f"{BLOCK}{n:02d}_{block.table}": block.expression() for n, block in enumerate(blocks)}
    made[COMPARE] = features.compare(near)
    made[CONTEXT] = context.on(given, as_of)
    made[ENDS] = lifecycle.last_ends(lifecycle.courses(tables, as_of, life), as_of)
    return {name: str(ibis.to_sql(expression, dialect="duckdb")) + "\n" for name, expression in made.items()}
