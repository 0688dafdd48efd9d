"""The table of a back-test against a loop that does the same by hand; baselines, intervals, errors."""

from __future__ import annotations

import numpy as np
import pandas as pd
import polars as pl
import pytest
from sklearn.base import BaseEstimator, ClassifierMixin, clone
from sklearn.dummy import DummyClassifier
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.metrics import mean_absolute_error, roc_auc_score
from sklearn.model_selection import KFold, ShuffleSplit, cross_validate
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer
from sklearn.svm import LinearSVC

from crmkit import EventLog
from crmkit.exceptions import ParameterError
from crmkit.metrics import Estimate, estimate
from crmkit.model_selection import TemporalSplit, backtest


def numbers(X):
    return X.summary(time_unit="D")[["frequency", "recency", "T"]].to_numpy()


def pipeline(model):
    return make_pipeline(FunctionTransformer(numbers), model)


@pytest.fixture(scope="module")
def result(X, y):
    return backtest(pipeline(LogisticRegression(max_iter=500)), X, y, cv=TemporalSplit(3))


# --------------------------------------------------------------------------------- the table


def test_predictions_and_scores_are_those_of_a_loop_by_hand(X, y, result):
    model = pipeline(LogisticRegression(max_iter=500))
    tables, scores = [], []
    for number, fold in enumerate(TemporalSplit(3).folds(X)):
        fitted = clone(model).fit(X[fold.train], y[fold.train])
        probability = fitted.predict_proba(X[fold.test])[:, 1]
        tables.append(
            X[fold.test].to_frame(fold=np.full(len(fold.test), number), y=y[fold.test], prediction=probability)
        )
        scores.append(roc_auc_score(y[fold.test], probability))
        line = result.scores.iloc[number]
        assert (line.n_train, line.n_purged, line.n_test) == (len(fold.train), len(fold.purged), len(fold.test))
        assert (line.fold, line.split_time) == (number, fold.split_time)
        assert line.positive_rate == y[fold.test].mean()
    pd.testing.assert_frame_equal(result.predictions, pd.concat(tables, ignore_index=True))
    assert list(result.predictions.columns) == ["customer_id", "as_of", "fold", "y", "prediction"]
    np.testing.assert_allclose(result.scores["score"], scores)
    assert result.score == pytest.approx(np.mean(scores))
    assert result.scoring == "roc_auc"


def test_scores_are_those_of_cross_validate(X, y, result):
    scores = cross_validate(pipeline(LogisticRegression(max_iter=500)), X, y, cv=TemporalSplit(3), scoring="roc_auc")
    np.testing.assert_allclose(result.scores["score"], scores["test_score"])


def test_columns_of_the_scores(result):
    assert list(result.scores.columns) == [
        "fold",
        "split_time",
        "n_train",
        "n_purged",
        "n_test",
        "positive_rate",
        "score",
        "baseline",
        "active_within",
    ]  # fmt: skip  one name after the other


def test_active_within_stands_beside_each_score(log, result):
    assert result.active_within == "everybody"
    assert set(result.scores["active_within"]) == {"everybody"}
    X = log.snapshots(pd.date_range("2023-05-01", "2024-01-01", freq="MS"), horizon="45D", active_within="12W")
    recent = backtest(pipeline(LogisticRegression()), X, X.churned(), cv=2)
    assert set(recent.scores["active_within"]) == {"84D"} == {recent.active_within}
    assert "active within 84D" in repr(recent)


def test_repr_shows_folds_and_means(result):
    lines = repr(result).splitlines()
    assert lines[0] == "Backtest(roc_auc of 360 rows of 120 customers, everybody)"
    assert lines[1].split()[:3] == ["fold", "split_time", "n_train"]
    assert len(lines) == 6
    assert lines[-1].split() == ["mean", f"{result.score:.3f}", f"{result.baseline_score:.3f}"]


def test_frames_are_of_the_kind_that_came(log):
    frame = pl.DataFrame(log.to_frame().to_dict("list"))
    own = EventLog.from_frame(frame, customer="customer_id", time="time", value="value", observed_until="2024-02-25")
    X = own.snapshots(pd.date_range("2023-05-01", "2024-01-01", freq="MS"), horizon="45D")
    result = backtest(pipeline(LogisticRegression(max_iter=500)), X, X.churned(), cv=2)
    assert isinstance(result.predictions, pl.DataFrame)
    assert isinstance(result.scores, pl.DataFrame)
    assert "mean" in repr(result)


