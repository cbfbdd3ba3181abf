"""The page says what the tables say, in both languages, escapes everything and refers to nothing outside."""

import base64
from dataclasses import replace
from datetime import date
from html.parser import HTMLParser
from pathlib import Path

import pandas as pd
import pytest
import yaml

from pipeline import report
from pipeline.stories import Told
from pipeline.wording import Text

EVIL = "<script>alert('x')</script><img src=https://example.invalid/a.png>"
PNG = b"\x89PNG not drawn"


def settings() -> report.Config:
    file = Path(report.__file__).parents[1] / "configs" / "report.yaml"
    return report.Config.model_validate(yaml.safe_load(file.read_text(encoding="utf-8")))


def measures() -> pd.DataFrame:
    overall = [
        ("all", "all", "lightgbm", "auc", 0.786, 0.76, 0.81),
        ("all", "all", "lightgbm", "average_precision", 0.15, 0.128, 0.172),
        ("all", "all", "lightgbm", "precision_at_10_per_facilitator", 0.134, 0.114, 0.154),
        ("all", "all", "lightgbm", "recall_at_10_per_facilitator", 0.31, 0.264, 0.357),
        ("all", "all", "lightgbm", "calibration_slope", 0.957, 0.9, 1.0),
        ("all", "all", "rule_income", "average_precision", 0.0412, None, None),
        ("segment", "under_40=true", "lightgbm", "average_precision", 0.12, 0.1, 0.14),
        ("period", "2023-03-31", "lightgbm", "average_precision", 0.11, 0.09, 0.13),
    ]
    table = pd.DataFrame(overall, columns=["scope", "group", "model", "metric", "estimate", "lower", "upper"])
    return table.assign(families=5200, rows=24000, positives=696)


DIFFERENCES = pd.DataFrame(
    [
        ("all", "all", "lightgbm", "rule_income", "average_precision", 0.109, 0.09, 0.13),
        ("all", "all", "lightgbm", "logistic_regression", "average_precision", 0.002, -0.01, 0.012),
    ],
    columns=["scope", "group", "model", "against", "metric", "estimate", "lower", "upper"],
)
VERDICT = {
    "verdict": "deploy", "champion": "lightgbm", "against": "rule_income", "metric": "average_precision",
    "estimate": 0.109, "lower": 0.09, "upper": 0.13,
}  # fmt: skip


def told() -> report.ReportData:
    return report.ReportData(
        lineage={"id": "3f9a1c07be42", "commit": "8d1f", "source": "a world", "extracted_on": "2025-07-01",
                 "model": {"graduation.txt": "aa11"}, "simulated": True},
        as_of=date(2025, 6, 30),
        horizon_months=12,
        level=0.95,
        measures=measures(),
        differences=DIFFERENCES,
        verdict=VERDICT,
        figures={"gains": PNG, "calibration": PNG},
        lists=pd.DataFrame(
            [("3276", "Kota Depok", 4990, 150, 1310, "a.xlsx"), ("9471", "Kota Jayapura", 1010, 30, 90, "b.xlsx")],
            columns=["regency_code", "name", "active", "candidates", "held", "file"],
        ),
        reasons=pd.DataFrame(
            [("a", "a", "livelihood", 0.3), ("b", "b", "livelihood", 0.3), ("c", "c", "membership", 0.2)],
            columns=["feature", "label", "concept", "mean_abs"],
        ),
        quality=pd.DataFrame([("kpm", 990, 10), ("welfare", 0, 0)], columns=["table", "accepted", "quarantined"]),
        doubts=pd.DataFrame({"sentence": ["welfare: gold is blank in all 990 rows"]}),
        folds=pd.DataFrame(
            [(0, "train", date(2019, 3, 31)), (0, "train", date(2019, 6, 30)), (0, "test", date(2021, 9, 30))],
            columns=["fold", "kind", "as_of"],
        ),
    )  # fmt: skip


