"""Speed of the metrics, and how often their intervals hold the truth."""

from __future__ import annotations

import numpy as np
from scipy.sparse import csr_matrix

from crmkit import metrics
from crmkit.metrics import estimate, lift


def customers_with_rows(n_customers, seed, n_rows=4):
    """Outcomes and scores of customers that differ from each other, four rows each."""
    rng = np.random.default_rng(seed)
    customer = np.repeat(np.arange(n_customers), n_rows)
    taste = 1.5 * rng.normal(size=n_customers)[customer]
    y = (taste - 1 + rng.logistic(size=len(customer)) > 0).astype(np.int64)
    return customer, y, taste + 2 * rng.normal(size=len(customer))


def mean_amount(y, score):
    return np.exp(score / 2 + y).mean()


def lift_of_a_fifth(y, score):
    return lift(y, score, share=0.2)


FIGURES = {"mean": mean_amount, "lift": lift_of_a_fifth}


class Estimate:
    """One hundred resamples: what estimate adds to the metric itself."""

    params = [[2_357, 100_000], ["mean", "lift"]]
    param_names = ["n_customers", "figure"]

    def setup(self, n_customers, figure):
        self.customer, self.y, self.score = customers_with_rows(n_customers, seed=0)
        self.call = (np.mean, self.score) if figure == "mean" else (lift, self.y, self.score)

    def time_estimate(self, n_customers, figure):
        estimate(*self.call, groups=self.customer, n_resamples=100, random_state=0)


class Lift:
    params = [10_000, 1_000_000]
    param_names = ["n_rows"]

    def setup(self, n_rows):
        rng = np.random.default_rng(0)
        self.y, self.score = rng.integers(2, size=n_rows), rng.normal(size=n_rows)

    def time_lift(self, n_rows):
        lift(self.y, self.score)

    def peakmem_lift(self, n_rows):
        lift(self.y, self.score)


class Decisions:
    """A million scores: all different, or ties of a hundred; one value for all, or one for each customer."""

    params = [
        ["expected_maximum_profit_churn", "profit_curve", "gain_curve", "brier_decomposition", "subgroup_table"],
        ["distinct", "ties"],
        ["one value", "own values"],
    ]
    param_names = ["metric", "scores", "value"]

    def setup(self, metric, scores, value):
        money = metric in ("expected_maximum_profit_churn", "profit_curve")
        if value == "own values" and not money:
            raise NotImplementedError("no money in it")
        rng = np.random.default_rng(0)
        p = rng.random(1_000_000)
        y = (rng.random(len(p)) < p / 2).astype(np.int64)
        p = p if scores == "distinct" else np.round(p, 4)
        function = getattr(metrics, metric)
        options = {"value": rng.uniform(0, 400, size=len(p))} if value == "own values" else {}
        if metric == "subgroup_table":
            self.call = lambda: function(y, p > 0.5, (10 * p).astype(np.int64))
        else:
            self.call = lambda: function(y, p, **options)

    def time_metric(self, metric, scores, value):
        self.call()

    def peakmem_metric(self, metric, scores, value):
        self.call()


class Recommendations:
    """Lists of ten for as many customers and items as MovieLens-20M has, each with ten relevant items."""

    params = ["precision_at_k", "map_at_k", "ndcg_at_k", "catalogue_coverage", "novelty", "intra_list_diversity"]
    param_names = ["metric"]

    def setup(self, metric):
        rng = np.random.default_rng(0)
        n, n_items, k = 138_493, 26_744, 10
        columns = (n_items * rng.random(n * k) ** 2).astype(np.int32)
        y = csr_matrix((np.ones(n * k), columns, np.arange(0, n * k + 1, k, dtype=np.int32)), shape=(n, n_items))
        y.sum_duplicates()
        lists = (rng.integers(n_items, size=(n, 1)) + 1_009 * rng.permutation(k)) % n_items
        function = getattr(metrics, metric)
        neighbours = csr_matrix(
            (np.full(n_items * 100, 0.1), rng.integers(n_items, size=n_items * 100), np.arange(n_items + 1) * 100),
            shape=(n_items, n_items),
        )
        neighbours.sum_duplicates()
        neighbours.data[:] = 0.1
        self.call = {
            "catalogue_coverage": lambda: function(lists, n_items=n_items),
            "novelty": lambda: function(lists, np.arange(n_items), n_customers=n),
            "intra_list_diversity": lambda: function(lists, neighbours),
        }.get(metric, lambda: function(y, lists))

    def time_metric(self, metric):
        self.call()

    def peakmem_metric(self, metric):
        self.call()


class Coverage:
    """How often intervals of 90 % hold the figure of the whole population, in 400 samples of it."""

    params = [[30, 300], ["mean", "lift"], ["percentile", "bca"]]
    param_names = ["n_customers", "figure", "method"]
    timeout = 600

    def track_coverage(self, n_customers, figure, method):
        function = FIGURES[figure]
        _, y, score = customers_with_rows(500_000, seed=10**6)
        truth = function(y, score)
        held = 0
        for seed in range(400):
            customer, y, score = customers_with_rows(n_customers, seed)
            interval = estimate(
                function, y, score, groups=customer, coverage=0.9, n_resamples=400, method=method, random_state=seed
            )
            held += interval.low <= truth <= interval.high
        return held / 400

    track_coverage.unit = "share"
