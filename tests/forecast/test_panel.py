"""Reading long frames: what is put where, and what is refused."""

from __future__ import annotations

import datetime as dt

import narwhals
import numpy as np
import pandas as pd
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from crmkit._periods import frequency
from crmkit.events import EventLog
from crmkit.exceptions import ColumnNotFoundError, ParameterError
from crmkit.forecast._panel import read_panel

OWNER = "Reader"

NARWHALS = tuple(int(part) for part in narwhals.__version__.split(".")[:2])


def as_frame(panel, columns):
    """A row for each value."""
    return panel.frame_of(panel.codes(), panel.numbers(), columns)


def read(X, **parameters):
    return read_panel(X, owner=OWNER, **parameters)


def values_of(panel) -> dict:
    """Return {(id, period number): value}, the plain form of a panel."""
    return {
        (key, int(panel.first[place] + step)): float(panel.values[panel.pointers[place] + step])
        for place, key in enumerate(panel.ids.tolist())
        for step in range(int(panel.pointers[place + 1] - panel.pointers[place]))
    }


def naive_values(rows, filling) -> dict:
    """Return what `values_of` should be for rows of (id, number, value)."""
    found = {}
    for key in sorted({row[0] for row in rows}):
        known = {number: value for other, number, value in rows if other == key}
        for number in range(min(known), max(known) + 1):
            found[key, number] = float(known.get(number, filling))
    return found


def same(found: dict, expected: dict) -> bool:
    return list(found) == list(expected) and np.array_equal(
        np.array(list(found.values())), np.array(list(expected.values())), equal_nan=True
    )


ROWS = st.lists(
    st.tuples(st.integers(-3, 4), st.integers(-5, 12), st.one_of(st.just(float("nan")), st.floats(-9, 9))),
    min_size=1,
    max_size=40,
    unique_by=lambda row: row[:2],
)


@given(ROWS, st.sampled_from([int, str]), st.sampled_from(["zero", "missing"]), st.sampled_from(["pandas", "polars"]))
def test_every_value_stands_in_its_series_and_period(rows, kind, gaps, library):
    rows = [(kind(key), number, value) for key, number, value in rows]
    columns = {
        "series": [row[0] for row in rows],
        "time": [row[1] for row in rows],
        "value": [row[2] for row in rows],
    }
    frame = pd.DataFrame(columns) if library == "pandas" else pl.DataFrame(columns)
    panel = read(frame, gaps=gaps)
    assert same(values_of(panel), naive_values(rows, 0.0 if gaps == "zero" else np.nan))
    rows_at = np.arange(len(rows)) if panel.rows is None else panel.rows
    assert np.array_equal(panel.values[rows_at], columns["value"], equal_nan=True)
    assert panel.ids[panel.codes()[rows_at]].tolist() == columns["series"]
    assert panel.numbers()[rows_at].tolist() == columns["time"]
    assert type(as_frame(panel, {})).__module__.split(".")[0] == library


@given(ROWS, st.integers(-6, 14), st.integers(1, 5))
def test_cuts_keep_what_they_say(rows, number, n):
    panel = read(pd.DataFrame(rows, columns=["series", "time", "value"]), gaps="missing")
    everything = values_of(panel)
    last = dict(zip(panel.ids.tolist(), panel.last.tolist(), strict=True))
    before = {key: value for key, value in everything.items() if key[1] < number}
    assert same(values_of(panel.before(number)), before)
    assert same(values_of(panel.tail(n)), {k: v for k, v in everything.items() if k[1] > last[k[0]] - n})
    reach = {k: v for k, v in before.items() if last[k[0]] >= number - 1}
    assert same(values_of(panel.until(number)), reach)
    first = panel.ids[:1].tolist()
    assert same(values_of(panel.take(np.array([0]))), {k: v for k, v in everything.items() if k[0] in first})


@given(ROWS, st.integers(-6, 14), st.integers(1, 4))
def test_values_ahead_of_a_period(rows, number, steps):
    panel = read(pd.DataFrame(rows, columns=["series", "time", "value"]), gaps="missing")
    everything = values_of(panel)
    values, inside = panel.ahead(panel.ids, number, steps)
    for place, key in enumerate(panel.ids.tolist()):
        for step in range(steps):
            assert inside[place, step] == ((key, number + step) in everything)
            assert np.array_equal(values[place, step], everything.get((key, number + step), np.nan), equal_nan=True)


def test_every_kind_of_frame(make_frame):
    frame = make_frame(
        {
            "series": ["b", "a", "b", "a"],
            "time": [
                dt.datetime(2024, 1, 8),
                dt.datetime(2024, 1, 1),
                dt.datetime(2024, 1, 1),
                dt.datetime(2024, 1, 8),
            ],
            "value": [4.0, 1.0, 3.0, 2.0],
        }
    )
    panel = read(frame)
    assert panel.frequency.name == "W"
    assert panel.ids.tolist() == ["a", "b"]
    assert panel.values.tolist() == [1.0, 2.0, 3.0, 4.0]
    assert panel.rows.tolist() == [3, 0, 2, 1]


