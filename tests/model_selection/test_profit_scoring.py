"""Scoring churn models by money: in searches, over time, on frames."""

from __future__ import annotations

import copy
import pickle

import numpy as np
import pandas as pd
import polars as pl
import pytest
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.calibration import CalibratedClassifierCV
from sklearn.compose import make_column_transformer
from sklearn.linear_model import LinearRegression, LogisticRegression, RidgeClassifier
from sklearn.model_selection import GridSearchCV, cross_val_score, cross_validate
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer

from crmkit.exceptions import ColumnNotFoundError, ParameterError
from crmkit.metrics import expected_maximum_profit_churn, maximum_profit_churn
from crmkit.model_selection import ProfitScorer, TemporalSplit, backtest

METRICS = ["expected_maximum_profit", "maximum_profit", "profit"]


def recency(X):
    return X.summary(time_unit="D")[["frequency", "recency", "T"]]


def make_model(C=1.0):
    return make_pipeline(FunctionTransformer(recency), LogisticRegression(C=C, max_iter=500))


@pytest.fixture(scope="module")
def rows(log):
    """Snapshots whose customers' worth changes between the dates."""
    rng = np.random.default_rng(0)
    n = log.n_customers
    worth = pd.DataFrame(
        {
            "customer_id": np.tile(log.customers, 2),
            "since": np.repeat(["2020-01-01", "2023-10-15"], n),
            "worth": rng.integers(20, 400, size=2 * n),
        }
    )
    known = log.with_attributes(worth, customer="customer_id", known_at="since")
    X = known.snapshots(pd.date_range("2023-05-01", "2024-01-01", freq="MS"), horizon="45D")
    return X, X.churned()


@pytest.fixture(scope="module")
def fitted(rows):
    X, y = rows
    return make_model().fit(X, y)


def naive_profit(decided, y, value, incentive, contact, rate):
    total = 0.0
    for chosen, churned, worth in zip(decided, y, value, strict=True):
        if chosen:
            total += (rate * (worth - incentive) if churned else -incentive) - contact
    return total / len(y)


@pytest.mark.parametrize("value", [120, "worth"])
def test_scores_are_those_of_the_metrics_with_the_values_of_the_rows(rows, fitted, value):
    X, y = rows
    worth = X.attributes()["worth"].to_numpy() if value == "worth" else np.full(len(X), value)
    p = fitted.predict_proba(X)[:, 1]
    money = {"value": worth, "incentive": 12, "contact": 2}
    made = {"value": value, "incentive": 12, "contact": 2}
    found = [ProfitScorer(metric, **made)(fitted, X, y) for metric in METRICS]
    assert found == pytest.approx(
        [
            expected_maximum_profit_churn(y, p, **money),
            maximum_profit_churn(y, p, **money),
            naive_profit(fitted.predict(X), y, worth, 12, 2, 0.3),
        ]
    )
    # A cut chosen afterwards is at least as good as the decision made before.
    assert found[0] >= found[1] >= found[2]


def test_values_are_those_of_each_date(rows, fitted):
    X, y = rows
    before, after = X.where(before="2023-10-15"), X.where(after="2023-10-15")
    known = [part.attributes().groupby("customer_id")["worth"].first() for part in (before, after)]
    assert (known[0] != known[1][known[0].index]).mean() > 0.9
    scorer = ProfitScorer("profit", value="worth")
    parts = [
        scorer(fitted, part, y[keep]) * len(part)
        for part, keep in (
            (before, X.as_of < np.datetime64("2023-10-15")),
            (after, X.as_of >= np.datetime64("2023-10-15")),
        )
    ]
    assert sum(parts) / len(X) == pytest.approx(scorer(fitted, X, y))


@pytest.mark.parametrize("n_jobs", [None, 2])
def test_grid_search_over_time(rows, n_jobs):
    X, y = rows
    search = GridSearchCV(
        make_model(),
        {"logisticregression__C": [1e-4, 1.0]},
        scoring={metric: ProfitScorer(metric, value="worth") for metric in METRICS},
        refit="profit",
        cv=TemporalSplit(2),
        n_jobs=n_jobs,
    ).fit(X, y)
    (train, test) = next(iter(TemporalSplit(2).split(X)))
    model = make_model(1e-4).fit(X[train], y[train])
    scorer = ProfitScorer(value="worth")
    assert search.cv_results_["split0_test_expected_maximum_profit"][0] == scorer(model, X[test], y[test])
    # A search is a classifier, too, and its churn class that of the best pipeline.
    assert np.isfinite(scorer(search, X, y))


