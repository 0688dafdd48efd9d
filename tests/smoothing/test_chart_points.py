"""What charts read: series and tables of every kind, and what they refuse."""

from __future__ import annotations

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from scipy.sparse import csr_array

from crmkit import EventLog
from crmkit.datasets import load_cdnow
from crmkit.exceptions import ParameterError
from crmkit.smoothing._chart_points import read_counts, read_series

VALUES = [1.0, 2.0, np.nan, 4.0]
DAYS = pd.date_range("2024-01-01", periods=4, freq="7D", name="week")


@pytest.mark.parametrize(
    "X",
    [
        VALUES,
        tuple(VALUES),
        [1, 2, None, 4],
        np.array(VALUES),
        np.array(VALUES, dtype=np.float32),
        np.array(VALUES)[:, None],
        np.ma.masked_invalid(VALUES),
        np.ma.masked_invalid(np.array(VALUES)[:, None]),
        [[1.0], [2.0], [np.nan], [4.0]],
        pd.Series(VALUES),
        pd.Series([1, 2, None, 4], dtype="Int64"),
        pd.Series([1, 2, None, 4], dtype=object),
        pd.DataFrame({"score": VALUES}),
        pd.DataFrame(np.array(VALUES)[:, None]),
        pl.Series("score", [1, 2, None, 4]),
        pl.DataFrame({"score": [1.0, 2.0, None, 4.0]}),
        pa.table({"score": [1.0, 2.0, None, 4.0]}),
        pa.chunked_array([[1.0, 2.0], [None, 4.0]]),
    ],
    ids=lambda X: type(X).__name__,
)
def test_one_series_of_any_kind(X):
    points = read_series(X, "EWMAChart")
    np.testing.assert_array_equal(points.columns[0], VALUES)
    assert points.columns[0].dtype == np.float64
    assert points.polars == isinstance(X, pl.Series | pl.DataFrame)


def test_times_are_those_of_the_pandas_index():
    points = read_series(pd.Series(VALUES, index=DAYS), "EWMAChart")
    frame = points.frame({"a": np.arange(4)})
    pd.testing.assert_index_equal(frame.index, DAYS)
    picked = points.rows(np.array([1, 3]), {"a": np.array([5.0, 6.0])})
    assert list(picked.columns) == ["time", "a"]
    assert picked["time"].tolist() == DAYS[[1, 3]].tolist()
    assert picked.index.tolist() == [0, 1]


@pytest.mark.parametrize(
    "index",
    [
        pd.period_range("2024-01", periods=4, freq="M"),
        pd.date_range("2024-01-01", periods=4, tz="Asia/Shanghai"),
        pd.Index(["w1", "w2", "w3", "w4"]),
        pd.MultiIndex.from_product([[2024], [1, 2, 3, 4]]),
        pd.RangeIndex(10, 14),
        pd.Index([4, 1, 3, 2]),
    ],
    ids=lambda index: type(index).__name__,
)
def test_an_index_of_any_kind_names_the_points(index):
    points = read_series(pd.Series(VALUES, index=index), "EWMAChart")
    assert points.rows(np.array([0, 3]), {})["time"].tolist() == [index[0], index[3]]


def test_without_an_index_points_are_counted():
    for X, kind in ((VALUES, pd.DataFrame), (pl.Series(VALUES), pl.DataFrame)):
        frame = read_series(X, "EWMAChart").rows(np.array([3]), {})
        assert isinstance(frame, kind)
        assert frame["time"].to_list() == [3]


def test_the_callers_data_are_not_changed():
    series = pd.Series(VALUES, index=DAYS)
    before = series.copy()
    points = read_series(series, "EWMAChart")
    points.frame({"a": points.columns[0] + 1.0})
    pd.testing.assert_series_equal(series, before)


