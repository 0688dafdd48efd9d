"""The exponential moving average, of regular series, of streams, and of customers' events."""

from __future__ import annotations

import math
from numbers import Integral, Real
from typing import Any, ClassVar, Final, Literal, NamedTuple, Self

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import minimize_scalar
from sklearn.utils.validation import check_array, check_is_fitted

from crmkit._compat import Interval, StrOptions, output_container
from crmkit._durations import to_microseconds
from crmkit._frames import instants, make_frame, row_index
from crmkit._numba import read_only, run_in_ranges
from crmkit._validation import all_or_nothing, check_float, check_int, parameter_error
from crmkit.events import Snapshots
from crmkit.exceptions import ParameterError
from crmkit.smoothing._ema_events import Events
from crmkit.smoothing._ema_kernels import average_regular_series, average_series, forecast_errors
from crmkit.smoothing._ema_table import Rule, State, carry, smooth_table
from crmkit.smoothing._smoother import SeriesSmoother, beyond, by_groups, refuse_infinite, refuse_other

Floats = NDArray[np.float64]

#: Alphas among which a learnt one is looked for first, and series whose errors are added up at once.
_ALPHAS: Final = np.array([0.01, 0.02, 0.03, 0.05, 0.07, 0.1, 0.15, 0.2, 0.25, 0.3, 0.4, 0.5, 0.6, 0.7, 0.85, 1.0])
_BLOCK: Final = 4096

_NO_TIMES: Final = read_only(np.empty(0))


class _Decay(NamedTuple):
    """How weights fade, as the kernels take it."""

    alpha: float  # weight of a new value beside everything older, one unit later
    fading: float  # what is left of a weight after one unit: of time, or one value
    new: float  # weight of a new value before it is divided by the sum
    unit: int  # microseconds of a unit of time; 0 where every value is one unit after the one before


class _Stream(NamedTuple):
    """Where a stream stands: the state of its series, and its last time."""

    state: State
    last: int | None


