"""Neighbours from one item after the other: for values, and where few items have customers in common."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from scipy.sparse import csr_matrix

from crmkit._numba import read_only
from crmkit.recommend._histories_kernels import count_columns
from crmkit.recommend._nearest_formula_kernels import Terms
from crmkit.recommend._nearest_layout_kernels import transpose, work_of_columns
from crmkit.recommend._nearest_rows_kernels import Purchases, Scratch, nearest_of_rows
from crmkit.recommend._nearest_tasks import by_parts, on_threads, ranges_of_work

__all__ = ["nearest_by_rows"]


def nearest_by_rows(matrix: csr_matrix, terms: Terms, n_neighbors: int, min_support: int, threads: int) -> csr_matrix:
    """As `crmkit.recommend._nearest.nearest`, for any matrix."""
    n_items = matrix.shape[1]
    purchases = _lay_out(matrix)
    work = np.zeros(n_items, dtype=np.int64)
    work_of_columns(purchases.by_customer, purchases.items, work)
    most = np.minimum(work, n_neighbors)
    edges = ranges_of_work(work + n_items // 64, 8 * threads if threads > 1 else 1)
    parts: list[Any] = [None] * (len(edges) - 1)
    binary = len(purchases.values) == 0
    support = float(min_support) if binary else -np.inf

    def run(tasks: Iterator[int]) -> None:
        scratch = _scratch(n_items, purchases.customers.dtype if binary else np.dtype(np.float64))
        for task in tasks:
            start, stop = int(edges[task]), int(edges[task + 1])
            room = int(most[start:stop].sum())
            lengths = np.empty(stop - start, dtype=np.int64)
            columns = np.empty(room, dtype=np.int32)
            values = np.empty(room)
            filled = nearest_of_rows(
                start, stop, purchases, terms, n_neighbors, support, scratch, lengths, columns, values
            )
            parts[task] = lengths, columns[:filled], values[:filled]

    on_threads(run, len(parts), threads)
    return by_parts(parts)


def _scratch(n_items: int, common: np.dtype) -> Scratch:
    return Scratch(
        common=np.zeros(n_items, dtype=common),
        stamps=np.full(n_items if common.kind == "f" else 0, -1, dtype=np.int32),
        touched=np.empty(n_items + 1, dtype=np.int32),
        found=np.empty(n_items, dtype=np.int32),
        equal=np.empty(n_items, dtype=np.int32),
        ranks=np.empty(n_items),
        ordered=np.empty(n_items),
        words=np.zeros((n_items >> 5) + 1, dtype=np.int64),
        groups=np.zeros((n_items >> 10) + 1, dtype=np.int64),
    )


def _lay_out(matrix: csr_matrix) -> Purchases:
    """The matrix by customers and by items."""
    n_items = matrix.shape[1]
    items = read_only(np.ascontiguousarray(matrix.indices))
    pointers = read_only(matrix.indptr.astype(np.int64))
    values = matrix.data.astype(np.float64, copy=False) if matrix.data.dtype != np.int8 else np.empty(0)
    values = read_only(np.ascontiguousarray(values))
    by_item = np.zeros(n_items + 1, dtype=np.int64)
    count_columns(items, by_item[1:])
    np.cumsum(by_item, out=by_item)
    customers = np.empty(len(items), dtype=np.int32 if matrix.shape[0] <= np.iinfo(np.int32).max else np.int64)
    values_by_item = np.empty(len(values))
    transpose(pointers, items, values, by_item[:-1].copy(), customers, values_by_item)
    by = (read_only(by_item), read_only(customers), read_only(values_by_item))
    return Purchases(pointers, items, values, *by)
