"""Each check of long frames catches an estimator that breaks it, and none of crmkit's."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from crmkit.forecast import EMAForecaster, LagFeatures, NaiveForecaster
from crmkit.forecast._panel import Panel
from crmkit.testing import estimator_checks


class PoolsSeries(NaiveForecaster):
    def predict(self, steps=None, X=None, **options):
        found = super().predict(steps, X, **options)
        return found.assign(forecast=found["forecast"] - found["forecast"].mean())


class DropsTheLastStep(NaiveForecaster):
    def predict(self, steps=None, X=None, **options):
        found = super().predict(steps, X, **options)
        return found.groupby("series").head(max(1, found.groupby("series").size().iloc[0] - 1))


class ForecastsTheLastPeriodAgain(NaiveForecaster):
    def predict(self, steps=None, X=None, **options):
        found = super().predict(steps, X, **options)
        return found.assign(time=found["time"] - pd.DateOffset(months=1))


class ReadsTheFirstRow(NaiveForecaster):
    def predict(self, steps=None, X=None, **options):
        found = super().predict(steps, X, **options)
        return found if X is None else found.assign(forecast=found["forecast"] + X["value"].iloc[0])


class LearnsFromTheFirstRow(NaiveForecaster):
    def fit(self, X, y=None):
        super().fit(X)
        self.first_ = X["value"].iloc[0]
        return self

    def predict(self, steps=None, X=None, **options):
        found = super().predict(steps, X, **options)
        return found.assign(forecast=found["forecast"] + self.first_)


class ForgetsTheHistory(NaiveForecaster):
    def predict(self, steps=None, X=None, **options):
        found = super().predict(steps, X, **options)
        return found.assign(forecast=0.0) if X is None else found


class LooksAtTheNumberOfSteps(NaiveForecaster):
    def predict(self, steps=None, X=None, **options):
        found = super().predict(steps, X, **options)
        return found.assign(forecast=found["forecast"] / (steps or 1))


class KnowsItsOwnNamesOnly(NaiveForecaster):
    def fit(self, X, y=None):
        X["series"], X["time"], X["value"]
        return super().fit(X)


class ShiftsAcrossSeries(LagFeatures):
    def transform(self, X):
        return super().transform(X).assign(lag_1=pd.DataFrame(X)["value"].shift().to_numpy())


class SeesItsOwnRow(LagFeatures):
    def transform(self, X):
        return super().transform(X).assign(lag_1=pd.DataFrame(X)["value"].to_numpy())


class SeesTheNextRow(LagFeatures):
    def transform(self, X):
        frame = pd.DataFrame(X)
        return super().transform(X).assign(lag_1=frame.groupby("series")["value"].shift(-1).to_numpy())


class DropsRows(LagFeatures):
    def transform(self, X):
        return super().transform(X).dropna()


class TakesPandasOnly(LagFeatures):
    def _read(self, X, freq):
        if not isinstance(X, pd.DataFrame):
            raise TypeError("TakesPandasOnly takes pandas frames.")
        return super()._read(X, freq)


BAD = {
    PoolsSeries: "check_neighbours",
    ShiftsAcrossSeries: "check_neighbours",
    DropsTheLastStep: "check_steps",
    ForecastsTheLastPeriodAgain: "check_steps",
    DropsRows: "check_steps",
    ReadsTheFirstRow: "check_frame_order",
    LearnsFromTheFirstRow: "check_frame_order",
    ForgetsTheHistory: "check_history",
    LooksAtTheNumberOfSteps: "check_history",
    KnowsItsOwnNamesOnly: "check_column_names",
    SeesItsOwnRow: "check_later_values",
    SeesTheNextRow: "check_later_values",
    TakesPandasOnly: "check_containers",
}


@pytest.mark.parametrize("bad", BAD, ids=lambda bad: bad.__name__)
def test_a_bad_estimator_is_caught(bad):
    check = dict(estimator_checks(bad()))[BAD[bad]]
    with pytest.raises(Exception, match=r"\w"):
        check()


def test_every_check_of_its_own_catches_something():
    names = {name for name, _ in estimator_checks(NaiveForecaster())}
    shared = {f"check_{what}" for what in ("no_mutation", "read_only", "pickle", "threads", "parameters")}
    assert names - shared - {"check_other_input", "check_feature_names"} == set(BAD.values())


def test_a_forecaster_that_learns_from_what_lies_after_the_origin_is_caught(monkeypatch):
    check = dict(estimator_checks(EMAForecaster(alpha="auto")))["check_later_values"]
    check()
    before, until = Panel.before, Panel.until
    monkeypatch.setattr(Panel, "until", lambda self, number: until(before(self, number), number))
    monkeypatch.setattr(Panel, "before", lambda self, number: self)
    with pytest.raises(AssertionError, match="EMAForecaster.rolling_origin, after changing"):
        check()


def own_frame():
    """Series of whole-number times and numbered ids, one of which begins later."""
    rng = np.random.default_rng(0)
    parts = [pd.DataFrame({"series": one, "time": np.arange(9 * one, 60)}) for one in range(5)]
    frame = pd.concat(parts, ignore_index=True)
    return frame.assign(value=rng.poisson(20.0, size=len(frame)).astype(np.float64))


@pytest.mark.parametrize("estimator", [NaiveForecaster(), LagFeatures([1, 2])], ids=lambda one: type(one).__name__)
@pytest.mark.parametrize("name", sorted(set(BAD.values())))
def test_frames_of_ones_own(estimator, name):
    dict(estimator_checks(estimator, own_frame()))[name]()
