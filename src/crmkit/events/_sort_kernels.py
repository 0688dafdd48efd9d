"""Kernels that bring events into the order of the log: customer, instant, then content."""

from __future__ import annotations

import numpy as np

from crmkit._numba import kernel

# Each event is a pair (instant, tail) while it is sorted: one cache miss moves both. The tail is the
# row it came from, or its money where the log holds nothing else, which saves the look-up by row.


@kernel
def count_codes(start, stop, codes, counts):
    """Add the number of rows of each code to `counts`."""
    for row in range(start, stop):
        counts[codes[row]] += 1


@kernel
def money_key(amount_bits):
    """The bits of a float as an integer of the same order; applied twice it gives the bits back."""
    return amount_bits if amount_bits >= 0 else amount_bits ^ np.int64(0x7FFFFFFFFFFFFFFF)


@kernel
def place_rows(start, stop, codes, times, slots, pairs):
    """Counting sort: put each row behind the rows of its customer that came before it.

    `slots` holds, for each customer, where the first of these rows goes; it is advanced.
    """
    for row in range(start, stop):
        slot = slots[codes[row]]
        slots[codes[row]] = slot + 1
        pairs[slot, 0] = times[row]
        pairs[slot, 1] = row


@kernel
def place_money(start, stop, codes, times, money_bits, slots, pairs):
    """As `place_rows`, with the money of the row as its tail."""
    for row in range(start, stop):
        slot = slots[codes[row]]
        slots[codes[row]] = slot + 1
        pairs[slot, 0] = times[row]
        pairs[slot, 1] = money_key(money_bits[row])


@kernel
def _sort_pairs(left, right, pairs):
    """Sort some pairs by instant, then tail: a few by insertion, many by two stable sorts."""
    if right - left > 48:
        for column in (1, 0):
            local = np.argsort(pairs[left:right, column].copy(), kind="mergesort")
            pairs[left:right] = pairs[left:right][local]
        return
    for i in range(left + 1, right):
        time = pairs[i, 0]
        tail = pairs[i, 1]
        j = i
        while j > left and (pairs[j - 1, 0] > time or (pairs[j - 1, 0] == time and pairs[j - 1, 1] > tail)):
            pairs[j, 0] = pairs[j - 1, 0]
            pairs[j, 1] = pairs[j - 1, 1]
            j -= 1
        pairs[j, 0] = time
        pairs[j, 1] = tail


@kernel
def finish_rows(start, stop, pointers, pairs, times, order, sort):
    """Sort the pairs of each customer; take instants and rows apart."""
    for customer in range(start, stop):
        left, right = pointers[customer], pointers[customer + 1]
        if sort:
            _sort_pairs(left, right, pairs)
        for i in range(left, right):
            times[i] = pairs[i, 0]
            order[i] = pairs[i, 1]


@kernel
def finish_cents(start, stop, pointers, pairs, times, cents):
    """Sort the pairs of each customer; take instants and money in whole cents apart.

    Returns the number of exact repeats, and whether all money was whole cents.
    """
    repeats = 0
    exact = True
    for customer in range(start, stop):
        left, right = pointers[customer], pointers[customer + 1]
        _sort_pairs(left, right, pairs)
        for i in range(left, right):
            times[i] = pairs[i, 0]
            repeats += i > left and pairs[i, 0] == pairs[i - 1, 0] and pairs[i, 1] == pairs[i - 1, 1]
    amounts = pairs.view(np.float64)
    for i in range(pointers[start], pointers[stop]):
        amount = amounts[i, 1]
        if amount < 0.0 or pairs[i, 1] < 0:
            pairs[i, 1] = money_key(pairs[i, 1])
            amount = amounts[i, 1]
        scaled = np.rint(amount * 100.0)
        exact = exact and abs(scaled) < 9007199254740992.0 and scaled / 100.0 == amount
        cents[i] = np.int64(scaled)
    return repeats, exact


@kernel
def is_sorted(start, stop, times):
    """Whether the times of a range of rows never go back."""
    for row in range(max(start, 1), stop):
        if times[row] < times[row - 1]:
            return False
    return True


