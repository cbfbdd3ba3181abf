"""One compiled statement for every as-of date.

The SQL of two as-of dates differs in nothing but its day literals, and turning 160 features into SQL takes longer than
running it on 20,000 families. So it is compiled once and its days are moved; a day that is not as_of or the start of a
declared window is a hidden constant and is refused.
"""

import re
from datetime import date

from pipeline.study import months_before

MONTHS = (0, 3, 6, 12, 24)  # as_of itself and the windows that features may look at
LITERAL = re.compile(r"MAKE_DATE\((\d+), (\d+), (\d+)\)")


def redate(sql: str, compiled_for: date, as_of: date) -> str:
    """The statement for `as_of`; raises ValueError naming a day that no window explains."""
    moved = {months_before(compiled_for, k): months_before(as_of, k) for k in MONTHS}

    def move(found: re.Match[str]) -> str:
        day = date(*map(int, found.groups()))
        if day not in moved:
            raise ValueError(
                f"features: {day} in the SQL is neither as_of nor the start of a window of {MONTHS} months"
            )
        return "MAKE_DATE({0.year}, {0.month}, {0.day})".format(moved[day])

    return LITERAL.sub(move, sql)
