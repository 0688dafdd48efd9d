"""Kernels over row ranges on several threads.

The kernels are serial and release the GIL, so Python threads run them side by side. Numba's own
parallel loops are not used: they kill forked children, and their sums change with the number of
threads.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numba

__all__ = ["n_threads", "run_in_ranges"]


def n_threads() -> int:
    """Return the number of threads that work should use here.

    It is Numba's number: all cores, or what ``NUMBA_NUM_THREADS`` says, which joblib also sets in
    its worker processes. Asking launches no threads.

    Examples
    --------
    >>> n_threads() >= 1
    True
    """
    return int(numba.config.NUMBA_NUM_THREADS)


def run_in_ranges(
    function: Callable[..., Any],
    n: int,
    *args: Any,
    threads: int | None = None,
    minimum: int = 20_000,
) -> list[Any]:
    """Call ``function(start, stop, *args)`` for ranges that cover ``[0, n)``, on threads.

    Parameters
    ----------
    function : callable
        Usually a kernel. It must treat each row on its own, so that the result does not depend on
        where the ranges end.
    n : int
        Number of rows. With no rows the function is called once, for the range ``[0, 0)``.
    *args : object
        Passed on to each call.
    threads : int, default=None
        Largest number of ranges; `n_threads` if None.
    minimum : int, default=20_000
        Fewest rows for which a further thread is worth its start (some 0.1 ms).

    Returns
    -------
    list
        The results in the order of the ranges. The first error of a call is raised, once all
        calls have ended.

    Examples
    --------
    >>> run_in_ranges(lambda start, stop: (start, stop), 10, threads=3, minimum=1)
    [(0, 3), (3, 6), (6, 10)]
    """
    parts = max(1, min(n_threads() if threads is None else threads, n // max(minimum, 1)))
    edges = [n * part // parts for part in range(parts + 1)]
    ranges = list(itertools.pairwise(edges))
    if parts == 1:
        return [function(0, n, *args)]
    # A new pool each time: one that is kept would hang in forked children. The caller's thread
    # takes the first range itself.
    with ThreadPoolExecutor(parts - 1) as pool:
        others = [pool.submit(function, start, stop, *args) for start, stop in ranges[1:]]
        first = function(*ranges[0], *args)
    return [first, *(other.result() for other in others)]
