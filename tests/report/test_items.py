from __future__ import annotations

import re
from dataclasses import replace

import numpy as np
import pandas as pd
import polars as pl
import pytest

from crmkit.datasets import make_retail
from crmkit.events import EventLog
from crmkit.metrics import Estimate
from crmkit.recommend import ItemCosineRecommender, PopularityRecommender
from crmkit.report import _customers, _items, _next_items, _write
from crmkit.report._context import Context
from crmkit.report._page import Section
from crmkit.report._study import Impossible

ROLES = {"customer": "customer_id", "time": "time", "item": "item", "value": "value", "order": "order"}


@pytest.fixture(scope="module")
def lines() -> pd.DataFrame:
    """Orders of a simulated shop with tastes."""
    frame, _ = make_retail(400, 60, lines_per_order=3.0, random_state=0)
    orders = frame[frame["kind"] == "order"]
    return orders.assign(item=orders["item"].astype("int64"), order=orders["order"].astype("int64"))[
        list(ROLES.values())
    ]


@pytest.fixture(scope="module")
def shop(lines) -> EventLog:
    return EventLog.from_frame(lines, **ROLES)


@pytest.fixture(scope="module")
def items(shop) -> Context:
    return Context(shop)


@pytest.fixture(scope="module")
def made(items) -> Section:
    found = _items.section(items)
    assert found is not None
    return found


def tables(section, read_page):
    return read_page("".join(section.blocks)).tables


def test_a_log_without_items_has_no_such_section(context, sections):
    assert sections[_items] is None
    assert "next_item" not in _customers.customer_table(context)


def test_pairs_counted_by_hand(made, lines, read_page):
    pairs = tables(made, read_page)[0][1:]
    baskets = lines.groupby("item")["customer_id"].agg(set)
    assert len(pairs) == 10
    for first, second, of_first, of_second, both, share, lift in pairs:
        a, b = baskets[int(first)], baskets[int(second)]
        assert (int(of_first), int(of_second), int(both)) == (len(a), len(b), len(a & b))
        assert len(a) >= len(b)
        assert float(share.rstrip("%")) / 100 == pytest.approx(len(a & b) / len(a | b), abs=0.005)
        assert float(lift) == pytest.approx(len(a & b) * lines["customer_id"].nunique() / (len(a) * len(b)), abs=0.05)
    names = list(baskets.index)
    shares = {
        (a, b): len(baskets[a] & baskets[b]) / len(baskets[a] | baskets[b])
        for place, a in enumerate(names)
        for b in names[place + 1 :]
        if len(baskets[a] & baskets[b]) >= 10
    }
    best = sorted(shares.values(), reverse=True)[:10]
    assert [float(row[5].rstrip("%")) / 100 for row in pairs] == pytest.approx(best, abs=0.005)


def hits_by_hand(shop, model, days, *, new):
    """Share of those who find anything among ten, learnt from a log that ends at the date of the test."""
    date = shop.observed_until - np.timedelta64(days, "D")
    past = shop.before(date).snapshot(date)
    frame = shop.to_frame().reset_index(drop=True)
    before = frame[frame["time"] < date].groupby("customer_id")["item"].agg(set)
    after = frame[frame["time"] >= date].groupby("customer_id")["item"].agg(set)
    lists = model.fit(past).recommend(past, exclude_seen=new).groupby("customer_id")["item"].agg(set)
    hits = []
    for customer in before.index.intersection(after.index):
        wanted = after[customer] - (before[customer] if new else set())
        if wanted:
            hits.append(bool(lists[customer] & wanted))
    return np.mean(hits), len(hits)


def test_the_test_by_hand(items, shop):
    test = items.item_test
    assert test.days == 90
    for model, new, found, n in (
        (ItemCosineRecommender(), True, test.new.found, test.new.n),
        (PopularityRecommender(), True, test.new.found_rule, test.new.n),
        (PopularityRecommender(), False, test.again.found_rule, test.again.n),
    ):
        share, asked = hits_by_hand(shop, model, test.days, new=new)
        assert (float(found), n) == (pytest.approx(share), asked)
        assert found.low < share < found.high
    assert float(test.new.gain) == pytest.approx(float(test.new.found) - float(test.new.found_rule))


