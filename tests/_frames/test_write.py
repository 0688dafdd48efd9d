from __future__ import annotations

import numpy as np
import pandas as pd
import polars as pl
import pytest

from crmkit._frames import Category, concat_columns, make_frame, row_index
from crmkit.exceptions import ParameterError

COLUMNS = {
    "n": np.array([1, 2]),
    "text": np.array(["a", "客"]),
    "level": Category(np.array([0, -1], dtype=np.int32), np.array(["u"])),
    "time": np.array(["2024-01-01", "2024-01-02"], dtype="M8[us]"),
    "aware": pd.DatetimeIndex(["2024-10-27 00:30", "2024-10-27 01:30"]).tz_localize("UTC").tz_convert("Europe/London"),
}


def test_both_kinds_hold_the_same():
    one, other = make_frame(COLUMNS, "pandas"), make_frame(COLUMNS, "polars")
    assert isinstance(one, pd.DataFrame)
    assert isinstance(other, pl.DataFrame)
    assert list(one.columns) == other.columns == list(COLUMNS)
    for name in ("n", "text"):
        assert one[name].tolist() == other[name].to_list() == COLUMNS[name].tolist()
    assert one["level"].isna().tolist() == other["level"].is_null().to_list() == [False, True]
    assert other["aware"].dtype.time_zone == "Europe/London"
    assert [str(time) for time in one["aware"]] == [str(time) for time in other["aware"].to_list()]


@pytest.mark.parametrize("n", [0, 1, 7])
def test_the_index_is_that_of_pandas(n):
    rng = np.random.default_rng(n)
    customers, codes = np.array([3, 5, 9]), rng.integers(0, 3, n).astype(np.int32)
    as_of = np.array(["2024-02-01", "2024-01-01"], dtype="M8[us]")[rng.integers(0, 2, n)]
    expected = pd.MultiIndex.from_arrays([customers[codes], as_of], names=["customer_id", "as_of"])
    assert row_index(customers, codes, as_of.view(np.int64)).equals(expected)


def test_columns_by_name():
    assert list(concat_columns(np.zeros((2, 3)), 2, "p")) == ["p_0", "p_1", "p_2"]
    assert list(concat_columns([1, 2], 2, "y")) == ["y"]
    assert list(concat_columns(pl.DataFrame({"a": [1, 2]}), 2, "x")) == ["a"]
    assert concat_columns(pd.Series([1, 2], name="other"), 2, "x")["x"].tolist() == [1, 2]
    with pytest.raises(ParameterError, match="x has 2 rows, the snapshots have 3"):
        concat_columns([1, 2], 3, "x")


@pytest.mark.parametrize("values", [1, None, "abc"], ids=repr)
def test_a_single_value_is_no_column(values):
    with pytest.raises(ParameterError, match="score is a .* of 0 dimensions: columns have one"):
        concat_columns(values, 3, "score")
