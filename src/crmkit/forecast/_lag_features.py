"""Features of long frames: past values, windows and averages of each series, and the calendar."""

from __future__ import annotations

from numbers import Integral
from typing import Any, ClassVar, Self

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.utils import Tags
from sklearn.utils.validation import check_is_fitted

from crmkit._compat import Interval, StrOptions, output_container
from crmkit._frames import make_frame
from crmkit._numba import read_only, run_in_ranges
from crmkit._periods import Frequency
from crmkit._validation import threads_of
from crmkit.exceptions import ParameterError
from crmkit.forecast._lag_kernels import take_rows
from crmkit.forecast._lag_plan import LagPlan, read_lag_plan
from crmkit.forecast._panel import GAPS, Gaps, Panel, read_panel


class LagFeatures(TransformerMixin, BaseEstimator):
    """Lags, moving statistics, exponential averages and the calendar, for each row of a long frame.

    X has one row for each series and period, in any order, and the features come in the order of its
    rows. Those made of values look back from the row's own period, never at the row itself, and never
    into another series. So they may be used to predict the value of the row, one period ahead, or
    `shift` periods ahead.

    Parameters
    ----------
    lags : sequence of int, default=(1,)
        Columns ``lag_1``, ...: the value so many periods before. None may be less than `shift`.
    rolling : sequence of (str, int), default=()
        Columns such as ``mean_4`` for ``("mean", 4)``: "mean", "sum", "std" (n - 1 in the denominator),
        "min", "max" or "median" of a window of so many periods, the last of which is `shift` periods
        before the row's.
    ema : sequence of float, default=()
        Columns such as ``ema_0.3``: the exponential average, with this weight of the newest value, of
        all values up to `shift` periods before, as of `crmkit.smoothing.EMASmoother` with its
        ``adjust=False``.
    shift : int, default=1
        How many periods ahead the features are to predict: what is younger is left out.
    time_features : sequence of str or (str, int), default=()
        Columns that say where in the calendar the period begins: "year", "quarter" (1 to 4), "month"
        (1 to 12), "week" (of ISO 8601, 1 to 53), "day" (of the month), "weekday" (Monday is 0), "hour",
        "minute"; "season" is the period number modulo `season`. A pair such as ``("year", 2)`` gives
        waves that come round once and twice a year: ``year_sin_1``, ``year_cos_1``, ``year_sin_2``,
        ``year_cos_2``; there are such of "day", "week", "year" and "season".
    calendar : frame, default=None
        Days with a name, such as Easter: columns ``date`` (or ``time``) and ``name``, and one row for each
        day of what lasts several. For each name, in sorted order, three columns: how many of its days are
        in the row's period; ``<name>_before``, in the period after, so that this is the one before it;
        and ``<name>_after``, in the period before. For periods shorter than a day these are 1 on the day,
        on the day before and on the day after. Dates beyond the frame's last are not known, and count 0.
    season : int, default=None
        Periods after which a pattern comes again; if None, 24 hours, 7 days, 52 weeks, 12 months, 4
        quarters.
    series, time, value : str, default="series", "time", "value"
        Names of the columns. Without a column "series" all rows are one series; None says so.
        Times are dates, datetimes or whole numbers.
    freq : str, default=None
        The period: "h", "D", "W" (from Monday), "M", "Q", "Y", a fixed duration such as "14D", or pandas'
        name of one. None: inferred from the times of `fit`.
    gaps : {"raise", "zero", "missing"}, default="raise"
        What becomes of periods between the first and last of a series that X does not have: an error,
        the value 0, or a missing value. They get no row, but lags and windows count them.
    stockouts : str, default=None
        Name of a column of booleans. Where it is True the value is missing, whatever it says.
    n_jobs : int, default=None
        Number of threads; None is 1, -1 all processors. Results are the same bits for any.

    Attributes
    ----------
    frequency_ : Frequency
        The period that `fit` found: its ``name`` and ``season``.

    See Also
    --------
    DemandForecaster : Makes these features itself, and goes on from its own forecasts.

    Notes
    -----
    Nothing but the frequency is learnt: the features of a row come from the earlier rows of X. So X
    must hold the history before the rows that matter, and rows whose value is not known yet have the
    value NaN; with ``shift=3`` the third such row of a series still has all its features.

    Where the history is too short, or a value in the window or at the lag is missing, the feature is
    NaN; as in pandas, a window has to be full. An exponential average begins with the first value; a
    missing one leaves it as it is and makes what came before weigh less, as in pandas with
    ``ignore_na=False``. Missing values never become zeros.

    float32 values give float32 features, computed in float64; anything else gives float64.

    A window's sum, mean or standard deviation is joined from those of its halves, quarters and so on
    [1]_, so it depends on the values in the window alone, and its error does not grow with the length of
    the series.

    References
    ----------
    .. [1] T. F. Chan, G. H. Golub and R. J. LeVeque, "Algorithms for computing the sample variance:
       analysis and recommendations", The American Statistician 37, 242-247, 1983.

    Examples
    --------
    >>> import pandas as pd
    >>> from crmkit.forecast import LagFeatures
    >>> months = pd.date_range("2024-01-01", periods=5, freq="MS")
    >>> sales = pd.DataFrame(
    ...     {
    ...         "series": ["cup"] * 5 + ["pot"] * 3,
    ...         "time": [*months, *months[1:4]],
    ...         "value": [3.0, 5.0, 4.0, 8.0, 6.0, 10.0, 20.0, 30.0],
    ...     }
    ... )
    >>> festival = {"date": ["2024-02-10"], "name": ["Spring Festival"]}
    >>> lags = LagFeatures([1, 2], rolling=[("mean", 2)], ema=[0.5], time_features=["month"], calendar=festival)
    >>> features = lags.fit_transform(sales)
    >>> features[["lag_1", "lag_2", "mean_2", "ema_0.5", "month"]]
       lag_1  lag_2  mean_2  ema_0.5  month
    0    NaN    NaN     NaN      NaN    1.0
    1    3.0    NaN     NaN      3.0    2.0
    2    5.0    3.0     4.0      4.0    3.0
    3    4.0    5.0     4.5      4.0    4.0
    4    8.0    4.0     6.0      6.0    5.0
    5    NaN    NaN     NaN      NaN    2.0
    6   10.0    NaN     NaN     10.0    3.0
    7   20.0   10.0    15.0     15.0    4.0
    >>> features[["Spring Festival", "Spring Festival_before", "Spring Festival_after"]].head(3)
       Spring Festival  Spring Festival_before  Spring Festival_after
    0              0.0                     1.0                    0.0
    1              1.0                     0.0                    0.0
    2              0.0                     0.0                    1.0
    """

    _parameter_constraints: ClassVar[dict[str, Any]] = {
        # What reads these says what is wrong with one.
        **dict.fromkeys(["lags", "rolling", "ema", "shift", "time_features", "calendar", "freq"], "no_validation"),
        "season": [Interval(Integral, 1, None, closed="left"), None],
        "series": [str, None],
        "time": [str],
        "value": [str],
        "gaps": [StrOptions(set(GAPS))],
        "stockouts": [str, None],
        "n_jobs": [Integral, None],
    }

    def __init__(
        self,
        lags: Any = (1,),
        *,
        rolling: Any = (),
        ema: Any = (),
        shift: int = 1,
        time_features: Any = (),
        calendar: Any = None,
        season: int | None = None,
        series: str | None = "series",
        time: str = "time",
        value: str = "value",
        freq: Any = None,
        gaps: Gaps = "raise",
        stockouts: str | None = None,
        n_jobs: int | None = None,
    ) -> None:
        self.lags = lags
        self.rolling = rolling
        self.ema = ema
        self.shift = shift
        self.time_features = time_features
        self.calendar = calendar
        self.season = season
        self.series = series
        self.time = time
        self.value = value
        self.freq = freq
        self.gaps = gaps
        self.stockouts = stockouts
        self.n_jobs = n_jobs

    def fit(self, X: Any, y: object = None) -> Self:  # noqa: ARG002  scikit-learn's signature
        """Find the frequency, and check that X and the parameters go together.

        Parameters
        ----------
        X : frame, or dict of arrays, of n rows
        y : object, default=None
            Ignored.

        Returns
        -------
        LagFeatures

        Raises
        ------
        crmkit.exceptions.ParameterError
            If X cannot be read, two rows have the same series and period, periods are absent and `gaps` is
            "raise", or periods of this frequency have no such feature of time.

        Warns
        -----
        CrmkitWarning
            A name of `calendar` has no day in the periods of X: its columns are 0.
        """
        self._learn(X, stacklevel=4)
        return self

    def fit_transform(self, X: Any, y: object = None, **fit_params: object) -> Any:  # noqa: ARG002  likewise
        """Fit and transform, reading X once.

        Parameters
        ----------
        X : frame, or dict of arrays, of n rows
        y : object, default=None
            Ignored.
        **fit_params : object
            Ignored.

        Returns
        -------
        frame of n rows
            As of `transform`.
        """
        return self._output(*self._learn(X, stacklevel=5), X)  # one more, as scikit-learn wraps this method

    def transform(self, X: Any) -> Any:
        """Give the features of each row.

        Parameters
        ----------
        X : frame, or dict of arrays, of n rows
            Of the frequency of `fit`; series that `fit` did not see are welcome. It must hold the history
            from which the features are made.

        Returns
        -------
        frame of n rows
            In the order of X: polars if X is, else pandas with the index of X; or what `set_output` asks
            for. float32 if the values are, else float64.

        Raises
        ------
        crmkit.exceptions.ParameterError
            As of `fit`.
        """
        check_is_fitted(self)
        plan = self._plan()
        panel = self._read(X, self.frequency_)
        plan.times.check(panel.frequency, "LagFeatures")
        return self._output(plan, panel, X)

    def get_feature_names_out(self, input_features: object = None) -> NDArray[np.object_]:  # noqa: ARG002  likewise
        """Give the names of the columns, fitted or not.

        Parameters
        ----------
        input_features : object, default=None
            Ignored: the columns depend on the parameters alone.

        Returns
        -------
        ndarray of str objects
        """
        return np.array(self._plan().names, dtype=object)

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.input_tags.two_d_array = False
        return tags

    def _plan(self) -> LagPlan:
        self._validate_params()
        plan = read_lag_plan(
            lags=self.lags,
            rolling=self.rolling,
            ema=self.ema,
            shift=self.shift,
            time_features=self.time_features,
            calendar=self.calendar,
            season=self.season,
            owner="LagFeatures",
        )
        if not plan.names:
            raise ParameterError(
                "LagFeatures has nothing to make: lags, rolling, ema and time_features are empty, calendar is None. "
                "Name at least one feature, such as lags=[1]."
            )
        return plan

    def _read(self, X: Any, freq: Any) -> Panel:
        return read_panel(
            X,
            series=self.series,
            time=self.time,
            value=self.value,
            freq=freq,
            gaps=self.gaps,
            stockouts=self.stockouts,
            owner="LagFeatures",
        )

    def _learn(self, X: Any, stacklevel: int) -> tuple[LagPlan, Panel]:
        plan = self._plan()
        threads_of(self.n_jobs)  # refuses what is no number of threads
        panel = self._read(X, self.freq)
        plan.times.check(panel.frequency, "LagFeatures")
        plan.warn_of_absent(panel, stacklevel=stacklevel)
        self.frequency_: Frequency = panel.frequency
        return plan, panel

    def _output(self, plan: LagPlan, panel: Panel, X: Any) -> Any:
        threads = threads_of(self.n_jobs)
        features = plan.matrix(panel, threads=threads).T
        if panel.rows is not None:
            taken = np.empty((len(features), len(panel.rows)), dtype=features.dtype)
            run_in_ranges(take_rows, len(panel.rows), features, read_only(panel.rows), taken, threads=threads)
            features = taken
        container = output_container(self)
        if container == "polars" or (container == "default" and panel.backend == "polars"):
            return make_frame(dict(zip(plan.names, features, strict=True)), "polars")
        # One block of columns, as they lie in memory.
        index = X.index if isinstance(X, pd.DataFrame) else None
        return pd.DataFrame(features.T, columns=list(plan.names), index=index, copy=False)
