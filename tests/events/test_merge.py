"""Logs joined, extended and cut: each equal to one load of the right rows."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crmkit import EventLog
from crmkit.exceptions import EventDataError, ParameterError, UnknownCustomerError
from crmkit.testing import event_frames

tables = event_frames(zones=None)


def same_log(one, other):
    """Equal events; the sort of the ids of nothing at all does not matter."""
    return one.fingerprint == other.fingerprint if len(one) else len(other) == 0


@given(tables, st.lists(st.integers(0, 2), min_size=24, max_size=24), st.booleans())
@settings(max_examples=40)
def test_append_is_one_load(table, parts, is_late):
    frame, options = table
    whole = EventLog.from_frame(frame, **options)
    part = np.array(parts[: len(frame)])
    chunks = [frame[part == number] for number in range(3)]
    log = EventLog.from_frame(chunks[0], **options)
    for chunk in chunks[1:]:
        log = log.append(chunk, observed_until=options["observed_until"])
    assert same_log(log, whole)
    assert log.observed_until == whole.observed_until
    assert log._n_read == len(frame)
    counts, expected = (dict(zip(q["rule"], q["rows"], strict=True)) for q in (log.quality, whole.quality))
    assert counts.pop("late row") == len(frame) - len(chunks[0])  # all before the end that was given
    assert {rule: n for rule, n in counts.items() if n} == {rule: n for rule, n in expected.items() if n}


@given(event_frames(min_events=1))
@settings(max_examples=25)
def test_append_day_by_day(table):
    frame, options = table
    options.pop("observed_until")
    days = frame["time"].dt.floor("D")
    log = None
    for day in sorted(days.unique()):
        chunk = frame[days == day]
        log = EventLog.from_frame(chunk, **options) if log is None else log.append(chunk)
        assert log.observed_until == np.datetime64(day + pd.Timedelta(days=1))
        assert log.quality.set_index("rule")["rows"].get("late row", 0) == 0
    assert log.fingerprint == EventLog.from_frame(frame, **options).fingerprint


@given(tables, st.data())
@settings(max_examples=35)
def test_without_is_a_load_without(table, data):
    frame, options = table
    log = EventLog.from_frame(frame, **options)
    gone = data.draw(st.lists(st.sampled_from(log.customers.tolist()), unique=True)) if len(log) else []
    rest = log.without(gone)
    names = frame["customer"].astype(str) if log.customers.dtype.kind == "U" else frame["customer"]
    assert same_log(rest, EventLog.from_frame(frame[~names.isin(gone)], **options))
    assert same_log(rest.without(gone), rest)
    assert rest.observed_until == log.observed_until


@given(tables)
@settings(max_examples=35)
def test_customer_is_a_load_of_one(table):
    frame, options = table
    log = EventLog.from_frame(frame, **options)
    names = frame["customer"].astype(str) if log.customers.dtype.kind == "U" else frame["customer"]
    for customer in log.customers.tolist():
        one = log.customer(customer)
        assert one.customers.tolist() == [customer]
        assert one.fingerprint == EventLog.from_frame(frame[names == customer], **options).fingerprint
        assert one.without([customer]).n_customers == 0


@given(event_frames(), st.integers(0, 56))
@settings(max_examples=35)
def test_before_is_a_load_of_what_was_there(table, half):
    frame, options = table
    log = EventLog.from_frame(frame, **options)
    as_of = np.datetime64("2024-10-14", "us") + half * np.timedelta64(12, "h")
    early = log.before(as_of)
    options["observed_until"] = as_of
    assert same_log(early, EventLog.from_frame(frame[frame["time"] < as_of], **options))
    assert early.observed_until == as_of
    later = log.before("2030-01-01")
    assert (later.observed_until, later.fingerprint) == (log.observed_until, log.fingerprint)


@given(event_frames(kinds=True), st.sampled_from(["visit", ["order", "cancel"], "never"]))
@settings(max_examples=25)
def test_only_keeps_customers_and_the_end(table, kinds):
    frame, options = table
    log = EventLog.from_frame(frame, **options)
    some = log.only(kinds)
    assert len(some) == frame["kind"].isin([kinds] if isinstance(kinds, str) else kinds).sum()
    assert some.customers.tolist() == log.customers.tolist()
    assert some.observed_until == log.observed_until
    held = set(some.to_frame()["kind"])
    assert held <= ({kinds} if isinstance(kinds, str) else set(kinds))


@pytest.mark.filterwarnings("ignore:The behavior of DataFrame concatenation:FutureWarning")  # pandas 2, of empty frames
@given(event_frames(kinds=False), event_frames(kinds=False, ids="int"), st.booleans())
@settings(max_examples=35)
def test_concat_is_one_load_with_a_column_of_kinds(one, other, is_swapped):
    (frame, options), (more, others) = one, other
    if not pd.api.types.is_integer_dtype(frame["customer"]):
        more = more.assign(customer=more["customer"].astype(str))
    logs = {"order": EventLog.from_frame(frame, **options), "visit": EventLog.from_frame(more, **others)}
    if is_swapped:
        logs = dict(reversed(logs.items()))
    log = EventLog.concat(logs, purchases="order")
    roles = {**others, **options, "kind": "kind", "purchases": "order"}
    joined = pd.concat([frame.assign(kind="order"), more.assign(kind="visit")], ignore_index=True)
    if len(joined) and pd.api.types.is_integer_dtype(more["customer"]):
        joined["customer"] = joined["customer"].astype(
            "int64" if len(frame) and len(more) else joined["customer"].dtype
        )
    # What is missing in a log that has no such column may be missing in a purchase; in a frame it may not.
    can_be_one_frame = all(role in options or role not in others for role in ("value", "item"))
    assert len(log) == len(frame) + len(more)
    assert log.kinds.tolist() == ["order", "visit"]
    if can_be_one_frame and len(frame) and len(more):
        assert log.fingerprint == EventLog.from_frame(joined, **roles).fingerprint


def test_concat_by_hand():
    bought = EventLog.from_frame(
        {"c": [1, 2], "t": ["2024-03-01", "2024-03-05"], "v": [9.0, 3.0]}, customer="c", time="t", value="v"
    )
    seen = EventLog.from_frame({"who": [2, 3], "at": ["2024-03-02", "2024-03-09"]}, customer="who", time="at")
    log = EventLog.concat({"order": bought, "visit": seen})
    assert log.customers.tolist() == [1, 2, 3]
    assert str(log.observed_until)[:10] == "2024-03-10"
    assert log.snapshot().customer_id.tolist() == [1, 2]  # by default the kinds with money are purchases
    frame = log.to_frame()
    assert list(frame.columns) == ["c", "t", "v", "kind"]
    assert frame["v"].isna().sum() == 2
    both = EventLog.concat({"order": bought, "visit": seen}, purchases=["order", "visit"])
    assert both.snapshot("2024-03-02").customer_id.tolist() == [1]


@pytest.mark.parametrize(
    ("logs", "purchases", "message"),
    [
        ({}, None, "must be a mapping such as"),
        ([], None, "must be a mapping such as"),
        ("ab", "c", r"purchases=\['c'\] names \['c'\], but the kinds are \['a', 'b'\]"),
    ],
)
def test_concat_refused(logs, purchases, message):
    log = EventLog.from_frame({"c": [1], "t": ["2024-03-01"]}, customer="c", time="t")
    logs = dict.fromkeys(logs, log) if isinstance(logs, str) else logs
    with pytest.raises(ParameterError, match=message):
        EventLog.concat(logs, purchases=purchases)


def test_logs_that_do_not_fit_are_not_joined():
    naive = EventLog.from_frame({"c": [1], "t": ["2024-03-01"]}, customer="c", time="t")
    london = EventLog.from_frame({"c": [1], "t": ["2024-03-01"]}, customer="c", time="t", tz="Europe/London")
    text = EventLog.from_frame({"c": ["1"], "t": ["2024-03-01"]}, customer="c", time="t")
    with pytest.raises(ParameterError, match="different zones"):
        EventLog.concat({"a": naive, "b": london})
    with pytest.raises(ParameterError, match="whole numbers in one part and text in another"):
        EventLog.concat({"a": naive, "b": text})
    with pytest.raises(ParameterError, match="whole numbers in one part and text in another"):
        naive.append({"c": ["x"], "t": ["2024-03-02"]})
    kinds = EventLog.concat({"a": naive})
    with pytest.raises(ParameterError, match="a log with kinds of its own"):
        EventLog.concat({"c": kinds})


def test_append_counts_late_and_broken_rows():
    log = EventLog.from_frame(
        {"c": [1, None], "t": ["2024-03-05", "2024-03-01"]}, customer="c", time="t", invalid="drop"
    )
    more = {"c": [2.0, 1.0, np.nan], "t": ["2024-03-09", "2024-03-05", "2024-03-09"]}
    with pytest.raises(EventDataError, match="null customer: 1 of 3 rows, at position 2"):
        log.append(more)
    log = log.append(more, invalid="drop")
    counts = log.quality.set_index("rule")["rows"]
    assert counts[["null customer", "dropped", "late row", "exact duplicate"]].tolist() == [2, 2, 1, 1]
    assert log.quality.set_index("rule")["share"]["late row"] == 1 / 5
    assert str(log.observed_until)[:10] == "2024-03-10"
    with pytest.raises(EventDataError, match="at or after observed_until"):
        log.append(more, observed_until="2024-03-06")


def test_append_of_nothing_changes_nothing():
    log = EventLog.from_frame({"c": [1], "t": ["2024-03-05"]}, customer="c", time="t")
    empty = {"c": np.empty(0, dtype=np.int64), "t": np.empty(0, dtype="M8[us]")}
    assert log.append(empty).fingerprint == log.fingerprint
    started = EventLog.from_frame(empty, customer="c", time="t").append({"c": [1], "t": ["2024-03-05"]})
    assert (len(started), started.customers.tolist()) == (1, [1])


def test_naive_and_aware_do_not_append():
    log = EventLog.from_frame({"c": [1], "t": ["2024-03-05"]}, customer="c", time="t", tz="Asia/Shanghai")
    with pytest.raises(ParameterError, match="of the new frame is aware, that of the log naive"):
        log.append({"c": [1], "t": ["2024-03-06T00:00+08:00"]})


def test_the_id_of_a_stranger():
    log = EventLog.from_frame({"c": ["a", "b"], "t": ["2024-03-05"] * 2}, customer="c", time="t")
    with pytest.raises(UnknownCustomerError, match="The log holds nothing on this customer id") as caught:
        log.customer("zorro")
    assert "zorro" not in str(caught.value)
    with pytest.raises(UnknownCustomerError):
        log.customer(5)
    assert log.without("zorro").fingerprint == log.fingerprint
    assert log.without("a").customers.tolist() == ["b"]
    assert log.without({"a", "b"}).customers.tolist() == []


def test_refused():
    log = EventLog.from_frame({"c": [1], "t": ["2024-03-05"]}, customer="c", time="t")
    with pytest.raises(ParameterError, match="the log has no kinds"):
        log.only("order")
    with pytest.raises(ParameterError, match="as_of holds 'soon', which is not a date"):
        log.before("soon")
    with pytest.raises(ParameterError, match=r"'invalid' parameter of EventLog\.append"):
        log.append({"c": [1], "t": ["2024-03-06"]}, invalid="ignore")
