"""The checks that estimators on snapshots must pass, beside scikit-learn's own."""

from __future__ import annotations

import copy
import functools
import inspect
import io
import pickle
import tempfile
import warnings
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final

import joblib
import numpy as np
from numpy.typing import NDArray
from sklearn.base import clone, is_classifier, is_regressor

from crmkit.events import EventLog, Snapshots
from crmkit.exceptions import ParameterError
from crmkit.testing._sameness import assert_identical
from crmkit.testing._sample import other_futures, rows_upon, sample_snapshots, shuffled

#: Methods whose output has one row for each row of X.
METHODS: Final = (
    "transform",
    "predict",
    "predict_proba",
    "decision_function",
    "predict_interval",
    "predict_components",
    "segment",
    "expected_purchases",
    "expected_spend",
    "alive_probability",
    "survival_probability",
    "purchase_count_probability",
    "residual_purchases",
    "customer_rates",
)

#: What the methods are given for the parameters that have no default, or would be drawn anew each time.
_ARGUMENTS: Final[dict[str, Any]] = {"horizon": "30D", "n": 1, "delta": 0.01, "random_state": 0, "n_draws": 100}


class _Rubbish:
    """What no parameter of any estimator can mean."""

    def __repr__(self) -> str:
        return "Rubbish()"


#: What no parameter, and what only some can mean.
_RUBBISH: Final[tuple[Any, ...]] = (
    _Rubbish(),
    "no such option",
    "",
    -1,
    0,
    10**30,
    float("nan"),
    float("-inf"),
    [],
    {},
    b"90D",
    ["D", 1],
)


# -- preparing ---------------------------------------------------------------------------------


def _prepared(estimator: Any, X: Any, y: Any) -> tuple[Any, Any, Any]:
    """A clone that draws the same numbers each time, rows, and a target that suits it."""
    estimator = clone(estimator)
    if "random_state" in estimator.get_params():
        estimator.set_params(random_state=0)
    if X is None:
        X = sample_snapshots()
    if y is None and isinstance(X, Snapshots):
        if is_classifier(estimator):
            y = X.churned()
        elif is_regressor(estimator):
            y = X.future_value()
    return estimator, X, y


def _fitted(estimator: Any, X: Any, y: Any) -> Any:
    with warnings.catch_warnings():
        # What an estimator thinks of the sample is not what is checked.
        warnings.simplefilter("ignore")
        fitted = clone(estimator)
        return fitted.fit(X) if y is None else fitted.fit(X, y)


def _outputs(fitted: Any, X: Any) -> dict[str, Any]:
    methods = [name for name in METHODS if hasattr(fitted, name)]
    if not methods:
        raise AssertionError(
            f"{_name(fitted)} has none of the methods {', '.join(METHODS)}, so nothing can be checked."
        )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return {name: _called(getattr(fitted, name), X) for name in methods}


def _called(method: Any, X: Any) -> Any:
    parameters = inspect.signature(method).parameters
    return method(X, **{name: value for name, value in _ARGUMENTS.items() if name in parameters})


def _name(estimator: Any) -> str:
    return type(estimator).__name__


def _same(actual: dict[str, Any], expected: dict[str, Any], name: str, when: str) -> None:
    for method, output in expected.items():
        assert_identical(actual[method], output, f"{name}.{method}, {when},")


def _taken(output: Any, rows: NDArray[Any]) -> Any:
    """Some rows of any output."""
    if hasattr(output, "iloc"):
        return output.iloc[rows]
    return output[rows.tolist()] if hasattr(output, "columns") else output[rows]


def _order(n: int) -> NDArray[np.int64]:
    return np.random.default_rng(0).permutation(n)


def _rows_of(X: Any, rows: Any) -> Any:
    return X.iloc[rows] if hasattr(X, "iloc") else X[rows]


def _on_snapshots(X: Any) -> bool:
    return isinstance(X, Snapshots)


# -- what comes out for each row ---------------------------------------------------------------


