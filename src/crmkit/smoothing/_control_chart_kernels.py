"""Kernels that chart points in the order of their times.

Points come as deviations from the target; NaN is no observation. `since` counts the points that the statistic
has been off the target on its present side, and `total` adds up their deviations: their mean is what the shift is
estimated by.
"""

from __future__ import annotations

import numpy as np

from crmkit._numba import kernel


@kernel
def chart_ewma(deviations, alpha, width, exact, restart, statistic, widths, signals, sizes):
    """Fill statistic, half-width of the limits, signal and mean deviation of each point.

    Parameters
    ----------
    deviations : ndarray of float64, shape (n,)
    alpha : float
    width : float
        Half-width of the limits that a long series comes to.
    exact : bool
        Whether the limits are those of each time, counted in observations since the start.
    restart : bool
        Whether the chart starts afresh after each alarm.
    statistic, widths, sizes : ndarray of float64, shape (n,)
    signals : ndarray of int64, shape (n,)
    """
    now, forgotten, total, since = 0.0, 1.0, 0.0, 0
    now_width = 0.0 if exact else width
    for point in range(len(deviations)):
        value = deviations[point]
        signal = 0
        if value == value:
            before = now
            now += alpha * (value - now)
            forgotten *= (1.0 - alpha) * (1.0 - alpha)
            if exact:
                now_width = width * np.sqrt(1.0 - forgotten)
            if (before > 0.0) != (now > 0.0) or (before < 0.0) != (now < 0.0):
                total, since = 0.0, 0
            total += value
            since += 1
            if now > now_width:
                signal = 1
            elif now < -now_width:
                signal = -1
        statistic[point], widths[point], signals[point] = now, now_width, signal
        sizes[point] = total / since if signal != 0 else np.nan
        if signal != 0 and restart:
            now, forgotten, total, since = 0.0, 1.0, 0.0, 0


@kernel
def chart_cusum(deviations, allowance, interval, restart, upward, downward, signals, sizes):
    """Fill both sums, signal and mean deviation of each point.

    Parameters
    ----------
    deviations : ndarray of float64, shape (n,)
    allowance, interval : float
        In units of the deviations.
    restart : bool
        Whether both sums start afresh at zero after each alarm.
    upward, downward, sizes : ndarray of float64, shape (n,)
        Both sums are at least 0.
    signals : ndarray of int64, shape (n,)
    """
    up, down, total_up, total_down, since_up, since_down = 0.0, 0.0, 0.0, 0.0, 0, 0
    for point in range(len(deviations)):
        value = deviations[point]
        signal = 0
        if value == value:
            up = max(0.0, up + value - allowance)
            down = max(0.0, down - value - allowance)
            total_up, since_up = (total_up + value, since_up + 1) if up > 0.0 else (0.0, 0)
            total_down, since_down = (total_down + value, since_down + 1) if down > 0.0 else (0.0, 0)
            if up > interval and up >= down:
                signal = 1
            elif down > interval:
                signal = -1
        upward[point], downward[point], signals[point] = up, down, signal
        sizes[point] = np.nan
        if signal == 1:
            sizes[point] = total_up / since_up
        elif signal == -1:
            sizes[point] = total_down / since_down
        if signal != 0 and restart:
            up, down, total_up, total_down, since_up, since_down = 0.0, 0.0, 0.0, 0.0, 0, 0
