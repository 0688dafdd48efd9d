"""
From a table of orders to rows that cannot see the future
=========================================================

A raw table of a shop has refunds, rows without a customer, and dates that nobody can read. This page
builds a log of it, looks at what was left out, asks who buys again, and then does what everybody does
once: it lets the features see the future, and shows what that would have promised.
"""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd

from crmkit import EventLog
from crmkit.datasets import load_cdnow, make_retail

# %%
# A raw table
# -----------
# A year and a half of a simulated shop, spoilt as real tables are: 1% of the rows have no customer, some dates
# are typed the wrong way, and one row is dated 2099.

events, _ = make_retail(2_000, 120, span="78W", random_state=8)
raw = events.assign(time=events["time"].astype(str), customer_id=events["customer_id"].astype("Int64"))
rng = np.random.default_rng(0)
raw.loc[rng.choice(len(raw), len(raw) // 100, replace=False), "customer_id"] = pd.NA
raw.loc[rng.choice(len(raw), 30, replace=False), "time"] = "31.12.2023"
raw.loc[5, "time"] = "2099-01-01"
raw.head()

# %%
# The log refuses such a table, in one error that names every rule, how many rows break it and where.

roles = {
    "customer": "customer_id",
    "time": "time",
    "value": "value",
    "item": "item",
    "order": "order",
    "kind": "kind",
    "purchases": "order",
}
try:
    EventLog.from_frame(raw, **roles)
except ValueError as error:
    print(error)

# %%
# With ``invalid="drop"`` it leaves them out, and counts them.

log = EventLog.from_frame(raw, **roles, invalid="drop")
log.quality

# %%
log

# %%
# One customer, seen on a date
# ----------------------------
# Each dot is an event. A row as of 1 November sees what lies to the left of the line, and its label
# window begins there.

as_of, end = pd.Timestamp("2023-11-01"), pd.Timestamp("2023-11-01") + pd.Timedelta("90D")
frame = log.to_frame()
busiest = frame["customer_id"].value_counts().index[:6]
colours = {"order": "#1f77b4", "refund": "#d62728", "visit": "#7f7f7f", "complaint": "#ff7f0e"}

figure, axes = plt.subplots(figsize=(8, 3.2), layout="constrained")
for height, customer in enumerate(busiest):
    own = frame[frame["customer_id"] == customer]
    for kind, colour in colours.items():
        times = own.loc[own["kind"] == kind, "time"]
        axes.scatter(times, [height] * len(times), s=18, color=colour, label=kind if height == 0 else None)
axes.axvspan(as_of, end, color="#1f77b4", alpha=0.1)
axes.axvline(as_of, color="black")
axes.text(as_of, len(busiest) - 0.4, " as of 2023-11-01: the label window begins", va="bottom", fontsize=9)
axes.set(yticks=range(len(busiest)), yticklabels=busiest, ylabel="customer", ylim=(-0.5, len(busiest) + 0.3))
axes.legend(loc="center left", bbox_to_anchor=(1, 0.5), frameon=False)
plt.show()

# %%
# Many rows at once
# -----------------
# One row for each customer and month. The rows carry their window, so the targets need no dates.

X = log.snapshots(pd.date_range("2023-06-01", "2024-03-01", freq="MS"), horizon="90D", active_within="180D")
X

# %%
X.to_frame(churned=X.churned(), days=X.future_purchases(), value=X.future_value()).head()

# %%
# What the future would have promised
# -----------------------------------
# CDNOW, as of 1 October 1997: how well does "days since the last purchase" rank who buys again within
# 90 days? On the left as of that day; on the right computed on the whole table, as a group-by of the
# file would do it.

cdnow = EventLog.from_frame(load_cdnow(), customer="customer_id", time="date", value="value")
rows = cdnow.snapshot("1997-10-01", horizon="90D")
buys = 1 - rows.churned()
honest = rows.summary(time_unit="D")
whole = cdnow.snapshot().summary(time_unit="D").loc[rows.customer_id]
idle = {
    "as of 1997-10-01": (honest["T"] - honest["recency"]).to_numpy(),
    "on the whole table": (whole["T"] - whole["recency"]).to_numpy(),
}

figure, axes = plt.subplots(1, 2, figsize=(8, 3), layout="constrained", sharey=True)
for panel, (title, days) in zip(axes, idle.items(), strict=True):
    tenths = pd.qcut(pd.Series(days).rank(method="first"), 10, labels=False)
    panel.bar(np.arange(1, 11), pd.Series(buys).groupby(tenths).mean(), color="#1f77b4")
    better = pd.Series(-days).rank()
    n_buyers, n_others = buys.sum(), (1 - buys).sum()
    auc = (better[buys == 1].sum() - n_buyers * (n_buyers + 1) / 2) / (n_buyers * n_others)
    panel.set(title=f"{title}: AUC {auc:.2f}", xlabel="tenth, most recent first", xticks=range(1, 11))
axes[0].set_ylabel("share that buys again")
plt.show()

# %%
# The second figure could not have been had on 1 October: it uses purchases from the window that it is
# asked to foretell.
