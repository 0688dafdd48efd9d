"""Weights of interactions that make items comparable: those of text search, customers being the words."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix

from crmkit.recommend._histories import canonical

#: How soon further purchases of an item stop to count, and how much its length counts: the usual values of BM25.
BM25_K1, BM25_B = 1.2, 0.75


def inverse_frequency(matrix: csr_matrix) -> NDArray[np.float64]:
    """For each customer the log of the number of items over how many of them the customer has; 0 for none."""
    taken = np.diff(matrix.indptr)
    return np.log(matrix.shape[1] / np.maximum(taken, 1)) * (taken > 0)


def weighted(matrix: csr_matrix, weighting: str | None) -> csr_matrix:
    r"""Customers × items with each cell weighted: what similarities are worked out from.

    Parameters
    ----------
    matrix : csr_matrix, shape (n_customers, n_items)
        Canonical; no value is negative where the weighting is "bm25".
    weighting : {"idf", "bm25", None}
        "idf" multiplies by `inverse_frequency`: that somebody who takes nearly everything takes two items
        says little about them. "bm25" damps large values and items with many interactions as well.

    Notes
    -----
    With :math:`x` the value, :math:`l` the sum of an item's values, and :math:`\bar l` their mean over
    items, BM25 is :math:`idf \cdot x (k_1 + 1) / (x + k_1 (1 - b + b \, l / \bar l))`, with
    :math:`k_1 = 1.2` and :math:`b = .75` (Robertson & Zaragoza 2009, "The Probabilistic Relevance
    Framework", Eq. 3.15; items stand for documents and customers for terms).
    """
    if weighting is None:
        return matrix
    values = matrix.data.astype(np.float64)
    if weighting == "bm25":
        # Only ratios of lengths matter, and sums of huge values would overflow.
        shares = values / max(values.max(initial=0.0), np.finfo(np.float64).tiny)
        lengths = np.bincount(matrix.indices, weights=shares, minlength=matrix.shape[1])
        damping = BM25_K1 * (1 - BM25_B + BM25_B * lengths / max(lengths.mean(), np.finfo(np.float64).tiny))
        values = values / (values + damping[matrix.indices]) * (BM25_K1 + 1)
    values *= np.repeat(inverse_frequency(matrix), np.diff(matrix.indptr))
    # Who takes every item has the weight 0, and no zeros are stored.
    return canonical(csr_matrix((values, matrix.indices, matrix.indptr), matrix.shape), binary=False)
