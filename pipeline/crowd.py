"""Work spread over processes: each item once, in any order, with progress; results come back in the items' order."""

import multiprocessing
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from typing import TypeVar

from pipeline import machine, progress

Item = TypeVar("Item")
Result = TypeVar("Result")


def each(work: Callable[[Item], Result], items: Sequence[Item], workers: int, what: str) -> Iterator[Result]:
    """`work` of every item; in this process where one worker or one item is all there is.

    `work` must be importable and its items picklable. An error in one item ends the work of all.
    """
    if min(workers, len(items)) < 2:
        yield from map(work, progress.track(items, len(items), what))
        return
    # Spawned, not forked: a forked child would inherit the locks of this process's threads, held for ever.
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(min(workers, len(items)), context, machine.end_with_parent) as pool:
        try:
            yield from progress.track(pool.map(work, items), len(items), what)
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise
