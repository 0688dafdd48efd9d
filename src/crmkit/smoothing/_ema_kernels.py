"""Exponential moving averages: of rows, of columns, of series one after the other.

All are one recursion. A mean y of weight `old` meets a value x of weight `new`: with ``old *= decay``
first, they are averaged, and then `old` is ``old + new`` (adjusted weights) or 1 (not adjusted). The
average is a step from the heavier of the two towards the lighter one, by the lighter one's share: so a
constant series stays what it is, and a value that outweighs a huge mean keeps its digits. Before the
first value `old` is 0, so that y becomes x.

Where no value is missing, the shares are the same for all series and computed once. A missing value
makes the last mean NaN, so `complete_rows` and `complete_columns` need no test on the way: the caller
looks at the last means, and has the series with gaps done again by the others. All of them give the same
bits.
"""

from __future__ import annotations

import numpy as np

from crmkit._numba import kernel


@kernel
def complete_shares(decay, new, adjust):
    """Return the steps of a series without gaps, shape (n_times,).

    Above 0 it is the share of the value, by which the mean steps towards it; else the share of the mean,
    with a minus, by which the value steps back.
    """
    shares = np.empty(len(decay))
    old = 0.0
    for t in range(len(decay)):
        old *= decay[t]
        shares[t] = new / (old + new) if old >= new else -(old / (old + new))
        old = old + new if adjust else 1.0
    return shares


@kernel
def complete_rows(start, stop, values, shares, out, means):
    """Average rows without gaps; `means` are the float64 means in the end.

    A step waits for the one before it, some twelve cycles; eight rows side by side fill the wait, and
    take little longer than copying them: 1.05 to 1.6 times as long.
    """
    n_times = values.shape[1]
    row = start
    while row + 8 <= stop:
        a, b, c, d = values[row], values[row + 1], values[row + 2], values[row + 3]
        e, f, g, h = values[row + 4], values[row + 5], values[row + 6], values[row + 7]
        out_a, out_b, out_c, out_d = out[row], out[row + 1], out[row + 2], out[row + 3]
        out_e, out_f, out_g, out_h = out[row + 4], out[row + 5], out[row + 6], out[row + 7]
        # As float64, also where the values are float32. A mean that begins at -0.0 is 0.0, as in the other kernels.
        y_a, y_b, y_c, y_d = a[0] + 0.0, b[0] + 0.0, c[0] + 0.0, d[0] + 0.0
        y_e, y_f, y_g, y_h = e[0] + 0.0, f[0] + 0.0, g[0] + 0.0, h[0] + 0.0
        for t in range(n_times):
            share = shares[t]
            y_a = y_a + (a[t] - y_a) * share if share > 0.0 else a[t] + (a[t] - y_a) * share
            y_b = y_b + (b[t] - y_b) * share if share > 0.0 else b[t] + (b[t] - y_b) * share
            y_c = y_c + (c[t] - y_c) * share if share > 0.0 else c[t] + (c[t] - y_c) * share
            y_d = y_d + (d[t] - y_d) * share if share > 0.0 else d[t] + (d[t] - y_d) * share
            y_e = y_e + (e[t] - y_e) * share if share > 0.0 else e[t] + (e[t] - y_e) * share
            y_f = y_f + (f[t] - y_f) * share if share > 0.0 else f[t] + (f[t] - y_f) * share
            y_g = y_g + (g[t] - y_g) * share if share > 0.0 else g[t] + (g[t] - y_g) * share
            y_h = y_h + (h[t] - y_h) * share if share > 0.0 else h[t] + (h[t] - y_h) * share
            out_a[t], out_b[t], out_c[t], out_d[t] = y_a, y_b, y_c, y_d
            out_e[t], out_f[t], out_g[t], out_h[t] = y_e, y_f, y_g, y_h
        means[row], means[row + 1], means[row + 2], means[row + 3] = y_a, y_b, y_c, y_d
        means[row + 4], means[row + 5], means[row + 6], means[row + 7] = y_e, y_f, y_g, y_h
        row += 8
    for rest in range(row, stop):
        mean = values[rest, 0] + 0.0
        for t in range(n_times):
            value, share = values[rest, t], shares[t]
            mean = mean + (value - mean) * share if share > 0.0 else value + (value - mean) * share
            out[rest, t] = mean
        means[rest] = mean


@kernel
def complete_columns(start, stop, values, shares, out, means):
    """Average columns without gaps: values of shape (n_times, n_series); `means` are the float64 means of the series.

    The loop over series has no chain, so it is done by vectors of the processor.
    """
    means = means[start:stop]
    for series in range(len(means)):
        means[series] = values[0, start + series] + 0.0
    for t in range(values.shape[0]):
        share, given, row = shares[t], values[t, start:stop], out[t, start:stop]
        # From 0 on: where a count begins at an argument, the compiler asks of each whether it is negative.
        for series in range(len(means)):
            value, mean = given[series], means[series]
            mean = (mean if share > 0.0 else value) + (value - mean) * share
            means[series] = mean
            row[series] = mean


