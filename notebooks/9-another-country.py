# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # 9. Another country: from raw columns to a list
#
# *Answers: I have another transfer programme and another file. What must I map, what comes for free, and does it work
# on real people? Eight minutes.*
#
# The same pipeline, run on the Encuesta Permanente de Hogares of Argentina (Fuente: INDEC, EPH): households that
# receive a transfer conditional on schooling and health checks, interviewed up to four times. **These are real
# households, not simulated ones**, in a public file without names. It needs the panel beside the checkout
# (`../shared/data/eph`) and `make eph`, which leaves its run in `build/eph`.

# %%
import matplotlib
import pandas as pd
from IPython.display import Image, Markdown

from pipeline import artifacts, figures, lists, runs, stages, wording
from pipeline.sources import extract
from pipeline.sources.eph import panel

matplotlib.rcParams.update(figures.RC)
pd.set_option("display.max_colwidth", None)
home = runs.opened("eph")
simulated = artifacts.read_json(home.path(stages.LINEAGE))["simulated"]
Markdown(runs.about(home))

# %% [markdown]
# ## What was changed for another country
#
# No code of a step. One source (`pipeline/sources/eph/`) turns the file into the contract's tables, and a folder of
# configuration takes the place of a few sections. Everything after ingestion is what you saw in notebooks 1 to 7.

# %%
changed = sorted(file.stem for file in (artifacts.PROJECT / "configs" / "eph").glob("*.yaml"))
print("configs/eph:", ", ".join(changed))
print((artifacts.PROJECT / "configs" / "eph" / "source.yaml").read_text())

# %% [markdown]
# ## A household in the raw file
#
# By rule: of the households on a list those interviewed most often with children, and of them the likeliest. `V5`
# asks whether a money transfer came in the last three months, 1 yes, 2 no; `IX_TOT` counts people, `n_u6` and
# `n_6_17` children, `n_formal_wage` employees with a pension contribution; `head_CH06` is the age of the head, `ITF`
# the income in pesos.

# %%
limits = home.load(lists.Config, "lists")
chosen = lists.select(artifacts.read_frame(home.path(stages.SCORES)), limits)
tables = stages.canonical(home)
with_children = tables["welfare"].filter(lambda t: t.children > 0)
interviews = with_children.kpm_id.to_pandas().value_counts()
listed = chosen[chosen["status"] == lists.LISTED].assign(interviews=lambda t: t["kpm_id"].map(interviews))
first = listed.sort_values(["interviews", "rank"], ascending=[False, True]).iloc[0]
family = first["kpm_id"]
asked = ["V5", "IX_TOT", "n_u6", "n_6_17", "head_CH06", "ITF", "n_formal_wage"]
raw = panel.prepare(panel.read(artifacts.PROJECT / home.load(extract.Config, "source").path, asked))
raw[raw["kpm_id"] == family].set_index(panel.QUARTER)[asked]

# %% [markdown]
# ## The same household in the contract's tables
#
# What must be mapped is little: *who* (`kpm`), *when they were in and when they left* (`membership`), *who lives
# there* (`members`), *what was seen of them* (`welfare`), *what was paid* (`payments`), and, for a survey, *who was
# followed* (`follow_up`). Both clocks again: an interview is known on its own day. What the survey does not ask stays
# empty.

# %%
mine = {name: tables[name].filter(tables[name].kpm_id == family).to_pandas() for name in tables}
mine["membership"].drop(columns="kpm_id").fillna("")

# %%
declared = [column.name for column in stages.declared(home)]
seen = mine["welfare"].astype({"observed_on": str}).set_index("observed_on")[declared]
seen.loc[:, ["household_size", "children", "formal_wage_earners", "income_rank", "income_per_head_rank"]]

# %% [markdown]
# Money became a rank within its quarter, because inflation was high. Columns beyond the contract are declared with
# kind, unit and bounds in `configs/eph.yaml`; every one becomes features without another line of code:

# %%
dictionary = artifacts.read_csv(home.path(stages.DICTIONARY))
of_declared = dictionary["feature"].str.startswith(tuple(declared)) & dictionary["used_in_score"]
Markdown(f"{len(declared)} columns: {of_declared.sum()} of {dictionary['used_in_score'].sum()} features of the score")

# %% [markdown]
# ## What is success here?
#
# Why a household left is not recorded. If its last child grew up, the exit is `natural`, like PKH's; every other exit
# counts as the target. And a survey loses people: whoever was not interviewed a year later is **censored**, neither
# yes nor no. They are so many that nothing here is a rate of the whole country.

# %%
labels = artifacts.read_frame(home.path(stages.LABELS))
labels["outcome"].value_counts(normalize=True).rename("share of household-dates").to_frame().style.format("{:.1%}")

# %% [markdown]
# ## Does it work on real people?
#
# Taught with what was known before the fold's origin, tested on every later date that has an answer.

# %%
evaluated = stages.evaluation_tables(home)
Image(figures.png(figures.folds(evaluated["folds"], simulated)))

# %%
overall = evaluated["measures"].query("scope == 'all' and metric in ['auc', 'average_precision', 'brier']")
told = overall.apply(lambda r: f"{r['estimate']:.3f} ({r['lower']:.3f} to {r['upper']:.3f})", axis=1)
named = overall.assign(told=told, model=[wording.label(m, wording.MODELS).en for m in overall["model"]])
order = named[named["metric"] == "auc"].sort_values("told", ascending=False)["model"]
named.pivot(index="model", columns="metric", values="told").loc[order]

# %%
Image(figures.png(figures.calibration(evaluated["calibration"], simulated)))

# %% [markdown]
# ## To the list
#
# Scores of the extract's last date, explained and ranked within each urban area. A household that was not interviewed
# in the last quarter is held: its data are old. There are no facilitators in this file, so only the share of an area
# bounds its list.

# %%
pd.crosstab(chosen["regency_code"], chosen["status"], margins=True, margins_name="all").tail(8)

# %%
reasons = lists.reasons(lists.only(stages.evidence(home), {family}), limits)
Markdown(
    f"This household: a chance of **{first['probability']:.0%}** ({first['lower']:.0%} to {first['upper']:.0%}), "
    f"rank {first['rank_in_regency']} in area {first['regency_code']}.\n\n"
    + "\n".join(f"- {r.direction}: {r.text_en}" for r in reasons.itertuples())
)

# %% [markdown]
# ## Your programme
#
# 1. If your file can be written as the contract's tables (`pipeline/tables.py` documents each column), name its
#    folder in `configs/source.yaml` (`kind: files`, or `database`) and you are done.
# 2. Otherwise write a source like `pipeline/sources/eph/`: a function from your file to those tables. Decide, and
#    write down in its docstring, what an enrolment is, what an exit is, which exit is the target, and on which day
#    each fact was *known*.
# 3. Put what differs into a folder beside `configs/eph`, and look at the labels before you look at any model.
# 4. Words people read are Indonesian and English; a list for another country needs its own in `pipeline/wording.py`.
#
# More: `docs/extract.md`. That was the last story; [the table of contents](README.md) has them all.
