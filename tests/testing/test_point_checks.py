"""Each check of points catches a chart that breaks it, and no chart of crmkit."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from crmkit.smoothing import CUSUMChart, EWMAChart
from crmkit.testing import estimator_checks


class LooksAhead(EWMAChart):
    def predict(self, X):
        return np.sign(np.asarray(X, dtype=float) - np.nanmax(np.asarray(X, dtype=float))).astype(int)


class SignalsWhereNothingIs(EWMAChart):
    def predict(self, X):
        return np.where(np.isnan(np.asarray(X, dtype=float)), 1, super().predict(X))


class StartsAgainAfterAGap(EWMAChart):
    def predict(self, X):
        X = np.asarray(X, dtype=float)
        parts = np.split(X, np.flatnonzero(np.isnan(X)))
        return np.concatenate([super(StartsAgainAfterAGap, self).predict(part) for part in parts])


class TakesArraysOnly(EWMAChart):
    def fit(self, X, y=None):
        if not isinstance(X, np.ndarray | pd.Series):
            raise TypeError("TakesArraysOnly takes arrays, not Snapshots or frames.")
        return super().fit(X)


class DropsTheFirstPoint(CUSUMChart):
    def decision_function(self, X):
        return super().decision_function(X)[1:]


BAD = {
    LooksAhead: "check_later_points",
    SignalsWhereNothingIs: "check_missing_points",
    StartsAgainAfterAGap: "check_missing_points",
    TakesArraysOnly: "check_containers",
    DropsTheFirstPoint: "check_row_preserving",
}


@pytest.mark.parametrize("bad", BAD, ids=lambda bad: bad.__name__)
def test_a_bad_chart_is_caught(bad):
    check = dict(estimator_checks(bad()))[BAD[bad]]
    with pytest.raises(Exception, match=r"\w"):
        check()


def test_every_check_of_its_own_catches_something():
    own = {"check_later_points", "check_missing_points", "check_containers"}
    assert own <= set(BAD.values()) <= {name for name, _ in estimator_checks(EWMAChart())}


@pytest.mark.parametrize("name", ["check_later_points", "check_missing_points", "check_containers"])
def test_points_of_ones_own(name):
    points = np.random.default_rng(1).normal(size=60)
    points[50:] += 3
    dict(estimator_checks(CUSUMChart(), points))[name]()
