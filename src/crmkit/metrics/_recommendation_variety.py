"""What lists of recommendations are made of: how much of the catalogue, how alike, how well known."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from crmkit._validation import check_int, check_vector
from crmkit.exceptions import ParameterError
from crmkit.metrics._recommendation_lists import (
    Average,
    average_rows,
    cells,
    cut_lists,
    read_lists,
    read_matrix,
    read_relevant,
)

__all__ = ["catalogue_coverage", "exposure_gini", "intra_list_diversity", "novelty", "popularity_bias"]


def catalogue_coverage(recommended: ArrayLike, k: int = 10, *, n_items: int) -> float:
    """Share of the catalogue that is recommended to anybody.

    Parameters
    ----------
    recommended : array-like of int, shape (n, n_places)
        Numbers of items, the best first, none twice in a row; -1 is an empty place.
    k : int, default=10
        How many places of each list count, at most n_places.
    n_items : int
        Size of the catalogue, whose items have the numbers from 0 to ``n_items - 1``.

    Returns
    -------
    float
        From 0, all lists are empty, to 1.

    Raises
    ------
    crmkit.exceptions.ParameterError
        If an item is twice in a list or not in the catalogue, or `k` is larger than the lists.

    See Also
    --------
    exposure_gini : How evenly the places are shared out.

    Notes
    -----
    Catalogue coverage of Ge et al. [1]_. It grows with the number of lists and with k, so compare
    only figures of the same rows and the same k. For that reason it has no interval from resampling
    customers either: a resample has fewer different lists, and covers less, than the rows themselves.

    References
    ----------
    .. [1] M. Ge, C. Delgado-Battenfeld and D. Jannach (2010). "Beyond accuracy: evaluating recommender
       systems by coverage and serendipity". Proceedings of RecSys 2010, 257-260.
       :doi:`10.1145/1864708.1864761`

    Examples
    --------
    >>> from crmkit.metrics import catalogue_coverage
    >>> catalogue_coverage([[0, 3], [0, 1], [0, -1]], k=2, n_items=6)
    0.5
    """
    shown = _exposure(recommended, k, n_items, "catalogue_coverage")
    return float(np.count_nonzero(shown) / len(shown))


def exposure_gini(recommended: ArrayLike, k: int = 10, *, n_items: int) -> float:
    r"""How unevenly the places of all lists are shared out among the items.

    Parameters
    ----------
    recommended : array-like of int, shape (n, n_places)
        Numbers of items, the best first, none twice in a row; -1 is an empty place.
    k : int, default=10
        How many places of each list count, at most n_places.
    n_items : int
        Size of the catalogue, whose items have the numbers from 0 to ``n_items - 1``.

    Returns
    -------
    float
        From 0, every item is shown equally often, to ``1 - 1 / n_items``, one item has all places.

    Raises
    ------
    crmkit.exceptions.ParameterError
        If an item is twice in a list or not in the catalogue, `k` is larger than the lists, or all of
        them are empty.

    See Also
    --------
    catalogue_coverage : Counts an item that is shown once like any other.

    Notes
    -----
    The Gini coefficient of how often each item is shown, :math:`c_{(1)} \le \dots \le c_{(m)}`, items
    that are never shown included, by which Fleder and Hosanagar [1]_ ask whether recommenders make the
    blockbusters bigger:

    .. math:: G = \frac{\sum_i (2 i - m - 1) \, c_{(i)}}{m \sum_i c_{(i)}} .

    Some show 1 - G under the same name. It has a floor above 0 where there are fewer places than
    items, so compare only figures of the same rows and the same k.

    References
    ----------
    .. [1] D. Fleder and K. Hosanagar (2009). "Blockbuster culture's next rise or fall: the impact of
       recommender systems on sales diversity". Management Science 55(5), 697-712.
       :doi:`10.1287/mnsc.1080.0974`

    Examples
    --------
    >>> from crmkit.metrics import exposure_gini
    >>> exposure_gini([[0, 3], [1, 2]], k=2, n_items=4)
    0.0
    >>> exposure_gini([[0], [0]], k=1, n_items=4)
    0.75
    """
    shown = np.sort(_exposure(recommended, k, n_items, "exposure_gini"))
    total = int(shown.sum())
    if total == 0:
        raise ParameterError("exposure_gini is not defined: nothing is recommended to any row.")
    ranks = 2 * np.arange(1, len(shown) + 1) - len(shown) - 1
    return float(ranks @ shown / (len(shown) * total))


def intra_list_diversity(
    recommended: ArrayLike, similarity: Any, k: int = 10, *, average: Average = "mean"
) -> float | NDArray[np.float64]:
    r"""Mean dissimilarity of the items that stand together in a list.

    Parameters
    ----------
    recommended : array-like of int, shape (n, n_places)
        Numbers of items, the best first, none twice in a row; -1 is an empty place.
    similarity : sparse matrix or array of shape (n_items, n_items)
        How alike two items are, at most 1, such as the cosine of their features; what a sparse matrix
        does not hold is 0. If it is not symmetric, the mean of both directions is taken. The diagonal
        is not read.
    k : int, default=10
        How many places of each list count, at most n_places.
    average : {'mean', None}, default='mean'
        ``"mean"`` is the mean over the rows with two items or more. ``None`` gives each row's value,
        NaN in the others.

    Returns
    -------
    float or ndarray of shape (n,)
        From 0, items that are all the same, to 1, nothing in common (2 if similarities reach -1).

    Raises
    ------
    crmkit.exceptions.ParameterError
        If `similarity` is not square, not finite or not within -1 and 1, an item is twice in a list
        or not in the catalogue, `k` is larger than the lists, or no list has two items.

    See Also
    --------
    catalogue_coverage : Asks whether the lists of different rows differ.

    Notes
    -----
    Of a list of :math:`m` items the mean of :math:`1 - s(i, j)` over its :math:`m (m - 1) / 2` pairs,
    as in Smyth and McClave [1]_. The intra-list similarity of Ziegler et al. [2]_ is the sum of the
    :math:`s(i, j)`, which grows with the length of the list.

    What likeness means is the caller's choice, and decides the figure. Features of the items (category,
    words, price) say what customers see. Similarity that is learned from purchases finds lists of a
    recommender alike that was built to put such items together; if it is used, it must not be cut to
    some neighbours of each item, since all other pairs then seem to have nothing in common.

    References
    ----------
    .. [1] B. Smyth and P. McClave (2001). "Similarity vs. diversity". Proceedings of ICCBR 2001,
       347-361. :doi:`10.1007/3-540-44593-5_25`
    .. [2] C.-N. Ziegler, S. M. McNee, J. A. Konstan and G. Lausen (2005). "Improving recommendation lists
       through topic diversification". Proceedings of WWW 2005, 22-32. :doi:`10.1145/1060745.1060754`

    Examples
    --------
    Items of one department count as alike. The three pairs of the first list:

    >>> import numpy as np
    >>> from crmkit.metrics import intra_list_diversity
    >>> department = np.array(["garden", "garden", "kitchen", "toys"])
    >>> alike = (department[:, None] == department).astype(float)
    >>> intra_list_diversity([[0, 1, 2], [0, 2, 3]], alike, k=3, average=None).round(3)
    array([0.667, 1.   ])
    """
    owner = "intra_list_diversity"
    matrix = read_matrix("similarity", similarity, owner, rows="n_items")
    if matrix.shape[0] != matrix.shape[1]:
        raise ParameterError(
            f"The 'similarity' parameter of {owner} must be square, a row and a column for each item. "
            f"Got shape {matrix.shape} instead."
        )
    extremes = (matrix.data.min(), matrix.data.max()) if matrix.nnz else (0.0, 0.0)
    if extremes[0] < -1 - 1e-9 or extremes[1] > 1 + 1e-9:  # cosines are off by rounding
        raise ParameterError(
            f"The 'similarity' parameter of {owner} must lie between -1 and 1. Got values from {extremes[0]:.6g} to "
            f"{extremes[1]:.6g} instead. Divide counts by what they would be for an item and itself."
        )
    lists = cut_lists(read_lists(recommended, owner), k, matrix.shape[0], owner)
    alike = np.zeros(len(lists))
    pairs = np.zeros(len(lists))
    for gap in range(1, k if matrix.shape[0] else 1):
        left, right = lists[:, :-gap], lists[:, gap:]
        both = (left >= 0) & (right >= 0)
        left, right = np.maximum(left, 0), np.maximum(right, 0)
        found = (cells(matrix, left, right) + cells(matrix, right, left).astype(np.float64)) / 2
        alike += np.where(both, found, 0.0).sum(axis=1)
        pairs += both.sum(axis=1)
    return average_rows(1 - alike / np.maximum(pairs, 1), pairs > 0, average, "two items in its list", owner)


def novelty(
    recommended: ArrayLike, popularity: ArrayLike, k: int = 10, *, n_customers: int, average: Average = "mean"
) -> float | NDArray[np.float64]:
    r"""Mean self-information of the recommended items: how surprising they are, in bits.

    An item that every customer has is worth 0 bits, one that half of them have 1, a quarter 2.

    Parameters
    ----------
    recommended : array-like of int, shape (n, n_places)
        Numbers of items, the best first, none twice in a row; -1 is an empty place.
    popularity : array-like of shape (n_items,)
        How many customers have bought each item, such as ``popularity_`` of a fitted recommender.
    k : int, default=10
        How many places of each list count, at most n_places.
    n_customers : int
        How many customers there are, at least the largest popularity, such as ``n_rows_used_``.
    average : {'mean', None}, default='mean'
        ``"mean"`` is the mean over the rows with a list. ``None`` gives each row's value, NaN where
        the list is empty.

    Returns
    -------
    float or ndarray of shape (n,)
        From 0 to ``log2(n_customers)``, in bits. The mean over the items of a list, whatever its length.

    Raises
    ------
    crmkit.exceptions.ParameterError
        If popularity is negative, missing or above `n_customers`, an item is twice in a list or not in
        the catalogue, `k` is larger than the lists, or all lists are empty.

    See Also
    --------
    popularity_bias : Compares with what the same customers bought.

    Notes
    -----
    With :math:`d_i` buyers of item :math:`i` among :math:`N` customers, the mean of
    :math:`-\log_2 (d_i / N)` [1]_. An item that nobody has bought counts as if one customer had: its
    information would be infinite. Some divide by the number of purchases instead of customers, which
    adds a constant; others weight by place [2]_.

    References
    ----------
    .. [1] T. Zhou, Z. Kuscsik, J.-G. Liu, M. Medo, J. R. Wakeling and Y.-C. Zhang (2010). "Solving the
       apparent diversity-accuracy dilemma of recommender systems". PNAS 107(10), 4511-4515.
       :doi:`10.1073/pnas.1000488107`
    .. [2] S. Vargas and P. Castells (2011). "Rank and relevance in novelty and diversity metrics for
       recommender systems". Proceedings of RecSys 2011, 109-116. :doi:`10.1145/2043932.2043955`

    Examples
    --------
    >>> from crmkit.metrics import novelty
    >>> novelty([[0, 1], [2, -1]], [8, 4, 1], k=2, n_customers=8, average=None)
    array([0.5, 3. ])
    """
    owner = "novelty"
    buyers = _check_popularity(popularity, owner)
    n_customers = check_int("n_customers", n_customers, owner, low=1)
    if len(buyers) and buyers.max() > n_customers:
        raise ParameterError(
            f"The 'popularity' parameter of {owner} must count customers, of which there are {n_customers:,}. Got "
            f"{buyers.max():.15g} for item {buyers.argmax()} instead. Count each customer of an item once."
        )
    lists = cut_lists(read_lists(recommended, owner), k, len(buyers), owner)
    values, lengths = _mean_of_items(lists, -np.log2(np.maximum(buyers, 1) / n_customers))
    return average_rows(values, lengths > 0, average, "a recommended item", owner)


def popularity_bias(bought: Any, recommended: ArrayLike, popularity: ArrayLike, k: int = 10) -> float:
    r"""How much more popular the recommended items are than what the same customers buy.

    Parameters
    ----------
    bought : sparse matrix or array of shape (n, n_items), or ItemTargets
        What each row's customer has bought or went on to buy: above 0. How often does not count.
    recommended : array-like of int, shape (n, n_places)
        Column numbers of `bought`, the best first, none twice in a row; -1 is an empty place.
    popularity : array-like of shape (n_items,)
        How many customers have bought each item, or its share of them.
    k : int, default=10
        How many places of each list count, at most n_places.

    Returns
    -------
    float
        0 where lists are as popular as what is bought, 1 where they are twice as popular, below 0
        where they are less so; never below -1.

    Raises
    ------
    crmkit.exceptions.ParameterError
        If shapes do not fit, popularity is negative or missing, an item is twice in a list or not in
        the catalogue, `k` is larger than the lists, or no row has both a list and a purchase of an
        item with a popularity above 0.

    See Also
    --------
    novelty : Of the lists alone, in bits.
    exposure_gini : Whether a few items take all places.

    Notes
    -----
    With the mean popularity :math:`p(L_u)` of a row's list and :math:`p(B_u)` of what was bought,

    .. math:: \Delta GAP = \frac{\sum_u p(L_u)}{\sum_u p(B_u)} - 1

    over the rows that have both, the change of group average popularity of Abdollahpouri et al. [1]_.
    Recommending what is popular is not wrong: most purchases are of popular items. The figure says by
    how much the lists overdo it.

    References
    ----------
    .. [1] H. Abdollahpouri, M. Mansoury, R. Burke and B. Mobasher (2019). "The unfairness of popularity
       bias in recommendation". RMSE workshop at RecSys 2019. :doi:`10.48550/arXiv.1907.13286`

    Examples
    --------
    >>> import numpy as np
    >>> from crmkit.metrics import estimate, popularity_bias
    >>> bought, lists = np.array([[1, 0, 1], [0, 1, 0]]), np.array([[0, 1], [0, 2]])
    >>> round(popularity_bias(bought, lists, [6, 2, 2], k=2), 3)
    0.333

    Its interval:

    >>> estimate(lambda y, r: popularity_bias(y, r, [6, 2, 2], k=2), bought, lists, random_state=0)
    0.3 [0.0, 1.0] (95%, n=2, bootstrap)
    """
    owner = "popularity_bias"
    lists = read_lists(recommended, owner)
    matrix = read_relevant("bought", bought, len(lists), owner)
    buyers = _check_popularity(popularity, owner, n=matrix.shape[1])
    shown, lengths = _mean_of_items(cut_lists(lists, k, len(buyers), owner), buyers)
    sizes = np.diff(matrix.indptr)
    totals = np.add.reduceat(np.append(buyers[matrix.indices], 0.0), matrix.indptr[:-1])
    both = (lengths > 0) & (sizes > 0)
    own = float((totals[both] / sizes[both]).sum())
    if not own > 0:
        raise ParameterError(
            f"{owner} is not defined: none of the {len(lists):,} rows has both a recommended item and a purchase of an "
            "item with a popularity above 0."
        )
    return float(shown[both].sum() / own - 1)


def _exposure(recommended: ArrayLike, k: int, n_items: int, owner: str) -> NDArray[np.int64]:
    """How often each item is shown."""
    n_items = check_int("n_items", n_items, owner, low=1)
    lists = cut_lists(read_lists(recommended, owner), k, n_items, owner)
    return np.bincount(lists[lists >= 0], minlength=n_items)


def _check_popularity(popularity: ArrayLike, owner: str, n: int | None = None) -> NDArray[np.float64]:
    buyers = check_vector("popularity", popularity, np.float64, owner, n=n)
    if len(buyers) and buyers.min() < 0:
        raise ParameterError(
            f"The 'popularity' parameter of {owner} must not be negative. Got {buyers.min():.15g} for item "
            f"{buyers.argmin()} instead."
        )
    return buyers


def _mean_of_items(
    lists: NDArray[np.signedinteger], values: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Return the mean value of each list's items, 0 for an empty list, and the number of its items."""
    there = lists >= 0
    lengths = there.sum(axis=1)
    # The value behind the last item is that of an empty place, -1.
    total = np.append(values, 0.0)[lists].sum(axis=1)
    return total / np.maximum(lengths, 1), lengths
