# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # 4. Training, validation through policy changes, calibration
#
# *Answers: on what is the model taught and tested, is it better than simple rules and other people's models, were its
# chances right in every period, and what if policy changes? Nine minutes.*
#
# What a recorded graduation *means* depends on policy: targets for facilitators in one year, an empowerment programme
# in another, quotas in a third. A random split would put the same policy on both sides and flatter every model. So
# validation is by time: stand on a day, learn from what was known then, look at what came.

# %%
import math

import matplotlib
import pandas as pd
from IPython.display import Image, Markdown, display

from pipeline import artifacts, boosters, figures, report, runs, stages, wording

matplotlib.rcParams.update(figures.RC)
home = runs.opened()
simulated = artifacts.read_json(home.path(stages.LINEAGE))["simulated"]
model = home.load(report.Config, "report").model
tables = stages.evaluation_tables(home)
measures = tables["measures"]
Markdown(runs.about(home))

# %% [markdown]
# ## Folds with an embargo
#
# In every fold the model learns from the early dates, is calibrated on later ones, and is tested on dates after the
# fold's origin. Between the last calibration date and the origin lies the **embargo**: the horizon and the usual
# delay of a record. Dates in it have no answer yet on the day of the origin, so nobody standing there could learn
# from them.

# %%
Image(figures.png(figures.folds(tables["folds"], simulated)))

# %%
last = tables["folds"].query("fold == fold.max()").groupby("kind")["as_of"].agg(["min", "max", "count"])
gap = pd.Timestamp(last.at["test", "min"]) - pd.Timestamp(last.at["calibrate", "max"])
Markdown(
    f"In the last fold the embargo is {gap.days} days. It learns from {last.at['train', 'count']} dates, calibrates on "
    f"{last.at['calibrate', 'count']} and tests on {last.at['test', 'count']}. The model that scores today is made in "
    "the same way with the extract's day as its origin."
)

# %% [markdown]
# ## Is it better than something simple?
#
# All models see the same rows, features and calibration. **Average precision** asks for the order at the top, where
# visits are: a list in random order has the share of graduates. **AUC** asks for the order of everybody. Intervals
# resample families, and facilitators where they are enough, and show the wider one.

# %%
overall = measures[measures["scope"].eq("all") & measures["metric"].isin(["average_precision", "auc"])]
told = overall.apply(lambda r: f"{r['estimate']:.3f} ({r['lower']:.3f} to {r['upper']:.3f})", axis=1)
named = overall.assign(told=told, model=[wording.label(m, wording.MODELS).en for m in overall["model"]])
order = named[named["metric"] == "average_precision"].sort_values("estimate", ascending=False)["model"]
named.pivot(index="model", columns="metric", values="told").loc[order]

# %%
verdict = artifacts.read_json(home.path(stages.METRICS))["verdict"]
Markdown(
    f"The run's own verdict: **{verdict['verdict']}**. The model in use has {verdict['estimate']:+.3f} "
    f"({verdict['lower']:+.3f} to {verdict['upper']:+.3f}) of {wording.metric(verdict['metric']).en} over the best "
    f"rule of thumb. Signs of a leak: {len(verdict['leaks']) or 'none'}."
)

# %% [markdown]
# ## Period by period
#
# One figure for all years hides the years. The picture shows every as-of date apart; where bars of two models overlap
# widely, that date cannot tell them apart.

# %%
shown = measures["metric"].isin(figures.PERIOD_METRICS) & measures["model"].isin(
    [model, verdict["against"], "base_rate"]
)
Image(figures.png(figures.periods(measures[shown & measures["scope"].eq("period")], simulated)))

# %% [markdown]
# ## Calibration: are chances what they say?
#
# Group families by the chance they were given, and count. On the diagonal, ten per cent means ten in a hundred.

# %%
few = tables["calibration"]["model"].isin([model, "logistic_regression"])
Image(figures.png(figures.calibration(tables["calibration"][few], simulated)))

# %% [markdown]
# Over time the level moves with policy. The map from scores to chances is fitted on the latest year whose answers are
# known, and then moved by what the latest months show already (`early` in `configs/calibrate.yaml`). It cannot
# foresee a policy that begins after the extract: look for the dates where the two marks part.

# %%
levels = measures["metric"].isin(figures.LEVELS) & measures["model"].eq(model) & measures["scope"].eq("period")
Image(figures.png(figures.calibration_periods(measures[levels], simulated)))

# %%
rates = measures[levels].pivot(index="group", columns="metric", values="estimate")
kept = (rates["observed_rate"] / rates["mean_probability"]).rename("graduated for each one promised")
kept.iloc[[kept.argmin(), kept.argmax()]].to_frame().style.format("{:.2f}")

# %%
booster, seal = boosters.read(home.path(stages.MODEL))
fitted = boosters.read_calibration(home.path(stages.CALIBRATION), seal)
Markdown(
    f"The model that scores today: {booster.num_trees()} small trees over {len(booster.feature_name())} features. The "
    f"latest months moved its log-odds by **{fitted.shift:+.2f}**, chances by about a factor of "
    f"{math.exp(fitted.shift):.2f}."
)

# %% [markdown]
# ## Against the truth
#
# Only a simulated world tells what no register does: the true chance of every family, and what came after the
# extract. The oracle knows the true chances: only luck beats it. On real data there is no such table.

# %%
if (truth := stages.oracle(home)) is not None:
    best = truth[truth["metric"].isin(["auc", "average_precision", "precision_at_10_per_facilitator"])]
    display(best.pivot(index="metric", columns="model", values="estimate").style.format("{:.3f}"))

# %% [markdown]
# ## What to take along
#
# - No row is tested by a model that could have known its answer, the delay of records included.
# - A model that does not clearly beat the best rule of thumb is told so, in the verdict, in the report and on the
#   card.
# - The order of families holds better through policy changes than the level of chances. Trust the rank more than the
#   percentage, and read the interval.
#
# Next: [5, reading SHAP](5-shap.py). The reasons for every choice: `docs/method.md`; every figure: `data/report/`.
