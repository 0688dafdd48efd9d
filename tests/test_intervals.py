"""Ends of intervals: against scipy, sums row by row, and what weights must not change."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy import stats

from crmkit._intervals import (
    effective_n,
    normal_quantile,
    student_interval,
    student_quantile,
    weighted_mean,
    weighted_means,
    wilson,
)

coverages = st.floats(0.01, 0.999)
answers = hnp.arrays(np.float64, st.integers(2, 40), elements=st.integers(0, 10).map(float))


@given(coverages, st.floats(0.5, 1e6))
def test_quantiles_are_scipy_s(coverage, df):
    level = (1 + coverage) / 2
    assert normal_quantile(coverage) == pytest.approx(stats.norm.ppf(level), rel=1e-9)
    assert student_quantile(coverage, df) == pytest.approx(stats.t.ppf(level, df), rel=1e-6)


def test_without_a_degree_of_freedom_nothing_is_known():
    assert student_quantile(0.95, np.array([0.0, -1.0])).tolist() == [np.inf, np.inf]
    assert student_quantile(0.95, 1e-3) > 1e100


@given(st.integers(1, 10**6), st.floats(0, 1), coverages)
def test_wilson_of_whole_counts_is_scipy_s(n, part, coverage):
    count = round(part * n)
    expected = stats.binomtest(count, n).proportion_ci(coverage, method="wilson")
    assert wilson(count / n, n, coverage) == pytest.approx((expected.low, expected.high), abs=1e-12)


def test_wilson_of_arrays_keeps_its_ends_and_what_is_missing():
    low, high = wilson(np.array([0, 0.5, 1, np.nan]), np.array([3, 3.5, 4, 0]), 0.95)
    assert low[0] == 0
    assert high[2] == 1
    assert low[1] + high[1] == pytest.approx(1)
    assert np.isnan([low[3], high[3]]).all()


def mean_by_hand(values, weight):
    """The linearised variance, row by row."""
    whole = sum(weight)
    mean = sum(w * x for w, x in zip(weight, values, strict=True)) / whole
    n = whole**2 / sum(w * w for w in weight)
    variance = sum((w / whole * (x - mean)) ** 2 for w, x in zip(weight, values, strict=True)) * n / (n - 1)
    return mean, variance**0.5, n


@given(answers, st.data())
def test_weighted_mean_by_hand(values, data):
    weight = data.draw(hnp.arrays(np.float64, len(values), elements=st.floats(0.1, 5)))
    assert weighted_mean(values, weight) == pytest.approx(mean_by_hand(values, weight), rel=1e-9, abs=1e-12)
    assert effective_n(weight) == pytest.approx(mean_by_hand(values, weight)[2])


@given(answers)
def test_weights_of_one_give_the_textbook_and_any_equal_weights_the_same_bits(values):
    mean, error, n = weighted_mean(values, np.ones(len(values)))
    assert (mean, n) == (values.sum() / len(values), len(values))
    assert error == pytest.approx(stats.sem(values), rel=1e-12, abs=1e-12)
    assert weighted_mean(values, np.full(len(values), 0.3)) == (mean, error, n)


@given(answers, st.data(), st.floats(1e-100, 1e100))
def test_the_unit_of_weights_and_rows_of_no_weight_change_nothing(values, data, unit):
    weight = data.draw(hnp.arrays(np.float64, len(values), elements=st.floats(0.1, 5)))
    expected = pytest.approx(weighted_mean(values, weight), rel=1e-9, abs=1e-12)
    assert weighted_mean(values, weight * unit) == expected
    assert weighted_mean(np.append(values, 99.0), np.append(weight, 0.0)) == expected


@given(answers, st.data())
def test_groups_are_each_their_own(values, data):
    code = data.draw(hnp.arrays(np.intp, len(values), elements=st.integers(0, 3)))
    weight = data.draw(hnp.arrays(np.float64, len(values), elements=st.floats(0.1, 5)))
    found = np.array(weighted_means(values, weight, code, 5))
    assert np.isnan(found[:2, 4]).all()
    for group in np.unique(code):
        rows = code == group
        expected = weighted_mean(values[rows], weight[rows])
        assert found[:, group] == pytest.approx(expected, rel=1e-9, abs=1e-9)


def test_one_row_says_nothing_of_its_error():
    assert weighted_mean(np.array([7.0]), np.array([0.3])) == (7.0, np.inf, 1.0)
    assert weighted_mean(np.array([7.0, 9.0]), np.array([0.3, 0.0])) == (7.0, np.inf, 1.0)
    assert student_interval(7.0, np.inf, 1.0, 0.95) == (-np.inf, np.inf)


def test_student_interval_is_the_textbook_s():
    values = np.array([4.0, 5, 5, 4, 3, 4])
    expected = stats.t.interval(0.9, 5, values.mean(), stats.sem(values))
    assert student_interval(*weighted_mean(values, np.ones(6)), 0.9) == pytest.approx(expected)
    assert student_interval(4.0, 0.0, 2.0, 0.95) == (4.0, 4.0)
