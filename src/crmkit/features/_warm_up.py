"""One run through everything in this room that has a kernel."""

from __future__ import annotations

from typing import Any

import numpy as np

from crmkit.events import EventLog
from crmkit.features._inter_purchase import InterPurchaseFeatures
from crmkit.features._window_statistics import STATISTICS
from crmkit.features._window_sweep import by_customer
from crmkit.features._windows import WindowAggregator


def warm_up() -> None:
    """Compile the kernels for the types that the library passes."""
    _describe_windows()
    events = {"customer": [1, 1, 1, 2], "time": ["2024-01-01", "2024-01-03", "2024-01-05", "2024-01-05"]}
    log = EventLog.from_frame(
        {**events, "value": [1.0, 2.0, -1.0, 3.0]}, customer="customer", time="time", value="value"
    )
    InterPurchaseFeatures().transform(log.snapshot("2024-01-06"))


def _describe_windows() -> None:
    row = np.arange(24)
    columns: dict[str, Any] = {
        "customer": row % 3,
        "time": np.datetime64("2024-01-01", "us") + row.astype("m8[D]"),
        "kind": np.array(["order", "visit"])[row % 2],
        "item": np.array(["a", "b", "c"])[row % 3],
        "order": row // 2,
    }
    named: dict[str, Any] = {name: name for name in columns}
    for money in (row, row / 3):
        log = EventLog.from_frame({**columns, "value": money}, **named, value="value", purchases="order")
        windows = WindowAggregator(["7D", "all"], STATISTICS, by_kind=True)
        X = log.snapshots(["2024-01-10", "2024-01-20"])
        windows.fit_transform(X)
    # So few rows are not swept by customer.
    runs = np.array([0, len(X) // 2, len(X)])
    list(by_customer(X.codes, runs, 0, len(X.customers), len(X)))
