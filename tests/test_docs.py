"""The documentation: tables by hand, pictures of the small run, the site with warnings as errors, and what fails."""

import re
from datetime import date
from itertools import combinations
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from studies import PROJECT

from docs import __main__ as shell
from docs import drawings, pages, pictures, reference, shown
from pipeline import features
from pipeline.errors import BadInput
from pipeline.tables import TABLES

LINK = re.compile(r"!?\[[^\]]+\]\(([^)#\s]+)")
LOADED = re.compile(r'<(?:script|img|iframe|source)[^>]*\ssrc="([^"]+)"|<link[^>]*\shref="([^"]+)"')
MOST_BYTES, MOST_LINES = 100_000, 60


# ------------------------------------------------------------------ tables by hand


def test_an_arrow_that_a_longer_way_tells_is_left_out():
    stages = {
        "a": {"outs": ["data/a"]},
        "b": {"deps": ["data/a/part.csv", "pipeline/b.py"], "outs": [{"data/b.csv": {"cache": False}}]},
        "c": {"deps": ["data/b.csv"], "metrics": ["data/c.json"]},
        "d": {"deps": ["data/a", "data/c.json"], "outs": ["data/d"]},  # a is told by c
        "e": {"deps": ["data/a"]},
    }
    assert shown.needs(stages) == {"a": set(), "b": {"a"}, "c": {"b"}, "d": {"a", "c"}, "e": {"a"}}
    flow = shown.flow(stages)
    assert sorted(flow.arrows) == [("a", "b"), ("a", "e"), ("b", "c"), ("c", "d")]
    assert [sorted(row) for row in flow.rows] == [["a"], ["b", "e"], ["c"], ["d"]]


def test_an_arrow_over_several_rows_has_a_place_in_each():
    stages = {
        "a": {"outs": ["a"]}, "b": {"deps": ["a"], "outs": ["b"]}, "c": {"deps": ["b"], "outs": ["c"]},
        "x": {"deps": ["a"], "outs": ["x"]}, "d": {"deps": ["c", "x"]},
    }  # fmt: skip
    flow = shown.flow(stages)
    assert ("x", "x>d@2", "d") in flow.arrows
    assert sorted(flow.rows[2]) == ["c", "x>d@2"]


def test_both_clocks_decide_what_is_seen():
    rows = pd.DataFrame(
        [
            ("exited", "2024-06-01", "2024-06-20"),  # both before: known
            ("exited", "2024-06-01", "2024-07-05"),  # recorded later
            ("exited", "2024-07-01", "2024-07-05"),  # ahead
            ("exited", "2023-06-01", "2023-07-05"),  # more than half a year away
            ("enrolled", "2024-06-01", "2024-06-02"),  # no exit
        ],
        columns=["event", "effective_on", "recorded_on"],
    )
    seen = shown.two_clocks(rows, date(2024, 6, 30))["seen"]
    assert list(seen) == [shown.KNOWN, shown.UNKNOWN, shown.AHEAD]


def test_incidence_by_hand():
    """Ten families: one natural exit in month 1, one gsm in month 2, one gsm in month 24; the rest stay.

    gsm: 0 of 10, 1 of 10, then 2 of 10. Naive: 1 - (1 - 1/9)(1 - 1/8) = 0.2222, as nine, then eight are at risk.
    """
    day = pd.Timestamp("2022-12-31")
    found = [("natural", 20), ("gsm", 45), ("gsm", 728)]
    rows = pd.DataFrame({"as_of": day, "outcome": [o for o, _ in found] + ["none"] * 7})
    rows["outcome_on"] = [*(day + pd.Timedelta(days=d) for _, d in found), *[pd.NaT] * 7]
    other = rows.assign(as_of=pd.Timestamp("2021-12-31"))
    table = shown.incidence(pd.concat([rows, other]), day.date()).pivot(
        index="month", columns="outcome", values="share"
    )
    assert list(table.loc[[1, 2, 23, 24], "gsm"]) == pytest.approx([0, 0.1, 0.1, 0.2])
    assert list(table.loc[[1, 24], "natural"]) == pytest.approx([0.1, 0.1])
    assert table.loc[24, shown.NAIVE] == pytest.approx(1 - (8 / 9) * (7 / 8))
    assert (table[shown.NAIVE] >= table["gsm"] - 1e-12).all()
    assert "none" not in table


