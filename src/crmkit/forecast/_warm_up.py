"""One run through everything in this room that has a kernel."""

from __future__ import annotations

import numpy as np

from crmkit.forecast._baselines import (
    EMAForecaster,
    MovingAverageForecaster,
    NaiveForecaster,
    SeasonalNaiveForecaster,
)
from crmkit.forecast._croston import CrostonForecaster, demand_classes
from crmkit.forecast._demand_forecaster import DemandForecaster
from crmkit.forecast._lag_features import LagFeatures


def warm_up() -> None:
    """Compile the kernels for the types that the library passes."""
    for dtype in (np.float64, np.float32):
        frame = {
            # Out of order, so that rows have to be put in their places.
            "series": np.arange(24) % 2,
            "time": np.arange(24) // 2,
            "value": (np.arange(24) % 5).astype(dtype),
        }
        for model in (NaiveForecaster(), SeasonalNaiveForecaster(), MovingAverageForecaster(), EMAForecaster()):
            model.fit(frame).predict()
        CrostonForecaster().fit(frame).predict()
        CrostonForecaster("tsb").fit(frame).predict()
        demand_classes(frame)
        rolling = [(statistic, 3) for statistic in ("mean", "std", "min", "max", "median")]
        LagFeatures(rolling=rolling, ema=[0.3], time_features=["season"], season=4).fit_transform(frame)
        model = DemandForecaster(steps=2, lags=[1], rolling=rolling, ema=[0.3], target_transform=None, calibration=0)
        model.fit(frame).predict()
