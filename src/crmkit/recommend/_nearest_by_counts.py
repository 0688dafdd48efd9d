"""Neighbours from all counts of common customers: for catalogues that are small, as most are."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from scipy.sparse import csr_matrix

from crmkit._numba import read_only
from crmkit.recommend._histories import entries_of_columns
from crmkit.recommend._nearest_bits_kernels import BLOCK, MOST_PLANES
from crmkit.recommend._nearest_by_bits import aligned
from crmkit.recommend._nearest_counts_kernels import Counting, nearest_of_counts, set_bits
from crmkit.recommend._nearest_formula_kernels import Terms
from crmkit.recommend._nearest_layout_kernels import transpose
from crmkit.recommend._nearest_tasks import by_parts, on_threads, ranges_of_work

__all__ = ["is_for_counts", "nearest_by_counts"]

# All bit rows together, in bytes: beyond the size of a second-level cache or two, each row would come from memory
# for every item that its customer has, and `nearest_by_bits`, which looks at pairs once, is quicker.
_MOST_BYTES = 4 << 20

# Nanoseconds for a row of bits and for the counts of a block; and for a pair of items of one customer in
# `nearest_by_rows`. Rough, as those of `is_for_bits`. Choosing the best takes either way about as long.
_ROW_NS, _BLOCK_NS, _PAIR_NS = 2.0, 150.0, 3.0


def is_for_counts(matrix: csr_matrix, terms: Terms) -> bool:
    """Return whether `nearest_by_counts` can find the neighbours of binary data, and is the quicker way."""
    n_customers, n_items = matrix.shape
    blocks = -(-n_items // BLOCK)
    if blocks * n_customers * 64 > _MOST_BYTES or not all(np.isfinite(column).all() for column in terms[1:]):
        return False
    pairs = float(np.square(np.diff(matrix.indptr).astype(np.float64)).sum())
    cost = _ROW_NS * matrix.nnz * blocks + _BLOCK_NS * n_items * blocks
    return cost < _PAIR_NS * pairs


def nearest_by_counts(matrix: csr_matrix, terms: Terms, n_neighbors: int, min_support: int, threads: int) -> csr_matrix:
    """As `crmkit.recommend._nearest.nearest`, for binary data that `is_for_counts` takes."""
    n_customers, n_items = matrix.shape
    sizes = entries_of_columns(matrix)
    by_item = np.zeros(n_items + 1, dtype=np.int64)
    np.cumsum(sizes, out=by_item[1:])
    customers = np.empty(matrix.nnz, dtype=np.int32)
    none = np.empty(0)
    pointers = read_only(matrix.indptr, np.int64)
    transpose(pointers, read_only(matrix.indices, np.int32), none, by_item[:-1].copy(), customers, none)
    by_item, customers = read_only(by_item), read_only(customers)
    blocks = -(-n_items // BLOCK)
    words = aligned(blocks * n_customers).reshape(blocks, n_customers, 8)
    words[:] = 0
    set_bits(0, n_items, by_item, customers, words)
    edges = ranges_of_work(sizes + 100, 4 * threads if threads > 1 else 1)
    parts: list[Any] = [None] * (len(edges) - 1)

    def run(tasks: Iterator[int]) -> None:
        counting = Counting(
            aligned(MOST_PLANES), aligned(MOST_PLANES), aligned(8), np.zeros(blocks * BLOCK, dtype=np.float32),
            np.empty(n_items), np.empty(n_items), np.empty(n_items + 1, dtype=np.int32),
        )  # fmt: skip
        for task in tasks:
            start, stop = int(edges[task]), int(edges[task + 1])
            lengths = np.empty(stop - start, dtype=np.int64)
            columns = np.empty((stop - start) * n_neighbors, dtype=np.int32)
            values = np.empty((stop - start) * n_neighbors)
            shared = (by_item, customers, words, terms, n_neighbors, float(max(min_support, 1)), counting)
            filled = nearest_of_counts(start, stop, *shared, lengths, columns, values)
            parts[task] = lengths, columns[:filled], values[:filled]

    on_threads(run, len(parts), threads)
    return by_parts(parts)
