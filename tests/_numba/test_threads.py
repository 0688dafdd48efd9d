import itertools
import os
import subprocess
import sys
import threading
import time

import joblib
import numba
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from crmkit._numba import n_threads, run_in_ranges


def bounds(start, stop):
    return start, stop


@given(n=st.integers(0, 10**6), threads=st.integers(1, 50), minimum=st.integers(1, 10**5))
def test_ranges_cover_the_rows_once_and_evenly(n, threads, minimum):
    ranges = run_in_ranges(bounds, n, threads=threads, minimum=minimum)
    assert ranges[0][0] == 0
    assert ranges[-1][1] == n
    assert all(left[1] == right[0] for left, right in itertools.pairwise(ranges))
    sizes = [stop - start for start, stop in ranges]
    assert max(sizes) - min(sizes) <= 1
    assert len(ranges) == max(1, min(threads, n // minimum))
    assert len(ranges) == 1 or min(sizes) >= minimum


@given(st.lists(st.integers(-100, 100), min_size=1), st.integers(1, 4))
def test_arguments_reach_each_range(values, threads):
    values = np.array(values)
    parts = run_in_ranges(
        lambda start, stop, a, b: a[start:stop] * b, len(values), values, 3, threads=threads, minimum=1
    )
    np.testing.assert_array_equal(np.concatenate(parts), values * 3)


def test_few_rows_stay_on_the_caller_s_thread():
    names = run_in_ranges(lambda *_: threading.current_thread(), 19_999, threads=8)
    assert names == [threading.current_thread()]
    assert len(run_in_ranges(bounds, 40_000, threads=8)) == 2


def test_ranges_run_at_the_same_time():
    barrier = threading.Barrier(3, timeout=30)
    assert len(run_in_ranges(lambda *_: barrier.wait(), 3, threads=3, minimum=1)) == 3


def test_results_come_in_the_order_of_the_ranges():
    def slow_first(start, stop):
        time.sleep(0.05 * (2 - start))
        return start

    assert run_in_ranges(slow_first, 3, threads=3, minimum=1) == [0, 1, 2]


@pytest.mark.parametrize("bad", [0, 1, 2])
def test_an_error_is_raised_after_all_ranges_have_ended(bad):
    ended = []

    def fails(start, stop):
        if start == bad:
            raise ZeroDivisionError(start)
        time.sleep(0.02)
        ended.append(start)

    with pytest.raises(ZeroDivisionError, match=str(bad)):
        run_in_ranges(fails, 3, threads=3, minimum=1)
    assert sorted(ended) == [start for start in range(3) if start != bad]


def test_nested_calls_do_not_wait_for_each_other():
    def inner(start, stop):
        return run_in_ranges(bounds, 2, threads=2, minimum=1)

    assert run_in_ranges(inner, 2, threads=2, minimum=1) == [[(0, 1), (1, 2)]] * 2


def test_the_number_of_threads_is_numba_s_and_asking_launches_none():
    code = "import numba; from crmkit._numba import n_threads; print(n_threads()); numba.threading_layer()"
    ran = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "NUMBA_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.stdout.split() == ["1"]
    assert "Threading layer is not initialized" in ran.stderr
    assert n_threads() == numba.config.NUMBA_NUM_THREADS


@pytest.mark.slow
def test_workers_of_joblib_share_the_cores():
    found = joblib.Parallel(n_jobs=2)(joblib.delayed(n_threads)() for _ in range(2))
    assert found == [max(1, joblib.cpu_count() // 2)] * 2
