"""Kernels of demand that is zero in most periods."""

from __future__ import annotations

import numpy as np

from crmkit._numba import kernel


@kernel
def croston(start, stop, pointers, values, alpha, beta, sizes, intervals):
    """Smoothed size of demands and smoothed number of periods from one to the next.

    Both begin at the first demand, and move with each further one. Missing periods are not counted.
    Without any demand the size is 0 and the interval 1; NaN where nothing is known.
    """
    for series in range(start, stop):
        sizes[series] = np.nan
        intervals[series] = 1.0
        waited = 0
        seen = False
        for position in range(pointers[series], pointers[series + 1]):
            value = np.float64(values[position])
            if value != value:
                continue
            waited += 1
            if value > 0.0:
                if seen:
                    sizes[series] += alpha * (value - sizes[series])
                    intervals[series] += beta * (waited - intervals[series])
                else:
                    sizes[series] = value
                    intervals[series] = waited
                    seen = True
                waited = 0
            elif not seen:
                sizes[series] = 0.0


@kernel
def teunter(start, stop, pointers, values, alpha, beta, sizes, chances):
    """Smoothed size of demands, and smoothed probability that a period has one.

    Both begin at the first demand, the probability as one over the periods up to it; it then moves with
    each known period. Without any demand both are 0; the size is NaN where nothing is known.
    """
    for series in range(start, stop):
        sizes[series] = np.nan
        chances[series] = 0.0
        waited = 0
        seen = False
        for position in range(pointers[series], pointers[series + 1]):
            value = np.float64(values[position])
            if value != value:
                continue
            waited += 1
            if not seen:
                sizes[series] = max(value, 0.0)
                if value > 0.0:
                    seen = True
                    chances[series] = 1.0 / waited
            elif value > 0.0:
                sizes[series] += alpha * (value - sizes[series])
                chances[series] += beta * (1.0 - chances[series])
            else:
                chances[series] -= beta * chances[series]


@kernel
def demand_moments(start, stop, pointers, values, periods, demands, variations):
    """Number of known periods and of demands, and the population variance of demands over their squared mean."""
    for series in range(start, stop):
        known, count = 0, 0
        total = 0.0
        for position in range(pointers[series], pointers[series + 1]):
            value = np.float64(values[position])
            known += value == value
            if value == value and value != 0.0:
                count += 1
                total += value
        mean = total / count if count > 0 else np.nan
        squares = 0.0
        for position in range(pointers[series], pointers[series + 1]):
            value = np.float64(values[position])
            if value == value and value != 0.0:
                squares += (value / mean - 1.0) ** 2
        periods[series] = known
        demands[series] = count
        variations[series] = squares / count if count > 0 else np.nan
