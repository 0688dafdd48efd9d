"""The checks of what reads long frames of series: forecasters, and transformers such as lags."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.base import clone

from crmkit.exceptions import ParameterError
from crmkit.testing._checks import check_row_preserving
from crmkit.testing._running import called, fitted_on, name_of, new_order, outputs, prepared, same_outputs, taken
from crmkit.testing._sameness import assert_identical

#: Numbers that no series of the sample comes near to.
_POISON = 1e7


def check_steps(estimator: Any, X: Any = None, y: Any = None) -> None:
    """Check that a forecaster gives each series its next periods, and nothing else.

    ``predict(steps, X=X)`` must have `steps` rows for each series, sorted by series and time, whose times
    follow the last one of the series in X; ``predict_interval`` must have as many rows and two columns. What
    transforms must have one row for each row of X.

    Parameters
    ----------
    estimator : estimator
        It is cloned.
    X : pandas frame, default=None
        One row for each series and period, sorted by them. If None, as in `check_row_preserving`.
    y : array, default=None
        Passed on to `fit` if given.

    Examples
    --------
    >>> from crmkit.forecast import NaiveForecaster
    >>> from crmkit.testing import check_steps
    >>> check_steps(NaiveForecaster())
    """
    estimator, X, y = prepared(estimator, X, y)
    if not _is_forecaster(estimator):
        check_row_preserving(estimator, X, y)
        return
    fitted, name = fitted_on(estimator.set_params(steps=3), X, y), name_of(estimator)
    last = X.groupby(estimator.series)[estimator.time].max()
    for steps in (1, 3):
        forecasts = fitted.predict(steps, X=X)
        wanted = np.repeat(last.index.to_numpy(), steps)
        assert_identical(forecasts[estimator.series].to_numpy(), wanted, f"{name}.predict, its series,")
        times = np.column_stack([last.to_numpy(), forecasts[estimator.time].to_numpy().reshape(-1, steps)])
        if not bool((times[:, 1:] > times[:, :-1]).all()):
            raise AssertionError(f"{name}.predict gives times that do not ascend from the last one of each series.")
    if hasattr(fitted, "predict_interval"):
        intervals = np.asarray(called(fitted.predict_interval, X))
        if intervals.shape != (3 * len(last), 2):
            raise AssertionError(
                f"{name}.predict_interval has the shape {intervals.shape} instead of {(3 * len(last), 2)}."
            )


def check_neighbours(estimator: Any, X: Any = None, y: Any = None) -> None:
    """Check that no other series changes a bit of what is said of one.

    The values of the other series are dropped, made huge or missing, moved to later periods, and joined by new
    series; the fitted estimator must say the same of those that were left alone.

    Parameters
    ----------
    estimator, X, y
        As in `check_steps`; X has at least two series.

    Examples
    --------
    >>> from crmkit.forecast import LagFeatures
    >>> from crmkit.testing import check_neighbours
    >>> check_neighbours(LagFeatures(rolling=[("mean", 3)]))
    """
    estimator, X, y = prepared(estimator, X, y)
    fitted, name = fitted_on(estimator, X, y), name_of(estimator)
    whole = _by_series(fitted, X)
    ids = X[estimator.series].unique()
    for kept in (ids[::2], ids[1::2], ids[-1:]):
        for how, other in _other_neighbours(estimator, X, kept):
            found = _by_series(fitted, other)
            for one in kept:
                same_outputs(found[one], whole[one], name, f"of a series whose neighbours are {how}")


def check_later_values(estimator: Any, X: Any = None, y: Any = None) -> None:
    """Check that nothing at or after a period is seen by what is to be known before it.

    What transforms must give a row the same whatever its own value and the later ones are. A forecaster
    of crmkit is run by `crmkit.forecast.rolling_origin`, on X and on X with other values from the origin on,
    and must say the same; one that this refuses passes.

    Parameters
    ----------
    estimator, X, y
        As in `check_steps`.

    Examples
    --------
    >>> from crmkit.forecast import LagFeatures
    >>> from crmkit.testing import check_later_values
    >>> check_later_values(LagFeatures([1, 12]))
    """
    estimator, X_whole, y = prepared(estimator, X, y)
    name, times = name_of(estimator), np.sort(X_whole[estimator.time].unique())
    for place in (len(times) // 2, len(times) - 4):
        origin = times[place]
        X = X_whole[(X_whole[estimator.time] <= times[place + 3]).to_numpy()]
        late = (X[estimator.time] >= origin).to_numpy()
        other = X.assign(**{estimator.value: _poisoned(X[estimator.value], late)})
        if _is_forecaster(estimator):
            expected, found = (_at_origin(estimator, frame) for frame in (X, other))
        else:
            fitted = fitted_on(estimator, X, y)
            rows = np.flatnonzero((X[estimator.time] <= origin).to_numpy())
            expected, found = (
                {method: taken(output, rows) for method, output in outputs(fitted, frame).items()}
                for frame in (X, other)
            )
        same_outputs(found, expected, name, "after changing what lies at or after the period")


def check_frame_order(estimator: Any, X: Any = None, y: Any = None) -> None:
    """Check that the order of the rows of a long frame means nothing.

    The same model comes of them, and the same forecasts; what transforms gives each row what it gave it.

    Parameters
    ----------
    estimator, X, y
        As in `check_steps`.

    Examples
    --------
    >>> from crmkit.forecast import LagFeatures
    >>> from crmkit.testing import check_frame_order
    >>> check_frame_order(LagFeatures())
    """
    estimator, X, y = prepared(estimator, X, y)
    fitted, order = fitted_on(estimator, X, y), new_order(len(X))
    other = X.iloc[order]
    expected = outputs(fitted, X)
    same_outputs(outputs(fitted_on(estimator, other, y), X), expected, name_of(estimator), "fitted in another order")
    if not _is_forecaster(estimator):
        expected = {method: taken(output, order) for method, output in expected.items()}
    same_outputs(outputs(fitted, other), expected, name_of(estimator), "of rows in another order")


def check_history(estimator: Any, X: Any = None, y: Any = None) -> None:
    """Check that a forecaster goes on from the history of `fit`, and that asking it changes nothing.

    Without X it must say what it says with the X of `fit`, whatever it was asked before, and the first of
    many steps must be what it says of a few. What does not forecast passes.

    Parameters
    ----------
    estimator, X, y
        As in `check_steps`.

    Examples
    --------
    >>> from crmkit.forecast import CrostonForecaster
    >>> from crmkit.testing import check_history
    >>> check_history(CrostonForecaster())
    """
    estimator, X, y = prepared(estimator, X, y)
    if not _is_forecaster(estimator):
        return
    fitted, name = fitted_on(estimator.set_params(steps=7), X, y), name_of(estimator)
    expected = {"predict": fitted.predict(3, X=X)}
    fitted.predict(7)
    outputs(fitted, X)
    same_outputs({"predict": fitted.predict(3)}, expected, name, "from the history of fit")
    many = fitted.predict(7)
    rows = np.flatnonzero(np.arange(len(many)) % 7 < 3)
    same_outputs({"predict": taken(many, rows)}, expected, name, "for the first of many steps")


def check_column_names(estimator: Any, X: Any = None, y: Any = None) -> None:
    """Check that the columns of a long frame may have any names and any order, with others among them.

    Parameters
    ----------
    estimator, X, y
        As in `check_steps`.

    Examples
    --------
    >>> from crmkit.forecast import LagFeatures
    >>> from crmkit.testing import check_column_names
    >>> check_column_names(LagFeatures())
    """
    estimator, X, y = prepared(estimator, X, y)
    names = {estimator.series: "Laden", estimator.time: "时间", estimator.value: "n sold"}
    other = X.rename(columns=names).assign(note="not looked at")[["n sold", "note", "时间", "Laden"]]
    renamed = clone(estimator).set_params(series="Laden", time="时间", value="n sold")
    expected = outputs(fitted_on(estimator, X, y), X)
    expected = {
        method: output.rename(columns=names) if hasattr(output, "rename") else output
        for method, output in expected.items()
    }
    found = outputs(fitted_on(renamed, other, y), other)
    same_outputs(found, expected, name_of(estimator), "of columns with other names")


def _is_forecaster(estimator: Any) -> bool:
    return not hasattr(estimator, "transform")


def _by_series(fitted: Any, X: pd.DataFrame) -> dict[Any, dict[str, Any]]:
    """What a fitted estimator says of each series."""
    found = outputs(fitted, X)
    owners = (found["predict"] if _is_forecaster(fitted) else X)[fitted.series].to_numpy()
    places = {one: np.flatnonzero(owners == one) for one in X[fitted.series].unique()}
    return {one: {method: taken(output, rows) for method, output in found.items()} for one, rows in places.items()}


def _other_neighbours(estimator: Any, X: pd.DataFrame, kept: NDArray[Any]) -> list[tuple[str, pd.DataFrame]]:
    """Frames in which the series that are not kept are others."""
    own = X[X[estimator.series].isin(kept)]
    theirs = X[~X[estimator.series].isin(kept)]
    values = theirs[estimator.value]
    huge = theirs.assign(**{estimator.value: values * _POISON + _POISON})
    new = huge.assign(**{estimator.series: _new_ids(theirs[estimator.series])})
    missing = theirs.assign(**{estimator.value: np.nan})
    later = theirs.assign(**{estimator.time: _moved(theirs[estimator.time], X[estimator.time])})
    return [
        ("gone", own),
        ("huge", pd.concat([own, huge], ignore_index=True)),
        ("missing", pd.concat([missing, own], ignore_index=True)),
        ("joined by new ones", pd.concat([new, X], ignore_index=True)),
        ("later", pd.concat([later, own], ignore_index=True)),
    ]


def _new_ids(ids: Any) -> Any:
    """Other ids, which sort before all."""
    return ids - ids.max() - abs(ids.min()) - 1 if ids.dtype.kind in "iu" else "\x01 " + ids.astype(str)


def _moved(times: Any, all_times: Any) -> Any:
    """The times two years later, or two hundred periods where they are numbers."""
    if all_times.dtype.kind in "iu":
        return times + 200
    return times + pd.DateOffset(years=2)


def _poisoned(values: Any, late: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Huge and missing values where they are late."""
    changed = values.to_numpy(dtype=np.float64, copy=True)
    changed[late] = np.where(np.arange(late.sum()) % 3 == 0, np.nan, _POISON)
    return changed


def _at_origin(estimator: Any, X: pd.DataFrame) -> dict[str, Any]:
    """What is forecast of the last four periods, by a model that may have seen what lies before them alone."""
    from crmkit.forecast import rolling_origin

    try:
        said = rolling_origin(estimator, X, steps=4, n_origins=1, coverage=None).predictions
    except ParameterError as error:
        if "'forecasters' parameter" in str(error):
            return {}
        raise
    own = said[said["model"] == name_of(estimator)]
    return {"rolling_origin": own.drop(columns=["actual"])}
