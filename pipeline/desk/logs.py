"""Lines of the server's log: what happened and where in the code, never what a form or a row held."""

import logging
import traceback
from types import TracebackType

Raised = tuple[type[BaseException], BaseException, TracebackType | None] | tuple[None, None, None]
# What a stranger sent and Django refused: the line says why, no place in the code is at fault.
REFUSED = "django.security"
ABOUT_REQUESTS = ("django.request", REFUSED)


class Plain(logging.Formatter):
    """The message; of an error its kind and its frames, without its words: a database's tell the row it refused."""

    def format(self, record: logging.LogRecord) -> str:
        """The line; nothing of the code for what Django refused before the desk saw it."""
        refused = record.name.startswith(REFUSED) or getattr(record, "status_code", 500) < 500
        if refused and record.name.startswith(ABOUT_REQUESTS):
            record.exc_info = record.exc_text = None
        return super().format(record)

    def formatException(self, ei: Raised) -> str:  # noqa: N802
        """Frames, innermost last, and the kind of error."""
        frames = "".join(traceback.format_tb(ei[2]))
        return f"Traceback (most recent call last):\n{frames}{ei[0].__name__ if ei[0] else ''}"
