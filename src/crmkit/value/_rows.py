"""What a purchase model knows of customers: a few numbers for each, read from snapshots or a frame."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from crmkit._numba import run_in_ranges
from crmkit.value._grouping_kernels import fill_table, hash_rows, read_table

Floats = NDArray[np.float64]

#: Parts of the table of distinct rows: as many threads can fill it. Not the number of threads, on which the
#: order of the rows must not depend.
_PARTS = 8


@dataclass(frozen=True)
class Rows:
    """Customers as a purchase model sees them; arrays of one value per row.

    Attributes
    ----------
    x : ndarray of float64
        Number of repeat purchases.
    t_x : ndarray of float64
        Time from the first to the last purchase.
    T : ndarray of float64
        Time from the first purchase to now.
    weight : ndarray of float64
        How many customers the row stands for.
    log_gaps : ndarray of float64 or None
        Sum of the logarithms of the times between purchases.
    purchase_covariates, dropout_covariates : ndarray of float64, shape (n, k), or None
    repeat_money : ndarray of float64 or None
        Money of the repeat purchases, which no purchase model looks at: for a model of spend beside it.
    """

    x: Floats
    t_x: Floats
    T: Floats
    weight: Floats
    log_gaps: Floats | None = None
    purchase_covariates: Floats | None = None
    dropout_covariates: Floats | None = None
    repeat_money: Floats | None = None

    def __len__(self) -> int:
        return len(self.x)

    @property
    def n_customers(self) -> float:
        """Sum of the weights."""
        return float(self.weight.sum())

    def take(self, rows: NDArray[Any] | slice) -> Rows:
        """Some of the rows."""
        taken: list[Any] = [None if value is None else frozen(value[rows]) for value in self._arrays()]
        return Rows(*taken)

    def weighing(self, weight: Floats) -> Rows:
        """The same rows with other weights."""
        return replace(self, weight=frozen(weight))

    def distinct(self) -> tuple[Rows, NDArray[np.int64]]:
        """Each distinct row once, with the weight of all rows equal to it; and where each row went.

        Rows are ordered by `x`, then by a hash of their numbers, so that neither their order in the
        input nor the number of threads changes anything. `log_gaps`, which no parameter depends on,
        becomes the mean of the rows that are put together.
        """
        keys = [self.x, self.t_x, self.T]
        for covariates in (self.purchase_covariates, self.dropout_covariates):
            keys += [] if covariates is None else list(covariates.T)
        first, order = _distinct(keys, self.weight)
        inverse = order[first.first_equal]
        found = replace(self, repeat_money=None).take(first.rows).weighing(first.sums[first.rows])
        if self.log_gaps is not None:
            total = np.bincount(inverse, weights=self.weight * self.log_gaps, minlength=len(found))
            found = replace(found, log_gaps=frozen(total / found.weight))
        return found, inverse

    def _arrays(self) -> list[Floats | None]:
        return [getattr(self, field.name) for field in fields(self)]


@dataclass(frozen=True)
class _Distinct:
    rows: NDArray[np.int64]
    first_equal: NDArray[np.int64]
    sums: Floats


def _distinct(keys: list[Floats], weight: Floats) -> tuple[_Distinct, NDArray[np.int64]]:
    n = len(weight)
    # Adding zero makes -0.0 and 0.0 the same bits.
    columns = frozen(np.vstack([key + 0.0 for key in keys]).view(np.uint64))
    hashes = np.empty(n, dtype=np.uint64)
    run_in_ranges(hash_rows, n, columns, hashes)
    slots = 1 << max(4, int(np.ceil(np.log2(max(2 * n / _PARTS, 1)))))
    table = np.zeros((_PARTS, slots + n + 1), dtype=np.int32)
    ends = np.zeros(_PARTS, dtype=np.int64)
    first_equal, sums = np.empty(n, dtype=np.int64), np.empty(n, dtype=np.float64)
    run_in_ranges(
        fill_table, _PARTS, columns, frozen(hashes), weight, slots, table, ends, first_equal, sums,
        minimum=_PARTS if n < 20_000 else 1,
    )  # fmt: skip
    rows, place_of = np.empty(n, dtype=np.int64), np.empty(n, dtype=np.int64)
    n_distinct = read_table(table, ends, rows, place_of)
    rows = rows[:n_distinct]
    by_x = _order_of_counts(keys[0][rows])
    place = np.empty(n_distinct, dtype=np.int64)
    place[by_x] = np.arange(n_distinct)
    place_of[rows] = place
    return _Distinct(rows[by_x], first_equal, sums), place_of


def _order_of_counts(x: Floats) -> NDArray[np.int64]:
    # Of 16-bit numbers numpy's stable sort is a counting sort: 6 ms for a million against 95.
    small = len(x) == 0 or x.max() < 65_536
    return np.argsort(x.astype(np.uint16) if small else x, kind="stable")


def frozen(array: Any) -> Any:
    """The array, contiguous and closed to writing, as kernels expect it; None stays None."""
    if array is None:
        return None
    array = np.ascontiguousarray(array)
    array.flags.writeable = False
    return array
