"""What BG/NBD and MBG/NBD with Erlang-k timing say about one customer, in 50 digits and the slow way.

Nothing here is taken from a paper's closed form with a hypergeometric function, and mpmath's `hyp2f1`,
which is silently wrong for some extreme arguments, is not used. What is written down is the story itself:

* While alive a customer buys after every k-th event of a Poisson process of rate ``lam``; ``lam`` is
  Gamma(r, rate alpha) over customers.
* After each repeat purchase (`modified`: after the first one too) she leaves with probability p, and p
  is Beta(a, b) over customers.

Given the data (x repeats, the last at t_x, observed until T) she left at t_x, or is alive with j < k
events of the process since t_x. Given alive and j, ``lam`` is Gamma(r + k x + j, rate alpha + T) and p is
Beta(a, b + x), or Beta(a, b + x + 1) if modified, independently. Everything ahead is an expectation over
these two, of sums of positive terms; the one over p is a quadrature in its log-odds.
"""

from __future__ import annotations

import functools
import itertools
from dataclasses import dataclass

import mpmath as mp
import numpy as np

#: Digits of the arithmetic, and to how many the quadratures are carried.
DIGITS = 50
_quadrature_digits = 24


@dataclass(frozen=True)
class Model:
    """Parameters, the number k of Poisson events per purchase, and whether one may leave at time 0."""

    r: float
    alpha: float
    a: float
    b: float
    k: int = 1
    modified: bool = False


@dataclass(frozen=True)
class Customer:
    """Number of repeats, time of the last, end of observation, sum of the logs of the gaps between purchases."""

    x: int
    t_x: float
    T: float
    log_gaps: float = 0.0


@dataclass(frozen=True)
class _Alive:
    """One of the k ways to be alive: weight, events since the last purchase, and what is known of lam and p."""

    weight: mp.mpf
    j: int
    shape: mp.mpf
    rate: mp.mpf


def _log_beta_ratio(a, b, da, db):
    """ln B(a + da, b + db) / B(a, b)."""
    return mp.log(mp.beta(a + da, b + db)) - mp.log(mp.beta(a, b))


def _states(model, customer):
    """The log-likelihood; the weight of having left at t_x; the ways of being alive, weights summing to the rest."""
    with mp.workdps(DIGITS):
        r, alpha, a, b = map(mp.mpf, (model.r, model.alpha, model.a, model.b))
        x, k, t_x, T = customer.x, model.k, mp.mpf(customer.t_x), mp.mpf(customer.T)
        shape = r + k * x
        front = mp.loggamma(shape) - mp.loggamma(r) + r * mp.log(alpha)
        front += (k - 1) * mp.mpf(customer.log_gaps) - x * mp.loggamma(k)
        chances = x + (1 if model.modified else 0)
        left = mp.mpf("-inf")
        if chances > 0:
            left = _log_beta_ratio(a, b, 1, chances - 1) - shape * mp.log(alpha + t_x)
        stayed = _log_beta_ratio(a, b, 0, chances)
        ways = []
        for j in range(k):
            idle = mp.log(T - t_x) * j if j and t_x < T else mp.mpf("-inf" if j else 0)
            log = idle - mp.loggamma(j + 1) + mp.loggamma(shape + j) - mp.loggamma(shape)
            ways.append((stayed + log - (shape + j) * mp.log(alpha + T), j))
        top = max([left, *(log for log, _ in ways)])
        total = mp.exp(left - top) + mp.fsum(mp.exp(log - top) for log, _ in ways)
        alive = [_Alive(mp.exp(log - top) / total, j, shape + j, alpha + T) for log, j in ways]
        return front + top + mp.log(total), mp.exp(left - top) / total, alive


def log_likelihood(model, customer):
    return _states(model, customer)[0]


def _beta_given_alive(model, customer):
    with mp.workdps(DIGITS):
        return mp.mpf(model.a), mp.mpf(model.b) + customer.x + (1 if model.modified else 0)


@functools.cache
def _node(c, d, step, at, dps):
    """p, ln p, ln(1 - p) and the weight p**c (1 - p)**d at one node of the trapezoid rule in the log-odds."""
    with mp.workdps(dps):
        u = mp.log(c / d) + at * step
        log_p, log_q = -mp.log1p(mp.exp(-u)), -mp.log1p(mp.exp(u))
        return mp.exp(log_p), log_p, log_q, mp.exp(c * log_p + d * log_q)


