"""
Snapshots: what was known on a day, and what came after it
==========================================================

A made-up shop with orders, refunds, visits and complaints. Each dot below is an event; a snapshot sees those on the
left of its as_of and takes its label from the window on the right.
"""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd

from crmkit import EventLog
from crmkit.datasets import make_retail

events, truth = make_retail(400, 60, span="104W", random_state=0)
log = EventLog.from_frame(
    events,
    customer="customer_id",
    time="time",
    kind="kind",
    purchases="order",
    value="value",
    item="item",
    order="order",
)
print(log)
print(log.quality)

# %%
# One day, ten customers
# ----------------------
# The label window of 90 days begins at as_of. Who buys in it is 0, who is silent is 1.

X = log.snapshot("2024-03-01", horizon="90D", active_within="180D")
shown = X[:10]
churned = shown.churned()

figure, ax = plt.subplots(figsize=(8.5, 4.5), layout="constrained")
as_of = shown.as_of[0]
for place, customer in enumerate(shown.customer_id):
    own = log.customer(customer).to_frame()
    for kind, colour, size in (("visit", "#bdbdbd", 12), ("order", "#0072b2", 28), ("complaint", "#d55e00", 28)):
        times = own.loc[own["kind"] == kind, "time"]
        ax.scatter(times, np.full(len(times), place), s=size, color=colour, label=kind if place == 0 else None)
ax.axvspan(as_of, as_of + shown.horizon, color="#0072b2", alpha=0.12, label="label window")
ax.axvline(as_of, color="black")
ax.set(yticks=range(10), yticklabels=[f"{who}: {'silent' if y else 'buys'}" for who, y in zip(shown.customer_id, churned)])
ax.set(xlim=(np.datetime64("2023-09-01"), np.datetime64("2024-07-01")), ylabel="customer")
ax.legend(loc="center left", bbox_to_anchor=(1, 0.5), frameon=False)

# %%
# The table of a row
# ------------------
# Keys, what the row saw, and what came. This is what goes to SQL or Parquet.

table = X.to_frame(seen=X.summary(), churned=X.churned(), value=X.future_value(), complains=X.happens("complaint"))
print(table.head().round(2).to_string())

# %%
# A year of months
# ----------------
# The same question once a month. Every row has a window of its own; rows whose window is not over are left out.

months = log.snapshots(
    pd.date_range("2023-07-01", "2024-12-01", freq="MS"), horizon="90D", active_within="180D", censored="drop"
)
silent = pd.Series(months.churned(), index=months.as_of).groupby(level=0).agg(["mean", "size"])

figure, ax = plt.subplots(figsize=(8.5, 3.5), layout="constrained")
ax.plot(silent.index, silent["mean"], marker="o")
ax.set(ylabel="share that is silent for 90 days", ylim=(0, 1))
print(silent.round(3).to_string())
plt.show()
