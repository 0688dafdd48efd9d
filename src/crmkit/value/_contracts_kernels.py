"""Kernels of the contract models: shifted beta-geometric and beta-discrete-Weibull.

At each renewal a customer stays with probability 1 - theta, or, when renewals grow on or off with
age, passes the first s renewals with probability (1 - theta) ** (s ** c); theta ~ Beta(alpha, beta)
over the customers. The share that passes s renewals is

    S(s) = B(alpha, beta + s ** c) / B(alpha, beta)

(Fader & Hardie 2007, eq. 6, for c = 1; Fader, Hardie, Liu, Davin & Steenburgh 2018 for any c). A
customer seen to pass s renewals has the likelihood S(s), and one who did not pass the next one
S(s) - S(s + 1). Everything is worked out from

    ln S(s + h) / S(s) = ln B(alpha, z + n) / B(alpha, z),   z = beta + s ** c,  n = (s + h) ** c - s ** c,

a sum of negative terms, so that neither it nor the chance of leaving loses digits.

`parameters` is (alpha, beta, c).
"""

from __future__ import annotations

import math

import numpy as np

from crmkit._numba import kernel
from crmkit.value._random_kernels import beta as beta_variate
from crmkit.value._random_kernels import exponential, gamma
from crmkit.value._special_kernels import digamma, log_gamma_ratio

# Beyond e ** 230 a power of an age is kept as its logarithm: against it alpha and beta are nothing.
_HUGE = 230.0

# From here on the asymptotic series of the gamma function hold to rounding.
_LARGE = 10.0

# Sums over renewals are taken term by term up to here; what lies beyond is an integral.
_TERMS = 512
_WIDTH = 0.5
_MOST_PANELS = 200_000
_NODES, _WEIGHTS = np.polynomial.legendre.leggauss(16)
_NODES, _WEIGHTS = 0.5 * (_NODES + 1.0), 0.5 * _WEIGHTS


@kernel
def _digamma_tail(z):
    """What ln z - 1 / (2 z) exceeds digamma by, for z >= 10 (Abramowitz & Stegun 6.3.18)."""
    w = 1.0 / (z * z)
    return w * (1 / 12 - w * (1 / 120 - w * (1 / 252 - w * (1 / 240 - w * (1 / 132 - w * (691 / 32760 - w / 12))))))


@kernel
def digamma_gap(z, n):
    """digamma(z + n) - digamma(z), z > 0 and n >= 0, without their cancellation."""
    total = 0.0
    while z < _LARGE:
        total += n / (z + n) / z
        z += 1.0
    return total + math.log1p(n / z) + 0.5 * n / (z + n) / z + (_digamma_tail(z) - _digamma_tail(z + n))


@kernel
def _bend(a, n, z):
    """1/z + 1/(z + a + n) - 1/(z + a) - 1/(z + n), as a product."""
    return a / (z + a) / z * (n / (z + n)) * ((2.0 * z + a + n) / (z + a + n))


@kernel
def _digamma_bend(a, n, z):
    """digamma(z + a) + digamma(z + n) - digamma(z) - digamma(z + a + n), a sum of positive terms."""
    total = 0.0
    while z < _LARGE:
        total += _bend(a, n, z)
        z += 1.0
    tails = (_digamma_tail(z) - _digamma_tail(z + a)) - (_digamma_tail(z + n) - _digamma_tail(z + a + n))
    return total + math.log1p(a * (n / (z + a + n)) / z) + 0.5 * _bend(a, n, z) + tails


@kernel
def _stirling_rest(z):
    """Stirling's tail without its first term 1 / (12 z), for z >= 10."""
    w = 1.0 / (z * z)
    return -w * (1 / 360 - w * (1 / 1260 - w * (1 / 1680 - w * (1 / 1188 - w * (691 / 360360 - w / 156))))) / z


@kernel
def log_beta_ratio(a, n, z):
    """Log of B(a, z + n) / B(a, z), at most 0, to a few units in its own last place."""
    total = 0.0
    while z < _LARGE:
        # The ratio at z is that at z + 1 times 1 - p.
        p = a / (z + a) * (n / (z + n))
        total += math.log1p(-p) if p < 0.5 else math.log(z / (z + a) * ((z + a + n) / (z + n)))
        z += 1.0
    small, large = (a, n) if a < n else (n, a)
    if large >= z:
        return total + log_gamma_ratio(z, small) - log_gamma_ratio(z + large, small)
    tails = (_stirling_rest(z + a) - _stirling_rest(z)) + (_stirling_rest(z + n) - _stirling_rest(z + a + n))
    shared = math.log1p(a * (n / (z + a + n)) / z)
    main = (z + a + n - 0.5) * shared - n * math.log1p(a / z) - a * math.log1p(n / z)
    return total + main + (tails - _bend(a, n, z) / 12.0)


