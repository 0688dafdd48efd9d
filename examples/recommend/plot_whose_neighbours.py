"""
Whose neighbours are kept
=========================

An item-based recommender keeps few similarities for each item. It can keep, for each item that could be recommended,
those that speak most for it (per target), or for each item that was bought those that it speaks most for (per
source). Programs differ in it, and seldom say which they do. Here is what it does to what customers find, and to
what they get to see.
"""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd

from crmkit import EventLog, ItemCosineRecommender
from crmkit.datasets import make_retail
from crmkit.metrics import estimate
from crmkit.model_selection import RecommendationScorer
from crmkit.recommend import PopularityRecommender

# %%
# A shop with tastes
# ------------------
# Simulated: 600 items in 8 categories, customers with a favourite category, two years. What is known on 1 July is
# used to recommend ten items that are new to each customer; what they took in the half-year after it is the answer.

events, truth = make_retail(
    2000, 600, n_categories=8, lines_per_order=4.0, taste_strength=0.8, repeat_share=0.2, random_state=0
)
log = EventLog.from_frame(
    events[events["kind"] == "order"], customer="customer_id", time="time", item="item", order="order",
    observed_until="2024-12-30",
)  # fmt: skip
X = log.snapshot("2024-07-01", horizon="180D")
y = X.future_items()
log

# %%
# From few neighbours to many
# ---------------------------

scorer = RecommendationScorer()
rows, shown = [], {}
for n_neighbors in (3, 5, 10, 20, 50, 100):
    for keep in ("target", "source"):
        model = ItemCosineRecommender(n_neighbors, keep=keep).fit(X)
        found, lists = scorer.estimate(model, X, y, random_state=0), model.recommend(X)
        shown[n_neighbors, keep] = lists["item"].value_counts().reindex(model.items_, fill_value=0).to_numpy()
        coverage, filled = (shown[n_neighbors, keep] > 0).mean(), lists["is_fallback"].mean()
        rows.append((n_neighbors, keep, float(found), found.low, found.high, coverage, filled))
table = pd.DataFrame(rows, columns=["n_neighbors", "keep", "ndcg", "low", "high", "coverage", "filled"])
popular = scorer(PopularityRecommender().fit(X), X, y)
table.round(3)

# %%
# With three neighbours the lists of "source" cannot be filled: a fifth of their places goes to what is popular. From
# ten on they are full, and here they find more than those of "target"; with a hundred neighbours it makes no
# difference. On the films of MovieLens-100k and in a wholesaler's data it is the other way round (see the guide). So
# it is worth a search, and worth looking at coverage too: per target nearly every item is shown to somebody, as long
# as neighbours are few.

figure, (left, right) = plt.subplots(1, 2, figsize=(9, 3.4), layout="constrained")
for keep, own in table.groupby("keep", sort=False):
    errors = np.abs(own[["low", "high"]].to_numpy().T - own["ndcg"].to_numpy())
    shift = {"target": 0.98, "source": 1.02}[keep]
    left.errorbar(own["n_neighbors"] * shift, own["ndcg"], errors, fmt="o-", capsize=2, label=f"per {keep}")
    right.plot(own["n_neighbors"], own["coverage"], "o-", label=f"per {keep}")
left.axhline(popular, color="0.6", linestyle="--", label="the most popular")
left.set(xscale="log", ylim=(0, None), xlabel="neighbours", ylabel="NDCG@10 of new items, 95 % interval")
right.set(xscale="log", ylim=(0, 1), xlabel="neighbours", ylabel="share of the items shown to anybody")
for ax in (left, right):
    ax.set_xticks([3, 5, 10, 20, 50, 100], ["3", "5", "10", "20", "50", "100"])
    ax.minorticks_off()
left.legend(frameon=False)

# %%
# The two curves share their customers, so overlapping intervals do not say that there is no difference. The
# difference of each customer's own figures does:

for n_neighbors in (3, 10, 100):
    models = [ItemCosineRecommender(n_neighbors, keep=keep).fit(X) for keep in ("target", "source")]
    per_target, per_source = (scorer.by_row(one, X, y) for one in models)
    gain = per_target - per_source
    gain = gain[~np.isnan(gain)]  # customers who took nothing new
    print(f"{n_neighbors:3d} neighbours, target less source: {estimate(np.mean, gain, random_state=0):.3f}")

# %%
# Who takes the places
# --------------------
# Items in tenths by the number of their customers, the most popular on the left: which share of all places of the
# lists goes to each tenth, with ten neighbours, beside what customers went on to take. Per target the first tenth gets
# half of the places, as much as customers take of it; per source nearly two thirds.

order = np.argsort(-model.popularity_, kind="stable")
tenths = np.array_split(order, 10)
taken = pd.Series(y.csr.astype(bool).sum(axis=0).A1, index=log.items).reindex(model.items_).to_numpy()
figure, ax = plt.subplots(figsize=(8, 3.2), layout="constrained")
for place, (name, counts) in enumerate(
    [("per target", shown[10, "target"]), ("per source", shown[10, "source"]), ("taken", taken)]
):
    share = [counts[tenth].sum() / counts.sum() for tenth in tenths]
    ax.bar(np.arange(1, 11) + 0.27 * (place - 1), share, 0.25, label=name, color=["C0", "C1", "0.7"][place])
ax.set(xticks=range(1, 11), xlabel="tenth of the items by popularity", ylabel="share of the places")
ax.legend(frameon=False)
plt.show()
