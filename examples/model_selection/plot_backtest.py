"""
Who buys again? A back-test beside a naive rule
===============================================

A logistic regression on recency, frequency and money is asked, at four dates, who will buy within 90
days. Beside it stands the rule "most recent first".
"""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer

from crmkit import EventLog, RFMTransformer
from crmkit.datasets import load_cdnow
from crmkit.model_selection import TemporalSplit, backtest, permutation_importance, temporal_train_test_split

log = EventLog.from_frame(load_cdnow(), customer="customer_id", time="date", value="value")
X = log.snapshots(pd.date_range("1997-04-01", "1998-04-01", freq="MS"), horizon="90D")
y = X.happens()
model = make_pipeline(RFMTransformer(), FunctionTransformer(np.log1p), LogisticRegression())

# %%
# The back-test
# -------------

result = backtest(model, X, y, cv=TemporalSplit(4))
print(result)

# %%
# The gain over the rule, with an interval from drawing customers with all of their rows:

print(f"AUC {result.estimate:.3f}, which is {result.gain:.3f} more than the rule")

# %%
# What was said, and what came
# ----------------------------
# The table of predictions is all it takes to draw how many of those who bought are found by calling the
# customers with the highest scores first.

table = result.predictions.assign(rule=result.baseline_prediction)
figure, ax = plt.subplots(figsize=(6, 4), layout="constrained")
for column, label in (("prediction", "model"), ("rule", "most recent first")):
    found = table.sort_values(column, ascending=False, kind="stable")["y"].cumsum() / table["y"].sum()
    ax.plot(np.arange(1, len(table) + 1) / len(table), found, label=label)
ax.plot([0, 1], [0, 1], color="0.6", linestyle=":", label="blindly")
ax.set(xlabel="share of customers called", ylabel="share of buyers found", title="Buyers found")
ax.legend()

# %%
# What the model leans on
# -----------------------

X_train, X_test, y_train, y_test = temporal_train_test_split(X, y)
model.fit(X_train, y_train)
found = permutation_importance(model, X_test, y_test, n_repeats=20, random_state=0)
figure, ax = plt.subplots(figsize=(6, 2), layout="constrained")
ax.barh(found.names, found.importances_mean, xerr=found.importances_std)
ax.set(xlabel="AUC lost when shuffled", title="Importance")
