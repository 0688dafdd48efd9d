"""Taking named columns out of whatever frame the caller has."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

import narwhals.stable.v2 as nw
import pandas as pd

from crmkit.exceptions import ColumnNotFoundError, ParameterError

Backend = Literal["pandas", "polars"]


@dataclass(frozen=True)
class Columns:
    """Some columns of a frame, and what kind of frame should go back."""

    series: dict[str, nw.Series[Any]]
    n_rows: int
    backend: Backend

    def __getitem__(self, name: str) -> nw.Series[Any]:
        return self.series[name]


def read_columns(frame: Any, wanted: Iterable[tuple[str, str]]) -> Columns:
    """Read the wanted columns of a frame, and nothing else of it.

    Parameters
    ----------
    frame : pandas, polars or pyarrow frame, polars LazyFrame, DuckDB relation, or dict of arrays
        Lazy frames have only the wanted columns collected.
    wanted : iterable of (parameter, column name)
        The parameter is what an error message calls the column.
    """
    wanted = list(wanted)
    if isinstance(frame, Mapping):
        frame = _frame_of_arrays(frame, wanted)
    for parameter, name in wanted:
        if not isinstance(name, str):
            raise ParameterError(
                f"{parameter}={name!r} is not the name of a column: names are text. Where the columns of the frame "
                "are numbers or tuples, rename them first, for example frame.columns = ['customer', 'day', 'paid']."
            )
    frame = _without_repeated_names(frame, {name for _, name in wanted})
    try:
        data = nw.from_native(frame)
    except TypeError as error:
        raise _not_a_frame(frame) from error
    available = data.collect_schema().names()
    for parameter, name in wanted:
        if name not in available:
            raise ColumnNotFoundError.from_name(parameter, name, available)
    selected = data.select(list(dict.fromkeys(name for _, name in wanted)))
    eager = selected.collect() if isinstance(selected, nw.LazyFrame) else selected
    backend: Backend = "polars" if eager.implementation.is_polars() else "pandas"
    return Columns({name: eager[name] for _, name in wanted}, len(eager), backend)


def column_names(frame: Any) -> list[str]:
    """The names of all columns; a lazy frame is asked for its schema alone."""
    if isinstance(frame, Mapping | pd.DataFrame):
        return list(frame)
    try:
        return nw.from_native(frame).collect_schema().names()
    except TypeError as error:
        raise _not_a_frame(frame) from error


def _not_a_frame(frame: Any) -> ParameterError:
    return ParameterError(
        f"frame is a {type(frame).__module__}.{type(frame).__name__}, which is not a frame that can be read: "
        "pass a pandas, polars or pyarrow frame, a polars LazyFrame, a DuckDB relation or a dict of arrays."
    )


def _frame_of_arrays(arrays: Mapping[str, Any], wanted: list[tuple[str, str]]) -> pd.DataFrame:
    for parameter, name in wanted:
        if name not in arrays:
            raise ColumnNotFoundError.from_name(parameter, name, arrays)
    columns = {name: _column(arrays[name], parameter, name) for parameter, name in wanted}
    lengths = {name: len(column) for name, column in columns.items()}
    if len(set(lengths.values())) > 1:
        raise ParameterError(f"frame is a dict of arrays of different lengths: {lengths}. They must be equally long.")
    # copy=False: the arrays are only read.
    return pd.DataFrame(columns, copy=False)


def _column(values: Any, parameter: str, name: str) -> Any:
    """One array of a dict: whatever has an order and one value a row."""
    if isinstance(values, pd.Series):
        # Rows stand where they stand: pandas would sort them by the labels of the first series.
        return values.array
    ordered = hasattr(values, "__len__") and hasattr(values, "__getitem__")
    if not ordered or isinstance(values, str | bytes | Mapping):
        raise ParameterError(
            f"{parameter}={name!r} of the frame, a dict, is a {type(values).__name__}. Give each name an array or a "
            "list with one value for each row."
        )
    if len(getattr(values, "shape", (0,))) != 1:
        raise ParameterError(
            f"{parameter}={name!r} of the frame, a dict, has the shape {values.shape}. Give each name one dimension, "
            "with one value for each row."
        )
    return values


def _without_repeated_names(frame: Any, wanted: set[str]) -> Any:
    """A frame whose names are unique: what is not read may be there twice."""
    names = list(frame.columns) if isinstance(frame, pd.DataFrame) else getattr(frame, "column_names", None)
    if not isinstance(names, list) or len(set(names)) == len(names):
        return frame
    for name in sorted(wanted):
        if names.count(name) > 1:
            raise ParameterError(
                f"frame has {names.count(name)} columns named {name!r}. Rename them, so that it is said which is meant."
            )
    unique = [position for position, name in enumerate(names) if name in wanted]
    return frame.iloc[:, unique] if isinstance(frame, pd.DataFrame) else frame.select(unique)
