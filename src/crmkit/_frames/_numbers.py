"""Columns of numbers, and the further columns that an event log keeps as they are."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from numbers import Number
from typing import Any

import narwhals.stable.v2 as nw
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from crmkit._frames._ids import factorize, is_all_null
from crmkit.exceptions import ParameterError


@dataclass(frozen=True)
class Category:
    """A column of categories: ``levels[codes]``, where code -1 is a missing value."""

    codes: NDArray[np.int32]
    levels: NDArray[Any]

    def __len__(self) -> int:
        return len(self.codes)

    def take(self, rows: NDArray[Any]) -> Category:
        """The same levels at other rows."""
        return Category(self.codes[rows], self.levels)

    def to_array(self) -> NDArray[Any]:
        """The column as objects, None where it is missing."""
        if len(self.levels) == 0:
            return np.full(len(self.codes), None, dtype=object)
        values = self.levels.astype(object)[self.codes]
        values[self.codes < 0] = None
        return values

    def to_ids(self) -> NDArray[Any]:
        """The column as ids: numbers or text, or objects where some are missing."""
        if len(self.codes) and self.codes.min() < 0:
            return self.to_array()
        return self.levels[self.codes]


def number_column(series: nw.Series[Any], parameter: str) -> NDArray[np.float64]:
    """Read a column of numbers as float64, with NaN for nulls.

    Text is refused: whether ``"1,5"`` is 1.5 or 15 is the caller's knowledge.
    """
    dtype = series.dtype
    if is_all_null(series):
        return np.full(len(series), np.nan)
    if dtype.is_decimal():
        series = series.cast(nw.Float64)
    elif dtype == nw.Object:
        return _numbers_of_objects(series, parameter)
    elif not dtype.is_numeric():
        if series.is_null().all():
            # Columns of nothing but nulls come as text, from pandas and from empty files.
            return np.full(len(series), np.nan)
        raise ParameterError(
            f"{parameter}={series.name!r} is a column of {dtype}, not of numbers. "
            "Convert it first, for example with pandas.to_numeric or polars' cast."
        )
    if dtype in (nw.Int128, nw.UInt128):
        series = series.cast(nw.Float64)  # numpy has no such integers
    elif dtype.is_integer() and not series.is_null().any():
        return np.ascontiguousarray(series.to_numpy(), dtype=np.float64)
    return np.ascontiguousarray(series.cast(nw.Float64).to_numpy(), dtype=np.float64)


def _numbers_of_objects(series: nw.Series[Any], parameter: str) -> NDArray[np.float64]:
    numbers = np.empty(len(series), dtype=np.float64)
    for position, cell in enumerate(series.to_numpy()):
        missing = pd.isna(cell)
        if isinstance(cell, bool) or not (missing or isinstance(cell, Number | Decimal)):
            raise ParameterError(
                f"{parameter}={series.name!r} holds {cell!r} at position {position}, which is not a number. "
                "Convert the column first, for example with pandas.to_numeric."
            )
        numbers[position] = np.nan if missing else float(cell)
    return numbers


def extra_column(series: nw.Series[Any], parameter: str) -> NDArray[Any] | Category:
    """Read a further column: numbers as float64 or int64, flags as bool, text as categories."""
    dtype = series.dtype
    has_null = bool(series.is_null().any())
    if dtype == nw.Boolean and not has_null:
        return np.ascontiguousarray(series.to_numpy(), dtype=np.bool_)
    if dtype.is_integer() and not has_null and dtype != nw.UInt64:
        return np.ascontiguousarray(series.to_numpy(), dtype=np.int64)
    if dtype.is_numeric() or is_all_null(series):
        return number_column(series, parameter)
    if dtype in (nw.String, nw.Categorical, nw.Enum, nw.Object, nw.Boolean):
        return Category(*factorize(series, parameter))
    raise ParameterError(
        f"{parameter}={series.name!r} is a column of {dtype}: further columns are numbers, flags or text. "
        "Convert it first, for example a date to the number of days since a date."
    )


def feature_column(series: nw.Series[Any], parameter: str) -> NDArray[Any] | Category:
    """Read a column of features: as `extra_column`, but objects that are numbers or flags are numbers.

    Database drivers give such columns where numbers are missing, or are decimals.
    """
    if series.dtype == nw.Object:
        cells = series.to_numpy()
        missing = np.array([bool(pd.api.types.is_scalar(cell) and pd.isna(cell)) for cell in cells], dtype=bool)
        if not missing.all() and all(isinstance(cell, Number | Decimal | np.bool_) for cell in cells[~missing]):
            numbers = np.full(len(cells), np.nan)
            numbers[~missing] = [float(cell) for cell in cells[~missing]]
            return numbers
        if not all(isinstance(cell, str) for cell in cells[~missing]):
            found = sorted({type(cell).__name__ for cell in cells[~missing]})
            raise ParameterError(
                f"The column {series.name!r} of {parameter} holds objects of type {', '.join(found)}. Columns are "
                "numbers, flags or text, one of the three: convert it first."
            )
    return extra_column(series, parameter)
