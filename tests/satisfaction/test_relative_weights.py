"""Relative weights against published ones, and against a solve column by column."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.linalg import sqrtm

from crmkit.satisfaction._relative_weights import relative_weights

GOLDEN = json.loads((Path(__file__).parents[1] / "golden" / "satisfaction.json").read_text())["drivers"]


def correlations(seed, p, n=30):
    rng = np.random.default_rng(seed)
    C = np.corrcoef(rng.normal(size=(n, p + 1)) @ rng.normal(size=(p + 1, p + 1)), rowvar=False)
    return C[1:, 1:], C[0, 1:]


def naive(R, r):
    root = np.real(sqrtm(R))
    beta = np.linalg.solve(root, r)
    return np.array([sum(root[j, k] ** 2 * beta[k] ** 2 for k in range(len(r))) for j in range(len(r))])


def test_published_matrix():
    case = GOLDEN["bank_of_seven"]
    C = np.array(case["correlations"])
    found = relative_weights(C[1:, 1:], C[0, 1:])
    np.testing.assert_allclose(found, case["johnson"], rtol=0, atol=5e-9)
    assert found.sum() == pytest.approx(case["r2"], abs=5e-9)


@given(st.integers(0, 10**6), st.integers(1, 8))
def test_definition(seed, p):
    R, r = correlations(seed, p)
    found = relative_weights(R, r)
    np.testing.assert_allclose(found, naive(R, r), rtol=1e-7, atol=1e-9)
    assert (found >= 0).all()
    assert found.sum() == pytest.approx(r @ np.linalg.solve(R, r), rel=1e-9)


def test_many_problems_at_once():
    problems = [correlations(seed, 4) for seed in range(6)]
    R, r = (np.array(part) for part in zip(*problems, strict=True))
    np.testing.assert_allclose(relative_weights(R, r), [relative_weights(*one) for one in problems], rtol=1e-12)


def test_uncorrelated_predictors_have_their_squared_correlations():
    np.testing.assert_allclose(relative_weights(np.eye(3), np.array([0.5, -0.3, 0.0])), [0.25, 0.09, 0.0], atol=1e-15)


def test_equal_predictors_share():
    R, r = correlations(0, 3)
    twice = [0, 0, 1, 2]
    alone, shared = relative_weights(R, r), relative_weights(R[np.ix_(twice, twice)], r[twice])
    assert shared[0] == pytest.approx(shared[1], rel=1e-6)
    assert shared.sum() == pytest.approx(alone.sum(), rel=1e-9)