class Page(HTMLParser):
    """Tags with their attributes, cells of the tables, and all text, as a browser would take them."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.text += data + " "

    def of(self, tag: str) -> list[dict[str, str | None]]:
        return [attrs for name, attrs in self.tags if name == tag]


def page(data: report.ReportData) -> Page:
    return Page(report.render(data, settings()))


def words(data: report.ReportData) -> str:
    return " ".join(page(data).text.split())


@pytest.mark.parametrize(
    "sentence",
    [
        # 696 of 24,000 rows graduated: 2.9 of 100 at random
        "Of 100 families visited from the list (10 per facilitator), 13.4 (11.4 to 15.4) graduated within "
        "12 months, against 2.9 at random.",
        "Dari 100 keluarga yang dikunjungi menurut daftar (10 per pendamping), 13,4 (11,4 sampai 15,4) "
        "mencapai graduasi sejahtera mandiri dalam 12 bulan. Bila kunjungan dilakukan secara acak: 2,9.",
        "Those visits reach 31 (26.4 to 35.7) of every 100 families that go on to graduate.",
        "the model puts 79 in the right order",
        "Numbers in brackets are 95% intervals",
        "Against the best simple rule (rule of thumb: income), average precision is higher by 0.109 (0.09 to 0.13)",
        "180 candidates among 6,000 active families in 2 regencies; 1,400 families are held.",
        "180 calon dari 6.000 keluarga aktif di 2 kabupaten/kota; 1.400 keluarga ditahan.",
        "The slope is 0.96 (1 = exact",
        "logistic regression 0.0020 [-0.0100; 0.0120] tidak jelas berbeda no clear difference",
        "pengurus di bawah 40 tahun: ya caretaker under 40: yes 24 000 696",
        "penghidupan dan usaha livelihood and business 75%",  # 0.6 of 0.8
        "kpm 990 10 1%",  # 10 of 1,000
        "welfare 0 0 0%",
        "0 2019-03-31 to 2019-06-30 (2) - 2021-09-30 to 2021-09-30 (1)",
        "graduation.txt aa11",
    ],
)
def test_the_page_says_what_the_tables_say(sentence: str) -> None:
    assert sentence in words(told())


def test_the_verdict_can_be_no() -> None:
    text = words(replace(told(), verdict={**VERDICT, "verdict": "do not deploy", "lower": -0.01}))
    assert "The tests do NOT support the use of this list." in text
    assert "The tests support the use" not in text
    assert "the interval is not wholly above zero" in text


def test_a_verdict_without_numbers_says_so() -> None:
    text = words(replace(told(), verdict={**VERDICT, "verdict": "do not deploy", "estimate": None}))
    assert "The comparison with the simple rules could not be computed on these data." in text


@pytest.mark.parametrize(
    ("lower", "upper", "metric", "reading"),
    [
        (0.01, 0.02, "auc", "better"), (-0.02, -0.01, "auc", "worse"), (-0.01, 0.01, "auc", "unclear"),
        (0.0, 0.1, "auc", "unclear"), (-0.02, -0.01, "brier", "better"), (0.01, 0.02, "brier", "worse"),
        (None, 0.1, "auc", "unclear"),
    ],
)  # fmt: skip
def test_a_difference_is_read_with_its_interval(lower: float | None, upper: float, metric: str, reading: str) -> None:
    assert report._reading({"lower": lower, "upper": upper}, metric) == reading


def test_everything_is_escaped() -> None:
    data = told()
    evil = replace(
        data,
        lineage={**data.lineage, "source": EVIL, "id": EVIL},
        lists=data.lists.assign(name=EVIL, file=EVIL, regency_code=EVIL),
        quality=data.quality.assign(table=EVIL),
        doubts=data.doubts.assign(sentence=EVIL),
        measures=data.measures.assign(group=data.measures["group"].where(data.measures["scope"] == "all", EVIL)),
        reasons=data.reasons.assign(concept=EVIL),
    )
    found = page(evil)
    assert not found.of("script")
    assert all(str(image["src"]).startswith("data:image/png;base64,") for image in found.of("img"))
    assert EVIL in found.text


def test_the_page_refers_to_nothing_outside_itself() -> None:
    html = report.render(told(), settings())
    assert "http" not in html
    assert "url(" not in html
    assert "@import" not in html
    found = Page(html)
    for tag in ("script", "link", "iframe", "object", "embed", "a", "form"):
        assert not found.of(tag)
    assert not any("href" in a or str(a.get("src", "data:")).startswith("data:") is False for _, a in found.tags)
    assert not any(name.startswith("on") for _, attrs in found.tags for name in attrs)


def test_figures_are_inlined_with_a_text_for_those_who_do_not_see_them() -> None:
    images = page(told()).of("img")
    assert [i["src"] for i in images] == ["data:image/png;base64," + base64.b64encode(PNG).decode()] * 2
    assert all(i["alt"] for i in images)


def test_the_page_is_accessible() -> None:
    found = page(told())
    assert found.of("html") == [{"lang": "id"}]
    assert [t for t, _ in found.tags if t in {"h1", "h2", "h3"}] == ["h1"] + ["h2"] * 13
    assert len(found.of("caption")) == len(found.of("table"))
    assert {a.get("scope") for a in found.of("th")} == {"col", "row"}
    languages = [a["lang"] for t, a in found.tags if t == "p" and "lang" in a]
    assert languages.count("id") == languages.count("en") > 10


def test_simulated_data_are_called_so_and_real_ones_are_not() -> None:
    data = told()
    assert "DATA SIMULASI" in words(data)
    assert "SIMULATED DATA" in words(data)
    real = words(replace(data, lineage={**data.lineage, "simulated": False}))
    assert "SIMULASI" not in real
    assert "SIMULATED" not in real


def test_what_could_not_be_measured_is_said_and_not_guessed() -> None:
    data = told()
    bare = replace(
        data, measures=data.measures.assign(estimate=None, lower=None, upper=None), differences=DIFFERENCES.iloc[:0],
        figures={}, quality=data.quality.iloc[:0], doubts=data.doubts.iloc[:0],
        folds=data.folds.iloc[:0], reasons=data.reasons.iloc[:0],
    )  # fmt: skip
    text = words(bare)
    assert "How good the list is could not be measured on these data." in text
    assert "Of 100 families visited" not in text
    assert "nan" not in text.lower().split()


def standing_tables() -> dict[str, pd.DataFrame]:
    """The evaluation's tables with nothing in them but measures."""
    columns = {
        "decision": ["model", "threshold", "gain", "gain_lower", "gain_upper", "against"],
        "value": ["way", "model", "amount", "average_precision", "found", "lower", "upper", "equal_visits"],
        "calibration": ["model", "bin", "observed_rate", "rows"],
        "gains": ["model", "share_visited", "share_found"],
        "capacity": ["model", "per_facilitator", "recall"],
    }
    return {"measures": measures()} | {name: pd.DataFrame(columns=c) for name, c in columns.items()}


