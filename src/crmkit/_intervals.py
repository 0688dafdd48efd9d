"""Ends of intervals that several rooms draw: of shares, and of means of rows that may be weighted."""

from __future__ import annotations

from statistics import NormalDist
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = [
    "effective_n",
    "normal_quantile",
    "student_interval",
    "student_quantile",
    "weighted_mean",
    "weighted_means",
    "wilson",
]

Floats = NDArray[np.float64]


def normal_quantile(coverage: float) -> float:
    """Return the z for which this share of a normal distribution lies within z standard deviations."""
    return NormalDist().inv_cdf((1 + coverage) / 2)


def student_quantile(coverage: float, df: Any) -> Any:
    """Return the same of Student's t; infinite without a degree of freedom."""
    from scipy.special import stdtrit  # metrics imports this file, and needs no scipy

    t = stdtrit(df, (1 + coverage) / 2)
    return np.where(t < 1e100, t, np.inf)  # where older versions of scipy end


def wilson(share: Any, n: Any, coverage: float) -> tuple[Any, Any]:
    """Return the ends of Wilson's interval of a share; NaN where the share is.

    Examples
    --------
    >>> low, high = wilson(140 / 200, 200, 0.95)
    >>> print(f"{low:.4f} {high:.4f}")
    0.6332 0.7593
    """
    z = normal_quantile(coverage)
    with np.errstate(invalid="ignore", divide="ignore"):
        centre = share + z**2 / (2 * n)
        half = z * np.sqrt(share * (1 - share) / n + (z / (2 * n)) ** 2)
        scale = 1 + z**2 / n
        # At the ends of the scale the formula gives 0 and 1 exactly; rounding would miss them.
        low = np.where(share == 0, 0.0, (centre - half) / scale)
        return low, np.where(share == 1, 1.0, (centre + half) / scale)


def effective_n(weight: Floats) -> float:
    """Return Kish's effective number of rows: how many of equal weight would say as much of a mean."""
    weight = weight / weight.max()
    return float(weight.sum() ** 2 / (weight @ weight))


def weighted_means(values: Floats, weight: Floats, code: NDArray[Any], n_groups: int) -> tuple[Floats, Floats, Floats]:
    """Return the mean, its standard error and the effective n of each group of rows.

    With shares h = w / sum(w) the variance is sum(h² (x - mean)²) n / (n - 1) at n = 1 / sum(h²): the linearised
    one of survey samples, s² / n where weights are alike. The error of one row is infinite, of none all is NaN.
    """

    def total(rows: Any) -> Floats:
        return np.bincount(code, weights=rows, minlength=n_groups).astype(np.float64)

    # By a power of two, which rounds nothing: squares of huge or tiny values are neither infinite nor 0.
    unit = np.ldexp(1.0, np.frexp(np.abs(values).max(initial=0))[1] - 1)
    values, weight = values / unit, weight / weight.max(initial=0)
    with np.errstate(invalid="ignore", divide="ignore"):
        whole = total(weight)
        mean = total(weight * values) / whole
        n = whole**2 / total(weight**2)
        variance = total((weight * (values - mean[code])) ** 2) / whole**2 * n / (n - 1)
        variance = np.where(total(weight > 0) > 1, variance, np.where(whole > 0, np.inf, np.nan))
    return mean * unit, np.sqrt(variance) * unit, n


def weighted_mean(values: Floats, weight: Floats) -> tuple[float, float, float]:
    """Return the mean, its standard error and the effective n of all rows, as `weighted_means` does."""
    mean, error, n = weighted_means(values, weight, np.zeros(len(values), dtype=np.intp), 1)
    return float(mean[0]), float(error[0]), float(n[0])


def student_interval(mean: Any, standard_error: Any, n: Any, coverage: float) -> tuple[Any, Any]:
    """Return the ends of the t interval of means; infinite where one row stands for itself."""
    with np.errstate(invalid="ignore"):
        # Values that are all alike have no error, however few they are.
        half = np.where(standard_error == 0, 0.0, student_quantile(coverage, n - 1) * standard_error)
    return mean - half, mean + half
