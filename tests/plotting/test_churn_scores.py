"""Groups and intervals against counting by hand; quantiles and moves of scores against the metric, date by date."""

from __future__ import annotations

import matplotlib.dates as mdates
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.svm import LinearSVC

from crmkit import ChurnClassifier, EventLog, RFMTransformer
from crmkit.churn import drift_over_time
from crmkit.datasets import load_cdnow
from crmkit.exceptions import ParameterError
from crmkit.metrics import (
    brier_decomposition,
    expected_calibration_error,
    population_stability_index,
    proportion,
    stability_cutoff,
)
from crmkit.plotting import ReliabilityDisplay, ScoreDriftDisplay


@pytest.fixture(autouse=True)
def close_figures():
    yield
    plt.close("all")


@pytest.fixture(scope="module")
def scored():
    rng = np.random.default_rng(0)
    said = rng.beta(1, 3, 1000)
    return (rng.random(1000) < said).astype(int), said


def test_groups_by_hand(scored):
    y, said = scored
    display = ReliabilityDisplay.from_predictions(y, said, coverage=0.9)
    order = np.argsort(said)
    for number, rows in enumerate(np.split(order, 10)):
        expected = proportion(int(y[rows].sum()), 100, coverage=0.9)
        assert display.came[number] == pytest.approx(float(expected))
        assert (display.low[number], display.high[number]) == pytest.approx((expected.low, expected.high))
        assert display.said[number] == pytest.approx(said[rows].mean())
    assert display.error == expected_calibration_error(y, said)
    assert display.counts.sum() == 1000
    assert display.counts[0] == (said < 0.02).sum()


@pytest.mark.parametrize(("decimals", "bins"), [(1, 11), (6, 20), (6, 1)])
def test_groups_are_those_of_the_metric(scored, decimals, bins):
    y, said = scored[0], scored[1].round(decimals)
    display = ReliabilityDisplay.from_predictions(y, said, bins=bins)
    # Each probability is a group where there are few, and groups are of one size where none is there twice.
    counts = np.unique(said, return_counts=True)[1] if decimals == 1 else np.ones(bins)
    gap = display.said - display.came
    assert counts @ np.abs(gap) / counts.sum() == pytest.approx(display.error)
    assert counts @ gap**2 / counts.sum() == pytest.approx(brier_decomposition(y, said, bins=bins).reliability)


def test_a_group_that_never_churns_has_an_interval():
    display = ReliabilityDisplay.from_predictions([0] * 20 + [1] * 20, [0.1] * 20 + [0.9] * 20)
    assert display.came.tolist() == [0, 1]
    assert display.low[0] == 0
    assert display.high[0] == pytest.approx(0.161, abs=1e-3)


def test_what_is_drawn(scored):
    y, said = scored
    display = ReliabilityDisplay.from_predictions(y, said)
    line, _, (bars,) = display.points_
    np.testing.assert_allclose(line.get_xydata(), np.column_stack([display.said, display.came]))
    np.testing.assert_allclose(
        [segment[:, 1] for segment in bars.get_segments()], np.column_stack([display.low, display.high])
    )
    heights = np.array([bar.get_height() for bar in display.bars_])
    np.testing.assert_allclose(heights, 0.2 * display.counts / display.counts.max())
    labels = np.where(y, "yes", "no")
    model = LogisticRegression().fit(said[:, None], labels)
    second = ReliabilityDisplay.from_estimator(model, said[:, None], labels, pos_label="yes", ax=display.ax_)
    assert second.bars_ is None
    assert second.name == "LogisticRegression"
    assert len(display.ax_.get_legend().get_texts()) == 3


def test_what_is_refused(scored):
    y, said = scored
    model = LinearSVC().fit(said[:, None], y)
    with pytest.raises(ParameterError, match="LinearSVC has no predict_proba. Put it into ChurnClassifier"):
        ReliabilityDisplay.from_estimator(model, said[:, None], y)
    with pytest.raises(ParameterError, match="y_prob"):
        ReliabilityDisplay.from_predictions(y, said + 1)
    with pytest.raises(ParameterError, match="'bins' parameter"):
        ReliabilityDisplay.from_predictions(y, said, bins=0)
    with pytest.raises(ParameterError, match="'coverage' parameter"):
        ReliabilityDisplay.from_predictions(y, said, coverage=2)


