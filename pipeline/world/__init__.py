"""What the simulated world says beside what is published of PKH: one row per figure, and the page that shows them."""

from pipeline.world.charts import income_bins, pictures
from pipeline.world.measures import MEASURES
from pipeline.world.opening import open_world
from pipeline.world.page import facts, render, shown
from pipeline.world.seen import total
from pipeline.world.settings import Config, Figure
from pipeline.world.verdicts import COLUMNS, Found, find, finished, holds, measure, ratio, verdict

__all__ = [
    "COLUMNS", "MEASURES", "Config", "Figure", "Found", "facts", "find", "finished", "holds", "income_bins", "measure",
    "open_world", "pictures", "ratio", "render", "shown", "total", "verdict",
]  # fmt: skip
