"""Sums, means, deviations, minima and maxima of windows that slide along series.

No value ever leaves a sum by being taken off: what is added up are the values of the window alone. So a
huge value costs no digits once it has left, a missing one spoils the windows that hold it and no other,
and a result depends on its window to the last bit, whatever follows.

There are two ways. `sum_windows`, `extreme_windows` and `deviation_windows` double: the sums of 2 m values
are the sums of m values added to themselves m places on. Each doubling is a loop without a chain, which is
done by vectors of the processor; windows up to `LONGEST_DOUBLED` are quick that way. `scan_sums`,
`scan_extremes` and `scan_deviations` cut the series into blocks of the length of the window: a window is
the end of one block and the beginning of the next, and both accumulate step by step, for any length. They
also serve windows that reach over the end of a series.

A window is told by its `window` values and by `ahead`, how far its last value lies ahead of the place of
its result: 0 for trailing windows, negative for lagged ones. With `halves` it has one value more, and the
first and the last count half.
"""

from __future__ import annotations

import numpy as np

from crmkit._numba._policy import kernel

SUM, MEAN, STD, MIN, MAX = range(5)

#: Doubling costs a loop more whenever the window doubles; from here on scans are as quick.
LONGEST_DOUBLED = 512

#: Results for which one set of loops is run: few enough for the first cache, enough to forget its start.
CHUNK = 1024

#: Rows of the scratch of a range.
SCRATCH_ROWS = 6

#: Values beyond this are counted, as squares and sums of them may be infinite. They themselves may be, too.
HUGE = 2.0**500


@kernel
def smooth_series(start, stop, values, pointers, window, ahead, halves, least, statistic, out):
    """Smooth series ``values[pointers[s]:pointers[s + 1]]``, one after the other.

    Parameters
    ----------
    start, stop : int
        The series.
    values : ndarray of float32 or float64
    least : int
        Results of windows that hold fewer values, NaN aside, are NaN.
    statistic : int
        SUM, MEAN, STD, MIN or MAX.
    out : ndarray of the type of `values`

    Returns
    -------
    int
        Number of values beyond `HUGE`.
    """
    scratch = new_scratch(window)
    huge = 0
    for series in range(start, stop):
        first, last = pointers[series], pointers[series + 1]
        huge += smooth(values[first:last], window, ahead, halves, least, statistic, scratch, out[first:last])
    return huge


@kernel
def smooth_columns(start, stop, values, window, ahead, halves, least, statistic, width, out):
    """Smooth the columns of a table of shape (n_times, n_series), `width` at a time as rows of their own."""
    n_times = len(values)
    huge = 0
    scratch = new_scratch(window)
    rows, smoothed = np.empty((width, n_times), values.dtype), np.empty((width, n_times), values.dtype)
    for first in range(start, stop, width):
        last = min(first + width, stop)
        for time in range(n_times):
            for series in range(first, last):
                rows[series - first, time] = values[time, series]
        for row in range(last - first):
            huge += smooth(rows[row], window, ahead, halves, least, statistic, scratch, smoothed[row])
        for time in range(n_times):
            for series in range(first, last):
                out[time, series] = smoothed[series - first, time]
    return huge


@kernel
def new_scratch(window):
    """Room for the loops of one range."""
    return np.empty((SCRATCH_ROWS, max(CHUNK + LONGEST_DOUBLED, window) + 2))


@kernel
def smooth(values, window, ahead, halves, least, statistic, scratch, out):
    """Smooth one series, and return its number of values beyond `HUGE`."""
    n = len(values)
    huge = 0
    for i in range(n):
        huge += np.abs(values[i]) > HUGE
    first, last = max(ahead, 0), max(n + ahead, 0)  # the places at which windows end, some of them past the series
    out[: min(max(-ahead, 0), n)] = 0.0 if least == 0 else np.nan
    if window > LONGEST_DOUBLED or (statistic == STD and least < window):
        scan(values, window, ahead, halves, least, statistic, first, last, scratch, out)
        return huge
    span = window + 1 if halves else window
    if least >= window:  # windows that reach over the ends hold too few
        out[first - ahead : min(span - 1, last) - ahead] = np.nan
        out[max(n, span - 1, first) - ahead : n] = np.nan
    else:
        scan(values, window, ahead, halves, least, statistic, first, min(span - 1, last), scratch, out)
        scan(values, window, ahead, halves, least, statistic, max(n, span - 1, first), last, scratch, out)
    first, last = max(first, span - 1), min(last, n)
    for begin in range(first, last, CHUNK):
        end = min(begin + CHUNK, last)
        inside = values[begin - span + 1 : end]
        smooth_inside(inside, window, halves, least, statistic, scratch, out[begin - ahead : end - ahead])
    return huge


