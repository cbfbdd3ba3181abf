# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # 2. What graduation means, competing exits and censoring
#
# *Answers: what exactly is predicted, how else do families leave, what is done with families whose year is not over,
# and why is one minus Kaplan-Meier the wrong curve? Eight minutes.*
#
# The question is narrow: **does a family reach *graduasi sejahtera mandiri* (`gsm`) within the horizon after an as-of
# date?** It leaves because it stands on its own. A family also leaves when its last child finishes school
# (`natural`), when it is found ineligible, moves, or when the caretaker dies. None of these is a success, and each of
# them ends the chance of the other: exits *compete*. A score of "any exit" would look splendid and be useless,
# because natural exits follow from birth dates.

# %%
import matplotlib
import pandas as pd
from IPython.display import Image, Markdown

from pipeline import artifacts, figures, runs, stages, study, survival
from pipeline.columns import CENSORED, NONE, TARGET
from pipeline.labels import OUTCOME_OF_REASON

matplotlib.rcParams.update(figures.RC)
home = runs.opened()
simulated = artifacts.read_json(home.path(stages.LINEAGE))["simulated"]
Markdown(runs.about(home))

# %% [markdown]
# ## The outcomes of a year
#
# A label is a family, an as-of date and the first exit within the horizon. Bars are shares of the families whose year
# is known for good; the rest, up to a hundred per cent, stayed.

# %%
labels = artifacts.read_frame(home.path(stages.LABELS))
Image(figures.png(figures.outcomes(figures.outcome_counts(labels), simulated)))

# %%
known = labels[labels["outcome"] != CENSORED]
left = known[known["outcome"] != NONE]
gsm = left["outcome"].eq(TARGET).mean()
Markdown(
    f"Of {len(known):,} family-dates with a known year, {len(left) / len(known):.1%} ended in an exit, and "
    f"**{gsm:.1%} of the exits were graduations**. Whoever counts every exit as success counts "
    f"{1 / gsm:.0f} where there is one."
)

# %% [markdown]
# ## What was recorded, and what counts
#
# The reason on record is not taken at its word. An exit recorded as graduation of a family in which no member was
# eligible any more is `natural`: it left because the component ended. An exit that took effect before the as-of date
# and was recorded after it (notebook 1) is `other`: that family could not graduate any more.

# %%
membership = artifacts.read_frame(home.path(f"{stages.CANONICAL}/membership.parquet"))
recorded = membership.loc[membership["event"] == "exited", ["kpm_id", "effective_on", "reason"]]
both = left.merge(recorded, left_on=["kpm_id", "outcome_on"], right_on=["kpm_id", "effective_on"])
both["reason on record"] = both["reason"].map(OUTCOME_OF_REASON).fillna("other")
pd.crosstab(both["reason on record"], both["outcome"])

# %% [markdown]
# ## Censoring
#
# The last year of dates has no answer yet. To call those families "not graduated" would teach the model that nobody
# graduates lately. They are left out of the 12-month question, and come back below, where each counts as far as it
# was followed.

# %%
share = labels.groupby("as_of")["outcome"].apply(lambda o: o.eq(CENSORED).mean())
share.tail(6).rename("censored").to_frame().style.format("{:.0%}")

# %% [markdown]
# ## Curves over time: cumulative incidence
#
# Follow everybody by quarters and ask which share has graduated by then. Two ways to count:
#
# - **1 - Kaplan-Meier** treats a family that left otherwise as if it were merely out of sight and could still
#   graduate. It cannot. The curve answers "how many would graduate if nobody ever left in another way", a world that
#   is not there.
# - **Aalen-Johansen** lets only those still there graduate: each quarter's graduations count with the share that has
#   not left in any way. Its curves of all causes and the share that stays add up to one.

# %%
settings = home.load(survival.Config, "survival")
_, matured_on = stages.matured_dates(home)
clock = survival.clock(stages.extracted_on(home), matured_on, home.load(study.Config, "study").horizon_months)
exits = artifacts.read_frame(home.path(stages.RECORDED))
spells = survival.spells(exits, sorted(set(exits["as_of"].dt.date)), clock, settings)
right = survival.aalen_johansen(spells, settings.leads)
only = spells.assign(cause=spells["cause"].where(spells["cause"] == survival.GRADUATED, survival.STAYED))
naive = survival.aalen_johansen(only, settings.leads)
quarters = settings.lead_months * pd.RangeIndex(1, settings.leads + 1).rename("months")
curves = pd.DataFrame(
    {"graduated": right[:, 0], "left otherwise": right[:, 1], "1 - Kaplan-Meier": naive[:, 0]}, index=quarters
)

figure, axes = figures.drawing("Graduated by then, counted in two ways", simulated, columns=2)
from_the_start = pd.concat([pd.DataFrame(0.0, index=[0], columns=curves.columns), curves])
for name, line, marker in (("1 - Kaplan-Meier", "--", "^"), ("graduated", "-", "o")):
    words = "Aalen-Johansen" if name == "graduated" else name
    axes[0].plot(from_the_start[name], color="#0B3C5D", linestyle=line, marker=marker, label=words)
axes[0].set_ylabel("graduated")
parts = from_the_start[["graduated", "left otherwise"]]
axes[1].stackplot(parts.index, parts.T, labels=parts.columns, colors=["#0B3C5D", "#DDDDDD"])
axes[1].set_ylabel("all exits, one above the other")
for panel in axes:
    panel.set(xlabel="months after the as-of date", xticks=range(0, curves.index[-1] + 1, 6), ylim=(0, None))
    panel.yaxis.set_major_formatter("{x:.1%}")
    panel.legend(loc="upper left")
Image(figures.png(figure))

# %%
last = curves.iloc[-1]
Markdown(
    f"After {curves.index[-1]} months {last['graduated']:.2%} have graduated and {last['left otherwise']:.1%} left "
    f"otherwise. 1 - Kaplan-Meier says {last['1 - Kaplan-Meier']:.2%}: "
    f"**{last['1 - Kaplan-Meier'] / last['graduated'] - 1:.0%} too many**, and it grows with time and with every other "
    "exit. That is what a list would promise and not keep."
)

# %% [markdown]
# ## What to take along
#
# - One outcome is predicted, `gsm`; every other exit is told apart and never counted as success.
# - The meaning of a recorded graduation changes with policy, as the height of the bars shows. So validation is by
#   time, and every period is told apart (notebook 4).
# - The facilitator who records a graduation is also asked to bring some about. It is never an input of the score.
#
# Next: [3, features](3-features.py). The rules in words: `docs/method.md`, Labels.
