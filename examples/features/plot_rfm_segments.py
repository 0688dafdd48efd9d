"""
RFM segments: who is who in a year and a half of purchases
===========================================================

A customer base in three numbers each: when they last bought, how often, for how much. Here the public
CDNOW purchases are cut into scores and named, and the names are followed over time with one yardstick.
"""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd

from crmkit import EventLog, RFMTransformer
from crmkit.datasets import load_cdnow
from crmkit.features import RFM_CLASSES, RFM_SEGMENTS

log = EventLog.from_frame(load_cdnow(), customer="customer_id", time="date", value="value")
today = log.snapshot("1997-10-01")

# %%
# Values, scores, cut points
# --------------------------
# Six customers in ten bought once, so quantiles of the frequency coincide. They get a score of their own, and the
# others are shared among the rest as evenly as whole numbers of purchases allow.

rfm = RFMTransformer(columns="all").fit(today)
table = rfm.transform(today)
for name, cuts in rfm.cut_points_.items():
    print(f"{name:13s} {cuts}")
print(table.filter(like="score").apply(pd.Series.value_counts))

# %%
# Segments
# --------
# Each square is a combination of scores; its number is that of its customers, its shade what an average one spent.

counts = table.groupby(["recency_score", "frequency_score"]).size().unstack(fill_value=0)
spent = table.groupby(["recency_score", "frequency_score"])["monetary"].mean().unstack()
levels = np.arange(1, 6)
names = RFM_SEGMENTS.names()
codes = RFM_SEGMENTS.codes(*np.meshgrid(levels, levels, [1], indexing="ij"))[:, :, 0]

figure, ax = plt.subplots(figsize=(8.5, 5), layout="constrained")
shades = np.log10(spent.reindex(index=levels, columns=levels).clip(upper=300))
picture = ax.imshow(shades, origin="lower", cmap="Greens", aspect="auto")
for recency in levels:
    for frequency in levels:
        n = counts.get(frequency, pd.Series(dtype=int)).get(recency, 0)
        label = f"{names[codes[recency - 1, frequency - 1]]}\n{n:,}"
        ink = "white" if shades.loc[recency, frequency] > 2.2 else "black"
        ax.text(frequency - 1, recency - 1, label, ha="center", va="center", fontsize=8, color=ink)
ax.set(xlabel="frequency score", ylabel="recency score", xticks=range(5), yticks=range(5))
ax.set_xticklabels(levels)
ax.set_yticklabels(levels)
scale = figure.colorbar(picture, label="mean money per customer, dollars")
scale.set_ticks(np.log10([20, 50, 100, 200, 300]), labels=["20", "50", "100", "200", "300 and more"])

# %%
# The same customers later
# ------------------------
# The cut points stay, so a name means the same in every month. These customers all came in the first quarter of 1997:
# the log shows a cohort growing old, which a yardstick that moves along would hide.

dates = pd.date_range("1997-07-01", "1998-07-01", freq="MS")
X = log.snapshots(dates)
segments = pd.Series(rfm.segment(X).to_numpy(), index=X.as_of)
shares = segments.groupby(level=0).value_counts(normalize=True).unstack(fill_value=0)
shown = [name for name in names if name in shares]

figure, ax = plt.subplots(figsize=(8.5, 4.5), layout="constrained")
ax.stackplot(shares.index, shares[shown].T, labels=shown, colors=plt.get_cmap("tab20").colors)
ax.set(ylabel="share of customers", ylim=(0, 1), xlim=(dates[0], dates[-1]))
ax.legend(loc="center left", bbox_to_anchor=(1, 0.5), frameon=False, reverse=True)

# %%
# Did the names say anything?
# ---------------------------
# What each segment of 1 October 1997 spent in the following 39 weeks, which the scores could not see.

ahead = log.snapshot("1997-10-01", horizon="273D")
outcome = pd.DataFrame(
    {"segment": rfm.segment(ahead), "bought again": 1 - ahead.churned(), "spent": ahead.future_value()}
)
print(outcome.groupby("segment", observed=True).agg(["mean", "size"]).round(2).iloc[:, [0, 2, 3]])

# %%
# The eight classes of China
# --------------------------
# High is above the mean score. The names exist in English and Chinese.

print(rfm.segment(today, RFM_CLASSES).value_counts().to_string())
plt.show()
