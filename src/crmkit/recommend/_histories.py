"""What customers did with items, as recommenders read it: from a matrix, or from snapshots."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix

from crmkit._frames import lookup_ids
from crmkit._numba import read_only
from crmkit.events import Snapshots
from crmkit.exceptions import ParameterError
from crmkit.recommend._histories_kernels import count_columns, first_sales

#: The instant of what has not happened.
NEVER = np.iinfo(np.int64).max


@dataclass(frozen=True)
class Histories:
    """Rows × items, and what is known of both.

    Attributes
    ----------
    matrix : csr_matrix, shape (n, n_items)
        Canonical: columns ascending, none twice, no stored zero. int8 ones where only the pattern
        counts, else float64.
    items : ndarray, shape (n_items,)
        Sorted ids of the columns.
    customers : ndarray, shape (n,), or None
        Ids of the rows; None for a plain matrix.
    as_of : ndarray of datetime64[us], shape (n,), or None
    rows : Snapshots or None
        The rows themselves, for recommenders that read times from the log.
    purchases : csr_matrix or None
        Ones for what rows have bought, where `matrix` does not tell: what cost nothing is in no matrix of
        money.
    since : ndarray of int64, shape (n_items,), or None
        What a fit learns from snapshots: when each item was first sold, in microseconds.
    """

    matrix: csr_matrix
    items: NDArray[Any]
    customers: NDArray[Any] | None = None
    as_of: NDArray[np.datetime64] | None = None
    rows: Snapshots | None = None
    purchases: csr_matrix | None = None
    since: NDArray[np.int64] | None = None

    def __len__(self) -> int:
        return int(self.matrix.shape[0])

    def take(self, key: Any) -> Histories:
        """Some rows."""
        cut = {
            name: values[key]
            for name in ("customers", "as_of", "rows", "purchases")
            if (values := getattr(self, name)) is not None
        }
        return replace(self, matrix=self.matrix[key], **cut)

    def of_items(self, items: NDArray[Any]) -> Histories:
        """The same rows with other columns, matched by id; what the others do not know is left out."""
        if items is self.items:
            return self
        check_same_items(self.items, items)
        places = lookup_ids(self.items, items, "X")
        matrix = with_columns(self.matrix, places, len(items))
        bought = None if self.purchases is None else with_columns(self.purchases, places, len(items))
        since = None if self.since is None else moved(self.since, places, len(items))
        return replace(self, matrix=matrix, items=items, purchases=bought, since=since)


def check_same_items(items: NDArray[Any], known: NDArray[Any]) -> None:
    """Refuse text where items are numbers, and numbers where they are text: none would be found."""
    if len(items) and len(known) and items.dtype.kind != known.dtype.kind:
        sorts = ["text" if ids.dtype.kind == "U" else "whole numbers" for ids in (items, known)]
        raise ParameterError(
            f"The items of X are {sorts[0]}, and those that were learnt are {sorts[1]}: none would be found. Build the "
            "log from ids of the same sort."
        )


def history_of_matrix(X: Any, *, binary: bool) -> Histories:
    """Histories of a checked array or sparse matrix, whose columns are the items."""
    matrix = canonical(X, binary=binary)
    return Histories(matrix, np.arange(matrix.shape[1]))


def history_of_snapshots(X: Snapshots, interaction: str, halflife: Any) -> Histories:
    """Histories of snapshots, over the whole catalogue of their log."""
    matrix = X.interactions(interaction, halflife)  # type: ignore[arg-type]  # the estimator checked it
    matrix = canonical(matrix, binary=interaction == "binary" and halflife is None)
    purchases = canonical(X.interactions("binary"), binary=True) if interaction == "value" else None
    return Histories(matrix, X.log.items, X.customer_id, X.as_of, X, purchases)


def moved(since: NDArray[np.int64], places: NDArray[np.int64], n_items: int) -> NDArray[np.int64]:
    """Instants of items in other places; NEVER for what is not among them."""
    out = np.full(n_items, NEVER)
    out[places[places >= 0]] = since[places >= 0]
    return out


def first_sold(X: Snapshots) -> NDArray[np.int64]:
    """When each item of the log was first sold, as far as rows see: an instant in microseconds, or NEVER."""
    store = X.log._store
    since = np.full(len(X.log.items), NEVER)
    if store.item is not None:
        lefts, rights, time = (read_only(array, np.int64) for array in (X.start, X.stop, store.time))
        first_sales(lefts, rights, time, read_only(X.log.roles()), read_only(store.item.codes), since)
    return since


def canonical(matrix: Any, *, binary: bool) -> csr_matrix:
    """A CSR matrix with ascending columns, none twice, and no stored zeros. The input is not changed.

    Parameters
    ----------
    matrix : sparse matrix or array
    binary : bool
        Whether the pattern is all that counts: the data become int8 ones.
    """
    # Cells of a COO matrix that are given twice add up on the way to CSR; scipy has no sparse float16.
    if matrix.dtype == np.float16 or getattr(matrix, "format", "") == "coo":
        matrix = matrix.astype(np.float64)
    matrix = csr_matrix(matrix, copy=False)
    if not _ascending(matrix) or not np.all(matrix.data):
        # In float64, as a sum of narrow integers could wrap around.
        matrix = csr_matrix((matrix.data.astype(np.float64), matrix.indices, matrix.indptr), matrix.shape, copy=True)
        matrix.sum_duplicates()
        matrix.eliminate_zeros()
        if not np.isfinite(matrix.data).all():
            raise ParameterError("Some cells of X are given several times, and add up to infinity. Scale X down.")
    data = np.ones(matrix.nnz, dtype=np.int8) if binary else matrix.data.astype(np.float64, copy=False)
    return _csr(data, matrix.indices, matrix.indptr, matrix.shape)


def with_columns(matrix: csr_matrix, places: NDArray[np.int64], n_items: int) -> csr_matrix:
    """The matrix with column j moved to places[j], or left out where that is -1. Places ascend."""
    moved = places[matrix.indices]
    if (kept := moved >= 0).all():
        return _csr(matrix.data, moved, matrix.indptr, (matrix.shape[0], n_items))
    pointers = np.concatenate([[0], np.cumsum(kept)])[matrix.indptr]
    return _csr(matrix.data[kept], moved[kept], pointers, (matrix.shape[0], n_items))


def columns_taken(matrix: csr_matrix) -> NDArray[np.int64]:
    """Columns that anybody has an entry in."""
    return np.flatnonzero(entries_of_columns(matrix))


def entries_of_columns(matrix: csr_matrix) -> NDArray[np.int64]:
    """The number of entries of each column, without the copy of all indices that numpy would make."""
    counts = np.zeros(matrix.shape[1], dtype=np.int64)
    count_columns(read_only(matrix.indices), counts)
    return counts


def with_rows(matrix: csr_matrix, places: NDArray[np.int64], n_rows: int) -> csr_matrix:
    """The matrix with row i moved to places[i], the others empty. Places ascend."""
    lengths = np.zeros(n_rows, dtype=np.int64)
    lengths[places] = np.diff(matrix.indptr)
    pointers = np.concatenate([[0], np.cumsum(lengths)])
    return _csr(matrix.data, matrix.indices, pointers, (n_rows, matrix.shape[1]))


def _ascending(matrix: csr_matrix) -> bool:
    """Whether columns ascend in every row, without the flags that scipy would leave on the caller's matrix."""
    rises = matrix.indices[1:] > matrix.indices[:-1]
    ends = matrix.indptr[1:-1]
    rises[ends[(ends > 0) & (ends < len(matrix.indices))] - 1] = True
    return bool(rises.all())


def _csr(data: NDArray[Any], indices: NDArray[Any], pointers: NDArray[Any], shape: tuple[int, int]) -> csr_matrix:
    """A canonical matrix of these arrays, which scipy neither checks nor copies where the index type fits."""
    matrix = csr_matrix(shape, dtype=data.dtype)
    index = np.int32 if len(indices) < 2**31 and shape[1] < 2**31 else np.int64
    matrix.data, matrix.indices, matrix.indptr = (
        data,
        indices.astype(index, copy=False),
        pointers.astype(index, copy=False),
    )
    matrix.has_sorted_indices = matrix.has_canonical_format = True
    return matrix
