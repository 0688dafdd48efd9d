from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from crmkit.datasets._calendar import DAY, WEEK, check_calendar
from crmkit.exceptions import ParameterError

MONTHS = [3, 1, 1, 1, 1, 0.5, 0, 0, 1, 1, 2, 5]
WEEKDAYS = [1, 1, 1, 2, 2, 3, 0]


def calendar(start="2023-01-01", span="104W", acquisition="13W", seasonality=None):
    return check_calendar(start, span, acquisition, seasonality, "make_purchases")


def naive_elapsed(start, span_hours, seasonality, hours):
    """Add up the weights of whole hours one by one, then scale the end to the span."""
    total, at = 0.0, None
    for hour in range(span_hours):
        if hour == hours:
            at = total
        now = pd.Timestamp(start) + pd.Timedelta(hours=hour)
        weight = seasonality.get("month", [1] * 12)[now.month - 1] * seasonality.get("weekday", [1] * 7)[now.weekday()]
        total += weight
    return (total if at is None else at) * (span_hours / 168) / total


@pytest.mark.parametrize("start", ["2023-11-20", "2024-02-27 17:00", "1999-12-31 23:00"])
@pytest.mark.parametrize(
    "seasonality", [{"month": MONTHS}, {"weekday": WEEKDAYS}, {"month": MONTHS, "weekday": WEEKDAYS}]
)
@pytest.mark.parametrize("hours", [0, 1, 30, 500, 1000])
def test_clock_adds_up_the_weights(start, seasonality, hours):
    own = calendar(start, "1000h", "0D", seasonality)
    expected = naive_elapsed(start, 1000, seasonality, hours)
    assert own.elapsed(np.array([hours * DAY / 24])) == pytest.approx(expected, abs=1e-9)


def test_without_season_the_clock_is_time():
    own = calendar()
    since_start = np.array([0, 1, WEEK, 104 * WEEK - 1])
    np.testing.assert_allclose(own.elapsed(since_start.astype(float)) * WEEK, since_start, rtol=1e-15)
    np.testing.assert_array_equal(own.since_start(np.array([0.0, 1.0, 52.5])), [0, WEEK, 52.5 * WEEK])


@given(
    start=st.datetimes(pd.Timestamp("1900-01-01").to_pydatetime(), pd.Timestamp("2150-01-01").to_pydatetime()),
    days=st.integers(1, 900),
    weekday=st.lists(st.floats(0.01, 100), min_size=7, max_size=7),
    place=st.floats(0, 1, exclude_max=True),
)
def test_there_and_back(start, days, weekday, place):
    own = calendar(start, f"{days}D", "0D", {"weekday": weekday})
    assert own.end == pytest.approx(days / 7)
    since_start = own.since_start(np.array([place * own.end]))
    assert 0 <= since_start[0] < days * DAY
    # Whole microseconds on the way, on a clock that runs up to 700 times as fast as time.
    assert own.elapsed(since_start.astype(float))[0] == pytest.approx(place * own.end, abs=1e-7)


def test_no_moment_of_a_closed_day_is_drawn():
    own = calendar(seasonality={"weekday": WEEKDAYS, "month": MONTHS})
    edges = own.clock + np.array([[-1e-12], [0.0], [1e-12]])
    times = pd.DatetimeIndex(own.times(own.since_start(np.clip(edges, 0, np.nextafter(own.end, 0)).ravel())))
    rng = np.random.default_rng(0)
    drawn = pd.DatetimeIndex(own.times(own.since_start(rng.random(200_000) * own.end)))
    for when in (times[1:-1], drawn):
        assert not (when.day_of_week == 6).any()
        assert not when.month.isin([7, 8]).any()


def test_later_than_the_end_is_the_end():
    own = calendar(span="10W", acquisition="1W")
    assert own.elapsed(np.array([1e30, np.inf])).tolist() == [10, 10]


def test_arrivals_are_even_in_their_window():
    own = calendar(acquisition="26W")
    arrivals = own.arrivals(np.random.default_rng(0), 100_000)
    assert arrivals.min() >= 0
    assert arrivals.max() < 26
    np.testing.assert_allclose(np.quantile(arrivals, [0.25, 0.5, 0.75]), [6.5, 13, 19.5], atol=0.2)


@pytest.mark.parametrize(
    "start",
    [
        "2023-01-01",
        pd.Timestamp("2023-01-01"),
        pd.Timestamp("2023-01-01").to_pydatetime(),
        pd.Timestamp("2023-01-01").date(),
        np.datetime64("2023-01-01"),
        np.datetime64("2023-01-01", "ns"),
    ],
)
def test_starts(start):
    assert pd.Timestamp(calendar(start).start, unit="us") == pd.Timestamp("2023-01-01")


@pytest.mark.parametrize(
    ("parameter", "value"),
    [
        ("start", "yesterday, perhaps"),
        ("start", 2023),
        ("start", None),
        ("start", pd.NaT),
        ("start", np.datetime64("NaT")),
        ("start", "1850-01-01"),
        ("start", "2200-01-01"),
        ("start", "2023-01-01T00:00+01:00"),
        ("span", "0D"),
        ("span", 104),
        ("span", "200M"),
        ("span", "9500W"),
        ("span", "12W"),
        ("acquisition", "105W"),
        ("acquisition", "-1D"),
        ("acquisition", 7),
        ("seasonality", 2.0),
        ("seasonality", {}),
        ("seasonality", {"hour": [1] * 24}),
        ("seasonality", {"month": [1] * 11}),
        ("seasonality", {"weekday": [0] * 7}),
        ("seasonality", {"weekday": [1] * 6 + [-1]}),
        ("seasonality", {"weekday": [1] * 6 + [np.nan]}),
        ("seasonality", {"weekday": ["Monday"] * 7}),
        ("seasonality", {"month": [0, 0, 0, 0] + [1] * 8}),
    ],
)
def test_refused(parameter, value):
    named = "acquisition" if value == "12W" else parameter
    with pytest.raises(ParameterError, match=f"'{named}' parameter"):
        calendar(**{parameter: value})
