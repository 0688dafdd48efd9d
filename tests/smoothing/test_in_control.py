"""What is learnt in control, what its errors do to run lengths, and the warnings that speak of them."""

from __future__ import annotations

import warnings

import numpy as np
import pytest

from crmkit.exceptions import CrmkitWarning, ParameterError
from crmkit.metrics import Estimate
from crmkit.smoothing import CUSUMChart, EWMAChart
from crmkit.smoothing._in_control import learn
from crmkit.smoothing._run_lengths import cusum_run_length, ewma_run_length

#: Warnings are asked for where they are what is tested.
pytestmark = pytest.mark.filterwarnings("ignore::crmkit.exceptions.CrmkitWarning")

RNG_POINTS = np.random.default_rng(3).standard_normal(200)


def test_moving_ranges_skip_what_has_a_gap_between():
    found = learn(np.array([1.0, 3.0, np.nan, 9.0, 8.0]), None, "moving_range", 2, "EWMAChart")
    assert found.sigma == pytest.approx((2 + 1) / 2 / 1.128)
    assert found.target == 21 / 4
    drift = np.linspace(0, 50, 200) + RNG_POINTS
    assert EWMAChart(sigma=None).fit(drift).sigma_ > 10
    assert EWMAChart(sigma="moving_range").fit(drift).sigma_ == pytest.approx(1, abs=0.15)


def test_what_is_given_is_used():
    chart = EWMAChart(target=3, sigma=2).fit([1.0])
    assert (chart.target_, chart.sigma_, chart.n_points_) == (3.0, 2.0, 1)
    assert EWMAChart(target=3).fit(RNG_POINTS).sigma_ == RNG_POINTS.std(ddof=1)
    assert EWMAChart(sigma=3).fit(RNG_POINTS).target_ == RNG_POINTS.mean()


@pytest.mark.parametrize(
    ("options", "missing"),
    [
        ({}, "target and sigma"),
        ({"target": 0}, "sigma"),
        ({"sigma": 1}, "target"),
        ({"sigma": "moving_range"}, "target and sigma"),
    ],
)
def test_too_few_points_are_refused(options, missing):
    with pytest.raises(
        ParameterError, match=f"CUSUMChart learns {missing} from at least min_points=20 .* Got 19 and 1 w"
    ):
        CUSUMChart(**options).fit([*RNG_POINTS[:19], np.nan])
    CUSUMChart(min_points=19, **options).fit([*RNG_POINTS[:19], np.nan])


@pytest.mark.parametrize("options", [{}, {"target": 0}, {"sigma": 1}])
def test_points_that_do_not_vary_are_refused(options):
    with pytest.raises(ParameterError, match=r"all 30 points of X are 0\.1"):
        EWMAChart(**options).fit([0.1] * 30)
    assert EWMAChart(target=0.1, sigma=1).fit([0.1] * 30).n_points_ == 30


def test_points_without_neighbours_have_no_range():
    values = np.full(50, np.nan)
    values[::2] = RNG_POINTS[:25]
    with pytest.raises(ParameterError, match="no standard deviation .* Pass sigma="):
        EWMAChart(sigma="moving_range").fit(values)
    with pytest.raises(ParameterError, match="no standard deviation"), np.errstate(over="ignore", invalid="ignore"):
        EWMAChart().fit(1e300 * RNG_POINTS)


# -- the range of the true run length ------------------------------------------------------------


@pytest.mark.parametrize("n", [30, 100, 1000])
@pytest.mark.parametrize("sigma", [None, "moving_range"])
@pytest.mark.parametrize("cls", [EWMAChart, CUSUMChart])
def test_the_range_is_that_of_charts_fitted_on_as_many_points(cls, sigma, n):
    rng = np.random.default_rng(0)
    fitted = cls(sigma=sigma).fit(rng.standard_normal(n))
    found = fitted.in_control_run_length(coverage=0.8)
    assert isinstance(found, Estimate)
    assert (found.n, found.coverage) == (n, 0.8)
    assert float(found) == pytest.approx(370)
    points = rng.standard_normal((300, n))
    means = points.mean(axis=1)
    spreads = points.std(axis=1, ddof=1) if sigma is None else np.abs(np.diff(points)).mean(axis=1) / 1.128

    def true(mean, spread):
        if cls is EWMAChart:
            return ewma_run_length(0.2, fitted.limit_ * spread, mean, exact=True)
        return cusum_run_length(0.5 * spread, fitted.h_ * spread, mean)

    lengths = np.array([true(mean, spread) for mean, spread in zip(means, spreads, strict=True)])
    # The formula of moving ranges is for many points: with 30 it is a little wide.
    assert np.mean(lengths < found.low) == pytest.approx(0.1, abs=0.06)
    assert np.mean(lengths > found.high) == pytest.approx(0.1, abs=0.06)


