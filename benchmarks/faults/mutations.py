"""Does any spoilt input end in a traceback, a signal, ten seconds or a gibibyte, or in a refusal that names no file?

`python -m benchmarks.faults.mutations --first 0 --times 100000` spoils so many inputs, one a number, which is its seed:
bytes flipped, cut, put in, doubled, moved, set to nothing, another encoding; and by structure: rows and columns of
tables dropped, doubled, renamed, swapped, stored as another type, filled with what no cell should hold; keys and values
of YAML and JSON removed, doubled, nested, of another type; bombs. The inputs are all that enter or are read back:
tables of an extract (CSV, gzip, Parquet), its card, every section of configs/ and every world, JSON and CSV files that
a stage wrote and another reads, calibration and model text, workbooks that planners return, published bundles and
bundles of evidence. Each is read by the product's own reader in a child process of limited memory; a child that dies
takes the number that it had begun with it. Accepted, or refused by an error whose lines name the file: anything else
is a failure. Of extracts, some are taken through every rule of ingestion to its verdict; the others are landed. A
mutation that changed no byte does not count.
"""

import gzip
import io
import json
import os
import resource
import select
import signal
import tempfile
import time
import traceback
import zipfile
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Annotated, Any

import duckdb
import ibis
import numpy as np
import openpyxl
import pyarrow as pa
import pyarrow.csv as pc
import pyarrow.parquet as pq
import typer
import yaml
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from benchmarks.faults import defects
from pipeline import artifacts, boosters, ingest, marks, seal, stages
from pipeline.audit import folder as evidence
from pipeline.desk import bundle as published
from pipeline.desk import returns, sheets
from pipeline.errors import BadInput
from pipeline.sources import files, landing

Rng = np.random.Generator
CONFIGS = artifacts.PROJECT / "configs"
SECONDS, BYTES, BATCH = 10, 1 << 30, 200  # of the processor's time, so that a busy machine is no slow reader
PATIENCE = 300  # seconds on the clock, after which a child is ended
HOME_OF = {
    "engine": "artifacts", "audit": "audit.settings", "source": "sources.extract", "database": "sources.database",
    "eph": "sources.eph", "track": "tracking",
}  # fmt: skip
TOKENS = (
    b",", b";", b'"', b"\n", b"\r", b"\0", b"\xff", b"\xef\xbb\xbf", b"\xff\xfe", b"1e6", b"", b"PAR1", b"\x1f\x8b",
    b"#N/A", b"{", b"[", b"}", b": ", b"- ", b"&a ", b"*a", b"!!python/object:os.system ", b"999999999999999999999",
    b"-1", b"NaN", b"null", b"\xe2\x80\xae", b"../../",
)  # fmt: skip
CELLS = (
    "", " ", "NULL", "nan", "-1", "1e400", "99999999999999999999", "2,5", "1.500.000", "31/12/2024", "0000-00-00",
    "9999-12-31", "true", "ya", "=1+1", "\u202e", "x" * 5000, "3203014509820001", "\t", "é", "'", '"', "1;2",
)  # fmt: skip
ODD: tuple[Any, ...] = (
    None, True, -1, 0, 1e308, float("nan"), "", "x" * 5000, [], {}, [[[]]], {"a": {"b": 1}}, "2025-13-45", 10**30,
)  # fmt: skip


# --- bytes -----------------------------------------------------------------------------------------------------------


def bytewise(content: bytes, rng: Rng) -> bytes:
    """One to three edits anywhere."""
    for _ in range(int(rng.integers(1, 4))):
        content = EDITS[int(rng.integers(len(EDITS)))](content, rng)
    return content


def _span(content: bytes, rng: Rng, longest: int = 400) -> tuple[int, int]:
    start, stop = sorted(int(i) for i in rng.integers(0, len(content) + 1, 2))
    return start, min(stop, start + longest)


def flip(content: bytes, rng: Rng) -> bytes:
    spoilt = bytearray(content)
    for at in rng.integers(0, max(len(content), 1), int(rng.integers(1, 9))):
        if spoilt:
            spoilt[at] ^= 1 << int(rng.integers(8))
    return bytes(spoilt)


