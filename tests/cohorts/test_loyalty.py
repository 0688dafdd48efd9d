"""Loyalty of single customers: from the summary, by hand, and blind to the future."""

from __future__ import annotations

import numpy as np
import pandas as pd
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from crmkit import EventLog, RFMTransformer
from crmkit.cohorts import loyalty
from crmkit.datasets import load_cdnow
from crmkit.exceptions import ParameterError
from crmkit.testing import snapshots


@given(X=snapshots(), time_unit=st.sampled_from(["D", "W", "M", "Y"]), collapse=st.sampled_from(["D", "W", None]))
def test_it_agrees_with_the_summary(X, time_unit, collapse):
    found = loyalty(X, time_unit=time_unit, collapse=collapse)
    summary = X.summary(time_unit=time_unit, collapse=collapse)
    np.testing.assert_array_equal(found["purchases"], summary["frequency"].fillna(-1) + 1)
    np.testing.assert_array_equal(found["relationship_length"], summary["T"])
    np.testing.assert_array_equal(found["active_length"], summary["recency"])
    assert (found["active_length"].dropna() <= found["relationship_length"].dropna()).all()
    rate = summary["frequency"] / summary["T"].where(summary["T"] > 0)
    np.testing.assert_array_equal(found["purchase_frequency"], rate)
    gap = summary["recency"] / summary["frequency"].where(summary["frequency"] > 0)
    np.testing.assert_array_equal(found["mean_gap"], gap)
    assert found.index.equals(summary.index)


@given(X=snapshots())
def test_what_comes_later_changes_nothing(X):
    """Row by row: the log of one customer, ended at the row's as_of."""
    found = loyalty(X)
    for row in range(len(X)):
        alone = X.log.customer(X.customer_id[row]).before(X.as_of[row])
        np.testing.assert_array_equal(loyalty(alone.snapshot(X.as_of[row])), found.iloc[[row]])


def test_by_hand():
    frame = {"c": [1, 1, 1, 2], "t": ["2024-01-01", "2024-01-03", "2024-01-03", "2024-01-10"], "v": [10.0, 5, 3, 7]}
    log = EventLog.from_frame(frame, customer="c", time="t", value="v")
    table = loyalty(log.snapshot("2024-01-11"), time_unit="D")
    assert table.iloc[0].tolist() == [2, 1 / 9, 2, 18, 9, 9, 2]
    np.testing.assert_equal(table.iloc[1].tolist(), [1, np.nan, np.nan, 7, 7, 0, 0])


def test_amounts_are_those_of_rfm():
    log = EventLog.from_frame(load_cdnow(), customer="customer_id", time="date", value="value")
    X = log.snapshots(["1997-03-01", "1997-10-01"])
    found, rfm = loyalty(X), RFMTransformer().fit_transform(X)
    np.testing.assert_array_equal(found["amount"], rfm["monetary"])
    np.testing.assert_array_equal(found["purchases"], rfm["frequency"])
    mean = RFMTransformer(monetary="mean").fit_transform(X)["monetary"]
    np.testing.assert_allclose(found["amount_per_purchase"], mean, rtol=1e-15)


def test_customers_without_purchases_and_logs_without_money():
    log = EventLog.from_frame({"c": [1], "t": ["2024-01-01"]}, customer="c", time="t", observed_until="2024-02-01")
    rows = log.snapshots_at({"c": [1, 9], "d": ["2024-01-05"] * 2}, customer="c", as_of="d")
    table = loyalty(rows)
    assert table["purchases"].tolist() == [1, 0]
    assert table["amount"].isna().all()
    assert table.iloc[1].drop(["purchases"]).isna().all()


def test_polars_has_the_same_columns():
    frame = load_cdnow().head(200)
    columns = {"customer": "customer_id", "time": "date", "value": "value"}
    one = loyalty(EventLog.from_frame(frame, **columns).snapshot())
    other = loyalty(EventLog.from_frame(pl.from_pandas(frame), **columns).snapshot())
    assert isinstance(other, pl.DataFrame)
    pd.testing.assert_frame_equal(other.to_pandas(), one.reset_index(drop=True))


def test_refusals():
    log = EventLog.from_frame({"c": [1], "t": ["2024-01-01"]}, customer="c", time="t")
    with pytest.raises(ParameterError, match="'X' parameter of loyalty must be Snapshots. Got EventLog"):
        loyalty(log)
    with pytest.raises(ParameterError, match="time_unit"):
        loyalty(log.snapshot(), time_unit="month")
    with pytest.raises(ParameterError, match="the log has no orders"):
        loyalty(log.snapshot(), collapse="order")
