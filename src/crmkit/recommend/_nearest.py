"""The K nearest neighbours of every item, exactly."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix

from crmkit.recommend._nearest_formula_kernels import Terms
from crmkit.recommend._nearest_layout_kernels import count_columns, transpose, work_of_columns
from crmkit.recommend._nearest_rows_kernels import Purchases, Scratch, nearest_of_rows

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
            return _read_only(np.ascontiguousarray(np.broadcast_to(values, n_items), dtype=np.float64))

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
    [[0.543, 0.625]]
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
    purchases = _lay_out(matrix)
    work = np.zeros(n_items, dtype=np.int64)
    work_of_columns(purchases.by_customer, purchases.items, work)
    return _by_rows(purchases, terms, n_neighbors, min_support, work, threads)


def _read_only(values: NDArray[Any]) -> NDArray[Any]:
    """A view that cannot be written: kernels are compiled for one kind of array only."""
    view = values.view()
    view.flags.writeable = False
    return view


def _lay_out(matrix: csr_matrix) -> Purchases:
    """The matrix by customers and by items."""
    n_items = matrix.shape[1]
    items = _read_only(np.ascontiguousarray(matrix.indices))
    pointers = _read_only(matrix.indptr.astype(np.int64))
    values = matrix.data.astype(np.float64, copy=False) if matrix.data.dtype != np.int8 else np.empty(0)
    values = _read_only(np.ascontiguousarray(values))
    by_item = np.zeros(n_items + 1, dtype=np.int64)
    count_columns(items, by_item[1:])
    np.cumsum(by_item, out=by_item)
    customers = np.empty(len(items), dtype=np.int32 if matrix.shape[0] <= np.iinfo(np.int32).max else np.int64)
    values_by_item = np.empty(len(values))
    transpose(pointers, items, values, by_item[:-1].copy(), customers, values_by_item)
    by = (_read_only(by_item), _read_only(customers), _read_only(values_by_item))
    return Purchases(pointers, items, values, *by)


def _by_rows(
    purchases: Purchases,
    terms: Terms,
    n_neighbors: int,
    min_support: int,
    work: NDArray[np.int64],
    threads: int,
) -> csr_matrix:
    n_items = len(work)
    most = np.minimum(work, n_neighbors)
    edges = _ranges_of_work(work + n_items // 64, 8 * threads if threads > 1 else 1)
    parts: list[Any] = [None] * (len(edges) - 1)
    binary = len(purchases.values) == 0
    support = min_support if binary else -np.inf

    def run(tasks: Iterator[int]) -> None:
        scratch = _scratch(n_items, binary=binary)
        for task in tasks:
            start, stop = int(edges[task]), int(edges[task + 1])
            room = int(most[start:stop].sum())
            lengths = np.empty(stop - start, dtype=np.int64)
            columns = np.empty(room, dtype=np.int32)
            values = np.empty(room)
            filled = nearest_of_rows(
                start, stop, purchases, terms, n_neighbors, support, scratch, lengths, columns, values
            )
            parts[task] = lengths, columns[:filled], values[:filled]

    _on_threads(run, len(parts), threads)
    lengths, columns, values = map(np.concatenate, zip(*parts, strict=True))
    return _csr(lengths, columns, values)


def _scratch(n_items: int, *, binary: bool) -> Scratch:
    return Scratch(
        common=np.zeros(n_items, dtype=np.int64 if binary else np.float64),
        stamps=np.full(0 if binary else n_items, -1, dtype=np.int32),
        touched=np.empty(n_items + 1, dtype=np.int32),
        found=np.empty(n_items, dtype=np.int32),
        equal=np.empty(n_items, dtype=np.int32),
        ranks=np.empty(n_items),
        ordered=np.empty(n_items),
    )


def _ranges_of_work(work: NDArray[np.int64], parts: int) -> NDArray[np.int64]:
    """Edges of ranges with about the same work, none of them empty."""
    done = np.concatenate(([0], np.cumsum(work, dtype=np.float64)))
    wanted = done[-1] * np.arange(1, parts) / parts
    inner = np.searchsorted(done, wanted)
    return np.unique(np.concatenate(([0], inner, [len(work)])))


def _on_threads(run: Callable[[Iterator[int]], None], tasks: int, threads: int) -> None:
    """Call `run` in each thread with the tasks that it takes, one at a time, from a common heap."""
    heap = iter(range(tasks))
    lock = threading.Lock()

    def taken() -> Iterator[int]:
        while True:
            with lock:
                task = next(heap, None)
            if task is None:
                return
            yield task

    threads = max(1, min(threads, tasks))
    if threads == 1:
        run(taken())
        return
    with ThreadPoolExecutor(threads - 1) as pool:
        others = [pool.submit(run, taken()) for _ in range(threads - 1)]
        run(taken())
    for other in others:
        other.result()


def _csr(lengths: NDArray[np.int64], columns: NDArray[Any], values: NDArray[np.float64]) -> csr_matrix:
    pointers = np.concatenate(([0], np.cumsum(lengths)))
    wide = pointers[-1] > np.iinfo(np.int32).max
    index = np.int64 if wide else np.int32
    n_items = len(lengths)
    parts = (values, columns.astype(index, copy=False), pointers.astype(index))
    return csr_matrix(parts, shape=(n_items, n_items))
