"""The period of the calendar that holds a moment, for kernels that count by period."""

from __future__ import annotations

from crmkit._numba import kernel


@kernel
def period_of(moment, edges, pace):
    """The period that holds a moment: guessed from the mean length of periods, then put right.

    Parameters
    ----------
    moment : int
        At or after the first edge, and before the last.
    edges : ndarray of int64, shape (n_periods + 1,)
        Where periods begin, and where the last one ends.
    pace : float
        Mean number of periods in a microsecond.
    """
    period = min(max(int((moment - edges[0]) * pace), 0), len(edges) - 2)
    while moment >= edges[period + 1]:
        period += 1
    while moment < edges[period]:
        period -= 1
    return period
