"""Contributions are Shapley values of features: told one after another, in the mean over all orders."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.ensemble import GradientBoostingClassifier, HistGradientBoostingClassifier, RandomForestClassifier
from sklearn.linear_model import LogisticRegression, RidgeClassifier
from sklearn.naive_bayes import GaussianNB
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import PolynomialFeatures, StandardScaler
from sklearn.svm import SVC

from crmkit._compat import one_openmp_thread
from crmkit.churn._explanation import contributions
from crmkit.churn._learner import LinearAndTrees, members_of

# Features of one column, of two, of one, and of three.
SOURCE = np.array([0, 1, 1, 2, 3, 3, 3])


@pytest.fixture(autouse=True)
def few_threads():
    with one_openmp_thread():
        yield


@pytest.fixture(scope="module")
def table():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(400, 7))
    y = (X[:, 0] + X[:, 1] * X[:, 4] - np.abs(X[:, 3]) + rng.normal(scale=0.5, size=400) > -0.5).astype(int)
    return X, y


def log_odds(model, rows):
    if hasattr(model, "decision_function"):
        return model.decision_function(rows)
    p = np.clip(model.predict_proba(rows)[:, 1], 1e-4, 1 - 1e-4)
    return np.log(p / (1 - p))


def by_subsets(score, rows, source, reference):
    """All subsets of features told or not, with the weights of Shapley."""
    n = source.max() + 1
    found = np.zeros((len(rows), n))
    for feature in range(n):
        others = [one for one in range(n) if one != feature]
        for size in range(n):
            weight = math.factorial(size) * math.factorial(n - size - 1) / math.factorial(n)
            for told in itertools.combinations(others, size):
                without, with_it = (np.isin(source, list(which)) for which in (told, (*told, feature)))
                gain = score(np.where(with_it, rows, reference)) - score(np.where(without, rows, reference))
                found[:, feature] += weight * gain
    return found


BOOSTERS = [
    HistGradientBoostingClassifier(max_iter=15, min_samples_leaf=5),
    GradientBoostingClassifier(n_estimators=15, max_depth=4, random_state=0),
]
OTHERS = [
    RandomForestClassifier(10, random_state=0),
    MLPClassifier((8,), max_iter=50, random_state=0),
    SVC(),
    GaussianNB(),
]


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize("model", BOOSTERS + OTHERS, ids=lambda model: type(model).__name__)
def test_values_are_those_of_all_subsets(table, model):
    X, y = table
    model.fit(X, y)
    rows, reference = X[:12], X.mean(axis=0)
    found = contributions(model, rows, SOURCE, 4, reference, n_permutations=400)
    expected = by_subsets(lambda some: log_odds(model, some), rows, SOURCE, reference)
    assert found.base == pytest.approx(log_odds(model, reference[None])[0])
    if model in BOOSTERS:
        np.testing.assert_allclose(found.values, expected, atol=1e-9)
        assert not found.standard_error.any()
    else:
        assert (np.abs(found.values - expected) <= 5 * found.standard_error + 1e-9).all()
        assert found.standard_error.max() < 0.15 * np.abs(expected).max()


def test_a_linear_model_is_read_from_its_coefficients(table):
    X, y = table
    reference = X[5]
    for model in (LogisticRegression().fit(X, y), RidgeClassifier().fit(X, y)):
        found = contributions(model, X, SOURCE, 4, reference)
        parts = model.coef_.ravel() * (X - reference)
        for feature in range(4):
            np.testing.assert_allclose(found.values[:, feature], parts[:, feature == SOURCE].sum(axis=1), atol=1e-12)
        assert not found.standard_error.any()


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize("model", [LogisticRegression(), *BOOSTERS, *OTHERS], ids=lambda model: type(model).__name__)
def test_values_add_up_to_the_score(table, model):
    X, y = table
    model.fit(X, y)
    found = contributions(model, X[:40], SOURCE, 4, X[50], n_permutations=4)
    np.testing.assert_allclose(found.base + found.values.sum(axis=1), log_odds(model, X[:40]), atol=1e-8)


def test_an_additive_model_needs_no_luck(table):
    X, y = table
    model = make_pipeline(StandardScaler(), LogisticRegression()).fit(X, y)
    found = contributions(model, X[:20], SOURCE, 4, X[3], n_permutations=4)
    expected = contributions(model[-1], model[0].transform(X[:20]), SOURCE, 4, model[0].transform(X[3:4])[0])
    np.testing.assert_allclose(found.values, expected.values, atol=1e-10)
    np.testing.assert_allclose(found.standard_error, 0, atol=1e-10)


def test_a_pair_of_orders_is_enough_for_interactions_of_two(table):
    X, y = table
    model = make_pipeline(PolynomialFeatures(2), LogisticRegression(max_iter=5000)).fit(X, y)
    found = contributions(model, X[:5], SOURCE, 4, X[9], n_permutations=2)
    expected = by_subsets(model.decision_function, X[:5], SOURCE, X[9])
    np.testing.assert_allclose(found.values, expected, atol=1e-8)


class Symmetric:
    """Alike in its first two columns, and without a use for the third."""

    def decision_function(self, rows):
        return rows[:, 0] * rows[:, 1] ** 2 + rows[:, 1] * rows[:, 0] ** 2


def test_what_is_alike_adds_alike_and_what_is_unused_nothing():
    rows, reference = np.array([[1.5, 1.5, 9.0], [-2.0, -2.0, 4.0]]), np.array([0.5, 0.5, 0.0])
    found = contributions(Symmetric(), rows, np.arange(3), 3, reference, n_permutations=2000).values
    np.testing.assert_allclose(found[:, 0], found[:, 1], rtol=1e-12)
    np.testing.assert_allclose(found[:, 2], 0, atol=1e-12)
    unused = np.column_stack([rows[:, :2], np.zeros(2)])
    np.testing.assert_allclose(contributions(Symmetric(), unused, np.arange(3), 3, reference).values[:, 2], 0)


@pytest.mark.parametrize("model", BOOSTERS, ids=lambda model: type(model).__name__)
def test_a_feature_that_equals_the_reference_adds_nothing_to_trees(table, model):
    X, y = table
    model.fit(X, y)
    rows = X[:20].copy()
    rows[:, SOURCE == 1] = X[3, SOURCE == 1]
    assert not contributions(model, rows, SOURCE, 4, X[3]).values[:, 1].any()
    assert not contributions(model, X[3:4], SOURCE, 4, X[3]).values.any()


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 2**31), st.integers(1, 6))
def test_trees_by_subsets_on_any_grouping(seed, depth):
    rng = np.random.default_rng(seed)
    X = rng.integers(0, 4, size=(60, 5)).astype(float)
    X[rng.random(X.shape) < 0.1] = np.nan
    y = rng.integers(0, 2, size=60)
    y[:2] = 0, 1
    model = HistGradientBoostingClassifier(max_iter=3, max_depth=depth, min_samples_leaf=2).fit(X, y)
    source = np.unique(rng.integers(0, 4, size=5), return_inverse=True)[1]
    found = contributions(model, X[:6], source, source.max() + 1, X[7])
    expected = by_subsets(model.decision_function, X[:6], source, X[7])
    np.testing.assert_allclose(found.values, expected, atol=1e-10)
    assert not found.standard_error.any()


def test_the_default_learner_is_exact(table):
    X, y = table
    model = LinearAndTrees(random_state=0).fit(X, y)
    values, base = np.zeros((15, 4)), 0.0
    for weight, (member, rows, source, reference) in zip(
        (0.3, 0.9), members_of(model, X[:15], SOURCE, X[20]), strict=True
    ):
        found = contributions(member, rows, source, 4, reference)
        assert not found.standard_error.any()
        values += weight * found.values
        base += weight * found.base
    expected = by_subsets(lambda some: model.members(some) @ (0.3, 0.9), X[:15], SOURCE, X[20])
    np.testing.assert_allclose(values, expected, atol=1e-9)
    assert base == pytest.approx(model.members(X[20:21])[0] @ (0.3, 0.9))


def test_trees_agree_with_sampled_orders(table):
    X, y = table

    class Hidden:
        """Trees that cannot be looked into."""

        def __init__(self, model):
            self.decision_function = model.decision_function

    model = BOOSTERS[0].fit(X, y)
    exact = contributions(model, X[:30], SOURCE, 4, X[40])
    sampled = contributions(Hidden(model), X[:30], SOURCE, 4, X[40], n_permutations=300)
    away = np.abs(sampled.values - exact.values) / np.maximum(sampled.standard_error, 1e-12)
    assert (away[sampled.standard_error > 1e-9] < 5).all()
    assert np.mean(away[sampled.standard_error > 1e-9] < 2) > 0.85
    assert np.sqrt(np.mean((sampled.values - exact.values) ** 2)) < 0.03


def test_boosting_that_is_not_a_sum_of_trees_is_sampled(table):
    X, y = table
    model = GradientBoostingClassifier(n_estimators=3, init=GaussianNB(), random_state=0).fit(X, y)
    found = contributions(model, X[:10], SOURCE, 4, X[11])
    np.testing.assert_allclose(found.base + found.values.sum(axis=1), model.decision_function(X[:10]), atol=1e-8)
    assert found.standard_error.any()
    categorical = HistGradientBoostingClassifier(max_iter=3, categorical_features=[0]).fit(np.abs(X).round(), y)
    found = contributions(categorical, np.abs(X[:10]).round(), SOURCE, 4, np.abs(X[11]).round())
    told = categorical.decision_function(np.abs(X[:10]).round())
    np.testing.assert_allclose(found.base + found.values.sum(axis=1), told, atol=1e-8)


def test_a_row_does_not_depend_on_the_others(table):
    X, y = table
    model = RandomForestClassifier(5, random_state=0).fit(X, y)
    together = contributions(model, X[:25], SOURCE, 4, X[30])
    for number in (0, 24):
        alone = contributions(model, X[number : number + 1], SOURCE, 4, X[30])
        np.testing.assert_array_equal(alone.values[0], together.values[number])
    again = contributions(model, X[:25], SOURCE, 4, X[30])
    np.testing.assert_array_equal(again.values, together.values)
    np.testing.assert_array_equal(again.standard_error, together.standard_error)


def test_blocks_of_rows_are_one_result(table, monkeypatch):
    X, y = table
    monkeypatch.setattr("crmkit.churn._explanation._BLOCK", 1)
    monkeypatch.setattr("crmkit.churn._explanation._ROWS", 9)
    monkeypatch.setattr("crmkit.churn._tree_explanation._ROWS_AT_ONCE", 7)
    small = [contributions(model.fit(X, y), X[:20], SOURCE, 4, X[30]) for model in (BOOSTERS[0], GaussianNB())]
    monkeypatch.undo()
    large = [contributions(model, X[:20], SOURCE, 4, X[30]) for model in (BOOSTERS[0], GaussianNB().fit(X, y))]
    for one, other in zip(small, large, strict=True):
        np.testing.assert_allclose(one.values, other.values, atol=1e-12)


def test_one_feature_has_it_all_and_no_rows_are_no_values(table):
    X, y = table
    for model in (LogisticRegression(), BOOSTERS[0], GaussianNB()):
        model.fit(X, y)
        one = contributions(model, X[:3], np.zeros(7, dtype=int), 1, X[4])
        np.testing.assert_allclose(one.base + one.values[:, 0], log_odds(model, X[:3]), atol=1e-9)
        assert contributions(model, X[:0], SOURCE, 4, X[4]).values.shape == (0, 4)


def test_a_tree_without_a_split_adds_nothing():
    X, y = np.arange(30.0)[:, None], np.tile([0, 1], 15)
    model = HistGradientBoostingClassifier(max_iter=2, min_samples_leaf=30).fit(X, y)
    assert not contributions(model, X, np.array([0]), 1, X[0]).values.any()


def test_forests_that_are_sure_stay_finite(table):
    X, y = table
    model = RandomForestClassifier(2, random_state=0).fit(X, y)
    assert np.isfinite(contributions(model, X[:50], SOURCE, 4, X[60]).values).all()
