"""The columns of a log as the kernels of windows read them: all events, and those of each kind."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from crmkit._frames import Category
from crmkit._numba import read_only, run_in_ranges
from crmkit._numba._money_kernels import to_cents
from crmkit.events import EventLog, Snapshots
from crmkit.features._windows_kernels import NEVER, latest_same, mark_kinds

_NO_INTEGERS = read_only(np.empty(0, dtype=np.int64))
_NO_FLOATS = read_only(np.empty(0, dtype=np.float64))

Numbers = tuple[NDArray[np.int64], NDArray[np.float64], NDArray[np.int64]]


@dataclass(frozen=True)
class Sources:
    """What a log has beside its events: names of its columns of numbers and of labels."""

    numbers: tuple[str, ...]
    labels: tuple[str, ...]


def sources_of(log: EventLog) -> Sources:
    """The columns of a log that windows can describe."""
    store = log._store
    own = {"money": store.has_money, "price": store.price is not None, "quantity": store.quantity is not None}
    extras = {name: isinstance(column, Category) for name, column in store.extras.items()}
    return Sources(
        (*(name for name, there in own.items() if there), *(name for name, label in extras.items() if not label)),
        (*(["items"] if store.item is not None else []), *(name for name, label in extras.items() if label)),
    )


def kinds_seen(rows: Snapshots) -> NDArray[Any]:
    """The kinds of the events that some row sees, sorted."""
    kind = rows.log._store.kind
    if kind is None:
        return np.empty(0, dtype="<U1")
    seen = np.zeros(len(kind.levels), dtype=np.bool_)
    pointers = rows.pointers
    mark_kinds(rows.codes, rows.stop, pointers, kind.codes, pointers[:-1].copy(), seen)
    return kind.levels[seen]


class Events:
    """The events that rows may see, or those of some kinds among them.

    Attributes
    ----------
    base : int
        Position of the first of all events in the log's columns.
    rank : ndarray of int64
        How many events of the kinds come before each event; empty for all events.
    time : ndarray of int64
    """

    def __init__(self, rows: Snapshots, kinds: Iterable[Any] | None, threads: int | None) -> None:
        self._rows, self._store, self._threads = rows, rows.log._store, threads
        pointers, codes = rows.pointers, rows.codes
        self._customers = (int(codes.min()), int(codes.max()) + 1) if len(codes) else (0, 0)
        self.base, self._end = (int(pointers[customer]) for customer in self._customers)
        self._chosen: NDArray[np.int64] | None = None
        self.rank = _NO_INTEGERS
        if kinds is not None and self._store.kind is not None:
            names = {str(kind) for kind in kinds}
            wanted = np.array([str(level) in names for level in self._store.kind.levels] + [False])
            chosen = wanted[self._store.kind.codes[self.base : self._end]]
            self._chosen = np.flatnonzero(chosen)
            self.rank = _added_up(chosen)
        self.time = self._take(self._store.time)
        self._numbers: dict[str, Numbers] = {}

    def numbers(self, name: str) -> Numbers:
        """A column of numbers as kernels take it: cents added up, floats, how many are known; see there."""
        if name not in self._numbers:
            self._numbers[name] = self._read_numbers(name)
        return self._numbers[name]

    def before(self, name: str) -> NDArray[np.int64]:
        """Where the like of each event comes before it: see `latest_same`."""
        if name == "orders":
            first = self._store.first_of_order[self.base : self._end]
            begins = first == np.arange(self.base, self._end)
            return self._take(np.where(begins, np.int64(-1), NEVER), sliced=True)
        labels: Any = self._store.item if name == "items" else self._store.extras[name]
        codes, n_labels = self._take(labels.codes), len(labels.levels)
        before = np.empty(len(codes), dtype=np.int64)

        def find(start: int, stop: int) -> None:
            latest = np.full(n_labels, -1, dtype=np.int64)
            first = self._customers[0]
            latest_same(first + start, first + stop, self._rows.pointers, self.base, self.rank, codes, latest, before)

        run_in_ranges(find, self._customers[1] - self._customers[0], threads=self._threads)
        return read_only(before)

    def _read_numbers(self, name: str) -> Numbers:
        store = self._store
        if name == "money" and len(store.cents):
            return _added_up(self._take(store.cents)), _NO_FLOATS, _NO_INTEGERS
        own = {"money": store.money, "price": store.price, "quantity": store.quantity}
        column: Any = own[name] if own.get(name) is not None else store.extras[name]
        values, places = read_only(self._take(column), np.float64), _NO_INTEGERS
        known = ~np.isnan(values)
        if not known.all():
            values, places = read_only(values[known]), _added_up(known)
        cents = np.empty(len(values), dtype=np.int64)
        if all(run_in_ranges(to_cents, len(values), values, cents, threads=self._threads)):
            return _added_up(cents), _NO_FLOATS, places
        return _NO_INTEGERS, values, places

    def _take(self, column: NDArray[Any], *, sliced: bool = False) -> NDArray[Any]:
        part = column if sliced else column[self.base : self._end]
        return read_only(part if self._chosen is None else part[self._chosen])


def _added_up(values: NDArray[Any]) -> NDArray[np.int64]:
    """The sum of the values before each, and of all."""
    sums = np.zeros(len(values) + 1, dtype=np.int64)
    np.cumsum(values, out=sums[1:])
    return read_only(sums)
