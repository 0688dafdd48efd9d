"""What Pareto/NBD says about one customer, in 50 digits and the slow way.

While alive a customer buys at rate lam, Gamma(r, rate alpha) over customers, and drops out at rate mu,
Gamma(s, rate beta). Whoever lives until t and has bought x times has the weight

    F(t) = (alpha + t)^-(r + x) (beta + t)^-s,

and whoever drops out at t the density s F(t) / (beta + t). Everything is a sum of F and of integrals
of positive functions that are log-concave in the logarithm of time: Gauss-Legendre from the peak
outwards, in steps over which the integrand falls by no more than e^6. mpmath's `hyp2f1`, which is
silently wrong for some extreme arguments, is not used.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass

import mpmath as mp
import numpy as np

#: Digits of the arithmetic.
DIGITS = 50


@dataclass(frozen=True)
class Customer:
    """Parameters of the model, repeats, time of the last, end of observation."""

    r: float
    alpha: float
    s: float
    beta: float
    x: float
    t_x: float
    T: float

    def exact(self):
        return [mp.mpf(float(v)) for v in (self.r, self.alpha, self.s, self.beta, self.x, self.t_x, self.T)]


def in_digits(function):
    @functools.wraps(function)
    def wrapped(*args):
        with mp.workdps(DIGITS):
            return function(*args)

    return wrapped


@functools.cache
def _rule(n=22):
    nodes = []
    for start in np.polynomial.legendre.leggauss(n)[0]:
        z = mp.findroot(lambda t: mp.legendre(n, t), mp.mpf(start))
        slope = n * (mp.legendre(n - 1, z) - z * mp.legendre(n, z)) / (1 - z * z)
        nodes.append(((1 + z) / 2, 1 / ((1 - z * z) * slope * slope)))
    return nodes


def _peak(log_f, low, high):
    low, high = max(low, mp.mpf(-3000)), min(high, mp.mpf(3000))
    golden = (mp.sqrt(5) - 1) / 2
    for _ in range(45):
        left, right = high - golden * (high - low), low + golden * (high - low)
        if log_f(left) > log_f(right):
            high = right
        else:
            low = left
    return (low + high) / 2


def integral(log_f, low, high):
    """Integral of exp(log_f), log-concave, from low to high; both may be infinite."""
    if high <= low:
        return mp.mpf(0)
    peak = _peak(log_f, low, high)
    top, total = log_f(peak), mp.mpf(0)
    for end in (low, high):
        y, step = peak, mp.mpf(1)
        while y != end:
            step = min(step, abs(end - y), 1 + abs(y - peak) / 4)
            way = step if end > y else -step
            while abs(log_f(y) - log_f(y + way)) > 6:
                way /= 2
            total += abs(way) * sum(w * mp.exp(log_f(y + way * z) - top) for z, w in _rule())
            at_end = abs(y + way - end) < mp.mpf(10) ** (8 - DIGITS) * (1 + abs(end)) if mp.isfinite(end) else False
            y = end if at_end else y + way
            step = 2 * abs(way)
            if log_f(y) - top < -110:
                break
    return total * mp.exp(top)


def _weights(customer):
    """F(T), and the integral of s F / (beta + t) times a power of 1/(alpha + t) and 1/(beta + t)."""
    r, alpha, s, beta, x, t_x, T = customer.exact()
    R, m = r + x, min(alpha, beta)

    def gone(i=0, j=0):
        def log_f(y):
            a, b = mp.exp(y) + (alpha - m), mp.exp(y) + (beta - m)
            return -(R + i) * mp.log(a) - (s + 1 + j) * mp.log(b) + y

        return s * integral(log_f, mp.log(m + t_x), mp.log(m + T))

    return (alpha + T) ** -R * (beta + T) ** -s, gone


@in_digits
def log_likelihood(customer):
    r, alpha, s, beta, x, _, _ = customer.exact()
    alive, gone = _weights(customer)
    start = mp.loggamma(r + x) - mp.loggamma(r) + r * mp.log(alpha) + s * mp.log(beta)
    return start + mp.log(alive + gone())


@in_digits
def alive(customer, after):
    _, _, s, beta, _, _, T = customer.exact()
    now, gone = _weights(customer)
    return now / (now + gone()) * (1 + mp.mpf(after) / (beta + T)) ** -s


@in_digits
def rates(customer):
    r, alpha, s, beta, x, _, T = customer.exact()
    now, gone = _weights(customer)
    total = now + gone()
    purchase = (r + x) * (now / (alpha + T) + gone(1, 0)) / total
    return purchase, (now * s / (beta + T) + (s + 1) * gone(0, 1)) / total


@in_digits
def discounted(customer, horizon, delta):
    r, alpha, s, beta, x, _, T = customer.exact()
    B, c = beta + T, mp.mpf(delta) * (beta + T)
    end = mp.inf if horizon == np.inf else mp.log1p(mp.mpf(horizon) / B)
    time = B * integral(lambda y: (1 - s) * y - c * mp.expm1(y), mp.mpf(0), end)
    return alive(customer, 0) * (r + x) / (alpha + T) * time


@in_digits
def count(customer, n, horizon):
    r, alpha, s, beta, x, _, T = customer.exact()
    R, A, B, t = r + x, alpha + T, beta + T, mp.mpf(horizon)

    ways = mp.loggamma(R + n) - mp.loggamma(R) - mp.loggamma(n + 1)

    def log_count(tau):
        return ways + R * mp.log(A / (A + tau)) + (n * mp.log(tau / (A + tau)) if n else 0)

    def log_dropped(y):
        tau = mp.exp(y)
        return log_count(tau) + mp.log(s / B) - (s + 1) * mp.log1p(tau / B) + y

    lasting = mp.exp(log_count(t) - s * mp.log1p(t / B))
    lives = alive(customer, 0)
    now, gone = _weights(customer)
    none = gone() / (now + gone()) if n == 0 else 0
    return lives * (lasting + integral(log_dropped, -mp.inf, mp.log(t))) + none


def random_customer(rng):
    """An extreme one: parameters from 1e-3 to 1e4, up to 20,000 repeats, t_x up to T or nearly."""
    r, alpha, s, beta = 10 ** rng.uniform(-3, 4, 4)
    kind = rng.integers(8)
    alpha = beta if kind == 0 else alpha
    s = 1.0 if kind == 1 else s
    x = float(rng.choice([0, 1, int(10 ** rng.uniform(0, 4.3))]))
    T = 10 ** rng.uniform(-2, 4)
    share = rng.choice([rng.uniform(), 1 - 10 ** rng.uniform(-12, 0), 1.0, 10 ** rng.uniform(-6, 0)])
    return Customer(r, alpha, s, beta, x, T * share if x else 0.0, T)