def put_in(content: bytes, rng: Rng) -> bytes:
    at, token = int(rng.integers(0, len(content) + 1)), TOKENS[int(rng.integers(len(TOKENS)))]
    return content[:at] + token + content[at:]


def cut_out(content: bytes, rng: Rng) -> bytes:
    start, stop = _span(content, rng)
    return content[:start] + content[stop:]


def double(content: bytes, rng: Rng) -> bytes:
    start, stop = _span(content, rng)
    return content[:stop] + content[start:]


def cut_off(content: bytes, rng: Rng) -> bytes:
    return content[: int(rng.integers(0, len(content) + 1))]


def zeros(content: bytes, rng: Rng) -> bytes:
    start, stop = _span(content, rng, 64)
    return content[:start] + bytes(stop - start) + content[stop:]


def moved(content: bytes, rng: Rng) -> bytes:
    start, stop = _span(content, rng)
    return content[stop:] + content[start:stop] + content[:start]


def encoded(content: bytes, rng: Rng) -> bytes:
    encoding = ("utf-16", "utf-8-sig", "cp1252", "utf-7", "utf-32")[int(rng.integers(5))]
    return content.decode("utf-8", errors="replace").encode(encoding, errors="replace")


EDITS: tuple[Callable[[bytes, Rng], bytes], ...] = (flip, put_in, cut_out, double, cut_off, zeros, moved, encoded)


# --- structure -------------------------------------------------------------------------------------------------------


def cells(content: bytes, rng: Rng) -> bytes:
    """Rows and columns of a CSV table."""
    lines = [line.split(",") for line in content.decode().splitlines()]
    row, column = int(rng.integers(1, len(lines))), int(rng.integers(len(lines[0])))
    other = int(rng.integers(len(lines[0])))
    edits: tuple[Callable[[], Any], ...] = (
        lambda: lines.pop(row),
        lambda: lines.insert(row, list(lines[int(rng.integers(len(lines)))])),
        lambda: [line.pop(column) for line in lines],
        lambda: [line.insert(column, line[other]) for line in lines],
        lambda: lines[0].__setitem__(column, lines[0][column] + "_"),
        lambda: lines[0].__setitem__(column, lines[0][other]),
        lambda: [line.reverse() for line in lines],
        lambda: lines[row].pop(),
        lambda: lines[row].append("x"),
        lambda: lines[row].__setitem__(min(column, len(lines[row]) - 1), CELLS[int(rng.integers(len(CELLS)))]),
        lambda: [line.__setitem__(column, CELLS[int(rng.integers(len(CELLS)))]) for line in lines[1:]],
        lambda: lines.__setitem__(slice(1, None), []),
        lambda: lines.__setitem__(0, ["x" * 100_000]),
    )
    for _ in range(int(rng.integers(1, 3))):
        with suppress(IndexError):
            edits[int(rng.integers(len(edits)))]()
    return ("\n".join(",".join(line) for line in lines) + "\n").encode()


def columns(content: bytes, rng: Rng) -> bytes:
    """Columns of a Parquet table: dropped, doubled, renamed, of another type, nested, with odd values; rows as well."""
    table = pq.read_table(io.BytesIO(content))
    at = int(rng.integers(table.num_columns))
    name, column = table.column_names[at], table.column(at)
    n = len(table)
    as_text = pa.array([None if v is None else str(v) for v in column.to_pylist()], pa.string())
    made: tuple[Callable[[], pa.Table], ...] = (
        lambda: table.drop_columns([name]),
        lambda: table.append_column(name, column),
        lambda: table.rename_columns([f"{c}_" if c == name else c for c in table.column_names]),
        lambda: table.set_column(at, name, as_text),
        lambda: table.set_column(at, name, as_text.dictionary_encode()),
        lambda: table.set_column(at, name, as_text.cast(pa.large_binary())),
        lambda: table.set_column(at, name, pa.array([[1]] * n)),
        lambda: table.set_column(at, name, pa.array([{"a": 1}] * n)),
        lambda: table.set_column(at, name, pa.array(rng.choice([np.nan, np.inf, -1.0, 1e300], n))),
        lambda: table.set_column(at, name, pa.array(rng.integers(-(2**62), 2**62, n))),
        lambda: table.set_column(at, name, pa.array([2**64 - 1] * n, pa.uint64())),
        lambda: table.set_column(
            at, name, pa.array([datetime(2024, 1, 31, 17)] * n, pa.timestamp("ns", "Asia/Jakarta"))
        ),
        lambda: table.set_column(at, name, pa.array([date(1, 1, 1)] * n)),
        lambda: table.set_column(at, name, pa.nulls(n)),
        lambda: table.set_column(at, name, pa.array([CELLS[int(i)] for i in rng.integers(0, len(CELLS), n)])),
        lambda: table.slice(0, 0),
        lambda: pa.concat_tables([table, table]),
        lambda: table.select(list(reversed(table.column_names))),
    )
    stream = io.BytesIO()
    pq.write_table(made[int(rng.integers(len(made)))](), stream)
    return stream.getvalue()


