"""Adding up money exactly.

Whole cents add up as integers as long as every amount is a whole number of cents, other amounts as
compensated floats. The state of a sum is the tuple (cents, all amounts were cents, float sum, its
error), so that the result depends on the amounts alone: the same for a log of one customer and for
the full log, and after a purchase and its refund exactly zero.
"""

from __future__ import annotations

import numpy as np

from crmkit._numba import kernel


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
def add_money(total, cents, money, position):
    """A sum and one more amount."""
    whole, exact, high, low = total
    if len(cents) > 0:
        return whole + cents[position], exact, high, low
    amount = money[position]
    scaled = np.rint(amount * 100.0)
    if exact and abs(scaled) < 9007199254740992.0 and scaled / 100.0 == amount:
        whole += np.int64(scaled)
    else:
        exact = False
    # Knuth's two-sum: what rounding drops from `high` goes into `low`.
    added = high + amount
    part = added - high
    low += (high - (added - part)) + (amount - part)
    return whole, exact, added, low


@kernel
def money_of(total):
    """The value of a sum."""
    whole, exact, high, low = total
    return whole / 100.0 if exact else high + low
