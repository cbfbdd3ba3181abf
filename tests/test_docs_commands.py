"""Every command that README and the pages of docs/, notebooks/ and benchmarks/ tell is one that works.

Commands are the lines of fenced blocks without a language (or `sh`), and inline code that begins with a program of
PROGRAMS. Each is held against the real command line; one that no rule knows fails. Inline code may name a command of
the pipeline without the arguments that it needs.

- Executed here, on the small run: `python -m pipeline` with sql, worlds, where, lifecycle, differ, moved, whatif,
  promote and audit. Stages, and `all` of them, were executed to make the small run (conftest.py); `make run` and
  `make eph` by .ci/run; `national` by tests/test_route.py; `tune` by tests/test_tune.py; `python -m docs` by
  tests/test_docs.py; `python -m notebooks` by tests/test_notebooks.py; the desk's commands by tests/desk/.
- Only parsed, with command, options and values: `python -m benchmarks.*` (minutes to hours), `dvc ...` (with the key
  of every -S looked up in its file), the desk's. `make X` is run with `-n`: the target exists and all it hangs on.
"""

import argparse
import importlib
import re
import shlex
import shutil
import subprocess

import pytest
import typer
import yaml
from dvc.cli.parser import DvcParserError, get_main_parser
from studies import PROJECT, command, table
from typer.testing import CliRunner

from docs.__main__ import app as site
from pipeline import __main__ as shell
from pipeline import stages
from pipeline.desk import commands as desk

PAGES = sorted(
    [*(PROJECT / "docs").glob("*.md"), *(PROJECT / n / "README.md" for n in (".", "notebooks", "benchmarks"))]
)
PROGRAMS = ("python ", "make ", "dvc ", "pip ", "export ", "mlflow ", "git ", "curl ")
BLOCK = re.compile(r"^( *)```(\S*)\n(.*?)^\1```", re.MULTILINE | re.DOTALL)
INLINE = re.compile(r"`([^`\n]+(?:\n[^`\n]+)?)`")
COMMANDS_IN = ("", "sh", "bash", "console")
FILLED = {"N": "1000", "D": "4", "STAGE": "lists", "FEATURE": "caretaker_age", "ID": "K000000001"}
NAMED = re.compile(r"python -m pipeline [a-z]+( [a-z]+)?")
FAMILY = re.compile(r"K\d{9}|\bKPM_ID\b|\bID\b")
EXECUTED = ("sql", "worlds", "where", "lifecycle", "differ", "moved", "whatif", "promote", "audit")
USAGE = typer.BadParameter.__mro__[1]  # UsageError: where Typer keeps it is its own affair
WRONG = (AssertionError, USAGE, DvcParserError, SystemExit)


def told(text):
    """The commands of a page, each on one line, comments and continuation marks gone."""
    found = []
    for _, language, block in BLOCK.findall(text):
        if language in COMMANDS_IN:
            lines = re.sub(r"\\\n\s*", "", block).splitlines()
            found += [re.sub(r"\s+#.*", "", line).strip() for line in lines if line.strip()]
    for code in INLINE.findall(BLOCK.sub("", text)):
        one = " ".join(code.split())
        if one.startswith(PROGRAMS) and one.split()[1:]:
            found.append(f"{one} --help" if NAMED.fullmatch(one) and lacks_arguments(one) else one)
    return found


def lacks_arguments(line):
    """Whether a sentence only names a command, which needs arguments to be run."""
    try:
        check(line)
    except USAGE as error:
        return type(error).__name__ == "MissingParameter"
    return False


def alternatives(line):
    """Brackets tell what may be left out, `a|b` what is chosen from: everything given, the first choice."""
    words = line.replace("[", "").replace("]", "").split()
    return " ".join(w.split("|")[0] if "|" in w and "'" not in w else w for w in words)


