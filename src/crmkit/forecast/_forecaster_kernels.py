"""Kernels that all forecasters share."""

from __future__ import annotations

import numpy as np

from crmkit._numba import kernel


@kernel
def naive_scales(start, stop, pointers, values, season, changes, levels):
    """Mean absolute change of each series over a season, and mean absolute value; NaN where nothing is known."""
    for series in range(start, stop):
        change, n_changes = 0.0, 0
        level, n_levels = 0.0, 0
        for position in range(pointers[series], pointers[series + 1]):
            value = np.float64(values[position])
            if value != value:
                continue
            level += abs(value)
            n_levels += 1
            if position - season >= pointers[series] and values[position - season] == values[position - season]:
                change += abs(value - values[position - season])
                n_changes += 1
        changes[series] = change / n_changes if n_changes > 0 else np.nan
        levels[series] = level / n_levels if n_levels > 0 else np.nan
