"""From what items say of each other, or from scores, to lists of recommendations."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix

from crmkit._numba import n_threads, read_only, run_in_ranges
from crmkit.recommend._serving_kernels import (
    Chosen,
    Lists,
    Rows,
    Rules,
    add_scores,
    choose_from_lists,
    choose_from_scores,
)
from crmkit.recommend._serving_sketch_kernels import LARGEST, MOST_ITEMS, Sketch, SketchScratch

__all__ = ["Chosen", "ItemLists", "choose_by_lists", "choose_by_scores", "score_by_lists"]

# Rows that a thread takes at a time, at least and at most.
_FEWEST, _MOST = 16, 256


@dataclass(frozen=True)
class ItemLists:
    """A similarity, laid out for scoring: for each item the others that it speaks for.

    Build it with `from_csr`. It is never written to, so threads may share it.

    Attributes
    ----------
    lists : Lists
        Rows are items; the items that they speak for go by their places.
    sketch : Sketch
        The same in half the bytes, and by target.
    place_of, item_at : ndarray of int32, shape (n_items,)
        The place of each item and the item at each place; the most popular item has place 0.
    """

    lists: Lists
    sketch: Sketch
    place_of: NDArray[np.int32]
    item_at: NDArray[np.int32]

    @classmethod
    def from_csr(
        cls, by_source: csr_matrix, popularity: NDArray[Any], by_target: csr_matrix | None = None
    ) -> ItemLists:
        """Lay out a similarity.

        Parameters
        ----------
        by_source : scipy.sparse.csr_matrix, shape (n_items, n_items)
            Row = the item that a customer has, columns = the items that it speaks for.
        popularity : ndarray, shape (n_items,)
            How many customers have each item; it decides about speed only.
        by_target : scipy.sparse.csr_matrix, default=None
            The transpose, if it is there already; its arrays are then shared. Indices ascending.
        """
        item_at = np.argsort(-np.asarray(popularity), kind="stable").astype(np.int32)
        place_of = np.empty_like(item_at)
        place_of[item_at] = np.arange(len(item_at), dtype=np.int32)
        values = by_source.data.astype(np.float64)
        lists = Lists(by_source.indptr.astype(np.int64), place_of[by_source.indices], values)
        return cls(lists, _sketch(lists, by_source, by_target), place_of, item_at)

    def arrays(self) -> tuple[Lists, Sketch, NDArray[np.int32], NDArray[np.int32]]:
        """Return the arrays as kernels are compiled for: a pickle forgets that they cannot be written."""
        lists = Lists(
            read_only(self.lists.indptr, np.int64),
            read_only(self.lists.places, np.int32),
            read_only(self.lists.values, np.float64),
        )
        sketch = Sketch(
            read_only(self.sketch.entries, np.int32),
            read_only(self.sketch.sharpest, np.int32),
            float(self.sketch.unit),
            float(self.sketch.usual),
            read_only(self.sketch.indptr, np.int64),
            read_only(self.sketch.sources, np.int32),
            read_only(self.sketch.values, np.float64),
        )
        return lists, sketch, read_only(self.place_of, np.int32), read_only(self.item_at, np.int32)


def _sketch(lists: Lists, by_source: csr_matrix, by_target: csr_matrix | None) -> Sketch:
    n_items = by_source.shape[0]
    size = np.abs(lists.values).max(initial=0.0)
    if n_items > MOST_ITEMS or not 0.0 < size < np.inf:
        none: Any = np.empty(0)
        return Sketch(none, none, 1.0, 0.0, none, none, none)
    unit = size / LARGEST
    # Columns of the one are rows of the other, and ascending.
    other: Any = by_source.tocsc() if by_target is None else by_target
    rounded = np.rint(lists.values / unit).astype(np.int32)
    sharpest = np.zeros(n_items, dtype=np.int32)
    filled = np.flatnonzero(np.diff(lists.indptr))
    sharpest[filled] = np.maximum.reduceat(np.abs(rounded), lists.indptr[filled])
    entries = lists.places + (rounded << 16)
    lengths = np.diff(other.indptr).astype(np.float64)
    usual = float(lengths @ lengths / lengths.sum())
    return Sketch(entries, sharpest, float(unit), usual, other.indptr, other.indices, other.data)


def choose_by_lists(
    similarity: ItemLists,
    histories: csr_matrix,
    n: int,
    *,
    exclude_seen: bool,
    order: NDArray[Any] | None = None,
    legal: NDArray[np.bool_] | None = None,
    banned: csr_matrix | None = None,
    candidates: csr_matrix | None = None,
    threads: int | None = None,
) -> Chosen:
    """Return the n best legal items of every row by the sums of its items' lists.

    The score of an item is the sum of weight × similarity over the row's items, in ascending order
    of items, in float64.

    Parameters
    ----------
    similarity : ItemLists
    histories : scipy.sparse.csr_matrix, shape (n_rows, n_items)
        Canonical. Data of one byte are taken to be ones.
    n : int
        Length of the lists.
    exclude_seen : bool
        Whether a row's own items are left out.
    order : ndarray of int, default=None
        Items in the order in which they fill lists with fewer than n positive scores; None leaves
        the places empty.
    legal : ndarray of bool, shape (n_items,), default=None
        What may be recommended at all; None is everything.
    banned, candidates : scipy.sparse.csr_matrix, shape (n_rows, n_items), default=None
        What a row must not, and what alone it may be given. Only where entries are stored matters.
    threads : int, default=None

    Returns
    -------
    Chosen
        ``items`` int32, -1 where there is none; ``scores`` float64, NaN where there is none;
        ``is_fallback`` bool; each of shape (n_rows, n), best first. Scores are larger than 0 except
        those of the fallback; ties are broken by the lower item.
    """
    rows, rules = _rows(histories), _rules(exclude_seen, order, legal, banned, candidates)
    chosen, n_items = _nothing_chosen(len(rows.indptr) - 1, n), len(similarity.item_at)
    arrays = similarity.arrays()

    def choose(start: int, stop: int, scratch: _Scratch) -> None:
        choose_from_lists(start, stop, rows, *arrays, rules, scratch.sums, scratch.marks, scratch.sketch, chosen)

    if n > 0:
        _run(choose, len(chosen.items), n_items, threads)
    return chosen


def choose_by_scores(
    scores: NDArray[np.float64],
    histories: csr_matrix,
    n: int,
    *,
    exclude_seen: bool,
    order: NDArray[Any] | None = None,
    legal: NDArray[np.bool_] | None = None,
    banned: csr_matrix | None = None,
    candidates: csr_matrix | None = None,
    threads: int | None = None,
) -> Chosen:
    """Return the n best legal items of every row of scores, of shape (n_rows, n_items).

    Everything else is as in `choose_by_lists`.
    """
    rows, rules = _rows(histories), _rules(exclude_seen, order, legal, banned, candidates)
    chosen, n_items = _nothing_chosen(len(rows.indptr) - 1, n), scores.shape[1]
    scores, places = read_only(scores, np.float64), read_only(np.arange(n_items), np.int32)

    def choose(start: int, stop: int, scratch: _Scratch) -> None:
        choose_from_scores(start, stop, scores, rows, places, rules, scratch.sums, scratch.marks, chosen)

    if n > 0:
        _run(choose, len(chosen.items), n_items, threads)
    return chosen


def score_by_lists(similarity: ItemLists, histories: csr_matrix, *, threads: int | None = None) -> NDArray[np.float64]:
    """Return the scores of all items for every row, shape (n_rows, n_items), as `choose_by_lists` sums them."""
    rows, n_items = _rows(histories), len(similarity.item_at)
    out = np.empty((len(rows.indptr) - 1, n_items))
    lists, _, place_of, _ = similarity.arrays()

    def add(start: int, stop: int, scratch: _Scratch) -> None:
        add_scores(start, stop, rows, lists, place_of, scratch.sums, out)

    _run(add, len(out), n_items, threads)
    return out


class _Scratch:
    """What one thread works with."""

    def __init__(self, n_items: int) -> None:
        size = -(-n_items // 64) * 64
        self.sums, self.marks = np.zeros(size), np.zeros(size, dtype=np.uint8)
        if n_items > MOST_ITEMS:
            size = 0
        self.sketch = SketchScratch(
            np.zeros(size, dtype=np.int32),
            np.empty(size // 64, dtype=np.int32),
            np.empty(size, dtype=np.int32),
            np.zeros(size, dtype=np.uint8),
            np.empty(size),
            np.empty(size + 1, dtype=np.uint64),
        )


def _run(function: Callable[[int, int, _Scratch], None], n: int, n_items: int, threads: int | None) -> None:
    """Deal chunks of rows to threads as they ask for them: customers with long histories may stand together."""
    chunks = itertools.count()  # next() of it cannot be interrupted
    workers = n_threads() if threads is None else threads
    size = min(max(n // (8 * workers), _FEWEST), _MOST)

    def work(_start: int, _stop: int) -> None:
        scratch = _Scratch(n_items)
        while (begin := next(chunks) * size) < n:
            function(begin, min(begin + size, n), scratch)

    run_in_ranges(work, min(workers, -(-n // size)), threads=workers, minimum=1)


def _rows(matrix: csr_matrix) -> Rows:
    weights = np.empty(0) if matrix.data.dtype.itemsize == 1 else matrix.data
    return Rows(read_only(matrix.indptr, np.int64), read_only(matrix.indices, np.int32), read_only(weights, np.float64))


def _rules(
    exclude_seen: bool,
    order: NDArray[Any] | None,
    legal: NDArray[np.bool_] | None,
    banned: csr_matrix | None,
    candidates: csr_matrix | None,
) -> Rules:
    none = np.empty(0)
    return Rules(
        bool(exclude_seen),
        read_only(none if legal is None else legal, np.uint8),
        read_only(none if banned is None else banned.indptr, np.int64),
        read_only(none if banned is None else banned.indices, np.int32),
        read_only(none if candidates is None else candidates.indptr, np.int64),
        read_only(none if candidates is None else candidates.indices, np.int32),
        read_only(none if order is None else order, np.int32),
    )


def _nothing_chosen(n_rows: int, n: int) -> Chosen:
    return Chosen(
        np.full((n_rows, n), -1, dtype=np.int32), np.full((n_rows, n), np.nan), np.zeros((n_rows, n), dtype=np.bool_)
    )
