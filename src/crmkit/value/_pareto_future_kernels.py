"""Kernels of what the Pareto/NBD model expects of each customer after T.

Given that the customer lives, lambda ~ Gamma(R, A) and mu ~ Gamma(s, B), independently, with
R = r + x, A = alpha + T and B = beta + T: as of a new customer. Everything below is a mean over the
lifetime tau that is left, whose distribution is P(tau > t) = (1 + t/B)^-s.
"""

from __future__ import annotations

import math

import numpy as np

from crmkit._numba import kernel
from crmkit.value._pareto_kernels import NEGLIGIBLE, chances, lapse
from crmkit.value._random_kernels import exponential, gamma, poisson, uniform
from crmkit.value._special_kernels import log_beta

_nodes, _weights = np.polynomial.legendre.leggauss(20)
_NODES, _WEIGHTS = 0.5 + 0.5 * _nodes, 0.5 * _weights

# Draws of a life before its chance is worked out.
_TRIES = 6


@kernel
def _time_alive(s, B, horizon):
    """Mean of the time alive within a horizon, which may be infinite."""
    grown = math.log1p(horizon / B)
    if s == 1.0:
        return B * grown
    if horizon == np.inf:
        return B / (s - 1.0) if s > 1.0 else np.inf
    return B * math.expm1((1.0 - s) * grown) / (1.0 - s)


@kernel
def _discounted_time_alive(s, B, horizon, delta):
    """Integral of e^(-delta t) (1 + t/B)^-s over the horizon, in y = log(1 + t/B); log-concave there."""
    if delta == 0.0:
        return _time_alive(s, B, horizon)
    c = delta * B
    total, begin, end = 0.0, 0.0, math.log1p(horizon / B)
    width = math.log1p(3.0 / (1.0 + abs(s - 1.0) + c))
    while begin < end:
        width = end - begin if end - begin <= 1.25 * width else width
        for node in range(len(_NODES)):
            y = begin + width * _NODES[node]
            total += width * _WEIGHTS[node] * math.exp((1.0 - s) * y - c * math.expm1(y))
        begin += width
        fall = s - 1.0 + c * math.exp(begin)
        if fall > 0.0 and math.exp((1.0 - s) * begin - c * math.expm1(begin)) <= NEGLIGIBLE * total * fall:
            break
        width = min(2.0 * width, 2.0)
    return B * total


@kernel
def expected(start, stop, x, t_x, T, r, alpha, s, beta, horizon, out):
    """Mean number of purchases in (T, T + horizon]."""
    for row in range(start, stop):
        lives, _ = chances(x[row], t_x[row], T[row], r, alpha[row], s, beta[row])
        rate = (r + x[row]) / (alpha[row] + T[row])
        out[row] = lives * rate * _time_alive(s, beta[row] + T[row], horizon)


@kernel
def discounted(start, stop, x, t_x, T, r, alpha, s, beta, horizon, delta, out):
    """Mean of the sum of e^(-delta t) over the purchases at T + t, t <= horizon."""
    for row in range(start, stop):
        lives, _ = chances(x[row], t_x[row], T[row], r, alpha[row], s, beta[row])
        rate = (r + x[row]) / (alpha[row] + T[row])
        out[row] = lives * rate * _discounted_time_alive(s, beta[row] + T[row], horizon, delta)


@kernel
def _log_of_count(n, R, s, A, B, tau):
    """Log of P(n purchases by tau) tau/B (1 + tau/B)^-(s + 1), but for factors free of tau."""
    return -n * math.log1p(A / tau) - R * math.log1p(tau / A) - math.log1p(B / tau) - s * math.log1p(tau / B)


@kernel
def _slope_of_count(n, R, s, A, B, tau):
    """Derivative of the above by the logarithm of tau, and minus the second one."""
    a, b = 1.0 / (1.0 + A / tau), 1.0 / (1.0 + B / tau)
    curvature = (R + n) * a / (1.0 + tau / A) + (s + 1.0) * b / (1.0 + tau / B)
    return n + 1.0 - (R + n) * a - (s + 1.0) * b, curvature


@kernel
def _counted_before_dropout(n, R, s, A, B, horizon):
    """P(n purchases and dropout within the horizon), n > 0, over G(R + n) / (G(R) n!)."""
    # The integrand is log-concave in log tau. Panels go both ways from its peak, or from the horizon.
    q = (n - s) * A + (1.0 - R) * B
    root = math.sqrt(q * q + 4.0 * (R + s) * (n + 1.0) * A * B)
    peak = min(0.5 * (q + root) / (R + s) if q > 0.0 else 2.0 * (n + 1.0) * A * B / (root - q), horizon)
    highest = _log_of_count(n, R, s, A, B, peak)
    slope, curvature = _slope_of_count(n, R, s, A, B, peak)
    first = min(2.0, 2.0 / (abs(slope) + math.sqrt(curvature)))
    bends = (min(math.log(A), math.log(B)), max(math.log(A), math.log(B)))
    total = 0.0
    for way in (-1.0, 1.0):
        y, width = math.log(peak), first
        end = -np.inf if way < 0.0 else math.log(horizon)
        while way * (end - y) > 0.0:
            width = min(width, abs(end - y))
            for node in range(len(_NODES)):
                tau = math.exp(y + way * width * _NODES[node])
                total += width * _WEIGHTS[node] * math.exp(_log_of_count(n, R, s, A, B, tau) - highest)
            y += way * width
            tau = math.exp(y)
            fall = -way * _slope_of_count(n, R, s, A, B, tau)[0]
            if fall > 0.0 and math.exp(_log_of_count(n, R, s, A, B, tau) - highest) <= NEGLIGIBLE * total * fall:
                break
            width = min(1.6 * width, 2.0 + max(0.0, bends[0] - y, y - bends[1]))
    return math.log(s * total) + highest


