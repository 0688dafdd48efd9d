from __future__ import annotations

import datetime as dt
import math

import numpy as np
import pandas as pd
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from crmkit._periods import frequency
from crmkit.exceptions import ParameterError
from crmkit.forecast._calendar_features import read_time_features

DAYS = st.dates(dt.date(1900, 1, 1), dt.date(2199, 12, 31))
EASTER = {"date": ["2023-04-09", "2024-03-31", "2025-04-20"], "name": ["Easter"] * 3}


def features(parts, calendar=None, season=None):
    return read_time_features(parts, calendar, season, "LagFeatures")


def number_of(freq, *times):
    """The periods in which times fall."""
    return frequency(freq, "tests").number(np.array(times, dtype="M8[us]").view(np.int64))


def values(parts, freq, *times, calendar=None, season=None):
    read = features(parts, calendar, season)
    read.check(frequency(freq, "tests"), "LagFeatures")
    return read.values(number_of(freq, *times), frequency(freq, "tests")).tolist()


# ---------------------------------------------------------------------------- place in the calendar


@given(st.lists(DAYS, min_size=1, max_size=20))
def test_days_are_placed_as_the_standard_library_places_them(days):
    names = ["year", "quarter", "month", "week", "day", "weekday"]
    expected = [
        [day.year, (day.month + 2) // 3, day.month, day.isocalendar().week, day.day, day.weekday()] for day in days
    ]
    assert values(names, "D", *days) == np.array(expected, dtype=float).T.tolist()


def test_hours_and_minutes():
    times = ["1969-12-31T23:45", "2024-02-29T00:00", "2024-02-29T13:15"]
    assert values(["hour", "minute", "weekday"], "15min", *times) == [[23, 0, 13], [45, 0, 15], [2, 3, 3]]


def test_longer_periods_are_placed_by_where_they_begin():
    assert values(["week", "month", "day"], "W", "2024-01-03", "2021-01-03") == [[1, 53], [1, 12], [1, 28]]
    assert values(["month", "quarter", "year"], "Q", "2024-06-30") == [[4], [2], [2024]]


def test_waves_of_the_year_come_round_at_new_year():
    read = features([("year", 2)])
    freq = frequency("D", "tests")
    progress = {"2024-01-01": 0.0, "2023-07-02T12:00": 182 / 365, "2024-07-01": 182 / 366}
    found = read.values(number_of("D", *progress), freq)
    for column, share in zip(found.T, progress.values(), strict=True):
        expected = [wave(2 * math.pi * k * share) for k in (1, 2) for wave in (math.sin, math.cos)]
        np.testing.assert_allclose(column, expected, rtol=0, atol=1e-15)
    assert read.names == ("year_sin_1", "year_cos_1", "year_sin_2", "year_cos_2")


@pytest.mark.parametrize(
    ("cycle", "freq", "time", "share"),
    [
        ("week", "D", "2024-02-12", 0.0),  # a Monday
        ("week", "D", "2024-02-18", 6 / 7),
        ("week", "h", "1969-12-29T12:00", 0.5 / 7),
        ("day", "h", "2024-02-12T18:00", 0.75),
        ("season", "M", "2024-04-01", 3 / 12),
        ("season", "D", "1970-01-03", 2 / 7),
    ],
)
def test_waves_of_other_cycles(cycle, freq, time, share):
    ((sine,), (cosine,)) = values([(cycle, 1)], freq, time)
    assert sine == pytest.approx(math.sin(2 * math.pi * share), abs=1e-15)
    assert cosine == pytest.approx(math.cos(2 * math.pi * share), abs=1e-15)


def test_the_season_of_whole_numbers():
    read = features(["season", ("season", 1)], season=4)
    found = read.values(np.array([-1, 0, 1, 4, 6]), frequency("I", "tests"))
    assert found[0].tolist() == [3, 0, 1, 0, 2]
    np.testing.assert_allclose(found[1], [-1, 0, 1, 0, 0], rtol=0, atol=1e-15)


def test_names_do_not_depend_on_the_frequency():
    read = features(["month", ("week", 1), "season"], EASTER)
    assert read.names == ("month", "week_sin_1", "week_cos_1", "season", "Easter", "Easter_before", "Easter_after")


# ---------------------------------------------------------------------------------------- named dates


def naive_counts(freq, number, days):
    """How many days begin in a period, counting day by day."""
    return sum(int(number_of(freq, day)[0]) == number for day in set(days))


@given(
    st.sampled_from(["D", "W", "M", "Q", "Y", "14D", "36h"]),
    st.lists(st.dates(dt.date(2023, 1, 1), dt.date(2024, 12, 31)), min_size=1, max_size=12),
    st.lists(st.dates(dt.date(2022, 12, 1), dt.date(2025, 1, 31)), min_size=1, max_size=8),
)
def test_days_are_counted_in_the_period_after_and_before(freq, named, asked):
    found = values([], freq, *asked, calendar={"date": named, "name": ["节日"] * len(named)})
    expected = [
        [naive_counts(freq, number + step, named) for number in number_of(freq, *asked).tolist()] for step in (0, 1, -1)
    ]
    assert found == np.array(expected, dtype=float).tolist()


def test_a_festival_of_several_days():
    festival = {"date": pd.date_range("2024-02-10", periods=8), "name": ["春节"] * 8}
    weeks = ["2024-01-29", "2024-02-05", "2024-02-12", "2024-02-19"]
    assert values([], "W", *weeks, calendar=festival) == [[0, 2, 6, 0], [2, 6, 0, 0], [0, 0, 2, 6]]


def test_hours_have_the_dates_of_their_day():
    times = ["2024-11-10T23:00", "2024-11-11T00:00", "2024-11-11T23:00", "2024-11-12T00:00", "2024-11-13T00:00"]
    day = {"date": ["2024-11-11T15:00"], "name": ["11.11"]}
    assert values([], "h", *times, calendar=day) == [[0, 1, 1, 0, 0], [1, 0, 0, 0, 0], [0, 0, 0, 1, 0]]


def test_dates_of_series_that_count_their_steps():
    read = features([], {"time": [3, 7, 7], "name": ["a", "b", "b"]})
    found = read.values(np.array([2, 3, 7]), frequency("I", "tests"))
    assert found.tolist() == [[0, 1, 0], [1, 0, 0], [0, 0, 0], [0, 0, 1], [0, 0, 0], [0, 0, 0]]


@pytest.mark.parametrize("make", [dict, pd.DataFrame, pl.DataFrame])
def test_frames_of_any_library_in_any_order(make):
    dates = ["2024-11-11", "2024-02-10", "2024-11-11", "2023-11-11"]
    names = ["11.11", "春节", "11.11", "11.11"]
    read = features([], make({"note": [1, 2, 3, 4], "name": names, "time": dates}))
    assert read.dates is not None
    assert read.names[::3] == ("11.11", "春节")
    assert [len(days) for days in read.dates.days.values()] == [2, 1]


@pytest.mark.parametrize("zone", ["UTC", "Asia/Shanghai", "America/New_York"])
@pytest.mark.parametrize("make", [pd.DataFrame, lambda columns: pl.from_pandas(pd.DataFrame(columns))])
def test_days_of_a_zone_are_the_days_on_its_clock(zone, make):
    dates = pd.to_datetime(["2024-02-10T00:00", "2024-02-10T23:30"]).tz_localize(zone)
    read = features([], make({"date": dates, "name": ["春节", "Eve"]}))
    assert [days.astype("M8[D]").astype(str).tolist() for days in read.dates.days.values()] == [["2024-02-10"]] * 2


def test_names_that_have_no_date_among_the_periods():
    dates = features([], {"date": ["2024-11-11", "2025-02-10"], "name": ["11.11", "春节"]}).dates
    for freq, low, high, absent in [
        ("D", "2024-01-01", "2024-12-31", ["春节"]),
        ("M", "2024-12-01", "2025-01-01", ["11.11", "春节"]),
        ("W", "2024-11-11", "2025-02-10", []),
    ]:
        assert dates.absent(*number_of(freq, low, high).tolist(), frequency(freq, "tests")) == absent


# ------------------------------------------------------------------------------------ what is refused


@pytest.mark.parametrize(
    ("parts", "said"),
    [
        ("month", "'time_features' .* Got 'month' instead. Write \\('month',\\)."),
        (["months"], "'time_features' parameter of LagFeatures must be a list of names from {'minute', .*'months' is"),
        ([("month", 1)], "\\('month', 1\\) is neither"),
        ([("year", 0)], "'time_features'"),
        ([("year", 1.5)], "'time_features'"),
        ([("year", 1), ("year", 2)], "without repetition"),
        (["week", "week"], "without repetition"),
        ({"week": 1}, "'time_features'"),
        (7, "'time_features'"),
    ],
)
def test_time_features_that_are_not_there(parts, said):
    with pytest.raises(ParameterError, match=said):
        features(parts)


@pytest.mark.parametrize(
    ("parts", "freq", "said"),
    [
        (
            ["weekday"],
            "W",
            "'time_features' .* of {'day', 'week', 'month', 'quarter', 'year', 'season'} for periods of",
        ),
        (["hour"], "D", "Got 'hour' instead. It is the same in all of them."),
        (["month"], "Y", "of {'year', 'season'} for periods"),
        (["month"], "I", "of {'season'} for periods of freq 'I'"),
        (["season"], "Y", "Say after how many periods a pattern comes again with season="),
        ([("week", 1)], "W", "'time_features'"),
        ([("week", 4)], "D", "of at most 3 waves a week .* Each wave needs more than two periods"),
        ([("season", 6)], "M", "of at most 5 waves a season"),
        ([("year", 1)], "I", "'time_features'"),
    ],
)
def test_what_periods_do_not_have(parts, freq, said):
    with pytest.raises(ParameterError, match=said):
        features(parts).check(frequency(freq, "tests"), "LagFeatures")


@pytest.mark.parametrize(
    ("calendar", "said"),
    [
        (7, "Got 7 instead"),
        ({}, "Got the columns \\[\\] instead"),
        ({"date": ["2024-01-01"]}, "Got the columns \\['date'\\] instead"),
        ({"date": ["2024-01-01"], "time": ["2024-01-01"], "name": ["a"]}, "Got the columns"),
        ({"date": [], "name": []}, "Got no rows instead"),
        ({"date": ["2024-01-01", "2024-01-02"], "name": ["a", None]}, "Got names that are null instead"),
        ({"date": ["2024-01-01"], "name": [1]}, "Got names that are no text instead"),
        ({"date": ["2024-01-01", None], "name": ["a", "a"]}, "null or no date"),
        ({"date": ["1 January 2024"], "name": ["a"]}, "null or no date"),
        ({"date": [1.5], "name": ["a"]}, "calendar='date' is a column of Float64"),
    ],
)
def test_calendars_that_cannot_be_read(calendar, said):
    with pytest.raises(ParameterError, match=said) as raised:
        features([], calendar)
    assert "calendar" in str(raised.value)


def test_dates_and_whole_numbers_do_not_mix():
    with pytest.raises(
        ParameterError, match="calendar of LagFeatures holds dates, but the times of X are whole numbers"
    ):
        features([], EASTER).check(frequency("I", "tests"), "LagFeatures")
    with pytest.raises(
        ParameterError, match="calendar of LagFeatures holds whole numbers, but the times of X are dates"
    ):
        features([], {"time": [1], "name": ["a"]}).check(frequency("W", "tests"), "LagFeatures")
