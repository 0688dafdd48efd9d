"""Speed of learned value: features of rows, fitting, predicting, and the report."""

from __future__ import annotations

import numpy as np
import pandas as pd

from crmkit import EventLog
from crmkit.metrics import normalised_gini
from crmkit.value import CLVRegressor, NaiveValue, value_report


def shop(n_customers, n_events):
    rng = np.random.default_rng(0)
    log = {
        "customer": rng.integers(n_customers, size=n_events),
        "time": np.datetime64("2022-01-01") + rng.integers(730 * 86_400, size=n_events).astype("m8[s]"),
        "value": np.round(rng.lognormal(3, 1, n_events), 2),
    }
    return EventLog.from_frame(log, customer="customer", time="time", value="value", observed_until="2024-01-01")


class Learned:
    """Twelve months of training dates, one to predict."""

    params = [1_000, 10_000]
    param_names = ["n_customers"]
    timeout = 600

    def setup(self, n_customers):
        log = shop(n_customers, 10 * n_customers)
        self.X = log.snapshots(pd.date_range("2022-07-01", "2023-06-01", freq="MS"), horizon="91D")
        self.y = self.X.future_value()
        self.today = log.snapshots(["2023-10-01"], horizon="91D")
        self.came = self.today.future_value()
        log.fingerprint  # noqa: B018  hashed once for a log, kept on it
        self.model = CLVRegressor(random_state=0).fit(self.X, self.y)
        self.naive = NaiveValue().fit(self.today)

    def time_fit(self, n_customers):
        CLVRegressor(random_state=0).fit(self.X, self.y)

    def time_features(self, n_customers):
        self.model.features(self.X)

    def time_predict(self, n_customers):
        self.model.predict(self.today)

    def time_predict_interval(self, n_customers):
        self.model.predict_interval(self.today)

    def time_naive(self, n_customers):
        self.naive.predict(self.today)

    def time_report(self, n_customers):
        value_report({"learned": self.model}, self.today, self.came)


class Gini:
    """A million amounts, most of them zero."""

    def setup(self):
        rng = np.random.default_rng(0)
        self.y = rng.lognormal(3, 1, 1_000_000) * (rng.random(1_000_000) < 0.3)
        self.score = rng.random(1_000_000)

    def time_normalised_gini(self):
        normalised_gini(self.y, self.score)
