"""The moving average, and other statistics of sliding windows."""

from __future__ import annotations

from numbers import Integral
from typing import Any, ClassVar, Literal, Self

import numpy as np
from numpy.typing import NDArray
from sklearn.utils.validation import check_is_fitted

from crmkit._compat import Interval, StrOptions
from crmkit._numba._rolling import STATISTICS, rolling, rolling_table
from crmkit.exceptions import ParameterError
from crmkit.smoothing._smoother import SeriesSmoother, by_groups, refuse_infinite


class MovingAverageSmoother(SeriesSmoother):
    """Moving average: each value is averaged with those around it, all alike. Or their sum, median, ...

    One row is one series, and each result is a statistic of a window of values. Windows end at the value
    (trailing), so that a result knows nothing of what comes later, or have it in their middle (centred).

    Parameters
    ----------
    window : int, default=7
        Number of values of a window, at least 1. It may be longer than the series.
    center : bool, default=False
        True: the value is in the middle of its window. Such results know what came later: fine for a
        picture of the past, a leak in anything that forecasts. An even window has no middle. Of means and
        sums it is then widened by one value, and the first and the last count half, as in
        ``2 x 12`` averages of months; the other statistics refuse it.
    min_periods : int, default=None
        With fewer values than these in the window the result is NaN; None is `window`. With 0 the sum of
        nothing is 0, and other statistics need a value.
    statistic : {"mean", "sum", "median", "min", "max", "std"}, default="mean"
        What is made of a window. "std" is the standard deviation with the divisor n - 1, and needs two
        values.
    n_jobs : int, default=None
        Threads. The result is the same for any number.

    Attributes
    ----------
    n_features_in_ : int
        Number of times.

    See Also
    --------
    EMASmoother : Weights that fade with age; it forgets nothing at once, and needs no window to fill.
    crmkit.forecast.MovingAverageForecaster : The mean of the last values as a forecast.

    Notes
    -----
    The semantics are those of ``pandas.DataFrame.rolling``: a missing value is left out of its windows,
    which then hold one value less, and so do windows that reach over the end of a series. With
    ``min_periods=None`` both give NaN. In an even centred window [1]_ a value at its ends counts half also
    for `min_periods`, and the mean is ``(x[0] / 2 + x[1] + ... + x[w - 1] + x[w] / 2) / w`` (not by
    ``w + 1``, the number of values: their weights add up to w).

    A result depends on the values of its window alone, to the last bit. Sums are added up anew, by
    halves or blocks, and no value is ever taken off: a sum of w values is off by less than
    ``1e-12 * sum(abs(x))``, whatever the length of the series and however large the values were that have
    left the window. What a result costs grows with the logarithm of a short window, and not with that of
    a long one. float32 gives float32, computed as float64. Infinite values are refused.

    A moving average lags behind a trend by (w - 1) / 2 values unless it is centred. It follows single
    wild values; the median does not.

    References
    ----------
    .. [1] R. J. Hyndman and G. Athanasopoulos (2021). "Forecasting: Principles and Practice", 3rd
       edition, section 3.3.

    Examples
    --------
    >>> import numpy as np
    >>> from crmkit.smoothing import MovingAverageSmoother
    >>> visits = np.array([[10.0, 12, 13, 12, 15, 16, 18]])
    >>> MovingAverageSmoother(3).fit_transform(visits).round(2)
    array([[  nan,   nan, 11.67, 12.33, 13.33, 14.33, 16.33]])
    >>> MovingAverageSmoother(3, min_periods=1, statistic="max").fit_transform(visits)
    array([[10., 12., 13., 13., 15., 16., 18.]])
    >>> MovingAverageSmoother(4, center=True).fit_transform(visits)
    array([[   nan,    nan, 12.375, 13.5  , 14.625,    nan,    nan]])
    """

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        **SeriesSmoother._parameter_constraints,
        "window": [Interval(Integral, 1, 2**31, closed="both")],
        "center": ["boolean"],
        "min_periods": [Interval(Integral, 0, 2**31, closed="both"), None],
        "statistic": [StrOptions(set(STATISTICS))],
    }

    def __init__(
        self,
        window: int = 7,
        *,
        center: bool = False,
        min_periods: int | None = None,
        statistic: Literal["mean", "sum", "median", "min", "max", "std"] = "mean",
        n_jobs: int | None = None,
    ) -> None:
        self.window = window
        self.center = center
        self.min_periods = min_periods
        self.statistic = statistic
        self.n_jobs = n_jobs

    def fit(self, X: Any, y: object = None) -> Self:  # noqa: ARG002  scikit-learn's signature
        """Check the parameters; nothing is learnt.

        Parameters
        ----------
        X : array or frame of shape (n_series, n_times)
            One row is one series.
        y : object, default=None
            Ignored.

        Returns
        -------
        MovingAverageSmoother
        """
        self._validate_params()
        self._rule()
        refuse_infinite(self._read(X, reset=True), "MovingAverageSmoother.fit")
        return self

    def fit_transform(self, X: Any, y: object = None) -> Any:  # noqa: ARG002  likewise
        """Check the parameters, and smooth the same rows.

        Parameters
        ----------
        X, y
            As in `fit`.

        Returns
        -------
        ndarray of shape (n_series, n_times)
            As of `transform`.
        """
        self._validate_params()
        self._read(X, reset=True)
        return self.transform(X)

    def transform(self, X: Any) -> Any:
        """Smooth each row.

        Parameters
        ----------
        X : array or frame of shape (n_series, n_times)
            With as many times as in `fit`. NaN is a missing value.

        Returns
        -------
        ndarray of shape (n_series, n_times)
            float32 where X is, else float64; NaN where a window holds too few values.
        """
        check_is_fitted(self)
        rule = self._rule()
        values = self._read(X, reset=False)
        out, suspicious = rolling_table(values, **rule, threads=self._threads(values.size))
        if suspicious:
            refuse_infinite(values, "MovingAverageSmoother.transform")
        return out

    def transform_groups(self, values: Any, groups: Any) -> NDArray[Any]:
        """Smooth many series of different lengths, which stand in one column.

        Parameters
        ----------
        values : array-like of shape (n,)
            Numbers, NaN where missing. Rows of one group are one series, in the order of the rows.
        groups : array-like of shape (n,)
            The series of each row: numbers or text, none missing. Rows that are sorted by it are read as
            they stand, others are brought together first.

        Returns
        -------
        ndarray of shape (n,)
            In the order of the rows; float32 where `values` are.

        Examples
        --------
        >>> MovingAverageSmoother(2, min_periods=1).transform_groups([1.0, 2.0, 10.0, 3.0], ["a", "a", "b", "a"])
        array([ 1. ,  1.5, 10. ,  2.5])
        """
        self._validate_params()
        rule = self._rule()

        def smooth(vector: NDArray[Any], pointers: NDArray[np.int64], _order: object, _huge: bool) -> NDArray[Any]:
            out = np.empty(len(vector), dtype=vector.dtype)
            return rolling(vector, pointers, out=out, **rule, threads=self._threads(len(vector)))

        return by_groups(values, groups, "MovingAverageSmoother.transform_groups", self._threads, smooth)

    def _rule(self) -> dict[str, Any]:
        """The windows, as `rolling` takes them."""
        window, halves = int(self.window), False
        if self.min_periods is not None and self.min_periods > window:
            raise ParameterError(
                f"The 'min_periods' parameter of MovingAverageSmoother must be at most window={window}. Got "
                f"{self.min_periods!r} instead: no window would hold so many values."
            )
        if self.center and window % 2 == 0:
            halves = self.statistic in {"mean", "sum"}
            if not halves:
                raise ParameterError(
                    f"MovingAverageSmoother(window={window}, center=True) has no middle, and of statistic="
                    f"{self.statistic!r} no value can count half. Take the next odd window, {window + 1}."
                )
        return {
            "window": window,
            "min_periods": None if self.min_periods is None else int(self.min_periods),
            "statistic": self.statistic,
            "shift": -(window // 2) if self.center else 0,
            "halves": halves,
        }
