"""Kernels that make the rows of snapshots: who is there at which date, and what they can see."""

from __future__ import annotations

from crmkit._numba import kernel


@kernel
def sweep_dates(start, stop, pointers, times, roles, states, wanted, dates, rules, counts, codes, stops, write):
    """One two-pointer sweep per customer over all dates.

    Parameters
    ----------
    start, stop : int
        Range of customers.
    states : ndarray of int8
        1 for events that start a subscription, 2 for those that end one, else 0; empty without `alive`.
    wanted : ndarray of bool
        Customers to take; empty for all.
    dates : ndarray of int64
        Sorted.
    rules : ndarray of int64
        Fewest purchases, and length of the last stretch that must hold one (-1: none).
    counts : ndarray of int64, shape (n_dates,)
        Without `write` the number of rows of each date is added to it. With `write` it says where
        the next row of each date goes, and is advanced.
    codes, stops : ndarray
        With `write` they receive the rows.
    """
    for customer in range(start, stop):
        if len(wanted) > 0 and not wanted[customer]:
            continue
        position = pointers[customer]
        last = pointers[customer + 1]
        purchases = 0
        last_purchase = 0
        state = 0
        if not write and rules[1] < 0 and len(states) == 0:
            # Who is there at one date is there at all later ones, so the rest of the history need not be read.
            while purchases < rules[0] and position < last:
                purchases += len(roles) == 0 or roles[position] == 1
                position += 1
            if purchases >= rules[0]:
                for date in range(len(dates)):
                    counts[date] += purchases == 0 or times[position - 1] < dates[date]
            continue
        for date in range(len(dates)):
            as_of = dates[date]
            while position < last and times[position] < as_of:
                if len(roles) == 0 or roles[position] == 1:
                    purchases += 1
                    last_purchase = times[position]
                if len(states) > 0 and states[position] > 0:
                    state = states[position]
                position += 1
            if purchases < rules[0]:
                continue
            if rules[1] >= 0 and (purchases == 0 or last_purchase < as_of - rules[1]):
                continue
            if len(states) > 0 and state != 1:
                continue
            if write:
                row = counts[date]
                codes[row] = customer
                stops[row] = position
            counts[date] += 1


@kernel
def find_edges(start, stop, codes, instants, pointers, times, edges):
    """For each row the first event of its customer at or after an instant, by bisection."""
    for row in range(start, stop):
        left = pointers[codes[row]]
        right = pointers[codes[row] + 1]
        while left < right:
            middle = (left + right) >> 1
            if times[middle] < instants[row]:
                left = middle + 1
            else:
                right = middle
        edges[row] = left
