"""The CDNOW purchases: the data set on which most purchase models were published."""

from __future__ import annotations

from importlib import resources

import numpy as np
import pandas as pd

from crmkit._validation import check_bool

__all__ = ["load_cdnow"]


def load_cdnow(sample: bool = True) -> pd.DataFrame:
    """Load the purchases of CDs at the web shop CDNOW, from January 1997 to June 1998.

    The cohort is everybody who bought there for the first time in the first quarter of 1997; their
    purchases are complete up to and including 1998-06-30. It is the data set of the papers on the
    Pareto/NBD, BG/NBD and Gamma-Gamma models, which use the sample and split it after 39 weeks,
    at 1997-10-01.

    Parameters
    ----------
    sample : bool, default=True
        Whether to load the sample of one customer in ten that the papers use, or the whole cohort.

    Returns
    -------
    pandas.DataFrame of shape (6919, 4) or (69659, 4)
        One row per purchase, in the order of the published file: by customer, then by date. No
        value is missing.

        - ``customer_id`` (int64): the number of the customer in the whole cohort, 1 to 23,570. It
          means the same customer with and without `sample`. The sample has numbers of its own,
          1 to 2,357; customers come in that order, so ``pandas.factorize(customer_id)[0] + 1``
          is that number.
        - ``date`` (datetime64[us]): the day.
        - ``quantity`` (int64): CDs, at least 1.
        - ``value`` (float64): US dollars, whole cents. 8 purchases of the sample and 80 of the
          cohort are free of charge.

    Raises
    ------
    ParameterError
        If `sample` is not a bool.

    See Also
    --------
    make_purchases : Purchases drawn from such models, of as many customers as needed.

    Notes
    -----
    Two purchases of a customer on one day are two rows; the papers count them as one, so a log made
    of this frame needs ``collapse="D"``, the default, to reproduce their figures. The data are
    those of [1]_, taken from the MIT-licensed distribution ``lifetimes`` 0.11.3; the file
    ``crmkit/datasets/data/cdnow.txt`` tells how, with checksums.

    References
    ----------
    .. [1] P. S. Fader and B. G. S. Hardie (2001). "Forecasting repeat sales at CDNOW: a case
       study". Interfaces 31(3), part 2, S94-S107.

    Examples
    --------
    >>> from crmkit.datasets import load_cdnow
    >>> purchases = load_cdnow()
    >>> purchases.head(3)
       customer_id       date  quantity  value
    0            4 1997-01-01         2  29.33
    1            4 1997-01-18         2  29.73
    2            4 1997-08-02         1  14.96
    >>> purchases["customer_id"].nunique(), int(purchases["quantity"].sum()), f"{purchases['value'].sum():.2f}"
    (2357, 16479, '244091.94')

    >>> from crmkit.events import EventLog
    >>> log = EventLog.from_frame(purchases, customer="customer_id", time="date", value="value")
    >>> int(log.snapshot("1997-10-01").summary()["frequency"].sum())
    2457
    """
    sample = check_bool("sample", sample, "load_cdnow")
    source = resources.files("crmkit.datasets").joinpath("data", "cdnow.npz")
    with source.open("rb") as file, np.load(file) as arrays:
        lines, customers = arrays["lines"].astype(np.int64), arrays["sample"].astype(np.int64)
        columns = {
            "date": np.datetime64("1997-01-01", "us") + arrays["day"].astype("timedelta64[D]"),
            "quantity": arrays["quantity"].astype(np.int64),
            # Whole cents divided once: the same float64 as reading the text "29.33".
            "value": arrays["cents"] / 100,
        }
    if sample:
        rows = _rows_of(customers, lines)
        columns = {name: column[rows] for name, column in columns.items()}
    else:
        customers = np.arange(1, len(lines) + 1)
    return pd.DataFrame({"customer_id": np.repeat(customers, lines[customers - 1]), **columns})


def _rows_of(customers: np.ndarray, lines: np.ndarray) -> np.ndarray:
    """Return the positions of the lines of some customers, where `lines` counts those of each."""
    counts = lines[customers - 1]
    shift = np.cumsum(lines)[customers - 1] - np.cumsum(counts)
    return np.arange(counts.sum()) + np.repeat(shift, counts)
