"""Kernels that all forecasters share."""

from __future__ import annotations

import numpy as np

from crmkit._numba import kernel


@kernel
def naive_scales(start, stop, pointers, values, scales):
    """Mean absolute change from one period to the next; else the mean absolute value; NaN where nothing is known.

    The second where the series never changes, or no two neighbours are known.
    """
    for series in range(start, stop):
        changes, n_changes = 0.0, 0
        levels, n_levels = 0.0, 0
        before = np.nan
        for position in range(pointers[series], pointers[series + 1]):
            value = np.float64(values[position])
            if value == value:
                levels += abs(value)
                n_levels += 1
                if before == before:
                    changes += abs(value - before)
                    n_changes += 1
            before = value
        if changes > 0.0:
            scales[series] = changes / n_changes
        else:
            scales[series] = levels / n_levels if n_levels > 0 else np.nan