def test_what_they_bought_most_often_by_hand(items, shop):
    """On the days before the date; items that share their tenth place may be either."""
    test = items.item_test
    frame = shop.to_frame().reset_index(drop=True)
    before = frame[frame["time"] < test.date]
    days = before.assign(day=before["time"].dt.floor("D")).drop_duplicates(["customer_id", "item", "day"])
    counts = days.groupby(["customer_id", "item"]).size()
    after = frame[frame["time"] >= test.date].groupby("customer_id")["item"].agg(set)
    sure, possible, asked = 0, 0, 0
    for customer in after.index.intersection(counts.index.get_level_values(0).unique()):
        own = counts[customer]
        least = own.sort_values(ascending=False).iloc[: _next_items.K].min() if len(own) >= _next_items.K else 0
        asked += 1
        sure += bool(set(own.index[own > least]) & after[customer])
        # Whoever has fewer than ten gets the most popular ones as well.
        possible += bool(set(own.index[own >= least]) & after[customer]) or len(own) < _next_items.K
    assert test.again.n == asked
    assert sure / asked <= float(test.again.found) <= possible / asked


def test_repeats_by_hand(items, lines):
    test = items.item_test
    bought = lines[["customer_id", "item"]].assign(late=lines["time"] >= test.date)
    before = set(map(tuple, bought.loc[~bought["late"], ["customer_id", "item"]].to_numpy()))
    known = {customer for customer, _ in before}
    after = {pair for pair in map(tuple, bought.loc[bought["late"], ["customer_id", "item"]].to_numpy())
             if pair[0] in known}  # fmt: skip  # one set
    assert test.n_customers == len({customer for customer, _ in after})
    assert test.repeats == pytest.approx(len(after & before) / len(after))


def test_the_table_and_the_headline_say_what_the_test_found(made, items, read_page):
    new, test = items.item_test.new, tables(made, read_page)[1]
    assert [row[2] for row in test[1:]] == [
        str(one.n) for one in (new, new, items.item_test.again, items.item_test.again)
    ]
    assert test[1][3].startswith(f"{float(new.found):.0%} ")
    assert test[2][4] == f"{new.ndcg_rule:.3f}"
    assert f"**{float(new.found):.0%}** would have found" in made.headline


def test_the_best_customers_get_what_the_recommender_says(made, items, shop, read_page):
    table = tables(made, read_page)[2]
    best = int(np.argmax(items.outlook.columns["value"]))
    row = items.today[[best]]
    model = ItemCosineRecommender().fit(shop.snapshot())
    listed = model.recommend(row, n=3)["item"].tolist()
    assert table[1] == [
        "1",
        str(row.interactions("binary").nnz),
        ", ".join(map(str, listed)),
        ", ".join(map(str, model.explain(row, listed[0])["item"].head(2))),
    ]


def test_the_next_item_of_the_file(items, lines, tmp_path):
    frame = pd.read_csv(_customers.write_customers(items, tmp_path)).set_index("customer_id")
    assert frame["next_item"].notna().all()
    bought = set(map(tuple, lines[["customer_id", "item"]].to_numpy()))
    assert not bought & set(frame["next_item"].items())
    first = items.next_items.model.recommend(items.today, n=1).set_index("customer_id")["item"]
    pd.testing.assert_series_equal(frame["next_item"], first, check_names=False)


def test_who_has_everything_gets_nothing(lines):
    owner = pd.DataFrame({"customer_id": 999_999, "time": lines["time"].min(), "item": sorted(set(lines["item"])),
                          "value": 1.0, "order": 999_999})  # fmt: skip  # one frame
    context = Context(EventLog.from_frame(pd.concat([lines, owner]), **ROLES))
    found = context.next_items.first(context.today)
    assert found[-1] is None
    assert all(isinstance(one, int | np.integer) for one in found[:-1])


def test_customers_of_the_file_have_the_column_named(items, read_page):
    (table,) = tables(_customers.section(items), read_page)
    named = [name for row in table[1:] for name in row[0].split(", ")]
    assert sorted(named) == sorted(_customers.customer_table(items).columns)


def test_in_chinese(shop, made, read_page):
    section = _items.section(Context(shop, "zh"))
    assert section is not None
    shown = read_page("".join(section.blocks)).text
    assert "提升度" in shown
    assert re.search("件推荐商品里找到", section.headline)
    assert not re.search(r"\b(customers?|items?|list|bought)\b", shown.replace("customers.csv", ""))
    assert len(section.blocks) == len(made.blocks)


