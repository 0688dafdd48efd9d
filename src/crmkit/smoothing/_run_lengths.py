"""How many points a control chart takes until its first alarm, on average, and the limits that make it so many.

The points are independent and normal. In units of their standard deviation, with the target at zero, both charts
are Markov: where the statistic stands now is all that its future depends on. The run length from each place solves
a linear integral equation, which Gauss-Legendre quadrature turns into a small linear system; its error falls
faster than any power of the number of nodes, since kernel and solution are smooth.

Sources: S. V. Crowder (1987), A simple method for studying run-length distributions of exponentially weighted
moving average charts, Technometrics 29, 401-407, eq. 4; E. S. Page (1954), Continuous inspection schemes,
Biometrika 41, 100-115, section 2.3; two sides of a CUSUM: J. M. Lucas and R. B. Crosier (1982), Fast initial
response for CUSUM quality-control schemes, Technometrics 24, 199-205, section 4.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import brentq
from scipy.special import ndtr

__all__ = ["cusum_interval", "cusum_run_length", "ewma_limit", "ewma_run_length", "shortest_cusum"]

Floats = NDArray[np.float64]

#: Relative distance to its last value from which on the limit of an EWMA is taken as constant: what that does to
#: a run length is less than this.
_SETTLED = 1e-5

#: Share of charts without an alarm that is no longer followed.
_NONE_LEFT = 1e-14


def ewma_run_length(alpha: float, limit: float, shift: float = 0.0, *, exact: bool) -> float:
    """Average run length of a two-sided EWMA chart that starts at the target.

    Parameters
    ----------
    alpha : float
        Weight of the newest point, above 0, at most 1.
    limit : float
        Half-width of the limits, in standard deviations of the statistic.
    shift : float, default=0.0
        True mean less target, from the first point on, in standard deviations of a point.
    exact : bool
        Whether the standard deviation of the statistic is that of each time, or the one that it comes to.

    Returns
    -------
    float
        At least 1; infinity where it is beyond the reach of floats.

    Examples
    --------
    >>> round(ewma_run_length(0.2, 2.962, exact=False), 1)
    499.7
    """
    width = limit * math.sqrt(alpha / (2.0 - alpha))
    places, weights = _nodes(width / alpha)

    def density(to: Floats, start: Floats) -> Floats:
        step = (to - (1.0 - alpha) * start) / alpha - shift
        return np.exp(-0.5 * step * step) / (alpha * math.sqrt(2.0 * math.pi))

    # On [-width, width], where the limits no longer move: length[i] from width * places[i] on.
    reach = width * places
    moves = density(reach[None, :], reach[:, None]) * (width * weights)
    length = _lengths(moves)
    # Until then, mass[j] is the chance to stand at now * places[j] without an alarm so far.
    settled = not exact or alpha == 1.0
    n_steps = 1 if settled else max(1, math.ceil(math.log(2.0 * _SETTLED) / (2.0 * math.log1p(-alpha))))
    total, mass, start = 1.0, np.ones(1), np.zeros(1)
    for step in range(1, n_steps + 1):
        now = width * math.sqrt(-math.expm1(2.0 * step * math.log1p(-alpha))) if step < n_steps else width
        end = now * places
        mass = (density(end[:, None], start[None, :]) @ mass) * (now * weights)
        start = end
        alive = float(mass.sum())
        if alive < _NONE_LEFT:
            return total
        if step < n_steps:
            total += alive
    return total + float(mass @ length) if math.isfinite(length[0]) else math.inf


@lru_cache(maxsize=256)
def ewma_limit(alpha: float, arl0: float, *, exact: bool) -> float:
    """Half-width of an EWMA chart's limits, in standard deviations of the statistic, for a run length in control.

    Parameters
    ----------
    alpha, exact
        As in `ewma_run_length`.
    arl0 : float
        Run length in control, above 1.

    Returns
    -------
    float
        The limit whose run length is `arl0`.

    Examples
    --------
    >>> round(ewma_limit(0.1, 370.0, exact=False), 3), round(ewma_limit(0.1, 370.0, exact=True), 3)
    (2.701, 2.714)
    """
    if exact:
        near = ewma_limit(alpha, arl0, exact=False)
        return _root(lambda limit: ewma_run_length(alpha, limit, exact=True), arl0, near, near + 0.02)
    # Points apart alarm most often, so the limit lies below that of independent points.
    high = _root(lambda limit: 0.5 / float(ndtr(-limit)), arl0, 1.0, 3.0)
    return _root(lambda limit: ewma_run_length(alpha, limit, exact=False), arl0, 0.9 * high, high)


def cusum_run_length(k: float, h: float, shift: float = 0.0) -> float:
    """Average run length of a two-sided CUSUM chart that starts at zero.

    Parameters
    ----------
    k : float
        Allowance: what each point must be off the target to count, in standard deviations.
    h : float
        Decision interval: the sum above which there is an alarm, in standard deviations.
    shift : float, default=0.0
        True mean less target, from the first point on, in standard deviations.

    Returns
    -------
    float
        At least 1; infinity where it is beyond the reach of floats.

    Examples
    --------
    >>> round(cusum_run_length(0.5, 4.0), 1), round(cusum_run_length(0.5, 4.0, 1.0), 1)
    (167.7, 8.4)
    """
    # With equal k and h one side always stands at zero when the other alarms: so rates of alarms add up.
    rate = 1.0 / _one_sided(k, h, shift) + 1.0 / _one_sided(k, h, -shift)
    return 1.0 / rate if rate > 0.0 else math.inf


def _one_sided(k: float, h: float, shift: float) -> float:
    """Run length of the sum of what lies above the target."""
    places, weights = _nodes(h / 2.0)
    start = np.concatenate([[0.0], h / 2.0 * (1.0 + places)])
    step = start[None, 1:] - start[:, None] + (k - shift)
    moves = np.empty((len(start), len(start)))
    moves[:, 0] = ndtr(k - shift - start)
    moves[:, 1:] = np.exp(-0.5 * step * step) * (h / 2.0 * weights / math.sqrt(2.0 * math.pi))
    return float(_lengths(moves)[0])


def shortest_cusum(k: float) -> float:
    """Run length in control of a CUSUM chart with h = 0, the shortest that there is."""
    return 0.5 / float(ndtr(-k))


@lru_cache(maxsize=256)
def cusum_interval(k: float, arl0: float) -> float:
    """Decision interval of a two-sided CUSUM chart, in standard deviations, for a run length in control.

    Parameters
    ----------
    k : float
        Allowance, in standard deviations.
    arl0 : float
        Run length in control, above `shortest_cusum`.

    Returns
    -------
    float
        The interval whose run length is `arl0`.

    Examples
    --------
    >>> round(cusum_interval(0.5, 370.0), 3)
    4.774
    """
    # Siegmund's approximation without its correction starts the search: exp(2kh) = 4 k² arl0.
    near = max(0.1, math.log1p(4.0 * k * k * arl0 + 2.0 * k * math.sqrt(arl0)) / (2.0 * k) - 1.166)
    return _root(lambda h: cusum_run_length(k, h), arl0, 0.9 * near, 1.1 * near)


def _root(run_length: Callable[[float], float], arl0: float, low: float, high: float) -> float:
    """Solve an increasing run length for its argument; its logarithm is nearly straight."""
    aim = math.log(arl0)

    def miss(limit: float) -> float:
        return math.log(run_length(limit)) - aim

    width = high - low
    at_low, at_high = miss(low), miss(high)
    while at_low > 0.0 and low > 1e-12:
        high, at_high = low, at_low
        low, width = max(low - width, low / 4.0), 2.0 * width
        at_low = miss(low)
    while at_high < 0.0:
        low, at_low = high, at_high
        high, width = high + width, 2.0 * width
        at_high = miss(high)
    return float(brentq(miss, low, high, xtol=1e-9, rtol=1e-9))


def _nodes(half: float) -> tuple[Floats, Floats]:
    """Places and weights of quadrature on [-1, 1] that resolve a normal density on ±`half` standard deviations."""
    # Spaced by 0.8 of a standard deviation the sum of a normal density is right to 1e-13; eights share one table.
    return _gauss_legendre(8 * math.ceil((20.0 + 4.0 * half) / 8.0))


@lru_cache(maxsize=64)
def _gauss_legendre(n: int) -> tuple[Floats, Floats]:
    places, weights = np.polynomial.legendre.leggauss(n)
    places.setflags(write=False)
    weights.setflags(write=False)
    return places, weights


def _lengths(moves: Floats) -> Floats:
    """Solve for the run lengths from each place, given the chances to move without an alarm."""
    try:
        found = np.linalg.solve(np.eye(len(moves)) - moves, np.ones(len(moves)))
    except np.linalg.LinAlgError:
        return np.full(len(moves), np.inf)
    # Near the reach of floats the solution is noise of either sign: the chart then hardly ever alarms.
    return np.asarray(found if found.min() > 0.0 and found.max() < 1e13 else np.full(len(moves), np.inf))