@kernel
def smooth_inside(values, window, halves, least, statistic, scratch, out):
    """Smooth where all windows are inside the series: out[i] is that of the window which begins at i."""
    n = len(values)
    extreme = statistic in (MIN, MAX)
    missing = 0
    if least < window:
        # What is missing is nothing to a sum, and beaten by all in a search; `known` counts the others.
        filled, known = scratch[2, :n], scratch[3, :n]
        nothing = 0.0
        if extreme:
            nothing = np.inf if statistic == MIN else -np.inf
        for i in range(n):
            gap = values[i] != values[i]
            filled[i] = nothing if gap else values[i]
            known[i] = 0.0 if gap else 1.0
            missing += gap
    if missing == 0:
        # NaN stays NaN, in all windows that hold it.
        if statistic == STD:
            deviation_windows(values, window, scratch, out)
        elif extreme:
            extreme_windows(values, window, statistic == MAX, scratch, out)
        else:
            sum_windows(values, window, halves, statistic == MEAN, scratch, out)
        return
    totals, counts = scratch[4, : len(out)], scratch[5, : len(out)]
    sum_windows(scratch[3, :n], window, halves, False, scratch, counts)
    if extreme:
        extreme_windows(scratch[2, :n], window, statistic == MAX, scratch, totals)
    else:
        sum_windows(scratch[2, :n], window, halves, False, scratch, totals)
    mean = statistic == MEAN
    for i in range(len(out)):
        total = totals[i] / counts[i] if mean else totals[i]
        out[i] = total if counts[i] >= least else np.nan


@kernel
def sum_windows(values, window, halves, mean, scratch, out):
    """Sums or means of all windows inside `values`, by doubling. Rows 0 and 1 of the scratch are used.

    The bits of `window` are read from the left: from sums of m values come sums of 2 m, or 2 m + 1.
    """
    levels = 0
    while window >> (levels + 1):
        levels += 1
    n = len(values) + 1
    divisor = float(window) if mean else 1.0
    if halves:
        divisor *= 2.0
    size = 1
    for level in range(levels):
        odd = (window >> (levels - 1 - level)) & 1
        larger = 2 * size + odd
        before, room = scratch[(level + 1) % 2], scratch[level % 2, : n - larger]
        last = level == levels - 1 and not halves
        if level == 0 and last:
            add_up(values, values, size, odd, divisor, out)
        elif level == 0:
            add_up(values, values, size, odd, 1.0, room)
        elif last:
            add_up(before, values, size, odd, divisor, out)
        else:
            add_up(before, values, size, odd, 1.0, room)
        size = larger
    if halves and levels:
        add_up(scratch[(levels + 1) % 2], values, 1, 0, divisor, out)
    elif levels == 0:
        out[:] = values


@kernel
def add_up(sums, values, size, odd, divisor, out):
    """Put sums of `size` values together to sums of 2 size + odd, and divide them."""
    n = len(out)
    others, rest = sums[size : size + n], values[2 * size * odd : 2 * size * odd + n]
    if odd and divisor != 1.0:
        for i in range(n):
            out[i] = (sums[i] + others[i] + rest[i]) / divisor
    elif odd:
        for i in range(n):
            out[i] = sums[i] + others[i] + rest[i]
    elif divisor != 1.0:
        for i in range(n):
            out[i] = (sums[i] + others[i]) / divisor
    else:
        for i in range(n):
            out[i] = sums[i] + others[i]


