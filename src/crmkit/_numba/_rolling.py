"""Statistics of sliding windows, over series of any lengths and over tables: which kernel runs on what."""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Callable, Iterator
from typing import Any, Final, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from crmkit._numba._arrays import read_only
from crmkit._numba._median_kernels import median_series
from crmkit._numba._threads import run_in_ranges
from crmkit._numba._window_kernels import MAX, MEAN, MIN, STD, SUM, smooth_series

__all__ = ["STATISTICS", "Statistic", "median_network", "rolling", "rolling_table"]

Statistic = Literal["mean", "sum", "median", "min", "max", "std"]

STATISTICS: Final = ("mean", "sum", "median", "min", "max", "std")

_CODES: Final = {"mean": MEAN, "sum": SUM, "min": MIN, "max": MAX, "std": STD}

#: Values that are worth a further thread: about a tenth of a millisecond of the quickest statistic.
_WORTH_A_THREAD: Final = 100_000

#: Rows, and values, of a block of a table that lies by columns or is not of float64.
_BLOCK_ROWS: Final = 64
_BLOCK: Final = 1_000_000

#: Longer windows are no quicker by a network than by walking through ranks.
_LONGEST_NETWORK: Final = 21

#: What brings numbers whose squares and sums are beyond a float64 back into its range.
_SMALL: Final = 2.0**-600


def rolling(
    values: NDArray[Any],
    pointers: NDArray[np.int64],
    window: int,
    min_periods: int | None,
    statistic: Statistic,
    out: NDArray[Any],
    *,
    shift: int = 0,
    halves: bool = False,
    threads: int | None = None,
) -> NDArray[Any]:
    """Fill `out` with a statistic of the windows of many series, one after the other in one vector.

    Parameters
    ----------
    values : ndarray of float32 or float64, shape (n,)
        NaN is a missing value, which windows leave out. Nothing infinite.
    pointers : ndarray of int64, shape (n_series + 1,)
        Series s is ``values[pointers[s]:pointers[s + 1]]``.
    window : int
        Number of values of a window, at least 1; it may be longer than a series.
    min_periods : int or None
        Windows that hold fewer values give NaN; `window` if None. A standard deviation needs two
        values in any case, and with 0 the sum of nothing is 0.
    statistic : {"mean", "sum", "median", "min", "max", "std"}
        Of "std" the divisor is n - 1.
    out : ndarray of the type of `values`, shape (n,), contiguous
        It is filled.
    shift : int, default=0
        How many places before its result a window ends: 1 for windows that do not hold the value
        itself, ``-(window // 2)`` for centred ones.
    halves : bool, default=False
        Windows have one value more, and the first and the last count half. For sums and means.
    threads : int, default=None
        Largest number of threads; all if None.

    Returns
    -------
    ndarray
        `out`.

    Examples
    --------
    >>> import numpy as np
    >>> values = np.array([1.0, 2.0, 6.0, 10.0, 20.0])
    >>> rolling(values, np.array([0, 3, 5]), 2, None, "mean", np.empty(5))
    array([ nan,  1.5,  4. ,  nan, 15. ])
    >>> rolling(values, np.array([0, 3, 5]), 2, 1, "max", np.empty(5), shift=1)
    array([nan,  1.,  2., nan, 10.])
    """
    values, done = _writable(values), out if out.dtype == np.float64 else np.empty(len(out))
    smooth = _smoother(_rule(window, min_periods, statistic, shift, halves))
    n_series = len(pointers) - 1
    minimum = 1 + _WORTH_A_THREAD * n_series // max(len(values), 1)
    run_in_ranges(smooth, n_series, values, read_only(pointers, np.int64), done, threads=threads, minimum=minimum)
    if done is not out:
        out[:] = done
    return out


