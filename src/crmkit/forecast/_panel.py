"""Reading long frames of many series."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from crmkit._durations import TIME_UNITS
from crmkit._frames import (
    Columns,
    column_names,
    extra_column,
    factorize,
    localize,
    number_column,
    read_columns,
    time_column,
)
from crmkit._numba import read_only, run_in_ranges
from crmkit._periods import Frequency, frequency, infer_frequency
from crmkit._validation import check_option, check_string
from crmkit.events import EventLog, Snapshots
from crmkit.exceptions import ParameterError
from crmkit.forecast._panel_kernels import count_repeats, extents, find_positions
from crmkit.forecast._panel_series import Panel

__all__ = ["GAPS", "Gaps", "Panel", "read_panel"]

Gaps = Literal["raise", "zero", "missing"]
GAPS = ("raise", "zero", "missing")

#: Name and id of the series of a frame that has no column of series.
SERIES, ALL = "series", "all"

#: Rows by which it is seen whether those of a series stand together.
_PROBE = 1_000

#: Whole numbers as times are refused beyond this, so that differences and periods to come stay numbers.
_FARTHEST = 2**61

#: Absent periods that are filled in at most: this many for each row, and these besides.
_MOST_FILLED, _FEW = 100, 1_000_000


def read_panel(
    X: Any,
    *,
    series: str | None = SERIES,
    time: str = "time",
    value: str | None = "value",
    freq: str | Frequency | None = None,
    gaps: Gaps = "raise",
    stockouts: str | None = None,
    exogenous: Sequence[str] = (),
    owner: str,
) -> Panel:
    """Read a long frame of series, time and value.

    Parameters
    ----------
    X : frame, or dict of arrays
        One row for each series and period, in any order.
    series : str or None
        Column of ids, whole numbers or text. None, or a frame without the column of the default name:
        all rows are one series, ``"all"``.
    time : str
        Column of dates, datetimes (with or without a zone) or whole numbers. A time stands for the
        period that holds it.
    value : str or None
        Column of numbers; null or NaN is a missing value. None: there are none, `values` is NaN.
    freq : str, Frequency or None
        None: inferred from the times.
    gaps : {"raise", "zero", "missing"}
        What becomes of periods between first and last of a series that the frame does not have.
    stockouts : str or None
        Column of booleans: where True, the value is missing, whatever it says.
    exogenous : sequence of str
        Further columns of numbers.
    owner : str
        Who reads, for messages.

    Returns
    -------
    Panel

    Raises
    ------
    ParameterError
        If the frame has no rows; a series or time is null; a value is infinite; two rows have the same
        series and period; periods are absent and `gaps` is "raise".
    """
    check_option("gaps", gaps, GAPS, owner)
    _check_names({"series": series, "time": time, "value": value, "stockouts": stockouts}, exogenous, owner)
    columns, series = _read(X, series, time, value, stockouts, exogenous, owner)
    if not columns.n_rows:
        raise ParameterError(f"X of {owner} has no rows. Pass a frame with at least one row for each series.")
    freq, instants, zone = _read_times(columns, time, freq, owner)
    parts = run_in_ranges(lambda start, stop: freq.number(instants[start:stop]), len(instants))
    numbers = parts[0] if len(parts) == 1 else np.concatenate(parts)
    codes, ids = _read_series(columns, series, owner)
    pointers, first, rows = _arrange(codes, numbers, len(ids), freq, gaps, series is None, owner)
    total = int(pointers[-1])
    values = _read_values(columns, value, stockouts, owner)
    further = {name: _further_column(columns[name]) for name in exogenous}
    for name, column in further.items():
        _refuse(np.isinf(column), "exogenous", name, "infinite", owner)
    if values is None:
        values = np.full(total, np.nan)
    elif rows is not None:
        values = _spread(values, rows, total, 0.0 if gaps == "zero" else np.nan)
    if rows is not None:
        further = {name: _spread(column, rows, total, np.nan) for name, column in further.items()}
    names = (SERIES if series is None else series, time, "value" if value is None else value)
    return Panel(ids, pointers, first, values, freq, names, columns.backend, further, rows, zone)


def _check_names(names: dict[str, str | None], exogenous: Sequence[str], owner: str) -> None:
    for parameter, name in names.items():
        if name is not None or parameter == "time":
            check_string(parameter, name, owner)
    for name in exogenous:
        check_string("exogenous", name, owner)
    said = [name for name in names.values() if name is not None]
    for name in said:
        if said.count(name) > 1:
            twice = " and ".join(parameter for parameter, other in names.items() if other == name)
            raise ParameterError(f"{twice} of {owner} are both {name!r}, and must be columns of their own.")


def _read(
    X: Any,
    series: str | None,
    time: str,
    value: str | None,
    stockouts: str | None,
    exogenous: Sequence[str],
    owner: str,
) -> tuple[Columns, str | None]:
    """The columns that are needed, and the name of that of series, if the frame has one."""
    if isinstance(X, EventLog | Snapshots):
        raise ParameterError(
            f"X of {owner} is {'an EventLog' if isinstance(X, EventLog) else 'Snapshots'}. Pass a long frame of "
            "series, time and value, for example log.demand('W', by='item')."
        )
    if isinstance(X, np.ndarray | list | tuple):
        raise ParameterError(
            f"X of {owner} is a {type(X).__name__}. Pass a long frame with the columns series, time and value, or a "
            "dict of them."
        )
    if series == SERIES and SERIES not in column_names(X):
        series = None
    wanted = [("series", series), ("time", time), ("value", value), ("stockouts", stockouts)]
    named = [(parameter, name) for parameter, name in wanted if name is not None]
    return read_columns(X, [*named, *(("exogenous", name) for name in exogenous)]), series


def _read_times(
    columns: Columns, time: str, freq: str | Frequency | None, owner: str
) -> tuple[Frequency, NDArray[np.int64], str | None]:
    """The frequency, the times in microseconds (or whole numbers), and their zone."""
    column = columns[time]
    if freq is not None:
        freq = frequency(freq, owner)
    if column.dtype.is_integer():
        if freq is not None and not freq.counts:
            raise ParameterError(
                f"freq={freq.name!r}, but time={time!r} of {owner} is a column of whole numbers, whose periods are "
                "those numbers. Pass freq=None, or make the column one of dates."
            )
        return frequency("I", owner), _read_whole(column, time, owner), None
    native = str(getattr(column.to_native(), "dtype", column.dtype))
    if native.startswith("period"):
        raise ParameterError(
            f"time={time!r} of {owner} is a column of pandas' periods. Convert it to the times at which they begin, "
            "with .dt.to_timestamp()."
        )
    if column.dtype.is_numeric():
        raise ParameterError(
            f"time={time!r} of {owner} is a column of {column.dtype}: times are dates, datetimes or whole numbers "
            "without nulls. Convert the column first, for example with .astype(int) or pandas.to_datetime."
        )
    zone = _own_zone(column)
    # Without a zone of the column any will do: times that say one cell by cell are refused below.
    found = time_column(column, "time", zone or "UTC")
    for broken, what in ((found.missing, "null"), (found.unparseable, "no dates")):
        if broken is not None:
            _refuse(broken, "time", time, what, owner)
    if found.aware and zone is None:
        raise ParameterError(
            f"time={time!r} of {owner} holds times of a zone as text or objects. Convert them to a column of "
            "datetimes in the zone whose periods are meant, for example with pandas.to_datetime(...).dt.tz_convert."
        )
    if freq is None:
        freq = infer_frequency(found.wall.view("M8[us]"), owner)
    elif freq.counts:
        raise ParameterError(
            f"freq='I' is for whole numbers, but time={time!r} of {owner} holds dates. Pass freq=None, or for example "
            "freq='W'."
        )
    if zone is not None and freq.length and freq.length < TIME_UNITS["D"]:
        _refuse_moving_clock(found.wall, zone, freq, owner)
    return freq, found.wall, zone


def _read_whole(column: Any, time: str, owner: str) -> NDArray[np.int64]:
    _refuse(column.is_null().to_numpy(), "time", time, "null", owner)
    whole = column.to_numpy()
    if len(whole) and (whole.max() > _FARTHEST or whole.min() < -_FARTHEST):
        raise ParameterError(f"time={time!r} of {owner} holds whole numbers beyond 2**61. Count from a later start.")
    return np.ascontiguousarray(whole, dtype=np.int64)


def _refuse_moving_clock(wall: NDArray[np.int64], zone: str, freq: Frequency, owner: str) -> None:
    """Refuse hours by a clock that is put forward and back: a day in spring has 23 of them."""
    # To a year after the last, since forecasts go on.
    days = np.arange(wall.min(), wall.max() + 366 * TIME_UNITS["D"], 7 * TIME_UNITS["D"])
    instants = localize(days, zone, None).tz_convert("UTC").tz_localize(None).to_numpy().astype("M8[us]")
    if len(np.unique(days - instants.astype(np.int64))) > 1:
        raise ParameterError(
            f"freq={freq.name!r} of {owner} cannot be counted in {zone}, whose clock is put forward and back. Convert "
            "the times to UTC, for example with .dt.tz_convert('UTC')."
        )


def _own_zone(column: Any) -> str | None:
    """The zone of a column of datetimes; that of UTC too, since it is the caller's choice of periods here."""
    # pandas has zones that narwhals has no type for.
    native = getattr(column.to_native(), "dtype", None)
    zone = getattr(native, "tz", None) or getattr(column.dtype, "time_zone", None)
    return None if zone is None else str(zone)


