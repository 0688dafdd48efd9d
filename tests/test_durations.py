import datetime as dt
from fractions import Fraction

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from crmkit._durations import TIME_UNITS, duration_name, instant_name, time_unit_microseconds, to_microseconds
from crmkit.exceptions import ParameterError

DAY = 24 * 60 * 60 * 10**6


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("90D", 90 * DAY),
        ("12W", 84 * DAY),
        ("36h", 3 * DAY // 2),
        ("30min", DAY // 48),
        ("10s", 10 * 10**6),
        ("500ms", 500_000),
        ("7us", 7),
        ("1.5h", DAY // 16),
        (".5D", DAY // 2),
        ("0.1s", 100_000),
        (" +90 D ", 90 * DAY),
        (np.str_("90D"), 90 * DAY),
        (dt.timedelta(days=1, microseconds=1), DAY + 1),
        (pd.Timedelta("36h"), 3 * DAY // 2),
        (pd.Timedelta(400 * 365, "D"), 400 * 365 * DAY) if pd.Timedelta.max.days > 400 * 365 else ("1D", DAY),
        (np.timedelta64(3, "W"), 21 * DAY),
        (np.timedelta64(90, "D"), 90 * DAY),
        (np.timedelta64(3, "m"), 180 * 10**6),
        (np.timedelta64(2000, "ns"), 2),
        (np.timedelta64(3, "15m"), 45 * 60 * 10**6),
    ],
)
def test_a_duration_in_microseconds(value, expected):
    result = to_microseconds(value, "horizon")
    assert result == expected
    assert type(result) is int


@pytest.mark.parametrize(
    ("value", "hint"),
    [
        (90, "A bare number has no unit: write '90D'"),
        (90.5, "write '90.5D'"),
        (np.int64(90), "write '90D'"),
        ("90", "write '90D'"),
        (True, "Got True instead."),
        (None, "Got None instead."),
        (["90D"], "Got ['90D'] instead."),
        ("", "Got '' instead."),
        ("D", "Got 'D' instead."),
        ("1D 3h", "Got '1D 3h' instead."),
        ("９０D", "Got '９０D' instead."),
        ("1e3D", "Got '1e3D' instead."),
        ("90天", "'天' is not a unit."),
        ("3M", "A month has no fixed length, it is 28 to 31 days: say '30D' instead."),
        ("1 month", "say '30D'"),
        ("2Q", "say '91D'"),
        ("1Y", "say '365D'"),
        ("1year", "say '365D'"),
        (np.timedelta64(3, "M"), "say '30D'"),
        (np.timedelta64(1, "Y"), "say '365D'"),
        ("3m", "'m' may mean minutes or months: write '3min'"),
        ("36H", "Write '36h'."),
        ("90d", "Write '90D'."),
        ("90 days", "Write '90D'."),
        ("30T", "Write '30min'."),
        ("-90D", "cannot be negative"),
        (dt.timedelta(days=-1), "cannot be negative"),
        ("0D", "must be longer than zero"),
        (dt.timedelta(0), "must be longer than zero"),
        ("0.5us", "not a whole number of microseconds"),
        (pd.Timedelta(1, "ns"), "not a whole number of microseconds"),
        (np.timedelta64(1, "as"), "not a whole number of microseconds"),
        (np.timedelta64(3), "It has no unit"),
        (np.timedelta64("NaT", "D"), "It is missing."),
        (pd.NaT, "Got NaT instead."),
        (dt.timedelta.max, "longer than 10,000 years"),
        (np.timedelta64(2**62, "W"), "longer than 10,000 years"),
        ("9" * 400 + "D", "longer than 10,000 years"),
        (pd.DateOffset(months=1), "instead."),
    ],
)
def test_what_is_no_duration(value, hint):
    with pytest.raises(ParameterError) as caught:
        to_microseconds(value, "horizon")
    message = str(caught.value)
    assert message.startswith(
        "The 'horizon' parameter must be a number and a unit of fixed length (W, D, h, min, s, ms"
    )
    assert hint in message


def test_zero_where_it_is_allowed():
    assert to_microseconds("0D", "gap", allow_zero=True) == 0
    with pytest.raises(ParameterError, match="negative"):
        to_microseconds("-1us", "gap", allow_zero=True)


def test_the_longest_duration():
    years = to_microseconds("3652500D", "horizon")
    assert years == 10_000 * TIME_UNITS["Y"]
    # Time, gap and horizon are added up in int64.
    assert 3 * years + 10**16 < 2**63
    with pytest.raises(ParameterError, match="longer"):
        to_microseconds("3652500.1D", "horizon")


@pytest.mark.parametrize(
    ("microseconds", "name"),
    [
        (0, "0D"),
        (14 * DAY, "14D"),
        (DAY, "1D"),
        (36 * DAY // 24, "36h"),
        (90 * 60 * 10**6, "90min"),
        (90 * 10**6, "90s"),
        (1_500_000, "1500ms"),
        (1_500_001, "1500001us"),
    ],
)
def test_the_name_of_a_duration(microseconds, name):
    assert duration_name(microseconds) == name


@given(st.integers(1, 10**17))
def test_the_name_reads_back(microseconds):
    assert to_microseconds(duration_name(microseconds), "window") == microseconds


@given(st.timedeltas(min_value=dt.timedelta(microseconds=1), max_value=dt.timedelta(days=36_500)))
def test_timedelta_text_and_numpy_agree(delta):
    expected = Fraction(delta // dt.timedelta(microseconds=1))
    assert to_microseconds(delta, "window") == expected
    assert to_microseconds(f"{expected}us", "window") == expected
    assert to_microseconds(np.timedelta64(delta), "window") == expected
    assert to_microseconds(pd.Timedelta(delta), "window") == expected


def test_time_units():
    assert {unit: size / DAY for unit, size in TIME_UNITS.items()} == {"D": 1, "W": 7, "M": 30.4375, "Y": 365.25}
    assert TIME_UNITS["Y"] == 12 * TIME_UNITS["M"]
    assert time_unit_microseconds("M") == TIME_UNITS["M"]


@pytest.mark.parametrize("unit", ["d", "week", "", None, 7, ["W"]])
def test_what_is_no_time_unit(unit):
    with pytest.raises(ParameterError, match="The 'per' parameter must be one of 'D'") as caught:
        time_unit_microseconds(unit, "per")
    assert f"Got {unit!r} instead." in str(caught.value)


@pytest.mark.parametrize("text", ["2011-09-01", "1899-12-31", "2011-09-01T12:30:00", "2011-09-01T00:00:00.000001"])
def test_instants_are_written_so_that_numpy_reads_them_back(text):
    instant = np.datetime64(text, "us")
    assert instant_name(instant) == text
    assert instant_name(instant.astype(np.int64)) == text