def test_what_the_score_can_and_cannot_do_has_headings_of_its_own() -> None:
    found = page(replace(told(), evaluation=standing_tables(), borderline=0.125))
    text = " ".join(found.text.split())
    assert len(found.of("h3")) == 4  # what it can, cannot, where it is unsure, how far from the best
    assert "Apa yang bisa dan tidak bisa dilakukan skor ini What the score can and cannot do" in text
    assert "79 (76 to 81) stand in the right order" in text
    assert "12.5% of the listed families are borderline" in text
    assert not page(told()).of("h3")


def test_a_warning_stands_beside_the_verdict() -> None:
    text = words(replace(told(), verdict=VERDICT | {"reasons": ["gain_sure", "level_off"], "last_level": 0.68}))
    assert "Warning: in the latest test 68 families graduated for every 100" in text
    assert "Warning" not in words(told())


def test_differences_are_told_in_every_metric_that_was_compared() -> None:
    more = DIFFERENCES.assign(metric="brier", estimate=-0.25, lower=-0.5, upper=-0.125)
    text = words(replace(told(), differences=pd.concat([DIFFERENCES, more])))
    assert "rule of thumb: income 0.109 [0.090; 0.130] -0.250 [-0.500; -0.125] lebih baik better" in text


def test_promised_and_seen_by_part() -> None:
    levels = [("mean_probability", 0.0376), ("observed_rate", 0.0102), ("calibration_in_the_large", 0.271)]
    rows = [("regency", "3203", "lightgbm", m, v, v, v, 100, 10620, 108) for m, v in levels]
    extra = pd.DataFrame(rows, columns=measures().columns)
    text = words(replace(told(), measures=pd.concat([measures(), extra])))
    assert "3203 10 620 108 3.76% 1.02% 0.271 [0.271; 0.271]" in text


