"""Demand of many series by one regressor: any of scikit-learn's, from lags, windows and the calendar."""

from __future__ import annotations

import warnings
from collections.abc import Iterable
from numbers import Integral
from typing import Any, ClassVar, Literal, Self

import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import LinearRegression

from crmkit._compat import HasMethods, StrOptions
from crmkit._frames import make_frame
from crmkit._validation import parameter_error, threads_of
from crmkit.exceptions import CrmkitWarning, ParameterError
from crmkit.forecast._forecaster import Forecaster
from crmkit.forecast._lag_plan import LagPlan, read_lag_plan
from crmkit.forecast._lag_regression import STAND_IN, Fallbacks, LagRegression, Recipe, learn, takes_missing
from crmkit.forecast._panel import Gaps, Panel
from crmkit.forecast._target_choice import choose_target
from crmkit.forecast._targets import TARGETS, target

#: scikit-learn's word for what it need not check: what reads these parameters says what is wrong with one.
_READ_LATER: Any = "no_validation"


class DemandForecaster(Forecaster):
    r"""Forecasts many series by one regressor, from their lags, windows, averages and the calendar.

    One model learns from all series together, and forecasts each from its own history alone. With a
    linear regressor and lags this is an autoregression.

    Parameters
    ----------
    regressor : regressor, default=None
        Any of scikit-learn's kind. None is `sklearn.linear_model.LinearRegression`. It is cloned, and its
        ``random_state`` is its own affair.
    steps : int, default=1
        How many periods ahead, unless `predict` is told otherwise. Also what `target_transform` is
        chosen for and intervals are calibrated for.
    lags : sequence of int, default=None
        The values so many periods before. None: 1 to one more than a season; to 13 where a season has
        more than 24 periods, and to 4 where there is none; at most to a third of the median length of
        the series.
    rolling, ema : sequence, default=()
        Windows and exponential averages of the values before, as in `LagFeatures`.
    time_features, calendar : default=(), None
        What the calendar says of the period that is forecast, as in `LagFeatures`. A `calendar` should
        name the dates to come too.
    exogenous : sequence of str, default=()
        Columns of X, known in advance, such as prices and promotions: the regressor sees those of the period
        that is forecast, and `predict` must be given them as `future`.
    strategy : {"recursive", "direct"}, default="recursive"
        "recursive": one regressor for the next period, and forecasts are taken for values to go on.
        "direct": for each of `steps` a regressor of its own, from what is known now.
    target_transform : str or None, default="auto"
        What the regressor is asked for. None: the values. "scale": in units of the mean size of what the
        series had before. "log": log(1 + value). "difference": the change from the period before.
        "seasonal_difference": from the season before. "log_difference", "log_seasonal_difference": these of
        log(1 + value). Lags and windows are made of the same. "auto": what forecast best from past origins, see Notes.
    season : int, default=None
        Periods of a season; None is the usual one of the frequency.
    calibration, clip, series, time, value, freq, gaps, stockouts
        As in `NaiveForecaster`.
    n_jobs : int, default=None
        Threads, for features, candidates of `target_transform` and regressors of "direct". None is 1, -1
        all processors. Results are the same bits for any.

    Attributes
    ----------
    target_transform_ : str or None
        What was taken.
    transform_scores_ : frame or None
        With ``target_transform="auto"``, a row for each candidate (the values themselves are ``"none"``)
        and one for ``"seasonal_naive"``: ``rmsse``, by which is chosen, ``mase``, ``mae``, ``wape`` and
        ``bias`` over the past origins, the last as a share of the total. None where nothing was compared, or
        there was too little.
    lags_ : tuple of int
    feature_names_ : ndarray of str objects
        What the columns are that the regressor sees.
    regressors_ : list
        The fitted regressor, or those of each step.
    n_rows_used_, n_rows_dropped_ : int
        Values that the regressor (that of the first step) learnt from, and those that it could not: missing
        themselves, or without the history that their features need.
    frequency_, season_, series_, n_series_
        As in `NaiveForecaster`.

    See Also
    --------
    LagFeatures : The features alone, for models of one's own.
    rolling_origin : Whether it is better than the seasonal naive.
    EMAForecaster : Often as good for demand without season and trend.

    Notes
    -----
    *What is learnt from.* Each known value whose series had all periods before it that lags, windows and
    target need. A missing value (of a stockout, or a gap) is never learnt as an outcome. Where one is among the
    features, the row is left out, unless the regressor says that it takes NaN, as gradient boosting and
    random forests do and pipelines do not. The end of a history is treated alike: for regressors that
    do not take NaN, missing values are filled with the last known one of the series.

    *What stands in.* A series that is too short has the mean of its last 8 known values, flagged by
    ``is_fallback``; one without any known value has NaN. Forecasts that feed on each other until they grow
    beyond all bounds are replaced and flagged alike, with a warning. Where the target is a logarithm,
    values below 0 count as missing.

    *In units of the level.* With "scale", features and outcome of a row are divided by the mean size of all
    values before it: what comes later is not known to it. Series that begin with next to nothing then have
    outcomes of a hundred times their level; prefer absolute errors, or a logarithm, for such.

    *Choosing the target.* A regressor of each candidate learns from what was before the first of up to
    12 past origins, within the last third of the history, and forecasts `steps` periods from each. The
    squared error is measured in units of the series' mean squared change from one period to the next,
    its root averaged over series (RMSSE [1]_); the simplest that comes within 1 % of the best is taken.
    Squared errors aim at the mean; by absolute ones, which aim at the median, demand that is zero in
    most weeks would be forecast far too low. Even so look at ``bias``: the mean of a logarithm is not the
    logarithm of a mean, and where large orders come now and then the forecasts of a logarithm add up to too
    little. In weekly sales of a wholesaler's 500 best items the choice was "difference" at five origins of
    six, and forecasts were 18 % too low; of 4,000 items mostly zero it was a logarithm, and they were 46 %
    too low, where "difference" was 13 % too low and off by 5 % more units. Name it where totals matter.

    A target that the regressor refuses, such as differences below 0 of a Poisson regression, is no candidate.
    With "auto" and `calibration` a regressor is fitted some 16 times: where that takes too long, name the
    target, and pass ``calibration=0`` if no intervals are wanted.

    Trees cannot forecast what they never saw: with a trend, they need a difference or are wrong. That is no
    free cure. On the last two years of the AirPassengers series a random forest of the lags 1, 2, 3, 12
    and 13 had a mean absolute error of 41; of log seasonal differences with the lags 1, 2, 3 and 12, 66.
    Linear regression on all lags to 13 had 37, on differences 40, on log seasonal differences 13; the
    seasonal naive 71.

    *Recursive or direct.* Recursive forecasts reach as far as one likes; errors feed on each other. Direct ones
    do not, but learn from fewer values at longer steps, and cost `steps` fits.

    Series are read as a whole: one regressor for all is little use where series have nothing in common, and
    learns from few hundred values what one series alone could never teach where they have.

    References
    ----------
    .. [1] S. Makridakis, E. Spiliotis and V. Assimakopoulos (2022). "The M5 competition: Background,
       organization, and implementation". International Journal of Forecasting 38(4), 1325-1336.
       :doi:`10.1016/j.ijforecast.2021.07.007`

    Examples
    --------
    >>> import numpy as np
    >>> import pandas as pd
    >>> from crmkit.forecast import DemandForecaster
    >>> rng = np.random.default_rng(0)
    >>> weeks = pd.date_range("2024-01-01", periods=60, freq="7D")
    >>> frames = []
    >>> for name, usual in [("cup", 10), ("pot", 30)]:
    ...     promotion = (rng.random(62) < 0.2) * 1.0
    ...     sold = rng.poisson(usual * (1 + 2 * promotion[:60]))
    ...     frames.append(pd.DataFrame({"series": name, "time": weeks, "value": sold, "promotion": promotion[:60]}))
    >>> model = DemandForecaster(steps=2, exogenous=["promotion"]).fit(pd.concat(frames))
    >>> plans = {"series": ["cup", "cup", "pot", "pot"], "time": 2 * ["2025-02-24", "2025-03-03"]}
    >>> model.predict(future={**plans, "promotion": [0.0, 1.0, 0.0, 0.0]}).round({"forecast": 1})
      series       time  forecast  is_fallback
    0    cup 2025-02-24       9.6        False
    1    cup 2025-03-03      31.6        False
    2    pot 2025-02-24      28.5        False
    3    pot 2025-03-03      30.8        False
    >>> model.target_transform_, model.lags_[-1], model.n_rows_used_, model.n_rows_dropped_
    ('scale', 13, 94, 26)
    >>> model.transform_scores_.round(2)
      target_transform  rmsse  mase    mae  wape  bias
    0             none   0.46  0.45   7.92  0.30 -0.05
    1            scale   0.33  0.37   5.47  0.21 -0.04
    2              log   0.41  0.40   5.69  0.21 -0.09
    3       difference   0.49  0.49   9.15  0.34 -0.05
    4   log_difference   0.42  0.41   6.26  0.24 -0.10
    5   seasonal_naive   0.97  0.96  13.65  0.51 -0.05
    """

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        "regressor": [HasMethods(["fit", "predict"]), None],
        **dict.fromkeys(["lags", "rolling", "ema", "time_features", "calendar", "exogenous"], _READ_LATER),
        "strategy": [StrOptions({"recursive", "direct"})],
        "target_transform": [StrOptions({"auto", *(name for name in TARGETS if name is not None)}), None],
        "n_jobs": [Integral, None],
        **Forecaster._parameter_constraints,
    }

    def __init__(
        self,
        regressor: Any = None,
        *,
        steps: int = 1,
        lags: Any = None,
        rolling: Any = (),
        ema: Any = (),
        time_features: Any = (),
        calendar: Any = None,
        exogenous: Any = (),
        strategy: Literal["recursive", "direct"] = "recursive",
        target_transform: str | None = "auto",
        season: int | None = None,
        calibration: int | Literal["auto"] = "auto",
        clip: bool = True,
        series: str | None = "series",
        time: str = "time",
        value: str = "value",
        freq: Any = None,
        gaps: Gaps = "raise",
        stockouts: str | None = None,
        n_jobs: int | None = None,
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
        self.regressor = regressor
        self.lags = lags
        self.rolling = rolling
        self.ema = ema
        self.time_features = time_features
        self.calendar = calendar
        self.exogenous = exogenous
        self.strategy = strategy
        self.target_transform = target_transform
        self.n_jobs = n_jobs

    def fit(self, X: Any, y: object = None) -> Self:  # noqa: ARG002  scikit-learn's signature
        """Choose the target, fit the regressor, and keep what forecasts begin with.

        Parameters
        ----------
        X : frame, or dict of arrays
            One row for each series and period, in any order, with the columns of `exogenous`.
        y : object, default=None
            Ignored.

        Returns
        -------
        self

        Raises
        ------
        crmkit.exceptions.ParameterError
            If the frame cannot be read, no series is long enough to learn anything from, or values are
            negative and `target_transform` is a logarithm.

        Warns
        -----
        CrmkitWarning
            A name of `calendar` has no day in the periods of X.
        """
        self._validate_params()
        panel = self._read(X, self.freq)
        self._fit_history(panel)
        self._model.recipe.plan.warn_of_absent(panel, stacklevel=3)
        return self

    # -- what the base asks for ------------------------------------------------------------------

    def _exogenous(self) -> tuple[str, ...]:
        names = self.exogenous
        if isinstance(names, str) or not isinstance(names, Iterable) or not all(isinstance(x, str) for x in names):
            hint = f"Write [{names!r}]." if isinstance(names, str) else ""
            raise parameter_error("exogenous", names, "a list of names of columns", type(self).__name__, hint)
        names = tuple(names)
        others = {name for name in ("series", "time", "value", "stockouts") if getattr(self, name) in names}
        if others:
            what = f"a list without the column of {' and '.join(sorted(others))}"
            raise parameter_error("exogenous", names, what, type(self).__name__)
        if len(set(names)) < len(names):
            raise parameter_error("exogenous", names, "a list without repetition", type(self).__name__)
        return names

    def _learn(self, panel: Panel) -> None:
        plan = self._plan(panel)
        regressor = self._regressor()
        takes_nan, direct = takes_missing(regressor), self.strategy == "direct"
        threads = threads_of(self.n_jobs)

        def fit(name: str | None, history: Panel, n_jobs: int | None = None) -> LagRegression:
            modelled = target(name, self.season_)
            recipe = Recipe(plan, modelled, self._exogenous(), int(self.steps) if direct else 0, takes_nan)
            return learn(regressor, recipe, history, threads=threads, n_jobs=n_jobs)

        name, scores = self.target_transform, None
        if name == "auto":
            name, scores = choose_target(panel, int(self.steps), self.season_, self._exogenous(), fit, threads)
        elif target(name, self.season_).lowest == 0 and (panel.values < 0).any():
            raise ParameterError(
                f"target_transform={name!r} of DemandForecaster takes the logarithm of 1 + value, and "
                f"{int((panel.values < 0).sum()):,} values are negative, such as {np.nanmin(panel.values):g}. Pass "
                "'auto', None, 'scale' or a difference, or correct the values."
            )
        self._model = fit(name, panel, threads)
        self.target_transform_ = name
        self.transform_scores_ = None if scores is None else make_frame(scores, panel.backend)
        self.lags_ = plan.lags
        self.feature_names_ = np.array(self._model.recipe.names, dtype=object)
        self.regressors_ = list(self._model.regressors)
        self.n_rows_used_ = self._model.n_rows
        self.n_rows_dropped_ = len(panel.values) - self._model.n_rows

    def _regressor(self) -> Any:
        if self.regressor is None:
            return LinearRegression()
        if isinstance(self.regressor, type):
            raise parameter_error("regressor", self.regressor, "a regressor, not its class", type(self).__name__)
        if hasattr(self.regressor, "predict_proba"):
            raise parameter_error("regressor", self.regressor, "a regressor, not a classifier", type(self).__name__)
        return self.regressor

    def _plan(self, panel: Panel) -> LagPlan:
        owner = type(self).__name__
        plan = read_lag_plan(
            lags=usual_lags(panel, self.season_) if self.lags is None else self.lags,
            rolling=self.rolling,
            ema=self.ema,
            time_features=self.time_features,
            calendar=self.calendar,
            season=self.season,
            owner=owner,
        )
        plan.times.check(panel.frequency, owner)
        both = set(plan.names) & set(self._exogenous())
        if both:
            raise ParameterError(f"exogenous of {owner} has the name of another feature: {sorted(both)}. Rename it.")
        if not plan.names and not self._exogenous():
            raise ParameterError(f"{owner} has no features. Pass lags=, rolling=, ema=, time_features= or exogenous=.")
        return plan

    def _say(
        self, panel: Panel, steps: int, future: dict[str, NDArray[np.float64]] | None
    ) -> tuple[NDArray[np.float64], Fallbacks]:
        if self.strategy == "direct" and steps > len(self.regressors_):
            raise ParameterError(
                f"steps={steps} is asked of a DemandForecaster with strategy='direct' that has a regressor for each of "
                f"steps={len(self.regressors_)}. Fit it with more steps, or with strategy='recursive'."
            )
        return self._model.forecast(panel, steps, future)

    def _forecast(
        self, panel: Panel, steps: int, future: dict[str, NDArray[np.float64]] | None = None
    ) -> NDArray[np.float64]:
        return self._say(panel, steps, future)[0]

    def _predict_flagged(
        self, panel: Panel, steps: int, future: dict[str, NDArray[np.float64]] | None = None
    ) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
        found, fallbacks = self._say(panel, steps, future)
        if fallbacks.lost.any():
            warnings.warn(
                f"The forecasts of {int(fallbacks.lost.sum()):,} of {len(panel):,} series grow beyond all bounds, as "
                f"they feed on each other; the mean of the last {STAND_IN} known values stands in. Choose another "
                "target_transform, other lags, or strategy='direct'.",
                CrmkitWarning,
                stacklevel=3,
            )
        stands_in = (fallbacks.short | fallbacks.lost)[:, None] | np.isnan(found)
        return np.maximum(found, self._floor), stands_in

    def _reach(self) -> int | None:
        return self._model.reach


def usual_lags(panel: Panel, season: int) -> tuple[int, ...]:
    """Each lag up to a season and one more; at most to a third of the usual history."""
    longest = 4 if season == 1 else season + 1 if season <= 24 else 13
    return tuple(range(1, max(1, min(longest, int(np.median(panel.lengths)) // 3)) + 1))
