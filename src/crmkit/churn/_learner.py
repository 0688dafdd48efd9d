"""What learns churn where the user names no estimator: a linear model and trees, side by side."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from scipy.special import logit
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.utils import check_random_state

from crmkit._compat import one_openmp_thread

Floats = NDArray[np.float64]

#: From so many rows on several threads are worth it.
MANY_ROWS = 100_000

#: Rows that the linear model is fitted on: more would take gigabytes of hinges and change the third digit.
_MOST_ROWS = 200_000

#: Rows whose hinges are held in memory at a time.
_ROWS = 16_384

#: Probabilities are kept this far from 0 and 1 before their log-odds are taken.
_LEAST = 1e-4


class Hinges:
    """Columns bent at their quantiles, for a linear model: each becomes itself and ``max(x - knot, 0)``.

    A value beyond what training rows hold, bar half a percent of them on either side, counts as the end
    of that range: a line would go on for ever.
    """

    def __init__(self, M: Floats, weight: Floats | None, n_knots: int = 5) -> None:
        self.low, self.high = _quantiles(M, np.array([0.005, 0.995]), weight)
        inner = _quantiles(M, np.linspace(0, 1, n_knots + 2)[1:-1], weight)
        of_column, knots = [], []
        for j in range(M.shape[1]):
            levels = np.unique(M[:, j])
            if len(levels) <= 2:
                # A flag may be set in fewer rows than that.
                self.low[j], self.high[j] = levels[0], levels[-1]
                continue
            found = np.unique(inner[:, j])
            found = found[(found > self.low[j]) & (found < self.high[j])]
            of_column += [j] * len(found)
            knots += found.tolist()
        self.knots = np.array(knots)
        #: For each hinge its column; the columns themselves come first.
        self.source = np.concatenate([np.arange(M.shape[1]), np.array(of_column, dtype=np.intp)])
        raw = self._raw(M)
        self.mean = np.average(raw, axis=0, weights=weight)
        scale = np.sqrt(np.average((raw - self.mean) ** 2, axis=0, weights=weight))
        self.scale = np.where(scale > 1e-12, scale, 1.0)

    def _raw(self, M: Floats) -> Floats:
        clipped = np.clip(M, self.low, self.high)
        bent = np.maximum(clipped[:, self.source[M.shape[1] :]] - self.knots, 0.0)
        return np.ascontiguousarray(np.hstack([clipped, bent]))

    def of(self, M: Floats) -> Floats:
        """The columns and hinges of some rows, scaled to mean 0 and standard deviation 1."""
        return (self._raw(M) - self.mean) / self.scale


def _quantiles(M: Floats, shares: Floats, weight: Floats | None) -> Floats:
    """Values that so much of the weight lies at or below: a row of weight 2 counts as two rows."""
    return np.asarray(np.quantile(M, shares, axis=0, weights=weight, method="inverted_cdf"))


class LinearAndTrees(ClassifierMixin, BaseEstimator):
    """A logistic regression on bent columns and small gradient-boosted trees, of which the log-odds are mixed.

    They err in different ways: on tables of contracts, where effects add up, the first is better, where two
    things must come together for somebody to leave, the second. `ChurnClassifier` learns on held-out rows how
    much to listen to each; on its own, both count half.
    """

    def __init__(self, random_state: Any = None) -> None:
        self.random_state = random_state

    def fit(self, X: Floats, y: NDArray[Any], sample_weight: Floats | None = None) -> Self:
        self.classes_ = np.unique(y)
        some = np.arange(len(X))
        if len(X) > _MOST_ROWS:
            some = np.sort(check_random_state(self.random_state).choice(len(X), _MOST_ROWS, replace=False))
        weight = None if sample_weight is None else sample_weight[some]
        self.hinges_ = Hinges(X[some], weight)
        self.linear_ = LogisticRegression(C=0.05, max_iter=1000)
        self.linear_.fit(self.hinges_.of(X[some]), y[some], sample_weight=weight)
        self.trees_ = HistGradientBoostingClassifier(
            learning_rate=0.05, max_iter=120, max_leaf_nodes=10, min_samples_leaf=30, early_stopping=False,
            random_state=self.random_state,
        )  # fmt: skip
        with threads(len(X)):
            self.trees_.fit(X, y, sample_weight=sample_weight)
        return self

    def members(self, X: Floats) -> Floats:
        """Log-odds of the second class by each of the two models."""
        linear = np.empty(len(X))
        for begin in range(0, len(X), _ROWS):
            rows = slice(begin, begin + _ROWS)
            linear[rows] = weighted_sum(self.hinges_.of(X[rows]), self.linear_.coef_[0]) + self.linear_.intercept_
        with threads(len(X)):
            return np.column_stack([linear, self.trees_.decision_function(X)])

    def decision_function(self, X: Floats) -> Floats:
        return self.members(X).mean(axis=1)


def weighted_sum(rows: Floats, weights: Floats) -> Floats:
    """The same bits for a row whatever rows stand beside it: a matrix product adds in an order that depends on them."""
    return np.asarray((rows * weights).sum(axis=1))


def log_odds(model: Any, X: Floats) -> Floats:
    """Log-odds of the second class by each member of a fitted model, of shape (n, n_members)."""
    if isinstance(model, LinearAndTrees):
        return model.members(X)
    if hasattr(model, "decision_function"):
        return np.asarray(model.decision_function(X), dtype=np.float64).reshape(-1, 1)
    said = np.asarray(model.predict_proba(X), dtype=np.float64)[:, 1:]
    return np.asarray(logit(np.clip(said, _LEAST, 1.0 - _LEAST)))


def members_of(model: Any, M: Floats, source: NDArray[np.intp], reference: Floats) -> list[tuple[Any, ...]]:
    """Each member of a model, with the rows that it takes, where their columns come from, and a reference row."""
    if not isinstance(model, LinearAndTrees):
        return [(model, M, source, reference)]
    hinges = model.hinges_
    linear = (model.linear_, hinges.of(M), source[hinges.source], hinges.of(reference[None])[0])
    return [linear, (model.trees_, M, source, reference)]


def threads(n_rows: int) -> AbstractContextManager[object]:
    """A context in which trees use one thread for few rows."""
    return one_openmp_thread() if n_rows < MANY_ROWS else nullcontext()