def rolling_table(
    values: NDArray[Any],
    window: int,
    min_periods: int | None,
    statistic: Statistic,
    *,
    shift: int = 0,
    halves: bool = False,
    threads: int | None = None,
) -> tuple[NDArray[Any], bool]:
    """Give a statistic of the windows of each row, in a table that lies in memory as `values` does.

    Parameters
    ----------
    values : ndarray of float32 or float64, shape (n_series, n_times)
    window, min_periods, statistic, shift, halves, threads
        As of `rolling`.

    Returns
    -------
    ndarray of shape (n_series, n_times)
    bool
        Whether there may be infinite values, and should be none.

    Examples
    --------
    >>> import numpy as np
    >>> rolling_table(np.array([[1.0, 2.0, 6.0]]), 2, None, "sum")
    (array([[nan,  3.,  8.]]), False)
    """
    n_series, n_times = values.shape
    smooth = _smoother(_rule(window, min_periods, statistic, shift, halves))
    out = np.empty_like(values, subok=False)
    plain = values.dtype == np.float64 and values.flags.c_contiguous and values.flags.writeable
    rows = n_series if plain else max(1, min(n_series, _BLOCK_ROWS, _BLOCK // n_times))
    pointers = read_only(np.arange(rows + 1, dtype=np.int64) * n_times)

    if plain and _WORTH_A_THREAD + 4 * window < n_times and shift <= 0:
        parts = [_run_long(smooth, row, window, -shift, threads, done) for row, done in zip(values, out, strict=True)]
        return out, any(parts)

    def run(start: int, stop: int) -> int:
        if plain:
            return smooth(start, stop, values.reshape(-1), pointers, out.reshape(-1))
        # A block at a time becomes rows of float64, and the results what they are to be.
        block, done = np.empty((2, rows, n_times))
        huge = 0
        for first in range(start, stop, rows):
            count = min(rows, stop - first)
            block[:count] = values[first : first + count]
            huge += smooth(0, count, block.reshape(-1), pointers, done.reshape(-1))
            out[first : first + count] = done[:count]
        return huge

    minimum = 1 + _WORTH_A_THREAD // n_times
    return out, sum(run_in_ranges(run, n_series, threads=threads, minimum=minimum)) > 0


def _run_long(
    smooth: Callable[..., int], row: NDArray[Any], window: int, ahead: int, threads: int | None, out: NDArray[Any]
) -> bool:
    """Smooth one long series in stretches, on threads: where they meet, a stretch reads what its windows hold.

    Stretches begin at multiples of the window, as the blocks of the kernels do, so that no bit depends on them.
    """
    n_blocks = len(row) // window

    def run(start: int, stop: int) -> int:
        first, last = start * window, len(row) if stop == n_blocks else stop * window
        left, right = max(first - window, 0), min(last + ahead, len(row))
        done = out if right - left == len(row) else np.empty(right - left)
        huge = smooth(0, 1, row[left:right], read_only(np.array([0, right - left])), done)
        if done is not out:
            out[first:last] = done[first - left : last - left]
        return huge

    minimum = 1 + _WORTH_A_THREAD // window
    return sum(run_in_ranges(run, n_blocks, threads=threads, minimum=minimum)) > 0


class _Rule(NamedTuple):
    """What is made of windows, as the kernels take it."""

    statistic: Statistic
    window: int
    ahead: int
    halves: bool
    least: int


def _rule(window: int, min_periods: int | None, statistic: Statistic, shift: int, halves: bool) -> _Rule:
    least = window if min_periods is None else min_periods
    return _Rule(statistic, window, -shift, halves, least if statistic in {"sum", "mean"} else max(least, 1))


def _smoother(rule: _Rule) -> Callable[..., int]:
    """What smooths a range of series, by the kernels, and returns how many of their values are huge."""
    statistic, window, ahead, halves, least = rule

    def smooth(start: int, stop: int, values: NDArray[Any], pointers: NDArray[np.int64], out: NDArray[Any]) -> int:
        if statistic == "median":
            return median_series(start, stop, values, pointers, window, ahead, least, median_network(window), out)
        code = _CODES[statistic]
        huge = smooth_series(start, stop, values, pointers, window, ahead, halves, least, code, out)
        if huge and statistic in {"mean", "std"}:
            # A mean is a float64 where the sum is not, and so is a deviation where the squares are not.
            span = slice(pointers[start], pointers[stop])
            again = np.empty(span.stop - span.start)
            places = read_only(pointers[start : stop + 1] - span.start)
            smooth_series(0, stop - start, values[span] * _SMALL, places, window, ahead, halves, least, code, again)
            lost = ~np.isfinite(out[span])
            out[span][lost] = again[lost] / _SMALL
        return huge

    return smooth


def _writable(values: NDArray[Any]) -> NDArray[np.float64]:
    """The values as a writable array of float64, as the kernels are compiled for; they do not write to it."""
    if values.dtype == np.float64 and values.flags.c_contiguous:
        view = values.view()
        with contextlib.suppress(ValueError):  # where the memory itself may not be written
            view.flags.writeable = True
            return view
    return np.array(values, dtype=np.float64)


@functools.lru_cache
def median_network(window: int) -> NDArray[np.int64]:
    """Return a network that brings the medians of `window` values to their places.

    It is Batcher's network for sorting ("merge exchange": D. E. Knuth, The Art of Computer Programming,
    volume 3, algorithm 5.2.2M) without the steps that no median depends on.

    Parameters
    ----------
    window : int

    Returns
    -------
    ndarray of int64, shape (n_steps, 3), read-only
        Two places of each step, and whether it keeps the smaller number in the first (1), the larger in
        the second (2), or both (3). Empty for windows that are too long to gain by it.

    Examples
    --------
    >>> median_network(3)
    array([[0, 2, 3],
           [0, 1, 2],
           [1, 2, 1]])
    """
    steps = list(_merge_exchange(window)) if window <= _LONGEST_NETWORK else []
    needed = {(window - 1) // 2, window // 2}
    kept: list[tuple[int, int, int]] = []
    for low, high in reversed(steps):
        what = (low in needed) + 2 * (high in needed)
        if what:
            kept.append((low, high, what))
            needed |= {low, high}
    return read_only(np.array(kept[::-1], dtype=np.int64).reshape(-1, 3))


def _merge_exchange(n: int) -> Iterator[tuple[int, int]]:
    top = 1 << max((n - 1).bit_length() - 1, 0)
    part = top if n > 1 else 0
    while part:
        step, rest, apart = top, 0, part
        while True:
            yield from ((i, i + apart) for i in range(n - apart) if i & part == rest)
            if step == part:
                break
            apart, step, rest = step - part, step // 2, part
        part //= 2
