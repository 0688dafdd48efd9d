"""One factor by minimum residuals: against a general minimiser, and against matrices whose loadings are known."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import minimize

from crmkit.exceptions import CrmkitWarning
from crmkit.satisfaction._one_factor import one_factor, smc


def correlations_of(loadings):
    matrix = np.outer(loadings, loadings)
    np.fill_diagonal(matrix, 1.0)
    return matrix


def residuals(loadings, matrix):
    left = matrix - np.outer(loadings, loadings)
    return (left[np.triu_indices(len(matrix), 1)] ** 2).sum()


def by_minimiser(matrix):
    """The least residuals from several starts, within the bounds."""
    rng = np.random.default_rng(0)
    starts = [*rng.uniform(-1.0, 1.0, size=(4, len(matrix))), np.full(len(matrix), 0.5)]
    bounds = [(-1.0, 1.0)] * len(matrix)
    found = [minimize(residuals, start, matrix, bounds=bounds, options={"ftol": 1e-15}) for start in starts]
    best = min(found, key=lambda one: one.fun).x
    return best if best.sum() >= 0 else -best


def sample(seed, k, n=100):
    """Correlations of answers with one factor."""
    rng = np.random.default_rng(seed)
    weights = rng.uniform(0.6, 1.5, size=k) * np.where(rng.random(k) < 0.2, -1.0, 1.0)
    return np.corrcoef(rng.normal(size=(n, 1)) * weights + rng.normal(size=(n, k)), rowvar=False)


@given(st.lists(st.floats(0.1, 0.99), min_size=3, max_size=12))
def test_known_loadings_come_back(loadings):
    # Where only two are large, many others leave nearly the same residuals.
    assert one_factor(correlations_of(np.array(loadings))) == pytest.approx(np.array(loadings), abs=1e-6)


@settings(max_examples=12)
@given(st.integers(0, 10**6), st.integers(3, 6))
def test_no_loadings_leave_less(seed, k):
    matrix = sample(seed, k)
    found = one_factor(matrix)
    assert found.sum() >= 0.0
    assert np.abs(found).max() <= 1.0
    assert residuals(found, matrix) <= residuals(by_minimiser(matrix), matrix) + 1e-7


@pytest.mark.filterwarnings("ignore:.*too little")
@pytest.mark.parametrize("seed", [82, 87, 139, 140])  # where the first principal component leads to another
def test_weak_factors_end_at_the_least_of_several_minima(seed):
    rng = np.random.default_rng(seed)
    answers = 0.4 * rng.normal(size=(12, 1)) + rng.normal(size=(12, 3 + seed % 3))
    matrix = np.corrcoef(answers, rowvar=False)
    assert residuals(one_factor(matrix), matrix) <= residuals(by_minimiser(matrix), matrix) + 1e-6


def test_strong_factor_as_the_minimiser_finds_it():
    rng = np.random.default_rng(3)
    answers = rng.normal(size=(200, 1)) * [0.5, 0.9, 1.2, 1.5, -1.0] + rng.normal(size=(200, 5))
    matrix = np.corrcoef(answers, rowvar=False)
    assert one_factor(matrix) == pytest.approx(by_minimiser(matrix), abs=1e-5)


def test_turned_question_has_a_turned_loading():
    assert one_factor(correlations_of(np.array([0.8, 0.7, -0.6, 0.5]))) == pytest.approx([0.8, 0.7, -0.6, 0.5])


def test_heywood_case_ends_at_one():
    matrix = np.array([[1.0, 0.9, 0.8], [0.9, 1.0, 0.5], [0.8, 0.5, 1.0]])  # 0.9 * 0.8 / 0.5 = 1.2**2
    found = one_factor(matrix)
    assert found[0] == 1.0
    assert found == pytest.approx(by_minimiser(matrix), abs=1e-5)


def test_two_questions_share_what_they_have():
    assert one_factor([[1.0, 0.49], [0.49, 1.0]]) == pytest.approx([0.7, 0.7])
    assert one_factor([[1.0, -0.49], [-0.49, 1.0]]) == pytest.approx([0.7, -0.7])
    assert one_factor(np.eye(2)).tolist() == [0.0, 0.0]


def test_unrelated_questions_have_no_factor():
    assert one_factor(np.eye(4)) == pytest.approx(np.zeros(4))


@pytest.mark.parametrize("k", [2, 5])
def test_stack_is_one_after_the_other(k):
    matrices = np.stack([sample(seed, k, n=300) for seed in range(6)])
    assert one_factor(matrices) == pytest.approx(np.stack([one_factor(one) for one in matrices]), abs=1e-6)
    assert smc(matrices) == pytest.approx(np.stack([smc(one) for one in matrices]))


def test_start_changes_nothing_but_the_way():
    matrix = sample(5, 6, n=300)
    assert one_factor(matrix, one_factor(sample(6, 6))) == pytest.approx(one_factor(matrix), abs=1e-5)


@given(st.integers(0, 10**6), st.integers(2, 8))
def test_smc_is_r_squared_of_a_regression(seed, k):
    answers = np.random.default_rng(seed).normal(size=(40, k)) @ np.random.default_rng(seed + 1).normal(size=(k, k))
    answers -= answers.mean(axis=0)
    expected = []
    for j in range(k):
        others = np.delete(answers, j, axis=1)
        left = answers[:, j] - others @ np.linalg.lstsq(others, answers[:, j], rcond=None)[0]
        expected.append(1.0 - (left**2).sum() / (answers[:, j] ** 2).sum())
    assert smc(np.corrcoef(answers, rowvar=False)) == pytest.approx(expected, abs=1e-6)


def test_loadings_that_keep_moving_are_said():
    matrix = np.eye(3)
    matrix[np.triu_indices(3, 1)] = matrix[np.tril_indices(3, -1)] = [-0.00042786, -0.03673393, 0.00510896]
    with pytest.warns(CrmkitWarning, match="too little in common"):
        one_factor(matrix)


def test_smc_of_copies_is_one():
    matrix = np.array([[1.0, 1.0, 0.5], [1.0, 1.0, 0.5], [0.5, 0.5, 1.0]])
    assert smc(matrix) == pytest.approx([1.0, 1.0, 0.25])
    # No answers have these correlations, but pairs of different respondents may.
    assert smc([[1.0, 0.9, -0.9], [0.9, 1.0, 0.9], [-0.9, 0.9, 1.0]]) == pytest.approx([1.0, 1.0, 1.0])