@kernel
def advance(row, ageing, new, adjust, ignore_na, min_periods, means, old, counts):
    """Carry the means of series over their next values, `row`, and put them in its place; NaN is a missing value.

    `means`, `old` and `counts` (of values seen) are the state of the series, and are changed. All are
    float64, and there are only four arrays: so the compiler finds that none overlap, and works in vectors.
    With a fifth for what is put out it gave up, and took three times as long.
    """
    for series in range(len(row)):
        value, mean = row[series], means[series]
        seen = value == value
        weight = old[series] * (ageing if seen or not ignore_na else 1.0)
        lighter = new if weight >= new else weight  # noqa: FURB136  min() would look for NaN as well
        gap = (value - mean) * (lighter / (weight + new))
        moved = mean + gap if weight >= new else value - gap
        mean = moved if seen else mean
        means[series] = mean
        old[series] = (weight + new if adjust else 1.0) if seen else weight
        count = counts[series] + (1.0 if seen else 0.0)
        counts[series] = count
        row[series] = mean if count >= min_periods else np.nan


@kernel
def step_columns(start, stop, values, decay, new, adjust, ignore_na, min_periods, means, old, counts, out):
    """Carry the means of columns over values of shape (n_times, n_series): `advance`, time by time."""
    means, old, counts = means[start:stop], old[start:stop], counts[start:stop]
    for t in range(values.shape[0]):
        row = out[t, start:stop]
        row[:] = values[t, start:stop]
        advance(row, decay[t], new, adjust, ignore_na, min_periods, means, old, counts)


@kernel
def meet(value, mean, weight, share, fading, new, after_one, ignore_na):
    """Return mean, weight and step after one value, not adjusted; `share` is the step that was due, see above."""
    if value == value:
        return (mean if share > 0.0 else value) + (value - mean) * share, fading, after_one
    if not ignore_na:
        weight *= fading
        share = new / (weight + new) if weight >= new else -(weight / (weight + new))
    return mean, weight, share


@kernel
def gappy_rows(start, stop, values, fading, new, ignore_na, out, means):
    """Average rows with gaps, at regular times and not adjusted: `step_rows` in half of its time.

    The shares change only after a gap, so only there is divided. Four rows side by side.
    """
    n_times = values.shape[1]
    after_one = new / (fading + new) if fading >= new else -(fading / (fading + new))
    for row in range(start, stop, 4):
        last = stop - 1
        a, b, c, d = values[row], values[min(row + 1, last)], values[min(row + 2, last)], values[min(row + 3, last)]
        out_a, out_b = out[row], out[min(row + 1, last)]
        out_c, out_d = out[min(row + 2, last)], out[min(row + 3, last)]
        y_a, y_b, y_c, y_d = 0.0, 0.0, 0.0, 0.0
        w_a, w_b, w_c, w_d = 0.0, 0.0, 0.0, 0.0
        s_a, s_b, s_c, s_d = -0.0, -0.0, -0.0, -0.0
        for t in range(n_times):
            y_a, w_a, s_a = meet(a[t], y_a, w_a, s_a, fading, new, after_one, ignore_na)
            y_b, w_b, s_b = meet(b[t], y_b, w_b, s_b, fading, new, after_one, ignore_na)
            y_c, w_c, s_c = meet(c[t], y_c, w_c, s_c, fading, new, after_one, ignore_na)
            y_d, w_d, s_d = meet(d[t], y_d, w_d, s_d, fading, new, after_one, ignore_na)
            out_a[t], out_b[t], out_c[t], out_d[t] = y_a, y_b, y_c, y_d
        means[row], means[min(row + 1, last)] = y_a, y_b
        means[min(row + 2, last)], means[min(row + 3, last)] = y_c, y_d
    for row in range(start, stop):
        t = 0
        while t < n_times and values[row, t] != values[row, t]:
            out[row, t] = np.nan
            t += 1


