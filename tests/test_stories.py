"""Stories: who is chosen, by hand, and that what is told is the family's own."""

from datetime import date

import numpy as np
import pandas as pd
import pytest
from pydantic import ValidationError
from studies import values

from pipeline import stories
from pipeline.wording import Text

CONFIG = stories.Config.model_validate(values("stories"))
PEOPLE = pd.DataFrame(
    [
        # A and B fit the first story, B is likelier; C is likelier still and held; D has no business
        ("A", 0.10, True, "pena", 1, 35, 1, 1, 0, 0, 30.0),
        ("B", 0.20, True, "pena", 1, 35, 1, 1, 0, 0, 30.0),
        ("C", 0.90, False, "stay_p2k2", 1, 35, 1, 1, 0, 0, 30.0),
        ("D", 0.95, True, "pena", 1, 35, 0, 1, 0, 0, 30.0),
        # E is a grandmother who is held, F one who is not
        ("E", 0.05, False, "ska_atensi", 0, 70, 0, 0, 1, 1, np.nan),
        ("F", 0.50, True, "kube", 0, 70, 0, 0, 1, 1, np.nan),
        # G leaves naturally, H would in a year and a half
        ("G", 0.02, False, "natural_exit_ahead", 0, 50, 0, 0, 1, 0, 1.0),
        ("H", 0.03, True, "natural_exit_ahead", 0, 50, 0, 0, 1, 0, 18.0),
    ],
    columns=[
        "kpm_id", "probability", "eligible", "pathway", "under_40", "caretaker_age", "owns_business_last",
        "pena_running", "caretaker_female", "elderly", "months_until_last_component_ends",
    ],
).assign(
    members=4.0, enrolled_months=60.0, lower=0.01, upper=0.3, status="below", rank_in_regency=7,
    regency="KAB. GROBOGAN", active=1234, text_id="Fase transisi.", text_en="Phase: transition.",
    last_component_ends_on=pd.NaT, loses_a_year=2_400_000,
)  # fmt: skip
REASONS = pd.DataFrame(
    [("B", "for", 2, "usaha", "a business"), ("B", "for", 1, "umur muda", "young"), ("B", "against", 1, "jauh", "far")],
    columns=["kpm_id", "direction", "place", "text_id", "text_en"],
)


def test_who_is_chosen_by_hand():
    assert stories.chosen(PEOPLE, CONFIG) == {"baker": "B", "grandmother": "E", "leaving": "G"}


def test_the_order_of_the_rows_chooses_nobody():
    """Two that are alike: the lower md5 of kpm_id, wherever it stands."""
    alike = PEOPLE.assign(probability=0.2)
    first = stories.chosen(alike, CONFIG)
    assert stories.chosen(alike.iloc[::-1], CONFIG) == first
    assert first["baker"] in ("A", "B")


def test_where_nobody_fits_nothing_is_told():
    assert stories.tell(PEOPLE[PEOPLE["kpm_id"] == "H"], REASONS, CONFIG) == []


def test_a_story_by_hand():
    baker = stories.tell(PEOPLE, REASONS, CONFIG)[0]
    assert baker.heading.en == "An owner of a business under 40 (a baker, say) on PENA"
    assert [s.en for s in baker.sentences] == [
        "Family B: the caretaker is 35 years old, 4 members, 60 months in PKH.",
        "The estimated chance of graduasi sejahtera mandiri is 20% (between 1% and 30%); number 7 of 1,234 "
        "families in KAB. GROBOGAN.",
        "The family is not on the list: the places for visits went to others.",
        "Phase: transition.",
        "What raises the chance: young; a business.",
        "What lowers the chance: far.",
        "No end of its components is in sight.",
        "If it left now, the family would lose Rp2,400,000 of PKH within 12 months; PBI-JK stays.",
    ]
    assert all(isinstance(s, Text) and s.id and s.id != s.en for s in baker.sentences)


def test_an_end_in_sight_and_nothing_to_lose():
    told = stories.tell(PEOPLE.assign(last_component_ends_on=date(2025, 7, 1), loses_a_year=0), REASONS, CONFIG)[-1]
    assert [s.en for s in told.sentences][-1] == "Its last component ends on 01/07/2025."


def test_a_held_family_is_told_as_held():
    told = stories.tell(PEOPLE.assign(status="held"), REASONS, CONFIG)[1]
    assert "not proposed whatever its chance" in told.sentences[2].en


@pytest.mark.parametrize("change", [{"all": []}, {"held": "maybe"}, {"surprise": 1}, {"id": " "}])
def test_a_story_about_everybody_or_nobody_is_refused(change):
    story = values("stories")["stories"]["baker"] | change
    with pytest.raises(ValidationError):
        stories.Config.model_validate({"stories": {"baker": story}})
