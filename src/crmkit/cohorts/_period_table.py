"""What happened in each period of the calendar."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from crmkit._frames import make_frame
from crmkit._intervals import normal_quantile
from crmkit._validation import check_float
from crmkit.cohorts._calendar import check_arguments
from crmkit.cohorts._retention import shares
from crmkit.cohorts._walk import Walk, check_collapse
from crmkit.events import EventLog


def period_table(
    log: EventLog,
    by: Literal["week", "month", "quarter", "year"] = "month",
    kinds: Any = None,
    *,
    collapse: Literal["D", "order"] | None = "D",
    coverage: float = 0.95,
) -> Any:
    r"""Count who is active, new, returning and lost in each period, and what they spend.

    Parameters
    ----------
    log : EventLog
        For the table as it was on an earlier day, pass ``log.before(day)``.
    by : {"week", "month", "quarter", "year"}, default="month"
        Calendar periods on the clock of the log's zone; weeks begin on Monday.
    kinds : str or list, default=None
        Kinds of events that count instead of purchases.
    collapse : {"D", "order", None}, default="D"
        What counts as one purchase: a calendar day, an order (in the period of its first line), an
        instant.
    coverage : float, default=0.95
        Share of the intervals that hold the true figure.

    Returns
    -------
    frame with one row per period, from that of the first purchase to that in which the log ends
        The index of pandas, the first column of polars, is ``period``: its first day. The columns are
        those of the notes; each rate has its ends beside it, such as ``retention_low`` and
        ``retention_high``.

    See Also
    --------
    cohort_table : By age instead of by date.
    crmkit.events.Snapshots.churned : Silence within a horizon of one's own, for a model to predict.

    Notes
    -----
    Let :math:`A_t` be the customers with at least one purchase in period :math:`t`.

    ======================  =============================================================================
    column                  is
    ======================  =============================================================================
    finished                whether the log is complete up to the end of the period
    active                  :math:`|A_t|`
    new                     of these, customers who had never bought before
    returning               of these, all others: ``active - new``
    retained                :math:`|A_t \cap A_{t-1}|`, those who bought in the period before as well
    lost                    :math:`|A_{t-1} \setminus A_t|`, who bought in the period before and not in this
    purchases               days (or orders) with a purchase, added up over customers
    churn_rate              :math:`\text{lost} / |A_{t-1}|`
    retention               :math:`\text{retained} / |A_{t-1}|`, which is ``1 - churn_rate`` [1]_
    repurchase              share of the active customers with more than one purchase in the period
    money                   of purchases and refunds, each in its own period
    returning_contribution  share of the money that came from customers who are not new
    ======================  =============================================================================

    ``lost`` is silence in one period and may be over in the next: it is no end of a contract.
    ``returning - retained`` are those who had paused and came back. In an unfinished last period who
    is still silent is not known to be lost, and who bought once may buy again: there ``lost`` and the
    three rates of customers are NaN, and the other columns hold what has been seen so far. Rates are
    NaN too where they would be shares of nobody, and money where the log has none.

    The rates of customers have Wilson intervals (`crmkit.metrics.proportion`). The contribution
    :math:`s = R / M` is a ratio of two sums over the customers of the period; its interval is
    :math:`s \pm z \cdot \mathrm{se}` with the linearised variance [2]_

    .. math::
        \mathrm{se}^2 = \frac{n}{n - 1} \cdot
        \frac{(1 - s)^2 \sum_{\text{not new}} m_i^2 + s^2 \sum_{\text{new}} m_i^2}{M^2} ,

    where :math:`m_i` is the money of customer :math:`i` in the period and :math:`n` the active
    customers. It is NaN with fewer than two of them, and the share itself where the money is not
    positive.

    A log knows nothing of purchases before its first row: in the first periods old customers look new.

    References
    ----------
    .. [1] P. W. Farris, N. T. Bendle, P. E. Pfeifer and D. J. Reibstein (2010). "Marketing Metrics",
       2nd edition, chapter 5: the retention rate is the ratio of customers retained to customers at risk.
    .. [2] W. G. Cochran (1977). "Sampling Techniques", 3rd edition, section 2.11.

    Examples
    --------
    >>> from crmkit import EventLog
    >>> from crmkit.cohorts import period_table
    >>> from crmkit.datasets import load_cdnow
    >>> log = EventLog.from_frame(load_cdnow(), customer="customer_id", time="date", value="value")
    >>> table = period_table(log.before("1997-05-10"))
    >>> table[["finished", "active", "new", "returning", "retained", "lost"]]
                finished  active  new  returning  retained   lost
    period
    1997-01-01      True     781  781          0         0    0.0
    1997-02-01      True     981  857        124       124  657.0
    1997-03-01      True     948  719        229       168  813.0
    1997-04-01      True     267    0        267       171  777.0
    1997-05-01     False      81    0         81        34    NaN
    >>> table.loc["1997-04-01", ["retention", "retention_low", "retention_high", "money"]].round(4).tolist()
    [0.1804, 0.1572, 0.2061, 12842.05]
    """
    owner = "period_table"
    check_arguments(log, by, owner)
    check_collapse(log, collapse, owner)
    check_float("coverage", coverage, owner, low=0, high=1, closed="neither")
    walk = Walk.through(log, by, kinds)
    counts, money, squares = walk.by_period(collapse)
    active, new, retained, repeating, purchases = counts.T
    before = np.concatenate([[0], active])[: len(active)]
    finished = np.arange(len(active)) < walk.calendar.n_finished
    at_risk = np.where(finished, before, 0)
    columns: dict[str, Any] = {
        "finished": finished,
        "active": active,
        "new": new,
        "returning": active - new,
        "retained": retained,
        "lost": np.where(finished, before - retained, np.nan),
        "purchases": purchases,
        **_rate("churn_rate", before - retained, at_risk, coverage),
        **_rate("retention", retained, at_risk, coverage),
        **_rate("repurchase", repeating, np.where(finished, active, 0), coverage),
        "money": money[:, 0] if log.has_money else np.full(len(active), np.nan),
        **_contribution(money, squares, active, coverage),
    }
    columns = {name: np.ascontiguousarray(values) for name, values in columns.items()}
    days = walk.calendar.starts
    if log.backend == "polars":
        return make_frame({"period": days, **columns}, log.backend)
    return make_frame(columns, log.backend, pd.DatetimeIndex(days.astype("M8[us]"), name="period"))


def _rate(name: str, part: NDArray[np.int64], whole: NDArray[np.int64], coverage: float) -> dict[str, Any]:
    value, low, high = shares(part, whole, coverage)
    return {name: value, f"{name}_low": low, f"{name}_high": high}


def _contribution(
    money: NDArray[np.float64], squares: NDArray[np.float64], n: NDArray[np.int64], coverage: float
) -> dict[str, Any]:
    """Share of the money that came from customers who are not new."""
    z = normal_quantile(coverage)
    whole = np.where(money[:, 0] > 0, money[:, 0], np.nan)
    share = money[:, 1] / whole
    variance = ((1 - share) ** 2 * squares[:, 1] + share**2 * squares[:, 0]) / whole**2
    half = z * np.sqrt(variance * n / np.where(n > 1, n - 1, np.nan))
    name = "returning_contribution"
    return {name: share, f"{name}_low": share - half, f"{name}_high": share + half}
