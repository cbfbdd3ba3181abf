"""Where things lie, the engine, and atomic writes. The only module that knows paths."""

import codecs
import contextlib
import errno
import fcntl
import hashlib
import importlib.metadata
import json
import os
import re
import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any, Literal, TypeVar
from urllib.parse import quote

import ibis
import ibis.expr.types as ir
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import yaml
from numpy.typing import NDArray
from pyarrow import csv
from pydantic import Field, PositiveInt, ValidationError

from pipeline import engines, machine, marks, progress, worlds
from pipeline.config import BaseConfig
from pipeline.errors import BadInput

C = TypeVar("C", bound=BaseConfig)
T = TypeVar("T")
ROWS_PER_GROUP = engines.ROWS_PER_GROUP
PROJECT = Path(__file__).resolve().parents[1]
PRIVATE, PRIVATE_FOLDER = 0o600, 0o700
SWAPS = 1000
LOCK, SCRATCH = ".lock", "data/.scratch"
LEFT = re.compile(r"\..+\.\d+\.(part|old|spill)")
LEAST_ROWS = 50_000
OPEN_PARTS = 600  # one for each regency, so that each becomes one file
WAY_OUT = "mend the file named above; its comments in configs/ tell what each key means"
LARGEST_YAML, DEEPEST = 4 << 20, 40
SAFE = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # the same, ten times as fast where libyaml is there
AGAIN = "remove it and run `dvc repro`, which makes it again"
WORLDLY = "simulate"  # the section that worlds change
RANGE = {"minimum": "at least", "exclusiveMinimum": "above", "maximum": "at most", "exclusiveMaximum": "below"}