def words_of(line):
    """The words of a command without settings of the environment, redirections and dots that stand for more."""
    words = [FILLED.get(w, w) for w in shlex.split(line.replace(".NAME", ".years"))]
    while re.fullmatch(r"[A-Z_]+=.*", words[0]):
        words = words[1:]
    kept = words[: words.index(">")] if ">" in words else words
    return [w for w in kept if w not in ("...",) or kept[kept.index(w) - 1].startswith("--")]


def check(line):
    """Raises where the command could not be run as it stands."""
    words = words_of(line)
    program, rest = words[0], words[1:]
    if program == "python" and rest[:1] == ["-m"]:
        check_module(rest[1], rest[2:])
    elif program in RULES:
        RULES[program](rest)
    else:
        raise AssertionError(f"no rule knows what {program} is")


def check_module(module, words):
    if module == "pipeline":
        parse(typer.main.get_command(shell.app), words)
    elif module == "pipeline.desk":
        desk_parser().parse_args(words)
    elif module == "docs":
        parse(typer.main.get_command(site), words)
    elif module == "notebooks":
        assert all(list((PROJECT / "notebooks").glob(f"{w}*.py")) for w in words if not w.startswith("-"))
    elif module == "pytest":
        assert all((PROJECT / w.split("::")[0]).exists() for w in words if not w.startswith("-"))
    elif module == "tests.wiring":
        assert (PROJECT / "tests" / "wiring.py").exists()
        assert words == []
    elif module.split(".")[0] == "benchmarks":
        check_benchmark(module, words)
    else:
        raise AssertionError(f"no rule knows the module {module}")


def parse(program, words, parent=None, name="python -m"):
    """Options and arguments of the command and of the one below it, without running either; of help, whose it is."""
    group = hasattr(program, "resolve_command")
    if words[-1:] == ["--help"] and (not group or len(words) == 1):
        return
    context = program.make_context(name, list(words), parent=parent, resilient_parsing=False)
    rest = [*context._protected_args, *context.args]
    if group and (rest or not program.invoke_without_command):
        below, found, left = program.resolve_command(context, rest)
        parse(found, left, context, below)


def check_benchmark(module, words):
    assert importlib.util.find_spec(module), module
    if module == "benchmarks.desk":  # argparse, inside its main
        assert all(f'"{w}"' in (PROJECT / "benchmarks" / "desk.py").read_text() for w in words if w.startswith("--"))
        return
    program = importlib.import_module("benchmarks.__main__" if module == "benchmarks" else module)
    app = typer.Typer(add_completion=False)
    app.command()(program.main)
    if words:
        parse(typer.main.get_command(app), words)


def desk_parser():
    """The desk's own table of commands, without Django."""
    parser = argparse.ArgumentParser(prog="python -m pipeline.desk")
    below = parser.add_subparsers(dest="command", required=True)
    for name in desk.COMMANDS:
        one = below.add_parser(name)
        for argument, more in desk.ARGUMENTS.get(name, {}).items():
            one.add_argument(argument, **more)
    return parser


