"""Kernels that add up what a row can see of its customer's purchases.

Money adds up exactly: in whole cents as long as every amount is a whole number of cents, with
compensated floats otherwise. The state of a sum is the tuple (cents, all amounts were cents, float
sum, its error), so that the result depends on the visible amounts alone: the same for a log of one
customer and for the full log, and after a purchase and its refund exactly zero.
"""

from __future__ import annotations

import math

import numpy as np

from crmkit._numba import kernel
from crmkit._numba._money_kernels import add_money, money_of

_DAY = 86_400_000_000.0


@kernel
def _refunded_period(position, start, stop, time, roles, first_of_order, as_of, length, last_purchase):
    """The period that a refund lowers, or -1: that of its order, else the latest at or before its own."""
    own = (as_of - time[position] - 1) // length
    if len(first_of_order) > 0:
        bought = first_of_order[position]
        if start <= bought < stop and time[bought] < as_of:
            period = (as_of - time[bought] - 1) // length
            if period >= own:
                return period
    # A purchase later in the same period counts as at the refund's time.
    ahead = position + 1
    while ahead < stop and (as_of - time[ahead] - 1) // length == own:
        if roles[ahead] == 1:
            return own
        ahead += 1
    if last_purchase >= 0:
        return (as_of - time[last_purchase] - 1) // length
    return np.int64(-1)


@kernel
def summarize_periods(
    start, stop, codes, as_ofs, stops, pointers, time, cents, money, roles, first_of_order, length, has_money, out
):
    """Purchase periods of each row, counted back from as_of.

    `out` receives, for each row: number of periods; microseconds from the end of the first and of
    the last period to as_of (0 for the period that ends at as_of); money of all periods and of all
    but the first; where it has a sixth line, the sum of the logs of the days between one period and
    the next. Without periods the times are minus one length.
    """
    gaps = len(out) > 5
    for row in range(start, stop):
        first, last = pointers[codes[row]], stops[row]
        as_of = as_ofs[row]
        periods, first_period, last_period = 0, np.int64(-1), np.int64(-1)
        total = (np.int64(0), True, 0.0, 0.0)
        repeat_total = (np.int64(0), True, 0.0, 0.0)
        refunds, log_gaps = 0, 0.0
        for position in range(first, last):
            if len(roles) > 0 and roles[position] != 1:
                refunds += roles[position] == 2
                continue
            period = (as_of - time[position] - 1) // length
            if period != last_period:
                if gaps and periods > 0:
                    log_gaps += math.log((last_period - period) * length / _DAY)
                periods += 1
                last_period = period
                if first_period < 0:
                    first_period = period
            if has_money:
                total = add_money(total, cents, money, position)
                if period != first_period:
                    repeat_total = add_money(repeat_total, cents, money, position)
        if refunds > 0 and periods > 0 and has_money:
            last_purchase = np.int64(-1)
            for position in range(first, last):
                if roles[position] == 1:
                    last_purchase = np.int64(position)
                elif roles[position] == 2:
                    period = _refunded_period(
                        position, first, last, time, roles, first_of_order, as_of, length, last_purchase
                    )
                    if period >= 0:
                        total = add_money(total, cents, money, position)
                        if period != first_period:
                            repeat_total = add_money(repeat_total, cents, money, position)
        out[0, row] = periods
        out[1, row] = first_period * length
        out[2, row] = last_period * length
        out[3, row] = money_of(total)
        out[4, row] = money_of(repeat_total)
        if gaps:
            out[5, row] = log_gaps


@kernel
def date_blocks(codes, as_ofs, length, edges):
    """Where each block of rows of one as_of begins; `edges` has room for one block less than its length.

    Returns the number of blocks, or 0 where the rows cannot be swept: more blocks than room, dates or
    customers that do not ascend, or dates whose periods do not share their limits.
    """
    n_blocks = 0
    for row in range(len(codes)):
        if row == 0 or as_ofs[row] != as_ofs[row - 1]:
            if n_blocks + 1 == len(edges):
                return 0
            if row > 0 and (as_ofs[row] < as_ofs[row - 1] or (as_ofs[row] - as_ofs[row - 1]) % length != 0):
                return 0
            edges[n_blocks] = row
            n_blocks += 1
        elif codes[row] <= codes[row - 1]:
            return 0
    edges[n_blocks] = len(codes)
    return n_blocks


