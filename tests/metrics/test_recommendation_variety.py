"""What lists show: against loops that follow the definitions word by word."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.sparse import csr_array, csr_matrix

from crmkit.events import ItemTargets
from crmkit.exceptions import ParameterError
from crmkit.metrics import (
    catalogue_coverage,
    estimate,
    exposure_gini,
    intra_list_diversity,
    novelty,
    popularity_bias,
)


@st.composite
def cases(draw):
    """A catalogue, lists with empty places anywhere, a cut, and whole numbers for each item."""
    n_items = draw(st.integers(1, 8))
    n_places = draw(st.integers(1, 8))
    lists = []
    for _ in range(draw(st.integers(1, 5))):
        listed = draw(st.permutations(range(n_items)))[: draw(st.integers(0, min(n_items, n_places)))]
        lists.append(draw(st.permutations([*listed, *[-1] * (n_places - len(listed))])))
    numbers = draw(st.lists(st.integers(0, 9), min_size=n_items, max_size=n_items))
    return n_items, np.array(lists), draw(st.integers(1, n_places)), numbers


def items_of(lists, k):
    return [[item for item in listed[:k] if item >= 0] for listed in lists.tolist()]


# ------------------------------------------------------------------------------ the whole catalogue


@given(cases())
def test_coverage_counts_items_that_anybody_is_shown(case):
    n_items, lists, k, _ = case
    shown = {item for listed in items_of(lists, k) for item in listed}
    assert catalogue_coverage(lists, k, n_items=n_items) == len(shown) / n_items


@given(cases())
def test_gini_is_the_mean_difference_of_two_items(case):
    n_items, lists, k, _ = case
    counts = [sum(item in listed for listed in items_of(lists, k)) for item in range(n_items)]
    if sum(counts) == 0:
        with pytest.raises(ParameterError, match="nothing is recommended to any row"):
            exposure_gini(lists, k, n_items=n_items)
        return
    differences = sum(abs(a - b) for a, b in itertools.product(counts, repeat=2))
    expected = differences / (2 * n_items * sum(counts))
    assert exposure_gini(lists, k, n_items=n_items) == pytest.approx(expected, abs=1e-12)


def test_gini_by_hand():
    assert exposure_gini([[0, 1], [2, 3]], 2, n_items=4) == 0
    assert exposure_gini([[2]] * 9, 1, n_items=4) == 1 - 1 / 4
    assert exposure_gini([[0]], 1, n_items=1) == 0
    # Shown 0, 1 and 2 times: differences 1, 2 and 1, each twice, over 2 * 3 items * 3 places.
    assert exposure_gini([[0, 1], [0, -1]], 2, n_items=3) == pytest.approx(8 / 18)


@given(cases())
def test_longer_lists_cover_no_less(case):
    n_items, lists, _, _ = case
    covered = [catalogue_coverage(lists, k, n_items=n_items) for k in range(1, lists.shape[1] + 1)]
    assert (np.diff(covered) >= 0).all()


# ---------------------------------------------------------------------------------------- diversity


@given(cases(), st.integers(0, 2**32 - 1))
def test_diversity_is_the_mean_over_all_pairs(case, seed):
    n_items, lists, k, _ = case
    similarity = np.random.default_rng(seed).uniform(-1, 1, (n_items, n_items))
    similarity[np.random.default_rng(seed).random((n_items, n_items)) < 0.3] = 0
    expected = []
    for listed in items_of(lists, k):
        pairs = [1 - (similarity[a, b] + similarity[b, a]) / 2 for a, b in itertools.combinations(listed, 2)]
        expected.append(np.mean(pairs) if pairs else math.nan)
    for kind in (np.array, csr_matrix, csr_array):
        per_row = intra_list_diversity(lists, kind(similarity), k, average=None)
        np.testing.assert_allclose(per_row, expected, rtol=1e-9, atol=1e-12)
    if not np.isnan(expected).all():
        assert intra_list_diversity(lists, similarity, k) == pytest.approx(np.nanmean(expected))


def test_diversity_at_its_ends():
    lists = [[0, 1, 2], [3, 1, -1], [2, -1, -1]]
    np.testing.assert_array_equal(intra_list_diversity(lists, np.ones((4, 4)), 3, average=None), [0, 0, np.nan])
    np.testing.assert_array_equal(intra_list_diversity(lists, np.eye(4), 3, average=None), [1, 1, np.nan])
    np.testing.assert_array_equal(intra_list_diversity(lists, np.eye(4) > 0, 3, average=None), [1, 1, np.nan])
    assert intra_list_diversity(lists, csr_matrix((4, 4)), 3) == 1
    assert intra_list_diversity([[0, 1]], 2 * np.eye(2) - 1, 2) == 2


# ---------------------------------------------------------------------------- novelty and popularity


@given(cases(), st.integers(0, 20))
def test_novelty_is_the_mean_self_information(case, others):
    _, lists, k, popularity = case
    n_customers = max(popularity, default=0) + others + 1
    expected = [
        np.mean([-math.log2(max(popularity[item], 1) / n_customers) for item in listed]) if listed else math.nan
        for listed in items_of(lists, k)
    ]
    per_row = novelty(lists, popularity, k, n_customers=n_customers, average=None)
    np.testing.assert_allclose(per_row, expected, rtol=1e-12, atol=1e-12)
    assert ((per_row >= 0) & (per_row <= math.log2(n_customers) + 1e-12) | np.isnan(per_row)).all()
    if any(items_of(lists, k)):
        assert novelty(lists, popularity, k, n_customers=n_customers) == pytest.approx(np.nanmean(expected))


@given(cases(), st.integers(0, 2**32 - 1))
def test_popularity_bias_compares_means_of_the_same_rows(case, seed):
    n_items, lists, k, popularity = case
    bought = np.random.default_rng(seed).integers(0, 3, (len(lists), n_items))
    of_lists, of_purchases = [], []
    for listed, row in zip(items_of(lists, k), bought, strict=True):
        if listed and row.any():
            of_lists.append(np.mean([popularity[item] for item in listed]))
            of_purchases.append(np.mean([popularity[item] for item in range(n_items) if row[item]]))
    if not sum(of_purchases):
        with pytest.raises(ParameterError, match="none of the .* rows has both a recommended item and a purchase"):
            popularity_bias(bought, lists, popularity, k)
        return
    expected = pytest.approx(np.mean(of_lists) / np.mean(of_purchases) - 1, abs=1e-12)
    assert popularity_bias(bought, lists, popularity, k) == expected
    assert popularity_bias(csr_matrix(bought), lists, np.array(popularity) / 100, k) == expected
    assert popularity_bias(ItemTargets(csr_matrix(bought), np.arange(n_items)), lists, popularity, k) == expected


def test_recommending_what_is_bought_has_no_bias():
    bought = np.eye(5)[[0, 3, 4]]
    assert popularity_bias(bought, [[0], [3], [4]], [9, 1, 1, 5, 2], 1) == 0
    assert popularity_bias(bought, [[0], [0], [0]], [9, 1, 1, 5, 2], 1) == pytest.approx(27 / 16 - 1)


def test_popularity_bias_has_an_interval():
    rng = np.random.default_rng(0)
    bought = csr_matrix((rng.random((200, 30)) < 0.1).astype(int))
    lists = np.array([rng.permutation(30)[:5] for _ in range(200)])
    popularity = np.asarray(bought.sum(axis=0)).ravel()
    found = estimate(lambda y, r: popularity_bias(y, r, popularity, 5), bought, lists, random_state=0)
    assert found.low < found.value < found.high
    assert found.high - found.low < 0.1


# ----------------------------------------------------------------------------------- errors, manners


LISTS = [[0, 1, 2], [3, -1, -1]]
CALLS = {
    "catalogue_coverage": lambda lists, k: catalogue_coverage(lists, k, n_items=4),
    "exposure_gini": lambda lists, k: exposure_gini(lists, k, n_items=4),
    "intra_list_diversity": lambda lists, k: intra_list_diversity(lists, np.eye(4), k),
    "novelty": lambda lists, k: novelty(lists, [3, 2, 1, 0], k, n_customers=3),
    "popularity_bias": lambda lists, k: popularity_bias(np.eye(4)[:2], lists, [3, 2, 1, 0], k),
}


@pytest.mark.parametrize("name", CALLS)
def test_lists_are_checked(name):
    for lists, k, message in [
        (LISTS, 4, "Got k=4 and 3 places instead."),
        (LISTS, 0, "'k' parameter of {} must be an int in the range [1, inf)"),
        ([[0, 4, 1], [0, 1, 2]], 3, "'recommended' parameter of {} must hold column numbers from 0 to 3"),
        ([[0, 1, 1], [0, 1, 2]], 3, "'recommended' parameter of {} must not name an item twice in a row"),
        ([0, 1], 1, "'recommended' parameter of {} must be an array (rows, places)"),
    ]:
        with pytest.raises(ParameterError) as caught:
            CALLS[name](lists, k)
        assert message.format(name) in str(caught.value)


@pytest.mark.parametrize("name", CALLS)
def test_nothing_is_changed(name):
    lists = np.array(LISTS)
    lists.setflags(write=False)
    CALLS[name](lists, 3)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (
            lambda: catalogue_coverage(LISTS, 3, n_items=0),
            "'n_items' parameter of catalogue_coverage must be an int in",
        ),
        (lambda: intra_list_diversity(LISTS, np.eye(4)[:3], 3), "must be square, a row and a column for each item"),
        (lambda: intra_list_diversity(LISTS, np.ones(4), 3), "must be a matrix (n_items, n_items) of numbers"),
        (lambda: intra_list_diversity(LISTS, 7 * np.eye(4), 3), "must lie between -1 and 1. Got values from 7 to 7"),
        (lambda: intra_list_diversity(LISTS, np.full((4, 4), np.nan), 3), "has missing or infinite values"),
        (lambda: intra_list_diversity(LISTS, np.eye(4), 1), "none of the 2 rows has two items in its list"),
        (lambda: intra_list_diversity(LISTS, np.eye(4), 3, average="x"), "'average' parameter of intra_list_diversity"),
        (lambda: novelty(LISTS, [1, 1, 1, -1], 3, n_customers=9), "must not be negative. Got -1 for item 3 instead."),
        (lambda: novelty(LISTS, [1, 9, 1, 1], 3, n_customers=8), "must count customers, of which there are 8. Got 9"),
        (lambda: novelty(LISTS, [1, np.nan, 1, 1], 3, n_customers=8), "missing or infinite"),
        (lambda: novelty(LISTS, [1, 1, 1, 1], 3, n_customers=0), "'n_customers' parameter of novelty must be an int"),
        (lambda: novelty([[-1]], [1], 1, n_customers=2), "none of the 1 rows has a recommended item"),
        (
            lambda: popularity_bias(np.eye(4)[:2], LISTS, [1, 1], 3),
            "'popularity' parameter of popularity_bias must be of",
        ),
        (
            lambda: popularity_bias(np.eye(4), LISTS, [1] * 4, 3),
            "'bought' parameter of popularity_bias must have the 2",
        ),
        (
            lambda: popularity_bias(-np.eye(4)[:2], LISTS, [1] * 4, 3),
            "'bought' parameter of popularity_bias must not be",
        ),
    ],
)
def test_what_is_refused(call, message):
    with pytest.raises(ParameterError) as caught:
        call()
    assert message in str(caught.value)
