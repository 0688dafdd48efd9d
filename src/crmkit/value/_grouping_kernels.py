"""Equal rows of a purchase model put together, in an order that their contents alone decide.

A model sees a customer as a few numbers, and many customers have the same ones: a million on a grid
of days are some hundred thousand distinct rows. The table below is filled by two threads and read in
the order of the hashes, so that shuffled input gives the same distinct rows in the same order.
"""

from __future__ import annotations

import numpy as np

from crmkit._numba import kernel
from crmkit.value._random_kernels import mix


@kernel
def hash_rows(start, stop, columns, hashes):
    """Hash of each row; `columns` holds the bits of its numbers, one array row for each column."""
    for row in range(start, stop):
        mixed = np.uint64(0x9E3779B97F4A7C15)
        for column in range(columns.shape[0]):
            mixed = mix(mixed ^ columns[column, row])
        hashes[row] = mixed


@kernel
def _goes_before(columns, row, other):
    """Whether a row stands before another one of the same hash."""
    for column in range(columns.shape[0]):
        if columns[column, row] != columns[column, other]:
            return columns[column, row] < columns[column, other]
    return False


@kernel
def _same(columns, row, other):
    for column in range(columns.shape[0]):
        if columns[column, row] != columns[column, other]:
            return False
    return True


@kernel
def fill_table(start, stop, columns, hashes, weight, slots, table, ends, first_equal, sums):
    """Fill some parts of a table of distinct rows, ordered by hash (Amble & Knuth 1974, ordered hash tables).

    A part holds the rows whose hashes end in its number (there are a power of two of them), in a line of
    its own, so that parts are filled side by side; a line has `slots` places, a power of two, and behind
    them room for what runs over. A place holds a row number plus one. `first_equal` receives, for each
    row, the row that stands for it, `sums` the weight of all equal rows at that one, `ends` where each
    line ends.
    """
    last_bits = np.uint64(table.shape[0] - 1)
    for row in range(len(hashes)):
        part = np.int64(hashes[row] & last_bits)
        if part < start or part >= stop:
            continue
        line = table[part]
        # The leading bits: places are in the order of the hashes, whatever came first.
        place = np.int64((hashes[row] >> np.uint64(32)) * np.uint64(slots) >> np.uint64(32))
        other = -1
        while line[place] != 0:
            other = line[place] - 1
            if hashes[other] > hashes[row]:
                break
            if hashes[other] == hashes[row]:
                if _same(columns, row, other):
                    break
                if _goes_before(columns, row, other):
                    break
            place += 1
        if line[place] != 0 and hashes[other] == hashes[row] and _same(columns, row, other):
            first_equal[row] = other
            sums[other] += weight[row]
            continue
        first_equal[row] = row
        sums[row] = weight[row]
        carried = np.int32(row + 1)
        while line[place] != 0:
            line[place], carried = carried, line[place]
            place += 1
        line[place] = carried
        ends[part] = max(ends[part], place + 1)


@kernel
def read_table(table, ends, rows, place_of):
    """The distinct rows in the order of the table, and the place of each among them; their number."""
    n_distinct = 0
    for part in range(table.shape[0]):
        for place in range(ends[part]):
            if table[part, place] != 0:
                row = table[part, place] - 1
                rows[n_distinct] = row
                place_of[row] = n_distinct
                n_distinct += 1
    return n_distinct
