"""Speed of RFM tables, scores and segments, and of windows of time."""

from __future__ import annotations

import numpy as np
import pandas as pd

from crmkit import EventLog, RFMTransformer
from crmkit.features import RFM_CLASSES, RFM_SEGMENTS, WindowAggregator
from crmkit.features._window_statistics import STATISTICS


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


def events_of(n_customers, n_events):
    """Orders and visits; the visits have minutes instead of money."""
    rng = np.random.default_rng(0)
    bought = rng.random(n_events) < 0.4
    log = {
        "customer": rng.integers(n_customers, size=n_events),
        "time": np.datetime64("2022-01-01") + rng.integers(730 * 86_400, size=n_events).astype("m8[s]"),
        "value": np.where(bought, np.round(rng.lognormal(3, 1, n_events), 2), np.nan),
        "minutes": np.where(bought, np.nan, rng.integers(1, 30, n_events)),
        "kind": np.where(bought, "order", "visit"),
        "item": rng.integers(500, size=n_events),
    }
    named = {name: name for name in ("customer", "time", "value", "kind", "item")}
    return EventLog.from_frame(log, **named, purchases="order", columns=["minutes"])


MONTHS = pd.date_range("2023-01-01", "2023-12-01", freq="MS")


class Windows:
    """A hundred thousand customers: what one more date and one more window cost."""

    params = [[1, 2, 6, 12], [1, 3, 6]]
    param_names = ["n_dates", "n_windows"]
    timeout = 600

    def setup(self, n_dates, n_windows):
        self.X = purchases_of(100_000, 1_000_000).snapshots(MONTHS[-n_dates:])
        days = [30, 90, 365, 60, 180, 270][:n_windows]
        self.windows = WindowAggregator([f"{n}D" for n in days], ["count", "sum"]).fit(self.X)
        self.windows.transform(self.X)

    def time_transform(self, n_dates, n_windows):
        self.windows.transform(self.X)

    def peakmem_transform(self, n_dates, n_windows):
        self.windows.transform(self.X)


class WindowStatistics:
    """Three windows of twelve dates, one statistic at a time, and all of them by kind."""

    params = [
        "count",
        "days",
        "share",
        "trend",
        "mean_gap",
        "sessions",
        "mean",
        "max",
        "std",
        "distinct",
        "all by kind",
    ]
    param_names = ["statistic"]
    timeout = 600

    def setup(self, statistic):
        everything = statistic == "all by kind"
        chosen = [name for name in STATISTICS if name != "orders"] if everything else [statistic]
        self.X = events_of(20_000, 400_000).snapshots(MONTHS)
        by_kind = everything or statistic == "share"
        self.windows = WindowAggregator(statistics=chosen, by_kind=by_kind).fit(self.X)
        self.windows.transform(self.X)

    def time_transform(self, statistic):
        self.windows.transform(self.X)


class WindowsOfOneCustomer:
    """A service: fifty events of one customer, as a row of a frame."""

    params = [False, True]
    param_names = ["by_kind"]

    def setup(self, by_kind):
        log = events_of(200, 10_000)
        self.windows = WindowAggregator(by_kind=by_kind).fit(log.snapshots(MONTHS))
        self.X = log.customer(7).snapshot("2024-01-01")
        self.time_row(by_kind)

    def time_row(self, by_kind):
        self.windows.transform(self.X)
