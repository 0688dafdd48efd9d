"""Special functions that several purchase models need inside their kernels.

SciPy's are not callable from a kernel without a further dependency, and differences of its log-gamma
lose the digits that matter here: the terms of a likelihood are *ratios* of gamma functions of large
arguments, so ratios are what is computed.
"""

from __future__ import annotations

import math

import numpy as np

from crmkit._numba import kernel

# From here on the asymptotic series below are exact to rounding (next term < 3e-18 at 10).
_LARGE = 10.0


@kernel
def digamma(z):
    """Derivative of the log-gamma function, z > 0 (Abramowitz & Stegun 6.3.5 and 6.3.18)."""
    total = 0.0
    while z < _LARGE:
        total -= 1.0 / z
        z += 1.0
    w = 1.0 / (z * z)
    tail = w * (1 / 12 - w * (1 / 120 - w * (1 / 252 - w * (1 / 240 - w * (1 / 132 - w * (691 / 32760 - w / 12))))))
    return total + math.log(z) - 0.5 / z - tail


@kernel
def _stirling_tail(z):
    """What Stirling's formula lacks: ln G(z) = (z - 1/2) ln z - z + ln(2 pi)/2 + this, for z >= 10."""
    w = 1.0 / (z * z)
    return (
        1 / 12 - w * (1 / 360 - w * (1 / 1260 - w * (1 / 1680 - w * (1 / 1188 - w * (691 / 360360 - w / 156)))))
    ) / z


@kernel
def log_gamma_ratio(z, n):
    """Log of G(z + n) / G(z), z > 0 and n >= 0, to a few units in its own last place.

    The difference of two log-gammas would carry the rounding error of both, each some z ln z in size.
    """
    if n == 0.0:
        return 0.0
    # Arguments are raised to where the series hold: a ratio of at most ten factors.
    shift, over, under = 0.0, 1.0, 1.0
    while z < _LARGE:
        over *= z
        under *= z + n
        shift = over / under
        z += 1.0
    raised = n * math.log(z) + (z + n - 0.5) * math.log1p(n / z) - n + (_stirling_tail(z + n) - _stirling_tail(z))
    return raised if shift == 0.0 else raised + math.log(shift)


@kernel
def log_beta(a, b):
    """Log of the beta function, a > 0 and b > 0."""
    small, large = (a, b) if a < b else (b, a)
    return math.lgamma(small) - log_gamma_ratio(large, small)


@kernel
def log_add(p, q):
    """Log of exp(p) + exp(q); either may be minus infinity."""
    if p < q:
        p, q = q, p
    return p if q == -np.inf else p + math.log1p(math.exp(q - p))


@kernel
def _beta_fraction(a, b, x):
    """Continued fraction of the incomplete beta function, for x < (a + 1) / (a + b + 2) (DLMF 8.17.22)."""
    tiny = 1e-300
    c, d = 1.0, 1.0 - (a + b) * x / (a + 1.0)
    d = 1.0 / (d if abs(d) > tiny else tiny)
    value = d
    for m in range(1, 100_000):
        # An even and an odd step of Lentz's method.
        for odd in range(2):
            if odd == 0:
                step = m * (b - m) * x / ((a + 2 * m - 1.0) * (a + 2 * m))
            else:
                step = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1.0))
            d = 1.0 + step * d
            d = 1.0 / (d if abs(d) > tiny else tiny)
            c = 1.0 + step / c
            c = c if abs(c) > tiny else tiny
            factor = c * d
            value *= factor
        if abs(factor - 1.0) < 1e-16:
            break
    return value


@kernel
def negative_binomial_tail(n, shape, odds):
    """P(N >= n) of a Poisson count whose mean is odds times a Gamma(shape) variate; n real, n >= 0.

    It is the regularised incomplete beta function I_x(n, shape) at x = odds / (1 + odds); both x and
    1 - x are at hand without a subtraction, so either tail keeps its digits.
    """
    if n <= 0.0:
        return 1.0
    if odds == 0.0:
        return 0.0
    if odds == np.inf:
        return 1.0
    log_x, log_y = -math.log1p(1.0 / odds), -math.log1p(odds)
    x, y = odds / (1.0 + odds), 1.0 / (1.0 + odds)
    front = math.exp(n * log_x + shape * log_y - log_beta(n, shape))
    if x < (n + 1.0) / (n + shape + 2.0):
        return front * _beta_fraction(n, shape, x) / n
    return 1.0 - front * _beta_fraction(shape, n, y) / shape
