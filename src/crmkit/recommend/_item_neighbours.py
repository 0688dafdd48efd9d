"""What all item-based recommenders share: neighbours, scores by them, and explanations."""

from __future__ import annotations

from abc import abstractmethod
from numbers import Integral, Real
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix
from sklearn.utils.validation import check_is_fitted

from crmkit._compat import Interval, StrOptions
from crmkit._frames import lookup_ids, make_frame
from crmkit._validation import check_int
from crmkit.exceptions import ParameterError
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
        self._lists = ItemLists.from_csr(by_source, self.popularity_)

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
        if not self._on_snapshots:
            found = csr_matrix((contribution, matrix.indices.copy(), matrix.indptr.copy()), matrix.shape)
            found.eliminate_zeros()
            return found
        row = np.repeat(np.arange(len(rows)), np.diff(matrix.indptr))
        order = np.lexsort((matrix.indices, -contribution, row))
        order = order[contribution[order] != 0]
        return make_frame(
            {
                "customer_id": X.customer_id[row[order]],
                "as_of": X.as_of[row[order]],
                "item": self.items_[matrix.indices[order]],
                "interaction": matrix.data[order].astype(np.float64),
                "similarity": similarity[order],
                "contribution": contribution[order],
            },
            X.log.backend,
        )

    def _place_of(self, item: Any) -> int:
        check_is_fitted(self)
        try:
            place = int(lookup_ids([item], self.items_, "item")[0])
        except ParameterError:  # nothing that could be an id
            place = -1
        if place < 0:
            raise ParameterError(
                f"item={item!r} is none of the {len(self.items_):,} items that {type(self).__name__} knows. They are "
                "listed in items_."
            )
        return place
