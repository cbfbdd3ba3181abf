"""Progress of long work on the terminal; silent where nobody watches."""

from collections.abc import Iterable, Iterator
from typing import TypeVar

from rich.console import Console
from rich.progress import track as rich_track

T = TypeVar("T")


def track(items: Iterable[T], total: int, what: str) -> Iterator[T]:
    console = Console(stderr=True)
    yield from rich_track(
        items, total=total, description=what, console=console, disable=not console.is_terminal, transient=True
    )


def tell(lines: Iterable[str]) -> None:
    """Notices for the user, on the error stream: what was seen and left aside."""
    console = Console(stderr=True, soft_wrap=True)
    for line in lines:
        console.print(line, markup=False, highlight=False)
