"""
From a log to a list of whom to write to
========================================

A shop with orders, visits, complaints and surveys. Who of those who were there lately will be silent for the next 90
days, and to whom does it pay to make an offer? From the log to the letter: rows, a back-test in time order, money,
and the list.

The shop is simulated: customers whose orders went wrong and who complained leave more easily, and the rest is chance.
"""

import matplotlib.pyplot as plt
import pandas as pd

from crmkit import ChurnClassifier, EventLog
from crmkit.churn import ChurnProfit
from crmkit.datasets import make_retail
from crmkit.features import WindowAggregator
from crmkit.model_selection import ProfitScorer, TemporalSplit, backtest, temporal_train_test_split
from crmkit.plotting import ProfitCurveDisplay, ReliabilityDisplay, ScoreDriftDisplay, TemporalSplitDisplay

frame, truth = make_retail(800, random_state=0)
log = EventLog.from_frame(
    frame, customer="customer_id", time="time", value="value", item="item", order="order", kind="kind",
    purchases="order", columns=["score"], observed_until="2024-12-29",
).with_attributes(truth.attributes, customer="customer_id")  # fmt: skip
log

# %%
# What a customer is worth
# ------------------------
# At the end of each month, 30 % of what was spent in the year before: a rule that everybody understands. Predictions of
# :class:`crmkit.CLVEstimator` could stand here just as well. ``known_at`` keeps a row from seeing what became known
# later.

months = pd.date_range("2023-12-01", "2024-12-01", freq="MS")
spent = WindowAggregator({"365D": ["sum"]}, columns=["money"]).fit_transform(log.snapshots(months))
worth = (0.3 * spent.clip(lower=0)).set_axis(["worth"], axis=1).reset_index()
log = log.with_attributes(
    worth.assign(as_of=worth["as_of"] - pd.Timedelta("1s")), customer="customer_id", known_at="as_of"
)

# %%
# Rows and labels
# ---------------
# One row for each month and each customer who bought within 180 days and has not said goodbye. Whoever has been silent
# for longer, or has cancelled, has churned already: such rows are easy to score, and there is nobody to write to.

there = {"active_within": "180D", "alive": ("order", "cancel")}
X = log.snapshots(months[:10], horizon="90D", **there)
y = X.churned()
print(X)
print(f"{y.mean():.0%} silent in the 90 days after")

# %%
# What would it have been worth?
# ------------------------------
# Three dates, each scored by a model of what was known on it. Rows whose label was not complete by then are left out
# (grey). Beside it stands the longest silence, which is what everybody can sort by.

splitter = TemporalSplit(3)
TemporalSplitDisplay.from_splitter(splitter, X)
money = {"value": "worth", "incentive": 5, "contact": 0.5, "accept_rate": (6, 14)}
model = ChurnClassifier(profit=ChurnProfit(**money), random_state=0)
result = backtest(model, X, y, cv=splitter)
print(result)
print(f"AUC {result.estimate:.3f}, which is {result.gain:.3f} more than the longest silence")

# %%
# The latest date, in money
# -------------------------
# The threshold was chosen where it earned most on the latest rows that the model was not fitted on; here are later
# ones.

X_train, X_test, y_train, y_test = temporal_train_test_split(X, y)
model.fit(X_train, y_train)
ProfitCurveDisplay.from_estimator(model, X_test, y_test)
earned = ProfitScorer("profit", **money)(model, X_test, y_test)
print(f"{model.predict(X_test).mean():.0%} of the customers are written to, which earns {earned:.2f} for each customer")

# %%
# Can probabilities be taken at their word?
# -----------------------------------------
# Some thirty customers make a point; the bars say how far chance alone may carry it.

print(model.calibration_)
ReliabilityDisplay.from_estimator(model, X_test, y_test)

# %%
# Today
# -----
# Fitted on all that is known by now, the model ranks today's customers.

model.fit(X, y)
today = log.snapshot(**there)
best = model.rank(today)
told = best[best["contact"]]
print(f"{len(told)} of {len(best)} customers, who promise {told['expected_profit'].sum():.0f}")
best.head()

# %%
# What speaks for leaving, on average over the list:

sizes = model.explain(today).drop(columns="base").abs().mean().sort_values(ascending=False)
sizes.head(6).round(3)

# %%
# Do scores still look as they did?
# ---------------------------------
# No new customers have come in this year, so the base grows older, and who is left is loyal. From summer on scores have
# moved by more than chance explains.

ScoreDriftDisplay.from_estimator(model, log.snapshots(months[3:], **there))
plt.show()
