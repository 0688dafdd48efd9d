"""Kernels that describe the events of each row's windows, for a range of rows at a time.

`window_edges` finds where the windows begin and end; the others read ``edges`` and write lines of
``out``. A line of `windows` holds three positions in `edges`: where the window begins, where it ends,
and where its recent half begins. A line of `lines` says which line of `out` receives each statistic,
-1 for those that nobody wants. Nothing but the events of the window enters a statistic, so that rows
come out the same in any order, in any range, and from a log of one customer.

Numbers come as whole cents, or else as floats; the other of the two arrays is empty. Missing floats
are passed over.
"""

from __future__ import annotations

import math

import numpy as np

from crmkit._numba import kernel
from crmkit._numba._money_kernels import add_money, money_of

_DAY = 86_400_000_000
_MINUTE = 60_000_000.0

#: Offsets that are no time before as_of: the first event, and the middle between it and as_of.
_WHOLE, _HALF = -1, -2

#: Where an event has no earlier one, and where it shall not be counted.
_NEVER = np.int64(9223372036854775807)


@kernel
def mark_kinds(codes, stops, pointers, kinds, reach, seen):
    """Mark the kinds of the events that some row sees; `reach` begins as where customers begin."""
    for row in range(len(codes)):
        reach[codes[row]] = max(reach[codes[row]], stops[row])
    for customer in range(len(reach)):
        for position in range(pointers[customer], reach[customer]):
            if kinds[position] >= 0:
                seen[kinds[position]] = True


@kernel
def latest_same(start, stop, pointers, base, rank, labels, latest, before):
    """For each event of some customers, the latest one before it with the same label, -1 without one.

    An event without a label gets a number that no window begins after. `latest` is -1 for each label.
    """
    for customer in range(start, stop):
        first, last = pointers[customer] - base, pointers[customer + 1] - base
        if len(rank) > 0:
            first, last = rank[first], rank[last]
        for position in range(first, last):
            label = labels[position]
            if label < 0:
                before[position] = _NEVER
            else:
                before[position] = latest[label] if latest[label] >= first else -1
                latest[label] = position


@kernel
def _earlier(time, first, position, limit):
    """The first event at or after an instant, which is not after `position`."""
    for _ in range(8):
        if position == first or time[position - 1] < limit:
            return position
        position -= 1
    left, right = first, position
    while left < right:
        middle = (left + right) >> 1
        if time[middle] < limit:
            left = middle + 1
        else:
            right = middle
    return left


@kernel
def window_edges(start, stop, codes, as_ofs, stops, pointers, base, rank, time, offsets, edges):
    """For each row and offset the first event that is not older, as a position in `time`.

    Positions in the log are made positions in `time` by taking off `base`, and then by `rank` where
    `time` has some of the events only. Offsets ascend, but for those that are no time.
    """
    for row in range(start, stop):
        first, last = pointers[codes[row]] - base, stops[row] - base
        if len(rank) > 0:
            first, last = rank[first], rank[last]
        position = last
        for number in range(len(offsets)):
            if offsets[number] == _WHOLE:
                edges[number, row - start] = first
            elif offsets[number] == _HALF:
                if first < last:
                    limit = as_ofs[row] - (as_ofs[row] - time[first]) // 2
                    edges[number, row - start] = _earlier(time, first, last, limit)
                else:
                    edges[number, row - start] = first
            else:
                position = _earlier(time, first, position, as_ofs[row] - offsets[number])
                edges[number, row - start] = position


@kernel
def _trend(earlier, recent):
    """Difference of two halves over their sum, between -1 and 1."""
    size = abs(earlier) + abs(recent)
    return (recent - earlier) / size if size > 0 else np.nan


