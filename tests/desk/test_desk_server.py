"""The desk as a program: commands, secrets, back-up, simultaneous decisions, and all of it on a real PostgreSQL."""

import json
import os
import socket
import stat
import subprocess
import sys
from pathlib import Path
from urllib.parse import urlsplit

import browsers
import homes
import postgres
import pytest

from pipeline.desk import options
from pipeline.errors import BadInput

HERE = Path(__file__).parent


def program(root, name, *arguments, **more):
    done = subprocess.run(
        [sys.executable, "-W", "error", str(HERE / name), *map(str, arguments)], cwd=homes.PROJECT,
        env=homes.environment(root, **more), capture_output=True, text=True, timeout=300,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]
    return done.stdout


@pytest.fixture
def home(tmp_path):
    return homes.make(tmp_path / "home")


def test_the_first_steps_as_make_desk_takes_them(home):
    assert "bundle 1 as of 2025-06-30 is shown: 60 families" in homes.run(home, "load").stdout
    assert homes.run(home, "load", "--again-is-fine").returncode == 0
    refused = homes.run(home, "load")
    assert (refused.returncode, "Traceback" in refused.stderr) == (2, False)
    asked = homes.run(home, "administrator")
    assert asked.returncode == 2, "no terminal, no administrator: nothing is made up"
    weak = homes.run(home, "administrator", "--stdin", given="root\npassword\npassword\n")
    assert weak.returncode == 2
    good = homes.run(home, "administrator", "--stdin", given=f"root\n{homes.PASSWORD}\n{homes.PASSWORD}\n")
    assert good.returncode == 0, good.stderr
    assert homes.run(home, "administrator").returncode == 0, "there is one"
    assert "lines hold" in homes.run(home, "verify").stdout


def test_secrets_and_the_database_are_for_their_owner_alone(home):
    homes.run(home, "load")
    homes.run(home, "head")
    for name in ("secret_key", "log_key.pem", "desk.sqlite3"):
        assert stat.S_IMODE((home / "data" / "desk" / name).stat().st_mode) == 0o600, name
    assert stat.S_IMODE((home / "data" / "desk" / "uploads").stat().st_mode) == 0o700
    (home / "data" / "desk" / "secret_key").chmod(0o644)
    spoilt = homes.run(home, "verify")
    assert (spoilt.returncode, "chmod 600" in spoilt.stderr) == (2, True)


def test_two_desks_have_two_secrets(tmp_path):
    found = set()
    for name in ("a", "b"):
        homes.run(homes.make(tmp_path / name), "migrate")
        found.add((tmp_path / name / "data" / "desk" / "secret_key").read_text())
    assert len(found) == 2
    assert min(map(len, found)) >= 64


def test_the_check_of_a_deployment_is_clean_behind_tls_and_tells_without(tmp_path):
    assert homes.run(homes.make(tmp_path / "a", https="true"), "check").returncode == 0
    plain = homes.run(homes.make(tmp_path / "b"), "check")
    assert (plain.returncode, "SECURE_SSL_REDIRECT" in plain.stderr) == (2, True)


def test_without_tls_only_this_machine_is_served(home):
    homes.run(home, "migrate")
    refused = homes.run(home, "serve", "--listen", "0.0.0.0")
    assert (refused.returncode, "127.0.0.1" in refused.stderr) == (2, True)


def test_no_request_is_larger_than_the_largest_file_with_its_form(home):
    """A body that is too large is refused by the server in front, before a byte of it is kept."""
    with browsers.serving(home) as address, socket.create_connection(urlsplit(address).netloc.split(":")) as line:
        line.sendall(b"POST /login/ HTTP/1.1\r\nHost: localhost\r\nContent-Length: %d\r\n\r\n" % (22 * 1024 * 1024))
        assert line.recv(200).startswith(b"HTTP/1.1 413")


@pytest.mark.parametrize(("changes", "told"), [
    ({"port": '"x"'}, "port"), ({"idle_minutes": "0"}, "idle_minutes"), ({"language": '"fr"'}, "language"),
    ({"stranger": "1"}, "stranger"), ({"database": '"mysql://x/y"'}, "neither"), ({"https": '"yes"'}, "https"),
])  # fmt: skip
def test_bad_configuration_is_told_with_the_key(tmp_path, changes, told):
    done = homes.run(homes.make(tmp_path / "home", **changes), "migrate")
    assert (done.returncode, told in done.stderr, "Traceback" in done.stderr) == (2, True, False), done.stderr


def test_a_missing_key_is_told(home):
    file = home / options.FILE
    file.write_text("\n".join(line for line in file.read_text().splitlines() if not line.startswith("port")))
    with pytest.raises(BadInput, match="port: is missing"):
        options.read(home)


