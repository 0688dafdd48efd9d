"""The maximum of a smooth function of a few parameters: Newton's method in a trust region.

Likelihoods of purchase models have two to five parameters, gradients that cost no more than their
values, and ridges along which they hardly change. So second derivatives are worth their price, and
a step is never trusted further than the last one proved right.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

#: A function of the parameters that gives its value and its gradient.
Objective = Callable[[Floats], tuple[float, Floats]]

#: Length of the steps by which gradients are differenced. Their error goes with its square, that of
#: rounding with its inverse: both are near 1e-10 here.
_STEP = 1e-5

#: Parameters are logarithms: beyond e ** 25 one has run away.
_FAR = 25.0


@dataclass(frozen=True)
class Maximum:
    """Where a function is largest, as far as it was found.

    Attributes
    ----------
    theta : ndarray, shape (k,)
    value : float
    hessian : ndarray, shape (k, k)
        Second derivatives, at or very near `theta`.
    n_iter : int
        Number of steps.
    reason : str
        Why it is no maximum; empty if it is one.
    """

    theta: Floats
    value: float
    hessian: Floats
    n_iter: int
    reason: str


def maximise(
    objective: Objective,
    start: Floats,
    *,
    tol: float,
    max_iter: int,
    hessian: Floats | None = None,
    curvature_at: Callable[[Floats], Floats] | None = None,
) -> Maximum:
    """Climb from a starting point to where a Newton step promises next to nothing.

    Parameters
    ----------
    objective : callable
        Gives value and gradient; it may give NaN or infinity where it cannot be worked out.
    start : ndarray, shape (k,)
    tol : float
        It is a maximum once the next step promises to raise the function by less than this.
    max_iter : int
        Largest number of steps.
    hessian : ndarray, shape (k, k), default=None
        Second derivatives near the start, if they are known; they are renewed when they mislead.
    curvature_at : callable, default=None
        Gives second derivatives, or what is near them and costs less; by default differences of the gradient.
    """
    if curvature_at is None:
        curvature_at = functools.partial(second_derivatives, objective)
    theta = np.array(start, dtype=np.float64)
    value, gradient = objective(theta)
    if not _finite(value, gradient):
        return Maximum(theta, value, np.full((len(theta),) * 2, np.nan), 0, "it is not finite at the starting point")
    fresh = hessian is None
    curvature = curvature_at(theta) if hessian is None else hessian
    radius, reason = 2.0, ""
    for n_iter in range(1, max_iter + 1):
        step, promised = _newton_step(gradient, curvature, radius)
        if promised < tol:
            # The last step is free: what it gains is nothing, but it squares the error of the parameters.
            return Maximum(theta + step, value, curvature, n_iter - 1, "")
        trial = theta + step
        if np.abs(trial).max() > _FAR:
            return Maximum(theta, value, curvature, n_iter, "a parameter runs away to 0 or infinity")
        new_value, new_gradient = objective(trial)
        finite = _finite(new_value, new_gradient)
        # Where the promise is below what adding up a million terms resolves, only gradients can tell.
        blind = promised < 1e-9 * (1.0 + abs(value))
        shrinks = finite and _newton_step(new_gradient, curvature, np.inf)[1] < promised
        gained = (new_value - value) / promised if finite else -1.0
        if (blind and shrinks) or (not blind and gained > 0.05):
            slow = not finite or _newton_step(new_gradient, curvature, np.inf)[1] > 0.02 * promised
            theta, value, gradient = trial, new_value, new_gradient
            radius = min(4.0, 2.0 * radius) if gained > 0.7 else radius
            if slow:
                curvature, fresh = curvature_at(theta), True
            else:
                fresh = False
        elif blind and fresh:
            # No direction is left in which rounding lets it climb.
            return Maximum(theta, value, curvature, n_iter, "")
        elif not fresh:
            curvature, fresh = curvature_at(theta), True
        else:
            radius = 0.25 * min(radius, float(np.abs(step).max()))
            if radius < 1e-10:
                reason = "no step raises it, though its gradient is not zero"
                break
    return Maximum(theta, value, curvature, max_iter, reason or f"not reached in max_iter={max_iter} steps")


def second_derivatives(objective: Objective, theta: Floats, *, one_sided: bool = False) -> Floats:
    """Differences of the gradient, made symmetric: central ones, or one-sided ones for half the price.

    One-sided differences have five digits.
    """
    k = len(theta)
    matrix = np.empty((k, k))
    here = objective(theta)[1] if one_sided else None
    for j in range(k):
        ahead, back = theta.copy(), theta.copy()
        ahead[j] += _STEP
        if here is None:
            back[j] -= _STEP
        behind = objective(back)[1] if here is None else here
        matrix[j] = (objective(ahead)[1] - behind) / (ahead[j] - back[j])
    return 0.5 * (matrix + matrix.T)


def weakest_direction(hessian: Floats) -> tuple[float, Floats]:
    """The smallest curvature downwards, and the unit vector along which it is found."""
    if not np.isfinite(hessian).all():
        return 0.0, np.ones(len(hessian)) / np.sqrt(len(hessian))
    curvatures, directions = np.linalg.eigh(-hessian)
    return float(curvatures[0]), directions[:, 0]


def _newton_step(gradient: Floats, hessian: Floats, radius: float) -> tuple[Floats, float]:
    """The uphill step and what it promises; where the function bends upwards, as if it bent down as much."""
    if not np.isfinite(hessian).all():
        length = float(np.abs(gradient).max())
        step = gradient * min(radius, 1.0) / length if length > 0 else gradient
        return step, float(gradient @ step)
    curvatures, directions = np.linalg.eigh(-hessian)
    bends = np.maximum(np.abs(curvatures), 1e-12 * max(np.abs(curvatures).max(), 1e-300))
    along = directions.T @ gradient / bends
    promised = 0.5 * float(along**2 @ bends)
    step = directions @ along
    longest = float(np.abs(step).max())
    if longest > radius:
        share = radius / longest
        return step * share, promised * share * (2.0 - share)
    return step, promised


def _finite(value: float, gradient: Floats) -> bool:
    return bool(np.isfinite(value) and np.isfinite(gradient).all())