@pytest.mark.slow
def test_processes_change_nothing(X, y, result):
    again = backtest(pipeline(LogisticRegression(max_iter=500)), X, y, cv=TemporalSplit(3), n_jobs=2)
    pd.testing.assert_frame_equal(again.predictions, result.predictions)
    pd.testing.assert_frame_equal(again.scores, result.scores)


# --------------------------------------------------------------------------------- baselines


def test_the_recency_rule_orders_by_silence(X, y, result):
    summary = X.summary(time_unit="D")
    silence = np.asarray(summary["T"] - summary["recency"])
    by_hand = [roc_auc_score(y[fold.test], silence[fold.test]) for fold in TemporalSplit(3).folds(X)]
    np.testing.assert_allclose(result.scores["baseline"], by_hand)
    assert result.baseline_score == pytest.approx(np.mean(by_hand))


def test_the_recency_rule_learns_its_direction(X, y):
    model = pipeline(LogisticRegression(max_iter=500))
    churn, back = backtest(model, X, y, cv=2), backtest(model, X, 1 - y, cv=2)
    np.testing.assert_allclose(churn.scores["baseline"], back.scores["baseline"])
    np.testing.assert_allclose(churn.baseline_prediction, 1 - back.baseline_prediction, atol=1e-4)
    assert churn.baseline_score > 0.5


def test_other_baselines(X, y):
    model = pipeline(LogisticRegression(max_iter=500))
    assert backtest(model, X, y, cv=2, baseline="constant").baseline_score == 0.5
    assert backtest(model, X, y, cv=2, baseline=DummyClassifier()).baseline_score == 0.5
    without = backtest(model, X, y, cv=2, baseline=None)
    assert np.isnan(without.baseline_score)
    assert np.isnan(without.scores["baseline"]).all()
    assert without.baseline_prediction is None
    with pytest.raises(ParameterError, match="There is no baseline"):
        without.gain  # noqa: B018  the attribute access is the test


def test_baselines_of_regressors(X):
    y = X.future_purchases()
    result = backtest(pipeline(LinearRegression()), X, y, cv=2)
    assert result.scoring == "neg_mean_absolute_error"
    for number, fold in enumerate(TemporalSplit(2).folds(X)):
        by_hand = -mean_absolute_error(y[fold.test], np.full(len(fold.test), y[fold.train].mean()))
        assert result.scores["baseline"][number] == pytest.approx(by_hand)
        assert result.scores["positive_rate"][number] == np.mean(y[fold.test] > 0)
    with pytest.raises(ParameterError, match="baseline='recency' scores two classes"):
        backtest(pipeline(LinearRegression()), X, y, cv=2, baseline="recency")


# --------------------------------------------------------------------------------- intervals


@pytest.mark.slow
def test_the_estimate_is_the_mean_of_the_folds_with_customers_resampled(X, result):
    table = result.predictions

    def mean_of_folds(y, prediction, fold):
        parts = [fold == number for number in range(3)]
        return np.mean([roc_auc_score(y[part], prediction[part]) for part in parts])

    by_hand = estimate(
        mean_of_folds,
        table["y"],
        table["prediction"],
        table["fold"],
        groups=table["customer_id"],
        n_resamples=400,
        random_state=0,
    )  # fmt: skip  one argument after the other
    assert isinstance(result.estimate, Estimate)
    assert float(result.estimate) == pytest.approx(result.score)
    assert (result.estimate.low, result.estimate.high) == (pytest.approx(by_hand.low), pytest.approx(by_hand.high))
    assert result.estimate.n == 120
    assert result.estimate is result.estimate


@pytest.mark.slow
def test_the_gain_is_that_over_the_baseline(result):
    assert float(result.gain) == pytest.approx(result.score - result.baseline_score)
    assert float(result.baseline_estimate) == pytest.approx(result.baseline_score)
    # Both are judged on the same customers, so their difference is surer than either.
    assert result.gain.high - result.gain.low < result.estimate.high - result.estimate.low


@pytest.fixture
def few_resamples(monkeypatch):
    monkeypatch.setattr("crmkit.model_selection._backtest._N_RESAMPLES", 40)