@pytest.mark.parametrize(
    ("X", "words"),
    [
        (np.ones((3, 2)), "one series .* 2 columns"),
        (pd.DataFrame({"a": [1.0], "b": [2.0]}), "one series .* 2 columns"),
        (np.ones((2, 2, 2)), "one-dimensional"),
        (3.0, "one-dimensional"),
        ("abc", "numbers"),
        (["a", "b"], "numbers"),
        (pd.Series(["a", "b"]), "numbers"),
        ([[1.0], [2.0, 3.0]], "equally long"),
        ([[1.0], 2.0], "equally long"),
        ({"score": [1.0]}, "one-dimensional"),
        (np.array([1j, 2j]), "numbers"),
        (DAYS, "numbers"),
        ([1.0, np.inf], "infinite; the first is at position 1"),
        (pd.Series(VALUES, index=DAYS[::-1]), r"not ascending. Pass X.sort_index\(\)"),
        (pd.Series(VALUES, index=[*DAYS[:2], pd.NaT, DAYS[3]]), "1 of 4 times of X are missing"),
        (csr_array(np.ones((3, 1))), r"pass X.toarray\(\)"),
        (pl.LazyFrame({"a": VALUES}), r"collect\(\)"),
    ],
    ids=lambda X: type(X).__name__,
)
def test_what_is_not_one_series_is_refused(X, words):
    with pytest.raises(ParameterError, match=words):
        read_series(X, "EWMAChart")


def test_snapshots_are_refused_by_name():
    log = EventLog.from_frame(load_cdnow(), customer="customer_id", time="date", value="value")
    for read in (read_series, read_counts):
        with pytest.raises(ParameterError, match="not Snapshots"):
            read(log.snapshot(), "PChart")
        with pytest.raises(ParameterError, match="not EventLog"):
            read(log, "PChart")


COUNTS, SIZES = [1.0, 0.0, np.nan], [10.0, 20.0, 30.0]


@pytest.mark.parametrize(
    "X",
    [
        list(zip(COUNTS, SIZES, strict=True)),
        np.column_stack([COUNTS, SIZES]),
        pd.DataFrame({"count": COUNTS, "size": SIZES}),
        pd.DataFrame({"size": SIZES, "count": COUNTS}),
        pd.DataFrame({"lost": COUNTS, "customers": SIZES}),
        pd.DataFrame({0: COUNTS, 1: SIZES}),
        pl.DataFrame({"size": SIZES, "count": COUNTS}),
        pa.table({"count": COUNTS, "size": SIZES}),
    ],
    ids=lambda X: type(X).__name__,
)
def test_counts_and_sizes_of_any_kind(X):
    counts, sizes = read_counts(X, "PChart").columns
    np.testing.assert_array_equal(counts, COUNTS)
    np.testing.assert_array_equal(sizes, SIZES)


def test_two_columns_of_one_name_go_by_their_order():
    table = pd.DataFrame(np.column_stack([COUNTS, SIZES]), columns=["n", "n"])
    np.testing.assert_array_equal(read_counts(table, "PChart").columns, [COUNTS, SIZES])


def test_nothing_is_a_table_of_no_points():
    for nothing in ([], np.empty(0), np.empty((0, 2)), pd.DataFrame({"count": [], "size": []})):
        assert [len(column) for column in read_counts(nothing, "PChart").columns] == [0, 0]


@pytest.mark.parametrize(
    ("X", "words"),
    [
        ([1.0, 2.0], "two columns, count and size.* Got one series"),
        (pd.Series([1.0, 2.0]), "Got one series"),
        (np.ones((4, 3)), "Got a ndarray of 3 columns"),
        ([[1.0, np.inf]], "'X\\[:, 1\\]' .* infinite"),
        ([["a", "b"]], "numbers"),
    ],
    ids=lambda X: type(X).__name__,
)
def test_what_is_not_a_table_of_counts_is_refused(X, words):
    with pytest.raises(ParameterError, match=words):
        read_counts(X, "PChart")
