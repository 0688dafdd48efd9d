"""Retention curves: by hand, against the table, and how often their intervals hold the truth."""

from __future__ import annotations

import numpy as np
import pandas as pd
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from crmkit import EventLog
from crmkit.cohorts import cohort_table, retention_curve
from crmkit.datasets import load_cdnow
from crmkit.exceptions import ParameterError
from crmkit.metrics import proportion


@given(data=st.data())
def test_pooled_over_the_cohorts_that_lived_through_an_age(data, drawn, naive):
    frame, options = data.draw(drawn["tables"]())
    by = data.draw(drawn["by"])
    curve = retention_curve(EventLog.from_frame(frame, **options), by)
    expected, rows = naive(frame, options, by), []
    table = expected.table("customers")
    n_finished = expected.n_periods - (not expected.finished)
    for age in range(table.shape[1]):
        lived = [row for row, cohort in enumerate(expected.cohorts) if expected.number(cohort) + age < n_finished]
        if lived:
            n, active = int(table[lived, 0].sum()), int(table[lived, age].sum())
            share = proportion(active, n)
            rows.append((share.value, share.low, share.high, n))
    assert list(curve.itertuples(index=False, name=None)) == rows
    assert curve.index.tolist() == list(range(len(rows)))


def test_an_unfinished_period_pulls_nothing_down():
    log = EventLog.from_frame(load_cdnow(), customer="customer_id", time="date", value="value")
    whole = retention_curve(log.before("1998-06-01"))
    pd.testing.assert_frame_equal(retention_curve(log.before("1998-06-10")), whole)
    assert cohort_table(log.before("1998-06-10")).attrs["unfinished"] == "1998-06-01"
    assert whole["n"].is_monotonic_decreasing
    assert whole.loc[0].tolist()[0] == 1


def test_online_retail_ends_with_november(data_folder):
    frame = pd.concat(
        pd.read_csv(
            data_folder / "online_retail" / f"online_retail_{years}.csv.gz", usecols=["customer_id", "invoice_date"]
        )
        for years in ("2009_2010", "2010_2011")
    )
    curve = retention_curve(EventLog.from_frame(frame, customer="customer_id", time="invoice_date"))
    assert curve["n"].tolist()[-1] == 955
    assert len(curve) == 24
    assert curve["value"].to_numpy()[-1] == 389 / 955


def test_polars_and_pandas_alike():
    frame = load_cdnow()
    columns = {"customer": "customer_id", "time": "date"}
    one = retention_curve(EventLog.from_frame(frame, **columns), "quarter")
    other = retention_curve(EventLog.from_frame(pl.from_pandas(frame), **columns), "quarter")
    assert isinstance(other, pl.DataFrame)
    pd.testing.assert_frame_equal(other.to_pandas().set_index("age"), one, check_index_type=False)


def test_wider_with_more_coverage_and_by_kinds():
    rng = np.random.default_rng(0)
    frame = {
        "c": rng.integers(100, size=2000),
        "t": np.datetime64("2023-01-01") + rng.integers(365, size=2000).astype("m8[D]"),
        "k": np.array(["visit", "order"])[rng.integers(2, size=2000)],
    }
    log = EventLog.from_frame(frame, customer="c", time="t", kind="k", purchases="order", observed_until="2024-01-01")
    narrow, wide = retention_curve(log, coverage=0.5), retention_curve(log, coverage=0.99)
    assert (wide["low"] <= narrow["low"]).all()
    assert (wide["high"] >= narrow["high"]).all()
    visits = retention_curve(log, kinds="visit")
    pd.testing.assert_frame_equal(visits, retention_curve(log.only("visit"), kinds="visit"))
    assert not visits.equals(retention_curve(log))


def test_intervals_hold_the_truth_as_often_as_they_say():
    """Four hundred shops whose customers buy in any later month with a probability of .15."""
    rng, held = np.random.default_rng(0), 0
    months = pd.date_range("2023-01-01", periods=4, freq="MS").to_numpy()
    for _ in range(400):
        who, age = np.nonzero(rng.random((80, 4)) < [1, 0.15, 0.15, 0.15])
        log = EventLog.from_frame({"c": who, "t": months[age]}, customer="c", time="t", observed_until="2023-05-01")
        row = retention_curve(log).loc[2]
        held += row["low"] <= 0.15 <= row["high"]
    assert 366 <= held <= 393


def test_logs_too_short_for_a_curve():
    empty = EventLog.from_frame({"c": np.array([], int), "t": np.array([], "M8[us]")}, customer="c", time="t")
    one = EventLog.from_frame({"c": [5], "t": ["2024-02-10"]}, customer="c", time="t")
    for log in (empty, one):
        curve = retention_curve(log)
        assert curve.columns.tolist() == ["value", "low", "high", "n"]
        assert len(curve) == 0
    assert len(retention_curve(EventLog.from_frame({"c": [5], "t": ["2024-02-29"]}, customer="c", time="t"))) == 1


def test_refusals():
    log = EventLog.from_frame({"c": [5], "t": ["2024-02-10"]}, customer="c", time="t")
    with pytest.raises(ParameterError, match="'coverage' parameter of retention_curve must be a finite float"):
        retention_curve(log, coverage=95)
    with pytest.raises(ParameterError, match="'by' parameter of retention_curve must be one of"):
        retention_curve(log, "day")
    with pytest.raises(ParameterError, match="'log' parameter of retention_curve must be an EventLog. Got list"):
        retention_curve([1])
