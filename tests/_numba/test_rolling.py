"""Sliding windows over ragged series and tables, against plain windows; and the networks of medians."""

from __future__ import annotations

import itertools
import math
import statistics

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from crmkit._numba import read_only
from crmkit._numba._rolling import STATISTICS, median_network, rolling, rolling_table

pytestmark = pytest.mark.kernels

REDUCED = {
    "mean": statistics.fmean,
    "sum": math.fsum,
    "median": statistics.median,
    "min": min,
    "max": max,
    "std": lambda known: statistics.stdev(known) if len(known) > 1 else math.nan,
}


def naive(values, pointers, window, min_periods, statistic, shift):
    out = []
    for start, stop in itertools.pairwise(pointers.tolist()):
        for place in range(start, stop):
            first, last = max(place - shift - window + 1, start), min(place - shift + 1, stop)
            known = [float(value) for value in values[first : max(last, first)] if not math.isnan(value)]
            least = window if min_periods is None else min_periods
            if not known:
                out.append(0.0 if statistic == "sum" and least == 0 else math.nan)
            else:
                out.append(REDUCED[statistic](known) if len(known) >= least else math.nan)
    return np.array(out)


def ragged(lengths, gaps=0.1, seed=0):
    rng = np.random.default_rng(seed)
    values = rng.normal(size=sum(lengths)) * 5
    values[rng.random(len(values)) < gaps] = np.nan
    return values, np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)