@kernel
def step_rows(start, stop, values, decay, new, adjust, ignore_na, min_periods, means, old, counts, out, width, length):
    """Carry the means of rows over values of shape (n_series, n_times): `advance`, upon turned tiles.

    Turning tiles of `width` rows and `length` times and back, and a loop in vectors between, takes half as
    long as the rows as they stand, whose steps wait for each other. As constants of this function the sizes
    would have the loops unrolled, which takes twice as long.
    """
    n_times = values.shape[1]
    # Eight places more than are used: rows at powers of two apart would push each other out of the cache.
    tile = np.full((length, width + 8), np.nan)
    mean, weight, count = np.empty(width), np.empty(width), np.empty(width)
    for first in range(start, stop, width):
        rows = min(width, stop - first)
        mean[:rows], weight[:rows] = means[first : first + rows], old[first : first + rows]
        count[:rows] = counts[first : first + rows]
        for begin in range(0, n_times, length):
            times = min(length, n_times - begin)
            for row in range(rows):
                given = values[first + row, begin : begin + times]
                for t in range(len(given)):
                    tile[t, row] = given[t]
            for t in range(times):
                advance(tile[t, :width], decay[begin + t], new, adjust, ignore_na, min_periods, mean, weight, count
                )  # fmt: skip
            for row in range(rows):
                done = out[first + row, begin : begin + times]
                for t in range(len(done)):
                    done[t] = tile[t, row]
        means[first : first + rows], old[first : first + rows] = mean[:rows], weight[:rows]
        counts[first : first + rows] = count[:rows]


@kernel
def average_series(start, stop, values, pointers, elapsed, fading, new, adjust, ignore_na, min_periods, out):
    """Average series ``values[pointers[s]:pointers[s + 1]]`` of any lengths, one after the other.

    `fading` is what is left of a weight after one unit of time; `elapsed`, of one element for each
    value or empty, is the time since the value before it in those units: 1 throughout where it is empty.
    """
    regular = len(elapsed) == 0
    for series in range(start, stop):
        mean, old, count = 0.0, 0.0, 0
        for position in range(pointers[series], pointers[series + 1]):
            value = values[position]
            seen = value == value
            weight = old
            if old > 0.0 and (seen or not ignore_na):
                weight *= fading if regular else fading ** elapsed[position]
            if seen:
                if weight >= new:
                    mean += (value - mean) * (new / (weight + new))
                else:
                    mean = value + (mean - value) * (weight / (weight + new))
                old = weight + new if adjust else 1.0
                count += 1
            else:
                old = weight
            out[position] = mean if count >= min_periods else np.nan


@kernel
def average_regular_series(start, stop, values, pointers, fading, new, ignore_na, min_periods, out):
    """Average series as `average_series` does, at regular times and not adjusted: only after a gap is divided."""
    after_one = new / (fading + new) if fading >= new else -(fading / (fading + new))
    for series in range(start, stop):
        mean, weight, share, count = 0.0, 0.0, -0.0, 0
        for position in range(pointers[series], pointers[series + 1]):
            value = values[position]
            count += value == value
            mean, weight, share = meet(value, mean, weight, share, fading, new, after_one, ignore_na)
            out[position] = mean if count >= min_periods else np.nan


@kernel
def last_means(start, stop, values, times, first, last, same, unit, fading, new, adjust, ignore_na, min_periods, out):
    """Average the values ``values[first[r]:last[r]]`` of rows, and keep the last mean of each.

    Where ``same[r]`` the row's values begin as those of the row before it and go on: it starts where
    that one ended. `times` are int64, and `unit` is the time in which a weight is multiplied by `fading`;
    without times (length 0) each value is one unit after the one before it.
    """
    regular = len(times) == 0
    mean, old, count, position = 0.0, 0.0, 0, 0
    for row in range(start, stop):
        if row == start or not same[row]:
            mean, old, count, position = 0.0, 0.0, 0, first[row]
        while position < last[row]:
            value = values[position]
            seen = value == value
            weight = old
            if old > 0.0 and (seen or not ignore_na):
                weight *= fading if regular else fading ** ((times[position] - times[position - 1]) / unit)
            if seen:
                if weight >= new:
                    mean += (value - mean) * (new / (weight + new))
                else:
                    mean = value + (mean - value) * (weight / (weight + new))
                old = weight + new if adjust else 1.0
                count += 1
            else:
                old = weight
            position += 1
        out[row] = mean if count >= min_periods else np.nan


@kernel
def forecast_errors(start, stop, values, pointers, alphas, adjust, ignore_na):
    """Add up the squared errors of forecasting each value by the mean of those before it.

    Returns, for each alpha, the sum over the series, and the number of forecasts, which is the same for
    all. All alphas go along at once: the data are read once, and their steps do not wait for each other.
    """
    n = len(alphas)
    sums, means, old = np.zeros(n), np.zeros(n), np.zeros(n)
    count = 0
    for series in range(start, stop):
        old[:] = 0.0
        means[:] = 0.0
        begun = False
        for position in range(pointers[series], pointers[series + 1]):
            value = np.float64(values[position])
            seen = value == value
            if seen and begun:
                count += 1
            for k in range(n):
                new = 1.0 if adjust else alphas[k]
                weight = old[k] * (1.0 - alphas[k] if seen or not ignore_na else 1.0)
                error = value - means[k] if seen else 0.0
                sums[k] += error * error if begun else 0.0
                means[k] = means[k] + error * (new / (weight + new)) if seen else means[k]
                old[k] = (weight + new if adjust else 1.0) if seen else weight
            begun = begun or seen
    return sums, count
