"""Speed and memory of churn models; how well they tell who leaves, which must not move."""

from __future__ import annotations

import numpy as np
import pandas as pd
from sklearn.metrics import roc_auc_score

from crmkit import ChurnClassifier, EventLog
from crmkit.churn import ChurnProfit
from crmkit.datasets import make_purchases
from crmkit.metrics import expected_maximum_profit_churn

DATES = pd.date_range("2023-07-01", "2024-07-01", freq="MS")
WINDOW = {"horizon": "90D", "active_within": "180D"}


def shop(n_customers):
    """Two years of customers who leave, each with a rate and a taste for leaving of their own."""
    frame, _ = make_purchases(
        n_customers, r=0.62, alpha=2.5, a=0.4, b=2.4, span="104W", acquisition="52W", random_state=0
    )
    return EventLog.from_frame(frame, customer="customer_id", time="time", value="value", observed_until="2024-12-29")


def rows(log, dates, limit=None):
    X = log.snapshots(dates, **WINDOW)
    if limit is not None and len(X) > limit:
        X = X[np.sort(np.random.default_rng(0).choice(len(X), limit, replace=False))]
    return X, X.churned()


def table(n):
    """Numbers, of which some are missing, and a category; leaving depends on three of the columns."""
    rng = np.random.default_rng(0)
    frame = pd.DataFrame(rng.normal(size=(n, 8)), columns=[f"number_{j}" for j in range(8)])
    frame["kind"] = np.array(["month", "year", "two years"])[rng.integers(3, size=n)]
    wish = frame["number_0"] + 2 * (frame["number_1"] > 1) + (frame["kind"] == "month") - 2
    y = (wish + rng.logistic(size=n) > 0).to_numpy().astype(np.int64)
    return frame.mask(rng.random(frame.shape) < 0.05), y


class Snapshots:
    """Rows of a log: from events to probabilities."""

    params = [2_000, 50_000]
    param_names = ["n_rows"]
    timeout = 600

    def setup(self, n_rows):
        log = shop(20_000)
        self.X, self.y = rows(log, DATES, n_rows)
        self.everybody = log.snapshot("2024-09-01", active_within="180D")
        self.model = ChurnClassifier(profit=ChurnProfit(), random_state=0).fit(self.X, self.y)
        self.model.rank(self.everybody)

    def time_fit(self, n_rows):
        ChurnClassifier(profit=ChurnProfit(), random_state=0).fit(self.X, self.y)

    def time_score(self, n_rows):
        self.model.rank(self.everybody)

    def peakmem_fit(self, n_rows):
        ChurnClassifier(profit=ChurnProfit(), random_state=0).fit(self.X, self.y)


class Table:
    """Rows of a plain table."""

    params = [5_000, 50_000]
    param_names = ["n_rows"]
    timeout = 600

    def setup(self, n_rows):
        self.X, self.y = table(n_rows)
        self.model = ChurnClassifier(random_state=0).fit(self.X, self.y)

    def time_fit(self, n_rows):
        ChurnClassifier(random_state=0).fit(self.X, self.y)

    def time_score(self, n_rows):
        self.model.predict_proba(self.X)

    def time_explain(self, n_rows):
        self.model.explain(self.X.head(100))


class OneCustomer:
    """A service: fifty events of one customer, from arrays to the decision."""

    def setup(self):
        X, y = rows(shop(5_000), DATES, 20_000)
        self.model = ChurnClassifier(profit=ChurnProfit(), random_state=0).fit(X, y)
        rng = np.random.default_rng(1)
        self.events = {
            "customer_id": np.full(50, 7),
            "time": np.datetime64("2024-01-01") + np.sort(rng.integers(300, size=50)).astype("m8[D]"),
            "value": np.round(rng.lognormal(3, 1, 50), 2),
        }
        self.time_rank()

    def time_rank(self):
        self.model.rank(EventLog.from_frame(self.events, customer="customer_id", time="time", value="value").snapshot())


class Profit:
    """What a million scores are worth."""

    params = [10_000, 1_000_000]
    param_names = ["n_rows"]

    def setup(self, n_rows):
        rng = np.random.default_rng(0)
        self.y = (rng.random(n_rows) < 0.2).astype(np.int64)
        self.score = rng.normal(size=n_rows) + self.y
        expected_maximum_profit_churn(self.y, self.score)

    def time_expected_maximum_profit(self, n_rows):
        expected_maximum_profit_churn(self.y, self.score)

    def peakmem_expected_maximum_profit(self, n_rows):
        expected_maximum_profit_churn(self.y, self.score)


class Quality:
    """Out of time, on customers whose leaving is known because it was drawn; and on a table."""

    timeout = 600

    def track_auc(self):
        log = shop(10_000)
        X, y = rows(log, DATES[DATES <= "2024-04-01"], 30_000)
        later, came = rows(log, ["2024-07-01"])
        model = ChurnClassifier(random_state=0).fit(X, y)
        return float(roc_auc_score(came, model.predict_proba(later)[:, 1]))

    def track_auc_of_a_table(self):
        X, y = table(10_000)
        model = ChurnClassifier(random_state=0).fit(X[:5_000], y[:5_000])
        return float(roc_auc_score(y[5_000:], model.predict_proba(X[5_000:])[:, 1]))

    track_auc.unit = "AUC"
    track_auc_of_a_table.unit = "AUC"
