"""Kernels that compute lags, statistics of windows and exponential averages of many series.

A statistic of a window depends on the values in the window alone, to the last bit: windows are cut at
the period numbers that their length divides, the part before the cut is accumulated backwards and the
part after it forwards. So a value costs two steps whatever the window, no error is carried along, a
missing value spoils the windows that hold it and no other, and the tail of a series gives the same
numbers as all of it.
"""

from __future__ import annotations

import numpy as np

from crmkit._numba import kernel

#: What a column holds. Lags need no statistic, exponential averages no window.
LAG, SUM, MEAN, STD, MIN, MAX, MEDIAN, EMA = range(8)


@kernel
def fill_columns(start, stop, values, pointers, first, kinds, lengths, alphas, shift, table, table_at, scratch, out):
    """Fill the columns of some series: each made of values, then those of `table`, which know no values.

    Parameters
    ----------
    start, stop : int
        The series.
    kinds, lengths : ndarray of int64, shape (n_columns,)
        LAG and its periods, a statistic and its window, or EMA.
    alphas : ndarray of float64, shape (n_columns,)
        Of the exponential averages.
    table : ndarray, shape (n_known, n_periods)
        Columns that are known in advance, by period.
    table_at : ndarray of int64, shape (n_series,)
        Where in `table` the first period of each series stands.
    scratch : ndarray of float64, shape (4, longest window + 1)
        Of this range alone; zeros at first.
    out : ndarray, shape (n_columns + n_known, n_values)
    """
    for series in range(start, stop):
        begin, end = pointers[series], pointers[series + 1]
        for column in range(len(kinds)):
            row = out[column]
            lost = lengths[column] if kinds[column] == LAG else shift
            at = min(begin + lost, end)
            row[begin:at] = np.nan
            fill(
                values,
                begin,
                begin + end - at,
                first[series],
                kinds[column],
                lengths[column],
                alphas[column],
                scratch,
                row,
                at,
            )
        for column in range(len(table)):
            row = out[len(kinds) + column]
            row[begin:end] = table[column, table_at[series] : table_at[series] + end - begin]


@kernel
def fill_next(start, stop, tails, length, following, kinds, lengths, shift, levels, scratch, line, out):
    """Fill the columns of the next period of some series, from the tail of each.

    Parameters
    ----------
    tails : ndarray of float64, shape (n_series, width)
        The last values of each series, of which `length` are known; NaN where the series is shorter.
    following : ndarray of int64, shape (n_series,)
        Number of the next period.
    levels : ndarray of float64, shape (n_series, n_columns)
        The exponential averages up to `shift` periods before the next one.
    line : ndarray, shape (longest window,)
        Of this range alone, and of the type of `out`.
    out : ndarray, shape (n_columns or more, n_series)
    """
    for series in range(start, stop):
        tail = tails[series]
        for column in range(len(kinds)):
            kind, window = kinds[column], lengths[column]
            if kind == LAG:
                out[column, series] = tail[length - window]
            elif kind == EMA:
                out[column, series] = levels[series, column]
            else:
                end = length - shift + 1
                number = following[series] - shift - window + 1
                fill(tail, end - window, end, number, kind, window, 0.0, scratch, line, 0)
                out[column, series] = line[window - 1]


@kernel
def start_levels(start, stop, values, pointers, kinds, alphas, shift, levels, weights):
    """Exponential averages of each series up to `shift` periods before its next one, and what they weigh there."""
    for series in range(start, stop):
        for column in range(len(kinds)):
            level, weight = np.nan, 1.0
            if kinds[column] == EMA:
                for position in range(pointers[series], pointers[series + 1] - shift + 1):
                    level, weight = ema_step(level, weight, float(values[position]), alphas[column])
            levels[series, column], weights[series, column] = level, weight


@kernel
def move_levels(start, stop, tails, position, kinds, alphas, levels, weights):
    """Let the value at a position of each tail enter the exponential averages."""
    for series in range(start, stop):
        for column in range(len(kinds)):
            if kinds[column] == EMA:
                levels[series, column], weights[series, column] = ema_step(
                    levels[series, column], weights[series, column], tails[series, position], alphas[column]
                )


@kernel
def fill(values, start, stop, number, kind, length, alpha, scratch, out, at):
    """Fill out[at:at + stop - start] with what `kind` makes of values[start:stop], whose first has a period number."""
    if kind == LAG:
        for position in range(start, stop):
            out[at + position - start] = values[position]
    elif kind in (SUM, MEAN):
        fill_sums(values, start, stop, number, length, kind == MEAN, scratch, out, at)
    elif kind == STD:
        fill_deviations(values, start, stop, number, length, scratch, out, at)
    elif kind == MIN:
        fill_extremes(values, start, stop, number, length, 1.0, scratch, out, at)
    elif kind == MAX:
        fill_extremes(values, start, stop, number, length, -1.0, scratch, out, at)
    elif kind == MEDIAN:
        fill_medians(values, start, stop, length, scratch, out, at)
    else:
        level, weight = np.nan, 1.0
        for position in range(start, stop):
            level, weight = ema_step(level, weight, float(values[position]), alpha)
            out[at + position - start] = level


