"""Curves are those of the metrics, the point is what the decision earned, the band is from drawing customers."""

from __future__ import annotations

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import LinearSVC

from crmkit import ChurnClassifier, EventLog, RFMTransformer
from crmkit.churn import ChurnProfit
from crmkit.datasets import load_cdnow
from crmkit.exceptions import ParameterError
from crmkit.metrics import gain_curve, lift, maximum_profit_churn, profit_curve
from crmkit.plotting import GainDisplay, ProfitCurveDisplay
from crmkit.plotting._churn_curves import curve_of
from crmkit.plotting._churn_rows import Scored


@pytest.fixture(autouse=True)
def close_figures():
    yield
    plt.close("all")


@pytest.fixture(scope="module")
def table():
    rng = np.random.default_rng(0)
    n = 800
    X = pd.DataFrame({"age": rng.normal(size=n), "plan": rng.choice(["a", "b"], n), "worth": rng.gamma(2, 100, n)})
    y = np.where(X["age"] + rng.normal(size=n) > 1, "goes", "stays")
    return X, y


@pytest.mark.parametrize("decimals", [1, 6])
def test_the_curve_is_that_of_the_metric(decimals):
    rng = np.random.default_rng(1)
    y, score = rng.integers(0, 2, 300), rng.random(300).round(decimals)
    value = rng.gamma(2, 80, 300)
    profit = ChurnProfit(value=value, incentive=7, contact=2, accept_rate=0.4)
    display = ProfitCurveDisplay.from_predictions(y, score, profit=profit, n_resamples=0)
    expected = profit_curve(y, score, value=value, incentive=7, contact=2, accept_rate=0.4)
    np.testing.assert_allclose(display.fraction, expected.fraction)
    np.testing.assert_allclose(display.profit, expected.profit)
    assert np.isnan(display.low).all()
    assert display.band_ is None
    assert display.chosen is None


def test_many_corners_are_thinned_and_the_best_is_kept():
    rng = np.random.default_rng(1)
    y, score = rng.integers(0, 2, 5000), rng.random(5000)
    display = ProfitCurveDisplay.from_predictions(y, score, n_resamples=2, coverage=0.2)
    assert len(display.fraction) < 500
    assert display.profit.max() == pytest.approx(maximum_profit_churn(y, score))
    expected = profit_curve(y, score)
    np.testing.assert_allclose(display.profit, np.interp(display.fraction, expected.fraction, expected.profit))


def test_the_decision_of_the_model_is_the_point(table):
    X, y = table
    profit = ChurnProfit(value=300)
    model = ChurnClassifier(LogisticRegression(), pos_label="goes", profit=profit, random_state=0).fit(X[:400], y[:400])
    display = ProfitCurveDisplay.from_estimator(model, X[400:], y[400:], n_resamples=20)
    contacted, churned = model.predict(X[400:]) == "goes", y[400:] == "goes"
    earned = contacted * np.where(churned, 0.3 * 290 - 1, -11)
    assert display.chosen == pytest.approx((contacted.mean(), earned.mean()))
    # The decision is a cut of the same scores, so it lies on the curve.
    assert np.interp(contacted.mean(), display.fraction, display.profit) == pytest.approx(earned.mean())
    assert display.name == "ChurnClassifier"
    drawn = display.lines_
    assert drawn["decision"].get_xydata()[0] == pytest.approx(display.chosen)
    assert drawn["best"].get_ydata()[0] == display.profit.max()
    assert drawn["everybody"].get_ydata()[0] == display.profit[-1] == pytest.approx(np.where(churned, 86, -11).mean())
    assert f"({display.chosen[1] * 400:,.0f} in all)" in drawn["decision"].get_label()


