"""
Learning as it happens
======================

A shop does not wait for the next training run. Events are appended to the log, lists are made from what the customer
did a minute ago, and every night the model learns what came since: not a new fit of everything, and yet the same
model.
"""

import time

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd

from crmkit import EventLog, ItemCosineRecommender
from crmkit.datasets import make_retail
from crmkit.metrics import estimate
from crmkit.model_selection import RecommendationScorer

# %%
# A simulated shop in which a quarter of the items come on sale in the last quarter of 2024. The history up to 1
# October is loaded at once; what comes later arrives day by day.

events, truth = make_retail(3000, 400, lines_per_order=3.0, taste_strength=0.8, acquisition="100W", random_state=0)
rng = np.random.default_rng(0)
on_sale = pd.Series(pd.Timestamp("2023-01-01"), index=truth.items["item"])
on_sale[rng.choice(on_sale.index, 100, replace=False)] = pd.Timestamp("2024-10-01") + pd.to_timedelta(
    rng.integers(0, 60, 100), unit="D"
)
orders = events[events["kind"] == "order"].sort_values("time")
orders = orders[orders["time"].to_numpy() >= on_sale[orders["item"]].to_numpy()]
roles = {"customer": "customer_id", "time": "time", "item": "item", "order": "order"}
start = pd.Timestamp("2024-10-01")
log = EventLog.from_frame(orders[orders["time"] < start], **roles, observed_until=start)
model = ItemCosineRecommender(shrinkage=10).fit(log.snapshot())
first = ItemCosineRecommender(shrinkage=10).fit(log.snapshot())  # a twin that learns nothing more
log

# %%
# A customer, live
# ----------------
# Lists read the rows that they are given, so a purchase counts as soon as it is in the log, before anything is
# learnt.

pairs = orders.set_index(["customer_id", "item"])["time"]
news = pairs[(pairs >= start) & ~pairs.index.duplicated() & pairs.index.isin(log.customers, level=0)]
customer, item = news[news.index.isin(log.items, level=1)].index[0]
one = log.customer(customer)
print("before", model.recommend(one.snapshot(), n=5)["item"].tolist())
one = one.append(orders[(orders["customer_id"] == customer) & (orders["item"] == item)].head(1))
print("bought", item)
print("after ", model.recommend(one.snapshot(), n=5)["item"].tolist())

# %%
# Thirteen weeks, night by night
# ------------------------------
# Each night the day's events are appended, and ``partial_fit`` is given the customers who bought. It takes the
# events since each one's last as_of; new customers and items are added.

nights = pd.date_range("2024-10-02", "2024-12-30", freq="D")
rows = []
for night in nights:
    day = orders[(orders["time"] >= night - pd.Timedelta("1D")) & (orders["time"] < night)]
    log = log.append(day, observed_until=night)
    came = log.snapshot(customers=day["customer_id"].unique())
    began = time.perf_counter()
    model.partial_fit(came)
    rows.append((night, model.n_rows_used_, len(model.items_), time.perf_counter() - began))
nightly = pd.DataFrame(rows, columns=["night", "customers", "items", "seconds"]).set_index("night")
nightly.iloc[::30]

# %%
# The same as one fit of everything, to the last bit:

at_once = ItemCosineRecommender(shrinkage=10).fit(log.snapshot())
print((at_once.similarity_ != model.similarity_).nnz, "similarities differ;", model.n_rows_used_, "customers")

# %%
# What it is worth
# ----------------
# Two models are asked for the new items of the following four weeks, from the same up-to-date histories. One has
# learnt until the date, the other nothing since 1 October: it does not know the items that have come on sale.

scorer = RecommendationScorer()
whole = EventLog.from_frame(orders, **roles, observed_until="2024-12-30")
results = []
for weeks in range(0, 9, 2):
    X = whole.snapshot(start + pd.Timedelta(7 * weeks, "D"), horizon="28D")
    models = {"learns every night": ItemCosineRecommender(shrinkage=10).fit(X), "as of 1 October": first}
    by_row = {name: scorer.by_row(one, X, X.future_items()) for name, one in models.items()}
    for name, values in by_row.items():
        found = estimate(np.mean, values[~np.isnan(values)], random_state=0)
        results.append((name, X.as_of[0], float(found), found.low, found.high))
    gain = by_row["learns every night"] - by_row["as of 1 October"]
    print(f"{X.as_of[0]:.10}: better by {estimate(np.mean, gain[~np.isnan(gain)], random_state=0):.3f}")
results = pd.DataFrame(results, columns=["model", "date", "ndcg", "low", "high"])

# %%
# Both find less and less: much of what customers take is new to everybody, and a new item has few customers to be
# known by. The nightly model gets ahead little by little; at the last date it is better beyond doubt. Without new
# items the two could not be told apart: what customers have in common changes slowly. What must be up to date first
# are histories and the catalogue.

figure, (left, right) = plt.subplots(1, 2, figsize=(9, 3.4), layout="constrained")
for number, (name, own) in enumerate(results.groupby("model", sort=False)):
    errors = np.abs(own[["low", "high"]].to_numpy().T - own["ndcg"].to_numpy())
    left.errorbar(own["date"] + pd.Timedelta(number, "D"), own["ndcg"], errors, fmt="o-", capsize=2, label=name)
left.set(ylim=(0, None), ylabel="NDCG@10 of new items in 4 weeks")
left.legend(frameon=False, loc="lower left")
right.plot(nightly.index, nightly["items"], color="C2")
right.set(ylabel="items the model knows")
for ax in (left, right):
    ax.tick_params(axis="x", rotation=30)
plt.show()