@kernel
def _stretch(s, h, c):
    """The power s ** c, what it grows by to (s + h) ** c, and the logarithms of both."""
    if c == 1.0:
        return s, h, (math.log(s) if s > 0.0 else -np.inf), math.log(h)
    if s == 0.0:
        log_n = c * math.log(h)
        return 0.0, (h**c if log_n < _HUGE else np.inf), -np.inf, log_n
    log_u, grown = c * math.log(s), c * math.log1p(h / s)
    log_n = log_u + (grown if grown > _HUGE else math.log(math.expm1(grown)))
    u = s**c if log_u < _HUGE else np.inf
    return u, (u * math.expm1(grown) if log_n < _HUGE else np.inf), log_u, log_n


@kernel
def log_survival(s, h, alpha, beta, c):
    """Log of the probability of passing h more renewals, of those who passed s."""
    if h == 0.0:
        return 0.0
    u, n, log_u, log_n = _stretch(s, h, c)
    if log_u >= _HUGE:
        return -alpha * c * math.log1p(h / s)
    if log_n >= _HUGE:
        return log_gamma_ratio(beta + u, alpha) - alpha * log_n
    return log_beta_ratio(alpha, n, beta + u)


@kernel
def _slopes(s, h, alpha, beta, c):
    """Derivatives of `log_survival` by the logarithms of alpha, beta and c."""
    if h == 0.0:
        return 0.0, 0.0, 0.0
    u, n, log_u, log_n = _stretch(s, h, c)
    if log_u >= _HUGE:
        value = -alpha * c * math.log1p(h / s)
        return value, 0.0, value
    z = beta + u
    if log_n >= _HUGE:
        by_a, by_z, by_log_n = digamma(z + alpha) - log_n, digamma_gap(z, alpha), -alpha
    else:
        by_a, by_z = -digamma_gap(z + alpha, n), _digamma_bend(alpha, n, z)
        by_log_n = -n * digamma_gap(z + n, alpha)
    if s == 0.0:
        return alpha * by_a, beta * by_z, by_log_n * log_n
    grown = math.log1p(h / s)
    by_c = by_z * u * log_u + by_log_n * c * (math.log(s) - grown / math.expm1(-c * grown))
    return alpha * by_a, beta * by_z, by_c


@kernel
def _log_leaving(log_staying):
    """Log of 1 - exp(log_staying)."""
    if log_staying > -0.6931471805599453:
        return math.log(-math.expm1(log_staying))
    return math.log1p(-math.exp(log_staying))


@kernel
def log_likelihood(start, stop, periods, ended, parameters, out):
    """Log-likelihood of each row."""
    alpha, beta, c = parameters[0], parameters[1], parameters[2]
    for row in range(start, stop):
        out[row] = log_survival(0.0, periods[row], alpha, beta, c)
        if ended[row] == 1.0:
            out[row] += _log_leaving(log_survival(periods[row], 1.0, alpha, beta, c))


@kernel
def sums(periods, ended, weight, parameters, out):
    """Weighted log-likelihood of all rows, and its gradient by the logarithms of the parameters."""
    alpha, beta, c = parameters[0], parameters[1], parameters[2]
    value, by_alpha, by_beta, by_c = 0.0, 0.0, 0.0, 0.0
    for row in range(len(periods)):
        s, w = periods[row], weight[row]
        value += w * log_survival(0.0, s, alpha, beta, c)
        slopes = _slopes(0.0, s, alpha, beta, c)
        by_alpha += w * slopes[0]
        by_beta += w * slopes[1]
        by_c += w * slopes[2]
        if ended[row] == 1.0:
            staying = log_survival(s, 1.0, alpha, beta, c)
            slopes = _slopes(s, 1.0, alpha, beta, c)
            odds = -w / math.expm1(-staying)
            value += w * _log_leaving(staying)
            by_alpha += odds * slopes[0]
            by_beta += odds * slopes[1]
            by_c += odds * slopes[2]
    out[0], out[1], out[2], out[3] = value, by_alpha, by_beta, by_c


