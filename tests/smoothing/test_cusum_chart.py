"""The CUSUM chart on the data of the textbooks, and its options."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from crmkit.exceptions import ParameterError
from crmkit.smoothing import CUSUMChart

GOLDEN = json.loads((Path(__file__).parents[1] / "golden" / "smoothing_charts.json").read_text(encoding="utf-8"))
NIST, MONTGOMERY = GOLDEN["cusum_nist"], GOLDEN["montgomery"]


def test_montgomerys_points_alarm_at_29():
    chart = CUSUMChart(k=MONTGOMERY["k"], h=MONTGOMERY["h"], target=MONTGOMERY["target"], sigma=MONTGOMERY["sigma"])
    alarms = chart.fit([]).alarms(MONTGOMERY["points"])
    assert alarms["time"].iloc[0] + 1 == MONTGOMERY["first_alarm"]
    assert alarms["direction"].tolist() == [1] * len(alarms)
    sums = chart.sums(MONTGOMERY["points"])
    assert sums["upward"].iloc[27:29].round(2).tolist() == MONTGOMERY["upward_28_29"]
    np.testing.assert_array_equal(chart.decision_function(MONTGOMERY["points"])[27:29], sums["upward"].iloc[27:29])
    # K + C+ / N+ of the textbook, where N+ counts the points since the sum was zero.
    count = 29 - 1 - np.flatnonzero(sums["upward"].iloc[:29] == 0)[-1]
    assert alarms["size"].iloc[0] == pytest.approx(0.5 + sums["upward"].iloc[28] / count)
    assert count == MONTGOMERY["points_since_zero"]


def test_the_handbooks_sums():
    sigma = 2 * NIST["allowance"]
    chart = CUSUMChart(k=0.5, h=NIST["interval"] / sigma, target=NIST["target"], sigma=sigma).fit([])
    upward = chart.sums(NIST["points"])["upward"]
    first = NIST["first_point"] - 1
    np.testing.assert_allclose(upward.iloc[first:], NIST["upward"], atol=0.0051)
    assert upward.iloc[first - 1] == 0
    assert np.flatnonzero(chart.predict(NIST["points"]) == 1)[0] + 1 == NIST["first_alarm"]
    frame = chart.control_limits(NIST["points"])
    assert frame["upper"].round(4).unique().tolist() == [NIST["interval"]]
    assert (frame["lower"] == -frame["upper"]).all()


def test_run_lengths_of_the_table():
    for h, in_control, one_sigma in GOLDEN["cusum_run_lengths"]["rows"]:
        chart = CUSUMChart(h=h, target=0, sigma=1).fit([])
        assert [round(chart.run_length(shift), 1) for shift in (0, 1, -1)] == [in_control, one_sigma, one_sigma]
        assert CUSUMChart(arl0=chart.run_length(), target=0, sigma=1).fit([]).h_ == pytest.approx(h, abs=1e-6)


def test_the_statistic_is_the_larger_sum_with_its_sign():
    points = [3.0, 2.0, -9.0, -1.0, np.nan]
    chart = CUSUMChart(k=1, h=4, target=0, sigma=1).fit([])
    sums = chart.sums(points)
    assert sums["upward"].tolist() == [2, 3, 0, 0, 0]
    assert sums["downward"].tolist() == [0, 0, 8, 8, 8]
    assert chart.decision_function(points).tolist() == [2, 3, -8, -8, -8]
    assert chart.predict(points).tolist() == [0, 0, -1, -1, 0]


def test_after_a_reset_both_sums_start_at_zero():
    points = [6.0, 0.0, 2.0, -7.0, 0.0]
    chart = CUSUMChart(k=0.5, h=4, target=0, sigma=1, reset="alarm").fit([])
    assert chart.sums(points)["upward"].tolist() == [5.5, 0, 1.5, 0, 0]
    assert chart.sums(points)["downward"].tolist() == [0, 0, 0, 6.5, 0]
    assert chart.predict(points).tolist() == [1, 0, 0, -1, 0]
    on = chart.set_params(reset="never").fit([])
    assert on.sums(points)["upward"].tolist() == [5.5, 5, 6.5, 0, 0]
    assert on.predict(points).tolist() == [1, 1, 1, -1, -1]


def test_sums_of_a_polars_series_are_polars():
    sums = CUSUMChart(target=0, sigma=1).fit([]).sums(pl.Series([1.0, 2.0]))
    assert isinstance(sums, pl.DataFrame)
    assert sums.columns == ["downward", "upward"]


def test_a_run_length_that_no_interval_has_is_refused():
    with pytest.raises(ParameterError, match=r"'arl0' .* above 1.621, the run length of h=0 with k=0.5.*lower k"):
        CUSUMChart(arl0=1.6, target=0, sigma=1).fit([])
    with pytest.raises(ParameterError, match=r"above 370\.4"):
        CUSUMChart(k=3, target=0, sigma=1).fit([])
    assert CUSUMChart(k=3, arl0=371, target=0, sigma=1).fit([]).run_length() == pytest.approx(371)
    # With h given, arl0 does not matter.
    assert CUSUMChart(k=3, h=1, target=0, sigma=1).fit([]).h_ == 1