def zipped(content: bytes, rng: Rng) -> bytes:
    """A gzip whose content is spoilt, that is cut, doubled, or holds far more than it looks."""
    plain = gzip.decompress(content)
    made = (
        lambda: gzip.compress(cells(plain, rng), mtime=0),
        lambda: content[: int(rng.integers(len(content)))],
        lambda: content + content,
        lambda: gzip.compress(plain.split(b"\n")[0] + b"\n" + b"\0" * 50_000_000, mtime=0),
        lambda: gzip.compress(plain.split(b"\n")[0] + b"\n" + b"x" * 50_000_000, mtime=0),
        lambda: plain,
    )
    return made[int(rng.integers(len(made)))]()


def _tree(value: Any, rng: Rng) -> Any:
    """Keys and values of nested data: one of them removed, doubled, renamed, or of another type."""
    holder, key = _somewhere(value, rng)
    if holder is None:
        return ODD[int(rng.integers(len(ODD)))]
    if isinstance(holder, list):
        return _item(value, holder, key, rng)
    change = int(rng.integers(5))
    if change == 0:
        del holder[key]
    elif change == 1:
        holder[f"{key}_"] = holder.pop(key)
    elif change == 2:
        holder[1 if rng.random() < 0.5 else None] = holder[key]
    else:
        holder[key] = ODD[int(rng.integers(len(ODD)))]
    return value


def _item(value: Any, holder: list[Any], key: int, rng: Rng) -> Any:
    if rng.random() < 0.3:
        holder.pop(key)
    else:
        holder[key] = ODD[int(rng.integers(len(ODD)))]
    return value


def _somewhere(value: Any, rng: Rng) -> tuple[Any, Any]:
    """A container and one of its keys, drawn by walking down."""
    holder, key, here = None, None, value
    while isinstance(here, (dict, list)) and here and (holder is None or rng.random() < 0.8):
        holder = here
        keys = list(here) if isinstance(here, dict) else list(range(len(here)))
        key = keys[int(rng.integers(len(keys)))]
        here = here[key]
    return holder, key


BOMBS = (
    "a: &a [x,x,x,x,x,x,x,x,x]\n" + "".join(
        f"{c}: &{c} [{','.join(['*' + p] * 9)}]\n" for p, c in zip("abcdefgh", "bcdefghi", strict=True)
    ),
    "[" * 100_000, "{a: " * 50_000, "- " * 100_000 + "x", "a: !!python/object/apply:os.system [true]\n",
    "? {a: b}\n: c\n",
    "a: 1\na: 2\n", "x" * 6_000_000, "%YAML 9.9\n---\na: 1\n", "a: 2025-13-45\n", "a: 1_000e999\n",
    "\ufeff\ufeffa: 1\n",
    "<<: {a: 1}\n", "a: 0o9\n", "- a\nb: c\n", "a: |\n x\n\ty\n", "a: 190:20:30:99\n", "!!set {a, b}\n",
    "--- a\n--- b\n",
)  # fmt: skip


def yaml_tree(content: bytes, rng: Rng) -> bytes:
    if rng.random() < 0.1:
        return BOMBS[int(rng.integers(len(BOMBS)))].encode()
    value = yaml.load(content, Loader=marks.SAFE)
    return yaml.safe_dump(_tree(value, rng), allow_unicode=True).encode()


