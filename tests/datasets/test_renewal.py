from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from crmkit.datasets._renewal import draw_renewals


def naive_renewals(rng, start, stop, rate, shape, most):
    """Everybody's next event in turn, for as long as anybody has one."""
    events = [[time] for time in start]
    active = list(range(len(start)))
    while active:
        n = len(active)
        gaps = rng.standard_exponential(n) if shape == 1 else rng.standard_gamma(shape, n) / shape
        still = []
        for customer, gap in zip(active, gaps, strict=True):
            time = events[customer][-1] + gap / rate[customer]
            if time < stop[customer] and len(events[customer]) <= most[customer]:
                events[customer].append(time)
                still.append(customer)
        active = still
    return events


@given(
    seed=st.integers(0, 2**32 - 1),
    n=st.integers(1, 30),
    shape=st.sampled_from([1.0, 0.5, 3.0]),
    limited=st.booleans(),
)
def test_equals_one_customer_after_the_other(seed, n, shape, limited):
    setup = np.random.default_rng(seed)
    start, rate = setup.random(n), setup.gamma(0.5, 4, n)
    stop, most = start + setup.gamma(1, 3, n), setup.integers(0, 6, n)
    counts, times = draw_renewals(np.random.default_rng(seed), start, stop, rate, shape, most if limited else None)
    unlimited = np.full(n, 10**9)
    expected = naive_renewals(np.random.default_rng(seed), start, stop, rate, shape, most if limited else unlimited)
    assert counts.tolist() == [len(own) for own in expected]
    assert times.tolist() == [time for own in expected for time in own]


def test_poisson_counts():
    n = 50_000
    counts, _ = draw_renewals(np.random.default_rng(0), np.zeros(n), np.full(n, 10.0), np.full(n, 0.4))
    repeats = counts - 1
    assert repeats.mean() == pytest.approx(4, abs=5 * np.sqrt(4 / n))
    assert repeats.var() == pytest.approx(4, abs=5 * np.sqrt((4 + 2 * 16) / n))


@pytest.mark.parametrize("shape", [0.5, 1, 4, 25])
def test_gaps_have_the_mean_and_the_regularity_asked_for(shape):
    """10,000 gaps of one customer: nothing is cut."""
    _, times = draw_renewals(np.random.default_rng(1), np.zeros(1), np.full(1, 1e5), np.full(1, 0.1), shape)
    gaps = np.diff(times)
    assert gaps.mean() == pytest.approx(10, rel=5 / np.sqrt(shape * len(gaps)))
    assert gaps.std() / gaps.mean() == pytest.approx(1 / np.sqrt(shape), rel=0.08)


def test_one_shape_for_each_customer_is_that_shape():
    start, rate, stop = np.zeros(500), np.full(500, 1.0), np.full(500, 20.0)
    same = draw_renewals(np.random.default_rng(2), start, stop, rate, 3.0)
    each = draw_renewals(np.random.default_rng(2), start, stop, rate, np.full(500, 3.0))
    np.testing.assert_array_equal(same[1], each[1])


def test_a_rate_of_zero_means_never_again():
    counts, times = draw_renewals(
        np.random.default_rng(0), np.zeros(3), np.full(3, 1e300), np.array([0.0, 1e-320, 0.0])
    )
    assert counts.tolist() == [1, 1, 1]
    assert times.tolist() == [0, 0, 0]


def test_who_stops_at_once_has_the_first_event_only():
    counts, times = draw_renewals(np.random.default_rng(0), np.array([1.0, 2.0]), np.array([1.0, 0.5]), np.ones(2))
    assert counts.tolist() == [1, 1]
    assert times.tolist() == [1, 2]