def test_a_frame_in_order_is_not_copied():
    values = np.arange(6.0)
    frame = pd.DataFrame({"series": [1, 1, 1, 2, 2, 2], "time": [1, 2, 3] * 2, "value": values}, copy=False)
    panel = read(frame)
    assert panel.rows is None
    if NARWHALS >= (2, 10):  # older ones copy when they cast a column to the type that it has
        assert np.shares_memory(panel.values, frame["value"].to_numpy())
    with pytest.raises(ValueError, match="read-only"):
        panel.values[0] = 7


def test_names_of_columns():
    frame = pd.DataFrame({"item": ["x", "x"], "week": pd.to_datetime(["2024-01-01", "2024-01-08"]), "sold": [1, 2]})
    panel = read(frame, series="item", time="week", value="sold")
    assert as_frame(panel, {"n": panel.values}).columns.tolist() == ["item", "week", "n"]


@pytest.mark.parametrize("series", ["series", None])
def test_a_frame_without_series_is_one(series):
    panel = read({"time": [3, 4], "value": [1.0, 2.0]}, series=series)
    assert panel.ids.tolist() == ["all"]
    assert as_frame(panel, {}).columns.tolist() == ["series", "time"]


def test_a_column_that_is_named_must_be_there():
    with pytest.raises(ColumnNotFoundError, match="series='item'"):
        read({"time": [3], "value": [1.0]}, series="item")


def test_series_that_are_forgotten_show_as_repeats():
    frame = {"item": ["a", "b"], "time": [1, 1], "value": [1.0, 2.0]}
    with pytest.raises(
        ParameterError, match="has 1 of 2 rows whose series and period stand in an earlier row, the first"
    ):
        read(frame)
    with pytest.raises(ParameterError, match="name the column with series="):
        read(frame)


def test_repeats_are_refused_wherever_they_stand():
    frame = {"series": [1, 2, 1, 1], "time": [1, 5, 2, 1], "value": [1.0, 2.0, 3.0, 4.0]}
    with pytest.raises(ParameterError, match=r"1 of 4 rows .* at position 3 \(1\)"):
        read(frame, gaps="zero")
    # Two days of one month, where the caller says that months are meant.
    days = {"time": ["2024-01-01", "2024-01-09"], "value": [1.0, 2.0]}
    with pytest.raises(ParameterError, match="finer freq than 'M'"):
        read(days, freq="M")


def test_gaps_are_noticed():
    frame = {
        "series": ["a", "a", "b", "b"],
        "time": ["2024-01-01", "2024-04-01", "2024-01-01", "2024-02-01"],
        "value": [1.0, 4.0, 1.0, 2.0],
    }
    with pytest.raises(ParameterError, match=r"lacks 2 periods inside 1 of its 2 series .*first is 2024-02-01"):
        read(frame)
    assert read(frame, gaps="zero").values.tolist() == [1.0, 0.0, 0.0, 4.0, 1.0, 2.0]
    assert np.isnan(read(frame, gaps="missing").values).tolist() == [False, True, True, False, False, False]
    with pytest.raises(ParameterError, match="'gaps' parameter of Reader"):
        read(frame, gaps="fill")


def test_a_wrong_time_does_not_ask_for_all_memory():
    frame = {"time": ["2024-01-01", "2024-01-02", "1724-01-01"], "value": [1.0, 2.0, 3.0]}
    with pytest.raises(ParameterError, match="look for a wrong time"):
        read({"time": [0, 2**61], "value": [1.0, 2.0]}, gaps="zero")
    with pytest.raises(ParameterError, match="look for a wrong time"):
        read({"series": [1, 1], "time": [-(2**61), 2**61], "value": [1.0, 2.0]}, gaps="zero")
    assert len(read(frame, gaps="missing").values) > 365 * 299


@pytest.mark.parametrize(
    "times", [[-9 * 10**18, 9 * 10**18], [-(2**63), 2**63 - 1], np.array([1, 2**63], dtype=np.uint64)]
)
def test_whole_numbers_that_differences_would_overflow(times):
    with pytest.raises(ParameterError, match=r"beyond 2\*\*61"):
        read({"time": np.array(times), "value": [1.0, 2.0]}, gaps="missing")


