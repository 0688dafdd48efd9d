"""One factor behind several questions, and what they say of each other."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from crmkit._validation import warn

Floats = NDArray[np.float64]


def one_factor(correlations: Any, start: Floats | None = None) -> Floats:
    """Return the loadings of one factor by minimum residuals, of one matrix or a stack of them.

    The sum of the squares of ``r_ij - l_i l_j``, i < j, is a parabola in each loading: it is minimised in
    one after the other. Loadings end at 1 (Heywood case); their sum is not negative. Those of two questions
    are of one size. A `start` near by is improved to fewer digits.

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
    tolerance = 1e-6
    if start is None:  # the first principal component
        roots, vectors = np.linalg.eigh(matrix)
        start, tolerance = vectors[..., -1] * np.sqrt(roots[..., -1:]), 1e-9
        if matrix.ndim == 2:  # weak factors have several minima: begin at questions, too, and go on with the best
            starts = np.vstack([start, matrix[:20]])
            for _ in range(10):
                _improve(starts, others)
            squares = starts**2
            misfit = squares.sum(axis=1) ** 2 - (squares**2).sum(axis=1) - 2.0 * (starts @ others * starts).sum(axis=1)
            start = starts[misfit.argmin()]
    loadings = np.broadcast_to(start, matrix.shape[:-1]).copy()
    for _ in range(2_000):  # twenty will do, but hundreds where questions have little in common
        before = loadings.copy()
        _improve(loadings, others)
        if np.abs(loadings - before).max(initial=0.0) < tolerance:
            break
    else:
        if tolerance < 1e-6:
            warn("The questions have too little in common for loadings.")
    return np.where(loadings.sum(axis=-1, keepdims=True) < 0.0, -loadings, loadings)


def _improve(loadings: Floats, others: Floats) -> None:
    for i in range(loadings.shape[-1]):
        rest = (loadings**2).sum(axis=-1) - loadings[..., i] ** 2
        best = (others[..., i, :] * loadings).sum(axis=-1) / np.where(rest > 0.0, rest, np.inf)
        loadings[..., i] = np.clip(best, -1.0, 1.0)


def smc(correlations: Any) -> Floats:
    """Return the share of each question's variance that the others explain; 1 of those that they give exactly.

    Examples
    --------
    >>> smc([[1.0, 0.6], [0.6, 1.0]])
    array([0.36, 0.36])
    """
    roots, vectors = np.linalg.eigh(np.asarray(correlations, dtype=np.float64))
    # What questions give of each other has roots of 0, or below by pairwise deletion.
    roots = np.maximum(roots, 1e-16)
    return 1.0 - 1.0 / (vectors**2 / roots[..., None, :]).sum(axis=-1)
