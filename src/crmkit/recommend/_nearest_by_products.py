"""Neighbours from sums of products, each pair of items once: for values that are not negative."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix

from crmkit._numba import read_only
from crmkit.recommend._histories_kernels import count_columns
from crmkit.recommend._nearest_formula_kernels import Terms
from crmkit.recommend._nearest_layout_kernels import by_count, transpose_values
from crmkit.recommend._nearest_products_kernels import Bounds, Values, offer_items, sort_rows
from crmkit.recommend._nearest_stores import Stores, room_for
from crmkit.recommend._nearest_tasks import on_threads, ranges_of_work

__all__ = ["is_for_products", "nearest_by_products"]

# With fewer pairs of a customer's items per pair of items, `nearest_by_rows` looks at less: only at what a
# customer has in common. A bound by reasoning, not by measurement.
_FULL = 0.2


def is_for_products(matrix: csr_matrix, terms: Terms, n_neighbors: int) -> bool:
    """Return whether `nearest_by_products` can find the neighbours, and is the faster way.

    It asks for no negative number. Where neighbours go by the square of the similarity, all that two
    items have in common must be whole numbers, as the similarity is found from the square again.
    """
    n_items = matrix.shape[1]
    columns = (terms.p, terms.r, terms.u, terms.v, terms.g, np.array([terms.h]))
    if min(column.min() for column in columns) < 0 or matrix.data.min() < 0:
        return False
    if terms.squared and (max(terms.p.max(), terms.r.max()) > 2.0**48 or (matrix.data != np.rint(matrix.data)).any()):
        return False
    if matrix.nnz > np.iinfo(np.int32).max or room_for(n_items, n_neighbors, 1, 8 * n_items) == 0:
        return False
    pairs = float(np.square(np.diff(matrix.indptr).astype(np.float64)).sum())
    return pairs > _FULL * n_items**2


def nearest_by_products(matrix: csr_matrix, terms: Terms, n_neighbors: int, threads: int) -> csr_matrix:
    """As `crmkit.recommend._nearest.nearest`, for values that `is_for_products` takes."""
    n_items = matrix.shape[1]
    values, place_of = _by_popularity(matrix)
    coarse = _bounds(terms, values.item_at)
    # What comes before an item in the rows of its customers.
    slots = values.entries.astype(np.int64) - values.begins
    work = np.add.reduceat(np.concatenate((slots, [0])), values.by_item[:-1]) * (np.diff(values.by_item) > 0)
    edges = ranges_of_work(work + np.arange(n_items) // 4 + 1, 16 * threads if threads > 1 else 1)
    threads = max(1, min(threads, len(edges) - 1))
    stores = Stores(threads, n_items, room_for(n_items, n_neighbors, 1, 8 * n_items))

    def offer_ranges(tasks: Iterator[int]) -> None:
        store = stores.take()
        sums = np.zeros(n_items)
        for task in tasks:
            offer_items(int(edges[task]), int(edges[task + 1]), values, terms, coarse, store, sums, n_neighbors)

    on_threads(offer_ranges, len(edges) - 1, threads)
    return stores.merged(place_of, terms, n_neighbors)


def _by_popularity(matrix: csr_matrix) -> tuple[Values, NDArray[np.int32]]:
    """The layout, and the place of each item."""
    n_items = matrix.shape[1]
    items = read_only(matrix.indices)
    sizes = np.zeros(n_items, dtype=np.int64)
    count_columns(items, sizes)
    item_at = np.empty(n_items, dtype=np.int32)
    by_count(sizes, item_at)
    place_of = np.empty(n_items, dtype=np.int32)
    place_of[item_at] = np.arange(n_items, dtype=np.int32)
    by_item = np.zeros(n_items + 1, dtype=np.int64)
    np.cumsum(sizes[item_at], out=by_item[1:])
    pointers = read_only(matrix.indptr.astype(np.int64))
    # Half the memory to read, where float32 holds the same numbers.
    with np.errstate(over="ignore"):
        exact = not (matrix.data.astype(np.float32) != matrix.data).any()
    dtype: Any = np.float32 if exact else np.float64
    customers = np.empty(len(items), dtype=np.int32)
    slot_values = np.empty(len(items), dtype=dtype)
    transpose_values(pointers, items, read_only(matrix.data), place_of, by_item[:-1].copy(), customers, slot_values)
    places = np.empty(len(items), dtype=np.uint16 if n_items <= 1 << 16 else np.int32)
    values = np.empty(len(items), dtype=dtype)
    entries = np.empty(len(items), dtype=np.int32)
    # Where a row begins is written over its customer: a slot is read before it is written.
    sort_rows(pointers, by_item, customers, slot_values, pointers[:-1].copy(), places, values, entries, customers)
    laid_out = (item_at, places, values, by_item, entries, customers)
    return Values(*[read_only(array) for array in laid_out]), read_only(place_of)


def _bounds(terms: Terms, item_at: NDArray[np.int32]) -> Bounds:
    none = np.zeros(len(item_at))
    if terms.squared:
        columns = [np.sqrt(terms.p), np.sqrt(terms.r), none, none, none]
    else:
        columns = [terms.p, terms.r, terms.u, terms.v, np.sqrt(terms.h) * terms.g]
    p, r, u, v, g = (read_only(column[item_at]) for column in columns)
    symmetric = bool((terms.p == terms.r).all() and (terms.u == terms.v).all())
    return Bounds(symmetric, terms.squared, terms.a, p, r, u, v, g, np.zeros(len(item_at)))
