"""Rows that cannot be events: each refused or counted by its own rule."""

from __future__ import annotations

import datetime as dt
import math

import numpy as np
import pandas as pd
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crmkit import EventLog
from crmkit.exceptions import ColumnNotFoundError, EventDataError, ParameterError
from crmkit.testing import event_frames

ROLES = {
    "customer": "who", "time": "when", "value": "paid", "item": "what", "order": "receipt", "kind": "sort",
    "purchases": ["order"], "columns": ["minutes"],
}  # fmt: skip

GOOD = {
    "who": "secret-1", "when": "2024-01-05 10:00", "paid": 5.0, "what": "tea", "receipt": 11, "sort": "order",
    "minutes": 2.0,
}  # fmt: skip


def frame_with(**cells):
    """Five good rows, the fourth of which has other cells."""
    rows = [dict(GOOD) for _ in range(5)]
    for number, row in enumerate(rows):
        row.update(who=f"secret-{number}", receipt=number)
    rows[3].update(cells)
    return pd.DataFrame(rows)


BROKEN = [
    ("null customer", {"who": None}, "None|nan"),
    ("null customer", {"who": math.nan}, "None|nan"),
    ("null time", {"when": None}, "None|NaT|nan"),
    ("null time", {"when": pd.NaT}, "None|NaT|nan"),
    ("unparseable time", {"when": "soon"}, "'soon'"),
    ("unparseable time", {"when": "05/01/2024"}, "'05/01/2024'"),
    ("unparseable time", {"when": "2024-02-30"}, "'2024-02-30'"),
    ("unparseable time", {"when": ""}, "''"),
    ("time after today", {"when": "2099-01-01"}, "2099-01-01"),
    ("null money on a purchase", {"paid": math.nan}, "None|nan"),
    ("null money on a purchase", {"paid": None}, "None|nan"),
    ("non-finite paid", {"paid": math.inf}, "inf"),
    ("non-finite paid", {"paid": -math.inf}, "-inf"),
    ("non-finite paid", {"paid": math.inf, "sort": "visit"}, "inf"),
    ("non-finite minutes", {"minutes": math.inf}, "inf"),
    ("null item on a purchase", {"what": None}, "None|nan"),
]

LEGAL = [
    {"what": None, "sort": "visit"},
    {"paid": None, "sort": "visit"},
    {"paid": -1.0, "what": None},
    {"paid": 0.0},
    {"receipt": None},
    {"minutes": None},
    {"sort": None, "paid": None, "what": None},
    {"when": "2024-01-05"},
    {"when": "2024-01-05T10:00:00.123456"},
    {"when": dt.datetime(2024, 1, 5)},
    {"when": dt.date(2024, 1, 5)},
    {"when": np.datetime64("2024-01-05")},
]


@pytest.mark.parametrize(("rule", "cells", "shown"), BROKEN, ids=repr)
def test_a_broken_row_is_refused(rule, cells, shown):
    with pytest.raises(EventDataError, match="The frame has rows that cannot be events") as caught:
        EventLog.from_frame(frame_with(**cells), **ROLES)
    (found,) = caught.value.rules
    assert (found.rule, found.count, found.positions) == (rule, 1, (3,))
    assert any(text in found.cell for text in shown.split("|"))
    message = str(caught.value)
    assert f"{rule}: 1 of 5 rows, at position 3 (first cell: {found.cell})" in message
    assert "invalid='drop'" in message
    assert "secret" not in message


@pytest.mark.parametrize(("rule", "cells", "shown"), BROKEN, ids=repr)
def test_a_broken_row_is_left_out_and_counted(rule, cells, shown):
    frame = frame_with(**cells)
    log = EventLog.from_frame(frame, **ROLES, invalid="drop")
    without = EventLog.from_frame(frame.drop(index=3), **ROLES)
    counts = log.quality.set_index("rule")
    assert counts.loc[rule].tolist() == [1, 0.2]
    assert counts.loc["dropped"].tolist() == [1, 0.2]
    assert log.fingerprint == without.fingerprint
    assert "secret-3" not in log.customers
    assert 3 not in log.to_frame()["receipt"].tolist()


