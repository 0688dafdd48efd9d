"""The CDNOW purchases: the data set on which most purchase models were published."""

from __future__ import annotations

from functools import cache
from importlib import resources

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from crmkit._validation import check_bool
from crmkit.datasets._lanes import LaneReader

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
    lines, customers, day, quantity, cents = _cohort()
    columns = {
        "date": np.datetime64("1997-01-01", "us") + day.astype("timedelta64[D]"),
        "quantity": quantity,
        # Whole cents divided once: the same float64 as reading the text "29.33".
        "value": cents / 100,
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


@cache
def _cohort() -> tuple[NDArray[np.int64], ...]:
    """Lines of each customer, customers of the sample; day, CDs and cents of each line."""
    source = resources.files("crmkit.datasets").joinpath("data", "cdnow.npz")
    with source.open("rb") as file, np.load(file) as arrays:
        return decode(LaneReader(arrays["words"]), arrays["joined"], arrays["above"])


def decode(
    reader: LaneReader, joined: NDArray[np.integer], above: NDArray[np.integer]
) -> tuple[NDArray[np.int64], ...]:
    """Read the columns, each with the help of those before it.

    Parameters
    ----------
    reader : LaneReader
        Where the numbers come from.
    joined : ndarray of int, shape (90,)
        Customers in a row of whom most bought first on that day: the file goes by day, nearly.
    above : ndarray of int
        Lines, once for each 16,384 cents that their money is above what `reader` knows.

    Returns
    -------
    tuple of ndarray of int64
        Lines of each customer, customers of the sample; day, CDs and cents of each line.
    """
    lines = reader.take(int(joined.sum()), _even(256), 20)
    owner = np.repeat(np.arange(len(lines)), lines)
    start = np.cumsum(lines) - lines
    first = (np.repeat(np.arange(90), joined) + reader.take(len(lines), _even(90), 20)) % 90
    # The days between two lines, which are the fewer the more lines a customer has.
    step = np.zeros(len(owner), dtype=np.int64)
    later = np.ones(len(owner), dtype=np.bool_)
    later[start] = False
    for low, high in ((2, 3), (3, 6), (6, 12), (12, 256)):
        rows = later & ((low <= lines) & (lines < high))[owner]
        step[rows] = reader.take(int(rows.sum()), _even(546), 15)
    day = np.cumsum(step)
    day += (first - day[start])[owner]
    # The sample goes by the day of the first purchase.
    customers = np.cumsum(reader.take(2_357, _even(128), 20))
    customers = customers[np.argsort(first[customers - 1], kind="stable")]
    quantity = reader.take(len(owner), _even(100), 30)
    return lines, customers, day, quantity, _cents(reader, day, quantity, above)


def _cents(
    reader: LaneReader, day: NDArray[np.int64], quantity: NDArray[np.int64], above: NDArray[np.integer]
) -> NDArray[np.int64]:
    """Read the money: prices of one CD, which change with time, then sums of such prices."""
    cents = np.empty(len(day), dtype=np.int64)
    size = 1 << 14
    by_day = np.argsort(day, kind="stable")
    one = by_day[quantity[by_day] == 1]
    cents[one] = reader.take(len(one), _even(size), 1_000, fade=3)
    for rows in np.split(by_day, np.searchsorted(day[by_day], [137, 273, 410])):
        bought = quantity[rows]
        prices = np.bincount(cents[rows[bought == 1]], minlength=size)
        # Prices add up as polynomials multiply. Rounding makes the transforms exact: they err by 0.003.
        wave = power = np.fft.rfft(prices * 1_000 // prices.sum())
        for several in range(2, 6):
            power = power * wave
            sums = np.rint(np.fft.irfft(power)).astype(np.int64)
            these = rows[bought == several]
            cents[these] = reader.take(len(these), 1 + sums // (sums.sum() // 1_000_000 + 1), 1_000)
    # Of six CDs and more, the mean price in steps of 64 cents, and what is left.
    many = np.flatnonzero(quantity > 5)
    cents[many] = reader.take(len(many), _even(128), 20) * 64 * quantity[many] + reader.take_even(64 * quantity[many])
    np.add.at(cents, above, size)
    return cents


def _even(size: int) -> NDArray[np.int64]:
    return np.ones(size, dtype=np.int64)
