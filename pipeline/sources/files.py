"""A folder laid out as the contract -> an extract: which file is which table, and the card `extract.yaml` beside them.

Only names and the card are read here; `landing` reads the contents.
"""

import difflib
import hashlib
from collections.abc import Iterable
from datetime import date, datetime
from pathlib import Path

import yaml

from pipeline.errors import BadInput
from pipeline.sources.extract import Extract
from pipeline.tables import TABLES, Column

CARD = "extract.yaml"
FORMATS = (".csv", ".csv.gz", ".parquet")
_CARD_BYTES = 64 * 1024
_BRACKETS = 100
_CHUNK = 1 << 20


def open_extract(folder: Path, welfare: tuple[Column, ...]) -> Extract:
    """The extract that lies in `folder`.

    Raises BadInput for a missing folder, card or required table, a card that is not plain YAML with a date, two files
    of one table, an unreadable format under a table's name, and files that lie outside the folder behind a link.
    """
    try:
        return _open(folder, welfare)
    except OSError as error:
        raise BadInput(f"{folder}: cannot be read: {error.strerror}") from None


def fingerprint(extract: Extract) -> dict[str, str]:
    """sha256 of every file of the extract, by its name inside the extract's folder; no path of this machine."""
    named = {relative_name(f): f for files in extract.files.values() for f in files}
    return {name: _sha256(named[name]) for name in sorted(named)}


def relative_name(file: Path) -> str:
    """`kpm.csv`, or `payments.parquet/part-0.parquet` for a part of a folder."""
    return f"{file.parent.name}/{file.name}" if file.parent.suffix == ".parquet" else file.name


def _open(folder: Path, welfare: tuple[Column, ...]) -> Extract:
    if not folder.is_dir():
        raise BadInput(
            f"{folder}: there is no such folder", "set `path` in configs/source.yaml to the extract's folder"
        )
    extracted_on, name = _read_card(folder / CARD)
    files = {table: found for table in TABLES if (found := _files_of(folder, table))}
    missing = [t.name for t in TABLES.values() if t.required and t.name not in files]
    if missing:
        raise BadInput(*(_missing_table(folder, table) for table in missing))
    return Extract(name or folder.resolve().name, extracted_on, files, welfare, _notices(folder, files))


def _read_card(card: Path) -> tuple[date, str]:
    if not card.is_file():
        raise BadInput(
            f"{CARD} is missing in {card.parent}", "it has two lines: extracted_on: 2025-06-30 and name: ..."
        )
    _refuse_outsiders(card.parent, [card])
    content = _plain_mapping(card)
    return _day(content.get("extracted_on")), _label(content.get("name"))


def _plain_mapping(card: Path) -> dict[object, object]:
    """YAML without tags, anchors and repeated keys: a card is data, and says each thing once."""
    if card.stat().st_size > _CARD_BYTES:
        raise BadInput(f"{CARD}: larger than {_CARD_BYTES // 1024} KiB; it has two lines")
    try:
        text = card.read_bytes().decode("utf-8-sig")
        _refuse_tricks(text)
        content = yaml.safe_load(text)
    except (yaml.YAMLError, UnicodeDecodeError, ValueError, RecursionError) as error:
        line = getattr(getattr(error, "problem_mark", None), "line", None)
        at = f", line {line + 1}" if line is not None else ""
        raise BadInput(f"{CARD}{at}: not plain YAML in UTF-8, or a date that does not exist") from None
    if not isinstance(content, dict):
        raise BadInput(f"{CARD}: expected `extracted_on: 2025-06-30` and `name: ...`")
    return content


def _refuse_tricks(text: str) -> None:
    if text.count("[") + text.count("{") > _BRACKETS:  # the parser's time grows with the square of the nesting
        raise BadInput(f"{CARD}: not plain YAML: {_BRACKETS} brackets and more")
    for event in yaml.parse(text, yaml.SafeLoader):
        if isinstance(event, yaml.AliasEvent) or getattr(event, "anchor", None) or getattr(event, "tag", None):
            raise BadInput(f"{CARD}: tags, anchors and aliases are not allowed")
    root = yaml.compose(text, yaml.SafeLoader)
    keys = [key.value for key, _ in root.value] if isinstance(root, yaml.MappingNode) else []
    for key in ("extracted_on", "name"):
        if keys.count(key) > 1:
            raise BadInput(f"{CARD}: {key} is given twice")


