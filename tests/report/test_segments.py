from __future__ import annotations

from crmkit.features import RFM_SEGMENTS, RFMTransformer
from crmkit.report import _segments
from crmkit.report._context import Context


def test_the_table_counts_every_customer_once(sections, log, purchases, read_page):
    (table,) = read_page("".join(sections[_segments].blocks)).tables
    names = RFMTransformer().fit(log.snapshot()).segment(log.snapshot())
    counts = names.value_counts()
    assert {row[0]: int(row[1].replace(",", "")) for row in table[1:]} == counts[counts > 0].to_dict()
    money = sum(float(row[3].replace(",", "")) for row in table[1:])
    assert abs(money - purchases["value"].sum()) < len(table)


def test_money_of_a_segment_is_that_of_its_customers(sections, log, purchases, read_page):
    (table,) = read_page("".join(sections[_segments].blocks)).tables
    today = log.snapshot()
    names = RFMTransformer().fit(today).segment(today).to_numpy()
    champions = today.customer_id[names == "Champions"]
    expected = purchases.loc[purchases["customer_id"].isin(champions), "value"].sum()
    assert {row[0]: row[3] for row in table}["Champions"] == f"{expected:,.0f}"


def test_in_chinese(log, read_page):
    section = _segments.section(Context(log, "zh"))
    (table,) = read_page("".join(section.blocks)).tables
    assert {row[0] for row in table[1:]} <= set(RFM_SEGMENTS.names("zh"))
    assert "冠军客户" in section.headline


def test_without_money_there_is_none(log, read_page):
    section = _segments.section(Context(log, has_money=False))
    (table,) = read_page("".join(section.blocks)).tables
    assert table[0] == [
        "Segment", "Customers", "Share of customers", "Days since last purchase (median)", "Purchases (mean)",
    ]  # fmt: skip  # one row
    assert "largest segment" in section.headline
