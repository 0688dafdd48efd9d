"""When each row bought each of its items."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from crmkit._numba import kernel

__all__ = ["Events", "Past", "read_past"]


class Events(NamedTuple):
    """Events by customer and time, as a log stores them; `columns` are the columns of their items, -1 for none.

    Empty roles are purchases.
    """

    time: NDArray[np.int64]
    roles: NDArray[np.int8]
    items: NDArray[np.int32]
    columns: NDArray[np.int64]


class Past(NamedTuple):
    """For each cell of rows × items, in the order of a CSR matrix: what is known of its purchases.

    ``times`` is the number of periods with a purchase, ``weight`` their sum with each decayed by its age,
    ``repeats`` the same without the first; ``first`` and ``last`` are the ages of the first and the last,
    in microseconds.
    """

    times: NDArray[np.float64]
    weight: NDArray[np.float64]
    repeats: NDArray[np.float64]
    first: NDArray[np.float64]
    last: NDArray[np.float64]


@kernel
def read_past(start, stop, lefts, rights, as_of, events, indptr, items, length, pace, cells, past):
    """Read the purchases of rows start to stop.

    Parameters
    ----------
    lefts, rights, as_of : ndarray of int64, shape (n_rows,)
        Events that each row sees, and its instant.
    events : Events
    indptr, items : ndarray
        The cells: columns of each row, ascending.
    length : int
        Microseconds of a period, counted back from as_of; 1 to tell instants apart.
    pace : float
        Decay per microsecond of age; 0 for none.
    cells : ndarray of int64, shape (n_items,)
        -1 before and after; it belongs to this range alone.
    past : Past
        Zeros; filled.
    """
    for row in range(start, stop):
        for cell in range(indptr[row], indptr[row + 1]):
            cells[items[cell]] = cell
        for event in range(lefts[row], rights[row]):
            item = events.items[event]
            if item < 0 or (len(events.roles) > 0 and events.roles[event] != 1):
                continue
            column = events.columns[item]
            if column < 0 or cells[column] < 0:
                continue
            cell = cells[column]
            # From the beginning of the period to as_of: at least one period, and the same all through it.
            age = ((as_of[row] - events.time[event] - 1) // length + 1) * float(length)
            decayed = np.exp(-pace * age)
            if past.times[cell] == 0.0:
                past.first[cell] = age
            elif past.last[cell] == age:
                continue
            else:
                past.repeats[cell] += decayed
            past.times[cell] += 1.0
            past.weight[cell] += decayed
            past.last[cell] = age
        for cell in range(indptr[row], indptr[row + 1]):
            cells[items[cell]] = -1