@pytest.mark.parametrize("cells", LEGAL, ids=repr)
def test_a_legal_row_is_kept(cells):
    log = EventLog.from_frame(frame_with(**cells), **ROLES)
    assert len(log) == 5
    assert "dropped" not in log.quality["rule"].tolist()


def test_one_error_names_every_rule_with_positions():
    frame = pd.concat([frame_with(who=None), frame_with(paid=math.inf), frame_with(who=None, paid=math.nan)])
    with pytest.raises(EventDataError) as caught:
        EventLog.from_frame(frame, **ROLES)
    assert [(rule.rule, rule.count, rule.positions) for rule in caught.value.rules] == [
        ("null customer", 2, (3, 13)),
        ("non-finite paid", 1, (8,)),
        ("null money on a purchase", 1, (13,)),
    ]
    assert "null customer: 2 of 15 rows, at positions 3, 13 (first cell" in str(caught.value)


def test_many_positions_are_cut_short():
    frame = pd.concat([frame_with(who=None)] * 7)
    with pytest.raises(EventDataError, match=r"at positions 3, 8, 13, 18, 23, … \(first cell"):
        EventLog.from_frame(frame, **ROLES)


def test_a_row_that_breaks_two_rules_counts_for_both_and_is_dropped_once():
    log = EventLog.from_frame(frame_with(who=None, when="soon", paid=None), **ROLES, invalid="drop")
    counts = log.quality.set_index("rule")["rows"]
    assert counts[["null customer", "unparseable time", "null money on a purchase", "dropped"]].tolist() == [1, 1, 1, 1]
    assert len(log) == 4


def test_every_row_may_be_broken():
    log = EventLog.from_frame(frame_with().assign(who=None), **ROLES, invalid="drop")
    assert (len(log), log.n_customers, repr(log)) == (0, 0, "EventLog(no events)")
    assert log.quality.set_index("rule").loc["null customer"].tolist() == [5, 1.0]


def test_a_row_at_the_end_of_the_log_is_too_late():
    frame = frame_with(when="2024-01-06")
    for invalid_time in ("2024-01-06", dt.date(2024, 1, 6), pd.Timestamp("2024-01-06")):
        with pytest.raises(EventDataError, match="time at or after observed_until: 1 of 5 rows, at position 3"):
            EventLog.from_frame(frame, **ROLES, observed_until=invalid_time)
    log = EventLog.from_frame(frame, **ROLES, observed_until="2024-01-06", invalid="drop")
    assert log.quality.set_index("rule")["rows"]["time at or after observed_until"] == 1
    assert len(EventLog.from_frame(frame, **ROLES, observed_until="2024-01-06 00:00:00.000001")) == 5


def test_2099_is_legal_where_the_log_is_said_to_reach_it():
    log = EventLog.from_frame(frame_with(when="2099-06-01"), **ROLES, observed_until="2100-01-01")
    assert str(log.last_time)[:10] == "2099-06-01"


def test_today_is_legal_and_tomorrow_is_not():
    today = pd.Timestamp.now().normalize()
    assert len(EventLog.from_frame(frame_with(when=today + pd.Timedelta("1us")), **ROLES)) == 5
    with pytest.raises(EventDataError, match="time after today"):
        EventLog.from_frame(frame_with(when=today + pd.Timedelta(days=2)), **ROLES)


@given(event_frames(min_events=1), st.data())
@settings(max_examples=50)
def test_dropping_broken_rows_is_as_if_they_had_never_been(table, data):
    frame, options = table
    n = len(frame)
    broken = data.draw(st.lists(st.integers(0, n - 1), max_size=n, unique=True))
    spoilt = frame.copy()
    spoilt["time"] = spoilt["time"].where(~spoilt.index.isin(broken))
    log = EventLog.from_frame(spoilt, **options, invalid="drop")
    rest = EventLog.from_frame(frame.drop(index=broken), **options)
    assert len(log) == n - len(broken)
    counts = dict(zip(log.quality["rule"], log.quality["rows"], strict=True))
    assert counts.get("null time", 0) == counts.get("dropped", 0) == len(broken)
    if len(log):
        assert log.fingerprint == rest.fingerprint


