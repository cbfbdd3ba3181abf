"""What auditors may ask reaches no planner: the desk has no way to it, the bundle holds nothing of it."""

import ast
import re

import pytest
import yaml
from studies import PROJECT

from pipeline import contrast_wording, stages

DESK = sorted(f for f in (PROJECT / "pipeline" / "desk").rglob("*") if f.suffix in (".py", ".html", ".js", ".txt"))
PICTURE = yaml.safe_load((PROJECT / "dvc.yaml").read_text(encoding="utf-8"))["stages"]
WORDS = re.compile(r"what.?if|inquir|contrasts|counterfactual", re.IGNORECASE)


def test_the_desk_has_no_route_template_or_text_for_a_what_if():
    assert len(DESK) > 40
    assert {f.name for f in DESK if WORDS.search(f.read_text(encoding="utf-8"))} == set()


def test_every_route_of_the_desk_is_known_not_to_be_one():
    tree = ast.parse((PROJECT / "pipeline" / "desk" / "urls.py").read_text(encoding="utf-8"))
    routes = [n.args[0].value for n in ast.walk(tree) if isinstance(n, ast.Call) and ast.unparse(n.func) == "path"]
    assert len(routes) > 20
    assert not any(WORDS.search(r) for r in routes)


@pytest.mark.parametrize("stage", ["lists", "visits", "report", "publish"])
def test_no_stage_that_people_read_imports_or_reads_what_auditors_ask(stage):
    held = set(PICTURE[stage]["deps"])
    assert not held & {"pipeline/inquiries.py", "pipeline/contrasts.py", "pipeline/contrast_wording.py"}
    assert not any(d.startswith(stages.OPINIONS) for d in held)


def test_the_warning_says_no_advice_and_no_effect_in_both_languages():
    warning = contrast_wording.WARNINGS["whatif"]
    assert "no advice and no effect" in warning.en
    assert "bukan anjuran dan bukan akibat" in warning.id
