"""The K nearest neighbours of every item, exactly."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix

from crmkit._numba import read_only
from crmkit.recommend._nearest_by_bits import is_for_bits, nearest_by_bits
from crmkit.recommend._nearest_by_counts import is_for_counts, nearest_by_counts
from crmkit.recommend._nearest_by_products import is_for_products, nearest_by_products
from crmkit.recommend._nearest_by_rows import nearest_by_rows
from crmkit.recommend._nearest_formula_kernels import Terms

__all__ = ["Formula", "balanced", "nearest"]

Array = NDArray[np.float64] | float


@dataclass(frozen=True)
class Formula:
    """How alike an owner o and another item x are, from what their customers have in common.

    The similarity is ``c / (a c + p[x] r[o] + u[x] + v[o] + h g[x] g[o])``, where c is the number
    of common customers, or the product of two columns of values. The owner is the item whose list
    of neighbours is cut to K.

    Attributes
    ----------
    p, r : ndarray of shape (n_items,) or float, default=0.0
        Factors of the other item and of the owner.
    a, h : float, default=0.0
    u, v : ndarray of shape (n_items,) or float, default=0.0
        Terms of the other item and of the owner.
    g : ndarray of shape (n_items,) or float, default=1.0
        A factor of both.
    squared : bool, default=False
        The similarity is ``c / sqrt(p[x] r[o])``, of whole numbers. Neighbours are put in order by its
        square, which is one rounded division: those that are equal stay equal. No other term is allowed.

    Notes
    -----
    The denominator must be positive wherever c is not 0, and nothing may overflow; `balanced` sees to
    columns of very large or small values.
    """

    p: Array = 0.0
    r: Array = 0.0
    a: float = 0.0
    u: Array = 0.0
    v: Array = 0.0
    h: float = 0.0
    g: Array = 1.0
    squared: bool = False

    def terms(self, n_items: int) -> Terms:
        """The numbers as kernels take them."""

        def column(values: Array) -> NDArray[np.float64]:
            return read_only(np.ascontiguousarray(np.broadcast_to(values, n_items), dtype=np.float64))

        arrays = {name: column(getattr(self, name)) for name in ("p", "r", "u", "v", "g")}
        return Terms(bool(self.squared), float(self.a), float(self.h), **arrays)


def balanced(matrix: csr_matrix) -> tuple[csr_matrix, NDArray[np.float64]]:
    """Scale columns by powers of two, so that products of two columns can neither overflow nor vanish.

    Parameters
    ----------
    matrix : csr_matrix of float64, shape (n_customers, n_items)
        Finite values.

    Returns
    -------
    scaled : csr_matrix
        Its largest absolute value in each column is at least 1/2 and less than 1.
    scale : ndarray of float64, shape (n_items,)
        What the columns were multiplied by. Where a term of a formula stands beside the product of
        two raw columns, ``h g[x] g[o]`` with g = scale is that term beside the product of the scaled.

    Examples
    --------
    >>> scaled, scale = balanced(csr_matrix([[1e200, 0.0], [3e200, 5.0]]))
    >>> scaled.max(axis=0).toarray().round(3).tolist()
    [[0.98, 0.625]]
    >>> float(scale[1])
    0.125
    """
    largest = np.zeros(matrix.shape[1])
    np.maximum.at(largest, matrix.indices, np.abs(matrix.data))
    # A power of two beyond these ends would itself not be a number.
    exponents = np.clip(np.frexp(largest)[1], -1022, 1023)
    data = np.ldexp(matrix.data, -exponents[matrix.indices])
    return csr_matrix((data, matrix.indices, matrix.indptr), shape=matrix.shape), np.ldexp(1.0, -exponents)


def nearest(
    matrix: csr_matrix, formula: Formula, n_neighbors: int, *, threads: int, min_support: int = 1
) -> csr_matrix:
    """For every item the others that are most like it.

    Parameters
    ----------
    matrix : csr_matrix, shape (n_customers, n_items)
        Canonical: columns ascending, none twice, no stored zero. With int8 data every entry is a 1.
        Other data are float64.
    formula : Formula
        What the similarity is.
    n_neighbors : int
        Largest number of neighbours of an item. An item is not its own neighbour; of equal ones the
        lower item comes first. Others that it has nothing in common with are 0 and not stored; so
        one below 0 is a neighbour only where fewer than `n_neighbors` others are at least 0.
    threads : int
        Threads to use. The result does not depend on it.
    min_support : int, default=1
        Pairs with fewer common customers are no neighbours. It needs int8 data.

    Returns
    -------
    csr_matrix of float64, shape (n_items, n_items)
        Row = owner. Columns ascend.

    Examples
    --------
    >>> matrix = csr_matrix(np.array([[1, 1, 0], [1, 1, 1], [1, 0, 1]], dtype=np.int8))
    >>> bought = np.array([3.0, 2.0, 2.0])
    >>> nearest(matrix, Formula(p=bought, r=bought, squared=True), 1, threads=1).toarray().round(3)
    array([[0.   , 0.816, 0.   ],
           [0.816, 0.   , 0.   ],
           [0.816, 0.   , 0.   ]])
    """
    n_items = matrix.shape[1]
    terms = formula.terms(n_items)
    n_neighbors = min(n_neighbors, n_items - 1)
    if n_neighbors < 1 or matrix.nnz == 0:
        return csr_matrix((n_items, n_items))
    if matrix.data.dtype == np.int8 and is_for_counts(matrix, terms):
        return nearest_by_counts(matrix, terms, n_neighbors, min_support, threads)
    if matrix.data.dtype == np.int8 and is_for_bits(matrix, terms, n_neighbors, threads):
        return nearest_by_bits(matrix, terms, n_neighbors, min_support, threads)
    if matrix.data.dtype != np.int8 and is_for_products(matrix, terms, n_neighbors):
        return nearest_by_products(matrix, terms, n_neighbors, threads)
    return nearest_by_rows(matrix, terms, n_neighbors, min_support, threads)