def test_customers_of_different_value_come_in_the_order_of_what_they_promise(table):
    X, y = table
    profit = ChurnProfit(value="worth")
    model = ChurnClassifier(LogisticRegression(), pos_label="goes", profit=profit, random_state=0).fit(X[:400], y[:400])
    display = ProfitCurveDisplay.from_estimator(model, X[400:], y[400:], n_resamples=0)
    promised = profit.expected_profit(model.predict_proba(X[400:])[:, 0], X["worth"][400:])
    expected = profit_curve(y[400:] == "goes", promised, value=X["worth"][400:])
    np.testing.assert_allclose(display.profit.max(), expected.profit.max())
    assert np.interp(display.chosen[0], display.fraction, display.profit) == pytest.approx(display.chosen[1])


def test_other_classifiers_and_decision_functions(table):
    X, y = table
    numbers, labels = X[["age"]], (y == "goes").astype(int)
    for model in (make_pipeline(StandardScaler(), LogisticRegression()), LinearSVC()):
        model.fit(numbers, labels)
        display = ProfitCurveDisplay.from_estimator(model, numbers, labels, n_resamples=0)
        expected = profit_curve(labels, numbers["age"])
        np.testing.assert_allclose(display.profit.max(), expected.profit.max())


def test_the_band_draws_customers_with_all_their_rows():
    rng = np.random.default_rng(0)
    y, score = rng.integers(0, 2, 200), rng.random(200)
    alone = ProfitCurveDisplay.from_predictions(y, score)
    ten = ProfitCurveDisplay.from_predictions(
        np.repeat(y, 10), np.repeat(score, 10), groups=np.repeat(np.arange(200), 10)
    )
    rows = ProfitCurveDisplay.from_predictions(np.repeat(y, 10), np.repeat(score, 10))
    width = [float((one.high - one.low).mean()) for one in (alone, ten, rows)]
    assert width[1] == pytest.approx(width[0], rel=0.1)
    assert width[2] == pytest.approx(width[0] / np.sqrt(10), rel=0.2)
    assert (alone.low <= alone.profit + 1e-9)[1:].mean() > 0.95
    again = ProfitCurveDisplay.from_predictions(y, score)
    np.testing.assert_array_equal(again.low, alone.low)
    assert float((ProfitCurveDisplay.from_predictions(y, score, coverage=0.5).high - alone.high).mean()) < 0


def test_the_band_covers_the_profit_of_contacting_everybody():
    rng = np.random.default_rng(0)
    covered = 0
    for _ in range(60):
        y = (rng.random(300) < 0.3).astype(int)
        display = ProfitCurveDisplay.from_predictions(y, rng.random(300), n_resamples=100)
        covered += display.low[-1] <= 0.3 * 56 - 0.7 * 11 <= display.high[-1]
        plt.close("all")
    assert covered >= 50


def test_snapshots_and_two_models_on_one_axes():
    log = EventLog.from_frame(load_cdnow(), customer="customer_id", time="date", value="value")
    X = log.snapshots(["1997-08-01", "1998-01-01"], horizon="60D")
    model = ChurnClassifier(LogisticRegression(), features=RFMTransformer()).fit(X, X.churned())
    first = ProfitCurveDisplay.from_estimator(model, X, X.churned(), n_resamples=5, coverage=0.5)
    second = ProfitCurveDisplay.from_estimator(model, X, X.churned(), n_resamples=0, name="again", ax=first.ax_)
    assert second.ax_ is first.ax_
    assert set(first.lines_) - set(second.lines_) == {"everybody", "nobody", "random"}
    assert first.lines_["curve"].get_color() != second.lines_["curve"].get_color()
    assert "again" in [text.get_text() for text in first.ax_.get_legend().get_texts()]
    assert first.figure_ is first.ax_.figure


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"y_true": [0, 2]}, "must hold 0 and 1 alone"),
        ({"y_true": []}, "is empty: there is nothing to judge"),
        ({"y_score": [0.1]}, "y_score"),
        ({"groups": [1]}, "the customer of each of the 2 rows"),
        ({"profit": ChurnProfit(value="worth")}, "names a column"),
        ({"coverage": 1.0}, "'coverage' parameter"),
        ({"n_resamples": -1}, "'n_resamples' parameter"),
    ],
)
def test_what_is_refused(options, said):
    with pytest.raises(ParameterError, match=said):
        ProfitCurveDisplay.from_predictions(**{"y_true": [0, 1], "y_score": [0.1, 0.2], **options})