def test_nested_search_and_cross_validate(rows):
    X, y = rows
    scorer = ProfitScorer(value="worth", accept_rate=(3, 7))
    search = GridSearchCV(make_model(), {"logisticregression__C": [0.01, 1.0]}, scoring=scorer, cv=TemporalSplit(2))
    scores = cross_validate(search, X, y, scoring=scorer, cv=TemporalSplit(2), error_score="raise")
    assert (scores["test_score"] > 0).all()


def test_backtest_gives_it_an_interval(rows):
    X, y = rows
    scorer = ProfitScorer(value="worth")
    result = backtest(make_model(), X, y, cv=TemporalSplit(2), scoring=scorer)
    assert result.scoring == "expected_maximum_profit"
    assert result.score == pytest.approx(
        cross_val_score(make_model(), X, y, cv=TemporalSplit(2), scoring=scorer).mean()
    )
    assert result.estimate.low < result.score < result.estimate.high
    decided = backtest(make_model(), X, y, cv=TemporalSplit(2), scoring=ProfitScorer("profit"), method="predict")
    assert decided.estimate.low < decided.score < decided.estimate.high


@pytest.mark.parametrize("kind", ["pandas", "polars"])
def test_plain_frames(kind):
    rng = np.random.default_rng(0)
    columns = {"calls": rng.normal(size=200), "margin": rng.integers(20, 400, size=200)}
    y = np.where(columns["calls"] + rng.normal(size=200) > 0.5, "yes", "no")
    frame = pd.DataFrame(columns, index=rng.permutation(200)) if kind == "pandas" else pl.DataFrame(columns)
    model = make_pipeline(make_column_transformer(("passthrough", ["calls"])), LogisticRegression()).fit(frame, y)
    expected = expected_maximum_profit_churn(y == "yes", columns["calls"], value=columns["margin"])
    scorer = ProfitScorer(value="margin", pos_label="yes")
    assert scorer(model, frame, y) == pytest.approx(expected)
    scores = cross_val_score(model, frame, y, scoring=scorer, cv=4, error_score="raise")
    assert len(scores) == 4
    with pytest.raises(ColumnNotFoundError, match="value='marge'.*Did you mean 'margin'"):
        ProfitScorer(value="marge", pos_label="yes")(model, frame, y)


class Says(ClassifierMixin, BaseEstimator):
    """A classifier whose class of churn is the first."""

    def __init__(self, pos_label=None):
        self.pos_label = pos_label

    def fit(self, X, y):
        self.classes_ = np.unique(y)
        if self.pos_label is not None:
            self.pos_label_ = self.pos_label
        return self

    def predict_proba(self, X):
        return np.column_stack([1 - X[:, 0], X[:, 0]])

    def predict(self, X):
        return self.classes_[(X[:, 0] > 0.5).astype(int)]


@pytest.mark.parametrize("wrap", [lambda model: model, lambda model: make_pipeline("passthrough", model)])
def test_the_class_that_churns_is_what_the_model_says(wrap):
    X = np.array([[0.1], [0.2], [0.6], [0.9]])
    y = np.array(["left", "left", "stayed", "stayed"])
    said = wrap(Says("left")).fit(X, y)
    unsaid = wrap(Says()).fit(X, y)
    for metric, perfect in (("expected_maximum_profit", 28.0), ("maximum_profit", 28.0), ("profit", 28.0)):
        assert ProfitScorer(metric)(said, X, y) == pytest.approx(perfect)
        assert ProfitScorer(metric, pos_label="stayed")(unsaid, X, y) == pytest.approx(perfect)
    # Who churns differs: two in four leave either way, but on other rows.
    half = np.array(["left", "stayed", "stayed", "stayed"])
    assert ProfitScorer("profit")(said, X, half) == pytest.approx((56 - 11) / 4)
    assert ProfitScorer("profit", pos_label="left")(unsaid, X, half) == pytest.approx((56 - 11) / 4)
    assert ProfitScorer("profit", pos_label="stayed")(unsaid, X, half) == pytest.approx(28)
    # Whoever asks has the last word.
    assert ProfitScorer("profit", pos_label="stayed")(said, X, half) == pytest.approx(28)


@pytest.mark.parametrize("metric", METRICS)
def test_a_class_that_nobody_named_is_not_guessed(metric):
    X, y = np.array([[0.1], [0.2], [0.6], [0.9]]), np.array(["Attrited", "Existing"] * 2)
    inside = CalibratedClassifierCV(LogisticRegression(), cv=2).fit(X, y)
    for model in (LogisticRegression().fit(X, y), make_pipeline(LogisticRegression()).fit(X, y), inside):
        with pytest.raises(ParameterError, match="which of the labels .* means churn.*Pass pos_label='Attrited' or"):
            ProfitScorer(metric)(model, X, y)
        with pytest.raises(ParameterError, match="pos_label='Gone' is none of them"):
            ProfitScorer(metric, pos_label="Gone")(model, X, y)
        assert np.isfinite(ProfitScorer(metric, pos_label="Attrited")(model, X, y))