def mean_over_p(function, a, b, at_zero, at_one, sharpness=0):
    """E of function(p, ln p, ln(1 - p)) for p ~ Beta(a, b), by the trapezoid rule in the log-odds of p.

    The rule converges geometrically for integrands that are analytic within pi/2 of the real line and
    die out on both sides. Where a or b is so small that a tail hardly does, the limit on that side times
    1 - p or p is integrated exactly. A function that falls like (1 - p)**sharpness needs shorter steps.
    """
    with mp.workdps(DIGITS + 20):
        cut = _quadrature_digits * mp.log(10)
        at_zero, at_one = at_zero if a < 1 else 0, at_one if b < 1 else 0
        straight = a < 1 or b < 1
        c, d = (a + 1 if a < 1 else a), (b + 1 if b < 1 else b)
        step = mp.pi * min(mp.pi / cut, mp.sqrt(1 / c + 1 / (d + sharpness)) * mp.sqrt(2 / cut)) / mp.mpf("1.2")
        smallest = mp.mpf(10) ** (-_quadrature_digits)
        total, largest = mp.mpf(0), mp.mpf(0)
        for side in (1, -1):
            n, negligible = (0 if side == 1 else 1), 0
            while negligible < 4 or n < 20:
                p, log_p, log_q, weight = _node(c, d, step, side * n, mp.mp.dps)
                term = function(p, log_p, log_q)
                if straight:
                    term -= at_zero * mp.exp(log_q) + at_one * p
                    term /= mp.exp((log_p if a < 1 else 0) + (log_q if b < 1 else 0))
                term *= weight
                total += term
                largest = max(largest, abs(term))
                negligible = negligible + 1 if abs(term) < largest * smallest else 0
                n += 1
        total *= step / mp.beta(a, b)
        if straight:
            total += at_zero * b / (a + b) + at_one * a / (a + b)
        return total


def _tail(n, shape, odds):
    """P(N >= n) for the negative binomial N: Poisson of mean odds * Gamma(shape)."""
    if n <= 0:
        return mp.mpf(1)
    with mp.workdps(DIGITS + 30):
        ratio = odds / (1 + odds)
        if n > shape * odds + 1:  # the tail itself, term by term
            term = mp.exp(mp.loggamma(shape + n) - mp.loggamma(shape) - mp.loggamma(n + 1) + n * mp.log(ratio)
                          - shape * mp.log1p(odds))  # fmt: skip
            total, m = term, n
            while True:
                term *= (shape + m) / (m + 1) * ratio
                total += term
                m += 1
                if term < total * mp.mpf(10) ** (-DIGITS) and (shape + m) / (m + 1) * ratio < 1:
                    return total
        term = mp.exp(-shape * mp.log1p(odds))
        total = term
        for m in range(n - 1):
            term *= (shape + m) / (m + 1) * ratio
            total += term
        return 1 - total


def _odds(way, horizon):
    return mp.mpf(horizon) / way.rate


def _given_p(way, k, horizon):
    """Expected purchases in the horizon of a customer alive in this way, as a function of p.

    The events of the process in the horizon are Poisson, and the n-th purchase is made if there are at
    least n k - j and none of the n - 1 before drove her away. The sum over n is one over the k-th roots
    of unity: for k = 1 it is (1 - (1 + p odds)**-shape) / p.
    """
    odds = _odds(way, horizon)
    roots = [mp.expjpi(mp.mpf(2) * i / k) for i in range(k)]

    def expected(p, log_p, log_q):
        log_keep = log_q / k  # q**(1/k), by which each event is thinned
        keep, total = mp.exp(log_keep), mp.mpf(0)
        for i, root in enumerate(roots):
            thin = -mp.expm1(log_keep) if i == 0 else 1 - root * keep
            total += mp.re(root ** (way.j + 1) * -mp.expm1(-way.shape * mp.log1p(odds * thin)) / thin)
        return mp.exp(log_keep * (way.j + 1 - k)) * total / k

    return expected