@pytest.mark.usefixtures("few_resamples")
@pytest.mark.parametrize(
    ("model", "scoring", "method"),
    [
        (LogisticRegression(max_iter=500), "average_precision", "auto"),
        (LogisticRegression(max_iter=500), "neg_brier_score", "auto"),
        (LogisticRegression(max_iter=500), "accuracy", "auto"),
        (LogisticRegression(max_iter=500), "accuracy", "predict"),
        (LogisticRegression(max_iter=500), "roc_auc", "decision_function"),
        (LogisticRegression(max_iter=500), "f1", "decision_function"),
        (LinearSVC(), "roc_auc", "auto"),
        (LinearSVC(), "balanced_accuracy", "auto"),
    ],
)
def test_scores_can_be_computed_again_from_the_table(X, y, model, scoring, method):
    result = backtest(pipeline(model), X, y, cv=2, scoring=scoring, method=method, baseline=None)
    assert float(result.estimate) == pytest.approx(result.score)


def test_a_regressor_has_an_interval(X, few_resamples):
    result = backtest(pipeline(LinearRegression()), X, X.future_purchases(), cv=2)
    assert result.estimate.low < result.score < result.estimate.high


def test_no_interval_where_the_decision_is_not_in_the_prediction(X, y, few_resamples):
    from sklearn.model_selection import FixedThresholdClassifier

    model = FixedThresholdClassifier(pipeline(LogisticRegression(max_iter=500)), threshold=0.9)
    result = backtest(model, X, y, cv=2, scoring="recall")
    with pytest.raises(
        ParameterError, match=r"'recall' cannot be computed from y and prediction alone.*'predict' for metrics"
    ):
        result.estimate  # noqa: B018  the attribute access is the test
    for target in (y, np.where(y == 1, "silent", "back")):
        by_label = backtest(model, X, target, cv=2, scoring="roc_auc", method="predict")
        with pytest.raises(ParameterError, match="'roc_auc' cannot be computed from y and prediction alone"):
            by_label.estimate  # noqa: B018  the attribute access is the test
    by_label = backtest(model, X, y, cv=2, scoring="recall", method="predict")
    assert float(by_label.estimate) == pytest.approx(result.score)


# -------------------------------------------------------------------------- what may be passed


def profit(estimator, X, y):
    """A scorer that reads the rows, as a profit does."""
    picked = estimator.predict_proba(X)[:, 1] > 0.5
    return float((np.asarray(X.summary()["frequency"]) * y)[picked].sum() / len(y))


def test_a_scorer_may_read_the_snapshots(X, y, model, few_resamples):
    result = backtest(model, X, y, cv=2, scoring=profit, baseline=None)
    assert result.scoring == "profit"
    assert float(result.estimate) == pytest.approx(result.score)


@pytest.mark.parametrize("kind", [list, np.array, pd.Series, pl.Series])
def test_y_of_any_kind(X, y, model, kind):
    result = backtest(model, X, kind(y.tolist()), cv=2)
    assert result.score == backtest(model, X, y, cv=2).score


def test_classes_with_names(X, y, model, few_resamples):
    named = np.where(y == 1, "silent", "back")
    result = backtest(model, X, named, cv=2, scoring="accuracy")
    assert set(result.predictions["y"]) == {"back", "silent"}
    assert result.scores["positive_rate"].tolist() == backtest(model, X, y, cv=2).scores["positive_rate"].tolist()
    assert float(result.estimate) == pytest.approx(result.score)


def test_more_than_two_classes(X, model, few_resamples):
    y = np.minimum(X.future_purchases(), 2)
    result = backtest(model, X, y, cv=2)
    assert result.scoring == "balanced_accuracy"
    assert set(result.predictions["prediction"]) <= {0, 1, 2}
    assert result.baseline_score == pytest.approx(1 / 3)
    assert float(result.estimate) == pytest.approx(result.score)


def test_a_random_split_knows_no_times(X, y, model):
    result = backtest(model, X, y, cv=KFold(3, shuffle=True, random_state=0))
    assert result.scores["split_time"].isna().all()
    assert (result.scores["n_purged"] == 0).all()
    assert len(result.predictions) == len(X)
    assert backtest(model, X, y, cv=ShuffleSplit(2, random_state=0)).scores["n_test"].tolist() == [108, 108]


