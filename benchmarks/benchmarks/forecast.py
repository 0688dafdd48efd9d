"""Speed and memory of lag features and forecasters; errors of forecasts, which must not move."""

from __future__ import annotations

import numpy as np
import pandas as pd

from crmkit.forecast import (
    CrostonForecaster,
    DemandForecaster,
    EMAForecaster,
    LagFeatures,
    MovingAverageForecaster,
    NaiveForecaster,
    SeasonalNaiveForecaster,
    rolling_origin,
)


def weekly(n_series, n_weeks=156, seed=0):
    """Counts with a level of each series' own, a season of a year, and a slow trend."""
    rng = np.random.default_rng(seed)
    week = np.arange(n_weeks)
    level = rng.lognormal(2, 1, n_series)[:, None] * np.exp(rng.normal(0, 0.002, n_series)[:, None] * week)
    season = 1 + 0.5 * np.sin(2 * np.pi * (week / 52 + rng.random(n_series)[:, None]))
    return pd.DataFrame(
        {
            "series": np.repeat(np.arange(n_series), n_weeks),
            "time": np.tile(np.datetime64("2021-01-04", "us") + 7 * week.astype("m8[D]"), n_series),
            "value": rng.poisson(level * season).astype(float).ravel(),
        }
    )


class Lags:
    """Eleven features of two thousand series of three years of weeks, sorted and not."""

    params = [[True, False]]
    param_names = ["in_order"]

    def setup(self, in_order):
        frame = weekly(2_000)
        self.frame = frame if in_order else frame.sample(frac=1, random_state=0)
        rolling = [("mean", 4), ("mean", 12), ("std", 12), ("median", 5)]
        features = LagFeatures((1, 2, 3, 52), rolling=rolling, ema=(0.3,), time_features=("month", "week"))
        self.features = features.fit(self.frame)
        self.time_transform()

    def time_transform(self, *_):
        self.features.transform(self.frame)

    def peakmem_transform(self, *_):
        self.features.transform(self.frame)


FORECASTERS = {
    "naive": NaiveForecaster,
    "seasonal naive": SeasonalNaiveForecaster,
    "moving average": lambda: MovingAverageForecaster(8),
    "exponential mean": EMAForecaster,
    "Croston": CrostonForecaster,
    "linear, lags 1, 2, 3, 52": lambda: DemandForecaster(lags=(1, 2, 3, 52)),
}


class Forecasters:
    """Five hundred series, eight weeks ahead."""

    params = list(FORECASTERS)
    param_names = ["forecaster"]

    def setup(self, forecaster):
        self.frame = weekly(500)
        self.fitted = FORECASTERS[forecaster]().fit(self.frame)
        self.fitted.predict(8)

    def time_fit(self, forecaster):
        FORECASTERS[forecaster]().fit(self.frame)

    def time_predict(self, forecaster):
        self.fitted.predict(8)


class Quality:
    """Scaled error of forecasts four weeks ahead, from three origins."""

    params = list(FORECASTERS)
    param_names = ["forecaster"]

    def track_mase(self, forecaster):
        found = rolling_origin({"asked": FORECASTERS[forecaster]()}, weekly(50), steps=4)
        return float(found.scores.set_index("model").loc["asked", "mase"])
