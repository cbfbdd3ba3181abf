"""When a family's last component ends, beside its features: what lifecycle.py projects, as holds and phases read it."""

from datetime import date

import pandas as pd

from pipeline.columns import FAMILY

FEATURE, ENDS_ON, UNIT = "months_until_last_component_ends", "last_component_ends_on", "months"


def beside(features: pd.DataFrame, lives: pd.DataFrame, as_of: date) -> pd.DataFrame:
    """`features` with the day on which the last component ends and the calendar months until then, null where never.

    `lives`: kpm_id, last_component_ends_on. The 30th of June is one month before the 1st of July.
    """
    ends = pd.to_datetime(features[FAMILY].map(lives.set_index(FAMILY)[ENDS_ON]))
    months = 12 * (ends.dt.year - as_of.year) + ends.dt.month - as_of.month
    return features.assign(last_component_ends_on=ends, months_until_last_component_ends=months.astype("float64"))