def expected_given_alive(model, customer, horizon):
    """Expected purchases in (T, T + horizon] given alive in each way: a list of numbers."""
    a, b = _beta_given_alive(model, customer)
    _, _, ways = _states(model, customer)
    with mp.workdps(DIGITS + 20):
        if horizon == 0:
            return [mp.mpf(0) for _ in ways]
        found = []
        for way in ways:
            odds = _odds(way, horizon)
            if way.weight == 0:
                found.append(mp.mpf(0))
                continue
            at_one = _tail(model.k - way.j, way.shape, odds)  # she leaves with the first purchase
            # p = 0: the mean number of purchases, the sum of all tails.
            at_zero = mp.mpf(0)
            if a < 1 or b < 1:
                tiny = mp.mpf(10) ** -(3 * DIGITS)
                with mp.workdps(8 * DIGITS):
                    at_zero = _given_p(way, model.k, horizon)(tiny, mp.log(tiny), mp.log1p(-tiny))
            found.append(mean_over_p(_given_p(way, model.k, horizon), a, b, at_zero, at_one))
        return found


def expected(model, customer, horizon):
    _, _, ways = _states(model, customer)
    return mp.fsum(way.weight * e for way, e in zip(ways, expected_given_alive(model, customer, horizon), strict=True))


def expected_by_summation(model, customer, horizon, most=4000):
    """The same as a plain sum over the purchases to come: sum_n E[(1-p)^(n-1)] P(N >= n k - j)."""
    a, b = _beta_given_alive(model, customer)
    _, _, ways = _states(model, customer)
    with mp.workdps(DIGITS):
        total = mp.mpf(0)
        for way in ways:
            keep, n = mp.mpf(1), 1
            while True:
                term = keep * _tail(n * model.k - way.j, way.shape, _odds(way, horizon))
                total += way.weight * term
                if term < mp.mpf(10) ** (-DIGITS // 2):
                    break
                keep *= (b + n - 1) / (a + b + n - 1)
                n += 1
                if n > most:
                    raise ArithmeticError("too many purchases to add up")
        return total


def alive(model, customer, after=0.0):
    """P(alive at T + after)."""
    _, _, ways = _states(model, customer)
    a, b = _beta_given_alive(model, customer)
    with mp.workdps(DIGITS + 20):
        if after == 0:
            return mp.fsum(way.weight for way in ways)
        total = mp.mpf(0)
        for way in ways:
            if way.weight == 0:
                continue
            at_one = mp.fsum(_terms(way.shape, _odds(way, after), 0, model.k - way.j))
            survives = _survival_given_p(way, model.k, after)
            total += way.weight * mean_over_p(survives, a, b, mp.mpf(1), at_one, way.shape)
        return total


def _survival_given_p(way, k, horizon):
    """The chance of outliving the purchases of the horizon as a function of p: E of (1 - p)**((N + j) // k)."""
    odds = _odds(way, horizon)
    roots = [mp.expjpi(mp.mpf(2) * i / k) for i in range(k)]

    def survives(p, log_p, log_q):
        log_keep, total = log_q / k, mp.mpf(0)
        for i, root in enumerate(roots):
            thin = -mp.expm1(log_keep) if i == 0 else 1 - root * mp.exp(log_keep)
            power = mp.exp(-way.shape * mp.log1p(odds * thin))
            for left in range(k):
                total += mp.re(root ** (way.j - left) * power) * mp.exp(log_keep * (way.j - left))
        return total / k

    return survives


def _terms(shape, odds, first, stop):
    """P(N = n) for first <= n < stop."""
    ratio = odds / (1 + odds)
    return [
        mp.exp(mp.loggamma(shape + n) - mp.loggamma(shape) - mp.loggamma(n + 1) + n * mp.log(ratio)
               - shape * mp.log1p(odds))
        for n in range(first, stop)
    ]  # fmt: skip


def count_probability(model, customer, n, horizon):
    """P(n purchases in (T, T + horizon]): sums of positive terms in closed form."""
    _, left, ways = _states(model, customer)
    a, b = _beta_given_alive(model, customer)
    k = model.k
    with mp.workdps(DIGITS):
        total = left if n == 0 else mp.mpf(0)
        for way in ways:
            odds = _odds(way, horizon)
            if odds == 0:
                total += way.weight if n == 0 else 0
                continue
            between = mp.fsum(_terms(way.shape, odds, max(n * k - way.j, 0), (n + 1) * k - way.j))
            total += way.weight * mp.exp(_log_beta_ratio(a, b, 0, n)) * between
            if n > 0:
                total += way.weight * mp.exp(_log_beta_ratio(a, b, 1, n - 1)) * _tail(n * k - way.j, way.shape, odds)
        return total


def mean_rates(model, customer):
    """Posterior means of lam / k and of p."""
    _, left, ways = _states(model, customer)
    with mp.workdps(DIGITS):
        shape, chances = mp.mpf(model.r) + model.k * customer.x, customer.x + (1 if model.modified else 0)
        a, total = mp.mpf(model.a), mp.mpf(model.a) + model.b + chances
        rate = left * shape / (mp.mpf(model.alpha) + customer.t_x)
        rate += mp.fsum(way.weight * way.shape / way.rate for way in ways)
        dropout = (left * (a + 1) + (1 - left) * a) / total
        return rate / model.k, dropout


def discounted(model, customer, horizon, delta):
    """Sum of E[exp(-delta s)] over the purchases at T + s, s <= horizon, which may be infinite.

    By parts it is an integral over time of expected purchases: delta * integral of exp(-delta s) E(s) ds,
    plus exp(-delta horizon) E(horizon).
    """
    if delta == 0:
        return expected(model, customer, horizon)
    with mp.workdps(DIGITS):
        delta = mp.mpf(delta)
        if horizon == mp.inf:
            return _to_infinity(model, customer, delta)
        # Panels that grow fourfold: E bends near the present.
        edges = [mp.mpf(0)] + [mp.mpf(horizon) * mp.mpf(4) ** -i for i in range(5, -1, -1)]
        total = mp.mpf(0)
        for low, high in itertools.pairwise(edges):
            for node, weight in _legendre(16):
                s = low + (high - low) * node
                total += (high - low) * weight * mp.exp(-delta * s) * expected(model, customer, s)
        return delta * total + mp.exp(-delta * mp.mpf(horizon)) * expected(model, customer, mp.mpf(horizon))


def _to_infinity(model, customer, delta):
    """delta * integral over s > 0 of exp(-delta s) E(s), by s = exp(v - exp(-v)) / delta and the trapezoid rule."""
    step, total, largest = mp.mpf(1) / 8, mp.mpf(0), mp.mpf(0)
    for side in (1, -1):
        n = 0 if side == 1 else 1
        while True:
            v = side * n * step
            s = mp.exp(v - mp.exp(-v)) / delta
            term = delta * s * (1 + mp.exp(-v)) * mp.exp(-delta * s) * expected(model, customer, s) * step
            total += term
            largest = max(largest, term)
            if n > 8 and term < largest * mp.mpf("1e-16"):
                break
            n += 1
    return total


@functools.cache
def _legendre(n):
    """Nodes and weights of the Gauss-Legendre rule on (0, 1)."""
    found = []
    for i in range(1, n + 1):
        z = mp.cos(mp.pi * (i - mp.mpf("0.25")) / (n + mp.mpf("0.5")))
        for _ in range(8):
            last, now = mp.mpf(1), z
            for m in range(2, n + 1):
                last, now = now, ((2 * m - 1) * z * now - (m - 1) * last) / m
            slope = n * (z * now - last) / (z * z - 1)
            z -= now / slope
        found.append(((1 - z) / 2, 1 / ((1 - z * z) * slope * slope)))
    return found


def new_customer(model, horizon):
    """Expected repeat purchases of a new customer in the horizon."""
    return expected(model, Customer(0, 0.0, 0.0), horizon)


def extreme_cases(seed, n, phases=(1, 2, 3)):
    """Random models and customers at the edges of what may come: (model, customer, horizon, delta)."""
    rng = np.random.default_rng(seed)
    for _ in range(n):
        parameters = 10.0 ** rng.uniform(-3, 4, 4)
        model = Model(*map(float, parameters), k=int(rng.choice(phases)), modified=bool(rng.random() < 0.5))
        x = int(rng.choice([0, 1, 3, 0]) if rng.random() < 0.3 else 10 ** rng.uniform(0, np.log10(20_000)))
        T = float(10 ** rng.uniform(-2, 4))
        near = float(rng.choice([0.0, 10 ** rng.uniform(-14, 0), rng.random()]))
        t_x = T * (1.0 - near) if x > 0 else 0.0
        t_x = t_x if x == 0 or t_x > 0 else T
        customer = Customer(x, t_x, T, float(x * np.log(max(t_x, 1e-9) / max(x, 1))))
        yield model, customer, float(10 ** rng.uniform(-3, 5)), float(10 ** rng.uniform(-4, 0.5))
