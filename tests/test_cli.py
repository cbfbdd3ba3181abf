"""The command line in processes of its own: exit status, what is told, and that nothing is half done."""

import subprocess
import sys

import ibis
import pyarrow.parquet as pq
import pytest
import yaml
from studies import PROJECT, command, hashes, run, study, table
from typer.testing import CliRunner

from pipeline import __main__ as shell
from pipeline import stages
from pipeline.errors import BadInput

TINY = {"simulate": {"families": 300}, "study": {"first_as_of": "2024-12-31"}}
MOST_LINES = 8


@pytest.fixture(scope="module")
def ingested(tmp_path_factory, engine):
    """A small simulated extract, taken in."""
    home = run(study(tmp_path_factory.mktemp("tiny"), TINY), "simulate", "source", "ingest", "cohort")
    yield home
    ibis.set_backend(engine)


def refused(done, *told):
    """Exit status 2 and a few lines that tell where and what; no traceback."""
    lines = done.stderr.strip().splitlines()
    assert done.returncode == 2, done.stderr
    assert "Traceback" not in done.stderr
    assert 1 <= len(lines) <= MOST_LINES
    assert done.stdout == ""
    for words in told:
        assert words in done.stderr
    return done.stderr


def test_help_tells_every_command():
    done = command("--help")
    assert done.returncode == 0
    for name in (*stages.STAGES, "all", "sql", "worlds", "where", "promote", "--configs", "--home", "--world"):
        assert name in done.stdout


@pytest.mark.parametrize("name", [*stages.STAGES, "all", "sql", "worlds", "where", "promote"])
def test_help_of_every_command(name):
    """In this process: it is the same application, and twenty starts would take a minute."""
    done = CliRunner().invoke(shell.app, [name, "--help"])
    assert done.exit_code == 0
    assert f" {name} " in done.output
    told = (stages.STAGES[name].__doc__ or "").split(":")[0] if name in stages.STAGES else name
    assert " ".join(told.split())[:40] in " ".join(done.output.split())


def test_an_unknown_stage_is_refused_by_name():
    done = command("gradate")
    assert done.returncode == 2
    assert "gradate" in done.stderr
    assert "Traceback" not in done.stderr


def test_an_unknown_key_is_refused_by_file_and_name(tmp_path):
    refused(
        command("simulate", home=study(tmp_path, {"simulate": {"famillies": 12}}).root), "simulate.yaml", "famillies"
    )
    assert [p.name for p in (tmp_path / "data").iterdir()] == [".lock"]


def test_a_missing_extract_is_told_with_the_setting(tmp_path):
    home = study(tmp_path, {"source": {"path": "data/nowhere"}})
    refused(command("source", home=home.root), "data/nowhere", "configs/source.yaml")
    assert not home.path(stages.SOURCE).exists()


def test_a_configs_folder_that_is_none_is_refused(tmp_path):
    refused(command("--configs", str(tmp_path / "none"), "source"), "--configs", "no such folder")


def test_a_stage_before_its_inputs_tells_what_to_run(tmp_path):
    refused(command("train", home=study(tmp_path, {}).root), "not there yet", "dvc repro")


def test_where_before_a_run_is_refused(tmp_path):
    refused(command("where", home=study(tmp_path, {}).root), "not there yet", "dvc repro")


