"""Draws from the posterior of a model's parameters, without refitting and without a Markov chain.

Laplace approximations along the ridge of the posterior propose; importance weights correct, and
their largest ones are smoothed by a generalised Pareto distribution (Vehtari, Simpson, Gelman, Yao &
Gabry 2024), whose shape k tells whether the correction can be trusted.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from crmkit._validation import check_float
from crmkit.metrics import Estimate
from crmkit.value._maximum_likelihood import Objective

Floats = NDArray[np.float64]

#: Degrees of freedom of the proposal: its tails are wider than any posterior's near its mode.
_FREEDOM = 8.0

#: Length of the cells along the ridge, beside the spread near the mode, and how many there are at most each way.
_CELL, _MOST_CELLS = 0.5, 40

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
    objective: Objective,
    mode: Floats,
    covariance: Floats,
    n_draws: int,
    rng: np.random.Generator,
    log_density: Callable[[Floats], float] | None = None,
) -> tuple[Floats, float]:
    """Draws of equal weight from a density that is known up to a factor, and the k of their weights.

    Parameters
    ----------
    objective : callable
        Gives the log of the density and its gradient.
    mode : ndarray, shape (k,)
        Near its maximum.
    covariance : ndarray, shape (k, k)
        Inverse of minus its second derivatives there.
    n_draws : int
    rng : Generator
    log_density : callable, default=None
        The log of the density alone, where that is quicker than with its gradient.
    """
    curvatures, directions = np.linalg.eigh(covariance)
    # Coordinates in which the density is a round bell near its mode; the first is what the data tell least.
    root = (directions * np.sqrt(np.maximum(curvatures, 0.0)))[:, ::-1]

    def rounded(z: Floats) -> tuple[float, Floats]:
        value, gradient = objective(mode + root @ z)
        return value, root.T @ gradient

    ridge = _follow(rounded, len(mode))
    chosen = _systematic(ridge.shares, n_draws, rng)
    t = ridge.t[chosen] + _CELL * (rng.random(n_draws) - 0.5)
    normals = rng.standard_normal((n_draws, len(mode) - 1))
    stretch = np.sqrt(_FREEDOM / rng.chisquare(_FREEDOM, n_draws))[:, None]
    steps = normals * stretch
    across = ridge.centres_at(t) + np.einsum("nij,nj->ni", ridge.roots[chosen], steps)
    z = np.column_stack([t, across])
    log_proposed = np.log(ridge.shares[chosen]) - ridge.log_roots[chosen]
    log_proposed -= 0.5 * (_FREEDOM + len(mode) - 1) * np.log1p((steps**2).sum(axis=1) / _FREEDOM)
    density = log_density or (lambda theta: objective(theta)[0])
    log_weights = np.array([density(mode + root @ point) for point in z]) - log_proposed
    weights, k = smoothed_weights(np.where(np.isfinite(log_weights), log_weights, -np.inf))
    return mode + z[_systematic(weights, n_draws, rng)] @ root.T, k


@dataclass(frozen=True)
class _Ridge:
    """The proposal: cells along the first coordinate, and a Student t across in each."""

    t: Floats
    centres: Floats
    roots: Floats
    log_roots: Floats
    shares: Floats

    def centres_at(self, t: Floats) -> Floats:
        return np.column_stack([np.interp(t, self.t, column) for column in self.centres.T]).reshape(len(t), -1)


def _follow(density: Objective, size: int) -> _Ridge:
    """Follow the top of the density along its first coordinate, both ways, until it is e^-20 of the highest.

    What the data hardly tell, such as how alike customers are in dropping out, makes long bent ridges,
    which no one bell curve covers. At each place the density across is taken as a bell curve (nested
    Laplace approximations: Rue, Martino & Chopin 2009, section 3).
    """
    found = []
    for sign in (-1.0, 1.0):
        across, before = np.zeros(size - 1), np.zeros(size - 1)
        best = -np.inf
        for n_cells in range(_MOST_CELLS):
            t = sign * _CELL * n_cells
            across, before = 2.0 * across - before, across
            across, value, hessian = _climb_across(density, t, across)
            best = max(best, value)
            if not value > best - 20.0:
                break
            if n_cells > 0 or sign > 0:
                found.append((t, value, across, hessian))
    found.sort(key=lambda cell: cell[0])
    places, values = np.array([cell[0] for cell in found]), np.array([cell[1] for cell in found])
    roots = np.array([np.linalg.cholesky(np.linalg.inv(cell[3])) for cell in found])
    roots = roots.reshape(len(found), size - 1, size - 1)
    log_roots = np.log(np.diagonal(roots, axis1=1, axis2=2)).sum(axis=1)
    shares = np.exp(values + log_roots - (values + log_roots).max())
    return _Ridge(places, np.array([cell[2] for cell in found]), roots, log_roots, shares / shares.sum())


def _climb_across(density: Objective, t: float, across: Floats) -> tuple[Floats, float, Floats]:
    """Newton steps across the ridge to its top: where they end, the density there, and minus its curvature."""
    h, size = 1e-4, len(across)
    for _ in range(8):
        gradient = density(np.concatenate([[t], across]))[1]
        hessian = np.empty((size, size))
        for j in range(size):
            ahead = np.concatenate([[t], across])
            ahead[j + 1] += h
            hessian[j] = (gradient[1:] - density(ahead)[1][1:]) / h
        hessian = 0.5 * (hessian + hessian.T)
        if not np.isfinite(hessian).all():
            return across, -np.inf, np.eye(size)
        curvatures, directions = np.linalg.eigh(hessian)
        # Where it bends upwards across the ridge, the bell is kept as wide as near the mode.
        hessian = (directions * np.maximum(curvatures, 0.05)) @ directions.T
        step = np.linalg.solve(hessian, gradient[1:])
        across = across + np.clip(step, -10.0, 10.0)
        if np.abs(step).max() < 0.1:
            break
    return across, density(np.concatenate([[t], across]))[0], hessian


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
