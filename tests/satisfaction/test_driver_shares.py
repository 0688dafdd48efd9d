"""Shares along orders, of logistic models, and what their errors and intervals are worth."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from scipy.optimize import minimize

from crmkit.satisfaction import DriverAnalysis, _driver_shares, _drivers
from crmkit.satisfaction._driver_shares import _all_subsets, _along_orders


def correlated(rng, n, p):
    return rng.normal(size=(n, p)) @ rng.normal(size=(p, p)) + rng.normal(size=(n, 1))


def naive_mcfadden(X, y, weight):
    """McFadden's R² of every subset of the columns, by a general optimiser."""

    def loss(beta, Z):
        eta = Z @ beta
        return -(weight * (y * eta - np.logaddexp(0, eta))).sum()

    def best(columns):
        Z = np.column_stack([np.ones(len(X)), X[:, columns]])
        slope = lambda beta, Z: -Z.T @ (weight * (y - 1 / (1 + np.exp(-Z @ beta))))  # noqa: E731  as short as it is
        return minimize(loss, np.zeros(Z.shape[1]), (Z,), jac=slope, options={"gtol": 1e-9}).fun

    null = best([])
    return {
        frozenset(some): 1 - best(list(some)) / null
        for size in range(X.shape[1] + 1)
        for some in itertools.combinations(range(X.shape[1]), size)
    }


def shapley(worth, players):
    """Mean over all orders of the gain of each player, a list of columns; the controls are always in."""
    orders = list(itertools.permutations(range(len(players))))
    shares = np.zeros(len(players))
    for order in orders:
        seen = frozenset(worth["controls"])
        for player in order:
            more = seen | set(players[player])
            shares[player] += (worth[more] - worth[seen]) / len(orders)
            seen = more
    return shares


def logistic_case(seed=0, n=150, p=5):
    rng = np.random.default_rng(seed)
    X = correlated(rng, n, p)
    X /= X.std(axis=0)
    y = (rng.random(n) < 1 / (1 + np.exp(-X.sum(axis=1) / 3))).astype(int)
    return X, y, rng.integers(1, 4, size=n)


def test_logistic_shares():
    X, y, weight = logistic_case()
    worth = {**naive_mcfadden(X, y, weight), "controls": []}
    model = DriverAnalysis(model="logistic", n_resamples=0).fit(X, y, sample_weight=weight)
    np.testing.assert_allclose(model.importances_, shapley(worth, [[j] for j in range(5)]), atol=1e-7)
    assert model.r2_ == pytest.approx(worth[frozenset(range(5))], abs=1e-8)
    options = {"groups": {"pair": [1, 4]}, "controls": [2]}
    model = DriverAnalysis(model="logistic", n_resamples=0, **options).fit(X, y, sample_weight=weight)
    worth["controls"] = [2]
    np.testing.assert_allclose(model.importances_, shapley(worth, [[0], [1, 4], [3]]), atol=1e-7)
    assert model.driver_names_ == ["x0", "pair", "x3"]
    assert model.r2_controls_ == pytest.approx(worth[frozenset([2])], abs=1e-8)
    assert model.importances_.sum() == pytest.approx(model.r2_ - model.r2_controls_, abs=1e-8)


def test_logistic_relative_weights():
    X, y, _ = logistic_case(1)
    model = DriverAnalysis("johnson", "logistic", n_resamples=0).fit(X, y)
    Z = (X - X.mean(axis=0)) / X.std(axis=0)
    # The nearest orthonormal columns are those of the polar decomposition.
    left, _, right = np.linalg.svd(Z / math.sqrt(len(Z)), full_matrices=False)
    kin = left @ right * math.sqrt(len(Z))
    to_own = kin.T @ Z / len(Z)
    beta = DriverAnalysis("johnson", "logistic", n_resamples=0).fit(kin, y).coefficients_
    expected = (to_own.T**2 @ beta**2) / (beta @ beta) * model.r2_
    np.testing.assert_allclose(model.importances_, expected, rtol=1e-6)
    # Uncorrelated columns with uncorrelated controls have what they have without.
    alone = DriverAnalysis("johnson", "logistic", n_resamples=0, controls=[0]).fit(kin, y)
    share = beta[1:] ** 2 / (beta[1:] @ beta[1:])
    np.testing.assert_allclose(alone.importances_, share * (alone.r2_ - alone.r2_controls_), rtol=1e-6)


def test_plans_of_logistic_fits():
    for q in (1, 2, 3, 5):
        plan = _all_subsets(q)
        worth = np.random.default_rng(q).normal(size=1 << q)
        table = {frozenset(np.flatnonzero(players)): value for players, value in zip(plan.players, worth, strict=True)}
        expected = shapley({**table, "controls": []}, [[j] for j in range(q)])
        np.testing.assert_allclose(plan.credit.T @ worth, expected, atol=1e-12)
        every = _along_orders(np.array(list(itertools.permutations(range(q)))))
        of_each = np.array([table[frozenset(np.flatnonzero(players))] for players in every.players])
        np.testing.assert_allclose(every.credit.T @ of_each, expected, atol=1e-12)
        for some in (plan, every):
            assert (some.edges[0], some.edges[-1]) == (0, len(some.players))
            assert (some.parents < np.arange(len(some.players))).all()


