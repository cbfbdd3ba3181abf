"""The scaling curve: seconds of each stage over families, from a table of measurements to a picture and Markdown.

`python -m benchmarks.curve --table FILE.csv --picture FILE.png`, the table having the columns stage, families, seconds
and peak_gib, one row a stage and size. Both axes are logarithmic, so a stage that grows with a power of the families is
a straight line; its slope, by least squares over the logarithms, is that
power and stands beside its name (1 is linear).
Lines differ by dash and mark, not by colour: the picture can be printed in black and white.
"""

from pathlib import Path
from typing import Annotated

import matplotlib as mpl
import numpy as np
import pandas as pd
import typer
from matplotlib.figure import Figure

COLUMNS = ("stage", "families", "seconds", "peak_gib")
DASHES = ("-", "--", "-.", ":", (0, (8, 2)), (0, (3, 1, 1, 1, 1, 1)))
MARKS = ("o", "s", "^", "D", "v", "x", "P", "*")
WHOLE = "all"


def read(file: Path) -> pd.DataFrame:
    rows = pd.read_csv(file)
    lacking = [c for c in COLUMNS if c not in rows]
    if lacking or rows.empty or (rows[["families", "seconds"]] <= 0).any(axis=None):
        raise SystemExit(f"curve: {file}: needs rows of {', '.join(COLUMNS)}, with families and seconds above 0")
    return rows


def with_whole(rows: pd.DataFrame) -> pd.DataFrame:
    """The rows and, where there are several stages, all of them together: seconds added, memory the most of any."""
    if rows["stage"].nunique() < 2:
        return rows
    full = rows.groupby("families").filter(lambda part: part["stage"].nunique() == rows["stage"].nunique())
    whole = full.groupby("families", as_index=False).agg(seconds=("seconds", "sum"), peak_gib=("peak_gib", "max"))
    return pd.concat([rows, whole.assign(stage=WHOLE)], ignore_index=True)


def slope(families: pd.Series, seconds: pd.Series) -> float:
    """The power with which seconds grow; not a number where there are not two sizes."""
    if families.nunique() < 2:
        return float("nan")
    return float(np.polyfit(np.log(families.to_numpy(float)), np.log(seconds.to_numpy(float)), 1)[0])


def slopes(rows: pd.DataFrame) -> dict[str, float]:
    parts = rows.groupby("stage", sort=False)
    return {str(stage): slope(part["families"], part["seconds"]) for stage, part in parts}


def draw(rows: pd.DataFrame) -> Figure:
    with mpl.rc_context({"font.size": 9, "axes.spines.top": False, "axes.spines.right": False}):
        figure = Figure(figsize=(7.5, 5), layout="constrained")
        axes = figure.subplots()
        for number, (stage, part) in enumerate(rows.groupby("stage", sort=False)):
            points = part.sort_values("families")
            power = slope(points["families"], points["seconds"])
            axes.plot(
                points["families"], points["seconds"], color="black", linewidth=2.2 if stage == WHOLE else 1,
                linestyle=DASHES[number % len(DASHES)], marker=MARKS[number % len(MARKS)], markersize=4,
                label=str(stage) if np.isnan(power) else f"{stage}, slope {power:.2f}",
            )  # fmt: skip
        axes.set(xscale="log", yscale="log", xlabel="families ever enrolled", ylabel="seconds")
        axes.grid(visible=True, which="major", color="0.85", linewidth=0.6)
        axes.legend(loc="center left", bbox_to_anchor=(1, 0.5), frameon=False)
    return figure


def markdown(rows: pd.DataFrame) -> str:
    """Seconds and peak GiB by stage and size, with the slope of each stage."""
    sizes = sorted(rows["families"].unique())
    powers = slopes(rows)
    cells = {(r.stage, r.families): f"{r.seconds:,.1f} s, {r.peak_gib:.1f} GiB" for r in rows.itertuples()}
    lines = [("stage", *(f"{size:,}" for size in sizes), "slope"), ("---",) * (len(sizes) + 2)]
    for stage, power in powers.items():
        told = "" if np.isnan(power) else f"{power:.2f}"
        lines.append((stage, *(cells.get((stage, size), "") for size in sizes), told))
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def main(
    table: Annotated[Path, typer.Option(help="CSV with stage, families, seconds, peak_gib.")],
    picture: Annotated[Path, typer.Option(help="PNG to write.")],
) -> None:
    rows = with_whole(read(table))
    draw(rows).savefig(picture, dpi=150, metadata={"Software": None})
    typer.echo(markdown(rows))


if __name__ == "__main__":
    typer.run(main)
