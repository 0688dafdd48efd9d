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
LONGEST_DOUBLED = 1024

#: Results for which one set of loops is run: few enough for the first cache, enough to forget its start.
CHUNK = 1024

#: Rows of the scratch of a range.
SCRATCH_ROWS = 6

#: Values beyond this are counted, as squares and sums of them may be infinite. They themselves may be, too.
HUGE = 2.0**500


@kernel
def smooth_series(start, stop, values, pointers, full_window, full_ahead, halves, least, statistic, out):
    """Smooth series ``values[pointers[s]:pointers[s + 1]]``, one after the other.

    Parameters
    ----------
    start, stop : int
        The series.
    values : ndarray of float64
        Writable, although they are not written: so the loops work on them and on scratch alike, and are
        compiled once.
    full_window, full_ahead : int
        The window, and how far ahead of its result it ends.
    least : int
        Results of windows that hold fewer values, NaN aside, are NaN.
    statistic : int
        SUM, MEAN, STD, MIN or MAX.
    out : ndarray of float64

    Returns
    -------
    int
        Number of values beyond `HUGE`.
    """
    longest = 0
    for series in range(start, stop):
        longest = max(longest, pointers[series + 1] - pointers[series])
    scratch = np.empty((SCRATCH_ROWS, max(CHUNK + LONGEST_DOUBLED, min(full_window, 2 * longest + 1)) + 2))
    every = least >= full_window  # no value of a window may be missing
    blocks = full_window > LONGEST_DOUBLED or (statistic == STD and not every)
    huge = 0
    for series in range(start, stop):
        row, smoothed = values[pointers[series] : pointers[series + 1]], out[pointers[series] : pointers[series + 1]]
        n = len(row)
        window, ahead = reach(n, full_window, full_ahead)
        span = window + 1 if halves else window
        for i in range(n):
            huge += np.abs(row[i]) > HUGE
        for t in range(min(max(-ahead, 0), n)):
            smoothed[t] = 0.0 if least == 0 and statistic == SUM else np.nan
        # Windows end at the places from `first` to `last`, some of them past the series. All inside it are those
        # that end from `left` to `right`.
        first, last = max(ahead, 0), max(n + ahead, 0)
        left, right = max(first, span - 1), min(last, n)
        if blocks or right <= left:
            left, right = last, last
        edges = (first, min(left, last), max(right, left), last)
        for side in range(0, 4, 2):
            begin, end = edges[side], edges[side + 1]
            if begin < end and every and not blocks:
                for t in range(begin - ahead, end - ahead):
                    smoothed[t] = np.nan  # they hold too few
            elif begin < end and statistic == STD:
                scan_deviations(row, window, ahead, least, begin, end, scratch, smoothed)
            elif begin < end and statistic in (MIN, MAX):
                sign = 1.0 if statistic == MAX else -1.0
                scan_extremes(row, window, ahead, least, sign, begin, end, scratch, smoothed)
            elif begin < end:
                scan_sums(row, window, ahead, halves, least, statistic == MEAN, begin, end, scratch, smoothed)
        for begin in range(left, right, CHUNK):
            end = min(begin + CHUNK, right)
            piece = smoothed[begin - ahead : end - ahead]
            smooth_inside(row[begin - span + 1 : end], window, halves, least, statistic, scratch, piece)
    return huge


@kernel
def reach(n, window, ahead):
    """The window without what it never reaches in a series of n values; none of a longer window is inside it."""
    if ahead < 0:
        return min(window, n + 1), ahead
    return min(window - 1 - ahead, n) + min(ahead, n) + 1, min(ahead, n)


@kernel
def smooth_inside(values, window, halves, least, statistic, scratch, out):
    """Smooth where all windows are inside the series: out[i] is that of the window which begins at i."""
    extreme = statistic in (MIN, MAX)
    source, found = values, out
    missing = 0
    if least < window:
        # What is missing is nothing to a sum, and beaten by all in a search; `known` counts the others.
        nothing = 0.0
        if extreme:
            nothing = np.inf if statistic == MIN else -np.inf
        filled, known = scratch[0], scratch[1]
        for i in range(len(values)):
            gap = values[i] != values[i]
            filled[i] = nothing if gap else values[i]
            known[i] = 0.0 if gap else 1.0
            missing += gap
    counts = scratch[4]
    for part in range(2 if missing else 1):
        # Without gaps, or where every gap is NaN in all windows that hold it, the counts need no look.
        divisor = 2.0 if halves else 1.0
        if missing:
            source, found = (scratch[1], counts) if part == 0 else (scratch[0], scratch[5])
        elif statistic == MEAN:
            divisor *= window
        if statistic == STD:
            deviation_windows(source, window, scratch, found, len(out))
        elif extreme and (part == 1 or not missing):
            extreme_windows(source, window, statistic == MAX, scratch, found, len(out))
        else:
            sum_windows(source, window, halves, divisor, scratch, found, len(out))
    if missing:
        for i in range(len(out)):
            total = found[i] / counts[i] if statistic == MEAN else found[i]
            out[i] = total if counts[i] >= least else np.nan


