"""One id that ties code, configuration, data and model together: the same inputs, the same id, on every machine."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass

ID_LENGTH = 16


@dataclass(frozen=True)
class Lineage:
    """What made a list. `commit` is the last one that changed code or configuration; `dvc_lock` is the sha256 of the
    entries of the stages that led here, null where the stages were run by hand."""

    commit: str | None
    dirty: bool
    dvc_lock: str | None
    parameters: Mapping[str, object]
    data: Mapping[str, str]
    model: Mapping[str, str]
    environment: str
    source: str
    extracted_on: str
    simulated: bool

    @property
    def id(self) -> str:
        """The first 16 hex digits of the sha256 of everything else."""
        text = json.dumps(asdict(self), sort_keys=True, separators=(",", ":"), default=str)
        return hashlib.sha256(text.encode()).hexdigest()[:ID_LENGTH]

    def record(self) -> dict[str, object]:
        return {"id": self.id, **asdict(self)}
