"""Figures of forecasts against sums in plain Python."""

from __future__ import annotations

import json
import math
from fractions import Fraction
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from crmkit.exceptions import ParameterError
from crmkit.metrics import (
    estimate,
    forecast_bias,
    interval_coverage,
    mean_absolute_scaled_error,
    naive_scale,
    pinball_loss,
    weighted_absolute_percentage_error,
)

GOLDEN = json.loads((Path(__file__).parents[1] / "golden" / "forecast.json").read_text(encoding="utf-8"))
NAN = math.nan

amounts = st.integers(-40, 400).map(lambda number: number / 4)
pairs = st.lists(st.tuples(amounts | st.just(NAN), amounts), min_size=1, max_size=30)
quantiles = st.floats(0.01, 0.99)


def known(rows):
    return [tuple(map(Fraction, row)) for row in rows if not math.isnan(row[0])]


def columns(rows):
    return [list(column) for column in zip(*rows, strict=True)]


@given(pairs)
def test_percentage_error_by_fractions(rows):
    seen = known(rows)
    assume(any(true for true, _ in seen))
    expected = sum(abs(true - forecast) for true, forecast in seen) / sum(abs(true) for true, _ in seen)
    assert weighted_absolute_percentage_error(*columns(rows)) == pytest.approx(float(expected), rel=1e-12)


@given(pairs)
def test_bias_by_fractions(rows):
    seen = known(rows)
    assume(sum(true for true, _ in seen) != 0)
    expected = sum(forecast - true for true, forecast in seen) / sum(true for true, _ in seen)
    assert forecast_bias(*columns(rows)) == pytest.approx(float(expected), rel=1e-12, abs=1e-12)


@given(pairs, quantiles)
def test_pinball_by_fractions(rows, quantile):
    seen = known(rows)
    assume(seen)
    share = Fraction(quantile)
    losses = [share * (t - f) if t >= f else (1 - share) * (f - t) for t, f in seen]
    assert pinball_loss(*columns(rows), quantile) == pytest.approx(float(sum(losses) / len(seen)), rel=1e-12)


@given(pairs)
def test_the_loss_of_the_median_is_half_the_absolute_error(rows):
    seen = known(rows)
    assume(any(true for true, _ in seen))
    true, forecast = columns(rows)
    mean = sum(abs(true) for true, _ in seen) / len(seen)
    assert 2 * pinball_loss(true, forecast, 0.5) == pytest.approx(
        weighted_absolute_percentage_error(true, forecast) * float(mean), rel=1e-12
    )


@given(pairs, st.data())
def test_scaled_error_by_fractions(rows, data):
    scales = data.draw(st.lists(st.sampled_from([0.25, 1.0, 8.0, NAN]), min_size=len(rows), max_size=len(rows)))
    ratios = [
        abs(Fraction(true) - Fraction(forecast)) / Fraction(scale)
        for (true, forecast), scale in zip(rows, scales, strict=True)
        if not math.isnan(true) and not math.isnan(scale)
    ]
    assume(ratios)
    found = mean_absolute_scaled_error(*columns(rows), scales)
    assert found == pytest.approx(float(sum(ratios) / len(ratios)), rel=1e-12)


@given(pairs, st.lists(st.integers(0, 20), min_size=30, max_size=30))
def test_coverage_by_counting(rows, widths):
    ends = [(low, low + width / 4) for (_, low), width in zip(rows, widths, strict=False)]
    true = [row[0] for row in rows]
    inside = [low <= t <= high for t, (low, high) in zip(true, ends, strict=True) if not math.isnan(t)]
    assume(inside)
    assert interval_coverage(true, *columns(ends)) == pytest.approx(sum(inside) / len(inside))


def naive_changes(values, season):
    changes = [abs(values[t] - values[t - season]) for t in range(season, len(values))]
    return [change for change in changes if not math.isnan(change)]


@given(
    st.lists(st.tuples(st.sampled_from("cab"), amounts | st.just(NAN)), max_size=30),
    st.integers(1, 4),
)
def test_scales_by_loops(rows, season):
    groups, values = columns(rows) if rows else ([], [])
    found = naive_scale(values, season, groups=groups)
    expected = []
    for one in sorted(set(groups)):
        changes = naive_changes([value for group, value in rows if group == one], season)
        expected.append(sum(changes) / len(changes) if changes else NAN)
    np.testing.assert_allclose(found, expected, rtol=1e-12)
    if len(set(groups)) == 1 and not math.isnan(expected[0]):
        assert naive_scale(values, season) == pytest.approx(expected[0], rel=1e-12)