def json_tree(content: bytes, rng: Rng) -> bytes:
    if rng.random() < 0.05:
        return (b"[" * 100_000, b"", b"null", b"[]", b"NaN", b'{"a":' * 50_000, b'"' + b"x" * 100_000)[
            int(rng.integers(7))
        ]
    return json.dumps(_tree(json.loads(content), rng)).encode()


def packed(content: bytes, rng: Rng) -> bytes:
    """Parts of a workbook: spoilt, dropped, doubled, renamed, swelled; packed again, so that the zip is whole."""
    stream = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(content)) as book:
        parts = {i.filename: book.read(i) for i in book.infolist()}
    name = list(parts)[int(rng.integers(len(parts)))]
    change = int(rng.integers(6))
    if change == 0:
        del parts[name]
    elif change == 1:
        parts[f"{name}.vba"] = parts.pop(name)
    elif change == 2:
        parts[name] = b"<a>" * 20_000 + parts[name]
    elif change == 3:
        parts[name] = parts[name].replace(b"<row", b"<row><row", 3)
    else:
        parts[name] = bytewise(parts[name], rng)
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as book:
        for other, part in parts.items():
            book.writestr(other, part)
    return stream.getvalue()


def workbook_cells(content: bytes, rng: Rng) -> bytes:
    """Cells of the workbook, as a person or a program may have filled them."""
    book = openpyxl.load_workbook(io.BytesIO(content))
    page = book[book.sheetnames[int(rng.integers(len(book.sheetnames)))]]
    odd = [*CELLS, *(o for o in ODD if isinstance(o, (int, str, bool)) and o != 10**30), datetime(1900, 1, 1), 45292.5]
    for _ in range(int(rng.integers(1, 6))):
        value = odd[int(rng.integers(len(odd)))]
        page.cell(int(rng.integers(1, 12)), int(rng.integers(1, len(sheets.COLUMNS) + 3))).value = value
    stream = io.BytesIO()
    book.save(stream)
    return stream.getvalue()


# --- inputs and their readers ----------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Input:
    """A sound file in a folder of its own, how it is spoilt, the product's reader, and what a refusal names."""

    file: Path
    spoil: Callable[[bytes, Rng], bytes]
    read: Callable[[], Any]
    names: tuple[str, ...]


Made = Callable[[Path], list[Input]]
"""Makes the inputs of a kind in a folder."""


def _both(file: Path, structure: Callable[[bytes, Rng], bytes], read: Callable[[], Any], *names: str) -> list[Input]:
    told = (*names, file.name)
    return [Input(file, bytewise, read, told), Input(file, structure, read, told)]


def extract_of(place: Path, form: str) -> dict[str, Path]:
    """A tiny extract of the simulator's in one form: its files by table."""
    config, tables = defects.simulated("default", 120, 7)
    place.mkdir(parents=True)
    few = tables["kpm"]["kpm_id"].slice(0, 8)
    made = {}
    for name, table in tables.items():
        mine = table.filter(pa.compute.is_in(table["kpm_id"], few)).slice(0, 30)
        made[name] = place / f"{name}.{form}"
        if form == "parquet":
            pq.write_table(mine, made[name])
        else:
            stream = io.BytesIO()
            pc.write_csv(mine, stream, pc.WriteOptions(quoting_style="none"))
            content = stream.getvalue().replace(b'"', b"")
            made[name].write_bytes(gzip.compress(content, mtime=0) if form == "csv.gz" else content)
    artifacts.write_text(f'name: tiny\nextracted_on: "{config.extracted_on}"\n', place / files.CARD)
    return made


def land(place: Path, tables: tuple[str, ...] = ()) -> Any:
    """What ingestion reads of an extract, or of one table of it."""
    extract = files.open_extract(place, ())
    connection = ibis.duckdb.connect(threads=1, memory_limit="500MB")
    try:
        landed = landing.read(connection, extract.only(tables) if tables else extract)
        return {n: t.count().to_pyarrow().as_py() for n, t in landed.tables.items()}
    finally:
        connection.disconnect()


def judge(place: Path) -> Any:
    """The whole way through the rules of ingestion, to the verdict."""
    connection = ibis.duckdb.connect(threads=1, memory_limit="500MB")
    ibis.set_backend(connection)
    try:
        extract, config = files.open_extract(place, ()), defects.HOME.load(ingest.Config, "ingest")
        landed = landing.read(connection, extract)
        checked = ingest.check(landed.tables, ingest.Frame(extract.extracted_on), config, landing.keeper(connection))
        tallies = ingest.tally(checked)
        ingest.verdict(tallies, config)
        return [checked.accepted[n].count().to_pyarrow().as_py() for n in checked.accepted]
    finally:
        connection.disconnect()


