"""Kernels that lay a matrix out for the search of neighbours."""

from __future__ import annotations

import numpy as np

from crmkit._numba import kernel

__all__ = ["by_count", "count_places", "transpose", "transpose_places", "transpose_values", "work_of_columns"]


@kernel
def transpose(pointers, columns, values, next_free, rows, row_values):
    """Write the entries of a CSR matrix by columns, rows ascending.

    `next_free` holds where each column begins, and afterwards where it ends. Without `values` the
    pattern alone is written.
    """
    for row in range(len(pointers) - 1):
        for entry in range(pointers[row], pointers[row + 1]):
            column = columns[entry]
            place = next_free[column]
            next_free[column] = place + 1
            rows[place] = row
            if len(values) > 0:
                row_values[place] = values[entry]


@kernel
def work_of_columns(pointers, columns, work):
    """Add for each column the number of other entries in the rows that it has an entry in."""
    for row in range(len(pointers) - 1):
        others = pointers[row + 1] - pointers[row] - 1
        for entry in range(pointers[row], pointers[row + 1]):
            work[columns[entry]] += others


@kernel
def by_count(counts, order):
    """Write the numbers of the counts, the largest count first, equal ones ascending."""
    most = 0
    for count in counts:
        most = max(most, count)
    begins = np.zeros(most + 2, dtype=np.int64)
    for count in counts:
        begins[most - count + 1] += 1
    for count in range(most):
        begins[count + 1] += begins[count]
    for number in range(len(counts)):
        below_most = most - counts[number]
        order[begins[below_most]] = number
        begins[below_most] += 1


@kernel
def count_places(start, stop, pointers, columns, place_of, rows, counts):
    """Add the number of entries of rows start to stop of `rows` at each place to `counts`."""
    for new_row in range(start, stop):
        row = rows[new_row]
        for entry in range(pointers[row], pointers[row + 1]):
            counts[place_of[columns[entry]]] += 1


@kernel
def transpose_places(start, stop, pointers, columns, place_of, rows, next_free, new_rows):
    """As `transpose`, with rows numbered by their place in `rows`, from start to stop, and columns by `place_of`.

    Rows that `rows` does not name are left out. `next_free` is by places.
    """
    for new_row in range(start, stop):
        row = rows[new_row]
        for entry in range(pointers[row], pointers[row + 1]):
            place = place_of[columns[entry]]
            new_rows[next_free[place]] = new_row
            next_free[place] += 1


@kernel
def transpose_values(pointers, columns, values, place_of, next_free, rows, row_values):
    """As `transpose`, with columns numbered by `place_of`. `next_free` is by places."""
    for row in range(len(pointers) - 1):
        for entry in range(pointers[row], pointers[row + 1]):
            column = place_of[columns[entry]]
            place = next_free[column]
            next_free[column] = place + 1
            rows[place] = row
            row_values[place] = values[entry]
