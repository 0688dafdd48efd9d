from __future__ import annotations

import re

import numpy as np
import pandas as pd
import polars as pl
import pytest

from crmkit.cohorts import retention_curve
from crmkit.events import EventLog
from crmkit.report import _cohorts
from crmkit.report._context import Context


def test_the_table_is_the_retention_curve(sections, log, read_page):
    (table,) = read_page("".join(sections[_cohorts].blocks)).tables
    curve = retention_curve(log)
    assert [row[0] for row in table[1:]] == ["1", "2", "3", "6", "12"]
    for age, customers, share, _ in table[1:]:
        row = curve.loc[int(age)]
        assert customers == f"{row['n']:,.0f}"
        assert float(share.rstrip("%")) / 100 == pytest.approx(row["value"], abs=0.005)


def test_counted_by_hand(sections, purchases):
    """Who bought in the month after the first."""
    month = purchases["date"].dt.to_period("M").astype("int64")
    first = month.groupby(purchases["customer_id"]).transform("min")
    share = purchases.loc[month == first + 1, "customer_id"].nunique() / purchases["customer_id"].nunique()
    assert f"**{share:.0%}** of the customers bought again in the month after" in sections[_cohorts].headline


def test_an_unfinished_month_is_said(log, read_page):
    shown = read_page("".join(_cohorts.section(Context(log.before("1998-03-10"))).blocks)).text
    assert "The month that begins on 1998-03-01 is not over" in shown
    shown = read_page("".join(_cohorts.section(Context(log.before("1998-03-01"))).blocks)).text
    assert "is not over" not in shown


def shop(days: int) -> EventLog:
    rng = np.random.default_rng(0)
    when = np.datetime64("2020-01-06") + rng.integers(days, size=500).astype("m8[D]")
    frame = {"c": rng.integers(80, size=500), "t": when, "v": np.ones(500)}
    end = np.datetime64("2020-01-06") + days
    return EventLog.from_frame(frame, customer="c", time="t", value="v", observed_until=end)


@pytest.mark.parametrize(("days", "unit"), [(30, "week"), (200, "month"), (1200, "quarter"), (3650, "year")])
def test_periods_suit_the_length_of_the_history(days, unit, read_page):
    section = _cohorts.section(Context(shop(days)))
    assert f"in the {unit} after that" in section.headline
    assert len(read_page("".join(section.blocks)).attributes("img")) == 2


def test_a_history_too_short_is_said():
    section = _cohorts.section(Context(shop(10)))
    assert section.headline == ""
    assert "The history of 10 days is too short" in "".join(section.blocks)


def test_in_chinese(log, read_page, recwarn):
    section = _cohorts.section(Context(log, "zh"))
    shown = read_page("".join(section.blocks)).text
    assert "同期群" in shown
    assert re.search("首购之后的第 1 个月有", section.headline)
    assert not re.search(r"\b(month|week|since|share)\b", shown)


def test_polars_gives_the_same_section(sections, purchases):
    log = EventLog.from_frame(pl.from_pandas(purchases), customer="customer_id", time="date", value="value")
    assert _cohorts.section(Context(log)) == sections[_cohorts]


def test_without_pictures_there_is_a_table(log, monkeypatch, read_page):
    from crmkit.report import _pictures

    monkeypatch.setattr(_pictures.importlib.util, "find_spec", lambda _: None)
    shown = read_page("".join(_cohorts.section(Context(log)).blocks))
    assert shown.attributes("img") == []
    assert len(shown.tables) == 1


def test_one_finished_age_has_a_shorter_headline():
    log = EventLog.from_frame(
        pd.DataFrame({"c": [1, 2, 1], "t": ["2024-01-01", "2024-01-02", "2024-01-09"]}),
        customer="c", time="t", observed_until="2024-01-15",
    )  # fmt: skip  # one call
    headline = _cohorts.section(Context(log)).headline
    assert headline == "**50%** of the customers bought again in the week after that of their first purchase."
