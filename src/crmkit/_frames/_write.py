"""Building the frames that go back to the caller: polars for polars, pandas for everything else."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import narwhals.stable.v2 as nw
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from crmkit._frames._numbers import Category
from crmkit._frames._read import Backend
from crmkit.exceptions import ParameterError


def make_frame(columns: Mapping[str, Any], backend: Backend, index: pd.Index[Any] | None = None) -> Any:
    """Make a frame of named columns.

    The index is for pandas; polars has none, and its frames carry their keys in ``to_frame()``.
    """
    native = {name: _native(values, backend) for name, values in columns.items()}
    if backend == "polars":
        import polars as pl

        return pl.DataFrame(native)
    # copy=False: these arrays were made for this frame.
    return pd.DataFrame(native, index=index, copy=False)


def _native(values: Any, backend: Backend) -> Any:
    if isinstance(values, Category):
        if backend == "polars":
            return values.to_array().tolist()
        return pd.Categorical.from_codes(values.codes, categories=pd.Index(values.levels))
    if isinstance(values, np.ndarray) and values.dtype.kind == "U":
        return values.tolist() if backend == "polars" else pd.array(values.astype(object), dtype="str")
    if isinstance(values, pd.DatetimeIndex) and backend == "polars":
        import polars as pl

        return (
            pl.Series(values.tz_convert("UTC").tz_localize(None).to_numpy())
            .dt.replace_time_zone("UTC")
            .dt.convert_time_zone(str(values.tz))
        )
    return values


def repeat_ids(ids: NDArray[Any], codes: NDArray[np.int32], backend: Backend) -> Any:
    """The column ``ids[codes]``, as `make_frame` takes it: text is converted once an id, not once a row."""
    if ids.dtype.kind != "U":
        return ids[codes]
    column = _native(ids, backend)
    if backend == "polars":
        import polars as pl

        return pl.Series(column, dtype=pl.String).gather(codes)
    return column.take(codes)


def row_index(customers: NDArray[Any], codes: NDArray[np.int32], as_of: NDArray[np.int64]) -> pd.MultiIndex:
    """The index (customer_id, as_of) of rows, without hashing what is known already.

    Rows come in blocks of one as_of, so its levels are the values at the block edges.
    """
    edges = np.flatnonzero(as_of[1:] != as_of[:-1]) + 1
    starts = np.concatenate([np.zeros(min(len(as_of), 1), dtype=np.int64), edges])
    levels, block_codes = np.unique(as_of[starts], return_inverse=True)
    lengths = np.diff(np.append(starts, len(as_of)))
    date_codes = np.repeat(block_codes.astype(np.int32), lengths)
    days: Any = pd.DatetimeIndex(levels.view("M8[us]"), name="as_of")
    both: Any = [codes, date_codes]
    return pd.MultiIndex(
        levels=[pd.Index(customers, name="customer_id"), days],
        codes=both,
        names=["customer_id", "as_of"],
        verify_integrity=False,
    )


def concat_columns(frame: Any, n_rows: int, parameter: str) -> dict[str, Any]:
    """The columns of an array, series or frame with `n_rows` rows, by name.

    One-dimensional values are named after the parameter, columns of an array are numbered.
    """
    native = nw.from_native(frame, eager_only=True, allow_series=True, pass_through=True)
    if isinstance(native, nw.DataFrame):
        columns = {str(name): native[name].to_numpy() for name in native.columns}
    elif isinstance(native, nw.Series):
        columns = {parameter: native.to_numpy()}
    else:
        array = np.asarray(frame)
        if array.ndim not in (1, 2):
            raise ParameterError(
                f"{parameter} is a {type(frame).__name__} of {array.ndim} dimensions: columns have one, tables two. "
                "Pass an array, a series or a frame with one row for each snapshot."
            )
        columns = (
            {parameter: array} if array.ndim == 1 else {f"{parameter}_{j}": array[:, j] for j in range(array.shape[1])}
        )
    lengths: Sequence[int] = [len(values) for values in columns.values()]
    if any(length != n_rows for length in lengths):
        raise ParameterError(
            f"{parameter} has {lengths[0]} rows, the snapshots have {n_rows}. One value a row is needed."
        )
    return columns
