"""Exact Shapley values of sums of trees, by features that may have several columns."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array
from scipy.special import beta

from crmkit._compat import Trees, boosted_trees

Floats = NDArray[np.float64]

_ROWS_AT_ONCE = 256


def tree_contributions(
    model: Any, source: NDArray[np.intp], n_features: int, reference: Floats
) -> Callable[[Floats], Floats] | None:
    r"""Return what gives the Shapley values of gradient boosting against one reference row; None for other models.

    Notes
    -----
    With one reference row, each feature on the way to a leaf is passed, in all of its splits, by the row,
    by the reference, by both or by neither. So a leaf is reached if all of its :math:`a` features that only
    the row passes are told, and none of those :math:`b` that only the reference passes. Each of the former
    gets :math:`B(a, b + 1)` of the leaf's value, and each of the latter loses :math:`B(b, a + 1)` of it,
    where :math:`B` is the beta function. A leaf where neither passes some feature is never reached.
    """
    trees = boosted_trees(model)
    if trees is None:
        return None
    paths = _Paths(trees, source, n_features)

    def split(rows: Floats) -> Floats:
        found = np.zeros((len(rows), n_features))
        for begin in range(0, len(rows), _ROWS_AT_ONCE):
            block = slice(begin, begin + _ROWS_AT_ONCE)
            found[block] = paths.contributions(rows[block], reference)
        return found

    return split


class _Paths:
    """All ways from roots to leaves, as (leaf, feature) pairs in order of the leaves."""

    def __init__(self, trees: Trees, source: NDArray[np.intp], n_features: int) -> None:
        self.trees = trees
        # One line for each split on the way to each leaf.
        leaf, node, left = _splits(trees)
        feature = source[trees.column[node]] if len(node) else np.empty(0, dtype=np.intp)
        order = np.lexsort((feature, leaf))
        leaf, feature = leaf[order], feature[order]
        self.node, self.left = node[order], left[order]
        self.starts = _starts(leaf, feature)
        leaf, feature = leaf[self.starts], feature[self.starts]
        self.leaf_starts = _starts(leaf)
        self.value = trees.value[leaf[self.leaf_starts]]
        self.n_pairs = np.diff(np.append(self.leaf_starts, len(leaf)))
        self.to_feature = csr_array(
            (np.ones(len(feature)), (feature, np.arange(len(feature)))), shape=(n_features, len(feature))
        )
        sizes = np.arange(self.n_pairs.max(initial=0) + 1, dtype=np.float64)
        self.weights = beta(sizes[:, None], sizes + 1.0)
        self.weights[0] = 0.0

    def contributions(self, rows: Floats, reference: Floats) -> Floats:
        if not len(self.starts):
            return np.zeros((len(rows), self.to_feature.shape[0]))
        own, others = self._passed(rows), self._passed(reference[None])
        only_row, only_reference = own & ~others, others & ~own
        a, b = (np.add.reduceat(one, self.leaf_starts, axis=0, dtype=np.int64) for one in (only_row, only_reference))
        reached = np.logical_and.reduceat(own | others, self.leaf_starts, axis=0)
        value = np.where(reached, self.value[:, None], 0.0)
        gains, losses = (np.repeat(value * self.weights[pair], self.n_pairs, axis=0) for pair in ((a, b), (b, a)))
        found: Floats = self.to_feature @ (gains * only_row - losses * only_reference)
        return found.T

    def _passed(self, rows: Floats) -> NDArray[np.bool_]:
        """Whether rows pass all splits of each pair: (n_pairs, n)."""
        cells = rows.T[self.trees.column].astype(self.trees.dtype, copy=False)
        goes_left = cells <= self.trees.threshold[:, None]
        goes_left |= np.isnan(cells) & self.trees.missing_left[:, None]
        return np.logical_and.reduceat(goes_left[self.node] == self.left[:, None], self.starts, axis=0)


def _splits(trees: Trees) -> tuple[NDArray[np.intp], NDArray[np.intp], NDArray[np.bool_]]:
    """Leaf, node and side of each split on the way to each leaf."""
    # A node at a time from the leaves up, all leaves together.
    at = np.flatnonzero(trees.child_left < 0)
    leaf, lines = at, []
    parent = np.full(len(trees.value), -1)
    is_left = np.zeros(len(trees.value), dtype=bool)
    inner = np.flatnonzero(trees.child_left >= 0)
    parent[trees.child_left[inner]] = parent[trees.child_right[inner]] = inner
    is_left[trees.child_left[inner]] = True
    while len(at):
        below = parent[at] >= 0
        leaf, at = leaf[below], at[below]
        lines.append((leaf, parent[at], is_left[at]))
        at = parent[at]
    columns = [np.concatenate(column) for column in zip(*lines, strict=True)]
    return columns[0], columns[1], columns[2].astype(bool)


def _starts(*keys: NDArray[np.intp]) -> NDArray[np.intp]:
    """Where runs of equal keys begin."""
    if not len(keys[0]):
        return np.empty(0, dtype=np.intp)
    changes = np.logical_or.reduce([np.diff(key) != 0 for key in keys])
    return np.concatenate([[0], np.flatnonzero(changes) + 1])
