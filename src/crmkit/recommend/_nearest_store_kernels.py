"""The best others seen so far of every item, where pairs of items turn up in any order."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from crmkit._numba import kernel
from crmkit.recommend._nearest_formula_kernels import similarity_of_rank
from crmkit.recommend._nearest_selection_kernels import kth_largest, sort_items

__all__ = ["Store", "empty_heap", "keep_best", "merge_stores", "offer"]


class Store(NamedTuple):
    """Per item a heap of others with room for more than K; when it is full, the best K are kept.

    Items go by their places; others by their own numbers, which decide between equal ranks.
    """

    ranks: NDArray[np.float64]
    others: NDArray[np.int32]
    sizes: NDArray[np.int32]
    limits: NDArray[np.float64]
    limit_others: NDArray[np.int32]
    spare_ranks: NDArray[np.float64]
    spare_others: NDArray[np.int32]


@kernel
def offer(place, other, order, ranks, others, sizes, limits, limit_others):
    """Offer one other to the item at a place; return whether its heap is full.

    The limit is the K-th best seen when it was full last.
    """
    limit = limits[place]
    if order < limit or (order == limit and other > limit_others[place]):
        return False
    size = sizes[place]
    ranks[place, size] = order
    others[place, size] = other
    sizes[place] = size + 1
    return size + 1 == ranks.shape[1]


@kernel
def empty_heap(place, store, n_neighbors):
    """Keep the best K of a full heap."""
    size = store.sizes[place]
    ranks = store.ranks[place]
    others = store.others[place]
    limit, limit_other = keep_best(ranks, others, size, n_neighbors, store.spare_ranks, store.spare_others)
    store.sizes[place] = n_neighbors
    store.limits[place] = limit
    store.limit_others[place] = limit_other


@kernel
def keep_best(ranks, others, n, kept, spare_ranks, spare_others):
    """Move the best of n others to the front, equal ones by their number; return the worst of them.

    It asks for 1 <= kept <= n. The spare arrays have room for n.
    """
    spare_ranks[:n] = ranks[:n]
    limit = kth_largest(spare_ranks, n, kept)
    above = 0
    equal = 0
    for place in range(n):
        order = ranks[place]
        other = others[place]
        if order > limit:
            ranks[above] = order
            others[above] = other
            above += 1
        elif order == limit:
            spare_others[equal] = other
            equal += 1
    wanted = kept - above
    if wanted < equal:
        spare_others[:equal].sort()
    worst = spare_others[0]
    for place in range(wanted):
        ranks[above + place] = limit
        others[above + place] = spare_others[place]
        worst = max(worst, spare_others[place])
    return limit, worst


@kernel
def merge_stores(start, stop, place_of, ranks, others, sizes, n_neighbors, terms, lengths, columns, values):
    """Write the best others of items start to stop, ascending, from the stores of all threads.

    Parameters
    ----------
    place_of : ndarray of int32, shape (n_items,)
    ranks, others, sizes : ndarray, shapes (threads, n_items, room) and (threads, n_items)
    lengths, columns, values : ndarray
        Receive what `nearest_of_rows` writes.

    Returns
    -------
    int
        The number of neighbours of all.
    """
    room = ranks.shape[0] * ranks.shape[2]
    all_ranks = np.empty(room)
    all_others = np.empty(room, dtype=others.dtype)
    spare_ranks = np.empty(room)
    spare_others = np.empty(room, dtype=others.dtype)
    entry_of = np.empty(len(place_of), dtype=np.int32)
    words = np.zeros((len(place_of) >> 5) + 1, dtype=np.int64)
    groups = np.zeros((len(place_of) >> 10) + 1, dtype=np.int64)
    filled = 0
    for owner in range(start, stop):
        place = place_of[owner]
        n = 0
        for thread in range(ranks.shape[0]):
            for entry in range(sizes[thread, place]):
                all_ranks[n] = ranks[thread, place, entry]
                all_others[n] = others[thread, place, entry]
                n += 1
        if n > n_neighbors:
            keep_best(all_ranks, all_others, n, n_neighbors, spare_ranks, spare_others)
            n = n_neighbors
        for entry in range(n):
            entry_of[all_others[entry]] = entry
        sort_items(all_others, n, words, groups)
        for entry in range(n):
            other = all_others[entry]
            order = all_ranks[entry_of[other]]
            columns[filled] = other
            values[filled] = similarity_of_rank(order, owner, other, terms.squared, terms.p, terms.r)
            filled += 1
        lengths[owner - start] = n
    return filled
