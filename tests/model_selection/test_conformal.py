import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.dummy import DummyRegressor
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LinearRegression
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer

from crmkit import EventLog, RFMTransformer
from crmkit.datasets import make_purchases
from crmkit.exceptions import ParameterError
from crmkit.model_selection import ConformalIntervals, ConformalRegressor, TemporalSplit


def inside(y, intervals):
    return (intervals[:, 0] <= y) & (y <= intervals[:, 1])


# -- the ends, from errors ---------------------------------------------------------------------


def naive_ends(errors, coverage):
    """The narrowest pair of order statistics that leaves at most half of the misses below."""
    n = len(errors)
    errors = sorted(errors)
    misses = int(round((1 - coverage) * (n + 1), 6))
    low = errors[misses // 2 - 1]
    unused = misses - 1 - sum(error < low for error in errors)
    return low, errors[-unused]


@given(st.lists(st.integers(-3, 3), min_size=19, max_size=60), st.sampled_from([0.5, 0.8, 0.9]))
def test_ends_are_order_statistics(errors, coverage):
    # One group, in units of y, so that the errors are the outcomes.
    intervals = ConformalIntervals.calibrate(errors, np.zeros(len(errors)))
    (found,) = intervals.around([0.0], coverage)
    assert tuple(found) == naive_ends(errors, coverage)


@pytest.mark.parametrize("n", [19, 39, 100])
@pytest.mark.parametrize("coverage", [0.8, 0.9])
def test_the_next_of_exchangeable_errors_is_inside_as_often_as_promised(n, coverage):
    rng = np.random.default_rng(0)
    hits = []
    for _ in range(4000):
        errors = rng.normal(size=n + 1)
        (ends,) = ConformalIntervals.calibrate(errors[:n], np.zeros(n)).around([0.0], coverage)
        hits.append(ends[0] <= errors[n] <= ends[1])
    # Four standard errors of a share of 4,000, and what whole numbers of misses leave over.
    assert coverage - 0.025 < np.mean(hits) < coverage + 1 / (n + 1) + 0.025


def test_what_a_heap_of_zeros_leaves_is_used_above():
    rng = np.random.default_rng(1)
    y = np.where(rng.random(2000) < 0.6, 0.0, rng.lognormal(3, 1, 2000))
    (interval,) = ConformalIntervals.calibrate(y, np.full(2000, y.mean())).around([y.mean()], 0.9)
    assert interval[0] == 0
    assert 0.89 < (y <= interval[1]).mean() < 0.91


def test_those_who_hardly_buy_get_nothing_to_nothing():
    y = np.zeros(200)
    y[:5] = 100.0
    intervals = ConformalIntervals.calibrate(y, np.full(200, 2.5)).around([2.5, 5.0])
    assert intervals.tolist() == [[0, 0], [0, 0]]


def test_errors_grow_with_the_prediction_of_what_is_never_negative():
    rng = np.random.default_rng(2)
    said = rng.uniform(1, 1000, 5000)
    intervals = ConformalIntervals.calibrate(said * rng.uniform(0.5, 1.5, 5000), said)
    low, high = intervals.around([10.0, 1000.0]).T
    assert high[1] - low[1] == pytest.approx(100 * (high[0] - low[0]), rel=0.1)
    assert low == pytest.approx([5.5, 550], rel=0.05)


def test_groups_follow_the_predictions():
    """Errors of another shape at another level: inside each level the coverage is right."""
    rng = np.random.default_rng(3)
    said = rng.uniform(-50, 50, 8000)
    y = said + np.where(said > 0, rng.normal(0, 10, 8000), rng.normal(0, 1, 8000))
    intervals = ConformalIntervals.calibrate(y[:4000], said[:4000])
    hit = inside(y[4000:], intervals.around(said[4000:], 0.8))
    for side in (said[4000:] > 5, said[4000:] < -5):
        assert hit[side].mean() == pytest.approx(0.8, abs=0.04)


def test_predictions_of_nothing_are_no_unit():
    said = np.array([0.0] * 150 + [10.0] * 150)
    y = np.array([0.0] * 100 + [7.0] * 50 + [10.0] * 150)
    intervals = ConformalIntervals.calibrate(y, said).around([0.0, 10.0, 10.5])
    assert intervals[:2].tolist() == [[0, 7], [10, 10]]
    assert np.isfinite(intervals).all()


@given(st.floats(0.01, 100))
def test_intervals_know_no_unit(scale):
    rng = np.random.default_rng(4)
    said = rng.gamma(1, 10, 400)
    y = said * rng.gamma(1, 1, 400)
    one, other = ConformalIntervals.calibrate(y, said), ConformalIntervals.calibrate(scale * y, scale * said)
    assert other.around(scale * said) == pytest.approx(scale * one.around(said), rel=1e-9)


def test_too_few_rows_are_an_error_that_counts_them():
    intervals = ConformalIntervals.calibrate(np.arange(18.0), np.zeros(18))
    with pytest.raises(ParameterError, match=r"'coverage' parameter of predict_interval is 0.9, .* 19 rows .* 18"):
        intervals.around([0.0])
    with pytest.raises(ParameterError, match="'coverage' parameter of predict_interval must be"):
        intervals.around([0.0], 1.0)
    with pytest.raises(ParameterError, match="at least one row"):
        ConformalIntervals.calibrate([], [])


# -- around an estimator on snapshots ----------------------------------------------------------


class Recorder(RegressorMixin, BaseEstimator):
    """Keeps the dates that it was fitted on, for all clones."""

    seen: list = []  # noqa: RUF012  shared by clones on purpose

    def fit(self, X, y):
        type(self).seen.append((X.as_of.min(), X.as_of.max(), len(X), float(np.sum(y))))
        return self

    def predict(self, X):
        return np.ones(len(X))


@pytest.fixture(scope="module")
def shop():
    frame, _ = make_purchases(1500, span="120W", acquisition="40W", random_state=1)
    return EventLog.from_frame(frame, customer="customer_id", time="time", value="value", observed_until="2025-06-01")


def test_no_label_of_the_fit_reaches_the_calibration(X):
    Recorder.seen.clear()
    y = X.future_value()
    model = ConformalRegressor(Recorder()).fit(X, y)
    (early, everything) = Recorder.seen
    assert early[1] + X.horizon <= model.calibrated_on_[0] == X.as_of.max()
    assert everything == (X.as_of.min(), X.as_of.max(), len(X), pytest.approx(y.sum()))
    assert model.n_calibration_rows_ == (X.as_of == X.as_of.max()).sum()
    Recorder.seen.clear()
    model = ConformalRegressor(Recorder(), calibration_span="90D").fit(X, y)
    assert Recorder.seen[0][1] + X.horizon <= model.calibrated_on_[0] < model.calibrated_on_[1] == X.as_of.max()


def test_a_gap_counts_as_part_of_the_label(log):
    X = log.snapshots(pd.date_range("2023-05-01", "2024-01-01", freq="MS"), horizon="20D", gap="20D")
    Recorder.seen.clear()
    model = ConformalRegressor(Recorder()).fit(X, X.future_value())
    assert Recorder.seen[0][1] == np.datetime64("2023-11-01")
    assert model.calibrated_on_[0] == np.datetime64("2024-01-01")


def test_without_drift_later_outcomes_are_inside_as_often_as_said(shop):
    """Money that is mostly zero, dates that the model has not seen: near the coverage, overall and by size."""
    train = shop.snapshots(pd.date_range("2023-10-01", "2024-07-01", freq="MS"), horizon="91D")
    test = shop.snapshots(["2024-10-01"], horizon="91D")
    model = ConformalRegressor(make_pipeline(RFMTransformer(), LinearRegression(positive=False)))
    model.fit(train, train.future_value())
    y = test.future_value()
    assert (y == 0).mean() > 0.5
    for coverage in (0.5, 0.8, 0.9):
        found = inside(y, model.predict_interval(test, coverage)).mean()
        # Zeros that are inside together make it more than was asked for, never much less.
        assert found > coverage - 0.04
    assert inside(y, model.predict_interval(test, 0.9)).mean() < 0.97
    assert (model.predict_interval(test)[:, 0] >= 0).all()


def test_predictions_are_those_of_the_estimator_on_all_rows(X):
    y = X.future_value()
    estimator = make_pipeline(RFMTransformer(), LinearRegression())
    assert ConformalRegressor(estimator).fit(X, y).predict(X) == pytest.approx(estimator.fit(X, y).predict(X))
    assert ConformalRegressor().fit(X, y).predict(X) == pytest.approx(DummyRegressor().fit(X, y).predict(X))


def test_groups_have_rows_enough_beside_heaps_of_equal_predictions():
    # A forest says the same of most customers. The heap ends two rows before the next rank of a cut.
    said = np.r_[np.zeros(1998), np.linspace(1.0, 2.0, 402)]
    intervals = ConformalIntervals.calibrate(np.arange(2400.0), said)
    groups = np.searchsorted(intervals.cut_points, said)
    assert np.bincount(groups).min() >= 100
    assert [len(errors) for errors in intervals.errors] == np.bincount(groups).tolist()
    assert np.isfinite(intervals.around(said, 0.9)).all()


def test_unfitted_it_says_so(X):
    with pytest.raises(NotFittedError):
        ConformalRegressor().predict_interval(X)


def test_it_stands_in_searches_and_pipelines(X):
    y = X.future_value()
    model = make_pipeline(
        FunctionTransformer(), ConformalRegressor(make_pipeline(RFMTransformer(), LinearRegression()))
    )
    grid = {"conformalregressor__estimator__rfmtransformer__monetary": ["sum", "mean"]}
    search = GridSearchCV(model, grid, cv=TemporalSplit(2), scoring="neg_mean_absolute_error").fit(X, y)
    assert search.best_estimator_[-1].predict_interval(X).shape == (len(X), 2)


def test_what_is_wrong_is_named(X, log):
    y = X.future_value()
    with pytest.raises(ParameterError, match="must be Snapshots"):
        ConformalRegressor().fit(np.ones((5, 2)), np.ones(5))
    with pytest.raises(ParameterError, match="'y' parameter of ConformalRegressor must be of length"):
        ConformalRegressor().fit(X, y[1:])
    one = log.snapshots(["2023-08-01"], horizon="45D")
    with pytest.raises(ParameterError, match="needs at least 2 of them"):
        ConformalRegressor().fit(one, one.future_value())
    with pytest.raises(ValueError, match="estimator"):
        ConformalRegressor(LinearRegression).fit(X, y)
    with pytest.raises(ValueError, match="calibration_span"):
        ConformalRegressor(calibration_span=90).fit(X, y)