@kernel
def _count(n, R, s, A, B, horizon):
    """P(n purchases within the horizon) of a customer who lives."""
    if n == 0.0:
        la, lb = math.log1p(horizon / A), math.log1p(horizon / B)
        return math.exp(-R * la - s * lb) + lapse(R, s, A, B, max(la, lb))[0]
    if horizon == 0.0:
        return 0.0
    ways = -math.log(n) - log_beta(R, n)
    dropped = math.exp(ways + _counted_before_dropout(n, R, s, A, B, horizon))
    lasting = ways - n * math.log1p(A / horizon) - R * math.log1p(horizon / A) - s * math.log1p(horizon / B)
    return dropped + math.exp(lasting)


@kernel
def count_probability(start, stop, x, t_x, T, r, alpha, s, beta, n, horizon, out):
    """P(n purchases in (T, T + horizon])."""
    for row in range(start, stop):
        lives, dead = chances(x[row], t_x[row], T[row], r, alpha[row], s, beta[row])
        out[row] = lives * _count(n, r + x[row], s, alpha[row] + T[row], beta[row] + T[row], horizon)
        if n == 0.0:
            out[row] += dead


@kernel
def _purchases(state, rate, time):
    """Poisson count of purchases in a stretch of time, as a float."""
    mean = rate * time if rate > 0.0 else 0.0
    return np.float64(poisson(state, mean)) if mean <= 1e15 else np.inf


@kernel
def _one_life(state, x, t_x, T, r, alpha, s, beta):
    """Rate of purchase and lifetime left at T, 0 if none is, drawn from what is known of a customer at T.

    What is known at t_x is drawn, and kept if no purchase comes of it until T: some tries are far
    cheaper than the chance of being alive, which is worked out only once they have failed.
    """
    R, a, b, idle = r + x, alpha + t_x, beta + t_x, T - t_x
    for _ in range(_TRIES):
        rate = gamma(state, R) / a
        dropout = gamma(state, s) / b
        lifetime = exponential(state) / dropout if dropout > 0.0 else np.inf
        if exponential(state) > rate * min(lifetime, idle):
            return rate, max(lifetime - idle, 0.0)
    lives, _ = chances(x, t_x, T, r, alpha, s, beta)
    if uniform(state) >= lives:
        return 0.0, 0.0
    rate = gamma(state, R) / (alpha + T)
    dropout = gamma(state, s) / (beta + T)
    return rate, exponential(state) / dropout if dropout > 0.0 else np.inf


@kernel
def _one_future(state, rate, lifetime, horizon, delta):
    """Number of purchases of one customer, and the sum of e^(-delta t) over them, drawn at random."""
    time = min(lifetime, horizon)
    # Past this a purchase counts for less than rounding does.
    near = min(time, 40.0 / delta) if delta > 0.0 else 0.0
    count, total = _purchases(state, rate, near), 0.0
    for _ in range(np.int64(count)):
        total += math.exp(-delta * near * uniform(state))
    count += _purchases(state, rate, time - near) if time > near else 0.0
    return count, total if delta > 0.0 else count


@kernel
def simulate(start, stop, x, t_x, T, purchase_z, dropout_z, draws, horizon, delta, seeds, counts, discounted):
    """One future of each row for each draw of the parameters (r, alpha, s, beta, effects of covariates)."""
    state = np.empty(1, dtype=np.uint64)
    k = purchase_z.shape[1]
    for row in range(start, stop):
        state[0] = seeds[row]
        for draw in range(draws.shape[0]):
            r, alpha, s, beta = draws[draw, 0], draws[draw, 1], draws[draw, 2], draws[draw, 3]
            for j in range(k):
                alpha *= math.exp(-draws[draw, 4 + j] * purchase_z[row, j])
            for j in range(dropout_z.shape[1]):
                beta *= math.exp(-draws[draw, 4 + k + j] * dropout_z[row, j])
            rate, lifetime = _one_life(state, x[row], t_x[row], T[row], r, alpha, s, beta)
            counts[row, draw], discounted[row, draw] = _one_future(state, rate, lifetime, horizon, delta)


@kernel
def sample(start, stop, T, r, alpha, s, beta, seeds, out):
    """New customers seen for a time T: x, t_x, whether alive at T, lambda, mu; a row of `out` each."""
    state = np.empty(1, dtype=np.uint64)
    for row in range(start, stop):
        state[0] = seeds[row]
        rate = gamma(state, r) / alpha
        dropout = gamma(state, s) / beta
        lifetime = exponential(state) / dropout if dropout > 0.0 else np.inf
        time = min(lifetime, T[row])
        count = _purchases(state, rate, time)
        out[0, row] = count
        # The last of n uniform times.
        out[1, row] = time * math.exp(math.log(uniform(state)) / count) if count > 0.0 else 0.0
        out[2, row] = 1.0 if lifetime > T[row] else 0.0
        out[3, row] = rate
        out[4, row] = dropout
