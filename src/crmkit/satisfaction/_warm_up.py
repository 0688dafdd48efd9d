"""One run through everything in this room that has a kernel."""

from __future__ import annotations

import numpy as np

from crmkit.satisfaction._drivers import DriverAnalysis


def warm_up() -> None:
    """Compile the kernels for the types that the library passes."""
    _drivers()


def _drivers() -> None:
    X = np.random.default_rng(0).normal(size=(40, 9))
    y = X.sum(axis=1) + np.arange(40) % 5
    DriverAnalysis(groups={"pair": [0, 1]}, controls=[2], n_resamples=1).fit(X, y)
    DriverAnalysis(model="logistic", n_resamples=1).fit(X[:, :2], np.arange(40) % 2)