def _day(value: object) -> date:
    if isinstance(value, str):
        value = _iso(value)
    if not isinstance(value, date) or isinstance(value, datetime) or not 1900 <= value.year < 2200:
        raise BadInput(f"{CARD}: extracted_on must be a day written 2025-06-30; nothing was known after it")
    return value


def _iso(text: str) -> date | None:
    try:
        return datetime.strptime(text.strip(), "%Y-%m-%d").date() if len(text.strip()) == 10 else None
    except ValueError:
        return None


def _label(value: object) -> str:
    label = "" if value is None else str(value).strip()
    if isinstance(value, (dict, list, set)) or len(label) > 200 or not label.isprintable():
        raise BadInput(f"{CARD}: name must be one line of at most 200 characters")
    return label


def _files_of(folder: Path, table: str) -> tuple[Path, ...]:
    found = [path for ending in FORMATS if (path := folder / f"{table}{ending}").is_symlink() or path.exists()]
    if len(found) > 1:
        raise BadInput(f"{' and '.join(p.name for p in found)}: one table in two files; leave one of them")
    if not found:
        _refuse_other_format(folder, table)
        return ()
    files = _parts(found[0]) if found[0].is_dir() else [found[0]]
    _refuse_outsiders(folder, [found[0], *files])
    return tuple(files)


def _parts(folder: Path) -> list[Path]:
    """The files of a table written in parts. A part that is not read would be a silent loss, so it is refused."""
    if folder.suffix != ".parquet":
        raise BadInput(f"{folder.name} is a folder; only <table>.parquet may be one")
    parts = sorted(p for p in folder.iterdir() if not p.name.startswith((".", "_")))
    odd = [p.name for p in parts if p.suffix != ".parquet" or p.is_dir()]
    if odd:
        raise BadInput(f"{folder.name}/{odd[0]}: not a Parquet file; put the parts directly into the folder")
    if not parts:
        raise BadInput(f"{folder.name}: the folder has no Parquet file")
    return parts


def _refuse_other_format(folder: Path, table: str) -> None:
    others = [p.name for p in folder.iterdir() if p.name.lower().startswith(f"{table}.")]
    if others:
        raise BadInput(
            f"{min(others)}: not a format of the contract", f"save it as {table}.csv (UTF-8) or {table}.parquet"
        )


def _refuse_outsiders(folder: Path, paths: Iterable[Path]) -> None:
    home = folder.resolve()
    for path in paths:
        if not path.resolve().is_relative_to(home):
            raise BadInput(
                f"{relative_name(path)}: a link that leads out of the extract's folder; copy the file itself"
            )
        if not (path.is_file() or path.is_dir()):
            raise BadInput(f"{relative_name(path)}: not a regular file")


def _missing_table(folder: Path, table: str) -> str:
    near = difflib.get_close_matches(table, [p.name.split(".")[0] for p in folder.iterdir() if p.name != CARD], 1, 0.75)
    hint = f" (is {near[0]}.* meant?)" if near else ""
    return f"{table}: required table is missing in {folder}: no {table}.csv, {table}.csv.gz or {table}.parquet{hint}"


def _notices(folder: Path, files: Iterable[str]) -> tuple[str, ...]:
    known = {CARD, *(f"{table}{ending}" for table in files for ending in FORMATS)}
    extra = sorted(p.name for p in folder.iterdir() if p.name not in known and not p.name.startswith("."))
    return tuple(f"{name}: not a table of the contract, ignored" for name in extra)


def _sha256(file: Path) -> str:
    digest = hashlib.sha256()
    with file.open("rb") as stream:
        while chunk := stream.read(_CHUNK):
            digest.update(chunk)
    return digest.hexdigest()