def test_the_default_is_five_folds_in_time(X, y, model):
    assert backtest(model, X, y).scores["split_time"].is_monotonic_increasing
    assert len(backtest(model, X, y).scores) == 5


class Popularity(BaseEstimator):
    """Recommends to everybody what was bought most: a model that only it can judge."""

    def __init__(self, k=2):
        self.k = k

    def fit(self, X, y):
        self.best_ = np.argsort(-np.asarray(y.csr.sum(axis=0)).ravel(), kind="stable")[: self.k]
        return self

    def score(self, X, y):
        return float((np.asarray(y.csr[:, self.best_].sum(axis=1)) > 0).mean())


def test_items_as_targets():
    rng = np.random.default_rng(0)
    frame = pd.DataFrame(
        {
            "who": rng.integers(20, size=400),
            "when": np.datetime64("2024-01-01") + rng.integers(300, size=400) * np.timedelta64(1, "D"),
            "item": rng.choice(["pen", "pot", "pan", "cup"], p=[0.5, 0.2, 0.2, 0.1], size=400),
        }
    )
    log = EventLog.from_frame(frame, customer="who", time="when", item="item")
    X = log.snapshots(pd.date_range("2024-03-01", "2024-09-01", freq="MS"), horizon="30D")
    y = X.future_items()
    result = backtest(Popularity(2), X, y, cv=3, baseline=Popularity(1))
    by_hand = [
        Popularity(2).fit(X[fold.train], y[fold.train]).score(X[fold.test], y[fold.test])
        for fold in TemporalSplit(3).folds(X)
    ]
    np.testing.assert_allclose(result.scores["score"], by_hand)
    assert result.baseline_score <= result.score
    assert result.scoring == "score"
    assert list(result.predictions.columns) == ["customer_id", "as_of", "fold"]
    assert np.isnan(result.scores["positive_rate"]).all()
    with pytest.raises(ParameterError, match="no prediction of one value a row"):
        result.estimate  # noqa: B018  the attribute access is the test


# ------------------------------------------------------------------------------------- errors


class Broken(ClassifierMixin, BaseEstimator):
    def fit(self, X, y):
        raise ZeroDivisionError("no customers today")


def test_an_error_names_the_fold(X, y):
    with pytest.raises(ZeroDivisionError) as caught:
        backtest(Broken(), X, y, cv=2)
    assert caught.value.__notes__ == ["This happened in fold 0 of the back-test, in Broken()."]


def test_refusals(X, y, model):
    with pytest.raises(ParameterError, match="'X' parameter of backtest must be Snapshots"):
        backtest(model, np.zeros((5, 2)), y)
    with pytest.raises(ParameterError, match=r"y has 7 values, X has 1,080 rows"):
        backtest(model, X, y[:7])
    with pytest.raises(ParameterError, match=r"'baseline' parameter of backtest must be 'auto'.*Got 'naive'"):
        backtest(model, X, y, baseline="naive")
    with pytest.raises(ParameterError, match=r"'method' parameter of backtest"):
        backtest(model, X, y, method="transform")
    with pytest.raises(ParameterError, match=r"Pipeline has no method 'predict_proba'"):
        backtest(pipeline(LinearRegression()), X, X.future_purchases(), cv=2, method="predict_proba")
    with pytest.raises(ParameterError, match="scoring takes one metric"):
        backtest(model, X, y, scoring=["roc_auc", "accuracy"])
    with pytest.raises(ParameterError, match=r"predict_proba' gives 3 columns"):
        backtest(model, X, np.minimum(X.future_purchases(), 2), cv=2, method="predict_proba")
    with pytest.raises(ParameterError, match=r"has no score method"):
        backtest(FunctionTransformer(), X, y)
    with pytest.raises(ParameterError, match="gives no folds"):
        backtest(model, X, y, cv=[])


def test_what_came_has_to_be_known(X, y):
    model = pipeline(LogisticRegression())
    with pytest.raises(ParameterError, match="y=None: predictions are compared with what came"):
        backtest(model, X, None)
    unknown = np.where(np.arange(len(y)) < 3, np.nan, y)
    with pytest.raises(ParameterError, match="y is missing or infinite in 3 of .* rows"):
        backtest(model, X, unknown)
