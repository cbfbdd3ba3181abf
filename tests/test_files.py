"""A folder becomes an extract, or is refused in a few lines that name the file and the way out: never a traceback."""

import gzip
import hashlib
from datetime import date

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import spoiling
from spoiling import header, sound, write_card, write_csv, write_parquet

from pipeline.errors import BadInput
from pipeline.sources import files, landing
from pipeline.sources.extract import Config, Declared
from pipeline.tables import TABLES


def read(engine, folder):
    return landing.read(engine, files.open_extract(folder, ()))


def edit(name, change):
    """A change to the bytes of one file of a folder."""
    return lambda folder: (folder / name).write_bytes(change((folder / name).read_bytes()))


def card(text):
    return lambda folder: write_card(folder, text)


def without(table, column):
    def drop(folder):
        rows = [line.split(",") for line in (folder / f"{table}.csv").read_text().splitlines()]
        at = rows[0].index(column)
        (folder / f"{table}.csv").write_text("".join(",".join(r[:at] + r[at + 1 :]) + "\n" for r in rows))

    return drop


def as_parquet(table, change):
    """The CSV of a table replaced by a Parquet file that a change was made to."""

    def write(folder):
        (folder / f"{table}.csv").unlink(missing_ok=True)
        pq.write_table(change(spoiling.arrow(table, sound()[table])), folder / f"{table}.parquet")

    return write


def column(name, values):
    return lambda table: table.set_column(table.schema.get_field_index(name), name, values)


def both(*steps):
    def run(folder):
        for step in steps:
            step(folder)

    return run


def outside(folder):
    (folder.parent / "secret.csv").write_bytes((folder / "kpm.csv").read_bytes())
    (folder / "kpm.csv").unlink()
    (folder / "kpm.csv").symlink_to(folder.parent / "secret.csv")


def parts(*names):
    def write(folder):
        (folder / "payments.csv").unlink()
        (folder / "payments.parquet").mkdir()
        for name in names:
            pq.write_table(spoiling.arrow("payments", sound()["payments"]), folder / "payments.parquet" / name)

    return write


