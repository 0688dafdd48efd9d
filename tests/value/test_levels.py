import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from crmkit.value._levels import Levels, Slices

DAY = 86_400_000_000


def us(*dates):
    return pd.DatetimeIndex(dates).to_numpy().astype("M8[us]").view(np.int64)


def test_first_days_of_months_are_slices_of_their_own():
    days = pd.date_range("2009-01-01", "2012-12-01", freq="MS").to_numpy().astype("M8[us]").view(np.int64)
    slices = Slices.cut(days)
    assert slices.of_row.tolist() == list(range(48))
    assert slices.dates.tolist() == days.tolist()


def test_weeks_share_the_slice_of_their_month():
    days = pd.date_range("2010-01-04", "2010-12-27", freq="7D").to_numpy().astype("M8[us]").view(np.int64)
    slices = Slices.cut(days[::-1])
    assert len(slices.dates) == 13
    assert slices.of_row[0] == 12
    assert (np.diff(slices.of_row) <= 0).all()


@given(st.lists(st.integers(0, 900), min_size=1, max_size=40))
def test_every_row_is_near_the_date_of_its_slice(days):
    as_of = np.array(days) * DAY
    slices = Slices.cut(as_of)
    assert (np.abs(slices.dates[slices.of_row] - as_of) <= 31 * DAY).all()
    assert (np.diff(slices.dates) > 0).all()


def test_ratios_of_many_rows_are_those_of_the_totals():
    rng = np.random.default_rng(0)
    slices = Slices.cut(np.repeat(us("2020-01-01", "2020-02-01", "2020-03-01"), 20_000))
    said = rng.gamma(1, 10, 60_000)
    y = said * np.array([0.5, 1.0, 2.0])[slices.of_row] * rng.gamma(1, 1, 60_000)
    assert slices.ratios(y, said) == pytest.approx([0.5, 1.0, 2.0], rel=0.05)


def test_chance_is_no_level():
    """Dates that differ by luck alone keep one level; plain ratios differ by a fifth and more."""
    rng = np.random.default_rng(1)
    slices = Slices.cut(np.repeat(us(*pd.date_range("2020-01-01", periods=12, freq="MS")), 100))
    said = np.full(1200, 10.0)
    y = 30 * rng.lognormal(0, 1.5, 1200) * (rng.random(1200) < 0.3)
    plain = np.bincount(slices.of_row, y) / np.bincount(slices.of_row, said)
    assert plain.std() / plain.mean() > 0.15
    found = slices.ratios(y, said)
    assert found.std() < 0.3 * plain.std()
    assert found.mean() == pytest.approx(y.sum() / said.sum(), rel=0.05)


def test_a_date_without_purchases_does_not_end_the_world():
    slices = Slices.cut(np.repeat(us("2020-01-01", "2020-02-01"), 50))
    said = np.full(100, 2.0)
    assert (slices.ratios(np.where(slices.of_row, 4.0, 0.0), said) > 0).all()
    assert (slices.ratios(np.zeros(100), said) > 0).all()
    assert slices.ratios(said, np.zeros(100)).tolist() == [1.0, 1.0]


@pytest.mark.parametrize(
    ("day", "factor"),
    [
        ("2010-06-01", 6.0),  # its own date
        ("2010-06-10", 6.0),
        ("2011-06-01", 6.0),  # a year later
        ("2011-06-14", 6.0),
        ("2012-06-01", 6.0),  # two
        ("2011-12-01", 12.0),
        ("2012-01-08", 1.1),  # the January of the latest year, not of the one before
        ("2011-02-20", 3.0),  # of March: ten days are nearer than nineteen
        ("2011-01-15", 1.1),  # after the last date, within its season
    ],
)
def test_the_level_of_a_row_is_that_of_its_season(day, factor):
    dates = us(*pd.date_range("2010-01-01", "2011-01-01", freq="MS"))
    factors = np.array([1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0, 9.0, 10.0, 11.0, 12.0, 1.1])
    levels = Levels(dates, factors, np.ones(13, dtype=bool))
    assert levels.at(us(day, day)).tolist() == [factor, factor]


def test_without_the_season_it_is_the_latest():
    dates = us("2010-10-01", "2010-11-01", "2010-12-01")
    levels = Levels(dates, np.array([1.0, 2.0, 3.0]), np.array([False, True, True]))
    assert levels.at(us("2011-06-01", "2011-10-01", "2011-11-01", "2010-10-01")).tolist() == [3.0, 3.0, 2.0, 1.0]
