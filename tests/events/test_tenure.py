"""Renewals survived, against a loop over days that are due."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crmkit import EventLog
from crmkit.exceptions import ParameterError
from crmkit.testing import event_frames

DAY = 86_400_000_000


def tenure_of(events, as_of, period):
    """Renewals that fall due before the end, counted one after the other."""
    seen = [event for event in events if event["time"] < as_of and event["kind"] in {"order", "cancel"}]
    starts = [position for position, event in enumerate(seen) if event["kind"] == "order"]
    if not starts:
        return np.nan, np.nan
    began = seen[starts[-1]]["time"]
    ends = [event["time"] for event in seen[starts[-1] + 1 :]]
    until = ends[0] if ends else as_of
    survived, due = 0, began + period
    while due < until:
        survived, due = survived + 1, due + period
    return survived, int(bool(ends))


days = st.lists(
    st.integers(0, 29 * 4).map(lambda quarter: 1_728_864_000_000_000 + quarter * DAY // 4), min_size=1, max_size=3
)


@given(event_frames(kinds=True, max_customers=4), days, st.sampled_from([1, 3, 7]))
@settings(max_examples=80)
def test_tenure(plain_events, table, as_ofs, length):
    frame, options = table
    log = EventLog.from_frame(frame, **options)
    rows = log.snapshots(np.unique(np.array(as_ofs, dtype="M8[us]")), min_events=0, customers=log.customers)
    found = rows.tenure("order", "cancel", f"{length}D")
    assert found.columns.tolist() == ["periods", "ended"]
    events = plain_events(frame, options)
    expected = [
        tenure_of([event for event in events if event["customer"] == who], when, length * DAY)
        for who, when in zip(rows.customer_id.tolist(), rows.as_of_us.tolist(), strict=True)
    ]
    np.testing.assert_array_equal(found.to_numpy(), np.array(expected, dtype=float).reshape(-1, 2))
    running = log.snapshots(
        np.unique(rows.as_of), min_events=0, customers=log.customers, alive=("order", ["cancel"])
    )  # fmt: skip
    alive = found["ended"].to_numpy() == 0
    np.testing.assert_array_equal(rows.codes[alive], running.codes)
    np.testing.assert_array_equal(rows.as_of_us[alive], running.as_of_us)


def log_of(*rows):
    frame = pd.DataFrame(rows, columns=["who", "when", "what"])
    return EventLog.from_frame(
        frame, customer="who", time="when", kind="what", purchases="join", observed_until="2025-01-01"
    )


@pytest.mark.parametrize(
    ("rows", "as_of", "expected"),
    [
        ([("2024-01-01", "join")], "2024-01-31", (0, 0)),  # due at as_of: not seen yet
        ([("2024-01-01", "join")], "2024-01-31 00:00:00.000001", (1, 0)),
        ([("2024-01-01", "join")], "2024-03-31 12:00", (3, 0)),
        ([("2024-01-01", "join"), ("2024-01-31", "leave")], "2024-06-01", (0, 1)),  # left when it was due
        ([("2024-01-01", "join"), ("2024-02-01", "leave")], "2024-06-01", (1, 1)),
        ([("2024-01-01", "join"), ("2024-02-01", "leave")], "2024-02-01", (1, 0)),  # leaves, but not yet
        ([("2024-01-01", "join"), ("2024-02-01", "leave"), ("2024-05-01", "leave")], "2024-06-01", (1, 1)),
        ([("2024-01-01", "join"), ("2024-02-01", "leave"), ("2024-05-01", "join")], "2024-06-01", (1, 0)),
        ([("2024-01-01", "join"), ("2024-05-01", "join")], "2024-06-01", (1, 0)),
        ([("2024-01-01", "leave"), ("2024-05-01", "join")], "2024-06-01", (1, 0)),
        ([("2024-01-01", "visit"), ("2024-05-01", "leave")], "2024-06-01", (np.nan, np.nan)),
        ([("2024-01-01", "join"), ("2024-01-02", "visit")], "2024-02-01", (1, 0)),
    ],
)
def test_by_hand(rows, as_of, expected):
    log = log_of(*((1, when, what) for when, what in rows))
    found = log.snapshot(as_of, min_events=0, customers=[1]).tenure("join", "leave", "30D")
    np.testing.assert_array_equal(found.to_numpy()[0], expected)


def test_several_kinds_and_the_future():
    rows = [(1, "2024-01-01", "join"), (1, "2024-03-10", "fail"), (2, "2024-01-01", "gift"), (3, "2024-02-01", "join")]
    log = log_of(*rows)
    X = log.snapshots_at(pd.DataFrame({"who": [1, 2, 3, 9], "when": ["2024-04-01"] * 4}), customer="who", as_of="when")
    found = X.tenure(["join", "gift"], ["leave", "fail"], "30D")
    np.testing.assert_array_equal(found.to_numpy(), [[2, 1], [3, 0], [1, 0], [np.nan, np.nan]])
    later = log_of(*rows, (1, "2024-04-01", "join"), (2, "2024-05-01", "leave"))
    X = later.snapshots_at(
        pd.DataFrame({"who": [1, 2, 3, 9], "when": ["2024-04-01"] * 4}), customer="who", as_of="when"
    )
    pd.testing.assert_frame_equal(X.tenure(["join", "gift"], ["leave", "fail"], "30D"), found)


def test_polars():
    import polars as pl

    frame = pl.DataFrame({"who": [1, 1], "when": ["2024-01-01", "2024-03-10"], "what": ["join", "leave"]})
    log = EventLog.from_frame(frame, customer="who", time="when", kind="what", purchases="join")
    found = log.snapshot().tenure("join", "leave", "30D")
    assert isinstance(found, pl.DataFrame)
    assert found.rows() == [(2.0, 1.0)]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("join", "join", "30D"), r"start='join', end='join' names a kind both as a start and as an end"),
        (("join", "leave", 30), r"'period' parameter must be .* Got 30 instead"),
        (("join", "leave", "0D"), r"'period' parameter must be"),
        (("join", "leave", "1M"), r"A month has no fixed length"),
    ],
)
def test_refused(arguments, message):
    with pytest.raises(ParameterError, match=message):
        log_of((1, "2024-01-01", "join")).snapshot().tenure(*arguments)


def test_needs_kinds():
    log = EventLog.from_frame(pd.DataFrame({"who": [1], "when": ["2024-01-01"]}), customer="who", time="when")
    with pytest.raises(ParameterError, match=r"start='join', but the log has no kinds. Name their column as kind="):
        log.snapshot().tenure("join", "leave", "30D")
