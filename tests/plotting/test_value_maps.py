"""Each cell of a map is what the model says of that history."""

from __future__ import annotations

import json
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest

from crmkit import EventLog
from crmkit.datasets import load_cdnow
from crmkit.plotting import AliveProbabilityDisplay, FrequencyRecencyDisplay
from crmkit.value import BetaGeoBetaBinomial, BetaGeoNBD, ModifiedBetaGeoNBD

GOLDEN = Path(__file__).parents[1] / "golden" / "beta_geo_beta_binomial.json"


@pytest.fixture(autouse=True)
def close_figures():
    yield
    plt.close("all")


@pytest.fixture(scope="module", name="today")
def cdnow_today():
    log = EventLog.from_frame(load_cdnow(), customer="customer_id", time="date", value="value")
    return log.snapshot("1997-10-01")


def cells(display):
    x, t_x = np.meshgrid(display.frequency, display.recency, indexing="ij")
    known = np.isfinite(display.values)
    return np.column_stack([x[known], t_x[known], np.full(known.sum(), display.T)]), display.values[known]


def test_cells_are_predictions(today):
    model = ModifiedBetaGeoNBD().fit(today.summary())
    histories, values = cells(FrequencyRecencyDisplay.from_estimator(model, 39.0))
    assert (values == model.expected_purchases(histories, 39.0)).all()
    histories, values = cells(AliveProbabilityDisplay.from_estimator(model, after=4.0, T=20.0, max_frequency=7))
    assert (values == model.alive_probability(histories, 4.0)).all()
    assert histories.max(axis=0).tolist() == [7, 20, 20]


def test_histories_that_cannot_be_are_blank(today):
    display = AliveProbabilityDisplay.from_estimator(BetaGeoNBD().fit(today))
    blank = np.isnan(display.values)
    assert blank[0].tolist() == [False] + [True] * 100
    assert blank[:, 0].tolist() == [False] + [True] * (len(display.frequency) - 1)
    assert not blank[1:, 1:].any()
    assert display.unit == "weeks"
    assert abs(display.T - 272 / 7) < 1e-12
    assert "38.9 weeks" in display.ax_.get_title()
    assert display.mesh_.get_array().mask.sum() == blank.sum()


def test_maps_stay_small_with_any_number_of_purchases():
    rows = [[x, 50.0 * (x > 0), 52.0] for x in (0, 1, 2, 5, 40, 300, 20_000)]
    model = BetaGeoNBD(penalty=1e-3).fit(rows)
    display = FrequencyRecencyDisplay.from_estimator(model, 10.0)
    assert display.values.shape == (101, 101)
    assert display.frequency[[0, -1]].tolist() == [0, 20_000]
    assert np.isfinite(display.values[-1, -1])


def test_opportunities_are_whole():
    golden = json.loads(GOLDEN.read_text())
    donors = pd.DataFrame(golden["rows"], columns=golden["columns"])
    model = BetaGeoBetaBinomial().fit(donors, sample_weight=donors["customers"])
    display = FrequencyRecencyDisplay.from_estimator(model, 5)
    assert display.frequency.tolist() == display.recency.tolist() == list(range(7))
    histories, values = cells(display)
    # The 22 histories there are, in whose order the table comes.
    assert len(values) == 22
    assert (values == model.expected_purchases(histories, 5)).all()
    assert display.unit == "opportunities"


def test_they_draw_where_they_are_told_and_as_they_are_told(today):
    model = BetaGeoNBD().fit(today)
    _, axes = plt.subplots(1, 2)
    assert FrequencyRecencyDisplay.from_estimator(model, "39W", ax=axes[0]).ax_ is axes[0]
    display = AliveProbabilityDisplay.from_estimator(model, ax=axes[1])
    assert display.ax_ is axes[1]
    assert display.plot(cmap="magma").mesh_.get_cmap().name == "magma"
