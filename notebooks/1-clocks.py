# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # 1. The data and its two clocks
#
# *Answers: what does an extract hold, when did something happen, when did anybody know it, and what may a score made
# on a given day look at? Eight minutes.*
#
# Every row of an extract carries two days. **Valid time** is the day something happened: a family left, a session was
# held. **Known time** (`recorded_on`) is the day the system heard of it. A model that is taught with the first clock
# alone learns from the future: it sees exits that nobody had recorded yet. Such a model shines in a backtest and
# fails on a real list. So everything here that looks back goes through one small module, `pipeline/asof.py`.

# %%
from datetime import timedelta

import matplotlib
import pandas as pd
from IPython.display import Image, Markdown

from pipeline import artifacts, asof, figures, runs, stages, study
from pipeline.tables import TABLES

matplotlib.rcParams.update(figures.RC)
home = runs.opened()
simulated = artifacts.read_json(home.path(stages.LINEAGE))["simulated"]
Markdown(runs.about(home))

# %% [markdown]
# ## What lies there
#
# A line below is a table of the extract after ingestion has checked it against the contract. Names and identity
# numbers are gone: ingestion set them apart, and only the desk of the officer who visits ever joins them again. Rows
# that broke a rule are not lost: they lie in quarantine, each with its position, the column and the rule.

# %%
tables = stages.canonical(home)
checked = artifacts.read_csv(home.path(stages.FINDINGS)).groupby("table")[["accepted", "rejected"]].sum()
told = {name: {"one row is a": " × ".join(TABLES[name].key), "happened": TABLES[name].happened_on} for name in tables}
pd.DataFrame(told).T.join(checked)

# %% [markdown]
# ## One exit that was recorded late
#
# Of all exits, take the one that waited longest for its record (ties: the first family number). Until the day of its
# record everybody, the pipeline of that day included, believed that the family was still a member.

# %%
membership = artifacts.read_frame(home.path(f"{stages.CANONICAL}/membership.parquet"))
membership["waited"] = (membership["recorded_on"] - membership["effective_on"]).dt.days
exits = membership[membership["event"] == "exited"]
late = exits.sort_values(["waited", "kpm_id"], ascending=[False, True]).iloc[0]
membership[membership["kpm_id"] == late["kpm_id"]].sort_values("effective_on")

# %%
as_ofs = stages.as_ofs_of(artifacts.read(home.path(stages.COHORT)))
before, after = (late[day].date() for day in ("effective_on", "recorded_on"))
around = [a for a in as_ofs if before - timedelta(100) <= a <= after + timedelta(100)]
seen = {a: asof.membership_state(tables["membership"], a).filter(lambda t: t.kpm_id == late["kpm_id"]) for a in around}
pd.DataFrame(
    {
        "had left by then": [before <= a for a in around],
        "last event known then": [seen[a].event.to_pandas().iloc[0] for a in around],
    },
    index=pd.Index(around, name="as of"),
)

# %% [markdown]
# ## The same for every family
#
# Each dot is an exit around one as-of date: to the right it happened later, upwards it was recorded later. What
# counts on that date is the lower left corner only. The upper left corner is the trap: those families had left, and
# nobody knew.

# %%
as_of = pd.Timestamp(as_ofs[-5])
near = exits[exits["effective_on"].between(as_of - timedelta(180), as_of + timedelta(90))]
hidden = (near["effective_on"] <= as_of) & (near["recorded_on"] > as_of)
known = near["recorded_on"] <= as_of

figure, (axes,) = figures.drawing(f"Exits around {as_of:%d %B %Y}: when, and when known", simulated, height=5.4)
for which, marker, face, words in (
    (known, "o", "#0B3C5D", "known: may be used"),
    (hidden, "^", "white", "had happened, not known: may not"),
    (~known & ~hidden, "x", "#8A8A8A", "the future"),
):
    dots = {"marker": marker, "facecolor": face, "edgecolor": None if marker == "x" else "#0B3C5D", "s": 16}
    axes.scatter(near.loc[which, "effective_on"], near.loc[which, "recorded_on"], label=words, **dots)
axes.axvline(as_of, color="black", linewidth=1)
axes.axhline(as_of, color="black", linewidth=1)
axes.set(xlabel="the family left on (valid time)", ylabel="recorded on (known time)")
axes.tick_params(axis="x", rotation=30)
axes.legend(loc="upper left")
Image(figures.png(figure))

# %% [markdown]
# How many rows of each table are in the trap on that day?

# %%
dated = {name: TABLES[name].happened_on for name in tables if TABLES[name].happened_on}
happened = {n: tables[n].filter(tables[n][day] <= as_of.date()).count().to_pandas() for n, day in dated.items()}
usable = {n: asof.known(tables[n], day, as_of.date()).count().to_pandas() for n, day in dated.items()}
counted = pd.DataFrame({"had happened": happened, "known": usable})
counted.assign(**{"not known yet": counted["had happened"] - counted["known"]})

# %% [markdown]
# ## How long to wait before an answer is an answer
#
# Slow records have a second consequence. Whether a family graduates within the horizon is known only when the horizon
# *and* the usual delay of a record have passed: the label has **matured**. The delay is measured from the records
# themselves, per as-of date. Until then the label is *censored*: neither yes nor no (notebook 2).

# %%
settings = home.load(study.Config, "study")
matures = stages.moments(home)[as_of.date()]
waits = exits["waited"].quantile([0.5, 0.9, settings.lag_quantile])
Markdown(
    f"Half of the exits are recorded within **{waits.iloc[0]:.0f} days**, nine in ten within {waits.iloc[1]:.0f}, "
    f"{settings.lag_quantile:.1%} within {waits.iloc[2]:.0f}. A label as of {as_of.date()} looks "
    f"{settings.horizon_months} months ahead and matures on **{matures}**; this extract is of "
    f"{stages.extracted_on(home)}, so it is {'known' if matures <= stages.extracted_on(home) else 'still censored'}."
)

# %% [markdown]
# ## What to take along
#
# - Both days must lie on or before the as-of date; a closing date in the same row counts only once it has passed.
# - The same code builds features for training and for scoring (`features.build(tables, as_of)`), so no date is
#   special.
# - `tests/` prove it: an extract taken a year earlier gives the same features and the same matured labels.
#
# Next: [2, what graduation means](2-graduation.py). The rules in words: `docs/method.md`, Time.
