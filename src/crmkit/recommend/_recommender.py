"""What all recommenders share: reading X, lists of items, the fallback, and NDCG against the future."""

from __future__ import annotations

import warnings
from abc import ABC, abstractmethod
from dataclasses import replace
from numbers import Integral
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix, issparse
from sklearn.base import BaseEstimator
from sklearn.utils import Tags
from sklearn.utils.validation import check_is_fitted, validate_data

from crmkit._compat import Interval, StrOptions
from crmkit._durations import to_microseconds
from crmkit._frames import lookup_ids, make_frame
from crmkit._validation import all_or_nothing, check_bool, check_int, threads_of
from crmkit.events import EventLog, Snapshots, latest_rows
from crmkit.exceptions import CrmkitWarning, ParameterError
from crmkit.metrics import ndcg_at_k
from crmkit.recommend._histories import (
    Histories,
    canonical,
    columns_taken,
    entries_of_columns,
    first_sold,
    history_of_matrix,
    history_of_snapshots,
    with_columns,
)
from crmkit.recommend._limits import Limits
from crmkit.recommend._serving import Chosen, choose_by_scores

#: Cells of dense scores that are held at a time: 32 MB.
_BATCH = 2**22


def _refuse_log(X: Any) -> None:
    if isinstance(X, EventLog):
        raise ParameterError("X is an EventLog. Pass rows of it, for example log.snapshot().")


