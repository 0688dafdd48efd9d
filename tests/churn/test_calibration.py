"""From scores to probabilities: the logistic fit of several members, and steps."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import minimize
from scipy.special import expit

from crmkit.churn._calibration import Calibrator
from crmkit.exceptions import CrmkitWarning


def drawn(n, seed, weights, intercept):
    rng = np.random.default_rng(seed)
    said = rng.normal(size=(n, len(weights)))
    came = (rng.random(n) < expit(said @ np.array(weights) + intercept)).astype(float)
    return said, came


def naive(said, came, weight):
    """The penalised likelihood, by a general optimiser that knows no derivative of it, weights not negative."""
    k = said.shape[1]

    def loss(beta):
        eta = said @ beta[:k] + beta[k]
        return weight @ (np.logaddexp(0, eta) - came * eta) + ((beta[:k] - 1 / k) ** 2).sum() / 2

    # The last member keeps a thousandth.
    least = 1e-3 if k == 1 else 0.0
    return minimize(loss, np.append(np.full(k, 1 / k), 0.0), bounds=[(least, None)] * k + [(None, None)], tol=1e-12).x


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 10_000), st.sampled_from([[1.0], [-1.0], [0.6, 0.4], [2.0, 0.0], [1.0, -1.5]]), st.floats(-3, 3))
def test_sigmoid_is_the_penalised_likelihood(seed, weights, intercept):
    said, came = drawn(200, seed, weights, intercept)
    weight = np.random.default_rng(seed).uniform(0.5, 2, 200)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", CrmkitWarning)
        found = Calibrator.learn(said, came, weight, "sigmoid")
    expected = naive(said, came, weight)
    np.testing.assert_allclose(found.weights, expected[:-1], atol=2e-3)
    np.testing.assert_allclose(found.intercept, expected[-1], atol=2e-3)
    assert (found.weights >= 0).all()
    assert found.weights.max() >= 1e-3


def test_it_finds_what_is_there():
    said, came = drawn(200_000, 0, [0.8, 0.3], -1.0)
    found = Calibrator.learn(said, came, np.ones(len(came)), "sigmoid")
    np.testing.assert_allclose([*found.weights, found.intercept], [0.8, 0.3, -1.0], atol=0.02)
    np.testing.assert_allclose(found.probability(said), expit(found.log_odds(said)))


def test_a_reversed_score_is_not_turned_round():
    said, came = drawn(2_000, 1, [-1.0], 0.5)
    with pytest.warns(CrmkitWarning, match="no signal"):
        found = Calibrator.learn(said, came, np.ones(2_000), "sigmoid")
    p = found.probability(said)
    np.testing.assert_array_equal(np.argsort(p, kind="stable"), np.argsort(said[:, 0], kind="stable"))
    np.testing.assert_allclose(p, came.mean(), atol=2e-3)


def test_two_rows_do_not_carry_it_away():
    # Without the pull to equal weights these two would be told apart with certainty.
    said, came = np.array([[1.0, 1.0], [-1.0, -1.0]]), np.array([1.0, 0.0])
    found = Calibrator.learn(said, came, np.ones(2), "sigmoid")
    np.testing.assert_allclose([*found.weights, found.intercept], [0.823195, 0.823195, 0.0], atol=1e-6)


@pytest.mark.parametrize("scale", [1e-6, 1e6])
def test_perfect_and_huge_scores_stay_finite(scale):
    said = np.linspace(-1, 1, 40)[:, None] * scale
    found = Calibrator.learn(said, (said[:, 0] > 0).astype(float), np.ones(40), "sigmoid")
    assert np.isfinite(found.weights).all()
    assert np.isfinite(found.intercept)
    p = found.probability(said)
    assert (np.diff(p) >= 0).all()
    assert ((p >= 0) & (p <= 1)).all()


def test_isotonic_steps_are_shares():
    said, came = drawn(500, 3, [1.0], 0.0)
    found = Calibrator.learn(said, came, np.ones(500), "isotonic")
    p = found.probability(said)
    for step in np.unique(p):
        np.testing.assert_allclose(came[p == step].mean(), step, atol=1e-12)
    assert found.probability(said[:0]).shape == (0,)


def test_equal_weights_are_the_mean():
    said = np.array([[1.0, 3.0]])
    assert Calibrator.equal(2).log_odds(said).tolist() == [2.0]


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 10_000), st.floats(0.01, 0.99), st.floats(0.1, 30))
def test_the_level_is_the_share_of_the_rows(seed, share, scale):
    rng = np.random.default_rng(seed)
    said, weight = rng.normal(size=(50, 2)) * scale, rng.uniform(0.1, 3, 50)
    moved = Calibrator(np.array([0.7, 0.2]), -4.0).at_level(said, share, weight)
    assert moved.weights.tolist() == [0.7, 0.2]
    np.testing.assert_allclose(np.average(moved.probability(said), weights=weight), share, atol=1e-9)


def test_steps_are_not_moved():
    said, came = drawn(100, 0, [1.0], 0.0)
    found = Calibrator.learn(said, came, np.ones(100), "isotonic")
    assert found.at_level(said, 0.9, np.ones(100)) is found