@pytest.fixture(scope="module")
def rows():
    log = EventLog.from_frame(load_cdnow(), customer="customer_id", time="date", value="value")
    return log.snapshots(pd.date_range("1997-08-01", "1998-02-01", freq="2MS"), horizon="60D")


def test_a_classifier(rows):
    model = ChurnClassifier(LogisticRegression(), features=RFMTransformer()).fit(rows, rows.churned())
    display = ScoreDriftDisplay.from_estimator(model, rows)
    said = model.predict_proba(rows)[:, 1]
    dates = np.unique(rows.as_of)
    np.testing.assert_array_equal(display.as_of, dates)
    first = said[rows.as_of == dates[0]]
    for number, date in enumerate(dates):
        own = said[rows.as_of == date]
        np.testing.assert_allclose(display.quantiles[:, number], np.quantile(own, [0.05, 0.25, 0.5, 0.75, 0.95]))
        assert display.psi[number] == pytest.approx(population_stability_index(first, own) if number else 0.0)
    table = drift_over_time(model, rows)
    table = table[table["sort"] == "score"]
    np.testing.assert_allclose(display.psi[1:], table["psi"])
    np.testing.assert_allclose(display.cutoff[1:], table["cutoff"])
    assert np.isnan(display.cutoff[0])
    assert display.label == "probability of churn"


def test_decisions_and_numbers(rows):
    model = make_pipeline(RFMTransformer(), LinearSVC()).fit(rows, rows.churned())
    display = ScoreDriftDisplay.from_estimator(model, rows)
    last = rows.as_of == rows.as_of.max()
    np.testing.assert_allclose(display.quantiles[2, -1], np.median(model.decision_function(rows)[last]))
    assert display.label == "score"


def test_what_is_drawn_of_drift():
    rng = np.random.default_rng(0)
    as_of = np.repeat(pd.date_range("2026-01-01", periods=3, freq="MS").to_numpy(), 400)
    score = rng.normal(size=1200) + (as_of == as_of[-1])
    score[7] = np.nan
    _, ax = plt.subplots()
    display = ScoreDriftDisplay.from_predictions(as_of, score, label="margin", ax=ax)
    assert display.ax_ is ax
    assert display.figure_ is ax.figure
    assert display.score_ax_.get_ylabel() == "margin"
    np.testing.assert_allclose(display.median_.get_ydata(), display.quantiles[2])
    heights = [bar.get_height() for bar in display.bars_]
    np.testing.assert_allclose(heights, display.psi)
    # Only the last has moved.
    colours = [bar.get_facecolor() for bar in display.bars_]
    assert colours[0] == colours[1] != colours[2]
    assert display.cutoff[2] == pytest.approx(stability_cutoff(400, 400, 11))
    np.testing.assert_allclose(display.median_.get_xdata(orig=False), mdates.date2num(np.unique(as_of)))


def test_drift_that_is_refused(rows):
    model = make_pipeline(RFMTransformer(), LinearSVC()).fit(rows, rows.churned())
    with pytest.raises(ParameterError, match="'X' parameter of ScoreDriftDisplay must be Snapshots"):
        ScoreDriftDisplay.from_estimator(model, np.ones((3, 2)))
    one = rows[rows.as_of == rows.as_of[0]]
    with pytest.raises(ParameterError, match="at least two different ones"):
        ScoreDriftDisplay.from_estimator(model, one)
    with pytest.raises(ParameterError, match="the date of each of the 3 scores"):
        ScoreDriftDisplay.from_predictions(np.array(["2026-01-01", "2026-01-02"], dtype="M8[D]"), [1.0, 2.0, 3.0])
