"""The only file that names private parts of scikit-learn, and what depends on its version.

scikit-learn's engine of parameter constraints is private, but it writes the messages that users
know, so crmkit's estimators use it. If a version of scikit-learn moves something, this is the one
file to change.
"""

from __future__ import annotations

from contextlib import AbstractContextManager
from importlib.util import find_spec
from typing import Any, Final

import sklearn
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
    "check_sample_weight",
    "num_samples",
    "one_openmp_thread",
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

    Examples
    --------
    >>> with one_openmp_thread():
    ...     pass
    """
    return _get_threadpool_controller().limit(limits=1, user_api="openmp")
