"""Rows that the tests of this room share."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer

from crmkit import EventLog
from crmkit.datasets import make_purchases


def recency_and_frequency(X):
    return X.summary(time_unit="D")[["frequency", "recency", "T"]]


def make_model():
    return make_pipeline(FunctionTransformer(recency_and_frequency), LogisticRegression(max_iter=500))


@pytest.fixture(scope="session")
def log():
    frame, _ = make_purchases(120, span="60W", r=0.9, alpha=5.0, random_state=0)
    return EventLog.from_frame(frame, customer="customer_id", time="time", value="value", observed_until="2024-02-25")


@pytest.fixture(scope="session", name="X")
def snapshots(log):
    return log.snapshots(pd.date_range("2023-05-01", "2024-01-01", freq="MS"), horizon="45D")


@pytest.fixture(scope="session")
def y(X):
    return X.churned()


@pytest.fixture
def model():
    return make_model()


@pytest.fixture
def rows_at(log):
    """Return what makes rows of given days after 2023-05-01, each for a few customers."""

    def make(days, **window):
        start = np.datetime64("2023-05-01", "us")
        return log.snapshots([start + np.timedelta64(int(day), "D") for day in days], **window)

    return make