@pytest.mark.parametrize("statistic", STATISTICS)
@pytest.mark.parametrize("shift", [0, 1, 3, 12, 100, -2, -6])
def test_plain_windows(shift, statistic):
    values, pointers = ragged([5, 0, 1, 30, 2, 13, 60, 0])
    for window, min_periods in itertools.product((1, 2, 5, 13, 22, 31, 64), (None, 0, 1, 2)):
        if window < max(min_periods or 0, 1 - 2 * shift):
            continue
        out = np.full(len(values), 99.0)
        assert rolling(values, pointers, window, min_periods, statistic, out, shift=shift) is out
        expected = naive(values, pointers, window, min_periods, statistic, shift)
        np.testing.assert_allclose(out, expected, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("statistic", STATISTICS)
def test_a_lag_is_a_shifted_result(statistic):
    """To the last bit: what a model learns from is what it is given later."""
    values, pointers = ragged([700, 3, 40])
    for window, min_periods in ((4, None), (30, 2), (600, 1)):
        plain = rolling(values, pointers, window, min_periods, statistic, np.empty(len(values)))
        lagged = rolling(values, pointers, window, min_periods, statistic, np.empty(len(values)), shift=2)
        for start, stop in itertools.pairwise(pointers):
            np.testing.assert_array_equal(lagged[start + 2 : stop], plain[start : stop - 2])


@pytest.mark.parametrize("statistic", STATISTICS)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_layouts_types_and_locks(dtype, statistic):
    values = ragged([7 * 90])[0].reshape(7, 90).astype(dtype)
    pointers = np.arange(8) * 90
    for table in (values, np.asfortranarray(values), read_only(values), values[::-1][::-1], values[:, :1]):
        before = table.copy()
        got, huge = rolling_table(table, 6, 3, statistic)
        assert got.dtype == dtype
        assert not huge
        np.testing.assert_array_equal(table, before)
        flat = table.ravel()
        out = np.empty(len(flat), dtype)
        rolling(read_only(flat), np.arange(8) * table.shape[1], 6, 3, statistic, out)
        np.testing.assert_array_equal(got.ravel(), out)
    assert pointers[-1] == values.size


def test_many_series_on_threads():
    values, pointers = ragged(np.random.default_rng(4).poisson(20, 40_000).tolist())
    for statistic in STATISTICS:
        one, many = np.empty(len(values)), np.empty(len(values))
        rolling(values, pointers, 8, 2, statistic, one, threads=1)
        rolling(values, pointers, 8, 2, statistic, many, threads=4)
        np.testing.assert_array_equal(one, many)


def test_blocks_of_tables_end_anywhere():
    values = ragged([150 * 9])[0].reshape(150, 9)
    expected = rolling_table(values, 3, 2, "mean")[0]
    for threads in (1, 2, 3):
        np.testing.assert_array_equal(
            rolling_table(np.asfortranarray(values), 3, 2, "mean", threads=threads)[0], expected
        )


@pytest.mark.parametrize("statistic", STATISTICS)
@pytest.mark.parametrize("window", [1, 7, 90, 1_500, 60_000])
def test_one_long_series_on_threads(window, statistic):
    rng = np.random.default_rng(6)
    values = rng.normal(size=(2, 400_000))
    values[0, rng.integers(0, 400_000, 90)] = np.nan
    for min_periods, ahead in ((None, 0), (max(window // 2, 1), window // 2)):
        halves = statistic in {"mean", "sum"} and ahead > 0 and window % 2 == 0
        rule = {"shift": -ahead, "halves": halves}
        out = np.empty(values.size)
        rolling(values.ravel(), np.arange(3) * 400_000, window, min_periods, statistic, out, **rule)
        for threads in (1, 2, 3):
            got, huge = rolling_table(values, window, min_periods, statistic, threads=threads, **rule)
            np.testing.assert_array_equal(got.ravel(), out)
            assert not huge
    values[1, 399_999] = np.inf
    assert rolling_table(values, window, None, statistic, threads=2)[1]


@pytest.mark.parametrize("value", [np.inf, -np.inf, 1e200])
@pytest.mark.parametrize("statistic", STATISTICS)
def test_what_may_be_infinite_is_told(statistic, value):
    values = np.ones((3, 30))
    values[2, 4] = value
    for table in (values, np.asfortranarray(values)):
        found = rolling_table(table, 3, None, statistic)[1]
        assert found or (statistic == "median" and np.isfinite(value))


# ------------------------------------------------------------------------------------------ networks


def run(network, columns):
    """Take a network's steps upon rows of numbers."""
    rows = [row.copy() for row in columns]
    for low, high, kept in network.tolist():
        one, other = rows[low], rows[high]
        if kept & 1:
            rows[low] = np.minimum(one, other)
        if kept & 2:
            rows[high] = np.maximum(one, other)
    return rows


@pytest.mark.parametrize("window", range(1, 22))
def test_networks_find_medians(window):
    """What sorts all zeros and ones sorts everything; of long windows a sample is tried."""
    if window <= 14:
        columns = np.array(list(itertools.product((0, 1), repeat=window))).T
    else:
        columns = np.random.default_rng(0).permuted(np.tile(np.arange(window), (5_000, 1)), axis=1).T
    rows = run(median_network(window), columns)
    expected = np.sort(columns, axis=0)
    for place in {(window - 1) // 2, window // 2}:
        np.testing.assert_array_equal(rows[place], expected[place])


def test_networks_are_pruned_and_kept():
    sizes = [len(median_network(window)) for window in (1, 2, 3, 5, 9, 21, 22, 1_000)]
    assert sizes == [0, 1, 3, 8, 22, 88, 0, 0]
    assert not median_network(5).flags.writeable
    assert median_network(5) is median_network(5)


@given(st.lists(st.floats(-1e300, 1e300), min_size=1, max_size=40), st.integers(1, 21))
def test_networks_and_ranks_agree(row, window):
    """A NaN at the end sends the same windows the other way."""
    values = np.array(row)
    one = rolling(values, np.array([0, len(row)]), window, 1, "median", np.empty(len(row)))
    longer = np.append(values, np.nan)
    two = rolling(longer, np.array([0, len(longer)]), window, 1, "median", np.empty(len(longer)))
    np.testing.assert_array_equal(one, two[:-1])
