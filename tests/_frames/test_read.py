from __future__ import annotations

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from crmkit._frames import read_columns
from crmkit.exceptions import ColumnNotFoundError, ParameterError


def test_the_wanted_columns_of_every_kind_of_frame(make_frame):
    frame = make_frame({"a": [1, 2], "b": [0.5, 1.5], "c": ["x", "y"]})
    found = read_columns(frame, [("value", "b"), ("price", "b"), ("item", "c")])
    assert set(found.series) == {"b", "c"}
    assert found.n_rows == 2
    assert found["b"].to_list() == [0.5, 1.5]
    assert found.backend == ("polars" if type(frame).__module__.startswith("polars") else "pandas")
    with pytest.raises(ColumnNotFoundError, match="value='B': the frame has no such column. Did you mean 'b'"):
        read_columns(frame, [("value", "B")])


def test_a_dict_is_not_copied():
    values = np.arange(5.0)
    found = read_columns({"a": values, "other": [1, 2]}, [("value", "a")])
    assert np.shares_memory(found["a"].to_numpy(), values)


@pytest.mark.parametrize("frame", [None, 3, "a", object()], ids=lambda frame: type(frame).__name__)
def test_refused(frame):
    with pytest.raises(ParameterError, match="not a frame that can be read: pass a pandas, polars or pyarrow frame"):
        read_columns(frame, [("value", "a")])


def test_names_that_are_no_text():
    with pytest.raises(ParameterError, match="value=0 is not the name of a column: names are text"):
        read_columns(pd.DataFrame({0: [1]}), [("value", 0)])


@pytest.mark.parametrize("make", [pd.DataFrame, pa.Table.from_pandas], ids=["pandas", "pyarrow"])
def test_a_name_that_stands_twice(make):
    once = pd.DataFrame([[1, 2, 3]], columns=["a", "b", "c"])
    frame = once.set_axis(["a", "b", "b"], axis=1) if make is pd.DataFrame else make(once).rename_columns(list("abb"))
    assert read_columns(frame, [("value", "a")])["a"].to_list() == [1]
    with pytest.raises(ParameterError, match="frame has 2 columns named 'b'"):
        read_columns(frame, [("value", "b")])


def test_series_in_a_dict_are_read_row_by_row():
    labelled = pd.Series([1, 2, 3], index=[2, 1, 0])
    found = read_columns({"a": labelled, "b": [1, 2, 3]}, [("value", "a"), ("price", "b")])
    assert found["a"].to_list() == [1, 2, 3]


@pytest.mark.parametrize(
    "column",
    [1.0, "abc", {1, 2}, {1: 2}, iter([1]), np.ones((2, 1)), np.array(1)],
    ids=lambda column: type(column).__name__,
)
def test_columns_of_a_dict_are_arrays(column):
    with pytest.raises(ParameterError, match="value='a' of the frame, a dict, .* one value for each row"):
        read_columns({"a": column}, [("value", "a")])
