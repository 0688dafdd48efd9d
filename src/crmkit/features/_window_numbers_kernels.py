"""Kernels that describe the numbers of the events of each row's windows; see `_windows_kernels`.

Numbers come without those that are missing: ``known`` says how many there are before each event, and is
empty where none is missing. They come as cents, where all of them are whole, or else as floats; the
other array is empty. Cents come added up: ``cents[i]`` is the sum of the numbers before the i-th, so
that the sum of any window is a difference, and exact.
"""

from __future__ import annotations

import math

import numpy as np

from crmkit._numba import kernel
from crmkit._numba._money_kernels import add_money, money_of
from crmkit.features._windows_kernels import trend_of


@kernel
def _place(known, position):
    """How many numbers come before an event."""
    return known[position] if len(known) > 0 else position


@kernel
def _add(cents, money, left, right):
    """The sum of some numbers."""
    if len(cents) > 0:
        return cents[right] - cents[left], True, 0.0, 0.0
    total = (np.int64(0), True, 0.0, 0.0)
    for position in range(left, right):
        total = add_money(total, cents, money, position)
    return total


@kernel
def _mean(total, count):
    """Whole cents are divided as such: customers who always pay the same have the same mean."""
    whole, exact, high, low = total
    return whole / (100.0 * count) if exact else (high + low) / count


@kernel
def add_numbers(rows, cents, money, known, edges, windows, lines, out):
    """Sum, mean and trend of numbers."""
    for window in range(len(windows)):
        left, right, half = edges[windows[window, 0]], edges[windows[window, 1]], edges[windows[window, 2]]
        summed, mean, trend = lines[window, 0], lines[window, 1], lines[window, 2]
        if len(cents) > 0 and len(known) == 0 and summed >= 0 and max(mean, trend) < 0:
            line = out[summed]
            for row in range(len(rows)):
                line[rows[row]] = (cents[right[row]] - cents[left[row]]) / 100.0
            continue
        for row in range(len(rows)):
            first, last = _place(known, left[row]), _place(known, right[row])
            total = _add(cents, money, first, last)
            if summed >= 0:
                out[summed, rows[row]] = money_of(total)
            if mean >= 0:
                out[mean, rows[row]] = _mean(total, last - first)
            if trend >= 0:
                middle = _place(known, half[row])
                earlier, recent = _add(cents, money, first, middle), _add(cents, money, middle, last)
                out[trend, rows[row]] = trend_of(money_of(earlier), money_of(recent))


@kernel
def share_of_sums(rows, cents, money, known, all_cents, all_money, all_known, edges, all_edges, windows, lines, out):
    """Part that the sum of one kind is of the sum of all."""
    for window in range(len(windows)):
        begin, end = windows[window, 0], windows[window, 1]
        for row in range(len(rows)):
            own = _add(cents, money, _place(known, edges[begin, row]), _place(known, edges[end, row]))
            left, right = _place(all_known, all_edges[begin, row]), _place(all_known, all_edges[end, row])
            whole = money_of(_add(all_cents, all_money, left, right))
            out[lines[window, 0], rows[row]] = money_of(own) / whole if whole != 0.0 else np.nan


@kernel
def _number(cents, money, position):
    # Adding zero makes -0.0 the same as 0.0.
    return (cents[position + 1] - cents[position]) / 100.0 if len(cents) > 0 else money[position] + 0.0


@kernel
def _extremes(cents, money, left, right):
    """The least and the largest of some numbers, at least one."""
    if len(cents) == 0:
        least = largest = money[left] + 0.0
        for position in range(left + 1, right):
            least, largest = min(least, money[position] + 0.0), max(largest, money[position] + 0.0)
        return least, largest
    low = high = cents[left + 1] - cents[left]
    for position in range(left + 1, right):
        amount = cents[position + 1] - cents[position]
        low, high = min(low, amount), max(high, amount)
    return low / 100.0, high / 100.0


@kernel
def _deviation(cents, money, left, right):
    """Standard deviation of some numbers."""
    if right - left < 2:
        return np.nan
    mean = _mean(_add(cents, money, left, right), right - left)
    squares = 0.0
    for position in range(left, right):
        squares += (_number(cents, money, position) - mean) ** 2
    return math.sqrt(squares / (right - left - 1))


@kernel
def compare_numbers(rows, cents, money, known, edges, windows, lines, out):
    """Least, largest, standard deviation, first and last of numbers."""
    for window in range(len(windows)):
        left, right = edges[windows[window, 0]], edges[windows[window, 1]]
        for row in range(len(rows)):
            first, last = _place(known, left[row]), _place(known, right[row])
            none = first == last
            if max(lines[window, 0], lines[window, 1]) >= 0:
                least, largest = (np.nan, np.nan) if none else _extremes(cents, money, first, last)
                if lines[window, 0] >= 0:
                    out[lines[window, 0], rows[row]] = least
                if lines[window, 1] >= 0:
                    out[lines[window, 1], rows[row]] = largest
            if lines[window, 2] >= 0:
                out[lines[window, 2], rows[row]] = _deviation(cents, money, first, last)
            if lines[window, 3] >= 0:
                out[lines[window, 3], rows[row]] = np.nan if none else _number(cents, money, first)
            if lines[window, 4] >= 0:
                out[lines[window, 4], rows[row]] = np.nan if none else _number(cents, money, last - 1)
