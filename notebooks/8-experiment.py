# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # 8. Your own experiment
#
# *Answers: how do I try another setting, know whether it is better, keep a record of it, and make it the model in
# use? Nine minutes to read; one cell trains for a minute.*
#
# Every number a run depends on stands in `configs/`, one file per section with a comment each. An experiment is
# another value there. Three ways, from the quick look to the record:
#
# 1. in memory, here: no file changes, nothing is recorded;
# 2. `dvc exp run`: the whole pipeline with the other value, kept under a name, compared, applied or thrown away;
# 3. `dvc repro` after an edit: it becomes the run, its model the **challenger**; a person promotes it.

# %%
from dataclasses import replace

import pandas as pd
from IPython.display import Markdown

from pipeline import artifacts, backtest, context, evaluate, folds, runs, stages, tracking
from pipeline.tracking import mlflow  # by this door its telemetry is off

home = runs.opened()
settings = stages.backtest_settings(home)
Markdown(runs.about(home))

# %% [markdown]
# ## 1. In memory
#
# The question: *the model lets old evidence count less; does forgetting help?* The variant weighs all years alike
# (`half_life_months: null` in `configs/train.yaml`). It learns as the backtest does, on the last fold: the same
# dates, rows, features, seeds and calibration. Only the peers are left out.

# %%
settings.train.model_dump(include={"half_life_months", "trees", "num_leaves", "seeds", "level", "monotone"})

# %%
past = stages.past(home)
config = home.load(folds.Config, "folds")
fold = folds.chop(*stages.matured_dates(home), config)[-1]
variant = replace(
    settings,
    train=settings.train.model_copy(update={"half_life_months": None}),
    peers=settings.peers.model_copy(update={"peers": (), "survival_peers": ()}),
    survival=None,
)
trial = backtest.one(fold, past, variant).predictions.assign(model="variant")
Markdown(f"Learnt from {len(fold.train_as_ofs)} dates until {fold.train_as_ofs[-1]}, tested on {len(trial):,} rows.")

# %% [markdown]
# Now side by side with what the run kept of the model in use, on the same rows. The difference comes with an
# interval, resampling families and facilitators: with few graduates, most settings cannot be told apart, and then the
# simpler one or the one with the better reason should stay.

# %%
known = artifacts.read_frame(home.path(stages.PREDICTIONS))
judge = home.load(evaluate.Config, "evaluate").model_copy(update={"segments": {}, "replicates": 60})
beside = known[(known["fold"] == fold.number) & known["model"].isin([judge.champion, *judge.rules])]
places = context.build(stages.canonical(home), list(fold.test_as_ofs)).to_pandas().astype({"as_of": "datetime64[s]"})
rows = pd.concat([beside, trial]).astype({"as_of": "datetime64[s]"})
found = evaluate.tables(evaluate.measure(rows.merge(places, on=["kpm_id", "as_of"], how="left"), judge))
asked = ["auc", "average_precision", "precision_at_10_per_facilitator", "mean_probability", "observed_rate"]
measured = found["measures"].query("scope == 'all' and metric in @asked and model in [@judge.champion, 'variant']")
measured.pivot(index="metric", columns="model", values="estimate").style.format("{:.4f}")

# %%
less = found["differences"].query("scope == 'all' and against == 'variant' and metric in @asked")
less = less.set_index("metric")[["estimate", "lower", "upper"]]
sure = (less["lower"] > 0) | (less["upper"] < 0)
less.assign(**{"the interval excludes zero": sure}).rename(columns={"estimate": "model in use less variant"})

# %% [markdown]
# Read it honestly: this fold's test years were looked at. Every look makes the best of several a little luckier than
# it is. `python -m pipeline tune` searches on folds *before* the backtest's for that reason, and `configs/train.yaml`
# says which choice was made after seeing what.
#
# ## 2. With DVC
#
# The same experiment as a run of its own. DVC writes the value into `configs/`, runs the stages that it touches
# (`backtest`, `train` and what follows) and keeps value and figures under a name. It works in place: afterwards
# `data/`, `models/` and `configs/` hold the experiment.
#
# ```
# dvc exp run -n all_years_alike -S configs/train.yaml:half_life_months=null
# dvc exp run -n deeper -S configs/train.yaml:max_depth=3 -S configs/train.yaml:num_leaves=8
# dvc exp show --only-changed
# dvc exp diff all_years_alike deeper
# dvc exp apply all_years_alike
# dvc exp remove deeper
# ```
#
# `dvc exp show` lists them side by side, `apply` brings one back. To return to where you were, take back the change
# in `configs/` and `dvc.lock` (both are in Git) and run `dvc checkout`. A smaller world makes a quicker look: `python
# -m pipeline --world regency --home build/regency all` runs one beside the default.
#
# ## 3. The record, and who is champion
#
# Every finished run is logged to MLflow with its parameters, metrics, figures and model, under its lineage id, the
# same that stands in every row of every list. `make mlflow` opens the pages for comparison; the table behind them:

# %%
track = home.load(tracking.Config, "track")
mlflow.set_tracking_uri(f"sqlite:///{home.path(stages.STORE)}")
logged = mlflow.search_runs(experiment_names=[track.experiment], order_by=["attributes.start_time DESC"])
columns = {
    "tags.lineage_id": "run",
    "start_time": "logged",
    "tags.simulated": "simulated",
    f"metrics.models.{judge.champion}.average_precision.estimate": "average precision",
    f"metrics.models.{judge.champion}.auc.estimate": "AUC",
    "params.train.half_life_months": "half-life",
    "params.train.max_depth": "depth",
}
logged.reindex(columns=list(columns)).rename(columns=columns).head(10)

# %%
aliases = mlflow.MlflowClient().get_registered_model(track.model).aliases
Markdown("\n".join(f"- version {version} is the **{alias}**" for alias, version in sorted(aliases.items())))

# %% [markdown]
# The first model is the champion. A later one is registered as the challenger and changes nothing for anybody until a
# person, having read the comparison and the model's card, says so:
#
# ```
# python -m pipeline promote
# ```
#
# Why did a family's place move between two runs? `python -m pipeline moved K000000001 --before FOLDER` splits it into
# data, model and cohort.
#
# ## Before you believe a better figure
#
# - Is the interval of the *difference* clear of zero, on periods you did not choose by looking?
# - Does it hold in another seed and another world (`python -m pipeline worlds` lists them)?
# - Are the chances still right in each period, and the groups of notebook 7 no worse off?
#
# Next: [9, another country](9-another-country.py). Why the settings are what they are: `docs/method.md`, The model.