def _read_series(columns: Columns, series: str | None, owner: str) -> tuple[NDArray[np.int32], NDArray[Any]]:
    if series is None:
        return np.zeros(columns.n_rows, dtype=np.int32), np.array([ALL])
    codes, ids = _factorize_runs(columns[series])
    if codes.min() < 0:
        _refuse(codes < 0, "series", series, "null", owner)
    return codes, ids


def _factorize_runs(column: Any) -> tuple[NDArray[np.int32], NDArray[Any]]:
    """As `factorize`; of sorted text only the first row of each series is looked up."""
    head = column.head(_PROBE)
    if str(column.dtype) != "String" or 2 * len(head.unique()) > len(head):
        return factorize(column, "series")
    # Comparing neighbours takes a tenth of the time of hashing them.
    begins = np.flatnonzero(np.asarray((column != column.shift(1)).fill_null(True).to_numpy(), dtype=np.bool_))
    codes, ids = factorize(column[begins], "series")
    return np.repeat(codes, np.diff(np.append(begins, len(column)))), ids


def _arrange(
    codes: NDArray[np.int32],
    numbers: NDArray[np.int64],
    n_series: int,
    freq: Frequency,
    gaps: str,
    alone: bool,
    owner: str,
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64] | None]:
    """Pointers, first periods, and the position of each row, None if each stands there already.

    Nothing is sorted: first and last period of a series say where each of its rows belongs.
    """
    n = len(codes)
    codes, numbers = read_only(codes), read_only(numbers)
    parts = run_in_ranges(extents, n, codes, numbers, n_series)
    first = np.minimum.reduce([part[0] for part in parts])
    last = np.maximum.reduce([part[1] for part in parts])
    # Before any memory is asked for: times in a wrong unit would want all of it.
    if np.sum(last.astype(np.float64) - first.astype(np.float64) + 1) > _MOST_FILLED * n + _FEW:
        raise _too_many_gaps(n, n_series, freq, owner)
    pointers = np.concatenate([[0], np.cumsum(last - first + 1)]).astype(np.int64)
    total = int(pointers[-1])
    positions = np.empty(n, dtype=np.int64)
    in_order = all(run_in_ranges(find_positions, n, codes, numbers, first, pointers, positions))
    if in_order and total == n:
        return pointers, first, None
    filled = np.zeros(total, dtype=np.uint8)
    repeats, row = count_repeats(positions, filled)
    if repeats:
        hint = " It has no column 'series', so all rows are one series: name the column with series=." if alone else ""
        raise ParameterError(
            f"X of {owner} has {repeats:,} of {n:,} rows whose series and period stand in an earlier row, the first at "
            f"position {row} ({_said(freq, numbers[row])}). Add them up first, or take a finer freq than {freq.name!r}."
            + hint
        )
    if gaps == "raise" and total > n:
        absent = np.flatnonzero(filled == 0)
        code = np.searchsorted(pointers, absent, side="right") - 1
        when = _said(freq, first[code[0]] + absent[0] - pointers[code[0]])
        raise ParameterError(
            f"X of {owner} lacks {total - n:,} periods inside {len(np.unique(code)):,} of its {n_series:,} series "
            f"(freq {freq.name!r}; the first is {when}). Pass gaps='zero' if nothing was asked for then, "
            "gaps='missing' if nobody knows, or another freq."
        )
    return pointers, first, positions


