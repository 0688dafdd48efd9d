"""
Why random splits lie
=====================

Six hundred customers buy at the same rate, whenever they like, and nobody ever leaves. Who will be silent for the next
90 days is pure chance: no model can know it, and the honest AUC is one half. So whatever a test promises beyond that is
an error of the test, and here are three such errors.
"""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from sklearn.ensemble import ExtraTreesClassifier
from sklearn.impute import SimpleImputer
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import StratifiedKFold, cross_val_predict
from sklearn.pipeline import make_pipeline, make_union

from crmkit import EventLog, RFMTransformer
from crmkit.datasets import make_purchases
from crmkit.features import InterPurchaseFeatures
from crmkit.metrics import estimate
from crmkit.model_selection import TemporalSplit, backtest

frame, truth = make_purchases(
    600, model="pareto_nbd", r=1e6, alpha=1e7, s=1, beta=1e9, acquisition="26W", span="104W", random_state=0
)
log = EventLog.from_frame(frame, customer="customer_id", time="time", value="value", observed_until="2024-12-29")
print(f"purchases a week: {truth['rate'].min():.3f} to {truth['rate'].max():.3f}")

# %%
# Once a month each customer is looked at, and asked for the 90 days that follow.

X = log.snapshots(pd.date_range("2023-11-01", "2024-09-01", freq="MS"), horizon="90D")
y = X.churned()
features = make_union(RFMTransformer(), InterPurchaseFeatures())
model = make_pipeline(features, SimpleImputer(), ExtraTreesClassifier(40, min_samples_leaf=2, random_state=0))
print(f"{len(X):,} rows, {y.mean():.0%} silent")

# %%
# First error: shuffled rows
# --------------------------
# A customer is in the training rows in March and May, and in the test rows in April. The three labels share most of
# their days, and what the customer spent so far is as good as a name. The trees learn the names.

folds = StratifiedKFold(4, shuffle=True, random_state=0)
said = cross_val_predict(model, X, y, cv=folds, method="predict_proba")[:, 1]
results = {"rows shuffled": estimate(roc_auc_score, y, said, groups=X.customer_id, random_state=0)}

# %%
# Second error: labels of the future
# ----------------------------------
# In the order of time, but trained on all rows of earlier dates. The label of 1 August is known on 30 October; a model
# that is asked on 1 September cannot have learnt it. ``purge=None`` lets it, which is what a split by date does that
# knows nothing of windows.

results["split by date"] = backtest(model, X, y, cv=TemporalSplit(3, purge=None)).estimate

# %%
# Honest
# ------
# ``TemporalSplit`` leaves out of each fold the rows whose label was not complete at its date. It reads the window from
# the rows.

honest = backtest(model, X, y, cv=TemporalSplit(3))
results["TemporalSplit"] = honest.estimate
print(honest)

# %%
# Third error: copies made before the split
# -----------------------------------------
# One date, one row for each customer, so shuffled folds are fair. But one in four falls silent, and somebody has made
# both classes equally large by copying rows, before splitting. Now most rows of the rare class that are tested have a
# twin in training. Synthetic minority rows (SMOTE) are near-twins, and do the same.

now = log.snapshot("2024-09-01", horizon="90D")
table, came = pd.DataFrame(features.fit_transform(now)), now.churned()
rng = np.random.default_rng(0)
copies = rng.choice(np.flatnonzero(came == 1), (came == 0).sum() - (came == 1).sum())
rows = np.concatenate([np.arange(len(came)), copies])
trees = model[1:]
for name, some in (("as it is", np.arange(len(came))), ("copies, then split", rows)):
    said = cross_val_predict(trees, table.iloc[some], came[some], cv=folds, method="predict_proba")[:, 1]
    results[name] = estimate(roc_auc_score, came[some], said, groups=some, random_state=0)

# %%
# What was promised, and what is there
# ------------------------------------

names = ["rows shuffled", "split by date", "TemporalSplit", "copies, then split", "as it is"]
figure, ax = plt.subplots(figsize=(7, 3), layout="constrained")
for place, name in enumerate(names[::-1]):
    found = results[name]
    color = "C2" if name in ("TemporalSplit", "as it is") else "C3"
    ax.errorbar(found.value, place, xerr=[[found.value - found.low], [found.high - found.value]], fmt="o", color=color)
    ax.annotate(f"{found.value:.2f}", (found.value, place), (0, 6), textcoords="offset points", ha="center")
ax.axvline(0.5, color="0.6", linestyle=":")
ax.set_yticks(range(len(names)), names[::-1])
ax.set(xlabel="AUC where nothing can be known", xlim=(0.4, 1.0), ylim=(-0.5, len(names) - 0.3))
plt.show()
