"""How many of the recommended items were wanted, and how high they stood."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from crmkit.metrics._recommendation_lists import (
    Average,
    average_rows,
    cells,
    cut_lists,
    read_lists,
    read_relevant,
)

__all__ = ["hit_rate_at_k", "map_at_k", "mrr_at_k", "ndcg_at_k", "precision_at_k", "recall_at_k"]


def precision_at_k(
    y_true: Any, recommended: ArrayLike, k: int = 10, *, average: Average = "mean"
) -> float | NDArray[np.float64]:
    r"""Share of the k recommended items that are relevant.

    Parameters
    ----------
    y_true : sparse matrix or array of shape (n, n_items), or ItemTargets
        What turned out to be relevant: above 0 is, 0 is not. How often an item was bought does not
        count. Of anything with a ``csr``, such as `crmkit.events.ItemTargets`, that is taken.
    recommended : array-like of int, shape (n, n_places)
        Column numbers of `y_true`, the best first, none twice in a row; -1 is an empty place.
    k : int, default=10
        How many places of each list count, at most n_places.
    average : {'mean', None}, default='mean'
        ``"mean"`` is the mean over the rows with a relevant item. ``None`` gives each row's value,
        NaN where nothing was relevant.

    Returns
    -------
    float or ndarray of shape (n,)
        From 0 to 1. With fewer than k relevant items the best list stays below 1.

    Raises
    ------
    crmkit.exceptions.ParameterError
        If shapes do not fit, an item is twice in a list or not in the catalogue, `k` is larger than
        the lists, values are missing or negative, or no row has a relevant item.

    See Also
    --------
    recall_at_k : Share of the relevant items that are found.
    ndcg_at_k : Asks also how high they stand.
    estimate : Interval of the mean, by resampling customers.

    Notes
    -----
    With :math:`h_j` 1 where the item in place :math:`j` is relevant, else 0 ([1]_, section 8.4),

    .. math:: P@k = \frac{1}{k} \sum_{j=1}^{k} h_j .

    A short list is divided by k as well: an empty place is a missed chance. implicit 0.7 divides
    the sum of all rows' hits by the sum of their :math:`\min(k, R)`, with :math:`R` relevant items,
    which is nearer to recall.

    References
    ----------
    .. [1] C. D. Manning, P. Raghavan and H. Schütze (2008). Introduction to Information Retrieval.
       Cambridge University Press.

    Examples
    --------
    >>> from crmkit.metrics import precision_at_k
    >>> y = [[1, 0, 1, 0, 1], [0, 2, 0, 0, 0]]
    >>> lists = [[0, 3, 2], [4, 1, -1]]
    >>> precision_at_k(y, lists, k=3)
    0.5
    >>> precision_at_k(y, lists, k=3, average=None).round(3)
    array([0.667, 0.333])
    """
    hits, n_relevant = _judge(y_true, recommended, k, "precision_at_k")
    return _average(_total(hits) / k, n_relevant, average, "precision_at_k")


def recall_at_k(
    y_true: Any, recommended: ArrayLike, k: int = 10, *, average: Average = "mean"
) -> float | NDArray[np.float64]:
    r"""Share of the relevant items that are among the k recommended ones.

    Parameters
    ----------
    y_true : sparse matrix or array of shape (n, n_items), or ItemTargets
        What turned out to be relevant: above 0 is, 0 is not (see `precision_at_k`).
    recommended : array-like of int, shape (n, n_places)
        Column numbers of `y_true`, the best first, none twice in a row; -1 is an empty place.
    k : int, default=10
        How many places of each list count, at most n_places.
    average : {'mean', None}, default='mean'
        ``"mean"`` is the mean over the rows with a relevant item. ``None`` gives each row's value,
        NaN where nothing was relevant.

    Returns
    -------
    float or ndarray of shape (n,)
        From 0 to 1. With more than k relevant items the best list stays below 1.

    Raises
    ------
    crmkit.exceptions.ParameterError
        As for `precision_at_k`.

    See Also
    --------
    hit_rate_at_k : Whether any relevant item is found.
    precision_at_k : Divides by k.

    Notes
    -----
    :math:`R@k = \sum_{j=1}^{k} h_j / R` with :math:`R` relevant items ([1]_, section 8.3), not
    :math:`\min(k, R)`, as in the Recall@k of papers on variational autoencoders [2]_. Relevant items
    that the recommender does not know count: it misses them.

    References
    ----------
    .. [1] C. D. Manning, P. Raghavan and H. Schütze (2008). Introduction to Information Retrieval.
       Cambridge University Press.
    .. [2] D. Liang, R. G. Krishnan, M. D. Hoffman and T. Jebara (2018). "Variational autoencoders for
       collaborative filtering". Proceedings of WWW 2018, 689-698. :doi:`10.1145/3178876.3186150`

    Examples
    --------
    >>> from crmkit.metrics import recall_at_k
    >>> y = [[1, 0, 1, 0, 1], [0, 2, 0, 0, 0]]
    >>> recall_at_k(y, [[0, 3, 2], [4, 1, -1]], k=3, average=None).round(3)
    array([0.667, 1.   ])
    """
    hits, n_relevant = _judge(y_true, recommended, k, "recall_at_k")
    return _average(_total(hits) / np.maximum(n_relevant, 1), n_relevant, average, "recall_at_k")


def hit_rate_at_k(
    y_true: Any, recommended: ArrayLike, k: int = 10, *, average: Average = "mean"
) -> float | NDArray[np.float64]:
    """Share of the rows with at least one relevant item among the k recommended ones.

    Parameters
    ----------
    y_true : sparse matrix or array of shape (n, n_items), or ItemTargets
        What turned out to be relevant: above 0 is, 0 is not (see `precision_at_k`).
    recommended : array-like of int, shape (n, n_places)
        Column numbers of `y_true`, the best first, none twice in a row; -1 is an empty place.
    k : int, default=10
        How many places of each list count, at most n_places.
    average : {'mean', None}, default='mean'
        ``"mean"`` is the mean over the rows with a relevant item. ``None`` gives each row's value,
        NaN where nothing was relevant.

    Returns
    -------
    float or ndarray of shape (n,)
        From 0 to 1; of a single row 0 or 1.

    Raises
    ------
    crmkit.exceptions.ParameterError
        As for `precision_at_k`.

    See Also
    --------
    recall_at_k : The same where each row has one relevant item.

    Notes
    -----
    All items are ranked. Tables in which a hit means that the relevant item was among the best ten
    of itself and 99 others drawn at random show figures of .6 and more, and may order recommenders
    otherwise than full lists do, even on average over many draws [1]_. No metric here samples.

    References
    ----------
    .. [1] W. Krichene and S. Rendle (2020). "On sampled metrics for item recommendation". Proceedings
       of KDD 2020, 1748-1757. :doi:`10.1145/3394486.3403226`

    Examples
    --------
    >>> from crmkit.metrics import hit_rate_at_k
    >>> y = [[1, 0, 1, 0, 1], [0, 2, 0, 0, 0]]
    >>> hit_rate_at_k(y, [[0, 3, 2], [4, 1, -1]], k=1)
    0.5
    """
    hits, n_relevant = _judge(y_true, recommended, k, "hit_rate_at_k")
    return _average(np.where(hits.any(axis=1), 1.0, 0.0), n_relevant, average, "hit_rate_at_k")


def map_at_k(
    y_true: Any, recommended: ArrayLike, k: int = 10, *, average: Average = "mean"
) -> float | NDArray[np.float64]:
    r"""Mean average precision: the precision at each hit, averaged over the hits that were possible.

    Parameters
    ----------
    y_true : sparse matrix or array of shape (n, n_items), or ItemTargets
        What turned out to be relevant: above 0 is, 0 is not (see `precision_at_k`).
    recommended : array-like of int, shape (n, n_places)
        Column numbers of `y_true`, the best first, none twice in a row; -1 is an empty place.
    k : int, default=10
        How many places of each list count, at most n_places.
    average : {'mean', None}, default='mean'
        ``"mean"`` is the mean over the rows with a relevant item. ``None`` gives each row's value,
        its average precision, NaN where nothing was relevant.

    Returns
    -------
    float or ndarray of shape (n,)
        From 0 to 1, which is a list with nothing but relevant items, or with all of them first.

    Raises
    ------
    crmkit.exceptions.ParameterError
        As for `precision_at_k`.

    See Also
    --------
    ndcg_at_k : Discounts lower places less steeply.
    mrr_at_k : Looks at the first hit alone.

    Notes
    -----
    With :math:`h_j` 1 where the item in place :math:`j` is relevant, and :math:`R` relevant items,

    .. math:: AP@k = \frac{1}{\min(k, R)} \sum_{j=1}^{k} h_j \, P@j .

    Without a cut this is average precision ([1]_, equation 8.8). Others divide by other numbers, so
    that figures under one name cannot be compared: RecTools 0.17 by :math:`R`, as ``map`` of
    recommenders does too, which its examples showed as MAP@k (its ``map_at_k`` is the one above);
    some by the number of hits, which rewards a single hit in the first place with 1.

    References
    ----------
    .. [1] C. D. Manning, P. Raghavan and H. Schütze (2008). Introduction to Information Retrieval.
       Cambridge University Press.

    Examples
    --------
    The hits in places 1 and 3 have the precisions 1 and 2/3, and three hits were possible:

    >>> from crmkit.metrics import map_at_k
    >>> y = [[1, 0, 1, 0, 1], [0, 2, 0, 0, 0]]
    >>> map_at_k(y, [[0, 3, 2], [4, 1, -1]], k=3, average=None).round(3)
    array([0.556, 0.5  ])
    """
    hits, n_relevant = _judge(y_true, recommended, k, "map_at_k")
    found = np.zeros(len(hits))
    total = np.zeros(len(hits))
    for place in range(k):
        found += hits[:, place]
        total += hits[:, place] * (found / (place + 1))
    return _average(total / np.clip(n_relevant, 1, k), n_relevant, average, "map_at_k")


def mrr_at_k(
    y_true: Any, recommended: ArrayLike, k: int = 10, *, average: Average = "mean"
) -> float | NDArray[np.float64]:
    """Mean reciprocal rank: one over the place of the first relevant item.

    Parameters
    ----------
    y_true : sparse matrix or array of shape (n, n_items), or ItemTargets
        What turned out to be relevant: above 0 is, 0 is not (see `precision_at_k`).
    recommended : array-like of int, shape (n, n_places)
        Column numbers of `y_true`, the best first, none twice in a row; -1 is an empty place.
    k : int, default=10
        How many places of each list count, at most n_places.
    average : {'mean', None}, default='mean'
        ``"mean"`` is the mean over the rows with a relevant item. ``None`` gives each row's value,
        NaN where nothing was relevant.

    Returns
    -------
    float or ndarray of shape (n,)
        From 0, no relevant item among the first k, to 1, one in the first place.

    Raises
    ------
    crmkit.exceptions.ParameterError
        As for `precision_at_k`.

    See Also
    --------
    map_at_k : Looks at all hits.

    Notes
    -----
    Voorhees [1]_. Reciprocal ranks of several relevant items of one row are not added up, which would
    allow values above 1.

    References
    ----------
    .. [1] E. M. Voorhees (1999). "The TREC-8 question answering track report". Proceedings of TREC-8,
       NIST Special Publication 500-246, 77-82.

    Examples
    --------
    >>> from crmkit.metrics import mrr_at_k
    >>> y = [[1, 0, 1, 0, 1], [0, 2, 0, 0, 0]]
    >>> mrr_at_k(y, [[0, 3, 2], [4, 1, -1]], k=3)
    0.75
    """
    hits, n_relevant = _judge(y_true, recommended, k, "mrr_at_k")
    value = np.where(hits.any(axis=1), 1 / (1 + hits.argmax(axis=1)), 0.0)
    return _average(value, n_relevant, average, "mrr_at_k")


def ndcg_at_k(
    y_true: Any, recommended: ArrayLike, k: int = 10, *, average: Average = "mean"
) -> float | NDArray[np.float64]:
    r"""Normalised discounted cumulative gain: hits count less the lower they stand.

    The usual single figure for lists of recommendations.

    Parameters
    ----------
    y_true : sparse matrix or array of shape (n, n_items), or ItemTargets
        What turned out to be relevant: above 0 is, 0 is not. How often an item was bought does not
        count. Of anything with a ``csr``, such as `crmkit.events.ItemTargets`, that is taken.
    recommended : array-like of int, shape (n, n_places)
        Column numbers of `y_true`, the best first, none twice in a row; -1 is an empty place.
    k : int, default=10
        How many places of each list count, at most n_places.
    average : {'mean', None}, default='mean'
        ``"mean"`` is the mean over the rows with a relevant item. ``None`` gives each row's value,
        NaN where nothing was relevant.

    Returns
    -------
    float or ndarray of shape (n,)
        From 0 to 1, which is a list with nothing but relevant items, or with all of them first.

    Raises
    ------
    crmkit.exceptions.ParameterError
        If shapes do not fit, an item is twice in a list or not in the catalogue, `k` is larger than
        the lists, values are missing or negative, or no row has a relevant item.

    See Also
    --------
    map_at_k : Discounts more steeply.
    estimate : Interval of the mean, by resampling customers.
    crmkit.model_selection.RecommendationScorer : Makes the lists too, in searches and cross-validation.
    sklearn.metrics.ndcg_score : Takes dense scores of all items, with graded relevance.

    Notes
    -----
    With :math:`h_j` 1 where the item in place :math:`j` is relevant, and :math:`R` relevant items,

    .. math::
        NDCG@k = \sum_{j=1}^{k} \frac{h_j}{\log_2 (j + 1)} \Bigg/ \sum_{j=1}^{\min(k, R)} \frac{1}{\log_2 (j + 1)} .

    Cumulated gain is due to Järvelin and Kekäläinen [1]_, who leave the second place undiscounted;
    dividing by :math:`\log_2 (j + 1)` has become the custom [2]_. Values differ where the ideal list
    is another one: with an ideal list of all :math:`R` items, not cut at k, as in the tables of
    Ferrari Dacrema et al. [3]_, they are about a third lower on MovieLens-100k; RecTools 0.17 takes an
    ideal list of k items also where a row has fewer.

    The lists rank all items. Ranking a relevant item against a few sampled others gives other
    figures and may give another order of recommenders, even on average [4]_.

    References
    ----------
    .. [1] K. Järvelin and J. Kekäläinen (2002). "Cumulated gain-based evaluation of IR techniques". ACM
       Transactions on Information Systems 20(4), 422-446. :doi:`10.1145/582415.582418`
    .. [2] C. Burges et al. (2005). "Learning to rank using gradient descent". Proceedings of ICML 2005,
       89-96. :doi:`10.1145/1102351.1102363`
    .. [3] M. Ferrari Dacrema, S. Boglio, P. Cremonesi and D. Jannach (2021). "A troubling analysis of
       reproducibility and progress in recommender systems research". ACM Transactions on Information
       Systems 39(2). :doi:`10.1145/3434185`
    .. [4] W. Krichene and S. Rendle (2020). "On sampled metrics for item recommendation". Proceedings
       of KDD 2020, 1748-1757. :doi:`10.1145/3394486.3403226`

    Examples
    --------
    >>> from crmkit.metrics import estimate, ndcg_at_k
    >>> y = [[1, 0, 1, 0, 1], [0, 2, 0, 0, 0], [0, 0, 0, 0, 0]]
    >>> lists = [[0, 3, 2], [4, 1, -1], [1, 2, 3]]
    >>> round(ndcg_at_k(y, lists, k=3), 3)
    0.667

    One value per row, whose mean gets an interval that knows which rows are of one customer. The
    difference of two recommenders' values shows whether one is better:

    >>> import numpy as np
    >>> per_row = ndcg_at_k(y, lists, k=3, average=None)
    >>> per_row.round(3)
    array([0.704, 0.631,   nan])
    >>> by_luck = ndcg_at_k(y, [[3, 1, 2], [3, 1, 2], [3, 1, 2]], k=3, average=None)
    >>> estimate(np.nanmean, per_row - by_luck, groups=["Ann", "Bob", "Bob"], random_state=0)
    0.23 [0.00, 0.47] (95%, n=2, bootstrap)
    """
    hits, n_relevant = _judge(y_true, recommended, k, "ndcg_at_k")
    discounts = 1 / np.log2(np.arange(2.0, k + 2))
    gain = np.zeros(len(hits))
    # Place by place, in the order of cumsum: the best list has exactly 1, whatever stands in other rows.
    for place, discount in enumerate(discounts):
        gain += hits[:, place] * discount
    ideal = np.cumsum(discounts)[np.clip(n_relevant, 1, k) - 1]
    return _average(gain / ideal, n_relevant, average, "ndcg_at_k")


def _judge(y_true: Any, recommended: ArrayLike, k: int, owner: str) -> tuple[NDArray[np.bool_], NDArray[np.int64]]:
    """Return whether each of the k places holds a relevant item, and how many items are relevant to each row."""
    lists = read_lists(recommended, owner)
    relevant = read_relevant("y_true", y_true, len(lists), owner)
    lists = cut_lists(lists, k, relevant.shape[1], owner)
    hits = np.zeros(lists.shape, dtype=np.bool_)
    step = max(1, 2**20 // k)  # lists of a thousand places would need gigabytes of row numbers
    if relevant.nnz:
        for start in range(0, len(lists), step):
            block = lists[start : start + step]
            rows = np.repeat(np.arange(start, start + len(block)), k)
            hits[start : start + step] = (cells(relevant, rows, np.maximum(block, 0)) != 0) & (block >= 0)
    return hits, np.diff(relevant.indptr).astype(np.int64)


def _total(hits: NDArray[np.bool_]) -> NDArray[np.float64]:
    return hits.sum(axis=1, dtype=np.float64)


def _average(
    values: NDArray[np.float64], n_relevant: NDArray[np.int64], average: Average, owner: str
) -> float | NDArray[np.float64]:
    return average_rows(values, n_relevant > 0, average, "a relevant item", owner)
