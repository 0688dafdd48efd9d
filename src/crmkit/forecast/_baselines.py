"""Forecasts that are simple, quick, and hard to beat: what a model has to be compared with."""

from __future__ import annotations

from abc import abstractmethod
from numbers import Integral, Real
from typing import Any, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize_scalar

from crmkit._compat import Interval, StrOptions
from crmkit._numba import read_only, run_in_ranges
from crmkit.forecast._baselines_kernels import ema_levels, last_known, last_of_season, window_means
from crmkit.forecast._forecaster import MOST_PERIODS, Forecaster
from crmkit.forecast._panel import Gaps, Panel

#: Series for which a further thread is worth its start.
_SERIES = 1_000


def _last_known(panel: Panel) -> NDArray[np.float64]:
    levels = np.empty(len(panel))
    run_in_ranges(last_known, len(panel), panel.pointers, panel.values, levels, minimum=_SERIES)
    return levels


class FlatForecaster(Forecaster):
    """Base of those who forecast one number for all periods to come: not to be used itself."""

    @abstractmethod
    def _levels(self, panel: Panel) -> NDArray[np.float64]:
        """What each series is expected to be, shape (n_series,)."""

    def _forecast(
        self,
        panel: Panel,
        steps: int,
        future: dict[str, NDArray[np.float64]] | None = None,  # noqa: ARG002  none of these has such columns
    ) -> NDArray[np.float64]:
        return np.repeat(self._levels(panel)[:, None], steps, axis=1)


class NaiveForecaster(FlatForecaster):
    """Forecasts the last known value of each series, for all periods to come.

    Parameters
    ----------
    steps : int, default=1
        How many periods ahead, unless `predict` is told otherwise.
    season : int, default=None
        Not used here; all forecasters have it. None is the usual one of the frequency.
    calibration : int or "auto", default="auto"
        Number of past origins whose errors `predict_interval` learns from. ``"auto"`` takes what gives
        100 errors, 4 origins at least, and leaves half of the periods to learn from; 0 takes none.
    clip : bool, default=True
        Forecasts and intervals are cut at 0 if `fit` sees no negative value.
    series, time, value : str, default="series", "time", "value"
        Columns of the frame: ids (whole numbers or text), times (dates, datetimes or whole numbers;
        each stands for the period that holds it), and numbers. A frame without the column ``"series"``,
        or None, is one series, ``"all"``. Times in a zone count by its clock; hours have to be in UTC where
        the clock is put forward and back.
    freq : str, default=None
        ``"h"``, ``"D"``, ``"W"`` (from Monday), ``"M"``, ``"Q"``, ``"Y"``, a fixed duration such as
        ``"14D"``; None infers it from the times.
    gaps : {"raise", "zero", "missing"}, default="raise"
        What becomes of periods that a series lacks between its first and last: an error, zeros, or
        missing values.
    stockouts : str, default=None
        Column of booleans: where True the value is missing, since what was not there could not be
        bought.

    Attributes
    ----------
    frequency_ : Frequency
        ``frequency_.name`` is what `freq` was given or inferred as.
    season_ : int
        Periods of a season.
    series_ : ndarray of shape (n_series,)
        Ids of the series of `fit`, sorted.
    n_series_ : int

    See Also
    --------
    SeasonalNaiveForecaster : The last known value of the same season.
    rolling_origin : How good forecasts were at past origins.

    Notes
    -----
    A missing value, NaN or null, is nothing: the value before it is the last known one. This is the
    best forecast of a random walk; of demand with a season it is a poor one.

    Examples
    --------
    >>> from crmkit.forecast import NaiveForecaster
    >>> sold = {"series": ["tea"] * 4, "time": [1, 2, 3, 4], "value": [7.0, 9.0, 8.0, None]}
    >>> NaiveForecaster().fit(sold).predict(steps=2)
      series  time  forecast  is_fallback
    0    tea     5       8.0        False
    1    tea     6       8.0        False
    """

    def _learn(self, panel: Panel) -> None:
        """Nothing is to be learnt."""

    def _reach(self) -> int:
        return 1

    def _levels(self, panel: Panel) -> NDArray[np.float64]:
        return _last_known(panel)


