"""The desk's own server with a gate at its door: requests of one name go in together, and when each was inside is
kept.

`python -m benchmarks.faults.gate serve --port N`: what `python -m pipeline.desk` does. A request that carries the
header X-Together: NAME/COUNT waits at the door until COUNT of that name have come; its NAME and the moments at which
it went in and came out (nanoseconds, one clock) go to gate.csv in the desk's home. Two are inside at once where their
times overlap.
"""

import os
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

SECONDS = 20


class Gate:
    """The application behind the gate."""

    def __init__(self, application: Callable[..., Any], file: Path) -> None:
        self.application, self.file, self.lock = application, file, threading.Lock()
        self.barriers: dict[str, threading.Barrier] = {}

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Any:
        name, _, count = environ.get("HTTP_X_TOGETHER", "").rpartition("/")
        if not name:
            return self.application(environ, start_response)
        with self.lock:
            barrier = self.barriers.setdefault(name, threading.Barrier(int(count)))
        barrier.wait(SECONDS)
        began = time.monotonic_ns()
        answer = self.application(environ, start_response)
        ended = time.monotonic_ns()
        with self.lock, self.file.open("a", encoding="utf-8") as kept:
            kept.write(f"{name},{began},{ended}\n")
        return answer


def times(root: Path) -> dict[str, list[tuple[int, int]]]:
    """The moments in and out of every request, by name."""
    found: dict[str, list[tuple[int, int]]] = {}
    for line in (root / "gate.csv").read_text(encoding="utf-8").splitlines():
        name, began, ended = line.rsplit(",", 2)
        found.setdefault(name, []).append((int(began), int(ended)))
    return found


def together(inside: list[tuple[int, int]]) -> bool:
    """Whether all were inside at one moment."""
    return len(inside) > 1 and max(b for b, _ in inside) < min(e for _, e in inside)


if __name__ == "__main__":
    from pipeline.desk import commands, wsgi

    wsgi.application = Gate(wsgi.application, Path(os.environ["DESK_HOME"]) / "gate.csv")  # type: ignore[assignment]
    commands.run(sys.argv[1:])
