"""Neighbours from counts of common customers that are added up bit by bit, 512 items at once."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix

from crmkit._numba import read_only
from crmkit._numba._wide_floats import N_LANES
from crmkit.recommend._histories import entries_of_columns
from crmkit.recommend._nearest_bits_kernels import BLOCK, MOST_PLANES, Bits, Filter, Layout, offer_block
from crmkit.recommend._nearest_formula_kernels import Terms
from crmkit.recommend._nearest_layout_kernels import by_count, count_places, transpose_places
from crmkit.recommend._nearest_stores import Stores, room_for
from crmkit.recommend._nearest_tasks import on_threads, ranges_of_work

__all__ = ["aligned", "is_for_bits", "nearest_by_bits"]


# What a unit of work costs, in nanoseconds: a row of bits, what is done once for an item and a block (counts,
# comparisons, offers), and a pair of items of one customer in `nearest_by_rows`. Their ratios are rough, from a
# busy machine (Zen 4): MovieLens-100k, Online Retail and 20,000 x 8,000 with 1 M interactions took .6, .6 and .3 of
# the time by bits, 1,892 x 17,632 with 88 k interactions took 3 times as long.
_ROW_NS = 2.5
_BLOCK_NS = 600.0
_PAIR_NS = 3.0

# Terms within these ends are neither lost nor infinite where float32 multiplies them.
_LOWEST, _HIGHEST = 1e-12, 1e12


def is_for_bits(matrix: csr_matrix, terms: Terms, n_neighbors: int, threads: int) -> bool:
    """Return whether `nearest_by_bits` can find the neighbours of binary data, and is the faster way.

    It needs positive terms, and memory for the best of each item in every thread.
    """
    n_customers, n_items = matrix.shape
    factors = (terms.p, terms.r, terms.u, terms.v, terms.g, np.array([terms.h]))
    if not all(((column == 0) | ((column >= _LOWEST) & (column <= _HIGHEST))).all() for column in factors):
        return False
    if abs(terms.a) > _HIGHEST or n_customers >= 1 << 24:
        return False
    if room_for(n_items, n_neighbors, threads, 64 * n_customers) == 0:
        return False
    activity = np.diff(matrix.indptr).astype(np.float64)
    pairs = float(np.square(activity).sum())
    sizes = np.sort(entries_of_columns(matrix))[::-1]
    left = np.cumsum(sizes[::-1], dtype=np.float64)[::-1][::BLOCK]
    items_left = np.maximum(np.count_nonzero(sizes) - np.arange(0, n_items, BLOCK), 0)
    return bool(_ROW_NS * left.sum() + _BLOCK_NS * items_left.sum() < _PAIR_NS * pairs)


def nearest_by_bits(matrix: csr_matrix, terms: Terms, n_neighbors: int, min_support: int, threads: int) -> csr_matrix:
    """As `crmkit.recommend._nearest.nearest`, for binary data that `is_for_bits` takes."""
    n_customers, n_items = matrix.shape
    room = room_for(n_items, n_neighbors, threads, 64 * n_customers)
    layout, n_customers = _by_popularity(matrix, threads)
    coarse = _filter(terms, layout.item_at, min_support)
    blocks = -(-n_items // BLOCK)
    threads = max(1, min(threads, blocks))
    stores = Stores(threads, n_items, room)

    def offer_blocks(tasks: Iterator[int]) -> None:
        store = stores.take()
        bits = _bits(n_customers)
        for block in tasks:
            offer_block(block * BLOCK, layout, terms, coarse, store, bits, n_neighbors)

    on_threads(offer_blocks, blocks, threads)
    return stores.merged(layout.place_of, terms, n_neighbors)


def _by_popularity(matrix: csr_matrix, threads: int) -> tuple[Layout, int]:
    """The layout, and the number of customers who count."""
    n_customers, n_items = matrix.shape
    activity = np.diff(matrix.indptr).astype(np.int64)
    rows = np.empty(n_customers, dtype=np.int32)
    by_count(activity, rows)
    # Customers of a single item have no pair.
    rows = rows[: int((activity > 1).sum())]
    items = read_only(matrix.indices)
    sizes = entries_of_columns(matrix)
    sizes -= np.bincount(items[matrix.indptr[:-1][activity == 1]], minlength=n_items)
    item_at = np.empty(n_items, dtype=np.int32)
    by_count(sizes, item_at)
    place_of = np.empty(n_items, dtype=np.int32)
    place_of[item_at] = np.arange(n_items, dtype=np.int32)
    by_item = np.zeros(n_items + 1, dtype=np.int64)
    np.cumsum(sizes[item_at], out=by_item[1:])
    customers = np.empty(by_item[-1], dtype=np.int32)
    pointers = read_only(matrix.indptr.astype(np.int64))
    shared = (pointers, items, place_of, rows)
    edges = ranges_of_work(activity[rows], threads)
    free = np.zeros((len(edges), n_items), dtype=np.int64)

    def count(tasks: Iterator[int]) -> None:
        for task in tasks:
            count_places(edges[task], edges[task + 1], *shared, free[task + 1])

    def fill(tasks: Iterator[int]) -> None:
        for task in tasks:
            transpose_places(edges[task], edges[task + 1], *shared, free[task], customers)

    # Each thread counts its rows first, so that it knows where they go.
    on_threads(count, len(edges) - 1, threads)
    np.cumsum(free, axis=0, out=free)
    free += by_item[:-1]
    on_threads(fill, len(edges) - 1, threads)
    return Layout(read_only(place_of), read_only(item_at), read_only(by_item), read_only(customers)), len(rows)


def _filter(terms: Terms, item_at: NDArray[np.int32], min_support: int) -> Filter:
    """The formula in float32; arrays are padded, as sixteen of their values are read at once."""

    def by_place(values: NDArray[np.float64]) -> NDArray[np.float32]:
        return read_only(np.pad(values[item_at], (0, N_LANES)).astype(np.float32))

    none = np.zeros(len(item_at))
    if terms.squared:
        columns = [np.sqrt(terms.p), np.sqrt(terms.r), none, none, none]
    else:
        columns = [terms.p, terms.r, terms.u, terms.v, np.sqrt(terms.h) * terms.g]
    p, r, u, v, g = map(by_place, columns)
    symmetric = bool((terms.p == terms.r).all() and (terms.u == terms.v).all())
    product = symmetric and not (u.any() or v.any() or g.any())
    bounds = np.zeros(len(item_at) + N_LANES, dtype=np.float32)
    return Filter(symmetric, product, terms.squared, terms.a, float(max(min_support, 1)), p, r, u, v, g, bounds)


def _bits(n_customers: int) -> Bits:
    return Bits(
        aligned(n_customers),
        aligned(MOST_PLANES),
        aligned(MOST_PLANES),
        aligned(8),
        np.zeros(BLOCK, dtype=np.float32),
    )


def aligned(n: int) -> NDArray[np.uint64]:
    """An array of shape (n, 8), each row in a cache line of its own."""
    raw = np.empty(8 * n + 7, dtype=np.uint64)
    skip = -raw.ctypes.data % 64 // 8
    return raw[skip : skip + 8 * n].reshape(n, 8)