def check_row_preserving(estimator: Any, X: Any = None, y: Any = None) -> None:
    """Check that every output has one row for each row of X, in its order.

    pandas frames must carry the keys of the rows, (customer_id, as_of), as their index.

    Parameters
    ----------
    estimator : estimator
        It is cloned.
    X : Snapshots, array or frame, default=None
        Rows of a small shop if None.
    y : array, default=None
        If None and X are Snapshots: churn for classifiers, money for regressors, else nothing.

    Examples
    --------
    >>> from sklearn.preprocessing import StandardScaler
    >>> from crmkit.testing import check_row_preserving
    >>> check_row_preserving(StandardScaler(), [[1.0], [2.0]])
    """
    estimator, X, y = _prepared(estimator, X, y)
    fitted = _fitted(estimator, X, y)
    n = X.shape[0] if hasattr(X, "shape") else len(X)
    for method, output in _outputs(fitted, X).items():
        found = output.shape[0] if hasattr(output, "shape") else len(output)
        if found != n:
            raise AssertionError(f"{_name(estimator)}.{method} gives {found} rows for {n} rows of X.")
        if _on_snapshots(X) and hasattr(output, "index") and hasattr(output, "iloc"):
            keys = output.index
            if list(keys.names) != ["customer_id", "as_of"]:
                raise AssertionError(f"{_name(estimator)}.{method} has the index {list(keys.names)}, not the keys.")
            assert_identical(keys.get_level_values(0), X.customer_id, f"{_name(estimator)}.{method}, its customers,")
            assert_identical(keys.get_level_values(1), X.as_of, f"{_name(estimator)}.{method}, its instants,")


