"""The four columns of the purchase models against a re-implementation in dicts and loops."""

from __future__ import annotations

import itertools
import math
from fractions import Fraction

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crmkit import EventLog
from crmkit.events import purchases
from crmkit.exceptions import ParameterError
from crmkit.testing import event_frames

DAY = 86_400_000_000
LENGTH = {"D": DAY, "W": 7 * DAY, None: 1}
UNIT = {"D": DAY, "W": 7 * DAY, "M": 30.4375 * DAY, "Y": 365.25 * DAY}


def exact(money):
    """Money as a fraction: whole cents where the float is the nearest one to whole cents."""
    cents = round(money * 100)
    return Fraction(cents, 100) if cents / 100 == money else Fraction(money)


def periods_of(events, as_of, collapse):
    """Return {period: [money]} of what is visible, periods counted back from as_of, refunds deducted.

    A period of orders is the (negative) position of its first line, so that the largest is the first
    in all cases.
    """
    seen = [event for event in events if event["time"] < as_of]
    bought = [event for event in seen if event["purchase"]]
    if collapse == "order":
        return orders_of(seen)

    def period(event):
        return (as_of - event["time"] - 1) // LENGTH[collapse]

    money = {}
    for event in bought:
        money.setdefault(period(event), []).append(event["money"])
    for refund in (event for event in seen if event["refund"]):
        own = [e for e in bought if e["order"] is not None and e["order"] == refund["order"]]
        earlier = [p for p in money if p >= period(refund)]
        if own and period(own[0]) >= period(refund):
            money[period(own[0])].append(refund["money"])
        elif earlier:
            money[min(earlier)].append(refund["money"])
    return money


def orders_of(seen):
    money, begins = {}, {}
    for position, event in enumerate(seen):
        if event["purchase"]:
            name = ("alone", position) if event["order"] is None else event["order"]
            begins.setdefault(name, -position)
            money.setdefault(begins[name], []).append(event["money"])
    for event in (event for event in seen if event["refund"]):
        begun = [begin for begin in money if seen[-begin]["time"] <= event["time"]]
        own = begins.get(event["order"])
        if event["order"] is not None and own in begun:
            money[own].append(event["money"])
        elif begun:
            money[min(begun)].append(event["money"])
    return money


def summary_of(events, as_of, collapse, unit):
    money = periods_of(events, as_of, collapse)
    if not money:
        return [np.nan] * 4
    first, last = max(money), min(money)
    if collapse == "order":
        seen = [event["time"] for event in events]
        age, idle = as_of - seen[-first], as_of - seen[-last]
    elif collapse is None:
        age, idle = first + 1, last + 1
    else:
        age, idle = first * LENGTH[collapse], last * LENGTH[collapse]
    repeats = [amount for period, amounts in money.items() if period != first for amount in amounts]
    mean = np.nan
    if len(money) > 1 and None not in repeats:
        mean = float(sum(map(exact, repeats), Fraction(0)) / (len(money) - 1))
    return [len(money) - 1.0, (age - idle) / UNIT[unit], age / UNIT[unit], mean]


def rows_of(log, as_ofs):
    """Every customer at every instant, also those who have not come yet."""
    keys = [(who, when) for when in as_ofs for who in log.customers.tolist()]
    frame = pd.DataFrame(
        {"who": [who for who, _ in keys], "when": np.array([when for _, when in keys], dtype="M8[us]")}
    )
    frame["who"] = frame["who"].astype(log.customers.dtype if log.customers.dtype.kind == "i" else object)
    return log.snapshots_at(frame, customer="who", as_of="when")


def check(log, events, as_ofs, collapse, unit="D", kinds=None):
    X = rows_of(log, as_ofs)
    found = X.summary(time_unit=unit, collapse=collapse, kinds=kinds)
    assert list(found.columns) == ["frequency", "recency", "T", "monetary_value"]
    own = {who: [event for event in events if event["customer"] == who] for who in log.customers.tolist()}
    rows = zip(X.customer_id.tolist(), X.as_of_us.tolist(), strict=True)
    expected = np.array([summary_of(own[who], when, collapse, unit) for who, when in rows]).reshape(-1, 4)
    if not log.has_money:
        expected[:, 3] = np.nan
    np.testing.assert_allclose(found.to_numpy(), expected, rtol=1e-13, atol=1e-13)


