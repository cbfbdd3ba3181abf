"""What is drawn is what the table says; equal tables give equal bytes; simulated data are marked."""

import io
from collections.abc import Callable
from datetime import date

import matplotlib.image
import numpy as np
import pandas as pd
import pytest
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from pipeline import figures

MODELS = ["base_rate", "lightgbm", "rule_income", "something_new"]


def curve(**columns: object) -> pd.DataFrame:
    return pd.concat([pd.DataFrame({"model": m, **columns}) for m in MODELS], ignore_index=True)


CALIBRATION = curve(
    bin=[1, 2],
    mean_probability=[0.01, 0.2],
    observed_rate=[0.02, 0.18],
    lower=[0.01, np.nan],
    upper=[0.03, np.nan],
    rows=9,
)
PRECISION_RECALL = curve(threshold=[0.5, 0.1], recall=[0.2, 1.0], precision=[0.4, 0.03])
GAINS = curve(share_visited=[0.0, 0.5, 1.0], share_found=[0.0, 0.8, 1.0])
CAPACITY = curve(per_facilitator=[5, 10], precision=[0.3, 0.2], recall=[0.1, np.nan])
PERIODS = pd.DataFrame(
    [
        ("period", g, m, metric, 0.2, 0.1, 0.3)
        for g in ("2023-06-30", "2023-03-31")
        for m in ("lightgbm", "rule_income")
        for metric in ("average_precision", "precision_at_10_per_facilitator")
    ],
    columns=["scope", "group", "model", "metric", "estimate", "lower", "upper"],
)
SEGMENTS = pd.DataFrame(
    {
        "group": ["all", "under_40=true"],
        "metric": "auc",
        "estimate": [0.8, 0.7],
        "lower": [0.7, 0.5],
        "upper": [0.9, 0.85],
    }
)
OUTCOMES = pd.DataFrame(
    [
        (date(2023, 3, 31), "gsm", 2), (date(2023, 3, 31), "none", 7), (date(2023, 3, 31), "natural", 1),
        (date(2023, 3, 31), "censored", 90), (date(2023, 6, 30), "none", 4),
    ],
    columns=["as_of", "outcome", "rows"],
)  # fmt: skip
FOLDS = pd.DataFrame(
    [
        (0, "train", date(2019, 3, 31)), (0, "train", date(2019, 6, 30)), (0, "calibrate", date(2020, 3, 31)),
        (0, "test", date(2021, 9, 30)),
    ],
    columns=["fold", "kind", "as_of"],
)  # fmt: skip
DECISION = pd.DataFrame(
    [
        (m, t, worth, worth - 0.001, worth + 0.001)
        for m, worths in {
            "lightgbm": (0.02, 0.01), "rule_income": (0.01, 0.0), "logistic_regression": (0.5, 0.5),
            "everybody": (0.015, -9.0), "nobody": (0.0, 0.0),
        }.items()
        for t, worth in zip((0.01, 0.1), worths, strict=True)
    ],
    columns=["model", "threshold", "net_benefit", "lower", "upper"],
)  # fmt: skip
VALUE = pd.DataFrame(
    [
        ("visits", "lightgbm", 1.0, 0.1, 0.3, 0.2, 0.4), ("visits", "lightgbm", 2.0, 0.1, 0.5, 0.4, 0.6),
        ("score", "lightgbm", 0.0, 0.1, 0.3, 0.2, 0.4), ("score", "lightgbm", 0.5, 0.2, 0.6, 0.5, 0.7),
        ("model", "logistic_regression", 1.0, 0.09, 0.25, 0.1, 0.3), ("model", "one_more", 1.0, 0.1, 0.2, 0.1, 0.3),
    ],
    columns=["way", "model", "amount", "average_precision", "found", "lower", "upper"],
)  # fmt: skip
LEVELS = pd.DataFrame(
    [
        (day, metric, 0.02, 0.01, 0.03)
        for day in ("2023-03-31", "2023-06-30")
        for metric in ("observed_rate", "mean_probability")
    ],
    columns=["group", "metric", "estimate", "lower", "upper"],
)
INCIDENCE = pd.DataFrame(
    [(h, b, 0.01 * h, 0.012 * h, 0.01 * h, 0.015 * h) for h in (3, 6, 12) for b in (0, 1, 2)],
    columns=["horizon_months", "bin", "mean_incidence", "observed", "lower", "upper"],
)
WORDS = pd.DataFrame(
    [("income", "livelihood", "income"), ("tenure", "membership", "months in the programme")],
    columns=["feature", "concept", "label_en"],
)


