"""R² of all subsets at once, against one least-squares fit for each; logistic fits against scikit-learn's."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.linear_model import LogisticRegression

from crmkit.satisfaction._subsets_kernels import fit_logistic, shapley_shares, sweep_first


def rows_of(seed, c, n=40):
    rng = np.random.default_rng(seed)
    return rng.normal(size=(n, c + 1)) @ rng.normal(size=(c + 1, c + 1))


def r2_of(Z, columns):
    """R² of the last column by some others, from the rows."""
    y = Z[:, -1] - Z[:, -1].mean()
    X = Z[:, columns] - Z[:, columns].mean(axis=0)
    residual = y - X @ np.linalg.lstsq(X, y, rcond=None)[0] if len(columns) else y
    return 1 - (residual @ residual) / (y @ y)


def naive_shapley(worth, q):
    """The mean gain of each player, over sizes and then over subsets."""
    shares = np.zeros(q)
    for player in range(q):
        others = [other for other in range(q) if other != player]
        for size in range(q):
            gains = [worth({*some, player}) - worth(set(some)) for some in itertools.combinations(others, size)]
            shares[player] += np.mean(gains) / q
    return shares


def naive(Z, first):
    def worth(players):
        key = frozenset(players)
        if key not in known:
            known[key] = r2_of(Z, [j for player in sorted(key) for j in range(first[player], first[player + 1])])
        return known[key]

    known = {}
    return naive_shapley(worth, len(first) - 1)


def shares_of(C, first):
    found = np.empty((1, len(first) - 1))
    shapley_shares(0, 1, C[None], np.asarray(first), found)
    return found[0]


# Up to six players stand in lanes, the others in the tree; the last one is a leaf only where it has one column.
@pytest.mark.parametrize(
    "sizes",
    [[1], [3], [1, 1], [2, 1, 3], [1] * 6, [1] * 7, [1] * 8, [1] * 6 + [3], [2, 1, 1, 1, 1, 1, 2, 1], [1] * 7 + [2, 2]],
)
def test_shares(sizes):
    first = np.cumsum([0, *sizes])
    Z = rows_of(sum(sizes), first[-1])
    np.testing.assert_allclose(shares_of(np.corrcoef(Z.T), first), naive(Z, first), rtol=1e-8, atol=1e-10)


@given(st.integers(0, 10**6), st.lists(st.integers(1, 2), min_size=1, max_size=9))
def test_shares_sum_to_r2_in_any_order_of_players(seed, sizes):
    first = np.cumsum([0, *sizes])
    Z = rows_of(seed, first[-1])
    C = np.corrcoef(Z.T)
    found = shares_of(C, first)
    assert found.sum() == pytest.approx(r2_of(Z, list(range(first[-1]))), abs=1e-9)
    assert (found > -1e-12).all()
    order = np.random.default_rng(seed).permutation(len(sizes))
    columns = [j for player in order for j in range(first[player], first[player + 1])] + [first[-1]]
    moved = shares_of(C[np.ix_(columns, columns)], np.cumsum([0, *(sizes[player] for player in order)]))
    np.testing.assert_allclose(moved, found[order], rtol=1e-9, atol=1e-12)


def test_players_without_a_part_and_equal_ones():
    C = np.eye(10)
    C[0, 9] = C[9, 0] = 0.6  # eight that explain nothing
    np.testing.assert_allclose(shares_of(C, np.arange(10)), [0.36, *[0.0] * 8], atol=1e-15)
    R = np.corrcoef(rows_of(1, 7).T)
    twice = [0, 0, *range(1, 8)]
    found = shares_of(R[np.ix_(twice, twice)], np.arange(9))
    assert found[0] == pytest.approx(found[1], rel=1e-9)
    assert found.sum() == pytest.approx(shares_of(R, np.arange(8)).sum(), rel=1e-9)


def test_compiled_as_written():
    C = np.corrcoef(rows_of(3, 8).T)
    first, plain = np.arange(9), np.empty((2, 8))
    shapley_shares.py_func(0, 2, np.array([C, C]), first, plain)
    np.testing.assert_allclose(plain, [shares_of(C, first)] * 2, rtol=1e-12)


def test_many_matrices_in_ranges():
    matrices = np.array([np.corrcoef(rows_of(seed, 9).T) for seed in range(5)])
    first, found = np.arange(10), np.zeros((5, 9))
    shapley_shares(1, 3, matrices, first, found)
    shapley_shares(3, 5, matrices, first, found)
    assert (found[0] == 0).all()
    for k in range(1, 5):
        assert found[k].tolist() == shares_of(matrices[k], first).tolist()


def test_swept():
    Z = rows_of(2, 5)
    C = np.corrcoef(Z.T)
    left = C[None].copy()
    gains = sweep_first(left, 3)[0]
    np.testing.assert_allclose(gains.cumsum(), [r2_of(Z, list(range(k))) for k in (1, 2, 3)], rtol=1e-9)
    rest = C[3:, 3:] - C[3:, :3] @ np.linalg.solve(C[:3, :3], C[:3, 3:])
    np.testing.assert_allclose(np.triu(left[0, 3:, 3:]), np.triu(rest), atol=1e-12)


# -- logistic ---------------------------------------------------------------------------------


def logistic_case(seed=0, n=300, c=4):
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(c, n)) + rng.normal(size=n)
    y = (rng.random(n) < 1 / (1 + np.exp(-X.sum(axis=0) / 2 + 1))).astype(np.float64)
    return np.vstack([np.ones(n), X]), y, rng.integers(1, 4, size=n).astype(np.float64)


def fit(X, y, weight, members, parents, tolerance=1e-14, influence=None, credit=None, kernel=fit_logistic):
    m = len(members)
    coefficients, found = np.empty(members.shape), np.empty(m)
    credit = np.zeros((m, 0)) if credit is None else credit
    influence = np.zeros((1, 0, len(y))) if influence is None else influence
    edges, parents = np.array([0, m]), np.asarray(parents)
    kernel(0, 1, edges, X, y, weight, members, parents, credit, coefficients, found, influence, tolerance)
    return found, coefficients


def likelihoods(X, y, beta):
    eta = beta @ X
    return y * eta - np.logaddexp(0.0, eta)


def test_logistic_fits():
    X, y, weight = logistic_case()
    members = np.array([[True, *(bool(k >> j & 1) for j in range(4))] for k in range(16)])
    found, coefficients = fit(X, y, weight, members, [k & (k - 1) if k else -1 for k in range(16)])
    for k in range(1, 16):
        model = LogisticRegression(C=np.inf, tol=1e-10, max_iter=1000).fit(X[members[k]][1:].T, y, sample_weight=weight)
        np.testing.assert_allclose(coefficients[k, members[k]][1:], model.coef_[0], atol=1e-4)
        assert (coefficients[k, ~members[k]] == 0).all()
        # At the top the slope is 0, and the value that of the coefficients.
        p = 1 / (1 + np.exp(-coefficients[k] @ X))
        np.testing.assert_allclose(X[members[k]] @ (weight * (y - p)), 0, atol=1e-5)
        assert found[k] == pytest.approx(weight @ likelihoods(X, y, coefficients[k]), rel=1e-12)
    share = np.average(y, weights=weight)
    null = weight.sum() * (share * math.log(share) + (1 - share) * math.log(1 - share))
    assert found[0] == pytest.approx(null, rel=1e-12)


def test_a_loose_last_step_loses_little():
    X, y, weight = logistic_case(1)
    members = np.ones((1, 5), bool)
    tight, loose = (fit(X, y, weight, members, [-1], tolerance)[0][0] for tolerance in (1e-14, 1e-6))
    assert loose == pytest.approx(tight, rel=1e-8)


def test_influence_is_the_likelihood_of_each_row():
    X, y, weight = logistic_case(2)
    credit, influence = np.array([[1.0, -2.0], [0.5, 0.0]]), np.zeros((1, 2, len(y)))
    members = np.array([[True] * 5, [True] * 3 + [False] * 2])
    _, coefficients = fit(X, y, weight, members, [-1, -1], influence=influence, credit=credit)
    rows = np.array([likelihoods(X, y, beta) for beta in coefficients])
    np.testing.assert_allclose(influence[0], credit.T @ rows, atol=1e-6)


def test_logistic_extremes():
    X, y, weight = logistic_case(3)
    start = np.ones((2, 5), bool)
    # Classes that a column tells apart: the likelihood goes to 0, and fitting ends.
    apart = X.copy()
    apart[1] = y + 0.01 * X[1]
    assert fit(apart, y, weight, start[:1], [-1])[0][0] == pytest.approx(0.0, abs=1e-6)
    # A column that others sum to has nothing to add.
    summed = X.copy()
    summed[4] = X[1] + X[2]
    alone = fit(X[:4], y, weight, start[:1, :4], [-1])[0][0]
    assert fit(summed, y, weight, start[:1], [-1])[0][0] == pytest.approx(alone, rel=1e-10)
    # Far too large a column.
    huge = X.copy()
    huge[2] *= 1e6
    assert fit(huge, y, weight, start[:1], [-1])[0][0] == pytest.approx(fit(X, y, weight, start[:1], [-1])[0][0])


def test_logistic_compiled_as_written():
    X, y, weight = logistic_case(4, n=30)
    members, parents = np.array([[True] * 2 + [False] * 3, [True] * 5]), [-1, 0]
    plain, compiled = (fit(X, y, weight, members, parents, kernel=k) for k in (fit_logistic.py_func, fit_logistic))
    np.testing.assert_allclose(plain[0], compiled[0], rtol=1e-12)
    np.testing.assert_allclose(plain[1], compiled[1], rtol=1e-6, atol=1e-9)
