"""Firth's logistic and linear regression against naive oracles."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from scipy.optimize import minimize
from scipy.special import expit

from crmkit.exceptions import CrmkitWarning
from crmkit.satisfaction import _linear
from crmkit.satisfaction._linear import FirthLogistic, LeastSquares, independent


def made(n=80, p=3, seed=0):
    rng = np.random.default_rng(seed)
    M = rng.normal(size=(n, p))
    return M, (rng.random(n) < expit(M @ np.arange(1, p + 1) / p - 0.3)).astype(int)


def naive_firth(M, y, weight):
    """The likelihood times the root of the determinant of the information, climbed without derivatives of ours."""
    table = np.column_stack([np.ones(len(M)), M])

    def loss(beta):
        p = expit(table @ beta)
        information = (table.T * (weight * p * (1 - p))) @ table
        return -(weight @ np.log(np.where(y == 1, p, 1 - p)) + np.log(np.linalg.det(information)) / 2)

    return minimize(loss, np.zeros(table.shape[1]), method="BFGS", options={"gtol": 1e-9}).x


@pytest.mark.parametrize("seed", range(4))
def test_firth_is_the_penalised_maximum(seed):
    M, y = made(seed=seed)
    weight = np.random.default_rng(seed).integers(1, 4, len(M)).astype(float)
    model = FirthLogistic().fit(M, y, weight)
    np.testing.assert_allclose(model.coef_, naive_firth(M, y, weight)[1:], rtol=2e-5, atol=2e-6)
    assert np.average(model.predict_proba(M)[:, 1], weights=weight) == pytest.approx(np.average(y, weights=weight))


@given(st.lists(st.integers(0, 12), min_size=4, max_size=4).filter(lambda n: n[0] + n[1] > 0 < n[2] + n[3]))
@example([1, 0, 0, 2])
@settings(max_examples=30)
def test_a_table_of_two_by_two_gains_half_a_customer_in_each_cell(counts):
    a, b, c, d = counts
    if a + c == 0 or b + d == 0:
        return
    M = np.repeat([[1.0], [1.0], [0.0], [0.0]], counts, axis=0)
    y = np.repeat([1, 0, 1, 0], counts)
    expected = np.log((a + 0.5) * (d + 0.5) / ((b + 0.5) * (c + 0.5)))
    assert FirthLogistic().fit(M, y).coef_[0] == pytest.approx(expected, abs=1e-6)


def test_covariance_of_the_model_and_of_repeated_customers():
    M, y = made(400)
    model = FirthLogistic().fit(M, y)
    p = model.predict_proba(M)[:, 1]
    table = np.column_stack([np.ones(len(M)), M])
    information = np.linalg.inv((table.T * (p * (1 - p))) @ table)
    np.testing.assert_allclose(model.covariance(M, y, None, None), information[1:, 1:], rtol=1e-8)
    # Each row given twice is one customer with two rows: the errors are those of one row each.
    groups = np.tile(np.arange(400), 2)
    twice = FirthLogistic().fit(np.vstack([M, M]), np.tile(y, 2))
    clustered = twice.covariance(np.vstack([M, M]), np.tile(y, 2), None, groups)
    robust = model.covariance(M, y, np.ones(400), None)
    np.testing.assert_allclose(np.diag(clustered), np.diag(robust), rtol=0.04)
    np.testing.assert_allclose(np.diag(robust), np.diag(information)[1:], rtol=0.35)


def test_least_squares_and_its_errors():
    M, _ = made(60)
    weight = np.random.default_rng(1).random(60) + 0.1
    y = M @ [1.0, -2.0, 0.5] + 3 + np.random.default_rng(2).normal(size=60) * (1 + np.abs(M[:, 0]))
    model = LeastSquares().fit(M, y, weight)
    table, root = np.column_stack([np.ones(60), M]), np.sqrt(weight)
    beta = np.linalg.lstsq(table * root[:, None], y * root, rcond=None)[0]
    np.testing.assert_allclose([model.intercept_, *model.coef_], beta, rtol=1e-10)
    plain = LeastSquares().fit(M, y)
    table = np.column_stack([np.ones(60), M])
    bread = np.linalg.inv(table.T @ table)
    error = y - plain.predict(M)
    hc3 = sum((e / (1 - row @ bread @ row)) ** 2 * np.outer(row, row) for row, e in zip(table, error, strict=True))
    np.testing.assert_allclose(plain.covariance(M, y, None, None), (bread @ hc3 @ bread)[1:, 1:], rtol=1e-9)


def test_nearly_equal_columns_keep_their_digits():
    rng = np.random.default_rng(0)
    a = rng.normal(size=200)
    M = np.column_stack([a, a + 1e-3 * rng.normal(size=200)])
    model = LeastSquares().fit(M, M @ [2.0, -1.0])
    np.testing.assert_allclose(model.coef_, [2, -1], rtol=1e-8)


def test_a_combination_of_others_has_no_effect():
    M, y = made()
    wide = np.column_stack([M, M[:, 0] - M[:, 2], np.ones(len(M))])
    gram = (wide - wide.mean(axis=0)).T @ (wide - wide.mean(axis=0))
    assert independent(gram).tolist() == [True, True, True, False, False]
    for model in (FirthLogistic(), LeastSquares()):
        model.fit(wide, y)
        assert model.coef_[3:].tolist() == [0, 0]
        np.testing.assert_allclose(model.coef_[:3], type(model)().fit(M, y).coef_, rtol=1e-6)


def test_satisfied_customers_alone_in_a_level_give_finite_odds():
    M = np.repeat([[0.0], [1.0]], 20, axis=0)
    y = np.concatenate([np.arange(20) % 2, np.ones(20, dtype=int)])
    assert 1 < FirthLogistic().fit(M, y).coef_[0] < 10


@pytest.mark.parametrize("seed", range(12))
def test_it_converges_where_classes_are_foretold(seed):
    rng = np.random.default_rng(seed)
    if seed % 3 == 0:
        M, y = rng.normal(size=(40, 3)), rng.permutation(np.arange(40) % 2)
        M[:, 0] = y + 0.1 * M[:, 0]
    elif seed % 3 == 1:
        M = rng.integers(1, 6, size=(60, 3)).astype(float)
        y = (M[:, 0] > 2).astype(int)
    else:
        M, y = np.eye(80)[:, :1], rng.integers(0, 2, 80)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        model = FirthLogistic().fit(M, y)
    expected = naive_firth(M, y, np.ones(len(M)))[1:]
    np.testing.assert_allclose(model.coef_, expected, rtol=2e-3, atol=2e-4)


def test_a_fit_that_did_not_converge_says_so(monkeypatch):
    monkeypatch.setattr(_linear, "_MOST_STEPS", 1)
    M, y = made()
    with pytest.warns(CrmkitWarning, match="did not converge in 1 steps"):
        FirthLogistic().fit(M, y)


@pytest.mark.parametrize("learner", [FirthLogistic, LeastSquares])
def test_intervals_hold_the_truth(learner):
    rng, hits = np.random.default_rng(0), 0
    truth = np.array([0.8, -0.5])
    for _ in range(300):
        M = rng.normal(size=(150, 2))
        eta = M @ truth
        logistic = learner is FirthLogistic
        y = (rng.random(150) < expit(eta)).astype(int) if logistic else eta + rng.normal(size=150) * (1 + abs(eta))
        model = learner().fit(M, y)
        error = np.sqrt(np.diag(model.covariance(M, y, None, None)))
        hits += (np.abs(model.coef_ - truth) < 1.96 * error).sum()
    assert 0.925 < hits / 600 < 0.975
