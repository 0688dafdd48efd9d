"""Several recommenders as one: blended, each where it knows best, or re-ranked by a classifier."""

from __future__ import annotations

from dataclasses import replace
from numbers import Integral, Real
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix
from sklearn.base import clone
from sklearn.utils.validation import check_is_fitted

from crmkit._compat import BaseComposition, HasMethods, Interval, StrOptions
from crmkit._frames import lookup_ids
from crmkit._numba import run_in_ranges
from crmkit._validation import parameter_error
from crmkit.events import Snapshots, latest_rows
from crmkit.exceptions import ParameterError
from crmkit.recommend._histories import Histories, history_of_matrix, with_columns
from crmkit.recommend._limits import Limits
from crmkit.recommend._recommender import Recommender
from crmkit.recommend._serving import Chosen, choose_by_scores

Floats = NDArray[np.float64]

#: What is added to ranks before they are inverted: that of reciprocal rank fusion.
_RANK_OFFSET = 60.0


class HybridRecommender(Recommender, BaseComposition):
    """Several recommenders as one: a blend, or each for the customers and items that it knows best.

    Parameters
    ----------
    recommenders : list of (str, recommender)
        Names and recommenders of this room, as scikit-learn's ``VotingClassifier`` takes estimators. It must
        be given. ``set_params(name__parameter=...)`` reaches into them.
    mode : {"weighted", "switching"}, default="weighted"
        "weighted" adds up scores, each as a share of its recommender's best for the row. "switching" asks for
        each customer and item one recommender; see `min_items`.
    weights : list of float, default=None
        How much each recommender counts; 1 each if None.
    min_items : list of int, default=None
        For "switching": from how many distinct items in a customer's history on each recommender answers;
        0 for the first. All 0 if None.
    min_customers : list of int, default=None
        For "switching": from how many customers of an item on each recommender answers; 0 for the first. All
        0 if None. The last of `recommenders` whose two needs are met answers.
    reranker : classifier, default=None
        Any classifier of scikit-learn with ``predict_proba``. It learns which of the best items of all
        recommenders customers take, and lists come in the order of its probabilities.
    n_candidates : int, default=100
        How many items of each recommender the reranker looks at, for each row.
    exclude_seen : bool, default=True
        Whether lists leave out what the customer has already; that of `recommenders` does not matter.
    fallback : {"popularity"} or None, default="popularity"
        What fills lists where too few items have a score above 0: the items of most customers.
    k : int, default=10
        Length of the lists that `score` judges.
    n_jobs : int, default=None
        Threads that make lists, as in scikit-learn: None is 1, or what joblib's context says; -1 is all cores.
        `recommenders` have their own. The results do not depend on it.

    Attributes
    ----------
    named_recommenders_ : dict of str to recommender
        Fitted.
    reranker_ : classifier
        Fitted; None without `reranker`.
    reranker_features_ : list of str
        What the reranker sees, in the order of its columns: ``{name}_score`` and ``{name}_rank`` of each
        recommender (``n_candidates + 1`` if it is worse than that), ``blend``, the score that `mode` gives,
        ``n_customers`` of the item, ``n_items`` and ``n_purchases_of_item`` of the row.
    items_ : ndarray, shape (n_items,)
        Sorted ids of the items that any of the recommenders knows; column numbers after a fit on a matrix.
    popularity_ : ndarray of int64, shape (n_items,)
        Number of customers.
    n_rows_used_ : int
        Number of customers learnt from.
    fitted_on_ : tuple or None
        ``(fingerprint, (first, last))``: the hash of the log, and the first and last as_of; None for a
        matrix.
    n_features_in_, feature_names_in_
        After a fit on a matrix, as in scikit-learn.

    See Also
    --------
    ContentRecommender : For items that nobody or hardly anybody has bought.
    PopularityRecommender : For customers of whom nothing is known.
    RepeatPurchaseRecommender : For what customers will buy again; with ``exclude_seen=False``.

    Notes
    -----
    **Weighted.** The scores of a recommender below 0 count as 0, the others as shares of the largest one that
    it gives the row (Burke 2002, a weighted hybrid). No other row has a say.

    **Switching.** Scores of different recommenders cannot be compared, so every item gets the place that its
    own recommender gives it among all items, and its score is weight / (60 + place) (reciprocal
    rank fusion, Cormack, Clarke & Büttcher 2009). With equal weights an item that is third by content comes
    third or fourth. Some examples:

    * new customers: ``[("popularity", ...), ("item", ...)]`` and ``min_items=[0, 2]``;
    * new items: ``[("content", ...), ("item", ...)]`` and ``min_customers=[0, 5]``;
    * both: ``[("popularity", ...), ("content", ...), ("item", ...)]``, ``min_items=[0, 1, 2]`` and
      ``min_customers=[0, 0, 5]``.

    A new item takes the place of one that would have sold better now: on MovieLens-100k with a fifth of the
    films made new (two customers each), lists of which a new film was every twelfth, by weight .8 of the
    genres, lowered NDCG@10 from .364 to .346.

    **Reranked.** The recommenders learn from what each customer's latest row saw; the reranker learns from the
    label windows of the same rows, which begin at as_of or later. So no recommender has seen what the reranker
    is to find. Rows of earlier dates are left out, for what follows them is history to the
    recommenders. The price: `fit` needs rows whose window is over, so the recommenders know of nothing that
    happened in it; `refresh` lets them catch up. For a matrix, y must be what came after X, for the same
    reason. With ``exclude_seen=True`` the candidates are new items in training too. That rows do not depend on
    each other's company holds to the last bit for trees, and for linear classifiers up to rounding.

    On the films of MovieLens-100k a tenth of genres beside item cosine raised NDCG@10 from .389 to .396, a fifth
    of popularity to .402, both to .412. On Online Retail gradient boosting upon popularity, item cosine and own
    frequency, trained on July to September, gave .360 in October to December after `refresh`, and own
    frequency alone .366: the season had changed. Try each recommender alone first, choose weights by a search
    over time, and do not use a hybrid where one of them is as good.

    Examples
    --------
    >>> import numpy as np
    >>> from crmkit.recommend import HybridRecommender, ItemCosineRecommender, PopularityRecommender
    >>> X = np.array([[1, 1, 0, 0], [1, 1, 1, 0], [0, 1, 1, 0], [0, 0, 1, 1]])
    >>> parts = [("popularity", PopularityRecommender()), ("item", ItemCosineRecommender())]
    >>> blend = HybridRecommender(parts, weights=[0.2, 1.0]).fit(X)
    >>> blend.decision_function(X[:1]).round(3)
    array([[0.893, 0.96 , 1.2  , 0.067]])
    >>> switch = HybridRecommender(parts, mode="switching", min_items=[0, 2]).fit(X)
    >>> items, _ = switch.recommend([[0, 0, 0, 1], [1, 1, 0, 0]], n=2)
    >>> items.tolist()
    [[1, 2], [2, 3]]
    """

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        **{
            name: rule
            for name, rule in Recommender._parameter_constraints.items()
            if name not in {"interaction", "halflife"}
        },
        # Lists of one value for each recommender are checked against these.
        "recommenders": [object],
        "mode": [StrOptions({"weighted", "switching"})],
        "weights": [object],
        "min_items": [object],
        "min_customers": [object],
        "reranker": [HasMethods(["fit", "predict_proba"]), None],
        "n_candidates": [Interval(Integral, 1, None, closed="left")],
    }

    def __init__(
        self,
        recommenders: Any = None,
        *,
        mode: str = "weighted",
        weights: Any = None,
        min_items: Any = None,
        min_customers: Any = None,
        reranker: Any = None,
        n_candidates: int = 100,
        exclude_seen: bool = True,
        fallback: str | None = "popularity",
        k: int = 10,
        n_jobs: int | None = None,
    ) -> None:
        self.recommenders = recommenders
        self.mode = mode
        self.weights = weights
        self.min_items = min_items
        self.min_customers = min_customers
        self.reranker = reranker
        self.n_candidates = n_candidates
        self.exclude_seen = exclude_seen
        self.fallback = fallback
        self.k = k
        self.n_jobs = n_jobs

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """The parameters, and those of the recommenders by ``name__parameter``.

        Parameters
        ----------
        deep : bool, default=True
            Whether to list the recommenders and their parameters too.

        Returns
        -------
        dict
        """
        return dict(self._get_params("recommenders", deep=deep))

    def set_params(self, **params: Any) -> Self:
        """Set parameters, whole recommenders by name, or their parameters by ``name__parameter``.

        Parameters
        ----------
        **params : object
            As `get_params` names them.

        Returns
        -------
        HybridRecommender
        """
        self._set_params("recommenders", **params)
        return self

    # -- fitting ---------------------------------------------------------------------------------

    def fit(self, X: Any, y: Any = None) -> Self:
        """Fit all recommenders, and the reranker if there is one.

        Parameters
        ----------
        X : Snapshots, or sparse matrix or array of shape (n_customers, n_items)
            As the recommenders take it.
        y : ItemTargets, or sparse matrix or array of the shape of X, default=None
            What the rows took afterwards: ``X.future_items()``. Only a reranker needs it.

        Returns
        -------
        HybridRecommender

        Raises
        ------
        crmkit.exceptions.ParameterError
            If a list has not one value for each recommender, a reranker is given without y or finds
            candidates of one class only, or a recommender refuses X.
        ValueError
            If X is a matrix with missing or infinite cells.
        """
        self._validate_params()
        named = self._checked_recommenders()
        n = len(named)
        self._weights = self._for_each("weights", n, Real, 1.0)
        if not self._weights.any():
            raise parameter_error("weights", self.weights, "positive for one recommender at least", "HybridRecommender")
        self._needs = [self._for_each(name, n, Integral, 0) for name in ("min_items", "min_customers")]
        self._check_switch()
        seen = self._fit_recommenders(X, named)
        self.reranker_: Any = None
        self.reranker_features_ = [f"{name}_{what}" for name, _ in named for what in ("score", "rank")]
        self.reranker_features_ += ["blend", "n_customers", "n_items", "n_purchases_of_item"]
        if self.reranker is not None:
            self._learn_to_rerank(X, y, seen)
        return self

    def refresh(self, X: Any) -> Self:
        """Fit the recommenders anew, to rows of a later date, and keep the reranker as it is.

        After `fit` the recommenders know nothing of the label window of its rows. This is how they catch
        up with it, while what the reranker has learnt of their scores goes on to hold.

        Parameters
        ----------
        X : Snapshots, or sparse matrix or array of shape (n_customers, n_items)
            Of the kind of `fit`: all that is known today.

        Returns
        -------
        HybridRecommender

        Raises
        ------
        crmkit.exceptions.ParameterError
            If X is of the other kind, or `recommenders` are no longer those of `fit`.
        """
        check_is_fitted(self)
        if isinstance(X, Snapshots) != self._on_snapshots:
            wanted = "Snapshots" if self._on_snapshots else "a matrix"
            raise ParameterError(f"HybridRecommender was fitted on {wanted}: refresh it with the same.")
        self._validate_params()
        named = self._checked_recommenders()
        if [name for name, _ in named] != list(self.named_recommenders_):
            raise ParameterError(
                f"recommenders are now {[name for name, _ in named]}, and in fit they were "
                f"{list(self.named_recommenders_)}: the reranker has learnt from those. Call fit."
            )
        self._fit_recommenders(X, named)
        return self

    def _fit_recommenders(self, X: Any, named: list[tuple[str, Recommender]]) -> Histories:
        """Fit all, and give what customers × `items_` have bought."""
        seen = self._read_new(X)
        fitted = {name: clone(recommender).fit(X) for name, recommender in named}
        items = seen.items
        for recommender in fitted.values():
            items = np.union1d(items, recommender.items_)
        self.named_recommenders_ = fitted
        self._places = {name: lookup_ids(recommender.items_, items, "X") for name, recommender in fitted.items()}
        seen = seen.of_items(items)
        self._adopt(seen)
        return seen

    def _learn(self, seen: Histories) -> None:
        """Nothing: the recommenders have learnt."""

    def _reading(self) -> tuple[str, Any]:
        return "count", None

    def _checked_recommenders(self) -> list[tuple[str, Recommender]]:
        named = self.recommenders
        good = isinstance(named, list | tuple) and len(named) > 0
        good = good and all(isinstance(pair, list | tuple) and len(pair) == 2 for pair in named)
        if not good or not all(isinstance(name, str) and isinstance(part, Recommender) for name, part in named):
            allowed = "a list of pairs of a name and a recommender of crmkit.recommend"
            hint = 'For example [("popularity", PopularityRecommender()), ("item", ItemCosineRecommender())].'
            raise parameter_error("recommenders", named, allowed, "HybridRecommender", hint)
        names = [name for name, _ in named]
        taken = {name for name in names if names.count(name) > 1 or "__" in name or name in self.get_params(deep=False)}
        if taken:
            raise ParameterError(
                f"recommenders has the name {min(taken)!r}, which is there twice, has two underscores, or is a "
                "parameter of HybridRecommender. Choose another."
            )
        return list(named)

    def _for_each(self, name: str, n: int, kind: type, default: float) -> Floats:
        """One number for each recommender."""
        values = getattr(self, name)
        if values is None:
            return np.full(n, float(default))
        if isinstance(values, np.ndarray):
            values = values.tolist()
        good = isinstance(values, list | tuple) and len(values) == n
        good = good and all(isinstance(value, kind) and not isinstance(value, bool) for value in values)
        if not good or not all(0 <= value < np.inf for value in values):
            what = "numbers" if kind is Real else "whole numbers"
            raise parameter_error(name, values, f"a list of {n} {what}, 0 or more, or None", "HybridRecommender")
        return np.array(values, dtype=np.float64)

    def _check_switch(self) -> None:
        if self.mode != "switching":
            return
        for name, needs in zip(("min_items", "min_customers"), self._needs, strict=True):
            if needs[0] != 0:
                raise parameter_error(
                    name,
                    getattr(self, name),
                    "0 for the first recommender",
                    "HybridRecommender",
                    "It answers all else.",
                )
        if not any(needs.any() for needs in self._needs):
            raise ParameterError(
                "mode='switching' needs min_items= or min_customers=: from how many items of a customer, or "
                "customers of an item, on each recommender answers. For example min_items=[0, 2] for two recommenders."
            )

    def _learn_to_rerank(self, X: Any, y: Any, seen: Histories) -> None:
        if y is None:
            raise ParameterError(
                "A reranker learns from what customers took afterwards: call fit(X, y) with y = X.future_items(), "
                "or for a matrix with what each row took afterwards."
            )
        taken, columns = self._taken(y, X.shape[0] if hasattr(X, "shape") else len(X))
        if isinstance(X, Snapshots):
            # What follows an earlier row of a customer is history to the recommenders, and no test of them.
            taken = taken[latest_rows(X)]
        taken = with_columns(taken, lookup_ids(columns, self.items_, "y"), len(self.items_))
        tables, answers = [], []
        limits = replace(self._available(seen, named=False), exclude_seen=self.exclude_seen)
        for batch in self._batches(len(seen)):
            table, row, item = self._candidates(seen.take(batch), limits.of_rows(batch), limits.of_rows(batch))
            tables.append(table)
            answers.append(np.asarray(taken[batch].toarray())[row, item] > 0)
        labels = np.concatenate(answers).astype(np.int64)
        if len(np.unique(labels)) < 2:
            found = "None" if not labels.any() else "Every one"
            raise ParameterError(
                f"{found} of the {len(labels):,} candidates was taken afterwards, from which no reranker can learn. Is "
                "y what the rows of X took after their as_of? With exclude_seen=True only new items count."
            )
        self.reranker_ = clone(self.reranker).fit(np.concatenate(tables), labels)

    # -- scores ----------------------------------------------------------------------------------

    def _scores(self, rows: Histories) -> Floats:
        limits = replace(self._available(rows, named=False), exclude_seen=self.exclude_seen)
        if self.reranker_ is None:
            return self._blend(rows, limits)
        return self._reranked(rows, limits, limits)

    def _best(self, rows: Histories, n: int, limits: Limits) -> Chosen:
        if self.reranker_ is None:
            return super()._best(rows, n, limits)
        # The candidates are the best of what is allowed here: of ten named items all ten.
        usual = self._available(rows, named=False)
        parts = []
        for batch in self._batches(len(rows)):
            part, allowed = rows.take(batch), limits.of_rows(batch)
            scores = self._reranked(part, allowed, usual.of_rows(batch))
            parts.append(choose_by_scores(scores, part.matrix, n, **self._rules(allowed)))
        return Chosen(*map(np.concatenate, zip(*parts, strict=True)))

    def _available(self, rows: Histories, *, named: bool) -> Limits:
        """What all recommenders agree upon: one that knows when items come speaks for all."""
        n_items = len(self.items_)
        limits = Limits()
        for name, recommender in self.named_recommenders_.items():
            known = recommender._available(rows, named=named)
            places = self._places[name]
            if known.legal is not None:
                limits = limits.without(places[~known.legal], n_items)
            if known.banned is not None:
                limits = limits.without(with_columns(known.banned, places, n_items), n_items)
        return limits

    def _of(self, name: str, rows: Histories) -> Floats:
        """The scores of one recommender over `items_`, 0 for items that it does not know."""
        recommender = self.named_recommenders_[name]
        if rows.rows is not None:
            own = recommender._read(rows.rows)
        else:
            own = history_of_matrix(rows.matrix, binary=recommender._reading()[0] == "binary")
        found = recommender._scores(own)
        if found.shape[1] == len(self.items_):
            return found
        scores = np.zeros((len(rows), len(self.items_)))
        scores[:, self._places[name]] = found
        return scores

    def _blend(self, rows: Histories, limits: Limits, known: dict[str, Floats] | None = None) -> Floats:
        """The score that `mode` gives; `known` are the scores of all recommenders, where they are known already."""
        if self.mode == "switching":
            return self._switched(rows, limits, known)
        total = np.zeros((len(rows), len(self.items_)))
        for name, weight in zip(self.named_recommenders_, self._weights, strict=True):
            total += weight * _shares(self._of(name, rows) if known is None else known[name], limits)
        return total

    def _switched(self, rows: Histories, limits: Limits, known: dict[str, Floats] | None) -> Floats:
        scores = np.zeros((len(rows), len(self.items_)))
        lengths = np.diff(rows.matrix.indptr)
        for name, weight, items, customers in zip(self.named_recommenders_, self._weights, *self._needs, strict=True):
            own_rows = np.flatnonzero(lengths >= items)
            own_items = self._places[name][self.popularity_[self._places[name]] >= customers]
            if len(own_rows) and len(own_items):
                found = self._of(name, rows.take(own_rows)) if known is None else known[name][own_rows]
                ranks = _ranks(found, _of_rows(limits, own_rows), self._threads())
                own = np.where(ranks > 0, weight / (_RANK_OFFSET + ranks), 0.0)
                scores[np.ix_(own_rows, own_items)] = own[:, own_items]
        return scores

    # -- reranking -------------------------------------------------------------------------------

    def _reranked(self, rows: Histories, allowed: Limits, usual: Limits) -> Floats:
        """Probabilities of the candidates, 0 for everything else."""
        scores = np.zeros((len(rows), len(self.items_)))
        table, row, item = self._candidates(rows, allowed, usual)
        if len(table):
            (taken,) = np.flatnonzero(self.reranker_.classes_ == 1)
            scores[row, item] = self.reranker_.predict_proba(table)[:, taken]
        return scores

    def _candidates(
        self, rows: Histories, allowed: Limits, usual: Limits
    ) -> tuple[Floats, NDArray[np.int64], NDArray[np.int64]]:
        """What the reranker sees of each candidate, and which row and item it is."""
        known = {name: self._of(name, rows) for name in self.named_recommenders_}
        wanted = np.zeros((len(rows), len(self.items_)), dtype=np.bool_)
        seen_by = []
        worst = self.n_candidates + 1.0
        for scores in known.values():
            rules = {**self._rules(allowed), "order": None}
            best = choose_by_scores(scores, rows.matrix, min(self.n_candidates, len(self.items_)), **rules).items
            row, place = np.nonzero(best >= 0)
            wanted[row, best[row, place]] = True
            # Ranks do not depend on what may be listed this time, so neither do probabilities.
            ranks = np.where(scores > 0, np.minimum(_ranks(scores, usual, self._threads()), worst), worst)
            seen_by += [scores, ranks]
        row, item = np.nonzero(wanted)
        columns = [cells[row, item] for cells in (*seen_by, self._blend(rows, usual, known))]
        columns.append(self.popularity_[item].astype(np.float64))
        columns.append(np.diff(rows.matrix.indptr)[row].astype(np.float64))
        columns.append(np.asarray(rows.matrix.toarray(), dtype=np.float64)[row, item])
        return np.column_stack(columns), row, item


