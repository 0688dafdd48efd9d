"""What the picture of a control chart holds, for each kind of chart and of index."""

from __future__ import annotations

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import polars as pl
import pytest
from sklearn.exceptions import NotFittedError

from crmkit.exceptions import ParameterError
from crmkit.plotting import ControlChartDisplay
from crmkit.smoothing import CUSUMChart, EWMAChart, PChart, UChart
from crmkit.smoothing._chart_points import read_series
from crmkit.smoothing._control_chart import ControlChart, Course

RNG = np.random.default_rng(0)
VALUES = RNG.standard_normal(60) + np.repeat([0.0, 1.5, -2.5], 20)
VALUES[7] = np.nan
WEEKS = pd.date_range("2024-01-01", periods=60, freq="7D")


@pytest.fixture(autouse=True)
def close_figures():
    yield
    plt.close("all")


def labels(display):
    return [text.get_text() for text in display.ax_.get_legend().get_texts()]


def test_an_ewma_chart_stands_before_its_points():
    X = pd.Series(VALUES, index=WEEKS)
    chart = EWMAChart(target=0, sigma=1).fit([])
    display = ControlChartDisplay.from_estimator(chart, X, name="satisfaction")
    frame = chart.control_limits(X)
    assert (display.time == WEEKS.to_numpy()).all()
    assert list(display.lines_) == ["points", "weighted average", "lower", "upper", "target"]
    np.testing.assert_array_equal(display.lines_["points"].get_ydata(), VALUES)
    np.testing.assert_array_equal(display.lines_["weighted average"].get_ydata(), frame["statistic"])
    np.testing.assert_array_equal(display.lines_["lower"].get_ydata(), frame["lower"])
    np.testing.assert_array_equal(display.lines_["upper"].get_ydata(), frame["upper"])
    alarms = chart.alarms(X)
    for sign in (1, -1):
        times = alarms.loc[alarms["direction"] == sign, "time"]
        assert display.alarms_[sign].get_xdata().tolist() == times.to_numpy().tolist()
        np.testing.assert_array_equal(display.alarms_[sign].get_ydata(), frame["statistic"][times])
    assert labels(display) == ["points", "weighted average", "limits", "alarm: too high", "alarm: too low"]
    assert display.ax_.get_title() == "satisfaction"


def test_a_cusum_chart_shows_both_sums():
    chart = CUSUMChart(target=0, sigma=1).fit([])
    display = ControlChartDisplay.from_estimator(chart, VALUES)
    sums = chart.sums(VALUES)
    np.testing.assert_array_equal(display.lines_["upward sum"].get_ydata(), sums["upward"])
    np.testing.assert_array_equal(display.lines_["downward sum"].get_ydata(), -sums["downward"])
    assert set(display.upper) == {chart.h_}
    assert display.target == 0
    for sign, side in ((1, "upward"), (-1, "downward")):
        there = chart.predict(VALUES) == sign
        assert there.any()
        assert display.alarms_[sign].get_xdata().tolist() == np.flatnonzero(there).tolist()
        np.testing.assert_array_equal(display.alarms_[sign].get_ydata(), sign * sums[side][there])
    assert display.ax_.get_title() == "CUSUMChart"


@pytest.mark.parametrize("cls", [PChart, UChart])
def test_limits_of_rates_have_a_step_for_each_point(cls):
    X = [[5, 50], [0, 0], [30, 100], [8, 80]]
    chart = cls(target=0.1).fit([])
    display = ControlChartDisplay.from_estimator(chart, X)
    np.testing.assert_array_equal(display.lines_["rate"].get_ydata(), [0.1, np.nan, 0.3, 0.1])
    assert display.lines_["upper"].get_drawstyle() == "steps-mid"
    assert len(set(display.upper)) == 4
    assert display.alarms_[1].get_xdata().tolist() == [2]
    assert list(display.alarms_) == [1]
    assert "alarm: too low" not in labels(display)


@pytest.mark.parametrize(
    ("index", "expected"),
    [
        (pd.period_range("2024-01", periods=60, freq="M"), np.datetime64("2024-01-01")),
        (pd.date_range("2024-01-01", periods=60, tz="Asia/Shanghai"), np.datetime64("2024-01-01")),
        (pd.RangeIndex(5, 65), 5),
        (pd.Index([f"w{week}" for week in range(60)]), 0),
    ],
    ids=lambda index: type(index).__name__,
)
def test_places_of_an_index(index, expected):
    chart = EWMAChart(target=0, sigma=1).fit([])
    display = ControlChartDisplay.from_estimator(chart, pd.Series(VALUES, index=index))
    assert display.time[0] == expected
    assert len(display.time) == 60
    display.figure_.canvas.draw()


def test_polars_points_and_no_points():
    chart = EWMAChart(target=0, sigma=1).fit([])
    display = ControlChartDisplay.from_estimator(chart, pl.Series(VALUES))
    np.testing.assert_array_equal(display.statistics["weighted average"], chart.decision_function(VALUES))
    assert ControlChartDisplay.from_estimator(chart, []).alarms_ == {}


def test_a_chart_says_itself_what_is_drawn():
    class Distance(ControlChart):
        """A chart that the display has never seen."""

        def _read(self, X):
            return read_series(X, "Distance")

        def _learn(self, points):
            self.target_ = 0.0

        def _follow(self, points):
            distance = np.abs(points.columns[0])
            edge = np.full(len(distance), 2.0)
            signals = (distance > edge).astype(np.int64)
            return Course(distance, 0 * edge, edge, signals, distance, {"distance": distance}, 0.0)

        def _run_length(self, shift):
            raise NotImplementedError

    display = ControlChartDisplay.from_estimator(Distance().fit([]), [1.0, -3.0])
    assert list(display.lines_) == ["distance", "lower", "upper", "target"]
    assert display.alarms_[1].get_xdata().tolist() == [1]


def test_points_are_read_once(monkeypatch):
    chart = CUSUMChart(target=0, sigma=1).fit([])
    reads = []
    monkeypatch.setattr(chart, "_read", lambda X: reads.append(len(X)) or read_series(X, "CUSUMChart"))
    ControlChartDisplay.from_estimator(chart, VALUES)
    assert reads == [60]


def test_it_draws_where_it_is_told():
    _, ax = plt.subplots()
    chart = EWMAChart(target=0, sigma=1).fit([])
    display = ControlChartDisplay.from_estimator(chart, VALUES, ax=ax)
    assert display.ax_ is ax
    assert display.figure_ is ax.figure
    assert display.plot().ax_ is not ax


def test_what_is_no_fitted_chart_is_refused():
    with pytest.raises(ParameterError, match="'chart' parameter of ControlChartDisplay must be .* Got list"):
        ControlChartDisplay.from_estimator([1.0], VALUES)
    with pytest.raises(NotFittedError):
        ControlChartDisplay.from_estimator(EWMAChart(), VALUES)