@kernel
def survival(start, stop, periods, ended, parameters, after, out):
    """Probability that a contract still runs after so many more renewals."""
    for row in range(start, stop):
        staying = log_survival(periods[row], after, parameters[0], parameters[1], parameters[2])
        out[row] = 0.0 if ended[row] == 1.0 else math.exp(staying)


@kernel
def _term(s, t, delta, parameters):
    """Share that passes t more renewals, discounted."""
    return math.exp(log_survival(s, t, parameters[0], parameters[1], parameters[2]) - delta * t)


@kernel
def _end_correction(s, t, inward, delta, parameters):
    """What a sum that ends at t has beyond the integral that ends there (Gregory's formula)."""
    f0, f1 = _term(s, t, delta, parameters), _term(s, t + inward, delta, parameters)
    f2, f3 = _term(s, t + 2.0 * inward, delta, parameters), _term(s, t + 3.0 * inward, delta, parameters)
    f4, f5 = _term(s, t + 4.0 * inward, delta, parameters), _term(s, t + 5.0 * inward, delta, parameters)
    d1 = f1 - f0
    d2 = f2 - 2.0 * f1 + f0
    d3 = f3 - 3.0 * f2 + 3.0 * f1 - f0
    d4 = f4 - 4.0 * f3 + 6.0 * f2 - 4.0 * f1 + f0
    d5 = f5 - 5.0 * f4 + 10.0 * f3 - 10.0 * f2 + 5.0 * f1 - f0
    return 0.5 * f0 - d1 / 12.0 + d2 / 24.0 - 19.0 * d3 / 720.0 + 3.0 * d4 / 160.0 - 863.0 * d5 / 60480.0


@kernel
def _integral(s, first, last, delta, parameters):
    """Integral of `_term` from `first` to `last`, over panels of equal width in the logarithm of t."""
    alpha, beta, c = parameters[0], parameters[1], parameters[2]
    total, low, high = 0.0, math.log(first), math.log(last)
    # S(s + t) / S(s) is this level times t ** (-alpha c) for t beyond all measure.
    log_u = c * math.log(s) if s > 0.0 else -np.inf
    log_level = alpha * log_u if log_u >= _HUGE else log_gamma_ratio(beta + s**c, alpha)
    settled = 40.0 + 2.0 * math.log1p(alpha + beta)
    for _ in range(_MOST_PANELS):
        width = min(_WIDTH, high - low)
        panel = 0.0
        for node in range(len(_NODES)):
            x = low + width * _NODES[node]
            # Beyond e ** 690 only the powers of t are left, and nothing that is discounted.
            log_term = log_level - alpha * c * x
            if x < 690.0:
                t = math.exp(x)
                log_term = log_survival(s, t, alpha, beta, c) - delta * t
            panel += _WEIGHTS[node] * math.exp(log_term + x)
        total += panel * width
        low += width
        if low >= high or panel * width <= 1e-17 * total:
            return total
        if delta == 0.0 and high == np.inf and c * (low - math.log1p(s)) > settled:
            # A pure power of t from here on: its integral is known.
            slope = alpha * c - 1.0
            return total + math.exp(log_level - slope * low) / slope
    return total


@kernel
def discounted_renewals(s, horizon, delta, parameters):
    """Sum over t = 1 ... horizon of e ** (-delta t) S(s + t) / S(s); the horizon may be infinite."""
    alpha, beta, c = parameters[0], parameters[1], parameters[2]
    if horizon == np.inf and delta == 0.0 and alpha * c <= 1.0:
        return np.inf
    n_terms = int(min(horizon, float(_TERMS)))
    total, staying = 0.0, 1.0
    for t in range(1, n_terms + 1):
        if c == 1.0:
            staying *= (beta + s + t - 1.0) / (alpha + beta + s + t - 1.0)
            term = staying * math.exp(-delta * t)
        else:
            term = _term(s, float(t), delta, parameters)
        total += term
        if term <= 1e-18 * total:
            return total
    if horizon <= _TERMS:
        return total
    first = _TERMS + 1.0
    if horizon < first + 64.0:
        for t in range(int(first), int(horizon) + 1):
            total += _term(s, float(t), delta, parameters)
        return total
    total += _end_correction(s, first, 1.0, delta, parameters)
    if horizon < np.inf:
        total += _end_correction(s, horizon, -1.0, delta, parameters)
    return total + _integral(s, first, horizon, delta, parameters)


@kernel
def discounted(start, stop, periods, ended, parameters, horizon, delta, out):
    """Discounted number of renewals of each row within the horizon."""
    for row in range(start, stop):
        out[row] = 0.0 if ended[row] == 1.0 else discounted_renewals(periods[row], horizon, delta, parameters)


