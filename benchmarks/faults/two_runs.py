"""Two runs at once, and a reader while a bundle is replaced: is one kept out or made to wait, and is everything whole?

`python -m benchmarks.faults.two_runs --times 20` makes a checkout with a small world in a temporary folder. So many
times each:

- two `dvc repro` begun within a second: one runs; the other ends well after it or is refused, naming the process; the
  outputs are those of an uninterrupted run, and so are they after the next one
- two `python -m pipeline simulate` at once: the second waits for the first and says so; the outputs are whole
- a bundle (made up) replaced, as publish does it, while another process reads it over and over: each reading finds
  one bundle whole, or is told that it was replaced

A pair counts where both were alive at one moment (hit); of the readings, those during which the bundle was replaced.
"""

import itertools
import random
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from benchmarks.faults import checkout as checkouts
from benchmarks.faults.checkout import PROJECT, Checkout
from pipeline import artifacts

sys.path.insert(0, str(PROJECT / "tests" / "desk"))  # the tests' own writer of bundles
import bundles

STAGES = ("simulate", "source", "ingest")
WHOLE = ("whole", "replaced")
WAITS = "waits until another run here has ended: process "


@dataclass(frozen=True)
class Pair:
    """Two runs: whether they met, whether the second was refused or waited, and what was wrong."""

    hit: bool
    kept_out: bool
    wrong: tuple[str, ...]


def ended(run: "subprocess.Popen[str]") -> tuple[int, str]:
    said = run.communicate()[0]
    return run.returncode, said


def repros(checkout: Checkout, reference: dict[str, str], number: int) -> Pair:
    """Two `dvc repro`, the second a part of a second after the first."""
    first = checkout.repro()
    time.sleep(random.Random(number).random())
    second = checkout.repro()
    hit = first.poll() is None
    found = [ended(run) for run in (first, second)]
    refused = [said for status, said in found if status]
    wrong = [f"both were refused: {refused}"] if len(refused) > 1 else []
    wrong += [f"refused without naming the process: {said[-200:]}" for said in refused if "PID" not in said]
    again = ended(checkout.repro())
    wrong += [f"the next run: {again[1][-200:]}"] if again[0] else []
    wrong += [f"{o}: differs" for o, digest in checkout.digests().items() if digest != reference[o]]
    return Pair(hit, bool(refused), tuple(wrong))


def stages(checkout: Checkout, reference: dict[str, str]) -> Pair:
    """Two runs of one stage by hand."""
    command = [sys.executable, "-m", "pipeline", "simulate"]
    both = [
        subprocess.Popen(
            command, cwd=checkout.root, env=checkouts.environment(), text=True, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )
        for _ in range(2)
    ]  # fmt: skip
    found = [ended(run) for run in both]
    waited = [said for _, said in found if WAITS in said]
    wrong = [said[-200:] for status, said in found if status]
    wrong += [f"{o}: differs" for o, digest in checkout.digests().items() if digest != reference[o]]
    return Pair(bool(waited), bool(waited), (*wrong, *checkout.left_over()))


READER = """
import sys
from pathlib import Path
from pipeline.desk import bundle
for _ in sys.stdin:
    try:
        found = bundle.opened(Path(sys.argv[1]), None)
        with bundle.unmoved(found.folder, found.manifest_sha256):
            rows = sum(len(b) for r in found.regencies() for b in found.rows(f"candidates/{r}.parquet"))
        print(found.number, rows, flush=True)
    except bundle.Refused as error:
        print(error.problem, flush=True)
"""


def readings(folder: Path, times: int) -> Counter[str]:
    """What a reader finds while bundles take each other's place, each of the next number: of 60 families where that is
    odd, of 80 where it is even; by what it says: `whole`, `replaced`, or what is wrong."""
    made = []
    for number, size in ((1, 30), (2, 40)):
        bundles.PER_REGENCY = size
        made.append(bundles.write(folder / f"bundle{number}", number=number))
    published, over = folder / "published", threading.Event()

    def replace() -> None:
        for number in itertools.takewhile(lambda _: not over.is_set(), itertools.count(3)):
            with artifacts.replacing_folder(published) as target:
                shutil.copytree(made[(number + 1) % 2], target, dirs_exist_ok=True)
                bundles.sign(target, number=number)

    replacing = threading.Thread(target=replace)
    bundles.write(published, number=2)
    replacing.start()
    reader = subprocess.Popen(
        [sys.executable, "-c", READER, str(published)], cwd=PROJECT, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        text=True,
    )  # fmt: skip
    said, _ = reader.communicate("\n" * times)
    over.set()
    replacing.join()
    return Counter(map(judged, said.splitlines()))


def judged(said: str) -> str:
    """Whether a reading was of one bundle."""
    if said == "replaced":
        return said
    number, _, families = said.partition(" ")
    return "whole" if families == ("60" if int(number) % 2 else "80") else f"mixed: {said}"


def told(what: str, pairs: list[Pair]) -> list[str]:
    wrong = [f"  {n}: {'; '.join(p.wrong)}" for n, p in enumerate(pairs) if p.wrong]
    hit, kept = (sum(getattr(p, name) for p in pairs) for name in ("hit", "kept_out"))
    return [f"{what:<24}{hit:>4} of {len(pairs)} hit, {kept} refused or made to wait, {len(wrong)} wrong", *wrong]


def main(
    times: Annotated[int, typer.Option(help="Pairs of each kind.")] = 20,
    looks: Annotated[int, typer.Option(help="Readings of a bundle that is being replaced.")] = 1000,
) -> None:
    start = time.perf_counter()
    with tempfile.TemporaryDirectory() as folder:
        checkout, references = checkouts.make(Path(folder) / "checkout", STAGES), []
        for world in (1, 0):
            checkouts.turn(checkout, world)
            assert ended(checkout.repro())[0] == 0, "an uninterrupted run fails"
            references.append(checkout.digests())
        of_repro = []
        for number in range(times):
            checkouts.turn(checkout, number + 1)
            of_repro.append(repros(checkout, references[number % 2], number))
        checkouts.turn(checkout, 0)
        checkout = Checkout(checkout.root, ("simulate",))
        of_stage = [stages(checkout, references[1]) for _ in range(times)]
        found = readings(Path(folder), looks)
    strange = {said: n for said, n in found.items() if said not in WHOLE}
    for line in (*told("two dvc repro", of_repro), *told("two of one stage", of_stage)):
        typer.echo(line)
    typer.echo(f"readings while replaced {looks:>5}: {dict(found)}, {sum(strange.values())} wrong")
    typer.echo(f"{time.perf_counter() - start:.0f} s")
    if strange or any(p.wrong for p in (*of_repro, *of_stage)):
        raise typer.Exit(1)


if __name__ == "__main__":
    typer.run(main)