@kernel
def describe_edges(start, stop, as_ofs, time, edges, windows, lines, out):
    """Number of events, days since the first and since the last, trend of their number."""
    n = stop - start
    instants = as_ofs[start:stop]
    for window in range(len(windows)):
        left, right, half = edges[windows[window, 0]], edges[windows[window, 1]], edges[windows[window, 2]]
        if lines[window, 0] >= 0:
            line = out[lines[window, 0], start:stop]
            for row in range(n):
                line[row] = right[row] - left[row]
        if lines[window, 1] >= 0:
            line = out[lines[window, 1], start:stop]
            for row in range(n):
                line[row] = (instants[row] - time[left[row]]) / _DAY if left[row] < right[row] else np.nan
        if lines[window, 2] >= 0:
            line = out[lines[window, 2], start:stop]
            for row in range(n):
                line[row] = (instants[row] - time[right[row] - 1]) / _DAY if left[row] < right[row] else np.nan
        if lines[window, 3] >= 0:
            line = out[lines[window, 3], start:stop]
            for row in range(n):
                line[row] = _trend(half[row] - left[row], right[row] - half[row])


@kernel
def describe_visits(start, stop, as_ofs, time, session_gap, edges, windows, lines, out):
    """Days counted back from as_of, and sessions: their number, mean length in minutes, mean size."""
    for window in range(len(windows)):
        left, right = edges[windows[window, 0]], edges[windows[window, 1]]
        for row in range(stop - start):
            days, sessions, length, last_day = 0, 0, np.int64(0), np.int64(-1)
            as_of = as_ofs[start + row]
            for position in range(left[row], right[row]):
                day = (as_of - time[position] - 1) // _DAY
                days += day != last_day
                last_day = day
                since = time[position] - time[position - 1] if position > left[row] else session_gap
                if since >= session_gap:
                    sessions += 1
                else:
                    length += since
            if lines[window, 0] >= 0:
                out[lines[window, 0], start + row] = days
            if lines[window, 1] >= 0:
                out[lines[window, 1], start + row] = sessions
            if lines[window, 2] >= 0:
                out[lines[window, 2], start + row] = length / _MINUTE / sessions if sessions else np.nan
            if lines[window, 3] >= 0:
                out[lines[window, 3], start + row] = (right[row] - left[row]) / sessions if sessions else np.nan


@kernel
def describe_gaps(start, stop, time, edges, windows, lines, out):
    """Mean and standard deviation of the days between one instant and the next, and regularity."""
    for window in range(len(windows)):
        left, right = edges[windows[window, 0]], edges[windows[window, 1]]
        for row in range(stop - start):
            gaps = 0
            for position in range(left[row] + 1, right[row]):
                gaps += time[position] != time[position - 1]
            mean, deviation = np.nan, np.nan
            if gaps > 0:
                mean = (time[right[row] - 1] - time[left[row]]) / gaps / _DAY
            if gaps > 1 and max(lines[window, 1], lines[window, 2]) >= 0:
                squares = 0.0
                for position in range(left[row] + 1, right[row]):
                    if time[position] != time[position - 1]:
                        squares += ((time[position] - time[position - 1]) / _DAY - mean) ** 2
                deviation = math.sqrt(squares / (gaps - 1))
            if lines[window, 0] >= 0:
                out[lines[window, 0], start + row] = mean
            if lines[window, 1] >= 0:
                out[lines[window, 1], start + row] = deviation
            if lines[window, 2] >= 0:
                out[lines[window, 2], start + row] = 1.0 / (1.0 + (deviation / mean) ** 2)


@kernel
def count_first(start, stop, before, edges, windows, lines, out):
    """Number of events whose like does not come before them in the window: distinct labels."""
    for window in range(len(windows)):
        left, right = edges[windows[window, 0]], edges[windows[window, 1]]
        for row in range(stop - start):
            count = 0
            for position in range(left[row], right[row]):
                count += before[position] < left[row]
            out[lines[window, 0], start + row] = count


@kernel
def share_of_events(start, stop, edges, all_edges, windows, lines, out):
    """Part that the events of one kind are of all events of the window."""
    for window in range(len(windows)):
        begin, end = windows[window, 0], windows[window, 1]
        line = out[lines[window, 0], start:stop]
        for row in range(stop - start):
            line[row] = (edges[end, row] - edges[begin, row]) / (all_edges[end, row] - all_edges[begin, row])


