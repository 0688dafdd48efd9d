"""The kernels of the charts against their own interpreted twins, and against a naive chart."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from crmkit.smoothing._control_chart_kernels import chart_cusum, chart_ewma

POINTS = st.lists(
    st.one_of(st.just(math.nan), st.integers(-4, 4).map(float), st.floats(-4, 4, allow_subnormal=False)), max_size=40
)


def run(kernel, deviations, *arguments):
    deviations = np.array(deviations, dtype=np.float64)
    deviations.setflags(write=False)
    n = len(deviations)
    first, second, sizes = np.empty(n), np.empty(n), np.empty(n)
    signals = np.empty(n, dtype=np.int64)
    kernel(deviations, *arguments, first, second, signals, sizes)
    return first, second, signals, sizes


def naive_ewma(deviations, alpha, width, exact, restart):
    """The textbook's recursion on whole histories: observations since the start, and statistics beside them."""
    rows, seen, path = [], [], [0.0]
    for value in deviations:
        signal, size = 0, math.nan
        if not math.isnan(value):
            seen.append(value)
            path.append(path[-1] + alpha * (value - path[-1]))
        limit = width * math.sqrt(1 - (1 - alpha) ** (2 * len(seen))) if exact else width
        if not math.isnan(value) and abs(path[-1]) > limit:
            signal = 1 if path[-1] > 0 else -1
            start = max(place for place, z in enumerate(path) if z * signal <= 0)
            size = sum(seen[start:]) / len(seen[start:])
        rows.append((path[-1], limit, signal, size))
        if signal and restart:
            seen, path = [], [0.0]
    return rows


def naive_cusum(deviations, allowance, interval, restart):
    """Each sum as the largest of all sums that end at this point."""
    rows, seen = [], []
    for value in deviations:
        if not math.isnan(value):
            seen.append(value)
        sums = [[sum(side * x - allowance for x in seen[start:]) for start in range(len(seen) + 1)] for side in (1, -1)]
        up, down = (max(0.0, *one) for one in sums)
        signal, size = 0, math.nan
        if not math.isnan(value) and max(up, down) > interval:
            signal = 1 if up >= down else -1
            one = sums[0] if signal == 1 else sums[1]
            # The points after the last zero of the sum: the shortest stretch whose own sum is the largest.
            start = max(place for place, total in enumerate(one) if total == max(one))
            size = sum(seen[start:]) / len(seen[start:])
        rows.append((up, down, signal, size))
        if signal and restart:
            seen = []
    return rows


@given(POINTS, st.sampled_from([0.1, 0.3, 1.0]), st.sampled_from([0.4, 1.1]), st.booleans(), st.booleans())
def test_ewma_is_the_naive_one(deviations, alpha, width, exact, restart):
    found = run(chart_ewma, deviations, alpha, width, exact, restart)
    expected = np.array(naive_ewma(deviations, alpha, width, exact, restart)).reshape(-1, 4).T
    if (np.abs(np.abs(expected[0]) - expected[1]) < 1e-9).any():
        return  # on the limit, but for rounding
    for one, other in zip(found, expected, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-9, atol=1e-12)


@given(st.lists(st.floats(-4, 4), min_size=1, max_size=30), st.sampled_from([0.1, 0.3, 1.0]))
def test_ewma_is_a_weighted_mean(deviations, alpha):
    found, _, _, _ = run(chart_ewma, deviations, alpha, 9.0, False, False)
    ages = np.arange(len(deviations))[::-1]
    assert found[-1] == pytest.approx(np.sum(alpha * (1 - alpha) ** ages * deviations), abs=1e-12)


@given(POINTS.map(lambda points: [round(8 * x) / 8 if not math.isnan(x) else x for x in points]), st.booleans())
def test_cusum_is_the_naive_one(deviations, restart):
    # Eighths add up exactly, so that zeros of a sum are zeros.
    found = run(chart_cusum, deviations, 0.375, 2.5, restart)
    expected = np.array(naive_cusum(deviations, 0.375, 2.5, restart)).reshape(-1, 4).T
    for one, other in zip(found, expected, strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("restart", [False, True])
def test_kernels_are_what_they_say_in_python(restart):
    deviations = np.random.default_rng(0).standard_normal(300) + np.repeat([0.0, 1.0, -1.0], 100)
    deviations[::17] = np.nan
    for exact in (False, True):
        both = [run(kernel, deviations, 0.2, 0.9, exact, restart) for kernel in (chart_ewma, chart_ewma.py_func)]
        for one, other in zip(*both, strict=True):
            np.testing.assert_allclose(one, other, rtol=1e-13)
        assert set(both[0][2]) == {-1, 0, 1}
    both = [run(kernel, deviations, 0.5, 4.0, restart) for kernel in (chart_cusum, chart_cusum.py_func)]
    for one, other in zip(*both, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-13)
    assert set(both[0][2]) == {-1, 0, 1}
