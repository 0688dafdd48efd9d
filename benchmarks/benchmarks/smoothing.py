"""Speed and memory of smoothers, of one row in a loop, and of charts; digits that moving means must not lose."""

from __future__ import annotations

import math

import numpy as np

from crmkit.smoothing import CUSUMChart, EMASmoother, EWMAChart, MovingAverageSmoother


def walks(n_series, n_times, missing=0.0, seed=0):
    """Random walks, one a row."""
    rng = np.random.default_rng(seed)
    X = rng.standard_normal((n_series, n_times)).cumsum(axis=1)
    if missing:
        X[rng.random(X.shape) < missing] = np.nan
    return X


LAYOUTS = {
    "rows": lambda X: X,
    "columns": np.asfortranarray,
    "float32": lambda X: X.astype(np.float32),
}


class ExponentialMean:
    """Two thousand series of a thousand values, by both ways to weight them."""

    params = [list(LAYOUTS), [0.0, 0.05], [False, True]]
    param_names = ["layout", "missing", "adjust"]

    def setup(self, layout, missing, adjust):
        self.X = LAYOUTS[layout](walks(2_000, 1_000, missing))
        self.smoother = EMASmoother(alpha=0.3, adjust=adjust).fit(self.X)
        self.smoother.transform(self.X)

    def time_transform(self, *_):
        self.smoother.transform(self.X)

    def time_copy(self, *_):
        self.X.copy(order="K")

    def peakmem_transform(self, *_):
        self.smoother.transform(self.X)


class LearntAlpha:
    """The weight that forecasts one step ahead best."""

    def setup(self):
        self.X = walks(2_000, 200)
        self.time_fit()

    def time_fit(self):
        EMASmoother(alpha="auto").fit(self.X)


class Groups:
    """Twenty thousand series of about twenty values, one after the other in one vector."""

    def setup(self):
        rng = np.random.default_rng(0)
        self.groups = np.repeat(np.arange(20_000), 1 + rng.poisson(20, 20_000))
        self.values = rng.standard_normal(len(self.groups))
        self.exponential, self.mean = EMASmoother(alpha=0.3), MovingAverageSmoother(5)
        self.time_exponential_mean()
        self.time_moving_mean()

    def time_exponential_mean(self):
        self.exponential.transform_groups(self.values, self.groups)

    def time_moving_mean(self):
        self.mean.transform_groups(self.values, self.groups)


class Moving:
    """Moving statistics of five hundred series of a thousand values."""

    params = [["mean", "std", "min", "median"], [5, 21, 101, 501]]
    param_names = ["statistic", "window"]

    def setup(self, statistic, window):
        self.X = walks(500, 1_000)
        self.smoother = MovingAverageSmoother(window, statistic=statistic).fit(self.X)
        self.smoother.transform(self.X)

    def time_transform(self, *_):
        self.smoother.transform(self.X)


class OneRow:
    """A hundred values of one series, as in a loop."""

    def setup(self):
        self.X = walks(1, 100)
        self.exponential = EMASmoother(alpha=0.3).fit(self.X)
        self.mean = MovingAverageSmoother(21).fit(self.X)
        self.time_exponential_mean()
        self.time_moving_mean()

    def time_exponential_mean(self):
        self.exponential.transform(self.X)

    def time_moving_mean(self):
        self.mean.transform(self.X)


class Digits:
    """Largest error of a moving mean, in parts of the mean of absolute values in the window, after a large value."""

    params = [5, 501]
    param_names = ["window"]

    def track_error(self, window):
        rng = np.random.default_rng(0)
        x = rng.standard_normal(4_000) * 10 ** rng.uniform(-6, 9, 4_000)
        found = MovingAverageSmoother(window).fit_transform(x[None])[0, window - 1 :]
        views = np.lib.stride_tricks.sliding_window_view(x, window)
        exact = np.array([math.fsum(view) / window for view in views])
        return float((np.abs(found - exact) / np.abs(views).mean(axis=1)).max())

    track_error.unit = "parts"


CHARTS = {"EWMA": EWMAChart, "CUSUM": CUSUMChart}


class Charts:
    """Limits from the run length that is asked for, and a hundred thousand points."""

    params = list(CHARTS)
    param_names = ["chart"]

    def setup(self, chart):
        rng = np.random.default_rng(0)
        self.before, self.points = rng.standard_normal(500), rng.standard_normal(100_000)
        self.chart = CHARTS[chart]().fit(self.before)
        self.chart.predict(self.points)

    def time_fit(self, chart):
        CHARTS[chart]().fit(self.before)

    def time_predict(self, chart):
        self.chart.predict(self.points)
