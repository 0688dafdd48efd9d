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