days = st.lists(
    st.integers(0, 4 * 29).map(lambda quarter: 1_728_864_000_000_000 + quarter * DAY // 4), min_size=1, max_size=3
)


@pytest.mark.parametrize("collapse", ["D", "W", "order", None])
@given(event_frames(orders=True), days, st.sampled_from(sorted(UNIT)))
@settings(max_examples=35)
def test_summary(plain_events, collapse, table, as_ofs, unit):
    frame, options = table
    check(EventLog.from_frame(frame, **options), plain_events(frame, options), as_ofs, collapse, unit)


@pytest.mark.parametrize("collapse", ["D", "order", None])
@given(event_frames(money=True, refunds=True, orders=True, max_customers=1, min_events=4, max_events=10), days)
@settings(max_examples=35)
def test_refunds(plain_events, collapse, table, as_ofs):
    """One customer whose events crowd: refunds before, within and after the orders they name."""
    frame, options = table
    frame["time"] = frame["time"].min() + (frame["time"] - frame["time"].min()) / 7 // pd.Timedelta(
        "6h"
    ) * pd.Timedelta("6h")
    check(EventLog.from_frame(frame, **options), plain_events(frame, options), as_ofs, collapse)


@pytest.mark.parametrize("collapse", ["D", "order", None])
@given(event_frames(kinds=True, orders=True), days, st.sampled_from(["visit", ["visit", "cancel"], ["order", "visit"]]))
@settings(max_examples=25)
def test_other_kinds(plain_events, collapse, table, as_ofs, kinds):
    frame, options = table
    events = plain_events(frame, options)
    for event in events:
        event["purchase"] = event["kind"] in kinds and not event["refund"]
    check(EventLog.from_frame(frame, **options), events, as_ofs, collapse, kinds=kinds)


def gaps_of(events, as_of, collapse):
    """Microseconds from one purchase period to the next."""
    periods = sorted(periods_of(events, as_of, collapse), reverse=True)
    if collapse == "order":
        times = [events[-position]["time"] for position in periods]
        return [later - earlier for earlier, later in itertools.pairwise(times)]
    return [(earlier - later) * LENGTH[collapse] for earlier, later in itertools.pairwise(periods)]


@pytest.mark.parametrize("collapse", ["D", "W", "order", None])
@given(event_frames(orders=True, max_customers=3), days, st.sampled_from(sorted(UNIT)))
@settings(max_examples=35)
def test_gaps(plain_events, collapse, table, as_ofs, unit):
    frame, options = table
    log = EventLog.from_frame(frame, **options)
    X = rows_of(log, as_ofs)
    events = plain_events(frame, options)
    own = {who: [event for event in events if event["customer"] == who] for who in log.customers.tolist()}
    rows = list(zip(X.customer_id.tolist(), X.as_of_us.tolist(), strict=True))
    gaps = [gaps_of(own[who], when, collapse) for who, when in rows]
    together = sum(0 in row for row in gaps)
    if together:
        with pytest.raises(ParameterError, match=rf"in {together} of {len(rows)} rows two orders .* Pass collapse='D'"):
            X.summary(collapse=collapse, gaps=True)
        return
    found = X.summary(time_unit=unit, collapse=collapse, gaps=True)
    plain = X.summary(time_unit=unit, collapse=collapse)
    pd.testing.assert_frame_equal(found[plain.columns], plain, check_exact=True)
    assert found.columns.tolist() == [*plain.columns, "sum_log_gaps"]
    expected = [math.fsum(math.log(gap / UNIT[unit]) for gap in row) for row in gaps]
    expected = np.where(plain["frequency"].isna(), np.nan, expected)
    np.testing.assert_allclose(found["sum_log_gaps"], expected, rtol=1e-12, atol=1e-12)


