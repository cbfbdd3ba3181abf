# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # 6. The list: capacity, holds, pathways, the value of visits
#
# *Answers: why is a family with a high chance not on the list, how long is a list, what is recommended to those on it
# and to the others, and what is a visit worth? Eight minutes.*
#
# A score decides nothing. Between the score and a visit stand rules that anybody can read: who must not be proposed
# now (**holds**), how many families a facilitator can see (**capacity**), and which programme could carry a family
# (**pathway**). Nearly all of these numbers are assumptions of ours, marked one by one in `configs/`, until the
# ministry's own replace them.

# %%
import matplotlib
import pandas as pd
from IPython.display import Image, Markdown

from pipeline import artifacts, figures, holds, lists, report, runs, stages, wording

matplotlib.rcParams.update(figures.RC)
pd.set_option("display.max_colwidth", None)
home = runs.opened()
simulated = artifacts.read_json(home.path(stages.LINEAGE))["simulated"]
model = home.load(report.Config, "report").model
Markdown(runs.about(home))

# %% [markdown]
# ## Listed, held, below
#
# Every active family of a regency is one of three: **listed** for a visit, **held**, or **below** the end of the
# list. The three add up; nobody is lost.

# %%
limits = home.load(lists.Config, "lists")
chosen = lists.select(artifacts.read_frame(home.path(stages.SCORES)), limits)
Markdown(
    f"Capacity: {limits.per_facilitator} families a facilitator, and {limits.regency_share:.0%} of a regency's active "
    "families, whichever is reached first."
)

# %%
table = pd.crosstab(chosen["regency_code"], chosen["status"], margins=True, margins_name="all")
table.rename(index={code: lists.regency_name(code, limits) for code in table.index[:-1]})

# %% [markdown]
# ## Walking down one list
#
# The first families of the largest regency in order of their chance. Held ones keep their rank and use no place;
# `borderline` marks those whose place hangs on the draw of a seed.

# %%
regency = chosen["regency_code"].value_counts().index[0]
top = chosen[chosen["regency_code"] == regency].head(12)
why = ["; ".join(wording.spoken(h, wording.HOLDS, "en") for h in held) for held in top["holds"]]
top.assign(chance=top["probability"].map("{:.0%}".format), why=why).set_index("rank_in_regency")[
    ["kpm_id", "chance", "facilitator_id", "status", "why", "borderline"]
]

# %% [markdown]
# ## Holds
#
# A hold says: not now, whatever the chance. It protects a family in a fragile time, and it keeps an error in the data
# from becoming a proposal. Each is met where one of its rules fires; each rule says where it comes from.

# %%
held = chosen[chosen["status"] == lists.HELD]
rules = home.load(holds.Config, "holds").holds
counted = held["holds"].explode().value_counts().rename_axis("hold").rename("families").reset_index()
counted["in words"] = [wording.spoken(h, wording.HOLDS, "en") for h in counted["hold"]]
counted["sources"] = [", ".join(sorted({r.source for r in rules[h].values()})) for h in counted["hold"]]
counted.set_index("hold")

# %%
would = held["probability"] >= chosen.loc[chosen["status"] == lists.LISTED, "probability"].min()
Markdown(
    f"{len(held):,} of {len(chosen):,} families are held. **{would.sum():,}** of them have a chance as high as one "
    "on a list: without holds they could have been proposed."
)

# %% [markdown]
# ## What a list finds
#
# Out of time, on dates whose answer is known: of the families visited, how many graduate, and how many of all
# graduates are among them? Longer lists find more and waste more. The steps of the simple rules are drawn beside the
# model.

# %%
tables = stages.evaluation_tables(home)
shown = [model, "logistic_regression", *[m for m in tables["capacity"]["model"].unique() if m.startswith("rule_")]]
Image(figures.png(figures.capacity(tables["capacity"].query("model in @shown"), simulated)))

# %% [markdown]
# ## The value of a visit
#
# What should one buy: another visit for each facilitator, or a better score? On the left visits are added; on the
# right the same model is made to tell graduates further apart, by a known amount. The dotted line is where we are.

# %%
Image(figures.png(figures.value(tables["value"].query("way != 'model' or model in @shown"), simulated)))

# %% [markdown]
# Whether a visit is worth its cost depends on what a graduate found is worth against a visit in vain. Nobody here
# knows that ratio, so the picture shows all of them: choose the chance from which *you* would go, and read above it
# which way to choose families brings most.

# %%
Image(figures.png(figures.decision(tables["decision"], simulated)))

# %% [markdown]
# ## Pathways
#
# Every family gets a phase and the programme that could carry it, within the places there are; also the families that
# are not proposed for graduation. "Stay" is the answer for most.

# %%
ways = pd.crosstab(chosen["pathway"], chosen["phase"], margins=True, margins_name="all")
ways.rename(index={name: wording.spoken(name, wording.PATHWAYS, "en") for name in ways.index})

# %%
texts = artifacts.read_frame(home.path(stages.PATHWAYS)).set_index("kpm_id")["text_en"]
examples = chosen.groupby("pathway", sort=False).head(1).set_index("pathway")["kpm_id"]
examples.map(texts).rename("why, for the first family of each").to_frame()

# %% [markdown]
# ## Visits
#
# Being listed is one reason to be visited among several: an open objection, a recent shock, old data. One facilitator
# visits a family for all of them.

# %%
visits = artifacts.read_codes(home.path(f"{stages.VISITS}/counts.csv")).set_index("regency_code")
visits.astype(int).assign(sums_up=lambda t: t.drop(columns="active").astype(int).sum(axis=1) == t["active"])

# %% [markdown]
# Next: [7, fairness](7-fairness.py). More: `docs/pathways.md`, `docs/visits.md`.