def shap_tables(points: int = 100) -> tuple[pd.DataFrame, pd.DataFrame]:
    key = pd.DataFrame({"kpm_id": ["C", "A", "B"], "as_of": date(2025, 6, 30)})
    contributions = key.assign(base_value=-3.0, income=[0.1, -0.2, 0.3], tenure=[-0.5, 0.5, 0.5])
    features = key.assign(income=[10.0, np.nan, 30.0], tenure=[1.0, 2.0, 3.0])
    return figures.shap_tables(contributions, features, WORDS, points)


DRAWN: dict[str, Callable[[bool], Figure]] = {
    "calibration": lambda s: figures.calibration(CALIBRATION, s),
    "precision_recall": lambda s: figures.precision_recall(PRECISION_RECALL, s),
    "gains": lambda s: figures.gains(GAINS, s),
    "capacity": lambda s: figures.capacity(CAPACITY, s),
    "periods": lambda s: figures.periods(PERIODS, s),
    "segments": lambda s: figures.segments(SEGMENTS, s),
    "shap_summary": lambda s: figures.shap_summary(*shap_tables(), s),
    "outcomes": lambda s: figures.outcomes(OUTCOMES, s),
    "folds": lambda s: figures.folds(FOLDS, s),
    "decision": lambda s: figures.decision(DECISION, s),
    "value": lambda s: figures.value(VALUE, s),
    "calibration_periods": lambda s: figures.calibration_periods(LEVELS, s),
    "incidence": lambda s: figures.incidence(INCIDENCE, s),
}


def texts(figure: Figure) -> str:
    return " ".join(t.get_text() for t in figure.texts)


@pytest.mark.parametrize("name", DRAWN)
def test_the_same_table_gives_the_same_picture(name: str) -> None:
    first, again = (figures.png(DRAWN[name](True)) for _ in range(2))
    assert first == again
    assert first.startswith(b"\x89PNG")
    assert b"Software" not in first
    assert b"tIME" not in first
    assert np.ptp(matplotlib.image.imread(io.BytesIO(first))[..., :3]) == 1  # black ink on white paper


@pytest.mark.parametrize("name", DRAWN)
def test_simulated_data_are_marked_and_real_ones_are_not(name: str) -> None:
    assert "SIMULATED DATA" in texts(DRAWN[name](True))
    assert "SIMULATED DATA" not in texts(DRAWN[name](False))


@pytest.mark.parametrize(
    ("draw", "table"),
    [
        (figures.calibration, CALIBRATION), (figures.precision_recall, PRECISION_RECALL), (figures.gains, GAINS),
        (figures.capacity, CAPACITY), (figures.periods, PERIODS), (figures.segments, SEGMENTS),
        (figures.outcomes, OUTCOMES), (figures.folds, FOLDS), (figures.decision, DECISION), (figures.value, VALUE),
        (figures.calibration_periods, LEVELS), (figures.incidence, INCIDENCE),
    ],
)  # fmt: skip
def test_an_empty_table_draws_an_empty_picture(
    draw: Callable[[pd.DataFrame, bool], Figure], table: pd.DataFrame
) -> None:
    assert figures.png(draw(table.iloc[:0], False)).startswith(b"\x89PNG")


def line(axes: Axes, label: str) -> list[tuple[float, float]]:
    (found,) = [x for x in axes.lines if x.get_label() == label]
    return [(float(x), float(y)) for x, y in zip(found.get_xdata(), found.get_ydata(), strict=True)]  # type: ignore[arg-type]


def test_curves_draw_the_points_of_the_table() -> None:
    (axes,) = figures.gains(GAINS, False).axes
    assert line(axes, "LightGBM (the model in use)") == [(0.0, 0.0), (0.5, 0.8), (1.0, 1.0)]
    assert line(axes, "visits at random") == [(0.0, 0.0), (1.0, 1.0)]
    (axes,) = figures.precision_recall(PRECISION_RECALL, False).axes
    assert line(axes, "something new") == [(0.2, 0.4), (1.0, 0.03)]
    (axes,) = figures.calibration(CALIBRATION, False).axes
    assert line(axes, "LightGBM (the model in use)") == [(0.01, 0.02), (0.2, 0.18)]


def test_models_differ_without_colour() -> None:
    (axes,) = figures.gains(GAINS, False).axes
    lines = [x for x in axes.lines if x.get_label() != "visits at random"]
    assert [x.get_label() for x in lines] == ["LightGBM (the model in use)", "rule of thumb: income", "something new"]
    styles = [(x._unscaled_dash_pattern, x.get_linewidth()) for x in lines]
    assert len({str(s) for s in styles}) == len(styles)


