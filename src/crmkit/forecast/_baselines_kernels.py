"""Kernels of the simple forecasts: of each series, what its last known values say."""

from __future__ import annotations

import numpy as np

from crmkit._numba import kernel
from crmkit.forecast._lag_kernels import ema_step


@kernel
def last_known(start, stop, pointers, values, out):
    """The last known value of each series; NaN where none is known."""
    for series in range(start, stop):
        out[series] = np.nan
        for position in range(pointers[series + 1] - 1, pointers[series] - 1, -1):
            if values[position] == values[position]:
                out[series] = values[position]
                break


@kernel
def last_of_season(start, stop, pointers, values, season, steps, out, found):
    """For each step the last known value a whole number of seasons before it.

    Where there is none `found` is False, and `out` keeps what it holds.
    """
    for series in range(start, stop):
        for step in range(steps):
            position = pointers[series + 1] + step % season - season
            while position >= pointers[series] and values[position] != values[position]:
                position -= season
            found[series, step] = position >= pointers[series]
            if found[series, step]:
                out[series, step] = values[position]


@kernel
def window_means(start, stop, pointers, values, window, out):
    """Mean of the known values among the last `window` of each series; `out` stays where there is none."""
    for series in range(start, stop):
        total, count = 0.0, 0
        for position in range(max(pointers[series], pointers[series + 1] - window), pointers[series + 1]):
            if values[position] == values[position]:
                total += values[position]
                count += 1
        if count > 0:
            out[series] = total / count


@kernel
def ema_levels(start, stop, pointers, values, alpha, units, levels, squares):
    """Level of simple exponential smoothing after the last value of each series.

    It begins at the first known value, and a missing one lets it only grow old; NaN where none is known.
    `squares` receives the sum of the squared errors one step ahead, in `units` of each series.
    """
    for series in range(start, stop):
        level, weight = np.nan, 0.0
        total = 0.0
        for position in range(pointers[series], pointers[series + 1]):
            value = np.float64(values[position])
            if value == value and level == level:
                total += ((value - level) / units[series]) ** 2
            level, weight = ema_step(level, weight, value, alpha)
        levels[series] = level
        squares[series] = total
