# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # 5. Reading SHAP: one family, a regency, and what it does not say
#
# *Answers: what is a contribution, how do I read one family's and a whole regency's, how steady are they, and which
# sentences must nobody make of them? Eight minutes.*
#
# A contribution says how much one feature moved *the score of this model* for *this family* away from the average
# score of the families the model learnt from. Contributions are in **log-odds**: +0.7 about doubles the odds, -0.7
# about halves them. They add up exactly, and every active family has them, not a sample.

# %%
import math

import matplotlib
import pandas as pd
from IPython.display import Image, Markdown

from pipeline import artifacts, figures, lists, runs, stages, wording

matplotlib.rcParams.update(figures.RC)
pd.set_option("display.max_colwidth", None)
home = runs.opened()
simulated = artifacts.read_json(home.path(stages.LINEAGE))["simulated"]
method = artifacts.read_json(home.path(stages.METHOD))
Markdown(
    f"{runs.about(home)}\n\n{method['rows']:,} families are explained by `{method['method']}`. Of "
    f"{method['rows_checked']:,} checked against LightGBM's own contributions the largest difference was "
    f"{method['largest_difference']:.0e}."
)

# %% [markdown]
# ## Subjects before features
#
# Hundreds of features are too many to read, and related ones share a contribution among themselves. Each belongs to
# one subject; a subject's contribution is the sum of its features', and that sum is far steadier than any of them.

# %%
contributions = artifacts.read_frame(home.path(stages.SHAP)).set_index("kpm_id")
subject_of = stages.concept_of_features(home)
moves = contributions.drop(columns=["as_of", "base_value"])
by_subject = moves.T.groupby(subject_of).sum().T
by_subject.columns = [wording.label(c, wording.CONCEPTS).en for c in by_subject]
by_subject.abs().mean().sort_values(ascending=False).rename("mean size, log-odds").to_frame().style.format("{:.3f}")

# %% [markdown]
# ## One family
#
# Again the first on any list. From top to bottom: the average family's score, what each subject adds (light) or takes
# away (hatched), and where that ends.

# %%
limits = home.load(lists.Config, "lists")
chosen = lists.select(artifacts.read_frame(home.path(stages.SCORES)), limits)
first = chosen[chosen["status"] == lists.LISTED].sort_values("rank").iloc[0]
family, base = first["kpm_id"], contributions.at[first["kpm_id"], "base_value"]
mine = by_subject.loc[family].sort_values(key=abs, ascending=False)
sums = base + mine.cumsum()

figure, (axes,) = figures.drawing(f"How the score of {family} comes about", simulated)
rows = pd.Series(range(len(mine), 0, -1), index=mine.index)
for side, face, hatch in ((mine >= 0, "#8FB8DE", ""), (mine < 0, "white", "////")):
    axes.barh(rows[side], mine[side], left=(sums - mine)[side], color=face, hatch=hatch, edgecolor="#222222")
axes.plot([base, sums.iloc[-1]], [len(mine) + 1, 0], "D", color="#0B3C5D", markersize=9)
axes.set_yticks([len(mine) + 1, *rows, 0], ["base: average family", *mine.index, "raw score of the family"])
axes.set_xlim(min(base, *sums) - 0.2, max(base, *sums) + 0.2)
axes.set_xlabel("log-odds before calibration")
axes.grid(visible=False, axis="y")
Image(figures.png(figure))

# %%
reasons = lists.reasons(lists.only(stages.evidence(home), {family}), limits)
reasons[["direction", "place", "text_en"]]

# %% [markdown]
# The list tells each strong subject by its strongest feature, and says of an unknown value only that it is unknown.
#
# ## A regency
#
# The average of a regency against everybody: what makes *its families* score higher or lower than elsewhere. Of the
# larger regencies, the one that differs most:

# %%
of_family = chosen.set_index("kpm_id")["regency_code"]
sizes = of_family.value_counts()
means = by_subject.groupby(of_family).mean() - by_subject.mean()
regency = means.loc[sizes[sizes >= sizes.mean()].index].abs().sum(axis=1).idxmax()
away = means.loc[regency].sort_values()
figure, (axes,) = figures.drawing("A regency less all families", simulated)
axes.barh(away.index, away, color="#8FB8DE", edgecolor="#222222")
axes.axvline(0, color="black", linewidth=1)
name = lists.regency_name(regency, limits)
axes.set_xlabel(f"{name}, {sizes[regency]:,} families: difference of mean contributions, log-odds")
axes.grid(visible=False, axis="y")
Image(figures.png(figure))

# %% [markdown]
# ## How steady is it?
#
# Two questions a careful reader asks. Would another draw of the same training have given other reasons? And against
# the family's own regency instead of everybody: is the strongest subject the same?

# %%
opinions = artifacts.read_json(home.path(f"{stages.OPINIONS}/opinions.json"))
seeds, own = opinions["stability"]["listed"], opinions["second_opinion"]["listed"]
Markdown(
    f"Of {seeds['families']:,} listed families: between seeds of the model the strongest subject is the same in "
    f"**{seeds['same_strongest']['mean']:.0%}** of comparisons and {seeds['kept']['mean']:.0%} of the subjects stay. "
    f"Against their own regency the strongest subject stays for **{own['same_strongest']['mean']:.0%}**."
)

# %% [markdown]
# ## What it does not say
#
# **1. It is no cause.** A start in PENA raises the score, because families in PENA graduate more often. That is also
# because those who were likely to graduate were chosen for it. What PENA *changes* is another question, asked with
# other means (`data/effect/`), and the answer may be that nobody can tell:

# %%
effect = artifacts.read_json(home.path(f"{stages.EFFECT}/effect.json"))
lines = [f"Effect of enrolment on the share that graduates: **{effect['verdict']}**."]
if effect.get("estimate") is not None:
    lines += [
        f"Compared without care {effect['naive']:+.1%}; between like families {effect['estimate']:+.1%} "
        f"({effect['lower']:+.1%} to {effect['upper']:+.1%})."
    ]
if effect.get("truth") is not None:
    lines += [f"In this simulated world the true effect is known: {effect['truth']:+.1%}."]
Markdown(" ".join([*lines, f"Why so: {'; '.join(effect['reasons']) or 'every bar was passed'}."]))

# %% [markdown]
# **2. It is no advice.** "Attend more sessions and graduate" does not follow: the family would be another row, not
# another family. `python -m pipeline whatif` shows the model's behaviour to auditors, and no planner sees it.
#
# **3. It is not the chance.** A contribution moves the odds of a family where it stands; the same +0.7 is little at
# one per cent and much at forty. And the calibration moves everybody's level afterwards.

# %%
odds = {p: p / (1 - p) * math.exp(0.7) for p in (0.01, 0.05, 0.2, 0.4)}
pd.DataFrame({"chance before": odds.keys(), "after +0.7": [o / (1 + o) for o in odds.values()]}).style.format("{:.1%}")

# %% [markdown]
# **4. It does not say that the data are right.** Features on the quality of data take part in the score, and a reason
# from them carries a note. A wrong value gets a faithful explanation: an officer who visits sees it, a table does
# not.
#
# **5. Single features share.** What several correlated features tell is split between them by the way the trees
# happened to grow. Read subjects; compare features only with care:

# %%
moves.abs().mean().sort_values(ascending=False).head(8).rename("mean size, log-odds").rename(
    index=artifacts.read_csv(home.path(stages.WORDING)).set_index("feature")["label_en"]
).to_frame().style.format("{:.3f}")

# %% [markdown]
# Next: [6, the list](6-list.py). More, with pictures and second opinions: `docs/explanations.md`.
