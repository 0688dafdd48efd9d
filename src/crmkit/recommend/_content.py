"""Items are alike if they are described alike: recommendations from features and texts."""

from __future__ import annotations

import warnings
from dataclasses import replace
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix
from sklearn.preprocessing import normalize

from crmkit._frames import lookup_ids
from crmkit._validation import check_int
from crmkit.events import Snapshots
from crmkit.exceptions import CrmkitWarning, ParameterError
from crmkit.recommend._explanation import explanation
from crmkit.recommend._histories import NEVER, Histories
from crmkit.recommend._item_features import ItemTable, learn_encoder, read_item_table, unit_vectors
from crmkit.recommend._recommender import Recommender

#: From this share of cells on a dense product is quicker than a sparse one; and, of 128 features, three times as
#: quick by this many columns at a time, which stay in the cache.
_DENSE, _TILE = 0.1, 1_024

#: A profile shorter than this share of its purchases is what rounding left of their difference.
_ROUNDING = 1e-12


class ContentRecommender(Recommender):
    """Recommends what is described like the items that a customer has: for catalogues full of new items.

    Every item is a vector of length 1 made of its features; a customer's profile is the sum of the
    vectors of what the customer has, weighted by interaction; the score of an item is the cosine of the
    two. Nobody needs to have bought an item for it to be recommended.

    Parameters
    ----------
    item_features : frame, matrix, or list or series of texts
        One row per item. The columns of a frame are numbers and flags, which are standardised, categories,
        which are one-hot encoded, or texts (see `text`). A matrix, sparse or dense, is taken as it is:
        embeddings, or features encoded elsewhere. It must be given.
    item : str or array of ids, default=None
        The column of a frame that holds the item ids, or the ids themselves, one for each row. If None, row j
        describes column j of a matrix X; snapshots need ids.
    text : str or list of str, default=None
        The columns that are texts, which become TF-IDF weights of their words; of Chinese and Japanese, of
        their characters and pairs of characters.
    available_from : str or array of dates, default=None
        When each item comes into the catalogue: a column, or one date for each row. For snapshots only.
    interaction : {"binary", "count", "value"}, default="binary"
        What weighs in a profile: a one for any purchase, the number of purchases, or money. Of a matrix,
        "count" and "value" both take the values as they are.
    halflife : duration, default=None
        Age, at each row's as_of, at which an interaction counts half; for snapshots only.
    exclude_seen : bool, default=True
        Whether lists leave out what the customer has already.
    fallback : {"popularity"} or None, default="popularity"
        What fills lists where too few items have a score above 0: the items of most customers.
    k : int, default=10
        Length of the lists that `score` judges.
    n_jobs : int, default=None
        Threads, as in scikit-learn: None is 1, or what joblib's context says; -1 is all cores. The results do
        not depend on it.

    Attributes
    ----------
    item_vectors_ : csr_matrix of float64, shape (n_items, n_item_features)
        The vectors of `items_`, each of length 1; zeros for an item that is not described.
    encoder_ : sklearn.compose.ColumnTransformer or None
        What makes vectors of features, fitted; None for a matrix.
    items_ : ndarray, shape (n_items,)
        Sorted ids: all that were bought, and for snapshots all that are described too. Column numbers
        after a fit on a matrix.
    popularity_ : ndarray of int64, shape (n_items,)
        Number of customers; 0 for what was never sold.
    n_rows_used_ : int
        Number of customers learnt from.
    fitted_on_ : tuple or None
        ``(fingerprint, (first, last))``: the hash of the log, and the first and last as_of; None for a
        matrix.
    n_features_in_, feature_names_in_
        After a fit on a matrix, as in scikit-learn.

    See Also
    --------
    ItemCosineRecommender : Compares items by who buys them: better wherever items have been sold for a
        while, and blind to the others.
    HybridRecommender : Both: this one for cold items, the other for warm ones.

    Notes
    -----
    **New items.** An item must not be recommended before it exists. What was sold before the rows of `fit`
    exists; what is described and was never sold is recommended only to rows with an as_of after its date in
    `available_from`, or where `recommend` is given ``candidates`` that name it. An item without a date
    counts as one that may not exist yet. `fit` warns if there are such items and no `available_from`. A
    date keeps an item from rows of an earlier as_of too, unless it had been sold by then. The columns of a
    matrix are all taken to exist. `decision_function` scores every item, whether it exists or not.

    **Missing features.** A missing number or flag counts as the mean, a missing category as none, a missing
    text as no words: they say nothing. An item that is bought but not described adds nothing to a profile
    and has a score of 0; so has everything for a customer whose purchases are not described.

    Means and word weights are learnt from the items that exist at the last as_of of `fit`, as far as
    `available_from` tells. Each column of numbers, categories or text has about the same say. Where one
    should count more, encode features yourself, scale them, and pass the matrix.

    A profile of this kind is Rocchio's, without negative examples (Lops, de Gemmis & Semeraro 2011). On the
    films of MovieLens-100k, described by 19 flags of genres, it gave P@10 .059 and NDCG@10 .065, where the most
    popular films gave .190 and .218. On Online Retail, described by the names of products, it gave NDCG@10
    .084 for items that customers had not bought before, popularity .043 and item cosine .099. Among items that
    have been sold for a while, who bought them says more.

    Examples
    --------
    >>> import pandas as pd
    >>> from crmkit import EventLog
    >>> from crmkit.recommend import ContentRecommender
    >>> goods = pd.DataFrame(
    ...     {
    ...         "sku": [1, 2, 3, 4],
    ...         "name": ["red tea pot", "red tea cup", "garden spade", "blue tea cup"],
    ...         "on_sale": ["2024-01-01", "2024-01-01", "2024-01-01", "2024-02-15"],
    ...     }
    ... )
    >>> sales = pd.DataFrame({"who": [7, 8, 9], "when": ["2024-01-10", "2024-01-12", "2024-01-20"], "sku": [1, 2, 3]})
    >>> log = EventLog.from_frame(sales, customer="who", time="when", item="sku", observed_until="2024-03-01")
    >>> X = log.snapshot("2024-02-01")
    >>> model = ContentRecommender(goods, item="sku", text="name", available_from="on_sale").fit(X)
    >>> model.recommend(X[:1], n=3).drop(columns="as_of").round(3)
       customer_id  rank  item  score  is_fallback
    0            7     1     2  0.536        False
    1            7     2     3  0.000         True
    >>> model.recommend(log.snapshot("2024-03-01")[:1], n=2).drop(columns="as_of").round(3)
       customer_id  rank  item  score  is_fallback
    0            7     1     2  0.536        False
    1            7     2     4  0.313        False
    """

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        **Recommender._parameter_constraints,
        # What reads them says what is wrong with them.
        "item_features": [object],
        "item": [object],
        "text": [object],
        "available_from": [object],
    }

    def __init__(
        self,
        item_features: Any = None,
        *,
        item: Any = None,
        text: Any = None,
        available_from: Any = None,
        interaction: str = "binary",
        halflife: Any = None,
        exclude_seen: bool = True,
        fallback: str | None = "popularity",
        k: int = 10,
        n_jobs: int | None = None,
    ) -> None:
        self.item_features = item_features
        self.item = item
        self.text = text
        self.available_from = available_from
        self.interaction = interaction
        self.halflife = halflife
        self.exclude_seen = exclude_seen
        self.fallback = fallback
        self.k = k
        self.n_jobs = n_jobs

    # -- fitting ---------------------------------------------------------------------------------

    def fit(self, X: Any, y: object = None) -> Self:  # noqa: ARG002  scikit-learn's signature
        """Learn the features of items, and which of them exist.

        Parameters
        ----------
        X : Snapshots, or sparse matrix or array of shape (n_customers, n_items)
            Of snapshots each customer's latest row is taken. In a matrix a stored zero is nothing, and
            cells that are given twice add up.
        y : object, default=None
            Ignored.

        Returns
        -------
        ContentRecommender

        Raises
        ------
        crmkit.exceptions.ParameterError
            If X has no items, `item_features` cannot be read or describes none of the items that were
            bought, an item stands in it twice, or dates or a half-life are given with a matrix.
        ValueError
            If X is a matrix with missing or infinite cells.

        Warns
        -----
        CrmkitWarning
            Some items were never sold, and nothing says from when on they exist; a column of categories
            is another one in every item.
        """
        self._validate_params()
        seen = self._read_new(X)
        if self.item_features is None:
            raise ParameterError(
                "ContentRecommender needs item_features: a frame with one row per item and the column of ids named "
                "by item=, a matrix with one row per item, or one text per item."
            )
        zone = X.log.tz if isinstance(X, Snapshots) else None
        table = read_item_table(self.item_features, self.item, self.text, self.available_from, zone)
        if labels := table.labels():
            warnings.warn(
                f"ContentRecommender: the categories of the column {labels[0]!r} differ in all items, so that no two "
                "are alike by it. Name it in text= if it is a text, else leave it out of item_features.",
                CrmkitWarning,
                stacklevel=2,
            )
        items, places = self._catalogue(table, seen.items)
        seen = seen.of_items(items)
        since, known = self._since_when(table, places, seen, X)
        self.encoder_ = learn_encoder(table, known)
        described = unit_vectors(table, self.encoder_)
        rows = np.full(len(items), -1)
        rows[places[places >= 0]] = np.flatnonzero(places >= 0)
        self.item_vectors_ = _rows_or_nothing(described, rows)
        self._targets = _tiles(self.item_vectors_.T.tocsr())
        self._adopt(replace(seen, since=since))
        return self

    def _learn(self, seen: Histories) -> None:
        """Nothing: what customers bought makes profiles, and those are of the rows to come."""

    def _catalogue(self, table: ItemTable, bought: NDArray[Any]) -> tuple[NDArray[Any], NDArray[np.int64]]:
        """All items, and the place among them of each described one, -1 for what is no column of X."""
        if table.ids is None:
            if self._on_snapshots:
                raise ParameterError(
                    "item=None, but the items of an event log have ids. Name the column of item_features that holds "
                    "them, or pass an array with one id per row."
                )
            if len(table) != len(bought):
                raise ParameterError(
                    f"item_features describes {len(table):,} items, and X has {len(bought):,} columns. Pass a row for "
                    "each, or say with item= which columns are described."
                )
            return bought, np.arange(len(bought))
        if table.ids.dtype.kind != bought.dtype.kind:
            sorts = ["text" if ids.dtype.kind == "U" else "whole numbers" for ids in (table.ids, bought)]
            raise ParameterError(f"item holds {sorts[0]}, and the items of X are {sorts[1]}. Convert them.")
        if not np.isin(bought, table.ids).any():
            raise ParameterError(
                f"item_features describes none of the {len(bought):,} items of X: the ids that item= gives are others. "
                f"It begins with {table.ids[0]!r}, X with {bought[0]!r}."
            )
        items = np.union1d(bought, table.ids) if self._on_snapshots else bought
        return items, lookup_ids(table.ids, items, "item")

    def _since_when(
        self, table: ItemTable, places: NDArray[np.int64], seen: Histories, X: Any
    ) -> tuple[NDArray[np.int64] | None, NDArray[np.int64]]:
        """From when on each item exists, and which rows of the table are of items that exist at fit."""
        if seen.since is None:
            if table.since is not None:
                raise ParameterError(
                    "available_from is given, but a matrix has no times with which to compare. Fit on snapshots of an "
                    "event log, or pass None: all columns of X are taken to exist."
                )
            return None, np.flatnonzero(places >= 0)
        since, sold = seen.since.copy(), seen.since < NEVER
        if table.since is None:
            if not sold.all():
                warnings.warn(
                    "ContentRecommender: item_features describes items that nobody has bought before the as_of of X, "
                    "and nothing says whether they existed by then. They are recommended only where "
                    "recommend(candidates=...) names them. Say with available_from= from when on they exist.",
                    CrmkitWarning,
                    stacklevel=3,
                )
            return since, np.arange(len(table))
        last = X.as_of_us.max()
        # What was sold did exist, whatever its date says.
        honest = (table.since < last) | ~sold[places]
        since[places[honest]] = table.since[honest]
        known = np.flatnonzero(sold[places] | (table.since < last))
        return since, known

    # -- scores ----------------------------------------------------------------------------------

    def _profiles(self, rows: Histories) -> tuple[csr_matrix, NDArray[np.float64]]:
        """The sums of vectors, and their lengths: 0 where nothing is left of them."""
        profiles = csr_matrix(rows.matrix @ self.item_vectors_)
        profiles.sort_indices()
        weights = abs(rows.matrix).astype(np.float64)
        # Lengths of what is scaled to 1 at most: squares of large interactions would be infinite.
        largest = _row_maxima(abs(profiles))
        scaled = normalize(profiles, norm="max")
        lengths = largest * np.sqrt(np.asarray(scaled.multiply(scaled).sum(axis=1)).ravel())
        lengths[lengths <= _ROUNDING * np.asarray(weights.sum(axis=1)).ravel()] = 0.0
        return profiles, lengths

    def _scores(self, rows: Histories) -> NDArray[np.float64]:
        profiles, lengths = self._profiles(rows)
        profiles = _scaled_rows(profiles, lengths)
        scores = np.empty((len(rows), len(self.items_)))
        start = 0
        for targets in self._targets:
            # These products go row by row, dense or sparse, so that no row depends on its batch; BLAS has no such rule.
            found: Any = profiles @ targets
            scores[:, start : start + targets.shape[1]] = found.toarray() if hasattr(found, "toarray") else found
            start += targets.shape[1]
        return scores

    # -- items -----------------------------------------------------------------------------------

    def similar_items(self, item: Any, n: int = 10) -> tuple[NDArray[Any], NDArray[np.float64]]:
        """The items whose descriptions are nearest.

        Parameters
        ----------
        item : id
            One of `items_`; a column number after a fit on a matrix.
        n : int, default=10
            How many at most: only cosines above 0 are listed.

        Returns
        -------
        items : ndarray
            Ids, the nearest first; of equally near ones the lower first. Never `item` itself.
        similarities : ndarray of float64
            Cosines of the vectors.

        Raises
        ------
        crmkit.exceptions.ParameterError
            If the item is unknown.
        """
        place = self._place_of(item)
        n = check_int("n", n, "ContentRecommender.similar_items", low=1)
        similar = self._similarities(place)
        similar[place] = 0.0
        order = np.argsort(-similar, kind="stable")[:n]
        order = order[similar[order] > 0]
        return self.items_[order], similar[order]

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
            bought), ``interaction``, ``similarity`` (the cosine of the two items) and ``contribution``, their
            product over the length of the profile, the largest of each row first; purchases that contribute
            nothing are left out. For a matrix the contributions in the shape of X. The contributions of a row
            add up to its score.

        Raises
        ------
        crmkit.exceptions.ParameterError
            If the item is unknown.
        """
        rows = self._read(X)
        similar = self._similarities(self._place_of(item))
        matrix = rows.matrix
        similarity = similar[matrix.indices]
        row = np.repeat(np.arange(len(rows)), np.diff(matrix.indptr))
        lengths = self._profiles(rows)[1][row]
        contribution = np.divide(matrix.data * similarity, lengths, out=np.zeros(matrix.nnz), where=lengths > 0)
        return explanation(rows, similarity, contribution)

    def _similarities(self, place: int) -> NDArray[np.float64]:
        """Cosines of one item with all."""
        return np.asarray((self.item_vectors_ @ self.item_vectors_[[place]].T).toarray(), dtype=np.float64).ravel()


def _rows_or_nothing(matrix: csr_matrix, rows: NDArray[np.int64]) -> csr_matrix:
    """Some rows of a matrix, empty ones where -1 is asked for."""
    taken = csr_matrix(matrix[np.maximum(rows, 0)])
    kept = np.repeat(rows >= 0, np.diff(taken.indptr))
    pointers = np.concatenate([[0], np.cumsum(np.where(rows >= 0, np.diff(taken.indptr), 0))])
    return csr_matrix((taken.data[kept], taken.indices[kept], pointers), shape=taken.shape)


def _tiles(targets: csr_matrix) -> list[Any]:
    """A matrix features × items as it is multiplied: sparse in one piece, or dense in several."""
    n_features, n_items = targets.shape
    if targets.nnz <= _DENSE * n_features * n_items:
        return [targets]
    columns = targets.tocsc()
    return [np.ascontiguousarray(columns[:, start : start + _TILE].toarray()) for start in range(0, n_items, _TILE)]


def _row_maxima(matrix: csr_matrix) -> NDArray[np.float64]:
    return np.asarray(matrix.max(axis=1).toarray(), dtype=np.float64).ravel()


def _scaled_rows(matrix: csr_matrix, lengths: NDArray[np.float64]) -> csr_matrix:
    """The rows over their lengths, empty ones where those are 0."""
    by_cell = np.repeat(lengths, np.diff(matrix.indptr))
    data = np.divide(matrix.data, by_cell, out=np.zeros_like(matrix.data), where=by_cell > 0)
    return csr_matrix((data, matrix.indices, matrix.indptr), shape=matrix.shape)
