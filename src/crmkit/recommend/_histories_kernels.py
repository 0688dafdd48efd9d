"""How many have each item, and when it was first sold."""

from __future__ import annotations

from crmkit._numba import kernel

__all__ = ["count_columns", "first_sales"]


@kernel
def count_columns(columns, counts):
    """Add the number of entries of each column to `counts`."""
    for entry in range(len(columns)):
        counts[columns[entry]] += 1


@kernel
def first_sales(lefts, rights, time, roles, items, since):
    """Lower the instants of `since` to the first purchase of each item that rows see.

    Parameters
    ----------
    lefts, rights : ndarray of int64, shape (n_rows,)
        Events that each row sees.
    time, roles, items : ndarray of int64, int8 and int32, shape (n_events,)
        Instants; 1 for purchases, empty where all are; items, -1 for none.
    since : ndarray of int64, shape (n_items,)
    """
    for row in range(len(lefts)):
        for event in range(lefts[row], rights[row]):
            item = items[event]
            if item >= 0 and (len(roles) == 0 or roles[event] == 1) and time[event] < since[item]:
                since[item] = time[event]
