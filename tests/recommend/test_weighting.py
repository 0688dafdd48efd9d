"""Weights of interactions, against their definitions cell by cell."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.sparse import csr_matrix

from crmkit.recommend._weighting import inverse_frequency, weighted


def by_definition(dense, weighting):
    n_customers, n_items = dense.shape
    lengths = [float(dense[:, item].sum()) for item in range(n_items)]
    mean = sum(lengths) / n_items
    found = np.zeros(dense.shape)
    for customer in range(n_customers):
        taken = sum(1 for value in dense[customer] if value != 0)
        for item in range(n_items):
            value = float(dense[customer, item])
            if value == 0:
                continue
            if weighting == "bm25":
                value = value * (1.2 + 1) / (value + 1.2 * (1 - 0.75 + 0.75 * lengths[item] / mean))
            found[customer, item] = value * math.log(n_items / taken)
    return found


@pytest.mark.parametrize("weighting", ["idf", "bm25"])
@given(seed=st.integers(0, 10_000), density=st.sampled_from([0.1, 0.5, 1.0]), binary=st.booleans())
def test_weights(weighting, seed, density, binary):
    rng = np.random.default_rng(seed)
    dense = rng.integers(1, 6, (5, 7)) * (rng.random((5, 7)) < density)
    dense = (dense > 0).astype(np.int8) if binary else dense.astype(float)
    matrix = csr_matrix(dense)
    found = weighted(matrix, weighting)
    expected = by_definition(dense, weighting)
    np.testing.assert_allclose(found.toarray(), expected, rtol=1e-13)
    assert found.dtype == np.float64
    assert found.nnz == np.count_nonzero(expected)  # who takes everything has the weight 0
    np.testing.assert_array_equal(matrix.toarray(), dense)


def test_no_weighting_gives_the_matrix_itself():
    matrix = csr_matrix(np.eye(3, dtype=np.int8))
    assert weighted(matrix, None) is matrix


def test_inverse_frequency():
    matrix = csr_matrix(np.array([[1, 1, 1, 1], [1, 1, 0, 0], [0, 0, 0, 0], [0, 5, 0, 0]], dtype=float))
    assert inverse_frequency(matrix).tolist() == [0.0, math.log(2), 0.0, math.log(4)]


def test_bm25_damps_large_values_and_popular_items():
    dense = np.array([[1.0, 1.0, 0.0], [100.0, 0.0, 0.0], [1.0, 0.0, 1.0]])
    found = weighted(csr_matrix(dense), "bm25").toarray() / np.log([[3 / 2], [3], [3 / 2]])
    assert found[1, 0] < 2.2 * found[0, 0] * 100 / 10
    assert found[0, 1] > found[0, 0]
    assert (found <= 2.2).all()


@pytest.mark.parametrize("weighting", ["idf", "bm25"])
@pytest.mark.parametrize("size", [1e-200, 1e-40, 1e40, 1e150, 1e307])
def test_values_of_any_size_stay_numbers(weighting, size):
    matrix = csr_matrix(np.array([[1.0, 1.0, 0.0], [1.0, 0.0, 0.0], [0.5, 0.0, 1.0]]) * size)
    with np.errstate(all="raise"):
        found = weighted(matrix, weighting)
    assert found.nnz == matrix.nnz
    assert (found.data > 0).all()
    assert np.isfinite(found.data).all()


@pytest.mark.parametrize("weighting", [None, "idf", "bm25"])
def test_nothing_to_weight(weighting):
    assert weighted(csr_matrix((3, 4)), weighting).nnz == 0