@kernel
def extreme_windows(values, window, largest, scratch, out):
    """Minima or maxima of all windows inside `values`, by doubling. Rows 0 and 1 of the scratch are used.

    Here the two halves of a window may overlap.
    """
    n = len(values) + 1
    size, level = 1, 0
    if window == 1:
        out[:] = values
    while size < window:
        larger = min(2 * size, window)
        before, room = scratch[(level + 1) % 2], scratch[level % 2, : n - larger]
        if level == 0 and larger == window:
            keep_extremes(values, larger - size, largest, out)
        elif level == 0:
            keep_extremes(values, larger - size, largest, room)
        elif larger == window:
            keep_extremes(before, larger - size, largest, out)
        else:
            keep_extremes(before, larger - size, largest, room)
        size = larger
        level += 1


@kernel
def keep_extremes(values, shift, largest, out):
    """The smaller or larger of each value and the one `shift` places on; NaN if one of them is."""
    n = len(out)
    others = values[shift : shift + n]
    if largest:
        for i in range(n):
            one, other = values[i], others[i]
            out[i] = one if (one >= other) | (one != one) else other
    else:
        for i in range(n):
            one, other = values[i], others[i]
            out[i] = one if (one <= other) | (one != one) else other


@kernel
def deviation_windows(values, window, scratch, out):
    """Standard deviations of all windows inside `values`, by doubling. Rows 0 to 3 of the scratch are used.

    Of each window the mean is kept as it lies off the first value, and the sum of squares about it: digits
    are lost to nothing but the spread of the window itself, and the deviation of equal values is 0.
    """
    levels = 0
    while window >> (levels + 1):
        levels += 1
    n = len(values) + 1
    means, squares = scratch[1], scratch[3]
    means[: n - 1] = 0.0
    squares[: n - 1] = 0.0
    size = 1
    for level in range(levels):
        odd = (window >> (levels - 1 - level)) & 1
        larger = 2 * size + odd
        into = level % 2
        means, squares = scratch[1 - into], scratch[3 - into]
        spread(values, means, squares, size, odd, scratch[into, : n - larger], scratch[2 + into, : n - larger])
        means, squares = scratch[into], scratch[2 + into]
        size = larger
    for i in range(len(out)):
        out[i] = np.sqrt(squares[i] / (window - 1.0))


@kernel
def spread(values, means, squares, size, odd, means_out, squares_out):
    """Put the means and squares of windows of `size` values together to those of 2 size + odd."""
    n = len(means_out)
    next_values, next_means, next_squares = values[size : size + n], means[size : size + n], squares[size : size + n]
    half = 0.5 * size
    if not odd:
        for i in range(n):
            gap = (next_values[i] - values[i]) + (next_means[i] - means[i])
            means_out[i] = means[i] + 0.5 * gap
            squares_out[i] = (squares[i] + next_squares[i]) + gap * gap * half
        return
    rest = values[2 * size : 2 * size + n]
    share = 1.0 / (2.0 * size + 1.0)
    for i in range(n):
        gap = (next_values[i] - values[i]) + (next_means[i] - means[i])
        mean = means[i] + 0.5 * gap
        off = (rest[i] - values[i]) - mean
        means_out[i] = mean + off * share
        squares_out[i] = (squares[i] + next_squares[i]) + gap * gap * half + off * off * (2.0 * size * share)


@kernel
def scan(values, window, ahead, halves, least, statistic, first, last, scratch, out):
    """Any statistic of the windows that end at the places from `first` to `last`, by blocks."""
    if first >= last:
        return
    if statistic == STD:
        scan_deviations(values, window, ahead, least, first, last, scratch, out)
    elif statistic in (MIN, MAX):
        sign = 1.0 if statistic == MAX else -1.0
        scan_extremes(values, window, ahead, least, sign, first, last, scratch, out)
    else:
        scan_sums(values, window, ahead, halves, least, statistic == MEAN, first, last, scratch, out)


