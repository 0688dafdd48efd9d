"""Whether two outputs are the same, bit for bit."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

__all__ = ["assert_identical"]


def assert_identical(actual: Any, expected: Any, what: str = "The output") -> None:
    """Raise an AssertionError unless two outputs are bit-identical.

    Parameters
    ----------
    actual, expected : array, frame, series, sparse matrix or ItemTargets
        Frames are compared column by column, whether pandas or polars; row labels are not compared,
        since they are the keys of the rows. Sparse matrices are compared entry by entry, and those
        of `crmkit.events.ItemTargets` by item id: an item that only one of the two knows must have
        no entry. A missing value equals a missing value.
    what : str, default='The output'
        What the error message calls them.

    Raises
    ------
    AssertionError
        It names the column and the first row that differ.

    Examples
    --------
    >>> import numpy as np
    >>> from crmkit.testing import assert_identical
    >>> assert_identical(np.array([0.1 + 0.2, np.nan]), np.array([0.30000000000000004, np.nan]))
    >>> assert_identical(np.array([0.3]), np.array([0.1 + 0.2]), "The sum")
    Traceback (most recent call last):
    ...
    AssertionError: The sum differs in row 0: 0.3 instead of 0.30000000000000004.
    """
    ours, theirs = _columns(actual), _columns(expected)
    if list(ours) != list(theirs):
        raise AssertionError(f"{what} has the columns {list(ours)} instead of {list(theirs)}.")
    for name, column in ours.items():
        _compare(column, theirs[name], what if name == "" else f"{what.rstrip(',')}, column {name!r},")


def _columns(output: Any) -> dict[str, NDArray[Any]]:
    """An output as arrays by column name; one nameless array where there are no columns."""
    if hasattr(output, "csr") and hasattr(output, "items"):
        entries = output.csr.tocoo()
        keep = entries.data != 0
        items = np.asarray(output.items)[entries.col[keep]]
        order = np.lexsort((items, entries.row[keep]))
        return {
            "shape": np.asarray(output.shape),
            "row": entries.row[keep][order],
            "item": items[order],
            "entry": entries.data[keep][order],
        }
    if hasattr(output, "tocsr"):
        matrix = output.tocsr().copy()
        matrix.sum_duplicates()
        parts = {"indptr": matrix.indptr, "indices": matrix.indices}
        integers = {name: part.astype(np.int64) for name, part in parts.items()}
        return {"shape": np.asarray(matrix.shape), **integers, "data": matrix.data}
    if isinstance(output, Mapping):
        return {str(name): np.asarray(column) for name, column in output.items()}
    if hasattr(output, "columns") and hasattr(output, "to_numpy"):
        return {str(name): _plain(output[name]) for name in output.columns}
    return {"": _plain(output)}


def _plain(column: Any) -> NDArray[Any]:
    """A column as numbers, or as text with None where it is missing."""
    array = column.to_numpy() if hasattr(column, "to_numpy") else np.asarray(column)
    if array.dtype.kind in "OU":
        missing = np.asarray(pd.isna(array.ravel()))
        cells = [None if null else str(cell) for cell, null in zip(array.ravel().tolist(), missing, strict=True)]
        plain = np.empty(len(cells), dtype=object)
        plain[:] = cells
        return plain.reshape(array.shape)
    return np.asarray(array)


def _compare(ours: NDArray[Any], theirs: NDArray[Any], what: str) -> None:
    if ours.shape != theirs.shape:
        raise AssertionError(f"{what} has the shape {ours.shape} instead of {theirs.shape}.")
    if ours.dtype.kind != theirs.dtype.kind:
        raise AssertionError(f"{what} is of {ours.dtype} instead of {theirs.dtype}.")
    if ours.size == 0:
        return
    same = _same(ours, theirs).reshape(len(ours) if ours.ndim else 1, -1).all(axis=1)
    if not same.all():
        row = int(np.argmin(same))
        one, other = (values.tolist()[row] if values.ndim else values.item() for values in (ours, theirs))
        raise AssertionError(f"{what} differs in row {row}: {one!r} instead of {other!r}.")


def _same(ours: NDArray[Any], theirs: NDArray[Any]) -> NDArray[np.bool_]:
    """Where two arrays agree to the bit; every missing value is the same one."""
    if ours.dtype.kind == "f":
        width = np.dtype(f"u{ours.dtype.itemsize}")
        if ours.dtype != theirs.dtype:
            return np.zeros(ours.shape, dtype=np.bool_)
        bits = np.ascontiguousarray(ours).view(width) == np.ascontiguousarray(theirs).view(width)
        return np.asarray(bits | (np.isnan(ours) & np.isnan(theirs)))
    if ours.dtype.kind in "mM":
        return np.asarray((ours == theirs) | (np.isnat(ours) & np.isnat(theirs)))
    return np.asarray(ours == theirs, dtype=np.bool_)