def _open(scores: Floats, limits: Limits) -> Floats:
    """The scores above 0 of what exists; 0 elsewhere."""
    scores = np.maximum(scores, 0.0)
    if limits.legal is not None:
        scores[:, ~limits.legal] = 0.0
    if limits.banned is not None:
        scores[limits.banned.nonzero()] = 0.0
    return scores


def _shares(scores: Floats, limits: Limits) -> Floats:
    """The scores above 0 as shares of the largest of their row that exists."""
    largest = _open(scores, limits).max(axis=1, keepdims=True)
    return np.divide(np.maximum(scores, 0.0), largest, out=np.zeros_like(scores), where=largest > 0)


def _ranks(scores: Floats, limits: Limits, threads: int) -> Floats:
    """The places of scores above 0 in lists of all items that exist, ties by the lower item; 1 is the best."""
    known = _open(scores, limits)
    ranks = np.zeros_like(known)

    def rank(start: int, stop: int) -> None:
        for row in range(start, stop):
            found = np.flatnonzero(known[row])
            order = np.argsort(-known[row, found], kind="stable")
            ranks[row, found[order]] = np.arange(1.0, len(found) + 1)
            # What does not exist yet, but may be asked for by name, stands behind those with a higher score.
            unknown = np.flatnonzero((scores[row] > 0) & (known[row] == 0))
            if len(unknown):
                falling = -known[row, found[order]]
                ranks[row, unknown] = np.searchsorted(falling, -scores[row, unknown], side="left") + 1.0

    run_in_ranges(rank, len(known), threads=threads, minimum=64)
    return ranks


def _of_rows(limits: Limits, rows: NDArray[np.int64]) -> Limits:
    return limits if limits.banned is None else replace(limits, banned=csr_matrix(limits.banned[rows]))
