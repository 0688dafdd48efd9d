"""Who churned and how they are scored, whatever the labels."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import LinearSVC

from crmkit import ChurnClassifier
from crmkit.plotting._churn_rows import churn_column, scored_rows


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
