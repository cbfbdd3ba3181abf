"""Where things lie, the engine, and atomic writes. The only module that knows paths.

Tables are read and written by `tabular`, which is loaded when the first of its functions is asked for: what reads
settings and records alone starts without pandas, Arrow and Ibis.
"""

import contextlib
import errno
import fcntl
import hashlib
import importlib
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
from typing import TYPE_CHECKING, Any, Literal, TypeVar

import yaml
from pydantic import Field, PositiveInt, ValidationError

from pipeline import durable, machine, marks, progress, worlds
from pipeline.config import BaseConfig
from pipeline.errors import BadInput

if TYPE_CHECKING:
    from pipeline.artifacts.tabular import (
        as_table,
        compiled,
        engine,
        join,
        pandas,
        partition,
        read,
        read_codes,
        read_csv,
        read_folder,
        read_frame,
        read_part,
        read_pinned,
        read_rows,
        rows,
        schema_of,
        spell_out,
        stack,
        stream,
        with_days,
        write,
        write_batches,
        write_csv,
        write_parquet,
        write_part,
        write_runs,
        write_sql,
    )

C = TypeVar("C", bound=BaseConfig)
T = TypeVar("T")
PROJECT = Path(__file__).resolve().parents[2]
PRIVATE, PRIVATE_FOLDER = 0o600, 0o700
SWAPS = 1000
LOCK, SCRATCH = ".lock", "data/.scratch"
LEFT = re.compile(r"\..+\.\d+\.(part|old|spill)")
WAY_OUT = "mend the file named above; its comments in configs/ tell what each key means"
LARGEST_YAML, DEEPEST = 4 << 20, 40
AGAIN = "remove it and run `dvc repro`, which makes it again"
WORLDLY = "simulate"  # the section that worlds change
RANGE = {"minimum": "at least", "exclusiveMinimum": "above", "maximum": "at most", "exclusiveMaximum": "below"}
__all__ = [
    "Config", "Home", "Settings", "alone", "as_table", "beside", "bounds", "clear", "code_of", "compiled",
    "complaint", "damaged", "digest", "discard", "engine", "in_two_steps", "join", "line_of", "link",
    "made_of", "md5", "named", "pandas", "partition", "pieces", "plain", "present", "read", "read_codes",
    "read_csv", "read_folder", "read_frame", "read_json", "read_part", "read_pinned", "read_rows", "read_yaml",
    "recorded", "refuse_strangers", "refuse_tricks", "replacing", "replacing_folder", "resolved", "rows",
    "running", "schema_of", "scratch_folder", "sha256", "spell_out", "stack", "stream", "take_place", "unfold",
    "validated", "versions", "with_days", "write", "write_batches", "write_bytes", "write_csv", "write_json",
    "write_parquet", "write_part", "write_runs", "write_sql", "write_text",
]  # fmt: skip


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
        return yaml.load(text, Loader=marks.SAFE)
    except (yaml.YAMLError, ValueError, OSError) as error:  # a ValueError is a day that does not exist
        raise BadInput(f"{file}: cannot be read as YAML: {' '.join(str(error).split())[:200]}") from None


def refuse_tricks(text: str, file: Path) -> None:
    """Anchors make a small file a huge one, tags make it code, and a deep nesting ends the process of its reader."""
    depth = 0
    for event in yaml.parse(text, Loader=marks.SAFE):
        if isinstance(event, yaml.AliasEvent) or getattr(event, "anchor", None) or getattr(event, "tag", None):
            raise BadInput(f"{file}: line {line_of(event)}: tags, anchors and aliases are not allowed")
        depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
        if depth > DEEPEST:
            raise BadInput(f"{file}: line {line_of(event)}: nested more than {DEEPEST} deep")


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
    durable.made(path.parent)
    with named(path):
        discard(beside(path, "part"))  # of a killed process whose number came round to this one
        with durable.in_place_when_whole(path) as temporary:
            if mode is not None:
                os.close(os.open(temporary, os.O_CREAT | os.O_WRONLY | os.O_TRUNC, mode))
            yield temporary


@contextlib.contextmanager
def replacing_folder(path: Path) -> Iterator[Path]:
    """A temporary folder beside `path` that takes its place whole, only if the block ends well."""
    durable.made(path.parent)
    temporary = beside(path, "part")
    try:
        with named(path):
            discard(temporary)
            temporary.mkdir()
            yield temporary
            for inside in (*temporary.rglob("*"), temporary):
                durable.flush(inside)
            take_place(temporary, path)
            durable.flush(path.parent)
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


def unfold(folder: Path) -> None:
    """Tables that are a folder of one part become that part."""
    for parts in sorted(p for p in folder.iterdir() if p.is_dir()):
        (only,) = parts.iterdir()
        whole = parts.with_name(f".{parts.name}.whole")
        only.rename(whole)
        parts.rmdir()
        whole.rename(parts)


def link(path: Path, other: Path) -> None:
    """The same file, or folder of files, under a second name; nothing is copied, and neither may be written to."""
    for file in pieces(path):
        target = other / file.name if path.is_dir() else other
        target.parent.mkdir(parents=True, exist_ok=True)
        os.link(file, target)


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


def pieces(path: Path) -> list[Path]:
    """The Parquet file itself, or those of a folder in order; BadInput where there is none."""
    if not path.exists():
        raise BadInput(f"{path}: not there yet", "run `dvc repro`, or the stage that writes it, first")
    return sorted(path.glob("*.parquet")) if path.is_dir() else [path]


if not TYPE_CHECKING:  # else a name that is none would pass for anything

    def __getattr__(name: str) -> Any:
        if name not in __all__:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        return getattr(importlib.import_module(f"{__name__}.tabular"), name)
