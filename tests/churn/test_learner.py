"""The default learner: hinges at quantiles, two members, and what either says."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.special import logit
from sklearn.linear_model import LogisticRegression
from sklearn.naive_bayes import GaussianNB
from sklearn.svm import SVC

from crmkit.churn._learner import Hinges, LinearAndTrees, log_odds, members_of


@pytest.fixture(scope="module")
def data():
    rng = np.random.default_rng(0)
    X = np.column_stack([rng.normal(size=300), rng.exponential(size=300), rng.integers(0, 2, 300)])
    y = (X[:, 0] + (X[:, 1] > 1) * 2 + rng.logistic(size=300) > 0.5).astype(int)
    return X, y


def naive_hinges(column, knots, low, high):
    clipped = np.minimum(np.maximum(column, low), high)
    return [clipped] + [np.where(clipped > knot, clipped - knot, 0.0) for knot in knots]


def test_hinges_are_the_formula(data):
    X, _ = data
    hinges = Hinges(X, None)
    made, at = hinges.of(X), 3
    for j in range(3):
        # Sorted values, the smallest with enough of the rows at or below it.
        ordered = np.sort(X[:, j])
        low, high = (ordered[int(np.ceil(share * 300)) - 1] for share in (0.005, 0.995))
        knots = [] if j == 2 else [ordered[int(np.ceil(share * 300 - 1e-9)) - 1] for share in np.arange(1, 6) / 6]
        low, high = (0.0, 1.0) if j == 2 else (low, high)
        columns = naive_hinges(X[:, j], knots, low, high)
        places = [j, *range(at, at + len(knots))]
        at += len(knots)
        for place, column in zip(places, columns, strict=True):
            np.testing.assert_allclose(made[:, place], (column - column.mean()) / column.std(), atol=1e-12)
            assert hinges.source[place] == j
    assert made.shape[1] == at


def test_beyond_the_range_counts_as_its_end(data):
    X, _ = data
    hinges = Hinges(X, None)
    np.testing.assert_array_equal(hinges.of(X.max(axis=0)[None] + 1e9), hinges.of(np.array([[1e12, 1e12, 1.0]])))


def test_rare_flags_are_kept():
    X = np.zeros((1000, 1))
    X[0] = 1.0
    made = Hinges(X, None).of(X)
    assert made[0, 0] > made[1, 0]


def test_weights_are_repeated_rows(data):
    X, _ = data
    weight = np.random.default_rng(1).integers(1, 4, 300)
    one, other = Hinges(X, weight.astype(float)), Hinges(np.repeat(X, weight, axis=0), None)
    np.testing.assert_allclose(one.of(X), other.of(X), atol=1e-10)


def test_members_and_their_mean(data):
    X, y = data
    model = LinearAndTrees(random_state=0).fit(X, y)
    said = model.members(X)
    np.testing.assert_allclose(said[:, 0], model.linear_.decision_function(model.hinges_.of(X)), rtol=1e-12)
    np.testing.assert_allclose(said[:, 1], model.trees_.decision_function(X), rtol=1e-12)
    np.testing.assert_allclose(model.decision_function(X), said.mean(axis=1))
    np.testing.assert_array_equal(log_odds(model, X), said)
    # A row's result does not depend on the batch: blocks of rows are scored apart.
    many = np.tile(X, (60, 1))
    np.testing.assert_allclose(model.members(many)[:300], said, rtol=1e-12)


def test_log_odds_of_any_classifier(data):
    X, y = data
    linear = LogisticRegression().fit(X, y)
    np.testing.assert_array_equal(log_odds(linear, X)[:, 0], linear.decision_function(X))
    bayes = GaussianNB().fit(X, y)
    np.testing.assert_allclose(
        log_odds(bayes, X)[:, 0], logit(np.clip(bayes.predict_proba(X)[:, 1], 1e-4, 1 - 1e-4)), rtol=1e-12
    )
    assert log_odds(SVC().fit(X, y), X).shape == (300, 1)


def test_members_of_say_what_the_model_says(data):
    X, y = data
    source, reference = np.arange(3), np.zeros(3)
    model = LinearAndTrees(random_state=0).fit(X, y)
    for member, expected in zip(members_of(model, X, source, reference), model.members(X).T, strict=True):
        one, rows, of, row = member
        np.testing.assert_allclose(log_odds(one, rows)[:, 0], expected, rtol=1e-12)
        assert len(of) == rows.shape[1] == len(row)
    other = GaussianNB().fit(X, y)
    assert members_of(other, X, source, reference) == [(other, X, source, reference)]


def test_of_many_rows_some_are_enough_for_the_linear_part(data, monkeypatch):
    X, y = data
    monkeypatch.setattr("crmkit.churn._learner._MOST_ROWS", 250)
    some, again = (LinearAndTrees(random_state=0).fit(X, y, np.ones(300)) for _ in range(2))
    np.testing.assert_array_equal(some.members(X), again.members(X))
    monkeypatch.undo()
    every = LinearAndTrees(random_state=0).fit(X, y)
    np.testing.assert_array_equal(some.members(X)[:, 1], every.members(X)[:, 1])
    assert 0 < np.abs(some.members(X)[:, 0] - every.members(X)[:, 0]).max() < 1.5
