"""Speed of splitting, and of what a back-test adds to fitting and predicting."""

from __future__ import annotations

import numpy as np
import pandas as pd
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline

from crmkit import EventLog, RFMTransformer
from crmkit.datasets import make_purchases
from crmkit.model_selection import (
    ProfitScorer,
    TemporalSplit,
    backtest,
    permutation_importance,
    temporal_train_test_split,
)


def rows_of(n_customers, text=False):
    """Rows of thirteen months; about twelve times as many as customers."""
    frame, _ = make_purchases(n_customers, span="104W", random_state=0)
    if text:
        frame["customer_id"] = "customer " + frame["customer_id"].astype(str)
    log = EventLog.from_frame(frame, customer="customer_id", time="time", value="value", observed_until="2024-12-29")
    return log.snapshots(pd.date_range("2023-04-01", "2024-04-01", freq="MS"), horizon="90D")


class Split:
    params = [[10_000, 200_000], ["overlap", "disjoint", "disjoint, text ids"]]
    param_names = ["n_customers", "customers"]
    timeout = 300

    def setup(self, n_customers, customers):
        self.X = rows_of(n_customers, text="text" in customers)
        self.splitter = TemporalSplit(5, customers=customers.partition(",")[0])

    def time_split(self, n_customers, customers):
        for _ in self.splitter.split(self.X):
            pass

    def peakmem_split(self, n_customers, customers):
        for _ in self.splitter.split(self.X):
            pass


class Backtest:
    """``by_hand`` fits, predicts and scores the same folds without a table or a baseline."""

    params = ["by hand", "without a baseline", "beside the recency rule"]
    param_names = ["how"]
    timeout = 300

    def setup(self, how):
        self.X = rows_of(10_000)
        self.y = self.X.churned()
        self.model = make_pipeline(RFMTransformer(), LogisticRegression(max_iter=1000))
        self.result = backtest(self.model, self.X, self.y, cv=2)

    def time_backtest(self, how):
        if how == "by hand":
            for train, test in TemporalSplit(2).split(self.X):
                self.model.fit(self.X[train], self.y[train]).predict_proba(self.X[test])
        else:
            backtest(self.model, self.X, self.y, cv=2, baseline=None if "without" in how else "recency")

    def time_interval(self, how):
        self.result._estimate("model")


class Importance:
    def setup(self):
        X = rows_of(10_000)
        y = X.churned()
        X_train, self.X, y_train, self.y = temporal_train_test_split(X, y)
        self.model = make_pipeline(RFMTransformer(), LogisticRegression(max_iter=1000)).fit(X_train, y_train)

    def time_permutation_importance(self):
        permutation_importance(self.model, self.X, self.y, n_repeats=5, random_state=0)

    def track_sum_of_importances(self):
        """Not a time: if this moves, the result did."""
        return float(np.sum(permutation_importance(self.model, self.X, self.y, random_state=0).importances_mean))


class Profit:
    """What reading each customer's value from 130,000 rows adds to scoring them."""

    params = [["expected_maximum_profit", "profit"], [200, "worth"]]
    param_names = ["metric", "value"]
    timeout = 300

    def setup(self, metric, value):
        X = rows_of(10_000)
        worth = pd.DataFrame({"customer_id": X.log.customers, "worth": 1.0 + np.arange(X.log.n_customers) % 300})
        log = X.log.with_attributes(worth, customer="customer_id")
        self.X = log.snapshots(np.unique(X.as_of), horizon="90D")
        self.y = self.X.churned()
        self.model = make_pipeline(RFMTransformer(), LogisticRegression(max_iter=1000)).fit(self.X, self.y)
        self.scorer = ProfitScorer(metric, value=value)

    def time_score(self, metric, value):
        self.scorer(self.model, self.X, self.y)
