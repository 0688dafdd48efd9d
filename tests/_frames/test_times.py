"""Columns of times, and instants that a caller gives."""

from __future__ import annotations

import datetime as dt

import narwhals.stable.v2 as nw
import numpy as np
import pandas as pd
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crmkit._frames import instants, localize, time_column
from crmkit.exceptions import ParameterError

ZONES = ["Europe/London", "America/New_York", "Asia/Shanghai", "Australia/Lord_Howe", "Etc/GMT+5", "UTC"]


def series(values, dtype=None):
    return nw.from_native(pd.Series(values, dtype=dtype, name="when"), series_only=True)


def micro(text):
    return np.datetime64(text, "us").astype(np.int64)


@given(st.lists(st.datetimes(dt.datetime(1900, 1, 1), dt.datetime(2200, 1, 1)), min_size=1, max_size=10))
@settings(max_examples=60)
def test_every_form_of_a_time_is_the_same_time(times):
    expected = [micro(time) for time in times]
    text = [time.isoformat(sep=" ") for time in times]
    for column in (
        series(times, "datetime64[us]"),
        series(times, object),
        series(text),
        nw.from_native(pl.Series("when", times, dtype=pl.Datetime("us")), series_only=True),
        nw.from_native(pl.Series("when", [one.replace(" ", "T") for one in text]), series_only=True),
    ):
        found = time_column(column, "time", None)
        assert found.wall.tolist() == expected
        assert (found.missing, found.unparseable, found.zone, found.aware) == (None, None, None, False)


@pytest.mark.parametrize("zone", ZONES)
@given(st.lists(st.datetimes(dt.datetime(1975, 1, 1), dt.datetime(2037, 1, 1)), min_size=1, max_size=10))
@settings(max_examples=40)
def test_the_clock_of_a_zone_and_back(zone, times):
    utc = pd.DatetimeIndex(times).as_unit("us").tz_localize("UTC")
    found = time_column(series(utc), "time", zone)
    assert found.zone == zone
    assert found.wall.view("M8[us]").tolist() == utc.tz_convert(zone).tz_localize(None).to_pydatetime().tolist()
    assert (localize(found.wall, zone, found.second_pass) == utc).all()


def test_units_and_dates():
    for unit in ("s", "ms", "us", "ns"):
        assert time_column(series(["2024-01-05"], f"datetime64[{unit}]"), "time", None).wall.tolist() == [
            micro("2024-01-05")
        ]
    dates = nw.from_native(pl.Series("when", [dt.date(2024, 1, 5), None]), series_only=True)
    found = time_column(dates, "time", None)
    assert (found.wall[0], found.missing.tolist()) == (micro("2024-01-05"), [False, True])


def test_missing_and_unparseable_are_told_apart():
    found = time_column(series(["2024-01-05", None, "soon", "5 Jan 2024", "20240105", "2024-13-01"]), "time", None)
    assert found.missing.tolist() == [False, True, False, False, False, False]
    assert found.unparseable.tolist() == [False, False, True, True, False, True]
    assert found.wall[4] == micro("2024-01-05")


@pytest.mark.parametrize(
    ("values", "tz", "message"),
    [
        (["2024-01-05", "2024-01-05T00:00Z"], None, r"mixes naive times with times that say their zone \(1 of 2\)"),
        (["2024-01-05T00:00Z"], None, "holds times in UTC. Days are the days of one zone"),
        (["2024-01-05T00:00+01:00"], None, "holds times in UTC"),
        ([20240105], None, "Numbers are not read as times"),
        ([True], None, "not of times"),
        ([("2024",)], None, r"holds \('2024',\), which is not a time"),
        (["2024-01-05"], "Mars/Olympus", "tz='Mars/Olympus' is not a time zone. Give an IANA name"),
    ],
    ids=repr,
)
def test_refused(values, tz, message):
    with pytest.raises(ParameterError, match=message):
        time_column(series(values), "time", tz)


@pytest.mark.parametrize(
    "value",
    [
        "2024-01-05",
        dt.date(2024, 1, 5),
        dt.datetime(2024, 1, 5),
        pd.Timestamp("2024-01-05"),
        np.datetime64("2024-01-05"),
        np.array("2024-01-05", dtype="M8[s]"),
        ["2024-01-05"],
        (np.datetime64("2024-01-05", "ns"),),
        pd.DatetimeIndex(["2024-01-05"]),
        pd.Series(["2024-01-05"]),
        pl.Series([dt.date(2024, 1, 5)]),
    ],
    ids=repr,
)
def test_instants(value):
    assert instants(value, "as_of", None).tolist() == [micro("2024-01-05")]


def test_instants_of_a_log_with_a_zone():
    aware = pd.Timestamp("2024-07-05 12:00", tz="UTC")
    assert instants(aware, "as_of", "Europe/London").tolist() == [micro("2024-07-05 13:00")]
    assert instants("2024-07-05 12:00", "as_of", "Europe/London").tolist() == [micro("2024-07-05 12:00")]
    with pytest.raises(ParameterError, match="zone"):
        instants(aware, "as_of", None)