@kernel
def scan_sums(values, window, ahead, halves, least, mean, first, last, scratch, out):
    """Sums or means, by blocks. What rounding loses is added up beside each sum."""
    n = len(values)
    before, known = scratch[0], scratch[1]
    begin = max(first - 1, 0) if halves else first
    total_before, count_before = 0.0, 0.0
    for block in range(begin - begin % window, last, window):
        # The block before this one, from its end: before[i] is the sum from its place i on.
        total, lost, count = 0.0, 0.0, 0.0
        before[window], known[window] = 0.0, 0.0
        for i in range(window - 1, -1, -1):
            position = block - window + i
            if 0 <= position < n and values[position] == values[position]:
                value = np.float64(values[position])
                grown = total + value
                part = grown - total
                lost += (total - (grown - part)) + (value - part)
                total = grown
                count += 1.0
            before[i], known[i] = total + lost, count
        total, lost, count = 0.0, 0.0, 0.0
        for end in range(block, min(block + window, last)):
            if end < n and values[end] == values[end]:
                value = np.float64(values[end])
                grown = total + value
                part = grown - total
                lost += (total - (grown - part)) + (value - part)
                total = grown
                count += 1.0
            total_here = total + lost + before[end - block + 1]
            count_here = count + known[end - block + 1]
            shown, weight = total_here, count_here
            if halves:
                shown, weight = 0.5 * (total_here + total_before), 0.5 * (count_here + count_before)
                total_before, count_before = total_here, count_here
            if end >= first:
                out[end - ahead] = (shown / weight if mean else shown) if weight >= least else np.nan


@kernel
def scan_extremes(values, window, ahead, least, sign, first, last, scratch, out):
    """Minima (`sign` -1) or maxima (1), by blocks."""
    n = len(values)
    before, known = scratch[0], scratch[1]
    for block in range(first - first % window, last, window):
        best, count = -np.inf, 0.0
        before[window], known[window] = -np.inf, 0.0
        for i in range(window - 1, -1, -1):
            position = block - window + i
            if 0 <= position < n and values[position] == values[position]:
                best = max(best, sign * values[position])
                count += 1.0
            before[i], known[i] = best, count
        best, count = -np.inf, 0.0
        for end in range(block, min(block + window, last)):
            if end < n and values[end] == values[end]:
                best = max(best, sign * values[end])
                count += 1.0
            if end >= first:
                enough = count + known[end - block + 1] >= least
                out[end - ahead] = sign * max(best, before[end - block + 1]) if enough else np.nan


@kernel
def scan_deviations(values, window, ahead, least, first, last, scratch, out):
    """Standard deviations with the divisor n - 1, by blocks (Welford; the halves put together as Chan et al. do).

    Both halves are measured from a value of their own that all their windows hold. So digits are lost to
    nothing but the spread of the window itself, and that of equal values is 0.
    """
    n = len(values)
    means, squares, known, shares = scratch[0], scratch[1], scratch[2], scratch[3]
    for i in range(1, min(window, n) + 1):
        shares[i] = 1.0 / i  # beforehand, as a step waits for the one before it, and a division is slow
    for block in range(first - first % window, last, window):
        pivot_before = 0.0
        mean, square, count = 0.0, 0.0, 0
        means[window], squares[window], known[window] = 0.0, 0.0, 0.0
        for i in range(window - 1, -1, -1):
            position = block - window + i
            if 0 <= position < n and values[position] == values[position]:
                value = np.float64(values[position])
                pivot_before = value if count == 0 else pivot_before
                count += 1
                off = value - pivot_before - mean
                mean += off * shares[count]
                square += off * (value - pivot_before - mean)
            means[i], squares[i], known[i] = mean, square, count
        pivot = 0.0
        mean, square, count = 0.0, 0.0, 0
        for end in range(block, min(block + window, last)):
            if end < n and values[end] == values[end]:
                value = np.float64(values[end])
                pivot = value if count == 0 else pivot
                count += 1
                off = value - pivot - mean
                mean += off * shares[count]
                square += off * (value - pivot - mean)
            if end >= first:
                i = end - block + 1
                both = count + known[i]
                gap = (pivot - pivot_before) + (mean - means[i])
                between = gap * gap * (count * known[i] / both) if count > 0 and known[i] > 0.0 else 0.0
                deviation = np.sqrt((square + squares[i] + between) / (both - 1.0))
                out[end - ahead] = deviation if both >= least and both > 1.0 else np.nan
