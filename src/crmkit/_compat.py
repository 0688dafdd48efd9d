"""The only file that names private parts of scikit-learn, and what depends on its version.

scikit-learn's engine of parameter constraints is private, but it writes the messages that users
know, so crmkit's estimators use it. If a version of scikit-learn moves something, this is the one
file to change.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from importlib.util import find_spec
from threading import Lock
from typing import Any, Final, NamedTuple

import numpy as np
import sklearn
from numpy.typing import NDArray
from sklearn.utils import _safe_indexing as safe_indexing
from sklearn.utils._param_validation import (
    HasMethods,
    Hidden,
    Interval,
    InvalidParameterError,
    Options,
    StrOptions,
    validate_parameter_constraints,
    validate_params,
)
from sklearn.utils._set_output import _get_output_config
from sklearn.utils.metaestimators import _BaseComposition as BaseComposition
from sklearn.utils.parallel import _get_threadpool_controller
from sklearn.utils.validation import _check_sample_weight as check_sample_weight
from sklearn.utils.validation import _num_samples as num_samples

__all__ = [
    "HAS_CALLBACKS",
    "SKLEARN_VERSION",
    "BaseComposition",
    "HasMethods",
    "Hidden",
    "Interval",
    "InvalidParameterError",
    "Options",
    "StrOptions",
    "Trees",
    "boosted_trees",
    "check_sample_weight",
    "num_samples",
    "one_openmp_thread",
    "one_thread",
    "output_container",
    "safe_indexing",
    "validate_parameter_constraints",
    "validate_params",
]

SKLEARN_VERSION: Final = tuple(int(part) for part in sklearn.__version__.split(".")[:2])
"""Major and minor version, such as ``(1, 6)``."""

HAS_CALLBACKS: Final = find_spec("sklearn.callback") is not None
"""Whether estimators can report their progress through scikit-learn's callbacks (1.9 and later)."""


def output_container(estimator: Any, method: str = "transform") -> str:
    """Return what ``set_output`` or the global configuration asks of an estimator.

    Parameters
    ----------
    estimator : estimator
        The estimator that makes the output.
    method : str, default='transform'
        The method whose output it is.

    Returns
    -------
    {'default', 'pandas', 'polars'}
        ``"default"`` where the user asked for nothing.

    Examples
    --------
    >>> from sklearn.preprocessing import StandardScaler
    >>> output_container(StandardScaler().set_output(transform="pandas"))
    'pandas'
    """
    return str(_get_output_config(method, estimator)["dense"])


def one_openmp_thread() -> AbstractContextManager[object]:
    """Return a context in which scikit-learn's gradient boosting uses one thread.

    Its threads meet after every node of a tree, and wait for each other by spinning: with few rows, on
    cores that others use too, that took ten times as long as one thread.

    Returns
    -------
    context manager
        It changes the calling thread alone, so that predictions in several threads may enter it.

    Examples
    --------
    >>> with one_openmp_thread():
    ...     pass
    """
    return _get_threadpool_controller().limit(limits=1, user_api="openmp")


@contextmanager
def one_thread() -> Iterator[None]:
    """Return a context in which the linear algebra of numpy uses one thread, too.

    A logistic regression of 600 rows took four times as long with two threads, on cores that others use. It
    changes the whole process until the last of those who entered it has left: for fits, not for predictions.

    Returns
    -------
    context manager

    Examples
    --------
    >>> with one_thread():
    ...     pass
    """
    with _BLAS.lock:
        if not _BLAS.inside:
            _BLAS.limit = _get_threadpool_controller().limit(limits=1, user_api="blas")
        _BLAS.inside += 1
    try:
        with one_openmp_thread():
            yield
    finally:
        with _BLAS.lock:
            _BLAS.inside -= 1
            if not _BLAS.inside:
                _BLAS.limit.restore_original_limits()


class _BLAS:
    """Who is in `one_thread`, in any thread of the process, and what to go back to."""

    lock = Lock()
    inside = 0
    limit: Any = None


class Trees(NamedTuple):
    """All nodes of some trees; `child_left` and `child_right` are nodes, and -1 of a leaf.

    A row goes left whose `column`, as `dtype`, is at most `threshold`, or missing where `missing_left`.
    """

    column: NDArray[np.intp]
    threshold: NDArray[np.float64]
    missing_left: NDArray[np.bool_]
    child_left: NDArray[np.intp]
    child_right: NDArray[np.intp]
    value: NDArray[np.float64]
    dtype: type[np.floating[Any]]


def boosted_trees(model: Any) -> Trees | None:
    """Return the trees whose sum, and a constant, is the decision function of gradient boosting.

    Parameters
    ----------
    model : estimator

    Returns
    -------
    Trees or None
        None of other models, and where a split is on categories of `HistGradientBoostingClassifier`.

    Examples
    --------
    >>> from sklearn.ensemble import GradientBoostingClassifier
    >>> model = GradientBoostingClassifier(n_estimators=1, max_depth=1).fit([[0.0], [1.0], [2.0]], [0, 0, 1])
    >>> boosted_trees(model).threshold[0]
    np.float64(1.5)
    """
    from sklearn.ensemble import GradientBoostingClassifier, HistGradientBoostingClassifier

    if isinstance(model, HistGradientBoostingClassifier):
        nodes = [stage[0].nodes for stage in model._predictors]
        if any(tree["is_categorical"].any() for tree in nodes):
            return None
        names = ("feature_idx", "num_threshold", "missing_go_to_left", "left", "right", "value")
        each = [[tree[name] for name in names] for tree in nodes]
        for tree, columns in zip(nodes, each, strict=True):
            columns[3:5] = (np.where(tree["is_leaf"], -1, columns[i].astype(np.intp)) for i in (3, 4))
        dtype: Any = np.float64
    elif isinstance(model, GradientBoostingClassifier):
        trees = [stage[0].tree_ for stage in model.estimators_]
        each = [
            [
                tree.feature,
                tree.threshold,
                tree.missing_go_to_left,
                tree.children_left,
                tree.children_right,
                tree.value[:, 0, 0] * model.learning_rate,
            ]
            for tree in trees
        ]
        dtype = np.float32
    else:
        return None
    starts = np.cumsum([0, *(len(columns[0]) for columns in each)])
    for start, columns in zip(starts, each, strict=False):
        columns[3:5] = (np.where(columns[i] < 0, -1, columns[i] + start) for i in (3, 4))
    column, threshold, missing, left, right, value = (np.concatenate(parts) for parts in zip(*each, strict=True))
    return Trees(np.maximum(column, 0).astype(np.intp), threshold, missing.astype(bool), left, right, value, dtype)
