"""Target and standard deviation of a period in control, and what their errors do to run lengths."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import chdtri, ndtri

from crmkit.exceptions import CrmkitWarning, ParameterError
from crmkit.metrics import Estimate

Floats = NDArray[np.float64]

#: Mean range of two normal points, in standard deviations, as tables of control charts print it.
_MEAN_RANGE = 1.128

#: Points that a standard deviation by moving ranges is worth, beside one that uses all distances: 0.5 / 0.826.
_RANGE_EFFICIENCY = 0.605


@dataclass(frozen=True)
class InControl:
    """What a chart knows of points in control.

    Attributes
    ----------
    target, sigma : float
        Mean and standard deviation of a point.
    n_points, n_missing : int
        Points with and without an observation.
    mean_points, sigma_freedom : float
        Points behind the target, and degrees of freedom behind sigma; infinite for what was given.
    """

    target: float
    sigma: float
    n_points: int
    n_missing: int
    mean_points: float
    sigma_freedom: float


def learn(values: Floats, target: float | None, sigma: Any, min_points: int, owner: str) -> InControl:
    """Estimate what is not given.

    Parameters
    ----------
    values : ndarray of float64, shape (n,)
        NaN where there is no observation.
    target, sigma : float, "moving_range" or None
        Parameters of the chart.
    min_points : int
        Fewest observations to learn from.
    owner : str
        The class, for errors.
    """
    observed = values[~np.isnan(values)]
    n = len(observed)
    known = sigma is not None and not isinstance(sigma, str)
    if not (known and target is not None):
        missing = "target and sigma" if target is None and not known else "sigma" if target is not None else "target"
        _refuse_unfit(observed, len(values) - n, missing, min_points, owner)
    mean = float(np.mean(observed)) if target is None else float(target)
    if known:
        spread, freedom = float(sigma), math.inf
    elif sigma == "moving_range":
        ranges = np.abs(np.diff(values))
        ranges = ranges[~np.isnan(ranges)]
        spread = float(np.mean(ranges)) / _MEAN_RANGE if len(ranges) else 0.0
        freedom = _RANGE_EFFICIENCY * len(ranges)
    else:
        spread, freedom = float(np.std(observed, ddof=1)), n - 1.0
    if not (0.0 < spread < math.inf and math.isfinite(mean)):
        raise ParameterError(
            f"{owner} finds no standard deviation of the points in control: it comes to {spread}. Pass sigma=, the "
            "standard deviation of a point that is known."
        )
    return InControl(mean, spread, n, len(values) - n, math.inf if target is not None else n, freedom)


def _refuse_unfit(observed: Floats, n_missing: int, missing: str, min_points: int, owner: str) -> None:
    if len(observed) < min_points:
        without = f" and {n_missing:,} without an observation" if n_missing else ""
        raise ParameterError(
            f"{owner} learns {missing} from at least min_points={min_points} points in control. Got {len(observed):,}"
            f"{without}. Fit on a longer period, or pass target= and sigma= if they are known."
        )
    if observed.min() == observed.max():
        raise ParameterError(
            f"{owner} learns from points that vary, and all {len(observed):,} points of X are {observed[0].item()!r}. "
            "Fit on a period in which they vary, or pass target= and sigma= if they are known."
        )


RunLength = Callable[[float, float], float]
"""Run length at a shift, and with sigma estimated as a multiple of the true one."""


def warn_if_few(found: InControl, run_length: RunLength, owner: str) -> None:
    """Warn if one chart in ten, fitted on so few points, alarms more than twice as often as it should."""
    known = math.isinf(found.sigma_freedom)
    if known and math.isinf(found.mean_points):
        return
    nominal = run_length(0.0, 1.0)
    if math.isinf(nominal):
        return
    # One sigma in ten is estimated that low; the target is then off by what it is on average.
    low = 1.0 if known else math.sqrt(chdtri(found.sigma_freedom, 0.9) / found.sigma_freedom)
    shift = math.sqrt(2.0 / (math.pi * found.mean_points))
    unlucky = run_length(shift, low)
    if unlucky >= 0.5 * nominal:
        return
    # Errors shrink with the root of n, and the logarithm of the run length with them.
    enough = found.n_points * (math.log(nominal / unlucky) / math.log(2.0)) ** 2
    warnings.warn(
        f"{owner} learnt target or sigma from {found.n_points:,} points, and what is learnt is off by chance. Of ten "
        f"charts fitted on so few, one alarms about every {unlucky:,.0f} points while all is well, instead of every "
        f"{nominal:,.0f}. Fit on some {_rounded(enough):,} points to come within half of that, or pass target= and "
        "sigma= where they are known; in_control_run_length() gives the range.",
        CrmkitWarning,
        stacklevel=4,
    )


def _rounded(number: float) -> int:
    """Round up to two digits."""
    unit = 10.0 ** max(0, math.floor(math.log10(number)) - 1)
    return int(math.ceil(number / unit) * unit)


def warn_if_dependent(values: Floats, owner: str) -> None:
    """Warn if neighbouring points are alike: run lengths are those of independent points."""
    pairs = int((~np.isnan(values[1:] - values[:-1])).sum())
    if pairs < 10 or np.nanmin(values) == np.nanmax(values):
        return
    centred = values - np.nanmean(values)
    correlation = float(np.nanmean(centred[1:] * centred[:-1]) / np.nanmean(centred * centred))
    if correlation > 3.0 / math.sqrt(pairs):
        warnings.warn(
            f"{owner}: neighbouring points in control have a correlation of {correlation:.2f}. Run lengths are those "
            "of independent points: with such points alarms come more often than arl0 says. Chart what a forecast "
            "leaves over, or fewer points that are further apart.",
            CrmkitWarning,
            stacklevel=4,
        )


def estimated_run_length(found: InControl, run_length: RunLength, coverage: float) -> Estimate:
    """Give the range in which the run length in control truly lies, target and sigma being estimates."""
    nominal = run_length(0.0, 1.0)
    if math.isinf(found.mean_points) and math.isinf(found.sigma_freedom):
        return Estimate(nominal, nominal, nominal, found.n_points, coverage, "target and sigma given")
    off = 0.0 if math.isinf(found.mean_points) else 1.0 / math.sqrt(found.mean_points)
    known = math.isinf(found.sigma_freedom)

    def ratio(share: NDArray[Any]) -> Floats:
        return np.ones_like(share) if known else np.sqrt(chdtri(found.sigma_freedom, 1.0 - share) / found.sigma_freedom)

    # The logarithm of a run length is smooth in both errors: a polynomial through 7 x 7 of them gives all others.
    nodes = np.polynomial.chebyshev.chebpts2(7)
    edge = 5e-4
    lowest, highest = ratio(np.array([edge, 1.0 - edge]))
    middle, half = 0.5 * (lowest + highest), max(0.5 * (highest - lowest), 1e-12)
    shifts = off * 2.0 * (1.0 + nodes)  # up to four standard errors
    table = np.array([[min(run_length(shift, middle + half * r), 1e15) for r in nodes] for shift in shifts])
    base = np.polynomial.chebyshev.chebvander(nodes, 6)
    coefficients = np.linalg.solve(base, np.linalg.solve(base, np.log(table)).T).T
    shares = (np.arange(400) + 0.5) / 400.0
    z = np.clip(ndtri(0.5 + 0.5 * shares) / 2.0 - 1.0, -1.0, 1.0)
    r = np.clip((ratio(shares) - middle) / half, -1.0, 1.0)
    logs = np.polynomial.chebyshev.chebgrid2d(z, r, coefficients)
    low, high = np.exp(np.quantile(logs, [0.5 - 0.5 * coverage, 0.5 + 0.5 * coverage]))
    return Estimate(nominal, min(float(low), nominal), max(float(high), nominal), found.n_points, coverage, "plug-in")
