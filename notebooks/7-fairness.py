# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # 7. Fairness: whom the list treats worse
#
# *Answers: which groups does the list serve worse than everybody else, how sure is that, what do holds do, and what
# can these tables not say? Seven minutes.*
#
# Two errors are not alike. A **false proposal** leads an officer to a family that is not ready: pushed out, it would
# be poor again. A **missed** family stays in a programme that it no longer needs. Both are counted for every group
# against everybody else, on dates whose answer is known, at the list that would have been made then.
#
# This notebook reads what may be published. Small counts are hidden there, and others beside them so that nobody can
# subtract them back; the auditor's room (`data/fairness/room/`) has every number.

# %%
import pandas as pd
from IPython.display import Image, Markdown

from pipeline import artifacts, fairness, fairness_figures, runs, stages, wording
from pipeline import fairness_wording as words

pd.set_option("display.max_colwidth", None)
home = runs.opened()
published = home.path(f"{stages.FAIRNESS}/published")
told = artifacts.read_json(published / "fairness.json")
settings = home.load(fairness.Config, "fairness")
Markdown(runs.about(home))

# %% [markdown]
# ## The findings in words
#
# In the order of their weight; "worse treated" is a word for the direction of an error, not for anybody's intention.

# %%
Markdown("\n".join(f"- {line['en']}" for line in told["history"]["lines"]))

# %% [markdown]
# ## The picture
#
# One line a group, four questions. The dot is the group, its bar the interval, the upright stroke everybody else. A
# small grey dot at the left edge: the numbers are hidden, because counts are too small.

# %%
rates = artifacts.read_csv(published / "history_rates.csv")
Image(fairness_figures.draw(rates.fillna({"group": ""}), told["simulated"]))

# %% [markdown]
# ## One verdict, taken apart
#
# Recipients under 40 are to be moved towards graduation first, the ministry has said in the press. So look at
# caretakers of that age: `estimate` is the group, `rest` everybody else, then the difference with its interval.

# %%
young = rates.query("kind == 'single' and attribute == 'caretaker_age' and group == 'under 40'")
asked = [wording.label(m, words.MEASURES).en for m in young["measure"]]
columns = ["estimate", "rest", "difference", "difference_lower", "difference_upper"]
young.assign(measure=asked).set_index("measure")[[*columns, "verdict"]].style.format("{:.2%}", columns, na_rep="hidden")

# %% [markdown]
# The list takes the likelier families, and who graduates more often is chosen more often: a difference in selection
# is not yet an injustice. When two groups graduate at different rates, no score can be equal in all of these rates at
# once. Which difference matters is a question for people.

# %%
Markdown(
    f"{told['history']['tests']:,} tests were made. Some differ by luck: at most {settings.error_rate:.0%} of "
    f"all findings are expected to be false. A group below {settings.group_minimum} families is not judged, and *no "
    f"difference found* is said only where a difference of {settings.matters:.0%} of everybody else's rate would have "
    f"shown with a chance of {settings.power:.0%}. Otherwise the verdict is *cannot tell*:"
)

# %%
single = rates[(rates["kind"] == "single") & rates["verdict"].notna()]
pd.crosstab(single["attribute"], single["verdict"])

# %% [markdown]
# ## Today: holds move the list, too
#
# Without outcomes yet: who is held, of everybody scored? A hold protects, so a group that is held more is proposed
# less.

# %%
today = artifacts.read_csv(published / "today_rates.csv")
held = today.query("kind == 'single' and measure == 'held' and shown and verdict in ['higher', 'lower']")
held = held.sort_values("difference", ascending=False)
held.set_index(["attribute", "group"])[["estimate", "rest", "verdict"]].style.format("{:.1%}", ["estimate", "rest"])

# %% [markdown]
# ## What these tables cannot say
#
# - They know *recorded* graduations. Where the facilitator who records them favours a group, the table believes it.
# - A group whose data are thin is told "cannot tell" most often, and may need looking at most.
# - Families of one facilitator resemble each other; the intervals know families alone.
# - Equal rates are no justice for one family. That is what the visit, the reasons and the objection are for.

# %%
Markdown(
    f"Not judged at all: {told['without_outcome']:,} family-dates whose answer is not known. Hidden: "
    f"{told['history']['counts_hidden']:,} counts."
)

# %% [markdown]
# Next: [8, your own experiment](8-experiment.py). More: `docs/fairness.md`.
