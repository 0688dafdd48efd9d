"""The share of customers who are still buying, by age."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from crmkit._frames import make_frame
from crmkit._intervals import wilson
from crmkit._validation import check_float
from crmkit.cohorts._calendar import check_arguments
from crmkit.cohorts._walk import Walk
from crmkit.events import EventLog


def retention_curve(
    log: EventLog,
    by: Literal["week", "month", "quarter", "year"] = "month",
    kinds: Any = None,
    *,
    coverage: float = 0.95,
) -> Any:
    r"""Share of customers who buy at each age, all cohorts together.

    Parameters
    ----------
    log : EventLog
        For the curve as it was on an earlier day, pass ``log.before(day)``.
    by : {"week", "month", "quarter", "year"}, default="month"
        Calendar periods, as in `cohort_table`.
    kinds : str or list, default=None
        Kinds of events that count instead of purchases.
    coverage : float, default=0.95
        Share of such intervals that hold the true share.

    Returns
    -------
    frame with one row per age
        ``value``, the share of customers with a purchase at that age; ``low`` and ``high``, the ends
        of its Wilson interval; and ``n``, the customers it rests on. The index of pandas, the first
        column of polars, is ``age``.

    See Also
    --------
    cohort_table : Each cohort on its own.
    crmkit.metrics.proportion : The interval.

    Notes
    -----
    With :math:`n_c` customers in cohort :math:`c`, of whom :math:`k_{ca}` buy at age :math:`a`,

    .. math:: r_a = \sum_c k_{ca} \Big/ \sum_c n_c ,

    both sums over the cohorts that have lived age :math:`a` to its end. So the last, unfinished period
    pulls nothing down, and later ages rest on older cohorts only: a curve that rises at its end may be
    the older cohorts being better.

    This is the share that *is active* at an age, not the share that *survives*: a customer who pauses
    leaves the curve and comes back, so it need not fall. `age` 0 is the period of the first purchase
    and has a share of 1 by definition. Each customer counts once at each age, so the Wilson interval
    holds for each age on its own; neighbouring ages share their customers and err together.

    Examples
    --------
    >>> from crmkit import EventLog
    >>> from crmkit.cohorts import retention_curve
    >>> from crmkit.datasets import load_cdnow
    >>> log = EventLog.from_frame(load_cdnow(), customer="customer_id", time="date", value="value")
    >>> retention_curve(log.before("1997-06-10")).round(4)
          value     low    high     n
    age
    0    1.0000  0.9984  1.0000  2357
    1    0.1464  0.1327  0.1612  2357
    2    0.1226  0.1100  0.1365  2357
    3    0.0885  0.0757  0.1033  1638
    4    0.0832  0.0658  0.1047   781
    """
    owner = "retention_curve"
    check_arguments(log, by, owner)
    check_float("coverage", coverage, owner, low=0, high=1, closed="neither")
    walk = Walk.through(log, by, kinds)
    present, table = walk.by_age("customers", "D")
    over = present[:, None] + np.arange(table.shape[1]) < walk.calendar.n_finished
    over = over[:, over.any(axis=0)]
    active = np.where(over, table[:, : over.shape[1]], 0.0).sum(axis=0).astype(np.int64)
    n = np.where(over, walk.sizes[present][:, None], 0).sum(axis=0)
    value, low, high = shares(active, n, coverage)
    columns: dict[str, Any] = {"value": value, "low": low, "high": high, "n": n}
    ages = np.arange(len(n))
    if log.backend == "polars":
        return make_frame({"age": ages, **columns}, log.backend)
    return make_frame(columns, log.backend, pd.RangeIndex(len(n), name="age"))


def shares(
    successes: NDArray[np.int64], n: NDArray[np.int64], coverage: float
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Shares with the ends of their Wilson intervals; NaN of nobody."""
    share = np.divide(successes, n, out=np.full(len(n), np.nan), where=n > 0)
    return share, *wilson(share, n, coverage)
