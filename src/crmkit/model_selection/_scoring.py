"""Scorers, and scoring predictions that were made before."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.stats import rankdata
from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin, is_classifier, is_regressor
from sklearn.metrics import check_scoring
from sklearn.utils.multiclass import type_of_target

from crmkit._validation import check_option
from crmkit.exceptions import ParameterError

METHODS = ("auto", "predict_proba", "decision_function", "predict")


def as_vector(y: Any) -> NDArray[Any] | None:
    """Return y as an array if it holds one value a row, else None (items, several columns)."""
    try:
        values = np.asarray(y)
    except TypeError:
        return None
    return values if values.ndim == 1 else None


def is_binary(y: NDArray[Any] | None) -> bool:
    """Whether y has two classes."""
    return y is not None and type_of_target(y) == "binary" and len(np.unique(y)) == 2


def make_scorer(estimator: Any, scoring: Any, y: NDArray[Any] | None) -> tuple[str, Callable[..., float]]:
    """Return the name of a metric, and its scorer.

    The default is "roc_auc" for two classes, "balanced_accuracy" for more, "neg_mean_absolute_error"
    for numbers, and otherwise the estimator's own ``score``.
    """
    if isinstance(scoring, list | tuple | set | dict):
        raise ParameterError(
            "scoring takes one metric here. Run once for each, or compute the others from the table of predictions."
        )
    if scoring is None and y is not None:
        if is_classifier(estimator):
            scoring = "roc_auc" if is_binary(y) else "balanced_accuracy"
        elif is_regressor(estimator):
            scoring = "neg_mean_absolute_error"
    if scoring is None and not hasattr(estimator, "score"):
        raise ParameterError(
            f"{type(estimator).__name__} has no score method, and is neither a classifier nor a regressor. "
            "Pass scoring=, the name of a metric or a function of (estimator, X, y)."
        )
    name = scoring if isinstance(scoring, str) else "score" if scoring is None else getattr(scoring, "__name__", "")
    return name or str(scoring), check_scoring(estimator, scoring=scoring)


class Response(NamedTuple):
    """What an estimator says of rows, one value each, and how to say it again."""

    values: NDArray[Any] | None
    method: str
    classes: NDArray[Any] | None


def response(estimator: Any, X: Any, method: str) -> Response:
    """Predict rows: the probability or score of the second of two classes, else what predict says."""
    check_option("method", method, METHODS, "backtest")
    classes = getattr(estimator, "classes_", None) if is_classifier(estimator) else None
    if method == "auto":
        wanted = METHODS[1:3] if classes is not None and len(classes) == 2 else ()
        method = next((name for name in wanted if hasattr(estimator, name)), "predict")
        if not hasattr(estimator, method):
            return Response(None, method, None)
    elif not hasattr(estimator, method):
        raise ParameterError(f"{type(estimator).__name__} has no method {method!r}. Pass method='auto'.")
    values = np.asarray(getattr(estimator, method)(X))
    if method == "predict_proba":
        if values.shape[1] != 2:
            raise ParameterError(
                f"method='predict_proba' gives {values.shape[1]} columns, but the table holds one value a row, the "
                "probability of the second of two classes. Pass method='predict'."
            )
        values = values[:, 1]
    return Response(values if values.ndim == 1 else None, method, classes)


def roc_auc(y: NDArray[Any], said: NDArray[np.float64]) -> float:
    """Return the share of pairs of a 1 and a 0 that are scored in this order; ties count half."""
    positive = y > 0
    n_positive = int(positive.sum())
    pairs = n_positive * (len(y) - n_positive)
    ranks = rankdata(said)[positive].sum() - n_positive * (n_positive + 1) / 2
    return float(ranks / pairs) if pairs else float("nan")


def neg_mean_absolute_error(y: NDArray[Any], said: NDArray[np.float64]) -> float:
    """Return minus the mean distance between what was said and what came."""
    return -float(np.mean(np.abs(y - said)))


# The default metrics again, 20 times as fast as through a scorer, which checks its arrays each time: an
# interval needs them a thousand times. What a scorer says of the folds decides; a test compares the two.
DIRECT = {"roc_auc": roc_auc, "neg_mean_absolute_error": neg_mean_absolute_error}


class _Replay(BaseEstimator):
    """An estimator that says again what another one said, whatever it is asked about."""

    def __init__(self, values: Any = None, classes_: Any = None) -> None:
        self.values = values
        self.classes_ = classes_

    def predict(self, X: Any) -> NDArray[Any]:  # noqa: ARG002  what is asked about is known
        return self.values


class _ReplayNumbers(RegressorMixin, _Replay):
    pass


class _ReplayLabels(ClassifierMixin, _Replay):
    pass


class _ReplayProbabilities(ClassifierMixin, _Replay):
    def predict_proba(self, X: Any) -> NDArray[np.float64]:  # noqa: ARG002  likewise, known
        return np.column_stack([1.0 - self.values, self.values])

    def predict(self, X: Any) -> NDArray[Any]:  # noqa: ARG002  likewise, known
        return self.classes_[(self.values > 0.5).astype(np.intp)]


class _ReplayDecisions(ClassifierMixin, _Replay):
    def decision_function(self, X: Any) -> NDArray[np.float64]:  # noqa: ARG002  likewise, known
        return self.values

    def predict(self, X: Any) -> NDArray[Any]:  # noqa: ARG002  likewise, known
        return self.classes_[(self.values > 0).astype(np.intp)]


def replay(said: Response, values: NDArray[Any]) -> BaseEstimator:
    """Return an estimator that gives these values as its response."""
    if said.method == "predict_proba":
        return _ReplayProbabilities(values, said.classes)
    if said.method == "decision_function":
        return _ReplayDecisions(values, said.classes)
    return _ReplayNumbers(values) if said.classes is None else _ReplayLabels(values, said.classes)
