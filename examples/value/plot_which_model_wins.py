"""
Which model of value wins, and where
====================================

Three ways to say what customers will spend: a purchase model times a model of spend, which knows each customer's own
past; a model that learns from what customers of earlier dates came to spend; and "what they spent last". Here they
are judged out of time, on a cohort that grows old and on a shop with a season.
"""

from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd

from crmkit import EventLog
from crmkit.datasets import load_cdnow, make_retail
from crmkit.model_selection import temporal_train_test_split
from crmkit.value import CLVEstimator, CLVRegressor, value_report


def judge(log: EventLog, first: str, day: str, horizon: str) -> tuple[Any, ...]:
    """Fit on what was known at a date, and compare with what came."""
    X = log.snapshots(pd.date_range(first, day, freq="MS"), horizon=horizon)
    X_train, X_test, y_train, y_test = temporal_train_test_split(X, X.future_value(), split_time=day)
    models = {
        "probabilistic": CLVEstimator(horizon=horizon).fit(X_test),
        "learned": CLVRegressor(random_state=0).fit(X_train, y_train),
    }
    return models, X_test, y_test, value_report(models, X_test, y_test)


# %%
# A cohort that grows old
# -----------------------
# The customers of CDNOW all came in the first quarter of 1997, and by April 1998 few are left. The naive rule does not
# know that customers leave, and says too much; the purchase model knows, but not that those who stay buy less and less.
# The learned model has seen month after month bring less than the one before, and takes over the level of the latest.
# Who will spend how much, both models rank alike. Rank correlation likes the naive rule: most customers spent nothing
# and will spend nothing, and it calls them all equal; at the customers who bring the money, which the Gini
# coefficient looks at, it is far behind.

cdnow = EventLog.from_frame(load_cdnow(), customer="customer_id", time="date", value="value")
models, X, y, report = judge(cdnow, "1997-04-01", "1998-04-01", "13W")
print(report)

# %%
# A shop with a season
# --------------------
# A simulated shop, three years old, that sells more than twice as much in November and December. On 1 October the
# purchase model expects the coming 12 weeks to be like those before, and so does the naive rule: both say half of what
# comes. The learned model has seen what followed on 1 October a year ago. Its mean absolute error is the largest of the
# three all the same, since that error rewards whoever says too little: most customers buy nothing in 12 weeks.

months = [0.9, 0.8, 0.9, 0.9, 0.9, 0.8, 0.8, 0.8, 0.9, 1.4, 2.2, 2.4]
events, truth = make_retail(
    1500, 100, start="2021-01-01", span="156W", acquisition="120W", seasonality={"month": months}, random_state=0
)
shop = EventLog.from_frame(
    events, customer="customer_id", time="time", value="value", kind="kind", purchases="order", refunds="drop",
    observed_until=np.datetime64("2021-01-01") + np.timedelta64(156 * 7, "D"),
)  # fmt: skip
models, X, y, report = judge(shop, "2021-07-01", "2023-10-01", "12W")
print(report)

# %%
# The levels of the months are what it has learnt about the season: what came in the 12 weeks after each date, over
# what the customers of that date would have spent in an average month.

levels = models["learned"].levels_
figure, ax = plt.subplots(figsize=(8, 3), layout="constrained")
ax.plot(list(levels), list(levels.values()), "o-")
ax.axhline(1, color="0.8", zorder=0)
ax.set(ylabel="level", xlabel="date from which 12 weeks are counted")

# %%
# Calibration
# -----------
# Customers in tenths by what is predicted, the best on the right: do those who are said to spend 60 spend 60?

figure, ax = plt.subplots(figsize=(6, 5), layout="constrained")
for name, own in report.deciles.groupby("model", sort=False):
    errors = np.abs(own[["low", "high"]].to_numpy().T - own["actual"].to_numpy())
    ax.errorbar(own["predicted"], own["actual"], errors, fmt="o-", capsize=2, label=name)
most = report.deciles[["predicted", "actual"]].to_numpy().max()
ax.plot([0, most], [0, most], color="0.7", zorder=0)
ax.set(xlabel="predicted, per customer", ylabel="came, per customer")
ax.legend(frameon=False)

# %%
# Intervals
# ---------
# For each customer, 90 % intervals of both models, and the share of outcomes inside. Those of the learned model are
# conformal: calibrated on the latest date whose labels were known.

for name, model in models.items():
    low, high = model.predict_interval(X, coverage=0.9).T
    print(f"{name:14s} {np.mean((low <= y) & (y <= high)):.1%} inside, median upper end {np.median(high):.0f}")
plt.show()
