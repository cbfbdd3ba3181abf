"""Outside formats -> an extract of contract tables, still unchecked: ingestion judges every row."""

from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

from pipeline.sources import files
from pipeline.sources.extract import Config, Extract

Load = Callable[[type[Any], str], Any]


def open_extract(load: Load, root: Path, landing: Path) -> Extract:
    """The extract that configs/source.yaml names. `load` reads a section's settings, `landing` is a private folder.

    A relative path is looked for under `root` first, where a study keeps its own data, then in the working folder.
    """
    config: Config = load(Config, "source")
    if config.kind == "database":
        from pipeline.sources import database

        return database.open_extract(config.path, load(database.Config, "database"), landing, config.columns())
    path = root / config.path if (root / config.path).exists() else Path(config.path)
    if config.kind == "eph":
        from pipeline.sources import eph

        return eph.open_extract(path, load(eph.Config, "eph"), landing)
    return files.open_extract(path, config.columns())


def describe(extract: Extract) -> dict[str, object]:
    """Name, date and the sha256 of every file: what was read, wherever it lay."""
    return {
        "name": extract.name,
        "extracted_on": extract.extracted_on.isoformat(),
        "files": files.fingerprint(extract),
    }


def card(extract: Extract) -> dict[str, object]:
    """What later stages need to know of an extract: its name, its date, and the columns it declared."""
    return {
        "name": extract.name,
        "extracted_on": extract.extracted_on.isoformat(),
        "welfare": [asdict(column) for column in extract.welfare],
    }
