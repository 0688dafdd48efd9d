"""Relative weights of predictors, by way of their nearest uncorrelated kin."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

#: Where correlations leave less variance than this, predictors depend on each other.
DEPENDENT = 1e-10


def relative_weights(R: NDArray[np.float64], r: NDArray[np.float64]) -> NDArray[np.float64]:
    """Share R² out among correlated predictors, by Johnson's relative weights.

    Parameters
    ----------
    R : ndarray of shape (..., p, p)
        Correlations of the predictors, of one problem or many.
    r : ndarray of shape (..., p)
        Their correlations with what is explained.

    Returns
    -------
    ndarray of shape (..., p)
        At least 0; they sum to R².

    Notes
    -----
    With Λ the symmetric root of R and β = Λ⁻¹ r they are Λ∘Λ (β∘β): J. W. Johnson, Multivariate Behavioral
    Research 35, 2000. Λ⁻¹ is the pseudo-inverse, so that of two equal predictors each has half.

    Examples
    --------
    >>> relative_weights(np.array([[1.0, 0.6], [0.6, 1.0]]), np.array([0.5, 0.3]))
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
