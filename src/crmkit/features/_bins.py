"""Cutting a column into scores: as many customers in each as equal values allow."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

# With more distinct values than this, cuts are sought among as many evenly spread places. It bounds the search to a
# square of that side, some milliseconds, and moves a cut by a few tenths of a percent of the customers at most.
_PLACES = 300


def cut_points(levels: NDArray[np.float64], counts: NDArray[np.int64], n_bins: int) -> NDArray[np.float64]:
    """The values, ascending, at and below which a bin ends; the last bin has no end.

    Parameters
    ----------
    levels : ndarray of shape (n_levels,)
        The distinct values, ascending; at least one.
    counts : ndarray of shape (n_levels,)
        How many rows have each.
    n_bins : int

    Returns
    -------
    ndarray
        ``n_bins - 1`` of the levels, such that the sum of the squared sizes of the bins is smallest:
        quantiles, but a value that is too common for one bin leaves the others to be shared evenly.
        With ``n_bins`` levels or fewer, all but the last. With one level that level and the number
        before it, which put it in the middle.

    Examples
    --------
    >>> cut_points(np.arange(1.0, 11), np.ones(10, dtype=np.int64), 5)
    array([2., 4., 6., 8.])
    >>> cut_points(np.arange(1.0, 8), np.array([80, 8, 4, 3, 2, 2, 1]), 5)
    array([1., 2., 3., 4.])
    """
    if len(levels) == 1:
        return np.array([np.nextafter(levels[0], -np.inf), levels[0]])
    if len(levels) <= n_bins:
        return levels[:-1].copy()
    ends = np.cumsum(counts)
    places = _places(ends, n_bins)
    at_or_below = np.concatenate([[0], ends[places], ends[-1:]]).astype(np.float64)
    # size[i, j]: the squared size of a bin that goes from place i to place j. Squares of up to ninety million rows are
    # exact in a float.
    size = (at_or_below[None, :] - at_or_below[:, None]) ** 2
    size[np.tril_indices(len(size))] = np.inf
    best = size[0]
    steps = []
    for _ in range(n_bins - 1):
        total = best[:, None] + size
        before = total.argmin(axis=0)
        best = np.take_along_axis(total, before[None, :], axis=0)[0]
        steps.append(before)
    cut = len(size) - 1
    cuts = []
    for before in reversed(steps):
        cut = int(before[cut])
        cuts.append(cut - 1)
    return levels[places[cuts[::-1]]]


def _places(ends: NDArray[np.int64], n_bins: int) -> NDArray[np.int64]:
    """The levels after which a cut may come."""
    last = len(ends) - 2
    if last < 3 * _PLACES:
        return np.arange(last + 1)
    # Evenly by rows, on both sides of a level that many rows have, and evenly by levels, in case one level has nearly
    # all rows. A multiple of n_bins, so that the quantiles themselves are among them.
    steps = n_bins * (_PLACES // n_bins)
    above = np.searchsorted(ends, ends[-1] * np.arange(1, steps) // steps)
    by_level = np.linspace(0, last, _PLACES).astype(np.int64)
    return np.unique(np.clip(np.concatenate([above, above - 1, by_level]), 0, last))


def spread(steps: NDArray[np.int64], of: int, to: int) -> NDArray[np.int64]:
    """Spread the steps 0, …, `of` evenly over 1, …, `to`; halves go down.

    Examples
    --------
    >>> spread(np.arange(3), 2, 5)
    array([1, 3, 5])
    >>> spread(np.arange(4), 3, 5)
    array([1, 2, 4, 5])
    """
    return 1 + (2 * steps * (to - 1) + of - 1) // (2 * of)


def bin_scores(n_cut_points: int, n_bins: int, *, low_is_best: bool) -> NDArray[np.int64]:
    """The score of each bin, in the order of the values.

    With fewer bins than scores, the scores are spread evenly from 1 to `n_bins`.
    """
    scores = spread(np.arange(n_cut_points + 1), n_cut_points, n_bins)
    return scores[::-1] if low_is_best else scores
