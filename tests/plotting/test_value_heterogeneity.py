"""The curves are the fitted distributions."""

from __future__ import annotations

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from sklearn.exceptions import NotFittedError

from crmkit import EventLog
from crmkit.datasets import load_cdnow
from crmkit.exceptions import ParameterError
from crmkit.plotting import HeterogeneityDisplay
from crmkit.value import (
    BetaGeoBetaBinomial,
    BetaGeoNBD,
    GammaGamma,
    ModifiedBetaGeoNBD,
    ParetoNBD,
    ShiftedBetaGeometric,
)


@pytest.fixture(autouse=True)
def close_figures():
    yield
    plt.close("all")


@pytest.fixture(scope="module", name="today")
def cdnow_today():
    log = EventLog.from_frame(load_cdnow(), customer="customer_id", time="date", value="value")
    return log.snapshot("1997-10-01")


def test_curves_hold_the_customers_the_model_makes(today):
    model = BetaGeoNBD().fit(today)
    customers = model.sample(50_000, "39W", random_state=0)
    display = HeterogeneityDisplay.from_estimator(model)
    for density, column in zip(display.densities, ("purchase_rate", "dropout_probability"), strict=True):
        assert density.mean == pytest.approx(customers[column].mean(), rel=0.05)
        left, right = density.value[[100, 300]]
        share = density.density[100:300].sum() * (density.value[1] - density.value[0])
        half = 0.5 * (density.value[1] - density.value[0])
        seen = customers[column].between(left - half, right - half).mean()
        assert share == pytest.approx(seen, abs=0.01)
        assert (display.lines_[density.name].get_ydata() == density.density).all()


def test_steady_buyers_have_the_rate_of_their_purchases(today):
    model = ModifiedBetaGeoNBD(regularity=2).fit(today)
    rate = HeterogeneityDisplay.from_estimator(model).densities[0].mean
    assert rate == pytest.approx(model.sample(40_000, "39W", random_state=0)["purchase_rate"].mean(), rel=0.05)


def test_every_family_has_curves(today):
    donors = BetaGeoBetaBinomial(penalty=1e-3).fit([[0, 0, 6], [1, 2, 6], [3, 4, 6], [6, 6, 6], [2, 6, 6]] * 20)
    # Renewals before the end of a contract, and those that had not ended.
    lost = [131, 126, 90, 60, 42, 34, 26, 491]
    frame = pd.DataFrame({"periods": [*range(7), 7], "ended": [1] * 7 + [0]})
    contracts = ShiftedBetaGeometric(start="order", end="cancel").fit(frame, sample_weight=lost)
    pareto, spend = ParetoNBD().fit(today), GammaGamma().fit(today)
    means = {
        pareto: [pareto.r_ / pareto.alpha_, pareto.s_ / pareto.beta_],
        donors: [donors.alpha_ / (donors.alpha_ + donors.beta_), donors.gamma_ / (donors.gamma_ + donors.delta_)],
        contracts: [contracts.alpha_ / (contracts.alpha_ + contracts.beta_)],
        spend: [spend.p_ * spend.v_ / (spend.q_ - 1)],
    }
    for model, expected in means.items():
        display = HeterogeneityDisplay.from_estimator(model)
        assert [density.mean for density in display.densities] == pytest.approx(expected)
        assert all(np.isfinite(density.density).all() for density in display.densities)
        assert len(display.axes_) == len(expected)


def test_units_are_those_of_the_fit(today):
    assert "week" in HeterogeneityDisplay.from_estimator(ParetoNBD().fit(today)).densities[0].name
    assert "day" in HeterogeneityDisplay.from_estimator(ParetoNBD(time_unit="D").fit(today)).densities[0].name
    assert "time unit" in HeterogeneityDisplay.from_estimator(ParetoNBD().fit(today.summary())).densities[0].name


def test_it_draws_where_it_is_told(today):
    model = BetaGeoNBD().fit(today)
    _, axes = plt.subplots(2)
    display = HeterogeneityDisplay.from_estimator(model, axes=axes)
    assert display.axes_ == list(axes)
    with pytest.raises(ParameterError, match="one Axes for each of 2 traits"):
        HeterogeneityDisplay.from_estimator(model, axes=axes[0])
    with pytest.raises(ParameterError, match="must be a purchase"):
        HeterogeneityDisplay.from_estimator("model")


def test_an_unfitted_model_says_so():
    with pytest.raises(NotFittedError):
        HeterogeneityDisplay.from_estimator(BetaGeoNBD())
