"""Scoring recommenders in searches and cross-validation."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from crmkit._validation import check_bool, check_int, check_option
from crmkit.events import Snapshots
from crmkit.exceptions import ParameterError
from crmkit.metrics import (
    Estimate,
    estimate,
    hit_rate_at_k,
    map_at_k,
    mrr_at_k,
    ndcg_at_k,
    precision_at_k,
    recall_at_k,
)

__all__ = ["RecommendationScorer"]

_METRICS: dict[str, Callable[..., Any]] = {
    "hit_rate": hit_rate_at_k,
    "map": map_at_k,
    "mrr": mrr_at_k,
    "ndcg": ndcg_at_k,
    "precision": precision_at_k,
    "recall": recall_at_k,
}


@dataclass(frozen=True)
class RecommendationScorer:
    """Score a recommender's lists against what came after; for ``scoring=`` of searches and cross-validation.

    It is called as ``scorer(model, X, y)`` with a fitted recommender, rows, and what each row took
    afterwards: ``X.future_items()`` for snapshots, a matrix of ones for a matrix. Higher is better.

    Attributes
    ----------
    metric : {'ndcg', 'precision', 'recall', 'hit_rate', 'map', 'mrr'}, default='ndcg'
        Which of the metrics of `crmkit.metrics`, such as `crmkit.metrics.ndcg_at_k`.
    k : int, default=10
        Length of the lists.
    exclude_seen : bool or None, default=None
        Whether lists leave out what a row has seen already; None is what the model does. Whatever they
        leave out is not asked of them either: with True, only purchases of items that are new to the
        row count, and rows without one are left out of the mean.

    Raises
    ------
    crmkit.exceptions.ParameterError
        When it is made, if a field is not one of the above. When it is called, if the model is not a
        fitted recommender, y does not fit X, or no row has anything to be found.

    See Also
    --------
    crmkit.metrics.estimate : Intervals of other figures, such as the difference of two models' `by_row`.

    Notes
    -----
    Figures of ``exclude_seen=True`` and ``False`` answer different questions, and cannot be compared:
    finding what a customer will buy again is far easier than finding what they will buy next. Set it
    here when a search tries both values of the model's own parameter.

    Examples
    --------
    How many neighbours does an item need? Tested on the future, by the share of the new items that five
    places find:

    >>> from sklearn.model_selection import GridSearchCV
    >>> from crmkit import EventLog, ItemCosineRecommender
    >>> from crmkit.datasets import make_retail
    >>> from crmkit.model_selection import RecommendationScorer, TemporalSplit, temporal_train_test_split
    >>> frame, _ = make_retail(500, 100, random_state=0)
    >>> orders = frame[frame["kind"] == "order"]
    >>> log = EventLog.from_frame(orders, customer="customer_id", time="time", item="item")
    >>> X = log.snapshots(["2024-03-01", "2024-06-01", "2024-09-01"], horizon="90D")
    >>> y = X.future_items()
    >>> scorer = RecommendationScorer("recall", k=5)
    >>> search = GridSearchCV(ItemCosineRecommender(), {"n_neighbors": [5, 50]}, scoring=scorer, cv=TemporalSplit(2))
    >>> search.fit(X, y).cv_results_["mean_test_score"].round(2)
    array([0.27, 0.31])

    The figure of one date, with an interval:

    >>> X_train, X_test, y_train, y_test = temporal_train_test_split(X, y)
    >>> model = ItemCosineRecommender(50).fit(X_train)
    >>> scorer.estimate(model, X_test, y_test, random_state=0)
    0.28 [0.20, 0.37] (95%, n=82, bootstrap)
    """

    metric: str = "ndcg"
    k: int = 10
    exclude_seen: bool | None = None

    def __post_init__(self) -> None:
        owner = "RecommendationScorer"
        check_option("metric", self.metric, list(_METRICS), owner)
        check_int("k", self.k, owner, low=1)
        if self.exclude_seen is not None:
            check_bool("exclude_seen", self.exclude_seen, owner)

    def __call__(self, estimator: Any, X: Any, y: Any) -> float:
        return float(_METRICS[self.metric](*self._answers(estimator, X, y), self.k))

    def by_row(self, estimator: Any, X: Any, y: Any) -> NDArray[np.float64]:
        """Score each row on its own.

        Parameters
        ----------
        estimator : object
            A fitted recommender.
        X : Snapshots, or sparse matrix or array of shape (n, n_items)
            Rows, as the recommender takes them.
        y : ItemTargets, or sparse matrix or array with n rows
            What each row took afterwards.

        Returns
        -------
        ndarray of shape (n,)
            NaN in rows with nothing to be found; the score is the mean of the others.
        """
        values = _METRICS[self.metric](*self._answers(estimator, X, y), self.k, average=None)
        return np.asarray(values, dtype=np.float64)

    def estimate(
        self,
        estimator: Any,
        X: Any,
        y: Any,
        *,
        groups: Any = None,
        coverage: float = 0.95,
        n_resamples: int = 1000,
        random_state: int | np.random.Generator | np.random.RandomState | None = None,
    ) -> Estimate:
        """Score with an interval, by resampling customers.

        Parameters
        ----------
        estimator : object
            A fitted recommender.
        X : Snapshots, or sparse matrix or array of shape (n, n_items)
            Rows, as the recommender takes them.
        y : ItemTargets, or sparse matrix or array with n rows
            What each row took afterwards.
        groups : array-like of shape (n,), default=None
            The customer of each row. If None, that is read from snapshots; rows of a matrix are
            customers of their own.
        coverage : float, default=0.95
            Share of such intervals that hold the true figure.
        n_resamples : int, default=1000
            How many samples are drawn.
        random_state : int, Generator, RandomState or None, default=None
            Where the draws come from.

        Returns
        -------
        Estimate
            Its `n` is the number of customers with something to be found; the others are not resampled.
            The model is taken as given.
        """
        values = self.by_row(estimator, X, y)
        if groups is None and isinstance(X, Snapshots):
            groups = X.customer_id
        counted = ~np.isnan(values)
        if groups is not None and len(groups) == len(values):
            groups = np.asarray(groups)[counted]
        return estimate(
            np.mean,
            values[counted],
            groups=groups,
            coverage=coverage,
            n_resamples=n_resamples,
            random_state=random_state,
        )

    def __str__(self) -> str:
        return f"{self.metric}_at_{self.k}"

    def _answers(self, estimator: Any, X: Any, y: Any) -> tuple[Any, NDArray[np.int64]]:
        """What was relevant and what was recommended, both as columns of one catalogue, which the model knows."""
        if not hasattr(estimator, "_answers"):
            raise ParameterError(
                f"RecommendationScorer scores recommenders of crmkit.recommend. Got {type(estimator).__name__} instead."
            )
        relevant, recommended = estimator._answers(X, y, self.k, self.exclude_seen)
        return relevant, recommended
