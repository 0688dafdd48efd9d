"""What all charts keep: prediction changes nothing, missing points are no observations, alarms are the signals."""

from __future__ import annotations

import copy
import pickle

import numpy as np
import pandas as pd
import polars as pl
import pytest
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.utils import get_tags

from crmkit.exceptions import CrmkitWarning, ParameterError
from crmkit.smoothing import CUSUMChart, EWMAChart, PChart, UChart

CHARTS = [
    EWMAChart(target=10, sigma=2),
    EWMAChart(target=10, sigma=2, limits="steady", reset="alarm"),
    CUSUMChart(target=10, sigma=2),
    CUSUMChart(target=10, sigma=2, reset="alarm"),
    PChart(target=0.1),
    UChart(target=0.1, limits="sigma"),
]
MEASURED = CHARTS[:4]


def points(chart, n=60, seed=0, shift=1.0):
    """Points that rise in the second half, one of them missing."""
    rng = np.random.default_rng(seed)
    level = np.repeat([0.0, shift], [n // 2, n - n // 2])
    if isinstance(chart, PChart | UChart):
        sizes = rng.integers(30, 200, n).astype(float)
        counts = rng.binomial(sizes.astype(int), 0.1 + 0.15 * level).astype(float)
        counts[n // 3] = np.nan
        return np.column_stack([counts, sizes])
    values = 10 + 2 * (rng.standard_normal(n) + level)
    values[n // 3] = np.nan
    return values


def at_size(chart):
    """Say what a chart of rates, fitted without points, needs to know for a run length."""
    return {"size": 100} if isinstance(chart, PChart | UChart) else {}


@pytest.fixture(params=CHARTS, ids=lambda chart: type(chart).__name__)
def chart(request):
    return clone(request.param)


@pytest.mark.filterwarnings("ignore:.*rates of the points in control vary")
def test_predicting_changes_nothing_and_starts_afresh(chart):
    X = points(chart)
    before = X.copy()
    chart.fit(X) if isinstance(chart, PChart | UChart) else chart.fit([])
    state = pickle.dumps(vars(chart))
    first = chart.predict(X)
    assert (chart.predict(X) == first).all()
    np.testing.assert_array_equal(chart.predict(X[:40]), first[:40])  # no point knows a later one
    chart.decision_function(X), chart.control_limits(X), chart.alarms(X), chart.run_length(0.5)
    assert pickle.dumps(vars(chart)) == state
    np.testing.assert_array_equal(X, before)
    assert first.dtype == np.int64
    assert set(first) == {0, 1}


def test_signals_are_what_lies_beyond_the_limits(chart):
    X = points(chart)
    frame = chart.fit([]).control_limits(X)
    assert list(frame.columns) == ["lower", "statistic", "upper"]
    signals = (frame["statistic"] > frame["upper"]).astype(int) - (frame["statistic"] < frame["lower"]).astype(int)
    missing = np.isnan(X).any(axis=1) if X.ndim == 2 else np.isnan(X)
    np.testing.assert_array_equal(chart.predict(X), signals.where(~missing, 0))
    np.testing.assert_array_equal(chart.decision_function(X), frame["statistic"])


def test_alarms_are_the_signals(chart):
    X = points(chart)
    signals = chart.fit([]).predict(X)
    alarms = chart.alarms(X)
    assert list(alarms.columns) == ["time", "direction", "size"]
    np.testing.assert_array_equal(alarms["time"], np.flatnonzero(signals))
    np.testing.assert_array_equal(alarms["direction"], signals[signals != 0])
    assert alarms["direction"].dtype == np.int64
    assert alarms["size"].dtype == np.float64
    assert (np.sign(alarms["size"]) == alarms["direction"]).all()


def test_frames_are_those_of_the_callers_library(chart):
    X = points(chart)
    names = ["count", "size"] if X.ndim == 2 else ["score"]
    weeks = pd.date_range("2023-01-02", periods=len(X), freq="7D")
    pandas, polars = pd.DataFrame(X, columns=names, index=weeks), pl.DataFrame(X.reshape(len(X), -1), schema=names)
    chart.fit([])
    assert chart.control_limits(pandas).index.equals(weeks)
    assert chart.alarms(pandas)["time"].tolist() == weeks[chart.predict(X) != 0].tolist()
    assert isinstance(chart.control_limits(polars), pl.DataFrame)
    assert isinstance(chart.alarms(polars), pl.DataFrame)
    assert chart.alarms(polars).columns == ["time", "direction", "size"]
    assert chart.alarms(polars)["time"].to_list() == np.flatnonzero(chart.predict(X)).tolist()
    np.testing.assert_array_equal(chart.control_limits(polars).to_numpy(), chart.control_limits(pandas).to_numpy())


def test_no_alarm_is_an_empty_frame_of_the_same_types(chart):
    X = points(chart)[:3]
    alarms = chart.fit([]).alarms(X)
    assert len(alarms) == 0
    assert list(alarms.columns) == ["time", "direction", "size"]
    assert alarms["direction"].dtype == np.int64
    assert len(chart.control_limits(X[:0])) == 0
    assert chart.predict([]).tolist() == []


def test_a_missing_point_is_no_observation(chart):
    X = points(chart)
    missing = np.isnan(X).any(axis=1) if X.ndim == 2 else np.isnan(X)
    chart.fit([])
    signals = chart.predict(X)
    assert missing.any()
    assert (signals[missing] == 0).all()
    np.testing.assert_array_equal(signals[~missing], chart.predict(X[~missing]))
    np.testing.assert_array_equal(chart.decision_function(X)[~missing], chart.decision_function(X[~missing]))


@pytest.mark.parametrize("chart", MEASURED, ids=lambda chart: type(chart).__name__)
def test_at_a_missing_point_the_statistic_stays(chart):
    X = points(chart)
    chart = clone(chart).fit([])
    if chart.reset == "never":
        statistic = chart.decision_function(X)
        missing = np.flatnonzero(np.isnan(X))
        np.testing.assert_array_equal(statistic[missing], statistic[missing - 1])
    assert chart.predict([np.nan, np.nan]).tolist() == [0, 0]
    assert chart.fit(np.full(5, np.nan)).n_missing_ == 5


@pytest.mark.parametrize("chart", MEASURED, ids=lambda chart: type(chart).__name__)
@pytest.mark.parametrize(("scale", "offset"), [(-1.0, 0.0), (3.0, -7.0), (1e-6, 1e3), (1e150, 0.0)])
def test_other_units_give_the_same_signals(chart, scale, offset):
    X = points(chart)
    chart = clone(chart).fit([])
    other = clone(chart).set_params(target=10 * scale + offset, sigma=2 * abs(scale)).fit([])
    np.testing.assert_array_equal(other.predict(scale * X + offset), np.sign(scale) * chart.predict(X))
    np.testing.assert_allclose(other.alarms(scale * X + offset)["size"], scale * chart.alarms(X)["size"], rtol=1e-6)


@pytest.mark.filterwarnings("ignore:.*rates of the points in control vary")
def test_pickles_and_copies(chart):
    X = points(chart)
    chart.fit(X if isinstance(chart, PChart | UChart) else [])
    expected = chart.control_limits(X)
    for again in (pickle.loads(pickle.dumps(chart)), copy.deepcopy(chart)):
        pd.testing.assert_frame_equal(again.control_limits(X), expected)
        assert again.run_length(1.0) == chart.run_length(1.0)


def changed(chart):
    """Give every parameter another allowed value."""
    other = {
        "alpha": 0.9, "k": 2.0, "arl0": 20, "limit": 1.0, "h": 0.5, "target": 0.5, "sigma": 7.0, "min_points": 2,
        "limits": {"exact": "steady", "steady": "exact", "sigma": "probability", "probability": "sigma"},
        "reset": {"never": "alarm", "alarm": "never"},
    }  # fmt: skip
    now = chart.get_params()
    return {name: new[now[name]] if isinstance(new := other[name], dict) else new for name in now}


def test_parameters_changed_after_fit_wait_for_the_next(chart):
    X = points(chart)
    ask = [chart.fit([]).control_limits, chart.alarms, chart.predict, chart.decision_function]
    expected, steps = [call(X) for call in ask], chart.run_length(0.5, **at_size(chart))
    chart.set_params(**changed(chart))
    for call, before in zip(ask, expected, strict=True):
        np.testing.assert_array_equal(call(X), before)
    assert chart.run_length(0.5, **at_size(chart)) == steps
    assert not np.array_equal(chart.fit([]).predict(X), expected[2])


def test_a_fit_that_fails_leaves_what_the_last_one_learnt():
    chart = CUSUMChart(target=10, sigma=2).fit([])
    expected = chart.control_limits([8.0, 30.0])
    with pytest.raises(ParameterError, match="'arl0'"):
        chart.set_params(target=3, reset="alarm", arl0=1.1).fit([])
    pd.testing.assert_frame_equal(chart.control_limits([8.0, 30.0]), expected)
    unfitted = CUSUMChart(target=10, sigma=2, arl0=1.1)
    with pytest.raises(ParameterError, match="'arl0'"):
        unfitted.fit([])
    with pytest.raises(NotFittedError):
        unfitted.predict([1.0])


def test_read_only_input(chart):
    X = points(chart)
    expected = chart.fit([]).predict(X)
    X.setflags(write=False)
    np.testing.assert_array_equal(chart.fit([]).predict(X), expected)


def test_unfitted_it_says_so(chart):
    X = points(chart)
    calls = [chart.predict, chart.decision_function, chart.control_limits, chart.alarms]
    for call in calls:
        with pytest.raises(NotFittedError, match=type(chart).__name__):
            call(X)
    with pytest.raises(NotFittedError):
        chart.run_length()


def test_tags(chart):
    tags = get_tags(chart)
    rates = isinstance(chart, PChart | UChart)
    assert not tags.input_tags.two_d_array
    assert tags.input_tags.one_d_array != rates
    assert tags.input_tags.positive_only == rates
    assert tags.input_tags.allow_nan


@pytest.mark.parametrize("method", ["fit", "predict", "decision_function", "control_limits", "alarms"])
def test_infinite_points_are_refused(chart, method):
    X = points(chart)
    X[2] = np.inf
    chart.fit([])
    with pytest.raises(ParameterError, match="infinite"):
        getattr(chart, method)(X)


@pytest.mark.parametrize("shift", ["1", None, np.nan, np.inf, True])
def test_a_shift_is_a_finite_number(chart, shift):
    with pytest.raises(ParameterError, match="'shift' parameter of .*run_length"):
        chart.fit([]).run_length(shift)


RUBBISH = {
    "alpha": [0, 1e-6, 1.1, -0.2, np.nan, "0.2", None],
    "k": [0, 1e-9, 1e300, -1, np.nan, np.inf, None],
    "h": [0, 101, 10**30, -1, np.nan, np.inf, "4"],
    "arl0": [1, 0, -3, 1e10, np.nan, np.inf, "370", None],
    "limit": [0, 10**30, -1, np.nan, np.inf, "3"],
    "limits": ["both", None, 3],
    "target": [np.nan, np.inf, "mean"],
    "sigma": [0, -1, np.nan, np.inf, "mad"],
    "reset": ["always", None, True],
    "min_points": [1, 0, 2.5, None],
}


@pytest.mark.parametrize("name", RUBBISH)
def test_rubbish_is_refused_by_name(chart, name):
    if name not in chart.get_params():
        assert name not in type(chart)._parameter_constraints
        return
    for value in RUBBISH[name]:
        with pytest.raises(ValueError, match=name):
            clone(chart).set_params(**{name: value}).fit([])


# -- run lengths of the charts as they are --------------------------------------------------------


@pytest.mark.parametrize("chart", MEASURED, ids=lambda chart: type(chart).__name__)
def test_charts_in_control_alarm_as_seldom_as_asked(chart):
    """Between false alarms, of one long series with a chart that starts afresh after each."""
    chart = clone(chart).set_params(target=0, sigma=1, arl0=50, reset="alarm").fit([])
    alarms = chart.alarms(np.random.default_rng(1).standard_normal(300_000))["time"].to_numpy()
    between = np.diff(alarms, prepend=-1)
    assert len(between) > 5_000
    assert between.mean() == pytest.approx(50, abs=4 * between.std() / np.sqrt(len(between)))
    assert chart.run_length() == pytest.approx(50)


@pytest.mark.parametrize("chart", MEASURED, ids=lambda chart: type(chart).__name__)
def test_charts_out_of_control_alarm_as_soon_as_they_say(chart):
    chart = clone(chart).set_params(target=0, sigma=1, reset="alarm").fit([])
    alarms = chart.alarms(1.0 + np.random.default_rng(2).standard_normal(60_000))
    between = np.diff(alarms["time"].to_numpy(), prepend=-1)
    assert between.mean() == pytest.approx(chart.run_length(1.0), abs=4 * between.std() / np.sqrt(len(between)))
    assert (alarms["direction"] == 1).mean() > 0.99
    # The alarm chooses its moment, so the shift is overestimated: by less than half of it.
    assert 1.0 < alarms["size"].mean() < 1.5


@pytest.mark.parametrize("cls", [EWMAChart, CUSUMChart])
def test_what_is_learnt_is_learnt_from_what_was_observed(cls):
    values = np.random.default_rng(0).normal(5, 2, 400)
    gaps = np.insert(values, [3, 3, 100], np.nan)
    one, other = cls().fit(values), cls().fit(gaps)
    assert one.target_ == other.target_ == values.mean()
    assert one.sigma_ == other.sigma_ == values.std(ddof=1)
    assert (other.n_points_, other.n_missing_) == (400, 3)
    ranges = cls(sigma="moving_range").fit(gaps)
    assert ranges.sigma_ == pytest.approx(pd.Series(gaps).diff().abs().mean() / 1.128)
    with pytest.warns(CrmkitWarning, match="learnt target or sigma from 30 points"):
        cls().fit(values[:30])
