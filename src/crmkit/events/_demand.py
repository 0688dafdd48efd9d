"""From events to demand: what each item or customer was bought in each period of the calendar."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from crmkit._frames import make_frame, repeat_ids
from crmkit._numba import run_in_ranges
from crmkit._periods import Frequency, frequency
from crmkit._validation import check_option, parameter_error
from crmkit.events._demand_kernels import add_demand, find_first_periods, lay_out
from crmkit.events._store import Store, read_only
from crmkit.exceptions import ParameterError

if TYPE_CHECKING:
    from crmkit.events._log import EventLog

_OWNER = "EventLog.demand"

#: So many rows for each event, and some more, are asked for on purpose; a frame of more is a wrong unit of time.
_MOST_ROWS, _FEW = 100, 10_000_000
_NO_INTS = read_only(np.empty(0, dtype=np.int64))
_NO_FLOATS = read_only(np.empty(0, dtype=np.float64))
_NO_CODES = read_only(np.empty(0, dtype=np.int32))


def demand(log: EventLog, freq: Any, by: str | None, of: str) -> Any:
    """See `EventLog.demand`."""
    period = frequency(freq, _OWNER)
    if period.counts:
        raise parameter_error("freq", freq, "a period of the calendar: the times of a log are moments", _OWNER)
    check_option("by", by, {"item", "customer", None}, _OWNER)
    check_option("of", of, {"quantity", "purchases", "money"}, _OWNER)
    store = log._store
    wholes, amounts, scale = _amounts(store, of)
    ids, of_customer, of_event = _series(store, by)
    edges = _edges(store, period, log._end)
    n_customers, n_series = store.n_customers, len(ids)
    walk = (store.pointers, store.time, store.roles, of_customer, of_event, edges)
    pace = (len(edges) - 1) / max(float(edges[-1] - edges[0]), 1.0)
    first = np.full(n_series, len(edges) - 1, dtype=np.int64)
    cells = np.zeros(n_series + 1, dtype=np.int64)
    counts, sums = np.empty(0, dtype=np.int64), np.empty((3, 0))
    if len(edges) > 1:
        find_first_periods(0, n_customers, *walk, pace, first)
        np.cumsum(len(edges) - 1 - first, out=cells[1:])
        _refuse_too_many(int(cells[-1]), store, period)
        counts = np.zeros(cells[-1], dtype=np.int64)
        sums = np.zeros((3, cells[-1] if len(amounts) else 0))

        def add(start: int, stop: int) -> None:
            marks = np.zeros(n_series if len(wholes) == len(amounts) == 0 else 0, dtype=np.int64)
            target = (first, cells, wholes, amounts, of == "money", marks, counts, sums)
            add_demand(start, stop, *walk, pace, *target)

        # Customers share the cells of an item, so that only their own series can be added up side by side.
        run_in_ranges(add, n_customers, minimum=4_096 if by == "customer" else n_customers)
    codes, times = np.empty(cells[-1], dtype=np.int32), np.empty(cells[-1], dtype=np.int64)
    run_in_ranges(lay_out, n_series, cells, first, edges, codes, times)
    value = counts / scale
    if len(amounts):
        value = np.where(sums[2] == 0, value, sums[0] + sums[1])
    columns = {"series": repeat_ids(ids, codes, log.backend), "time": times.view("M8[us]"), "value": value}
    return make_frame(columns, log.backend)


def _edges(store: Store, period: Frequency, end: int) -> NDArray[np.int64]:
    """Where periods begin, from that of the first event to the one that `end` cuts."""
    if len(store.time) == 0:
        return read_only(np.zeros(1, dtype=np.int64))
    begins, ends = period.number([int(store.time.min()), end])
    _refuse_too_many(int(ends - begins), store, period)
    return read_only(period.start(np.arange(begins, ends + 1)))


def _refuse_too_many(n_rows: int, store: Store, period: Frequency) -> None:
    n_events = len(store.time)
    if n_rows > _MOST_ROWS * n_events + _FEW:
        raise ParameterError(
            f"freq={period.name!r} makes {n_rows:,} rows or more of {n_events:,} events, nearly all of them zeros. "
            "Pass a longer period, or by=None."
        )


def _series(store: Store, by: str | None) -> tuple[NDArray[Any], NDArray[np.int32], NDArray[np.int32]]:
    """Ids of the series, and to which of them customers and events belong."""
    if by == "customer":
        return store.customers, read_only(np.arange(store.n_customers, dtype=np.int32)), _NO_CODES
    if by is None:
        return np.array(["all"]), read_only(np.zeros(store.n_customers, dtype=np.int32)), _NO_CODES
    if store.item is None:
        raise ParameterError(
            "by='item', but the log has no items. Name their column as item= in from_frame, or pass by=None."
        )
    return store.item.levels, _NO_CODES, store.item.codes


def _amounts(store: Store, of: str) -> tuple[NDArray[np.int64], NDArray[np.float64], float]:
    """What is added up: whole numbers or floats, and how many of the whole numbers are one."""
    if of == "purchases":
        return _NO_INTS, _NO_FLOATS, 1.0
    if of == "money":
        if not store.has_money:
            raise ParameterError("of='money', but the log has no money. Name value= or price= in from_frame.")
        return store.cents, store.money, 100.0
    if store.quantity is None:
        raise ParameterError(
            "of='quantity', but the log has no quantities. Name their column as quantity= in from_frame, "
            "or count purchases with of='purchases'."
        )
    unknown = np.isnan(store.quantity)
    if unknown.any():
        missing = int(np.count_nonzero(unknown & (store.roles == 1) if len(store.roles) else unknown))
        if missing:
            raise ParameterError(
                f"of='quantity', but {missing:,} purchases have no quantity. Fill their column before from_frame, "
                "or count purchases with of='purchases'."
            )
    # Less than nothing is not bought: such lines correct a stock.
    bought = np.fmax(store.quantity, 0.0)
    wholes = bought.astype(np.int64) if bool((bought < 2.0**53).all()) else _NO_INTS
    if len(wholes) and bool((wholes == bought).all()):
        return read_only(wholes), _NO_FLOATS, 1.0
    return _NO_INTS, read_only(bought), 100.0
