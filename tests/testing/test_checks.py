"""Each check passes a good estimator and catches the bad one that was made for it."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from sklearn.base import BaseEstimator, ClassifierMixin, TransformerMixin

from crmkit import EventLog
from crmkit.events import Snapshots
from crmkit.exceptions import ParameterError
from crmkit.testing import check_snapshot_estimator, estimator_checks


class Spend(TransformerMixin, BaseEstimator):
    """Money and days since the last purchase, with the mean money that it has learnt."""

    def __init__(self, scale=1.0, n_jobs=None):
        self.scale = scale
        self.n_jobs = n_jobs

    def fit(self, X, y=None):
        self._check(X)
        if not isinstance(self.scale, int | float) or isinstance(self.scale, bool) or not 0 < self.scale < 1e9:
            raise ValueError(f"The 'scale' parameter of Spend must be a positive number. Got {self.scale!r} instead.")
        if self.n_jobs is not None and (not isinstance(self.n_jobs, int) or self.n_jobs == 0):
            raise ValueError(f"The 'n_jobs' parameter of Spend must be None or an int. Got {self.n_jobs!r} instead.")
        self.mean_ = float(np.nanmean(self._table(X)["spent"]))
        return self

    def _check(self, X):
        if not isinstance(X, Snapshots):
            raise TypeError("Spend takes Snapshots, such as log.snapshot().")

    def _table(self, X):
        found = X.summary(time_unit="D")
        spent = self.scale * found["monetary_value"].fillna(0.0) * found["frequency"]
        return found.assign(spent=spent)[["spent", "recency"]]

    def transform(self, X):
        self._check(X)
        return self._table(X).assign(relative=lambda table: table["spent"] - self.mean_)

    def get_feature_names_out(self, input_features=None):
        return np.array(["spent", "recency", "relative"], dtype=object)


class DropsRows(Spend):
    def transform(self, X):
        table = super().transform(X)
        return table[table["spent"] > 0]


class LosesKeys(Spend):
    def transform(self, X):
        return super().transform(X).reset_index(drop=True)


class ReadsTheBatch(Spend):
    def transform(self, X):
        table = super().transform(X)
        return table.assign(relative=table["spent"] - table["spent"].mean())


class ReadsThePosition(Spend):
    def transform(self, X):
        return super().transform(X).assign(relative=np.arange(len(X), dtype=float))


class SeesTheFuture(Spend):
    def transform(self, X):
        last = X.log.snapshot().summary(time_unit="D")["frequency"]
        by_id = dict(zip(X.log.snapshot().customer_id.tolist(), last.tolist(), strict=True))
        return super().transform(X).assign(relative=[by_id.get(one, 0.0) for one in X.customer_id.tolist()])


class LearnsFromTheWholeLog(Spend):
    def fit(self, X, y=None):
        super().fit(X)
        self.mean_ = float(len(X.log))
        return self


class ReadsTheItemsOfTheLog(Spend):
    def transform(self, X):
        return super().transform(X).assign(relative=float(len(X.log.items)))


class ReadsTheWholeLogWhenPredicting(Spend):
    def transform(self, X):
        return super().transform(X).assign(relative=float(X.log.n_customers))


class KeepsTheLog(Spend):
    def fit(self, X, y=None):
        self.log_ = X.log
        return super().fit(X)


class ChangesItself(Spend):
    def transform(self, X):
        self.n_seen_ = getattr(self, "n_seen_", 0) + len(X)
        return super().transform(X)


class ChangesItsParameters(Spend):
    def fit(self, X, y=None):
        super().fit(X)
        self.scale = self.scale + 1.0
        return self


class ChangesTheTarget(ClassifierMixin, Spend):
    transform = None

    def fit(self, X, y=None):
        y[0] = 1 - y[0]
        return super().fit(X)

    def predict(self, X):
        return np.zeros(len(X), dtype=int)


class WritesIntoX(Spend):
    def transform(self, X):
        X.as_of_us[:] = X.as_of_us
        return super().transform(X)


class RunsDifferentlyOnTwoThreads(Spend):
    def transform(self, X):
        return super().transform(X).assign(relative=float(self.n_jobs or 1))


class TakesAnyParameter(Spend):
    def fit(self, X, y=None):
        self._check(X)
        self.mean_ = 0.0
        return self

    def _table(self, X):
        return X.summary(time_unit="D").assign(spent=0.0)[["spent", "recency"]]


class TripsOverRubbish(Spend):
    def fit(self, X, y=None):
        self._check(X)
        self.mean_ = [1.0][int(self.scale) - 1]
        return self


class TakesArrays(Spend):
    def _check(self, X):
        pass

    def transform(self, X):
        return super().transform(X) if isinstance(X, Snapshots) else np.zeros((len(X), 3))


class RefusesArraysWithoutAWord(Spend):
    def _check(self, X):
        if not isinstance(X, Snapshots):
            raise TypeError("wrong input")


class NamesItsColumnsOtherwise(Spend):
    def get_feature_names_out(self, input_features=None):
        return np.array(["a", "b", "c"], dtype=object)


class HasAKeyAmongItsFeatures(Spend):
    def transform(self, X):
        return (
            super()
            .transform(X)
            .assign(relative=X.customer_id.astype(float))
            .rename(columns={"relative": "customer_id"})
        )

    def get_feature_names_out(self, input_features=None):
        return np.array(["spent", "recency", "customer_id"], dtype=object)


class CannotBePickled(Spend):
    def fit(self, X, y=None):
        self.function_ = lambda: None
        return super().fit(X)


BAD = {
    DropsRows: {"check_row_preserving"},
    LosesKeys: {"check_row_preserving"},
    ReadsTheBatch: {"check_batch_independent"},
    ReadsThePosition: {"check_row_order", "check_batch_independent"},
    SeesTheFuture: {"check_future_blind"},
    LearnsFromTheWholeLog: {"check_future_blind"},
    ReadsTheItemsOfTheLog: {"check_future_blind"},
    ReadsTheWholeLogWhenPredicting: {"check_one_customer_log"},
    KeepsTheLog: {"check_pickle"},
    ChangesItself: {"check_no_mutation"},
    ChangesItsParameters: {"check_no_mutation"},
    ChangesTheTarget: {"check_no_mutation"},
    WritesIntoX: {"check_read_only"},
    RunsDifferentlyOnTwoThreads: {"check_threads"},
    TakesAnyParameter: {"check_parameters"},
    TripsOverRubbish: {"check_parameters"},
    TakesArrays: {"check_other_input"},
    RefusesArraysWithoutAWord: {"check_other_input"},
    NamesItsColumnsOtherwise: {"check_feature_names"},
    HasAKeyAmongItsFeatures: {"check_feature_names"},
    CannotBePickled: {"check_pickle"},
}


def test_a_good_transformer_passes():
    check_snapshot_estimator(Spend())
    assert len(list(estimator_checks(Spend()))) == 13


@pytest.mark.parametrize("bad", BAD, ids=lambda bad: bad.__name__)
def test_a_bad_transformer_is_caught(bad):
    checks = dict(estimator_checks(bad()))
    for name in BAD[bad]:
        with pytest.raises(Exception, match=r"\w"):
            checks[name]()


def test_every_check_catches_something():
    caught = set().union(*BAD.values())
    # That the order of events does not matter is the log's doing: no transformer can break it from outside.
    assert {name for name, _ in estimator_checks(Spend())} - caught == {"check_event_order"}


def test_all_failures_are_listed():
    with pytest.raises(
        AssertionError, match=r"of 13 checks fail for TakesArrays: check_other_input: TakesArrays\.transform takes"
    ):
        check_snapshot_estimator(TakesArrays())


def test_a_class_is_refused():
    with pytest.raises(ParameterError, match=r"not a class: pass Spend\(\)"):
        list(estimator_checks(Spend))


def test_rows_of_ones_own():
    frame = pd.DataFrame(
        {"who": [1, 1, 2, 2, 3], "when": pd.date_range("2024-01-01", periods=5), "paid": [1.0, 2, 3, 4, 5]}
    )
    X = EventLog.from_frame(frame, customer="who", time="when", value="paid").snapshots(["2024-01-04", "2024-01-06"])
    check_snapshot_estimator(Spend(), X)


def test_tables_have_no_log():
    from sklearn.preprocessing import StandardScaler

    names = [name for name, _ in estimator_checks(StandardScaler(), np.ones((3, 2)))]
    assert "check_future_blind" not in names
    assert len(names) == 10
