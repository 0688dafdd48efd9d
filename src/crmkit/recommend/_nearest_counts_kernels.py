"""All counts of one item at once, and the best of them: for catalogues whose bit rows stay in the cache."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from crmkit._numba import kernel
from crmkit.recommend._nearest_bits_kernels import BLOCK, add_up_rows, bit_of_column, counts_of_planes
from crmkit.recommend._nearest_formula_kernels import similarity
from crmkit.recommend._nearest_selection_kernels import kth_largest

__all__ = ["Counting", "nearest_of_counts", "set_bits"]


class Counting(NamedTuple):
    """What one thread writes to: planes as in `add_up_rows`, counts of all items, and the candidates' ranks."""

    planes: NDArray[np.uint64]
    waiting: NDArray[np.uint64]
    turned: NDArray[np.uint64]
    counts: NDArray[np.float32]
    ranks: NDArray[np.float64]
    ordered: NDArray[np.float64]
    found: NDArray[np.int32]


@kernel
def set_bits(start, stop, by_item, customers, words):
    """Set the bits of items start to stop, blocks of 512, in `words`, of shape (n_blocks, n_customers, 8)."""
    for item in range(start, stop):
        word, bit = bit_of_column(item % BLOCK)
        mask = np.uint64(1) << np.uint64(bit)
        rows = words[item // BLOCK]
        for entry in range(by_item[item], by_item[item + 1]):
            rows[customers[entry], word] |= mask


@kernel
def nearest_of_counts(
    start, stop, by_item, customers, words, terms, n_neighbors, min_support, counting, lengths, columns, values
):
    """Write the neighbours of items start to stop, ascending, one item after the other.

    Parameters
    ----------
    by_item, customers : ndarray
        The customers of each item.
    words : ndarray of uint64, shape (n_blocks, n_customers, 8)
    min_support : float
        Pairs with fewer common customers are no neighbours. At least 1.
    counting : Counting
    lengths, columns, values : ndarray
        Receive the number of neighbours of each item, and all neighbours.

    Returns
    -------
    int
        The number of neighbours of all.
    """
    squared, a, h, p, r, u, v, g = terms
    planes, waiting, turned, counts, ranks, ordered, found = counting
    filled = 0
    for owner in range(start, stop):
        first = by_item[owner]
        last = by_item[owner + 1]
        n = 0
        if first < last:
            for block in range(len(words)):
                n_planes = add_up_rows(words[block], customers, first, last, planes, waiting)
                counts_of_planes(planes, n_planes, turned, counts[block * BLOCK : (block + 1) * BLOCK])
            counts[owner] = 0.0
            _rank_all(owner, terms, counts, ranks)
            n = _keep_best(n_neighbors, min_support, counts, ranks, ordered, found)
        for place in range(n):
            other = found[place]
            columns[filled] = other
            values[filled] = similarity(np.float64(counts[other]), owner, other, squared, a, h, p, r, u, v, g)
            filled += 1
        lengths[owner - start] = n
    return filled


@kernel
def _rank_all(owner, terms, counts, ranks):
    """As `rank`, for all others, in loops that become vector instructions. Items without customers may be NaN."""
    squared, a, h, p, r, u, v, g = terms
    r_own = r[owner]
    v_own = v[owner]
    g_own = g[owner]
    if squared:
        for other in range(len(p)):
            common = np.float64(counts[other])
            ranks[other] = common * common / (p[other] * r_own)
    else:
        for other in range(len(p)):
            common = np.float64(counts[other])
            ranks[other] = common / (a * common + p[other] * r_own + u[other] + v_own + h * g[other] * g_own)


@kernel
def _keep_best(kept, min_support, counts, ranks, ordered, found):
    """Put the best others into `found`, ascending, of equal ones the lower; return how many there are.

    The K-th best of a sample is at most the K-th best of all. So it tells which others need not be looked
    at: selecting, which mispredicts at every other step, is left with a fraction of them.
    """
    n_items = len(ranks)
    step = max(1, int(np.sqrt(n_items / kept)))
    n = 0
    for other in range(0, n_items, step):
        ordered[n] = ranks[other]
        n += counts[other] >= min_support
    bound = kth_largest(ordered, n, kept) if n >= kept else 0.0
    n = 0
    for other in range(n_items):
        # Written again until it is kept: whether it is cannot be foreseen.
        found[n] = other
        n += (counts[other] >= min_support) & (ranks[other] >= bound)
    if n <= kept:
        return n
    for place in range(n):
        ordered[place] = ranks[found[place]]
    limit = kth_largest(ordered, n, kept)
    above = 0
    for place in range(n):
        above += ranks[found[place]] > limit
    equal = kept - above
    size = 0
    for place in range(n):
        order = ranks[found[place]]
        if order > limit or (order == limit and equal > 0):
            equal -= order == limit
            found[size] = found[place]
            size += 1
    return size