@given(event_frames(orders=True, max_customers=4), days)
@settings(max_examples=25)
def test_gaps_of_one_customer_are_those_of_the_full_log(table, as_ofs):
    frame, options = table
    log = EventLog.from_frame(frame, **options)
    for log_of_dates in (log, log.only(options["purchases"]) if "kind" in options else log):
        X = log_of_dates.snapshots(np.unique(np.array(as_ofs, dtype="M8[us]")), min_events=0, customers=log.customers)
        swept = purchases(X, "D", gaps=True).log_gaps
        assert purchases(X, "D").log_gaps is None
        assert purchases(X, "D", gaps=True, full=False).log_gaps.tobytes() == swept.tobytes()
        assert purchases(X[::-1], "D", gaps=True).log_gaps.tobytes() == swept[::-1].tobytes()
        for row in range(len(X)):
            assert purchases(X[row], "D", gaps=True).log_gaps[0].tobytes() == swept[row].tobytes()


@pytest.mark.parametrize("length", [1, DAY, 7 * DAY, 3 * DAY + 5, np.int64(DAY)])
@given(event_frames(orders=True), days)
@settings(max_examples=15)
def test_periods_of_any_length(plain_events, length, table, as_ofs):
    frame, options = table
    log = EventLog.from_frame(frame, **options)
    X = rows_of(log, as_ofs)
    found = purchases(X, length)
    events = plain_events(frame, options)
    for row, (who, when) in enumerate(zip(X.customer_id.tolist(), X.as_of_us.tolist(), strict=True)):
        seen = [event for event in events if event["customer"] == who and event["time"] < when]
        periods = {(when - event["time"] - 1) // length for event in seen if event["purchase"]}
        assert found.periods[row] == len(periods)
        if periods:
            assert found.age[row] == max(periods) * length
            assert found.idle[row] == min(periods) * length
            assert found.since_last[row] == (min(periods) + 1) * length
    if length in LENGTH.values() and length > 1:
        named = purchases(X, "D" if length == DAY else "W")
        for name in ("periods", "age", "idle", "since_last", "money", "repeat_money"):
            np.testing.assert_array_equal(getattr(found, name), getattr(named, name))


@pytest.mark.parametrize("length", [0, -5, True, 2.0, "month"])
def test_lengths_that_are_refused(length):
    log = log_of([(1, "2024-01-01", 1.0, 1)])
    with pytest.raises(ParameterError, match=r"'collapse' parameter of purchases must be"):
        purchases(log.snapshot(), length)


def test_gaps_need_a_bool():
    with pytest.raises(ParameterError, match=r"'gaps' parameter of Snapshots.summary must be a bool"):
        log_of([(1, "2024-01-01", 1.0, 1)]).snapshot().summary(gaps="yes")


@given(event_frames(orders=True), days)
@settings(max_examples=25)
def test_refunds_may_be_ignored(plain_events, table, as_ofs):
    frame, options = table
    events = [event for event in plain_events(frame, options) if not event["refund"]]
    check(EventLog.from_frame(frame, **options, refunds="drop"), events, as_ofs, "D")


@given(event_frames(orders=True), days)
@settings(max_examples=25)
def test_bounds(table, as_ofs):
    frame, options = table
    X = rows_of(EventLog.from_frame(frame, **options), as_ofs)
    finest = X.summary(collapse=None)
    for collapse in ("D", "W"):
        found = X.summary(collapse=collapse).dropna(subset=["frequency"])
        assert (found["recency"] >= 0).all()
        assert (found["recency"] <= found["T"]).all()
        assert (found["frequency"] <= finest["frequency"].dropna()).all()
        assert ((found["frequency"] > 0) | (found["recency"] == 0)).all()


def log_of(rows, **options):
    frame = pd.DataFrame(rows, columns=["who", "when", "paid", "order"])
    options = {"observed_until": "2024-02-01", **options}
    return EventLog.from_frame(frame, customer="who", time="when", value="paid", order="order", **options)


def money_of(log, as_of=None, **options):
    return log.snapshot(as_of).summary(time_unit="D", **options)["monetary_value"].tolist()


def test_a_refund_lowers_the_period_of_its_order():
    rows = [(1, "2024-01-01", 5.0, 1), (1, "2024-01-03", 10.0, 2), (1, "2024-01-05", 20.0, 3)]
    assert money_of(log_of(rows)) == [15.0]
    assert money_of(log_of([*rows, (1, "2024-01-07", -4.0, 2)])) == [13.0]
    assert money_of(log_of([*rows, (1, "2024-01-07", -4.0, 1)])) == [15.0]
    assert money_of(log_of([*rows, (1, "2024-01-04", -4.0, None)])) == [13.0]


def test_a_refund_of_an_order_that_comes_later_lowers_what_came_before():
    rows = [(1, "2024-01-01", 5.0, 1), (1, "2024-01-03", 10.0, 2), (1, "2024-01-05", 20.0, 3)]
    log = log_of([*rows, (1, "2024-01-04", -4.0, 3)])
    assert money_of(log) == [13.0]
    # As of a day before that order, and in a log that was loaded then, the row is the same.
    assert money_of(log, "2024-01-05") == money_of(log.before("2024-01-05"), "2024-01-05") == [6.0]


def test_a_fully_refunded_purchase_stays_one():
    log = log_of(
        [(1, "2024-01-01", 5.0, 1), (1, "2024-01-03", 0.3, 2), (1, "2024-01-04", -0.1, 2), (1, "2024-01-04", -0.2, 2)]
    )
    found = log.snapshot().summary(time_unit="D").iloc[0]
    assert (found["frequency"], found["recency"], found["monetary_value"]) == (1, 2, 0)


def test_refunds_before_any_purchase_are_counted_and_ignored():
    log = log_of(
        [
            (1, "2024-01-01", -5.0, None),
            (1, "2024-01-03", 7.0, 1),
            (1, "2024-01-09", 8.0, 2),
            (2, "2024-01-02", -1.0, 9),
        ]
    )
    counts = log.quality.set_index("rule")["rows"]
    assert (counts["refund"], counts["refund before any purchase"]) == (2, 2)
    assert log.n_customers == 2
    assert money_of(log) == [8.0]  # who has bought nothing is no row


def test_a_large_first_purchase_takes_no_digits_from_the_others():
    log = log_of([(1, "2024-01-01", 1e9, 1), (1, "2024-01-03", 0.1, 2), (1, "2024-01-05", 0.2, 3)])
    assert money_of(log) == [0.15]


def test_the_day_is_counted_back_from_as_of():
    rows = [(1, "2024-01-01 13:00", 1.0, 1), (1, "2024-01-02 11:00", 1.0, 2)]
    noon = log_of(rows).snapshot("2024-01-03 12:00").summary(time_unit="D").iloc[0]
    midnight = log_of(rows).snapshot("2024-01-03").summary(time_unit="D").iloc[0]
    assert (noon["frequency"], noon["recency"], noon["T"]) == (0, 0, 1)
    assert (midnight["frequency"], midnight["recency"], midnight["T"]) == (1, 1, 1)


def test_equal_times_are_one_purchase_of_exact_times():
    log = log_of(
        [(1, "2024-01-01 13:00", 1.0, 1), (1, "2024-01-01 13:00", 2.0, 2), (1, "2024-01-01 13:00:00.000001", 6.0, 3)]
    )
    found = log.snapshot("2024-01-02").summary(collapse=None, time_unit="D").iloc[0]
    assert found["frequency"] == 1
    assert found["monetary_value"] == 6
    assert found["recency"] == pytest.approx(1 / DAY)


def test_no_money_is_a_missing_mean():
    frame = pd.DataFrame({"who": [1, 1], "when": ["2024-01-01", "2024-01-02"]})
    log = EventLog.from_frame(frame, customer="who", time="when")
    assert log.snapshot().summary()["frequency"].tolist() == [1]
    assert np.isnan(log.snapshot().summary()["monetary_value"]).all()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"collapse": "M"}, r"'collapse' parameter of Snapshots.summary must be one of"),
        ({"collapse": 1}, r"'collapse' parameter"),
        ({"collapse": "order"}, r"the log has no orders. Name their column"),
        ({"time_unit": "weeks"}, r"'time_unit' parameter must be one of 'D'"),
        ({"kinds": "visit"}, r"the log has no kinds. Name their column as kind="),
    ],
)
def test_refused(options, message):
    frame = pd.DataFrame({"who": [1], "when": ["2024-01-01"]})
    log = EventLog.from_frame(frame, customer="who", time="when")
    with pytest.raises(ParameterError, match=message):
        log.snapshot().summary(**options)