@kernel
def count_probability(start, stop, periods, ended, parameters, n, horizon, out):
    """Probability of exactly n more renewals among those of the horizon."""
    alpha, beta, c = parameters[0], parameters[1], parameters[2]
    for row in range(start, stop):
        if ended[row] == 1.0:
            out[row] = 1.0 if n == 0.0 else 0.0
        elif n > horizon:
            out[row] = 0.0
        else:
            out[row] = math.exp(log_survival(periods[row], n, alpha, beta, c))
            if n < horizon:
                out[row] *= -math.expm1(log_survival(periods[row] + n, 1.0, alpha, beta, c))


@kernel
def churn_rates(start, stop, periods, ended, parameters, out):
    """Posterior mean of each row's own theta."""
    alpha, beta, c = parameters[0], parameters[1], parameters[2]
    for row in range(start, stop):
        s = periods[row]
        u, n, log_u, log_n = _stretch(s, 1.0, c)
        z = beta + u
        out[row] = alpha / (alpha + z)
        if ended[row] == 1.0 and log_u < _HUGE:
            # Of those who left at the next renewal: the mean of theta over what they had and what stayed.
            gone, all_gone = log_survival(s, 1.0, alpha, beta, c), 0.0
            if log_n < _HUGE:
                all_gone = log_beta_ratio(alpha + 1.0, n, z)
            else:
                all_gone = log_gamma_ratio(z, alpha + 1.0) - (alpha + 1.0) * log_n
            out[row] *= math.expm1(all_gone) / math.expm1(gone)


@kernel
def _renewals_of(passed, s, most, c):
    """The most renewals j <= most for which (s + j) ** c - s ** c is within what a customer passes."""
    if c == 1.0:
        return min(most, math.floor(passed))
    if s == 0.0:
        reach = math.log(passed) / c
        return min(most, math.floor(math.exp(reach))) if reach < _HUGE else most
    return min(most, math.floor(s * math.expm1(math.log1p(passed / s**c) / c)))


@kernel
def _draw_passed(state, leaving, staying):
    """An exponential time by the hazard of one who leaves with this chance."""
    if leaving == 0.0 or staying == 0.0:
        return np.inf if leaving == 0.0 else 0.0
    return exponential(state) / -(math.log1p(-leaving) if leaving < 0.5 else math.log(staying))


@kernel
def _draw_renewals(state, s, most, alpha, beta, c):
    """Further renewals, at most so many, of a customer who survived s."""
    if s > 0.0 and c * math.log(s) >= _HUGE:
        # Against s ** c nothing is left of beta, and leaving is a gamma variate over s ** c.
        grown = math.log1p(exponential(state) / gamma(state, alpha)) / c
        return min(most, math.floor(s * math.expm1(grown))) if grown < _HUGE else most
    leaving, staying = beta_variate(state, alpha, beta + s**c)
    passed = _draw_passed(state, leaving, staying)
    return most if passed == np.inf else _renewals_of(passed, s, most, c)


@kernel
def _present(n, delta):
    """Sum of e ** (-delta t) for t = 1 ... n."""
    return n if delta == 0.0 else math.exp(-delta) * math.expm1(-delta * n) / math.expm1(-delta)


@kernel
def simulate(start, stop, periods, ended, draws, horizon, delta, seeds, counts, values):
    """One future of each row for each draw of the parameters: renewals in the horizon, and their value."""
    state = np.empty(1, dtype=np.uint64)
    for row in range(start, stop):
        state[0] = seeds[row]
        for draw in range(len(draws)):
            n = 0.0
            if ended[row] == 0.0:
                n = _draw_renewals(state, periods[row], horizon, draws[draw, 0], draws[draw, 1], draws[draw, 2])
            counts[row, draw] = n
            values[row, draw] = _present(n, delta)


@kernel
def draw_contracts(start, stop, observed, parameters, seeds, periods, ended, churn):
    """Renewals passed by new customers who are up for so many, whether they left, and their theta."""
    state = np.empty(1, dtype=np.uint64)
    for row in range(start, stop):
        state[0] = seeds[row]
        leaving, staying = beta_variate(state, parameters[0], parameters[1])
        passed = _draw_passed(state, leaving, staying)
        n = observed[row] if passed == np.inf else _renewals_of(passed, 0.0, observed[row], parameters[2])
        churn[row] = leaving
        periods[row] = n
        ended[row] = 1.0 if n < observed[row] else 0.0
