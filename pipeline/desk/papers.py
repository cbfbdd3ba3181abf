"""PDF to print: visit sheets, and the minutes of a village meeting. Text goes to Typst as data, never as markup."""

import json
from pathlib import Path
from typing import Any

import typst

TEMPLATES = Path(__file__).parent / "templates" / "paper"


def pdf(template: str, data: dict[str, Any]) -> bytes:
    """The paper's bytes; equal data give equal bytes."""
    source = (TEMPLATES / f"{template}.typ").read_bytes()
    text = json.dumps(data, ensure_ascii=False, sort_keys=True)
    return bytes(typst.compile(source, format="pdf", sys_inputs={"data": text}, ignore_system_fonts=True))
