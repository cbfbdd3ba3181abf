"""What PENA changes: the effect of enrolment on graduation, on those enrolled, and whether it may order candidates.

docs/effect.md tells the estimand and what it cannot mean. `trial` says who could be enrolled, who was and what came;
`estimation` has the estimator, `checks` placebos and sensitivity, `conclusions` the verdict, `known` the truth of a
simulated world.
"""

from pipeline.effect.conclusions import Study, not_estimated, study, uplift
from pipeline.effect.known import at_risk, effects
from pipeline.effect.settings import NOT_ESTIMATED, NOT_VALIDATED, TREATED, VALIDATED, Config
from pipeline.effect.trial import Asked, Window, eligible, enrolled, offered, rows, share_of_controls, told, windows

__all__ = [
    "NOT_ESTIMATED",
    "NOT_VALIDATED",
    "TREATED",
    "VALIDATED",
    "Asked",
    "Config",
    "Study",
    "Window",
    "at_risk",
    "effects",
    "eligible",
    "enrolled",
    "not_estimated",
    "offered",
    "rows",
    "share_of_controls",
    "study",
    "told",
    "uplift",
    "windows",
]
