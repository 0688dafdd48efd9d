"""Sums of products of an item's values with those of all more popular ones: each pair once."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from crmkit._numba import kernel
from crmkit.recommend._nearest_formula_kernels import rank
from crmkit.recommend._nearest_store_kernels import empty_heap, offer

__all__ = ["Bounds", "Values", "offer_items", "sort_rows"]

# So many sums are compared before any of them is looked at.
_CHUNK = 64


class Values(NamedTuple):
    """Customers × items, by customers with the most popular item first, and by items.

    Entry e of a customer's row has the item at ``places[e]`` and the value ``values[e]``. For the item
    at a place, slots `by_item[place]` to ``by_item[place + 1]`` hold where its entries stand: the
    entry, and where the customer's row begins. Customers ascend in them, so that every sum has one order.
    """

    item_at: NDArray[np.int32]
    places: NDArray[np.uint16]
    values: NDArray[np.float64]
    by_item: NDArray[np.int64]
    entries: NDArray[np.int32]
    begins: NDArray[np.int32]


class Bounds(NamedTuple):
    """What tells which sums cannot be among the best, by places: see `crmkit.recommend._nearest_bits_kernels`."""

    symmetric: bool
    squared: bool
    a: float
    p: NDArray[np.float64]
    r: NDArray[np.float64]
    u: NDArray[np.float64]
    v: NDArray[np.float64]
    g: NDArray[np.float64]
    bounds: NDArray[np.float64]


@kernel
def sort_rows(pointers, by_item, customers, slot_values, next_free, places, values, entries, begins):
    """Fill the rows of `Values` from its columns.

    Parameters
    ----------
    pointers : ndarray of int64
        Where the rows of customers begin.
    customers, slot_values : ndarray
        The customer and the value of each slot.
    next_free : ndarray of int64
        A copy of where the rows begin.
    """
    for place in range(len(by_item) - 1):
        for slot in range(by_item[place], by_item[place + 1]):
            customer = customers[slot]
            entry = next_free[customer]
            next_free[customer] = entry + 1
            places[entry] = place
            values[entry] = slot_values[slot]
            entries[slot] = entry
            begins[slot] = pointers[customer]


@kernel
def offer_items(start, stop, matrix, terms, coarse, store, sums, n_neighbors):
    """Offer every pair of an item at places start to stop and a more popular one to both.

    `sums` has an entry per item and is 0 before and after.
    """
    squared, a, h, p, r, u, v, g = terms
    ranks, others, sizes, limits, limit_others, _, _ = store
    item_at = matrix.item_at
    bounds = coarse.bounds
    for place in range(start, stop):
        _add_up(place, matrix, sums)
        item = item_at[place]
        for first in range(0, place, _CHUNK):
            last = min(first + _CHUNK, place)
            if not _any_is_large(place, first, last, coarse, sums):
                continue
            for near in range(first, last):
                common = sums[near]
                if not common > 0.0 or not _is_large(place, near, common, coarse):
                    continue
                other = item_at[near]
                order = rank(common, item, other, squared, a, h, p, r, u, v, g)
                if order > 0.0 and offer(place, other, order, ranks, others, sizes, limits, limit_others):
                    empty_heap(place, store, n_neighbors)
                    _raise_bound(place, limits[place], coarse, bounds)
                order = rank(common, other, item, squared, a, h, p, r, u, v, g)
                if order > 0.0 and offer(near, item, order, ranks, others, sizes, limits, limit_others):
                    empty_heap(near, store, n_neighbors)
                    _raise_bound(near, limits[near], coarse, bounds)
        sums[:place] = 0.0


@kernel
def _add_up(place, matrix, sums):
    _, places, values, by_item, entries, begins = matrix
    for slot in range(by_item[place], by_item[place + 1]):
        stop = entries[slot]
        factor = np.float64(values[stop])
        for entry in range(begins[slot], stop):
            sums[places[entry]] += factor * values[entry]


@kernel
def _any_is_large(place, first, last, coarse, sums):
    """Return whether one of the sums is large enough for one of both lists."""
    symmetric, _, _, p, r, u, v, g, bounds = coarse
    bound = bounds[place]
    p_here = p[place]
    r_here = r[place]
    u_here = u[place]
    v_here = v[place]
    g_here = g[place]
    found = 0
    if symmetric:
        for near in range(first, last):
            rest = p[near] * r_here + (u[near] + v_here) + g[near] * g_here
            least = min(bounds[near], bound) * rest
            found += (sums[near] >= least) & (sums[near] > 0.0)
        return found > 0
    for near in range(first, last):
        both = g[near] * g_here
        as_owner = bound * (p[near] * r_here + (u[near] + v_here) + both)
        as_other = bounds[near] * (p_here * r[near] + (u_here + v[near]) + both)
        found += ((sums[near] >= as_owner) | (sums[near] >= as_other)) & (sums[near] > 0.0)
    return found > 0


@kernel
def _is_large(place, near, common, coarse):
    _, _, _, p, r, u, v, g, bounds = coarse
    both = g[near] * g[place]
    if common >= bounds[place] * (p[near] * r[place] + (u[near] + v[place]) + both):
        return True
    return common >= bounds[near] * (p[place] * r[near] + (u[place] + v[near]) + both)


@kernel
def _raise_bound(place, limit, coarse, bounds):
    """Turn the limit of an item into what the rest of the denominator is multiplied by, and a little less."""
    if coarse.squared:
        bound = np.sqrt(limit)
    else:
        bound = limit / (max(1.0 - coarse.a * limit, 0.0) + 1e-12)
    bounds[place] = max(bounds[place], bound * (1.0 - 1e-9))