def test_estimators_that_are_refused(table):
    X, y = table
    with pytest.raises(ParameterError, match="StandardScaler with no classes"):
        ProfitCurveDisplay.from_estimator(StandardScaler().fit(X[["age"]]), X[["age"]], y)
    three = LogisticRegression().fit(X[["age"]], np.array(["a", "b", "c", "d"] * 200))
    with pytest.raises(ParameterError, match="LogisticRegression with 4 classes"):
        ProfitCurveDisplay.from_estimator(three, X[["age"]], y)
    two = LogisticRegression().fit(X[["age"]], y)
    with pytest.raises(ParameterError, match="labels that LogisticRegression was fitted on"):
        ProfitCurveDisplay.from_estimator(two, X[["age"]], (y == "goes").astype(int), pos_label="goes")


@pytest.fixture(scope="module")
def scored():
    rng = np.random.default_rng(0)
    score = rng.random(600).round(2)
    return (rng.random(600) < score**2).astype(int), score


def test_gain(scored):
    y, score = scored
    display = GainDisplay.from_predictions(y, score, n_resamples=50)
    expected = gain_curve(y, score)
    np.testing.assert_allclose(display.fraction, expected.fraction)
    np.testing.assert_allclose(display.gain, expected.gain)
    assert display.base_rate == y.mean()
    np.testing.assert_allclose(display.lines_["curve"].get_xydata(), np.column_stack(expected))
    x, perfect = display.lines_["perfect"].get_data()
    np.testing.assert_allclose(perfect, np.minimum(x / y.mean(), 1))
    assert (display.low <= display.high).all()
    assert (display.low[0], display.high[-1]) == (0.0, 1.0)


def test_lift(scored):
    y, score = scored
    display = GainDisplay.from_predictions(y, score, kind="lift", n_resamples=0)
    x, drawn = display.lines_["curve"].get_data()
    np.testing.assert_allclose(drawn, np.interp(x, display.fraction, display.gain) / x)
    assert x.min() >= 0.01
    assert drawn[-1] == pytest.approx(1.0)
    assert f"(lift at 10 %: {lift(y, score, share=0.1):.2f})" in display.lines_["curve"].get_label()
    assert display.lines_["perfect"].get_ydata()[0] == pytest.approx(1 / y.mean())
    assert display.plot(kind="gain").ax_.get_ylabel() == "share of all churners"


def test_estimators_on_one_axes(scored):
    y, score = scored
    labels = np.where(y, "yes", "no")
    model = LogisticRegression().fit(score[:, None], labels)
    first = GainDisplay.from_estimator(model, score[:, None], labels, pos_label="yes", n_resamples=5, coverage=0.5)
    np.testing.assert_allclose(first.gain, gain_curve(y, score).gain)
    second = GainDisplay.from_predictions(y, -score, n_resamples=0, name="worst", ax=first.ax_)
    assert list(second.lines_) == ["curve"]
    assert second.band_ is None
    assert len(first.ax_.get_legend().get_texts()) == 4


def test_gains_that_are_refused(scored):
    y, score = scored
    with pytest.raises(ParameterError, match="nobody churned"):
        GainDisplay.from_predictions(np.zeros(600), score)
    with pytest.raises(ParameterError, match="'kind' parameter"):
        GainDisplay.from_predictions(y, score, kind="profit")
    with pytest.raises(ParameterError, match="'kind' parameter of GainDisplay.plot"):
        GainDisplay.from_predictions(y, score, n_resamples=0).plot(kind="profit")


OPTIONS = {"coverage": 0.9, "random_state": 0, "owner": "test"}


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
