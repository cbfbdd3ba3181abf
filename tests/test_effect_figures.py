"""The picture shows what the tables say: effects, truth where it is known, placebos that could be asked."""

import numpy as np
import pandas as pd

from pipeline import effect_figures

EFFECTS = pd.DataFrame(
    [
        ("effect", "all", "", 0.03, 0.01, 0.05, 0.04, 0.02, 500),
        ("group", "business", "owns a business", 0.04, 0.0, 0.08, 0.05, 0.03, 300),
        ("group", "business", "no business seen", np.nan, np.nan, np.nan, np.nan, np.nan, 0),
        ("replication", "earlier", "", 0.05, 0.02, 0.08, np.nan, np.nan, 250),
    ],
    columns=["kind", "name", "band", "estimate", "lower", "upper", "naive", "truth", "treated"],
)
PLACEBOS = pd.DataFrame(
    [("enrolment in PIP", 0.001, -0.01, 0.012, 900, True), ("enrolment in PBI", np.nan, np.nan, np.nan, 3, None)],
    columns=["name", "estimate", "lower", "upper", "treated", "silent"],
)
OVERLAP = pd.DataFrame(
    {
        "low": [-4.0, -3.0, -2.0],
        "treated": [0.1, 0.3, 0.6],
        "controls": [0.8, 0.2, 0.0],
        "controls_weighted": [0.1, 0.3, 0.6],
    }
)
TABLES = {"effect": EFFECTS, "placebos": PLACEBOS, "overlap": OVERLAP}


def test_lines_are_named_in_order_and_what_was_not_estimated_is_left_out():
    rows = effect_figures.forest_rows(EFFECTS, PLACEBOS)
    assert rows["label"].tolist() == [
        "all enrolled", "business: owns a business", "as-of dates: earlier", "placebo: enrolment in PIP",
    ]  # fmt: skip


def test_the_truth_and_the_mark_are_drawn_only_in_a_simulated_world():
    def words(simulated: bool, rows: pd.DataFrame) -> tuple[set[str], list[str]]:
        figure = effect_figures.effect(OVERLAP, rows, simulated)
        return {t.get_text() for legend in figure.legends for t in legend.get_texts()}, [
            t.get_text() for t in figure.texts
        ]

    rows = effect_figures.forest_rows(EFFECTS, PLACEBOS)
    assert "known effect (simulated)" in words(True, rows)[0]
    assert "known effect (simulated)" not in words(False, rows.assign(truth=np.nan))[0]
    assert words(True, rows)[1]
    assert not words(False, rows)[1]


def test_effects_are_drawn_in_percentage_points():
    figure = effect_figures.effect(OVERLAP, effect_figures.forest_rows(EFFECTS, PLACEBOS), True)
    points = next(line for line in figure.axes[1].lines if line.get_label() == "estimate, interval")
    assert np.allclose(points.get_xdata(), [3, 4, 5, 0.1])


def test_equal_tables_give_equal_bytes():
    first, second = (effect_figures.draw(TABLES, True) for _ in range(2))
    assert first == second
    assert first.startswith(b"\x89PNG")
