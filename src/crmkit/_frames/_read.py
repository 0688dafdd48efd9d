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
    try:
        data = nw.from_native(frame)
    except TypeError as error:
        raise ParameterError(
            f"frame is a {type(frame).__module__}.{type(frame).__name__}, which is not a frame that can be read: "
            "pass a pandas, polars or pyarrow frame, a polars LazyFrame, a DuckDB relation or a dict of arrays."
        ) from error
    available = data.collect_schema().names()
    for parameter, name in wanted:
        if name not in available:
            raise ColumnNotFoundError.from_name(parameter, name, available)
    selected = data.select(list(dict.fromkeys(name for _, name in wanted)))
    eager = selected.collect() if isinstance(selected, nw.LazyFrame) else selected
    backend: Backend = "polars" if eager.implementation.is_polars() else "pandas"
    return Columns({name: eager[name] for _, name in wanted}, len(eager), backend)


def _frame_of_arrays(arrays: Mapping[str, Any], wanted: list[tuple[str, str]]) -> pd.DataFrame:
    for parameter, name in wanted:
        if name not in arrays:
            raise ColumnNotFoundError.from_name(parameter, name, arrays)
    lengths = {name: len(arrays[name]) for _, name in wanted}
    if len(set(lengths.values())) > 1:
        raise ParameterError(f"frame is a dict of arrays of different lengths: {lengths}. They must be equally long.")
    # copy=False: the arrays are only read.
    return pd.DataFrame({name: arrays[name] for name in lengths}, copy=False)
