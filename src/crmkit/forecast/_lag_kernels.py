"""Kernels that compute lags, statistics of windows and exponential averages of many series.

A statistic of a window depends on the values in the window alone, to the last bit: it is joined from
those of parts whose lengths are powers of two, always cut at the same distances from its end. These
are made of their halves, for all values and all windows at once. So no error is carried along; a missing
value spoils the windows that hold it and no other; and the tail of a series gives the same numbers as
all of it.

Windows are taken over the whole vector of values, as if it were one series. What would reach into the
series before is left out after that: see `leave_out`.
"""

from __future__ import annotations

import numpy as np

from crmkit._numba import kernel

#: What a column holds. Lags need no statistic, exponential averages no window.
LAG, SUM, MEAN, STD, MIN, MAX, MEDIAN, EMA = range(8)

#: Values that are taken at a time, at least: with what is made of them they stay in the nearest caches.
STRETCH = 1024


@kernel
def fill_lags(start, stop, values, pointers, column, lag, out):
    """Fill a column of `out` with the value `lag` places before each value from `start` to `stop`."""
    begin = max(start, lag)
    if begin < stop:
        copy(values[begin - lag : stop - lag], 1.0, out[column, begin:stop])
    leave_out(start, stop, pointers, lag, out[column])


@kernel
def fill_windows(start, stop, values, pointers, kinds, columns, windows, shift, levels, scratch, out):
    """Fill the statistics of windows, all of one family, for some values.

    Parameters
    ----------
    start, stop : int
        The values.
    kinds, columns, windows : ndarray of int64, shape (n,)
        What is wanted: sums and means, or one statistic only; where in `out`; and the window.
    levels : ndarray of float64, shape (2 * n_levels, room)
        Of this range alone: for the parts of 1, 2, 4, ... values, and for their squares. There is room for
        the longest window and some values that are taken at a time.
    scratch : ndarray of float64, shape (2, room)
        Likewise.
    out : ndarray, shape (n_columns or more, n_values)
    """
    reach = shift + windows.max() - 1
    sign = -1.0 if kinds[0] == MAX else 1.0
    for low in range(start, stop, levels.shape[1] - windows.max()):
        high = min(low + levels.shape[1] - windows.max(), stop)
        # The values that the windows of this stretch hold; those before values[0] are left out below.
        begin, first = max(low - reach, 0), max(low - shift, 0)
        n, skip = max(high - shift - begin, 0), first - begin
        copy(values[begin : begin + n], sign, levels[0, :n])
        climb(kinds[0], n, windows.max(), levels)
        for i in range(len(kinds)):
            found = window_of_parts(kinds[i], n, windows[i], levels, scratch)[skip:n]
            write(kinds[i], windows[i], found, out[columns[i], first + shift : high])
    for i in range(len(kinds)):
        leave_out(start, stop, pointers, shift + windows[i] - 1, out[columns[i]])


@kernel
def copy(values, sign, out):
    for i in range(len(out)):
        out[i] = sign * values[i]


@kernel
def leave_out(start, stop, pointers, lost, out):
    """Let the first so many values of each series be NaN, from one value to another."""
    series = np.searchsorted(pointers, start, side="right") - 1
    while series < len(pointers) - 1 and pointers[series] < stop:
        for position in range(max(start, pointers[series]), min(stop, pointers[series] + lost, pointers[series + 1])):
            out[position] = np.nan
        series += 1


