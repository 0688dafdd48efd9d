"""Kernels that score items for customers and choose the best n that may be recommended.

An item-KNN score is a sum over the items of a row. The order of its terms is part of the result:
items ascending, so that an explanation adds up to the score bit for bit.

While a row is scored, items go by their *place*: the most popular item has place 0. What most rows
touch then lies close together, in the fastest cache.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from crmkit._numba import kernel
from crmkit._numba._lines import largest_of_64, prefetch
from crmkit.recommend._serving_chosen_kernels import is_legal, offer, sort_chosen, strike_out
from crmkit.recommend._serving_sketch_kernels import choose_by_sketch

__all__ = ["Chosen", "Lists", "Rows", "Rules", "add_scores", "choose_from_lists", "choose_from_scores"]

# A row that touches fewer than one place in so many is not worth a look at all places.
FEW = 32

# What it takes to score an entry of the chosen anew, in additions that a sketch makes cheaper.
DEAR = 3.0

# Lists ahead that the processor is asked for, and bytes that come at once.
AHEAD = 4
LINE = 64


class Rows(NamedTuple):
    """Customers' items, ascending in each row. Empty weights are ones."""

    indptr: NDArray[np.int64]
    items: NDArray[np.int32]
    weights: NDArray[np.float64]


class Lists(NamedTuple):
    """For each item what it says of others: their places and the values."""

    indptr: NDArray[np.int64]
    places: NDArray[np.int32]
    values: NDArray[np.float64]


class Rules(NamedTuple):
    """What may be chosen. Empty arrays are rules that are not there.

    ``legal`` has an entry per item, not zero where it may be chosen by anybody. ``banned`` and
    ``candidates`` are CSR rows: what the row must not, and what alone it may be given. ``order``
    holds the items in the order in which they fill lists that are too short.
    """

    exclude_seen: bool
    legal: NDArray[np.uint8]
    banned_indptr: NDArray[np.int64]
    banned: NDArray[np.int32]
    candidates_indptr: NDArray[np.int64]
    candidates: NDArray[np.int32]
    order: NDArray[np.int32]


class Chosen(NamedTuple):
    """What was chosen for each row, best first, each of shape (n_rows, n)."""

    items: NDArray[np.int32]
    scores: NDArray[np.float64]
    is_fallback: NDArray[np.bool_]


@kernel
def choose_from_lists(start, stop, rows, lists, sketch, place_of, item_at, rules, sums, marks, scratch, chosen):
    """Fill the rows of `chosen` with the legal items of the largest scores.

    Parameters
    ----------
    start, stop : int
        Range of rows.
    rows : Rows
    lists : Lists
    sketch : Sketch
    place_of, item_at : ndarray of int32, shape (n_items,)
        The place of each item, and the item at each place.
    rules : Rules
    sums, marks : ndarray of float64 and of uint8, shape (n_items,), rounded up to a multiple of 64
        Zeros; they belong to this range alone, and are zeros again at the end.
    scratch : SketchScratch
        It belongs to this range alone.
    chosen : Chosen
        Filled with -1, NaN and False. A score is larger than 0, except those of the fallback; ties
        are broken by the lower item.
    """
    for row in range(start, stop):
        work = _count_entries(row, rows, lists)
        if len(rules.candidates_indptr) > 0:
            _add_lists(row, rows, lists, sums)
            strike_out(row, rows, rules, place_of, sums)
            size = _choose_candidates(row, rules, place_of, sums, chosen)
            _sort_and_fill(row, size, rows, rules, place_of, sums, marks, chosen)
            sums[:] = 0.0
        elif FEW * work <= len(sums):
            _choose_for_few(row, rows, lists, place_of, item_at, rules, sums, marks, chosen)
        elif (
            work < DEAR * sketch.usual * chosen.items.shape[1]
            or len(sketch.entries) == 0
            or not choose_by_sketch(row, work, rows, lists, sketch, place_of, item_at, rules, scratch, chosen)
        ):
            _add_lists(row, rows, lists, sums)
            strike_out(row, rows, rules, place_of, sums)
            size = _choose_anywhere(row, rules, item_at, sums, chosen)
            _sort_and_fill(row, size, rows, rules, place_of, sums, marks, chosen)
            sums[:] = 0.0


@kernel
def _choose_for_few(row, rows, lists, place_of, item_at, rules, sums, marks, chosen):
    """Choose for a row that touches few places, without a look at the others."""
    _add_lists(row, rows, lists, sums)
    strike_out(row, rows, rules, place_of, sums)
    size = _choose_in_lists(row, rows, lists, rules, item_at, sums, chosen)
    if size < chosen.items.shape[1] and len(rules.order) > 0:
        _add_lists(row, rows, lists, sums)
        _sort_and_fill(row, size, rows, rules, place_of, sums, marks, chosen)
        _clear_lists(row, rows, lists, sums)
    else:
        sort_chosen(chosen.scores[row], chosen.items[row], size)


@kernel
def choose_from_scores(start, stop, scores, rows, places, rules, sums, marks, chosen):
    """Fill the rows of `chosen` from scores, of shape (n_rows, n_items), in the same way.

    `places` holds 0, 1, 2, ...: here an item's place is its number.
    """
    for row in range(start, stop):
        sums[: scores.shape[1]] = scores[row]
        strike_out(row, rows, rules, places, sums)
        if len(rules.candidates_indptr) > 0:
            size = _choose_candidates(row, rules, places, sums, chosen)
        else:
            size = _choose_anywhere(row, rules, places, sums, chosen)
        _sort_and_fill(row, size, rows, rules, places, sums, marks, chosen)
    sums[:] = 0.0


