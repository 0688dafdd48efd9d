"""A row's list while it is being chosen: a heap of the best so far, with the worst of them first."""

from __future__ import annotations

import numpy as np

from crmkit._numba import kernel

__all__ = ["is_legal", "offer", "sort_chosen", "strike_out"]


@kernel
def is_legal(item, rules):
    """Whether anybody may be given the item."""
    return len(rules.legal) == 0 or rules.legal[item] != 0


@kernel
def strike_out(row, rows, rules, place_of, sums):
    """Set the sums of what the row must not be given to 0, which is never chosen."""
    if rules.exclude_seen:
        for entry in range(rows.indptr[row], rows.indptr[row + 1]):
            sums[place_of[rows.items[entry]]] = 0
    if len(rules.banned_indptr) > 0:
        for entry in range(rules.banned_indptr[row], rules.banned_indptr[row + 1]):
            sums[place_of[rules.banned[entry]]] = 0


@kernel
def offer(score, item, scores, items, size):
    """Put an item among the chosen if it belongs there; return how many they are now."""
    if size < len(scores):
        place = size
        while place > 0:
            above = (place - 1) // 2
            if not _is_worse(score, item, scores[above], items[above]):
                break
            scores[place], items[place] = scores[above], items[above]
            place = above
        scores[place], items[place] = score, item
        return size + 1
    if _is_worse(scores[0], items[0], score, item):
        _sink(score, item, scores, items, size)
    return size


@kernel
def sort_chosen(scores, items, size):
    """Turn the heap into a list with the best first."""
    for last in range(size - 1, 0, -1):
        score, item = scores[last], items[last]
        scores[last], items[last] = scores[0], items[0]
        _sink(score, item, scores, items, last)


@kernel
def _is_worse(score, item, other_score, other_item):
    return score < other_score or (score == other_score and item > other_item)


@kernel
def _sink(score, item, scores, items, size):
    """Replace the first of a heap."""
    place = np.int64(0)
    while True:
        below = 2 * place + 1
        if below >= size:
            break
        if below + 1 < size and _is_worse(scores[below + 1], items[below + 1], scores[below], items[below]):
            below += 1
        if not _is_worse(scores[below], items[below], score, item):
            break
        scores[place], items[place] = scores[below], items[below]
        place = below
    scores[place], items[place] = score, item
