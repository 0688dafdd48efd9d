"""Kernels that compute lags, statistics of windows and exponential averages of many series.

A statistic of a window depends on the values in the window alone, to the last bit: it is joined from
those of halves, quarters and so on, always cut at the same distance from its end. So a window of w
values costs some log2(w) steps, each of them over thousands of values at a time; no error is carried
along; a missing value spoils the windows that hold it and no other; and the tail of a series gives the
same numbers as all of it.

Windows are taken over the whole vector of values, as if it were one series. What would reach into the
series before is left out after that: see `leave_out`.
"""

from __future__ import annotations

import numpy as np

from crmkit._numba import kernel

#: What a column holds. Lags need no statistic, exponential averages no window.
LAG, SUM, MEAN, STD, MIN, MAX, MEDIAN, EMA = range(8)

#: Values that are taken at a time, at least: with what is made of them they stay in the nearest cache.
STRETCH = 1024

#: Vectors of scratch that the statistics need.
SCRATCH = 6


@kernel
def fill_windows(start, stop, values, pointers, kinds, lengths, shift, scratch, out):
    """Fill the lags and the statistics of windows, other than medians, for some values.

    Parameters
    ----------
    start, stop : int
        The values.
    kinds, lengths : ndarray of int64, shape (n_columns,)
        LAG and its periods, or a statistic and its window; others are passed over.
    scratch : ndarray of float64, shape (SCRATCH, room)
        Of this range alone; room for the longest window and some values that are taken at a time.
    out : ndarray, shape (n_columns or more, n_values)
    """
    series = np.searchsorted(pointers, start, side="right") - 1
    longest = 1
    for column in range(len(kinds)):
        if kinds[column] != LAG:
            longest = max(longest, lengths[column])
    stretch = scratch.shape[1] - longest
    for low in range(start, stop, stretch):
        high = min(low + stretch, stop)
        for column in range(len(kinds)):
            kind, length = kinds[column], lengths[column]
            if kind in (MEDIAN, EMA):
                continue
            back = length if kind == LAG else shift
            begin = max(low, back)
            if kind == LAG:
                out[column, begin:high] = values[begin - back : high - back]
            elif begin < high:
                fill_stretch(values, begin - back, high - back, kind, length, scratch, out[column, begin:high])
            lost = back if kind == LAG else back + length - 1
            leave_out(low, high, pointers, series, lost, out[column])
        while series + 1 < len(pointers) - 1 and pointers[series + 1] <= high:
            series += 1


@kernel
def leave_out(low, high, pointers, series, lost, out):
    """Let the first so many values of each series be NaN, between two values; `series` is that of the first."""
    while series < len(pointers) - 1 and pointers[series] < high:
        for position in range(max(low, pointers[series]), min(high, pointers[series] + lost, pointers[series + 1])):
            out[position] = np.nan
        series += 1


@kernel
def fill_stretch(values, low, high, kind, window, scratch, out):
    """Fill `out` with a statistic of the windows that end at values low to high; before values[0] all is garbage."""
    begin = max(low - window + 1, 0)
    n, skip = high - begin, low - begin
    given = scratch[0, :n]
    sign = -1.0 if kind == MAX else 1.0
    for i in range(n):
        given[i] = sign * values[begin + i]
    if kind in (SUM, MEAN):
        found = sum_windows(n, window, scratch)[skip:n]
        divisor = float(window) if kind == MEAN else 1.0
        for i in range(len(out)):
            out[i] = found[i] / divisor
    elif kind == STD:
        found = square_windows(n, window, scratch)[skip:n]
        for i in range(len(out)):
            out[i] = np.sqrt(found[i] / (window - 1))
    else:
        found = least_of_windows(n, window, scratch)[skip:n]
        for i in range(len(out)):
            out[i] = sign * found[i]


