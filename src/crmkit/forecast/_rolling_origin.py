"""Back-tests of forecasters: what they would have said at past origins, and what came."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from sklearn.base import clone
from sklearn.utils.parallel import Parallel, delayed

from crmkit._frames import make_frame, repeat_ids
from crmkit._validation import check_bool, check_float, check_int, parameter_error
from crmkit.exceptions import ParameterError
from crmkit.forecast._baselines import SeasonalNaiveForecaster
from crmkit.forecast._forecaster import Forecaster, fewest_errors, scales_over
from crmkit.forecast._origin_scores import BASELINE, METRICS, Pooled, RollingOrigin, score_cells
from crmkit.forecast._panel import Panel, read_panel

_OWNER = "rolling_origin"

#: How the frame is read: parameters that all forecasters have.
_COLUMNS = {
    "series": "series",
    "time": "time",
    "value": "value",
    "freq": None,
    "gaps": "raise",
    "stockouts": None,
}

#: Columns of the tables, beside those of series and time.
_OUTPUT = ("model", "origin", "step", "actual", "forecast", "low", "high", "is_fallback", "n", *METRICS)


class _Said(NamedTuple):
    """What one model said at one origin, shape (n_series, steps); the interval (n_series, steps, 2)."""

    forecast: NDArray[np.float64]
    interval: NDArray[np.float64]
    is_fallback: NDArray[np.bool_]


@dataclass(frozen=True)
class _Origin:
    """The beginning of the first period that is forecast, and what came of it.

    `known` has the series that reach up to the origin, `actual` their values, shape (n_series, steps), and
    `inside` which of these the panel has. `scale` is what errors of each series are divided by.
    """

    number: int
    known: Panel
    actual: NDArray[np.float64]
    inside: NDArray[np.bool_]
    scale: NDArray[np.float64]


def rolling_origin(
    forecasters: Any,
    X: Any,
    *,
    steps: int,
    n_origins: int = 3,
    stride: int | None = None,
    refit: bool = True,
    coverage: float | None = 0.9,
    season: int | None = None,
    n_jobs: int | None = None,
    verbose: int = 0,
    **columns: Any,
) -> RollingOrigin:
    r"""Forecast from past origins, with what was known then, beside the seasonal naive.

    Parameters
    ----------
    forecasters : forecaster, list of forecasters, or dict of str to forecaster
        They are cloned. A list is named by the classes.
    X : frame, or dict of arrays
        One row for each series and period.
    steps : int
        How many periods are forecast from each origin.
    n_origins : int, default=3
        How many origins. From the last one on, `steps` periods are there to the end of X.
    stride : int, default=None
        Periods from one origin to the next; `steps` if None, so that no period is forecast twice.
    refit : bool, default=True
        Whether models are fitted anew at each origin on all that was before it. False: they are fitted at
        the first one, and forecast later ones from longer histories; quicker, and no less honest.
    coverage : float, default=0.9
        Share of values that intervals should hold. None: no intervals are made, which saves what their
        calibration takes.
    season : int, default=None
        Periods of a season for the seasonal naive and for MASE; None is the usual one of the frequency.
        The forecasters have their own.
    n_jobs : int, default=None
        Threads, each with one model at one origin. The result does not depend on it.
    verbose : int, default=0
        Above 0, progress is printed.
    **columns : object
        How X is read: ``series``, ``time``, ``value``, ``freq``, ``gaps``, ``stockouts``, as in
        `NaiveForecaster`. What is not given here is what the forecasters say.

    Returns
    -------
    RollingOrigin
        With the frames ``predictions`` and ``scores``; ``gain(model)`` is what a model wins over the
        seasonal naive, with an interval.

    Raises
    ------
    ParameterError
        If there are too few periods for the origins, or X cannot be read; an error of a forecaster
        names the origin.

    See Also
    --------
    crmkit.model_selection.backtest : The same for models of customers.

    Notes
    -----
    Origins are periods of the calendar, the same for all series. At each, the series that reach up to it
    are forecast; those that had ended are only learnt from. Columns that a forecaster needs in advance are
    taken from X. Over all forecasts :math:`f` whose actual value :math:`y` is known:

    ``mae``
        mean :math:`|f - y|`, in the unit of the values; large series weigh most.
    ``wape``
        :math:`\sum |f - y| / \sum |y|`.
    ``mase``
        mean :math:`|f - y| / s`, where :math:`s` is the mean :math:`|y_t - y_{t-m}|` of the series before the
        origin and m the season [1]_; the change from one period to the next where a series is no longer than
        a season or never changes over one. Series that never change at all are left out. Below 1: better
        than the seasonal naive was in the past, at one season's distance.
    ``bias``
        :math:`\sum (f - y) / \sum y`; above 0 for forecasts that are too high.
    ``pinball``
        mean pinball loss of the ends of the intervals as quantiles :math:`(1 \pm c) / 2`, where c is `coverage`.
    ``coverage``
        share of values inside the intervals.

    The last two are NaN where a model has no interval, as there was too little before an origin to calibrate
    one. Intervals of scores draw whole series with replacement: those of few series are too narrow. Series
    of one market move together, and that common luck of the origins is in no interval.

    References
    ----------
    .. [1] R. J. Hyndman and A. B. Koehler (2006). "Another look at measures of forecast accuracy".
       International Journal of Forecasting 22(4), 679-688. :doi:`10.1016/j.ijforecast.2006.03.001`

    Examples
    --------
    >>> from crmkit.forecast import EMAForecaster, MovingAverageForecaster, rolling_origin
    >>> day = range(70)
    >>> sold = {"time": day, "value": [20 + 10 * (t % 7 == 5) + t % 3 for t in day]}
    >>> rolling_origin([EMAForecaster(), MovingAverageForecaster(7)], sold, steps=7, season=7, coverage=0.8)
    RollingOrigin(1 series, 3 origins, steps 1 to 7)
                      model   n    mae   wape   mase   bias  pinball  coverage
             seasonal_naive  21  1.333  0.059  1.005  0.000    0.162     1.000
    MovingAverageForecaster  21  2.449  0.109  1.846  0.000    0.581     0.905
              EMAForecaster  21  3.063  0.137  2.309  0.038    0.651     0.762
    """
    named = _named(forecasters)
    steps = check_int("steps", steps, _OWNER, low=1)
    n_origins = check_int("n_origins", n_origins, _OWNER, low=1)
    stride = steps if stride is None else check_int("stride", stride, _OWNER, low=1)
    refit = check_bool("refit", refit, _OWNER)
    if coverage is not None:
        coverage = check_float("coverage", coverage, _OWNER, low=0, high=1, closed="neither")
    if season is not None:
        season = check_int("season", season, _OWNER, low=1)
    n_jobs = n_jobs if n_jobs is None else check_int("n_jobs", n_jobs, _OWNER)
    verbose = check_int("verbose", verbose, _OWNER, low=0)
    reading = _reading(named, columns)
    further = {name: None for model in named.values() for name in model._exogenous()}
    panel = read_panel(X, **reading, exogenous=tuple(further), owner=_OWNER)
    season = panel.frequency.season if season is None else season
    named = _with_baseline(named, season)
    said_of = {"steps": steps, **reading, **({"calibration": 0} if coverage is None else {})}
    models = [clone(model).set_params(**said_of) for model in named.values()]
    for model in models:
        model._validate_params()
    numbers = int(panel.last.max()) + 1 - steps - stride * np.arange(n_origins)[::-1]
    origins = [_origin(panel, int(number), steps, season, n_origins, stride) for number in numbers]
    chunks = [[number] for number in range(n_origins)] if refit else [list(range(n_origins))]
    run = delayed(_judge)
    judged = Parallel(n_jobs=n_jobs, verbose=verbose, prefer="threads")(
        run(model, panel, [origins[k] for k in chunk], steps, coverage) for model in models for chunk in chunks
    )
    said = [one for part in judged for one in part]
    return _result(panel, list(named), origins, said, season, coverage)


def _named(forecasters: Any) -> dict[str, Forecaster]:
    """Forecasters by name."""
    if isinstance(forecasters, Mapping):
        named = dict(forecasters)
    else:
        listed = list(forecasters) if isinstance(forecasters, list | tuple) else [forecasters]
        names = [type(model).__name__ for model in listed]
        seen: Counter[str] = Counter()
        for place, name in enumerate(names):
            seen[name] += 1
            if names.count(name) > 1 and seen[name] > 1:
                names[place] = f"{name}_{seen[name]}"
        named = dict(zip(names, listed, strict=True))
    for name, model in named.items():
        if not isinstance(name, str):
            raise parameter_error("forecasters", name, "named by text", _OWNER)
        if not isinstance(model, Forecaster):
            hint = "Regressors go into a DemandForecaster." if hasattr(model, "predict") else ""
            raise parameter_error(
                "forecasters", model, "a forecaster of crmkit.forecast, a list or a dict", _OWNER, hint
            )
    return named


def _with_baseline(named: dict[str, Forecaster], season: int) -> dict[str, Forecaster]:
    own = named.get(BASELINE)
    if own is not None and not isinstance(own, SeasonalNaiveForecaster):
        raise parameter_error("forecasters", own, f"named otherwise than {BASELINE!r}, the baseline", _OWNER)
    return {**named, BASELINE: SeasonalNaiveForecaster(season=season)} if own is None else named


def _reading(named: Mapping[str, Forecaster], given: Mapping[str, Any]) -> dict[str, Any]:
    """How the frame is read: as the caller says, else as the forecasters do."""
    unknown = sorted(given.keys() - _COLUMNS.keys())
    if unknown:
        raise ParameterError(
            f"rolling_origin has no parameter {unknown[0]!r}. How X is read is said by {', '.join(_COLUMNS)}."
        )
    found = dict(given)
    for name, default in _COLUMNS.items():
        if name in found:
            continue
        # By what they look like: a parameter that is no good may be of any type, and fit says so.
        said = {repr(getattr(model, name)): getattr(model, name) for model in named.values()}
        said.pop(repr(default), None)
        if len(said) > 1:
            raise ParameterError(
                f"The forecasters say {name}={' and '.join(sorted(said))}. Pass {name}= to rolling_origin, "
                "which then holds for all."
            )
        found[name] = next(iter(said.values()), default)
    for name in ("series", "time"):
        if found[name] in _OUTPUT:
            raise ParameterError(
                f"{name}={found[name]!r} is the name of a column of rolling_origin's tables. Rename that of the frame."
            )
    return found


def _origin(panel: Panel, number: int, steps: int, season: int, n_origins: int, stride: int) -> _Origin:
    known = panel.until(number)
    if not len(known):
        raise ParameterError(
            f"X of rolling_origin has at most {int(panel.lengths.max()):,} periods: too few for {n_origins:,} origins, "
            f"{stride:,} apart, with {steps:,} steps and something before them. Pass fewer steps or origins."
        )
    actual, inside = panel.ahead(known.ids, number, steps)
    scale = scales_over(known, season)[0]
    scale = np.where(scale > 0, scale, scales_over(known, 1)[0])
    return _Origin(number, known, actual, inside, np.where(scale > 0, scale, np.nan))


def _judge(model: Forecaster, panel: Panel, origins: list[_Origin], steps: int, coverage: float | None) -> list[_Said]:
    """Fit before the first of some origins, and forecast from each."""
    model = clone(model)
    try:
        model._fit_history(panel.before(origins[0].number))
        return [_said_at(model, panel, origin, steps, coverage) for origin in origins]
    except Exception as error:
        when = panel.times_of(np.array([origins[0].number]))[0]
        error.add_note(f"This happened at the origin {when} of rolling_origin, in {model!r}.")
        raise


def _said_at(model: Forecaster, panel: Panel, origin: _Origin, steps: int, coverage: float | None) -> _Said:
    known = origin.known
    model._check(known)
    future = panel.exogenous_ahead(model._exogenous(), known.ids, origin.number, steps)
    forecast, fallbacks = model._predict_flagged(known, steps, future)
    interval = np.full((*forecast.shape, 2), np.nan)
    if coverage is not None and model._n_errors(steps) >= fewest_errors(coverage):
        interval = model._interval_around(forecast, model._units(known), coverage)
    return _Said(forecast, interval, fallbacks)


def _result(
    panel: Panel,
    names: list[str],
    origins: list[_Origin],
    said: list[_Said],
    season: int,
    coverage: float | None,
) -> RollingOrigin:
    """Pool what was said, model after model, origin after origin."""
    rows = [np.nonzero(origin.inside) for origin in origins]
    pairs = list(zip(origins, rows, strict=True))
    place = np.concatenate([np.full(len(step), k) for k, (_, step) in enumerate(rows)])
    series = np.concatenate([np.searchsorted(panel.ids, o.known.ids)[own] for o, (own, _) in pairs])
    step = np.concatenate([step for _, step in rows])
    each = [(one, rows[k % len(origins)]) for k, one in enumerate(said)]
    interval = np.concatenate([one.interval[row] for one, row in each])
    n = len(names)
    pooled = Pooled(
        model=np.repeat(np.arange(n), len(step)),
        origin=np.tile(place, n),
        series=np.tile(series, n),
        step=np.tile(step + 1, n),
        y=np.tile(np.concatenate([o.actual[row] for o, row in pairs]), n),
        scale=np.tile(np.concatenate([o.scale[own] for o, (own, _) in pairs]), n),
        forecast=np.concatenate([one.forecast[row] for one, row in each]),
        low=interval[:, 0].copy(),
        high=interval[:, 1].copy(),
        coverage=coverage,
    )
    numbers = np.array([one.number for one in origins])[pooled.origin]
    first, time, _ = panel.names
    table = {
        "model": repeat_ids(np.array(names), pooled.model.astype(np.int32), panel.backend),
        "origin": panel.times_of(numbers),
        first: repeat_ids(panel.ids, pooled.series.astype(np.int32), panel.backend),
        time: panel.times_of(numbers + pooled.step - 1),
        "step": pooled.step,
        "actual": pooled.y,
        "forecast": pooled.forecast,
        "low": pooled.low,
        "high": pooled.high,
        "is_fallback": np.concatenate([one.is_fallback[row] for one, row in each]),
    }
    scores = score_cells(pooled, pooled.model, n)
    order = np.argsort(scores["mase"], kind="stable")
    ranked = {"model": np.array(names)[order], **{name: column[order] for name, column in scores.items()}}
    return RollingOrigin(
        predictions=make_frame(table, panel.backend),
        scores=make_frame(ranked, panel.backend),
        season=season,
        interval_coverage=coverage,
        _panel=replace(panel, values=panel.values[:0], exogenous={}, rows=None),
        _models=names,
        _rows=pooled,
    )
