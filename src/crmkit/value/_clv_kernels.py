"""Kernels that turn simulated purchases into money, and draws into intervals."""

from __future__ import annotations

import numpy as np

from crmkit._numba import kernel
from crmkit.value._gamma_gamma_kernels import quantiles, total_spend
from crmkit.value._random_kernels import row_seed


@kernel
def money_seeds(start, stop, seeds, x, money, out):
    """A seed of each row's spending: from the seed of its purchases and from two numbers that tell what it spends."""
    for row in range(start, stop):
        out[row] = row_seed(seeds[row], x[row], money[row], 1.0)


@kernel
def spend_values(start, stop, x, money, draws, seeds, margin, counts, discounted):
    """Replace each row's discounted purchases by their discounted money.

    The purchases of a row and draw bring a random total; each is discounted as they are on average.
    """
    state = np.empty(1, dtype=np.uint64)
    for row in range(start, stop):
        state[0] = seeds[row]
        for draw in range(draws.shape[0]):
            n = counts[row, draw]
            if n > 0.0:
                p, q, v = draws[draw, 0], draws[draw, 1], draws[draw, 2]
                total = total_spend(state, x[row], money[row], p, q, v, n)
                discounted[row, draw] *= margin * total / n


@kernel
def row_quantiles(start, stop, values, shares, out):
    """Quantiles of each row of values, which are put into order."""
    for row in range(start, stop):
        quantiles(values[row], shares, out[row])