IDS = pa.array(range(spoiling.FAMILIES))
CUT = as_parquet("kpm", lambda t: t)
REFUSED = {
    "no card": (lambda f: (f / "extract.yaml").unlink(), "extract.yaml is missing"),
    "no date": (card("name: x\n"), "extracted_on must be a day"),
    "a date that does not exist": (card("extracted_on: 2025-02-30\n"), "extract.yaml"),
    "a date in words": (card("extracted_on: 30 June 2025\n"), "extracted_on must be a day"),
    "a date written otherwise": (card("extracted_on: 30/06/2025\n"), "extracted_on must be a day"),
    "a moment": (card("extracted_on: 2025-06-30 10:00:00\n"), "extracted_on must be a day"),
    "a number": (card("extracted_on: 20250630\n"), "extracted_on must be a day"),
    "a date long gone": (card("extracted_on: 0025-06-30\n"), "extracted_on must be a day"),
    "two dates": (card("extracted_on: 2025-06-30\nextracted_on: 2024-06-30\n"), "given twice"),
    "a tag": (card("extracted_on: !!python/object/apply:os.system [ls]\n"), "tags, anchors and aliases"),
    "an alias": (card("a: &a x\nname: *a\nextracted_on: 2025-06-30\n"), "tags, anchors and aliases"),
    "broken yaml": (card("extracted_on: [\n"), "not plain YAML"),
    "nested yaml": (card("[" * 20_000), "not plain YAML"),
    "a list": (card("- 2025-06-30\n"), "expected `extracted_on"),
    "an empty card": (card(""), "expected `extracted_on"),
    "a large card": (card("#" * 70_000), "larger than 64 KiB"),
    "a name of two lines": (card('extracted_on: 2025-06-30\nname: "a\\nb"\n'), "name must be one line"),
    "a card in UTF-16": (edit("extract.yaml", lambda b: b.decode().encode("utf-16")), "UTF-8"),
    "a missing table": (lambda f: (f / "members.csv").unlink(), "members: required table is missing"),
    "a misspelt table": (lambda f: (f / "members.csv").rename(f / "member.csv"), r"is member\.\* meant"),
    "another format": (lambda f: (f / "sessions.xlsx").touch(), "sessions.xlsx: not a format of the contract"),
    "two files of a table": (lambda f: (f / "kpm.csv.gz").touch(), "kpm.csv and kpm.csv.gz: one table in two"),
    "a link outwards": (outside, "a link that leads out"),
    "a folder as csv": (both(lambda f: (f / "kpm.csv").unlink(), lambda f: (f / "kpm.csv").mkdir()), "is a folder"),
    "an empty folder": (parts(), "the folder has no Parquet file"),
    "a stray part": (parts("a.parquet", "b.csv"), "b.csv: not a Parquet file"),
    "a missing key column": (without("payments", "period"), "payments.csv: column period is missing"),
    "a missing nullable column": (without("members", "pregnant"), "members.csv: column pregnant is missing"),
    "a misspelt column": (edit("kpm.csv", lambda b: b.replace(b"urban", b"urbam")), "is 'urbam' meant"),
    "a doubled column": (edit("kpm.csv", lambda b: b.replace(b"urban", b"kpm_id")), "'kpm_id' twice"),
    "an empty file": (edit("welfare.csv", lambda b: b""), "welfare.csv: the file is empty"),
    "only a byte order mark": (edit("welfare.csv", lambda b: b"\xef\xbb\xbf"), "welfare.csv: column kpm_id is missing"),
    "tabs": (edit("kpm.csv", lambda b: b.replace(b",", b"\t")), "kpm.csv: column kpm_id is missing"),
    "no header": (edit("kpm.csv", lambda b: b.split(b"\n", 1)[1]), "kpm.csv: column kpm_id is missing"),
    "NUL": (edit("kpm.csv", lambda b: b.replace(b"Ibu K03", b"Ibu\0K03")), "kpm.csv: NUL byte at byte [0-9]+, row 4"),
    "Windows-1252": (edit("kpm.csv", lambda b: b.replace(b"Ibu K03", b"Ib\xe9 K03")), "0xe9 at byte [0-9]+, row 4"),
    "UTF-16": (edit("kpm.csv", lambda b: b.decode().encode("utf-16")), "kpm.csv: not UTF-8 text.*at byte 0, row 0"),
    "an open quote": (edit("kpm.csv", lambda b: b.replace(b"Ibu K03", b'"Ibu K03')), "kpm.csv: line [0-9]+: "),
    "a quote inside": (edit("kpm.csv", lambda b: b.replace(b"Ibu K03", b'"Ibu" K03')), "kpm.csv: line 5: "),
    "a cut gzip": (
        both(edit("kpm.csv", lambda b: gzip.compress(b)[:-30]), lambda f: (f / "kpm.csv").rename(f / "kpm.csv.gz")),
        "kpm.csv.gz: cannot be read to its end",
    ),
    "not gzip": (lambda f: (f / "kpm.csv").rename(f / "kpm.csv.gz"), "kpm.csv.gz: cannot be read to its end"),
    "a cut parquet": (both(CUT, edit("kpm.parquet", lambda b: b[:-200])), "kpm.parquet: cannot be read as Parquet"),
    "a hole in parquet": (
        both(CUT, edit("kpm.parquet", lambda b: b[:4] + b"\xff" * 900 + b[904:])),
        "kpm.parquet: cannot be read as Parquet",
    ),
    "not parquet": (lambda f: (f / "kpm.csv").rename(f / "kpm.parquet"), "kpm.parquet: cannot be read as Parquet"),
    "numbers for a village": (as_parquet("kpm", column("village_code", IDS)), "village_code is an identifier"),
    "numbers for a family": (as_parquet("kpm", column("kpm_id", IDS)), "kpm_id is an identifier stored as BIGINT"),
    "moments for a family": (
        as_parquet("kpm", column("kpm_id", IDS.cast(pa.timestamp("ns", "UTC")))), "kpm_id is an identifier stored"
    ),
    "days for a family": (
        as_parquet("kpm", column("kpm_id", IDS.cast(pa.int32()).cast(pa.date32()))), "kpm_id is an identifier stored"
    ),
    "doubles for a NIK": (
        as_parquet("kpm", column("caretaker_nik", IDS.cast(pa.float64()))), "caretaker_nik is an identifier stored as"
    ),
    "lists in a column": (as_parquet("kpm", column("urban", pa.array([[True]] * 30))), "urban holds lists"),
    "a column twice": (
        as_parquet("kpm", lambda t: t.append_column("urban", t["urban"])), "the header has 'urban' twice"
    ),
    "columns in capitals": (
        as_parquet("kpm", lambda t: t.rename_columns([n.upper() for n in t.column_names])), "is 'kpm_id' meant"
    ),
}  # fmt: skip


