"""The checks that any estimator of the library must pass, beside scikit-learn's own, and those of snapshots."""

from __future__ import annotations

import copy
import io
import pickle
import tempfile
import warnings
from concurrent.futures import ThreadPoolExecutor
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final

import joblib
import numpy as np
from sklearn.base import clone

from crmkit.events import EventLog, Snapshots
from crmkit.testing._running import (
    called,
    containers,
    fitted_on,
    methods_of,
    name_of,
    new_order,
    outputs,
    prepared,
    rows_of,
    same_outputs,
    taken,
)
from crmkit.testing._sameness import assert_identical
from crmkit.testing._sample import other_futures, rows_upon, sample_snapshots, shuffled


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


# -- what comes out for each row ---------------------------------------------------------------


def check_row_preserving(estimator: Any, X: Any = None, y: Any = None) -> None:
    """Check that every output has one row for each row of X, in its order.

    pandas frames must carry the keys of the rows, (customer_id, as_of), as their index; of X that is a
    pandas frame, its index.

    Parameters
    ----------
    estimator : estimator
        It is cloned.
    X : Snapshots, array or frame, default=None
        If None, what suits the estimator: a long frame of demand if it has the parameters series, time and
        value; points in the order of time, or a table of counts and sizes, if its tags say that it takes
        one-dimensional arrays, or no table but numbers that are not negative; a table if it refuses
        Snapshots, saying so; else rows of a small shop.
    y : array, default=None
        If None and X are Snapshots: churn for classifiers, money for regressors, else nothing.

    Examples
    --------
    >>> from sklearn.preprocessing import StandardScaler
    >>> from crmkit.testing import check_row_preserving
    >>> check_row_preserving(StandardScaler(), [[1.0], [2.0]])
    """
    estimator, X, y = prepared(estimator, X, y)
    fitted = fitted_on(estimator, X, y)
    n = X.shape[0] if hasattr(X, "shape") else len(X)
    for method, output in outputs(fitted, X).items():
        found = output.shape[0] if hasattr(output, "shape") else len(output)
        if found != n:
            raise AssertionError(f"{name_of(estimator)}.{method} gives {found} rows for {n} rows of X.")
        if isinstance(X, Snapshots) and hasattr(output, "index") and hasattr(output, "iloc"):
            keys = output.index
            if list(keys.names) != ["customer_id", "as_of"]:
                raise AssertionError(f"{name_of(estimator)}.{method} has the index {list(keys.names)}, not the keys.")
            assert_identical(keys.get_level_values(0), X.customer_id, f"{name_of(estimator)}.{method}, its customers,")
            assert_identical(keys.get_level_values(1), X.as_of, f"{name_of(estimator)}.{method}, its instants,")
        elif hasattr(X, "iloc") and hasattr(output, "iloc"):
            assert_identical(output.index, X.index, f"{name_of(estimator)}.{method}, its index,")


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
    estimator, X, y = prepared(estimator, X, y)
    fitted = fitted_on(estimator, X, y)
    whole = outputs(fitted, X)
    n = X.shape[0]
    batches = [np.arange(n // 2), np.arange(n // 2, n), np.arange(0, n, 7), np.array([0, 0, n - 1])]
    batches += [np.array([row]) for row in np.linspace(0, n - 1, 5).astype(int)]
    for rows in batches:
        part = outputs(fitted, rows_of(X, rows))
        expected = {method: taken(output, rows) for method, output in whole.items()}
        same_outputs(part, expected, name_of(estimator), f"of {len(rows)} of {n} rows")


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
    estimator, X, y = prepared(estimator, X, y)
    fitted = fitted_on(estimator, X, y)
    order = new_order(X.shape[0])
    whole = outputs(fitted, X)
    expected = {method: taken(output, order) for method, output in whole.items()}
    same_outputs(outputs(fitted, rows_of(X, order)), expected, name_of(estimator), "of rows in another order")


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
    estimator, X, y = prepared(estimator, X, y)
    expected = outputs(fitted_on(estimator, X, y), X)
    other = rows_upon(shuffled(X.log), X)
    same_outputs(
        outputs(fitted_on(estimator, other, y), other), expected, name_of(estimator), "of events in another order"
    )


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
    estimator, X, y = prepared(estimator, X, y)
    fitted = fitted_on(estimator, X, y)
    whole = outputs(fitted, X)
    ids = np.unique(X.customer_id)
    for customer in ids[np.linspace(0, len(ids) - 1, min(len(ids), 12)).astype(int)]:
        rows = np.flatnonzero(X.customer_id == customer)
        alone = rows_upon(X.log.customer(customer), X[rows])
        expected = {method: taken(output, rows) for method, output in whole.items()}
        same_outputs(outputs(fitted, alone), expected, name_of(estimator), "from a log of one customer")


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
    estimator, X, y = prepared(estimator, X, y)
    dates = np.unique(X.as_of)
    for as_of in {dates[-1], dates[len(dates) // 2]}:
        rows = np.flatnonzero(X.as_of <= as_of)
        seen, target = X[rows], None if y is None else y[rows]
        expected = outputs(fitted_on(estimator, seen, target), seen)
        for how, log in other_futures(X.log, as_of):
            other = rows_upon(log, seen)
            found = outputs(fitted_on(estimator, other, target), other)
            same_outputs(found, expected, name_of(estimator), f"after {how} what lies at or after as_of")


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
    estimator, X, y = prepared(estimator, X, y)
    before = {"X": joblib.hash(X), "y": joblib.hash(y), "parameters": joblib.hash(estimator.get_params())}
    fitted = fitted_on(estimator, X, y)
    model = joblib.hash(vars(fitted))
    outputs(fitted, X)
    after = {"X": joblib.hash(X), "y": joblib.hash(y), "parameters": joblib.hash(fitted.get_params())}
    changed = [name for name in before if before[name] != after[name]]
    if changed:
        raise AssertionError(f"{name_of(estimator)} changes its {' and '.join(changed)}.")
    if joblib.hash(vars(fitted)) != model:
        raise AssertionError(f"{name_of(estimator)} changes itself when it predicts, so threads cannot share it.")


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
    estimator, X, y = prepared(estimator, X, y)
    expected = outputs(fitted_on(estimator, X, y), X)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "inputs.joblib"
        joblib.dump((X, y), path)
        mapped, target = joblib.load(path, mmap_mode="r")
        same_outputs(
            outputs(fitted_on(estimator, mapped, target), mapped), expected, name_of(estimator), "of read-only input"
        )
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
    estimator, X, y = prepared(estimator, X, y)
    fitted = fitted_on(estimator, X, y)
    expected = outputs(fitted, X)
    for protocol in (2, pickle.HIGHEST_PROTOCOL):
        again = pickle.loads(pickle.dumps(fitted, protocol))  # noqa: S301  # it was written one call ago
        same_outputs(outputs(again, X), expected, name_of(estimator), "after pickling")
    same_outputs(outputs(copy.deepcopy(fitted), X), expected, name_of(estimator), "after copying")
    finder = _LogFinder(io.BytesIO())
    finder.dump(fitted)
    if finder.found:
        raise AssertionError(
            f"A fitted {name_of(estimator)} holds {' and '.join(sorted(finder.found))}: the customers' data would "
            "travel with the model. Keep log.fingerprint and as_of in fitted_on_ instead."
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
    estimator, X, y = prepared(estimator, X, y)
    fitted = fitted_on(estimator, X, y)
    expected = outputs(fitted, X)
    with ThreadPoolExecutor(4) as pool:
        for found in pool.map(lambda _: outputs(fitted, X), range(8)):
            same_outputs(found, expected, name_of(estimator), "from several threads")
    if "n_jobs" in estimator.get_params():
        for n_jobs in (1, 2, 3, -1, None):
            found = outputs(fitted_on(clone(estimator).set_params(n_jobs=n_jobs), X, y), X)
            same_outputs(found, expected, name_of(estimator), f"with n_jobs={n_jobs}")


def check_containers(estimator: Any, X: Any = None, y: Any = None) -> None:
    """Check that a list, a dict, a pandas, polars or pyarrow frame of the same numbers gives the same bits.

    Not for Snapshots, which are of one kind. Lists and Series stand for arrays, dicts for frames.

    Parameters
    ----------
    estimator, X, y
        As in `check_row_preserving`; X must be an array or a pandas frame.

    Examples
    --------
    >>> from crmkit.smoothing import PChart
    >>> from crmkit.testing import check_containers
    >>> check_containers(PChart())
    """
    estimator, X, y = prepared(estimator, X, y)
    fitted = fitted_on(estimator, X, y)
    expected = outputs(fitted, X)
    for kind, other in containers(X):
        same_outputs(outputs(fitted, other), expected, name_of(estimator), f"of {kind}")
        same_outputs(outputs(fitted_on(estimator, other, y), X), expected, name_of(estimator), f"fitted on {kind}")


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
    estimator, X, y = prepared(estimator, X, y)
    for name in estimator.get_params(deep=False):
        for rubbish in _RUBBISH:
            try:
                broken = clone(estimator).set_params(**{name: rubbish})
                _fitted_as_it_is(broken, X, y)
            except (ValueError, TypeError) as error:
                if name not in str(error):
                    raise AssertionError(
                        f"{name_of(estimator)}({name}={rubbish!r}) is refused without naming the parameter: {error}"
                    ) from error
            except Exception as error:
                raise AssertionError(
                    f"{name_of(estimator)}({name}={rubbish!r}) fails with a {type(error).__name__} instead of a "
                    f"ValueError or TypeError that names the parameter: {error}"
                ) from error
            else:
                if rubbish is _RUBBISH[0]:
                    raise AssertionError(f"{name_of(estimator)} takes {name}=Rubbish() without a word.")


def _fitted_as_it_is(estimator: Any, X: Any, y: Any) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        fitted = estimator.fit(X) if y is None else estimator.fit(X, y)
        # A parameter that only predicting reads is refused there at the latest.
        outputs(fitted, X)


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
    estimator, X, y = prepared(estimator, X, y)
    fitted = fitted_on(estimator, X, y)
    other: Any = np.ones((5, 4)) if isinstance(X, Snapshots) else sample_snapshots()
    got = "an array" if isinstance(X, Snapshots) else "Snapshots"
    for method in methods_of(fitted):
        try:
            called(getattr(fitted, method), other)
        except (ValueError, TypeError) as error:
            if "Snapshots" not in str(error):
                raise AssertionError(
                    f"{name_of(estimator)}.{method} refuses {got} without saying what it wants: {error}"
                ) from error
        else:
            raise AssertionError(f"{name_of(estimator)}.{method} takes {got}, on which it was not fitted.")


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
    estimator, X, y = prepared(estimator, X, y)
    if not hasattr(estimator, "transform"):
        return
    fitted = fitted_on(estimator, X, y)
    names = list(fitted.get_feature_names_out())
    if {"customer_id", "as_of"} & set(names):
        raise AssertionError(f"{name_of(estimator)} has a key among its features: {names}.")
    expected = fitted.transform(X)
    if hasattr(expected, "columns") and list(expected.columns) != names:
        raise AssertionError(
            f"{name_of(estimator)}.transform gives the columns {list(expected.columns)}, get_feature_names_out {names}."
        )
    for container in ("pandas", "polars"):
        if find_spec(container) is None or not hasattr(fitted, "set_output"):
            continue
        output = fitted_on(clone(estimator).set_output(transform=container), X, y).transform(X)
        if type(output).__module__.partition(".")[0] != container or list(output.columns) != names:
            raise AssertionError(
                f"{name_of(estimator)}.set_output(transform={container!r}) gives a {type(output).__name__} with the "
                f"columns {list(getattr(output, 'columns', []))} instead of {names}."
            )