@kernel
def _add(cents, money, left, right):
    """The sum of the numbers in a window, and how many there are."""
    total, count = (np.int64(0), True, 0.0, 0.0), right - left
    if len(cents) > 0:
        whole = np.int64(0)
        for position in range(left, right):
            whole += cents[position]
        return (whole, True, 0.0, 0.0), count
    for position in range(left, right):
        if np.isnan(money[position]):
            count -= 1
        else:
            total = add_money(total, cents, money, position)
    return total, count


@kernel
def _mean(total, count):
    """Whole cents are divided as such: customers who always pay the same have the same mean."""
    whole, exact, high, low = total
    return whole / (100.0 * count) if exact else (high + low) / count


@kernel
def add_numbers(start, stop, cents, money, edges, windows, lines, out):
    """Sum, mean and trend of numbers."""
    for window in range(len(windows)):
        left, right, half = edges[windows[window, 0]], edges[windows[window, 1]], edges[windows[window, 2]]
        for row in range(stop - start):
            total, count = _add(cents, money, left[row], right[row])
            if lines[window, 0] >= 0:
                out[lines[window, 0], start + row] = money_of(total)
            if lines[window, 1] >= 0:
                out[lines[window, 1], start + row] = _mean(total, count)
            if lines[window, 2] >= 0:
                earlier, _ = _add(cents, money, left[row], half[row])
                recent, _ = _add(cents, money, half[row], right[row])
                out[lines[window, 2], start + row] = _trend(money_of(earlier), money_of(recent))


@kernel
def share_of_sums(start, stop, cents, money, all_cents, all_money, edges, all_edges, windows, lines, out):
    """Part that the sum of one kind is of the sum of all."""
    for window in range(len(windows)):
        begin, end = windows[window, 0], windows[window, 1]
        for row in range(stop - start):
            own, _ = _add(cents, money, edges[begin, row], edges[end, row])
            total, _ = _add(all_cents, all_money, all_edges[begin, row], all_edges[end, row])
            whole = money_of(total)
            out[lines[window, 0], start + row] = money_of(own) / whole if whole != 0.0 else np.nan


@kernel
def _number(cents, money, position):
    # Adding zero makes -0.0 the same as 0.0.
    return cents[position] / 100.0 if len(cents) > 0 else money[position] + 0.0


@kernel
def compare_numbers(start, stop, cents, money, edges, windows, lines, out):
    """Least, largest, standard deviation, first and last of numbers."""
    for window in range(len(windows)):
        left, right = edges[windows[window, 0]], edges[windows[window, 1]]
        for row in range(stop - start):
            least, largest, first, last = np.inf, -np.inf, np.nan, np.nan
            for position in range(left[row], right[row]):
                number = _number(cents, money, position)
                if not np.isnan(number):
                    least, largest, last = min(least, number), max(largest, number), number
                    if np.isnan(first):
                        first = number
            none = np.isnan(first)
            if lines[window, 0] >= 0:
                out[lines[window, 0], start + row] = np.nan if none else least
            if lines[window, 1] >= 0:
                out[lines[window, 1], start + row] = np.nan if none else largest
            if lines[window, 2] >= 0:
                out[lines[window, 2], start + row] = _deviation(cents, money, left[row], right[row])
            if lines[window, 3] >= 0:
                out[lines[window, 3], start + row] = first
            if lines[window, 4] >= 0:
                out[lines[window, 4], start + row] = last


@kernel
def _deviation(cents, money, left, right):
    """Standard deviation of the numbers of a window."""
    total, count = _add(cents, money, left, right)
    if count < 2:
        return np.nan
    mean = _mean(total, count)
    squares = 0.0
    for position in range(left, right):
        number = _number(cents, money, position)
        if not np.isnan(number):
            squares += (number - mean) ** 2
    return math.sqrt(squares / (count - 1))
