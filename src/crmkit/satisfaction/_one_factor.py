"""One factor behind several questions, and what they say of each other."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


def one_factor(correlations: Any, start: Floats | None = None) -> Floats:
    """Return the loadings of one factor by minimum residuals, of one matrix or a stack of them.

    The sum of the squares of ``r_ij - l_i l_j``, i other than j, is minimised in one loading after the
    other until none moves: there it is a parabola. Loadings end at -1 and 1 (there a Heywood case); their
    sum is not negative. Two questions get loadings of one size: their correlation cannot tell them apart.

    Examples
    --------
    >>> one_factor([[1.0, 0.72, 0.63], [0.72, 1.0, 0.56], [0.63, 0.56, 1.0]]).round(6)
    array([0.9, 0.8, 0.7])
    """
    matrix = np.asarray(correlations, dtype=np.float64)
    k = matrix.shape[-1]
    if k == 2:
        r = np.clip(matrix[..., 0, 1], -1.0, 1.0)
        return np.stack([np.sqrt(np.abs(r)), np.sign(r) * np.sqrt(np.abs(r))], axis=-1)
    others = matrix * (1.0 - np.eye(k))
    if start is None:  # the first principal component
        roots, vectors = np.linalg.eigh(matrix)
        start = vectors[..., -1] * np.sqrt(roots[..., -1:])
    loadings = np.broadcast_to(start, matrix.shape[:-1]).copy()
    for _ in range(5_000):  # some twenty will do, but hundreds where a question has little to do with the others
        before = loadings.copy()
        for i in range(k):
            rest = (loadings**2).sum(axis=-1) - loadings[..., i] ** 2
            best = (others[..., i, :] * loadings).sum(axis=-1) / np.where(rest > 0.0, rest, np.inf)
            loadings[..., i] = np.clip(best, -1.0, 1.0)
        if np.abs(loadings - before).max(initial=0.0) < 1e-10:
            break
    return np.where(loadings.sum(axis=-1, keepdims=True) < 0.0, -loadings, loadings)


def smc(correlations: Any) -> Floats:
    """Return the share of each question's variance that the others explain; 1 of those that they give exactly.

    Examples
    --------
    >>> smc([[1.0, 0.6], [0.6, 1.0]])
    array([0.36, 0.36])
    """
    roots, vectors = np.linalg.eigh(np.asarray(correlations, dtype=np.float64))
    # Roots of 0, and those below that pairwise deletion makes, belong to what questions give of each other.
    roots = np.maximum(roots, 1e-16)
    return 1.0 - 1.0 / (vectors**2 / roots[..., None, :]).sum(axis=-1)
