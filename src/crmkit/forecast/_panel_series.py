"""Many series as one vector of values, series after series, period after period."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from crmkit._frames import localize, make_frame, repeat_ids
from crmkit._numba import read_only, run_in_ranges
from crmkit._periods import Frequency
from crmkit.forecast._panel_kernels import copy_ranges


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

    def times_of(self, numbers: NDArray[np.int64]) -> Any:
        """The beginnings of some periods: datetime64[us], a DatetimeIndex in the caller's zone, or whole numbers."""
        return times_of(self.frequency, numbers, self.zone)

    def frame_of(self, codes: NDArray[Any], numbers: NDArray[np.int64], columns: Mapping[str, Any]) -> Any:
        """A frame of the caller's kind with given series (positions in `ids`) and periods."""
        series, time, _ = self.names
        keys = {series: repeat_ids(self.ids, codes, self.backend), time: self.times_of(numbers)}
        return make_frame({**keys, **columns}, self.backend)

    def before(self, number: int) -> Panel:
        """The periods before one; series that had not begun are left out."""
        return self._cut(np.zeros(len(self), dtype=np.int64), np.clip(number - self.first, 0, self.lengths))

    def until(self, number: int) -> Panel:
        """The periods before one of those series that reach up to it."""
        stops = np.clip(number - self.first, 0, self.lengths)
        return self._cut(np.zeros(len(self), dtype=np.int64), np.where(self.last >= number - 1, stops, 0))

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
        return replace(
            self,
            ids=self.ids[kept],
            pointers=pointers,
            first=(self.first + starts)[kept],
            values=_copied(self.values, begins, pointers),
            exogenous={name: _copied(column, begins, pointers) for name, column in self.exogenous.items()},
            rows=None,
        )


def stacked(panels: Sequence[Panel]) -> Panel:
    """Histories that end at several origins as one panel, so that a forecaster is asked once for all of them.

    An id stands once for each history, and ids are sorted no more.
    """
    pointers = np.concatenate([[0], *(panel.lengths for panel in panels)]).cumsum()
    return replace(
        panels[0],
        ids=np.concatenate([panel.ids for panel in panels]),
        pointers=pointers.astype(np.int64),
        first=np.concatenate([panel.first for panel in panels]),
        values=np.concatenate([panel.values for panel in panels]),
        exogenous={n: np.concatenate([panel.exogenous[n] for panel in panels]) for n in panels[0].exogenous},
        rows=None,
    )


def times_of(freq: Frequency, numbers: NDArray[np.int64], zone: str | None) -> Any:
    """The beginnings of periods: datetime64[us], a DatetimeIndex where there is a zone, or whole numbers."""
    starts = freq.start(numbers)
    if freq.counts:
        return starts
    return starts.view("M8[us]") if zone is None else localize(starts, zone, None)


def _copied(column: NDArray[Any], begins: NDArray[np.int64], pointers: NDArray[np.int64]) -> NDArray[Any]:
    """The values that begin at some positions, one series after the other."""
    out = np.empty(int(pointers[-1]), dtype=column.dtype)
    args = (read_only(begins), read_only(pointers), column, out)
    run_in_ranges(copy_ranges, len(begins), *args, minimum=1_000)
    return out
