from __future__ import annotations

from decimal import Decimal

import narwhals.stable.v2 as nw
import numpy as np
import pandas as pd
import polars as pl
import pytest

from crmkit._frames import Category, extra_column, number_column
from crmkit.exceptions import ParameterError


def series(values, dtype=None):
    return nw.from_native(pd.Series(values, dtype=dtype, name="paid"), series_only=True)


@pytest.mark.parametrize(
    "column",
    [
        series([1.5, None]),
        series([1.5, None], "Float64"),
        series([1.5, None], "Float32"),
        series([Decimal("1.5"), None], object),
        series([1.5, None], object),
        nw.from_native(pl.Series("paid", [1.5, None]), series_only=True),
        nw.from_native(pl.Series("paid", [Decimal("1.5"), None]), series_only=True),
    ],
    ids=range(7),
)
def test_numbers(column):
    found = number_column(column, "value")
    assert found.dtype == np.float64
    np.testing.assert_array_equal(found, [1.5, np.nan])


def test_whole_numbers_and_nothing():
    assert number_column(series([1, 2], "int8"), "value").tolist() == [1.0, 2.0]
    np.testing.assert_array_equal(number_column(series([1, None], "Int64"), "value"), [1.0, np.nan])
    np.testing.assert_array_equal(
        number_column(nw.from_native(pl.Series("n", [None, None]), series_only=True), "value"), [np.nan] * 2
    )


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (["1,5"], "value='paid' is a column of String, not of numbers. Convert it first"),
        ([1.5, "2"], "holds '2' at position 1, which is not a number"),
        ([True, False], "column of Boolean, not of numbers"),
        (pd.to_datetime(["2024-01-01"]), "not of numbers"),
    ],
    ids=repr,
)
def test_refused(values, message):
    with pytest.raises(ParameterError, match=message):
        number_column(series(values), "value")


def test_extra_columns():
    assert extra_column(series([1, 2]), "columns").dtype == np.int64
    assert extra_column(series([True, False]), "columns").dtype == np.bool_
    assert extra_column(series([1, None], "Int64"), "columns").dtype == np.float64
    assert extra_column(series([2**63], "uint64"), "columns").tolist() == [2.0**63]
    text = extra_column(series(["b", None, "a"]), "columns")
    assert isinstance(text, Category)
    assert text.to_array().tolist() == ["b", None, "a"]
    with pytest.raises(ParameterError, match="further columns are numbers, flags or text"):
        extra_column(series(pd.to_datetime(["2024-01-01"])), "columns")


def test_categories():
    column = Category(np.array([1, -1, 0], dtype=np.int32), np.array(["a", "b"]))
    assert len(column) == 3
    assert column.to_array().tolist() == ["b", None, "a"]
    assert column.take(np.array([2, 0])).to_ids().tolist() == ["a", "b"]
    assert Category(np.array([-1], dtype=np.int32), np.empty(0, dtype="<U1")).to_array().tolist() == [None]


@pytest.mark.parametrize("values", [[None, None], []], ids=["nulls", "empty"])
def test_nothing_is_no_text(values):
    assert np.isnan(number_column(series(values, dtype=object), "value")).all()


@pytest.mark.skipif(not hasattr(pl, "Int128"), reason="this polars has no integers of 128 bits")
def test_numbers_of_128_bits():
    column = nw.from_native(pl.Series([1, 2**100, None], dtype=pl.Int128), series_only=True)
    np.testing.assert_array_equal(number_column(column, "value"), [1.0, 2.0**100, np.nan])
