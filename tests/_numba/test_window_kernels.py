"""The loops of sliding windows: compiled, plain, and against windows by numpy."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.lib.stride_tricks import sliding_window_view

from crmkit._numba import _window_kernels
from crmkit._numba._window_kernels import MAX, MEAN, MIN, SCRATCH_ROWS, STD, SUM

pytestmark = pytest.mark.kernels

REDUCED = {
    SUM: lambda held: held.sum(axis=-1),
    MEAN: lambda held: held.mean(axis=-1),
    STD: lambda held: held.std(axis=-1, ddof=1),
    MIN: lambda held: held.min(axis=-1),
    MAX: lambda held: held.max(axis=-1),
}
WINDOWS = (1, 2, 3, 4, 5, 6, 7, 8, 11, 16, 27, 31, 32, 33, 60)


def both(name):
    function = getattr(_window_kernels, name)
    return [function, function.py_func]


def scratch_for(n, window):
    """Rows full of rubbish, which no result may depend on."""
    return np.full((SCRATCH_ROWS, n + window + 2), 1e77)


@pytest.fixture
def values():
    return np.random.default_rng(0).normal(size=70)


@pytest.mark.parametrize("window", WINDOWS)
def test_doubling(values, window):
    held = sliding_window_view(values, window)
    n = len(held)
    for sums in both("sum_windows"):
        for divisor in (1.0, float(window)):
            out = np.empty(n)
            sums(values, window, False, divisor, scratch_for(70, window), out, n)
            np.testing.assert_allclose(out, held.sum(axis=1) / divisor, rtol=1e-12, atol=1e-13)
        pairs = np.empty(n - 1)
        sums(values, window, True, 2.0, scratch_for(70, window), pairs, n - 1)
        np.testing.assert_allclose(pairs, (out[1:] + out[:-1]) / 2 * window, rtol=1e-12, atol=1e-13)
    for extremes in both("extreme_windows"):
        for largest, expected in ((True, held.max(axis=1)), (False, held.min(axis=1))):
            extremes(values, window, largest, scratch_for(70, window), out, n)
            np.testing.assert_array_equal(out, expected)
    if window > 1:
        for deviations in both("deviation_windows"):
            deviations(values, window, scratch_for(70, window), out, n)
            np.testing.assert_allclose(out, held.std(axis=1, ddof=1), rtol=1e-13)


@pytest.mark.parametrize("window", WINDOWS)
def test_doubling_hands_on_what_is_missing(values, window):
    values[[0, 33, 34]] = np.nan
    lost = np.isnan(sliding_window_view(values, window)).any(axis=1)
    out = np.empty(len(lost))
    for name, settings in (
        ("sum_windows", (False, 3.0)),
        ("extreme_windows", (True,)),
        ("extreme_windows", (False,)),
        ("deviation_windows", ()),
    ):
        for function in both(name):
            function(values, window, *settings, scratch_for(70, window), out, len(out))
            if name != "deviation_windows" or window > 1:
                np.testing.assert_array_equal(np.isnan(out), lost)


@pytest.mark.parametrize("window", WINDOWS)
@pytest.mark.parametrize("ahead", [0, 3])
def test_blocks(values, window, ahead):
    """Windows that end anywhere, some of them past the series: as the windows of a series with NaN around it."""
    if ahead >= window:
        return
    values[[5, 20, 21, 22]] = np.nan
    around = np.concatenate([np.full(window - 1, np.nan), values, np.full(ahead, np.nan)])
    held = np.ma.masked_invalid(sliding_window_view(around, window)[ahead:])
    counts = held.count(axis=1)
    for statistic, name, settings in (
        (SUM, "scan_sums", (window, ahead, False, 1, False)),
        (MEAN, "scan_sums", (window, ahead, False, 1, True)),
        (MIN, "scan_extremes", (window, ahead, 1, -1.0)),
        (MAX, "scan_extremes", (window, ahead, 1, 1.0)),
        (STD, "scan_deviations", (window, ahead, 1)),
    ):
        with np.errstate(all="ignore"):
            expected = np.ma.filled(REDUCED[statistic](held), np.nan)
        expected[counts < (2 if statistic == STD else 1)] = np.nan
        for function in both(name):
            for first in (ahead, 17, 18, 69):
                out = np.full(70, 44.0)
                with np.errstate(all="ignore"):
                    function(values, *settings, first, 70 + ahead, scratch_for(70, window), out)
                np.testing.assert_allclose(out[first - ahead :], expected[first - ahead :], rtol=1e-12, atol=1e-13)
                assert (out[: first - ahead] == 44.0).all()


@pytest.mark.parametrize("n", [0, 1, 5, 9])
@pytest.mark.parametrize("ahead", [-20, -3, 0, 2, 7])
def test_reach_leaves_out_what_is_never_reached(n, ahead):
    for window in (8, 9, 15, 40, 1_000):
        for function in both("reach"):
            shorter, nearer = function(n, window, ahead)
            assert shorter <= min(window, 2 * n + 1)
            for place in range(n):
                full = {*range(place + ahead - window + 1, place + ahead + 1)} & {*range(n)}
                assert full == {*range(place + nearer - shorter + 1, place + nearer + 1)} & {*range(n)}


@pytest.mark.parametrize("statistic", [SUM, MEAN, STD, MIN, MAX])
@pytest.mark.parametrize("least", [1, 4])
def test_series(values, statistic, least):
    values[50:53] = np.nan
    pointers = np.array([0, 30, 30, 33, 70])
    function = _window_kernels.smooth_series
    for ahead, halves in ((0, False), (2, statistic in {SUM, MEAN}), (-5, False)):
        compiled, plain, parts = np.full((3, 70), 44.0)
        huge = function(0, 4, values, pointers, 4, ahead, halves, least, statistic, compiled)
        with np.errstate(all="ignore"):
            assert function.py_func(0, 4, values, pointers, 4, ahead, halves, least, statistic, plain) == huge == 0
        np.testing.assert_array_equal(compiled, plain)
        for series in (3, 2, 1, 0):
            function(series, series + 1, values, pointers, 4, ahead, halves, least, statistic, parts)
        np.testing.assert_array_equal(parts, compiled)
    values[:3] = [np.inf, -1e200, np.nan]
    assert function(0, 4, values, pointers, 4, 0, False, least, statistic, compiled) == 2
