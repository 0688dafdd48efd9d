from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from crmkit._numba._period_kernels import period_of
from crmkit.cohorts._calendar import calendar

FREQUENCIES = {"week": "W-SUN", "month": "M", "quarter": "Q-DEC", "year": "Y-DEC"}
MOMENTS = st.integers(
    int(pd.Timestamp("1900-01-01").timestamp()) * 1_000_000, int(pd.Timestamp("2200-01-01").timestamp()) * 1_000_000
)


@given(by=st.sampled_from(sorted(FREQUENCIES)), moments=st.lists(MOMENTS, min_size=3, max_size=3, unique=True))
def test_periods_are_those_of_pandas(by, moments):
    first, middle, end = sorted(moments)
    periods = calendar(by, first, end)
    stamps = [pd.Timestamp(moment, unit="us") for moment in (first, middle, end - 1)]
    expected = pd.period_range(stamps[0], stamps[2], freq=FREQUENCIES[by])
    assert periods.starts.tolist() == [one.start_time.date() for one in expected]
    assert periods.finished == (expected[-1].end_time.ceil("D") == pd.Timestamp(end, unit="us"))
    assert periods.n_finished == len(expected) - (not periods.finished)
    found = period_of(middle, periods.edges, periods.per_microsecond)
    assert found == expected.get_loc(stamps[1].to_period(FREQUENCIES[by]))


@pytest.mark.parametrize("by", sorted(FREQUENCIES))
def test_every_edge_belongs_to_the_period_that_it_begins(by):
    """Two centuries of months and weeks: the guess from the mean length is put right everywhere."""
    begin, end = (int(pd.Timestamp(day).timestamp()) * 1_000_000 for day in ("1900-01-01", "2100-01-01"))
    periods = calendar(by, begin, end)
    for period, edge in enumerate(periods.edges[:-1]):
        assert period_of(edge, periods.edges, periods.per_microsecond) == period
        assert period_of(periods.edges[period + 1] - 1, periods.edges, periods.per_microsecond) == period


def test_weeks_begin_on_monday():
    day = int(pd.Timestamp("2024-02-29").timestamp()) * 1_000_000
    periods = calendar("week", day, day + 1)
    assert periods.starts.tolist() == [pd.Timestamp("2024-02-26").date()]
    assert not periods.finished


def test_without_a_purchase_there_are_no_periods():
    periods = calendar("month", None, 0)
    assert len(periods) == periods.n_finished == 0
    assert periods.finished
    assert periods.per_microsecond == 0
    assert periods.starts.tolist() == []


def test_edges_are_not_written_to():
    assert not calendar("month", 0, 1).edges.flags.writeable
    assert calendar("month", 0, 1).edges.dtype == np.int64