@kernel
def count_ties(start, stop, pointers, times):
    """Number of events that share their instant with another event of the same customer."""
    tied = 0
    for customer in range(start, stop):
        run = 1
        for i in range(pointers[customer] + 1, pointers[customer + 1]):
            if times[i] == times[i - 1]:
                run += 1
            else:
                tied += run if run > 1 else 0
                run = 1
        tied += run if run > 1 else 0
    return tied


@kernel
def tie_runs(pointers, times, positions, runs):
    """Positions of all tied events, and where each run of equal instants begins among them."""
    filled = 0
    n_runs = 0
    for customer in range(len(pointers) - 1):
        i = pointers[customer]
        stop = pointers[customer + 1]
        while i < stop:
            j = i + 1
            while j < stop and times[j] == times[i]:
                j += 1
            if j - i > 1:
                runs[n_runs] = filled
                n_runs += 1
                for position in range(i, j):
                    positions[filled] = position
                    filled += 1
            i = j
    runs[n_runs] = filled
    return n_runs


@kernel
def _is_before(keys, one, other):
    for column in range(keys.shape[1]):
        if keys[one, column] != keys[other, column]:
            return keys[one, column] < keys[other, column]
    return False


@kernel
def sort_ties(start, stop, runs, keys, local):
    """Sort each short run of ties by its rows of `keys`; `local` receives the order.

    Runs of more than 64 events are left to the caller.
    """
    for run in range(start, stop):
        left = runs[run]
        right = runs[run + 1]
        for i in range(left, right):
            local[i] = i
        if right - left > 64:
            continue
        for i in range(left + 1, right):
            row = local[i]
            j = i
            while j > left and _is_before(keys, row, local[j - 1]):
                local[j] = local[j - 1]
                j -= 1
            local[j] = row


@kernel
def mark_repeats(n_runs, runs, keys, local, repeats):
    """Mark the tied events that equal the one before them in every column."""
    for run in range(n_runs):
        for i in range(runs[run] + 1, runs[run + 1]):
            same = True
            for column in range(keys.shape[1]):
                same = same and keys[local[i], column] == keys[local[i - 1], column]
            repeats[i] = same


@kernel
def gather(start, stop, values, order, out):
    """``out[i] = values[order[i]]``, without holding the interpreter's lock."""
    for i in range(start, stop):
        out[i] = values[order[i]]


@kernel
def running_maximum(start, stop, pointers, times):
    """Within each customer, never let the clock go back (the second pass of an autumn hour)."""
    for customer in range(start, stop):
        for i in range(pointers[customer] + 1, pointers[customer + 1]):
            times[i] = max(times[i], times[i - 1])


@kernel
def to_cents(start, stop, money, cents):
    """Money as whole cents; returns False at the first amount that is none."""
    for i in range(start, stop):
        scaled = np.rint(money[i] * 100.0)
        if not (abs(scaled) < 9007199254740992.0 and scaled / 100.0 == money[i]):
            return False
        cents[i] = np.int64(scaled)
    return True


@kernel
def first_of_orders(start, stop, pointers, orders, roles, first):
    """For each event, the first purchase of the same customer and order; -1 where there is none.

    A purchase without an order is an order of its own.
    """
    for customer in range(start, stop):
        left = pointers[customer]
        local = np.argsort(orders[left : pointers[customer + 1]], kind="mergesort")
        i = 0
        while i < len(local):
            order = orders[left + local[i]]
            j = i
            found = np.int64(-1)
            while j < len(local) and orders[left + local[j]] == order:
                position = left + local[j]
                is_purchase = len(roles) == 0 or roles[position] == 1
                if order < 0:
                    found = position if is_purchase else np.int64(-1)
                elif found < 0 and is_purchase:
                    found = position
                first[position] = found
                j += 1
            # Refunds that stand before the first purchase of their order still belong to it.
            if order >= 0:
                for position in range(i, j):
                    first[left + local[position]] = found
            i = j


@kernel
def early_refunds(start, stop, pointers, roles):
    """Number of refunds before their customer's first purchase."""
    count = 0
    for customer in range(start, stop):
        for i in range(pointers[customer], pointers[customer + 1]):
            if roles[i] == 1:
                break
            if roles[i] == 2:
                count += 1
    return count