def check_batch_independent(estimator: Any, X: Any = None, y: Any = None) -> None:
    """Check that the output of a row does not depend on the other rows of the batch.

    Parameters
    ----------
    estimator, X, y
        As in `check_row_preserving`.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.preprocessing import StandardScaler
    >>> from crmkit.testing import check_batch_independent
    >>> check_batch_independent(StandardScaler(), np.array([[1.0], [2.0], [5.0]]))
    """
    estimator, X, y = _prepared(estimator, X, y)
    fitted = _fitted(estimator, X, y)
    whole = _outputs(fitted, X)
    n = X.shape[0]
    batches = [np.arange(n // 2), np.arange(n // 2, n), np.arange(0, n, 7), np.array([0, 0, n - 1])]
    batches += [np.array([row]) for row in np.linspace(0, n - 1, 5).astype(int)]
    for rows in batches:
        part = _outputs(fitted, _rows_of(X, rows))
        expected = {method: _taken(output, rows) for method, output in whole.items()}
        _same(part, expected, _name(estimator), f"of {len(rows)} of {n} rows")


def check_row_order(estimator: Any, X: Any = None, y: Any = None) -> None:
    """Check that rows in another order give the same outputs in that order.

    Parameters
    ----------
    estimator, X, y
        As in `check_row_preserving`.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.preprocessing import StandardScaler
    >>> from crmkit.testing import check_row_order
    >>> check_row_order(StandardScaler(), np.array([[1.0], [2.0], [5.0]]))
    """
    estimator, X, y = _prepared(estimator, X, y)
    fitted = _fitted(estimator, X, y)
    order = _order(X.shape[0])
    whole = _outputs(fitted, X)
    expected = {method: _taken(output, order) for method, output in whole.items()}
    _same(_outputs(fitted, _rows_of(X, order)), expected, _name(estimator), "of rows in another order")


# -- what it reads of the log ------------------------------------------------------------------


def check_event_order(estimator: Any, X: Any = None, y: Any = None) -> None:
    """Check that a log built from the same events in another order gives the same model and outputs.

    Parameters
    ----------
    estimator, X, y
        As in `check_row_preserving`; X must be Snapshots.

    Examples
    --------
    >>> from sklearn.dummy import DummyClassifier
    >>> from crmkit.testing import check_event_order
    >>> check_event_order(DummyClassifier())
    """
    estimator, X, y = _prepared(estimator, X, y)
    expected = _outputs(_fitted(estimator, X, y), X)
    other = rows_upon(shuffled(X.log), X)
    _same(_outputs(_fitted(estimator, other, y), other), expected, _name(estimator), "of events in another order")


def check_one_customer_log(estimator: Any, X: Any = None, y: Any = None) -> None:
    """Check that a row from a log of its customer alone has the output of the row from the full log.

    That is how a service scores one customer.

    Parameters
    ----------
    estimator, X, y
        As in `check_row_preserving`; X must be Snapshots.

    Examples
    --------
    >>> from sklearn.dummy import DummyClassifier
    >>> from crmkit.testing import check_one_customer_log
    >>> check_one_customer_log(DummyClassifier())
    """
    estimator, X, y = _prepared(estimator, X, y)
    fitted = _fitted(estimator, X, y)
    whole = _outputs(fitted, X)
    ids = np.unique(X.customer_id)
    for customer in ids[np.linspace(0, len(ids) - 1, min(len(ids), 12)).astype(int)]:
        rows = np.flatnonzero(X.customer_id == customer)
        alone = rows_upon(X.log.customer(customer), X[rows])
        expected = {method: _taken(output, rows) for method, output in whole.items()}
        _same(_outputs(fitted, alone), expected, _name(estimator), "from a log of one customer")


def check_future_blind(estimator: Any, X: Any = None, y: Any = None) -> None:
    """Check that nothing at or after as_of changes what is learnt or put out.

    For the latest as_of of X and for one in the middle, everything in the log from that instant on is
    dropped, shuffled, and perturbed (other amounts, new items that sort first and last, events at the
    very instant). A clone fitted on the rows up to that instant, upon the changed log and with the
    same `y`, must put out the same bits.

    Parameters
    ----------
    estimator, X, y
        As in `check_row_preserving`; X must be Snapshots.

    Examples
    --------
    >>> from sklearn.dummy import DummyClassifier
    >>> from crmkit.testing import check_future_blind
    >>> check_future_blind(DummyClassifier())
    """
    estimator, X, y = _prepared(estimator, X, y)
    dates = np.unique(X.as_of)
    for as_of in {dates[-1], dates[len(dates) // 2]}:
        rows = np.flatnonzero(X.as_of <= as_of)
        seen, target = X[rows], None if y is None else y[rows]
        expected = _outputs(_fitted(estimator, seen, target), seen)
        for how, log in other_futures(X.log, as_of):
            other = rows_upon(log, seen)
            found = _outputs(_fitted(estimator, other, target), other)
            _same(found, expected, _name(estimator), f"after {how} what lies at or after as_of")


# -- what it does to its inputs, and where it can go -------------------------------------------


def check_no_mutation(estimator: Any, X: Any = None, y: Any = None) -> None:
    """Check that neither fitting nor predicting changes X, y, the log, the parameters or the model.

    Parameters
    ----------
    estimator, X, y
        As in `check_row_preserving`.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.preprocessing import StandardScaler
    >>> from crmkit.testing import check_no_mutation
    >>> check_no_mutation(StandardScaler(), np.array([[1.0], [2.0], [5.0]]))
    """
    estimator, X, y = _prepared(estimator, X, y)
    before = {"X": joblib.hash(X), "y": joblib.hash(y), "parameters": joblib.hash(estimator.get_params())}
    fitted = _fitted(estimator, X, y)
    model = joblib.hash(vars(fitted))
    _outputs(fitted, X)
    after = {"X": joblib.hash(X), "y": joblib.hash(y), "parameters": joblib.hash(fitted.get_params())}
    changed = [name for name in before if before[name] != after[name]]
    if changed:
        raise AssertionError(f"{_name(estimator)} changes its {' and '.join(changed)}.")
    if joblib.hash(vars(fitted)) != model:
        raise AssertionError(f"{_name(estimator)} changes itself when it predicts, so threads cannot share it.")


def check_read_only(estimator: Any, X: Any = None, y: Any = None) -> None:
    """Check that read-only memory maps give the same model and outputs: what joblib hands to workers.

    Parameters
    ----------
    estimator, X, y
        As in `check_row_preserving`.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.preprocessing import StandardScaler
    >>> from crmkit.testing import check_read_only
    >>> check_read_only(StandardScaler(), np.array([[1.0], [2.0], [5.0]]))
    """
    estimator, X, y = _prepared(estimator, X, y)
    expected = _outputs(_fitted(estimator, X, y), X)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "inputs.joblib"
        joblib.dump((X, y), path)
        mapped, target = joblib.load(path, mmap_mode="r")
        _same(_outputs(_fitted(estimator, mapped, target), mapped), expected, _name(estimator), "of read-only input")
        # Windows does not remove a file that is mapped.
        del mapped, target


def check_pickle(estimator: Any, X: Any = None, y: Any = None) -> None:
    """Check that a pickled model puts out the same bits, and holds no log and no snapshots.

    Parameters
    ----------
    estimator, X, y
        As in `check_row_preserving`.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.preprocessing import StandardScaler
    >>> from crmkit.testing import check_pickle
    >>> check_pickle(StandardScaler(), np.array([[1.0], [2.0], [5.0]]))
    """
    estimator, X, y = _prepared(estimator, X, y)
    fitted = _fitted(estimator, X, y)
    expected = _outputs(fitted, X)
    for protocol in (2, pickle.HIGHEST_PROTOCOL):
        again = pickle.loads(pickle.dumps(fitted, protocol))  # noqa: S301  # it was written one call ago
        _same(_outputs(again, X), expected, _name(estimator), "after pickling")
    _same(_outputs(copy.deepcopy(fitted), X), expected, _name(estimator), "after copying")
    finder = _LogFinder(io.BytesIO())
    finder.dump(fitted)
    if finder.found:
        raise AssertionError(
            f"A fitted {_name(estimator)} holds {' and '.join(sorted(finder.found))}: the customers' data would travel "
            "with the model. Keep log.fingerprint and as_of in fitted_on_ instead."
        )


class _LogFinder(pickle.Pickler):
    """A pickler that notes the logs and snapshots that it meets."""

    def __init__(self, file: io.BytesIO) -> None:
        super().__init__(file)
        self.found: set[str] = set()

    def persistent_id(self, thing: object) -> str | None:
        if isinstance(thing, EventLog | Snapshots):
            self.found.add(type(thing).__name__)
        return None


def check_threads(estimator: Any, X: Any = None, y: Any = None) -> None:
    """Check that every `n_jobs`, and predicting from several threads at once, give the same bits.

    Parameters
    ----------
    estimator, X, y
        As in `check_row_preserving`.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.preprocessing import StandardScaler
    >>> from crmkit.testing import check_threads
    >>> check_threads(StandardScaler(), np.array([[1.0], [2.0], [5.0]]))
    """
    estimator, X, y = _prepared(estimator, X, y)
    fitted = _fitted(estimator, X, y)
    expected = _outputs(fitted, X)
    with ThreadPoolExecutor(4) as pool:
        for found in pool.map(lambda _: _outputs(fitted, X), range(8)):
            _same(found, expected, _name(estimator), "from several threads")
    if "n_jobs" in estimator.get_params():
        for n_jobs in (1, 2, 3, -1, None):
            found = _outputs(_fitted(clone(estimator).set_params(n_jobs=n_jobs), X, y), X)
            _same(found, expected, _name(estimator), f"with n_jobs={n_jobs}")


# -- what it says to rubbish -------------------------------------------------------------------


def check_parameters(estimator: Any, X: Any = None, y: Any = None) -> None:
    """Check that rubbish in any parameter is either legal or refused by an error that names it.

    An object of an unknown class must be refused by every parameter, at the latest when fitting; so
    must be changing it in `__init__`, which only stores. The error is a ValueError or a TypeError.

    Parameters
    ----------
    estimator, X, y
        As in `check_row_preserving`.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.preprocessing import StandardScaler
    >>> from crmkit.testing import check_parameters
    >>> check_parameters(StandardScaler(), np.array([[1.0], [2.0], [5.0]]))
    """
    estimator, X, y = _prepared(estimator, X, y)
    for name in estimator.get_params(deep=False):
        for rubbish in _RUBBISH:
            try:
                broken = clone(estimator).set_params(**{name: rubbish})
                _fitted_as_it_is(broken, X, y)
            except (ValueError, TypeError) as error:
                if name not in str(error):
                    raise AssertionError(
                        f"{_name(estimator)}({name}={rubbish!r}) is refused without naming the parameter: {error}"
                    ) from error
            except Exception as error:
                raise AssertionError(
                    f"{_name(estimator)}({name}={rubbish!r}) fails with a {type(error).__name__} instead of a "
                    f"ValueError or TypeError that names the parameter: {error}"
                ) from error
            else:
                if rubbish is _RUBBISH[0]:
                    raise AssertionError(f"{_name(estimator)} takes {name}=Rubbish() without a word.")


def _fitted_as_it_is(estimator: Any, X: Any, y: Any) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        fitted = estimator.fit(X) if y is None else estimator.fit(X, y)
        # A parameter that only predicting reads is refused there at the latest.
        _outputs(fitted, X)


def check_other_input(estimator: Any, X: Any = None, y: Any = None) -> None:
    """Check that a fitted estimator refuses the other kind of X than it was fitted on.

    Fitted on Snapshots it must refuse an array, fitted on a table it must refuse Snapshots, in both
    cases with a ValueError or TypeError that speaks of Snapshots.

    Parameters
    ----------
    estimator, X, y
        As in `check_row_preserving`.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.preprocessing import StandardScaler
    >>> from crmkit.testing import check_other_input
    >>> check_other_input(StandardScaler(), np.array([[1.0], [2.0], [5.0]]))
    """
    estimator, X, y = _prepared(estimator, X, y)
    fitted = _fitted(estimator, X, y)
    other: Any = np.ones((5, 4)) if _on_snapshots(X) else sample_snapshots()
    got = "an array" if _on_snapshots(X) else "Snapshots"
    for method in METHODS:
        if not hasattr(fitted, method):
            continue
        try:
            _called(getattr(fitted, method), other)
        except (ValueError, TypeError) as error:
            if "Snapshots" not in str(error):
                raise AssertionError(
                    f"{_name(estimator)}.{method} refuses {got} without saying what it wants: {error}"
                ) from error
        else:
            raise AssertionError(f"{_name(estimator)}.{method} takes {got}, on which it was not fitted.")


def check_feature_names(estimator: Any, X: Any = None, y: Any = None) -> None:
    """Check that a transformer's columns are its feature names, and that it obeys `set_output`.

    A key (customer_id, as_of) is never among the features. Estimators that do not transform pass.

    Parameters
    ----------
    estimator, X, y
        As in `check_row_preserving`.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.preprocessing import StandardScaler
    >>> from crmkit.testing import check_feature_names
    >>> check_feature_names(StandardScaler(), np.array([[1.0], [2.0], [5.0]]))
    """
    estimator, X, y = _prepared(estimator, X, y)
    if not hasattr(estimator, "transform"):
        return
    fitted = _fitted(estimator, X, y)
    names = list(fitted.get_feature_names_out())
    if {"customer_id", "as_of"} & set(names):
        raise AssertionError(f"{_name(estimator)} has a key among its features: {names}.")
    expected = fitted.transform(X)
    if hasattr(expected, "columns") and list(expected.columns) != names:
        raise AssertionError(
            f"{_name(estimator)}.transform gives the columns {list(expected.columns)}, get_feature_names_out {names}."
        )
    for container in ("pandas", "polars"):
        if find_spec(container) is None or not hasattr(fitted, "set_output"):
            continue
        output = _fitted(clone(estimator).set_output(transform=container), X, y).transform(X)
        if type(output).__module__.partition(".")[0] != container or list(output.columns) != names:
            raise AssertionError(
                f"{_name(estimator)}.set_output(transform={container!r}) gives a {type(output).__name__} with the "
                f"columns {list(getattr(output, 'columns', []))} instead of {names}."
            )


# -- all of them -------------------------------------------------------------------------------

_ANY_INPUT: Final[Sequence[Callable[..., None]]] = (
    check_row_preserving,
    check_batch_independent,
    check_row_order,
    check_no_mutation,
    check_read_only,
    check_pickle,
    check_threads,
    check_parameters,
    check_other_input,
    check_feature_names,
)
_SNAPSHOTS: Final[Sequence[Callable[..., None]]] = (check_event_order, check_one_customer_log, check_future_blind)


def estimator_checks(estimator: Any, X: Any = None, y: Any = None) -> Iterator[tuple[str, Callable[[], None]]]:
    """Yield the checks that an estimator must pass beside scikit-learn's own.

    Parameters
    ----------
    estimator : estimator
        It is cloned for each check.
    X : Snapshots, array or frame, default=None
        Rows of a small shop, as of three dates, if None. With an array or frame the checks that need
        a log are left out.
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
    checks = [*_ANY_INPUT, *(_SNAPSHOTS if X is None or isinstance(X, Snapshots) else ())]
    for check in checks:
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
        raise AssertionError(f"{len(failures)} of {count} checks fail for {_name(estimator)}: " + "; ".join(failures))