@pytest.mark.parametrize("metric", METRICS)
@pytest.mark.parametrize(("labels", "other"), [([0, 1], [7, 7]), (["No", "Yes"], [0, 1]), ([0, 1], ["0", "1"])])
def test_labels_that_the_model_does_not_know(metric, labels, other):
    X = np.array([[0.1], [0.9], [0.2], [0.8]])
    model = LogisticRegression().fit(X, labels * 2)
    with pytest.raises(ParameterError, match="'y' parameter of ProfitScorer must hold .* Got 4 others"):
        ProfitScorer(metric, pos_label=labels[1])(model, X, other * 2)
    with pytest.raises(ParameterError, match="one for each row"):
        ProfitScorer(metric, pos_label=labels[1])(model, X, np.array(labels * 2)[:, None])


def test_decision_functions_do_as_well():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(100, 2))
    y = (X[:, 0] + rng.normal(size=100) > 0.8).astype(int)
    model = RidgeClassifier().fit(X, y)
    expected = maximum_profit_churn(y, model.decision_function(X))
    assert ProfitScorer("maximum_profit")(model, X, y) == expected
    model.pos_label_ = 0
    expected = maximum_profit_churn(1 - y, -model.decision_function(X))
    assert ProfitScorer("maximum_profit")(model, X, y) == expected


def test_one_class_in_the_test_rows():
    X, y = np.array([[0.1], [0.9]]), np.array([0, 1])
    model = Says().fit(X, y)
    assert ProfitScorer()(model, X, [0, 0]) == 0
    assert ProfitScorer("profit")(model, X, [0, 0]) == -5.5


def test_it_is_a_value():
    scorer = ProfitScorer(value="worth", accept_rate=0.3, metric="maximum_profit")
    for other in (copy.deepcopy(scorer), pickle.loads(pickle.dumps(scorer))):
        assert other == scorer
        assert hash(other) == hash(scorer)
    assert repr(ProfitScorer()) == (
        "ProfitScorer(metric='expected_maximum_profit', value=200, incentive=10, contact=1, accept_rate=(6, 14), "
        "pos_label=None)"
    )
    assert str(scorer) == "maximum_profit"


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"metric": "auc"}, "'metric' parameter of ProfitScorer must be one of"),
        ({"value": [1, 2]}, "must be a float or the name of a column.*column of the attributes or of X"),
        ({"value": np.nan}, "'value' parameter of ProfitScorer must be a finite float"),
        ({"incentive": -1}, "'incentive' parameter of ProfitScorer"),
        ({"contact": "1"}, "'contact' parameter of ProfitScorer"),
        ({"accept_rate": 0.3}, "pair of floats above 0. Got 0.3 instead. For one rate, take metric='maximum_profit'"),
        ({"accept_rate": (6, -1)}, "'accept_rate' parameter of ProfitScorer"),
    ],
)
def test_fields(fields, message):
    with pytest.raises(ParameterError, match=message):
        ProfitScorer(**fields)


def test_models_and_rows_that_do_not_fit(rows, fitted):
    X, y = rows
    with pytest.raises(ColumnNotFoundError, match="value='wort'.*EventLog.with_attributes"):
        ProfitScorer(value="wort")(fitted, X, y)
    numbers = np.random.default_rng(0).normal(size=(10, 2))
    with pytest.raises(ParameterError, match="classifiers of two classes. Got LinearRegression with no classes"):
        ProfitScorer()(LinearRegression().fit(numbers, numbers[:, 0]), numbers, numbers[:, 0])
    three = LogisticRegression().fit(numbers, np.arange(10) % 3)
    with pytest.raises(ParameterError, match="Got LogisticRegression with 3 classes"):
        ProfitScorer()(three, numbers, np.arange(10) % 3)
    two = LogisticRegression().fit(numbers, np.arange(10) % 2)
    with pytest.raises(ParameterError, match="names a column, but X is a ndarray"):
        ProfitScorer(value="worth")(two, numbers, np.arange(10) % 2)
    frame = pd.DataFrame({"a": numbers[:, 0], "worth": [1.0] * 9 + [np.nan]})
    model = make_pipeline(make_column_transformer(("passthrough", ["a"])), LogisticRegression())
    model.fit(frame, np.arange(10) % 2)
    with pytest.raises(
        ParameterError, match="'worth', the 'value' parameter of ProfitScorer, is missing .* in 1 of 10"
    ):
        ProfitScorer(value="worth")(model, frame, np.arange(10) % 2)