@pytest.mark.parametrize(
    ("names", "message"),
    [
        ({"series": ["a"]}, "'series' parameter of Reader must be a non-empty str"),
        ({"time": 3}, "'time' parameter of Reader must be a non-empty str"),
        ({"time": None}, "'time' parameter of Reader must be a non-empty str"),
        ({"value": 3}, "'value' parameter of Reader must be a non-empty str"),
        ({"stockouts": True}, "'stockouts' parameter of Reader must be a non-empty str"),
        ({"exogenous": [3]}, "'exogenous' parameter of Reader must be a non-empty str"),
        ({"series": "time"}, "series and time of Reader are both 'time'"),
    ],
)
def test_names_that_are_refused(names, message):
    with pytest.raises(ParameterError, match=message):
        read({"time": [1, 2], "value": [1.0, 2.0]}, **names)


def test_periods_of_pandas_are_not_times():
    frame = pd.DataFrame({"time": pd.period_range("2024-01", periods=2, freq="M"), "value": [1.0, 2.0]})
    with pytest.raises(ParameterError, match="to_timestamp"):
        read(frame)


def test_hours_by_a_clock_that_is_moved():
    hours = pd.date_range("2024-01-10", periods=3, freq="h", tz="Europe/Berlin")
    with pytest.raises(ParameterError, match="Convert the times to UTC"):
        read(pd.DataFrame({"time": hours, "value": [1.0, 2.0, 3.0]}))
    for zone in ("UTC", "Asia/Shanghai", "Asia/Kolkata"):
        panel = read(pd.DataFrame({"time": hours.tz_localize(None).tz_localize(zone), "value": [1.0, 2.0, 3.0]}))
        assert panel.frequency.name == "h"
        assert panel.times_of(panel.numbers()).tolist() == hours.tz_localize(None).tz_localize(zone).tolist()


def test_no_ids_of_series_in_errors():
    frame = {"series": ["Mrs Smith", "Mrs Smith"], "time": [1, 1], "value": [1.0, 2.0]}
    with pytest.raises(ParameterError) as caught:
        read(frame)
    assert "Smith" not in str(caught.value)


@pytest.mark.parametrize(
    ("column", "cells", "message"),
    [
        ("series", ["a", None, "b"], "series='series' of Reader is null in 1 of 3 rows, the first at position 1"),
        ("time", pd.to_datetime(["2024-01-01", "2024-01-02", None]), "is null in 1 of 3 rows, the first at position 2"),
        ("time", ["2024-01-01", "2024-01-02", "spring"], "is no dates in 1 of 3 rows"),
        ("time", [1.0, 2.0, np.nan], "whole numbers without nulls"),
        ("time", pd.array([1, None, 3], dtype="Int64"), "is null in 1 of 3 rows"),
        ("value", [1.0, np.inf, 2.0], "is infinite in 1 of 3 rows, the first at position 1"),
        ("value", ["1", "2", "3"], "not of numbers"),
        ("flag", [1, 0, 1], "must be one of booleans without nulls"),
        ("flag", pd.array([True, None, False], dtype="boolean"), "must be one of booleans without nulls"),
    ],
)
def test_cells_that_are_refused(column, cells, message):
    frame = {"series": ["a", "a", "b"], "time": [1, 2, 1], "value": [1.0, 2.0, 3.0], "flag": [True, False, True]}
    with pytest.raises(ParameterError, match=message):
        read(frame | {column: cells}, stockouts="flag")


def test_frames_that_are_refused():
    log = EventLog.from_frame({"c": [1], "t": ["2024-01-01"]}, customer="c", time="t")
    with pytest.raises(ParameterError, match=r"is an EventLog.*log.demand"):
        read(log)
    with pytest.raises(ParameterError, match="is Snapshots"):
        read(log.snapshot())
    with pytest.raises(ParameterError, match="X of Reader is a ndarray"):
        read(np.zeros((3, 3)))
    with pytest.raises(ParameterError, match="has no rows"):
        read({"series": [], "time": [], "value": []})


def test_whole_numbers_have_no_calendar():
    with pytest.raises(ParameterError, match="freq='W'"):
        read({"time": [1, 2], "value": [1.0, 2.0]}, freq="W")
    with pytest.raises(ParameterError, match="freq='I' is for whole numbers"):
        read({"time": ["2024-01-01"], "value": [1.0]}, freq="I")


def test_one_time_needs_a_name_of_its_period():
    frame = {"time": ["2024-01-01"], "value": [1.0]}
    with pytest.raises(ParameterError, match="'freq' parameter of Reader"):
        read(frame)
    assert read(frame, freq="M").first.tolist() == [54 * 12]
    assert read(frame, freq=frequency("M", OWNER)).frequency.season == 12


def test_a_time_stands_for_its_period():
    ends = pd.DataFrame({"time": pd.to_datetime(["2024-01-31", "2024-02-29"]), "value": [1.0, 2.0]})
    panel = read(ends, freq="ME")
    assert panel.times_of(panel.numbers()).astype("M8[D]").astype(str).tolist() == ["2024-01-01", "2024-02-01"]


