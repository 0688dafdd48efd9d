"""Kernels that count customers, purchases and money by cohort and age, and by period.

Each walks through the customers of some blocks and adds to the tables of those blocks alone, so that
sums do not depend on the number of threads. Money adds up in whole cents where the log has them, and
else as pairs of floats, the second of which holds what rounding dropped from the first.
"""

from __future__ import annotations

import numpy as np

from crmkit._numba import kernel
from crmkit._numba._period_kernels import period_of


@kernel
def first_purchases(start, stop, pointers, roles, found):
    """The first purchase of each customer as a position, or -1."""
    for customer in range(start, stop):
        found[customer] = -1
        for position in range(pointers[customer], pointers[customer + 1]):
            if len(roles) == 0 or roles[position] == 1:
                found[customer] = position
                break


@kernel
def first_periods(start, stop, first, time, edges, pace, found):
    """The period of each customer's first purchase, or -1."""
    for customer in range(start, stop):
        position = first[customer]
        found[customer] = -1 if position < 0 else period_of(time[position], edges, pace)


@kernel
def count_customers(start, stop, bounds, pointers, time, roles, edges, pace, first, cohorts, rows, out):
    """Customers with a purchase, by block, cohort and age.

    Parameters
    ----------
    start, stop : int
        The blocks to count; block b holds the customers ``bounds[b]:bounds[b + 1]``.
    first, cohorts : ndarray, shape (n_customers,)
        First purchase of each customer, and its period; -1 without one.
    rows : ndarray of int64, shape (n_periods,)
        Row of the table for each period in which customers came.
    out : ndarray of int64, shape (n_blocks, n_rows, n_ages)
    """
    for block in range(start, stop):
        for customer in range(bounds[block], bounds[block + 1]):
            if first[customer] < 0:
                continue
            cohort, end = cohorts[customer], edges[0]
            row = rows[cohort]
            for position in range(first[customer], pointers[customer + 1]):
                moment = time[position]
                if moment < end or (len(roles) > 0 and roles[position] != 1):
                    continue
                period = period_of(moment, edges, pace)
                end = edges[period + 1]
                out[block, row, period - cohort] += 1


@kernel
def count_purchases(
    start, stop, bounds, pointers, time, roles, first_of_order, length, edges, pace, first, cohorts, rows, out
):
    """Purchases by block, cohort and age: orders where `first_of_order` is given, else stretches of `length`."""
    for block in range(start, stop):
        for customer in range(bounds[block], bounds[block + 1]):
            if first[customer] < 0:
                continue
            cohort, period, end = cohorts[customer], cohorts[customer], edges[0]
            row, counted = rows[cohort], edges[0]
            for position in range(first[customer], pointers[customer + 1]):
                moment = time[position]
                if len(roles) > 0 and roles[position] != 1:
                    continue
                if len(first_of_order) > 0:
                    if first_of_order[position] != position:
                        continue
                elif moment < counted:
                    continue
                else:
                    counted = (moment // length + 1) * length
                if moment >= end:
                    period = period_of(moment, edges, pace)
                    end = edges[period + 1]
                out[block, row, period - cohort] += 1


@kernel
def sum_money(
    start, stop, bounds, pointers, time, roles, cents, money, edges, pace, first, cohorts, rows, wholes, floats
):
    """Money by block, cohort and age; refunds count in their own period, from that of the first purchase on.

    `wholes` receives cents; `floats`, of shape (n_blocks, n_rows, n_ages, 2), pairs where there are none.
    """
    for block in range(start, stop):
        for customer in range(bounds[block], bounds[block + 1]):
            if first[customer] < 0:
                continue
            cohort, period, end = cohorts[customer], cohorts[customer], edges[0]
            row, begin = rows[cohort], edges[cohorts[customer]]
            for position in range(pointers[customer], pointers[customer + 1]):
                moment = time[position]
                if moment < begin or (len(roles) > 0 and roles[position] == 0):
                    continue
                if moment >= end:
                    period = period_of(moment, edges, pace)
                    end = edges[period + 1]
                if len(cents) > 0:
                    wholes[block, row, period - cohort] += cents[position]
                elif not np.isnan(money[position]):
                    _add(floats[block, row, period - cohort], 0, money[position])


@kernel
def _add(pair, at, amount):
    """Add to a pair of floats: Knuth's two-sum."""
    added = pair[at] + amount
    part = added - pair[at]
    pair[at + 1] += (pair[at] - (added - part)) + (amount - part)
    pair[at] = added


@kernel
def count_periods(
    start, stop, bounds, pointers, time, roles, first_of_order, length, cents, money, has_money, edges, pace, first,
    cohorts, counts, wholes, floats,
):  # fmt: skip
    """What happened in each period.

    Parameters
    ----------
    counts : ndarray of int64, shape (n_blocks, n_periods, 5)
        Receives customers with a purchase; of these the new ones, those who bought in the period
        before too, and those with more than one purchase; and purchases.
    wholes : ndarray of int64, shape (n_blocks, n_periods, 2)
        Receives cents, of all customers and of those who are not new.
    floats : ndarray of float64, shape (n_blocks, n_periods, 6)
        Receives the same as pairs where there are no cents, then the squares of each customer's money
        in the period, of customers who are new and of the others.
    """
    pair = np.zeros(2)
    for block in range(start, stop):
        for customer in range(bounds[block], bounds[block + 1]):
            if first[customer] < 0:
                continue
            cohort, period, end = cohorts[customer], np.int64(-1), edges[0]
            bought, last_bought, purchases, counted = False, np.int64(-2), 0, edges[0]
            whole, begin = np.int64(0), edges[cohort]
            pair[:] = 0.0
            for position in range(pointers[customer], pointers[customer + 1] + 1):
                is_over = position == pointers[customer + 1]
                if not is_over and (time[position] < begin or (len(roles) > 0 and roles[position] == 0)):
                    continue
                if is_over or time[position] >= end:
                    if period >= 0:
                        amount = whole / 100.0 if len(cents) > 0 else pair[0] + pair[1]
                        is_old = period > cohort
                        if bought:
                            counts[block, period, 0] += 1
                            counts[block, period, 1] += not is_old
                            counts[block, period, 2] += last_bought == period - 1
                            counts[block, period, 3] += purchases > 1
                            counts[block, period, 4] += purchases
                            last_bought = period
                        floats[block, period, 5 if is_old else 4] += amount * amount
                        for column in range(2):
                            if column == 0 or is_old:
                                wholes[block, period, column] += whole
                                _add(floats[block, period], 2 * column, pair[0])
                                _add(floats[block, period], 2 * column, pair[1])
                    if is_over:
                        break
                    period = period_of(time[position], edges, pace)
                    end = edges[period + 1]
                    bought, purchases, whole = False, 0, np.int64(0)
                    pair[:] = 0.0
                if has_money:
                    if len(cents) > 0:
                        whole += cents[position]
                    elif not np.isnan(money[position]):
                        _add(pair, 0, money[position])
                if len(roles) > 0 and roles[position] != 1:
                    continue
                bought = True
                if len(first_of_order) > 0:
                    purchases += first_of_order[position] == position
                elif time[position] >= counted:
                    counted = (time[position] // length + 1) * length
                    purchases += 1
