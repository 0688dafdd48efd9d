"""Spending in two parts: whether somebody buys at all, and how much then."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor

from crmkit._compat import one_openmp_thread

Floats = NDArray[np.float64]

#: From so many rows on several threads are worth it.
_MANY_ROWS = 100_000


class TwoPartBoosting(RegressorMixin, BaseEstimator):
    """Gradient boosting of the probability to buy, times that of the logarithm of the amount.

    Squared errors of amounts would be those of a few large customers; of logarithms everybody has a
    say. What the exponential of a mean logarithm is too small by, is made up for by one factor, so
    that amounts add up over the training rows. Small trees, many rows to a leaf and no early stopping:
    with some ten thousand rows each is worth more than a finer fit.
    """

    def __init__(self, random_state: Any = None) -> None:
        self.random_state = random_state

    def fit(self, X: Floats, y: Floats) -> Self:
        with _threads(len(X)):
            return self._fit(X, y)

    def predict(self, X: Floats) -> Floats:
        with _threads(len(X)):
            return self._predict(X)

    def _fit(self, X: Floats, y: Floats) -> Self:
        options: dict[str, Any] = {
            "learning_rate": 0.05, "max_iter": 150, "max_leaf_nodes": 8, "min_samples_leaf": 60,
            "l2_regularization": 1.0, "early_stopping": False, "random_state": self.random_state,
        }  # fmt: skip
        buys = y > 0
        # Without both sorts of customers, or without any money, there is nothing to tell apart.
        self.share_ = float(buys.mean())
        self.buying_ = self.amount_ = None
        if 0 < self.share_ < 1:
            self.buying_ = HistGradientBoostingClassifier(**options).fit(X, buys)
        if self.share_ > 0:
            amounts = y[buys]
            # Below it amounts differ little in the logarithm: pennies are not a scale of their own.
            self.unit_ = float(np.quantile(amounts, 0.05))
            logs = np.log1p(amounts / self.unit_)
            self.amount_ = HistGradientBoostingRegressor(**options).fit(X[buys], logs)
            self.factor_ = float(amounts.sum() / np.expm1(self.amount_.predict(X[buys])).sum())
        return self

    def _predict(self, X: Floats) -> Floats:
        if self.amount_ is None:
            return np.zeros(len(X))
        # A leaf of the smallest logarithms may end a little below zero.
        amount = self.factor_ * np.maximum(np.expm1(self.amount_.predict(X)), 0.0)
        share = self.share_ if self.buying_ is None else self.buying_.predict_proba(X)[:, 1]
        return np.asarray(share * amount)


def _threads(n_rows: int) -> AbstractContextManager[object]:
    return one_openmp_thread() if n_rows < _MANY_ROWS else nullcontext()
