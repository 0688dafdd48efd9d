"""Medians of sliding windows: sets of bits and sorting by digits against plain Python, and both ways to a median."""

from __future__ import annotations

import math
import statistics

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.lib.stride_tricks import sliding_window_view

from crmkit._numba import _median_kernels, read_only
from crmkit._numba._median_kernels import LANES, WORD
from crmkit._numba._rolling import median_network

pytestmark = pytest.mark.kernels

NO_NETWORK = read_only(np.empty((0, 3), dtype=np.int64))
ANY = st.floats(allow_nan=True, allow_infinity=True)


def both(name):
    function = getattr(_median_kernels, name)
    return [function, function.py_func]


def bits_of(ranks, length=300):
    bits = np.zeros(length // WORD + 2, dtype=np.int64)
    for rank in ranks:
        bits[rank // WORD] |= 1 << (rank % WORD)
    return bits


@given(st.sets(st.integers(0, 299), min_size=1), st.integers(0, 299))
def test_neighbours_in_a_set_of_bits(ranks, place):
    bits = bits_of(ranks)
    for next_set, previous_set in zip(both("next_set"), both("previous_set"), strict=True):
        if max(ranks) >= place:
            assert next_set(bits, place) == min(rank for rank in ranks if rank >= place)
        if min(ranks) <= place:
            assert previous_set(bits, place) == max(rank for rank in ranks if rank <= place)


@given(st.sets(st.integers(0, 299), min_size=1), st.data())
def test_moving_to_a_rank(ranks, data):
    bits, in_order = bits_of(ranks), sorted(ranks)
    start = data.draw(st.integers(0, 299))
    below = sum(rank < start for rank in ranks)
    wanted = data.draw(st.integers(0, len(ranks) - 1))
    for move in both("move"):
        if below < len(ranks) or below > wanted:
            assert move(bits, start, below, wanted) == (in_order[wanted], wanted)


@given(st.lists(ANY | st.sampled_from([0.0, -0.0, 1.0, 1.0, -1.0, 5e-324, math.inf]), max_size=120))
def test_ranks(row):
    """By insertion up to 48 values, by digits above."""
    values = np.array(row, dtype=np.float64)
    known = [i for i, value in enumerate(row) if not math.isnan(value)]
    # A stable order in which -0.0 stands before 0.0.
    expected = sorted(known, key=lambda i: (row[i], math.copysign(1.0, row[i])))
    for sort_stretch in both("sort_stretch"):
        room = _median_kernels.new_room(5, 120)
        in_order = sort_stretch(values, room)
        ranks = room[3][: len(row)]
        assert [int(i) for i in np.argsort(ranks, kind="stable") if ranks[i] >= 0] == expected
        np.testing.assert_array_equal(in_order[: len(known)], [row[i] for i in expected])
        assert (ranks[np.isnan(values)] == -1).all()


@pytest.mark.parametrize("n", [0, 1, 2, 47, 48, 49, 500])
def test_digits(n):
    rng = np.random.default_rng(n)
    for keys_given in (rng.integers(-(2**63), 2**63 - 1, n), rng.integers(-3, 3, n), np.full(n, 7)):
        for sort_by_digits in both("sort_by_digits"):
            keys, places = np.zeros((2, n + 1), np.int64), np.zeros((2, n + 1), np.int64)
            keys[0, :n], places[0, :n] = keys_given, np.arange(n)
            now = sort_by_digits(keys, places, n, np.empty((8, 256), np.int64))
            np.testing.assert_array_equal(places[now, :n], np.argsort(keys_given, kind="stable"))
            np.testing.assert_array_equal(keys[now, :n], np.sort(keys_given))


@pytest.mark.parametrize("window", [1, 2, 3, 4, 5, 9, 12, 21])
def test_networks(window):
    for n in (window, window + 1, window + LANES - 1, window + LANES, 200):
        values = np.random.default_rng(n).normal(size=n).round(1)
        expected = np.median(sliding_window_view(values, window), axis=1)
        for select_medians in both("select_medians"):
            out = np.empty(len(expected))
            select_medians(values, window, median_network(window), np.full((window, LANES), 1e77), out)
            np.testing.assert_allclose(out, expected, rtol=1e-15)


@pytest.mark.parametrize("window", [1, 2, 5, 8, 40, 500])
@pytest.mark.parametrize("ahead", [0, 2, -3])
def test_series(window, ahead):
    if ahead >= window:
        return
    values = np.random.default_rng(3).normal(size=170).round(1)
    values[[4, 100, 101]] = np.nan
    pointers = np.array([0, 60, 60, 63, 170])
    function = _median_kernels.median_series
    compiled, plain, parts = np.full((3, 170), 44.0)
    for network in (NO_NETWORK, median_network(window)):
        assert function(0, 4, values, pointers, window, ahead, 1, network, compiled) == 0
        assert function.py_func(0, 4, values, pointers, window, ahead, 1, network, plain) == 0
        np.testing.assert_array_equal(compiled, plain)
        for series in (3, 2, 1, 0):
            function(series, series + 1, values, pointers, window, ahead, 1, network, parts)
        np.testing.assert_array_equal(parts, compiled)
    values[:3] = [np.inf, -np.inf, np.nan]
    assert function(0, 4, values, pointers, window, ahead, 1, NO_NETWORK, compiled) == 2


@given(st.floats(allow_nan=False, allow_infinity=False), st.floats(allow_nan=False, allow_infinity=False))
def test_the_middle_of_two(low, high):
    for between in both("between"):
        with np.errstate(over="ignore"):
            assert between(np.float64(low), np.float64(low)) == low
            found = between(np.float64(low), np.float64(high))
        assert min(low, high) <= found <= max(low, high)
        assert found == pytest.approx(statistics.mean([low, high]), rel=1e-15, abs=5e-324)


def test_stretches_meet():
    """A series of several stretches is that of each of its windows."""
    values = np.random.default_rng(8).normal(size=5_000)
    pointers = np.array([0, 5_000])
    for window in (7, 30, 900):
        out = np.empty(5_000)
        _median_kernels.median_series(0, 1, values, pointers, window, 0, window, median_network(window), out)
        expected = np.median(sliding_window_view(values, window), axis=1)
        np.testing.assert_allclose(out[window - 1 :], expected, rtol=1e-15)
        assert np.isnan(out[: window - 1]).all()
