"""The EWMA chart on the data of the textbooks, and its options."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from crmkit.smoothing import EWMAChart

GOLDEN = json.loads((Path(__file__).parents[1] / "golden" / "smoothing_charts.json").read_text(encoding="utf-8"))
NIST, MONTGOMERY = GOLDEN["ewma_nist"], GOLDEN["montgomery"]


def chart_of(data, **options):
    return EWMAChart(
        alpha=data["alpha"], limit=data["limit"], target=data["target"], sigma=data["sigma"], **options
    ).fit([])


def test_the_handbooks_statistic_and_steady_limits():
    frame = chart_of(NIST, limits="steady").control_limits(NIST["points"])
    assert frame["statistic"].round(2).tolist() == NIST["statistic"]
    assert frame["lower"].round(4).unique().tolist() == NIST["steady_limits"][:1]
    assert frame["upper"].round(4).unique().tolist() == NIST["steady_limits"][1:]
    assert not chart_of(NIST, limits="steady").predict(NIST["points"]).any()


def test_exact_limits_of_the_first_times():
    frame = chart_of(NIST).control_limits(NIST["points"])
    assert frame["upper"].iloc[:2].round(4).tolist() == NIST["exact_upper"]
    np.testing.assert_allclose(frame["upper"] - 50, 50 - frame["lower"])
    assert frame["upper"].is_monotonic_increasing
    assert round(frame["upper"].iloc[-1], 3) == round(NIST["steady_limits"][1], 3)
    assert frame["statistic"].round(2).tolist() == NIST["statistic"]


@pytest.mark.parametrize("limits", ["exact", "steady"])
def test_montgomerys_points_alarm_at_29(limits):
    chart = chart_of(MONTGOMERY, limits=limits)
    alarms = chart.alarms(MONTGOMERY["points"])
    assert alarms["time"].iloc[0] + 1 == MONTGOMERY["first_alarm"]
    assert alarms["direction"].iloc[0] == 1
    row = chart.control_limits(MONTGOMERY["points"]).iloc[28]
    assert round(row["statistic"], 4) == MONTGOMERY["ewma_29"]
    assert round(row["upper"], 3) == MONTGOMERY["ewma_upper_29"]


def test_the_run_length_of_a_given_limit():
    assert round(EWMAChart(alpha=0.1, limit=2.7, limits="steady", target=0, sigma=1).fit([]).run_length(), 1) == 369.0
    chart = EWMAChart(alpha=0.2, arl0=499.74, limits="steady", target=0, sigma=1).fit([])
    assert round(chart.limit_, 3) == 2.962
    assert round(chart.run_length(-1.0), 1) == 10.5


def test_exact_limits_of_the_same_run_length_are_a_little_wider_in_the_end():
    for alpha, exact, steady in ((0.05, 2.523, 2.490), (0.2, 2.864, 2.859), (1.0, 3.000, 3.000)):
        charts = [EWMAChart(alpha=alpha, limits=limits, target=0, sigma=1).fit([]) for limits in ("exact", "steady")]
        assert [round(chart.limit_, 3) for chart in charts] == [exact, steady]
        assert [chart.run_length() for chart in charts] == pytest.approx([370, 370])
        assert charts[0].run_length(1.0) <= charts[1].run_length(1.0)


def test_after_a_reset_it_starts_at_the_target_with_the_first_limits():
    points = [0.0, 4.0, 4.0, 0.5, 0.5]
    chart = EWMAChart(alpha=0.5, limit=2.5, target=0, sigma=1, reset="alarm").fit([])
    frame = chart.control_limits(points)
    assert chart.predict(points).tolist() == [0, 1, 1, 0, 0]
    np.testing.assert_allclose(frame["statistic"], [0, 2, 2, 0.25, 0.375])
    assert frame["upper"].iloc[3] == frame["upper"].iloc[0] == pytest.approx(1.25)
    on = chart.set_params(reset="never").fit([])
    np.testing.assert_allclose(on.decision_function(points), [0, 2, 3, 1.75, 1.125])
    assert on.predict(points).tolist() == [0, 1, 1, 1, 0]


def test_size_is_the_mean_since_the_target_was_crossed():
    points = [12.0, 9.0, 14.0, 16.0, 15.0]
    chart = EWMAChart(alpha=0.5, limit=2.0, target=10, sigma=2).fit([])
    np.testing.assert_allclose(chart.decision_function(points), [11, 10, 12, 14, 14.5])
    alarms = chart.alarms(points)
    assert alarms["time"].tolist() == [3, 4]
    np.testing.assert_allclose(alarms["size"], [5.0, 5.0])


def test_a_point_on_its_limit_does_not_signal():
    chart = EWMAChart(alpha=1, limit=2.0, target=0, sigma=1).fit([])
    assert chart.predict([2.0, -2.0, 2.0 + 1e-12, -2.0 - 1e-12]).tolist() == [0, 0, 1, -1]
