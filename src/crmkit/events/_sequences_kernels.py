"""The kernel that finds the latest events of each row."""

from __future__ import annotations

from crmkit._numba import kernel


@kernel
def latest_events(start, stop, codes, stops, pointers, counted, front, out):
    """Positions of the latest events that each row sees, oldest first; row `start` is the first of `out`.

    `counted` flags the events that are looked at; empty, all are. Places without an event are -1: the
    first ones with `front`, else the last ones.
    """
    length = out.shape[1]
    for row in range(start, stop):
        places = out[row - start]
        places[:] = -1
        place, position, first = length, stops[row] - 1, pointers[codes[row]]
        while position >= first and place > 0:
            if len(counted) == 0 or counted[position]:
                place -= 1
                places[place] = position
            position -= 1
        if not front and place > 0:
            n = length - place
            for index in range(n):
                places[index] = places[place + index]
            places[n:] = -1
