"""Long frames of many series as one vector of values, series after series, period after period."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from crmkit._frames import (
    Columns,
    column_names,
    extra_column,
    factorize,
    localize,
    make_frame,
    number_column,
    read_columns,
    time_column,
)
from crmkit._numba import read_only, run_in_ranges
from crmkit._periods import Frequency, frequency, infer_frequency
from crmkit._validation import check_option
from crmkit.events import EventLog, Snapshots
from crmkit.exceptions import ParameterError
from crmkit.forecast._panel_kernels import count_repeats, extents, find_positions

Gaps = Literal["raise", "zero", "missing"]
GAPS = ("raise", "zero", "missing")

#: Name and id of the series of a frame that has no column of series.
SERIES, ALL = "series", "all"

#: Absent periods that are filled in at most: this many for each row, and these besides.
_MOST_FILLED, _FEW = 100, 1_000_000


@dataclass(frozen=True, eq=False)
class Panel:
    """Many series of one frequency, without holes: one value for each period from first to last.

    Attributes
    ----------
    ids : ndarray of int64 or text, shape (n_series,)
        Sorted.
    pointers : ndarray of int64, shape (n_series + 1,)
        The values of series i are ``values[pointers[i]:pointers[i + 1]]``. No series is empty.
    first : ndarray of int64, shape (n_series,)
        Number of the period of each series' first value, see `Frequency`.
    values : ndarray of float64 or float32, shape (n_values,)
        NaN where the value is missing. It cannot be written, and may be the caller's own memory.
    frequency : Frequency
    names : tuple of str
        What the caller's columns of series, time and value are called.
    backend : {"pandas", "polars"}
        Which frames go back.
    exogenous : dict of str to ndarray of float64, shape (n_values,)
        Further columns; NaN in periods that the frame does not have.
    rows : ndarray of int64, shape (n_rows,), or None
        Where in `values` each row of the frame stands; None if row i stands at i.
    zone : str or None
        Zone of the caller's times, if they said one.
    """

    ids: NDArray[Any]
    pointers: NDArray[np.int64]
    first: NDArray[np.int64]
    values: NDArray[Any]
    frequency: Frequency
    names: tuple[str, str, str]
    backend: Literal["pandas", "polars"]
    exogenous: dict[str, NDArray[np.float64]] = field(default_factory=dict)
    rows: NDArray[np.int64] | None = None
    zone: str | None = None

    def __post_init__(self) -> None:
        for name in ("pointers", "first", "values"):
            object.__setattr__(self, name, read_only(getattr(self, name)))  # frozen, and the arrays with it
        for name, column in self.exogenous.items():
            self.exogenous[name] = read_only(column)

    def __len__(self) -> int:
        return len(self.ids)

    @property
    def lengths(self) -> NDArray[np.int64]:
        """Number of periods of each series."""
        return np.diff(self.pointers)

    @property
    def last(self) -> NDArray[np.int64]:
        """Number of the period of each series' last value."""
        return self.first + self.lengths - 1

    def codes(self) -> NDArray[np.int32]:
        """The series of each value, as a position in `ids`."""
        return np.repeat(np.arange(len(self), dtype=np.int32), self.lengths)

    def numbers(self) -> NDArray[np.int64]:
        """The period number of each value."""
        return np.arange(len(self.values)) + np.repeat(self.first - self.pointers[:-1], self.lengths)

    def times(self) -> Any:
        """The beginning of the period of each value, as the caller writes times."""
        return self.times_of(self.numbers())

    def times_of(self, numbers: NDArray[np.int64]) -> Any:
        """The beginnings of some periods: datetime64[us], a DatetimeIndex in the caller's zone, or whole numbers."""
        return times_of(self.frequency, numbers, self.zone)

    def frame(self, columns: Mapping[str, Any]) -> Any:
        """A frame of the caller's kind with a row for each value: series, time and what is given."""
        return self.frame_of(self.codes(), self.numbers(), columns)

    def frame_of(self, codes: NDArray[Any], numbers: NDArray[np.int64], columns: Mapping[str, Any]) -> Any:
        """A frame of the caller's kind with given series (positions in `ids`) and periods."""
        series, time, _ = self.names
        keys = {series: self.ids[codes], time: self.times_of(numbers)}
        return make_frame({**keys, **columns}, self.backend)

    def before(self, number: int) -> Panel:
        """The periods before one; series that had not begun are left out."""
        return self._cut(np.zeros(len(self), dtype=np.int64), np.clip(number - self.first, 0, self.lengths))

    def until(self, number: int) -> Panel:
        """The periods before one of those series that reach up to it."""
        known = self.before(number)
        return known.take(np.flatnonzero(known.last == number - 1))

    def since(self, number: int) -> Panel:
        """The periods from one on; series that had ended are left out."""
        return self._cut(np.clip(number - self.first, 0, self.lengths), self.lengths)

    def tail(self, n: int) -> Panel:
        """The last n periods of each series, or all where it is shorter."""
        return self._cut(np.maximum(self.lengths - n, 0), self.lengths)

    def take(self, codes: NDArray[Any]) -> Panel:
        """Some series, by ascending position in `ids`."""
        chosen = np.zeros(len(self), dtype=np.bool_)
        chosen[codes] = True
        return self._cut(np.zeros(len(self), dtype=np.int64), np.where(chosen, self.lengths, 0))

    def ahead(
        self, ids: NDArray[Any], number: int, steps: int, column: NDArray[Any] | None = None
    ) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
        """Values of some series in the periods from one on, NaN where there are none; and where there are.

        Both of shape (n_ids, steps). The ids must be among those of the panel.
        """
        places = np.searchsorted(self.ids, ids)
        offsets = number - self.first[places][:, None] + np.arange(steps)
        inside = (offsets >= 0) & (offsets < self.lengths[places][:, None])
        positions = np.where(inside, self.pointers[places][:, None] + offsets, 0)
        values = (self.values if column is None else column)[positions]
        return np.where(inside, values, np.nan).astype(np.float64), inside

    def exogenous_ahead(
        self, names: Sequence[str], ids: NDArray[Any], number: int, steps: int
    ) -> dict[str, NDArray[np.float64]] | None:
        """Further columns as `ahead`, with 0 after a series has ended, where nobody looks; None if there are none."""
        found = {}
        for name in names:
            values, inside = self.ahead(ids, number, steps, self.exogenous[name])
            found[name] = np.where(inside, values, 0.0)
        return found or None

    def _cut(self, starts: NDArray[np.int64], stops: NDArray[np.int64]) -> Panel:
        """Keep of each series the values from one on and before another, counted in the series."""
        lengths = stops - starts
        kept = lengths > 0
        if kept.all() and (lengths == self.lengths).all():
            return replace(self, rows=None)
        begins = (self.pointers[:-1] + starts)[kept]
        pointers = np.concatenate([[0], np.cumsum(lengths[kept])]).astype(np.int64)
        positions = np.arange(pointers[-1]) + np.repeat(begins - pointers[:-1], lengths[kept])
        return replace(
            self,
            ids=self.ids[kept],
            pointers=pointers,
            first=(self.first + starts)[kept],
            values=self.values[positions],
            exogenous={name: column[positions] for name, column in self.exogenous.items()},
            rows=None,
        )


