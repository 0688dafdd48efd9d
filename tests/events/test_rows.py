"""Which rows snapshots have, against loops over customers and dates."""

from __future__ import annotations

import re

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crmkit import EventLog
from crmkit.exceptions import CensoredWindowError, EventDataError, ParameterError, UnknownCustomerError
from crmkit.testing import event_frames

DAY = 86_400_000_000
FIRST = 1_728_864_000_000_000
END = int(np.datetime64("2024-11-12", "us").astype(np.int64))

dates = st.lists(st.integers(0, 2 * 29).map(lambda half: FIRST + half * DAY // 2), min_size=1, max_size=5, unique=True)


def micro(time):
    return np.array(time, dtype="M8[us]")


def keys(X):
    return list(zip(X.customer_id.tolist(), X.as_of_us.tolist(), strict=True))


def expected_rows(events, dates, *, min_events=1, active_within=None, customers=None, alive=None):
    """Return (customer, as_of, events seen), date by date and customer by customer."""
    rows = []
    for date in dates:
        for customer in sorted({event["customer"] for event in events}):
            seen = [event for event in events if event["customer"] == customer and event["time"] < date]
            bought = [event["time"] for event in seen if event["purchase"]]
            states = (
                [event["kind"] in alive[0] for event in seen if event["kind"] in alive[0] | alive[1]] if alive else []
            )
            if (
                len(bought) >= min_events
                and (active_within is None or any(time >= date - active_within for time in bought))
                and (customers is None or customer in customers)
                and (alive is None or (states and states[-1]))
            ):
                rows.append((customer, date, len(seen)))
    return rows


@given(event_frames(orders=False), dates, st.integers(0, 3), st.sampled_from([None, DAY, 5 * DAY, 1]), st.data())
@settings(max_examples=50)
def test_rows(plain_events, table, days, min_events, active_within, data):
    frame, options = table
    log = EventLog.from_frame(frame, **options)
    customers = (
        data.draw(st.none() | st.lists(st.sampled_from(log.customers.tolist()), unique=True)) if len(log) else None
    )
    if min_events == 0 and customers is None:
        customers = log.customers.tolist()
    alive = ({"order", "visit"}, {"cancel"}) if "kind" in options and data.draw(st.booleans()) else None
    within = None if active_within is None else np.timedelta64(active_within, "us")
    X = log.snapshots(micro(days), min_events=min_events, active_within=within, customers=customers, alive=alive)
    expected = expected_rows(
        plain_events(frame, options), days,
        min_events=min_events, active_within=active_within, customers=customers, alive=alive,
    )  # fmt: skip
    assert keys(X) == [row[:2] for row in expected]
    assert (X.stop - X.start).tolist() == [row[2] for row in expected]
    assert X.active_within == within


@given(event_frames(), dates, st.sampled_from([1, DAY, 10 * DAY]), st.sampled_from([0, DAY // 2, 3 * DAY]))
@settings(max_examples=35)
def test_censored_windows_are_refused_or_left_out(table, days, horizon, gap):
    frame, options = table
    log = EventLog.from_frame(frame, **options)
    options = {"horizon": np.timedelta64(horizon, "us"), "gap": np.timedelta64(gap, "us")}
    complete = [day for day in days if day + gap + horizon <= END]
    X = log.snapshots(micro(days), censored="drop", **options)
    assert keys(X) == keys(log.snapshots(micro(complete))) if complete else len(X) == 0
    if len(complete) < len(days):
        with pytest.raises(CensoredWindowError) as refusal:
            log.snapshots(micro(days), **options)
        (last,) = re.findall(r"The last usable as_of is ([\d:.T-]+)\. ", str(refusal.value))
        assert np.datetime64(last, "us") == np.datetime64(END - gap - horizon, "us")
    else:
        assert keys(log.snapshots(micro(days), **options)) == keys(X)


@given(event_frames(), st.data())
@settings(max_examples=40)
def test_rows_of_a_frame(plain_events, table, data):
    """One row per row of the frame, in its order, for strangers too."""
    frame, options = table
    log = EventLog.from_frame(frame, **options)
    events = plain_events(frame, options)
    strangers = [10**15, -5] if log.customers.dtype.kind == "i" else ["zz stranger", "！"]
    pairs = data.draw(
        st.lists(
            st.tuples(
                st.sampled_from(log.customers.tolist() + strangers),
                st.integers(0, 2 * 29).map(lambda half: FIRST + half * DAY // 2),
            ),
            min_size=1,
            max_size=12,
        )
    )
    rows = pd.DataFrame({"id": [who for who, _ in pairs], "at": micro([when for _, when in pairs])})
    X = log.snapshots_at(rows, customer="id", as_of="at")
    assert keys(X) == pairs
    seen = [sum(event["customer"] == who and event["time"] < when for event in events) for who, when in pairs]
    assert (X.stop - X.start).tolist() == seen


# -- the rules, one by one -----------------------------------------------------------------------


@pytest.fixture
def log():
    frame = pd.DataFrame(
        {
            "who": [7, 7, 9, 9, 9, 8],
            "when": ["2024-01-02", "2024-02-01", "2024-01-03", "2024-01-20", "2024-01-25", "2024-02-03"],
            "what": ["join", "leave", "join", "leave", "join", "visit"],
        }
    )
    return EventLog.from_frame(frame, customer="who", time="when", kind="what", purchases="join")


def test_as_of_is_the_end_of_the_log_by_default(log):
    X = log.snapshot()
    assert set(X.as_of) == {np.datetime64("2024-02-04", "us")}
    assert X.customer_id.tolist() == [7, 9]


def test_as_of_is_not_seen(log):
    assert log.snapshot("2024-01-02").shape == (0,)
    assert log.snapshot("2024-01-02 00:00:00.000001").customer_id.tolist() == [7]


def test_rows_are_in_the_order_of_the_dates_as_given(log):
    X = log.snapshots(["2024-02-01", "2024-01-10"])
    assert [str(day)[:10] for day in X.as_of] == ["2024-02-01"] * 2 + ["2024-01-10"] * 2


def test_active_within_holds_its_left_edge(log):
    assert log.snapshot("2024-01-05", active_within="2D").customer_id.tolist() == [9]
    assert log.snapshot("2024-01-05", active_within="3D").customer_id.tolist() == [7, 9]


def test_alive_is_the_latest_of_both_kinds(log):
    for day, alive in {"2024-01-15": [7, 9], "2024-01-21": [7], "2024-02-01": [7, 9], "2024-02-02": [9]}.items():
        assert log.snapshot(day, alive=("join", "leave")).customer_id.tolist() == alive
        assert log.snapshot(day, alive=(["join"], ["leave", "never"])).customer_id.tolist() == alive


def test_min_events_counts_purchases(log):
    assert log.snapshot(min_events=2).customer_id.tolist() == [9]
    assert log.snapshot(min_events=0, customers=[8, 7]).customer_id.tolist() == [7, 8]


def test_dates_of_every_sort(log):
    import datetime as dt

    import polars as pl

    days = ["2024-01-10", "2024-02-01"]
    expected = keys(log.snapshots(days))
    for given_days in (
        tuple(days),
        np.array(days, dtype="M8[D]"),
        list(np.array(days, dtype="M8[ns]")),
        pd.to_datetime(days),
        pd.Series(pd.to_datetime(days)),
        [dt.date(2024, 1, 10), dt.date(2024, 2, 1)],
        [dt.datetime(2024, 1, 10), pd.Timestamp("2024-02-01")],
        pl.Series(days).str.to_date(),
        (day for day in days),
    ):
        assert keys(log.snapshots(given_days)) == expected
    assert keys(log.snapshots("2024-01-10")) == expected[:2]
    assert len(log.snapshots([])) == 0


@pytest.mark.parametrize(
    ("dates", "options", "error", "message"),
    [
        (["2024-02-05"], {}, ParameterError, r"dates holds .*2024-02-05.*after observed_until \(2024-02-04"),
        (["2024-01-05"] * 2, {}, ParameterError, "dates holds 1 dates twice"),
        (["1.2.2024"], {}, ParameterError, "which is not a date. Write dates with the year first"),
        (["soon"], {}, ParameterError, "dates holds 'soon'"),
        ([None], {}, ParameterError, "dates holds None, which is not a date"),
        ([20240105], {}, ParameterError, "not a time|not of times"),
        (["2024-01-05T00:00+01:00"], {}, ParameterError, "zone"),
        (["2024-01-05"], {"horizon": 30}, ParameterError, "A bare number has no unit"),
        (["2024-01-05"], {"horizon": "1M"}, ParameterError, "say '30D' instead"),
        (["2024-01-05"], {"horizon": "0D"}, ParameterError, "longer than zero"),
        (["2024-01-05"], {"gap": "-1D"}, ParameterError, "cannot be negative"),
        (["2024-01-05"], {"gap": None}, ParameterError, "'gap' parameter"),
        (["2024-01-05"], {"active_within": 5}, ParameterError, "'active_within' parameter"),
        (
            ["2024-01-05"],
            {"min_events": 1.5},
            ParameterError,
            "'min_events' parameter of EventLog.snapshots must be an int",
        ),
        (["2024-01-05"], {"min_events": -1}, ParameterError, "'min_events' parameter"),
        (["2024-01-05"], {"min_events": 0}, ParameterError, "min_events=0 needs customers="),
        (["2024-01-05"], {"censored": "keep"}, ParameterError, "'censored' parameter"),
        (["2024-01-05"], {"customers": [7, 1]}, UnknownCustomerError, "1 of 2 ids that the log does not.*snapshots_at"),
        (["2024-01-05"], {"alive": "join"}, ParameterError, r"must be a tuple \(start kinds, end kinds\)"),
        (["2024-01-05"], {"alive": ("join", ["leave", "join"])}, ParameterError, "both as a start and as an end"),
        (["2024-01-25"], {"horizon": "2W"}, CensoredWindowError, "The last usable as_of is 2024-01-21"),
    ],
)
def test_refused(log, dates, options, error, message):
    with pytest.raises(error, match=message):
        log.snapshots(dates, **options)


def test_alive_needs_kinds():
    log = EventLog.from_frame({"who": [1], "when": ["2024-01-01"]}, customer="who", time="when")
    with pytest.raises(ParameterError, match="the log has no kinds"):
        log.snapshot(alive=("join", "leave"))


@pytest.mark.parametrize(
    ("rows", "error", "message"),
    [
        (
            {"id": [7, None], "at": ["2024-01-05"] * 2},
            EventDataError,
            "null customer, 1 of 2 rows, the first at position 1",
        ),
        (
            {"id": [7, 7], "at": ["2024-01-05", None]},
            EventDataError,
            "null as_of, 1 of 2 rows, the first at position 1",
        ),
        ({"id": [7, 7], "at": ["soon", "2024-01-05"]}, EventDataError, "unparseable as_of, 1 of 2 rows"),
        (
            {"id": ["7"], "at": ["2024-01-05"]},
            ParameterError,
            "holds text, the customer ids of the log are whole numbers",
        ),
        ({"id": [7], "at": ["2025-01-05"]}, ParameterError, "as_of='at' holds .*2025-01-05.*after observed_until"),
        ({"id": [7], "when": ["2024-01-05"]}, ValueError, "as_of='at': the frame has no such column"),
    ],
)
def test_rows_of_a_frame_refused(log, rows, error, message):
    with pytest.raises(error, match=message):
        log.snapshots_at(pd.DataFrame(rows), customer="id", as_of="at")


def test_rows_of_a_frame_of_every_kind(log, make_frame):
    X = log.snapshots_at(
        make_frame({"id": [9, 1, 7], "at": np.array(["2024-01-20", "2024-01-09", "2024-01-02"], dtype="M8[us]")}),
        customer="id", as_of="at", horizon="10D", gap="1D",
    )  # fmt: skip
    assert X.customer_id.tolist() == [9, 1, 7]
    assert (X.stop - X.start).tolist() == [1, 0, 0]
    assert X.churned().tolist() == [0, 1, 1]


def test_rows_of_a_frame_without_rows(log):
    empty = pd.DataFrame({"id": np.empty(0, dtype=np.int64), "at": np.empty(0, dtype="M8[us]")})
    assert log.snapshots_at(empty, customer="id", as_of="at", horizon="10D").churned().shape == (0,)


def test_rows_of_a_frame_upon_an_empty_log():
    log = EventLog.from_frame(
        {"who": np.empty(0, dtype=np.int64), "when": np.empty(0, dtype="M8[us]")},
        customer="who", time="when", observed_until="2024-02-01",
    )  # fmt: skip
    X = log.snapshots_at({"id": ["a", "b"], "at": ["2024-01-01"] * 2}, customer="id", as_of="at", horizon="5D")
    assert X.customer_id.tolist() == ["a", "b"]
    assert X.churned().tolist() == [1, 1]
    assert np.isnan(X.summary().to_numpy()).all()


@pytest.mark.parametrize("several", [[], ["2024-01-01", "2024-01-02"]], ids=["none", "two"])
def test_one_date_is_one_date(several):
    log = EventLog.from_frame({"c": [1], "t": ["2024-01-01"]}, customer="c", time="t")
    for ask in (
        lambda: log.before(several),
        lambda: log.snapshot().where(before=several),
        lambda: EventLog.from_frame({"c": [1], "t": ["2024-01-01"]}, customer="c", time="t", observed_until=several),
    ):
        with pytest.raises(ParameterError, match=f"must be one date, such as .* Got {len(several)} of them"):
            ask()


@pytest.mark.parametrize(
    ("as_of", "reason"),
    [
        (pd.NaT, "NaT, which is not a date"),
        (pd.Timestamp("2024-01-01", tz="UTC"), "a time zone but the log has none"),
        (np.array([["2024-01-01"]], dtype="M8[D]"), "dates in one dimension"),
    ],
    ids=["NaT", "aware", "table"],
)
def test_dates_that_cannot_be_read(as_of, reason):
    log = EventLog.from_frame({"c": [1], "t": ["2024-01-01"]}, customer="c", time="t")
    with pytest.raises(ParameterError, match=f"^dates .*{reason}"):
        log.snapshots(as_of)


def test_the_error_of_a_snapshot_names_its_own_parameter():
    frame = {"customer": [1], "time": ["2024-01-01"], "value": [1.0]}
    log = EventLog.from_frame(frame, customer="customer", time="time", value="value")
    with pytest.raises(ParameterError, match=r"^as_of holds .* after observed_until"):
        log.snapshot("2025-01-01")
    with pytest.raises(ParameterError, match=r"^dates holds .* after observed_until"):
        log.snapshots(["2025-01-01"])
