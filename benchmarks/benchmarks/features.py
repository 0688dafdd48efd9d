"""Speed of RFM tables, scores and segments."""

from __future__ import annotations

import numpy as np
import pandas as pd

from crmkit import EventLog, RFMTransformer
from crmkit.features import RFM_CLASSES, RFM_SEGMENTS


def purchases_of(n_customers, n_events):
    rng = np.random.default_rng(0)
    log = {
        "customer": rng.integers(n_customers, size=n_events),
        "time": np.datetime64("2022-01-01") + rng.integers(730 * 86_400, size=n_events).astype("m8[s]"),
        "value": np.round(rng.lognormal(3, 1, n_events), 2),
    }
    return EventLog.from_frame(log, customer="customer", time="time", value="value")


class RFM:
    """As of today, and as of twelve months: fitting, and what `transform` gives."""

    params = [[10_000, 1_000_000], [1, 12], ["values", "scores"]]
    param_names = ["n_customers", "n_dates", "columns"]
    timeout = 600

    def setup(self, n_customers, n_dates, columns):
        log = purchases_of(n_customers, 10 * n_customers)
        dates = pd.date_range("2023-01-01", "2023-12-01", freq="MS")
        self.X = log.snapshots(dates[-n_dates:])
        log.fingerprint  # noqa: B018  hashed once for a log, kept on it
        self.rfm = RFMTransformer(columns=columns).fit(self.X)
        self.rfm.transform(self.X)

    def time_fit(self, n_customers, n_dates, columns):
        RFMTransformer(columns=columns).fit(self.X)

    def time_transform(self, n_customers, n_dates, columns):
        self.rfm.transform(self.X)

    def peakmem_transform(self, n_customers, n_dates, columns):
        self.rfm.transform(self.X)


class Segments:
    """A million customers as of today, by either table."""

    params = ["segments", "classes"]
    param_names = ["table"]
    timeout = 600

    def setup(self, table):
        self.X = purchases_of(1_000_000, 5_000_000).snapshot()
        self.rfm = RFMTransformer().fit(self.X)
        self.table = {"segments": RFM_SEGMENTS, "classes": RFM_CLASSES}[table]
        self.rfm.segment(self.X, self.table)

    def time_segment(self, table):
        self.rfm.segment(self.X, self.table)


class OneCustomer:
    """A service: fifty events of one customer, from arrays to the row of scores."""

    def setup(self):
        self.rfm = RFMTransformer(columns="all").fit(purchases_of(10_000, 100_000).snapshot())
        rng = np.random.default_rng(1)
        days = np.sort(rng.integers(365, size=50)).astype("m8[D]")
        self.events = {
            "customer": np.full(50, 7),
            "time": np.datetime64("2023-06-01") + days,
            "value": rng.lognormal(3, 1, 50),
        }
        self.time_row()

    def time_row(self):
        log = EventLog.from_frame(self.events, customer="customer", time="time", value="value")
        self.rfm.transform(log.snapshot())


class Fill:
    """How evenly scores are filled where most customers bought once: the largest over the smallest, of the others."""

    params = [0.6, 0.8, 0.95]
    param_names = ["share_of_one_time_buyers"]

    def track_frequency_scores(self, share):
        rng = np.random.default_rng(0)
        frequency = np.where(rng.random(20_000) < share, 1, 1 + rng.geometric(0.1, 20_000))
        customer = np.repeat(np.arange(20_000), frequency)
        day = np.concatenate([np.arange(n) for n in frequency]).astype("m8[D]")
        events = {"customer": customer, "time": np.datetime64("2023-01-01") + day, "value": np.ones(len(customer))}
        log = EventLog.from_frame(events, customer="customer", time="time", value="value", observed_until="2024-01-01")
        scores = RFMTransformer(columns="scores", monetary="sum").fit_transform(log.snapshot())["frequency_score"]
        others = np.bincount(scores)[2:]
        return float(others.max() / others.min())

    track_frequency_scores.unit = "ratio"
