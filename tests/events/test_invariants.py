"""A row cannot see the future, and depends on its own customer alone: bit for bit, whatever is asked."""

from __future__ import annotations

import numpy as np
import pandas as pd
from hypothesis import given, settings
from hypothesis import strategies as st

from crmkit import EventLog
from crmkit.testing import assert_identical, event_frames

tables = event_frames(zones=None, min_events=1)
halves = st.integers(1, 56)


def instant(half):
    return np.datetime64("2024-10-14", "us") + half * np.timedelta64(12, "h")


def everything_seen(X):
    """All that a row can say of its past; items by id."""
    log, seen = X.log, {}
    for collapse in ("D", "W", None, *(["order"] if log._store.order is not None else [])):
        seen[f"summary {collapse}"] = X.summary(collapse=collapse)
    if len(log.kinds):
        seen["summary of visits"] = X.summary(kinds="visit")
    if log._store.item is not None:
        for interaction in ("count", "binary", *(["value"] if log.has_money else [])):
            for halflife in (None, "5D"):
                found = X.interactions(interaction, halflife).tocoo()
                cells = zip(found.row.tolist(), log.items[found.col].tolist(), found.data.tolist(), strict=True)
                seen[f"{interaction} {halflife}"] = np.array(sorted(cells), dtype=object).reshape(-1, 3).astype(str)
    return seen


def assert_same(one, other, what):
    assert one.keys() == other.keys()
    for name, expected in other.items():
        assert_identical(one[name], expected, f"{name}, {what},")


def rows_upon(log, X):
    return log.snapshots_at({"who": X.customer_id, "at": X.as_of}, customer="who", as_of="at")


@given(tables, halves, st.randoms(use_true_random=False))
@settings(max_examples=35)
def test_future_blind(table, half, random):
    """Drop, shuffle or perturb everything at or after as_of, put events at as_of itself: the same bits."""
    frame, options = table
    as_of = instant(half)
    log = EventLog.from_frame(frame, **options)
    X = log.snapshot(as_of)
    expected = everything_seen(X)
    wall = frame["time"] if frame["time"].dt.tz is None else frame["time"].dt.tz_localize(None)
    # The second pass of an hour comes after the first, whatever the clock says.
    is_late = (wall >= as_of).to_numpy()
    later = frame[is_late]
    order = list(range(len(later)))
    random.shuffle(order)
    shuffled, other = later.iloc[order].reset_index(drop=True), later.reset_index(drop=True)
    mixed = shuffled.assign(customer=other["customer"], time=other["time"])
    perturbed = later.assign(**{name: later[name] * 3 + 1 / 7 for name in ("value",) if name in later})
    if "item" in later:
        perturbed = perturbed.assign(item=[("0 first", "zzz last")[row % 2] for row in range(len(later))])
    for how, changed in {"dropped": later.iloc[:0], "shuffled": mixed, "perturbed": perturbed}.items():
        history = pd.concat([frame[~is_late], changed]) if len(changed) else frame[~is_late]
        history = history.astype({"customer": frame["customer"].dtype}) if len(history) else history
        again = EventLog.from_frame(history, **options, invalid="drop")
        if len(X):
            assert_same(everything_seen(rows_upon(again, X)), expected, f"with the future {how}")
        assert again.snapshot(as_of).customer_id.tolist() == X.customer_id.tolist()
    if len(X):
        assert_same(everything_seen(rows_upon(log.before(as_of), X)), expected, "before as_of")


@given(tables, st.lists(halves, min_size=1, max_size=3, unique=True))
@settings(max_examples=25)
def test_a_log_of_one_customer_gives_the_bits_of_the_full_log(table, half):
    frame, options = table
    log = EventLog.from_frame(frame, **options)
    X = log.snapshots([instant(one) for one in sorted(half)], horizon="3D", censored="drop")
    for customer in log.customers.tolist():
        rows = X[X.customer_id == customer]
        if len(rows) == 0:
            continue
        alone = log.customer(customer)
        own = alone.snapshots_at({"who": rows.customer_id, "at": rows.as_of}, customer="who", as_of="at", horizon="3D")
        assert_same(everything_seen(own), everything_seen(rows), "from a log of one customer")
        assert own.future_purchases().tolist() == rows.future_purchases().tolist()
        assert own.churned().tolist() == rows.churned().tolist()
        if log.has_money:
            assert_identical(own.future_value(), rows.future_value())


@given(tables, halves, st.randoms(use_true_random=False))
@settings(max_examples=25)
def test_the_order_of_events_and_the_names_of_customers_do_not_matter(table, half, random):
    frame, options = table
    X = EventLog.from_frame(frame, **options).snapshot(instant(half))
    order = list(range(len(frame)))
    random.shuffle(order)
    Y = EventLog.from_frame(frame.iloc[order], **options).snapshot(instant(half))
    assert Y.customer_id.tolist() == X.customer_id.tolist()
    assert_same(everything_seen(Y), everything_seen(X), "of events in another order")
    renamed = frame.assign(customer="客" + frame["customer"].astype(str))
    Z = EventLog.from_frame(renamed, **options).snapshot(instant(half))
    rows = np.argsort(Z.customer_id)[np.argsort(np.argsort(["客" + str(one) for one in X.customer_id]))]
    assert_same(everything_seen(Z[rows]), everything_seen(X), "under other names")


@given(tables, halves)
@settings(max_examples=25)
def test_many_dates_at_once_give_the_bits_of_each_alone(table, half):
    frame, options = table
    log = EventLog.from_frame(frame, **options)
    days = [
        instant(half),
        instant(half + 1),
        instant(half) - np.timedelta64(7, "D"),
        instant(half) - np.timedelta64(2, "D"),
    ]
    days = [day for day in days if day <= log.observed_until]
    together = log.snapshots(sorted(days))
    for day in days:
        alone = log.snapshot(day)
        rows = together[together.as_of == day]
        assert rows.customer_id.tolist() == alone.customer_id.tolist()
        assert_same(everything_seen(rows), everything_seen(alone), "of one date")
        scattered = np.random.default_rng(0).permutation(len(together))
        assert_same(
            everything_seen(together[scattered]),
            {name: _rows(output, scattered) for name, output in everything_seen(together).items() if "summary" in name}
            | {name: output for name, output in everything_seen(together[scattered]).items() if "summary" not in name},
            "in another order",
        )


def _rows(output, rows):
    return output.iloc[rows]