def _tables(form: str, structure: Callable[[bytes, Rng], bytes], whole: bool) -> Made:
    def made(place: Path) -> list[Input]:
        found = []
        for name, file in extract_of(place / form, form).items():
            read = (lambda f=file: judge(f.parent)) if whole else (lambda f=file, n=name: land(f.parent, (n,)))
            found += _both(file, structure, read, name)
        return found

    return made


def cards(place: Path) -> list[Input]:
    file = next(iter(extract_of(place / "card", "csv").values())).with_name(files.CARD)
    return _both(file, yaml_tree, lambda: files.open_extract(file.parent, ()))


def sections(place: Path) -> list[Input]:
    import importlib

    found = []
    for source in sorted(CONFIGS.glob("*.yaml")):
        folder = place / "configs" / source.stem
        folder.mkdir(parents=True)
        file = folder / source.name
        file.write_bytes(source.read_bytes())
        module = importlib.import_module(f"pipeline.{HOME_OF.get(source.stem, source.stem)}")
        home = artifacts.Home(place, (folder, CONFIGS))
        found += _both(file, yaml_tree, lambda h=home, m=module, s=source.stem: h.load(m.Config, s))
    return found


def worlds_of(place: Path) -> list[Input]:
    from pipeline import simulate

    found = []
    for source in sorted((CONFIGS / "worlds").glob("*.yaml")):
        folder = place / "worlds_of" / source.stem
        (folder / "worlds").mkdir(parents=True)
        file = folder / "worlds" / source.name
        file.write_bytes(source.read_bytes())
        home = artifacts.Home(place, (folder, CONFIGS), source.stem)
        found += _both(file, yaml_tree, lambda h=home: h.load(simulate.Config, "simulate"))
    return found


def read_back(place: Path) -> list[Input]:
    """Files that a stage wrote and another reads."""
    home = artifacts.Home(place / "run", (CONFIGS,))
    rooms = {"name": "rooms", "kind": "whole", "minimum": 1, "maximum": 20, "meaning": "rooms", "unit": "count"}
    card = {"name": "tiny", "extracted_on": "2025-06-30", "welfare": [rooms]}
    written = {
        stages.EXTRACT: (card, lambda: (stages.extracted_on(home), stages.declared(home))),
        stages.MOMENTS: ({"2024-06-30": "2025-06-30"}, lambda: stages.moments(home)),
        stages.TRACKED: ({"version": 3, "lineage": "ab12"}, lambda: stages.where(home)),
        f"{stages.RUN_BEFORE}/run.json": ({"as_of": "2025-03-31"}, lambda: stages.published_before(home)),
    }
    found = []
    for name, (value, read) in written.items():
        artifacts.write_json(value, home.path(name))
        found += _both(home.path(name), json_tree, read)
    return found


def calibrations(place: Path) -> list[Input]:
    """The map beside a model, and the model's text: its hash is compared before a byte reaches LightGBM."""
    model, fitted = place / "models" / "graduation.txt", place / "models" / "calibration.json"
    values = {
        "model_sha256": "0" * 64, "intercept": 0.1, "slope": 1.1, "center": -2.0, "scale": 1.5,
        "covariance": [[0.01, 0.0], [0.0, 0.01]], "steps": None,
    }  # fmt: skip
    artifacts.write_json(values, fitted)
    artifacts.write_text("tree\nversion=v4\nend of trees\n", model)
    artifacts.write_text(artifacts.sha256(model) + "\n", model.with_suffix(".sha256"))
    found = _both(fitted, json_tree, lambda: boosters.read_calibration(fitted, "0" * 64))
    for file in (model, model.with_suffix(".sha256")):
        found.append(Input(file, bytewise, lambda: boosters.text(model), (model.name,)))
    return found


