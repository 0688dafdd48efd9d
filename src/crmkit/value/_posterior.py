"""Draws from the posterior of a model's parameters, without refitting and without a Markov chain.

A Student t around the mode, stretched to the posterior's skewness, proposes; importance weights
correct, and their largest ones are smoothed by a generalised Pareto distribution (Vehtari, Simpson,
Gelman, Yao & Gabry 2024), whose shape k tells whether the correction can be trusted.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from crmkit._validation import check_float
from crmkit.metrics import Estimate

Floats = NDArray[np.float64]

#: Degrees of freedom of the proposal: its tails are wider than any posterior's near its mode.
_FREEDOM = 8.0

#: Above this the weights rest on a few draws (Vehtari et al. 2024, section 3.2.4).
TRUSTED_K = 0.7


@dataclass(frozen=True, eq=False)
class Posterior:
    """Draws of the parameters, all of the same weight.

    Attributes
    ----------
    names : tuple of str
        Names of the parameters.
    draws : ndarray, shape (n_draws, n_parameters)
        On the parameters' own scale.
    pareto_k : float
        Shape of the tail of the importance weights. Below .7 the draws can be trusted; above, the
        posterior is too unlike the bell curve around its mode.
    n_customers : float
        On how many customers it rests.

    Examples
    --------
    >>> import numpy as np
    >>> from crmkit.value import Posterior
    >>> posterior = Posterior(("r", "alpha"), np.array([[0.2, 4.0], [0.3, 5.0]]), 0.1, 100.0)
    >>> posterior.mean()
    array([0.25, 4.5 ])
    """

    names: tuple[str, ...]
    draws: Floats
    pareto_k: float
    n_customers: float

    def mean(self) -> Floats:
        """Posterior mean of each parameter.

        Returns
        -------
        ndarray, shape (n_parameters,)
        """
        return self.draws.mean(axis=0)

    def sd(self) -> Floats:
        """Posterior standard deviation of each parameter.

        Returns
        -------
        ndarray, shape (n_parameters,)
        """
        return self.draws.std(axis=0)

    def interval(self, coverage: float = 0.9) -> dict[str, Estimate]:
        """Each parameter with its central credible interval.

        Parameters
        ----------
        coverage : float, default=0.9
            Share of the posterior inside, above 0 and below 1.

        Returns
        -------
        dict of str to Estimate
            The value is the posterior median.
        """
        return {
            name: interval_of_draws(self.draws[:, j], coverage, self.n_customers) for j, name in enumerate(self.names)
        }


def interval_of_draws(draws: Floats, coverage: float, n: float, value: float | None = None) -> Estimate:
    """The central interval of draws as an Estimate; the value is their median unless one is given."""
    coverage = check_float("coverage", coverage, "interval", low=0, high=1, closed="neither")
    low, middle, high = np.quantile(draws, [0.5 - coverage / 2, 0.5, 0.5 + coverage / 2])
    value = float(middle) if value is None else value
    return Estimate(value, min(float(low), value), max(float(high), value), int(n), coverage, "posterior")


def importance_sample(
    log_density: Callable[[Floats], float], mode: Floats, covariance: Floats, n_draws: int, rng: np.random.Generator
) -> tuple[Floats, float]:
    """Draws of equal weight from a density that is known up to a factor, and the k of their weights.

    Parameters
    ----------
    log_density : callable
    mode : ndarray, shape (k,)
        Near its maximum.
    covariance : ndarray, shape (k, k)
        Inverse of minus its second derivatives there.
    n_draws : int
    rng : Generator
    """
    size = len(mode)
    curvatures, directions = np.linalg.eigh(covariance)
    root = directions * np.sqrt(np.maximum(curvatures, 0.0))
    below, above = _reach(log_density, mode, root)
    normals = rng.standard_normal((n_draws, size))
    stretch = np.sqrt(_FREEDOM / rng.chisquare(_FREEDOM, n_draws))[:, None]
    scales = np.where(normals < 0, below, above)
    proposals = mode + (normals * stretch * scales) @ root.T
    squared = ((normals * stretch) ** 2).sum(axis=1)
    log_weights = np.array([log_density(proposal) for proposal in proposals])
    log_weights = np.where(np.isfinite(log_weights), log_weights, -np.inf)
    log_weights += 0.5 * (_FREEDOM + size) * np.log1p(squared / _FREEDOM) + np.log(scales).sum(axis=1)
    weights, k = smoothed_weights(log_weights)
    return proposals[_systematic(weights, n_draws, rng)], k


def _reach(log_density: Callable[[Floats], float], mode: Floats, root: Floats) -> tuple[Floats, Floats]:
    """How much wider than the bell curve the density is, backward and forward along each axis.

    Posteriors of dropout are skewed: few data say how alike the customers are. Each half of an axis is
    stretched until no point tried on it is denser than the proposal there (Geweke 1989, section 4).
    """
    top, steps = log_density(mode), np.array([0.5, 1.0, 1.5, 2.0, 3.0, 4.0])
    reach = np.ones((2, len(mode)))
    for side, sign in enumerate((-1.0, 1.0)):
        for axis in range(len(mode)):
            drops = [2.0 * (top - log_density(mode + sign * step * root[:, axis])) for step in steps]
            widths = [step / np.sqrt(drop) for step, drop in zip(steps, drops, strict=True) if drop > 1e-6]
            reach[side, axis] = min(max([*widths, 0.3]), 4.0)
    return reach[0], reach[1]


def smoothed_weights(log_weights: Floats) -> tuple[Floats, float]:
    """Importance weights that add up to 1, the largest replaced by quantiles of a Pareto tail; and its k.

    Parameters
    ----------
    log_weights : ndarray, shape (n,)
        Up to a constant.
    """
    n = len(log_weights)
    weights = np.exp(log_weights - log_weights.max())
    n_tail = min(n // 5, int(3 * np.sqrt(n)))
    if n_tail < 5:
        return weights / weights.sum(), np.inf
    order = np.argsort(weights, kind="stable")
    cut, tail = weights[order[-n_tail - 1]], order[-n_tail:]
    excess = weights[tail] - cut
    if excess[0] <= 0 or excess[-1] <= 1e-12:
        return weights / weights.sum(), 0.0  # the largest weights are all the same
    k, sigma = _pareto_shape(excess)
    ranks = (np.arange(n_tail) + 0.5) / n_tail
    quantiles = -sigma * np.log1p(-ranks) if abs(k) < 1e-12 else sigma * np.expm1(-k * np.log1p(-ranks)) / k
    weights[tail] = np.minimum(cut + quantiles, 1.0)
    return weights / weights.sum(), k


def _pareto_shape(excess: Floats) -> tuple[float, float]:
    """Shape and scale of a generalised Pareto distribution (Zhang & Stephens 2009), from ascending values."""
    n = len(excess)
    n_grid = 30 + int(np.sqrt(n))
    quarter = excess[int(n / 4 + 0.5) - 1]
    grid = 1 / excess[-1] + (1 - np.sqrt(n_grid / (np.arange(1, n_grid + 1) - 0.5))) / (3 * quarter)
    shapes = np.log1p(-grid[:, None] * excess).mean(axis=1)
    fit = n * (np.log(-grid / shapes) - shapes - 1)
    share = np.exp(fit - fit.max())
    theta = float((grid * share).sum() / share.sum())
    k = float(np.log1p(-theta * excess).mean())
    # A weak prior at 1/2 steadies the shape of short tails (Vehtari et al. 2024, appendix).
    return (n * k + 5.0) / (n + 10.0), -k / theta


def _systematic(weights: Floats, n: int, rng: np.random.Generator) -> NDArray[np.int64]:
    """Indices in which each appears as often as its weight says, up to less than one."""
    places = (np.arange(n) + rng.random()) / n
    chosen = np.searchsorted(np.cumsum(weights), places)
    return rng.permutation(np.minimum(chosen, n - 1))
