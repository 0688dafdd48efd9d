"""The naive rules themselves; how they stand beside a model is tested with the back-test."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.dummy import DummyClassifier, DummyRegressor
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.preprocessing import StandardScaler

from crmkit import EventLog
from crmkit.exceptions import ParameterError
from crmkit.model_selection._baseline import RecencyRule, make_baseline


def test_the_probability_falls_or_rises_with_the_silence_and_with_nothing_else(X, y):
    summary = X.summary(time_unit="D")
    silence = np.asarray(summary["T"] - summary["recency"])
    rule = clone(RecencyRule()).fit(X, y)
    probability = rule.predict_proba(X)[:, 1]
    order = np.argsort(silence, kind="stable")
    assert (np.diff(probability[order]) >= 0).all()
    assert (np.diff(probability[order])[np.diff(silence[order]) == 0] == 0).all()
    # Calibrated to the training rows: a logistic regression with an intercept has the mean right.
    assert probability.mean() == pytest.approx(y.mean(), abs=1e-3)
    assert np.array_equal(rule.predict(X), (probability > 0.5).astype(int))


def test_the_recency_rule_knows_customers_who_never_bought():
    frame = pd.DataFrame(
        {
            "who": [1, 1, 1, 2, 3, 3],
            "when": pd.to_datetime(
                ["2024-01-01", "2024-02-01", "2024-03-01", "2024-01-15", "2024-01-20", "2024-03-05"]
            ),
            "kind": ["buy", "buy", "buy", "visit", "buy", "visit"],
        }
    )
    log = EventLog.from_frame(frame, customer="who", time="when", kind="kind", purchases="buy")
    rows = pd.DataFrame({"who": [1, 2, 3, 1, 2, 3], "as_of": ["2024-02-02"] * 3 + ["2024-02-10"] * 3})
    X = log.snapshots_at(rows, customer="who", as_of="as_of", horizon="20D")
    probability = RecencyRule().fit(X, np.array([1, 0, 0, 1, 0, 1])).predict_proba(X[:3])[:, 1]
    assert np.isfinite(probability).all()
    # The customer who never bought counts as silent for longer than everybody who did.
    assert probability[1] == probability.min()


def test_auto_is_by_what_is_predicted():
    def auto(estimator, **kind):
        return make_baseline("auto", estimator, **kind)

    assert isinstance(auto(LogisticRegression(), binary=True, vector=True), RecencyRule)
    assert isinstance(auto(LogisticRegression(), binary=False, vector=True), DummyClassifier)
    assert isinstance(auto(LinearRegression(), binary=False, vector=True), DummyRegressor)
    assert auto(LogisticRegression(), binary=False, vector=False) is None
    assert auto(StandardScaler(), binary=True, vector=True) is None
    with pytest.raises(ParameterError, match="'baseline' parameter of backtest must be"):
        make_baseline(3, LogisticRegression(), binary=True, vector=True)
