"""What the metrics of recommendations read: lists of items, and what turned out to be relevant."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from crmkit._validation import check_int, check_option
from crmkit.exceptions import ParameterError

if TYPE_CHECKING:
    from scipy.sparse import csr_matrix

Average = Literal["mean"] | None

_NUMBERS = "biuf"


def read_matrix(name: str, value: Any, owner: str, rows: str = "rows") -> csr_matrix:
    """Return a matrix of finite numbers as CSR, without duplicates and stored zeros.

    The arrays may be the caller's: they are to be read, never written.
    """
    from scipy.sparse import csr_matrix, issparse

    value = getattr(value, "csr", value)
    if not issparse(value):
        value = _as_array(value)
    if value is None or value.ndim != 2 or value.dtype.kind not in _NUMBERS:
        got = "no array" if value is None else f"shape {value.shape} of {value.dtype}"
        raise ParameterError(
            f"The {name!r} parameter of {owner} must be a matrix ({rows}, n_items) of numbers, sparse or dense. "
            f"Got {got} instead."
        )
    matrix = csr_matrix(value)
    if not np.isfinite(matrix.data).all():
        raise ParameterError(f"The {name!r} parameter of {owner} has missing or infinite values. Leave those cells 0.")
    if not matrix.has_canonical_format or not matrix.data.all():
        matrix = matrix.astype(np.float64, copy=True)  # narrow integers could wrap around where duplicates add up
        matrix.sum_duplicates()
        matrix.eliminate_zeros()
    return matrix


def read_relevant(name: str, value: Any, n: int, owner: str) -> csr_matrix:
    """Return which items are relevant to each of the n rows of lists: the stored cells of a CSR matrix."""
    matrix = read_matrix(name, value, owner)
    if matrix.shape[0] != n:
        raise ParameterError(
            f"The {name!r} parameter of {owner} must have the {n:,} rows of 'recommended'. "
            f"Got {matrix.shape[0]:,} rows instead."
        )
    if matrix.nnz and matrix.data.min() < 0:
        raise ParameterError(
            f"The {name!r} parameter of {owner} must not be negative: 0 is not relevant, above 0 is. "
            f"Got {matrix.data.min()} instead. Pass matrix > 0, if what was returned or disliked is to count as 0."
        )
    return matrix


def read_lists(recommended: Any, owner: str) -> NDArray[np.signedinteger]:
    """Return lists of column numbers, shape (n, n_places)."""
    array = None if isinstance(recommended, tuple) else _as_array(recommended)
    if array is None or array.ndim != 2 or array.dtype.kind not in "iu":
        if isinstance(recommended, tuple):
            got, hint = "a tuple", " Where recommend() gives (items, scores), pass its items."
        else:
            got = "no array" if array is None else f"shape {array.shape} of {array.dtype}"
            hint = " An empty place of a list is -1."
        raise ParameterError(
            f"The 'recommended' parameter of {owner} must be an array (rows, places) of column numbers, best first. "
            f"Got {got} instead.{hint}"
        )
    return array if array.dtype.kind == "i" else array.astype(np.int64)


def cut_lists(lists: NDArray[np.signedinteger], k: int, n_items: int, owner: str) -> NDArray[np.signedinteger]:
    """Return the first k places of the lists, where each item is one of n_items and stands but once."""
    k = check_int("k", k, owner, low=1)
    if k > lists.shape[1]:
        raise ParameterError(
            f"The 'k' parameter of {owner} must be at most the number of places of the lists. Got k={k} and "
            f"{lists.shape[1]} places instead. Ask for longer lists, recommend(X, n={k}); empty places are -1."
        )
    lists = np.ascontiguousarray(lists[:, :k])
    if lists.size and (lists.min() < -1 or lists.max() >= n_items):
        row, place = np.argwhere((lists < -1) | (lists >= n_items))[0]
        raise ParameterError(
            f"The 'recommended' parameter of {owner} must hold column numbers from 0 to {n_items - 1}, or -1 for an "
            f"empty place. Got {lists[row, place]} in row {row}, place {place} instead. Are these ids, or positions in "
            "another catalogue?"
        )
    if n_items < 2**31:
        lists = lists.astype(np.int32, copy=False)  # half the memory to go through below
    ordered = np.sort(lists, axis=1)
    twice = (ordered[:, 1:] == ordered[:, :-1]) & (ordered[:, 1:] >= 0)
    if twice.any():
        row, place = np.argwhere(twice)[0]
        raise ParameterError(
            f"The 'recommended' parameter of {owner} must not name an item twice in a row. Row {row} has item "
            f"{ordered[row, place]} twice, and {twice.any(axis=1).sum():,} of {len(lists):,} rows have duplicates."
        )
    return lists


def cells(matrix: csr_matrix, rows: NDArray[np.integer], columns: NDArray[np.integer]) -> NDArray[Any]:
    """Return the values of a matrix at rows and columns of one shape."""
    index = matrix.indices.dtype  # another one would be copied, or make scipy copy the matrix
    return np.asarray(matrix[rows.astype(index).ravel(), columns.astype(index).ravel()]).reshape(columns.shape)


def average_rows(
    values: NDArray[np.float64], counted: NDArray[np.bool_], average: Average, needed: str, owner: str
) -> float | NDArray[np.float64]:
    """Return the mean over the rows that count, or one value per row, NaN in the others."""
    if check_option("average", average, ("mean", None), owner) is None:
        return np.where(counted, values, np.nan)
    if not counted.any():
        raise ParameterError(f"{owner} is not defined: none of the {len(values):,} rows has {needed}.")
    return float(values[counted].mean())


def _as_array(value: Any) -> NDArray[Any] | None:
    try:
        return np.asarray(value)
    except (TypeError, ValueError):  # ragged lists, and what refuses to be an array
        return None
