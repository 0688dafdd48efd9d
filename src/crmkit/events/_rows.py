"""How the rows of snapshots are made."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from crmkit._durations import duration_name, instant_name, to_microseconds
from crmkit._frames import factorize, instants, lookup_ids, read_columns, time_column
from crmkit._numba import run_in_ranges
from crmkit._validation import check_int, check_option
from crmkit.events._rows_kernels import find_edges, sweep_dates
from crmkit.events._snapshots import Snapshots, Window
from crmkit.events._tenure import contract_states
from crmkit.exceptions import CensoredWindowError, EventDataError, ParameterError, UnknownCustomerError

if TYPE_CHECKING:
    from crmkit.events._log import EventLog

_OWNER = "EventLog.snapshots"


def rows_of_dates(
    log: EventLog,
    dates: Any,
    *,
    horizon: Any = None,
    gap: Any = "0D",
    min_events: int = 1,
    active_within: Any = None,
    customers: Any = None,
    alive: Any = None,
    censored: Literal["raise", "drop"] = "raise",
    name: str = "dates",
) -> Snapshots:
    """See `EventLog.snapshots`; `name` is what errors call the dates."""
    check_option("censored", censored, {"raise", "drop"}, _OWNER)
    check_int("min_events", min_events, _OWNER, low=0)
    if min_events == 0 and customers is None:
        raise ParameterError(
            "min_events=0 needs customers=: who will buy for the first time later on is not known at as_of, so rows "
            "for everybody in the log would tell the future."
        )
    window = make_window(horizon, gap, active_within)
    days = instants(dates, name, log.tz)
    if len(np.unique(days)) < len(days):
        raise ParameterError(f"dates holds {len(days) - len(np.unique(days))} dates twice. Give each once.")
    days = days[usable(log, days, window, censored, name)]
    wanted = np.empty(0, dtype=np.bool_)
    if customers is not None:
        wanted = np.zeros(log.n_customers, dtype=np.bool_)
        found = lookup_ids(customers, log.customers, "customers")
        if (found < 0).any():
            raise UnknownCustomerError(
                f"customers holds {int((found < 0).sum()):,} of {len(found):,} ids that the log does not. "
                "To keep customers without events, use snapshots_at."
            )
        wanted[found] = True
    order = np.argsort(days)
    codes, as_of, stops = _sweep(log, days, order, window, min_events, wanted, _states(log, alive))
    return Snapshots(log, log.customers, codes, as_of, stops, window)


def _sweep(
    log: EventLog,
    days: NDArray[np.int64],
    order: NDArray[np.int64],
    window: Window,
    min_events: int,
    wanted: NDArray[np.bool_],
    states: NDArray[np.int8],
) -> tuple[NDArray[np.int32], NDArray[np.int64], NDArray[np.int64]]:
    store = log._store
    rules = np.array([min_events, -1 if window.active_within is None else window.active_within], dtype=np.int64)
    shared = (store.pointers, store.time, store.roles, states, wanted, days[order], rules)
    no_codes, no_stops = np.empty(0, dtype=np.int32), np.empty(0, dtype=np.int64)

    def count(start: int, stop: int) -> tuple[int, NDArray[np.int64]]:
        counts = np.zeros(len(days), dtype=np.int64)
        sweep_dates(start, stop, *shared, counts, no_codes, no_stops, False)
        return start, counts

    parts = run_in_ranges(count, log.n_customers)
    # Rows go date by date in the caller's order, within a date by customer: first where each part begins.
    by_date = np.array([counts for _, counts in parts]).T[np.argsort(order)]
    sizes = by_date.sum(axis=1)
    begins = np.concatenate([[0], np.cumsum(by_date.ravel())])[:-1].reshape(by_date.shape)[order]
    slots = {start: np.ascontiguousarray(begins[:, part]) for part, (start, _) in enumerate(parts)}
    codes = np.empty(int(sizes.sum()), dtype=np.int32)
    stops = np.empty(len(codes), dtype=np.int64)

    def write(start: int, stop: int) -> None:
        sweep_dates(start, stop, *shared, slots[start], codes, stops, True)

    run_in_ranges(write, log.n_customers)
    return codes, np.repeat(days, sizes), stops


def _states(log: EventLog, alive: Any) -> NDArray[np.int8]:
    if alive is None:
        return np.empty(0, dtype=np.int8)
    if not isinstance(alive, tuple | list) or len(alive) != 2:
        raise ParameterError(
            f"alive={alive!r} must be a tuple (start kinds, end kinds), such as ('subscribe', 'cancel')."
        )
    return contract_states(log, alive[0], alive[1], ("alive", "alive"), f"alive={alive!r}")


def rows_of_frame(
    log: EventLog,
    frame: Any,
    *,
    customer: str,
    as_of: str,
    horizon: Any,
    gap: Any,
    censored: Literal["raise", "drop"],
) -> Snapshots:
    """See `EventLog.snapshots_at`."""
    check_option("censored", censored, {"raise", "drop"}, "EventLog.snapshots_at")
    window = make_window(horizon, gap, None)
    columns = read_columns(frame, [("customer", customer), ("as_of", as_of)])
    own, ids = factorize(columns[customer], "customer")
    times = time_column(columns[as_of], "as_of", log.tz)
    for rule, mask in (
        ("null customer", own < 0),
        ("null as_of", times.missing),
        ("unparseable as_of", times.unparseable),
    ):
        if mask is not None and mask.any():
            raise EventDataError(
                f"The frame of rows breaks a rule: {rule}, {int(mask.sum()):,} of {columns.n_rows:,} rows, the first "
                f"at position {int(np.argmax(mask))}. Leave these rows out, or complete them."
            )
    if log.n_customers and len(ids) and ids.dtype.kind != log.customers.dtype.kind:
        sorts = ["text" if array.dtype.kind == "U" else "whole numbers" for array in (ids, log.customers)]
        raise ParameterError(
            f"customer={customer!r} holds {sorts[0]}, the customer ids of the log are {sorts[1]}. Convert the column."
        )
    keep = usable(log, times.wall, window, censored, f"as_of={as_of!r}")
    known = lookup_ids(ids, log.customers, "customer")
    strangers = ids[known < 0]
    known[known < 0] = log.n_customers + np.arange(len(strangers))
    codes = known[own[keep]].astype(np.int32)
    customers = log.customers
    if len(strangers):
        customers = np.concatenate([customers, strangers]) if log.n_customers else strangers
    rows = Snapshots(log, customers, codes, times.wall[keep], np.zeros(len(codes), dtype=np.int64), window)
    edges = np.empty(len(codes), dtype=np.int64)
    run_in_ranges(find_edges, len(codes), codes, rows.as_of_us, rows.pointers, log._store.time, edges)
    return Snapshots(log, customers, codes, rows.as_of_us, edges, window)


def make_window(horizon: Any, gap: Any, active_within: Any) -> Window:
    """The label window of rows from durations."""
    return Window(
        None if horizon is None else to_microseconds(horizon, "horizon"),
        to_microseconds(gap, "gap", allow_zero=True),
        None if active_within is None else to_microseconds(active_within, "active_within"),
    )


def usable(
    log: EventLog, as_of: NDArray[np.int64], window: Window, censored: Literal["raise", "drop"], name: str
) -> NDArray[np.bool_]:
    """Which dates can be used; dates after the end of the log, and censored windows, raise."""
    end = log._end
    if (as_of > end).any():
        raise ParameterError(
            f"{name} holds {instant_name(as_of.max())}, an as_of after observed_until ({instant_name(end)}): "
            "what happened in between is not known. Pass an earlier date, or a later observed_until= to from_frame if "
            "the log is complete up to it."
        )
    if window.horizon is None:
        return np.ones(len(as_of), dtype=np.bool_)
    length = window.gap + window.horizon
    complete = as_of + length <= end
    if complete.all() or censored == "drop":
        return complete
    raise CensoredWindowError(
        f"{int((~complete).sum()):,} of {len(as_of):,} label windows (gap {duration_name(window.gap)}, horizon "
        f"{duration_name(window.horizon)}) end after observed_until ({instant_name(end)}), so their outcome is not "
        f"known yet. The last usable as_of is {instant_name(end - length)}. Pass earlier dates, or censored='drop' to "
        "leave these out."
    )
