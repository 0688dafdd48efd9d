"""Which checks run on what."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.dummy import DummyClassifier
from sklearn.preprocessing import StandardScaler

from crmkit import RFMTransformer
from crmkit.forecast import LagFeatures, NaiveForecaster
from crmkit.smoothing import EMASmoother, EWMAChart, MovingAverageSmoother, PChart
from crmkit.testing import estimator_checks

SHARED = ["check_no_mutation", "check_read_only", "check_pickle", "check_threads", "check_parameters"]
ROWS = ["check_row_preserving", "check_batch_independent", "check_row_order"]
LOG = ["check_event_order", "check_one_customer_log", "check_future_blind"]


@pytest.mark.parametrize(
    ("estimator", "X", "own", "count"),
    [
        (RFMTransformer(), None, ROWS + LOG, 13),
        (DummyClassifier(), None, ROWS + LOG, 13),
        (EMASmoother(), None, ROWS + LOG, 13),
        (EMASmoother(), np.ones((3, 4)), ROWS, 10),
        (MovingAverageSmoother(3), None, ROWS, 10),
        (StandardScaler(), None, ROWS, 10),
        (EWMAChart(), None, ["check_row_preserving", "check_later_points", "check_missing_points"], 10),
        (PChart(), None, ["check_row_preserving", "check_later_points", "check_missing_points"], 10),
        (NaiveForecaster(), None, ["check_steps", "check_neighbours", "check_later_values", "check_history"], 14),
        (LagFeatures(), None, ["check_steps", "check_neighbours", "check_later_values", "check_history"], 14),
    ],
)
def test_an_estimator_is_checked_by_what_it_takes(estimator, X, own, count):
    names = [name for name, _ in estimator_checks(estimator, X)]
    assert len(names) == len(set(names)) == count
    assert {*SHARED, *own} <= set(names)
