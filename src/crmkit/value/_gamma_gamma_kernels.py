"""Kernels of the Gamma-Gamma model of spend: sums over customers, single customers, simulated purchases.

`x` is the number of repeat purchases, `money` their mean. With z = v / (x money) the log-likelihood is

    ln G(px + q) / G(px) - ln G(q) + q (ln v - ln(x money)) - (px + q) ln(1 + z) - ln money,

in which only ln(1 + z) depends on more than the integer x.
"""

from __future__ import annotations

import math

import numpy as np

from crmkit._numba import kernel
from crmkit.value._random_kernels import gamma, log_gamma_variate, row_seed
from crmkit.value._special_kernels import digamma, log_gamma_ratio

# Rows are added up in blocks of this many, whatever the number of threads: the same bits for each.
_BLOCK = 4096


@kernel
def money_sums(start, stop, x, money, weight, v, out):
    """Sums over block after block of w L, w x L, w / (x money + v) and w x / (x money + v), L = ln(1 + z)."""
    for block in range(start, stop):
        log, x_log, share, x_share = 0.0, 0.0, 0.0, 0.0
        for row in range(block * _BLOCK, min((block + 1) * _BLOCK, len(x))):
            total = x[row] * money[row]
            weighed = weight[row] * math.log1p(v / total)
            log += weighed
            x_log += x[row] * weighed
            weighed = weight[row] / (total + v)
            share += weighed
            x_share += x[row] * weighed
        out[block, 0], out[block, 1], out[block, 2], out[block, 3] = log, x_log, share, x_share


@kernel
def frequency_sums(levels, weight, p, q, out):
    """Sums over the distinct x of w ln G(px + q) / G(px), of its derivative to p and of w digamma(px + q)."""
    out[:] = 0.0
    for level in range(len(levels)):
        shape, w = p * levels[level], weight[level]
        above = digamma(shape + q)
        out[0] += w * log_gamma_ratio(shape, q)
        out[1] += w * levels[level] * (above - digamma(shape))
        out[2] += w * above


@kernel
def spend_log_likelihood(start, stop, x, money, p, q, v, out):
    """Log density of each customer's mean money."""
    for row in range(start, stop):
        shape, total = p * x[row], x[row] * money[row]
        log = (
            -math.lgamma(q) + log_gamma_ratio(shape, q)
            if q < shape
            else -math.lgamma(shape) + log_gamma_ratio(q, shape)
        )
        out[row] = log - q * math.log1p(total / v) - shape * math.log1p(v / total) - math.log(money[row])


@kernel
def mean_spend(x, money, p, q, v):
    """Mean money of a purchase to come; infinite where it has no mean."""
    below = p * x + q - 1.0
    return p * (v + x * money) / below if below > 0.0 else np.inf


@kernel
def expected_spends(start, stop, x, money, p, q, v, out):
    """`mean_spend` of each row."""
    for row in range(start, stop):
        out[row] = mean_spend(x[row], money[row], p, q, v)


@kernel
def total_spend(state, x, money, p, q, v, n):
    """Money of n purchases to come, n > 0, for a customer whose own level is drawn too."""
    own, shape = q + p * x, p * n
    if own >= 1.0 and shape >= 1.0:
        level = gamma(state, own)
        return gamma(state, shape) / level * (v + x * money)
    # A variate of a small shape may underflow where its logarithm does not.
    level = log_gamma_variate(state, own)
    return math.exp(log_gamma_variate(state, shape) - level) * (v + x * money)


@kernel
def quantiles(values, shares, out):
    """Quantiles of unsorted values, which are put into order, such that a further draw lies below as often.

    The place of the i-th of n values is i / (n + 1), and a straight line leads from one to the next; so
    intervals of few draws are not too narrow. Infinite values are larger than all others.
    """
    values.sort()
    last = len(values) - 1
    for number in range(len(shares)):
        place = min(max(shares[number] * (last + 2) - 1.0, 0.0), float(last))
        below = int(place)
        low, high = values[below], values[min(below + 1, last)]
        out[number] = low if low == high or place == below else low + (place - below) * (high - low)


@kernel
def spend_intervals(start, stop, x, money, draws, shares, outcome, seed, out):
    """Quantiles of each row over draws of the parameters: of the mean, or of the money of one purchase."""
    state, values = np.empty(1, dtype=np.uint64), np.empty(len(draws))
    for row in range(start, stop):
        state[0] = row_seed(seed, x[row], money[row], 0.0)
        for draw in range(len(draws)):
            p, q, v = draws[draw, 0], draws[draw, 1], draws[draw, 2]
            if outcome:
                values[draw] = total_spend(state, x[row], money[row], p, q, v, 1.0)
            else:
                values[draw] = mean_spend(x[row], money[row], p, q, v)
        quantiles(values, shares, out[row])
