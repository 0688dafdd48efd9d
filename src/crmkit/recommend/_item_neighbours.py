"""What all item-based recommenders share: neighbours, scores by them, and explanations."""

from __future__ import annotations

from abc import abstractmethod
from numbers import Integral, Real
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix

from crmkit._compat import Interval, StrOptions
from crmkit._validation import check_int
from crmkit.recommend._explanation import explanation
from crmkit.recommend._histories import Histories
from crmkit.recommend._incremental import IncrementalRecommender
from crmkit.recommend._limits import Limits
from crmkit.recommend._nearest import Formula, nearest
from crmkit.recommend._recommender import Recommender
from crmkit.recommend._serving import Chosen, ItemLists, choose_by_lists, score_by_lists


class ItemNeighbourRecommender(IncrementalRecommender):
    """Base of the recommenders that know for each item its nearest others: not to be used itself."""

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        **Recommender._parameter_constraints,
        "n_neighbors": [Interval(Integral, 1, None, closed="left")],
        "shrinkage": [Interval(Real, 0, None, closed="left")],
        "keep": [StrOptions({"target", "source"})],
    }

    n_neighbors: int
    shrinkage: float
    keep: str
    min_support: int = 1

    @abstractmethod
    def _comparison(self, matrix: csr_matrix) -> tuple[csr_matrix, Formula]:
        """Customers × items whose columns are compared, and how; the owner of a list is what `keep` names."""

    def _learn(self, seen: Histories) -> None:
        compared, formula = self._comparison(seen.matrix)
        lists = nearest(
            compared, formula, min(self.n_neighbors, len(seen.items)),
            threads=self._threads(), min_support=min(self.min_support, len(seen) + 1),
        )  # fmt: skip
        other = lists.T.tocsr()
        other.sort_indices()
        self.similarity_, by_source = (lists, other) if self.keep == "target" else (other, lists)
        self._lists = ItemLists.from_csr(by_source, self.popularity_, by_target=self.similarity_)

    def _scores(self, rows: Histories) -> NDArray[np.float64]:
        return score_by_lists(self._lists, rows.matrix, threads=self._threads())

    def _best(self, rows: Histories, n: int, limits: Limits) -> Chosen:
        return choose_by_lists(self._lists, rows.matrix, n, **self._rules(limits))

    def similar_items(self, item: Any, n: int = 10) -> tuple[NDArray[Any], NDArray[np.float64]]:
        """The nearest neighbours of an item.

        Parameters
        ----------
        item : id
            One of `items_`; a column number after a fit on a matrix.
        n : int, default=10
            How many at most. No more than `n_neighbors` are known.

        Returns
        -------
        items : ndarray
            Ids, the nearest first; of equally near ones the lower first. Never `item` itself.
        similarities : ndarray of float64

        Raises
        ------
        crmkit.exceptions.ParameterError
            If the item is unknown.

        Notes
        -----
        With ``keep="target"`` they are the items whose purchase speaks most for `item`, with
        ``keep="source"`` those for which a purchase of `item` speaks most. Without `asymmetry` both
        are alike.
        """
        place = self._place_of(item)
        n = check_int("n", n, f"{type(self).__name__}.similar_items", low=1)
        if self.keep == "target":
            row = self.similarity_[[place]]
            places, values = row.indices, row.data
        else:
            column = self.similarity_[:, [place]].tocoo()
            places, values = column.row, column.data
        order = np.lexsort((places, -values))[:n]
        return self.items_[places[order]], values[order]

    def explain(self, X: Any, item: Any) -> Any:
        """How much each purchase contributes to the score of an item.

        Parameters
        ----------
        X : Snapshots, or sparse matrix or array of shape (n_rows, n_items)
            As in `recommend`.
        item : id
            One of `items_`.

        Returns
        -------
        frame or csr_matrix
            For snapshots a frame with the columns ``customer_id``, ``as_of``, ``item`` (what was
            bought), ``interaction``, ``similarity`` and ``contribution``, their product, the largest of
            each row first; purchases that contribute nothing are left out. For a matrix the contributions
            in the shape of X. The contributions of a row add up to its score.

        Raises
        ------
        crmkit.exceptions.ParameterError
            If the item is unknown.
        """
        rows = self._read(X)
        target = self.similarity_[[self._place_of(item)]]
        similar = np.zeros(len(self.items_))
        similar[target.indices] = target.data
        matrix = rows.matrix
        similarity = similar[matrix.indices]
        contribution = matrix.data * similarity
        return explanation(rows, similarity, contribution)
