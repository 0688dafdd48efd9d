"""Medians of windows that slide along series.

There are two ways. For tiny windows, `select_medians` runs a sorting network, pruned to what the median
needs, over many windows at once: only minima and maxima, done by vectors of the processor. For longer
ones, `walk_medians` sorts a stretch of the series once, by the digits of its numbers; then a window is a
set of bits, one for each rank in the stretch, and its median a bit that moves to a neighbour, or stays,
with each value that comes or goes. What a result costs hardly depends on the length of the window.

Windows are told as in `crmkit._numba._window_kernels`.
"""

from __future__ import annotations

import numpy as np

from crmkit._numba._bits import last_bit
from crmkit._numba._policy import kernel
from crmkit._numba._wide_floats import first_bit
from crmkit._numba._window_kernels import reach

#: Windows that a network is run on at once.
LANES = 64

#: Results for which one stretch is sorted: so many, and for long windows so many times their length, as the window
#: before the first result is sorted with them.
STRETCH = 1024
LONGER = 4

#: Stretches up to this length are sorted by insertion: counting digits takes some time for any length.
FEW = 48

#: Ranks in a word of bits. Fewer than there would be room for, so that words are never negative.
WORD = 32


@kernel
def median_series(start, stop, values, pointers, window, ahead, least, network, out):
    """Medians of series ``values[pointers[s]:pointers[s + 1]]``, one after the other.

    Parameters
    ----------
    start, stop : int
        The series.
    values : ndarray of float64
        Writable, although they are not written, as for the other statistics.
    least : int
        Results of windows that hold fewer values, NaN aside, are NaN. At least 1.
    network : ndarray of int64, shape (n_steps, 3)
        The network for windows of this length: two places, and whether the smaller goes to the first (1),
        the larger to the second (2), or both (3). Empty where windows are too long for one.
    out : ndarray of float64

    Returns
    -------
    int
        Number of infinite values.
    """
    longest = 0
    for series in range(start, stop):
        longest = max(longest, pointers[series + 1] - pointers[series])
    room = new_room(window, longest)
    infinite = 0
    for series in range(start, stop):
        first, last = pointers[series], pointers[series + 1]
        reached, reached_ahead = reach(last - first, window, ahead)
        infinite += medians(values[first:last], reached, reached_ahead, least, network, room, out[first:last])
    return infinite


