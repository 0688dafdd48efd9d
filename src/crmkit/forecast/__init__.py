"""Forecast: what will be asked for, of each item or customer, in the periods to come.

A long frame of series, time and value is what every forecaster takes, and `EventLog.demand` makes one.
Forecasts stand beside the seasonal naive, and past origins show how wrong they were.
"""

from __future__ import annotations

from crmkit.forecast._baselines import (
    EMAForecaster,
    MovingAverageForecaster,
    NaiveForecaster,
    SeasonalNaiveForecaster,
)
from crmkit.forecast._croston import CrostonForecaster, demand_classes
from crmkit.forecast._demand_forecaster import DemandForecaster
from crmkit.forecast._lag_features import LagFeatures
from crmkit.forecast._origin_scores import RollingOrigin
from crmkit.forecast._rolling_origin import rolling_origin

__all__ = [
    "CrostonForecaster",
    "DemandForecaster",
    "EMAForecaster",
    "LagFeatures",
    "MovingAverageForecaster",
    "NaiveForecaster",
    "RollingOrigin",
    "SeasonalNaiveForecaster",
    "demand_classes",
    "rolling_origin",
]
