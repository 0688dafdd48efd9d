"""Which checks each sort of estimator must pass."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from typing import Any, Final

from crmkit.exceptions import ParameterError
from crmkit.testing._checks import (
    check_batch_independent,
    check_containers,
    check_event_order,
    check_feature_names,
    check_future_blind,
    check_no_mutation,
    check_one_customer_log,
    check_other_input,
    check_parameters,
    check_pickle,
    check_read_only,
    check_row_order,
    check_row_preserving,
    check_threads,
)
from crmkit.testing._forecast_checks import (
    check_column_names,
    check_frame_order,
    check_history,
    check_later_values,
    check_neighbours,
    check_steps,
)
from crmkit.testing._point_checks import check_later_points, check_missing_points
from crmkit.testing._running import Sort, name_of, sort_of

_Checks = tuple[Callable[..., None], ...]

_ANY: Final[_Checks] = (
    check_no_mutation,
    check_read_only,
    check_pickle,
    check_threads,
    check_parameters,
    check_other_input,
)
_ROWS: Final[_Checks] = (check_row_preserving, check_batch_independent, check_row_order, *_ANY, check_feature_names)
_FAMILIES: Final[dict[Sort, _Checks]] = {
    "table": _ROWS,
    "snapshots": (*_ROWS, check_event_order, check_one_customer_log, check_future_blind),
    "points": (check_row_preserving, *_ANY, check_containers, check_later_points, check_missing_points),
    "long frame": (
        check_steps,
        *_ANY,
        check_feature_names,
        check_containers,
        check_frame_order,
        check_column_names,
        check_neighbours,
        check_later_values,
        check_history,
    ),
    "analysis": (*(check for check in _ANY if check is not check_other_input), check_containers),
}


def estimator_checks(estimator: Any, X: Any = None, y: Any = None) -> Iterator[tuple[str, Callable[[], None]]]:
    """Yield the checks that an estimator must pass beside scikit-learn's own.

    Parameters
    ----------
    estimator : estimator
        It is cloned for each check.
    X : Snapshots, array or frame, default=None
        What it is checked on, and thereby which checks there are: rows of a log; a table of independent
        rows; points in the order of time; or a long pandas frame of series, sorted. If None, what suits
        it: see `check_row_preserving`.
    y : array, default=None
        If None and X are Snapshots: churn for classifiers, money for regressors, else nothing.

    Yields
    ------
    name : str
        Name of the check.
    check : callable
        Called without arguments; it raises an AssertionError that says what is wrong.

    Raises
    ------
    ParameterError
        If `estimator` is a class.

    See Also
    --------
    check_snapshot_estimator : Runs them all.
    all_estimators : What crmkit runs them on.

    Examples
    --------
    >>> import pytest
    >>> from sklearn.dummy import DummyClassifier
    >>> from crmkit.testing import estimator_checks
    >>> [name for name, check in estimator_checks(DummyClassifier())][-1]
    'check_future_blind'
    """
    if isinstance(estimator, type):
        raise ParameterError(f"estimator must be an estimator, not a class: pass {estimator.__name__}().")
    for check in _FAMILIES[sort_of(estimator, X)]:
        yield check.__name__, functools.partial(check, estimator, X, y)


def check_snapshot_estimator(estimator: Any, X: Any = None, y: Any = None) -> None:
    """Run every check of `estimator_checks`, and raise one error that lists all failures.

    Parameters
    ----------
    estimator, X, y
        As in `estimator_checks`.

    Raises
    ------
    AssertionError
        If some checks fail, each named.

    Examples
    --------
    >>> from sklearn.dummy import DummyClassifier
    >>> from crmkit.testing import check_snapshot_estimator
    >>> check_snapshot_estimator(DummyClassifier())
    Traceback (most recent call last):
    ...
    AssertionError: 1 of 13 checks fail for DummyClassifier: check_other_input: DummyClassifier.predict takes ...
    """
    failures, count = [], 0
    for name, check in estimator_checks(estimator, X, y):
        count += 1
        try:
            check()
        except Exception as error:  # noqa: BLE001  whatever a check meets is a failure of the estimator
            failures.append(f"{name}: {error}")
    if failures:
        raise AssertionError(f"{len(failures)} of {count} checks fail for {name_of(estimator)}: " + "; ".join(failures))
