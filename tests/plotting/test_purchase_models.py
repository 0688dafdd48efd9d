"""What is no fitted purchase model is refused by every picture of one."""

from __future__ import annotations

import pytest
from sklearn.exceptions import NotFittedError

from crmkit import CLVEstimator, EventLog
from crmkit.datasets import load_cdnow
from crmkit.exceptions import ParameterError
from crmkit.plotting import (
    AliveHistoryDisplay,
    AliveProbabilityDisplay,
    CalibrationByFrequencyDisplay,
    FrequencyRecencyDisplay,
    PurchaseCountDisplay,
    TrackingDisplay,
)
from crmkit.value import BetaGeoNBD, ShiftedBetaGeometric


@pytest.fixture(scope="module")
def log():
    return EventLog.from_frame(load_cdnow(), customer="customer_id", time="date", value="value")


@pytest.fixture(
    params=[
        lambda model, X: AliveHistoryDisplay.from_estimator(model, X.log, 4),
        lambda model, X: AliveProbabilityDisplay.from_estimator(model),
        CalibrationByFrequencyDisplay.from_estimator,
        lambda model, X: FrequencyRecencyDisplay.from_estimator(model, "9W"),
        lambda model, X: PurchaseCountDisplay.from_estimator(model),
        TrackingDisplay.from_estimator,
    ]
)
def draw(request, log):
    X = log.snapshot("1997-10-01", horizon="9W")
    return lambda model: request.param(model, X)


def test_other_estimators_are_refused(draw):
    with pytest.raises(ParameterError, match="Got CLVEstimator instead. Pass its purchase_model_"):
        draw(CLVEstimator())
    with pytest.raises(ParameterError, match="Got ShiftedBetaGeometric instead. Contracts have no purchases"):
        draw(ShiftedBetaGeometric())
    with pytest.raises(ParameterError, match="Got the class BetaGeoNBD instead"):
        draw(BetaGeoNBD)
    with pytest.raises(ParameterError, match="Got NoneType instead"):
        draw(None)


def test_unfitted_models_say_so(draw):
    with pytest.raises(NotFittedError):
        draw(BetaGeoNBD())
