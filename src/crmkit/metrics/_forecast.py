"""How good forecasts are: in shares of what was sold, against the naive forecast, and their intervals."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from crmkit._validation import check_float, check_int, check_vector
from crmkit.exceptions import ParameterError
from crmkit.metrics._resampling import group_codes

__all__ = [
    "forecast_bias",
    "interval_coverage",
    "mean_absolute_scaled_error",
    "naive_scale",
    "pinball_loss",
    "weighted_absolute_percentage_error",
]


def weighted_absolute_percentage_error(y_true: ArrayLike, y_pred: ArrayLike) -> float:
    r"""Share of what happened by which the forecasts miss it.

    The usual figure for many series of demand, with zeros among them: a percentage of each single value
    would be infinite there. Large series decide it, as they decide the stock.

    Parameters
    ----------
    y_true : array-like of shape (n,)
        What happened. NaN is not known (an empty shelf, say): left out.
    y_pred : array-like of shape (n,)
        The forecasts, all of them finite.

    Returns
    -------
    float
        0 is best; forecasts of nothing have 1. Not a percentage: 0.25 is 25 %.

    Raises
    ------
    crmkit.exceptions.ParameterError
        If the arrays differ in length, a forecast is missing or infinite, nothing is known, or all that
        is known is 0.

    See Also
    --------
    mean_absolute_scaled_error : Measures each series by its own ups and downs, so that all count alike.
    forecast_bias : Tells whether too much or too little is forecast.
    sklearn.metrics.mean_absolute_error : The same in units.
    estimate : Gives it an interval, ``estimate(weighted_absolute_percentage_error, y, f, groups=series)``.

    Notes
    -----
    :math:`\sum |y_i - f_i| / \sum |y_i|`, the mean absolute error divided by the mean [1]_. Its best
    forecast is a median: that of a series which is 0 most of the time is 0, so for such series look at
    `forecast_bias` as well.

    References
    ----------
    .. [1] S. Kolassa and W. Schütz (2007). "Advantages of the MAD/mean ratio over the MAPE". Foresight 6,
       40-43.

    Examples
    --------
    >>> from crmkit.metrics import weighted_absolute_percentage_error
    >>> weighted_absolute_percentage_error([0, 10, 30], [5, 10, 25])
    0.25
    >>> weighted_absolute_percentage_error([0, 10, float("nan")], [5, 10, 25])
    0.5
    """
    owner = "weighted_absolute_percentage_error"
    true, forecast = _known(owner, y_true, y_pred=y_pred)
    total = float(np.abs(true).sum())
    if not total > 0:
        raise ParameterError(f"'y_true' is 0 wherever it is known: no share of it is defined. {_ZERO_HINT}")
    return float(np.abs(true - forecast).sum()) / total


def mean_absolute_scaled_error(y_true: ArrayLike, y_pred: ArrayLike, scale: ArrayLike) -> float:
    r"""Mean absolute error in units of what a naive forecast missed in the past.

    Below 1 the forecasts are closer than the naive one was, one period ahead, while it was learnt from.
    Series of any size count alike.

    Parameters
    ----------
    y_true : array-like of shape (n,)
        What happened. NaN is not known: left out.
    y_pred : array-like of shape (n,)
        The forecasts, all of them finite.
    scale : float or array-like of shape (n,)
        `naive_scale` of the past: one number, or for each value that of its series. NaN where a series
        was too short to have one: left out.

    Returns
    -------
    float
        0 is best.

    Raises
    ------
    crmkit.exceptions.ParameterError
        If the arrays differ in length, a forecast is missing or infinite, a scale is not above 0 (a
        series that never changed has none), or nothing is left.

    See Also
    --------
    naive_scale : The scale.
    weighted_absolute_percentage_error : Measures all series by one yardstick.

    Notes
    -----
    The mean of :math:`|y_i - f_i| / q_i`, with :math:`q_i` the mean absolute error of the naive forecast
    in the series' own past [1]_. Several steps ahead values above 1 are usual: compare with the value
    of the seasonal naive forecast on the same rows, not with 1.

    References
    ----------
    .. [1] R. J. Hyndman and A. B. Koehler (2006). "Another look at measures of forecast accuracy".
       International Journal of Forecasting 22(4), 679-688. :doi:`10.1016/j.ijforecast.2006.03.001`

    Examples
    --------
    >>> from crmkit.metrics import mean_absolute_scaled_error, naive_scale
    >>> scale = naive_scale([10, 14, 9, 11])
    >>> round(mean_absolute_scaled_error([12, 9], [10, 10], scale), 6)
    0.409091
    """
    owner = "mean_absolute_scaled_error"
    true = _read_true(y_true, owner)
    forecast = check_vector("y_pred", y_pred, np.float64, owner, n=len(true))
    if np.ndim(scale) == 0:
        scales = np.full(len(true), check_float("scale", scale, owner, low=0, closed="neither"))
    else:
        scales = check_vector("scale", scale, np.float64, owner, n=len(true), finite=False)
    bad = (scales <= 0) | np.isinf(scales)
    if bad.any():
        first = int(bad.argmax())
        raise ParameterError(
            f"The 'scale' parameter of {owner} must be above 0 and finite. Got {scales[first]} at position {first}, "
            f"and {int(bad.sum()):,} such values in all. A series that never changed has no scale: pass NaN to leave "
            "it out."
        )
    known = ~np.isnan(true) & ~np.isnan(scales)
    if not known.any():
        raise ParameterError(f"There is no value of which {owner} knows both 'y_true' and 'scale'.")
    return float((np.abs(true - forecast)[known] / scales[known]).mean())


def naive_scale(y_train: ArrayLike, season: int = 1, *, groups: ArrayLike | None = None) -> Any:
    r"""Mean absolute change from one period to the next, or from one season to the next.

    It is what the naive forecast, that everything stays as it was, misses one period (or season) ahead,
    and the unit of `mean_absolute_scaled_error`.

    Parameters
    ----------
    y_train : array-like of shape (n,)
        The past, in order of time without gaps. NaN is not known: the changes to and from it are left
        out.
    season : int, default=1
        How many periods ago the value lies that each one is compared with.
    groups : array-like of shape (n,), default=None
        The series of each value. Series may be mixed; the values of one are in order of time.

    Returns
    -------
    float, or ndarray of shape (n_series,)
        With `groups`, the scale of each series, in ascending order of their ids, and NaN for those
        without a single change.

    Raises
    ------
    crmkit.exceptions.ParameterError
        If the values are not numbers, or there is no change at all and no `groups`.

    See Also
    --------
    mean_absolute_scaled_error : What it is for.

    Notes
    -----
    :math:`\frac{1}{n - m} \sum_{t > m} |y_t - y_{t - m}|` for a season of :math:`m` periods [1]_.

    References
    ----------
    .. [1] R. J. Hyndman and A. B. Koehler (2006). "Another look at measures of forecast accuracy".
       International Journal of Forecasting 22(4), 679-688. :doi:`10.1016/j.ijforecast.2006.03.001`

    Examples
    --------
    >>> from crmkit.metrics import naive_scale
    >>> round(naive_scale([10, 14, 9, 11]), 6)
    3.666667
    >>> naive_scale([10, 14, 9, 11], season=2)
    2.0
    >>> naive_scale([10, 1, 14, 2, 5], groups=["a", "b", "a", "b", "c"])
    array([ 4.,  1., nan])
    """
    owner = "naive_scale"
    values = check_vector("y_train", y_train, np.float64, owner, finite=False)
    _refuse_infinite("y_train", values, owner)
    season = check_int("season", season, owner, low=1)
    if groups is None:
        changes = np.abs(values[season:] - values[:-season])
        changes = changes[~np.isnan(changes)]
        if len(changes) == 0:
            raise ParameterError(
                f"The 'y_train' parameter of {owner} must hold two known values {season} periods apart. "
                f"Got {len(values):,} values, {int(np.isnan(values).sum()):,} of them missing. Pass a longer past."
            )
        return float(changes.mean())
    series = group_codes(groups, len(values), owner)
    order = np.argsort(series, kind="stable")
    values, series = values[order], series[order]
    changes = np.abs(values[season:] - values[:-season])
    within = (series[season:] == series[:-season]) & ~np.isnan(changes)
    n_series = int(series[-1]) + 1 if len(series) else 0
    counts = np.bincount(series[season:][within], minlength=n_series)
    sums = np.bincount(series[season:][within], weights=changes[within], minlength=n_series)
    return np.divide(sums, counts, out=np.full(n_series, np.nan), where=counts > 0)


def forecast_bias(y_true: ArrayLike, y_pred: ArrayLike) -> float:
    """Share of what happened by which the forecasts add up to too much.

    Parameters
    ----------
    y_true : array-like of shape (n,)
        What happened. NaN is not known: left out, together with its forecast.
    y_pred : array-like of shape (n,)
        The forecasts, all of them finite.

    Returns
    -------
    float
        0 is best, above 0 too much was forecast, below 0 too little; forecasts of nothing have -1.

    Raises
    ------
    crmkit.exceptions.ParameterError
        If the arrays differ in length, a forecast is missing or infinite, nothing is known, or what is
        known adds up to 0.

    See Also
    --------
    weighted_absolute_percentage_error : How far single forecasts are off.

    Notes
    -----
    ``sum(y_pred - y_true) / sum(y_true)``. Errors of opposite sign cancel out: that is the question,
    and why this figure is never enough.

    Examples
    --------
    >>> from crmkit.metrics import forecast_bias
    >>> forecast_bias([0, 10, 30], [5, 10, 35])
    0.25
    """
    true, forecast = _known("forecast_bias", y_true, y_pred=y_pred)
    total = float(true.sum())
    if total == 0:
        raise ParameterError(f"'y_true' adds up to 0: no share of it is defined. {_ZERO_HINT}")
    return float((forecast - true).sum()) / total


def pinball_loss(y_true: ArrayLike, y_pred: ArrayLike, quantile: float) -> float:
    r"""Mean loss of forecasts of a quantile, such as the demand that is exceeded once in ten times.

    Parameters
    ----------
    y_true : array-like of shape (n,)
        What happened. NaN is not known: left out.
    y_pred : array-like of shape (n,)
        Forecasts of the quantile, all of them finite.
    quantile : float
        Between 0 and 1, such as 0.9.

    Returns
    -------
    float
        In units of `y_true`; 0 is best.

    Raises
    ------
    crmkit.exceptions.ParameterError
        If the arrays differ in length, a forecast is missing or infinite, nothing is known, or
        `quantile` is not inside (0, 1).

    See Also
    --------
    interval_coverage : Whether intervals hold as often as they say.
    sklearn.metrics.mean_pinball_loss : The same for data without missing values, with weights.

    Notes
    -----
    The mean of :math:`\tau (y_i - f_i)` where too little was forecast and :math:`(1 - \tau)(f_i - y_i)`
    where too much was: what a unit short and a unit left over cost, if they cost
    :math:`\tau : 1 - \tau`. The quantile itself has the smallest expected loss [1]_.

    References
    ----------
    .. [1] R. Koenker and G. Bassett (1978). "Regression quantiles". Econometrica 46(1), 33-50.
       :doi:`10.2307/1913643`

    Examples
    --------
    >>> from crmkit.metrics import pinball_loss
    >>> pinball_loss([10, 20], [15, 15], 0.75)
    2.5
    """
    owner = "pinball_loss"
    quantile = check_float("quantile", quantile, owner, low=0, high=1, closed="neither")
    true, forecast = _known(owner, y_true, y_pred=y_pred)
    short = true - forecast
    return float(np.maximum(quantile * short, (quantile - 1) * short).mean())


def interval_coverage(y_true: ArrayLike, low: ArrayLike, high: ArrayLike) -> float:
    """Share of what happened that lies in its interval, both ends included.

    Parameters
    ----------
    y_true : array-like of shape (n,)
        What happened. NaN is not known: left out.
    low, high : array-like of shape (n,)
        The ends of the intervals; an open side is infinite.

    Returns
    -------
    float
        From 0 to 1; intervals of ``coverage=0.9`` should have 0.9.

    Raises
    ------
    crmkit.exceptions.ParameterError
        If the arrays differ in length, an end is missing, a `low` is above its `high`, or nothing is
        known.

    See Also
    --------
    pinball_loss : Judges the width as well: wide intervals always cover.

    Notes
    -----
    Values of one series, or of one date, miss together, so that the share is less sure than its number of
    values says: ``estimate(interval_coverage, y, low, high, groups=series)``.

    Examples
    --------
    >>> from crmkit.metrics import interval_coverage
    >>> interval_coverage([1, 5, 9, 12], low=[0, 0, 5, 5], high=[3, 3, 9, 9])
    0.5
    """
    owner = "interval_coverage"
    true = _read_true(y_true, owner)
    ends = []
    for name, values in (("low", low), ("high", high)):
        end = check_vector(name, values, np.float64, owner, n=len(true), finite=False)
        if np.isnan(end).any():
            raise ParameterError(
                f"The {name!r} parameter of {owner} is missing in {int(np.isnan(end).sum()):,} of {len(end):,} values. "
                "Write infinity where a side is open."
            )
        ends.append(end)
    crossed = ends[0] > ends[1]
    if crossed.any():
        raise ParameterError(
            f"'low' is above 'high' in {int(crossed.sum()):,} of {len(true):,} intervals, first at position "
            f"{int(crossed.argmax())}. Were they passed in the other order?"
        )
    known = _where_known(true, owner)
    return float(((ends[0] <= true) & (true <= ends[1]))[known].mean())


_ZERO_HINT = "Leave such series out, or look at sklearn.metrics.mean_absolute_error."


def _known(owner: str, y_true: ArrayLike, **forecasts: ArrayLike) -> list[NDArray[np.float64]]:
    """The values that are known and the forecasts of them."""
    true = _read_true(y_true, owner)
    read = [check_vector(name, values, np.float64, owner, n=len(true)) for name, values in forecasts.items()]
    known = _where_known(true, owner)
    return [array if known.all() else array[known] for array in (true, *read)]


def _read_true(y_true: ArrayLike, owner: str) -> NDArray[np.float64]:
    true: NDArray[np.float64] = check_vector("y_true", y_true, np.float64, owner, finite=False)
    _refuse_infinite("y_true", true, owner)
    return true


def _where_known(true: NDArray[np.float64], owner: str) -> NDArray[np.bool_]:
    known = ~np.isnan(true)
    if not known.any():
        raise ParameterError(
            f"The 'y_true' parameter of {owner} must hold a known value. Got {len(true):,} values instead, all missing."
        )
    return known


def _refuse_infinite(name: str, values: NDArray[np.float64], owner: str) -> None:
    infinite = np.isinf(values)
    if infinite.any():
        raise ParameterError(
            f"The {name!r} parameter of {owner} has {int(infinite.sum()):,} of {len(values):,} values that are "
            f"infinite; the first is at position {int(infinite.argmax())}. What is not known is NaN."
        )