def test_polars_gives_the_same_section(made, lines):
    assert _items.section(Context(EventLog.from_frame(pl.from_pandas(lines), **ROLES))) == made


def test_without_pictures_there_are_tables(shop, monkeypatch, read_page):
    from crmkit.report import _pictures

    monkeypatch.setattr(_pictures.importlib.util, "find_spec", lambda _: None)
    shown = read_page("".join(_items.section(Context(shop)).blocks))
    assert shown.attributes("img") == []
    assert len(shown.tables) == 3


def test_large_logs_are_drawn_from_and_it_is_said(shop, monkeypatch, read_page):
    monkeypatch.setattr(_next_items, "_MOST_LEARNT", 150)
    monkeypatch.setattr(_next_items, "_MOST_TESTED", 60)
    context = Context(shop)
    shown = read_page("".join(_items.section(context).blocks)).text
    assert "Learnt from 150 of the 400 customers" in shown
    assert context.item_test.n_customers == 60
    assert context.item_test.new.n <= 60
    assert pd.notna(_customers.customer_table(context)["next_item"]).all()


def test_few_customers_with_several_items(read_page):
    frame = {"c": np.arange(50), "t": np.full(50, "2024-01-01"), "i": np.arange(50) % 5, "v": np.ones(50)}
    context = Context(EventLog.from_frame(frame, customer="c", time="t", item="i", value="v"))
    section = _items.section(context)
    assert section.headline == ""
    assert "Only 0 customers bought more than one item" in "".join(section.blocks)
    assert "next_item" not in _customers.customer_table(context)


def test_a_short_history_has_pairs_and_no_test(shop, read_page):
    short = shop.before(shop.first_time + np.timedelta64(20, "D"))
    context = Context(short)
    assert isinstance(context.item_test, Impossible)
    section = _items.section(context)
    assert "too short to test recommendations" in "".join(section.blocks)


def test_nothing_new_came(lines):
    """Everybody goes on with the same two items."""
    days = pd.date_range("2024-01-01", periods=40, freq="D")
    frame = pd.DataFrame(
        [(c, day, c % 3 + i) for c in range(60) for day in days[::5] for i in (0, 1)], columns=["c", "t", "i"]
    )
    context = Context(EventLog.from_frame(frame.assign(v=1.0), customer="c", time="t", item="i", value="v"))
    section = _items.section(context)
    assert "Recommendations were not tested: in the 7 days from 2024-01-30 only 0" in "".join(section.blocks)
    # Without a test, the pair that goes together most is the headline.
    assert re.fullmatch(r"Of the customers who bought \d or \d, \*\*\d+%\*\* bought both\.", section.headline)


def test_too_thin_for_pairs(read_page):
    frame = pd.DataFrame({"c": np.repeat(np.arange(40), 2), "i": np.arange(80), "t": "2024-01-01", "v": 1.0})
    context = Context(EventLog.from_frame(frame, customer="c", time="t", item="i", value="v"))
    section = _items.section(context)
    assert "No two items have 3 common customers" in "".join(section.blocks)
    assert section.headline == ""


@pytest.mark.parametrize(
    ("low", "high", "said"),
    [
        (0.01, 0.1, "finds more than the popular one"),
        (-0.1, -0.01, "Show what is popular"),
        (-0.1, 0.1, "cannot be told apart"),
    ],
)
def test_verdicts(items, low, high, said, read_page):
    context = Context(items.log)
    gain = Estimate((low + high) / 2, low, high, n=9, coverage=0.95, method="bootstrap")
    test = replace(items.item_test, new=replace(items.item_test.new, gain=gain))
    context.__dict__["item_test"] = test
    shown = read_page("".join(_items._tested(context))).text
    assert re.search(rf"Asked for new items, .*?{said}", shown)


def test_a_page_of_a_log_with_items(shop, tmp_path, read_page):
    report = _write.write_report(shop, tmp_path)
    shown = read_page(report.page.read_text(encoding="utf-8"))
    assert {"href": "#items"} in shown.attributes("a")
    assert len(shown.attributes("section")) == len(_write.SECTIONS) + 1
    assert any("recommended items" in one for one in report.headlines)
