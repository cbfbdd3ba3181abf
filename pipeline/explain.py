"""Why each score is what it is: exact path-dependent TreeSHAP contributions in log-odds.

sum of contributions + base_value = raw score, checked on every row: an explanation that does not add up explains
another model.
"""

import lightgbm as lgb
import numpy as np
import pandas as pd

from pipeline.columns import KEY
from pipeline.sample import Floats

TOLERANCE = 1e-9


def attribute(booster: lgb.Booster, features: pd.DataFrame, raw: Floats) -> pd.DataFrame:
    """Columns kpm_id, as_of, base_value and one a model feature, in log-odds; one row a family.

    Raises ArithmeticError naming the first row whose contributions do not add up to its raw score.
    """
    names = booster.feature_name()
    values = np.asarray(booster.predict(features[names], pred_contrib=True, validate_features=True), dtype=np.float64)
    off = np.abs(values.sum(axis=1) - raw)
    if len(off) and off.max() > TOLERANCE:
        worst = int(off.argmax())
        raise ArithmeticError(f"contributions of row {worst} miss its raw score by {off[worst]:.3g} (> {TOLERANCE:g})")
    frame = pd.DataFrame(values[:, :-1], columns=names)
    return pd.concat([features[KEY].reset_index(drop=True), pd.Series(values[:, -1], name="base_value"), frame], axis=1)
