"""The curve that is drawn is the curve that is counted."""

from __future__ import annotations

import matplotlib.pyplot as plt
import numpy as np
import polars as pl
import pytest

from crmkit import EventLog
from crmkit.cohorts import retention_curve
from crmkit.datasets import load_cdnow
from crmkit.plotting import RetentionCurveDisplay

COLUMNS = {"customer": "customer_id", "time": "date"}


@pytest.fixture(autouse=True)
def close_figures():
    yield
    plt.close("all")


@pytest.fixture(scope="module")
def log():
    return EventLog.from_frame(load_cdnow(), **COLUMNS)


@pytest.mark.parametrize("by", ["week", "month", "quarter"])
def test_line_and_band(log, by):
    display = RetentionCurveDisplay.from_log(log, by, coverage=0.8)
    curve = retention_curve(log, by, coverage=0.8)
    for name in ("value", "low", "high", "n"):
        np.testing.assert_array_equal(getattr(display, name), curve[name])
    np.testing.assert_array_equal(display.line_.get_xdata(), curve.index[1:])
    np.testing.assert_array_equal(display.line_.get_ydata(), curve["value"][1:])
    corners = {tuple(one) for one in display.band_.get_paths()[0].vertices.tolist()}
    for age in curve.index[1:]:
        assert {(float(age), curve["low"][age]), (float(age), curve["high"][age])} <= corners
    assert display.ax_.get_xlabel() == f"{by}s since the first purchase"
    assert display.ax_.get_ylim()[0] == 0
    assert display.ax_.get_ylim()[1] >= curve["high"][1:].max()


def test_two_on_one_axes(log):
    one = RetentionCurveDisplay.from_log(log, name="all", coverage=0.5)
    two = RetentionCurveDisplay.from_log(log.before("1997-07-01"), name="until July", ax=one.ax_)
    assert two.ax_ is one.ax_
    assert [text.get_text() for text in one.ax_.get_legend().get_texts()] == ["all", "until July"]
    assert one.ax_.get_ylim()[1] >= max(one.high[1:].max(), two.high[1:].max())
    assert one.line_.get_color() != two.line_.get_color()


def test_options_of_the_line(log):
    display = RetentionCurveDisplay.from_log(log)
    assert display.ax_.get_legend() is None
    assert display.plot(color="black", linestyle="--").line_.get_color() == "black"


def test_polars_and_short_logs(log):
    other = RetentionCurveDisplay.from_log(EventLog.from_frame(pl.from_pandas(load_cdnow()), **COLUMNS))
    np.testing.assert_array_equal(other.value, RetentionCurveDisplay.from_log(log).value)
    for days in ([], ["2024-02-10"], ["2024-02-29"]):
        short = {"c": np.arange(len(days)), "t": np.array(days, "M8[us]")}
        display = RetentionCurveDisplay.from_log(EventLog.from_frame(short, customer="c", time="t"))
        assert len(display.line_.get_xdata()) == 0
        display.figure_.canvas.draw()
