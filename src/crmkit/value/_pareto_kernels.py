"""Kernels of the Pareto/NBD model (Schmittlein, Morrison & Colombo 1987): one row at a time, exactly.

While alive a customer buys with rate lambda ~ Gamma(r, alpha) and drops out with rate
mu ~ Gamma(s, beta). With R = r + x the likelihood of a row is

    G(R)/G(r) alpha^r beta^s { F(T) + s int_{t_x}^T F(t) / (beta + t) dt },
    F(t) = (alpha + t)^-R (beta + t)^-s:

the terms of being alive and of having dropped out at t. Closed forms subtract hypergeometric
functions and lose all digits; this sum of positive terms loses none. Its integral, and those that
predictions need, are taken by Gauss-Legendre panels in the logarithm of time, relative to their
largest term, so that nothing overflows.

Each row has its own `alpha` and `beta`, which covariates may shift.
"""

from __future__ import annotations

import math

import numpy as np

from crmkit._numba import kernel
from crmkit.value._special_kernels import digamma, log_gamma_ratio

_nodes, _weights = np.polynomial.legendre.leggauss(12)
_NODES, _WEIGHTS = 0.5 + 0.5 * _nodes, 0.5 * _weights

# Enough for a stretch in which F falls by a factor of two or three.
_nodes, _weights = np.polynomial.legendre.leggauss(6)
_FEW_NODES, _FEW_WEIGHTS = 0.5 + 0.5 * _nodes, 0.5 * _weights

# Longest panel where the logarithm of the larger time bends.
_LONGEST = 1.2

# What is left of an integral when it is cut off, as a share of what has been added up.
NEGLIGIBLE = 1e-18


@kernel
def lapse(R, s, a, b, length):
    """Integrals of what ends a race of two: a purchase or dropout, over a stretch of log time.

    At its beginning alpha + t is `a`, beta + t is `b`, and `length` is how much the logarithm of the
    smaller one grows, perhaps without end. Relative to F at the beginning:

        dropout  s int F(t)/(beta + t) dt,   purchase  R int F(t)/(alpha + t) dt,

    which add up to one without end. Returns each followed by the integrals of the same with the
    factors log((alpha + t)/a), log((beta + t)/b), 1/(alpha + t), 1/(beta + t).
    """
    d, d_la, d_lb, d_ia, d_ib = 0.0, 0.0, 0.0, 0.0, 0.0
    p, p_la, p_lb, p_ia, p_ib = 0.0, 0.0, 0.0, 0.0, 0.0
    near, far = min(a, b), max(a, b)
    ratio = near / far
    slope = (R + s * ratio) if a < b else (R * ratio + s)
    # The logarithm of the other one bends here: panels may grow only with the distance from it.
    bend = math.log(far / near - 1.0) if far > near else -np.inf
    begin, width = 0.0, min(_LONGEST, math.log1p(5.0 / (1.0 + slope)))
    last = False
    while not last and length > 0.0:
        last = length - begin <= 1.25 * width
        if last:
            width = length - begin
        few = width * (1.0 + R + s) < 1.0
        for node in range(len(_FEW_NODES) if few else len(_NODES)):
            u = begin + width * (_FEW_NODES[node] if few else _NODES[node])
            grown = math.expm1(min(u, 600.0))
            other = math.log1p(ratio * grown) + (u - min(u, 600.0))
            la, lb = (u, other) if a < b else (other, u)
            ia, ib = 1.0 / (a + near * grown), 1.0 / (b + near * grown)
            share = width * (_FEW_WEIGHTS[node] if few else _WEIGHTS[node])
            left = share * math.exp(-R * la - s * lb) * (near + near * grown)
            dropout, purchase = left * s * ib, left * R * ia
            d += dropout
            d_la += dropout * la
            d_lb += dropout * lb
            d_ia += dropout * ia
            d_ib += dropout * ib
            p += purchase
            p_la += purchase * la
            p_lb += purchase * lb
            p_ia += purchase * ia
            p_ib += purchase * ib
        begin += width
        # The share that is left to both together is what F has fallen to.
        other = math.log1p(ratio * math.expm1(min(begin, 600.0))) + (begin - min(begin, 600.0))
        la, lb = (begin, other) if a < b else (other, begin)
        if math.exp(-R * la - s * lb) <= NEGLIGIBLE * min(d, p):
            break
        width = min(1.8 * width, _LONGEST + max(0.0, begin - bend))
    return d, d_la, d_lb, d_ia, d_ib, p, p_la, p_lb, p_ia, p_ib


