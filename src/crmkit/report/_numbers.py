"""Numbers as people write them in files: 1,234.50 or 1.234,50, with or without a currency sign."""

from __future__ import annotations

import numpy as np
import pandas as pd

from crmkit.exceptions import EventDataError

_SIGNS = r"[£$€¥￥元\s\u00a0]"
_THOUSANDS = r"[+-]?\d{1,3}(?:,\d{3})+(?:\.\d+)?"
_DECIMAL_COMMA = r"[+-]?(?:\d{1,3}(?:\.\d{3})+|\d+)?(?:,\d+)?"


def read_numbers(cells: pd.Series, name: str) -> tuple[pd.Series, np.ndarray]:
    """Read a column of numbers.

    Parameters
    ----------
    cells : Series
        Numbers, or text.
    name : str
        What an error calls the column.

    Returns
    -------
    numbers : Series of float64
        Missing where a cell is empty or cannot be read.
    unreadable : ndarray of bool
        Which cells hold something that is not a number.

    Raises
    ------
    EventDataError
        If most cells are not numbers, or a comma may mean thousands as well as decimals.
    """
    if cells.dtype.kind in "iufb":
        return cells.astype(np.float64), np.zeros(len(cells), dtype=np.bool_)
    if not pd.api.types.is_string_dtype(cells) and cells.dtype != object:
        return pd.to_numeric(cells, errors="coerce").astype(np.float64), np.zeros(len(cells), dtype=np.bool_)
    empty = cells.isna().to_numpy()
    numbers = _parsed(cells)
    if (numbers.isna().to_numpy() & ~empty).any():
        numbers = _with_commas(cells[~empty].astype(str).str.replace(_SIGNS, "", regex=True), name).reindex(cells.index)
    unreadable = numbers.isna().to_numpy() & ~empty
    if unreadable.sum() * 2 > (~empty).sum():
        raise EventDataError(f"{name} holds {cells[unreadable].iloc[0]!r} and more that is not a number.")
    return numbers, unreadable


def _parsed(text: pd.Series) -> pd.Series:
    return pd.to_numeric(text, errors="coerce").astype(np.float64)


def _with_commas(text: pd.Series, name: str) -> pd.Series:
    """Read text in which a comma stands between thousands, or before decimals: whichever the column shows."""
    thousands = text.str.fullmatch(_THOUSANDS).to_numpy(dtype=np.bool_)
    decimals = text.str.fullmatch(_DECIMAL_COMMA).to_numpy(dtype=np.bool_)
    comma = text.str.contains(",", regex=False).to_numpy(dtype=np.bool_)
    if (decimals & comma & ~thousands).any():
        # One 2,50 says what the commas of this column are, and so what its points are: 1.234 is a thousand.
        plain = text.str.replace(".", "", regex=False).str.replace(",", ".", regex=False)
        return _parsed(plain.where(pd.Series(decimals, text.index)))
    point = text.str.contains(".", regex=False).to_numpy(dtype=np.bool_)
    if thousands.any() and not point.any():
        raise EventDataError(
            f"{name} holds {text[thousands].iloc[0]!r}, which may be thousands or decimals. Write it without the "
            "comma, or with a decimal point."
        )
    return _parsed(text.str.replace(",", "", regex=False).where(pd.Series(thousands, text.index), text))
