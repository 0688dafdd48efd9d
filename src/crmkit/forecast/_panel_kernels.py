"""Kernels that put the rows of a long frame into series."""

from __future__ import annotations

import numpy as np

from crmkit._numba import kernel

_LEAST, _MOST = np.iinfo(np.int64).min, np.iinfo(np.int64).max


@kernel
def extents(start, stop, codes, numbers, n_series):
    """First and last period number of each series, from a range of rows; impossible where it has none."""
    first = np.full(n_series, _MOST)
    last = np.full(n_series, _LEAST)
    for row in range(start, stop):
        code = codes[row]
        first[code] = min(first[code], numbers[row])
        last[code] = max(last[code], numbers[row])
    return first, last


@kernel
def find_positions(start, stop, codes, numbers, first, pointers, positions):
    """Position of each row among all periods of all series; returns whether each row stands there already."""
    in_order = True
    for row in range(start, stop):
        position = pointers[codes[row]] + numbers[row] - first[codes[row]]
        positions[row] = position
        in_order &= position == row
    return in_order


@kernel
def count_repeats(positions, filled):
    """How many rows have the position of an earlier row, and the first of them; `filled` is all zero at first."""
    repeats = 0
    first = np.int64(-1)
    for row in range(len(positions)):
        if filled[positions[row]]:
            repeats += 1
            if first < 0:
                first = np.int64(row)
        filled[positions[row]] = 1
    return repeats, first


@kernel
def copy_ranges(start, stop, begins, pointers, values, out):
    """Copy the values of each series that begin at one position to another."""
    for series in range(start, stop):
        shift = begins[series] - pointers[series]
        for position in range(pointers[series], pointers[series + 1]):
            out[position] = values[position + shift]
