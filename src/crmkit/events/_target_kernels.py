"""Kernels that read the label windows of rows."""

from __future__ import annotations

import numpy as np

from crmkit._numba import kernel
from crmkit._numba._money_kernels import add_money, money_of

#: Smallest share of a purchase that is left by decay.
FAINTEST = 1e-300


@kernel
def first_in_window(start, stop, codes, pointers, stops, time, counted, begins, ends, found):
    """For each row the first counted event in its window, or -1. `counted` empty counts all."""
    for row in range(start, stop):
        found[row] = -1
        for position in range(stops[row], pointers[codes[row] + 1]):
            if time[position] >= ends[row]:
                break
            if time[position] >= begins[row] and (len(counted) == 0 or counted[position] == 1):
                found[row] = position
                break


@kernel
def count_periods(start, stop, codes, pointers, stops, time, roles, first_of_order, begins, ends, length, out):
    """Number of purchase periods in each row's window, counted from its beginning.

    With `first_of_order` it is the number of orders that begin in the window.
    """
    for row in range(start, stop):
        count = 0
        last = np.int64(-1)
        for position in range(stops[row], pointers[codes[row] + 1]):
            if time[position] >= ends[row]:
                break
            if time[position] < begins[row] or (len(roles) > 0 and roles[position] != 1):
                continue
            if len(first_of_order) > 0:
                count += first_of_order[position] == position
                continue
            period = (time[position] - begins[row]) // length
            if period != last:
                count += 1
                last = period
        out[row] = count


@kernel
def sum_money(start, stop, codes, pointers, stops, time, cents, money, roles, begins, ends, out):
    """Money of each row's window: purchases and refunds at their own times."""
    for row in range(start, stop):
        total = (np.int64(0), True, 0.0, 0.0)
        for position in range(stops[row], pointers[codes[row] + 1]):
            if time[position] >= ends[row]:
                break
            if len(cents) == 0 and np.isnan(money[position]):
                continue  # a visit costs nothing
            if time[position] >= begins[row] and (len(roles) == 0 or roles[position] > 0):
                total = add_money(total, cents, money, position)
        out[row] = money_of(total)


@kernel
def count_items(start, stop, lefts, rights, time, roles, items, begins, ends, marks, counts):
    """Number of distinct items that each row buys between two instants.

    `marks` has an entry per item, -1 at first, and belongs to this range of rows alone.
    """
    for row in range(start, stop):
        count = 0
        for position in range(lefts[row], rights[row]):
            if time[position] >= ends[row]:
                break
            item = items[position]
            if item < 0 or time[position] < begins[row] or (len(roles) > 0 and roles[position] == 0):
                continue
            if marks[item] != row:
                marks[item] = row
                count += 1
        counts[row] = count


@kernel
def fill_items(
    start,
    stop,
    lefts,
    rights,
    time,
    roles,
    items,
    cents,
    money,
    begins,
    ends,
    pace,
    mode,
    marks,
    wholes,
    sums,
    pointers,
    columns,
    data,
):
    """Fill the rows of a CSR matrix of items, columns ascending.

    Parameters
    ----------
    pace : float
        Decay per microsecond of age at `ends`; 0 for none.
    mode : int
        0 counts purchases, 1 marks them, 2 adds up money, refunds included.
    marks, wholes, sums : ndarray of int64, int64 and float64, shapes (n_items,), (n_items,), (3, n_items)
        An entry per item, -1 in `marks` and anything else at first. They belong to this range of rows
        alone, and hold the row, the cents and the floats of each sum.
    """
    for row in range(start, stop):
        filled = pointers[row]
        for position in range(lefts[row], rights[row]):
            if time[position] >= ends[row]:
                break
            item = items[position]
            if item < 0 or time[position] < begins[row] or (len(roles) > 0 and roles[position] == 0):
                continue
            if marks[item] != row:
                marks[item] = row
                wholes[item] = 0
                sums[:, item] = 0.0
                sums[2, item] = 1.0
                columns[filled] = item
                filled += 1
            if mode == 2 and len(cents) == 0 and np.isnan(money[position]):
                continue  # as above
            if mode == 2 and pace == 0.0:
                # Exact, as all sums of money: what was bought and taken back is nothing.
                total = (wholes[item], sums[2, item] == 1.0, sums[0, item], sums[1, item])
                total = add_money(total, cents, money, position)
                wholes[item], exact, sums[0, item], sums[1, item] = total
                sums[2, item] = 1.0 if exact else 0.0
                continue
            amount = 1.0
            if mode == 2:
                amount = cents[position] / 100.0 if len(cents) > 0 else money[position]
            elif len(roles) > 0 and roles[position] == 2:
                amount = 0.0
            if pace > 0.0:
                # However old, a purchase is one: what faded to nothing would be taken for unseen.
                amount *= max(np.exp(-pace * (ends[row] - time[position])), FAINTEST)
            sums[0, item] = max(sums[0, item], amount) if mode == 1 else sums[0, item] + amount
        columns[pointers[row] : filled].sort()
        for entry in range(pointers[row], filled):
            item = columns[entry]
            data[entry] = sums[0, item]
            if mode == 2 and pace == 0.0:
                data[entry] = money_of((wholes[item], sums[2, item] == 1.0, sums[0, item], sums[1, item]))
