"""Cohorts by age."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
import pandas as pd

from crmkit._durations import instant_name
from crmkit._frames import make_frame
from crmkit._validation import check_bool, check_option
from crmkit.cohorts._calendar import check_arguments
from crmkit.cohorts._walk import Walk, check_collapse
from crmkit.events import EventLog
from crmkit.exceptions import ParameterError

VALUES = ("customers", "purchases", "money")


def cohort_table(
    log: EventLog,
    by: Literal["week", "month", "quarter", "year"] = "month",
    values: Literal["customers", "purchases", "money"] = "customers",
    kinds: Any = None,
    *,
    collapse: Literal["D", "order"] | None = "D",
    per_customer: bool = False,
) -> Any:
    """Follow customers from the period of their first purchase on: cohorts × age.

    Parameters
    ----------
    log : EventLog
        For the table as it was on an earlier day, pass ``log.before(day)``.
    by : {"week", "month", "quarter", "year"}, default="month"
        Calendar periods on the clock of the log's zone; weeks begin on Monday. Customers whose first
        purchase lies in one period are a cohort; age is the number of periods since.
    values : {"customers", "purchases", "money"}, default="customers"
        Customers with at least one purchase in the period, their purchases, or their money. A refund
        counts in its own period; those from before the customer's first period are left out.
    kinds : str or list, default=None
        Kinds of events that count instead of purchases.
    collapse : {"D", "order", None}, default="D"
        What counts as one purchase where they are counted: a calendar day, an order (in the period of
        its first line), an instant.
    per_customer : bool, default=False
        Whether to divide by the number of customers in the cohort: retention, purchases per customer,
        money per customer.

    Returns
    -------
    frame of float64, shape (n_cohorts, n_ages)
        One row for each period in which customers came, NaN for ages that the cohort has not lived
        yet. In pandas the index ``cohort`` holds the first day of each period, the columns are the
        ages 0, 1, …, and ``attrs["unfinished"]`` is the first day of a last period of which the log
        sees only the beginning, as text, or None. In polars the column ``cohort`` comes first and
        ``unfinished_age`` last: the age of each cohort that is not over yet, or NaN.

    Raises
    ------
    ParameterError
        An argument is not allowed, the log has no money or orders, or no kinds where they are asked
        for.

    See Also
    --------
    retention_curve : All cohorts together, with intervals and without what is unfinished.
    crmkit.plotting.CohortDisplay : Draws the table, and hatches what is unfinished.

    Notes
    -----
    The cells of one period, on a diagonal, add up to that period's row in `period_table`. Cells of an
    unfinished period hold what has been seen so far: compare them with nothing.

    Examples
    --------
    >>> from crmkit import EventLog
    >>> from crmkit.cohorts import cohort_table
    >>> from crmkit.datasets import load_cdnow
    >>> log = EventLog.from_frame(load_cdnow(), customer="customer_id", time="date", value="value")
    >>> cohort_table(log.before("1997-06-10"))
    age             0      1      2     3     4     5
    cohort
    1997-01-01  781.0  124.0   95.0  70.0  65.0  16.0
    1997-02-01  857.0  134.0  110.0  75.0  24.0   NaN
    1997-03-01  719.0   87.0   84.0  18.0   NaN   NaN
    >>> cohort_table(log.before("1997-06-10")).attrs["unfinished"]
    '1997-06-01'

    What an average customer of each cohort has spent by each age:

    >>> cohort_table(log, "quarter", "money", per_customer=True).cumsum(axis=1).round(2)
    age             0     1      2      3      4       5
    cohort
    1997-01-01  47.73  62.0  73.45  85.37  95.93  103.56
    """
    owner = "cohort_table"
    check_arguments(log, by, owner)
    check_option("values", values, VALUES, owner)
    check_collapse(log, collapse, owner)
    check_bool("per_customer", per_customer, owner)
    if values == "money" and not log.has_money:
        raise ParameterError("The log has no money. Name value=, or price= and quantity=, in from_frame.")
    walk = Walk.through(log, by, kinds)
    present, table = walk.by_age(values, collapse)
    if per_customer:
        table = table / walk.sizes[present][:, None]
    days = walk.calendar.starts[present]
    if log.backend == "polars":
        columns: dict[str, Any] = {"cohort": days.astype("M8[D]")}
        columns |= {str(age): np.ascontiguousarray(table[:, age]) for age in range(table.shape[1])}
        ages = np.full(len(present), np.nan) if walk.calendar.finished else len(walk.calendar) - 1.0 - present
        return make_frame({**columns, "unfinished_age": ages}, log.backend)
    index = pd.DatetimeIndex(days.astype("M8[us]"), name="cohort")
    frame = pd.DataFrame(table, index=index, columns=pd.RangeIndex(table.shape[1], name="age"))
    unfinished = None if walk.calendar.finished else instant_name(walk.calendar.starts[-1])
    frame.attrs = {"by": by, "values": values, "unfinished": unfinished}
    return frame
