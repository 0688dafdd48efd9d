"""Kernels that lay a matrix out for the search of neighbours."""

from __future__ import annotations

from crmkit._numba import kernel

__all__ = ["count_columns", "transpose", "work_of_columns"]


@kernel
def count_columns(columns, counts):
    """Add the number of entries of each column to `counts`."""
    for entry in range(len(columns)):
        counts[columns[entry]] += 1


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
