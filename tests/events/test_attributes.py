"""Columns of customers, each row of which is seen from the instant at which it became known."""

from __future__ import annotations

import warnings

import numpy as np
import pandas as pd
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crmkit import EventLog
from crmkit.exceptions import ColumnNotFoundError, EventDataError, ParameterError

DAY = np.timedelta64(1, "D")
START = np.datetime64("2024-01-01", "us")


def log_of(customers):
    frame = pd.DataFrame({"who": customers, "when": START})
    return EventLog.from_frame(frame, customer="who", time="when", observed_until="2024-03-01")


@given(
    st.lists(
        st.tuples(st.integers(0, 3), st.integers(0, 20), st.integers(0, 99)), max_size=12, unique_by=lambda row: row[:2]
    ),
    st.lists(st.tuples(st.integers(0, 4), st.integers(0, 22)), min_size=1, max_size=8),
)
@settings(max_examples=40)
def test_a_row_sees_the_newest_from_before_its_as_of(known, keys):
    frame = pd.DataFrame(known, columns=["who", "day", "score"])
    frame = frame.astype("int64").assign(at=START + frame.pop("day").to_numpy().astype("int64") * DAY)
    frame["name"] = [f"n{score}" for score in frame["score"]]
    log = log_of([0, 1, 2]).with_attributes(frame, customer="who", known_at="at")
    rows = pd.DataFrame({"who": [who for who, _ in keys], "at": [START + day * DAY for _, day in keys]})
    found = log.snapshots_at(rows, customer="who", as_of="at").attributes()
    for (who, day), score, name in zip(keys, found["score"], found["name"], strict=True):
        earlier = [(when, value) for own, when, value in known if own == who and when < day]
        newest = max(earlier)[1] if earlier else None
        assert (None if pd.isna(score) else score) == newest
        assert (None if pd.isna(name) else name) == (None if newest is None else f"n{newest}")


def test_a_long_history_of_one_customer_is_bisected():
    """One customer with a balance a day, beside a thousand with one row each: no loop over the longest history."""
    days = np.arange(20_000)
    frame = {
        "who": np.append(np.zeros(20_000, dtype=np.int64), np.arange(1, 1_001)),
        "at": START + np.append(days - 19_990, np.zeros(1_000, dtype=np.int64)) * DAY,
        "balance": np.append(days, -np.arange(1, 1_001)),
    }
    log = log_of(np.arange(1_001)).with_attributes(frame, customer="who", known_at="at")
    found = log.snapshots(["2024-01-02", "2024-01-31"]).attributes()["balance"].to_numpy()
    assert found[::1_001].tolist() == [19_990, 19_999]
    assert found[1:1_001].tolist() == found[1_002:].tolist() == (-np.arange(1, 1_001)).tolist()


def test_a_lazy_frame_is_read_without_a_warning():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        log = log_of([1]).with_attributes(pl.LazyFrame({"who": [1], "tier": ["gold"]}), customer="who")
    assert log.snapshot().attributes()["tier"].tolist() == ["gold"]


def test_without_known_at_columns_are_known_always():
    log = log_of(["b", "a"]).with_attributes(
        {"who": ["a", "z"], "tier": ["gold", None], "age": [30, 31]}, customer="who"
    )
    found = log.snapshots_at(
        {"who": ["z", "a", "b"], "at": ["2024-01-01"] * 3}, customer="who", as_of="at"
    ).attributes()
    assert found["age"].tolist()[:2] == [31, 30]
    assert found["tier"].isna().tolist() == [True, False, True]
    assert found.index.names == ["customer_id", "as_of"]
    assert np.isnan(found["age"].iloc[2])


def test_columns_of_every_sort():
    frame = pd.DataFrame(
        {
            "who": [1, 2], "n": [3, 4], "x": [0.5, np.nan], "flag": [True, False], "text": ["a", "客"],
            "sort": pd.Categorical(["u", None]),
        }
    )  # fmt: skip
    found = log_of([1, 2]).with_attributes(frame, customer="who").snapshot().attributes()
    assert found["n"].tolist() == [3, 4]
    assert found["flag"].tolist() == [True, False]
    assert found["text"].tolist() == ["a", "客"]
    assert found["sort"].isna().tolist() == [False, True]
    assert [str(found[name].dtype) for name in ("n", "x", "flag")] == ["int64", "float64", "bool"]