def test_models_without_a_style_of_their_own_differ_too() -> None:
    strangers = ["new_a", "new_b", "new_c"]
    styles = [figures._style(m, strangers) for m in strangers]
    assert len({(str(s.line), s.marker) for s in styles}) == 3
    assert figures._style("lightgbm", strangers) == figures.STYLES["lightgbm"]


def test_the_decision_curve_shows_what_the_model_must_beat() -> None:
    (axes,) = figures.decision(DECISION, False).axes
    labels = {x.get_label() for x in axes.lines}
    assert labels == {"LightGBM (the model in use)", "rule of thumb: income", "visit everybody", "visit nobody"}
    # 1,000 families x .02, .01
    assert line(axes, "LightGBM (the model in use)") == [(0.01, 20.0), (0.1, pytest.approx(10.0))]
    low, high = axes.get_ylim()
    assert -5 < low < 0  # the loss of visiting everybody does not squeeze the rest
    assert 21 < high < 25


def test_visits_and_scores_share_one_scale() -> None:
    left, right = figures.value(VALUE, False).axes
    assert left.get_ylim() == right.get_ylim() == (0, pytest.approx(1.05 * 0.7))
    drawn = left.lines[0]
    assert [(float(x), float(y)) for x, y in zip(drawn.get_xdata(), drawn.get_ydata(), strict=True)] == [
        (1.0, 0.3), (2.0, 0.5),
    ]  # fmt: skip
    assert line(right, "logistic regression") == [(0.09, 0.25)]
    assert [float(y) for y in left.lines[1].get_ydata()] == [0.3, 0.3]  # type: ignore[union-attr]


def test_a_panel_for_each_horizon_without_the_row_of_everybody() -> None:
    panels = [a for a in figures.incidence(INCIDENCE, False).axes if a.get_visible()]
    assert [p.get_xlabel() for p in panels] == [f"promised within {h} months" for h in (3, 6, 12)]
    assert len(panels[0].lines[0].get_xdata()) == 2  # type: ignore[arg-type]


def test_outcomes_are_shares_of_those_fully_observed() -> None:
    (axes,) = figures.outcomes(OUTCOMES, False).axes
    heights = {c.get_label(): [round(float(p.get_height()), 12) for p in c.patches] for c in axes.containers}
    # 2023-03-31: 2 of 2 + 7 + 1 graduated (0.2), 1 natural (0.1); 90 censored are not counted; 2023-06-30: nobody left
    assert heights == {"graduated (gsm)": [0.2, 0.0], "natural: no component left": [0.1, 0.0]}


def test_segments_keep_the_order_of_the_table() -> None:
    (axes,) = figures.segments(SEGMENTS, False).axes
    assert [t.get_text() for t in axes.get_yticklabels()] == ["all families", "caretaker under 40: yes"]
    assert axes.get_yticks().tolist() == [1, 0]


def test_the_embargo_lies_between_the_last_learning_date_and_the_first_test() -> None:
    (axes,) = figures.folds(FOLDS, False).axes
    (band,) = axes.collections
    # days since 1970-01-01: 2020-03-31 is 18352, 2021-09-30 is 18900
    assert band.get_datalim(axes.transData).intervalx.tolist() == [18352.0, 18900.0]


def test_shap_tables_by_hand() -> None:
    means, sample = shap_tables()
    # income (0.1 + 0.2 + 0.3) / 3 = 0.2; tenure (0.5 + 0.5 + 0.5) / 3 = 0.5
    assert means[["feature", "concept"]].to_numpy().tolist() == [["tenure", "membership"], ["income", "livelihood"]]
    assert means["mean_abs"].tolist() == pytest.approx([0.5, 0.2])
    income = sample[sample["feature"] == "income"]
    # in order of kpm_id A, B, C: unknown, 30 (rank 2 of 2), 10 (rank 1 of 2)
    assert income["log_odds"].tolist() == [-0.2, 0.3, 0.1]
    assert income["level"].fillna(-1).tolist() == [-1, 1.0, 0.5]


def test_the_sample_of_points_is_bounded_and_drawn_without_chance() -> None:
    _, two = shap_tables(points=2)
    assert (two["feature"] == "income").sum() == 2
    assert two[two["feature"] == "income"]["log_odds"].tolist() == [-0.2, 0.1]  # first and last family, A and C


def test_points_stay_within_their_row() -> None:
    x = np.repeat([0.0, 1.0], [50, 1])
    offsets = figures._offsets(x)
    assert np.abs(offsets).max() <= 1
    assert len(set(offsets[:50])) == 50
    assert offsets[50] == 0