def check_make(words):
    done = subprocess.run(["make", "-n", *words], cwd=PROJECT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def check_dvc(words):
    asked = get_main_parser().parse_args(words)
    for change in getattr(asked, "set_param", None) or []:
        file, _, key = change.partition("=")[0].partition(":")
        values = yaml.safe_load((PROJECT / file).read_text(encoding="utf-8"))
        assert key.split(".")[0] in values, change


def check_pip(words):
    assert words[0] == "install"
    assert all((PROJECT / w).is_file() for w in words if w.startswith("requirements"))


def check_export(words):
    assert all(re.fullmatch(r"[A-Z_]+=.+", w) for w in words)


RULES = {"make": check_make, "dvc": check_dvc, "pip": check_pip, "export": check_export}


def cases():
    """Every command told, once."""
    return list(dict.fromkeys(alternatives(one) for page in PAGES for one in told(page.read_text(encoding="utf-8"))))


CASES = cases()


@pytest.mark.parametrize("line", CASES)
def test_a_told_command_exists(line):
    check(line)


@pytest.mark.parametrize(
    "line",
    [
        "frobnicate --all", "python -m nothing", "python -m pipeline gradate", "python -m pipeline lists --colour red",
        "python -m pipeline audit replay", "python -m pipeline differ K000000001", "make nonsense",
        "dvc exp walk", "dvc exp run -S configs/train.yaml:twigs=2", "python -m benchmarks.nowhere",
        "python -m benchmarks.years --planets 3", "python -m pipeline.desk sing", "pip install -r requirements-none.in",
        "python -m docs poem", "python -m pytest tests/test_none.py", "python -m notebooks 99",
    ],
)  # fmt: skip
def test_a_wrong_command_is_found(line):
    with pytest.raises(WRONG):
        check(line)


def test_commands_are_found_wherever_a_page_tells_them():
    page = "See `make run` and `data/x`.\n\n1. do\n\n   ```\n   A=b python -m pipeline \\\n     lists  # now\n   ```\n"
    page += "```yaml\nmake: no\n```\n"
    page += "`python -m pipeline moved` and `python -m pipeline worlds`"
    names = ["python -m pipeline moved --help", "python -m pipeline worlds"]
    assert told(page) == ["A=b python -m pipeline lists", "make run", *names]
    assert len(CASES) > 60


# ------------------------------------------------------------------ executed


def executed():
    """What of the commands is run here: not what made the small run or its evidence."""
    mine = {c: words_of(c)[3:] for c in CASES if words_of(c)[:3] == ["python", "-m", "pipeline"]}
    chosen = [c for c, w in mine.items() if w and w[0] in EXECUTED and "--help" not in w]
    in_the_fixtures = (["lifecycle"], ["audit", "bundle"])
    return [c for c in chosen if mine[c] not in in_the_fixtures]


@pytest.fixture(scope="module")
def copied(small_run, tmp_path_factory):
    """A copy of the small run, with the evidence that the auditor's commands read and two of its listed families."""
    root = tmp_path_factory.mktemp("told") / "home"
    shutil.copytree(small_run.root, root)
    status, output = spoken(root, "audit", "bundle")
    assert status == 0, output
    scores = table(small_run, stages.SCORES).to_pandas()
    return root, list(scores["kpm_id"][:2])


def spoken(root, *words):
    """Exit status and output. `promote` in a process of its own: MLflow keeps state, and its store warns."""
    if words[0] == "promote":
        done = command(*words, home=root)
        return done.returncode, done.stdout or done.stderr
    given = ["--home", str(root), "--configs", str(root / "configs"), *words]
    result = CliRunner().invoke(shell.app, given, catch_exceptions=False)
    return result.exit_code, result.output


@pytest.mark.parametrize("line", executed())
def test_a_told_command_does_what_it_says(line, copied, tmp_path, engine):
    root, families = copied
    names = iter([*families, *families])
    asked = FAMILY.sub(lambda _: next(names), line.replace("build/earlier", "FOLDER"))
    swaps = {
        "data/evidence": root / "data/evidence", "build/questions": tmp_path / "questions", "OUT": tmp_path / "out",
        "feature=value": "caretaker_age=39", "PREVIOUS.head.json": root / "data/evidence.head.json",
        "PUB": root / "data/evidence/public_key.pem",
    }  # fmt: skip
    words = [str(swaps.get(w, w)) for w in words_of(asked)[3:]]
    folder = root if "moved" in words else (tmp_path / "bundle" if "bundle" in words else root / "data/evidence")
    status, output = spoken(root, *(str(folder) if w == "FOLDER" else w for w in words))
    if words[0] == "promote":  # the first run is the champion itself; tests/test_tracking.py promotes a challenger
        assert (status, "no challenger is registered" in output) == (2, True), output
    else:
        assert status == 0, output
        assert output.strip()
