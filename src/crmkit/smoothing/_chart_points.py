"""Points in the order of their times, read from whatever holds them, and frames of results beside them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from crmkit._frames import concat_columns, make_frame
from crmkit._validation import check_vector
from crmkit.exceptions import ParameterError

Floats = NDArray[np.float64]

_TIMES = (pd.DatetimeIndex, pd.PeriodIndex, pd.TimedeltaIndex)


@dataclass(frozen=True)
class Points:
    """One or two columns of numbers, NaN where there is none, and their times.

    Attributes
    ----------
    columns : list of ndarray of float64, shape (n,)
    index : pandas Index or None
        Times of the points; None counts them from 0.
    polars : bool
        Whether frames of results are polars'.
    """

    columns: list[Floats]
    index: pd.Index[Any] | None
    polars: bool

    def frame(self, columns: dict[str, Any]) -> Any:
        """Return a frame with one row for each point."""
        return make_frame(columns, "polars") if self.polars else make_frame(columns, "pandas", self.index)

    def rows(self, positions: NDArray[np.intp], columns: dict[str, Any]) -> Any:
        """Return a frame of some points, with their times as its first column."""
        times = positions if self.index is None else self.index.take(positions)
        return make_frame({"time": times, **columns}, "polars" if self.polars else "pandas")


def read_series(X: Any, owner: str) -> Points:
    """Read one series.

    Parameters
    ----------
    X : array-like of shape (n,), Series, or table of one column
        NaN and nulls are points without an observation.
    owner : str
        The class, for errors.
    """
    columns, points = _columns(X, owner)
    if len(columns) != 1:
        raise ParameterError(
            f"{owner} charts one series of points in the order of time. Got a {type(X).__name__} of {len(columns)} "
            "columns instead. Make a chart for each of them, for example chart.fit(X['score'])."
        )
    return Points([_numbers("X", values, owner) for values in columns.values()], *points)


def read_counts(X: Any, owner: str) -> Points:
    """Read a table of counts and the sizes of what was counted in.

    Parameters
    ----------
    X : table of shape (n, 2)
        By name where its columns are named ``count`` and ``size``, else in this order.
    owner : str
        The class, for errors.
    """
    columns, points = _columns(X, owner)
    if len(columns) == 1 and "X" in columns and getattr(X, "__len__", lambda: 1)() == 0:
        columns = {"count": [], "size": []}
    if len(columns) != 2:
        what = "one series" if len(columns) == 1 else f"a {type(X).__name__} of {len(columns)} columns"
        raise ParameterError(
            f"{owner} charts a table of two columns, count and size, in the order of time. Got {what} instead. Pass "
            "for example X[['count', 'size']], or numpy.column_stack([count, size])."
        )
    names = ["count", "size"] if set(columns) == {"count", "size"} else list(columns)
    return Points([_numbers(f"X[:, {place}]", columns[name], owner) for place, name in enumerate(names)], *points)


def _columns(X: Any, owner: str) -> tuple[dict[str, Any], tuple[pd.Index[Any] | None, bool]]:
    """Return columns by name, and index and backend."""
    module = type(X).__module__.partition(".")[0]
    if module == "crmkit":
        raise ParameterError(
            f"{owner} charts points in the order of time: a series, not {type(X).__name__}. Make one number for each "
            "day or week from its Snapshots or events, for example a share of customers lost, and pass these."
        )
    if isinstance(X, pd.Series | pd.DataFrame):
        if isinstance(X.index, _TIMES) and X.index.hasnans:
            raise ParameterError(
                f"{owner} charts points in the order of time, and {int(np.sum(X.index.isna())):,} of {len(X):,} times "
                "of X are missing. Leave these points out, for example X[X.index.notna()]."
            )
        if isinstance(X.index, _TIMES) and not X.index.is_monotonic_increasing:
            raise ParameterError(
                f"{owner} charts points in the order of time, and the index of X is not ascending. Pass X.sort_index()."
            )
        table = [X] if isinstance(X, pd.Series) else [X.iloc[:, place] for place in range(X.shape[1])]
        names = [str(part.name) for part in table]
        unique = names if len(set(names)) == len(names) else map(str, range(len(names)))
        return dict(zip(unique, table, strict=True)), (X.index, False)
    if module in ("polars", "pyarrow"):
        if not hasattr(X, "__len__"):
            raise ParameterError(
                f"{owner} charts points that are there. Got a {type(X).__name__} instead: pass X.collect()."
            )
        return concat_columns(X, len(X), "X"), (None, module == "polars")
    shape = getattr(X, "shape", None)
    if shape is None and isinstance(X, list | tuple) and len(X) and isinstance(X[0], list | tuple):
        if len({len(row) if isinstance(row, list | tuple) else -1 for row in X}) > 1:
            raise ParameterError(f"{owner} charts a table whose rows are equally long. Those of X are not.")
        return {str(place): list(column) for place, column in enumerate(zip(*X, strict=True))}, (None, False)
    if isinstance(shape, tuple) and len(shape) == 2:
        array = X if np.ma.isMaskedArray(X) else np.asarray(X)
        if array.ndim != 2:
            raise ParameterError(f"{owner} charts dense points. Got a {type(X).__name__} instead: pass X.toarray().")
        return {str(place): array[:, place] for place in range(shape[1])}, (None, False)
    return {"X": X}, (None, False)


def _numbers(name: str, values: Any, owner: str) -> Floats:
    numbers: Floats = check_vector(name, values, np.float64, owner, finite=False)
    infinite = np.isinf(numbers)
    if infinite.any():
        raise ParameterError(
            f"The {name!r} parameter of {owner} has {int(infinite.sum()):,} of {len(numbers):,} values that are "
            f"infinite; the first is at position {int(infinite.argmax())}. Pass NaN where there is no observation."
        )
    return numbers