# -- wholes that cannot be read --------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "error", "message"),
    [
        ({"customer": "Who"}, ColumnNotFoundError, "customer='Who': the frame has no such column. Did you mean 'who'"),
        ({"item": "whatt"}, ColumnNotFoundError, r"item='whatt'.*Did you mean 'what'.*Its columns are \["),
        ({"columns": ["minutes", "score"]}, ColumnNotFoundError, "columns='score'"),
        ({"columns": ["paid"]}, ParameterError, r"columns=\['paid'\] are read already"),
        ({"price": "paid"}, ParameterError, "Both value='paid' and price='paid' are given"),
        ({"value": None, "price": "paid"}, ParameterError, "price='paid' is given without quantity="),
        ({"purchases": None}, ParameterError, r"kind='sort' is given without purchases="),
        ({"kind": None}, ParameterError, "purchases= is given without kind="),
        ({"value": "what"}, ParameterError, "value='what' .*not .*number"),
        ({"time": "paid"}, ParameterError, "time='paid' is a column of Float64, not of times. Numbers are not read"),
        ({"customer": "minutes", "columns": []}, ParameterError, "customer='minutes' is a column of fractional"),
        ({"invalid": "keep"}, ParameterError, "'invalid' parameter of EventLog.from_frame must be one of"),
        ({"refunds": "ignore"}, ParameterError, "'refunds' parameter"),
        ({"duplicates": True}, ParameterError, "'duplicates' parameter"),
        ({"assume_sorted": 1}, ParameterError, "'assume_sorted' parameter"),
        ({"tz": "London"}, ParameterError, "tz='London' is not a time zone. Give an IANA name"),
        ({"tz": 3}, ParameterError, "tz=3 is not a time zone"),
        ({"observed_until": "1.2.2024"}, ParameterError, "observed_until holds '1.2.2024', which is not a date"),
        ({"observed_until": 2024}, ParameterError, "observed_until"),
    ],
    ids=repr,
)
def test_refused(changes, error, message):
    with pytest.raises(error, match=message):
        EventLog.from_frame(frame_with(minutes=2.5), **{**ROLES, **changes})


@pytest.mark.parametrize("frame", [None, 5, "orders.csv", [[1, 2]], np.zeros((2, 2))], ids=repr)
def test_what_is_no_frame_is_refused(frame):
    with pytest.raises(ParameterError, match="which is not a frame that can be read"):
        EventLog.from_frame(frame, customer="who", time="when")


@pytest.mark.parametrize("make", [dict, pd.DataFrame, pl.DataFrame], ids=["dict", "pandas", "polars"])
def test_a_frame_without_rows_is_an_empty_log(make):
    """Whatever type a library gives to columns of nothing: pandas says numbers, polars says nothing."""
    log = EventLog.from_frame(make({"who": [], "when": [], "paid": []}), customer="who", time="when", value="paid")
    assert (len(log), log.n_customers, len(log.snapshot())) == (0, 0, 0)
    assert list(log.snapshot().summary().columns) == ["frequency", "recency", "T", "monetary_value"]


def test_unequal_arrays_are_refused():
    with pytest.raises(ParameterError, match=r"dict of arrays of different lengths: \{'who': 2, 'when': 1\}"):
        EventLog.from_frame({"who": [1, 2], "when": ["2024-01-01"]}, customer="who", time="when")


def test_mixed_naive_and_aware_is_refused():
    frame = frame_with(when="2024-01-05 10:00+01:00")
    with pytest.raises(ParameterError, match=r"mixes naive times with times that say their zone \(1 of 5\)"):
        EventLog.from_frame(frame, **ROLES)


def test_utc_needs_to_be_said():
    frame = frame_with()
    frame["when"] = pd.to_datetime(frame["when"], utc=True)
    with pytest.raises(ParameterError, match="holds times in UTC. Days are the days of one zone: say which with tz="):
        EventLog.from_frame(frame, **ROLES)
    assert EventLog.from_frame(frame, **ROLES, tz="UTC").tz == "UTC"
    assert str(EventLog.from_frame(frame, **ROLES, tz="Asia/Shanghai").last_time)[:16] == "2024-01-05T18:00"


