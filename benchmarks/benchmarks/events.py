"""Speed and memory of logs, their rows, and what is read from them."""

from __future__ import annotations

import numpy as np
import pandas as pd

from crmkit import EventLog, RFMTransformer

SPAN = 730 * 86_400
MONTHS = pd.date_range("2023-01-01", "2023-12-01", freq="MS")
COLUMNS = {"customer": "customer", "time": "time", "value": "value", "observed_until": "2024-01-01"}


def make_events(n_events, ids="dense", *, in_order=False):
    """Two years of events, to the second, ten for each customer, with amounts in cents."""
    rng = np.random.default_rng(0)
    n_customers = n_events // 10
    codes = rng.integers(n_customers, size=n_events)
    seconds = rng.integers(SPAN, size=n_events)
    if in_order:
        seconds.sort()
    if ids == "dense":
        customer = codes
    elif ids == "sparse":
        customer = rng.choice(10**12, n_customers, replace=False)[codes]
    else:
        customer = np.char.add("C", np.char.zfill(np.arange(n_customers).astype("U8"), 8))[codes]
    return pd.DataFrame(
        {
            "customer": customer,
            "time": np.datetime64("2022-01-01", "us") + seconds.astype("m8[s]"),
            "value": np.round(rng.lognormal(3, 1, n_events), 2),
        }
    )


class WarmUp:
    """Compiles on few events what is then timed on many."""

    timeout = 600

    def setup(self, *_):
        for ids in ("dense", "sparse", "text"):
            log = EventLog.from_frame(make_events(2_000, ids), **COLUMNS)
            log.snapshot().summary()
            RFMTransformer().fit_transform(log.snapshots(MONTHS))


class FromFrame(WarmUp):
    """From a frame to a log."""

    params = [[100_000, 10_000_000], ["dense", "sparse", "text"], ["shuffled", "in order"]]
    param_names = ["n_events", "ids", "rows"]

    def setup(self, n_events, ids, rows):
        super().setup()
        self.frame = make_events(n_events, ids, in_order=rows == "in order")

    def time_from_frame(self, n_events, ids, rows):
        EventLog.from_frame(self.frame, **COLUMNS)

    def time_from_frame_to_summary(self, n_events, ids, rows):
        EventLog.from_frame(self.frame, **COLUMNS).snapshot().summary()

    def peakmem_from_frame(self, n_events, ids, rows):
        EventLog.from_frame(self.frame, **COLUMNS)

    def peakmem_nothing(self, n_events, ids, rows):
        """What the frame and the libraries take: to be subtracted from the one above."""


class SaidToBeInOrder(WarmUp):
    """Rows that come in time order, as from a database, with and without saying so."""

    params = [False, True]
    param_names = ["assume_sorted"]

    def setup(self, assume_sorted):
        super().setup()
        self.frame = make_events(1_000_000, in_order=True)

    def time_from_frame(self, assume_sorted):
        EventLog.from_frame(self.frame, assume_sorted=assume_sorted, **COLUMNS)


class Rows(WarmUp):
    """A log that is there already: its rows, and what is read from them."""

    params = [100_000, 10_000_000]
    param_names = ["n_events"]

    def setup(self, n_events):
        super().setup()
        self.log = EventLog.from_frame(make_events(n_events), **COLUMNS)
        self.today = self.log.snapshot()
        self.labelled = self.log.snapshots(MONTHS[:9], horizon="90D")
        self.labelled.churned(), self.labelled.future_value(), self.labelled.future_purchases()

    def time_summary(self, n_events):
        self.today.summary()

    def time_twelve_snapshots(self, n_events):
        self.log.snapshots(MONTHS)

    def time_rfm_of_twelve_snapshots(self, n_events):
        RFMTransformer().fit_transform(self.log.snapshots(MONTHS))

    def time_churned(self, n_events):
        self.labelled.churned()

    def time_future_purchases(self, n_events):
        self.labelled.future_purchases()

    def time_future_value(self, n_events):
        self.labelled.future_value()


class PaddedSequences(WarmUp):
    """The latest events of a hundred thousand customers as arrays, with codes of a thousand items."""

    params = [10, 100]
    param_names = ["length"]

    def setup(self, length):
        super().setup()
        frame = make_events(1_000_000)
        frame["item"] = np.random.default_rng(0).integers(1_000, size=len(frame))
        self.X = EventLog.from_frame(frame, item="item", **COLUMNS).snapshot()
        self.levels = self.X.sequences(length).levels

    def time_train(self, length):
        self.X.sequences(length)

    def time_serve(self, length):
        self.X.sequences(length, levels=self.levels)

    def time_one_customer(self, length):
        self.X[:1].sequences(length, levels=self.levels)

    def peakmem_train(self, length):
        self.X.sequences(length)


class HalfOfTheRows(WarmUp):
    """Ten million rows: taking half of them copies sixteen bytes a row and four, and no event."""

    def setup(self):
        super().setup()
        log = EventLog.from_frame(make_events(1_000_000), **COLUMNS)
        dates = pd.date_range("2023-01-01", periods=105, freq="3D")
        self.X = log.snapshots(dates, min_events=1)
        self.half = np.random.default_rng(0).permutation(len(self.X))[: len(self.X) // 2]

    def time_by_position(self):
        self.X[self.half]

    def time_by_slice(self):
        self.X[::2]

    def peakmem_by_position(self):
        self.X[self.half]


class OneCustomer(WarmUp):
    """A service: fifty events of one customer, from a frame to the row that a model takes."""

    def setup(self):
        super().setup()
        frame = make_events(2_000)
        self.rfm = RFMTransformer().fit(EventLog.from_frame(frame, **COLUMNS).snapshot())
        self.frame = frame.head(50).assign(customer=7)
        self.time_rfm_row()

    def time_rfm_row(self):
        self.rfm.transform(EventLog.from_frame(self.frame, **COLUMNS).snapshot())


class Append(WarmUp):
    """A day of events after two years of them."""

    params = [100_000, 1_000_000]
    param_names = ["n_events"]

    def setup(self, n_events):
        super().setup()
        self.log = EventLog.from_frame(make_events(n_events), **COLUMNS)
        day = make_events(max(n_events // 730, 10))
        self.day = day.assign(time=day["time"] + np.timedelta64(730, "D")).query("time < '2024-06-01'")
        self.time_append()

    def time_append(self, *_):
        self.log.append(self.day, observed_until="2026-01-01")


class Demand(WarmUp):
    """Weeks of two years: of each of a thousand items, of each customer, and of everybody."""

    params = [[100_000, 1_000_000], ["item", "customer", None], ["quantity", "purchases", "money"]]
    param_names = ["n_events", "by", "of"]

    def setup(self, n_events, by, of):
        rng = np.random.default_rng(0)
        frame = make_events(n_events).assign(item=rng.integers(1_000, size=n_events))
        frame["quantity"] = rng.integers(1, 9, size=n_events)
        self.log = EventLog.from_frame(frame, item="item", quantity="quantity", **COLUMNS)
        self.log.demand("W", by=by, of=of)

    def time_demand(self, n_events, by, of):
        self.log.demand("W", by=by, of=of)

    def peakmem_demand(self, n_events, by, of):
        self.log.demand("W", by=by, of=of)