@kernel
def sum_windows(n, window, scratch):
    """Sums of the windows that end at each of n values, which stand in scratch[0]."""
    part, other, found = 0, 1, scratch[2]
    done, size = 0, 1
    while True:
        if window & size:
            if done == 0:
                found[:n] = scratch[part, :n]
            else:
                add(found[done:n], scratch[part, : n - done], found[done:n])
            done += size
        if done == window:
            return found
        add(scratch[part, size:n], scratch[part, : n - size], scratch[other, size:n])
        part, other = other, part
        size *= 2


@kernel
def add(a, b, out):
    for i in range(len(out)):
        out[i] = a[i] + b[i]


@kernel
def least_of_windows(n, window, scratch):
    """Least values of the windows that end at each of n values, which stand in scratch[0]; NaN where one is."""
    part, other = 0, 1
    size = 1
    while 2 * size <= window:
        take_least(scratch[part, size:n], scratch[part, : n - size], scratch[other, size:n])
        part, other = other, part
        size *= 2
    if size < window:
        back = window - size
        take_least(scratch[part, back:n], scratch[part, : n - back], scratch[other, back:n])
        part = other
    return scratch[part]


@kernel
def take_least(a, b, out):
    for i in range(len(out)):
        out[i] = a[i] if a[i] < b[i] or a[i] != a[i] else b[i]


@kernel
def square_windows(n, window, scratch):
    """Squares about the mean, added up over the windows that end at each of n values, which stand in scratch[0].

    Means and squares of parts are joined as Chan, Golub and LeVeque do ("Algorithms for computing the
    sample variance", 1983, equation 2.1).
    """
    part, other = 0, 1
    means, squares = scratch[4], scratch[5]
    scratch[2, :n] = 0.0
    done, size = 0, 1
    while True:
        if window & size:
            if done == 0:
                means[:n] = scratch[part, :n]
                squares[:n] = scratch[2 + part, :n]
            else:
                a, b = means[done:n], squares[done:n]
                join(a, b, done, scratch[part, : n - done], scratch[2 + part, : n - done], size, a, b)
            done += size
        if done == window:
            return squares
        a, b = scratch[part, size:n], scratch[2 + part, size:n]
        c, d = scratch[part, : n - size], scratch[2 + part, : n - size]
        join(a, b, size, c, d, size, scratch[other, size:n], scratch[2 + other, size:n])
        part, other = other, part
        size *= 2


@kernel
def join(means, squares, n, other_means, other_squares, n_other, out_means, out_squares):
    """Means and squares of n values and n_other values together."""
    share, weight = n_other / (n + n_other), n * n_other / (n + n_other)
    for i in range(len(out_means)):
        gap = other_means[i] - means[i]
        out_squares[i] = squares[i] + other_squares[i] + gap * gap * weight
        out_means[i] = means[i] + gap * share


@kernel
def fill_walks(start, stop, values, pointers, kinds, lengths, alphas, shift, table, table_at, scratch, out):
    """Fill, for some series, medians and exponential averages, and the columns that know no values.

    Parameters
    ----------
    start, stop : int
        The series.
    alphas : ndarray of float64, shape (n_columns,)
        Of the exponential averages.
    table : ndarray, shape (n_known, n_periods)
        Columns that are known in advance, by period.
    table_at : ndarray of int64, shape (n_series,)
        Where in `table` the first period of each series stands.
    scratch : ndarray of float64, shape (longest window,)
        Of this range alone.
    out : ndarray, shape (n_columns + n_known, n_values)
    """
    for series in range(start, stop):
        begin, end = pointers[series], pointers[series + 1]
        at = min(begin + shift, end)
        for column in range(len(kinds)):
            if kinds[column] == MEDIAN:
                out[column, begin:at] = np.nan
                fill_medians(values[begin : begin + end - at], lengths[column], scratch, out[column, at:end])
            elif kinds[column] == EMA:
                out[column, begin:at] = np.nan
                level, weight = np.nan, 1.0
                for position in range(at, end):
                    level, weight = ema_step(level, weight, float(values[position - shift]), alphas[column])
                    out[column, position] = level
        for column in range(len(table)):
            out[len(kinds) + column, begin:end] = table[column, table_at[series] : table_at[series] + end - begin]


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
def fill_medians(values, window, ordered, out):
    """Medians of the windows that end at each value, from the window kept in order."""
    n = 0
    for position in range(len(values)):
        value = float(values[position])
        if value != value:
            n = 0  # no window that reaches back beyond it is complete
            out[position] = np.nan
            continue
        place = n
        if n == window:
            place = 0
            oldest = float(values[position - window])
            while ordered[place] < oldest:
                place += 1
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
        out[position] = middle(ordered, n) if n == window else np.nan


