"""What has to be known of columns before they are smoothed, found in one pass each."""

from __future__ import annotations

from crmkit._numba import kernel


@kernel
def count_beyond(values, limit):
    """Count the values whose absolute value is above a limit; NaN is not."""
    count = 0
    for position in range(len(values)):
        count += abs(values[position]) > limit
    return count


@kernel
def count_runs(ids):
    """Count the positions at which another whole number begins than stood before, and those where a lower one does."""
    n_runs, n_lower = 0, 0
    for position in range(1, len(ids)):
        n_runs += ids[position] != ids[position - 1]
        n_lower += ids[position] < ids[position - 1]
    return n_runs, n_lower


@kernel
def fill_runs(ids, first, starts):
    """Write down these positions, as many as were counted, where that of the first id is `first`."""
    run = 0
    for position in range(1, len(ids)):
        if ids[position] != ids[position - 1]:
            starts[run] = first + position
            run += 1