def times_of(freq: Frequency, numbers: NDArray[np.int64], zone: str | None) -> Any:
    """The beginnings of periods: datetime64[us], a DatetimeIndex where there is a zone, or whole numbers."""
    starts = freq.start(numbers)
    if freq.counts:
        return starts
    return starts.view("M8[us]") if zone is None else localize(starts, zone, None)


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
    further = {name: number_column(columns[name], "exogenous") for name in exogenous}
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
        _refuse(column.is_null().to_numpy(), "time", time, "null", owner)
        if freq is not None and not freq.counts:
            raise ParameterError(
                f"freq={freq.name!r}, but time={time!r} of {owner} is a column of whole numbers, whose periods are "
                "those numbers. Pass freq=None, or make the column one of dates."
            )
        return frequency("I", owner), np.ascontiguousarray(column.to_numpy(), dtype=np.int64), None
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
    return freq, found.wall, zone


def _own_zone(column: Any) -> str | None:
    """The zone of a column of datetimes; that of UTC too, since it is the caller's choice of periods here."""
    # pandas has zones that narwhals has no type for.
    native = getattr(column.to_native(), "dtype", None)
    zone = getattr(native, "tz", None) or getattr(column.dtype, "time_zone", None)
    return None if zone is None else str(zone)


def _read_series(columns: Columns, series: str | None, owner: str) -> tuple[NDArray[np.int32], NDArray[Any]]:
    if series is None:
        return np.zeros(columns.n_rows, dtype=np.int32), np.array([ALL])
    codes, ids = factorize(columns[series], "series")
    if codes.min() < 0:
        _refuse(codes < 0, "series", series, "null", owner)
    return codes, ids


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
    if np.sum(last.astype(np.float64) - first + 1) > _MOST_FILLED * n + _FEW:
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