@pytest.mark.parametrize("zone", ["Europe/London", "Asia/Shanghai", "UTC"])
def test_times_keep_their_zone(zone):
    # Days across the change to summer time, whose instants are not 24 hours apart.
    days = pd.date_range("2024-03-29", periods=5, freq="D", tz=zone)
    panel = read(pd.DataFrame({"time": days, "value": range(5)}))
    assert panel.frequency.name == "D"
    assert panel.zone == zone
    assert as_frame(panel, {})["time"].tolist() == days.tolist()
    # polars 1.3 makes UTC of Python's times with a zone.
    times = pl.Series(days.tz_localize(None).to_pydatetime().tolist()).dt.replace_time_zone(zone)
    polars = read(pl.DataFrame({"time": times, "value": range(5)}))
    assert as_frame(polars, {})["time"].to_list() == days.to_pydatetime().tolist()


def test_offsets_in_text_are_no_zone():
    with pytest.raises(ParameterError, match="tz_convert"):
        read({"time": ["2024-01-01T00:00+01:00", "2024-01-02T00:00+01:00"], "value": [1.0, 2.0]})


def test_stockouts_are_missing():
    frame = {"time": [1, 2, 3], "value": [5.0, 0.0, 6.0], "out": [False, True, False]}
    assert np.array_equal(read(frame, stockouts="out").values, [5.0, np.nan, 6.0], equal_nan=True)
    assert frame["value"] == [5.0, 0.0, 6.0]


def test_types_of_values():
    frame = pd.DataFrame({"time": [1, 2], "value": np.array([1, 2], dtype=np.float32)})
    assert read(frame).values.dtype == np.float32
    assert read(frame.assign(value=[1, 2])).values.dtype == np.float64
    assert read(frame.assign(value=pd.array([1, None], dtype="Int64"))).values.dtype == np.float64


def test_further_columns():
    frame = {"series": [1, 2, 1], "time": [1, 1, 3], "value": [1.0, 2.0, 3.0], "price": [9.0, 8.0, 7.0]}
    panel = read(frame, exogenous=["price"], gaps="zero")
    assert np.array_equal(panel.exogenous["price"], [9.0, np.nan, 7.0, 8.0], equal_nan=True)
    ahead = panel.exogenous_ahead(["price"], panel.ids, 3, 2)
    assert ahead["price"].tolist() == [[7.0, 0.0], [0.0, 0.0]]
    assert panel.exogenous_ahead([], panel.ids, 3, 2) is None
    assert np.isnan(read(frame, value=None, exogenous=["price"], gaps="zero").values).all()
    with pytest.raises(ParameterError, match="exogenous='price' of Reader is infinite"):
        read(frame | {"price": [9.0, np.inf, 7.0]}, exogenous=["price"], gaps="zero")


@pytest.mark.parametrize("library", [pd, pl])
def test_text_in_runs_is_read_as_any_text(library):
    """Series that stand together, and come again later; a missing id among them."""
    ids = ["b"] * 5 + ["a"] * 4 + ["c"] * 6 + ["a"] * 3
    frame = {"series": ids, "time": [*range(5), *range(4), *range(6), *range(4, 7)], "value": np.arange(18.0)}
    panel = read(library.DataFrame(frame))
    assert panel.ids.tolist() == ["a", "b", "c"]
    assert panel.ids[panel.codes()[panel.rows]].tolist() == ids
    assert panel.values[panel.rows].tolist() == frame["value"].tolist()
    ids[6] = ids[7] = None
    with pytest.raises(ParameterError, match="is null in 2 of 18 rows, the first at position 6"):
        read(library.DataFrame(frame | {"series": ids}))


def test_the_frame_is_not_changed():
    frame = pd.DataFrame({"series": [2, 1], "time": [1, 1], "value": [1.0, 2.0], "out": [True, False]})
    before = frame.copy()
    read(frame, stockouts="out")
    pd.testing.assert_frame_equal(frame, before)


def test_any_number_of_threads(monkeypatch):
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({"series": np.repeat(np.arange(3_000), 20), "time": np.tile(np.arange(20), 3_000)})
    frame["value"] = rng.normal(size=len(frame))
    frame = frame.sample(frac=0.9, random_state=0)
    panels = []
    for threads in (1, 3):
        monkeypatch.setattr("crmkit._numba._threads.n_threads", lambda threads=threads: threads)
        panels.append(read(frame, gaps="missing"))
    one, three = panels
    assert np.array_equal(one.values, three.values, equal_nan=True)
    assert np.array_equal(one.rows, three.rows)
    assert np.array_equal(one.first, three.first)
