"""From a log to counts by cohort and age, which all tables of this room begin with."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from crmkit._numba import run_in_ranges
from crmkit._validation import check_option
from crmkit.cohorts._calendar import COLLAPSES, Calendar, calendar, day_length
from crmkit.cohorts._cohorts_kernels import (
    count_customers,
    count_periods,
    count_purchases,
    first_periods,
    first_purchases,
    sum_money,
)
from crmkit.events import EventLog
from crmkit.exceptions import ParameterError

#: Tables up to this many cells are filled by blocks of customers, on several threads.
_MOST_CELLS = 200_000
_N_BLOCKS = 16


@dataclass(frozen=True)
class Walk:
    """A log, the periods of its calendar, and the period in which each customer came.

    Attributes
    ----------
    log : EventLog
    kinds : list or None
        Kinds that count instead of purchases.
    roles : ndarray of int8
        What counts as a purchase and what as a refund.
    calendar : Calendar
    first : ndarray of int64, shape (n_customers,)
        First purchase of each customer as a position in the log, or -1.
    cohorts : ndarray of int64, shape (n_customers,)
        Its period, or -1.
    """

    log: EventLog
    kinds: Any
    roles: NDArray[np.int8]
    calendar: Calendar
    first: NDArray[np.int64]
    cohorts: NDArray[np.int64]

    @classmethod
    def through(cls, log: EventLog, by: str, kinds: Any) -> Walk:
        """Find where each customer's walk begins."""
        store, roles, n = log._store, log.roles(kinds), log.n_customers
        first = np.empty(n, dtype=np.int64)
        run_in_ranges(first_purchases, n, store.pointers, roles, first)
        begun = first[first >= 0]
        earliest = int(store.time[begun].min()) if len(begun) else None
        periods = calendar(by, earliest, log._end)
        cohorts = np.empty(n, dtype=np.int64)
        run_in_ranges(first_periods, n, first, store.time, periods.edges, periods.per_microsecond, cohorts)
        return cls(log, kinds, roles, periods, first, cohorts)

    @property
    def sizes(self) -> NDArray[np.int64]:
        """Number of customers who came in each period."""
        return np.bincount(self.cohorts[self.cohorts >= 0], minlength=len(self.calendar)).astype(np.int64)

    def by_age(self, values: str, collapse: str | None) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
        """Count or add up by cohort and age.

        Parameters
        ----------
        values : {"customers", "purchases", "money"}
        collapse : {"D", "order", None}

        Returns
        -------
        periods : ndarray of int64, shape (n_cohorts,)
            The periods in which customers came, ascending.
        table : ndarray of float64, shape (n_cohorts, n_ages)
            NaN for ages that no customer of the cohort has lived yet.
        """
        present = np.flatnonzero(self.sizes)
        n_ages = len(self.calendar) - int(present[0]) if len(present) else 0
        rows = np.full(len(self.calendar), -1, dtype=np.int64)
        rows[present] = np.arange(len(present))
        bounds, blocks = self._blocks(len(present) * n_ages)
        shape = (blocks, len(present), n_ages)
        out = np.zeros(shape, dtype=np.int64)
        store, scale = self.log._store, (self.calendar.edges, self.calendar.per_microsecond)
        events = (bounds, store.pointers, store.time, self.roles)
        found: tuple[Any, ...] = (*scale, self.first, self.cohorts, rows, out)
        if values == "customers":
            run_in_ranges(count_customers, blocks, *events, *found, minimum=1)
        elif values == "purchases":
            run_in_ranges(count_purchases, blocks, *events, *self._counted(collapse), *found, minimum=1)
        else:
            floats = np.zeros((*shape, 2) if not len(store.cents) else (0, 0, 0, 2))
            run_in_ranges(sum_money, blocks, *events, store.cents, store.money, *found, floats, minimum=1)
            if not len(store.cents):
                return present, self._lived(present, floats.sum(axis=(0, 3)))
            return present, self._lived(present, out.sum(axis=0) / 100.0)
        return present, self._lived(present, out.sum(axis=0).astype(np.float64))

    def by_period(self, collapse: str | None) -> tuple[NDArray[np.int64], NDArray[np.float64], NDArray[np.float64]]:
        """Count by period.

        Returns
        -------
        counts : ndarray of int64, shape (n_periods, 5)
            As of `count_periods`.
        money : ndarray of float64, shape (n_periods, 2)
            Of all customers, and of those who are not new.
        squares : ndarray of float64, shape (n_periods, 2)
            Sum of the squared money of customers who are new, and of the others.
        """
        n = len(self.calendar)
        bounds, blocks = self._blocks(n)
        counts, wholes = np.zeros((blocks, n, 5), dtype=np.int64), np.zeros((blocks, n, 2), dtype=np.int64)
        floats = np.zeros((blocks, n, 6))
        store = self.log._store
        run_in_ranges(
            count_periods, blocks, bounds, store.pointers, store.time, self.roles, *self._counted(collapse),
            store.cents, store.money, store.has_money, self.calendar.edges, self.calendar.per_microsecond,
            self.first, self.cohorts, counts, wholes, floats, minimum=1,
        )  # fmt: skip
        summed = floats.sum(axis=0)
        money = wholes.sum(axis=0) / 100.0 if len(store.cents) else summed[:, [0, 2]] + summed[:, [1, 3]]
        return counts.sum(axis=0), money, summed[:, 4:]

    def _lived(self, present: NDArray[np.int64], table: NDArray[np.float64]) -> NDArray[np.float64]:
        """The table with NaN for what has not been lived yet."""
        return np.where(present[:, None] + np.arange(table.shape[1]) < len(self.calendar), table, np.nan)

    def _blocks(self, n_cells: int) -> tuple[NDArray[np.int64], int]:
        """Bounds of the blocks of customers; how many there are does not depend on threads."""
        n = self.log.n_customers
        blocks = _N_BLOCKS if n_cells <= _MOST_CELLS and n >= 20_000 else 1
        return np.arange(blocks + 1, dtype=np.int64) * n // blocks, blocks

    def _counted(self, collapse: str | None) -> tuple[NDArray[np.int64], int]:
        """First lines of orders, or nothing; and the length of what counts as one purchase."""
        if collapse != "order":
            return np.empty(0, dtype=np.int64), day_length(collapse)
        return self.log._store.first_lines(self.kinds, self.roles), 1


def check_collapse(log: EventLog, collapse: Any, owner: str) -> None:
    """Refuse a collapse that there is not, and orders where the log has none."""
    check_option("collapse", collapse, COLLAPSES, owner, "A week may lie in two months." if collapse == "W" else "")
    if collapse == "order" and log._store.order is None:
        raise ParameterError("collapse='order', but the log has no orders. Name their column as order= in from_frame.")
