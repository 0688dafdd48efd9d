"""What may stand in a list of recommendations: for everybody, and for each row."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix


@dataclass(frozen=True)
class Limits:
    """Rules for lists; by default there is none.

    Attributes
    ----------
    exclude_seen : bool
        Whether what the row itself holds is left out.
    legal : ndarray of bool, shape (n_items,), or None
        What may be recommended at all.
    banned, candidates : csr_matrix, shape (n_rows, n_items), or None
        What a row must not, and what alone it may be recommended: where entries are stored.
    """

    exclude_seen: bool = False
    legal: NDArray[np.bool_] | None = None
    banned: csr_matrix | None = None
    candidates: csr_matrix | None = None

    def only(self, items: Any, n_items: int) -> Limits:
        """Nothing but these: places of items, or a matrix for each row; None is no limit."""
        if items is None:
            return self
        return replace(self, candidates=items) if hasattr(items, "nnz") else self._legal(_marked(items, n_items))

    def without(self, items: Any, n_items: int) -> Limits:
        """None of these: places of items, or a matrix for each row; None is nothing."""
        if items is None:
            return self
        if not hasattr(items, "nnz"):
            return self._legal(~_marked(items, n_items))
        both = items if self.banned is None else items.astype(bool) + self.banned.astype(bool)
        return replace(self, banned=csr_matrix(both))

    def of_rows(self, rows: slice) -> Limits:
        """The limits of some rows."""
        cut = {name: matrix[rows] for name in ("banned", "candidates") if (matrix := getattr(self, name)) is not None}
        return replace(self, **cut)

    def _legal(self, items: NDArray[np.bool_]) -> Limits:
        return replace(self, legal=items if self.legal is None else self.legal & items)


def _marked(places: NDArray[np.int64], n_items: int) -> NDArray[np.bool_]:
    marks = np.zeros(n_items, dtype=np.bool_)
    marks[places] = True
    return marks
