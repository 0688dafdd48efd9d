"""Speed and memory of recommenders; how good their lists are, which must not move."""

from __future__ import annotations

import numpy as np
from scipy import sparse

from crmkit import EventLog
from crmkit.datasets import make_retail
from crmkit.recommend import (
    EASERecommender,
    ItemCosineRecommender,
    PopularityRecommender,
    RepeatPurchaseRecommender,
    UserCosineRecommender,
)


def tastes(n_customers, n_items, seed=0):
    """Log-normal activity, popularity as rank^-0.9, and in every other row one of twenty kinds of items."""
    rng = np.random.default_rng(seed)
    activity = np.clip(rng.lognormal(3.5, 1, n_customers).astype(np.int64), 5, n_items // 4)
    customer = np.repeat(np.arange(n_customers), activity)
    ends = np.cumsum(np.arange(1.0, n_items + 1) ** -0.9)
    item = np.searchsorted(ends, rng.random(len(customer)) * ends[-1])
    likes = rng.random(len(customer)) < 0.5
    # The nearest item of the kind that the customer likes is about as popular as the one drawn.
    item[likes] += rng.integers(20, size=n_customers)[customer[likes]] - item[likes] % 20
    counts = sparse.csr_matrix(
        (np.ones(len(item)), (customer, np.minimum(item, n_items - 1))), shape=(n_customers, n_items)
    )
    counts.sum_duplicates()
    return counts[:, rng.permutation(n_items)].sorted_indices()


#: Customers and items: a shop, and a catalogue in which hardly two items meet.
SHAPES = {"shop": (20_000, 2_000), "sparse": (2_000, 20_000)}
KINDS = {
    "binary": {},
    "count": {"interaction": "count"},
    "idf": {"weighting": "idf"},
}


class Fit:
    """Item cosine from a matrix."""

    params = [list(SHAPES), list(KINDS)]
    param_names = ["shape", "kind"]

    def setup(self, shape, kind):
        self.X = tastes(*SHAPES[shape])
        self.time_fit(shape, kind)

    def time_fit(self, shape, kind):
        ItemCosineRecommender(50, **KINDS[kind]).fit(self.X)

    def peakmem_fit(self, shape, kind):
        ItemCosineRecommender(50, **KINDS[kind]).fit(self.X)


class Recommend:
    """Ten items for everybody, and for one customer after the other."""

    params = [["target", "source"]]
    param_names = ["keep"]

    def setup(self, keep):
        self.X = tastes(*SHAPES["shop"])
        self.model = ItemCosineRecommender(50, keep=keep).fit(self.X)
        self.rows = [self.X[[row]] for row in range(100)]
        self.time_everybody()
        self.time_hundred_single_customers()

    def time_everybody(self, *_):
        self.model.recommend(self.X, n=10)

    def time_hundred_single_customers(self, *_):
        for row in self.rows:
            self.model.recommend(row, n=10)


class PartialFit:
    """The new customers of a day join those of two hundred days."""

    # The model holds more after each call, so that it is called equally often in every run.
    number, repeat, warmup_time = 1, 5, 0

    def setup(self):
        X = tastes(*SHAPES["shop"])
        n_daily = X.shape[0] // 200
        self.day = X[:n_daily]
        self.model = ItemCosineRecommender(50).fit(X[n_daily:])
        self.model.partial_fit(self.day)

    def time_partial_fit(self):
        self.model.partial_fit(self.day)


RECOMMENDERS = {
    "item cosine, per target": ItemCosineRecommender,
    "item cosine, per source": lambda: ItemCosineRecommender(keep="source"),
    "item cosine, idf": lambda: ItemCosineRecommender(weighting="idf"),
    "user cosine": UserCosineRecommender,
    "EASE": EASERecommender,
    "popularity": PopularityRecommender,
    "own purchases": RepeatPurchaseRecommender,
}


class Quality:
    """NDCG of lists of ten items, in a shop whose customers have favourite kinds."""

    params = [list(RECOMMENDERS)]
    param_names = ["recommender"]

    def setup_cache(self):
        frame, _ = make_retail(2_000, 300, random_state=0)
        roles = {"customer": "customer_id", "time": "time", "item": "item", "kind": "kind", "purchases": "order"}
        return EventLog.from_frame(frame, **roles)

    def setup(self, log, recommender):
        self.X = log.snapshot("2024-07-01", horizon="90D")
        self.y = self.X.future_items()

    def track_ndcg(self, log, recommender):
        return RECOMMENDERS[recommender]().fit(self.X).score(self.X, self.y)