def test_money_as_text_is_not_guessed():
    with pytest.raises(ParameterError, match="paid"):
        EventLog.from_frame(frame_with().assign(paid="1,5"), **ROLES)


# -- what is right ---------------------------------------------------------------------------------


def test_the_callers_data_are_never_touched(make_frame):
    data = {
        "who": ["b", "a", "b"],
        "when": np.array(["2024-01-03", "2024-01-01", "2024-01-02"], dtype="M8[us]"),
        "paid": [1.0, 2.0, 3.0],
    }
    frame = make_frame(data)
    if isinstance(frame, pd.DataFrame):
        before = frame.copy(deep=True)
    EventLog.from_frame(frame, customer="who", time="when", value="paid").snapshot().summary()
    if isinstance(frame, pd.DataFrame):
        pd.testing.assert_frame_equal(frame, before)
    if isinstance(frame, dict):
        assert all(array.flags.writeable for array in frame.values())
        frame["paid"][0] = 9.0
        assert frame["when"].tolist() == data["when"].tolist()


def test_the_log_does_not_change_with_the_callers_arrays():
    frame = {
        "who": np.array([1, 2]),
        "when": np.array(["2024-01-01", "2024-01-02"], dtype="M8[us]"),
        "paid": np.array([1.0, 1 / 3]),
        "more": np.array([1.0, 2.0]),
    }
    log = EventLog.from_frame(frame, customer="who", time="when", value="paid", columns=["more"])
    before = log.to_frame()
    for array in frame.values():
        array[:] = array[0]
    pd.testing.assert_frame_equal(log.to_frame(), before)


def test_read_only_arrays_are_read():
    frame = {
        "who": np.array([1, 2]),
        "when": np.array(["2024-01-01", "2024-01-02"], dtype="M8[us]"),
        "paid": np.array([1.0, 2.0]),
    }
    for array in frame.values():
        array.flags.writeable = False
    assert len(EventLog.from_frame(frame, customer="who", time="when", value="paid")) == 2


def test_price_times_quantity_is_exact_in_cents():
    frame = {"who": [1, 1, 1], "when": ["2024-01-01"] * 3, "each": [2.55, 0.1, 1 / 3], "n": [6, -3, 3]}
    log = EventLog.from_frame(frame, customer="who", time="when", price="each", quantity="n")
    assert sorted(log._store.amounts().tolist()) == [-0.3, 1.0, 15.3]


@pytest.mark.parametrize("observed_until", ["1899-12-31", "2200-12-31"])
def test_times_from_1900_to_2200(observed_until):
    frame = pd.DataFrame({"who": [1, 1], "when": ["1900-01-01", "2200-01-01 23:59:59.999999"]})
    roles = {"customer": "who", "time": "when", "observed_until": observed_until}
    if observed_until < "2000":
        with pytest.raises(EventDataError, match="2 of 2 rows"):
            EventLog.from_frame(frame, **roles)
        return
    for times in (frame["when"], frame["when"].astype("datetime64[us]"), frame["when"].astype("datetime64[ns]")):
        log = EventLog.from_frame(frame.assign(when=times), **roles)
        assert (str(log.first_time), str(log.last_time)) == ("1900-01-01T00:00:00.000000", "2200-01-01T23:59:59.999999")
        found = log.snapshot().summary(time_unit="D").iloc[0]
        assert found["frequency"] == 1
        assert found["recency"] == 109_573  # days from 1900-01-01 to 2200-01-01


def test_only_named_columns_of_a_lazy_frame_are_collected():
    frame = pl.LazyFrame({"who": [1], "when": ["2024-01-01"]}).with_columns(
        broken=pl.col("who").map_elements(lambda _: 1 / 0, return_dtype=pl.Float64)
    )
    assert len(EventLog.from_frame(frame, customer="who", time="when")) == 1
