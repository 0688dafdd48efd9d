"""The population stability index against loops over bins, and its cut-offs against simulated samples."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import chi2

from crmkit.exceptions import ParameterError
from crmkit.metrics import population_stability_index, stability_cutoff

NAN = math.nan
labels = st.lists(st.sampled_from(["a", "b", "c", "客户", None]), min_size=1, max_size=30)
numbers = st.lists(st.integers(-8, 8).map(float) | st.just(NAN), min_size=1, max_size=40)


def index_of(bins_expected, bins_actual):
    """Sum over the bins that hold something, an empty one counting as half a value."""
    total = 0.0
    for one in set(bins_expected) | set(bins_actual):
        e = max(bins_expected.count(one), 0.5) / len(bins_expected)
        a = max(bins_actual.count(one), 0.5) / len(bins_actual)
        total += (a - e) * math.log(a / e)
    return total


def label_bins(expected, actual):
    return [[one if one is None or one in expected else "new" for one in sample] for sample in (expected, actual)]


def number_bins(expected, actual, bins):
    known = sorted(one for one in expected if not math.isnan(one))
    if len(set(known)) <= bins:
        plain = [[None if math.isnan(one) else one for one in sample] for sample in (expected, actual)]
        return label_bins(*plain)
    edges = sorted({known[math.ceil(len(known) * cut / bins) - 1] for cut in range(1, bins)})
    return edge_bins(expected, actual, edges)


def edge_bins(expected, actual, edges):
    return [
        ["missing" if math.isnan(one) else sum(one > edge for edge in edges) for one in sample]
        for sample in (expected, actual)
    ]


@given(labels, labels)
def test_labels_by_counting(expected, actual):
    wanted = index_of(*label_bins(expected, actual))
    assert population_stability_index(expected, actual) == pytest.approx(wanted, rel=1e-9, abs=1e-12)
    for make in (pd.Series, pd.Categorical, lambda values: pl.Series(values, dtype=pl.String)):
        found = population_stability_index(make(expected), make(actual))
        assert found == pytest.approx(wanted, rel=1e-9, abs=1e-12)


@given(numbers, numbers, st.integers(2, 6))
def test_numbers_by_counting(expected, actual, bins):
    wanted = index_of(*number_bins(expected, actual, bins))
    assert population_stability_index(expected, actual, bins=bins) == pytest.approx(wanted, rel=1e-9, abs=1e-12)


@given(numbers, numbers, st.lists(st.integers(-9, 9), min_size=1, max_size=5, unique=True).map(sorted))
def test_given_edges_by_counting(expected, actual, edges):
    wanted = index_of(*edge_bins(expected, actual, edges))
    assert population_stability_index(expected, actual, bins=edges) == pytest.approx(wanted, rel=1e-9, abs=1e-12)


@given(numbers)
def test_a_sample_has_not_moved_from_itself(values):
    assert population_stability_index(values, values) == 0
    assert population_stability_index(values, values + values) == pytest.approx(0, abs=1e-12)


@given(numbers, numbers, st.lists(st.integers(-9, 9), min_size=1, max_size=5, unique=True).map(sorted))
def test_with_given_edges_it_is_symmetric(expected, actual, edges):
    both = [population_stability_index(*pair, bins=edges) for pair in ((expected, actual), (actual, expected))]
    assert both[0] == pytest.approx(both[1], rel=1e-9, abs=1e-12)


def test_by_hand():
    wanted = (0.25 - 0.5) * math.log(0.25 / 0.5) + (0.75 - 0.5) * math.log(0.75 / 0.5)
    assert population_stability_index([True, False], [True, False, False, False]) == pytest.approx(wanted)
    new = (0.5 - 0.25) * math.log(2) + (0.5 - 1) * math.log(0.5)
    assert population_stability_index(["a", "a"], ["a", "b", "c", "a"]) == pytest.approx(new)


def test_one_frequent_value_is_one_bin():
    expected = np.r_[np.zeros(70), np.linspace(1, 2, 30)]
    actual = np.r_[np.zeros(50), np.linspace(1, 2, 50)]
    low = (0.5 - 0.7) * math.log(0.5 / 0.7)
    assert population_stability_index(expected, actual) > low
    assert population_stability_index(expected, actual, bins=[0.0]) == pytest.approx(low + 0.2 * math.log(0.5 / 0.3))


def test_nothing_but_missing_values_is_of_either_sort():
    moved = (0.75 - 0.5) * math.log(0.75 / 0.5) + (0.25 - 0.5) * math.log(0.25 / 0.5)
    assert population_stability_index(["a"], [None]) == pytest.approx(2 * 0.5 * math.log(2))
    assert population_stability_index([None], [1.0]) == pytest.approx(2 * 0.5 * math.log(2))
    assert population_stability_index([None, "a"], [None, None, None, "a"]) == pytest.approx(moved)


def test_infinite_scores_lie_in_the_outer_bins():
    expected = np.arange(100.0)
    moved = np.where(expected == 99, np.inf, expected)
    assert population_stability_index(expected, moved) == 0


def test_the_cutoff_is_the_scaled_quantile_of_chi_squared():
    for sizes, bins, level in (((200, 200), 10, 0.95), ((5_000, 100), 20, 0.99), ((30, 70), 2, 0.5)):
        wanted = (1 / sizes[0] + 1 / sizes[1]) * chi2.ppf(level, bins - 1)
        assert stability_cutoff(*sizes, bins, level=level) == pytest.approx(wanted, rel=1e-10)


@pytest.mark.parametrize(
    ("n", "m", "bins", "low", "high"),
    [(2_000, 500, 10, 0.045, 0.065), (1_000, 1_000, 5, 0.045, 0.065), (100, 100, 10, 0.06, 0.09)],
)
def test_samples_of_one_population_stay_below_the_cutoff(n, m, bins, low, high):
    """Five in a hundred pairs are above it, and a few more where bins expect ten values."""
    rng = np.random.default_rng(0)
    cutoff = stability_cutoff(n, m, bins)
    above = [
        population_stability_index(rng.normal(size=n), rng.normal(size=m), bins=bins) > cutoff for _ in range(2_500)
    ]
    assert low < np.mean(above) < high


@pytest.mark.parametrize(
    ("kwargs", "message"),
    [
        ({"expected": []}, "'expected' parameter of population_stability_index is empty"),
        ({"actual": []}, "'actual' parameter of population_stability_index is empty"),
        ({"actual": ["a", "b"]}, "'expected' holds numbers, but 'actual' holds labels"),
        ({"expected": ["a"]}, "'expected' holds labels, but 'actual' holds numbers"),
        ({"expected": [[1.0, 2.0]]}, r"one-dimensional. Got shape \(1, 2\)"),
        ({"bins": 1}, "'bins' parameter"),
        ({"bins": 2.5}, "'bins' parameter"),
        ({"bins": True}, "'bins' parameter"),
        ({"bins": []}, "ascending edges"),
        ({"bins": [1, 1]}, "ascending edges"),
        ({"bins": [1, NAN]}, "'bins' parameter"),
        ({"bins": "auto"}, "'bins' parameter"),
        ({"expected": ["a"], "actual": ["a"], "bins": [1, 2]}, "labels have no edges"),
    ],
)
def test_what_is_refused(kwargs, message):
    with pytest.raises(ParameterError, match=message):
        population_stability_index(**{"expected": [1.0, 2.0], "actual": [1.0, 2.0], **kwargs})


@pytest.mark.parametrize(
    "kwargs", [{"n_expected": 0}, {"n_actual": 1.5}, {"n_bins": 1}, {"level": 1}, {"level": 0}, {"level": "0.9"}]
)
def test_cutoffs_that_are_none_are_refused(kwargs):
    name = next(iter(kwargs))
    with pytest.raises(ParameterError, match=f"'{name}' parameter of stability_cutoff"):
        stability_cutoff(**{"n_expected": 10, "n_actual": 10, **kwargs})