@pytest.mark.parametrize("model", ["linear", "logistic"])
def test_orders_find_the_exact_shares(monkeypatch, model):
    """Of many seeds, the error of each share is as large as its standard error says."""
    X, y, _ = logistic_case(2, n=120, p=6)
    options = {"model": model, "n_resamples": 0, "groups": {"pair": [0, 3]}, "controls": [5]}
    exact = DriverAnalysis(**options).fit(X, y)
    assert exact.exact_
    assert (exact.standard_errors_ == 0).all()
    monkeypatch.setattr(_drivers, "_MOST_EXACT", {"linear": 2, "logistic": 2})
    found = [DriverAnalysis(**options, n_orders=100, random_state=seed).fit(X, y) for seed in range(60)]
    assert not found[0].exact_
    z = [(one.importances_ - exact.importances_) / one.standard_errors_ for one in found]
    assert 0.7 < np.std(z) < 1.3
    assert np.mean(np.abs(z) < 1.96) > 0.88
    for one in found:
        assert one.importances_.sum() == pytest.approx(exact.importances_.sum(), abs=1e-8)


def test_orders_and_their_reverse_err_less_than_others():
    X = correlated(np.random.default_rng(3), 400, 30)
    y = X.sum(axis=1) + np.random.default_rng(4).normal(size=400)
    few, many = (DriverAnalysis(n_resamples=0, n_orders=n, random_state=0).fit(X, y) for n in (100, 2000))
    assert np.median(few.standard_errors_ / many.standard_errors_) == pytest.approx(math.sqrt(20), rel=0.2)
    assert (np.abs(few.importances_ - many.importances_) < 5 * few.standard_errors_).all()


def test_resamples_along_orders_move_as_exact_ones(monkeypatch):
    X = correlated(np.random.default_rng(5), 200, 5)
    y = X.sum(axis=1) + 2 * np.random.default_rng(6).normal(size=200)
    exact = DriverAnalysis(random_state=0, n_resamples=2000).fit(X, y)
    monkeypatch.setattr(_driver_shares, "_MOST_RESAMPLED", 2)
    along = DriverAnalysis(random_state=1, n_resamples=2000).fit(X, y)
    assert along.importances_.tolist() == exact.importances_.tolist()
    widths = [np.diff(one.importance_intervals_)[:, 0] for one in (exact, along)]
    np.testing.assert_allclose(*widths, rtol=0.15)


def test_bootstrap_of_blocks_and_of_rows(monkeypatch):
    """Intervals from blocks of rows are those from rows, and those from drawing rows by hand."""
    rng = np.random.default_rng(7)
    X = correlated(rng, 300, 3)
    y, weight = X.sum(axis=1) + rng.normal(size=300), rng.integers(1, 3, size=300)
    options = {"random_state": 0, "n_resamples": 3000, "controls": [1]}
    by_rows = DriverAnalysis(**options).fit(X, y, sample_weight=weight)
    hand = []
    for _ in range(300):
        rows = rng.integers(300, size=300)
        model = DriverAnalysis(n_resamples=0, controls=[1]).fit(X[rows], y[rows], sample_weight=weight[rows])
        hand.append(model.importances_)
    width = np.diff(by_rows.importance_intervals_)[:, 0]
    np.testing.assert_allclose(np.std(hand, axis=0) * 2 * 1.96, width, rtol=0.2)
    monkeypatch.setattr(_driver_shares, "_BLOCKS", 100)
    by_blocks = DriverAnalysis(**options).fit(X, y, sample_weight=weight)
    np.testing.assert_allclose(np.diff(by_blocks.importance_intervals_)[:, 0], width, rtol=0.25)


def test_influence_gives_the_spread_of_the_bootstrap():
    X, y, weight = logistic_case(8, n=400, p=3)
    model = DriverAnalysis(model="logistic").fit(X, y, sample_weight=weight)
    rng = np.random.default_rng(9)
    drawn = []
    for _ in range(200):
        rows = rng.integers(400, size=400)
        again = DriverAnalysis(model="logistic", n_resamples=0).fit(X[rows], y[rows], sample_weight=weight[rows])
        drawn.append(np.sqrt(again.importances_))
    widths = np.diff(np.sqrt(model.importance_intervals_))[:, 0]
    np.testing.assert_allclose(np.std(drawn, axis=0) * 2 * 1.96, widths, rtol=0.2)


@pytest.mark.slow
@pytest.mark.parametrize("options", [{}, {"method": "johnson"}, {"model": "logistic"}], ids=str)
def test_intervals_cover_the_shares_of_the_population(options):
    """Of 300 samples of 400, at 95 %; the margin is three standard errors of the share and what is documented."""
    mix = np.linalg.cholesky(0.4 + 0.6 * np.eye(3))
    slope = np.array([0.8, 0.5, 0.3])

    def sample(n, seed):
        rng = np.random.default_rng(seed)
        X = rng.normal(size=(n, 3)) @ mix.T
        noise = rng.normal(size=n) * 1.5 if "model" not in options else rng.logistic(size=n)
        y = X @ slope + noise
        return X, y if "model" not in options else (y > 0).astype(int)

    truth = DriverAnalysis(**options, n_resamples=0).fit(*sample(400_000, 0)).importances_
    inside = []
    for seed in range(1, 301):
        low, high = DriverAnalysis(**options, random_state=0).fit(*sample(400, seed)).importance_intervals_.T
        inside.append((low <= truth) & (truth <= high))
    assert (np.mean(inside, axis=0) > 0.95 - 3 * math.sqrt(0.95 * 0.05 / 300) - 0.015).all(), np.mean(inside, axis=0)