@kernel
def new_room(window, longest):
    """Room for one range: values, their keys and places while they are sorted, ranks, bits, counts, and lanes."""
    length = min(max(STRETCH, LONGER * window) + window, longest) + 1
    return (
        np.empty(length),
        np.empty((2, length), np.int64),
        np.empty((2, length), np.int64),
        np.empty(length, np.int64),
        np.zeros(length // WORD + 2, np.int64),
        np.empty((8, 256), np.int64),
        np.empty((min(window, LANES), LANES)),
    )


@kernel
def medians(values, window, ahead, least, network, room, out):
    """Medians of one series; its number of infinite values is returned."""
    n = len(values)
    infinite = 0
    for i in range(n):
        infinite += np.abs(values[i]) == np.inf
    first, last = max(ahead, 0), max(n + ahead, 0)  # the places at which windows end, some of them past the series
    out[: min(max(-ahead, 0), n)] = np.nan
    stretch = max(STRETCH, LONGER * window)
    for begin in range(first, last, stretch):
        end = min(begin + stretch, last)
        left, right = max(begin - window + 1, 0), min(end, n)
        done = begin
        if len(network) > 0:
            missing = 0
            for i in range(left, right):
                missing += values[i] != values[i]
            if missing == 0 and right - left >= window:
                # Those that reach over the ends of the series are left to the other way.
                full = max(left + window - 1, begin)
                select_medians(
                    values[full - window + 1 : right], window, network, room[6], out[full - ahead : right - ahead]
                )
                walk_medians(values[left:full], left, window, ahead, least, begin, full, room, out)
                done = right
        left = max(done - window + 1, 0)
        walk_medians(values[left:right], left, window, ahead, least, done, end, room, out)
    return infinite


@kernel
def select_medians(values, window, network, lanes, out):
    """Medians of all windows inside `values`, by a network: out[i] is that of the window which begins at i."""
    low, high = (window - 1) // 2, window // 2
    for begin in range(0, len(out), LANES):
        count = min(LANES, len(out) - begin)
        for place in range(window):
            lane, piece = lanes[place], values[begin + place : begin + place + count]
            for i in range(count):
                lane[i] = piece[i]
        for step in range(len(network)):
            one, other, kept = lanes[network[step, 0]], lanes[network[step, 1]], network[step, 2]
            if kept == 3:
                for i in range(LANES):
                    a, b = one[i], other[i]
                    one[i] = min(a, b)
                    other[i] = max(a, b)
            elif kept == 1:
                for i in range(LANES):
                    a, b = one[i], other[i]
                    one[i] = min(a, b)
            else:
                for i in range(LANES):
                    a, b = one[i], other[i]
                    other[i] = max(a, b)
        one, other, piece = lanes[low], lanes[high], out[begin : begin + count]
        for i in range(count):
            piece[i] = between(one[i], other[i])


@kernel
def walk_medians(values, offset, window, ahead, least, first, last, room, out):
    """Medians of the windows that end at the places from `first` to `last`; `values` begin at place `offset`."""
    if first >= last:
        return
    ranks, bits = room[3], room[4]
    in_order = sort_stretch(values, room)
    n = len(values)
    bits[: n // WORD + 1] = 0
    # `below` of the `count` values in the window have a rank below `middle`, where the lower median is to be.
    middle, below, count = 0, 0, 0
    left = max(first - window + 1 - offset, 0)
    for end in range(left, last - offset):
        if end < n and ranks[end] >= 0:
            rank = ranks[end]
            bits[rank // WORD] |= 1 << (rank % WORD)
            below += rank < middle
            count += 1
        gone = end - window
        if gone >= left and ranks[gone] >= 0:
            rank = ranks[gone]
            bits[rank // WORD] &= ~(1 << (rank % WORD))
            below -= rank < middle
            count -= 1
        if end + offset < first:
            continue
        if count < least:
            out[end + offset - ahead] = np.nan
            continue
        middle, below = move(bits, middle, below, (count - 1) // 2)
        median = in_order[middle]
        if count % 2 == 0:
            median = between(median, in_order[next_set(bits, middle + 1)])
        out[end + offset - ahead] = median


@kernel
def between(low, high):
    """The middle of two numbers, also where they are so large that their sum is infinite; of equal ones, theirs."""
    total = low + high
    return 0.5 * total if np.abs(total) < np.inf else 0.5 * low + 0.5 * high


@kernel
def move(bits, middle, below, wanted):
    """Move to the bit that has `wanted` set bits below it."""
    while below > wanted:
        middle = previous_set(bits, middle - 1)
        below -= 1
    middle = next_set(bits, middle)
    while below < wanted:
        middle = next_set(bits, middle + 1)
        below += 1
    return middle, below


@kernel
def next_set(bits, place):
    """The first set bit at `place` or after it. There is one."""
    word = place // WORD
    left = bits[word] >> (place % WORD)
    if left != 0:
        return place + first_bit(left)
    word += 1
    while bits[word] == 0:
        word += 1
    return word * WORD + first_bit(bits[word])


@kernel
def previous_set(bits, place):
    """The last set bit at `place` or before it. There is one."""
    word = place // WORD
    left = bits[word] & ((2 << (place % WORD)) - 1)
    while left == 0:
        word -= 1
        left = bits[word]
    return word * WORD + last_bit(left)


@kernel
def sort_stretch(values, room):
    """Rank the values of a stretch in room[3], -1 for NaN, and return them in order."""
    in_order, ranks = room[0], room[3]
    keys, places = room[1], room[2]
    n = 0
    for i in range(len(values)):
        ranks[i] = -1
        if values[i] == values[i]:
            in_order[n] = values[i]
            places[0, n] = i
            n += 1
    raw = in_order.view(np.int64)
    for i in range(n):
        # Negative numbers have their bits turned, all but the sign: so keys are in the order of the numbers.
        keys[0, i] = raw[i] ^ ((raw[i] >> 63) & 0x7FFFFFFFFFFFFFFF)
    now = sort_few(keys[0], places[0], n) if n <= FEW else sort_by_digits(keys, places, n, room[5])
    for rank in range(n):
        key = keys[now, rank]
        raw[rank] = key ^ ((key >> 63) & 0x7FFFFFFFFFFFFFFF)
        ranks[places[now, rank]] = rank
    return in_order


@kernel
def sort_few(keys, places, n):
    """Sort the keys, and the places with them, by insertion; 0 is returned."""
    for i in range(1, n):
        key, place = keys[i], places[i]
        j = i
        while j > 0 and keys[j - 1] > key:
            keys[j], places[j] = keys[j - 1], places[j - 1]
            j -= 1
        keys[j], places[j] = key, place
    return 0


@kernel
def sort_by_digits(keys, places, n, counts):
    """Sort the keys, and the places with them, byte by byte; the row in which they end is returned."""
    counts[:] = 0
    for i in range(n):
        key = keys[0, i]
        for digit in range(7):
            counts[digit, (key >> (8 * digit)) & 255] += 1
        counts[7, (key >> 56) + 128] += 1
    now = 0
    for digit in range(8):
        flip = 128 if digit == 7 else 0  # the highest byte has the sign: negative ones come first
        shift = 8 * digit
        starts = counts[digit]
        if starts[((keys[now, 0] >> shift) & 255) ^ flip] == n:
            continue  # the same in all
        total = 0
        for byte in range(256):
            total, starts[byte] = total + starts[byte], total
        from_keys, to_keys, from_places, to_places = keys[now], keys[1 - now], places[now], places[1 - now]
        for i in range(n):
            key = from_keys[i]
            byte = ((key >> shift) & 255) ^ flip
            at = starts[byte]
            starts[byte] = at + 1
            to_keys[at] = key
            to_places[at] = from_places[i]
        now = 1 - now
    return now
