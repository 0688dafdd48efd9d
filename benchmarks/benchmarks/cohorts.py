"""Speed and memory of cohort tables, period tables, and the measures of loyalty."""

from __future__ import annotations

import numpy as np

from crmkit import EventLog
from crmkit.cohorts import cohort_table, loyalty, period_table, retention_curve


def log_of(n_events, money="cents"):
    """Two years of events, to the second, ten for each customer."""
    rng = np.random.default_rng(0)
    value = rng.lognormal(3, 1, n_events)
    events = {
        "customer": rng.integers(n_events // 10, size=n_events),
        "time": np.datetime64("2022-01-01", "us") + rng.integers(730 * 86_400, size=n_events).astype("m8[s]"),
        "value": np.round(value, 2) if money == "cents" else value,
    }
    return EventLog.from_frame(events, customer="customer", time="time", value="value", observed_until="2024-01-01")


class Tables:
    """A log that is there already."""

    params = [[100_000, 10_000_000], ["week", "month"]]
    param_names = ["n_events", "by"]
    timeout = 600

    def setup(self, n_events, by):
        self.log = log_of(n_events)
        for values in ("customers", "purchases", "money"):
            cohort_table(self.log, by, values)
        period_table(self.log, by)

    def time_customers(self, n_events, by):
        cohort_table(self.log, by)

    def time_purchases(self, n_events, by):
        cohort_table(self.log, by, "purchases")

    def time_money(self, n_events, by):
        cohort_table(self.log, by, "money")

    def time_retention_curve(self, n_events, by):
        retention_curve(self.log, by)

    def time_period_table(self, n_events, by):
        period_table(self.log, by)

    def peakmem_customers(self, n_events, by):
        cohort_table(self.log, by)

    def peakmem_nothing(self, n_events, by):
        """What the log and the libraries take: to be subtracted from the one above."""


class Money:
    """Whole cents add up as integers, other amounts as pairs of floats."""

    params = ["cents", "floats"]
    param_names = ["money"]
    timeout = 600

    def setup(self, money):
        self.log = log_of(1_000_000, money)
        self.time_money(money)

    def time_money(self, money):
        cohort_table(self.log, "month", "money")


class Loyalty:
    """A million customers as of today."""

    timeout = 600

    def setup(self):
        self.today = log_of(10_000_000).snapshot()
        self.time_loyalty()

    def time_loyalty(self):
        loyalty(self.today)
