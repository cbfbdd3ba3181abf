"""Lines of settings in a YAML file, by hand."""

import pytest
import yaml

from pipeline import artifacts, leaks, marks
from pipeline.errors import BadInput

TEXT = """# a comment
holds:
  pregnancy:
    rule:
      source: us
      all:
        - {feature: pregnant, operator: ">="}
        - feature: members
          operator: "=="
  none: {}
3: last
"""


@pytest.mark.parametrize(
    ("keys", "expected"),
    [
        ((), 1),
        (("holds",), 2),
        (("holds", "pregnancy"), 3),
        (("holds", "pregnancy", "rule", "source"), 5),
        (("holds", "pregnancy", "rule", "all", "0"), 7),
        (("holds", "pregnancy", "rule", "all", "0", "operator"), 7),
        (("holds", "pregnancy", "rule", "all", "1"), 8),
        (("holds", "pregnancy", "rule", "all", "1", "operator"), 9),
        (("holds", "none"), 10),
        (("3",), 11),
    ],
)
def test_the_line_of_a_key(keys, expected):
    assert marks.lines(TEXT)[keys] == marks.line(TEXT, keys) == expected


@pytest.mark.parametrize(
    ("keys", "expected"),
    [
        (("holds", "pregnancy", "rule", "id"), 4),  # a key that is missing: the rule that should have it
        (("holds", "pregnancy", "rule", "all", "0", "value"), 7),
        (("nothing", "of", "this"), 1),
    ],
)
def test_what_is_missing_is_told_by_what_should_hold_it(keys, expected):
    assert keys not in marks.lines(TEXT)
    assert marks.line(TEXT, keys) == expected


def test_an_empty_file_has_its_first_line_alone():
    assert marks.lines("# nothing\n") == {(): 1}
    with pytest.raises(yaml.YAMLError):
        marks.lines("a: [1\n")


def test_the_lines_are_of_what_the_settings_were_read_as(tmp_path):
    """`1?` in brackets is the text `1?` to one of PyYAML's parsers and an error to the other; a mutation found it."""
    (tmp_path / "leaks.yaml").write_text("min_entries: 1\nmax_auc: {is: 1?}\n", encoding="utf-8")
    with pytest.raises(BadInput, match=r"leaks\.yaml: max_auc: .* \(line 2\)"):
        artifacts.Home(tmp_path, (tmp_path,)).load(leaks.Config, "leaks")
