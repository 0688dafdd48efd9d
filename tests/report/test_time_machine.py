from __future__ import annotations

import numpy as np
import pytest

from crmkit.features import RFMTransformer
from crmkit.report import _time_machine


def test_segments_add_up_to_what_was_said_and_came(sections, context, read_page):
    (table,) = read_page("".join(sections[_time_machine].blocks)).tables
    said, last = context.study.predictions, context.study.last
    assert table[-1][0] == "All"
    assert int(table[-1][1].replace(",", "")) == last.sum() == sum(int(row[1].replace(",", "")) for row in table[1:-1])
    assert int(table[-1][3]) == said["y"][last].sum() == sum(int(row[3]) for row in table[1:-1])
    assert int(table[-1][2]) == pytest.approx(said["prediction"][last].sum(), abs=0.5)


def test_segments_are_those_of_that_day(sections, context, purchases, read_page):
    """Counted from purchases alone: champions of that day, and how many of them bought in the 90 days after."""
    (table,) = read_page("".join(sections[_time_machine].blocks)).tables
    date = context.study.predictions["as_of"].max()
    then = context.log.before(date).snapshot(date)
    names = RFMTransformer().fit(then).segment(then).to_numpy()
    champions = then.customer_id[names == "Champions"]
    after = purchases[(purchases["date"] >= date) & (purchases["date"] < date + np.timedelta64(90, "D"))]
    row = next(row for row in table if row[0] == "Champions")
    assert int(row[1]) == len(champions)
    assert int(row[3]) == len(set(champions) & set(after["customer_id"]))


def test_the_headline_names_both(sections, context):
    said, last = context.study.predictions, context.study.last
    headline = sections[_time_machine].headline
    assert f"**{said['prediction'][last].sum():,.0f}** of {last.sum():,} customers" in headline
    assert f"**{said['y'][last].sum():,}** did" in headline