@kernel
def sum_windows(values, window, halves, divisor, scratch, out, n):
    """Sums, by a divisor, of the first n windows of `values`, by doubling. Rows 2 and 3 of the scratch are used.

    The bits of `window` are read from the left: from sums of m values come sums of 2 m, or 2 m + 1. With
    `halves` two neighbours are added in the end.
    """
    levels = 0
    while window >> (levels + 1):
        levels += 1
    steps = levels + 1 if halves else levels
    before, size, left = values, 1, n + window + (1 if halves else 0)
    for step in range(steps):
        odd, shift = 0, 1
        if step < levels:
            odd, shift = (window >> (levels - 1 - step)) & 1, size
            size = 2 * size + odd
        last = step == steps - 1
        sums = out if last else scratch[2 + step % 2]
        added, rest = before[shift:], values[2 * shift :] if odd else values
        count = n if last else left - size
        by = divisor if last else 1.0
        if odd and by != 1.0:
            for i in range(count):
                sums[i] = (before[i] + added[i] + rest[i]) / by
        elif odd:
            for i in range(count):
                sums[i] = before[i] + added[i] + rest[i]
        elif by != 1.0:
            for i in range(count):
                sums[i] = (before[i] + added[i]) / by
        else:
            for i in range(count):
                sums[i] = before[i] + added[i]
        before = sums
    if steps == 0:
        for i in range(n):
            out[i] = values[i] / divisor


@kernel
def extreme_windows(values, window, largest, scratch, out, n):
    """Minima or maxima of the first n windows of `values`, by doubling. Rows 2 and 3 of the scratch are used.

    Here the two halves of a window may overlap. NaN is handed on.
    """
    before, size, into = values, 1, 2
    while size < window:
        larger = min(2 * size, window)
        found, others, count = out if larger == window else scratch[into], before[larger - size :], n + window - larger
        if largest:
            for i in range(count):
                one, other = before[i], others[i]
                found[i] = one if (one >= other) | (one != one) else other
        else:
            for i in range(count):
                one, other = before[i], others[i]
                found[i] = one if (one <= other) | (one != one) else other
        before, size, into = found, larger, 5 - into
    if window == 1:
        for i in range(n):
            out[i] = values[i]


@kernel
def deviation_windows(values, window, scratch, out, n):
    """Standard deviations of the first n windows of `values`, by doubling.

    Of each window the mean is kept as it lies off the first value, and the sum of squares about it: digits
    are lost to nothing but the spread of the window itself, and the deviation of equal values is 0. Rows 2
    and 3 of the scratch are for means, 4 and 5 for squares.
    """
    levels = 0
    while window >> (levels + 1):
        levels += 1
    for i in range(n + window - 1):
        scratch[3, i] = scratch[5, i] = values[i] - values[i]  # zero, or NaN
    into, size = 2, 1
    for level in range(levels):
        odd = (window >> (levels - 1 - level)) & 1
        means, squares, next_values = scratch[5 - into], scratch[7 - into], values[size:]
        next_means, next_squares, rest = means[size:], squares[size:], values[2 * size :] if odd else values
        new_means, new_squares, half = scratch[into], scratch[2 + into], 0.5 * size
        share, count = 1.0 / (2.0 * size + 1.0), n + window - 2 * size - odd
        if odd:
            for i in range(count):
                gap = (next_values[i] - values[i]) + (next_means[i] - means[i])
                mean = means[i] + 0.5 * gap
                off = (rest[i] - values[i]) - mean
                new_means[i] = mean + off * share
                new_squares[i] = (squares[i] + next_squares[i]) + gap * gap * half + off * off * (2.0 * size * share)
        else:
            for i in range(count):
                gap = (next_values[i] - values[i]) + (next_means[i] - means[i])
                new_means[i] = means[i] + 0.5 * gap
                new_squares[i] = (squares[i] + next_squares[i]) + gap * gap * half
        into, size = 5 - into, 2 * size + odd
    squares = scratch[7 - into]
    for i in range(n):
        out[i] = np.sqrt(squares[i] / (window - 1.0))


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
        start = block - window
        filled = max(min(window, n - start), 0) if block else 0
        for i in range(filled, window + 1):
            before[i], known[i] = 0.0, 0.0
        for i in range(filled - 1, -1, -1):
            value = values[start + i]
            if value == value:
                grown = total + value
                part = grown - total
                lost += (total - (grown - part)) + (value - part)
                total = grown
                count += 1.0
            before[i], known[i] = total + lost, count
        total, lost, count = 0.0, 0.0, 0.0
        for end in range(block, min(block + window, last)):
            value = values[end] if end < n else np.nan
            if value == value:
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
        start = block - window
        filled = max(min(window, n - start), 0) if block else 0
        for i in range(filled, window + 1):
            before[i], known[i] = -np.inf, 0.0
        for i in range(filled - 1, -1, -1):
            value = values[start + i]
            if value == value:
                best = max(best, sign * value)
                count += 1.0
            before[i], known[i] = best, count
        best, count = -np.inf, 0.0
        for end in range(block, min(block + window, last)):
            value = values[end] if end < n else np.nan
            if value == value:
                best = max(best, sign * value)
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
        start = block - window
        filled = max(min(window, n - start), 0) if block else 0
        for i in range(filled, window + 1):
            means[i], squares[i], known[i] = 0.0, 0.0, 0.0
        for i in range(filled - 1, -1, -1):
            value = values[start + i]
            if value == value:
                pivot_before = value if count == 0 else pivot_before
                count += 1
                off = value - pivot_before - mean
                mean += off * shares[count]
                square += off * (value - pivot_before - mean)
            means[i], squares[i], known[i] = mean, square, count
        pivot = 0.0
        mean, square, count = 0.0, 0.0, 0
        for end in range(block, min(block + window, last)):
            value = values[end] if end < n else np.nan
            if value == value:
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