@kernel
def add_scores(start, stop, rows, lists, place_of, sums, out):
    """Fill the rows of `out`, of shape (n_rows, n_items), with the scores of all items."""
    for row in range(start, stop):
        _add_lists(row, rows, lists, sums)
        for item in range(len(place_of)):
            out[row, item] = sums[place_of[item]]
        sums[:] = 0.0


@kernel
def _add_lists(row, rows, lists, sums):
    last = len(rows.items)
    for entry in range(rows.indptr[row], rows.indptr[row + 1]):
        if entry + AHEAD < last:
            _ask_for(rows.items[entry + AHEAD], lists)
        item = rows.items[entry]
        begin, end = np.uint64(lists.indptr[item]), np.uint64(lists.indptr[item + 1])
        if len(rows.weights) == 0:
            for position in range(begin, end):
                sums[np.uint64(lists.places[position])] += lists.values[position]
        else:
            weight = rows.weights[entry]
            for position in range(begin, end):
                sums[np.uint64(lists.places[position])] += weight * lists.values[position]


@kernel
def _ask_for(item, lists):
    for position in range(lists.indptr[item], lists.indptr[item + 1], LINE // 8):
        prefetch(lists.places, position)
        prefetch(lists.values, position)


@kernel
def _clear_lists(row, rows, lists, sums):
    for entry in range(rows.indptr[row], rows.indptr[row + 1]):
        item = rows.items[entry]
        for position in range(lists.indptr[item], lists.indptr[item + 1]):
            sums[lists.places[position]] = 0.0


@kernel
def _count_entries(row, rows, lists):
    count = 0
    for entry in range(rows.indptr[row], rows.indptr[row + 1]):
        item = rows.items[entry]
        count += lists.indptr[item + 1] - lists.indptr[item]
    return count


@kernel
def _choose_anywhere(row, rules, item_at, sums, chosen):
    """Choose among all places; return how many were chosen.

    Positive floats are ordered as their bits are, and largest integers are quickly found.
    """
    scores, items = chosen.scores[row], chosen.items[row]
    bits = sums.view(np.int64)
    size = 0
    for line in range(0, len(sums), 64):
        bar = _bar(scores, size)
        if largest_of_64(bits, line) >= bar:
            for place in range(line, line + 64):
                if bits[place] >= bar and sums[place] > 0.0 and is_legal(item_at[place], rules):
                    size = offer(sums[place], item_at[place], scores, items, size)
    return size


@kernel
def _choose_in_lists(row, rows, lists, rules, item_at, sums, chosen):
    """Choose among what the row's lists touched, and set all of it to zero."""
    scores, items = chosen.scores[row], chosen.items[row]
    size = 0
    lowest = 0.0
    for entry in range(rows.indptr[row], rows.indptr[row + 1]):
        item = rows.items[entry]
        for position in range(lists.indptr[item], lists.indptr[item + 1]):
            place = lists.places[position]
            score = sums[place]
            if score > 0.0 and score >= lowest and is_legal(item_at[place], rules):
                size = offer(score, item_at[place], scores, items, size)
                if size == len(scores):
                    lowest = scores[0]
            sums[place] = 0.0
    return size


@kernel
def _choose_candidates(row, rules, place_of, sums, chosen):
    scores, items = chosen.scores[row], chosen.items[row]
    size = 0
    for entry in range(rules.candidates_indptr[row], rules.candidates_indptr[row + 1]):
        item = rules.candidates[entry]
        score = sums[place_of[item]]
        if score > 0.0 and is_legal(item, rules):
            size = offer(score, item, scores, items, size)
    return size


@kernel
def _bar(scores, size):
    """The bits of the lowest score that may still be chosen."""
    return scores.view(np.int64)[0] if size == len(scores) else np.int64(1)


@kernel
def _sort_and_fill(row, size, rows, rules, place_of, sums, marks, chosen):
    """Order what was chosen, and add from the fallback's order what is legal and has no positive sum."""
    scores, items = chosen.scores[row], chosen.items[row]
    sort_chosen(scores, items, size)
    if size == len(scores) or len(rules.order) == 0:
        return
    wanted = np.uint8(len(rules.candidates_indptr) > 0)
    _mark(row, rows, rules, marks, wanted, np.uint8(2))
    for item in rules.order:
        if marks[item] == wanted and is_legal(item, rules):
            score = sums[place_of[item]]
            if not score > 0.0:
                scores[size], items[size] = score, item
                chosen.is_fallback[row, size] = True
                size += 1
                if size == len(scores):
                    break
    _mark(row, rows, rules, marks, np.uint8(0), np.uint8(0))


@kernel
def _mark(row, rows, rules, marks, candidate, banned):
    if len(rules.candidates_indptr) > 0:
        for entry in range(rules.candidates_indptr[row], rules.candidates_indptr[row + 1]):
            marks[rules.candidates[entry]] = candidate
    if rules.exclude_seen:
        for entry in range(rows.indptr[row], rows.indptr[row + 1]):
            marks[rows.items[entry]] = banned
    if len(rules.banned_indptr) > 0:
        for entry in range(rules.banned_indptr[row], rules.banned_indptr[row + 1]):
            marks[rules.banned[entry]] = banned