@pytest.mark.parametrize("what", list(REFUSED))
def test_what_no_row_can_be_read_from_is_refused_by_name(engine, tmp_path, what):
    spoil, message = REFUSED[what]
    folder = write_csv(tmp_path / "extract", sound())
    spoil(folder)
    with pytest.raises(BadInput, match=message) as told:
        read(engine, folder)
    lines = str(told.value).splitlines()
    assert len(lines) <= 6
    assert not any("9202014503" in line or "Ibu" in line for line in lines)


def test_a_missing_folder_is_told_with_the_setting(tmp_path):
    with pytest.raises(BadInput, match="there is no such folder") as told:
        files.open_extract(tmp_path / "nowhere", ())
    assert "configs/source.yaml" in str(told.value)


# --- what is fine ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("day", ["2025-06-30", "'2025-06-30'", '"2025-06-30"', "2025-06-30   # last day"])
def test_the_card_may_quote_its_date_or_not(tmp_path, day):
    write_card(write_csv(tmp_path, sound()), f"extracted_on: {day}\nname: small\nseed: 7\n")
    extract = files.open_extract(tmp_path, ())
    assert (extract.extracted_on, extract.name) == (date(2025, 6, 30), "small")


def test_a_card_without_a_name_is_named_after_its_folder(tmp_path):
    folder = write_csv(tmp_path / "june", sound())
    write_card(folder, "\ufeffextracted_on: 2025-06-30\r\n")
    assert files.open_extract(folder, ()).name == "june"


def test_every_file_has_its_hash_under_its_own_name(tmp_path):
    folder = write_csv(tmp_path, sound())
    parts("a.parquet", "b.parquet")(folder)
    hashes = files.fingerprint(files.open_extract(folder, ()))
    assert list(hashes) == [
        "kpm.csv", "members.csv", "membership.csv", "payments.parquet/a.parquet", "payments.parquet/b.parquet",
        "welfare.csv",
    ]  # fmt: skip
    assert hashes["kpm.csv"] == hashlib.sha256((folder / "kpm.csv").read_bytes()).hexdigest()


def rows_of(engine, folder, table="kpm"):
    return read(engine, folder).tables[table].order_by("row").to_pyarrow().to_pylist()


CLOTHES = {
    "byte order mark": lambda b: b"\xef\xbb\xbf" + b,
    "CRLF": lambda b: b.replace(b"\n", b"\r\n"),
    "CR": lambda b: b.replace(b"\n", b"\r"),
    "blank lines": lambda b: b.replace(b"\n", b"\n\n"),
    "no last line end": lambda b: b.rstrip(b"\n"),
    "semicolons": lambda b: b.replace(b",", b";"),
    "quotes": lambda b: b.replace(b"kpm_id", b'"kpm_id"').replace(b"Ibu K03", b'"Ibu K03"'),
    "spaces in the header": lambda b: b.replace(b"kpm_id,", b" kpm_id ,", 1),
}


