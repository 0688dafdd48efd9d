"""Kernels that describe the events of each row's windows, for some rows at a time.

`window_edges` finds where the windows begin and end; the others read ``edges`` and write lines of
``out``. ``rows`` are positions in the output, and a line of ``edges`` has one entry for each of them. A
line of ``windows`` holds three lines of ``edges``: where the window begins, where it ends, and where
its recent half begins. A line of ``lines`` says which line of ``out`` receives each statistic, -1 for
those that nobody wants. Nothing but the events of the window enters a statistic, so that a row comes
out the same among any others, and from a log of one customer.
"""

from __future__ import annotations

import math

import numpy as np

from crmkit._numba import kernel

_DAY = 86_400_000_000
_MINUTE = 60_000_000.0

#: Offsets that are no time before as_of: the first event, and the middle between it and as_of.
WHOLE, HALF = -1, -2

#: Where an event has no earlier one, and where it shall not be counted.
NEVER = np.int64(9223372036854775807)


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
                before[position] = NEVER
            else:
                before[position] = latest[label] if latest[label] >= first else -1
                latest[label] = position


@kernel
def next_rows(customer, last, cursors, ends, codes, rows):
    """Rows of the next customers, those of one customer together.

    ``cursors`` and ``ends`` are ranges of rows whose customers ascend; the cursors move on. Returns the
    customer who is next, and the number of rows.
    """
    count = 0
    while customer < last and count + len(cursors) <= len(rows):
        for date in range(len(cursors)):
            row = cursors[date]
            if row < ends[date] and codes[row] == customer:
                rows[count] = row
                count += 1
                cursors[date] = row + 1
        customer += 1
    return customer, count


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
def _sweep(time, position, last, offset, instants, edges):
    """The edges of one customer's rows, whose instants ascend: every event is passed once."""
    row = 0
    while row < len(instants) and position < last:
        # Without a branch, which nobody could predict.
        older = time[position] < instants[row] - offset
        edges[row] = position
        position += older
        row += not older
    edges[row:] = position


@kernel
def _whole_half(time, first, last, as_of):
    """Where the recent half of a history begins."""
    return _earlier(time, first, last, as_of - (as_of - time[first]) // 2) if first < last else first


@kernel
def window_edges(rows, codes, as_ofs, stops, pointers, base, rank, time, offsets, edges):
    """For each row and offset the first event that is not older, as a position in `time`.

    Positions in the log are made positions in `time` by taking off `base`, and then by `rank` where
    `time` has some of the events only. Offsets ascend, but for those that are no time.
    """
    instants = np.empty(len(rows), dtype=np.int64)
    begin = 0
    while begin < len(rows):
        customer, end = codes[rows[begin]], begin
        while end < len(rows) and codes[rows[end]] == customer:
            if end > begin and as_ofs[rows[end]] <= instants[end - 1]:
                break
            instants[end] = as_ofs[rows[end]]
            last = stops[rows[end]] - base
            edges[0, end] = rank[last] if len(rank) > 0 else last
            end += 1
        first = pointers[customer] - base
        first = rank[first] if len(rank) > 0 else first
        last = edges[0, end - 1]
        own = instants[begin:end]
        for number in range(1, len(offsets)):
            if offsets[number] == WHOLE:
                edges[number, begin:end] = first
            elif offsets[number] == HALF:
                for row in range(begin, end):
                    edges[number, row] = _whole_half(time, first, edges[0, row], instants[row])
            elif end - begin > 1:
                _sweep(time, first, last, offsets[number], own, edges[number, begin:end])
            else:
                last = _earlier(time, first, last, own[0] - offsets[number])
                edges[number, begin] = last
        begin = end


@kernel
def trend_of(earlier, recent):
    """Difference of two halves over their sum, between -1 and 1."""
    size = abs(earlier) + abs(recent)
    return (recent - earlier) / size if size > 0 else np.nan


@kernel
def describe_edges(rows, as_ofs, time, edges, windows, lines, out):
    """Number of events, days since the first and since the last, trend of their number."""
    for window in range(len(windows)):
        left, right, half = edges[windows[window, 0]], edges[windows[window, 1]], edges[windows[window, 2]]
        if lines[window, 0] >= 0:
            line = out[lines[window, 0]]
            for row in range(len(rows)):
                line[rows[row]] = right[row] - left[row]
        if lines[window, 1] >= 0:
            line = out[lines[window, 1]]
            for row in range(len(rows)):
                none = left[row] == right[row]
                line[rows[row]] = np.nan if none else (as_ofs[rows[row]] - time[left[row]]) / _DAY
        if lines[window, 2] >= 0:
            line = out[lines[window, 2]]
            for row in range(len(rows)):
                none = left[row] == right[row]
                line[rows[row]] = np.nan if none else (as_ofs[rows[row]] - time[right[row] - 1]) / _DAY
        if lines[window, 3] >= 0:
            line = out[lines[window, 3]]
            for row in range(len(rows)):
                line[rows[row]] = trend_of(half[row] - left[row], right[row] - half[row])


@kernel
def describe_visits(rows, as_ofs, time, session_gap, edges, windows, lines, out):
    """Days counted back from as_of, and sessions: their number, mean length in minutes, mean size."""
    for window in range(len(windows)):
        left, right = edges[windows[window, 0]], edges[windows[window, 1]]
        for row in range(len(rows)):
            days, sessions, length, last_day = 0, 0, np.int64(0), np.int64(-1)
            as_of = as_ofs[rows[row]]
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
                out[lines[window, 0], rows[row]] = days
            if lines[window, 1] >= 0:
                out[lines[window, 1], rows[row]] = sessions
            if lines[window, 2] >= 0:
                out[lines[window, 2], rows[row]] = length / _MINUTE / sessions if sessions else np.nan
            if lines[window, 3] >= 0:
                out[lines[window, 3], rows[row]] = (right[row] - left[row]) / sessions if sessions else np.nan


@kernel
def describe_gaps(rows, time, edges, windows, lines, out):
    """Mean and standard deviation of the days between one instant and the next, and regularity."""
    for window in range(len(windows)):
        left, right = edges[windows[window, 0]], edges[windows[window, 1]]
        for row in range(len(rows)):
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
                out[lines[window, 0], rows[row]] = mean
            if lines[window, 1] >= 0:
                out[lines[window, 1], rows[row]] = deviation
            if lines[window, 2] >= 0:
                out[lines[window, 2], rows[row]] = 1.0 / (1.0 + (deviation / mean) ** 2)


@kernel
def count_first(rows, before, edges, windows, lines, out):
    """Number of events whose like does not come before them in the window: distinct labels."""
    for window in range(len(windows)):
        left, right = edges[windows[window, 0]], edges[windows[window, 1]]
        for row in range(len(rows)):
            count = 0
            for position in range(left[row], right[row]):
                count += before[position] < left[row]
            out[lines[window, 0], rows[row]] = count


@kernel
def share_of_events(rows, edges, all_edges, windows, lines, out):
    """Part that the events of one kind are of all events of the window."""
    for window in range(len(windows)):
        begin, end = windows[window, 0], windows[window, 1]
        line = out[lines[window, 0]]
        for row in range(len(rows)):
            line[rows[row]] = (edges[end, row] - edges[begin, row]) / (all_edges[end, row] - all_edges[begin, row])
