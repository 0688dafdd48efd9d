"""What checks are made of: an input that suits an estimator, its outputs, and their comparison."""

from __future__ import annotations

import inspect
import warnings
from collections.abc import Iterator
from importlib.util import find_spec
from typing import Any, Final, Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.base import clone, is_classifier, is_regressor
from sklearn.utils import get_tags

from crmkit.events import Snapshots
from crmkit.testing._sameness import assert_identical
from crmkit.testing._sample import sample_counts, sample_demand, sample_points, sample_snapshots, sample_table

Sort = Literal["snapshots", "table", "points", "long frame", "analysis"]

#: Methods whose output has one row for each row of X; a forecaster's has one for each period to come.
METHODS: Final = (
    "transform",
    "predict",
    "predict_proba",
    "decision_function",
    "predict_interval",
    "predict_components",
    "control_limits",
    "segment",
    "expected_purchases",
    "expected_spend",
    "alive_probability",
    "survival_probability",
    "purchase_count_probability",
    "residual_purchases",
    "customer_rates",
    "explain",
    "feature_table",
)

#: What the methods are given for the parameters that have no default, or would be drawn anew each time.
_ARGUMENTS: Final[dict[str, Any]] = {"horizon": "30D", "n": 1, "delta": 0.01, "random_state": 0, "n_draws": 100}

#: The parameters by which what reads long frames of series is known.
_LONG: Final = {"series", "time", "value"}


def sort_of(estimator: Any, X: Any) -> Sort:
    """Say what an estimator is checked on: the sort of X, or that of the sample if X is None.

    An analysis is a table for an estimator that only fits, with none of `METHODS`.
    """
    if not any(hasattr(estimator, name) for name in METHODS):
        return "analysis"
    if isinstance(X, Snapshots):
        return "snapshots"
    if estimator.get_params(deep=False).keys() >= _LONG:
        return "long frame"
    tags = get_tags(estimator).input_tags
    if not tags.two_d_array and (tags.one_d_array or tags.positive_only):
        return "points"
    return "table" if X is not None or (tags.two_d_array and _refuses_snapshots(estimator)) else "snapshots"


def _refuses_snapshots(estimator: Any) -> bool:
    try:
        fitted_on(estimator, sample_snapshots(), None)
    except (ValueError, TypeError) as error:
        return "Snapshots" in str(error)
    return False


def prepared(estimator: Any, X: Any, y: Any) -> tuple[Any, Any, Any]:
    """A clone that draws the same numbers each time, an input that suits it, and a target."""
    estimator = clone(estimator)
    if "random_state" in estimator.get_params():
        estimator.set_params(random_state=0)
    if X is None:
        X = _sample(estimator)
    if y is None and isinstance(X, Snapshots):
        if is_classifier(estimator):
            y = X.churned()
        elif is_regressor(estimator):
            y = X.future_value()
    elif y is None and sort_of(estimator, X) == "analysis":
        y = np.prod(np.asarray(X)[:, :2], axis=1)
    return estimator, X, y


def _sample(estimator: Any) -> Any:
    sort = sort_of(estimator, None)
    if sort == "points":
        return sample_points() if get_tags(estimator).input_tags.one_d_array else sample_counts()
    return {"snapshots": sample_snapshots, "long frame": sample_demand}.get(sort, sample_table)()


def fitted_on(estimator: Any, X: Any, y: Any = None) -> Any:
    """A fitted clone."""
    with warnings.catch_warnings():
        # What an estimator thinks of the sample is not what is checked.
        warnings.simplefilter("ignore")
        fitted = clone(estimator)
        return fitted.fit(X) if y is None else fitted.fit(X, y)


def outputs(fitted: Any, X: Any) -> dict[str, Any]:
    """What the methods of a fitted estimator give for X; the numbers that it has learnt, if it has no such method."""
    methods = methods_of(fitted)
    learnt = {} if methods else {name: value for name, value in vars(fitted).items() if _is_learnt(name, value)}
    if learnt:
        return learnt
    if not methods:
        raise AssertionError(
            f"{name_of(fitted)} has none of the methods {', '.join(METHODS)}, so nothing can be checked."
        )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return {name: called(getattr(fitted, name), X) for name in methods}


def _is_learnt(name: str, value: Any) -> bool:
    numbers = isinstance(value, float) or (isinstance(value, np.ndarray) and value.dtype.kind in "iufb")
    return name.endswith("_") and not name.startswith("_") and numbers


def methods_of(fitted: Any) -> list[str]:
    """The methods that need nothing but rows, and what they are given here: a recommender explains an item."""
    return [name for name in METHODS if hasattr(fitted, name) and _needs_rows_alone(getattr(fitted, name))]


def _needs_rows_alone(method: Any) -> bool:
    named = [one for one in inspect.signature(method).parameters.values() if one.kind is not one.VAR_KEYWORD]
    return {one.name for one in named if one.default is one.empty} <= {"X", *_ARGUMENTS}


def called(method: Any, X: Any) -> Any:
    """What a method gives for X."""
    parameters = inspect.signature(method).parameters
    given = {name: value for name, value in _ARGUMENTS.items() if name in parameters}
    # Forecasters are asked for a number of steps first, and go on from the history of `fit` without X.
    return method(X=X, **given) if "X" in parameters and next(iter(parameters)) != "X" else method(X, **given)


def name_of(estimator: Any) -> str:
    """The name of the class."""
    return type(estimator).__name__


def same_outputs(actual: dict[str, Any], expected: dict[str, Any], name: str, when: str) -> None:
    """Raise an AssertionError unless all outputs are the same bits."""
    for method, output in expected.items():
        assert_identical(actual[method], output, f"{name}.{method}, {when},")


def taken(output: Any, rows: NDArray[Any]) -> Any:
    """Some rows of any output."""
    if hasattr(output, "iloc"):
        return output.iloc[rows]
    return output[rows.tolist()] if hasattr(output, "columns") else output[rows]


def new_order(n: int) -> NDArray[np.int64]:
    """Rows in another order."""
    return np.random.default_rng(0).permutation(n)


def rows_of(X: Any, rows: Any) -> Any:
    """Some rows of any input."""
    return X.iloc[rows] if hasattr(X, "iloc") else X[rows]


def containers(X: Any) -> Iterator[tuple[str, Any]]:
    """Yield other things that hold the same numbers as an array or a pandas frame, by what they are."""
    frame = X if isinstance(X, pd.DataFrame) else pd.DataFrame(np.asarray(X))
    frame = frame.rename(columns=str)
    if isinstance(X, pd.DataFrame):
        yield "a dict of arrays", {name: frame[name].to_numpy() for name in frame}
    else:
        yield "a pandas frame", frame
        yield "a list", np.asarray(X).tolist()
    if frame.shape[1] == 1:
        yield "a pandas Series", frame.iloc[:, 0]
    if find_spec("polars") is not None:
        import polars as pl

        columns = {name: _plain(frame[name]) for name in frame}
        yield "a polars frame", pl.DataFrame(columns)
    if find_spec("pyarrow") is not None:
        import pyarrow as pa

        yield "a pyarrow table", pa.table({name: _plain(frame[name]) for name in frame})


def _plain(column: pd.Series[Any]) -> Any:
    """A column as others take it: text as a list, all else as an array."""
    return column.tolist() if column.dtype.kind not in "biufM" else column.to_numpy()