@kernel
def _history(R, s, alpha, beta, t_x, T):
    """Both terms of the likelihood over F(t_x), alive and dropped out, and what their derivatives need."""
    a, b = alpha + t_x, beta + t_x
    la, lb = math.log1p((T - t_x) / a), math.log1p((T - t_x) / b)
    d, d_la, d_lb, d_ia, d_ib, _, _, _, _, _ = lapse(R, s, a, b, max(la, lb))
    return math.exp(-R * la - s * lb), la, lb, d, d_la, d_lb, d_ia, d_ib


@kernel
def log_likelihood_and_slopes(x, t_x, T, r, alpha, s, beta):
    """Log-likelihood of a row and its derivatives by the logarithms of the parameters."""
    R = r + x
    alive, la, lb, d, d_la, d_lb, d_ia, d_ib = _history(R, s, alpha, beta, t_x, T)
    total = alive + d
    value = (
        log_gamma_ratio(r, x)
        - r * math.log1p(t_x / alpha)
        - s * math.log1p(t_x / beta)
        - (x * math.log(alpha + t_x) if x > 0.0 else 0.0)
        + math.log(total)
    )
    counted = digamma(R) - digamma(r) if x > 0.0 else 0.0
    by_r = r * (counted - math.log1p(t_x / alpha) - (alive * la + d_la) / total)
    by_s = s * (-math.log1p(t_x / beta) - (alive * lb + d_lb) / total) + d / total
    by_alpha = r - alpha * R * (alive / (alpha + T) + d_ia) / total
    by_beta = s - beta * (alive * s / (beta + T) + (s + 1.0) * d_ib) / total
    return value, by_r, by_alpha, by_s, by_beta


@kernel
def shift(start, stop, covariates, effects, scale, out):
    """The `alpha` or `beta` of each row: exactly that of the model where covariates or effects are zero."""
    for row in range(start, stop):
        total = 0.0
        for j in range(len(effects)):
            total += effects[j] * covariates[row, j]
        out[row] = scale * math.exp(-total)


@kernel
def log_likelihood(start, stop, x, t_x, T, r, alpha, s, beta, out):
    """Log-likelihood of each row."""
    for row in range(start, stop):
        out[row] = log_likelihood_and_slopes(x[row], t_x[row], T[row], r, alpha[row], s, beta[row])[0]


@kernel
def chances(x, t_x, T, r, alpha, s, beta):
    """Probability that a customer lives, and that he does not: each keeps its digits."""
    alive, _, _, dead, _, _, _, _ = _history(r + x, s, alpha, beta, t_x, T)
    return alive / (alive + dead), dead / (alive + dead)


@kernel
def alive(start, stop, x, t_x, T, r, alpha, s, beta, after, out):
    """Probability that each customer lives at T + after."""
    for row in range(start, stop):
        lives, _ = chances(x[row], t_x[row], T[row], r, alpha[row], s, beta[row])
        out[row] = lives * math.exp(-s * math.log1p(after / (beta[row] + T[row])))


@kernel
def rates(start, stop, x, t_x, T, r, alpha, s, beta, purchase_rate, dropout_rate):
    """Posterior means of lambda and mu.

    They are means over the time until which the customer lived: given t, lambda ~ Gamma(R, alpha + t)
    and mu ~ Gamma(s + 1, beta + t) for those who dropped out at t, Gamma(s, beta + T) for the others.
    """
    for row in range(start, stop):
        R = r + x[row]
        lives, _, _, d, _, _, d_ia, d_ib = _history(R, s, alpha[row], beta[row], t_x[row], T[row])
        purchase_rate[row] = R * (lives / (alpha[row] + T[row]) + d_ia) / (lives + d)
        dropout_rate[row] = (lives * s / (beta[row] + T[row]) + (s + 1.0) * d_ib) / (lives + d)