@pytest.mark.parametrize("clothes", list(CLOTHES))
def test_the_clothes_of_a_csv_change_nothing(engine, tmp_path, clothes):
    folder = write_csv(tmp_path, sound())
    wanted = rows_of(engine, folder)
    edit("kpm.csv", CLOTHES[clothes])(folder)
    assert rows_of(engine, folder) == wanted
    assert [row["row"] for row in wanted] == list(range(1, 31))


def test_gzip_in_several_members_is_read_whole(engine, tmp_path):
    folder = write_csv(tmp_path, sound())
    wanted = [row | {"file": "kpm.csv.gz"} for row in rows_of(engine, folder)]
    whole = (folder / "kpm.csv").read_bytes()
    (folder / "kpm.csv").unlink()
    (folder / "kpm.csv.gz").write_bytes(gzip.compress(whole[:900]) + gzip.compress(whole[900:]))
    assert rows_of(engine, folder) == wanted


@pytest.mark.parametrize("quoted", [False, True])
def test_ragged_rows_keep_their_position_and_say_how_many_cells_they_have(engine, tmp_path, quoted):
    folder = write_csv(tmp_path, sound())
    lines = (folder / "kpm.csv").read_text().splitlines()
    lines[2] = lines[2].rsplit(",", 2)[0]
    lines[4] += ",more"
    lines[6] += ",more,and,more"
    lines[8] = "K07"
    if quoted:
        lines[10] = lines[10].replace("Ibu K09", '"Ibu ""K09"""')
    (folder / "kpm.csv").write_text("\n".join(lines) + "\n")
    cells = {row["row"]: row["cells"] for row in rows_of(engine, folder)}
    # the header has 11 cells: two fewer, one more, three more, and one alone
    assert {row: n for row, n in cells.items() if n is not None} == {2: 9, 4: 12, 6: 14, 8: 1}
    assert len(cells) == 30


def test_columns_and_files_that_the_contract_does_not_know_are_told_and_left(engine, tmp_path):
    folder = write_csv(tmp_path, sound())
    edit("kpm.csv", lambda b: b.replace(b"\n", b",9\n").replace(b"recorded_on,9", b"recorded_on,note"))(folder)
    (folder / "readme.txt").touch()
    landed = read(engine, folder)
    assert landed.notices == (
        "readme.txt: not a table of the contract, ignored",
        "kpm.csv: column 'note' is not in the contract, ignored",
    )
    assert list(landed.tables["kpm"].columns) == ["file", "row", "cells", *header("kpm")]


def test_personal_columns_may_be_absent(engine, tmp_path):
    folder = write_csv(tmp_path, sound())
    for name in ("caretaker_nik", "family_card_no", "caretaker_name"):
        without("kpm", name)(folder)
    assert {row["caretaker_nik"] for row in rows_of(engine, folder)} == {None}


def test_tables_may_have_a_header_only(engine, tmp_path):
    folder = write_csv(tmp_path, sound() | {"welfare": [], "sessions": []})
    assert rows_of(engine, folder, "welfare") == rows_of(engine, folder, "sessions") == []


def test_a_personal_column_without_any_value_may_have_any_type(engine, tmp_path):
    folder = write_parquet(tmp_path, sound())
    nothing = pa.array([float("nan")] * 29 + [None], pa.float64())
    as_parquet("kpm", column("caretaker_name", nothing))(folder)
    assert len(rows_of(engine, folder)) == 30


# --- what the source declares ----------------------------------------------------------------------------------------

ROOMS = {"name": "rooms", "kind": "whole", "minimum": 1, "maximum": 20, "meaning": "rooms", "unit": "count"}


def test_a_declared_column_becomes_a_column_of_the_contract():
    config = Config.model_validate({"kind": "files", "path": "x", "welfare": [ROOMS]})
    (rooms,) = config.columns()
    assert (rooms.name, rooms.kind, rooms.minimum, rooms.maximum, rooms.unit) == ("rooms", "whole", 1, 20, "count")


