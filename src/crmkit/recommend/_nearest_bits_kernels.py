"""Counts of common customers of one item with 512 others at once, by adding up bits.

A block of 512 items has for each customer a row of bits: which of them he has. The rows of the
customers of an item, added up bit by bit, are the counts of common customers. They are added with
carry-save adders into *planes*: plane p holds bit p of all counts (W. Daniel Hillis's and Robert
Harley's method of counting bits, for each position on its own).
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from crmkit._numba import kernel
from crmkit._numba._lines import prefetch
from crmkit._numba._wide_floats import N_LANES, at_least, first_bit, load_floats, lower, spread
from crmkit._numba._wide_words import load_wide, no_bits, shifted_left, shifted_right, store_wide
from crmkit.recommend._nearest_formula_kernels import rank
from crmkit.recommend._nearest_store_kernels import empty_heap, offer

__all__ = [
    "BLOCK",
    "MOST_PLANES",
    "Bits",
    "Filter",
    "Layout",
    "add_up_rows",
    "bit_of_column",
    "counts_of_planes",
    "offer_block",
]

BLOCK = 512
#: Bit rows between the one that is added and the one that is asked for: some 5 % of the time, hardly above the noise.
AHEAD = 32
MOST_PLANES = 24

ALL_BITS = 0xFFFFFFFFFFFFFFFF
ODD_BITS = 0x5555555555555555
ODD_PAIRS = 0x3333333333333333
ODD_FOURS = 0x0F0F0F0F0F0F0F0F


@kernel
def bit_of_column(column):
    """Return the word and the bit where a column of a block lies: so that counts come out in order."""
    return (column & 63) >> 3, ((column & 7) << 3) | (column >> 6)


@kernel
def _full_add(one, two, three):
    """Return the sum and the carry of each bit."""
    half = one ^ two
    return half ^ three, (one & two) | (half & three)


@kernel
def add_up_rows(words, rows, start, stop, planes, waiting):
    """Add up the bit rows ``words[rows[start:stop]]``.

    Parameters
    ----------
    words : ndarray of uint64, shape (n, 8)
    rows : ndarray of int
    planes, waiting : ndarray of uint64, shape (MOST_PLANES, 8)
        `planes` receives the sums; `waiting` holds carries that wait for another.

    Returns
    -------
    int
        The number of planes that were written.
    """
    n_planes = 4
    while (stop - start) >> n_planes > 0:
        n_planes += 1
    zero = no_bits()
    for plane in range(n_planes):
        store_wide(planes, plane, zero)
    ones = zero
    twos = zero
    fours = zero
    eights = zero
    place = start
    done = 0
    while place + 16 <= stop:
        _ask_ahead(words, rows, place)
        ones, twos_a = _full_add(ones, load_wide(words, rows[place]), load_wide(words, rows[place + 1]))
        ones, twos_b = _full_add(ones, load_wide(words, rows[place + 2]), load_wide(words, rows[place + 3]))
        twos, fours_a = _full_add(twos, twos_a, twos_b)
        ones, twos_a = _full_add(ones, load_wide(words, rows[place + 4]), load_wide(words, rows[place + 5]))
        ones, twos_b = _full_add(ones, load_wide(words, rows[place + 6]), load_wide(words, rows[place + 7]))
        twos, fours_b = _full_add(twos, twos_a, twos_b)
        fours, eights_a = _full_add(fours, fours_a, fours_b)
        ones, twos_a = _full_add(ones, load_wide(words, rows[place + 8]), load_wide(words, rows[place + 9]))
        ones, twos_b = _full_add(ones, load_wide(words, rows[place + 10]), load_wide(words, rows[place + 11]))
        twos, fours_a = _full_add(twos, twos_a, twos_b)
        ones, twos_a = _full_add(ones, load_wide(words, rows[place + 12]), load_wide(words, rows[place + 13]))
        ones, twos_b = _full_add(ones, load_wide(words, rows[place + 14]), load_wide(words, rows[place + 15]))
        twos, fours_b = _full_add(twos, twos_a, twos_b)
        fours, eights_b = _full_add(fours, fours_a, fours_b)
        eights, carry = _full_add(eights, eights_a, eights_b)
        place += 16
        # Two carries of one weight make one of the next: the k-th waits only every 2^k-th time.
        plane = 4
        pending = done
        while pending & 1:
            total, carry = _full_add(load_wide(planes, plane), load_wide(waiting, plane), carry)
            store_wide(planes, plane, total)
            pending >>= 1
            plane += 1
        store_wide(waiting, plane, carry)
        done += 1
    while place < stop:
        second = load_wide(words, rows[place + 1]) if place + 1 < stop else zero
        ones, carry = _full_add(ones, load_wide(words, rows[place]), second)
        twos, carry = twos ^ carry, twos & carry
        fours, carry = fours ^ carry, fours & carry
        eights, carry = eights ^ carry, eights & carry
        _add_to_planes(carry, 4, n_planes, planes)
        place += 2
    plane = 4
    while done > 0:
        if done & 1:
            _add_to_planes(load_wide(waiting, plane), plane, n_planes, planes)
        done >>= 1
        plane += 1
    store_wide(planes, 0, ones)
    store_wide(planes, 1, twos)
    store_wide(planes, 2, fours)
    store_wide(planes, 3, eights)
    return n_planes


@kernel
def _ask_ahead(words, rows, place):
    """Ask for sixteen bit rows that come soon, those of the next item included."""
    lines = words.reshape(words.size)
    for ahead in range(place + AHEAD, min(place + AHEAD + 16, len(rows))):
        prefetch(lines, rows[ahead] * 8)


@kernel
def _add_to_planes(carry, first, n_planes, planes):
    for plane in range(first, n_planes):
        old = load_wide(planes, plane)
        store_wide(planes, plane, old ^ carry)
        carry = old & carry


@kernel
def _exchange(one, two, by, mask):
    """Exchange the bits of `two` under the mask with those of `one` that stand `by` places higher."""
    moved = shifted_right(one, by, mask) ^ shifted_right(two, 0, mask)
    return one ^ shifted_left(moved, by, ALL_BITS), two ^ moved


@kernel
def _turn(planes, first, turned):
    """Write 512 bytes, bit p of which are plane first + p: eight by eight bits are turned in place."""
    a, b = _exchange(load_wide(planes, first), load_wide(planes, first + 1), 1, ODD_BITS)
    c, d = _exchange(load_wide(planes, first + 2), load_wide(planes, first + 3), 1, ODD_BITS)
    e, f = _exchange(load_wide(planes, first + 4), load_wide(planes, first + 5), 1, ODD_BITS)
    g, h = _exchange(load_wide(planes, first + 6), load_wide(planes, first + 7), 1, ODD_BITS)
    a, c = _exchange(a, c, 2, ODD_PAIRS)
    b, d = _exchange(b, d, 2, ODD_PAIRS)
    e, g = _exchange(e, g, 2, ODD_PAIRS)
    f, h = _exchange(f, h, 2, ODD_PAIRS)
    a, e = _exchange(a, e, 4, ODD_FOURS)
    b, f = _exchange(b, f, 4, ODD_FOURS)
    c, g = _exchange(c, g, 4, ODD_FOURS)
    d, h = _exchange(d, h, 4, ODD_FOURS)
    store_wide(turned, 0, a)
    store_wide(turned, 1, b)
    store_wide(turned, 2, c)
    store_wide(turned, 3, d)
    store_wide(turned, 4, e)
    store_wide(turned, 5, f)
    store_wide(turned, 6, g)
    store_wide(turned, 7, h)


@kernel
def counts_of_planes(planes, n_planes, turned, counts):
    """Write the numbers whose bits the planes hold.

    Parameters
    ----------
    planes : ndarray of uint64, shape (MOST_PLANES, 8)
        Those from n_planes on may hold anything; they are cleared up to the next multiple of 8.
    turned : ndarray of uint64, shape (8, 8)
        Scratch.
    counts : ndarray of float32, shape (512,)
        Receives the counts, which it holds exactly: there are less than 2^24 customers.
    """
    zero = no_bits()
    for plane in range(n_planes, (n_planes + 7) & ~7):
        store_wide(planes, plane, zero)
    octets = turned.reshape(64).view(np.uint8)
    _turn(planes, 0, turned)
    for column in range(BLOCK):
        counts[column] = octets[column]
    weight = np.float32(256.0)
    for first in range(8, n_planes, 8):
        _turn(planes, first, turned)
        for column in range(BLOCK):
            counts[column] += weight * np.float32(octets[column])
        weight *= np.float32(256.0)


class Layout(NamedTuple):
    """Items by popularity, customers by activity: what is used most lies together.

    `place_of` and `item_at` translate items and their places. Customers `by_item[place]` to
    ``by_item[place + 1]`` of `customers` have the item at a place, the most active first.
    """

    place_of: NDArray[np.int32]
    item_at: NDArray[np.int32]
    by_item: NDArray[np.int64]
    customers: NDArray[np.int32]


class Filter(NamedTuple):
    """A formula in float32, by places, that tells what cannot be among the best.

    ``p[x] r[o] + u[x] + v[o] + g[x] g[o]`` is the denominator but for its part in c, which is in the
    bounds; with `product` it is the first of these terms alone. `bounds` is shared by all threads: a
    thread that reads an old one looks at more pairs than it need have, and nothing else.
    """

    symmetric: bool
    product: bool
    squared: bool
    a: float
    support: float
    p: NDArray[np.float32]
    r: NDArray[np.float32]
    u: NDArray[np.float32]
    v: NDArray[np.float32]
    g: NDArray[np.float32]
    bounds: NDArray[np.float32]


class Bits(NamedTuple):
    """What one thread writes to while it counts: see `add_up_rows` and `counts_of_planes`."""

    words: NDArray[np.uint64]
    planes: NDArray[np.uint64]
    waiting: NDArray[np.uint64]
    turned: NDArray[np.uint64]
    counts: NDArray[np.float32]


@kernel
def offer_block(first, layout, terms, coarse, store, bits, n_neighbors):
    """Offer every pair of an item of a block and one that is at most as popular to both."""
    squared, a, h, p, r, u, v, g = terms
    ranks, others, sizes, limits, limit_others, _, _ = store
    words, planes, waiting, turned, counts = bits
    symmetric, product, _, _, support, ps, rs, us, vs, gs, bounds = coarse
    support = spread(np.float32(support))
    item_at = layout.item_at
    by_item = layout.by_item
    customers = layout.customers
    n_items = len(item_at)
    last = min(first + BLOCK, n_items)
    _fill_words(first, last, layout, words)
    for place in range(first + 1, n_items):
        start = by_item[place]
        stop = by_item[place + 1]
        if start == stop:
            break  # nor has any less popular item a customer
        n_planes = add_up_rows(words, customers, start, stop, planes, waiting)
        counts_of_planes(planes, n_planes, turned, counts)
        item = item_at[place]
        columns = min(last, place) - first
        bound = spread(bounds[place])
        p_here = spread(ps[place])
        r_here = spread(rs[place])
        u_here = spread(us[place])
        v_here = spread(vs[place])
        g_here = spread(gs[place])
        for column in range(0, columns, N_LANES):
            near = first + column
            found = load_floats(counts, column)
            bound_there = load_floats(bounds, near)
            rest = load_floats(ps, near) * r_here
            if not product:
                both = load_floats(gs, near) * g_here
                rest = rest + load_floats(us, near) + v_here + both
            if symmetric:
                hits = at_least(found, lower(bound, bound_there) * rest)
            else:
                hits = at_least(found, bound * rest)
                both = load_floats(gs, near) * g_here
                rest = load_floats(rs, near) * p_here + load_floats(vs, near) + u_here + both
                hits |= at_least(found, bound_there * rest)
            hits &= at_least(found, support)
            if columns - column < N_LANES:
                hits &= (1 << (columns - column)) - 1
            while hits != 0:
                near = first + column + first_bit(hits)
                hits &= hits - 1
                common = np.float64(counts[near - first])
                other = item_at[near]
                order = rank(common, item, other, squared, a, h, p, r, u, v, g)
                if offer(place, other, order, ranks, others, sizes, limits, limit_others):
                    empty_heap(place, store, n_neighbors)
                    _raise_bound(place, store, coarse)
                    bound = spread(bounds[place])
                order = rank(common, other, item, squared, a, h, p, r, u, v, g)
                if offer(near, item, order, ranks, others, sizes, limits, limit_others):
                    empty_heap(near, store, n_neighbors)
                    _raise_bound(near, store, coarse)


@kernel
def _fill_words(first, last, layout, words):
    """Set the bits of the customers of a block of items."""
    words[:] = 0
    for place in range(first, last):
        word, bit = bit_of_column(place - first)
        mask = np.uint64(1) << np.uint64(bit)
        for entry in range(layout.by_item[place], layout.by_item[place + 1]):
            words[layout.customers[entry], word] |= mask


@kernel
def _raise_bound(place, store, coarse):
    """Turn the limit of an item into what the rest of the denominator is multiplied by.

    c / (a c + rest) >= t is c >= t / (1 - a t) rest. The bound is lower than that by more than the
    six roundings of float32 in a comparison.
    """
    limit = store.limits[place]
    if coarse.squared:
        bound = np.sqrt(limit)
    else:
        bound = limit / (max(1.0 - coarse.a * limit, 0.0) + 1e-12)
    bound *= 1.0 - 2e-6
    coarse.bounds[place] = max(bound, coarse.bounds[place])
