"""The nine stories run on the small run from their first cell to their last, say what they show, and define nothing."""

import ast
import base64
import inspect
import re
import shlex

import jupytext
import pandas as pd
import pytest
import typer
import yaml
from dvc.cli.parser import get_main_parser
from studies import PROJECT, table

from notebooks import __main__ as notebooks
from pipeline import __main__ as shell
from pipeline import fairness_figures, figures, runs, stages
from pipeline.tables import TABLES

STORIES = notebooks.stories()
HEADER = """# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # """
DEFINITIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
PICTURES = {"figures": figures, "fairness_figures": fairness_figures}
PERSONAL = {c.name for t in TABLES.values() for c in t.columns() if c.pii}
# Categories that name a mistake of ours; those about libraries' own futures have their list in pyproject.toml.
AS_ERRORS = ",".join(f"error::{c}" for c in ("UserWarning", "FutureWarning", "RuntimeWarning", "SyntaxWarning"))
WORDS_A_MINUTE, LINES_A_MINUTE = 200, 20  # as people read prose, and short code that is explained beside it
SPOKEN = {"Six": 6, "Seven": 7, "Eight": 8, "Nine": 9}


def cells(story, kind):
    return [c.source for c in jupytext.read(story).cells if c.cell_type == kind]


def code(story):
    """What stands in the code cells, as one syntax tree."""
    return ast.parse("\n".join(cells(story, "code")))


@pytest.fixture(scope="module")
def home(small_run, eph_run, tmp_path_factory):
    """The small run with the EPH run where `make eph` leaves it; links, so that neither is written to by the other."""
    root = tmp_path_factory.mktemp("stories")
    for entry in small_run.root.iterdir():
        (root / entry.name).symlink_to(entry)
    (root / "build").mkdir()
    (root / "build" / "eph").symlink_to(eph_run.root)
    return root


