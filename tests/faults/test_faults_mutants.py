"""A changed operator is noticed by the tests, and one that is not is told with its line."""

import subprocess
import sys

import yaml

from benchmarks.faults import mutants

RESULTS = """    pipeline.asof.x_open_on__mutmut_1: killed
    pipeline.asof.x_open_on__mutmut_2: survived
    pipeline.asof.x_latest__mutmut_1: no tests
    pipeline.asof.x_known__mutmut_1: not checked
"""
DIFF = "--- pipeline/asof.py\n+++ pipeline/asof.py\n@@ -1 +1 @@\n def f():\n-    return a <= b\n+    return a < b\n"


def test_results_are_counted_and_what_no_test_reached_survived():
    found = list(mutants.read(RESULTS))
    assert [(m.function(), m.noticed()) for m in found] == [
        ("pipeline.asof.open_on", True), ("pipeline.asof.open_on", False), ("pipeline.asof.latest", False),
    ]  # fmt: skip
    assert mutants.Mutant("pipeline.rules.xǁReadingǁfirst__mutmut_4", "survived").function() == (
        "pipeline.rules.Reading.first"
    )
    group = mutants.Found("as-of joins", found, found[1:2])
    assert group.row() == "| as-of joins | 3 | 1 | 33.3% | 2 | 1 |"  # 1 / 3; two survived, one of them with a reason
    assert not group.enough()
    assert mutants.Found("as-of joins", found, []).enough()


def test_a_survivor_is_told_with_its_line_unless_it_has_a_reason(tmp_path):
    survivor = mutants.Mutant("pipeline.asof.x_open_on__mutmut_2", "survived", *mutants.changed(DIFF))
    assert survivor.line() == "survived: pipeline.asof.open_on: `return a <= b` became `return a < b`"
    reasons = tmp_path / "reasons.yaml"
    for told, left in (({}, 1), ({"pipeline.asof.open_on": {"return a < b": "why"}}, 0), ({"pipeline.asof.x": {}}, 1)):
        reasons.write_text(yaml.safe_dump(told))
        assert len(mutants.unexplained([survivor], reasons)) == left


def test_every_reason_is_of_a_function_and_a_line_that_are_there():
    told = yaml.safe_load(mutants.REASONS.read_text())
    sources = {s for paths, _ in mutants.GROUPS.values() for s in paths}
    for function, lines in told.items():
        (file,) = (s for s in sources if function.startswith(s.removesuffix(".py").replace("/", ".") + "."))
        name = function.rpartition(".")[2]
        assert f"def {name}(" in (mutants.PROJECT / file).read_text()
        assert all(len(reason) > 8 for reason in lines.values())


def test_the_tests_notice_when_a_closing_day_is_moved_by_one():
    line = [sys.executable, "-m", "benchmarks.faults.mutants", "--group", "as-of joins", "--only", "*x_open_on__*"]
    done = subprocess.run(line, cwd=mutants.PROJECT, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "| as-of joins | 2 | 2 | 100.0% | 0 | 0 |" in done.stdout, done.stdout