def test_who_is_censored_leaves_the_families_at_risk():
    """Four families: one censored in month 1, one gsm in month 2 of the three left, one natural in month 3 of the two.

    gsm: 1/3. natural: 2/3 left before it, times 1/2: 1/3. A fifth one, censored on no day, is in nobody's count.
    """
    day = pd.Timestamp("2022-12-31")
    found = [("censored", 20), ("gsm", 45), ("natural", 75), ("none", None), ("censored", None)]
    rows = pd.DataFrame({"as_of": day, "outcome": [o for o, _ in found]})
    rows["outcome_on"] = [pd.NaT if d is None else day + pd.Timedelta(days=d) for _, d in found]
    table = shown.incidence(rows, day.date()).pivot(index="month", columns="outcome", values="share")
    assert table.loc[24].to_dict() == pytest.approx({"gsm": 1 / 3, "natural": 1 / 3, shown.NAIVE: 1 / 3})


def test_followed_is_the_latest_date_known_for_two_years():
    """Matured on 2023-03-27 after twelve months: two years are told by 2024-03-27; the extract is of 2024-06-30."""
    moments = {"2021-12-31": "2023-03-27", "2022-06-30": "2023-09-25"}
    assert shown.followed(moments, date(2024, 6, 30)) == date(2021, 12, 31)
    assert shown.followed(moments, date(2023, 6, 30)) is None


def test_concepts_sum_before_their_sides_are_told_apart():
    """Family 1: a1 + a2 = 3 - 1 = 2, b = -4; family 2: a = -2, b = 0. Raises a: (2 + 0) / 2, lowers a: (0 - 2) / 2."""
    rows = pd.DataFrame({"kpm_id": ["1", "2"], "a1": [3.0, -1.0], "a2": [-1.0, -1.0], "b": [-4.0, 0.0]})
    table = shown.by_concept(rows, {"a1": "a", "a2": "a", "b": "b"})
    assert table.to_dict("list") == {"concept": ["a", "b"], "raises": [1.0, 0.0], "lowers": [-1.0, -2.0]}


@pytest.mark.parametrize("seed", range(5))
def test_no_two_squares_lie_on_each_other(seed):
    draw = np.random.default_rng(seed)
    codes = {f"{p}{n:02d}" for p in [*drawings.PROVINCES, "97", "02"] for n in range(1, draw.integers(2, 30))}
    at = drawings.squares(sorted(codes))
    assert set(at) == codes
    for (x, y), (u, v) in combinations(at.values(), 2):
        assert abs(x - u) > 0.99 or abs(y - v) > 0.99


def test_every_province_has_a_place_of_its_own():
    assert len(drawings.PROVINCES) == 38
    assert len(set(drawings.PROVINCES.values())) == 38


# ------------------------------------------------------------------ from the code


def test_the_contract_page_has_every_column():
    text = reference.contract()
    for name, told in TABLES.items():
        part = text.split(f"## {name}\n")[1].split("\n## ")[0]
        assert [c.name for c in told.columns()] == re.findall(r"^\| `(\w+)` \|", part, re.MULTILINE)


def test_the_dictionary_page_has_every_feature_once():
    told = re.findall(r"^\| `(\w+)` \|", reference.dictionary(), re.MULTILINE)
    assert len(told) == len(set(told))
    assert set(told) == features.names()


def test_words_stand_in_both_languages():
    assert "| `pena` | PENA / PPSE | PENA / PPSE |" in reference.words()
    assert "| `gsm` |" in reference.words()


# ------------------------------------------------------------------ the site of the small run


@pytest.fixture(scope="module")
def site(small_run, tmp_path_factory):
    """The site as `make docs` builds it, with the pictures of the small run, and what it says it lacks."""
    build = tmp_path_factory.mktemp("build")
    pictures.save(small_run, build / "pictures")
    made = pages.Site(PROJECT, build, build / "docs-source")
    lacking = pages.prepare(made)
    shell.built(made.source, build / "docs")
    return build, lacking


def test_every_picture_is_drawn_but_what_nobody_measured(site):
    drawn = {f.stem for f in (site[0] / "pictures").glob("*.png")}
    assert drawn | {"scaling"} == set(pictures.NAMES)
    assert [n for n in site[1] if n.startswith("picture") and n != "picture scaling"] == []


def test_the_same_run_gives_the_same_pictures(site, small_run, tmp_path):
    pictures.save(small_run, tmp_path)
    for file in tmp_path.glob("*.png"):
        assert file.read_bytes() == (site[0] / "pictures" / file.name).read_bytes(), file.name


def test_every_picture_of_data_says_that_it_is_simulated(small_run):
    for name, figure in pictures.of_run(small_run).items():
        assert "SIMULATED DATA" in [t.get_text() for t in figure.texts], name


