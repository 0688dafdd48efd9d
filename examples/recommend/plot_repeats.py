"""
The same again, or something new
================================

Customers of a shop come back for what they had, and now and then they try something. A recommender that is judged by
all they buy is mostly judged by the first. Here both questions are asked, month after month, each with a naive rule
beside it.
"""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd

from crmkit import EventLog, ItemCosineRecommender
from crmkit.datasets import make_retail
from crmkit.metrics import estimate
from crmkit.model_selection import RecommendationScorer, TemporalSplit
from crmkit.recommend import HybridRecommender, PopularityRecommender, RepeatPurchaseRecommender

# %%
# A simulated shop of two years, in which 45 % of the lines repeat an earlier order of the customer.

events, truth = make_retail(
    2000, 300, lines_per_order=3.0, repeat_share=0.45, taste_strength=0.8, leaving_probability=0.06, random_state=0
)
log = EventLog.from_frame(
    events[events["kind"] == "order"], customer="customer_id", time="time", item="item", order="order",
    observed_until="2024-12-30",
)  # fmt: skip
X = log.snapshots(pd.date_range("2024-01-01", "2024-11-01", freq="MS"), horizon="56D")
y = X.future_items()

# %%
# How much of it is repeats
# -------------------------
# Of the pairs of customer and item in the eight weeks after each date, the share that the customer had bought
# before.

before, after = X.interactions("binary").astype(bool), y.csr.astype(bool)
pairs = pd.DataFrame(
    {
        "as_of": X.as_of,
        "all": np.diff(after.indptr),
        "again": np.asarray(after.multiply(before).sum(axis=1)).ravel(),
    }
)
share = pairs.groupby("as_of").sum().eval("again / all")
share.round(2)

# %%
# A back-test in time order
# -------------------------
# At each of the latest six months a recommender learns from what was known then, and makes lists of ten. Popularity
# is the naive rule for new items; for all items it is the customer's own purchases.

models = {
    "own purchases": RepeatPurchaseRecommender(),
    "item cosine": ItemCosineRecommender(shrinkage=20),
    "popular": PopularityRecommender(),
    "both": HybridRecommender(
        [("own", RepeatPurchaseRecommender()), ("item", ItemCosineRecommender(shrinkage=20))], weights=[1, 0.3]
    ),
}
questions = {"new items": True, "any items": False}
tests = [test for _, test in TemporalSplit(n_splits=6).split(X)]
figures, by_row = [], {}
for name, model in models.items():
    for question, new in questions.items():
        scorer = RecommendationScorer(exclude_seen=new)
        values = []
        for test in tests:
            model.fit(X[test])  # what is known at the date: recommenders learn from no labels
            values.append((test, scorer.by_row(model, X[test], y[test])))
        by_row[name, question] = np.concatenate([one for _, one in values])
        for test, one in values:
            found = estimate(np.mean, one[~np.isnan(one)], random_state=0)
            figures.append((name, question, X.as_of[test][0], float(found), found.low, found.high))
tested = np.concatenate(tests)
figures = pd.DataFrame(figures, columns=["recommender", "question", "as_of", "ndcg", "low", "high"])

# %%
# Two questions, two pictures, and no line of the one may be compared with a line of the other. For new items, own
# purchases have nothing to say: their lists are filled with what is popular.

figure, axes = plt.subplots(1, 2, figsize=(9, 3.6), layout="constrained", sharex=True)
for ax, question in zip(axes, questions, strict=True):
    for number, name in enumerate(models):
        own = figures[(figures["recommender"] == name) & (figures["question"] == question)]
        if question == "new items" and name in ("own purchases", "both"):
            continue
        ax.plot(own["as_of"], own["ndcg"], "o-", color=f"C{number}", label=name)
        ax.fill_between(own["as_of"], own["low"], own["high"], color=f"C{number}", alpha=0.15, linewidth=0)
    ax.set(title=question, ylim=(0, 0.7))
    ax.tick_params(axis="x", rotation=30)
axes[0].set_ylabel("NDCG@10 in the next 8 weeks, 95 % interval")
axes[1].legend(frameon=False, ncols=2, loc="lower center")

# %%
# What is better
# --------------
# Differences of the same customers at the same dates. A customer has up to six rows, so customers are drawn, each
# with all.


def gain(one: str, other: str, question: str) -> None:
    """Print how much better the one is than the other."""
    rows = by_row[one, question] - by_row[other, question]
    asked = ~np.isnan(rows)
    found = estimate(np.mean, rows[asked], groups=X.customer_id[tested][asked], random_state=0)
    print(f"{question}: {one} less {other} {found:.3f}")


gain("item cosine", "popular", "new items")
gain("item cosine", "own purchases", "any items")
gain("both", "own purchases", "any items")

# %%
# Item cosine is twice as good as popularity for what is new, and far behind the customers' own purchases for what
# they buy at all. The blend answers both: own purchases first, and where there are fewer than ten, what goes with
# them.

plt.show()