@kernel
def climb(kind, n, longest, levels):
    """Make the statistic of the 2, 4, 8, ... values up to each of n values, which stand in levels[0]."""
    squares = levels[len(levels) // 2 :]
    if kind == STD:
        squares[0, :n] = 0.0
    level, size = 0, 1
    while 2 * size <= longest:
        a, b, out = (levels[level, size:n], levels[level, : n - size], levels[level + 1, size:n])
        if kind == STD:
            join(a, squares[level, size:n], size, b, squares[level, : n - size], size, out, squares[level + 1, size:n])
        elif kind in (MIN, MAX):
            take_least(a, b, out)
        else:
            add(a, b, out)
        level, size = level + 1, 2 * size


@kernel
def window_of_parts(kind, n, window, levels, scratch):
    """The statistic of a window, from that of its parts: squares for STD, greatest values with a minus."""
    top = 0
    while 2 << top <= window:
        top += 1
    size = 1 << top
    if kind in (MIN, MAX):
        if size == window:
            return levels[top]
        back = window - size
        take_least(levels[top, back:n], levels[top, : n - back], scratch[0, back:n])
        return scratch[0]
    squares = levels[len(levels) // 2 :]
    if size == window:
        return squares[top] if kind == STD else levels[top]
    done = 0
    for level in range(top + 1):
        size = 1 << level
        if window & size == 0:
            continue
        if done == 0:
            # The first part stands where it is; joined to the second, it moves into the scratch.
            values, others = levels[level], squares[level]
        else:
            a, b, out = values[done:n], levels[level, : n - done], scratch[0, done:n]
            if kind == STD:
                join(a, others[done:n], done, b, squares[level, : n - done], size, out, scratch[1, done:n])
            else:
                add(a, b, out)
            values, others = scratch[0], scratch[1]
        done += size
    return others if kind == STD else values


@kernel
def write(kind, window, found, out):
    if kind == MEAN:
        for i in range(len(out)):
            out[i] = found[i] / window
    elif kind == STD:
        for i in range(len(out)):
            out[i] = np.sqrt(found[i] / (window - 1))
    else:
        copy(found, -1.0 if kind == MAX else 1.0, out)


@kernel
def add(a, b, out):
    for i in range(len(out)):
        out[i] = a[i] + b[i]


@kernel
def take_least(a, b, out):
    """The smaller of two values, NaN if one of them is."""
    for i in range(len(out)):
        x, y = a[i], b[i]
        out[i] = x if (x < y) | (x != x) else y


@kernel
def join(means, squares, n, other_means, other_squares, n_other, out_means, out_squares):
    """Means of n values and n_other values together, and their squares about it.

    After Chan, Golub and LeVeque, "Algorithms for computing the sample variance", 1983, equation 2.1.
    """
    share, weight = n_other / (n + n_other), n * n_other / (n + n_other)
    for i in range(len(out_means)):
        gap = other_means[i] - means[i]
        out_squares[i] = squares[i] + other_squares[i] + gap * gap * weight
        out_means[i] = means[i] + gap * share


@kernel
def fill_averages(start, stop, values, pointers, alphas, shift, out):
    """Fill the exponential averages of some series, a column each in `out`.

    They go on side by side, since each of their steps waits for the one before it.
    """
    levels, weights, shares = (np.empty(len(alphas)), np.empty(len(alphas)), np.empty(len(alphas)))
    for i in range(len(alphas)):
        shares[i] = share_of(alphas[i])
    for series in range(start, stop):
        begin, end = pointers[series], pointers[series + 1]
        at = min(begin + shift, end)
        out[:, begin:at] = np.nan
        levels[:] = np.nan
        weights[:] = 0.0
        for position in range(at, end):
            value = float(values[position - shift])
            for i in range(len(alphas)):
                if weights[i] == 1.0 and value == value:
                    gap = value - levels[i]
                    levels[i] = (levels[i] if shares[i] > 0.0 else value) + gap * shares[i]
                else:
                    levels[i], weights[i] = ema_step(levels[i], weights[i], value, alphas[i])
                out[i, position] = levels[i]


@kernel
def share_of(alpha):
    """The step of an average without gaps: of `ema_step`, with a minus where it goes back from the value."""
    weight = 1.0 - alpha
    return alpha / (weight + alpha) if weight >= alpha else -(weight / (weight + alpha))


@kernel
def ema_step(level, weight, value, alpha):
    """One step of an exponential average, unadjusted; a missing value only lets what was known grow old.

    `weight` is 0 before the first value. The step is that of `crmkit.smoothing._ema_kernels`, to the bit.
    """
    weight *= 1.0 - alpha
    if value != value:
        return level, weight
    if weight == 0.0:
        return value, 1.0
    if weight >= alpha:
        return level + (value - level) * (alpha / (weight + alpha)), 1.0
    return value + (level - value) * (weight / (weight + alpha)), 1.0


@kernel
def fill_known(start, stop, pointers, table, table_at, out):
    """Fill, for some series, columns that are known in advance.

    Parameters
    ----------
    table : ndarray, shape (n_columns, n_periods)
    table_at : ndarray of int64, shape (n_series,)
        Where in `table` the first period of each series stands.
    out : ndarray, shape (n_columns or more, n_values)
    """
    for series in range(start, stop):
        begin, end = pointers[series], pointers[series + 1]
        for column in range(len(table)):
            copy(table[column, table_at[series] : table_at[series] + end - begin], 1.0, out[column, begin:end])


@kernel
def fill_next(start, stop, tails, length, kinds, lengths, shift, levels, scratch, out):
    """Fill the columns of the next period of some series, from the tail of each: the same bits as of all periods.

    Parameters
    ----------
    tails : ndarray of float64, shape (n_series, width)
        The last values of each series, of which `length` are known; NaN where the series is shorter. What
        reaches further back is NaN too.
    levels : ndarray of float64, shape (n_series, n_columns)
        The exponential averages up to `shift` periods before the next one.
    scratch : ndarray of float64, shape (2, longest window)
        Of this range alone.
    out : ndarray, shape (n_columns or more, n_series)
    """
    for series in range(start, stop):
        for column in range(len(kinds)):
            kind, window = kinds[column], lengths[column]
            last = length - shift
            if kind == LAG:
                out[column, series] = tails[series, length - window] if window <= length else np.nan
            elif kind == EMA:
                out[column, series] = levels[series, column]
            elif last - window + 1 < 0:
                out[column, series] = np.nan
            else:
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
    if kind in (MIN, MAX):
        found = given[0]
        for i in range(1, window):
            found = min(found, given[i]) if kind == MIN else max(found, given[i])
        return found
    for i in range(1, window):  # by insertion: few values, and it compiles in a tenth of the time of sort()
        value, place = given[i], i
        while place > 0 and given[place - 1] > value:
            given[place] = given[place - 1]
            place -= 1
        given[place] = value
    half = window // 2
    return given[half] if window % 2 == 1 else 0.5 * given[half - 1] + 0.5 * given[half]


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
            level, weight = np.nan, 0.0
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