@kernel
def middle(ordered, n):
    half = n // 2
    return ordered[half] if n % 2 == 1 else 0.5 * ordered[half - 1] + 0.5 * ordered[half]


@kernel
def fill_next(start, stop, tails, length, kinds, lengths, shift, levels, scratch, out):
    """Fill the columns of the next period of some series, from the tail of each: the same bits as of all periods.

    Parameters
    ----------
    tails : ndarray of float64, shape (n_series, width)
        The last values of each series, of which `length` are known; NaN where the series is shorter.
    levels : ndarray of float64, shape (n_series, n_columns)
        The exponential averages up to `shift` periods before the next one.
    scratch : ndarray of float64, shape (2, longest window)
        Of this range alone.
    out : ndarray, shape (n_columns or more, n_series)
    """
    for series in range(start, stop):
        for column in range(len(kinds)):
            kind, window = kinds[column], lengths[column]
            if kind == LAG:
                out[column, series] = tails[series, length - window]
            elif kind == EMA:
                out[column, series] = levels[series, column]
            else:
                last = length - shift
                for i in range(window):
                    scratch[0, i] = tails[series, last - i]
                out[column, series] = window_of(kind, window, scratch)


@kernel
def window_of(kind, window, scratch):
    """A statistic of the values in scratch[0], the last of which comes first."""
    if kind in (SUM, MEAN, STD):
        total, square = scratch[0, 0], 0.0
        done, size = 0, 1
        while done < window:
            if window & size:
                part, of_part = tree(kind, done, size, scratch)
                if done == 0:
                    total, square = part, of_part
                else:
                    total, square = both(kind, total, square, done, part, of_part, size)
                done += size
            size *= 2
        if kind == STD:
            return np.sqrt(square / (window - 1))
        return total / window if kind == MEAN else total
    given = scratch[0, :window]
    for i in range(window):
        if given[i] != given[i]:
            return np.nan
    if kind == MIN:
        return given.min()
    if kind == MAX:
        return given.max()
    given.sort()
    return middle(given, window)


@kernel
def tree(kind, begin, size, scratch):
    """Sum, or mean and squares, of values that are a power of two in number, joined in pairs."""
    scratch[1, begin : begin + size] = 0.0
    width = 1
    while width < size:
        for i in range(begin, begin + size, 2 * width):
            scratch[0, i], scratch[1, i] = both(
                kind, scratch[0, i], scratch[1, i], width, scratch[0, i + width], scratch[1, i + width], width
            )
        width *= 2
    return scratch[0, begin], scratch[1, begin]


@kernel
def both(kind, value, square, n, other, other_square, n_other):
    if kind != STD:
        return value + other, 0.0
    gap = other - value
    square = square + other_square + gap * gap * (n * n_other / (n + n_other))
    return value + gap * (n_other / (n + n_other)), square


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
def take_rows(start, stop, columns, rows, out):
    """Let row i of each column of `out` be row rows[i] of `columns`; both have a column in each line."""
    for column in range(len(columns)):
        for row in range(start, stop):
            out[column, row] = columns[column, rows[row]]