def test_what_is_known_has_no_range():
    found = EWMAChart(target=0, sigma=1).fit([]).in_control_run_length()
    assert found.low == found.high == float(found) == pytest.approx(370)
    both = EWMAChart().fit(RNG_POINTS).in_control_run_length()
    sigma = EWMAChart(target=0).fit(RNG_POINTS).in_control_run_length()
    target = EWMAChart(sigma=1).fit(RNG_POINTS).in_control_run_length()
    assert both.low < sigma.low < target.low < 370
    # An error of the target can only shorten run lengths.
    assert sigma.high > both.high > target.high == pytest.approx(370)
    wide = EWMAChart().fit(RNG_POINTS).in_control_run_length(coverage=0.99)
    assert wide.low < both.low < both.high < wide.high


@pytest.mark.parametrize("coverage", [0, 1, -0.1, "0.9", None])
def test_coverage_is_a_share(coverage):
    with pytest.raises(ParameterError, match="'coverage' parameter of EWMAChart.in_control_run_length"):
        EWMAChart(target=0, sigma=1).fit([]).in_control_run_length(coverage=coverage)


def test_a_chart_that_never_alarms():
    chart = CUSUMChart(h=40).fit(RNG_POINTS)
    assert chart.run_length() == np.inf
    assert chart.run_length(1.5) == pytest.approx(40, rel=0.05)
    assert EWMAChart(alpha=1, limit=12).fit(RNG_POINTS).in_control_run_length().high == np.inf


# -- warnings -----------------------------------------------------------------------------------


def spoken(chart, values) -> list[str]:
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        chart.fit(values)
    assert all(issubclass(one.category, CrmkitWarning) and one.filename == __file__ for one in caught)
    return [str(one.message) for one in caught]


def test_few_points_are_spoken_of():
    points = np.random.default_rng(1).standard_normal(1_000)
    (said,) = spoken(EWMAChart(), points[:50])
    assert "learnt target or sigma from 50 points" in said
    assert "alarms about every 103 points while all is well, instead of every 370" in said
    assert "Fit on some 180 points" in said
    assert spoken(EWMAChart(), points[:200]) == []
    assert spoken(EWMAChart(target=0, sigma=1), points[:50]) == []
    assert len(spoken(EWMAChart(target=0), points[:50])) == 1
    # A target alone is learnt well enough from fewer points.
    assert len(spoken(EWMAChart(sigma=1, alpha=0.05, min_points=5), points[:8])) == 1
    assert spoken(EWMAChart(sigma=1), points[:50]) == []


@pytest.mark.parametrize("cls", [EWMAChart, CUSUMChart])
def test_as_many_points_as_it_says_are_enough(cls):
    """One chart in ten then alarms twice as often as asked, and no more."""
    assert spoken(cls(), RNG_POINTS) == []
    chart = cls().fit(RNG_POINTS)
    assert chart.in_control_run_length(coverage=0.8).low == pytest.approx(370 / 2, rel=0.1)


def test_points_with_a_memory_are_spoken_of():
    shocks = np.random.default_rng(2).standard_normal(1_000)
    memory = np.empty(1_000)
    level = 0.0
    for place, shock in enumerate(shocks):
        level = memory[place] = 0.5 * level + shock
    (said,) = spoken(EWMAChart(), memory)
    assert "EWMAChart: neighbouring points in control have a correlation of 0.48" in said
    assert spoken(EWMAChart(), shocks) == []
    assert len(spoken(CUSUMChart(target=0, sigma=1), memory)) == 1
    memory[::2] = np.nan
    assert spoken(CUSUMChart(target=0, sigma=1), memory) == []
