# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # 3. Features: one family followed from extract to list
#
# *Answers: how does a row of an extract become a number that the model sees, and a number a place on a list? Can I
# check it by hand? Nine minutes.*
#
# The family is chosen by rule, not by hand: the first one on any list of this run. It has a number and no name. Run
# the notebook on another run and it follows another family. (On real data its output is a family's record: keep it
# where the records are kept.)

# %%
import numpy as np
import pandas as pd
from IPython.display import Markdown

from pipeline import artifacts, boosters, calibrate, lists, runs, stages, train, wording

pd.set_option("display.max_colwidth", None)
home = runs.opened()
limits = home.load(lists.Config, "lists")
chosen = lists.select(artifacts.read_frame(home.path(stages.SCORES)), limits)
first = chosen[chosen["status"] == lists.LISTED].sort_values("rank").iloc[0]
family, as_of = first["kpm_id"], pd.Timestamp(stages.extracted_on(home))
Markdown(f"{runs.about(home)}\n\nThe family is **{family}**, as of {as_of.date()}.")

# %% [markdown]
# ## What the extract says of it
#
# First the events of its membership and the programmes it was in; then what its last three visits found.

# %%
tables = stages.canonical(home)
mine = {name: tables[name].filter(tables[name].kpm_id == family).to_pandas() for name in tables}
events = mine["membership"].rename(columns={"effective_on": "happened"})
if "programmes" in mine:
    entered = mine["programmes"].rename(columns={"started_on": "happened", "programme": "event", "phase": "reason"})
    events = pd.concat([events, entered])
events.sort_values("happened")[["happened", "recorded_on", "event", "reason"]].fillna("")

# %%
visits = mine["welfare"].sort_values("observed_on").tail(3).drop(columns="kpm_id").dropna(axis=1, how="all")
visits.astype({"observed_on": str, "recorded_on": str}).set_index("observed_on").astype(object).T.fillna("")

# %% [markdown]
# ## One feature by hand
#
# `sessions_present_share_ever` is the share of the P2K2 sessions held so far that the family attended. By hand: take
# its sessions that had been held *and recorded* by the as-of date, count.

# %%
sessions = mine["sessions"].astype({"held_on": "datetime64[s]", "recorded_on": "datetime64[s]"})
known = sessions[(sessions["held_on"] <= as_of) & (sessions["recorded_on"] <= as_of)]
by_hand = known["attendance"].eq("present").mean()
features = artifacts.read_frame(home.path(f"{stages.FEATURES}/{as_of.date()}.parquet")).set_index("kpm_id").loc[family]
stored = float(features["sessions_present_share_ever"])
assert np.isclose(by_hand, stored, equal_nan=True)
Markdown(f"{known['attendance'].eq('present').sum()} of {len(known)}, which is {by_hand:.6f}; stored is {stored:.6f}.")

# %% [markdown]
# An auditor need not trust Python: `python -m pipeline sql sessions_present_share_ever` prints the SQL that made it.
# Its innermost part holds both clocks:

# %%
sql = stages.sql(home, "sessions_present_share_ever").splitlines()
print("\n".join(sql[max(n for n, line in enumerate(sql) if "FROM (" in line) : -1]))

# %% [markdown]
# ## All of them
#
# One module per input table declares its features, each once: name, definition, unit, window, subject, and the words
# in which people will read it. The dictionary is written with every run. Features that are not used in the score are
# there for people (identity checks, facilitators).

# %%
dictionary = artifacts.read_csv(home.path(stages.DICTIONARY))
dictionary.groupby(["table", "used_in_score"]).size().unstack(fill_value=0)

# %% [markdown]
# For this family, the ten that move its score most. A contribution is in log-odds; notebook 5 reads them.

# %%
contributions = artifacts.read_frame(home.path(stages.SHAP)).set_index("kpm_id").loc[family].drop("as_of")
base, moves = contributions["base_value"], contributions.drop("base_value").astype(float)
words = artifacts.read_csv(home.path(stages.WORDING)).merge(dictionary, on="feature").set_index("feature")
strongest = words.loc[moves.abs().sort_values(ascending=False).index[:10]]
values = [wording.value_text(features[f], unit, "en") for f, unit in strongest["unit"].items()]
strongest[["label_en", "table", "window"]].assign(value=values, contribution=moves[strongest.index].round(3))

# %% [markdown]
# ## From numbers to a chance
#
# Contributions and the base add up to the raw score, exactly. The raw score orders families. The calibration, fitted
# on later families than the model has seen, turns it into a chance; then it becomes a rank, and the rank a place on a
# list.

# %%
booster, seal = boosters.read(home.path(stages.MODEL))
row = features.to_frame().T[booster.feature_name()].astype(float)
raw = train.raw_scores(booster, row)
fitted = boosters.read_calibration(home.path(stages.CALIBRATION), seal)
chance = calibrate.probability(raw, fitted)[0]
assert np.isclose(base + moves.sum(), raw[0])
assert np.isclose(chance, first["probability"])
Markdown(
    f"{base:.3f} (base) {moves.sum():+.3f} (contributions) = **{raw[0]:.3f}** (raw score), a chance of "
    f"**{chance:.1%}** ({first['lower']:.0%} to {first['upper']:.0%}): rank {first['rank_in_regency']} of "
    f"{chosen['regency_code'].eq(first['regency_code']).sum():,} in regency {first['regency_code']}."
)

# %% [markdown]
# ## On the list
#
# The officer reads no log-odds. The list gives the chance in words, reasons for and against with the day of each
# value, what to mind in the data, and the pathway. Its last columns are empty: the visit and the decision are a
# person's.

# %%
index = artifacts.read_codes(home.path(f"{stages.LISTS}/index.csv")).set_index("regency_code")
file = home.path(f"{stages.LISTS}/{index.at[first['regency_code'], 'file']}").with_suffix(".csv")
artifacts.read_codes(file).set_index("kpm_id").loc[family].to_frame("as the officer reads it (Indonesian)")

# %%
reasons = lists.reasons(lists.only(stages.evidence(home), {family}), limits)
reasons[["direction", "place", "text_en", "known_on"]]

# %% [markdown]
# ## What to take along
#
# - Every number on the list can be followed back to rows of the extract with two days each, and made again by hand.
# - The same functions made it for the family today and for the families the model learnt from.
#
# Next: [4, training and validation](4-training.py). `python -m pipeline audit replay` does all of this for an
# auditor, bit by bit, from a signed bundle (`docs/audit.md`).
