"""
Silence is not absence: what a log can know of who is still there
==================================================================

A customer who has not bought for half a year may have left, or may just buy rarely. A real log never
says which. Here customers are drawn from a model, so the truth is known, and a rule of thumb can be
held against it.
"""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd

from crmkit.datasets import make_purchases

# %%
# Two kinds of buyers
# -------------------
# Half of the customers buy at random moments, half at regular ones. Both buy once in five weeks on
# average and leave without a word.

frame, truth = make_purchases(
    4000,
    model={"pareto_nbd": 1, "regular": 1},
    r=4.0,
    alpha=20.0,
    s=1.0,
    beta=60.0,
    regularity=9,
    span="78W",
    random_state=0,
)
end = pd.Timestamp("2023-01-01") + pd.Timedelta(weeks=78)
week = pd.Timedelta(weeks=1)
print(truth.groupby("model", observed=True)["alive"].agg(["size", "mean"]).round(2))

# %%
# Some histories
# --------------
# Dots are purchases. A line ends where the customer left, which no log would show.

figure, axes = plt.subplots(1, 2, figsize=(9, 4), sharex=True, layout="constrained")
last_seen = truth["dropout_time"].fillna(end)
for ax, (model, own) in zip(axes, truth.groupby("model", observed=True), strict=True):
    chosen = own[own["rate"].between(0.15, 0.3)].head(20)
    for row, customer in enumerate(chosen["customer_id"]):
        times = frame.loc[frame["customer_id"] == customer, "time"]
        ax.plot([times.min(), last_seen[customer - 1]], [row, row], color="0.8", zorder=1)
        ax.scatter(times, np.full(len(times), row), s=9, color="C0", zorder=2)
    ax.axvline(end, color="0.5", linestyle=":")
    ax.set(title=model, yticks=[])
axes[0].set_ylabel("customers")
figure.autofmt_xdate()

# %%
# How much does silence say?
# --------------------------
# Measure the silence at the end in gaps of the customer's own: weeks since the last purchase, divided
# by the true mean gap. After two gaps a regular buyer has nearly surely left. A random buyer may well be
# there: no rule on silence can be right for both.

last = frame.groupby("customer_id")["time"].max()
repeats = frame.groupby("customer_id").size() - 1
truth["silence"] = ((end - last) / week).to_numpy() * truth["rate"]
truth["bin"] = pd.cut(truth["silence"], [0, 0.5, 1, 1.5, 2, 3, 4, 6, np.inf])
alive = truth[repeats.to_numpy() >= 3].pivot_table("alive", "bin", "model", observed=True)
print(alive.round(2))

figure, ax = plt.subplots(figsize=(7, 4), layout="constrained")
for model in alive:
    ax.plot(alive.index.astype(str), alive[model], marker="o", label=model)
ax.set(xlabel="silence, in mean gaps of the customer", ylabel="share still there", ylim=(-0.03, 1.03))
ax.legend(frameon=False)
plt.show()