@kernel
def sweep_periods(
    start, stop, edges, codes, as_ofs, stops, pointers, time, cents, money, roles, length, has_money, full, out
):
    """As `summarize_periods`, for rows in blocks of one date each and a log without refunds.

    Each customer's events are read once for all dates instead of once for each. Without `full` the
    first period is left out.
    """
    n_blocks = len(edges) - 1
    gaps = len(out) > 5
    cursors = edges[:n_blocks].copy()
    for block in range(n_blocks):
        left, right = edges[block], edges[block + 1]
        while left < right:
            middle = (left + right) >> 1
            if codes[middle] < start:
                left = middle + 1
            else:
                right = middle
        cursors[block] = left
    for customer in range(start, stop):
        position = pointers[customer]
        periods, first_end, last_end, log_gaps = 0, np.int64(0), np.int64(0), 0.0
        total = (np.int64(0), True, 0.0, 0.0)
        repeat_total = (np.int64(0), True, 0.0, 0.0)
        for block in range(n_blocks):
            row = cursors[block]
            if row == edges[block + 1] or codes[row] != customer:
                continue
            cursors[block] = row + 1
            as_of = as_ofs[row]
            while position < stops[row]:
                if len(roles) == 0 or roles[position] == 1:
                    if periods == 0 or time[position] >= last_end:
                        end = as_of - (as_of - time[position] - 1) // length * length
                        if gaps and periods > 0:
                            log_gaps += math.log((end - last_end) / _DAY)
                        last_end = end
                        periods += 1
                        if periods == 1:
                            first_end = last_end
                    if has_money:
                        total = add_money(total, cents, money, position)
                        if full and last_end != first_end:
                            repeat_total = add_money(repeat_total, cents, money, position)
                position += 1
            out[0, row] = periods
            out[2, row] = as_of - last_end if periods > 0 else -length
            out[3, row] = money_of(total)
            if full:
                out[1, row] = as_of - first_end if periods > 0 else -length
                out[4, row] = money_of(repeat_total)
            if gaps:
                out[5, row] = log_gaps


@kernel
def _refunded_order(position, start, stop, time, roles, first_of_order, last_order):
    """The first line of the order that a refund lowers, or -1: its own, else the latest begun by then."""
    own = first_of_order[position]
    if start <= own < stop and time[own] <= time[position]:
        return own
    # An order that begins at the same instant has begun.
    ahead = position + 1
    while ahead < stop and time[ahead] == time[position]:
        if roles[ahead] == 1 and first_of_order[ahead] == ahead:
            last_order = np.int64(ahead)
        ahead += 1
    return last_order


@kernel
def summarize_orders(
    start, stop, codes, as_ofs, stops, pointers, time, cents, money, roles, first_of_order, has_money, out
):
    """Orders of each row: as `summarize_periods`, with an order's time being that of its first line.

    The second and third entries are microseconds from the first and the last order to as_of. Orders
    that begin at one instant have no time between them, whose log is minus infinity.
    """
    gaps = len(out) > 5
    for row in range(start, stop):
        first, last = pointers[codes[row]], stops[row]
        orders, first_order, last_order = 0, np.int64(-1), np.int64(-1)
        total = (np.int64(0), True, 0.0, 0.0)
        repeat_total = (np.int64(0), True, 0.0, 0.0)
        refunds, log_gaps = 0, 0.0
        for position in range(first, last):
            if len(roles) > 0 and roles[position] != 1:
                refunds += roles[position] == 2
                continue
            order = first_of_order[position]
            if order == position:
                if gaps and orders > 0:
                    apart = time[position] - time[last_order]
                    log_gaps += math.log(apart / _DAY) if apart > 0 else -np.inf
                orders += 1
                last_order = np.int64(position)
                if first_order < 0:
                    first_order = np.int64(position)
            if has_money:
                total = add_money(total, cents, money, position)
                if order != first_order:
                    repeat_total = add_money(repeat_total, cents, money, position)
        if refunds > 0 and orders > 0 and has_money:
            begun = np.int64(-1)
            for position in range(first, last):
                if roles[position] == 1 and first_of_order[position] == position:
                    begun = np.int64(position)
                elif roles[position] == 2:
                    order = _refunded_order(position, first, last, time, roles, first_of_order, begun)
                    if order >= 0:
                        total = add_money(total, cents, money, position)
                        if order != first_order:
                            repeat_total = add_money(repeat_total, cents, money, position)
        out[0, row] = orders
        out[1, row] = as_ofs[row] - time[first_order] if orders > 0 else -1
        out[2, row] = as_ofs[row] - time[last_order] if orders > 0 else -1
        out[3, row] = money_of(total)
        out[4, row] = money_of(repeat_total)
        if gaps:
            out[5, row] = log_gaps