@pytest.mark.parametrize(
    "change",
    [
        {"kind": "text"}, {"minimum": 21}, {"name": "Rooms"}, {"name": "gold"}, {"name": "row"}, {"name": "a b"},
        {"bounds": 3},
    ],
)  # fmt: skip
def test_a_declaration_that_makes_no_sense_is_refused(change):
    with pytest.raises(ValueError):
        Declared.model_validate(ROOMS | change)


@pytest.mark.parametrize("change", [{"kind": "ftp"}, {"welfare": [ROOMS, ROOMS]}, {"further": 1}])
def test_a_source_that_makes_no_sense_is_refused(change):
    with pytest.raises(ValueError):
        Config.model_validate({"kind": "files", "path": "x", "welfare": []} | change)


# --- mutations -------------------------------------------------------------------------------------------------------

TOKENS = [b",", b";", b'"', b"\n", b"\r", b"\0", b"\xff", b"\xef\xbb\xbf", b"1e6", b"", b"PAR1", b"\x1f\x8b", b"#N/A"]


def mutate(content: bytes, rng) -> bytes:
    """One to three random edits: a byte, a token put in, a stretch cut out, doubled or moved, the end cut off."""
    for _ in range(rng.integers(1, 4)):
        start, stop = sorted(int(i) for i in rng.integers(0, len(content) + 1, 2))
        stop = min(stop, start + 400)
        edits = [
            content[:start] + bytes([rng.integers(0, 256)]) + content[start + 1 :],
            content[:start] + TOKENS[rng.integers(len(TOKENS))] + content[start:],
            content[:start] + content[stop:],
            content[:stop] + content[start:],
            content[:start],
            content[stop:] + content[:stop],
        ]
        content = edits[rng.integers(len(edits))]
    return content


def attempt(engine, folder, table):
    """Whether the extract was read or refused, and what was read of the table or said of it."""
    try:
        return "read", read(engine, folder).tables[table].select("row").to_pyarrow().to_pylist()
    except BadInput as told:
        return "refused", [{"row": 1 if table in str(told) else 0}]


@pytest.mark.parametrize("kind", ["csv", "csv.gz", "parquet"])
def test_any_mutation_of_a_file_is_read_or_refused_by_name(engine, tmp_path, kind):
    writer = {"csv": write_csv, "csv.gz": spoiling.write_gzip, "parquet": write_parquet}[kind]
    folder = writer(tmp_path, {name: rows[:8] for name, rows in sound().items()})
    rng, outcomes, texts = np.random.default_rng(7), {"read": 0, "refused": 0}, []
    for _ in range(60):
        table = list(TABLES)[rng.integers(0, 4)]
        file = folder / f"{table}.{kind}"
        content = file.read_bytes()
        file.write_bytes(mutate(content, rng))
        outcome, seen = attempt(engine, folder, table)
        outcomes[outcome] += 1
        texts += seen
        file.write_bytes(content)
    assert outcomes["refused"] > 5
    assert outcomes["read"] > (10 if kind == "csv" else -1)
    assert all(t["row"] >= 1 for t in texts)  # positions count from 1, and a refusal names its table


def test_the_fast_reader_and_the_strict_one_read_the_same(engine, tmp_path):
    """Both readers on the same plain files with ragged rows, empty cells and odd characters."""
    rng = np.random.default_rng(11)
    words = ["", "a", "1", " b ", "'x'", "é", "null", "\\", "a b", "0012"]
    for _ in range(12):
        n = int(rng.integers(0, 9))
        rows = [[words[i] for i in rng.integers(0, len(words), rng.choice([11, 11, 11, 3, 12]))] for _ in range(n)]
        lines = [",".join(header("kpm"))] + [",".join(r) for r in rows if "".join(r)]
        file = tmp_path / "kpm.csv"
        file.write_text("\n".join(lines) + "\n", encoding="utf-8")
        assert landing._land_plain(engine, "fast", file, len(lines) - 1)
        landing._land_quoted(engine, "strict", file)
        fast, strict = (engine.table(t).order_by("row").to_pyarrow().to_pylist() for t in ("fast", "strict"))
        assert fast == strict
