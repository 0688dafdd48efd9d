"""Who churned and how they are scored, whatever the labels."""

from __future__ import annotations

import matplotlib.pyplot as plt
import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import LinearSVC

from crmkit import ChurnClassifier, EventLog, RFMTransformer
from crmkit.churn import ChurnProfit
from crmkit.datasets import load_cdnow
from crmkit.exceptions import ParameterError
from crmkit.plotting import GainDisplay, ProfitCurveDisplay, ReliabilityDisplay, ScoreDriftDisplay
from crmkit.plotting._churn_rows import scored_rows


@pytest.fixture(autouse=True)
def close_figures():
    yield
    plt.close("all")


@pytest.mark.parametrize("churn", ["goes", "stays"])
@pytest.mark.parametrize("learner", [LogisticRegression(), LinearSVC()])
def test_the_churn_class_is_what_the_model_says(churn, learner):
    rng = np.random.default_rng(0)
    x = rng.normal(size=(400, 1))
    y = np.where(x[:, 0] + rng.normal(size=400) > 0, "goes", "stays")
    model = make_pipeline(StandardScaler(), ChurnClassifier(learner, pos_label=churn)).fit(x, y)
    rows = scored_rows(model, x, y, "test")
    np.testing.assert_array_equal(rows.churned, y == churn)
    assert np.corrcoef(rows.score, rows.churned)[0, 1] > 0.3
    assert rows.customers is None


def test_searches_and_decision_functions():
    x = np.arange(40.0)[:, None]
    y = (x[:, 0] > 15).astype(int)
    search = GridSearchCV(LinearSVC(), {"C": [0.1, 1.0]}, cv=2).fit(x, y)
    np.testing.assert_array_equal(scored_rows(search, x, y, "test").score, search.decision_function(x))


@pytest.mark.parametrize("display", [ProfitCurveDisplay, GainDisplay, ReliabilityDisplay])
def test_a_class_that_nobody_named_is_not_guessed(display):
    rng = np.random.default_rng(0)
    x = rng.normal(size=(200, 1))
    y = np.where(x[:, 0] + rng.normal(size=200) > 0.5, "Attrited", "Existing")
    model = LogisticRegression().fit(x, y)
    with pytest.raises(ParameterError, match="which of the labels .* means churn.*pos_label='Attrited'"):
        display.from_estimator(model, x, y)
    said = display.from_estimator(model, x, y, pos_label="Attrited")
    number = display.from_estimator(LogisticRegression().fit(x, y == "Attrited"), x, y == "Attrited")
    for name in ("profit", "gain", "came", "chosen"):
        np.testing.assert_allclose(getattr(said, name, 0.0), getattr(number, name, 0.0))
    with pytest.raises(ParameterError, match="pos_label='gone' is none of them"):
        display.from_estimator(model, x, y, pos_label="gone")


def test_scores_over_time_ask_for_the_class_too():
    log = EventLog.from_frame(load_cdnow(), customer="customer_id", time="date", value="value")
    X = log.snapshots(["1997-10-01", "1998-01-01"], horizon="60D")
    model = make_pipeline(RFMTransformer(), LogisticRegression()).fit(X, np.where(X.churned(), "Attrited", "Existing"))
    with pytest.raises(ParameterError, match="ScoreDriftDisplay does not know which of the labels"):
        ScoreDriftDisplay.from_estimator(model, X)
    display = ScoreDriftDisplay.from_estimator(model, X, pos_label="Attrited")
    assert display.quantiles[2, 0] == np.median(model.predict_proba(X)[X.as_of == X.as_of[0], 0])


def test_the_money_is_that_of_the_model_inside_a_search():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(200, 1))
    y = (x[:, 0] + rng.normal(size=200) > 0.5).astype(int)
    model = ChurnClassifier(LogisticRegression(), profit=ChurnProfit(1000, 20))
    search = GridSearchCV(make_pipeline(StandardScaler(), model), {"churnclassifier__calibration": [None]}, cv=2)
    drawn = ProfitCurveDisplay.from_estimator(search.fit(x, y), x, y, n_resamples=0)
    expected = ProfitCurveDisplay.from_estimator(search, x, y, profit=ChurnProfit(1000, 20), n_resamples=0)
    assert drawn.profit.max() == expected.profit.max() > 50
