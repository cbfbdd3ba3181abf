"""What a user can cause, and what the machine can: told in a few lines, with an exit status of its own."""

import errno
from collections.abc import Iterator

REFUSALS = (
    errno.ENOSPC, errno.EDQUOT, errno.EIO, errno.EROFS, errno.EACCES, errno.EPERM, errno.EFBIG, errno.EMFILE,
    errno.ENFILE, errno.ENOMEM,
)  # fmt: skip
IN_WORDS = (
    "No space left on device", "Disk quota exceeded", "Input/output error", "Read-only file system",
    "Permission denied", "Operation not permitted", "File too large", "Too many open files", "Cannot allocate memory",
    "disk is full", "disk I/O error",
)  # fmt: skip
SHOWN = 300
WAY_OUT = "nothing half-written stays: give it room or rights, then run the same command again"


class BadInput(Exception):
    """One or a few lines that name file, row or key, column and rule, and the way out; never a personal value."""

    def __init__(self, *lines: str) -> None:
        super().__init__("\n".join(lines))


class MachineFault(Exception):
    """One or a few lines that name the path and what the machine refused: a full disk, a right, a write."""

    def __init__(self, *lines: str) -> None:
        super().__init__("\n".join(lines))


def fault(error: BaseException) -> MachineFault | None:
    """What the machine refused, with the path; None for any other error.

    Python's errors carry a number; of DuckDB's, SQLite's and Arrow's only the words come through.
    """
    for one in causes(error):
        if isinstance(one, OSError) and one.errno in REFUSALS:
            return MachineFault(f"{one.filename or 'a file'}: {one.strerror}"[:SHOWN], WAY_OUT)
        if not isinstance(one, OSError) and any(words in str(one) for words in IN_WORDS):
            return MachineFault(" ".join(str(one).split())[:SHOWN], WAY_OUT)
    return None


def causes(error: BaseException | None) -> Iterator[BaseException]:
    """The error and what it came from; not what was dealt with before it and put aside (`from None`)."""
    while error is not None:
        yield error
        error = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
