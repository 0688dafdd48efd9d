"""What lies in the label windows, against lists of the events that do."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crmkit import EventLog
from crmkit.exceptions import ParameterError
from crmkit.testing import event_frames

DAY = 86_400_000_000
LENGTH = {"D": DAY, "W": 7 * DAY, None: 1}
END = int(np.datetime64("2024-11-12", "us").astype(np.int64))

windows = st.tuples(
    st.lists(
        st.integers(0, 40).map(lambda half: 1_728_864_000_000_000 + half * DAY // 2),
        min_size=1,
        max_size=3,
        unique=True,
    ),
    st.sampled_from([1, DAY, 3 * DAY, 8 * DAY]),
    st.sampled_from([0, 1, DAY // 2]),
)


def rows_of(log, days, horizon, gap):
    """Every customer at every instant, whether they have come or not."""
    keys = [(who, when) for when in days for who in log.customers.tolist()]
    who = pd.Series([who for who, _ in keys], dtype="int64" if log.customers.dtype.kind == "i" else "object")
    frame = pd.DataFrame({"who": who, "when": np.array([when for _, when in keys], dtype="M8[us]")})
    window = {"horizon": np.timedelta64(horizon, "us"), "gap": np.timedelta64(gap, "us")}
    return log.snapshots_at(frame, customer="who", as_of="when", **window)


def in_windows(X, events, horizon, gap):
    """For each row the events of its window, in the order of the log."""
    return [
        [e for e in events if e["customer"] == who and when + gap <= e["time"] < when + gap + horizon]
        for who, when in zip(X.customer_id.tolist(), X.as_of_us.tolist(), strict=True)
    ]


def exact(money):
    cents = round(money * 100)
    return Fraction(cents, 100) if cents / 100 == money else Fraction(money)


def n_periods(window, events, begin, collapse):
    bought = [event for event in window if event["purchase"]]
    if collapse != "order":
        return len({(event["time"] - begin) // LENGTH[collapse] for event in bought})
    alone = sum(event["order"] is None for event in bought)
    named = {event["order"] for event in bought} - {None}
    begun = [min(event["time"] for event in events if event["purchase"] and event["order"] == order) for order in named]
    return alone + sum(time >= begin for time in begun)


@given(event_frames(orders=True, items=True), windows, st.sampled_from(["D", "W", "order", None]))
@settings(max_examples=50)
def test_targets(plain_events, table, window, collapse):
    frame, options = table
    log, events = EventLog.from_frame(frame, **options), plain_events(frame, options)
    days, horizon, gap = window
    X = rows_of(log, days, horizon, gap)
    inside = in_windows(X, events, horizon, gap)
    bought = [[event for event in row if event["purchase"]] for row in inside]

    for labels, expected in (
        (X.churned(), [not row for row in bought]),
        (X.happens(), [bool(row) for row in bought]),
        (
            X.future_purchases(collapse=collapse),
            [
                n_periods(row, events, when + gap, collapse)
                for row, when in zip(inside, X.as_of_us.tolist(), strict=True)
            ],
        ),
    ):
        assert labels.dtype == np.int64
        assert labels.tolist() == [int(label) for label in expected]

    if log.has_money:
        money = [
            float(sum((exact(e["money"]) for e in row if e["purchase"] or e["refund"]), Fraction(0))) for row in inside
        ]
        np.testing.assert_allclose(X.future_value(), money, rtol=1e-13, atol=1e-13)

    targets = X.future_items()
    assert targets.shape == X.shape
    counts = pd.DataFrame(targets.csr.toarray(), columns=targets.items)
    for row, own in enumerate(bought):
        items = pd.Series([event["item"] for event in own if event["item"] is not None], dtype=object).value_counts()
        assert {item: n for item, n in counts.iloc[row].items() if n} == items.to_dict()


@given(event_frames(kinds=True), windows, st.sampled_from(["visit", "order", ("cancel", "visit")]))
@settings(max_examples=35)
def test_targets_of_kinds(plain_events, table, window, kinds):
    frame, options = table
    log, events = EventLog.from_frame(frame, **options), plain_events(frame, options)
    days, horizon, gap = window
    X = rows_of(log, days, horizon, gap)
    own = [[e for e in row if e["kind"] in kinds] for row in in_windows(X, events, horizon, gap)]
    assert X.happens(kinds).tolist() == [int(bool(row)) for row in own]
    begins = (X.as_of_us + gap).tolist()
    days_with = [
        len({(e["time"] - begin) // DAY for e in row if not e["refund"]})
        for row, begin in zip(own, begins, strict=True)
    ]
    assert X.future_purchases(kinds=kinds).tolist() == days_with


@given(event_frames(), windows, st.sampled_from([None, "visit", ["cancel", "order"]]), st.sampled_from("DWMY"))
@settings(max_examples=40)
def test_time_to_next(plain_events, table, window, kinds, unit):
    frame, options = table
    log, events = EventLog.from_frame(frame, **options), plain_events(frame, options)
    kinds = kinds if "kind" in options else None
    X = rows_of(log, *window)
    found = X.time_to_next(kinds, time_unit=unit)
    scale = {"D": 1, "W": 7, "M": 30.4375, "Y": 365.25}[unit] * DAY
    expected = []
    for who, when in zip(X.customer_id.tolist(), X.as_of_us.tolist(), strict=True):
        times = [
            event["time"] for event in events
            if event["customer"] == who and event["time"] >= when
            and (event["purchase"] if kinds is None else event["kind"] in kinds)
        ]  # fmt: skip
        expected.append(((min([*times, END]) - when) / scale, int(bool(times))))
    assert list(zip(found["duration"].tolist(), found["observed"].tolist(), strict=True)) == expected
    assert found["observed"].dtype == np.int64


@pytest.fixture
def log():
    frame = pd.DataFrame(
        {
            "who": [1, 1, 1, 1, 1],
            "when": ["2024-01-01", "2024-01-10", "2024-01-10 12:00", "2024-01-20", "2024-01-31"],
            "paid": [0.1, 0.1, 0.2, -0.3, 50.0],
        }
    )
    return EventLog.from_frame(frame, customer="who", time="when", value="paid")


def test_the_window_holds_its_first_instant_and_not_its_last(log):
    assert log.snapshots(["2024-01-10"], horizon="10D").future_value().tolist() == [0.3]
    assert log.snapshots(["2024-01-09"], horizon="1D").churned().tolist() == [1]
    assert log.snapshots(["2024-01-08"], horizon="1D", gap="2D").churned().tolist() == [0]


def test_money_and_its_refund_add_up_to_nothing(log):
    assert log.snapshots(["2024-01-02"], horizon="28D").future_value().tolist() == [0.0]


def test_a_zero_is_a_purchase_and_a_refund_is_none():
    frame = pd.DataFrame(
        {"who": [1, 1, 1], "when": ["2024-01-01", "2024-01-05", "2024-01-09"], "paid": [5.0, 0.0, -1.0]}
    )
    log = EventLog.from_frame(frame, customer="who", time="when", value="paid")
    assert log.snapshots(["2024-01-02"], horizon="5D").churned().tolist() == [0]
    assert log.snapshots(["2024-01-06"], horizon="4D").churned().tolist() == [1]


def test_what_the_window_of_rows_says_is_kept(log):
    X = log.snapshots(["2024-01-02"], horizon="1W", gap="36h")
    assert (X.horizon, X.gap) == (np.timedelta64(7, "D"), np.timedelta64(36, "h"))
    assert X.future_purchases("168h").tolist() == X.future_purchases().tolist()


@pytest.mark.parametrize("method", ["churned", "happens", "future_purchases", "future_value", "future_items"])
def test_another_horizon_is_refused(log, method):
    frame = log.to_frame().assign(what="a")
    log = EventLog.from_frame(frame, customer="who", time="when", value="paid", item="what")
    with pytest.raises(ParameterError, match=r"horizon='8D' differs from that of the rows \(7D\)"):
        getattr(log.snapshots(["2024-01-02"], horizon="7D"), method)(horizon="8D")
    with pytest.raises(ParameterError, match=r"no label window. Pass horizon= where they are made"):
        getattr(log.snapshots(["2024-01-02"]), method)()


def test_refused(log):
    X = log.snapshots(["2024-01-02"], horizon="7D")
    with pytest.raises(ParameterError, match="has no kinds"):
        X.happens("cancel")
    with pytest.raises(ParameterError, match="has no orders"):
        X.future_purchases(collapse="order")
    with pytest.raises(ParameterError, match=r"'collapse' parameter of Snapshots\.future_purchases"):
        X.future_purchases(collapse="day")
    with pytest.raises(ParameterError, match="has no items"):
        X.future_items()
    with pytest.raises(ParameterError, match="'time_unit' parameter"):
        X.time_to_next(time_unit="d")
    bare = EventLog.from_frame(log.to_frame(), customer="who", time="when")
    with pytest.raises(ParameterError, match="has no money"):
        bare.snapshots(["2024-01-02"], horizon="7D").future_value()


def test_a_kind_that_never_happens_never_happens():
    frame = pd.DataFrame({"who": [1, 1], "when": ["2024-01-01", "2024-01-09"], "what": ["order", "order"]})
    log = EventLog.from_frame(frame, customer="who", time="when", kind="what", purchases=["order"])
    assert log.snapshots(["2024-01-02"], horizon="8D").happens("cancel").tolist() == [0]


def test_events_without_money_add_nothing():
    frame = {"c": [1, 1, 1], "t": ["2024-01-01", "2024-01-05", "2024-01-06"], "v": [1.0, None, 7.5]}
    frame["k"] = ["order", "visit", "order"]
    log = EventLog.from_frame(frame, customer="c", time="t", value="v", kind="k", purchases="order")
    X = log.snapshots(["2024-01-02"], horizon="5D")
    assert X.future_value(kinds=["order", "visit"]).tolist() == [7.5]
    assert X.future_value(kinds="visit").tolist() == [0.0]
