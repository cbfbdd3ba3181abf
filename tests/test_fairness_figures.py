"""The picture of fairness: a mark a published rate, none for a hidden one, the same bytes twice."""

import numpy as np
import pandas as pd

from pipeline import fairness_figures, fairness_wording, figures

VERDICTS = ["worse treated", "no difference found", "cannot tell"]


def rates() -> pd.DataFrame:
    """Three groups of one attribute; of the last nothing may be shown."""
    shown = {"estimate": [0.2, 0.1, np.nan], "lower": [0.15, 0.05, np.nan], "upper": [0.25, 0.2, np.nan],
             "rest": [0.1, 0.2, np.nan], "verdict": VERDICTS}  # fmt: skip
    of = {"kind": "single", "attribute": "urban", "group": ["urban", "rural", "unknown"]}
    return pd.concat([pd.DataFrame(of | {"measure": m} | shown) for m in fairness_figures.PANELS], ignore_index=True)


def test_a_mark_for_each_number_that_is_shown() -> None:
    figure = fairness_figures.panels(rates(), True)
    assert len(figure.axes) == len(fairness_figures.PANELS)
    marks = {line.get_label(): line.get_xdata().tolist() for line in figure.axes[0].lines}
    assert marks["worse treated"] == [0.2]
    assert marks["no difference found"] == [0.1]
    assert marks["cannot tell"] == []
    assert marks["everybody else"] == [0.1, 0.2]
    assert [t.get_text() for t in figure.axes[0].texts] == ["·"]
    assert [t.get_text() for t in figure.axes[0].get_yticklabels()][-1] == "urban or rural: unknown"


def test_the_picture_repeats_and_marks_simulated_data() -> None:
    assert fairness_figures.draw(rates(), True) == fairness_figures.draw(rates(), True)
    marked, plain = (fairness_figures.panels(rates(), s) for s in (True, False))
    assert "SIMULATED DATA" in [t.get_text() for t in marked.texts]
    assert "SIMULATED DATA" not in [t.get_text() for t in plain.texts]
    assert figures.png(plain) != figures.png(marked)


def test_nothing_to_show_is_a_picture_all_the_same() -> None:
    hidden = rates().assign(estimate=np.nan, lower=np.nan, upper=np.nan, rest=np.nan)
    assert len(fairness_figures.draw(hidden, False)) > 5_000


def test_every_verdict_has_a_mark_and_words() -> None:
    assert set(fairness_figures.MARKS) == set(fairness_wording.VERDICTS)
    for text in fairness_wording.VERDICTS.values():
        assert text.id != text.en


def test_a_hold_and_a_ratio_in_words() -> None:
    assert fairness_wording.measure("held_pregnancy").en == "held for a member is pregnant"
    assert fairness_wording.measure("held").id == "ditahan"
    assert fairness_wording.number(0.5, "observed_over_expected").id == "0,5"
    assert fairness_wording.number(0.5, "missed").en == "50%"
