"""How often, for how much, for how long: loyalty of single customers."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np

from crmkit._durations import time_unit_microseconds
from crmkit.events import Snapshots, purchases
from crmkit.exceptions import ParameterError


def loyalty(
    X: Snapshots,
    *,
    time_unit: Literal["D", "W", "M", "Y"] = "W",
    collapse: Literal["D", "W", "order"] | None = "D",
    kinds: Any = None,
) -> Any:
    r"""Purchase frequency, amount and length of relationship of each row's customer.

    Parameters
    ----------
    X : Snapshots of n rows
        A row sees what its customer did before its as_of.
    time_unit : {"D", "W", "M", "Y"}, default="W"
        Unit of times and rates; a month is 30.4375 days, a year 365.25.
    collapse : {"D", "W", "order", None}, default="D"
        What counts as one purchase: a day or a week counted back from as_of, an order, an instant.
    kinds : str or list, default=None
        Kinds of events that count instead of purchases.

    Returns
    -------
    frame of n rows
        The columns of the notes, of float64.

    See Also
    --------
    crmkit.features.RFMTransformer : Recency, frequency and money, with scores and segments.
    crmkit.events.Snapshots.summary : The same purchases as the purchase models take them.

    Notes
    -----
    With :math:`n` purchases, the first of them :math:`T` time units before as_of and :math:`t` before
    the last:

    ===================  =============================================================  ==================
    column               is                                                             missing
    ===================  =============================================================  ==================
    purchases            :math:`n`, the first included                                  never
    purchase_frequency   :math:`(n - 1) / T`, repeat purchases per time unit            where ``T = 0``
    mean_gap             :math:`t / (n - 1)`, time between purchases                    with one purchase
    amount               all money, refunds deducted as in the log                      without money
    amount_per_purchase  ``amount / purchases``                                         without purchases
    relationship_length  :math:`T`, from the first purchase to as_of                    without purchases
    active_length        :math:`t`, from the first purchase to the last                 without purchases
    ===================  =============================================================  ==================

    The first purchase begins the relationship and so is no repeat: :math:`(n - 1) / T` is the rate of
    buying since then, the maximum likelihood estimate where purchases come at a constant rate. It is
    low for those who have left as for those who are slow, and knows no difference: for that see the
    purchase models. For a young relationship it is rough.

    Examples
    --------
    >>> from crmkit import EventLog
    >>> from crmkit.cohorts import loyalty
    >>> from crmkit.datasets import load_cdnow
    >>> log = EventLog.from_frame(load_cdnow(), customer="customer_id", time="date", value="value")
    >>> loyalty(log.snapshot("1997-10-01")[:3], time_unit="M").round(2).T
    customer_id                  4          18         21
    as_of               1997-10-01 1997-10-01 1997-10-01
    purchases                 3.00       1.00       2.00
    purchase_frequency        0.22       0.00       0.11
    mean_gap                  3.50        NaN       0.39
    amount                   74.02      14.96      75.11
    amount_per_purchase      24.67      14.96      37.56
    relationship_length       8.94       8.84       8.94
    active_length             7.00       0.00       0.39
    """
    if not isinstance(X, Snapshots):
        # Its type and nothing of it: errors end in server logs.
        raise ParameterError(
            f"The 'X' parameter of loyalty must be Snapshots. Got {type(X).__name__} instead. Make rows of a log with "
            "log.snapshot(as_of)."
        )
    unit = time_unit_microseconds(time_unit)
    seen = purchases(X, collapse, kinds)
    n = seen.periods
    bought = np.where(n > 0, n, np.nan)
    repeats = bought - 1.0
    length = np.where(n > 0, seen.age, np.nan) / unit
    active = np.where(n > 0, seen.age - seen.idle, np.nan) / unit
    amount = seen.money if X.log.has_money else np.full(len(X), np.nan)
    return X.make_frame(
        {
            "purchases": n,
            "purchase_frequency": repeats / np.where(length > 0, length, np.nan),
            "mean_gap": active / np.where(repeats > 0, repeats, np.nan),
            "amount": amount,
            "amount_per_purchase": amount / bought,
            "relationship_length": length,
            "active_length": active,
        }
    )
