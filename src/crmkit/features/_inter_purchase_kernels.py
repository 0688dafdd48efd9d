"""The kernel that measures the times between a customer's purchases."""

from __future__ import annotations

import math

import numpy as np

from crmkit._numba import kernel

_DAY = 86_400_000_000.0


@kernel
def _since(position, time, roles, first_of_order, as_of, length):
    """Microseconds from the start of an event's purchase to as_of, or -1 if it starts none."""
    if len(roles) > 0 and roles[position] != 1:
        return np.int64(-1)
    if len(first_of_order) > 0:
        return as_of - time[position] if first_of_order[position] == position else np.int64(-1)
    return ((as_of - time[position] - 1) // length + 1) * length


@kernel
def measure_gaps(start, stop, codes, as_ofs, stops, pointers, time, roles, first_of_order, length, out):
    """Ten columns of each row of `out`, in the order of `InterPurchaseFeatures`.

    Purchases are periods of one length counted back from as_of, or orders where `first_of_order` is
    not empty. Deviations from the mean gap are taken as those of n times the gap from the sum of all
    n: whole microseconds, so that equal gaps have a spread of exactly zero.
    """
    orders = len(first_of_order) > 0
    most = 0
    for row in range(start, stop):
        most = max(most, stops[row] - pointers[codes[row]])
    ages = np.empty(most, dtype=np.int64)
    for row in range(start, stop):
        first, last, as_of = pointers[codes[row]], stops[row], as_ofs[row]
        out[:, row] = np.nan
        n, oldest, latest = -1, np.int64(-1), np.int64(-1)
        shortest, longest, newest = np.int64(-1), np.int64(-1), np.int64(-1)
        for position in range(first, last):
            since = _since(position, time, roles, first_of_order, as_of, length)
            if since < 0 or (since == latest and not orders):
                continue
            if n < 0:
                oldest = since
            else:
                newest = latest - since
                shortest = newest if n == 0 else min(shortest, newest)
                longest = max(longest, newest)
            n += 1
            ages[n] = latest = since
        if n < 0:
            continue
        out[0, row] = latest / _DAY
        out[1, row] = oldest / _DAY
        if n == 0:
            continue
        span = np.float64(oldest - latest)
        out[2, row] = span / n / _DAY
        out[4, row] = shortest / _DAY
        out[5, row] = longest / _DAY
        out[6, row] = newest / _DAY
        if span > 0:
            out[8, row] = latest / (span / n)
        if n == 1:
            continue
        squares, half = 0.0, n // 2
        for index in range(n):
            squares += (np.float64(ages[index] - ages[index + 1]) * n - span) ** 2
        early, late = oldest - ages[half], ages[n - half] - latest
        out[3, row] = math.sqrt(squares / (n - 1)) / n / _DAY
        if span > 0:
            out[7, row] = 1.0 / (1.0 + squares / (n - 1) / (span * span))
        if early + late > 0:
            out[9, row] = (late - early) / (late + early)