def test_several_tables_stand_side_by_side():
    log = (
        log_of([1])
        .with_attributes({"who": [1], "a": [1]}, customer="who")
        .with_attributes({"who": [1], "b": [2]}, customer="who")
    )
    assert log.snapshot().attributes().iloc[0].to_dict() == {"a": 1, "b": 2}
    with pytest.raises(ParameterError, match=r"has attributes named \['a'\] already. Rename them"):
        log.with_attributes({"who": [1], "a": [3]}, customer="who")


def test_a_log_without_attributes_has_no_columns():
    assert log_of([1, 2]).snapshot().attributes().shape == (2, 0)


def test_attributes_travel_with_the_log(tmp_path):
    log = log_of([1, 2]).with_attributes(
        {"who": [1, 1, 2], "at": ["2024-01-01", "2024-02-01", "2024-01-05"], "tier": ["x", "y", "z"]},
        customer="who",
        known_at="at",
    )
    log.save(tmp_path)
    for other in (
        EventLog.load(tmp_path),
        log.append({"who": [3], "when": ["2024-01-02"]}, observed_until="2024-03-01"),
    ):
        assert other.snapshot().attributes()["tier"].tolist()[:2] == ["y", "z"]
    assert log.customer(2).snapshot().attributes()["tier"].tolist() == ["z"]
    assert log.before("2024-01-15").snapshot().attributes()["tier"].tolist() == ["x", "z"]
    assert log.fingerprint != log_of([1, 2]).fingerprint


def test_erasure_takes_the_columns_and_their_levels():
    log = log_of([1, 2]).with_attributes({"who": [1, 2, 9], "mail": ["secret", "b", "c"]}, customer="who")
    rest = log.without([1])
    assert "secret" not in str([array.tolist() for table in rest._attributes for _, array in table.arrays()])
    found = rest.snapshots_at({"who": [1, 2], "at": ["2024-02-01"] * 2}, customer="who", as_of="at").attributes()
    assert found["mail"].isna().tolist() == [True, False]
    assert log.without([9]).snapshot().attributes()["mail"].tolist() == ["secret", "b"]


def test_a_customer_without_events_can_be_asked_for():
    log = log_of([1]).with_attributes({"who": [7], "mail": ["m"]}, customer="who")
    assert len(log.customer(7)) == 0
    at = {"who": [7], "at": ["2024-02-01"]}
    assert log.customer(7).snapshots_at(at, customer="who", as_of="at").attributes()["mail"].tolist() == ["m"]


@pytest.mark.parametrize(
    ("frame", "options", "error", "message"),
    [
        ({"who": [1, None], "a": [1, 2]}, {}, EventDataError, "null customer, 1 of 2 rows, the first at position 1"),
        (
            {"who": [1, 2, 1], "a": [1, 2, 3]},
            {},
            EventDataError,
            "second row of a customer, 1 of 3 rows, the first at position 2",
        ),
        ({"who": [1, 1], "t": ["2024-01-01"] * 2, "a": [1, 2]}, {"known_at": "t"}, EventDataError, "at one known_at"),
        ({"who": [1, 1], "t": ["2024-01-01", None], "a": [1, 2]}, {"known_at": "t"}, EventDataError, "null known_at"),
        (
            {"who": [1, 1], "t": ["2024-01-01", "soon"], "a": [1, 2]},
            {"known_at": "t"},
            EventDataError,
            "unparseable known_at",
        ),
        ({"id": [1], "a": [1]}, {}, ColumnNotFoundError, "customer='who': the frame has no such column"),
        ({"who": [1], "a": [1]}, {"known_at": "since"}, ColumnNotFoundError, "known_at='since'"),
        (5, {}, ParameterError, "frame is a builtins.int, which is not a frame"),
    ],
    ids=repr,
)
def test_refused(frame, options, error, message):
    with pytest.raises(error, match=message):
        log_of([1, 2]).with_attributes(frame, customer="who", **options)


def test_frames_of_every_kind(make_frame):
    frame = make_frame({"who": [2, 1], "tier": ["x", "y"], "age": [30.5, 40.0]})
    found = log_of([1, 2]).with_attributes(frame, customer="who").snapshot().attributes()
    assert found["tier"].tolist() == ["y", "x"]
    assert found["age"].tolist() == [40.0, 30.5]