def workbooks(place: Path) -> list[Input]:
    """A list of the desk, filled in, as it comes back."""
    mark = sheets.Mark(
        "0123456789abcdef", "planner", datetime(2025, 7, 1, 8), 1, date(2025, 6, 30), "ab12", "3315", True, "0" * 64
    )
    row: dict[str, Any] = dict.fromkeys(sheets.LOCKED, "x") | {"rank": 1, "version": 1}
    file = place / "returned" / "back.xlsx"
    file.parent.mkdir(parents=True)
    book = openpyxl.load_workbook(
        io.BytesIO(sheets.workbook([row | {"kpm_id": f"K{i}"} for i in range(6)], [], mark, "en"))
    )
    offered = sheets.choices("en")
    filled = {"outcome": next(iter(offered["outcome"])), "happened_on": "15/07/2025", "note": "seen at home"}
    for column, value in filled.items():
        page = book[sheets.sheet_names("en")["list"]]
        page.cell(sheets.HEADER_ROW + 2, sheets.COLUMNS.index(column) + 1).value = value
    book.save(file)

    def read() -> Any:
        return returns.read(file, returns.metadata(file))

    return [Input(file, spoil, read, ()) for spoil in (bytewise, packed, workbook_cells)]


def bundles(place: Path) -> list[Input]:
    """A published bundle and a bundle of evidence; any byte of any file."""
    found = []
    for kind, facts in (("published", {}), ("evidence", {"kind": evidence.KIND})):
        folder = place / kind
        pq_file = folder / "candidates" / "3315.parquet"
        artifacts.write_parquet(pa.table({"kpm_id": ["K1", "K2"], "rank": [1, 2]}), _below(pq_file))
        artifacts.write_json({"id": "ab12"}, folder / "lineage.json")
        common = {"number": 1, "previous": "", "chain": [], "as_of": "2025-06-30", "lineage": "ab12", "simulated": True}
        seal.close(folder, common | facts, Ed25519PrivateKey.generate())
        read = (lambda f=folder: published.opened(f, None)) if kind == "published" else (
            lambda f=folder: evidence.check_all(evidence.opened(f)))  # fmt: skip
        names = tuple(str(f.relative_to(folder)) for f in sorted(folder.rglob("*")) if f.is_file())
        found += [Input(folder / n, bytewise, read, names) for n in names]
        found.append(Input(folder / "manifest.json", json_tree, read, names))
    return found


def _below(path: Path) -> Path:
    path.parent.mkdir(parents=True)
    return path


KINDS: Mapping[str, tuple[Made, int]] = {  # and how many of a thousand inputs are of the kind
    "CSV table, landed": (_tables("csv", cells, False), 187),
    "CSV table, judged": (_tables("csv", cells, True), 3),
    "gzip table, landed": (_tables("csv.gz", zipped, False), 50),
    "Parquet table, landed": (_tables("parquet", columns, False), 187),
    "Parquet table, judged": (_tables("parquet", columns, True), 3),
    "card of an extract": (cards, 80),
    "section of configs": (sections, 170),
    "world": (worlds_of, 80),
    "file read back": (read_back, 70),
    "calibration and model": (calibrations, 50),
    "workbook returned": (workbooks, 60),
    "bundle": (bundles, 60),
}
# Spread evenly, so that any stretch of numbers has its share of each.
ORDER = [kind for _, kind in sorted((i / share, kind) for kind, (_, share) in KINDS.items() for i in range(share))]
REFUSALS = (BadInput, returns.Foreign, published.Refused)


# --- one mutation ----------------------------------------------------------------------------------------------------


def attempt(one: Input, number: int) -> tuple[str, str]:
    """What becomes of one mutation, and what went wrong; the file is put back."""
    sound = one.file.read_bytes()
    spoilt = one.spoil(sound, np.random.default_rng(number))
    if spoilt == sound:
        return "unchanged", ""
    try:
        one.file.write_bytes(spoilt)
        return _read(one)
    finally:
        one.file.write_bytes(sound)


def _read(one: Input) -> tuple[str, str]:
    start = time.process_time()
    try:
        one.read()
    except REFUSALS as refusal:
        named = not one.names or any(n in str(refusal) for n in one.names)
        return ("refused", "") if named else ("unnamed", str(refusal)[:300])
    except MemoryError:
        return "too large", ""
    except BaseException:
        return "traceback", traceback.format_exc()[-600:]
    return ("accepted", "") if time.process_time() - start < SECONDS else ("too slow", "")


