"""What a purchase model reads: snapshots, frames and arrays give the same rows; bad ones are refused by rule."""

from __future__ import annotations

import numpy as np
import pandas as pd
import polars as pl
import pytest

from crmkit import EventLog, RFMTransformer
from crmkit.datasets import load_cdnow
from crmkit.exceptions import ColumnNotFoundError, ParameterError
from crmkit.value._reading import Wanted, in_time_units, read_rows

WANTED = Wanted("BetaGeoNBD", ("frequency", "recency", "T"), "W")


@pytest.fixture(scope="module")
def log():
    return EventLog.from_frame(load_cdnow(), customer="customer_id", time="date", value="value")


def numbers(rows):
    return np.column_stack([rows.x, rows.t_x, rows.T])


def test_snapshots_frames_and_arrays_are_the_same_rows(log):
    today = log.snapshot("1997-10-01")
    summary = today.summary()
    columns = summary[["frequency", "recency", "T"]]
    ours = numbers(read_rows(today, WANTED)[0])
    for X in (summary, columns.to_numpy(), columns.to_numpy().tolist(), pl.from_pandas(summary), dict(columns)):
        assert numbers(read_rows(X, WANTED)[0]) == pytest.approx(ours, rel=1e-15)


def test_log_gaps_are_in_the_unit_of_the_model(log):
    today = log.snapshot("1997-10-01")
    for unit in ("D", "W", "Y"):
        wanted = Wanted("BetaGeoNBD", ("frequency", "recency", "T"), unit, gaps=True)
        ours, theirs = read_rows(today, wanted)[0], today.summary(time_unit=unit, gaps=True)
        assert ours.log_gaps == pytest.approx(theirs["sum_log_gaps"].to_numpy(), abs=1e-9)
        assert read_rows(theirs, wanted)[0].log_gaps == pytest.approx(ours.log_gaps, abs=1e-9)


def test_rows_without_a_purchase_are_said(log):
    customers = [*log.customers[:3].tolist(), -5]
    frame = {"who": customers, "day": ["1997-10-01"] * 4}
    rows, none = read_rows(log.snapshots_at(frame, customer="who", as_of="day"), WANTED)
    assert len(rows) == 3
    assert none.tolist() == [False, False, False, True]


@pytest.mark.parametrize(
    ("row", "rule"),
    [
        ([-1, 0, 5], "frequency is negative"),
        ([1.5, 2, 5], "not a whole number"),
        ([0, 2, 5], "frequency is 0 but recency"),
        ([2, 0, 5], "recency is 0"),
        ([2, 6, 5], "recency is above T"),
        ([2, -1, 5], "recency is negative"),
    ],
)
def test_what_no_history_can_be_is_refused_by_rule(row, rule):
    table = [[0, 0, 3], row, [1, 1, 2]]
    with pytest.raises(ParameterError, match=rule) as error:
        read_rows(np.array(table, dtype=float), WANTED)
    assert "1 of 3 rows" in str(error.value)
    assert "Row 1 has" in str(error.value)


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_missing_values_are_refused(bad):
    with pytest.raises(ParameterError, match="'recency' of X has 1 missing or infinite"):
        read_rows(pd.DataFrame({"frequency": [1.0, 0.0], "recency": [bad, 0.0], "T": [2.0, 2.0]}), WANTED)


def test_a_table_of_rfm_values_is_refused(log):
    table = RFMTransformer().fit_transform(log.snapshot("1997-10-01"))
    with pytest.raises(ParameterError, match=r"X\.summary\(\)"):
        read_rows(table, WANTED)


def test_other_shapes_and_columns_are_refused(log):
    with pytest.raises(ParameterError, match="3 columns: frequency, recency and T"):
        read_rows(np.ones((4, 2)), WANTED)
    with pytest.raises(ColumnNotFoundError, match="recency"):
        read_rows(pd.DataFrame({"frequency": [0.0], "recencies": [0.0], "T": [1.0]}), WANTED)
    with pytest.raises(ParameterError, match="frame"):
        read_rows(3, WANTED)


def test_durations_go_with_snapshots_and_numbers_with_frames():
    assert in_time_units("14D", "horizon", "BetaGeoNBD", time_unit="W", snapshots=True) == 2.0
    assert in_time_units(0, "after", "BetaGeoNBD", time_unit="W", snapshots=True, allow_zero=True) == 0.0
    assert in_time_units(2, "horizon", "BetaGeoNBD", time_unit="W", snapshots=False) == 2.0
    with pytest.raises(ParameterError, match="fitted on a frame"):
        in_time_units("14D", "horizon", "BetaGeoNBD", time_unit="W", snapshots=False)
    with pytest.raises(ParameterError, match="horizon"):
        in_time_units(14, "horizon", "BetaGeoNBD", time_unit="W", snapshots=True)
    for bad in (-1.0, 0, np.nan, np.inf):
        with pytest.raises(ParameterError, match="horizon"):
            in_time_units(bad, "horizon", "BetaGeoNBD", time_unit="W", snapshots=False)


def test_the_callers_frame_is_not_changed(log):
    summary = log.snapshot("1997-10-01").summary()
    before = summary.copy(deep=True)
    read_rows(summary, WANTED)
    pd.testing.assert_frame_equal(summary, before)


def test_a_log_is_not_its_rows(log):
    with pytest.raises(ParameterError, match=r"Got the EventLog itself: use log\.snapshot\(\)"):
        read_rows(log, WANTED)
