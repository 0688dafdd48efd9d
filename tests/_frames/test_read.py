from __future__ import annotations

import numpy as np
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


@pytest.mark.parametrize("frame", [None, 3, "a", object()], ids=repr)
def test_refused(frame):
    with pytest.raises(ParameterError, match="not a frame that can be read: pass a pandas, polars or pyarrow frame"):
        read_columns(frame, [("value", "a")])
