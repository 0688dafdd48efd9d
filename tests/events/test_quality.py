"""What log.quality counts beside what was dropped."""

from __future__ import annotations

import pandas as pd
import pytest
from hypothesis import given, settings

from crmkit import EventLog
from crmkit.exceptions import EventDataError
from crmkit.testing import event_frames

ROLES = {"customer": "who", "time": "when", "value": "paid"}


def counts(log):
    return dict(zip(log.quality["rule"], log.quality["rows"], strict=True))


@given(event_frames(money=True))
@settings(max_examples=35)
def test_counts(plain_events, table):
    frame, options = table
    log = EventLog.from_frame(frame, **options)
    events = plain_events(frame, options)
    early = [
        e for e in events if e["refund"]
        and not any(o["purchase"] and o["customer"] == e["customer"] and o["time"] < e["time"] for o in events)
    ]  # fmt: skip
    sure = [
        e for e in early
        if not any(o["purchase"] and o["customer"] == e["customer"] and o["time"] == e["time"] for o in events)
    ]  # fmt: skip
    found = counts(log)
    assert found["exact duplicate"] == frame.astype(str).duplicated().sum()
    assert found["refund"] == sum(event["refund"] for event in events)
    assert len(sure) <= found["refund before any purchase"] <= len(early)
    assert list(log.quality.columns) == ["rule", "rows", "share"]
    assert (log.quality["share"] == log.quality["rows"] / max(len(frame), 1)).all()


@given(event_frames())
@settings(max_examples=25)
def test_duplicates_can_be_dropped_or_refused(table):
    frame, options = table
    log = EventLog.from_frame(frame, **options)
    n_repeats = counts(log)["exact duplicate"]
    assert len(log) == len(frame)
    single = EventLog.from_frame(frame, **options, duplicates="drop")
    assert len(single) == len(frame) - n_repeats
    assert counts(single)["exact duplicate"] == n_repeats
    unique = frame[~frame.astype(str).duplicated()]
    assert pd.DataFrame(single.to_frame()).equals(EventLog.from_frame(unique, **options).to_frame())
    if n_repeats:
        with pytest.raises(EventDataError, match=f"{n_repeats} of {len(frame)} rows repeat another row exactly"):
            EventLog.from_frame(frame, **options, duplicates="raise")


def test_the_error_of_duplicates_names_rows_and_nobody():
    frame = pd.DataFrame({"who": ["secret"] * 3, "when": ["2024-01-01"] * 3, "paid": [1.0, 2.0, 1.0]})
    with pytest.raises(EventDataError, match=r"1 of 3 rows repeat another row exactly, at position [02]\.") as caught:
        EventLog.from_frame(frame, **ROLES, duplicates="raise")
    assert "secret" not in str(caught.value)


def hourly(until):
    days = pd.date_range("2024-01-01", periods=30, freq="D")
    times = [day + pd.Timedelta(hours=hour) for day in days for hour in (9, 15, 21)]
    return pd.DataFrame({"who": 1, "when": [time for time in times if time <= pd.Timestamp(until)], "paid": 1.0})


def test_a_last_day_that_ends_early_is_noted():
    assert counts(EventLog.from_frame(hourly("2024-01-30 16:00"), **ROLES))["last day ends early"] == 2
    assert counts(EventLog.from_frame(hourly("2024-01-30 22:00"), **ROLES))["last day ends early"] == 0
    assert "last day ends early" not in counts(
        EventLog.from_frame(hourly("2024-01-30 16:00"), **ROLES, observed_until="2024-01-31")
    )
    whole_days = hourly("2024-01-30 22:00").assign(when=lambda frame: frame["when"].dt.normalize())
    assert counts(EventLog.from_frame(whole_days, **ROLES))["last day ends early"] == 0


def test_a_free_purchase_is_no_refund():
    frame = pd.DataFrame({"who": [1, 1, 1], "when": "2024-01-01", "paid": [0.0, -0.0, -0.01]})
    assert counts(EventLog.from_frame(frame, **ROLES))["refund"] == 1
    ignored = EventLog.from_frame(frame, **ROLES, refunds="drop")
    assert (len(ignored), counts(ignored)["refund"]) == (2, 1)


def test_a_customer_of_nothing_but_refunds_stays_a_customer():
    frame = pd.DataFrame({"who": [1, 2], "when": "2024-01-01", "paid": [5.0, -5.0]})
    for refunds in ("net", "drop"):
        log = EventLog.from_frame(frame, **ROLES, refunds=refunds)
        assert log.customers.tolist() == [1, 2]
        assert log.snapshot().customer_id.tolist() == [1]