def test_a_spoilt_extract_leaves_what_was_there(ingested, tmp_path):
    """First every family without a village, so that nothing is left to accept; then a file that was cut short."""
    before = hashes(ingested, stages.CANONICAL, stages.QUARANTINE, stages.IDENTITY)
    names = table(ingested, "data/simulated/kpm.parquet")["caretaker_name"].to_pylist()
    sound = {part: part.read_bytes() for part in sorted(ingested.path("data/simulated/kpm.parquet").iterdir())}
    try:
        for part in sound:
            kpm = pq.read_table(part)
            at = kpm.schema.get_field_index("village_code")
            pq.write_table(kpm.set_column(at, "village_code", [["?"] * kpm.num_rows]), part)
        text = refused(command("ingest", home=ingested.root), "kpm", "village_code")
        assert not any(name in text for name in names if name)
        restore(sound)
        last, content = list(sound.items())[-1]
        last.write_bytes(content[: len(content) // 2])
        refused(command("ingest", home=ingested.root), f"kpm.parquet/{last.name}")
    finally:
        restore(sound)
    assert hashes(ingested, stages.CANONICAL, stages.QUARANTINE, stages.IDENTITY) == before
    assert [p.name for p in ingested.path("data").rglob("*.part")] == []
    assert list(ingested.path(stages.SCRATCH).iterdir()) == []


def restore(sound):
    for part, content in sound.items():
        part.write_bytes(content)


def test_sql_prints_the_statement_of_a_feature(ingested):
    done = command("sql", "cases_home_visit_12m", home=ingested.root)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("-- cases_home_visit_12m\n")
    assert "SELECT" in done.stdout
    assert "recorded_on" in done.stdout
    assert str(ingested.root) not in done.stdout


def test_sql_of_no_feature_is_refused(ingested):
    refused(command("sql", "nonsense", home=ingested.root), "nonsense", "dictionary.csv")


def test_our_own_errors_are_no_bad_input(monkeypatch):
    """What a user cannot cause keeps its traceback and ends with 1, which Python does for an error nobody catches."""
    monkeypatch.setattr(shell, "app", fail_with(ArithmeticError("ours")))
    with pytest.raises(ArithmeticError, match="ours"):
        shell.main()


def test_bad_input_ends_with_two(monkeypatch, capsys):
    monkeypatch.setattr(shell, "app", fail_with(BadInput("file [a]: row 3", "mend it")))
    with pytest.raises(SystemExit) as ended:
        shell.main()
    assert ended.value.code == 2
    assert capsys.readouterr().err == "file [a]: row 3\nmend it\n"


def fail_with(error):
    def app():
        raise error

    return app


def test_a_section_of_a_study_takes_the_place_of_the_whole_one(tmp_path):
    """No value is merged in silently: what is left out is asked for."""
    (tmp_path / "configs").mkdir()
    (tmp_path / "configs" / "engine.yaml").write_text(yaml.safe_dump({"engine": "duckdb"}))
    refused(command("cohort", home=tmp_path), "engine.yaml", "threads", "memory_limit")


def test_what_the_machine_refuses_has_a_status_of_its_own_and_a_way_out(ingested):
    """No file may grow: not even the one that says who runs here."""
    home = ingested.root
    line = [sys.executable, "-m", "pipeline", "--home", str(home), "--configs", str(home / "configs"), "cohort"]
    before = hashes(ingested, "data")
    limited = ["sh", "-c", 'ulimit -f 0; exec "$@"', "sh", *line]
    done = subprocess.run(limited, capture_output=True, text=True, check=False, cwd=PROJECT)
    assert done.returncode == 4, done.stderr
    assert done.stderr.splitlines()[0] == f"{home / 'data' / '.lock'}: File too large"
    assert "run the same command again" in done.stderr
    assert hashes(ingested, "data") | {"data/.lock": ""} == before | {"data/.lock": ""}


def test_what_runs_when_nothing_changed_starts_without_the_tables(ingested):
    """`source` and `lineage` run every time: what they import, everybody waits for."""
    home = ingested.root
    line = f"['pipeline', '--home', {str(home)!r}, '--configs', {str(home / 'configs')!r}, 'source']"
    code = (
        f"import sys; import pipeline.stages, pipeline.lineage, pipeline.provenance; sys.argv = {line};"
        "from pipeline.__main__ import app; app(standalone_mode=False);"
        "print(*sorted({m.split('.')[0] for m in sys.modules}))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=PROJECT)
    loaded = set(done.stdout.split())
    assert "yaml" in loaded
    assert not loaded & {"pandas", "numpy", "pyarrow", "ibis", "duckdb"}
