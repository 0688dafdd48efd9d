"""Customers by items: what rows have bought, and what they will buy."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix

from crmkit._durations import to_microseconds
from crmkit._numba import run_in_ranges
from crmkit._validation import check_option
from crmkit.events._store import read_only
from crmkit.events._target_kernels import count_items, fill_items
from crmkit.exceptions import ParameterError

if TYPE_CHECKING:
    from crmkit.events._snapshots import Snapshots

_MODES = {"count": 0, "binary": 1, "value": 2}


class ItemTargets:
    """What each row's customer buys in the label window: a y that can be sliced by rows.

    scikit-learn's cross-validation refuses a sparse y, so the matrix travels inside this.

    Parameters
    ----------
    csr : scipy.sparse.csr_matrix, shape (n, n_items)
        Number of purchases of each item.
    items : ndarray, shape (n_items,)
        Sorted item ids.

    Attributes
    ----------
    csr : scipy.sparse.csr_matrix
    items : ndarray
    shape : tuple
        ``(n,)``.

    Examples
    --------
    >>> import numpy as np
    >>> from scipy.sparse import csr_matrix
    >>> y = ItemTargets(csr_matrix(np.array([[1, 0], [0, 2]])), np.array(["pen", "pot"]))
    >>> y[1:].csr.toarray()
    array([[0, 2]])
    """

    def __init__(self, csr: csr_matrix, items: NDArray[Any]) -> None:
        if csr.shape[1] != len(items):
            raise ParameterError(f"csr has {csr.shape[1]} columns, but there are {len(items)} items.")
        if not np.all(items[1:] > items[:-1]):
            raise ParameterError(
                "items must ascend, none twice: they are looked up by bisection. Sort the columns of csr."
            )
        self.csr = csr
        self.items = items

    @property
    def shape(self) -> tuple[int]:
        """Number of rows, as a tuple."""
        return (self.csr.shape[0],)

    def __len__(self) -> int:
        return int(self.csr.shape[0])

    def __getitem__(self, key: Any) -> ItemTargets:
        if isinstance(key, tuple):
            key = key[0]
        if isinstance(key, int | np.integer):
            key = [key]
        if isinstance(key, list):
            key = np.asarray(key, dtype=np.intp if not key or not isinstance(key[0], bool) else np.bool_)
        return ItemTargets(self.csr[key], self.items)

    def __repr__(self) -> str:
        return f"ItemTargets({len(self):,} rows, {self.csr.nnz:,} purchases of {len(self.items):,} items)"

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> NDArray[Any]:
        raise TypeError("ItemTargets is not an array: take its matrix as .csr, or a row slice as y[rows].")


def item_matrix(
    rows: Snapshots,
    lefts: NDArray[np.int64],
    rights: NDArray[np.int64],
    begins: NDArray[np.int64],
    ends: NDArray[np.int64],
    *,
    interaction: Literal["count", "binary", "value"],
    halflife: Any = None,
    kinds: Any = None,
) -> csr_matrix:
    """Matrix rows × the log's catalogue of what lies between two instants of each row."""
    check_option("interaction", interaction, set(_MODES), "Snapshots.interactions")
    store = rows.log._store
    if store.item is None:
        raise ParameterError("The log has no items. Name their column as item= in from_frame.")
    if interaction == "value" and not store.has_money:
        raise ParameterError("interaction='value', but the log has no money. Name value= or price= in from_frame.")
    pace = 0.0 if halflife is None else float(np.log(2.0)) / to_microseconds(halflife, "halflife")
    items, n_items = store.item.codes, len(store.item.levels)
    lefts, rights, begins, ends = read_only(lefts), read_only(rights), read_only(begins), read_only(ends)
    shared = (lefts, rights, store.time, rows.log.roles(kinds), items)
    counts = np.zeros(len(rows), dtype=np.int64)

    def count(start: int, stop: int) -> None:
        count_items(start, stop, *shared, begins, ends, np.full(n_items, -1, dtype=np.int64), counts)

    run_in_ranges(count, len(rows), minimum=1_000)
    pointers = np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)
    columns = np.empty(pointers[-1], dtype=np.int32)
    data = np.empty(pointers[-1], dtype=np.float64)

    def fill(start: int, stop: int) -> None:
        fill_items(
            start,
            stop,
            *shared,
            store.cents,
            store.money,
            begins,
            ends,
            pace,
            _MODES[interaction],
            np.full(n_items, -1, dtype=np.int64),
            np.empty(n_items, dtype=np.int64),
            np.empty((3, n_items)),
            pointers,
            columns,
            data,
        )

    run_in_ranges(fill, len(rows), minimum=1_000)
    narrow = pointers if pointers[-1] >= 2**31 else pointers.astype(np.int32)
    matrix = csr_matrix((data, columns, narrow), shape=(len(rows), n_items))
    # Items that were only refunded are no purchases.
    matrix.eliminate_zeros()
    return matrix
