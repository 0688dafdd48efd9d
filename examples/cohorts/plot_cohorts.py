"""
Cohorts: who stays, who is lost, and what is only unfinished
============================================================

A shop whose table of purchases begins a year into its life and ends in the middle of a month. A few pictures and
tables answer what a monthly meeting asks, and two traps are made visible: the month that is not over, and the old
customers who look new.
"""

import matplotlib.pyplot as plt
import numpy as np

from crmkit import EventLog
from crmkit.cohorts import cohort_table, loyalty, period_table, retention_curve
from crmkit.datasets import load_cdnow, make_purchases
from crmkit.plotting import CohortDisplay, RetentionCurveDisplay

frame, _ = make_purchases(6_000, span="130W", random_state=0)
frame = frame[frame["time"] >= "2024-01-01"]
log = EventLog.from_frame(frame, customer="customer_id", time="time", value="value").before("2025-05-13")
print(log)

# %%
# The heat map
# ------------
# Each row follows the customers of one month. The hatched diagonal is the month that had lasted twelve days when
# the table was made. The first rows are darker, and not because the shop was better then: they hold customers of the
# year before, whose first purchase nobody sees and who look new at their next one. Only loyal ones have a next one.

CohortDisplay.from_log(log)

# %%
# Counts, and what a customer has brought
# ---------------------------------------
# The table is a plain frame. What has not been lived is missing, so sums and means over it say what they should.

print(cohort_table(log).iloc[:4, :8])
spent = cohort_table(log, "quarter", "money", per_customer=True).cumsum(axis=1)
print(spent.round(2))

# %%
# All cohorts together
# --------------------
# Only cohorts that have lived an age to its end count at that age. The old customers of the first months lift the
# curve; without those who came in the first quarter it is lower.

first = frame.groupby("customer_id")["time"].min()
newer = log.without(first.index[first < "2024-04-01"])
display = RetentionCurveDisplay.from_log(log, name="everybody")
RetentionCurveDisplay.from_log(newer, name="without the first quarter", ax=display.ax_)
print(retention_curve(newer).round(3).head())

# %%
# Month by month
# --------------
# Lost is who bought in the month before and not in this one. In May that is not known yet, so nothing is said.

months = period_table(log)
print(months[["finished", "active", "new", "returning", "retained", "lost"]].tail(6))

figure, (left, right) = plt.subplots(1, 2, figsize=(10, 3.6), layout="constrained")
done = months[months["finished"]]
left.bar(done.index, done["returning"], width=24, label="returning")
left.bar(done.index, done["new"], width=24, bottom=done["returning"], label="new")
left.set_title("Active customers")
left.legend(frameon=False)
right.plot(done.index, done["retention"], marker="o", label="retention")
right.fill_between(done.index, done["retention_low"], done["retention_high"], alpha=0.2)
right.plot(done.index, done["repurchase"], marker="s", label="repurchase")
right.fill_between(done.index, done["repurchase_low"], done["repurchase_high"], alpha=0.2)
right.set_title("Rates, with their intervals")
right.set_ylim(bottom=0)
right.legend(frameon=False)
figure.autofmt_xdate()

# %%
# One customer at a time
# ----------------------
# The same loyalty in three measures, of real customers: CDNOW as of the first of October 1997. Whoever bought often
# had done so for long, but the length of a relationship alone says nothing: everybody came in the same quarter.

cdnow = EventLog.from_frame(load_cdnow(), customer="customer_id", time="date", value="value")
measures = loyalty(cdnow.snapshot("1997-10-01"), time_unit="M")
print(measures.describe().loc[["count", "mean", "50%", "max"]].round(2).T)
figure, ax = plt.subplots(figsize=(6, 4), layout="constrained")
jitter = np.random.default_rng(0).uniform(-0.1, 0.1, len(measures))
ax.scatter(measures["purchases"] + jitter, measures["amount"], s=6, alpha=0.4)
ax.set(xscale="log", yscale="symlog", ylim=(-0.5, 1e4), xlabel="purchases", ylabel="amount, dollars")
plt.show()