class SeasonalNaiveForecaster(Forecaster):
    """Forecasts the last known value of the same season: next December as last December.

    What any model of demand is to be compared with, and often loses to.

    Parameters
    ----------
    steps : int, default=1
        How many periods ahead, unless `predict` is told otherwise.
    season : int, default=None
        Periods of a season. None is the usual one of the frequency: 24 hours, 7 days, 52 weeks, 12
        months, 4 quarters, else 1, which is `NaiveForecaster`.
    calibration, clip, series, time, value, freq, gaps, stockouts
        As in `NaiveForecaster`.

    Attributes
    ----------
    frequency_, season_, series_, n_series_
        As in `NaiveForecaster`.

    See Also
    --------
    NaiveForecaster : The last value, whatever the season.

    Notes
    -----
    A missing value is looked for one season earlier, and so on. Where a series knows no value of that
    season, as it is shorter than a season, its last known value stands in, and ``is_fallback`` says so.
    52 weeks are 364 days: after six years the weeks of a season have moved by one.

    Examples
    --------
    >>> from crmkit.forecast import SeasonalNaiveForecaster
    >>> sold = {"time": [1, 2, 3, 4, 5, 6], "value": [10.0, 30.0, 20.0, 12.0, None, 22.0]}
    >>> SeasonalNaiveForecaster(season=3).fit(sold).predict(steps=4)
      series  time  forecast  is_fallback
    0    all     7      12.0        False
    1    all     8      30.0        False
    2    all     9      22.0        False
    3    all    10      12.0        False
    """

    def _learn(self, panel: Panel) -> None:
        """Nothing is to be learnt."""

    def _reach(self) -> int:
        return self.season_

    def _of_season(self, panel: Panel, steps: int) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
        out = np.repeat(_last_known(panel)[:, None], steps, axis=1)
        found = np.empty(out.shape, dtype=np.bool_)
        args = (panel.pointers, panel.values, self.season_, steps, out, found)
        run_in_ranges(last_of_season, len(panel), *args, minimum=_SERIES)
        return out, found

    def _forecast(
        self,
        panel: Panel,
        steps: int,
        future: dict[str, NDArray[np.float64]] | None = None,  # noqa: ARG002  it has no such columns
    ) -> NDArray[np.float64]:
        return self._of_season(panel, steps)[0]

    def _is_fallback(self, panel: Panel, steps: int) -> NDArray[np.bool_]:
        return ~self._of_season(panel, steps)[1]


class MovingAverageForecaster(FlatForecaster):
    """Forecasts the mean of the last periods of each series, for all periods to come.

    Parameters
    ----------
    window : int, default=12
        How many periods the mean is of. A whole season, or several, averages the season out.
    steps : int, default=1
        How many periods ahead, unless `predict` is told otherwise.
    season, calibration, clip, series, time, value, freq, gaps, stockouts
        As in `NaiveForecaster`.

    Attributes
    ----------
    frequency_, season_, series_, n_series_
        As in `NaiveForecaster`.

    See Also
    --------
    EMAForecaster : Later values count more.

    Notes
    -----
    The mean is that of the known values in the window. A series that is shorter than the window has
    the mean of what there is, and one without any known value in it its last known value; both have
    ``is_fallback``. It lags behind a trend by half of the window, and knows no season.

    Examples
    --------
    >>> from crmkit.forecast import MovingAverageForecaster
    >>> sold = {"time": [1, 2, 3, 4], "value": [50.0, 6.0, None, 8.0]}
    >>> MovingAverageForecaster(window=3).fit(sold).predict()
      series  time  forecast  is_fallback
    0    all     5       7.0        False
    """

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        "window": [Interval(Integral, 1, MOST_PERIODS, closed="both")],
        **Forecaster._parameter_constraints,
    }

    def __init__(
        self,
        window: int = 12,
        *,
        steps: int = 1,
        season: int | None = None,
        calibration: int | Literal["auto"] = "auto",
        clip: bool = True,
        series: str | None = "series",
        time: str = "time",
        value: str = "value",
        freq: Any = None,
        gaps: Gaps = "raise",
        stockouts: str | None = None,
    ) -> None:
        super().__init__(
            steps=steps,
            season=season,
            calibration=calibration,
            clip=clip,
            series=series,
            time=time,
            value=value,
            freq=freq,
            gaps=gaps,
            stockouts=stockouts,
        )
        self.window = window

    def _learn(self, panel: Panel) -> None:
        """Nothing is to be learnt."""

    def _reach(self) -> int:
        return int(self.window)

    def _means(self, panel: Panel) -> NDArray[np.float64]:
        means = np.full(len(panel), np.nan)
        args = (panel.pointers, panel.values, int(self.window), means)
        run_in_ranges(window_means, len(panel), *args, minimum=_SERIES)
        return means

    def _levels(self, panel: Panel) -> NDArray[np.float64]:
        means = self._means(panel)
        none = np.isnan(means)
        return np.where(none, _last_known(panel), means) if none.any() else means

    def _is_fallback(self, panel: Panel, steps: int) -> NDArray[np.bool_]:
        short = (panel.lengths < self.window) | np.isnan(self._means(panel))
        return np.repeat(short[:, None], steps, axis=1)