def test_the_word_for_passing_does_not_occur() -> None:
    assert "lulus" not in report.render(told(), settings()).lower()


def test_the_same_data_give_the_same_page() -> None:
    assert report.render(told(), settings()) == report.render(told(), settings())


WAYS = pd.DataFrame(
    [
        ("phase", "recovery", 1118, 900, 0), ("pathway", "pena", 174, 0, 31), ("pathway", "stay_p2k2", 8944, 2419, 0),
        ("hold", "young_child", 631, 631, 0),
    ],
    columns=["kind", "name", "families", "held", "waiting"],
)  # fmt: skip
EFFECT = {
    "verdict": "not validated", "estimate": 0.021, "lower": -0.02, "upper": 0.062, "truth": 0.026, "treated": 100,
    "graduated_of_treated": 3.0, "reasons": ["too few enrolled: 100, not 300"], "used": False,
}  # fmt: skip


def shown(**more):
    return report.render(replace(told(), **more), settings())


def test_pathways_phases_and_holds_are_counted_by_their_words():
    html = shown(ways=WAYS)
    assert 'id="pathways"' in html
    assert "<td>8 944</td>" in html
    assert "PENA / PPSE" in html
    assert "a child under the age that is set" in html
    assert "stay_p2k2" not in html


def test_an_effect_that_was_not_validated_is_only_shown():
    html = shown(effect=EFFECT)
    assert "2.1 more were recorded as graduated" in html
    assert "interval -2 to 6.2; 100 entered, 3 of them graduated" in html
    assert "This simulated world knows the answer: 2.6." in html
    assert "orders nobody" in html
    assert "orders PENA" not in html
    assert "too few enrolled: 100, not 300" in html


def test_an_effect_that_may_order_says_so():
    html = shown(effect=EFFECT | {"used": True, "reasons": [], "truth": None})
    assert "orders PENA" in html
    assert "knows the answer" not in html


def test_an_effect_that_cannot_be_estimated_is_not_guessed():
    html = shown(effect={"verdict": "not estimated", "reasons": ["nobody entered PENA"], "used": False})
    assert "cannot be estimated" in html
    assert "nobody entered PENA" in html


def test_a_story_stands_under_its_own_heading():
    heading, sentence = Text("Seorang nenek", "A grandmother"), Text("Ia ditahan.", "She is held.")
    html = shown(stories=(Told(heading, (sentence,)),))
    assert 'id="stories"' in html
    assert html.index("A grandmother") < html.index("She is held.")


def test_without_them_there_are_no_such_sections():
    html = shown()
    assert not any(f'id="{name}"' in html for name in ("stories", "pathways", "life", "effect"))


FAIR = {"error_rate": 0.05, "history": {"lines": [{"id": "perdesaan: lebih buruk", "en": "rural: worse treated"}]},
        "today": {"lines": [{"id": "tidak dapat dipastikan", "en": "cannot tell"}]}}  # fmt: skip
FOUND = {"listed": 299, "expected": 47.9, "lower": 11.5, "upper": 59.5, "holds": 11 / 13}
CHANGES = {"series": 241, "alarms": ["score", "urban"], "false_alarms_a_year": 1.0}


def test_fairness_and_drift_are_told_in_both_languages() -> None:
    text = words(replace(told(), fairness=FAIR, drift={"changes": CHANGES, "expected": {"found": FOUND}}))
    for said in ("perdesaan: lebih buruk", "rural: worse treated", "On today's list:", "2 changed", "score, urban",
                 "48 are expected", "12 to 60", "at most 85 times of 100"):  # fmt: skip
        assert said in text
    silent = {"changes": {"alarms": None}, "expected": {"found": FOUND | {"holds": None}}}
    short = words(replace(told(), drift=silent))
    assert "The history is too short" in short
    assert "are expected to graduate; as far" not in short
    assert "Whom it treats worse" not in short
