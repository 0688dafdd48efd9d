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
def find_runs(ids, first, starts):
    """Find where another whole number begins than stood before, where the position of the first id is `first`.

    As many positions as there is room for are written to `starts`. Returned are how many there are, and
    how many of them begin a lower number. One pass: reading the ids takes longer than comparing them.
    """
    n_runs, n_lower = 0, 0
    for position in range(1, len(ids)):
        if ids[position] != ids[position - 1]:
            n_lower += ids[position] < ids[position - 1]
            if n_runs < len(starts):
                starts[n_runs] = first + position
            n_runs += 1
    return n_runs, n_lower