def batch(numbers: range, place: Path, pipe: int) -> None:
    """In a child: each number is told before it is begun, and what became of it after."""
    made: dict[str, list[Input]] = {}
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    for number in numbers:
        kind = ORDER[number % len(ORDER)]
        if kind not in made:
            made[kind] = KINDS[kind][0](place / kind.replace(" ", "_").replace(",", ""))
            peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        several = made[kind]
        os.write(pipe, f"{number}\n".encode())
        outcome, wrong = attempt(several[int(np.random.default_rng([number, 1]).integers(len(several)))], number)
        grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        if (grown - peak) * 1024 > BYTES:
            outcome = "too large"
        peak = max(peak, grown)
        os.write(pipe, (json.dumps([number, outcome, wrong]) + "\n").encode())


def spoilt(first: int, times: int) -> Iterator[tuple[int, str, str]]:
    """Number, outcome and what went wrong of each; a child that dies or hangs is followed by another."""
    number = first
    while number < first + times:
        numbers = range(number, min(number + BATCH, first + times))
        begun = number
        for line in _lines(numbers):
            if isinstance(line, int):
                begun = line
            else:
                yield line[0], line[1], line[2]
                number = line[0] + 1
        if number < numbers.stop:
            yield begun, "killed or hung", ""
            number = begun + 1


def _lines(numbers: range) -> Iterator[Any]:
    """What a child tells; none for long, and it is ended."""
    reading, writing = os.pipe()
    with tempfile.TemporaryDirectory() as scratch:
        child = os.fork()
        if child == 0:
            _work(numbers, Path(scratch), (reading, writing))
        os.close(writing)
        rest = b""
        while select.select([reading], [], [], PATIENCE)[0] and (told := os.read(reading, 1 << 16)):
            *lines, rest = (rest + told).split(b"\n")
            yield from (json.loads(line) for line in lines)
        os.close(reading)
        with suppress(ProcessLookupError):
            os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)


def _work(numbers: range, scratch: Path, pipe: tuple[int, int]) -> None:
    """The child's own life: it never returns."""
    os.close(pipe[0])
    try:
        size = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[0]) * resource.getpagesize()
        resource.setrlimit(resource.RLIMIT_AS, (size + 3 * BYTES, size + 3 * BYTES))  # threads' stacks count as well
        duckdb.connect().close()
        batch(numbers, scratch, pipe[1])
    except BaseException:
        traceback.print_exc()
    finally:
        os._exit(0)


GOOD = ("accepted", "refused", "unchanged")


def tallied(first: int, times: int) -> dict[str, Counter[str]]:
    """Outcomes by kind."""
    found: dict[str, Counter[str]] = {kind: Counter() for kind in KINDS}
    for number, outcome, wrong in spoilt(first, times):
        kind = ORDER[number % len(ORDER)]
        found[kind][outcome] += 1
        if outcome not in GOOD:
            typer.echo(f"{number} ({kind}): {outcome}: {wrong}", err=True)
    return found


def main(
    first: Annotated[int, typer.Option(help="Number of the first mutation.")] = 0,
    times: Annotated[int, typer.Option(help="Mutations.")] = 100_000,
) -> None:
    start, total = time.perf_counter(), Counter[str]()
    for kind, outcomes in tallied(first, times).items():
        total.update(outcomes)
        typer.echo(f"{kind:<24}{told(outcomes)}")
    typer.echo(f"{'all':<24}{told(total)}; {time.perf_counter() - start:.0f} s")
    if set(total) - set(GOOD):
        raise typer.Exit(1)


def told(outcomes: Mapping[str, int]) -> str:
    spoilt_ones = sum(outcomes.values()) - outcomes.get("unchanged", 0)
    bad = ", ".join(f"{n} {o}" for o, n in sorted(outcomes.items()) if o not in GOOD)
    return (
        f"{spoilt_ones:>7} of {sum(outcomes.values())} changed bytes, {outcomes.get('refused', 0)} refused, "
        f"{outcomes.get('accepted', 0)} accepted, {bad or '0 otherwise'}"
    )


if __name__ == "__main__":
    typer.run(main)
