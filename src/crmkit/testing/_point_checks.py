"""The checks of what reads points in the order of time, such as control charts."""

from __future__ import annotations

from typing import Any

import numpy as np

from crmkit.testing._running import fitted_on, name_of, outputs, prepared, same_outputs

#: What no series of points comes near to, on either side.
_FAR = 1e9


def check_later_points(estimator: Any, X: Any = None, y: Any = None) -> None:
    """Check that later points change nothing that was said of earlier ones.

    For several points of X, what comes after them is dropped and replaced by numbers far away.

    Parameters
    ----------
    estimator : estimator
        It is cloned.
    X : array, default=None
        One point in each row, in the order of time. If None, as in `check_row_preserving`.
    y : array, default=None
        Passed on to `fit` if given.

    Examples
    --------
    >>> from crmkit.smoothing import EWMAChart
    >>> from crmkit.testing import check_later_points
    >>> check_later_points(EWMAChart())
    """
    estimator, X, y = prepared(estimator, X, y)
    fitted = fitted_on(estimator, X, y)
    whole, n = outputs(fitted, X), len(X)
    for stop in {1, n // 3, n // 2, n - 1}:
        other = np.array(X, dtype=np.float64)
        other[stop:] = _FAR
        for how, points in (("without the later ones", X[:stop]), ("with other later ones", other)):
            found = {method: output[:stop] for method, output in outputs(fitted, points).items()}
            expected = {method: output[:stop] for method, output in whole.items()}
            same_outputs(found, expected, name_of(estimator), f"of the first {stop} of {n} points {how}")


def check_missing_points(estimator: Any, X: Any = None, y: Any = None) -> None:
    """Check that a point without an observation signals nothing, and leaves what is said of others as it is.

    Missing points are put between those of X; the others must get what they get without them.

    Parameters
    ----------
    estimator, X, y
        As in `check_later_points`.

    Examples
    --------
    >>> from crmkit.smoothing import CUSUMChart
    >>> from crmkit.testing import check_missing_points
    >>> check_missing_points(CUSUMChart())
    """
    estimator, X, y = prepared(estimator, X, y)
    fitted = fitted_on(estimator, X, y)
    observed = ~np.isnan(np.asarray(X, dtype=np.float64).reshape(len(X), -1)).any(axis=1)
    points = np.asarray(X)[observed]
    expected = fitted.predict(points)
    gaps = np.linspace(0, len(points), 5).astype(int)
    found = fitted.predict(np.insert(np.asarray(points, dtype=np.float64), gaps, np.nan, axis=0))
    places = gaps + np.arange(len(gaps))
    if np.asarray(found)[places].any():
        raise AssertionError(f"{name_of(estimator)}.predict signals at a point without an observation.")
    others = np.delete(found, places)
    same_outputs({"predict": others}, {"predict": expected}, name_of(estimator), "of points with missing ones between")