@kernel
def ema_step(level, weight, value, alpha):
    """One step of an exponential average, unadjusted; a missing value only lets what was known grow old."""
    if level != level:
        return value, 1.0
    weight *= 1.0 - alpha
    if value != value:
        return level, weight
    share = alpha if weight == 1.0 - alpha else alpha / (weight + alpha)
    return level + share * (value - level), 1.0


@kernel
def fill_sums(values, start, stop, number, window, mean, scratch, out, at):
    """Sums or means of the windows that end at each value; NaN where one begins before `start`."""
    after = scratch[0]
    after[window] = 0.0
    divisor = float(window) if mean else 1.0
    full = start + window - 1
    block = start
    place = number % window
    while block < stop:
        end = min(block + window - place, stop)
        total = 0.0
        for position in range(block, end):
            total += values[position]
            place += 1
            out[at + position - start] = (after[place] + total) / divisor if position >= full else np.nan
        if end < stop:
            total = 0.0
            for position in range(end - 1, block - 1, -1):
                total += values[position]
                place -= 1
                after[place] = total
        block, place = end, 0


@kernel
def fill_extremes(values, start, stop, number, window, sign, scratch, out, at):
    """Least values of windows, greatest with sign -1."""
    after = scratch[0]
    after[window] = np.inf
    full = start + window - 1
    block = start
    place = number % window
    while block < stop:
        end = min(block + window - place, stop)
        least = np.inf
        for position in range(block, end):
            value = sign * values[position]
            least = value if value < least or value != value else least
            place += 1
            before = after[place]
            if position >= full:
                out[at + position - start] = sign * (least if least < before or least != least else before)
            else:
                out[at + position - start] = np.nan
        if end < stop:
            least = np.inf
            for position in range(end - 1, block - 1, -1):
                value = sign * values[position]
                least = value if value < least or value != value else least
                place -= 1
                after[place] = least
        block, place = end, 0


@kernel
def fill_deviations(values, start, stop, number, window, scratch, out, at):
    """Standard deviations of windows, with window - 1 in the denominator.

    Each part keeps its mean and the squares about it (Welford); the parts are joined as Chan, Golub and
    LeVeque do ("Algorithms for computing the sample variance", 1983, equation 2.1).
    """
    means, squares, shares, joint = scratch[0], scratch[1], scratch[2], scratch[3]
    means[window], squares[window] = 0.0, 0.0
    if shares[0] != window:  # what divisions give for this window, found once: they would take most of the time
        shares[0] = window
        for new in range(1, window + 1):
            shares[new] = 1.0 / new
            joint[new] = new * (window - new) / window
    full = start + window - 1
    block = start
    place = number % window
    while block < stop:
        end = min(block + window - place, stop)
        mean, square = 0.0, 0.0
        for position in range(block, end):
            new = position - block + 1
            gap = values[position] - mean
            mean += gap * shares[new]
            square += gap * (values[position] - mean)
            place += 1
            if position >= full:
                gap = mean - means[place] if place < window else 0.0
                square_of_all = square + squares[place] + gap * gap * joint[new]
                out[at + position - start] = np.sqrt(square_of_all / (window - 1))
            else:
                out[at + position - start] = np.nan
        if end < stop:
            mean, square = 0.0, 0.0
            for position in range(end - 1, block - 1, -1):
                gap = values[position] - mean
                mean += gap * shares[end - position]
                square += gap * (values[position] - mean)
                place -= 1
                means[place], squares[place] = mean, square
        block, place = end, 0


@kernel
def fill_medians(values, start, stop, window, scratch, out, at):
    """Medians of windows, from the window kept in order."""
    ordered = scratch[0]
    n = 0
    for position in range(start, stop):
        value = float(values[position])
        if value != value:
            n = 0  # no window that reaches back beyond it is complete
            out[at + position - start] = np.nan
            continue
        place = n
        if n == window:
            oldest = float(values[position - window])
            place = np.searchsorted(ordered[:n], oldest)
            # Close the gap towards the side of the new value alone.
            while place + 1 < n and ordered[place + 1] < value:
                ordered[place] = ordered[place + 1]
                place += 1
        else:
            n += 1
        while place > 0 and ordered[place - 1] > value:
            ordered[place] = ordered[place - 1]
            place -= 1
        ordered[place] = value
        half = n // 2
        if n < window:
            out[at + position - start] = np.nan
        elif n % 2 == 1:
            out[at + position - start] = ordered[half]
        else:
            out[at + position - start] = 0.5 * ordered[half - 1] + 0.5 * ordered[half]