def test_a_back_up_comes_back_with_every_decision(home):
    homes.run(home, "load")
    program(home, "homes.py")
    program(home, "rivals.py", 3, 1, 2)
    copy = home / "copy.sqlite3"
    assert homes.run(home, "backup", str(copy)).returncode == 0
    assert stat.S_IMODE(copy.stat().st_mode) == 0o600
    before = homes.run(home, "verify").stdout
    assert homes.run(home, "restore", str(copy)).returncode == 2, "nothing is overwritten"
    for file in (home / "data" / "desk").glob("desk.sqlite3*"):
        file.unlink()
    assert homes.run(home, "restore", str(copy)).returncode == 0
    assert homes.run(home, "verify").stdout == before
    copy.write_bytes(copy.read_bytes()[:4096] + b"\xff" * 8192 + copy.read_bytes()[12288:])
    (home / "data" / "desk" / "desk.sqlite3").unlink()
    refused = homes.run(home, "restore", str(copy))
    assert refused.returncode == 2
    assert "is damaged" in refused.stderr
    assert "Traceback" not in refused.stderr
    assert not (home / "data" / "desk" / "desk.sqlite3").exists()


def test_a_back_up_that_ends_half_way_leaves_no_file_that_looks_whole(home):
    homes.run(home, "load")
    database = home / "data" / "desk" / "desk.sqlite3"
    database.write_bytes(database.read_bytes()[: database.stat().st_size // 2])  # reading it fails on the way
    copy = home / "copy.sqlite3"
    assert homes.run(home, "backup", str(copy)).returncode != 0
    assert [p.name for p in home.iterdir() if "copy" in p.name] == []


def test_the_head_leaves_the_machine_and_finds_a_cut_log(home):
    import sqlite3

    homes.run(home, "load")
    program(home, "homes.py")
    head = home / "head.json"
    head.write_text(homes.run(home, "head").stdout)
    assert homes.run(home, "verify", "--head", str(head)).returncode == 0
    base = sqlite3.connect(home / "data" / "desk" / "desk.sqlite3")
    last = json.loads(head.read_text())["seq"]
    base.executescript(f"""DROP TRIGGER desk_entry_no_DELETE; DELETE FROM desk_entry WHERE seq = {last};
        UPDATE desk_head SET seq = {last - 1}, hash = (SELECT hash FROM desk_entry WHERE seq = {last - 1});""")
    base.close()
    assert homes.run(home, "verify").returncode == 0
    found = homes.run(home, "verify", "--head", str(head))
    assert (found.returncode, "was cut" in found.stderr) == (2, True)


def ask_rivals(root, **more):
    loaded = homes.run(root, "load", **more)
    assert loaded.returncode == 0, loaded.stderr[-3000:]
    program(root, "homes.py", **more)
    return json.loads(program(root, "rivals.py", 30, 6, 8, **more))


def nothing_is_lost(found):
    assert found["pairs"] == [["stale", "won"]] * 30
    assert found["pair_steps"] == 30
    assert found["written"] == [8] * 6
    assert found["steps"] == found["log_steps"] == found["versions"] == 30 + 48
    assert found["whole"]


def test_of_two_people_at_once_one_wins_and_nothing_is_lost(home):
    nothing_is_lost(ask_rivals(home))


@pytest.fixture(scope="module")
def server():
    with postgres.running() as running:
        yield running


def test_all_of_it_on_postgresql_by_one_setting(home, server):
    """Load, accounts, decisions at once, log, triggers, pages: the same as on SQLite."""
    password = server.add_role("desk", "CREATEDB")
    server.execute("GRANT ALL ON DATABASE pkh TO desk", "GRANT ALL ON SCHEMA public TO desk")
    setting = {"DESK_DATABASE": f"postgresql://desk@127.0.0.1:{server.port}/pkh", "PGPASSWORD": password}
    nothing_is_lost(ask_rivals(home, **setting))
    assert "lines hold" in homes.run(home, "verify", **setting).stdout
    assert not (home / "data" / "desk" / "desk.sqlite3").exists()
    told = program(home, "pages_answer.py", **setting)
    assert set(json.loads(told).values()) == {200}
    for table in ("desk_entry", "desk_step"):
        for statement in (f"UPDATE {table} SET round = 1" if table == "desk_step" else f"UPDATE {table} SET kind = 'x'",
                          f"DELETE FROM {table}", f"TRUNCATE {table} CASCADE"):  # fmt: skip
            with pytest.raises(Exception, match="append-only"):
                server.execute(statement)


def test_no_bytecode_of_the_model_is_needed(home):
    """The desk runs where neither model nor pipeline is installed: what it imports is in requirements-desk.in."""
    asked = {line.split("==")[0].split("[")[0].lower() for line in (homes.PROJECT / "requirements-desk.in").read_text().splitlines()
             if "==" in line}  # fmt: skip
    code = (
        "import sys, os; os.environ['DJANGO_SETTINGS_MODULE'] = 'pipeline.desk.settings'; import django; django.setup();"
        "import pipeline.desk.urls, pipeline.desk.commands, waitress; print(*sorted({m.split('.')[0] for m in sys.modules}))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        env=homes.environment(home),
        cwd=homes.PROJECT,
        capture_output=True,
        text=True,
        check=True,
    )
    loaded = set(done.stdout.split())
    assert not loaded & {"lightgbm", "mlflow", "dvc", "sklearn", "shap", "duckdb", "ibis", "pydantic", "typer"}
    assert {
        "django",
        "django-axes",
        "django-htmx",
        "argon2-cffi",
        "whitenoise",
        "waitress",
        "openpyxl",
        "xlsxwriter",
        "typst",
        "pyarrow",
        "cryptography",
    } <= asked
    assert os.environ.get("DESK_HOME")
