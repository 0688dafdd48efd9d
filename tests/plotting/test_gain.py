"""The curve is the metric's, drawn as gain and as lift."""

from __future__ import annotations

import matplotlib.pyplot as plt
import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from crmkit.exceptions import ParameterError
from crmkit.metrics import gain_curve, lift
from crmkit.plotting import GainDisplay


@pytest.fixture(autouse=True)
def close_figures():
    yield
    plt.close("all")


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
    first = GainDisplay.from_estimator(model, score[:, None], labels, n_resamples=5, coverage=0.5)
    np.testing.assert_allclose(first.gain, gain_curve(y, score).gain)
    second = GainDisplay.from_predictions(y, -score, n_resamples=0, name="worst", ax=first.ax_)
    assert list(second.lines_) == ["curve"]
    assert second.band_ is None
    assert len(first.ax_.get_legend().get_texts()) == 4


def test_what_is_refused(scored):
    y, score = scored
    with pytest.raises(ParameterError, match="nobody churned"):
        GainDisplay.from_predictions(np.zeros(600), score)
    with pytest.raises(ParameterError, match="'kind' parameter"):
        GainDisplay.from_predictions(y, score, kind="profit")
    with pytest.raises(ParameterError, match="'kind' parameter of GainDisplay.plot"):
        GainDisplay.from_predictions(y, score, n_resamples=0).plot(kind="profit")
