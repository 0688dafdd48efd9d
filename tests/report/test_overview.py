from __future__ import annotations

import numpy as np
import pandas as pd

from crmkit.events import EventLog
from crmkit.report import _overview
from crmkit.report._context import Context, Origin


def test_figures_are_counted_by_hand(sections, purchases, read_page):
    days = purchases.drop_duplicates(["customer_id", "date"])
    repeat = (days.groupby("customer_id").size() > 1).mean()
    shown = read_page("".join(sections[_overview].blocks)).text
    assert f"{purchases['customer_id'].nunique():,}customers" in shown.replace(" ", "")
    assert f"{len(days):,}purchases" in shown.replace(" ", "")
    assert f"{purchases['value'].sum():,.0f}spent" in shown.replace(" ", "")
    assert f"{100 * repeat:.0f}%boughtagain" in shown.replace(" ", "")
    assert f"{len(purchases):,} rows were read, and {len(purchases):,} of them are used" in shown


def test_purchase_days(context, purchases):
    days = _overview._purchase_days(context)
    expected = purchases[["customer_id", "date"]].drop_duplicates()
    assert len(days) == len(expected)
    first = days[days["first"]].set_index("customer")["day"]
    by_hand = purchases.groupby("customer_id")["date"].min()
    np.testing.assert_array_equal(first.sort_index().to_numpy(), by_hand.to_numpy())


def test_only_purchases_count(read_page):
    frame = pd.DataFrame(
        {
            "who": ["a", "a", "a", "b", "b"],
            "when": pd.to_datetime(["2024-01-05", "2024-01-05", "2024-01-09", "2024-01-07", "2024-01-08"]),
            "what": ["order", "order", "visit", "order", "order"],
            "paid": [5.0, 6.0, None, 7.0, -7.0],
        }
    )
    log = EventLog.from_frame(frame, customer="who", time="when", value="paid", kind="what", purchases="order")
    days = _overview._purchase_days(Context(log))
    assert days["customer"].tolist() == [0, 1]
    assert days["day"].tolist() == list(pd.to_datetime(["2024-01-05", "2024-01-07"]))


def test_what_was_left_out_stands_on_page_one(read_page):
    frame = pd.DataFrame(
        {
            "who": ["a", "a", None, "b", "b", "c"],
            "when": ["2024-01-05", "2024-01-05", "2024-01-09", "2024-01-07", "2099-01-08", None],
            "paid": [5.0, 5.0, 5.0, -7.0, 1.0, 1.0],
        }
    )
    log = EventLog.from_frame(frame, customer="who", time="when", value="paid", invalid="drop")
    origin = Origin("f", n_rows=8, dropped=(("unparseable time", 2),), notes=("x",), command="python …")
    shown = read_page("".join(_overview.section(Context(log, origin=origin)).blocks))
    (table,) = shown.tables
    assert table[1:] == [
        ["a time that cannot be read", "left out", "2", "25%"],
        ["no customer", "left out", "1", "12%"],
        ["no time", "left out", "1", "12%"],
        ["a time after today", "left out", "1", "12%"],
        ["an exact repeat of another row", "kept", "1", "12%"],
        ["a refund (negative amount)", "kept", "1", "12%"],
        ["a refund without an earlier purchase", "kept", "1", "12%"],
    ]
    assert "8 rows were read, and 3 of them are used" in shown.text
    assert "5 rows left out" in shown.text
    assert "Assumed while reading: x." in shown.text


def test_every_rule_of_a_log_has_words():
    frame = pd.DataFrame({"who": [1], "when": ["2024-01-05"], "paid": [np.inf]})
    log = EventLog.from_frame(frame, customer="who", time="when", value="paid", invalid="drop")
    chinese = Context(log, "zh")
    for rule in log.quality["rule"]:
        if rule != "dropped":
            assert _overview.rule_name(chinese, rule) != rule
    assert _overview.rule_name(chinese, "non-finite paid") == "paid 为无穷大"
    assert _overview.rule_name(chinese, "a rule that comes later") == "a rule that comes later"


def test_groups_of_customers():
    counts = np.repeat([1, 2, 3, 4, 5, 9, 10, 50], [5, 4, 3, 2, 1, 1, 1, 1])
    assert list(_overview._groups(counts).items()) == [("1", 5), ("2", 4), ("3", 3), ("4", 2), ("5–9", 2), ("10+", 2)]