class Recommender(BaseEstimator, ABC):
    """Base of the recommenders: not to be used itself.

    A family supplies `_learn`, which is given customers × items, and `_scores`, which gives numbers for
    rows × items: above 0 for what it recommends, the higher the better. Everything else is here.
    """

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        "interaction": [StrOptions({"binary", "count", "value"})],
        "halflife": "no_validation",  # type: ignore[dict-item]  # to_microseconds says what is wrong with one
        "exclude_seen": ["boolean"],
        "fallback": [StrOptions({"popularity"}), None],
        "k": [Interval(Integral, 1, None, closed="left")],
        "n_jobs": [None, Integral],
    }

    interaction: str
    halflife: Any
    exclude_seen: bool
    fallback: str | None
    k: int
    n_jobs: int | None

    # -- what a family supplies ------------------------------------------------------------------

    @abstractmethod
    def _learn(self, seen: Histories) -> None:
        """Learn from customers × items: `items_` and `popularity_` are set already."""

    @abstractmethod
    def _scores(self, rows: Histories) -> NDArray[np.float64]:
        """Scores of a batch of rows, shape (n, n_items): of each row for itself, without any change of state."""

    # -- fitting ---------------------------------------------------------------------------------

    def fit(self, X: Any, y: object = None) -> Self:  # noqa: ARG002  scikit-learn's signature
        """Learn from what customers did.

        Parameters
        ----------
        X : Snapshots, or sparse matrix or array of shape (n_customers, n_items)
            Of snapshots each customer's latest row is taken. In a matrix a stored zero is nothing, and
            cells that are given twice add up.
        y : object, default=None
            Ignored.

        Returns
        -------
        self

        Raises
        ------
        crmkit.exceptions.ParameterError
            If X has no items, or `halflife` is given with a matrix, which has no times.
        ValueError
            If X is a matrix with missing or infinite cells.
        """
        self._validate_params()
        with all_or_nothing(self):
            self._adopt(self._read_new(X))
        return self

    def _read_new(self, X: Any, *, reset: bool = True) -> Histories:
        """X of a fit: customers × the items that they have bought."""
        self._on_snapshots = isinstance(X, Snapshots)
        self._threads()
        interaction, halflife = self._reading()
        if halflife is not None:
            to_microseconds(halflife, "halflife")
        if not isinstance(X, Snapshots):
            _refuse_log(X)
            if halflife is not None:
                raise ParameterError(
                    f"halflife={halflife!r}, but a matrix has no times by which to decay. Fit on snapshots of an event "
                    "log, or pass halflife=None."
                )
            self.fitted_on_ = None
            X = validate_data(self, X, reset=reset, accept_sparse=("csr", "coo"), ensure_all_finite=True)
            return history_of_matrix(X, binary=interaction == "binary")
        latest = X[latest_rows(X)]
        # Sums of floats then do not depend on the order of X, and are those of a model that grew.
        latest = latest[np.argsort(latest.customer_id, kind="stable")]
        seen = history_of_snapshots(latest, interaction, halflife)
        bought = columns_taken(seen.matrix)
        if len(bought) == 0:
            raise ParameterError(
                f"{type(self).__name__} learns from what customers bought, and no row of X has bought an item before "
                f"its as_of. X has {len(X):,} rows."
            )
        self.fitted_on_ = (X.log.fingerprint, (X.as_of.min(), X.as_of.max()))
        return replace(seen, since=first_sold(latest)).of_items(seen.items[bought])

    def _adopt(self, seen: Histories) -> None:
        """Learn from all that is known."""
        self.items_ = seen.items
        self._since = seen.since
        self.n_rows_used_ = len(seen)
        self.popularity_ = entries_of_columns(seen.matrix)
        # Of two items with equally many customers the lower comes first.
        self._by_popularity = np.argsort(-self.popularity_, kind="stable").astype(np.int32)
        self._learn(seen)

    def _reading(self) -> tuple[str, Any]:
        """How X is read: `interaction` and `halflife`."""
        return self.interaction, self.halflife

    def _threads(self) -> int:
        return threads_of(self.n_jobs)

    def _read(self, X: Any) -> Histories:
        """X of a prediction: rows × `items_`."""
        check_is_fitted(self)
        name = type(self).__name__
        _refuse_log(X)
        if isinstance(X, Snapshots) != self._on_snapshots:
            fitted, got = ("Snapshots", type(X).__name__) if self._on_snapshots else ("a matrix", "Snapshots")
            raise ParameterError(f"{name} was fitted on {fitted}, and cannot read {got}. Pass what it was fitted on.")
        interaction, halflife = self._reading()
        if isinstance(X, Snapshots):
            return history_of_snapshots(X, interaction, halflife).of_items(self.items_)
        X = validate_data(self, X, reset=False, accept_sparse=("csr", "coo"), ensure_all_finite=True)
        return history_of_matrix(X, binary=interaction == "binary")

    # -- lists -----------------------------------------------------------------------------------

    def recommend(
        self, X: Any, n: int = 10, *, candidates: Any = None, exclude: Any = None, exclude_seen: bool | None = None
    ) -> Any:
        """The best items for each row.

        Parameters
        ----------
        X : Snapshots, or sparse matrix or array of shape (n_rows, n_items)
            Customers, new ones too: only their own histories are read.
        n : int, default=10
            Length of each list, of which there can be fewer than n only where fewer items are legal.
        candidates : array of item ids, or ItemTargets or sparse matrix with a row for each row of X
            The only items that may be recommended: to all, or to each row what is not zero in its row.
            All of `items_` if None.
        exclude : array of item ids, or ItemTargets or sparse matrix with a row for each row of X
            Items that must not be recommended. None is nothing.
        exclude_seen : bool, default=None
            Whether what a row has seen already is left out; that of the constructor if None.

        Returns
        -------
        frame, or (items, scores)
            For snapshots a frame with the columns ``customer_id``, ``as_of``, ``rank`` (from 1), ``item``,
            ``score`` and ``is_fallback``, a line for each recommendation. For a matrix two arrays of
            shape (n_rows, min(n, n_items)), best first: columns of X, -1 where a row has no further legal
            item, and scores, NaN there. Items of equal score come in the order of `items_`.

        Raises
        ------
        crmkit.exceptions.ParameterError
            If an id is not among `items_`, or n is not positive.
        ValueError
            If X has missing or infinite cells, or another number of items.

        Notes
        -----
        A row of snapshots is not recommended what was first sold at or after its as_of, even by a model that
        was fitted later, unless `candidates` names it.

        Items with a score above 0 come first. With ``fallback="popularity"`` the other legal items fill the
        list in the order of their number of customers, marked ``is_fallback``; with ``fallback=None`` it
        stays short.
        """
        owner = f"{type(self).__name__}.recommend"
        rows = self._read(X)
        found = self._ranked(rows, check_int("n", n, owner, low=1), candidates, exclude, exclude_seen)
        if not self._on_snapshots:
            return found.items, found.scores
        return self._frame(X, found)

    def _frame(self, X: Snapshots, found: Chosen) -> Any:
        row, rank = np.nonzero(found.items >= 0)
        return make_frame(
            {
                "customer_id": X.customer_id[row],
                "as_of": X.as_of[row],
                "rank": rank + 1,
                "item": self.items_[found.items[row, rank]],
                "score": found.scores[row, rank],
                "is_fallback": found.is_fallback[row, rank],
            },
            X.log.backend,
        )

    def _ranked(self, rows: Histories, n: int, candidates: Any, exclude: Any, exclude_seen: bool | None) -> Chosen:
        owner = f"{type(self).__name__}.recommend"
        exclude_seen = self.exclude_seen if exclude_seen is None else check_bool("exclude_seen", exclude_seen, owner)
        n_items = len(self.items_)
        limits = replace(self._available(rows, named=candidates is not None), exclude_seen=exclude_seen)
        if exclude_seen:
            limits = limits.without(rows.purchases, n_items)
        limits = limits.only(self._places_of(candidates, "candidates", len(rows)), n_items)
        limits = limits.without(self._places_of(exclude, "exclude", len(rows)), n_items)
        return self._best(rows, min(n, n_items), limits)

    def _available(self, rows: Histories, *, named: bool) -> Limits:
        """What exists by the as_of of each row, as far as the model knows; `named`: the caller lists candidates."""
        if named or rows.as_of is None or self._since is None or not len(rows):
            return Limits()
        dates, codes = np.unique(rows.as_of.view(np.int64), return_inverse=True)
        legal = self._since < dates[-1]
        limits = Limits() if legal.all() else Limits(legal=legal)
        if (legal == (self._since < dates[0])).all():
            return limits
        early = csr_matrix(legal & (self._since >= dates[:, None]))
        return limits.without(early[codes], len(self.items_))

    def _best(self, rows: Histories, n: int, limits: Limits) -> Chosen:
        """The n best legal items of each row, from dense scores, some rows at a time."""
        parts = []
        for batch in self._batches(len(rows)):
            part = rows.take(batch)
            parts.append(choose_by_scores(self._scores(part), part.matrix, n, **self._rules(limits.of_rows(batch))))
        return Chosen(*map(np.concatenate, zip(*parts, strict=True)))

    def _rules(self, limits: Limits) -> dict[str, Any]:
        """The limits of rows, the order in which the fallback fills lists, and threads, as keywords of choose_by_…."""
        order = self._by_popularity if self.fallback == "popularity" else None
        return {**vars(limits), "order": order, "threads": self._threads()}

    def _batches(self, n: int) -> list[slice]:
        size = max(1, _BATCH // max(1, len(self.items_)))
        return [slice(start, min(start + size, n)) for start in range(0, max(n, 1), size)]

    def _places_of(self, items: Any, name: str, n_rows: int) -> Any:
        """Ids as places in `items_`, or a matrix with its columns in the order of `items_`; None as it is."""
        if items is None:
            return None
        per_row: Any = items.csr if hasattr(items, "csr") else items if issparse(items) else None
        if per_row is None:
            if np.asarray(items).dtype.kind == "b":
                raise ParameterError(f"{name} holds flags, and wants ids: pass items_[flags].")
            places = lookup_ids(items, self.items_, name)
            self._refuse_unknown(np.flatnonzero(places < 0), items, name)
            return places
        if per_row.shape[0] != n_rows:
            raise ParameterError(f"{name} has {per_row.shape[0]:,} rows, and X has {n_rows:,}. Pass one for each row.")
        matrix = canonical(per_row, binary=True)
        columns = self._columns_of(items, name)
        places = lookup_ids(columns, self.items_, name)
        self._refuse_unknown(np.unique(matrix.indices[places[matrix.indices] < 0]), columns, name)
        return with_columns(matrix, places, len(self.items_))

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

    def _refuse_unknown(self, unknown: NDArray[Any], ids: Any, name: str) -> None:
        if len(unknown):
            first = np.asarray(ids, dtype=object).ravel()[unknown[0]]
            raise ParameterError(
                f"{name} holds {first!r}, which is none of the {len(self.items_):,} items that "
                f"{type(self).__name__} knows ({len(unknown):,} such). Leave these out: items_ lists what it knows."
            )

    def _columns_of(self, targets: Any, name: str) -> NDArray[Any]:
        """The ids of the columns of a matrix or ItemTargets."""
        if hasattr(targets, "csr"):
            return np.asarray(targets.items)
        if self._on_snapshots:
            raise ParameterError(
                f"{name} is a plain matrix, which does not say what its columns are. Pass ItemTargets, for example "
                "X.future_items()."
            )
        if targets.shape[1] != len(self.items_):
            raise ParameterError(f"{name} has {targets.shape[1]:,} columns for {len(self.items_):,} items.")
        return self.items_

    # -- scores ----------------------------------------------------------------------------------

    def decision_function(self, X: Any) -> NDArray[np.float64]:
        """The scores of all items, by which they are ranked.

        Parameters
        ----------
        X : Snapshots, or sparse matrix or array of shape (n_rows, n_items)
            As in `recommend`. The result is dense, 8 bytes a cell: take some thousand rows at a time.

        Returns
        -------
        ndarray of float64, shape (n_rows, n_items)
            In the order of `items_`, what rows have seen included.
        """
        rows = self._read(X)
        scores = np.empty((len(rows), len(self.items_)))
        for batch in self._batches(len(rows)):
            scores[batch] = self._scores(rows.take(batch))
        return scores

    def score(self, X: Any, y: Any) -> float:
        """Mean NDCG@k of the lists against what came after.

        Parameters
        ----------
        X : Snapshots, or sparse matrix or array of shape (n_rows, n_items)
            As in `recommend`.
        y : ItemTargets, sparse matrix or array with n_rows rows, or array of n_rows columns
            ``X.future_items()``; for a matrix, which items each row took afterwards, or the one.

        Returns
        -------
        float
            Rows with nothing to be found are left out: with ``exclude_seen=True`` that is what the row
            has not seen yet. NaN, and a warning, if no row is left.

        See Also
        --------
        crmkit.metrics.ndcg_at_k : The definition.
        """
        relevant, recommended = self._answers(X, y, self.k, None)
        by_row = ndcg_at_k(relevant, recommended, self.k, average=None)
        if np.isnan(by_row).all():
            warnings.warn(
                f"No row of X takes an item afterwards that {type(self).__name__} could have recommended, so there is "
                "no NDCG. With exclude_seen=True that is an item which the row has not seen before.",
                CrmkitWarning,
                stacklevel=2,
            )
            return float("nan")
        return float(np.nanmean(by_row))

    def _answers(self, X: Any, y: Any, k: int, exclude_seen: bool | None) -> tuple[csr_matrix, NDArray[np.int64]]:
        """What rows were to find, and what they were recommended, both as columns of y; for metrics and scorers."""
        rows = self._read(X)
        exclude_seen = self.exclude_seen if exclude_seen is None else exclude_seen
        taken: Any
        taken, columns = self._taken(y, len(rows))
        places = lookup_ids(self.items_, columns, "y")
        if exclude_seen:
            # Nobody can recommend what the row has seen.
            seen = with_columns(rows.matrix if rows.purchases is None else rows.purchases, places, len(columns))
            taken = canonical(taken - taken.multiply(seen.astype(bool)), binary=True)
        # What the model knows and y does not is a miss, yet not an empty place.
        places = np.where(places >= 0, places, len(columns) + np.arange(len(places)))
        taken.resize((len(rows), len(columns) + len(places)))
        found = self._ranked(rows, k, None, None, exclude_seen)
        recommended = np.where(found.items >= 0, places[found.items], -1)
        short = k - recommended.shape[1]
        return taken, np.pad(recommended, ((0, 0), (0, max(0, short))), constant_values=-1)

    def _taken(self, y: Any, n_rows: int) -> tuple[csr_matrix, NDArray[Any]]:
        """The items of each row of y as a binary matrix, and the ids of its columns."""
        name = f"{type(self).__name__}.score"
        targets = y
        if hasattr(y, "csr"):
            y = y.csr
        elif not issparse(y):
            y = np.asarray(y)
            if y.ndim == 1:
                y = self._one_each(y, name)
            elif y.ndim != 2 or y.dtype.kind not in "biuf":
                raise ParameterError(
                    f"The 'y' parameter of {name} must be ItemTargets, or numbers with the rows and columns of X. Got "
                    f"an array of {y.dtype} and shape {y.shape}."
                )
            y = csr_matrix(y)
        taken = canonical(y, binary=False)
        if not np.all(taken.data >= 0):
            raise ParameterError(
                f"The 'y' parameter of {name} says how often each row took each item afterwards, and some cells are "
                "negative or missing. Set them to 0."
            )
        if y.shape[0] != n_rows:
            raise ParameterError(f"The 'y' parameter of {name} has {y.shape[0]:,} rows, and X has {n_rows:,}.")
        columns = self._columns_of(targets if hasattr(targets, "csr") else y, "y")
        return canonical(taken, binary=True).copy(), columns

    def _one_each(self, y: NDArray[Any], name: str) -> csr_matrix:
        if y.dtype.kind not in "iu" or (len(y) and not 0 <= y.min() <= y.max() < len(self.items_)):
            raise ParameterError(
                f"The 'y' parameter of {name}, of one dimension, must hold the column of X that each row took: whole "
                f"numbers from 0 to {len(self.items_) - 1}. Got {y[:5].tolist()}… of {y.dtype}."
            )
        return csr_matrix((np.ones(len(y)), (np.arange(len(y)), y)), shape=(len(y), len(self.items_)))

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        tags.target_tags.required = False
        return tags