@pytest.fixture(scope="module", params=STORIES)
def told(request, home):
    """A story by name and what it is with its outputs; run once for all that is asked of it."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(runs.VARIABLE, str(home))
        patch.setenv("PYTHONWARNINGS", AS_ERRORS)
        return request.param, notebooks.executed(STORIES[request.param])


def outputs(notebook):
    return [output for cell in notebook.cells for output in cell.get("outputs", [])]


def texts(notebook):
    """All that is shown but pictures."""
    shown = [o.get("text", "") for o in outputs(notebook)]
    return "\n".join(shown + [v for o in outputs(notebook) for k, v in o.get("data", {}).items() if k != "image/png"])


class TestOutputs:
    def test_a_story_ends_and_warns_of_nothing(self, told):
        _, notebook = told
        assert [o.text for o in outputs(notebook) if o.output_type == "stream" and o.name == "stderr"] == []
        counts = [c.execution_count for c in notebook.cells if c.cell_type == "code"]
        assert counts == list(range(1, len(counts) + 1))

    def test_it_says_first_whether_families_are_real(self, told):
        name, notebook = told
        first = next(c for c in notebook.cells if c.cell_type == "code")
        mark = "Real data" if name.startswith("9-") else "SIMULATED DATA"
        assert mark in first.outputs[0]["data"]["text/markdown"]

    def test_it_shows_no_person(self, told, small_run):
        _, notebook = told
        shown = texts(notebook)
        assert set(re.findall(r"\w+", shown)) & PERSONAL == set()
        kpm, members = (table(small_run, f"{stages.SIMULATED}/{t}.parquet").to_pandas() for t in ("kpm", "members"))
        numbers = set(pd.concat([kpm["caretaker_nik"], kpm["family_card_no"], members["nik"]]).dropna())
        assert set(re.findall(r"(?<!\d)\d{15,16}(?!\d)", shown)) & numbers == set()
        assert [n for n in kpm["caretaker_name"].dropna().unique()[:200] if " " in n and n in shown] == []

    def test_every_picture_is_one(self, told):
        name, notebook = told
        drawn = [
            base64.b64decode(o["data"]["image/png"]) for o in outputs(notebook) if "image/png" in o.get("data", {})
        ]
        assert len(drawn) == sum("Image(" in source for source in cells(STORIES[name], "code"))
        assert all(png.startswith(b"\x89PNG") and len(png) > 5_000 for png in drawn)


@pytest.mark.parametrize("name", STORIES)
class TestText:
    def test_paired_text_with_the_smallest_header_and_no_output(self, name):
        text = STORIES[name].read_text(encoding="utf-8")
        number, title = name.split("-")[0], text.removeprefix(HEADER).splitlines()[0]
        assert text.startswith(HEADER)
        assert title.startswith(f"{number}. ")
        read = jupytext.reads(text, fmt="py:percent")
        again = jupytext.reads(jupytext.writes(read, fmt="py:percent"), fmt="py:percent")
        assert [c.source for c in again.cells] == [c.source for c in read.cells]
        assert not any(c.get("outputs") for c in read.cells)

    def test_nothing_is_defined(self, name):
        assert [n.name for n in ast.walk(code(STORIES[name])) if isinstance(n, DEFINITIONS)] == []

    def test_every_picture_is_told_whether_it_is_simulated(self, name):
        for call in (n for n in ast.walk(code(STORIES[name])) if isinstance(n, ast.Call)):
            where, _, function = ast.unparse(call.func).partition(".")
            known = getattr(PICTURES.get(where), function, None)
            if known is not None and "simulated" in (wanted := inspect.signature(known)).parameters:
                given = wanted.bind(*call.args, **{k.arg: k.value for k in call.keywords}).arguments["simulated"]
                assert ast.unparse(given) in ("simulated", "told['simulated']")

    def test_under_ten_minutes(self, name):
        prose = " ".join(cells(STORIES[name], "markdown"))
        lines = sum(len(source.splitlines()) for source in cells(STORIES[name], "code"))
        minutes = len(prose.split()) / WORDS_A_MINUTE + lines / LINES_A_MINUTE
        said = SPOKEN[re.search(r"(\w+) minutes", prose).group(1)]
        assert minutes <= said < 10, f"{minutes:.1f}"

    def test_prose_holds_no_figure_of_a_run(self, name):
        """Percentages, rupiah, family numbers and days come from the run; K000000001 stands for any family."""
        prose = " ".join(cells(STORIES[name], "markdown")).replace("K000000001", "")
        assert re.findall(r"\d ?%|Rp ?\d|\bK\d{9}|\d{4}-\d\d-\d\d", prose) == []

    def test_commands_exist(self, name):
        prose = "\n".join(cells(STORIES[name], "markdown"))
        lines = re.findall(r"^((?:dvc|python|make) .+)$", prose, re.MULTILINE)
        for line in lines + re.findall(r"`((?:dvc|python -m|make) [^`]+)`", prose):
            check(shlex.split(line))

    def test_links_and_files_named_are_there(self, name):
        prose = "\n".join(cells(STORIES[name], "markdown"))
        for link in re.findall(r"\]\(([^)]+)\)", prose):
            assert (notebooks.FOLDER / link).is_file(), link
        for path in re.findall(r"`((?:docs|pipeline|configs)/[^`]+)`", prose):
            assert (PROJECT / path).exists(), path


def check(words):
    """Raises where the command could not be run as it stands."""
    if words[0] == "make":
        assert re.search(rf"^{words[1]}:", (PROJECT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE), words
    elif words[0] == "dvc":
        asked = get_main_parser().parse_args(words[1:])
        for change in getattr(asked, "set_param", None) or []:
            section, _, key = change.partition("=")[0].partition(":")
            assert key in yaml.safe_load((PROJECT / section).read_text(encoding="utf-8"))
    else:
        assert words[:3] == ["python", "-m", "pipeline"]
        program = typer.main.get_command(shell.app)
        context = program.make_context("pipeline", words[3:], resilient_parsing=False)
        rest = [*context._protected_args, *context.args]
        program.resolve_command(context, rest)


@pytest.mark.parametrize(
    "line", ["make nonsense", "dvc exp run -S configs/train.yaml:twigs=2", "python -m pipeline sing"]
)
def test_a_wrong_command_is_found(line):
    with pytest.raises((AssertionError, typer.BadParameter.__mro__[1])):
        check(shlex.split(line))


def test_nine_stories_stand_in_the_table_of_contents_in_order():
    linked = re.findall(r"^\| \[(\d) .*?\]\(([^)]+)\)", (notebooks.FOLDER / "README.md").read_text(), re.MULTILINE)
    assert linked == [(str(n), f"{name}.py") for n, name in enumerate(STORIES, start=1)]
    assert len(linked) == 9


def test_notebooks_with_outputs_stay_out_of_git():
    assert "/notebooks/*.ipynb" in (PROJECT / ".gitignore").read_text(encoding="utf-8").splitlines()


class TestRunning:
    def test_stories_are_chosen_by_name_or_number(self):
        assert notebooks.chosen([]) == list(STORIES.values())
        assert [s.stem for s in notebooks.chosen(["5", "1-clocks", "5-shap"])] == ["5-shap", "1-clocks"]

    def test_an_unknown_story_is_told_with_those_that_are(self, capsys):
        with pytest.raises(SystemExit) as ended:
            notebooks.main(["10"])
        assert ended.value.code == 2
        assert "10: no such story" in capsys.readouterr().err

    @pytest.mark.parametrize(
        ("raised", "status"), [("ValueError('so\\nit is')", 1), ("BadInput('nothing here', 'run it')", 2)]
    )
    def test_a_story_that_fails_is_one_line_and_leaves_nothing(self, tmp_path, capsys, raised, status):
        story = tmp_path / "1-broken.py"
        story.write_text(f"{HEADER}1.\n\n# %%\nfrom pipeline.errors import BadInput\n\n# %%\nraise {raised}\n")
        assert notebooks.run(story, tmp_path / "out") == status
        said = capsys.readouterr().err.strip()
        assert said.startswith(f"1-broken: cell 3: {raised.partition('(')[0]}: ")
        assert "\n" not in said
        assert not (tmp_path / "out").exists()

    def test_a_story_that_ends_is_written_with_its_outputs(self, tmp_path):
        story = tmp_path / "1-whole.py"
        story.write_text(f"{HEADER}1.\n\n# %%\nimport pipeline, os\nprint(6 * 7, os.getcwd())\n")
        assert notebooks.run(story, tmp_path) == 0
        (output,) = outputs(jupytext.read(tmp_path / "1-whole.ipynb"))
        assert output.text == f"42 {PROJECT}\n"

    def test_the_worst_status_is_the_answer_and_the_others_run(self, monkeypatch):
        asked = []
        statuses = {"1-clocks": 2, "2-graduation": 0, "3-features": 1}
        monkeypatch.setattr(notebooks, "run", lambda story, out: asked.append(story.stem) or statuses[story.stem])
        for names, status in ((["2"], 0), (["1", "2"], 2), (["1", "3", "2"], 1)):
            with pytest.raises(SystemExit) as ended:
                notebooks.main(names)
            assert ended.value.code == status
        assert asked[-1] == "2-graduation"