def test_measurements_become_the_scaling_curve(tmp_path, monkeypatch):
    file = tmp_path / "national.csv"
    file.write_text("stage,families,seconds,core_seconds,peak_gib\nscore,1000,1,2,1\nscore,10000,10,20,1\n")
    monkeypatch.setattr(pictures, "MEASURED", file)
    figure = pictures.measured()["scaling"]
    assert "SIMULATED DATA" in [t.get_text() for t in figure.texts]
    assert any("slope 1.00" in t.get_text() for t in figure.axes[0].get_legend().get_texts())


def test_no_run_no_picture(tmp_path):
    with pytest.raises(BadInput, match="make run"):
        pictures.save(shell.Home(tmp_path, ()), tmp_path)


def test_every_page_is_built_and_asks_no_other_host(site):
    out = site[0] / "docs"
    built = {f.stem for f in out.glob("*.html")}
    assert {f.stem for f in (PROJECT / "docs").glob("*.md")} <= built
    for file in out.glob("*.html"):
        loaded = ["".join(found) for found in LOADED.findall(file.read_text(encoding="utf-8"))]
        assert loaded
        assert [a for a in loaded if "//" in a] == [], file.name
    for style in out.rglob("*.css"):
        assert not re.search(r"(@import|url\()\s*['\"]?(https?:)?//", style.read_text(encoding="utf-8")), style.name


def test_pictures_tables_and_what_is_lacking_stand_in_the_pages(site):
    page = {f.stem: f.read_text(encoding="utf-8") for f in (site[0] / "docs").glob("*.html")}
    assert 'src="_images/clocks.png"' in page["concepts"]
    assert "caretaker_age" in page["features"]
    assert "effective_on" in page["contract"]
    assert "tests/desk/test_desk_browser.py" in page["planner"], "no screenshots lie in this build"
    assert "made:" not in "".join(page.values())
    assert '="../' not in page["first-run"]


def test_what_leads_nowhere_fails_the_build(tmp_path):
    """A page, an anchor and an image that are not there; all three are told, and nothing else."""
    (tmp_path / "index.md").write_text(
        "# Here\n\n[gone](gone.md)\n\n[no such place](#nowhere)\n\n![missing](missing.png)\n\n[fine](#here)\n"
    )
    with pytest.raises(BadInput) as caught:
        shell.built(tmp_path, tmp_path / "out")
    told = [line for line in str(caught.value).splitlines() if "WARNING" in line]
    assert len(told) == 3
    assert all(any(w in line for line in told) for w in ("gone.md", "nowhere", "missing.png"))


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("a\n\n[x](../pipeline/nothing.py)", "page.md:3: link to ../pipeline/nothing.py"),
        ("[x](../../elsewhere.md)", "page.md:1: link to ../../elsewhere.md"),
        ("a\n<!-- made: picture moon | words -->", "page.md:2: picture moon: nobody makes it"),
        ("<!-- made: screenshot work_en_watch | words -->", "screenshot work_en_watch: nobody makes it"),
        ("<!-- made: picturs clocks -->", "a mark that cannot be read"),
    ],
)
def test_a_wrong_link_or_mark_stops_before_anything_is_built(tmp_path, text, told):
    page = tmp_path / "docs" / "page.md"
    page.parent.mkdir()
    page.write_text(text, encoding="utf-8")
    (tmp_path / pages.TAKEN_BY).parent.mkdir(parents=True)
    (tmp_path / pages.TAKEN_BY).write_text('"work": "/"')
    with pytest.raises(BadInput, match=re.escape(told)):
        pages.prepare(pages.Site(tmp_path, tmp_path / "build", tmp_path / "source"))


def test_links_to_the_repository_become_words():
    assert pages.plain_links("see [the flow](../dvc.yaml).") == "see the flow (`dvc.yaml` of the checkout)."
    assert pages.plain_links("[pipeline/stages.py](../pipeline/stages.py)") == "`pipeline/stages.py`"


# ------------------------------------------------------------------ beside the site


@pytest.mark.parametrize("name", ["README.md", "notebooks/README.md", "benchmarks/README.md"])
def test_links_beside_the_site_lead_somewhere(name):
    file = PROJECT / name
    links = [a for a in LINK.findall(file.read_text(encoding="utf-8")) if "//" not in a]
    assert [a for a in links if not (file.parent / a).exists()] == []


def test_readme_is_one_screen_with_a_small_picture():
    text = (PROJECT / "README.md").read_text(encoding="utf-8")
    assert len(text.splitlines()) <= MOST_LINES
    shown_there = [Path(PROJECT / a) for a in re.findall(r"!\[[^\]]+\]\(([^)]+)\)", text)]
    assert shown_there
    assert all(f.stat().st_size < MOST_BYTES for f in shown_there)
    assert "imulated" in text.split("![")[1].split("]")[0]
