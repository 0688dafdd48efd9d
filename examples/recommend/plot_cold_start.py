"""
New items, new customers
========================

Nobody has bought what came on sale yesterday, so nothing that compares customers can recommend it. What it is may
say more. Here is a shop whose catalogue changes: what content finds, what customers in common find, and both
together.
"""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd

from crmkit import EventLog, ItemCosineRecommender
from crmkit.datasets import make_retail
from crmkit.metrics import estimate
from crmkit.model_selection import RecommendationScorer
from crmkit.recommend import ContentRecommender, HybridRecommender, PopularityRecommender

# %%
# A quarter of the items is new
# -----------------------------
# A simulated shop with 400 items in 20 categories. A hundred of them, drawn at random, come on sale between 15
# August and 1 October 2024; on 1 October lists are made for the next eight weeks. What is known of an item are its
# category, its price, and when it came.

events, truth = make_retail(
    3000, 400, n_categories=20, lines_per_order=3.0, taste_strength=0.9, acquisition="90W", random_state=0
)
rng = np.random.default_rng(1)
goods = truth.items[["item", "category", "price"]].assign(on_sale=pd.Timestamp("2023-01-01"))
new = rng.choice(len(goods), 100, replace=False)
goods.loc[new, "on_sale"] = pd.Timestamp("2024-08-15") + pd.to_timedelta(rng.integers(0, 47, 100), unit="D")
orders = events[events["kind"] == "order"]
orders = orders[orders["time"].to_numpy() >= goods.set_index("item").loc[orders["item"], "on_sale"].to_numpy()]
log = EventLog.from_frame(
    orders, customer="customer_id", time="time", item="item", order="order", observed_until="2024-12-30"
)
X = log.snapshot("2024-10-01", horizon="56D")
y = X.future_items()

# %%
# Recommenders
# ------------

content = ContentRecommender(goods, item="item", available_from="on_sale")
cosine = ItemCosineRecommender(shrinkage=10)
parts = [("content", content), ("item", cosine)]
models = {
    "popular": PopularityRecommender(),
    "content": content,
    "item cosine": cosine,
    "weighted": HybridRecommender(parts, weights=[0.3, 1.0]),
    "switching": HybridRecommender(parts, mode="switching", weights=[1.0, 1.0], min_customers=[0, 10]),
}
scorer = RecommendationScorer()
by_row = {name: scorer.by_row(model.fit(X), X, y) for name, model in models.items()}
fresh = goods["item"].to_numpy()[new]
rows = []
for name, model in models.items():
    values = by_row[name][~np.isnan(by_row[name])]
    found = estimate(np.mean, values, random_state=0)
    lists = model.recommend(X)
    rows.append((name, float(found), found.low, found.high, lists["item"].isin(fresh).mean(), lists["item"].nunique()))
table = pd.DataFrame(rows, columns=["recommender", "ndcg", "low", "high", "places of new items", "items shown"])
table.round(3)

# %%
# Popular finds next to nothing where tastes are this strong. Content finds a lot; item cosine finds more, though it
# hardly ever shows a new item. Hybrids do both: a weighted sum, and one that lets content answer for items of fewer
# than ten customers and item cosine for all others. The sum is better than item cosine by little, and surely;
# switching by more on average, with an interval that reaches zero, since it costs some customers what it brings to
# others.


def gain(one: str, other: str) -> None:
    """Print how much better the one is than the other."""
    rows = by_row[one] - by_row[other]
    print(f"{one} less {other}: {estimate(np.mean, rows[~np.isnan(rows)], random_state=0):.3f}")


gain("switching", "item cosine")
gain("weighted", "item cosine")
gain("switching", "weighted")

# %%
# Who finds what
# --------------
# Of what customers took and had not had before, the share that stood in their lists of ten: items that were on sale
# before 15 August, and those that came after it.

taken = (y.csr.astype(bool) > X.interactions("binary").astype(bool)).tocoo()
taken = pd.DataFrame({"customer_id": X.customer_id[taken.row], "item": log.items[taken.col]})
taken["fresh"] = taken["item"].isin(fresh)
recall = {}
for name, model in models.items():
    found = taken.merge(model.recommend(X)[["customer_id", "item"]].assign(found=1.0), how="left").fillna(
        {"found": 0.0}
    )
    recall[name] = found.groupby("fresh")["found"].mean()
recall = pd.DataFrame(recall).T
print(f"{taken['fresh'].mean():.0%} of what was taken were new items")

figure, (left, right) = plt.subplots(1, 2, figsize=(9, 3.4), layout="constrained", sharey=True)
place = np.arange(len(table))[::-1]
errors = np.abs(table[["low", "high"]].to_numpy().T - table["ndcg"].to_numpy())
left.barh(place, table["ndcg"], xerr=errors, color="C0", ecolor="0.3")
left.set_yticks(place, table["recommender"])
left.set(xlabel="NDCG@10 of items new to the customer")
right.barh(place + 0.2, recall[False], 0.38, color="0.6", label="on sale before")
right.barh(place - 0.2, recall[True], 0.38, color="C1", label="new in the shop")
right.set(xlabel="share of what was taken that was listed")
right.legend(frameon=False)

# %%
# Customers of whom little is known
# ---------------------------------
# The same lists, by the number of different items that the customer had bought by then. One purchase is enough for
# all to be far ahead of popularity. Who has nine items and more has much of what is old in a favourite category of
# twenty items, and what is left is new: there content is ahead. Of whom nothing at all is known gets what is
# popular, from every recommender.

known = np.diff(X.interactions("binary").indptr)
groups = {
    "1": known == 1,
    "2": known == 2,
    "3 to 4": (known >= 3) & (known <= 4),
    "5 to 8": (known >= 5) & (known <= 8),
    "9 and more": known >= 9,
}
figure, ax = plt.subplots(figsize=(7, 3.4), layout="constrained")
for number, name in enumerate(("popular", "content", "item cosine", "switching")):
    found = [estimate(np.mean, by_row[name][own & ~np.isnan(by_row[name])], random_state=0) for own in groups.values()]
    value = np.array([float(one) for one in found])
    errors = np.abs(np.array([[one.low for one in found], [one.high for one in found]]) - value)
    ax.errorbar(np.arange(len(groups)) + 0.08 * (number - 1.5), value, errors, fmt="o-", capsize=2, label=name)
ax.set_xticks(range(len(groups)), groups)
ax.set(xlabel="different items bought so far", ylabel="NDCG@10", ylim=(0, None))
ax.legend(frameon=False, ncols=2)
plt.show()
