"""Who churned and how they are scored, whatever the labels; and curves against adding up by hand."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import LinearSVC

from crmkit import ChurnClassifier
from crmkit.plotting._scored_rows import Scored, churn_column, curve_of, scored_rows

OPTIONS = {"coverage": 0.9, "random_state": 0, "owner": "test"}


@pytest.mark.parametrize("churn", ["goes", "stays"])
@pytest.mark.parametrize("learner", [LogisticRegression(), LinearSVC()])
def test_the_churn_class_is_what_the_model_says(churn, learner):
    rng = np.random.default_rng(0)
    x = rng.normal(size=(400, 1))
    y = np.where(x[:, 0] + rng.normal(size=400) > 0, "goes", "stays")
    model = make_pipeline(StandardScaler(), ChurnClassifier(learner, pos_label=churn)).fit(x, y)
    rows = scored_rows(model, x, y, "test")
    assert churn_column(model, "test") == ["goes", "stays"].index(churn)
    np.testing.assert_array_equal(rows.churned, y == churn)
    assert np.corrcoef(rows.score, rows.churned)[0, 1] > 0.3
    assert rows.customers is None


def test_searches_and_decision_functions():
    x = np.arange(40.0)[:, None]
    y = (x[:, 0] > 15).astype(int)
    search = GridSearchCV(LinearSVC(), {"C": [0.1, 1.0]}, cv=2).fit(x, y)
    np.testing.assert_array_equal(scored_rows(search, x, y, "test").score, search.decision_function(x))


@given(st.lists(st.tuples(st.booleans(), st.integers(0, 5), st.integers(-3, 9)), min_size=1, max_size=25))
def test_curves_by_hand(lines):
    churned, score, amount = (np.array(column, dtype=float) for column in zip(*lines, strict=True))
    curve = curve_of(Scored(churned, score, None), amount, of_all=False, n_resamples=0, **OPTIONS)
    for fraction, height in zip(curve.fraction[1:], curve.height[1:], strict=True):
        cut = sorted(score, reverse=True)[round(fraction * len(score)) - 1]
        assert fraction == pytest.approx((score >= cut).mean())
        assert height == pytest.approx(amount[score >= cut].sum() / len(score))
    assert len(curve.fraction) == len(set(score)) + 1
    if amount.sum() > 0:
        shares = curve_of(Scored(churned, score, None), amount, of_all=True, n_resamples=0, **OPTIONS)
        np.testing.assert_allclose(shares.height, curve.height * len(score) / amount.sum())
