"""The best items of a row with a long history, found by sums of 16-bit numbers first.

A sketch holds each entry of the item lists in four bytes, place and rounded value, so that lists
and sums stay in fast caches. The rounded sums are whole numbers, and how far they can be from the
scores is known. Whatever may be among the n best by that bound is then scored anew, exactly: the
answer is that of the exact scores.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from crmkit._numba import kernel
from crmkit._numba._lines import largest_of_64, prefetch
from crmkit.recommend._serving_chosen_kernels import is_legal, offer, sort_chosen, strike_out

__all__ = ["LARGEST", "MOST_ITEMS", "Sketch", "SketchScratch", "choose_by_sketch"]

# Places take the lower half of an entry.
MOST_ITEMS = 2**16

# The largest rounded value, in the upper half; the sum of a row's rounded weights must not let sums overflow.
LARGEST = 2**15 - 1
MOST_WEIGHT = 2.0**16

# Entries ahead, and bytes of a cache line.
AHEAD = 4
LINE = 64


class Sketch(NamedTuple):
    """The lists once more, rounded, and the similarity by target.

    ``entries`` runs along with the values of `Lists`; an entry is the place plus 65,536 times the
    value in units of ``unit``. ``sharpest`` is the largest of an item's rounded values. Row t of the CSR matrix
    ``indptr``, ``sources``, ``values`` holds what speaks for item t, sources ascending; ``usual`` is
    the length of such a row for an item that lists name. Empty where there is none.
    """

    entries: NDArray[np.int32]
    sharpest: NDArray[np.int32]
    unit: float
    usual: float
    indptr: NDArray[np.int64]
    sources: NDArray[np.int32]
    values: NDArray[np.float64]


class SketchScratch(NamedTuple):
    """What a range of rows works with.

    Shape (n_items,), rounded up to a multiple of 64; ``peaks`` has an entry for each 64 places.
    ``sums`` and ``marks`` are zeros before and after a row.
    """

    sums: NDArray[np.int32]
    peaks: NDArray[np.int32]
    found: NDArray[np.int32]
    marks: NDArray[np.uint8]
    weights: NDArray[np.float64]
    hits: NDArray[np.uint64]


@kernel
def choose_by_sketch(row, work, rows, lists, sketch, place_of, item_at, rules, scratch, chosen):
    """Choose the n best for a row, if rounded sums tell which they may be.

    Parameters
    ----------
    row, work : int
        The row, and the number of entries of its lists.
    rows, lists, sketch, place_of, item_at, rules, scratch, chosen
        As in `crmkit.recommend._serving_kernels.choose_from_lists`.

    Returns
    -------
    bool
        Whether they were chosen: n items with their exact scores, best first.
    """
    scale = _scale(row, rows, sketch)
    if scale == 0.0:
        return False
    sums = scratch.sums
    error = _add_rounded(row, scale, rows, lists, sketch, sums)
    strike_out(row, rows, rules, place_of, sums)
    # The n items with the largest rounded sums have scores of at least bar - error, and others than those that
    # are collected have less. Above the error, a score is positive.
    bar = _find_bar(row, rules, item_at, scratch, chosen) - 2 * error
    count = _collect(bar, 2 * work, rules, sketch, item_at, scratch) if bar > 0 else -1
    sums[:] = 0
    if count < 0:
        return False
    _score_anew(row, count, rows, sketch, scratch, chosen)
    return True


@kernel
def _scale(row, rows, sketch):
    """By what the row's weights are multiplied before they are rounded; 0 if they cannot be."""
    begin, end = rows.indptr[row], rows.indptr[row + 1]
    # So that two scores whose rounded sums differ by more than twice the error differ as floats, too.
    lowest, highest = 1e-280 / sketch.unit, 1e280 / sketch.unit
    if len(rows.weights) == 0:
        return 1.0 if end - begin < MOST_WEIGHT and lowest < 1.0 < highest else 0.0
    total = 0.0
    for entry in range(begin, end):
        total += abs(rows.weights[entry])
    if not (lowest < total < highest and total > 0.0) or end - begin >= MOST_WEIGHT:
        return 0.0
    # Each weight may be rounded up by a half.
    scale = (MOST_WEIGHT - 1.0 - 0.5 * (end - begin)) / total
    # Counts stay whole numbers if they are multiplied by one.
    return np.floor(scale) if scale >= 1.0 else scale


