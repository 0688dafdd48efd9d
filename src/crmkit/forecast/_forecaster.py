"""What all forecasters share: reading long frames, the frame of forecasts, and intervals from past origins."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import replace
from numbers import Integral, Real
from typing import Any, ClassVar, Literal, Self

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, clone
from sklearn.utils import Tags
from sklearn.utils.validation import check_is_fitted

from crmkit._compat import Interval, StrOptions
from crmkit._numba import run_in_ranges
from crmkit._periods import Frequency
from crmkit._validation import check_float, check_int
from crmkit.exceptions import ParameterError
from crmkit.forecast._forecaster_kernels import naive_scales
from crmkit.forecast._panel import GAPS, Gaps, Panel, read_panel
from crmkit.forecast._panel_series import stacked
from crmkit.model_selection import ConformalIntervals

#: Errors for each step that ``calibration="auto"`` aims at, and the fewest origins that they come from.
_ERRORS, _ORIGINS = 100, 4

#: Values of histories that are forecast from at once.
AT_ONCE = 4_000_000

#: Nothing reaches farther, so that sums of periods stay numbers.
MOST_PERIODS = 2**31 - 1

#: What `predict` adds to the columns of series and time.
_COLUMNS = ("forecast", "is_fallback")


class Forecaster(BaseEstimator, ABC):
    """Base of the forecasters: not to be used itself.

    A family supplies `_learn`, which is given all series, and `_forecast`, which gives the next values of
    each series from its own history. Everything else is here.

    While they run, `frequency_`, `season_` and `series_` are set already.
    """

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        "steps": [Interval(Integral, 1, MOST_PERIODS, closed="both")],
        "season": [Interval(Integral, 1, MOST_PERIODS, closed="both"), None],
        "calibration": [StrOptions({"auto"}), Interval(Integral, 0, MOST_PERIODS, closed="both")],
        "clip": ["boolean"],
        "series": [str, None],
        "time": [str],
        "value": [str],
        "freq": "no_validation",  # type: ignore[dict-item]  # what reads it says what is wrong with one
        "gaps": [StrOptions(set(GAPS))],
        "stockouts": [str, None],
    }

    def __init__(
        self,
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
        self.steps = steps
        self.season = season
        self.calibration = calibration
        self.clip = clip
        self.series = series
        self.time = time
        self.value = value
        self.freq = freq
        self.gaps = gaps
        self.stockouts = stockouts

    # -- what a family supplies ------------------------------------------------------------------

    @abstractmethod
    def _learn(self, panel: Panel) -> None:
        """Learn from all series."""

    @abstractmethod
    def _forecast(
        self, panel: Panel, steps: int, future: dict[str, NDArray[np.float64]] | None = None
    ) -> NDArray[np.float64]:
        """The next values, shape (n_series, steps): of each series for itself, without any change of state.

        `future` holds the columns of `_exogenous` in the steps to come, each of shape (n_series, steps).
        NaN where a series has no known value.
        """

    def _check(self, panel: Panel) -> None:
        """Refuse histories that the family cannot forecast from."""

    def _is_fallback(self, panel: Panel, steps: int) -> NDArray[np.bool_]:
        """Which forecasts are not by the method, as the series is too short for it; shape (n_series, steps)."""
        return np.zeros((len(panel), steps), dtype=np.bool_)

    def _reach(self) -> int | None:
        """How many last periods of a series without missing values forecasts depend on; None is all of them."""
        return None

    def _exogenous(self) -> tuple[str, ...]:
        """Names of further columns that are read with the series, and must be known in advance."""
        return ()

    # -- fitting ---------------------------------------------------------------------------------

    def fit(self, X: Any, y: object = None) -> Self:  # noqa: ARG002  scikit-learn's signature
        """Learn from past values, and keep what forecasts begin with.

        Parameters
        ----------
        X : frame, or dict of arrays
            One row for each series and period, in any order.
        y : object, default=None
            Ignored.

        Returns
        -------
        self

        Raises
        ------
        crmkit.exceptions.ParameterError
            If the frame cannot be read: see the parameters of the class.
        """
        self._validate_params()
        for name in ("series", "time"):
            if getattr(self, name) in _COLUMNS:
                raise ParameterError(
                    f"{name}={getattr(self, name)!r} of {type(self).__name__} is the name of a column of forecasts. "
                    "Rename that of the frame."
                )
        return self._fit_history(self._read(X, self.freq))

    def _fit_history(self, panel: Panel) -> Self:
        """Learn from a panel, and keep what forecasts begin with."""
        self._fit_panel(panel)
        self._intervals, self._no_intervals = self._calibrate(panel)
        # Before the history is cut short.
        self._history_units = self._units(panel)
        reach = self._reach()
        if reach is not None and not np.isnan(panel.values).any():
            panel = panel.tail(reach)
        # A copy, since the values may be those of the caller, who may change them.
        self._history = replace(
            panel,
            values=panel.values.copy(),
            exogenous={name: column.copy() for name, column in panel.exogenous.items()},
            rows=None,
        )
        return self

    def _fit_panel(self, panel: Panel) -> Self:
        """Learn from a panel, without intervals and without keeping any of it."""
        self._check(panel)
        self.frequency_ = panel.frequency
        self.season_ = panel.frequency.season if self.season is None else int(self.season)
        self.series_ = panel.ids
        self.n_series_ = len(panel)
        self._floor = 0.0 if self.clip and not (panel.values < 0).any() else -np.inf
        scales = own_scales(panel)
        positive = scales[scales > 0]
        self._usual_scale = float(np.median(positive)) if len(positive) else 1.0
        self._learn(panel)
        return self

    def _read(self, X: Any, freq: str | Frequency | None) -> Panel:
        return read_panel(
            X,
            series=self.series,
            time=self.time,
            value=self.value,
            freq=freq,
            gaps=self.gaps,
            stockouts=self.stockouts,
            exogenous=self._exogenous(),
            owner=type(self).__name__,
        )

    # -- forecasts -------------------------------------------------------------------------------

    def predict(self, steps: int | None = None, X: Any = None, *, future: Any = None) -> Any:
        """Forecast the periods after the last one of each series.

        Parameters
        ----------
        steps : int, default=None
            How many periods; that of the constructor if None.
        X : frame, or dict of arrays, default=None
            Histories to forecast from, in the columns of `fit`; series that `fit` did not see are
            welcome. None: those of `fit`.
        future : frame, or dict of arrays, default=None
            Columns that are known in advance, for forecasters that use such: a row for each series
            and period to come.

        Returns
        -------
        frame of n_series × steps rows
            The columns of series and time by the names of `fit`, sorted by them, where a time is the
            beginning of its period, whichever of its days X names; ``forecast``, NaN for a series without
            any known value; and ``is_fallback``, whether the series was too short for
            the method, so that something simpler stands in.

        Raises
        ------
        crmkit.exceptions.ParameterError
            If X cannot be read.
        """
        panel, steps = self._panel_of(X), self._steps_of(steps)
        forecasts, fallbacks = self._predict_flagged(panel, steps, self._read_future(future, panel, steps))
        columns = {"forecast": forecasts.ravel(), "is_fallback": fallbacks.ravel()}
        codes = np.repeat(np.arange(len(panel)), steps)
        return panel.frame_of(codes, (panel.last[:, None] + np.arange(1, steps + 1)).ravel(), columns)

    def predict_interval(
        self, steps: int | None = None, X: Any = None, coverage: float = 0.9, *, future: Any = None
    ) -> NDArray[np.float64]:
        """Give an interval for each row of `predict`.

        Parameters
        ----------
        steps : int, default=None
            At most that of the constructor, which is the default.
        X : frame, or dict of arrays, default=None
            As in `predict`.
        coverage : float, default=0.9
            Share of values that the intervals hold, above 0 and below 1.
        future : frame, or dict of arrays, default=None
            As in `predict`.

        Returns
        -------
        ndarray of float64, shape (n_series × steps, 2)
            Lower and upper end.

        Raises
        ------
        crmkit.exceptions.ParameterError
            If there are too few errors at past origins for such a coverage.

        Notes
        -----
        How wrong were forecasts before? A clone is fitted on the periods before the first of some past
        origins; from each origin it forecasts `steps` periods, and its errors are collected for each
        step. The ends of an interval are order statistics of these errors, in units of how much the
        series itself changes from one period to the next (if it never does, of its mean). This is
        split-conformal prediction: if errors in those units are exchangeable, the interval holds the
        value with a probability of about `coverage`, on the average over series. It does not when times
        change, nor for each series by itself.
        """
        coverage = check_float("coverage", coverage, f"{type(self).__name__}.predict_interval", 0, 1, "neither")
        panel, steps = self._panel_of(X), self._steps_of(steps)
        self._check_intervals(steps, coverage)
        forecasts = self._predict_panel(panel, steps, self._read_future(future, panel, steps))
        units = self._history_units if X is None else self._units(panel)
        return self._interval_around(forecasts, units, coverage).reshape(-1, 2)

    def _panel_of(self, X: Any) -> Panel:
        check_is_fitted(self)
        if X is None:
            return self._history
        panel = self._read(X, self.frequency_)
        self._check(panel)
        return panel

    def _steps_of(self, steps: Any) -> int:
        if steps is None:
            return int(self.steps)
        owner = f"{type(self).__name__}.predict"
        if not isinstance(steps, Real | str):
            # Not shown: it may be a whole frame.
            raise ParameterError(
                f"The 'steps' parameter of {owner} must be an int, and comes first. Got a {type(steps).__name__}. "
                "Write predict(X=...) to forecast from other histories than those of fit."
            )
        return check_int("steps", steps, owner, low=1, high=MOST_PERIODS)

    def _predict_panel(
        self, panel: Panel, steps: int, future: dict[str, NDArray[np.float64]] | None = None
    ) -> NDArray[np.float64]:
        return np.maximum(self._forecast(panel, steps, future), self._floor)

    def _predict_flagged(
        self, panel: Panel, steps: int, future: dict[str, NDArray[np.float64]] | None = None
    ) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
        """Forecasts, and for which of them something simpler stands in; both of shape (n_series, steps)."""
        forecasts = self._predict_panel(panel, steps, future)
        return forecasts, self._is_fallback(panel, steps) | np.isnan(forecasts)

    def _read_future(self, future: Any, panel: Panel, steps: int) -> dict[str, NDArray[np.float64]] | None:
        """The columns known in advance, each of shape (n_series, steps)."""
        names, owner = self._exogenous(), type(self).__name__
        if not names:
            if future is not None:
                raise ParameterError(
                    f"future= is for forecasters with columns that are known in advance, and this {owner} has none. "
                    "Leave it out."
                )
            return None
        if future is None:
            raise ParameterError(
                f"future=None, but this {owner} uses {list(names)}. Pass a frame with these columns for the {steps:,} "
                "periods after the last one of each series."
            )
        try:
            ahead = read_panel(
                future,
                series=self.series,
                time=self.time,
                value=None,
                freq=self.frequency_,
                gaps="missing",
                exogenous=names,
                owner=f"{owner}.predict",
            )
        except ParameterError as error:
            raise ParameterError(str(error).replace("X of", "future of")) from error
        places = np.searchsorted(ahead.ids, panel.ids)
        places[places == len(ahead)] = 0
        known = ahead.ids[places] == panel.ids
        offsets = (panel.last + 1 - ahead.first[places])[:, None] + np.arange(steps)
        inside = known[:, None] & (offsets >= 0) & (offsets < ahead.lengths[places][:, None])
        positions = np.where(inside, ahead.pointers[places][:, None] + offsets, 0)
        found = {name: np.where(inside, column[positions], np.nan) for name, column in ahead.exogenous.items()}
        missing = sum(np.isnan(column) for column in found.values()) > 0
        if np.any(missing):
            row, step = np.argwhere(missing)[0]
            when = panel.times_of(panel.last[row : row + 1] + 1 + step)[0]
            raise ParameterError(
                f"future of {owner}.predict lacks values of {list(names)} in {int(np.sum(missing)):,} of "
                f"{len(panel) * steps:,} periods to come, the first at {when} of series {row} in sorted order. Give "
                "each series a row for each of them."
            )
        return found

    # -- intervals -------------------------------------------------------------------------------

    def _calibrate(self, panel: Panel) -> tuple[list[ConformalIntervals], str]:
        """Intervals for each step from errors at past origins, or none and why."""
        steps, name = int(self.steps), type(self).__name__
        if self.calibration == 0:
            return [], f"This {name} has calibration=0. Fit it with calibration='auto' or a number of past origins."
        end, begin = int(panel.last.max()) + 1, int(panel.first.min())
        n_origins = _enough_origins(panel, steps) if self.calibration == "auto" else int(self.calibration)
        few = (
            f"There are no errors at past origins: {end - begin:,} periods are too few for "
            f"{'any' if n_origins < 1 else f'{n_origins:,}'} origins and {steps:,} steps. Fit on longer series, with "
            "fewer steps, or with a smaller calibration=."
        )
        if n_origins < 1 or end - steps - n_origins + 1 <= begin:
            return [], few
        early = panel.before(end - steps - n_origins + 1)
        try:
            model = clone(self)._fit_panel(early)
        except ParameterError as error:
            return [], f"There are no errors at past origins, since the series were too short then: {error}"
        origins, chunk = [end - steps - back for back in range(n_origins)], max(1, AT_ONCE // len(panel.values))
        chunks = [origins[k : k + chunk] for k in range(0, n_origins, chunk)]
        pooled = np.concatenate([model._errors_at(panel, some, steps) for some in chunks])
        columns = [np.sort(column[~np.isnan(column)]) for column in pooled.T]
        none = np.empty(0)
        return [ConformalIntervals(none, [column], False, 1.0, -np.inf) for column in columns], few

    def _errors_at(self, panel: Panel, origins: Sequence[int], steps: int) -> NDArray[np.float64]:
        """Errors of forecasts made at origins, in units of each series that had not ended; shape (n, steps)."""
        seen = [(known, origin) for origin in origins if len(known := panel.until(origin))]
        if not seen:
            return np.empty((0, steps))
        actual = np.concatenate([panel.ahead(known.ids, origin, steps)[0] for known, origin in seen])
        names = self._exogenous()
        parts = [panel.exogenous_ahead(names, known.ids, origin, steps) or {} for known, origin in seen]
        future = {name: np.concatenate([part[name] for part in parts]) for name in names} or None
        known = stacked([known for known, _ in seen])
        forecasts = self._predict_panel(known, steps, future)
        return (actual - forecasts) / self._units(known)[:, None]

    def _units(self, panel: Panel) -> NDArray[np.float64]:
        """What errors of each series are measured in."""
        scales = own_scales(panel)
        return np.where(scales > 0, scales, self._usual_scale)

    def _check_intervals(self, steps: int, coverage: float) -> None:
        owner = f"{type(self).__name__}.predict_interval"
        if not self._intervals:
            raise ParameterError(f"{owner} has nothing to learn from. {self._no_intervals}")
        if steps > len(self._intervals):
            raise ParameterError(
                f"The 'steps' parameter of {owner} must be at most the steps={len(self._intervals)} of the "
                f"constructor, for which errors were collected. Got {steps} instead. Fit with more steps."
            )
        n, fewest = self._n_errors(steps), fewest_errors(coverage)
        if n < fewest:
            raise ParameterError(
                f"The 'coverage' parameter of {owner} is {coverage:g}, for which {fewest:,} errors at past origins are "
                f"needed for each step. There are {n:,}. Pass a lower coverage, more series, or fit with a larger "
                "calibration=, the number of past origins."
            )

    def _n_errors(self, steps: int) -> int:
        """Errors at past origins of the step that has fewest of them."""
        if steps > len(self._intervals):
            return 0
        return min(len(known.errors[0]) for known in self._intervals[:steps])

    def _interval_around(
        self, forecasts: NDArray[np.float64], units: NDArray[np.float64], coverage: float
    ) -> NDArray[np.float64]:
        """Intervals of shape (n_series, steps, 2)."""
        known = self._intervals[: forecasts.shape[1]]
        ends = np.concatenate([step.around(np.zeros(1), coverage) for step in known])
        return np.maximum(forecasts[:, :, None] + units[:, None, None] * ends, self._floor)

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.input_tags.two_d_array = False
        return tags


def _enough_origins(panel: Panel, steps: int) -> int:
    """How many past origins give enough errors of the last step; half of the periods are left to learn from."""
    end, begin = int(panel.last.max()) + 1, int(panel.first.min())
    most = (end - begin) // 2 - steps + 1
    if most < 1:
        return 0
    # The origin k periods before the last one is of use to a series if that has a value before it and one at the end.
    low = end - 1 - panel.last
    high = np.minimum(end - steps - 1 - panel.first, most - 1)
    useful = low <= high
    begun = np.bincount(low[useful], minlength=most) - np.bincount(high[useful] + 1, minlength=most + 1)[:most]
    errors = np.cumsum(np.cumsum(begun))
    return int(np.clip(np.searchsorted(errors, _ERRORS) + 1, min(_ORIGINS, most), most))


def scales_over(panel: Panel, season: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Mean absolute change of each series over a season, and its mean absolute value; NaN where unknown."""
    changes, levels = np.empty(len(panel)), np.empty(len(panel))
    args = (panel.pointers, panel.values, season, changes, levels)
    run_in_ranges(naive_scales, len(panel), *args, minimum=1_000)
    return changes, levels


def own_scales(panel: Panel) -> NDArray[np.float64]:
    """How much each series changes from one period to the next; its mean absolute value if it never does."""
    changes, levels = scales_over(panel, 1)
    return np.where(changes > 0, changes, levels)


def fewest_errors(coverage: float) -> int:
    """How many errors an interval of some coverage needs: of one more, each end leaves out one."""
    # The rounding keeps 2 / (1 - 0.9) at 20.
    return int(np.ceil(round(2 / (1 - coverage), 6))) - 1
