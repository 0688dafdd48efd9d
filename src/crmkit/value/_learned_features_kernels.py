"""Kernels that read what a learned model is told of each row."""

from __future__ import annotations

from crmkit._numba import kernel

_DAY = 86_400_000_000


@kernel
def read_history(start, stop, codes, pointers, stops, as_ofs, time, cents, money, roles, windows, out):
    """Purchases and money of each row, by window and in all.

    Parameters
    ----------
    codes, stops, as_ofs : ndarray
        As in Snapshots.
    pointers, time, cents, money, roles : ndarray
        As in the log's store.
    windows : ndarray of int64
        Lengths in microseconds, counted back from as_of.
    out : ndarray of float64, shape (n, 2 * n_windows + 7)
        Money of each window; purchase days of each window; purchase days and money of all time; days
        from the first and from the last purchase to as_of; money of the last purchase day and of the
        largest; sum of the squared gaps between purchase days, in days.

    Notes
    -----
    Days are counted back from as_of. Amounts are added as floats in the order of the events, which is
    the same in a log of one customer.
    """
    n_windows = len(windows)
    for row in range(start, stop):
        as_of = as_ofs[row]
        for column in range(out.shape[1]):
            out[row, column] = 0.0
        n, first, last = 0, 0, -1
        total, day_money, largest, squares = 0.0, 0.0, 0.0, 0.0
        for position in range(pointers[codes[row]], stops[row]):
            role = roles[position] if len(roles) > 0 else 1
            if role == 0:
                continue
            amount = 0.0
            if len(cents) > 0:
                amount = cents[position] / 100.0
            elif len(money) > 0:
                amount = money[position]
            age = as_of - time[position]
            day = (age - 1) // _DAY
            new = role == 1 and day != last
            if new:
                if n == 0:
                    first = day
                else:
                    squares += float(last - day) ** 2
                    largest = max(largest, day_money)
                day_money = 0.0
                n += 1
                last = day
            day_money += amount
            total += amount
            for window in range(n_windows):
                if age <= windows[window]:
                    out[row, window] += amount
                    if new:
                        out[row, n_windows + window] += 1.0
        if n > 0:
            rest = 2 * n_windows
            out[row, rest] = n
            out[row, rest + 1] = total
            out[row, rest + 2] = first + 1
            out[row, rest + 3] = last + 1
            out[row, rest + 4] = day_money
            out[row, rest + 5] = max(largest, day_money)
            out[row, rest + 6] = squares