class Config(BaseConfig):
    """Section `engine`: what runs the tables."""

    engine: Literal["duckdb", "spark"]
    threads: PositiveInt
    memory_limit: str = Field(pattern=r"^\d+ ?(MB|GB|MiB|GiB)$")
    workers: PositiveInt
    chunk_families: int = Field(ge=100, le=1_000_000)
    part_families: PositiveInt
    frame_families: PositiveInt

    def one_of(self, workers: int) -> "Config":
        """What one of several workers may take of the machine."""
        size, unit = re.fullmatch(r"(\d+) ?(\w+)", self.memory_limit).groups()  # type: ignore[union-attr]
        megabytes = int(size) * (1 if unit.startswith("M") else 1000) // workers
        told = {"threads": max(1, self.threads // workers), "memory_limit": f"{megabytes}MB"}
        return self.model_copy(update=told) if workers > 1 else self


@dataclass(frozen=True)
class Settings:
    """A section's values, and which file set them: the section's own or, for what it changed, a world's."""

    values: Any
    file: Path
    world: Path | None = None
    changed: tuple[worlds.Keys, ...] = ()

    def origin(self, keys: worlds.Keys) -> str:
        """The file to mend for an error at `keys`; both where the error is of a part that holds changes."""
        if any(keys[: len(c)] == c for c in self.changed):
            return str(self.world)
        part = any(c[: len(keys)] == keys for c in self.changed)
        return f"{self.file} with {self.world}" if part else str(self.file)

    def line(self, keys: worlds.Keys) -> str:
        """` (line n)` of what is at `keys`, or should be; nothing where two files made the value together."""
        origin = self.origin(keys)
        if origin not in (str(self.file), str(self.world)):
            return ""
        at = keys if origin == str(self.file) else ("changes", *keys)
        return f" (line {marks.line(Path(origin).read_text(encoding='utf-8'), at)})"


@dataclass(frozen=True)
class Home:
    """A checkout or a folder of one more study: its configuration folders, first match wins, and its outputs.

    `world` takes the place of the key `world` of configs/simulate.yaml.
    """

    root: Path
    configs: tuple[Path, ...]
    world: str | None = None

    def path(self, name: str) -> Path:
        return self.root / name

    def load(self, config: type[C], section: str) -> C:
        """The section's YAML as frozen settings; BadInput names file, key and rule."""
        return validated(config, self.settings(section))

    def values(self, section: str) -> Any:
        """The section's YAML as it stands; that of the simulator with the changes of its world."""
        return self.settings(section).values

    def settings(self, section: str) -> Settings:
        """The section's values and where they come from; BadInput for a world that is none or changes unknown keys."""
        file = next(
            (folder / f"{section}.yaml" for folder in self.configs if (folder / f"{section}.yaml").is_file()), None
        )
        if file is None:
            raise BadInput(f"configs: {section}.yaml is missing", f"looked in {', '.join(map(str, self.configs))}")
        values = read_yaml(file)
        return (
            self._of_world(values, file) if section == WORLDLY and isinstance(values, dict) else Settings(values, file)
        )

    def refuse(self, section: str, complaints: Sequence[tuple[worlds.Keys, str]]) -> None:
        """BadInput with file, key and line of each complaint about a section's values; nothing where there is none."""
        settings = self.settings(section)
        told = [f"{settings.origin(k)}: {'.'.join(k)}: {message}{settings.line(k)}" for k, message in complaints]
        if told:
            raise BadInput(*told[:5], WAY_OUT)

    def world_files(self) -> dict[str, Path]:
        """Files of the worlds by name; the first configuration folder that has a name decides."""
        files = [f for folder in reversed(self.configs) for f in (folder / "worlds").glob("*.yaml")]
        return dict(sorted({f.stem: f for f in files}.items()))

    def about(self, world: str, asked_by: str = "--world") -> worlds.Config:
        """The file of a world; BadInput, with the list of worlds, for a name that is none."""
        found = self.world_files()
        if world not in found:
            raise BadInput(f"{asked_by}: {world}: no such world", f"the worlds are {', '.join(found) or 'none'}")
        return validated(worlds.Config, Settings(read_yaml(found[world]), found[world]))

    def _of_world(self, values: dict[Any, Any], file: Path) -> Settings:
        """Without a name in words there is nothing to merge: the settings' own check tells what is wrong with it."""
        name = self.world or values.get("world")
        if not isinstance(name, str):
            return Settings(values, file)
        asked_by = "--world" if self.world else f"{file}: world"
        changes, source = self.about(name, asked_by).changes, self.world_files()[name]
        refuse_strangers(values, changes, source, file)
        merged = worlds.merge(values, changes) | {"world": name}
        return Settings(merged, file, source, tuple(worlds.changed(values, changes)))


def refuse_strangers(values: Mapping[Any, Any], changes: Mapping[Any, Any], source: Path, file: Path) -> None:
    """BadInput for keys of a world that the section it changes does not have."""
    unknown = worlds.strangers(values, changes)
    told = [f"{source}: {key}: {file} has no such key; the nearest is {near}" for key, near in unknown.items()]
    if told:
        raise BadInput(*told[:5], "a world changes keys that are there, and adds none")


def validated(config: type[C], settings: Settings) -> C:
    try:
        return config.model_validate(settings.values)
    except ValidationError as error:
        told = [complaint(config, settings, tuple(map(str, e["loc"])), e["msg"]) for e in error.errors()]
        raise BadInput(*told[:5], WAY_OUT) from None


def complaint(config: type[C], settings: Settings, keys: worlds.Keys, message: str) -> str:
    """One line: the file, the key, the rule, the whole range where the key has one, and the line of the file."""
    allowed = bounds(config.model_json_schema(), keys)
    told = f"{settings.origin(keys)}: {'.'.join(keys) or 'file'}: {message}{f' ({allowed})' if allowed else ''}"
    return told + settings.line(keys)


def bounds(schema: Mapping[str, Any], keys: worlds.Keys) -> str:
    """The range of a number at `keys` of a JSON schema; empty where there is none."""
    found: Mapping[str, Any] = schema
    for key in keys:
        below = found.get("properties", {}).get(key), found.get("additionalProperties"), found.get("items")
        found = resolved(schema, next((b for b in below if isinstance(b, dict)), {}))
    told = [f"{word} {found[name]:,}" for name, word in RANGE.items() if name in found]
    return f"allowed: {' and '.join(told)}" if told else ""


def resolved(schema: Mapping[str, Any], found: Mapping[str, Any]) -> Mapping[str, Any]:
    """The definition that a reference names; of several possibilities, the one that is not null."""
    options = [o for o in found.get("anyOf", ()) if o.get("type") != "null"]
    chosen: Mapping[str, Any] = options[0] if options else found
    reference = chosen.get("$ref")
    return schema["$defs"][reference.rpartition("/")[2]] if reference else chosen


def read_yaml(file: Path) -> Any:
    """Plain data; BadInput for anything else: tags, anchors, a file or a nesting beyond what a person writes."""
    try:
        if file.stat().st_size > LARGEST_YAML:
            raise BadInput(f"{file}: larger than {LARGEST_YAML >> 20} MiB; no settings are")
        text = file.read_text(encoding="utf-8")
        refuse_tricks(text, file)
        return yaml.load(text, Loader=SAFE)
    except (yaml.YAMLError, ValueError, OSError) as error:  # a ValueError is a day that does not exist
        raise BadInput(f"{file}: cannot be read as YAML: {' '.join(str(error).split())[:200]}") from None


def refuse_tricks(text: str, file: Path) -> None:
    """Anchors make a small file a huge one, tags make it code, and a deep nesting ends the process of its reader."""
    depth = 0
    for event in yaml.parse(text, Loader=SAFE):
        if isinstance(event, yaml.AliasEvent) or getattr(event, "anchor", None) or getattr(event, "tag", None):
            raise BadInput(f"{file}: line {line_of(event)}: tags, anchors and aliases are not allowed")
        depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
        if depth > DEEPEST:
            raise BadInput(f"{file}: line {line_of(event)}: nested more than {DEEPEST} deep")


def engine(config: Config, scratch: Path) -> Any:
    """The configured engine, spilling to `scratch`; made Ibis's default, so that expressions know where to run."""
    scratch.mkdir(parents=True, exist_ok=True)
    return engines.connect(config.engine, config.threads, config.memory_limit, scratch / f".engine.{os.getpid()}.spill")


def read(path: Path) -> ir.Table:
    """A Parquet file, or a folder of Parquet files, as a table; BadInput where there is none."""
    pieces(path)
    return engines.read(path)


def read_folder(folder: Path) -> dict[str, ir.Table]:
    """Every `<name>.parquet` of a folder by name."""
    return {p.name.removesuffix(".parquet"): read(p) for p in sorted(folder.glob("*.parquet"))}


def line_of(event: yaml.Event) -> int:
    return event.start_mark.line + 1 if event.start_mark else 0


@contextlib.contextmanager
def alone(home: Path, doing: str) -> Iterator[None]:
    """One process at a time writes in a home; another waits for it, and tells for whom.

    The system lets go of the lock when its holder ends, however it ends: there is none to delete. Whoever holds it
    clears away what killed runs left.
    """
    place = home / "data" / LOCK
    place.parent.mkdir(parents=True, exist_ok=True)
    with place.open("a+b", buffering=0) as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.seek(0)
            other = file.read().decode() or "it just began"
            progress.tell([f"{doing}: waits until another run here has ended: {other}"])
            fcntl.flock(file, fcntl.LOCK_EX)
        with named(place):
            file.truncate(0)
            file.write(f"process {os.getpid()}, {doing}".encode())
        clear(home)
        yield


def clear(home: Path) -> None:
    """Remove what processes that are gone left half-written: it takes room, and may hold personal data."""
    found = [p for folder in ("data", "models") for p in (home / folder).rglob(".*.*") if LEFT.fullmatch(p.name)]
    for path in [*found, *(p for p in (home / SCRATCH).glob("*") if LEFT.fullmatch(p.name))]:
        if running(int(path.name.rsplit(".", 2)[1])):
            continue
        whole = path.with_name(path.name[1:].rsplit(".", 2)[0])
        if path.suffix == ".old" and not whole.exists():
            path.rename(whole)
        else:
            discard(path)


def running(process: int) -> bool:
    """Whether a process is there; our own is one that wrote nothing yet."""
    if process == os.getpid():
        return False
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass
    return True


def discard(path: Path) -> None:
    """A file or a folder, if it is there."""
    if path.is_dir():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)


def beside(path: Path, what: str) -> Path:
    """A name beside `path` that tells which process it belongs to."""
    return path.with_name(f".{path.name}.{os.getpid()}.{what}")


@contextlib.contextmanager
def named(path: Path) -> Iterator[None]:
    """An error of the system's that names no file gets the name of the one that was being made."""
    try:
        yield
    except OSError as error:
        if error.errno is not None:  # an error of one text would lose it
            error.filename = error.filename or str(path)
        raise


@contextlib.contextmanager
def replacing(path: Path, mode: int | None = None) -> Iterator[Path]:
    """A temporary file beside `path` that takes its place, flushed to disk, only if the block ends well."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = beside(path, "part")
    try:
        with named(path):
            discard(temporary)  # of a killed process whose number came round to this one
            if mode is not None:
                os.close(os.open(temporary, os.O_CREAT | os.O_WRONLY | os.O_TRUNC, mode))
            yield temporary
            flush(temporary)
            temporary.replace(path)
            flush(path.parent)
    finally:
        temporary.unlink(missing_ok=True)


@contextlib.contextmanager
def replacing_folder(path: Path) -> Iterator[Path]:
    """A temporary folder beside `path` that takes its place whole, only if the block ends well."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = beside(path, "part")
    try:
        with named(path):
            discard(temporary)
            temporary.mkdir()
            yield temporary
            for file in temporary.rglob("*"):
                flush(file)
            take_place(temporary, path)
            flush(path.parent)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def take_place(temporary: Path, path: Path) -> None:
    """`temporary` becomes `path`, in one step: a reader finds the old folder or the new one, whenever it looks.

    Of two runs that end at once each is whole, and the last one stands. What was there before is left in `temporary`.
    """
    for attempt in range(SWAPS):
        try:
            if not path.exists():
                temporary.rename(path)
            elif not machine.exchange(str(temporary), str(path)):
                in_two_steps(temporary, path)
            return
        except OSError as error:
            if error.errno not in (errno.ENOTEMPTY, errno.EEXIST, errno.ENOENT) or attempt == SWAPS - 1:
                raise


def in_two_steps(temporary: Path, path: Path) -> None:
    """Where no file system helps, `path` is missing for a moment; the next run puts it back if this one ends there."""
    old = beside(path, "old")
    discard(old)
    path.rename(old)
    try:
        temporary.rename(path)
    except OSError:
        with contextlib.suppress(OSError):  # another run put its own there meanwhile, and that is whole
            old.rename(path)
        raise
    finally:
        discard(old)


@contextlib.contextmanager
def scratch_folder(parent: Path) -> Iterator[Path]:
    """A private folder (mode 0700) that is gone when the block ends: landed rows may hold personal data."""
    parent.mkdir(parents=True, exist_ok=True)
    folder = Path(tempfile.mkdtemp(f".{os.getpid()}.part", ".", parent))
    try:
        with named(folder):
            yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def flush(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def join(parts: Path, path: Path) -> None:
    """The rows of a folder's Parquet files, in the order of their names, as one file."""
    files = sorted(parts.glob("*.parquet"))
    with pq.ParquetWriter(path, pq.read_schema(files[0]).remove_metadata(), compression="zstd") as writer:
        for file in files:
            with pq.ParquetFile(file) as opened:
                for batch in opened.iter_batches(ROWS_PER_GROUP):
                    writer.write_batch(batch)


def write_part(table: ir.Table | pa.Table | pd.DataFrame, folder: Path, name: str) -> None:
    """One part of a table that is a folder of parts; as durable as the folder that it lies in is made."""
    folder.mkdir(mode=0o700 if folder.parent.stat().st_mode & 0o077 == 0 else 0o777, parents=True, exist_ok=True)
    write_parquet(table, folder / f"{name}.parquet")


def unfold(folder: Path) -> None:
    """Tables that are a folder of one part become that part."""
    for parts in sorted(p for p in folder.iterdir() if p.is_dir()):
        (only,) = parts.iterdir()
        whole = parts.with_name(f".{parts.name}.whole")
        only.rename(whole)
        parts.rmdir()
        whole.rename(parts)


def write(table: ir.Table | pa.Table | pd.DataFrame, path: Path, mode: int | None = None) -> None:
    """Parquet in batches of fixed size, so that equal tables are equal bytes and a large one is never in memory."""
    with replacing(path, mode) as temporary:
        write_parquet(table, temporary)


def write_parquet(table: ir.Table | pa.Table | pd.DataFrame, path: Path) -> None:
    if isinstance(table, ir.Table):
        write_batches(stream(compiled(table)), table.schema().to_pyarrow(), path)
    else:
        whole = with_days(table) if isinstance(table, pd.DataFrame) else table
        pq.write_table(whole.replace_schema_metadata(None), path, compression="zstd", row_group_size=ROWS_PER_GROUP)


def write_runs(table: pa.Table, runs: Sequence[int], path: Path) -> None:
    """Parquet with row groups of whole runs of rows, so that some runs are read without the others.

    Runs are taken together up to LEAST_ROWS: readers pay for every row group, and thousands of small ones cost more
    than their rows. Into a folder that takes its place later as a whole: the file itself is not made durable here.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with pq.ParquetWriter(path, table.schema, compression="zstd", store_schema=False) as writer:
        start = 0
        for length in grouped(runs, LEAST_ROWS) or (0,):
            writer.write_table(table.slice(start, length), row_group_size=max(length, 1))
            start += length


def grouped(runs: Sequence[int], least: int) -> list[int]:
    """Lengths of neighbouring runs together, each of at least `least` but the last."""
    found: list[int] = []
    for length in runs:
        if found and found[-1] < least:
            found[-1] += length
        else:
            found.append(length)
    return found


def link(path: Path, other: Path) -> None:
    """The same file, or folder of files, under a second name; nothing is copied, and neither may be written to."""
    for file in pieces(path):
        target = other / file.name if path.is_dir() else other
        target.parent.mkdir(parents=True, exist_ok=True)
        os.link(file, target)


def spell_out(folder: Path) -> None:
    """Every table of Parquet parts as one CSV file, with `;` and a byte order mark as spreadsheets here write it."""
    for parts in sorted(folder.glob("*.parquet")):
        rows = pq.ParquetDataset(sorted(parts.iterdir())).read()
        with (folder / f"{parts.stem}.csv").open("wb") as file:
            file.write(codecs.BOM_UTF8)
            csv.write_csv(rows, file, csv.WriteOptions(delimiter=";"))
        shutil.rmtree(parts)


def with_days(frame: pd.DataFrame) -> pa.Table:
    """The frame with days as dates: pandas has only instants, and no instant of the pipeline is finer than a day."""
    table = pa.Table.from_pandas(frame, preserve_index=False)
    fields = [f.with_type(pa.date32()) if pa.types.is_timestamp(f.type) else f for f in table.schema]
    return table.cast(pa.schema(fields))


def stream(sql: str) -> Iterator[pa.RecordBatch]:
    """Record batches of fixed size in the statement's order."""
    yield from engines.stream(sql)


def compiled(table: ir.Table) -> str:
    """The engine's SQL of an expression."""
    return str(ibis.get_backend().compile(table))


def write_sql(sql: str, schema: pa.Schema, path: Path) -> None:
    """What a compiled statement gives, as Parquet."""
    with replacing(path) as temporary:
        write_batches(stream(sql), schema, temporary)


def partition(table: ir.Table, by: str, folder: Path) -> None:
    """Parquet in a folder for each value of `by`, in one pass that never holds the table: read_part reads one value."""
    folder.mkdir(parents=True)
    ibis.get_backend().con.sql(f"SET partitioned_write_max_open_files = {OPEN_PARTS}")
    query, place = compiled(table), str(folder).replace("'", "''")
    ibis.get_backend().con.sql(f"COPY ({query}) TO '{place}' (FORMAT parquet, PARTITION_BY ({by}), COMPRESSION zstd)")


def read_part(folder: Path, by: str, value: str) -> pd.DataFrame:
    """One value's rows of a table that `partition` wrote, without the column `by`; no rows where there are none."""
    part = folder / f"{by}={quote(value, safe='')}"
    files = sorted(part.glob("*.parquet")) or sorted(folder.rglob("*.parquet"))[:1]
    rows = pa.concat_tables([pq.ParquetFile(f).read() for f in files])
    frame: pd.DataFrame = (rows if part.exists() else rows.slice(0, 0)).to_pandas(date_as_object=False)
    return frame


def write_batches(batches: Iterator[pa.RecordBatch], schema: pa.Schema, path: Path) -> None:
    with pq.ParquetWriter(path, schema, compression="zstd") as writer:
        for batch in batches:
            writer.write_batch(batch.cast(schema) if batch.schema != schema else batch)


def write_text(text: str, path: Path) -> None:
    with replacing(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def write_bytes(content: bytes, path: Path) -> None:
    with replacing(path) as temporary:
        temporary.write_bytes(content)


def write_json(value: object, path: Path) -> None:
    write_text(json.dumps(value, indent=1, sort_keys=True, default=plain, allow_nan=False) + "\n", path)


def plain(value: object) -> object:
    """Dates as ISO text, NumPy numbers as Python's."""
    if isinstance(value, date):
        return value.isoformat()
    item = getattr(value, "item", None)
    if item is not None:
        return item()
    raise TypeError(f"cannot be written as JSON: {type(value).__name__}")


def read_json(path: Path, *keys: str) -> Any:
    """What a stage wrote; BadInput where it is not there, is damaged, or lacks one of `keys`."""
    present(path)
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except (ValueError, RecursionError) as error:
        raise damaged(path, "JSON", error) from None
    if keys and (not isinstance(value, dict) or set(keys) - value.keys()):
        absent = [k for k in keys if not isinstance(value, dict) or k not in value]
        raise BadInput(f"{path}: {absent[0]}: is missing", AGAIN)
    return value


def recorded(path: Path, make: Callable[[Any], T]) -> T:
    """What `make` reads from a JSON file that a stage wrote; BadInput where it is there and of another shape."""
    return made_of(path, read_json(path), make)


def made_of(path: Path, value: Any, make: Callable[[Any], T]) -> T:
    try:
        return make(value)
    except (ValueError, TypeError, KeyError, AttributeError, OverflowError) as error:
        raise BadInput(f"{path}: not as its stage writes it ({type(error).__name__})", AGAIN) from None


def present(path: Path) -> None:
    if not path.is_file():
        raise BadInput(f"{path}: not there yet", "run `dvc repro`, or the stage that writes it, first")


def damaged(path: Path, form: str, error: Exception) -> BadInput:
    """Of a file that a stage wrote and that something else changed since; of the content nothing is told."""
    return BadInput(f"{path}: cannot be read as {form} ({type(error).__name__}): cut off or altered", AGAIN)


def write_csv(frame: pd.DataFrame, path: Path) -> None:
    with replacing(path) as temporary:
        frame.to_csv(temporary, index=False, lineterminator="\n")


def sha256(path: Path) -> str:
    """Of a file; of a folder, over its files' names and hashes."""
    if path.is_dir():
        files = sorted(p for p in path.rglob("*") if p.is_file())
        return digest({str(p.relative_to(path)): sha256(p) for p in files})
    with path.open("rb") as handle:
        return hashlib.file_digest(handle, "sha256").hexdigest()


def code_of(stage: str) -> dict[str, str]:
    """The sha256 of the code and the settings that dvc.yaml names as what a stage is made by, by path."""
    named = [
        d for d in read_yaml(PROJECT / "dvc.yaml")["stages"][stage]["deps"] if d.startswith(("pipeline", "configs"))
    ]
    files = [f for d in named for f in ([PROJECT / d] if (PROJECT / d).is_file() else (PROJECT / d).rglob("*"))]
    kept = (f for f in files if f.is_file() and "__pycache__" not in f.parts)
    return {str(f.relative_to(PROJECT)): sha256(f) for f in sorted(kept)}


def versions(*packages: str) -> dict[str, str]:
    """The installed versions of packages, by name."""
    return {name: importlib.metadata.version(name) for name in packages}


def md5(path: Path) -> str:
    """As DVC records it; a name, not a proof."""
    with path.open("rb") as handle:
        return hashlib.file_digest(handle, lambda: hashlib.md5(usedforsecurity=False)).hexdigest()


def digest(value: Mapping[str, object]) -> str:
    """The sha256 of a mapping's canonical JSON."""
    return hashlib.sha256(json.dumps(value, sort_keys=True, default=plain, separators=(",", ":")).encode()).hexdigest()


def read_csv(path: Path, *columns: str) -> pd.DataFrame:
    """What a stage wrote; BadInput where it is not there, is damaged, or lacks one of `columns`."""
    present(path)
    try:
        frame = pd.read_csv(path)
    except (ValueError, OverflowError) as error:  # pandas' own errors are ValueErrors
        raise damaged(path, "CSV", error) from None
    if absent := [c for c in columns if c not in frame]:
        raise BadInput(f"{path}: column {absent[0]} is missing", AGAIN)
    return frame


def read_codes(path: Path) -> pd.DataFrame:
    """A CSV whose codes keep their digits: every column is text, but counts."""
    frame = pd.read_csv(path, dtype=str, keep_default_na=False)
    return frame.assign(**{c: pd.to_numeric(frame[c]) for c in frame if c in ("active", "candidates", "held")})


def read_frame(path: Path, columns: list[str] | None = None) -> pd.DataFrame:
    """A Parquet file, or a folder of them in the order of their names, as pandas; days are datetime64."""
    pieces(path)
    try:
        frame: pd.DataFrame = pq.read_table(path, columns=columns).to_pandas(date_as_object=False)
    except (pa.ArrowException, OSError) as error:
        raise damaged(path, "Parquet", error) from None
    return frame


def pieces(path: Path) -> list[Path]:
    """The Parquet file itself, or those of a folder in order; BadInput where there is none."""
    if not path.exists():
        raise BadInput(f"{path}: not there yet", "run `dvc repro`, or the stage that writes it, first")
    return sorted(path.glob("*.parquet")) if path.is_dir() else [path]


def rows(path: Path) -> int:
    """How many rows a table has; BadInput where there is none."""
    return sum(int(pq.read_metadata(file).num_rows) for file in pieces(path))


def schema_of(path: Path) -> pa.Schema:
    """Names and types of a Parquet file's columns; BadInput where it is none."""
    try:
        return pq.read_schema(path)
    except pa.ArrowException as error:
        raise BadInput(f"{path}: not a Parquet file: {str(error).splitlines()[0]}") from None


def read_rows(path: Path, positions: NDArray[np.int64], columns: list[str]) -> pd.DataFrame:
    """The rows of a table at ascending positions; it is never whole in memory."""
    found, start = [], 0
    for piece in pieces(path):
        with pq.ParquetFile(piece) as file:
            for batch in file.iter_batches(ROWS_PER_GROUP, columns=columns):
                inside = positions[(positions >= start) & (positions < start + len(batch))] - start
                found.append(batch.take(pa.array(inside)))
                start += len(batch)
    frame: pd.DataFrame = pa.Table.from_batches(found).to_pandas(date_as_object=False)
    return frame


def pandas(table: ir.Table) -> pd.DataFrame:
    """An expression's rows as `read_frame` gives them: days are datetime64."""
    batches = pa.Table.from_batches(stream(compiled(table)), table.schema().to_pyarrow())
    frame: pd.DataFrame = batches.to_pandas(date_as_object=False)
    return frame


def read_pinned(path: Path, digest: str, columns: list[str]) -> pd.DataFrame:
    """A Parquet file that the configuration names with its sha256; BadInput where it is another one, or none."""
    if not path.is_file():
        raise BadInput(f"{path}: no such file", "the configuration names it: put it there, or name none (null)")
    if sha256(path) != digest:
        raise BadInput(f"{path}: sha256 is not the one in the configuration", f"it is {sha256(path)}")
    return read_frame(path, columns)


def stack(parts: list[pd.DataFrame]) -> pd.DataFrame:
    return pd.concat(parts, ignore_index=True)


def as_table(connection: ibis.BaseBackend, name: str, frame: pd.DataFrame) -> ir.Table:
    """A frame as a table of the engine under a name; what holds no value is of text, and so are empty lists."""
    found = pa.Table.from_pandas(frame, preserve_index=False)
    typed = {pa.list_(pa.null()): pa.list_(pa.string()), pa.null(): pa.string()}
    fields = [f.with_type(typed.get(f.type, f.type)) for f in found.schema]
    return engines.register(connection, name, found.cast(pa.schema(fields)))
