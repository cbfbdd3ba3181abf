"""A family's years as a picture and in words."""

from datetime import date

import pandas as pd

from pipeline import figures
from pipeline.lifecycle_figures import KINDS, Life, bands, draw_all, draw_family, told

ON = [date(2025 + n, 6, 30) for n in range(6)]


def life() -> Life:
    """One pupil of SMP who enters SMA in July 2026, and somebody who turns sixty in the year after June 2027."""
    years = pd.DataFrame({"year": range(6), "on": ON, "members": 2, "adults": [1, 1, 1, 0, 0, 1],
                          **dict.fromkeys(KINDS, 0), "benefit": [1_500_000, 2_000_000, 3_000_000, 4_400_000,
                                                                 2_400_000, 2_400_000]})  # fmt: skip
    years = years.assign(smp=[1, 1, 0, 0, 0, 0], sma=[0, 0, 1, 1, 1, 0], elderly=[0, 0, 0, 1, 1, 1])
    endings = pd.DataFrame({
        "kind": ["smp", "sma"], "ends_on": [date(2026, 7, 1), date(2029, 7, 1)], "becomes": ["sma", "none"],
        "persons": 1, "rupiah_a_year": [1_500_000, 2_000_000], "last": [False, False],
    })  # fmt: skip
    facts = {"as_of": ON[0], "components": 1, "last_component_ends_on": None, "loses_a_year": 1_500_000,
             "loses_in_years": 13_300_000, **{f"loses_in_years_{k}": 0 for k in KINDS}, "keeps_pbi_a_year": None,
             "sembako_a_year": 2_400_000}  # fmt: skip
    return Life("K1", years, endings, facts | {"loses_in_years_smp": 1_500_000})


def test_bands_end_on_the_day_and_begin_where_the_years_show_it():
    assert bands(life(), "smp") == [(ON[0], date(2026, 7, 1), 1)]
    assert bands(life(), "sma") == [(date(2026, 7, 1), date(2029, 7, 1), 1)]
    assert bands(life(), "elderly") == [(date(2028, 6, 30), date(2031, 6, 28), 1)]
    assert bands(life(), "sd") == []


def test_the_picture_repeats_and_marks_simulated_data():
    drawn = [draw_family(life(), "id", True) for _ in range(2)]
    assert figures.png(drawn[0]) == figures.png(drawn[1])
    assert "SIMULATED DATA" in [t.get_text() for t in drawn[0].texts]
    assert "SIMULATED DATA" not in [t.get_text() for t in draw_family(life(), "id", False).texts]


def test_words_in_both_languages():
    indonesian, english = told(life(), "id"), told(life(), "en")
    assert "01/07/2026  SMP, 1 orang, Rp1.500.000 setahun, lalu SMA" in indonesian
    assert "no end in sight" in english
    assert "Rp13,300,000 within 5 years" in english
    assert "PBI-JK tidak tercatat berjalan" in indonesian


def test_all_families_in_one_picture():
    leaving = pd.DataFrame({"quarter": ["2025Q3", "2026Q3"], "families": [3, 1]})
    figure = draw_all(life().years, leaving, True)
    assert [p.get_height() for p in figure.axes[1].patches] == [3, 1]
    assert len(figures.png(figure)) > 10_000