def _said(freq: Frequency, number: int) -> str:
    start = freq.start(np.array([number]))
    return str(start[0]) if freq.counts else str(start.view("M8[us]")[0].astype("M8[m]")).replace("T00:00", "")


def _too_many_gaps(n: int, n_series: int, freq: Frequency, owner: str) -> ParameterError:
    return ParameterError(
        f"X of {owner} has {n:,} rows, but from first to last its {n_series:,} series have more than "
        f"{_MOST_FILLED * n + _FEW:,} periods of freq {freq.name!r}. Pass a coarser freq, or look for a wrong time."
    )


def _read_values(columns: Columns, value: str | None, stockouts: str | None, owner: str) -> NDArray[Any] | None:
    """The values, float32 if they were that; NaN where they are missing or out of stock."""
    if value is None:
        return None
    values: NDArray[Any] = number_column(columns[value], "value")
    if str(columns[value].dtype) == "Float32":
        values = values.astype(np.float32)
    _refuse(np.isinf(values), "value", value, "infinite", owner)
    if stockouts is not None:
        flags = extra_column(columns[stockouts], "stockouts")
        if not isinstance(flags, np.ndarray) or flags.dtype != np.bool_:
            raise ParameterError(
                f"stockouts={stockouts!r} of {owner} is a column of {columns[stockouts].dtype}, and must be one of "
                "booleans without nulls: True where there was no stock. Convert it first."
            )
        values = np.where(flags, values.dtype.type(np.nan), values)
    return values


def _further_column(column: Any) -> NDArray[np.float64]:
    """A further column of numbers, or of booleans as 0 and 1."""
    flags = extra_column(column, "exogenous") if str(column.dtype) == "Boolean" else None
    if isinstance(flags, np.ndarray) and flags.dtype == np.bool_:
        return flags.astype(np.float64)
    return number_column(column, "exogenous")


def _refuse(broken: Any, parameter: str, name: str, what: str, owner: str) -> None:
    broken = np.asarray(broken, dtype=np.bool_)
    if broken.any():
        raise ParameterError(
            f"{parameter}={name!r} of {owner} is {what} in {int(broken.sum()):,} of {len(broken):,} rows, the first at "
            f"position {int(broken.argmax())}. Correct these rows or leave them out."
        )


def _spread(column: NDArray[Any], rows: NDArray[np.int64], total: int, filling: float) -> NDArray[Any]:
    out = np.full(total, filling, dtype=column.dtype)
    out[rows] = column
    return out
