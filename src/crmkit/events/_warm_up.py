"""One run through everything in this room, and in the frame edge below it, that has a kernel."""

from __future__ import annotations

from typing import Any

import numpy as np

from crmkit.events._log import EventLog
from crmkit.events._summary import purchases

#: Enough rows for two threads, more than the smallest hash table holds, and one customer with a long history.
_N = 48_000


def warm_up() -> None:
    """Compile the kernels for the types that the library passes."""
    row = np.arange(_N)
    columns: dict[str, Any] = {
        "time": np.datetime64("2024-01-01", "us") + (row % 97).astype("m8[D]"),
        "value": (row % 7 - 1) / 2,
        "kind": np.array(["order", "visit", "order"])[row % 3],
        "item": np.array(["a", "b", "c", "d"])[row % 4],
        "order": row // 2,
        "quantity": row % 3,
    }
    roles: dict[str, Any] = {"time": "time", "value": "value", "observed_until": "2024-06-01"}
    names = {name: name for name in ("kind", "item", "order", "quantity")}
    everything: dict[str, Any] = {**roles, **names, "purchases": ["order"]}
    sparse = row * 7_919_000_000_000
    customers = {
        "dense": np.where(row < _N // 2, row, 0),
        "gaps": np.where(row < _N // 2, 3 * row, 0),
        "sparse": np.where(row < _N // 2, sparse, 0),
        "text": np.where(row < _N // 2, row, 0).astype("U9"),
    }
    for customer in customers.values():
        frame = {**columns, "customer": customer}
        EventLog.from_frame(frame, customer="customer", **roles)
        _use(EventLog.from_frame(frame, customer="customer", **everything))
    # Money that is not in whole cents adds up as floats; money alone travels with its instant.
    frame = {**columns, "customer": customers["dense"], "value": columns["value"] / 3}
    EventLog.from_frame(frame, customer="customer", **roles)
    _use(EventLog.from_frame(frame, customer="customer", **everything))
    plain = {"time": columns["time"], "customer": customers["dense"], "value": np.ones(_N)}
    _sum_up(EventLog.from_frame(plain, customer="customer", **roles))
    # Times that the clock shows twice.
    aware = {**plain, "time": np.array(["2024-10-27T00:30:00Z", "2024-10-27T01:30:00Z"], dtype=object)[row % 2]}
    EventLog.from_frame(
        aware, customer="customer", time="time", value="value", tz="Europe/London", observed_until="2025-01-01"
    )


def _use(log: EventLog) -> None:
    rows = _sum_up(log)
    rows.summary(collapse="order")
    rows.future_purchases(collapse="order")
    rows.future_items()
    rows.interactions(halflife="30D")
    rows.happens("visit")
    rows.tenure("order", "visit", "30D")
    rows.sequences(4, kinds="visit")
    for of in ("quantity", "purchases", "money"):
        log.demand("M", by="item", of=of)
    log.snapshot(alive=("order", "visit"), customers=log.customers[:5]).summary()
    log.snapshots_at({"customer": log.customers[:5], "as_of": ["2024-02-01"] * 5}, customer="customer", as_of="as_of")


def _sum_up(log: EventLog) -> Any:
    rows = log.snapshots(["2024-02-01", "2024-03-01"], horizon="30D", active_within="90D")
    purchases(rows, "D", gaps=True)
    rows[:1].summary()
    rows.future_purchases()
    rows.future_value()
    rows.time_to_next()
    rows.churned()
    return rows
