"""Frequency, recency, T and money: what a row sees of its customer's purchases."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from crmkit._durations import TIME_UNITS
from crmkit._numba import run_in_ranges
from crmkit._validation import check_option
from crmkit.events._summary_kernels import summarize_orders, summarize_periods
from crmkit.exceptions import ParameterError

if TYPE_CHECKING:
    from crmkit.events._snapshots import Snapshots

COLLAPSES = ("D", "W", "order", None)


@dataclass(frozen=True)
class Purchases:
    """What each row sees of its customer's purchases.

    Attributes
    ----------
    periods : ndarray of float64
        Number of purchase periods (days, orders, instants).
    age : ndarray of float64
        Microseconds from the start of the first period to the start of the last possible one, the
        period that ends at as_of: the `T` of the purchase models.
    idle : ndarray of float64
        The same from the last period: ``T - recency``.
    since_last : ndarray of float64
        Microseconds from the start of the last period to as_of.
    money, first_money : ndarray of float64
        Money of all periods, and of the first one.
    """

    periods: NDArray[np.float64]
    age: NDArray[np.float64]
    idle: NDArray[np.float64]
    since_last: NDArray[np.float64]
    money: NDArray[np.float64]
    first_money: NDArray[np.float64]


def purchases(rows: Snapshots, collapse: str | None, kinds: Any = None) -> Purchases:
    """Add up the purchases that each row sees.

    Parameters
    ----------
    rows : Snapshots
    collapse : {"D", "W", "order", None}
        What counts as one purchase: a day or a week counted back from as_of, an order, an instant.
    kinds : list, default=None
        Kinds that count instead of purchases.
    """
    check_option("collapse", collapse, COLLAPSES, "Snapshots.summary")
    store = rows.log._store
    roles = rows.log.roles(kinds)
    if collapse == "order" and store.order is None:
        raise ParameterError("collapse='order', but the log has no orders. Name their column as order= in from_frame.")
    out = np.empty((5, len(rows)), dtype=np.float64)
    shared = (rows.codes, rows.as_of_us, rows.stop, rows.pointers, store.time, store.cents, store.money, roles)
    has_money = store.has_money
    if collapse == "order":
        run_in_ranges(summarize_orders, len(rows), *shared, store.first_of_order, has_money, out)
        age, idle, since_last = out[1], out[2], out[2]
    else:
        length = 1 if collapse is None else TIME_UNITS[collapse]
        has_refunds = len(roles) > 0 and bool((roles == 2).any())
        first = store.first_of_order if has_refunds else np.empty(0, dtype=np.int64)
        run_in_ranges(summarize_periods, len(rows), *shared, first, length, has_money, out)
        since_last = (out[2] + 1.0) * length
        if collapse is None:
            # Exact times: a period is an instant, and both are measured to as_of itself.
            age, idle = out[1] + 1.0, out[2] + 1.0
        else:
            age, idle = out[1] * length, out[2] * length
    return Purchases(out[0], age, idle, since_last, out[3], out[4])
