"""The events of customers as series of values, each with its own clock."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from crmkit._numba import read_only, run_in_ranges
from crmkit.events import Snapshots
from crmkit.exceptions import ColumnNotFoundError, ParameterError
from crmkit.smoothing._ema_kernels import last_means

#: What an event is to a log: roles say 1 for a purchase.
_PURCHASE = 1


class Events(NamedTuple):
    """Values and times of the events that count, customer by customer, and those that each row sees.

    Attributes
    ----------
    values : ndarray of float64, shape (n_events,)
    times : ndarray of int64, shape (n_events,)
        Microseconds.
    first, last : ndarray of int64, shape (n_rows,)
        Row r sees the events ``first[r]:last[r]``.
    """

    values: NDArray[np.float64]
    times: NDArray[np.int64]
    first: NDArray[np.int64]
    last: NDArray[np.int64]

    @classmethod
    def read(cls, X: Snapshots, column: str | None) -> Events:
        """Read the money of purchases, or a further column wherever it has a value."""
        store = X.log._store
        if column is None:
            amounts = store.amounts()
            if amounts is None:
                raise ParameterError(
                    "EMASmoother smooths the money of purchases, and the log has none. Name value=, or price= and "
                    "quantity=, in EventLog.from_frame, or pass column= with one of its columns."
                )
            values, roles = amounts, X.log.roles()
            counts = roles == _PURCHASE if len(roles) else None
        else:
            if column not in store.extras:
                held = ", ".join(map(repr, store.extras)) or "none"
                raise ColumnNotFoundError(
                    f"column={column!r} is not among the further columns of the log: it has {held}. Name it in "
                    "columns= of EventLog.from_frame."
                )
            extra = store.extras[column]
            if not isinstance(extra, np.ndarray):
                raise ParameterError(f"column={column!r} of the log holds categories. EMASmoother smooths numbers.")
            values = extra.astype(np.float64)
            missing = np.isnan(values)
            counts = ~missing if missing.any() else None
        if counts is None:
            return cls(read_only(values), read_only(store.time), X.start, X.stop)
        places = np.append(0, np.cumsum(counts))
        return cls(read_only(values[counts]), read_only(store.time[counts]), places[X.start], places[X.stop])

    def of_customers(self, X: Snapshots) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
        """The values that each customer's latest row sees, one customer after the other, and where each begins."""
        latest = np.lexsort((-self.last, X.codes))
        latest = latest[np.diff(X.codes[latest], prepend=-1) != 0]
        lengths = (self.last - self.first)[latest]
        pointers = np.append(0, np.cumsum(lengths))
        places = np.arange(pointers[-1]) + np.repeat(self.first[latest] - pointers[:-1], lengths)
        return self.values[places], pointers

    def means(self, X: Snapshots, unit: int, settings: tuple[Any, ...], threads: int) -> NDArray[np.float64]:
        """The mean of each row: one sweep over each customer's events, which stops at every as_of."""
        order = np.lexsort((self.last, X.codes))
        codes = X.codes[order]
        same = np.append(False, codes[1:] == codes[:-1])[: len(order)]
        found = np.empty(len(order))
        times = self.times if unit else read_only(np.empty(0, dtype=np.int64))
        run_in_ranges(
            last_means, len(order), self.values, times, read_only(self.first[order]), read_only(self.last[order]), same,
            float(max(unit, 1)), *settings, found, threads=threads, minimum=1,
        )  # fmt: skip
        means = np.empty(len(order))
        means[order] = found
        return means
