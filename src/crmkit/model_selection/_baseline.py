"""Naive rules that a model has to beat."""

from __future__ import annotations

from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, ClassifierMixin, is_classifier, is_regressor
from sklearn.dummy import DummyClassifier, DummyRegressor
from sklearn.linear_model import LogisticRegression

from crmkit._validation import parameter_error
from crmkit.events import Snapshots
from crmkit.exceptions import ParameterError


class RecencyRule(ClassifierMixin, BaseEstimator):
    """Scores customers by the days since their last purchase, and by nothing else.

    A logistic regression on one column, so the order is that of the days, its direction is learnt
    from the training rows, and the probabilities are calibrated to them: every metric can judge it.
    """

    def fit(self, X: Snapshots, y: Any) -> Self:
        # The order is that of the days in any case; a penalty would only pull the probabilities to the middle.
        self.model_ = LogisticRegression(C=1e6, max_iter=1000).fit(_log_days(X), y)
        self.classes_ = self.model_.classes_
        return self

    def predict_proba(self, X: Snapshots) -> NDArray[np.float64]:
        return np.asarray(self.model_.predict_proba(_log_days(X)))

    def predict(self, X: Snapshots) -> NDArray[Any]:
        return np.asarray(self.model_.predict(_log_days(X)))


def _log_days(X: Snapshots) -> NDArray[np.float64]:
    """Return the logarithm of one plus the days since the last purchase, as a column."""
    summary = X.summary(time_unit="D")
    days = np.asarray(summary["T"]) - np.asarray(summary["recency"])
    first = X.log.first_time
    if first is not None:
        # Whoever has not bought yet is silent since before the log began.
        since_first_event = (X.as_of - first) / np.timedelta64(1, "D")
        days = np.where(np.isnan(days), np.maximum(since_first_event, 0.0) + 1.0, days)
    return np.log1p(days)[:, None]


def make_baseline(baseline: Any, estimator: Any, *, binary: bool, vector: bool) -> Any:
    """Return the estimator of a baseline, or None.

    `binary` says whether y has two classes, `vector` whether it is one value a row.
    """
    classifies, regresses = is_classifier(estimator), is_regressor(estimator)
    if isinstance(baseline, str):
        if baseline == "auto":
            if not vector or not (classifies or regresses):
                return None
            baseline = "recency" if classifies and binary else "constant"
        if baseline == "recency":
            if not (classifies and binary):
                raise ParameterError(
                    "baseline='recency' scores two classes by the time since the last purchase, and this is no "
                    "classification into two classes. Pass 'constant', an estimator or None."
                )
            return RecencyRule()
        if baseline == "constant":
            return DummyRegressor() if regresses else DummyClassifier()
    elif baseline is None or hasattr(baseline, "fit"):
        return baseline
    allowed = "'auto', 'recency', 'constant', an estimator or None"
    raise parameter_error("baseline", baseline, allowed, "backtest")
