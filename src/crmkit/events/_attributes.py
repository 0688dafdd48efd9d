"""Columns of customers: what is known of them beside their events, and since when."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from crmkit._frames import Category, column_names, extra_column, factorize, lookup_ids, read_columns, time_column
from crmkit.events._read import narrowed
from crmkit.events._store import Column
from crmkit.exceptions import EventDataError, InvalidRows

_ALWAYS = np.iinfo(np.int64).min


@dataclass(frozen=True)
class Attributes:
    """One table of customer columns, sorted by customer and by when each row became known.

    Attributes
    ----------
    customers : ndarray
        Sorted ids.
    pointers : ndarray of int64
        The rows of customer ``c`` are ``pointers[c]:pointers[c + 1]``.
    known_at : ndarray of int64
        Microseconds; the least int64 where a row was known always.
    columns : mapping of name to column
    """

    customers: NDArray[Any]
    pointers: NDArray[np.int64]
    known_at: NDArray[np.int64]
    columns: Mapping[str, Column]

    @classmethod
    def from_frame(cls, frame: Any, *, customer: str, known_at: str | None, zone: str | None) -> Attributes:
        """Read a frame; every column that is neither key is an attribute."""
        names = column_names(frame)
        wanted = [("customer", customer)] + ([("known_at", known_at)] if known_at is not None else [])
        others = [name for name in names if name not in {customer, known_at}]
        data = read_columns(frame, wanted + [("frame", name) for name in others])
        codes, customers = factorize(data[customer], "customer")
        if (codes < 0).any():
            row = int(np.argmax(codes < 0))
            raise _row_error("null customer", int((codes < 0).sum()), row, data.n_rows)
        known = np.full(data.n_rows, _ALWAYS, dtype=np.int64)
        if known_at is not None:
            times = time_column(data[known_at], "known_at", zone)
            for rule, mask in (("null known_at", times.missing), ("unparseable known_at", times.unparseable)):
                if mask is not None and mask.any():
                    raise _row_error(rule, int(mask.sum()), int(np.argmax(mask)), data.n_rows)
            known = times.wall
        order = np.lexsort((known, codes))
        same = (np.diff(codes[order]) == 0) & (np.diff(known[order]) == 0)
        if same.any():
            row = int(order[1:][same][0])
            rule = "second row of a customer" if known_at is None else "second row of a customer at one known_at"
            raise _row_error(rule, int(same.sum()), row, data.n_rows)
        columns = {name: _take(extra_column(data[name], "frame"), order) for name in others}
        pointers = np.searchsorted(codes[order], np.arange(len(customers) + 1)).astype(np.int64)
        return cls(customers, pointers, known[order], columns)

    def arrays(self) -> Iterator[tuple[str, NDArray[Any]]]:
        """Every array, by a name that a file can have."""
        yield from (("customers", self.customers), ("pointers", self.pointers), ("known_at", self.known_at))
        for name, column in self.columns.items():
            if isinstance(column, Category):
                yield f"columns.{name}.codes", column.codes
                yield f"columns.{name}.levels", column.levels
            else:
                yield f"columns.{name}", column

    def rows_at(self, ids: NDArray[Any], as_of: NDArray[np.int64]) -> NDArray[np.int64]:
        """For each id and instant the newest row from before the instant, -1 where there is none."""
        codes = lookup_ids(ids, self.customers, "customer_id")
        rows = np.full(len(ids), -1, dtype=np.int64)
        found = np.flatnonzero(codes >= 0)
        begins, ends, instants = self.pointers[codes[found]], self.pointers[codes[found] + 1], as_of[found]
        # All rows are bisected at once: [low, high) is where the first row that is not yet known may be.
        low, high = begins, ends
        while (low < high).any():
            middle = np.minimum((low + high) // 2, len(self.known_at) - 1)
            known = (self.known_at[middle] < instants) & (low < high)
            low, high = np.where(known, middle + 1, low), np.where(known, high, np.minimum(middle, high))
        rows[found] = np.where(low > begins, low - 1, -1)
        return rows

    def values_at(self, rows: NDArray[np.int64]) -> dict[str, Column]:
        """The columns at some rows, missing where the row is -1."""
        missing = rows < 0
        values: dict[str, Column] = {}
        for name, column in self.columns.items():
            if isinstance(column, Category):
                codes = column.codes[rows] if len(column.codes) else np.full(len(rows), -1, dtype=np.int32)
                values[name] = Category(np.where(missing, np.int32(-1), codes).astype(np.int32), column.levels)
            elif not missing.any():
                values[name] = column[rows]
            else:
                taken = column[rows].astype(np.float64) if len(column) else np.zeros(len(rows))
                values[name] = np.where(missing, np.nan, taken)
        return values

    def holds(self, customer: Any) -> bool:
        """Whether the table has a row of a customer."""
        return bool(lookup_ids([customer], self.customers, "id")[0] >= 0)

    def only(self, ids: Any) -> Attributes:
        """The rows of some customers."""
        codes = lookup_ids(ids, self.customers, "ids")
        return self._of(np.isin(np.arange(len(self.customers)), codes[codes >= 0]))

    def without(self, ids: Any) -> Attributes:
        """The rows of all other customers."""
        codes = lookup_ids(ids, self.customers, "ids")
        return self._of(~np.isin(np.arange(len(self.customers)), codes[codes >= 0]))

    def before(self, as_of: int) -> Attributes:
        """The rows that were known before an instant."""
        owners = np.repeat(np.arange(len(self.customers)), np.diff(self.pointers))
        return self._rows(np.flatnonzero(self.known_at < as_of), owners)

    def _of(self, customers: NDArray[np.bool_]) -> Attributes:
        owners = np.repeat(np.arange(len(self.customers)), np.diff(self.pointers))
        return self._rows(np.flatnonzero(customers[owners]), owners)

    def _rows(self, rows: NDArray[np.int64], owners: NDArray[np.int64]) -> Attributes:
        used, codes = np.unique(owners[rows], return_inverse=True)
        return replace(
            self,
            customers=narrowed(self.customers[used]),
            pointers=np.searchsorted(codes, np.arange(len(used) + 1)).astype(np.int64),
            known_at=self.known_at[rows],
            columns={name: _used(_take(column, rows)) for name, column in self.columns.items()},
        )


def _used(column: Column) -> Column:
    """Without the levels of customers who are gone."""
    if not isinstance(column, Category):
        return column
    levels, codes = np.unique(column.codes[column.codes >= 0], return_inverse=True)
    new = np.full(len(column.codes), -1, dtype=np.int32)
    new[column.codes >= 0] = codes
    return Category(new, narrowed(column.levels[levels]))


def _take(column: Column, rows: NDArray[Any]) -> Column:
    return column.take(rows) if isinstance(column, Category) else column[rows]


def _row_error(rule: str, count: int, row: int, n_rows: int) -> EventDataError:
    error = EventDataError(
        f"The frame of attributes has rows that break a rule: {rule}, {count:,} of {n_rows:,} rows, the first at "
        f"position {row}. Give each customer one row, or name known_at= to say when each became known."
    )
    error.rules = (InvalidRows(rule, count, (row,), ""),)
    return error
