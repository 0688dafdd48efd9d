from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from crmkit.features._bins import bin_scores, cut_points, spread


def sizes(levels, counts, cuts):
    """Number of rows in each bin, of which each ends at a cut."""
    n_bins = len(cuts) + 1
    bins = [sum(cut < level for cut in cuts) for level in levels]
    return [sum(count for count, found in zip(counts, bins, strict=True) if found == bin_) for bin_ in range(n_bins)]


def most_even(counts, n_bins):
    """The smallest sum of squared sizes, found by trying every way to cut."""
    ways = itertools.combinations(range(1, len(counts)), n_bins - 1)
    edges = ([0, *way, len(counts)] for way in ways)
    return min(sum(sum(counts[a:b]) ** 2 for a, b in itertools.pairwise(edge)) for edge in edges)


def levels_of(values):
    levels, counts = np.unique(values, return_counts=True)
    return levels.astype(np.float64), counts


@given(st.lists(st.integers(1, 50), min_size=3, max_size=11), st.integers(2, 6))
def test_no_other_cuts_are_more_even(counts, n_bins):
    levels, counts = np.sort(np.random.default_rng(0).normal(size=len(counts))), np.array(counts)
    if len(levels) <= n_bins:
        return
    cuts = cut_points(levels, counts, n_bins)
    found = sizes(levels, counts, cuts)
    assert len(cuts) == n_bins - 1
    assert min(found) > 0
    assert sum(size**2 for size in found) == most_even(counts.tolist(), n_bins)
    assert set(cuts) <= set(levels)
    assert (np.diff(cuts) > 0).all()


@pytest.mark.parametrize("n_bins", [2, 3, 5, 7, 10, 100])
@pytest.mark.parametrize("n", [100, 101, 899, 1_000, 12_347])
def test_without_ties_they_are_quantiles(n, n_bins):
    found = sizes(*(levels_of(np.arange(n) ** 1.5)), cut_points(*levels_of(np.arange(n) ** 1.5), n_bins))
    assert max(found) - min(found) <= 1


def test_without_ties_and_with_equal_bins_they_are_those_of_pandas():
    pd = pytest.importorskip("pandas")
    values = np.random.default_rng(0).lognormal(size=5_000)
    scores = np.searchsorted(cut_points(*levels_of(values), 5), values)
    assert (scores == pd.qcut(values, 5, labels=False)).all()


@pytest.mark.parametrize("share", [0.3, 0.5, 0.8, 0.95, 0.999])
@pytest.mark.parametrize("at", ["bottom", "top", "middle"])
def test_a_common_value_leaves_the_others_to_be_shared_evenly(share, at):
    rng = np.random.default_rng(1)
    values = rng.normal(size=50_000)
    common = {"bottom": -9.0, "top": 9.0, "middle": 0.0}[at]
    values[: int(share * len(values))] = common
    levels, counts = levels_of(values)
    found = sizes(levels, counts, cut_points(levels, counts, 5))
    own = int((levels <= common).sum()) - 1
    rest = sorted(found)[:-1]
    assert max(found) == counts[own]  # nobody else shares its bin
    # In the middle two bins lie on each side; the places of cuts are spread by some tenths of a percent.
    assert max(rest) - min(rest) <= 0.004 * len(values) + 0.05 * sum(rest)


def test_two_common_values():
    """Bins of their own for both ends, and no sliver of a bin between."""
    values = np.concatenate([np.full(400, -1.0), np.linspace(0, 1, 210), np.full(390, 2.0)])
    levels, counts = levels_of(values)
    assert sizes(levels, counts, cut_points(levels, counts, 5)) == [400, 70, 70, 70, 390]


def test_nearly_all_rows_on_one_of_very_many_levels():
    """The others are too few to be seen by shares of the rows."""
    values = np.concatenate([np.zeros(2_000_000), np.arange(1.0, 2_001)])
    levels, counts = levels_of(values)
    found = sizes(levels, counts, cut_points(levels, counts, 5))
    assert found[0] == 2_000_000
    assert max(found[1:]) - min(found[1:]) <= 20


@pytest.mark.parametrize("n_levels", [2, 3, 4, 5])
def test_few_levels_are_a_bin_each(n_levels):
    levels = np.arange(1.0, n_levels + 1)
    cuts = cut_points(levels, np.full(n_levels, 7), 5)
    assert cuts.tolist() == levels[:-1].tolist()


def test_one_level_lies_between_two_cuts():
    below, at = cut_points(np.array([9.99]), np.array([3]), 5)
    assert at == 9.99
    assert below == np.nextafter(9.99, 0)
    assert cut_points(np.array([0.0]), np.array([3]), 5)[0] < 0


@given(st.integers(1, 99), st.integers(2, 100))
def test_spreading(of, to):
    spreaded = spread(np.arange(of + 1), of, to)
    assert spreaded[0] == 1
    assert spreaded[-1] == to
    exact = 1 + np.arange(of + 1) * (to - 1) / of
    assert (np.abs(spreaded - exact) <= 0.5 + 1e-9).all()
    if of == to - 1:
        assert spreaded.tolist() == list(range(1, to + 1))


@pytest.mark.parametrize(("n_cuts", "expected"), [(1, [1, 5]), (2, [1, 3, 5]), (3, [1, 2, 4, 5]), (4, [1, 2, 3, 4, 5])])
def test_scores_of_bins(n_cuts, expected):
    assert bin_scores(n_cuts, 5, low_is_best=False).tolist() == expected
    assert bin_scores(n_cuts, 5, low_is_best=True).tolist() == expected[::-1]


@pytest.mark.parametrize(("n_bins", "middle"), [(2, 1), (3, 2), (4, 2), (5, 3), (10, 5)])
def test_the_middle_score(n_bins, middle):
    assert bin_scores(2, n_bins, low_is_best=False).tolist() == [1, middle, n_bins]
