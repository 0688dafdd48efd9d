"""Means and numbers by frequency against the published ones."""

from __future__ import annotations

import json
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest

from crmkit import EventLog
from crmkit.datasets import load_cdnow
from crmkit.exceptions import ParameterError
from crmkit.plotting import CalibrationByFrequencyDisplay, PurchaseCountDisplay
from crmkit.plotting import _value_frequency as frequency_module
from crmkit.value import BetaGeoBetaBinomial, BetaGeoNBD, ParetoNBD

GOLDEN = Path(__file__).parents[1] / "golden" / "beta_geo_beta_binomial.json"


@pytest.fixture(autouse=True)
def close_figures():
    yield
    plt.close("all")


@pytest.fixture(scope="module", name="today")
def cdnow_today():
    log = EventLog.from_frame(load_cdnow(), customer="customer_id", time="date", value="value")
    return log.snapshot("1997-10-01", horizon="39W")


# Walkthrough of the CRAN package BTYD 2.4.3, figure of calibration against holdout.
ACTUAL = [0.237, 0.697, 1.393, 1.560, 2.532, 2.947, 3.862, 6.359]
EXPECTED = {
    BetaGeoNBD: [0.225, 0.523, 1.044, 1.520, 2.164, 2.654, 3.504, 6.157],
    ParetoNBD: [0.138, 0.600, 1.196, 1.714, 2.399, 2.907, 3.819, 6.403],
}


@pytest.mark.parametrize("model", list(EXPECTED))
def test_holdout_means_are_the_published_ones(today, model):
    display = CalibrationByFrequencyDisplay.from_estimator(model().fit(today), today)
    assert display.n.tolist() == [1411, 439, 214, 100, 62, 38, 29, 64]
    assert display.actual.round(3).tolist() == ACTUAL
    # The published Pareto/NBD stopped short of the maximum: a unit of the third digit.
    np.testing.assert_allclose(display.expected, EXPECTED[model], atol=8e-4)
    assert [label.get_text() for label in display.ax_.get_xticklabels()] == ["0", "1", "2", "3", "4", "5", "6", "7+"]
    assert (display.lines_["expected"].get_ydata() == display.expected).all()


def test_frames_bring_what_followed(today):
    frame = today.summary()
    model = BetaGeoNBD().fit(frame)
    display = CalibrationByFrequencyDisplay.from_estimator(
        model, frame, today.future_purchases(), horizon=39, name="BG"
    )
    on_log = CalibrationByFrequencyDisplay.from_estimator(BetaGeoNBD().fit(today), today)
    np.testing.assert_allclose(display.expected, on_log.expected, rtol=1e-9)
    assert (display.actual == on_log.actual).all()
    assert display.name == "BG"
    with pytest.raises(ParameterError, match="both y and horizon"):
        CalibrationByFrequencyDisplay.from_estimator(model, frame)
    with pytest.raises(ParameterError, match="both y and horizon"):
        CalibrationByFrequencyDisplay.from_estimator(BetaGeoNBD().fit(today), today.log.snapshot("1997-10-01"))


def test_groups_without_customers_are_gaps(today):
    few = today[:5]
    display = CalibrationByFrequencyDisplay.from_estimator(BetaGeoNBD().fit(today), few, max_frequency=40)
    assert np.isnan(display.actual[display.n == 0]).all()
    assert np.isfinite(display.expected[display.n > 0]).all()
    assert len(display.ax_.get_xticks()) <= 21


def test_fitted_counts_of_donors_are_the_published_ones():
    golden = json.loads(GOLDEN.read_text())
    donors = pd.DataFrame(golden["rows"], columns=golden["columns"])
    model = BetaGeoBetaBinomial().fit(donors, sample_weight=donors["customers"])
    display = PurchaseCountDisplay.from_estimator(model, max_count=6)
    assert display.actual.tolist() == donors.groupby("frequency")["customers"].sum().tolist()
    assert display.expected[[0, 6]].round(1).tolist() == golden["fitted_frequency"]["values"]
    assert display.expected.sum() == pytest.approx(11_104)
    assert [bar.get_height() for bar in display.bars_["expected"]] == display.expected.tolist()


def test_counts_are_sums_of_probabilities(today, monkeypatch):
    model = BetaGeoNBD().fit(today)
    display = PurchaseCountDisplay.from_estimator(model, max_count=3)
    lengths = today.summary()["T"].to_numpy()
    frame_model = BetaGeoNBD().fit(today.summary())
    by_hand = [
        sum(frame_model.purchase_count_probability([[0, 0, 0]], count, length)[0] for length in lengths)
        for count in (0, 2)
    ]
    np.testing.assert_allclose(display.expected[[0, 2]], by_hand, rtol=1e-5)
    assert display.expected.sum() == pytest.approx(len(today))
    # Fewer lengths than there are: near enough for a picture.
    monkeypatch.setattr(frequency_module, "_MOST_LENGTHS", 20)
    rough = PurchaseCountDisplay.from_estimator(model, max_count=3)
    np.testing.assert_allclose(rough.expected, display.expected, rtol=2e-3)


def test_just_seen_customers_count_as_none():
    model = BetaGeoNBD(penalty=1e-3).fit([[0, 0, 0], [0, 0, 0], [1, 1.0, 5.0], [3, 4.0, 6.0], [0, 0, 7.0]])
    display = PurchaseCountDisplay.from_estimator(model, max_count=2)
    assert display.expected[0] > 2
    assert display.expected.sum() == pytest.approx(5)


def test_they_draw_where_they_are_told(today):
    model = BetaGeoNBD().fit(today)
    _, axes = plt.subplots(1, 2)
    assert CalibrationByFrequencyDisplay.from_estimator(model, today, ax=axes[0]).ax_ is axes[0]
    assert PurchaseCountDisplay.from_estimator(model, ax=axes[1]).ax_ is axes[1]
