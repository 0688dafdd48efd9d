"""Relative weights: what correlated predictors explain, shared out by way of their nearest uncorrelated kin."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

#: Predictors whose correlations leave less variance than this in some direction are taken as dependent there.
DEPENDENT = 1e-10


def relative_weights(R: NDArray[np.float64], r: NDArray[np.float64]) -> NDArray[np.float64]:
    """Share the R² of a linear model out among its predictors, by Johnson's relative weights.

    Parameters
    ----------
    R : ndarray of shape (..., p, p)
        Correlations of the predictors; further axes are further problems.
    r : ndarray of shape (..., p)
        Correlation of each predictor with what is explained.

    Returns
    -------
    ndarray of shape (..., p)
        Weights of at least 0, which sum to R².

    Notes
    -----
    With Λ the symmetric square root of R and β = Λ⁻¹ r the weights are Λ∘Λ (β∘β) [1]_. Where predictors
    depend on each other exactly, Λ⁻¹ is the pseudo-inverse: the weights still sum to R², and of two equal
    predictors each has half of what one would have.

    References
    ----------
    .. [1] J. W. Johnson, "A heuristic method for estimating the relative weight of predictor variables in
       multiple regression", Multivariate Behavioral Research 35, 2000.

    Examples
    --------
    >>> relative_weights(np.array([[1.0, 0.6], [0.6, 1.0]]), np.array([0.5, 0.3])).round(4)
    array([0.205, 0.045])
    """
    root, inverse = symmetric_root(R)
    beta = (inverse @ r[..., None])[..., 0]
    return ((root * root) @ (beta * beta)[..., None])[..., 0]


def symmetric_root(R: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """The symmetric square root of correlations, and its pseudo-inverse."""
    sizes, vectors = np.linalg.eigh(R)
    roots = np.sqrt(np.where(sizes > DEPENDENT, sizes, 0.0))
    inverse = np.divide(1.0, roots, out=np.zeros_like(roots), where=roots > 0)
    turned = np.swapaxes(vectors, -1, -2)
    return (vectors * roots[..., None, :]) @ turned, (vectors * inverse[..., None, :]) @ turned
