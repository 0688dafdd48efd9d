"""Groups, intervals and counts against counting by hand."""

from __future__ import annotations

import matplotlib.pyplot as plt
import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.svm import LinearSVC

from crmkit.exceptions import ParameterError
from crmkit.metrics import brier_decomposition, expected_calibration_error, proportion
from crmkit.plotting import ReliabilityDisplay


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
    second = ReliabilityDisplay.from_estimator(model, said[:, None], labels, ax=display.ax_)
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