class EMAForecaster(FlatForecaster):
    r"""Forecasts an average that forgets: simple exponential smoothing, for all periods to come.

    Parameters
    ----------
    alpha : float or "auto", default=0.3
        Weight of the newest value, above 0 and at most 1. ``"auto"`` learns it from all series: the one
        whose forecasts one step ahead had the smallest mean squared error, each series in its own units.
    steps : int, default=1
        How many periods ahead, unless `predict` is told otherwise.
    season, calibration, clip, series, time, value, freq, gaps, stockouts
        As in `NaiveForecaster`.

    Attributes
    ----------
    alpha_ : float
        What `alpha` was given or learnt as.
    frequency_, season_, series_, n_series_
        As in `NaiveForecaster`.

    See Also
    --------
    MovingAverageForecaster : The last values all count the same.
    CrostonForecaster : For demand that is zero in most periods.

    Notes
    -----
    .. math:: \ell_t = \ell_{t-1} + \alpha\,(y_t - \ell_{t-1}), \qquad \ell_1 = y_1

    and the forecast is the level :math:`\ell` after the last period; that is
    ``pandas.Series.ewm(alpha=alpha, adjust=False).mean()``, and the forecast of
    `crmkit.smoothing.EMASmoother`. A missing value lets the level grow old: the next one weighs more. The
    unit of a series is its mean absolute change from one period to the next.

    Examples
    --------
    >>> from crmkit.forecast import EMAForecaster
    >>> sold = {"time": [1, 2, 3], "value": [10.0, 20.0, 10.0]}
    >>> EMAForecaster(alpha=0.5).fit(sold).predict()
      series  time  forecast  is_fallback
    0    all     4      12.5        False
    """

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        "alpha": [Interval(Real, 0, 1, closed="right"), StrOptions({"auto"})],
        **Forecaster._parameter_constraints,
    }

    def __init__(
        self,
        *,
        alpha: float | Literal["auto"] = 0.3,
        steps: int = 1,
        season: int | None = None,
        calibration: int | Literal["auto"] = "auto",
        clip: bool = True,
        series: str | None = "series",
        time: str = "time",
        value: str = "value",
        freq: Any = None,
        gaps: Gaps = "raise",
        stockouts: str | None = None,
    ) -> None:
        super().__init__(
            steps=steps,
            season=season,
            calibration=calibration,
            clip=clip,
            series=series,
            time=time,
            value=value,
            freq=freq,
            gaps=gaps,
            stockouts=stockouts,
        )
        self.alpha = alpha

    def _learn(self, panel: Panel) -> None:
        if self.alpha != "auto":
            self.alpha_ = float(self.alpha)
            return
        units = self._units(panel)

        def loss(alpha: float) -> float:
            # Summed in the order of series, so that it does not depend on the number of threads.
            return float(np.sum(self._smooth(panel, alpha, units)[1]))

        self.alpha_ = best_alpha(loss)

    def _smooth(
        self, panel: Panel, alpha: float, units: NDArray[np.float64]
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Levels, and sums of squared errors one step ahead in units of each series."""
        levels, squares = np.empty(len(panel)), np.empty(len(panel))
        args = (panel.pointers, panel.values, alpha, read_only(units), levels, squares)
        run_in_ranges(ema_levels, len(panel), *args, minimum=_SERIES)
        return levels, squares

    def _levels(self, panel: Panel) -> NDArray[np.float64]:
        return self._smooth(panel, self.alpha_, np.ones(len(panel)))[0]


def best_alpha(loss: Any) -> float:
    """The weight in [0.01, 1] of the smallest loss: the best of a grid, then the best around it."""
    grid = np.linspace(0.01, 1.0, 12)
    losses = [loss(alpha) for alpha in grid]
    best = int(np.argmin(losses))
    around = (grid[max(best - 1, 0)], grid[min(best + 1, len(grid) - 1)])
    found = minimize_scalar(loss, bounds=around, method="bounded", options={"xatol": 1e-4})
    return float(found.x) if found.fun < losses[best] else float(grid[best])
