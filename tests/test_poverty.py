"""Income beside the poverty line: by hand, the nearest region and the latest line known on the day."""

from datetime import date

import numpy as np
import pandas as pd
import pytest
from pydantic import ValidationError
from studies import values

from pipeline import poverty

DAY = date(2025, 6, 30)


def line(region, known_from, urban, rural):
    return {"region": region, "known_from": known_from, "urban": urban, "rural": rural, "source": "assumption"}


CONFIG = poverty.Config.model_validate(
    {
        "lines": [
            line("", "2024-08-01", 600_000, 500_000),
            line("32", "2024-08-01", 400_000, 300_000),
            line("3203", "2025-01-01", 200_000, 100_000),
            line("3203", "2024-01-01", 20, 10),
            line("", "2023-08-01", 60, 50),
            line("", "2025-08-01", 1, 1),
        ]
    }
)


def beside(as_of=DAY, config=CONFIG, **columns):
    frame = pd.DataFrame({"income_per_person": [300_000.0] * 4, "urban": [1.0, 0.0, 0.0, 1.0]} | columns)
    regency = pd.Series(["3203", "3203", "3276", None])
    return poverty.beside(frame, regency, as_of, config)


def test_income_over_the_line_by_hand():
    """300,000 / 200,000; / 100,000; / 300,000 (the province's, rural); / 600,000 (the country's, urban)."""
    assert beside()["income_times_poverty_line"].tolist() == [1.5, 3.0, 1.0, 0.5]


def test_a_line_published_later_judges_no_earlier_day():
    """On 30 September 2024: the regency's of January 2024 (20, 10), the others as before."""
    found = beside(date(2024, 9, 30))["income_times_poverty_line"].tolist()
    assert found == [15_000.0, 30_000.0, 1.0, 0.5]
    assert beside(date(2020, 1, 1))["income_times_poverty_line"].isna().all()
    assert beside(date(2025, 8, 1))["income_times_poverty_line"].tolist()[3] == 300_000.0


def test_the_order_of_the_lines_does_not_matter():
    turned = poverty.Config(lines=CONFIG.lines[::-1])
    pd.testing.assert_frame_equal(beside(), beside(config=turned))


def test_an_unknown_income_gives_an_unknown_ratio_and_no_income_column_none():
    found = beside(income_per_person=[np.nan, 1.0, 1.0, 1.0])["income_times_poverty_line"]
    assert found.isna().tolist() == [True, False, False, False]
    bare = pd.DataFrame({"urban": [1.0]})
    assert poverty.beside(bare, pd.Series(["3203"]), DAY, CONFIG) is bare


def test_nobody_has_nothing():
    empty = pd.DataFrame({"income_per_person": [], "urban": []}, dtype=float)
    assert len(poverty.beside(empty, pd.Series([], dtype=object), DAY, CONFIG)) == 0


def test_the_published_lines_are_those_of_the_statistics_office():
    """domain facts 4.1: 582,932 in March 2024; 629,561 urban and 580,349 rural in March 2025."""
    config = poverty.Config.model_validate(values("poverty"))
    assert {(one.urban, one.rural) for one in config.lines} == {
        (410_670, 410_670), (550_458, 550_458), (582_932, 582_932), (629_561, 580_349)
    }  # fmt: skip
    found = poverty.beside(
        pd.DataFrame({"income_per_person": [291_466.0], "urban": [0.0]}), pd.Series(["3203"]), DAY, config
    )
    assert found["income_times_poverty_line"].tolist() == [0.5]


@pytest.mark.parametrize("change", [{"region": "3"}, {"urban": 0}, {"source": ""}, {"known_from": "soon"}])
def test_a_line_that_means_nothing_is_refused(change):
    good = line("", "2024-08-01", 1, 1)
    poverty.Config.model_validate({"lines": [good]})
    with pytest.raises(ValidationError):
        poverty.Config.model_validate({"lines": [good | change]})
    with pytest.raises(ValidationError):
        poverty.Config.model_validate({"lines": []})
