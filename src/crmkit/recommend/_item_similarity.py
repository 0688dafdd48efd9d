"""Items compared by how many customers they share: Jaccard, lift and others."""

from __future__ import annotations

from numbers import Integral, Real
from typing import Any, ClassVar

import numpy as np
from scipy.sparse import csr_matrix

from crmkit._compat import Interval, StrOptions
from crmkit.recommend._histories import entries_of_columns
from crmkit.recommend._item_neighbours import ItemNeighbourRecommender
from crmkit.recommend._nearest import Formula

_SIMILARITIES = {"conditional", "cooccurrence", "dice", "jaccard", "lift", "tversky"}


class ItemSimilarityRecommender(ItemNeighbourRecommender):
    r"""Recommends what goes with the items that a customer has, by a similarity of your choice.

    All are worked out from whole numbers: how many customers have each item, and each pair.

    Parameters
    ----------
    similarity : str, default="jaccard"
        ``"jaccard"``, ``"dice"``, ``"tversky"``, ``"lift"``, ``"conditional"`` or ``"cooccurrence"``; see
        Notes.
    n_neighbors : int, default=100
        How many similarities are kept for each item; see `keep`.
    shrinkage : float, default=0.0
        Added to the denominator: lowers the similarity of items with few customers.
    min_support : int, default=1
        Pairs with fewer common customers are not alike at all. Lift and conditional probability make
        much of a pair that was bought once, so give them some support.
    alpha, beta : float, default=0.5
        For ``"tversky"``: how much customers count who have only the item that is there already (alpha),
        or only the one that could be recommended (beta).
    keep : {"target", "source"}, default="target"
        Whose best similarities are kept, as in `ItemCosineRecommender`.
    exclude_seen : bool, default=True
        Whether lists leave out what the customer has already.
    fallback : {"popularity"} or None, default="popularity"
        What fills lists where too few items have a score above 0.
    k : int, default=10
        Length of the lists that `score` judges.
    n_jobs : int, default=None
        Threads, as in `ItemCosineRecommender`.

    Attributes
    ----------
    similarity_ : csr_matrix of float64, shape (n_items, n_items)
        Row = the item that could be recommended, column = the item that a customer has.
    items_ : ndarray, shape (n_items,)
        Sorted ids; column numbers after a fit on a matrix.
    popularity_ : ndarray of int64, shape (n_items,)
        Number of customers.
    n_rows_used_ : int
        Number of customers learnt from.
    fitted_on_ : tuple or None
        As in `ItemCosineRecommender`.
    n_features_in_, feature_names_in_
        After a fit on a matrix, as in scikit-learn.

    See Also
    --------
    ItemCosineRecommender : Counts and money too, and weights of customers.

    Notes
    -----
    With :math:`c` the number of customers who have both source :math:`i` and target :math:`j`, :math:`d` the
    number who have one, :math:`n` that of all customers, and shrinkage :math:`h`:

    =============  ==========================================================================
    jaccard        :math:`c / (d_i + d_j - c + h)`
    dice           :math:`c / ((d_i + d_j) / 2 + h)`
    tversky        :math:`c / (c + \alpha (d_i - c) + \beta (d_j - c) + h)` (Tversky 1977)
    lift           :math:`c / (d_i d_j / n + h)`; 1 where items have nothing to do with each other
    conditional    :math:`c / (d_i + h)`, the share of those who have the source that have the target
    cooccurrence   :math:`c / (1 + h)`
    =============  ==========================================================================

    Conditional and cooccurrence favour what is popular, lift what is rare. Neighbours, ties and scores
    are as in `ItemCosineRecommender`.

    Examples
    --------
    >>> import numpy as np
    >>> from scipy.sparse import csr_matrix
    >>> from crmkit.recommend import ItemSimilarityRecommender
    >>> X = csr_matrix(np.array([[1, 1, 0], [1, 1, 1], [0, 1, 1]]))
    >>> ItemSimilarityRecommender("jaccard").fit(X).similarity_.toarray().round(3)
    array([[0.   , 0.667, 0.333],
           [0.667, 0.   , 0.667],
           [0.333, 0.667, 0.   ]])
    >>> ItemSimilarityRecommender("conditional").fit(X).similarity_.toarray().round(3)
    array([[0.   , 0.667, 0.5  ],
           [1.   , 0.   , 1.   ],
           [0.5  , 0.667, 0.   ]])
    """

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        **{
            name: constraint
            for name, constraint in ItemNeighbourRecommender._parameter_constraints.items()
            if name not in {"interaction", "halflife"}
        },
        "similarity": [StrOptions(_SIMILARITIES)],
        "min_support": [Interval(Integral, 1, None, closed="left")],
        "alpha": [Interval(Real, 0, None, closed="left")],
        "beta": [Interval(Real, 0, None, closed="left")],
    }

    def __init__(
        self,
        similarity: str = "jaccard",
        n_neighbors: int = 100,
        *,
        shrinkage: float = 0.0,
        min_support: int = 1,
        alpha: float = 0.5,
        beta: float = 0.5,
        keep: str = "target",
        exclude_seen: bool = True,
        fallback: str | None = "popularity",
        k: int = 10,
        n_jobs: int | None = None,
    ) -> None:
        self.similarity = similarity
        self.n_neighbors = n_neighbors
        self.shrinkage = shrinkage
        self.min_support = min_support
        self.alpha = alpha
        self.beta = beta
        self.keep = keep
        self.exclude_seen = exclude_seen
        self.fallback = fallback
        self.k = k
        self.n_jobs = n_jobs

    def _reading(self) -> tuple[str, Any]:
        return "binary", None

    def _comparison(self, matrix: csr_matrix) -> tuple[csr_matrix, Formula]:
        bought = entries_of_columns(matrix).astype(np.float64)
        h = float(self.shrinkage)
        formulas = {
            "jaccard": Formula(a=-1.0, u=bought, v=bought, h=h),
            "dice": Formula(u=bought / 2, v=bought / 2, h=h),
            "lift": Formula(p=bought, r=bought / matrix.shape[0], h=h),
            "cooccurrence": Formula(u=1.0, h=h),
        }
        if self.similarity in formulas:
            return matrix, formulas[self.similarity]
        # These two tell the source from the target, and `keep` says which of them owns a list.
        conditional = self.similarity == "conditional"
        source, target = (1.0, 0.0) if conditional else (float(self.alpha), float(self.beta))
        own, other = (target, source) if self.keep == "target" else (source, target)
        both = 0.0 if conditional else 1.0 - source - target
        return matrix, Formula(a=both, u=other * bought, v=own * bought, h=h)
