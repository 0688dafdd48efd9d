"""The neighbours of one item after the other, from all that its customers have."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from crmkit._numba import kernel
from crmkit.recommend._nearest_formula_kernels import rank, similarity
from crmkit.recommend._nearest_selection_kernels import kth_largest, sort_items

__all__ = ["Purchases", "Scratch", "nearest_of_rows"]


class Purchases(NamedTuple):
    """Customers × items by customers and by items, ascending. Empty values are ones."""

    by_customer: NDArray[np.int64]
    items: NDArray[np.int32]
    values: NDArray[np.float64]
    by_item: NDArray[np.int64]
    customers: NDArray[np.int32]
    values_by_item: NDArray[np.float64]


class Scratch(NamedTuple):
    """What one thread writes to: an entry per item each, one more in `touched`.

    `common` is 0 before and after; `stamps` starts with -1. `words` and `groups` are of `sort_items`.
    """

    common: NDArray[np.int32]
    stamps: NDArray[np.int32]
    touched: NDArray[np.int32]
    found: NDArray[np.int32]
    equal: NDArray[np.int32]
    ranks: NDArray[np.float64]
    ordered: NDArray[np.float64]
    words: NDArray[np.int64]
    groups: NDArray[np.int64]


@kernel
def nearest_of_rows(start, stop, purchases, terms, n_neighbors, min_support, scratch, lengths, columns, values):
    """Write the neighbours of items start to stop, one item after the other.

    Parameters
    ----------
    lengths : ndarray of int64, shape (stop - start,)
        Receives the number of neighbours of each item.
    columns, values : ndarray
        Receive the neighbours, ascending, and the similarities. They are long enough.

    Returns
    -------
    int
        The number of neighbours of all.
    """
    squared, a, h, p, r, u, v, g = terms
    filled = 0
    for owner in range(start, stop):
        if len(purchases.values) > 0:
            n = _add_products(owner, purchases, scratch)
        else:
            n = _count_customers(owner, purchases, scratch)
        kept = _select(owner, n, terms, n_neighbors, min_support, scratch)
        sort_items(scratch.found, kept, scratch.words, scratch.groups)
        for place in range(kept):
            other = scratch.found[place]
            common = np.float64(scratch.common[other])
            columns[filled + place] = other
            values[filled + place] = similarity(common, owner, other, squared, a, h, p, r, u, v, g)
        for place in range(n):
            scratch.common[scratch.touched[place]] = 0
        lengths[owner - start] = kept
        filled += kept
    return filled


@kernel
def _count_customers(owner, purchases, scratch):
    """Count the common customers of the owner and the others; return how many items were touched."""
    common = scratch.common
    touched = scratch.touched
    n = 0
    for place in range(purchases.by_item[owner], purchases.by_item[owner + 1]):
        customer = purchases.customers[place]
        for entry in range(purchases.by_customer[customer], purchases.by_customer[customer + 1]):
            other = purchases.items[entry]
            # No branch, as a first touch cannot be foreseen: the next place is written again until it is kept.
            touched[n] = other
            n += common[other] == 0
            common[other] += 1
    return n


@kernel
def _add_products(owner, purchases, scratch):
    """Add up the products of the owner's values and others', customers ascending."""
    common = scratch.common
    touched = scratch.touched
    stamps = scratch.stamps  # a sum that comes back to 0 was touched all the same
    n = 0
    for place in range(purchases.by_item[owner], purchases.by_item[owner + 1]):
        customer = purchases.customers[place]
        factor = purchases.values_by_item[place]
        for entry in range(purchases.by_customer[customer], purchases.by_customer[customer + 1]):
            other = purchases.items[entry]
            touched[n] = other
            n += stamps[other] != owner
            stamps[other] = owner
            common[other] += factor * purchases.values[entry]
    return n


@kernel
def _select(owner, n, terms, n_neighbors, min_support, scratch):
    """Put the owner's neighbours among the n touched items into `found`; return their number."""
    squared, a, h, p, r, u, v, g = terms
    n_found = 0
    n_positive = 0
    for place in range(n):
        other = scratch.touched[place]
        common = np.float64(scratch.common[other])
        if other == owner or common < min_support:
            continue
        order = rank(common, owner, other, squared, a, h, p, r, u, v, g)
        if order > 0.0 or order < 0.0:
            scratch.found[n_found] = other
            scratch.ranks[n_found] = order
            n_found += 1
            n_positive += order > 0.0
    # Items that nothing is known of have similarity 0: they come before negative ones, but are not stored.
    zeros = len(terms.p) - 1 - n_found
    kept = min(n_neighbors, n_positive)
    kept += min(max(n_neighbors - n_positive - zeros, 0), n_found - n_positive)
    if kept in (0, n_found):
        return kept
    scratch.ordered[:n_found] = scratch.ranks[:n_found]
    limit = kth_largest(scratch.ordered, n_found, kept)
    return _keep_above(limit, n_found, kept, scratch)


@kernel
def _keep_above(limit, n, kept, scratch):
    """Keep what is above the limit, and of what is equal to it the lowest items."""
    found = scratch.found
    above = 0
    equal = 0
    for place in range(n):
        other = found[place]
        if scratch.ranks[place] > limit:
            found[above] = other
            above += 1
        elif scratch.ranks[place] == limit:
            scratch.equal[equal] = other
            equal += 1
    scratch.equal[:equal].sort()
    found[above:kept] = scratch.equal[: kept - above]
    return kept
