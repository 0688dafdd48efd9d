"""Frequency, recency, T and money: what a row sees of its customer's purchases."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from crmkit._durations import TIME_UNITS
from crmkit._numba import run_in_ranges
from crmkit._validation import check_int, check_option
from crmkit.events._store import REFUND
from crmkit.events._summary_kernels import date_blocks, summarize_orders, summarize_periods, sweep_periods
from crmkit.exceptions import ParameterError

if TYPE_CHECKING:
    from crmkit.events._snapshots import Snapshots

COLLAPSES = ("D", "W", "order", None)

#: Rows of more dates than this are added up row by row.
_MOST_BLOCKS = 4_096


@dataclass(frozen=True)
class Purchases:
    """What each row sees of its customer's purchases.

    Attributes
    ----------
    periods : ndarray of float64
        Number of purchase periods (days, orders, instants).
    idle : ndarray of float64
        Microseconds from the last period to the one that ends at as_of: ``T - recency``.
    since_last : ndarray of float64
        Microseconds from the start of the last period to as_of.
    money : ndarray of float64
        Money of all periods, refunds deducted.
    age : ndarray of float64
        As `idle`, from the first period; not filled without ``full=True``.
    repeat_money : ndarray of float64
        Money of all periods but the first; not filled without ``full=True``.
    log_gaps : ndarray of float64 or None
        Sum, over the periods after the first, of the natural log of the days since the period before;
        0 without any. For another unit of u days subtract ``(periods - 1) * ln(u)``. None without
        ``gaps=True``.
    """

    periods: NDArray[np.float64]
    age: NDArray[np.float64]
    idle: NDArray[np.float64]
    since_last: NDArray[np.float64]
    money: NDArray[np.float64]
    repeat_money: NDArray[np.float64]
    log_gaps: NDArray[np.float64] | None = None


def purchases(
    rows: Snapshots, collapse: str | int | None, kinds: Any = None, *, full: bool = True, gaps: bool = False
) -> Purchases:
    """Add up the purchases that each row sees.

    Parameters
    ----------
    rows : Snapshots
    collapse : {"D", "W", "order", None} or int
        What counts as one purchase: a day or a week counted back from as_of, an order, an instant, or
        a stretch of so many microseconds counted back from as_of.
    kinds : list, default=None
        Kinds that count instead of purchases.
    full : bool, default=True
        Whether the first period is asked for.
    gaps : bool, default=False
        Whether `log_gaps` is asked for.

    Returns
    -------
    Purchases
        Arrays of one value per row. A row without a purchase has 0 periods and no money; its times
        mean nothing.

    See Also
    --------
    Snapshots.summary : The four columns of the purchase models, as a frame.

    Examples
    --------
    >>> from crmkit.datasets import load_cdnow
    >>> from crmkit.events import EventLog, purchases
    >>> log = EventLog.from_frame(load_cdnow(), customer="customer_id", time="date", value="value")
    >>> seen = purchases(log.snapshot("1997-10-01"), "D")
    >>> seen.periods[:3], seen.money[:3]
    (array([3., 1., 2.]), array([74.02, 14.96, 75.11]))
    """
    if not isinstance(collapse, int | np.integer):
        check_option("collapse", collapse, COLLAPSES, "purchases")
    store = rows.log._store
    roles = rows.log.roles(kinds)
    if collapse == "order" and store.order is None:
        raise ParameterError("collapse='order', but the log has no orders. Name their column as order= in from_frame.")
    # Rows of this array that nothing is written to cost no memory.
    out = np.empty((6 if gaps else 5, len(rows)), dtype=np.float64)
    shared = (rows.codes, rows.as_of_us, rows.stop, rows.pointers, store.time, store.cents, store.money, roles)
    if collapse == "order":
        run_in_ranges(summarize_orders, len(rows), *shared, store.first_lines(kinds, roles), store.has_money, out)
        _refuse_no_gaps(out)
        return _purchases(out, out[1], out[2])
    length = _length(collapse)
    has_refunds = len(roles) > 0 and bool((roles == REFUND).any())
    edges = np.empty(0, dtype=np.int64) if has_refunds else _blocks(rows, length)
    if len(edges) > 2:
        run_in_ranges(sweep_periods, len(rows.customers), edges, *shared, length, store.has_money, full, out)
    else:
        first = store.first_lines(kinds, roles) if has_refunds else np.empty(0, dtype=np.int64)
        run_in_ranges(summarize_periods, len(rows), *shared, first, length, store.has_money, out)
    # Exact times: a period is an instant, and both ends are measured to as_of itself.
    return _purchases(out, out[1] + 1.0 if collapse is None else out[1], out[2] + length, exact=collapse is None)


def _length(collapse: Any) -> int:
    """Length of a period in microseconds."""
    if collapse is None:
        return 1
    return TIME_UNITS[collapse] if isinstance(collapse, str) else check_int("collapse", collapse, "purchases", low=1)


def _refuse_no_gaps(out: NDArray[np.float64]) -> None:
    """Refuse orders of one instant, where the times between orders are asked for."""
    together = int(np.isinf(out[5:]).sum())
    if together:
        raise ParameterError(
            f"gaps=True, but in {together:,} of {out.shape[1]:,} rows two orders of a customer begin at the same "
            "instant: the time between them has no logarithm. Pass collapse='D', so that orders of one day are one "
            "purchase, or collapse=None."
        )


def _purchases(
    out: NDArray[np.float64], age: NDArray[np.float64], since_last: NDArray[np.float64], *, exact: bool = True
) -> Purchases:
    idle = since_last if exact else out[2]
    return Purchases(out[0], age, idle, since_last, out[3], out[4], out[5] if len(out) > 5 else None)


def _blocks(rows: Snapshots, length: int) -> NDArray[np.int64]:
    """Edges of the blocks of one date each, as `EventLog.snapshots` makes them; else nothing."""
    edges = np.empty(_MOST_BLOCKS + 1, dtype=np.int64)
    n_blocks = date_blocks(rows.codes, rows.as_of_us, length, edges)
    return edges[: n_blocks + 1] if n_blocks else edges[:0]