def test_air_passengers():
    air = GOLDEN["air_passengers"]
    past, future = air["values"][:-24], air["values"][-24:]
    scale = naive_scale(past, season=12)
    assert scale == pytest.approx(air["mase_scale"], abs=5e-4)
    for name, forecast in {
        "naive": past[-1:] * 24,
        "seasonal_naive": past[-12:] * 2,
        "mean_12": [sum(past[-12:]) / 12] * 24,
    }.items():
        wanted = air["errors"][name]
        assert mean_absolute_scaled_error(future, forecast, scale) == pytest.approx(wanted["mase"], abs=5e-4)
        error = weighted_absolute_percentage_error(future, forecast)
        assert error == pytest.approx(wanted["mae"] / (sum(future) / 24), rel=1e-4)
    assert forecast_bias(future, past[-1:] * 24) == pytest.approx(24 * past[-1] / sum(future) - 1)


def test_frames_columns_are_arrays():
    frame = pd.DataFrame({"t": pd.array([1, None, 3], dtype="Int64"), "f": [1.0, 7.0, 5.0]})
    assert weighted_absolute_percentage_error(frame["t"], frame["f"]) == 0.5


def test_figures_have_intervals():
    rng = np.random.default_rng(0)
    series, true = np.repeat(np.arange(20), 10), rng.poisson(5, size=200)
    found = estimate(forecast_bias, true, np.full(200, 6.0), groups=series, n_resamples=200, random_state=0)
    assert found.low < 0.2 < found.high
    assert found.n == 20


def test_open_sides_of_intervals():
    assert interval_coverage([1, -1], [-math.inf, 0], [1, math.inf]) == 0.5


BOTH = [weighted_absolute_percentage_error, forecast_bias]
BOTH += [lambda y, f: pinball_loss(y, f, 0.5), lambda y, f: mean_absolute_scaled_error(y, f, 1.0)]


@pytest.mark.parametrize("function", BOTH)
@pytest.mark.parametrize(
    ("true", "forecast", "message"),
    [
        ([1, 2], [1], "'y_pred' parameter .* must be of length 2. Got length 1"),
        ([1, 2], [1, NAN], "'y_pred' parameter .* has 1 of 2 values that are missing or infinite"),
        ([1, 2], [1, math.inf], "'y_pred' parameter .* missing or infinite"),
        ([1, math.inf], [1, 2], "'y_true' parameter .* infinite; the first is at position 1"),
        ([NAN, NAN], [1, 2], "y_true"),
        ([], [], "y_true"),
        ([[1, 2]], [1, 2], "one-dimensional"),
        (["1", "2"], [1, 2], "numbers"),
    ],
)
def test_what_is_refused(function, true, forecast, message):
    with pytest.raises(ParameterError, match=message):
        function(true, forecast)


def test_shares_of_nothing_are_refused():
    with pytest.raises(ParameterError, match="'y_true' is 0 wherever it is known"):
        weighted_absolute_percentage_error([0, NAN], [1, 2])
    with pytest.raises(ParameterError, match="'y_true' adds up to 0"):
        forecast_bias([-1, 1], [1, 2])


def test_scales_that_are_none_are_refused():
    for scale in (0, -1.0, NAN, math.inf, "1"):
        with pytest.raises(ParameterError, match="'scale' parameter"):
            mean_absolute_scaled_error([1, 2], [1, 2], scale)
    with pytest.raises(ParameterError, match=r"Got 0.0 at position 1, and 1 such values.*pass NaN"):
        mean_absolute_scaled_error([1, 2], [1, 2], [1, 0])
    with pytest.raises(ParameterError, match="knows both 'y_true' and 'scale'"):
        mean_absolute_scaled_error([1, NAN], [1, 2], [NAN, 1])


@pytest.mark.parametrize(
    ("args", "kwargs", "message"),
    [
        (([1, 2, 3], 3), {}, "two known values 3 periods apart"),
        (([1, NAN, 3],), {}, "1 of them missing"),
        (([1, 2], 0), {}, "'season' parameter"),
        (([1, 2], 1.5), {}, "'season' parameter"),
        (([1, math.inf],), {}, "infinite"),
        (([1, 2],), {"groups": ["a"]}, "'groups' parameter of naive_scale must be one-dimensional"),
        (([1, 2],), {"groups": ["a", None]}, "'groups' parameter of naive_scale is missing in 1 of 2 rows"),
    ],
)
def test_pasts_that_have_no_scale_are_refused(args, kwargs, message):
    with pytest.raises(ParameterError, match=message):
        naive_scale(*args, **kwargs)


@pytest.mark.parametrize("quantile", [0, 1, -0.1, NAN, "0.5", None])
def test_quantiles_are_inside_zero_and_one(quantile):
    with pytest.raises(ParameterError, match="'quantile' parameter of pinball_loss"):
        pinball_loss([1], [1], quantile)


def test_intervals_that_are_none_are_refused():
    with pytest.raises(ParameterError, match="'low' is above 'high' in 1 of 2 intervals, first at position 1"):
        interval_coverage([1, 2], [0, 3], [1, 2])
    with pytest.raises(ParameterError, match="'high' parameter .* is missing in 1 of 2 values"):
        interval_coverage([1, 2], [0, 1], [1, NAN])
    with pytest.raises(ParameterError, match="known value"):
        interval_coverage([NAN], [0], [1])
