"""Spoilt inputs, a few of each kind; `python -m benchmarks.faults.mutations` spoils a hundred thousand."""

import numpy as np
import pytest

from benchmarks.faults import mutations
from pipeline.errors import BadInput

CHEAP = [kind for kind in mutations.KINDS if "judged" not in kind]


@pytest.fixture(scope="module", params=CHEAP)
def inputs(request, tmp_path_factory):
    return mutations.KINDS[request.param][0](tmp_path_factory.mktemp("inputs"))


def test_a_sound_input_is_accepted_and_a_spoilt_one_accepted_or_refused_by_name(inputs):
    for one in inputs[:6]:
        one.read()
    for number in range(24):
        outcome, wrong = mutations.attempt(inputs[number % len(inputs)], number)
        assert outcome in mutations.GOOD, wrong


def test_the_file_is_put_back(inputs):
    before = inputs[0].file.read_bytes()
    mutations.attempt(inputs[0], 3)
    assert inputs[0].file.read_bytes() == before


@pytest.mark.parametrize("bomb", mutations.BOMBS, ids=lambda b: b[:12])
def test_no_settings_hold_a_trap(tmp_path, bomb):
    (tmp_path / "ingest.yaml").write_text(bomb, encoding="utf-8")
    home = mutations.artifacts.Home(tmp_path, (tmp_path,))
    with pytest.raises(BadInput, match=r"ingest\.yaml"):
        home.load(mutations.ingest.Config, "ingest")


def failing(outcome):
    def read():
        raise outcome

    return read


@pytest.mark.parametrize(("error", "outcome"), [
    (BadInput("file.yaml: key"), "refused"), (BadInput("something is wrong"), "unnamed"), (KeyError("x"), "traceback"),
    (MemoryError(), "too large"), (RecursionError(), "traceback"),
])  # fmt: skip
def test_what_is_no_named_refusal_is_a_failure(tmp_path, error, outcome):
    file = tmp_path / "file.yaml"
    file.write_bytes(b"a: 1\n")
    one = mutations.Input(file, lambda content, rng: content + b"b", failing(error), (file.name,))
    assert mutations.attempt(one, 0)[0] == outcome
    assert mutations.attempt(mutations.Input(file, lambda content, rng: content, one.read, ()), 0)[0] == "unchanged"


def test_a_child_that_dies_or_raises_takes_one_number_with_it(monkeypatch):
    def batch(numbers, place, pipe):
        for number in numbers:
            mutations.os.write(pipe, f"{number}\n".encode())
            if number == 2:
                mutations.os._exit(3)
            mutations.os.write(pipe, f'[{number}, "refused", ""]\n'.encode())

    monkeypatch.setattr(mutations, "batch", batch)
    found = [(number, outcome) for number, outcome, _ in mutations.spoilt(0, 5)]
    assert found == [(0, "refused"), (1, "refused"), (2, "killed or hung"), (3, "refused"), (4, "refused")]


def test_a_judged_table_is_taken_to_its_verdict(tmp_path):
    files = mutations.extract_of(tmp_path / "extract", "csv")
    assert len(mutations.judge(files["kpm"].parent)) == len(files)
    spoilt = mutations.bytewise(files["kpm"].read_bytes(), np.random.default_rng(1))
    files["kpm"].write_bytes(spoilt.replace(b"kpm_id", b"id", 1))
    with pytest.raises(BadInput):
        mutations.judge(files["kpm"].parent)


def test_every_kind_has_its_share_of_any_thousand():
    assert len(mutations.ORDER) == 1000
    assert {k: mutations.ORDER.count(k) for k in mutations.KINDS} == {k: n for k, (_, n) in mutations.KINDS.items()}