class EMASmoother(SeriesSmoother):
    """Exponential moving average: each value is averaged with all before it, the older the less.

    One row is one series. The same class smooths streams that come in pieces (`update`), many series of
    different lengths (`transform_groups`), and, on `Snapshots`, each customer's events by the clock.

    Parameters
    ----------
    alpha : float in (0, 1] or "auto", default=None
        Weight of the newest value. ``"auto"`` learns it in `fit`: the one alpha for all series with the
        smallest squared error of forecasting each value by the mean of those before it.
    span : float, at least 1, default=None
        ``alpha = 2 / (span + 1)``.
    halflife : float or duration, default=None
        Number of values after which a weight has halved, ``alpha = 1 - 2 ** (-1 / halflife)``; or, as a
        duration such as ``"7D"``, the time: values then need times.
    com : float, at least 0, default=None
        Centre of mass, ``alpha = 1 / (1 + com)``.
    adjust : bool, default=False
        False: ``y[t] = (1 - alpha) * y[t - 1] + alpha * x[t]``, beginning with ``y[0] = x[0]``, as if
        that one value had gone before for ever. True: the mean of the values with the weights
        ``(1 - alpha) ** i``, which gives a short series less of its first value.
    ignore_na : bool, default=False
        What a missing value does. False: the weights before it fade as if it had been there. True:
        nothing, as if it did not exist.
    min_periods : int, default=1
        With fewer values than these the result is NaN.
    column : str, default=None
        On snapshots, the column of the log to smooth, one of its `columns`; None is the money of
        purchases.
    n_jobs : int, default=None
        Threads. The result is the same for any number.

    Attributes
    ----------
    alpha_ : float
        The weight of a new value beside everything older, one value, or one `halflife`, later.
    n_features_in_ : int
        Number of times, fitted on a table.
    fitted_on_ : tuple
        Fitted on snapshots: ``(fingerprint, (first, last))``, the hash of the log, and the first and
        last as_of.

    See Also
    --------
    MovingAverageSmoother : All values of a window weigh the same.
    EWMAChart : Says when such a mean has left its limits.

    Notes
    -----
    Only one of the four decays may be given; with none of them alpha is 0.3. The semantics are those of
    ``pandas.Series.ewm``: where a value is missing the last mean stays. With

    - ``adjust=False`` and ``ignore_na=False``, a value after k missing ones meets the mean with the
      weights ``alpha`` and ``(1 - alpha) ** (k + 1)``, divided by their sum;
    - a duration as `halflife`, a mean has lost half of its weight after that time, and
      ``alpha_`` is 0.5: a value one halflife after the one before it weighs as much as what is left.

    pandas 3 deviates from its own rule where alpha is exactly 0.5, ``adjust=False`` and
    ``ignore_na=False``: after a gap it gives [1, NaN, 5] the mean 4.0. Here it is 3.666667, as it is for
    0.4999 there.

    A result depends on no other row and no later value, and lies between the smallest and the largest
    value so far, up to rounding. Infinite values are refused.

    References
    ----------
    .. [1] R. G. Brown (1959). "Statistical Forecasting for Inventory Control". McGraw-Hill.
    .. [2] R. J. Hyndman and G. Athanasopoulos (2021). "Forecasting: Principles and Practice", 3rd
       edition, section 8.1.

    Examples
    --------
    >>> import numpy as np
    >>> from crmkit import EMASmoother
    >>> visits = np.array([[10.0, 12, 13, 12, 15, 16, 18]])
    >>> EMASmoother(span=3).fit_transform(visits)
    array([[10.   , 11.   , 12.   , 12.   , 13.5  , 14.75 , 16.375]])
    >>> EMASmoother(span=3, adjust=True).fit_transform(visits).round(3)
    array([[10.   , 11.333, 12.286, 12.133, 13.613, 14.825, 16.425]])
    """

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        **SeriesSmoother._parameter_constraints,
        "alpha": [Interval(Real, 0, 1, closed="right"), StrOptions({"auto"}), None],
        "span": [Interval(Real, 1, None, closed="left"), None],
        "halflife": "no_validation",  # type: ignore[dict-item]  # to_microseconds says what is wrong with one
        "com": [Interval(Real, 0, None, closed="left"), None],
        "adjust": ["boolean"],
        "ignore_na": ["boolean"],
        "min_periods": [Interval(Integral, 0, 2**31, closed="both")],
        "column": [str, None],
    }

    def __init__(
        self,
        *,
        alpha: float | Literal["auto"] | None = None,
        span: float | None = None,
        halflife: Any = None,
        com: float | None = None,
        adjust: bool = False,
        ignore_na: bool = False,
        min_periods: int = 1,
        column: str | None = None,
        n_jobs: int | None = None,
    ) -> None:
        self.alpha = alpha
        self.span = span
        self.halflife = halflife
        self.com = com
        self.adjust = adjust
        self.ignore_na = ignore_na
        self.min_periods = min_periods
        self.column = column
        self.n_jobs = n_jobs

    # -- fit and transform -------------------------------------------------------------------------

    def fit(self, X: Any, y: object = None, *, times: ArrayLike | None = None) -> Self:  # noqa: ARG002  scikit-learn's signature
        """Check the parameters, and learn alpha where it is ``"auto"``.

        A stream that `update` had begun is forgotten.

        Parameters
        ----------
        X : array or frame of shape (n_series, n_times), or Snapshots
            One row is one series; of snapshots, the events of its customer before its as_of.
        y : object, default=None
            Ignored.
        times : array-like of n_times dates, default=None
            As in `transform`.

        Returns
        -------
        EMASmoother
        """
        with all_or_nothing(self):
            return self._fit(X, times, look=True)

    def _fit(self, X: Any, times: Any, *, look: bool) -> Self:
        """Fit; `look` for infinite values, where they are not going to be found by smoothing them."""
        self._validate_params()
        auto = self.alpha == "auto"
        decay = self._decay(0.5 if auto else None)
        for name in ("alpha_", "_fitted", "fitted_on_", "n_features_in_", "feature_names_in_", "_stream"):
            self.__dict__.pop(name, None)
        if isinstance(X, Snapshots):
            if len(X) == 0:
                raise ParameterError(
                    "EMASmoother is fitted on rows, and X, Snapshots, has none. Take an earlier or later as_of."
                )
            events = self._events(X, times)
            learn_from = events.of_customers(X) if auto else None
            self.fitted_on_ = (X.log.fingerprint, (X.as_of.min(), X.as_of.max()))
        else:
            values = self._read(X, reset=True)
            self._elapsed(decay, values.shape[1], X, times)
            if look or auto:
                refuse_infinite(values, "EMASmoother.fit")
            learn_from = _in_one_vector(values) if auto else None
        # What `transform` takes, whatever the parameters are changed to afterwards.
        self._fitted = decay if learn_from is None else self._decay(self._learnt(*learn_from))
        self.alpha_ = self._fitted.alpha
        return self

    def fit_transform(self, X: Any, y: object = None, *, times: ArrayLike | None = None) -> Any:  # noqa: ARG002  likewise
        """Fit, and smooth the same rows.

        Parameters
        ----------
        X, y, times
            As in `fit`.

        Returns
        -------
        ndarray or frame
            As of `transform`.
        """
        with all_or_nothing(self):
            return self._fit(X, times, look=False).transform(X, times=times)

    def transform(self, X: Any, *, times: ArrayLike | None = None) -> Any:
        """Smooth each row.

        Parameters
        ----------
        X : array or frame of shape (n_series, n_times), or Snapshots
            What it was fitted on; a table with as many times. NaN is a missing value.
        times : array-like of n_times dates, default=None
            When the values were taken, never going back: needed where `halflife` is a duration, and read
            from the columns where X is a pandas frame whose columns are a DatetimeIndex or PeriodIndex.

        Returns
        -------
        ndarray of shape (n_series, n_times), or frame of n rows
            float32 where X is, else float64. Of snapshots one column, ``ema_money`` or ``ema_`` with the
            name of `column`: the mean as of each row, NaN for a customer without such events.
        """
        check_is_fitted(self)
        decay = self._fitted
        if isinstance(X, Snapshots) != hasattr(self, "fitted_on_"):
            fitted, got = ("Snapshots", type(X).__name__) if hasattr(self, "fitted_on_") else ("a table", "Snapshots")
            raise ParameterError(
                f"EMASmoother was fitted on {fitted}, and cannot read {got}. Pass what it was fitted on."
            )
        if isinstance(X, Snapshots):
            events = self._events(X, times)
            settings = (decay.fading, decay.new, self.adjust, self.ignore_na, max(self.min_periods, 1))
            return self._frame(X, events.means(X, decay.unit, settings, self._threads(int((X.stop - X.start).sum()))))
        values = self._read(X, reset=False)
        rule = self._rule(decay, self._elapsed(decay, values.shape[1], X, times))
        return smooth_table(values, rule, self._threads(values.size), "EMASmoother.transform")

    def forecast(self, X: Any, steps: int, *, times: ArrayLike | None = None) -> NDArray[Any]:
        """Forecast each row: the last mean, for every step.

        Parameters
        ----------
        X : array or frame of shape (n_series, n_times), or Snapshots
            As in `transform`.
        steps : int
            Number of steps ahead, at least 1.
        times : array-like of n_times dates, default=None
            As in `transform`.

        Returns
        -------
        ndarray of shape (n_series, steps)
            An exponential mean knows no trend and no season: all steps of a row are equal.
        """
        steps = check_int("steps", steps, "EMASmoother.forecast", low=1)
        means = self.transform(X, times=times)
        last = np.asarray(means)[:, -1:]
        return np.repeat(last, steps, axis=1)

    def get_feature_names_out(self, input_features: Any = None) -> NDArray[np.object_]:
        """Give the names of the columns: those of X, or the one of snapshots.

        Parameters
        ----------
        input_features : array-like of str, default=None
            Names of the columns of X, if it had none.

        Returns
        -------
        ndarray of str objects
        """
        check_is_fitted(self)
        if hasattr(self, "fitted_on_"):
            return np.array([f"ema_{self.column or 'money'}"], dtype=object)
        return super().get_feature_names_out(input_features)

    # -- streams -----------------------------------------------------------------------------------

    def update(self, chunk: Any, *, times: ArrayLike | None = None) -> NDArray[Any]:
        """Smooth the next values of the same series, going on where the last chunk ended.

        The chunks of a stream, put side by side, give what `transform` gives of all at once, bit for bit.
        The first chunk begins the stream; `fit` forgets it, and is needed only to learn alpha.

        Parameters
        ----------
        chunk : array or frame of shape (n_series, n_new_times)
            Any number of times, of as many series as in the first chunk.
        times : array-like of n_new_times dates, default=None
            As in `transform`.

        Returns
        -------
        ndarray of shape (n_series, n_new_times)
        """
        self._validate_params()
        decay, owner = self._decay(), "EMASmoother.update"
        if self._is_plain(chunk, reset=True):
            values = np.ascontiguousarray(chunk)
        else:
            refuse_other(chunk, owner)
            values = check_array(
                chunk,
                dtype=[np.float64, np.float32],
                order="C",
                ensure_all_finite="allow-nan",
                ensure_min_features=0,
                input_name="chunk",
            )
        if values.shape[1] == 0:
            return values
        stream = self.__dict__.get("_stream") or _Stream(State.of(len(values)), None)
        if len(stream.state.means) != len(values):
            raise ParameterError(
                f"The stream has {len(stream.state.means):,} series, and the chunk {len(values):,} rows. Pass one row "
                "for each series, NaN where it has no value; fit() begins a new stream."
            )
        elapsed, last = self._elapsed(decay, values.shape[1], chunk, times), stream.last
        if decay.unit:
            moments = self._moments(values.shape[1], chunk, times)
            if last is not None and moments[0] < last:
                raise ParameterError(
                    "The 'times' parameter of EMASmoother.update goes back behind the last chunk's end."
                )
            elapsed[0] = 0.0 if last is None else (moments[0] - last) / decay.unit
            last = int(moments[-1])
        state = stream.state.copy()
        out = carry(values, self._rule(decay, elapsed), state, self._threads(values.size))
        if not np.isfinite(state.means).all():
            refuse_infinite(values, owner)
            raise ParameterError(f"Values of {owner} differ by more than a float64 holds. Divide them by a constant.")
        self._stream = _Stream(state, last)
        return out

    # -- series of any lengths ---------------------------------------------------------------------

    def transform_groups(self, values: Any, groups: Any, *, times: ArrayLike | None = None) -> NDArray[Any]:
        """Smooth many series of different lengths, which stand in one column.

        Parameters
        ----------
        values : array-like of shape (n,)
            Numbers, NaN where missing. Rows of one group are one series, in the order of the rows.
        groups : array-like of shape (n,)
            The series of each row: numbers or text, none missing. Rows that are sorted by it are read as
            they stand, others are brought together first.
        times : array-like of n dates, default=None
            When the values were taken, never going back within a series: needed where `halflife` is a
            duration.

        Returns
        -------
        ndarray of shape (n,)
            In the order of the rows; float32 where `values` are.

        Examples
        --------
        >>> EMASmoother(alpha=0.5).transform_groups([1.0, 2.0, 10.0, 3.0], ["a", "a", "b", "a"])
        array([ 1.  ,  1.5 , 10.  ,  2.25])
        """
        self._validate_params()
        decay, owner = self._decay(), "EMASmoother.transform_groups"

        def smooth(
            vector: NDArray[Any], pointers: NDArray[np.int64], order: NDArray[np.int64] | None, huge: bool
        ) -> NDArray[Any]:
            elapsed = self._elapsed_in_groups(decay, pointers, order, times, owner)
            scale = 4.0 if huge else 1.0
            given = vector if scale == 1.0 else read_only(vector / scale)
            settings = (self.adjust, self.ignore_na, max(self.min_periods, 1))
            out = np.empty(len(vector), dtype=vector.dtype)
            threads = self._threads(len(vector))

            def average(start: int, stop: int) -> None:
                if decay.unit or self.adjust:
                    average_series(start, stop, given, pointers, elapsed, decay.fading, decay.new, *settings, out)
                else:
                    average_regular_series(start, stop, given, pointers, decay.fading, decay.new, *settings[1:], out)

            run_in_ranges(average, len(pointers) - 1, threads=threads, minimum=1)
            return out if scale == 1.0 else out * scale

        return by_groups(values, groups, owner, self._threads, smooth)

    # -- what the kernels are told -----------------------------------------------------------------

    def _decay(self, learnt: float | None = None) -> _Decay:
        """The decay that the parameters say; `learnt` stands for a learnt alpha that is not known yet."""
        given = {name: getattr(self, name) for name in ("alpha", "span", "halflife", "com")}
        given = {name: value for name, value in given.items() if value is not None}
        if len(given) > 1:
            named = ", ".join(f"{name}={value!r}" for name, value in given.items())
            raise ParameterError(
                f"EMASmoother takes one of alpha, span, halflife and com, four names of one thing. Got {named}."
            )
        ((name, value),) = given.items() if given else [("alpha", 0.3)]
        # numpy counts its durations among the real numbers.
        if name == "halflife" and (isinstance(value, bool | np.timedelta64) or not isinstance(value, Real)):
            return _Decay(0.5, 0.5, 1.0 if self.adjust else 0.5, to_microseconds(value, "halflife"))
        if name == "halflife":
            halflife = check_float("halflife", value, "EMASmoother", low=0.0, closed="neither")
            alpha, fading = -math.expm1(-math.log(2.0) / halflife), 0.5 ** (1.0 / halflife)
        else:
            if name == "alpha" and isinstance(value, str):
                if learnt is None:
                    check_is_fitted(self)
                    learnt = self.alpha_
                value = learnt
            alpha = {"alpha": lambda a: a, "span": lambda s: 2.0 / (s + 1.0), "com": lambda c: 1.0 / (1.0 + c)}[name](
                value
            )
            fading = 1.0 - alpha
        return _Decay(float(alpha), float(fading), 1.0 if self.adjust else float(alpha), 0)

    def _rule(self, decay: _Decay, elapsed: Floats) -> Rule:
        fading = decay.fading**elapsed if decay.unit else np.full(len(elapsed), decay.fading)
        return Rule(fading, decay.new, self.adjust, self.ignore_na, max(self.min_periods, 1))

    def _elapsed(self, decay: _Decay, n_times: int, X: Any, times: Any) -> Floats:
        """Units of time since the value before, 0 at the first; 1 throughout where values are counted."""
        if not decay.unit:
            if times is not None:
                raise parameter_error(
                    "times",
                    times,
                    "None",
                    "EMASmoother",
                    "Values fade by the clock where halflife is a duration, '7D'.",
                )
            return np.ones(n_times)
        moments = self._moments(n_times, X, times)
        return np.diff(moments, prepend=moments[:1]) / decay.unit

    def _elapsed_in_groups(
        self, decay: _Decay, pointers: NDArray[np.int64], order: NDArray[np.int64] | None, times: Any, owner: str
    ) -> Floats:
        """Units of time since the value before in the same series; empty where values are counted."""
        if not decay.unit:
            self._elapsed(decay, 0, None, times)
            return _NO_TIMES
        moments = self._moments(int(pointers[-1]), None, times)
        moments = moments if order is None else moments[order]
        steps = np.diff(moments, prepend=moments[:1])
        steps[pointers[:-1][np.diff(pointers) > 0]] = 0
        if (steps < 0).any():
            raise ParameterError(f"The 'times' parameter of {owner} goes back within a series. Sort the rows by time.")
        return read_only(steps / decay.unit)

    def _moments(self, n_times: int, X: Any, times: Any) -> NDArray[np.int64]:
        """Microseconds at which the values were taken."""
        hint = "Pass the time of each column, or name the columns of the frame by their dates."
        columns = getattr(X, "columns", None)
        if times is None and isinstance(columns, pd.DatetimeIndex | pd.PeriodIndex):
            times = columns.to_timestamp() if isinstance(columns, pd.PeriodIndex) else columns
        if times is None:
            raise parameter_error(
                "times", None, f"given where halflife={self.halflife!r} is a duration", "EMASmoother", hint
            )
        moments = instants(times, "times", "UTC")
        if len(moments) != n_times:
            raise ParameterError(
                f"The 'times' parameter of EMASmoother has {len(moments):,} dates for {n_times:,} values."
            )
        if X is not None and (np.diff(moments) < 0).any():
            raise ParameterError(
                "The 'times' parameter of EMASmoother goes back in time. Sort times and columns together."
            )
        return moments

    def _learnt(self, values: NDArray[Any], pointers: NDArray[np.int64]) -> float:
        """The alpha with the smallest squared error of forecasts by one value; the least of equal ones."""
        # Squares of such values would be infinite.
        vector = read_only(values * 1e-200 if beyond(values, 1e100) else values)
        places, n_series = read_only(pointers), len(pointers) - 1
        n_blocks = -(-n_series // _BLOCK)
        threads = self._threads(16 * len(vector))

        def errors(alphas: Floats) -> tuple[Floats, int]:
            sums = np.zeros((n_blocks, len(alphas)))
            counts = np.zeros(n_blocks, dtype=np.int64)

            def add_up(start: int, stop: int) -> None:
                # In blocks that do not depend on the threads, and nor do the sums.
                for block in range(start, stop):
                    edge = min((block + 1) * _BLOCK, n_series)
                    sums[block], counts[block] = forecast_errors(
                        block * _BLOCK, edge, vector, places, alphas, self.adjust, self.ignore_na
                    )

            run_in_ranges(add_up, n_blocks, threads=threads, minimum=1)
            return sums.sum(axis=0), int(counts.sum())

        sums, n_forecasts = errors(_ALPHAS)
        if n_forecasts == 0:
            raise ParameterError(
                "alpha='auto' is learnt from series of two values or more, and X has none. Pass a number instead."
            )
        best = int(sums.argmin())
        if sums.min() == sums.max():  # every value is the one before: no alpha is better than another
            return 0.3
        low, high = _ALPHAS[best - 1] if best else 1e-4, _ALPHAS[min(best + 1, len(_ALPHAS) - 1)]
        refined = minimize_scalar(
            lambda alpha: errors(np.array([alpha]))[0][0], bounds=(low, high), method="bounded", options={"xatol": 1e-6}
        )
        return float(refined.x) if refined.fun < sums[best] else float(_ALPHAS[best])

    # -- snapshots ---------------------------------------------------------------------------------

    def _events(self, X: Snapshots, times: Any) -> Events:
        if times is not None:
            raise parameter_error("times", times, "None", "EMASmoother", "Events of snapshots have their own times.")
        return Events.read(X, self.column)

    def _frame(self, X: Snapshots, means: Floats) -> Any:
        columns = {str(self.get_feature_names_out()[0]): means}
        container = output_container(self)
        if container == "polars":
            return make_frame(columns, "polars")
        if container == "pandas":
            return make_frame(columns, "pandas", row_index(X.customers, X.codes, X.as_of_us))
        return X.make_frame(columns)


def _in_one_vector(values: NDArray[Any]) -> tuple[NDArray[Any], NDArray[np.int64]]:
    """The rows of a table one after the other, and where each begins."""
    return values.reshape(-1), np.arange(len(values) + 1, dtype=np.int64) * values.shape[1]
