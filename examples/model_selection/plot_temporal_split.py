"""
Train on the past, test on what came later
==========================================

A picture of what each fold of a split trains on, leaves out and tests; and what happens to a score when
labels that were not known yet are trained on.
"""

import pandas as pd
from sklearn.ensemble import RandomForestClassifier
from sklearn.pipeline import make_pipeline

from crmkit import EventLog, RFMTransformer
from crmkit.datasets import load_cdnow
from crmkit.model_selection import TemporalSplit, backtest
from crmkit.plotting import TemporalSplitDisplay

# %%
# Every customer on the first of each month, and whether they buy nothing in the 90 days after it.

log = EventLog.from_frame(load_cdnow(), customer="customer_id", time="date", value="value")
X = log.snapshots(pd.date_range("1997-04-01", "1998-04-01", freq="MS"), horizon="90D")
y = X.churned()

# %%
# The chops
# ---------
# A dot is the rows of one date, the line below it the window of their label. A label is known when its
# line ends. Grey rows are left out: on the split day nobody could have known their label.

display = TemporalSplitDisplay.from_splitter(TemporalSplit(4), X)

# %%
# Blocks of two months, trained on half a year only:

display = TemporalSplitDisplay.from_splitter(TemporalSplit(3, test_span="59D", max_train_span="182D"), X)

# %%
# What the grey rows do
# ---------------------
# A forest that looks closely at its rows can remember customers. With ``purge=None`` it is trained on the
# grey rows too. Their label windows reach into the tested ones, so it is told up to two thirds of the answer.

model = make_pipeline(RFMTransformer(), RandomForestClassifier(50, min_samples_leaf=5, random_state=0, n_jobs=2))
leaking = backtest(model, X, y, cv=TemporalSplit(2, purge=None))
honest = backtest(model, X, y, cv=TemporalSplit(2))
print(f"AUC with the grey rows {leaking.score:.3f}, without {honest.score:.3f}, naive rule {honest.baseline_score:.3f}")

# %%
# The leak turns a model that is worse than "longest silence first" into one that seems better.
