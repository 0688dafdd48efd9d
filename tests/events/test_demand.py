"""Demand by series and period against dictionaries and pandas' periods."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pandas as pd
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crmkit import EventLog
from crmkit.datasets import make_retail
from crmkit.events import _demand, _demand_kernels
from crmkit.exceptions import ParameterError
from crmkit.testing import assert_identical, event_frames, logs

DAY = 86_400_000_000
MONDAY = 4 * DAY
PANDAS = {"h": "h", "D": "D", "W": "W-SUN", "M": "M", "Q": "Q-DEC", "Y": "Y-DEC"}
QUANTITIES = (0.0, 1.0, 2.0, 7.0, -3.0, 0.25, 1 / 3, 1e9)


def exact(amount):
    hundredths = round(amount * 100)
    return Fraction(hundredths, 100) if hundredths / 100 == amount else Fraction(amount)


def period_of(moment, freq):
    """Return the number of the period that holds a moment."""
    if freq in PANDAS:
        return pd.Timestamp(moment, unit="us").to_period(PANDAS[freq]).ordinal
    return (moment - MONDAY) // (pd.Timedelta(freq) // pd.Timedelta("1us"))


def beginning(number, freq):
    if freq in PANDAS:
        return pd.Period(ordinal=number, freq=PANDAS[freq]).start_time
    return pd.Timestamp(MONDAY + number * (pd.Timedelta(freq) // pd.Timedelta("1us")), unit="us")


def events_of(log):
    """Yield the events as dicts, times on the clock that an autumn hour does not turn back."""
    for time, event in zip(log._store.time.tolist(), log.to_frame().to_dict("records"), strict=True):
        refund = event["value"] < 0
        item = None if pd.isna(event["item"]) else event["item"]
        purchase = event.get("kind", "order") == "order" and not refund
        yield {**event, "time": time, "item": item, "refund": refund, "purchase": purchase, "money": event["value"]}


def naive(events, end, freq, by, of):
    """Return [(series, beginning, value)] by dictionaries."""
    cut = period_of(end, freq)
    bought, first = {}, {}
    for position, event in enumerate(events):
        series = "all" if by is None else event[by]
        number = period_of(event["time"], freq)
        if series is None or not (event["purchase"] or (event["refund"] and of == "money")):
            continue
        if event["purchase"]:
            first[series] = min(first.get(series, number), number)
        cell = bought.setdefault((series, number), {})
        if of == "purchases":
            cell[event["customer"], event["time"] // DAY] = Fraction(1)
        elif of == "money":
            cell[position] = exact(event["money"])
        else:
            cell[position] = max(exact(event["quantity"]), Fraction(0))
    starts = {number: beginning(number, freq) for number in range(min(first.values(), default=cut), cut)}
    return [
        (series, starts[number], float(sum(bought.get((series, number), {}).values(), Fraction(0))))
        for series in sorted(first)
        for number in range(first[series], cut)
    ]


@settings(max_examples=100)
@given(
    table=event_frames(items=True, money=True, zones=None),
    quantities=st.lists(st.sampled_from(QUANTITIES), min_size=24, max_size=24),
    freq=st.sampled_from([*PANDAS, "14D", "36h", "5h"]),
    by=st.sampled_from(["item", "customer", None]),
    of=st.sampled_from(["quantity", "purchases", "money"]),
)
def test_demand_is_what_dictionaries_count(table, quantities, freq, by, of):
    frame, options = table
    frame = frame.assign(quantity=np.array(quantities[: len(frame)], dtype=np.float64))
    log = EventLog.from_frame(frame, **options, quantity="quantity")
    expected = naive(list(events_of(log)), int(log.observed_until.astype(np.int64)), freq, by, of)
    found = log.demand(freq, by=by, of=of)
    assert found.columns.tolist() == ["series", "time", "value"]
    assert found["time"].dtype == "datetime64[us]"
    assert found["value"].dtype == np.float64
    assert list(zip(found["series"], found["time"], strict=True)) == [row[:2] for row in expected]
    np.testing.assert_allclose(found["value"], [row[2] for row in expected], rtol=1e-15, atol=1e-7)


@given(log=logs(items=True, money=True, min_events=1), data=st.data())
def test_a_series_does_not_depend_on_other_customers(log, data):
    """Bit for bit: the log of one customer alone gives that customer's rows of the full log's demand."""
    one = data.draw(st.sampled_from(log.customers.tolist()))
    everyone = log.demand("W", by="customer", of="money")
    alone = log.customer(one).demand("W", by="customer", of="money")
    pd.testing.assert_frame_equal(everyone[everyone["series"] == one].reset_index(drop=True), alone, check_dtype=False)


@given(log=logs(items=True, money=True), day=st.integers(1, 28))
def test_later_events_change_no_complete_period(log, day):
    as_of = np.datetime64("2024-10-14", "us") + np.timedelta64(day, "D")
    for by in ("item", "customer", None):
        whole, early = (one.demand("D", by=by, of="money") for one in (log, log.before(as_of)))
        whole = whole[whole["time"] < as_of].reset_index(drop=True)
        pd.testing.assert_frame_equal(whole, early, check_dtype=False)


def lines(**columns):
    given = {
        "who": [7, 7, 9, 9],
        "when": pd.to_datetime(["2024-01-02", "2024-01-17", "2024-01-12", "2024-01-23"]),
        "what": ["tea", "tea", "pot", "tea"],
        "n": [2, 3, 1, 9],
        "paid": [4.0, 6.0, 5.0, 18.0],
    }
    return pd.DataFrame({**given, **columns})


def read(frame, **options):
    return EventLog.from_frame(frame, customer="who", time="when", item="what", quantity="n", value="paid", **options)


def values(log, *args, **kwargs):
    return log.demand(*args, **kwargs)["value"].tolist()


def test_weeks_begin_on_monday_and_the_last_one_must_be_over():
    assert values(read(lines()), "W", by=None) == [2, 1, 3]
    on_sunday = read(lines(), observed_until="2024-01-28")
    assert values(on_sunday, "W", by=None) == [2, 1, 3]
    on_monday = read(lines(), observed_until="2024-01-29")
    found = on_monday.demand("W", by=None)
    assert found["value"].tolist() == [2, 1, 3, 9]
    assert found["time"].dt.day_of_week.eq(0).all()
    assert found["series"].unique().tolist() == ["all"]


def test_periods_after_the_last_event_are_zero_as_long_as_the_log_is_complete():
    assert values(read(lines(), observed_until="2024-06-15"), "M", by="customer") == [5, 0, 0, 0, 0, 10, 0, 0, 0, 0]


def test_an_item_that_is_new_in_the_period_that_is_cut_has_no_rows():
    frame = lines(what=["tea", "tea", "pot", "cup"])
    assert read(frame).demand("W")["series"].unique().tolist() == ["pot", "tea"]


def test_refunds_are_taken_off_money_only():
    frame = lines(n=[2, 3, 1, -2], paid=[4.0, 6.0, 5.0, -4.0])
    log = read(frame, observed_until="2024-01-29")
    assert values(log, "W", by=None) == [2, 1, 3, 0]
    assert values(log, "W", by=None, of="purchases") == [1, 1, 1, 0]
    assert values(log, "W", by=None, of="money") == [4.0, 5.0, 6.0, -4.0]
    assert values(read(frame, observed_until="2024-01-29", refunds="drop"), "W", by=None, of="money") == [4, 5, 6, 0]


def test_refunds_from_before_the_first_purchase_are_left_out():
    log = read(lines(paid=[-4.0, 6.0, 5.0, 18.0]), observed_until="2024-01-29")
    assert values(log, "W", of="money", by="customer") == [6, 0, 5, 0, 18]


def test_a_negative_quantity_corrects_a_stock():
    log = read(lines(n=[2, -300, 1, 9], paid=[4.0, 0.0, 5.0, 18.0]), observed_until="2024-01-29")
    assert values(log, "W", by=None) == [2, 1, 0, 9]
    assert values(log, "W", by=None, of="purchases") == [1, 1, 1, 1]


def test_a_customer_buys_once_a_day_or_once_in_a_shorter_period():
    frame = pd.DataFrame(
        {
            "who": [1, 1, 1, 2],
            "when": pd.to_datetime(["2024-01-01 09:10", "2024-01-01 09:50", "2024-01-01 17:00", "2024-01-01 09:00"]),
            "what": ["tea", "pot", "tea", "tea"],
        }
    )
    log = EventLog.from_frame(frame, customer="who", time="when", item="what")
    assert values(log, "D", of="purchases") == [1, 2]
    assert values(log, "D", by=None, of="purchases") == [2]
    assert values(log, "h", by=None, of="purchases") == [2, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0]


def test_ids_keep_their_sort():
    frame = lines(what=[20, 20, 3, 20])
    assert read(frame).demand("W")["series"].tolist() == [3, 3, 20, 20, 20]
    assert read(frame).demand("W", by="customer")["series"].dtype == np.int64


def test_a_log_of_polars_gives_polars():
    wanted = read(lines()).demand("W")
    found = read(pl.from_pandas(lines())).demand("W")
    assert isinstance(found, pl.DataFrame)
    assert found.schema == {"series": pl.String, "time": pl.Datetime("us"), "value": pl.Float64}
    assert found.rows() == list(wanted.itertuples(index=False, name=None))


def test_days_are_those_of_the_zone():
    frame = lines(
        when=pd.to_datetime(["2024-01-01 17:00", "2024-01-02 17:00", "2024-01-03 00:00", "2024-01-04 00:00"], utc=True)
    )
    log = read(frame, tz="Asia/Shanghai")
    found = log.demand("D", by=None)
    assert found["time"].iloc[0] == pd.Timestamp("2024-01-02")
    assert found["value"].tolist() == [2, 4, 9]


def test_an_empty_log_has_no_demand():
    log = read(lines().iloc[:0], observed_until="2024-01-01")
    for by in ("item", "customer", None):
        found = log.demand("W", by=by)
        assert len(found) == 0
        assert found.dtypes[["time", "value"]].astype(str).tolist() == ["datetime64[us]", "float64"]


def test_a_log_shorter_than_a_period_has_no_demand():
    assert len(read(lines()).demand("Y", by=None)) == 0


@pytest.mark.parametrize(
    ("kwargs", "message"),
    [
        ({"freq": "I"}, "The 'freq' parameter of EventLog.demand must be a period of the calendar"),
        ({"freq": "week"}, "Write 'W'."),
        ({"freq": 7}, "'freq' parameter of EventLog.demand"),
        ({"by": "shop"}, "The 'by' parameter of EventLog.demand must be one of {'customer', 'item', None}"),
        ({"of": "units"}, "The 'of' parameter of EventLog.demand must be one of {'money', 'purchases', 'quantity'}"),
        ({"by": "item", "of": "purchases"}, "by='item', but the log has no items"),
        ({"by": None, "of": "quantity"}, "of='quantity', but the log has no quantities"),
        ({"by": None, "of": "money"}, "of='money', but the log has no money"),
    ],
)
def test_what_cannot_be_added_up_is_refused(kwargs, message):
    log = EventLog.from_frame(lines()[["who", "when"]], customer="who", time="when")
    with pytest.raises(ParameterError) as caught:
        log.demand(**{"freq": "W", **kwargs})
    assert message in str(caught.value)


@pytest.mark.parametrize(("freq", "by"), [("1ms", None), ("1s", "item")])
def test_nearly_endless_zeros_are_refused(freq, by):
    """Four weeks in milliseconds are too many periods, in seconds they are too many for nine items."""
    frame = pd.DataFrame({"who": 1, "when": lines()["when"].iloc[0], "what": range(9), "n": 1, "paid": 1.0})
    log = read(frame, observed_until="2024-02-01")
    with pytest.raises(ParameterError, match=rf"freq='{freq}' makes [0-9,]+ rows or more of [0-9]+ events"):
        log.demand(freq, by=by)


def test_purchases_without_a_quantity_are_refused_and_refunds_without_one_are_not():
    frame = lines(n=[2, np.nan, 1, np.nan], paid=[4.0, 6.0, 5.0, -18.0])
    with pytest.raises(ParameterError, match="but 1 purchases have no quantity"):
        read(frame).demand("W")
    assert values(read(frame.assign(n=[2, 1, 1, np.nan])), "W", by=None) == [2, 1, 1]


def retail(scale=1):
    events, _ = make_retail(60, 12, n_categories=2, span="52W", refund_share=0.2, random_state=6)
    events = events.assign(value=events["value"] / scale, n=np.arange(len(events)) % 5 / scale)
    return EventLog.from_frame(
        events, customer="customer_id", time="time", kind="kind", purchases="order", order="order", item="item",
        value="value", quantity="n",
    )  # fmt: skip


@pytest.mark.parametrize("scale", [1, 3])
def test_plain_python_gives_the_same(scale, monkeypatch):
    log = retail(scale)

    def everything():
        return [
            log.demand(freq, by=by, of=of)
            for freq in ("D", "M")
            for by in ("item", "customer", None)
            for of in ("quantity", "purchases", "money")
        ]

    compiled = everything()
    for name in ("find_first_periods", "add_demand", "lay_out"):
        monkeypatch.setattr(_demand, name, getattr(_demand_kernels, name).py_func)
    for found, expected in zip(everything(), compiled, strict=True):
        assert_identical(found, expected, "demand")


def test_threads_change_no_bit(monkeypatch):
    log = retail(3)
    expected = log.demand("W", by="customer", of="money")
    monkeypatch.setattr(
        _demand, "run_in_ranges", lambda function, n, *args, **_: [
            function(start, min(start + 7, n), *args) for start in range(0, max(n, 1), 7)
        ]
    )  # fmt: skip
    assert_identical(log.demand("W", by="customer", of="money"), expected, "demand")


def test_demand_adds_up_to_what_rows_see():
    """The money of all series up to a date is that of the snapshot on it, for a date between weeks."""
    log = retail()
    day = "2023-09-04"
    by_customer = log.before(day).demand("W", by="customer", of="money")
    seen = log.snapshot(day).interactions("value").sum()
    assert by_customer["value"].sum() == pytest.approx(seen, rel=1e-12)