@kernel
def _add_rounded(row, scale, rows, lists, sketch, sums):
    """Add up the rounded lists; return how far a sum can be from scale × score / unit.

    Each entry is off by up to a half, and each weight.
    """
    last = len(rows.items)
    error = 0.0
    for entry in range(rows.indptr[row], rows.indptr[row + 1]):
        if entry + AHEAD < last:
            _ask_for(rows.items[entry + AHEAD], lists, sketch)
        item = rows.items[entry]
        begin, end = np.uint64(lists.indptr[item]), np.uint64(lists.indptr[item + 1])
        if len(rows.weights) == 0:
            error += 0.5
            for position in range(begin, end):
                packed = sketch.entries[position]
                place = np.uint64(packed & 65535)
                sums[place] = np.int32(sums[place] + (packed >> np.int32(16)))
        else:
            exact = scale * rows.weights[entry]
            weight = np.int32(np.rint(exact))
            error += 0.5 * abs(weight) + abs(exact - weight) * (sketch.sharpest[item] + 0.5)
            for position in range(begin, end):
                packed = sketch.entries[position]
                place = np.uint64(packed & 65535)
                sums[place] = np.int32(sums[place] + np.int32(weight * (packed >> np.int32(16))))
    # The rounding of the floats themselves is far below one.
    return np.int64(error) + 2


@kernel
def _ask_for(item, lists, sketch):
    for position in range(lists.indptr[item], lists.indptr[item + 1], LINE // 4):
        prefetch(sketch.entries, position)


@kernel
def _find_bar(row, rules, item_at, scratch, chosen):
    """Return the n-th largest sum of legal items, 0 if fewer are positive; note the largest of each 64 places."""
    scores, items = chosen.scores[row], chosen.items[row]
    size = 0
    bar = np.int32(1)
    for line in range(len(scratch.peaks)):
        peak = largest_of_64(scratch.sums, 64 * line)
        scratch.peaks[line] = peak
        if peak >= bar:
            for place in range(64 * line, 64 * line + 64):
                total = scratch.sums[place]
                if total >= bar and is_legal(item_at[place], rules):
                    size = offer(np.float64(total), item_at[place], scores, items, size)
                    if size == len(scores):
                        bar = np.int32(scores[0])
    return np.int64(bar) if size == len(scores) else np.int64(0)


@kernel
def _collect(bar, most, rules, sketch, item_at, scratch):
    """Note the legal items whose sums reach the bar; return how many, or -1 if they take too much to score."""
    count = 0
    work = 0
    for line in range(len(scratch.peaks)):
        if scratch.peaks[line] < bar:
            continue
        for place in range(64 * line, 64 * line + 64):
            if scratch.sums[place] >= bar and is_legal(item_at[place], rules):
                item = item_at[place]
                begin, end = sketch.indptr[item], sketch.indptr[item + 1]
                work += end - begin
                if work > most:
                    return -1
                for position in range(begin, min(end, begin + 64), LINE // 4):
                    prefetch(sketch.sources, position)
                scratch.found[count] = item
                count += 1
    return count


@kernel
def _score_anew(row, count, rows, sketch, scratch, chosen):
    """Sum up exactly for the items that were noted, and choose among them."""
    marks, weights, hits = scratch.marks, scratch.weights, scratch.hits
    for entry in range(rows.indptr[row], rows.indptr[row + 1]):
        marks[rows.items[entry]] = 1
        weights[rows.items[entry]] = 1.0 if len(rows.weights) == 0 else rows.weights[entry]
    scores, items = chosen.scores[row], chosen.items[row]
    size = 0
    for place in range(count):
        item = scratch.found[place]
        # Which sources the row has is nothing that a processor can foresee: no branch depends on it.
        n_hits = np.uint64(0)
        for position in range(np.uint64(sketch.indptr[item]), np.uint64(sketch.indptr[item + 1])):
            hits[n_hits] = position
            n_hits += np.uint64(marks[np.uint64(sketch.sources[position])])
        score = 0.0
        for hit in range(n_hits):
            score += weights[sketch.sources[hits[hit]]] * sketch.values[hits[hit]]
        size = offer(score, item, scores, items, size)
    for entry in range(rows.indptr[row], rows.indptr[row + 1]):
        marks[rows.items[entry]] = 0
    sort_chosen(scores, items, size)
